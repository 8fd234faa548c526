-- report_page: a list is open while persons of it are merged, told apart, erased and moved: its next page is of who is there then, nobody
-- twice, nobody of another's scope, and nobody who stayed is missing.  So with the lists behind numbers, of segments, of tasks.
\set VERBOSITY terse
SET client_min_messages = warning;
SET datestyle = 'ISO';
SET timezone = 'Asia/Shanghai';
BEGIN;
SET LOCAL crm.core_clock = '2026-06-30T12:00:00+08:00';
SELECT set_config('crm.access_claims', '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims;
UPDATE crm.job SET is_active = false;
SELECT crm.access_define_region('pg_r', 'r') > 0 AS region, crm.access_define_store('pg_1', 'one', 'pg_r') AS s1, crm.access_define_store('pg_2', 'two', 'pg_r') AS s2, crm.ingest_define_source('pg_till', 'till', 'pos', '{}') > 0 AS source \gset
SELECT crm.access_define_staff('pg_m', 'm', 'crm_store_manager', '{store:pg_1}') AS m \gset
CREATE FUNCTION pg_temp.tell(entity text, body jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN EXECUTE format('SELECT (crm.ingest_%s($1, $2)).status', entity) INTO told USING 'pg_till', convert_to(body::text, 'UTF8'); RETURN told; END $$;
SELECT pg_temp.tell('product', '{"external_id": "a", "name": "a", "category_code": "pg_tea"}') AS tea, pg_temp.tell('product', '{"external_id": "b", "name": "b", "category_code": "pg_milk"}') AS milk;
SELECT count(*) FROM generate_series(1, 24) n, LATERAL (SELECT pg_temp.tell('member', jsonb_build_object('external_id', 'M' || n, 'phone', 13700009900 + n, 'name', '陈' || n, 'store_code', 'pg_1', 'registered_at', '2026-06-01T10:00:00+08:00')),
    pg_temp.tell('order', jsonb_build_object('external_id', 'A' || n, 'member_external_id', 'M' || n, 'ordered_at', '2026-06-10T10:00:00+08:00', 'store_code', 'pg_1', 'items', '[{"product_code": "a", "quantity": 1, "unit_price": "9.00"}]'::jsonb)),
    pg_temp.tell('order', jsonb_build_object('external_id', 'B' || n, 'member_external_id', 'M' || n, 'ordered_at', '2026-06-20T10:00:00+08:00', 'store_code', 'pg_1', 'items', '[{"product_code": "b", "quantity": 1, "unit_price": "9.00"}]'::jsonb))) t;
CREATE FUNCTION pg_temp.person(member text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT m.customer_id FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = member AND r.source_id = crm._ingest_source_id('pg_till') AND m.valid_to = 'infinity' $$;
-- M23 is M3's, M24 is M20's: to be told apart while lists are open
SELECT crm.identity_merge(pg_temp.person('M3'), pg_temp.person('M23'), 'one') IS NOT NULL AS third, crm.identity_merge(pg_temp.person('M20'), pg_temp.person('M24'), 'one') IS NOT NULL AS twentieth;
SELECT crm.segment_define('pg_all', 'all', '{"kind": "purchase", "measure": "count", "days": 365, "op": ">=", "value": 1}') ->> 'code' AS segment;
CREATE FUNCTION pg_temp.settle() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WHILE crm._value_drain() > 0 LOOP END LOOP;
    WHILE crm._report_keep_job() > 0 LOOP END LOOP;
    WHILE crm._segment_refresh() > 0 LOOP END LOOP;
END $$;
SELECT pg_temp.settle();
DO $$ BEGIN WHILE crm._report_groups_job() > 0 LOOP END LOOP; END $$;
CREATE FUNCTION pg_temp.act(is_chain boolean, store int, staff int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('crm.access_claims', CASE WHEN is_chain THEN '{"actor": "regress", "role": "crm_headquarters", "stores": [], "all": true}'
        ELSE json_build_object('actor', 'pg_m', 'staff_id', staff, 'role', 'crm_store_manager', 'stores', ARRAY[store], 'all', false)::text END, true);
END $$;
-- what happens between two pages; M1 to M5 stand on the first
CREATE FUNCTION pg_temp.happen(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE what
        WHEN 'first into later' THEN PERFORM crm.identity_merge(pg_temp.person('M9'), pg_temp.person('M2'), 'one');
        WHEN 'later into first' THEN PERFORM crm.identity_merge(pg_temp.person('M2'), pg_temp.person('M9'), 'one');
        WHEN 'two later' THEN PERFORM crm.identity_merge(pg_temp.person('M8'), pg_temp.person('M12'), 'one');
        WHEN 'told apart' THEN PERFORM crm.identity_unmerge((SELECT j.journal_id FROM crm.merge_journal j WHERE j.kind = 'merge' ORDER BY j.journal_id DESC OFFSET n LIMIT 1), 'two') FROM generate_series(0, 1) n;
        WHEN 'erased' THEN PERFORM crm.access_erase(pg_temp.person(m), 'asked') FROM unnest('{M2,M10}'::text[]) m;
        WHEN 'moved' THEN UPDATE crm.customer SET scope_store_ids = ARRAY[crm._access_store_id('pg_2')] WHERE customer_id IN (pg_temp.person('M1'), pg_temp.person('M11'));
    END CASE;
END $$;
CREATE FUNCTION pg_temp.page(list text, after bigint, size int) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
    IF list = 'segment' THEN
        RETURN ARRAY(SELECT (j ->> 'customer_id')::bigint FROM crm.segment_members('pg_all', NULL, after, size) j);
    END IF;
    RETURN ARRAY(SELECT (j ->> 'customer_id')::bigint FROM crm.report_persons(split_part(list, ' ', 1), split_part(list, ' ', 2), NULL, NULL, after, size) j);
END $$;
-- first pages, what happens, the pages behind them; what is wrong with them
CREATE FUNCTION pg_temp.try(what text, is_kept boolean, is_chain boolean, store int, staff int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    -- ways and segments are told to those who see the chain
    lists CONSTANT text[] := '{persons,active,tier N,span buyers.2026-06-01.2026-06-30,frequency 2.2026-06-01.2026-06-30}'::text[] || CASE WHEN is_chain THEN ARRAY['path ["pg_tea","pg_milk"]', 'segment'] END;
    list text;
    first_pages jsonb := '{}';
    first_page bigint[];
    further bigint[];
    page bigint[];
    whole bigint[];
    told text[] := '{}';
BEGIN
    PERFORM pg_temp.act(is_chain, store, staff);
    FOREACH list IN ARRAY lists LOOP
        first_pages := first_pages || jsonb_build_object(list, pg_temp.page(list, 0, 5));
    END LOOP;
    PERFORM pg_temp.act(true, NULL, NULL);
    PERFORM pg_temp.happen(what);
    IF is_kept THEN
        PERFORM pg_temp.settle();
    END IF;
    PERFORM pg_temp.act(is_chain, store, staff);
    FOREACH list IN ARRAY lists LOOP
        first_page := ARRAY(SELECT x::bigint FROM jsonb_array_elements_text(first_pages -> list) x);
        further := '{}';
        LOOP
            page := pg_temp.page(list, coalesce(further[cardinality(further)], first_page[5]), 5);
            EXIT WHEN page = '{}' OR cardinality(further) > 100;
            further := further || page;
        END LOOP;
        whole := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active' AND c.customer_id > first_page[5] AND (is_chain OR store = ANY (c.scope_store_ids))
                       AND EXISTS (SELECT FROM crm.membership m JOIN crm.source_record r USING (source_record_id) WHERE m.customer_id = c.customer_id AND m.valid_to = 'infinity' AND r.source_id = crm._ingest_source_id('pg_till')) ORDER BY 1);
        told := told || CASE WHEN cardinality(first_page) <> 5 THEN list || ': a short page' END
            || (SELECT list || ' twice: ' || string_agg(x::text, ' ') FROM (SELECT x FROM unnest(first_page || further) x GROUP BY x HAVING count(*) > 1) d HAVING count(*) > 0)
            || (SELECT list || ' not theirs, or gone: ' || string_agg(x::text, ' ') FROM unnest(further) x WHERE x <> ALL (whole) HAVING count(*) > 0)
            -- a way is told as of the last night and a segment as of its last look: who was told apart since comes with the next
            || (SELECT list || ' missing: ' || string_agg(x::text, ' ') FROM unnest(whole) x WHERE x <> ALL (further) AND NOT (what = 'told apart' AND (list ~ '^path' OR list = 'segment' AND NOT is_kept)) HAVING count(*) > 0);
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'RM999', MESSAGE = array_to_string(told, ', ') || format(' (%s lists)', cardinality(lists));
EXCEPTION WHEN SQLSTATE 'RM999' THEN
    RETURN SQLERRM;
END $$;
SELECT w.what, pg_temp.try(w.what, false, true, :s1, :m) AS at_once, pg_temp.try(w.what, true, true, :s1, :m) AS kept, pg_temp.try(w.what, false, false, :s1, :m) AS of_a_store, pg_temp.try(w.what, true, false, :s1, :m) AS of_a_store_kept
FROM unnest('{first into later,later into first,two later,told apart,erased,moved}'::text[]) WITH ORDINALITY w (what, m) ORDER BY w.m;
ROLLBACK;
