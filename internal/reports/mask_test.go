package reports

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"exporter/internal/sandbox"
	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// Every report says the same of a masked snapshot as of the full one: as many
// rows, the same figures, the same findings, but for what names a person; and none
// of the demo's persons, who have all kinds of names, stands in the masked file.
func TestReportsOfMaskedSnapshots(t *testing.T) {
	site := sandbox.New(sandbox.Options{Site: "demo", Seed: 1, Now: func() time.Time { return siteAt }}).State()
	st := storetest.Open(t)
	now := siteOf(t, site)
	now.Registers = registersOf(site)
	rows := maps.Clone(now.Rows)
	maps.DeleteFunc(rows, func(name string, _ map[string][]string) bool { return name != "permissions" && name != "persons" })
	rows["permissions"] = map[string][]string{"": now.Rows["permissions"][""][40:]}
	base := storetest.Publish(t, st, storetest.Site{Project: now.Project, At: siteAt.AddDate(0, 0, -1), Rows: rows})
	id := storetest.Publish(t, st, now)

	persons := personsOf(site)
	made := make([]map[string]*Report, len(store.Masks))
	var all sync.WaitGroup
	for i, mask := range store.Masks {
		all.Go(func() {
			var err error
			if made[i], err = madeMasked(t.Context(), st, mask, base); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	full := made[0]
	if leavers := full["leavers"]; leavers == nil || leavers.tables[0].rows == 0 || leavers.accepted == 0 {
		t.Fatal("no leavers, or none is accepted")
	}
	for i, mask := range store.Masks[1:] {
		for name, got := range made[i+1] {
			compareMasked(t, name+", "+mask, persons[mask], full[name], got)
		}
		text, err := os.ReadFile(filepath.Join(st.Dir(), "snapshots", id+"."+mask+".duckdb"))
		if err != nil {
			t.Fatal(err)
		}
		for what, text := range map[string][]byte{"bytes": text, "tables": dumpMasked(t, st, mask)} {
			if len(text) < 1<<20 {
				t.Errorf("%s: only %d %s", mask, len(text), what)
			}
			if found := persons[mask].in(text, what == "tables"); found != "" {
				t.Errorf("%s: the %s hold %s", mask, what, found)
			}
		}
	}
}

// registersOf are registers that name some of a site's persons: leavers, and
// findings that are accepted.
func registersOf(site sandbox.State) map[string]string {
	var roster strings.Builder
	roster.WriteString("person_code,status,terminated_at,organisation,manager,manager_email\n")
	var exceptions strings.Builder
	exceptions.WriteString("report,finding_key,reason,approved_by,expires_on\n")
	seen := map[string]bool{}
	for _, p := range site.Permissions {
		if len(seen) < 20 && p.PersonCode != "" && !seen[p.PersonCode] {
			seen[p.PersonCode] = true
			roster.WriteString(p.PersonCode + ",terminated,2026-01-01,Workshop,Ottoline Brandaris,o@example.com\n")
			for _, report := range []string{"leavers", "excessive-access", "person-access-list"} {
				exceptions.WriteString(report + "," + p.PersonID + ",agreed,Ottoline Brandaris,2030-01-01\n")
			}
		}
	}
	return map[string]string{"roster": roster.String(), "exceptions": exceptions.String()}
}

// madeMasked makes every built-in report with a mask; with the standard one, which
// takes less than pseudonyms do, only those that compare names: all are made so of
// the hand site.
func madeMasked(ctx context.Context, st *store.Store, mask, base string) (made map[string]*Report, err error) {
	r, err := st.Read(ctx, store.ReadOptions{Timezone: siteZone, Mask: mask})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	earlier, err := r.Earlier(ctx, base)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, earlier.Close()) }()
	made = map[string]*Report{}
	for _, d := range Builtin() {
		if mask == store.MaskStandard && !slices.Contains([]string{"changes", "identity-quality"}, d.Name) {
			continue
		}
		o := Options{Timezone: siteZone}
		if d.ComparesAlways() || d.Name == "changes" {
			o.Base = earlier
		}
		if made[d.Name], err = Run(ctx, r, d, o); err != nil {
			return nil, err
		}
		if got := made[d.Name].Mask(); got != mask {
			return nil, fmt.Errorf("%s: mask %q, want %q", d.Name, got, mask)
		}
	}
	return made, nil
}

// secrets are texts that only mean persons, by their first bytes.
type secrets map[string][]string

const secretHead = 6

func (s secrets) add(text string) {
	if len(text) >= secretHead {
		s[text[:secretHead]] = append(s[text[:secretHead]], text)
	}
}

// in finds one of the secrets in a text; whole is whether a number among digits
// is another.
func (s secrets) in(text []byte, whole bool) string {
	digit := func(i int) bool { return i >= 0 && i < len(text) && text[i] >= '0' && text[i] <= '9' }
	for i := 0; i+secretHead <= len(text); i++ {
		for _, x := range s[string(text[i:i+secretHead])] {
			among := digit(i) && digit(i-1) || digit(i+len(x)-1) && digit(i+len(x))
			if bytes.HasPrefix(text[i:], []byte(x)) && (whole && !among || !whole && len(x) > 8) {
				return x + " in " + string(text[max(0, i-30):min(len(text), i+30)])
			}
		}
	}
	return ""
}

// personsOf are the secrets of a site in each mask.
func personsOf(site sandbox.State) map[string]secrets {
	standard, pseudonym := secrets{}, secrets{}
	add := func(name, mobile, id, code string) {
		for _, s := range []string{name, mobile} {
			standard.add(s)
			pseudonym.add(s)
		}
		pseudonym.add(id)
		pseudonym.add(code)
	}
	for _, p := range site.Permissions {
		add(p.Name, p.Mobile, p.PersonID, p.PersonCode)
	}
	for _, p := range site.Persons {
		add(p.Name, "", p.PersonID, p.PersonCode)
	}
	for _, list := range site.Records {
		for _, x := range list {
			add(x.Name, x.Mobile, x.PersonID, "")
		}
	}
	for _, s := range []secrets{standard, pseudonym} {
		for head := range s {
			slices.Sort(s[head])
			s[head] = slices.Compact(s[head])
		}
	}
	return map[string]secrets{store.MaskStandard: standard, store.MaskPseudonym: pseudonym}
}

// dumpMasked is every text of every column of every table of a masked copy.
func dumpMasked(t *testing.T, st *store.Store, mask string) []byte {
	t.Helper()
	r, err := st.Read(t.Context(), store.ReadOptions{Mask: mask})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	columns, err := rowsOf(t.Context(), r, "SELECT table_name AS t, column_name AS c FROM duckdb_columns() WHERE schema_name = 'base' AND data_type LIKE 'VARCHAR%'", nil)
	if err != nil {
		t.Fatal(err)
	}
	var all bytes.Buffer
	for _, x := range columns {
		rows, err := r.Query(t.Context(), `SELECT DISTINCT "`+x.text("c")+`" AS "`+x.text("t")+" "+x.text("c")+`" FROM base."`+x.text("t")+`"`, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.WriteCSV(&all, rows); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	return all.Bytes()
}

// ofPersons are the columns whose values are of one person.
var ofPersons = regexp.MustCompile(`^(name|holder|person|person_.*|mobile.*|source|source_id|auth_id|other_ids|twins|evidence|.*_name|finding|finding_key|reason|approved_by|granted_by|before|after|accepted|manager|manager_email|owner)$`)

// compareMasked compares a report of a masked snapshot with that of the full one.
func compareMasked(t *testing.T, what string, persons secrets, full, masked *Report) {
	t.Helper()
	for i, f := range full.figures {
		if g := masked.figures[i]; g.value != f.value {
			t.Errorf("%s: figure %q is %s, want %s", what, f.label, g.value, f.value)
		}
	}
	if full.chart != nil && full.chart.total != masked.chart.total {
		t.Errorf("%s: the chart's total is %v, want %v", what, masked.chart.total, full.chart.total)
	}
	if full.accepted != masked.accepted || full.lapsed != masked.lapsed {
		t.Errorf("%s: %d accepted and %d lapsed, want %d and %d", what, masked.accepted, masked.lapsed, full.accepted, full.lapsed)
	}
	for i, want := range full.tables {
		got := masked.tables[i]
		if got.rows != want.rows {
			t.Errorf("%s: %s has %d rows, want %d", what, want.section.Title, got.rows, want.rows)
			continue
		}
		for _, c := range want.columns {
			values := column(got, c.Name)
			if !ofPersons.MatchString(c.Name) && !slices.Equal(column(want, c.Name), values) {
				t.Errorf("%s: %s: the column %s differs", what, want.section.Title, c.Name)
			}
		}
	}
	var said bytes.Buffer
	if _, err := (part{masked, Fonts{}, nil}).writeJSON(&said); err != nil {
		t.Error(err)
	}
	if found := persons.in(said.Bytes(), true); found != "" {
		t.Errorf("%s: it says %q", what, found)
	}
}

// What a definition hides from a profile on is not shown, but that it is there;
// and the pages say which profile it is.
func TestMaskedColumns(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, handSite(t))
	dir := queryDir(t, map[string]string{"own.sql": "SELECT access_auth_id, auth_end, tier, person_code FROM permissions LEFT JOIN channels USING (access_control_channel_id) ORDER BY 1"})
	d := Definition{Name: "own", Title: "Own", Sections: []Section{{Title: "All", Query: "own.sql", Columns: []Column{
		{Name: "auth_end", Mask: "standard", Format: "datetime"}, {Name: "access_auth_id", Mask: "pseudonym"}, {Name: "tier", Mask: "standard"}}}}}
	for mask, want := range map[string]string{
		"full":     "2026-04-02 23:59 a1 sensitive",
		"standard": "masked a1 masked", "pseudonym": "masked masked masked",
	} {
		r, err := st.Read(t.Context(), store.ReadOptions{Timezone: siteZone, Mask: mask})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		p, err := Run(t.Context(), r, d, Options{QueryDir: dir, Timezone: siteZone})
		if err != nil {
			t.Fatal(err)
		}
		got := p.tables[0].text(0, 0) + " " + p.tables[0].text(0, 1) + " " + p.tables[0].text(0, 2)
		if got != want {
			t.Errorf("%s: the first row is %q, want %q", mask, got, want)
		}
		pages := pdfText(t, pdfOf(t, p))
		words := "mask " + mask + " · digest [0-9a-f]{12}, of"
		if mask == "full" {
			words = "Mask +full: persons are named as received"
		}
		if !regexp.MustCompile(words).MatchString(pages) {
			t.Errorf("%s: the pages do not say %q:\n%s", mask, words, pages)
		}
	}
}

// What a column was in the earlier snapshot is hidden as the column is.
func TestMaskedBefore(t *testing.T) {
	st := storetest.Open(t)
	site := handSite(t)
	before := site
	before.At = siteAt.AddDate(0, 0, -1)
	first := storetest.Publish(t, st, before)
	storetest.Publish(t, st, site)
	r, err := st.Read(t.Context(), store.ReadOptions{Timezone: siteZone, Mask: store.MaskStandard})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	base, err := r.Earlier(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	dir := queryDir(t, map[string]string{"own.sql": "SELECT access_auth_id, person_code, person_code AS was, project_id FROM permissions ORDER BY 1"})
	d := Definition{Name: "own", Title: "Own", Sections: []Section{{Title: "All", Query: "own.sql", Key: []string{"access_auth_id"},
		Columns: []Column{{Name: "person_code"}, {Name: "was", Before: "person_code", Mask: store.MaskStandard}}}}}
	p, err := Run(t.Context(), r, d, Options{QueryDir: dir, Timezone: siteZone, Base: base})
	if err != nil {
		t.Fatal(err)
	}
	if code, was := p.tables[0].text(0, 0), p.tables[0].text(0, 1); code != "090909" || was != hidden {
		t.Errorf("the first row has %q and before %q, want 090909 and %s", code, was, hidden)
	}
}
