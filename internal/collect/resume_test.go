package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"exporter/internal/sandbox"
	"exporter/internal/store"
)

// stopping passes requests on until a number of answers has come back.
type stopping struct {
	http.Handler
	left atomic.Int64
	stop context.CancelFunc
}

func (s *stopping) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Handler.ServeHTTP(w, r)
	if s.left.Add(-1) == 0 {
		s.stop()
	}
}

// counted is how many requests a site has had.
func counted(s *sandbox.Server) (n int64) {
	for _, requests := range s.Requests() {
		n += requests
	}
	return n
}

// A collection that is interrupted publishes nothing, at whichever answer it is
// interrupted, and goes on there: it ends with the tables of an unbroken one, and
// repeats at most what was in flight.
func TestInterruption(t *testing.T) {
	step := int64(5)
	if *nightly {
		step = 1
	}
	var want map[string]string
	var least, calls int64
	faults := []string{"drift", "500"}
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		s := documented(faults...)
		if _, err := tr.collect(s); err != nil {
			t.Fatal(err)
		}
		want, least = tr.digests(), counted(s)
		calls = tr.count("SELECT count(*) FROM calls WHERE line IS NOT NULL")
	})
	for after := 1 + int64(*seed)%step; after < least; after += step {
		synctest.Test(t, func(t *testing.T) {
			tr := newTrial(t)
			s := documented(faults...)
			ctx, cancel := context.WithCancel(t.Context())
			tr.ctx = ctx
			handler := &stopping{Handler: s, stop: cancel}
			handler.left.Store(after)
			if _, err := tr.collectFrom(s, handler); !errors.Is(err, context.Canceled) {
				t.Errorf("after %d: error %v does not say that it was stopped", after, err)
			}
			if all, err := tr.store.Snapshots(t.Context()); len(all) > 0 {
				t.Errorf("after %d: snapshots %v, %v", after, all, err)
			}
			tr.ctx = t.Context()
			result, err := tr.collect(s)
			if err != nil || result.Verdict == store.Partial {
				t.Fatalf("after %d: %v %+v", after, err, result)
			}
			if diff := cmp.Diff(want, tr.digests()); diff != "" {
				t.Errorf("after %d: tables mismatch (-unbroken +resumed):\n%s", after, diff)
			}
			if got := tr.count("SELECT count(*) FROM calls WHERE line IS NOT NULL"); got != calls {
				t.Errorf("after %d: %d landed calls, want %d", after, got, calls)
			}
			if v, err := tr.store.Verify(tr.ctx, store.VerifyOptions{}); err != nil || len(v.Differences) > 0 {
				t.Errorf("after %d: Verify = %+v, %v", after, v, err)
			}
			// Besides the pages in flight, a token and a page to compare.
			if n := counted(s); n > least+ahead+2 {
				t.Errorf("after %d: %d requests, %d without the interruption, %d answers were taken up", after, n, least, result.TakenUp)
			}
			if left, _ := filepath.Glob(filepath.Join(tr.dir, "landing", "*", "*")); len(left) > 0 {
				t.Errorf("after %d: left behind: %v", after, left)
			}
		})
	}
}

// ahead is how many pages may be in flight or not yet landed.
const ahead = 6

func (tr *trial) count(query string) (n int64) {
	tr.t.Helper()
	for _, v := range tr.pairs("SELECT 'n', (" + query + ")::VARCHAR") {
		fmt.Sscan(v, &n)
	}
	return n
}

// landedFile is the landed file of a resource of the interrupted run.
func (tr *trial) landedFile(name string) string {
	tr.t.Helper()
	found, err := filepath.Glob(filepath.Join(tr.dir, "landing", "*", "*", name))
	if err != nil || len(found) != 1 {
		tr.t.Fatalf("%s: %v %v", name, found, err)
	}
	return found[0]
}

// What is torn or changed in a landing file is fetched again, with what follows
// it; what a run with other questions has landed is not used at all.
func TestDamagedLanding(t *testing.T) {
	var want map[string]string
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		if _, err := tr.collect(documented()); err != nil {
			t.Fatal(err)
		}
		want = tr.digests()
	})
	for name, damage := range map[string]func(tr *trial){
		"cut short": func(tr *trial) {
			path := tr.landedFile("permissions.ndjson.zst")
			info, _ := os.Stat(path)
			if err := os.Truncate(path, info.Size()-7); err != nil {
				tr.t.Fatal(err)
			}
		},
		"a byte flipped": func(tr *trial) {
			path := tr.landedFile("permissions.ndjson.zst")
			text, _ := os.ReadFile(path)
			text[len(text)/2] ^= 0x40
			if err := os.WriteFile(path, text, 0o600); err != nil {
				tr.t.Fatal(err)
			}
		},
		"rubbish behind": func(tr *trial) {
			f, err := os.OpenFile(tr.landedFile("permissions.ndjson.zst"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				tr.t.Fatal(err)
			}
			defer f.Close()
			f.WriteString("rubbish")
		},
		"calls lost": func(tr *trial) {
			if err := os.Remove(tr.landedFile("calls.ndjson.zst")); err != nil {
				tr.t.Fatal(err)
			}
		},
		"another page size": func(tr *trial) { tr.o.PageSize = 2 },
		"another line": func(tr *trial) {
			path := tr.landedFile("permissions.ndjson.zst")
			packed, _ := os.ReadFile(path)
			decoder, _ := zstd.NewReader(nil)
			defer decoder.Close()
			text, err := decoder.DecodeAll(packed, nil)
			if err != nil {
				tr.t.Fatal(err)
			}
			encoder, _ := zstd.NewWriter(nil)
			text = bytes.Replace(text, []byte(`{"line":2,`), []byte(`{"line":5,`), 1)
			if err := os.WriteFile(path, encoder.EncodeAll(text, nil), 0o600); err != nil {
				tr.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t)
				s := documented()
				ctx, cancel := context.WithCancel(t.Context())
				tr.ctx = ctx
				handler := &stopping{Handler: s, stop: cancel}
				handler.left.Store(12)
				if _, err := tr.collectFrom(s, handler); !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				damage(tr)
				tr.ctx = t.Context()
				result, err := tr.collect(s)
				if err != nil || result.Verdict != store.Complete {
					t.Fatalf("%v %+v", err, result)
				}
				if diff := cmp.Diff(want, tr.digests()); diff != "" {
					t.Errorf("tables mismatch (-unbroken +resumed):\n%s", diff)
				}
			})
		})
	}
}

// Where the list has moved between the two runs by as many rows as came, the walk
// begins again.
func TestListMovedWhileInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		s := documented()
		unbroken := newTrial(t)
		if _, err := unbroken.collect(s); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		tr.ctx = ctx
		handler := &stopping{Handler: s, stop: cancel}
		handler.left.Store(2) // a token and a page
		if _, err := tr.collectFrom(s, handler); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		path := tr.landedFile("permissions.ndjson.zst")
		packed, _ := os.ReadFile(path)
		decoder, _ := zstd.NewReader(nil)
		defer decoder.Close()
		text, err := decoder.DecodeAll(packed, nil)
		if err != nil || bytes.Count(text, []byte("\n")) != 1 {
			t.Fatalf("%v: %s", err, text)
		}
		encoder, _ := zstd.NewWriter(nil)
		id := []byte(`"access_auth_id":"`)
		text = bytes.Replace(text, id, append(id, '9'), 1)
		if err := os.WriteFile(path, encoder.EncodeAll(text, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		tr.ctx = t.Context()
		result, err := tr.collect(s)
		if err != nil || result.Verdict != store.Complete {
			t.Fatalf("%v %+v", err, result)
		}
		if diff := cmp.Diff(unbroken.digests(), tr.digests()); diff != "" {
			t.Errorf("tables mismatch (-unbroken +resumed):\n%s", diff)
		}
	})
}

// The budgets of a day and of a month hold over runs and restarts; lists are
// read in spite of them, and the next day goes on.
func TestBudgetOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		now := clock
		tr.o.Now = func() time.Time { return now }
		tr.o.PageSize, tr.o.Budget = 50, Budget{Day: 20, Month: 70}
		details := func() int64 {
			result, err := tr.collect(documented())
			if err != nil || result.Verdict != store.Complete {
				t.Fatalf("%v %+v", err, result)
			}
			return tr.count("SELECT sum(covered) FROM resources WHERE snapshot_id = getvariable('snapshot_id')")
		}
		first := details()
		if again := details(); again != first {
			t.Errorf("the same day: %d answers, before %d", again, first)
		}
		now = now.Add(24 * time.Hour) // the next month, too
		second := details()
		if second <= first {
			t.Errorf("the next day: %d answers, before %d", second, first)
		}
		text, err := os.ReadFile(ledgerPath(tr.dir))
		if err != nil {
			t.Fatal(err)
		}
		var used usage
		if err := json.Unmarshal(text, &used); err != nil || used.Day != "2026-04-01" || used.Month != "2026-04" || used.DayRequests != used.MonthRequests || used.DayRequests < 20 {
			t.Errorf("ledger %s, %v", text, err)
		}
		if err := os.WriteFile(ledgerPath(tr.dir), []byte("{torn"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.collect(documented()); err == nil {
			t.Error("a ledger that cannot be read is not noticed")
		}
	})
}

func TestBudgetLeft(t *testing.T) {
	at := time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	used := usage{Day: "2026-03-31", Month: "2026-03", DayRequests: 30, MonthRequests: 90}
	for _, tt := range []struct {
		name   string
		budget Budget
		at     time.Time
		want   int64
	}{
		{"no bound", Budget{Run: 5}, at, -1},
		{"day", Budget{Day: 40}, at, 10},
		{"day spent", Budget{Day: 20, Month: 1000}, at, 0},
		{"month is less", Budget{Day: 40, Month: 95}, at, 5},
		{"next month", Budget{Day: 40, Month: 95}, at.Add(24 * time.Hour), 40},
		{"day before", Budget{Day: 40, Month: 95}, at.Add(-24 * time.Hour), 5},
	} {
		if got := tt.budget.left(used.at(tt.at)); got != tt.want {
			t.Errorf("%s: left = %d, want %d", tt.name, got, tt.want)
		}
	}
	// What a run may ask comes beside its tie-outs, the day bounds both.
	for _, tt := range []struct {
		budget Budget
		want   int64
	}{{Budget{}, -1}, {Budget{Run: 5}, 8}, {Budget{Run: 5, Day: 40}, 8}, {Budget{Run: 50, Day: 40}, 40}} {
		tr := newTrial(t)
		tr.o.Budget = tt.budget
		if got, err := New(tr.store, tr.o).left(3); err != nil || got != tt.want {
			t.Errorf("%+v and 3 for tie-outs: left = %d, %v, want %d", tt.budget, got, err, tt.want)
		}
	}
}
