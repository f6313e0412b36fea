package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Kept is what is left on the disk of one project in one snapshot, beside its
// rows, which every later snapshot carries.
type Kept struct {
	File     bool     // the snapshot's own file
	Masked   []string // the profiles of its masked copies
	RawFiles int      // files of landed pages, and of their calls and walks
	RawBytes int64    // their size
}

// Kept looks what is left of a project in a snapshot.
func (s *Store) Kept(id, project string) (Kept, error) {
	var k Kept
	file, err := exists(s.path(id))
	if err != nil {
		return Kept{}, fmt.Errorf("look for snapshot %s: %w", id, err)
	}
	k.File = file
	copies, err := s.MaskedCopies()
	if err != nil {
		return Kept{}, err
	}
	k.Masked = copies[id]
	entries, err := os.ReadDir(filepath.Join(s.dir, "raw", id, folder(project)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Kept{}, fmt.Errorf("look for raw pages of snapshot %s: %w", id, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return Kept{}, fmt.Errorf("look for raw pages of snapshot %s: %w", id, err)
		}
		k.RawFiles++
		k.RawBytes += info.Size()
	}
	return k, nil
}
