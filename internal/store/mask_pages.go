package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// PageMasker masks what landed as the masked copy of a snapshot is masked: a text of
// a column becomes what it has become there, and what the snapshot does not know
// becomes "masked". It is safe for concurrent use.
type PageMasker struct {
	m *masker
}

// PageMasker reads from a snapshot what becomes of each text in a mask, standard or
// pseudonym, and makes the store's masked copy where it is not there. It returns the
// errors of [Store.Read].
func (s *Store) PageMasker(ctx context.Context, snapshot, mask string) (*PageMasker, error) {
	m, err := s.pageMasker(ctx, snapshot, mask)
	if err != nil {
		return nil, fmt.Errorf("mask pages: %w", err)
	}
	return m, nil
}

func (s *Store) pageMasker(ctx context.Context, snapshot, mask string) (*PageMasker, error) {
	if !slices.Contains(Masks[1:], mask) {
		return nil, fmt.Errorf("mask %.200q: must be %s or %s", mask, MaskStandard, MaskPseudonym)
	}
	// The copy and the pages go by one key, which is there once the copy is.
	if _, err := s.find(ctx, ReadOptions{Snapshot: snapshot, Mask: mask}); err != nil {
		return nil, err
	}
	place, err := s.find(ctx, ReadOptions{Snapshot: snapshot})
	if err != nil {
		return nil, err
	}
	key, err := s.lockedMaskKey(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.newMasker(ctx, place.File, "':memory:' AS masked", mask, key)
	if err != nil {
		return nil, err
	}
	return &PageMasker{m}, m.close()
}

// lockedMaskKey is [Store.maskKey] for who does not hold the lock of the masks.
func (s *Store) lockedMaskKey(ctx context.Context) (key maskKey, err error) {
	release, err := s.lockMasks(ctx, maskWait)
	if err != nil {
		return nil, err
	}
	if release == nil {
		return nil, errMasking(maskWait)
	}
	defer func() { err = errors.Join(err, release()) }()
	return s.maskKey(ctx)
}

// Journal is what the masked journal has of the detail of an entry.
func (m *PageMasker) Journal(kind, detail string) string {
	return m.m.known.journalDetail(kind, detail)
}

// key is what becomes of what was asked: of what is asked one by one it is the id of
// a rule, task, record or permission.
func (m *PageMasker) key(resource, key string) string {
	if r, err := lookup(resource); err == nil && r.asked != "" {
		return key
	}
	return m.m.known.scrub(key)
}

// call masks a line of a file of calls.
func (m *PageMasker) call(c *calledLine) { c.Key = m.key(c.Resource, c.Key) }
