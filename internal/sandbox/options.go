package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options say which site is served and how. The zero value serves the demo
// site without faults and with each open point read in the way that its
// switch's comment calls default.
type Options struct {
	Site string           // "demo" (default), "documented", "large"
	Seed uint64           // of the demo's choices, of devices that fail, of transient faults
	Now  func() time.Time // the clock; default time.Now

	// Faults are names out of [Faults]; "NAME:OPERATION" limits one to an
	// operation, as in "duplicate:access-auth".
	Faults    []string
	SlowDelay time.Duration // of the fault slow; default 300 ms

	Large    Large
	Switches Switches

	// Persons, Channels and Tasks set the members of Large of that name.
	Persons, Channels, Tasks int
}

// Large sizes the large site. Its permissions are Persons times PerPerson.
type Large struct {
	Persons    int     // default 10,000
	Channels   int     // default 100
	Tasks      int     // default 1,000
	PerPerson  int     // channels that each person can open; default 10, at most Channels
	PerTask    int     // records in a task; default 10
	Churn      float64 // share of permissions that change from one generation to the next; default 0.01
	Generation int     // see [Server.SetGeneration]
}

// Switches are the points that the documents leave open. The comment of each
// says where, and what the zero value does.
type Switches struct {
	// AllowV1 also accepts the signature of projects made before 2021-06-30.
	AllowV1 bool
	// Skew is how far a request's t may be off; no document gives a number.
	// Default 5 minutes.
	Skew time.Duration
	// TokenLife is the life of an access token. Default 2 hours.
	TokenLife time.Duration
	// MaxPageSize is the largest pageSize; more is error 1101. The documents
	// name none; default 200, as a neighbour of these operations has.
	MaxPageSize int
	// GetParams is where GET parameters are looked for: "" any of the three
	// ways, "body" (as the documents' tables say: A250), "query" in
	// camelCase, "snake-query" in snake_case.
	GetParams string

	// HasMore adds has_more to lists. The tables have it (A110, A519, A676,
	// B196, B404), the real samples do not (A228-230, B234-236). Default no.
	HasMore bool
	// ChannelNoString answers accessControlChannelNo as a string, as the
	// tables say (A96), not as a number, as the sample does (A149).
	ChannelNoString bool
	// ListKey spells recordListVOList (A659) and channelListVOList (B617):
	// "vo_list" (default), "volist" or "v_o_list" after record_list_ or
	// channel_list_.
	ListKey string
	// UnfinishedTime is taskFinishTime (A516) of a task that is not finished:
	// "absent" (default), "null" or "zero".
	UnfinishedTime string

	// Unlisted is how many permissions access-auth leaves out, rows and total,
	// where no filter is given: the list looks whole and is not. Default none.
	Unlisted int
	// IgnoreFilters answers every list unfiltered.
	IgnoreFilters bool
	// ExactNames compares name filters whole; default: contained in it.
	ExactNames bool
	// DropExpired leaves expired permissions out of access-auth. Default:
	// they stay listed.
	DropExpired bool
	// DateTypeDisjoint makes authDateType 15 and 30 (A40-41) leave out what
	// 7 and 15 hold. Default: cumulative.
	DateTypeDisjoint bool
	// DateTypeCalendar bounds authDateType 7, 15, 30 by the end of the day
	// in UTC+8 so many days on. Default: by so many times 24 hours.
	DateTypeCalendar bool
	// DateTypeWithExpired makes 7, 15 and 30 hold expired permissions too.
	DateTypeWithExpired bool
	// TimesCreated reads authStartTime and authEndTime of access-auth as the
	// time in which a permission was generated, as the Chinese text has it.
	// Default: as the time when it takes effect and expires (A46-47).
	TimesCreated bool
	// StructureFilterSubtree makes structureId (A34) include the
	// organizations below. Default: that organization only.
	StructureFilterSubtree bool
	// TaskEnums is the reading of authTaskProgress and authTaskStatus:
	// "" filter and response each as documented (A472-481, A514-515),
	// "response" the filter counts as the response does, "filter" the
	// response counts as the filter does.
	TaskEnums string
	// UnfilteredTasks is what access-auth-task without issueType lists: ""
	// both, "being-sent", "already-sent" (A448-450).
	UnfilteredTasks string
	// RecordTotalsFiltered makes totalNum and successNum (A657-658) count
	// filtered records. Default: all of the task.
	RecordTotalsFiltered bool

	// StructureSubtree makes list-auth-structure give all below the parent.
	// Default: its children only (B33).
	StructureSubtree bool
	// MatchRoots makes match-auth-structure without structureName (B101)
	// give the top nodes only. Default: all.
	MatchRoots bool
	// StructureRuleAlone makes a rule for an organization hold for its own
	// persons only. Default: for the organizations below it too.
	StructureRuleAlone bool

	// AddRulesOnly makes add-rules create no permissions: generate-auth has
	// to. Default: add-rules creates them.
	AddRulesOnly bool
	// PartialEditResets makes edit-by-channels (B499-500) set a time that is
	// not given to now or to no end. Default: it is kept.
	PartialEditResets bool
	// NoRelationIDs is what an edit or delete by channels without
	// authRelationIds (B498, B552) does: "" changes every rule of the
	// source, "none" nothing, "error" answers 1100.
	NoRelationIDs string
	// DeletePushes makes the deletion of rules send the deletions to the
	// devices. Default: they wait for increment or full.
	DeletePushes bool
	// FullWipes makes full (A344) delete everything from the device first.
	FullWipes bool
	// IssuePace is how long a task takes for each record. Default 200 ms.
	IssuePace time.Duration
}

// Validate reports all that is wrong with o at once.
func (o Options) Validate() error {
	var errs []error
	oneOf := func(what, got string, known ...string) {
		if !slices.Contains(known, got) {
			errs = append(errs, fmt.Errorf("sandbox: %s %q: know %s", what, got, strings.Join(known, ", ")))
		}
	}
	o = o.withDefaults()
	oneOf("site", o.Site, "demo", "documented", "large")
	w := o.Switches
	oneOf("GetParams", w.GetParams, "", "body", "query", "snake-query")
	oneOf("ListKey", w.ListKey, "vo_list", "volist", "v_o_list")
	oneOf("UnfinishedTime", w.UnfinishedTime, "absent", "null", "zero")
	oneOf("TaskEnums", w.TaskEnums, "", "response", "filter")
	oneOf("UnfilteredTasks", w.UnfilteredTasks, "", "being-sent", "already-sent")
	oneOf("NoRelationIDs", w.NoRelationIDs, "", "none", "error")
	if _, err := parseFaults(o.Faults); err != nil {
		errs = append(errs, err)
	}
	g := o.Large
	if g.Persons < 1 || g.Channels < 1 || g.Tasks < 0 || g.PerPerson < 1 || g.PerTask < 0 || g.Generation < 0 {
		errs = append(errs, errors.New("sandbox: the sizes of a large site are positive"))
	}
	if g.PerPerson > g.Channels {
		errs = append(errs, fmt.Errorf("sandbox: %d channels a person out of %d", g.PerPerson, g.Channels))
	}
	if g.Persons*g.PerPerson > MaxPermissions {
		errs = append(errs, fmt.Errorf("sandbox: %d permissions: at most %d", g.Persons*g.PerPerson, MaxPermissions))
	}
	if g.Tasks*max(g.PerTask, 1) > maxLargeRecords {
		errs = append(errs, fmt.Errorf("sandbox: %d records: at most %d", g.Tasks*g.PerTask, maxLargeRecords))
	}
	if g.Churn < 0 || g.Churn > 1 {
		errs = append(errs, fmt.Errorf("sandbox: churn %v: a share from 0 to 1", g.Churn))
	}
	return errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	fallback(&o.Site, "demo")
	if o.Now == nil {
		o.Now = time.Now
	}
	fallback(&o.SlowDelay, 300*time.Millisecond)
	g := &o.Large
	fallback(&g.Persons, o.Persons)
	fallback(&g.Channels, o.Channels)
	fallback(&g.Tasks, o.Tasks)
	fallback(&g.Persons, 10_000)
	fallback(&g.Channels, 100)
	fallback(&g.Tasks, 1_000)
	fallback(&g.PerPerson, min(10, g.Channels))
	fallback(&g.PerTask, 10)
	fallback(&g.Churn, 0.01)
	w := &o.Switches
	fallback(&w.Skew, 5*time.Minute)
	fallback(&w.TokenLife, 2*time.Hour)
	fallback(&w.MaxPageSize, 200)
	fallback(&w.ListKey, "vo_list")
	fallback(&w.UnfinishedTime, "absent")
	fallback(&w.IssuePace, 200*time.Millisecond)
	return o
}

// fallback sets p to v where it is zero.
func fallback[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
