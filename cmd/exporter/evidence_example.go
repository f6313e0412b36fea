package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"time"

	"exporter/internal/evidence"
	"exporter/internal/store"
)

// verifyFacts is what VERIFY.txt names.
func (b *bundle) verifyFacts(s *sealer, at time.Time) evidence.VerifyFacts {
	return evidence.VerifyFacts{
		Name: b.plan.name, Organization: s.config.Organization, Identity: s.identity, Namespace: s.namespace,
		Period:      fmt.Sprintf("%s to %s, days of %s (Sealed and Bagging-Date are UTC)", b.plan.from(), b.plan.to(), b.from.Timezone),
		Fingerprint: s.key.Fingerprint(), Sealed: at, Stamped: s.config.Timestamp.URL != "", Mask: b.from.Mask,
		Verdict: b.plan.words(), Files: len(b.w.Files()), JournalLength: b.log.head.Seq, JournalHead: b.log.head.SHA256,
		JournalMasked: b.mask != nil, Example: b.example,
	}
}

// findExample looks for a permission in a report whose page is in the bundle: what a
// reader of VERIFY.txt follows from the number to the cloud's answer.
func (b *bundle) findExample(ctx context.Context, p store.Place) (_ *evidence.VerifyExample, err error) {
	scratch, err := b.w.Scratch()
	if err != nil {
		return nil, err
	}
	r, err := p.Open(ctx, scratch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	const column = "access_auth_id"
	for _, m := range b.made {
		name := path.Join("reports", m.definition.Name, m.definition.Name+".csv")
		id, err := b.firstOf(name, column)
		if err != nil {
			return nil, err
		}
		if id == "" {
			continue
		}
		x := &evidence.VerifyExample{Report: "data/" + name, ID: id, Column: column, Population: "data/population/permissions.csv"}
		type row struct {
			project, landed string
			line            int64
		}
		rows, err := collectRows(ctx, r, `
SELECT project_id, landed_snapshot, landed_line
FROM base.permissions
WHERE access_auth_id = $id
    AND first_snapshot <= getvariable('snapshot_id')
    AND (closed_snapshot IS NULL OR closed_snapshot > getvariable('snapshot_id'))
ORDER BY ALL`, map[string]any{"id": id}, func(x *row) []any { return []any{&x.project, &x.landed, &x.line} })
		if err != nil || len(rows) == 0 {
			return nil, err
		}
		x.Snapshot, x.Line = rows[0].landed, rows[0].line
		i := slices.IndexFunc(b.raw, func(f store.EvidenceFile) bool {
			return f.There && f.Snapshot == rows[0].landed && f.Project == rows[0].project && f.Resource == "permissions"
		})
		if i < 0 {
			continue
		}
		x.Page = "data/raw/" + b.raw[i].Path
		page := landedFile{rows[0].landed, rows[0].project, "permissions"}
		if x.LandedSHA256, err = b.landedSum(page, x.Line); err != nil || x.LandedSHA256 == "" {
			return nil, err
		}
		return x, nil
	}
	return nil, nil
}

// firstOf is the value of a column in the first row of a csv file of the payload; ""
// where it has no such column, or no row.
func (b *bundle) firstOf(name, column string) (string, error) {
	f, err := b.w.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	c := csv.NewReader(f)
	header, err := c.Read()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	i := slices.Index(header, column)
	row, err := c.Read()
	if errors.Is(err, io.EOF) || i < 0 {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return row[i], nil
}

// landedFile is what a raw page is of.
type landedFile struct{ snapshot, project, resource string }

// landedSum is the SHA-256 of an answer that landed, by its file and its number there,
// as the ledger of calls has it; "" where it does not.
func (b *bundle) landedSum(of landedFile, line int64) (sum string, err error) {
	f, err := b.w.Open(callsLedger)
	if err != nil {
		return "", err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return "", fmt.Errorf("ledger/calls.csv: %w", err)
	}
	var at [5]int
	for i, name := range []string{"snapshot", "project", "resource", "line", "landed_sha256"} {
		if at[i] = slices.Index(header, name); at[i] < 0 {
			return "", fmt.Errorf("ledger/calls.csv: it has no column %s", name)
		}
	}
	for {
		c, err := r.Read()
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		if err != nil {
			return "", fmt.Errorf("ledger/calls.csv: %w", err)
		}
		if (landedFile{c[at[0]], c[at[1]], c[at[2]]}) == of && c[at[3]] == strconv.FormatInt(line, 10) {
			sum = c[at[4]]
		}
	}
}
