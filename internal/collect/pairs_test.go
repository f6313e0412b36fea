package collect

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/sandbox"
	"exporter/internal/store"
)

var (
	nightly = flag.Bool("nightly", false, "try every pair of faults, and every answer to interrupt at, instead of a sample")
	seed    = flag.Uint64("seed", 1, "chooses the sample")
)

// pairs are the faults two by two: all, or a ring, in which each fault meets two
// others.
func pairs() (list [][2]sandbox.Fault) {
	all := sandbox.Faults()
	rand.New(rand.NewPCG(*seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, f := range all {
		if !*nightly {
			list = append(list, [2]sandbox.Fault{f, all[(i+1)%len(all)]})
			continue
		}
		for _, g := range all[:i] {
			list = append(list, [2]sandbox.Fault{f, g})
		}
	}
	return list
}

// Two faults at once: where each leaves the rows as they are, so do both; where
// one does not, that is said and nothing changes.
func TestPairsOfFaults(t *testing.T) {
	odd := func(f sandbox.Fault) bool { return f.Content }
	stores, digests := map[bool]string{}, map[bool]map[string]string{}
	for _, content := range []bool{false, true} {
		var faults []string
		for _, f := range sandbox.Faults() {
			if content && odd(f) {
				faults = append(faults, f.Name)
			}
		}
		stores[content] = prepare(t, func(tr *trial) error {
			_, err := tr.collect(documented(faults...))
			if err == nil {
				digests[content] = tr.digests()
			}
			return err
		})
	}
	for _, pair := range pairs() {
		t.Run(fmt.Sprintf("%s,%s", pair[0].Name, pair[1].Name), func(t *testing.T) {
			content := odd(pair[0]) || odd(pair[1])
			patient := true
			for _, f := range pair {
				patient = patient && (f.Recoverable || f.Content)
			}
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t)
				if !patient {
					tr.begin(stores[content])
				}
				result, err := tr.collect(documented(pair[0].Name, pair[1].Name))
				switch {
				case patient && (err != nil || result.Verdict == store.Partial):
					t.Fatalf("%v, %+v", err, result)
				case !patient && err == nil && (result.Verdict != store.Partial || len(result.Problems) == 0):
					t.Errorf("not noticed: %s, %v, %v", result.Verdict, tr.verdicts(), result.Problems)
				}
				if diff := cmp.Diff(digests[content], tr.digests()); diff != "" {
					t.Errorf("tables mismatch (-before +after):\n%s", diff)
				}
			})
		})
	}
}
