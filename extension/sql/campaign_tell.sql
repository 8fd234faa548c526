-- campaign_tell: what an occurrence tells others than its person, and what it sets going: notices to staff, entries
-- into the list of an advertising platform, tags, another flow.  Each is a row of crm.occurrence_act in the
-- occurrence's transaction; what is sent of it is a message of its own, with its own attempts and its own end.
--
-- Locks: the person (the caller's); queue rows are new ones.

CREATE FUNCTION crm._campaign_note_act(flow crm.flow_row, person bigint, occurrence_key text, epoch int, act text,
                                       target text, message_id text, reason text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.occurrence_act (customer_id, flow_id, epoch, occurrence_key, act, target, acted_at, message_id, reason)
    VALUES (person, flow.flow_id, epoch, occurrence_key, act, target, crm.core_now(), message_id, reason) ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._campaign_note_act(crm.flow_row, bigint, text, int, text, text, text, text) IS
    'writes down one thing that an occurrence did, or why it did not';

CREATE FUNCTION crm._campaign_notice_variables() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '{name,phone,tier,store,adviser,last_item,top_items,last_year_item}'::text[] $$;
COMMENT ON FUNCTION crm._campaign_notice_variables() IS
    'what a notice may say of a person: {{name}} and {{phone}} masked, tier, store, who looks after the person, '
    'what was bought';

CREATE FUNCTION crm._campaign_notice_text(person bigint, said text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    known record;
BEGIN
    IF said NOT LIKE '%{{%' THEN
        RETURN said;
    END IF;
    SELECT crm._outbox_plain(c.name_masked) AS name, c.phone_masked, coalesce(v.tier, 'P') AS tier, s.name AS store,
           (SELECT f.name FROM crm.staff f WHERE f.staff_id = crm._campaign_adviser(person)) AS adviser
    INTO known
    FROM crm.customer c LEFT JOIN crm.customer_value v ON v.customer_id = c.customer_id
        LEFT JOIN crm.store s ON s.store_id = c.home_store_id WHERE c.customer_id = person;
    said := replace(replace(replace(replace(said, '{{phone}}', known.phone_masked), '{{tier}}', known.tier),
                '{{store}}', coalesce(known.store, '-')), '{{adviser}}', coalesce(known.adviser, '-'));
    RETURN left(crm._campaign_fill(said, nullif(known.name, ''), NULL, NULL, NULL,
            'UTC', crm._campaign_bought_words(person, crm._local_day(crm.core_now(), crm._campaign_zone(person)))),
        1000);
END
$$;
COMMENT ON FUNCTION crm._campaign_notice_text(bigint, text) IS
    'a notice with its variables filled in, name and phone masked; the name last: whatever it holds is text';

CREATE FUNCTION crm._campaign_notice_reader(person bigint, notice jsonb, OUT endpoint text, OUT address text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    home int := (SELECT c.home_store_id FROM crm.customer c WHERE c.customer_id = person);
BEGIN
    SELECT s.endpoint, s.address INTO endpoint, address
    FROM crm._campaign_task_owner(person, home, notice) o JOIN crm.staff_endpoint s ON s.staff_id = o.staff_id WHERE notice ?| '{to,staff}';
    IF endpoint IS NULL THEN
        endpoint := notice ->> 'endpoint';
        address := coalesce(notice ->> 'address', '');
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_notice_reader(bigint, jsonb) IS
    'where a notice goes: to whom it is for (to: adviser, owner, region; staff: a code) where that member of staff '
    'is reached, else to its endpoint; nulls: nowhere';

CREATE FUNCTION crm._campaign_notify(flow crm.flow_row, person bigint, occurrence_key text, epoch int) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    notice record;
    reader record;
    message text;
BEGIN
    FOR notice IN SELECT v.value AS spec, v.n FROM jsonb_array_elements(flow.spec -> 'notices') WITH ORDINALITY v (value, n) ORDER BY v.n LOOP
        SELECT * INTO reader FROM crm._campaign_notice_reader(person, notice.spec);
        message := CASE WHEN reader.endpoint IS NOT NULL THEN crm._campaign_message_id(flow.flow_id, epoch, person,
                occurrence_key || E'\x1fnotice' || notice.n) END;
        IF message IS NOT NULL THEN
            PERFORM crm._outbox_put_notice(person, message, 'notice', reader.endpoint,
                jsonb_build_object('type', 'staff.notify', 'flow', flow.code, 'customer_id', person,
                'to', reader.address,
                'subject', left(flow.name_zh, 120), 'text', crm._campaign_notice_text(person, notice.spec ->> 'text'), 'html', ''));
        END IF;
        PERFORM crm._campaign_note_act(flow, person, occurrence_key, epoch,
            'notice', notice.n || ': ' || coalesce(notice.spec ->> 'staff', notice.spec ->> 'to', reader.endpoint),
            message,
            CASE WHEN message IS NULL THEN 'whom it is for is reached nowhere' END);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_notify(crm.flow_row, bigint, text, int) IS
    'the notices of a flow, each a message of its own';

CREATE FUNCTION crm._campaign_list_in(flow crm.flow_row, person bigint, occurrence_key text, epoch int) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    list jsonb := flow.spec -> 'audience';
    hash text := CASE WHEN crm._outbox_consent(person, list ->> 'channel') = 'yes' THEN crm._campaign_hash(person, list ->> 'channel') END;
    message text := CASE WHEN hash IS NOT NULL THEN crm._campaign_message_id(flow.flow_id, epoch, person, occurrence_key || E'\x1faudience') END;
BEGIN
    IF message IS NOT NULL THEN
        PERFORM crm._outbox_put_notice(person, message, 'audience', list ->> 'endpoint',
            jsonb_build_object('type', 'audience.add', 'list', list ->> 'list', 'kind', list ->> 'channel', 'hash', hash));
    END IF;
    PERFORM crm._campaign_note_act(flow, person, occurrence_key, epoch, 'audience', list ->> 'list', message, CASE
        WHEN message IS NULL THEN 'no consent, or no address' END);
END
$$;
COMMENT ON FUNCTION crm._campaign_list_in(crm.flow_row, bigint, text, int) IS
    'enters a person into the list of an advertising platform: the hash of an address, of who agreed to its channel';

CREATE FUNCTION crm._campaign_retag(flow crm.flow_row, person bigint, occurrence_key text, epoch int) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    given text := flow.spec #>> '{give_tag,tag}';
    taken text := flow.spec ->> 'take_tag';
BEGIN
    IF taken IS NOT NULL THEN
        PERFORM crm._campaign_note_act(flow, person, occurrence_key, epoch, 'take_tag', taken, NULL, CASE
            WHEN NOT crm._segment_take_tag(person, taken) THEN 'did not have it' END);
    END IF;
    IF given IS NOT NULL THEN
        PERFORM crm._segment_give_tag(person, given,
            crm.core_now() + make_interval(days => (flow.spec #>> '{give_tag,days}')::int), 'flow ' || flow.code,
            occurrence_key);
        PERFORM crm._campaign_note_act(flow, person, occurrence_key, epoch, 'give_tag', given, NULL, NULL);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_retag(crm.flow_row, bigint, text, int) IS
    'takes a manual tag back and gives one, by the flow as author; the person is locked';

CREATE FUNCTION crm._campaign_is_under_way(flow int, ids bigint[]) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN EXISTS (SELECT FROM crm.enrolment e WHERE e.customer_id = ANY (ids) AND e.flow_id = flow)
        OR EXISTS (SELECT FROM crm.enrolment_set s WHERE s.flow_id = flow AND s.persons && ids);
END
$$;
COMMENT ON FUNCTION crm._campaign_is_under_way(int, bigint[]) IS
    'whether a person, under any of these ids, has entered a flow and not left it: in a row of its own, or together '
    'with others';

CREATE FUNCTION crm._campaign_send_on(flow crm.flow_row, person bigint, occurrence_key text, epoch int) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    next crm.flow_row;
    reason text;
    ids bigint[] := crm._campaign_ids(person);
BEGIN
    SELECT * INTO next FROM crm.flow f WHERE f.code = flow.spec ->> 'enrol';
    reason := CASE WHEN next.state IS DISTINCT FROM 'active' THEN 'it is ' || coalesce(next.state, 'gone')
                   WHEN crm._campaign_is_under_way(next.flow_id, ids) THEN 'under way in it'
                   WHEN EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = ANY (ids) AND o.flow_id = next.flow_id AND o.epoch >= 0
                                AND crm._campaign_is_too_soon(o.fired_at, crm.core_now(),
                                            (next.spec ->> 'reentry_days')::int, crm._campaign_zone(person)))
                                    THEN 'not again within its reentry_days' END;
    IF reason IS NULL THEN
        INSERT INTO crm.enrolment (customer_id, flow_id, epoch, occurrence_key, version, since, goal_from, due_at)
        -- a '#' in a key says which step of its own flow it is
        VALUES (person, next.flow_id, next.epoch, concat_ws(':', flow.code, epoch, replace(occurrence_key, '#', '.')),
                next.version, crm.core_now(), crm.core_now(),
                crm._campaign_step_due(next.spec, 1, crm.core_now(), crm._campaign_zone(person))) ON CONFLICT DO NOTHING;
        PERFORM crm._worker_wake();
    END IF;
    PERFORM crm._campaign_note_act(flow, person, occurrence_key, epoch, 'enrol', flow.spec ->> 'enrol', NULL, reason);
END
$$;
COMMENT ON FUNCTION crm._campaign_send_on(crm.flow_row, bigint, text, int) IS
    'enters a person into another flow, whoever it means otherwise, with a key made of this occurrence''s: once; '
    'not while on the way through it, nor within its reentry_days';

CREATE FUNCTION crm._campaign_tell(flow crm.flow_row, person bigint, occurrence_key text, epoch int) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF flow.spec ? 'notices' THEN
        PERFORM crm._campaign_notify(flow, person, occurrence_key, epoch);
    END IF;
    IF flow.spec ? 'audience' THEN
        PERFORM crm._campaign_list_in(flow, person, occurrence_key, epoch);
    END IF;
    IF flow.spec ?| '{give_tag,take_tag}' THEN
        PERFORM crm._campaign_retag(flow, person, occurrence_key, epoch);
    END IF;
    IF flow.spec ? 'enrol' THEN
        PERFORM crm._campaign_send_on(flow, person, occurrence_key, epoch);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_tell(crm.flow_row, bigint, text, int) IS
    'what an occurrence tells staff and platforms, and what it sets going, each once, in this transaction';

CREATE FUNCTION crm._campaign_acts_of(occurrence crm.occurrence_ref, flow int, epoch int) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('act', a.act, 'target', a.target, 'message_id', a.message_id, 'reason', a.reason,
                'state', CASE WHEN a.message_id IS NOT NULL THEN crm._outbox_state(a.customer_id, a.message_id) END)) ORDER BY a.act, a.target)
            FROM crm.occurrence_act a WHERE a.customer_id = occurrence.customer_id AND a.flow_id = flow
                AND a.epoch = _campaign_acts_of.epoch AND a.occurrence_key = occurrence.occurrence_key);
END
$$;
COMMENT ON FUNCTION crm._campaign_acts_of(crm.occurrence_ref, int, int) IS
    'what an occurrence did besides, each with the state of its own message or why it was not done; null: nothing';

-- A chain of flows that lead back would never end.
CREATE FUNCTION crm._campaign_leads_back(flow crm.flow_row) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (
        WITH RECURSIVE on_way (code) AS (
            SELECT flow.spec ->> 'enrol'
            UNION
            SELECT p.part ->> 'enrol' FROM on_way w JOIN crm.flow f ON f.code = w.code,
                LATERAL crm._campaign_parts(f.spec) p (part) WHERE p.part ? 'enrol')
        SELECT EXISTS (SELECT FROM on_way w WHERE w.code = flow.code));
END
$$;
COMMENT ON FUNCTION crm._campaign_leads_back(crm.flow_row) IS
    'whether the flow that a step of a flow enters persons into leads, by whatever way, to this flow again';

CREATE FUNCTION crm._campaign_notice_fault(notices jsonb) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    notice jsonb;
    wrong record;
BEGIN
    IF jsonb_typeof(notices) <> 'array' OR jsonb_array_length(notices) NOT BETWEEN 1 AND 5 THEN
        RETURN 'give a list of 1 to 5 notices';
    END IF;
    FOR notice IN SELECT n FROM jsonb_array_elements(notices) n LOOP
        IF jsonb_typeof(notice -> 'text') IS DISTINCT FROM 'string' OR length(notice ->> 'text') NOT BETWEEN 1 AND 500 THEN
            RETURN 'each says something ("text"), in 1 to 500 characters';
        ELSIF EXISTS (SELECT FROM regexp_matches(notice ->> 'text', '\{\{([^{}]*)\}\}', 'g') m
                WHERE m[1] <> ALL (crm._campaign_notice_variables())) THEN
            RETURN 'nothing fills in what it names: {{' || array_to_string(crm._campaign_notice_variables(), '}}, {{') || '}} are';
        ELSIF notice ? 'staff' AND NOT EXISTS (SELECT FROM crm.staff f WHERE f.code = notice ->> 'staff' AND f.left_at IS NULL) THEN
            RETURN 'there is no such member of staff';
        ELSIF notice ? 'to' AND coalesce(notice ->> 'to' NOT IN ('adviser', 'owner', 'region'), true) OR NOT notice ?| '{to,staff,endpoint}' THEN
            RETURN 'each goes "to" adviser, owner or region, to a member of "staff", or to an "endpoint"';
        ELSIF notice ? 'endpoint' THEN
            SELECT * INTO wrong FROM crm._outbox_reader_fault(notice ->> 'endpoint', coalesce(notice ->> 'address', ''));
            IF wrong.field IS NOT NULL THEN
                RETURN wrong.remedy;
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._campaign_notice_fault(jsonb) IS 'what is wrong with the notices of a flow; null: nothing';

CREATE FUNCTION crm._campaign_tell_fault(flow crm.flow_row, OUT field text, OUT fault text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    spec jsonb := flow.spec;
    next_trigger text := (SELECT f.trigger FROM crm.flow f WHERE f.code = flow.spec ->> 'enrol');
BEGIN
    SELECT f.field, f.fault INTO field, fault
    FROM (VALUES
        (1, 'notices', NOT spec ? 'notices' OR crm._campaign_notice_fault(spec -> 'notices') IS NULL, crm._campaign_notice_fault(spec -> 'notices')),
        (2, 'audience', NOT spec ? 'audience' OR coalesce(spec #>> '{audience,list}' ~ '^[a-z][a-z0-9_]{0,62}$'
            AND spec #>> '{audience,channel}' IN ('sms', 'email')
            AND EXISTS (SELECT FROM crm.endpoint e JOIN crm.connector c ON c.connector = e.connector
                    WHERE e.endpoint = spec #>> '{audience,endpoint}' AND c.format = 'webhook'), false),
            'give {"list": name, "channel": "sms" or "email", "endpoint": a webhook}'),
        (3, 'give_tag', NOT spec ? 'give_tag'
            OR coalesce(EXISTS (SELECT FROM crm.tag t WHERE t.tag = spec #>> '{give_tag,tag}' AND t.kind = 'manual'
            AND t.is_active)
            AND (NOT spec -> 'give_tag' ? 'days' OR crm._campaign_whole(spec #> '{give_tag,days}', 1, 3660)), false),
                'give {"tag": a manual one of the dictionary, "days": 1 to 3660 or nothing}'),
        (4, 'take_tag', NOT spec ? 'take_tag' OR EXISTS (SELECT FROM crm.tag t WHERE t.tag = spec ->> 'take_tag'
                AND t.kind = 'manual'), 'name a manual tag of the dictionary'),
        (5, 'enrol', NOT spec ? 'enrol' OR coalesce(next_trigger IN ('schedule', 'event'), false),
            'name a flow with a schedule or one that facts enter'),
        (6, 'enrol', NOT spec ? 'enrol' OR NOT crm._campaign_leads_back(flow), 'it leads back to this flow')) f (n, field, is_good, fault)
    WHERE f.is_good IS NOT TRUE ORDER BY f.n LIMIT 1;
END
$$;
COMMENT ON FUNCTION crm._campaign_tell_fault(crm.flow_row) IS
    'the first fault of notices, audience, tags and enrolment of a flow or one of its steps; nulls: none';
