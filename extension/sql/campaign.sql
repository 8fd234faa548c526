-- campaign: flows and the ledger that makes them fire exactly once.
--
-- Firing locks the current customer row, checks the key under every id that ever answered to the
-- person, and writes occurrence, coupon and message in the transaction of its cause.

CREATE FUNCTION crm._campaign_bucket(salt text, scope text, key bigint) RETURNS int
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_campaign_bucket';
COMMENT ON FUNCTION crm._campaign_bucket(text, text, bigint) IS
    'the bucket, 0 to 9999, of a person in a flow: holdouts are ranges of buckets, the same for ever';

-- A row of the table as a value: a signature cannot name a table that install() makes later.
CREATE TYPE crm.flow_row AS (flow_id int, code text, name_zh text, name_en text, trigger text, state text, active_from timestamptz,
    epoch int, version int, spec jsonb, watermark timestamptz);
COMMENT ON TYPE crm.flow_row IS 'a row of crm.flow, columns in its order';

CREATE TYPE crm.occurrence_ref AS (customer_id bigint, occurrence_key text);
CREATE TYPE crm.gate_reach AS (channel text, address_hash bytea, reason text);
COMMENT ON TYPE crm.gate_reach IS 'where a person is reached with consent, or, the channel null, why nowhere';
CREATE TYPE crm.gate_step AS (step text, result text, reason text);
CREATE TYPE crm.gate_result AS (outcome text, arm text, channel text, address_hash bytea, due_at timestamptz, zone text, steps crm.gate_step[]);
COMMENT ON TYPE crm.gate_result IS
    'what the gate says: outcome sent, held, control, or the step that stopped it; the arm; where and when it would '
    'go; each step with its reason';

CREATE FUNCTION crm._campaign_steps(step text, result text, reason text, reach text) RETURNS SETOF crm.gate_step
    LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8 AS
$$
    SELECT p.step, CASE p.step WHEN $1 THEN $2 ELSE 'pass' END, CASE p.step WHEN $1 THEN $3 ELSE p.reason END
    FROM (VALUES (1, 'active', 'flow is active'), (2, 'late', 'in time'), (3, 'consent', $4), (4, 'exclusion', 'not excluded, goal not reached'),
                 (5, 'holdout', 'treatment'), (6, 'offer', 'no equal or better offer'), (7, 'cap', 'within the caps'),
                     (8, 'quiet', NULL)) p (n, step, reason)
    WHERE p.n <= array_position('{active,late,consent,exclusion,holdout,offer,cap,quiet}', $1) ORDER BY p.n
$$;
COMMENT ON FUNCTION crm._campaign_steps(text, text, text, text) IS
    'the steps of a decision in the gate''s order: those that let it pass (reach: what consent said then) and the '
    'one that decided, with its result and reason';

CREATE FUNCTION crm._campaign_zone(person bigint) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN coalesce((SELECT s.time_zone FROM crm.customer c JOIN crm.store s ON s.store_id = c.home_store_id WHERE c.customer_id = person),
                    crm._setting('core.time_zone') #>> '{}');
END
$$;
COMMENT ON FUNCTION crm._campaign_zone(bigint) IS 'the time zone a person lives by: the home store''s, else the chain''s';

CREATE FUNCTION crm._campaign_is_too_soon(fired_at timestamptz, at timestamptz, days int, zone text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT coalesce(crm._local_day(at, zone) < crm._local_day(fired_at, zone) + days, false) $$;
COMMENT ON FUNCTION crm._campaign_is_too_soon(timestamptz, timestamptz, int, text) IS
    'whether a moment lies within so many local days (reentry_days; null: none) of a firing: whoever is fired for '
    'at noon of the 1st may be again at any hour of the 31st, with 30';

CREATE FUNCTION crm._campaign_ids(person bigint) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- who was split off takes along what the records did under the id they had
    RETURN crm._identity_cluster(person) || ARRAY(
        SELECT DISTINCT b.customer_id FROM crm.membership m JOIN crm.membership b USING (source_record_id)
        WHERE m.customer_id = person AND m.valid_to = 'infinity' AND b.valid_to < 'infinity' AND b.customer_id <> person);
END
$$;
COMMENT ON FUNCTION crm._campaign_ids(bigint) IS
    'every id under which a flow may have fired for a person, the current one first: merged ids, and those that the '
    'person''s records belonged to before a split';

CREATE FUNCTION crm._campaign_channel(flow crm.flow_row, person bigint) RETURNS crm.gate_reach
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    answer crm.gate_reach;
    candidate record;
    reach record;
    tried text[] := '{}';
BEGIN
    IF NOT flow.spec ? 'channels' THEN
        answer.reason := 'sends no message';
        RETURN answer;
    END IF;
    FOR candidate IN
        SELECT c.value AS channel, ch.endpoint FROM jsonb_array_elements_text(flow.spec -> 'channels') WITH ORDINALITY c (value, n)
        LEFT JOIN crm.channel ch ON ch.channel = c.value ORDER BY c.n
    LOOP
        SELECT * INTO reach FROM crm._outbox_reach(person, candidate.channel) r WHERE candidate.endpoint IS NOT NULL;
        IF reach.addresses <> '{}' AND reach.consent = 'yes' THEN
            IF crm._outbox_month_is_full(candidate.channel, crm._identity_cluster(person)) THEN
                tried := tried || format('%s: as many this month as it allows', candidate.channel);
                CONTINUE;
            END IF;
            RETURN ROW(candidate.channel, reach.addresses[1], candidate.channel)::crm.gate_reach;
        END IF;
        tried := tried || format('%s: %s', candidate.channel, CASE WHEN candidate.endpoint IS NULL THEN 'no endpoint carries it'
            WHEN reach.addresses = '{}' THEN 'no address' ELSE 'consent ' || reach.consent END);
    END LOOP;
    answer.reason := array_to_string(tried, ', ');
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm._campaign_channel(crm.flow_row, bigint) IS
    'the first channel of the flow that has consent and an address; null with the reason for each otherwise, or as '
    'the flow sends no message';

CREATE FUNCTION crm._campaign_reached(flow crm.flow_row, person bigint) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF jsonb_typeof(flow.spec -> 'goal') = 'object' THEN
        RETURN CASE WHEN crm._rule_fit(flow.spec -> 'goal', ARRAY[person], crm.core_now()) <> '{}' THEN crm._campaign_stop_words('goal') END;
    END IF;
    IF flow.spec ->> 'goal' = 'order' AND flow.spec ? 'since' AND EXISTS (
        SELECT FROM crm.membership m JOIN crm.customer_order o USING (source_record_id)
        WHERE m.customer_id = person AND m.valid_to = 'infinity' AND o.is_current AND o.kind = 'sale'
          AND o.ordered_at > (flow.spec ->> 'since')::timestamptz) THEN
        RETURN 'goal reached: bought';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._campaign_reached(crm.flow_row, bigint) IS
    'why a person has reached the goal: its rule holds, or an order came since the enrolment began (spec member '
    'since, of an enrolment); null: not reached';

CREATE FUNCTION crm._campaign_stop_words(member text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE member WHEN 'only' THEN 'this branch is for others' WHEN 'superseded_by' THEN 'superseded: another flow has more for this person'
                       WHEN 'except' THEN 'excluded by the flow''s rule' WHEN 'goal' THEN 'goal reached' END
$$;
COMMENT ON FUNCTION crm._campaign_stop_words(text) IS
    'the reason that is written when a rule of a flow (only, superseded_by, except, goal) stops a person';

CREATE FUNCTION crm._campaign_goal(flow crm.flow_row, person bigint, occurrence_key text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    known crm.customer_value;
BEGIN
    SELECT * INTO known FROM crm.customer_value v WHERE v.customer_id = person;
    IF flow.spec -> 'exclude_tiers' ? coalesce(known.tier, 'P') THEN
        RETURN 'tier ' || coalesce(known.tier, 'P') || ' is excluded';
    END IF;
    IF flow.trigger = 'silence' AND crm._day_text(known.last_day) IS DISTINCT FROM occurrence_key THEN
        RETURN format('last purchase is %s now', coalesce(crm._day_text(known.last_day), 'none'));
    END IF;
    IF flow.spec ? 'only' AND crm._rule_fit(flow.spec -> 'only', ARRAY[person], crm.core_now()) = '{}' THEN
        RETURN crm._campaign_stop_words('only');
    END IF;
    IF flow.spec ? 'superseded_by' AND crm._rule_fit(flow.spec -> 'superseded_by', ARRAY[person], crm.core_now()) <> '{}' THEN
        RETURN crm._campaign_stop_words('superseded_by');
    END IF;
    IF flow.spec ? 'except' AND crm._rule_fit(flow.spec -> 'except', ARRAY[person], crm.core_now()) <> '{}' THEN
        RETURN crm._campaign_stop_words('except');
    END IF;
    RETURN crm._campaign_reached(flow, person);
END
$$;
COMMENT ON FUNCTION crm._campaign_goal(crm.flow_row, bigint, text) IS
    'why a person is excluded or has reached the goal; null: neither';

CREATE FUNCTION crm._campaign_arm(flow crm.flow_row, person bigint, ids bigint[]) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- once assigned, for ever: a later occurrence and a merge keep the arm of the survivor
    RETURN coalesce(
        (SELECT o.arm FROM crm.occurrence o WHERE o.flow_id = flow.flow_id AND o.customer_id = ANY (ids) AND o.arm <> 'none' AND o.epoch >= 0
         ORDER BY o.customer_id <> person, o.fired_at LIMIT 1),
        CASE WHEN crm._campaign_is_held(person, crm._campaign_held_percent())
                  OR crm._campaign_bucket('holdout', flow.code,
                          person) < 100 * (flow.spec ->> 'holdout_percent')::numeric THEN 'control'
                      ELSE 'treatment' END);
END
$$;
COMMENT ON FUNCTION crm._campaign_arm(crm.flow_row, bigint, bigint[]) IS
    'treatment or control, by a fixed bucket of the flow or that of all flows, sticky';

CREATE FUNCTION crm._campaign_offer_gone(flow crm.flow_row) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE WHEN (flow.spec ->> 'quota_left')::bigint <= 0 THEN format('all %s are taken', flow.spec ->> 'quota')
                WHEN (flow.spec ->> 'draw')::boolean AND crm._campaign_open_lottery() IS NULL THEN 'no lottery is open'
                WHEN flow.spec ->> 'coupon_type' IS NOT NULL
                    AND NOT crm._loyalty_has_stock(flow.spec ->> 'coupon_type')
                    THEN 'no code is left in the pool of its coupon' END;
END
$$;
COMMENT ON FUNCTION crm._campaign_offer_gone(crm.flow_row) IS
    'why nobody gets what a flow offers any more: its quota is taken (spec member quota_left, of whoever holds its '
    'row), no lottery is open, the pool of its coupon is empty; null: it is there';

CREATE FUNCTION crm._campaign_cap(flow crm.flow_row, ids bigint[], channel text, address_hash bytea, at timestamptz, zone text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    most int := (flow.spec ->> 'cap_messages')::int;
    spoken text := crm._campaign_cap_words(flow.spec);
    span record;
    address_key bytea := crm._outbox_cap_key(channel, address_hash);
    sent int;
BEGIN
    SELECT * INTO span FROM crm._campaign_span(flow.spec ->> 'cap_per', (flow.spec ->> 'cap_days')::int, at, zone);
    SELECT count(*) INTO sent FROM crm.contact_cap c, unnest(c.sent_at) s
    WHERE c.cap_key = address_key AND s > span.after AND s < span.before;
    IF sent >= most THEN
        RETURN format('superseded: %s of %s address', sent, spoken);
    END IF;
    SELECT h.sent INTO sent FROM crm._outbox_had(ids, span.after, span.before) h;
    IF sent >= most THEN
        RETURN format('superseded: %s of %s person', sent, spoken);
    END IF;
    RETURN crm._campaign_house_cap(flow, ids, channel, at, zone);
END
$$;
COMMENT ON FUNCTION crm._campaign_cap(crm.flow_row, bigint[], text, bytea, timestamptz, text) IS
    'which cap stops a message at a moment: the flow''s, per address and per person under all ids, then those of '
    'the house; null: none';

CREATE FUNCTION crm._campaign_quiet(flow crm.flow_row, zone text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT (flow).spec -> 'quiet' || jsonb_build_object('zone', zone) $$;
COMMENT ON FUNCTION crm._campaign_quiet(crm.flow_row, text) IS
    'the flow''s quiet hours in a person''s zone; null: it has none';

CREATE FUNCTION crm._campaign_clock(at timestamptz, zone text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT to_char(at AT TIME ZONE zone, 'YYYY-MM-DD HH24:MI') || ' ' || zone $$;
COMMENT ON FUNCTION crm._campaign_clock(timestamptz, text) IS
    'a moment as a person''s clock shows it, whatever the session''s time zone';

CREATE FUNCTION crm._campaign_gate(flow crm.flow_row, person bigint, ids bigint[], occurrence_key text, due_at timestamptz,
                                   late_at timestamptz, reach crm.gate_reach DEFAULT NULL) RETURNS crm.gate_result
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    r crm.gate_result;
    stopper text;
    zone text := crm._campaign_zone(person);
    planned timestamptz := greatest(due_at, crm.core_now());
    going record;
BEGIN
    r.arm := 'none'; r.zone := zone; r.steps := '{}';
    IF flow.state <> 'active' THEN
        r.outcome := 'active'; r.steps := r.steps || ROW('active', 'stop', 'flow is ' || flow.state)::crm.gate_step;
        RETURN r;
    END IF;
    r.steps := r.steps || ROW('active', 'pass', 'flow is active')::crm.gate_step;
    IF crm.core_now() >= late_at THEN
        r.outcome := 'late'; r.steps := r.steps || ROW('late', 'stop', 'missed: it was due ' || crm._campaign_clock(due_at, zone))::crm.gate_step;
        RETURN r;
    END IF;
    r.steps := r.steps || ROW('late', 'pass', 'in time')::crm.gate_step;
    IF reach.reason IS NULL THEN
        reach := crm._campaign_channel(flow, person);
    END IF;
    IF reach.channel IS NULL AND flow.spec ? 'channels' THEN
        r.outcome := 'consent'; r.steps := r.steps || ROW('consent', 'stop', reach.reason)::crm.gate_step;
        RETURN r;
    END IF;
    r.channel := reach.channel; r.address_hash := reach.address_hash;
    r.steps := r.steps || ROW('consent', 'pass', reach.reason)::crm.gate_step;
    stopper := crm._campaign_goal(flow, person, occurrence_key);
    IF stopper IS NOT NULL THEN
        r.outcome := 'exclusion'; r.steps := r.steps || ROW('exclusion', 'stop', stopper)::crm.gate_step;
        RETURN r;
    END IF;
    r.steps := r.steps || ROW('exclusion', 'pass', 'not excluded, goal not reached')::crm.gate_step;
    r.arm := crm._campaign_arm(flow, person, ids);
    IF r.arm = 'control' THEN
        r.outcome := 'control'; r.steps := r.steps || ROW('holdout', 'stop', 'in the control group')::crm.gate_step;
        RETURN r;
    END IF;
    r.steps := r.steps || ROW('holdout', 'pass', 'treatment')::crm.gate_step;
    IF flow.spec ->> 'coupon_type' IS NOT NULL
       AND crm._loyalty_has_equal_or_better(person, flow.spec ->> 'coupon_type', (flow.spec ->> 'offer_days')::int) THEN
        r.outcome := 'offer'; r.steps := r.steps || ROW('offer', 'stop', 'holds or used an equal or better offer')::crm.gate_step;
        RETURN r;
    END IF;
    stopper := crm._campaign_offer_gone(flow);
    IF stopper IS NOT NULL THEN
        r.outcome := 'offer'; r.steps := r.steps || ROW('offer', 'stop', stopper)::crm.gate_step;
        RETURN r;
    END IF;
    r.steps := r.steps || ROW('offer', 'pass', 'no equal or better offer')::crm.gate_step;
    IF reach.channel IS NULL THEN
        r.due_at := planned; r.outcome := 'sent';
        RETURN r;
    END IF;
    SELECT * INTO going FROM crm._campaign_leaves(flow, person, zone, planned, late_at);
    stopper := crm._campaign_cap(flow, ids, r.channel, r.address_hash, going.at, zone);
    IF stopper IS NOT NULL THEN
        r.outcome := 'cap'; r.steps := r.steps || ROW('cap', 'stop', stopper)::crm.gate_step;
        RETURN r;
    END IF;
    r.steps := r.steps || ROW('cap', 'pass', 'within the caps')::crm.gate_step;
    IF going.at >= late_at THEN
        r.outcome := 'late'; r.steps := r.steps || ROW('quiet', 'stop', 'missed: its day is over when the quiet hours end')::crm.gate_step;
        RETURN r;
    END IF;
    r.due_at := going.at;
    r.outcome := CASE WHEN going.at > planned THEN 'held' ELSE 'sent' END;
    r.steps := r.steps || CASE WHEN going.at > planned THEN ROW('quiet', 'hold', going.why || crm._campaign_clock(going.at, zone))::crm.gate_step
                               ELSE ROW('quiet', 'pass', 'no quiet hours')::crm.gate_step END;
    RETURN r;
END
$$;
COMMENT ON FUNCTION crm._campaign_gate(crm.flow_row, bigint, bigint[], text, timestamptz, timestamptz, crm.gate_reach) IS
    'the gate, in its one order: active, late, consent, exclusion and goal, holdout, offer, caps, quiet hours and '
    'best hour; the same code live, in preview and in explain (reach: that of crm._campaign_channel(), when it is '
    'known already)';

CREATE FUNCTION crm._campaign_last_day(valid_until timestamptz, zone text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT to_char((valid_until AT TIME ZONE zone) - interval '1 second', 'YYYY-MM-DD') $$;
COMMENT ON FUNCTION crm._campaign_last_day(timestamptz, text) IS
    'the last day of a coupon by a zone''s clock; valid_until is the first moment at which it is not valid any more';

CREATE FUNCTION crm._campaign_fill(body text, who text, code text, value numeric, valid_until timestamptz, zone text,
                                   more jsonb DEFAULT NULL) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$
    -- the name last: whatever it holds is text, not a variable
    SELECT replace(replace(replace(replace(
               CASE WHEN more IS NULL THEN body
                    ELSE replace(replace(replace(replace(body, '{{link}}', coalesce(more ->> 'link', '')),
                                         '{{last_item}}', coalesce(more ->> 'last_item', '喜欢的商品')),
                                         '{{top_items}}', coalesce(more ->> 'top_items', '喜欢的商品')),
                                                     '{{last_year_item}}', coalesce(more ->> 'last_year_item',
                                                         '喜欢的商品')) END, '{{coupon_code}}', coalesce(code, '')),
                                             '{{coupon_value}}', coalesce(trim_scale(value)::text, '')),
                           '{{valid_until}}', coalesce(crm._campaign_last_day(valid_until, zone), '')),
                   '{{name}}', coalesce(who, '会员'))
$$;
COMMENT ON FUNCTION crm._campaign_fill(text, text, text, numeric, timestamptz, text, jsonb) IS
    'a text with its variables filled in, days by a zone; more: crm._campaign_more(), null when the text says '
    'nothing of it; what is not known is left out, or called by a general word';

CREATE FUNCTION crm._campaign_message(flow crm.flow_row, person bigint, channel text, coupon crm.coupon_ref,
                                      zone text, message_id text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wording record;
    -- a page may be seen by others than the person: there the name is masked
    who text := crm._outbox_plain(CASE channel WHEN 'site' THEN (SELECT c.name_masked FROM crm.customer c WHERE c.customer_id = person)
                                               ELSE (SELECT p.name FROM crm.customer_private p WHERE p.customer_id = person) END);
    more jsonb := crm._campaign_more(flow, person, message_id, zone, crm._campaign_tells(flow));
    said jsonb;
BEGIN
    SELECT t.body, t.subject IS NOT NULL OR t.html IS NOT NULL OR t.vendor_template IS NOT NULL AS is_dressed INTO wording
    FROM crm.template t WHERE t.template = flow.spec ->> 'template' AND t.channel = _campaign_message.channel ORDER BY t.language DESC LIMIT 1;
    said := jsonb_build_object('flow', flow.code, 'text', crm._campaign_fill(wording.body, who, coupon.code,
                coupon.value, coupon.valid_until, zone, more));
    IF wording.is_dressed THEN
        said := said || crm._outbox_dress(flow.spec ->> 'template', channel,
            (SELECT jsonb_object_agg(v, crm._campaign_fill('{{' || v || '}}', who, coupon.code, coupon.value,
                        coupon.valid_until, zone, more)) FROM unnest(crm._outbox_variables()) v));
    END IF;
    RETURN said;
END
$$;
COMMENT ON FUNCTION crm._campaign_message(crm.flow_row, bigint, text, crm.coupon_ref, text, text) IS
    'what a flow says to a person on a channel: its text with the variables filled in, days by the person''s zone, '
    'its link by the message''s id, what the person bought; subject, HTML and the vendor''s placeholders where the '
    'template has them';

CREATE FUNCTION crm._campaign_message_id(flow_id int, epoch int, person bigint, occurrence_key text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT person || '-'
    || encode(crm._keyed_hash('message', convert_to(concat_ws(E'\x1f', flow_id, epoch, person, occurrence_key),
                'UTF8')), 'hex') $$;
COMMENT ON FUNCTION crm._campaign_message_id(int, int, bigint, text) IS
    'the id of an occurrence''s message: leads to its row, equal at every attempt';

-- An occurrence that the gate let through: coupon, task, message, reservation.
CREATE FUNCTION crm._campaign_send(flow crm.flow_row, person bigint, occurrence_key text, late_at timestamptz, epoch int,
                                   gate crm.gate_result, OUT message text, OUT coupon crm.coupon_ref)
    LANGUAGE plpgsql AS
$$
BEGIN
    IF flow.spec ->> 'coupon_type' IS NOT NULL THEN
        coupon := (crm._loyalty_issue_all(ARRAY[person], flow.spec ->> 'coupon_type', flow.flow_id, ARRAY[occurrence_key], ARRAY[gate.zone]))[1];
    END IF;
    PERFORM crm._campaign_act(flow, person, occurrence_key, epoch, gate.due_at);
    IF gate.channel IS NULL THEN
        message := CASE flow.trigger WHEN 'site' THEN crm._campaign_show(flow, person, occurrence_key, epoch, coupon, gate.zone) END;
        RETURN;
    END IF;
    message := crm._campaign_message_id(flow.flow_id, epoch, person, occurrence_key);
    PERFORM crm._outbox_put(person, message, gate.channel, flow.flow_id, occurrence_key, true,
        crm._campaign_message(flow, person, gate.channel, coupon, gate.zone, message),
        gate.due_at, CASE WHEN late_at < 'infinity' THEN late_at END, gate.address_hash,
        crm._campaign_quiet(flow, gate.zone));
    PERFORM crm._campaign_put_links(flow, ARRAY[person], ARRAY[message]);
    PERFORM crm._outbox_count_one(gate.channel, gate.address_hash, gate.due_at);
END
$$;
COMMENT ON FUNCTION crm._campaign_send(crm.flow_row, bigint, text, timestamptz, int, crm.gate_result) IS
    'issues the coupon, puts the message into the outbox and counts it at its address, whose counter the caller has locked';

-- The ledger's part: the caller has locked the person and the counters of where it may go.
CREATE FUNCTION crm._campaign_decide(flow crm.flow_row, person bigint, occurrence_key text, due_at timestamptz, late_at timestamptz,
                                     epoch int, reach crm.gate_reach) RETURNS text
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    ids bigint[] := crm._campaign_ids(person);
    gate crm.gate_result;
    sent record;
    is_shadow boolean := coalesce((flow.spec ->> 'shadow')::boolean, false);
BEGIN
    IF is_shadow THEN
        epoch := -1 - _campaign_decide.epoch;   -- keys of their own: what was only tried may still happen
    END IF;
    IF EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = ANY (ids) AND o.flow_id = flow.flow_id AND o.epoch = _campaign_decide.epoch
               AND o.occurrence_key = _campaign_decide.occurrence_key) THEN
        RETURN 'fired before';
    END IF;
    gate := crm._campaign_gate(flow, person, ids, occurrence_key, due_at, late_at, reach);
    SELECT NULL::text AS message, NULL::bigint AS coupon_id INTO sent;
    IF gate.outcome IN ('sent', 'held') AND NOT is_shadow THEN
        SELECT s.message, (s.coupon).coupon_id INTO sent FROM crm._campaign_send(flow, person, occurrence_key, late_at, epoch, gate) s;
    END IF;
    INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome,
            message_id, coupon_id, flow_version, variant, step, result, reason, reach)
    SELECT person, flow.flow_id, _campaign_decide.epoch, _campaign_decide.occurrence_key, crm.core_now(),
           coalesce(gate.due_at, _campaign_decide.due_at), gate.arm, gate.outcome, sent.message, sent.coupon_id, flow.version,
           CASE gate.arm WHEN 'treatment' THEN flow.spec ->> 'variant' END, last.step, last.result, last.reason,
           (SELECT s.reason FROM unnest(gate.steps) s WHERE s.step = 'consent' AND s.result = 'pass')
    FROM unnest(gate.steps[cardinality(gate.steps):]) last;
    RETURN gate.outcome;
END
$$;
COMMENT ON FUNCTION crm._campaign_decide(crm.flow_row, bigint, text, timestamptz, timestamptz, int, crm.gate_reach) IS
    'one occurrence of a person who is locked: at most once for ever for its key under all ids; occurrence, coupon '
    'and message in this transaction; returns sent, held, control, the step that stopped it, or fired before';

CREATE FUNCTION crm._campaign_fire_locked(flow crm.flow_row, persons bigint[], keys text[], due_at timestamptz,
                                          late_at timestamptz, epoch int) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    reaches crm.gate_reach[];
BEGIN
    IF flow.spec ? 'quota' AND NOT flow.spec ? 'quota_left' THEN
        PERFORM crm._campaign_fire_quota(flow, persons, keys, due_at, late_at, epoch);
        RETURN;
    END IF;
    -- below four, what a set is asked costs more than the persons; who gets the last codes of a pool is found one by one
    IF cardinality(persons) > 3 AND (flow.spec ->> 'coupon_type' IS NULL
            OR crm._loyalty_has_stock(flow.spec ->> 'coupon_type', cardinality(persons))) THEN
        PERFORM crm._campaign_decide_all(flow, persons, keys, due_at, late_at, epoch);
        RETURN;
    END IF;
    reaches := ARRAY(SELECT crm._campaign_channel(flow, p.id) FROM unnest(persons) WITH ORDINALITY p (id, n) ORDER BY p.n);
    PERFORM crm._campaign_lock_addresses(reaches);
    FOR n IN 1 .. coalesce(cardinality(persons), 0) LOOP
        PERFORM crm._campaign_decide(flow, persons[n], keys[n], due_at, late_at, epoch, reaches[n]);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_fire_locked(crm.flow_row, bigint[], text[], timestamptz, timestamptz, int) IS
    'fires a flow without variants for persons who are locked, ascending, each with its key: many at once or one by one';

CREATE FUNCTION crm._campaign_fire_all(flow crm.flow_row, customer_ids bigint[], occurrence_keys text[], due_at timestamptz,
                                       late_at timestamptz, epoch int) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    persons bigint[];
    keys text[];
BEGIN
    -- persons ascending, then counters in their order; a merge locks both persons, too, so whoever
    -- was merged meanwhile is no more 'active' once the lock is ours
    SELECT array_agg(l.customer_id), array_agg(l.occurrence_key) INTO persons, keys
    FROM (SELECT c.customer_id, g.occurrence_key
          FROM unnest(customer_ids, occurrence_keys) g (id, occurrence_key)
          JOIN crm.customer c ON c.customer_id = g.id
          WHERE c.status = 'active' ORDER BY c.customer_id FOR UPDATE OF c) l;
    IF persons IS NULL THEN
        RETURN 0;
    END IF;
    IF flow.spec ?| '{coupon_type,gifts,variants}' THEN
        PERFORM crm._loyalty_lock_pools(crm._campaign_coupon_types(flow.spec));
    END IF;
    IF flow.spec ? 'variants' THEN
        PERFORM crm._campaign_fire_variants(flow, persons, keys, due_at, late_at, epoch);
    ELSE
        PERFORM crm._campaign_fire_locked(flow, persons, keys, due_at, late_at, epoch);
    END IF;
    RETURN cardinality(persons);
END
$$;
COMMENT ON FUNCTION crm._campaign_fire_all(crm.flow_row, bigint[], text[], timestamptz, timestamptz, int) IS
    'fires a flow for current persons, each with its key (parallel arrays); returns how many were there to decide on';

CREATE FUNCTION crm._campaign_fire(flow crm.flow_row, customer_id bigint, occurrence_key text, due_at timestamptz, late_at timestamptz,
                                   epoch int) RETURNS text
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    person bigint;
    reach crm.gate_reach;
BEGIN
    -- by key, in two steps: a plan over a function's answer would look at every person
    person := crm._identity_current(_campaign_fire.customer_id);
    SELECT c.customer_id INTO person FROM crm.customer c WHERE c.customer_id = person AND c.status = 'active' FOR UPDATE;
    IF person IS NULL THEN
        RETURN 'gone';
    END IF;
    flow := crm._campaign_for(flow, person);
    PERFORM crm._loyalty_lock_pools(crm._campaign_coupon_types(flow.spec));
    IF flow.spec ? 'quota' THEN
        flow := crm._campaign_take_quota(flow);
    END IF;
    reach := crm._campaign_channel(flow, person);
    PERFORM crm._campaign_lock_addresses(ARRAY[reach]);
    RETURN crm._campaign_taken(flow, person, occurrence_key, epoch,
        crm._campaign_decide(flow, person, occurrence_key, due_at, late_at, epoch, reach));
END
$$;
COMMENT ON FUNCTION crm._campaign_fire(crm.flow_row, bigint, text, timestamptz, timestamptz, int) IS
    'one occurrence of a flow for whoever an id of any time answers to: locks the person, the pools if it hands out '
    'of one, the quota if there is one, and the counters, then crm._campaign_decide(); gone when nobody does';

CREATE FUNCTION crm._campaign_is_new(flow crm.flow_row, person bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- by person and by key, one step after the other: each an index probe, for most persons the first says no
    IF EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = person AND o.flow_id = flow.flow_id) THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM crm.membership m JOIN crm.source_record r ON r.source_record_id = m.source_record_id
               WHERE m.customer_id = person AND m.valid_to = 'infinity' AND r.kind <> 'receipt'
                 AND (r.is_history OR r.received_at < flow.active_from
                    OR r.registered_on < crm._local_day(flow.active_from, crm._campaign_zone(person)))) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = person AND c.status = 'active');
END
$$;
COMMENT ON FUNCTION crm._campaign_is_new(crm.flow_row, bigint) IS
    'whether a person has no record, history included, that came before the flow was started or was registered on a '
    'day before, and was not welcomed';

CREATE FUNCTION crm._campaign_welcome(flow crm.flow_row, customer_ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    person bigint;
    persons bigint[] := '{}';
BEGIN
    FOR person IN SELECT DISTINCT unnest(customer_ids) LOOP
        IF crm._campaign_is_new(flow, person) THEN
            persons := persons || person;
        END IF;
    END LOOP;
    IF cardinality(persons) > 0 THEN
        PERFORM crm._campaign_fire_all(flow, persons, array_fill('once'::text, ARRAY[cardinality(persons)]), crm.core_now(), 'infinity', 0);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_welcome(crm.flow_row, bigint[]) IS
    'welcomes those whose first record just came; the key holds for ever';

CREATE FUNCTION crm._campaign_as_of(flow crm.flow_row, fired_spec jsonb, occurrence_key text, decided_at timestamptz) RETURNS crm.flow_row
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    flow.spec := crm._campaign_step_spec(coalesce(fired_spec, flow.spec),
            coalesce(substring(occurrence_key FROM '#([0-9]{1,3})$')::int, 1), decided_at);
    RETURN flow;
END
$$;
COMMENT ON FUNCTION crm._campaign_as_of(crm.flow_row, jsonb, text, timestamptz) IS
    'a flow as it is for a message it has sent: the step that the key names, of the spec it fired under (null: of '
    'today''s); an order since the message is the goal';

CREATE FUNCTION crm._campaign_own_key(occurrence_key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT regexp_replace(occurrence_key, '#[0-9]{1,3}$', '') $$;
COMMENT ON FUNCTION crm._campaign_own_key(text) IS 'the key of an enrolment, of the key of one of its steps';

-- Waiting messages whose reason is gone.
CREATE FUNCTION crm._campaign_drop_reached(ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    reached crm.queue_ref[];
BEGIN
    SELECT array_agg(w.ref) INTO reached
    FROM (SELECT ROW(q.customer_id, q.message_id, q.attempt)::crm.queue_ref AS ref
          FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id) JOIN crm.flow f USING (flow_id)
          LEFT JOIN crm.customer_value v ON v.customer_id = crm._identity_current(q.customer_id)
          WHERE q.customer_id = ANY (ids)
            AND f.spec ->> 'goal' = 'order' AND (q.lease_until IS NULL OR q.lease_until < clock_timestamp())
            AND CASE WHEN f.trigger <> 'silence' THEN kind = 'order'
                     ELSE crm._day_text(v.last_day) IS DISTINCT FROM o.occurrence_key
                       OR EXISTS (SELECT FROM crm.value_dirty d WHERE d.customer_id = v.customer_id) END
          ORDER BY q.customer_id, q.message_id FOR UPDATE OF q) w;
    PERFORM crm._outbox_cancel(coalesce(reached, '{}'),
        CASE kind WHEN 'order' THEN 'goal reached: bought' ELSE 'the last purchase is another one now' END);
END
$$;
COMMENT ON FUNCTION crm._campaign_drop_reached(bigint[], text) IS
    'cancels what waits under ids of persons who bought meanwhile, or whose last purchase is another now (a refund, '
    'a merge); kind is that of the facts';

-- What a flow did as it was decided (its tag, its coupon) is no reason against its own message: a part of a rule
-- counts that holds now and did not then.
CREATE FUNCTION crm._campaign_turned(rule jsonb, persons bigint[], since timestamptz) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    part jsonb;
    fitting bigint[];
    turned bigint[] := '{}';
BEGIN
    FOR part IN SELECT p FROM jsonb_array_elements(CASE WHEN rule ? 'any' THEN rule -> 'any'
            ELSE jsonb_build_array(rule) END) p WHERE rule IS NOT NULL LOOP
        fitting := crm._rule_fit(part, persons, crm.core_now());
        turned := turned || ARRAY(SELECT f FROM unnest(fitting) f WHERE f <> ALL (crm._rule_fit(part, fitting, since)));
    END LOOP;
    RETURN turned;
END
$$;
COMMENT ON FUNCTION crm._campaign_turned(jsonb, bigint[], timestamptz) IS
    'those of persons for whom a rule, or one of its alternatives, holds now and did not hold at a moment before';

CREATE FUNCTION crm._campaign_stopped_since(flow crm.flow_row, persons bigint[], occurrence_keys text[], since timestamptz) RETURNS text[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    stoppers text[] := crm._campaign_stoppers(flow, persons, occurrence_keys);
    ruled crm.flow_row := flow;
    branch jsonb := flow.spec -> 'only';
    rules jsonb := jsonb_build_object('superseded_by', flow.spec -> 'superseded_by', 'except', flow.spec -> 'except',
        'goal', CASE jsonb_typeof(flow.spec -> 'goal') WHEN 'object' THEN flow.spec -> 'goal' END,
        'only', CASE WHEN branch ? 'all'
            THEN jsonb_build_object('any', (SELECT jsonb_agg(jsonb_build_object('not', b))
                    FROM jsonb_array_elements(branch -> 'all') b))
                     WHEN branch IS NOT NULL THEN jsonb_build_object('not', branch) END);
    turned bigint[];
    member text;
BEGIN
    IF array_remove(stoppers, NULL) = '{}' OR NOT EXISTS (SELECT FROM crm._campaign_parts(flow.spec) p (part)
            WHERE crm._campaign_acts(p.part) OR p.part ? 'coupon_type') THEN
        RETURN stoppers;
    END IF;
    -- of everybody the tier, the last purchase and an order are asked, then what turned since
    ruled.spec := flow.spec - '{only,except,superseded_by}'::text[] - CASE WHEN jsonb_typeof(rules -> 'goal') = 'object' THEN 'goal' ELSE '' END;
    stoppers := crm._campaign_stoppers(ruled, persons, occurrence_keys);
    FOREACH member IN ARRAY '{only,superseded_by,except,goal}'::text[] LOOP
        turned := crm._campaign_turned(nullif(rules -> member, 'null'), persons, since);
        stoppers := ARRAY(SELECT coalesce(p.stopper, CASE WHEN p.id = ANY (turned) THEN crm._campaign_stop_words(member) END)
                          FROM ROWS FROM (unnest(persons), unnest(stoppers)) WITH ORDINALITY p (id, stopper, n) ORDER BY p.n);
    END LOOP;
    RETURN stoppers;
END
$$;
COMMENT ON FUNCTION crm._campaign_stopped_since(crm.flow_row, bigint[], text[], timestamptz) IS
    'for each person why a flow that was decided at a moment is not to speak any more; null: it is.  Of a flow that '
    'hands something out, what it did itself is none';

CREATE FUNCTION crm._campaign_stopped(messages crm.queue_ref[])
    RETURNS TABLE (customer_id bigint, message_id text, attempt int, channel text, address_hash bytea, reason text)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
DECLARE
    together record;
BEGIN
    -- those of one flow, version, step and moment are asked as a set
    FOR together IN
        SELECT ROW(f.flow_id, f.code, f.name_zh, f.name_en, f.trigger, f.state, f.active_from, f.epoch, f.version, f.spec,
                   f.watermark)::crm.flow_row AS flow, v.spec, k.step_key, o.created_at,
               array_agg(o.customer_id) AS ids, array_agg(o.message_id) AS message_ids, array_agg(m.attempt) AS attempts,
               array_agg(o.channel) AS channels, array_agg(o.address_hash) AS hashes,
               array_agg(CASE WHEN c.merged_into IS NULL THEN o.customer_id
                       ELSE crm._identity_current(o.customer_id) END) AS persons, array_agg(k.own_key) AS keys
        FROM unnest(messages) m JOIN crm.outbox o ON o.customer_id = m.customer_id AND o.message_id = m.message_id
            JOIN crm.flow f ON f.flow_id = o.flow_id
        LEFT JOIN crm.customer c ON c.customer_id = o.customer_id
        CROSS JOIN LATERAL (SELECT crm._campaign_own_key(o.occurrence_key) AS own_key,
                substring(o.occurrence_key FROM '#[0-9]{1,3}$') AS step_key OFFSET 0) k
        LEFT JOIN LATERAL (SELECT n.flow_version FROM crm.occurrence n WHERE n.customer_id = o.customer_id
                           AND n.flow_id = o.flow_id AND n.occurrence_key = o.occurrence_key AND n.epoch >= 0
                           ORDER BY n.fired_at DESC LIMIT 1) n ON true
        LEFT JOIN crm.flow_version v ON v.flow_id = f.flow_id AND v.version = n.flow_version
        WHERE coalesce(v.spec, f.spec) ?| '{except,superseded_by,only,exclude_tiers,steps}'
            OR jsonb_typeof(coalesce(v.spec, f.spec) -> 'goal') = 'object'
        GROUP BY f.flow_id, v.flow_id, v.version, k.step_key, o.created_at
    LOOP
        RETURN QUERY SELECT s.* FROM ROWS FROM (unnest(together.ids), unnest(together.message_ids),
                unnest(together.attempts), unnest(together.channels), unnest(together.hashes),
                unnest(crm._campaign_stopped_since(crm._campaign_as_of(together.flow, together.spec,
                        together.step_key, together.created_at), together.persons, together.keys,
                    together.created_at)))
            s (customer_id, message_id, attempt, channel, address_hash, reason) WHERE s.reason IS NOT NULL;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_stopped(crm.queue_ref[]) IS
    'those of some messages whom a rule of their flow excludes by now, or whose goal is reached, with the reason: '
    'asked of the version each was decided under';

CREATE FUNCTION crm._campaign_drop_stopped(messages crm.queue_ref[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    stopped record;
BEGIN
    SELECT array_agg(s) AS messages,
        array_agg(ROW(s.channel, s.address_hash, NULL)::crm.gate_reach) AS reaches INTO stopped
        FROM crm._campaign_stopped(messages) s;
    IF stopped.messages IS NOT NULL THEN
        PERFORM crm._campaign_lock_addresses(stopped.reaches);      -- all of them in their order, before each reason gives some back
        PERFORM crm._outbox_cancel(array_agg(ROW(s.customer_id, s.message_id, s.attempt)::crm.queue_ref), s.reason)
        FROM unnest(stopped.messages) s (customer_id bigint, message_id text, attempt int, channel text,
                address_hash bytea, reason text) GROUP BY s.reason;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_drop_stopped(crm.queue_ref[]) IS
    'cancels those of waiting messages, which are locked, that crm._campaign_stopped() finds';

CREATE FUNCTION crm._campaign_on_leave(customer_ids bigint[], message_ids text[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._campaign_drop_stopped(ARRAY(
        SELECT ROW(q.customer_id, q.message_id, q.attempt)::crm.queue_ref
        FROM unnest(customer_ids, message_ids) m (customer_id, message_id)
            JOIN crm.outbox_queue q ON q.customer_id = m.customer_id AND q.message_id = m.message_id));
END
$$;
COMMENT ON FUNCTION crm._campaign_on_leave(bigint[], text[]) IS
    'exclusion and goal once more, of messages that waited and are about to leave: of what time, tags, tiers and '
    'segments changed no fact tells';

CREATE FUNCTION crm._campaign_ask_again(customer_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    ids bigint[] := customer_ids || ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.merged_into = ANY (customer_ids));
BEGIN
    -- for most persons nothing waits: one probe says so
    IF NOT EXISTS (SELECT FROM crm.outbox_queue q WHERE q.customer_id = ANY (ids)) THEN
        RETURN;
    END IF;
    IF kind IN ('order', 'refund', 'merge') THEN
        PERFORM crm._campaign_drop_reached(ids, kind);
    END IF;
    PERFORM crm._campaign_drop_stopped(ARRAY(
        SELECT ROW(w.customer_id, w.message_id, w.attempt)::crm.queue_ref
        FROM (SELECT q.* FROM crm.outbox_queue q WHERE q.customer_id = ANY (ids) AND (q.lease_until IS NULL OR q.lease_until < clock_timestamp())
              ORDER BY q.customer_id, q.message_id FOR UPDATE) w));
END
$$;
COMMENT ON FUNCTION crm._campaign_ask_again(bigint[], text) IS
    'whether what waits for persons is still to leave, after facts of a kind, or a merge';

CREATE FUNCTION crm._campaign_join_ways(ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    -- rows that are fired just now are left: who fires them holds them, and waits for the persons
    DELETE FROM crm.enrolment e USING (
        SELECT w.customer_id, w.flow_id, w.epoch, w.occurrence_key FROM crm.enrolment w JOIN crm.flow f USING (flow_id)
        WHERE w.customer_id = ANY (ids) AND f.spec ?| '{event,reentry_days}'
          AND EXISTS (SELECT FROM crm.enrolment b WHERE b.customer_id = ANY (ids) AND b.flow_id = w.flow_id
                      AND (b.since, b.customer_id, b.occurrence_key) < (w.since, w.customer_id, w.occurrence_key))
        FOR UPDATE OF w SKIP LOCKED) later
    WHERE e.customer_id = later.customer_id AND e.flow_id = later.flow_id AND e.epoch = later.epoch AND e.occurrence_key = later.occurrence_key;
END
$$;
COMMENT ON FUNCTION crm._campaign_join_ways(bigint[]) IS
    'of a person''s ways through a flow that one goes once at a time, under whatever ids they began, all but the '
    'first end';

CREATE FUNCTION crm._campaign_take(flow crm.flow_row, customer_ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    began_at timestamptz := clock_timestamp();
BEGIN
    IF flow.trigger = 'welcome' THEN
        PERFORM crm._campaign_welcome(flow, customer_ids);
    ELSE
        PERFORM crm._campaign_enter_by_facts(flow, customer_ids);
    END IF;
    PERFORM crm._cost_note('flow:' || flow.code, CASE flow.trigger WHEN 'welcome' THEN 'member'
        ELSE flow.spec #>> '{event,kind}' END, cardinality(customer_ids), began_at);
END
$$;
COMMENT ON FUNCTION crm._campaign_take(crm.flow_row, bigint[]) IS 'what one flow does about facts of persons, counted';

CREATE FUNCTION crm._campaign_late(code text, customer_ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    flow crm.flow_row;
BEGIN
    FOR flow IN SELECT * FROM crm.flow f WHERE f.code = _campaign_late.code AND f.state = 'active'
        AND f.trigger IN ('welcome', 'event', 'schedule') LOOP
        PERFORM crm._campaign_take(flow, customer_ids);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_late(text, bigint[]) IS
    'what a flow that was put off does about facts that were kept; one that is no longer active does nothing';

CREATE FUNCTION crm._campaign_on_facts(customer_ids bigint[], kind text, is_history boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    flow crm.flow_row;
BEGIN
    IF is_history OR cardinality(customer_ids) = 0 THEN
        RETURN;
    END IF;
    -- queue rows are locked before counters, here as in a claim
    PERFORM crm._campaign_ask_again(customer_ids, kind);
    FOR flow IN SELECT * FROM crm.flow f WHERE f.state = 'active'
        AND (f.trigger = 'welcome' AND kind = 'member' OR f.trigger IN ('event', 'schedule')
            AND f.spec #>> '{event,kind}' = kind)
                ORDER BY f.trigger <> 'welcome', f.flow_id LOOP
        IF NOT crm._put_off('flow:' || flow.code, customer_ids, kind, is_history) THEN
            PERFORM crm._campaign_take(flow, customer_ids);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_on_facts(bigint[], text, boolean) IS
    'new persons are welcomed, waiting messages whose reason is gone cancelled, persons entered, in the commit of '
    'the facts; history does nothing';

CREATE FUNCTION crm._campaign_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    doubled crm.queue_ref[];
BEGIN
    IF kind <> 'merge' OR survivor = other THEN
        RETURN;
    END IF;
    -- what the survivor was told, or is about to be told, is not told again
    SELECT array_agg(w.ref) INTO doubled
    FROM (SELECT ROW(q.customer_id, q.message_id, q.attempt)::crm.queue_ref AS ref
          FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id)
          WHERE q.customer_id = other AND o.flow_id IS NOT NULL AND (q.lease_until IS NULL OR q.lease_until < clock_timestamp())
            AND (EXISTS (SELECT FROM crm.outbox_queue q2 JOIN crm.outbox o2 USING (customer_id, message_id)
                         WHERE q2.customer_id = survivor AND o2.flow_id = o.flow_id)
                 OR EXISTS (SELECT FROM crm.occurrence s
                            WHERE s.customer_id = ANY (crm._identity_cluster(survivor)) AND s.customer_id <> other
                              AND s.flow_id = o.flow_id AND s.occurrence_key = o.occurrence_key))
          ORDER BY q.customer_id, q.message_id FOR UPDATE OF q) w;
    PERFORM crm._outbox_cancel(coalesce(doubled, '{}'), 'merged: the flow has reached this person under another id');
    PERFORM crm._campaign_ask_again(ARRAY[survivor], 'merge'), crm._campaign_join_ways(crm._identity_cluster(survivor));
END
$$;
COMMENT ON FUNCTION crm._campaign_on_membership(bigint, bigint, bigint[], text) IS
    'after a merge one person gets one message of a flow, and goes one way through it; the ledger stays where it is';

CREATE FUNCTION crm._campaign_on_export(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('flow', f.code, 'key', o.occurrence_key,
                        'fired_at', o.fired_at, 'arm', o.arm, 'outcome', o.outcome,
                        'acts', (SELECT jsonb_agg(jsonb_build_object('act', a.act, 'target', a.target,
                                 'acted_at', a.acted_at, 'reason', a.reason) ORDER BY a.act, a.target)
                                 FROM crm.occurrence_act a WHERE a.customer_id = o.customer_id
                                     AND a.flow_id = o.flow_id AND a.epoch = o.epoch
                                     AND a.occurrence_key = o.occurrence_key))
                    ORDER BY o.fired_at), '[]')
            FROM crm.occurrence o JOIN crm.flow f USING (flow_id) WHERE o.customer_id = ANY (crm._identity_cluster(_campaign_on_export.customer_id)));
END
$$;
COMMENT ON FUNCTION crm._campaign_on_export(bigint) IS 'what flows did for a person, and whom else they told of it';
