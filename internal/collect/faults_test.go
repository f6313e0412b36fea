package collect

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/cloud"
	"exporter/internal/sandbox"
	"exporter/internal/store"
)

// clock is the time of cloud and collector in these tests; waiting is done in
// synctest's own time.
var clock = time.Date(2026, 3, 31, 5, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// direct is a transport that calls a handler without a socket.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(req *http.Request) (res *http.Response, err error) {
	w := httptest.NewRecorder()
	defer func() {
		// How a handler tells net/http to drop the connection.
		if r := recover(); r == http.ErrAbortHandler {
			res, err = nil, io.ErrUnexpectedEOF
		} else if r != nil {
			panic(r)
		}
	}()
	if req.Body == nil {
		req.Body = http.NoBody
	}
	d.handler.ServeHTTP(w, req)
	return w.Result(), nil
}

// trial is a store with a site to collect.
type trial struct {
	t     *testing.T
	ctx   context.Context
	dir   string
	store *store.Store
	more  []string // projects beside the site's
	o     Options
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &trial{t: t, ctx: t.Context(), dir: dir, store: st, o: Options{
		PageSize: 3, MaxDrop: 0.2, Zone: time.UTC, Resume: time.Hour, ProgramVersion: "test", Now: at(clock), Log: slog.New(slog.DiscardHandler),
	}}
}

// collect runs one collection of a site.
func (tr *trial) collect(s *sandbox.Server) (*Result, error) {
	tr.t.Helper()
	return tr.collectFrom(s, s)
}

// collectFrom runs one collection of a site by way of a handler.
func (tr *trial) collectFrom(s *sandbox.Server, handler http.Handler) (*Result, error) {
	tr.t.Helper()
	id, secret, project := s.Credentials()
	tr.o.Projects = append([]string{project}, tr.more...)
	c := New(tr.store, tr.o)
	client, err := cloud.New(cloud.Config{
		URL: "https://sandbox.example.com", ClientID: id, ClientSecret: cloud.Secret(secret), Rate: 1000,
		Transport: direct{handler}, Now: tr.o.Now, Observe: c.Observe,
	})
	if err != nil {
		tr.t.Fatal(err)
	}
	return c.Run(tr.ctx, client.Reader())
}

// prepare makes a store with one collection, for trials that begin with the same.
func prepare(t *testing.T, collect func(tr *trial) error) (dir string) {
	t.Helper()
	dir = t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		if err := collect(tr); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS(tr.dir)); err != nil {
			t.Fatal(err)
		}
	})
	return dir
}

// begin gives the trial the store that was prepared in dir.
func (tr *trial) begin(dir string) {
	tr.t.Helper()
	if err := os.CopyFS(tr.dir, os.DirFS(dir)); err != nil {
		tr.t.Fatal(err)
	}
}

// digests are what the newest snapshot holds, by resource.
func (tr *trial) digests() map[string]string {
	return tr.pairs("SELECT resource, sha256 FROM digests WHERE snapshot_id = getvariable('snapshot_id')")
}

// verdicts are those of the newest snapshot's resources.
func (tr *trial) verdicts() map[string]string {
	return tr.pairs("SELECT resource, verdict FROM resources WHERE snapshot_id = getvariable('snapshot_id')")
}

func (tr *trial) pairs(query string) map[string]string {
	tr.t.Helper()
	r, err := tr.store.Read(tr.t.Context(), store.ReadOptions{})
	if err != nil {
		tr.t.Fatal(err)
	}
	defer r.Close()
	rows, err := r.Query(tr.t.Context(), query, nil)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			tr.t.Fatal(err)
		}
		all[k] = v
	}
	if err := rows.Err(); err != nil {
		tr.t.Fatal(err)
	}
	return all
}

func documented(faults ...string) *sandbox.Server {
	return sandbox.New(sandbox.Options{Site: "documented", Now: at(clock), Faults: faults})
}

// Each recoverable fault alone gives the tables that none gives.
func TestRecoverableFaults(t *testing.T) {
	var want map[string]string
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		result, err := tr.collect(documented())
		if err != nil || result.Verdict != store.Complete {
			t.Fatalf("without faults: %v, %+v", err, result)
		}
		want = tr.digests()
	})
	for _, f := range sandbox.Faults() {
		if !f.Recoverable {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t)
				result, err := tr.collect(documented(f.Name))
				if err != nil {
					t.Fatal(err)
				}
				if result.Verdict == store.Partial {
					t.Fatalf("partial: %v", result.Problems)
				}
				if diff := cmp.Diff(want, tr.digests()); diff != "" {
					t.Errorf("tables mismatch (-without +with fault):\n%s", diff)
				}
			})
		})
	}
}

// All recoverable faults together, on a site of many pages.
func TestRecoverableFaultsTogether(t *testing.T) {
	collect := func(faults []string) map[string]string {
		var digests map[string]string
		synctest.Test(t, func(t *testing.T) {
			tr := newTrial(t)
			tr.o.PageSize = 15
			result, err := tr.collect(sandbox.New(sandbox.Options{Site: "large", Now: at(clock), Faults: faults,
				Large: sandbox.Large{Persons: 40, Channels: 20, PerPerson: 3, Tasks: 40, PerTask: 2}}))
			if err != nil || result.Verdict == store.Partial {
				t.Fatalf("%v %+v", err, result)
			}
			digests = tr.digests()
			// What is said of attempts is what the calls say, beside which tokens count.
			odd := tr.pairs(`
SELECT r.resource, r.retries || ' retries, ' || r.errors || ' errors, by calls ' || c.again || ' and ' || c.failed
FROM resources AS r
JOIN (
    SELECT resource, count(*) FILTER (attempt > 1) AS again, count(*) FILTER (line IS NULL) AS failed
    FROM calls
    GROUP BY resource
) AS c USING (resource)
WHERE snapshot_id = getvariable('snapshot_id') AND (r.retries < c.again OR r.errors <> c.failed)`)
			if len(odd) > 0 {
				t.Errorf("%v", odd)
			}
		})
		return digests
	}
	var names []string
	for _, f := range sandbox.Faults() {
		if f.Recoverable {
			names = append(names, f.Name)
		}
	}
	if diff := cmp.Diff(collect(nil), collect(names)); diff != "" {
		t.Errorf("tables mismatch (-without +with faults):\n%s", diff)
	}
}

// After a good snapshot, an unrecoverable fault says what is wrong and closes
// nothing: the content of every resource stays as it was.
func TestUnrecoverableFaults(t *testing.T) {
	before := prepare(t, func(tr *trial) error {
		_, err := tr.collect(documented())
		return err
	})
	for _, f := range sandbox.Faults() {
		if f.Recoverable || f.Content {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t)
				tr.begin(before)
				want := tr.digests()
				result, err := tr.collect(documented(f.Name))
				if err == nil && result.Verdict != store.Partial {
					t.Errorf("not noticed: %s, %v", result.Verdict, tr.verdicts())
				}
				if err == nil && len(result.Problems) == 0 {
					t.Error("nothing was said")
				}
				if diff := cmp.Diff(want, tr.digests()); diff != "" {
					t.Errorf("tables mismatch (-before +after):\n%s", diff)
				}
			})
		})
	}
}

// A lapsed plan answers success with empty lists. Only --accept-drop believes.
func TestEmptySuccessIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		if _, err := tr.collect(documented()); err != nil {
			t.Fatal(err)
		}
		_, err := tr.collect(documented("empty-success"))
		var drop *DropError
		if !errors.As(err, &drop) {
			t.Errorf("error %v is no DropError", err)
		}
		tr.o.AcceptDrop = true
		if _, err := tr.collect(documented("empty-success")); err != nil {
			t.Fatal(err)
		}
		if n := tr.pairs("SELECT 'n', count(*)::VARCHAR FROM permissions")["n"]; n != "0" {
			t.Errorf("%s permissions are left after --accept-drop", n)
		}
	})
}

// The answers of another site, as many as before but with other ids, are not
// believed.
func TestAnotherSiteIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		tr.o.PageSize, tr.o.Budget.Run = 100, 1
		site := func(seed uint64) *sandbox.Server {
			return sandbox.New(sandbox.Options{Site: "demo", Seed: seed, Now: at(clock)})
		}
		if _, err := tr.collect(site(1)); err != nil {
			t.Fatal(err)
		}
		want, before := tr.digests()["permissions"], tr.count("SELECT count(*) FROM permissions")
		tr.o.Budget.Run = 0
		result, err := tr.collect(site(2))
		if err != nil || result.Verdict != store.Partial {
			t.Fatalf("%+v, %v", result, err)
		}
		if got := tr.digests()["permissions"]; got != want {
			t.Error("the permissions changed")
		}
		// Nor is it asked for what costs a request per row.
		problems := tr.pairs("SELECT resource, coalesce(problem, '') FROM resources WHERE snapshot_id = getvariable('snapshot_id')")
		if problems["details"] != "not tried" || problems["records"] != "not tried" {
			t.Errorf("problems %v", problems)
		}
		drop, ok := errors.AsType[*DropError](errors.Join(result.Problems...))
		tr.o.Budget.Run, tr.o.AcceptDrop = 1, true
		if _, err := tr.collect(site(2)); err != nil {
			t.Fatal(err)
		}
		if now := tr.count("SELECT count(*) FROM permissions"); tr.digests()["permissions"] == want || !ok || drop.Before != before || drop.Now+drop.Others != now {
			t.Errorf("%d permissions of %d after --accept-drop; before it %+v", now, before, drop)
		}
	})
}

// What the budget leaves over is taken up by the next run, and is coverage,
// not a partial snapshot.
func TestBudgetIsTakenUpLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		whole := newTrial(t)
		if _, err := whole.collect(documented()); err != nil {
			t.Fatal(err)
		}
		tr := newTrial(t)
		tr.o.PageSize, tr.o.Budget.Run = 50, 16
		site, ctx := documented(), tr.ctx
		interrupted, cancel := context.WithCancel(ctx)
		tr.ctx = interrupted
		handler := &stopping{Handler: site, stop: cancel}
		handler.left.Store(14)
		if _, err := tr.collectFrom(site, handler); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		tr.ctx = ctx
		want, diff, runs := whole.digests(), "not compared", 0
		for ; diff != "" && runs < 20; runs++ {
			result, err := tr.collect(documented())
			if err != nil || result.Verdict != store.Complete {
				t.Fatalf("%v %+v", err, result)
			}
			// What an interrupted run has asked for counts, but for a token and a page that
			// is asked once more.
			most := tr.o.Budget.Run
			if result.TakenUp > 0 {
				most += 2
			}
			if n := result.Requests + result.TakenUp; n > most || runs == 0 && result.TakenUp == 0 {
				t.Errorf("run %d: %d requests, %d before it was interrupted", runs, result.Requests, result.TakenUp)
			}
			diff = cmp.Diff(want, tr.digests())
		}
		if diff != "" || runs < 3 {
			t.Errorf("after %d runs: tables mismatch (-one run +many small runs):\n%s", runs, diff)
		}
	})
}

// What cannot change any more is not asked again: records, counters and details
// of finished tasks, and details of unchanged permissions.
func TestNothingIsAskedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		s := documented()
		if _, err := tr.collect(s); err != nil {
			t.Fatal(err)
		}
		before := s.Requests()
		if _, err := tr.collect(s); err != nil {
			t.Fatal(err)
		}
		open := int64(0)
		for _, task := range s.State().Tasks {
			if task.TaskFinishTime == nil {
				open++
			}
		}
		after := s.Requests()
		for operation, want := range map[string]int64{
			"access-auth/detail": 0, "access-auth-task/records": open, "access-auth-task/{authTaskId}": open,
		} {
			if got := after[operation] - before[operation]; got != want {
				t.Errorf("%s was asked %d times again, want %d for %d unfinished tasks: %v", operation, got, want, open, after)
			}
		}
	})
}

// A code that no document knows is kept and shown, and fails nothing.
func TestUnknownCodesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		result, err := tr.collect(documented("bad-code"))
		if err != nil || result.Verdict != store.Complete {
			t.Fatalf("%v %+v", err, result)
		}
		n := tr.pairs("SELECT 'n', count(*)::VARCHAR FROM permissions WHERE card_issue_status_text LIKE 'unknown (%' OR face_issue_status_text LIKE 'unknown (%'")["n"]
		if n == "0" {
			t.Error("no unknown code is shown")
		}
	})
}

// A project that the cloud refuses is partial, and keeps nothing from the other.
func TestOneProjectOfTwoIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone := newTrial(t)
		if _, err := alone.collect(documented()); err != nil {
			t.Fatal(err)
		}
		tr := newTrial(t)
		tr.more = []string{"99"}
		result, err := tr.collect(documented())
		if err != nil {
			t.Fatal(err)
		}
		if result.Verdict != store.Partial || result.Projects[0].Verdict != store.Complete || result.Projects[1].Verdict != store.Partial {
			t.Errorf("verdicts: %s, %+v", result.Verdict, result.Projects)
		}
		query := "SELECT resource, sha256 FROM digests WHERE snapshot_id = getvariable('snapshot_id') AND project_id <> '99'"
		if diff := cmp.Diff(alone.pairs(query), tr.pairs(query)); diff != "" {
			t.Errorf("tables mismatch (-alone +beside the refused one):\n%s", diff)
		}
	})
}

// What every request would meet is met once, and publishes nothing.
func TestLastingRefusalsEndTheRun(t *testing.T) {
	for fault, code := range map[string]string{"plan-expired": "28841002", "wrong-region": "2007", "ip-denied": "1114", "quota": "28841004"} {
		synctest.Test(t, func(t *testing.T) {
			tr := newTrial(t)
			s := documented(fault)
			_, err := tr.collect(s)
			if err == nil || !strings.Contains(err.Error(), code) {
				t.Errorf("%s: error %v does not name code %s", fault, err, code)
			}
			if all, err := tr.store.Snapshots(t.Context()); len(all) > 0 {
				t.Errorf("%s: snapshots %v, %v", fault, all, err)
			}
			var requests int64
			for _, n := range s.Requests() {
				requests += n
			}
			if requests > 3 {
				t.Errorf("%s: %d requests were made", fault, requests)
			}
		})
	}
}

// A panic of the program, in whichever goroutine of a run, is the error of that run:
// it publishes nothing, and the next one collects.
func TestPanic(t *testing.T) {
	for name, operation := range map[string]string{
		"of a list, page by page":     "/access-auth",
		"of what is asked one by one": "/access-auth/detail",
		"of who is told of the calls": "",
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrial(t)
			site := sandbox.New(sandbox.Options{Site: "documented", Now: at(clock)})
			if operation == "" {
				tr.o.Witness = func(Call) { panic("bitten") }
			}
			_, err := tr.collectFrom(site, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if operation != "" && strings.HasSuffix(r.URL.Path, operation) {
					panic("bitten")
				}
				site.ServeHTTP(w, r)
			}))
			if fault, ok := errors.AsType[*Fault](err); !ok || !strings.Contains(err.Error(), "bitten") || len(fault.Stack) == 0 {
				t.Fatalf("Run = %v", err)
			}
			tr.o.Witness = nil
			if r, err := tr.collect(site); err != nil || r.Verdict != store.Complete {
				t.Errorf("the next run: %+v, %v", r, err)
			}
		})
	}
}

// A run for one project says which others the snapshot has as they were.
func TestCarriedForward(t *testing.T) {
	tr := newTrial(t)
	site := sandbox.New(sandbox.Options{Site: "documented", Now: at(clock)})
	tr.more = []string{"1"} // one that the site does not have
	if r, err := tr.collect(site); err != nil || len(r.CarriedForward) != 0 || r.Verdict != store.Partial {
		t.Fatalf("%+v, %v", r, err)
	}
	tr.more = nil
	r, err := tr.collect(site)
	if err != nil || r.Verdict != store.Complete || !slices.Equal(r.CarriedForward, []string{"1"}) {
		t.Errorf("%+v, %v", r, err)
	}
}
