-- Query log: by person and day
--
-- Question    How much did each person ask on each day?
-- A row is    one account of the operating system on one day, in $timezone, on
--             which exporter sql ran a query for it.
-- Severity    medium: some read unmasked; low: some did not end well; good: the
--             others.
-- Parameters  $as_of, $timezone, $days.
-- Limits      As in query_log.sql.
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
FROM asked_queries(CAST($as_of AS TIMESTAMPTZ), $timezone, $days)
GROUP BY day, account
ORDER BY day DESC, account
