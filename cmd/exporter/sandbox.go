package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"exporter/internal/sandbox"
)

func (a *app) sandboxCommand() *cobra.Command {
	var o sandbox.Options
	var listen string
	var list bool
	var prepare int
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Run the cloud on this machine, with an invented building behind it",
		Long: `Answers the 18 operations of the cloud's API on a loopback address until it is
stopped, with an invented building behind them. The first line on standard
output is JSON: {"url", "client_id", "client_secret", "project_id"}.`,
		Example: `  exporter sandbox --listen 127.0.0.1:8080
  exporter sandbox --site large --persons 10000 --channels 20 --tasks 100
  exporter sandbox --fault throttle,truncated-body
  exporter sandbox --faults`,
		RunE: func(c *cobra.Command, _ []string) error {
			if list {
				return a.listFaults()
			}
			o.Now = a.now
			s, err := newSandbox(o)
			if err != nil {
				return err
			}
			if prepare > 0 {
				if err := s.Prepare("access-auth", prepare); err != nil {
					return usage(err, "pages are prepared for --site large alone")
				}
			}
			return a.serveSandbox(c.Context(), s, listen)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "loopback address to listen on; port 0 takes a free one")
	c.Flags().StringVar(&o.Site, "site", "demo", "documented, demo or large")
	c.Flags().IntVar(&o.Persons, "persons", 10_000, "persons of the large site")
	c.Flags().IntVar(&o.Channels, "channels", 20, "channels of the large site")
	c.Flags().IntVar(&o.Tasks, "tasks", 100, "tasks of the large site")
	c.Flags().Uint64Var(&o.Seed, "seed", 0, "seed of the site's choices and of the faults")
	c.Flags().StringSliceVar(&o.Faults, "fault", nil, "faults by name, separated by commas")
	c.Flags().IntVar(&prepare, "prepare", 0, "render the large site's permissions in pages of this size first, to measure clients")
	c.Flags().BoolVar(&list, "faults", false, "list the faults and stop")
	return c
}

// newSandbox is sandbox.New with its mistakes as usage errors.
func newSandbox(o sandbox.Options) (*sandbox.Server, error) {
	if err := o.Validate(); err != nil {
		return nil, usage(err, "see: exporter sandbox --help, exporter sandbox --faults")
	}
	return sandbox.New(o), nil
}

func (a *app) listFaults() error {
	t := newGrid("FAULT", "RECOVERABLE", "WHAT IT DOES")
	for _, f := range sandbox.Faults() {
		t.add(f.Name, fmt.Sprint(f.Recoverable), f.Doc)
	}
	return a.printGrid(t)
}

func (a *app) serveSandbox(ctx context.Context, s *sandbox.Server, listen string) error {
	if host, _, err := net.SplitHostPort(listen); err != nil || host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return usage(fmt.Errorf("%q is no loopback address with a port", listen), "for example: --listen 127.0.0.1:8080; the sandbox's secret is public, so it stays on this machine")
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return &hintError{err, "another program may hold the port; --listen 127.0.0.1:0 takes a free one"}
	}
	id, secret, project := s.Credentials()
	first, err := json.Marshal(map[string]string{
		"url": "http://" + l.Addr().String(), "client_id": id, "client_secret": secret, "project_id": project,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, string(first))
	if _, person := terminalWidth(a.stdout); person {
		fmt.Fprintf(a.stderr, `
In a reports.yaml (exporter init writes one), in place of what is there:
  url: http://%s
  projects: ["%s"]
  rate: 1000
without region; and in another terminal, before exporter check and exporter collect:
  export EXPORTER_CLIENT_ID=%s
  export EXPORTER_CLIENT_SECRET=%s
Ctrl-C ends it.
`, l.Addr(), project, id, secret)
	}
	return serve(ctx, l, s)
}

// serve answers on l until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
