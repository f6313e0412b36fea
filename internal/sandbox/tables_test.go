package sandbox

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// table is what the documents say of one operation, read from testdata: the
// lines of their tables, each after its number.
type table struct {
	params map[string]tableParam
	fields map[string]bool // of the result; nil where it is String{}
}

type tableParam struct {
	Line, Type, In string
	Required       bool
}

type docs struct {
	lines  map[string]string // by A30 and the like
	tables map[string]*table // by method and path
}

var (
	endpointLine = regexp.MustCompile(`^(GET|POST|PUT) (/v1\.0/\S+)$`)
	paramLine    = regexp.MustCompile(`^(\w+) (String\[\]|String|Integer|int|long) (body|url)( .*)?$`)
	fieldLine    = regexp.MustCompile(`"(\w+)":`)
)

func readDocs(t testing.TB) docs {
	t.Helper()
	b, err := os.ReadFile("testdata/tables.txt")
	if err != nil {
		t.Fatal(err)
	}
	d := docs{map[string]string{}, map[string]*table{}}
	var cur *table
	var open string // parameter whose Required is still to come
	for line := range strings.Lines(string(b)) {
		no, text, _ := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		d.lines[no] = text
		if m := endpointLine.FindStringSubmatch(text); m != nil {
			cur = &table{params: map[string]tableParam{}}
			d.tables[m[1]+" "+m[2]] = cur
			open = ""
			continue
		}
		if cur == nil {
			continue
		}
		if text == "Description of result" {
			cur.fields = map[string]bool{}
			open = ""
			continue
		}
		if cur.fields != nil {
			for _, m := range fieldLine.FindAllStringSubmatch(text, -1) {
				cur.fields[m[1]] = true
			}
			continue
		}
		if m := paramLine.FindStringSubmatch(text); m != nil {
			open = m[1]
			cur.params[open] = tableParam{Line: no, Type: m[2], In: m[3]}
		}
		if p, ok := cur.params[open]; ok && (strings.HasSuffix(text, "Yes") || strings.HasSuffix(text, "No")) {
			p.Required = strings.HasSuffix(text, "Yes")
			cur.params[open] = p
		}
	}
	return d
}

// The 18 operations and their parameters are those of the documents: names,
// types, places, which are required, and the lines cited.
func TestParametersAreTheDocuments(t *testing.T) {
	d := readDocs(t)
	if len(operations) != 18 || len(d.tables) != 18 {
		t.Fatalf("%d operations, %d in the documents, want 18", len(operations), len(d.tables))
	}
	types := map[kind][]string{text: {"String"}, texts: {"String[]"}, integer: {"Integer", "int"}, long: {"long"}}
	for _, op := range operations {
		doc := d.tables[op.method+" "+base+op.path]
		if doc == nil {
			t.Errorf("%s: not in the documents", op.name)
			continue
		}
		for ref := range strings.SplitSeq(op.doc, ", ") {
			if !strings.HasPrefix(d.lines[ref], op.method+" "+base+op.path) {
				t.Errorf("%s: cites %s, which is %q", op.name, ref, d.lines[ref])
			}
		}
		got := map[string]tableParam{}
		for _, p := range op.params {
			want := doc.params[p.name]
			in := p.in
			if in == "" {
				in = "body"
			}
			typ := types[p.kind][0]
			if slices.Contains(types[p.kind], want.Type) {
				typ = want.Type
			}
			got[p.name] = tableParam{p.doc, typ, in, p.required}
		}
		if diff := cmp.Diff(doc.params, got); diff != "" {
			t.Errorf("%s: parameters mismatch (-documents +sandbox):\n%s", op.name, diff)
		}
	}
}

// Each member of a row cites the lines of the tables that name it.
func TestRowsCiteTheDocuments(t *testing.T) {
	d := readDocs(t)
	f, err := parser.ParseFile(token.NewFileSet(), "rows.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	cited := regexp.MustCompile(`\b([AB]\d+)\b`)
	n := 0
	ast.Inspect(f, func(node ast.Node) bool {
		field, ok := node.(*ast.Field)
		if !ok || field.Tag == nil {
			return true
		}
		tag, _ := strconv.Unquote(field.Tag.Value)
		name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		refs := cited.FindAllString(field.Comment.Text()+field.Doc.Text(), -1)
		if len(refs) == 0 {
			t.Errorf("%s cites nothing", name)
			return true
		}
		n++
		if line := d.lines[refs[0]]; !strings.Contains(line, `"`+camel(name)+`":`) {
			t.Errorf("%s cites %s, which is %q", name, refs[0], line)
		}
		return true
	})
	if n < 120 {
		t.Errorf("%d members looked at", n)
	}
}

// plain makes a name the same in every spelling.
func plain(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// names collects the keys of a JSON value at every depth.
func names(x any, into map[string]bool) {
	switch x := x.(type) {
	case map[string]any:
		for k, v := range x {
			into[plain(k)] = true
			names(v, into)
		}
	case []any:
		for _, v := range x {
			names(v, into)
		}
	}
}

// What each operation answers has the members of the documents' tables, all
// of them and no others, in each spelling.
func TestResultsAreTheDocuments(t *testing.T) {
	d := readDocs(t)
	for _, w := range []Switches{{HasMore: true}, {HasMore: true, ListKey: "volist"}, {HasMore: true, ListKey: "v_o_list"}} {
		clock := noon()
		s := New(Options{Now: clock.now, Switches: w})
		c := newClient(t, s)
		st := s.State()
		var withFingers, finished string
		for _, p := range st.Permissions {
			if p.TotalFingerprintNum != nil {
				withFingers = p.AccessAuthID
			}
		}
		for _, task := range st.Tasks {
			if task.TaskFinishTime != nil && task.AuthNum > 0 {
				finished = task.AuthTaskID
			}
		}
		person, channel := st.Persons[9].PersonID, st.Channels[20].RelationID
		var ruleID string
		for _, r := range st.Rules {
			if r.RelationType == 1 && len(st.RuleChannels[r.AuthRelationID]) > 0 {
				ruleID = r.AuthRelationID
			}
		}
		asked := map[string]args{
			"access-auth":                         {"pageSize": 200},
			"access-auth/detail":                  {"accessAuthId": withFingers},
			"access-auth-issue/actions/full":      {"authIssueCertificate": 2, "channelIds": []string{channel}},
			"access-auth-issue/actions/increment": {"authIssueCertificate": 2, "channelIds": []string{channel}},
			"access-auth-task":                    {"pageSize": 200},
			"access-auth-task/{authTaskId}":       {"authTaskId": finished},
			"access-auth-task/records":            {"authTaskId": finished},
			"access-auth-task/actions/issue-info": {"authTaskRecordId": st.Records[finished][0].AuthTaskRecordID},
			"list-auth-structure":                 {"structureId": st.Structures[0].StructureID},
			"match-auth-structure":                {},
			"list-auth-person":                    {"page": 1, "pageSize": 20},
			"add-rules":                           {"authSourceType": "2", "authIds": []string{person}, "channelIds": []string{channel}},
			"generate-auth":                       {"authSourceType": "2", "authId": person},
			"query-rules":                         {"page": 1, "pageSize": 20},
			"edit-by-channels":                    {"authId": person, "authEndTime": Permanent - dayMS},
			"delete-by-channels":                  {"authId": person},
			"delete-by-source":                    {"authSourceType": "2", "authId": person},
			"channel-detail":                      {"authRelationId": ruleID, "page": 1, "pageSize": 20},
		}
		for _, op := range operations {
			var x any
			if err := json.Unmarshal(c.ok(op.name, asked[op.name]), &x); err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for name := range d.tables[op.method+" "+base+op.path].fields {
				want[plain(name)] = true
			}
			if len(want) == 0 {
				if _, ok := x.(string); !ok {
					t.Errorf("%s: the result is %v, want a string", op.name, x)
				}
				continue
			}
			got := map[string]bool{}
			names(x, got)
			if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("%s: members mismatch (-documents +sandbox):\n%s", op.name, diff)
			}
		}
	}
}
