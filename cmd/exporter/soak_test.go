package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"exporter/internal/deliver/delivertest"
	"exporter/internal/journal"
	"exporter/internal/sandbox"
	"exporter/internal/schedule"
)

var soakTime = flag.Duration("soak", time.Hour, "how long BenchmarkSoak runs serve")

// soakConfig has serve do all that it does, and often.
const soakConfig = `
cloud: {url: %q, client_id: %q, client_secret: %q, projects: [%q], rate: 1000000}
store: {dir: data, timezone: UTC, keep: {daily: 0, monthly: 1, raw_days: 0, query_days: 0}}
publish: {dir: analysts}
collect: {schedule: "* * * * *", budget: {run: 2000}}
serve: {listen: %q}
mail: {server: "smtp://%s", from: reports@example.com, operator: operator@example.com, domains: [example.com]}
reports:
  - {name: changes, schedule: "*/5 * * * *", to: [facility@example.com], formats: [xlsx, pdf]}
  - {name: expiring-permissions, schedule: "*/5 * * * *", to: [manager@example.com], formats: [xlsx, html], since: previous}
  - {name: failed-issues, schedule: "*/5 * * * *", to: [desk@example.com], formats: [csv, parquet, json]}
`

// soakFigures are what must not grow: the median of the last third of the minutes is
// at most so many times that of the second. Of a minute the least counts, which is
// what is held when the work is done, or the most.
var soakFigures = []struct {
	name, metric string
	unit, limit  float64
	of           func([]float64) float64
}{
	{"memory at rest, MiB", "process_resident_memory_bytes", 1 << 20, 1.1, slices.Min[[]float64]},
	{"memory at most, MiB", "process_resident_memory_bytes", 1 << 20, 1.1, slices.Max[[]float64]},
	{"Go heap that calls for a GC, MiB", "go_memstats_next_gc_bytes", 1 << 20, 1.1, slices.Min[[]float64]},
	{"open files", "process_open_fds", 1, 1, slices.Min[[]float64]},
	{"goroutines", "go_goroutines", 1, 1, slices.Min[[]float64]},
	{"threads", "go_threads", 1, 1.1, slices.Min[[]float64]},
}

// BenchmarkSoak runs serve against a sandbox in which 1 % changes every minute, and
// a mail server, and compares what serve holds as time goes by. Another machine's
// noise does not reach it: nothing here is a speed.
func BenchmarkSoak(b *testing.B) {
	site := sandbox.New(sandbox.Options{Site: "large", Large: sandbox.Large{Persons: 2_000, Channels: 50, Tasks: 100}})
	cloud := httptest.NewServer(site)
	defer cloud.Close()
	mails, err := delivertest.Start(delivertest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer mails.Close()
	dir, listen := b.TempDir(), freeAddress(b)
	id, secret, project := site.Credentials()
	config := filepath.Join(dir, "reports.yaml")
	text := fmt.Sprintf(soakConfig, cloud.URL, id, secret, project, listen, mails.Addr)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	var log bytes.Buffer
	serve := exec.Command("exporter", "serve", "--config", config)
	serve.Stderr = &log
	if err := serve.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		serve.Process.Kill()
		serve.Wait()
		if b.Failed() {
			fmt.Print(log.String())
		}
	}()

	// A minute ends late in one of the clock's, when nothing is due.
	end := time.Now().Add(10 * time.Second).Truncate(time.Minute).Add(50 * time.Second)
	figures := make([][]float64, len(soakFigures))
	for minute := range int(soakTime.Minutes()) {
		site.SetGeneration(minute)
		end = end.Add(time.Minute)
		samples := soakMinute(b, "http://"+listen+"/metrics", end)
		fmt.Print("minute ", minute+1)
		for i, f := range soakFigures {
			figures[i] = append(figures[i], f.of(samples[f.metric])/f.unit)
			fmt.Printf("\t%s %.1f", f.name, figures[i][minute])
		}
		fmt.Println()
	}
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		b.Fatal(err)
	}
	if err := serve.Wait(); err != nil {
		b.Errorf("serve: %v", err)
	}
	if strings.Count(log.String(), "level=INFO") != strings.Count(log.String(), "level=") {
		b.Error("serve has warned of something")
	}
	soakTable(b, figures, soakSlots(b, filepath.Join(dir, "data", "journal.ndjson"), len(mails.Mails())))
}

// freeAddress is an address on loopback that nobody listens on.
func freeAddress(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// soakMinute asks for the metrics every second until a time, and gives what each was.
func soakMinute(b *testing.B, url string, end time.Time) map[string][]float64 {
	b.Helper()
	samples := map[string][]float64{}
	for ; time.Now().Before(end); time.Sleep(time.Second) {
		res, err := http.Get(url)
		if err != nil {
			continue // it starts; where it has ended, there are no samples
		}
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), " ")
			if x, err := strconv.ParseFloat(value, 64); err == nil {
				samples[name] = append(samples[name], x)
			}
		}
		res.Body.Close()
	}
	for _, f := range soakFigures {
		if len(samples[f.metric]) == 0 {
			b.Fatalf("no %s", f.metric)
		}
	}
	return samples
}

// soakSlots gives how long each slot of a schedule took, in seconds. Each has to have
// run, and each of a report to have brought a mail, of which the server has so many.
func soakSlots(b *testing.B, path string, mails int) map[string][]float64 {
	b.Helper()
	took := map[string][]float64{}
	reports := 0
	_, err := journal.Read(path, func(e journal.Entry) error {
		var slot slotEntry
		if e.Kind != "slot" {
			return nil
		}
		if err := json.Unmarshal(e.Detail, &slot); err != nil {
			return err
		}
		if slot.Outcome != schedule.Ran && slot.Outcome != schedule.Late || slot.Detail.Trouble != "" {
			b.Errorf("%s %s: %s", slot.Schedule, slot.Slot, e.Detail)
		}
		if slot.Schedule != collecting {
			reports++
		}
		took[slot.Schedule] = append(took[slot.Schedule], slot.Finished.Sub(slot.Started).Seconds())
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	if len(took[collecting]) == 0 || mails != reports {
		b.Errorf("%d collections; %d reports and %d mails", len(took[collecting]), reports, mails)
	}
	return took
}

// soakTable prints the medians of the thirds.
func soakTable(b *testing.B, figures [][]float64, took map[string][]float64) {
	b.Helper()
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\n%v of serve, median of its thirds\tfirst\tsecond\tlast\t\t\n", *soakTime)
	for i, f := range soakFigures {
		third := thirds(figures[i])
		verdict := "flat"
		if !(third[2] <= f.limit*third[1]) {
			verdict = "GROWS"
			b.Errorf("%s grows", f.name)
		}
		fmt.Fprintf(table, "%s\t%.1f\t%.1f\t%.1f\t%s\t\n", f.name, third[0], third[1], third[2], verdict)
	}
	for _, name := range []string{collecting, "report changes", "report expiring-permissions", "report failed-issues"} {
		third := thirds(took[name])
		fmt.Fprintf(table, "%s, %d times, s\t%.1f\t%.1f\t%.1f\t\t\n", name, len(took[name]), third[0], third[1], third[2])
	}
	table.Flush()
}

// thirds are the medians of the first, second and last third of values.
func thirds(values []float64) (of [3]float64) {
	for i := range of {
		part := slices.Sorted(slices.Values(values[i*len(values)/3 : (i+1)*len(values)/3]))
		if len(part) > 0 {
			of[i] = part[len(part)/2]
		}
	}
	return of
}
