package sandbox

import (
	"fmt"
	"strings"
)

// Names are put together from common family and given names.
var (
	hanFamily   = strings.Fields("王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 梁 宋 郑 谢 韩 唐 冯 于 董 萧 欧阳 司马")
	hanGiven    = strings.Fields("伟 芳 娜 秀英 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 秀兰 霞 平 刚 桂英 建华 文 博 子涵 浩然 雨桐 欣怡 梓轩 思远")
	latinGiven  = strings.Fields("Anna Ben Clara David Elena Felix Grace Hugo Irene Jonas Karin Luca Maria Niels Olga Paul Rosa Simon Tara Viktor Zoë François Søren Łucja")
	latinFamily = strings.Fields("Adams Berg Costa Dahl Evans Fischer Garcia Hansen Ivanov Jones Keller Lopez Meyer Novak Olsen Peters Quinn Rossi Schmidt Taylor O'Neill Müller Ångström García-López")
	cyrGiven    = strings.Fields("Анна Борис Вера Дмитрий Елена Иван Мария Николай Ольга Сергей")
	cyrFamily   = strings.Fields("Волков Громов Зайцев Климов Лебедев Морозов Орлов Павлов Соколов Тихонов")
	korFamily   = strings.Fields("김 이 박 최 정 강 조 윤")
	korGiven    = strings.Fields("민준 서연 지훈 하은 도윤 수빈 예준 지우")
)

func (d *demo) name() string {
	switch n := d.dice.below(100); {
	case n < 62:
		return pick(&d.dice, hanFamily) + pick(&d.dice, hanGiven)
	case n < 88:
		return pick(&d.dice, latinGiven) + " " + pick(&d.dice, latinFamily)
	case n < 94:
		return pick(&d.dice, cyrGiven) + " " + pick(&d.dice, cyrFamily)
	}
	return pick(&d.dice, korFamily) + pick(&d.dice, korGiven)
}

// rareNames are shapes of names that programs stumble over: a character of
// CJK extension B, great length, what a spreadsheet takes for a formula, a
// control character, an emoji, JSON and HTML signs, a right-to-left script.
var rareNames = []string{
	"𠮷田健",
	"Maria Antonia Josefina Adelheid Wilhelmina van der Oudenhuijsen-Schouwenaars de Albuquerque e Castro da Silva Pereira",
	"=1+1 Trial",
	"+Plus Sign",
	"-Minus Sign",
	"@At Sign",
	"Bell\aRing",
	"Tab\tStop",
	"Test 🙂 Badge",
	`"Quote" <b>Bold</b> & Co`,
	"مريم",
	"  spaces  ",
}

// headcounts are the persons of each organization: 600 in all.
var headcounts = []int{110, 60, 70, 120, 100, 60, 30, 50}

func (d *demo) people() {
	for i, n := range headcounts {
		for range n {
			d.newPerson(d.orgs[i])
		}
	}
	for i, p := range d.living.people {
		switch {
		case p.nodes[0] == d.orgs[3] && i%4 == 0:
			p.nodes = []*structure{d.labs[0]}
		case p.nodes[0] == d.orgs[0] && i%5 == 0:
			p.nodes = []*structure{d.labs[1]}
		case i%41 == 7: // in two organizations
			p.nodes = append(p.nodes, d.orgs[(i/41)%6])
			if p.nodes[0] == p.nodes[1] {
				p.nodes[1] = d.labs[0]
			}
		}
	}
	d.oddPeople()
	d.teamUp()
}

func (d *demo) newPerson(org *structure) *person {
	joined := d.day(-d.dice.between(100, 880)) + int64(d.dice.between(8, 18))*hourMS + int64(d.dice.below(hourMS))
	n := len(d.living.people)
	if n%50 == 13 { // twelve who came within the 90 days, two on a day
		joined = d.day(-80+n/100*14) + 9*hourMS + int64(n)*1000
	}
	p := &person{
		id: d.mint.idMS(joined), name: d.name(), code: fmt.Sprintf("%06d", 400+n*7), nodes: []*structure{org},
		sex: 1 + d.dice.below(2), country: "+86", prints: -1, password: d.dice.perMille(150),
	}
	p.mobile = fmt.Sprintf("1%d%d****%04d", d.dice.between(3, 8), d.dice.below(10), d.dice.below(10000))
	if n%29 == 3 {
		p.country = []string{"+44", "+7", "+82", "+49"}[n/29%4]
	}
	switch k := d.dice.below(1000); {
	case k < 680:
		p.cards = 1
	case k < 840:
		p.cards = 2
	case k < 900:
		p.cards = 3
	}
	if p.cards == 0 || d.dice.perMille(620) {
		p.faces = 1
	}
	if d.dice.perMille(500) {
		p.prints = d.dice.below(3)
	}
	if org == d.orgs[7] && n%4 == 0 {
		p.code = "" // visitors without a work number
	}
	p.listName, p.listCode = p.name, p.code
	d.living.people = append(d.living.people, p)
	return p
}

// oddPeople makes the persons that are cases of doubtful identity (R08) and
// of names that are hard to show.
func (d *demo) oddPeople() {
	all := d.living.people
	for i, name := range rareNames {
		p := all[17+i*43]
		p.name, p.listName = name, name
	}
	// One work number under two ids; the second time the twin has nothing
	// but its place in the list.
	d.twin(all[25], all[26])
	lone := d.newPerson(d.orgs[0])
	lone.nodes = nil
	d.twin(all[31], lone)
	// The same name in the same organization, blanks and case aside.
	all[120].name, all[120].listName = "Elena Novak", "Elena Novak"
	all[121].name, all[121].listName = "elena  novak", "elena  novak"
	// Other names, or another work number, in list-auth-person.
	all[40].listName = "Jane " + all[40].name
	all[41].listName = strings.ToUpper(all[41].name) + " 2"
	all[200].listName = "李小明"
	all[201].listCode = "9" + all[201].code
	for _, i := range []int{60, 61, 310} { // hold permissions, but are not listed
		all[i].unlisted = true
	}
	for range 2 { // listed, hold none
		d.newPerson(d.orgs[1]).nodes = nil
	}
	d.newPerson(d.orgs[4]).nodes = nil // gets a rule of its own
	for _, i := range []int{75, 190, 333, 402, 505, 560} {
		all[i].cards, all[i].faces, all[i].prints, all[i].password = 0, 0, 0, false // nothing enrolled
	}
	for _, i := range []int{97, 298, 451} {
		all[i].cards, all[i].faces = 1, 1
		d.untried[all[i]] = true
	}
	for range 46 {
		p := d.newPerson(pick(&d.dice, d.orgs))
		d.left = append(d.left, p)
	}
	d.living.people = d.living.people[:len(d.living.people)-len(d.left)]
}

func (d *demo) twin(a, b *person) {
	b.name, b.listName, b.code, b.listCode = a.name, a.name, a.code, a.code
}

// loner returns the person without organization who has a rule.
func (d *demo) loner() *person { return d.living.people[len(d.living.people)-1] }

// teamUp makes the person groups.
func (d *demo) teamUp() {
	team := func(name string, suits func(i int, p *person) bool, limit int) *personGroup {
		g := &personGroup{id: d.mint.idMS(d.day(-700)), name: name}
		for i, p := range d.living.people[:600] {
			if len(g.members) < limit && suits(i, p) {
				g.members = append(g.members, p)
			}
		}
		d.teams = append(d.teams, g)
		return g
	}
	d.guards = team("保安 Guards", func(_ int, p *person) bool { return p.nodes[0] == d.orgs[6] }, 10)
	team("Cleaners", func(i int, p *person) bool { return p.nodes[0] == d.orgs[2] && i%5 == 0 }, 12)
	team("Drivers", func(i int, p *person) bool { return i%4 == 1 && p.nodes[0] != d.orgs[7] }, 140)
	team("Treasurers", func(int, *person) bool { return false }, 0)
}
