-- value: all purchases of a person in one row, so that rules need not ask record by record. Written where a person's
-- value is (value.sql), in the same commit; persons in crm.value_dirty are behind, and rules ask their records.

CREATE FUNCTION crm._value_remember(person bigint, whole crm.purchase_history[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM crm.value_history h WHERE h.customer_id = person AND h.chunk_no > coalesce(cardinality(whole), 0);
    INSERT INTO crm.value_history (customer_id, chunk_no, is_whole, history)
    SELECT person, w.chunk_no, cardinality(whole) = 1, w.history FROM unnest(whole) WITH ORDINALITY w (history, chunk_no)
    ON CONFLICT ON CONSTRAINT value_history_pkey DO UPDATE SET is_whole = excluded.is_whole, history = excluded.history;
END
$$;
COMMENT ON FUNCTION crm._value_remember(bigint, crm.purchase_history[]) IS
    'keeps all purchases of a person, packed by crm._purchase_whole(); the person is locked';

CREATE FUNCTION crm._value_check_history() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    WITH chunk AS (
        SELECT m.customer_id, crm._purchase_whole(crm.purchase_combine(p.history)) AS whole
        FROM crm.membership m JOIN crm.purchase_chunk p ON p.source_record_id = m.source_record_id
        JOIN crm.customer c ON c.customer_id = m.customer_id AND c.status = 'active' WHERE m.valid_to = 'infinity' GROUP BY 1),
    kept AS (
        SELECT h.customer_id, crm.purchase_combine(h.history ORDER BY h.chunk_no) AS whole,
            bool_or(h.is_whole) AS is_whole FROM crm.value_history h GROUP BY 1)
    SELECT format('purchases of person %s in one row', coalesce(n.customer_id, k.customer_id)), n.whole::text, k.whole::text
    FROM chunk n FULL JOIN kept k ON k.customer_id = n.customer_id
    WHERE (NOT crm._purchase_is_same(n.whole, k.whole) OR k.is_whole <> (cardinality(k.whole) = 1))
      AND NOT EXISTS (SELECT FROM crm.value_dirty d WHERE d.customer_id = coalesce(n.customer_id, k.customer_id))
    ORDER BY coalesce(n.customer_id, k.customer_id) LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm._value_check_history() IS
    'compares what persons bought, kept in one row, with the chunks of their records; a row a difference, at most '
    '1,000';
