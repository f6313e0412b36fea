package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
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
	path string

	mu     sync.Mutex
	offset int64 // up to where the journal has been read
	// newest is the time of the latest entry, by the clock that counts: since one
	// was last accepted. Snapshots up to believed are older than that.
	newest    time.Time
	believed  string
	schedules map[string]*scheduleState
	slots     map[string][]slotEntry // by schedule, in the journal's order
	serves    []serveEntry
	mails     []mailEntry
	begun     map[string]time.Time     // by schedule: the newest slot whose report was made
	published map[string]snapshotEntry // by project, the newest that is complete
	rows      map[string]int64         // by project, of its newest snapshot
	// Counted over all slots and mails.
	requests, retries int64
	attempts          map[string]int64 // by the answer to a mail
	accepted          map[string]bool  // Message-IDs
}

// scheduleState is where a schedule stands.
type scheduleState struct {
	scheduleEntry
	since       time.Time // the last slot that is accounted for, or when it began
	snapshot    string    // of the last slot that has one
	lastSuccess time.Time
	outcomes    map[string]int64 // how many slots had which
}

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

// newHistory is the history in the journal at path. It is empty until it is
// refreshed.
func newHistory(path string) *history {
	h := &history{path: path}
	h.clear()
	return h
}

func (h *history) clear() {
	h.offset, h.newest, h.believed = 0, time.Time{}, ""
	h.schedules, h.slots = map[string]*scheduleState{}, map[string][]slotEntry{}
	h.published, h.rows = map[string]snapshotEntry{}, map[string]int64{}
	h.serves, h.mails, h.begun = nil, nil, map[string]time.Time{}
	h.requests, h.retries, h.attempts, h.accepted = 0, 0, map[string]int64{}, map[string]bool{}
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
	added, err := io.ReadAll(io.NewSectionReader(f, h.offset, info.Size()-h.offset))
	if err != nil {
		return err
	}
	added = added[:bytes.LastIndexByte(added, '\n')+1]
	h.offset += int64(len(added))
	for line := range bytes.Lines(added) {
		var e journal.Entry
		if json.Unmarshal(line, &e) == nil {
			h.add(e)
		}
	}
	return nil
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
			h.serves = append(h.serves, x)
			h.began(x)
		}
	case "slot":
		if x, ok := detailOf[slotEntry](e); ok {
			h.slots[x.Schedule] = append(h.slots[x.Schedule], x)
			h.accounted(x)
		}
	case "report":
		x, ok := detailOf[struct {
			Report string    `json:"report"`
			Slot   time.Time `json:"slot"`
		}](e)
		if ok && !x.Slot.IsZero() {
			h.begun["report "+x.Report] = x.Slot
		}
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
			h.mails = append(h.mails, x)
			h.attempts[x.Outcome]++
			if x.Outcome == deliver.Accepted {
				h.accepted[x.MessageID] = true
			}
		}
	case "snapshot":
		x, ok := detailOf[snapshotEntry](e)
		if !ok || x.Kind == "purge" {
			return
		}
		h.rows[x.Project] = x.Rows
		if x.Verdict != store.Partial && x.Snapshot > h.published[x.Project].Snapshot {
			h.published[x.Project] = x
		}
	}
}

func detailOf[T any](e journal.Entry) (T, bool) {
	var x T
	err := json.Unmarshal(e.Detail, &x)
	return x, err == nil
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

func (h *history) accounted(x slotEntry) {
	h.requests += x.Detail.Requests
	h.retries += x.Detail.Retries
	s := h.schedules[x.Schedule]
	if s == nil {
		return
	}
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

// wasBegun reports whether a slot's report was made, which is before its mails go.
func (h *history) wasBegun(name string, at time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.begun[name].Equal(at)
}

// acceptedMails are the IDs of the messages that a server has taken.
func (h *history) acceptedMails() (map[string]bool, error) {
	err := h.refresh()
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.accepted), err
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
