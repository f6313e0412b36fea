package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"exporter/internal/journal"
	"exporter/internal/sandbox"
	"exporter/internal/schedule"
)

// slotTime is when the report of the test is due: after every snapshot.
var slotTime = time.Date(2099, 3, 31, 7, 0, 0, 0, time.UTC)

// runSlot is the program `slot CONFIG`: it makes and mails the report that is due,
// as serve does.
func runSlot() {
	a := &app{stdout: os.Stdout, stderr: os.Stderr, log: slog.New(slog.DiscardHandler), now: time.Now, configPath: os.Args[1]}
	ctx := context.Background()
	cfg, err := a.loadConfig(false)
	if err == nil {
		d, chosen := chooseReports(cfg.definitions, []string{"channel-access-list"})
		if err = chosen; err == nil {
			s := &server{app: a, cfg: cfg, history: newHistory(cfg, false)}
			if err = s.history.refresh(); err == nil {
				_, err = a.runReportSlot(ctx, cfg, d[0], s.reportSlot(d[0].Name, schedule.Slot{At: slotTime}))
			}
		}
	}
	if err == nil {
		_, err = a.sendOutbox(ctx, cfg, a.newOutbox(cfg))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// slotSite is the configuration of the report that is due: a whole mail and two
// parts, a folder for a mail server.
const slotSite = `store: {dir: data}
inputs: {channels: channels.csv}
mail: {server: "file:mail", from: reports@example.com}
reports:
  - name: channel-access-list
    formats: [csv]
    to: [whole@example.com]
    split: {recipients: channels, fallback: desk@example.com}
`

const slotChannels = "access_control_channel_id,tier,owner,owner_email,note\n1551450935983616001,sensitive,Ada,ada@example.com,\n"

// A report that is due and killed at any moment is in the end mailed to each of its
// recipients, all of it from one snapshot, and leaves nothing half made.
func TestSlotKill(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "slot")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	before, newer := slotStore(t)
	run := func(dir string, at func(point) bool) (syscall.WaitStatus, error) {
		out, err := os.Create(filepath.Join(dir, "out"))
		if err != nil {
			return 0, err
		}
		defer out.Close()
		return trace([]string{program, filepath.Join(dir, "reports.yaml")}, out, filepath.Join(dir, "data"), func(int) {}, at)
	}
	unbroken := t.TempDir()
	if err := os.CopyFS(unbroken, os.DirFS(before)); err != nil {
		t.Fatal(err)
	}
	var points []point
	if end, err := run(unbroken, func(p point) bool { points = append(points, p); return false }); err != nil || end.ExitStatus() != 0 {
		out, _ := os.ReadFile(filepath.Join(unbroken, "out"))
		t.Fatalf("%v: %v\n%s", end, err, out)
	}
	if err := checkSlot(unbroken); err != nil {
		t.Fatalf("not killed: %v", err)
	}
	chosen := chooseKills(points)
	if !*nightly {
		chosen = chosen[:min(len(chosen), 20)]
	}
	queue := make(chan point)
	var workers sync.WaitGroup
	for range parallelTrials {
		workers.Go(func() {
			for p := range queue {
				dir := t.TempDir()
				err := os.CopyFS(dir, os.DirFS(before))
				var killed, ended syscall.WaitStatus
				if err == nil {
					killed, err = run(dir, func(at point) bool { return at == p })
				}
				if err == nil { // a collection has published another meanwhile
					err = os.CopyFS(filepath.Join(dir, "data", "snapshots"), os.DirFS(newer))
				}
				if err == nil {
					ended, err = run(dir, func(point) bool { return false })
				}
				if err == nil && (!killed.Signaled() || ended.ExitStatus() != 0) {
					err = fmt.Errorf("not reached (%v), or not ended then (%v)", killed, ended)
				}
				if err := errors.Join(err, checkSlot(dir)); err != nil {
					t.Errorf("killed at %v: %v", p, err)
				}
			}
		})
	}
	for _, p := range chosen {
		queue <- p
	}
	close(queue)
	workers.Wait()
	t.Logf("killed at %d of %d points", len(chosen), len(points))
	if len(chosen) < 20 {
		t.Error("those are too few")
	}
}

// A report that is due tells what has changed since the slot before where that can be
// told, and its mails say that they are made up for.
func TestSlotTells(t *testing.T) {
	t.Parallel()
	before, newer := slotStore(t)
	first, _ := filepath.Glob(filepath.Join(before, "data", "snapshots", "*.duckdb"))
	second, _ := filepath.Glob(filepath.Join(newer, "*.duckdb"))
	id := func(path string) string { return strings.TrimSuffix(filepath.Base(path), ".duckdb") }
	if err := os.CopyFS(filepath.Join(before, "data", "snapshots"), os.DirFS(newer)); err != nil {
		t.Fatal(err)
	}
	a := &app{stdout: io.Discard, stderr: io.Discard, log: slog.New(slog.DiscardHandler), now: time.Now, configPath: filepath.Join(before, "reports.yaml")}
	cfg, err := a.loadConfig(false)
	if err != nil {
		t.Fatal(err)
	}
	d, err := chooseReports(cfg.definitions, []string{"channel-access-list"})
	if err != nil {
		t.Fatal(err)
	}
	between, err := time.Parse(runLayout, id(first[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, since string
		at          time.Time
		from, want  string
		says        string
	}{
		{"the snapshot of the slot before", id(first[0]), slotTime, id(second[0]), id(first[0]), "it speaks of that time"},
		{"the snapshot that it is made from", id(second[0]), slotTime.Add(1 * time.Hour), id(second[0]), "", "it speaks of that time"},
		{"one that is no more", "20200101T000000Z", slotTime.Add(2 * time.Hour), id(second[0]), "", "it speaks of that time"},
		{"none", "", slotTime.Add(3 * time.Hour), id(second[0]), "", "it speaks of that time"},
		{"due when the first was there alone", "", between, id(first[0]), "", "it speaks of that time"},
		{"due before any", "", between.AddDate(-1, 0, 0), id(first[0]), "", "there was no snapshot by then"},
	} {
		t.Run(test.name, func(t *testing.T) {
			detail, err := a.runReportSlot(t.Context(), cfg, d[0], reportSlot{At: test.at, SincePrevious: test.since, CaughtUp: true})
			if err != nil {
				t.Fatal(err)
			}
			since, _ := detail["since"].(string)
			mail, err := os.ReadFile(filepath.Join(before, "data", "outbox", mailRun(test.at, d[0].Name), "0001.eml"))
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(string(mail)), " ")
			if made := "Note: This report was due on " + test.at.Format("2 January 2006 15:04"); !strings.Contains(text, made) || !strings.Contains(text, test.says) {
				t.Errorf("the mail should say %q, and %q:\n%.1500s", made, test.says, text)
			}
			if since != test.want || detail["snapshot"] != test.from {
				t.Errorf("made from %v since %q, want %s since %q", detail["snapshot"], since, test.from, test.want)
			}
		})
	}
}

// slotStore is a folder with a store of one snapshot and the configuration of the
// report; and a folder with the file of another snapshot.
func slotStore(t *testing.T) (dir, newer string) {
	dir, newer = t.TempDir(), t.TempDir()
	s := sandbox.New(sandbox.Options{Site: "documented"})
	srv := httptest.NewServer(s)
	defer srv.Close()
	id, secret, project := s.Credentials()
	collected := fmt.Sprintf("cloud: {url: %q, client_id: %q, client_secret: %q, projects: [%q], rate: 2000}\n", srv.URL, id, secret, project) + slotSite
	for name, text := range map[string]string{"collect.yaml": collected, "reports.yaml": slotSite, "channels.csv": slotChannels} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := t.TempDir()
	for _, at := range []string{dir, again} {
		var said strings.Builder
		if status := run(t.Context(), []string{"collect", "--config", filepath.Join(at, "collect.yaml")}, nil, &said, &said); status != 0 {
			t.Fatalf("collect: status %d\n%s", status, said.String())
		}
		if at == dir {
			if err := os.CopyFS(again, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(again, "data", "snapshots", "*.duckdb"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v %v", files, err)
	}
	if err := os.Rename(files[1], filepath.Join(newer, filepath.Base(files[1]))); err != nil {
		t.Fatal(err)
	}
	return dir, newer
}

// mailSnapshot finds the snapshot that a mail is of.
var mailSnapshot = regexp.MustCompile(`(?m)^Snapshot (\w+), as of`)

// checkSlot errs unless each recipient has one mail, the journal says so once of
// each, and nothing is left but the report.
func checkSlot(dir string) error {
	to, from := map[string]bool{}, map[string]bool{}
	mails, _ := filepath.Glob(filepath.Join(dir, "mail", "*.eml"))
	for _, path := range mails {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if id := mailSnapshot.FindSubmatch(b); id != nil {
			from[string(id[1])] = true
		}
		for _, who := range []string{"whole", "ada", "desk"} {
			to[who] = to[who] || strings.Contains(string(b), "\r\nTo: <"+who+"@example.com>\r\n")
		}
	}
	if len(from) != 1 {
		return fmt.Errorf("the mails are of %d snapshots", len(from))
	}
	if len(mails) != 3 || !to["whole"] || !to["ada"] || !to["desk"] {
		out, _ := os.ReadFile(filepath.Join(dir, "out"))
		return fmt.Errorf("%d mails, %v\n%s", len(mails), to, out)
	}
	accepted, sums := map[string]int{}, map[string]string{}
	if _, err := journal.Read(filepath.Join(dir, "data", "journal.ndjson"), func(e journal.Entry) error {
		var x struct {
			Outcome, To, Snapshot string
			Files                 map[string]string
		}
		err := json.Unmarshal(e.Detail, &x)
		if e.Kind == "mail" && x.Outcome == "accepted" {
			accepted[x.To]++
		}
		if e.Kind == "report" {
			if !from[x.Snapshot] {
				err = errors.Join(err, fmt.Errorf("made from %s, mailed from %v", x.Snapshot, from))
			}
			for name, sum := range x.Files {
				if sums[name] != "" && sums[name] != sum {
					err = errors.Join(err, fmt.Errorf("%s was made twice, and differs", name))
				}
				sums[name] = sum
			}
		}
		return err
	}); err != nil {
		return err
	}
	for who, n := range accepted {
		if n != 1 {
			return fmt.Errorf("the journal has %d accepted mails to %s", n, who)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "reports"))
	for _, e := range entries {
		if sums[e.Name()] == "" {
			err = errors.Join(err, fmt.Errorf("left behind: %s", e.Name()))
		}
	}
	if len(entries) != len(sums) || len(accepted) != 3 {
		err = errors.Join(err, fmt.Errorf("%d files of %d, %d accepted mails", len(entries), len(sums), len(accepted)))
	}
	left, _ := filepath.Glob(filepath.Join(dir, "mail", ".*"))
	if len(left) > 1 { // a mail that was being written; the next of its name is whole
		err = errors.Join(err, fmt.Errorf("left behind: %v", left))
	}
	return err
}
