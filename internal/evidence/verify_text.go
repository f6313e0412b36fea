package evidence

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
	"time"
)

// VerifyFacts is what VERIFY.txt says of its bundle.
type VerifyFacts struct {
	Name         string    // of the bundle's folder
	Organization string    // whose evidence it is; "" where that is not configured
	Identity     string    // of allowed_signers, evidence@example.com
	Namespace    string    // of the signature
	Fingerprint  string    // of the key that signs, SHA256:...
	Period       string    // its days and their time zone, for people
	Sealed       time.Time // printed in UTC
	Stamped      bool      // a time stamp of the signature goes with it
	Mask         string    // full: nothing is masked
	Verdict      string    // that of bag-info.txt
	Files        int       // in the payload

	// The journal: its length in lines, the hash of its last one, and whether its
	// lines are masked and carry the hash of the original as "sha256".
	JournalLength int64
	JournalHead   string
	JournalMasked bool

	Example *VerifyExample // nil where no row of a report leads to a page that is there
}

// VerifyExample is a row of a report that the reader follows to the cloud's answer.
type VerifyExample struct {
	Report       string // its csv file: data/reports/NAME/NAME.csv
	ID           string // stands in the row and in the row of the population
	Column       string // the column of the ID: access_auth_id
	Population   string // data/population/permissions.csv
	Snapshot     string // its landed_snapshot
	Page         string // data/raw/SNAPSHOT/FOLDER/permissions.ndjson.zst
	Line         int64  // its landed_line, the line of Page
	LandedSHA256 string // of the answer as landed, as data/ledger/calls.csv has it: also masked
}

//go:embed verify.txt
var verifyTemplate string

// VerifyText returns VERIFY.txt, by which somebody who has the bundle and not this
// program checks it. A command stands on lines of four blanks; "  -> " begins a line
// of its good answer, in which ... stands for anything; the sections that begin with
// Windows are for PowerShell, all others for the shells of Linux and macOS. Values
// must be of one line; those that commands hold, of the alphabet of a bundle's paths.
func VerifyText(o VerifyFacts) []byte {
	functions := template.FuncMap{
		"stamp": func(t time.Time) string { return t.UTC().Format("20060102150405Z") },
		"time":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"step":  stepper(),
	}
	t := template.Must(template.New("VERIFY.txt").Funcs(functions).Parse(verifyTemplate))
	var b bytes.Buffer
	if err := t.Execute(&b, o); err != nil { // the template is ours
		panic(err)
	}
	return b.Bytes()
}

// stepper returns a function that numbers headings from 1 and underlines them.
func stepper() func(title string) string {
	n := 0
	return func(title string) string {
		n++
		title = fmt.Sprintf("%d. %s", n, title)
		return title + "\n" + strings.Repeat("-", len(title))
	}
}
