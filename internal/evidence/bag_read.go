package evidence

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/flate"
)

// Bundle is a bundle that can be read: its names, its form and the files around its
// payload are in order, which does not say that nothing was changed, see
// [Bundle.Verify]. As a file system it is the bundle's folder. Its methods are safe
// for concurrent use.
type Bundle struct {
	fs.FS
	base           string
	sizes          map[string]int64 // by path
	info           Info
	manifest, tags []File
	close          func() error
}

// How much is read at all. A bundle of more is none of ours.
const (
	maxFiles = 1_000_000
	maxBytes = 1 << 40
	maxLists = 256 << 20 // of a manifest
	maxText  = 1 << 20   // of another file beside the payload
)

// Open opens a bundle: its folder, or a zip that has it as its only folder. It reads
// nothing of the payload. It returns a [*Refused] for what is no bundle in the
// strict form, and an [*ErrNewer] for one of a newer format.
func Open(path string) (*Bundle, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open bundle: %w", err)
	}
	return openBundle(path, func(b *Bundle) error {
		switch {
		case info.IsDir():
			return b.openFolder(path)
		case info.Mode().IsRegular():
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			return b.openZip(filepath.Base(path), f)
		default:
			return refuse(filepath.Base(path), "it is no plain file, but %s", kindOf(info.Mode()))
		}
	})
}

// OpenZip is [Open] for a zip that is open, whatever has become of its name. The
// bundle's Close closes it, and so does an error.
func OpenZip(name string, f *os.File) (*Bundle, error) {
	return openBundle(name, func(b *Bundle) error { return b.openZip(filepath.Base(name), f) })
}

func openBundle(path string, find func(*Bundle) error) (*Bundle, error) {
	b := &Bundle{sizes: map[string]int64{}, close: func() error { return nil }}
	err := find(b)
	if err == nil {
		err = b.read()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open bundle %s: %w", path, err), b.Close())
	}
	return b, nil
}

// Close ends the reading of the bundle's files.
func (b *Bundle) Close() error { return b.close() }

// Base is the name of the bundle's folder, as it was opened or as the zip has it.
func (b *Bundle) Base() string { return b.base }

// Info returns bag-info.txt.
func (b *Bundle) Info() Info { return slices.Clone(b.info) }

// Manifest returns the files of the payload as the manifest has them, by path.
func (b *Bundle) Manifest() []File { return slices.Clone(b.manifest) }

func (b *Bundle) openFolder(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	whole, err := filepath.Abs(dir)
	if err != nil {
		return errors.Join(err, root.Close())
	}
	b.FS, b.base, b.close = root.FS(), filepath.Base(whole), root.Close
	if _, err := fs.Stat(b.FS, bagitName); errors.Is(err, fs.ErrNotExist) {
		return refuse(bagitName, "there is none: the folder is no bundle")
	}
	c := collector{names: names{}, sizes: b.sizes}
	return fs.WalkDir(b.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if d.IsDir() {
			return c.folder(name)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return c.file(name, info.Mode(), info.Size())
	})
}

// collector takes the files of a bundle as long as they can stand beside each other.
type collector struct {
	names names
	sizes map[string]int64
	bytes int64
}

func (c *collector) folder(name string) error {
	if err := checkPath(name); err != nil {
		return refuse(name, "%v", err)
	}
	return nil
}

func (c *collector) file(name string, mode fs.FileMode, size int64) error {
	if !mode.IsRegular() {
		return refuse(name, "it is no plain file, but %s", kindOf(mode))
	}
	if err := c.names.add(name); err != nil {
		return refuse(name, "%v", err)
	}
	c.sizes[name] = size
	if c.bytes += size; c.bytes > maxBytes || size > maxBytes || len(c.sizes) > maxFiles {
		return refuse(name, "with it the bundle has more than %d files or %d bytes", maxFiles, int64(maxBytes))
	}
	return nil
}

func kindOf(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "a folder"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a pipe"
	case fs.ModeSocket:
		return "a socket"
	default:
		return "a device or the like"
	}
}

func (b *Bundle) openZip(name string, f *os.File) error {
	b.close = f.Close
	info, err := f.Stat()
	if err != nil {
		return err
	}
	magic := make([]byte, len(ageHeader))
	if _, err = f.ReadAt(magic, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case string(magic) == ageHeader:
		return errEncrypted
	case !bytes.HasPrefix(magic, []byte("PK\x03\x04")):
		return refuse(name, "it is neither a folder nor a zip")
	}
	return b.readZip(name, f, info.Size())
}

// ageHeader is how a file that age has encrypted begins.
const ageHeader = "age-encryption.org/v1"

// errEncrypted is a bundle that has to be decrypted first.
var errEncrypted error = &keyError{errors.New("it is encrypted"),
	"decrypt it first: age -d -i KEY -o BUNDLE.zip BUNDLE.zip.age"}

func (b *Bundle) readZip(file string, from io.ReaderAt, size int64) error {
	layout, err := readLayout(from, size)
	if err != nil {
		return refuse(file, "%v", err)
	}
	archive, err := zip.NewReader(from, size)
	if err != nil {
		return refuse(file, "%v", err)
	}
	if err := layout.check(archive.File); err != nil {
		return refuse(file, "%v", err)
	}
	archive.RegisterDecompressor(zip.Deflate, flate.NewReader)
	c := collector{names: names{}, sizes: b.sizes}
	for _, f := range archive.File {
		base, name, _ := strings.Cut(f.Name, "/")
		if b.base == "" {
			b.base = base
		}
		if err := checkPath(base); err != nil || base != b.base {
			return refuse(f.Name, "it is not below the one folder %s", show(b.base))
		}
		if inside, ok := strings.CutSuffix(name, "/"); ok || name == "" {
			if ok {
				err = c.folder(inside)
			}
			if err == nil && (f.Mode().Type() != fs.ModeDir || f.UncompressedSize64 > 0) {
				err = refuse(f.Name, "it is named as a folder and is none")
			}
		} else if err = c.file(name, f.Mode(), int64(min(f.UncompressedSize64, maxBytes+1))); err == nil {
			err = checkRatio(f)
		}
		if err != nil {
			return err
		}
	}
	b.FS, err = fs.Sub(archive, b.base)
	return err
}

// checkRatio refuses what is made to fill a disk.
func checkRatio(f *zip.File) error {
	if f.UncompressedSize64 > large && f.UncompressedSize64/maxRatio >= f.CompressedSize64 {
		return refuse(f.Name, "it would become more than %d times larger: %d bytes of %d", maxRatio,
			f.UncompressedSize64, f.CompressedSize64)
	}
	return nil
}

// read reads the files that say what the others are.
func (b *Bundle) read() error {
	if _, ok := b.sizes["fetch.txt"]; ok {
		return refuse("fetch.txt", "files that are fetched from elsewhere are no evidence")
	}
	text := map[string][]byte{}
	for _, name := range []string{bagitName, infoName, manifestName, tagManifestName} {
		size, ok := b.sizes[name]
		if !ok {
			return refuse(name, "it is missing")
		}
		limit := int64(maxText)
		if name == manifestName || name == tagManifestName {
			limit = maxLists
		}
		if size > limit {
			return refuse(name, "it has more than %d bytes", limit)
		}
		var err error
		if text[name], err = fs.ReadFile(b.FS, name); damaged(err) {
			return refuse(name, "altered: %v", err)
		} else if err != nil {
			return err
		}
	}
	if string(text[bagitName]) != bagitText {
		return refuse(bagitName, "it does not say BagIt-Version: 1.0, Tag-File-Character-Encoding: UTF-8")
	}
	var err error
	if b.info, err = parseInfo(text[infoName]); err != nil {
		return err
	}
	if b.manifest, err = parseManifest(manifestName, text[manifestName], b.sizes); err != nil {
		return err
	}
	b.tags, err = parseManifest(tagManifestName, text[tagManifestName], b.sizes)
	return err
}

// damaged tells whether the error is about what a zip holds, and not about reading.
func damaged(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	_, internal := errors.AsType[flate.InternalError](err)
	return corrupt || internal || errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrFormat) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}

// Extract writes the files that want names to the folder dir, which it makes; files
// that are there already stay, and are an error. It checks what it writes against
// the manifests, whose own hash is not checked here, and returns a [*Refused] for a
// file that is not what they have. Files in no manifest it leaves out, but for the
// signature and the time stamp.
func (b *Bundle) Extract(ctx context.Context, dir string, want func(name string) bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	defer root.Close()
	files := slices.Concat(b.tags, b.manifest)
	for _, name := range []string{tagManifestName, signatureName, stampName} {
		if _, ok := b.sizes[name]; ok {
			files = append(files, File{Path: name})
		}
	}
	for _, f := range files {
		if !want(f.Path) {
			continue
		}
		if err := b.extract(ctx, root, f); err != nil {
			return fmt.Errorf("extract: %w", err)
		}
	}
	return nil
}

func (b *Bundle) extract(ctx context.Context, root *os.Root, f File) error {
	if _, ok := b.sizes[f.Path]; !ok {
		return refuse(f.Path, "missing")
	}
	if err := root.MkdirAll(path.Dir(f.Path), 0o700); err != nil {
		return err
	}
	to, err := root.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	sum := newSummer()
	sum.to = to
	err = errors.Join(b.sum(ctx, f.Path, sum), to.Close())
	if got := hex.EncodeToString(sum.sha.Sum(nil)); err == nil && f.SHA256 != "" && got != f.SHA256 {
		err = refuse(f.Path, "altered: its SHA-256 is %s, not %s", got, f.SHA256)
	}
	if err != nil {
		return errors.Join(err, root.Remove(f.Path))
	}
	return nil
}

// sum copies the file to sum. What a zip cannot give back is a [*Refused].
func (b *Bundle) sum(ctx context.Context, name string, sum io.Writer) error {
	f, err := b.Open(name)
	if err == nil {
		_, err = io.CopyBuffer(sum, &untilDone{ctx: ctx, from: f}, make([]byte, 256<<10))
		err = errors.Join(err, f.Close())
	}
	if damaged(err) {
		return refuse(name, "altered: %v", err)
	}
	return err
}
