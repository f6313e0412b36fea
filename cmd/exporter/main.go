// Command exporter reports on the access permissions of buildings whose doors
// are run by the Tuya cloud: it collects them into dated DuckDB snapshots and
// makes Excel, PDF and SQL answers from those.
//
// This package reads the configuration, gives each command its file, wires the
// packages below internal/ together, logs, and chooses the exit status. It
// decides nothing about permissions.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // reports need the project's zone on machines without a zone database

	"github.com/spf13/cobra"

	"exporter/internal/reports"
)

// Exit statuses, a contract with scripts.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitPart        = 3
	exitMismatch    = 4
	exitInterrupted = 130
)

const exitHelp = `
Exit status: 0 done, 1 failed, 2 usage or a refused statement, 3 done in part,
4 verification found a mismatch, 130 interrupted.`

func main() {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// app is what the commands share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *slog.Logger
	now            func() time.Time

	configPath string
	logFormat  string
	zone       *time.Location // of the times in tables; the store's, once the configuration is read
	// acceptedMails are the IDs of the messages that the journal has as accepted;
	// nil reads it each time.
	acceptedMails func() (map[string]bool, error)
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return (&app{stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now, zone: time.UTC}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(a.stderr, "exporter: interrupted; nothing half-made is left")
		return exitInterrupted
	}
	printError(a.stderr, err)
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.status
	}
	return exitFailed
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "exporter",
		Short: "Compliance reports for buildings whose doors are run by the Tuya cloud",
		Long: `exporter collects who may open which door from the Tuya cloud's access control,
keeps it as dated, unchangeable snapshots, and makes reports from them.

Try it without an account:   exporter demo
For your own site:           exporter init, then exporter check, exporter collect
` + exitHelp,
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := "see: exporter --help"
			if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				hint = fmt.Sprintf("did you mean %q?", near[0])
			}
			return usage(fmt.Errorf("unknown command %q", args[0]), hint)
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			if err := refuseEmpty(c); err != nil {
				return err
			}
			return a.setUp()
		},
	}
	config := os.Getenv("EXPORTER_CONFIG")
	if config == "" {
		config = "reports.yaml"
	}
	root.PersistentFlags().StringVar(&a.configPath, "config", config, "configuration file, also $EXPORTER_CONFIG")
	root.PersistentFlags().StringVar(&a.logFormat, "log-format", "text", "text or json, on standard error")
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80"))
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		hint := "see: " + c.CommandPath() + " --help"
		if name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --"); unknown {
			var flags []string
			for word := range strings.FieldsSeq(c.Flags().FlagUsages()) {
				if flag, ok := strings.CutPrefix(word, "--"); ok {
					flags = append(flags, flag)
				}
			}
			if near := reports.Nearest(name, flags); near != "" {
				hint = fmt.Sprintf("did you mean --%s?", near)
			}
		}
		return usage(err, hint)
	})
	root.AddCommand(a.initCommand(), a.demoCommand(), a.collectCommand(), a.reportCommand(), a.serveCommand(), a.whyCommand(),
		a.outboxCommand(), a.snapshotsCommand(), a.sqlCommand(), a.publishCommand(), a.evidenceCommand(), a.apiCommand(), a.sandboxCommand(),
		a.checkCommand(), a.versionCommand(), a.workerCommand(), a.evidenceWorkerCommand())
	for _, c := range root.Commands() {
		addExitHelp(c)
	}
	complete(root, "log-format", fixed("text", "json"))
	a.addCompletions(root)
	return root
}

// addExitHelp puts the exit statuses into the help of c and of its children.
func addExitHelp(c *cobra.Command) {
	if c.Long == "" {
		c.Long = c.Short + "."
	}
	c.Long += "\n" + exitHelp
	if c.Args == nil {
		c.Args = cobra.NoArgs
	}
	args := c.Args
	c.Args = func(cmd *cobra.Command, given []string) error {
		if err := args(cmd, given); err != nil {
			return usage(err, "see: "+cmd.CommandPath()+" --help")
		}
		return nil
	}
	for _, child := range c.Commands() {
		addExitHelp(child)
	}
}

// refuseEmpty refuses a flag that is given without a value, as by an unset variable
// of a script: it would stand for the default, which was not meant.
func refuseEmpty(c *cobra.Command) error {
	for _, name := range []string{"as-of", "file", "format", "out", "project", "since", "snapshot"} {
		f := c.Flags().Lookup(name)
		if f != nil && f.Changed && (f.Value.String() == "" || f.Value.String() == "[]") {
			return usage(fmt.Errorf("--%s: no value is given", name), "give it one, or leave the flag out")
		}
	}
	return nil
}

func (a *app) setUp() error {
	switch a.logFormat {
	case "text":
		a.log = slog.New(slog.NewTextHandler(a.stderr, nil))
	case "json":
		a.log = slog.New(slog.NewJSONHandler(a.stderr, nil))
	default:
		return usage(fmt.Errorf("unknown log format %q", a.logFormat), "use text or json")
	}
	return nil
}

// exitError is an error with an exit status of its own.
type exitError struct {
	status int
	err    error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// hintError adds what a person can do to an error.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }
func (e *hintError) Hint() string  { return e.hint }

// usage is err as a usage error with a hint.
func usage(err error, hint string) error {
	return &exitError{exitUsage, &hintError{err, hint}}
}

// printError writes err for people: what went wrong and, on a line of its own, the
// hint; of errors that are joined each with its own. One hint for several that
// follow each other stands below the last.
func printError(w io.Writer, err error) {
	// Who reads the answer and has gone wants no message.
	parts := slices.DeleteFunc(apart(err), func(err error) bool {
		out, ok := errors.AsType[*outError](err)
		return ok && out.gone()
	})
	for i, part := range parts {
		for line := range strings.Lines(strings.TrimRight(part.Error(), "\n")) {
			line = strings.TrimRight(line, "\n")
			switch {
			case line == "":
			case strings.HasPrefix(line, " "), strings.HasPrefix(line, "LINE "): // an excerpt
				fmt.Fprintln(w, line)
			default:
				fmt.Fprintln(w, wrapped(w, "exporter: "+line))
			}
		}
		own := hints(part)
		for j, h := range own {
			again := i+1 < len(parts) && slices.Contains(hints(parts[i+1]), h)
			if h != "" && !again && !slices.Contains(own[:j], h) {
				fmt.Fprintln(w, wrapped(w, "exporter: hint: "+h))
			}
		}
	}
}

// apart are the errors that err joins, or err alone.
func apart(err error) []error {
	switch e := err.(type) {
	case *exitError:
		return apart(e.err)
	case *hintError: // a hint for all that it is of
		parts := apart(e.err)
		last := len(parts) - 1
		parts[last] = &hintError{parts[last], e.hint}
		return parts
	case interface{ Unwrap() []error }:
		var parts []error
		var texts []string
		for _, inner := range e.Unwrap() {
			parts, texts = append(parts, apart(inner)...), append(texts, inner.Error())
		}
		if err.Error() == strings.Join(texts, "\n") { // [errors.Join], not an error that says more
			return parts
		}
	}
	return []error{err}
}

func hints(err error) []string {
	var all []string
	if h, ok := err.(interface{ Hint() string }); ok && h.Hint() != "" {
		all = append(all, h.Hint())
	}
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		if u.Unwrap() != nil {
			all = append(all, hints(u.Unwrap())...)
		}
	case interface{ Unwrap() []error }:
		for _, e := range u.Unwrap() {
			all = append(all, hints(e)...)
		}
	}
	return all
}
