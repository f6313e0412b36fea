package store

import (
	"bytes"
	"errors"
	"io"
	"strings"
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

// What stands in a landed file is read line for line; what is wrong is said of its
// line, and a line without an end does not fill the memory.
func TestEachLanded(t *testing.T) {
	const line = `{"line":7,"response":{"a":1}}` + "\n"
	for _, tt := range []struct {
		name string
		text io.Reader
		want string // the error
	}{
		{"two lines", strings.NewReader(line + line), "line 2: the second"},
		{"no line", strings.NewReader(""), ""},
		{"no answer", strings.NewReader(line[:10] + "\n"), "line 1: a line has no response"},
		{"a torn line", strings.NewReader(line[:20]), "line 1: its last line is torn"},
		{"no end", io.LimitReader(endless{}, 1<<40), "line 1: it has a line of more than 128 MiB"},
	} {
		packed, w := io.Pipe()
		go func() {
			z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
			if err == nil {
				_, err = io.Copy(z, tt.text)
			}
			w.CloseWithError(errors.Join(err, z.Close()))
		}()
		n := 0
		err := EachLanded(packed, func(l Landed) error {
			if l.Line != 7 || string(l.Response) != `{"a":1}` {
				t.Errorf("%s: %+v", tt.name, l)
			}
			if n++; n == 2 {
				return errors.New("the second")
			}
			return nil
		})
		packed.Close()
		if got := errorText(err); got != tt.want {
			t.Errorf("%s: error %q, want %q", tt.name, got, tt.want)
		}
	}
	if err := EachLanded(bytes.NewReader([]byte("no zstd")), nil); err == nil {
		t.Error("what is no zstd was read")
	}
}

// endless reads spaces.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return copy(b, spaces), nil }

var spaces = bytes.Repeat([]byte{' '}, 1<<20)

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
