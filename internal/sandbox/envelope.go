package sandbox

import (
	"net/http"
	"strconv"
	"time"
)

// apiError is an answer with success false. Its codes are Tuya's global ones;
// the two documents list 500 alone (A804, B657).
type apiError struct {
	code int
	msg  string
	edge bool // answered before the request has a tid
}

// The codes that this sandbox answers with, and the text of each.
const (
	codeSystem         = 500
	codeNoData         = 1000
	codeTokenMissing   = 1002
	codeGrantType      = 1003
	codeSign           = 1004
	codeClientID       = 1005
	codeContentType    = 1006
	codeToken          = 1010
	codeTime           = 1013
	codeParamEmpty     = 1100
	codeParamRange     = 1101
	codeParamNull      = 1102
	codeParamType      = 1104
	codeHeader         = 1105
	codePermission     = 1106
	codeCode           = 1107
	codePath           = 1108
	codeParamIllegal   = 1109
	codeConcurrent     = 1110
	codeBusy           = 1111
	codeIP             = 1114
	codeFrequent       = 1199
	codeRegion         = 2007
	codePlanExpired    = 28841002
	codeQuotaExhausted = 28841004
)

var codeTexts = map[int]string{
	codeSystem:         "system error, please contact the admin",
	codeNoData:         "data not exist",
	codeTokenMissing:   "access_token is null",
	codeGrantType:      "grant type invalid",
	codeSign:           "sign invalid",
	codeClientID:       "clientId invalid",
	codeContentType:    "not support content type",
	codeToken:          "token invalid",
	codeTime:           "request time is invalid",
	codeParamEmpty:     "param is empty",
	codeParamRange:     "params range invalid",
	codeParamNull:      "param is null",
	codeParamType:      "type is incorrect",
	codeHeader:         "missing the header",
	codePermission:     "permission deny",
	codeCode:           "code invalid",
	codePath:           "uri path invalid",
	codeParamIllegal:   "param is illegal, please check it",
	codeConcurrent:     "concurrent request over limit",
	codeBusy:           "system is busy, please retry later",
	codeIP:             "your ip(192.0.2.1) don't have access to this API",
	codeFrequent:       "your requests are too frequent",
	codeRegion:         "your ip(192.0.2.1) cross-region access is not allowed",
	codePlanExpired:    "No permissions. Your subscription to cloud development plan has expired.",
	codeQuotaExhausted: "Your quota of Trial Edition is used up.",
}

func (e *apiError) Error() string { return strconv.Itoa(e.code) + " " + e.msg }

// fail returns the error of code, about the parameter or other thing named.
func fail(code int, about ...string) *apiError {
	e := &apiError{code: code, msg: codeTexts[code]}
	for _, a := range about {
		e.msg += ": " + a
	}
	return e
}

// edgeFail returns an error as the edge answers it, without tid.
func edgeFail(code int) *apiError {
	e := fail(code)
	e.edge = true
	return e
}

// reply is an answer before it is written: the JSON of its result, or err.
type reply struct {
	result []byte
	err    *apiError
	noBody bool // success without a result
	ready  bool // result was rendered beforehand
}

// envelope returns the body of an answer. Members stand in alphabetical
// order; code and msg are absent on success, as in the real samples.
func (s *Server) envelope(a reply, now time.Time) []byte {
	b := make([]byte, 0, len(a.result)+256)
	switch {
	case a.err != nil:
		b = append(b, `{"code":`...)
		code := strconv.Itoa(a.err.code)
		if s.faultsNow().on(faultStrings, "") {
			code = strconv.Quote(code)
		}
		b = append(b, code...)
		b = append(b, `,"msg":`...)
		b = appendJSON(b, a.err.msg)
		b = append(b, `,"success":false`...)
	case a.noBody:
		b = append(b, `{"success":true`...)
	default:
		b = append(b, `{"result":`...)
		b = append(b, a.result...)
		b = append(b, `,"success":true`...)
	}
	return s.appendTail(b, now, a.err != nil && a.err.edge)
}

// appendTail ends an envelope with t and tid.
func (s *Server) appendTail(b []byte, now time.Time, edge bool) []byte {
	b = append(b, `,"t":`...)
	b = strconv.AppendInt(b, now.UnixMilli(), 10)
	if !edge {
		b = append(b, `,"tid":"`...)
		b = appendTID(b, now.Add(-5*time.Millisecond), s.serial.Add(1))
		b = append(b, '"')
	}
	return append(b, '}')
}

func writeJSON(w http.ResponseWriter, parts ...[]byte) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(n))
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return // the client is gone; there is nobody to tell
		}
	}
}
