-- channels.csv, roster.csv, exceptions.csv and the journal, as they were when the
-- snapshot was begun.

CREATE VIEW base.current_registers AS
SELECT h.*
FROM base.registers AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id);

CREATE VIEW registers AS
SELECT
    r."table" AS "table",
    r.path,
    r.sha256,
    r.rows
FROM base.current_registers AS r;
COMMENT ON VIEW registers IS 'One input file. Without a file there are no rows in its table.';
COMMENT ON COLUMN registers."table" IS 'Ours: channel_register, roster or exceptions';
COMMENT ON COLUMN registers.path IS 'Ours: the name of the file, without its folder; NULL where none is configured';
COMMENT ON COLUMN registers.sha256 IS 'Ours: SHA-256 of the file, under a mask a tag in its place; NULL where there was none';
COMMENT ON COLUMN registers.rows IS 'Ours: lines of the file, without its header';

CREATE VIEW channel_register AS
SELECT
    r.line,
    r.access_control_channel_id,
    r.tier,
    r.owner,
    r.owner_email,
    r.note
FROM base.channel_register AS r
JOIN base.current_registers AS f
    ON f."table" = 'channel_register' AND f.sha256 = r.register_sha256;
COMMENT ON VIEW channel_register IS 'A line of channels.csv.';
COMMENT ON COLUMN channel_register.line IS 'Ours: line of channels.csv, the header being line 1';
COMMENT ON COLUMN channel_register.access_control_channel_id IS 'channels.csv: access_control_channel_id';
COMMENT ON COLUMN channel_register.tier IS 'channels.csv: tier';
COMMENT ON COLUMN channel_register.owner IS 'channels.csv: owner';
COMMENT ON COLUMN channel_register.owner_email IS 'channels.csv: owner_email';
COMMENT ON COLUMN channel_register.note IS 'channels.csv: note';

CREATE VIEW roster AS
SELECT
    r.line,
    r.person_code,
    r.status,
    r.terminated_at,
    TRY_CAST(r.terminated_at AS TIMESTAMPTZ) AS terminated,
    r.organisation,
    r.manager,
    r.manager_email
FROM base.roster AS r
JOIN base.current_registers AS f
    ON f."table" = 'roster' AND f.sha256 = r.register_sha256;
COMMENT ON VIEW roster IS 'A line of roster.csv.';
COMMENT ON COLUMN roster.line IS 'Ours: line of roster.csv, the header being line 1';
COMMENT ON COLUMN roster.person_code IS 'roster.csv: person_code';
COMMENT ON COLUMN roster.status IS 'roster.csv: status';
COMMENT ON COLUMN roster.terminated_at IS 'roster.csv: terminated_at';
COMMENT ON COLUMN roster.terminated IS 'Derived: terminated_at as a time, a date alone being its midnight in the time zone of the connection';
COMMENT ON COLUMN roster.organisation IS 'roster.csv: organisation';
COMMENT ON COLUMN roster.manager IS 'roster.csv: manager';
COMMENT ON COLUMN roster.manager_email IS 'roster.csv: manager_email';

CREATE VIEW exceptions AS
SELECT
    r.line,
    r.report,
    r.finding_key,
    r.reason,
    r.approved_by,
    r.expires_on,
    TRY_CAST(r.expires_on AS DATE) AS expires
FROM base.exceptions AS r
JOIN base.current_registers AS f
    ON f."table" = 'exceptions' AND f.sha256 = r.register_sha256;
COMMENT ON VIEW exceptions IS 'A line of exceptions.csv.';
COMMENT ON COLUMN exceptions.line IS 'Ours: line of exceptions.csv, the header being line 1';
COMMENT ON COLUMN exceptions.report IS 'exceptions.csv: report';
COMMENT ON COLUMN exceptions.finding_key IS 'exceptions.csv: finding_key';
COMMENT ON COLUMN exceptions.reason IS 'exceptions.csv: reason';
COMMENT ON COLUMN exceptions.approved_by IS 'exceptions.csv: approved_by';
COMMENT ON COLUMN exceptions.expires_on IS 'exceptions.csv: expires_on';
COMMENT ON COLUMN exceptions.expires IS 'Derived: expires_on as a date';

CREATE VIEW journal AS
SELECT
    j.seq,
    j."at" AS "at",
    j.kind,
    j.detail,
    j.line_sha256
FROM base.journal AS j
CROSS JOIN base.as_of AS a
WHERE j.first_snapshot <= a.snapshot_id;
COMMENT ON VIEW journal IS 'A line of the journal up to the start of the snapshot.';
COMMENT ON COLUMN journal.seq IS 'journal.ndjson: seq';
COMMENT ON COLUMN journal."at" IS 'journal.ndjson: at';
COMMENT ON COLUMN journal.kind IS 'journal.ndjson: kind';
COMMENT ON COLUMN journal.detail IS 'journal.ndjson: detail, as JSON text';
COMMENT ON COLUMN journal.line_sha256 IS 'Ours: SHA-256 of the line with its newline; the next line''s "prev" is the same';
