package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
)

// recorded is a digest as a file has it.
type recorded struct{ snapshot, project, resource, sha256, query string }

// digests computes the digests of snapshots again from the open file of id.
func (w *verifier) digests(ctx context.Context, db *sql.DB, id string, list []Snapshot) error {
	name := func(x recorded) string {
		return "snapshots/" + id + ".duckdb: " + x.resource + " of snapshot " + x.snapshot + ", project " + x.project
	}
	want := map[[2]string]bool{}
	for _, x := range list {
		want[[2]string{x.ID, x.Project}] = true
	}
	all, err := digestsOf(ctx, db)
	if err != nil {
		return err
	}
	totals := map[[2]string]hash.Hash{}
	byResource := map[[2]string][]recorded{} // of project and resource
	for _, x := range all {
		at := [2]string{x.snapshot, x.project}
		if !want[at] {
			continue
		}
		if totals[at] == nil {
			totals[at] = sha256.New()
		}
		fmt.Fprintf(totals[at], "%s %s\n", x.resource, x.sha256)
		byResource[[2]string{x.project, x.resource}] = append(byResource[[2]string{x.project, x.resource}], x)
	}
	for _, x := range list {
		sum := totals[[2]string{x.ID, x.Project}]
		if sum == nil || hex.EncodeToString(sum.Sum(nil)) != x.Digest {
			w.differs("snapshots/"+id+".duckdb", "digest of snapshot %s, project %s is not that of its resources", x.ID, x.Project)
		}
	}
	for at, group := range byResource {
		sums, err := w.resourceDigests(ctx, db, id, at[0], at[1], group)
		if err != nil {
			return err
		}
		for i, x := range group {
			w.v.Digests++
			if sums[i] != x.sha256 {
				if err := w.differentDigest(ctx, db, name(x), x, sums[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// differentDigest files a digest that cannot be had again. One of schema version
// 1 is of rows, which a purge takes away.
func (w *verifier) differentDigest(ctx context.Context, db *sql.DB, name string, x recorded, got string) error {
	if x.query != "" {
		var n int64
		err := db.QueryRowContext(ctx, `
SELECT count(*) FROM base.purged
WHERE project_id = $1 AND resource = $2 AND first_snapshot <= $3 AND closed_snapshot > $3`, x.project, x.resource, x.snapshot).Scan(&n)
		if err != nil {
			return err
		}
		if n > 0 {
			w.v.Gone = append(w.v.Gone, Finding{name, fmt.Sprintf("purged by policy: its digest, of schema version 1, had %d of the rows", n)})
			return nil
		}
	}
	w.differs(name, "digest is %s, recorded %s", short(got), short(x.sha256))
	return nil
}

// digestsOf reads all digests of a file. query is "" where it is that of
// today.
func digestsOf(ctx context.Context, db *sql.DB) ([]recorded, error) {
	today := map[string]string{}
	for _, r := range resources {
		cols, err := receivedOf(ctx, db, r)
		if err != nil {
			return nil, err
		}
		today[r.name] = digestSQL(r, cols)
	}
	rows, err := db.QueryContext(ctx, "SELECT snapshot_id, project_id, resource, sha256, query FROM base.digests ORDER BY snapshot_id, project_id, resource")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []recorded
	for rows.Next() {
		var x recorded
		if err := rows.Scan(&x.snapshot, &x.project, &x.resource, &x.sha256, &x.query); err != nil {
			return nil, err
		}
		if today[x.resource] == x.query {
			x.query = ""
		}
		all = append(all, x)
	}
	return all, rows.Err()
}

// resourceDigests computes the digests of one resource of one project, in the
// order of group. Those of today's form come from one pass over its rows in
// the order of their hashes: each goes to all snapshots that had it.
func (w *verifier) resourceDigests(ctx context.Context, db *sql.DB, id, project, name string, group []recorded) ([]string, error) {
	sums := make([]string, len(group))
	hashers := map[string]hash.Hash{}
	if err := w.recordedDigests(ctx, id, group, sums); err != nil {
		return nil, err
	}
	for _, x := range group {
		if x.query == "" {
			h := sha256.New()
			h.Write([]byte("row_sha256\n"))
			hashers[x.snapshot] = h
		}
	}
	if len(hashers) > 0 {
		if err := w.rowHashes(ctx, db, project, name, hashers); err != nil {
			return nil, err
		}
	}
	for i, x := range group {
		if h := hashers[x.snapshot]; h != nil && x.query == "" {
			sums[i] = hex.EncodeToString(h.Sum(nil))
		}
	}
	return sums, nil
}

// rowHashes writes the hash of every row to the hashers of the snapshots that
// had it.
func (w *verifier) rowHashes(ctx context.Context, db *sql.DB, project, name string, hashers map[string]hash.Hash) error {
	r, err := lookup(name)
	if err != nil {
		return err
	}
	cols, err := receivedOf(ctx, db, r)
	if err != nil {
		return err
	}
	at, err := snapshotOrder(ctx, db, hashers)
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, `
WITH snapshots AS (
    SELECT snapshot_id, row_number() OVER (ORDER BY snapshot_id) - 1 AS i
    FROM (SELECT DISTINCT snapshot_id FROM base.snapshots)
),
hashes AS (
    SELECT unhex(`+rowHash(cols)+`) AS row_sha256, first_snapshot, closed_snapshot
    FROM base.`+name+`
    WHERE project_id = $1
    UNION ALL
    SELECT row_sha256, first_snapshot, closed_snapshot
    FROM base.purged
    WHERE project_id = $1 AND resource = $2
)
SELECT h.row_sha256, coalesce(f.i, -1)::INTEGER, coalesce(c.i, $3)::INTEGER
FROM hashes AS h
LEFT JOIN snapshots AS f ON f.snapshot_id = h.first_snapshot
LEFT JOIN snapshots AS c ON c.snapshot_id = h.closed_snapshot
ORDER BY h.row_sha256`, project, name, len(at))
	if err != nil {
		return err
	}
	defer rows.Close()
	var sum sql.RawBytes
	line := make([]byte, 2*sha256.Size+1)
	line[2*sha256.Size] = '\n'
	for rows.Next() {
		var first, closed int
		if err := rows.Scan(&sum, &first, &closed); err != nil {
			return err
		}
		if first < 0 || len(sum) != sha256.Size {
			return fmt.Errorf("%s: a row of no known snapshot", name)
		}
		hex.Encode(line, sum)
		for i := first; i < closed; i++ {
			if at[i] != nil {
				at[i].Write(line)
			}
		}
	}
	return rows.Err()
}

// snapshotOrder gives the hasher of each snapshot of the file, oldest first;
// nil for one that is not asked.
func snapshotOrder(ctx context.Context, db *sql.DB, hashers map[string]hash.Hash) ([]hash.Hash, error) {
	ids, err := texts(ctx, db, "SELECT DISTINCT snapshot_id FROM base.snapshots ORDER BY snapshot_id")
	at := make([]hash.Hash, len(ids))
	for i, id := range ids {
		at[i] = hashers[id]
	}
	return at, err
}

// recordedDigests computes those digests of group that are of another form than
// today's: from their own query, read as anybody would.
func (w *verifier) recordedDigests(ctx context.Context, id string, group []recorded, sums []string) (err error) {
	if !slices.ContainsFunc(group, func(x recorded) bool { return x.query != "" }) {
		return nil
	}
	r, err := w.s.Read(ctx, ReadOptions{Snapshot: id})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for i, x := range group {
		if x.query == "" {
			continue
		}
		if _, err := conn.ExecContext(ctx, "SET VARIABLE snapshot_id = $1", x.snapshot); err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, "SET VARIABLE project_id = $1", x.project); err != nil {
			return err
		}
		if sums[i], err = recordedDigest(ctx, r, conn, x.query); err != nil {
			return fmt.Errorf("digest of %s: %w", x.resource, err)
		}
	}
	return nil
}

func recordedDigest(ctx context.Context, r *Reader, conn *sql.Conn, query string) (string, error) {
	if _, err := r.check(ctx, query); err != nil {
		return "", err
	}
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	h := sha256.New()
	if err := WriteCSV(h, rows); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
