package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// registers names the columns of each input file; they are those of its table.
var registers = map[string][]string{
	"channel_register": {"access_control_channel_id", "tier", "owner", "owner_email", "note"},
	"roster":           {"person_code", "status", "terminated_at", "organisation", "manager", "manager_email"},
	"exceptions":       {"report", "finding_key", "reason", "approved_by", "expires_on"},
}

// registerKeys names the columns that tell the lines of a register apart.
var registerKeys = map[string][]string{
	"channel_register": {"access_control_channel_id"},
	"roster":           {"person_code"},
	"exceptions":       {"report", "finding_key"},
}

// statuses are those of a line of the roster; none counts as active. With any other
// word a person who has left would be taken for one who has not.
var statuses = []string{"", "active", "terminated"}

// loadRegisters takes over each register whose file is not the one that the
// last snapshot had.
func (b *Build) loadRegisters(ctx context.Context, paths map[string]string) error {
	for _, table := range slices.Sorted(maps.Keys(paths)) {
		if registers[table] == nil {
			return fmt.Errorf("no register %q", table)
		}
	}
	for _, table := range slices.Sorted(maps.Keys(registers)) {
		if err := b.loadRegister(ctx, table, paths[table]); err != nil {
			return err
		}
	}
	return nil
}

func (b *Build) loadRegister(ctx context.Context, table, path string) error {
	content, err := os.ReadFile(path)
	if path == "" || errors.Is(err, fs.ErrNotExist) {
		content = nil
	} else if err != nil {
		return fmt.Errorf("register %s: %w", table, err)
	}
	var sum, base any
	if path != "" {
		base = filepath.Base(path)
	}
	var lines []registerLine
	if content != nil {
		h := sha256.Sum256(content)
		sum = hex.EncodeToString(h[:])
		if lines, err = parseRegister(table, content); err != nil {
			return fmt.Errorf("register %s: %s: %w", table, filepath.Base(path), err)
		}
	}
	same, err := b.count(ctx, `
SELECT count(*) FROM base.registers
WHERE closed_snapshot IS NULL AND "table" = $1 AND path IS NOT DISTINCT FROM $2 AND sha256 IS NOT DISTINCT FROM $3`, table, base, sum)
	if err != nil || same > 0 {
		return err
	}
	if err := b.exec(ctx, `UPDATE base.registers SET closed_snapshot = $1 WHERE closed_snapshot IS NULL AND "table" = $2`, b.id, table); err != nil {
		return err
	}
	known, err := b.count(ctx, `SELECT count(*) FROM base.registers WHERE "table" = $1 AND sha256 = $2`, table, sum)
	if err != nil {
		return err
	}
	if known == 0 && len(lines) > 0 {
		rows := make([][]any, len(lines))
		for i, line := range lines {
			rows[i] = []any{sum, int64(line.number)}
			for _, field := range line.fields {
				rows[i] = append(rows[i], field)
			}
		}
		if err := b.appendRows(table, rows); err != nil {
			return err
		}
	}
	return b.exec(ctx, "INSERT INTO base.registers VALUES ($1, $2, $3, $4, $5, NULL)", table, base, sum, len(lines), b.id)
}

type registerLine struct {
	number int
	fields []string
}

// parseRegister reads a CSV file with a header. Its columns may stand in any
// order, but they are exactly those of the register. Spaces around a value are
// cut. A line without its key, or with that of a line before, is refused: every
// report would count what it names twice. So is a status of another word.
func parseRegister(table string, content []byte) ([]registerLine, error) {
	want := registers[table]
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff"))))
	r.TrimLeadingSpace = true
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("no header, want %s", strings.Join(want, ", "))
	}
	if err != nil {
		return nil, err
	}
	place, err := places(head, want)
	if err != nil {
		return nil, err
	}
	var lines []registerLine
	seen := map[string]int{} // the line of each key
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if errors.Is(err, csv.ErrFieldCount) {
			return nil, fmt.Errorf("%w, want %s", err, strings.Join(head, ", "))
		}
		if err != nil {
			return nil, err
		}
		line := registerLine{fields: make([]string, len(want))}
		line.number, _ = r.FieldPos(0)
		for i, name := range want {
			line.fields[i] = strings.TrimSpace(fields[place[name]])
		}
		var key, said []string
		for _, name := range registerKeys[table] {
			value := line.fields[slices.Index(want, name)]
			if value == "" {
				return nil, fmt.Errorf("line %d: %s is empty", line.number, name)
			}
			key = append(key, value)
			said = append(said, fmt.Sprintf("%s %.200q", name, value))
		}
		if i := slices.Index(want, "status"); i >= 0 && !slices.Contains(statuses, strings.ToLower(line.fields[i])) {
			return nil, fmt.Errorf("line %d: status %.200q: must be active or terminated", line.number, line.fields[i])
		}
		text := strings.Join(key, "\x00")
		if first, twice := seen[text]; twice {
			return nil, fmt.Errorf("line %d: %s stands on line %d already", line.number, strings.Join(said, ", "), first)
		}
		seen[text] = line.number
		lines = append(lines, line)
	}
}

// places is where each of the columns that are wanted stands in a header, which must
// have exactly these.
func places(head, want []string) (map[string]int, error) {
	place := map[string]int{}
	for i, name := range head {
		name = strings.TrimSpace(name)
		if !slices.Contains(want, name) {
			return nil, fmt.Errorf("unknown column %q, want %s", name, strings.Join(want, ", "))
		}
		if _, twice := place[name]; twice {
			return nil, fmt.Errorf("column %q stands twice", name)
		}
		place[name] = i
	}
	for _, name := range want {
		if _, ok := place[name]; !ok {
			return nil, fmt.Errorf("column %q is missing", name)
		}
	}
	return place, nil
}

// loadJournal takes over the whole lines of the journal that no snapshot has
// yet. A line that it cannot read stays out of the table, not out of the file.
func (b *Build) loadJournal(ctx context.Context, path string) error {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	known, err := b.journalHashes(ctx)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	var rows [][]any
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // what has no newline is not written to its end
		}
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		h := sha256.Sum256(line)
		sum := hex.EncodeToString(h[:])
		var entry struct {
			Seq    int64           `json:"seq"`
			At     time.Time       `json:"at"`
			Kind   string          `json:"kind"`
			Detail json.RawMessage `json:"detail"`
		}
		if known[sum] || json.Unmarshal(line, &entry) != nil {
			continue
		}
		var detail any
		if entry.Detail != nil {
			detail = string(entry.Detail)
		}
		rows = append(rows, []any{entry.Seq, entry.At, entry.Kind, detail, sum, b.id})
	}
	if err := b.appendRows("journal", rows); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (b *Build) journalHashes(ctx context.Context) (map[string]bool, error) {
	sums, err := texts(ctx, b.conn, "SELECT line_sha256 FROM base.journal")
	known := map[string]bool{}
	for _, sum := range sums {
		known[sum] = true
	}
	return known, err
}

// appendRows adds rows to a table of the file that is built.
func (b *Build) appendRows(table string, rows [][]any) error {
	return b.conn.Raw(func(c any) error {
		dc, ok := c.(*duckdb.Conn)
		if !ok {
			return fmt.Errorf("connection is a %T", c)
		}
		a, err := duckdb.NewAppender(dc, "build", "base", table)
		if err != nil {
			return err
		}
		for _, row := range rows {
			values := make([]driver.Value, len(row))
			for i, v := range row {
				values[i] = v
			}
			if err := a.AppendRow(values...); err != nil {
				return errors.Join(err, a.Close())
			}
		}
		return a.Close()
	})
}
