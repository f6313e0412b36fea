package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"exporter/internal/deliver"
	"exporter/internal/evidence"
)

// announceReport is the report of mails that tell of a bundle.
const announceReport = evidenceKind

// announce tells of a sealed bundle by mail: what is in whose mailbox cannot be
// changed with the journal.
func (b *bundle) announce(ctx context.Context, x evidence.Sealed, s *sealer) error {
	if len(s.config.Announce) == 0 {
		return nil
	}
	p, c := b.plan, b.cfg.Mail
	at := b.app.now()
	outbox := b.app.newOutbox(b.cfg)
	text := b.announcement(x, s)
	err := outbox.Put(at.UTC().Format(fineLayout)+"-"+announceReport, func(yield func(deliver.Message, error) bool) {
		for _, to := range s.config.Announce {
			m := deliver.Message{
				ID:   deliver.MessageID(announceReport, at, to, deliver.Domain(c.From)),
				From: c.From, ReplyTo: c.ReplyTo, To: to, Date: at.In(b.cfg.zone), Text: text, Report: announceReport, Slot: at,
				Subject: fmt.Sprintf("Evidence sealed: %s to %s, %s", p.from(), p.to(), verdictWord(p)),
			}
			if !yield(m, nil) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("the bundle is sealed, but nobody was told: mail: %w", explainDisk(err))
	}
	sent, err := b.app.sendOutbox(ctx, b.cfg, outbox)
	if err != nil {
		return fmt.Errorf("the bundle is sealed; the mail that tells of it waits: %w", err)
	}
	if sent.waiting+sent.refused > 0 {
		return &exitError{exitPart, &hintError{fmt.Errorf("the bundle is sealed; of the mails that tell of it: %s", sent), "see: exporter outbox"}}
	}
	fmt.Fprintf(b.app.stderr, "Told %s by mail\n", strings.Join(s.config.Announce, ", "))
	return nil
}

func verdictWord(p *evidencePlan) string {
	if len(p.missing) > 0 || p.goesOn() {
		return "incomplete"
	}
	return "complete"
}

// announcement is the text of such a mail.
func (b *bundle) announcement(x evidence.Sealed, s *sealer) string {
	p := b.plan
	var t strings.Builder
	fmt.Fprintf(&t, "An evidence bundle was sealed: %s.\n\n", p.name)
	line := func(name, value string) { fmt.Fprintf(&t, "%-14s %s\n", name, value) }
	line("Period", fmt.Sprintf("%s to %s (%s)", p.from(), p.to(), b.from.Timezone))
	line("Verdict", p.words())
	line("Snapshot", p.snapshot)
	line("Mask", b.from.Mask)
	line("File", filepath.Base(x.Zip))
	line("Journal", fmt.Sprintf("line %d", b.log.head.Seq))
	line("", b.log.head.SHA256)
	line("Tag manifest", x.TagManifestSHA256)
	line("Signed by", s.identity)
	line("", s.key.Fingerprint())
	if !s.stamped.IsZero() {
		line("Time stamp", s.stamped.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(&t, `
Please keep this mail: it proves later that the journal up to this line was not
rewritten. VERIFY.txt in the bundle says how to verify it with sha256sum and
ssh-keygen; compare the fingerprint and the journal's line with those above. With
this program:

exporter evidence verify %s --anchor %d:%s
`, filepath.Base(x.Zip), b.log.head.Seq, b.log.head.SHA256)
	return t.String()
}
