-- value: the life cycle of a person: stages by rules, the seven nodes of the journey, standings that are entered, kept and lost.

CREATE FUNCTION crm._value_contacts(person bigint, types text[], from_day date, to_day date) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    records bigint[] := ARRAY(SELECT m.source_record_id FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity');
BEGIN
    RETURN (SELECT count(*) FROM crm.event e WHERE e.source_record_id = ANY (records) AND e.ignored_reason IS NULL
              AND (types IS NULL OR e.type = ANY (types)) AND e.business_day BETWEEN from_day AND to_day)
         + CASE WHEN types IS NULL THEN (SELECT count(*) FROM crm.interaction i WHERE i.source_record_id = ANY (records) AND i.is_current
                                           AND i.business_day BETWEEN from_day AND to_day) ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._value_contacts(bigint, text[], date, date) IS
    'events of types in a span of local days; without types all events and interactions';

CREATE FUNCTION crm._value_holds(conditions jsonb, person bigint, chunks crm.purchase_history[], day date) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    one jsonb;
    found bigint;
    plain jsonb := (SELECT coalesce(jsonb_agg(c), '[]') FROM jsonb_array_elements(conditions) c WHERE c ->> 'metric' NOT IN ('events', 'contacts'));
BEGIN
    IF (crm._value_state(jsonb_build_array(jsonb_build_object('tier', 'y', 'conditions', plain), '{"tier": "n", "conditions": []}'::jsonb),
                         crm._purchase_exponent(), chunks, day)).tier <> 'y' THEN
        RETURN false;
    END IF;
    FOR one IN SELECT c FROM jsonb_array_elements(conditions) c WHERE c ->> 'metric' IN ('events', 'contacts') LOOP
        found := crm._value_contacts(person, CASE WHEN one ->> 'metric' = 'events' THEN ARRAY(SELECT jsonb_array_elements_text(one -> 'types')) END,
                                     coalesce(day - (one ->> 'days')::int, '-infinity'), day);
        IF NOT (CASE one ->> 'op' WHEN '>=' THEN found >= (one ->> 'value')::bigint WHEN '<=' THEN found <= (one ->> 'value')::bigint
                                 WHEN '=' THEN found = (one ->> 'value')::bigint WHEN '<' THEN found < (one ->> 'value')::bigint
                                 WHEN '>' THEN found > (one ->> 'value')::bigint END) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION crm._value_holds(jsonb, bigint, crm.purchase_history[], date) IS
    'whether conditions of tiers, and on events and contacts, hold for a person as of the end of a local day; RM501';

CREATE FUNCTION crm._value_stage(person bigint, chunks crm.purchase_history[], day date) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    rule crm.stage_rule;
BEGIN
    FOR rule IN SELECT * FROM crm.stage_rule r ORDER BY r.position LOOP
        IF crm._value_holds(rule.conditions, person, chunks, day) THEN
            RETURN rule.stage;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._value_stage(bigint, crm.purchase_history[], date) IS 'the first stage whose conditions hold';

CREATE FUNCTION crm.value_stage(customer_id bigint, as_of date DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN crm._value_stage(person, crm._purchase_history(person), coalesce(as_of, crm._value_today()));
END
$$;
COMMENT ON FUNCTION crm.value_stage(bigint, date) IS
    'a person''s stage of the life cycle as of the end of a local day (default today), by what was known then: acquisition, nurture, decision, delivery, loyalty, advocacy; P0002';

CREATE FUNCTION crm._value_nodes(person bigint, day date) RETURNS TABLE (node text, occurred_on date)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    quiet int := (crm._setting('value.silence_days') #>> '{}')::int;
    stars numeric := (crm._setting('value.praise_stars') #>> '{}')::numeric;
    records bigint[] := ARRAY(SELECT m.source_record_id FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity');
BEGIN
    RETURN QUERY
    WITH order_day AS (
        SELECT e.day, lag(e.day) OVER (ORDER BY e.day) AS before, lead(e.day) OVER (ORDER BY e.day) AS after
        FROM (SELECT e.day FROM crm.purchase_chunk p, crm.purchase_entries(p.history) e
              WHERE p.source_record_id = ANY (records) AND e.day <= _value_nodes.day AND e.known_day <= _value_nodes.day
              GROUP BY e.day HAVING sum(e.amount_minor) > 0) e)
    SELECT 'registered', c.registered_on FROM crm.customer c WHERE c.customer_id = person AND c.registered_on <= _value_nodes.day
    UNION ALL
    SELECT CASE WHEN o.before IS NULL THEN 'first_order' WHEN o.day - o.before >= quiet THEN 'recall' ELSE 'repurchase' END, o.day FROM order_day o
    UNION ALL
    SELECT 'silence', o.day + quiet FROM order_day o WHERE o.day + quiet <= coalesce(o.after, _value_nodes.day)
    UNION
    SELECT CASE WHEN e.type = 'share' THEN 'referral' ELSE 'praise' END, e.business_day FROM crm.event e
    WHERE e.source_record_id = ANY (records) AND e.ignored_reason IS NULL AND e.business_day <= _value_nodes.day
      AND (e.type = 'share' OR (e.type IN ('review_post', 'rating') AND e.properties ->> 'stars' ~ '^\d{1,3}(\.\d+)?$' AND (e.properties ->> 'stars')::numeric >= stars));
END
$$;
COMMENT ON FUNCTION crm._value_nodes(bigint, date) IS
    'the nodes of a person''s journey up to a local day, by what was known then: an order after a silence is a recall, any other but the first a repurchase';

-- Standings.
CREATE FUNCTION crm._value_standing(person bigint, standing_set text, day date, cause text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    chunks crm.purchase_history[] := crm._purchase_history(person);
    held crm.customer_standing;
    rule crm.standing_rule;
    earned int := 0;
    target int;
    ends date;
BEGIN
    SELECT * INTO held FROM crm.customer_standing h WHERE h.customer_id = person AND h.standing_set = _value_standing.standing_set FOR UPDATE;
    FOR rule IN SELECT * FROM crm.standing_rule r WHERE r.standing_set = _value_standing.standing_set ORDER BY r.rank DESC LOOP
        IF crm._value_holds(rule.entry, person, chunks, day) THEN
            earned := rule.rank;
            EXIT;
        END IF;
    END LOOP;
    target := greatest(earned, coalesce(held.rank, 0));
    -- who no longer keeps what they hold goes down, step by step, to what they keep or have earned, when its grace is over
    WHILE target > earned LOOP
        SELECT * INTO rule FROM crm.standing_rule r WHERE r.standing_set = _value_standing.standing_set AND r.rank = target;
        EXIT WHEN FOUND AND crm._value_holds(rule.keep, person, chunks, day);
        IF FOUND AND target = held.rank THEN
            ends := coalesce(held.lost_on, day + rule.grace_days);
            EXIT WHEN cause IS DISTINCT FROM 'refund' AND day < ends;
        END IF;
        ends := NULL;
        target := coalesce((SELECT max(r.rank) FROM crm.standing_rule r WHERE r.standing_set = _value_standing.standing_set AND r.rank < target), 0);
    END LOOP;
    IF target <> coalesce(held.rank, 0) THEN
        INSERT INTO crm.standing_change (customer_id, standing_set, change_id, changed_on, from_rank, to_rank, cause)
        VALUES (person, _value_standing.standing_set, crm._new_id(), day, coalesce(held.rank, 0), target,
                CASE WHEN target > coalesce(held.rank, 0) THEN 'entry' ELSE coalesce(_value_standing.cause, 'grace over') END);
    END IF;
    INSERT INTO crm.customer_standing AS h (customer_id, standing_set, rank, since, lost_on, as_of)
    VALUES (person, _value_standing.standing_set, target, day, ends, day)
    ON CONFLICT ON CONSTRAINT customer_standing_pkey DO UPDATE
    SET rank = excluded.rank, since = CASE WHEN h.rank = excluded.rank THEN h.since ELSE excluded.since END, lost_on = excluded.lost_on, as_of = excluded.as_of;
END
$$;
COMMENT ON FUNCTION crm._value_standing(bigint, text, date, text) IS
    'moves a person in a set of standings as of a local day: up at once; down when neither entry nor keep holds and grace is over, at once after a refund';

CREATE FUNCTION crm.value_standing(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'standing_set', h.standing_set, 'standing', r.standing, 'name_zh', r.name_zh, 'name_en', r.name_en, 'rank', h.rank, 'since', h.since,
                'lost_on', h.lost_on, 'changes', (
                    SELECT jsonb_agg(jsonb_build_object('on', c.changed_on, 'from', c.from_rank, 'to', c.to_rank, 'cause', c.cause) ORDER BY c.change_id)
                    FROM crm.standing_change c WHERE c.customer_id = person AND c.standing_set = h.standing_set)) ORDER BY h.standing_set), '[]')
            FROM crm.customer_standing h LEFT JOIN crm.standing_rule r ON r.standing_set = h.standing_set AND r.rank = h.rank
            WHERE h.customer_id = person);
END
$$;
COMMENT ON FUNCTION crm.value_standing(bigint) IS
    'a person''s standing in each set: since when, when it will be lost if nothing is bought (null: it is kept), and its changes with their cause; P0002';

-- The nightly walk: stages, nodes and standings of everybody, in pieces.
CREATE FUNCTION crm._value_journey_one(person bigint, day date) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS
$$
DECLARE
    was text := (SELECT s.stage FROM crm.customer_stage s WHERE s.customer_id = person);
    is_now text := crm._value_stage(person, crm._purchase_history(person), day);
    one text;
BEGIN
    IF is_now IS DISTINCT FROM was THEN
        INSERT INTO crm.stage_change (customer_id, changed_on, from_stage, to_stage) VALUES (person, day, was, is_now)
        ON CONFLICT ON CONSTRAINT stage_change_pkey DO UPDATE SET to_stage = excluded.to_stage;
        INSERT INTO crm.customer_stage (customer_id, stage, since, as_of) VALUES (person, is_now, day, day)
        ON CONFLICT ON CONSTRAINT customer_stage_pkey DO UPDATE SET stage = excluded.stage, since = excluded.since, as_of = excluded.as_of;
    END IF;
    DELETE FROM crm.journey_event j WHERE j.customer_id = person
        AND NOT EXISTS (SELECT FROM crm._value_nodes(person, day) n WHERE n.node = j.node AND n.occurred_on = j.occurred_on);
    INSERT INTO crm.journey_event (customer_id, node, occurred_on)
    SELECT person, n.node, n.occurred_on FROM crm._value_nodes(person, day) n ON CONFLICT ON CONSTRAINT journey_event_pkey DO NOTHING;
    FOR one IN SELECT DISTINCT r.standing_set FROM crm.standing_rule r LOOP
        PERFORM crm._value_standing(person, one, day);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._value_journey_one(bigint, date) IS 'brings stage, nodes and standings of a person up to the end of a local day';

CREATE FUNCTION crm._value_journey_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 300;
    day date := crm._value_today() - 1;
    run crm.journey_run;
    persons bigint[];
BEGIN
    INSERT INTO crm.journey_run (as_of) VALUES (day) ON CONFLICT DO NOTHING;
    SELECT * INTO run FROM crm.journey_run x WHERE x.as_of = day FOR UPDATE;
    IF run.finished_at IS NOT NULL THEN
        RETURN 0;
    END IF;
    persons := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > run.applied_to AND c.status = 'active' ORDER BY c.customer_id LIMIT piece);
    PERFORM crm._value_journey_one(p, day) FROM unnest(persons) p;
    UPDATE crm.journey_run x SET applied_to = coalesce(persons[cardinality(persons)], x.applied_to),
        finished_at = CASE WHEN cardinality(persons) < piece THEN crm.core_now() END WHERE x.as_of = day;
    RETURN CASE WHEN cardinality(persons) < piece THEN 0 ELSE 1 END;
END
$$;
COMMENT ON FUNCTION crm._value_journey_job() IS
    'job: stages, nodes and standings as of the last whole local day, 300 persons a piece; a second run of a day does nothing; returns > 0 while there is more to do';

CREATE FUNCTION crm.value_journey(from_day date, to_day date)
    RETURNS TABLE (node text, name_zh text, name_en text, reached bigint, persons bigint, due bigint, attained bigint, attainment numeric, goal text, deadline_days int)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
    SELECT n.node, n.name_zh, n.name_en, count(j.customer_id), count(DISTINCT j.customer_id), count(j.customer_id) FILTER (WHERE j.is_attained OR j.is_over),
           count(j.customer_id) FILTER (WHERE j.is_attained),
           round(count(j.customer_id) FILTER (WHERE j.is_attained)::numeric / nullif(count(j.customer_id) FILTER (WHERE j.is_attained OR j.is_over), 0), 4), n.goal, n.deadline_days
    FROM crm.journey_node n
    LEFT JOIN LATERAL (
        SELECT e.customer_id, e.occurred_on + n.deadline_days <= crm._value_today() - 1 AS is_over,
               EXISTS (SELECT FROM crm.journey_event g WHERE g.customer_id = e.customer_id AND g.occurred_on <= e.occurred_on + n.deadline_days
                         AND g.occurred_on >= e.occurred_on + (n.node <> 'registered')::int
                         AND (g.node = n.goal OR (n.goal = 'repurchase' AND g.node = 'recall'))) AS is_attained
        FROM crm.journey_event e WHERE e.node = n.node AND e.occurred_on BETWEEN from_day AND to_day) j ON true
    GROUP BY n.position, n.node, n.name_zh, n.name_en, n.goal, n.deadline_days ORDER BY n.position
$$;
COMMENT ON FUNCTION crm.value_journey(date, date) IS
    'the seven nodes reached between two local days: how often, by how many persons, how many whose deadline is over or who attained its goal, how many attained it in time, and the rate of these two (any later order is a repurchase here)';

CREATE FUNCTION crm.value_stage_transitions(from_day date, to_day date) RETURNS TABLE (from_stage text, to_stage text, persons bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
    SELECT coalesce(a.stage, 'new'), coalesce(b.stage, 'new'), count(*)
    FROM crm.customer_stage s
    LEFT JOIN LATERAL (SELECT c.to_stage AS stage FROM crm.stage_change c WHERE c.customer_id = s.customer_id AND c.changed_on <= from_day ORDER BY c.changed_on DESC LIMIT 1) a ON true
    LEFT JOIN LATERAL (SELECT c.to_stage AS stage FROM crm.stage_change c WHERE c.customer_id = s.customer_id AND c.changed_on <= to_day ORDER BY c.changed_on DESC LIMIT 1) b ON true
    GROUP BY 1, 2 ORDER BY 1, 2
$$;
COMMENT ON FUNCTION crm.value_stage_transitions(date, date) IS 'how many persons went from which stage of the life cycle on one local day to which on another; new: not yet known';

-- Conversions between tiers, month by month, and the alert when they do not improve.
CREATE FUNCTION crm.value_conversion(from_tier text, to_tier text, months int DEFAULT 6, as_of date DEFAULT NULL)
    RETURNS TABLE (month date, at_start bigint, converted bigint, rate numeric)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
    SELECT k.month, count(t.customer_id), count(t.customer_id) FILTER (WHERE t.has), round(count(t.customer_id) FILTER (WHERE t.has)::numeric / nullif(count(t.customer_id), 0), 6)
    FROM (SELECT (date_trunc('month', coalesce(value_conversion.as_of, crm._value_today())) - make_interval(months => g))::date AS month FROM generate_series(1, least(months, 120)) g) k
    LEFT JOIN LATERAL (
        SELECT v.customer_id, EXISTS (SELECT FROM crm.tier_change c WHERE c.customer_id = v.customer_id AND c.changed_on >= k.month
                                        AND c.changed_on < k.month + interval '1 month' AND c.to_tier = value_conversion.to_tier) AS has
        FROM (SELECT DISTINCT ON (c.customer_id) c.customer_id, c.to_tier AS tier FROM crm.tier_change c WHERE c.changed_on < k.month
              ORDER BY c.customer_id, c.changed_on DESC, c.change_id DESC) l
        JOIN crm.customer_value v ON v.customer_id = l.customer_id WHERE l.tier = value_conversion.from_tier) t ON true
    GROUP BY k.month ORDER BY k.month
$$;
COMMENT ON FUNCTION crm.value_conversion(text, text, int, date) IS
    'of the persons in a tier when a whole month began, how many came into another within it, for the last months before a day (default today); local months';

CREATE FUNCTION crm._value_improvement_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    months int := (crm._setting('value.improvement_months') #>> '{}')::int;
    pair jsonb;
    rates numeric[];
    is_stuck boolean;
BEGIN
    FOR pair IN SELECT * FROM jsonb_array_elements(crm._setting('value.improvement_pairs')) LOOP
        rates := ARRAY(SELECT c.rate FROM crm.value_conversion(pair ->> 0, pair ->> 1, months + 1) c ORDER BY c.month);
        is_stuck := array_position(rates, NULL) IS NULL AND NOT EXISTS (SELECT FROM generate_series(2, months + 1) i WHERE rates[i] > rates[i - 1]);
        IF is_stuck THEN
            INSERT INTO crm.alert (alert_id, kind, key, opened_at, detail)
            VALUES (crm._new_id(), 'value.no_improvement', (pair ->> 0) || '>' || (pair ->> 1), crm.core_now(), jsonb_build_object('rates', to_jsonb(rates), 'months', months))
            ON CONFLICT (kind, key) WHERE closed_at IS NULL DO UPDATE SET detail = excluded.detail;
        ELSE
            UPDATE crm.alert a SET closed_at = crm.core_now()
            WHERE a.kind = 'value.no_improvement' AND a.key = (pair ->> 0) || '>' || (pair ->> 1) AND a.closed_at IS NULL;
        END IF;
    END LOOP;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._value_improvement_job() IS
    'job: opens an alert for each watched conversion that has not risen in the last months, month by month, and closes it when it has; returns 0';

GRANT EXECUTE ON FUNCTION crm.value_stage(bigint, date), crm.value_standing(bigint)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_journey(date, date), crm.value_stage_transitions(date, date), crm.value_conversion(text, text, int, date)
    TO crm_marketer, crm_analyst, crm_headquarters;
