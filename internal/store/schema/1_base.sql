-- Physical tables. What a reader sees are the views of 2_current.sql and the
-- files after it; these tables may change shape with schema_version, the
-- views only grow.
--
-- A history table holds one row for each time that a thing stayed the same:
-- first_snapshot is the snapshot that opened it, closed_snapshot the one that
-- closed it (NULL while open), landed_snapshot and landed_line say where the
-- page is that it was read from. Columns between the key and first_snapshot
-- are what the API sent, under the API's name in snake_case; the loader reads
-- its fields and their types from here.
CREATE SCHEMA base;

-- One row. rewritten_bytes and rewritten_rows are the size of the file and the
-- number of its history rows when it was last written in key order.
CREATE TABLE base.store (
    schema_version INTEGER NOT NULL,
    rewritten_bytes BIGINT,
    rewritten_rows BIGINT
);

CREATE TABLE base.permissions (
    project_id VARCHAR NOT NULL,
    access_auth_id VARCHAR NOT NULL,
    person_id VARCHAR,
    name VARCHAR,
    mobile_country VARCHAR,
    mobile VARCHAR,
    person_code VARCHAR,
    structure_ids VARCHAR[],
    access_auth_time_range_id VARCHAR,
    access_auth_time_range_str VARCHAR,
    business_device_name VARCHAR,
    access_control_channel_id VARCHAR,
    access_control_channel_name VARCHAR,
    access_control_channel_no VARCHAR,
    access_channel_room_id VARCHAR,
    access_channel_position_path VARCHAR,
    auth_start_time BIGINT,
    auth_end_time BIGINT,
    total_card_num INTEGER,
    auth_card_num INTEGER,
    total_face_num INTEGER,
    auth_face_num INTEGER,
    total_fingerprint_num INTEGER,
    auth_fingerprint_num INTEGER,
    card_issue_status INTEGER,
    face_issue_status INTEGER,
    fingerprint_issue_status INTEGER,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR,
    landed_snapshot VARCHAR NOT NULL,
    landed_line BIGINT
);

CREATE TABLE base.persons (
    project_id VARCHAR NOT NULL,
    person_id VARCHAR NOT NULL,
    name VARCHAR,
    person_code VARCHAR,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR,
    landed_snapshot VARCHAR NOT NULL,
    landed_line BIGINT
);

CREATE TABLE base.structures (
    project_id VARCHAR NOT NULL,
    structure_id VARCHAR NOT NULL,
    parent_structure_id VARCHAR,
    structure_name VARCHAR,
    level INTEGER,
    remark VARCHAR,
    sort INTEGER,
    external_no VARCHAR,
    alias_code VARCHAR,
    alias_code_path VARCHAR,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR,
    landed_snapshot VARCHAR NOT NULL,
    landed_line BIGINT
);

CREATE TABLE base.rules (
    project_id VARCHAR NOT NULL,
    auth_relation_id VARCHAR NOT NULL,
    auth_id VARCHAR,
    relation_type INTEGER,
    relation_id VARCHAR,
    relation_name VARCHAR,
    access_auth_time_range_id VARCHAR,
    access_auth_time_range_str VARCHAR,
    auth_start_time BIGINT,
    auth_end_time BIGINT,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR,
    landed_snapshot VARCHAR NOT NULL,
    landed_line BIGINT
);

CREATE TABLE base.rule_channels (
    project_id VARCHAR NOT NULL,
    auth_relation_id VARCHAR NOT NULL,
    relation_id VARCHAR NOT NULL,
    access_control_channel_name VARCHAR,
    access_control_channel_no VARCHAR,
    access_channel_room_id VARCHAR,
    access_channel_position_path VARCHAR,
    business_device_id VARCHAR,
    business_device_name VARCHAR,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR,
    landed_snapshot VARCHAR NOT NULL,
    landed_line BIGINT
);

-- listed is false in a version that was opened because a whole walk no longer
-- named the task.
CREATE TABLE base.tasks (
    project_id VARCHAR NOT NULL,
    auth_task_id VARCHAR NOT NULL,
    task_start_time BIGINT,
    access_control_channel_name VARCHAR,
    access_control_channel_no VARCHAR,
    access_channel_position_path VARCHAR,
    business_device_name VARCHAR,
    auth_num BIGINT,
    auth_issue_type INTEGER,
    success_num BIGINT,
    auth_task_progress INTEGER,
    auth_task_status INTEGER,
    task_finish_time BIGINT,
    listed BOOLEAN NOT NULL,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR,
    landed_snapshot VARCHAR NOT NULL,
    landed_line BIGINT
);

CREATE TABLE base.task_details (
    project_id VARCHAR NOT NULL,
    auth_task_id VARCHAR NOT NULL,
    task_start_time BIGINT,
    task_finish_time BIGINT,
    auth_issue_certificate INTEGER,
    auth_issue_certificate_str VARCHAR,
    access_control_channel_name VARCHAR,
    access_control_channel_no VARCHAR,
    access_channel_position_path VARCHAR,
    business_device_name VARCHAR,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR,
    landed_snapshot VARCHAR NOT NULL,
    landed_line BIGINT
);

CREATE TABLE base.records (
    project_id VARCHAR NOT NULL,
    auth_task_record_id VARCHAR NOT NULL,
    auth_task_id VARCHAR NOT NULL,
    person_id VARCHAR,
    name VARCHAR,
    mobile_country VARCHAR,
    mobile VARCHAR,
    structure_name VARCHAR,
    access_auth_time_range_id VARCHAR,
    access_auth_time_range_str VARCHAR,
    auth_issue_time BIGINT,
    issue_status INTEGER,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR,
    landed_snapshot VARCHAR NOT NULL,
    landed_line BIGINT
);

CREATE TABLE base.issue_infos (
    project_id VARCHAR NOT NULL,
    auth_task_record_id VARCHAR NOT NULL,
    credential VARCHAR NOT NULL,
    success_issue_num BIGINT,
    fail_issue_num BIGINT,
    success_issue_del_num BIGINT,
    fail_issue_del_num BIGINT,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR,
    landed_snapshot VARCHAR NOT NULL,
    landed_line BIGINT
);

CREATE TABLE base.details (
    project_id VARCHAR NOT NULL,
    access_auth_id VARCHAR NOT NULL,
    person_id VARCHAR,
    name VARCHAR,
    mobile_country VARCHAR,
    mobile VARCHAR,
    person_code VARCHAR,
    structure_names VARCHAR[],
    access_control_channel_name VARCHAR,
    access_control_channel_no VARCHAR,
    access_channel_room_id VARCHAR,
    access_channel_position_path VARCHAR,
    business_device_name VARCHAR,
    auth_start_time BIGINT,
    auth_end_time BIGINT,
    auth_create_time BIGINT,
    auth_source VARCHAR,
    auth_source_str VARCHAR,
    total_card_num INTEGER,
    auth_card_num INTEGER,
    total_face_num INTEGER,
    auth_face_num INTEGER,
    total_fingerprint_num INTEGER,
    auth_fingerprint_num INTEGER,
    card_issue_status INTEGER,
    face_issue_status INTEGER,
    fingerprint_issue_status INTEGER,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR,
    landed_snapshot VARCHAR NOT NULL,
    landed_line BIGINT
);

-- The last whole walk of each key of a resource that is asked one by one.
-- finished: the task was finished when it was asked, and the answer was not
-- empty against its size, so it need not be asked again. total: records only, the
-- task's own totalNum. purged: records only, how many of the answer's were purged.
-- Planning only; no view shows it, so it may be changed in place.
CREATE TABLE base.asked (
    project_id VARCHAR NOT NULL,
    resource VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    snapshot_id VARCHAR NOT NULL,
    finished BOOLEAN NOT NULL,
    total BIGINT,
    purged BIGINT
);

CREATE TABLE base.snapshots (
    snapshot_id VARCHAR NOT NULL,
    project_id VARCHAR NOT NULL,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    verdict VARCHAR NOT NULL,
    server_time TIMESTAMPTZ,
    rows BIGINT,
    digest VARCHAR,
    program_version VARCHAR,
    kind VARCHAR NOT NULL DEFAULT 'collection',
    clock_offset_ms BIGINT
);

-- What is left of a row that was taken out of a history table. key_sha256 is the
-- SHA-256 of the text of json_array(project_id, resource, key columns);
-- row_sha256 is what the digests hold. A row that was current when it was purged
-- ends with the snapshot that did so.
CREATE TABLE base.purged (
    project_id VARCHAR NOT NULL,
    resource VARCHAR NOT NULL,
    key_sha256 BLOB NOT NULL,
    row_sha256 BLOB NOT NULL,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR NOT NULL,
    purged_in VARCHAR NOT NULL
);

-- One purge. Of a person, person_sha256 is the SHA-256 of the text of
-- json_array(project_id, 'persons', person_id), so that it is their key_sha256
-- in base.purged; project_id is NULL where every project was meant. Of history,
-- before is the date and last_closed the last snapshot before it: what it or an
-- earlier one closed is gone. raw lists the files below raw/ that go with it.
CREATE TABLE base.purges (
    snapshot_id VARCHAR NOT NULL,
    project_id VARCHAR,
    person_sha256 VARCHAR,
    before TIMESTAMPTZ,
    last_closed VARCHAR,
    rows BIGINT NOT NULL,
    raw VARCHAR[] NOT NULL
);

CREATE TABLE base.resources (
    snapshot_id VARCHAR NOT NULL,
    project_id VARCHAR NOT NULL,
    resource VARCHAR NOT NULL,
    pages BIGINT,
    total_first BIGINT,
    total_last BIGINT,
    rows BIGINT,
    distinct_rows BIGINT,
    duplicates BIGINT,
    retries BIGINT,
    errors BIGINT,
    covered BIGINT,
    coverable BIGINT,
    walked_in VARCHAR,
    verdict VARCHAR NOT NULL,
    problem VARCHAR
);

CREATE TABLE base.tie_outs (
    snapshot_id VARCHAR NOT NULL,
    project_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    ours BIGINT,
    theirs BIGINT,
    result VARCHAR NOT NULL,
    kind VARCHAR,
    position INTEGER,
    filter VARCHAR,
    requests BIGINT,
    reading VARCHAR,
    note VARCHAR
);

CREATE TABLE base.digests (
    snapshot_id VARCHAR NOT NULL,
    project_id VARCHAR NOT NULL,
    resource VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    query VARCHAR NOT NULL
);

-- Only of the run that built this file.
CREATE TABLE base.calls (
    snapshot_id VARCHAR NOT NULL,
    project_id VARCHAR NOT NULL,
    resource VARCHAR,
    operation VARCHAR,
    walk INTEGER,
    page INTEGER,
    key VARCHAR,
    line BIGINT,
    tid VARCHAR,
    t BIGINT,
    http_status INTEGER,
    code INTEGER,
    rows BIGINT,
    ms BIGINT,
    attempt INTEGER,
    body_sha256 VARCHAR,
    landed_sha256 VARCHAR
);

-- One row for each time that a register's file stayed the same. sha256 is NULL
-- where there was no file.
CREATE TABLE base.registers (
    "table" VARCHAR NOT NULL,
    path VARCHAR,
    sha256 VARCHAR,
    rows BIGINT NOT NULL,
    first_snapshot VARCHAR NOT NULL,
    closed_snapshot VARCHAR
);

-- The lines of a register hang on the file they came from: register_sha256 is
-- that of base.registers.
CREATE TABLE base.channel_register (
    register_sha256 VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    access_control_channel_id VARCHAR,
    tier VARCHAR,
    owner VARCHAR,
    owner_email VARCHAR,
    note VARCHAR
);

CREATE TABLE base.roster (
    register_sha256 VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    person_code VARCHAR,
    status VARCHAR,
    terminated_at VARCHAR,
    organisation VARCHAR,
    manager VARCHAR,
    manager_email VARCHAR
);

CREATE TABLE base.exceptions (
    register_sha256 VARCHAR NOT NULL,
    line BIGINT NOT NULL,
    report VARCHAR,
    finding_key VARCHAR,
    reason VARCHAR,
    approved_by VARCHAR,
    expires_on VARCHAR
);

CREATE TABLE base.journal (
    seq BIGINT NOT NULL,
    "at" TIMESTAMPTZ,
    kind VARCHAR,
    detail VARCHAR,
    line_sha256 VARCHAR NOT NULL,
    first_snapshot VARCHAR NOT NULL
);
