-- purchase: the packed history of purchases, as a type, and what can be asked of it.

CREATE TYPE crm.purchase_history;
CREATE FUNCTION crm._purchase_history_in(cstring) RETURNS crm.purchase_history
    LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_history_in';
CREATE FUNCTION crm._purchase_history_out(crm.purchase_history) RETURNS cstring
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_history_out';
CREATE FUNCTION crm._purchase_history_recv(internal) RETURNS crm.purchase_history
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_history_recv';
CREATE FUNCTION crm._purchase_history_send(crm.purchase_history) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_history_send';
CREATE TYPE crm.purchase_history (
    INPUT = crm._purchase_history_in, OUTPUT = crm._purchase_history_out,
    RECEIVE = crm._purchase_history_recv, SEND = crm._purchase_history_send,
    INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = plain);
COMMENT ON TYPE crm.purchase_history IS
    'at most 128 entries (day of purchase, day from which it counts, minor units), as {2026-06-30 2026-06-30 12800; ...}';
COMMENT ON FUNCTION crm._purchase_history_in(cstring) IS 'text input; sorts, adds up equal days; 22P02, RM401';
COMMENT ON FUNCTION crm._purchase_history_out(crm.purchase_history) IS 'text output';
COMMENT ON FUNCTION crm._purchase_history_recv(internal) IS
    'binary input; RM402 unless the bytes are a history to the last bit';
COMMENT ON FUNCTION crm._purchase_history_send(crm.purchase_history) IS 'binary output';

CREATE FUNCTION crm.purchase_history(bytes bytea) RETURNS crm.purchase_history
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_history_of_bytea';
COMMENT ON FUNCTION crm.purchase_history(bytea) IS 'a history from its bytes; RM402 unless they are one';
CREATE FUNCTION crm._purchase_history_bytes(history crm.purchase_history) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_history_to_bytea';
COMMENT ON FUNCTION crm._purchase_history_bytes(crm.purchase_history) IS 'the bytes of a history';
CREATE CAST (bytea AS crm.purchase_history) WITH FUNCTION crm.purchase_history(bytea);
CREATE CAST (crm.purchase_history AS bytea) WITH FUNCTION crm._purchase_history_bytes(crm.purchase_history);

CREATE FUNCTION crm.purchase_history(days date[], known date[], minor bigint[]) RETURNS crm.purchase_history
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_history_of_arrays';
COMMENT ON FUNCTION crm.purchase_history(date[], date[], bigint[]) IS
    'a history of entries given as three arrays of one length, in any order; amounts in minor units; RM401 over 128 '
    'entries';

CREATE FUNCTION crm.purchase_entries(history crm.purchase_history, OUT day date, OUT known_day date, OUT amount_minor bigint)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'crm_purchase_entries';
COMMENT ON FUNCTION crm.purchase_entries(crm.purchase_history) IS 'the entries of a history in their order; minor units';
CREATE FUNCTION crm.purchase_entry_count(history crm.purchase_history) RETURNS int
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_entry_count';
COMMENT ON FUNCTION crm.purchase_entry_count(crm.purchase_history) IS 'number of entries, 0 to 128';

-- To rows and from rows.
CREATE TYPE crm.purchase_entry AS (day date, known_day date, amount_minor bigint);
COMMENT ON TYPE crm.purchase_entry IS
    'an entry of a purchase history: day of purchase, day from which it counts, minor units';
CREATE FUNCTION crm.purchase_entry_array(history crm.purchase_history) RETURNS crm.purchase_entry[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(ROW(e.day, e.known_day, e.amount_minor)::crm.purchase_entry), '{}') FROM (SELECT (crm.purchase_entries(history)).*) e $$;
COMMENT ON FUNCTION crm.purchase_entry_array(crm.purchase_history) IS
    'the entries of a history in their order, as an array of rows';
CREATE FUNCTION crm.purchase_history(entries crm.purchase_entry[]) RETURNS crm.purchase_history
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$
    SELECT crm.purchase_history(coalesce(array_agg(e.day), '{}'), coalesce(array_agg(e.known_day), '{}'), coalesce(array_agg(e.amount_minor), '{}'))
    FROM unnest(entries) e
$$;
COMMENT ON FUNCTION crm.purchase_history(crm.purchase_entry[]) IS
    'a history of rows in any order; equal days are added up; RM401 over 128 entries';
CREATE CAST (crm.purchase_history AS crm.purchase_entry[]) WITH FUNCTION crm.purchase_entry_array(crm.purchase_history);
CREATE CAST (crm.purchase_entry[] AS crm.purchase_history) WITH FUNCTION crm.purchase_history(crm.purchase_entry[]);

-- The same questions of one history and of all chunks of a person.
CREATE FUNCTION crm.purchase_order_days(history crm.purchase_history, from_day date, to_day date, as_of date) RETURNS int
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_order_days';
CREATE FUNCTION crm.purchase_order_days(chunks crm.purchase_history[], from_day date, to_day date, as_of date) RETURNS int
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_order_days_all';
COMMENT ON FUNCTION crm.purchase_order_days(crm.purchase_history, date, date, date) IS
    'distinct local days in [from_day, to_day] with net > 0, by what was known on as_of; infinite dates leave a side open';
COMMENT ON FUNCTION crm.purchase_order_days(crm.purchase_history[], date, date, date) IS
    'the same over several chunks, of several records';
CREATE FUNCTION crm.purchase_net(history crm.purchase_history, from_day date, to_day date, as_of date) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_net';
CREATE FUNCTION crm.purchase_net(chunks crm.purchase_history[], from_day date, to_day date, as_of date) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_net_all';
COMMENT ON FUNCTION crm.purchase_net(crm.purchase_history, date, date, date) IS
    'net amount in minor units of the days in [from_day, to_day], by what was known on as_of; 22003 when it does '
    'not fit 64 bits';
COMMENT ON FUNCTION crm.purchase_net(crm.purchase_history[], date, date, date) IS
    'the same over several chunks, of several records';
CREATE FUNCTION crm.purchase_first_day(history crm.purchase_history, as_of date) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_first_day';
CREATE FUNCTION crm.purchase_first_day(chunks crm.purchase_history[], as_of date) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_first_day_all';
COMMENT ON FUNCTION crm.purchase_first_day(crm.purchase_history, date) IS
    'the first local day with net > 0 as of a date; null without one';
COMMENT ON FUNCTION crm.purchase_first_day(crm.purchase_history[], date) IS
    'the same over several chunks, of several records';
CREATE FUNCTION crm.purchase_last_day(history crm.purchase_history, as_of date) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_last_day';
CREATE FUNCTION crm.purchase_last_day(chunks crm.purchase_history[], as_of date) RETURNS date
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_last_day_all';
COMMENT ON FUNCTION crm.purchase_last_day(crm.purchase_history, date) IS
    'the last local day with net > 0 as of a date; null without one';
COMMENT ON FUNCTION crm.purchase_last_day(crm.purchase_history[], date) IS
    'the same over several chunks, of several records';

CREATE TYPE crm.purchase_summary AS (order_days int, net_minor bigint, first_day date, last_day date);
CREATE FUNCTION crm.purchase_summary(chunks crm.purchase_history[], from_day date, to_day date, as_of date) RETURNS crm.purchase_summary
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_summary';
COMMENT ON FUNCTION crm.purchase_summary(crm.purchase_history[], date, date, date) IS
    'order days, net in minor units, first and last order day in [from_day, to_day], by what was known on as_of, in '
    'one walk';

-- A real state type and a combine function: pushed down to workers and to shards.
CREATE FUNCTION crm._purchase_combine_step(chunks crm.purchase_history[], history crm.purchase_history) RETURNS crm.purchase_history[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_combine_step';
COMMENT ON FUNCTION crm._purchase_combine_step(crm.purchase_history[], crm.purchase_history) IS 'chunks with one more';
CREATE AGGREGATE crm.purchase_combine(crm.purchase_history) (
    SFUNC = crm._purchase_combine_step, STYPE = crm.purchase_history[], COMBINEFUNC = array_cat, PARALLEL = SAFE);
COMMENT ON AGGREGATE crm.purchase_combine(crm.purchase_history) IS
    'the chunks of several records together, to be asked as one history; null without any';

CREATE FUNCTION crm._purchase_whole(chunks crm.purchase_history[]) RETURNS crm.purchase_history[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_whole';
COMMENT ON FUNCTION crm._purchase_whole(crm.purchase_history[]) IS
    'the same purchases in order of days, a hundred entries a chunk (so many fit however long they are); one chunk '
    'stays as it is; null is none; 22003';
CREATE FUNCTION crm._purchase_is_same(a crm.purchase_history[], b crm.purchase_history[]) RETURNS boolean
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_is_same';
COMMENT ON FUNCTION crm._purchase_is_same(crm.purchase_history[], crm.purchase_history[]) IS
    'whether two lists of chunks are the same byte by byte; null is an empty one';

CREATE FUNCTION crm._purchase_add(history crm.purchase_history, days date[], known date[], minor bigint[]) RETURNS crm.purchase_history
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_purchase_add';
COMMENT ON FUNCTION crm._purchase_add(crm.purchase_history, date[], date[], bigint[]) IS
    'a chunk (null: empty) with entries added; taking one out is adding its opposite; null when they are too many '
    'for one chunk';
CREATE FUNCTION crm.purchase_add(history crm.purchase_history, entries crm.purchase_entry[]) RETURNS crm.purchase_history
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    grown crm.purchase_history := (SELECT crm._purchase_add(history, array_agg(e.day), array_agg(e.known_day), array_agg(e.amount_minor))
                                   FROM unnest(entries) e HAVING count(*) > 0);
BEGIN
    IF cardinality(entries) > 0 AND grown IS NULL THEN
        RAISE EXCEPTION 'purchase history is full'
            USING ERRCODE = 'RM401', COLUMN = 'entries', HINT = 'A history holds 128 entries; keep several and ask them together.';
    END IF;
    RETURN coalesce(grown, history);
END
$$;
COMMENT ON FUNCTION crm.purchase_add(crm.purchase_history, crm.purchase_entry[]) IS
    'a history (null: empty) with entries added; RM401 when they are too many for one';
CREATE FUNCTION crm.purchase_remove(history crm.purchase_history, entries crm.purchase_entry[]) RETURNS crm.purchase_history
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT crm.purchase_add(history, (SELECT array_agg(ROW(e.day, e.known_day, -e.amount_minor)::crm.purchase_entry) FROM unnest(entries) e))
$$;
COMMENT ON FUNCTION crm.purchase_remove(crm.purchase_history, crm.purchase_entry[]) IS
    'a history without entries that were added: what is taken out whole leaves no trace';

CREATE FUNCTION crm._purchase_cut(history crm.purchase_history, days date[], known date[], minor bigint[],
                                  OUT piece_no int, OUT from_day date, OUT piece crm.purchase_history)
    RETURNS SETOF record LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 2 AS 'MODULE_PATHNAME', 'crm_purchase_cut';
COMMENT ON FUNCTION crm._purchase_cut(crm.purchase_history, date[], date[], bigint[]) IS
    'the same cut into chunks that are about half full: the first stays in place, the others lie under their first day';

CREATE FUNCTION crm._purchase_product_id(code text) RETURNS int
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_purchase_product_id';
COMMENT ON FUNCTION crm._purchase_product_id(text) IS
    'the product of a code, null if there is none; one that was found is asked of the table once a transaction';
CREATE FUNCTION crm._purchase_know_products(codes text[]) RETURNS boolean
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'crm_purchase_know_products';
COMMENT ON FUNCTION crm._purchase_know_products(text[]) IS
    'reads the products of codes for crm._purchase_product_id(), all at once; whether each of them is one';

CREATE FUNCTION crm._purchase_history(customer_id bigint) RETURNS crm.purchase_history[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT coalesce(crm.purchase_combine(p.history), '{}')
            FROM (SELECT x.source_record_id, x.valid_to FROM crm.membership x WHERE x.customer_id = _purchase_history.customer_id OFFSET 0) m
            CROSS JOIN LATERAL (SELECT c.history FROM crm.purchase_chunk c WHERE c.source_record_id = m.source_record_id OFFSET 0) p
            WHERE m.valid_to = 'infinity');
END
$$;
COMMENT ON FUNCTION crm._purchase_history(bigint) IS
    'the history chunks of all records that belong to a person now; empty without purchases';

CREATE FUNCTION crm._purchase_exponent() RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN coalesce((SELECT s.value::int FROM crm.room_setting s WHERE s.name = 'purchase.currency_exponent'), 2);
END
$$;
COMMENT ON FUNCTION crm._purchase_exponent() IS 'decimal places of the installation''s currency';

CREATE FUNCTION crm._purchase_minor(amount numeric, exponent int) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (amount * (10::numeric ^ exponent))::bigint $$;
COMMENT ON FUNCTION crm._purchase_minor(numeric, int) IS
    'an amount rounded to the currency, in minor units; 22003 when it does not fit 64 bits';

GRANT EXECUTE ON FUNCTION
    crm.purchase_history(bytea), crm.purchase_history(date[], date[], bigint[]), crm.purchase_entries(crm.purchase_history),
    crm.purchase_entry_count(crm.purchase_history), crm.purchase_entry_array(crm.purchase_history), crm.purchase_history(crm.purchase_entry[]),
    crm.purchase_add(crm.purchase_history, crm.purchase_entry[]), crm.purchase_remove(crm.purchase_history, crm.purchase_entry[]),
    crm.purchase_order_days(crm.purchase_history, date, date, date), crm.purchase_order_days(crm.purchase_history[], date, date, date),
    crm.purchase_net(crm.purchase_history, date, date, date), crm.purchase_net(crm.purchase_history[], date, date, date),
    crm.purchase_first_day(crm.purchase_history, date), crm.purchase_first_day(crm.purchase_history[], date),
    crm.purchase_last_day(crm.purchase_history, date), crm.purchase_last_day(crm.purchase_history[], date),
    crm.purchase_combine(crm.purchase_history), crm.purchase_summary(crm.purchase_history[], date, date, date)
    TO crm_analyst, crm_headquarters, crm_steward, crm_marketer;
