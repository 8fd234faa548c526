-- service_desk: what staff do with tickets: open, answer, settle, open again, and what customers say of it.

CREATE FUNCTION crm._service_words(words text, field text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF coalesce(btrim(words), '') = '' OR length(words) > 4000 THEN
        RAISE EXCEPTION 'this needs 1 to 4000 characters'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = 'Say in a few words what was said or done.';
    END IF;
    RETURN btrim(words);
END
$$;
COMMENT ON FUNCTION crm._service_words(text, text) IS
    'words as they were given, trimmed; 22023 naming the field for none and for more than 4000 characters';

CREATE FUNCTION crm._service_ticket(customer_id bigint, ticket_id bigint) RETURNS crm.ticket_key
    LANGUAGE plpgsql AS
$$
DECLARE
    person bigint := crm._service_made_for(customer_id, ticket_id);
    found crm.ticket_key;
BEGIN
    SELECT t.customer_id, t.ticket_id, t.state INTO found FROM crm.ticket t WHERE t.customer_id = person
        AND t.ticket_id = _service_ticket.ticket_id FOR NO KEY UPDATE;
    RETURN found;
END
$$;
COMMENT ON FUNCTION crm._service_ticket(bigint, bigint) IS
    'a ticket, locked, when the actor may see it (given to them, of their stores, or headquarters); P0002 otherwise';

CREATE FUNCTION crm._service_open_ticket(customer_id bigint, ticket_id bigint) RETURNS crm.ticket_key
    LANGUAGE plpgsql AS
$$
DECLARE
    found crm.ticket_key := crm._service_ticket(customer_id, ticket_id);
BEGIN
    IF found.state = 'resolved' THEN
        RAISE EXCEPTION 'the ticket is settled' USING ERRCODE = 'RM881', COLUMN = 'ticket_id',
            HINT = 'Open it again, with the reason, when there is more to do.';
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION crm._service_open_ticket(bigint, bigint) IS
    'crm._service_ticket() of one that is not settled; RM881 otherwise';

-- What changed is told in the same commit to whoever asks for tickets: segments, flows.
CREATE FUNCTION crm._service_told(key crm.ticket_key, kind text, body text, detail jsonb DEFAULT '{}') RETURNS jsonb
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._service_event(key.customer_id, key.ticket_id, kind, body, detail);
    PERFORM crm._consequence_facts(ARRAY[crm._identity_current(key.customer_id)], 'ticket', false);
    RETURN crm._service_tell(key.customer_id, key.ticket_id);
END
$$;
COMMENT ON FUNCTION crm._service_told(crm.ticket_key, text, text, jsonb) IS
    'enters what happened to a ticket, tells the rooms above, and answers as crm.service_ticket()';

CREATE FUNCTION crm.service_open(customer_id bigint, topic text, body text, channel text DEFAULT 'store', store text DEFAULT NULL,
                                 idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'service_open', convert_to(jsonb_build_array(customer_id, topic, body, channel, store)::text, 'UTF8'));
    person bigint := crm._identity_not_erased(customer_id);
    here int;
    id bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF NOT EXISTS (SELECT FROM crm.ticket_topic k WHERE k.topic = service_open.topic AND k.is_active) THEN
        RAISE EXCEPTION 'there is no topic "%"', left(topic, 100)
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'topic', HINT = 'crm.service_topics() has those in use.';
    ELSIF channel IS NULL OR channel !~ '^[a-z_]{1,20}$' THEN
        RAISE EXCEPTION 'a ticket needs its channel'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'channel', HINT = 'Give call, store, wechat or online.';
    END IF;
    here := crm._sales_store(store, person);
    id := crm._service_ticket_put(person, 'hand:' || crm._new_id(), topic, crm._service_title(body), crm._service_words(body, 'body'), channel, here);
    answer := crm._service_tell(person, id);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.service_open(bigint, text, text, text, text, text) IS
    'opens a ticket about what a customer complains of or asks (topic of crm.service_topics(), store code; null: '
    'the caller''s only store, else the person''s own), gives it to somebody, and answers as crm.service_ticket(); '
    'P0002 for a person out of scope, RM301 for an erased one, 22023 names the field';
GRANT EXECUTE ON FUNCTION crm.service_open(bigint, text, text, text, text, text) TO crm_clerk, crm_store_manager,
    crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.service_answer(customer_id bigint, ticket_id bigint, body text, is_waiting boolean DEFAULT false,
                                   idempotency_key text DEFAULT NULL, article bigint DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'service_answer', convert_to(jsonb_build_array(customer_id, ticket_id, body, is_waiting, article)::text,
                'UTF8'));
    key crm.ticket_key;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    key := crm._service_open_ticket(crm._access_require_person(customer_id), ticket_id);
    UPDATE crm.ticket t SET state = CASE WHEN is_waiting THEN 'waiting' ELSE 'open' END, answered_at = coalesce(t.answered_at, crm.core_now())
    WHERE t.customer_id = key.customer_id AND t.ticket_id = key.ticket_id;
    UPDATE crm.task k SET due_at = t.resolve_due_at FROM crm.ticket t
    WHERE t.customer_id = key.customer_id AND t.ticket_id = key.ticket_id AND k.customer_id = t.customer_id
        AND k.task_id = t.task_id AND k.due_at = t.answer_due_at;
    answer := crm._service_told(key, CASE WHEN is_waiting THEN 'waiting' ELSE 'answered' END,
            crm._service_words(body, 'body'), crm._service_use_article(article));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.service_answer(bigint, bigint, text, boolean, text, bigint) IS
    'what was said to the customer; the first answer stops that clock, and the ticket is due when it has to be '
    'settled; is_waiting: now it is the customer''s turn; article: the one it was answered with; answers as '
    'crm.service_ticket(); RM881 settled, P0002 not in a list of the caller, 22023 names the field';
GRANT EXECUTE ON FUNCTION crm.service_answer(bigint, bigint, text, boolean, text, bigint) TO crm_clerk,
    crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.service_resolve(customer_id bigint, ticket_id bigint, resolution text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    key crm.ticket_key := crm._service_ticket(crm._access_require_person(customer_id), ticket_id);
    task bigint;
BEGIN
    IF key.state = 'resolved' THEN
        RETURN crm._service_tell(key.customer_id, key.ticket_id);
    END IF;
    resolution := crm._service_words(resolution, 'resolution');
    UPDATE crm.ticket t SET state = 'resolved', resolved_at = crm.core_now(), answered_at = coalesce(t.answered_at, crm.core_now()),
           first_resolved_at = coalesce(t.first_resolved_at, crm.core_now())
    WHERE t.customer_id = key.customer_id AND t.ticket_id = key.ticket_id RETURNING t.task_id INTO task;
    PERFORM crm._sales_task_close(key.customer_id, task, 'done', left(resolution, 200));
    RETURN crm._service_told(key, 'resolved', resolution);
END
$$;
COMMENT ON FUNCTION crm.service_resolve(bigint, bigint, text) IS
    'settles a ticket and closes its task; of one that is settled changes nothing; answers as crm.service_ticket(); '
    'P0002 when it is not in a list of the caller, 22023 without words';
GRANT EXECUTE ON FUNCTION crm.service_resolve(bigint, bigint, text) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.service_reopen(customer_id bigint, ticket_id bigint, reason text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._identity_not_erased(customer_id);
    key crm.ticket_key := crm._service_ticket(person, ticket_id);
BEGIN
    IF key.state <> 'resolved' THEN
        RETURN crm._service_tell(key.customer_id, key.ticket_id);
    END IF;
    reason := crm._service_words(reason, 'reason');
    UPDATE crm.ticket t SET state = 'open', resolved_at = 'infinity', reopened = t.reopened + 1, stars = NULL,
           resolve_due_at = crm.core_now() + k.resolve_hours * interval '1 hour'
    FROM crm.ticket_topic k WHERE k.topic = t.topic AND t.customer_id = key.customer_id AND t.ticket_id = key.ticket_id;
    RETURN crm._service_told(key, 'reopened', reason, jsonb_build_object('given_to', crm._service_put_task(key.customer_id, key.ticket_id, true)));
END
$$;
COMMENT ON FUNCTION crm.service_reopen(bigint, bigint, text) IS
    'opens a settled ticket again: seniors of the store take it; of one that is open changes nothing; answers as '
    'crm.service_ticket(); P0002, RM301, 22023 as crm.service_open()';
GRANT EXECUTE ON FUNCTION crm.service_reopen(bigint, bigint, text) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.service_rate(customer_id bigint, ticket_id bigint, stars int, body text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    key crm.ticket_key := crm._service_ticket(crm._access_require_person(customer_id), ticket_id);
BEGIN
    IF stars IS NULL OR stars NOT BETWEEN 1 AND 5 THEN
        RAISE EXCEPTION 'a customer gives 1 to 5 stars' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'stars',
            HINT = 'Give a whole number from 1 to 5.';
    ELSIF key.state <> 'resolved' THEN
        RAISE EXCEPTION 'the ticket is not settled yet' USING ERRCODE = 'RM882', COLUMN = 'ticket_id',
            HINT = 'Settle it first; then ask the customer.';
    END IF;
    UPDATE crm.ticket t SET stars = service_rate.stars WHERE t.customer_id = key.customer_id AND t.ticket_id = key.ticket_id;
    RETURN crm._service_told(key, 'rated', left(body, 4000), jsonb_build_object('stars', stars));
END
$$;
COMMENT ON FUNCTION crm.service_rate(bigint, bigint, int, text) IS
    'how content the customer is with how a ticket was settled, 1 to 5; the last word counts; answers as '
    'crm.service_ticket(); RM882 while it is open, P0002 when it is not in a list of the caller, 22023 for other '
    'numbers';
GRANT EXECUTE ON FUNCTION crm.service_rate(bigint, bigint, int, text) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;
