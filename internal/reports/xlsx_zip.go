package reports

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"

	"github.com/klauspost/compress/flate"
)

// orderedZip writes the parts of a workbook in one order whatever the order in
// which they come, without times: the library ranges over a map of streamed
// sheets, and over one of content types. It compresses as it receives and
// holds what is compressed.
type orderedZip struct {
	zip   *zip.Writer
	parts []*zipPart
	types *bytes.Buffer // the part that lists the content types
}

const typesPart = "[Content_Types].xml"

// zipPart is one compressed part.
type zipPart struct {
	name  string
	data  bytes.Buffer
	flate *flate.Writer
	size  uint64
	crc   uint32
}

func newOrderedZip(w io.Writer) *orderedZip { return &orderedZip{zip: zip.NewWriter(w)} }

// Create begins a part; it ends with the next or with Close.
func (z *orderedZip) Create(name string) (io.Writer, error) {
	if name == typesPart {
		z.types = &bytes.Buffer{}
		return z.types, nil
	}
	return z.create(name)
}

func (z *orderedZip) create(name string) (*zipPart, error) {
	p := &zipPart{name: name}
	var err error
	if p.flate, err = flate.NewWriter(&p.data, flate.DefaultCompression); err != nil {
		return nil, err
	}
	z.parts = append(z.parts, p)
	return p, nil
}

// AddFS is part of what the library asks for and not used by it.
func (z *orderedZip) AddFS(fs.FS) error { return errors.ErrUnsupported }

func (p *zipPart) Write(b []byte) (int, error) {
	p.crc = crc32.Update(p.crc, crc32.IEEETable, b)
	p.size += uint64(len(b))
	return p.flate.Write(b)
}

// first are the parts that readers expect at the start.
var first = []string{typesPart, "_rels/.rels", "xl/workbook.xml"}

// contentTypes is what [Content_Types].xml holds.
type contentTypes struct {
	XMLName   xml.Name      `xml:"http://schemas.openxmlformats.org/package/2006/content-types Types"`
	Defaults  []contentType `xml:"Default"`
	Overrides []contentType `xml:"Override"`
}

// contentType is that of an extension or of a part.
type contentType struct {
	Extension   string `xml:"Extension,attr,omitempty"`
	PartName    string `xml:"PartName,attr,omitempty"`
	ContentType string `xml:"ContentType,attr"`
}

// sortTypes adds the list of content types with its entries sorted.
func (z *orderedZip) sortTypes() error {
	var types contentTypes
	if z.types == nil {
		return nil
	}
	if err := xml.Unmarshal(z.types.Bytes(), &types); err != nil {
		return err
	}
	for _, list := range [][]contentType{types.Defaults, types.Overrides} {
		slices.SortFunc(list, func(a, b contentType) int {
			return cmp.Or(cmp.Compare(a.Extension, b.Extension), cmp.Compare(a.PartName, b.PartName))
		})
	}
	text, err := xml.Marshal(types)
	if err != nil {
		return err
	}
	p, err := z.create(typesPart)
	if err != nil {
		return err
	}
	_, err = p.Write(append([]byte(xml.Header), text...))
	return err
}

func (z *orderedZip) Close() error {
	if err := z.sortTypes(); err != nil {
		return err
	}
	rank := func(p *zipPart) int {
		if i := slices.Index(first, p.name); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortStableFunc(z.parts, func(a, b *zipPart) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.name, b.name))
	})
	for _, p := range z.parts {
		if err := p.flate.Close(); err != nil {
			return err
		}
		w, err := z.zip.CreateRaw(&zip.FileHeader{
			Name:   p.name,
			Method: zip.Deflate,
			//lint:ignore SA1019 CreateRaw writes this field and passes over Modified
			ModifiedDate:       1<<5 | 1, // 1980-01-01, the least that the format has
			CRC32:              p.crc,
			CompressedSize64:   uint64(p.data.Len()),
			UncompressedSize64: p.size,
		})
		if err != nil {
			return err
		}
		if _, err := p.data.WriteTo(w); err != nil {
			return err
		}
		p.data, p.flate = bytes.Buffer{}, nil // the library holds the whole file in memory: not twice
	}
	return z.zip.Close()
}
