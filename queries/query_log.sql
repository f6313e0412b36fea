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
WITH told AS (
    SELECT
        seq,
        "at",
        json_extract_string(detail, '$.by') AS account,
        json_extract_string(detail, '$.snapshot') AS snapshot_id,
        TRY_CAST(json_extract_string(detail, '$.as_of') AS TIMESTAMPTZ) AS as_of,
        json_extract_string(detail, '$.previous') AS previous,
        json_extract_string(detail, '$.project') AS project_id,
        json_extract_string(detail, '$.mask') AS mask,
        json_extract_string(detail, '$.format') AS format,
        array_to_string(CAST(json_extract_string(detail, '$.parameters[*]') AS VARCHAR[]), ', ') AS parameters,
        json_extract_string(detail, '$.outcome') AS outcome,
        TRY_CAST(json_extract_string(detail, '$.rows') AS BIGINT) AS rows,
        coalesce(json_extract_string(detail, '$.cut') = 'true', false) AS cut,
        TRY_CAST(json_extract_string(detail, '$.ms') AS BIGINT) AS ms,
        json_extract_string(detail, '$.sql_sha256') AS sql_sha256,
        json_extract_string(detail, '$.result_sha256') AS result_sha256,
        json_extract_string(detail, '$.text') AS text_file
    FROM journal
    WHERE kind = 'query'
        AND "at" <= CAST($as_of AS TIMESTAMPTZ)
        AND CAST(timezone($timezone, "at") AS DATE) > CAST(timezone($timezone, CAST($as_of AS TIMESTAMPTZ)) AS DATE) - CAST($days AS INTEGER)
)
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
FROM told
ORDER BY asked_at DESC, seq DESC
