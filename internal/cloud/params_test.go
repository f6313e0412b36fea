package cloud

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOperations(t *testing.T) {
	ops := Operations()
	if len(ops) != 18 {
		t.Fatalf("%d operations", len(ops))
	}
	writes := 0
	for _, o := range ops {
		if found, ok := Lookup(o.Name); !ok || found.Path != o.Path {
			t.Errorf("Lookup(%q) = %+v", o.Name, found)
		}
		if !strings.HasSuffix(o.Path, o.Name) || o.Doc == "" || o.param("projectId") == nil || !o.param("projectId").Required {
			t.Errorf("operation %+v", o)
		}
		if o.Paged() && (o.ListKey == "" || o.ItemKey == "") {
			t.Errorf("%s has pages, and no items", o.Name)
		}
		if o.Writes {
			writes++
		}
		for _, p := range o.Params {
			if p.Doc == "" || p.InURL != strings.Contains(o.Path, "{"+p.Name+"}") {
				t.Errorf("%s: parameter %+v", o.Name, p)
			}
		}
	}
	if writes != 7 {
		t.Errorf("%d operations write, want 7", writes)
	}
	ops[0].Name = "changed"
	if _, ok := Lookup("changed"); ok {
		t.Error("Operations gives the table itself")
	}
}

func TestReaderCannotWrite(t *testing.T) {
	g := &gateway{}
	r := g.client(t, Config{}).Reader()
	for _, o := range Operations() {
		if !o.Writes {
			continue
		}
		if _, err := r.Call(t.Context(), o.Name, project); !errors.Is(err, ErrWrites) {
			t.Errorf("%s: %v", o.Name, err)
		}
		for _, err := range r.Pages(t.Context(), o.Name, project, PageOptions{}) {
			if !errors.Is(err, ErrWrites) {
				t.Errorf("%s: %v", o.Name, err)
			}
		}
	}
	if n, tokens := g.counts(); n+tokens != 0 {
		t.Errorf("%d requests", n+tokens)
	}
}

// TestNoRelationIDs: an edit or deletion of rules that names none may mean all.
func TestNoRelationIDs(t *testing.T) {
	g := &gateway{answer: sequence(ok(`"1"`))}
	c := g.client(t, Config{})
	for _, op := range []string{"edit-by-channels", "delete-by-channels"} {
		params := map[string]any{"projectId": "142", "authId": "5"}
		for _, ids := range []any{nil, []string{}, "", " , ", []any{}} {
			delete(params, "authRelationIds")
			if ids != nil {
				params["authRelationIds"] = ids
			}
			if _, err := c.Call(t.Context(), op, params); !errors.Is(err, ErrNoRelationIDs) {
				t.Errorf("%s with %v: %v", op, ids, err)
			}
		}
		params["authRelationIds"] = []string{"7", ""}
		if _, err := c.Call(t.Context(), op, params); !errors.Is(err, ErrParams) {
			t.Errorf("%s with an empty id: %v", op, err)
		}
		params["authRelationIds"] = []string{"7"}
		if _, err := c.Call(t.Context(), op, params); err != nil {
			t.Errorf("%s: %v", op, err)
		}
	}
	if n, _ := g.counts(); n != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestPrepare(t *testing.T) {
	tests := []struct {
		name, op string
		given    map[string]any
		want     map[string]any
		err      string
	}{
		{"defaults", "access-auth", map[string]any{"projectId": "1"}, map[string]any{"projectId": "1", "page": int64(1), "pageSize": int64(50)}, ""},
		{"text for everything, as on a command line", "access-auth",
			map[string]any{"project_id": "1", "page": "2", "PAGE_SIZE": "10", "channelIds": "5, 6", "authEndTime": "2556115199000", "faceIssueStatus": "0"},
			map[string]any{"projectId": "1", "page": int64(2), "pageSize": int64(10), "channelIds": []string{"5", "6"}, "authEndTime": int64(2556115199000), "faceIssueStatus": int64(0)}, ""},
		{"number for an id", "access-auth/detail", map[string]any{"projectId": int64(1424615984265764001), "accessAuthId": 2},
			map[string]any{"projectId": "1424615984265764001", "accessAuthId": "2"}, ""},
		{"list of any", "add-rules", map[string]any{"projectId": "1", "authSourceType": "1", "channelIds": []any{}, "groupIds": []any{"3"}},
			map[string]any{"projectId": "1", "authSourceType": "1", "channelIds": []string{}, "groupIds": []string{"3"}}, ""},
		{"page 0", "access-auth", map[string]any{"projectId": "1", "page": 0}, nil, "page is 0, and counts from 1"},
		{"page -1", "query-rules", map[string]any{"projectId": "1", "page": "-1"}, nil, "counts from 1"},
		{"page size 0", "access-auth", map[string]any{"projectId": "1", "pageSize": 0}, nil, "pageSize is 0"},
		{"unknown parameter", "access-auth", map[string]any{"projectId": "1", "pagesizes": 1}, nil, `no parameter "pagesizes" (there are projectId, name`},
		{"twice", "access-auth", map[string]any{"projectId": "1", "project_id": "2"}, nil, "projectId is there twice"},
		{"no project", "access-auth", nil, nil, "parameter projectId is required"},
		{"empty project", "access-auth", map[string]any{"projectId": ""}, nil, "parameter projectId is required"},
		{"empty list that is required", "access-auth-issue/actions/full",
			map[string]any{"projectId": "1", "authIssueCertificate": 1, "channelIds": []string{}}, nil, "channelIds is required"},
		{"wrong type", "access-auth", map[string]any{"projectId": "1", "sex": "male"}, nil, "sex is not of type Integer"},
		{"float", "access-auth", map[string]any{"projectId": 1.5}, nil, "projectId is not of type String"},
		{"map", "access-auth", map[string]any{"projectId": "1", "channelIds": map[string]string{}}, nil, "channelIds is not of type String[]"},
		{"list of numbers", "access-auth", map[string]any{"projectId": "1", "channelIds": []any{1}}, nil, "channelIds is not of type String[]"},
		{"path that is another operation", "access-auth-task/{authTaskId}", map[string]any{"projectId": "1", "authTaskId": "../access-auth"}, nil, "authTaskId is not an id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			op, _ := Lookup(tt.op)
			got, err := op.prepare(tt.given)
			if tt.err != "" {
				if !errors.Is(err, ErrParams) || !contains(err, tt.err) {
					t.Errorf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("prepare mismatch (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := (&gateway{}).client(t, Config{}).Call(t.Context(), "open-all-doors", nil); !errors.Is(err, ErrParams) {
		t.Errorf("unknown operation: %v", err)
	}
}

// TestMessages: what each operation sends.
func TestMessages(t *testing.T) {
	const list = rules + "list-auth-person"
	tests := []struct {
		op, getParams string
		params        map[string]any
		want          string
	}{
		{"access-auth", "query", map[string]any{"channelIds": "5,6"}, base + `access-auth  {"channelIds":["5","6"],"page":1,"pageSize":50,"projectId":"142"}`},
		{"list-auth-person", "body", map[string]any{"name": "张 <三>"}, list + `  {"name":"张 <三>","page":1,"pageSize":50,"projectId":"142"}`},
		{"list-auth-person", "query", map[string]any{"name": "张 三&+"}, list + ` name=%E5%BC%A0%20%E4%B8%89%26%2B&page=1&pageSize=50&projectId=142`},
		{"access-auth-task/{authTaskId}", "body", map[string]any{"authTaskId": "77"}, base + `access-auth-task/77  {"projectId":"142"}`},
		{"access-auth-task/{authTaskId}", "query", map[string]any{"authTaskId": "77"}, base + `access-auth-task/77 projectId=142`},
		{"edit-by-channels", "", map[string]any{"authId": "5", "authRelationIds": "7", "authEndTime": 9},
			rules + `edit-by-channels  {"authEndTime":9,"authId":"5","authRelationIds":["7"],"projectId":"142"}`},
	}
	for _, tt := range tests {
		g := &gateway{answer: sequence(ok(`{"list":[]}`))}
		tt.params["projectId"] = "142"
		if _, err := g.client(t, Config{GetParams: tt.getParams}).Call(t.Context(), tt.op, tt.params); err != nil {
			t.Fatal(err)
		}
		if g.business[0] != tt.want {
			t.Errorf("sent %s\nwant %s", g.business[0], tt.want)
		}
	}
}

// TestGetParams: how the parameters of a GET travel is found out once for each
// operation.
func TestGetParams(t *testing.T) {
	// takesQuery answers with miss to whatever has a body.
	takesQuery := func(miss string) func(int, *http.Request, string) (int, string) {
		return func(_ int, _ *http.Request, body string) (int, string) {
			if body != "" {
				return sequence(miss)(1, nil, "")
			}
			return http.StatusOK, ok(`[]`)
		}
	}
	for _, miss := range []string{refusal(1100), refusal(1102), refusal(1109), refusal(1004), "400 <html>", "403 <html>", "405 ", "411 "} {
		g := &gateway{answer: takesQuery(miss)}
		c := g.client(t, Config{})
		for i := range 3 {
			if _, err := c.Call(t.Context(), "match-auth-structure", project); err != nil {
				t.Fatalf("%s: %v", miss, err)
			}
			if n, _ := g.counts(); n != i+2 {
				t.Errorf("%s: %d requests after %d calls", miss, n, i+1)
			}
		}
	}
	t.Run("body is remembered", func(t *testing.T) {
		g := &gateway{answer: sequence(ok(`[]`), refusal(1109))}
		c := g.client(t, Config{})
		_, first := c.Call(t.Context(), "match-auth-structure", project)
		_, second := c.Call(t.Context(), "match-auth-structure", project)
		if n, _ := g.counts(); first != nil || second == nil || n != 2 {
			t.Errorf("%v, %v, %d requests", first, second, n)
		}
	})
	t.Run("neither works", func(t *testing.T) {
		g := &gateway{answer: sequence(refusal(1102))}
		_, err := g.client(t, Config{}).Call(t.Context(), "match-auth-structure", project)
		if n, _ := g.counts(); err == nil || n != 2 {
			t.Errorf("%v, %d requests", err, n)
		}
	})
	for _, fixed := range []string{"body", "query"} {
		t.Run("only "+fixed, func(t *testing.T) {
			g := &gateway{answer: sequence(refusal(1102))}
			_, err := g.client(t, Config{GetParams: fixed}).Call(t.Context(), "match-auth-structure", project)
			if n, _ := g.counts(); err == nil || n != 1 || strings.Contains(g.business[0], "{") != (fixed == "body") {
				t.Errorf("%v, %v", err, g.business)
			}
		})
	}
	t.Run("another operation is another matter", func(t *testing.T) {
		g := &gateway{answer: takesQuery(refusal(1100))}
		c := g.client(t, Config{})
		for _, op := range []string{"match-auth-structure", "list-auth-person"} {
			_, err := c.Call(t.Context(), op, project)
			if op == "list-auth-person" {
				err = nil // its answer has no list
			}
			if err != nil {
				t.Error(err)
			}
		}
		if fmt.Sprint(c.forms.settled["match-auth-structure"]) != fmt.Sprint(formQuery) {
			t.Errorf("settled %v", c.forms.settled)
		}
	})
}
