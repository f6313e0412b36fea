package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// textsNow lists the texts of queries that a purge takes when it is made: of a person
// all, whatever time they are named for, since a query may name a person in any way.
func (s *Store) textsNow(p *Purge) []string {
	if p.Before.IsZero() {
		return s.before("~", queryTexts)
	}
	return s.textsOf(p)
}

// textsOf lists the texts of queries that an earlier purge should have taken.
func (s *Store) textsOf(p *Purge) []string {
	if p.Before.IsZero() {
		return s.before(p.Snapshot, queryTexts)
	}
	return s.before(p.Before.UTC().Format(idLayout), queryTexts)
}

// before lists what is named for a snapshot, run or time before id.
func (s *Store) before(id, pattern string) []string {
	var paths []string
	found, _ := s.glob(pattern) // the patterns are well formed
	for _, path := range found {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		// The time of a query has fractions, which were cut off with its Z.
		name = strings.TrimSuffix(name, "Z") + "Z"
		if _, err := time.Parse(idLayout, name); err == nil && name < id {
			paths = append(paths, path)
		}
	}
	return paths
}

// purgesOf reads the purges of the chosen database, oldest first.
func purgesOf(ctx context.Context, db queryer) ([]Purge, error) {
	rows, err := db.QueryContext(ctx, `
SELECT snapshot_id, coalesce(project_id, ''), coalesce(person_sha256, ''), before, coalesce(last_closed, ''), rows, raw
FROM base.purges
ORDER BY snapshot_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Purge
	for rows.Next() {
		var p Purge
		var before sql.NullTime
		var raw any
		if err := rows.Scan(&p.Snapshot, &p.Project, &p.PersonSHA256, &before, &p.lastClosed, &p.Rows, &raw); err != nil {
			return nil, err
		}
		p.Before = before.Time
		list, _ := raw.([]any)
		for _, path := range list {
			p.Raw = append(p.Raw, fmt.Sprint(path))
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// Purges lists the purges that the newest snapshot knows, oldest first.
func (s *Store) Purges(ctx context.Context) ([]Purge, error) {
	newest, err := s.newest()
	if err != nil || newest == "" {
		return nil, err
	}
	db, err := s.attach(ctx, s.path(newest), nil)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return purgesOf(ctx, db)
}

// finishPurges removes what an interrupted purge left. A newest file that cannot
// be read has nothing to say here.
func (s *Store) finishPurges(ctx context.Context) error {
	list, err := s.Purges(ctx)
	if err != nil || len(list) == 0 {
		return ctx.Err()
	}
	last := list[len(list)-1].Snapshot
	paths := slices.Concat(s.before(last, "snapshots/*.duckdb"), s.before(last, "landing/*/*"))
	for _, p := range list {
		paths = slices.Concat(paths, p.Raw, s.textsOf(&p))
	}
	files, err := s.sized(paths)
	if err != nil {
		return err
	}
	return s.Remove(files)
}
