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
// Files go by retention ([Store.Prunable]), and nothing is lost by it but their
// calls. Rows go by a purge alone ([Store.Purge]): it publishes a snapshot without
// them and removes every file before it. [Store.Verify] computes all of this again.
//
// A file of an older schema version is read through the views of today, and the
// next snapshot is built from it as a new file with the schema of today; see
// testdata for a store of each earlier version. A newer one is refused.
//
// # Digests
//
// The hash of a row is the SHA-256, in hex, of the text that DuckDB's json_array
// gives for its received columns in the order of their table: a JSON array
// without spaces, NULL as null, numbers bare, texts in UTF-8 with only what JSON
// must escape escaped. Python's json.dumps(row, separators=(",", ":"),
// ensure_ascii=False) gives the same.
//
// The digest of a resource in a snapshot is the SHA-256 of a CSV with the one
// column row_sha256: a header, then the hashes of the rows that were current,
// in their own order, LF after every line. It is the output of the query that
// the view digests names, run with that snapshot and project chosen. A row that
// was purged has left its hash, which the query adds, so that a digest can be
// computed when rows have gone. A snapshot's digest is the SHA-256 over the lines
// "resource sha256", each with its newline, in the order of resource. So anybody
// can check with exporter sql --format csv and sha256sum: [WriteCSV] writes the
// same bytes.
//
// A digest that was made by schema version 1 is that of a CSV of the rows
// themselves, in the order of their key, as its query in digests says: NULL as
// nothing, and double quotes around a field that is empty or holds a comma, a
// quote, CR, LF or #; a quote inside is doubled.
//
// # Masks
//
// A reader with a mask sees a copy of the snapshot's file that was made for its
// profile, and has nothing else attached: views would not do, since SQL reaches
// every table of a file. What becomes of each column is one table (treatments), and
// a column that is not in it cannot be copied. Values are replaced by others that
// are equal where they were equal, so that what counts, joins or compares them has
// the same result; rows, keys and digests are the full file's. [Store.Verify] looks
// at full files alone.
//
// Landed pages are masked by the same table ([PageMasker]): a member is treated as the
// column that is read from it, in whatever case and spelling, and one that no column
// is read from is hidden. So rows that are read from masked pages are those of the
// masked copy.
//
// The package knows nothing of the cloud's protocol beyond the shape of its
// answers, and nothing of reports. It writes no journal: who publishes does.
package store
