package sandbox

import (
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	maxBody     = 1 << 20
	skewOfFault = 20 * time.Minute
)

// ServeHTTP answers one request. It checks in this order: data centre and
// address (2007, 1114), headers (1105), time (1013), client (1005),
// signature (1004), token (1002, 1010), plan and quota (28841xxx, 1199,
// 1110), path (1108), parameters (1100 to 1109), project (1106). Errors come
// with HTTP status 200 and success false.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		http.Error(w, "the request body cannot be read", http.StatusRequestEntityTooLarge)
		return
	}
	q := &request{Request: r, body: body, op: findOperation(r.Method, r.URL.Path), now: s.o.Now()}
	q.opName = opName(q)
	q.gate = q.now
	if s.faultsNow().on(faultSkew, q.opName) {
		q.gate = q.now.Add(skewOfFault)
	}
	s.requests.count(q.opName)
	q.key = mix(sum(r.Method, r.URL.Path, r.URL.RawQuery, string(body)))
	if len(s.faultsNow()) > 0 {
		q.fault = s.passer.hit(s.faultsNow(), q.opName, q.key)
	}
	switch q.fault {
	case fault504:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusGatewayTimeout)
		io.WriteString(w, "<html>\r\n<head><title>504 Gateway Time-out</title></head>\r\n<body><center><h1>504 Gateway Time-out</h1></center></body>\r\n</html>\r\n")
		return
	case faultSlow:
		if !wait(r, s.o.SlowDelay) {
			return
		}
	}
	a := s.answer(q)
	if got := a.err == nil || a.err.code != codeToken; got && (q.fault == "" || q.fault == faultSlow) {
		s.passer.through(q.key)
	}
	s.write(w, q, a)
}

// request is a request on its way through the gateway.
type request struct {
	*http.Request
	body   []byte
	op     *operation // nil for tokens and unknown paths
	opName string
	key    uint64
	fault  string    // the passing fault that hits it
	now    time.Time // of the site
	gate   time.Time // of the gateway's clock
}

func opName(q *request) string {
	switch {
	case q.op != nil:
		return q.op.name
	case isToken(q.URL.Path):
		return "token"
	}
	return "unknown"
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	return io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
}

// wait waits for d and reports whether the client is still there.
func wait(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// write writes an answer, or as much of it as the fault lets through.
func (s *Server) write(w http.ResponseWriter, q *request, a reply) {
	if q.fault == faultReset {
		panic(http.ErrAbortHandler)
	}
	if a.ready {
		writeJSON(w, readyHead, a.result, s.appendTail([]byte(`,"success":true`), q.gate, false))
		return
	}
	b := s.envelope(a, q.gate)
	if q.fault == faultTruncated {
		w.Header().Set("Content-Type", "application/json;charset=UTF-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.Write(b[:len(b)/2])
		panic(http.ErrAbortHandler)
	}
	writeJSON(w, b)
}

// answer checks a request and answers it.
func (s *Server) answer(q *request) reply {
	if err := s.admit(q); err != nil {
		return reply{err: err}
	}
	if isToken(q.URL.Path) {
		if q.fault == fault500 {
			return reply{err: fail(codeSystem)}
		}
		return s.answerToken(q.Request, q.now)
	}
	if err := s.checkToken(q); err != nil {
		return reply{err: err}
	}
	if err := s.checkPlan(q); err != nil {
		return reply{err: err}
	}
	if q.op == nil {
		return reply{err: fail(codePath)}
	}
	v, err := readValues(q.op, q.Request, q.body, s.o.Switches.GetParams)
	if err != nil {
		return reply{err: err}
	}
	c := &call{s: s, op: q.op, v: v, at: q.now.UnixMilli()}
	if c.pg, err = pagingOf(v, s.o.Switches.MaxPageSize); err != nil {
		return reply{err: err}
	}
	if v.text("projectId") != s.project {
		return reply{err: fail(codePermission)}
	}
	if q.fault == fault500 {
		return reply{err: fail(codeSystem)}
	}
	return c.reply()
}

// reply answers a call that passed the gateway.
func (c *call) reply() reply {
	if c.on(faultNoResult) {
		return reply{noBody: true}
	}
	if a, ok := c.s.prepared(c); ok {
		return a
	}
	defer c.s.site.begin(c.at)()
	a := c.op.answer(c)
	if a.err == nil {
		a.result = c.distorted(a.result)
	}
	return a
}

// admit makes the checks that come before the token.
func (s *Server) admit(q *request) *apiError {
	h := q.Header
	set := s.faultsNow()
	if set.on(faultRegion, q.opName) {
		return edgeFail(codeRegion)
	}
	if set.on(faultIP, q.opName) {
		return edgeFail(codeIP)
	}
	for _, name := range []string{"client_id", "sign", "sign_method", "t"} {
		if h.Get(name) == "" {
			return edgeFail(codeHeader)
		}
	}
	t, err := strconv.ParseInt(h.Get("t"), 10, 64)
	if err != nil || len(h.Get("t")) != 13 {
		return edgeFail(codeTime)
	}
	if off := q.gate.Sub(time.UnixMilli(t)).Abs(); off > s.o.Switches.Skew {
		return edgeFail(codeTime)
	}
	if h.Get("client_id") != s.signer.id {
		return fail(codeClientID)
	}
	token := h.Get("access_token")
	if isToken(q.URL.Path) {
		token = ""
	}
	good := h.Get("sign_method") == "HMAC-SHA256" && equalSign(h.Get("sign"), s.signer.sign(q.Request, q.body, token))
	if !good && !(s.o.Switches.AllowV1 && equalSign(h.Get("sign"), s.signer.signV1(q.Request, token))) {
		return edgeFail(codeSign)
	}
	return nil
}

func (s *Server) checkToken(q *request) *apiError {
	if q.fault == faultExpire || q.fault == faultRevoke {
		s.tokens.kill(q.now, q.fault == faultExpire)
		return s.tokens.check(q.now, q.Header.Get("access_token"))
	}
	err := s.tokens.check(q.now, q.Header.Get("access_token"))
	if err != nil {
		s.passer.tokenDied(q.key)
	}
	return err
}

func (s *Server) checkPlan(q *request) *apiError {
	set := s.faultsNow()
	switch {
	case set.on(faultPlan, q.opName):
		return fail(codePlanExpired)
	case set.on(faultQuota, q.opName):
		return fail(codeQuotaExhausted)
	case q.fault == faultThrottle:
		return fail(codeFrequent)
	case q.fault == faultBusy && q.key%2 == 0:
		return fail(codeConcurrent)
	case q.fault == faultBusy:
		return fail(codeBusy)
	}
	return nil
}
