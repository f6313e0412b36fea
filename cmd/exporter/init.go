package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// firstConfig is the reports.yaml that init writes.
//
//go:embed init.yaml
var firstConfig []byte

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "init",
		Short:   "Write a commented reports.yaml for your cloud project",
		Example: "  exporter init",
		RunE: func(*cobra.Command, []string) error {
			f, err := os.OpenFile(a.configPath, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
			if errors.Is(err, os.ErrExist) {
				return usage(fmt.Errorf("%s exists and is left as it is", a.configPath), "name another file: exporter init --config other.yaml")
			}
			if err != nil {
				return err
			}
			_, err = f.Write(firstConfig)
			if err := errors.Join(err, f.Close()); err != nil {
				return errors.Join(err, os.Remove(a.configPath))
			}
			fmt.Fprintf(a.stdout, `wrote %s

Next:
  1. put your project id and data centre into it
  2. export EXPORTER_CLIENT_ID=... EXPORTER_CLIENT_SECRET=...
  3. exporter check
  4. exporter collect --dry-run, then exporter collect
  5. exporter report

To try this without an account: exporter sandbox, in another terminal, is a
cloud on this machine, and says what to put into the file.
`, a.configPath)
			return nil
		},
	}
}
