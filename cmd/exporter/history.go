package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"exporter/internal/deliver"
	"exporter/internal/journal"
	"exporter/internal/schedule"
	"exporter/internal/store"
)

// history is what the journal says of schedules, mails and snapshots. It is safe
// for concurrent use.
type history struct {
	path  string
	whole bool // slots, serves and mails are kept, to tell of them
	// remember is how long it is known which mails were accepted, and which slots
	// begun: for as long as their mails may be in the outbox.
	remember time.Duration

	mu     sync.Mutex
	offset int64 // up to where the journal has been read
	// newest is the time of the latest entry, by the clock that counts: since one
	// was last accepted. Snapshots up to believed are older than that.
	newest    time.Time
	believed  string
	schedules map[string]*scheduleState
	// slots are by schedule, in the journal's order. Unless the history is whole, they
	// are the collections that reports to come may be made from.
	slots     map[string][]slotEntry
	serves    []serveEntry             // where it is whole
	mails     []mailEntry              // where it is whole
	aside     []outboxEntry            // where it is whole: mails that could not be read
	mailed    []slotEntry              // where it is whole: reports with mails, with the outcome mailedReport
	begun     map[slotKey]begunSlot    // those whose report was made, which is before its mails go
	accepted  map[string]time.Time     // by Message-ID: when a server took it
	published map[string]snapshotEntry // by project, the newest that is complete
	rows      map[string]int64         // by project, of its newest snapshot
	// Counted over all slots and mails.
	requests, retries int64
	attempts          map[string]int64 // by the answer to a mail
}

// slotKey is a due time of a schedule, in UTC.
type slotKey struct {
	schedule string
	at       time.Time
}

// begunSlot is what the report of a slot was made from.
type begunSlot struct {
	snapshot, since string
	at              time.Time // when it was made
}

// scheduleState is where a schedule stands.
type scheduleState struct {
	scheduleEntry
	since       time.Time // the last slot that is accounted for, or when it began
	snapshot    string    // of the last slot that has one
	lastSuccess time.Time
	outcomes    map[string]int64 // how many slots had which
}

// newHistory is the history in a store's journal, empty until it is refreshed. A
// whole one grows with the journal; else it is bounded.
func newHistory(cfg *config, whole bool) *history {
	h := &history{path: cfg.journalPath(), whole: whole, remember: cfg.Mail.GiveUp + 31*24*time.Hour}
	h.clear()
	return h
}

func (h *history) clear() {
	h.offset, h.newest, h.believed = 0, time.Time{}, ""
	h.schedules, h.slots = map[string]*scheduleState{}, map[string][]slotEntry{}
	h.published, h.rows = map[string]snapshotEntry{}, map[string]int64{}
	h.serves, h.mails, h.aside, h.mailed = nil, nil, nil, nil
	h.begun, h.accepted = map[slotKey]begunSlot{}, map[string]time.Time{}
	h.requests, h.retries, h.attempts = 0, 0, map[string]int64{}
}

// refresh takes in what has been added to the journal. What is no whole entry is
// passed over.
func (h *history) refresh() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, err := os.Open(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		h.clear()
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < h.offset { // it is another
		h.clear()
	}
	defer h.forget()
	lines := bufio.NewReader(io.NewSectionReader(f, h.offset, info.Size()-h.offset))
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what has no newline is being written
		}
		if err != nil {
			return err
		}
		h.offset += int64(len(line))
		var e journal.Entry
		if json.Unmarshal(line, &e) == nil {
			h.add(e)
		}
	}
}

// forget drops what is too old to be asked for.
func (h *history) forget() {
	before := h.newest.Add(-h.remember)
	maps.DeleteFunc(h.accepted, func(_ string, at time.Time) bool { return at.Before(before) })
	maps.DeleteFunc(h.begun, func(_ slotKey, b begunSlot) bool { return b.at.Before(before) })
}

// add takes in one entry.
func (h *history) add(e journal.Entry) {
	if e.At.After(h.newest) {
		h.newest = e.At
	}
	switch e.Kind {
	case "serve":
		if x, ok := detailOf[serveEntry](e); ok {
			x.at = e.At
			h.began(x)
			if h.whole {
				h.serves = append(h.serves, x)
			}
		}
	case "slot":
		if x, ok := detailOf[slotEntry](e); ok {
			h.accounted(x)
		}
	case "report":
		h.made(e)
	case "clock":
		x, _ := detailOf[clockEntry](e)
		h.newest, h.believed = e.At, x.Snapshot
		for _, s := range h.schedules {
			if s.since.After(e.At) {
				s.since = e.At
			}
		}
	case "mail":
		if x, ok := detailOf[mailEntry](e); ok {
			x.at = e.At
			h.attempts[x.Outcome]++
			if x.Outcome == deliver.Accepted {
				h.accepted[x.MessageID] = e.At
			}
			if h.whole {
				h.mails = append(h.mails, x)
			}
		}
	case "outbox":
		if x, ok := detailOf[outboxEntry](e); ok && h.whole {
			x.at = e.At
			h.changed(x)
		}
	case "snapshot":
		x, ok := detailOf[snapshotEntry](e)
		if !ok || x.Kind == "purge" || x.Kind == "inputs" {
			return
		}
		h.rows[x.Project] = x.Rows
		if x.Verdict != store.Partial && x.Snapshot > h.published[x.Project].Snapshot {
			h.published[x.Project] = x
		}
	}
}

// made takes in that a report was made to be mailed.
func (h *history) made(e journal.Entry) {
	x, ok := detailOf[reportEntry](e)
	d, _ := detailOf[slotDetail](e)
	if !ok || x.Slot.IsZero() {
		return
	}
	h.begun[slotKey{reportSchedule(x.Report), x.Slot.UTC()}] = begunSlot{d.Snapshot, d.Since, e.At}
	if h.whole {
		h.mailed = append(h.mailed, slotEntry{Schedule: reportSchedule(x.Report), Slot: x.Slot, Outcome: mailedReport, Detail: d})
	}
}

// changed takes in what was done to a mail in the outbox.
func (h *history) changed(x outboxEntry) {
	switch x.Action {
	case "drop":
		h.mails = append(h.mails, mailEntry{MessageID: x.MessageID, Report: x.Report, Slot: x.Slot, To: x.To, Outcome: "dropped by hand", at: x.at})
	case "set aside":
		h.aside = append(h.aside, x)
	}
}

// began keeps what a start of serve names: a schedule that is new, or whose times
// are others now, begins with it.
func (h *history) began(x serveEntry) {
	if x.Event != "start" {
		return
	}
	before := h.schedules
	h.schedules = map[string]*scheduleState{}
	for _, s := range x.Schedules {
		state := before[s.Name]
		if state == nil {
			state = &scheduleState{outcomes: map[string]int64{}, since: x.at}
		} else if state.Cron != s.Cron || state.Zone != s.Zone {
			state.since = x.at
		}
		state.scheduleEntry = s
		h.schedules[s.Name] = state
	}
}

// accounted takes in what became of a slot.
func (h *history) accounted(x slotEntry) {
	h.requests += x.Detail.Requests
	h.retries += x.Detail.Retries
	if s := h.schedules[x.Schedule]; s != nil {
		s.accounted(x)
	}
	if h.whole || x.Schedule == collecting {
		h.slots[x.Schedule] = append(h.slots[x.Schedule], x)
	}
	if h.whole {
		return
	}
	// No report will be made from a collection before the one that was the newest at
	// the oldest slot up to which all is done.
	oldest := x.Slot
	for _, s := range h.schedules {
		if s.since.Before(oldest) {
			oldest = s.since
		}
	}
	c := h.slots[collecting]
	for len(c) > 1 && !c[1].Slot.After(oldest) {
		c = c[1:]
	}
	h.slots[collecting] = slices.Clip(c)
}

func (s *scheduleState) accounted(x slotEntry) {
	s.since = x.Slot
	s.outcomes[x.Outcome]++
	if x.Outcome == schedule.Skipped || x.Outcome == schedule.Failed {
		return
	}
	s.lastSuccess = x.Finished
	if x.Detail.Snapshot != "" {
		s.snapshot = x.Detail.Snapshot
	}
}

// last is the time of the latest entry.
func (h *history) last() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.newest
}

// wasBegun is what a slot's report was made from, and whether it was.
func (h *history) wasBegun(name string, at time.Time) (begunSlot, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b, ok := h.begun[slotKey{name, at.UTC()}]
	return b, ok
}

// acceptedMails are the IDs of the messages that a server has taken and that may
// still be in the outbox.
func (h *history) acceptedMails() (map[string]bool, error) {
	err := h.refresh()
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := map[string]bool{}
	for id := range h.accepted {
		ids[id] = true
	}
	return ids, err
}

// state is where a schedule stands; the zero value where it is not known.
func (h *history) state(name string) scheduleState {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.schedules[name]; s != nil {
		return *s
	}
	return scheduleState{}
}

// upTo is the entry of a schedule's newest slot that is not after a time; the zero
// value where there is none.
func (h *history) upTo(name string, at time.Time) slotEntry {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.slots[name]
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].Slot.After(at) {
			return all[i]
		}
	}
	return slotEntry{}
}
