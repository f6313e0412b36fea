package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// PageMasker masks what landed as the masked copy of a snapshot is masked: a value of
// a column becomes what it has become there, and what the snapshot does not know
// becomes "masked", as does what no column holds. Numbers and structure stay. It is
// safe for concurrent use.
type PageMasker struct {
	m       *masker
	columns map[string][]pageColumn      // by resource: what pages have of them
	persons map[string]map[string]string // by project: the pseudonym of an id
	perhaps map[string]map[string]string // by project: of an id that may be a person's
	zstd    *zstd.Encoder
}

// pageColumn is a column that is read from pages.
type pageColumn struct {
	column
	treatment treatment
}

// PageMasker reads from a snapshot what becomes of each text in a mask, standard or
// pseudonym, and makes the store's masked copy where it is not there. It returns the
// errors of [Store.Read].
func (s *Store) PageMasker(ctx context.Context, snapshot, mask string) (*PageMasker, error) {
	m, err := s.pageMasker(ctx, snapshot, mask)
	if err != nil {
		return nil, fmt.Errorf("mask pages: %w", err)
	}
	return m, nil
}

func (s *Store) pageMasker(ctx context.Context, snapshot, mask string) (_ *PageMasker, err error) {
	if !slices.Contains(Masks[1:], mask) {
		return nil, fmt.Errorf("mask %.200q: must be %s or %s", mask, MaskStandard, MaskPseudonym)
	}
	// The copy and the pages go by one key, which is there once the copy is.
	if _, _, err := s.find(ctx, ReadOptions{Snapshot: snapshot, Mask: mask}, false); err != nil {
		return nil, err
	}
	place, _, err := s.find(ctx, ReadOptions{Snapshot: snapshot}, false)
	if err != nil {
		return nil, err
	}
	key, err := s.lockedMaskKey(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.newMasker(ctx, place.File, mask, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	p := &PageMasker{m: m, columns: map[string][]pageColumn{}}
	if err := p.readColumns(ctx); err != nil {
		return nil, err
	}
	if err := p.readPersons(ctx); err != nil {
		return nil, err
	}
	p.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
	return p, err
}

// lockedMaskKey is [Store.maskKey] for who does not hold the lock of the masks.
func (s *Store) lockedMaskKey(ctx context.Context) (key maskKey, err error) {
	release, err := s.lockMasks(ctx, maskWait)
	if err != nil {
		return nil, err
	}
	if release == nil {
		return nil, errMasking(maskWait)
	}
	defer func() { err = errors.Join(err, release()) }()
	return s.maskKey(ctx)
}

// readColumns finds the columns that pages have, with their treatments.
func (m *PageMasker) readColumns(ctx context.Context) error {
	for _, r := range resources {
		received, err := receivedOf(ctx, m.m.conn, r)
		if err != nil {
			return err
		}
		for _, c := range received {
			i := slices.IndexFunc(m.m.columns[r.name], func(x maskedColumn) bool { return x.name == c.name })
			m.columns[r.name] = append(m.columns[r.name], pageColumn{c, m.m.columns[r.name][i].treatment})
		}
	}
	// A request that counts has permissions for its answer.
	m.columns["tie_outs"] = m.columns["permissions"]
	return nil
}

// readPersons finds by project what becomes of ids, and of those that may be a
// person's: what is none stays, where the snapshot knows it.
func (m *PageMasker) readPersons(ctx context.Context) error {
	m.persons, m.perhaps = map[string]map[string]string{}, map[string]map[string]string{}
	add := func(to map[string]map[string]string, project, id, becomes string) {
		if to[project] == nil {
			to[project] = map[string]string{}
		}
		to[project][id] = becomes
	}
	for at, p := range m.m.persons {
		add(m.persons, at[0], at[1], p)
	}
	rows, err := m.m.conn.QueryContext(ctx, `
SELECT project_id, auth_id FROM base.rules WHERE auth_id IS NOT NULL
UNION SELECT project_id, relation_id FROM base.rules WHERE relation_id IS NOT NULL
UNION SELECT project_id, relation_id FROM base.rule_channels WHERE relation_id IS NOT NULL
UNION SELECT project_id, auth_source FROM base.details WHERE auth_source IS NOT NULL`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var project, id string
		if err := rows.Scan(&project, &id); err != nil {
			return err
		}
		becomes, known := m.persons[project][id]
		if !known {
			becomes = id
		}
		add(m.perhaps, project, id, becomes)
	}
	return rows.Err()
}

// Journal is what the masked journal has of the detail of an entry.
func (m *PageMasker) Journal(kind, detail string) string {
	return m.m.known.journalDetail(kind, detail)
}

// frameSize is how much text is masked and compressed at once.
const frameSize = 256 << 10

// Mask writes a file that [Store.RawFiles] listed, which from reads, masked: line for
// line, each with the members that it had. The rows of a page are in the order of what
// they have become, since that of the cloud would tell who is who. A hash is that of
// the original, but "masked" of an answer of less than ten rows: with all else known
// it would prove a guess. The same input gives the same bytes.
func (m *PageMasker) Mask(ctx context.Context, f EvidenceFile, from io.Reader, to io.Writer) error {
	if err := m.mask(ctx, f, from, to); err != nil {
		return fmt.Errorf("mask raw/%s: %w", f.Path, err)
	}
	return nil
}

// maskedFrame is a part of a file that is masked beside others.
type maskedFrame struct {
	text []byte // whole lines, then the compressed frame
	err  error
	done chan struct{}
}

func (m *PageMasker) mask(ctx context.Context, f EvidenceFile, from io.Reader, to io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	fields := m.fields(f)
	queue := make(chan *maskedFrame, runtime.GOMAXPROCS(0))
	written := make(chan error, 1)
	go func() {
		var failed error
		for frame := range queue {
			<-frame.done
			if failed == nil {
				failed = frame.err
			}
			if failed == nil {
				_, failed = to.Write(frame.text)
			}
			if failed != nil {
				cancel(failed)
			}
		}
		written <- failed
	}()
	var text []byte
	send := func() {
		frame := &maskedFrame{text: text, done: make(chan struct{})}
		text = nil
		queue <- frame
		go func() {
			defer close(frame.done)
			frame.text, frame.err = m.frame(f, fields, frame.text)
		}()
	}
	_, err := eachLineOf(from, func(line []byte) error {
		text = append(append(text, line...), '\n')
		if len(text) >= frameSize {
			send()
		}
		return context.Cause(ctx)
	})
	if err == nil && len(text) > 0 {
		send()
	}
	close(queue)
	if failed := <-written; failed != nil {
		return failed
	}
	return err
}

// frame masks lines and compresses them.
func (m *PageMasker) frame(f EvidenceFile, fields map[string]pageField, text []byte) ([]byte, error) {
	w := &pageWriter{m: m, file: f.Resource, out: make([]byte, 0, len(text)+len(text)/8)}
	for line := range bytes.Lines(text) {
		if err := w.line(line[:len(line)-1], fields); err != nil {
			return nil, err
		}
		w.out = append(w.out, '\n')
	}
	return m.zstd.EncodeAll(w.out, nil), nil
}

// key is what becomes of what was asked: of what is asked one by one it is the id of
// a rule, task, record or permission.
func (m *PageMasker) key(resource, key string) string {
	if r, err := lookup(resource); err == nil && r.asked != "" {
		return key
	}
	return m.m.known.scrub(key)
}

// fewestRows is how many rows an answer has at least whose hash stays.
const fewestRows = 10

// Hash is what becomes of the hash of an answer, or of a file, of so many rows: it
// stays, but of few it is "masked": with all else known it would prove a guess.
func (m *PageMasker) Hash(sum string, rows int64) string {
	if rows < fewestRows && sum != "" {
		return "masked"
	}
	return sum
}

// call masks what was asked, and hashes.
func (m *PageMasker) call(c *Call) {
	c.Key = m.key(c.Resource, c.Key)
	c.BodySHA256, c.LandedSHA256 = m.Hash(c.BodySHA256, int64(c.Rows)), m.Hash(c.LandedSHA256, int64(c.Rows))
}

// addFields gives names what becomes of them, in every spelling.
func addFields(to map[string]pageField, field pageField, names string) {
	for name := range strings.FieldsSeq(names) {
		to[name], to[camel(name)], to[plainName(name)] = field, field, field
	}
}

// fields are the members of a line. Names are there as the API writes them, and
// without case and underscores for every other spelling.
func (m *PageMasker) fields(f EvidenceFile) map[string]pageField {
	line := map[string]pageField{}
	addFields(line, pageField{fate: counted}, "line walk page pages http_status ms attempt t code total_first total_last distinct_rows duplicates")
	addFields(line, pageField{fate: kept}, "operation tid verdict")
	addFields(line, pageField{fate: lookedUp, becomes: m.m.places}, "problem")
	addFields(line, pageField{fate: named}, "resource")
	addFields(line, pageField{fate: sized}, "rows")
	addFields(line, pageField{fate: asked}, "key")
	addFields(line, pageField{fate: hashed}, "body_sha256 landed_sha256")
	response := map[string]pageField{}
	addFields(response, pageField{fate: counted}, "success code t")
	addFields(response, pageField{fate: kept}, "tid")
	addFields(response, pageField{fate: within, members: m.items(f)}, "result")
	addFields(line, pageField{fate: within, members: response}, "response")
	return line
}

// items are the members of a result and of its rows.
func (m *PageMasker) items(f EvidenceFile) map[string]pageField {
	// What stands beside a list, and where rows are, has names that no column has:
	// so the members of result and those of a row are one table.
	items := map[string]pageField{}
	for _, c := range m.columns[f.Resource] {
		addFields(items, m.field(c, f.Project), c.name)
	}
	addFields(items, pageField{fate: kept}, "project_id")
	addFields(items, pageField{fate: counted}, "total total_num success_num has_more")
	block := pageField{fate: within, members: items}
	addFields(items, block, "list record_list_vo_list channel_list_vo_list")
	for _, c := range credentials {
		addFields(items, block, c+"_issue_result")
	}
	return items
}

// field is what becomes of a column, as [masker.value] says it of tables.
func (m *PageMasker) field(c pageColumn, project string) pageField {
	up := func(becomes map[string]string) pageField { return pageField{fate: lookedUp, becomes: becomes} }
	switch t := c.treatment; {
	case m.m.keeps(t) && strings.HasPrefix(c.kind, "VARCHAR"):
		return pageField{fate: kept}
	case m.m.keeps(t):
		return pageField{fate: counted}
	case t == asPerson:
		return up(m.persons[project])
	case t == asPerhaps:
		return up(m.perhaps[project])
	case t == asName:
		return up(m.m.names)
	case t == asMobile:
		return up(m.m.mobiles)
	case t == asCode:
		return up(m.m.codes)
	case t == asPlace:
		return up(m.m.places)
	case t == asGroup || t == asGroups:
		return up(m.m.groups)
	}
	return pageField{fate: hidden}
}

// plainName is a name without case and underscores: those of the API differ in them.
func plainName(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }
