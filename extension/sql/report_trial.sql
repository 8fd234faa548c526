-- report: trial offers. A coupon type with a limit is handed to chosen persons; who tried it says what they think,
-- and the feedback names the offer (its type, or the coupon's code): the list of what to make better, from those
-- alone who held one.

CREATE FUNCTION crm._report_group_offers(ready int, from_id bigint, to_id bigint, today date)
    RETURNS TABLE (what text, a text, b text, stores int[], persons bigint, amount numeric)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    since timestamptz := (today - 364)::timestamp AT TIME ZONE (crm._setting('core.time_zone') #>> '{}');
BEGIN
    RETURN QUERY
    WITH had AS MATERIALIZED (
        SELECT k.coupon_type, x.state, k.customer_id FROM crm.coupon k
            CROSS JOIN LATERAL (VALUES ('issued', true), ('redeemed', k.state = 'redeemed')) x (state, is_so)
        WHERE x.is_so AND k.customer_id > from_id AND k.customer_id <= to_id AND k.issued_at >= since AND NOT k.is_history),
    kept AS (INSERT INTO crm.report_group_set (generation, what, key, from_id, ids)
             SELECT ready, 'offer', h.state || '.' || h.coupon_type, _report_group_offers.from_id,
                 crm.bitmap_agg(DISTINCT h.customer_id) FROM had h
                 CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = h.customer_id
                     AND c.status <> 'erased' OFFSET 0) c GROUP BY h.state, h.coupon_type)
    SELECT 'offer', h.coupon_type, h.state, c.scope_store_ids, count(*), 0::numeric FROM had h
        CROSS JOIN LATERAL crm._report_owner(h.customer_id) c GROUP BY h.coupon_type, h.state, c.scope_store_ids;
END
$$;
COMMENT ON FUNCTION crm._report_group_offers(int, bigint, bigint, date) IS
    'coupons issued within 365 days to persons between two ids, and those of them redeemed, by type and the stores '
    'of the person''s scope; keeps whose they are';

CREATE FUNCTION crm._report_offer_words(wanted text, in_stores int[])
    RETURNS TABLE (customer_id bigint, at timestamptz, stars numeric, topic text, words text, has_used boolean)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.customer_id, e.occurred_at, CASE WHEN jsonb_typeof(e.properties -> 'stars') = 'number' THEN (e.properties -> 'stars')::numeric END,
           e.properties ->> 'topic', left(e.properties ->> 'text', 1000), h.has_used
    FROM (SELECT x.source_record_id, x.occurred_at, x.properties FROM crm.event x
          WHERE x.type = 'feedback' AND x.properties ? 'offer' AND x.properties ->> 'offer' = wanted
              AND x.received_at >= crm.core_now() - interval '366 days' AND x.ignored_reason IS NULL) e
    JOIN crm.membership m ON m.source_record_id = e.source_record_id AND m.valid_to = 'infinity'
    JOIN crm.customer c ON c.customer_id = m.customer_id AND c.status = 'active' AND (in_stores IS NULL OR c.scope_store_ids && in_stores)
    CROSS JOIN LATERAL (
        SELECT bool_or(k.state = 'redeemed') AS has_used, count(*) AS n
        FROM (SELECT c.customer_id AS id UNION ALL SELECT y.customer_id FROM crm.customer y WHERE y.merged_into = c.customer_id) i
        JOIN crm.coupon k ON k.customer_id = i.id WHERE k.coupon_type = wanted) h
    WHERE h.n > 0;
END
$$;
COMMENT ON FUNCTION crm._report_offer_words(text, int[]) IS
    'feedback of the last 366 days that names an offer, from persons of some stores (null: all) who hold or held '
    'one, under whatever record; whether they used it';

CREATE FUNCTION crm.report_trial(coupon_type text, store_code text DEFAULT NULL, region_code text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
#variable_conflict use_column
DECLARE
    in_stores int[] := crm._report_scope(store_code, region_code);
    offer crm.coupon_type;
    issued bigint;
    redeemed bigint;
BEGIN
    SELECT t.* INTO offer FROM crm.coupon_type t WHERE t.coupon_type = report_trial.coupon_type;
    IF offer.coupon_type IS NULL THEN
        RAISE EXCEPTION 'there is no type of coupons "%"', left(coupon_type, 100) USING ERRCODE = 'no_data_found',
            COLUMN = 'coupon_type', HINT = 'crm.loyalty_coupon_types() lists them.';
    END IF;
    SELECT coalesce(sum(g.persons) FILTER (WHERE g.b = 'issued'), 0),
        coalesce(sum(g.persons) FILTER (WHERE g.b = 'redeemed'), 0) INTO issued, redeemed
    FROM crm._report_groups('offer', in_stores) g WHERE g.a = offer.coupon_type;
    RETURN (
        WITH said AS MATERIALIZED (SELECT w.* FROM crm._report_offer_words(offer.coupon_type, in_stores) w)
        SELECT jsonb_build_object('offer', offer.coupon_type, 'name_zh', offer.name_zh, 'name_en', offer.name_en,
            'quota', offer.total_limit, 'claimed', offer.claimed, 'issued', issued, 'redeemed', redeemed,
            'as_of', (SELECT p.as_of FROM crm.report_group_progress p WHERE p.generation > 0),
                'answered', count(DISTINCT s.customer_id),
                'answered_users', count(DISTINCT s.customer_id) FILTER (WHERE s.has_used),
            'answer_rate', crm._report_ratio(count(DISTINCT s.customer_id) FILTER (WHERE s.has_used), redeemed), 'stars', round(avg(s.stars), 2),
            'by_stars', (SELECT coalesce(jsonb_object_agg(b.stars, b.n), '{}')
                    FROM (SELECT x.stars::int AS stars, count(*) AS n FROM said x WHERE x.stars IS NOT NULL
                        GROUP BY 1) b),
            'topics', (SELECT coalesce(jsonb_agg(jsonb_build_object('topic', b.topic, 'topic_zh', k.name_zh,
                       'topic_en', k.name_en, 'persons', b.n, 'stars', b.stars) ORDER BY b.n DESC, b.topic), '[]')
                       FROM (SELECT x.topic, count(DISTINCT x.customer_id) AS n, round(avg(x.stars), 2) AS stars
                               FROM said x WHERE x.topic IS NOT NULL GROUP BY x.topic) b
                           LEFT JOIN crm.ticket_topic k ON k.topic = b.topic),
            'words', (SELECT coalesce(jsonb_agg(jsonb_build_object('customer_id', b.customer_id,
                      'name', b.name_masked, 'at', b.at, 'stars', b.stars, 'topic', b.topic, 'text', b.words,
                      'has_used', b.has_used) ORDER BY b.stars NULLS LAST, b.at DESC), '[]')
                      FROM (SELECT x.*, c.name_masked FROM said x JOIN crm.customer c ON c.customer_id = x.customer_id
                          WHERE coalesce(x.words, '') <> '' ORDER BY x.stars NULLS LAST, x.at DESC LIMIT 200) b))
        FROM said s);
END
$$;
COMMENT ON FUNCTION crm.report_trial(text, text, text) IS
    'what became of a trial offer (a type of coupons): quota and claims, coupons issued within 365 days to persons '
    'of the caller''s scope and redeemed ones (as of the last night), and what holders said of it: feedback whose '
    'property offer is the type (answer_rate: of those redeemed), mean stars, topics, and the words themselves, the '
    'least content first, at most 200; P0002';
GRANT EXECUTE ON FUNCTION crm.report_trial(text, text, text) TO crm_marketer, crm_headquarters;
