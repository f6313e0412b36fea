-- Excessive access
--
-- Question    Who can open far more channels than their peers?
-- A row is    one person (person_id).
-- Counted     channels with a permission in force: begun and not ended at $as_of,
--             an absent time not limiting it; each channel once.
-- Peers       the persons with access of exactly the same organizations; with the
--             person fewer than $min_peers, all persons with access of the
--             project.
-- Listed      with more than the peers' median + $factor x 1.4826 x MAD (the
--             median of the distances to the median; 1.4826 makes it comparable
--             to a standard deviation), at least $min_more more than the median
--             and at least $min_ratio times as many; or with more than
--             $max_channels channels, where that is not 0.
-- Severity    high: also more sensitive channels (tier "sensitive" or "1" in the
--             channel register) than the peers' median; else medium.
-- Limits      Who needs what is not in the data: guards and cleaners go into the
--             register of exceptions. A person of two organizations has other
--             peers than one of either.
--             The persons are counted by access_counts, a macro of the snapshot.
WITH flagged AS (
    SELECT *
    FROM access_counts(
        CAST($as_of AS TIMESTAMPTZ), CAST($factor AS DOUBLE), CAST($min_more AS INTEGER), CAST($min_ratio AS DOUBLE),
        CAST($min_peers AS INTEGER), CAST($max_channels AS INTEGER)
    )
    WHERE excessive
),
known_channels AS (
    SELECT project_id, count(*) AS channels FROM channels GROUP BY project_id
)
SELECT
    f.severity,
    f.name,
    f.person_code,
    f.organizations,
    f.channels,
    f.median_channels,
    f.more,
    f.sensitive_channels,
    f.median_sensitive,
    round(f.score, 1) AS score,
    f.channels / k.channels AS channel_share,
    f.peers,
    if(f.own_peers, 'same organizations', 'everybody') AS compared_with,
    f.project_id,
    f.person_id
FROM flagged AS f
LEFT JOIN known_channels AS k
    ON k.project_id = f.project_id
ORDER BY f.severity, f.more DESC, f.sensitive_channels DESC, f.name, f.project_id, f.person_id
