package cloud

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// dial makes a client of a server that listens.
func dial(t *testing.T, url string, c Config) *Client {
	t.Helper()
	c.URL, c.ClientID, c.ClientSecret, c.Rate = url, testID, testSecret, 1e6
	cl, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.http.CloseIdleConnections)
	return cl
}

// refused calls c and gives the error, which has to be an *Error.
func refused(t *testing.T, c *Client) *Error {
	t.Helper()
	_, err := c.Call(t.Context(), "access-auth", project)
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	return e
}

func TestHostThatCannotBeTalkedTo(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	bare := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(bare.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	pool := x509.NewCertPool()
	pool.AddCert(secure.Certificate())
	trusting := func(name string) http.RoundTripper {
		tr := newTransport().(*http.Transport)
		tr.TLSClientConfig = &tls.Config{RootCAs: pool, ServerName: name}
		return tr
	}
	later := newTransport().(*http.Transport)
	later.TLSClientConfig = &tls.Config{RootCAs: pool, Time: func() time.Time { return time.Now().AddDate(200, 0, 0) }}

	tests := []struct {
		name, url string
		transport http.RoundTripper
		hint      string
	}{
		{"nothing listens", "http://" + closed.Addr().String(), nil, "nothing runs at " + closed.Addr().String() + "; where that is the sandbox"},
		{"no TLS", strings.Replace(bare.URL, "http:", "https:", 1), nil, "does not speak TLS"},
		{"unknown certificate", secure.URL, nil, "is not trusted"},
		{"certificate of another host", secure.URL, trusting("elsewhere.example"), "certificate of another host"},
		{"certificate that ended", secure.URL, later, "set the clock"},
		{"name that does not exist", "https://cloud.invalid", failing(&net.DNSError{Err: "no such host", Name: "cloud.invalid", IsNotFound: true}), "cannot be looked up"},
		{"name server away", "https://cloud.invalid", failing(&net.DNSError{Err: "server misbehaving", Name: "cloud.invalid", IsTemporary: true}), "cannot be looked up"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			e := refused(t, dial(t, tt.url, Config{Transport: tt.transport}))
			if !strings.Contains(e.Hint(), tt.hint) || e.Endpoint != "token" {
				t.Errorf("%v\nhint %q, want %q", e, e.Hint(), tt.hint)
			}
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("took %v, for a host that never answered", took)
			}
		})
	}
}

// failing is a transport that cannot find the host.
func failing(err error) http.RoundTripper {
	return roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	})
}

// serve starts a server that gives tokens and leaves the rest to h.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	g := &gateway{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1.0/token" {
			g.ServeHTTP(w, r)
			return
		}
		h(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestConnectionThatBreaks: cut within the body, reset, and closed before an
// answer.
func TestConnectionThatBreaks(t *testing.T) {
	whole := strings.ReplaceAll(ok(items(0, 2, 2)), "NOW", strconv.FormatInt(time.Now().UnixMilli(), 10))
	for _, name := range []string{"cut", "reset", "closed"} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int64
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if n.Add(1) > 1 {
					_, _ = io.WriteString(w, whole)
					return
				}
				conn, out, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				switch name {
				case "cut":
					fmt.Fprintf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(whole), whole[:len(whole)/2])
					_ = out.Flush()
				case "reset":
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
			})
			r, err := dial(t, s.URL, Config{}).Call(t.Context(), "access-auth", project)
			if err != nil || string(r.Body) != whole {
				t.Errorf("%v, %v", r, err)
			}
			// Go's own transport repeats a GET on a connection that was closed; this is a POST.
			if n.Load() != 2 {
				t.Errorf("%d requests", n.Load())
			}
		})
	}
}

func TestCancelOfARequestThatHangs(t *testing.T) {
	hang := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, `{"result":`)
		_ = http.NewResponseController(w).Flush()
		<-hang
	})
	t.Cleanup(func() { close(hang) })
	c := dial(t, s.URL, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	for _, err := range c.Reader().Pages(ctx, "access-auth", project, PageOptions{}) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("returned after %v", took)
	}
}

// TestRedirectIsNotFollowed: it would carry token and signature elsewhere.
func TestRedirectIsNotFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	e := refused(t, dial(t, s.URL, Config{}))
	if e.HTTPStatus != http.StatusTemporaryRedirect || elsewhere.Load() != 0 || !strings.Contains(e.Hint(), "proxy") {
		t.Errorf("%v (%s), %d requests elsewhere", e, e.Hint(), elsewhere.Load())
	}
}

func TestBodyThatIsTooLarge(t *testing.T) {
	for _, told := range []bool{true, false} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if told {
				w.Header().Set("Content-Length", strconv.Itoa(maxBody+1))
			}
			spaces := []byte(strings.Repeat(" ", 1<<20))
			for range maxBody>>20 + 1 {
				if _, err := w.Write(spaces); err != nil {
					return
				}
			}
		})
		e := refused(t, dial(t, s.URL, Config{}))
		if !errors.Is(e, errTooLarge) || e.attempts != 1 {
			t.Errorf("%v", e)
		}
	}
}

// TestConnectionsAreKept: 400 requests, 8 in flight, share a few connections. A busy machine opens
// some more than 8: a request that waits for a new one takes an old one when that is free first.
func TestConnectionsAreKept(t *testing.T) {
	list := listOf(4000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, reply := list(0, r, string(body))
		time.Sleep(time.Millisecond)
		_, _ = io.WriteString(w, strings.ReplaceAll(reply, "NOW", strconv.FormatInt(time.Now().UnixMilli(), 10)))
	})
	var opened atomic.Int64
	tr := newTransport().(*http.Transport)
	dialer := tr.DialContext
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		opened.Add(1)
		return dialer(ctx, network, addr)
	}
	c := dial(t, s.URL, Config{Transport: tr, Parallel: 8})
	_, ids, err := walkAll(t.Context(), c.Reader(), PageOptions{Size: 10})
	if err != nil || len(ids) != 4000 {
		t.Fatal(len(ids), err)
	}
	if opened.Load() > 40 {
		t.Errorf("%d connections for 400 requests, 8 in flight", opened.Load())
	}
}

// BenchmarkPages walks pages that are ready before the clock starts.
func BenchmarkPages(b *testing.B) {
	page := permissionsPage(100)
	g := &gateway{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1.0/token" {
			g.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(page)
	}))
	defer s.Close()
	c, err := New(Config{URL: s.URL, ClientID: testID, ClientSecret: testSecret, Rate: 1e6, Parallel: 4})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(10 * len(page)))
	for b.Loop() {
		n := 0
		for p, err := range c.Reader().Pages(b.Context(), "access-auth", project, PageOptions{Size: 100}) {
			if err != nil {
				b.Fatal(err)
			}
			n += p.Items
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}
