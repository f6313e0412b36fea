package sandbox

import (
	"bytes"
	"encoding/json"
	"strings"
)

// The rows below are what the sandbox answers, member by member. Their JSON
// names are the snake_case forms seen in the three real samples, in the
// alphabetical order seen there; a comment beside each cites the line of the
// documents' table that names it (A: manage-person-permissions.txt, B:
// authorize-persons.txt).

// Scalar is a value as it stands in JSON: a number (1) or a string ("1").
// The documents call accessControlChannelNo a String (A96, A276) where their
// real sample has the number 1 (A149).
type Scalar string

// String returns the value without quotes.
func (s Scalar) String() string { return strings.Trim(string(s), `"`) }

// MarshalJSON returns the value as it stands.
func (s Scalar) MarshalJSON() ([]byte, error) { return []byte(s), nil }

// UnmarshalJSON keeps the value as it stands.
func (s *Scalar) UnmarshalJSON(b []byte) error {
	*s = Scalar(b)
	return nil
}

// Permission is one row of access-auth: one person on one channel.
type Permission struct {
	AccessAuthID              string   `json:"access_auth_id"`                  // A81
	AccessAuthTimeRangeID     string   `json:"access_auth_time_range_id"`       // A89
	AccessAuthTimeRangeStr    string   `json:"access_auth_time_range_str"`      // A90
	AccessChannelPositionPath string   `json:"access_channel_position_path"`    // A98
	AccessChannelRoomID       string   `json:"access_channel_room_id"`          // A97
	AccessControlChannelID    string   `json:"access_control_channel_id"`       // A92
	AccessControlChannelName  string   `json:"access_control_channel_name"`     // A95
	AccessControlChannelNo    Scalar   `json:"access_control_channel_no"`       // A96
	AuthCardNum               int      `json:"auth_card_num"`                   // A100
	AuthEndTime               int64    `json:"auth_end_time"`                   // A94
	AuthFaceNum               int      `json:"auth_face_num"`                   // A102
	AuthFingerprintNum        *int     `json:"auth_fingerprint_num,omitempty"`  // A104, absent in the sample A141-169
	AuthStartTime             int64    `json:"auth_start_time"`                 // A93
	BusinessDeviceName        string   `json:"business_device_name"`            // A91
	CardIssueStatus           int      `json:"card_issue_status"`               // A106: 0 to be sent, 1 already sent
	FaceIssueStatus           int      `json:"face_issue_status"`               // A105: as above
	FingerprintIssueStatus    int      `json:"fingerprint_issue_status"`        // A107: as above
	Mobile                    string   `json:"mobile"`                          // A86, masked as in A158
	MobileCountry             string   `json:"mobile_country"`                  // A85
	Name                      string   `json:"name"`                            // A83
	PersonCode                string   `json:"person_code"`                     // A87
	PersonID                  string   `json:"person_id"`                       // A82
	Sex                       string   `json:"sex"`                             // A84
	StructureIDs              []string `json:"structure_ids"`                   // A88
	TotalCardNum              int      `json:"total_card_num"`                  // A99
	TotalFaceNum              int      `json:"total_face_num"`                  // A101
	TotalFingerprintNum       *int     `json:"total_fingerprint_num,omitempty"` // A103, absent in the sample A141-169
}

// PermissionDetail is the answer of access-auth/detail. It lacks the ids of
// the permission, the channel and the structures.
type PermissionDetail struct {
	AccessChannelPositionPath string   `json:"access_channel_position_path"`    // A278
	AccessChannelRoomID       string   `json:"access_channel_room_id"`          // A277
	AccessControlChannelName  string   `json:"access_control_channel_name"`     // A275
	AccessControlChannelNo    Scalar   `json:"access_control_channel_no"`       // A276
	AuthCardNum               int      `json:"auth_card_num"`                   // A286
	AuthCreateTime            int64    `json:"auth_create_time"`                // A282
	AuthEndTime               int64    `json:"auth_end_time"`                   // A281
	AuthFaceNum               int      `json:"auth_face_num"`                   // A288
	AuthFingerprintNum        *int     `json:"auth_fingerprint_num,omitempty"`  // A290
	AuthSource                string   `json:"auth_source"`                     // A283; the values 1, 2, 3 of B257-259 are a guess
	AuthSourceStr             string   `json:"auth_source_str"`                 // A284
	AuthStartTime             int64    `json:"auth_start_time"`                 // A280
	BusinessDeviceName        string   `json:"business_device_name"`            // A279
	CardIssueStatus           int      `json:"card_issue_status"`               // A292
	FaceIssueStatus           int      `json:"face_issue_status"`               // A291
	FingerprintIssueStatus    int      `json:"fingerprint_issue_status"`        // A293
	ImageURL                  string   `json:"image_url"`                       // A268
	Mobile                    string   `json:"mobile"`                          // A272
	MobileCountry             string   `json:"mobile_country"`                  // A271
	Name                      string   `json:"name"`                            // A267
	PersonCode                string   `json:"person_code"`                     // A273
	PersonID                  string   `json:"person_id"`                       // A266
	Sex                       int      `json:"sex"`                             // A269
	SexStr                    string   `json:"sex_str"`                         // A270
	StructureNames            []string `json:"structure_names"`                 // A274
	TotalCardNum              int      `json:"total_card_num"`                  // A285
	TotalFaceNum              int      `json:"total_face_num"`                  // A287
	TotalFingerprintNum       *int     `json:"total_fingerprint_num,omitempty"` // A289
}

// Task is one row of access-auth-task: one push to one channel.
type Task struct {
	AccessChannelPositionPath string `json:"access_channel_position_path"` // A509
	AccessControlChannelName  string `json:"access_control_channel_name"`  // A507
	AccessControlChannelNo    Scalar `json:"access_control_channel_no"`    // A508
	AuthIssueType             int    `json:"auth_issue_type"`              // A512: 1 all, 2 additional
	AuthNum                   int    `json:"auth_num"`                     // A511
	AuthTaskID                string `json:"auth_task_id"`                 // A505
	// A514: 0 initialized, 1 to be started, 2 executing, 3 terminated, 4
	// completed. The filter of the same name counts otherwise (A472-475).
	AuthTaskProgress int `json:"auth_task_progress"`
	// A515: 0 to be started, 1 partially, 2 all successful, 3 all failed, 4
	// terminated. The filter of the same name counts otherwise (A478-481).
	AuthTaskStatus     int     `json:"auth_task_status"`
	BusinessDeviceName string  `json:"business_device_name"`       // A510
	SuccessNum         int     `json:"success_num"`                // A513
	TaskFinishTime     *Scalar `json:"task_finish_time,omitempty"` // A516; of a task not finished: see Options.UnfinishedTime
	TaskStartTime      int64   `json:"task_start_time"`            // A506
}

// TaskDetail is the answer of access-auth-task/{authTaskId}.
type TaskDetail struct {
	AccessChannelPositionPath string  `json:"access_channel_position_path"` // A591
	AccessControlChannelName  string  `json:"access_control_channel_name"`  // A589
	AccessControlChannelNo    Scalar  `json:"access_control_channel_no"`    // A590
	AuthIssueCertificate      int     `json:"auth_issue_certificate"`       // A587: 1 card, 2 card + face, 3 card + fingerprint
	AuthIssueCertificateStr   string  `json:"auth_issue_certificate_str"`   // A588
	BusinessDeviceName        string  `json:"business_device_name"`         // A592
	TaskFinishTime            *Scalar `json:"task_finish_time,omitempty"`   // A586
	TaskStartTime             int64   `json:"task_start_time"`              // A585
}

// Record is one row of access-auth-task/records: one person in a task.
type Record struct {
	AccessAuthTimeRangeID  string `json:"access_auth_time_range_id"`  // A670
	AccessAuthTimeRangeStr string `json:"access_auth_time_range_str"` // A671
	AuthIssueTime          *int64 `json:"auth_issue_time,omitempty"`  // A672; absent while nothing was sent
	AuthTaskRecordID       string `json:"auth_task_record_id"`        // A664
	IssueStatus            int    `json:"issue_status"`               // A673: 0 initialized, 1 unknown, 2 terminated, 3 failed, 4 succeeded
	Mobile                 string `json:"mobile"`                     // A668
	MobileCountry          string `json:"mobile_country"`             // A667
	Name                   string `json:"name"`                       // A666
	PersonID               string `json:"person_id"`                  // A665
	ProjectID              string `json:"project_id"`                 // A663
	StructureName          string `json:"structure_name"`             // A669
}

// IssueResult counts what was sent to a device and deleted from it for one
// credential (A739-742, and the same in each of the five blocks).
type IssueResult struct {
	FailIssueDelNum    int `json:"fail_issue_del_num"`    // A742
	FailIssueNum       int `json:"fail_issue_num"`        // A740
	SuccessIssueDelNum int `json:"success_issue_del_num"` // A741
	SuccessIssueNum    int `json:"success_issue_num"`     // A739
}

// IssueInfo is the answer of access-auth-task/actions/issue-info.
type IssueInfo struct {
	AuthTaskRecordID       string      `json:"auth_task_record_id"`      // A737
	CardIssueResult        IssueResult `json:"card_issue_result"`        // A744
	CardPwdIssueResult     IssueResult `json:"card_pwd_issue_result"`    // A750
	FaceIssueResult        IssueResult `json:"face_issue_result"`        // A756
	FingerprintIssueResult IssueResult `json:"fingerprint_issue_result"` // A762
	PersonIssueResult      IssueResult `json:"person_issue_result"`      // A738
	ProjectID              string      `json:"project_id"`               // A736
}

// Structure is one node of list-auth-structure and match-auth-structure.
type Structure struct {
	AliasCode         string  `json:"alias_code"`          // B58, B126
	AliasCodePath     string  `json:"alias_code_path"`     // B59, B127
	ExternalNo        string  `json:"external_no"`         // B57, B125
	Level             int     `json:"level"`               // B53, B121: 0 is the top
	ParentStructureID *string `json:"parent_structure_id"` // B51, B119: "null if no parent organization exists"
	ProjectID         string  `json:"project_id"`          // B54, B122
	Remark            string  `json:"remark"`              // B55, B123
	Sort              int     `json:"sort"`                // B56, B124
	StructureID       string  `json:"structure_id"`        // B50, B118
	StructureName     string  `json:"structure_name"`      // B52, B120
}

// Person is one row of list-auth-person.
type Person struct {
	Name       string `json:"name"`        // B192
	PersonCode string `json:"person_code"` // B193
	PersonID   string `json:"person_id"`   // B191
}

// Rule is one row of query-rules. The kind of its source is not in it.
type Rule struct {
	AccessAuthTimeRangeID  string `json:"access_auth_time_range_id"`  // B398
	AccessAuthTimeRangeStr string `json:"access_auth_time_range_str"` // B399
	AuthEndTime            int64  `json:"auth_end_time"`              // B401
	AuthID                 string `json:"auth_id"`                    // B394
	AuthRelationID         string `json:"auth_relation_id"`           // B393
	AuthStartTime          int64  `json:"auth_start_time"`            // B400
	RelationID             string `json:"relation_id"`                // B396
	RelationName           string `json:"relation_name"`              // B397
	RelationType           int    `json:"relation_type"`              // B395: 1 channel group, 2 channel
}

// RuleChannel is one row of channel-detail: a channel that a rule opens.
type RuleChannel struct {
	AccessChannelPositionPath string `json:"access_channel_position_path"` // B623
	AccessChannelRoomID       string `json:"access_channel_room_id"`       // B622
	AccessControlChannelName  string `json:"access_control_channel_name"`  // B620
	AccessControlChannelNo    Scalar `json:"access_control_channel_no"`    // B621
	BusinessDeviceID          string `json:"business_device_id"`           // B624
	BusinessDeviceName        string `json:"business_device_name"`         // B625
	RelationID                string `json:"relation_id"`                  // B619
}

// appendJSON appends v as JSON without escaping <, > and &.
func appendJSON(dst []byte, v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("sandbox: a row that is not JSON: " + err.Error()) // our own types only
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
