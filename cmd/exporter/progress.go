package main

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/collect"
)

// bars shows the progress of a collection, or of other work: a bar for each resource,
// or each step, on a terminal, a log line now and then elsewhere.
type bars struct {
	w        io.Writer
	live     bool // w is a terminal
	projects bool // name the project in each bar
	log      *slog.Logger
	now      func() time.Time
	say      func(r *bar, left string) // logs it

	mu     sync.Mutex
	order  []*bar
	drawn  int // lines on the screen that belong to us
	end    chan struct{}
	ticked sync.WaitGroup
}

// bar is one resource of one project, or one step.
type bar struct {
	project, resource string
	bytes             bool // rows and total are bytes
	rows              int64
	total             *int64
	started, finished time.Time
	logged            time.Time
	verdict, note     string
}

const (
	redrawEvery = 100 * time.Millisecond
	logEvery    = 10 * time.Second
)

// newBars shows no bars where the calls are printed on the same screen.
func (a *app) newBars(projects, calls bool) *bars {
	_, live := terminalWidth(a.stderr)
	_, shared := terminalWidth(a.stdout)
	live = live && !(calls && shared)
	b := &bars{w: a.stderr, live: live && a.logFormat == "text", projects: projects, log: a.log, now: a.now, end: make(chan struct{})}
	b.say = func(r *bar, left string) {
		b.log.Info("walking", "project", r.project, "resource", r.resource, "rows", r.rows, "left", left)
	}
	if !b.live {
		return b
	}
	b.log = slog.New(slog.DiscardHandler)
	b.ticked.Go(func() {
		t := time.NewTicker(redrawEvery)
		defer t.Stop()
		for {
			select {
			case <-b.end:
				return
			case <-t.C:
				b.draw()
			}
		}
	})
	return b
}

// step takes one step of the collection in.
func (b *bars) step(p collect.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	r := b.find(p, now)
	r.rows += p.Rows
	if p.Total != nil {
		r.total = p.Total
	}
	if p.Done {
		r.finished, r.verdict, r.note = now, p.Verdict, p.Note
	}
	if !b.live && !p.Done && now.Sub(r.logged) >= logEvery {
		r.logged = now
		b.say(r, left(r, now))
	}
}

// start begins the bar of a step that has so many parts, or bytes.
func (b *bars) start(step string, total int64, bytes bool) {
	b.step(collect.Progress{Resource: step, Total: &total})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.order[len(b.order)-1].bytes = bytes
}

// add takes in how much more of a step is done.
func (b *bars) add(step string, n int64) { b.step(collect.Progress{Resource: step, Rows: n}) }

// at takes in how far a step is, the first time that it begins, in the end that it is
// done.
func (b *bars) at(step string, done, total int64, bytes bool) {
	b.mu.Lock()
	i := slices.IndexFunc(b.order, func(r *bar) bool { return r.resource == step })
	was := int64(0)
	if i >= 0 {
		was = b.order[i].rows
	}
	b.mu.Unlock()
	if i < 0 {
		b.start(step, total, bytes)
	}
	b.add(step, done-was)
	if done == total {
		b.finish(step)
	}
}

// finish takes in that a step is done.
func (b *bars) finish(step string) { b.step(collect.Progress{Resource: step, Done: true}) }

// read is r, whose bytes are those of a step.
func (b *bars) read(step string, r io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		b.add(step, int64(n))
		return n, err
	})
}

func (b *bars) find(p collect.Progress, now time.Time) *bar {
	for _, r := range b.order {
		if r.project == p.Project && r.resource == p.Resource {
			return r
		}
	}
	r := &bar{project: p.Project, resource: p.Resource, started: now, logged: now}
	b.order = append(b.order, r)
	return r
}

// stop draws the last state and leaves it on the screen.
func (b *bars) stop() {
	if !b.live {
		return
	}
	close(b.end)
	b.ticked.Wait()
	b.draw()
}

func (b *bars) draw() {
	b.mu.Lock()
	defer b.mu.Unlock()
	width, _ := terminalWidth(b.w)
	var s strings.Builder
	if b.drawn > 0 {
		fmt.Fprintf(&s, "\x1b[%dA", b.drawn)
	}
	for _, r := range b.order {
		line := text.Trim(b.line(r), width-1)
		if colored(b.w) {
			line = strings.Replace(line, barOf(r), barColor(r).Sprint(barOf(r)), 1)
		}
		fmt.Fprintf(&s, "\r\x1b[K%s\n", line)
	}
	b.drawn = len(b.order)
	io.WriteString(b.w, s.String())
}

func (b *bars) line(r *bar) string {
	name := r.resource
	if b.projects {
		name = r.project + " " + name
	}
	total := "?"
	if r.total != nil {
		total = r.amount(*r.total)
	} else if !r.finished.IsZero() {
		total = r.amount(r.rows)
	}
	line := fmt.Sprintf("%-13s %9s / %-9s %s  ", name, r.amount(r.rows), total, barOf(r))
	now := b.now()
	switch {
	case r.note != "":
		line += r.note
	case !r.finished.IsZero():
		line += duration(r.finished.Sub(r.started))
	default:
		line += left(r, now)
	}
	return line
}

func (r *bar) amount(n int64) string {
	if r.bytes {
		return size(n)
	}
	return count(n)
}

const barWidth = 10

func barOf(r *bar) string {
	full := 0
	switch {
	case !r.finished.IsZero():
		full = barWidth
		if r.total != nil && *r.total > 0 {
			full = int(min(r.rows, *r.total) * barWidth / *r.total)
		}
	case r.total != nil && *r.total > 0:
		full = int(min(r.rows, *r.total) * barWidth / *r.total)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}

func barColor(r *bar) text.Color {
	switch {
	case r.finished.IsZero():
		return text.FgHiBlue
	case r.verdict == "partial":
		return text.FgHiYellow
	default:
		return text.FgHiGreen
	}
}

// left is the rate of r and the time that it still needs.
func left(r *bar, now time.Time) string {
	took := now.Sub(r.started).Seconds()
	if took < 0.5 || r.rows == 0 {
		return ""
	}
	rate := float64(r.rows) / took
	s := fmt.Sprintf("%s/s", r.amount(int64(rate)))
	if rate < 10 && !r.bytes {
		s = fmt.Sprintf("%.1f/s", rate)
	}
	if r.total != nil && *r.total > r.rows {
		s += "  " + duration(time.Duration(float64(*r.total-r.rows)/rate*float64(time.Second))) + " left"
	}
	return s
}
