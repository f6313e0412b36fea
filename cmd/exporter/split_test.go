package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/reports"
	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// splitConfigText is a configuration whose report is parted as split says; %s is
// more of the split.
const splitConfigText = `store: {dir: data, timezone: Asia/Shanghai}
mail: {server: "smtp://127.0.0.1:25", from: reports@example.com, domains: [example.com]}
reports:
- name: rows
  title: Rows
  sections:
  - name: Rows
    title: All rows
    query: rows.sql
    columns: [{name: access_control_channel_id}, {name: area}]
  split:
    %s
`

// splitReader sees a snapshot that has nothing but a register of channels.
func splitReader(t *testing.T) (*store.Store, *store.Reader) {
	t.Helper()
	st := storetest.Open(t)
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: time.Date(2026, 3, 31, 5, 0, 0, 0, time.UTC), Registers: map[string]string{
		"channel_register": "access_control_channel_id,tier,owner,owner_email,note\n" +
			"c1,1,Lin,lin@example.com,\nc2,1,Lin,Lin@example.com,\nc3,1,Out,out@other.example,\nc4,1,,,\nc5,1,Ann,ann@example.com,\n"}})
	r, err := st.Read(t.Context(), store.ReadOptions{Timezone: "Asia/Shanghai"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return st, r
}

// splitSite is a configuration in a folder with queries and files, and a report of
// the rows of rows.sql.
func splitSite(t *testing.T, r *store.Reader, split, rows string, files map[string]string) (*config, *reports.Report) {
	t.Helper()
	path := writeConfig(t, fmt.Sprintf(splitConfigText, split))
	dir := filepath.Dir(path)
	if err := os.Mkdir(filepath.Join(dir, "queries"), 0o700); err != nil {
		t.Fatal(err)
	}
	files["queries/rows.sql"] = rows
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := loadConfig(path, false)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(cfg.definitions, func(d reports.Definition) bool { return d.Name == "rows" })
	whole, err := reports.Run(t.Context(), r, cfg.definitions[i], reports.Options{QueryDir: cfg.queryDir(), Timezone: "Asia/Shanghai"})
	if err != nil {
		t.Fatal(err)
	}
	return cfg, whole
}

// resolve finds the parts and checks with the parts' reports that they are the
// whole.
func resolve(t *testing.T, cfg *config, r *store.Reader, whole *reports.Report) ([]mailPart, []string) {
	t.Helper()
	split := cfg.Reports[0].Split
	parts, told, err := cfg.resolveParts(t.Context(), r, whole, split)
	if err != nil {
		t.Fatal(err)
	}
	law := partsLaw{by: split.By}
	for i, p := range parts {
		if i == len(parts)-1 && i > 0 && law.check(whole) == nil {
			t.Error("the law holds without the last part")
		}
		part, err := whole.Part(split.By, p.Values, p.To)
		if err != nil {
			t.Fatal(err)
		}
		if got := part.Rows(split.By)["Rows"]; got != p.Rows {
			t.Errorf("the part of %s has %d rows, not %d", p.To, got, p.Rows)
		}
		law.add(part)
	}
	if err := law.check(whole); err != nil {
		t.Error(err)
	}
	return parts, told
}

const splitRows = `SELECT channel AS access_control_channel_id, area
FROM (VALUES ('c1', 'North'), ('c2', 'North'), ('c2', 'South'), ('c3', 'South'), ('c9', NULL), (NULL, ' ')) AS v(channel, area)`

// TestSplit parts reports of one snapshot.
func TestSplit(t *testing.T) {
	st, r := splitReader(t)
	for name, test := range map[string]func(*testing.T, *store.Reader){
		"by channel": splitByChannel, "by file": splitByFile, "among many": splitAmongMany, "wrong queries": splitWrongQueries,
		"an endless query": splitEndlessQuery, "many wrong addresses": splitWrongAddresses,
	} {
		t.Run(name, func(t *testing.T) { test(t, r) })
	}
	t.Run("masked", func(t *testing.T) {
		masked, err := st.Read(t.Context(), store.ReadOptions{Timezone: "Asia/Shanghai", Mask: store.MaskStandard})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { masked.Close() })
		cfg, whole := splitSite(t, r, "{recipients: channels, fallback: desk@example.com}", splitRows, map[string]string{})
		if _, _, err := cfg.resolveParts(t.Context(), masked, whole, cfg.Reports[0].Split); err == nil ||
			!strings.Contains(err.Error(), "the mask standard does not tell addresses") {
			t.Errorf("a masked snapshot: %v", err)
		}
	})
}

// splitByChannel sends rows to the owners of channels. By hand: Lin has c1 and
// two rows of c2 in one mail, Ann has no row; c3's owner is outside, c9 is in no
// register and one row has no channel.
func splitByChannel(t *testing.T, r *store.Reader) {
	cfg, whole := splitSite(t, r, "{recipients: channels, fallback: desk@example.com}", splitRows, map[string]string{})
	parts, told := resolve(t, cfg, r, whole)
	want := []mailPart{
		{To: "ann@example.com", Values: []string{"c5"}},
		{To: "desk@example.com", Values: []string{"", "c3", "c9"}, Rows: 3, Fallback: 3},
		{To: "lin@example.com", Values: []string{"c1", "c2"}, Rows: 3},
	}
	if diff := cmp.Diff(want, parts); diff != "" {
		t.Errorf("parts mismatch (-want +got):\n%s", diff)
	}
	if want := []string{"access_control_channel_id c3: out@other.example: its domain is not one of mail.domains",
		"3 of 6 rows are nobody's and go to desk@example.com"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	want0 := reports.PartInfo{By: "access_control_channel_id", Recipients: 3, Rows: 6, Fallback: 3}
	if info := partInfo(cfg.Reports[0].Split.By, parts); *info != want0 {
		t.Errorf("info %+v", *info)
	}
}

// splitByFile sends rows to the recipients of a file and of a query.
func splitByFile(t *testing.T, r *store.Reader) {
	all := []mailPart{{To: "desk@example.com", Values: []string{"", "North", "South"}, Rows: 6, Fallback: 6}}
	for name, c := range map[string]struct {
		recipients, text string
		want             []mailPart
		told             string
	}{
		"a file": {"areas.csv", "\ufeffvalue, email\r\nNorth , n@example.com\r\nSouth,\r\n", []mailPart{
			{To: "desk@example.com", Values: []string{"", "South"}, Rows: 4, Fallback: 4}, {To: "n@example.com", Values: []string{"North"}, Rows: 2}},
			"4 of 6 rows are nobody's"},
		"the fallback is a recipient": {"areas.csv", "value,email\nNorth,desk@example.com\nSouth,desk@example.com\n", []mailPart{
			{To: "desk@example.com", Values: []string{"", "North", "South"}, Rows: 6, Fallback: 2}}, "2 of 6 rows are nobody's"},
		"a file that names nobody":  {"areas.csv", "value,email\n", all, "recipients areas.csv names nobody"},
		"a file of wrong addresses": {"areas.csv", "value,email\nNorth,\"a@example.com\nBcc: b@example.com\"\n", all, "is no mail address"},
		"a query": {"areas.sql", "SELECT unnest(['North', 'South']) AS value, 'x@example.com' AS email", []mailPart{
			{To: "desk@example.com", Values: []string{""}, Rows: 2, Fallback: 2}, {To: "x@example.com", Values: []string{"North", "South"}, Rows: 4}}, "2 of 6"},
	} {
		t.Run(name, func(t *testing.T) {
			file := c.recipients
			if strings.HasSuffix(file, ".sql") {
				file = "queries/" + file
			}
			cfg, whole := splitSite(t, r, "{by: area, recipients: "+c.recipients+", fallback: desk@example.com}", splitRows, map[string]string{file: c.text})
			parts, told := resolve(t, cfg, r, whole)
			if diff := cmp.Diff(c.want, parts); diff != "" {
				t.Errorf("parts mismatch (-want +got):\n%s", diff)
			}
			if !strings.Contains(strings.Join(told, "; "), c.told) {
				t.Errorf("told %q, want %q", told, c.told)
			}
		})
	}
}

// splitAmongMany parts 2,000 rows among 500 recipients.
func splitAmongMany(t *testing.T, r *store.Reader) {
	var file strings.Builder
	file.WriteString("value,email\n")
	for i := range 500 {
		fmt.Fprintf(&file, "area %d,r%d@example.com\n", i, i)
	}
	cfg, whole := splitSite(t, r, "{by: area, recipients: areas.csv, fallback: desk@example.com}",
		"SELECT i::VARCHAR AS access_control_channel_id, 'area ' || i % 501 AS area FROM range(2004) AS t(i)", map[string]string{"areas.csv": file.String()})
	parts, told := resolve(t, cfg, r, whole)
	if len(parts) != 501 || len(told) != 1 || told[0] != "4 of 2004 rows are nobody's and go to desk@example.com" {
		t.Errorf("%d parts; told %q", len(parts), told)
	}
}

// TestSplitFile refuses files that do not tell who is whose.
func TestSplitFile(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "want the header value,email",
		"value;email\nNorth;n@x\n":     `the header is "value;email"; want value,email, with a comma`,
		"area,email\nNorth,n@x\n":      `the header is "area,email"; want value,email`,
		"value,email\nA,a@x\nA,b@x\n":  `line 3: the value "A" is of "b@x", and on line 2 of "a@x"`,
		"value,email\nA,\"a@x\nB,b@x":  "quoted-field",
		"value,email\nA,a@x,and more":  "wrong number of fields",
		"value,email\nA,a@x\nA, A@x\n": "",
	} {
		_, err := csvOwners([]byte(text))
		if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), `"`) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// splitWrongQueries refuses queries that do not.
func splitWrongQueries(t *testing.T, r *store.Reader) {
	for _, query := range []string{"SELECT 'North' AS area, 'n@example.com' AS email", "SELECT 1 FROM none", "SELECT unnest(['a', 'a']) AS value, unnest(['x@example.com', 'y@example.com']) AS email"} {
		cfg, whole := splitSite(t, r, "{by: area, recipients: areas.sql, fallback: desk@example.com}", splitRows, map[string]string{"queries/areas.sql": query})
		if _, _, err := cfg.resolveParts(t.Context(), r, whole, cfg.Reports[0].Split); err == nil || !strings.HasPrefix(err.Error(), "recipients areas.sql: ") {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// splitEndlessQuery gives up on a query for recipients, as on those of a report.
func splitEndlessQuery(t *testing.T, r *store.Reader) {
	cfg, whole := splitSite(t, r, "{by: area, recipients: areas.sql, fallback: desk@example.com}", splitRows, map[string]string{
		"queries/areas.sql": "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS value, '' AS email FROM n"})
	run := &reportRun{cfg: cfg, flags: &reportFlags{timeout: 200 * time.Millisecond}, states: reportStates{store.MaskFull: {r: r}}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, _, err := run.resolve(ctx, reports.Definition{}, whole, cfg.Reports[0].Split)
	if err == nil || err.Error() != "recipients areas.sql: no answer within 200ms" || len(hints(err)) != 1 {
		t.Errorf("error %v, hints %q", err, hints(err))
	}
}

// splitWrongAddresses names the first of many addresses that are none.
func splitWrongAddresses(t *testing.T, r *store.Reader) {
	var file strings.Builder
	file.WriteString("value,email\n")
	for i := range 500 {
		fmt.Fprintf(&file, "area %03d,nobody\n", i)
	}
	cfg, whole := splitSite(t, r, "{by: area, recipients: areas.csv, fallback: desk@example.com}", splitRows, map[string]string{"areas.csv": file.String()})
	_, told := resolve(t, cfg, r, whole)
	if len(told) != 23 || !strings.HasPrefix(told[19], "area area 019: ") || told[20] != "and 480 more values of area" ||
		!strings.HasPrefix(told[21], "6 of 6 rows are nobody's") || !strings.HasPrefix(told[22], "recipients areas.csv names nobody") {
		t.Errorf("told %q", told)
	}
}

// TestSplitConfig tells each fault of a split with its line.
func TestSplitConfig(t *testing.T) {
	for split, want := range map[string]string{
		"{by: aera, recipients: channels, fallback: a@example.com}":        ":12:6: reports[0].split.by: must be access_control_channel_id where recipients are channels",
		"{by: aera, recipients: areas.csv, fallback: a@example.com}":       `:12:6: reports[0].split.by: no section of the report names a column "aera"; did you mean "area"?`,
		"{by: area, recipients: none.csv, fallback: a@example.com}":        "none.csv is no file of at most",
		"{by: area, recipients: none.sql, fallback: a@example.com}":        `reports[0].split.recipients: query "none.sql" is not in`,
		"{by: area, recipients: ../areas.sql, fallback: a@example.com}":    "must be a path below queries/",
		"{by: area, recipients: everybody, fallback: a@example.com}":       `"everybody" is neither channels nor a file NAME.csv or NAME.sql`,
		"{by: area, recipients: areas.csv, fallback: a@other.example}":     ":12:39: reports[0].split.fallback: a@other.example: its domain is not one of mail.domains",
		"{by: area, recipients: areas.csv}":                                `reports[0].split.fallback: "" is no mail address`,
		"{by: area, recipients: areas.csv, fallbcak: a@example.com}":       `unknown key "fallbcak"`,
		"{by: area, recipients: areas.csv, fallback: [a@example.com]}":     "fallback: wrong type",
		"{by: area, recipients: queries, fallback: a@example.com}\n  x: 1": `unknown key "x"`,
	} {
		path := writeConfig(t, fmt.Sprintf(splitConfigText, split))
		dir := filepath.Dir(path)
		for name, text := range map[string]string{"queries/rows.sql": splitRows, "areas.csv": "value,email\n"} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := loadConfig(path, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", split, err, want)
		}
	}
}
