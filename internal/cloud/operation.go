package cloud

import (
	"slices"
)

// Param is a parameter of an operation, under the API's name.
type Param struct {
	Name     string
	Type     string // String, String[], Integer, Long
	Required bool
	InURL    bool // part of the path, not of the body
	Doc      string

	emptyList bool // an empty list is a value
}

// Operation is one of the API's 18 operations.
type Operation struct {
	Name    string // the path without what all operations share
	Method  string
	Path    string // a parameter in braces stands for its value
	Writes  bool   // changes something in the cloud
	Params  []Param
	Doc     string
	ListKey string // member of the result that holds the items, "" where there are none
	ItemKey string // member of an item that is its id
}

// Paged says whether the operation takes page and pageSize.
func (o Operation) Paged() bool { return o.param("page") != nil }

// Operations gives all operations, in the order of the API documents.
func Operations() []Operation { return slices.Clone(operations) }

// Lookup finds an operation by its name.
func Lookup(name string) (Operation, bool) {
	i := slices.IndexFunc(operations, func(o Operation) bool { return o.Name == name })
	if i < 0 {
		return Operation{}, false
	}
	return operations[i], true
}

// param finds a parameter by its name in any key case, nil if there is none.
func (o Operation) param(name string) *Param {
	for i := range o.Params {
		if o.Params[i].Name == name {
			return &o.Params[i]
		}
	}
	folded := foldKey(name)
	for i := range o.Params {
		if foldKey(o.Params[i].Name) == folded {
			return &o.Params[i]
		}
	}
	return nil
}

const (
	base  = "/v1.0/iot-02/building/"
	rules = base + "access-auth-rules/actions/"

	typeString  = "String"
	typeStrings = "String[]"
	typeInteger = "Integer"
	typeLong    = "Long"
)

// tokenOperation fetches a token. It is not one of the 18: nobody but the client
// itself calls it.
var tokenOperation = Operation{Name: "token", Method: "GET", Path: "/v1.0/token"}

func need(name, typ, doc string) Param {
	return Param{Name: name, Type: typ, Required: true, Doc: doc}
}

func may(name, typ, doc string) Param { return Param{Name: name, Type: typ, Doc: doc} }

// with gives the parameters behind the project's id, which every operation needs.
func with(params ...Param) []Param {
	return append([]Param{need("projectId", typeString, "project")}, params...)
}

// paged adds the paging parameters, which the client always sends: one document
// calls them optional and names no default, the other requires them.
func paged(params ...Param) []Param {
	return append(with(params...),
		may("page", typeInteger, "page, from 1"), may("pageSize", typeInteger, "items on a page"))
}

const (
	docSourceType  = "source: 1 structure, 2 person, 3 person group"
	docCertificate = "1 card, 2 card and face, 3 card and password, 4 card, password and face"
	docIssued      = "0 to be sent, 1 already sent"
)

// operations follows the documents "Manage Person Permissions" (the first eight)
// and "Authorize Persons" (the other ten).
var operations = []Operation{{
	Name: "access-auth", Method: "POST", Path: base + "access-auth",
	Doc: "permissions", ListKey: "list", ItemKey: "accessAuthId",
	Params: paged(
		may("name", typeString, "person's name"),
		may("sex", typeInteger, "person's gender"),
		may("mobile", typeString, "person's mobile number"),
		may("structureId", typeString, "structure of the person"),
		may("personCode", typeString, "person's work number"),
		may("authDateType", typeInteger, "0 permanent, -1 expired, 7, 15, 30: less than so many days"),
		may("accessControlChannelName", typeString, "channel's name"),
		may("accessChannelRoomId", typeString, "area"),
		may("businessDeviceName", typeString, "device's name"),
		may("authStartTime", typeLong, "ms"),
		may("authEndTime", typeLong, "ms"),
		may("faceIssueStatus", typeInteger, docIssued),
		may("cardIssueStatus", typeInteger, docIssued),
		may("fingerprintIssueStatus", typeInteger, docIssued),
		may("channelIds", typeStrings, "channels")),
}, {
	Name: "access-auth/detail", Method: "GET", Path: base + "access-auth/detail",
	Doc:    "one permission in detail",
	Params: with(need("accessAuthId", typeString, "permission")),
}, {
	Name: "access-auth-issue/actions/full", Method: "POST", Path: base + "access-auth-issue/actions/full",
	Doc: "send all permissions of channels to their devices", Writes: true,
	Params: with(
		need("authIssueCertificate", typeInteger, docCertificate),
		need("channelIds", typeStrings, "channels")),
}, {
	Name: "access-auth-issue/actions/increment", Method: "POST", Path: base + "access-auth-issue/actions/increment",
	Doc: "send what changed in the permissions of channels to their devices", Writes: true,
	Params: with(
		need("authIssueCertificate", typeInteger, docCertificate),
		need("channelIds", typeStrings, "channels")),
}, {
	Name: "access-auth-task", Method: "POST", Path: base + "access-auth-task",
	Doc: "tasks: permissions sent or being sent", ListKey: "list", ItemKey: "authTaskId",
	Params: paged(
		may("issueType", typeInteger, "1 being sent, 2 already sent"),
		may("taskStartStartTime", typeLong, "started from, ms"),
		may("taskStartEndTime", typeLong, "started until, ms"),
		may("accessControlChannelName", typeString, "channel's name"),
		may("accessChannelPositionPath", typeString, "area"),
		may("businessDeviceName", typeString, "device's name"),
		may("authNumType", typeInteger, "-1 all, 0 without permissions, 1 with permissions"),
		may("authIssueType", typeInteger, "1 all permissions, 2 additional ones"),
		may("authIssueCertificate", typeInteger, "1 card, 2 card and face, 3 card and fingerprint"),
		may("authTaskProgress", typeInteger, "0 initialized, 1 completed, 2 terminated, 3 executing; not the codes of the answer"),
		may("authTaskStatus", typeInteger, "1 all succeeded, 2 some succeeded, 3 failed, 4 terminated; not the codes of the answer"),
		may("taskFinishStartTime", typeLong, "finished from, ms"),
		may("taskFinishEndTime", typeLong, "finished until, ms")),
}, {
	Name: "access-auth-task/{authTaskId}", Method: "GET", Path: base + "access-auth-task/{authTaskId}",
	Doc:    "one task in detail",
	Params: with(Param{Name: "authTaskId", Type: typeString, Required: true, InURL: true, Doc: "task"}),
}, {
	Name: "access-auth-task/records", Method: "POST", Path: base + "access-auth-task/records",
	Doc: "records of a task, one a person", ListKey: "recordListVOList", ItemKey: "authTaskRecordId",
	Params: paged(
		need("authTaskId", typeString, "task"),
		may("name", typeString, "person's name"),
		may("mobile", typeString, "person's mobile number"),
		may("structureName", typeString, "structure's name"),
		may("issueStatus", typeInteger, "0 initialized, 1 unknown, 2 terminated, 3 failed, 4 succeeded")),
}, {
	Name: "access-auth-task/actions/issue-info", Method: "GET", Path: base + "access-auth-task/actions/issue-info",
	Doc: "counters of a record by credential",
	// The parameter is described as "The task ID", the same member of the
	// answer as "The ID of the specified task history": it is the record's.
	Params: with(need("authTaskRecordId", typeString, "record")),
}, {
	Name: "list-auth-structure", Method: "GET", Path: rules + "list-auth-structure",
	Doc: "structures below a structure", ListKey: "list", ItemKey: "structureId",
	Params: with(need("structureId", typeString, "parent structure")),
}, {
	Name: "match-auth-structure", Method: "GET", Path: rules + "match-auth-structure",
	Doc: "structures by name", ListKey: "list", ItemKey: "structureId",
	Params: with(may("structureName", typeString, "part of the name")),
}, {
	Name: "list-auth-person", Method: "GET", Path: rules + "list-auth-person",
	Doc: "persons with rules", ListKey: "list", ItemKey: "personId",
	Params: paged(
		may("name", typeString, "name"),
		may("personCode", typeString, "work number")),
}, {
	Name: "add-rules", Method: "POST", Path: rules + "add-rules", Writes: true,
	Doc: "add rules for structures, persons or person groups",
	Params: with(
		need("authSourceType", typeString, docSourceType),
		may("authStartTime", typeLong, "valid from, ms"),
		may("authEndTime", typeLong, "valid until, ms"),
		may("accessAuthTimeRangeId", typeString, "accessible period, 1 always"),
		may("authIds", typeStrings, "structures, persons or person groups"),
		may("groupIds", typeStrings, "channel groups"),
		// Required, but a rule for channel groups alone has none.
		Param{Name: "channelIds", Type: typeStrings, Required: true, Doc: "channels", emptyList: true}),
}, {
	Name: "generate-auth", Method: "POST", Path: rules + "generate-auth", Writes: true,
	Doc: "apply the rules of a source",
	Params: with(
		need("authSourceType", typeString, docSourceType),
		need("authId", typeString, "structure, person or person group")),
}, {
	Name: "query-rules", Method: "POST", Path: rules + "query-rules",
	Doc: "rules", ListKey: "list", ItemKey: "authRelationId",
	Params: paged(
		may("authId", typeString, "structure, person or person group"),
		may("relationType", typeInteger, "1 channel group, 2 channel"),
		may("relationName", typeString, "name of the channel or channel group")),
}, {
	Name: "delete-by-source", Method: "PUT", Path: rules + "delete-by-source", Writes: true,
	Doc: "delete the permissions of a source",
	Params: with(
		need("authSourceType", typeString, docSourceType),
		need("authId", typeString, "structure, person or person group")),
}, {
	Name: "edit-by-channels", Method: "PUT", Path: rules + "edit-by-channels", Writes: true,
	Doc: "change when rules are valid",
	Params: with(
		need("authId", typeString, "structure, person or person group"),
		may("authSourceType", typeString, docSourceType),
		may("authRelationIds", typeStrings, "rules; never empty, see ErrNoRelationIDs"),
		may("authStartTime", typeLong, "valid from, ms"),
		may("authEndTime", typeLong, "valid until, ms")),
}, {
	Name: "delete-by-channels", Method: "PUT", Path: rules + "delete-by-channels", Writes: true,
	Doc: "delete rules",
	Params: with(
		need("authId", typeString, "structure, person or person group"),
		may("authSourceType", typeString, docSourceType),
		may("authRelationIds", typeStrings, "rules; never empty, see ErrNoRelationIDs")),
}, {
	Name: "channel-detail", Method: "GET", Path: rules + "channel-detail",
	Doc: "channels of a rule", ListKey: "channelListVOList", ItemKey: "relationId",
	Params: paged(may("authRelationId", typeString, "rule")),
}}
