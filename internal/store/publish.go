package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Publish merges what was loaded into the history and makes the snapshot
// visible: lists and the organisation tree where their verdict is whole, what
// is asked one by one as far as it was asked. A project of an earlier snapshot
// that is not given is carried forward, as partial. It closes the file, syncs it,
// makes it read-only and renames it, and then moves the landed pages to raw/.
// It ends the build, also when it fails. Then it returns no snapshots, what was
// built is discarded, and what has landed stays; but where the snapshot had its
// name already it returns its rows beside the error: it is published, and its
// landed pages belong to it.
func (b *Build) Publish(ctx context.Context, projects []Project) ([]Snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list, err := b.publish(ctx, projects)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("publish snapshot %s: %w", b.id, err), b.Discard())
	}
	if err := b.settle(); err != nil {
		return list, fmt.Errorf("snapshot %s is published, but: %w", b.id, err)
	}
	return list, nil
}

// settle clears up after the rename. The pages move last: where the name may
// not be on the disk yet they stay in landing/, and the next lock decides.
func (b *Build) settle() error {
	if err := errors.Join(b.Discard(), syncDir(filepath.Join(b.store.dir, "snapshots"))); err != nil {
		return err
	}
	return b.store.keepRaw(b.id)
}

func (b *Build) publish(ctx context.Context, projects []Project) ([]Snapshot, error) {
	if len(projects) == 0 {
		return nil, errors.New("no projects")
	}
	for _, p := range projects {
		if err := b.publishProject(ctx, p); err != nil {
			return nil, fmt.Errorf("project %q: %w", p.ID, err)
		}
	}
	if err := b.carry(ctx, projects); err != nil {
		return nil, fmt.Errorf("carry forward: %w", err)
	}
	list, err := snapshotsWhere(ctx, b.conn, b.id)
	if err != nil {
		return nil, err
	}
	if err := b.exec(ctx, "DETACH stage; CHECKPOINT build"); err != nil {
		return nil, err
	}
	// The calls come after it, into the blocks that it has freed, so that the file
	// grows by what has changed and no more.
	for _, p := range projects {
		if err := b.insertCalls(ctx, p.ID); err != nil {
			return nil, fmt.Errorf("calls of project %q: %w", p.ID, err)
		}
	}
	if err := b.exec(ctx, "CHECKPOINT build"); err != nil {
		return nil, err
	}
	file, err := b.rewrite(ctx)
	if err != nil {
		return nil, err
	}
	return list, b.rename(ctx, file)
}

// rename makes a file the snapshot.
func (b *Build) rename(ctx context.Context, file string) error {
	if err := b.close(); err != nil {
		return err
	}
	if err := seal(file); err != nil {
		return err
	}
	b.store.maskAhead(ctx, file, b.id)
	err := ctx.Err()
	if err == nil {
		err = os.Rename(file, b.store.path(b.id))
	}
	if err != nil {
		return errors.Join(err, b.store.removeMasked(b.id))
	}
	return nil
}

func (b *Build) publishProject(ctx context.Context, p Project) error {
	if err := b.exec(ctx, "SET VARIABLE project_id = $1", p.ID); err != nil {
		return err
	}
	changed := map[string]bool{}
	given := map[string]Resource{}
	for _, x := range p.Resources {
		if _, err := lookup(x.Name); err != nil {
			return err
		}
		given[x.Name] = x
	}
	for _, r := range resources {
		merged, err := b.mergeIf(ctx, p.ID, r, given[r.name].Verdict)
		if err != nil {
			return fmt.Errorf("merge %s: %w", r.name, err)
		}
		changed[r.name] = merged || changed[r.name]
		if r.name == "rules" && whole(given[r.name].Verdict) {
			if changed["rule_channels"], err = b.dropRuleChannels(ctx); err != nil {
				return err
			}
		}
	}
	for _, r := range resources {
		if _, ok := given[r.name]; !ok {
			given[r.name] = Resource{Name: r.name, Verdict: Partial, Problem: "not walked"}
		}
	}
	return b.describe(ctx, p, given, changed)
}

// carry gives every project that some snapshot knows and this run does not its
// row: its rows are current still, so that what reads them must find a verdict.
func (b *Build) carry(ctx context.Context, projects []Project) error {
	known, err := b.knownProjects(ctx)
	if err != nil {
		return err
	}
	started, finished := projects[0].Started, projects[0].Finished
	for _, p := range projects {
		if p.Started.Before(started) {
			started = p.Started
		}
		if p.Finished.After(finished) {
			finished = p.Finished
		}
	}
	for _, id := range known {
		if slices.ContainsFunc(projects, func(p Project) bool { return p.ID == id }) {
			continue
		}
		if err := b.exec(ctx, "SET VARIABLE project_id = $1", id); err != nil {
			return err
		}
		facts := map[string]Resource{}
		for _, r := range resources {
			facts[r.name] = Resource{Name: r.name, Verdict: Partial, Problem: "not collected in this run"}
		}
		p := Project{ID: id, Started: started, Finished: finished, Verdict: Partial}
		if err := b.describe(ctx, p, facts, nil); err != nil {
			return fmt.Errorf("project %q: %w", id, err)
		}
	}
	return nil
}

func (b *Build) knownProjects(ctx context.Context) ([]string, error) {
	return texts(ctx, b.conn, "SELECT DISTINCT project_id FROM base.snapshots ORDER BY project_id")
}

// describe writes what the snapshot says of a project. There is a fact for
// each resource; changed are those whose history is not what it was.
func (b *Build) describe(ctx context.Context, p Project, facts map[string]Resource, changed map[string]bool) error {
	if err := b.exec(ctx, `
INSERT INTO base.snapshots (snapshot_id, project_id, started_at, finished_at, verdict, server_time, program_version, clock_offset_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		b.id, p.ID, stamp(p.Started), stamp(p.Finished), p.Verdict, stamp(p.ServerTime), b.version, ahead(p)); err != nil {
		return err
	}
	for _, r := range resources {
		if err := b.insertResource(ctx, p.ID, r, facts[r.name]); err != nil {
			return fmt.Errorf("facts of %s: %w", r.name, err)
		}
	}
	if err := b.tieOut(ctx, p, facts); err != nil {
		return fmt.Errorf("tie-outs: %w", err)
	}
	return b.digest(ctx, p.ID, changed)
}

// ahead is how far the cloud's clock was ahead of ours, where it told the time.
func ahead(p Project) any {
	if p.ServerTime.IsZero() {
		return nil
	}
	return p.ClockOffset.Milliseconds()
}

func whole(verdict string) bool { return verdict == Complete || verdict == CompleteWithDrift }

// mergeIf merges a resource when it may be.
func (b *Build) mergeIf(ctx context.Context, project string, r resource, verdict string) (bool, error) {
	walks, loaded := b.loaded[b.stageOf(project, r)]
	if r.asked != "" {
		if walks == 0 {
			return false, nil
		}
		return b.merge(ctx, project, r)
	}
	if !whole(verdict) {
		return false, nil
	}
	if !loaded || walks == 0 {
		return false, fmt.Errorf("its verdict is %s, but no whole walk was loaded", verdict)
	}
	return b.merge(ctx, project, r)
}

func (b *Build) insertResource(ctx context.Context, project string, r resource, x Resource) error {
	var covered, coverable any
	if query, ok := coverage[r.name]; ok {
		var c, of int64
		if err := b.conn.QueryRowContext(ctx, query, project, r.name).Scan(&c, &of); err != nil {
			return err
		}
		covered, coverable = c, of
	}
	return b.exec(ctx, `
INSERT INTO base.resources
SELECT
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
    if($14 IN ('complete', 'complete_with_drift'), $1, (
        SELECT arg_max(walked_in, snapshot_id) FROM base.resources WHERE project_id = $2 AND resource = $3
    )),
    $14,
    $15`,
		b.id, project, r.name, x.Pages, optional(x.TotalFirst), optional(x.TotalLast), x.Rows, x.Distinct, x.Duplicates,
		x.Retries, x.Errors, covered, coverable, x.Verdict, x.Problem)
}

func optional(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// coverage counts how much of a resource has been asked, and how much there is.
var coverage = map[string]string{
	"rule_channels": askedOf("auth_relation_id", "current_rules WHERE relation_type = 1"),
	"task_details":  askedOf("auth_task_id", "current_tasks"),
	"records":       askedOf("auth_task_id", "current_tasks"),
	"issue_infos":   askedOf("auth_task_record_id", "current_records"),
	"details":       askedOf("access_auth_id", "current_permissions"),
}

func askedOf(key, from string) string {
	return `
SELECT count(a.key), count(*)
FROM (SELECT ` + key + ` AS key FROM base.` + from + `) AS x
LEFT JOIN base.asked AS a ON a.project_id = $1 AND a.resource = $2 AND a.key = x.key`
}

// insertCalls loads what landed of the calls of this run.
func (b *Build) insertCalls(ctx context.Context, project string) error {
	path, err := landed(b.landing(project), "calls")
	if err != nil || path == "" {
		return err
	}
	cols, err := b.received(ctx, resource{name: "calls"})
	if err != nil {
		return err
	}
	cols = slices.DeleteFunc(cols, func(c column) bool { return c.name == "snapshot_id" })
	parts := make([]string, len(cols))
	for i, c := range cols {
		parts[i] = `"` + c.name + `": '` + c.kind + `'`
	}
	return b.exec(ctx, `
INSERT INTO base.calls BY NAME
SELECT $1 AS snapshot_id, $2 AS project_id, *
FROM read_json(`+path+`, format = 'newline_delimited', columns = {`+strings.Join(parts, ", ")+`})`, b.id, project)
}
