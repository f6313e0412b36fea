package collect

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"exporter/internal/cloud"
)

// The site of the benchmark. Each person may open ten channels.
const (
	benchPersons  = 20_000
	benchChannels = 50
	benchRows     = benchPersons * 10
	benchPageSize = 100
	benchParallel = 4
)

// site is a sandbox in a process of its own, so that its memory and its
// prepared pages are not counted as ours.
type site struct {
	URL          string `json:"url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	ProjectID    string `json:"project_id"`
}

func startSite(b *testing.B, program string) site {
	b.Helper()
	cmd := exec.Command(program, "sandbox", "--site", "large", "--persons", fmt.Sprint(benchPersons),
		"--channels", fmt.Sprint(benchChannels), "--tasks", "10", "--prepare", fmt.Sprint(benchPageSize))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() })
	first, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		b.Fatal(err)
	}
	var s site
	if err := json.Unmarshal(first, &s); err != nil {
		b.Fatal(err)
	}
	return s
}

func (s site) reader(transport http.RoundTripper) (*cloud.Reader, error) {
	c, err := cloud.New(cloud.Config{URL: s.URL, ClientID: s.ClientID, ClientSecret: cloud.Secret(s.ClientSecret),
		Rate: 1e6, Parallel: benchParallel, Transport: transport})
	if err != nil {
		return nil, err
	}
	return c.Reader(), nil
}

// section is the site as reports.yaml names it.
func (s site) section() map[string]any {
	return map[string]any{"url": s.URL, "client_id": s.ClientID, "client_secret": s.ClientSecret,
		"projects": []string{s.ProjectID}, "rate": 1_000_000, "page_size": benchPageSize}
}

// recorder keeps the requests for pages that pass through it, so that they can
// be sent again by a client that does nothing else.
type recorder struct {
	mu       sync.Mutex
	requests []recorded
}

type recorded struct {
	request *http.Request
	body    []byte
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	if bytes.Contains(body, []byte("pageSize")) {
		r.mu.Lock()
		r.requests = append(r.requests, recorded{req.Clone(req.Context()), body})
		r.mu.Unlock()
	}
	return http.DefaultTransport.RoundTrip(req)
}

// download sends the recorded requests again and discards the answers.
func download(b *testing.B, requests []recorded) (bytesRead int64) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: benchParallel}
	defer transport.CloseIdleConnections()
	queue := make(chan recorded)
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range benchParallel {
		workers.Go(func() {
			for r := range queue {
				req := r.request.Clone(b.Context())
				req.Body = io.NopCloser(bytes.NewReader(r.body))
				res, err := transport.RoundTrip(req)
				if err != nil {
					b.Error(err)
					continue
				}
				n, err := io.Copy(io.Discard, res.Body)
				if err != nil || n < 1000 {
					b.Errorf("page of %d bytes: %v", n, err)
				}
				res.Body.Close()
				mu.Lock()
				bytesRead += n
				mu.Unlock()
			}
		})
	}
	for _, r := range requests {
		queue <- r
	}
	close(queue)
	workers.Wait()
	return bytesRead
}

// discard pages through the list with the client alone and keeps nothing.
func discard(ctx context.Context, projectID string, rows int64, r *cloud.Reader) error {
	o := cloud.PageOptions{Size: benchPageSize}
	for page, err := range r.Pages(ctx, "access-auth", map[string]any{"projectId": projectID}, o) {
		if err != nil {
			return err
		}
		rows -= int64(page.Items)
		page.Release()
	}
	if rows != 0 {
		return fmt.Errorf("%d rows too few", rows)
	}
	return nil
}

// benchRounds is how often walk and download alternate; the medians count.
const benchRounds = 5

// walkFigures measures a collection of 200,000 permissions: the walk as a ratio to
// the same client when it discards the pages, and to bare HTTP that sends the
// recorded requests again, which neither signs nor reads what comes; and the
// whole program.
func walkFigures(b *testing.B, f *figures, program string) {
	s := startSite(b, program)
	rec := &recorder{}
	timed := func(transport http.RoundTripper, use func(*cloud.Reader) error) time.Duration {
		r, err := s.reader(transport)
		start := time.Now()
		if err == nil {
			err = use(r)
		}
		if err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	walk := func(r *cloud.Reader) error {
		return walkPermissions(b.Context(), s.ProjectID, benchRows, r, b.TempDir())
	}
	timed(rec, walk)
	var walks, discards, downloads []time.Duration
	var size int64
	f.section(fmt.Sprintf("Collection of 200,000 permissions, %d a page, %d requests in flight", benchPageSize, benchParallel))
	for range benchRounds {
		start := time.Now()
		size = download(b, rec.requests)
		downloads = append(downloads, time.Since(start))
		discards = append(discards, timed(nil, func(r *cloud.Reader) error { return discard(b.Context(), s.ProjectID, benchRows, r) }))
		walks = append(walks, timed(nil, walk))
	}
	walked, client, bare := median(walks), median(discards), median(downloads)
	f.note("bare HTTP, recorded requests", "%.0f ms for %.0f MB", ms(bare), float64(size)/1e6)
	f.note("client, download and discard", "%.0f ms", ms(client))
	ratio := client.Seconds() / walked.Seconds()
	f.add(ratio >= 0.4, "at least 0.40 of the client", "walk: download, cut, hash, zstd", "%.0f ms, %.2f of the client, %.2f of bare HTTP", ms(walked), ratio, bare.Seconds()/walked.Seconds())
	least := (benchRows + benchPageSize - 1) / benchPageSize
	f.add(len(rec.requests) <= least+1, fmt.Sprintf("%d could do", least), "requests of the permission list", "%d", len(rec.requests))
	whole, requests := collectWhole(b, s, program)
	f.add(whole.peak < 512, "under 512 MiB", "peak memory of exporter collect", "%.0f MiB", whole.peak)
	f.note("time of exporter collect", "%.1f s for %d requests", whole.took.Seconds(), requests)
}

// walkPermissions walks the list of permissions, which has so many rows, and lands
// its pages in dir.
func walkPermissions(ctx context.Context, projectID string, rows int64, r *cloud.Reader, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	l, err := newLanding(dir, "bench", new(atomic.Int64), witness{})
	if err != nil {
		return err
	}
	c := &Collector{cloud: r, o: Options{PageSize: benchPageSize, Now: time.Now}}
	p := &project{Collector: c, id: projectID, landing: l, log: slog.New(slog.DiscardHandler),
		seed: maphash.MakeSeed(), attempts: map[string]*attempts{}}
	w, err := p.walkList(ctx, lists[0])
	if err == nil && (w.problem != "" || w.distinct != rows) {
		err = fmt.Errorf("walk: %s %d rows", w.problem, w.distinct)
	}
	return errors.Join(err, l.close())
}

// collectWhole runs the program itself with a budget that ends after the lists.
func collectWhole(b *testing.B, s site, program string) (whole spent, requests int) {
	b.Helper()
	args := writeConfig(b, b.TempDir(), map[string]any{
		"cloud": s.section(), "collect": map[string]any{"budget": map[string]any{"run": 2500}},
	})
	whole = run(b, exec.Command(program, append(args, "collect")...))
	calls := run(b, exec.Command(program, append(args, "sql", "--format", "csv", "SELECT count(*) FROM calls")...))
	fmt.Sscanf(string(calls.out), "%s\n%d", new(string), &requests)
	return whole, requests
}
