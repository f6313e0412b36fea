package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// digest computes the digests of a project as of the snapshot and completes
// its row in snapshots. What has not changed keeps its digest.
func (b *Build) digest(ctx context.Context, project string, changed map[string]bool) error {
	var rows int64
	total := sha256.New()
	sorted := slices.SortedFunc(slices.Values(resources), func(x, y resource) int { return strings.Compare(x.name, y.name) })
	for _, r := range sorted {
		query, err := b.digestQuery(ctx, r)
		if err != nil {
			return err
		}
		sum := ""
		if !changed[r.name] {
			err := b.conn.QueryRowContext(ctx, `
SELECT coalesce(max(sha256), '')
FROM (
    SELECT sha256, query
    FROM base.digests
    WHERE project_id = $1 AND resource = $2
    ORDER BY snapshot_id DESC
    LIMIT 1
)
WHERE query = $3`, project, r.name, query).Scan(&sum)
			if err != nil {
				return err
			}
		}
		if sum == "" {
			if sum, err = b.hashQuery(ctx, query); err != nil {
				return fmt.Errorf("digest %s: %w", r.name, err)
			}
		}
		if err := b.exec(ctx, "INSERT INTO base.digests VALUES ($1, $2, $3, $4, $5)", b.id, project, r.name, sum, query); err != nil {
			return err
		}
		fmt.Fprintf(total, "%s %s\n", r.name, sum)
		n, err := b.count(ctx, "SELECT count(*) FROM base.current_"+r.name)
		if err != nil {
			return err
		}
		rows += n
	}
	return b.exec(ctx, "UPDATE base.snapshots SET rows = $1, digest = $2 WHERE snapshot_id = $3 AND project_id = $4",
		rows, hex.EncodeToString(total.Sum(nil)), b.id, project)
}

// digestQuery is what the digest of a resource is made of. The package comment
// defines it.
func (b *Build) digestQuery(ctx context.Context, r resource) (string, error) {
	cols, err := b.received(ctx, r)
	if err != nil {
		return "", err
	}
	return digestSQL(r, cols), nil
}

func digestSQL(r resource, cols []column) string {
	return "SELECT " + rowHash(cols) + " AS row_sha256 FROM base.current_" + r.name +
		" UNION ALL SELECT row_sha256 FROM base.current_purged WHERE resource = " + quote(r.name) + " ORDER BY row_sha256"
}

// rowHash is the SQL of the hash of a row.
func rowHash(cols []column) string {
	return "sha256(json_array(" + each(cols, ", ", "$c") + "))"
}

// hashQuery returns the SHA-256 of a query's CSV. Should it fail, a row may be
// larger than usual: it is tried again with more memory.
func (b *Build) hashQuery(ctx context.Context, query string) (sum string, err error) {
	// A sort that spills early is no slower, and leaves room for the text.
	err = b.within(ctx, -digestRoom, func(bool) error {
		sum, err = b.hash(ctx, query)
		return err
	})
	return sum, err
}

// hash lets DuckDB write a query's CSV into a pipe, so that memory stays flat,
// and returns its SHA-256.
func (b *Build) hash(ctx context.Context, query string) (string, error) {
	pipe := filepath.Join(b.store.dir, "snapshots", building+b.id+".pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		return "", err
	}
	defer os.Remove(pipe)
	// A writer of our own keeps the end of the file away until DuckDB, which
	// opens the pipe only when it has the first rows, has written the last.
	r, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer r.Close()
	w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	path, err := quotePath(pipe)
	if err != nil {
		return "", errors.Join(err, w.Close())
	}
	h := sha256.New()
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(h, r)
		done <- err
	}()
	err = errors.Join(b.exec(ctx, "COPY ("+query+") TO "+path+" (FORMAT csv, HEADER, USE_TMP_FILE false)"), w.Close())
	if err = errors.Join(err, <-done); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
