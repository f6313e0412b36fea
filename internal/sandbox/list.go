package sandbox

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// list is a list before it is cut into pages: row appends the JSON of row i.
type list struct {
	total int
	row   func(dst []byte, i int) []byte
}

// listOf is the list of rows, each as view shows it.
func listOf[T, V any](rows []T, view func(T) V) list {
	return list{len(rows), func(dst []byte, i int) []byte { return appendJSON(dst, view(rows[i])) }}
}

// pageRows is one page: the rows in it by number, and what the answer says
// of the whole list.
type pageRows struct {
	rows  []int
	total int
	more  bool
}

// cut returns the page asked for, with the faults that alter lists.
func (c *call) cut(total int) pageRows {
	p := c.pg
	if c.on(faultEmpty) {
		return pageRows{}
	}
	if c.on(faultPageCap) {
		p.size = min(p.size, 20)
	}
	at := func(i int) int { return i }
	said := total
	if c.on(faultDrift) {
		at, said = c.drifted(total, p)
	}
	if c.on(faultRestless) && p.page == 1 && said-1 > p.size {
		said--
	}
	present := said
	if c.on(faultLostPage) && said > p.size {
		present = max(p.size, said-p.size)
		before := at
		at = func(i int) int {
			if i >= p.size {
				i += p.size
			}
			return before(i)
		}
	}
	if c.on(faultRepeatPage) && (p.page-1)*p.size < said {
		p.page = 1
	}
	var out pageRows
	// The product cannot overflow: both are 32-bit numbers.
	for i := (p.page - 1) * p.size; i < min(p.page*p.size, present); i++ {
		out.rows = append(out.rows, at(i))
	}
	n := len(out.rows)
	c.rowsSeen = n
	if c.on(faultShortPage) && p.page == 1 && n > 1 {
		out.rows = out.rows[:n-1]
	}
	if c.on(faultDuplicate) && n > 1 && (p.page == 2 || p.page == 1 && said <= p.size+1) {
		out.rows[len(out.rows)-1] = out.rows[0]
	}
	out.total = said
	out.more = p.page*p.size < said
	if c.on(faultWrongTotal) {
		out.total++
	}
	if c.on(faultHasMore) {
		out.more = !out.more
	}
	return out
}

// drifted returns where the rows of a list stand for the fault drift, and
// its total: half of the lists rotate by one row once their second page is
// asked for, the others gain a row at the front.
func (c *call) drifted(total int, p paging) (at func(int) int, said int) {
	same := func(i int) int { return i }
	if total-1 <= p.size {
		return same, total
	}
	key := c.listKey()
	stage := c.s.drifts.stage(key, p.page)
	if mix(key, c.s.o.Seed)%2 == 0 {
		if stage == driftBefore {
			return same, total
		}
		return func(i int) int { return (i + 1) % total }, total
	}
	if stage == driftBefore {
		return same, total - 1
	}
	return func(i int) int { return (i + total - 1) % total }, total
}

// listKey is the operation with its parameters except those of paging.
func (c *call) listKey() uint64 {
	h := sum(c.op.name)
	for _, k := range slices.Sorted(maps.Keys(c.v)) {
		if k == "page" || k == "pageSize" {
			continue
		}
		h = mix(h, sum(k, string(appendJSON(nil, c.v[k]))))
	}
	return h
}

// listReply answers the page asked for as {"list", "total"}, with has_more
// first where it is on.
func (c *call) listReply(l list) reply {
	p := c.cut(l.total)
	b := make([]byte, 0, 64+len(p.rows)*800)
	b = append(b, '{')
	b = c.appendMore(b, p)
	b = append(b, `"list":`...)
	b = appendRows(b, l, p)
	b = append(b, `,"total":`...)
	b = strconv.AppendInt(b, int64(p.total), 10)
	return reply{result: append(b, '}')}
}

func (c *call) appendMore(b []byte, p pageRows) []byte {
	if c.s.o.Switches.HasMore || c.on(faultHasMore) {
		b = append(b, `"has_more":`...)
		b = strconv.AppendBool(b, p.more)
		b = append(b, ',')
	}
	return b
}

func appendRows(b []byte, l list, p pageRows) []byte {
	b = append(b, '[')
	for n, i := range p.rows {
		if n > 0 {
			b = append(b, ',')
		}
		b = l.row(b, i)
	}
	return append(b, ']')
}

// on reports whether a fault is on for the operation of c.
func (c *call) on(name string) bool { return c.s.faultsNow().on(name, c.op.name) }

// distorted rewrites a result as the faults that touch its form say.
func (c *call) distorted(result []byte) []byte {
	strs, camels, unknown := c.on(faultStrings), c.on(faultCamel), c.on(faultUnknown)
	if !strs && !camels && !unknown {
		return result
	}
	d := json.NewDecoder(bytes.NewReader(result))
	d.UseNumber()
	var x any
	if err := d.Decode(&x); err != nil {
		panic("sandbox: a result that is not JSON: " + err.Error()) // we wrote it
	}
	var walk func(any) any
	walk = func(x any) any {
		switch x := x.(type) {
		case json.Number:
			if strs {
				return x.String()
			}
		case []any:
			for i := range x {
				x[i] = walk(x[i])
			}
		case map[string]any:
			out := make(map[string]any, len(x)+2)
			for k, v := range x {
				if camels {
					k = camel(k)
				}
				out[k] = walk(v)
			}
			if unknown {
				out["gmt_modified"] = json.Number("1664188226266")
				out["extension"] = map[string]any{"list": []any{}, "total": nil, "note": `"}],{`}
			}
			return out
		}
		return x
	}
	return appendJSON(nil, walk(x))
}

// camel returns a snake_case name as the documents' tables spell it.
func camel(name string) string {
	name = strings.NewReplacer("_vo_", "_VO_", "_v_o_", "_VO_", "_volist", "_VO_list").Replace(name)
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}
