package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"exporter/internal/deliver"
)

// sentByHand are the reports of this name that were mailed by exporter report --send:
// those at no due time. One of a due time that was cut short is none of them.
func (w *why) sentByHand() []slotEntry {
	return slices.DeleteFunc(slices.Clone(w.history.mailed), func(m slotEntry) bool {
		return m.Schedule != w.name || w.spec != nil && w.spec.Next(m.Slot.Add(-time.Second)).Equal(m.Slot) ||
			slices.ContainsFunc(w.history.slots[w.name], func(e slotEntry) bool { return e.Slot.Equal(m.Slot) })
	})
}

// tellMails tells who got what of a slot: what became of each mail last, what waits in
// the outbox, and what could not be read there.
func (w *why) tellMails(e slotEntry, at func(time.Time) string) {
	if w.report == "" {
		return
	}
	last := map[string]mailEntry{}
	var order []string
	for _, m := range w.history.mails {
		if slot, err := time.Parse(time.RFC3339, m.Slot); m.Report != w.report || err != nil || !slot.Equal(e.Slot) {
			continue
		}
		if _, seen := last[m.MessageID]; !seen {
			order = append(order, m.MessageID)
		}
		last[m.MessageID] = m
	}
	for _, x := range w.outbox {
		if x.Report != w.report || !x.Slot.Equal(e.Slot) || x.State != deliver.Waiting || last[x.MessageID].Outcome == deliver.Accepted {
			continue
		}
		order = slices.DeleteFunc(order, func(id string) bool { return id == x.MessageID })
		answer := ""
		if x.LastAnswer != "" {
			answer = ": " + printable(x.LastAnswer)
		}
		w.say("  Mail to %s: waits in the outbox, tried %s, next at %s%s", x.To, plural(int64(x.Attempts), "time"), at(x.Next), answer)
	}
	for _, id := range order {
		m := last[id]
		answer := strings.TrimSpace(m.Answer)
		if m.Code != 0 && !strings.HasPrefix(answer, fmt.Sprint(m.Code)) {
			answer = fmt.Sprint(m.Code, " ", answer)
		}
		if answer != "" {
			answer = ": " + answer
		}
		if m.Attempt > 0 {
			answer = fmt.Sprintf(", attempt %d%s", m.Attempt, answer)
		}
		w.say("  Mail to %s: %s at %s%s", printable(m.To), m.Outcome, at(m.at), printable(answer))
	}
	for _, x := range w.history.aside {
		if strings.HasPrefix(x.Mail, mailRun(e.Slot, w.report)+"/") {
			w.say("  Mail %s: set aside at %s, for it could not be read: %s", x.Mail, at(x.at), printable(x.Why))
		}
	}
}
