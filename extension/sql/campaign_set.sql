-- campaign_set: occurrences of many persons at once.  What crm._campaign_gate() and crm._campaign_decide() say of one
-- is said here of a set, by a statement a step; sql/campaign_set.sql holds the two against each other, five hundred
-- persons at random.
--
-- Locks: persons ascending, then counters of addresses by key.  What a person has had is counted in the outbox:
-- whoever counts holds the person. Counters of addresses are counted under the condition that they are not full,
-- which says whether another flow was faster.  Persons who share an address, and keys of one person, are decided one
-- after the other, as if each had come alone, with the counters locked before.
--
-- Each table is asked person by person, by its key (LATERAL ... OFFSET 0): plans are kept, and one that was made
-- while a table was empty would walk the whole of it for each person until somebody analyzes it.

CREATE TYPE crm.gate_verdict AS (customer_id bigint, occurrence_key text, zone text, channel text, address_hash bytea, outcome text, arm text,
    due_at timestamptz, step text, result text, reason text, reach text);
COMMENT ON TYPE crm.gate_verdict IS
    'what the gate says of an occurrence: outcome sent, held, control, or the step that stopped it; the arm; where '
    'and when it would go; the step that decided with its result and reason, and what the step consent said if it '
    'let pass';

CREATE FUNCTION crm._campaign_other_ids(persons bigint[]) RETURNS crm.person_id[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- who was split off takes along what the records did under the id they had
    RETURN ARRAY(
        SELECT ROW(x.person, x.id)::crm.person_id
        FROM (SELECT c.merged_into AS person, c.customer_id AS id FROM unnest(persons) p (id) JOIN crm.customer c ON c.merged_into = p.id
              UNION
              SELECT m.customer_id, b.customer_id FROM unnest(persons) p (id)
              JOIN crm.membership m ON m.customer_id = p.id AND m.valid_to = 'infinity'
              JOIN crm.membership b ON b.source_record_id = m.source_record_id
              WHERE b.valid_to < 'infinity' AND b.customer_id <> m.customer_id) x);
END
$$;
COMMENT ON FUNCTION crm._campaign_other_ids(bigint[]) IS
    'ids besides the current one under which a flow may have fired for current persons: merged ids, and those that '
    'the persons'' records belonged to before a split';

-- No plain SQL, and many rows promised: who joins it hashes it, where the few rows that a planner expects of an array
-- are compared one with each
CREATE FUNCTION crm._campaign_elsewhere(other_ids crm.person_id[]) RETURNS TABLE (person bigint, ids bigint[])
    LANGUAGE plpgsql STABLE ROWS 1000 AS $$ BEGIN RETURN QUERY SELECT i.person, array_agg(i.id) FROM unnest(other_ids) i GROUP BY i.person; END $$;
COMMENT ON FUNCTION crm._campaign_elsewhere(crm.person_id[]) IS 'other ids, gathered by person';

CREATE FUNCTION crm._campaign_reaches(flow crm.flow_row, persons bigint[]) RETURNS crm.gate_reach[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    channels text[] := ARRAY(SELECT jsonb_array_elements_text(flow.spec -> 'channels'));
BEGIN
    IF NOT flow.spec ? 'channels' THEN
        RETURN array_fill(ROW(NULL, NULL, 'sends no message')::crm.gate_reach, ARRAY[cardinality(persons)]);
    END IF;
    -- each record of each person is read once for all; the first of the channels that has an address and consent
    RETURN ARRAY(
        SELECT CASE WHEN f.channel IS NOT NULL THEN ROW(f.channel, f.address, f.channel)::crm.gate_reach
                    ELSE ROW(NULL, NULL, u.reasons)::crm.gate_reach END
        FROM unnest(persons) WITH ORDINALITY p (id, n)
        LEFT JOIN (
            SELECT DISTINCT ON (r.n) r.n, r.channel, r.address
            FROM (SELECT x.n, x.k, x.id, x.channel, x.monthly_cap, (array_agg(x.value_hash) FILTER (WHERE x.value_hash IS NOT NULL))[1] AS address,
                         count(x.state) > 0 AND NOT bool_or(coalesce(x.state, '') = 'no' OR x.is_out) AS is_agreed
                  FROM (SELECT p.n, p.id, v.k, v.channel, v.monthly_cap, i.value_hash, c.state,
                               i.value_hash IS NOT NULL AND EXISTS (SELECT FROM crm.opt_out o
                                       WHERE o.channel = v.channel AND o.address_hash = i.value_hash) AS is_out
                        FROM unnest(persons) WITH ORDINALITY p (id, n)
                        CROSS JOIN (SELECT c.k, c.channel, ch.identifier_kind, ch.monthly_cap FROM unnest(channels) WITH ORDINALITY c (channel, k)
                                    JOIN crm.channel ch ON ch.channel = c.channel AND ch.endpoint IS NOT NULL OFFSET 0) v
                        JOIN crm.membership m ON m.customer_id = p.id AND m.valid_to = 'infinity'
                        LEFT JOIN LATERAL (     -- apart, so that the index is asked for the kind, too
                            SELECT ri.value_hash, ri.last_seen_at
                            FROM crm.record_identifier ri JOIN crm.identifier i ON i.kind = ri.kind
                                AND i.value_hash = ri.value_hash AND NOT i.is_blocked AND i.value_sealed IS NOT NULL
                            WHERE ri.source_record_id = m.source_record_id AND ri.kind = v.identifier_kind AND ri.ended_at IS NULL OFFSET 0) i ON true
                        LEFT JOIN LATERAL (SELECT c.state FROM crm.consent c WHERE c.source_record_id = m.source_record_id AND c.channel = v.channel
                                           ORDER BY c.occurred_at DESC, c.consent_id DESC LIMIT 1) c ON true
                        ORDER BY p.n, v.k, i.last_seen_at DESC, i.value_hash OFFSET 0) x
                  GROUP BY x.n, x.k, x.id, x.channel, x.monthly_cap OFFSET 0) r
            WHERE r.is_agreed AND r.address IS NOT NULL AND NOT (r.monthly_cap IS NOT NULL
                    AND crm._outbox_month_is_full(r.channel, crm._identity_cluster(r.id)))
            ORDER BY r.n, r.k) f ON f.n = p.n
        LEFT JOIN LATERAL (     -- of whom none reaches, why: a reason for each
            SELECT string_agg(format('%s: %s', c.channel, CASE WHEN ch.endpoint IS NULL THEN 'no endpoint carries it'
                                     WHEN r.addresses = '{}' THEN 'no address'
                                     WHEN r.consent = 'yes' THEN 'as many this month as it allows'
                                                 ELSE 'consent ' || r.consent END), ', ' ORDER BY c.k) AS reasons
            FROM unnest(channels) WITH ORDINALITY c (channel, k) LEFT JOIN crm.channel ch ON ch.channel = c.channel
            CROSS JOIN LATERAL crm._outbox_reach(p.id, c.channel) r WHERE f.n IS NULL) u ON true
        ORDER BY p.n);
END
$$;
COMMENT ON FUNCTION crm._campaign_reaches(crm.flow_row, bigint[]) IS
    'for each person the first channel of the flow that has consent and an address; the channel null with the '
    'reason for each otherwise, or as the flow sends no message';

CREATE FUNCTION crm._campaign_all_reached(flow crm.flow_row, persons bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF jsonb_typeof(flow.spec -> 'goal') = 'object' THEN
        RETURN crm._rule_fit(flow.spec -> 'goal', persons, crm.core_now());
    ELSIF flow.spec ->> 'goal' = 'order' AND flow.spec ? 'since' THEN
        RETURN ARRAY(
            SELECT p.id FROM unnest(persons) p (id) WHERE EXISTS (
                SELECT FROM crm.membership m JOIN crm.customer_order o USING (source_record_id)
                WHERE m.customer_id = p.id AND m.valid_to = 'infinity' AND o.is_current AND o.kind = 'sale'
                  AND o.ordered_at > (flow.spec ->> 'since')::timestamptz));
    END IF;
    RETURN '{}';
END
$$;
COMMENT ON FUNCTION crm._campaign_all_reached(crm.flow_row, bigint[]) IS
    'those who have reached the goal: its rule holds, or an order came since the enrolment began (spec member '
    'since, of an enrolment)';

-- Those of a rule of the flow; whom it does not name are nobody.
CREATE FUNCTION crm._campaign_fitting(flow crm.flow_row, member text, persons bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN CASE WHEN flow.spec ? member THEN crm._rule_fit(flow.spec -> member, persons, crm.core_now()) ELSE '{}' END; END $$;
COMMENT ON FUNCTION crm._campaign_fitting(crm.flow_row, text, bigint[]) IS
    'those of the persons whom a rule of the flow (only, except, superseded_by) means now; none when it has none';

CREATE FUNCTION crm._campaign_stoppers(flow crm.flow_row, persons bigint[], occurrence_keys text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    branch bigint[] := crm._campaign_fitting(flow, 'only', persons);
    superseded bigint[] := crm._campaign_fitting(flow, 'superseded_by', persons);
    excluded bigint[] := crm._campaign_fitting(flow, 'except', persons);
    reached bigint[] := crm._campaign_all_reached(flow, persons);
    goal text := crm._campaign_stop_words('goal') || CASE WHEN flow.spec ->> 'goal' = 'order' THEN ': bought' ELSE '' END;
    tiers jsonb := flow.spec -> 'exclude_tiers';
    is_branch boolean := flow.spec ? 'only';
BEGIN
    RETURN ARRAY(
        SELECT CASE WHEN tiers ? coalesce(v.tier, 'P') THEN 'tier ' || coalesce(v.tier, 'P') || ' is excluded'
                    WHEN flow.trigger = 'silence' AND crm._day_text(v.last_day) IS DISTINCT FROM p.key
                        THEN format('last purchase is %s now', coalesce(crm._day_text(v.last_day), 'none'))
                    WHEN is_branch AND b.id IS NULL THEN crm._campaign_stop_words('only')
                    WHEN s.id IS NOT NULL THEN crm._campaign_stop_words('superseded_by')
                    WHEN e.id IS NOT NULL THEN crm._campaign_stop_words('except')
                    WHEN g.id IS NOT NULL THEN goal END
        FROM ROWS FROM (unnest(persons), unnest(occurrence_keys)) WITH ORDINALITY p (id, key, n)
        LEFT JOIN LATERAL (SELECT x.tier, x.last_day FROM crm.customer_value x WHERE x.customer_id = p.id OFFSET 0) v ON true
        LEFT JOIN unnest(branch) b (id) ON b.id = p.id LEFT JOIN unnest(superseded) s (id) ON s.id = p.id
        LEFT JOIN unnest(excluded) e (id) ON e.id = p.id LEFT JOIN unnest(reached) g (id) ON g.id = p.id ORDER BY p.n);
END
$$;
COMMENT ON FUNCTION crm._campaign_stoppers(crm.flow_row, bigint[], text[]) IS
    'for each person why it is excluded or has reached the goal; null: neither';

CREATE FUNCTION crm._campaign_arms(flow crm.flow_row, persons bigint[], other_ids crm.person_id[]) RETURNS text[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    below numeric := 100 * (flow.spec ->> 'holdout_percent')::numeric;
    of_all numeric := crm._campaign_held_percent();
BEGIN
    -- once assigned, for ever: a later occurrence and a merge keep the arm of the survivor
    RETURN ARRAY(
        SELECT coalesce(
            -- of most there is none, and nothing to be sorted
            CASE WHEN (SELECT true FROM crm.occurrence o WHERE o.customer_id = p.id AND o.flow_id = flow.flow_id LIMIT 1) THEN
                (SELECT o.arm FROM crm.occurrence o WHERE o.customer_id = p.id AND o.flow_id = flow.flow_id AND o.arm <> 'none' AND o.epoch >= 0
                 ORDER BY o.fired_at LIMIT 1) END,
            CASE WHEN e.ids IS NOT NULL THEN
                (SELECT o.arm FROM crm.occurrence o WHERE o.customer_id = ANY (e.ids) AND o.flow_id = flow.flow_id
                 AND o.arm <> 'none' AND o.epoch >= 0
                 ORDER BY o.fired_at LIMIT 1) END,
            CASE WHEN crm._campaign_is_held(p.id, of_all) OR crm._campaign_bucket('holdout', flow.code, p.id) < below
                THEN 'control' ELSE 'treatment' END)
        FROM unnest(persons) WITH ORDINALITY p (id, n) LEFT JOIN crm._campaign_elsewhere(other_ids) e ON e.person = p.id ORDER BY p.n);
END
$$;
COMMENT ON FUNCTION crm._campaign_arms(crm.flow_row, bigint[], crm.person_id[]) IS
    'for each person treatment or control, by a fixed bucket of the flow or that of all flows, sticky';

CREATE FUNCTION crm._campaign_capped(flow crm.flow_row, persons bigint[], other_ids crm.person_id[],
                                     reaches crm.gate_reach[], moments timestamptz[], zones text[]) RETURNS text[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    per text := flow.spec ->> 'cap_per';
    days int := flow.spec ->> 'cap_days';
    most int := flow.spec ->> 'cap_messages';
    spoken text := crm._campaign_cap_words(flow.spec);
    has_house boolean := EXISTS (SELECT FROM crm.message_cap);
BEGIN
    RETURN ARRAY(
        SELECT CASE WHEN a.sent >= most THEN format('superseded: %s of %s address', a.sent, spoken)
                    WHEN o.sent >= most THEN format('superseded: %s of %s person', o.sent, spoken)
                    WHEN has_house THEN crm._campaign_house_cap(flow, p.id || e.ids, p.channel, p.at, p.zone) END
        FROM ROWS FROM (unnest(persons), unnest(reaches), unnest(moments), unnest(zones)) WITH ORDINALITY p (id,
                channel, address_hash, reason, at, zone, n)
        LEFT JOIN crm._campaign_elsewhere(other_ids) e ON e.person = p.id
        CROSS JOIN LATERAL (SELECT CASE WHEN per IS NULL THEN p.at - make_interval(days => days)
                                   ELSE (crm._campaign_span(per, days, p.at, p.zone)).after END AS after,
                                   CASE WHEN per IS NULL THEN 'infinity'
                                       ELSE (crm._campaign_span(per, days, p.at,
                                               p.zone)).before END AS before OFFSET 0) w
        LEFT JOIN LATERAL (SELECT x.sent_at FROM crm.contact_cap x
                WHERE x.cap_key = crm._outbox_cap_key(p.channel, p.address_hash) OFFSET 0) c ON true
        CROSS JOIN LATERAL (SELECT CASE WHEN c.sent_at <> '{}' THEN (SELECT count(*) FROM unnest(c.sent_at) s
                    WHERE s > w.after AND s < w.before) ELSE 0 END AS sent OFFSET 0) a
        CROSS JOIN LATERAL crm._outbox_had(p.id || e.ids, w.after, w.before) o
        ORDER BY p.n);
END
$$;
COMMENT ON FUNCTION crm._campaign_capped(crm.flow_row, bigint[], crm.person_id[], crm.gate_reach[], timestamptz[], text[]) IS
    'for each person which cap stops a message at a moment: the flow''s, per address and per person under all ids, '
    'then those of the house; null: none';

-- A decision before anything about the persons is asked: the flow does not run, or it is too late.
CREATE FUNCTION crm._campaign_gate_shut(flow crm.flow_row, persons bigint[], occurrence_keys text[], due_at timestamptz, late_at timestamptz)
    RETURNS SETOF crm.gate_verdict
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF flow.state <> 'active' THEN
        RETURN QUERY SELECT p.id, p.key, NULL::text, NULL::text, NULL::bytea, 'active', 'none', NULL::timestamptz,
            'active', 'stop', 'flow is ' || flow.state, NULL::text
            FROM ROWS FROM (unnest(persons), unnest(occurrence_keys)) p (id, key);
    ELSIF crm.core_now() >= late_at THEN
        RETURN QUERY SELECT p.id, p.key, NULL::text, NULL::text, NULL::bytea, 'late', 'none', NULL::timestamptz, 'late', 'stop',
                   'missed: it was due ' || crm._campaign_clock(due_at, crm._campaign_zone(p.id)), NULL::text
            FROM ROWS FROM (unnest(persons), unnest(occurrence_keys)) p (id, key);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_gate_shut(crm.flow_row, bigint[], text[], timestamptz, timestamptz) IS
    'the gate''s first two steps, which stop everybody or nobody: no row when they let pass';

CREATE FUNCTION crm._campaign_gate_all(flow crm.flow_row, persons bigint[], occurrence_keys text[], due_at timestamptz, late_at timestamptz,
                                   other_ids crm.person_id[], reaches crm.gate_reach[]) RETURNS crm.gate_verdict[]
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    planned timestamptz := greatest(due_at, crm.core_now());
    sends boolean := flow.spec ? 'channels';
    home_zone text := crm._setting('core.time_zone') #>> '{}';
    zones text[];
    moments timestamptz[];
    why text[];
    stoppers text[];
    arms text[];
    holders bigint[] := '{}';
    gone text := crm._campaign_offer_gone(flow);
    capped text[];
    verdicts crm.gate_verdict[] := ARRAY(SELECT g FROM crm._campaign_gate_shut(flow, persons, occurrence_keys, due_at, late_at) g);
BEGIN
    IF verdicts <> '{}' THEN
        RETURN verdicts;
    END IF;
    zones := ARRAY(SELECT coalesce(s.time_zone, home_zone) FROM unnest(persons) WITH ORDINALITY p (id, n)
                   LEFT JOIN LATERAL (SELECT x.home_store_id FROM crm.customer x WHERE x.customer_id = p.id OFFSET 0) c ON true
                   LEFT JOIN crm.store s ON s.store_id = c.home_store_id ORDER BY p.n);
    stoppers := crm._campaign_stoppers(flow, persons, occurrence_keys);
    arms := crm._campaign_arms(flow, persons, other_ids);
    IF flow.spec ->> 'coupon_type' IS NOT NULL THEN
        holders := crm._loyalty_holders(persons, other_ids, flow.spec ->> 'coupon_type', (flow.spec ->> 'offer_days')::int);
    END IF;
    IF sends THEN
        SELECT l.moments, l.why INTO moments, why FROM crm._campaign_leave_all(flow, persons, zones, planned, late_at) l;
        capped := crm._campaign_capped(flow, persons, other_ids, reaches, moments, zones);
    END IF;
    RETURN ARRAY(
        SELECT ROW(p.id, p.key, p.zone, p.channel, p.address_hash,
            CASE d.decided WHEN 3 THEN 'consent' WHEN 4 THEN 'exclusion' WHEN 5 THEN 'control' WHEN 6 THEN CASE
                WHEN d.has_offer THEN 'offer' ELSE 'sent' END
                WHEN 7 THEN 'cap' ELSE CASE WHEN p.held >= late_at THEN 'late' WHEN p.held > planned THEN 'held' ELSE 'sent' END END,
            CASE WHEN d.decided < 5 THEN 'none' ELSE p.arm END,
            CASE WHEN d.decided = 6 AND NOT d.has_offer THEN planned WHEN d.decided = 8 AND p.held < late_at THEN p.held END,
            (ARRAY['active', 'late', 'consent', 'exclusion', 'holdout', 'offer', 'cap', 'quiet'])[d.decided],
            CASE WHEN d.decided < 6 OR d.decided = 7 OR d.has_offer OR p.held >= late_at THEN 'stop'
                WHEN d.decided = 8 AND p.held > planned THEN 'hold' ELSE 'pass' END,
            CASE d.decided WHEN 3 THEN p.reach WHEN 4 THEN p.stopper WHEN 5 THEN 'in the control group'
                WHEN 6 THEN CASE WHEN d.is_holder THEN 'holds or used an equal or better offer' WHEN d.has_offer THEN gone
                            ELSE 'no equal or better offer' END
                WHEN 7 THEN p.capped ELSE CASE WHEN p.held >= late_at THEN 'missed: its day is over when the quiet hours end'
                                               WHEN p.held > planned THEN p.why || crm._campaign_clock(p.held, p.zone) ELSE 'no quiet hours' END END,
            CASE WHEN d.decided > 3 THEN p.reach END)::crm.gate_verdict
        FROM ROWS FROM (unnest(persons), unnest(occurrence_keys), unnest(zones), unnest(reaches), unnest(stoppers),
             unnest(arms), unnest(capped), unnest(moments),
             unnest(why)) WITH ORDINALITY p (id, key, zone, channel, address_hash, reach, stopper, arm, capped, held, why, n)
        LEFT JOIN unnest(holders) h (id) ON h.id = p.id
        -- the first step, in their order, that has something against it; else the last there is
        CROSS JOIN LATERAL (
            SELECT CASE WHEN sends AND p.channel IS NULL THEN 3 WHEN p.stopper IS NOT NULL THEN 4 WHEN p.arm = 'control' THEN 5
                        WHEN o.has_offer OR NOT sends THEN 6 WHEN p.capped IS NOT NULL THEN 7 ELSE 8 END AS decided, o.has_offer, o.is_holder
            FROM (SELECT h.id IS NOT NULL AS is_holder, h.id IS NOT NULL OR gone IS NOT NULL AS has_offer OFFSET 0) o OFFSET 0) d
        ORDER BY p.n);
END
$$;
COMMENT ON FUNCTION crm._campaign_gate_all(crm.flow_row, bigint[], text[], timestamptz, timestamptz, crm.person_id[], crm.gate_reach[]) IS
    'the gate, in its one order: active, late, consent, exclusion and goal, holdout, offer, caps, quiet hours and '
    'best hour, for current persons each with its key, in their order; says what crm._campaign_gate() says of each '
    '(other_ids, reaches: those of crm._campaign_other_ids() and crm._campaign_reaches())';

CREATE FUNCTION crm._campaign_lock_addresses(reaches crm.gate_reach[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    keys bytea[] := ARRAY(SELECT DISTINCT crm._outbox_cap_key(r.channel, r.address_hash) AS key FROM unnest(reaches) r
            WHERE r.channel IS NOT NULL ORDER BY key);
BEGIN
    INSERT INTO crm.contact_cap (cap_key) SELECT k FROM unnest(keys) k ON CONFLICT DO NOTHING;
    PERFORM FROM crm.contact_cap c WHERE c.cap_key = ANY (keys) ORDER BY c.cap_key FOR UPDATE;
END
$$;
COMMENT ON FUNCTION crm._campaign_lock_addresses(crm.gate_reach[]) IS
    'locks the counters of addresses, in their order, so that two flows cannot both be the last one allowed';

-- What the gate let through: coupons, then messages that tell of them, counted; and tasks.
CREATE FUNCTION crm._campaign_messages(flow crm.flow_row, going crm.gate_verdict[], coupons crm.coupon_ref[],
                                       late_at timestamptz, epoch int) RETURNS crm.message_row[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    expires_at timestamptz := CASE WHEN late_at < 'infinity' THEN late_at END;
    tells boolean := crm._campaign_tells(flow);
    has_more boolean := tells OR flow.spec ? 'link';
BEGIN
    RETURN ARRAY(
        WITH given AS MATERIALIZED (
            SELECT * FROM ROWS FROM (unnest(going), unnest(coupons)) WITH ORDINALITY
                g (customer_id, occurrence_key, zone, channel, address_hash, outcome, arm, due_at, step, result,
                    reason, reach, holder, coupon_id, code, value, valid_until, n)),
        voice AS MATERIALIZED (         -- asked once a channel and zone, which share the coupon's value and its last day
            SELECT ch.channel, ch.endpoint, s.zone, t.is_dressed, crm._campaign_quiet(flow, s.zone) AS quiet,
                   replace(replace(t.body, '{{coupon_value}}', coalesce(trim_scale(s.value)::text, '')),
                           '{{valid_until}}', coalesce(crm._campaign_last_day(s.valid_until, s.zone), '')) AS body
            FROM (SELECT g.channel, g.zone, min(g.value) AS value, min(g.valid_until) AS valid_until FROM given g GROUP BY g.channel, g.zone) s
            JOIN crm.channel ch ON ch.channel = s.channel
            LEFT JOIN LATERAL (SELECT t.body, t.subject IS NOT NULL OR t.html IS NOT NULL OR t.vendor_template IS NOT NULL AS is_dressed
                               FROM crm.template t WHERE t.template = flow.spec ->> 'template'
                                       AND t.channel = ch.channel ORDER BY t.language DESC LIMIT 1) t ON true)
        SELECT ROW(g.customer_id, crm._campaign_message_id(flow.flow_id, epoch, g.customer_id, g.occurrence_key), g.channel, v.endpoint, flow.flow_id,
                   g.occurrence_key, true, g.address_hash,
                   CASE WHEN v.is_dressed THEN b.said || crm._outbox_dress(flow.spec ->> 'template', g.channel,
                            (SELECT jsonb_object_agg(x, crm._campaign_fill('{{' || x || '}}', w.who, g.code, g.value,
                                        g.valid_until, g.zone, l.more)) FROM unnest(crm._outbox_variables()) x))
                        ELSE b.said END,
                   g.due_at, expires_at, NULL, v.quiet)::crm.message_row
        FROM given g JOIN voice v ON v.channel = g.channel AND v.zone = g.zone
        LEFT JOIN LATERAL (SELECT crm._outbox_plain(x.name) AS who FROM crm.customer_private x WHERE x.customer_id = g.customer_id OFFSET 0) w ON true
        CROSS JOIN LATERAL (SELECT CASE WHEN has_more THEN crm._campaign_more(flow, g.customer_id,
                    crm._campaign_message_id(flow.flow_id, epoch, g.customer_id, g.occurrence_key), g.zone,
                    tells) END AS more OFFSET 0) l
        CROSS JOIN LATERAL (SELECT jsonb_build_object('flow', flow.code,
                    'text', crm._campaign_fill(v.body, w.who, g.code, NULL, NULL, g.zone, l.more)) AS said OFFSET 0) b
        ORDER BY g.n);
END
$$;
COMMENT ON FUNCTION crm._campaign_messages(crm.flow_row, crm.gate_verdict[], crm.coupon_ref[], timestamptz, int) IS
    'the messages of occurrences that go, in their order, each with its coupon if there is one; those without a '
    'channel have none';

CREATE FUNCTION crm._campaign_round(flow crm.flow_row, persons bigint[], occurrence_keys text[], other_ids crm.person_id[], reaches crm.gate_reach[],
                                    due_at timestamptz, late_at timestamptz, epoch int, is_shadow boolean) RETURNS bigint
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    decided crm.gate_verdict[] := CASE WHEN cardinality(persons) > 0
        THEN crm._campaign_gate_all(flow, persons, occurrence_keys, due_at, late_at, other_ids, reaches)
        ELSE '{}' END;
    going crm.gate_verdict[] := ARRAY(SELECT g FROM unnest(decided) g WHERE g.outcome IN ('sent', 'held') AND NOT is_shadow ORDER BY g.customer_id);
    coupons crm.coupon_ref[] := '{}';
    messages crm.message_row[] := '{}';
BEGIN
    IF cardinality(going) > 0 AND flow.spec ->> 'coupon_type' IS NOT NULL THEN
        coupons := crm._loyalty_issue_all(ARRAY(SELECT g.customer_id FROM unnest(going) g), flow.spec ->> 'coupon_type', flow.flow_id,
            ARRAY(SELECT g.occurrence_key FROM unnest(going) g), ARRAY(SELECT g.zone FROM unnest(going) g));
    END IF;
    IF cardinality(going) > 0 AND crm._campaign_acts(flow.spec) THEN
        PERFORM crm._campaign_act(flow, g.customer_id, g.occurrence_key, _campaign_round.epoch, g.due_at) FROM unnest(going) g;
    END IF;
    IF cardinality(going) > 0 AND flow.spec ? 'channels' THEN
        messages := crm._campaign_messages(flow, going, coupons, late_at, _campaign_round.epoch);
        -- before the counters, for queue rows come first
        PERFORM crm._outbox_put_all(messages);
        IF NOT crm._outbox_count(messages, CASE WHEN NOT flow.spec ? 'cap_per'
                THEN (flow.spec ->> 'cap_messages')::int END, (flow.spec ->> 'cap_days')::int) THEN
            RAISE EXCEPTION 'another flow has just reached one of these addresses' USING ERRCODE = 'serialization_failure',
                HINT = 'The set is decided again with the counters locked.';
        END IF;
        IF flow.spec ? 'link' THEN
            PERFORM crm._campaign_put_links(flow, ARRAY(SELECT m.customer_id FROM unnest(messages) m),
                ARRAY(SELECT m.message_id FROM unnest(messages) m));
        END IF;
    END IF;
    INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome,
            message_id, coupon_id, flow_version, variant, step, result, reason, reach)
    SELECT d.customer_id, flow.flow_id, _campaign_round.epoch, d.occurrence_key, crm.core_now(), coalesce(d.due_at, _campaign_round.due_at),
           d.arm, d.outcome, m.message_id, k.coupon_id, flow.version, CASE d.arm
               WHEN 'treatment' THEN flow.spec ->> 'variant' END, d.step, d.result, d.reason, d.reach
    FROM unnest(decided) d
    LEFT JOIN (SELECT u.customer_id, u.message_id FROM unnest(messages) u) m ON m.customer_id = d.customer_id
    LEFT JOIN (SELECT u.customer_id, u.coupon_id FROM unnest(coupons) u) k ON k.customer_id = d.customer_id;
    RETURN cardinality(decided);
END
$$;
COMMENT ON FUNCTION crm._campaign_round(crm.flow_row, bigint[], text[], crm.person_id[], crm.gate_reach[], timestamptz, timestamptz, int, boolean) IS
    'occurrences of persons who are locked, no two of them of one person or one address: gate, coupons, messages, '
    'tasks and gifts, ledger; returns how many';

-- What has not fired yet, split into what can be decided at once and what waits for another of it.
CREATE FUNCTION crm._campaign_apart(flow crm.flow_row, persons bigint[], occurrence_keys text[],
                                    other_ids crm.person_id[], reaches crm.gate_reach[], epoch int,
                                    OUT ready int[], OUT waiting int[])
    LANGUAGE plpgsql STABLE SET enable_nestloop = off AS     -- what is joined is arrays: hashed, not compared one with each
$$
DECLARE
    open int[];
    is_apart boolean;
BEGIN
    SELECT coalesce(array_agg(w.n ORDER BY w.n), '{}'), count(*) = count(DISTINCT w.id)
        AND count(w.address_hash) = count(DISTINCT w.address_hash) INTO open, is_apart
    FROM ROWS FROM (unnest(persons), unnest(occurrence_keys), unnest(reaches)) WITH ORDINALITY w (id, key, channel, address_hash, reason, n)
    LEFT JOIN crm._campaign_elsewhere(other_ids) e ON e.person = w.id
    WHERE (SELECT true FROM crm.occurrence o WHERE o.customer_id = w.id AND o.flow_id = flow.flow_id AND o.epoch = _campaign_apart.epoch
           AND o.occurrence_key = w.key) IS NULL
      AND (e.ids IS NULL OR NOT EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = ANY (e.ids) AND o.flow_id = flow.flow_id
                                        AND o.epoch = _campaign_apart.epoch AND o.occurrence_key = w.key));
    IF is_apart AND NOT EXISTS (SELECT i.id FROM unnest(other_ids) i INTERSECT SELECT unnest(persons)) THEN
        ready := open;
        waiting := '{}';
        RETURN;
    END IF;
    SELECT coalesce(array_agg(f.n ORDER BY f.n) FILTER (WHERE f.is_first), '{}'),
        coalesce(array_agg(f.n ORDER BY f.n) FILTER (WHERE NOT f.is_first), '{}')
    INTO ready, waiting
    FROM (SELECT w.n, row_number() OVER (PARTITION BY w.id ORDER BY w.n) = 1
                 AND (w.channel IS NULL OR row_number() OVER (PARTITION BY w.channel, w.address_hash ORDER BY w.n) = 1)
                 AND coalesce(b.n >= w.n, true) AS is_first
          FROM ROWS FROM (unnest(persons), unnest(reaches)) WITH ORDINALITY w (id, channel, address_hash, reason, n)
          JOIN unnest(open) u (n) ON u.n = w.n
          LEFT JOIN (SELECT i.person, min(p.n) AS n FROM unnest(other_ids) i JOIN unnest(persons) WITH ORDINALITY p (id, n) ON p.id = i.id
                     GROUP BY i.person) b ON b.person = w.id) f;
END
$$;
COMMENT ON FUNCTION crm._campaign_apart(crm.flow_row, bigint[], text[], crm.person_id[], crm.gate_reach[], int) IS
    'places of occurrences that have not fired under any id of the person: ready are the first of their person, '
    'under all its ids, and of their address, waiting the others';

CREATE FUNCTION crm._campaign_decide_all(flow crm.flow_row, persons bigint[], occurrence_keys text[],
                                         due_at timestamptz, late_at timestamptz, epoch int) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    other_ids crm.person_id[] := crm._campaign_other_ids(persons);
    reaches crm.gate_reach[] := crm._campaign_reaches(flow, persons);
    is_shadow boolean := coalesce((flow.spec ->> 'shadow')::boolean, false);
    decided bigint := 0;
    split record;
BEGIN
    IF is_shadow THEN
        epoch := -1 - epoch;    -- keys of their own: what was only tried may still happen
    END IF;
    SELECT * INTO split FROM crm._campaign_apart(flow, persons, occurrence_keys, other_ids, reaches, epoch);
    IF cardinality(split.ready) < cardinality(persons) AND cardinality(split.waiting) = 0 THEN
        persons := ARRAY(SELECT persons[n] FROM unnest(split.ready) n);
        occurrence_keys := ARRAY(SELECT occurrence_keys[n] FROM unnest(split.ready) n);
        reaches := ARRAY(SELECT reaches[n] FROM unnest(split.ready) n);
        split.ready := ARRAY(SELECT generate_series(1, cardinality(persons)));
    END IF;
    -- where nobody shares an address counters need no lock: who counts finds out whether somebody was faster (of
    -- rolling days alone)
    IF cardinality(split.waiting) = 0 AND NOT is_shadow AND NOT flow.spec ? 'cap_per' THEN
        BEGIN
            RETURN crm._campaign_round(flow, persons, occurrence_keys, other_ids, reaches, due_at, late_at, epoch, is_shadow);
        EXCEPTION WHEN serialization_failure THEN
            NULL;
        END;
    END IF;
    PERFORM crm._campaign_lock_addresses(reaches);
    LOOP
        decided := decided + crm._campaign_round(flow, ARRAY(SELECT persons[n] FROM unnest(split.ready) n),
            ARRAY(SELECT occurrence_keys[n] FROM unnest(split.ready) n),
            other_ids, ARRAY(SELECT reaches[n] FROM unnest(split.ready) n), due_at, late_at, epoch, is_shadow);
        EXIT WHEN cardinality(split.waiting) = 0;
        persons := ARRAY(SELECT persons[n] FROM unnest(split.waiting) n);
        occurrence_keys := ARRAY(SELECT occurrence_keys[n] FROM unnest(split.waiting) n);
        reaches := ARRAY(SELECT reaches[n] FROM unnest(split.waiting) n);
        SELECT * INTO split FROM crm._campaign_apart(flow, persons, occurrence_keys, other_ids, reaches, epoch);
    END LOOP;
    RETURN decided;
END
$$;
COMMENT ON FUNCTION crm._campaign_decide_all(crm.flow_row, bigint[], text[], timestamptz, timestamptz, int) IS
    'occurrences of persons who are locked, ascending: each at most once for ever for its key under all ids; '
    'occurrence, coupon and message in this transaction; returns how many were decided, without those that fired '
    'before';
