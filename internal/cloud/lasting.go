package cloud

import (
	"errors"
	"net"
	"slices"
)

// lastingCodes are refusals that speak of the credentials, the clock, the plan,
// the network or the project, not of one request.
var lastingCodes = []int{1001, 1003, 1004, 1005, 1010, 1011, 1012, 1013, 1105, 1106, 1114, 1400, 2007, 2406,
	28841001, 28841002, 28841003, 28841004, 28841101, 28841102, 28841103, 28841104, 28841105, 28841106, 28841107, 60001001}

// Lasting says whether the next request for the same project would meet the
// same error, so that going on only costs requests.
func (e *Error) Lasting() bool {
	var op *net.OpError
	return slices.Contains(lastingCodes, e.Code) || errors.As(e.cause, &op) && op.Op == "dial" || distrusted(e.cause)
}

// IDs gives the ids of the items of an answer without pages, in order.
func (r *Response) IDs() []string { return r.facts.texts(r.Body) }
