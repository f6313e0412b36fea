package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Keep says what [Store.Prunable] leaves: the last snapshot of each of the last
// Daily days and Monthly months in Zone, with any Daily also every one of the last
// 24 hours, the raw pages of RawDays days, and the texts of queries of QueryDays.
type Keep struct {
	Daily, Monthly, RawDays, QueryDays int
	Zone                               *time.Location
	Now                                time.Time
}

// File is a file or folder below the store's folder, with its size in bytes.
type File struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// Prunable lists what keep lets go, and removes nothing: files of snapshots
// with their masked copies, folders of raw pages, what landed and was never
// published, and texts of queries. The newest snapshot stays with its raw pages, and with it the
// history of all. Days count back from the newest snapshot, or from now where
// that is earlier, so that neither a long pause nor a clock that was wrong
// empties the store.
func (s *Store) Prunable(ctx context.Context, keep Keep) ([]File, error) {
	files, err := s.prunable(ctx, keep)
	if err != nil {
		return nil, fmt.Errorf("prune: %w", err)
	}
	return files, nil
}

func (s *Store) prunable(ctx context.Context, keep Keep) ([]File, error) {
	ids, _, err := s.files()
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	// What the history is kept in must be readable before anything else goes.
	if _, err := s.version(ctx, s.path(ids[len(ids)-1])); err != nil {
		return nil, err
	}
	kept, last, err := keep.snapshots(ids)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, id := range ids {
		if !kept[id] {
			paths = append(paths, "snapshots/"+id+".duckdb")
		}
	}
	copies, err := folders(filepath.Join(s.dir, "snapshots"))
	if err != nil {
		return nil, err
	}
	for _, name := range copies {
		if id, _, _ := strings.Cut(name, "."); masked.MatchString(name) && !kept[id] {
			paths = append(paths, "snapshots/"+name)
		}
	}
	before := func(days int) string { return last.AddDate(0, 0, -days).UTC().Format(idLayout) }
	old, err := s.oldPages(before(keep.RawDays))
	if err != nil {
		return nil, err
	}
	return s.sized(slices.Concat(paths, old, s.before(before(keep.QueryDays), queryTexts)))
}

// queryTexts are the files in which exporter sql keeps what was asked.
const queryTexts = "queries/*.json"

// snapshots chooses among ids, which are in order, and gives the time that days
// count back from.
func (k Keep) snapshots(ids []string) (kept map[string]bool, last time.Time, err error) {
	newest := ids[len(ids)-1]
	last, err = time.Parse(idLayout, newest)
	if err != nil {
		return nil, last, err
	}
	if k.Now.Before(last) {
		last = k.Now
	}
	last = last.In(k.Zone)
	hours := last.Add(-24 * time.Hour)
	day := time.Date(last.Year(), last.Month(), last.Day(), 0, 0, 0, 0, k.Zone)
	days := day.AddDate(0, 0, 1-k.Daily)
	months := time.Date(last.Year(), last.Month()+1-time.Month(k.Monthly), 1, 0, 0, 0, 0, k.Zone)
	kept = map[string]bool{newest: true}
	seen := map[string]bool{}
	for _, id := range slices.Backward(ids) {
		at, err := time.Parse(idLayout, id)
		if err != nil {
			return nil, last, err
		}
		at = at.In(k.Zone)
		if k.Daily > 0 && !at.Before(hours) {
			kept[id] = true
		}
		for _, x := range []struct {
			from time.Time
			name string
		}{{days, at.Format("2006-01-02")}, {months, at.Format("2006-01")}} {
			if !at.Before(x.from) && !seen[x.name] {
				seen[x.name], kept[id] = true, true
			}
		}
	}
	return kept, last, nil
}

// oldPages lists folders of raw/ and landing/ that are older than limit.
func (s *Store) oldPages(limit string) ([]string, error) {
	var paths []string
	for _, pattern := range []string{"raw/*", "landing/*/*"} {
		found, err := s.glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			id := filepath.Base(path)
			if _, err := time.Parse(idLayout, id); err != nil || id >= limit {
				continue
			}
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// sized looks up the sizes of those paths below the store's folder that exist.
func (s *Store) sized(paths []string) ([]File, error) {
	var files []File
	for _, path := range paths {
		var size int64
		err := filepath.WalkDir(filepath.Join(s.dir, path), func(_ string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			info, err := e.Info()
			if err == nil {
				size += info.Size()
			}
			return err
		})
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files = append(files, File{path, size})
	}
	return files, nil
}

// Remove removes files that [Store.Prunable] or [Store.Purge] named. The caller
// holds the lock, and has told the journal: what is missing without an entry is
// a mismatch to [Store.Verify].
func (s *Store) Remove(files []File) error {
	touched := map[string]bool{}
	for _, f := range files {
		path := filepath.Join(s.dir, f.Path)
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove: %w", err)
		}
		// One that was made since the files were named goes too.
		if name := filepath.Base(path); published.MatchString(name) {
			if err := s.removeMasked(strings.TrimSuffix(name, ".duckdb")); err != nil {
				return fmt.Errorf("remove: %w", err)
			}
		}
		for dir := filepath.Dir(path); dir != s.dir; dir = filepath.Dir(dir) {
			touched[dir] = true
		}
	}
	for dir := range touched {
		if err := syncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove: %w", err)
		}
	}
	return nil
}
