package main

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"exporter/internal/deliver"
	"exporter/internal/reports"
)

// sendReports makes reports and their mails, and sends these, or writes them down.
func (a *app) sendReports(ctx context.Context, cfg *config, names []string, f *reportFlags) error {
	if f.send && f.preview {
		return usage(errors.New("--send and --preview exclude each other"), "--preview writes the mails that --send would send")
	}
	names, err := cfg.withRecipients(names)
	if err != nil {
		return err
	}
	s := &mailing{cfg: cfg, at: a.now().UTC(), now: a.now, byHand: true}
	if f.preview {
		s.preview = filepath.Join(f.out, "mail")
	} else if _, err := cfg.Mail.mailServer(); err != nil {
		return err
	} else {
		s.outbox = a.newOutbox(cfg)
	}
	f.mailing = s
	all, err := a.makeReports(ctx, cfg, names, f)
	written := 0
	for _, m := range all {
		written += len(m.mails.list)
		for _, x := range m.mails.told {
			fmt.Fprintf(a.stderr, "%s: %s\n", m.name, x)
		}
		for _, x := range m.mails.unsent {
			fmt.Fprintf(a.stderr, "%s: no mail to %s\n", m.name, x)
		}
	}
	if f.preview {
		fmt.Fprintf(a.stderr, "%s in %s; none was sent\n", plural(int64(written), "mail"), s.preview)
		return err
	}
	return errors.Join(err, a.sendNow(ctx, cfg))
}

// withRecipients are the named reports, all of which must have recipients; or all
// that have.
func (c *config) withRecipients(names []string) ([]string, error) {
	has := func(name string) bool { r := c.reportConfig(name); return len(r.To) > 0 || r.Split != nil }
	const hint = "give it recipients in reports.yaml: to: [manager@example.com]"
	for _, name := range names {
		if _, err := chooseReports(c.definitions, []string{name}); err != nil {
			return nil, err
		}
		if !has(name) {
			return nil, usage(fmt.Errorf("report %s has no recipients", name), hint)
		}
	}
	if len(names) > 0 {
		return names, nil
	}
	for _, r := range c.Reports {
		if has(r.Name) {
			names = append(names, r.Name)
		}
	}
	if len(names) == 0 {
		return nil, usage(errors.New("no report has recipients"), hint)
	}
	return names, nil
}

// mailing is what the mails of one command, or of one due time, have in common.
type mailing struct {
	cfg     *config
	outbox  *deliver.Outbox
	at      time.Time // the due time, or when it was asked for
	now     func() time.Time
	notices []string // what recipients have to know of how the report was made
	byHand  bool     // at is no due time: what is sent again is another mail
	preview string   // folder for the mails instead of the outbox; "" sends them
}

// letter is a mail of a report to one recipient, its files still drafts.
type letter struct {
	to    string
	body  reports.Mail
	files []attachment
}

// attachment is a file that goes with a mail.
type attachment struct{ name, path string }

// mails are those of one report.
type mails struct {
	list    []letter
	unsent  []string       // who gets none, and why
	parts   map[string]any // how the report was parted, for the journal
	told    []string       // what is to be known of the recipients
	beside  []file         // files of parts that are too large for a mail
	maxSize int64
}

// mailRun names the mails of a report in the outbox: the same whenever the same due
// time is run.
func mailRun(at time.Time, report string) string { return at.UTC().Format(runLayout) + "-" + report }

// run names the mails of one report. What is sent by hand has a finer time in its
// name, which no due time has.
func (s *mailing) run(report string) string {
	if s.byHand {
		return s.at.Format(fineLayout) + "-" + report
	}
	return mailRun(s.at, report)
}

// runLayout is a time, in UTC, in the names of runs and of snapshots.
const runLayout = "20060102T150405Z"

// fineLayout is the same of what is done by hand, perhaps twice in a second.
const fineLayout = "20060102T150405.000000000Z"

// prepareMails makes the mails of a report: the whole one for those in to, a part
// for each recipient of a split.
func (r *reportRun) prepareMails(ctx context.Context, d reports.Definition, report *reports.Report, files []file) (m mails, err error) {
	rc := r.cfg.reportConfig(d.Name)
	m.maxSize = r.cfg.Mail.maxAttachment
	if len(rc.To) > 0 {
		if why := rc.When.unmet(report); why != "" {
			m.unsent = append(m.unsent, fmt.Sprintf("%s: %s", strings.Join(rc.To, ", "), why))
		} else if err := r.addMail(&m, report, rc.To, files, nil); err != nil {
			return m, err
		}
	}
	if rc.Split == nil {
		return m, nil
	}
	return m, r.prepareParts(ctx, d, report, &m)
}

// prepareParts makes the mails of a report that is parted among its recipients.
func (r *reportRun) prepareParts(ctx context.Context, d reports.Definition, whole *reports.Report, m *mails) error {
	rc := r.cfg.reportConfig(d.Name)
	parts, told, err := r.resolve(ctx, d, whole, rc.Split)
	if err != nil {
		return err
	}
	info := partInfo(rc.Split.By, parts)
	m.told = told
	m.parts = map[string]any{"by": info.By, "recipients": info.Recipients, "rows": info.Rows, "fallback": info.Fallback}
	law := &partsLaw{by: rc.Split.By}
	for i, x := range parts {
		part, err := whole.Part(rc.Split.By, x.Values, x.To)
		if err != nil {
			return err
		}
		law.add(part)
		if why := rc.When.unmet(part); why != "" {
			m.unsent = append(m.unsent, fmt.Sprintf("%s: %s", x.To, why))
			continue
		}
		files, err := r.write(ctx, part, r.formats(d))
		if err != nil {
			return fmt.Errorf("part for %s: %w", x.To, err)
		}
		for n := range files {
			files[n].path = filepath.Join(r.flags.out, d.Name+".parts", fmt.Sprintf("%04d", i+1), filepath.Base(files[n].path))
		}
		if err := r.addMail(m, part, []string{x.To}, files, info); err != nil {
			return err
		}
	}
	return law.check(whole)
}

// enter adds to a report's entry in the journal what its mails are of.
func (s *mailing) enter(entry map[string]any, m mails) {
	if s.preview != "" {
		return
	}
	entry["slot"], entry["mails"] = s.at, len(m.list)
	if m.parts != nil {
		entry["parts"] = m.parts
	}
	if len(m.told) > 0 {
		entry["recipients"] = m.told
	}
	if len(m.unsent) > 0 {
		entry["unsent"] = m.unsent
	}
}

// addMail adds a mail to each of some recipients.
func (r *reportRun) addMail(m *mails, report *reports.Report, to []string, files []file, parts *reports.PartInfo) error {
	attached, told, err := r.attach(report.Name(), files, m.maxSize)
	if err != nil {
		return err
	}
	if parts != nil && len(attached) < len(files) && !slices.ContainsFunc(attached, isZip) {
		m.beside = append(m.beside, files...)
	}
	body, err := report.Mail(r.fonts, reports.MailOptions{Notices: r.mailing.notices, Attachments: told, Parts: parts})
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	for _, address := range to {
		m.list = append(m.list, letter{address, body, attached})
	}
	return nil
}

func isZip(a attachment) bool { return filepath.Ext(a.name) == ".zip" }

// attach chooses which files go with a mail of at most so many bytes of them: all;
// else one zip of all; else the PDF alone, beside where the others are.
func (r *reportRun) attach(report string, files []file, most int64) (attached []attachment, told []reports.Attachment, err error) {
	var all int64
	sizes := make([]int64, len(files))
	for i, f := range files {
		info, err := os.Stat(f.draft)
		if err != nil {
			return nil, nil, err
		}
		sizes[i] = info.Size()
		all += info.Size()
	}
	add := func(name, path string, size int64, note string) {
		attached = append(attached, attachment{name, path})
		told = append(told, reports.Attachment{Name: name, Bytes: size, Note: note})
	}
	if all <= most {
		for i, f := range files {
			add(filepath.Base(f.path), f.draft, sizes[i], "")
		}
		return attached, told, nil
	}
	packed, size, err := r.zip(files)
	if err != nil {
		return nil, nil, err
	}
	if size <= most {
		add(report+".zip", packed, size, plural(int64(len(files)), "file"))
		return attached, told, nil
	}
	for i, f := range files {
		name := filepath.Base(f.path)
		if filepath.Ext(name) == ".pdf" && sizes[i] <= most {
			add(name, f.draft, sizes[i], "")
			continue
		}
		path, err := filepath.Abs(f.path)
		if err != nil {
			return nil, nil, err
		}
		told = append(told, reports.Attachment{Name: name, Bytes: sizes[i], Path: path, SHA256: f.sha256})
	}
	return attached, told, nil
}

// zip packs files into a draft: the same files give the same bytes.
func (r *reportRun) zip(files []file) (path string, size int64, err error) {
	f, err := os.CreateTemp(r.drafts, "zip.*")
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := zip.NewWriter(f)
	for _, x := range files {
		to, err := w.Create(filepath.Base(x.path))
		if err != nil {
			return "", 0, err
		}
		from, err := os.Open(x.draft)
		if err != nil {
			return "", 0, err
		}
		_, err = io.Copy(to, from)
		if err := errors.Join(err, from.Close()); err != nil {
			return "", 0, err
		}
	}
	if err := w.Close(); err != nil {
		return "", 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	return f.Name(), info.Size(), nil
}

// messages are the mails of a report with their files, read one by one.
func (s *mailing) messages(report string, list []letter) iter.Seq2[deliver.Message, error] {
	return func(yield func(deliver.Message, error) bool) {
		for _, m := range list {
			if !yield(s.message(report, m)) {
				return
			}
		}
	}
}

func (s *mailing) message(report string, m letter) (deliver.Message, error) {
	c := s.cfg.Mail
	x := deliver.Message{
		ID:   deliver.MessageID(report, s.at, m.to, deliver.Domain(c.From)),
		From: c.From, ReplyTo: c.ReplyTo, To: m.to, Subject: m.body.Subject, Text: m.body.Text, HTML: m.body.HTML,
		Date: s.now(), Report: report, Slot: s.at,
	}
	for _, i := range m.body.Images {
		x.Inline = append(x.Inline, deliver.File{Name: i.CID, CID: i.CID, Type: i.Type, Bytes: i.Data})
	}
	for _, f := range m.files {
		b, err := os.ReadFile(f.path)
		if err != nil {
			return x, err
		}
		x.Attach = append(x.Attach, deliver.File{Name: f.name, Type: mediaType(f.name), Bytes: b})
	}
	return x, nil
}

// mediaType is the type of a file of a report by its name.
func mediaType(name string) string {
	types := map[string]string{
		".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".pdf": "application/pdf", ".html": "text/html",
		".csv": "text/csv", ".json": "application/json", ".zip": "application/zip", ".parquet": "application/vnd.apache.parquet",
	}
	if t, ok := types[filepath.Ext(name)]; ok {
		return t
	}
	return "application/octet-stream"
}

// put hands the mails of a report over: to the outbox, all or none, or as files to
// the folder of a preview. What is in the outbox already, from a run of the same due
// time that was cut short, stays as it is.
func (s *mailing) put(report string, m mails) error {
	if len(m.list) == 0 {
		return nil
	}
	if s.preview != "" {
		if err := s.writePreview(report, m.list); err != nil {
			return err
		}
	} else if err := s.outbox.Put(s.run(report), s.messages(report, m.list)); err != nil && (s.byHand || !errors.Is(err, deliver.ErrExists)) {
		return fmt.Errorf("mail: %w", err)
	}
	for _, f := range m.beside {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
			return err
		}
		if err := nameOutputs(filepath.Dir(f.path), []file{f}); err != nil {
			return err
		}
	}
	return nil
}

// writePreview writes each mail as NAME-0001.eml.
func (s *mailing) writePreview(report string, list []letter) error {
	if err := os.MkdirAll(s.preview, 0o700); err != nil {
		return err
	}
	n := 0
	for m, err := range s.messages(report, list) {
		if err != nil {
			return err
		}
		b, err := deliver.Compose(m)
		if err != nil {
			return err
		}
		n++
		if err := os.WriteFile(filepath.Join(s.preview, fmt.Sprintf("%s-%04d.eml", report, n)), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}
