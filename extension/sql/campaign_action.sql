-- campaign_action: what flows do besides coupon and message: tasks of staff, points and tickets; what they tell
-- others: campaign_tell.

CREATE FUNCTION crm._campaign_acts(spec jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT spec ?| '{task,gifts,draw,notices,audience,give_tag,take_tag,enrol}' $$;
COMMENT ON FUNCTION crm._campaign_acts(jsonb) IS 'whether a flow does anything besides coupon and message';

CREATE FUNCTION crm._campaign_parts(spec jsonb) RETURNS SETOF jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    WITH own AS (SELECT spec AS part UNION ALL SELECT jsonb_array_elements(spec -> 'steps'))
    SELECT o.part FROM own o UNION ALL SELECT jsonb_array_elements(o.part -> 'variants') FROM own o
$$;
COMMENT ON FUNCTION crm._campaign_parts(jsonb) IS
    'where a flow may say what it does: its own values, those of each step, and of the variants of either';

CREATE FUNCTION crm._campaign_coupon_types(spec jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT ARRAY(SELECT DISTINCT t.coupon_type
                 FROM (SELECT crm._campaign_parts(spec)) p (part),
                     LATERAL (SELECT p.part ->> 'coupon_type' UNION ALL SELECT g ->> 'coupon'
                         FROM jsonb_array_elements(p.part -> 'gifts') g) t (coupon_type)
                 WHERE t.coupon_type IS NOT NULL ORDER BY 1)
$$;
COMMENT ON FUNCTION crm._campaign_coupon_types(jsonb) IS
    'the types of coupons that a flow hands out, in any of its parts, as its offer or as a gift';

CREATE FUNCTION crm._campaign_adviser(person bigint) RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT w.staff_id FROM crm._sales_owners(person) WITH ORDINALITY w (staff_id, since, n)
            JOIN crm.staff f ON f.staff_id = w.staff_id AND f.left_at IS NULL ORDER BY w.n LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._campaign_adviser(bigint) IS 'who looks after a person and works here still; null: nobody';

CREATE FUNCTION crm._campaign_task_owner(person bigint, store_id int, task jsonb, OUT staff_id int, OUT role name)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    wanted text := coalesce(task ->> 'to', 'store');
    region int := (SELECT s.region_id FROM crm.store s WHERE s.store_id = _campaign_task_owner.store_id);
BEGIN
    role := coalesce(task ->> 'role', CASE WHEN wanted = 'region' THEN 'crm_manager'
            WHEN wanted = 'owner' THEN 'crm_store_manager' ELSE 'crm_clerk' END);
    IF task ? 'staff' THEN
        staff_id := (SELECT f.staff_id FROM crm.staff f WHERE f.code = task ->> 'staff' AND f.left_at IS NULL);
    ELSIF wanted = 'adviser' THEN
        staff_id := crm._campaign_adviser(person);
    ELSIF wanted IN ('owner', 'region') THEN
        staff_id := (SELECT f.staff_id FROM crm.staff f JOIN crm.staff_scope c ON c.staff_id = f.staff_id
                     WHERE f.left_at IS NULL AND f.role = _campaign_task_owner.role
                       AND CASE wanted WHEN 'owner' THEN c.kind = 'store' AND c.ref_id = _campaign_task_owner.store_id
                           ELSE c.kind = 'region' AND c.ref_id = region END
                     ORDER BY f.staff_id LIMIT 1);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_task_owner(bigint, int, jsonb) IS
    'whom a flow''s task is for: a named member of staff, who looks after the person, the store''s owner (its '
    'manager) or the region''s, if there is one; the role that takes it otherwise';

CREATE FUNCTION crm._campaign_task(flow crm.flow_row, person bigint, occurrence_key text, epoch int, due_at timestamptz) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    task jsonb := flow.spec -> 'task';
    due timestamptz := due_at + make_interval(hours => coalesce((task ->> 'hours')::int, 24));
    store int := CASE WHEN task ->> 'to' IS DISTINCT FROM 'headquarters'
        THEN (SELECT c.home_store_id FROM crm.customer c WHERE c.customer_id = person) END;
    owner record;
BEGIN
    SELECT * INTO owner FROM crm._campaign_task_owner(person, store, task);
    PERFORM crm._sales_task_put(person, concat_ws(':', 'flow', flow.code, epoch, occurrence_key), 'flow', task ->> 'title',
        CASE WHEN task ->> 'body' LIKE '%{{%' THEN crm._campaign_fill(task ->> 'body',
            (SELECT c.name_masked FROM crm.customer c WHERE c.customer_id = person), NULL, NULL, NULL, 'UTC',
            crm._campaign_bought_words(person, crm._local_day(crm.core_now(), crm._campaign_zone(person)))) ELSE task ->> 'body' END, due,
        store, owner.staff_id, CASE WHEN task ->> 'to' = 'headquarters' THEN 'crm_headquarters' ELSE owner.role END,
        due + make_interval(hours => (task ->> 'escalate_hours')::int), (task ->> 'escalate_to')::name);
END
$$;
COMMENT ON FUNCTION crm._campaign_task(crm.flow_row, bigint, text, int, timestamptz) IS
    'the task of a flow''s spec, its body with {{name}} (masked), {{last_item}}, {{top_items}}, {{last_year_item}} '
    'filled in, once for the occurrence: for the role in the person''s home store, who looks after the person, the '
    'store''s owner, the region''s, headquarters, or one member of staff';

CREATE FUNCTION crm._campaign_open_lottery() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (SELECT l.lottery FROM crm.lottery l WHERE l.state = 'open' AND l.closes_at > crm.core_now()
        ORDER BY l.closes_at, l.lottery LIMIT 1); END $$;
COMMENT ON FUNCTION crm._campaign_open_lottery() IS 'the open lottery that closes first; null: none is open';

CREATE FUNCTION crm._campaign_act(flow crm.flow_row, person bigint, occurrence_key text, epoch int, due_at timestamptz) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF flow.spec ? 'task' THEN
        PERFORM crm._campaign_task(flow, person, occurrence_key, epoch, due_at);
    END IF;
    IF flow.spec ? 'gifts' THEN
        PERFORM crm._loyalty_reward(person, flow.spec -> 'gifts', 'flow', concat_ws(':', flow.code, epoch, occurrence_key));
    END IF;
    IF (flow.spec ->> 'draw')::boolean THEN
        PERFORM crm._loyalty_ticket(person, crm._campaign_open_lottery(), concat_ws(':', 'flow', flow.code, epoch, occurrence_key));
    END IF;
    PERFORM crm._campaign_tell(flow, person, occurrence_key, epoch);
END
$$;
COMMENT ON FUNCTION crm._campaign_act(crm.flow_row, bigint, text, int, timestamptz) IS
    'what a flow does besides coupon and message, each once for the occurrence: its task, its gifts (points, '
    'tickets, further coupons), a ticket of the lottery that is open; what it tells staff and platforms, tags, '
    'further flows; in this transaction';

CREATE FUNCTION crm._campaign_action_fault(spec jsonb, OUT field text, OUT fault text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    is_clock constant text := '^([01]\d|2[0-3]):[0-5]\d$';
    task jsonb := spec -> 'task';
BEGIN
    SELECT f.field, f.fault INTO field, fault
    FROM (VALUES
        (1, 'task', task IS NULL OR coalesce(jsonb_typeof(task -> 'title') = 'string'
            AND (NOT task ? 'hours' OR crm._campaign_whole(task -> 'hours', 1, 8784))
                AND (NOT task ? 'escalate_hours' OR crm._campaign_whole(task -> 'escalate_hours', 1, 8784))
            AND coalesce(task ->> 'role', 'crm_clerk') IN ('crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service', 'crm_headquarters')
            AND coalesce(task ->> 'escalate_to', 'crm_manager') IN ('crm_clerk', 'crm_store_manager', 'crm_manager',
                    'crm_service', 'crm_headquarters')
            AND coalesce(task ->> 'to', 'store') IN ('store', 'owner', 'adviser', 'region', 'headquarters'), false),
            'give {"title": text, "body", "to": "store", "owner", "adviser", "region" or "headquarters", "staff", "role", "hours", "escalate_hours", "escalate_to"}'),
        (2, 'task', NOT coalesce(task ? 'staff', false)
            OR EXISTS (SELECT FROM crm.staff f WHERE f.code = task ->> 'staff' AND f.left_at IS NULL),
            'there is no such member of staff'),
        (3, 'quota', NOT spec ? 'quota' OR crm._campaign_whole(spec -> 'quota', 1, 100000000), 'give a whole number, 1 to 100000000'),
        (4, 'cap_per', coalesce(spec ->> 'cap_per' IN ('day', 'week', 'month'), NOT spec ? 'cap_per'), 'give day, week or month'),
        (5, 'tag', NOT spec ? 'tag' OR coalesce(spec ->> 'tag' ~ '^[a-z][a-z0-9_]{0,31}$', false),
            'give a short name of small letters, digits and _'),
        (6, 'best_hour', NOT spec ? 'best_hour' OR coalesce(spec ->> 'best_hour' = 'due'
                OR spec ->> 'best_hour' ~ is_clock, false), 'give HH:MM for those whose hour is not known, or "due"'),
        (7, CASE WHEN jsonb_typeof(spec -> 'draw') <> 'boolean' THEN 'draw' ELSE 'lunar' END,
            coalesce(jsonb_typeof(spec -> 'lunar') = 'boolean', true)
                AND coalesce(jsonb_typeof(spec -> 'draw') = 'boolean', true), 'give true or false'),
        (8, 'link', crm._campaign_link_fault(spec) IS NULL, crm._campaign_link_fault(spec)),
        (9, 'variants', NOT spec ? 'variants' OR jsonb_typeof(spec -> 'variants') = 'array',
                'give a list of 2 to 10 variants')) f (n, field, is_good, fault)
    WHERE f.is_good IS NOT TRUE ORDER BY f.n LIMIT 1;
END
$$;
COMMENT ON FUNCTION crm._campaign_action_fault(jsonb) IS
    'the first fault of what a flow does, of its quota, tag, calendar cap, best hour; nulls: none';

CREATE FUNCTION crm._campaign_require_actions(flow crm.flow_row) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wrong record;
BEGIN
    SELECT * INTO wrong FROM crm._campaign_action_fault(flow.spec);
    IF wrong.field IS NULL THEN
        SELECT * INTO wrong FROM crm._campaign_tell_fault(flow);
    END IF;
    IF wrong.field IS NOT NULL THEN
        RAISE EXCEPTION 'flow "%" cannot run: %: %', flow.code, wrong.field, wrong.fault
            USING ERRCODE = 'RM801', COLUMN = wrong.field, HINT = 'Edit it with crm.campaign_edit().';
    END IF;
    IF flow.spec ? 'gifts' THEN
        PERFORM crm._loyalty_require_gifts(flow.spec -> 'gifts');
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_require_actions(crm.flow_row) IS
    'RM801 with the field unless what a flow does can be done; 22023 for gifts that cannot be given';

CREATE FUNCTION crm._campaign_require_steps(flow crm.flow_row) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    step crm.flow_row := flow;
BEGIN
    FOR n IN 1 .. greatest(jsonb_array_length(coalesce(flow.spec -> 'steps', '[]')), 1) LOOP
        step.spec := crm._campaign_step_spec(flow.spec, n, crm.core_now());
        PERFORM crm._campaign_require_actions(step), crm._campaign_require_variants(step);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_require_steps(crm.flow_row) IS
    'RM801 with the field unless the actions and variants of each step of a flow can run; the trigger and its steps '
    'are in order';
