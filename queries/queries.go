// Package queries holds the SQL of the built-in reports: one file a section,
// a summary or a chart of a report. Each has a header that says what it
// answers, what a row is, and what it cannot show. The files are read as they
// are; nothing is put into them but named parameters.
package queries

import "embed"

// Files holds the queries by file name.
//
//go:embed *.sql
var Files embed.FS
