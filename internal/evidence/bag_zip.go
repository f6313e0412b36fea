package evidence

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"
)

// squeezed is the content of a file as it stands in a zip.
type squeezed struct {
	method uint16
	size   int64
	from   io.ReadCloser
	err    error
}

func (s squeezed) close() error {
	if s.from == nil {
		return nil
	}
	return s.from.Close()
}

// large is the size of a file that is compressed beside others, in bytes.
const large = 1 << 20

// zip writes the bundle as a zip, or what s.Encrypt makes of it: the files in the
// order of their paths.
func (w *Writer) zip(ctx context.Context, name string, s Seal) error {
	f, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if s.Encrypt == nil {
		err = w.zipTo(ctx, f, s)
	} else {
		var to io.WriteCloser
		if to, err = s.Encrypt(f); err == nil {
			err = errors.Join(w.zipTo(ctx, to, s), to.Close())
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (w *Writer) zipTo(ctx context.Context, to io.Writer, s Seal) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	ready := w.squeezeLarge(ctx, &workers, s)
	defer func() {
		cancel()
		workers.Wait()
		for _, result := range ready {
			if len(result) > 0 {
				(<-result).close()
			}
		}
	}()
	archive := zip.NewWriter(to)
	for _, name := range sortedKeys(w.files) {
		f := w.files[name]
		var part squeezed
		if result, ok := ready[name]; ok {
			select {
			case part = <-result:
			case <-ctx.Done():
				return ctx.Err()
			}
		} else {
			part = w.squeeze(ctx, f, "", s)
		}
		err := part.err
		if err == nil {
			err = w.addToZip(ctx, archive, f, part, s)
		}
		if err := errors.Join(err, part.close()); err != nil {
			return fmt.Errorf("zip %s: %w", name, err)
		}
	}
	return archive.Close()
}

// squeezeLarge compresses the large files side by side, the largest first, each into
// a file beside the bundle's folder; they come out of the queues by path.
func (w *Writer) squeezeLarge(ctx context.Context, workers *sync.WaitGroup, s Seal) map[string]chan squeezed {
	ready := map[string]chan squeezed{}
	var files []*written
	for name, f := range w.files {
		if f.Bytes >= large && shrinks(name) {
			ready[name] = make(chan squeezed, 1)
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b *written) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), byPath(a.File, b.File))
	})
	queue := make(chan int, len(files))
	for i := range files {
		queue <- i
	}
	close(queue)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range queue {
				ready[files[i].Path] <- w.squeeze(ctx, files[i], fmt.Sprintf("deflated-%d", i), s)
			}
		})
	}
	return ready
}

// shrinks tells whether it is worth a try to compress the file.
func shrinks(name string) bool {
	return !slices.Contains([]string{".zst", ".xlsx", ".pdf", ".parquet", ".zip"}, path.Ext(name))
}

// maxRatio is how many times larger than its compressed content a file of more than
// large may be. Its like is in a zip that is made to fill a disk, so the Writer puts
// such a file in as it is.
const maxRatio = 200

// squeeze compresses a file, into memory, or into the file spool where it is named.
// What does not become a tenth smaller is taken as it is.
func (w *Writer) squeeze(ctx context.Context, f *written, spool string, s Seal) squeezed {
	from, err := w.bag.Open(f.Path)
	if err != nil {
		return squeezed{err: err}
	}
	if !shrinks(f.Path) {
		return squeezed{zip.Store, f.Bytes, from, nil}
	}
	deflated, size, err := w.deflate(&untilDone{ctx, from, s.progress(f)}, spool)
	if err != nil {
		return squeezed{err: errors.Join(err, from.Close())}
	}
	if size > f.Bytes*9/10 || f.Bytes > large && f.Bytes/maxRatio >= size {
		_, err := from.Seek(0, io.SeekStart)
		return squeezed{zip.Store, f.Bytes, from, errors.Join(err, deflated.Close())}
	}
	return squeezed{zip.Deflate, size, deflated, from.Close()}
}

// deflate returns what compressing has made and how long that is.
func (w *Writer) deflate(from io.Reader, spool string) (io.ReadCloser, int64, error) {
	memory := &bytes.Buffer{}
	var to io.Writer = memory
	var file *os.File
	if spool != "" {
		var err error
		if file, err = w.root.OpenFile(spool, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return nil, 0, err
		}
		// Without a name it is gone when it is closed.
		if err := w.root.Remove(spool); err != nil {
			return nil, 0, errors.Join(err, file.Close())
		}
		to = file
	}
	z, err := flate.NewWriter(to, flate.DefaultCompression)
	if err == nil {
		_, err = io.Copy(z, from)
	}
	if err == nil {
		err = z.Close()
	}
	if file == nil {
		return io.NopCloser(memory), int64(memory.Len()), err
	}
	size, err2 := file.Seek(0, io.SeekCurrent)
	_, err3 := file.Seek(0, io.SeekStart)
	if err := errors.Join(err, err2, err3); err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, size, nil
}

func (w *Writer) addToZip(ctx context.Context, archive *zip.Writer, f *written, part squeezed, s Seal) error {
	at := s.At.UTC()
	h := &zip.FileHeader{
		Name:   w.name + "/" + f.Path,
		Method: part.method,
		//lint:ignore SA1019 CreateRaw writes these fields and passes over Modified
		ModifiedDate: uint16(at.Day() | int(at.Month())<<5 | (at.Year()-1980)<<9),
		//lint:ignore SA1019 as above
		ModifiedTime:       uint16(at.Second()/2 | at.Minute()<<5 | at.Hour()<<11),
		Extra:              unixTime(at),
		CRC32:              f.crc,
		CompressedSize64:   uint64(part.size),
		UncompressedSize64: uint64(f.Bytes),
	}
	if max(part.size, f.Bytes) >= math.MaxUint32 {
		h.Flags |= flagDescriptor // before the content CreateRaw has no place for 64 bits
	}
	h.SetMode(0o644)
	to, err := archive.CreateRaw(h)
	if err != nil {
		return err
	}
	progress := s.progress(f)
	if shrinks(f.Path) { // its bytes were told when it was compressed
		progress = nil
	}
	n, err := io.Copy(to, &untilDone{ctx, part.from, progress})
	if err == nil && n != part.size {
		err = errors.New("it was changed after it was taken in")
	}
	return err
}

// unixTime is the field of an entry that has its time without a zone's doubt.
func unixTime(at time.Time) []byte {
	b := binary.LittleEndian.AppendUint16(nil, extraTime)
	b = append(b, 5, 0, 1) // five bytes: what is there, and the time of change
	return binary.LittleEndian.AppendUint32(b, uint32(at.Unix()))
}

// untilDone ends with the context's error when that ends. progress, if there is one,
// is told how many bytes were read.
type untilDone struct {
	ctx      context.Context
	from     io.Reader
	progress func(int64)
}

func (r *untilDone) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.from.Read(b)
	if r.progress != nil {
		r.progress(int64(n))
	}
	return n, err
}
