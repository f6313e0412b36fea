package main

import (
	"errors"
	"fmt"
	"strings"

	"exporter/internal/deliver"
	"exporter/internal/schedule"
)

// tellFailure puts a mail to the operator into the outbox where a slot failed.
func (s *server) tellFailure(e schedule.Entry) error {
	if e.Outcome != schedule.Failed || s.cfg.Mail.Operator == "" {
		return nil
	}
	outbox := s.app.newOutbox(s.cfg)
	name := strings.TrimPrefix(e.Schedule, scheduleOfReport)
	due := e.Slot.Format("2 January 2006 15:04") + " (" + e.Slot.Location().String() + ")"
	run := fmt.Sprintf("%s-%s-%s", operatorReport, e.Slot.UTC().Format(runLayout), name)
	text := fmt.Sprintf("%s was due on %s and failed:\n\n  %s\n\n%s\n\nMore of it:\n\n  exporter why %s\n",
		e.Schedule, due, e.Why, s.afterFailure(outbox, e, name), name)
	err := outbox.Put(run, one(s.app.operatorMail(s.cfg, run, e.Schedule+" failed, due on "+due, text)))
	if errors.Is(err, deliver.ErrExists) {
		return nil
	}
	s.mailsPut()
	return err
}

// afterFailure says what follows from a failed slot, and what can be done.
func (s *server) afterFailure(outbox *deliver.Outbox, e schedule.Entry, name string) string {
	switch {
	case e.Schedule == collecting:
		return "Reports that are due go out from the newest snapshot there is, and say so. The next\n" +
			"collection runs as ever. Once the cause is gone, sooner:\n\n  exporter collect"
	case outbox.Has(mailRun(e.Slot, name)):
		return "Its mails are on their way all the same: do not send it again."
	default:
		return "Nobody got it. The next one runs as ever. Once the cause is gone, this one:\n\n" +
			"  exporter report " + name + " --send"
	}
}
