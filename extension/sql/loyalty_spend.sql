-- loyalty_spend: what staff, tills and headquarters do with points.

CREATE FUNCTION crm.loyalty_points(customer_id bigint, max_entries int DEFAULT 50) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._access_require_person(loyalty_points.customer_id);
BEGIN
    RETURN jsonb_build_object('customer_id', person,
        'available', crm._loyalty_available(person), 'point_value', nullif((crm._setting('loyalty.point_value'))::numeric, 0),
        'pending', (SELECT coalesce(sum(l.remaining), 0) FROM crm.membership m JOIN crm.points_lot l USING (source_record_id)
                    WHERE m.customer_id = person AND m.valid_to = 'infinity' AND l.available_at > crm.core_now() AND l.state = 'pending'),
        'lots', (SELECT coalesce(jsonb_agg(jsonb_build_object('points', u.remaining, 'expires_at', nullif(u.expires_at, 'infinity'))), '[]')
                 FROM crm._loyalty_usable(person) u),
        'entries', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', e.at, 'kind', e.kind, 'points', e.points, 'cause', l.cause_kind,
                        'reason', e.reason) ORDER BY e.at DESC, e.entry_id DESC), '[]')
                    FROM (SELECT e.* FROM crm.membership m JOIN crm.points_entry e USING (source_record_id)
                          WHERE m.customer_id = person AND m.valid_to = 'infinity'
                          ORDER BY e.at DESC, e.entry_id DESC LIMIT least(greatest(coalesce(max_entries, 50), 0), 500)) e
                    JOIN crm.points_lot l USING (source_record_id, lot_id)));
END
$$;
COMMENT ON FUNCTION crm.loyalty_points(bigint, int) IS
    'a person''s points at this moment: available, pending, point_value (what one takes off an order; null: nothing '
    'was set), lots in the order they will be used, the newest entries (at most 500); P0002 outside of the '
    'caller''s scope';
GRANT EXECUTE ON FUNCTION crm.loyalty_points(bigint, int) TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._loyalty_take(person bigint, points bigint, use_id bigint, reason text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    lot record;
    wanted bigint := points;
    taken bigint;
BEGIN
    IF points > crm._loyalty_available(person) THEN
        RAISE EXCEPTION 'the person has too few points' USING ERRCODE = 'RM608', COLUMN = 'points',
            HINT = 'See what is available, then take that much or less.';
    END IF;
    FOR lot IN SELECT * FROM crm._loyalty_usable(person) u WHERE u.remaining > 0 LOOP
        EXIT WHEN wanted = 0;
        taken := least(wanted, lot.remaining);
        PERFORM crm._loyalty_book(lot.source_record_id, lot.lot_id, person, 'spend', -taken, use_id, reason);
        wanted := wanted - taken;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._loyalty_take(bigint, bigint, bigint, text) IS
    'takes points out of the lots that expire first; RM608 when there are too few';

CREATE FUNCTION crm._loyalty_require_points(points bigint) RETURNS void
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF points IS NULL OR points NOT BETWEEN 1 AND 1000000000 THEN
        RAISE EXCEPTION 'points are a whole number above zero' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'points', HINT = 'Give 1 to 1000000000.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_require_points(bigint) IS '22023 for anything but 1 to 1000000000';

CREATE FUNCTION crm._loyalty_worth(points bigint) RETURNS numeric
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN round(points * nullif((crm._setting('loyalty.point_value'))::numeric, 0), coalesce((crm._setting('purchase.currency_exponent'))::int, 2));
END
$$;
COMMENT ON FUNCTION crm._loyalty_worth(bigint) IS
    'what points take off an order, in currency units, by loyalty.point_value; null: no value was set';

CREATE FUNCTION crm.loyalty_spend(customer_id bigint, points bigint, source text, reference text, store text DEFAULT NULL,
                                  reason text DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_spend', convert_to(
        jsonb_build_array(customer_id, points, source, reference, store, reason)::text, 'UTF8'));
    person bigint;
    src int;
    shop int;
    id bigint := crm._new_id();
    known record;
    is_repeated boolean := false;
    is_anew boolean;
    spent_at timestamptz := crm.core_now();
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._access_check_reason(reason);
    person := CASE WHEN crm._actor_claim('source') IS NULL THEN crm._access_require_person(loyalty_spend.customer_id)
                   ELSE crm._identity_current(loyalty_spend.customer_id) END;
    PERFORM crm._loyalty_require_points(points);
    src := crm._loyalty_source(source);
    shop := crm._loyalty_store(store);
    IF coalesce(reference, '') = '' THEN
        RAISE EXCEPTION 'points are spent for something' USING ERRCODE = 'null_value_not_allowed', COLUMN = 'reference',
            HINT = 'Give the order''s number in its source.';
    ELSIF length(reference) > 200 THEN
        RAISE EXCEPTION 'the reference is too long' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'reference',
            HINT = 'Give the order''s number in its source, at most 200 characters.';
    END IF;
    -- the reference before the person, as who gives points back locks them
    PERFORM FROM crm.external_key k WHERE k.source_id = src AND k.kind = 8 AND k.external_id = loyalty_spend.reference FOR UPDATE;
    is_anew := FOUND AND idempotency_key IS NOT NULL;
    PERFORM crm._loyalty_lock_person(person);
    INSERT INTO crm.external_key (source_id, kind, external_id, source_record_id, fact_id, content_hash, received_at)
    VALUES (src, 8, loyalty_spend.reference, person, id, '', crm.core_now()) ON CONFLICT ON CONSTRAINT external_key_pkey DO NOTHING;
    IF NOT FOUND THEN
        SELECT u.* INTO known FROM crm.external_key k JOIN crm.points_use u ON u.customer_id = k.source_record_id AND u.use_id = k.fact_id
        WHERE k.source_id = src AND k.kind = 8 AND k.external_id = loyalty_spend.reference;
        -- points that were given back are spent anew by who means it: a repeat of the call that spent them would
        -- carry that call's key, or none
        is_anew := is_anew AND known.returned_at IS NOT NULL
            AND known.at > crm.core_now()
            - make_interval(hours =>
                (crm._setting('access.idempotency_hours'))::int);     -- as long as that key is known
        IF is_anew THEN
            UPDATE crm.external_key k SET source_record_id = person, fact_id = id WHERE k.source_id = src
                AND k.kind = 8 AND k.external_id = loyalty_spend.reference;
        ELSIF known.points IS DISTINCT FROM points OR known.returned_at IS NOT NULL
            OR crm._identity_current(known.customer_id) IS DISTINCT FROM person THEN
            RAISE EXCEPTION 'points have been spent under this reference' USING ERRCODE = 'RM609', COLUMN = 'reference',
                HINT = 'Give another reference; or return those points first, and spend anew with an idempotency key.';
        END IF;
        is_repeated := NOT is_anew;
    END IF;
    IF is_repeated THEN
        id := known.use_id;
        spent_at := known.at;
    ELSE
        PERFORM crm._loyalty_take(person, points, id, loyalty_spend.reason);
        INSERT INTO crm.points_use (customer_id, use_id, points, source_id, reference, store_id, at, reason, actor)
        VALUES (person, id, loyalty_spend.points, src, loyalty_spend.reference, shop, crm.core_now(), left(loyalty_spend.reason, 500), crm._actor());
        PERFORM crm._loyalty_refresh(ARRAY[person]);
    END IF;
    answer := jsonb_build_object('customer_id', person, 'use_id', id, 'points', points, 'repeated', is_repeated,
        'spent_at', spent_at, 'worth', crm._loyalty_worth(points), 'available', crm._loyalty_available(person));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_spend(bigint, bigint, text, text, text, text, text) IS
    'takes points of a person, those first that expire first, once for a reference of a source (null: the '
    'caller''s); the same call again answers the same, repeated and spent_at saying so; worth: what they take off '
    'the order, null where headquarters set no value (loyalty.point_value); RM608 too few, RM609 the reference was '
    'used otherwise (once its points are returned, a call with an idempotency key of its own spends anew), P0002 '
    'outside of the scope';
GRANT EXECUTE ON FUNCTION crm.loyalty_spend(bigint, bigint, text, text, text, text, text) TO crm_till, crm_clerk,
    crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm.loyalty_return(source text, reference text, reason text DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_return', convert_to(jsonb_build_array(source, reference, reason)::text, 'UTF8'));
    src int;
    used record;
    taken record;
    person bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._access_check_reason(reason);
    src := crm._loyalty_source(source);
    -- locked, then read: who waited for points spent anew sees these
    PERFORM FROM crm.external_key k WHERE k.source_id = src AND k.kind = 8 AND k.external_id = loyalty_return.reference FOR UPDATE;
    SELECT u.* INTO used FROM crm.external_key k JOIN crm.points_use u ON u.customer_id = k.source_record_id AND u.use_id = k.fact_id
    WHERE k.source_id = src AND k.kind = 8 AND k.external_id = loyalty_return.reference;
    IF used.use_id IS NULL THEN
        RAISE EXCEPTION 'no points were spent under this reference' USING ERRCODE = 'RM610', COLUMN = 'reference',
            HINT = 'Give the reference they were spent under.';
    END IF;
    -- each share goes back to its lot, whoever owns the lot's record by now, and ends when the lot ends
    PERFORM crm._loyalty_lock(ARRAY(SELECT DISTINCT m.customer_id FROM crm.points_entry e JOIN crm.membership m USING (source_record_id)
                                    WHERE e.customer_id = used.customer_id AND e.use_id = used.use_id AND m.valid_to = 'infinity'));
    UPDATE crm.points_use u SET returned_at = crm.core_now()
    WHERE u.customer_id = used.customer_id AND u.use_id = used.use_id AND u.returned_at IS NULL;
    IF FOUND THEN
        FOR taken IN SELECT e.source_record_id, e.lot_id, e.points, m.customer_id, l.state
                     FROM crm.points_entry e JOIN crm.points_lot l USING (source_record_id, lot_id)
                     JOIN crm.membership m ON m.source_record_id = e.source_record_id AND m.valid_to = 'infinity'
                     WHERE e.customer_id = used.customer_id AND e.use_id = used.use_id AND e.kind = 'spend' ORDER BY e.entry_id
        LOOP
            PERFORM crm._loyalty_book(taken.source_record_id, taken.lot_id, taken.customer_id, 'return', -taken.points, used.use_id, reason);
            UPDATE crm.points_lot l SET state = 'open' WHERE l.source_record_id = taken.source_record_id
                AND l.lot_id = taken.lot_id AND l.state = 'expired';
            PERFORM crm._loyalty_settle(taken.customer_id);
            PERFORM crm._loyalty_refresh(ARRAY[taken.customer_id]);
        END LOOP;
    END IF;
    person := crm._identity_current(used.customer_id);
    answer := jsonb_build_object('customer_id', person, 'use_id', used.use_id, 'points', used.points, 'state', 'returned',
        'available', crm._loyalty_available(person));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_return(text, text, text, text) IS
    'gives points back to the lots they came from, with the lots'' own expiry; a second time changes nothing; RM610 '
    'for an unknown reference';
GRANT EXECUTE ON FUNCTION crm.loyalty_return(text, text, text, text) TO crm_till, crm_clerk, crm_store_manager, crm_manager,
    crm_service, crm_headquarters;

CREATE FUNCTION crm.loyalty_adjust(customer_id bigint, points bigint, reason text, valid_days int DEFAULT NULL,
                                   idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'loyalty_adjust', convert_to(jsonb_build_array(customer_id, points, reason, valid_days)::text, 'UTF8'));
    person bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    person := crm._access_require_person(loyalty_adjust.customer_id);
    PERFORM crm._loyalty_require_points(abs(greatest(points, -9223372036854775807)));
    IF valid_days NOT BETWEEN 0 AND 36500 THEN
        RAISE EXCEPTION 'points cannot be valid for % days', valid_days USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'valid_days', HINT = 'Give 0 to 36500 days after today, or none: for ever.';
    END IF;
    PERFORM crm._access_check_reason(reason, 'an adjustment needs its reason', 'Say why, for who reads the ledger.');
    IF points > 0 THEN
        PERFORM crm._loyalty_grant(person, points, 'manual', crm._new_id()::text, reason, valid_days);
    ELSE
        PERFORM crm._loyalty_lock_person(person);
        PERFORM crm._loyalty_take(person, -points, NULL, reason);
        PERFORM crm._loyalty_refresh(ARRAY[person]);
    END IF;
    PERFORM crm._loyalty_rise(ARRAY[person]);
    PERFORM crm._audit('adjust', 'points', person, NULL, NULL, points::text, reason);
    answer := jsonb_build_object('customer_id', person, 'points', points,
        'available', crm._loyalty_available(person));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_adjust(bigint, bigint, text, int, text) IS
    'gives (above zero) or takes (below) points by hand, audited with its reason; RM608 when there are too few, '
    'P0002 for an unknown person';
GRANT EXECUTE ON FUNCTION crm.loyalty_adjust(bigint, bigint, text, int, text) TO crm_service, crm_headquarters;

CREATE FUNCTION crm.loyalty_define_points(code text, spec jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_define_points', convert_to(jsonb_build_array(code, spec)::text, 'UTF8'));
    defaults CONSTANT jsonb := '{"condition": {}, "pending_days": 0, "expires_at_end_of": "day", "valid_until": "infinity", "is_active": true}';
    known text[] :=
        '{name_zh,name_en,kind,rate,event_type,daily_limit,condition,pending_days,valid_days,expires_at_end_of,valid_from,valid_until,is_active}';
    wrong text;
    r record;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    wrong := crm._unknown_member(spec, known);
    IF wrong IS NOT NULL OR coalesce(code, '') !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'rule of points has no proper code or an unknown member' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = coalesce(wrong, 'code'), HINT = format('Members are %s.', array_to_string(known, ', '));
    END IF;
    PERFORM crm._require_members(spec,
        '{"rate": "number", "daily_limit": "whole", "pending_days": "whole", "valid_days": "whole", "valid_from": "moment", "valid_until": "moment", "is_active": "truth"}');
    SELECT x.* INTO r FROM jsonb_to_record(
        coalesce((SELECT to_jsonb(p) FROM crm.points_rule p WHERE p.code = loyalty_define_points.code), defaults) || spec
        || (SELECT coalesce(jsonb_object_agg(d.key, d.value), '{}') FROM jsonb_each(defaults) d WHERE spec -> d.key = 'null'))
        AS x (name_zh text, name_en text, kind text, rate numeric, event_type text, daily_limit int, condition jsonb, pending_days int,
              valid_days int, expires_at_end_of text, valid_from timestamptz, valid_until timestamptz, is_active boolean);
    IF coalesce(r.kind, '') NOT IN ('order', 'event', 'multiplier') OR coalesce(r.rate, -1) NOT BETWEEN 0 AND 1000000 THEN
        RAISE EXCEPTION 'rule of points needs its kind and rate' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = CASE WHEN coalesce(r.rate, -1) NOT BETWEEN 0 AND 1000000 THEN 'rate' ELSE 'kind' END,
            HINT = 'Kinds are order, event and multiplier; a rate is 0 to 1000000.';
    END IF;
    wrong := CASE WHEN r.daily_limit < 1 THEN 'daily_limit'
        WHEN r.pending_days NOT BETWEEN 0 AND 3650 THEN 'pending_days'
        WHEN r.valid_days NOT BETWEEN 0 AND 36500 THEN 'valid_days'
                  WHEN r.expires_at_end_of NOT IN ('day', 'month', 'year') THEN 'expires_at_end_of'
                      WHEN length(r.name_zh) > 100 THEN 'name_zh' WHEN length(r.name_en) > 100 THEN 'name_en' END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'rule of points has no proper %', wrong USING ERRCODE = 'invalid_parameter_value', COLUMN = wrong,
            HINT = 'pending_days is 0 to 3650, valid_days 0 to 36500 or null for ever, daily_limit 1 or more, expires_at_end_of day, month or year; names have 100 characters.';
    END IF;
    IF r.condition <> '{}' THEN
        PERFORM crm.rule_check(r.condition);
    END IF;
    IF r.kind = 'event' AND r.event_type IS NULL THEN
        RAISE EXCEPTION 'rule for events needs the event''s type' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'event_type', HINT = 'Give the code of a type of event.';
    END IF;
    INSERT INTO crm.points_rule AS p (code, name_zh, name_en, kind, rate, event_type, daily_limit, condition, pending_days, valid_days,
                                      expires_at_end_of, valid_from, valid_until, is_active)
    VALUES (loyalty_define_points.code, coalesce(r.name_zh, loyalty_define_points.code),
            coalesce(r.name_en, loyalty_define_points.code), r.kind, r.rate,
            r.event_type, r.daily_limit, r.condition, r.pending_days, r.valid_days, r.expires_at_end_of,
            coalesce(r.valid_from, crm.core_now()), r.valid_until, r.is_active)
    ON CONFLICT ON CONSTRAINT points_rule_pkey DO UPDATE
    SET name_zh = excluded.name_zh, name_en = excluded.name_en, kind = excluded.kind, rate = excluded.rate, event_type = excluded.event_type,
        daily_limit = excluded.daily_limit, condition = excluded.condition, pending_days = excluded.pending_days, valid_days = excluded.valid_days,
        expires_at_end_of = excluded.expires_at_end_of, valid_from = excluded.valid_from,
            valid_until = excluded.valid_until, is_active = excluded.is_active;
    PERFORM crm._audit('define', 'points_rule', NULL, NULL, NULL, spec::text, code);
    answer := jsonb_build_object('code', code);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_define_points(text, jsonb, text) IS
    'makes or changes a rule of points (order, event, multiplier) with its dates; orders before valid_from '
    '(default: now) earn nothing, lots that are there keep their rate; 22023, RM351';
GRANT EXECUTE ON FUNCTION crm.loyalty_define_points(text, jsonb, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm._loyalty_points_check() RETURNS TABLE (what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT format('lot %s of record %s', l.lot_id, l.source_record_id), format('%s points by its entries', coalesce(e.points, 0)), l.remaining::text
    FROM crm.points_lot l
    LEFT JOIN (SELECT n.source_record_id, n.lot_id, sum(n.points) AS points FROM crm.points_entry n GROUP BY 1, 2) e USING (source_record_id, lot_id)
    WHERE l.remaining <> coalesce(e.points, 0);
    RETURN QUERY
    SELECT format('points of person %s', coalesce(b.customer_id, n.customer_id)), coalesce(n.state, 'none'), coalesce(b.state, 'none')
    FROM (SELECT k.customer_id, format('%s available, %s pending, %s earned', k.available, k.pending, k.earned) AS state FROM crm.points_balance k) b
    FULL JOIN (SELECT k.customer_id, format('%s available, %s pending, %s earned', k.available, k.pending, k.earned) AS state
               FROM crm._loyalty_balance(ARRAY(
                   SELECT DISTINCT m.customer_id FROM crm.points_lot l
                       JOIN crm.membership m ON m.source_record_id = l.source_record_id AND m.valid_to = 'infinity'
                   JOIN crm.customer c ON c.customer_id = m.customer_id AND c.status = 'active')) k) n ON n.customer_id = b.customer_id
    WHERE b.state IS DISTINCT FROM n.state;
    RETURN QUERY
    SELECT format('points of order %s', d.order_id), format('%s earned', floor(d.net * (d.lot).rate)), (d.lot).earned::text
    FROM crm._loyalty_due_orders(ARRAY(SELECT DISTINCT m.customer_id FROM crm.points_lot l JOIN crm.membership m USING (source_record_id)
                                       WHERE m.valid_to = 'infinity' AND l.cause_kind = 'order')) d
    WHERE (d.lot).lot_id IS NOT NULL AND floor(d.net * (d.lot).rate) <> (d.lot).earned;
END
$$;
COMMENT ON FUNCTION crm._loyalty_points_check() IS
    'the ledger proved: lots against their entries, kept balances against the lots, order lots against the orders '
    'net of refunds; no rows: all agrees';
