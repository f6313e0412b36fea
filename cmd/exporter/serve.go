package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"exporter/internal/collect"
	"exporter/internal/journal"
	"exporter/internal/schedule"
	"exporter/internal/store"
)

func (a *app) serveCommand() *cobra.Command {
	var acceptClock bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Collect, report and mail by the schedules until stopped",
		Long: `Runs what has a schedule in reports.yaml until it is stopped: collections, and
reports with their mails, each for the time at which it was due. Every due time
leaves one entry in the journal: ran, late, caught up, skipped and why, failed
and why; exporter why tells of it. What was missed while serve did not run is
run once, unless the schedule says all or skip.

A signal to end (SIGTERM, Ctrl-C) leaves what is running serve.grace to finish;
what is given up then is caught up at the next start. Health and metrics are
told on serve.listen: /healthz, /readyz, /metrics.`,
		Example: `  exporter serve
  exporter serve --log-format json`,
		RunE: func(c *cobra.Command, _ []string) error { return a.serve(c.Context(), acceptClock) },
	}
	c.Flags().BoolVar(&acceptClock, "accept-clock", false, "go by this machine's clock although the store is of a later time")
	return c
}

// server is what a running serve holds.
type server struct {
	app     *app // what it prints for people goes nowhere; the log has it
	cfg     *config
	log     *slog.Logger
	journal *ownJournal
	history *history
	runner  schedule.Runner
	// send tries the mails that are due, and begins none once ending is closed.
	send  func(ctx context.Context, ending <-chan struct{}) (sent, error)
	put   chan struct{} // has one when a report may have put mails
	turns chan struct{} // has one for each report that is made: each holds its rows
	look  time.Duration // how often the outbox is looked into for what others put there
}

// serve runs the schedules until ctx ends, which is no error.
func (a *app) serve(ctx context.Context, acceptClock bool) error {
	cfg, err := a.loadServe(ctx)
	if err != nil {
		return err
	}
	s, err := a.newServer(cfg)
	if err != nil {
		return err
	}
	release, err := s.start(ctx, acceptClock)
	if err != nil {
		return err
	}
	return s.end(ctx, s.run(ctx), release)
}

// start takes the store and enters that in the journal. The store is held, and
// health is told, until release is called.
func (s *server) start(ctx context.Context, acceptClock bool) (release func() error, err error) {
	unlock, err := lockServe(s.cfg)
	if err != nil {
		return nil, err
	}
	if err := s.checkClock(ctx, acceptClock); err != nil {
		return nil, errors.Join(err, unlock())
	}
	untell, err := s.tell()
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	release = func() error { return errors.Join(untell(), unlock()) }
	if err := s.begin(); err != nil {
		return nil, errors.Join(err, release())
	}
	return release, nil
}

// end enters in the journal that serve ends, for ctx did or because run erred, and
// then lets the store go: the start of another comes after that entry.
func (s *server) end(ctx context.Context, ran error, release func() error) error {
	why := cmp.Or(ran, context.Cause(ctx)).Error()
	s.log.Info("stopped", "why", why)
	_, err := s.journal.Append("serve", serveEntry{Event: "stop", Why: why})
	return errors.Join(ran, explainDisk(err), release())
}

// run runs the jobs, and sends mails, until ctx ends.
func (s *server) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var mails sync.WaitGroup
	mails.Go(func() { s.sendMails(ctx) })
	err := s.runner.Run(ctx)
	cancel()
	mails.Wait()
	return err
}

// sendMails sends what is in the outbox, at once or when it is due again, until ctx
// ends. A mail under way then has the grace time, and no other is begun.
func (s *server) sendMails(ctx context.Context) {
	running, release := schedule.WithGrace(ctx, s.cfg.Serve.Grace)
	defer release()
	trouble := ""
	for {
		result, err := s.send(running, ctx.Done())
		if err == nil {
			trouble = ""
		} else if err.Error() != trouble { // else it is said already
			trouble = err.Error()
			s.log.Error("mails", "error", err)
		}
		if result.accepted > 0 {
			s.log.Info("mails", "accepted", result.accepted, "waiting", result.waiting)
		}
		pause := s.look
		if err == nil && !result.next.IsZero() {
			pause = max(time.Second, min(pause, result.next.Sub(s.app.now())))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.put:
		case <-time.After(pause):
		}
	}
}

// loadServe reads the configuration with what serve needs of it: only who collects
// needs the cloud's credentials.
func (a *app) loadServe(ctx context.Context) (*config, error) {
	cfg, err := a.loadConfig(false)
	if err != nil {
		return nil, err
	}
	if err := cfg.checkServe(); err != nil {
		return nil, err
	}
	return a.loadReports(ctx, cfg.Collect.Due.spec != nil)
}

// checkServe refuses a configuration by which serve would have nothing to do, or
// could never send its mails.
func (c *config) checkServe() error {
	if c.Collect.Due.spec == nil && !slices.ContainsFunc(c.Reports, func(r reportConfig) bool { return r.Due.spec != nil }) {
		return usage(errors.New("serve: nothing has a schedule"), `give collect and reports a schedule in reports.yaml, for example: collect: {schedule: "0 5 * * *"}`)
	}
	for _, r := range c.Reports {
		if r.Due.spec == nil || len(r.To) == 0 && r.Split == nil {
			continue
		}
		if _, err := c.Mail.mailServer(); err != nil {
			return fmt.Errorf("serve: report %s has recipients, but: %w", r.Name, err)
		}
	}
	return nil
}

// newServer is a serve of a configuration that has not been started. It refuses a
// journal that is broken.
func (a *app) newServer(cfg *config) (*server, error) {
	st, err := openStore(cfg)
	if err != nil {
		return nil, err
	}
	if err := st.Create(); err != nil {
		return nil, explainDisk(err)
	}
	_, err = journal.Verify(cfg.journalPath())
	if broken, _ := errors.AsType[*journal.Broken](err); broken != nil && !broken.Torn {
		return nil, &hintError{fmt.Errorf("serve: journal: %w", broken), "what follows that line cannot be trusted; compare it with a backup, or move the journal away to begin a new one"}
	} else if broken == nil && err != nil {
		return nil, fmt.Errorf("serve: %w", explainDisk(err))
	}
	quiet := *a
	quiet.stdout, quiet.stderr = io.Discard, io.Discard
	s := &server{
		app: &quiet, cfg: cfg, log: a.log, journal: cfg.journal(a.now), history: newHistory(cfg, false),
		put: make(chan struct{}, 1), look: 30 * time.Second, turns: make(chan struct{}, min(runtime.GOMAXPROCS(0), maxSideBySide)),
	}
	quiet.acceptedMails = s.history.acceptedMails
	s.send = func(ctx context.Context, ending <-chan struct{}) (sent, error) {
		o := s.app.newOutbox(cfg)
		o.Ending = ending
		return s.app.sendOutbox(ctx, cfg, o)
	}
	s.runner = schedule.Runner{Jobs: s.jobs(), Grace: cfg.Serve.Grace, Now: a.now, Account: s.account, Say: duration}
	return s, nil
}

// lockServe takes the store for one serve until release is called.
func lockServe(cfg *config) (release func() error, err error) {
	path := filepath.Join(cfg.Store.Dir, "serve.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, explainDisk(err)
	}
	if err := lockSoon(f); err != nil {
		err = errors.Join(err, f.Close())
		if errors.Is(err, syscall.EWOULDBLOCK) {
			holder, _ := os.ReadFile(path)
			err = &hintError{fmt.Errorf("serve: the schedules of %s are run by %s already", cfg.Store.Dir, cmp.Or(strings.TrimSpace(string(holder)), "another process")),
				"one serve for each store: stop that one, or leave it to its work"}
		}
		return nil, err
	}
	host, _ := os.Hostname()
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintf(f, "process %d on %s\n", os.Getpid(), host)
	}
	if err != nil {
		return nil, errors.Join(explainDisk(err), f.Close())
	}
	return func() error {
		// Unlocked by name: a process that is being started holds the file for a moment.
		return errors.Join(f.Truncate(0), syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
	}, nil
}

// lockSoon locks a file. Who only looks whether it is locked holds it for a moment:
// only what is held for longer is.
func lockSoon(f *os.File) (err error) {
	for range 20 {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		<-time.After(20 * time.Millisecond)
	}
	return err
}

// maxAhead is how much later than this machine's clock the store may be.
const maxAhead = 5 * time.Minute

// checkClock refuses a clock that is behind what the store holds, unless it is to
// be accepted, which the journal then says.
func (s *server) checkClock(ctx context.Context, accept bool) error {
	if err := s.history.refresh(); err != nil {
		return err
	}
	st, err := openStore(s.cfg)
	if err != nil {
		return err
	}
	// Of a damaged file nothing is known here; reading it will say so.
	snapshots, _ := st.Snapshots(ctx)
	newest, id := s.history.newest, ""
	what := "an entry of its journal"
	for _, x := range snapshots {
		id = max(id, x.ID)
		if at := x.Started; x.ID > s.history.believed && at.After(newest) {
			newest, what = at, "its snapshot "+x.ID
		}
	}
	now := s.app.now()
	if newest.Sub(now) <= maxAhead {
		return nil
	}
	if accept {
		_, err := s.journal.Append("clock", clockEntry{Newest: newest.UTC(), Snapshot: id})
		return explainDisk(err)
	}
	return &hintError{
		fmt.Errorf("serve: this machine's clock shows %s, but %s is of %s", s.words(now), what, s.words(newest)),
		"set the clock, for example: timedatectl set-ntp true. Where the clock is right and the store was written by a wrong one: exporter serve --accept-clock",
	}
}

func (s *server) words(t time.Time) string { return t.In(s.cfg.zone).Format("2006-01-02 15:04 MST") }

// begin enters the start in the journal, and gives each job where it goes on.
func (s *server) begin() error {
	entry := serveEntry{Event: "start", ProgramVersion: version}
	for _, j := range s.runner.Jobs {
		entry.Schedules = append(entry.Schedules, scheduleEntry{j.Name, j.Spec.String(), j.Spec.Zone().String(), j.Missed})
	}
	if _, err := s.journal.Append("serve", entry); err != nil {
		return explainDisk(err)
	}
	if err := s.history.refresh(); err != nil {
		return err
	}
	for i := range s.runner.Jobs {
		j := &s.runner.Jobs[i]
		j.Since = s.history.state(j.Name).since
		s.log.Info("scheduled", "schedule", j.Name, "next", j.Spec.Next(j.Since).Format(time.RFC3339))
	}
	return nil
}

// account enters a slot in the journal and the log. It errs only where the journal
// has no entry of it.
func (s *server) account(e schedule.Entry) error {
	entry := slotEntry{Schedule: e.Schedule, Slot: e.Slot, Outcome: e.Outcome, Why: e.Why, Started: e.Started.UTC(), Finished: e.Finished.UTC()}
	_, err := s.journal.Append("slot", struct {
		slotEntry
		Detail map[string]any `json:"detail,omitempty"` // all of it
	}{entry, e.Detail})
	if err != nil {
		s.log.Error("a slot cannot be accounted for yet", "schedule", e.Schedule, "slot", e.Slot, "error", err)
		return err
	}
	if err := s.history.refresh(); err != nil {
		s.log.Error("the journal cannot be read", "error", err)
	}
	if err := s.tellFailure(e); err != nil {
		s.log.Error("the operator cannot be told", "schedule", e.Schedule, "error", err)
	}
	level := slog.LevelInfo
	switch e.Outcome {
	case schedule.Failed:
		level = slog.LevelError
	case schedule.Skipped:
		level = slog.LevelWarn
	}
	log := s.log.With("schedule", e.Schedule, "slot", e.Slot.Format(time.RFC3339), "took", e.Finished.Sub(e.Started).Round(time.Millisecond))
	if e.Why != "" {
		log = log.With("why", e.Why)
	}
	log.Log(context.Background(), level, e.Outcome)
	return nil
}

// tell answers on serve.listen until the returned function is called.
func (s *server) tell() (stop func() error, err error) {
	if s.cfg.Serve.Listen == "" {
		return func() error { return nil }, nil
	}
	l, err := net.Listen("tcp", s.cfg.Serve.Listen)
	if err != nil {
		return nil, &hintError{fmt.Errorf("serve: %w", err), "another program may hold the port: name another as serve.listen in reports.yaml, or off"}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, l, s.handler()) }()
	s.log.Info("listening", "address", l.Addr().String())
	return func() error { cancel(); return <-done }, nil
}

// untilDone tries again while what keeps a job from its end may pass: another
// process has the store, the cloud does not answer, the disk is full. It gives up
// after serve.wait, and at once where reports.yaml or the program is at fault or
// something was done in part.
func (s *server) untilDone(ctx context.Context, try func() error) error {
	end := s.app.now().Add(s.cfg.Serve.Wait)
	for pause := time.Minute; ; pause = min(2*pause, 10*time.Minute) {
		err := try()
		exit, _ := errors.AsType[*exitError](err)
		final := exit != nil && exit.status != exitFailed
		_, held := errors.AsType[*store.Locked](err)
		_, fault := errors.AsType[*collect.Fault](err)
		if err == nil || final || fault || !s.app.now().Before(end) {
			return err
		}
		wait := pause
		if held {
			wait = 10 * time.Second
		} else {
			s.log.Warn("failed, and is tried again", "in", wait, "error", err, "hint", strings.Join(hints(explainDisk(err)), "; "))
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(min(wait, end.Sub(s.app.now()))):
		}
	}
}
