package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// permission is row n of a generated list; changed gives it another end.
func permission(n int, changed bool) string {
	person, end := n/20, int64(2556115199000)
	if n%3 == 0 {
		end = 1700000000000 + int64(n%400)*86400000
	}
	if changed {
		end += 86400000
	}
	return fmt.Sprintf(`{"access_auth_id":"%d","access_auth_time_range_id":"1","access_auth_time_range_str":"All the day",`+
		`"access_channel_position_path":"Campus/Building %d/Floor %d","access_channel_room_id":"%d","access_control_channel_id":"%d",`+
		`"access_control_channel_name":"Door %d","access_control_channel_no":%d,"auth_card_num":%d,"auth_end_time":%d,"auth_face_num":%d,`+
		`"auth_fingerprint_num":0,"auth_start_time":1662566400000,"business_device_name":"Controller %d","card_issue_status":1,`+
		`"face_issue_status":%d,"fingerprint_issue_status":0,"mobile":"182****%04d","mobile_country":"+86","name":"Person %d",`+
		`"person_code":"%06d","person_id":"%d","structure_ids":["%d"],"total_card_num":2,"total_face_num":1,"total_fingerprint_num":0}`,
		1567428255730958007+n*4096, n%20/4, n%4, 1424637349790294000+n%200, 1551450935983616000+n%200, n%200, n%4+1, n%3, end, n%2,
		n%50, n%2, person%10000, person, person, 1532183396648747000+person, 1531473126917959000+person%50)
}

// landPermissions lands n rows in pages of a thousand, a zstd frame a page,
// each changedEvery-th row changed.
func landPermissions(b *testing.B, dir string, n, changedEvery int) {
	b.Helper()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	defer enc.Close()
	var file bytes.Buffer
	const size = 1000
	for line := range n / size {
		rows := make([]string, size)
		for i := range rows {
			row := line*size + i
			rows[i] = permission(row, changedEvery > 0 && row%changedEvery == 0)
		}
		file.Write(enc.EncodeAll(fmt.Appendf(nil, `{"line":%d,"walk":1,"page":%d,"key":"","response":{"result":{"list":[%s],"total":%d},"success":true,"t":1767340800000,"tid":"%032x"}}`+"\n",
			line+1, line+1, strings.Join(rows, ","), n, line), nil))
	}
	if err := os.WriteFile(filepath.Join(dir, "permissions.ndjson.zst"), file.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	storetest.Land(b, filepath.Join(dir, "walks.ndjson.zst"),
		fmt.Sprintf(`{"resource":"permissions","key":"","walk":1,"verdict":"complete","pages":%d,"total_first":%[2]d,"total_last":%[2]d,"rows":%[2]d,"distinct_rows":%[2]d,"duplicates":0,"problem":""}`, n/size, n))
}

// BenchmarkPublish measures landed pages to published snapshot: first into an
// empty store, then with every hundredth row changed. peak-MB is that of the
// whole process.
func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{200_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				st := storetest.Open(b)
				for i, name := range []string{"first", "second"} {
					build, err := st.Begin(b.Context(), store.BuildOptions{Started: day1.AddDate(0, 0, i)})
					if err != nil {
						b.Fatal(err)
					}
					landPermissions(b, build.Landing("p1"), n, []int{0, 100}[i])
					resetPeak(b)
					b.StartTimer()
					start := time.Now()
					loaded, err := build.Load(b.Context(), "p1", "permissions")
					if err != nil || loaded.Distinct != int64(n) {
						b.Fatalf("Load = %+v, %v", loaded, err)
					}
					if i == 1 {
						wanted, err := build.Wanted(b.Context(), "p1", "details")
						if err != nil || len(wanted) != n {
							b.Fatalf("%d details wanted, %v", len(wanted), err)
						}
					}
					total := int64(n)
					if _, err := build.Publish(b.Context(), []store.Project{{ID: "p1", Verdict: store.Complete, Resources: []store.Resource{
						{Name: "permissions", Verdict: store.Complete, TotalFirst: &total, TotalLast: &total, Rows: total, Distinct: total},
					}}}); err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					b.ReportMetric(float64(n)/time.Since(start).Seconds(), name+"-rows/s")
					b.ReportMetric(peak(b), name+"-peak-MB")
					info, err := os.Stat(filepath.Join(st.Dir(), "snapshots", build.ID()+".duckdb"))
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(info.Size())/1e6, name+"-MB")
				}
				b.StartTimer()
			}
		})
	}
}

// year turns the only snapshot of a store into the last of 365 daily ones: of
// its permissions every hundredth changes its end every day, in turn, and every
// tenth of these goes for a day.
const year = `
CREATE TEMP TABLE days AS
SELECT i AS n, strftime(TIMESTAMP '2025-01-03 06:00:00' + to_days(i::INTEGER), '%Y%m%dT%H%M%SZ') AS id
FROM range(365) AS d(i);
INSERT INTO base.snapshots BY NAME
SELECT s.* REPLACE (d.id AS snapshot_id, s.started_at - to_days((364 - d.n)::INTEGER) AS started_at, s.server_time - to_days((364 - d.n)::INTEGER) AS server_time)
FROM base.snapshots AS s, days AS d
WHERE d.n < 364;
INSERT INTO base.resources BY NAME
SELECT r.* REPLACE (d.id AS snapshot_id, d.id AS walked_in)
FROM base.resources AS r, days AS d
WHERE d.n < 364;
CREATE TEMP TABLE versions AS
SELECT p.*, row_number() OVER (ORDER BY access_auth_id) AS row
FROM base.permissions AS p;
DELETE FROM base.permissions;
INSERT INTO base.permissions BY NAME
SELECT v.* EXCLUDE (row) REPLACE (
    auth_end_time + d.n AS auth_end_time,
    d.id AS first_snapshot,
    CASE
        WHEN v.row % 10 = 0 AND d.n // 100 = 1 THEN (SELECT id FROM days WHERE n = d.n - (d.n + v.row) % 100 + 99)
        ELSE (SELECT id FROM days WHERE n = d.n - (d.n + v.row) % 100 + 100)
    END AS closed_snapshot
)
FROM versions AS v, days AS d
WHERE d.n = 0 OR (d.n + v.row) % 100 = 0;
CHECKPOINT;`

// BenchmarkPermissionChanges measures what differs between days of a year of
// 50,000 permissions of which 1 % change every day.
func BenchmarkPermissionChanges(b *testing.B) {
	st := storetest.Open(b)
	build, err := st.Begin(b.Context(), store.BuildOptions{Started: day1})
	if err != nil {
		b.Fatal(err)
	}
	landPermissions(b, build.Landing("p1"), 50_000, 0)
	if _, err := build.Load(b.Context(), "p1", "permissions"); err != nil {
		b.Fatal(err)
	}
	if _, err := build.Publish(b.Context(), []store.Project{{ID: "p1", Started: day1, ServerTime: day1, Verdict: store.Complete,
		Resources: []store.Resource{{Name: "permissions", Verdict: store.Complete}}}}); err != nil {
		b.Fatal(err)
	}
	store.ChangeFile(b, st, build.ID(), year)
	for _, test := range []struct {
		name     string
		from, to int
	}{{"day", 363, 364}, {"month", 200, 230}, {"year", 0, 364}} {
		b.Run(test.name, func(b *testing.B) {
			at := func(n int) string { return day1.AddDate(0, 0, n-364).Format("20060102T150405Z") }
			for b.Loop() {
				r := read(b, st, store.ReadOptions{})
				rows := csv(b, r, fmt.Sprintf("SELECT kind, count(*) FROM permission_changes('%s', '%s') GROUP BY 1 ORDER BY 1", at(test.from), at(test.to)))
				if strings.Count(rows, "\n") < 2 {
					b.Fatal("nothing changed")
				}
				if err := r.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func resetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
}

// peak is the most memory that the process had since resetPeak, in MB.
func peak(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb * 1024 / 1e6
		}
	}
	b.Fatal("no VmHWM")
	return 0
}
