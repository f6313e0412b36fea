package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"exporter/internal/store"
)

const jobVariable = "EXPORTER_BENCH_JOB"

// job is work for another process: to walk the permissions of a site and land their
// pages in a store under the name of Started, or to load what has landed there and
// to publish it.
type job struct {
	Dir     string // of the store
	Project string
	Rows    int64
	Started time.Time
	Walk    *site // nil: load and publish
}

// command runs the job.
func (j job) command(b *testing.B) *exec.Cmd {
	b.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	return cmd
}

// landing is where the pages land.
func (j job) landing() string {
	return filepath.Join(j.Dir, "landing", j.Project, j.Started.Format(runLayout))
}

func doJob(ctx context.Context, text []byte) error {
	var j job
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	if j.Walk == nil {
		return j.publish(ctx)
	}
	reader, err := j.Walk.reader(nil)
	if err != nil {
		return err
	}
	return walkPermissions(ctx, j.Project, j.Rows, reader, j.landing())
}

func (j job) publish(ctx context.Context) error {
	st, err := store.Open(j.Dir)
	if err != nil {
		return err
	}
	build, err := st.Begin(ctx, store.BuildOptions{Started: j.Started, Resume: time.Hour, ProgramVersion: "bench"})
	if err != nil {
		return err
	}
	loaded, err := build.Load(ctx, j.Project, "permissions")
	if err != nil || loaded.Distinct != j.Rows {
		return errors.Join(fmt.Errorf("loaded %+v", loaded), err)
	}
	_, err = build.Publish(ctx, []store.Project{{
		ID: j.Project, Started: j.Started, Finished: j.Started, ServerTime: j.Started, Verdict: store.Complete,
		Resources: []store.Resource{{Name: "permissions", Verdict: store.Complete, Rows: j.Rows, Distinct: j.Rows, TotalFirst: &j.Rows, TotalLast: &j.Rows}},
	}})
	return err
}

// firstDay is the day of the first collection.
var firstDay = time.Date(2026, 1, 1, 6, 0, 0, 0, time.UTC)

const runLayout = "20060102T150405Z" // how the store names a run
