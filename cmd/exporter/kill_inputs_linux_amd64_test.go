package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Taking the inputs, killed at any moment, leaves a store that can be read; and the
// next time ends as one that was not killed: two snapshots, of which the last has the
// inputs, and nothing beside them.
func TestKillInputs(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &kills{t: t, program: filepath.Join(t.TempDir(), "exporter")}
	if err := os.Symlink(self, h.program); err != nil {
		t.Fatal(err)
	}
	before := newSite(t, h.program)
	defer before.close()
	h.before = before.store
	h.must(before, nil)
	inputs := func() *site {
		s := h.site(true)
		s.more = []string{"--only", "inputs"}
		put(t, filepath.Join(s.dir, "roster.csv"), "person_code,status,terminated_at,organisation,manager,manager_email\n001597,active,,,,\n002318,terminated,2026-01-02,,,\n")
		put(t, s.config(), readText(t, s.config())+"inputs: {roster: roster.csv}\n")
		return s
	}
	outcome := func(s *site) (map[string]string, error) {
		ids := s.snapshots()
		if len(ids) != 2 {
			return nil, fmt.Errorf("snapshots %v", ids)
		}
		all, err := s.outcome(ids[1])
		if err != nil {
			return nil, err
		}
		roster, err := s.pairs(ids[1], "SELECT person_code, status FROM roster")
		all["roster"] = fmt.Sprint(roster)
		return all, err
	}
	whole := inputs()
	defer whole.close()
	var points []point
	h.must(whole, func(p point) bool { points = append(points, p); return false })
	want, err := outcome(whole)
	if err != nil || want["roster"] != "map[001597:active 002318:terminated]" {
		t.Fatalf("unbroken: %v, %v", want, err)
	}
	all := len(points)
	if !*nightly {
		random := rand.New(rand.NewPCG(*seed, 0))
		random.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
		points = points[:min(len(points), 8)]
	}
	killed := 0
	for chain := range slices.Chunk(points, perTrial) {
		s := inputs()
		defer s.close()
		for _, p := range append(chain, point{}) { // the last is none
			end, err := s.collect(func(q point) bool { return p == q })
			switch {
			case err != nil:
				t.Fatalf("%v: %v\n%s", p, err, s.said())
			case end.Signaled() && end.Signal() == syscall.SIGKILL:
				killed++
			case !end.Exited() || end.ExitStatus() != 0:
				t.Errorf("%v of %v: the end is %v\n%s", p, chain, end, s.said())
			}
			if err := s.readable(); err != nil {
				t.Errorf("%v of %v: %v", p, chain, err)
			}
		}
		got, err := outcome(s)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v: %v, tables mismatch (-unbroken +killed):\n%s", chain, err, diff)
		}
		if err := s.tidy(); err != nil {
			t.Errorf("%v: %v", chain, err)
		}
	}
	if t.Logf("killed %d times at %d points of %d", killed, len(points), all); killed < len(points)/3 {
		t.Errorf("only %d points were reached", killed)
	}
}
