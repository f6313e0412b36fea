package evidence

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// bundleFiles are the files of a sealed small bundle.
func bundleFiles(t testing.TB) map[string][]byte {
	t.Helper()
	sealed, _ := small(t, "full")
	files := map[string][]byte{}
	for name, content := range contents(t, sealed.Dir) {
		files[name] = []byte(content)
	}
	return files
}

// Zips that are made to do harm are refused before a file of them is read, and what
// is refused is named.
func TestHostileZip(t *testing.T) {
	files := bundleFiles(t)
	entry := func(name string, change func(*zip.FileHeader), content string) func(testing.TB, *zip.Writer) {
		return func(t testing.TB, z *zip.Writer) {
			h := &zip.FileHeader{Name: name, Method: zip.Deflate}
			if change != nil {
				change(h)
			}
			to, err := z.CreateHeader(h)
			if err == nil && !strings.HasSuffix(name, "/") {
				_, err = io.WriteString(to, content)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	raw := func(h zip.FileHeader, content string) func(testing.TB, *zip.Writer) {
		return func(t testing.TB, z *zip.Writer) {
			to, err := z.CreateRaw(&h)
			if err == nil {
				_, err = io.WriteString(to, content)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	mode := func(m fs.FileMode) func(*zip.FileHeader) { return func(h *zip.FileHeader) { h.SetMode(m) } }
	extra := func(b ...byte) func(*zip.FileHeader) { return func(h *zip.FileHeader) { h.Extra = b } }
	const base = "evidence-2026/"
	for _, test := range []struct {
		name string
		add  func(testing.TB, *zip.Writer)
		says string
	}{
		{"an absolute path", entry("/etc/passwd", nil, "x"), "not below the one folder"},
		{"a way up", entry(base+"../../x", nil, "x"), "no plain one"},
		{"a way up at the beginning", entry("../evidence-2026/x", nil, "x"), "not below the one folder"},
		{"a dot", entry(base+"data/./x", nil, "x"), "no plain one"},
		{"an empty part", entry(base+"data//x", nil, "x"), "no plain one"},
		{"a backslash", entry(base+`data\x`, nil, "x"), `only A-Z`},
		{"a drive", entry(base+"c:/x", nil, "x"), "only A-Z"},
		{"an end of line", entry(base+"data/a\nb", nil, "x"), "only A-Z"},
		{"a blank", entry(base+"data/a b", nil, "x"), "only A-Z"},
		{"a dot at the end", entry(base+"data/README.txt.", nil, "x"), "no plain one"},
		{"a letter that looks like another", entry(base+"data/README.t\u0445t", nil, "x"), "only A-Z"},
		{"a letter of two normal forms", entry(base+"data/e\u0301", nil, "x"), "only A-Z"},
		{"a name twice", entry(base+"data/README.txt", nil, "x"), "twice"},
		{"a name in capitals", entry(base+"data/readme.TXT", nil, "x"), "same as"},
		{"a folder in capitals", entry(base+"DATA/x", nil, "x"), "same as"},
		{"a file that is a folder", entry(base+"data/README.txt/x", nil, "x"), "same as"},
		{"a folder that is a file", entry(base+"data", nil, "x"), "same as"},
		{"a second folder", entry("other/x", nil, "x"), "not below the one folder"},
		{"a file beside the folder", entry("x", nil, "x"), "not below the one folder"},
		{"a symbolic link", entry(base+"data/x", mode(0o777|fs.ModeSymlink), "/etc/passwd"), "a symbolic link"},
		{"a device", entry(base+"data/x", mode(0o777|fs.ModeDevice), ""), "a device"},
		{"a pipe", entry(base+"data/x", mode(0o777|fs.ModeNamedPipe), ""), "a pipe"},
		{"a folder that is a link", entry(base+"x/", mode(0o777|fs.ModeSymlink), ""), "named as a folder"},
		{"a bomb", entry(base+"data/x", nil, strings.Repeat("0", 4<<20)), "times larger"},
		{"a size that is none", raw(zip.FileHeader{Name: base + "data/x", Method: zip.Deflate, Flags: flagDescriptor, CompressedSize64: 1, UncompressedSize64: 1 << 62}, "x"), "more than"},
		{"files to be fetched", entry(base+"fetch.txt", nil, "x"), "fetched from elsewhere"},
		{"an encrypted entry", entry(base+"data/x", func(h *zip.FileHeader) { h.Flags |= 1 }, "x"), "encrypted"},
		{"another compression", raw(zip.FileHeader{Name: base + "data/x", Method: 12, CompressedSize64: 1, UncompressedSize64: 9}, "x"), "method of compression is 12"},
		{"another name in a field", entry(base+"data/x", extra(0x75, 0x70, 6, 0, 1, 0, 0, 0, 0, 'y'), "x"), "additional field 7075"},
		{"a cut field", entry(base+"data/x", extra(0x75, 0x70, 6), "x"), "additional fields"},
		{"a comment", entry(base+"data/x", func(h *zip.FileHeader) { h.Comment = "x" }, "x"), "comment"},
		{"two sizes of what is not compressed", raw(zip.FileHeader{Name: base + "data/x", CompressedSize64: 1, UncompressedSize64: 2}, "x"), "two sizes"},
		{"more behind the end", func(_ testing.TB, z *zip.Writer) { z.SetComment("PK more") }, "not where a zip ends"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			z := zip.NewWriter(&b)
			for _, name := range sortedKeys(files) {
				entry(base+name, nil, string(files[name]))(t, z)
			}
			test.add(t, z)
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			refusesZip(t, b.Bytes(), test.says)
		})
	}
}

// refusesZip opens the zip and wants that to be refused with these words.
func refusesZip(t testing.TB, b []byte, says string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "evidence.zip")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path)
	if _, ok := errors.AsType[*Refused](err); !ok || !strings.Contains(err.Error(), says) {
		t.Errorf("Open: %v; want it to say %q", err, says)
	}
}

// Zips whose two tellings of what is in them differ, or that have more in them than
// is told, are refused.
func TestHostileLayout(t *testing.T) {
	sealed, _ := small(t, "full")
	whole, err := os.ReadFile(sealed.Zip)
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.Index(whole[4:], []byte("PK\x03\x04")) + 4
	dir := bytes.Index(whole, []byte("PK\x01\x02"))
	end := len(whole) - endSize
	for name, test := range map[string]struct {
		change func(b []byte) []byte
		says   string
	}{
		"something before the first": {func(b []byte) []byte { return append([]byte("#!/bin/sh\n"), b...) }, "neither a folder nor a zip"},
		"a zip before the zip":       {func(b []byte) []byte { return append(bytes.Clone(b), b...) }, "not where a zip ends"},
		"something between two": {func(b []byte) []byte {
			le.PutUint32(b[end+16:], uint32(dir+1))
			return append(append(bytes.Clone(b[:second]), '!'), b[second:]...)
		}, ""},
		"something before the directory": {func(b []byte) []byte {
			le.PutUint32(b[end+16:], uint32(dir+1))
			return append(append(bytes.Clone(b[:dir]), '!'), b[dir:]...)
		}, "does not end where its directory begins"},
		"something behind the directory": {func(b []byte) []byte {
			le.PutUint32(b[end+12:], uint32(end-dir+1))
			return append(append(bytes.Clone(b[:end]), '!'), b[end:]...)
		}, "not where a zip ends"},
		"something behind the end":    {func(b []byte) []byte { return append(b, 0) }, "not where a zip ends"},
		"the end cut":                 {func(b []byte) []byte { return b[:len(b)-1] }, "not where a zip ends"},
		"only the end":                {func(b []byte) []byte { return b[end:] }, "neither a folder nor a zip"},
		"two beginnings":              {func(b []byte) []byte { return append([]byte("PK\x03\x04"), b...) }, ""},
		"more entries than there are": {func(b []byte) []byte { b[end+8]++; b[end+10]++; return b }, ""},
		"fewer than there are":        {func(b []byte) []byte { b[end+8]--; b[end+10]--; return b }, ""},
		"another disk":                {func(b []byte) []byte { b[end+4] = 1; return b }, "not where a zip ends"},
		"another name before the entry": {func(b []byte) []byte {
			b[localSize+len("evidence-2026/")] ^= 1
			return b
		}, "not what the directory has"},
		"another size before the entry":   {func(b []byte) []byte { b[22] ^= 1; return b }, "not what the directory has"},
		"another sum before the entry":    {func(b []byte) []byte { b[14] ^= 1; return b }, "not what the directory has"},
		"another method before the entry": {func(b []byte) []byte { b[8] ^= 8; return b }, "not what the directory has"},
		"two entries of the same bytes": {func(b []byte) []byte {
			next := dir + bytes.Index(b[dir+4:], []byte("PK\x01\x02")) + 4
			copy(b[next+42:next+46], b[dir+42:dir+46])
			return b
		}, ""},
		"64 bits that are not needed": {func(b []byte) []byte {
			b[end+10], b[end+11] = 0xff, 0xff
			return b
		}, "not where a zip ends"},
	} {
		t.Run(name, func(t *testing.T) { refusesZip(t, test.change(bytes.Clone(whole)), test.says) })
	}
}

// Folders with what is no plain file in them, or names that are not allowed.
func TestHostileFolder(t *testing.T) {
	files := bundleFiles(t)
	for name, test := range map[string]struct {
		change func(dir string) error
		says   string
	}{
		"a symbolic link":         {func(dir string) error { return os.Symlink("/etc/passwd", dir+"/data/x") }, "a symbolic link"},
		"a link within":           {func(dir string) error { return os.Symlink("README.txt", dir+"/data/x") }, "a symbolic link"},
		"a link to a folder":      {func(dir string) error { return os.Symlink("/etc", dir+"/data/x") }, "a symbolic link"},
		"a pipe":                  {func(dir string) error { return syscall.Mkfifo(dir+"/data/x", 0o600) }, "a pipe"},
		"a blank":                 {func(dir string) error { return os.WriteFile(dir+"/data/a b", nil, 0o600) }, "only A-Z"},
		"a folder with a blank":   {func(dir string) error { return os.Mkdir(dir+"/data/a b", 0o700) }, "only A-Z"},
		"capitals":                {func(dir string) error { return os.WriteFile(dir+"/data/readme.TXT", nil, 0o600) }, "same as"},
		"files to be fetched":     {func(dir string) error { return os.WriteFile(dir+"/fetch.txt", nil, 0o600) }, "fetched"},
		"no bag":                  {func(dir string) error { return os.Remove(dir + "/bagit.txt") }, "no bundle"},
		"no manifest":             {func(dir string) error { return os.Remove(dir + "/manifest-sha256.txt") }, "manifest-sha256.txt: it is missing"},
		"another version of bags": {func(dir string) error { return os.WriteFile(dir+"/bagit.txt", []byte("BagIt-Version: 0.97\n"), 0o600) }, "BagIt-Version: 1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := forms["folder"](t, files)
			if err := test.change(dir); err != nil {
				t.Fatal(err)
			}
			_, err := Open(dir)
			if _, ok := errors.AsType[*Refused](err); !ok || !strings.Contains(err.Error(), test.says) {
				t.Errorf("Open: %v; want it to say %q", err, test.says)
			}
		})
	}
}

// A bit of the zip that is flipped is found, or the files are the same still.
func TestZipBits(t *testing.T) {
	t.Parallel()
	sealed, signers := small(t, "full")
	whole, err := os.ReadFile(sealed.Zip)
	if err != nil {
		t.Fatal(err)
	}
	want := contents(t, sealed.Dir)
	r := rand.New(rand.NewPCG(5, 6))
	path := filepath.Join(t.TempDir(), "evidence.zip")
	harmless := 0
	for range 1000 {
		b := bytes.Clone(whole)
		bit := r.IntN(8 * len(b))
		b[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if names, _ := found(t, path, VerifyOptions{Signers: signers}); len(names) > 0 {
			continue
		}
		harmless++
		got := map[string]string{}
		z := open(t, path)
		for _, f := range append(z.Manifest(), z.tags...) {
			content, err := fs.ReadFile(z, f.Path)
			if err != nil || string(content) != want[f.Path] {
				t.Errorf("bit %d: %s is changed, %v", bit, f.Path, err)
			}
			got[f.Path] = string(content)
		}
		if len(got) < len(want)-3 {
			t.Errorf("bit %d: %d files", bit, len(got))
		}
	}
	t.Logf("%d bits of 1000 are times, versions and the like", harmless)
}

// A bundle of a newer format says what to do, whatever else has changed in it; one of
// an older format is read.
func TestNewerFormat(t *testing.T) {
	files := bundleFiles(t)
	now := string(files[infoName])
	if !strings.Contains(now, "\nBundle-Format: 2\n") {
		t.Fatalf("not of format 2: %s", now)
	}
	for format, ok := range map[string]bool{"1": true, "2": true, "0": false, "01": false, "": false, "x": false} {
		files[infoName] = []byte(strings.Replace(now, "Bundle-Format: 2", "Bundle-Format: "+format, 1))
		for form, put := range forms {
			b, err := Open(put(t, files))
			if (err == nil) != ok {
				t.Errorf("format %q, %s: %v", format, form, err)
			}
			if err == nil {
				b.Close()
			}
		}
	}
	files[infoName] = []byte("Bundle-Format: 3\nSomething\tnew\n")
	for form, put := range forms {
		_, err := Open(put(t, files))
		if newer, ok := errors.AsType[*ErrNewer](err); !ok || newer.Format != "3" || !strings.Contains(newer.Hint(), "newer version") {
			t.Errorf("%s: %v", form, err)
		}
	}
	path := filepath.Join(t.TempDir(), "evidence.zip.age")
	if err := os.WriteFile(path, []byte("age-encryption.org/v1\n-> X25519 ..."), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, errEncrypted) {
		t.Errorf("an encrypted zip: %v", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.zip")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no zip: %v", err)
	}
	if _, err := Open(os.DevNull); err == nil || !strings.Contains(err.Error(), "a device") {
		t.Errorf("a device: %v", err)
	}
}

// Extract writes what was asked for and nothing that is not as it was sealed.
func TestExtract(t *testing.T) {
	whole := bundleFiles(t)
	for form, put := range forms {
		t.Run(form, func(t *testing.T) {
			out := t.TempDir()
			b := open(t, put(t, whole))
			err := b.Extract(t.Context(), out, func(name string) bool { return strings.HasSuffix(name, ".csv") })
			if got := contents(t, out); err != nil || len(got) != 3 {
				t.Errorf("extracted %q, %v", sortedKeys(got), err)
			}
			if err := b.Extract(t.Context(), out, func(name string) bool { return name == "data/ledger/empty.csv" }); !errors.Is(err, fs.ErrExist) {
				t.Errorf("a file that is there: %v", err)
			}
			for kind, change := range map[string]func(map[string][]byte){
				"altered": func(files map[string][]byte) { files["data/README.txt"] = []byte("What is here.\n") },
				"missing": func(files map[string][]byte) { delete(files, "data/README.txt") },
			} {
				files := maps.Clone(whole)
				change(files)
				out := t.TempDir()
				err := open(t, put(t, files)).Extract(t.Context(), out, func(name string) bool { return name == "data/README.txt" })
				if refused, ok := errors.AsType[*Refused](err); !ok || refused.Name != "data/README.txt" || !strings.Contains(err.Error(), kind) {
					t.Errorf("%s: %v", kind, err)
				}
				if got := contents(t, out); len(got) > 0 {
					t.Errorf("%s: left %q", kind, sortedKeys(got))
				}
			}
			// A folder that leads out of the one that is extracted to.
			out, other := t.TempDir(), t.TempDir()
			if err := os.Symlink(other, filepath.Join(out, "data")); err != nil {
				t.Fatal(err)
			}
			if err := b.Extract(t.Context(), out, func(string) bool { return true }); err == nil {
				t.Error("Extract follows a link")
			}
			if got := contents(t, other); len(got) > 0 {
				t.Errorf("written elsewhere: %q", sortedKeys(got))
			}
		})
	}
}
