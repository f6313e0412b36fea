package collect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Budget bounds the requests to the cloud; 0 is no bound. Lists are always read;
// what costs a request per row stops at the bound and is left to a later run.
type Budget struct {
	Run   int64 // one run, with what it did before it was interrupted
	Day   int64 // a day in Options.Zone
	Month int64
}

// ledger counts the requests of the day and of the month in a file of the store,
// so that they hold over restarts. Its methods are safe for concurrent use.
type ledger struct {
	now  func() time.Time // in the zone whose days count
	mu   sync.Mutex
	file *os.File
	used usage
}

// usage is what the file holds.
type usage struct {
	Day           string `json:"day"`   // 2006-01-02
	Month         string `json:"month"` // 2006-01
	DayRequests   int64  `json:"day_requests"`
	MonthRequests int64  `json:"month_requests"`
}

// ledgerPath is the ledger's file in a store.
func ledgerPath(dir string) string { return filepath.Join(dir, "requests.json") }

// openLedger opens the ledger of a store. A file that cannot be read as one is an
// error: to begin at 0 would spend the budget again.
func openLedger(dir string, now func() time.Time) (*ledger, error) {
	f, err := os.OpenFile(ledgerPath(dir), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &ledger{now: now, file: f}
	if l.used, err = readUsage(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

func readUsage(f *os.File) (u usage, err error) {
	text, err := io.ReadAll(f)
	if err != nil || len(text) == 0 {
		return u, err
	}
	if err := json.Unmarshal(text, &u); err != nil {
		return u, fmt.Errorf("%s: the count of this month's requests cannot be read: %w", f.Name(), err)
	}
	return u, nil
}

// at is u in the day and month of t: what was counted in another is gone.
func (u usage) at(t time.Time) usage {
	if month := t.Format("2006-01"); u.Month != month {
		u.Month, u.MonthRequests = month, 0
	}
	if day := t.Format(time.DateOnly); u.Day != day {
		u.Day, u.DayRequests = day, 0
	}
	return u
}

// add counts one request.
func (l *ledger) add() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used = l.used.at(l.now())
	l.used.DayRequests++
	l.used.MonthRequests++
	text, err := json.Marshal(l.used)
	if err != nil {
		return err
	}
	// Always as long, so that one write replaces the other.
	_, err = l.file.WriteAt(fmt.Appendf(nil, "%-127s\n", text), 0)
	return err
}

// left is how many requests the day and the month leave, at least 0, and -1
// where neither is bound.
func (b Budget) left(u usage) int64 {
	left := int64(-1)
	for _, bound := range []struct{ limit, used int64 }{{b.Day, u.DayRequests}, {b.Month, u.MonthRequests}} {
		if bound.limit == 0 {
			continue
		}
		if rest := max(bound.limit-bound.used, 0); left < 0 || rest < left {
			left = rest
		}
	}
	return left
}

// left is how many requests the day and the month leave, as [Budget.left] has it.
func (l *ledger) left(b Budget) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return b.left(l.used.at(l.now()))
}

func (l *ledger) close() error { return errors.Join(l.file.Sync(), l.file.Close()) }

// left is how many requests the budget leaves for a run that begins now and makes
// aside of them for tie-outs, -1 where nothing bounds it. It changes nothing.
func (c *Collector) left(aside int64) (int64, error) {
	f, err := os.Open(ledgerPath(c.store.Dir()))
	var u usage
	if err == nil {
		u, err = readUsage(f)
		err = errors.Join(err, f.Close())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	left := c.o.Budget.left(u.at(c.now()))
	if run := c.o.Budget.Run; run > 0 && (left < 0 || run+aside < left) {
		left = run + aside
	}
	return left, nil
}

// now is the local clock in the zone whose days count.
func (c *Collector) now() time.Time { return c.o.Now().In(c.o.Zone) }

// affordable is how many more requests are paid for, math.MaxInt64 where nothing
// bounds them.
func (c *Collector) affordable() int64 {
	left := int64(math.MaxInt64)
	if run := c.o.Budget.Run; run > 0 {
		left = max(run-(c.spent()-c.aside), 0)
	}
	if rest := c.ledger.left(c.o.Budget); rest >= 0 {
		left = min(left, rest)
	}
	return left
}

// spent is how many requests the run has made, also before it was interrupted.
func (c *Collector) spent() int64 { return c.cloud.Requests() - c.before + c.taken.Load() }
