package store

import (
	"context"
	"fmt"
	"os"
)

// rewriteFloor is the size below which a file is never written anew: there the
// schema itself weighs more than what a rewrite can give.
const rewriteFloor = 32 << 20

// rewriteRatio is how much larger than a rewritten file a file may grow.
const rewriteRatio = 1.3

// rewrite returns the file to publish: the one that was built, or where
// updates have made it too large, a new one with the same rows in the order of
// their keys. What a rewrite would give is judged by the bytes that a row took
// when the file was last written anew, or when it first passed the floor.
func (b *Build) rewrite(ctx context.Context) (string, error) {
	info, err := os.Stat(b.file)
	if err != nil {
		return "", err
	}
	rows, err := b.historyRows(ctx)
	if err != nil {
		return "", err
	}
	var bytesThen, rowsThen *int64
	if err := b.conn.QueryRowContext(ctx, "SELECT rewritten_bytes, rewritten_rows FROM base.store").Scan(&bytesThen, &rowsThen); err != nil {
		return "", err
	}
	size := info.Size()
	if size < b.store.floor {
		return b.file, nil
	}
	if bytesThen == nil || rowsThen == nil || *rowsThen == 0 {
		return b.file, b.setRewritten(ctx, "build", size, rows)
	}
	expected := float64(*bytesThen) / float64(*rowsThen) * float64(rows)
	if float64(size) <= rewriteRatio*expected {
		return b.file, nil
	}
	if err := b.copyInOrder(ctx); err != nil {
		return "", fmt.Errorf("rewrite: %w", err)
	}
	if info, err = os.Stat(b.fresh()); err != nil {
		return "", err
	}
	return b.fresh(), b.setRewritten(ctx, "fresh", info.Size(), rows)
}

func (b *Build) historyRows(ctx context.Context) (int64, error) {
	var rows int64
	for _, r := range resources {
		n, err := b.count(ctx, "SELECT count(*) FROM base."+r.name)
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}

func (b *Build) setRewritten(ctx context.Context, database string, size, rows int64) error {
	if err := b.exec(ctx, "UPDATE "+database+".base.store SET rewritten_bytes = $1, rewritten_rows = $2", size, rows); err != nil {
		return err
	}
	return b.exec(ctx, "CHECKPOINT "+database)
}

// copyInOrder writes every table into a new file.
func (b *Build) copyInOrder(ctx context.Context) error {
	if err := attachNew(ctx, b.conn, b.fresh(), "fresh"); err != nil {
		return err
	}
	if err := b.copyTables(ctx, "build", "fresh"); err != nil {
		return err
	}
	return b.exec(ctx, "CHECKPOINT fresh")
}
