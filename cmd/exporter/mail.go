package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"exporter/internal/cloud"
	"exporter/internal/deliver"
	"exporter/internal/journal"
)

// mailConfig says how mails leave, from whom, and whom they may go to.
type mailConfig struct {
	Server   string       `yaml:"server"`
	Password cloud.Secret `yaml:"password"`
	From     string       `yaml:"from"`
	ReplyTo  string       `yaml:"reply_to"`
	// Operator is told of mails that could not be delivered.
	Operator string `yaml:"operator"`
	// Domains are those that mails may go to; none: any.
	Domains []string `yaml:"domains"`
	CAFile  string   `yaml:"ca_file"`
	// MaxAttachment is the size of a mail's files above which not all of them
	// are attached.
	MaxAttachment string `yaml:"max_attachment"`
	// GiveUp is how long a mail is tried.
	GiveUp time.Duration `yaml:"give_up"`

	maxAttachment int64 // bytes
	// noPassword is why the password could not be read. Who only reads the store
	// needs none.
	noPassword error
}

// validateMail checks the section of mails, and the recipients of reports.
func (c *config) validateMail(fault func(key, format string, args ...any)) {
	m := &c.Mail
	m.CAFile = c.abs(m.CAFile)
	if folder, ok := strings.CutPrefix(m.Server, "file:"); ok && folder != "" {
		m.Server = "file:" + c.abs(folder)
	}
	if m.Server != "" {
		password := string(m.Password)
		if m.noPassword != nil {
			password = "not read"
		}
		if _, err := deliver.ParseServer(m.Server, password, ""); err != nil {
			fault("mail.server", "%v", err)
		}
		if m.From == "" {
			fault("mail.from", "missing")
		}
	}
	for key, sender := range map[string]string{"mail.from": m.From, "mail.reply_to": m.ReplyTo} {
		if sender != "" {
			if err := deliver.CheckSender(sender); err != nil {
				fault(key, "%v", err)
			}
		}
	}
	for i, d := range m.Domains {
		m.Domains[i] = strings.ToLower(d)
		if deliver.CheckAddress("a@"+d) != nil || !strings.Contains(d, ".") {
			fault(fmt.Sprintf("mail.domains[%d]", i), "%q is no domain such as example.com", d)
		}
	}
	if m.Operator != "" {
		if err := m.checkRecipient(m.Operator); err != nil {
			fault("mail.operator", "%v", err)
		}
		if m.Server == "" {
			fault("mail.server", "missing, although mail.operator is to be told by it")
		}
		if m.From == "" {
			fault("mail.from", "missing, although mail.operator is to be told")
		}
	}
	var err error
	if m.maxAttachment, err = parseSize(m.MaxAttachment); err != nil {
		fault("mail.max_attachment", "%v", err)
	}
	if m.GiveUp < time.Minute {
		fault("mail.give_up", "must be a minute at least")
	}
	c.validateRecipients(fault)
}

// validateRecipients checks to whom reports are sent.
func (c *config) validateRecipients(fault func(key, format string, args ...any)) {
	m := &c.Mail
	for i, r := range c.Reports {
		seen := map[string]bool{}
		for j, to := range r.To {
			key := fmt.Sprintf("reports[%d].to[%d]", i, j)
			if err := m.checkRecipient(to); err != nil {
				fault(key, "%v", err)
			} else if seen[strings.ToLower(to)] {
				fault(key, "%s stands twice", to)
			}
			seen[strings.ToLower(to)] = true
		}
		if len(r.To) > 0 && m.From == "" && m.Server == "" {
			fault("mail.from", "missing, although reports[%d] has recipients", i)
		}
	}
}

// checkRecipient errs unless a mail may go to the address.
func (m *mailConfig) checkRecipient(address string) error {
	if err := deliver.CheckAddress(address); err != nil {
		return err
	}
	if len(m.Domains) > 0 && !slices.Contains(m.Domains, deliver.Domain(address)) {
		return fmt.Errorf("%s: its domain is not one of mail.domains", address)
	}
	return nil
}

// parseSize reads a size such as 10MB, 500 kB or 1000000 as bytes.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "kMGB ")
	unit, known := map[string]float64{"": 1, "B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[strings.TrimSpace(s[len(digits):])]
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known || !(n > 0) || n*unit > 1e12 {
		return 0, fmt.Errorf("%q is no size such as 10MB", s)
	}
	return int64(n * unit), nil
}

// newOutbox is the outbox of the store, without a server to send by.
func (a *app) newOutbox(cfg *config) *deliver.Outbox {
	return &deliver.Outbox{
		Dir: filepath.Join(cfg.Store.Dir, "outbox"), Now: a.now, GiveUp: cfg.Mail.GiveUp, Domains: cfg.Mail.Domains,
	}
}

// mailServer is the configured one.
func (m *mailConfig) mailServer() (*deliver.Server, error) {
	if m.Server == "" {
		return nil, usage(errors.New("there is no mail server"), "set mail.server and mail.from in reports.yaml")
	}
	if m.noPassword != nil {
		return nil, usage(m.noPassword, "")
	}
	s, err := deliver.ParseServer(m.Server, string(m.Password), m.CAFile)
	if err != nil {
		return nil, usage(fmt.Errorf("mail.server: %w", err), "")
	}
	return s, nil
}

// sent is what came of a pass over the outbox.
type sent struct {
	accepted, waiting, refused int // mails
	next                       time.Time
}

// sendOutbox tries all mails that are due, enters each attempt into the journal,
// and tells the operator of those that were refused. Beside an error what it
// returns holds for the mails that it got to.
func (a *app) sendOutbox(ctx context.Context, cfg *config, o *deliver.Outbox) (s sent, err error) {
	// Without mails none is needed: what a crash left is put in order all the same.
	if o.Server, err = cfg.Mail.mailServer(); err != nil {
		if waiting, damaged := o.List(); len(waiting) > 0 || damaged != nil {
			return s, errors.Join(err, damaged)
		}
	}
	s, err = a.sendDue(ctx, cfg, o)
	if ctx.Err() != nil {
		return s, err
	}
	told, tellErr := a.tellOperator(ctx, cfg, o)
	toldDamaged, damagedErr := a.tellDamaged(cfg, o, damaged(err))
	err = errors.Join(err, tellErr, damagedErr)
	if told || toldDamaged {
		more, moreErr := a.sendDue(ctx, cfg, o)
		s.waiting, s.next = more.waiting, more.next
		err = errors.Join(err, moreErr)
	}
	return s, explainDisk(err)
}

// sendDue makes one pass over the outbox.
func (a *app) sendDue(ctx context.Context, cfg *config, o *deliver.Outbox) (s sent, err error) {
	j := cfg.journal(a.now)
	known := a.acceptedMails
	if known == nil {
		known = newHistory(cfg, false).acceptedMails
	}
	s.next, err = o.Send(ctx, known, func(t deliver.Attempt) error {
		switch {
		case t.Outcome == deliver.Accepted:
			s.accepted++
		case t.MessageID == "":
			a.log.Warn("mail server", "mails", t.Mails, "outcome", t.Outcome, "answer", t.Answer)
		default:
			a.log.Warn("mail", "report", t.Report, "recipient", t.To, "outcome", t.Outcome, "answer", t.Answer)
		}
		if t.Outcome == deliver.Refused {
			s.refused++
		}
		_, err := j.Append("mail", t)
		return err
	})
	err = errors.Join(err, enterDamaged(j, damaged(err)))
	entries, _ := o.List() // what is damaged has been said
	for _, e := range entries {
		if e.State == deliver.Waiting {
			s.waiting++
		}
	}
	return s, err
}

// enterDamaged enters mails that were set aside into the journal, each once: where a
// file cannot be renamed it is found again at each pass.
func enterDamaged(j *ownJournal, all []*deliver.Damaged) error {
	if len(all) == 0 {
		return nil
	}
	entered := map[string]bool{}
	_, err := journal.Read(j.Path(), func(e journal.Entry) error {
		var x struct{ Action, Mail string }
		if e.Kind == "outbox" && json.Unmarshal(e.Detail, &x) == nil && x.Action == setAside {
			entered[x.Mail] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range all {
		if entered[d.Name] {
			continue
		}
		if _, err := j.Append("outbox", map[string]any{"action": setAside, "mail": d.Name, "why": d.Err.Error()}); err != nil {
			return err
		}
	}
	return nil
}

// setAside is the action by which the journal knows a mail that cannot be read.
const setAside = "set aside"

// damaged are the entries that err says cannot be read.
func damaged(err error) (all []*deliver.Damaged) {
	switch e := err.(type) {
	case *deliver.Damaged:
		return []*deliver.Damaged{e}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, damaged(inner)...)
		}
	case interface{ Unwrap() error }:
		return damaged(e.Unwrap())
	}
	return all
}

// tellOperator puts one mail into the outbox that names the refused mails which
// the operator does not know of, and says whether it did.
func (a *app) tellOperator(ctx context.Context, cfg *config, o *deliver.Outbox) (put bool, err error) {
	entries, _ := o.List()
	refused := slices.DeleteFunc(entries, func(e deliver.Entry) bool {
		return e.State != deliver.Refused || e.Told || e.Report == operatorReport
	})
	if len(refused) == 0 || cfg.Mail.Operator == "" {
		return false, nil
	}
	// The run is called for what it tells, so that a crash before MarkTold does
	// not tell it twice.
	h := sha256.New()
	var names []string
	for _, e := range refused {
		fmt.Fprintln(h, e.MessageID, e.Deadline)
		names = append(names, e.Name())
	}
	run := fmt.Sprintf("%s-%x", operatorReport, h.Sum(nil)[:12])
	subject := plural(int64(len(refused)), "mail") + " could not be delivered"
	err = o.Put(run, one(a.operatorMail(cfg, run, subject, refusedWords(cfg, refused))))
	if errors.Is(err, deliver.ErrExists) {
		return false, o.MarkTold(ctx, names)
	}
	if err != nil {
		return false, err
	}
	return true, o.MarkTold(ctx, names)
}

// tellDamaged puts one mail to the operator into the outbox that names mails which
// cannot be read, and says whether it did: somebody may wait for them.
func (a *app) tellDamaged(cfg *config, o *deliver.Outbox, all []*deliver.Damaged) (put bool, err error) {
	if len(all) == 0 || cfg.Mail.Operator == "" {
		return false, nil
	}
	var b strings.Builder
	subject := plural(int64(len(all)), "mail") + " in the outbox cannot be read"
	fmt.Fprintf(&b, "%s, and will not be sent. What is left of them is kept as *.damaged in\n%s:\n\n", subject, o.Dir)
	for _, d := range all {
		fmt.Fprintf(&b, "  %s: %v\n", d.Name, d.Err)
	}
	b.WriteString("\nA mail is called for its run, and that for its report: send it again where it is needed.\n")
	run := fmt.Sprintf("%s-%x", operatorReport, sha256.Sum256([]byte(b.String())))[:40]
	err = o.Put(run, one(a.operatorMail(cfg, run, subject, b.String())))
	if errors.Is(err, deliver.ErrExists) {
		return false, nil
	}
	return err == nil, err
}

// operatorReport is the report of mails to the operator; nobody is told of those.
const operatorReport = "operator"

// operatorMail is a mail to the operator; the same run gives the same one.
func (a *app) operatorMail(cfg *config, run, subject, text string) deliver.Message {
	now := a.now().In(cfg.zone).Truncate(time.Second)
	return deliver.Message{
		ID:   deliver.MessageID(run, time.Time{}, cfg.Mail.Operator, deliver.Domain(cfg.Mail.From)),
		From: cfg.Mail.From, To: cfg.Mail.Operator, Subject: subject, Text: text, Date: now, Report: operatorReport, Slot: now,
	}
}

// refusedWords tell of refused mails.
func refusedWords(cfg *config, refused []deliver.Entry) string {
	which := "--all"
	if len(refused) == 1 {
		which = refused[0].Name()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s could not be delivered, and will not be tried again:\n", plural(int64(len(refused)), "mail"))
	for _, e := range refused {
		fmt.Fprintf(&b, "\n%s\n  to       %s\n  of       %s, %s\n  because  %s\n  mail     %s\n", e.Subject, e.To, e.Report,
			e.Slot.In(cfg.zone).Format("2 January 2006 15:04"), e.LastAnswer, e.Name())
	}
	fmt.Fprintf(&b, "\nCorrect the address or the server's settings, then run:\n\n"+
		"  exporter outbox retry %s\n\nor, where it need not be delivered any more:\n\n  exporter outbox drop %s\n", which, which)
	return b.String()
}

// one is a single message for [deliver.Outbox.Put].
func one(m deliver.Message) iter.Seq2[deliver.Message, error] {
	return func(yield func(deliver.Message, error) bool) { yield(m, nil) }
}
