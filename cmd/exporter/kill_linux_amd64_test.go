package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/journal"
	"exporter/internal/sandbox"
	"exporter/internal/store"
)

var killOnly = flag.String("kill", "", "kill at these points alone, as a failure prints them")

// parallelTrials is how many programs run at once; most of their time they wait
// for the disk.
const parallelTrials = 4

// A collection that is killed at any moment leaves a store that can be read, and
// is taken up: the end is that of an unbroken run.
func TestKill(t *testing.T) {
	t.Parallel()
	h := newKills(t)
	began := time.Now()
	trials := h.choose()
	queue := make(chan trial)
	var workers sync.WaitGroup
	for range parallelTrials {
		workers.Go(func() {
			for x := range queue {
				if err := h.try(x); err != nil {
					t.Errorf("%v\nalone: go test ./cmd/exporter -run 'TestKill$' -kill '%s'", err, x)
				}
			}
		})
	}
	for _, x := range trials {
		queue <- x
	}
	close(queue)
	workers.Wait()
	t.Logf("%d and %d points there are; killed %d times in %d collections, %s", len(h.want[false].points), len(h.want[true].points),
		h.killed.Load(), len(trials), time.Since(began).Round(time.Second))
	least := int64(100)
	switch {
	case *killOnly != "":
		least = 1
	case *nightly:
		least = 1000
	}
	if n := h.killed.Load(); n < least {
		t.Errorf("only %d points were reached, want %d", n, least)
	}
}

// trial is a collection that is killed at each of its points in turn, and then
// left to end.
type trial struct {
	again  bool // the store has a snapshot already, with other rows
	points []point
}

func (x trial) String() string {
	words := []string{"first"}
	if x.again {
		words[0] = "again"
	}
	for _, p := range x.points {
		words = append(words, p.String())
	}
	return strings.Join(words, ", ")
}

func parseTrial(s string) (x trial, err error) {
	words := strings.Split(s, ", ")
	x.again = words[0] == "again"
	for _, w := range words[1:] {
		fields := append(strings.Fields(w), "")
		if len(fields) < 3 {
			return x, fmt.Errorf("%q is no point", w)
		}
		n, err := strconv.Atoi(fields[1])
		if err != nil {
			return x, err
		}
		x.points = append(x.points, point{fields[0], fields[2], n})
	}
	return x, nil
}

// kills tries trials against what an unbroken run gives.
type kills struct {
	t       *testing.T
	program string
	before  string // a store with one snapshot
	want    map[bool]unbroken
	killed  atomic.Int64
}

// unbroken is what a run that nobody kills does and leaves.
type unbroken struct {
	points   []point
	requests int64 // of this collection
	more     int64 // of a further one
	outcome  map[string]string
}

func newKills(t *testing.T) *kills {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &kills{t: t, program: filepath.Join(t.TempDir(), "exporter"), want: map[bool]unbroken{}}
	if err := os.Symlink(self, h.program); err != nil {
		t.Fatal(err)
	}
	// Odd codes, so that the next collection changes rows.
	before := newSite(t, h.program, "bad-code")
	defer before.close()
	h.before = before.store
	h.must(before, nil)
	for _, again := range []bool{false, true} {
		s := h.site(again)
		defer s.close()
		var u unbroken
		h.must(s, func(p point) bool {
			u.points = append(u.points, p)
			return false
		})
		u.requests = s.requests.Load()
		ids := s.snapshots()
		var err error
		if u.outcome, err = s.outcome(ids[len(ids)-1]); err != nil {
			t.Fatal(err)
		}
		h.must(s, nil)
		u.more = s.requests.Load() - u.requests
		h.want[again] = u
	}
	return h
}

// must runs a collection that nothing stops.
func (h *kills) must(s *site, at func(point) bool) {
	h.t.Helper()
	if end, err := s.collect(at); err != nil || !end.Exited() || end.ExitStatus() != 0 {
		h.t.Fatalf("unbroken: %v, %v\n%s", end, err, s.said())
	}
}

// site is a new site to collect, with an empty store or one that has a snapshot.
func (h *kills) site(again bool) *site {
	s := newSite(h.t, h.program)
	if again {
		if err := os.CopyFS(s.store, os.DirFS(h.before)); err != nil {
			h.t.Fatal(err)
		}
		if err := os.Chmod(s.store, 0o700); err != nil {
			h.t.Fatal(err)
		}
	}
	return s
}

// perTrial is how often one collection of the sample is killed: what it costs is
// its end and the comparison.
const perTrial = 4

// choose returns the trials: those of the command line, every point alone and
// chains of them, or a sample with at least one point of each kind.
func (h *kills) choose() []trial {
	if *killOnly != "" {
		x, err := parseTrial(*killOnly)
		if err != nil {
			h.t.Fatal(err)
		}
		return []trial{x}
	}
	random := rand.New(rand.NewPCG(*seed, 0))
	var trials []trial
	for _, again := range []bool{false, true} {
		all := h.want[again].points
		if *nightly {
			for _, p := range all {
				trials = append(trials, trial{again, []point{p}})
			}
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		// One of each kind comes first.
		kinds := map[point]int{}
		rank := map[point]int{}
		for _, p := range all {
			kind := point{call: p.call, file: p.file}
			kinds[kind]++
			rank[p] = kinds[kind]
		}
		slices.SortStableFunc(all, func(p, q point) int { return min(rank[p], 3) - min(rank[q], 3) })
		if !*nightly {
			all = all[:min(len(all), sampled)]
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		for chain := range slices.Chunk(all, perTrial) {
			trials = append(trials, trial{again, chain})
		}
		if *nightly { // and chains in another order
			all = slices.Clone(all)
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for chain := range slices.Chunk(all, perTrial) {
				trials = append(trials, trial{again, chain})
			}
		}
	}
	return trials
}

// sampled is how many points of each kind of collection the sample has; some of
// a chain are not reached, since what was taken up is not done again.
const sampled = 64

// try runs one trial.
func (h *kills) try(x trial) error {
	s := h.site(x.again)
	defer s.close()
	kills := int64(0)
	for _, p := range x.points {
		end, err := s.collect(func(q point) bool { return p == q })
		switch {
		case err != nil:
			return fmt.Errorf("%v: %w\n%s", p, err, s.said())
		case end.Signaled() && end.Signal() == syscall.SIGKILL:
			kills++
		case !end.Exited() || end.ExitStatus() != 0:
			return fmt.Errorf("%v: not reached, and the end is %v\n%s", p, end, s.said())
		}
		if err := s.readable(); err != nil {
			return fmt.Errorf("%v: %w", p, err)
		}
	}
	h.killed.Add(kills)
	if end, err := s.collect(nil); err != nil || !end.Exited() || end.ExitStatus() != 0 {
		return fmt.Errorf("the run after it: %v, %v\n%s", end, err, s.said())
	}
	if err := s.readable(); err != nil {
		return err
	}
	ids := s.snapshots()
	if x.again {
		ids = ids[1:]
	}
	want := h.want[x.again]
	got, err := s.outcome(ids[0])
	if err != nil {
		return err
	}
	if diff := cmp.Diff(want.outcome, got); diff != "" {
		return fmt.Errorf("tables mismatch (-unbroken +killed):\n%s", diff)
	}
	if len(ids) > 1 {
		if got, err = s.outcome(ids[len(ids)-1]); err != nil {
			return err
		}
		for key, digest := range want.outcome {
			if strings.HasPrefix(key, "digest ") && got[key] != digest {
				return fmt.Errorf("the last snapshot has another %s", key)
			}
		}
	}
	const parallel = 4
	most := want.requests + int64(len(ids)-1)*want.more + kills*(2*parallel+2)
	if n := s.requests.Load(); n > most {
		return fmt.Errorf("%d requests for %d snapshots, at most %d are due", n, len(ids), most)
	}
	return s.tidy()
}

// site is a cloud with a store that the program collects it into.
type site struct {
	t        *testing.T
	program  string
	dir      string // of reports.yaml
	store    string
	cloud    *sandbox.Server
	door     *httptest.Server
	requests atomic.Int64
	whole    map[string]bool // snapshots that were read
	more     []string        // arguments of collect

	mu      sync.Mutex
	at      func(point) bool
	pid     int
	answers int // of this run
}

func newSite(t *testing.T, program string, faults ...string) *site {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, program: program, dir: dir, store: filepath.Join(dir, "data"), whole: map[string]bool{},
		cloud: sandbox.New(sandbox.Options{Site: "documented", Now: time.Now, Faults: faults})}
	s.door = httptest.NewServer(s)
	id, secret, project := s.cloud.Credentials()
	config := fmt.Sprintf("cloud: {url: %q, client_id: %q, client_secret: %q, projects: [%q], rate: 2000, page_size: 3}\nstore: {dir: data}\n",
		s.door.URL, id, secret, project)
	if err := os.WriteFile(s.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) config() string { return filepath.Join(s.dir, "reports.yaml") }

func (s *site) close() { s.door.Close() }

// ServeHTTP answers as the cloud does, and kills who asks before or after.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	s.mu.Lock()
	s.answers++
	n := s.answers
	s.mu.Unlock()
	s.kill("asked", n)
	answer := httptest.NewRecorder()
	s.cloud.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()))
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
	w.(http.Flusher).Flush()
	s.kill("answered", n)
}

func (s *site) kill(call string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pid != 0 && s.at(point{call: call, n: n}) {
		syscall.Kill(s.pid, syscall.SIGKILL)
	}
}

// collect runs the program until it ends or is killed at the point for which at
// says so.
func (s *site) collect(at func(point) bool) (syscall.WaitStatus, error) {
	out, err := os.Create(filepath.Join(s.dir, "out"))
	if err != nil {
		return 0, err
	}
	defer out.Close()
	argv := append([]string{s.program, "--config", s.config(), "collect"}, s.more...)
	if at == nil {
		c := exec.CommandContext(s.t.Context(), argv[0], argv[1:]...)
		c.Stdout, c.Stderr = out, out
		if err := c.Run(); c.ProcessState == nil {
			return 0, err
		}
		return c.ProcessState.Sys().(syscall.WaitStatus), nil
	}
	set := func(pid int, at func(point) bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pid, s.at, s.answers = pid, at, 0
	}
	defer set(0, nil)
	return trace(argv, out, s.store, func(pid int) { set(pid, at) }, func(p point) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.at(p)
	})
}

// said is what the last collection wrote.
func (s *site) said() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "out"))
	return string(b)
}

// snapshots are the ids of the published files.
func (s *site) snapshots() (ids []string) {
	files, _ := filepath.Glob(filepath.Join(s.store, "snapshots", "2*.duckdb"))
	for _, f := range files {
		ids = append(ids, strings.TrimSuffix(filepath.Base(f), ".duckdb"))
	}
	return ids
}

// readable says what keeps a reader from the store: every file that has a name
// is whole, and where there is none that is said.
func (s *site) readable() error {
	var out, errs bytes.Buffer
	status := run(s.t.Context(), []string{"--config", s.config(), "snapshots", "list", "--format", "csv"}, nil, &out, &errs)
	ids := s.snapshots()
	if len(ids) == 0 {
		if status != exitFailed || !strings.Contains(errs.String(), "hint: make one: exporter collect") {
			return fmt.Errorf("no snapshot yet: exit status %d, %s", status, &errs)
		}
		return nil
	}
	if status != 0 || strings.Count(out.String(), "\n") != len(ids)+1 {
		return fmt.Errorf("snapshots list of %v: exit status %d, %s%s", ids, status, &out, &errs)
	}
	for _, id := range ids {
		if s.whole[id] {
			continue
		}
		rows, err := s.pairs(id, "SELECT 'n', count(*)::VARCHAR FROM permissions")
		if err != nil || rows["n"] != "7" {
			return fmt.Errorf("snapshot %s: %v permissions, %w", id, rows["n"], err)
		}
		s.whole[id] = true
	}
	return nil
}

// outcome is what a snapshot holds: the digest of each resource, what is known
// of its walk, and its answers that landed.
func (s *site) outcome(id string) (map[string]string, error) {
	return s.pairs(id, `
SELECT 'digest of ' || resource, sha256
FROM digests
WHERE snapshot_id = getvariable('snapshot_id')
UNION ALL
SELECT
    'walk of ' || resource,
    json_object(
        'verdict', verdict, 'pages', pages, 'total', total_last, 'rows', rows, 'distinct', distinct_rows,
        'retries', retries, 'errors', errors, 'covered', covered, 'problem', problem
    )::VARCHAR
FROM resources
WHERE snapshot_id = getvariable('snapshot_id')
UNION ALL
SELECT 'calls of ' || resource, format('{} of lines {} to {}', count(*), min(line), max(line))
FROM calls
WHERE line IS NOT NULL
GROUP BY resource`)
}

// pairs is what a query of two columns gives on a snapshot.
func (s *site) pairs(id, query string) (map[string]string, error) {
	st, err := store.Open(s.store)
	if err != nil {
		return nil, err
	}
	r, err := st.Read(s.t.Context(), store.ReadOptions{Snapshot: id})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	rows, err := r.Query(s.t.Context(), query, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			return nil, err
		}
		all[k] = v
	}
	return all, rows.Err()
}

// belongs matches what a store has when no collection runs.
var belongs = regexp.MustCompile(`^(\.|lock|requests\.json|journal\.ndjson|tmp|landing|snapshots(/\d{8}T\d{6}Z\.duckdb)?|` +
	`raw(/\d{8}T\d{6}Z(/\d+(/(run\.json|[a-z_]+\.ndjson\.zst))?)?)?)$`)

// tidy says what is left of the runs that were killed, and whether the journal
// has one entry for each snapshot.
func (s *site) tidy() error {
	err := fs.WalkDir(os.DirFS(s.store), ".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && !belongs.MatchString(path) {
			err = fmt.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		return err
	}
	path := filepath.Join(s.store, "journal.ndjson")
	if _, err := journal.Verify(path); err != nil {
		return err
	}
	var entries []string
	id := regexp.MustCompile(`\d{8}T\d{6}Z`)
	_, err = journal.Read(path, func(e journal.Entry) error {
		entries = append(entries, id.FindString(string(e.Detail)))
		return nil
	})
	if diff := cmp.Diff(s.snapshots(), entries); diff != "" {
		return fmt.Errorf("journal entries mismatch (-files +entries):\n%s", diff)
	}
	return err
}
