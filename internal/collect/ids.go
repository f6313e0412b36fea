package collect

import (
	"encoding/binary"
	"math"
	"slices"
)

// idSet counts distinct ids. It keeps them sorted, each as its distance from the one
// before, so that ids that lie close together, as the cloud's do, take a byte or two
// each: a walk of millions of rows takes hardly more memory than one of thousands.
type idSet struct {
	fresh  []uint64 // as they came
	packed [][]byte // sorted and distinct; each is at least twice as long as the next
}

// maxFresh is how many ids are sorted at once.
const maxFresh = 1 << 16

func (s *idSet) add(id uint64) {
	if s.fresh = append(s.fresh, id); len(s.fresh) == maxFresh {
		s.pack()
	}
}

// pack empties fresh.
func (s *idSet) pack() {
	slices.Sort(s.fresh)
	var packed []byte
	var last uint64
	for _, id := range slices.Compact(s.fresh) {
		packed, last = binary.AppendUvarint(packed, id-last), id
	}
	s.fresh = s.fresh[:0]
	s.packed = append(s.packed, packed)
	for n := len(s.packed); n > 1 && len(s.packed[n-2]) < 2*len(s.packed[n-1]); n-- {
		s.packed = append(s.packed[:n-2], union(s.packed[n-2], s.packed[n-1]))
	}
}

// unite adds all ids of t, which is not used afterwards.
func (s *idSet) unite(t *idSet) {
	t.pack()
	s.packed = append(s.packed, t.packed...)
}

// count is the number of distinct ids.
func (s *idSet) count() (n int64) {
	s.pack()
	for len(s.packed) > 1 {
		s.packed = append(s.packed[2:], union(s.packed[0], s.packed[1]))
	}
	for _, b := range s.packed[0] {
		if b < 0x80 { // the last byte of an id
			n++
		}
	}
	return n
}

// union merges two packed lists. No distance grows by that, so it is no longer than
// both.
func union(a, b []byte) []byte {
	all := make([]byte, 0, len(a)+len(b))
	x, y := unpack(a), unpack(b)
	var last uint64
	for x.more || y.more {
		id := min(x.id, y.id)
		all, last = binary.AppendUvarint(all, id-last), id
		for _, p := range []*packedIDs{x, y} {
			if p.more && p.id == id {
				p.next()
			}
		}
	}
	return all
}

// packedIDs reads a packed list.
type packedIDs struct {
	rest []byte
	id   uint64 // the largest number when there are no more
	more bool
}

func unpack(list []byte) *packedIDs {
	p := &packedIDs{rest: list, more: true}
	p.next()
	return p
}

func (p *packedIDs) next() {
	if len(p.rest) == 0 {
		p.id, p.more = math.MaxUint64, false
		return
	}
	distance, n := binary.Uvarint(p.rest)
	p.id, p.rest = p.id+distance, p.rest[n:]
}
