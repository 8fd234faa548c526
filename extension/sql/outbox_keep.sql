-- outbox_keep: how long messages are kept.  The ledger of what flows did is kept for ever (crm.occurrence); what was
-- said, to which address, and what became of it goes after a while.  How many messages of a flow left, arrived, were
-- opened and clicked, and whose, stays added up (crm.outbox_forgotten), so that what a flow achieved does not shrink.

CREATE FUNCTION crm._outbox_kept_from() RETURNS timestamptz
    LANGUAGE sql STABLE AS $$ SELECT crm.core_now() - make_interval(days => greatest((crm._setting('outbox.keep_days'))::int, 366)) $$;
COMMENT ON FUNCTION crm._outbox_kept_from() IS
    'messages decided before this moment are forgotten: outbox.keep_days ago, never less than the 366 days that a '
    'cap of the house may look back';

CREATE FUNCTION crm._outbox_forget() RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
        SET enable_mergejoin = off SET jit = off AS
$$
DECLARE
    most constant int := 2000;
    before timestamptz := crm._outbox_kept_from();
    gone bigint;
BEGIN
    -- the oldest first, by their index; those that still wait (a flow paused for so long) stay
    WITH old AS MATERIALIZED (
        SELECT o.customer_id, o.message_id, o.flow_id, o.channel, NOT o.body ? 'fallback_of' AS is_first FROM crm.outbox o
        WHERE o.created_at < before AND (SELECT true FROM crm.outbox_queue q WHERE q.customer_id = o.customer_id
                AND q.message_id = o.message_id) IS NULL
        ORDER BY o.created_at LIMIT most),
    events AS (
        DELETE FROM crm.outbox_event e USING old d WHERE e.customer_id = d.customer_id AND e.message_id = d.message_id
        RETURNING e.customer_id, e.message_id, e.kind, d.flow_id, d.channel, d.is_first),
    sums AS (
        INSERT INTO crm.outbox_forgotten AS f (flow_id, channel, kind, messages, persons)
        SELECT e.flow_id, e.channel, e.kind, count(DISTINCT e.message_id), crm.bitmap_agg(e.customer_id) FILTER (WHERE e.is_first)
        FROM events e WHERE e.flow_id IS NOT NULL AND e.kind IN ('sent', 'delivered', 'opened', 'clicked') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT ON CONSTRAINT outbox_forgotten_pkey DO UPDATE SET messages = f.messages + excluded.messages,
            persons = crm.bitmap_or(f.persons, excluded.persons)),
    letters AS (DELETE FROM crm.dead_letter l USING old d WHERE l.customer_id = d.customer_id AND l.message_id = d.message_id)
    DELETE FROM crm.outbox o USING old d WHERE o.customer_id = d.customer_id AND o.message_id = d.message_id;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN (gone = most)::int;
END
$$;
COMMENT ON FUNCTION crm._outbox_forget() IS
    'job: messages older than outbox.keep_days, with what happened to them, 2,000 at once, those that still wait '
    'left out; what they came to stays in crm.outbox_forgotten; returns 1 when there may be more';

CREATE FUNCTION crm._outbox_sent(flow int, from_id bigint, to_id bigint) RETURNS TABLE (channel text, messages bigint)
    LANGUAGE sql STABLE AS
$$
    SELECT o.channel, count(*) FROM crm.outbox o
    WHERE o.flow_id = $1 AND o.customer_id > $2 AND o.customer_id <= $3
      AND EXISTS (SELECT FROM crm.outbox_event e WHERE e.customer_id = o.customer_id AND e.message_id = o.message_id AND e.kind = 'sent')
    GROUP BY o.channel
    UNION ALL
    SELECT f.channel, f.messages FROM crm.outbox_forgotten f WHERE f.flow_id = $1 AND f.kind = 'sent' AND $2 = 0
$$;
COMMENT ON FUNCTION crm._outbox_sent(int, bigint, bigint) IS
    'how many messages of a flow left, by channel, to persons between two ids; of those that are forgotten only '
    'their sum is known: it goes with the first ids';

CREATE FUNCTION crm._outbox_forgotten(flow int, kinds text[]) RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE AS
$$ BEGIN RETURN (SELECT crm.bitmap_union(f.persons) FROM crm.outbox_forgotten f WHERE f.flow_id = flow AND f.kind = ANY (kinds)); END $$;
COMMENT ON FUNCTION crm._outbox_forgotten(int, text[]) IS
    'whose messages of a flow, forgotten since, came to one of these: sent, delivered, opened, clicked; those on '
    'the first channel of an occurrence';
