package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"text/template"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"exporter/internal/evidence"
	"exporter/internal/reports"
	"exporter/internal/sandbox"
	"exporter/internal/schedule"
)

func (a *app) demoCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Try everything on this machine, without an account",
		Long: `Runs the sandbox with an invented building of about 600 persons and 60
channels, collects it as it was yesterday and as it is now, makes every report,
mails some, seals both days for an auditor, and leaves all of it in one folder.`,
		Example: "  exporter demo --out demo",
		RunE:    func(c *cobra.Command, _ []string) error { return a.demo(c.Context(), out) },
	}
	c.Flags().StringVar(&out, "out", "demo", "folder to make")
	return c
}

// demoDay lies between the demo's two collections. The sandbox's building
// changes each night at three, from the day after it was made on; so at least
// one such night is in between, whatever the hour.
const demoDay = 27 * time.Hour

// demoDue is how long after the demo's start its reports are due, every day: long
// enough for all that comes before. The demo's clock is as much behind, so that nothing
// of it is dated in the future although it does not wait.
const demoDue = 3 * time.Minute

var demoConfig = template.Must(template.New("reports.yaml").Parse(`# Made by exporter demo. The cloud in it was the sandbox, which ended with the demo:
# the store can be read, not collected anew.
cloud:
  url: {{.URL}}
  client_id: {{.ClientID}}
  client_secret: {{.ClientSecret}}   # the sandbox's, no secret
  projects: ["{{.Project}}"]
  rate: 5000
store: {dir: data, timezone: Asia/Shanghai}
inputs: {channels: channels.csv, roster: roster.csv, exceptions: exceptions.csv}
# A folder stands for the mail server: what would be sent is kept there.
mail: {server: "file:mail", from: "Access reports <reports@example.com>", operator: operator@example.com, domains: [example.com]}
reports:
  - {name: changes, schedule: "{{.Cron}}", to: [facility-manager@example.com]}
  - {name: failed-issues, schedule: "{{.Cron}}", to: [facility-manager@example.com]}
  - {name: scorecard, schedule: "{{.Cron}}", to: [director@example.com, auditor@example.com]}
  - name: expiring-permissions
    schedule: "{{.Cron}}"
    to: [facility-manager@example.com]
    split: {recipients: channels, fallback: operator@example.com}   # to each owner in channels.csv the rows of their channels
evidence: {key: evidence.key, identity: {{.Identity}}, organization: Example Building, announce: [auditor@example.com]}
`))

func (a *app) demo(ctx context.Context, out string) error {
	if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
		return usage(fmt.Errorf("%s exists and is not empty", out), "remove it, or name another folder: exporter demo --out other")
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return explainDisk(err)
	}
	d := a.newDemo(out)
	s, err := newSandbox(sandbox.Options{Site: "demo", Now: d.now})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l, s) }()

	if err := writeDemoInputs(out, l.Addr().String(), s, a.now()); err != nil {
		return explainDisk(err)
	}
	cfg, err := loadConfig(cfgPath(out), true)
	if err != nil {
		return err
	}
	if err := d.show(ctx, cfg); err != nil {
		return err
	}
	self := "exporter"
	if strings.HasPrefix(os.Args[0], "./") { // as make demo calls it, which leaves it in no folder of PATH
		self = os.Args[0]
	}
	fmt.Fprintf(a.stderr, `
The reports are in %s, the mails in %s, the evidence in %s. Go on with:
  %[4]s snapshots show --config %[5]s
  %[4]s sql --config %[5]s "SELECT card_state, count(*) AS permissions FROM permissions GROUP BY ALL ORDER BY ALL"
For your own site: %[4]s init
`, filepath.Join(out, "reports"), filepath.Join(out, "mail"), filepath.Join(out, "evidence"), self, cfgPath(out))
	cancel()
	return <-served
}

// demoRun is a demo under way: the program with a clock of its own, silent in the log
// and with nothing on standard output but its own tables.
type demoRun struct {
	app
	out  string
	back atomic.Int64 // how far its clock is behind
}

func (a *app) newDemo(out string) *demoRun {
	d := &demoRun{app: *a, out: out}
	d.back.Store(int64(demoDay + demoDue))
	d.now = func() time.Time { return a.now().Add(-time.Duration(d.back.Load())) }
	d.log = slog.New(slog.DiscardHandler)
	return d
}

// show does what the program does in a day, one after the other.
func (d *demoRun) show(ctx context.Context, cfg *config) error {
	fmt.Fprintln(d.stderr, paint(d.stderr, text.Bold, "Collecting an invented building from the sandbox, as of yesterday"))
	if _, err := d.collect(ctx, cfg, collectFlags{}); err != nil {
		return err
	}
	d.back.Store(int64(demoDue))
	due, err := d.newServer(cfg)
	if err != nil {
		return err
	}
	if err := due.begin(); err != nil {
		return err
	}
	d.head("And once more, as of now")
	if _, err := d.collect(ctx, cfg, collectFlags{}); err != nil {
		return err
	}
	d.head(fmt.Sprintf("Making %d reports in %s", len(cfg.definitions), strings.Join(reports.Formats(), ", ")))
	f := &reportFlags{out: filepath.Join(d.out, "reports"), formats: reports.Formats(), timeout: reportTimeout, quiet: true}
	all, err := d.makeReports(ctx, cfg, nil, f)
	d.stdout = d.stderr
	d.sayFindings(all)
	if err != nil {
		return err
	}
	// The demo does not wait until they are due: its clock is set to just before.
	first := due.runner.Jobs[0]
	d.back.Add(-int64(max(0, first.Spec.Next(first.Since).Sub(d.now())-100*time.Millisecond)))
	if err := d.mail(ctx, due); err != nil {
		return err
	}
	return d.evidenceDemo(ctx, cfg, d.out)
}

// head says what comes next.
func (d *demoRun) head(words string) {
	fmt.Fprintf(d.stderr, "\n%s\n", paint(d.stderr, text.Bold, words))
}

// sayFindings tells on standard output in a line each what reports found, the
// gravest first.
func (a *app) sayFindings(all []made) {
	colors := map[string]text.Color{"critical": text.FgHiRed, "high": text.FgHiYellow, "medium": text.FgHiYellow, "good": text.FgHiGreen}
	order := []string{"critical", "high", "medium", "low", "good", ""}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(x, y made) int {
		return cmp.Compare(slices.Index(order, x.severity), slices.Index(order, y.severity))
	})
	g := grouped{columns: []column{{title: "severity"}, {title: "report"}, {title: "finding", wrap: true}}}
	for _, m := range all {
		finding, _, more := strings.Cut(m.answer, ". ")
		if more {
			finding += "."
		}
		g.add(painted{colors[m.severity], 0}, cmp.Or(m.severity, "–"), m.name, finding)
	}
	width, _ := terminalWidth(a.stdout)
	a.printGrouped(g, width)
}

func cfgPath(out string) string { return filepath.Join(out, "reports.yaml") }

// runDue runs what has come due since serve began once, and sends its mails.
func (s *server) runDue(ctx context.Context) error {
	ctx, done := context.WithCancel(ctx)
	defer done()
	left := atomic.Int64{}
	left.Store(int64(len(s.runner.Jobs)))
	var failed error
	s.runner.Account = func(e schedule.Entry) error {
		if e.Outcome == schedule.Failed {
			failed = fmt.Errorf("%s: %s", e.Schedule, e.Why)
		}
		err := s.account(e)
		if err == nil && left.Add(-1) <= 0 {
			done()
		}
		return err
	}
	if err := s.runner.Run(ctx); err != nil {
		return err
	}
	_, err := s.app.sendOutbox(context.WithoutCancel(ctx), s.cfg, s.app.newOutbox(s.cfg))
	return errors.Join(failed, err)
}

// mail runs what is due as serve does, and tells which mails were kept, and of one
// report what became of it.
func (d *demoRun) mail(ctx context.Context, due *server) error {
	d.head(fmt.Sprintf("Mailing the %d of them that are due, into a folder", len(due.runner.Jobs)))
	if err := due.runDue(ctx); err != nil {
		return err
	}
	h := newHistory(due.cfg, true)
	if err := h.refresh(); err != nil {
		return err
	}
	g := grouped{columns: []column{{title: "report"}, {title: "to"}, {title: "mail", wrap: true}}}
	for _, m := range h.mails {
		g.add(painted{}, m.Report, m.To, strings.TrimPrefix(m.Answer, "kept as "))
	}
	width, _ := terminalWidth(d.stdout)
	d.printGrouped(g, width)
	const asked = "expiring-permissions"
	d.head("exporter why " + asked)
	w, err := d.newWhy(due.cfg, asked)
	if err != nil {
		return err
	}
	return w.newest()
}

// writeDemoInputs writes the demo's configuration and registers.
func writeDemoInputs(out, address string, s *sandbox.Server, now time.Time) error {
	id, secret, project := s.Credentials()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := demoConfig.Execute(&b, map[string]string{
		"Cron": now.In(zone).Format("4 15 * * *"),
		"URL":  "http://" + address, "ClientID": id, "ClientSecret": secret, "Project": project, "Identity": demoIdentity,
	}); err != nil {
		return err
	}
	if err := os.WriteFile(cfgPath(out), []byte(b.String()), 0o600); err != nil {
		return err
	}
	if _, err := evidence.GenerateKey(filepath.Join(out, "evidence.key"), demoIdentity, nil); err != nil {
		return err
	}
	state := s.State()
	channels := [][]string{{"access_control_channel_id", "tier", "owner", "owner_email", "note"}}
	for _, c := range state.Channels {
		channels = append(channels, demoChannel(c.RelationID, c.AccessControlChannelName))
	}
	return errors.Join(
		writeCSV(filepath.Join(out, "channels.csv"), channels),
		writeCSV(filepath.Join(out, "roster.csv"), demoRoster(state.Persons, now)),
		writeCSV(filepath.Join(out, "exceptions.csv"), demoExceptions(state.Persons, now)),
	)
}

// demoChannel is the register's line for a channel: what its name says is
// sensitive is so.
func demoChannel(id, name string) []string {
	for _, word := range []string{"Server", "Archive", "Data", "Cash", "机房", "档案", "财务", "Lab"} {
		if strings.Contains(name, word) {
			return []string{id, "sensitive", "Security desk", "security@example.com", ""}
		}
	}
	return []string{id, "normal", "Facility desk", "facility@example.com", ""}
}
