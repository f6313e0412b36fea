package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"exporter/internal/deliver"
)

// handler tells how serve does: /healthz that the process lives, /readyz when each
// schedule is due next, or 503 while serve starts, and where the journal cannot be
// read or is of a later time than it is, /metrics numbers for Prometheus, those of
// the process among them.
func (s *server) handler() http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.history.refresh(); err != nil {
			s.log.Error("not ready", "error", err)
			http.Error(w, "the journal cannot be read", http.StatusServiceUnavailable)
			return
		}
		if s.history.last().Sub(s.app.now()) > maxAhead {
			http.Error(w, "the clock has been set back: the journal is of a later time, and slots up to it are not due again", http.StatusServiceUnavailable)
			return
		}
		var next strings.Builder
		for i := range s.runner.Jobs {
			j := &s.runner.Jobs[i]
			since := s.history.state(j.Name).since
			if since.IsZero() {
				http.Error(w, "serve is starting", http.StatusServiceUnavailable)
				return
			}
			fmt.Fprintf(&next, "%s\tnext due %s\n", j.Name, j.Spec.Next(since).Format(time.RFC3339))
		}
		fmt.Fprint(w, next.String())
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// metric describes a number by its name without the prefix.
func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("exporter_"+name, help, labels, nil)
}

var metrics = struct {
	build, snapshot, rows, success, next, slots, requests, retries, attempts, mails *prometheus.Desc
}{
	build:    metric("build_info", "The program that runs.", "version"),
	snapshot: metric("newest_complete_snapshot_timestamp_seconds", "When the newest complete snapshot of a project began.", "project"),
	rows:     metric("snapshot_rows", "Rows of the newest snapshot of a project.", "project"),
	success:  metric("schedule_last_success_timestamp_seconds", "When a schedule's last slot ended that neither failed nor was skipped.", "schedule"),
	next:     metric("schedule_next_due_timestamp_seconds", "The first slot that is not accounted for.", "schedule"),
	slots:    metric("schedule_slots_total", "Slots accounted for, by what became of them: ran, late, caught up, skipped, failed.", "schedule", "outcome"),
	requests: metric("collect_requests_total", "Requests to the cloud by scheduled collections."),
	retries:  metric("collect_retries_total", "Requests that had to be made again."),
	mails:    metric("mails", "Mails in the outbox: waiting, refused for good, or damaged.", "state"),
	attempts: metric("mail_attempts_total", "Attempts to send a mail, by the server's answer: accepted, deferred, refused, no answer.", "outcome"),
}

// Describe names the metrics; it is for the registry.
func (s *server) Describe(to chan<- *prometheus.Desc) {
	m := metrics
	for _, d := range []*prometheus.Desc{m.build, m.snapshot, m.rows, m.success, m.next, m.slots, m.requests, m.retries, m.attempts, m.mails} {
		to <- d
	}
}

// Collect gives the metrics as the journal has them, so that they go on after a
// restart; it is for the registry.
func (s *server) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(metrics.build, 1, version)
	if err := s.history.refresh(); err != nil {
		s.log.Error("metrics", "error", err)
		return
	}
	s.collectMails(gauge)
	h := s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	for project, x := range h.published {
		if began, err := time.Parse(runLayout, x.Snapshot); err == nil {
			gauge(metrics.snapshot, float64(began.Unix()), project)
		}
	}
	for project, rows := range h.rows {
		gauge(metrics.rows, float64(rows), project)
	}
	for i := range s.runner.Jobs {
		j := &s.runner.Jobs[i] // no copy: a start may be setting where it goes on
		state := h.schedules[j.Name]
		if state == nil {
			continue // the first refresh is still to come
		}
		if !state.lastSuccess.IsZero() {
			gauge(metrics.success, float64(state.lastSuccess.Unix()), j.Name)
		}
		gauge(metrics.next, float64(j.Spec.Next(state.since).Unix()), j.Name)
		for outcome, n := range state.outcomes {
			counter(metrics.slots, n, j.Name, outcome)
		}
	}
	counter(metrics.requests, h.requests)
	counter(metrics.retries, h.retries)
	for outcome, n := range h.attempts {
		counter(metrics.attempts, n, outcome)
	}
}

// collectMails gives what is in the outbox.
func (s *server) collectMails(gauge func(d *prometheus.Desc, v float64, labels ...string)) {
	entries, err := s.app.newOutbox(s.cfg).List()
	states := map[string]int{deliver.Waiting: 0, deliver.Refused: 0, "damaged": len(damaged(err))}
	for _, e := range entries {
		states[e.State]++
	}
	for state, n := range states {
		gauge(metrics.mails, float64(n), state)
	}
}
