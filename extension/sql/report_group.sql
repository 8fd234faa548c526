-- report: what a night adds up over everybody, three thousand persons a call, and what is told of it.

CREATE FUNCTION crm._report_field_rows(from_id bigint, to_id bigint) RETURNS TABLE (customer_id bigint, stores int[], field text, is_filled boolean)
    LANGUAGE sql STABLE AS
$$
    SELECT c.customer_id, c.scope_store_ids, f.field, f.is_filled
    FROM crm.customer c LEFT JOIN crm.customer_private p ON p.customer_id = c.customer_id
    CROSS JOIN LATERAL (VALUES
        ('name', c.name_masked <> ''), ('phone', c.phone_masked <> ''), ('email', c.email_masked <> ''),
            ('sex', c.sex IS NOT NULL), ('birthday', p.birthday IS NOT NULL), ('city', c.city <> ''),
        ('consent', EXISTS (SELECT FROM crm.person_consent k WHERE k.customer_id = c.customer_id)),
        ('any_tag', crm._segment_has_tag(c.customer_id))) f (field, is_filled)
    WHERE c.status = 'active' AND c.customer_id > from_id AND c.customer_id <= to_id
$$;
COMMENT ON FUNCTION crm._report_field_rows(bigint, bigint) IS
    'of active persons between two ids each field, and whether they have it; plain SQL, so that queries take it in';

CREATE FUNCTION crm._report_fields(from_id bigint, to_id bigint) RETURNS TABLE (field text, stores int[], persons bigint, filled bigint)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
BEGIN
    RETURN QUERY SELECT f.field, f.stores, count(*), count(*) FILTER (WHERE f.is_filled)
        FROM crm._report_field_rows(from_id, to_id) f GROUP BY f.field, f.stores;
END
$$;
COMMENT ON FUNCTION crm._report_fields(bigint, bigint) IS
    'of active persons between two ids, by field and the stores of their scope: how many, and how many have it';

CREATE FUNCTION crm._report_group_persons(ready int, from_id bigint, to_id bigint)
    RETURNS TABLE (what text, a text, b text, stores int[], persons bigint, amount numeric)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
BEGIN
    RETURN QUERY
    WITH person AS MATERIALIZED (
        SELECT c.customer_id, c.channel, c.scope_store_ids FROM crm.customer c WHERE c.status = 'active'
            AND c.customer_id > from_id AND c.customer_id <= to_id),
    kept AS (INSERT INTO crm.report_group_set (generation, what, key, from_id, ids)
             SELECT ready, 'origin', p.channel, _report_group_persons.from_id, crm.bitmap_agg(p.customer_id) FROM person p GROUP BY p.channel)
    SELECT 'origin', p.channel, '', p.scope_store_ids, count(*), 0::numeric FROM person p GROUP BY p.channel, p.scope_store_ids;
    RETURN QUERY
    WITH part AS MATERIALIZED (SELECT f.* FROM crm._report_field_rows(from_id, to_id) f),
    kept AS (INSERT INTO crm.report_group_set (generation, what, key, from_id, ids)
             SELECT ready, 'field', x.key, _report_group_persons.from_id, crm.bitmap_agg(x.customer_id)
             FROM (SELECT 'any_tag' AS key, p.customer_id FROM part p WHERE p.field = 'any_tag' AND p.is_filled
                   UNION ALL SELECT DISTINCT 'incomplete', p.customer_id FROM part p
                           WHERE p.field IN ('name', 'phone', 'birthday', 'consent') AND NOT p.is_filled) x
                       GROUP BY x.key)
    SELECT 'field', p.field, '', p.stores, count(*) FILTER (WHERE p.is_filled), count(*)::numeric FROM part p GROUP BY p.field, p.stores;
END
$$;
COMMENT ON FUNCTION crm._report_group_persons(int, bigint, bigint) IS
    'where active persons between two ids came from, and which fields they have; keeps who came from where, who has '
    'a tag and who misses a field that completeness is of';

CREATE FUNCTION crm._report_group_bought(ready int, from_id bigint, to_id bigint, today date)
    RETURNS TABLE (what text, a text, b text, stores int[], persons bigint, amount numeric)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    ids bigint[] := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > from_id AND c.customer_id <= to_id);
BEGIN
    RETURN QUERY
    WITH line AS MATERIALIZED (
    SELECT m.customer_id, coalesce(v.tier, 'P') AS tier, coalesce(k.code, '-') AS category, o.store_id, sum(i.amount) AS amount
    FROM crm.membership m
    JOIN crm.customer_order o ON o.source_record_id = m.source_record_id AND o.is_current
        AND o.business_day BETWEEN today - 364 AND today AND o.store_id IS NOT NULL
    JOIN crm.order_item i ON i.source_record_id = o.source_record_id AND i.order_id = o.order_id AND i.revision = o.revision
    LEFT JOIN crm.product p ON p.product_id = i.product_id LEFT JOIN crm.product_category k ON k.category_id = p.category_id
    LEFT JOIN crm.customer_value v ON v.customer_id = m.customer_id
    WHERE m.customer_id = ANY (ids) AND m.valid_to >= 'infinity' GROUP BY 1, 2, 3, 4),
    kept AS (INSERT INTO crm.report_group_set (generation, what, key, from_id, ids)
             SELECT ready, 'bought', x.key, _report_group_bought.from_id, crm.bitmap_agg(x.customer_id)
             FROM (SELECT DISTINCT y.key, l.customer_id FROM line l
                     CROSS JOIN LATERAL (VALUES ('tier.' || l.tier), ('category.' || l.category)) y (key)) x
                 CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = x.customer_id
                     AND c.status <> 'erased' OFFSET 0) c GROUP BY x.key)
    SELECT 'mix', l.tier, l.category, ARRAY[l.store_id], count(*), sum(l.amount) FROM line l GROUP BY l.tier, l.category, l.store_id
    UNION ALL
    SELECT 'buyers', b.tier, b.category, b.stores, count(*), 0
    FROM (SELECT l.tier, l.category, array_agg(l.store_id ORDER BY l.store_id) AS stores FROM line l
            GROUP BY l.customer_id, l.tier, l.category) b GROUP BY b.tier, b.category, b.stores;
END
$$;
COMMENT ON FUNCTION crm._report_group_bought(int, bigint, bigint, date) IS
    'what persons between two ids bought within 365 days by store, tier and category, before refunds; and who did '
    'by tier, category and all the stores where they did (buyers); keeps who bought of which category, and of which '
    'tier buyers are';

CREATE FUNCTION crm._report_group_reached(ready int, from_id bigint, to_id bigint, since timestamptz)
    RETURNS TABLE (what text, a text, b text, stores int[], persons bigint, amount numeric)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
BEGIN
    RETURN QUERY
    WITH told AS (
        SELECT e.customer_id, e.message_id, bool_or(e.kind = 'opened' OR e.kind = 'clicked') AS is_opened, bool_or(e.kind = 'clicked') AS is_clicked
        FROM crm.message_outcome e WHERE e.customer_id > from_id AND e.customer_id <= to_id AND e.at >= since
        GROUP BY e.customer_id, e.message_id HAVING bool_or(e.kind = 'sent')),
    had AS MATERIALIZED (
        SELECT 'message' AS what, x.outcome, t.customer_id FROM told t
            CROSS JOIN LATERAL (VALUES ('sent', true), ('opened', t.is_opened), ('clicked', t.is_clicked)) x (outcome,
                is_so) WHERE x.is_so
        UNION ALL
        SELECT 'coupon', x.state, k.customer_id FROM crm.coupon k
            CROSS JOIN LATERAL (VALUES ('issued', true), ('redeemed', k.state = 'redeemed')) x (state, is_so)
        WHERE x.is_so AND k.customer_id > from_id AND k.customer_id <= to_id AND k.issued_at >= since AND NOT k.is_history),
    kept AS (INSERT INTO crm.report_group_set (generation, what, key, from_id, ids)
             SELECT ready, 'reached', h.outcome, _report_group_reached.from_id, crm.bitmap_agg(DISTINCT h.customer_id)
                 FROM had h CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = h.customer_id
                     AND c.status <> 'erased' OFFSET 0) c GROUP BY h.outcome)
    SELECT h.what, h.outcome, '', c.scope_store_ids, count(*), 0::numeric FROM had h
        CROSS JOIN LATERAL crm._report_owner(h.customer_id) c GROUP BY h.what, h.outcome, c.scope_store_ids;
END
$$;
COMMENT ON FUNCTION crm._report_group_reached(int, bigint, bigint, timestamptz) IS
    'messages that left since a moment to persons between two ids, and how many of them were opened, clicked '
    '(notices to staff and entries of lists apart); coupons issued since, and how many of them are redeemed; keeps '
    'whom each reached';

CREATE FUNCTION crm._report_group_finish(ready int, as_of date) RETURNS void
    LANGUAGE plpgsql SET jit = off AS
$$
BEGIN
    -- the median of days that stand many times: the middle of the running count, of two middle ones their mean
    INSERT INTO crm.report_group (generation, what, a, b, stores, persons, amount)
    WITH step AS MATERIALIZED (
        SELECT g.a, g.b::int AS days, g.persons FROM crm.report_group g WHERE g.generation = ready AND g.what = 'path'),
    common AS (SELECT s.a, sum(s.persons) AS persons FROM step s GROUP BY s.a ORDER BY sum(s.persons) DESC, s.a::text[] LIMIT 20),
    running AS (SELECT s.a, s.days, c.persons, sum(s.persons) OVER (PARTITION BY s.a ORDER BY s.days) AS upto,
            s.persons AS here FROM step s JOIN common c ON c.a = s.a)
    SELECT ready, 'path', r.a, '', '{}'::int[], min(r.persons), avg(r.days) FROM running r
    CROSS JOIN LATERAL (VALUES (floor((r.persons + 1) / 2.0)), (ceil((r.persons + 1) / 2.0))) middle (rank)
        WHERE middle.rank > r.upto - r.here AND middle.rank <= r.upto GROUP BY r.a
    UNION ALL SELECT ready, 'path', '{}', '', '{}', coalesce(sum(s.persons), 0), 0 FROM step s;
    PERFORM crm._report_lost_products(ready);
    DELETE FROM crm.report_group g WHERE g.generation < ready OR (g.what = 'path' AND g.b <> '');
    DELETE FROM crm.report_group_set k WHERE k.generation < ready;
    DELETE FROM crm.report_path_set k WHERE k.generation < ready
        OR NOT EXISTS (SELECT FROM crm.report_group g WHERE g.generation = ready AND g.what = 'path'
            AND g.a = k.path);
    UPDATE crm.report_group_progress p SET generation = ready, as_of = _report_group_finish.as_of, done_to = 0;
END
$$;
COMMENT ON FUNCTION crm._report_group_finish(int, date) IS
    'leaves of the paths of a generation the twenty commonest and all together, and shows it';

CREATE FUNCTION crm._report_groups_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 3000;
    progress crm.report_group_progress;
    upper bigint;
    since timestamptz;
BEGIN
    SELECT * INTO progress FROM crm.report_group_progress FOR UPDATE;
    IF progress.done_to = 0 THEN
        progress.next_as_of := crm._report_today();
        DELETE FROM crm.report_group g WHERE g.generation > progress.generation;
        DELETE FROM crm.report_path_set k WHERE k.generation > progress.generation;
        DELETE FROM crm.report_group_set k WHERE k.generation > progress.generation;
    END IF;
    since := (progress.next_as_of - 89)::timestamp AT TIME ZONE (crm._setting('core.time_zone') #>> '{}');
    upper := (SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > progress.done_to ORDER BY c.customer_id OFFSET piece LIMIT 1);
    INSERT INTO crm.report_group AS kept (generation, what, a, b, stores, persons, amount)
    SELECT progress.generation + 1, g.* FROM (
        SELECT * FROM crm._report_group_persons(progress.generation + 1, progress.done_to, coalesce(upper, 9223372036854775807))
        UNION ALL SELECT * FROM crm._report_group_bought(progress.generation + 1, progress.done_to,
                coalesce(upper, 9223372036854775807), progress.next_as_of)
        UNION ALL SELECT * FROM crm._report_group_paths(progress.generation + 1, progress.done_to,
                coalesce(upper, 9223372036854775807), progress.next_as_of)
        UNION ALL SELECT * FROM crm._report_group_gaps(progress.done_to, coalesce(upper, 9223372036854775807), progress.next_as_of)
        UNION ALL SELECT * FROM crm._report_group_reached(progress.generation + 1, progress.done_to, coalesce(upper, 9223372036854775807), since)
        UNION ALL SELECT * FROM crm._report_group_care(progress.done_to, coalesce(upper, 9223372036854775807), progress.next_as_of)
        UNION ALL SELECT * FROM crm._report_group_lost(progress.generation + 1, progress.done_to,
                coalesce(upper, 9223372036854775807), progress.next_as_of)
        UNION ALL SELECT * FROM crm._report_group_leads(progress.generation + 1, progress.done_to,
                coalesce(upper, 9223372036854775807), progress.next_as_of)
        UNION ALL SELECT * FROM crm._report_group_offers(progress.generation + 1, progress.done_to,
                coalesce(upper, 9223372036854775807), progress.next_as_of)) g
    ON CONFLICT (generation, what, a, b, stores) DO UPDATE SET persons = kept.persons + excluded.persons, amount = kept.amount + excluded.amount;
    IF upper IS NOT NULL THEN
        UPDATE crm.report_group_progress SET next_as_of = progress.next_as_of, done_to = upper;
        RETURN 1;
    END IF;
    PERFORM crm._report_group_finish(progress.generation + 1, progress.next_as_of);
    RETURN (progress.next_as_of < crm._report_today())::int;    -- a night that broke off and was ended on a later day: that day's comes at once
END
$$;
COMMENT ON FUNCTION crm._report_groups_job() IS
    'job: adds up by stores where persons came from, which fields they have, what they bought and how often, what '
    'reached them, the ways they went, who is cared for, who was lost, which leads came; 3,000 persons a call; '
    'returns > 0 until everybody was looked at';

CREATE FUNCTION crm._report_groups(wanted text, in_stores int[]) RETURNS TABLE (a text, b text, persons bigint, amount numeric)
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT g.a, g.b, sum(g.persons)::bigint, sum(g.amount)
    FROM crm.report_group g JOIN crm.report_group_progress p ON p.generation = g.generation
    WHERE g.what = wanted AND (in_stores IS NULL OR g.stores && in_stores) GROUP BY g.a, g.b;
END
$$;
COMMENT ON FUNCTION crm._report_groups(text, int[]) IS
    'what the last night added up of a kind, of some stores (null: the chain)';

CREATE FUNCTION crm.report_completeness(store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (field text, persons bigint, filled bigint, rate numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    in_stores int[] := crm._report_scope(store_code, region_code);
    is_kept boolean := (SELECT p.generation > 0 FROM crm.report_group_progress p);
BEGIN
    RETURN QUERY
    WITH counted AS (
        SELECT g.a AS field, g.amount::bigint AS persons, g.persons AS filled FROM crm._report_groups('field', in_stores) g WHERE is_kept
        UNION ALL
        SELECT f.field, sum(f.persons)::bigint, sum(f.filled)::bigint
            FROM crm._report_fields(CASE WHEN is_kept THEN 9223372036854775807 ELSE 0 END, 9223372036854775807) f
        WHERE in_stores IS NULL OR f.stores && in_stores GROUP BY f.field)
    SELECT c.field, c.persons, c.filled, crm._report_ratio(c.filled, c.persons) FROM counted c
    ORDER BY array_position('{name,phone,email,sex,birthday,city,consent,any_tag}'::text[], c.field);
END
$$;
COMMENT ON FUNCTION crm.report_completeness(text, text) IS
    'of the persons of the caller''s scope, how many have a name, phone, email, sex, birthday, city, a known '
    'consent, any tag (by hand, predicted or automatic, that they have now), as of the last night (before the first '
    'one: now); P0002';

CREATE FUNCTION crm.report_origins(store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (channel text, persons bigint, share numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    in_stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    RETURN QUERY
    SELECT g.a, g.persons, crm._report_ratio(g.persons, sum(g.persons) OVER ())
        FROM crm._report_groups('origin', in_stores) g ORDER BY g.persons DESC, g.a;
END
$$;
COMMENT ON FUNCTION crm.report_origins(text, text) IS
    'persons of the caller''s scope by the channel of their first record, as of the last night, the most first; P0002';

CREATE FUNCTION crm.report_mix(store_code text DEFAULT NULL, region_code text DEFAULT NULL)
    RETURNS TABLE (store text, store_name text, tier text, category text, category_name text, persons bigint, amount numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    in_stores int[] := crm._report_scope(store_code, region_code);
BEGIN
    RETURN QUERY
    SELECT s.code, s.name, m.tier, m.category, coalesce(k.name, m.category), m.persons, m.amount
    FROM (SELECT g.stores[1] AS store_id, NULL AS tier, g.b AS category, sum(g.persons)::bigint AS persons, sum(g.amount) AS amount
          FROM crm.report_group g JOIN crm.report_group_progress p ON p.generation = g.generation WHERE g.what = 'mix'
              AND (in_stores IS NULL OR g.stores && in_stores) GROUP BY 1, g.b
          UNION ALL
          SELECT NULL, g.a, g.b, coalesce(sum(g.persons) FILTER (WHERE g.what = 'buyers'), sum(g.persons))::bigint,
              sum(g.amount)     -- a night of an older version kept no buyers
          FROM crm.report_group g JOIN crm.report_group_progress p ON p.generation = g.generation
              WHERE g.what IN ('mix', 'buyers') AND (in_stores IS NULL OR g.stores && in_stores) GROUP BY g.a, g.b) m
    LEFT JOIN crm.store s ON s.store_id = m.store_id LEFT JOIN crm.product_category k ON k.code = m.category
        ORDER BY s.code NULLS LAST, m.tier, m.category;
END
$$;
COMMENT ON FUNCTION crm.report_mix(text, text) IS
    'buyers of the 365 days to the last night in the caller''s scope, with sales before refunds: by store and '
    'category (tier null), and by their tier and category (store null); -: no category; a person who bought of two '
    'categories is in both, and in two stores in both rows of stores; P0002';

GRANT EXECUTE ON FUNCTION crm.report_completeness(text, text), crm.report_origins(text, text), crm.report_mix(text, text)
    TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
