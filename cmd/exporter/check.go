package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"exporter/internal/cloud"
	"exporter/internal/deliver"
	"exporter/internal/reports"
)

func (a *app) checkCommand() *cobra.Command {
	var mailTo string
	c := &cobra.Command{
		Use:   "check",
		Short: "Check configuration, credentials, clock, data centre, disk, fonts and mail",
		Long: `Tries what a collection, a report and its mails need, and says of each what
works, what does not, and what to do. It asks the cloud one page for each
project, makes the store's folder if there is none, and says hello to the mail
server, if one is set; with --mail it sends a test mail at once.`,
		Example: `  exporter check
  exporter check --mail you@example.com`,
		RunE: func(c *cobra.Command, _ []string) error { return a.check(c.Context(), mailTo) },
	}
	c.Flags().StringVar(&mailTo, "mail", "", "send a test mail to this address")
	return c
}

// maxSkew is how far this machine's clock may be off before check says so; the
// cloud itself names no number.
const maxSkew = time.Minute

// minFree is the free space below which check fails, in bytes.
const minFree = 1 << 30

// checkIndent is where what check says of a thing begins.
const checkIndent = 21

// check prints one line for each thing and errs when one does not work.
func (a *app) check(ctx context.Context, mailTo string) error {
	width, isTerminal := terminalWidth(a.stdout)
	tell := func(state, what, words string) {
		if isTerminal {
			words = text.WrapSoft(words, max(width-checkIndent, minColumn))
		}
		words = strings.ReplaceAll(words, "\n", "\n"+strings.Repeat(" ", checkIndent))
		fmt.Fprintf(a.stdout, "%s  %-14s %s\n", state, what, words)
	}
	failures := 0
	say := func(what string, err error, format string, args ...any) {
		if err == nil {
			tell(paint(a.stdout, text.FgHiGreen, "ok  "), what, fmt.Sprintf(format, args...))
			return
		}
		failures++
		tell(paint(a.stdout, text.FgHiRed, "FAIL"), what, err.Error())
		for _, h := range hints(err) {
			tell("    ", "", "hint: "+h)
		}
	}
	cfg, err := a.loadReports(ctx, true)
	if err != nil {
		return err
	}
	if mailTo != "" {
		if err := cfg.Mail.checkRecipient(mailTo); err != nil {
			return usage(fmt.Errorf("--mail: %w", err), "")
		}
	}
	say("configuration", nil, "%s", cfg.path)
	a.checkCloud(ctx, cfg, say)
	st, err := openStore(cfg)
	var free uint64
	if err == nil {
		err = explainDisk(st.Create())
	}
	if err == nil {
		free, err = freeSpace(cfg.Store.Dir)
	}
	if err == nil && free < minFree {
		err = &hintError{fmt.Errorf("the disk of %s has %s MB left, and a collection wants %s", cfg.Store.Dir, count(int64(free>>20)), size(minFree)),
			"make room, or give the store a disk of its own (store.dir)"}
	}
	say("store", err, "%s, %s GB free", cfg.Store.Dir, count(int64(free>>30)))
	if err == nil {
		snapshots, err := st.Snapshots(ctx)
		say("snapshots", err, "%d", len(snapshots))
	}
	registers := cfg.registers()
	for _, table := range slices.Sorted(maps.Keys(registers)) {
		path := registers[table]
		_, err := os.Stat(path)
		say(map[string]string{"channel_register": "channels", "roster": "roster", "exceptions": "exceptions"}[table], err, "%s", path)
	}
	fonts, err := reports.FindFonts(cfg.Fonts)
	if err == nil && !fonts.Has('张') {
		err = &hintError{errors.New("no font with Chinese characters was found; they print as U+XXXX"),
			"Debian: apt-get install fonts-droid-fallback; or name a TrueType file under fonts: in reports.yaml"}
	}
	say("fonts", err, "%s", strings.Join(fonts.Paths(), ", "))
	if cfg.Mail.Server != "" || mailTo != "" {
		a.checkMail(ctx, cfg, mailTo, say)
	}
	if failures > 0 {
		return fmt.Errorf("check: %d of these do not work", failures)
	}
	return nil
}

// checkCloud tries each project with one small request.
func (a *app) checkCloud(ctx context.Context, cfg *config, say func(string, error, string, ...any)) {
	client, err := a.newClient(cfg, nil)
	if err != nil {
		say("cloud", err, "")
		return
	}
	r := client.Reader()
	for _, project := range cfg.Cloud.Projects {
		var total *int64
		for page, err := range r.Pages(ctx, "access-auth", map[string]any{"projectId": project}, cloud.PageOptions{Size: 1}) {
			if err != nil {
				say("cloud", fmt.Errorf("%s, project %s: %w", cfg.Cloud.URL, project, err), "")
				return
			}
			total = page.Total
			break
		}
		if total == nil {
			say("cloud", fmt.Errorf("%s, project %s: no total of permissions", cfg.Cloud.URL, project), "")
			return
		}
		say("cloud", nil, "%s, project %s, %s permissions", cfg.Cloud.URL, project, count(*total))
	}
	offset := r.Offset().Round(time.Millisecond)
	if offset.Abs() > maxSkew {
		say("clock", &hintError{fmt.Errorf("this machine's clock differs from the cloud's by %s", offset), "set it by NTP, for example: timedatectl set-ntp true"}, "")
		return
	}
	say("clock", nil, "within %s of the cloud's", offset.Abs())
}

// mailPatience is how long check talks with the mail server, which may take longer
// over a mail that nobody waits for.
const mailPatience = 30 * time.Second

// checkMail says hello to the mail server, and sends a test mail unless to is "".
func (a *app) checkMail(ctx context.Context, cfg *config, to string, say func(string, error, string, ...any)) {
	server, err := cfg.Mail.mailServer()
	if err != nil {
		say("mail", err, "")
		return
	}
	limited, cancel := context.WithTimeoutCause(ctx, mailPatience, &hintError{
		fmt.Errorf("%s: not done after %s", server.Addr, duration(mailPatience)), "is that the mail server's port, and is the server well?"})
	defer cancel()
	server.Step = func(step, what string) { say("mail", nil, "%s: %s", step, what) }
	if to == "" {
		if err := server.Hello(limited); err != nil {
			say("mail", cmp.Or(context.Cause(limited), err), "")
		}
		return
	}
	host, _ := os.Hostname()
	now := a.now().In(cfg.zone)
	m := deliver.Message{
		ID:   deliver.MessageID("test", now, to, deliver.Domain(cfg.Mail.From)),
		From: cfg.Mail.From, ReplyTo: cfg.Mail.ReplyTo, To: to, Date: now, Subject: "Test mail of exporter",
		Text: fmt.Sprintf("This is the test mail that was asked for on %s. Mails of reports come the same way.\n", host),
	}
	raw, err := deliver.Compose(m)
	if err == nil {
		err = a.sendTest(limited, cfg, server, m, raw)
	}
	if err != nil {
		say("mail", cmp.Or(context.Cause(limited), err), "")
	}
}

// sendTest sends a test mail and enters what the server said of it into the journal.
func (a *app) sendTest(ctx context.Context, cfg *config, server *deliver.Server, m deliver.Message, raw []byte) error {
	answer, err := server.Send(ctx, deliver.Envelope{From: m.Sender(), To: m.To}, raw)
	tried := deliver.Attempt{MessageID: m.ID, Report: "check", Slot: m.Date, To: m.To, Attempt: 1}
	if f, failed := errors.AsType[*deliver.Failure](err); failed {
		tried.Outcome, tried.Code, tried.Answer = f.Outcome(), f.Code, f.Error()
	} else if err != nil {
		return err // interrupted
	} else {
		tried.Outcome, tried.Code, tried.Answer = deliver.Accepted, 250, answer
	}
	_, entered := cfg.journal(a.now).Append("mail", tried)
	return errors.Join(err, entered)
}

func freeSpace(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
