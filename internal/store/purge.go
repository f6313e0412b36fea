package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// PurgeOptions says what is to go: every row of one person, or with Before
// what was closed by a snapshot before that time. Project is needed where the
// person is in several. Confirm is told what would go before anything does; it
// says whether to go on. Journal is the path of the journal, "" for none.
type PurgeOptions struct {
	Person, Project string
	Before          time.Time
	Started         time.Time
	ProgramVersion  string
	Journal         string
	Confirm         func(*Purge) (bool, error)
}

// Purge is what a purge takes. Snapshot is the one that was published without
// it. PersonSHA256 is the person's key_sha256 in the view purged.
type Purge struct {
	Snapshot     string
	Project      string
	PersonSHA256 string
	Before       time.Time
	Rows         int64
	ByResource   map[string]int64 // rows of each resource and register
	Named        int64            // lines of registers that still have the person as manager or owner
	Raw          []string         // below the store's folder
	Files        []File           // for Remove: raw pages, older snapshots, what landed, texts of queries

	lastClosed string
}

// Purge publishes a snapshot without the rows that o names, and leaves of each
// its hash and that of its key, so that the digests of all snapshots hold. It
// removes nothing: that is the caller's, with [Store.Remove] of the result's
// Files, when the journal knows of it; where that does not happen the next
// [Store.Lock] does it. The new file is written afresh. The caller holds the
// lock. Without anything to purge, or the consent of o.Confirm, Snapshot is ""
// and nothing has changed.
func (s *Store) Purge(ctx context.Context, o PurgeOptions) (*Purge, error) {
	p, err := s.purge(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("purge: %w", err)
	}
	return p, nil
}

func (s *Store) purge(ctx context.Context, o PurgeOptions) (p *Purge, err error) {
	if (o.Person == "") == o.Before.IsZero() {
		return nil, errors.New("name a person or a date")
	}
	newest, err := s.newest()
	if err != nil {
		return nil, err
	}
	b, err := s.beginCopy(ctx, newest, o.Started, o.ProgramVersion)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Discard()) }()
	if err := b.loadJournal(ctx, o.Journal); err != nil {
		return nil, err
	}
	p = &Purge{Snapshot: b.id, Before: o.Before, ByResource: map[string]int64{}}
	if err := b.choose(ctx, p, o); err != nil {
		return nil, err
	}
	if err := b.take(ctx, p, o); err != nil {
		return nil, err
	}
	// Nobody is collecting, so all that lies in landing/ was interrupted.
	if p.Files, err = s.sized(slices.Concat(p.Raw, s.before(b.id, "snapshots/*.duckdb"), s.before("~", "landing/*/*"), s.textsNow(p))); err != nil {
		return nil, err
	}
	if p.Rows == 0 && len(p.Raw) == 0 {
		p.Snapshot = ""
		return p, nil
	}
	if o.Confirm != nil {
		if ok, err := o.Confirm(p); err != nil || !ok {
			p.Snapshot = ""
			return p, err
		}
	}
	if err := b.publishPurge(ctx, p, newest, o.Started); err != nil {
		return p, err
	}
	// What was asked meanwhile was asked of the snapshots that go.
	later := slices.DeleteFunc(s.textsNow(p), func(path string) bool {
		return slices.ContainsFunc(p.Files, func(f File) bool { return f.Path == path })
	})
	files, err := s.sized(later)
	p.Files = append(p.Files, files...)
	return p, err
}

// choose finds what o means: the project of a person, or the last snapshot
// before the date. The conditions read it from variables.
func (b *Build) choose(ctx context.Context, p *Purge, o PurgeOptions) error {
	if o.Person == "" {
		var last *string
		err := b.conn.QueryRowContext(ctx, `
SELECT max(snapshot_id)
FROM (
    SELECT snapshot_id
    FROM base.snapshots
    GROUP BY snapshot_id
    HAVING coalesce(max(server_time), max(started_at)) < $1::TIMESTAMPTZ
)`, o.Before).Scan(&last)
		if err != nil {
			return err
		}
		if last != nil {
			p.lastClosed = *last
		}
		return b.exec(ctx, "SET VARIABLE purge_closed = $1", p.lastClosed)
	}
	projects, err := texts(ctx, b.conn, `
SELECT DISTINCT project_id
FROM (
    SELECT project_id, person_id FROM base.permissions
    UNION ALL SELECT project_id, person_id FROM base.persons
    UNION ALL SELECT project_id, person_id FROM base.records
    UNION ALL SELECT project_id, person_id FROM base.details
    UNION ALL SELECT project_id, auth_id FROM base.rules
)
WHERE person_id = $1 AND ($2 = '' OR project_id = $2)
ORDER BY project_id`, o.Person, o.Project)
	if err != nil {
		return err
	}
	if len(projects) > 1 {
		return fmt.Errorf("person %q is in the projects %s: choose one", o.Person, strings.Join(projects, ", "))
	}
	p.Project = o.Project
	if len(projects) == 1 {
		p.Project = projects[0]
	}
	if err := b.exec(ctx, "SET VARIABLE purge_person = $1", o.Person); err != nil {
		return err
	}
	if err := b.exec(ctx, "SET VARIABLE purge_project = $1", p.Project); err != nil {
		return err
	}
	return b.conn.QueryRowContext(ctx, "SELECT sha256(json_array($1::VARCHAR, 'persons', $2::VARCHAR))", p.Project, o.Person).Scan(&p.PersonSHA256)
}

// take moves the rows from the history to base.purged, those that depend on
// others first, and finds the raw pages that hold them.
func (b *Build) take(ctx context.Context, p *Purge, o PurgeOptions) error {
	conditions := personRows
	if o.Person == "" {
		conditions = map[string]string{}
		for _, r := range resources {
			conditions[r.name] = "closed_snapshot <= getvariable('purge_closed')"
		}
	} else if err := b.takeLinks(ctx, p); err != nil {
		return err
	}
	raw := map[string]bool{}
	for _, r := range slices.Backward(resources) {
		where, ok := conditions[r.name]
		if !ok {
			continue
		}
		if err := b.takeRows(ctx, p, r, where, raw); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	var err error
	if o.Person == "" {
		p.Raw, err = b.store.rawBefore(p.lastClosed)
	} else {
		p.Raw, err = b.store.rawOf(ctx, p.Project, o.Person, raw)
	}
	return err
}

// takeRows moves the rows of one resource, and notes the raw files that they
// were read from. Pages of issue_infos and rule_channels name nobody.
func (b *Build) takeRows(ctx context.Context, p *Purge, r resource, where string, raw map[string]bool) error {
	cols, err := b.received(ctx, r)
	if err != nil {
		return err
	}
	if r.name != "issue_infos" && r.name != "rule_channels" && p.Before.IsZero() {
		from, err := texts(ctx, b.conn, "SELECT DISTINCT landed_snapshot FROM base."+r.name+" WHERE "+where)
		if err != nil {
			return err
		}
		for _, id := range from {
			raw[filepath.Join("raw", id, folder(p.Project), r.name+".ndjson.zst")] = true
		}
	}
	if err := b.exec(ctx, `
INSERT INTO base.purged
SELECT
    project_id,
    $1,
    unhex(sha256(json_array(project_id, $1, `+strings.Join(r.key, ", ")+`))),
    unhex(`+rowHash(cols)+`),
    first_snapshot,
    coalesce(closed_snapshot, $2),
    $2
FROM base.`+r.name+`
WHERE `+where, r.name, b.id); err != nil {
		return err
	}
	n, err := b.drop(ctx, "DELETE FROM base."+r.name+" WHERE "+where)
	p.ByResource[r.name] = n
	p.Rows += n
	return err
}

func (b *Build) drop(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := b.conn.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// publishPurge gives the snapshot the facts of the one before, and its digests,
// writes it afresh and publishes it.
func (b *Build) publishPurge(ctx context.Context, p *Purge, previous string, started time.Time) error {
	var before any
	if !p.Before.IsZero() {
		before = p.Before.UTC()
	}
	if err := b.exec(ctx, `
INSERT INTO base.purges
SELECT $1, nullif($2, ''), nullif($3, ''), $4::TIMESTAMPTZ, nullif($5, ''), $6, from_json($7, '["VARCHAR"]')`,
		b.id, p.Project, p.PersonSHA256, before, p.lastClosed, p.Rows, jsonTexts(p.Raw)); err != nil {
		return err
	}
	changed := map[string]bool{}
	for name, n := range p.ByResource {
		changed[name] = n > 0
	}
	if err := b.restate(ctx, "purge", previous, started, changed); err != nil {
		return err
	}
	if err := b.exec(ctx, "DETACH stage; CHECKPOINT build"); err != nil {
		return err
	}
	if err := b.copyInOrder(ctx); err != nil {
		return fmt.Errorf("rewrite: %w", err)
	}
	info, err := os.Stat(b.fresh())
	if err != nil {
		return err
	}
	rows, err := b.historyRows(ctx)
	if err != nil {
		return err
	}
	if info.Size() >= b.store.floor {
		if err := b.setRewritten(ctx, "fresh", info.Size(), rows); err != nil {
			return err
		}
	}
	if err := b.rename(ctx, b.fresh()); err != nil {
		return err
	}
	return syncDir(filepath.Join(b.store.dir, "snapshots"))
}
