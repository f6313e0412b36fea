package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

// shownTrace is what seeTrace reads of evidence trace --json.
type shownTrace struct {
	Bundle   string
	Mask     string
	Notes    []string
	Commands []string
	Steps    []struct {
		Table, File, SHA256, Hash, Member, Item string
		Line                                    int64
		Key, Received                           []struct{ Column, Value string }
		Call                                    *struct {
			TID    string
			T      int64
			Landed string `json:"landed_sha256"`
		}
		Commands []string
	}
}

// seeTrace is `seetrace FILE ROOT LEAST`: of the trace in FILE, json, it runs every
// printed command in bash and compares what each shows with what the trace says; and
// reads the pages below ROOT on its own. At least so many steps have a page.
func seeTrace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: seetrace FILE ROOT LEAST")
	}
	var t shownTrace
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &t))
	least, err := strconv.Atoi(args[2])
	ts.Check(err)
	pages := 0
	for _, s := range t.Steps {
		name := fmt.Sprintf("%s: %s line %d", args[0], s.File, s.Line)
		var shown []string
		for _, c := range s.Commands {
			shown = append(shown, runInBash(ts, t.Bundle, c))
		}
		all := strings.Join(shown, "\n")
		key := s.Key[len(s.Key)-1].Value
		if strings.HasPrefix(s.Commands[0], "zstd ") { // no csv of the bundle has the row
			shown = slices.Insert(shown, 0, key)
			s.Commands = slices.Insert(s.Commands, 0, "")
		}
		line := tracedLine(ts, filepath.Join(ts.MkAbs(args[1]), filepath.FromSlash(s.File)), s.Line)
		response := line[strings.Index(line, `"response":`)+len(`"response":`) : len(line)-1]
		sum := sha256.Sum256([]byte(response))
		item := memberAt(ts, response, s.Member)
		var told struct {
			TID string
			T   int64
		}
		ts.Check(json.Unmarshal([]byte(response), &told))
		switch {
		case item != s.Item:
			ts.Fatalf("%s: %s is %s, not %s", name, s.Member, item, s.Item)
		case hex.EncodeToString(sum[:]) != s.SHA256 || t.Mask == "full" && s.Call.Landed != s.SHA256:
			ts.Fatalf("%s: the hash is %x, not %s", name, sum, s.SHA256)
		case told.TID != s.Call.TID || told.T != s.Call.T:
			ts.Fatalf("%s: the response has tid %s and t %d, not %+v", name, told.TID, told.T, *s.Call)
		case !strings.Contains(shown[0], key):
			ts.Fatalf("%s: %s shows no %s: %s", name, s.Commands[0], key, shown[0])
		case strings.Contains(s.Commands[1], "grep -o") && strings.TrimSuffix(shown[1], "\n") != s.Item:
			ts.Fatalf("%s: %s shows %s", name, s.Commands[1], shown[1])
		case !strings.Contains(shown[1], s.Item):
			ts.Fatalf("%s: %s does not show %s", name, s.Commands[1], s.Item)
		case t.Mask == "full" && !strings.Contains(all, s.SHA256+"  -\n"):
			ts.Fatalf("%s: no command gives the hash %s: %s", name, s.SHA256, all)
		case t.Bundle != "" && !strings.Contains(all, s.File+": OK\n"):
			ts.Fatalf("%s: the manifest does not have the file: %s", name, all)
		case !strings.Contains(shown[len(shown)-1], `"tid":"`+s.Call.TID+`"`):
			ts.Fatalf("%s: the last command does not show the call: %s", name, all)
		}
		for _, v := range s.Received {
			if v.Value != "" && !strings.ContainsAny(v.Value, "[{") && !strings.Contains(s.Item, v.Value) {
				ts.Fatalf("%s: %s = %s is not in %s", name, v.Column, v.Value, s.Item)
			}
		}
		pages++
	}
	if pages < least {
		ts.Fatalf("%s: %d steps, not %d", args[0], pages, least)
	}
	for _, n := range t.Notes {
		if _, c, ok := strings.Cut(n, "all of them: "); ok {
			t.Commands = append(t.Commands, c)
		}
	}
	for _, c := range t.Commands {
		runInBash(ts, t.Bundle, c)
	}
}

// runInBash runs a printed command where it is meant to be run; it has to show
// something.
func runInBash(ts *testscript.TestScript, bundle, command string) string {
	dir := bundle
	if dir == "" {
		dir = ts.MkAbs(".")
	}
	ts.Check(ts.Exec("bash", "-c", "set -o pipefail; cd "+dir+" && "+command))
	out := ts.ReadFile("stdout")
	if strings.TrimSpace(out) == "" {
		ts.Fatalf("%s shows nothing", command)
	}
	return out
}

// tracedLine is a line of a zstd file.
func tracedLine(ts *testscript.TestScript, path string, number int64) string {
	text, err := os.ReadFile(path)
	ts.Check(err)
	unpack, err := zstd.NewReader(nil)
	ts.Check(err)
	defer unpack.Close()
	text, err = unpack.DecodeAll(text, nil)
	ts.Check(err)
	return strings.Split(string(text), "\n")[number-1]
}

// memberAt is what a response has at a path as result.list[3].
func memberAt(ts *testscript.TestScript, response, path string) string {
	value := json.RawMessage(response)
	for _, part := range regexp.MustCompile(`\w+|\[\d+\]`).FindAllString(path, -1) {
		if i, ok := strings.CutPrefix(part, "["); ok {
			var list []json.RawMessage
			ts.Check(json.Unmarshal(value, &list))
			n, err := strconv.Atoi(strings.TrimSuffix(i, "]"))
			ts.Check(err)
			value = list[n]
			continue
		}
		var object map[string]json.RawMessage
		ts.Check(json.Unmarshal(value, &object))
		value = object[part]
	}
	return string(value)
}

// editPage is `editpage PATTERN OLD NEW`: it replaces a text in a zstd file.
func editPage(ts *testscript.TestScript, neg bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	f, err := os.Open(files[0])
	ts.Check(err)
	defer f.Close()
	unpack, err := zstd.NewReader(f)
	ts.Check(err)
	defer unpack.Close()
	text, err := io.ReadAll(unpack)
	ts.Check(err)
	if !bytes.Contains(text, []byte(args[1])) {
		ts.Fatalf("%s: no %s", files[0], args[1])
	}
	pack, err := zstd.NewWriter(nil)
	ts.Check(err)
	text = pack.EncodeAll(bytes.ReplaceAll(text, []byte(args[1]), []byte(args[2])), nil)
	ts.Check(os.WriteFile(files[0], text, 0o600))
}
