-- value: the life cycle of a person: stages by rules, the seven nodes of the journey, standings that are entered,
-- kept and lost.

CREATE FUNCTION crm._value_contacts(persons bigint[], types text[], from_day date, to_day date)
    RETURNS TABLE (customer_id bigint, type text, day date, stars text)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_nestloop = off SET jit = off AS
$$
DECLARE
    records bigint[];
    map bytea;
BEGIN
    SELECT array_agg(m.source_record_id), crm._rule_map(m.source_record_id, m.customer_id) INTO records, map
    FROM crm.membership m WHERE m.customer_id = ANY (persons) AND m.valid_to >= 'infinity';
    RETURN QUERY        -- a local day lies within two of the moment's own; the index goes by moments
    SELECT crm._rule_person(map, e.source_record_id), e.type, e.business_day, e.properties ->> 'stars' FROM crm.event e
    WHERE e.source_record_id = ANY (records) AND e.occurred_at >= (from_day - 2)::timestamptz AND e.ignored_reason IS NULL
      AND e.business_day BETWEEN from_day AND to_day AND (types IS NULL OR e.type = ANY (types));
    IF types IS NULL THEN
        RETURN QUERY
        SELECT crm._rule_person(map, i.source_record_id), NULL::text, i.business_day, NULL::text FROM crm.interaction i
        WHERE i.source_record_id = ANY (records) AND i.is_current AND i.business_day BETWEEN from_day AND to_day;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._value_contacts(bigint[], text[], date, date) IS
    'events of persons, of types, in a span of local days; without types all events, and interactions (type null)';

-- Stages and standings are rules over purchases and contacts: which of them hold is asked of many persons at once.
CREATE FUNCTION crm._value_of_purchases(condition jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT condition ->> 'metric' NOT IN ('events', 'contacts') $$;
COMMENT ON FUNCTION crm._value_of_purchases(jsonb) IS 'whether a condition is one of tiers; the others count contacts';

CREATE FUNCTION crm._value_compares(found bigint, op text, value bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE op WHEN '>=' THEN found >= value WHEN '<=' THEN found <= value WHEN '=' THEN found = value
                   WHEN '<>' THEN found <> value WHEN '<' THEN found < value WHEN '>' THEN found > value ELSE false END
$$;
COMMENT ON FUNCTION crm._value_compares(bigint, text, bigint) IS
    'compares a number with one by an operator''s name; no such operator: false';

CREATE FUNCTION crm._value_held(rules jsonb, persons bigint[], day date) RETURNS TABLE (customer_id bigint, held int[])
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_nestloop = off SET enable_mergejoin = off SET jit = off AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
    plain jsonb := (SELECT coalesce(jsonb_agg(jsonb_build_object('tier', '-', 'conditions', (
                        SELECT coalesce(jsonb_agg(c), '[]') FROM jsonb_array_elements(r.rule) c
                                        WHERE crm._value_of_purchases(c))) ORDER BY r.no), '[]')
                    FROM jsonb_array_elements(rules) WITH ORDINALITY r (rule, no));
    since date;         -- the first day that a condition on contacts asks about; null: there is none
    types text[];       -- those asked about; null: contacts of every kind
BEGIN
    SELECT min(coalesce(day - (c ->> 'days')::int, '-infinity')),
           CASE WHEN bool_and(c ->> 'metric' = 'events') THEN array_agg(DISTINCT t) END
    INTO since, types
    FROM jsonb_array_elements(rules) r, jsonb_array_elements(r) c
    LEFT JOIN LATERAL jsonb_array_elements_text(c -> 'types') t ON c ->> 'metric' = 'events' WHERE NOT crm._value_of_purchases(c);
    RETURN QUERY
    WITH met AS MATERIALIZED (
        SELECT p.person, crm._value_met(plain, exponent, h.chunks, day) AS rules
        FROM unnest(persons) p (person) LEFT JOIN crm._value_histories(persons) h ON h.customer_id = p.person),
    asked AS MATERIALIZED (
        SELECT r.no::int AS rule_no, row_number() OVER () AS no, c ->> 'op' AS op, (c ->> 'value')::bigint AS value,
            coalesce(day - (c ->> 'days')::int, '-infinity') AS from_day,
               CASE WHEN c ->> 'metric' = 'events' THEN ARRAY(SELECT jsonb_array_elements_text(c -> 'types')) END AS types
        FROM jsonb_array_elements(rules) WITH ORDINALITY r (rule, no), jsonb_array_elements(r.rule) c WHERE NOT crm._value_of_purchases(c)),
    found AS (
        SELECT t.customer_id, a.no, count(*) AS n
        FROM (SELECT x.* FROM crm._value_contacts(persons, types, since, day) x WHERE since IS NOT NULL) t
        JOIN asked a ON t.day >= a.from_day AND (a.types IS NULL OR t.type = ANY (a.types)) GROUP BY 1, 2),
    failed AS (
        SELECT m.person, array_agg(a.rule_no) AS rules
        FROM met m JOIN asked a ON a.rule_no = ANY (m.rules) LEFT JOIN found f ON f.customer_id = m.person AND f.no = a.no
        WHERE NOT crm._value_compares(coalesce(f.n, 0), a.op, a.value) GROUP BY 1)
    SELECT m.person, CASE WHEN f.rules IS NULL THEN m.rules ELSE ARRAY(SELECT r FROM unnest(m.rules) r WHERE r <> ALL (f.rules)) END
    FROM met m LEFT JOIN failed f ON f.person = m.person;
END
$$;
COMMENT ON FUNCTION crm._value_held(jsonb, bigint[], date) IS
    'which rules, each a list of conditions of tiers and on events and contacts, hold for persons as of the end of '
    'a local day: their numbers from 1, ascending; RM501';

CREATE FUNCTION crm._value_stages(persons bigint[], day date) RETURNS TABLE (customer_id bigint, stage text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    stages text[];
    rules jsonb;
BEGIN
    SELECT array_agg(r.stage ORDER BY r.position), jsonb_agg(r.conditions ORDER BY r.position) INTO stages, rules FROM crm.stage_rule r;
    RETURN QUERY SELECT h.customer_id, stages[h.held[1]] FROM crm._value_held(rules, persons, day) h;
END
$$;
COMMENT ON FUNCTION crm._value_stages(bigint[], date) IS
    'the first stage whose conditions hold, of persons; null: none does';

CREATE FUNCTION crm.value_stage(customer_id bigint, as_of date DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN (SELECT s.stage FROM crm._value_stages(ARRAY[person], coalesce(crm._require_day(as_of, 'as_of'), crm._value_today())) s);
END
$$;
COMMENT ON FUNCTION crm.value_stage(bigint, date) IS
    'a person''s stage of the life cycle as of the end of a local day (default today), by what was known then: '
    'acquisition, nurture, decision, delivery, loyalty, advocacy; P0002';

CREATE FUNCTION crm._value_nodes(persons bigint[], day date) RETURNS TABLE (customer_id bigint, node text, occurred_on date)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_nestloop = on SET jit = off AS
$$
DECLARE
    quiet int := (crm._setting('value.silence_days') #>> '{}')::int;
    praise numeric := (crm._setting('value.praise_stars') #>> '{}')::numeric;
BEGIN
    RETURN QUERY
    SELECT c.customer_id, 'registered', c.registered_on FROM crm.customer c WHERE c.customer_id = ANY (persons)
        AND c.registered_on <= _value_nodes.day;
    RETURN QUERY
    WITH order_day AS MATERIALIZED (
        SELECT o.customer_id, o.day, lag(o.day) OVER w AS before, lead(o.day) OVER w AS after
        FROM (SELECT h.customer_id, e.day FROM crm._value_histories(persons) h, unnest(h.chunks) c, crm.purchase_entries(c) e
              WHERE e.day <= _value_nodes.day AND e.known_day <= _value_nodes.day
              GROUP BY h.customer_id, e.day HAVING sum(e.amount_minor) > 0) o
        WINDOW w AS (PARTITION BY o.customer_id ORDER BY o.day))
    SELECT o.customer_id, CASE WHEN o.before IS NULL THEN 'first_order' WHEN o.day - o.before >= quiet THEN 'recall'
        ELSE 'repurchase' END, o.day FROM order_day o
    UNION ALL
    SELECT o.customer_id, 'silence', o.day + quiet FROM order_day o WHERE o.day + quiet <= coalesce(o.after, _value_nodes.day);
    RETURN QUERY
    SELECT DISTINCT t.customer_id, CASE WHEN t.type = 'share' THEN 'referral' ELSE 'praise' END, t.day
    FROM crm._value_contacts(persons, '{share, review_post, rating}', '-infinity', _value_nodes.day) t
    WHERE t.type = 'share' OR CASE WHEN t.stars ~ '^\d{1,3}(\.\d+)?$' THEN t.stars::numeric >= praise END;
END
$$;
COMMENT ON FUNCTION crm._value_nodes(bigint[], date) IS
    'the nodes of persons'' journeys up to a local day, by what was known then: an order after a silence is a '
    'recall, any other but the first a repurchase';

-- Standings.
CREATE FUNCTION crm._value_standing_rules(standing_set text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_agg(r.entry ORDER BY r.rank) || jsonb_agg(r.keep ORDER BY r.rank) FROM crm.standing_rule r
        WHERE r.standing_set = _value_standing_rules.standing_set);
END
$$;
COMMENT ON FUNCTION crm._value_standing_rules(text) IS
    'the entries of a set of standings from the lowest, then what keeps each';

CREATE FUNCTION crm._value_judged(persons bigint[], standing_set text, day date, cause text)
    RETURNS TABLE (customer_id bigint, was int, target int, lost_on date, moves boolean)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_nestloop = off SET enable_mergejoin = off SET jit = off AS
$$
DECLARE
    ranks int[] := ARRAY(SELECT r.rank FROM crm.standing_rule r WHERE r.standing_set = _value_judged.standing_set ORDER BY r.rank);
    n int := cardinality(ranks);
BEGIN
    RETURN QUERY
    WITH person AS (        -- whom a refund has already judged by a later day stays where that left them
        SELECT p.customer_id, h.rank, h.lost_on
        FROM (SELECT c.customer_id FROM crm.customer c WHERE c.customer_id = ANY (persons) AND c.status = 'active') p
        LEFT JOIN (SELECT x.* FROM crm.customer_standing x WHERE x.customer_id = ANY (persons) AND x.standing_set = _value_judged.standing_set) h
            ON h.customer_id = p.customer_id
        WHERE h.as_of IS NULL OR h.as_of <= day),
    judged AS MATERIALIZED (
        SELECT p.customer_id, p.rank, p.lost_on, coalesce(p.rank, 0) AS was,
            coalesce(ranks[(SELECT max(x) FROM unnest(h.held) x WHERE x <= n)], 0) AS earned,
               ARRAY(SELECT ranks[x - n] FROM unnest(h.held) x WHERE x > n) AS kept,
               CASE WHEN r.rank IS NOT NULL THEN coalesce(p.lost_on, day + r.grace_days) END AS ends
        FROM crm._value_held(crm._value_standing_rules(_value_judged.standing_set), ARRAY(SELECT p.customer_id FROM person p), day) h
        JOIN person p ON p.customer_id = h.customer_id
        LEFT JOIN crm.standing_rule r ON r.standing_set = _value_judged.standing_set AND r.rank = p.rank),
    placed AS MATERIALIZED (     -- at the best of what is earned, of what is held or lies below it and is kept, and of what is held and in its grace
        SELECT j.*, greatest(j.earned, (SELECT max(k) FROM unnest(j.kept) k WHERE k <= j.was),
                             CASE WHEN cause IS DISTINCT FROM 'refund' AND day < j.ends THEN j.was END) AS target FROM judged j)
    SELECT l.customer_id, l.was, l.target, e.ends, l.rank IS NULL OR l.target <> l.was OR e.ends IS DISTINCT FROM l.lost_on
    FROM placed l, LATERAL (SELECT CASE WHEN l.target = l.was AND l.was > l.earned AND l.was <> ALL (l.kept) THEN l.ends END AS ends) e;
END
$$;
COMMENT ON FUNCTION crm._value_judged(bigint[], text, date, text) IS
    'where persons stand in a set of standings, where they belong as of the end of a local day, when what they hold '
    'will be lost, and whether that is news; who was judged by a later day is left out';

CREATE FUNCTION crm._value_stand(persons bigint[], standing_set text, day date, cause text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET jit = off AS
$$
BEGIN
    -- locked first: of a refund and the nightly walk the second sees what the first wrote
    PERFORM FROM crm.customer_standing h WHERE h.customer_id = ANY (persons)
        AND h.standing_set = _value_stand.standing_set ORDER BY h.customer_id FOR NO KEY UPDATE;
    WITH judged AS MATERIALIZED (
        SELECT j.* FROM crm._value_judged(persons, _value_stand.standing_set, day, _value_stand.cause) j),
    noted AS (
        INSERT INTO crm.standing_change (customer_id, standing_set, change_id, changed_on, from_rank, to_rank, cause)
        SELECT j.customer_id, _value_stand.standing_set, crm._new_id(), day, j.was, j.target,
               CASE WHEN j.target > j.was THEN 'entry' ELSE coalesce(_value_stand.cause, 'grace over') END
        FROM judged j WHERE j.target <> j.was ORDER BY j.customer_id)
    INSERT INTO crm.customer_standing AS h (customer_id, standing_set, rank, since, lost_on, as_of)
    SELECT j.customer_id, _value_stand.standing_set, j.target, day, j.lost_on, day FROM judged j WHERE j.moves
        OR _value_stand.cause IS NOT NULL ORDER BY j.customer_id
    ON CONFLICT ON CONSTRAINT customer_standing_pkey DO UPDATE
    SET rank = excluded.rank, since = CASE WHEN h.rank = excluded.rank THEN h.since ELSE excluded.since END,
        lost_on = excluded.lost_on, as_of = excluded.as_of;
END
$$;
COMMENT ON FUNCTION crm._value_stand(bigint[], text, date, text) IS
    'moves persons in a set of standings as of a local day: up at once; down when neither entry nor keep holds and '
    'grace is over, at once after a refund';

CREATE FUNCTION crm._value_stand_everywhere(persons bigint[], day date, cause text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._value_stand(persons, s.standing_set, day, cause) FROM (SELECT DISTINCT r.standing_set FROM crm.standing_rule r ORDER BY 1) s;
END
$$;
COMMENT ON FUNCTION crm._value_stand_everywhere(bigint[], date, text) IS 'crm._value_stand() in every set';

CREATE FUNCTION crm._value_stand_after_refund(persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    today date := crm._value_today();
BEGIN
    IF EXISTS (SELECT FROM crm.journey_run x WHERE x.as_of = today - 1 AND x.finished_at IS NOT NULL) THEN    -- the next walk knows of the refund
        persons := ARRAY(SELECT DISTINCT h.customer_id FROM crm.customer_standing h WHERE h.customer_id = ANY (persons) AND h.rank > 0);
    END IF;
    IF cardinality(persons) > 0 THEN
        PERFORM crm._value_stand_everywhere(persons, today, 'refund');
    END IF;
END
$$;
COMMENT ON FUNCTION crm._value_stand_after_refund(bigint[]) IS
    'a refund may cost a standing at once; while the walk as of yesterday is to come or under way, it must not give '
    'one for what was taken back today';

CREATE FUNCTION crm.value_standing(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'standing_set', h.standing_set, 'standing', r.standing, 'name_zh', r.name_zh, 'name_en', r.name_en, 'rank', h.rank, 'since', h.since,
                'lost_on', h.lost_on, 'changes', (
                    SELECT jsonb_agg(jsonb_build_object('on', c.changed_on, 'from', c.from_rank, 'to', c.to_rank,
                            'cause', c.cause) ORDER BY c.change_id)
                    FROM crm.standing_change c WHERE c.customer_id = person AND c.standing_set = h.standing_set)) ORDER BY h.standing_set), '[]')
            FROM crm.customer_standing h LEFT JOIN crm.standing_rule r ON r.standing_set = h.standing_set AND r.rank = h.rank
            WHERE h.customer_id = person);
END
$$;
COMMENT ON FUNCTION crm.value_standing(bigint) IS
    'a person''s standing in each set: since when, when it will be lost if nothing is bought (null: it is kept), '
    'and its changes with their cause; P0002';

-- The nightly walk: stages, nodes and standings of everybody, in pieces.
CREATE FUNCTION crm._value_enter_stages(persons bigint[], day date) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET jit = off AS
$$
BEGIN
    WITH changed AS MATERIALIZED (
        SELECT s.customer_id, c.stage AS was, s.stage
        FROM crm._value_stages(persons, day) s LEFT JOIN (SELECT x.* FROM crm.customer_stage x
                WHERE x.customer_id = ANY (persons)) c ON c.customer_id = s.customer_id
        WHERE s.stage <> c.stage OR c.stage IS NULL AND s.stage IS NOT NULL),
    noted AS (
        INSERT INTO crm.stage_change (customer_id, changed_on, from_stage, to_stage) SELECT c.customer_id, day, c.was,
            c.stage FROM changed c ORDER BY 1
        ON CONFLICT ON CONSTRAINT stage_change_pkey DO UPDATE SET to_stage = excluded.to_stage)
    INSERT INTO crm.customer_stage (customer_id, stage, since, as_of) SELECT c.customer_id, c.stage, day, day FROM changed c ORDER BY 1
    ON CONFLICT ON CONSTRAINT customer_stage_pkey DO UPDATE SET stage = excluded.stage, since = excluded.since, as_of = excluded.as_of;
END
$$;
COMMENT ON FUNCTION crm._value_enter_stages(bigint[], date) IS
    'brings the stages of persons up to the end of a local day, and notes who changed';

CREATE FUNCTION crm._value_pass_nodes(persons bigint[], day date) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_nestloop = off
        SET enable_mergejoin = off SET jit = off AS
$$
BEGIN
    WITH node AS MATERIALIZED (
        SELECT n.* FROM crm._value_nodes(persons, day) n),
    gone AS (
        DELETE FROM crm.journey_event j WHERE j.customer_id = ANY (persons)
            AND NOT EXISTS (SELECT FROM node n WHERE n.customer_id = j.customer_id AND n.node = j.node AND n.occurred_on = j.occurred_on))
    INSERT INTO crm.journey_event (customer_id, node, occurred_on)
    SELECT n.customer_id, n.node, n.occurred_on FROM node n
    WHERE NOT EXISTS (SELECT FROM (SELECT x.* FROM crm.journey_event x WHERE x.customer_id = ANY (persons)) j
                      WHERE j.customer_id = n.customer_id AND j.node = n.node AND j.occurred_on = n.occurred_on)
    ORDER BY 1, 2, 3 ON CONFLICT ON CONSTRAINT journey_event_pkey DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._value_pass_nodes(bigint[], date) IS
    'brings the nodes of persons up to the end of a local day: what is no longer true goes';

CREATE FUNCTION crm._value_journey_some(persons bigint[], day date) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._value_enter_stages(persons, day);
    PERFORM crm._value_pass_nodes(persons, day);
    PERFORM crm._value_stand_everywhere(persons, day);
END
$$;
COMMENT ON FUNCTION crm._value_journey_some(bigint[], date) IS
    'brings stages, nodes and standings of persons up to the end of a local day';

CREATE FUNCTION crm._value_journey_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 2000;
    day date := crm._value_today() - 1;
    run crm.journey_run;
    persons bigint[];
BEGIN
    DELETE FROM crm.journey_run x WHERE x.as_of < day
        AND x.finished_at IS NULL;     -- a night that broke off: everybody is looked at as of a later day
    INSERT INTO crm.journey_run (as_of) VALUES (day) ON CONFLICT DO NOTHING;
    SELECT * INTO run FROM crm.journey_run x WHERE x.as_of = day FOR UPDATE;
    IF run.finished_at IS NOT NULL THEN
        RETURN 0;
    END IF;
    persons := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > run.applied_to
            AND c.status = 'active' ORDER BY c.customer_id LIMIT piece);
    PERFORM crm._value_journey_some(persons, day);
    UPDATE crm.journey_run x SET applied_to = coalesce(persons[cardinality(persons)], x.applied_to),
        finished_at = CASE WHEN cardinality(persons) < piece THEN crm.core_now() END WHERE x.as_of = day;
    RETURN CASE WHEN cardinality(persons) < piece THEN 0 ELSE 1 END;
END
$$;
COMMENT ON FUNCTION crm._value_journey_job() IS
    'job: stages, nodes and standings as of the last whole local day, 2,000 persons a piece; a second run of a day '
    'does nothing; returns > 0 while there is more to do';

CREATE FUNCTION crm.value_journey(from_day date, to_day date)
    RETURNS TABLE (node text, name_zh text, name_en text, reached bigint, persons bigint, due bigint, attained bigint,
        attainment numeric, goal text, deadline_days int)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
BEGIN
    PERFORM crm._require_span(from_day, to_day);
    RETURN QUERY
    SELECT n.node, n.name_zh, n.name_en, count(j.customer_id), count(DISTINCT j.customer_id),
        count(j.customer_id) FILTER (WHERE j.is_attained OR j.is_over),
           count(j.customer_id) FILTER (WHERE j.is_attained),
           round(count(j.customer_id) FILTER (WHERE j.is_attained)::numeric
                   / nullif(count(j.customer_id) FILTER (WHERE j.is_attained OR j.is_over), 0), 4), n.goal,
               n.deadline_days
    FROM crm.journey_node n
    LEFT JOIN LATERAL (
        SELECT e.customer_id, e.occurred_on + n.deadline_days <= crm._value_today() - 1 AS is_over,
               EXISTS (SELECT FROM crm.journey_event g WHERE g.customer_id = e.customer_id AND g.occurred_on <= e.occurred_on + n.deadline_days
                         AND g.occurred_on >= e.occurred_on + (n.node <> 'registered')::int
                         AND (g.node = n.goal OR (n.goal = 'repurchase' AND g.node = 'recall'))) AS is_attained
        FROM crm.journey_event e WHERE e.node = n.node AND e.occurred_on BETWEEN from_day AND to_day) j ON true
    GROUP BY n.position, n.node, n.name_zh, n.name_en, n.goal, n.deadline_days ORDER BY n.position;
END
$$;
COMMENT ON FUNCTION crm.value_journey(date, date) IS
    'the seven nodes reached between two local days: how often, by how many persons, how many whose deadline is '
    'over or who attained its goal, how many attained it in time, and the rate of these two (any later order is a '
    'repurchase here)';

CREATE FUNCTION crm.value_stage_transitions(from_day date, to_day date) RETURNS TABLE (from_stage text, to_stage text, persons bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
    SELECT coalesce(a.stage, 'new'), coalesce(b.stage, 'new'), count(*)
    FROM crm.customer_stage s
    LEFT JOIN LATERAL (SELECT c.to_stage AS stage FROM crm.stage_change c WHERE c.customer_id = s.customer_id
            AND c.changed_on <= from_day ORDER BY c.changed_on DESC LIMIT 1) a ON true
    LEFT JOIN LATERAL (SELECT c.to_stage AS stage FROM crm.stage_change c WHERE c.customer_id = s.customer_id
            AND c.changed_on <= to_day ORDER BY c.changed_on DESC LIMIT 1) b ON true
    GROUP BY 1, 2 ORDER BY 1, 2
$$;
COMMENT ON FUNCTION crm.value_stage_transitions(date, date) IS
    'how many persons went from which stage of the life cycle on one local day to which on another; new: not yet '
    'known';

-- Conversions between tiers, month by month, and the alert when they do not improve.
CREATE FUNCTION crm.value_conversion(from_tier text, to_tier text, months int DEFAULT 6, as_of date DEFAULT NULL)
    RETURNS TABLE (month date, at_start bigint, converted bigint, rate numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    this_month timestamp := date_trunc('month', coalesce(crm._require_day(as_of, 'as_of'), crm._value_today())::timestamp);
BEGIN
    PERFORM crm._require_words(from_tier, 'from_tier', 63), crm._require_words(to_tier, 'to_tier', 63);
    IF months BETWEEN 1 AND 120 IS NOT TRUE THEN
        RAISE EXCEPTION '% months cannot be told', months USING ERRCODE = 'invalid_parameter_value', COLUMN = 'months', HINT = 'Give 1 to 120.';
    END IF;
    RETURN QUERY
    SELECT k.month, count(t.customer_id), count(t.customer_id) FILTER (WHERE t.has),
        round(count(t.customer_id) FILTER (WHERE t.has)::numeric / nullif(count(t.customer_id), 0), 6)
    FROM (SELECT (this_month - make_interval(months => g))::date AS month FROM generate_series(1, months) g) k
    LEFT JOIN LATERAL (
        SELECT v.customer_id, EXISTS (SELECT FROM crm.tier_change c WHERE c.customer_id = v.customer_id AND c.changed_on >= k.month
                                        AND c.changed_on < k.month + interval '1 month' AND c.to_tier = value_conversion.to_tier) AS has
        FROM (SELECT DISTINCT ON (c.customer_id) c.customer_id, c.to_tier AS tier FROM crm.tier_change c WHERE c.changed_on < k.month
              ORDER BY c.customer_id, c.changed_on DESC, c.change_id DESC) l
        JOIN crm.customer_value v ON v.customer_id = l.customer_id WHERE l.tier = value_conversion.from_tier) t ON true
    GROUP BY k.month ORDER BY k.month;
END
$$;
COMMENT ON FUNCTION crm.value_conversion(text, text, int, date) IS
    'of the persons in a tier when a whole month began, how many came into another within it, for the last months '
    'before a day (default today); local months';

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
            VALUES (crm._new_id(), 'value.no_improvement', (pair ->> 0) || '>' || (pair ->> 1), crm.core_now(),
                jsonb_build_object('rates', to_jsonb(rates), 'months', months))
            ON CONFLICT (kind, key) WHERE closed_at IS NULL DO UPDATE SET detail = excluded.detail;
        ELSE
            PERFORM crm._alert_close('value.no_improvement', (pair ->> 0) || '>' || (pair ->> 1));
        END IF;
    END LOOP;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._value_improvement_job() IS
    'job: opens an alert for each watched conversion that has not risen in the last months, month by month, and '
    'closes it when it has; returns 0';

GRANT EXECUTE ON FUNCTION crm.value_stage(bigint, date), crm.value_standing(bigint)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_journey(date, date), crm.value_stage_transitions(date, date), crm.value_conversion(text, text, int, date)
    TO crm_marketer, crm_analyst, crm_headquarters;
