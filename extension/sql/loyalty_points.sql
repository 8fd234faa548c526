-- loyalty_points: the ledger.  An order's lot is a function of the order as it stands: whenever the order,
-- its refunds or its owner change, the lot is brought to what it should be, so that a repeat, a late till or
-- another path to the same fact adds nothing.  A person's points are the lots of today's records.
--
-- Locks: the person's row first (crm.customer, ascending), then nothing else: all that touches a person's
-- lots waits for it.

CREATE TYPE crm.lot_ref AS (source_record_id bigint, lot_id bigint, rate numeric, earned bigint);
COMMENT ON TYPE crm.lot_ref IS 'a lot of points, with what it earned and by which rate';

CREATE FUNCTION crm._loyalty_lock(persons bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql AS
$$
BEGIN
    RETURN ARRAY(SELECT l.customer_id FROM (
        SELECT c.customer_id FROM crm.customer c
        WHERE c.customer_id = ANY (persons) AND c.status = 'active' ORDER BY c.customer_id FOR NO KEY UPDATE) l);
END
$$;
COMMENT ON FUNCTION crm._loyalty_lock(bigint[]) IS
    'locks persons in ascending order until the transaction ends; those that are persons still';

CREATE FUNCTION crm._loyalty_lock_person(person bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF cardinality(crm._loyalty_lock(ARRAY[person])) = 0 THEN       -- erased, or merged while we waited
        RAISE EXCEPTION 'there is no such person' USING ERRCODE = 'no_data_found', COLUMN = 'customer_id',
            HINT = 'Look the person up by phone or card.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_lock_person(bigint) IS
    'locks a person until the transaction ends; P0002 when there is none, or none any more';

CREATE FUNCTION crm._loyalty_record(person bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT min(m.source_record_id) FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity');
END
$$;
COMMENT ON FUNCTION crm._loyalty_record(bigint) IS
    'the record that holds points which no record''s fact earned: the person''s oldest; null without records';

CREATE FUNCTION crm._loyalty_expiry(earned_at timestamptz, valid_days int, end_of text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    last_day timestamp := date_trunc('day', earned_at AT TIME ZONE zone) + make_interval(days => valid_days);
BEGIN
    RETURN CASE WHEN valid_days IS NULL THEN 'infinity'::timestamptz
                ELSE (date_trunc(end_of, last_day) + ('1 ' || end_of)::interval) AT TIME ZONE zone END;
END
$$;
COMMENT ON FUNCTION crm._loyalty_expiry(timestamptz, int, text) IS
    'the first moment at which points are not usable any more: the end of the local day, month or year that lies so '
    'many days after; infinity for null days';

CREATE FUNCTION crm._loyalty_book(record_id bigint, lot bigint, person bigint, kind text, points bigint,
                                  use_id bigint DEFAULT NULL, reason text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF points = 0 THEN
        RETURN;
    END IF;
    INSERT INTO crm.points_entry (source_record_id, lot_id, entry_id, customer_id, at, kind, points, use_id, reason, actor)
    VALUES (record_id, lot, crm._new_id(), person, crm.core_now(), kind, points, use_id, left(reason, 500), crm._actor());
    UPDATE crm.points_lot l SET remaining = l.remaining + points,
           earned = l.earned + CASE WHEN kind = 'correct' THEN points ELSE 0 END
    WHERE l.source_record_id = record_id AND l.lot_id = lot;
END
$$;
COMMENT ON FUNCTION crm._loyalty_book(bigint, bigint, bigint, text, bigint, bigint, text) IS
    'an entry of the ledger and what remains of its lot, together; nothing for 0 points; the caller has locked the person';

-- Lots that may be used now: those that end first go first.
CREATE FUNCTION crm._loyalty_usable(person bigint)
    RETURNS TABLE (source_record_id bigint, lot_id bigint, remaining bigint, expires_at timestamptz)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT l.source_record_id, l.lot_id, l.remaining, l.expires_at
    FROM crm.membership m JOIN crm.points_lot l ON l.source_record_id = m.source_record_id
    WHERE m.customer_id = person AND m.valid_to = 'infinity' AND l.remaining <> 0
      AND l.state <> 'expired' AND l.available_at <= crm.core_now()
      AND (l.expires_at > crm.core_now() OR l.remaining < 0)
    ORDER BY l.expires_at, l.lot_id;
END
$$;
COMMENT ON FUNCTION crm._loyalty_usable(bigint) IS
    'a person''s lots that count now, debts among them, first to expire first';

CREATE FUNCTION crm._loyalty_available(person bigint) RETURNS bigint
    LANGUAGE sql STABLE AS $$ SELECT coalesce(sum(u.remaining), 0)::bigint FROM crm._loyalty_usable(person) u $$;
COMMENT ON FUNCTION crm._loyalty_available(bigint) IS 'points that a person can use now; negative: owed for refunded sales';

CREATE FUNCTION crm._loyalty_settle(person bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    debt record;
    lot record;
    owed bigint;
    taken bigint;
BEGIN
    FOR debt IN SELECT * FROM crm._loyalty_usable(person) u WHERE u.remaining < 0 LOOP
        owed := -debt.remaining;
        FOR lot IN SELECT * FROM crm._loyalty_usable(person) u WHERE u.remaining > 0 LOOP
            EXIT WHEN owed = 0;
            taken := least(owed, lot.remaining);
            PERFORM crm._loyalty_book(lot.source_record_id, lot.lot_id, person, 'settle', -taken);
            PERFORM crm._loyalty_book(debt.source_record_id, debt.lot_id, person, 'settle', taken);
            owed := owed - taken;
        END LOOP;
        IF owed > 0 AND NOT (crm._setting('loyalty.refund_debt'))::boolean THEN
            PERFORM crm._loyalty_book(debt.source_record_id, debt.lot_id, person, 'forgive', owed);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._loyalty_settle(bigint) IS
    'points owed for refunded sales are paid out of the lots that expire first; the rest stays owed or is forgiven '
    '(setting loyalty.refund_debt)';

CREATE FUNCTION crm._loyalty_balance(persons bigint[]) RETURNS TABLE (customer_id bigint, available bigint, pending bigint, earned bigint)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.id, coalesce(sum(l.remaining) FILTER (WHERE l.state = 'open'), 0)::bigint,
           coalesce(sum(l.remaining) FILTER (WHERE l.state = 'pending'), 0)::bigint, coalesce(sum(l.earned), 0)::bigint
    FROM unnest(persons) p (id)
    JOIN crm.membership m ON m.customer_id = p.id AND m.valid_to = 'infinity'
    JOIN crm.points_lot l ON l.source_record_id = m.source_record_id
    GROUP BY p.id;
END
$$;
COMMENT ON FUNCTION crm._loyalty_balance(bigint[]) IS
    'the balance of persons, added up from their lots; no row for who has none';

CREATE FUNCTION crm._loyalty_refresh(persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.points_balance AS b (customer_id, available, pending, earned, updated_at)
    SELECT n.customer_id, n.available, n.pending, n.earned, crm.core_now()
    FROM crm._loyalty_balance(persons) n ORDER BY n.customer_id
    ON CONFLICT ON CONSTRAINT points_balance_pkey DO UPDATE
    SET available = excluded.available, pending = excluded.pending, earned = excluded.earned, updated_at = excluded.updated_at;
    DELETE FROM crm.points_balance b
    WHERE b.customer_id = ANY (persons) AND b.customer_id NOT IN (SELECT n.customer_id FROM crm._loyalty_balance(persons) n);
END
$$;
COMMENT ON FUNCTION crm._loyalty_refresh(bigint[]) IS
    'brings the kept balances of persons, who are locked, to what their lots add up to';

CREATE FUNCTION crm._loyalty_multiplier(person bigint, at timestamptz) RETURNS numeric
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    best numeric := 1;
    candidate record;
BEGIN
    FOR candidate IN SELECT r.rate, r.condition FROM crm.points_rule r
                     WHERE r.kind = 'multiplier' AND r.is_active AND at >= r.valid_from AND at < r.valid_until AND r.rate > 1
                     ORDER BY r.rate DESC
    LOOP
        IF candidate.condition = '{}' OR crm.rule_matches(candidate.condition, person) THEN
            best := candidate.rate;
            EXIT;
        END IF;
    END LOOP;
    RETURN best;
END
$$;
COMMENT ON FUNCTION crm._loyalty_multiplier(bigint, timestamptz) IS
    'by how much points of a moment are multiplied for a person: the best of the multipliers in force then, 1 '
    'without any; they do not multiply each other';

CREATE FUNCTION crm._loyalty_open(record_id bigint, person bigint, cause_kind text, cause_key text, rule text, rate numeric, points bigint,
                                  earned_at timestamptz, available_at timestamptz, expires_at timestamptz, reason text) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    id bigint := crm._new_id();
BEGIN
    INSERT INTO crm.points_lot (source_record_id, lot_id, cause_kind, cause_key, rule, rate, earned, remaining, state,
                                earned_at, available_at, expires_at)
    VALUES (record_id, id, cause_kind, cause_key, rule, rate, points, 0,
            CASE WHEN available_at > crm.core_now() THEN 'pending' ELSE 'open' END, earned_at, available_at, expires_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM crm._loyalty_book(record_id, id, person, 'earn', points, NULL, reason);
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._loyalty_open(bigint, bigint, text, text, text, numeric, bigint, timestamptz, timestamptz, timestamptz, text) IS
    'a lot with its first entry; null when the cause has one on this record';

CREATE FUNCTION crm._loyalty_correct(lot crm.lot_ref, person bigint, target bigint, reason text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    difference bigint := target - lot.earned;
    forgiven bigint;
    expired bigint;
    rest bigint;
BEGIN
    PERFORM crm._loyalty_book(lot.source_record_id, lot.lot_id, person, 'correct', difference, NULL, reason);
    SELECT coalesce(sum(e.points) FILTER (WHERE e.kind = 'forgive'), 0), coalesce(-sum(e.points) FILTER (WHERE e.kind = 'expire'), 0)
    INTO forgiven, expired
    FROM crm.points_entry e WHERE e.source_record_id = lot.source_record_id AND e.lot_id = lot.lot_id;
    SELECT l.remaining INTO rest FROM crm.points_lot l WHERE l.source_record_id = lot.source_record_id AND l.lot_id = lot.lot_id;
    -- what was forgiven comes off first when the sale counts again; what expired is not owed
    IF difference > 0 THEN
        PERFORM crm._loyalty_book(lot.source_record_id, lot.lot_id, person, 'forgive', -least(forgiven, difference));
    ELSIF rest < 0 THEN
        PERFORM crm._loyalty_book(lot.source_record_id, lot.lot_id, person, 'expire', least(expired, -rest));
        -- a debt does not expire
        UPDATE crm.points_lot l SET state = 'open', expires_at = 'infinity'
        WHERE l.source_record_id = lot.source_record_id AND l.lot_id = lot.lot_id AND l.remaining < 0 AND l.state = 'expired';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_correct(crm.lot_ref, bigint, bigint, text) IS
    'brings what a lot earned to its target; what was used already is owed, what had expired is not';

-- What the orders of persons should have earned, where that differs from what they have.
CREATE FUNCTION crm._loyalty_due_orders(persons bigint[])
    RETURNS TABLE (person bigint, source_record_id bigint, order_id bigint, paid_at timestamptz, net numeric, rule text,
                   lot crm.lot_ref)
    LANGUAGE plpgsql STABLE SET enable_seqscan = off AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT m.customer_id, o.source_record_id, o.order_id, o.paid_at,
           CASE WHEN o.kind = 'sale' AND o.status IN ('paid', 'completed')
                THEN greatest(0, o.amount - coalesce((SELECT sum(f.amount) FROM crm.refund f WHERE f.order_id = o.order_id AND f.is_current), 0))
                ELSE 0 END,
           r.code, ROW(l.source_record_id, l.lot_id, l.rate, l.earned)::crm.lot_ref
    FROM crm.membership m
    JOIN crm.customer_order o ON o.source_record_id = m.source_record_id AND o.is_current
    CROSS JOIN crm.points_rule r
    LEFT JOIN crm.points_lot l ON l.source_record_id = o.source_record_id AND l.cause_kind = 'order'
          AND l.cause_key = o.order_id::text AND l.rule = r.code
    WHERE m.customer_id = ANY (persons) AND m.valid_to >= 'infinity' AND r.kind = 'order'
      AND (l.lot_id IS NOT NULL
           OR r.is_active AND NOT o.is_history AND o.kind = 'sale' AND o.status IN ('paid', 'completed')
              AND o.paid_at >= r.valid_from AND o.paid_at < r.valid_until)
    ORDER BY m.customer_id, o.order_id, r.code;
END
$$;
COMMENT ON FUNCTION crm._loyalty_due_orders(bigint[]) IS
    'orders of persons that earn points by a rule or did: what they are worth now, net of refunds, and their lot; '
    'imported history earns nothing';

CREATE FUNCTION crm._loyalty_earn_orders(persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    due record;
    r record;
    rate numeric;
    available timestamptz;
BEGIN
    FOR due IN SELECT * FROM crm._loyalty_due_orders(persons) LOOP
        IF (due.lot).lot_id IS NOT NULL THEN
            IF floor(due.net * (due.lot).rate)::bigint <> (due.lot).earned THEN
                PERFORM crm._loyalty_correct(due.lot, due.person, floor(due.net * (due.lot).rate)::bigint, 'order changed');
            END IF;
            CONTINUE;
        END IF;
        SELECT p.rate, p.condition, p.pending_days, p.valid_days, p.expires_at_end_of INTO r FROM crm.points_rule p WHERE p.code = due.rule;
        CONTINUE WHEN r.condition <> '{}' AND NOT crm.rule_matches(r.condition, due.person);
        rate := r.rate * crm._loyalty_multiplier(due.person, due.paid_at);
        available := due.paid_at + make_interval(days => r.pending_days);
        CONTINUE WHEN floor(due.net * rate) <= 0;
        PERFORM crm._loyalty_open(due.source_record_id, due.person, 'order', due.order_id::text, due.rule, rate, floor(due.net * rate)::bigint,
            due.paid_at, available, crm._loyalty_expiry(available, r.valid_days, r.expires_at_end_of), NULL);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._loyalty_earn_orders(bigint[]) IS
    'brings the lots of persons'' orders to what they should be; the multiplier of an order is that of its payment, '
    'and stays';

CREATE FUNCTION crm._loyalty_earn_events(persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
    r record;
    due record;
    available timestamptz;
BEGIN
    FOR r IN SELECT * FROM crm.points_rule p WHERE p.kind = 'event' AND p.is_active ORDER BY p.code LOOP
        FOR due IN
            SELECT n.* FROM (
                SELECT m.customer_id, e.source_record_id, e.event_id, e.occurred_at, crm._local_day(e.occurred_at, zone) AS day,
                       row_number() OVER (PARTITION BY m.customer_id, crm._local_day(e.occurred_at, zone) ORDER BY e.occurred_at, e.event_id) AS n
                FROM crm.membership m JOIN crm.event e ON e.source_record_id = m.source_record_id
                WHERE m.customer_id = ANY (persons) AND m.valid_to >= 'infinity' AND e.type = r.event_type
                  AND e.ignored_reason IS NULL AND NOT e.is_history AND e.occurred_at >= r.valid_from AND e.occurred_at < r.valid_until
                  AND e.occurred_at > crm.core_now() - interval '35 days'
                  AND NOT EXISTS (SELECT FROM crm.points_lot l WHERE l.source_record_id = e.source_record_id
                                  AND l.cause_kind = 'event' AND l.cause_key = e.event_id::text AND l.rule = r.code)) n
            -- what came late takes the place that is left of its day
            WHERE r.daily_limit IS NULL OR n.n + (
                SELECT count(*) FROM crm.membership m JOIN crm.points_lot l USING (source_record_id)
                WHERE m.customer_id = n.customer_id AND m.valid_to = 'infinity' AND l.cause_kind = 'event' AND l.rule = r.code
                  AND crm._local_day(l.earned_at, zone) = n.day) <= r.daily_limit
            ORDER BY n.customer_id, n.event_id
        LOOP
            CONTINUE WHEN r.condition <> '{}' AND NOT crm.rule_matches(r.condition, due.customer_id);
            available := due.occurred_at + make_interval(days => r.pending_days);
            PERFORM crm._loyalty_open(due.source_record_id, due.customer_id, 'event', due.event_id::text, r.code, r.rate,
                floor(r.rate * crm._loyalty_multiplier(due.customer_id, due.occurred_at))::bigint, due.occurred_at, available,
                crm._loyalty_expiry(available, r.valid_days, r.expires_at_end_of), NULL);
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._loyalty_earn_events(bigint[]) IS
    'lots for events of the last 35 days that a rule rewards, each once, of a local day as many as the rule allows';

CREATE FUNCTION crm._loyalty_points_on_facts(customer_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    wanted text := CASE WHEN kind IN ('order', 'refund') THEN 'order' WHEN kind = 'event' THEN 'event' END;
    persons bigint[];
BEGIN
    -- a chain without a programme pays one look at a small table
    IF wanted IS NULL OR NOT EXISTS (SELECT FROM crm.points_rule r WHERE r.kind = wanted AND (r.is_active OR wanted = 'order'
                                                                               AND EXISTS (SELECT FROM crm.points_lot))) THEN
        RETURN;
    END IF;
    persons := crm._loyalty_lock(customer_ids);
    IF wanted = 'order' THEN
        PERFORM crm._loyalty_earn_orders(persons);
    ELSE
        PERFORM crm._loyalty_earn_events(persons);
    END IF;
    PERFORM crm._loyalty_settle(p.id) FROM unnest(persons) p (id);
    PERFORM crm._loyalty_refresh(persons);
END
$$;
COMMENT ON FUNCTION crm._loyalty_points_on_facts(bigint[], text) IS
    'consequence of orders, refunds and events: points, in the commit of the fact';

CREATE FUNCTION crm._loyalty_on_facts(customer_ids bigint[], kind text, is_history boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    -- refunds of history correct nothing; a chain without a programme pays one look at small tables
    IF NOT is_history AND cardinality(customer_ids) > 0 AND (
            EXISTS (SELECT FROM crm.points_rule r WHERE r.is_active) OR EXISTS (SELECT FROM crm.points_lot)
            OR EXISTS (SELECT FROM crm.level k WHERE k.is_active) OR EXISTS (SELECT FROM crm.badge k WHERE k.is_active)
            OR EXISTS (SELECT FROM crm.referral_programme p WHERE p.is_active)) THEN
        PERFORM crm._loyalty_points_on_facts(customer_ids, kind);
        PERFORM crm._loyalty_member_on_facts(customer_ids, kind);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_on_facts(bigint[], text, boolean) IS
    'consequence of facts: points, then levels, badges and referrals that may ask for points; in the commit of the '
    'fact';

CREATE FUNCTION crm._loyalty_points_on_membership(survivor bigint, other bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    persons bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM crm.points_lot) AND NOT EXISTS (SELECT FROM crm.points_rule r WHERE r.kind = 'order' AND r.is_active) THEN
        RETURN;
    END IF;
    persons := crm._loyalty_lock(ARRAY[survivor, other]);
    -- a receipt that was nobody's earns for the one it is given to
    PERFORM crm._loyalty_earn_orders(persons);
    PERFORM crm._loyalty_settle(p.id) FROM unnest(persons) p (id);
    PERFORM crm._loyalty_refresh(persons);
    DELETE FROM crm.points_balance b WHERE b.customer_id IN (survivor, other) AND b.customer_id <> ALL (persons);
END
$$;
COMMENT ON FUNCTION crm._loyalty_points_on_membership(bigint, bigint) IS
    'consequence of records that moved: their lots moved with them, both balances are added up anew; a merge adds, '
    'an unmerge gives back';

CREATE FUNCTION crm._loyalty_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._loyalty_points_on_membership(survivor, other);
    PERFORM crm._loyalty_member_on_membership(survivor, other, record_ids, kind);
END
$$;
COMMENT ON FUNCTION crm._loyalty_on_membership(bigint, bigint, bigint[], text) IS
    'consequence of records that moved: points, then levels and badges';

CREATE FUNCTION crm._loyalty_on_erase(customer_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    ids bigint[] := crm._identity_cluster(customer_id);
    lot record;
BEGIN
    FOR lot IN SELECT l.* FROM crm.membership m JOIN crm.points_lot l USING (source_record_id)
               WHERE m.customer_id = ANY (ids) AND m.valid_to >= 'infinity' AND l.remaining <> 0 LOOP
        PERFORM crm._loyalty_book(lot.source_record_id, lot.lot_id, _loyalty_on_erase.customer_id, 'forfeit', -lot.remaining);
    END LOOP;
    UPDATE crm.points_entry e SET reason = NULL WHERE e.customer_id = ANY (ids) AND e.reason IS NOT NULL;
    UPDATE crm.points_use u SET reason = NULL WHERE u.customer_id = ANY (ids) AND u.reason IS NOT NULL;
    DELETE FROM crm.points_balance b WHERE b.customer_id = ANY (ids);
    DELETE FROM crm.member_level k WHERE k.customer_id = ANY (ids);
    DELETE FROM crm.level_held h USING crm.membership m
    WHERE m.customer_id = ANY (ids) AND m.valid_to >= 'infinity' AND h.source_record_id = m.source_record_id;
    DELETE FROM crm.badge_held h USING crm.membership m
    WHERE m.customer_id = ANY (ids) AND m.valid_to >= 'infinity' AND h.source_record_id = m.source_record_id;
    PERFORM crm._loyalty_forget_games(ids);
END
$$;
COMMENT ON FUNCTION crm._loyalty_on_erase(bigint) IS
    'points are forfeited and free texts emptied; the numbers stay, they are the books; levels, badges, open '
    'tickets and referrals end';

CREATE FUNCTION crm._loyalty_points_due() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    persons bigint[];
    lot record;
    seen bigint := 0;
BEGIN
    persons := crm._loyalty_lock(ARRAY(
        SELECT DISTINCT m.customer_id FROM (
            (SELECT l.source_record_id FROM crm.points_lot l WHERE l.state = 'pending'
                AND l.available_at <= crm.core_now() ORDER BY l.available_at LIMIT 500)
            UNION ALL
            (SELECT l.source_record_id FROM crm.points_lot l WHERE l.state = 'open' AND l.expires_at < 'infinity' AND l.expires_at <= crm.core_now()
             ORDER BY l.expires_at LIMIT 500)) d
        JOIN crm.membership m ON m.source_record_id = d.source_record_id AND m.valid_to = 'infinity'));
    FOR lot IN SELECT m.customer_id, l.* FROM crm.membership m JOIN crm.points_lot l USING (source_record_id)
               WHERE m.customer_id = ANY (persons) AND m.valid_to >= 'infinity' AND l.state <> 'expired'
                 AND (l.expires_at <= crm.core_now() OR l.state = 'pending' AND l.available_at <= crm.core_now())
    LOOP
        seen := seen + 1;
        IF lot.expires_at <= crm.core_now() AND lot.remaining >= 0 THEN
            PERFORM crm._loyalty_book(lot.source_record_id, lot.lot_id, lot.customer_id, 'expire', -lot.remaining);
            UPDATE crm.points_lot l SET state = 'expired' WHERE l.source_record_id = lot.source_record_id AND l.lot_id = lot.lot_id;
        ELSE
            UPDATE crm.points_lot l SET state = 'open', expires_at = CASE WHEN lot.remaining < 0 THEN 'infinity' ELSE l.expires_at END
            WHERE l.source_record_id = lot.source_record_id AND l.lot_id = lot.lot_id;
        END IF;
    END LOOP;
    PERFORM crm._loyalty_settle(p.id) FROM unnest(persons) p (id);
    PERFORM crm._loyalty_refresh(persons);
    RETURN CASE WHEN seen >= 500 THEN 1 ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._loyalty_points_due() IS
    'job: opens lots whose waiting is over and ends those whose time is; each lot once, whoever runs it again; 1 '
    'when there may be more';

CREATE FUNCTION crm._loyalty_grant(customer_id bigint, points bigint, cause_kind text, cause_key text, reason text DEFAULT NULL,
                                   valid_days int DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._identity_current(_loyalty_grant.customer_id);
    record_id bigint;
    lot bigint;
BEGIN
    IF points IS NULL OR points NOT BETWEEN 1 AND 1000000000 THEN
        RAISE EXCEPTION 'points are a whole number above zero' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'points',
            HINT = 'Give 1 to 1000000000.';
    END IF;
    PERFORM crm._loyalty_lock_person(person);
    record_id := crm._loyalty_record(person);
    IF record_id IS NULL THEN
        RAISE EXCEPTION 'there is no such person' USING ERRCODE = 'no_data_found', COLUMN = 'customer_id',
            HINT = 'Look the person up by phone or card.';
    END IF;
    IF EXISTS (SELECT FROM crm.membership m JOIN crm.points_lot l USING (source_record_id)
               WHERE m.customer_id = person AND m.valid_to = 'infinity'
                 AND l.cause_kind = _loyalty_grant.cause_kind AND l.cause_key = _loyalty_grant.cause_key) THEN
        RETURN NULL;
    END IF;
    lot := crm._loyalty_open(record_id, person, _loyalty_grant.cause_kind, _loyalty_grant.cause_key, '', 0, points,
        crm.core_now(), crm.core_now(), crm._loyalty_expiry(crm.core_now(), valid_days, 'day'), reason);
    PERFORM crm._loyalty_settle(person);
    PERFORM crm._loyalty_refresh(ARRAY[person]);
    RETURN lot;
END
$$;
COMMENT ON FUNCTION crm._loyalty_grant(bigint, bigint, text, text, text, int) IS
    'points for a cause (flow, level, badge, referral, lottery, manual, history; key: the occurrence), once for '
    'ever; returns lot_id, or null when the cause has been rewarded; valid_days null: they never expire';
