package store

import (
	"fmt"
	"strings"
)

// treatment is what becomes of a column in a masked copy. A column without one
// is not copied: the copy is refused.
type treatment int

const (
	asIs       treatment = iota + 1 // as it is: keys, numbers, times, codes of the API, hashes of whole lists
	asPerson                        // the id of a person
	asPerhaps                       // an id that may be a person's
	asName                          // the name of a person
	asMobile                        // the number of a person's phone
	asCountry                       // its country's code
	asCode                          // a person's work number
	asPlace                         // a text in which a name may stand: those that are known are replaced
	asGroup                         // the name of an organization
	asGroups                        // a list of these
	asClosed                        // a text of people, or an address: masked
	asNumber                        // what an organization is called elsewhere: masked for pseudonym
	asFinding                       // the key of a finding, which may hold ids and names
	asDetail                        // what an entry of the journal says
	asLineHash                      // the hash of such an entry
	asKeyHash                       // the hash of a person's key
	asRowHash                       // the hash of one row or one answer: it would prove a guess at what is masked
	asFileHash                      // the hash of a register, which may have few lines: still a key
)

// maskRules is the version of what a copy is made by. One that was made by
// another is made again: raise it with every change of what follows.
const maskRules = 4

// treatments has every column of every table of the schema, by what becomes of
// it, but for store: what the copy says of itself stays.
var treatments = map[string]map[treatment]string{
	"permissions": {
		asIs: `project_id access_auth_id structure_ids access_auth_time_range_id access_control_channel_id
			access_control_channel_no access_channel_room_id auth_start_time auth_end_time total_card_num auth_card_num
			total_face_num auth_face_num total_fingerprint_num auth_fingerprint_num card_issue_status face_issue_status
			fingerprint_issue_status first_snapshot closed_snapshot landed_snapshot landed_line`,
		asPerson: "person_id", asName: "name", asCountry: "mobile_country", asMobile: "mobile", asCode: "person_code",
		asPlace: `access_auth_time_range_str business_device_name access_control_channel_name access_channel_position_path`,
	},
	"persons": {
		asIs:     "project_id first_snapshot closed_snapshot landed_snapshot landed_line",
		asPerson: "person_id", asName: "name", asCode: "person_code",
	},
	"structures": {
		asIs: `project_id structure_id parent_structure_id level sort first_snapshot closed_snapshot landed_snapshot
			landed_line`,
		asGroup: "structure_name", asClosed: "remark", asNumber: "external_no alias_code alias_code_path",
	},
	"rules": {
		asIs: `project_id auth_relation_id relation_type access_auth_time_range_id auth_start_time auth_end_time
			first_snapshot closed_snapshot landed_snapshot landed_line`,
		asPerhaps: "auth_id relation_id", asPlace: "relation_name access_auth_time_range_str",
	},
	"rule_channels": {
		asIs: `project_id auth_relation_id access_control_channel_no access_channel_room_id business_device_id
			first_snapshot closed_snapshot landed_snapshot landed_line`,
		asPerhaps: "relation_id", asPlace: "access_control_channel_name access_channel_position_path business_device_name",
	},
	"tasks": {
		asIs: `project_id auth_task_id task_start_time access_control_channel_no auth_num auth_issue_type success_num
			auth_task_progress auth_task_status task_finish_time listed first_snapshot closed_snapshot landed_snapshot
			landed_line`,
		asPlace: "access_control_channel_name access_channel_position_path business_device_name",
	},
	"task_details": {
		asIs: `project_id auth_task_id task_start_time task_finish_time auth_issue_certificate access_control_channel_no
			first_snapshot closed_snapshot landed_snapshot landed_line`,
		asPlace: `auth_issue_certificate_str access_control_channel_name access_channel_position_path business_device_name`,
	},
	"records": {
		asIs: `project_id auth_task_record_id auth_task_id access_auth_time_range_id auth_issue_time issue_status
			first_snapshot closed_snapshot landed_snapshot landed_line`,
		asPerson: "person_id", asName: "name", asCountry: "mobile_country", asMobile: "mobile", asGroup: "structure_name",
		asPlace: "access_auth_time_range_str",
	},
	"issue_infos": {
		asIs: `project_id auth_task_record_id credential success_issue_num fail_issue_num success_issue_del_num
			fail_issue_del_num first_snapshot closed_snapshot landed_snapshot landed_line`,
	},
	"details": {
		asIs: `project_id access_auth_id access_control_channel_no access_channel_room_id auth_start_time auth_end_time
			auth_create_time total_card_num auth_card_num total_face_num auth_face_num total_fingerprint_num
			auth_fingerprint_num card_issue_status face_issue_status fingerprint_issue_status first_snapshot
			closed_snapshot landed_snapshot landed_line`,
		asPerson: "person_id", asName: "name", asCountry: "mobile_country", asMobile: "mobile", asCode: "person_code",
		asGroups: "structure_names", asPerhaps: "auth_source",
		asPlace: `access_control_channel_name access_channel_position_path business_device_name auth_source_str`,
	},
	"asked": {asIs: "project_id resource snapshot_id finished total purged", asPerhaps: "key"},
	"snapshots": {
		asIs: `snapshot_id project_id started_at finished_at verdict server_time rows digest program_version kind
			clock_offset_ms`,
	},
	"purged": {
		asIs:      "project_id resource first_snapshot closed_snapshot purged_in",
		asKeyHash: "key_sha256", asRowHash: "row_sha256",
	},
	"purges": {asIs: "snapshot_id project_id before last_closed rows raw", asKeyHash: "person_sha256"},
	"resources": {
		asIs: `snapshot_id project_id resource pages total_first total_last rows distinct_rows duplicates retries errors
			covered coverable walked_in verdict`,
		asPlace: "problem",
	},
	"tie_outs": {
		asIs:    "snapshot_id project_id ours theirs result kind position requests reading",
		asPlace: "name filter note",
	},
	"digests": {asIs: "snapshot_id project_id resource sha256 query"},
	"calls": {
		asIs: `snapshot_id project_id resource operation walk page line tid t http_status code rows ms attempt`,
		// The keys of what is asked one by one are ids.
		asPerhaps: "key", asRowHash: "body_sha256 landed_sha256",
	},
	"registers": {asIs: "table rows first_snapshot closed_snapshot", asFileHash: "sha256", asPlace: "path"},
	"channel_register": {
		asIs: "line access_control_channel_id", asFileHash: "register_sha256", asPlace: "tier", asName: "owner",
		asClosed: "owner_email note",
	},
	"roster": {
		asIs: "line status terminated_at", asFileHash: "register_sha256", asCode: "person_code", asGroup: "organisation",
		asName: "manager", asClosed: "manager_email",
	},
	"exceptions": {
		asIs: "line report expires_on", asFileHash: "register_sha256", asFinding: "finding_key", asClosed: "reason",
		asName: "approved_by",
	},
	"journal": {asIs: "seq at kind first_snapshot", asDetail: "detail", asLineHash: "line_sha256"},
}

// maskedColumn is a column with what becomes of it.
type maskedColumn struct {
	table, name string
	treatment   treatment
}

// treat gives each column of a table its treatment. One that has none, or two,
// is an error.
func treat(table string, columns []string) ([]maskedColumn, error) {
	by := map[string]treatment{}
	for t, names := range treatments[table] {
		for column := range strings.FieldsSeq(names) {
			if by[column] != 0 {
				return nil, fmt.Errorf("column %s.%s has two treatments", table, column)
			}
			by[column] = t
		}
	}
	list := make([]maskedColumn, len(columns))
	for i, column := range columns {
		if by[column] == 0 {
			return nil, fmt.Errorf("column %s.%s has no treatment", table, column)
		}
		list[i] = maskedColumn{table, column, by[column]}
	}
	return list, nil
}
