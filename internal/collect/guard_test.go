package collect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"exporter/internal/journal"
	"exporter/internal/sandbox"
	"exporter/internal/store"
)

// building is a site of any size, in which a smaller one has the first rows of a
// larger one.
func building(size sandbox.Large) *sandbox.Server {
	return sandbox.New(sandbox.Options{Site: "large", Now: at(clock), Large: size})
}

// A list may lose the share that max_drop allows and not a row more, from 20
// rows up; tasks may be forgotten by the cloud.
func TestGuardBoundary(t *testing.T) {
	collect := func(tr *trial, persons, tasks int) (*Result, error) {
		tr.o.PageSize, tr.o.Budget.Run = 100, 1
		return tr.collect(building(sandbox.Large{Persons: persons, Channels: 1, PerPerson: 1, Tasks: tasks}))
	}
	stores := map[int]string{}
	for _, tt := range []struct {
		name        string
		maxDrop     float64
		before, now int
		believed    bool
	}{
		{"a fifth of 20", 0.2, 20, 16, true},
		{"one more", 0.2, 20, 15, false},
		{"half", 0.5, 20, 10, true},
		{"more than half", 0.5, 20, 9, false},
		{"a share that binary fractions miss", 0.29, 100, 71, true},
		{"nothing may go", 0, 20, 19, false},
		{"too few rows to tell", 0.2, 19, 1, true},
	} {
		if stores[tt.before] == "" {
			stores[tt.before] = prepare(t, func(tr *trial) error {
				_, err := collect(tr, tt.before, 30)
				return err
			})
		}
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t)
				tr.begin(stores[tt.before])
				tr.o.MaxDrop = tt.maxDrop
				result, err := collect(tr, tt.now, 1)
				if err != nil {
					t.Fatal(err)
				}
				left := tr.count("SELECT count(*) FROM permissions")
				verdicts := tr.verdicts()
				if verdicts["tasks"] != store.Complete {
					t.Errorf("tasks are %s", verdicts["tasks"])
				}
				if tt.believed {
					if result.Verdict != store.Complete || left != int64(tt.now) {
						t.Errorf("not believed: %d permissions, %v", left, result.Problems)
					}
					return
				}
				drop, ok := errors.AsType[*DropError](errors.Join(result.Problems...))
				if !ok || drop.Before != int64(tt.before) || drop.Now != int64(tt.now) || drop.Hint() == "" {
					t.Errorf("problems %v", result.Problems)
				}
				if left != int64(tt.before) || verdicts["permissions"] != store.Partial {
					t.Errorf("believed: %d permissions, %s", left, verdicts["permissions"])
				}
			})
		})
	}
}

// One row in a hundred may have a value that cannot be read, which is said; with
// more the list is not believed, also where it moved while it was read.
func TestUnreadValues(t *testing.T) {
	const rows = 200
	end := regexp.MustCompile(`"auth_end_time":\d+`)
	for _, tt := range []struct {
		name, fault string
		unread      int
		verdict     string
		left        int64
	}{
		{"one in a hundred", "", 2, store.CompleteWithDrift, rows},
		{"more", "", 3, store.Partial, 0},
		{"one in a hundred, and the list moved", "restless:access-auth", 2, store.CompleteWithDrift, rows},
		{"more, and the list moved", "restless:access-auth", 3, store.Partial, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t)
				tr.o.PageSize, tr.o.Budget.Run = 50, 1
				o := sandbox.Options{Site: "large", Now: at(clock), Large: sandbox.Large{Persons: rows, Channels: 1, PerPerson: 1, Tasks: 1}}
				if tt.fault != "" {
					o.Faults = []string{tt.fault}
				}
				site := sandbox.New(o)
				_, err := tr.collectFrom(site, altered{site, func(request, response string) string {
					n := 0
					return end.ReplaceAllStringFunc(response, func(member string) string {
						if n++; n > tt.unread || !strings.Contains(request, `"page":1,`) || !strings.Contains(response, "total_card_num") {
							return member
						}
						return `"auth_end_time":"soon"`
					})
				}})
				if err != nil {
					t.Fatal(err)
				}
				problem := tr.pairs("SELECT resource, problem FROM resources")["permissions"]
				if !strings.Contains(problem, fmt.Sprintf("%d rows with a value that could not be read: line ", tt.unread)) ||
					strings.Contains(problem, "the total moved") != (tt.fault != "") {
					t.Errorf("problem %q", problem)
				}
				if verdict, left := tr.verdicts()["permissions"], tr.count("SELECT count(*) FROM permissions"); verdict != tt.verdict || left != tt.left {
					t.Errorf("%s with %d permissions, want %s with %d", verdict, left, tt.verdict, tt.left)
				}
			})
		})
	}
}

// Where no list is whole nothing is published, although there was nothing to ask that
// costs a request per row.
func TestNoListIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t)
		_, err := tr.collect(documented("missing-result"))
		if err == nil || !strings.Contains(err.Error(), "no list was read whole") {
			t.Errorf("error %v", err)
		}
		if list, err := tr.store.Snapshots(t.Context()); err != nil || len(list) > 0 {
			t.Errorf("snapshots %v, %v", list, err)
		}
	})
}

// A task list that one of its filters does not give whole is not whole.
func TestFilteredTasks(t *testing.T) {
	for _, filter := range []string{`"issueType":1`, `"issueType":2`} {
		synctest.Test(t, func(t *testing.T) {
			tr := newTrial(t)
			tr.o.Budget.Run = 1
			site := documented()
			_, err := tr.collectFrom(site, altered{site, func(request, response string) string {
				if strings.Contains(request, filter) {
					return plus(1, response)
				}
				return response
			}})
			if verdict := tr.verdicts()["tasks"]; err != nil || verdict != store.Partial {
				t.Errorf("%s: %s, %v", filter, verdict, err)
			}
		})
	}
}

// The channels of rules are guarded where every rule was asked: what a budget
// leaves over is no loss.
func TestGuardOfRuleChannels(t *testing.T) {
	const rules = 5
	site := func(channels int) *sandbox.Server {
		return building(sandbox.Large{Persons: 1, Channels: rules, PerPerson: channels, Tasks: 1})
	}
	var lists, before int64 // requests for the lists alone, and channels of rules
	prepare(t, func(tr *trial) error {
		tr.o.PageSize, tr.o.Budget.Run = 100, 1
		result, err := tr.collect(site(5))
		if err == nil {
			lists = result.Requests
		}
		return err
	})
	five := prepare(t, func(tr *trial) error {
		tr.o.PageSize = 100
		_, err := tr.collect(site(5))
		if err == nil {
			before = tr.count("SELECT count(*) FROM rule_channels")
		}
		return err
	})
	if before != 25 {
		t.Fatalf("%d channels of rules", before)
	}
	for _, tt := range []struct {
		name     string
		now      int // channels of each of the rules, which were 5
		asked    int64
		believed bool
	}{
		{"a fifth", 4, rules, true},
		{"more", 3, rules, false},
		{"more, of the rules that were asked", 3, 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t)
				tr.begin(five)
				tr.o.PageSize, tr.o.Budget.Run = 100, lists+tt.asked
				result, err := tr.collect(site(tt.now))
				if err != nil {
					t.Fatal(err)
				}
				// Requests in flight may go beyond the budget.
				asked := tr.count("SELECT pages FROM resources WHERE snapshot_id = getvariable('snapshot_id') AND resource = 'rule_channels'")
				if (asked == rules) != (tt.asked == rules) {
					t.Fatalf("%d rules were asked, want %d", asked, tt.asked)
				}
				want := before
				if tt.believed {
					want -= asked * int64(5-tt.now)
				}
				got := tr.count("SELECT count(*) FROM rule_channels")
				if verdict := tr.verdicts()["rule_channels"]; got != want || (verdict == store.Partial) == tt.believed {
					t.Errorf("%d channels of rules, want %d; %s, %v", got, want, verdict, result.Problems)
				}
			})
		})
	}
}

// What was odd about a walk that is whole stands beside its verdict.
func TestNotes(t *testing.T) {
	for _, tt := range []struct{ fault, verdict, problem string }{
		{"", store.Complete, ""},
		{"has-more", store.Complete, "has_more of page 3 is wrong"},
		{"restless", store.CompleteWithDrift, "the total moved from 6 to 7 while the list was read (walked 3 times)"},
		{"short-page", store.Partial, "6 distinct rows of a total of 7, page 1 of 4 is short: 2 of 3 rows (walked 3 times)"},
		{"repeat-page", store.Partial, "page 2 repeats page 1 (walked 3 times)"},
		{"wrong-total", store.Partial, "7 distinct rows of a total of 8, page 3 of 4 is short: 1 of 3 rows (walked 3 times)"},
	} {
		synctest.Test(t, func(t *testing.T) {
			tr := newTrial(t)
			s := documented()
			if tt.fault != "" {
				s = documented(tt.fault + ":access-auth")
			}
			if _, err := tr.collect(s); err != nil {
				t.Fatalf("%s: %v", tt.fault, err)
			}
			problem := tr.pairs("SELECT resource, coalesce(problem, '') FROM resources WHERE snapshot_id = getvariable('snapshot_id')")["permissions"]
			if verdict := tr.verdicts()["permissions"]; verdict != tt.verdict || problem != tt.problem {
				t.Errorf("%s: %s, %q; want %s, %q", tt.fault, verdict, problem, tt.verdict, tt.problem)
			}
		})
	}
}

// Clocks that jump, before a run and within one: snapshots keep their order, an
// interrupted run is taken up or begun anew, and no budget becomes negative.
func TestClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{
		"an hour forward": time.Hour, "two days forward": 48 * time.Hour, "an hour back": -time.Hour, "years back": -10 * 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t)
				now := clock
				tr.o.Now = func() time.Time { return now }
				tr.o.Budget = Budget{Run: 1, Day: 1000, Month: 10_000} // lists are read in spite of it
				tr.o.Journal = filepath.Join(tr.dir, "journal.ndjson")
				log := journal.Open(tr.o.Journal, tr.o.Now)
				// The first run is interrupted, and the clock jumps before the next.
				ctx, cancel := context.WithCancel(t.Context())
				tr.ctx = ctx
				site := documented()
				handler := &stopping{Handler: site, stop: cancel}
				handler.left.Store(12)
				if _, err := tr.collectFrom(site, handler); !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				tr.ctx = t.Context()
				now = now.Add(jump)
				ids := []string{""}
				for i := range 3 {
					result, err := tr.collect(documented())
					if err != nil || result.Verdict == store.Partial {
						t.Fatalf("%v %+v", err, result)
					}
					if young := jump.Abs() <= tr.o.Resume; i == 0 && young != (result.TakenUp > 0) {
						t.Errorf("%d answers of the interrupted run were taken up", result.TakenUp)
					}
					if last := ids[len(ids)-1]; result.Snapshot <= last {
						t.Errorf("snapshot %s after %s", result.Snapshot, last)
					}
					ids = append(ids, result.Snapshot)
					if _, err := log.Append("snapshot", map[string]string{"snapshot": result.Snapshot}); err != nil {
						t.Fatal(err)
					}
					now = now.Add(jump)
					jump = -jump / 2
				}
				if _, err := journal.Verify(tr.o.Journal); err != nil {
					t.Error(err)
				}
				text, err := os.ReadFile(ledgerPath(tr.dir))
				if err != nil || strings.Contains(string(text), ":-") {
					t.Errorf("ledger %s, %v", text, err)
				}
			})
		})
	}
}
