package evidence

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"exporter/internal/journal"
)

// journalTamperings are what is done to the lines of a journal.
var journalTamperings = map[string]func(lines []string) []string{
	"a line edited":          func(l []string) []string { l[2] = edited(l[2]); return l },
	"the last line edited":   func(l []string) []string { l[5] = edited(l[5]); return l },
	"a line dropped":         func(l []string) []string { return slices.Delete(l, 2, 3) },
	"the first line dropped": func(l []string) []string { return l[1:] },
	"a line inserted":        func(l []string) []string { return slices.Insert(l, 3, edited(l[2])) },
	"a line twice":           func(l []string) []string { return slices.Insert(l, 3, l[2]) },
	"two lines swapped":      func(l []string) []string { l[2], l[3] = l[3], l[2]; return l },
	"cut after a line":       func(l []string) []string { return l[:4] },
	"cut in a line":          func(l []string) []string { l[5] = l[5][:len(l[5])/2]; return l },
	"the last newline cut":   func(l []string) []string { l[5] = strings.TrimSuffix(l[5], "\n"); return l },
	"an empty line":          func(l []string) []string { return slices.Insert(l, 3, "\n") },
	"a line added": func(l []string) []string {
		return append(l, rechained(append(slices.Clone(l), edited(l[5])))[6])
	},
}

// edited is the line with other content; of a masked one the hash of another.
func edited(line string) string {
	if strings.Contains(line, `"sha256":`) {
		return regexp.MustCompile(`"sha256":"....`).ReplaceAllString(line, `"sha256":"abcd`)
	}
	return strings.Replace(line, "person-", "nobody-", 1)
}

var (
	chained = regexp.MustCompile(`^\{"prev":"[0-9a-f]{64}","seq":[0-9]+,`)
	masking = regexp.MustCompile(`"sha256":"([0-9a-f]{64})"`)
)

// rechained are the lines as somebody rewrites them who knows how.
func rechained(lines []string) []string {
	prev := journal.Zero
	var made []string
	for i, line := range lines {
		line = chained.ReplaceAllString(line, fmt.Sprintf(`{"prev":%q,"seq":%d,`, prev, i+1))
		changed := line != lines[i] || strings.Contains(line, `"abcd`)
		if m := masking.FindStringSubmatch(line); m != nil && changed {
			line = masking.ReplaceAllString(line, fmt.Sprintf(`"sha256":%q`, sum([]byte(line))))
		}
		prev = sum([]byte(line))
		if m := masking.FindStringSubmatch(line); m != nil {
			prev = m[1]
		}
		made = append(made, line)
	}
	return made
}

// remade makes the lists again, as a bundle with these files has them, but for the
// journal's end in bag-info.txt where that is to stay.
func remade(t *testing.T, files map[string][]byte, mask string, end bool) {
	t.Helper()
	in, err := parseInfo(files[infoName])
	if err != nil {
		t.Fatal(err)
	}
	if end {
		in = slices.Insert(info(mask, files[journalName]), 2, Field{"Payload-Oxum", ""})
	}
	var data, tags []File
	size := 0
	for name, content := range files {
		if strings.HasPrefix(name, "data/") {
			data = append(data, File{Path: name, SHA256: sum(content)})
			size += len(content)
		}
	}
	i := slices.IndexFunc(in, func(f Field) bool { return f.Label == "Payload-Oxum" })
	in[i].Value = fmt.Sprintf("%d.%d", size, len(data))
	if files[infoName], err = formatInfo(in); err != nil {
		t.Fatal(err)
	}
	files[manifestName] = formatManifest(data)
	for _, name := range []string{bagitName, infoName, manifestName, signersName, "VERIFY.txt"} {
		tags = append(tags, File{Path: name, SHA256: sum(files[name])})
	}
	files[tagManifestName] = formatManifest(tags)
}

// A change of the journal is found however much of the rest is made to fit. Who has
// the key can rewrite all of it: that is found by what an old mail says.
func TestTamperJournal(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, mask := range []string{"full", "standard"} {
		key, signers := newKey(t)
		other, otherSigners := newKey(t)
		payload := payload(t, mask)
		s := seal(key, signers, mask, payload["journal.ndjson"])
		whole := map[string][]byte{}
		for name, content := range contents(t, writeBundle(t, t.TempDir(), "evidence-2026", payload, s).Dir) {
			whole[name] = []byte(content)
		}
		lines := slices.Collect(strings.Lines(string(whole[journalName])))
		hashes, err := readChain(bytes.NewReader(whole[journalName]), mask != "full", "")
		if err != nil {
			t.Fatal(err)
		}
		anchors := []string{fmt.Sprintf("%x", hashes[1]), fmt.Sprintf("6:%x", hashes[5][:6])}
		sign := func(key *Key, files map[string][]byte) {
			if files[signatureName], err = key.Sign(namespace, files[tagManifestName]); err != nil {
				t.Fatal(err)
			}
		}
		modes := map[string]func(files map[string][]byte, lines []string){
			"lists as sealed": func(map[string][]byte, []string) {},
			"lists made again": func(files map[string][]byte, _ []string) {
				remade(t, files, mask, false)
			},
			"lists signed by another": func(files map[string][]byte, _ []string) {
				files[signersName] = otherSigners
				remade(t, files, mask, false)
				sign(other, files)
			},
			"all rewritten, signed by another": func(files map[string][]byte, lines []string) {
				files[journalName] = []byte(strings.Join(rechained(lines), ""))
				files[signersName] = otherSigners
				remade(t, files, mask, true)
				sign(other, files)
			},
			"all rewritten, signed by the same": func(files map[string][]byte, lines []string) {
				files[journalName] = []byte(strings.Join(rechained(lines), ""))
				remade(t, files, mask, true)
				sign(key, files)
			},
		}
		for form, put := range forms {
			for _, kind := range sortedKeys(journalTamperings) {
				for mode, do := range modes {
					rewritten := strings.HasPrefix(mode, "all")
					if rewritten && slices.Contains([]string{"cut in a line", "the last newline cut", "an empty line", "a line twice"}, kind) {
						continue // nobody rewrites it so
					}
					tried++
					t.Run(fmt.Sprint(mask, " ", form, " ", kind, " ", mode), func(t *testing.T) {
						files := maps.Clone(whole)
						changed := journalTamperings[kind](slices.Clone(lines))
						files[journalName] = []byte(strings.Join(changed, ""))
						do(files, changed)
						path := put(t, files)
						names, text := found(t, path, VerifyOptions{Signers: signers, Anchors: anchors})
						if (kind != "a line added" || !rewritten) && !slices.Contains(names, journalName) {
							t.Errorf("%s is not named:\n%s", journalName, text)
						}
						if sealedSo := mode == "lists as sealed" || strings.HasSuffix(mode, "the same"); slices.Contains(names, signatureName) == sealedSo {
							t.Errorf("signature:\n%s", text)
						}
						for _, name := range names {
							if !slices.Contains([]string{journalName, signatureName}, name) && (name != infoName || !strings.Contains(text, "Payload-Oxum")) {
								t.Errorf("%s is named:\n%s", name, text)
							}
						}
						names, text = found(t, path, VerifyOptions{Signers: signers})
						if strings.HasSuffix(mode, "the same") && len(names) > 0 {
							t.Errorf("found without anchors, which is too good:\n%s", text)
						}
						if !rewritten && !slices.Contains(names, journalName) {
							t.Errorf("without anchors %s is not named:\n%s", journalName, text)
						}
					})
				}
			}
		}
	}
	t.Logf("%d cases", tried)
}

// What a good verification says, and what anchors are taken.
func TestVerify(t *testing.T) {
	sealed, signers := small(t, "full")
	b := open(t, sealed.Zip)
	var done, total int64
	v, err := b.Verify(t.Context(), VerifyOptions{Signers: signers, Progress: func(d, of int64) { done, total = d, of }})
	if err != nil || len(v.Findings) > 0 {
		t.Fatal(v, err)
	}
	if v.Files != sealed.Files || v.Bytes != sealed.Bytes || v.Signer != identity || !strings.HasPrefix(v.Fingerprint, "SHA256:") || v.JournalLength != 6 {
		t.Errorf("%+v", v)
	}
	if done != total || done < v.Bytes {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	if !strings.HasSuffix(v.SignedBy, "by the allowed_signers that was given") {
		t.Errorf("signed by %q", v.SignedBy)
	}
	for anchor, line := range map[string]int64{
		v.JournalHead: 6, v.JournalHead[:12]: 6, "6:" + v.JournalHead: 6, strings.ToUpper(v.JournalHead): 6,
		"5:" + v.JournalHead: 0, "7:" + v.JournalHead: 0, strings.Repeat("0", 12): 0,
	} {
		v, err := b.Verify(t.Context(), VerifyOptions{Signers: signers, Anchors: []string{anchor}})
		if err != nil || (line == 0) != (len(v.Findings) == 1) || line > 0 && v.AnchorsFound[0].Line != line {
			t.Errorf("anchor %s: %+v, %v", anchor, v, err)
		}
	}
	for _, anchor := range []string{"", "abc", v.JournalHead[:11], v.JournalHead + "0", "x:" + v.JournalHead, "0:" + v.JournalHead, "hello, world"} {
		if _, err := b.Verify(t.Context(), VerifyOptions{Anchors: []string{anchor}}); err == nil {
			t.Errorf("anchor %q is taken", anchor)
		}
	}
	if _, err := b.Verify(t.Context(), VerifyOptions{Signers: []byte("nonsense\n")}); err == nil {
		t.Error("an allowed_signers that is none is taken")
	}
}

// A line has a salt, or none as older ones; under a mask its salt, which would prove a
// guess at what is masked, is refused.
func TestSalt(t *testing.T) {
	const salt = `"salt":"000102030405060708090a0b0c0d0e0f",`
	hash := `"sha256":"` + strings.Repeat("ab", 32) + `",`
	for _, test := range []struct {
		name, members string
		full, masked  bool // whether it is taken there
	}{
		{"a salt", salt, true, false},
		{"none", "", true, false},
		{"a hash", hash, false, true},
		{"a salt and a hash", salt + hash, false, false},
		{"a hash and a salt", hash + salt, false, false},
		{"two salts", salt + salt, false, false},
		{"a short salt", strings.Replace(salt, "00", "", 1), false, false},
		{"a salt that is no hex", strings.Replace(salt, "00", "xx", 1), false, false},
		{"an empty salt", `"salt":"",`, false, false},
	} {
		line := `{"prev":"` + journal.Zero + `","seq":1,"at":"2026-01-02T06:00:00Z","kind":"x",` + test.members + `"detail":{}}` + "\n"
		for masked, want := range map[bool]bool{false: test.full, true: test.masked} {
			if _, err := readChain(strings.NewReader(line), masked, ""); (err == nil) != want {
				t.Errorf("%s, masked %v: %v", test.name, masked, err)
			}
		}
	}
}

// A journal of many lines is followed to its end, and lines may be long.
func TestLongJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.ndjson")
	j := journal.Open(path, func() time.Time { return sealedAt })
	for i := range 300 {
		if _, err := j.Append("x", map[string]string{"text": strings.Repeat("y", i*i)}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := readChain(bytes.NewReader(text), false, "")
	if head, err2 := j.Head(); err != nil || err2 != nil || len(hashes) != 300 || head.SHA256 != fmt.Sprintf("%x", hashes[299]) {
		t.Errorf("%d lines, %v, %v", len(hashes), err, err2)
	}
	if _, err := readChain(bytes.NewReader(text[:len(text)-1]), false, ""); err == nil {
		t.Error("a torn last line is taken")
	}
}
