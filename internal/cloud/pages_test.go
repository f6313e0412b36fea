package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// walkAll walks a list and gives the numbers of its pages and the ids on them.
func walkAll(ctx context.Context, r *Reader, o PageOptions) (numbers []int, ids []string, err error) {
	for p, err := range r.Pages(ctx, "access-auth", project, o) {
		if err != nil {
			return numbers, ids, err
		}
		numbers = append(numbers, p.Number)
		ids = append(ids, p.IDs...)
	}
	return numbers, ids, nil
}

func TestPages(t *testing.T) {
	tests := []struct {
		total, size, parallel, requests int
	}{
		{0, 10, 1, 1}, {1, 10, 4, 1}, {9, 10, 4, 1}, {10, 10, 4, 1}, {11, 10, 4, 2}, {20, 10, 1, 2}, {95, 10, 4, 10}, {100, 10, 3, 10},
		{101, 10, 32, 11}, {1000, 100, 8, 10}, {1000, 1000, 8, 1}, {3000, 5000, 8, 3}, {60, 0, 0, 2},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			g := &gateway{}
			list := listOf(tt.total)
			var inFlight, most atomic.Int64
			g.answer = func(n int, r *http.Request, body string) (int, string) {
				now := inFlight.Add(1)
				most.Store(max(most.Load(), now))
				defer inFlight.Add(-1)
				// The later page answers first.
				time.Sleep(time.Second / time.Duration(1+numberIn(body, "page")%3))
				return list(n, r, body)
			}
			numbers, ids, err := walkAll(t.Context(), g.client(t, Config{Parallel: tt.parallel}).Reader(), PageOptions{Size: tt.size})
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := g.counts(); n != tt.requests || len(numbers) != tt.requests {
				t.Errorf("%+v: %d requests, %d pages", tt, n, len(numbers))
			}
			for i, n := range numbers {
				if n != i+1 {
					t.Fatalf("%+v: pages %v", tt, numbers)
				}
			}
			for i, id := range ids {
				if id != fmt.Sprint(i) {
					t.Fatalf("%+v: id %d is %s", tt, i, id)
				}
			}
			if len(ids) != tt.total {
				t.Errorf("%+v: %d items", tt, len(ids))
			}
			if parallel := max(tt.parallel, 2); most.Load() > int64(parallel) || tt.requests > 5 && tt.parallel > 1 && most.Load() < 2 {
				t.Errorf("%+v: %d requests at a time", tt, most.Load())
			}
		})
	}
}

// TestPagesOfAnotherSize: a cloud that gives fewer items than asked for, and one
// whose total moves, are followed to the end.
func TestPagesOfAnotherSize(t *testing.T) {
	tests := []struct {
		name            string
		reply           func(page, size int) string
		items, requests int
	}{
		{"page cap", func(page, _ int) string { return items((page-1)*7, min(page*7, 100), 100) }, 100, 15},
		{"short page", func(page, size int) string {
			if page == 2 {
				return items(10, 15, 40)
			}
			return items(min((page-1)*size, 40), min(page*size, 40), 40)
		}, 35, 5},
		{"total grows", func(page, size int) string {
			total := 40 + 5*min(page, 4)
			return items(min((page-1)*size, total), min(page*size, total), total)
		}, 60, 6},
		{"total shrinks", func(page, size int) string {
			total := 60 - 10*min(page, 3)
			return items(min((page-1)*size, total), min(page*size, total), total)
		}, 30, 3},
		{"list ends early", func(page, size int) string { return items(min((page-1)*size, 20), min(page*size, 20), 100) }, 20, 3},
		{"no total", func(page, size int) string {
			return strings.Replace(items(min((page-1)*size, 25), min(page*size, 25), 0), `"total":0`, `"x":0`, 1)
		}, 25, 4},
		{"no total, has more", func(page, size int) string {
			return strings.Replace(items(min((page-1)*size, 25), min(page*size, 25), 0), `"total":0`, fmt.Sprintf(`"has_more":%t`, page < 3), 1)
		}, 25, 3},
		{"total below 0", func(page, size int) string { return items(min((page-1)*size, 25), min(page*size, 25), -1) }, 25, 4},
		{"has more lies", func(page, size int) string {
			return strings.Replace(items(min((page-1)*size, 25), min(page*size, 25), 25), `"total"`, `"has_more":false,"total"`, 1)
		}, 25, 3},
		{"total as text", func(page, size int) string {
			return strings.Replace(items(min((page-1)*size, 25), min(page*size, 25), 25), `25}`, `"25"}`, 1)
		}, 25, 3},
		{"nothing and no list", func(int, int) string { return `{"list":null,"total":0}` }, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, parallel := range []int{1, 3} {
				g := &gateway{answer: func(_ int, _ *http.Request, body string) (int, string) {
					return http.StatusOK, ok(tt.reply(numberIn(body, "page"), numberIn(body, "pageSize")))
				}}
				_, ids, err := walkAll(t.Context(), g.client(t, Config{Parallel: parallel}).Reader(), PageOptions{Size: 10})
				if err != nil || len(ids) != tt.items {
					t.Errorf("%d items, %v", len(ids), err)
				}
				n, _ := g.counts()
				// What is asked ahead of the end may be under way when that is seen.
				if n < tt.requests || n > tt.requests+ahead*parallel {
					t.Errorf("%d requests, %d in flight; want %d", n, parallel, tt.requests)
				}
			}
		})
	}
}

// TestPagesEnd: a list that does not end is given up.
func TestPagesEnd(t *testing.T) {
	g := &gateway{answer: func(_ int, _ *http.Request, body string) (int, string) {
		page := numberIn(body, "page")
		return http.StatusOK, ok(items(page*10, page*10+10, page*10+100))
	}}
	numbers, _, err := walkAll(t.Context(), g.client(t, Config{Parallel: 3}).Reader(), PageOptions{Size: 10})
	if !errors.Is(err, ErrEndless) || len(numbers) < 30 || len(numbers) > 100 {
		t.Errorf("%v after %d pages", err, len(numbers))
	}
}

func TestPagesFirst(t *testing.T) {
	g := &gateway{answer: listOf(95)}
	numbers, ids, err := walkAll(t.Context(), g.client(t, Config{Parallel: 4}).Reader(), PageOptions{Size: 10, First: 8})
	if err != nil || !slices.Equal(numbers, []int{8, 9, 10}) || ids[0] != "70" {
		t.Errorf("pages %v from %s, %v", numbers, ids[0], err)
	}
	if n, _ := g.counts(); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// TestPagesError: the pages before the one that fails are yielded, in order, and
// the error once.
func TestPagesError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := listOf(100)
		g := &gateway{}
		g.answer = func(n int, r *http.Request, body string) (int, string) {
			if numberIn(body, "page") == 4 {
				return http.StatusOK, refusal(28841004)
			}
			time.Sleep(time.Second)
			return list(n, r, body)
		}
		numbers, _, err := walkAll(t.Context(), g.client(t, Config{Parallel: 4}).Reader(), PageOptions{Size: 10})
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != 28841004 || !strings.HasPrefix(err.Error(), "page 4: access-auth: ") || !slices.Equal(numbers, []int{1, 2, 3}) {
			t.Errorf("pages %v, %v", numbers, err)
		}
		if n, _ := g.counts(); n > 2+ahead*4 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestPagesBreak: after a break nothing is under way any more; synctest fails
// when a goroutine is left.
func TestPagesBreak(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var under atomic.Int64
			list := listOf(1000)
			g := &gateway{}
			g.answer = list
			c := g.client(t, Config{Parallel: 5, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				under.Add(1)
				defer under.Add(-1)
				if r.Method == http.MethodPost {
					body, _ := r.GetBody()
					if sent, _ := io.ReadAll(body); numberIn(string(sent), "page") > 3 {
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
				}
				return g.RoundTrip(r)
			})})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			seen := 0
			var last error
			for _, err := range c.Reader().Pages(ctx, "access-auth", project, PageOptions{Size: 10}) {
				if last = err; err != nil {
					break
				}
				if seen++; seen == 3 {
					if !cancelled {
						break
					}
					time.AfterFunc(time.Second, cancel)
				}
			}
			if under.Load() != 0 || seen != 3 || cancelled != errors.Is(last, context.Canceled) {
				t.Errorf("cancelled %t: %d under way, %d pages seen, %v", cancelled, under.Load(), seen, last)
			}
		})
	}
}

func TestPagesOfATree(t *testing.T) {
	g := &gateway{answer: sequence(ok(`[{"structure_id":"7","level":0},{"structureId":"8"}]`))}
	r := g.client(t, Config{}).Reader()
	var ids []string
	for p, err := range r.Pages(t.Context(), "match-auth-structure", project, PageOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, p.IDs...)
	}
	if n, _ := g.counts(); n != 1 || !slices.Equal(ids, []string{"7", "8"}) || strings.Contains(g.business[0], "page") {
		t.Errorf("ids %v, requests %v", ids, g.business)
	}
}

// TestPageShapes: the lists of records and of channels, in each spelling.
func TestPageShapes(t *testing.T) {
	tests := []struct{ op, param, result string }{
		{"access-auth-task/records", "authTaskId", `{"totalNum":9,"recordListVOList":{"total":2,"list":[{"authTaskRecordId":"1"},{"authTaskRecordId":"2"}],"hasMore":false}}`},
		{"access-auth-task/records", "authTaskId", `{"total_num":9,"record_list_vo_list":{"total":2,"list":[{"auth_task_record_id":"1"},{"auth_task_record_id":2}],"has_more":false}}`},
		{"access-auth-task/records", "authTaskId", `{"record_list_volist":{"total":"2","list":[{"auth_task_record_id":"1"},{"auth_task_record_id":2}],"has_more":"false"}}`},
		{"channel-detail", "authRelationId", `{"total":2,"channelListVOList":[{"relationId":"1"},{"relationId":"2"}],"hasMore":false}`},
		{"channel-detail", "authRelationId", `{"total":2,"channel_list_v_o_list":[{"relation_id":"1"},{"relation_id":"2"}],"has_more":false}`},
		{"query-rules", "authId", `{"total":2,"list":[{"auth_relation_id":"1"},{"auth_relation_id":"2"}],"has_more":false}`},
		{"access-auth-task", "businessDeviceName", `{"total":2,"list":[{"auth_task_id":"1"},{"auth_task_id":"2"}],"has_more":false}`},
		{"list-auth-person", "name", `{"total":2,"list":[{"person_id":"1"},{"person_id":"2"}],"has_more":false}`},
	}
	for _, tt := range tests {
		g := &gateway{answer: sequence(ok(tt.result))}
		for p, err := range g.client(t, Config{}).Reader().Pages(t.Context(), tt.op, map[string]any{"projectId": "142", tt.param: "5"}, PageOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(p.IDs, []string{"1", "2"}) || p.Items != 2 || p.Total == nil || *p.Total != 2 || p.HasMore == nil || *p.HasMore {
				t.Errorf("%s: page %+v", tt.result, p)
			}
			if string(p.Result()) != tt.result {
				t.Errorf("Result = %s", p.Result())
			}
		}
	}
}
