-- report: how managers look after the customers of their stores. Whom somebody spoke to, and who is looked after, a
-- night adds up by the stores of persons (crm.report_group); tasks, complaints and staff are counted when it is
-- asked, moves between tiers as boards count them.

CREATE FUNCTION crm._report_care_since(today date) RETURNS date
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN today - (crm._setting('report.care_days') #>> '{}')::int + 1;
END
$$;
COMMENT ON FUNCTION crm._report_care_since(date) IS 'the first of the last report.care_days local days';

CREATE FUNCTION crm._report_notes_of(person bigint, since date, today date) RETURNS SETOF bigint
    LANGUAGE sql STABLE AS
$$
    SELECT i.source_record_id FROM crm.membership m JOIN crm.interaction i ON i.source_record_id = m.source_record_id
    WHERE m.customer_id = person AND m.valid_to = 'infinity' AND i.is_current AND i.business_day BETWEEN since AND today
$$;
COMMENT ON FUNCTION crm._report_notes_of(bigint, date, date) IS
    'records of a person with a note between two local days, a row a note; plain SQL, so that queries take it in';

CREATE FUNCTION crm._report_owners_of(person bigint) RETURNS SETOF int
    LANGUAGE sql STABLE AS
$$
    SELECT f.staff_id FROM (SELECT person AS id UNION ALL SELECT x.customer_id FROM crm.customer x WHERE x.merged_into = person) x
    JOIN crm.person_owner o ON o.customer_id = x.id AND o.until IS NULL JOIN crm.staff f ON f.staff_id = o.staff_id AND f.left_at IS NULL
$$;
COMMENT ON FUNCTION crm._report_owners_of(bigint) IS
    'who looks after a person and has not left, under whatever id; plain SQL, so that queries take it in';

CREATE FUNCTION crm._report_group_care(from_id bigint, to_id bigint, today date)
    RETURNS TABLE (what text, a text, b text, stores int[], persons bigint, amount numeric)
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    since date := crm._report_care_since(today);
BEGIN
    RETURN QUERY
    SELECT 'care', x.a, '', c.scope_store_ids, count(*) FILTER (WHERE x.is_so), 0::numeric
    FROM crm.customer c CROSS JOIN LATERAL (SELECT EXISTS (SELECT
                FROM crm._report_notes_of(c.customer_id, since, today)) AS is_spoken,
            EXISTS (SELECT FROM crm._report_owners_of(c.customer_id)) AS is_owned OFFSET 0) k
    CROSS JOIN LATERAL (VALUES ('all', true), ('spoken', k.is_spoken), ('owned', k.is_owned)) x (a, is_so)
    WHERE c.status = 'active' AND c.customer_id > from_id AND c.customer_id <= to_id GROUP BY x.a, c.scope_store_ids;
END
$$;
COMMENT ON FUNCTION crm._report_group_care(bigint, bigint, date) IS
    'of active persons between two ids by the stores of their scope: all, those whom a note of the last '
    'report.care_days days speaks of, those whom somebody looks after who has not left';

-- Stores in scopes by region and sharing group count like those that are named.
CREATE FUNCTION crm._report_staff_stores() RETURNS TABLE (staff_id int, store_id int)
    LANGUAGE sql STABLE AS
$$
    SELECT DISTINCT f.staff_id, s.store_id
    FROM crm.staff f JOIN crm.staff_scope c ON c.staff_id = f.staff_id
    JOIN crm.store s ON c.kind = 'all' OR (c.kind = 'store' AND c.ref_id = s.store_id) OR (c.kind = 'region' AND c.ref_id = s.region_id)
         OR (c.kind = 'group' AND EXISTS (SELECT FROM crm.sharing_group_store g WHERE g.sharing_group_id = c.ref_id AND g.store_id = s.store_id))
$$;
COMMENT ON FUNCTION crm._report_staff_stores() IS 'which stores the scopes of members of staff hold, a row each';

CREATE FUNCTION crm._report_move_cells(is_better boolean) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    tier_names text[] := crm._report_tiers();
    places text[] := ARRAY(SELECT jsonb_array_elements_text(crm._setting('report.tier_order')));
BEGIN
    RETURN ARRAY(SELECT (x.no - 1) * (cardinality(tier_names) + 1) + y.no - 1
                 FROM unnest(tier_names) WITH ORDINALITY x (tier, no), unnest(tier_names) WITH ORDINALITY y (tier, no)
                 WHERE sign(array_position(places, x.tier) - array_position(places, y.tier)) = CASE WHEN is_better THEN 1 ELSE -1 END);
END
$$;
COMMENT ON FUNCTION crm._report_move_cells(boolean) IS
    'the cells of the question "moves" that lead to a better, or a worse, tier (report.tier_order)';

CREATE FUNCTION crm._report_moved_tiers(stores int[], days int, OUT better bigint, OUT worse bigint)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    c bigint[] := crm._report_ask('moves', stores, ARRAY[crm._report_today() - days]);
BEGIN
    better := (SELECT coalesce(sum(c[cell + 1]), 0) FROM unnest(crm._report_move_cells(true)) cell);
    worse := (SELECT coalesce(sum(c[cell + 1]), 0) FROM unnest(crm._report_move_cells(false)) cell);
END
$$;
COMMENT ON FUNCTION crm._report_moved_tiers(int[], int) IS
    'persons of some stores who are in a better, a worse tier (report.tier_order) than so many local days ago; '
    'boards ask the same question of 90 days, so its answer is kept';

CREATE FUNCTION crm._report_store_work(since timestamptz)
    RETURNS TABLE (store_id int, open_tasks bigint, overdue bigint, complaints bigint, complaints_open bigint)
    LANGUAGE sql STABLE SET jit = off AS
$$
    SELECT s.store_id, coalesce(t.open_tasks, 0), coalesce(t.overdue, 0), coalesce(k.complaints, 0), coalesce(k.complaints_open, 0)
    FROM crm.store s
    LEFT JOIN (SELECT t.store_id, count(*) AS open_tasks, count(*) FILTER (WHERE t.due_at < crm.core_now()) AS overdue
               FROM crm.task t WHERE t.state = 'open' AND t.store_id IS NOT NULL GROUP BY t.store_id) t ON t.store_id = s.store_id
    LEFT JOIN (SELECT k.store_id, count(*) FILTER (WHERE k.opened_at >= since) AS complaints,
               count(*) FILTER (WHERE k.state <> 'resolved') AS complaints_open
               FROM crm.ticket k WHERE k.kind = 'complaint' AND (k.opened_at >= since OR k.state <> 'resolved')
                       GROUP BY k.store_id) k ON k.store_id = s.store_id
$$;
COMMENT ON FUNCTION crm._report_store_work(timestamptz) IS
    'of each store: open tasks, those of them overdue, complaints since a moment, complaints that are open';

CREATE FUNCTION crm._report_manager_rows(in_stores int[]) RETURNS TABLE (staff_id int, stores int[])
    LANGUAGE sql STABLE AS
$$
    SELECT m.staff_id, array_agg(m.store_id ORDER BY m.store_id)
    FROM crm._report_staff_stores() m JOIN crm.staff f ON f.staff_id = m.staff_id
        AND f.role IN ('crm_store_manager', 'crm_manager') AND f.left_at IS NULL
    GROUP BY m.staff_id HAVING in_stores IS NULL OR array_agg(m.store_id) <@ in_stores
$$;
COMMENT ON FUNCTION crm._report_manager_rows(int[]) IS
    'managers who have not left, with their stores; of those given, managers who have no others';

CREATE FUNCTION crm.report_managers(store_code text DEFAULT NULL, region_code text DEFAULT NULL) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    in_stores int[] := crm._report_scope(store_code, region_code);
    days int := (crm._setting('report.care_days') #>> '{}')::int;
    starts timestamptz := crm._report_care_since(crm._report_today())::timestamp AT TIME ZONE (crm._setting('core.time_zone') #>> '{}');
BEGIN
    RETURN QUERY
    WITH manager AS MATERIALIZED (SELECT m.* FROM crm._report_manager_rows(in_stores) m),
    place AS MATERIALIZED (     -- managers of the same stores share their figures
        SELECT p.stores FROM manager p GROUP BY p.stores),
    cared AS MATERIALIZED (
        SELECT p.stores, coalesce(sum(g.persons) FILTER (WHERE g.a = 'all'), 0) AS persons,
            coalesce(sum(g.persons) FILTER (WHERE g.a = 'spoken'), 0) AS spoken,
               coalesce(sum(g.persons) FILTER (WHERE g.a = 'owned'), 0) AS owned
        FROM place p LEFT JOIN (crm.report_group g JOIN crm.report_group_progress n ON n.generation = g.generation)
            ON g.what = 'care' AND g.stores && p.stores GROUP BY p.stores),
    staffed AS MATERIALIZED (
        SELECT p.stores, count(DISTINCT c.staff_id) AS clerks
        FROM place p JOIN (SELECT w.* FROM crm._report_staff_stores() w JOIN crm.staff f ON f.staff_id = w.staff_id
                AND f.role = 'crm_clerk' AND f.left_at IS NULL) c ON c.store_id = ANY (p.stores) GROUP BY p.stores),
    work AS MATERIALIZED (SELECT w.* FROM crm._report_store_work(starts) w),
    worked AS (
        SELECT p.stores, sum(w.open_tasks) AS open_tasks, sum(w.overdue) AS overdue, sum(w.complaints) AS complaints,
            sum(w.complaints_open) AS complaints_open
        FROM place p JOIN work w ON w.store_id = ANY (p.stores) GROUP BY p.stores),
    moved AS (SELECT p.stores, t.better, t.worse FROM place p CROSS JOIN LATERAL crm._report_moved_tiers(p.stores, days) t)
    SELECT jsonb_build_object('staff', f.code, 'name', f.name, 'role', f.role, 'stores', cardinality(m.stores),
        'regions', (SELECT string_agg(DISTINCT r.name, '、' ORDER BY r.name)
                   FROM crm.store s JOIN crm.region r ON r.region_id = s.region_id WHERE s.store_id = ANY (m.stores)),
               'persons', c.persons, 'clerks', coalesce(k.clerks, 0), 'persons_a_clerk', round(c.persons / nullif(k.clerks, 0), 1),
               'spoken', c.spoken, 'coverage', crm._report_ratio(c.spoken, c.persons), 'owned', c.owned,
                   'owned_share', crm._report_ratio(c.owned, c.persons),
               'open_tasks', w.open_tasks, 'overdue', w.overdue, 'overdue_share', crm._report_ratio(w.overdue, w.open_tasks),
               'better', t.better, 'worse', t.worse, 'complaints', w.complaints, 'complaints_open', w.complaints_open,
               'days', days, 'as_of', (SELECT p.as_of FROM crm.report_group_progress p WHERE p.generation > 0))
    FROM manager m JOIN crm.staff f ON f.staff_id = m.staff_id JOIN cared c ON c.stores = m.stores
        JOIN worked w ON w.stores = m.stores JOIN moved t ON t.stores = m.stores
    LEFT JOIN staffed k ON k.stores = m.stores
    ORDER BY f.role = 'crm_store_manager', crm._report_ratio(c.spoken, c.persons) NULLS LAST, f.code LIMIT 2000;
END
$$;
COMMENT ON FUNCTION crm.report_managers(text, text) IS
    'managers all of whose stores lie in the caller''s scope, of regions first, the least coverage first: persons '
    'of their stores, clerks, persons a clerk; spoken: persons whom a note of the last report.care_days days speaks '
    'of, coverage their share; owned: whom somebody looks after (these as of the last night: as_of); open and '
    'overdue tasks now; better, worse: persons in a better, worse tier than report.care_days days ago; complaints '
    'of these days, and open ones; P0002';
GRANT EXECUTE ON FUNCTION crm.report_managers(text, text) TO crm_manager, crm_analyst, crm_headquarters;
