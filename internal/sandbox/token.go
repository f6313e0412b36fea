package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const tokenPath = "/v1.0/token"

// tokens is the one live pair of tokens of the project.
type tokens struct {
	mu      sync.Mutex
	life    time.Duration
	access  string
	refresh string
	until   time.Time
	n       int
}

// get returns the live token with its remaining life, a new one if it died.
func (t *tokens) get(now time.Time) (access, refresh string, life time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.access == "" || !now.Before(t.until) {
		t.renew(now)
	}
	return t.access, t.refresh, t.until.Sub(now)
}

// rotate replaces both tokens if refresh is the live refresh token.
func (t *tokens) rotate(now time.Time, refresh string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refresh == "" || t.refresh != refresh {
		return false
	}
	t.renew(now)
	return true
}

// kill ends the live token: by its time, or because another process
// refreshed it.
func (t *tokens) kill(now time.Time, expire bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if expire {
		t.until = now
		return
	}
	t.renew(now)
}

func (t *tokens) renew(now time.Time) {
	t.n++
	t.access, t.refresh = tokenText("access", t.n), tokenText("refresh", t.n)
	t.until = now.Add(t.life)
}

// check returns the error for a request that bears access.
func (t *tokens) check(now time.Time, access string) *apiError {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case access == "":
		return fail(codeTokenMissing)
	case access != t.access:
		return fail(codeToken)
	case !now.Before(t.until):
		e := fail(codeToken)
		e.msg = "token is expired"
		return e
	}
	return nil
}

func tokenText(kind string, n int) string {
	h := sha256.Sum256([]byte("sandbox " + kind + " token " + strconv.Itoa(n)))
	return hex.EncodeToString(h[:16])
}

// answerToken answers GET /v1.0/token?grant_type=1 and GET
// /v1.0/token/{refresh_token}.
func (s *Server) answerToken(r *http.Request, now time.Time) reply {
	rest := strings.TrimPrefix(r.URL.Path, tokenPath)
	switch {
	case r.Method != http.MethodGet:
		return reply{err: fail(codePath)}
	case rest == "" || rest == "/":
		if r.URL.Query().Get("grant_type") != "1" {
			return reply{err: fail(codeGrantType)}
		}
	case !s.tokens.rotate(now, strings.TrimPrefix(rest, "/")):
		return reply{err: fail(codeCode)}
	}
	access, refresh, life := s.tokens.get(now)
	return reply{result: appendJSON(nil, struct {
		Access  string `json:"access_token"`
		Expire  int64  `json:"expire_time"`
		Refresh string `json:"refresh_token"`
		UID     string `json:"uid"`
	}{access, int64(life / time.Second), refresh, "bay1600000000000sandbox"})}
}

func isToken(path string) bool {
	return path == tokenPath || strings.HasPrefix(path, tokenPath+"/")
}
