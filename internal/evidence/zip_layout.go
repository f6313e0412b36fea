package evidence

import (
	"archive/zip"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A zip says twice what it has in it, before every entry and in the directory at its
// end, and programs differ in which they believe. So both are compared here, and
// entries have to follow each other without gaps: nothing is before the first,
// between two, or behind the last, and no two share bytes.
type layout struct {
	from    io.ReaderAt
	entries uint64
	dir     int64 // where the directory begins
	dirEnd  int64
}

// Sizes and marks of the parts of a zip, as its specification (APPNOTE 6.3) has them.
const (
	localSize, localMark         = 30, 0x04034b50
	directorySize, directoryMark = 46, 0x02014b50
	endSize, endMark             = 22, 0x06054b50
	end64Size, end64Mark         = 56, 0x06064b50
	locatorSize, locatorMark     = 20, 0x07064b50
	descriptorMark               = 0x08074b50

	extra64   = 0x0001 // sizes of more than 32 bits
	extraTime = 0x5455 // seconds since 1970

	flagDescriptor = 0x0008 // sizes follow the content
	flagUTF8       = 0x0800
	flagsLevel     = 0x0006 // how well it was compressed: says nothing
)

var le = binary.LittleEndian

var errZip = errors.New("its directory is not where a zip ends, as where a copy or a download was cut short")

// readLayout reads the end of a zip.
func readLayout(from io.ReaderAt, size int64) (*layout, error) {
	l := &layout{from: from}
	end, err := l.bytes(size-endSize, endSize, endMark)
	if err != nil || le.Uint16(end[20:]) != 0 {
		return nil, errZip
	}
	l.dirEnd = size - endSize
	l.entries = uint64(le.Uint16(end[10:]))
	disks := le.Uint32(end[4:])
	onDisk := uint64(le.Uint16(end[8:]))
	length, offset := uint64(le.Uint32(end[12:])), uint64(le.Uint32(end[16:]))
	if l.entries == 0xffff || length == 0xffffffff || offset == 0xffffffff {
		locator, err := l.bytes(l.dirEnd-locatorSize, locatorSize, locatorMark)
		if err != nil {
			return nil, errZip
		}
		l.dirEnd -= locatorSize + end64Size
		end64, err := l.bytes(l.dirEnd, end64Size, end64Mark)
		if err != nil || le.Uint64(end64[4:]) != end64Size-12 || le.Uint64(locator[8:]) != uint64(l.dirEnd) ||
			le.Uint32(locator[4:]) != 0 || le.Uint32(locator[16:]) != 1 || le.Uint32(end64[16:]) != 0 {
			return nil, errZip
		}
		disks |= le.Uint32(end64[20:])
		onDisk, l.entries = le.Uint64(end64[24:]), le.Uint64(end64[32:])
		length, offset = le.Uint64(end64[40:]), le.Uint64(end64[48:])
	}
	if disks != 0 || onDisk != l.entries || offset > uint64(l.dirEnd) || length != uint64(l.dirEnd)-offset {
		return nil, errZip
	}
	if l.entries > 2*maxFiles { // folders may be entries too
		return nil, fmt.Errorf("it has %d entries", l.entries)
	}
	l.dir = int64(offset)
	return l, nil
}

// bytes returns a part of the zip that begins with mark.
func (l *layout) bytes(at, size int64, mark uint32) ([]byte, error) {
	b := make([]byte, size)
	if at < 0 {
		return nil, errZip
	}
	if _, err := l.from.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if le.Uint32(b) != mark {
		return nil, errZip
	}
	return b, nil
}

// check compares the entries, which come from the directory, with what stands
// before them.
func (l *layout) check(files []*zip.File) error {
	if uint64(len(files)) != l.entries {
		return errZip
	}
	if err := l.checkDirectory(files); err != nil {
		return err
	}
	type placed struct {
		*zip.File
		at int64
	}
	var order []placed
	for _, f := range files {
		at, err := f.DataOffset()
		if err != nil {
			return fmt.Errorf("%q: %w", f.Name, err)
		}
		order = append(order, placed{f, at})
	}
	slices.SortStableFunc(order, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	at := int64(0)
	for _, f := range order {
		var err error
		if at, err = l.checkEntry(f.File, at, f.at); err != nil {
			return fmt.Errorf("%.200q: %w", f.Name, err)
		}
	}
	if at != l.dir {
		return errors.New("its last entry does not end where its directory begins")
	}
	return nil
}

// checkDirectory sees to it that the directory is of these entries alone.
func (l *layout) checkDirectory(files []*zip.File) error {
	at := l.dir
	for _, f := range files {
		b, err := l.bytes(at, directorySize, directoryMark)
		if err != nil {
			return err
		}
		if len(f.Comment) > 0 {
			return fmt.Errorf("%.200q: it has a comment", f.Name)
		}
		if err := checkExtra(f.Extra); err != nil {
			return fmt.Errorf("%.200q: %w", f.Name, err)
		}
		at += directorySize + int64(le.Uint16(b[28:])) + int64(le.Uint16(b[30:])) + int64(le.Uint16(b[32:]))
	}
	if at != l.dirEnd {
		return errZip
	}
	return nil
}

var errTwice = errors.New("what stands before the entry is not what the directory has")

// checkEntry compares the header at that place with the entry, whose content begins
// at data, and returns where the entry ends.
func (l *layout) checkEntry(f *zip.File, at, data int64) (int64, error) {
	header, err := l.bytes(at, localSize, localMark)
	if err != nil {
		return 0, errors.New("it does not begin where the entry before it ends")
	}
	if f.Flags&^(flagDescriptor|flagUTF8|flagsLevel) != 0 {
		return 0, errors.New("it is encrypted, or of a kind that is not read")
	}
	if f.Method != zip.Store && f.Method != zip.Deflate {
		return 0, fmt.Errorf("its method of compression is %d", f.Method)
	}
	name, extra := int64(le.Uint16(header[26:])), int64(le.Uint16(header[28:]))
	if data != at+localSize+name+extra || f.CompressedSize64 > maxBytes {
		return 0, errTwice
	}
	rest := make([]byte, name+extra)
	if _, err := l.from.ReadAt(rest, at+localSize); err != nil {
		return 0, errTwice
	}
	if string(rest[:name]) != f.Name || le.Uint16(header[6:]) != f.Flags || le.Uint16(header[8:]) != f.Method {
		return 0, errTwice
	}
	if err := checkExtra(rest[name:]); err != nil {
		return 0, err
	}
	end := data + int64(f.CompressedSize64)
	crc, size, full := le.Uint32(header[14:]), uint64(le.Uint32(header[18:])), uint64(le.Uint32(header[22:]))
	if f.Flags&flagDescriptor != 0 && crc == 0 && (size == 0 || size == 0xffffffff) {
		return l.checkDescriptor(f, end)
	}
	if more := findExtra(rest[name:], extra64); len(more) == 16 && size == 0xffffffff && full == 0xffffffff {
		full, size = le.Uint64(more), le.Uint64(more[8:])
	}
	if crc != f.CRC32 || size != f.CompressedSize64 || full != f.UncompressedSize64 || f.Flags&flagDescriptor != 0 {
		return 0, errTwice
	}
	if f.Method == zip.Store && size != full {
		return 0, errors.New("it is not compressed and has two sizes")
	}
	return end, nil
}

// checkDescriptor reads the sizes that follow the content, in 32 bits or in 64.
func (l *layout) checkDescriptor(f *zip.File, at int64) (int64, error) {
	for _, wide := range []int64{0, 1} {
		b, err := l.bytes(at, 16+8*wide, descriptorMark)
		if err != nil {
			return 0, errTwice
		}
		size, full := uint64(le.Uint32(b[8:])), uint64(le.Uint32(b[12:]))
		if wide == 1 {
			size, full = le.Uint64(b[8:]), le.Uint64(b[16:])
		}
		if le.Uint32(b[4:]) == f.CRC32 && size == f.CompressedSize64 && full == f.UncompressedSize64 {
			return at + int64(len(b)), nil
		}
	}
	return 0, errTwice
}

// checkExtra lets pass the fields that say nothing about names: sizes, times, owners.
func checkExtra(b []byte) error {
	for len(b) > 0 {
		if len(b) < 4 || len(b) < 4+int(le.Uint16(b[2:])) {
			return errors.New("its additional fields are cut")
		}
		switch id := le.Uint16(b); id {
		case extra64, extraTime, 0x7875, 0x5855, 0x000a:
		default:
			return fmt.Errorf("it has an additional field %04x", id)
		}
		b = b[4+int(le.Uint16(b[2:])):]
	}
	return nil
}

// findExtra returns a field of checked ones.
func findExtra(b []byte, id uint16) []byte {
	for len(b) > 0 {
		end := 4 + int(le.Uint16(b[2:]))
		if le.Uint16(b) == id {
			return b[4:end]
		}
		b = b[end:]
	}
	return nil
}
