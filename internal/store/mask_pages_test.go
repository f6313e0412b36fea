package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

func TestMaskedPages(t *testing.T) {
	st, ids := maskedStore(t)
	for _, mask := range store.Masks[1:] {
		p := &maskedPages{st, ids, mask, pageMasker(t, st, ids[1], mask)}
		for name, test := range map[string]func(*testing.T){
			"hold no secret": p.holdNoSecret, "are read as the masked copy": p.areTheCopy, "keep their shape": p.keepShape,
			"of any spelling": p.ofAnySpelling, "of harm": p.ofHarm, "same bytes": p.sameBytes, "hashes": p.hashes, "ledger": p.ledger,
		} {
			t.Run(name+" "+mask, test)
		}
	}
	t.Run("of the purged", func(t *testing.T) { pagesOfThePurged(t, st, ids) })
}

// maskedPages are those of [maskedStore] in a mask.
type maskedPages struct {
	st   *store.Store
	ids  []string
	mask string
	m    *store.PageMasker // of the last snapshot
}

func pageMasker(t testing.TB, st *store.Store, snapshot, mask string) *store.PageMasker {
	t.Helper()
	m, err := st.PageMasker(t.Context(), snapshot, mask)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// maskFile masks a raw file, or other text in its place, and gives the zstd.
func maskFile(t testing.TB, m *store.PageMasker, f store.EvidenceFile, packed []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Mask(t.Context(), f, bytes.NewReader(packed), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// maskLines masks lines as if they were those of a file.
func maskLines(t testing.TB, m *store.PageMasker, f store.EvidenceFile, lines ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lines.zst")
	storetest.Land(t, path, lines...)
	got := filepath.Join(t.TempDir(), "masked.zst")
	write(t, got, maskFile(t, m, f, content(t, path)))
	return strings.Split(strings.TrimSuffix(string(unpack(t, got)), "\n"), "\n")
}

func rawPath(st *store.Store, f store.EvidenceFile) string {
	return filepath.Join(st.Dir(), "raw", filepath.FromSlash(f.Path))
}

// fileLines are the lines of a packed file.
func fileLines(t testing.TB, path string) []string {
	t.Helper()
	return strings.Split(strings.TrimSuffix(string(unpack(t, path)), "\n"), "\n")
}

// Nothing that names a person is in any masked page, in the ledger of calls, or in an
// entry of the journal.
func (p *maskedPages) holdNoSecret(t *testing.T) {
	files := rawFiles(t, p.st, day(1), day(3), p.ids[1], "")
	var was, is strings.Builder
	for _, f := range files {
		lines := fileLines(t, rawPath(p.st, f))
		was.WriteString(strings.Join(lines, "\n"))
		is.WriteString(strings.Join(maskLines(t, p.m, f, lines...), "\n"))
	}
	var calls bytes.Buffer
	if err := p.st.WriteCalls(t.Context(), files, p.m, &calls); err != nil {
		t.Fatal(err)
	}
	is.Write(calls.Bytes())
	for line := range strings.Lines(string(content(t, filepath.Join(p.st.Dir(), "journal.ndjson")))) {
		var e struct {
			Kind   string
			Detail json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		is.WriteString(p.m.Journal(e.Kind, string(e.Detail)))
	}
	if found := hold([]byte(is.String()), secrets(p.mask)); len(found) > 0 {
		t.Errorf("they hold %q", found)
	}
	// Those of the registers are in no page.
	if found := hold([]byte(was.String()), secrets(p.mask)); len(found) < len(secrets(p.mask))-5 {
		t.Fatalf("the pages themselves hold only %q", found)
	}
}

// remake publishes a snapshot from masked pages of the first day, changed before.
func (p *maskedPages) remake(t *testing.T, change map[string]func(string) string) *store.Reader {
	t.Helper()
	other := storetest.Open(t)
	b, err := other.Begin(t.Context(), store.BuildOptions{Started: day(1), ProgramVersion: "test"})
	if err != nil {
		t.Fatal(err)
	}
	var projects []store.Project
	for name, change := range change {
		made := store.Project{ID: name, Started: day(1), Finished: day(1), ServerTime: day(1), Verdict: store.Complete}
		for _, f := range rawFiles(t, p.st, day(1), day(1).Add(time.Hour), p.ids[0], name) {
			lines := fileLines(t, rawPath(p.st, f))
			for i, line := range lines {
				if before, response, ok := strings.Cut(line, `"response":`); ok {
					lines[i] = before + `"response":` + change(response)
				}
			}
			storetest.Land(t, filepath.Join(b.Landing(name), f.Resource+".ndjson.zst"), maskLines(t, p.m, f, lines...)...)
			if f.Resource != "calls" && f.Resource != "walks" {
				made.Resources = append(made.Resources, store.Resource{Name: f.Resource, Verdict: store.Complete})
			}
		}
		for _, r := range made.Resources {
			if l, err := b.Load(t.Context(), name, r.Name); err != nil || l.Problems > 0 {
				t.Fatalf("load %s: %+v, %v", r.Name, l, err)
			}
		}
		projects = append(projects, made)
	}
	if _, err := b.Publish(t.Context(), projects); err != nil {
		t.Fatal(err)
	}
	return read(t, other, store.ReadOptions{})
}

// Whoever reads masked pages as the program reads pages gets the rows of the masked
// copy, in whichever case and spelling they came.
func (p *maskedPages) areTheCopy(t *testing.T) {
	snake, name := regexp.MustCompile(`_[a-z]`), regexp.MustCompile(`"[a-z_]+":`)
	remade := p.remake(t, map[string]func(string) string{
		"p1": func(s string) string { return strings.ReplaceAll(s, "record_list_vo_list", "record_list_volist") },
		"p2": func(s string) string {
			s = name.ReplaceAllStringFunc(s, func(s string) string {
				return snake.ReplaceAllStringFunc(s, func(s string) string { return strings.ToUpper(s[1:]) })
			})
			return strings.NewReplacer("诸", `\u8bf8`, "Q", `\u0051`, `","`, `" , "`).Replace(s)
		},
	})
	copied := read(t, p.st, store.ReadOptions{Snapshot: p.ids[0], Mask: p.mask})
	for _, table := range []string{"permissions", "persons", "structures", "rules", "rule_channels", "tasks", "records", "issue_infos", "details"} {
		query := "FROM base." + table + " ORDER BY ALL"
		want := csv(t, copied, query)
		if diff := cmp.Diff(want, csv(t, remade, query)); diff != "" {
			t.Errorf("%s (-copy +pages):\n%s", table, diff)
		}
		if strings.Count(want, "\n") < 3 {
			t.Errorf("%s: only %q", table, want)
		}
	}
}

// shape is a JSON value without its texts: the names of members, lists with what is
// in them in any order, numbers, and whether a text is one.
func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+":"+shape(v[name]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		var parts []string
		for _, x := range v {
			parts = append(parts, shape(x))
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, ",") + "]"
	case string:
		return `""`
	}
	return fmt.Sprint(v)
}

func parse(t testing.TB, line string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return v
}

// A masked page has the members, the counts and the numbers of the page, and says of
// what was asked what it said.
func (p *maskedPages) keepShape(t *testing.T) {
	for _, f := range rawFiles(t, p.st, day(1), day(3), p.ids[1], "p1") {
		was := fileLines(t, rawPath(p.st, f))
		is := maskLines(t, p.m, f, was...)
		if len(is) != len(was) {
			t.Errorf("%s: %d lines, want %d", f.Path, len(is), len(was))
			continue
		}
		for i := range was {
			a, b := parse(t, was[i]), parse(t, is[i])
			if shape(a) != shape(b) {
				t.Errorf("%s line %d: shape\n%s\nwant\n%s", f.Path, i+1, shape(b), shape(a))
			}
			for _, name := range []string{"line", "walk", "page", "key", "resource", "verdict", "tid", "t"} {
				if !cmp.Equal(a[name], b[name]) {
					t.Errorf("%s line %d: %s is %v, want %v", f.Path, i+1, name, b[name], a[name])
				}
			}
		}
	}
}

// What the API may yet say, worked out by hand: what the snapshot knows becomes what
// it became there, what it does not know is masked.
func (p *maskedPages) ofAnySpelling(t *testing.T) {
	r := read(t, p.st, store.ReadOptions{Mask: p.mask, Project: "p1"})
	one := func(query string) string { return strings.TrimSpace(strings.Trim(last(csv(t, r, query)), `"`)) }
	name := one("SELECT name FROM permissions WHERE access_auth_id = 'a1'")
	person := one("SELECT person_id FROM permissions WHERE access_auth_id = 'a1'")
	code := one("SELECT person_code FROM permissions WHERE access_auth_id = 'a3'")
	group := one("SELECT structure_name FROM structures WHERE structure_id = 's1'")
	place := one("SELECT access_control_channel_name FROM permissions WHERE access_auth_id = 'a1'")
	unknownID, country := `"u-new"`, `"+86"`
	if p.mask == store.MaskPseudonym {
		unknownID, country = `"masked"`, `"masked"`
	}
	for _, tt := range []struct{ name, resource, response, want string }{
		{"both cases and more", "permissions", `{"Result":{"LIST":[{"Name":"Quirin Zwolle","personId":"` + siteIDs[0] + `","PERSON_CODE":"090909"}]}}`,
			`{"Result":{"LIST":[{"Name":"` + name + `","personId":"` + person + `","PERSON_CODE":"` + code + `"}]}}`},
		{"unknown persons", "persons", `{"result":{"list":[{"name":"Nadia Nowhere","person_id":"u-new"}],"total":1}}`,
			`{"result":{"list":[{"name":"masked","person_id":` + unknownID + `}],"total":1}}`},
		{"a known person in a place that is not", "tasks", `{"result":{"list":[{"access_control_channel_name":"Quirin Zwolle's and Nadia's"}]}}`,
			`{"result":{"list":[{"access_control_channel_name":"masked"}]}}`},
		{"a place", "tasks", `{"result":{"list":[{"access_control_channel_name":"Office of Quirin Zwolle"}]}}`,
			`{"result":{"list":[{"access_control_channel_name":"` + place + `"}]}}`},
		{"members that nobody knows", "permissions", `{"result":{"list":[{"nick":"Quirin","phones":["1"],"home":{"Quirin":1},"age":41,"vip":true,"Quirin Z":1,"none":null,"blank":" ","` + siteIDs[0] + `":0}]},"msg":"for Quirin"}`,
			`{"result":{"list":[{"nick":"masked","phones":"masked","home":"masked","age":"masked","vip":"masked","masked":"masked","none":null,"blank":" ","masked":"masked"}]},"msg":"masked"}`},
		{"values of other types", "permissions", `{"result":{"list":[{"name":["Quirin Zwolle","x"],"person_code":{"a":1},"auth_end_time":"1795","auth_start_time":"Quirin","total_card_num":{"n":1},"mobile":null,"mobile_country":"+86"}],"total":"7"}}`,
			`{"result":{"list":[{"name":["` + name + `","masked"],"person_code":"masked","auth_end_time":"1795","auth_start_time":"masked","total_card_num":"masked","mobile":null,"mobile_country":` + country + `}],"total":"7"}}`},
		{"a text where a list should be", "details", `{"result":{"structure_names":"Vault crew"}}`, `{"result":{"structure_names":"` + group + `"}}`},
		{"no answer", "details", `{"result":null,"success":false,"code":500,"tid":"x","t":1}`, `{"result":null,"success":false,"code":500,"tid":"x","t":1}`},
		{"an answer that is a text", "details", `{"result":"Quirin Zwolle"}`, `{"result":"masked"}`},
		{"blanks between", "persons", `{ "result" : { "list" : [ ] , "total" : 0 } , "success" : true }`, `{"result":{"list":[],"total":0},"success":true}`},
		{"what nobody walks", "visitors", `{"result":{"list":[{"name":"Quirin Zwolle"}],"total":1}}`, `{"result":{"list":[{"name":"masked"}],"total":1}}`},
		{"rows in an order that tells", "structures", `{"result":[{"structure_id":"z"},{"structure_id":"a"}]}`, `{"result":[{"structure_id":"a"},{"structure_id":"z"}]}`},
		{"too deep", "persons", strings.Repeat(`{"list":[`, 30) + strings.Repeat(`]}`, 30), `{"list":"masked"}`},
	} {
		got := maskLines(t, p.m, store.EvidenceFile{Path: "x", Project: "p1", Resource: tt.resource}, `{"line":1,"key":"","response":`+tt.response+`}`)
		if diff := cmp.Diff(`{"line":1,"key":"","response":`+tt.want+`}`, got[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// last is the last line of a text.
func last(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// What is no page is an error, and what was written before holds none of it.
func (p *maskedPages) ofHarm(t *testing.T) {
	const good = `{"line":1,"response":{"result":{"list":[{"name":"Quirin Zwolle"}]}}}`
	bad := []string{"", "Quirin", `["Quirin"]`, `"Quirin"`, good + "Quirin", `{"line":Quirin}`, `{"response":{"tid":"Quirin}}`, `{"a":[1}`, `{"a" "Quirin"}`, `{Quirin:1}`, `{"response":{"result":{"list":[Quirin]}}}`, `{"name":"\x"}`}
	for i := range len(good) - 1 {
		bad = append(bad, good[:i])
	}
	for _, line := range bad {
		for _, resource := range []string{"persons", "calls", "walks"} {
			path := filepath.Join(t.TempDir(), "x.zst")
			storetest.Land(t, path, line)
			var b bytes.Buffer
			err := p.m.Mask(t.Context(), store.EvidenceFile{Path: "x/" + resource, Project: "p1", Resource: resource}, bytes.NewReader(content(t, path)), &b)
			if err == nil || !strings.Contains(err.Error(), "x/"+resource) || strings.Contains(err.Error(), "Quirin") || b.Len() > 0 {
				t.Errorf("%s, %s: %v, and %d bytes", resource, line, err, b.Len())
			}
		}
	}
	if err := p.m.Mask(t.Context(), store.EvidenceFile{}, strings.NewReader("no zstd"), &bytes.Buffer{}); err == nil {
		t.Error("what is no zstd was masked")
	}
	if _, err := p.st.PageMasker(t.Context(), p.ids[1], "full"); err == nil {
		t.Error("full is a mask of pages")
	}
}

// The same pages give the same bytes, of another masker too, however many frames there
// are and whoever makes them.
func (p *maskedPages) sameBytes(t *testing.T) {
	f := store.EvidenceFile{Path: "x", Project: "p1", Resource: "permissions"}
	page := fileLines(t, filepath.Join(p.st.Dir(), "raw", p.ids[0], "p1", "permissions.ndjson.zst"))[0]
	path := filepath.Join(t.TempDir(), "many.zst")
	storetest.Land(t, path, slices.Repeat([]string{page}, 3000)...)
	first := maskFile(t, pageMasker(t, p.st, p.ids[1], p.mask), f, content(t, path))
	for range 3 {
		if !bytes.Equal(first, maskFile(t, p.m, f, content(t, path))) {
			t.Fatal("other bytes")
		}
	}
	got := filepath.Join(t.TempDir(), "got.zst")
	write(t, got, first)
	lines := fileLines(t, got)
	if one := maskLines(t, p.m, f, page)[0]; len(lines) != 3000 || slices.ContainsFunc(lines, func(s string) bool { return s != one }) {
		t.Errorf("%d lines, or not all the same", len(lines))
	}
}

// The hash of an answer of few rows would prove a guess at them; that of many ties the
// page to the original.
func (p *maskedPages) hashes(t *testing.T) {
	f := store.EvidenceFile{Path: "x", Project: "p1", Resource: "persons"}
	for n, want := range map[int]string{1: "masked", 9: "masked", 10: "abc"} {
		rows := strings.Join(slices.Repeat([]string{`{"name":"Anneke"}`}, n), ",")
		line := maskLines(t, p.m, f, `{"line":1,"body_sha256":"abc","response":{"result":{"list":[`+rows+`],"total":10}}}`)[0]
		if got := parse(t, line)["body_sha256"]; got != want {
			t.Errorf("%d rows: hash %v, want %s", n, got, want)
		}
		c := f
		c.Resource = "calls"
		call := parse(t, maskLines(t, p.m, c, fmt.Sprintf(`{"resource":"persons","line":1,"rows":%d,"body_sha256":"abc","landed_sha256":"abc"}`, n))[0])
		if call["body_sha256"] != want || call["landed_sha256"] != want {
			t.Errorf("%d rows: %v, want %s", n, call, want)
		}
	}
}

// What was asked by an id stays, whatever else is in a key is masked: in the pages, the
// calls and the ledger alike. So are the hashes.
func (p *maskedPages) ledger(t *testing.T) {
	f := store.EvidenceFile{Path: "20000101T000000Z/p1/calls.ndjson.zst", Project: "p1", Resource: "calls", There: true}
	call := func(resource, key string, rows int) string {
		return fmt.Sprintf(`{"resource":%q,"key":%q,"rows":%d,"body_sha256":"abc","landed_sha256":"abc"}`, resource, key, rows)
	}
	if err := os.MkdirAll(filepath.Dir(rawPath(p.st, f)), 0o700); err != nil {
		t.Fatal(err)
	}
	storetest.Land(t, rawPath(p.st, f), call("records", siteIDs[0], 3), call("tie_outs", "name=Quirin Zwolle", 100))
	lines := fileLines(t, rawPath(p.st, f))
	is := maskLines(t, p.m, f, lines...)
	var ledger bytes.Buffer
	if err := p.st.WriteCalls(t.Context(), []store.EvidenceFile{f}, p.m, &ledger); err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(ledger.String(), "\n")
	if is[0] != strings.ReplaceAll(lines[0], `"abc"`, `"masked"`) ||
		!strings.Contains(rows[1], siteIDs[0]) || !strings.HasSuffix(rows[1], ",masked,masked") {
		t.Errorf("by an id: %s, %s", is[0], rows[1])
	}
	name := parse(t, is[1])["key"].(string)
	page := maskLines(t, p.m, store.EvidenceFile{Path: "x", Project: "p1", Resource: "tie_outs"}, `{"line":1,"key":"name=Quirin Zwolle","response":{}}`)[0]
	if strings.Contains(name, "Quirin") || !strings.HasPrefix(name, "name=") || parse(t, page)["key"] != name ||
		!strings.Contains(rows[2], ","+name+",") || !strings.HasSuffix(rows[2], ",abc,abc") {
		t.Errorf("by a name: %s, %s, %s", is[1], page, rows[2])
	}
}
