-- Person access list: the first page
--
-- Question    How many persons can open how many channels, and who can open most?
-- A row is    the whole report.
-- Counted     as in person_access_list.sql. Listed without: persons of the list
--             of persons who have no permission in force.
-- Limits      as in person_access_list.sql.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
in_force AS (
    SELECT
        p.*,
        x.sensitive,
        x.on_device
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
),
per_person AS (
    SELECT
        project_id,
        person_id,
        min(name) AS name,
        min(person_code) AS person_code,
        count(DISTINCT access_control_channel_id) AS channels,
        count(DISTINCT access_control_channel_id) FILTER (WHERE sensitive) AS sensitive_channels,
        count(DISTINCT access_control_channel_id) FILTER (WHERE permanent) AS without_end,
        list_sort(list_distinct(flatten(list(on_device)))) AS means,
        min(auth_end) FILTER (WHERE NOT permanent) AS first_end
    FROM in_force
    GROUP BY project_id, person_id
),
counted AS (
    SELECT
        count(*) AS persons,
        count(*) FILTER (WHERE sensitive_channels > 0) AS with_sensitive,
        max(sensitive_channels) AS most_sensitive,
        CAST(median(channels) AS DOUBLE) AS median_channels,
        max(channels) AS most,
        arg_max(coalesce(name, person_id), (channels, person_id)) AS most_name,
        count(*) FILTER (WHERE len(means) = 0) AS without_means
    FROM per_person
),
tied AS (
    SELECT count(*) AS with_most
    FROM per_person
    WHERE channels = (SELECT max(channels) FROM per_person)
),
others AS (
    SELECT
        count(*) FILTER (WHERE c.listed AND p.person_id IS NULL) AS listed_without,
        count(*) FILTER (WHERE c.twins IS NOT NULL AND p.person_id IS NOT NULL) AS linked
    FROM person_context AS c
    LEFT JOIN per_person AS p
        ON p.project_id = c.project_id AND p.person_id = c.person_id
),
register AS (
    SELECT count(*) AS registered FROM channel_register
)
SELECT
    CASE
        WHEN persons = 0 THEN '**Nobody has a permission in force.**'
        ELSE
            '**' || format('{:,}', persons) || if(persons = 1, ' person has access', ' persons have access') || '**'
            || if(median_channels < 2, '', ', half of them to ' || CAST(round(median_channels) AS BIGINT) || ' channels or more')
            || '; ' || if(with_most = 1, most_name || ' has', format('{:,}', with_most) || ' persons have') || ' most: **'
            || format('{:,}', most) || if(most = 1, ' channel', ' channels') || if(with_most = 1, '', ' each') || '**.'
            || CASE
                WHEN registered = 0 THEN ''
                WHEN with_sensitive = 0 THEN ' Nobody can open a sensitive channel.'
                ELSE
                    ' ' || format('{:,}', with_sensitive) || ' can open a sensitive channel, up to '
                    || format('{:,}', most_sensitive) || ' of them.'
            END
    END AS answer,
    CASE
        WHEN persons = 0 THEN NULL
        WHEN linked > 0
            THEN 'Let each manager confirm the list of their people, those with most sensitive channels first; '
                || format('{:,}', linked) || ' share a work number with another person id and are to be read together.'
        ELSE 'Let each manager confirm the list of their people, those with most sensitive channels first.'
    END AS what_to_do,
    persons,
    if(listed_without = 0, 'everybody in the list of persons', format('{:,}', listed_without) || ' more are listed without access') AS persons_note,
    CASE WHEN registered > 0 THEN with_sensitive END AS with_sensitive,
    if(registered = 0, 'no channel register gives a tier', 'at most ' || coalesce(most_sensitive, 0) || if(most_sensitive = 1, ' such channel each', ' such channels each')) AS sensitive_note,
    most,
    CASE
        WHEN persons = 0 THEN ''
        WHEN with_most = 1 THEN most_name
        ELSE format('{:,}', with_most) || ' persons have as many'
    END AS most_name,
    without_means,
    'no credential of theirs is on any device' AS without_means_note,
    listed_without,
    linked,
    median_channels
FROM counted
CROSS JOIN tied
CROSS JOIN others
CROSS JOIN register
