package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/journal"
	"exporter/internal/sandbox"
)

// A publish that is killed at any moment leaves to its readers each file as it was or
// as it is to be; while it stands still, nobody waits for it; and the next one is as if
// it had not been.
func TestPublishKill(t *testing.T) {
	t.Parallel()
	k := newPublishKills(t)
	queue := make(chan func() error)
	var workers sync.WaitGroup
	for range parallelTrials {
		workers.Go(func() {
			for try := range queue {
				if err := try(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	tried := 0
	for _, again := range []bool{false, true} {
		for _, p := range k.choose(again) {
			queue <- func() error { return k.try(again, p) }
			tried++
		}
	}
	close(queue)
	workers.Wait()
	t.Logf("killed %d times of %d and %d, read %d times while it stood still", tried, len(k.want[false].points), len(k.want[true].points), k.stood.Load())
	if tried < 11 || k.stood.Load() < 6 {
		t.Error("those are too few")
	}
}

// choose returns the points of a publish to kill at: all, or a sample with each rename.
func (k *publishKills) choose(again bool) []point {
	points := k.want[again].points
	wal := slices.IndexFunc(points, func(p point) bool { return p.call == "unlink" && p.file == "log" })
	file := slices.IndexFunc(points, func(p point) bool { return p.call == "rename" && p.file == "file" })
	if wal < 0 || file < wal {
		k.t.Errorf("what would be laid over the file is removed at %d, and the file comes at %d", wal, file)
	}
	chosen := chooseKills(slices.Clone(points))
	if *nightly {
		return chosen
	}
	renames := slices.DeleteFunc(slices.Clone(chosen), func(p point) bool { return p.call != "rename" })
	others := slices.DeleteFunc(chosen, func(p point) bool { return p.call == "rename" })
	return append(renames, others[:min(len(others), 2)]...)
}

// publishKills kills publishes of a store, and compares with what unbroken ones leave.
type publishKills struct {
	t       *testing.T
	program string
	before  map[bool]string // folders with a store: not published, and published before its last snapshot
	want    map[bool]unbrokenPublish
	stood   atomic.Int64 // how often it was read while it stood still

	mu     sync.Mutex
	reader *client
}

type unbrokenPublish struct {
	points   []point
	old, new map[string]string // the files as readers see them
}

func newPublishKills(t *testing.T) *publishKills {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	k := &publishKills{t: t, program: filepath.Join(t.TempDir(), "exporter"), reader: startClient(t, "duckdb.mjs", "duckdb-today"),
		before: map[bool]string{false: t.TempDir(), true: t.TempDir()}, want: map[bool]unbrokenPublish{}}
	if err := os.Symlink(self, k.program); err != nil {
		t.Fatal(err)
	}
	cloud := sandbox.New(sandbox.Options{Site: "large", Large: sandbox.Large{Persons: 10, Channels: 2, PerPerson: 2, Tasks: 1, PerTask: 1, Churn: 0.5}})
	srv := httptest.NewServer(cloud)
	defer srv.Close()
	id, secret, project := cloud.Credentials()
	config := fmt.Sprintf("cloud: {url: %q, client_id: %q, client_secret: %q, projects: [%q], rate: 2000}\nstore: {dir: data}\ncollect: {tie_outs: 0}\n",
		srv.URL, id, secret, project)
	first, second := k.before[false], k.before[true]
	err = os.WriteFile(filepath.Join(first, "reports.yaml"), []byte(config), 0o600)
	k.must(err)
	k.exporter(first, "collect")
	k.exporter(first, "sql", "--mask", "pseudonym", "SELECT 'the key is made'")
	masked, err := filepath.Glob(filepath.Join(first, "data", "snapshots", "*.pseudonym.duckdb"))
	if k.must(err); len(masked) != 1 {
		t.Fatalf("masked copies: %q", masked)
	}
	k.must(errors.Join(os.Remove(masked[0]), copyFolder(first, second)))
	k.exporter(second, "publish", filepath.Join(second, "copy"))
	cloud.SetGeneration(1)
	k.exporter(second, "collect")
	for again := range k.before {
		dir := k.copy(again)
		var u unbrokenPublish
		u.old, err = k.see(dir)
		k.must(err)
		end, err := k.publish(dir, func(p point) bool { u.points = append(u.points, p); return false })
		if k.must(err); end.ExitStatus() != 0 {
			t.Fatalf("not killed: %v", end)
		}
		u.new, err = k.see(dir)
		k.must(err)
		if k.want[again] = u; len(u.new) != 12 || again && cmp.Equal(u.old, u.new) {
			t.Fatalf("before: %v\nthen: %v", u.old, u.new)
		}
	}
	return k
}

func (k *publishKills) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *publishKills) exporter(dir string, args ...string) {
	k.t.Helper()
	var says strings.Builder
	if status := run(k.t.Context(), append(args, "--config", filepath.Join(dir, "reports.yaml")), nil, &says, &says); status != 0 {
		k.t.Fatalf("exporter %v: %d\n%s", args, status, says.String())
	}
}

// copy is a new folder as it is before a publish.
func (k *publishKills) copy(again bool) string {
	dir := k.t.TempDir()
	if err := copyFolder(k.before[again], dir); err != nil {
		k.t.Error(err)
	}
	return dir
}

// copyFolder copies what is in a folder, with its modes.
func copyFolder(from, to string) error {
	return exec.Command("cp", "-a", from+"/.", to).Run()
}

// publish runs a publish until it ends, or is killed where at says so.
func (k *publishKills) publish(dir string, at func(point) bool) (syscall.WaitStatus, error) {
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		return 0, err
	}
	defer out.Close()
	argv := []string{k.program, "publish", filepath.Join(dir, "copy"), "--config", filepath.Join(dir, "reports.yaml")}
	return trace(argv, out, filepath.Join(dir, "data"), func(int) {}, at)
}

// see reads the copy: of each file its digest, of the DuckDB file that of its rows.
func (k *publishKills) see(dir string) (map[string]string, error) {
	files := map[string]string{}
	root := filepath.Join(dir, "copy")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case e.Name() == ".publishing":
			return fs.SkipDir
		case e.IsDir() || e.Name() == ".publishing.lock":
			return nil
		}
		name, _ := filepath.Rel(root, path)
		if name == "analysts.duckdb" {
			files[name], err = k.rows(path)
			return err
		}
		b, err := os.ReadFile(path)
		files[name] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	return files, err
}

func (k *publishKills) rows(file string) (string, error) {
	q := asked{File: file}
	for _, table := range []string{"about", "permission_days", "persons", "structures", "resources", "latest_permission_changes"} {
		q.SQL = append(q.SQL, "SELECT md5(string_agg(t::VARCHAR, '\n' ORDER BY t::VARCHAR)) FROM "+table+" AS t")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	a, err := k.reader.query(q)
	return a.first(), err
}

// whole errs unless each file is as it was or as it is to be.
func (k *publishKills) whole(dir string, u unbrokenPublish) error {
	files, err := k.see(dir)
	for name, is := range files {
		if is != u.old[name] && is != u.new[name] {
			err = errors.Join(err, fmt.Errorf("%s is neither the old one nor the new one", name))
		}
	}
	for name := range u.old {
		if files[name] == "" {
			err = errors.Join(err, fmt.Errorf("%s is gone", name))
		}
	}
	return err
}

// try kills a publish at a point, and then lets another end.
func (k *publishKills) try(again bool, at point) error {
	dir, u := k.copy(again), k.want[again]
	var stopped error
	killed, err := k.publish(dir, func(p point) bool {
		if p == at && p.call == "rename" {
			k.stood.Add(1)
			stopped = k.whole(dir, u)
		}
		return p == at
	})
	if err == nil && !killed.Signaled() {
		err = fmt.Errorf("not reached (%v)", killed)
	}
	if err = errors.Join(err, stopped, k.whole(dir, u)); err != nil {
		return fmt.Errorf("killed at %v, again %v: %w", at, again, err)
	}
	ended, err := k.publish(dir, func(point) bool { return false })
	files, unread := k.see(dir)
	if err = errors.Join(err, unread, k.tidy(dir)); err == nil && ended.ExitStatus() != 0 {
		err = fmt.Errorf("it ends with %v", ended)
	}
	if diff := cmp.Diff(u.new, files); diff != "" {
		err = errors.Join(err, fmt.Errorf("files (-unbroken +this):\n%s", diff))
	}
	if err != nil {
		out, _ := os.ReadFile(filepath.Join(dir, "out"))
		return fmt.Errorf("the publish after one that was killed at %v, again %v: %w\n%s", at, again, err, out)
	}
	return nil
}

// tidy errs unless nothing half made is left and the journal has the publish.
func (k *publishKills) tidy(dir string) error {
	published := map[string]bool{}
	_, err := journal.Read(filepath.Join(dir, "data", "journal.ndjson"), func(e journal.Entry) error {
		published = map[string]bool{e.Kind: true}
		return nil
	})
	if !published["publish"] {
		err = errors.Join(err, fmt.Errorf("the journal ends with %v", slices.Collect(maps.Keys(published))))
	}
	for _, pattern := range []string{"copy/.publishing", "data/snapshots/.*", "data/tmp/*"} {
		left, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(left) > 0 {
			err = errors.Join(err, fmt.Errorf("left behind: %q", left))
		}
	}
	return err
}
