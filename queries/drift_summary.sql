-- Drift of rules and permissions: the first page
--
-- Question    How many contradictions are there, of which class, and how sure
--             are they?
-- A row is    the whole report.
-- Counted     as in drift.sql. Certain: confidence exact or inferred. Looked at:
--             permissions that have not ended, less those that come from a
--             person group by their detail where a group's rule names the
--             channel.
-- Parameters  $as_of.
WITH counted AS (
    SELECT
        count(*) AS contradictions,
        count(*) FILTER (WHERE confidence <> 'unknown') AS certain,
        count(*) FILTER (WHERE confidence = 'unknown') AS undecided,
        count(*) FILTER (WHERE class = 'a' AND confidence <> 'unknown') AS without_rule,
        count(*) FILTER (WHERE class = 'a' AND confidence = 'unknown') AS without_rule_undecided,
        count(*) FILTER (WHERE class = 'e' AND confidence <> 'unknown') AS outlived,
        count(*) FILTER (WHERE class = 'b') AS not_generated,
        count(*) FILTER (WHERE class = 'c') AS for_nobody,
        count(*) FILTER (WHERE class = 'd' AND confidence <> 'unknown') AS other_dates,
        count(*) FILTER (WHERE class IN ('f', 'g')) AS untidy,
        count(*) FILTER (WHERE class IN ('b', 'c', 'd') AND confidence <> 'unknown') AS to_generate
    FROM drift_findings(CAST($as_of AS TIMESTAMPTZ))
),
listed AS (
    SELECT
        count(*) FILTER (WHERE coalesce(auth_end > CAST($as_of AS TIMESTAMPTZ), true)) AS alive,
        count(*) FILTER (WHERE auth_source = '3') AS of_groups
    FROM permissions
),
known AS (
    SELECT count(*) AS rules, count(*) FILTER (WHERE source_kind = 'unknown') AS group_rules
    FROM rules
),
told AS (
    SELECT * FROM counted CROSS JOIN listed CROSS JOIN known
)
SELECT
    CASE
        WHEN rules = 0 THEN '**The list of rules is empty**, so no permission can be compared with one.'
        WHEN contradictions = 0 THEN '**Rules and permissions agree.**'
        WHEN without_rule + outlived > 0 THEN
            '**' || format('{:,}', without_rule + outlived)
            || if(without_rule + outlived = 1, ' permission has', ' permissions have')
            || ' no rule behind ' || if(without_rule + outlived = 1, 'it', 'them') || '**: '
            || CASE
                WHEN without_rule = 0 THEN if(outlived = 1, 'its rule has ended', 'their rules have ended')
                WHEN outlived = 0 THEN 'none grants ' || if(without_rule = 1, 'it', 'them')
                ELSE 'none grants ' || format('{:,}', without_rule) || ', and '
                    || if(outlived = 1, 'that of one has ended', 'those of ' || format('{:,}', outlived) || ' have ended')
            END
            || if(certain > without_rule + outlived,
                '. The two differ in ' || format('{:,}', certain - without_rule - outlived) || ' more '
                || if(certain - without_rule - outlived = 1, 'case.', 'cases.'), '.')
        WHEN certain > 0 THEN
            '**Every permission that has not ended has a rule in force or ahead**, yet the two differ in '
            || format('{:,}', certain) || if(certain = 1, ' case.', ' cases.')
        ELSE '**No contradiction is certain.**'
    END
    || CASE
        WHEN undecided = 0 THEN ''
        ELSE ' ' || format('{:,}', undecided) || ' more cannot be decided: person groups may explain them.'
    END AS answer,
    nullif(concat_ws(' ',
        CASE
            WHEN without_rule + outlived > 0
                THEN '**Decide on the ' || if(without_rule + outlived = 1, 'one permission', format('{:,}', without_rule + outlived) || ' permissions')
                    || ' of severity high: delete, or give a rule.**'
        END,
        CASE
            WHEN to_generate > 0
                THEN 'Then let the cloud generate permissions again for the rules that have none or other dates ('
                    || format('{:,}', to_generate) || if(to_generate = 1, ' case),', ' cases),') || ' or correct the rules.'
        END,
        CASE WHEN undecided > 0 THEN 'For what cannot be decided, look up the groups'' members in the console.' END
    ), '') AS what_to_do,
    CASE
        WHEN rules = 0 THEN 'medium'
        WHEN without_rule + outlived > 0 THEN 'high'
        WHEN certain > 0 THEN 'medium'
        WHEN undecided > 0 THEN 'low'
        ELSE 'good'
    END AS severity,
    without_rule,
    'of ' || format('{:,}', alive) || ' permissions that have not ended' AS without_rule_note,
    outlived,
    CASE WHEN outlived = 0 THEN 'no rule has ended before its permissions' ELSE 'still listed, still to be opened' END AS outlived_note,
    not_generated + for_nobody AS idle,
    format('{:,}', not_generated) || if(not_generated = 1, ' rule for a person, ', ' rules for persons, ')
        || format('{:,}', for_nobody) || ' for others' AS idle_note,
    other_dates,
    format('{:,}', undecided) || ' of all kinds cannot be decided' AS other_dates_note,
    contradictions,
    certain,
    undecided,
    untidy,
    rules,
    group_rules,
    'Of ' || format('{:,}', rules) || if(rules = 1, ' rule, ', ' rules, ') || format('{:,}', group_rules)
        || ' are neither for a person nor for an organization, as far as ids tell; '
        || format('{:,}', of_groups) || ' permissions come from a group by their detail.' AS groups_note
FROM told
