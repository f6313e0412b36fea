package main

import (
	"encoding/json"
	"errors"
	"time"

	"exporter/internal/journal"
	"exporter/internal/schedule"
)

// scheduleEntry is a schedule as serve's entry in the journal names it.
type scheduleEntry struct {
	Name   string          `json:"name"`
	Cron   string          `json:"cron"`
	Zone   string          `json:"zone"`
	Missed schedule.Policy `json:"missed"`
}

// serveEntry is the detail of kind "serve": a start with its schedules, or a stop
// with its reason.
type serveEntry struct {
	Event          string          `json:"event"`
	ProgramVersion string          `json:"program_version,omitempty"`
	Schedules      []scheduleEntry `json:"schedules,omitempty"`
	Why            string          `json:"why,omitempty"`

	at time.Time
}

// slotEntry is the detail of kind "slot": what became of one slot.
type slotEntry struct {
	Schedule string     `json:"schedule"`
	Slot     time.Time  `json:"slot"`
	Outcome  string     `json:"outcome"`
	Why      string     `json:"why,omitempty"`
	Started  time.Time  `json:"started,omitzero"`
	Finished time.Time  `json:"finished,omitzero"`
	Detail   slotDetail `json:"detail,omitzero"`
}

// slotDetail are the members of a slot's detail that are read again.
type slotDetail struct {
	Snapshot string   `json:"snapshot"`
	Since    string   `json:"since"`
	Verdict  string   `json:"verdict"`
	Requests int64    `json:"requests"`
	Retries  int64    `json:"retries"`
	Trouble  string   `json:"trouble"`
	Notices  []string `json:"notices"`
	// Unsent are those who were to get no mail, and why; Recipients is what is to be
	// known of how recipients were found.
	Unsent     []string `json:"unsent"`
	Recipients []string `json:"recipients"`
}

// UnmarshalJSON takes what it knows and passes over what is of another type: what a
// job says of itself must not make its slot unknown.
func (d *slotDetail) UnmarshalJSON(b []byte) error {
	type plain slotDetail
	err := json.Unmarshal(b, (*plain)(d))
	if _, other := errors.AsType[*json.UnmarshalTypeError](err); other {
		return nil
	}
	return err
}

// reportEntry is of the detail of kind "report", which has the members of slotDetail
// too. Slot is its due time, or when it was sent by hand; zero where it was not mailed.
type reportEntry struct {
	Report string    `json:"report"`
	Slot   time.Time `json:"slot"`
}

// mailedReport is the outcome of a report that was made and mailed, of which no entry
// of its due time tells.
const mailedReport = "mailed"

// outboxEntry is the detail of kind "outbox": mails dropped or tried again by hand, or
// set aside because they cannot be read, of which only the name is known.
type outboxEntry struct {
	Action    string `json:"action"`
	Mail      string `json:"mail"`
	MessageID string `json:"message_id"`
	Report    string `json:"report"`
	Slot      string `json:"slot"`
	To        string `json:"to"`
	Why       string `json:"why"`

	at time.Time
}

// clockEntry is the detail of kind "clock": a clock was accepted although entries
// or snapshots are later.
type clockEntry struct {
	Newest   time.Time `json:"newest"`
	Snapshot string    `json:"snapshot,omitempty"`
}

// mailEntry is the detail of kind "mail": one attempt to send one mail.
type mailEntry struct {
	MessageID string `json:"message_id"`
	Report    string `json:"report"`
	Slot      string `json:"slot"`
	To        string `json:"to"`
	Attempt   int    `json:"attempt"`
	Outcome   string `json:"outcome"`
	Code      int    `json:"code"`
	Answer    string `json:"answer"`

	at time.Time
}

// snapshotEntry is the detail of kind "snapshot".
type snapshotEntry struct {
	Snapshot string `json:"snapshot"`
	Project  string `json:"project"`
	Verdict  string `json:"verdict"`
	Rows     int64  `json:"rows"`
	Kind     string `json:"kind"`
}

// detailOf is the detail of an entry, and whether it is one of that kind.
func detailOf[T any](e journal.Entry) (T, bool) {
	var x T
	err := json.Unmarshal(e.Detail, &x)
	return x, err == nil
}
