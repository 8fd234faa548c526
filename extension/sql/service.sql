-- service: complaints and questions of customers.  A ticket is opened by hand, by a note or by a customer's own
-- feedback, once for its key; who works on it has it as a task, so that lists, deadlines, escalation and a leaver's
-- work are those of sales.
--
-- Locks: the ticket's row, then its task's.  A ticket stays under the customer id it was made for; a person's tickets
-- are those of all ids that answer to the person.

CREATE TYPE crm.ticket_key AS (customer_id bigint, ticket_id bigint, state text);
COMMENT ON TYPE crm.ticket_key IS 'a ticket by its key, and the state it was found in';

CREATE FUNCTION crm._service_event(customer_id bigint, ticket_id bigint, kind text, body text DEFAULT '', detail jsonb DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.ticket_event (customer_id, ticket_id, ticket_event_id, at, kind, actor, body, detail)
    VALUES (customer_id, ticket_id, crm._new_id(), crm.core_now(), kind, crm._actor(), coalesce(btrim(body), ''), detail);
END
$$;
COMMENT ON FUNCTION crm._service_event(bigint, bigint, text, text, jsonb) IS 'appends to the life of a ticket';

CREATE FUNCTION crm._service_is_repeated(person bigint, topic text) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN 1 + (SELECT count(*) FROM crm.ticket t
                WHERE t.customer_id = ANY (crm._identity_cluster(person)) AND t.topic = _service_is_repeated.topic
                  AND t.opened_at > crm.core_now() - (crm._setting('service.repeat_days') #>> '{}')::int * interval '1 day')
           >= (crm._setting('service.repeat_count'))::int;
END
$$;
COMMENT ON FUNCTION crm._service_is_repeated(bigint, text) IS
    'whether one more ticket of a topic makes service.repeat_count of the person''s within service.repeat_days: '
    'seniors take it';

-- The same question has the same answer at any time: who looks after the person, else the desk with the least to do.
CREATE FUNCTION crm._service_assignee(person bigint, store_id int, is_senior boolean, OUT staff_id int, OUT role name, OUT why text)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF store_id IS NULL THEN
        role := 'crm_headquarters';
        why := 'no store';
        RETURN;
    ELSIF is_senior THEN
        role := 'crm_store_manager';
        why := 'senior';
        RETURN;
    END IF;
    SELECT f.staff_id, f.role, 'owner' INTO staff_id, role, why
    FROM crm._sales_owners(person) w JOIN crm.staff f ON f.staff_id = w.staff_id
    WHERE f.left_at IS NULL AND crm._sales_reaches(f.staff_id, ARRAY[_service_assignee.store_id]) ORDER BY w.since DESC LIMIT 1;
    IF staff_id IS NULL THEN
        SELECT f.staff_id, f.role, 'least to do' INTO staff_id, role, why
        FROM crm.staff f
        WHERE f.role = 'crm_service' AND f.left_at IS NULL AND crm._sales_reaches(f.staff_id, ARRAY[_service_assignee.store_id])
        ORDER BY (SELECT count(*) FROM crm.task t WHERE t.staff_id = f.staff_id AND t.state = 'open' AND t.kind = 'ticket'), f.code LIMIT 1;
    END IF;
    role := coalesce(role, 'crm_clerk');
    why := coalesce(why, 'store');
END
$$;
COMMENT ON FUNCTION crm._service_assignee(bigint, int, boolean, OUT int, OUT name, OUT text) IS
    'who takes a ticket and why: seniors of the store (a person who came back with it; reopened), else the '
    'person''s owner, else the service desk of the store with the fewest open tickets (ties by code), else whoever '
    'of the store takes it; headquarters without a store';

-- The task that a ticket is to who works on it: due when the customer has to be answered, once answered when it has
-- to be settled.
CREATE FUNCTION crm._service_put_task(customer_id bigint, ticket_id bigint, is_senior boolean) RETURNS text
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    t crm.ticket := (SELECT k FROM crm.ticket k WHERE k.customer_id = _service_put_task.customer_id AND k.ticket_id = _service_put_task.ticket_id);
    given record := crm._service_assignee(crm._identity_current(t.customer_id), t.store_id, is_senior);
    next_role name := CASE given.role WHEN 'crm_headquarters' THEN NULL WHEN 'crm_store_manager' THEN 'crm_manager' ELSE 'crm_store_manager' END;
    task bigint := crm._sales_task_put(t.customer_id, format('ticket:%s:%s', t.ticket_id, t.reopened), 'ticket', t.title, t.body,
        CASE WHEN t.answered_at IS NULL THEN t.answer_due_at ELSE t.resolve_due_at END, t.store_id, given.staff_id,
            given.role, t.resolve_due_at, next_role);
BEGIN
    UPDATE crm.ticket k SET task_id = task WHERE k.customer_id = t.customer_id AND k.ticket_id = t.ticket_id;
    RETURN given.why;
END
$$;
COMMENT ON FUNCTION crm._service_put_task(bigint, bigint, boolean) IS
    'gives a ticket to whom crm._service_assignee() names; past the time it has to be settled in, the next role '
    'sees it, too; answers why they';

CREATE FUNCTION crm._service_watch_topic(store_id int, topic text) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT count(DISTINCT crm._identity_current(t.customer_id)) FROM crm.ticket t
            WHERE t.store_id = _service_watch_topic.store_id AND t.topic = _service_watch_topic.topic AND t.kind = 'complaint'
              AND t.opened_at > crm.core_now() - (crm._setting('service.alert_days') #>> '{}')::int * interval '1 day');
END
$$;
COMMENT ON FUNCTION crm._service_watch_topic(int, text) IS
    'how many persons complained to a store about a topic within service.alert_days';

CREATE FUNCTION crm._service_alert(store_id int, topic text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    persons bigint := crm._service_watch_topic(store_id, topic);
BEGIN
    IF persons >= (crm._setting('service.alert_count'))::int THEN
        PERFORM crm._alert('service.topic', format('%s:%s', (SELECT s.code FROM crm.store s WHERE s.store_id = _service_alert.store_id), topic),
            jsonb_build_object('store_id', store_id, 'topic', topic, 'customers', persons,
                'remedy', 'Look at the store''s tickets of this topic: crm.service_tickets().'));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._service_alert(int, text) IS
    'opens one alert when service.alert_count persons complained to a store about one topic within '
    'service.alert_days';

CREATE FUNCTION crm._service_ticket_put(person bigint, ticket_key text, topic text, title text, body text, channel text, store_id int) RETURNS bigint
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    about crm.ticket_topic;
    t crm.ticket;
    why text;
BEGIN
    SELECT k.* INTO about FROM crm.ticket_topic k WHERE k.topic = _service_ticket_put.topic;
    store_id := coalesce(store_id, (SELECT c.home_store_id FROM crm.customer c WHERE c.customer_id = person));
    INSERT INTO crm.ticket AS k (customer_id, ticket_id, ticket_key, topic, kind, title, body, channel, store_id,
            is_repeated, opened_at, answer_due_at, resolve_due_at)
    VALUES (person, crm._new_id(), _service_ticket_put.ticket_key, about.topic, about.kind,
            left(coalesce(nullif(btrim(_service_ticket_put.title), ''), about.name_zh), 200),
            left(coalesce(btrim(_service_ticket_put.body), ''), 4000), coalesce(_service_ticket_put.channel, 'store'), _service_ticket_put.store_id,
            crm._service_is_repeated(person, about.topic), crm.core_now(), crm.core_now() + about.answer_minutes * interval '1 minute',
            crm.core_now() + about.resolve_hours * interval '1 hour')
    ON CONFLICT (customer_id, ticket_key) DO NOTHING RETURNING k.* INTO t;
    IF t.ticket_id IS NULL THEN
        RETURN NULL;
    END IF;
    why := crm._service_put_task(t.customer_id, t.ticket_id, t.is_repeated);
    PERFORM crm._service_event(person, t.ticket_id, 'opened', t.body,
        jsonb_build_object('given_to', why,
            'articles', (SELECT coalesce(jsonb_agg(f.article_id::text ORDER BY f.score DESC, f.article_id), '[]')
                FROM crm._service_found(concat_ws(' ', t.title, t.body), t.topic, 3) f)));
    IF t.kind = 'complaint' AND t.store_id IS NOT NULL THEN
        PERFORM crm._service_alert(t.store_id, t.topic);
    END IF;
    PERFORM crm._consequence_facts(ARRAY[person], 'ticket', false);       -- segments and rules that ask for tickets
    RETURN t.ticket_id;
END
$$;
COMMENT ON FUNCTION crm._service_ticket_put(bigint, text, text, text, text, text, int) IS
    'opens a ticket, once for its key (null when it was), gives it to somebody, and says so; the store null: the '
    'person''s own; the topic exists';

-- A note with the outcome complaint, a customer's own feedback, and a bad rating are tickets.
CREATE FUNCTION crm._service_on_facts(customer_ids bigint[], kind text, is_history boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF is_history OR kind NOT IN ('interaction', 'event') THEN
        RETURN;
    ELSIF kind = 'interaction' THEN
        PERFORM crm._service_take_notes(customer_ids);
    ELSE
        PERFORM crm._service_take_feedback(customer_ids);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._service_on_facts(bigint[], text, boolean) IS
    'consequence of notes and events: complaints and feedback become tickets, in the commit of the fact; history '
    'does not';

CREATE FUNCTION crm._service_has(record_id bigint, ticket_key text) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN EXISTS (SELECT FROM crm.membership m JOIN crm.ticket t ON t.customer_id = m.customer_id AND t.ticket_key = _service_has.ticket_key
                   WHERE m.source_record_id = record_id);
END
$$;
COMMENT ON FUNCTION crm._service_has(bigint, text) IS
    'whether a fact of a record became a ticket before, under whatever person the record belonged to then';

CREATE FUNCTION crm._service_take_notes(customer_ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    note record;
BEGIN
    FOR note IN
        SELECT m.customer_id, m.source_record_id, 'note:' || i.interaction_id AS key, i.body, i.channel, i.store_id
        FROM crm.membership m JOIN crm.interaction i ON i.source_record_id = m.source_record_id
        WHERE m.customer_id = ANY (customer_ids) AND m.valid_to = 'infinity' AND i.is_current AND NOT i.is_history AND i.outcome = 'complaint'
          AND i.received_at >= crm.core_now() - interval '1 day'
        ORDER BY m.customer_id, i.interaction_id
    LOOP
        IF NOT crm._service_has(note.source_record_id, note.key) THEN
            PERFORM crm._service_ticket_put(note.customer_id, note.key, crm._setting('service.note_topic') #>> '{}',
                crm._service_title(note.body), note.body, note.channel, note.store_id);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._service_take_notes(bigint[]) IS
    'opens the tickets of notes with the outcome complaint that came within the last day';

CREATE FUNCTION crm._service_take_feedback(customer_ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    worst numeric := (crm._setting('service.stars'))::numeric;
    told record;
BEGIN
    FOR told IN
        SELECT m.customer_id, m.source_record_id, 'event:' || e.event_id AS key, e.store_id, e.properties ->> 'text' AS words,
               coalesce(k.topic, CASE WHEN e.type = 'feedback' AND e.stars IS NULL THEN 'other'
                       WHEN e.type = 'review_post' THEN 'quality'
                       ELSE crm._setting('service.note_topic') #>> '{}' END) AS topic
        FROM crm.membership m
        JOIN LATERAL (SELECT v.*, CASE WHEN jsonb_typeof(v.properties -> 'stars') = 'number' THEN (v.properties -> 'stars')::numeric END AS stars
                      FROM crm.event v WHERE v.source_record_id = m.source_record_id AND v.received_at >= crm.core_now() - interval '1 day') e ON true
        LEFT JOIN crm.ticket_topic k ON e.type = 'feedback' AND k.topic = e.properties ->> 'topic' AND k.is_active
        WHERE m.customer_id = ANY (customer_ids) AND m.valid_to = 'infinity' AND NOT e.is_history AND e.ignored_reason IS NULL
          AND (e.type = 'feedback' AND (k.topic IS NOT NULL OR e.stars IS NULL)
              OR e.type IN ('feedback', 'rating', 'review_post') AND e.stars <= worst)
        ORDER BY m.customer_id, e.event_id
    LOOP
        IF NOT crm._service_has(told.source_record_id, told.key) THEN
            PERFORM crm._service_ticket_put(told.customer_id, told.key, told.topic, crm._service_title(told.words),
                told.words, 'online', told.store_id);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._service_take_feedback(bigint[]) IS
    'opens the tickets of feedback that names a topic or gives no stars, and of feedback, ratings and reviews of at '
    'most service.stars, that came within the last day; praise opens none';

CREATE FUNCTION crm._service_title(words text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT left(btrim(regexp_replace(coalesce(words, ''), '\s+', ' ', 'g')), 60) $$;
COMMENT ON FUNCTION crm._service_title(text) IS 'the first words of what was said, as a line';

CREATE FUNCTION crm._service_watch() RETURNS bigint
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.alert a SET closed_at = crm.core_now()
    WHERE a.kind = 'service.topic' AND a.closed_at IS NULL
      AND crm._service_watch_topic((a.detail ->> 'store_id')::int, a.detail ->> 'topic') < (crm._setting('service.alert_count'))::int;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._service_watch() IS 'job: closes the alerts of topics about which fewer persons complain by now';

CREATE FUNCTION crm._service_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    ids bigint[] := crm._identity_cluster(survivor) || crm._identity_cluster(other);
    moved record;
BEGIN
    IF kind NOT IN ('unmerge', 'split') THEN
        RETURN;
    END IF;
    FOR moved IN
        SELECT t.customer_id, t.ticket_id, m.customer_id AS person
        FROM crm.ticket t CROSS JOIN LATERAL crm._sales_record_of(split_part(t.ticket_key, ':', 2)::bigint, record_ids) r (id)
        JOIN crm.membership m ON m.source_record_id = r.id AND m.valid_to >= 'infinity'
        WHERE t.customer_id = ANY (ids) AND t.ticket_key ~ '^(note|event):' AND crm._identity_current(t.customer_id) <> m.customer_id
        ORDER BY t.ticket_id FOR UPDATE OF t
    LOOP
        PERFORM crm._sales_task_move(k.customer_id, k.task_id, moved.person) FROM crm.task k
        WHERE k.customer_id = moved.customer_id AND k.task_key LIKE format('ticket:%s:%%', moved.ticket_id);
        UPDATE crm.ticket t SET customer_id = moved.person WHERE t.customer_id = moved.customer_id AND t.ticket_id = moved.ticket_id;
        UPDATE crm.ticket_event e SET customer_id = moved.person WHERE e.customer_id = moved.customer_id AND e.ticket_id = moved.ticket_id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._service_on_membership(bigint, bigint, bigint[], text) IS
    'consequence of a parting: tickets that notes and events on the records brought about, and their tasks, go to '
    'whom the records belong to now; a merge moves nothing';

CREATE FUNCTION crm._service_on_erase(customer_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    ids bigint[] := crm._identity_cluster(_service_on_erase.customer_id);
BEGIN
    -- their tasks are blanked and cancelled by sales
    UPDATE crm.ticket t SET title = '-', body = '', state = 'resolved',
        resolved_at = least(t.resolved_at, crm.core_now()) WHERE t.customer_id = ANY (ids);
    UPDATE crm.ticket_event e SET body = '', detail = '{}' WHERE e.customer_id = ANY (ids);
END
$$;
COMMENT ON FUNCTION crm._service_on_erase(bigint) IS
    'blanks what was written in a person''s tickets and ends the open ones; that they existed, and how fast they '
    'were settled, stays';

CREATE FUNCTION crm._service_on_export(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN jsonb_build_object('tickets', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('topic', t.topic, 'title', t.title, 'body', t.body, 'channel', t.channel, 'state', t.state,
                   'opened_at', t.opened_at, 'resolved_at', nullif(t.resolved_at, 'infinity'), 'stars', t.stars, 'events', (
                       SELECT jsonb_agg(jsonb_build_object('at', e.at, 'kind', e.kind, 'body', e.body) ORDER BY e.ticket_event_id)
                       FROM crm.ticket_event e WHERE e.customer_id = t.customer_id AND e.ticket_id = t.ticket_id))
                               ORDER BY t.opened_at, t.ticket_id), '[]')
        FROM crm.ticket t WHERE t.customer_id = ANY (crm._identity_cluster(_service_on_export.customer_id))));
END
$$;
COMMENT ON FUNCTION crm._service_on_export(bigint) IS
    'a person''s tickets and what was said in them, for the export of one person';

CREATE FUNCTION crm._service_sees(customer_id bigint, ticket_id bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN (SELECT crm._sales_sees((SELECT k.staff_id FROM crm.task k WHERE k.customer_id = t.customer_id AND k.task_id = t.task_id), t.store_id)
            FROM crm.ticket t WHERE t.customer_id = _service_sees.customer_id AND t.ticket_id = _service_sees.ticket_id);
END
$$;
COMMENT ON FUNCTION crm._service_sees(bigint, bigint) IS
    'whether a ticket is given to the actor, of their stores, or the actor headquarters';

CREATE FUNCTION crm._service_made_for(person bigint, ticket_id bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    found bigint := (SELECT t.customer_id FROM crm.ticket t
                     WHERE t.customer_id = ANY (crm._identity_cluster(person))
                         AND t.ticket_id = _service_made_for.ticket_id
                         AND crm._service_sees(t.customer_id, t.ticket_id));
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION 'there is no such ticket in your lists'
            USING ERRCODE = 'no_data_found', COLUMN = 'ticket_id', HINT = 'Take the ticket from the list of your store.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION crm._service_made_for(bigint, bigint) IS
    'under which id of a person a ticket stands, when the actor may see it (given to them, of their stores, or '
    'headquarters); P0002 otherwise';
