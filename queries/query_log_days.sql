-- Query log: by person and day
--
-- Question    How much did each person ask on each day?
-- A row is    one account of the operating system on one day, in $timezone, on
--             which exporter sql ran a query for it.
-- Severity    medium: some read unmasked; low: some did not end well; good: the
--             others.
-- Parameters  $as_of, $timezone, $days.
-- Limits      As in query_log.sql.
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
        WHEN bool_or(mask = 'full') THEN 'medium'
        WHEN bool_or(outcome <> 'ok') THEN 'low'
        ELSE 'good'
    END AS severity,
    CAST(timezone($timezone, "at") AS DATE) AS day,
    account,
    count(*) AS queries,
    count(*) FILTER (WHERE outcome = 'ok') AS answered,
    count(*) FILTER (WHERE outcome = 'failed') AS failed,
    count(*) FILTER (WHERE outcome = 'interrupted') AS interrupted,
    count(*) FILTER (WHERE outcome NOT IN ('ok', 'failed', 'interrupted')) AS at_a_limit,
    count(*) FILTER (WHERE mask = 'full') AS unmasked,
    count(DISTINCT snapshot_id) AS snapshots,
    coalesce(sum(rows), 0)::BIGINT AS rows,
    coalesce(sum(ms), 0) / 1000 AS seconds
FROM told
GROUP BY day, account
ORDER BY day DESC, account
