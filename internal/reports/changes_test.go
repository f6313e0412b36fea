package reports

import (
	"testing"
	"time"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// twoDays are readers of two snapshots a day apart, the earlier one first.
func twoDays(t *testing.T, before, now storetest.Site) (base, r *store.Reader) {
	t.Helper()
	st := storetest.Open(t)
	now.At = before.At.Add(24 * time.Hour)
	first := storetest.Publish(t, st, before)
	storetest.Publish(t, st, now)
	r, err := st.Read(t.Context(), store.ReadOptions{Timezone: siteZone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if base, err = r.Earlier(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { base.Close() })
	return base, r
}

// TestGivenParameters names the parameters that every query has, with an earlier
// snapshot and without.
func TestGivenParameters(t *testing.T) {
	base, r := twoDays(t, handSite(t), handSite(t))
	dir := queryDir(t, map[string]string{"own.sql": `SELECT $snapshot || ' ' || coalesce($since_snapshot, 'none') || ' ' ||
		coalesce(strftime(timezone('UTC', CAST($since AS TIMESTAMPTZ)), '%Y-%m-%d %H:%M:%S'), 'never') AS text, $as_of > coalesce($since, TIMESTAMPTZ '2026-01-01') AS later`})
	d := Definition{Name: "own", Title: "Own", Sections: []Section{{Title: "All", Query: "own.sql"}}}
	for _, c := range []struct {
		base *store.Reader
		want string
	}{{base, "20260401T050000Z 20260331T050000Z 2026-03-31 05:00:30 yes"}, {nil, "20260401T050000Z none never yes"}} {
		p, err := Run(t.Context(), r, d, Options{QueryDir: dir, Base: c.base})
		if err != nil {
			t.Fatal(err)
		}
		if got := column(p.tables[0], "text", "later"); got[0] != c.want {
			t.Errorf("parameters %q, want %q", got[0], c.want)
		}
	}
}
