-- loyalty_refer: who brought whom.  A person's code holds the person and the programme.  The new member's fact notes
-- that the goal is reached; the job rewards both sides in one commit, when the goal still holds.
--
-- Locks: both persons ascending.  The fact's commit locks the new member alone, so that it never waits for two.

CREATE TYPE crm.referral_programme_row AS (programme text, programme_no int, name_zh text, name_en text, goal jsonb,
    goal_days int, hold_days int, new_days int,
    referrer_limit int, joined_referrer_gifts jsonb, joined_gifts jsonb, referrer_gifts jsonb, gifts jsonb, is_active boolean);
COMMENT ON TYPE crm.referral_programme_row IS 'a row of crm.referral_programme, columns in its order';

CREATE FUNCTION crm._loyalty_brought(person bigint) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    chain bigint[] := ARRAY[person];
    above bigint := person;
BEGIN
    FOR n IN 1 .. 100 LOOP
        above := (SELECT crm._identity_current(r.referrer_id) FROM crm.referral r
                  WHERE r.customer_id = ANY (crm._identity_cluster(above)) AND r.state <> 'refused' ORDER BY r.at LIMIT 1);
        EXIT WHEN above IS NULL OR above = ANY (chain);
        chain := chain || above;
    END LOOP;
    RETURN chain;
END
$$;
COMMENT ON FUNCTION crm._loyalty_brought(bigint) IS
    'a person, who brought that person, who brought that one, and so on: at most 100';

CREATE FUNCTION crm._loyalty_referral_fault(p crm.referral_programme_row, referrer bigint, person bigint) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE
        WHEN referrer = person THEN 'nobody brings oneself'
        WHEN person = ANY (crm._loyalty_brought(referrer)) THEN 'the one who is brought has brought the other'
        WHEN EXISTS (SELECT FROM crm._loyalty_ever(person) i JOIN crm.referral r ON r.customer_id = i.id AND r.at >= i.since AND r.at < i.until
                     WHERE r.programme = p.programme) THEN 'the person has been brought already'
        WHEN (SELECT c.registered_on FROM crm.customer c WHERE c.customer_id = person)
            < crm._local_day(crm.core_now(), crm._setting('core.time_zone') #>> '{}') - p.new_days
            THEN 'the person is no new member'
        WHEN p.referrer_limit <= (SELECT count(*) FROM crm.referral r
                                  WHERE r.referrer_id = ANY (crm._identity_cluster(referrer))
                                  AND r.programme = p.programme
                                  AND r.state IN ('pending', 'reached', 'rewarded')) THEN 'the referrer has brought as many as count' END;
END
$$;
COMMENT ON FUNCTION crm._loyalty_referral_fault(crm.referral_programme_row, bigint, bigint) IS
    'why a person cannot be referred by another; null: it can be';

CREATE FUNCTION crm.loyalty_refer(code text, customer_id bigint, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_refer', convert_to(jsonb_build_array(code, customer_id)::text, 'UTF8'));
    named record := crm._loyalty_ids(normalize(coalesce(code, ''), NFKC));
    p crm.referral_programme_row;
    person bigint;
    referrer bigint;
    fault text;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    SELECT k.* INTO p FROM crm.referral_programme k WHERE k.programme_no = named.coupon_id AND k.is_active;
    person := crm._access_require_person(loyalty_refer.customer_id);
    referrer := crm._identity_current(named.customer_id);
    IF p.programme IS NULL OR referrer IS NULL THEN
        RAISE EXCEPTION 'there is no such referral code' USING ERRCODE = 'RM617', COLUMN = 'code',
            HINT = 'Check the code for a typing mistake; the programme may be over.';
    END IF;
    PERFORM crm._loyalty_lock(ARRAY[person, referrer]);
    IF NOT EXISTS (SELECT FROM crm.referral r WHERE r.customer_id = person AND r.programme = p.programme
            AND crm._identity_current(r.referrer_id) = referrer) THEN
        fault := crm._loyalty_referral_fault(p, referrer, person);
        IF fault IS NOT NULL THEN
            RAISE EXCEPTION 'this person cannot be referred so: %', fault USING ERRCODE = 'RM618',
                COLUMN = 'customer_id', HINT = 'A new member is brought once, by somebody else.';
        END IF;
        INSERT INTO crm.referral (customer_id, programme, referrer_id, at, state) VALUES (person, p.programme, referrer, crm.core_now(), 'pending');
        PERFORM crm._loyalty_reward(referrer, p.joined_referrer_gifts, 'referral', concat_ws(':', p.programme, 'joined', person));
        PERFORM crm._loyalty_reward(person, p.joined_gifts, 'referral', concat_ws(':', p.programme, 'came'));
        PERFORM crm._loyalty_goals(ARRAY[person]);
    END IF;
    answer := (SELECT jsonb_build_object('programme', p.programme, 'customer_id', person, 'state', r.state,
               'until', r.at + make_interval(days => p.goal_days))
               FROM crm.referral r WHERE r.customer_id = person AND r.programme = p.programme);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_refer(text, bigint, text) IS
    'notes by whose code (crm.loyalty_member) a new member came, with each side''s gifts for that; again changes '
    'nothing; RM617 unknown code, RM618 oneself, a circle, no new member, brought already, or the referrer''s '
    'limit; P0002';
GRANT EXECUTE ON FUNCTION crm.loyalty_refer(text, bigint, text) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm._loyalty_goals(persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT f.customer_id, f.programme, k.goal, i.person
             FROM unnest(persons) i (person) CROSS JOIN LATERAL unnest(crm._identity_cluster(i.person)) c (id)
             JOIN crm.referral f ON f.customer_id = c.id JOIN crm.referral_programme k ON k.programme = f.programme
             WHERE f.state = 'pending' AND f.at + make_interval(days => k.goal_days) > crm.core_now() ORDER BY f.customer_id, f.programme LOOP
        IF crm._rule_fit(r.goal, ARRAY[r.person], crm.core_now()) <> '{}' THEN
            UPDATE crm.referral f SET state = 'reached', reached_at = crm.core_now()
            WHERE f.customer_id = r.customer_id AND f.programme = r.programme AND f.state = 'pending';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._loyalty_goals(bigint[]) IS
    'notes referrals of persons whose goal is reached now; the job rewards them';

CREATE FUNCTION crm._loyalty_reward_referral(came bigint, brought_by bigint, p crm.referral_programme_row) RETURNS text
    LANGUAGE plpgsql AS
$$
DECLARE
    person bigint := crm._identity_current(came);
    referrer bigint := crm._identity_current(brought_by);
BEGIN
    IF person = referrer THEN
        RETURN 'refused: both are one person';
    ELSIF cardinality(crm._loyalty_lock(ARRAY[person, referrer])) < 2 THEN
        RETURN 'refused: one of them is no member any more';
    ELSIF EXISTS (SELECT FROM crm._loyalty_ever(person) i JOIN crm.referral r ON r.customer_id = i.id
                  AND r.ended_at >= i.since AND r.ended_at < i.until
                  WHERE r.customer_id <> came AND r.programme = p.programme AND r.state = 'rewarded') THEN
        RETURN 'refused: the person has been brought already';
    ELSIF crm._rule_fit(p.goal, ARRAY[person], crm.core_now()) = '{}' THEN
        RETURN 'pending';
    END IF;
    PERFORM crm._loyalty_reward(least(person, referrer), CASE WHEN person < referrer THEN p.gifts ELSE p.referrer_gifts END, 'referral',
        concat_ws(':', p.programme, CASE WHEN person < referrer THEN 'goal' ELSE 'brought:' || came END));
    PERFORM crm._loyalty_reward(greatest(person, referrer), CASE WHEN person < referrer THEN p.referrer_gifts ELSE p.gifts END, 'referral',
        concat_ws(':', p.programme, CASE WHEN person < referrer THEN 'brought:' || came ELSE 'goal' END));
    RETURN 'rewarded';
END
$$;
COMMENT ON FUNCTION crm._loyalty_reward_referral(bigint, bigint, crm.referral_programme_row) IS
    'both sides'' gifts of a referral, in one commit; pending when the goal holds no more, refused with its reason '
    'when the two became one';

CREATE TYPE crm.referral_ref AS (customer_id bigint, programme text, referrer_id bigint);
COMMENT ON TYPE crm.referral_ref IS 'a referral: who came, by which programme, brought by whom';

CREATE FUNCTION crm._loyalty_referrals_due() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    r record;
    p crm.referral_programme_row;
    outcome text;
    done int := 0;
    due crm.referral_ref[];
BEGIN
    due := ARRAY(SELECT ROW(f.customer_id, f.programme, f.referrer_id)::crm.referral_ref FROM crm.referral f
                 JOIN crm.referral_programme k USING (programme)
                 WHERE f.state = 'reached' AND f.reached_at + make_interval(days => k.hold_days) <= crm.core_now()
                 ORDER BY f.reached_at, f.customer_id LIMIT 100 FOR UPDATE OF f SKIP LOCKED);
    -- everybody of all of them at once, ascending as facts lock them
    PERFORM crm._loyalty_lock(ARRAY(SELECT DISTINCT crm._identity_current(x.id) FROM unnest(due) d,
        unnest(ARRAY[d.customer_id, d.referrer_id]) x (id)));
    FOR r IN SELECT f.* FROM unnest(due) WITH ORDINALITY d (customer_id, programme, referrer_id, n)
        JOIN crm.referral f USING (customer_id, programme) ORDER BY d.n LOOP
        SELECT k.* INTO p FROM crm.referral_programme k WHERE k.programme = r.programme;
        outcome := crm._loyalty_reward_referral(r.customer_id, r.referrer_id, p);
        UPDATE crm.referral f SET state = split_part(outcome, ':', 1), reason = nullif(split_part(outcome, ': ', 2), ''),
               ended_at = CASE WHEN outcome <> 'pending' THEN crm.core_now() END, reached_at = CASE WHEN outcome <> 'pending' THEN f.reached_at END
        WHERE f.customer_id = r.customer_id AND f.programme = r.programme;
        done := done + 1;
    END LOOP;
    UPDATE crm.referral f SET state = 'lapsed', ended_at = crm.core_now() FROM crm.referral_programme k
    WHERE f.state = 'pending' AND k.programme = f.programme AND f.at + make_interval(days => k.goal_days) <= crm.core_now();
    RETURN (done = 100)::int;
END
$$;
COMMENT ON FUNCTION crm._loyalty_referrals_due() IS
    'job: rewards both sides of referrals whose goal was reached hold_days ago and still is, each once, 100 at a '
    'time; those whose time is over lapse; 1 when there may be more';

CREATE FUNCTION crm.loyalty_define_referral(programme text, spec jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_define_referral', convert_to(jsonb_build_array(programme, spec)::text, 'UTF8'));
    m jsonb;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    LOCK TABLE crm.referral_programme IN SHARE ROW EXCLUSIVE MODE;
    m := crm._loyalty_spec('programme', programme, (SELECT to_jsonb(k) FROM crm.referral_programme k
        WHERE k.programme = loyalty_define_referral.programme),
        '{"goal_days": 90, "hold_days": 0, "new_days": 30, "joined_referrer_gifts": [], "joined_gifts": [], "referrer_gifts": [], "gifts": [], "is_active": true}',
            spec,
    '{name_zh,name_en,goal,goal_days,hold_days,new_days,referrer_limit,joined_referrer_gifts,joined_gifts,referrer_gifts,gifts,is_active}');
    INSERT INTO crm.referral_programme AS k (programme, programme_no, name_zh, name_en, goal, goal_days, hold_days, new_days, referrer_limit,
                                             joined_referrer_gifts, joined_gifts, referrer_gifts, gifts, is_active)
    VALUES (loyalty_define_referral.programme, (SELECT coalesce(max(k.programme_no), 0) + 1
            FROM crm.referral_programme k), m ->> 'name_zh', m ->> 'name_en', m -> 'goal',
            crm._loyalty_whole(m, 'goal_days', 1, 3660), crm._loyalty_whole(m, 'hold_days', 0, 366), crm._loyalty_whole(m, 'new_days', 0, 3660),
            crm._loyalty_whole(m, 'referrer_limit', 1, 1000000), m -> 'joined_referrer_gifts', m -> 'joined_gifts',
                m -> 'referrer_gifts', m -> 'gifts', (m ->> 'is_active')::boolean)
    ON CONFLICT ON CONSTRAINT referral_programme_pkey DO UPDATE
    SET name_zh = excluded.name_zh, name_en = excluded.name_en, goal = excluded.goal, goal_days = excluded.goal_days, hold_days = excluded.hold_days,
        new_days = excluded.new_days, referrer_limit = excluded.referrer_limit, joined_referrer_gifts = excluded.joined_referrer_gifts,
        joined_gifts = excluded.joined_gifts, referrer_gifts = excluded.referrer_gifts, gifts = excluded.gifts, is_active = excluded.is_active;
    PERFORM crm._audit('define', 'referral_programme', NULL, NULL, NULL, spec::text, loyalty_define_referral.programme);
    answer := (SELECT to_jsonb(k) FROM crm.referral_programme k WHERE k.programme = loyalty_define_referral.programme);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_define_referral(text, jsonb, text) IS
    'makes or changes a referral programme: goal (a rule about who came), goal_days, hold_days, new_days, '
    'referrer_limit; gifts at once (joined_gifts, joined_referrer_gifts) and after the goal (gifts, '
    'referrer_gifts); 22023, RM351; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_define_referral(text, jsonb, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm._loyalty_forget_games(ids bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.referral r SET state = 'refused', reason = NULL, ended_at = crm.core_now()
    WHERE (r.customer_id = ANY (ids) OR r.referrer_id = ANY (ids)) AND r.state IN ('pending', 'reached');
    DELETE FROM crm.lottery_ticket t USING crm.lottery l WHERE t.customer_id = ANY (ids) AND l.lottery = t.lottery AND l.state = 'open';
END
$$;
COMMENT ON FUNCTION crm._loyalty_forget_games(bigint[]) IS
    'of who is erased: referrals under way end, tickets of open lotteries go; a list that is closed stays, it names nobody';

CREATE FUNCTION crm._loyalty_export_games(ids bigint[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN jsonb_build_object(
        'came', (SELECT coalesce(jsonb_agg(jsonb_build_object('programme', r.programme, 'at', r.at, 'state', r.state)
                        ORDER BY r.at), '[]') FROM crm.referral r WHERE r.customer_id = ANY (ids)),
        'brought', (SELECT coalesce(jsonb_agg(jsonb_build_object('programme', r.programme, 'at', r.at,
                        'state', r.state) ORDER BY r.at), '[]') FROM crm.referral r WHERE r.referrer_id = ANY (ids)),
        'tickets', (SELECT coalesce(jsonb_agg(jsonb_build_object('lottery', t.lottery, 'ticket', t.ticket,
                        'holder', t.holder, 'at', t.at) ORDER BY t.at, t.ticket), '[]') FROM crm.lottery_ticket t
                WHERE t.customer_id = ANY (ids)),
        'prizes', (SELECT coalesce(jsonb_agg(jsonb_build_object('lottery', w.lottery, 'place', w.place,
                        'prize', w.prize) ORDER BY w.lottery, w.place), '[]') FROM crm.lottery_prize w
                WHERE w.customer_id = ANY (ids)));
END
$$;
COMMENT ON FUNCTION crm._loyalty_export_games(bigint[]) IS
    'referrals (of the others nothing but that they were), tickets and prizes of a person';
