-- report: who stands behind what a night added up: its sets of persons (crm.report_group_set), read in pages by id,
-- as persons of today.

-- Of a few everybody is looked at. Of many a page is read off the pieces; who is of some stores alone, from the
-- stores' persons, where these are fewer than what would be walked through.
CREATE FUNCTION crm._report_set_size(in_what text, in_key text) RETURNS bigint
    LANGUAGE sql STABLE AS
$$
    SELECT coalesce(sum(crm.bitmap_count(k.ids)), 0)::bigint FROM crm.report_group_set k
        JOIN crm.report_group_progress p ON p.generation = k.generation WHERE k.what = in_what AND k.key = in_key
$$;
COMMENT ON FUNCTION crm._report_set_size(text, text) IS 'how many ids a set of the last night has';

CREATE FUNCTION crm._report_set(in_what text, in_key text, any_of text[]) RETURNS crm.bitmap
    LANGUAGE sql STABLE AS
$$
    SELECT CASE WHEN any_of IS NULL THEN w.ids ELSE w.ids OPERATOR(crm.&) coalesce((
               SELECT crm.bitmap_union(x.ids) FROM crm.report_group_set x
                           JOIN crm.report_group_progress p ON p.generation = x.generation WHERE x.what = in_what
                           AND x.key = ANY (any_of)), '{}') END
    FROM (SELECT coalesce(crm.bitmap_union(k.ids), '{}') AS ids FROM crm.report_group_set k
        JOIN crm.report_group_progress p ON p.generation = k.generation WHERE k.what = in_what AND k.key = in_key) w
$$;
COMMENT ON FUNCTION crm._report_set(text, text, text[]) IS
    'a set of the last night whole, of it those who are in any of some others of its kind (null: all)';

CREATE FUNCTION crm._report_scope_size(stores int[]) RETURNS bigint
    LANGUAGE sql STABLE AS
$$
    SELECT coalesce(sum(g.persons), 0)::bigint FROM crm.report_group g
        JOIN crm.report_group_progress p ON p.generation = g.generation WHERE g.what = 'care' AND g.a = 'all'
        AND g.stores && _report_scope_size.stores
$$;
COMMENT ON FUNCTION crm._report_scope_size(int[]) IS 'how many persons some stores had in the last night';

CREATE FUNCTION crm._report_set_page(in_what text, in_key text, any_of text[], stores int[], after_id bigint, row_limit int) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    now_shown int := (SELECT p.generation FROM crm.report_group_progress p);
    piece bigint := (SELECT max(k.from_id) FROM crm.report_group_set k WHERE k.generation = now_shown
            AND k.what = in_what AND k.key = in_key AND k.from_id <= greatest(after_id, 0));
BEGIN
    RETURN ARRAY(
        SELECT m.id FROM (SELECT CASE WHEN any_of IS NULL THEN k.ids ELSE k.ids OPERATOR(crm.&) coalesce((
                              SELECT crm.bitmap_union(x.ids) FROM crm.report_group_set x
                                          WHERE x.generation = now_shown AND x.what = in_what AND x.key = ANY (any_of)
                                          AND x.from_id = k.from_id), '{}') END AS ids
                          FROM crm.report_group_set k WHERE k.generation = now_shown AND k.what = in_what
                              AND k.key = in_key AND k.from_id >= coalesce(piece, 0) ORDER BY k.from_id OFFSET 0) k
        CROSS JOIN LATERAL crm.bitmap_members(k.ids) m (id)
        CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = m.id AND c.status = 'active'
                AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
        WHERE m.id > after_id LIMIT row_limit);
END
$$;
COMMENT ON FUNCTION crm._report_set_page(text, text, text[], int[], bigint, int) IS
    'persons of a set who have the id of that night still, of some stores (null: the chain), behind an id, ascending';

CREATE FUNCTION crm._report_set_there(members crm.bitmap, stores int[], after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
BEGIN
    RETURN QUERY
    SELECT p.customer_id FROM (SELECT c.customer_id FROM crm.customer c WHERE c.scope_store_ids && stores
            AND c.status = 'active' AND c.customer_id > after_id ORDER BY 1 OFFSET 0) p
    WHERE crm.bitmap_has(members, p.customer_id) OR EXISTS (SELECT FROM crm.customer m
            WHERE m.merged_into = p.customer_id AND crm.bitmap_has(members, m.customer_id)) ORDER BY 1
        LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_set_there(crm.bitmap, int[], bigint, int) IS
    'persons of some stores who are in a set under any id, behind an id, ascending';

CREATE FUNCTION crm._report_behind_set(in_what text, in_key text, any_of text[], stores int[], after_id bigint,
                                       row_limit int, few int DEFAULT 20000) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    size bigint := crm._report_set_size(in_what, in_key);
    whole crm.bitmap;
    found bigint[];
BEGIN
    IF size <= few THEN
        RETURN QUERY SELECT * FROM crm._report_page_of(crm.bitmap_array(crm._report_set(in_what, in_key, any_of)), stores, after_id, row_limit);
        RETURN;
    ELSIF stores IS NOT NULL AND crm._report_scope_size(stores) < size / 3 THEN
        RETURN QUERY SELECT * FROM crm._report_set_there(crm._report_set(in_what, in_key, any_of), stores, after_id, row_limit);
        RETURN;
    END IF;
    found := crm._report_set_page(in_what, in_key, any_of, stores, after_id, row_limit);
    whole := crm._report_set(in_what, in_key, any_of);
    RETURN QUERY
    SELECT u.id FROM (
        SELECT f.id FROM unnest(found) f (id)
        UNION
        (SELECT m.merged_into FROM crm.customer m
         CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = m.merged_into AND c.status = 'active'
                 AND (stores IS NULL OR c.scope_store_ids && stores) OFFSET 0) c
         WHERE m.merged_into > after_id AND m.merged_into <= CASE
             WHEN cardinality(found) = row_limit THEN found[row_limit] ELSE 9223372036854775807 END
             AND crm.bitmap_has(whole, m.customer_id)
         ORDER BY 1 LIMIT row_limit)) u
    ORDER BY u.id LIMIT row_limit;
END
$$;
COMMENT ON FUNCTION crm._report_behind_set(text, text, text[], int[], bigint, int, int) IS
    'who the persons of a set of the last night, of it those in any of some others of its kind (null: all), are '
    'now, of some stores (null: the chain), behind an id, ascending; few: of so many ids all are looked at';

-- Who bought of a category in some stores is looked at among those who bought of it anywhere.
CREATE FUNCTION crm._report_who_bought(page bigint[], category text, in_stores int[], first_day date, last_day date) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    products int[] := ARRAY(SELECT p.product_id FROM crm.product p
            JOIN crm.product_category k ON k.category_id = p.category_id WHERE k.code = _report_who_bought.category);
BEGIN
    RETURN ARRAY(
        SELECT p.id FROM unnest(page) p (id)
        CROSS JOIN LATERAL (
            SELECT FROM crm.membership m
            CROSS JOIN LATERAL (SELECT o.source_record_id, o.order_id, o.revision FROM crm.customer_order o
                                WHERE o.source_record_id = m.source_record_id AND o.is_current
                                    AND o.business_day BETWEEN first_day AND last_day
                                    AND o.store_id = ANY (in_stores) OFFSET 0) o
            JOIN crm.order_item i ON i.source_record_id = o.source_record_id AND i.order_id = o.order_id AND i.revision = o.revision
            WHERE m.customer_id = p.id AND m.valid_to = 'infinity'
              AND CASE WHEN category = '-' THEN NOT EXISTS (SELECT FROM crm.product x
                      WHERE x.product_id = i.product_id AND x.category_id IS NOT NULL)
                  ELSE i.product_id = ANY (products) END LIMIT 1) b
        ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._report_who_bought(bigint[], text, int[], date, date) IS
    'of some persons those who bought of a category (-: of none) in any of some stores on local days, as '
    'crm._report_group_bought() looks, ascending';

CREATE FUNCTION crm._report_behind_mix(stores int[], tier text, category text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET jit = off SET plan_cache_mode = force_custom_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    any_of text[] := CASE WHEN tier <> '' THEN ARRAY['tier.' || tier] END;
    last_day date := (SELECT p.as_of FROM crm.report_group_progress p);
    -- who bought in a store within so many days is of it, so its persons alone are looked at
    their_stores int[] := CASE WHEN (crm._setting('identity.scope_days') #>> '{}')::int >= 365 THEN stores END;
    most int := row_limit;
    last_id bigint := after_id;
    page bigint[];
    found bigint[] := '{}';
BEGIN
    LOOP
        page := ARRAY(SELECT * FROM crm._report_behind_set('bought', 'category.' || category, any_of, their_stores, last_id, most));
        found := found || CASE WHEN stores IS NULL THEN page ELSE crm._report_who_bought(page, category, stores, last_day - 364, last_day) END;
        EXIT WHEN cardinality(page) < most OR cardinality(found) >= row_limit;
        last_id := page[most];
        most := least(most * 4, 5000);
    END LOOP;
    RETURN QUERY SELECT f.id FROM unnest(found[: row_limit]) f (id);
END
$$;
COMMENT ON FUNCTION crm._report_behind_mix(int[], text, text, bigint, int) IS
    'persons who bought of a category (-: of none) within 365 days to the last night, of a tier then (empty: any), '
    'in some stores (null: any), behind an id, ascending';

CREATE FUNCTION crm._report_behind_night(stores int[], what text, key text, after_id bigint, row_limit int) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    first text := split_part(key, '.', 1);
    rest text := substr(key, length(split_part(key, '.', 1)) + 2);
BEGIN
    IF what = 'mix' THEN
        RETURN QUERY SELECT * FROM crm._report_behind_mix(stores, first, rest, after_id, row_limit);
    ELSIF what = 'lost' THEN        -- of the stores where they last bought, whosever they are now
        RETURN QUERY SELECT * FROM crm._report_behind_set('lost', CASE
                WHEN first = 'store' THEN 'store.' || coalesce((SELECT s.store_id FROM crm.store s
                        WHERE s.code = rest), 0) ELSE key END,
                                                         CASE WHEN stores IS NOT NULL
                                                             THEN ARRAY(SELECT 'store.' || s.id
                                                                 FROM unnest(stores) s (id)) END, NULL, after_id,
                                                             row_limit);
    ELSE
        RETURN QUERY SELECT * FROM crm._report_behind_set(
            CASE what WHEN 'lead' THEN CASE first WHEN 'leads' THEN 'lead' WHEN 'visited' THEN 'lead_visit' ELSE 'lead_order' END ELSE what END,
            CASE what WHEN 'lead' THEN rest ELSE key END, NULL, stores, after_id, row_limit);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_behind_night(int[], text, text, bigint, int) IS
    'persons behind a figure that a night adds up: origin, field, mix, lost, lead, reached, offer, as of that night';
