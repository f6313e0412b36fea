package sandbox

import (
	"slices"
	"strconv"
	"strings"
)

// permissions answers access-auth (A17-234).
func (c *call) permissions() reply {
	key := c.listKey()
	if c.v.has("authDateType") || c.s.o.Switches.DropExpired {
		key = mix(key, uint64(c.at/hourMS)) // what these keep changes with time
	}
	filter := c.permissionFilter()
	l := c.s.site.permissions(key, filter)
	if filter == nil {
		l.total = max(0, l.total-c.s.o.Switches.Unlisted)
	}
	return c.listReply(l)
}

// permissionFilter returns nil where nothing is filtered.
func (c *call) permissionFilter() func(*Permission, int64) bool {
	w := c.s.o.Switches
	var tests []func(*Permission, int64) bool
	add := func(t func(*Permission, int64) bool) { tests = append(tests, t) }
	if w.DropExpired {
		add(func(p *Permission, _ int64) bool { return p.AuthEndTime > c.at })
	}
	if !w.IgnoreFilters {
		c.textTests(add)
		c.codeTests(add)
		c.timeTests(add)
	}
	if tests == nil {
		return nil
	}
	return func(p *Permission, created int64) bool {
		for _, t := range tests {
			if !t(p, created) {
				return false
			}
		}
		return true
	}
}

// textTests are the filters by text and id.
func (c *call) textTests(add func(func(*Permission, int64) bool)) {
	named := func(param string, of func(*Permission) string) {
		if want := c.v.text(param); want != "" {
			add(func(p *Permission, _ int64) bool { return c.named(of(p), want) })
		}
	}
	equal := func(param string, of func(*Permission) string) {
		if want := c.v.text(param); want != "" {
			add(func(p *Permission, _ int64) bool { return of(p) == want })
		}
	}
	named("name", func(p *Permission) string { return p.Name })
	named("accessControlChannelName", func(p *Permission) string { return p.AccessControlChannelName })
	named("businessDeviceName", func(p *Permission) string { return p.BusinessDeviceName })
	named("mobile", func(p *Permission) string { return p.Mobile })
	equal("personCode", func(p *Permission) string { return p.PersonCode })
	equal("accessChannelRoomId", func(p *Permission) string { return p.AccessChannelRoomID })
	if sex, ok := c.v.number("sex"); ok {
		add(func(p *Permission, _ int64) bool { return p.Sex == strconv.FormatInt(sex, 10) })
	}
	if ids := c.v.list("channelIds"); len(ids) > 0 {
		add(func(p *Permission, _ int64) bool { return slices.Contains(ids, p.AccessControlChannelID) })
	}
	if id := c.v.text("structureId"); id != "" {
		ids := []string{id}
		if c.s.o.Switches.StructureFilterSubtree {
			ids = below(c.s.site.structures(), id)
		}
		add(func(p *Permission, _ int64) bool {
			return slices.ContainsFunc(p.StructureIDs, func(s string) bool { return slices.Contains(ids, s) })
		})
	}
}

// codeTests are the filters by issue status (A48-59).
func (c *call) codeTests(add func(func(*Permission, int64) bool)) {
	code := func(param string, of func(*Permission) int) {
		if want, ok := c.v.number(param); ok {
			add(func(p *Permission, _ int64) bool { return int64(of(p)) == want })
		}
	}
	code("cardIssueStatus", func(p *Permission) int { return p.CardIssueStatus })
	code("faceIssueStatus", func(p *Permission) int { return p.FaceIssueStatus })
	code("fingerprintIssueStatus", func(p *Permission) int { return p.FingerprintIssueStatus })
}

// timeTests are authDateType (A36-41), authStartTime and authEndTime
// (A46-47).
func (c *call) timeTests(add func(func(*Permission, int64) bool)) {
	if days, ok := c.v.number("authDateType"); ok {
		add(func(p *Permission, _ int64) bool { return c.dateType(p, days) })
	}
	start, hasStart := c.v.number("authStartTime")
	end, hasEnd := c.v.number("authEndTime")
	if hasStart || hasEnd {
		add(func(p *Permission, created int64) bool {
			from, to := p.AuthStartTime, p.AuthEndTime
			if c.s.o.Switches.TimesCreated {
				from, to = created, created
			}
			return (!hasStart || from >= start) && (!hasEnd || to <= end)
		})
	}
}

// dateType reports whether p is of an authDateType: 0 permanent, -1 expired,
// else ending in less than so many days.
func (c *call) dateType(p *Permission, days int64) bool {
	w := c.s.o.Switches
	expired := p.AuthEndTime <= c.at
	switch days {
	case 0:
		return p.AuthEndTime >= Permanent
	case -1:
		return expired
	}
	if expired {
		return w.DateTypeWithExpired
	}
	bound := func(days int64) int64 {
		if w.DateTypeCalendar {
			return midnight(unixMS(c.at)).UnixMilli() + (days+1)*dayMS
		}
		return c.at + days*dayMS
	}
	if w.DateTypeDisjoint && days > 7 && p.AuthEndTime < bound(days/2) {
		return false // 15/2 is 7, 30/2 is 15
	}
	return p.AuthEndTime < bound(days)
}

// named reports whether a name passes a filter by name.
func (c *call) named(name, want string) bool {
	if c.s.o.Switches.ExactNames {
		return name == want
	}
	return strings.Contains(strings.ToLower(name), strings.ToLower(want))
}

// permissionDetail answers access-auth/detail (A236-334).
func (c *call) permissionDetail() reply {
	d, ok := c.s.site.permission(c.v.text("accessAuthId"))
	if !ok {
		return reply{err: fail(codeNoData)}
	}
	return reply{result: appendJSON(nil, c.s.showDetail(d, c.v.text("accessAuthId")))}
}

// badCode reports whether the row of id bears undocumented codes.
func (s *Server) badCode(op, id string) bool {
	return s.faultsNow().on(faultBadCode, op) && mix(sum(id))%5 == 0
}

func (s *Server) badCodesOn() bool { return len(s.faultsNow()) > 0 }

// showPermission returns a row as it is answered.
func (s *Server) showPermission(p Permission) Permission {
	if s.badCode("access-auth", p.AccessAuthID) {
		p.CardIssueStatus, p.FaceIssueStatus = 7, -3
	}
	return p
}

func (s *Server) showDetail(d PermissionDetail, id string) PermissionDetail {
	if s.badCode("access-auth/detail", id) {
		d.CardIssueStatus, d.FaceIssueStatus, d.AuthSource = 7, -3, "12"
	}
	return d
}

// channelNo returns a channel's number as it is answered.
func (s *Server) channelNo(no int) Scalar {
	t := strconv.Itoa(no)
	if s.o.Switches.ChannelNoString {
		t = strconv.Quote(t)
	}
	return Scalar(t)
}
