-- worker: what each rule costs that runs when facts arrive, and rules put off: what they would do is kept in the
-- commit of the facts and done by a job.

CREATE FUNCTION crm._worker_rules() RETURNS TABLE (rule text, name text, "position" int)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT split_part(l.line, ' ', 3), split_part(l.line, ' ', 3), split_part(l.line, ' ', 2)::int
        FROM regexp_split_to_table(crm._consequence_registry(), E'\n') l (line) WHERE l.line LIKE 'facts %'
    UNION ALL
    SELECT 'flow:' || f.code, f.code, 1000 FROM crm.flow f WHERE f.state = 'active'
        AND (f.trigger = 'welcome' OR f.trigger IN ('event', 'schedule') AND f.spec #>> '{event,kind}' IS NOT NULL);
END
$$;
COMMENT ON FUNCTION crm._worker_rules() IS
    'what hears of facts: rooms in their order, then active flows that facts enter, as flow:CODE';

CREATE FUNCTION crm.worker_costs() RETURNS TABLE (rule text, name text, kind text, calls bigint, persons bigint,
                                 total_ms numeric, mean_ms numeric, longest_ms numeric, share numeric,
                                                  is_put_off boolean, put_off_since timestamptz, put_off_by text,
                                                      waiting bigint, waits_since timestamptz,
                                                      counted_since timestamptz)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    PERFORM crm._require_schema();
    RETURN QUERY
    WITH cost AS MATERIALIZED (SELECT c.* FROM crm._cost_list() c),
    known AS (
        SELECT r.rule, r.name, r.position FROM crm._worker_rules() r
        UNION SELECT 'record', 'record', -1
        UNION SELECT p.rule, split_part(p.rule, ':', 2), 2000 FROM crm.put_off_rule p
            WHERE NOT EXISTS (SELECT FROM crm._worker_rules() r WHERE r.rule = p.rule)),
    late AS (SELECT w.rule, sum(cardinality(w.customer_ids))::bigint AS persons, min(w.put_at) AS at FROM crm.put_off_fact w GROUP BY 1)
    SELECT k.rule, k.name, c.kind, coalesce(c.calls, 0), coalesce(c.persons, 0), round(coalesce(c.total_ms, 0)::numeric, 3),
           round((c.total_ms / nullif(c.persons, 0))::numeric, 3), round(c.longest_ms::numeric, 3),
           round((c.total_ms / nullif(c.persons, 0) / nullif(w.total_ms / nullif(w.calls, 0), 0))::numeric, 3),
           p.rule IS NOT NULL, p.since, p.put_off_by, coalesce(l.persons, 0), l.at, c.since
    FROM known k LEFT JOIN cost c ON c.rule = k.rule AND c.calls > 0 LEFT JOIN cost w ON w.rule = 'record' AND w.kind = c.kind
    LEFT JOIN crm.put_off_rule p ON p.rule = k.rule LEFT JOIN late l ON l.rule = k.rule
    ORDER BY k.position, k.rule, c.kind;
END
$$;
COMMENT ON FUNCTION crm.worker_costs() IS
    'what storing one record takes at the till (rule record) and what of it each rule that hears of it takes: '
    'rooms, and active flows that facts enter (within campaign); by kind of facts, since the server started or '
    'counting began anew: times in ms a person, their share of a whole record of the kind; whether the rule is put '
    'off, and how many persons wait; rules nothing was counted of have no kind; empty figures without preload; '
    'RM001 before crm.install()';

CREATE FUNCTION crm.worker_put_off(rule text, is_put_off boolean, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'worker_put_off', crm._sha256(convert_to(jsonb_build_array(rule, is_put_off)::text, 'UTF8')));
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    IF worker_put_off.is_put_off IS NULL THEN
        RAISE EXCEPTION 'say whether the rule is put off' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'is_put_off', HINT = 'Give true or false.';
    END IF;
    IF worker_put_off.is_put_off AND NOT EXISTS (SELECT FROM crm._worker_rules() r WHERE r.rule = worker_put_off.rule)
        OR worker_put_off.rule IS NULL THEN
        RAISE EXCEPTION 'no such rule hears of facts' USING ERRCODE = 'no_data_found', COLUMN = 'rule',
            HINT = 'crm.worker_costs() lists those there are.';
    END IF;
    IF worker_put_off.is_put_off THEN
        INSERT INTO crm.put_off_rule (rule, since, put_off_by) VALUES (worker_put_off.rule, crm.core_now(), crm._actor()) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM crm.put_off_rule p WHERE p.rule = worker_put_off.rule;
    END IF;
    IF FOUND THEN
        PERFORM crm._audit('define', 'put_off_rule', NULL, 'is_put_off', (NOT worker_put_off.is_put_off)::text,
            worker_put_off.is_put_off::text, worker_put_off.rule);
        PERFORM crm._worker_wake();
    END IF;
    answer := jsonb_build_object('rule', worker_put_off.rule, 'is_put_off', worker_put_off.is_put_off,
        'waiting', (SELECT coalesce(sum(cardinality(w.customer_ids)), 0) FROM crm.put_off_fact w WHERE w.rule = worker_put_off.rule));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.worker_put_off(text, boolean, text) IS
    'puts a rule off, or no more, from the next record on, without a restart: what it would do is kept in the '
    'commit of the facts and done by the job worker.catch_up, seconds later; nothing is lost, but the till''s '
    'answer and what reads right after it do not have it yet; P0002, 22023; audited';

CREATE FUNCTION crm.worker_count_anew() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    PERFORM crm._cost_forget();
END
$$;
COMMENT ON FUNCTION crm.worker_count_anew() IS 'what crm.worker_costs() counts begins anew: before a comparison';
GRANT EXECUTE ON FUNCTION crm.worker_costs(), crm.worker_put_off(text, boolean, text), crm.worker_count_anew() TO crm_admin;

-- Those of one rule and kind together, the oldest first, so that a room that reads another's work finds it done in
-- the order of the facts.
CREATE FUNCTION crm._worker_catch_up() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 50;           -- persons: their locks are held for moments
    looked_at CONSTANT int := 200;
    taken record;
    persons bigint[];
BEGIN
    WITH oldest AS (
        SELECT w.* FROM crm.put_off_fact w ORDER BY w.fact_id LIMIT looked_at FOR UPDATE SKIP LOCKED),
    first AS (SELECT o.rule, o.kind, o.is_history FROM oldest o ORDER BY o.fact_id LIMIT 1),
    same AS (
        SELECT o.fact_id, sum(cardinality(o.customer_ids)) OVER (ORDER BY o.fact_id) - cardinality(o.customer_ids) AS before
        FROM oldest o JOIN first f ON (f.rule, f.kind, f.is_history) = (o.rule, o.kind, o.is_history)),
    done AS (
        DELETE FROM crm.put_off_fact w USING same s WHERE w.fact_id = s.fact_id AND s.before < piece RETURNING w.*)
    SELECT d.rule, d.kind, d.is_history, array_agg(DISTINCT p.id) AS ids INTO taken FROM done d, unnest(d.customer_ids) p (id) GROUP BY 1, 2, 3;
    IF taken.rule IS NULL THEN
        RETURN 0;
    END IF;
    persons := ARRAY(SELECT DISTINCT x.id FROM (SELECT crm._identity_current(t.id) AS id
                FROM unnest(taken.ids) t (id)) x WHERE x.id IS NOT NULL ORDER BY 1);
    IF cardinality(persons) = 0 THEN
        NULL;
    ELSIF taken.rule LIKE 'flow:%' THEN
        PERFORM crm._campaign_late(substr(taken.rule, 6), persons);
    ELSE
        PERFORM crm._consequence_late(taken.rule, persons, taken.kind, taken.is_history);
    END IF;
    RETURN EXISTS (SELECT FROM crm.put_off_fact)::int;
END
$$;
COMMENT ON FUNCTION crm._worker_catch_up() IS
    'job: does what rules that are put off would have done about facts, as of who the persons are now, about fifty '
    'persons a call; returns > 0 while facts wait';

CREATE FUNCTION crm.worker_check() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT format('facts of the rule %s that is put off', w.rule),
        'none waits', format('%s persons wait since %s', sum(cardinality(w.customer_ids)), min(w.put_at))
        FROM crm.put_off_fact w GROUP BY w.rule;
END
$$;
COMMENT ON FUNCTION crm.worker_check() IS
    'rules that are put off and have not caught up: until they have, what their room keeps differs from its facts; '
    'no row: none';
GRANT EXECUTE ON FUNCTION crm.worker_check() TO crm_admin;
