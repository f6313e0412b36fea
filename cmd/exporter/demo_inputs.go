package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"time"

	"exporter/internal/sandbox"
)

// writeCSV writes lines to a new file, header and all.
func writeCSV(path string, lines [][]string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(csv.NewWriter(f).WriteAll(lines), f.Close())
}

// demoLeaver and demoMissing choose those of the building's persons who have
// left by the roster, and those whom the roster does not have.
func demoLeaver(i int) bool  { return i%83 == 5 }
func demoMissing(i int) bool { return i%97 == 11 }

// demoRoster is what HR would give of the building: a few have left, a few are
// missing, and two whom the building does not know.
func demoRoster(persons []sandbox.Person, now time.Time) [][]string {
	lines := [][]string{{"person_code", "status", "terminated_at", "organisation", "manager", "manager_email"}}
	seen := map[string]bool{"": true}
	for i, p := range persons {
		if seen[p.PersonCode] || demoMissing(i) {
			continue
		}
		seen[p.PersonCode] = true
		status, left := "active", ""
		if demoLeaver(i) {
			status, left = "terminated", now.AddDate(0, 0, -1-i%45).Format(time.DateOnly)
		}
		lines = append(lines, []string{p.PersonCode, status, left, "Operations", "Test Manager", "manager@example.com"})
	}
	return append(lines,
		[]string{"990001", "active", "", "Operations", "Test Manager", "manager@example.com"},
		[]string{"990002", "active", "", "Operations", "Test Manager", "manager@example.com"})
}

// demoExceptions accepts some of the findings: for long, for days, no longer,
// and one of a report that there is not.
func demoExceptions(persons []sandbox.Person, now time.Time) [][]string {
	lines := [][]string{{"report", "finding_key", "reason", "approved_by", "expires_on"}}
	var leavers []string
	for i, p := range persons {
		if demoLeaver(i) && p.PersonCode != "" {
			leavers = append(leavers, p.PersonID)
		}
	}
	for i, days := range []int{200, 12, -20} {
		lines = append(lines, []string{"leavers", leavers[i], fmt.Sprintf("hand-over until the project %d ends", i+1),
			"Test Approver", now.AddDate(0, 0, days).Format(time.DateOnly)})
	}
	return append(lines, []string{"leaver", leavers[3], "back on a contract", "Test Approver", now.AddDate(0, 0, 90).Format(time.DateOnly)})
}
