package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// rawBefore lists the folders of raw pages of the snapshots before one.
func (s *Store) rawBefore(id string) ([]string, error) {
	ids, err := folders(filepath.Join(s.dir, "raw"))
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, x := range ids {
		if x < id {
			paths = append(paths, filepath.Join("raw", x))
		}
	}
	return paths, nil
}

// errFound ends the reading of a file.
var errFound = errors.New("found")

// rawOf lists the raw files that name a person, of one project or of all, and
// those of landed that are there. A file that cannot be read to its end may name
// them, and is listed too. What was asked and how it was walked is kept: the keys
// there are of permissions and records.
func (s *Store) rawOf(ctx context.Context, project, person string, landed map[string]bool) ([]string, error) {
	pattern := "*"
	if project != "" {
		pattern = folder(project)
	}
	found, err := s.glob("raw/*/" + pattern + "/*.ndjson.zst")
	if err != nil {
		return nil, err
	}
	hits := map[string]bool{}
	for _, path := range found {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		name := strings.TrimSuffix(filepath.Base(path), ".ndjson.zst")
		if name == "calls" || name == "walks" {
			continue
		}
		if landed[path] {
			hits[path] = true
			continue
		}
		_, err = eachLine(filepath.Join(s.dir, path), func(line []byte) error {
			if names(line, person) {
				return errFound
			}
			return nil
		})
		if err != nil {
			hits[path] = true
		}
	}
	return slices.Sorted(maps.Keys(hits)), nil
}

// names says whether a text has an id that is not part of a longer one.
func names(text []byte, id string) bool {
	part := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for {
		i := bytes.Index(text, []byte(id))
		if i < 0 {
			return false
		}
		end := i + len(id)
		if (i == 0 || !part(text[i-1])) && (end == len(text) || !part(text[end])) {
			return true
		}
		text = text[i+1:]
	}
}

// jsonTexts is a JSON array, which DuckDB makes a list of.
func jsonTexts(list []string) string {
	b, _ := json.Marshal(append([]string{}, list...)) // texts are always valid
	return string(b)
}
