// Package sandbox is the building access control cloud on this machine: the 18
// operations of the two API documents and the two token calls as an
// http.Handler, with a site behind them.
//
// It is a reading of the documents of its own and imports nothing of this
// program, above all not the client: what both got wrong in the same way
// would otherwise pass. Every parameter and member cites the line of the
// documents that names it: A30 is line 30 of manage-person-permissions.txt,
// B32 line 32 of authorize-persons.txt.
//
// A request:
//
//	POST /v1.0/iot-02/building/access-auth HTTP/1.1
//	client_id: sandboxclient0000001
//	access_token: 4e4e...
//	t: 1664188226266
//	sign_method: HMAC-SHA256
//	sign: 64 upper-case hex digits
//	Content-Type: application/json
//
//	{"projectId":"1424615984265764001","page":1,"pageSize":20}
//
// and its answer, always with status 200:
//
//	{"result":{"list":[{"access_auth_id":"1567699430642122001",...}],"total":7},
//	 "success":true,"t":1664188226266,"tid":"3bce60c83d8611ed84fd2237f0528b74"}
//
// There are three sites. "documented" holds the values of the documents'
// samples. "demo" is a building of about 600 persons with all the trouble
// that reports look for; it is made from Options.Seed and the day (in UTC+8)
// of Options.Now alone, and goes on living as that clock moves. "large" is
// made row by row when asked, can not be written to, and holds up to
// [MaxPermissions] permissions.
//
// What the documents leave open is a field of [Switches]. What goes wrong on
// a bad day is a [Fault]. It does not know what a report is, and it keeps
// nothing when the process ends.
package sandbox
