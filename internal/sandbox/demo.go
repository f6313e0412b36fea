package sandbox

import (
	"slices"
	"time"
)

// demo is a building made from a seed and a day. What it holds of each kind
// of trouble is in the files demo_*.go, where it is made.
type demo struct {
	*living
	dice
	today   int64 // midnight of the day on which it was made
	next    int64 // when the hour begins of which life has not yet come
	root    *structure
	orgs    []*structure // the eight below root
	empty   *structure   // without persons
	labs    []*structure // below organizations
	public  *channelGroup
	parking *channelGroup
	plant   *channelGroup
	floors  []*channelGroup // by organization
	odd     oddChannels
	used    map[*permission]bool // chosen for a case, left alone by others
	guards  *personGroup
	untried map[*person]bool // nothing of theirs was ever sent
	left    []*person        // gone: without permissions, not listed
}

// oddChannels are the channels that are a case of their own.
type oddChannels struct {
	docks    [2]*channel // alike in all that a task shows
	vault    *channel    // opened by a rule, for nobody
	oldWing  *channel    // in a group that a rule opens, for nobody
	cash     *channel    // one person alone
	fireExit *channel    // in no rule
	dead     *channel    // its device is offline
}

// dice are the demo's choices, the same for the same seed.
type dice struct{ seed, n uint64 }

func (d *dice) below(n int) int {
	d.n++
	return int(mix(d.seed, d.n) % uint64(n))
}

func (d *dice) between(from, to int) int { return from + d.below(to-from+1) }

// perMille reports true n times of a thousand.
func (d *dice) perMille(n int) bool { return d.below(1000) < n }

func pick[T any](d *dice, from []T) T { return from[d.below(len(from))] }

func newDemo(s *Server) *living {
	seed := mix(s.o.Seed, sum("demo"))
	d := &demo{
		living:  &living{s: s, seed: seed, byPair: map[pair]*permission{}},
		dice:    dice{seed: seed},
		today:   midnight(s.o.Now()).UnixMilli(),
		used:    map[*permission]bool{},
		untried: map[*person]bool{},
	}
	d.places()
	d.people()
	d.grants()
	d.cases()
	d.history()
	d.states()
	d.next = d.today - hourMS
	d.living.life = d.life
	return d.living
}

const (
	minuteMS = 60_000
	hourMS   = 60 * minuteMS
)

// day returns the midnight some days from today, in ms; back is negative.
func (d *demo) day(n int) int64 {
	return time.UnixMilli(d.today).In(siteZone).AddDate(0, 0, n).UnixMilli()
}

// lastSecond returns the end of the day some days from today.
func (d *demo) lastSecond(n int) int64 { return d.day(n+1) - 1000 }

// take returns the next permission that suits and was not taken before, in a
// fixed order.
func (d *demo) take(suits func(*permission) bool) *permission {
	start := d.dice.below(len(d.perms))
	for i := range d.perms {
		p := d.perms[(start+i)%len(d.perms)]
		if !d.used[p] && suits(p) {
			d.used[p] = true
			return p
		}
	}
	panic("sandbox: the demo has no permission for a case") // the same for every seed that tests try
}

// onChannel returns the permissions on a channel.
func (d *demo) onChannel(c *channel) []*permission {
	var out []*permission
	for _, p := range d.perms {
		if p.channel == c {
			out = append(out, p)
		}
	}
	return out
}

// ordinary reports whether p is live, has a card or a face and is nobody's
// case.
func (d *demo) ordinary(p *permission) bool {
	odd := []*channel{d.odd.docks[0], d.odd.docks[1], d.odd.cash, d.odd.dead}
	return !d.used[p] && p.AuthEndTime > d.day(2) && p.TotalCardNum > 0 && !slices.Contains(odd, p.channel)
}
