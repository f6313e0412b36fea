package evidence

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Field is a line of bag-info.txt.
type Field struct{ Label, Value string }

// Info is bag-info.txt: the lines in their order, no label twice. The labels are
//
//	Source-Organization   whose access it is about, if the configuration says so
//	Bagging-Date          2026-04-01, the day of the sealing
//	Payload-Oxum          the payload's bytes, a dot, its files: 48213331.1204
//	Bag-Software-Agent    exporter and its version
//	Bundle-Format         2, see [Format]
//	Run                   20260401T010000Z, the time of the sealing
//	Period-Start          2026-01-01, the first day that it is about
//	Period-End            2026-03-31, the last one
//	Timezone              in which these days are days: Asia/Shanghai
//	Project               the project, if it is about one of several
//	Snapshot              20260331T160000Z, from which the reports were made
//	As-Of                 the time for which they were made
//	Since                 the earlier snapshot with which they compare, if they do
//	Mask                  full, standard or pseudonym
//	Verdict               complete, or incomplete: and why
//	                      and after it, if so, that the snapshot was read with drift
//	Missing-Days          days without a whole snapshot, separated by commas, if there are any
//	Raw-Pages             how many files of the cloud's answers are there, and are gone
//	Journal-Length        the number of the journal's last line
//	Journal-Head          the SHA-256 of that line
//	Signer                auditor-evidence@example.com, whose key signed it
//	Namespace             access-evidence@example.com, of the signature
type Info []Field

// Value returns the value of a label, "" where the label is not there.
func (in Info) Value(label string) string {
	for _, f := range in {
		if f.Label == label {
			return f.Value
		}
	}
	return ""
}

// needed are the labels that every bundle has.
var needed = []string{"Payload-Oxum", "Run", "Mask", "Journal-Length", "Journal-Head", "Signer", "Namespace"}

// formatInfo returns the lines. It returns an error for what parseInfo would not
// read back.
func formatInfo(in Info) ([]byte, error) {
	var b []byte
	for _, f := range in {
		b = fmt.Appendf(b, "%s: %s\n", f.Label, f.Value)
	}
	if _, err := parseInfo(b); err != nil {
		return nil, err
	}
	return b, nil
}

// parseInfo reads what formatInfo writes; other labels may stand among them. The
// errors are [*Refused], and [*ErrNewer] whatever a newer format has in its lines.
func parseInfo(text []byte) (Info, error) {
	var in Info
	var problem error
	for line := range strings.Lines(string(text)) {
		label, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case problem != nil:
		case !strings.HasSuffix(line, "\n") || !isLabel(label) || !isValue(value):
			problem = refuse(infoName, "line %d: it is no label, colon, blank and value", len(in)+1)
		case in.Value(label) != "":
			problem = refuse(infoName, "line %d: %s stands there twice", len(in)+1, label)
		}
		in = append(in, Field{label, value})
	}
	format := in.Value("Bundle-Format")
	n, err := strconv.ParseUint(format, 10, 32)
	isNumber := err == nil && strconv.FormatUint(n, 10) == format
	if newest, _ := strconv.ParseUint(Format, 10, 32); isNumber && n > newest {
		return nil, &ErrNewer{format}
	}
	if problem != nil {
		return nil, problem
	}
	if !isNumber || n == 0 {
		return nil, refuse(infoName, "Bundle-Format is %q, not 1 to %s", format, Format)
	}
	for _, label := range needed {
		if in.Value(label) == "" {
			return nil, refuse(infoName, "it has no %s", label)
		}
	}
	return in, nil
}

func isLabel(s string) bool {
	for i := range len(s) {
		if s[i] == '=' || s[i] == '.' || s[i] == '_' || !inAlphabet(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

// isValue accepts one line of text that no terminal and no editor shows otherwise.
func isValue(s string) bool {
	return s != "" && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError
		})
}
