-- campaign_held: who is held out of everything against all others, by orders since that began. Added up of persons
-- between two ids: in a small chain when somebody asks, in a large one each night piece by piece.

CREATE FUNCTION crm._campaign_held_sums(held numeric, since date, from_id bigint, to_id bigint) RETURNS crm.arm_sum[]
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
BEGIN
    RETURN (
        -- added up once, whatever the planner expects of it
        WITH person AS MATERIALIZED (
            SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active' AND c.registered_on <= since
                AND c.customer_id > from_id AND c.customer_id <= to_id),
        bought AS MATERIALIZED (
            SELECT m.customer_id, sum(greatest(0, o.amount - coalesce(f.amount, 0))) AS net
            FROM person p JOIN crm.membership m ON m.customer_id = p.customer_id AND m.valid_to = 'infinity'
            JOIN crm.customer_order o ON o.source_record_id = m.source_record_id AND o.is_current AND o.kind = 'sale'
                AND o.amount > 0 AND o.business_day >= since
            LEFT JOIN LATERAL (SELECT sum(r.amount) AS amount FROM crm.refund r WHERE r.order_id = o.order_id AND r.is_current) f ON true GROUP BY 1)
        SELECT coalesce(array_agg(ROW(g.arm, g.persons, g.expected, g.ordered, g.revenue, g.squares)::crm.arm_sum), '{}')
        FROM (SELECT CASE WHEN crm._campaign_is_held(p.customer_id, held) THEN 'control' ELSE 'treatment' END AS arm,
                     count(*) AS persons, count(*) * held / 100 AS expected,
                     count(b.customer_id) AS ordered, coalesce(sum(b.net), 0) AS revenue, coalesce(sum(b.net ^ 2), 0) AS squares
              FROM person p LEFT JOIN bought b USING (customer_id) GROUP BY 1) g);
END
$$;
COMMENT ON FUNCTION crm._campaign_held_sums(numeric, date, bigint, bigint) IS
    'of the persons between two ids who had registered by a day, held out of everything at so many percent or not: '
    'how many, who ordered since then, and what they paid net of refunds';

CREATE FUNCTION crm._campaign_arms_add(a crm.arm_sum[], b crm.arm_sum[]) RETURNS crm.arm_sum[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT coalesce(array_agg(x.s), '{}')
    FROM (SELECT ROW(u.arm, sum(u.persons), sum(u.expected), sum(u.ordered), sum(u.revenue),
            sum(u.squares))::crm.arm_sum AS s FROM unnest(a || b) u GROUP BY u.arm) x
$$;
COMMENT ON FUNCTION crm._campaign_arms_add(crm.arm_sum[], crm.arm_sum[]) IS 'arms of two lots of persons together';

CREATE FUNCTION crm._campaign_held_job() RETURNS bigint
    LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    piece CONSTANT int := 20000;        -- persons
    held numeric := crm._campaign_held_percent();
    began date := (crm._setting('campaign.global_holdout_since') #>> '{}')::date;
    begun crm.held_out_result;
    upper bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM crm.customer c OFFSET (crm._setting('campaign.held_at_once') #>> '{}')::bigint LIMIT 1) THEN
        UPDATE crm.held_out_result SET as_of = NULL, done_to = 0 WHERE as_of IS NOT NULL OR done_to > 0;
        RETURN 0;
    END IF;
    SELECT * INTO begun FROM crm.held_out_result FOR UPDATE;
    IF begun.done_to = 0 OR (begun.percent, begun.since) IS DISTINCT FROM (held, began) THEN
        begun.done_to := 0;
        begun.next_sums := '{}';
        begun.next_as_of := crm.core_now();
        UPDATE crm.held_out_result r SET as_of = CASE WHEN (r.percent, r.since) IS NOT DISTINCT FROM (held, began) THEN r.as_of END;
    END IF;
    upper := (SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > begun.done_to ORDER BY c.customer_id OFFSET piece LIMIT 1);
    begun.next_sums := crm._campaign_arms_add(begun.next_sums,
            crm._campaign_held_sums(held, began, begun.done_to, coalesce(upper, 9223372036854775807)));
    UPDATE crm.held_out_result r SET percent = held, since = began, next_as_of = begun.next_as_of,
        next_sums = begun.next_sums, done_to = coalesce(upper, 0),
        as_of = CASE WHEN upper IS NULL THEN begun.next_as_of ELSE r.as_of END, sums = CASE WHEN upper IS NULL THEN begun.next_sums ELSE r.sums END;
    RETURN (upper IS NOT NULL)::int;
END
$$;
COMMENT ON FUNCTION crm._campaign_held_job() IS
    'job: adds up who is held out of everything and all others in a chain of more than campaign.held_at_once '
    'persons, 20,000 a call; returns > 0 until all are';

CREATE FUNCTION crm._campaign_cost_of_all() RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (
        SELECT jsonb_object_agg(k.key, k.total)
        FROM (SELECT e.key, sum(e.value::numeric) AS total
              FROM crm.flow f
              LEFT JOIN crm.flow_result r ON r.flow_id = f.flow_id AND r.window_days = crm._campaign_result_window() AND r.as_of IS NOT NULL
              CROSS JOIN LATERAL jsonb_each_text(CASE
                  WHEN r.flow_id IS NULL THEN crm._campaign_cost(ROW(f.flow_id, f.code, f.name_zh, f.name_en,
                      f.trigger, f.state, f.active_from, f.epoch,
                      f.version, f.spec, f.watermark)::crm.flow_row)
                  ELSE crm._campaign_priced(r.sums -> 'cost') END) e
              GROUP BY e.key) k);
END
$$;
COMMENT ON FUNCTION crm._campaign_cost_of_all() IS
    'what all flows cost ever, as crm._campaign_cost() says it of one: of those that reached many as of the last '
    'night';

CREATE FUNCTION crm.campaign_held_out() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    held numeric := crm._campaign_held_percent();
    began date := (crm._setting('campaign.global_holdout_since') #>> '{}')::date;
    kept crm.held_out_result;
BEGIN
    SELECT * INTO kept FROM crm.held_out_result r WHERE r.percent = held AND r.since = began AND r.as_of > crm.core_now() - interval '2 days';
    RETURN jsonb_build_object('percent', held, 'since', began, 'as_of', coalesce(kept.as_of, crm.core_now()))
        || crm._campaign_compare(coalesce(kept.sums, crm._campaign_held_sums(held, began, 0, 9223372036854775807)), crm._campaign_cost_of_all());
END
$$;
COMMENT ON FUNCTION crm.campaign_held_out() IS
    'all flows together: who had registered by the day it began, held out of everything or not, by orders since '
    'then, as of the moment (in a large chain of the last night); lift, interval and worth as for one flow, against '
    'the cost of all flows ever';
GRANT EXECUTE ON FUNCTION crm.campaign_held_out() TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;
