-- report: what flows did, for boards. Occurrences are appended and keep their moment, so what lies an hour back is
-- added up by the worker, by the stores of persons, and what came since is counted when it is asked.

CREATE FUNCTION crm._report_owner(asked bigint) RETURNS TABLE (customer_id bigint, scope_store_ids int[])
    LANGUAGE sql STABLE AS
$$
    SELECT y.customer_id, CASE WHEN y.status = 'active' THEN y.scope_store_ids ELSE '{}' END
    FROM crm.customer x JOIN crm.customer y ON y.customer_id = coalesce(x.merged_into, x.customer_id) WHERE x.customer_id = asked
$$;
COMMENT ON FUNCTION crm._report_owner(bigint) IS
    'who an id of any time is now, with the stores of the scope (none when erased): what stands under ids of before '
    'a merge counts where the person is; plain SQL, so that queries over many take it in';

CREATE FUNCTION crm._report_flow_counts(from_id bigint, to_id bigint, since timestamptz, before timestamptz)
    RETURNS TABLE (flow_id int, stores int[], treated bigint, control bigint, sent bigint, redeemed bigint)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
BEGIN
    RETURN QUERY
    WITH happened AS (
        SELECT q.flow_id, q.customer_id, count(*) FILTER (WHERE q.arm = 'treatment') AS treated, count(*) FILTER (WHERE q.arm = 'control') AS control,
               count(q.message_id) AS sent, 0::bigint AS redeemed
        FROM crm.occurrence q
        WHERE q.customer_id > from_id AND q.customer_id <= to_id AND q.fired_at >= since AND q.fired_at < before AND q.epoch >= 0     -- no shadow's
        GROUP BY q.flow_id, q.customer_id
        UNION ALL
        SELECT k.flow_id, k.customer_id, 0, 0, 0, count(*) FROM crm.coupon k
        WHERE k.customer_id > from_id AND k.customer_id <= to_id AND k.state = 'redeemed' AND k.flow_id IS NOT NULL
            AND k.redeemed_at >= since AND k.redeemed_at < before
        GROUP BY k.flow_id, k.customer_id)
    SELECT h.flow_id, c.scope_store_ids, sum(h.treated)::bigint, sum(h.control)::bigint, sum(h.sent)::bigint, sum(h.redeemed)::bigint
    FROM happened h CROSS JOIN LATERAL crm._report_owner(h.customer_id) c GROUP BY 1, 2;
END
$$;
COMMENT ON FUNCTION crm._report_flow_counts(bigint, bigint, timestamptz, timestamptz) IS
    'what flows did between two moments for persons between two ids, by flow and the stores in whose scope they are now';

CREATE FUNCTION crm._report_flows_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 20000;
    progress crm.report_flow_progress;
    upper bigint;
BEGIN
    SELECT * INTO progress FROM crm.report_flow_progress FOR UPDATE;
    IF progress.done_to = 0 THEN
        -- an hour back: whoever is about to commit an occurrence has done so
        progress.next_until := crm.core_now() - interval '1 hour';
        DELETE FROM crm.report_flow f WHERE f.generation <> progress.generation;
    END IF;
    upper := (SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > progress.done_to ORDER BY c.customer_id OFFSET piece LIMIT 1);
    INSERT INTO crm.report_flow (generation, piece, flow_id, stores, treated, control, sent, redeemed)
    SELECT progress.generation + 1, progress.done_to + 1, n.flow_id, n.stores, n.treated, n.control, n.sent, n.redeemed
    FROM crm._report_flow_counts(progress.done_to, coalesce(upper, 9223372036854775807), '-infinity', progress.next_until) n;
    IF upper IS NOT NULL THEN
        UPDATE crm.report_flow_progress SET next_until = progress.next_until, done_to = upper;
        RETURN 1;
    END IF;
    INSERT INTO crm.report_flow (generation, piece, flow_id, stores, treated, control, sent, redeemed)
    SELECT f.generation, 0, f.flow_id, f.stores, sum(f.treated), sum(f.control), sum(f.sent), sum(f.redeemed)
    FROM crm.report_flow f WHERE f.generation = progress.generation + 1 AND f.piece > 0 GROUP BY f.generation, f.flow_id, f.stores;
    DELETE FROM crm.report_flow f WHERE f.generation = progress.generation OR f.piece > 0;
    UPDATE crm.report_flow_progress p SET generation = p.generation + 1, until = progress.next_until, done_to = 0;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._report_flows_job() IS
    'job: adds up what flows did until an hour ago, 20,000 persons a call; returns > 0 until everybody was looked at';

CREATE FUNCTION crm._report_flows(stores int[]) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    shown int;
    since timestamptz;
BEGIN
    SELECT p.generation, p.until INTO shown, since FROM crm.report_flow_progress p;
    RETURN QUERY
    WITH cell AS (
        SELECT k.flow_id, k.stores, k.treated, k.control, k.sent, k.redeemed FROM crm.report_flow k WHERE k.generation = shown AND k.piece = 0
        UNION ALL
        SELECT * FROM crm._report_flow_counts(0, 9223372036854775807, since, 'infinity')),
    total AS (
        SELECT x.flow_id, sum(x.treated) AS treated, sum(x.control) AS control, sum(x.sent) AS sent, sum(x.redeemed) AS redeemed
        FROM cell x WHERE _report_flows.stores IS NULL OR x.stores && _report_flows.stores GROUP BY x.flow_id)
    SELECT jsonb_build_object('flow', f.code, 'name_zh', f.name_zh, 'name_en', f.name_en, 'state', f.state,
                              'treated', coalesce(t.treated, 0), 'control', coalesce(t.control, 0),
                              'sent', coalesce(t.sent, 0),
                              'redeemed', coalesce(t.redeemed, 0))
    FROM crm.flow f LEFT JOIN total t ON t.flow_id = f.flow_id ORDER BY f.code;
END
$$;
COMMENT ON FUNCTION crm._report_flows(int[]) IS
    'each flow, by code and names, with what it did for persons of stores (null: everybody): treated, held out, '
    'sent, coupons redeemed; what is older than an hour by the stores of the last run, an hour ago at most';
