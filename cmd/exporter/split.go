package main

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// splitConfig parts a report among its recipients: each is sent the rows whose
// value in a column is theirs.
type splitConfig struct {
	By string `yaml:"by"` // the column; with the register of channels their id
	// Recipients says whose a value is: channels (owner_email of channels.csv), a
	// file NAME.csv or a query NAME.sql, both with the columns value and email.
	Recipients string `yaml:"recipients"`
	Fallback   string `yaml:"fallback"` // who is sent the rows that are nobody's
}

// channelOwners are the recipients by channel.
const (
	channelOwners = "channels"
	channelColumn = "access_control_channel_id"
)

// ownersQuery reads the owners of channels.
const ownersQuery = `
SELECT access_control_channel_id AS value, owner_email AS email
FROM channel_register
ORDER BY line`

// validateSplits checks how reports are parted.
func (c *config) validateSplits(fault func(key, format string, args ...any)) {
	for i, r := range c.Reports {
		s := r.Split
		if s == nil {
			continue
		}
		key := fmt.Sprintf("reports[%d].split", i)
		at := slices.Index(c.from, i)
		c.validateSplit(s, c.definitions[at].ColumnNames(), func(name, format string, args ...any) {
			fault(key+"."+name, format, args...)
		})
		if c.Mail.From == "" && c.Mail.Server == "" {
			fault("mail.from", "missing, although reports[%d] is sent in parts", i)
		}
	}
}

// validateSplit checks how a report whose sections name columns is parted.
func (c *config) validateSplit(s *splitConfig, columns []string, fault func(name, format string, args ...any)) {
	switch ext := filepath.Ext(s.Recipients); {
	case s.Recipients == channelOwners:
		if s.By = cmp.Or(s.By, channelColumn); s.By != channelColumn {
			fault("by", "must be %s where recipients are channels", channelColumn)
		}
	case ext == ".csv":
		s.Recipients = c.abs(s.Recipients)
		info, err := os.Stat(s.Recipients)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxRegister {
			fault("recipients", "%s is no file of at most %d MB", s.Recipients, maxRegister>>20)
		}
	case ext == ".sql":
		if _, err := reports.QueryText(c.queryDir(), s.Recipients); err != nil {
			fault("recipients", "%v", err)
		}
	default:
		fault("recipients", "%q is neither channels nor a file NAME.csv or NAME.sql", s.Recipients)
	}
	if !slices.Contains(columns, s.By) {
		meant := ""
		if near := reports.Nearest(s.By, columns); near != "" {
			meant = fmt.Sprintf("; did you mean %q?", near)
		}
		fault("by", "no section of the report names a column %q%s", s.By, meant)
	}
	if err := c.Mail.checkRecipient(s.Fallback); err != nil {
		fault("fallback", "%v", err)
	}
}

// A mailPart is what one recipient is sent of a report.
type mailPart struct {
	To       string
	Values   []string // those of the column that are theirs, also of no row
	Rows     int
	Fallback int // of the rows, those that are nobody's
}

// resolve finds whose the rows of a report are, by the snapshot without a mask, within
// the time limit of a report's queries.
func (r *reportRun) resolve(ctx context.Context, d reports.Definition, whole *reports.Report, s *splitConfig) ([]mailPart, []string, error) {
	at := r.states[r.flags.maskOf(d)].r
	if at.Mask() != store.MaskFull {
		f := r.flags.readFlags
		f.snapshot, f.mask = at.Snapshot(), store.MaskFull
		full, err := f.open(ctx, r.cfg)
		if err != nil {
			return nil, nil, err
		}
		defer full.Close()
		at = full
	}
	limited, cancel := context.WithTimeoutCause(ctx, r.flags.timeout, &hintError{
		fmt.Errorf("recipients %s: no answer within %s", filepath.Base(s.Recipients), r.flags.timeout), "give it more with --timeout"})
	defer cancel()
	parts, told, err := r.cfg.resolveParts(limited, at, whole, s)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = context.Cause(limited)
	}
	return parts, told, err
}

// maxWrong is how many addresses that mails may not go to are told.
const maxWrong = 20

// resolveParts finds whose the rows of a report are. Each value of the column goes
// to one recipient, and each recipient has one part, if only one without rows.
// What is nobody's, or of an address that mails may not go to, goes to the
// fallback; told says so. The reader must see the report's snapshot without a
// mask.
func (c *config) resolveParts(ctx context.Context, r *store.Reader, whole *reports.Report, s *splitConfig) (parts []mailPart, told []string, err error) {
	owners, err := c.owners(ctx, r, s)
	if err != nil {
		return nil, nil, fmt.Errorf("recipients %s: %w", filepath.Base(s.Recipients), err)
	}
	counts := whole.Values(s.By)
	byAddress := map[string]*mailPart{}
	take := func(to, value string, nobodys bool) {
		key := strings.ToLower(to)
		if byAddress[key] == nil {
			byAddress[key] = &mailPart{To: to}
		}
		p := byAddress[key]
		p.Values = append(p.Values, value)
		p.Rows += counts[value]
		if nobodys {
			p.Fallback += counts[value]
		}
	}
	wrong := 0
	for _, value := range slices.Sorted(maps.Keys(owners)) {
		if err := c.Mail.checkRecipient(owners[value]); err != nil {
			if wrong++; wrong <= maxWrong {
				told = append(told, fmt.Sprintf("%s %s: %v", s.By, value, err))
			}
			delete(owners, value)
			continue
		}
		take(owners[value], value, false)
	}
	if wrong > maxWrong {
		told = append(told, fmt.Sprintf("and %d more values of %s", wrong-maxWrong, s.By))
	}
	for value := range counts {
		if _, ok := owners[value]; !ok {
			take(s.Fallback, value, true)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(byAddress)) {
		p := byAddress[key]
		slices.Sort(p.Values)
		parts = append(parts, *p)
		if p.Fallback > 0 {
			told = append(told,
				fmt.Sprintf("%d of %d rows are nobody's and go to %s", p.Fallback, sum(counts), p.To))
		}
	}
	if len(owners) == 0 {
		told = append(told,
			fmt.Sprintf("recipients %s names nobody whom mails may go to", filepath.Base(s.Recipients)))
	}
	return parts, told, nil
}

func sum(counts map[string]int) int {
	n := 0
	for _, x := range counts {
		n += x
	}
	return n
}

// owners are the addresses by value.
func (c *config) owners(ctx context.Context, r *store.Reader, s *splitConfig) (map[string]string, error) {
	if filepath.Ext(s.Recipients) == ".csv" {
		content, err := os.ReadFile(s.Recipients)
		if err != nil {
			return nil, err
		}
		return csvOwners(content)
	}
	if r.Mask() != store.MaskFull {
		return nil, fmt.Errorf("a snapshot with the mask %s does not tell addresses", r.Mask())
	}
	query := ownersQuery
	if s.Recipients != channelOwners {
		var err error
		if query, err = reports.QueryText(c.queryDir(), s.Recipients); err != nil {
			return nil, err
		}
	}
	rows, err := r.Query(ctx, query, map[string]any{
		"as_of": r.AsOf(), "timezone": c.zone.String(), "snapshot": r.Snapshot()})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if names, err := rows.Columns(); err != nil {
		return nil, err
	} else if !slices.Equal(names, []string{"value", "email"}) {
		return nil, fmt.Errorf("the query returns %s; want value, email", strings.Join(names, ", "))
	}
	owners := ownerList{}
	for n := 1; rows.Next(); n++ {
		var value, email sql.NullString
		if err := rows.Scan(&value, &email); err != nil {
			return nil, err
		}
		if err := owners.add(n, value.String, email.String); err != nil {
			return nil, err
		}
	}
	return owners.addresses(), rows.Err()
}

// csvOwners reads a file with the header value,email.
func csvOwners(content []byte) (map[string]string, error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff"))))
	r.TrimLeadingSpace = true
	head, err := r.Read() // all lines then have as many fields
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty; want the header value,email")
	}
	if err != nil {
		return nil, err
	}
	for i := range head {
		head[i] = strings.TrimSpace(head[i])
	}
	if got := strings.Join(head, ","); got != "value,email" {
		return nil, fmt.Errorf("the header is %.200q; want value,email, with a comma between them", got)
	}
	owners := ownerList{}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return owners.addresses(), nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		if err := owners.add(line, fields[0], fields[1]); err != nil {
			return nil, err
		}
	}
}

// ownerList holds addresses by value, with the line of each.
type ownerList map[string]struct {
	line    int
	address string
}

// add takes a line; one without an address says that the value is nobody's. A value
// that is two persons' would be counted twice.
func (o ownerList) add(line int, value, address string) error {
	value, address = strings.TrimSpace(value), strings.TrimSpace(address)
	if was, ok := o[value]; ok && !strings.EqualFold(was.address, address) {
		return fmt.Errorf("line %d: the value %q is of %q, and on line %d of %q",
			line, value, address, was.line, was.address)
	}
	o[value] = struct {
		line    int
		address string
	}{line, address}
	return nil
}

func (o ownerList) addresses() map[string]string {
	all := map[string]string{}
	for value, x := range o {
		if x.address != "" {
			all[value] = x.address
		}
	}
	return all
}

// A partsLaw counts the rows of parts by section: together they are those of the
// whole.
type partsLaw struct {
	by   string
	rows map[string]int
}

func (l *partsLaw) add(part *reports.Report) {
	if l.rows == nil {
		l.rows = map[string]int{}
	}
	for section, n := range part.Rows(l.by) {
		l.rows[section] += n
	}
}

// check errs unless the parts have all rows of the whole, each once.
func (l *partsLaw) check(whole *reports.Report) error {
	rows := whole.Rows(l.by)
	for _, section := range slices.Sorted(maps.Keys(rows)) {
		if l.rows[section] != rows[section] {
			return fmt.Errorf("report %s: the parts have %d rows of %s together, the whole has %d",
				whole.Name(), l.rows[section], section, rows[section])
		}
	}
	return nil
}

// partInfo says how a report was parted.
func partInfo(by string, parts []mailPart) *reports.PartInfo {
	info := &reports.PartInfo{By: by, Recipients: len(parts)}
	for _, p := range parts {
		info.Rows += p.Rows
		info.Fallback += p.Fallback
	}
	return info
}
