// Package store keeps what the cloud said: one DuckDB file for each
// collection, complete, dated and never changed once it is published.
//
// A snapshot is built under a temporary name beside the published ones, as a
// copy of the newest, and becomes visible by one rename; nothing that is
// published is written again. So a reader never waits for a collection and
// never sees half of one, and the newest name in snapshots/ is the current
// snapshot.
//
// Every file holds the whole history. A row of a list is current at snapshot s
// if first_snapshot <= s and closed_snapshot is NULL or later than s. Only a
// whole walk of a list opens, changes or closes rows of it; tasks, records,
// their counters and details are events, which get new versions but are never
// closed by absence. Hence the law of as-of: what a view shows as of s is the
// same from the file of s and from every later file. Every project that a
// snapshot has, each later one has too: one that was not collected keeps its
// rows, and its verdict is partial.
//
// A file of an older schema version is read through the views of today, and the
// next snapshot is built from it as a new file with the schema of today; see
// testdata for a store of each earlier version. A newer one is refused.
//
// # Digests
//
// The digest of a resource in a snapshot is the SHA-256 of a CSV: the query
// that the view digests names, run with that snapshot and project chosen. The
// CSV has a header, LF after every line, every value as DuckDB casts it to
// text, NULL as nothing, and double quotes around a field that is empty or holds
// a comma, a quote, CR, LF or #; a quote inside is doubled. A
// snapshot's digest is the SHA-256 over the lines "resource sha256", each with
// its newline, in the order of resource. [WriteCSV] writes the same bytes, so
// that anybody can check with exporter sql --format csv and sha256sum.
//
// The package knows nothing of the cloud's protocol beyond the shape of its
// answers, and nothing of reports. It writes no journal: who publishes does.
package store
