package reports

import (
	"strings"
	"testing"

	"exporter/internal/store/storetest"
)

// TestExceptionRegister has a line of each state. It is 2026-03-31 in Beijing, and
// still the 31st in UTC.
func TestExceptionRegister(t *testing.T) {
	site := storetest.Site{Project: "p1", At: siteAt, Registers: map[string]string{
		"exceptions": `report,finding_key,reason,approved_by,expires_on
leavers,u1,on leave,Lin,2026-12-31
leavers,u2,moves out,Lin,2026-03-31
drift,a/u1/c1,known,Tian,2026-03-30
drift,a/u2/c1,known,Tian,2026-04-30
drift,a/u3/c1,known,Tian,2026-05-01
leaver,u3,typed wrongly,Lin,2026-12-31
mine,x,own report,Lin,2026-12-31
task-health,t1,device is being replaced,,2026-12-31
task-health,t2,device is gone,Lin,
task-health,t3,whenever,Lin,next year
`}}
	r := makeReport(t, reader(t, site), "exceptions", map[string]any{"own_reports": "other, mine"})
	equal(t, "exceptions", picked(t, r, "Exceptions", "severity", "state", "report", "finding_key", "days_left"), []string{
		"medium | expired | drift | a/u1/c1 | -1",
		"medium | names no report | leaver | u3 | 275",
		"medium | nobody approved | task-health | t1 | 275",
		"medium | date not readable | task-health | t3 | –",
		"low | ends within 30 days | leavers | u2 | 0", // holds through its last day
		"low | ends within 30 days | drift | a/u2/c1 | 30",
		"low | no end | task-health | t2 | –",
		"good | active | drift | a/u3/c1 | 31",
		"good | active | leavers | u1 | 275",
		"good | active | mine | x | 275",
	})
	// All but the expired, the misnamed and the unreadable one accept.
	equal(t, "figures", figuresOf(r), []string{"7 findings accepted", "1 expired", "2 end soon", "3 not in order"})
	if want := "**4 of 10 exceptions do not stand**: 1 has expired, 1 names no report, 2 lack a date or an approver. " +
		"2 end within 30 days, the first in 0 days."; r.answer != want || r.tone != medium {
		t.Errorf("answer %q (%s), want %q", r.answer, r.tone, want)
	}
	if r := makeReport(t, reader(t, storetest.Site{Project: "p1", At: siteAt}), "exceptions", nil); r.tone != good {
		t.Errorf("without a register: %s, %s", r.tone, r.answer)
	}
}

// TestExceptionRegisterKnowsEveryReport keeps the names in the query those of the
// catalogue.
func TestExceptionRegisterKnowsEveryReport(t *testing.T) {
	var register strings.Builder
	register.WriteString("report,finding_key,reason,approved_by,expires_on\n")
	for _, d := range Builtin() {
		register.WriteString(d.Name + ",x,y,Lin,2026-12-31\n")
	}
	site := storetest.Site{Project: "p1", At: siteAt, Registers: map[string]string{"exceptions": register.String()}}
	for _, row := range picked(t, makeReport(t, reader(t, site), "exceptions", nil), "Exceptions", "state", "report") {
		if row[:len("active")] != "active" {
			t.Error(row)
		}
	}
}
