package sandbox

import "fmt"

// places makes the organizations, areas, devices, channels and their groups.
func (d *demo) places() {
	d.organizations()
	built := d.day(-900)
	room := func(floor, part string) (id, path string) {
		path = "一号楼 Building One/" + floor + "/" + part
		return snowflake(built, mix(sum(path))), path
	}
	add := func(name string, no int, floor, part string, dev *device) *channel {
		c := &channel{id: d.mint.idMS(built), name: name, no: no, device: dev}
		c.room, c.path = room(floor, part)
		d.channels = append(d.channels, c)
		return c
	}
	dev := func(name string) *device {
		return &device{id: fmt.Sprintf("vdevo%015d", 166_000_000+len(d.channels)), name: name, failCard: 8, failFace: 25, failDelete: 100}
	}
	group := func(name string, cs ...*channel) *channelGroup {
		g := &channelGroup{id: d.mint.idMS(built), name: name, channels: cs}
		d.groups = append(d.groups, g)
		return g
	}
	d.public = group("公共入口 Public entrances",
		add("Main Entrance 1", 1, "1F", "Lobby", dev("Lobby controller")),
		add("Main Entrance 2", 2, "1F", "Lobby", d.channels[0].device),
		add("大堂闸机 1", 1, "1F", "Lobby", dev("大堂闸机控制器")),
		add("大堂闸机 2", 2, "1F", "Lobby", d.channels[2].device),
		add("North Door", 1, "1F", "North", dev("North controller")),
		add("South Door", 1, "1F", "South", dev("South controller")),
	)
	d.parking = group("车库 Car park",
		add("Car Park Barrier 1", 1, "B1", "Car park", dev("Barrier controller")),
		add("Car Park Barrier 2", 2, "B1", "Car park", d.channels[6].device),
		add("车库人行门", 1, "B1", "Car park", dev("车库控制器")),
		add("North Door", 1, "B1", "North", dev("Basement controller")), // the name of another one
	)
	for i, org := range d.orgs {
		floor := fmt.Sprintf("%dF", i+2)
		a, b := dev(floor+" controller A"), dev(floor+" controller B")
		var cs []*channel
		for k, part := range []string{"East Door", "West Door", "会议区", "Archive", "Pantry"} {
			dv := a
			if k > 1 {
				dv = b
			}
			cs = append(cs, add(floor+" "+part, k%2+1, floor, part, dv))
		}
		d.floors = append(d.floors, group(floor+" "+org.StructureName, cs...))
	}
	d.plant = group("Plant rooms",
		add("Switch Room", 1, "B1", "Plant", dev("Plant controller")),
		add("机房 Server Room", 1, "2F", "Plant", dev("机房控制器")),
		add("Boiler Room", 2, "B1", "Plant", d.channels[50].device),
		add("Roof Access", 1, "10F", "Roof", dev("Roof controller")),
	)
	d.oddChannels(add, dev)
	d.faultyDevices()
}

// oddChannels makes the channels that are cases.
func (d *demo) oddChannels(add func(string, int, string, string, *device) *channel, dev func(string) *device) {
	o := &d.odd
	for i := range o.docks {
		o.docks[i] = add("Loading Dock", 1, "B1", "Dock", dev("Dock controller"))
	}
	o.vault = add("金库 Vault", 1, "B1", "Vault", dev("Vault controller"))
	o.oldWing = add("Old Wing Door", 1, "1F", "Old wing", dev("Old wing controller"))
	d.groups = append(d.groups, &channelGroup{id: d.mint.idMS(d.day(-900)), name: "旧楼 Old wing", channels: []*channel{o.oldWing}})
	o.cash = add("Cash Office", 1, "3F", "Cash office", dev("Cash office controller"))
	o.fireExit = add("Fire Exit Stair B", 1, "1F", "Stair B", dev("Stair controller"))
	o.dead = d.floors[4].channels[3]
}

// faultyDevices makes some devices refuse more than others.
func (d *demo) faultyDevices() {
	d.floors[0].channels[2].device.failFace = 300
	d.floors[3].channels[0].device.failFace = 250
	d.floors[2].channels[0].device.failCard = 200
	d.floors[5].channels[0].device.failDelete = 900
	dead := *d.odd.dead.device
	dead.id, dead.name, dead.offlineFrom = "vdevo000000000000999", "6F controller C", d.day(-12)
	d.odd.dead.device = &dead
}

func (d *demo) organizations() {
	made := d.day(-1000)
	add := func(name, code string, sort int, parent *structure) *structure {
		n := &structure{parent: parent, Structure: Structure{
			StructureID: d.mint.idMS(made), StructureName: name, ProjectID: d.s.project, Sort: sort,
			AliasCode: code, AliasCodePath: code, ExternalNo: "ORG-" + code,
		}}
		if parent != nil {
			n.ParentStructureID = &parent.StructureID
			n.Level, n.AliasCodePath = parent.Level+1, parent.AliasCodePath+"/"+code
		}
		d.nodes = append(d.nodes, n)
		return n
	}
	d.root = add("一号楼 Building One", "01", 1, nil)
	d.root.Remark = "the building as a whole"
	for i, name := range []string{
		"工程部 Engineering", "财务部 Finance", "物业部 Facilities", "研发部 Research",
		"销售部 Sales", "物流部 Logistics", "安保部 Security", "访客 Visitors",
	} {
		d.orgs = append(d.orgs, add(name, fmt.Sprintf("01%02d", i+1), i+1, d.root))
	}
	d.labs = []*structure{
		add("实验室 Laboratory", "010401", 1, d.orgs[3]),
		add("维修组 Maintenance", "010101", 1, d.orgs[0]),
	}
	d.empty = add("旧楼 Old Wing", "010301", 1, d.orgs[2])
}
