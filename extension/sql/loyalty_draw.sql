-- loyalty_draw: lotteries whose draw anyone can repeat.  Opening fixes a secret seed and publishes its hash; closing fixes
-- the list of tickets and publishes its hash; the draw publishes the seed.  A ticket's score is
-- SHA-256("seed:entropy:ticket"); the lowest wins, the next the next place, each holder once.
--
-- Locks: the person, then the lottery's row, shared while tickets are taken: closing waits for them.

CREATE FUNCTION crm.loyalty_draw(seed text, entropy text, tickets text[], holders text[], places int)
    RETURNS TABLE (place int, ticket text, holder text, score text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT row_number() OVER (ORDER BY b.score, b.ticket)::int, b.ticket, b.holder, b.score
    FROM (SELECT DISTINCT ON (t.holder) t.ticket, t.holder, s.score
          FROM unnest(tickets, holders) t (ticket, holder)
          CROSS JOIN LATERAL (SELECT encode(sha256(convert_to(concat(seed, ':', entropy, ':', t.ticket), 'UTF8')), 'hex') AS score) s
          ORDER BY t.holder, s.score, t.ticket) b
    ORDER BY 1 LIMIT greatest(places, 0)
$$;
COMMENT ON FUNCTION crm.loyalty_draw(text, text, text[], text[], int) IS
    'repeats a draw from what is published: of each holder the ticket with the lowest SHA-256 of '
    '"seed:entropy:ticket" (hex), in the order of these; tickets and holders are parallel; the first so many places';
GRANT EXECUTE ON FUNCTION crm.loyalty_draw(text, text, text[], text[], int) TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._loyalty_lottery(code text, state text, is_shared boolean DEFAULT false) RETURNS record
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    l record;
BEGIN
    IF is_shared THEN
        SELECT k.* INTO l FROM crm.lottery k WHERE k.lottery = code FOR SHARE;
    ELSE
        SELECT k.* INTO l FROM crm.lottery k WHERE k.lottery = code FOR UPDATE;
    END IF;
    IF l.lottery IS NULL THEN
        RAISE EXCEPTION 'there is no lottery "%"', code USING ERRCODE = 'RM619', COLUMN = 'lottery', HINT = 'Give the code of a lottery.';
    ELSIF l.state <> _loyalty_lottery.state THEN
        RAISE EXCEPTION 'the lottery is %', l.state USING ERRCODE = 'RM620', COLUMN = 'lottery',
            HINT = format('This is done while it is %s.', _loyalty_lottery.state);
    END IF;
    RETURN l;
END
$$;
COMMENT ON FUNCTION crm._loyalty_lottery(text, text, boolean) IS
    'a lottery in a state, its row locked (shared: with others who take tickets); RM619, RM620';

CREATE FUNCTION crm._loyalty_prize_count(prizes jsonb) RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    p jsonb;
    places bigint := 0;
    is_good boolean := jsonb_typeof(prizes) = 'array' AND prizes <> '[]';
BEGIN
    FOR p IN SELECT e FROM jsonb_array_elements(CASE WHEN is_good THEN prizes ELSE '[]' END) e LOOP
        is_good := is_good AND CASE WHEN jsonb_typeof(p) = 'object' THEN p - '{name,count,gifts}'::text[] = '{}'
            AND length(coalesce(p ->> 'name', '')) BETWEEN 1 AND 100
            AND coalesce(p ->> 'count', '') ~ '^[1-9][0-9]{0,4}$' ELSE false END;
        EXIT WHEN NOT is_good;
        PERFORM crm._loyalty_require_gifts(coalesce(p -> 'gifts', '[]'));
        places := places + (p ->> 'count')::int;
    END LOOP;
    IF is_good IS NOT TRUE OR places > 10000
       OR (SELECT count(DISTINCT e ->> 'name') < count(*) FROM jsonb_array_elements(prizes) e) THEN
        RAISE EXCEPTION 'prizes are a list' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'prizes',
            HINT = 'Give [{"name", "count", "gifts"}], at most 10000 in all, each name once, the best first.';
    END IF;
    RETURN places;
END
$$;
COMMENT ON FUNCTION crm._loyalty_prize_count(jsonb) IS 'how many places a list of prizes has; 22023 when it is none';

CREATE FUNCTION crm.loyalty_define_lottery(lottery text, spec jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_define_lottery', convert_to(jsonb_build_array(lottery, spec)::text, 'UTF8'));
    m jsonb;
    closes timestamptz;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    m := crm._loyalty_spec('lottery', lottery, (SELECT to_jsonb(k) FROM crm.lottery k WHERE k.lottery = loyalty_define_lottery.lottery),
        '{"tickets_per_person": 1}', spec, '{name_zh,name_en,condition,tickets_per_person,prizes,entropy_source,closes_at}');
    PERFORM crm._loyalty_prize_count(m -> 'prizes');
    closes := (m ->> 'closes_at')::timestamptz;
    IF closes IS NULL OR closes <= crm.core_now() OR closes > crm.core_now() + interval '3660 days' THEN
        RAISE EXCEPTION 'a lottery closes at a moment to come' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'closes_at', HINT = 'Give a time with its zone.';
    END IF;
    IF EXISTS (SELECT FROM crm.lottery k WHERE k.lottery = loyalty_define_lottery.lottery) THEN
        PERFORM crm._loyalty_lottery(lottery, 'draft');
    END IF;
    INSERT INTO crm.lottery AS k (lottery, name_zh, name_en, condition, tickets_per_person, prizes, entropy_source, closes_at)
    VALUES (loyalty_define_lottery.lottery, m ->> 'name_zh', m ->> 'name_en', nullif(m -> 'condition', 'null'),
            crm._loyalty_whole(m, 'tickets_per_person', 1, 1000),
            m -> 'prizes', left(m ->> 'entropy_source', 200), closes)
    ON CONFLICT ON CONSTRAINT lottery_pkey DO UPDATE
    SET name_zh = excluded.name_zh, name_en = excluded.name_en, condition = excluded.condition, tickets_per_person = excluded.tickets_per_person,
        prizes = excluded.prizes, entropy_source = excluded.entropy_source, closes_at = excluded.closes_at;
    PERFORM crm._audit('define', 'lottery', NULL, NULL, NULL, spec::text, loyalty_define_lottery.lottery);
    answer := jsonb_build_object('lottery', loyalty_define_lottery.lottery, 'state', 'draft');
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow THEN
    RAISE EXCEPTION 'a lottery closes at a moment to come' USING ERRCODE = 'invalid_parameter_value',
        COLUMN = 'closes_at', HINT = 'Give a time with its zone.';
END
$$;
COMMENT ON FUNCTION crm.loyalty_define_lottery(text, jsonb, text) IS
    'makes or changes a draft: condition (who may take part), tickets_per_person, prizes [{"name", "count", '
    '"gifts"}], closes_at, entropy_source (the public number that the draw takes, which nobody knows before); RM620 '
    'once it is open, 22023, RM351; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_define_lottery(text, jsonb, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm.loyalty_open_lottery(lottery text) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    l record := crm._loyalty_lottery(lottery, 'draft');
    fresh text := encode(crm._random_bytes(32), 'hex');
    hash text := encode(sha256(convert_to(fresh, 'UTF8')), 'hex');
BEGIN
    UPDATE crm.lottery k SET state = 'open', opened_at = crm.core_now(), seed_sealed = crm._encrypt('lottery', fresh),
        commitment = hash WHERE k.lottery = l.lottery;
    PERFORM crm._audit('open', 'lottery', NULL, NULL, NULL, hash, l.lottery);
    RETURN jsonb_build_object('lottery', l.lottery, 'state', 'open', 'commitment', hash);
END
$$;
COMMENT ON FUNCTION crm.loyalty_open_lottery(text) IS
    'opens a lottery: a random seed is kept sealed until the draw, its SHA-256 (commitment) is to be published now; '
    'RM619, RM620; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_open_lottery(text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm._loyalty_ticket(person bigint, lottery text, cause text) RETURNS text
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    code text := encode(crm._random_bytes(8), 'hex');
    state text := (SELECT k.state FROM crm.lottery k WHERE k.lottery = _loyalty_ticket.lottery FOR SHARE);
BEGIN
    IF state IS DISTINCT FROM 'open' THEN
        RETURN NULL;
    END IF;
    INSERT INTO crm.lottery_ticket (customer_id, lottery, cause, ticket, at)
    SELECT person, _loyalty_ticket.lottery, _loyalty_ticket.cause, code, crm.core_now()
    WHERE NOT EXISTS (SELECT FROM crm.lottery_ticket t WHERE t.customer_id = ANY (crm._identity_cluster(person))
                      AND t.lottery = _loyalty_ticket.lottery AND t.cause = _loyalty_ticket.cause);
    RETURN CASE WHEN FOUND THEN code END;
END
$$;
COMMENT ON FUNCTION crm._loyalty_ticket(bigint, text, text) IS
    'a ticket for a person who is locked, once for a cause under all ids; null when there was one, or the lottery '
    'is not open';

CREATE FUNCTION crm.loyalty_enter_lottery(customer_id bigint, lottery text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'loyalty_enter_lottery', convert_to(jsonb_build_array(customer_id, lottery)::text, 'UTF8'));
    person bigint;
    l record;
    held int;
    code text;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    person := crm._access_require_person(loyalty_enter_lottery.customer_id);
    IF cardinality(crm._loyalty_lock(ARRAY[person])) = 0 THEN
        RAISE EXCEPTION 'there is no such person' USING ERRCODE = 'no_data_found', COLUMN = 'customer_id',
            HINT = 'Look the person up by phone or card.';
    END IF;
    l := crm._loyalty_lottery(loyalty_enter_lottery.lottery, 'open', true);
    held := (SELECT count(*) FROM crm.lottery_ticket t WHERE t.customer_id = ANY (crm._identity_cluster(person))
            AND t.lottery = l.lottery AND t.cause LIKE 'claim:%');
    IF l.closes_at <= crm.core_now() THEN
        RAISE EXCEPTION 'the lottery has closed' USING ERRCODE = 'RM620', COLUMN = 'lottery', HINT = 'Wait for its draw.';
    ELSIF held >= l.tickets_per_person OR l.condition IS NOT NULL AND crm._rule_fit(l.condition, ARRAY[person], crm.core_now()) = '{}' THEN
        RAISE EXCEPTION 'there is no further ticket for this person' USING ERRCODE = 'RM621', COLUMN = 'customer_id',
            HINT = 'One may have tickets_per_person, when the condition holds.';
    END IF;
    code := crm._loyalty_ticket(person, l.lottery, 'claim:' || crm._new_id());
    answer := jsonb_build_object('lottery', l.lottery, 'ticket', code, 'commitment', l.commitment, 'closes_at', l.closes_at);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_enter_lottery(bigint, text, text) IS
    'a ticket for a person, within tickets_per_person under all ids and the lottery''s condition; RM619, RM620 not '
    'open, RM621 no further ticket, P0002';
GRANT EXECUTE ON FUNCTION crm.loyalty_enter_lottery(bigint, text, text) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm._loyalty_close(code text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    l record := crm._loyalty_lottery(code, 'open');
BEGIN
    UPDATE crm.lottery_ticket t
        SET holder = encode(crm._keyed_hash('lottery', convert_to(concat_ws(':', l.lottery,
                    crm._identity_current(t.customer_id)), 'UTF8')), 'hex')
    WHERE t.lottery = l.lottery;
    UPDATE crm.lottery k SET state = 'closed', closed_at = crm.core_now(), (tickets, list_hash) = (
        SELECT count(*),
            encode(sha256(convert_to(coalesce(string_agg(t.ticket || ' ' || t.holder || E'\n', ''
                        ORDER BY t.ticket COLLATE "C"), ''), 'UTF8')), 'hex')
        FROM crm.lottery_ticket t WHERE t.lottery = k.lottery)
    WHERE k.lottery = l.lottery;
END
$$;
COMMENT ON FUNCTION crm._loyalty_close(text) IS
    'closes the list of a lottery: each ticket with a name for its person of this moment, and the hash of the lines '
    '"ticket holder" in the order of tickets';

CREATE FUNCTION crm._loyalty_lotteries_due() RETURNS bigint
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._loyalty_close(k.lottery) FROM crm.lottery k WHERE k.state = 'open' AND k.closes_at <= crm.core_now();
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._loyalty_lotteries_due() IS 'job: closes the lists of lotteries whose time has come';

CREATE FUNCTION crm.loyalty_draw_lottery(lottery text, entropy text DEFAULT '') RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    l record;
    opened text;
    prize record;
BEGIN
    IF EXISTS (SELECT FROM crm.lottery k WHERE k.lottery = loyalty_draw_lottery.lottery AND k.state = 'open' AND k.closes_at <= crm.core_now()) THEN
        PERFORM crm._loyalty_close(lottery);
    END IF;
    l := crm._loyalty_lottery(lottery, 'closed');
    IF (l.entropy_source IS NOT NULL) <> (coalesce(entropy, '') <> '') OR length(entropy) > 200 THEN
        RAISE EXCEPTION 'the draw takes the public number that was named, and no other' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'entropy',
            HINT = coalesce('Give: ' || l.entropy_source, 'None was named: leave it out.');
    END IF;
    opened := crm._decrypt('lottery', l.seed_sealed);
    INSERT INTO crm.lottery_prize (customer_id, lottery, place, ticket, prize)
    SELECT t.customer_id, l.lottery, d.place, d.ticket, p.name
    FROM crm.loyalty_draw(opened, coalesce(entropy, ''),
             (SELECT array_agg(k.ticket ORDER BY k.ticket) FROM crm.lottery_ticket k WHERE k.lottery = l.lottery),
             (SELECT array_agg(k.holder ORDER BY k.ticket) FROM crm.lottery_ticket k WHERE k.lottery = l.lottery),
                 crm._loyalty_prize_count(l.prizes)) d
    JOIN crm.lottery_ticket t ON t.lottery = l.lottery AND t.ticket = d.ticket
    JOIN (SELECT e.value ->> 'name' AS name, sum((e.value ->> 'count')::int) OVER (ORDER BY e.n) AS upto, (e.value ->> 'count')::int AS places
          FROM jsonb_array_elements(l.prizes) WITH ORDINALITY e (value, n)) p ON d.place > p.upto - p.places AND d.place <= p.upto;
    UPDATE crm.lottery k SET state = 'drawn', drawn_at = crm.core_now(), entropy = coalesce(loyalty_draw_lottery.entropy, ''), seed = opened
    WHERE k.lottery = l.lottery;
    PERFORM crm._loyalty_lock(ARRAY(SELECT crm._identity_current(w.customer_id) FROM crm.lottery_prize w WHERE w.lottery = l.lottery));
    FOR prize IN SELECT c.customer_id, w.place, coalesce(e -> 'gifts', '[]') AS gifts FROM crm.lottery_prize w
                 JOIN crm.customer c ON c.customer_id = crm._identity_current(w.customer_id) AND c.status = 'active'
                 JOIN jsonb_array_elements(l.prizes) e ON e ->> 'name' = w.prize WHERE w.lottery = l.lottery ORDER BY c.customer_id, w.place LOOP
        PERFORM crm._loyalty_reward(prize.customer_id, prize.gifts, 'lottery', concat_ws(':', l.lottery, prize.place));
    END LOOP;
    PERFORM crm._audit('draw', 'lottery', NULL, NULL, NULL, opened, l.lottery);
    RETURN crm._loyalty_proof(l.lottery);
END
$$;
COMMENT ON FUNCTION crm.loyalty_draw_lottery(text, text) IS
    'draws a lottery whose list is closed, publishes the seed, gives the prizes, once; entropy: the public number '
    'that the lottery named, else nothing; RM619, RM620, 22023; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_draw_lottery(text, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm._loyalty_proof(code text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT jsonb_build_object('lottery', k.lottery, 'name_zh', k.name_zh, 'name_en', k.name_en,
            'state', k.state, 'prizes', k.prizes, 'closes_at', k.closes_at,
            'commitment', k.commitment, 'opened_at', k.opened_at, 'entropy_source', k.entropy_source,
                'closed_at', k.closed_at, 'tickets', k.tickets, 'list_hash', k.list_hash,
            'drawn_at', k.drawn_at, 'seed', k.seed, 'entropy', k.entropy,
            'winners', (SELECT coalesce(jsonb_agg(jsonb_build_object('place', w.place, 'ticket', w.ticket, 'prize', w.prize) ORDER BY w.place), '[]')
                        FROM crm.lottery_prize w WHERE w.lottery = k.lottery))
        FROM crm.lottery k WHERE k.lottery = code);
END
$$;
COMMENT ON FUNCTION crm._loyalty_proof(text) IS
    'what is published of a lottery: nothing of it names a person, the seed is null until the draw';

CREATE FUNCTION crm.loyalty_lottery(lottery text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    proof jsonb := crm._loyalty_proof(lottery);
BEGIN
    IF proof IS NULL THEN
        RAISE EXCEPTION 'there is no lottery "%"', lottery USING ERRCODE = 'RM619', COLUMN = 'lottery', HINT = 'Give the code of a lottery.';
    END IF;
    RETURN proof || jsonb_build_object('list', (
        SELECT coalesce(jsonb_agg(t.ticket || ' ' || t.holder ORDER BY t.ticket COLLATE "C"), '[]') FROM crm.lottery_ticket t
        WHERE t.lottery = proof ->> 'lottery' AND t.holder IS NOT NULL));
END
$$;
COMMENT ON FUNCTION crm.loyalty_lottery(text) IS
    'a lottery and its proof: commitment, list and its hash once it is closed, seed, entropy and winners once it is '
    'drawn; RM619';
GRANT EXECUTE ON FUNCTION crm.loyalty_lottery(text) TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_marketer, crm_analyst, crm_headquarters;
