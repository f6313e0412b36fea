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
	Info    Info   // without Payload-Oxum, which comes behind Bagging-Date
	Verify  []byte // VERIFY.txt
	Signers []byte // allowed_signers
	Roots   []byte // tsa-roots.pem; nil: none
	// Sign returns the signature over the tag manifest, as SSHSIG, and the time stamp
	// over that, as an answer of RFC 3161; nil for one that there is not.
	Sign func(tagManifest []byte) (signature, stamp []byte, err error)
	At   time.Time // the time of every file, in the folder and in the zip
	// Encrypt, if there is one, makes NAME.zip.age of NAME.zip.
	Encrypt func(io.Writer) (io.WriteCloser, error)
	// Progress, if there is one, is told how many bytes more of the payload stand in the
	// zip. It is called from several goroutines.
	Progress func(bytes int64)
}

// progress is what is told of a file.
func (s Seal) progress(f *written) func(int64) {
	if !strings.HasPrefix(f.Path, "data/") {
		return nil
	}
	return s.Progress
}

// Sealed is a bundle that stands under its final name.
type Sealed struct {
	Dir string
	Zip string // or the encrypted zip
	// The SHA-256 of the two manifests, in hex.
	ManifestSHA256, TagManifestSHA256 string
	Files                             int   // of the payload
	Bytes                             int64 // of the payload
}

// Seal writes the files beside the payload, has them signed, makes the zip, and
// when all of it is on the disk gives both their final names, the zip first. After
// an error nothing is there under a final name; a kill may leave the zip alone, and
// the next [Create] of that name then gives the folder its own.
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
	ending := ".zip"
	if s.Encrypt != nil {
		ending = ".zip.age"
	}
	sealed.Zip = sealed.Dir + ending
	if err := w.zip(ctx, w.name+ending, s); err != nil {
		return Sealed{}, err
	}
	return sealed, w.publish()
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
	listed, err := w.writeAll(map[string][]byte{bagitName: []byte(bagitText), infoName: info, manifestName: formatManifest(payload),
		verifyName: s.Verify, signersName: s.Signers, rootsName: s.Roots})
	if err != nil {
		return err
	}
	tagManifest := formatManifest(listed)
	signature, stamp, err := s.Sign(tagManifest)
	if err != nil {
		return err
	}
	_, err = w.writeAll(map[string][]byte{tagManifestName: tagManifest, signatureName: signature, stampName: stamp})
	return err
}

// writeAll writes files beside the payload, but for those that are nil.
func (w *Writer) writeAll(files map[string][]byte) (list []File, err error) {
	for _, name := range sortedKeys(files) {
		if files[name] == nil {
			continue
		}
		err := w.write(name, func(to io.Writer) error { _, err := to.Write(files[name]); return err })
		if err != nil {
			return nil, err
		}
		list = append(list, w.files[name].File)
	}
	return list, nil
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

// sealedMark is a file beside the bundle's folder that says: what is there is whole,
// and on the disk, and only its final name is missing.
const sealedMark = ".sealed"

// endings are those of what a bundle is, in the order in which it gets its names.
var endings = []string{".zip", ".zip.age", ""}

// publish gives the zip and the folder their final names.
func (w *Writer) publish() error {
	if err := syncFolder(w.part()); err != nil {
		return err
	}
	err := w.root.WriteFile(sealedMark, nil, 0o600)
	if err == nil {
		err = errors.Join(syncFile(w.root, sealedMark), syncFolder(w.part()))
	}
	var moved []string
	if err == nil {
		moved, err = w.giveNames()
	}
	if err == nil {
		return nil
	}
	err = errors.Join(err, w.unmark())
	for _, name := range moved {
		err = errors.Join(err, os.Rename(filepath.Join(w.dir, name), filepath.Join(w.part(), name)))
	}
	return err
}

// unmark takes the mark away, before a part of what it marks goes: who is killed then
// must not leave it.
func (w *Writer) unmark() error {
	err := w.root.Remove(sealedMark)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncFolder(w.part()))
}

// giveNames gives what is sealed its final names, and returns those that it gave.
func (w *Writer) giveNames() (moved []string, err error) {
	for _, ending := range endings {
		name := w.name + ending
		if _, err := w.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := absent(filepath.Join(w.dir, name)); err != nil {
			return moved, err
		}
		if err := os.Rename(filepath.Join(w.part(), name), filepath.Join(w.dir, name)); err != nil {
			return moved, err
		}
		moved = append(moved, name)
	}
	return moved, syncFolder(w.dir)
}
