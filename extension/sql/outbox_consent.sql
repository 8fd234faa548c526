-- outbox: what each person said last about each channel, in one row: records' consents put together, for who asks about
-- everybody. Whoever writes crm.consent or moves records between persons calls crm._outbox_keep_consents().

CREATE FUNCTION crm._outbox_said(persons bigint[]) RETURNS TABLE (customer_id bigint, channel text, state text, since timestamptz)
    LANGUAGE sql STABLE AS
$$
    -- of each record the last word, of these a single no is a no
    SELECT s.customer_id, s.channel, CASE WHEN bool_or(s.state = 'no') THEN 'no' ELSE 'yes' END, max(s.occurred_at)
    FROM (SELECT DISTINCT ON (c.source_record_id, c.channel) m.customer_id, c.channel, c.state, c.occurred_at
          -- person by person and record by record, whatever the planner knows of the tables
          FROM (SELECT DISTINCT p.id FROM unnest($1) p (id)) p
          CROSS JOIN LATERAL (SELECT x.customer_id, x.source_record_id FROM crm.membership x
                  WHERE x.customer_id = p.id AND x.valid_to = 'infinity' OFFSET 0) m
          CROSS JOIN LATERAL (SELECT x.* FROM crm.consent x WHERE x.source_record_id = m.source_record_id OFFSET 0) c
          ORDER BY c.source_record_id, c.channel, c.occurred_at DESC, c.consent_id DESC) s
    GROUP BY 1, 2
$$;
COMMENT ON FUNCTION crm._outbox_said(bigint[]) IS
    'what persons said last about each channel, put together from the consents of their records; since: the newest '
    'of the words it is made of';

CREATE FUNCTION crm._outbox_keep_consents(persons bigint[]) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
BEGIN
    -- the person is the lock: of two records that speak at once the second sees the first
    PERFORM FROM (SELECT DISTINCT p.id FROM unnest(persons) p (id) ORDER BY 1) p
    CROSS JOIN LATERAL (SELECT FROM crm.customer c WHERE c.customer_id = p.id FOR NO KEY UPDATE) l;
    WITH said AS MATERIALIZED (SELECT * FROM crm._outbox_said(persons)),
    gone AS (
        DELETE FROM crm.person_consent k
        WHERE k.customer_id = ANY (persons) AND NOT EXISTS (SELECT FROM said s WHERE s.customer_id = k.customer_id AND s.channel = k.channel))
    INSERT INTO crm.person_consent AS k (customer_id, channel, state, since)
    SELECT s.customer_id, s.channel, s.state, s.since FROM said s ORDER BY 1, 2
    ON CONFLICT ON CONSTRAINT person_consent_pkey DO UPDATE SET state = excluded.state, since = excluded.since
    WHERE (k.state, k.since) IS DISTINCT FROM (excluded.state, excluded.since);
END
$$;
COMMENT ON FUNCTION crm._outbox_keep_consents(bigint[]) IS
    'writes what persons said last about each channel, from the consents of all their records; locks the persons ascending';

CREATE FUNCTION crm._outbox_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
BEGIN
    IF EXISTS (SELECT FROM crm.consent c WHERE c.source_record_id = ANY (record_ids)) THEN
        PERFORM crm._outbox_keep_consents(ARRAY[survivor, other]);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._outbox_on_membership(bigint, bigint, bigint[], text) IS
    'consequence of records that moved: their consents went along';

CREATE FUNCTION crm._outbox_check_consents() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT format('consent of person %s for %s', coalesce(s.customer_id, k.customer_id), coalesce(s.channel, k.channel)),
           s.state || ' since ' || s.since, k.state || ' since ' || k.since
    FROM crm._outbox_said(ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active')) s
        FULL JOIN crm.person_consent k ON k.customer_id = s.customer_id AND k.channel = s.channel
    WHERE (s.state, s.since) IS DISTINCT FROM (k.state, k.since)
    ORDER BY coalesce(s.customer_id, k.customer_id), coalesce(s.channel, k.channel) LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm._outbox_check_consents() IS
    'compares what each person said last, as it is kept, with the consents of their records; a row a difference, at '
    'most 1,000';
