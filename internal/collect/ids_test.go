package collect

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Distinct ids are counted as a map counts them: near each other and far apart, in
// order, against it and in none, repeated, and united.
func TestIDSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, id := range map[string]func(i int) uint64{
		"in order":        func(i int) uint64 { return 1834260683840029430 + uint64(i) },
		"against it":      func(i int) uint64 { return 1834260683840029430 - uint64(3*i) },
		"in none":         func(int) uint64 { return r.Uint64() },
		"often repeated":  func(int) uint64 { return r.Uint64N(100_000) },
		"least, greatest": func(i int) uint64 { return []uint64{0, math.MaxUint64, 1, math.MaxUint64 - 1}[i%4] },
	} {
		for _, n := range []int{0, 1, 4, maxFresh - 1, maxFresh, maxFresh + 1, 5*maxFresh + 7} {
			var s, other idSet
			known := map[uint64]bool{}
			for i := range n {
				x := id(i)
				known[x] = true
				if s.add(x); i%3 == 0 {
					other.add(x)
				}
			}
			for range 10 {
				x := r.Uint64()
				known[x] = true
				other.add(x)
			}
			s.unite(&other)
			if got := s.count(); got != int64(len(known)) {
				t.Errorf("%s, %d ids: %d distinct, want %d", name, n, got, len(known))
			}
		}
	}
}
