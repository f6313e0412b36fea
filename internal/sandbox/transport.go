package sandbox

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"syscall"
)

// Transport returns a round tripper that calls the server directly, without a
// socket, for tests inside a synctest bubble. A connection that a fault
// closes is an error, or a body that ends early, as over a network.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ s *Server }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.Header = http.Header{}
	for name, vs := range r.Header {
		for _, v := range vs {
			in.Header.Add(name, v) // names in the form in which a server reads them
		}
	}
	in.RequestURI = r.URL.RequestURI()
	w := &answer{header: http.Header{}}
	aborted := w.serve(t.s, in)
	if r.Body != nil {
		r.Body.Close()
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if aborted && w.status == 0 {
		return nil, errors.Join(errors.New("read: connection reset by peer"), syscall.ECONNRESET)
	}
	w.WriteHeader(http.StatusOK)
	resp := &http.Response{
		Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, ContentLength: -1, Request: r,
	}
	if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
		resp.ContentLength = n
	}
	var body io.Reader = &w.body
	if aborted {
		body = io.MultiReader(body, cutOff{})
	}
	resp.Body = io.NopCloser(body)
	return resp, nil
}

// cutOff is the end of a body whose connection was closed.
type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// answer is a response as it is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// serve reports whether the handler closed the connection.
func (a *answer) serve(s *Server, r *http.Request) (aborted bool) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			aborted = true
		default:
			panic(p)
		}
	}()
	s.ServeHTTP(a, r)
	return false
}
