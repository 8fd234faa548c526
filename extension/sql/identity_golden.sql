-- identity, the golden record: what is known about a person, field by field.

CREATE FUNCTION crm._identity_mask_name(name text) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_mask_name';
COMMENT ON FUNCTION crm._identity_mask_name(text) IS
    'a name as most people may see it: 张**, 欧阳**, j**; empty for none';

CREATE FUNCTION crm._identity_is_full_name(name text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_is_full_name';
COMMENT ON FUNCTION crm._identity_is_full_name(text) IS
    'false for masked names, a surname with a title, and words that stand for no name';

CREATE FUNCTION crm._identity_name_search(name text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_name_search';
COMMENT ON FUNCTION crm._identity_name_search(text) IS 'a name as searches compare it: the key of crm.identity_name()';

CREATE FUNCTION crm._identity_name_parts(name_search text) RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'crm_identity_name_parts';
COMMENT ON FUNCTION crm._identity_name_parts(text) IS
    'what a searched name begins with anywhere, as written and as read (pinyin, first letters); indexed: who '
    'changes it rebuilds customer_private_name';

CREATE FUNCTION crm._identity_is_real_birthday(birthday date) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT birthday NOT IN ('1900-01-01', '1970-01-01', '2000-01-01') $$;
COMMENT ON FUNCTION crm._identity_is_real_birthday(date) IS 'false for the dates that tills write when they know none';

-- Sensitive custom fields (allergens, say) lie with the clear values, the others beside the masked ones.
CREATE FUNCTION crm._identity_custom(custom jsonb, is_sensitive boolean) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    guarded text[];
BEGIN
    IF custom IS NULL OR custom = '{}' THEN
        RETURN '{}';
    END IF;
    guarded := ARRAY(SELECT f.code FROM crm.custom_field f WHERE f.entity = 'member' AND f.is_sensitive AND custom ? f.code);
    IF NOT is_sensitive THEN
        RETURN custom - guarded;
    END IF;
    RETURN coalesce((SELECT jsonb_object_agg(g.code, custom -> g.code) FROM unnest(guarded) g(code)), '{}');
END
$$;
COMMENT ON FUNCTION crm._identity_custom(jsonb, boolean) IS
    'of the custom fields of a person those that are sensitive, or those that are not';

CREATE FUNCTION crm._identity_move_custom(code text, is_sensitive boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF is_sensitive THEN
        WITH held AS (SELECT c.customer_id, c.custom -> code AS value FROM crm.customer c WHERE c.custom ? code ORDER BY c.customer_id FOR UPDATE),
        taken AS (UPDATE crm.customer c SET custom = c.custom - code, row_version = c.row_version + 1, updated_at = crm.core_now()
                  FROM held h WHERE c.customer_id = h.customer_id)
        UPDATE crm.customer_private p SET custom = p.custom || jsonb_build_object(code, h.value) FROM held h WHERE p.customer_id = h.customer_id;
    ELSE
        WITH held AS (SELECT c.customer_id, p.custom -> code AS value FROM crm.customer c JOIN crm.customer_private p ON p.customer_id = c.customer_id
                      WHERE p.custom ? code ORDER BY c.customer_id FOR UPDATE OF c),
        taken AS (UPDATE crm.customer_private p SET custom = p.custom - code FROM held h WHERE p.customer_id = h.customer_id)
        UPDATE crm.customer c SET custom = c.custom || jsonb_build_object(code, h.value), row_version = c.row_version + 1, updated_at = crm.core_now()
        FROM held h WHERE c.customer_id = h.customer_id;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_move_custom(text, boolean) IS
    'moves the values of a custom field to the clear values, or back; locks the persons who have one, ascending';

CREATE FUNCTION crm._identity_keep(state anyelement, value anyelement) RETURNS anyelement
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_identity_keep';
COMMENT ON FUNCTION crm._identity_keep(anyelement, anyelement) IS
    'the first of two values: the transition of crm._identity_first()';
CREATE AGGREGATE crm._identity_first(anyelement) (SFUNC = crm._identity_keep, STYPE = anyelement);
COMMENT ON AGGREGATE crm._identity_first(anyelement) IS 'the first value that is not null, in the order of the input';

CREATE FUNCTION crm._identity_refresh(customer_ids bigint[]) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_identity_refresh';
COMMENT ON FUNCTION crm._identity_refresh(bigint[]) IS
    'recomputes the golden record of persons from their current records (identity_golden.c); makes the rows of new '
    'persons; the caller holds their locks';

CREATE FUNCTION crm._identity_refresh_plain(customer_ids bigint[], joining bigint[], joined bigint[],
                                            max_members int, solid_members int, silent_days int) RETURNS bigint[]
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_identity_refresh_plain';
COMMENT ON FUNCTION crm._identity_refresh_plain(bigint[], bigint[], bigint[], int, int, int) IS
    'crm._identity_refresh() of those persons whose records, with those that are about to join them (joining: '
    'records that are stored but nobody''s yet, joined: the person of each), are a component by themselves, '
    'untouched by decisions, and one person with nothing for people to decide (limits as in '
    'crm._identity_resolve()); returns the others, unchanged; the caller holds the locks of persons and values';

-- Where a person is: registered in a store, or ordered there in the last days of the setting.
CREATE FUNCTION crm._identity_touch_scope(customer_ids bigint[]) RETURNS void
    -- by index however young the statistics are: a first import meets empty ones
    LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    days int := (crm._setting('identity.scope_days') #>> '{}')::int;
    today date := crm._local_day(crm.core_now(), coalesce(crm._setting('core.time_zone') #>> '{}', 'Asia/Shanghai'));
BEGIN
    UPDATE crm.customer c SET scope_store_ids = n.stores
    FROM (SELECT d.id, coalesce(nullif(ARRAY(
              SELECT r.store_id FROM crm.membership m
              JOIN crm.source_record r ON r.source_record_id = m.source_record_id AND r.is_current
              WHERE m.customer_id = d.id AND m.valid_to = 'infinity' AND r.store_id IS NOT NULL
              UNION
              SELECT o.store_id FROM crm.membership m
              JOIN crm.customer_order o ON o.source_record_id = m.source_record_id AND o.is_current
              WHERE m.customer_id = d.id AND m.valid_to = 'infinity' AND o.business_day > today - days AND o.store_id IS NOT NULL
              ORDER BY 1), '{}'), ARRAY(SELECT h.home_store_id FROM crm.customer h
                                        WHERE h.customer_id = d.id AND h.home_store_id IS NOT NULL)) AS stores
          FROM (SELECT DISTINCT u.id FROM unnest(customer_ids) u(id)) d) n
    WHERE c.customer_id = n.id AND c.status = 'active' AND c.scope_store_ids IS DISTINCT FROM n.stores;
END
$$;
COMMENT ON FUNCTION crm._identity_touch_scope(bigint[]) IS
    'recomputes customer.scope_store_ids: stores of current records and of orders of the last 365 local days '
    '(identity.scope_days), else the assigned store';

CREATE FUNCTION crm._identity_extend_scope(customer_ids bigint[], store_ids int[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.customer c
    SET scope_store_ids = ARRAY(SELECT DISTINCT s.id FROM unnest(c.scope_store_ids || n.stores) s(id) ORDER BY 1)
    FROM (SELECT p.customer_id, array_agg(DISTINCT p.store_id) AS stores
          FROM unnest(customer_ids, store_ids) p(customer_id, store_id)
          WHERE p.customer_id IS NOT NULL AND p.store_id IS NOT NULL GROUP BY p.customer_id) n
    WHERE c.customer_id = n.customer_id AND NOT c.scope_store_ids @> n.stores;
END
$$;
COMMENT ON FUNCTION crm._identity_extend_scope(bigint[], int[]) IS
    'adds to persons the stores of recent orders (arrays in parallel): the cheap step of each order; '
    'crm._identity_touch_scope() recomputes';

CREATE FUNCTION crm._identity_extend_scope_one(person bigint, store int) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.customer c SET scope_store_ids = ARRAY(SELECT DISTINCT s.id FROM unnest(c.scope_store_ids || store) s(id) ORDER BY 1)
    WHERE c.customer_id = person AND NOT c.scope_store_ids @> ARRAY[store] AND store IS NOT NULL;
END
$$;
COMMENT ON FUNCTION crm._identity_extend_scope_one(bigint, int) IS
    'crm._identity_extend_scope() of one order: the path of a single call';

-- Nightly: only persons with an order on a day that has just left the window can lose a store.
CREATE FUNCTION crm._identity_age_scope() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    days int := (crm._setting('identity.scope_days') #>> '{}')::int;
    last_day date := crm._local_day(crm.core_now(), coalesce(crm._setting('core.time_zone') #>> '{}', 'Asia/Shanghai')) - days;
    done crm.identity_progress;
    persons bigint[];
BEGIN
    INSERT INTO crm.identity_progress (job, day, customer_id) VALUES ('age_scope', last_day - 1, 0) ON CONFLICT DO NOTHING;
    SELECT * INTO done FROM crm.identity_progress p WHERE p.job = 'age_scope' FOR NO KEY UPDATE;
    IF done.day >= last_day THEN
        RETURN 0;
    END IF;
    persons := ARRAY(
        SELECT DISTINCT m.customer_id FROM crm.customer_order o
        JOIN crm.membership m ON m.source_record_id = o.source_record_id AND m.valid_to = 'infinity'
        WHERE o.business_day = done.day + 1 AND o.is_current AND m.customer_id > done.customer_id
        ORDER BY 1 LIMIT 2000);
    PERFORM crm._identity_touch_scope(persons);
    IF cardinality(persons) < 2000 THEN
        UPDATE crm.identity_progress p SET day = done.day + 1, customer_id = 0 WHERE p.job = 'age_scope';
    ELSE
        UPDATE crm.identity_progress p SET customer_id = persons[2000] WHERE p.job = 'age_scope';
    END IF;
    RETURN last_day - done.day - (cardinality(persons) < 2000)::int;
END
$$;
COMMENT ON FUNCTION crm._identity_age_scope() IS
    'takes stores out of customer.scope_store_ids whose last order of the person has left the window, at most 2,000 '
    'persons a call; how many days are left';
