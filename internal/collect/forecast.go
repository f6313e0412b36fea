package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"exporter/internal/cloud"
	"exporter/internal/store"
)

// Forecast is what a collection would ask of the cloud.
type Forecast struct {
	Lines    []ForecastLine
	Requests int64 // of all lines, with the budget applied
	Left     int64 // requests that the budget leaves to later runs
	Took     int64 // requests that the forecast itself made
}

// ForecastLine is one resource of one project.
type ForecastLine struct {
	Project, Resource string
	Requests          int64
	Basis             string // how the number was found
}

// Time is how long the requests take at a rate in requests a second.
func (f *Forecast) Time(rate float64) time.Duration {
	return time.Duration(float64(f.Requests) / rate * float64(time.Second))
}

// Forecast asks the first page of each list and reckons from the totals, from
// what the newest snapshot covers and, for records, from the sizes of the tasks
// on that page. It changes nothing.
func (c *Collector) Forecast(ctx context.Context, r *cloud.Reader) (*Forecast, error) {
	c.cloud = r
	f := &Forecast{}
	before := r.Requests()
	for _, id := range c.o.Projects {
		lines, err := c.forecastProject(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("project %q: %w", id, err)
		}
		f.Lines = append(f.Lines, lines...)
	}
	var aside int64 // beside the budget
	for _, l := range f.Lines {
		f.Requests += l.Requests
		if l.Resource == tieOuts {
			aside += l.Requests
		}
	}
	left, err := c.left(aside)
	if err != nil {
		return nil, err
	}
	if left >= 0 && f.Requests > left {
		f.Left, f.Requests = f.Requests-left, left
	}
	f.Took = r.Requests() - before
	return f, nil
}

func (c *Collector) forecastProject(ctx context.Context, id string) ([]ForecastLine, error) {
	covered, err := c.covered(ctx, id)
	if err != nil {
		return nil, err
	}
	p := &project{Collector: c, id: id}
	var lines []ForecastLine
	add := func(resource string, requests int64, basis string, args ...any) {
		if i := len(lines) - 1; i >= 0 && lines[i].Resource == resource {
			lines[i].Requests += requests
			return
		}
		lines = append(lines, ForecastLine{id, resource, max(requests, 0), fmt.Sprintf(basis, args...)})
	}
	totals := map[string]int64{}
	perTask := 1.0
	for _, l := range lists {
		page, err := p.firstPage(ctx, l, p.o.PageSize)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.resource, err)
		}
		if l.resource == "tasks" && l.key == "" {
			perTask = meanTaskSize(page.Result())
		}
		n := *page.Total
		add(l.resource, max(pages(n, c.o.PageSize), 1), "%s in the list", quantity(n, "row"))
		if l.key == "" {
			totals[l.resource] = n
		}
	}
	counts, basis := c.forecastCounts(covered, totals["permissions"])
	add(tieOuts, counts, "%s", basis)
	groups, err := p.firstPage(ctx, list{operation: "query-rules", params: map[string]any{"relationType": 1}}, p.o.PageSize)
	if err != nil {
		return nil, fmt.Errorf("rules: %w", err)
	}
	tree := "one each, as many as last time"
	if covered["structures"] == 0 {
		tree = "one each, how many is not known yet"
	}
	add("structures", max(covered["structures"], 1)+1, "%s", tree)
	add("rule_channels", *groups.Total, "%s on a channel group", quantity(*groups.Total, "rule"))
	tasks := totals["tasks"] - covered["records"]
	add("task_details", totals["tasks"]-covered["task_details"], "tasks not yet asked after they were finished")
	add("records", tasks*max(pages(int64(perTask+0.5), c.o.PageSize), 1), "%s of about %.0f persons", quantity(max(tasks, 0), "task"), perTask)
	add("issue_infos", int64(float64(tasks)*perTask), "one for each new record, estimated")
	add("details", totals["permissions"]-covered["details"], "permissions without a detail")
	return lines, nil
}

// forecastCounts is how many requests a project's tie-outs take, and why. Channels
// that are not known yet are at most as many as permissions.
func (c *Collector) forecastCounts(covered map[string]int64, permissions int64) (requests int64, basis string) {
	share := c.o.TieOuts / len(c.o.Projects)
	if share < 2 {
		return 0, "none are allowed"
	}
	channels, known := covered["channels"]
	basis = fmt.Sprintf("filters of few values, and %s", quantity(channels, "channel"))
	if !known {
		channels, basis = min(permissions, int64(share)), "at most: the channels are not known yet"
	}
	asks, last := planCounts(make([]string, channels), share)
	return int64(len(asks) + len(last)), basis
}

func pages(rows int64, size int) int64 { return (rows + int64(size) - 1) / int64(size) }

// firstPage asks the first page of a list alone.
func (p *project) firstPage(ctx context.Context, l list, size int) (*cloud.Page, error) {
	for page, err := range p.cloud.Pages(ctx, l.operation, p.with(l.params), cloud.PageOptions{Size: size, Held: p.held(l, 1)}) {
		if err == nil && page.Total == nil {
			err = errNoTotal
		}
		return page, err
	}
	return nil, errNoTotal
}

// errNoTotal is a page of a list that does not say how long the list is.
var errNoTotal = errors.New("the cloud gave no total")

// covered is how many rows of each resource the newest snapshot has, or for
// what is asked per row, how many of these have been asked; and of channels, how
// many its permissions name.
func (c *Collector) covered(ctx context.Context, id string) (map[string]int64, error) {
	covered := map[string]int64{}
	r, err := c.store.Read(ctx, store.ReadOptions{Project: id})
	if errors.Is(err, store.ErrNotPublished) {
		return covered, nil
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	rows, err := r.Query(ctx, `
		SELECT resource, coalesce(covered, distinct_rows)
		FROM resources
		WHERE snapshot_id = (SELECT max(snapshot_id) FROM snapshots)
		UNION ALL
		SELECT 'channels', count(DISTINCT access_control_channel_id)
		FROM permissions
		WHERE access_control_channel_id != ''`, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var resource string
		var n int64
		if err := rows.Scan(&resource, &n); err != nil {
			return nil, err
		}
		covered[resource] = n
	}
	return covered, rows.Err()
}

// meanTaskSize is the mean authNum of the tasks in a list's result, 1 when
// none says it.
func meanTaskSize(result json.RawMessage) float64 {
	var page struct {
		List []map[string]json.RawMessage `json:"list"`
	}
	if json.Unmarshal(result, &page) != nil {
		return 1
	}
	var sum, n float64
	for _, item := range page.List {
		for key, value := range item {
			if strings.ToLower(strings.ReplaceAll(key, "_", "")) != "authnum" {
				continue
			}
			if size, err := strconv.ParseFloat(strings.Trim(string(value), `"`), 64); err == nil {
				sum, n = sum+size, n+1
			}
		}
	}
	if n == 0 {
		return 1
	}
	return sum / n
}
