package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"exporter/internal/sandbox"
	"exporter/internal/store"
)

// counted is a demo site with its switches, walked without what costs a request
// per row.
func (tr *trial) counted(w sandbox.Switches) *Result {
	tr.t.Helper()
	result, err := tr.collect(sandbox.New(sandbox.Options{Site: "demo", Now: at(clock), Switches: w}))
	if err != nil {
		tr.t.Fatal(err)
	}
	return result
}

func newCountTrial(t *testing.T) *trial {
	tr := newTrial(t)
	tr.o.PageSize, tr.o.Budget.Run, tr.o.TieOuts = 200, 1, 200
	tr.o.Zone = time.FixedZone("Asia/Shanghai", 8*3600)
	return tr
}

// tieOutsOf are the results of the newest snapshot's tie-outs by filters.
func (tr *trial) tieOutsOf() map[string]string {
	return tr.pairs("SELECT name, result FROM tie_outs WHERE filter IS NOT NULL")
}

func all(names []string, result string) map[string]string {
	m := map[string]string{}
	for _, n := range names {
		m[n] = result
	}
	return m
}

var byFilter = []string{
	"sum over channels", "permanent", "expired", "less than 7 days", "less than 15 days", "less than 30 days",
	"card to be sent", "card already sent", "card, both together", "face to be sent", "face already sent", "face, both together",
	"fingerprint to be sent", "fingerprint already sent", "fingerprint, both together",
}

func TestTieOutsAgree(t *testing.T) {
	for _, site := range []string{"demo", "documented"} {
		t.Run(site, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newCountTrial(t)
				result, err := tr.collect(sandbox.New(sandbox.Options{Site: site, Now: at(clock)}))
				if err != nil || result.Verdict != store.Complete {
					t.Fatalf("%v, %+v", err, result)
				}
				if diff := cmp.Diff(all(byFilter, "agrees"), tr.tieOutsOf()); diff != "" {
					t.Errorf("tie-outs (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Each of the cloud's numbers can be found in the answers as received, by the
// keys of the calls.
func TestTieOutsLeadToTheAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newCountTrial(t)
		id := tr.counted(sandbox.Switches{}).Snapshot
		totals := landedTotals(t, filepath.Join(tr.dir, "raw", id))
		got := map[string]string{}
		for filter := range tr.pairs("SELECT filter, name FROM tie_outs WHERE filter IS NOT NULL") {
			sum := 0
			for key, total := range totals {
				if strings.HasPrefix(key, filter) {
					sum += total
				}
			}
			got[filter] = strconv.Itoa(sum)
		}
		if diff := cmp.Diff(tr.pairs("SELECT filter, theirs::VARCHAR FROM tie_outs WHERE filter IS NOT NULL"), got); diff != "" {
			t.Errorf("theirs (-tie_outs +landed answers):\n%s", diff)
		}
		calls := tr.pairs(`
			SELECT t.filter, (t.requests = count(c.tid) AND bool_and(c.tid != '' AND c.landed_sha256 != '' AND c.line > 0))::VARCHAR
			FROM tie_outs AS t
			JOIN calls AS c ON c.resource = 'tie_outs' AND starts_with(c.key, t.filter)
			WHERE t.requests > 0
			GROUP BY t.filter, t.requests`)
		if len(calls) != 12 {
			t.Errorf("%d tie-outs have calls, want 12", len(calls))
		}
		for filter, ok := range calls {
			if ok != "true" {
				t.Errorf("the calls of %s are not those of its requests", filter)
			}
		}
		if names := tr.pairs("SELECT resource, verdict FROM resources"); names["tie_outs"] != "" {
			t.Error("tie_outs is a resource")
		}
	})
}

// landedTotals are the totals in the landed answers of tie-outs, by key.
func landedTotals(t *testing.T, dir string) map[string]int {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*", "tie_outs.ndjson.zst"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("landed answers: %v, %v", paths, err)
	}
	packed, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	text, err := d.DecodeAll(packed, nil)
	if err != nil {
		t.Fatal(err)
	}
	totals := map[string]int{}
	for line := range bytes.Lines(text) {
		var page struct {
			Key      string
			Response struct{ Result struct{ Total int } }
		}
		if err := json.Unmarshal(line, &page); err != nil {
			t.Fatal(err)
		}
		totals[page.Key] = page.Response.Result.Total
	}
	return totals
}

// Which reading of the bound the cloud has is found out, whichever it is.
func TestReadingsOfTheBound(t *testing.T) {
	for _, c := range []struct {
		name string
		w    sandbox.Switches
		want map[string]string
	}{
		{"hours", sandbox.Switches{}, map[string]string{"less than 7 days": "168 h", "less than 15 days": "360 h", "less than 30 days": "720 h"}},
		{"calendar", sandbox.Switches{DateTypeCalendar: true},
			map[string]string{"less than 7 days": "calendar days", "less than 15 days": "calendar days", "less than 30 days": "calendar days"}},
		{"with expired", sandbox.Switches{DateTypeWithExpired: true}, map[string]string{
			"less than 7 days": "168 h, the expired too", "less than 15 days": "360 h, the expired too", "less than 30 days": "720 h, the expired too"}},
		{"disjoint", sandbox.Switches{DateTypeDisjoint: true}, map[string]string{"less than 7 days": "168 h",
			"less than 15 days": "360 h, without the shorter span", "less than 30 days": "720 h, without the shorter span"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newCountTrial(t)
				tr.counted(c.w)
				if diff := cmp.Diff(all(byFilter, "agrees"), tr.tieOutsOf()); diff != "" {
					t.Errorf("tie-outs (-want +got):\n%s", diff)
				}
				got := tr.pairs("SELECT name, reading FROM tie_outs WHERE reading IS NOT NULL")
				for name, reading := range got {
					// On some days nothing ends between the two bounds.
					if reading == "either" {
						delete(c.want, name)
						delete(got, name)
					}
				}
				if len(got) == 0 {
					t.Error("no reading was told from the other")
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("readings (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestIgnoredFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newCountTrial(t)
		result := tr.counted(sandbox.Switches{IgnoreFilters: true})
		for _, r := range result.Projects[0].Resources {
			if r.Name == "permissions" && r.Verdict != store.Complete {
				t.Errorf("permissions are %s: tie-outs must not change a verdict", r.Verdict)
			}
		}
		if diff := cmp.Diff(all(byFilter, "filter ignored"), tr.tieOutsOf()); diff != "" {
			t.Errorf("tie-outs (-want +got):\n%s", diff)
		}
	})
}

// A list that leaves rows out, and counts itself without them, looks whole to its
// walk. Only the tie-outs show it.
func TestUnlistedPermissions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newCountTrial(t)
		if verdict := tr.counted(sandbox.Switches{Unlisted: 40}).Verdict; verdict != store.Complete {
			t.Fatalf("verdict %s", verdict)
		}
		got := tr.tieOutsOf()
		for _, name := range []string{"sum over channels", "card, both together", "face, both together", "fingerprint, both together"} {
			if got[name] != "differs" {
				t.Errorf("%s: %s, want differs", name, got[name])
			}
		}
		sums := tr.pairs("SELECT name, (theirs - ours)::VARCHAR FROM tie_outs WHERE name = 'sum over channels'")
		if sums["sum over channels"] != "40" {
			t.Errorf("difference %s, want 40", sums["sum over channels"])
		}
	})
}

func TestBudgetOfTieOuts(t *testing.T) {
	covered := int64(0)
	for _, c := range []struct {
		budget, requests int // allowed, and made for the sum over channels
		asked            int // tie-outs of a single filter that were asked
		sum              string
	}{
		{0, 0, 0, "not tried"},
		{1, 0, 0, "not tried"},
		{5, 0, 4, "not tried"},
		{13, 0, 11, "not tried"}, // one request could not be told from no filter
		{19, 7, 11, "agrees"},
		{200, -1, 11, "agrees"},
	} {
		t.Run(strconv.Itoa(c.budget), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newCountTrial(t)
				tr.o.TieOuts, tr.o.Budget.Run = c.budget, 120
				verdict := tr.counted(sandbox.Switches{}).Verdict
				if verdict != store.Complete {
					t.Errorf("verdict %s", verdict)
				}
				// They take nothing from what a run may ask besides.
				n := tr.count("SELECT sum(covered) FROM resources")
				if c.budget == 0 {
					covered = n
				}
				if n == 0 || n != covered {
					t.Errorf("%d answers beside the lists, without tie-outs %d", n, covered)
				}
				asked := tr.pairs("SELECT name, result FROM tie_outs WHERE kind IN ('validity', 'status') AND requests = 1")
				if diff := cmp.Diff(all(keys(asked), "agrees"), asked); len(asked) != c.asked || diff != "" {
					t.Errorf("%d asked, want %d\n%s", len(asked), c.asked, diff)
				}
				sum := tr.pairs("SELECT result, requests::VARCHAR FROM tie_outs WHERE name = 'sum over channels'")
				want := strconv.Itoa(c.requests)
				if c.requests < 0 {
					want = tr.pairs("SELECT 'n', count(DISTINCT access_control_channel_id)::VARCHAR FROM permissions")["n"]
				}
				if sum[c.sum] != want {
					t.Errorf("sum over channels: %v, want %s in %s requests", sum, c.sum, want)
				}
				for name, note := range tr.pairs("SELECT name, coalesce(note, '') FROM tie_outs WHERE filter IS NOT NULL AND result = 'not tried'") {
					if !strings.Contains(note, "for tie-outs") {
						t.Errorf("%s does not say why: %q", name, note)
					}
				}
			})
		})
	}
}

func keys(m map[string]string) []string {
	var list []string
	for k := range maps.Keys(m) {
		list = append(list, k)
	}
	return list
}

// altered is a site whose answers to some requests are others.
type altered struct {
	site  http.Handler
	alter func(request, response string) string
}

func (a altered) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(request))
	answer := httptest.NewRecorder()
	a.site.ServeHTTP(answer, r)
	maps.Copy(w.Header(), answer.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(answer.Code)
	io.WriteString(w, a.alter(string(request), answer.Body.String()))
}

var total = regexp.MustCompile(`"total":(\d+)`)

// plus adds to the total of an answer.
func plus(n int, response string) string {
	return total.ReplaceAllStringFunc(response, func(s string) string {
		was, _ := strconv.Atoi(total.FindStringSubmatch(s)[1])
		return fmt.Sprintf(`"total":%d`, was+n)
	})
}

// However many requests there are, a plan keeps to them, and it asks for every channel
// once or for none.
func TestPlanOfCounts(t *testing.T) {
	for _, n := range []int{0, 1, 2, 99, 100, 101, 350} {
		channels := make([]string, n)
		for i := range channels {
			channels[i] = strconv.Itoa(i)
		}
		for budget := 2; budget < 400; budget++ {
			asks, last := planCounts(channels, budget)
			var asked []string
			groups := 0
			for _, a := range asks {
				if a.Filter == "channelIds" {
					asked = append(asked, a.Values...)
					groups++
					if len(a.Values) > maxGroup || len(a.Values) == 0 {
						t.Fatalf("%d channels, %d requests: %d in one", n, budget, len(a.Values))
					}
				}
			}
			if len(asks)+len(last) > budget || len(asked) > 0 && !slices.Equal(asked, channels) || groups == 1 && n > 1 {
				t.Fatalf("%d channels, %d requests: %d and %d asked, for %d channels in %d groups", n, budget, len(asks), len(last), len(asked), groups)
			}
		}
	}
}

// What the cloud says of itself only through filters never changes a verdict:
// lies, refusals and a list that moves are told apart.
func TestOddAnswersToTieOuts(t *testing.T) {
	single := func(request string) bool {
		return strings.Contains(request, `"pageSize":1,`) || strings.Contains(request, `"pageSize":1}`)
	}
	for _, c := range []struct {
		name   string
		alter  func(request, response string) string
		of     string // tie-out
		result string
		note   string
		others string // the result of the one that is not meant
	}{
		{"a filtered total lies", func(request, response string) string {
			if single(request) && strings.Contains(request, `"faceIssueStatus":1`) {
				return plus(1, response)
			}
			return response
		}, "face already sent", "differs", "", "agrees"},
		{"one channel's total lies", func(request, response string) string {
			if single(request) && strings.Contains(request, "channelIds") && strings.Contains(response, `"total":2`) {
				return plus(1, response)
			}
			return response
		}, "sum over channels", "differs", "differ from our rows", "agrees"},
		{"the list moves", func(request, response string) string {
			if single(request) {
				return plus(1, response)
			}
			return response
		}, "expired", "differs", "the list moved from ", "differs"},
		{"the cloud refuses a filter", func(request, response string) string {
			if single(request) && strings.Contains(request, "authDateType") {
				return `{"success":false,"code":1109,"msg":"param is illegal","t":1774933200000,"tid":"x"}`
			}
			return response
		}, "less than 7 days", "not tried", "the cloud refused: param is illegal (code 1109)", "agrees"},
		{"no total", func(request, response string) string {
			if single(request) && strings.Contains(request, "authDateType") {
				return total.ReplaceAllString(response, `"sum":0`)
			}
			return response
		}, "less than 7 days", "not tried", "the cloud gave no total", "agrees"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newCountTrial(t)
				site := sandbox.New(sandbox.Options{Site: "demo", Now: at(clock)})
				result, err := tr.collectFrom(site, altered{site, c.alter})
				if err != nil || result.Verdict != store.Complete {
					t.Fatalf("%v, %+v", err, result)
				}
				got := tr.tieOutsOf()
				if got[c.of] != c.result || got["card to be sent"] != c.others {
					t.Errorf("%s: %s, card to be sent: %s; want %s, %s", c.of, got[c.of], got["card to be sent"], c.result, c.others)
				}
				note := tr.pairs("SELECT name, coalesce(note, '') FROM tie_outs")[c.of]
				if !strings.Contains(note, c.note) {
					t.Errorf("note of %s: %q, want %q", c.of, note, c.note)
				}
			})
		})
	}
}

func TestInterruptedTieOuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newCountTrial(t)
		stop := errors.New("stopped")
		ctx, cancel := context.WithCancelCause(tr.ctx)
		tr.ctx = ctx
		tr.o.Progress = func(p Progress) {
			if p.Resource == tieOuts {
				cancel(stop)
			}
		}
		_, err := tr.collect(sandbox.New(sandbox.Options{Site: "demo", Now: at(clock)}))
		if !errors.Is(err, stop) {
			t.Errorf("error %v, want %v", err, stop)
		}
		if list, err := tr.store.Snapshots(t.Context()); err != nil || len(list) > 0 {
			t.Errorf("published %v, %v", list, err)
		}
	})
}

// A list that was not read whole is not compared, and nothing is asked for it.
func TestNoTieOutsOfATornList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newCountTrial(t)
		_, err := tr.collect(sandbox.New(sandbox.Options{Site: "demo", Now: at(clock), Faults: []string{"wrong-total:access-auth"}}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(all(byFilter, "not tried"), tr.tieOutsOf()); diff != "" {
			t.Errorf("tie-outs (-want +got):\n%s", diff)
		}
		notes := tr.pairs("SELECT DISTINCT note, result FROM tie_outs WHERE filter IS NOT NULL")
		if diff := cmp.Diff(map[string]string{"permissions were not read whole": "not tried"}, notes); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
		if calls := tr.pairs("SELECT resource, 'asked' FROM calls WHERE resource = 'tie_outs'"); len(calls) > 0 {
			t.Error("asked all the same")
		}
	})
}

// The documents number the two codes of a task one way for filters and another
// for responses. Which way the cloud answers is seen from the counters.
func TestCodesAgainstCounters(t *testing.T) {
	for _, c := range []struct{ enums, fits, not string }{{"", "response", "filter"}, {"filter", "filter", "response"}} {
		t.Run(c.fits, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newCountTrial(t)
				tr.counted(sandbox.Switches{TaskEnums: c.enums})
				for _, field := range []string{"auth_task_status", "auth_task_progress"} {
					rows := tr.pairs("SELECT fits, sum(rows)::VARCHAR FROM code_contingency WHERE field = '" + field + "' GROUP BY fits")
					fitting, _ := strconv.Atoi(rows[c.fits])
					other, _ := strconv.Atoi(rows[c.not])
					if fitting < 300 || other > 10 {
						t.Errorf("%s: %v, want nearly all to fit the %s reading", field, rows, c.fits)
					}
				}
				all := tr.pairs("SELECT field, sum(rows)::VARCHAR FROM code_contingency GROUP BY field")
				tables := tr.pairs(`
					SELECT 'auth_task_status', count(*)::VARCHAR FROM tasks
					UNION ALL
					SELECT 'card_issue_status', count(*)::VARCHAR FROM permissions`)
				for field, n := range tables {
					if all[field] != n {
						t.Errorf("%s: %s rows of %s", field, all[field], n)
					}
				}
			})
		})
	}
}
