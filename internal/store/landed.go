package store

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"

	"github.com/klauspost/compress/zstd"
)

// eachLine calls each with every line of a zstd file, without its newline, and
// returns the size of the text.
func eachLine(path string, each func(line []byte) error) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
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

// landedLine finds the number of a landed line, and the text of its response.
func landedLine(text []byte) (line int64, response []byte, err error) {
	rest := bytes.TrimLeft(text, " ")
	if len(rest) == 0 || rest[0] != '{' {
		return 0, nil, errors.New("a line is no object")
	}
	rest = rest[1:]
	for {
		rest = bytes.TrimLeft(rest, " ,")
		if len(rest) == 0 || rest[0] == '}' {
			break
		}
		n := valueLength(rest)
		name := string(rest[:n])
		rest = bytes.TrimLeft(rest[n:], " ")
		if len(rest) == 0 || rest[0] != ':' {
			return 0, nil, errors.New("a line is no object")
		}
		rest = bytes.TrimLeft(rest[1:], " ")
		n = valueLength(rest)
		switch name {
		case `"line"`:
			if line, err = strconv.ParseInt(string(rest[:n]), 10, 64); err != nil {
				return 0, nil, err
			}
		case `"response"`:
			response = rest[:n]
		}
		rest = rest[n:]
	}
	if line == 0 || response == nil {
		return 0, nil, errors.New("a line has no number or no response")
	}
	return line, response, nil
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
