package evidence

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Of a line of which one bit was changed the number is told, and how many lines before
// it are intact.
func TestChangedLine(t *testing.T) {
	for _, mask := range []string{"full", "standard"} {
		text := journalText(t, mask, 4)
		hashes, err := readChain(bytes.NewReader(text), mask != "full", "")
		if err != nil {
			t.Fatal(err)
		}
		head := fmt.Sprintf("%x", hashes[len(hashes)-1])
		found := 0
		for i := range text {
			changed := bytes.Clone(text)
			changed[i] ^= 1
			line := bytes.Count(text[:i], []byte("\n")) + 1
			hashes, err := readChain(bytes.NewReader(changed), mask != "full", head)
			same := err == nil && fmt.Sprintf("%x", hashes[len(hashes)-1]) == head
			if err == nil && (line == 4 || mask != "full" && same) {
				continue // the last line is compared with the head, what is masked not with its hash
			}
			before := []string{"", "; the line before it is intact", "; the 2 lines before it are intact", "; the 3 lines before it are intact"}
			named := func(line int) bool {
				return err != nil && strings.Contains(err.Error(), fmt.Sprintf("line %d: ", line)) && strings.HasSuffix(err.Error(), before[line-1])
			}
			oneOf := mask != "full" && line > 1 && named(line-1) && strings.Contains(err.Error(), fmt.Sprintf("or line %d: ", line))
			if !named(line) && !oneOf {
				t.Errorf("%s, byte %d of line %d: %v", mask, i, line, err)
			}
			found++
		}
		if found < 500 {
			t.Errorf("%s: only %d changes found", mask, found)
		}
	}
}

// A journal that was cut, or has more lines, is said to be so, also where all but
// bag-info.txt was made to fit.
func TestJournalEnd(t *testing.T) {
	key, signers := newKey(t)
	payload := payload(t, "full")
	sealed := writeBundle(t, t.TempDir(), "evidence-2026", payload, seal(key, signers, "full", payload["journal.ndjson"]))
	for name, test := range map[string]struct {
		change func(lines []string) []string
		says   string
	}{
		"cut":     {func(l []string) []string { return l[:4] }, "cut short: it has 4 lines, and by Journal-Length of bag-info.txt it had 6"},
		"all cut": {func([]string) []string { return nil }, "cut short: it has 0 lines, and by Journal-Length of bag-info.txt it had 6"},
		"longer": {func(l []string) []string { return rechained(append(l, edited(l[5]))) },
			"lines were added: it has 7, and by Journal-Length of bag-info.txt it had 6"},
		"changed at its end": {func(l []string) []string { l[5] = edited(l[5]); return l }, "line 6, the last: it was changed"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string][]byte{}
			for name, content := range contents(t, sealed.Dir) {
				files[name] = []byte(content)
			}
			lines := slices.Collect(strings.Lines(string(files[journalName])))
			files[journalName] = []byte(strings.Join(test.change(lines), ""))
			remade(t, files, "full", false)
			var err error
			if files[signatureName], err = key.Sign(namespace, files[tagManifestName]); err != nil {
				t.Fatal(err)
			}
			names, text := found(t, forms["folder"](t, files), VerifyOptions{Signers: signers})
			if len(names) != 1 || names[0] != journalName || !strings.Contains(text, test.says) {
				t.Errorf("found %q:\n%s", names, text)
			}
		})
	}
}
