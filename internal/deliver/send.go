package deliver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Attempt is what came of trying a mail. One without a MessageID is of a
// connection that came to nothing: Mails waited for it.
type Attempt struct {
	MessageID string    `json:"message_id,omitzero"`
	Report    string    `json:"report,omitzero"`
	Slot      time.Time `json:"slot,omitzero"`
	To        string    `json:"to,omitzero"`
	Mails     int       `json:"mails,omitzero"`
	Attempt   int       `json:"attempt"`
	Outcome   string    `json:"outcome"` // Accepted, Deferred, Refused or NoAnswer
	Code      int       `json:"code"`    // the server's; 0 for none
	Answer    string    `json:"answer"`
	SHA256    string    `json:"sha256,omitzero"`
}

// The outcomes of an [Attempt]; beside them [Refused].
const (
	Accepted = "accepted"
	Deferred = "deferred"
	NoAnswer = "no answer"
)

// serverState is kept while the server gives no mail an answer.
type serverState struct {
	Attempts   int       `json:"attempts"`
	Next       time.Time `json:"next"`
	LastAnswer string    `json:"last_answer"`
}

// sending is one pass over the outbox.
type sending struct {
	*Outbox
	tell   func(Attempt) error
	server serverState
	lost   int // connections in a row that broke without an answer
	jitter float64
}

// Send tries every mail that is due, until Ending. It returns when the next one will be, zero
// where none waits, also beside an error. It waits for another process that is
// sending.
//
// known gives the IDs of the messages that the journal has as accepted: those
// are not sent again. tell is called after each attempt, before an accepted mail
// is removed; its error ends the pass. The error joins a [Damaged] for each
// entry that was set aside; such an entry is named once, and keeps no other
// from being sent.
func (o *Outbox) Send(
	ctx context.Context, known func() (map[string]bool, error), tell func(Attempt) error,
) (next time.Time, err error) {
	if _, err := os.Stat(o.Dir); errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	release, err := o.lock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer func() {
		if err = errors.Join(err, release()); err != nil {
			err = fmt.Errorf("outbox: %w", err)
		}
	}()
	if err := o.tidy(); err != nil {
		return time.Time{}, err
	}
	all, damaged, err := o.entries()
	if err != nil || len(all)+len(damaged) == 0 {
		return time.Time{}, err
	}
	var aside []error
	for _, d := range damaged {
		aside = append(aside, d, o.setAside(d))
	}
	s := sending{Outbox: o, tell: tell, jitter: 0.8 + 0.4*rand.Float64()}
	if s.server, err = o.serverState(); err != nil {
		return time.Time{}, err
	}
	all, err = s.settle(all, known)
	if err == nil {
		var more []error
		more, err = s.pass(ctx, all)
		aside = append(aside, more...)
	}
	for _, e := range all {
		due := e.Next
		if due.Before(s.server.Next) {
			due = s.server.Next
		}
		if e.State == Waiting && !e.accepted && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	return next, errors.Join(append(aside, err)...)
}

// settle removes what the server has already, and returns the rest.
func (s *sending) settle(all []Entry, known func() (map[string]bool, error)) ([]Entry, error) {
	if len(all) == 0 {
		return nil, nil
	}
	ids, err := known()
	if err != nil {
		return all, err
	}
	for i := range all {
		e := &all[i]
		if !e.accepted && !ids[e.MessageID] {
			continue
		}
		if !ids[e.MessageID] {
			// The process ended between the server's answer and the journal.
			if err := s.told(*e, Accepted, 250, "accepted; what the server said was not kept"); err != nil {
				return all, err
			}
		}
		e.accepted = true
		if err := s.remove(*e); err != nil {
			return all, err
		}
	}
	return slices.DeleteFunc(all, func(e Entry) bool { return e.accepted }), nil
}

// pass tries what is due of all, the least often tried first: a mail at which
// the server always breaks down must not keep those behind it. It changes all.
func (s *sending) pass(ctx context.Context, all []Entry) (aside []error, err error) {
	now := s.Now()
	var due []*Entry
	for i := range all {
		if all[i].State == Waiting && !all[i].Next.After(now.Add(together)) {
			due = append(due, &all[i])
		}
	}
	if !slices.ContainsFunc(due, func(e *Entry) bool { return !e.Next.After(now) }) || s.server.Next.After(now) {
		return nil, nil
	}
	if s.Server == nil {
		return nil, errors.New("mails are due, and there is no server")
	}
	slices.SortStableFunc(due, func(a, b *Entry) int { return a.Reached - b.Reached })
	var c *session
	defer func() {
		if c != nil {
			c.close()
		}
	}()
	for i, e := range due {
		select {
		case <-s.Ending:
			return aside, nil
		default:
		}
		raw, err := s.mail(*e)
		if err != nil {
			d := &Damaged{e.Name(), err}
			aside = append(aside, d, s.setAside(d))
			e.State = "" // it is no entry any more
			continue
		}
		if c != nil && c.broken {
			c.close()
			c = nil
		}
		if c == nil {
			if c, err = s.Server.open(ctx); err != nil {
				return aside, s.away(err, due[i:])
			}
		}
		if goOn, err := s.try(ctx, c, e, raw, due[i:]); !goOn || err != nil {
			return aside, err
		}
	}
	return aside, nil
}

// try sends one mail; rest are it and those behind it. It says whether the next
// one may be tried.
func (s *sending) try(ctx context.Context, c *session, e *Entry, raw []byte, rest []*Entry) (goOn bool, err error) {
	// Counted first: on a disk without room nothing is sent that could not be
	// recorded as sent.
	e.Attempts++
	e.Reached++
	if err := s.write(*e); err != nil {
		return false, err
	}
	answer, err := c.send(ctx, Envelope{e.From, e.To, e.Name()}, raw)
	if err == nil {
		return true, s.accept(e, answer)
	}
	f, ok := errors.AsType[*Failure](err)
	switch {
	case !ok:
		return false, err
	case ctx.Err() != nil:
		return false, errors.Join(s.postpone(e, NoAnswer, f, s.Now()), ctx.Err())
	case f.Session:
		e.Attempts-- // it is one with those behind it
		return false, s.away(f, rest)
	case f.permanent():
		s.lost = 0
		return true, errors.Join(s.back(), s.refuse(e, f.Code, f.Error()))
	case f.Code != 0:
		s.lost = 0
		return true, errors.Join(s.back(), s.postpone(e, Deferred, f, s.Now().Add(s.backoff(e.Reached))))
	}
	if err := s.postpone(e, NoAnswer, f, s.Now().Add(s.backoff(e.Reached))); err != nil {
		return false, err
	}
	if s.lost++; s.lost > 1 {
		return false, s.rest(f.Text)
	}
	return true, nil
}

// accept records that the server has a mail: by a name, which needs no room on
// the disk, then in the journal; then it goes.
func (s *sending) accept(e *Entry, answer string) error {
	s.lost = 0
	e.accepted = true
	mark := os.Rename(s.file(*e, ".json"), s.file(*e, ".accepted"))
	if mark == nil {
		mark = syncDir(filepath.Join(s.Dir, e.Run))
	}
	if err := s.told(*e, Accepted, 250, answer); err != nil {
		return errors.Join(err, mark)
	}
	return errors.Join(mark, s.remove(*e), s.back())
}

// refuse records that a mail will not be tried again.
func (s *sending) refuse(e *Entry, code int, answer string) error {
	e.State, e.LastAnswer = Refused, answer
	return errors.Join(s.told(*e, Refused, code, answer), s.write(*e))
}

// postpone records that a mail is to be tried at a time, or gives it up.
func (s *sending) postpone(e *Entry, outcome string, f *Failure, next time.Time) error {
	e.Next, e.LastAnswer = next.UTC(), f.Error()
	if f.Sent {
		e.LastAnswer += "; the server may have the mail"
	}
	told := s.told(*e, outcome, f.Code, e.LastAnswer)
	if s.Now().Before(e.Deadline) {
		return errors.Join(told, s.write(*e))
	}
	return errors.Join(told, s.giveUp(e, e.LastAnswer))
}

func (s *sending) giveUp(e *Entry, answer string) error {
	return s.refuse(e, 0, fmt.Sprintf("given up after %s: %s", e.Deadline.Sub(e.Queued).Round(time.Minute), answer))
}

// away records that there was no connection on which mails could be sent: one
// attempt for all that are due.
func (s *sending) away(err error, due []*Entry) error {
	f, ok := errors.AsType[*Failure](err)
	if !ok {
		return err // interrupted
	}
	if err := s.rest(f.Error()); err != nil {
		return err
	}
	all := Attempt{Mails: len(due), Attempt: s.server.Attempts, Outcome: f.Outcome(), Code: f.Code, Answer: f.Error()}
	if err := s.tell(all); err != nil {
		return err
	}
	var errs []error
	for _, e := range due {
		e.Attempts++
		e.LastAnswer = f.Error()
		if s.Now().Before(e.Deadline) {
			errs = append(errs, s.write(*e))
		} else {
			errs = append(errs, s.giveUp(e, f.Error()))
		}
	}
	return errors.Join(errs...)
}

// rest leaves the server alone for a while.
func (s *sending) rest(answer string) error {
	s.server.Attempts++
	s.server.Next = s.Now().Add(s.backoff(s.server.Attempts)).UTC()
	s.server.LastAnswer = answer
	return replaceJSON(s.serverFile(), s.server)
}

// back notes that the server answers again.
func (s *sending) back() error {
	if s.server.Attempts == 0 {
		return nil
	}
	s.server = serverState{}
	return os.Remove(s.serverFile())
}

func (s *sending) told(e Entry, outcome string, code int, answer string) error {
	return s.tell(Attempt{MessageID: e.MessageID, Report: e.Report, Slot: e.Slot, To: e.To, Attempt: e.Attempts,
		Outcome: outcome, Code: code, Answer: answer, SHA256: e.SHA256})
}

// backoff is how long to wait after so many attempts: a minute, doubling to an
// hour, and up to a fifth more or less, so that outboxes do not come back
// together. Those of one pass do.
func (s *sending) backoff(attempts int) time.Duration {
	d := time.Minute << min(max(attempts-1, 0), 6)
	return time.Duration(float64(min(d, time.Hour)) * s.jitter)
}

// together is how much earlier than it is due a mail is tried when another is
// due: one connection is enough for both.
const together = 10 * time.Second

func (o *Outbox) serverFile() string { return filepath.Join(o.Dir, "server.json") }

// serverState reads what is kept of the server. A file that cannot be read is only
// a wait that is cut short.
func (o *Outbox) serverState() (s serverState, err error) {
	text, err := os.ReadFile(o.serverFile())
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil && json.Unmarshal(text, &s) != nil {
		s = serverState{}
	}
	s.Next = o.sane(s.Next)
	return s, err
}

// sane is next, or now where it is later than any backoff: the clock was wrong when
// it was written.
func (o *Outbox) sane(next time.Time) time.Time {
	if now := o.Now().UTC(); next.After(now.Add(2 * time.Hour)) {
		return now
	}
	return next
}
