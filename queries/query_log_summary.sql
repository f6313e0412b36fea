-- Query log: the first page
--
-- Question    Who asked in SQL, how often, and what ended badly?
-- A row is    the whole report.
-- Counted     as in query_log.sql. Persons are accounts of the operating system.
-- Parameters  $as_of, $timezone, $days.
WITH counted AS (
    SELECT
        count(*) AS queries,
        count(DISTINCT nullif(account, 'masked')) AS persons,
        count(*) FILTER (WHERE outcome = 'ok') AS answered,
        count(*) FILTER (WHERE outcome = 'failed') AS failed,
        count(*) FILTER (WHERE outcome = 'interrupted') AS interrupted,
        count(*) FILTER (WHERE outcome NOT IN ('ok', 'failed', 'interrupted')) AS at_a_limit,
        count(*) FILTER (WHERE mask = 'full') AS unmasked,
        coalesce(sum(rows), 0)::BIGINT AS rows,
        max("at") AS last_at,
        count(*) = count(nullif(account, 'masked')) AS named
    FROM asked_queries(CAST($as_of AS TIMESTAMPTZ), $timezone, $days)
)
SELECT
    CASE
        WHEN queries = 0 THEN '**No query ran in the ' || $days || ' days before ' || strftime(timezone($timezone, CAST($as_of AS TIMESTAMPTZ)), '%Y-%m-%d %H:%M') || '.**'
        ELSE '**' || if(queries = 1, 'One query', format('{:,}', queries) || ' queries')
            || if(named, ' by ' || if(persons = 1, 'one person', format('{:,}', persons) || ' persons'), '') || '** in ' || $days || ' days, '
            || 'the last on ' || strftime(timezone($timezone, last_at), '%Y-%m-%d %H:%M') || '; '
            || CASE
                WHEN answered = queries THEN if(queries = 1, 'it was', 'all were') || ' answered'
                ELSE format('{:,}', queries - answered) || if(queries - answered = 1, ' was', ' were') || ' not answered'
            END
            || if(unmasked > 0, ', ' || format('{:,}', unmasked) || ' read unmasked', '') || '.'
    END
    || ' What ran since is told by the next snapshot. This is of exporter sql alone: who opens the files in another way is not known.' AS answer,
    CASE
        WHEN unmasked > 0 THEN 'Have those who read unmasked say what for.'
        ELSE 'Nothing is to be done.'
    END AS what_to_do,
    CASE
        WHEN unmasked > 0 THEN 'medium'
        WHEN answered < queries THEN 'low'
        ELSE 'good'
    END AS severity,
    queries,
    format('{:,}', rows) || if(rows = 1, ' row', ' rows') || ' answered' AS queries_note,
    if(named, persons, NULL) AS persons,
    if(named, 'accounts of the operating system', 'accounts are masked') AS persons_note,
    queries - answered AS unanswered,
    concat_ws(', ',
        if(failed > 0, format('{:,}', failed) || ' failed', NULL),
        if(interrupted > 0, format('{:,}', interrupted) || ' interrupted', NULL),
        if(at_a_limit > 0, format('{:,}', at_a_limit) || ' at a limit', NULL),
        if(answered = queries, 'none', NULL)
    ) AS unanswered_note,
    unmasked,
    'with --mask full' AS unmasked_note
FROM counted
