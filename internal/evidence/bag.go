package evidence

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Format is the form of a bundle that this package writes, and the newest that it
// reads. In 1 no line of the journal had a salt.
const Format = "2"

// The files of a bundle that have a meaning to this package.
const (
	bagitName       = "bagit.txt"
	infoName        = "bag-info.txt"
	manifestName    = "manifest-sha256.txt"
	tagManifestName = "tagmanifest-sha256.txt"
	signatureName   = tagManifestName + ".sig"
	stampName       = signatureName + ".tsr"
	verifyName      = "VERIFY.txt"
	signersName     = "allowed_signers"
	rootsName       = "tsa-roots.pem"
	journalName     = "data/journal.ndjson"

	bagitText = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
)

// File is a file of a bundle: its path in the bundle's folder (data/README.txt), its
// size (0 where a manifest names a file that is not there), its SHA-256 in hex.
type File struct {
	Path   string
	Bytes  int64
	SHA256 string
}

// Finding is something that is not as it was sealed: the file, or what else it is
// about, and what is the matter with it.
type Finding struct {
	Name    string `json:"name"`
	Problem string `json:"problem"`
}

// Refused is a bundle that is not read: what follows could do harm, or could be
// taken for something else by another program. It is a finding too: somebody may
// have changed the bundle.
type Refused struct{ Finding }

func (e *Refused) Error() string { return e.Name + ": " + e.Problem }

func refuse(name, format string, args ...any) error {
	return &Refused{Finding{show(name), fmt.Sprintf(format, args...)}}
}

// ErrNewer is a bundle of a format that this version does not know.
type ErrNewer struct{ Format string }

func (e *ErrNewer) Error() string {
	return fmt.Sprintf("%s: the bundle has format %s, this version knows %s", infoName, e.Format, Format)
}

// Hint tells what to do about it.
func (e *ErrNewer) Hint() string {
	return "use a newer version of this program, or the commands in the bundle's VERIFY.txt"
}

// show returns a name that comes from outside as it can be printed.
func show(name string) string {
	if checkPath(name) == nil {
		return name
	}
	return strconv.QuoteToASCII(name[:min(len(name), 200)])
}

// SafePath returns path with every byte that no path of a bundle has as =XX, its
// value in hex. It keeps slashes; different paths stay different. The percent sign
// is one of these bytes: BagIt wants it written in another way than sha256sum does.
func SafePath(path string) string {
	var b strings.Builder
	for i := range len(path) {
		if c := path[i]; c == '/' || c != '=' && inAlphabet(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

func inAlphabet(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("._-=", c) >= 0
}

// maxPath is the length of a path, and with it the depth of folders.
const maxPath = 1000

// checkPath accepts paths that mean the same everywhere: relative, of ASCII letters,
// digits and ._-=, no part empty or ending in a dot.
func checkPath(path string) error {
	if len(path) > maxPath {
		return errors.New("its path is too long")
	}
	for part := range strings.SplitSeq(path, "/") {
		for i := range len(part) {
			if !inAlphabet(part[i]) {
				return fmt.Errorf("its path has %q, and only A-Z a-z 0-9 . _ - = / are allowed", part[i:i+1])
			}
		}
		if part == "" || strings.HasSuffix(part, ".") {
			return errors.New("its path is no plain one below the bundle's folder")
		}
	}
	return nil
}

// names are paths that can stand beside each other, also where upper and lower case
// are the same. A folder's name ends in a slash here.
type names map[string]string

// add returns an error when the path is not allowed, or not beside the others.
func (n names) add(path string) error {
	if err := checkPath(path); err != nil {
		return err
	}
	known := 0 // up to where its folders are known
	for end := len(path); end > 0 && known == 0; end = strings.LastIndexByte(path[:end], '/') {
		name := path[:end]
		if end < len(path) {
			name += "/"
		}
		switch other, ok := n[strings.ToLower(path[:end])]; {
		case ok && other == path:
			return errors.New("it stands there twice")
		case ok && other != name:
			return fmt.Errorf("on some systems it would be the same as %s", other)
		case ok:
			known = end
		}
	}
	for end := len(path); end > known; end = strings.LastIndexByte(path[:end], '/') {
		if end == len(path) {
			n[strings.ToLower(path)] = path
		} else {
			n[strings.ToLower(path[:end])] = path[:end] + "/"
		}
	}
	return nil
}

// formatManifest returns the files sorted by path, one a line.
func formatManifest(files []File) []byte {
	sorted := slices.SortedFunc(slices.Values(files), byPath)
	var b []byte
	for _, f := range sorted {
		b = fmt.Appendf(b, "%s  %s\n", f.SHA256, f.Path)
	}
	return b
}

func byPath(a, b File) int { return cmp.Compare(a.Path, b.Path) }

// parseManifest reads what formatManifest writes, in any order of the lines. Of the
// other forms that sha256sum and other programs take, it takes none. The errors are
// [*Refused]. Sizes are those given.
func parseManifest(name string, text []byte, sizes map[string]int64) ([]File, error) {
	listed := names{}
	var files []File
	for line := range strings.Lines(string(text)) {
		n := len(files) + 1
		sum, path, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || !strings.HasSuffix(line, "\n") || !isSHA256(sum) {
			return nil, refuse(name, "line %d: it is no SHA-256 in lower case, two blanks and a path", n)
		}
		inData := strings.HasPrefix(path, "data/")
		if inData != (name == manifestName) || strings.HasPrefix(path, tagManifestName) {
			return nil, refuse(name, "line %d: %s does not belong into this manifest", n, show(path))
		}
		if err := listed.add(path); err != nil {
			return nil, refuse(name, "line %d: %s: %v", n, show(path), err)
		}
		files = append(files, File{Path: path, Bytes: sizes[path], SHA256: sum})
	}
	slices.SortFunc(files, byPath)
	return files, nil
}

// isSHA256 tells whether s is 64 hexadecimal digits in lower case.
func isSHA256(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 64 && s == strings.ToLower(s)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
