package store

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// MaxLine is far above what a landed line takes, in bytes: no answer is half of it.
const MaxLine = 128 << 20

// eachLine calls each with every line of a zstd file, without its newline, and
// returns the size of the text.
func eachLine(path string, each func(line []byte) error) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return eachLineOf(f, each)
}

// eachLineOf is [eachLine] of what from reads.
func eachLineOf(from io.Reader, each func(line []byte) error) (int64, error) {
	z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		return 0, err
	}
	defer z.Close()
	r := bufio.NewReaderSize(z, 1<<20)
	var line []byte
	var size int64
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > MaxLine {
			return size, fmt.Errorf("it has a line of more than %d MiB", MaxLine>>20)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return size, nil
		}
		if errors.Is(err, io.EOF) {
			return size, errors.New("its last line is torn")
		}
		if err != nil {
			return size, err
		}
		size += int64(len(line))
		if err := each(line[:len(line)-1]); err != nil {
			return size, err
		}
		line = line[:0]
	}
}

// Landed is a line of a landed file: a response, and what was asked.
type Landed struct {
	Line         int64  `json:"line"`
	Walk         int    `json:"walk"`
	Page         int    `json:"page"`
	Key          string `json:"key"`
	HTTPStatus   int    `json:"http_status"`
	Milliseconds int64  `json:"ms"`
	Attempt      int    `json:"attempt"`
	BodySHA256   string `json:"body_sha256"`
	Response     []byte `json:"-"` // the bytes that landed, a part of the line
}

// ParseLanded takes a landed line apart. It does not look into the response.
func ParseLanded(text []byte) (Landed, error) {
	from, to, err := memberValue(text, "response")
	if err != nil {
		return Landed{}, err
	}
	var l Landed
	if err := json.Unmarshal(slices.Concat(text[:from], []byte("0"), text[to:]), &l); err != nil {
		return Landed{}, err
	}
	if l.Line == 0 {
		return Landed{}, errors.New("a line has no number")
	}
	l.Response = text[from:to]
	return l, nil
}

// memberValue is where the value of a member of a JSON object stands.
func memberValue(text []byte, member string) (from, to int, err error) {
	at := 0
	skip := func(chars string) {
		for at < len(text) && strings.IndexByte(chars, text[at]) >= 0 {
			at++
		}
	}
	for skip(" {"); at < len(text) && text[at] == '"'; skip(" ,") {
		n := valueLength(text[at:])
		name := string(text[at : at+n])
		at += n
		skip(" :")
		n = valueLength(text[at:])
		if name == `"`+member+`"` && n > 0 {
			return at, at + n, nil
		}
		at += n
	}
	return 0, 0, errors.New("a line has no " + member)
}

// valueLength is where the JSON value that text begins with ends.
func valueLength(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(text))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':', ' ':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}
