package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"exporter/internal/store"
)

// publishConfig is where the analysts' copy goes after each collection.
type publishConfig struct {
	Dir string `yaml:"dir"` // "": nowhere
}

func (c *config) validatePublish(fault func(key, format string, args ...any)) {
	c.Publish.Dir = c.abs(c.Publish.Dir)
	if c.Publish.Dir == "" || c.Store.Dir == "" {
		return
	}
	if err := store.CheckAnalystsDir(c.Store.Dir, c.Publish.Dir); err != nil {
		fault("publish.dir", "%v", err)
	}
}

func (a *app) publishCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "publish [DIR]",
		Short: "Write the analysts' copy: a DuckDB file and Parquet files, pseudonymised",
		Long: `Writes the newest snapshot to DIR for tools of others, under the mask pseudonym:
persons are pseudonyms, and organizations of one or two persons have no name.

  DIR/analysts.duckdb   all tables with their comments; the macros permissions_at and
                        permission_changes work when it is opened, the views permission_days
                        and permission_changes_days also when it is attached
  DIR/parquet/          TABLE/project_id=.../snapshot_date=.../part-0.parquet for each day
                        whose snapshot the store still has, and manifest.json

Every file is replaced at once when it is whole, so that DIR can be read at any time.
Without DIR it is publish.dir of reports.yaml: only there every collection publishes too,
and a purge of a person makes the copy anew. After a purge publish to other folders again.`,
		Example: `  exporter publish /srv/analysts
  duckdb -readonly /srv/analysts/analysts.duckdb "FROM about"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := a.loadConfig(false)
			if err != nil {
				return err
			}
			dir := cfg.Publish.Dir
			if len(args) == 1 {
				dir = args[0]
			}
			if dir != "" {
				if dir, err = filepath.Abs(dir); err != nil {
					return err
				}
			}
			if dir == "" {
				return usage(errors.New("publish: no folder is given"), "exporter publish DIR, or publish: {dir: DIR} in "+cfg.path)
			}
			err = a.publish(c.Context(), cfg, dir)
			if errors.Is(err, store.ErrNoCopy) {
				return &exitError{exitUsage, err}
			}
			return err
		},
	}
}

// publish writes the analysts' copy to dir, with its journal entry, and says so.
func (a *app) publish(ctx context.Context, cfg *config, dir string) error {
	st, err := openStore(cfg)
	if err != nil {
		return err
	}
	began := a.now()
	c, err := st.PublishAnalysts(ctx, store.AnalystsOptions{
		Dir: dir, Timezone: cfg.zone.String(), ProgramVersion: version, Masking: a.sayMasking,
	})
	if errors.Is(err, store.ErrNotPublished) {
		return &hintError{err, "make one: exporter collect"}
	}
	if err != nil {
		return explainPublish(dir, err)
	}
	_, err = cfg.journal(a.now).Append("publish", map[string]any{
		"snapshot": c.Snapshot, "mask": store.MaskPseudonym, "dir": dir, "files": c.Files, "bytes": c.Bytes,
	})
	if err != nil {
		return explainDisk(err)
	}
	parquet := len(c.Files) - 2 // beside the manifest and the DuckDB file
	files := plural(int64(parquet), "new Parquet file")
	if c.Kept > 0 {
		files += fmt.Sprintf(" beside %s unchanged", count(int64(c.Kept)))
	}
	fmt.Fprintf(a.stderr, "published the analysts' copy of snapshot %s to %s in %s: analysts.duckdb and %s, %s together\n",
		c.Snapshot, dir, duration(a.now().Sub(began)), files, size(c.Bytes))
	return nil
}
