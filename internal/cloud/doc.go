// Package cloud is a client for the building access control API of the Tuya
// cloud: eighteen operations over permissions, tasks and rules.
//
// Its invariant: an answer that it hands out is whole. It is one JSON text from
// its first byte to its last, says success, and has a result; whatever else
// comes is an error that says what a person can do, see [Error.Hint]. What
// passes by itself (a token that ended, a clock that is off, a rate that is too
// high, a gateway that is away) is repeated within bounds. An operation that
// writes is never repeated unless the cloud said that it did not carry it out.
//
// It deliberately decodes no rows. A page is handed on as it was received,
// beside the few facts that a walk needs; one pass over the bytes finds them,
// checks the text, and notes the members that must not be stored. Keys are
// compared in lower case and without underscores, because requests are in camel
// case, answers in snake case, and the documents show both.
//
// # Protocol
//
// A request is signed with HMAC-SHA256 over client id, token, time, method, hash
// of the body, path and query:
//
//	GET /v1.0/iot-02/building/access-auth-task/actions/issue-info?authTaskRecordId=157&projectId=142
//	client_id: 1KAD46OrT9HafiKdsXeg
//	access_token: 3f4eda2bdec17232f67c0b188af3eec1
//	t: 1588925778000
//	sign_method: HMAC-SHA256
//	sign: 14AE0394F1B42468CFE33A55D40CB85763D114DC66A5FB12BECAFC3128B0B0DC
//
// The answer is HTTP 200 also when the cloud refuses:
//
//	{"result":{"list":[{"access_auth_id":"1567..."}],"total":7},"success":true,"t":1664188226266,"tid":"3bce..."}
//	{"code":1010,"msg":"token invalid","success":false,"t":1664188226266}
package cloud
