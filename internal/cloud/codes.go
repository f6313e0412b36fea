package cloud

import "time"

// class says what helps against a refusal.
type class uint8

const (
	classStop     class = iota // nothing that a program can do
	classAuth                  // a new token, then once more
	classSkew                  // a corrected clock, then once more
	classSign                  // the same if the clock was wrong; else the other form of GET parameters
	classParams                // the other form of GET parameters, then once more
	classBack                  // waiting, up to five times
	classSystem                // waiting, up to three times
	classSlow                  // waiting longer
	classOnce                  // waiting, one time
	classThrottle              // waiting and a lower rate
)

// wait is how often and how long a class is waited for: the n-th wait is first
// doubled n-1 times, at most longest, plus up to half of that at random.
type wait struct {
	times          int
	first, longest time.Duration
}

var waits = map[class]wait{
	classBack:     {5, 500 * time.Millisecond, 20 * time.Second},
	classSystem:   {3, time.Second, 20 * time.Second},
	classSlow:     {4, 5 * time.Second, 30 * time.Second},
	classOnce:     {1, 5 * time.Second, 5 * time.Second},
	classThrottle: {8, time.Second, 20 * time.Second},
}

// code is one of the cloud's codes. Its text in the table is for people who read
// this table: what comes with it from the cloud varies, and nothing depends on it.
type code struct {
	class   class
	meaning string
	hint    string
	lasting bool // see [Error.Lasting]
}

const (
	lasting = true
	passing = false
)

const (
	hintCentre = "check that %s is the data centre of the project (the console shows it), that client id and secret are of " +
		"that project, and that the project may use the API"
	hintIP         = "add this machine's public address to the project's IP allow-list in the console, and " + hintCentre
	hintClock      = "set this machine's clock (NTP); the cloud takes requests only when they carry about its own time"
	hintSign       = "check the client secret; " + hintCentre
	hintPlan       = "renew the cloud development plan in the console; a renewal may need a day to take effect"
	hintQuota      = "the quota is used up: wait until it renews, or buy more in the console"
	hintBill       = "pay the outstanding bill in the console"
	hintSubscribe  = "subscribe the project to the smart building API group; the account manager at the cloud's operator can enable it"
	hintPermission = "check the project id, and that it is linked to this cloud project with the right to call the building APIs"
	hintBusy       = "the cloud is busy: try later, or lower the rate"
	hintParams     = "check the parameters; those of an operation of method GET may have to travel the other way, as body or as query"
	hintLater      = "the cloud has trouble: try later, and give its operators the trace id if it stays"
	hintToken      = "another program may use the same client id and take over its token: give each program a client id of its own"
)

// codes holds every code that the cloud documents or is known to send, with its
// way of retrying. An unknown code is not retried.
var codes = map[int]code{
	500:  {classSystem, "system error, please contact the admin", hintLater, passing},
	501:  {classSystem, "not documented; taken as 500", hintLater, passing},
	1000: {classStop, "data not exist", "check the ids in the request; what they name may have been deleted", passing},
	1001: {classStop, "secret invalid", hintSign, lasting},
	1002: {classAuth, "access_token is null", hintToken, passing},
	1003: {classStop, "grant type invalid", hintCentre, lasting},
	1004: {classSign, "sign invalid", hintSign, lasting},
	1005: {classStop, "clientId invalid", hintCentre, lasting},
	1006: {classStop, "not support content type", "", passing},
	1007: {classStop, "not support key", "", passing},
	1008: {classStop, "invalid access", hintPermission, passing},
	1010: {classAuth, "token is expired", hintToken, lasting},
	1011: {classAuth, "token invalid", hintToken, lasting},
	1012: {classAuth, "token status is invalid", hintToken, lasting},
	1013: {classSkew, "request time is invalid", hintClock, lasting},
	1100: {classParams, "param is empty", hintParams, passing},
	1101: {classStop, "params range invalid", "check the parameters; a smaller page size may help", passing},
	1102: {classParams, "param is null", hintParams, passing},
	1103: {classStop, "commands issue error", "", passing},
	1104: {classStop, "type is incorrect", hintParams, passing},
	1105: {classStop, "missing the header", "a proxy between this machine and the cloud may drop headers with an underscore", lasting},
	1106: {classStop, "permission deny", hintPermission, lasting},
	1107: {classStop, "code invalid", hintToken, passing},
	1108: {classStop, "uri path invalid", "the API is not open here: " + hintCentre, passing},
	1109: {classParams, "param is illegal, please check it", hintParams, passing},
	1110: {classThrottle, "concurrent request over limit", hintBusy, passing},
	1111: {classBack, "system is busy, please retry later", hintBusy, passing},
	1112: {classSlow, "user syncing in background", hintBusy, passing},
	// One document says "do not repeat the operation in a short time", another
	// "please upgrade to the commercial version".
	1113: {classOnce, "do not repeat the operation in a short time", "wait and try again; if it stays, " + hintPlan, passing},
	1114: {classStop, "your ip does not have access to this API", hintIP, lasting},
	1199: {classThrottle, "your requests are too frequent", hintBusy, passing},
	1400: {classAuth, "token invalid", hintToken, lasting},
	2001: {classStop, "device is offline", "the device has to be online", passing},
	// Documented as "device token expired"; what it says is that the data centre is wrong.
	2007:     {classStop, "cross-region access is not allowed", hintCentre, lasting},
	2406:     {classStop, "skill id invalid", hintCentre, lasting},
	28841001: {classStop, "no permissions, no plan", hintPlan, lasting},
	28841002: {classStop, "cloud development plan has expired", hintPlan, lasting},
	28841003: {classStop, "bill overdue", hintBill, lasting},
	28841004: {classStop, "quota of the trial edition is used up", hintQuota, lasting},
	28841101: {classStop, "API not subscribed", hintSubscribe, lasting},
	28841102: {classStop, "API subscription expired", hintSubscribe, lasting},
	28841103: {classStop, "API bill overdue", hintBill, lasting},
	28841104: {classStop, "API quota exhausted", hintQuota, lasting},
	28841105: {classStop, "project not authorized to call this API", hintSubscribe, lasting},
	28841106: {classStop, "API not subscribed", hintSubscribe, lasting},
	28841107: {classStop, "data center is suspended", "enable the data centre of the project in the console", lasting},
	60001001: {classStop, "controllable device pool quota insufficient", hintQuota, lasting},
}
