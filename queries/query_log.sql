-- Query log
--
-- Question    Who asked what in SQL, when, of which snapshot, and what came of it?
-- A row is    one query that exporter sql ran in the last $days days, by the
--             journal. What was refused did not run and has no row.
-- Outcome     ok: answered; failed: an error; interrupted: by the person; time,
--             memory, space: ended at that limit.
-- Severity    medium: it read unmasked; low: it did not end well; good: the others.
-- Parameters  $as_of, $timezone, $days.
-- Limits      Who opens the files of the store, its published copy or a backup in
--             another way leaves nothing here. The text of a query is beside the
--             journal for as long as store.keep.query_days says; here is its
--             SHA-256. The journal is that of the begin of this snapshot. In a
--             masked snapshot the account, the hashes and the parameters are masked.
SELECT
    CASE
        WHEN mask = 'full' THEN 'medium'
        WHEN outcome <> 'ok' THEN 'low'
        ELSE 'good'
    END AS severity,
    "at" AS asked_at,
    account,
    outcome,
    rows,
    cut,
    ms / 1000 AS seconds,
    mask,
    snapshot_id,
    as_of,
    previous,
    project_id,
    format,
    nullif(parameters, '') AS parameters,
    sql_sha256,
    result_sha256,
    text_file,
    seq
FROM asked_queries(CAST($as_of AS TIMESTAMPTZ), $timezone, $days)
ORDER BY asked_at DESC, seq DESC
