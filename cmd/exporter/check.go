package main

import (
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
	"exporter/internal/reports"
)

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Check configuration, credentials, clock, data centre, disk and fonts",
		Long: `Tries what a collection and a report need, and says of each what works, what
does not, and what to do. It asks the
cloud one page for each project, and makes the store's folder if there is none.`,
		Example: "  exporter check",
		RunE:    func(c *cobra.Command, _ []string) error { return a.check(c.Context()) },
	}
}

// maxSkew is how far this machine's clock may be off before check says so; the
// cloud itself names no number.
const maxSkew = time.Minute

// minFree is the free space below which check warns, in bytes.
const minFree = 1 << 30

// check prints one line for each thing and errs when one does not work.
func (a *app) check(ctx context.Context) error {
	failures := 0
	say := func(what string, err error, format string, args ...any) {
		if err == nil {
			fmt.Fprintf(a.stdout, "%s  %-14s %s\n", paint(a.stdout, text.FgHiGreen, "ok  "), what, fmt.Sprintf(format, args...))
			return
		}
		failures++
		fmt.Fprintf(a.stdout, "%s  %-14s %v\n", paint(a.stdout, text.FgHiRed, "FAIL"), what, err)
		for _, h := range hints(err) {
			fmt.Fprintf(a.stdout, "      %-14s hint: %s\n", "", h)
		}
	}
	cfg, err := a.loadReports(ctx, true)
	if err != nil {
		return err
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
		err = fmt.Errorf("%s has %s MB left", cfg.Store.Dir, count(int64(free>>20)))
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
		say(strings.ReplaceAll(table, "_", " "), err, "%s", path)
	}
	fonts, err := reports.FindFonts(cfg.Fonts)
	if err == nil && !fonts.Has('张') {
		err = &hintError{errors.New("no font with Chinese characters was found; they print as U+XXXX"),
			"Debian: apt-get install fonts-droid-fallback; or name a TrueType file under fonts: in reports.yaml"}
	}
	say("fonts", err, "%s", strings.Join(fonts.Paths(), ", "))
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

func freeSpace(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
