package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// Every column of every table has a treatment, and no treatment is of a column
// that there is not: whoever adds one has to say what becomes of it.
func TestTreatments(t *testing.T) {
	db, err := openMemory(func(func(string, ...any) error) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	text, err := os.ReadFile("schema/1_base.sql")
	if err != nil {
		t.Fatal(err)
	}
	all, err := schemaSQL()
	if err != nil || !strings.Contains(all, string(text)) {
		t.Fatal("the schema has another beginning", err)
	}
	if _, err := db.Exec(all); err != nil {
		t.Fatal(err)
	}
	tables, err := texts(t.Context(), db, "SELECT table_name FROM duckdb_tables() WHERE table_name <> 'store' ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Sorted(maps.Keys(treatments)); !slices.Equal(tables, want) {
		t.Errorf("tables %q, with treatments %q", tables, want)
	}
	for _, table := range tables {
		columns, err := texts(t.Context(), db, "SELECT column_name FROM duckdb_columns() WHERE table_name = $1 AND schema_name = 'base' ORDER BY 1", table)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := treat(table, columns); err != nil {
			t.Error(err)
		}
		var treated []string
		for _, names := range treatments[table] {
			treated = append(treated, strings.Fields(names)...)
		}
		if slices.Sort(treated); !slices.Equal(columns, treated) {
			t.Errorf("%s: columns %q, with a treatment %q", table, columns, treated)
		}
	}
	if _, err := treat("persons", []string{"person_id", "birthday"}); err == nil {
		t.Error("a column without a treatment is let through")
	}
}

func TestHideName(t *testing.T) {
	for full, want := range map[string]string{
		"张伟": "张*", "王小明": "王*", "欧阳修": "欧阳*", "歐陽修": "歐陽*", "司马": "司*", "诸葛亮": "诸葛*", "𠮷田健": "𠮷*",
		"李小明 (保安)": "李*", "Jane 周杰": "周*", "김민준": "김*", "남궁민수": "남궁*", "さくら": "さ*",
		"Jane Tuya": "Tuya *", "Novak, Elena": "Novak *", "van der Berg, Jan": "van der Berg *", "Elena  Novak": "Novak *",
		"Sean O'Neill": "O'Neill *", "Ana García-López": "García-López *", "Иван Зайцев": "Зайцев *", "مريم": "م*",
		"Cher": "C*", "X Æ": "X*", "张": "*", "": "*", "🙂": "*", "12345678": "*", "John 18212345678": "J*", "ann@example.com": "a*",
		"Ann ann@example.com": "A*", "=1+1 Trial": "Trial *", "Ann, ": "A*", ", Ann": "*",
		"Elena Novak, PhD": "Novak *", "Elena.Novak, X": "E*", "Contractor Elena.Novak": "C*", "Elena Novak, Contractor Ltd.": "Novak *",
		"De la Cruz, Juan": "De la Cruz *", "Jan van der Berg, MSc": "Berg *", "Elena .": "E*", "Dr. Elena Novak": "Novak *",
		"Novak, Elena, PhD": "Novak *", "Elena，Novak": "E*", "van, Jan": "van *", "Elena\u00a0Novak, PhD": "Novak *",
	} {
		if got := hideName(full); got != want {
			t.Errorf("hideName(%q) = %q, want %q", full, got, want)
		}
	}
	for number, want := range map[string]string{"18212342940": "*2940", "182****2940": "*2940", "2940": "*", "": "*"} {
		if got := hideMobile(number); got != want {
			t.Errorf("hideMobile(%q) = %q, want %q", number, got, want)
		}
	}
}

// Pseudonyms can be computed by anybody who has the key, as the README says.
func TestPseudonym(t *testing.T) {
	key := maskKey(strings.Repeat("k", keySize))
	hash := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	want := base32.StdEncoding.EncodeToString(hash(hash(key, "p1"), "1532183396648747008"))[:12]
	if got := pseudonym(key.derive("p1"), "1532183396648747008"); got != want {
		t.Errorf("pseudonym %s, want %s", got, want)
	}
}

// Texts that differ have tags that differ, and those that are one but for capitals
// and blanks have the same letters.
func TestTags(t *testing.T) {
	key := maskKey(strings.Repeat("k", keySize))
	all := []string{"Elena Novak", "elena  novak", "ELENA NOVAK", "Petra Novak", "", "  ", "张伟", "张三"}
	got := key.tags("name", all, shortTag, hideName)
	seen := map[string]string{}
	for _, s := range all {
		if other, twice := seen[got[s]]; twice {
			t.Errorf("%q and %q are both %q", s, other, got[s])
		}
		seen[got[s]] = s
	}
	lower := func(s string) string { return strings.ToLower(got[s]) }
	if lower(all[0]) != lower(all[1]) || lower(all[0]) != lower(all[2]) || lower(all[0]) == lower(all[3]) {
		t.Errorf("tags %q", got)
	}
	if got[""] != "" || got["  "] != "  " {
		t.Errorf("empty texts become %q and %q", got[""], got["  "])
	}
	// Blanks around a text stay around its tag; those within a name do not count.
	got = key.tags("name", []string{"ZW-1 ", "ZW-1", "\u3000ZW-1", "PetraNovak", "Petra Novak", "petra\u3000novak", " 9 "}, shortTag, hideName)
	if code := got["ZW-1"]; got["ZW-1 "] != code+" " || got["\u3000ZW-1"] != "\u3000"+code || got["9"] == "" {
		t.Errorf("tags of blanks around: %q", got)
	}
	if a, b, c := lower("PetraNovak"), lower("Petra Novak"), lower("petra\u3000novak"); a != b || a != c || got["PetraNovak"] == got["Petra Novak"] {
		t.Errorf("tags of blanks within: %q", got)
	}
	// A tag that is taken is made longer.
	many := make([]string, 3000)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	short := map[string]bool{}
	for _, s := range key.tags("name", many, 2, func(string) string { return "" }) {
		short[s] = true
	}
	if len(short) != len(many) {
		t.Errorf("%d tags of %d texts", len(short), len(many))
	}
}

func TestScrub(t *testing.T) {
	var s scrubber
	for was, becomes := range map[string]string{"Ann Lee": "A", "Ann": "B", "张伟": "C", "1532183396648747008": "D", "12345": "no", "Q": "no", "ZW-1": "E"} {
		s.add(was, becomes)
	}
	for text, want := range map[string]string{
		"Office of Ann Lee, Ann and Annette": "Office of A, B and Annette",
		"张伟的门 12345 Q":                       "C的门 12345 Q", "x1532183396648747008": "x1532183396648747008",
		"a/1532183396648747008/ZW-1": "a/D/E", "": "", "ZW-12": "ZW-12", "\xff张伟": "\xffC", "nothing": "nothing",
		"OFFICE OF ANN LEE, ann and ANNETTE": "OFFICE OF A, B and ANNETTE", "İ ann lee, zw-1 İ": "İ A, E İ", "\xffANN\xff": "\xffB\xff",
	} {
		if got := s.scrub(text); got != want {
			t.Errorf("scrub(%q) = %q, want %q", text, got, want)
		}
	}
	// A spelling that is known itself is what it is.
	s.add("Bo Ek", "F")
	s.add("bo ek", "G")
	if got := s.scrub("Bo Ek, bo ek, BO EK"); got != "F, G, F" {
		t.Errorf("scrub of spellings = %q", got)
	}
}

// What a purge looks for in raw pages is an id, and no part of a longer one.
func TestNames(t *testing.T) {
	for text, want := range map[string]bool{
		`{"personId":"u1"}`: true, "u1": true, "u1,u2": true, "x/u1": true, "u12 u1": true,
		"": false, "u12": false, "xu1": false, "9u1": false, "u1x u1A u19": false,
	} {
		if got := names([]byte(text), "u1"); got != want {
			t.Errorf("names(%q) = %t", text, got)
		}
	}
}
