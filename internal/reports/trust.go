package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// trust is what a reader needs to judge how far a report can be relied on.
type trust struct {
	snapshot       string
	asOf           time.Time // what the report is made for
	zone           *time.Location
	programVersion string
	projects       []projectTrust
	resources      []resourceTrust
	tieOuts        []tieOut
	journalLine    int64    // last line of the journal in the snapshot, 0 for none
	lacks          []string // why the snapshot is not complete, in words
	limits         []string // doubts, and coverage of what costs one request a row, in words
}

type projectTrust struct {
	id, verdict, digest string
	serverTime          time.Time
	started, finished   time.Time
}

type resourceTrust struct {
	project, resource, verdict, problem, walkedIn string
	pages, retries, errors, duplicates            int64
	totalFirst, totalLast                         any // int64 or nil
	rows, distinct                                int64
	covered, coverable                            any // int64 or nil
}

type tieOut struct {
	project, name string
	ours, theirs  any // int64 or nil
	result, note  string
}

// told is the cloud's time of the snapshot, of several projects the latest; where
// the cloud never gave one, ours.
func (t trust) told() time.Time {
	var told, began time.Time
	for _, p := range t.projects {
		if p.serverTime.After(told) {
			told = p.serverTime
		}
		if p.started.After(began) {
			began = p.started
		}
	}
	if told.IsZero() {
		told = began
	}
	return told
}

// complete reports whether every project's snapshot was taken whole.
func (t trust) complete() bool {
	return len(t.projects) > 0 && !slices.ContainsFunc(t.projects, func(p projectTrust) bool {
		return p.verdict != "complete" && p.verdict != "complete_with_drift"
	})
}

// verdict is the worst of the projects' verdicts, in words.
func (t trust) verdict() string {
	switch {
	case len(t.projects) == 0:
		return "Unknown"
	case !t.complete():
		return "Partial"
	case slices.ContainsFunc(t.projects, func(p projectTrust) bool { return p.verdict == "complete_with_drift" }):
		return "Complete, with drift"
	default:
		return "Complete"
	}
}

// digest is the digest of the snapshot's content; of several projects it is
// the SHA-256 over the lines "project digest".
func (t trust) digest() string {
	if len(t.projects) == 1 {
		return t.projects[0].digest
	}
	h := sha256.New()
	for _, p := range t.projects {
		fmt.Fprintf(h, "%s %s\n", p.id, p.digest)
	}
	if len(t.projects) == 0 {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// agreeing returns how many of the tie-outs that were tried agree.
func (t trust) agreeing() (agree, tried int) {
	for _, o := range t.tieOuts {
		switch o.result {
		case "agrees":
			agree++
			tried++
		case "differs":
			tried++
		}
	}
	return agree, tried
}

// judge puts into words what the snapshot lacks: resources that were not
// taken whole or moved meanwhile, and the coverage of those that cost one request a row. Only
// the resources that the report depends on are spoken of; all, when depends
// is empty.
func (t *trust) judge(depends []string) {
	relevant := func(resource string) bool {
		return len(depends) == 0 || slices.Contains(depends, resource)
	}
	for _, r := range t.resources {
		name := resourceWords(r.resource)
		if len(t.projects) > 1 {
			name += " of project " + r.project
		}
		if r.verdict == "partial" {
			t.lacks = append(t.lacks, lackWords(name, r, t.snapshot, relevant(r.resource)))
		}
		if r.verdict == "complete_with_drift" && relevant(r.resource) {
			t.limits = append(t.limits, fmt.Sprintf("%s are taken with a doubt: %s", name, cut(r.problem, 200)))
		}
		covered, ok1 := r.covered.(int64)
		coverable, ok2 := r.coverable.(int64)
		if relevant(r.resource) && ok1 && ok2 && covered < coverable {
			t.limits = append(t.limits, fmt.Sprintf("%s were read for %s of %s (%s); for the others they are not covered",
				name, number(covered), number(coverable), share(float64(covered)/float64(coverable))))
		}
	}
}

// perKey are the resources that are asked for one key at a time. What came is
// in the snapshot even when the rest did not come.
var perKey = []string{"records", "issue_infos", "details", "task_details", "rule_channels"}

func lackWords(name string, r resourceTrust, snapshot string, relevant bool) string {
	s := upperFirst(name) + " could not be read whole in this snapshot"
	if r.problem != "" {
		s += " (" + cut(r.problem, 200) + ")"
	}
	covered, ok1 := r.covered.(int64)
	coverable, ok2 := r.coverable.(int64)
	switch {
	case slices.Contains(perKey, r.resource) && ok1 && ok2:
		s += fmt.Sprintf("; %s of %s are covered", number(covered), number(coverable))
	case slices.Contains(perKey, r.resource):
		s += "; some could not be read"
	case r.walkedIn == "":
		s += " nor in any before it"
	case r.walkedIn != snapshot:
		s += "; shown as last read whole in " + r.walkedIn
	}
	if !relevant {
		s += "; this report does not use them"
	}
	return s
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// resourceWords is a resource's name as a sentence has it.
func resourceWords(resource string) string {
	switch resource {
	case "details":
		return "details of permissions"
	case "issue_infos":
		return "issue results of records"
	case "records":
		return "records of tasks"
	case "task_details":
		return "details of tasks"
	case "rule_channels":
		return "channels of rules"
	case "structures":
		return "organizations"
	default:
		return strings.ReplaceAll(resource, "_", " ")
	}
}
