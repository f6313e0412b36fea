package evidence

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever a zip says of a member in one of the two places, and not in the other, is
// found, as is a member that stands there twice; and what is named is that member.
// What is done to a member's content TestTamper does.
func TestTamperZip(t *testing.T) {
	sealed, _ := small(t, "full")
	whole, err := os.ReadFile(sealed.Zip)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	// Where a field stands in the directory; before the entry 2 bytes earlier.
	fields := map[string]int{"flags": 8, "method": 10, "crc": 16, "packed size": 20, "size": 24}
	at := bytes.Index(whole, []byte("PK\x01\x02"))
	var entries []int // in the directory
	for _, f := range archive.File {
		entries = append(entries, at)
		at += directorySize + len(f.Name) + len(f.Extra)
	}
	tried := 0
	for i, f := range archive.File {
		name := strings.TrimPrefix(f.Name, "evidence-2026/")
		local := int(le.Uint32(whole[entries[i]+42:]))
		finds := func(t *testing.T, b []byte, named ...string) {
			t.Helper()
			tried++
			path := filepath.Join(t.TempDir(), "evidence-2026.zip")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			ok := false
			for _, n := range named {
				ok = ok || err != nil && strings.Contains(err.Error(), n)
			}
			if _, refused := errors.AsType[*Refused](err); !refused || !ok {
				t.Errorf("Open: %v; want it to name %q", err, named)
			}
		}
		flipped := func(at int) []byte {
			b := bytes.Clone(whole)
			b[at] ^= 1
			return b
		}
		t.Run(name, func(t *testing.T) {
			for field, at := range fields {
				t.Run(field+" in the directory", func(t *testing.T) { finds(t, flipped(entries[i]+at), name) })
				t.Run(field+" before it", func(t *testing.T) { finds(t, flipped(local+at-2), name) })
			}
			last := len(f.Name) - 1
			other := f.Name[:last] + string(f.Name[last]^1)
			t.Run("name in the directory", func(t *testing.T) {
				finds(t, flipped(entries[i]+directorySize+last), strings.TrimPrefix(other, "evidence-2026/"))
			})
			t.Run("name before it", func(t *testing.T) { finds(t, flipped(local+localSize+last), name) })
			t.Run("place", func(t *testing.T) {
				next := entries[(i+1)%len(entries)]
				b := bytes.Clone(whole)
				copy(b[entries[i]+42:], whole[next+42:next+46])
				copy(b[next+42:], whole[entries[i]+42:entries[i]+46])
				finds(t, b, name, strings.TrimPrefix(archive.File[(i+1)%len(entries)].Name, "evidence-2026/"))
			})
			for kind, content := range map[string]string{"twice": "", "twice, with other content": "other"} {
				t.Run(kind, func(t *testing.T) { finds(t, twice(t, archive, f, content), name+": it stands there twice") })
			}
		})
	}
	t.Logf("%d cases", tried)
	if tried < 100 {
		t.Errorf("%d cases are too few", tried)
	}
}

func contentOf(t *testing.T, f *zip.File) string {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// twice is the zip with a member once more: as it is, or with other content.
func twice(t *testing.T, archive *zip.Reader, again *zip.File, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range archive.File {
		if err := z.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	to, err := z.Create(again.Name)
	if content == "" {
		content = contentOf(t, again)
	}
	if err == nil {
		_, err = io.WriteString(to, content)
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
