package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/xuri/excelize/v2"

	"exporter/internal/sandbox"
	"exporter/internal/store/storetest"
)

var (
	update  = flag.Bool("update", false, "rewrite the golden files in the scripts")
	nightly = flag.Bool("nightly", false, "try all that the tests take a sample of")
	seed    = flag.Uint64("seed", 1, "chooses the sample of points to kill at, and the months of serve")
)

// shared is the folder of what several tests use. It is there while tests run.
var shared string

type sharing struct{ *testing.M }

// Run runs the tests.
func (m sharing) Run() int {
	var err error
	if shared, err = os.MkdirTemp("", "exporter-shared"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(shared)
	return m.M.Run()
}

func TestMain(m *testing.M) {
	testscript.Main(sharing{m}, map[string]func(){
		"exporter": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			ahead, _ := time.ParseDuration(os.Getenv("TEST_AHEAD")) // of the clock
			now := func() time.Time { return time.Now().Add(ahead) }
			a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: now, zone: time.UTC}
			os.Exit(a.run(ctx, os.Args[1:]))
		},
		"queue":    queueMails,
		"send":     sendMails,
		"slot":     runSlot,
		"confined": runConfined,
		"bundle":   makeBundle,
	})
}

// TestScripts runs every promise of the command line.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sandbox":  startSandbox,
			"smtpd":    startMailServer,
			"postfix":  startPostfix,
			"xlsx2tsv": xlsxToTSV,
			"pdf2txt":  pdfToText,
			"status":   wantStatus,
			"screen":   showScreen,
			"flip":     flipByte,
			"harm":     harmNewest,
			"holds":    holdsText,
			"oldstore": unpackStore,
			"seetrace": seeTrace,
			"editpage": editPage,
			"stamps":   startStamps,
			"byhand":   verifyByHand,
		},
	})
}

// startSandbox is `sandbox [-site NAME] [-persons N] [-fault A,B]`: it runs a cloud
// until the script ends and writes reports.yaml for it into the working folder. A
// large site is a small one, of so many persons.
func startSandbox(ts *testscript.TestScript, neg bool, args []string) {
	flags := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	o := sandbox.Options{Large: sandbox.Large{Channels: 3, PerPerson: 2, Tasks: 2, PerTask: 3}}
	flags.StringVar(&o.Site, "site", "documented", "")
	flags.IntVar(&o.Large.Persons, "persons", 12, "")
	fault := flags.String("fault", "", "")
	if err := flags.Parse(args); neg || err != nil {
		ts.Fatalf("usage: sandbox [-site NAME] [-persons N] [-fault A,B]")
	}
	if *fault != "" {
		o.Faults = strings.Split(*fault, ",")
	}
	ts.Check(o.Validate())
	s := sandbox.New(o)
	srv := httptest.NewServer(s)
	ts.Defer(srv.Close)
	id, secret, project := s.Credentials()
	ts.Setenv("CLOUD_URL", srv.URL)
	ts.Setenv("CLIENT_ID", id)
	ts.Setenv("CLIENT_SECRET", secret)
	ts.Setenv("PROJECT", project)
	config := fmt.Sprintf("cloud: {url: %q, client_id: %q, client_secret: %q, projects: [%q], rate: 2000}\nstore: {dir: data, timezone: Asia/Shanghai}\n",
		srv.URL, id, secret, project)
	ts.Check(os.WriteFile(ts.MkAbs("reports.yaml"), []byte(config), 0o600))
}

// wantStatus is `status N COMMAND...`: the command must exit with N. Its output
// is left in the files stdout and stderr.
func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command...")
	}
	err := ts.Exec(args[1], args[2:]...)
	ts.Check(os.WriteFile(ts.MkAbs("stdout"), []byte(ts.ReadFile("stdout")), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("stderr"), []byte(ts.ReadFile("stderr")), 0o600))
	got := 0
	var exit *exec.ExitError
	if err != nil {
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// escape is what moves the cursor or changes the color.
var escape = regexp.MustCompile(`\r|\n|\x1b\[([0-9;]*)([A-Za-z])`)

// showScreen is `screen`: it writes what the last command left on its terminal
// to the file screen. <92> is a change of color, <cursor> where the cursor is.
func showScreen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: screen")
	}
	lines, row, column := []string{""}, 0, 0
	write := func(s string) {
		switch {
		case s == "":
			return
		case column != len(lines[row]):
			ts.Fatalf("%q is written over %q", s, lines[row])
		}
		lines[row] += s
		column = len(lines[row])
	}
	out := ts.ReadFile("ttyout")
	for at := escape.FindStringSubmatchIndex(out); at != nil; at = escape.FindStringSubmatchIndex(out) {
		write(out[:at[0]])
		sequence := out[at[0]:at[1]]
		switch {
		case sequence == "\r":
			column = 0
		case sequence == "\n":
			if row++; row == len(lines) {
				lines = append(lines, "")
			}
		case strings.HasSuffix(sequence, "m"):
			write("<" + out[at[2]:at[3]] + ">")
		case strings.HasSuffix(sequence, "A"):
			up, err := strconv.Atoi(out[at[2]:at[3]])
			ts.Check(err)
			row -= up
		case sequence == "\x1b[K":
			lines[row] = lines[row][:column]
		default:
			ts.Fatalf("unknown sequence %q", sequence)
		}
		out = out[at[1]:]
	}
	write(out + "<cursor>")
	ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

// flipByte is `flip FILE`: it changes a byte in the middle of the first file that
// the pattern names.
func flipByte(ts *testscript.TestScript, neg bool, args []string) {
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("no file %s", args[0])
	}
	b, err := os.ReadFile(files[0])
	ts.Check(err)
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(files[0], b, 0o600))
}

// holdsText is `holds FOLDER FILE`: some file below the folder holds the text of
// FILE, as it is or unpacked.
func holdsText(ts *testscript.TestScript, neg bool, args []string) {
	want := []byte(strings.TrimSpace(ts.ReadFile(args[1])))
	unpack, err := zstd.NewReader(nil)
	ts.Check(err)
	defer unpack.Close()
	found := ""
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(path, ".zst") {
			text, err = unpack.DecodeAll(text, nil)
		}
		if bytes.Contains(text, want) {
			found = path
		}
		return err
	}))
	if (found == "") != neg {
		ts.Fatalf("%s in %s: found in %q", want, args[0], found)
	}
}

// harmNewest is `harm STORE SQL`: it runs a statement on the newest snapshot, which
// is attached as x.
func harmNewest(ts *testscript.TestScript, neg bool, args []string) {
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "snapshots", "*Z.duckdb"))
	ts.Check(err)
	if len(files) == 0 {
		ts.Fatalf("no snapshot in %s", args[0])
	}
	ts.Check(storetest.Change(files[len(files)-1], args[1]))
}

// unpackStore is `oldstore VERSION DIR`: DIR becomes a store of an earlier schema
// version, of the site documented.
func unpackStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: oldstore VERSION DIR")
	}
	archive, err := filepath.Abs("../../internal/store/testdata/store-v" + args[0] + ".tar.zst")
	ts.Check(err)
	ts.Check(storetest.Unpack(archive, ts.MkAbs(args[1])))
}

// xlsxToTSV is `xlsx2tsv FILE`: it prints sheet!cell, type and value.
func xlsxToTSV(ts *testscript.TestScript, neg bool, args []string) {
	f, err := excelize.OpenFile(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	out, err := os.Create(ts.MkAbs(strings.TrimSuffix(filepath.Base(args[0]), ".xlsx") + ".tsv"))
	ts.Check(err)
	defer out.Close()
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet)
		ts.Check(err)
		for r, row := range rows {
			for c, value := range row {
				name, err := excelize.CoordinatesToCellName(c+1, r+1)
				ts.Check(err)
				kind, err := f.GetCellType(sheet, name)
				ts.Check(err)
				if value != "" {
					fmt.Fprintf(out, "%s!%s\t%d\t%s\n", sheet, name, kind, strings.ReplaceAll(value, "\n", "\\n"))
				}
			}
		}
	}
}

// pdfToText is `pdf2txt FILE`: it writes FILE's text beside it as .txt.
func pdfToText(ts *testscript.TestScript, neg bool, args []string) {
	pdf := ts.MkAbs(args[0])
	out, err := exec.Command("pdftotext", "-layout", pdf, strings.TrimSuffix(pdf, ".pdf")+".txt").CombinedOutput()
	if err != nil {
		ts.Fatalf("pdftotext (package poppler-utils): %v: %s", err, out)
	}
}
