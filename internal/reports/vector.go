package reports

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"exporter/internal/store"
)

// kind is what a vector's numbers stand for.
type kind uint8

const (
	kindText kind = iota // number of a text
	kindInteger
	kindNumber // bits of a float
	kindYesNo
	kindMoment // microseconds since 1970
	kindWall   // the same of a time without a zone
	kindDay    // the same of a day
	kindList   // number of a text: the list as JSON
)

// listValue is the value of a column of lists: texts, [json.Number], booleans, nil
// and lists.
type listValue []any

// words is a list in one line.
func (l listValue) words() string {
	parts := make([]string, len(l))
	for i, e := range l {
		parts[i] = asText(e)
		if e == nil {
			parts[i] = nothing
		} else if parts[i] == "" {
			parts[i] = emptyText
		}
	}
	return strings.Join(parts, ", ")
}

// A vector holds the values of one column. A column has the kind that the
// database declares, else that of its first value; one that turns out to be
// mixed becomes text.
type vector struct {
	kind   kind
	typed  bool
	times  kind // what a time of this column is: a moment where this is 0
	values []int64
	nulls  []uint64 // a bit a row
	anyNil bool

	texts []byte // the distinct texts, one after another
	ends  []int64
	known map[string]int64 // nil once there are too many to be worth it
}

// internLimit is how many distinct texts of a column are looked for among
// those seen: ids are nearly all different, names and states are not.
const internLimit = 1 << 16

func (v *vector) setNull(row int) {
	for len(v.nulls) <= row/64 {
		v.nulls = append(v.nulls, 0)
	}
	v.nulls[row/64] |= 1 << (row % 64)
	v.anyNil = true
}

func (v *vector) null(row int) bool {
	return v.anyNil && row/64 < len(v.nulls) && v.nulls[row/64]&(1<<(row%64)) != 0
}

func (v *vector) intern(s string) int64 {
	if i, ok := v.known[s]; ok {
		return i
	}
	i := int64(len(v.ends))
	v.texts = append(v.texts, s...)
	v.ends = append(v.ends, int64(len(v.texts)))
	switch {
	case i == 0:
		v.known = map[string]int64{s: 0}
	case i >= internLimit:
		v.known = nil
	case v.known != nil:
		v.known[s] = i
	}
	return i
}

func (v *vector) text(i int64) string {
	start := int64(0)
	if i > 0 {
		start = v.ends[i-1]
	}
	return string(v.texts[start:v.ends[i]])
}

// add appends one value as the driver gave it.
func (v *vector) add(value any) {
	row := len(v.values)
	x, k, ok := reduce(value)
	if !ok {
		v.setNull(row)
		v.values = append(v.values, 0)
		return
	}
	if k == kindMoment && v.times != 0 {
		k = v.times
	}
	if !v.typed {
		v.kind, v.typed = k, true
	}
	if k != v.kind {
		v.mix()
		x = asText(x)
	}
	switch x := x.(type) {
	case string:
		v.values = append(v.values, v.intern(x))
	case int64:
		v.values = append(v.values, x)
	case float64:
		v.values = append(v.values, int64(math.Float64bits(x)))
	case bool:
		n := int64(0)
		if x {
			n = 1
		}
		v.values = append(v.values, n)
	case time.Time:
		v.values = append(v.values, x.UnixMicro())
	case listValue:
		v.values = append(v.values, v.intern(string(x.json())))
	}
}

// mix turns all values so far into text.
func (v *vector) mix() {
	if v.kind == kindText {
		return
	}
	for i := range v.values {
		if !v.null(i) {
			v.values[i] = v.intern(asText(v.at(i)))
		}
	}
	v.kind = kindText
}

// at returns the value of a row: nil, string, int64, float64, bool,
// time.Time or listValue.
func (v *vector) at(row int) any {
	if v.null(row) {
		return nil
	}
	x := v.values[row]
	switch v.kind {
	case kindText:
		return v.text(x)
	case kindNumber:
		return math.Float64frombits(uint64(x))
	case kindYesNo:
		return x != 0
	case kindMoment:
		return time.UnixMicro(x).UTC()
	case kindWall, kindDay:
		return time.UnixMicro(x).In(wall)
	case kindList:
		return listOf(v.text(x))
	default:
		return x
	}
}

// reduce brings a value of the driver down to one of six types; a number that
// would lose digits is its text. It returns false for NULL.
func reduce(value any) (any, kind, bool) {
	switch x := value.(type) {
	case nil:
		return nil, 0, false
	case string:
		return x, kindText, true
	case []byte:
		return string(x), kindText, true
	case bool:
		return x, kindYesNo, true
	case int64:
		return x, kindInteger, true
	case int32:
		return int64(x), kindInteger, true
	case int16:
		return int64(x), kindInteger, true
	case int8:
		return int64(x), kindInteger, true
	case int:
		return int64(x), kindInteger, true
	case uint8:
		return int64(x), kindInteger, true
	case uint16:
		return int64(x), kindInteger, true
	case uint32:
		return int64(x), kindInteger, true
	case uint64:
		if x > math.MaxInt64 {
			return fmt.Sprint(x), kindText, true
		}
		return int64(x), kindInteger, true
	case *big.Int:
		if !x.IsInt64() {
			return x.String(), kindText, true
		}
		return x.Int64(), kindInteger, true
	case float64:
		return x, kindNumber, true
	case float32:
		return float64(x), kindNumber, true
	case time.Time:
		return x, kindMoment, true
	case interface{ Float64() float64 }: // the driver's decimal
		return exactly(x.Float64(), store.Text(x, "DECIMAL"))
	case []any:
		l := make(listValue, len(x))
		for i, e := range x {
			l[i], _, _ = reduce(e)
		}
		return l, kindList, true
	case listValue:
		return x, kindList, true
	case map[string]any: // JSON
		return string(jsonText(x)), kindText, true
	default:
		return fmt.Sprint(x), kindText, true
	}
}

// exactly is a decimal as a number where that has all its digits, else as text.
func exactly(x float64, text string) (any, kind, bool) {
	digits := text
	if strings.Contains(text, ".") {
		digits = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if strconv.FormatFloat(x, 'f', -1, 64) == digits {
		return x, kindNumber, true
	}
	return text, kindText, true
}

// json is the list as JSON, numbers in it exact.
func (l listValue) json() []byte {
	items := make([]any, len(l))
	for i, e := range l {
		switch e := e.(type) {
		case listValue:
			items[i] = json.RawMessage(e.json())
		case time.Time:
			items[i] = e.Format(time.RFC3339Nano)
		case float64:
			items[i] = jsonNumber(e)
		default:
			items[i] = e
		}
	}
	return jsonText(items)
}

// listOf reads a list that json wrote.
func listOf(text string) listValue {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var items []any
	if err := d.Decode(&items); err != nil {
		return listValue{text} // only of a text that json did not write
	}
	for i, e := range items {
		if inner, ok := e.([]any); ok {
			items[i] = listValue(inner)
		}
	}
	return items
}

func asText(value any) string {
	switch x := value.(type) {
	case nil:
		return ""
	case string:
		return x
	case listValue:
		return x.words()
	case []any:
		return listValue(x).words()
	case time.Time:
		return x.UTC().Format(time.RFC3339)
	default:
		return fmt.Sprint(x)
	}
}
