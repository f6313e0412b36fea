-- Completeness: the snapshot
--
-- Question    Where does the data come from, and when?
-- A row is    one project in the snapshot.
-- Severity    critical: partial; medium: the clocks differ by over 60 s, or the
--             lists moved while they were read; good: the others.
-- Parameters  $snapshot.
-- Limits      Journal line: the last line that stood in the journal when the
--             snapshot was begun. The line that seals the snapshot is written
--             after it and cannot be in it; `exporter snapshots show` has it.
SELECT
    CASE
        WHEN s.verdict = 'partial' THEN 'critical'
        WHEN s.verdict <> 'complete' OR abs(s.clock_offset_ms) > 60000 THEN 'medium'
        ELSE 'good'
    END AS severity,
    s.project_id,
    s.snapshot_id,
    s.verdict,
    s.server_time,
    s.started_at,
    s.finished_at,
    epoch(s.finished_at - s.started_at)::BIGINT AS took_seconds,
    s.clock_offset_ms / 1000 AS clock_offset_seconds,
    s.rows,
    s.kind,
    s.program_version,
    (SELECT max(j.seq) FROM journal AS j) AS journal_line,
    s.digest
FROM snapshots AS s
WHERE s.snapshot_id = CAST($snapshot AS VARCHAR)
ORDER BY s.project_id
