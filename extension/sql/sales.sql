-- sales: what staff are to do about a person.  A task is made once for its key, stands in the list of a
-- store, a staff member or headquarters, and is closed by hand or by the note that reports it.
--
-- Locks: the task's row.  A task stays under the customer id it was made for; a person's tasks are
-- those of all ids that answer to the person.

CREATE FUNCTION crm._sales_task_event(customer_id bigint, task_id bigint, kind text, detail jsonb DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.task_event (customer_id, task_id, task_event_id, at, kind, actor, detail)
    VALUES (customer_id, task_id, crm._new_id(), crm.core_now(), kind, crm._actor(), detail);
END
$$;
COMMENT ON FUNCTION crm._sales_task_event(bigint, bigint, text, jsonb) IS 'appends to the life of a task';

CREATE FUNCTION crm._sales_task_put(customer_id bigint, task_key text, kind text, title text, body text, due_at timestamptz,
                                    store_id int DEFAULT NULL, staff_id int DEFAULT NULL, role name DEFAULT 'crm_clerk',
                                    escalate_at timestamptz DEFAULT NULL, escalate_to name DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    id bigint := crm._new_id();
BEGIN
    INSERT INTO crm.task (customer_id, task_id, task_key, kind, title, body, store_id, staff_id, role, due_at,
                          escalate_at, escalate_to, created_at)
    VALUES (_sales_task_put.customer_id, id, _sales_task_put.task_key, _sales_task_put.kind, _sales_task_put.title,
            coalesce(_sales_task_put.body, ''), _sales_task_put.store_id, _sales_task_put.staff_id, _sales_task_put.role,
            _sales_task_put.due_at, CASE WHEN _sales_task_put.escalate_to IS NOT NULL THEN _sales_task_put.escalate_at END,
            _sales_task_put.escalate_to, crm.core_now())
    ON CONFLICT (customer_id, task_key) DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM crm._sales_task_event(_sales_task_put.customer_id, id, 'created',
                                  jsonb_build_object('due_at', due_at, 'role', role));
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._sales_task_put(bigint, text, text, text, text, timestamptz, int, int, name, timestamptz, name) IS
    'makes a task about a person, once for a key; kind follow_up, flow, stall, hand, mention, ticket or deal; store '
    'null: headquarters; staff null: whoever of the role takes it; past escalate_at an open one is shown to '
    'escalate_to as well; returns task_id, null when the key had one';

CREATE FUNCTION crm._sales_day(day date, field text) RETURNS date
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF day NOT BETWEEN '2000-01-01' AND '2100-01-01' THEN
        RAISE EXCEPTION 'no task is due on such a day'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = 'Give a day as 2026-03-31.';
    END IF;
    RETURN day;
END
$$;
COMMENT ON FUNCTION crm._sales_day(date, text) IS
    'a day as it was given; 22023 naming the field for one before 2000 or after 2100, infinite ones too';

CREATE FUNCTION crm._sales_zone(store_id int) RETURNS text
    LANGUAGE sql STABLE AS
$$ SELECT coalesce((SELECT s.time_zone FROM crm.store s WHERE s.store_id = _sales_zone.store_id), crm._setting('core.time_zone') #>> '{}') $$;
COMMENT ON FUNCTION crm._sales_zone(int) IS 'the time zone of a store, the chain''s without one';

CREATE FUNCTION crm._sales_day_to_come(day date, store_id int, field text) RETURNS date
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF crm._sales_day(day, field) < crm._local_day(crm.core_now(), crm._sales_zone(store_id)) THEN
        RAISE EXCEPTION 'the day is over'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = field, HINT = 'Give today or a day to come.';
    END IF;
    RETURN day;
END
$$;
COMMENT ON FUNCTION crm._sales_day_to_come(date, int, text) IS
    'a day as it was given; 22023 naming the field for one that is over in the store''s zone, and as '
    'crm._sales_day()';

CREATE FUNCTION crm._sales_due(on_day date, store_id int) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (on_day + (crm._setting('sales.follow_up_at') #>> '{}')::time) AT TIME ZONE crm._sales_zone(store_id);
END
$$;
COMMENT ON FUNCTION crm._sales_due(date, int) IS 'the moment at which a follow-up of a day is due, in the store''s zone';

-- A note reports what was open, and may name the next day.  Its follow-up stands with who wrote it.
CREATE FUNCTION crm._sales_on_facts(customer_ids bigint[], kind text, is_history boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    note record;
    late interval;
BEGIN
    IF kind <> 'interaction' OR is_history THEN
        RETURN;
    END IF;
    late := (crm._setting('sales.follow_up_hours') #>> '{}')::int * interval '1 hour';
    FOR note IN
        SELECT m.customer_id, i.interaction_id, i.store_id, i.staff_id, i.occurred_at, i.next_on, i.channel, left(i.body, 2000) AS body
        FROM crm.membership m JOIN crm.interaction i ON i.source_record_id = m.source_record_id
        WHERE m.customer_id = ANY (customer_ids) AND m.valid_to >= 'infinity' AND i.is_current AND NOT i.is_history
          AND i.received_at >= crm.core_now() - interval '1 day'
        ORDER BY m.customer_id, i.occurred_at, i.interaction_id
    LOOP
        PERFORM crm._sales_reported(note.customer_id, note.interaction_id, note.occurred_at);
        PERFORM crm._sales_overlap_noted(note.customer_id, note.staff_id, note.store_id, note.occurred_at);
        PERFORM crm._sales_deals_touched(note.customer_id, least(note.occurred_at, crm.core_now()));
        -- a merge since then gave the person another id: the task stands under the old one
        IF note.next_on IS NOT NULL AND NOT EXISTS (
            SELECT FROM crm.task t
            WHERE t.customer_id = ANY (crm._identity_cluster(note.customer_id)) AND t.task_key = 'note:' || note.interaction_id) THEN
            PERFORM crm._sales_task_put(note.customer_id, 'note:' || note.interaction_id, 'follow_up', '跟进', coalesce(note.body, ''),
                crm._sales_due(note.next_on, note.store_id), note.store_id, note.staff_id, 'crm_clerk',
                crm._sales_due(note.next_on, note.store_id) + late, 'crm_store_manager');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._sales_on_facts(bigint[], text, boolean) IS
    'a note closes the follow-ups of the person that were due by its day, and makes the next one when it names a '
    'day; of another store''s note of these days managers are told; in the commit of the note';

CREATE FUNCTION crm._sales_reported(person bigint, interaction_id bigint, occurred_at timestamptz) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    done record;
BEGIN
    FOR done IN
        UPDATE crm.task t SET state = 'done', outcome = 'reported', closed_at = crm.core_now(), escalate_at = NULL
        WHERE t.customer_id = ANY (crm._identity_cluster(person)) AND t.state = 'open' AND t.kind = 'follow_up'
          AND t.task_key <> 'note:' || _sales_reported.interaction_id
          AND t.created_at <= _sales_reported.occurred_at
          AND t.due_at < date_trunc('day', _sales_reported.occurred_at, crm._setting('core.time_zone') #>> '{}') + interval '1 day'
        RETURNING t.customer_id, t.task_id
    LOOP
        PERFORM crm._sales_task_event(done.customer_id, done.task_id, 'done', jsonb_build_object('interaction_id', interaction_id));
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._sales_reported(bigint, bigint, timestamptz) IS
    'closes a person''s open follow-ups that were due by the day of a note made after them';

-- Who may see a task: the one it is given to, everyone of its store who works with customers, headquarters. Roles
-- that see every store (steward, marketer, analyst) read no task by that: titles are free text.
CREATE FUNCTION crm._sales_sees(staff_id int, store_id int) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN coalesce(crm._actor_role() = 'crm_headquarters' OR staff_id = crm._actor_staff()
                    OR (crm._actor_role() = ANY (crm._access_scoped_roles()) AND store_id = ANY (crm.access_store_ids())), false);
END
$$;
COMMENT ON FUNCTION crm._sales_sees(int, int) IS 'whether a task stands in a list of the actor, and so may be read';

CREATE FUNCTION crm._sales_task(task_id bigint, customer_id bigint) RETURNS record
    LANGUAGE plpgsql AS
$$
DECLARE
    t record;
BEGIN
    SELECT k.* INTO t FROM crm.task k
    WHERE k.customer_id = ANY (crm._identity_cluster(_sales_task.customer_id)) AND k.task_id = _sales_task.task_id FOR UPDATE;
    IF t.task_id IS NULL OR NOT crm._sales_sees(t.staff_id, t.store_id) THEN
        RAISE EXCEPTION 'there is no such task in your lists'
            USING ERRCODE = 'no_data_found', COLUMN = 'task_id', HINT = 'Take the task from the list of your store.';
    END IF;
    RETURN t;
END
$$;
COMMENT ON FUNCTION crm._sales_task(bigint, bigint) IS
    'the task as a row of crm.task, locked, when the actor may see it; P0002 otherwise';

CREATE FUNCTION crm._sales_staff(code text) RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    id int;
BEGIN
    IF code IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT s.staff_id INTO id FROM crm.staff s WHERE s.code = _sales_staff.code AND s.left_at IS NULL;
    IF id IS NULL THEN
        RAISE EXCEPTION 'there is no staff member "%"', code
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'staff', HINT = 'Give the code of somebody who has not left.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._sales_staff(text) IS
    'id of a staff code; null for null; 22023 for an unknown one and for who has left';

-- What deals and tickets ask, too.
CREATE FUNCTION crm._sales_store(store text, person bigint) RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    mine int[] := crm.access_store_ids();
    id int;
BEGIN
    IF store IS NULL THEN
        RETURN CASE WHEN cardinality(mine) = 1 THEN mine[1] ELSE (SELECT c.home_store_id FROM crm.customer c WHERE c.customer_id = person) END;
    END IF;
    SELECT s.store_id INTO id FROM crm.store s WHERE s.code = store AND (s.store_id = ANY (mine) OR crm._actor_role() = 'crm_headquarters');
    IF id IS NULL THEN
        RAISE EXCEPTION 'there is no store "%" in your scope', left(store, 100)
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'store', HINT = 'Give the code of one of your stores.';
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._sales_store(text, bigint) IS
    'the store of a new deal or ticket: the one named, which the caller works for (22023 otherwise), else the '
    'caller''s only one, else the person''s own';

CREATE FUNCTION crm._sales_span(since date, until date) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF (since BETWEEN '2000-01-01' AND until AND until <= '2100-01-01' AND until - since <= 3660) IS NOT TRUE THEN
        RAISE EXCEPTION 'this is no span of days'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'since', HINT = 'Give since and until as 2026-03-31, at most ten years apart.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._sales_span(date, date) IS
    '22023 for days that are no span, before 2000, after 2100 or more than ten years apart';

CREATE FUNCTION crm._sales_is_whole(value jsonb, most int) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN jsonb_typeof(value) = 'number' THEN value::numeric BETWEEN 1 AND most
    AND value::numeric = trunc(value::numeric) ELSE false END $$;
COMMENT ON FUNCTION crm._sales_is_whole(jsonb, int) IS 'whether a member is a whole number from 1 to the most';

CREATE FUNCTION crm.sales_task_create(customer_id bigint, title text, due_on date, body text DEFAULT NULL, staff text DEFAULT NULL,
                                      idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'sales_task_create', convert_to(
        jsonb_build_array(customer_id, title, due_on, body, staff)::text, 'UTF8'));
    person bigint := crm._identity_not_erased(customer_id);
    store int := (SELECT c.home_store_id FROM crm.customer c WHERE c.customer_id = person);
    given int := coalesce(crm._sales_staff(staff), crm._actor_staff());
    due timestamptz;
    id bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF coalesce(btrim(title), '') = '' OR length(title) > 200 THEN
        RAISE EXCEPTION 'a task needs a title of 1 to 200 characters'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'title', HINT = 'Say in a few words what is to be done.';
    ELSIF due_on IS NULL THEN
        RAISE EXCEPTION 'a task needs the day it is due'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'due_on', HINT = 'Give a day as 2026-03-31.';
    END IF;
    due := crm._sales_due(crm._sales_day(due_on, 'due_on'), store);
    id := crm._sales_task_put(person, 'hand:' || crm._new_id(), 'hand', btrim(title), left(body, 2000), due, store, given, 'crm_clerk',
        due + (crm._setting('sales.follow_up_hours') #>> '{}')::int * interval '1 hour', 'crm_store_manager');
    answer := jsonb_build_object('task_id', id, 'customer_id', person, 'due_at', due);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.sales_task_create(bigint, text, date, text, text, text) IS
    'gives somebody (staff code; null: the caller) a task about a person, due on a local day at the hour of '
    'sales.follow_up_at; P0002 for a person out of scope, RM301 for an erased one, 22023 names the field';
GRANT EXECUTE ON FUNCTION crm.sales_task_create(bigint, text, date, text, text, text)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.sales_tasks(list text DEFAULT 'mine', until date DEFAULT NULL, after jsonb DEFAULT NULL, max_rows int DEFAULT 100)
    RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    stores int[] := crm.access_store_ids();
    me int := crm._actor_staff();
    is_wide boolean := crm._actor_role() = 'crm_headquarters';
    before timestamptz := coalesce((crm._sales_day(until,
                    'until') + 1)::timestamp AT TIME ZONE (crm._setting('core.time_zone') #>> '{}'), 'infinity');
BEGIN
    PERFORM crm._require_members(after, '{"due_at": "moment", "task_id": "id"}', 'after');
    IF list IS NULL OR list NOT IN ('mine', 'store', 'escalated') THEN
        RAISE EXCEPTION 'there is no list "%"', list
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'list', HINT = 'Give mine, store or escalated.';
    END IF;
    RETURN QUERY
    SELECT jsonb_build_object('task_id', t.task_id, 'customer_id', c.customer_id, 'name', c.name_masked, 'kind', t.kind,
        'title', t.title, 'body', t.body, 'due_at', t.due_at, 'is_overdue', t.due_at < crm.core_now(),
        'staff', s.code, 'staff_name', s.name, 'store', st.code, 'role', t.role,
        'is_escalated', t.escalate_to = t.role, 'ticket_id', CASE WHEN t.kind = 'ticket' THEN split_part(t.task_key, ':', 2)::bigint END,
        'deal_id', CASE WHEN t.task_key ~ '^deal:[0-9]' THEN split_part(t.task_key, ':', 2)::bigint END,
            'cursor', jsonb_build_object('due_at', t.due_at, 'task_id', t.task_id))
    FROM crm.task t
    JOIN crm.customer c ON c.customer_id = crm._identity_current(t.customer_id)
    LEFT JOIN crm.staff s ON s.staff_id = t.staff_id
    LEFT JOIN crm.store st ON st.store_id = t.store_id
    WHERE t.state = 'open' AND t.due_at < before AND (list = 'mine' OR t.kind <> 'mention')
      AND CASE list WHEN 'mine' THEN t.staff_id = me
                    WHEN 'escalated' THEN t.role <> 'crm_clerk' AND (is_wide OR t.store_id = ANY (stores))
                    ELSE is_wide OR t.store_id = ANY (stores) END
      AND (after IS NULL OR (t.due_at, t.task_id) > ((after ->> 'due_at')::timestamptz, (after ->> 'task_id')::bigint))
    ORDER BY t.due_at, t.task_id
    LIMIT least(greatest(coalesce(max_rows, 100), 1), 500);
END
$$;
COMMENT ON FUNCTION crm.sales_tasks(text, date, jsonb, int) IS
    'open tasks, the most overdue first: list mine (given to the caller), store (of the caller''s stores) or '
    'escalated; notes that name the caller are in mine alone; until a local day of the chain; after: the cursor of '
    'the last row of the page before; names masked; 22023 for an unknown list or day';
GRANT EXECUTE ON FUNCTION crm.sales_tasks(text, date, jsonb, int)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm._sales_task_close(customer_id bigint, task_id bigint, ended text, outcome text) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
BEGIN
    UPDATE crm.task k SET state = ended, outcome = _sales_task_close.outcome, closed_at = crm.core_now(), escalate_at = NULL
    WHERE k.customer_id = _sales_task_close.customer_id AND k.task_id = _sales_task_close.task_id AND k.state = 'open';
    IF FOUND THEN
        PERFORM crm._sales_task_event(customer_id, task_id, ended, jsonb_build_object('outcome', outcome));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._sales_task_close(bigint, bigint, text, text) IS
    'closes an open task as done or cancelled with what came of it; one that is closed stays as it is';

CREATE FUNCTION crm.sales_task_finish(customer_id bigint, task_id bigint, outcome text, is_cancelled boolean DEFAULT false) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    t record := crm._sales_task(task_id, customer_id);
    ended text := CASE WHEN is_cancelled THEN 'cancelled' ELSE 'done' END;
BEGIN
    IF t.kind = 'ticket' AND t.state = 'open' THEN
        RAISE EXCEPTION 'this task is a ticket' USING ERRCODE = 'RM873', COLUMN = 'task_id', HINT = 'Settle the ticket; its task ends with it.';
    ELSIF t.state = 'open' THEN
        PERFORM crm._sales_task_close(t.customer_id, t.task_id, ended, left(outcome, 200));
    ELSIF t.state <> ended THEN
        RAISE EXCEPTION 'the task is %', t.state USING ERRCODE = 'RM871', COLUMN = 'task_id', HINT = 'Make a new task when there is more to do.';
    END IF;
    RETURN jsonb_build_object('task_id', t.task_id, 'state', ended);
END
$$;
COMMENT ON FUNCTION crm.sales_task_finish(bigint, bigint, text, boolean) IS
    'closes a task as done or cancelled, with what came of it; repeating changes nothing; RM871 when it ended the '
    'other way, RM873 for the task of a ticket, P0002 when it is not in a list of the caller';
GRANT EXECUTE ON FUNCTION crm.sales_task_finish(bigint, bigint, text, boolean)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.sales_task_reopen(customer_id bigint, task_id bigint) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    t record := crm._sales_task(task_id, customer_id);
    ended record;
BEGIN
    IF t.state <> 'open' THEN
        SELECT e.actor, e.at INTO ended FROM crm.task_event e
        WHERE e.customer_id = t.customer_id AND e.task_id = t.task_id AND e.kind IN ('done', 'cancelled') ORDER BY e.task_event_id DESC LIMIT 1;
        IF ended.actor IS DISTINCT FROM crm._actor() OR ended.at <= crm.core_now() - interval '1 hour'
            OR t.outcome = 'reported' OR t.kind = 'ticket' THEN
            RAISE EXCEPTION 'the task is %', t.state USING ERRCODE = 'RM871', COLUMN = 'task_id', HINT = 'Make a new task when there is more to do.';
        END IF;
        UPDATE crm.task k SET state = 'open', outcome = NULL, closed_at = NULL WHERE k.customer_id = t.customer_id AND k.task_id = t.task_id;
        PERFORM crm._sales_task_event(t.customer_id, t.task_id, 'reopened', jsonb_build_object('outcome', t.outcome));
    END IF;
    RETURN jsonb_build_object('task_id', t.task_id, 'state', 'open');
END
$$;
COMMENT ON FUNCTION crm.sales_task_reopen(bigint, bigint) IS
    'takes back what the caller closed by mistake within the last hour; it escalates no more; repeating changes '
    'nothing; RM871 for what others, time, a note or a ticket closed, P0002 when it is not in a list of the caller';
GRANT EXECUTE ON FUNCTION crm.sales_task_reopen(bigint, bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.sales_task_change(customer_id bigint, task_id bigint, staff text DEFAULT NULL, due_on date DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    t record := crm._sales_task(task_id, customer_id);
    given int := coalesce(crm._sales_staff(staff), t.staff_id);
    due timestamptz := coalesce(crm._sales_due(crm._sales_day(due_on, 'due_on'), t.store_id), t.due_at);
BEGIN
    IF t.state <> 'open' THEN
        RAISE EXCEPTION 'the task is %', t.state USING ERRCODE = 'RM871', COLUMN = 'task_id', HINT = 'Make a new task when there is more to do.';
    END IF;
    UPDATE crm.task k SET staff_id = given, due_at = due, escalate_at = k.escalate_at + (due - k.due_at)
    WHERE k.customer_id = t.customer_id AND k.task_id = t.task_id;
    IF given IS DISTINCT FROM t.staff_id THEN
        PERFORM crm._sales_task_event(t.customer_id, t.task_id, 'reassigned', jsonb_build_object('staff', staff));
    END IF;
    IF due <> t.due_at THEN
        PERFORM crm._sales_task_event(t.customer_id, t.task_id, 'postponed', jsonb_build_object('due_at', due));
    END IF;
    RETURN jsonb_build_object('task_id', t.task_id, 'due_at', due, 'staff', (SELECT s.code FROM crm.staff s WHERE s.staff_id = given));
END
$$;
COMMENT ON FUNCTION crm.sales_task_change(bigint, bigint, text, date) IS
    'gives an open task to somebody else, or moves its day (escalation moves along); nulls leave as it is; RM871 '
    'when it is closed, P0002 when it is not in a list of the caller, 22023 for an unknown staff code or a day that '
    'is none';
GRANT EXECUTE ON FUNCTION crm.sales_task_change(bigint, bigint, text, date)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.sales_reassign(from_staff text, to_staff text, reason text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    leaver int := (SELECT s.staff_id FROM crm.staff s WHERE s.code = from_staff);
    heir int := crm._sales_staff(to_staff);
    is_wide boolean := crm._actor_role() = 'crm_headquarters';
    moved record;
    done bigint := 0;
    persons bigint;
BEGIN
    IF leaver IS NULL OR heir IS NULL OR leaver = heir THEN
        RAISE EXCEPTION 'work moves from one staff member to another'
            USING ERRCODE = 'invalid_parameter_value', COLUMN = CASE WHEN leaver IS NULL THEN 'from_staff' ELSE 'to_staff' END,
            HINT = 'Give two different staff codes.';
    END IF;
    PERFORM crm._access_check_reason(reason);
    FOR moved IN
        UPDATE crm.task t SET staff_id = heir
        WHERE t.staff_id = leaver AND t.state = 'open' AND (is_wide OR t.store_id = ANY (crm.access_store_ids()))
          AND (t.store_id IS NULL OR crm._sales_reaches(heir, ARRAY[t.store_id]))      -- a task that its heir does not see would be nobody's
        RETURNING t.customer_id, t.task_id
    LOOP
        PERFORM crm._sales_task_event(moved.customer_id, moved.task_id, 'reassigned', jsonb_build_object('staff', to_staff, 'reason', reason));
        done := done + 1;
    END LOOP;
    persons := crm._sales_hand_over(leaver, heir, reason);
    PERFORM crm._audit('reassign', 'staff', leaver, 'tasks', NULL, to_staff, reason);
    PERFORM crm._audit('reassign', 'staff', leaver, 'customers', NULL, format('%s: %s', to_staff, persons), reason);
    RETURN jsonb_build_object('tasks', done, 'customers', persons);
END
$$;
COMMENT ON FUNCTION crm.sales_reassign(text, text, text) IS
    'gives all open tasks and all persons of one staff member in the caller''s stores to another (who leaves, who '
    'is ill), audited; persons and tasks that the other does not see stay; answers how many tasks and customers; '
    '22023 names the wrong code';
GRANT EXECUTE ON FUNCTION crm.sales_reassign(text, text, text) TO crm_store_manager, crm_manager, crm_headquarters;

CREATE FUNCTION crm.sales_staff() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    is_wide boolean := crm._actor_role() = 'crm_headquarters';
    mine int[] := crm.access_store_ids();
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('staff', f.code, 'name', f.name, 'role', replace(f.role::text, 'crm_', ''), 'has_left', f.left_at IS NOT NULL,
               'stores', (SELECT string_agg(t.name, '、' ORDER BY t.code) FROM crm.store t WHERE t.store_id = ANY (w.stores)),
               'open_tasks', o.tasks, 'customers', o.customers, 'overdue', o.overdue, 'owned', p.owned)
    FROM crm.staff f
    CROSS JOIN LATERAL (SELECT array_agg(s.ref_id) AS stores FROM crm.staff_scope s WHERE s.staff_id = f.staff_id AND s.kind = 'store') w
    CROSS JOIN LATERAL (SELECT count(*) AS tasks, count(DISTINCT t.customer_id) AS customers,
                        count(*) FILTER (WHERE t.due_at < crm.core_now()) AS overdue
                        FROM crm.task t WHERE t.staff_id = f.staff_id AND t.state = 'open' AND (is_wide OR t.store_id = ANY (mine))) o
    CROSS JOIN LATERAL (SELECT count(DISTINCT c.customer_id) AS owned FROM crm.person_owner k
                        JOIN crm.customer was ON was.customer_id = k.customer_id
                            JOIN crm.customer c ON c.customer_id = coalesce(was.merged_into, was.customer_id)
                        WHERE k.staff_id = f.staff_id AND k.until IS NULL AND (is_wide OR c.scope_store_ids && mine)) p
    WHERE f.role IN ('crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service') AND (is_wide OR w.stores && mine OR o.tasks > 0 OR p.owned > 0)
      AND (f.left_at IS NULL OR o.tasks > 0 OR p.owned > 0)
    ORDER BY f.left_at IS NULL, f.code LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm.sales_staff() IS
    'who works in the caller''s stores, and who left with work open or persons to look after: role, stores, open '
    'tasks, the customers they are about, how many are overdue, how many persons they own';
GRANT EXECUTE ON FUNCTION crm.sales_staff() TO crm_store_manager, crm_manager, crm_headquarters;

CREATE FUNCTION crm._sales_escalate() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    late record;
    done int := 0;
BEGIN
    FOR late IN
        UPDATE crm.task t SET role = t.escalate_to, escalate_at = NULL
        WHERE (t.customer_id, t.task_id) IN (
            SELECT e.customer_id, e.task_id FROM crm.task e
            WHERE e.state = 'open' AND e.escalate_at <= crm.core_now() ORDER BY e.escalate_at LIMIT 500 FOR UPDATE SKIP LOCKED)
        RETURNING t.customer_id, t.task_id, t.role
    LOOP
        PERFORM crm._sales_task_event(late.customer_id, late.task_id, 'escalated', jsonb_build_object('role', late.role));
        done := done + 1;
    END LOOP;
    RETURN CASE WHEN done = 500 THEN 1 ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._sales_escalate() IS
    'job: shows up to 500 overdue tasks to the next role, once each; 1 when there may be more';

CREATE FUNCTION crm._sales_on_erase(customer_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.task t SET title = '-', body = '', outcome = NULL,
           state = CASE WHEN t.state = 'open' THEN 'cancelled' ELSE t.state END, closed_at = coalesce(t.closed_at, crm.core_now()), escalate_at = NULL
    WHERE t.customer_id = ANY (crm._identity_cluster(_sales_on_erase.customer_id));
    UPDATE crm.task_event e SET detail = '{}' WHERE e.customer_id = ANY (crm._identity_cluster(_sales_on_erase.customer_id));
    PERFORM crm._sales_deals_on_erase(crm._identity_cluster(_sales_on_erase.customer_id));
    UPDATE crm.person_owner o SET until = coalesce(o.until, crm.core_now()), reason = ''
        WHERE o.customer_id = ANY (crm._identity_cluster(_sales_on_erase.customer_id));
END
$$;
COMMENT ON FUNCTION crm._sales_on_erase(bigint) IS
    'blanks what was written in a person''s tasks, cancels the open ones and ends who looked after the person; that '
    'they existed stays';

CREATE FUNCTION crm._sales_on_export(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN jsonb_build_object('deals', crm._sales_deals_on_export(crm._identity_cluster(_sales_on_export.customer_id)), 'tasks', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('kind', t.kind, 'title', t.title, 'body', t.body, 'due_at', t.due_at, 'state', t.state,
                                                     'outcome', t.outcome, 'created_at', t.created_at) ORDER BY t.created_at, t.task_id), '[]')
        FROM crm.task t WHERE t.customer_id = ANY (crm._identity_cluster(_sales_on_export.customer_id))), 'owners', (
        SELECT coalesce(jsonb_agg(jsonb_build_object('staff', f.name, 'since', o.since, 'until', o.until, 'reason', o.reason) ORDER BY o.since), '[]')
        FROM crm.person_owner o JOIN crm.staff f ON f.staff_id = o.staff_id
            WHERE o.customer_id = ANY (crm._identity_cluster(_sales_on_export.customer_id))));
END
$$;
COMMENT ON FUNCTION crm._sales_on_export(bigint) IS
    'a person''s tasks and who looked after the person, for the export of one person';
