package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"exporter/internal/deliver"
	"exporter/internal/deliver/delivertest"
	"exporter/internal/journal"
)

// An outbox that is killed at any moment loses no mail, and repeats one only
// where nothing on the disk says that the server had it.
func TestOutboxKill(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	programs := t.TempDir()
	for _, name := range []string{"queue", "send"} {
		if err := os.Symlink(self, filepath.Join(programs, name)); err != nil {
			t.Fatal(err)
		}
	}
	type kill struct {
		program string
		at      point
	}
	var all []kill
	for _, program := range []string{"queue", "send"} {
		x := newPostOffice(t, programs)
		if err := x.prepare(program); err != nil {
			t.Fatal(err)
		}
		var points []point
		if end := x.run(program, func(p point) bool { points = append(points, p); return false }); end.ExitStatus() != 0 {
			t.Fatalf("%s: %v\n%s", program, end, x.said())
		}
		checkMarks(t, points)
		for _, p := range chooseKills(points) {
			all = append(all, kill{program, p})
		}
	}
	queue := make(chan kill)
	var workers sync.WaitGroup
	for range parallelTrials {
		workers.Go(func() {
			for k := range queue {
				if err := newPostOffice(t, programs).try(k.program, k.at); err != nil {
					t.Errorf("%s killed at %v: %v", k.program, k.at, err)
				}
			}
		})
	}
	for _, k := range all {
		queue <- k
	}
	close(queue)
	workers.Wait()
	t.Logf("killed at %d points", len(all))
	if len(all) < 25 {
		t.Error("those are too few")
	}
}

// checkMarks checks that the name that says of a mail that the server has it is on
// the disk before the journal is told, so that a loss of power leaves one of both.
func checkMarks(t *testing.T, points []point) {
	for i, p := range points {
		if p.call != "dot" {
			continue
		}
		rest := points[i:]
		synced := slices.IndexFunc(rest, func(p point) bool { return p.call == "fsync" && p.file == "outbox" })
		told := slices.IndexFunc(rest, func(p point) bool { return p.file == "journal" })
		if synced < 0 || told < synced {
			t.Errorf("mail %d: the folder is synced at %d, the journal written at %d, of\n%v", p.n, synced, told, rest)
		}
	}
}

// chooseKills is one of each kind, or up to a thousand points for the nightly run.
func chooseKills(points []point) []point {
	random := rand.New(rand.NewPCG(*seed, 0))
	random.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
	if *nightly {
		return points[:min(len(points), 1000)]
	}
	seen := map[point]bool{}
	return slices.DeleteFunc(points, func(p point) bool {
		kind := point{call: p.call, file: p.file}
		had := seen[kind]
		seen[kind] = true
		return had
	})
}

// postOffice is a store with three mails to send, and their server.
type postOffice struct {
	t        *testing.T
	programs string
	dir      string
	store    string
	server   *delivertest.Server

	mu      sync.Mutex
	pid     int
	at      func(point) bool
	counted map[string]int
}

func newPostOffice(t *testing.T, programs string) *postOffice {
	x := &postOffice{t: t, programs: programs, dir: t.TempDir()}
	x.store = filepath.Join(x.dir, "data")
	var err error
	if x.server, err = delivertest.Start(delivertest.Options{Fault: x.event}); err != nil {
		panic(err) // not on the test's goroutine
	}
	t.Cleanup(x.server.Close)
	config := fmt.Sprintf("store: {dir: data}\nmail: {server: 'smtp://%s', from: compliance@example.com}\n", x.server.Addr)
	if err := os.WriteFile(x.config(), []byte(config), 0o600); err != nil {
		panic(err)
	}
	return x
}

func (x *postOffice) config() string { return filepath.Join(x.dir, "reports.yaml") }

// event kills the program at a moment of the conversation.
func (x *postOffice) event(e delivertest.Event) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.pid == 0 {
		return nil
	}
	x.counted[e.At]++
	if x.at(point{call: e.At, n: x.counted[e.At]}) {
		syscall.Kill(x.pid, syscall.SIGKILL)
	}
	return nil
}

// prepare makes what a program needs.
func (x *postOffice) prepare(program string) error {
	if program == "queue" {
		return nil
	}
	return x.put()
}

func (x *postOffice) put() error {
	return putMails(x.store, "monday", 10, "ada@example.com", "ben@example.com", "eve@example.com")
}

// run runs a program until it ends or is killed at the point for which at says
// so.
func (x *postOffice) run(program string, at func(point) bool) syscall.WaitStatus {
	out, err := os.Create(filepath.Join(x.dir, "out"))
	if err != nil {
		x.t.Error(err)
		return 0
	}
	defer out.Close()
	argv := []string{filepath.Join(x.programs, program), x.config()}
	if program == "queue" {
		argv = []string{argv[0], x.store, "monday", "10", "ada@example.com", "ben@example.com", "eve@example.com"}
	}
	set := func(pid int) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.pid, x.at, x.counted = pid, at, map[string]int{}
	}
	defer set(0)
	end, err := trace(argv, out, x.store, set, func(p point) bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return at(p)
	})
	if err != nil {
		x.t.Error(err)
	}
	return end
}

func (x *postOffice) said() string {
	b, _ := os.ReadFile(filepath.Join(x.dir, "out"))
	return string(b)
}

// messageID finds the ID of a mail.
var messageID = regexp.MustCompile(`(?m)^Message-ID: <(\S+)>\r$`)

// try kills a program at a point, and then lets it end.
func (x *postOffice) try(program string, at point) error {
	if err := x.prepare(program); err != nil {
		return err
	}
	if end := x.run(program, func(p point) bool { return p == at }); !end.Signaled() || end.Signal() != syscall.SIGKILL {
		return fmt.Errorf("not reached: %v\n%s", end, x.said())
	}
	known, err := x.known()
	if err != nil {
		return err
	}
	want := map[string]int{} // copies of each mail by its ID
	for _, m := range x.server.Mails() {
		if id := messageID.FindSubmatch(m.Bytes); id != nil && !known[string(id[1])] {
			want[string(id[1])]++
		}
	}
	if len(want) > 1 {
		return fmt.Errorf("the server has %d mails that nothing on the disk knows of", len(want))
	}
	// As a start of the program does: the run is put again unless it is there.
	if err := x.put(); err != nil && !errors.Is(err, deliver.ErrExists) {
		return err
	}
	if err := sendOnce(x.config()); err != nil {
		return err
	}
	return x.check(want)
}

// known are the mails of which the disk says that the server has them.
func (x *postOffice) known() (map[string]bool, error) {
	known, err := newHistory(&config{Store: storeConfig{Dir: x.store}}, false).acceptedMails()
	marks, _ := filepath.Glob(filepath.Join(x.store, "outbox", "*", "*.accepted"))
	for _, path := range marks {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		id := regexp.MustCompile(`"message_id": "(\S+)"`).FindSubmatch(b)
		known[string(id[1])] = true
	}
	return known, err
}

// check compares the mails that arrived, the journal and what is left. repeated
// are the mails that may have come once more.
func (x *postOffice) check(repeated map[string]int) error {
	first, copies := map[string]string{}, map[string]int{}
	to := map[string]bool{}
	for _, m := range x.server.Mails() {
		id := string(messageID.FindSubmatch(m.Bytes)[1])
		if copies[id]++; copies[id] > 1 && first[id] != string(m.Bytes) {
			return fmt.Errorf("the second mail %s is another one", id)
		}
		first[id], to[m.To] = string(m.Bytes), true
	}
	if len(copies) != 3 || len(to) != 3 {
		return fmt.Errorf("%d mails to %d people arrived, want 3 to 3", len(copies), len(to))
	}
	for id, n := range copies {
		if n != 1+repeated[id] {
			return fmt.Errorf("mail %s came %d times, want %d", id, n, 1+repeated[id])
		}
	}
	accepted := 0
	if _, err := journal.Read(filepath.Join(x.store, "journal.ndjson"), func(e journal.Entry) error {
		if e.Kind == "mail" && strings.Contains(string(e.Detail), `"outcome":"accepted"`) {
			accepted++
		}
		return nil
	}); err != nil {
		return err
	}
	if accepted != 3 {
		return fmt.Errorf("the journal has %d accepted mails, want 3", accepted)
	}
	return fs.WalkDir(os.DirFS(filepath.Join(x.store, "outbox")), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && path != "." && path != "lock" && path != "put.lock" && path != "monday" {
			err = fmt.Errorf("left behind: %s", path)
		}
		return err
	})
}
