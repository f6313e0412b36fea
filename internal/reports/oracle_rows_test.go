package reports

// What the cloud said, as the oracle reads it.

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"exporter/internal/store/storetest"
)

// opt is a value that the cloud may leave out; the zero opt was.
type opt[T string | int64] struct {
	v  T
	ok bool
}

type (
	word    = opt[string]
	integer = opt[int64]
)

func (o opt[T]) IsZero() bool                 { return !o.ok }
func (o opt[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.v) }
func (o opt[T]) or(other opt[T]) opt[T]       { return map[bool]opt[T]{true: o, false: other}[o.ok] }

// UnmarshalJSON takes numbers as text and text as numbers, as the cloud mixes them.
func (o *opt[T]) UnmarshalJSON(b []byte) error {
	s := string(b)
	if s[0] == '"' {
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
	}
	switch to := any(o).(type) {
	case *word:
		*to = word{s, string(b) != "null"}
	case *integer:
		n, err := strconv.ParseInt(s, 10, 64)
		*to = integer{n, err == nil}
	}
	return nil
}

func said(s string) word  { return word{s, true} }
func num(n int64) integer { return integer{n, true} }

type cloudPermission struct {
	ID                 string   `json:"access_auth_id"`
	Person             word     `json:"person_id,omitzero"`
	Name               word     `json:"name,omitzero"`
	Code               word     `json:"person_code,omitzero"`
	Country            word     `json:"mobile_country,omitzero"`
	Mobile             word     `json:"mobile,omitzero"`
	Structures         []string `json:"structure_ids,omitempty"`
	Hours              word     `json:"access_auth_time_range_id,omitzero"`
	HoursText          word     `json:"access_auth_time_range_str,omitzero"`
	Channel            word     `json:"access_control_channel_id,omitzero"`
	ChannelName        word     `json:"access_control_channel_name,omitzero"`
	ChannelNo          word     `json:"access_control_channel_no,omitzero"`
	Room               word     `json:"access_channel_room_id,omitzero"`
	Path               word     `json:"access_channel_position_path,omitzero"`
	Device             word     `json:"business_device_name,omitzero"`
	Start              integer  `json:"auth_start_time,omitzero"`
	End                integer  `json:"auth_end_time,omitzero"`
	TotalCards         integer  `json:"total_card_num,omitzero"`
	SentCards          integer  `json:"auth_card_num,omitzero"`
	CardStatus         integer  `json:"card_issue_status,omitzero"`
	TotalFaces         integer  `json:"total_face_num,omitzero"`
	SentFaces          integer  `json:"auth_face_num,omitzero"`
	FaceStatus         integer  `json:"face_issue_status,omitzero"`
	TotalFingerprints  integer  `json:"total_fingerprint_num,omitzero"`
	SentFingerprints   integer  `json:"auth_fingerprint_num,omitzero"`
	FingerprintsStatus integer  `json:"fingerprint_issue_status,omitzero"`
}

type cloudDetail struct {
	Created    integer `json:"auth_create_time,omitzero"`
	Source     word    `json:"auth_source,omitzero"`
	SourceText word    `json:"auth_source_str,omitzero"`
}

type cloudPerson struct {
	ID   string `json:"person_id"`
	Name word   `json:"name,omitzero"`
	Code word   `json:"person_code,omitzero"`
}

type cloudStructure struct {
	ID     string `json:"structure_id"`
	Parent word   `json:"parent_structure_id,omitzero"`
	Name   word   `json:"structure_name,omitzero"`
}

type cloudRule struct {
	ID       string  `json:"auth_relation_id"`
	Source   word    `json:"auth_id,omitzero"`
	Kind     integer `json:"relation_type,omitzero"`
	Relation word    `json:"relation_id,omitzero"`
	Name     word    `json:"relation_name,omitzero"`
	Start    integer `json:"auth_start_time,omitzero"`
	End      integer `json:"auth_end_time,omitzero"`
}

type cloudRuleChannel struct {
	Relation string `json:"relation_id"`
	Name     word   `json:"access_control_channel_name,omitzero"`
	No       word   `json:"access_control_channel_no,omitzero"`
	Room     word   `json:"access_channel_room_id,omitzero"`
	Path     word   `json:"access_channel_position_path,omitzero"`
	Device   word   `json:"business_device_name,omitzero"`
}

type cloudTask struct {
	ID       string  `json:"auth_task_id"`
	Name     word    `json:"access_control_channel_name,omitzero"`
	No       word    `json:"access_control_channel_no,omitzero"`
	Path     word    `json:"access_channel_position_path,omitzero"`
	Device   word    `json:"business_device_name,omitzero"`
	Kind     integer `json:"auth_issue_type,omitzero"`
	All      integer `json:"auth_num,omitzero"`
	Done     integer `json:"success_num,omitzero"`
	Start    integer `json:"task_start_time,omitzero"`
	Finished integer `json:"task_finish_time,omitzero"`
}

type cloudRecord struct {
	ID      string  `json:"auth_task_record_id"`
	Person  word    `json:"person_id,omitzero"`
	Name    word    `json:"name,omitzero"`
	Country word    `json:"mobile_country,omitzero"`
	Mobile  word    `json:"mobile,omitzero"`
	Status  integer `json:"issue_status,omitzero"`
	Issued  integer `json:"auth_issue_time,omitzero"`
}

type cloudCounters struct {
	Issued     integer `json:"success_issue_num,omitzero"`
	NotIssued  integer `json:"fail_issue_num,omitzero"`
	Deleted    integer `json:"success_issue_del_num,omitzero"`
	NotDeleted integer `json:"fail_issue_del_num,omitzero"`
}

type cloudIssueInfo struct {
	Person      cloudCounters `json:"person_issue_result,omitzero"`
	Card        cloudCounters `json:"card_issue_result,omitzero"`
	CardPwd     cloudCounters `json:"card_pwd_issue_result,omitzero"`
	Face        cloudCounters `json:"face_issue_result,omitzero"`
	Fingerprint cloudCounters `json:"fingerprint_issue_result,omitzero"`
}

// cloudSite is what the cloud said of one project when it was collected.
type cloudSite struct {
	At           time.Time
	Permissions  []cloudPermission
	Persons      []cloudPerson
	Structures   []cloudStructure
	Rules        []cloudRule
	Tasks        []cloudTask
	RuleChannels map[string][]cloudRuleChannel
	Records      map[string][]cloudRecord
	IssueInfos   map[string]cloudIssueInfo
	Details      map[string]cloudDetail
}

// cloudSiteOf reads a site as it landed.
func cloudSiteOf(t testing.TB, s storetest.Site) cloudSite {
	t.Helper()
	c := cloudSite{At: s.At, RuleChannels: map[string][]cloudRuleChannel{}, Records: map[string][]cloudRecord{},
		IssueInfos: map[string]cloudIssueInfo{}, Details: map[string]cloudDetail{}}
	c.Permissions = decoded[cloudPermission](t, s.Rows["permissions"][""])
	c.Persons = decoded[cloudPerson](t, s.Rows["persons"][""])
	c.Structures = decoded[cloudStructure](t, s.Rows["structures"][""])
	c.Rules = decoded[cloudRule](t, s.Rows["rules"][""])
	c.Tasks = decoded[cloudTask](t, s.Rows["tasks"][""])
	for id, rows := range s.Rows["rule_channels"] {
		c.RuleChannels[id] = decoded[cloudRuleChannel](t, rows)
	}
	for id, rows := range s.Rows["records"] {
		c.Records[id] = decoded[cloudRecord](t, rows)
	}
	for id, rows := range s.Rows["issue_infos"] {
		c.IssueInfos[id] = decoded[cloudIssueInfo](t, rows)[0]
	}
	for id, rows := range s.Rows["details"] {
		c.Details[id] = decoded[cloudDetail](t, rows)[0]
	}
	return c
}

func decoded[T any](t testing.TB, rows []string) []T {
	t.Helper()
	list := make([]T, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal([]byte(row), &list[i]); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
	}
	return list
}

// landed is the way back.
func (c cloudSite) landed(t testing.TB, project string) storetest.Site {
	t.Helper()
	rows := map[string]map[string][]string{
		"permissions":   {"": lines(t, c.Permissions...)},
		"persons":       {"": lines(t, c.Persons...)},
		"structures":    {"": lines(t, c.Structures...)},
		"rules":         {"": lines(t, c.Rules...)},
		"tasks":         {"": lines(t, c.Tasks...)},
		"rule_channels": {}, "records": {}, "issue_infos": {}, "details": {},
	}
	for id, list := range c.RuleChannels {
		rows["rule_channels"][id] = lines(t, list...)
	}
	for id, list := range c.Records {
		rows["records"][id] = lines(t, list...)
	}
	for id, x := range c.IssueInfos {
		rows["issue_infos"][id] = lines(t, x)
	}
	for id, x := range c.Details {
		rows["details"][id] = lines(t, x)
	}
	return storetest.Site{Project: project, At: c.At, Rows: rows}
}
