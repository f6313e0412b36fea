package evidence

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Seal is what stands around the payload of a bundle.
type Seal struct {
	Info Info              // without Payload-Oxum, which comes behind Bagging-Date
	Tags map[string][]byte // VERIFY.txt, allowed_signers, tsa-roots.pem
	// Sign returns what is made over the tag manifest, by the name of its file:
	// tagmanifest-sha256.txt.sig and perhaps tagmanifest-sha256.txt.sig.tsr.
	Sign func(tagManifest []byte) (map[string][]byte, error)
	At   time.Time // the time of every file, in the folder and in the zip
	Zip  bool      // a zip too
	// Encrypt, if there is one, makes NAME.zip.age of NAME.zip.
	Encrypt func(io.Writer) (io.WriteCloser, error)
}

// Sealed is a bundle that stands under its final name.
type Sealed struct {
	Dir string
	Zip string // "" if none was wanted
	// The SHA-256 of the two manifests, in hex.
	ManifestSHA256, TagManifestSHA256 string
	Files                             int   // of the payload
	Bytes                             int64 // of the payload
}

// Seal writes the files beside the payload, has them signed, makes the zip, and
// when all of it is on the disk gives both their final names, the zip first. After
// an error nothing is there under a final name; a kill may leave the zip alone.
func (w *Writer) Seal(ctx context.Context, s Seal) (Sealed, error) {
	sealed, err := w.seal(ctx, s)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal bundle %s: %w", w.name, err)
	}
	return sealed, nil
}

func (w *Writer) seal(ctx context.Context, s Seal) (Sealed, error) {
	if err := w.complete(); err != nil {
		return Sealed{}, err
	}
	payload := w.Files()
	sealed := Sealed{Dir: filepath.Join(w.dir, w.name), Files: len(payload)}
	for _, f := range payload {
		sealed.Bytes += f.Bytes
	}
	if err := w.writeTags(s, payload, sealed.Bytes); err != nil {
		return Sealed{}, err
	}
	sealed.ManifestSHA256 = w.files[manifestName].SHA256
	sealed.TagManifestSHA256 = w.files[tagManifestName].SHA256
	if err := w.settle(ctx, s.At); err != nil {
		return Sealed{}, err
	}
	ending := ""
	if s.Zip {
		ending = ".zip"
		if s.Encrypt != nil {
			ending = ".zip.age"
		}
		sealed.Zip = sealed.Dir + ending
		if err := w.zip(ctx, w.name+ending, s); err != nil {
			return Sealed{}, err
		}
	}
	return sealed, w.publish(ending)
}

// complete returns an error for a file that was begun and not taken in, and for one
// that nobody has begun.
func (w *Writer) complete() error {
	for _, name := range sortedKeys(w.files) {
		if !w.files[name].done {
			return fmt.Errorf("%s is not whole", name)
		}
	}
	return fs.WalkDir(w.bag.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && w.files[name] == nil {
			err = fmt.Errorf("%s is there and was not added", show(name))
		}
		return err
	})
}

// writeTags writes what stands beside the payload. What is signed is the last.
func (w *Writer) writeTags(s Seal, payload []File, size int64) error {
	oxum := Field{"Payload-Oxum", fmt.Sprintf("%d.%d", size, len(payload))}
	at := 1 + slices.IndexFunc(s.Info, func(f Field) bool { return f.Label == "Bagging-Date" })
	info, err := formatInfo(slices.Insert(slices.Clone(s.Info), at, oxum))
	if err != nil {
		return err
	}
	tags := map[string][]byte{bagitName: []byte(bagitText), infoName: info, manifestName: formatManifest(payload)}
	for name, text := range s.Tags {
		if tags[name] != nil || strings.Contains(name, "/") || strings.HasPrefix(name, tagManifestName) {
			return fmt.Errorf("%s is no name for a file beside the payload", show(name))
		}
		tags[name] = text
	}
	if err := w.writeAll(tags); err != nil {
		return err
	}
	var listed []File
	for name := range tags {
		listed = append(listed, w.files[name].File)
	}
	tagManifest := formatManifest(listed)
	signed, err := s.Sign(tagManifest)
	if err != nil {
		return err
	}
	for name := range signed {
		if !strings.HasPrefix(name, tagManifestName+".") {
			return fmt.Errorf("%s is no name for a signature", show(name))
		}
	}
	return errors.Join(w.writeAll(map[string][]byte{tagManifestName: tagManifest}), w.writeAll(signed))
}

func (w *Writer) writeAll(files map[string][]byte) error {
	for _, name := range sortedKeys(files) {
		err := w.write(name, func(to io.Writer) error { _, err := to.Write(files[name]); return err })
		if err != nil {
			return err
		}
	}
	return nil
}

// settle gives every file its time and brings it to the disk. Many at once: a file
// system writes its log for all that wait.
func (w *Writer) settle(ctx context.Context, at time.Time) error {
	names := sortedKeys(w.files)
	queue := make(chan string)
	var workers sync.WaitGroup
	failed := make([]error, 16)
	for i := range failed {
		workers.Go(func() {
			for name := range queue {
				failed[i] = errors.Join(failed[i], w.settleFile(w.files[name].File, at))
			}
		})
	}
	for _, name := range names {
		if ctx.Err() != nil {
			break
		}
		queue <- name
	}
	close(queue)
	workers.Wait()
	if err := errors.Join(append(failed, ctx.Err())...); err != nil {
		return err
	}
	var folders []string
	err := fs.WalkDir(w.bag.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			folders = append(folders, name)
		}
		return err
	})
	slices.Reverse(folders) // what is in a folder before the folder
	for _, name := range folders {
		err = errors.Join(err, w.bag.Chtimes(name, at, at), syncFile(w.bag, name))
	}
	return err
}

func (w *Writer) settleFile(file File, at time.Time) error {
	info, err := w.bag.Lstat(file.Path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() != file.Bytes {
		return fmt.Errorf("%s was changed after it was taken in", file.Path)
	}
	return errors.Join(w.bag.Chmod(file.Path, 0o600), w.bag.Chtimes(file.Path, at, at), syncFile(w.bag, file.Path))
}

func syncFile(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// publish gives the zip, if there is one, and the folder their final names.
func (w *Writer) publish(ending string) error {
	names := []string{w.name}
	if ending != "" {
		names = []string{w.name + ending, w.name}
	}
	var moved []string
	err := syncFolder(w.part())
	for _, name := range names {
		if err != nil {
			break
		}
		if err = absent(filepath.Join(w.dir, name)); err == nil {
			err = os.Rename(filepath.Join(w.part(), name), filepath.Join(w.dir, name))
		}
		if err == nil {
			moved = append(moved, name)
		}
	}
	if err == nil {
		err = syncFolder(w.dir)
	}
	if err == nil {
		return nil
	}
	for _, name := range moved {
		err = errors.Join(err, os.Rename(filepath.Join(w.dir, name), filepath.Join(w.part(), name)))
	}
	return err
}
