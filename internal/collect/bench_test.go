package collect

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"exporter/internal/cloud"
	"exporter/internal/store"
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

	program string
}

func startSite(b *testing.B) site {
	b.Helper()
	s := site{program: filepath.Join(b.TempDir(), "exporter")}
	if out, err := exec.Command("go", "build", "-o", s.program, "exporter/cmd/exporter").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v: %s", err, out)
	}
	cmd := exec.Command(s.program, "sandbox", "--site", "large", "--persons", fmt.Sprint(benchPersons),
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
	if err := json.Unmarshal(first, &s); err != nil {
		b.Fatal(err)
	}
	return s
}

func (s site) client(b *testing.B, transport http.RoundTripper) *cloud.Reader {
	b.Helper()
	c, err := cloud.New(cloud.Config{URL: s.URL, ClientID: s.ClientID, ClientSecret: cloud.Secret(s.ClientSecret),
		Rate: 1e6, Parallel: benchParallel, Transport: transport})
	if err != nil {
		b.Fatal(err)
	}
	return c.Reader()
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
func discard(b *testing.B, s site, r *cloud.Reader) {
	b.Helper()
	rows := 0
	o := cloud.PageOptions{Size: benchPageSize}
	for page, err := range r.Pages(b.Context(), "access-auth", map[string]any{"projectId": s.ProjectID}, o) {
		if err != nil {
			b.Fatal(err)
		}
		rows += page.Items
		page.Release()
	}
	if rows != benchRows {
		b.Fatalf("%d rows", rows)
	}
}

// benchRounds is how often walk and download alternate; the medians count.
const benchRounds = 5

// BenchmarkCollect measures a collection of 200,000 permissions: the walk as a
// ratio to the same client when it discards the pages, and to bare HTTP that sends
// the recorded requests again, which neither signs nor reads what comes; load and
// publish; and the peak memory of the whole program.
func BenchmarkCollect(b *testing.B) {
	for b.Loop() {
		s := startSite(b)
		rec := &recorder{}
		walkPermissions(b, s, s.client(b, rec), b.TempDir())
		var walks, discards, downloads []time.Duration
		var size int64
		for range benchRounds {
			start := time.Now()
			size = download(b, rec.requests)
			downloads = append(downloads, time.Since(start))
			start = time.Now()
			discard(b, s, s.client(b, nil))
			discards = append(discards, time.Since(start))
			start = time.Now()
			walkPermissions(b, s, s.client(b, nil), b.TempDir())
			walks = append(walks, time.Since(start))
		}
		loaded, published := loadAndPublish(b, s)
		peak, requests := collectWhole(b, s)

		walk, client, bare := median(walks), median(discards), median(downloads)
		b.ReportMetric(client.Seconds()/walk.Seconds(), "walk/download")
		b.ReportMetric(benchRows/(loaded+published).Seconds(), "load+publish-rows/s")
		b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
		fmt.Printf(`
collection of %d permissions, %d a page, %d requests in flight, %.0f MB of answers
  bare HTTP, recorded requests    %8.0f ms
  client, download and discard    %8.0f ms
  walk: download, cut, hash, zstd %8.0f ms   ratio %.2f to the client (at least 0.40), %.2f to bare HTTP
  load                            %8.0f ms
  publish                         %8.0f ms   load and publish %.0f rows/s (at least 100,000)
  peak memory of exporter collect %8.0f MiB  (under 512)
  requests of the permission list %8d      the least that could do: %d
  requests of exporter collect    %8d
`, benchRows, benchPageSize, benchParallel, float64(size)/1e6, ms(bare), ms(client), ms(walk),
			client.Seconds()/walk.Seconds(), bare.Seconds()/walk.Seconds(),
			ms(loaded), ms(published), benchRows/(loaded+published).Seconds(), float64(peak)/(1<<20),
			len(rec.requests), (benchRows+benchPageSize-1)/benchPageSize, requests)
	}
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func walkPermissions(b *testing.B, s site, r *cloud.Reader, dir string) {
	b.Helper()
	l, err := newLanding(dir, "bench", new(atomic.Int64))
	if err != nil {
		b.Fatal(err)
	}
	p := benchProject(s, r, l)
	w, err := p.walkList(b.Context(), lists[0])
	if err != nil || w.problem != "" || w.distinct != benchRows {
		b.Fatalf("walk: %v %s %d rows", err, w.problem, w.distinct)
	}
	if err := l.close(); err != nil {
		b.Fatal(err)
	}
}

func benchProject(s site, r *cloud.Reader, l *landing) *project {
	c := &Collector{cloud: r, o: Options{PageSize: benchPageSize, Now: time.Now}}
	return &project{Collector: c, id: s.ProjectID, landing: l, log: slog.New(slog.DiscardHandler),
		seed: maphash.MakeSeed(), attempts: map[string]*attempts{}}
}

func loadAndPublish(b *testing.B, s site) (loaded, published time.Duration) {
	b.Helper()
	st, err := store.Open(filepath.Join(b.TempDir(), "data"))
	if err != nil {
		b.Fatal(err)
	}
	build, err := st.Begin(b.Context(), store.BuildOptions{Started: time.Now(), ProgramVersion: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	walkPermissions(b, s, s.client(b, nil), build.Landing(s.ProjectID))
	start := time.Now()
	if _, err := build.Load(b.Context(), s.ProjectID, "permissions"); err != nil {
		b.Fatal(err)
	}
	loaded = time.Since(start)
	start = time.Now()
	total := int64(benchRows)
	_, err = build.Publish(b.Context(), []store.Project{{
		ID: s.ProjectID, Started: start, Finished: start, ServerTime: start, Verdict: store.Complete,
		Resources: []store.Resource{{Name: "permissions", Verdict: store.Complete, Rows: total, Distinct: total, TotalFirst: &total, TotalLast: &total}},
	}})
	if err != nil {
		b.Fatal(err)
	}
	return loaded, time.Since(start)
}

// collectWhole runs the program itself with a budget that ends after the lists.
func collectWhole(b *testing.B, s site) (peakBytes, requests int64) {
	b.Helper()
	dir := b.TempDir()
	config := fmt.Sprintf("cloud: {url: %q, client_id: %q, client_secret: %q, projects: [%q], rate: 1000000, page_size: %d}\nstore: {dir: data}\ncollect: {budget: {run: 2500}}\n",
		s.URL, s.ClientID, s.ClientSecret, s.ProjectID, benchPageSize)
	path := filepath.Join(dir, "reports.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(s.program, "collect", "--config", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("collect: %v: %s", err, out)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	out, err := exec.Command(s.program, "sql", "--config", path, "--format", "csv", "SELECT count(*) FROM calls").Output()
	if err != nil {
		b.Fatal(err)
	}
	fmt.Sscanf(string(out), "%s\n%d", new(string), &requests)
	return usage.Maxrss << 10, requests
}
