-- campaign_flow: what a marketer does with flows.

CREATE FUNCTION crm._campaign_flow(code text) RETURNS crm.flow_row
    LANGUAGE plpgsql AS
$$
DECLARE
    flow crm.flow_row;
BEGIN
    SELECT * INTO flow FROM crm.flow f WHERE f.code = _campaign_flow.code;
    IF flow.flow_id IS NULL THEN
        RAISE EXCEPTION 'there is no flow "%"', code USING ERRCODE = 'no_data_found', COLUMN = 'flow',
            HINT = 'crm.campaign_list() has those there are.';
    END IF;
    RETURN flow;
END
$$;
COMMENT ON FUNCTION crm._campaign_flow(text) IS 'a flow by its code; P0002';

CREATE FUNCTION crm._campaign_json(flow crm.flow_row) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN jsonb_build_object('flow', flow.code, 'name_zh', flow.name_zh, 'name_en', flow.name_en, 'trigger', flow.trigger, 'state', flow.state,
        'active_from', flow.active_from, 'epoch', flow.epoch, 'version', flow.version, 'spec', flow.spec,
        'backlog_waiting', (SELECT count(*) FROM crm.flow_backlog b WHERE b.flow_id = flow.flow_id AND b.epoch = flow.epoch AND b.entered_at IS NULL),
        'backlog_confirmed', (SELECT count(*) FROM crm.flow_backlog b WHERE b.flow_id = flow.flow_id
                AND b.epoch = flow.epoch AND b.entered_at IS NULL AND b.confirmed_at IS NOT NULL));
END
$$;
COMMENT ON FUNCTION crm._campaign_json(crm.flow_row) IS 'a flow as the API shows it';

CREATE FUNCTION crm.campaign_list() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT crm._campaign_json(ROW(f.flow_id, f.code, f.name_zh, f.name_en, f.trigger, f.state,
                f.active_from, f.epoch, f.version, f.spec, f.watermark)::crm.flow_row) FROM crm.flow f
        ORDER BY f.flow_id;
END
$$;
COMMENT ON FUNCTION crm.campaign_list() IS 'every flow with its state, values and backlog';
GRANT EXECUTE ON FUNCTION crm.campaign_list() TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._campaign_whole(value jsonb, least_value int, most_value int) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE WHEN jsonb_typeof(value) = 'number' AND value::text ~ '^[0-9]{1,9}$'
                THEN value::text::int BETWEEN least_value AND most_value ELSE false END
$$;
COMMENT ON FUNCTION crm._campaign_whole(jsonb, int, int) IS 'whether a value is a whole number in a range';

-- What is wrong with a flow's values, each fault with its field; the first is told.
CREATE FUNCTION crm._campaign_fault(flow crm.flow_row, OUT field text, OUT fault text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    spec jsonb := flow.spec;
    is_clock constant text := '^([01]\d|2[0-3]):[0-5]\d$';
    -- without channels a flow hands out coupons or makes tasks, and says nothing
    is_silent boolean := flow.trigger IN ('schedule', 'event', 'site') AND NOT spec ? 'channels';
BEGIN
    SELECT f.field, f.fault INTO field, fault
    FROM (VALUES
        (1, 'channels', is_silent OR coalesce(jsonb_typeof(spec -> 'channels') = 'array'
                AND spec -> 'channels' <> '[]', false), 'give a list with at least one channel'),
        (4, 'template', is_silent OR coalesce(jsonb_typeof(spec -> 'template') = 'string', false), 'name a template'),
        (7, 'holdout_percent', CASE WHEN jsonb_typeof(spec -> 'holdout_percent') = 'number'
            THEN (spec -> 'holdout_percent')::numeric BETWEEN 0 AND 99 ELSE false END, 'give 0 to 99'),
        (8, 'offer_days', coalesce(crm._campaign_whole(spec -> 'offer_days', 0, 366), false), 'give whole days, 0 to 366'),
        (9, 'cap_days', coalesce(crm._campaign_whole(spec -> 'cap_days', 1, 30), false), 'give whole days, 1 to 30'),
        (10, 'cap_messages', coalesce(crm._campaign_whole(spec -> 'cap_messages', 1, 99), false), 'give a whole number, 1 to 99'),
        (11, 'quiet', NOT spec ? 'quiet' OR coalesce(spec #>> '{quiet,from}' ~ is_clock
                AND spec #>> '{quiet,to}' ~ is_clock, false), 'give {"from": "HH:MM", "to": "HH:MM"}'),
        (12, 'exclude_tiers', coalesce(jsonb_typeof(spec -> 'exclude_tiers') = 'array', true), 'give a list of tiers'),
        (13, 'goal', coalesce(spec ->> 'goal' = 'order'
                OR (flow.trigger IN ('schedule', 'event', 'site') AND jsonb_typeof(spec -> 'goal') = 'object'), true),
            'the goal there is, is "order"'),
        (14, 'days', flow.trigger <> 'silence' OR coalesce(crm._campaign_whole(spec -> 'days', 1, 999), false), 'give whole days, 1 to 999'),
        (15, 'backlog_per_day', flow.trigger <> 'silence'
            OR coalesce(crm._campaign_whole(spec -> 'backlog_per_day', 0, 1000000), false),
            'give a whole number, 0 to 1000000'),
        (16, 'at', flow.trigger <> 'birthday' OR coalesce(spec ->> 'at' ~ is_clock, false), 'give HH:MM')) f (n, field, is_good, fault)
    WHERE NOT f.is_good ORDER BY f.n LIMIT 1;
    IF field IS NOT NULL THEN
        RETURN;
    END IF;
    -- the parts have their types: what they name can be looked for
    SELECT f.field, f.fault INTO field, fault
    FROM (SELECT 1, 'channels', format('there is no channel "%s"', c) FROM jsonb_array_elements_text(spec -> 'channels') c
          WHERE NOT EXISTS (SELECT FROM crm.channel ch WHERE ch.channel = c)
          UNION ALL
          SELECT 2, 'coupon_type', format('there is no coupon type "%s"', spec ->> 'coupon_type')
          WHERE spec ->> 'coupon_type' IS NOT NULL AND NOT EXISTS (SELECT FROM crm.coupon_type t WHERE t.coupon_type = spec ->> 'coupon_type')
          UNION ALL
          SELECT 3, 'template', format('it has no text for channel "%s"', c) FROM jsonb_array_elements_text(spec -> 'channels') c
          WHERE NOT EXISTS (SELECT FROM crm.template t WHERE t.template = spec ->> 'template' AND t.channel = c)
          UNION ALL
          SELECT 4, 'template', format('nothing fills in {{%s}}', array_to_string(crm._outbox_unknown_variables(t.body), '}}, {{'))
          FROM crm.template t WHERE t.template = spec ->> 'template' AND crm._outbox_unknown_variables(t.body) <> '{}'
          UNION ALL
          SELECT 5, 'template', format('on channel "%s", %s: %s', t.channel, w.field, w.fault)
          FROM crm.template t, LATERAL crm._outbox_template_fault(t.channel, t.body, t.subject, t.html, t.vendor_template, t.vendor_params) w
          WHERE t.template = spec ->> 'template' AND spec -> 'channels' ? t.channel AND w.field IS NOT NULL) f (n, field, fault)
    ORDER BY f.n, f.fault LIMIT 1;
END
$$;
COMMENT ON FUNCTION crm._campaign_fault(crm.flow_row) IS
    'the first value of a flow that keeps it from running, and what would be right; nulls: none';

-- What is wrong with the trigger and the steps of a flow that has a schedule or enters by facts.
CREATE FUNCTION crm._campaign_trigger_fault(flow crm.flow_row, OUT field text, OUT fault text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    spec jsonb := flow.spec;
    is_schedule boolean := flow.trigger = 'schedule';
    is_flag constant text[] := '{true,false}';
BEGIN
    SELECT f.field, f.fault INTO field, fault
    FROM (VALUES
        (1, 'schedule', NOT is_schedule OR coalesce(jsonb_typeof(spec -> 'schedule') = 'string', false), 'give a cron expression'),
        (2, 'zone', NOT spec ? 'zone' OR EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = spec ->> 'zone'),
            'name a time zone, as Asia/Shanghai'),
        (3, 'calendar', NOT spec ? 'calendar' OR EXISTS (SELECT FROM crm.calendar_day d
                WHERE d.calendar = spec ->> 'calendar'), 'name a calendar that has days'),
        (4, 'days_before', NOT spec ? 'days_before' OR crm._campaign_whole(spec -> 'days_before', 0, 366), 'give whole days, 0 to 366'),
        (5, 'key', NOT is_schedule OR spec ? 'ago'
            OR coalesce(spec ->> 'key' IN ('once', 'year', 'quarter', 'month', 'half_month', 'day', 'tier'), false),
            'give once, year, quarter, month, half_month, day or tier, or ago'),
        (6, 'ago', NOT spec ? 'ago' OR crm._campaign_whole(spec -> 'ago', 0, 3660), 'give whole days, 0 to 3660'),
        (7, 'catch_up', coalesce(spec ->> 'catch_up' IN ('newest', 'each'), true), 'give newest or each'),
        (8, 'late_hours', NOT spec ? 'late_hours' OR crm._campaign_whole(spec -> 'late_hours', 1, 8784), 'give whole hours, 1 to 8784'),
        (9, 'reentry_days', NOT spec ? 'reentry_days' OR crm._campaign_whole(spec -> 'reentry_days', 0, 3660), 'give whole days, 0 to 3660'),
        (10, 'event', (is_schedule AND NOT spec ? 'event') OR coalesce(spec #>> '{event,kind}' IN ('order', 'interaction')
            OR (spec #>> '{event,kind}' = 'event' AND jsonb_typeof(spec #> '{event,types}') = 'array'), false),
            'give {"kind": "event", "types": [...]}, or the kind order or interaction'),
        (11, 'shadow', NOT spec ? 'shadow' OR spec ->> 'shadow' = ANY (is_flag), 'give true or false'),
        (12, 'priority', NOT spec ? 'priority' OR crm._campaign_whole(spec -> 'priority', 0, 1000), 'give a whole number, 0 to 1000'),
        (13, 'steps', NOT spec ? 'steps' OR coalesce(jsonb_typeof(spec -> 'steps') = 'array' AND jsonb_array_length(spec -> 'steps') BETWEEN 1 AND 20
            AND NOT EXISTS (SELECT FROM jsonb_array_elements(CASE jsonb_typeof(spec -> 'steps') WHEN 'array' THEN spec -> 'steps' ELSE '[]' END) t
                            WHERE jsonb_typeof(t) <> 'object' OR (t ? 'after_hours' AND NOT crm._campaign_whole(t -> 'after_hours', 0, 87840))
                               OR (t ? 'after_days' AND NOT crm._campaign_whole(t -> 'after_days', 0, 3660))
                               OR (t ? 'at' AND t ->> 'at' !~ '^([01]\d|2[0-3]):[0-5]\d$')), false),
            'give a list of {"after_hours"} or {"after_days", "at"}, 1 to 20')) f (n, field, is_good, fault)
    WHERE NOT f.is_good ORDER BY f.n LIMIT 1;
END
$$;
COMMENT ON FUNCTION crm._campaign_trigger_fault(crm.flow_row) IS
    'the first fault of a schedule, an entry by facts, or steps; nulls: none';

CREATE FUNCTION crm._campaign_require_trigger(flow crm.flow_row) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wrong record;
    step crm.flow_row := flow;
    rule text;
BEGIN
    SELECT * INTO wrong FROM crm._campaign_trigger_fault(flow);
    FOR n IN 1 .. greatest(jsonb_array_length(CASE WHEN wrong.field IS NULL THEN coalesce(flow.spec -> 'steps', '[]') ELSE '[]' END), 1) LOOP
        EXIT WHEN wrong.field IS NOT NULL;
        step.spec := crm._campaign_step_spec(flow.spec, n, crm.core_now());
        SELECT * INTO wrong FROM crm._campaign_fault(step);
        FOREACH rule IN ARRAY '{who,except,superseded_by,only,goal}'::text[] LOOP
            IF jsonb_typeof(step.spec -> rule) = 'object' THEN
                PERFORM crm._rule_check(step.spec -> rule);
            ELSIF step.spec ? rule AND NOT (rule = 'goal') THEN
                RAISE EXCEPTION 'flow "%" cannot run: %: it is no rule', flow.code, rule USING ERRCODE = 'RM801',
                    COLUMN = rule, HINT = 'See crm.rule_schema().';
            END IF;
        END LOOP;
    END LOOP;
    IF wrong.field IS NOT NULL THEN
        RAISE EXCEPTION 'flow "%" cannot run: %: %', flow.code, wrong.field, wrong.fault
            USING ERRCODE = 'RM801', COLUMN = wrong.field, HINT = 'Edit it with crm.campaign_edit(), or its text in crm.template.';
    END IF;
    PERFORM crm._rule_check(flow.spec #> '{event,who}') WHERE flow.spec -> 'event' ? 'who';
    IF flow.trigger = 'schedule' AND crm.campaign_cron_next(flow.spec ->> 'schedule',
            coalesce(flow.spec ->> 'zone', 'UTC'), crm.core_now()) IS NULL THEN
        RAISE EXCEPTION 'flow "%" cannot run: its schedule never comes', flow.code USING ERRCODE = 'RM801',
            COLUMN = 'schedule', HINT = 'No year has such a day.';
    END IF;
EXCEPTION WHEN SQLSTATE 'RM803' THEN
    RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'RM803', COLUMN = 'schedule', HINT = '"0 10 * * 1-5" is 10:00 from Monday to Friday.';
END
$$;
COMMENT ON FUNCTION crm._campaign_require_trigger(crm.flow_row) IS
    'RM801 with the field, RM351 or RM803 unless a flow with a schedule or an entry by facts is complete in each of '
    'its steps';

CREATE FUNCTION crm._campaign_require_fit(flow crm.flow_row) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wrong record;
BEGIN
    IF flow.trigger IN ('schedule', 'event') THEN
        PERFORM crm._campaign_require_trigger(flow), crm._campaign_require_steps(flow);
        RETURN;
    END IF;
    SELECT * INTO wrong FROM crm._campaign_fault(flow);
    IF flow.trigger = 'site' AND wrong.field IS NULL THEN
        SELECT * INTO wrong FROM crm._campaign_site_fault(flow.spec);
    END IF;
    IF wrong.field IS NOT NULL THEN
        RAISE EXCEPTION 'flow "%" cannot run: %: %', flow.code, wrong.field, wrong.fault
            USING ERRCODE = 'RM801', COLUMN = wrong.field, HINT = 'Edit it with crm.campaign_edit(), or its text in crm.template.';
    END IF;
    PERFORM crm._campaign_require_steps(flow);
END
$$;
COMMENT ON FUNCTION crm._campaign_require_fit(crm.flow_row) IS
    'RM801 with the field and the remedy unless a flow''s values and texts are complete';

CREATE FUNCTION crm._campaign_write(flow crm.flow_row, action text) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.flow f SET state = flow.state, active_from = flow.active_from, version = flow.version, spec = flow.spec, watermark = flow.watermark
    WHERE f.flow_id = flow.flow_id;
    PERFORM crm._audit('flow ' || action, 'flow', flow.flow_id, NULL, NULL, flow.state || ' version ' || flow.version);
    PERFORM crm._worker_wake();
    RETURN crm._campaign_json(flow);
END
$$;
COMMENT ON FUNCTION crm._campaign_write(crm.flow_row, text) IS 'writes a flow''s state and says who did it';

CREATE FUNCTION crm._campaign_require_known(trigger text, changes jsonb) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    unknown text;
BEGIN
    SELECT k INTO unknown FROM jsonb_object_keys(changes) k
    WHERE k NOT IN ('channels', 'template', 'coupon_type', 'holdout_percent', 'offer_days', 'cap_days',
                    'cap_messages', 'quiet', 'days', 'at', 'backlog_per_day', 'exclude_tiers', 'goal', 'priority',
                    'variants', 'task', 'gifts', 'quota', 'cap_per', 'tag', 'best_hour', 'lunar', 'link', 'draw',
                        'notices', 'audience', 'give_tag', 'take_tag', 'enrol')
      AND NOT (trigger IN ('schedule', 'event')
          AND k IN ('schedule', 'zone', 'calendar', 'days_before', 'who', 'except', 'superseded_by', 'only', 'event',
          'key', 'ago', 'catch_up',
          'late_hours', 'reentry_days', 'steps', 'shadow'))
      AND NOT (trigger = 'site' AND k IN ('place', 'who', 'except', 'superseded_by', 'only', 'reentry_days', 'shadow')) LIMIT 1;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'flows have no value "%"', unknown USING ERRCODE = 'invalid_parameter_value',
            COLUMN = unknown, HINT = 'See the flow''s spec for those it has.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_require_known(text, jsonb) IS
    '22023 with the name of a value that flows of a trigger do not have';

CREATE FUNCTION crm._campaign_new_version(edited crm.flow_row, back_to int DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
BEGIN
    edited.version := edited.version + 1;
    PERFORM crm._campaign_keep_version(edited, back_to);
    RETURN crm._campaign_write(edited, 'edit');
END
$$;
COMMENT ON FUNCTION crm._campaign_new_version(crm.flow_row, int) IS
    'keeps an edited spec as the flow''s next version; the caller holds the flow''s row and knows that it fits';

-- Another schedule counts from now on: what its clock would have shown before is nobody's moment.
CREATE FUNCTION crm._campaign_reschedule(flow crm.flow_row) RETURNS timestamptz
    LANGUAGE plpgsql AS
$$
BEGIN
    IF flow.state = 'active' AND crm._campaign_has_moment(flow) THEN
        PERFORM crm._campaign_schedule(flow);
        SELECT f.watermark INTO flow.watermark FROM crm.flow f WHERE f.flow_id = flow.flow_id;
        IF crm._campaign_has_moment(flow) THEN
            RETURN flow.watermark;      -- values are still to be computed: what has come waits for them
        END IF;
    END IF;
    RETURN greatest(flow.watermark, crm.core_now());
END
$$;
COMMENT ON FUNCTION crm._campaign_reschedule(crm.flow_row) IS
    'from when on another schedule of a flow counts: now, after whom moments of the present one mean, that have '
    'come, was entered; the caller holds the flow''s row';

CREATE FUNCTION crm.campaign_edit(flow text, changes jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'campaign_edit', crm._sha256(convert_to(jsonb_build_array(flow, changes)::text, 'UTF8')));
    edited crm.flow_row;
    moved_to timestamptz;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    edited := crm._campaign_flow(flow);
    PERFORM FROM crm.flow f WHERE f.flow_id = edited.flow_id FOR UPDATE;
    edited := crm._campaign_flow(flow);
    IF jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'changes are no JSON object' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'changes', HINT = 'Send {"field": value}.';
    END IF;
    PERFORM crm._campaign_require_known(edited.trigger, changes);
    IF edited.trigger = 'schedule' AND changes ?| '{schedule,zone,calendar,days_before}' THEN
        moved_to := crm._campaign_reschedule(edited);
    END IF;
    edited.watermark := coalesce(moved_to, edited.watermark);
    edited.spec := jsonb_strip_nulls(edited.spec || changes);
    PERFORM crm._campaign_require_fit(edited);
    answer := crm._campaign_new_version(edited);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.campaign_edit(text, jsonb, text) IS
    'changes values of a flow, running or not (null removes one); a new version is kept; what has fired stays, '
    'another schedule counts from now on; 22023 unknown value, RM801 when it could not run so, P0002 unknown flow';
GRANT EXECUTE ON FUNCTION crm.campaign_edit(text, jsonb, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm._campaign_queued(flow int) RETURNS crm.queue_ref[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT ROW(q.customer_id, q.message_id, q.attempt)::crm.queue_ref
        FROM crm.outbox_queue q JOIN crm.outbox o ON o.customer_id = q.customer_id AND o.message_id = q.message_id
        WHERE o.flow_id = flow
           -- notices and entries of lists are about a person and no message of the flow to them: the occurrence knows
           -- whose they are
           OR o.flow_id IS NULL AND EXISTS (SELECT FROM crm.occurrence_act a WHERE a.customer_id = q.customer_id
                   AND a.message_id = q.message_id AND a.flow_id = flow));
END
$$;
COMMENT ON FUNCTION crm._campaign_queued(int) IS
    'all that a flow has in the queue: messages to persons, and what its occurrences tell staff and platforms';

CREATE FUNCTION crm.campaign_start(flow text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'campaign_start', crm._sha256(convert_to(flow, 'UTF8')));
    started crm.flow_row := crm._campaign_flow(flow);
    today date := crm._campaign_today();
    home_zone text := crm._setting('core.time_zone') #>> '{}';
    is_anew boolean;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM FROM crm.flow f WHERE f.flow_id = started.flow_id FOR UPDATE;
    started := crm._campaign_flow(flow);
    PERFORM crm._campaign_require_fit(started);
    IF started.spec ? 'channels' AND NOT EXISTS (SELECT FROM crm.channel ch
            WHERE started.spec -> 'channels' ? ch.channel AND ch.endpoint IS NOT NULL) THEN
        RAISE EXCEPTION 'flow "%" cannot run: no endpoint carries any of its channels', flow
            USING ERRCODE = 'RM801', COLUMN = 'channels', HINT = 'An administrator runs crm.outbox_define_endpoint() and crm.outbox_set_channel().';
    END IF;
    -- after a pause it goes on where it was; after a stop it begins anew
    is_anew := started.state IN ('draft', 'stopped');
    IF started.state <> 'active' THEN
        started.state := 'active';
        started.active_from := CASE WHEN is_anew THEN crm.core_now() ELSE started.active_from END;
        started.watermark := CASE WHEN NOT is_anew THEN started.watermark
                                  WHEN started.trigger IN ('schedule', 'event') THEN crm.core_now()
                                  WHEN started.trigger = 'silence' THEN today::timestamp AT TIME ZONE home_zone - interval '1 second'
                                  ELSE (today - 1)::timestamp AT TIME ZONE 'UTC' END;
        PERFORM crm._outbox_unhold(crm._campaign_queued(started.flow_id));
        IF is_anew AND started.trigger = 'silence' THEN
            INSERT INTO crm.flow_backlog (customer_id, flow_id, epoch, occurrence_key, counted_at)
            SELECT v.customer_id, started.flow_id, started.epoch, crm._day_text(v.last_day), crm.core_now() FROM crm.customer_value v
            JOIN crm.customer c USING (customer_id) LEFT JOIN crm.store s ON s.store_id = c.home_store_id
            WHERE c.status = 'active'
              AND v.last_day < crm._local_day(crm.core_now(), coalesce(s.time_zone, home_zone)) - (started.spec ->> 'days')::int
              AND NOT EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = v.customer_id AND o.flow_id = started.flow_id
                              AND o.epoch = started.epoch AND o.occurrence_key = crm._day_text(v.last_day))
            ON CONFLICT DO NOTHING;
        END IF;
    END IF;
    answer := crm._campaign_write(started, 'start');
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.campaign_start(text, text) IS
    'starts a flow, or goes on after a pause where it was; facts before a start fire nothing; persons already '
    'silent for longer are counted into the backlog and wait for crm.campaign_confirm_backlog(); RM801 when it '
    'cannot run';
GRANT EXECUTE ON FUNCTION crm.campaign_start(text, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm._campaign_halt(flow text, state text, idempotency_key text) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'campaign_' || state, crm._sha256(convert_to(flow, 'UTF8')));
    halted crm.flow_row;
    waiting crm.queue_ref[];
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM FROM crm.flow f WHERE f.code = flow FOR UPDATE;
    halted := crm._campaign_flow(flow);
    IF halted.state = 'draft' OR (halted.state = 'stopped' AND state = 'paused') THEN
        RAISE EXCEPTION 'flow "%" is %', flow, halted.state USING ERRCODE = 'RM802', COLUMN = 'flow', HINT = 'Start it first.';
    END IF;
    halted.state := _campaign_halt.state;
    IF state = 'paused' THEN
        PERFORM crm._outbox_hold(crm._campaign_queued(halted.flow_id));
    ELSIF state = 'stopped' THEN
        waiting := crm._outbox_waiting(crm._campaign_queued(halted.flow_id));
        PERFORM crm._outbox_cancel(waiting, 'flow stopped');
        DELETE FROM crm.enrolment e WHERE e.flow_id = halted.flow_id;
        DELETE FROM crm.enrolment_set s WHERE s.flow_id = halted.flow_id;
    END IF;
    answer := crm._campaign_write(halted, state);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm._campaign_halt(text, text, text) IS
    'pauses or stops a flow; a pause holds what waits, a stop cancels it; RM802';

CREATE FUNCTION crm.campaign_pause(flow text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$ BEGIN RETURN crm._campaign_halt(flow, 'paused', idempotency_key); END $$;
COMMENT ON FUNCTION crm.campaign_pause(text, text) IS
    'holds a flow: nothing new fires and what is in the queue stays there; start goes on where it was; RM802 when '
    'it never started';
GRANT EXECUTE ON FUNCTION crm.campaign_pause(text, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm.campaign_stop(flow text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$ BEGIN RETURN crm._campaign_halt(flow, 'stopped', idempotency_key); END $$;
COMMENT ON FUNCTION crm.campaign_stop(text, text) IS
    'ends a flow and cancels what waits of it: messages, notices, entries of lists, persons on their way; RM802 '
    'when it never started';
GRANT EXECUTE ON FUNCTION crm.campaign_stop(text, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm.campaign_confirm_backlog(flow text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'campaign_confirm_backlog', crm._sha256(convert_to(flow, 'UTF8')));
    chosen crm.flow_row;
    confirmed bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM FROM crm.flow f WHERE f.code = flow FOR UPDATE;
    chosen := crm._campaign_flow(flow);
    UPDATE crm.flow_backlog b SET confirmed_at = crm.core_now()
    WHERE b.flow_id = chosen.flow_id AND b.epoch = chosen.epoch AND b.entered_at IS NULL AND b.confirmed_at IS NULL;
    GET DIAGNOSTICS confirmed = ROW_COUNT;
    PERFORM crm._audit('flow backlog', 'flow', chosen.flow_id, NULL, NULL, confirmed || ' persons confirmed');
    PERFORM crm._worker_wake();
    answer := crm._campaign_json(chosen) || jsonb_build_object('confirmed', confirmed);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.campaign_confirm_backlog(text, text) IS
    'lets those enter who were past the line at activation: so many a day as backlog_per_day says';
GRANT EXECUTE ON FUNCTION crm.campaign_confirm_backlog(text, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm._campaign_candidates(flow crm.flow_row, most int, silent bigint[]) RETURNS TABLE (customer_id bigint, occurrence_key text)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    today date := crm._campaign_today();
BEGIN
    RETURN QUERY
        SELECT s, crm._day_text(today - (flow.spec ->> 'days')::int) FROM unnest(silent) s
            JOIN crm.customer c ON c.customer_id = s WHERE c.status = 'active'
        UNION ALL
        SELECT b, extract(year FROM today)::text FROM unnest(CASE
                WHEN flow.trigger = 'birthday' THEN crm._campaign_born(flow, today) END) b
            JOIN crm.customer c ON c.customer_id = b
        WHERE c.status = 'active'
        UNION ALL
        SELECT c.customer_id, 'once' FROM crm.customer c
        WHERE flow.trigger = 'welcome' AND c.status = 'active' AND c.registered_on = today
        UNION ALL
        SELECT m.person, m.occurrence_key FROM crm._campaign_zones() z, crm._campaign_meant(flow, z, crm.core_now()) m
        WHERE flow.trigger = 'schedule' AND (NOT flow.spec ? 'zone' OR z = flow.spec ->> 'zone') AND m.occurrence_key IS NOT NULL
        UNION ALL
        SELECT p.id, 'next' FROM unnest(crm.bitmap_array(CASE
                    WHEN flow.trigger IN ('event', 'site') THEN crm._rule_set(coalesce(flow.spec -> 'who', '{}'),
                        crm.core_now()) END)) p (id)
        LIMIT most;
END
$$;
COMMENT ON FUNCTION crm._campaign_candidates(crm.flow_row, int, bigint[]) IS
    'those whom a flow would look at today; silent: those of a silence, of another flow nobody';

CREATE FUNCTION crm._campaign_cost(flow crm.flow_row, channels text[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    prices jsonb := crm._setting('campaign.message_cost');
    messages numeric := (SELECT coalesce(sum((prices ->> c)::numeric), 0) FROM unnest(channels) c);
    offer record;
BEGIN
    SELECT t.kind, t.value INTO offer FROM crm.coupon_type t WHERE t.coupon_type = flow.spec ->> 'coupon_type';
    RETURN jsonb_build_object('messages', (SELECT coalesce(jsonb_object_agg(m.channel, m.n), '{}')
        FROM (SELECT c AS channel, count(*) AS n FROM unnest(channels) c WHERE c IS NOT NULL GROUP BY 1) m),
        'message_cost', messages,
        'coupons', CASE WHEN offer.kind IS NOT NULL THEN coalesce(cardinality(channels), 0) ELSE 0 END,
        -- what a share of an order will be, nobody knows before the order
        'coupon_cost', CASE offer.kind WHEN 'amount' THEN coalesce(cardinality(channels), 0) * offer.value WHEN 'percent' THEN NULL ELSE 0 END);
END
$$;
COMMENT ON FUNCTION crm._campaign_cost(crm.flow_row, text[]) IS
    'what one step costs in currency units when it goes to so many persons by these channels: messages by the '
    'setting campaign.message_cost, coupons if all were redeemed (null: a share of orders that are not there yet)';

CREATE FUNCTION crm._campaign_previewed(flow crm.flow_row, most int, silent bigint[]) RETURNS SETOF crm.gate_verdict
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    persons bigint[];
    keys text[];
    given text[];
    one record;
    known crm.flow_row;
    verdicts crm.gate_verdict[];
BEGIN
    SELECT array_agg(k.customer_id ORDER BY k.customer_id, k.occurrence_key),
        array_agg(k.occurrence_key ORDER BY k.customer_id, k.occurrence_key) INTO persons, keys
    FROM crm._campaign_candidates(flow, most, silent) k;
    IF persons IS NULL THEN
        RETURN;
    END IF;
    given := CASE WHEN flow.spec ? 'variants' THEN crm._campaign_variants(flow, persons) ELSE '{}' END;
    FOR one IN
        SELECT p.variant, array_agg(p.id ORDER BY p.n) AS persons, array_agg(p.key ORDER BY p.n) AS keys
        FROM ROWS FROM (unnest(persons), unnest(keys), unnest(given)) WITH ORDINALITY p (id, key, variant, n) GROUP BY p.variant
    LOOP
        known := CASE WHEN one.variant IS NULL THEN flow ELSE crm._campaign_as_variant(flow, one.variant) END;
        -- by itself: within a statement the planner would ask it, too, for how many rows there will be
        verdicts := crm._campaign_gate_all(known, one.persons, one.keys, crm.core_now(),
                'infinity', crm._campaign_other_ids(one.persons), crm._campaign_reaches(known, one.persons));
        RETURN QUERY SELECT g.* FROM unnest(verdicts) g;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_previewed(crm.flow_row, int, bigint[]) IS
    'what the gate says now of those whom a flow would look at today, at most so many, each with the variant that '
    'is theirs';

CREATE FUNCTION crm.campaign_preview(flow text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    chosen crm.flow_row;
    most constant int := 2000;
    backlog bigint := 0;
    silent bigint[];
    answer jsonb;
BEGIN
    SELECT * INTO chosen FROM crm.flow f WHERE f.code = flow;
    IF chosen.flow_id IS NULL THEN
        RAISE EXCEPTION 'there is no flow "%"', flow USING ERRCODE = 'no_data_found', COLUMN = 'flow',
            HINT = 'crm.campaign_list() has those there are.';
    END IF;
    PERFORM crm._campaign_require_fit(chosen);
    chosen.state := 'active';   -- as if it ran
    IF chosen.trigger IN ('schedule', 'event') THEN
        chosen.spec := crm._campaign_step_spec(chosen.spec, 1, crm.core_now());
    END IF;
    IF chosen.trigger = 'silence' THEN      -- values are kept of the persons of now alone
        SELECT s.earlier, s.persons INTO backlog, silent FROM crm._value_silent(crm._campaign_today() - (chosen.spec ->> 'days')::int, most) s;
    END IF;
    SELECT jsonb_build_object('flow', flow, 'looked_at', count(*), 'is_all', count(*) < most,
        'outcomes', (SELECT coalesce(jsonb_object_agg(o.outcome, o.n), '{}')
                FROM (SELECT g2.outcome, count(*) AS n FROM unnest(array_agg(g.outcome)) g2(outcome) GROUP BY 1) o),
        'reasons', (SELECT coalesce(jsonb_agg(jsonb_build_object('outcome', r.outcome, 'reason', r.reason,
                    'persons', r.n) ORDER BY r.n DESC, r.outcome, r.reason), '[]')
                    FROM (SELECT u.outcome, u.reason, count(*) AS n FROM unnest(array_agg(g.outcome), array_agg(g.reason)) u (outcome, reason)
                          WHERE u.reason IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20) r),
        'examples', to_jsonb((array_agg(jsonb_build_object('customer_id', g.customer_id, 'name', g.name_masked,
                        'outcome', g.outcome, 'channel', g.channel, 'due_at', g.due_at, 'reason', g.reason)))[1:20]),
        'cost', crm._campaign_cost(chosen, array_agg(g.channel) FILTER (WHERE g.outcome IN ('sent', 'held'))), 'backlog', backlog)
    INTO answer
    FROM (SELECT c.customer_id, c.name_masked, gate.outcome, gate.channel, gate.due_at, CASE
          WHEN gate.outcome NOT IN ('sent', 'held') THEN gate.reason END AS reason
          FROM crm._campaign_previewed(chosen, most, silent) gate JOIN crm.customer c USING (customer_id)
          ORDER BY c.customer_id) g;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.campaign_preview(text) IS
    'what a flow would do today, by the live gate and without doing it: how many would be sent, held, in the '
    'control group, or stopped at which step and why; masked examples; what messages would cost, and coupons at '
    'most; the size of its backlog; at most 2,000 persons are looked at';
GRANT EXECUTE ON FUNCTION crm.campaign_preview(text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm.campaign_explain(customer_id bigint, flow text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    ids bigint[] := crm._campaign_ids(person);
    chosen crm.flow_row;
    last_day date := (SELECT v.last_day FROM crm.customer_value v WHERE v.customer_id = person);
    key text;
BEGIN
    SELECT * INTO chosen FROM crm.flow f WHERE f.code = flow;
    IF chosen.flow_id IS NULL THEN
        RAISE EXCEPTION 'there is no flow "%"', flow USING ERRCODE = 'no_data_found', COLUMN = 'flow',
            HINT = 'crm.campaign_list() has those there are.';
    END IF;
    IF chosen.trigger IN ('schedule', 'event') THEN
        chosen.spec := crm._campaign_step_spec(chosen.spec, 1, crm.core_now());
    END IF;
    key := CASE chosen.trigger WHEN 'schedule' THEN crm._campaign_period(chosen.spec, crm.core_now(),
            coalesce(chosen.spec ->> 'zone', crm._campaign_zone(person)))
               WHEN 'event' THEN 'next' WHEN 'site' THEN 'next' WHEN 'welcome' THEN 'once'
                   WHEN 'silence' THEN coalesce(crm._day_text(last_day), '-infinity')
                   ELSE extract(year FROM crm._campaign_today())::text END;
    RETURN jsonb_build_object('customer_id', person, 'flow', flow,
        'fired', (SELECT coalesce(jsonb_agg(jsonb_build_object('key', o.occurrence_key, 'fired_at', o.fired_at,
                    'arm', o.arm, 'outcome', o.outcome, 'variant', o.variant, 'message_id', o.message_id,
                    'acts', crm._campaign_acts_of(ROW(o.customer_id, o.occurrence_key)::crm.occurrence_ref, o.flow_id, o.epoch),
                    'decisions',
                                (SELECT coalesce(jsonb_agg(jsonb_build_object('step', s.step, 'result', s.result,
                                    'reason', s.reason) ORDER BY s.ordinality), '[]')
                                    FROM crm._campaign_steps(o.step, o.result, o.reason, o.reach) WITH ORDINALITY s))
                            ORDER BY o.fired_at), '[]')
                  FROM crm.occurrence o WHERE o.customer_id = ANY (ids) AND o.flow_id = chosen.flow_id),
        'under_way',
            (SELECT coalesce(jsonb_agg(jsonb_build_object('key', e.occurrence_key, 'step', e.step, 'due_at', e.due_at,
                      'version', e.version) ORDER BY e.due_at), '[]')
                      FROM (SELECT n.occurrence_key, n.step, n.due_at, n.version FROM crm.enrolment n
                            WHERE n.customer_id = ANY (ids) AND n.flow_id = chosen.flow_id
                            UNION ALL SELECT p.key, 1, s.due_at, s.version FROM crm.enrolment_set s,
                                unnest(s.persons, s.occurrence_keys) p (person, key)
                            WHERE s.flow_id = chosen.flow_id AND p.person = ANY (ids)) e),
        'who', CASE WHEN chosen.spec ? 'who' THEN crm._rule_explain(chosen.spec -> 'who', person, crm.core_now()) END,
        'backlog', (SELECT jsonb_build_object('key', b.occurrence_key, 'confirmed_at', b.confirmed_at, 'entered_at', b.entered_at)
                    FROM crm.flow_backlog b WHERE b.customer_id = person AND b.flow_id = chosen.flow_id ORDER BY b.counted_at DESC LIMIT 1),
        'now', (SELECT jsonb_build_object('key', key,
                    'variant', (crm._campaign_for(chosen, person)).spec ->> 'variant', 'steps', to_jsonb(g.steps),
                    'would_be',
                    CASE WHEN EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = ANY (ids)
                            AND o.flow_id = chosen.flow_id AND o.occurrence_key = key)
                         THEN 'fired before' ELSE g.outcome END)
                FROM crm._campaign_gate(crm._campaign_for(chosen, person), person, ids, key, crm.core_now(), 'infinity') g));
END
$$;
COMMENT ON FUNCTION crm.campaign_explain(bigint, text) IS
    'why a flow did or did not reach a person: each occurrence with its decisions, the backlog, and what the gate '
    'would say now; P0002 outside of the caller''s scope';
GRANT EXECUTE ON FUNCTION crm.campaign_explain(bigint, text) TO crm_store_manager, crm_manager, crm_service, crm_marketer, crm_headquarters;

CREATE FUNCTION crm.campaign_check() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
        SELECT format('quota of flow %s, epoch %s', q.flow_id, q.epoch), q.taken || ' places taken', count(p.customer_id)::text
        FROM crm.flow_quota q LEFT JOIN crm.flow_quota_place p USING (flow_id, epoch) GROUP BY q.flow_id, q.epoch
            HAVING q.taken <> count(p.customer_id)
        UNION ALL
        SELECT format('flow %s, person %s, key %s', o.flow_id, crm._identity_current(o.customer_id),
                o.occurrence_key), 'one message', count(*) || ' messages'
        FROM crm.occurrence o WHERE o.message_id IS NOT NULL
        GROUP BY o.flow_id, o.epoch, crm._identity_current(o.customer_id), o.occurrence_key
        HAVING count(*) > 1 AND count(DISTINCT o.customer_id) = 1
        UNION ALL
        SELECT format('occurrence of person %s', o.customer_id), 'its message', 'none'
        FROM crm.occurrence o WHERE o.message_id IS NOT NULL AND o.fired_at >= crm._outbox_kept_from()
          AND NOT EXISTS (SELECT FROM crm.outbox m WHERE m.customer_id = o.customer_id AND m.message_id = o.message_id)
        UNION ALL
        SELECT format('occurrence of person %s', o.customer_id), 'its coupon', 'none'
        FROM crm.occurrence o WHERE o.coupon_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM crm.coupon k WHERE k.customer_id = o.customer_id AND k.coupon_id = o.coupon_id);
END
$$;
COMMENT ON FUNCTION crm.campaign_check() IS
    'occurrences whose message or coupon is missing or double, quotas that do not add up; none: all is well';
