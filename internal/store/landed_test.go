package store

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func TestParseLanded(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Landed // of a line that is refused, empty
	}{
		{"as the collector lands it", `{"line":2,"walk":1,"page":3,"key":"k","http_status":200,"ms":7,"attempt":1,"body_sha256":"ab","response":{"result":[]}}` + "\n",
			Landed{Line: 2, Walk: 1, Page: 3, Key: "k", HTTPStatus: 200, Milliseconds: 7, Attempt: 1, BodySHA256: "ab", Response: []byte(`{"result":[]}`)}},
		{"members in another order, and spaces", `{ "key" : "k", "response" : [ 1, {"line":9} ] , "line" : 2 }`,
			Landed{Line: 2, Key: "k", Response: []byte(`[ 1, {"line":9} ]`)}},
		{"a key that looks like a response", `{"line":1,"key":"\",\"response\":{}","response":"}"}`,
			Landed{Line: 1, Key: `","response":{}`, Response: []byte(`"}"`)}},
		{"a torn line", `{"line":1,"key":"k","response":{"result":`, Landed{}},
		{"torn behind the response", `{"line":1,"key":"k","response":{}`, Landed{}},
		{"two lines", `{"line":1,"response":{}}` + "\n" + `{"line":2,"response":{}}`, Landed{}},
		{"no response", `{"line":1,"key":"k"}`, Landed{}},
		{"no number", `{"key":"k","response":{}}`, Landed{}},
		{"no object", `null`, Landed{}},
		{"nothing", ``, Landed{}},
	} {
		got, err := ParseLanded([]byte(tt.text))
		if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.want.Line > 0) {
			t.Errorf("%s: error %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

// A line without an end does not fill the memory.
func TestLineWithoutEnd(t *testing.T) {
	packed, w := io.Pipe()
	defer packed.Close()
	go func() {
		z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err == nil {
			_, err = io.Copy(z, io.LimitReader(endless{}, 1<<40))
		}
		w.CloseWithError(errors.Join(err, z.Close()))
	}()
	_, err := eachLineOf(packed, func([]byte) error { return errors.New("there is no line") })
	if err == nil || err.Error() != "it has a line of more than 128 MiB" {
		t.Errorf("error %v", err)
	}
}

// endless reads spaces.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return copy(b, spaces), nil }

var spaces = bytes.Repeat([]byte{' '}, 1<<20)
