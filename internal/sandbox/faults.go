package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Fault is a way in which the sandbox misbehaves. All faults can be on
// together.
type Fault struct {
	Name string
	Doc  string
	// Recoverable faults leave the rows as they are: a patient client ends
	// with what it would have had without the fault.
	Recoverable bool
	// Content says that lists are whole but that some values in them are not
	// what they would be without the fault. State has the same values.
	Content bool
}

// The names of the faults.
const (
	faultThrottle   = "throttle"
	faultExpire     = "expire-token"
	faultRevoke     = "revoke-token"
	faultSkew       = "clock-skew"
	fault500        = "500"
	faultBusy       = "busy"
	fault504        = "504-html"
	faultReset      = "reset"
	faultTruncated  = "truncated-body"
	faultSlow       = "slow"
	faultDrift      = "drift"
	faultRestless   = "restless"
	faultDuplicate  = "duplicate"
	faultLostPage   = "lost-page"
	faultShortPage  = "short-page"
	faultRepeatPage = "repeat-page"
	faultWrongTotal = "wrong-total"
	faultEmpty      = "empty-success"
	faultNoResult   = "missing-result"
	faultBadCode    = "bad-code"
	faultStrings    = "strings-for-numbers"
	faultCamel      = "camel-case"
	faultUnknown    = "unknown-member"
	faultHasMore    = "has-more"
	faultPageCap    = "page-cap"
	faultPlan       = "plan-expired"
	faultQuota      = "quota"
	faultIP         = "ip-denied"
	faultRegion     = "wrong-region"
)

// Faults returns every fault there is. Those that come and go (throttle to
// slow, but not clock-skew) hit about every seventh request by seed, and
// never the same request more than twice in a row; the others hold.
func Faults() []Fault {
	return []Fault{
		{Name: faultThrottle, Recoverable: true, Doc: "now and then a burst of answers with code 1199"},
		{Name: faultExpire, Recoverable: true, Doc: "the access token expires before its time: 1010 until a new one is asked for"},
		{Name: faultRevoke, Recoverable: true, Doc: "another process refreshes the token at any time: 1010"},
		{Name: faultSkew, Recoverable: true, Doc: "the server's clock is 20 minutes ahead: 1013 until t is corrected"},
		{Name: fault500, Recoverable: true, Doc: "code 500 now and then"},
		{Name: faultBusy, Recoverable: true, Doc: "code 1110 or 1111 now and then"},
		{Name: fault504, Recoverable: true, Doc: "HTTP 504 with a page of HTML now and then"},
		{Name: faultReset, Recoverable: true, Doc: "the connection is closed instead of an answer; a write has been done all the same"},
		{Name: faultTruncated, Recoverable: true, Doc: "the connection is closed after half of the answer"},
		{Name: faultSlow, Recoverable: true, Doc: "an answer takes Options.SlowDelay now and then"},
		{Name: faultDrift, Recoverable: true, Doc: "rows move, or one more appears, during the first walk of each list of several pages, and then rest"},
		{Name: faultRestless, Recoverable: true, Doc: "during every walk of a list of several pages its last row appears, and is gone when the next begins"},
		{Name: faultDuplicate, Doc: "in each list a row comes twice, another never"},
		{Name: faultLostPage, Doc: "in each list the rows of page 2 never come"},
		{Name: faultShortPage, Doc: "the first page of each list lacks its last row"},
		{Name: faultRepeatPage, Doc: "the page asked for is ignored: every page is the first"},
		{Name: faultWrongTotal, Doc: "the total of each list is one more than it has rows"},
		{Name: faultEmpty, Doc: "the plan has lapsed: success with nothing in any list"},
		{Name: faultNoResult, Doc: "success without a result"},
		{Name: faultBadCode, Content: true, Doc: "some permissions, tasks and records carry codes that no document knows"},
		{Name: faultStrings, Recoverable: true, Doc: "numbers come as strings, also in code"},
		{Name: faultCamel, Recoverable: true, Doc: "members are named in camelCase as in the documents' tables"},
		{Name: faultUnknown, Recoverable: true, Doc: "results have members that no document knows"},
		{Name: faultHasMore, Recoverable: true, Doc: "has_more says the contrary of what is true"},
		{Name: faultPageCap, Recoverable: true, Doc: "a page has at most 20 rows, whatever pageSize asks for"},
		{Name: faultPlan, Doc: "every operation answers 28841002: the plan has expired"},
		{Name: faultQuota, Doc: "every operation answers 28841004: the trial's quota is used up"},
		{Name: faultIP, Doc: "every call answers 1114: the address is not on the allow-list"},
		{Name: faultRegion, Doc: "every call answers 2007: the wrong data centre"},
	}
}

// passing are the faults that come and go, in the order in which they are
// tried.
var passing = []string{
	faultThrottle, faultExpire, faultRevoke, fault500, faultBusy, fault504, faultReset, faultTruncated, faultSlow,
}

// faultSet is the faults that are on, each with the operations to which it is
// limited; none means all.
type faultSet map[string][]string

func parseFaults(names []string) (faultSet, error) {
	set := faultSet{}
	for _, entry := range names {
		name, op, limited := strings.Cut(entry, ":")
		if !slices.ContainsFunc(Faults(), func(f Fault) bool { return f.Name == name }) {
			return nil, fmt.Errorf("sandbox: fault %q: there is none of that name", name)
		}
		if limited && op != "token" && operationNamed(op) == nil {
			return nil, fmt.Errorf("sandbox: fault %q: there is no operation %q", name, op)
		}
		ops, seen := set[name]
		switch {
		case !limited:
			set[name] = nil
		case !seen || ops != nil:
			set[name] = append(ops, op)
		}
	}
	return set, nil
}

// on reports whether a fault is on for an operation.
func (f faultSet) on(name, op string) bool {
	ops, ok := f[name]
	return ok && (ops == nil || slices.Contains(ops, op))
}

// passer decides which passing fault, if any, hits a request.
type passer struct {
	mu      sync.Mutex
	seed    uint64
	tries   map[uint64]*tries
	burst   int // requests left to be throttled
	quiet   int // requests left before the token may die again
	waiting int // requests on which a token died and that are not yet through
}

// tries is what happened to one request: an operation with its parameters.
type tries struct {
	n      uint64 // times made
	inARow int    // times hit since it last got through
	anew   bool   // a token died on it since then
}

const (
	maxTries   = 100_000 // requests remembered
	oneIn      = 7
	burstSize  = 4
	quietAfter = 40 // requests that a new token lives at least
)

// hit returns the fault that hits the request key of operation op, or "".
func (p *passer) hit(set faultSet, op string, key uint64) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tries) > maxTries || p.tries == nil {
		p.tries, p.waiting = map[uint64]*tries{}, 0
	}
	t := p.tries[key]
	if t == nil {
		t = &tries{}
		p.tries[key] = t
	}
	t.n++
	p.quiet = max(0, p.quiet-1)
	name := p.choose(set, op, key, t)
	switch name {
	case "":
		return ""
	case faultExpire, faultRevoke:
		p.mourn(t)
		p.quiet = quietAfter
	}
	t.inARow++
	return name
}

// mourn notes that a token died on a request.
func (p *passer) mourn(t *tries) {
	if !t.anew {
		t.anew = true
		p.waiting++
	}
}

// through notes that a request was answered.
func (p *passer) through(key uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tries[key]
	if t == nil {
		return
	}
	t.inARow = 0
	if t.anew {
		t.anew = false
		p.waiting--
	}
}

func (p *passer) choose(set faultSet, op string, key uint64, t *tries) string {
	if t.inARow >= 2 {
		return ""
	}
	if p.burst > 0 && set.on(faultThrottle, op) && op != "token" {
		p.burst--
		return faultThrottle
	}
	turn := int(mix(p.seed, key, t.n) % uint64(len(passing)))
	for i := range passing {
		name := passing[(turn+i)%len(passing)]
		if !set.on(name, op) || mix(p.seed, sum(name), key, t.n)%oneIn != 0 {
			continue
		}
		switch name {
		case faultExpire, faultRevoke:
			// A client gets a token anew once for each call: a second death
			// before the call is through would be the end of it.
			if op == "token" || p.waiting > 0 || p.quiet > 0 {
				continue
			}
		case faultThrottle, faultBusy:
			if op == "token" { // its documents list 500, 1003 and 1107 alone
				continue
			}
			if name == faultThrottle {
				p.burst = burstSize
			}
		}
		return name
	}
	return ""
}

// tokenDied notes that a request was refused for a token that had died
// before it, so that it is not hit by another death.
func (p *passer) tokenDied(key uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.tries[key]; t != nil {
		t.inARow++
		p.mourn(t)
	}
}

// drifts remembers how far each list has moved for the fault drift.
type drifts struct {
	mu     sync.Mutex
	stages map[uint64]driftStage
}

type driftStage int

const (
	driftBefore driftStage = iota // nothing beyond page 1 was asked for
	driftMoving                   // the first walk is going on
	driftRested
)

// stage returns where a list stands when a page of it is asked for.
func (d *drifts) stage(key uint64, page int) driftStage {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stages == nil {
		d.stages = map[uint64]driftStage{}
	}
	switch st := d.stages[key]; {
	case st == driftBefore && page > 1:
		d.stages[key] = driftMoving
	case st == driftMoving && page == 1:
		d.stages[key] = driftRested
	}
	return d.stages[key]
}
