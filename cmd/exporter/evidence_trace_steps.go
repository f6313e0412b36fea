package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// traceStep is one row of the snapshot behind a row of a report, and the response
// that it was read from.
type traceStep struct {
	Table    string           `json:"table"`
	Project  string           `json:"project_id"`
	Key      []store.Received `json:"key"`
	Received []store.Received `json:"received,omitempty"` // what the cell is made of
	First    string           `json:"first_snapshot"`
	Seen     time.Time        `json:"first_seen,omitzero"`
	Closed   string           `json:"closed_snapshot,omitempty"`

	Landed string      `json:"landed_snapshot"`
	Sealed string      `json:"sealed,omitempty"` // the landed snapshot, by which line of the journal
	File   string      `json:"file"`             // below the store's folder, or data/ of the bundle
	Line   int64       `json:"line"`
	SHA256 string      `json:"sha256,omitempty"` // of the response there
	Hash   string      `json:"hash"`             // what that is against the hash that was noted
	Call   *store.Call `json:"call,omitempty"`
	Member string      `json:"member,omitempty"`
	Item   string      `json:"item,omitempty"`
	// What the page says otherwise than the snapshot's row; Same where that is nothing.
	Differs []store.Difference `json:"differs,omitempty"`
	Same    bool               `json:"same"`
	Note    string             `json:"note,omitempty"`
	See     []string           `json:"commands"`
}

// A way leads from columns of a report's row to rows of a history table; by has for
// each column of the table that of the report.
type way struct {
	table    string
	by       map[string]string
	optional bool // not every such row has one
}

// maxFollowed is how many rows of one table are followed.
const maxFollowed = 3

// waysOf are the ways that the ids in a row name.
func waysOf(r reports.LocatedRow) []way {
	has := func(column string) bool { _, ok := r.Value(column); return ok }
	var ways []way
	add := func(optional bool, table string, columns ...string) {
		w := way{table, map[string]string{}, optional}
		for _, c := range columns {
			to, from, other := strings.Cut(c, "=")
			if !other {
				from = to
			}
			if !has(from) {
				return
			}
			w.by[to] = from
		}
		ways = append(ways, w)
	}
	add(false, "records", "auth_task_record_id")
	if has("credential") {
		add(true, "issue_infos", "auth_task_record_id", "credential")
	} else {
		add(true, "issue_infos", "auth_task_record_id")
	}
	permission := "access_auth_id"
	subject, ok := r.Value("subject_id")
	if ok && !has(permission) && !isOneOf(r, subject, "person_id", "access_control_channel_id") {
		permission = "access_auth_id=subject_id" // of a change
	}
	_, column, renamed := strings.Cut(permission, "=")
	switch {
	case has("access_auth_id"), renamed && has(column):
		add(false, "permissions", permission)
		add(true, "details", permission)
	case has("person_id") && has("access_control_channel_id"):
		add(true, "permissions", "person_id", "access_control_channel_id")
	case has("access_control_channel_id") && !has("auth_relation_id") && !has("auth_task_id"):
		add(true, "permissions", "access_control_channel_id")
		add(true, "rules", "relation_id=access_control_channel_id")
		add(true, "rule_channels", "relation_id=access_control_channel_id")
	case has("person_id"):
		add(true, "permissions", "person_id")
	}
	add(false, "rules", "auth_relation_id")
	add(true, "rule_channels", "auth_relation_id", "relation_id=access_control_channel_id")
	add(false, "tasks", "auth_task_id")
	add(true, "task_details", "auth_task_id")
	add(has("auth_task_record_id"), "persons", "person_id") // who has gone may have a record alone
	add(false, "structures", "structure_id")
	add(true, "persons", "person_id=source_id") // of a rule
	add(true, "structures", "structure_id=source_id")
	return ways
}

// waysOf are the ways from a row, of a population's to its own table first; none from
// one of a register.
func (s *traceSource) waysOf(r reports.LocatedRow) []way {
	ways := waysOf(r)
	name, ok := strings.CutPrefix(s.table, "population/")
	if !ok {
		return ways
	}
	if slices.Contains([]string{"channel_register", "roster", "exceptions"}, name) {
		return nil
	}
	other := func(w way) int {
		if w.table == name {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(ways, func(x, y way) int { return other(x) - other(y) })
	return ways
}

// isOneOf reports whether one of a row's columns has a value.
func isOneOf(r reports.LocatedRow, value string, columns ...string) bool {
	return slices.ContainsFunc(columns, func(c string) bool {
		v, ok := r.Value(c)
		return ok && v == value
	})
}

// follow follows the ids of a row into the snapshot and from there to the responses.
func (s *traceSource) follow(ctx context.Context, t *traced, row reports.LocatedRow) error {
	ways := s.waysOf(row)
	for _, w := range ways {
		where := map[string]string{}
		for to, from := range w.by {
			where[to], _ = row.Value(from)
		}
		if project, ok := row.Value("project_id"); ok {
			where["project_id"] = project
		}
		list, n, err := s.reader.Sources(ctx, w.table, where, maxFollowed)
		if err != nil {
			return err
		}
		if len(list) == 0 && !w.optional {
			t.Notes = append(t.Notes, fmt.Sprintf("the snapshot has no row in %s for %s: "+
				"a purge takes rows, and a workbook can be changed", w.table, conditions(where)))
		}
		if n > int64(len(list)) {
			t.Notes = append(t.Notes, fmt.Sprintf("this row stands for %s of %s; the first %d are followed",
				plural(n, "row"), w.table, len(list))+prefixed(", all of them: ", s.all(t, list[0], where)))
		}
		for _, source := range list {
			if err := s.step(ctx, t, source); err != nil {
				return err
			}
		}
	}
	if t.Cell != nil { // what it is made of comes first
		slices.SortStableFunc(t.Steps, func(a, b traceStep) int {
			return min(1, len(b.Received)) - min(1, len(a.Received))
		})
	}
	if len(t.Steps) > 0 {
		return nil
	}
	why := "the row has no id of the cloud's to follow: it counts rows, " +
		"or says what the collection, a register or the journal does; the commands below show from what"
	if len(ways) > 0 {
		why = "nothing that the cloud sent is behind the ids of this row: " +
			"a register names it, or it is what is missing; the commands below show from what"
	}
	t.Notes = append(t.Notes, why)
	t.See = s.behind(t, row)
	return nil
}

// step adds a row of the snapshot and what it was read from.
func (s *traceSource) step(ctx context.Context, t *traced, source store.Source) error {
	x := traceStep{Table: source.Table, Project: source.Project, Key: source.Key,
		Received: receivedFor(t, source), First: source.First, Seen: source.Seen, Closed: source.Closed,
		Landed: source.Landed, Line: source.Line, Sealed: s.sealed(source.Landed, source.Project)}
	page, err := source.Page(s.root, s.safe())
	x.File = page.Path
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.Hash = s.gone(t, page.Path)
	case err != nil:
		x.Hash = err.Error()
		t.lack("%v", err)
	default:
		if err := s.page(ctx, t, &x, source, page); err != nil {
			return err
		}
	}
	if c := s.rowCommand(t, source, x.Received); c != "" {
		x.See = append(x.See, c)
	}
	x.See = append(x.See, s.pageCommands(t, x, source, page)...)
	t.Steps = append(t.Steps, x)
	return nil
}

// gone says why a page is not there.
func (s *traceSource) gone(t *traced, path string) string {
	if e, ok := s.removedBy(path); ok {
		return fmt.Sprintf("the file was removed on %s by %s: line %d of the journal", e.At.UTC().Format(time.DateOnly),
			map[string]string{"prune": "retention", "purge": "a purge"}[e.Kind], e.Seq)
	}
	t.lack("%s is missing, and nothing says why", path)
	return "the file is missing, and nothing says why"
}

// page says what is known of a page that is there.
func (s *traceSource) page(ctx context.Context, t *traced, x *traceStep, source store.Source,
	page store.Page) error {
	sum := sha256.Sum256(page.Response)
	x.SHA256, x.Call, x.Member, x.Item = hex.EncodeToString(sum[:]), page.Call, page.Member, string(page.Item)
	x.Hash = s.compare(t, page, x.SHA256)
	if strings.HasPrefix(x.Hash, differs) {
		t.lack("%s, line %d: %s", x.File, x.Line, x.Hash)
	}
	if s.masker != nil {
		masked, err := s.masked(ctx, source)
		if err != nil {
			return err
		}
		page = masked
		x.Member, x.Item = "", string(masked.Item)
		// With all else known the hash of an answer would prove a guess.
		x.SHA256 = ""
		if x.Call != nil {
			x.Call.BodySHA256, x.Call.LandedSHA256 = "", ""
		}
		x.Note = "masked as the report is; the page itself has the row as received, in another place"
	}
	if x.Item == "" {
		x.Note = store.ErrNoRow.Error()
		t.lack("%s, line %d: %s", x.File, x.Line, x.Note)
		return nil
	}
	var err error
	if x.Differs, err = s.reader.Compare(ctx, source, page); ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		x.Note = err.Error()
		t.lack("%s, line %d: %s", x.File, x.Line, x.Note)
	}
	x.Same = err == nil && len(x.Differs) == 0
	for _, d := range x.Differs {
		t.lack("%s, line %d: %s is %s there, and %s in the snapshot's row", x.File, x.Line, d.Column,
			quotedText(d.Page), quotedText(d.Row))
	}
	return nil
}

// quotedText is a value within a sentence.
func quotedText(v *string) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprintf("%.200q", *v)
}

// lack adds what is missing or differs.
func (t *traced) lack(format string, args ...any) {
	t.Missing = append(t.Missing, fmt.Sprintf(format, args...))
}

// differs begins what is said of a page that is not what it was.
const differs = "not "

// compare compares a page with the hash that was noted of it, and in a bundle its
// file with the manifest.
func (s *traceSource) compare(t *traced, page store.Page, sum string) string {
	if s.bundle != "" {
		file := "data/" + page.Path
		got, err := fileSHA256(filepath.Join(s.bundle, filepath.FromSlash(file)))
		if err != nil || got != s.manifest[file] {
			return differs + "as it was sealed: its file's SHA-256 is not that of the manifest"
		}
		if t.Mask != store.MaskFull {
			return "as it was sealed; it is masked, so that its hash is another than that of the page as received"
		}
	}
	switch {
	case page.Call == nil:
		return "no call is noted for it, so that its hash cannot be compared"
	case page.Call.LandedSHA256 == sum:
		return "as it was noted when it was received"
	}
	return differs + "the page that was received, whose SHA-256 is " + page.Call.LandedSHA256
}

// receivedAs are columns of reports by what they are made of, where their names do
// not say so.
var receivedAs = map[string][]string{
	"person": {"name"}, "holder": {"name"}, "channel": {"access_control_channel_name"},
	"device": {"business_device_name"}, "organizations": {"structure_ids", "structure_names"},
	"permanent": {"auth_end_time"},
	"days_left": {"auth_end_time"}, "days_over": {"auth_end_time"}, "valid_since": {"auth_start_time"},
	"missing": {"auth_num", "success_num"}, "last_status": {"issue_status"},
}

// receivedFor are the values of a source that the cell is made of. Without a cell they
// are those that a row of a changed file shows otherwise.
func receivedFor(t *traced, source store.Source) []store.Received {
	if t.Cell == nil && !t.Known {
		return otherwise(t.Cells, source.Values)
	}
	if t.Cell == nil || t.Cell.Column == "" {
		return nil
	}
	c := t.Cell.Column
	names := append([]string{c, c + "_time", strings.TrimSuffix(c, "_text")}, receivedAs[c]...)
	if credential, ok := strings.CutSuffix(c, "_state"); ok {
		names = append(names, "total_"+credential+"_num", "auth_"+credential+"_num",
			credential+"_issue_status")
	}
	var list []store.Received
	for _, v := range source.Values {
		if slices.Contains(names, v.Column) {
			list = append(list, v)
		}
	}
	return list
}

// otherwise are the values of which a cell of the same column shows another text.
func otherwise(cells []reports.LocatedCell, values []store.Received) (list []store.Received) {
	for _, v := range values {
		i := slices.IndexFunc(cells, func(c reports.LocatedCell) bool { return c.Column == v.Column })
		if i >= 0 && (v.Value == nil && cells[i].Text != "" || v.Value != nil && cells[i].Text != *v.Value) {
			list = append(list, v)
		}
	}
	return list
}

// textOf is a received value for people: as JSON has it.
func textOf(v store.Received) string {
	if v.Value == nil {
		return "NULL"
	}
	if strings.TrimSpace(*v.Value) == "" {
		b, _ := json.Marshal(*v.Value) // texts are always valid
		return string(b)
	}
	return *v.Value
}
