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
	name := strings.TrimPrefix(e.Schedule, "report ")
	due := e.Slot.Format("2 January 2006 15:04") + " (" + e.Slot.Location().String() + ")"
	byHand := "exporter report " + name + " --send"
	if name == collecting {
		byHand = "exporter collect"
	}
	text := fmt.Sprintf("What was due on %s failed (%s):\n\n  %s\n\nNobody got a mail. The next due time runs as ever; this one is not made up for.\nOnce the cause is gone:\n\n  %s\n\nand for more:\n\n  exporter why %s\n",
		due, e.Schedule, e.Why, byHand, name)
	run := fmt.Sprintf("%s-%s-%s", operatorReport, e.Slot.UTC().Format("20060102T150405Z"), name)
	err := s.app.newOutbox(s.cfg).Put(run, one(s.app.operatorMail(s.cfg, run, e.Schedule+" failed, due on "+due, text)))
	if errors.Is(err, deliver.ErrExists) {
		return nil
	}
	s.mailsPut()
	return err
}
