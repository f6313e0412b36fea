package journal_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"exporter/internal/journal"
)

func now() time.Time { return time.Date(2026, 1, 2, 14, 0, 0, 0, time.FixedZone("", 8*3600)) }

func open(t testing.TB) *journal.Journal {
	t.Helper()
	return journal.Open(filepath.Join(t.TempDir(), "journal.ndjson"), now)
}

func add(t testing.TB, j *journal.Journal, kind string, detail any) journal.Head {
	t.Helper()
	head, err := j.Append(kind, detail)
	if err != nil {
		t.Fatal(err)
	}
	return head
}

func content(t testing.TB, j *journal.Journal) string {
	t.Helper()
	b, err := os.ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestLines(t *testing.T) {
	j := open(t)
	if head, err := j.Head(); err != nil || head.SHA256 != journal.Zero || head.Seq != 0 {
		t.Errorf("head of no journal = %v, %v", head, err)
	}
	first := add(t, j, "snapshot", map[string]any{"id": "20260102T060000Z"})
	second := add(t, j, "report", struct {
		Name string `json:"name"`
	}{"expiring"})
	want := `{"prev":"` + journal.Zero + `","seq":1,"at":"2026-01-02T06:00:00Z","kind":"snapshot","salt":"SALT","detail":{"id":"20260102T060000Z"}}
{"prev":"` + first.SHA256 + `","seq":2,"at":"2026-01-02T06:00:00Z","kind":"report","salt":"SALT","detail":{"name":"expiring"}}
`
	if got := salt.ReplaceAllString(content(t, j), `"salt":"SALT"`); got != want {
		t.Errorf("journal:\n%s\nwant:\n%s", got, want)
	}
	for name, read := range map[string]func() (journal.Head, error){
		"Head":   j.Head,
		"Verify": func() (journal.Head, error) { return journal.Verify(j.Path()) },
	} {
		if head, err := read(); err != nil || head != second {
			t.Errorf("%s = %v, %v; want %v", name, head, err, second)
		}
	}
}

var salt = regexp.MustCompile(`"salt":"[0-9a-f]{32}"`)

// Lines that say the same have another salt each; lines without one, which older
// versions wrote, are followed and added to.
func TestSalt(t *testing.T) {
	old := `{"prev":"` + journal.Zero + `","seq":1,"at":"2026-01-02T06:00:00Z","kind":"x","detail":{}}` + "\n"
	j := open(t)
	if err := os.WriteFile(j.Path(), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		add(t, j, "x", nil)
	}
	text := content(t, j)
	salts := salt.FindAllString(text, -1)
	slices.Sort(salts)
	if !strings.HasPrefix(text, old) || len(slices.Compact(salts)) != 3 {
		t.Errorf("journal:\n%s", text)
	}
	read := 0
	head, err := journal.Read(j.Path(), func(e journal.Entry) error {
		if (e.Salt == "") == (e.Seq == 1) {
			read++
		}
		return nil
	})
	if err != nil || head.Seq != 4 || read != 4 {
		t.Errorf("Read: %d of the lines have a salt or none as written, %v, %v", read, head, err)
	}
}

// The package comment promises that read and sha256sum are enough.
func TestCheckedByHand(t *testing.T) {
	j := open(t)
	add(t, j, "a", nil)
	add(t, j, "b", map[string]string{"text": `back\slash "quote" 中文 <&>`})
	head := add(t, j, "c", nil)
	script := `p=$(printf '0%.0s' {1..64}); while IFS= read -r l; do
  [ "${l:9:64}" = "$p" ] || echo BROKEN; p=$(printf '%s\n' "$l" | sha256sum | cut -c1-64); done < "$1"; echo "$p"`
	out, err := exec.Command("bash", "-c", script, "-", j.Path()).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != head.SHA256 {
		t.Errorf("by hand: %s, %v; want %s", out, err, head.SHA256)
	}
}

func TestBroken(t *testing.T) {
	whole := func(lines []string) string { return strings.Join(lines, "") }
	for _, test := range []struct {
		name   string
		change func(lines []string) string
		line   int64
	}{
		{"a line is edited", func(l []string) string { l[1] = strings.Replace(l[1], "two", "owt", 1); return whole(l) }, 2},
		{"a link is edited", func(l []string) string { l[1] = strings.Replace(l[1], `"prev":"`, `"prev":"0`, 1); return whole(l) }, 2},
		{"a line is dropped", func(l []string) string { return whole(slices.Delete(l, 1, 2)) }, 2},
		{"the first line is dropped", func(l []string) string { return whole(l[1:]) }, 1},
		{"a line stands twice", func(l []string) string { return whole(slices.Insert(l, 2, l[1])) }, 3},
		{"two lines change places", func(l []string) string { l[1], l[2] = l[2], l[1]; return whole(l) }, 2},
		{"a line is no JSON", func(l []string) string { l[2] = "hello\n"; return whole(l) }, 3},
		{"prev is not the first member", func(l []string) string { l[0] = strings.Replace(l[0], `{"prev"`, `{ "prev"`, 1); return whole(l) }, 1},
		{"a salt is too long", func(l []string) string { l[3] = strings.Replace(l[3], `"salt":"`, `"salt":"0`, 1); return whole(l) }, 4},
		{"the last newline is missing", func(l []string) string { return strings.TrimSuffix(whole(l), "\n") }, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			j := open(t)
			for _, kind := range []string{"one", "two", "three", "four"} {
				add(t, j, kind, nil)
			}
			changed := test.change(slices.Collect(strings.Lines(content(t, j))))
			if err := os.WriteFile(j.Path(), []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := journal.Verify(j.Path())
			broken, ok := errors.AsType[*journal.Broken](err)
			if !ok || broken.Line != test.line {
				t.Fatalf("Verify: %v; want line %d", err, test.line)
			}
			before := []string{"", "; the line before it is intact", "; the 2 lines before it are intact", "; the 3 lines before it are intact"}[test.line-1]
			if !strings.HasSuffix(err.Error(), before) {
				t.Errorf("Verify: %v; want it to end in %q", err, before)
			}
		})
	}
}

func TestTornLine(t *testing.T) {
	whole := func() string {
		j := open(t)
		add(t, j, "one", nil)
		add(t, j, "two", map[string]string{"long": strings.Repeat("x", 100)})
		return content(t, j)
	}()
	first := strings.Index(whole, "\n") + 1
	for _, cut := range []int{1, first - 1, first + 1, len(whole) - 1} {
		j := open(t)
		if err := os.WriteFile(j.Path(), []byte(whole[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		add(t, j, "next", map[string]int{"n": 1})
		add(t, j, "after", nil)
		got := content(t, j)
		if !regexp.MustCompile(`"kind":"next","salt":"[0-9a-f]{32}","detail":{"n":1,"torn":"journal.torn-1"}`).MatchString(got) {
			t.Errorf("cut at %d: the next entry does not tell:\n%s", cut, got)
		}
		torn, err := os.ReadFile(filepath.Join(filepath.Dir(j.Path()), "journal.torn-1"))
		if err != nil {
			t.Fatal(err)
		}
		kept := whole[:strings.LastIndex(whole[:cut], "\n")+1]
		if kept+string(torn) != whole[:cut] {
			t.Errorf("cut at %d: torn line is %q", cut, torn)
		}
		if !strings.HasPrefix(got, kept) {
			t.Errorf("cut at %d: lines before it have changed", cut)
		}
		if _, err := journal.Verify(j.Path()); err != nil {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func TestLongLines(t *testing.T) {
	j := open(t)
	for range 3 {
		add(t, j, "long", map[string]string{"x": strings.Repeat("y", 200_000)})
	}
	if head, err := journal.Verify(j.Path()); err != nil || head.Seq != 3 {
		t.Errorf("Verify = %v, %v", head, err)
	}
}

func TestWritersTakeTurns(t *testing.T) {
	path := open(t).Path()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			j := journal.Open(path, now)
			for range 20 {
				if _, err := j.Append("x", nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if head, err := journal.Verify(path); err != nil || head.Seq != 160 {
		t.Errorf("Verify = %v, %v; want 160 lines", head, err)
	}
}

func TestDetailIsAnObject(t *testing.T) {
	j := open(t)
	for _, detail := range []any{1, "x", []int{1}, func() {}} {
		if _, err := j.Append("x", detail); err == nil {
			t.Errorf("Append(%T) succeeds", detail)
		}
	}
	if _, err := os.Stat(j.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("journal was written: %v", err)
	}
}

func TestLastLineIsNoEntry(t *testing.T) {
	j := open(t)
	if err := os.WriteFile(j.Path(), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := j.Append("x", nil)
	if _, ok := errors.AsType[*journal.Broken](err); !ok {
		t.Errorf("Append: %v", err)
	}
	if got := content(t, j); got != "hello\n" {
		t.Errorf("journal is now %q", got)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"prev":"` + journal.Zero + `","seq":1,"at":"2026-01-02T06:00:00Z","kind":"x","detail":{}}` + "\n"))
	f.Add([]byte(`{"prev":"` + journal.Zero + `","seq":1,"at":"2026-01-02T06:00:00Z","kind":"x","salt":"000102030405060708090a0b0c0d0e0f","detail":{}}` + "\n"))
	f.Add([]byte("\n\n{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "journal.ndjson")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, before := journal.Verify(path)
		_, err := journal.Open(path, now).Append("next", nil)
		if before == nil && err != nil {
			t.Errorf("whole journal does not take a line: %v", err)
		}
		if _, after := journal.Verify(path); before == nil && after != nil {
			t.Errorf("whole journal broken by a line: %v", after)
		}
	})
}
