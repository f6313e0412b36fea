package sandbox

import (
	"net/http"
	"strings"
)

const base = "/v1.0/iot-02/building/"

// operation is one of the 18 operations.
type operation struct {
	name   string
	method string
	path   string // below base; may end in /{authTaskId}
	doc    string // the lines of the documents that give method and path
	params []param
	list   bool // answers pages
	answer func(*call) reply
}

// call is one request to an operation after all checks of the gateway.
type call struct {
	s  *Server
	op *operation
	v  values
	at int64 // ms
	pg paging

	rowsSeen int // rows in the page answered
}

var (
	enumDateType    = []int64{0, -1, 7, 15, 30} // A37-41
	enumIssued      = []int64{0, 1}             // A49-50, A53-54, A57-58
	enumCertificate = []int64{1, 2, 3, 4}       // A351-354, A400-403
	enumIssueType   = []int64{1, 2}             // A449-450, A463-464
	enumAuthNum     = []int64{-1, 0, 1}         // A458-460
	enumTaskCert    = []int64{1, 2, 3}          // A467-469
	enumProgress    = []int64{0, 1, 2, 3}       // A472-475
	enumStatus      = []int64{1, 2, 3, 4}       // A478-481
	enumRecord      = []int64{0, 1, 2, 3, 4}    // A634-638
	enumRelation    = []int64{1, 2}             // B369-370
)

// operations are the 18, in the order of the documents.
var operations = []*operation{
	{name: "access-auth", method: http.MethodPost, path: "access-auth", doc: "A8, A25", list: true, answer: (*call).permissions, params: []param{
		{name: "projectId", required: true, doc: "A30"},
		{name: "name", doc: "A31"},
		{name: "sex", kind: integer, doc: "A32"},
		{name: "mobile", doc: "A33"},
		{name: "structureId", doc: "A34"},
		{name: "personCode", doc: "A35"},
		{name: "authDateType", kind: integer, enum: enumDateType, doc: "A36"},
		{name: "accessControlChannelName", doc: "A43"},
		{name: "accessChannelRoomId", doc: "A44"},
		{name: "businessDeviceName", doc: "A45"},
		{name: "authStartTime", kind: long, doc: "A46"},
		{name: "authEndTime", kind: long, doc: "A47"},
		{name: "faceIssueStatus", kind: integer, enum: enumIssued, doc: "A48"},
		{name: "cardIssueStatus", kind: integer, enum: enumIssued, doc: "A52"},
		{name: "fingerprintIssueStatus", kind: integer, enum: enumIssued, doc: "A56"},
		{name: "page", kind: integer, doc: "A60"},
		{name: "pageSize", kind: integer, doc: "A61"},
		{name: "channelIds", kind: texts, doc: "A62"},
	}},
	{name: "access-auth/detail", method: http.MethodGet, path: "access-auth/detail", doc: "A9, A244", answer: (*call).permissionDetail, params: []param{
		{name: "projectId", required: true, doc: "A249"},
		{name: "accessAuthId", required: true, doc: "A250"},
	}},
	{name: "access-auth-issue/actions/full", method: http.MethodPost, path: "access-auth-issue/actions/full", doc: "A10, A344", answer: (*call).issueFull, params: []param{
		{name: "projectId", required: true, doc: "A349"},
		{name: "authIssueCertificate", kind: integer, enum: enumCertificate, required: true, doc: "A350"},
		{name: "channelIds", kind: texts, required: true, doc: "A356"},
	}},
	{name: "access-auth-issue/actions/increment", method: http.MethodPost, path: "access-auth-issue/actions/increment", doc: "A11, A393", answer: (*call).issueIncrement, params: []param{
		{name: "projectId", required: true, doc: "A398"},
		{name: "authIssueCertificate", kind: integer, enum: enumCertificate, required: true, doc: "A399"},
		{name: "channelIds", kind: texts, required: true, doc: "A405"},
	}},
	{name: "access-auth-task", method: http.MethodPost, path: "access-auth-task", doc: "A12, A442", list: true, answer: (*call).tasks, params: []param{
		{name: "projectId", required: true, doc: "A447"},
		{name: "issueType", kind: integer, enum: enumIssueType, doc: "A448"},
		{name: "taskStartStartTime", kind: long, doc: "A452"},
		{name: "taskStartEndTime", kind: long, doc: "A453"},
		{name: "accessControlChannelName", doc: "A454"},
		{name: "accessChannelPositionPath", doc: "A455"},
		{name: "businessDeviceName", doc: "A456"},
		{name: "authNumType", kind: integer, enum: enumAuthNum, doc: "A457"},
		{name: "authIssueType", kind: integer, enum: enumIssueType, doc: "A462"},
		{name: "authIssueCertificate", kind: integer, enum: enumTaskCert, doc: "A466"},
		{name: "authTaskProgress", kind: integer, enum: enumProgress, doc: "A471"},
		{name: "authTaskStatus", kind: integer, enum: enumStatus, doc: "A477"},
		{name: "taskFinishStartTime", kind: long, doc: "A483"},
		{name: "taskFinishEndTime", kind: long, doc: "A484"},
		{name: "page", kind: integer, doc: "A485"},
		{name: "pageSize", kind: integer, doc: "A486"},
	}},
	{name: "access-auth-task/{authTaskId}", method: http.MethodGet, path: "access-auth-task/{authTaskId}", doc: "A13, A563", answer: (*call).taskDetail, params: []param{
		{name: "authTaskId", in: "url", required: true, doc: "A568"},
		{name: "projectId", required: true, doc: "A569"},
	}},
	{name: "access-auth-task/records", method: http.MethodPost, path: "access-auth-task/records", doc: "A14, A623", list: true, answer: (*call).records, params: []param{
		{name: "projectId", required: true, doc: "A628"},
		{name: "authTaskId", required: true, doc: "A629"},
		{name: "name", doc: "A630"},
		{name: "mobile", doc: "A631"},
		{name: "structureName", doc: "A632"},
		{name: "issueStatus", kind: integer, enum: enumRecord, doc: "A633"},
		{name: "page", kind: integer, doc: "A640"},
		{name: "pageSize", kind: integer, doc: "A641"},
	}},
	{name: "access-auth-task/actions/issue-info", method: http.MethodGet, path: "access-auth-task/actions/issue-info", doc: "A15, A716", answer: (*call).issueInfo, params: []param{
		{name: "authTaskRecordId", required: true, doc: "A721"}, // "The task ID" here, the record's id in A737
		{name: "projectId", required: true, doc: "A722"},
	}},
	{name: "list-auth-structure", method: http.MethodGet, path: "access-auth-rules/actions/list-auth-structure", doc: "B8, B27", answer: (*call).listStructures, params: []param{
		{name: "projectId", required: true, doc: "B32"},
		{name: "structureId", required: true, doc: "B33"},
	}},
	{name: "match-auth-structure", method: http.MethodGet, path: "access-auth-rules/actions/match-auth-structure", doc: "B9, B95", answer: (*call).matchStructures, params: []param{
		{name: "projectId", required: true, doc: "B100"},
		{name: "structureName", doc: "B101"},
	}},
	{name: "list-auth-person", method: http.MethodGet, path: "access-auth-rules/actions/list-auth-person", doc: "B10, B163", list: true, answer: (*call).persons, params: []param{
		{name: "projectId", required: true, doc: "B168"},
		{name: "name", doc: "B169"},
		{name: "personCode", doc: "B170"},
		{name: "page", kind: integer, required: true, doc: "B171"},
		{name: "pageSize", kind: integer, required: true, doc: "B172"},
	}},
	{name: "add-rules", method: http.MethodPost, path: "access-auth-rules/actions/add-rules", doc: "B11, B250", answer: (*call).addRules, params: []param{
		{name: "projectId", required: true, doc: "B255"},
		{name: "authSourceType", required: true, doc: "B256"}, // 1 organization, 2 person, 3 person group: B257-259
		{name: "authStartTime", kind: long, doc: "B261"},
		{name: "authEndTime", kind: long, doc: "B262"},
		{name: "accessAuthTimeRangeId", doc: "B263"},
		{name: "authIds", kind: texts, doc: "B264"},
		{name: "groupIds", kind: texts, doc: "B265"},
		{name: "channelIds", kind: texts, required: true, doc: "B266"},
	}},
	{name: "generate-auth", method: http.MethodPost, path: "access-auth-rules/actions/generate-auth", doc: "B12, B313", answer: (*call).generateAuth, params: []param{
		{name: "projectId", required: true, doc: "B318"},
		{name: "authSourceType", required: true, doc: "B319"},
		{name: "authId", required: true, doc: "B324"},
	}},
	{name: "query-rules", method: http.MethodPost, path: "access-auth-rules/actions/query-rules", doc: "B13, B361", list: true, answer: (*call).rules, params: []param{
		{name: "projectId", required: true, doc: "B366"},
		{name: "authId", doc: "B367"},
		{name: "relationType", kind: integer, enum: enumRelation, doc: "B368"},
		{name: "relationName", doc: "B372"},
		{name: "page", kind: integer, required: true, doc: "B373"},
		{name: "pageSize", kind: integer, required: true, doc: "B374"},
	}},
	{name: "delete-by-source", method: http.MethodPut, path: "access-auth-rules/actions/delete-by-source", doc: "B14, B438", answer: (*call).deleteBySource, params: []param{
		{name: "projectId", required: true, doc: "B443"},
		{name: "authSourceType", required: true, doc: "B444"},
		{name: "authId", required: true, doc: "B449"},
	}},
	{name: "edit-by-channels", method: http.MethodPut, path: "access-auth-rules/actions/edit-by-channels", doc: "B15, B486", answer: (*call).editByChannels, params: []param{
		{name: "projectId", required: true, doc: "B491"},
		{name: "authId", required: true, doc: "B492"},
		{name: "authSourceType", doc: "B493"},
		{name: "authRelationIds", kind: texts, doc: "B498"},
		{name: "authStartTime", kind: long, doc: "B499"},
		{name: "authEndTime", kind: long, doc: "B500"},
	}},
	{name: "delete-by-channels", method: http.MethodPut, path: "access-auth-rules/actions/delete-by-channels", doc: "B16, B540", answer: (*call).deleteByChannels, params: []param{
		{name: "projectId", required: true, doc: "B545"},
		{name: "authId", required: true, doc: "B546"},
		{name: "authSourceType", doc: "B547"},
		{name: "authRelationIds", kind: texts, doc: "B552"},
	}},
	{name: "channel-detail", method: http.MethodGet, path: "access-auth-rules/actions/channel-detail", doc: "B17, B590", list: true, answer: (*call).channelDetail, params: []param{
		{name: "projectId", required: true, doc: "B595"},
		{name: "authRelationId", doc: "B596"},
		{name: "page", kind: integer, required: true, doc: "B597"},
		{name: "pageSize", kind: integer, required: true, doc: "B598"},
	}},
}

// findOperation returns the operation of a method and path.
func findOperation(method, path string) *operation {
	rest, ok := strings.CutPrefix(path, base)
	if !ok {
		return nil
	}
	for _, op := range operations {
		if op.method == method && op.path == rest {
			return op
		}
	}
	id, ok := strings.CutPrefix(rest, "access-auth-task/")
	if ok && id != "" && !strings.Contains(id, "/") && method == http.MethodGet {
		return operationNamed("access-auth-task/{authTaskId}")
	}
	return nil
}

func operationNamed(name string) *operation {
	for _, op := range operations {
		if op.name == name {
			return op
		}
	}
	return nil
}
