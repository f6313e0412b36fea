-- Channel access list: the first page
--
-- Question    How many persons may open how many channels, how many of them
--             sensitive ones, and does every channel have somebody who answers
--             for it?
-- A row is    the whole report.
-- Counted     as in channel_access_list.sql: permissions in force.
-- Limits      as in channel_access_list.sql. Without a channel register nothing
--             is known of tiers and owners.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
listed AS (
    SELECT
        p.*,
        x.sensitive,
        x.owner,
        x.on_device,
        coalesce(p.auth_start <= a.as_of, true) AND coalesce(p.auth_end > a.as_of, true) AS effective
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
),
counted AS (
    SELECT
        count(*) AS listed,
        count(*) FILTER (WHERE effective) AS in_force,
        count(DISTINCT (project_id, person_id)) FILTER (WHERE effective) AS persons,
        count(DISTINCT (project_id, access_control_channel_id)) FILTER (WHERE effective) AS channels,
        count(DISTINCT (project_id, access_control_channel_id)) FILTER (WHERE effective AND sensitive) AS sensitive_channels,
        count(DISTINCT (project_id, person_id)) FILTER (WHERE effective AND sensitive) AS sensitive_persons,
        count(DISTINCT (project_id, access_control_channel_id)) FILTER (WHERE effective AND owner IS NULL) AS without_owner,
        count(*) FILTER (WHERE effective AND permanent) AS without_end,
        count(*) FILTER (WHERE effective AND len(on_device) = 0) AS nothing_delivered
    FROM listed
),
register AS (
    SELECT count(*) AS registered FROM channel_register
)
SELECT
    CASE
        WHEN listed = 0 THEN '**The list of permissions is empty**: nobody may open a channel.'
        WHEN in_force = 0 THEN '**No permission is in force.**'
        ELSE
            '**' || format('{:,}', persons) || if(persons = 1, ' person may open ', ' persons may open ')
            || format('{:,}', channels) || if(channels = 1, ' channel', ' channels') || '**'
            || CASE
                WHEN registered = 0 THEN '; no channel register says which are sensitive'
                WHEN sensitive_channels = 0 THEN ', none of them sensitive'
                ELSE
                    '; **' || format('{:,}', sensitive_persons)
                    || if(
                        sensitive_channels = 1,
                        ' may open the one that is sensitive',
                        ' may open at least one of the ' || format('{:,}', sensitive_channels) || ' sensitive ones'
                    )
                    || '**'
            END
            || '. These are ' || format('{:,}', in_force) || if(in_force = 1, ' permission', ' permissions')
            || ', ' || format('{:,}', without_end) || ' of them without an end.'
    END AS answer,
    CASE
        WHEN in_force = 0 THEN NULL
        WHEN registered = 0
            THEN 'Write a channel register with tiers and owners, so that each owner can confirm the list of their channels.'
        WHEN without_owner > 0
            THEN 'Let each owner confirm the list of their channels, sensitive ones first; name an owner for the '
                || if(without_owner = 1, 'one channel without', format('{:,}', without_owner) || ' channels without') || ' one.'
        ELSE 'Let each owner confirm the list of their channels, sensitive ones first.'
    END AS what_to_do,
    persons,
    'with ' || format('{:,}', in_force) || if(in_force = 1, ' permission', ' permissions') || ' in force' AS persons_note,
    channels,
    CASE
        WHEN registered = 0 THEN 'no channel register'
        WHEN without_owner = 0 THEN 'each has an owner in the register'
        ELSE format('{:,}', without_owner) || ' without an owner in the register'
    END AS channels_note,
    CASE WHEN registered > 0 THEN sensitive_persons END AS sensitive_persons,
    CASE
        WHEN registered = 0 THEN 'no channel register gives a tier'
        ELSE 'on ' || format('{:,}', sensitive_channels) || if(sensitive_channels = 1, ' such channel', ' such channels')
    END AS sensitive_note,
    CASE WHEN in_force > 0 THEN without_end / in_force END AS without_end_share,
    format('{:,}', without_end) || ' of ' || format('{:,}', in_force) AS without_end_note,
    in_force,
    listed,
    nothing_delivered
FROM counted
CROSS JOIN register
