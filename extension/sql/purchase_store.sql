-- purchase: orders and products are stored, many at once, with their histories (refunds: purchase_refund.sql).
--
-- Locks, in this order: persons ascending, products, keys (orders before refunds, each sorted),
-- records ascending. What a fact does to a history is an effect; effects are collected and
-- applied once at the end, whatever way the facts went.
--
-- Plans are made once, often while the tables are still empty. So that they hold when there are
-- millions of rows, nothing is left to estimates: a table is reached by key through a LATERAL with
-- OFFSET 0, and where a statement updates it, by nested loop; a condition that a partial index has
-- stands outside of the LATERAL, or that index would be read from end to end.

CREATE TYPE crm.order_line_fact AS (
    line_key text, product_code text, product_name text, category_code text,
    quantity numeric, unit_price numeric, amount numeric);
CREATE TYPE crm.order_fact AS (
    ordinal int, source_id int, external_id text, source_record_id bigint, customer_id bigint, store_id int,
    channel text, kind text, status text, ordered_at timestamptz, paid_at timestamptz, business_day date,
    amount numeric, discount numeric, coupon_code text, lines crm.order_line_fact[], source_version text,
    is_history boolean, content_hash bytea, received_at timestamptz, inbox_id bigint, line_no int);
CREATE TYPE crm.refund_fact AS (
    ordinal int, source_id int, external_id text, order_external_id text, line_key text, source_record_id bigint,
    customer_id bigint, amount numeric, refunded_at timestamptz, refunded_on date, store_id int, reason text,
    source_version text, is_history boolean, content_hash bytea, received_at timestamptz, inbox_id bigint, line_no int);
CREATE TYPE crm.product_fact AS (
    ordinal int, code text, name text, category_code text, category_name text, list_price numeric, refill_days int);
CREATE TYPE crm.fact_outcome AS (ordinal int, fact_id bigint, customer_id bigint, outcome text);
COMMENT ON TYPE crm.fact_outcome IS
    'what became of a fact: created, updated, replaced (no version told which is newer: the last received wins), '
    'stale (an older version, kept), unchanged; a second row "moved" names the person a fact left';

-- An outcome, an entry of a history, or both.
CREATE TYPE crm.purchase_effect AS (
    ordinal int, fact_id bigint, customer_id bigint, outcome text,
    source_record_id bigint, day date, known_day date, amount_minor bigint);

CREATE FUNCTION crm._purchase_is_older(version text, than text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE WHEN version ~ '^\d{1,30}$' AND than ~ '^\d{1,30}$' THEN version::numeric < than::numeric
                ELSE version COLLATE "C" < than COLLATE "C" END
$$;
COMMENT ON FUNCTION crm._purchase_is_older(text, text) IS
    'whether a source''s version is older: by number when both are numbers, else as text, so times must be ISO 8601 '
    'in one zone; null when either is null';

-- Entries for one chunk.
CREATE TYPE crm.purchase_addition AS (source_record_id bigint, from_day date, days date[], known date[], minor bigint[]);

CREATE FUNCTION crm._purchase_split(additions crm.purchase_addition[]) RETURNS void
    LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
BEGIN
    WITH piece AS MATERIALIZED (
        SELECT a.source_record_id, a.from_day AS chunk_from_day, c.piece_no, c.from_day, c.piece
        FROM unnest(additions) a
        JOIN crm.purchase_chunk p ON p.source_record_id = a.source_record_id AND p.from_day = a.from_day,
        LATERAL crm._purchase_cut(p.history, a.days, a.known, a.minor) c),
    stored AS (
        UPDATE crm.purchase_chunk p SET history = c.piece FROM piece c
        WHERE c.piece_no = 1 AND p.source_record_id = c.source_record_id AND p.from_day = c.chunk_from_day)
    INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
    SELECT c.source_record_id, c.from_day, c.piece FROM piece c WHERE c.piece_no > 1;
END
$$;
COMMENT ON FUNCTION crm._purchase_split(crm.purchase_addition[]) IS
    'adds entries to chunks that have no room for them: each is cut into several, about half full';

-- Nearly every record has one chunk with room: it is read and written in one statement, unless somebody else changed it
-- meanwhile (then it is no longer what this statement's own reading of it is) or it is one of several.
CREATE FUNCTION crm._purchase_apply_one(effect crm.purchase_effect) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    days date[] := ARRAY[effect.day];
    known date[] := ARRAY[effect.known_day];
    minor bigint[] := ARRAY[effect.amount_minor];
    covering date;
    grown crm.purchase_history;
BEGIN
    IF effect.day IS NULL OR effect.amount_minor = 0 THEN
        RETURN;
    END IF;
    UPDATE crm.purchase_chunk p SET history = s.grown
    FROM (SELECT x.history, crm._purchase_add(x.history, days, known, minor) AS grown FROM crm.purchase_chunk x
          WHERE x.source_record_id = effect.source_record_id AND x.from_day = '-infinity'
            AND NOT EXISTS (SELECT FROM crm.purchase_chunk y WHERE y.source_record_id = effect.source_record_id
                AND y.from_day > '-infinity') OFFSET 0) s
    WHERE p.source_record_id = effect.source_record_id AND p.from_day = '-infinity' AND p.history::bytea = s.history::bytea AND s.grown IS NOT NULL;
    IF FOUND THEN
        RETURN;
    END IF;
    INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
    VALUES (effect.source_record_id, '-infinity', crm._purchase_add(NULL, days, known, minor)) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN;
    END IF;
    PERFORM FROM crm.purchase_chunk p WHERE p.source_record_id = effect.source_record_id AND p.from_day = '-infinity' FOR UPDATE;
    SELECT p.from_day, crm._purchase_add(p.history, days, known, minor) INTO covering, grown
    FROM crm.purchase_chunk p WHERE p.source_record_id = effect.source_record_id AND p.from_day <= effect.day
    ORDER BY p.from_day DESC LIMIT 1;
    IF grown IS NULL THEN
        PERFORM crm._purchase_split(ARRAY[ROW(effect.source_record_id, covering, days, known, minor)::crm.purchase_addition]);
    ELSE
        UPDATE crm.purchase_chunk p SET history = grown WHERE p.source_record_id = effect.source_record_id AND p.from_day = covering;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._purchase_apply_one(crm.purchase_effect) IS
    'crm._purchase_apply() of one entry: the path of a single order, in statements that start fast';

CREATE FUNCTION crm._purchase_apply(effects crm.purchase_effect[]) RETURNS void
    LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    records bigint[] := ARRAY(SELECT DISTINCT e.source_record_id FROM unnest(effects) e WHERE e.amount_minor <> 0 AND e.day IS NOT NULL);
    n_locked bigint;
    crowded crm.purchase_addition[];
BEGIN
    IF cardinality(records) = 0 THEN
        RETURN;
    END IF;
    -- the first chunk of a record is the lock of all its chunks; a record without one gets it first
    PERFORM FROM crm.purchase_chunk p WHERE p.source_record_id = ANY (records) AND p.from_day = '-infinity'
    ORDER BY p.source_record_id FOR UPDATE;
    GET DIAGNOSTICS n_locked = ROW_COUNT;
    IF n_locked < cardinality(records) THEN
        INSERT INTO crm.purchase_chunk (source_record_id, from_day, history)
        SELECT r, '-infinity', crm._purchase_add(NULL, '{}', '{}', '{}') FROM unnest(records) r
        WHERE NOT EXISTS (SELECT FROM crm.purchase_chunk p WHERE p.source_record_id = r) ORDER BY r
        ON CONFLICT DO NOTHING;
        PERFORM FROM crm.purchase_chunk p WHERE p.source_record_id = ANY (records) AND p.from_day = '-infinity'
        ORDER BY p.source_record_id FOR UPDATE;
    END IF;
    WITH addition AS (
        SELECT e.source_record_id, e.from_day, array_agg(e.day) AS days, array_agg(e.known_day) AS known, array_agg(e.amount_minor) AS minor
        FROM (SELECT e.source_record_id, e.day, e.known_day, e.amount_minor,
                     (SELECT p.from_day FROM crm.purchase_chunk p
                      WHERE p.source_record_id = e.source_record_id AND p.from_day <= e.day
                      ORDER BY p.from_day DESC LIMIT 1) AS from_day
              FROM unnest(effects) e WHERE e.amount_minor <> 0 AND e.day IS NOT NULL) e
        GROUP BY e.source_record_id, e.from_day),
    grown AS MATERIALIZED (
        SELECT a.*, crm._purchase_add(p.history, a.days, a.known, a.minor) AS history
        FROM addition a JOIN crm.purchase_chunk p ON p.source_record_id = a.source_record_id AND p.from_day = a.from_day),
    stored AS (
        UPDATE crm.purchase_chunk p SET history = g.history FROM grown g
        WHERE g.history IS NOT NULL AND p.source_record_id = g.source_record_id AND p.from_day = g.from_day)
    SELECT array_agg(ROW(g.source_record_id, g.from_day, g.days, g.known, g.minor)::crm.purchase_addition)
    INTO crowded FROM grown g WHERE g.history IS NULL;
    IF crowded IS NOT NULL THEN
        PERFORM crm._purchase_split(crowded);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._purchase_apply(crm.purchase_effect[]) IS
    'adds the entries of effects to the histories of their records; locks the records ascending; each entry costs '
    'the same whatever the history''s size';

CREATE FUNCTION crm._purchase_lock_keys(key_kind smallint, source_ids int[], external_ids text[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM FROM (SELECT DISTINCT w.source_id, w.external_id
            FROM unnest(source_ids, external_ids) w (source_id, external_id) ORDER BY 1, 2 OFFSET 0) w
    CROSS JOIN LATERAL (SELECT FROM crm.external_key k
                        WHERE k.source_id = w.source_id AND k.kind = key_kind AND k.external_id = w.external_id FOR UPDATE) k;
END
$$;
COMMENT ON FUNCTION crm._purchase_lock_keys(smallint, int[], text[]) IS
    'locks keys of one kind, in their order; those there are';

CREATE FUNCTION crm._purchase_learn_products(facts crm.order_fact[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.product_category (category_id, code, name)
    SELECT nextval('crm.product_id_seq')::int, c.category_code, c.category_code
    FROM (SELECT DISTINCT l.category_code FROM unnest(facts) f, unnest(f.lines) l
          WHERE l.product_code IS NOT NULL AND l.category_code IS NOT NULL ORDER BY 1) c
    WHERE (SELECT k.category_id FROM crm.product_category k WHERE k.code = c.category_code) IS NULL
    ON CONFLICT DO NOTHING;
    INSERT INTO crm.product (product_id, code, name, category_id, updated_at)
    SELECT nextval('crm.product_id_seq')::int, n.product_code, n.product_name,
           (SELECT k.category_id FROM crm.product_category k WHERE k.code = n.category_code), crm.core_now()
    FROM (SELECT DISTINCT ON (l.product_code) l.product_code, coalesce(l.product_name, l.product_code) AS product_name, l.category_code
          FROM unnest(facts) f, unnest(f.lines) l WHERE l.product_code IS NOT NULL
          ORDER BY l.product_code, l.product_name IS NULL, f.ordinal) n
    WHERE crm._purchase_product_id(n.product_code) IS NULL
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._purchase_learn_products(crm.order_fact[]) IS
    'enters products and categories that orders name and nobody has described yet';

-- What counts has a business day: a sale or its cancellation, paid or completed.
CREATE FUNCTION crm._purchase_local_day(at timestamptz, store_id int, source_id int) RETURNS date
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN crm._local_day(at, coalesce(
        (SELECT s.time_zone FROM crm.store s WHERE s.store_id = _purchase_local_day.store_id),
        (SELECT s.time_zone FROM crm.source s WHERE s.source_id = _purchase_local_day.source_id), 'Asia/Shanghai'));
END
$$;
COMMENT ON FUNCTION crm._purchase_local_day(timestamptz, int, int) IS
    'the local day of a moment in the zone of the store, else of the source';

-- The path of a single order: the same rows as crm._purchase_create_orders() writes, in statements
-- that start fast; the contract test holds one against the other.
CREATE FUNCTION crm._purchase_create_order(fact crm.order_fact, exponent int, products int[]) RETURNS crm.purchase_effect[]
    LANGUAGE plpgsql AS
$$
DECLARE
    new_id bigint := crm._new_id();
    net_amount numeric := fact.amount;
    counted_day date;
    bought int[];
    quantities bigint[];
    amounts bigint[];
    line_count int;
BEGIN
    IF net_amount IS NULL THEN
        net_amount := (SELECT coalesce(sum(round(coalesce(l.amount, l.quantity * l.unit_price, 0), exponent)), 0) FROM unnest(fact.lines) l)
                      - coalesce(fact.discount, 0);
    END IF;
    net_amount := round(net_amount, exponent);
    IF coalesce(fact.kind, 'sale') IN ('sale', 'cancellation') AND coalesce(fact.status, 'paid') IN ('paid', 'completed') THEN
        counted_day := coalesce(fact.business_day, crm._purchase_local_day(coalesce(fact.paid_at, fact.ordered_at), fact.store_id, fact.source_id));
    END IF;
    WITH entered AS (
        INSERT INTO crm.external_key AS k (source_id, kind, external_id, source_record_id, fact_id, content_hash, received_at, inbox_id, line_no)
        VALUES (fact.source_id, 2, fact.external_id, fact.source_record_id, new_id, fact.content_hash, fact.received_at, fact.inbox_id, fact.line_no)
        ON CONFLICT DO NOTHING RETURNING k.fact_id),
    stored AS (
        INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, store_id, channel, kind, status, ordered_at,
            paid_at, business_day, amount, discount, coupon_code, line_count, source_version, is_history, received_at)
        SELECT fact.source_record_id, e.fact_id, fact.source_id, fact.external_id, fact.store_id,
            coalesce(fact.channel, ''), coalesce(fact.kind, 'sale'),
               coalesce(fact.status, 'paid'), fact.ordered_at, fact.paid_at, counted_day, net_amount, coalesce(fact.discount, 0), fact.coupon_code,
               coalesce(cardinality(fact.lines), 0), fact.source_version, coalesce(fact.is_history, false), fact.received_at
        FROM entered e),
    item AS (
        INSERT INTO crm.order_item AS i (source_record_id, order_id, line_no, line_key, product_id, description, quantity, unit_price, amount)
        SELECT fact.source_record_id, e.fact_id, l.ordinality, l.line_key, products[l.ordinality],
               CASE WHEN l.product_code IS NULL THEN l.product_name END,
               coalesce(l.quantity, 1), coalesce(l.unit_price, 0), round(coalesce(l.amount, l.quantity * l.unit_price, 0), exponent)
        FROM entered e, unnest(fact.lines) WITH ORDINALITY l
        RETURNING coalesce(i.product_id, 0) AS product_id, crm._purchase_micro(i.quantity) AS quantity,
            crm._purchase_minor(i.amount, exponent) AS amount)
    SELECT array_agg(i.product_id), array_agg(i.quantity), array_agg(i.amount), (SELECT e.fact_id FROM entered e)
    INTO bought, quantities, amounts, new_id FROM item i WHERE i.quantity > 0;
    IF new_id IS NULL THEN
        RETURN '{}';
    END IF;
    IF bought IS NOT NULL AND counted_day IS NOT NULL AND coalesce(fact.kind, 'sale') = 'sale' THEN
        line_count := cardinality(bought);
        PERFORM crm._purchase_lines_add(array_fill(fact.source_record_id, ARRAY[line_count]), array_fill(counted_day, ARRAY[line_count]),
                                        array_fill(coalesce(fact.paid_at, '-infinity'), ARRAY[line_count]),
                                            array_fill(coalesce(fact.store_id, 0), ARRAY[line_count]),
                                        array_fill(crm._purchase_channel_id(fact.channel), ARRAY[line_count]),
                                        bought, array_fill(1, ARRAY[line_count]), quantities, amounts);
    END IF;
    RETURN ARRAY[ROW(fact.ordinal, new_id, fact.customer_id, 'created', fact.source_record_id, counted_day, counted_day,
                     crm._purchase_minor(net_amount, exponent))::crm.purchase_effect];
END
$$;
COMMENT ON FUNCTION crm._purchase_create_order(crm.order_fact, int, int[]) IS
    'stores one order, whose lines are of these products, if its key is new; its effect, or none';

CREATE FUNCTION crm._purchase_products_of(fact crm.order_fact) RETURNS int[]
    LANGUAGE plpgsql AS
$$
DECLARE
    products int[];
    is_known boolean;
BEGIN
    FOR attempt IN 1 .. 2 LOOP
        SELECT array_agg(x.product_id ORDER BY x.n), bool_and(x.product_id IS NOT NULL OR x.code IS NULL) INTO products, is_known
        FROM (SELECT l.ordinality AS n, l.product_code AS code,
                     (SELECT p.product_id FROM crm.product p WHERE p.code = l.product_code) AS product_id
              FROM unnest(fact.lines) WITH ORDINALITY l) x;
        EXIT WHEN is_known IS NOT FALSE;
        PERFORM crm._purchase_learn_products(ARRAY[fact]);
    END LOOP;
    RETURN products;
END
$$;
COMMENT ON FUNCTION crm._purchase_products_of(crm.order_fact) IS
    'the products of an order''s lines in their order, entered when nobody has described them yet; null where a '
    'line names none';

CREATE FUNCTION crm._purchase_create_orders(facts crm.order_fact[], exponent int) RETURNS crm.purchase_effect[]
    LANGUAGE plpgsql AS
$$
DECLARE
    effects crm.purchase_effect[];
    bought record;
BEGIN
    WITH fact AS MATERIALIZED (
        SELECT f.*, crm._new_id() AS new_id FROM unnest(facts) f),
    entered AS (
        INSERT INTO crm.external_key AS k (source_id, kind, external_id, source_record_id, fact_id, content_hash, received_at, inbox_id, line_no)
        SELECT f.source_id, 2, f.external_id, f.source_record_id, f.new_id, f.content_hash, f.received_at, f.inbox_id, f.line_no
        FROM fact f ORDER BY f.source_id, f.external_id, f.ordinal
        ON CONFLICT DO NOTHING RETURNING k.fact_id),
    fresh AS MATERIALIZED (
        SELECT f.*, round(CASE WHEN f.amount IS NOT NULL THEN f.amount
                    ELSE (SELECT coalesce(sum(round(coalesce(l.amount, l.quantity * l.unit_price, 0), exponent)), 0) FROM unnest(f.lines) l)
                         - coalesce(f.discount, 0) END, exponent) AS net_amount,
               CASE WHEN coalesce(f.kind, 'sale') IN ('sale', 'cancellation') AND coalesce(f.status, 'paid') IN ('paid', 'completed')
                    THEN coalesce(f.business_day, crm._purchase_local_day(coalesce(f.paid_at, f.ordered_at), f.store_id, f.source_id))
                    END AS counted_day
        FROM fact f JOIN entered e ON e.fact_id = f.new_id),
    stored AS (
        INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, store_id, channel, kind, status, ordered_at,
            paid_at, business_day, amount, discount, coupon_code, line_count, source_version, is_history, received_at)
        SELECT f.source_record_id, f.new_id, f.source_id, f.external_id, f.store_id, coalesce(f.channel, ''), coalesce(f.kind, 'sale'),
               coalesce(f.status, 'paid'), f.ordered_at, f.paid_at, f.counted_day, f.net_amount, coalesce(f.discount, 0), f.coupon_code,
               coalesce(cardinality(f.lines), 0), f.source_version, coalesce(f.is_history, false), f.received_at
        FROM fresh f),
    itemized AS (
        INSERT INTO crm.order_item AS i (source_record_id, order_id, line_no, line_key, product_id, description, quantity, unit_price, amount)
        SELECT f.source_record_id, f.new_id, l.ordinality, l.line_key,
               crm._purchase_product_id(l.product_code),
               CASE WHEN l.product_code IS NULL THEN l.product_name END,
               coalesce(l.quantity, 1), coalesce(l.unit_price, 0), round(coalesce(l.amount, l.quantity * l.unit_price, 0), exponent)
        FROM fresh f, unnest(f.lines) WITH ORDINALITY l
        RETURNING i.order_id, coalesce(i.product_id, 0) AS product_id, i.quantity, i.amount),
    channel AS MATERIALIZED (
        SELECT c.code, crm._purchase_channel_id(c.code) AS channel_id FROM (SELECT DISTINCT coalesce(f.channel, '') AS code FROM fresh f OFFSET 0) c),
    bought AS (
        SELECT array_agg(f.source_record_id) AS records, array_agg(f.counted_day) AS days, array_agg(coalesce(f.paid_at, '-infinity')) AS moments,
               array_agg(coalesce(f.store_id, 0)) AS stores, array_agg(c.channel_id) AS channels,
                   array_agg(i.product_id) AS products, array_agg(1) AS lines,
               array_agg(crm._purchase_micro(i.quantity)) AS quantities, array_agg(crm._purchase_minor(i.amount, exponent)) AS amounts
        FROM itemized i JOIN fresh f ON f.new_id = i.order_id JOIN channel c ON c.code = coalesce(f.channel, '')
        WHERE f.counted_day IS NOT NULL AND coalesce(f.kind, 'sale') = 'sale' AND round(i.quantity, 6) > 0)
    SELECT b.*, (SELECT array_agg(ROW(f.ordinal, f.new_id, f.customer_id, 'created', f.source_record_id, f.counted_day, f.counted_day,
                                      crm._purchase_minor(f.net_amount, exponent))::crm.purchase_effect) FROM fresh f) AS effects
    INTO bought FROM bought b;
    PERFORM crm._purchase_lines_add(bought.records, bought.days, bought.moments, bought.stores, bought.channels, bought.products, bought.lines,
                                    bought.quantities, bought.amounts);
    effects := bought.effects;
    RETURN coalesce(effects, '{}');
END
$$;
COMMENT ON FUNCTION crm._purchase_create_orders(crm.order_fact[], int) IS
    'stores the orders whose keys are new; effects of those, none for the others';

CREATE FUNCTION crm._purchase_revise_orders(facts crm.order_fact[], exponent int) RETURNS crm.purchase_effect[]
    LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    effects crm.purchase_effect[];
BEGIN
    PERFORM crm._purchase_lock_keys(2::smallint, array_agg(f.source_id), array_agg(f.external_id)) FROM unnest(facts) f;
    WITH fact AS MATERIALIZED (
        SELECT f.*, k.fact_id, k.revision AS known_revision, k.source_record_id AS old_record_id, k.content_hash = f.content_hash AS is_same,
               o.revision AS old_revision, o.business_day AS old_day, o.amount AS old_amount, o.source_version AS old_version
        FROM unnest(facts) f
        CROSS JOIN LATERAL (SELECT * FROM crm.external_key x WHERE x.source_id = f.source_id AND x.kind = 2
                AND x.external_id = f.external_id OFFSET 0) k
        LEFT JOIN LATERAL (SELECT * FROM crm.customer_order x
                           WHERE x.source_record_id = k.source_record_id AND x.order_id = k.fact_id OFFSET 0) o ON o.is_current),
    judged AS MATERIALIZED (
        SELECT f.*,
               CASE WHEN f.known_revision = 0 THEN 'created'
                    WHEN f.is_same THEN 'unchanged'
                    WHEN crm._purchase_is_older(f.old_version, f.source_version) THEN 'updated'
                    WHEN NOT crm._purchase_is_older(f.source_version, f.old_version) OR f.source_version IS NULL
                        OR f.old_version IS NULL THEN 'replaced'
                    WHEN EXISTS (SELECT FROM crm.customer_order o WHERE o.source_record_id = f.source_record_id AND o.order_id = f.fact_id
                                 AND o.source_version = f.source_version) THEN 'unchanged'
                    ELSE 'stale' END AS outcome
        FROM fact f),
    revised AS MATERIALIZED (
        SELECT f.*, f.outcome <> 'stale' AS is_current,
               round(CASE WHEN f.amount IS NOT NULL THEN f.amount
                    ELSE (SELECT coalesce(sum(round(coalesce(l.amount, l.quantity * l.unit_price, 0), exponent)), 0) FROM unnest(f.lines) l)
                         - coalesce(f.discount, 0) END, exponent) AS net_amount,
               CASE WHEN coalesce(f.kind, 'sale') IN ('sale', 'cancellation') AND coalesce(f.status, 'paid') IN ('paid', 'completed')
                    THEN coalesce(f.business_day, crm._purchase_local_day(coalesce(f.paid_at, f.ordered_at), f.store_id, f.source_id))
                    END AS counted_day
        FROM judged f WHERE f.outcome <> 'unchanged'),
    retired AS (
        UPDATE crm.customer_order o SET is_current = false FROM revised f
        WHERE f.is_current AND o.source_record_id = f.old_record_id AND o.order_id = f.fact_id AND o.revision = f.old_revision),
    stored AS (
        INSERT INTO crm.customer_order (source_record_id, order_id, revision, is_current, source_id, external_id, store_id, channel, kind, status,
            ordered_at, paid_at, business_day, amount, discount, coupon_code, line_count, source_version, is_history, received_at)
        SELECT f.source_record_id, f.fact_id, f.known_revision + 1, f.is_current, f.source_id, f.external_id, f.store_id, coalesce(f.channel, ''),
               coalesce(f.kind, 'sale'), coalesce(f.status, 'paid'), f.ordered_at, f.paid_at, f.counted_day, f.net_amount, coalesce(f.discount, 0),
               f.coupon_code, coalesce(cardinality(f.lines), 0), f.source_version, coalesce(f.is_history, false), f.received_at
        FROM revised f),
    itemized AS (
        INSERT INTO crm.order_item (source_record_id, order_id, revision, line_no, line_key, product_id, description, quantity, unit_price, amount)
        SELECT f.source_record_id, f.fact_id, f.known_revision + 1, l.ordinality, l.line_key,
               crm._purchase_product_id(l.product_code),
               CASE WHEN l.product_code IS NULL THEN l.product_name END,
               coalesce(l.quantity, 1), coalesce(l.unit_price, 0), round(coalesce(l.amount, l.quantity * l.unit_price, 0), exponent)
        FROM revised f, unnest(f.lines) WITH ORDINALITY l),
    keyed AS (
        UPDATE crm.external_key k
        SET revision = f.known_revision + 1,
            content_hash = CASE WHEN f.is_current THEN f.content_hash ELSE k.content_hash END,
            source_record_id = CASE WHEN f.is_current THEN f.source_record_id ELSE k.source_record_id END,
            received_at = f.received_at, inbox_id = f.inbox_id, line_no = f.line_no
        FROM revised f WHERE k.source_id = f.source_id AND k.kind = 2 AND k.external_id = f.external_id),
    -- refunds follow their order to its new day and record; those that waited for it begin to count
    refunded AS MATERIALIZED (
        SELECT r.*, f.source_record_id AS new_record_id, f.counted_day
        FROM revised f CROSS JOIN LATERAL (SELECT * FROM crm.refund x WHERE x.order_id = f.fact_id AND x.is_current OFFSET 0) r
        WHERE f.is_current AND (f.old_day IS DISTINCT FROM f.counted_day OR r.source_record_id <> f.source_record_id)),
    refund_stayed AS (
        UPDATE crm.refund r
        SET purchase_day = CASE WHEN n.new_record_id = r.source_record_id THEN n.counted_day ELSE r.purchase_day END,
            is_current = n.new_record_id = r.source_record_id
        FROM refunded n WHERE r.source_record_id = n.source_record_id AND r.refund_id = n.refund_id AND r.revision = n.revision),
    refund_moved AS (
        INSERT INTO crm.refund (source_record_id, refund_id, revision, source_id, external_id, order_external_id, order_id, line_key, amount,
            refunded_at, refunded_on, purchase_day, store_id, reason, source_version, is_history, received_at)
        SELECT n.new_record_id, n.refund_id, n.revision + 1, n.source_id, n.external_id, n.order_external_id, n.order_id, n.line_key, n.amount,
               n.refunded_at, n.refunded_on, n.counted_day, n.store_id, n.reason, n.source_version, n.is_history, n.received_at
        FROM refunded n WHERE n.new_record_id <> n.source_record_id),
    refund_keyed AS (
        UPDATE crm.external_key k SET source_record_id = n.new_record_id, revision = k.revision + 1
        FROM refunded n
        WHERE n.new_record_id <> n.source_record_id AND k.source_id = n.source_id AND k.kind = 3 AND k.external_id = n.external_id),
    effect AS (
        SELECT j.ordinal, j.fact_id, j.customer_id, j.outcome, NULL::bigint AS source_record_id, NULL::date AS day,
            NULL::date AS known_day, NULL::bigint AS minor
        FROM judged j
        UNION ALL
        SELECT f.ordinal, f.fact_id, m.customer_id, 'moved', NULL, NULL, NULL, NULL
        FROM revised f CROSS JOIN LATERAL (SELECT * FROM crm.membership x WHERE x.source_record_id = f.old_record_id
                AND x.valid_to = 'infinity' OFFSET 0) m
        WHERE f.is_current AND f.known_revision > 0 AND m.customer_id IS DISTINCT FROM f.customer_id
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, f.old_record_id, f.old_day, f.old_day, -crm._purchase_minor(f.old_amount, exponent)
        FROM revised f WHERE f.is_current AND f.old_day IS NOT NULL
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, f.source_record_id, f.counted_day, f.counted_day, crm._purchase_minor(f.net_amount, exponent)
        FROM revised f WHERE f.is_current
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, n.source_record_id, n.purchase_day, n.refunded_on, crm._purchase_minor(n.amount, exponent)
        FROM refunded n
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, n.new_record_id, n.counted_day, n.refunded_on, -crm._purchase_minor(n.amount, exponent)
        FROM refunded n)
    SELECT array_agg(ROW(e.*)::crm.purchase_effect) INTO effects FROM effect e;
    RETURN coalesce(effects, '{}');
END
$$;
COMMENT ON FUNCTION crm._purchase_revise_orders(crm.order_fact[], int) IS
    'orders whose keys are known, each key once: locks the keys, keeps a revision beside the old one when the '
    'content differs, lets refunds follow';

CREATE FUNCTION crm._purchase_change_orders(facts crm.order_fact[], exponent int) RETURNS crm.purchase_effect[]
    LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off AS
$$
DECLARE
    sources int[];
    orders text[];
    before crm.purchase_line[];
    effects crm.purchase_effect[];
BEGIN
    PERFORM crm._purchase_lock_keys(2::smallint, array_agg(f.source_id), array_agg(f.external_id)) FROM unnest(facts) f;
    SELECT array_agg(f.source_id), array_agg(f.external_id) INTO sources, orders
    FROM unnest(facts) f
    CROSS JOIN LATERAL (SELECT x.content_hash FROM crm.external_key x WHERE x.source_id = f.source_id AND x.kind = 2
            AND x.external_id = f.external_id OFFSET 0) k
    WHERE k.content_hash IS DISTINCT FROM f.content_hash;
    IF sources IS NULL THEN     -- all delivered again: no line changes
        RETURN crm._purchase_revise_orders(facts, exponent);
    END IF;
    before := crm._purchase_counted_lines(sources, orders, exponent);
    effects := crm._purchase_revise_orders(facts, exponent);
    PERFORM crm._purchase_lines_differ(before, crm._purchase_counted_lines(sources, orders, exponent));
    PERFORM crm._purchase_watch_refunds(sources, orders);
    RETURN effects;
END
$$;
COMMENT ON FUNCTION crm._purchase_change_orders(crm.order_fact[], int) IS
    'crm._purchase_revise_orders() with the packed lines kept: those of changed orders, read before and after under '
    'the keys'' locks';

CREATE FUNCTION crm._purchase_store_orders(facts crm.order_fact[]) RETURNS SETOF crm.fact_outcome
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
    effects crm.purchase_effect[];
    pending crm.order_fact[];
    batch crm.order_fact[];
BEGIN
    PERFORM FROM crm.customer c WHERE c.customer_id = ANY (ARRAY(SELECT f.customer_id FROM unnest(facts) f))
    ORDER BY c.customer_id FOR NO KEY UPDATE;
    IF cardinality(facts) = 1 THEN
        effects := crm._purchase_create_order(facts[1], exponent, crm._purchase_products_of(facts[1]));
    ELSE
        IF NOT crm._purchase_know_products(ARRAY(SELECT DISTINCT l.product_code FROM unnest(facts) f,
                    unnest(f.lines) l WHERE l.product_code IS NOT NULL)) THEN
            PERFORM crm._purchase_learn_products(facts);
        END IF;
        effects := crm._purchase_create_orders(facts, exponent);
    END IF;
    IF cardinality(effects) < cardinality(facts) THEN
        pending := ARRAY(SELECT f FROM unnest(facts) f WHERE f.ordinal NOT IN (SELECT e.ordinal FROM unnest(effects) e));
        -- a key that a batch names several times is revised once a round, in the order of the batch
        WHILE cardinality(pending) > 0 LOOP
            batch := ARRAY(SELECT DISTINCT ON (f.source_id, f.external_id) f FROM unnest(pending) f
                           ORDER BY f.source_id, f.external_id, f.ordinal);
            effects := effects || crm._purchase_change_orders(batch, exponent);
            pending := ARRAY(SELECT f FROM unnest(pending) f WHERE f.ordinal NOT IN (SELECT b.ordinal FROM unnest(batch) b));
        END LOOP;
    END IF;
    IF cardinality(effects) = 1 THEN
        PERFORM crm._purchase_apply_one(effects[1]);
    ELSE
        PERFORM crm._purchase_apply(effects);
    END IF;
    RETURN QUERY SELECT e.ordinal, e.fact_id, e.customer_id, e.outcome FROM unnest(effects) e WHERE e.outcome IS NOT NULL ORDER BY e.ordinal;
END
$$;
COMMENT ON FUNCTION crm._purchase_store_orders(crm.order_fact[]) IS
    'stores orders with their lines and keeps the histories, all in the caller''s transaction; ordinals are '
    'distinct; one or two rows a fact (crm.fact_outcome); the caller calls the consequences';

CREATE FUNCTION crm._purchase_store_order(fact crm.order_fact) RETURNS crm.fact_outcome
    LANGUAGE plpgsql AS
$$
DECLARE
    effects crm.purchase_effect[] := crm._purchase_create_order(fact, crm._purchase_exponent(), crm._purchase_products_of(fact));
BEGIN
    IF cardinality(effects) = 0 THEN
        RETURN NULL;
    END IF;
    PERFORM crm._purchase_apply_one(effects[1]);
    RETURN ROW(fact.ordinal, effects[1].fact_id, fact.customer_id, 'created')::crm.fact_outcome;
END
$$;
COMMENT ON FUNCTION crm._purchase_store_order(crm.order_fact) IS
    'crm._purchase_store_orders() for one order whose key is new, its person locked by the caller; null when the '
    'key is known: then that function has it';

CREATE FUNCTION crm._purchase_store_products(facts crm.product_fact[]) RETURNS SETOF crm.fact_outcome
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.product_category AS c (category_id, code, name)
    SELECT nextval('crm.product_id_seq')::int, n.category_code, n.category_name
    FROM (SELECT DISTINCT ON (f.category_code) f.category_code, coalesce(f.category_name, f.category_code) AS category_name
          FROM unnest(facts) f WHERE f.category_code IS NOT NULL
          ORDER BY f.category_code, f.category_name IS NULL, f.ordinal DESC) n
    ON CONFLICT (code) DO UPDATE SET name = excluded.name WHERE c.name <> excluded.name AND excluded.name <> excluded.code;
    RETURN QUERY
    WITH newest AS MATERIALIZED (
        SELECT DISTINCT ON (f.code) f.code, f.name, f.list_price, f.refill_days,
               (SELECT c.category_id FROM crm.product_category c WHERE c.code = f.category_code) AS category_id
        FROM unnest(facts) f ORDER BY f.code, f.ordinal DESC),
    before AS MATERIALIZED (
        SELECT n.code, p.product_id, (p.name, p.category_id, p.list_price, p.refill_days)
                   IS NOT DISTINCT FROM (n.name, coalesce(n.category_id, p.category_id), coalesce(n.list_price, p.list_price),
                                         coalesce(n.refill_days, p.refill_days)) AS is_same
        FROM newest n LEFT JOIN crm.product p ON p.code = n.code),
    stored AS (
        INSERT INTO crm.product AS p (product_id, code, name, category_id, list_price, refill_days, updated_at)
        SELECT coalesce(b.product_id, nextval('crm.product_id_seq')::int), n.code, n.name, n.category_id, n.list_price, n.refill_days, crm.core_now()
        FROM newest n JOIN before b ON b.code = n.code WHERE NOT b.is_same OR b.product_id IS NULL ORDER BY n.code
        ON CONFLICT (code) DO UPDATE SET name = excluded.name, category_id = coalesce(excluded.category_id, p.category_id),
            list_price = coalesce(excluded.list_price, p.list_price), refill_days = coalesce(excluded.refill_days, p.refill_days),
            updated_at = excluded.updated_at
        RETURNING p.code, p.product_id)
    SELECT f.ordinal, coalesce(s.product_id, b.product_id)::bigint, NULL::bigint,
           CASE WHEN b.product_id IS NULL THEN 'created' WHEN b.is_same THEN 'unchanged' ELSE 'updated' END
    FROM unnest(facts) f JOIN before b ON b.code = f.code LEFT JOIN stored s ON s.code = f.code
    ORDER BY f.ordinal;
END
$$;
COMMENT ON FUNCTION crm._purchase_store_products(crm.product_fact[]) IS
    'enters or updates products and their categories by code; what a fact leaves out stays; the last of equal codes '
    'wins; fact_id is the product_id';

CREATE FUNCTION crm._purchase_on_export(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN jsonb_build_object(
        'orders', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                       'order', o.external_id, 'ordered_at', o.ordered_at, 'paid_at', o.paid_at, 'status', o.status, 'channel', o.channel,
                       'store', s.code, 'amount', o.amount, 'discount', o.discount, 'coupon', o.coupon_code,
                       'items', (SELECT jsonb_agg(jsonb_build_object('product', p.code, 'name', coalesce(p.name, i.description),
                                                  'quantity', i.quantity, 'unit_price', i.unit_price, 'amount', i.amount) ORDER BY i.line_no)
                                 FROM crm.order_item i LEFT JOIN crm.product p ON p.product_id = i.product_id
                                 WHERE i.source_record_id = o.source_record_id AND i.order_id = o.order_id AND i.revision = o.revision))
                       ORDER BY o.ordered_at, o.order_id), '[]')
            FROM crm.membership m JOIN crm.customer_order o ON o.source_record_id = m.source_record_id AND o.is_current
            LEFT JOIN crm.store s ON s.store_id = o.store_id
            WHERE m.customer_id = _purchase_on_export.customer_id AND m.valid_to = 'infinity'),
        'refunds', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('refund', r.external_id, 'order', r.order_external_id, 'amount', r.amount,
                                      'refunded_at', r.refunded_at, 'reason', r.reason) ORDER BY r.refunded_at, r.refund_id), '[]')
            FROM crm.membership m JOIN crm.refund r ON r.source_record_id = m.source_record_id AND r.is_current
            WHERE m.customer_id = _purchase_on_export.customer_id AND m.valid_to = 'infinity'));
END
$$;
COMMENT ON FUNCTION crm._purchase_on_export(bigint) IS
    'orders with their lines and refunds of a person, for the export of one person';

CREATE FUNCTION crm.purchase_check() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    exponent int := crm._purchase_exponent();
BEGIN
    RETURN QUERY
    WITH fact AS (
        SELECT o.source_record_id, o.business_day AS day, o.business_day AS known_day, crm._purchase_minor(o.amount, exponent) AS minor
        FROM crm.customer_order o WHERE o.is_current AND o.business_day IS NOT NULL
        UNION ALL
        SELECT r.source_record_id, r.purchase_day, r.refunded_on, -crm._purchase_minor(r.amount, exponent)
        FROM crm.refund r WHERE r.is_current AND r.purchase_day IS NOT NULL),
    folded AS (     -- days known on more days than a chunk keeps apart: their sums alone are compared
        SELECT f.source_record_id, f.day FROM fact f GROUP BY 1, 2 HAVING count(DISTINCT f.known_day) > 64),
    entry AS (
        SELECT f.source_record_id, f.day, f.known_day, f.minor AS wanted, 0 AS kept FROM fact f
        UNION ALL
        SELECT p.source_record_id, e.day, e.known_day, 0, e.amount_minor FROM crm.purchase_chunk p, crm.purchase_entries(p.history) e),
    compared AS (
        SELECT e.source_record_id, e.day, CASE WHEN o.day IS NULL THEN e.known_day END AS known_day, sum(e.wanted) AS wanted, sum(e.kept) AS kept
        FROM entry e LEFT JOIN folded o ON o.source_record_id = e.source_record_id AND o.day = e.day GROUP BY 1, 2, 3)
    SELECT 'purchase', format('history of record %s, day %s known %s', c.source_record_id, c.day, coalesce(c.known_day::text, 'at all')),
           c.wanted::text, c.kept::text
    FROM compared c WHERE c.wanted <> c.kept ORDER BY c.source_record_id, c.day, c.known_day LIMIT 1000;
    RETURN QUERY
    SELECT 'purchase', format('refund %s of order %s', r.external_id, r.order_external_id),
           coalesce(o.business_day::text, 'waiting'), coalesce(r.purchase_day::text, 'waiting')
    FROM crm.refund r LEFT JOIN crm.customer_order o ON o.source_record_id = r.source_record_id AND o.order_id = r.order_id AND o.is_current
    WHERE r.is_current AND r.order_id IS NOT NULL AND r.purchase_day IS DISTINCT FROM o.business_day
    ORDER BY 2 LIMIT 1000;
    RETURN QUERY SELECT l.room, l.what, l.expected, l.found FROM crm._purchase_check_lines() l;
END
$$;
COMMENT ON FUNCTION crm.purchase_check() IS
    'recomputes every history from orders and refunds, the packed lines from the lines of orders, and the day each '
    'refund nets; a row a difference, at most 1,000 of each kind';
GRANT EXECUTE ON FUNCTION crm.purchase_check() TO crm_headquarters, crm_admin;
