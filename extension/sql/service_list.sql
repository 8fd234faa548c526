-- service_list: tickets as staff see them, and their topics.

CREATE FUNCTION crm._service_tell(customer_id bigint, ticket_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN (SELECT jsonb_build_object('ticket_id', t.ticket_id, 'customer_id', c.customer_id, 'name', c.name_masked,
                'topic', t.topic, 'topic_zh', k.name_zh,
                'topic_en', k.name_en, 'kind', t.kind, 'title', t.title, 'body', t.body, 'channel', t.channel,
                    'store', s.code, 'is_repeated', t.is_repeated,
                'state', t.state, 'opened_at', t.opened_at, 'answer_due_at', t.answer_due_at,
                    'answered_at', t.answered_at, 'resolve_due_at', t.resolve_due_at,
                'resolved_at', nullif(t.resolved_at, 'infinity'), 'reopened', t.reopened, 'stars', t.stars, 'task_id', t.task_id,
                'staff', f.code, 'staff_name', f.name, 'role', w.role,
                'is_late', t.state <> 'resolved' AND crm.core_now() > CASE WHEN t.answered_at IS NULL THEN t.answer_due_at ELSE t.resolve_due_at END,
                'events', (SELECT jsonb_agg(jsonb_build_object('at', e.at, 'kind', e.kind,
                           'actor', coalesce(a.name, e.actor), 'body', e.body) || e.detail ORDER BY e.ticket_event_id)
                           FROM crm.ticket_event e LEFT JOIN crm.staff a ON a.code = e.actor
                               WHERE e.customer_id = t.customer_id AND e.ticket_id = t.ticket_id))
            FROM crm.ticket t JOIN crm.ticket_topic k ON k.topic = t.topic
            JOIN crm.customer c ON c.customer_id = crm._identity_current(t.customer_id)
            LEFT JOIN crm.store s ON s.store_id = t.store_id
            LEFT JOIN crm.task w ON w.customer_id = t.customer_id AND w.task_id = t.task_id
            LEFT JOIN crm.staff f ON f.staff_id = w.staff_id
            WHERE t.customer_id = _service_tell.customer_id AND t.ticket_id = _service_tell.ticket_id);
END
$$;
COMMENT ON FUNCTION crm._service_tell(bigint, bigint) IS 'a ticket with its life, by the id it was made for, whoever asks';

CREATE FUNCTION crm.service_ticket(customer_id bigint, ticket_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
BEGIN
    RETURN crm._service_tell(crm._service_made_for(crm._access_require_person(customer_id), ticket_id), ticket_id);
END
$$;
COMMENT ON FUNCTION crm.service_ticket(bigint, bigint) IS
    'a ticket: topic, words, clocks (answer_due_at, resolve_due_at, is_late), who works on it (staff, role, '
    'task_id), stars, and its life, oldest first; names masked; P0002 for a person out of scope, and when the '
    'ticket is in no list of the caller';
GRANT EXECUTE ON FUNCTION crm.service_ticket(bigint, bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.service_tickets(list text DEFAULT 'open', topic text DEFAULT NULL, after jsonb DEFAULT NULL,
                                    max_rows int DEFAULT 50) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    stores int[] := crm.access_store_ids();
    is_wide boolean := crm._actor_role() = 'crm_headquarters';
    me int := crm._actor_staff();
    is_past boolean := list = 'resolved';
    most int := least(greatest(coalesce(max_rows, 50), 1), 500);
    after_at timestamptz;
    after_id bigint;
BEGIN
    PERFORM crm._require_members(after, '{"at": "moment", "ticket_id": "id"}', 'after');
    after_at := after ->> 'at';
    after_id := after ->> 'ticket_id';
    IF list IS NULL OR list NOT IN ('mine', 'open', 'late', 'resolved') THEN
        RAISE EXCEPTION 'there is no list "%"', left(list, 100)
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'list', HINT = 'Give mine, open, late or resolved.';
    END IF;
    -- open ones are few; of those that are settled, all that ever were, a page is read from the newest on
    RETURN QUERY
    SELECT crm._service_tell(p.customer_id, p.ticket_id) - '{body,events}'::text[]
        || jsonb_build_object('cursor', jsonb_build_object('at', p.at, 'ticket_id', p.ticket_id))
    FROM ((SELECT t.customer_id, t.ticket_id, t.resolved_at AS at FROM crm.ticket t
           WHERE is_past AND t.state = 'resolved' AND (service_tickets.topic IS NULL
                   OR t.topic = service_tickets.topic) AND (is_wide OR t.store_id = ANY (stores))
             AND t.resolved_at <= coalesce(after_at, 'infinity') AND (after_id IS NULL OR t.resolved_at < after_at OR t.ticket_id > after_id)
           ORDER BY t.resolved_at DESC, t.ticket_id LIMIT most)
          UNION ALL
          (SELECT t.customer_id, t.ticket_id, t.resolve_due_at FROM crm.ticket t
           LEFT JOIN crm.task k ON list = 'mine' AND k.customer_id = t.customer_id AND k.task_id = t.task_id
           WHERE NOT is_past AND t.state <> 'resolved' AND (service_tickets.topic IS NULL OR t.topic = service_tickets.topic)
             AND CASE WHEN list = 'mine' THEN k.staff_id = me ELSE is_wide OR t.store_id = ANY (stores) END
             AND (list <> 'late' OR crm.core_now() > CASE WHEN t.answered_at IS NULL THEN t.answer_due_at ELSE t.resolve_due_at END)
             AND (after_id IS NULL OR (t.resolve_due_at, t.ticket_id) > (after_at, after_id))
           ORDER BY t.resolve_due_at, t.ticket_id LIMIT most)) p
    ORDER BY CASE WHEN is_past THEN p.at END DESC, p.at, p.ticket_id;
END
$$;
COMMENT ON FUNCTION crm.service_tickets(text, text, jsonb, int) IS
    'tickets without their words: list mine (given to the caller), open and late (of the caller''s stores; what has '
    'to be settled first comes first), or resolved (the newest first); of one topic, or all; after: the cursor of '
    'the last row of the page before; 22023 for an unknown list';
GRANT EXECUTE ON FUNCTION crm.service_tickets(text, text, jsonb, int) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.service_of_person(customer_id bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN QUERY
    SELECT crm._service_tell(t.customer_id, t.ticket_id) - '{body,events}'::text[] FROM crm.ticket t
    WHERE t.customer_id = ANY (crm._identity_cluster(person)) AND crm._service_sees(t.customer_id, t.ticket_id)
    ORDER BY t.state = 'resolved', t.opened_at DESC, t.ticket_id LIMIT 100;
END
$$;
COMMENT ON FUNCTION crm.service_of_person(bigint) IS
    'the newest hundred tickets of a person that are in a list of the caller, open ones first, without their words; '
    'P0002 for a person out of scope';
GRANT EXECUTE ON FUNCTION crm.service_of_person(bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.service_topics() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT to_jsonb(k) FROM crm.ticket_topic k
    ORDER BY NOT k.is_active, array_position('{complaint,enquiry,suggestion}', k.kind), k.answer_minutes, k.topic;
END
$$;
COMMENT ON FUNCTION crm.service_topics() IS
    'what tickets are about: topic, kind, names, minutes until the first answer and hours until it is settled, '
    'is_active; those in use first';
GRANT EXECUTE ON FUNCTION crm.service_topics() TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters, crm_marketer;

CREATE FUNCTION crm.service_define_topic(topic text, spec jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'service_define_topic', convert_to(jsonb_build_array(topic, spec)::text, 'UTF8'));
    known constant text[] := '{kind,name_zh,name_en,answer_minutes,resolve_hours,is_active}';
    wrong text;
    asked jsonb;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    wrong := crm._unknown_member(spec, known);
    IF wrong IS NOT NULL OR coalesce(topic, '') !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'topic has no proper code or an unknown member'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = coalesce(wrong, 'topic'),
                HINT = format('Members are %s.', array_to_string(known, ', '));
    END IF;
    asked := coalesce((SELECT to_jsonb(k) FROM crm.ticket_topic k WHERE k.topic = service_define_topic.topic),
                      jsonb_build_object('kind', 'enquiry', 'name_zh', topic, 'name_en', topic, 'answer_minutes', 240,
                                  'resolve_hours', 48, 'is_active', true)) || spec;
    PERFORM crm._service_require_topic(asked);
    INSERT INTO crm.ticket_topic AS k (topic, kind, name_zh, name_en, answer_minutes, resolve_hours, is_active)
    SELECT service_define_topic.topic, r.kind, r.name_zh, r.name_en, r.answer_minutes, r.resolve_hours, r.is_active
    FROM jsonb_to_record(asked) r (kind text, name_zh text, name_en text, answer_minutes int, resolve_hours int, is_active boolean)
    ON CONFLICT ON CONSTRAINT ticket_topic_pkey DO UPDATE SET kind = excluded.kind, name_zh = excluded.name_zh, name_en = excluded.name_en,
        answer_minutes = excluded.answer_minutes, resolve_hours = excluded.resolve_hours, is_active = excluded.is_active
    RETURNING to_jsonb(k) INTO answer;
    PERFORM crm._audit('edit', 'ticket_topic', NULL, topic, NULL, spec::text);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.service_define_topic(text, jsonb, text) IS
    'makes or changes what tickets are about (kind complaint, enquiry or suggestion; name_zh, name_en; '
    'answer_minutes 1 to 525600; resolve_hours 1 to 8760; is_active); open tickets keep their clocks; audited; '
    '22023 names the member';
GRANT EXECUTE ON FUNCTION crm.service_define_topic(text, jsonb, text) TO crm_headquarters;

CREATE FUNCTION crm._service_require_topic(asked jsonb) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wrong text := CASE
        WHEN NOT (asked ->> 'kind' = ANY ('{complaint,enquiry,suggestion}')) IS TRUE THEN 'kind'
        WHEN (length(btrim(asked ->> 'name_zh')) BETWEEN 1 AND 100) IS NOT TRUE THEN 'name_zh'
        WHEN (length(btrim(asked ->> 'name_en')) BETWEEN 1 AND 100) IS NOT TRUE THEN 'name_en'
        WHEN NOT crm._sales_is_whole(asked -> 'answer_minutes', 525600) THEN 'answer_minutes'
        WHEN NOT crm._sales_is_whole(asked -> 'resolve_hours', 8760) THEN 'resolve_hours'
        WHEN jsonb_typeof(asked -> 'is_active') IS DISTINCT FROM 'boolean' THEN 'is_active'
        -- notes with the outcome complaint and bad ratings go there
        WHEN asked -> 'is_active' = 'false' AND asked ->> 'topic' IN (crm._setting('service.note_topic') #>> '{}',
                'quality', 'other') THEN 'is_active' END;
BEGIN
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '"%" does not fit a topic', wrong
            USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
            HINT = 'kind is complaint, enquiry or suggestion; names have 1 to 100 characters; answer_minutes is 1 to 525600, resolve_hours 1 to 8760; topics that notes and ratings open stay active.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._service_require_topic(jsonb) IS '22023 naming the member of a topic that does not fit';
