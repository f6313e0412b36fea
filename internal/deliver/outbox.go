package deliver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Outbox is the folder of mails that wait for the server. Its methods are safe
// for use by several processes.
type Outbox struct {
	Dir     string
	Server  *Server
	Now     func() time.Time
	GiveUp  time.Duration // how long a mail is tried
	Domains []string      // those that mails may go to, in lower case; none: any
	// Ending is closed when Send is to begin no further mail; nil: never.
	Ending <-chan struct{}
}

// What becomes of a mail.
const (
	Waiting = "waiting"
	Refused = "refused" // for good, or given up; it stays until it is dropped or tried again by hand
)

// Entry is a mail in the outbox.
type Entry struct {
	Run    string `json:"-"`
	Number string `json:"-"` // 0001; Run/Number is its name

	MessageID  string    `json:"message_id"`
	Report     string    `json:"report"`
	Slot       time.Time `json:"slot"`
	From       string    `json:"from"` // the envelope's
	To         string    `json:"to"`
	Subject    string    `json:"subject"`
	Size       int64     `json:"size"` // bytes
	SHA256     string    `json:"sha256"`
	Queued     time.Time `json:"queued"`
	Attempts   int       `json:"attempts"` // also those at which there was no server
	Reached    int       `json:"reached"`  // of them, those that a server knows of
	Next       time.Time `json:"next"`     // when it is due again
	Deadline   time.Time `json:"deadline"` // when it is given up
	LastAnswer string    `json:"last_answer"`
	State      string    `json:"state"`         // Waiting or Refused
	Told       bool      `json:"told,omitzero"` // the operator knows that it was refused

	accepted bool // the server has it
}

// Name is how the entry is called on the command line: RUN/0001.
func (e Entry) Name() string { return e.Run + "/" + e.Number }

// ErrExists says that a run is in the outbox already.
var ErrExists = errors.New("this run is in the outbox already")

// Damaged is an entry that cannot be read. Its files are kept under names that
// end in .damaged.
type Damaged struct {
	Name string // RUN/0001
	Err  error
}

func (d *Damaged) Error() string { return fmt.Sprintf("outbox: %s cannot be read: %v", d.Name, d.Err) }

// Unwrap returns why.
func (d *Damaged) Unwrap() error { return d.Err }

// runName is what a run may be called: it names a folder.
var runName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,150}$`)

// Has says whether a run was put into the outbox: its mails wait, or have gone
// within the last month.
func (o *Outbox) Has(run string) bool {
	_, err := os.Stat(filepath.Join(o.Dir, run))
	return runName.MatchString(run) && err == nil
}

// Put composes the mails of a run and stores them, all or, after an error, none.
// When it returns they are on the disk. It returns [ErrExists] where the run is
// in the outbox, and the error that messages yields.
func (o *Outbox) Put(run string, messages iter.Seq2[Message, error]) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("outbox: put %s: %w", run, err)
		}
	}()
	if !runName.MatchString(run) {
		return errors.New("this is no name of a run")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	if o.Has(run) {
		return ErrExists
	}
	// What no process holds this lock for is left from a crash.
	release, err := flock(filepath.Join(o.Dir, "put.lock"), syscall.LOCK_SH)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	building, err := os.MkdirTemp(o.Dir, ".tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(building) // it has another name where all went well
	n := 0
	for m, err := range messages {
		if err != nil {
			return err
		}
		n++
		if err := o.store(filepath.Join(building, fmt.Sprintf("%04d", n)), m); err != nil {
			return err
		}
	}
	if err := syncDir(building); err != nil {
		return err
	}
	if err := os.Rename(building, filepath.Join(o.Dir, run)); err != nil {
		if o.Has(run) {
			return ErrExists
		}
		return err
	}
	return syncDir(o.Dir)
}

// store writes one mail and its entry.
func (o *Outbox) store(stem string, m Message) error {
	raw, err := Compose(m)
	if err != nil {
		return err
	}
	if len(o.Domains) > 0 && !slices.Contains(o.Domains, Domain(m.To)) {
		return fmt.Errorf("mail to %s: its domain is not allowed", m.To)
	}
	sum, now := sha256.Sum256(raw), o.Now().UTC()
	e := Entry{
		MessageID: m.ID, Report: m.Report, Slot: m.Slot, From: m.Sender(), To: m.To, Subject: headerText(m.Subject),
		Size: int64(len(raw)), SHA256: hex.EncodeToString(sum[:]),
		Queued: now, Next: now, Deadline: now.Add(o.GiveUp), State: Waiting,
	}
	if err := writeFile(stem+".eml", raw, 0o400); err != nil {
		return err
	}
	text, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(stem+".json", text, 0o600)
}

// List returns the mails in the outbox in the order in which they were put; those
// that wait for the server have its last answer and time. Its error joins a
// [Damaged] for each that cannot be read; the others are returned all the same.
func (o *Outbox) List() ([]Entry, error) {
	all, damaged, err := o.entries()
	errs := []error{err}
	for _, d := range damaged {
		errs = append(errs, d)
	}
	aside, _ := fs.Glob(os.DirFS(o.Dir), "*/*"+asideSuffix)
	for i, path := range aside {
		name := strings.TrimSuffix(strings.TrimSuffix(path, asideSuffix), filepath.Ext(strings.TrimSuffix(path, asideSuffix)))
		if i == 0 || !strings.HasPrefix(aside[i-1], name+".") {
			errs = append(errs, &Damaged{name, errors.New("its files are kept as *" + asideSuffix)})
		}
	}
	all = slices.DeleteFunc(all, func(e Entry) bool { return e.accepted })
	server, err := o.serverState()
	errs = append(errs, err)
	for i := range all {
		if e := &all[i]; e.State == Waiting && e.Next.Before(server.Next) {
			e.Next, e.LastAnswer = server.Next, server.LastAnswer
		}
	}
	return all, errors.Join(errs...)
}
