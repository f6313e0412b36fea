package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"exporter/internal/cloud"
	"exporter/internal/collect"
	"exporter/internal/store"
)

// collectFlags are how one collection is made.
type collectFlags struct{ acceptDrop, witness bool }

func (a *app) collectCommand() *cobra.Command {
	var project, only string
	var dryRun bool
	var f collectFlags
	c := &cobra.Command{
		Use:   "collect",
		Short: "Collect every project into a new snapshot",
		Long: `Reads every project of the configuration from the cloud and publishes one
snapshot. What could not be read whole is carried forward from the snapshot
before and said; nothing is closed by it. Ctrl-C publishes nothing; the next
run goes on where an interrupted one stopped (collect.resume in reports.yaml
says for how long).

With --witness each call is printed as it comes, for somebody who watches: the
time on the cloud's clock, the operation and its page, how many rows came and how
many the cloud says there are, its code and its id of the call (tid). The same
lines are filed as witness/SNAPSHOT.txt in the store, whose SHA-256 the journal
names. They say nothing of persons and stay as long as the journal.

With --only inputs the cloud is asked nothing: the snapshot is the one before,
with the files of inputs (channels, roster, exceptions) as they are now.`,
		Example: `  exporter collect
  exporter collect --dry-run
  exporter collect --only inputs
  exporter collect --witness`,
		RunE: func(c *cobra.Command, _ []string) error {
			if only != "" && only != "inputs" {
				return usage(fmt.Errorf("--only %.200q: there is only inputs", only), "leave it out to collect everything")
			}
			if only != "" && (project != "" || dryRun || f != collectFlags{}) {
				return usage(errors.New("--only inputs asks the cloud nothing"), "leave the other flags out")
			}
			cfg, err := a.loadConfig(only == "")
			if err != nil {
				return err
			}
			if only != "" {
				return a.takeInputs(c.Context(), cfg)
			}
			if cfg.Cloud.Projects, err = chooseProjects(cfg, project); err != nil {
				return err
			}
			if dryRun && f.witness {
				return usage(errors.New("--dry-run and --witness exclude each other"), "a forecast files nothing: leave --dry-run out")
			}
			if dryRun {
				return a.forecast(c.Context(), cfg)
			}
			_, err = a.collect(c.Context(), cfg, f)
			return err
		},
	}
	c.Flags().StringVar(&project, "project", "", "only this project of the configuration")
	c.Flags().StringVar(&only, "only", "", "inputs: take the input files anew, and ask the cloud nothing")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "forecast the requests and the time, and collect nothing")
	c.Flags().BoolVar(&f.witness, "witness", false, "print each call as it comes, and file what was printed")
	c.Flags().BoolVar(&f.acceptDrop, "accept-drop", false, "believe a list that lost more rows than collect.max_drop")
	return c
}

// chooseProjects is all projects of the configuration, or the one asked for.
func chooseProjects(cfg *config, project string) ([]string, error) {
	if project == "" {
		return cfg.Cloud.Projects, nil
	}
	for _, p := range cfg.Cloud.Projects {
		if p == project {
			return []string{p}, nil
		}
	}
	return nil, usage(fmt.Errorf("project %q is not in cloud.projects of %s", project, cfg.path), "configured: "+strings.Join(cfg.Cloud.Projects, ", "))
}

// newClient is the configured cloud. observe is told of every attempt and may
// be nil.
func (a *app) newClient(cfg *config, observe func(cloud.Attempt)) (*cloud.Client, error) {
	client, err := cloud.New(cloud.Config{
		URL: cfg.Cloud.URL, ClientID: cfg.Cloud.ClientID, ClientSecret: cfg.Cloud.ClientSecret, Rate: cfg.Cloud.Rate, Parallel: cfg.Cloud.Parallel,
		GetParams: cfg.Cloud.GetParams, Lang: cfg.Cloud.Lang, Log: slog.New(slog.DiscardHandler), Now: a.now, Observe: observe,
	})
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return client, nil
}

func (cfg *config) journalPath() string { return filepath.Join(cfg.Store.Dir, "journal.ndjson") }

// registers are the input files by the table that holds them.
func (cfg *config) registers() map[string]string {
	all := map[string]string{
		"channel_register": cfg.Inputs.Channels, "roster": cfg.Inputs.Roster, "exceptions": cfg.Inputs.Exceptions,
	}
	for table, path := range all {
		if path == "" {
			delete(all, table)
		}
	}
	return all
}

func (cfg *config) collectOptions(a *app) collect.Options {
	return collect.Options{
		Projects: cfg.Cloud.Projects, PageSize: cfg.Cloud.PageSize,
		Budget:  collect.Budget{Run: cfg.Collect.Budget.Run, Day: cfg.Collect.Budget.Day, Month: cfg.Collect.Budget.Month},
		TieOuts: cfg.Collect.TieOuts, MaxDrop: cfg.Collect.MaxDrop, Zone: cfg.zone, Resume: cfg.Collect.Resume,
		Registers: cfg.registers(), Journal: cfg.journalPath(), ProgramVersion: version,
		Now: a.now, Log: slog.New(slog.DiscardHandler),
	}
}

// collect runs one collection with its journal entry and says what came of it. It
// returns its result also with an error where a snapshot was published.
func (a *app) collect(ctx context.Context, cfg *config, f collectFlags) (*collect.Result, error) {
	st, err := openStore(cfg)
	if err != nil {
		return nil, err
	}
	host := strings.TrimPrefix(strings.TrimPrefix(cfg.Cloud.URL, "https://"), "http://")
	fmt.Fprintf(a.stderr, "%s %s\n", paint(a.stderr, text.FgHiBlue, strings.Join(cfg.Cloud.Projects, ", ")),
		paint(a.stderr, text.FgHiBlack, fmt.Sprintf("· %s · at most %g requests a second", host, cfg.Cloud.Rate)))
	o := cfg.collectOptions(a)
	o.AcceptDrop = f.acceptDrop
	bars := a.newBars(len(o.Projects) > 1, f.witness)
	o.Progress, o.Log = bars.step, bars.log
	log := &witnessLog{out: a.stdout, cfg: cfg}
	if f.witness {
		o.Witness = log.see
	}
	collector := collect.New(st, o)
	client, err := a.newClient(cfg, collector.Observe)
	if err != nil {
		return nil, err
	}
	result, err := collector.Run(ctx, client.Reader())
	client.CloseIdleConnections() // serve goes on
	bars.stop()
	// Also after an error: a crash may have left a snapshot without its entry.
	journalled := errors.Join(log.filed(a.stderr, a.now), journalSnapshots(context.WithoutCancel(ctx), cfg, st, a.now))
	if err != nil {
		if fault, ok := errors.AsType[*collect.Fault](err); ok {
			a.log.Error("a collection ended in a panic", "panic", fault.Panic, "stack", string(fault.Stack))
		}
		if ctx.Err() != nil && o.Resume > 0 {
			fmt.Fprintf(a.stderr, "what has come is kept for %s; exporter collect goes on from there\n", duration(o.Resume))
		}
		return nil, fmt.Errorf("collect: %w", errors.Join(explainCollect(cfg, err), journalled))
	}
	a.sayCollected(result)
	var lacks error
	if result.Verdict == store.Partial {
		lacks = fmt.Errorf("collect: %w", errors.Join(result.Problems...))
	}
	if err := errors.Join(lacks, a.tend(ctx, cfg, st, result.Snapshot, journalled)); err != nil {
		return result, &exitError{exitPart, err}
	}
	return result, nil
}

// explainCollect adds what a person can do to an error of the disk or of another
// collector.
func explainCollect(cfg *config, err error) error {
	var locked *store.Locked
	if errors.As(err, &locked) {
		return &hintError{err, "one collector at a time: wait until it is done, or stop it"}
	}
	// DuckDB's own errors do not say by their type that the disk is full.
	if free, statErr := freeSpace(cfg.Store.Dir); statErr == nil && free < minFree/64 {
		return &hintError{err, hintFull}
	}
	return explainDisk(err)
}

// sayCollected tells on standard error what was published.
func (a *app) sayCollected(r *collect.Result) {
	color := text.FgHiGreen
	if r.Verdict != store.Complete {
		color = text.FgHiYellow
	}
	fmt.Fprintf(a.stderr, "%s snapshot %s in %s: %s, %s requests\n", paint(a.stderr, color, "published"), r.Snapshot,
		duration(r.Took), paint(a.stderr, color, strings.ReplaceAll(r.Verdict, "_", " ")), count(r.Requests))
	if len(r.CarriedForward) > 0 {
		fmt.Fprintf(a.stderr, "  not collected, as they were before: %s\n", strings.Join(r.CarriedForward, ", "))
	}
	if r.TakenUp > 0 {
		fmt.Fprintf(a.stderr, "  %s answers were there already, from a run that was interrupted\n", count(r.TakenUp))
	}
}

// duration is d as people say it: 41 s, 9 min 12 s, 3 h 4 min.
func duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

// count is n with a comma at each thousand.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
