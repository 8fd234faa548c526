-- report: the commonest ways through categories, added up by a night, and who went each: the persons of a way are
-- kept as sets, a row a piece, so that the list is of whom the number counted.

CREATE FUNCTION crm._report_group_paths(ready int, from_id bigint, to_id bigint, today date)
    RETURNS TABLE (what text, a text, b text, stores int[], persons bigint, amount numeric)
    LANGUAGE plpgsql SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    ids bigint[] := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > from_id AND c.customer_id <= to_id);
BEGIN
    RETURN QUERY
    WITH walked AS MATERIALIZED (SELECT w.* FROM crm._value_walks(today - 364, today, 3, ids) w),
    kept AS (INSERT INTO crm.report_path_set (generation, path, from_id, ids) SELECT ready, w.path::text,
             _report_group_paths.from_id, crm.bitmap_agg(w.customer_id)
             FROM walked w CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = w.customer_id
                     AND c.status = 'active' OFFSET 0) c GROUP BY w.path)
    SELECT 'path', w.path::text, w.days::text, '{}'::int[], count(*), 0::numeric FROM walked w GROUP BY w.path, w.days;
END
$$;
COMMENT ON FUNCTION crm._report_group_paths(int, bigint, bigint, date) IS
    'the ways through categories of persons between two ids whose first order lies within 365 days; keeps who went '
    'each, without the erased, whose orders count still';

CREATE FUNCTION crm.report_paths(from_day date DEFAULT NULL, to_day date DEFAULT NULL)
    RETURNS TABLE (path text[], names text[], persons bigint, share numeric, median_days numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    kept date := (SELECT p.as_of FROM crm.report_group_progress p WHERE p.generation > 0);
    first_day date := coalesce(from_day, coalesce(kept, crm._report_today()) - 364);
    last_day date := coalesce(to_day, kept, crm._report_today());
    everybody bigint := (SELECT g.persons FROM crm._report_groups('path', NULL) g WHERE g.a = '{}');
BEGIN
    RETURN QUERY
    SELECT w.path, ARRAY(SELECT coalesce(k.name, x.code) FROM unnest(w.path) WITH ORDINALITY x(code, step)
            LEFT JOIN crm.product_category k ON k.code = x.code ORDER BY x.step),
           w.persons, w.share, w.median_days
    FROM (SELECT g.a::text[] AS path, g.persons, crm._report_ratio(g.persons, everybody) AS share,
          g.amount AS median_days FROM crm._report_groups('path', NULL) g
          WHERE g.a <> '{}' AND last_day = kept AND first_day = kept - 364
          UNION ALL
          SELECT v.* FROM (SELECT p.* FROM crm.value_paths(first_day, last_day, 3) p LIMIT 20) v
              WHERE last_day IS DISTINCT FROM kept OR first_day <> kept - 364) w
    ORDER BY w.persons DESC, w.path;
END
$$;
COMMENT ON FUNCTION crm.report_paths(date, date) IS
    'the twenty commonest ways through categories of persons whose first order lies between two local days, as '
    'crm.value_paths(), with the categories'' names; the whole chain; without days the 365 days to the last night, '
    'which are kept: another span takes seconds';
GRANT EXECUTE ON FUNCTION crm.report_paths(date, date) TO crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._report_path_key(key text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF length(key) > 2000 THEN      -- three codes of 200 characters, each of which may be escaped
        RAISE data_exception;
    END IF;
    RETURN ARRAY(SELECT x.code FROM jsonb_array_elements_text(key::jsonb) WITH ORDINALITY x (code, step) ORDER BY x.step)::text;
EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION 'a path is a list of categories' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'key',
        HINT = 'Give their codes as JSON, as crm.report_paths() has them: ["tea","coffee"].';
END
$$;
COMMENT ON FUNCTION crm._report_path_key(text) IS 'a path, told as JSON, as it is kept; 22023 names the key';

-- A night that counted ways before their persons were kept, as one before an upgrade, left numbers without sets.
CREATE FUNCTION crm._report_are_walkers_kept(path text, now_shown int) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN now_shown > 0 AND (EXISTS (SELECT FROM crm.report_path_set k WHERE k.generation = now_shown)
                              OR NOT EXISTS (SELECT FROM crm.report_group g WHERE g.generation = now_shown AND g.what = 'path' AND g.a = path));
END
$$;
COMMENT ON FUNCTION crm._report_are_walkers_kept(text, int) IS
    'whether who went a way that is shown of a generation stands in its sets, or nobody shows it; else persons are '
    'looked at';

CREATE FUNCTION crm._report_behind_path(stores int[], key text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan AS
$$
DECLARE
    wanted text := crm._report_path_key(key);
    now_shown int := (SELECT p.generation FROM crm.report_group_progress p);
    last_day date := (SELECT CASE WHEN p.generation > 0 THEN p.as_of ELSE crm._report_today() END FROM crm.report_group_progress p);
    piece bigint := (SELECT max(k.from_id) FROM crm.report_path_set k WHERE k.generation = now_shown
            AND k.path = wanted AND k.from_id <= greatest(after_id, 0));
BEGIN
    IF NOT crm._report_are_walkers_kept(wanted, now_shown) THEN     -- as crm.report_paths() counts without a night
        RETURN QUERY SELECT * FROM crm._report_page_of(ARRAY(
            SELECT w.customer_id FROM crm._value_walks(last_day - 364, last_day, 3) w WHERE w.path::text = wanted), stores, after_id, row_limit);
        RETURN;
    END IF;
    RETURN QUERY
    SELECT u.id FROM (
        SELECT m.id FROM (SELECT k.ids FROM crm.report_path_set k WHERE k.generation = now_shown AND k.path = wanted
                AND k.from_id >= coalesce(piece, 0) ORDER BY k.from_id OFFSET 0) k
        CROSS JOIN LATERAL crm.bitmap_members(k.ids) m (id)
        CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = m.id AND c.status = 'active'
                AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
        WHERE m.id > after_id LIMIT row_limit) u
    ORDER BY u.id;
END
$$;
COMMENT ON FUNCTION crm._report_behind_path(int[], text, bigint, int) IS
    'persons who went one of the twenty commonest ways, as of the last night (before the first: now), of some '
    'stores (null: the chain), behind an id, ascending; who was merged into another since is left out; 22023 names '
    'the key';
