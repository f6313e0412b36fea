-- Excessive access: the first page
--
-- Question    How many persons can open far more channels than their peers, and
--             who stands out most?
-- A row is    the whole report.
-- Counted     as in excessive_access.sql.
-- Limits      as in excessive_access.sql.
WITH per_person AS (
    FROM access_counts(
        CAST($as_of AS TIMESTAMPTZ), CAST($factor AS DOUBLE), CAST($min_more AS INTEGER), CAST($min_ratio AS DOUBLE),
        CAST($min_peers AS INTEGER), CAST($max_channels AS INTEGER)
    )
),
counted AS (
    SELECT
        count(*) AS persons,
        count(*) FILTER (WHERE severity = 'high') AS high,
        count(*) FILTER (WHERE NOT own_peers) AS with_everybody,
        max(channels) AS most,
        list(
            coalesce(name, person_id) || ' (' || channels || ' channels, peers '
                || replace(CAST(median_channels AS VARCHAR), '.0', '') || ')'
            ORDER BY more DESC, name, project_id, person_id
        ) AS names
    FROM per_person
    WHERE excessive
),
everyone AS (
    SELECT
        count(*) AS with_access,
        CAST(median(channels) AS DOUBLE) AS median_channels,
        (SELECT count(*) FROM channel_register) AS registered
    FROM per_person
)
SELECT
    CASE
        WHEN with_access = 0 THEN '**Nobody has a permission in force.**'
        WHEN persons = 0 THEN '**Nobody can open far more channels than their peers.**'
        ELSE
            '**' || format('{:,}', persons) || if(persons = 1, ' person can', ' persons can')
            || ' open far more channels than their peers**'
            || CASE
                WHEN registered = 0 THEN ''
                WHEN high = 0 THEN ', none of them more sensitive ones'
                WHEN high = persons THEN ', **more sensitive ones among them**'
                ELSE ', **' || format('{:,}', high) || ' also more sensitive ones**'
            END
            || '. Most stands out ' || names[1] || '.'
    END AS answer,
    CASE
        WHEN persons > 0
            THEN 'Have the channels that their peers do not have taken away or justified, beginning with '
                || array_to_string(names[1:3], ', ')
                || '; guards and cleaners, who need them, go into the register of exceptions.'
    END AS what_to_do,
    CASE
        WHEN high > 0 THEN 'high'
        WHEN persons > 0 THEN 'medium'
        ELSE 'good'
    END AS severity,
    persons,
    'of ' || format('{:,}', with_access) || ' with access' AS persons_note,
    CASE WHEN registered > 0 THEN high END AS high,
    if(registered = 0, 'no channel register gives a tier', 'more than half of their peers have') AS high_note,
    most,
    'half of all have ' || replace(CAST(median_channels AS VARCHAR), '.0', '') || ' or fewer' AS most_note,
    with_everybody,
    'fewer than ' || CAST($min_peers AS INTEGER) || ' persons have the same organizations' AS with_everybody_note
FROM counted
CROSS JOIN everyone
