package sandbox

import "sync/atomic"

const (
	MaxPermissions  = 3_000_000
	maxLargeRecords = 4_000_000
)

type large struct {
	*living
	generation atomic.Int64
}

func newLarge(s *Server) *large { return &large{living: newDocumented(s)} }
