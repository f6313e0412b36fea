package reports

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkSelfCheck writes 100,000 rows of twelve columns in each format and
// reads them back; the figure is the time of reading in that of writing.
func BenchmarkSelfCheck(b *testing.B) {
	r, fonts := handReport{rows: 100_000}.report(b), testFonts(b)
	for _, format := range formats {
		b.Run(format.name, func(b *testing.B) {
			path, p := filepath.Join(b.TempDir(), "file"), part{r, fonts, r.tables[0]}
			var writing, reading time.Duration
			for b.Loop() {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					b.Fatal(err)
				}
				start := time.Now()
				if _, err := format.write(b.Context(), path, p); err != nil {
					b.Fatal(err)
				}
				between := time.Now()
				if err := format.check(b.Context(), path, p); err != nil {
					b.Fatal(err)
				}
				writing, reading = writing+between.Sub(start), reading+time.Since(between)
			}
			b.ReportMetric(reading.Seconds()/writing.Seconds(), "reading/writing")
			b.Log(fmt.Sprint(writing.Round(time.Millisecond), " ", reading.Round(time.Millisecond)))
		})
	}
}
