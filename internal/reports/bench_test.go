package reports

import (
	"io"
	"testing"
)

// BenchmarkXLSX writes 100,000 rows of twelve columns.
func BenchmarkXLSX(b *testing.B) {
	fonts := testFonts(b)
	r := handReport{rows: 100_000}.report(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.WriteXLSX(io.Discard, fonts); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPDF writes 20,000 rows of eleven columns.
func BenchmarkPDF(b *testing.B) {
	fonts := testFonts(b)
	r := handReport{rows: 20_000}.report(b)
	all := 0
	r.def.PDFRows = &all
	b.ReportAllocs()
	for b.Loop() {
		if err := r.WritePDF(io.Discard, fonts); err != nil {
			b.Fatal(err)
		}
	}
}
