package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestSampleIsDrawnAgain draws samples with sha256sum and sort.
func TestSampleIsDrawnAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	var text strings.Builder
	text.WriteString("id,note\n")
	for i := range 60 {
		fmt.Fprintf(&text, "%d,\"a \"\"note\"\"\nof two lines, %d\"\n", i, i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text.String()))
	for _, test := range []struct {
		seed string
		n    int
	}{{"8812", 5}, {"it's FY26: 100% 门", 7}, {"a", 60}, {"b", 1000}, {`\n`, 1}} {
		s, err := DrawSample(t.Context(), path, test.n, test.seed)
		if err != nil {
			t.Fatal(err)
		}
		if s.Rows != 60 || s.SHA256 != hex.EncodeToString(sum[:]) || s.Header != "id,note" {
			t.Errorf("%d rows, %s, %q", s.Rows, s.SHA256, s.Header)
		}
		again := exec.CommandContext(t.Context(), "bash", "-c", `seq 1 60 | while read -r i; do
printf '%s %s\n' "$(printf '%s:%s' "$SEED" "$i" | sha256sum | cut -c1-64)" "$i"; done | sort | head -n "$N"`)
		again.Env = append(os.Environ(), "SEED="+test.seed, fmt.Sprint("N=", test.n))
		out, err := again.Output()
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, r := range s.Chosen {
			fmt.Fprintf(&got, "%s %d\n", r.SHA256, r.Number)
			want := fmt.Sprintf("%d,\"a \"\"note\"\"\nof two lines, %[1]d\"", r.Number-1)
			if r.Record != want || *r.Values[0] != fmt.Sprint(r.Number-1) ||
				*r.Values[1] != fmt.Sprintf("a \"note\"\nof two lines, %d", r.Number-1) {
				t.Errorf("row %d is %q, want %q", r.Number, r.Record, want)
			}
		}
		if diff := gocmp.Diff(string(out), got.String()); diff != "" {
			t.Errorf("seed %q: sample mismatch (-want +got):\n%s", test.seed, diff)
		}
	}
}

func TestSampleOfNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	for text, want := range map[string]string{"": "empty", "id": "cut off",
		"id\n1,2\n": "2 fields, not 1"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := DrawSample(t.Context(), path, 3, "x"); err == nil || !strings.Contains(err.Error(),
			want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if err := os.WriteFile(path, []byte("id\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := DrawSample(t.Context(), path, 3, "x"); err != nil || s.Rows != 0 ||
		len(s.Chosen) != 0 || s.Columns[0] != "id" {
		t.Errorf("no rows: %+v, %v", s, err)
	}
}
