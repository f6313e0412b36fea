package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"exporter/internal/deliver"
)

// announceReport is the report of mails that tell of a bundle.
const announceReport = evidenceKind

// announce tells of a sealed bundle by mail: what is in whose mailbox cannot be
// changed with the journal.
func (a *app) announce(ctx context.Context, cfg *config, x *sealedBundle) error {
	told := cfg.Evidence.Announce
	if len(told) == 0 {
		return nil
	}
	c, at := cfg.Mail, a.now()
	outbox := a.newOutbox(cfg)
	text := x.announcement()
	verdict, _, _ := strings.Cut(x.info.Value("Verdict"), ":")
	verdict, _, _ = strings.Cut(verdict, ";")
	err := outbox.Put(at.UTC().Format(fineLayout)+"-"+announceReport, func(yield func(deliver.Message, error) bool) {
		for _, to := range told {
			m := deliver.Message{
				ID:   deliver.MessageID(announceReport, at, to, deliver.Domain(c.From)),
				From: c.From, ReplyTo: c.ReplyTo, To: to, Date: at.In(cfg.zone), Text: text, Report: announceReport, Slot: at,
				Subject: fmt.Sprintf("Evidence sealed: %s to %s, %s", x.info.Value("Period-Start"), x.info.Value("Period-End"), verdict),
			}
			if !yield(m, nil) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("the bundle is sealed, but nobody was told: mail: %w", explainDisk(err))
	}
	sent, err := a.sendOutbox(ctx, cfg, outbox)
	if err != nil {
		return fmt.Errorf("the bundle is sealed; the mail that tells of it waits: %w", err)
	}
	if sent.waiting+sent.refused > 0 {
		return &exitError{exitPart, &hintError{fmt.Errorf("the bundle is sealed; of the mails that tell of it: %s", sent), "see: exporter outbox"}}
	}
	fmt.Fprintf(a.stderr, "Told %s by mail\n", strings.Join(told, ", "))
	return nil
}

func verdictWord(p *evidencePlan) string {
	if len(p.missing) > 0 || p.goesOn() {
		return "incomplete"
	}
	return "complete"
}

// announcement is the text of such a mail.
func (x *sealedBundle) announcement() string {
	info := x.info.Value
	var t strings.Builder
	fmt.Fprintf(&t, "An evidence bundle was sealed: %s.\n\n", filepath.Base(x.Dir))
	line := func(name, value string) { fmt.Fprintf(&t, "%-14s %s\n", name, value) }
	line("Period", fmt.Sprintf("%s to %s (%s)", info("Period-Start"), info("Period-End"), info("Timezone")))
	line("Verdict", info("Verdict"))
	line("Snapshot", info("Snapshot"))
	line("Mask", info("Mask"))
	line("File", filepath.Base(x.Zip))
	line("Journal", "line "+info("Journal-Length"))
	line("", info("Journal-Head"))
	line("Tag manifest", x.TagManifestSHA256)
	line("Signed by", info("Signer"))
	line("", x.fingerprint)
	if !x.stamped.IsZero() {
		line("Time stamp", x.stamped.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(&t, `
Please keep this mail: it proves later that the journal up to this line was not
rewritten. VERIFY.txt in the bundle says how to verify it with sha256sum and
ssh-keygen; compare the fingerprint and the journal's line with those above. With
this program:

exporter evidence verify %s --anchor %s:%s
`, filepath.Base(x.Zip), info("Journal-Length"), info("Journal-Head"))
	return t.String()
}
