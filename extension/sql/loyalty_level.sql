-- loyalty_level: levels of membership: reached by a rule in the commit of a fact, kept by a rule when their time is over.
-- A level lies on a record, as points do; a person's level is the best of today's records, so that a merge adds and an
-- unmerge gives each side back what its records had.
--
-- Locks: the person's row, as for points.

-- Rows of the tables as values: a signature cannot name a table that install() makes later.
CREATE TYPE crm.level_row AS (level text, position int, name_zh text, name_en text, reach jsonb, keep jsonb, keep_days int, on_loss text, gifts jsonb,
    unlocks text[], is_active boolean);
COMMENT ON TYPE crm.level_row IS 'a row of crm.level, columns in its order';
CREATE TYPE crm.member_level_row AS (customer_id bigint, level text, position int, since timestamptz, keep_until timestamptz);
COMMENT ON TYPE crm.member_level_row IS 'a row of crm.member_level, columns in its order';

CREATE FUNCTION crm._loyalty_level(person bigint) RETURNS crm.member_level_row
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    best crm.member_level_row;
BEGIN
    SELECT person, h.level, l.position, h.since, h.keep_until INTO best
    FROM crm.membership m JOIN crm.level_held h USING (source_record_id) JOIN crm.level l ON l.level = h.level
    WHERE m.customer_id = person AND m.valid_to = 'infinity' ORDER BY l.position DESC, h.since LIMIT 1;
    RETURN best;
END
$$;
COMMENT ON FUNCTION crm._loyalty_level(bigint) IS 'a person''s level by the records of today; nulls without one';

CREATE FUNCTION crm._loyalty_level_refresh(person bigint, reason text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    held crm.member_level_row := crm._loyalty_level(person);
    kept crm.member_level_row;
BEGIN
    SELECT k.* INTO kept FROM crm.member_level k WHERE k.customer_id = person;
    IF held.level IS NULL THEN
        DELETE FROM crm.member_level k WHERE k.customer_id = person;
    ELSE
        INSERT INTO crm.member_level AS k (customer_id, level, position, since, keep_until)
            VALUES (person, held.level, held.position, held.since, held.keep_until)
        ON CONFLICT ON CONSTRAINT member_level_pkey DO UPDATE
        SET level = excluded.level, position = excluded.position, since = excluded.since, keep_until = excluded.keep_until;
    END IF;
    IF held.level IS DISTINCT FROM kept.level THEN
        INSERT INTO crm.level_change (customer_id, change_id, at, from_level, to_level, reason, actor)
        VALUES (person, crm._new_id(), crm.core_now(), kept.level, held.level, reason, crm._actor());
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_level_refresh(bigint, text) IS
    'brings the kept level of a person, who is locked, to that of the records, and writes down a change with its '
    'reason';

CREATE FUNCTION crm._loyalty_keep_until(l crm.level_row, at timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql STABLE
    AS $$ BEGIN RETURN crm._loyalty_expiry(at, l.keep_days, 'day'); END $$;
COMMENT ON FUNCTION crm._loyalty_keep_until(crm.level_row, timestamptz) IS
    'until when a level that is reached now is kept without being asked: the end of the local day so many days '
    'after; infinity: for ever';

CREATE FUNCTION crm._loyalty_put_level(person bigint, target text, reason text, since timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    l crm.level_row;
BEGIN
    SELECT k.* INTO l FROM crm.level k WHERE k.level = target;
    DELETE FROM crm.level_held h USING crm.membership m, crm.level k
    WHERE m.customer_id = person AND m.valid_to = 'infinity' AND h.source_record_id = m.source_record_id AND k.level = h.level
      AND (target IS NULL OR k.position >= l.position);
    IF target IS NOT NULL THEN
        INSERT INTO crm.level_held AS h (source_record_id, level, since, keep_until)
        VALUES (crm._loyalty_record(person), target, coalesce(_loyalty_put_level.since, crm.core_now()),
            crm._loyalty_keep_until(l, coalesce(_loyalty_put_level.since, crm.core_now())))
        ON CONFLICT ON CONSTRAINT level_held_pkey DO UPDATE SET level = excluded.level, since = excluded.since, keep_until = excluded.keep_until;
    END IF;
    PERFORM crm._loyalty_level_refresh(person, reason);
END
$$;
COMMENT ON FUNCTION crm._loyalty_put_level(bigint, text, text, timestamptz) IS
    'puts a person, who is locked and has records, on a level (null: on none), as of a moment; null: now';

CREATE FUNCTION crm._loyalty_rise(persons bigint[], is_quiet boolean DEFAULT false) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    l crm.level_row;
    rest bigint[] := ARRAY(SELECT p FROM unnest(persons) p WHERE crm._loyalty_record(p) IS NOT NULL);
    fit bigint[];
    person bigint;
    from_position int;
    passed record;
BEGIN
    FOR l IN SELECT k.* FROM crm.level k WHERE k.is_active ORDER BY k.position DESC LOOP
        fit := crm._rule_fit(l.reach, ARRAY(SELECT p FROM unnest(rest) p WHERE NOT EXISTS (
            SELECT FROM crm.member_level h WHERE h.customer_id = p AND h.position >= l.position)), crm.core_now());
        FOREACH person IN ARRAY fit LOOP
            from_position := (SELECT h.position FROM crm.member_level h WHERE h.customer_id = person);
            PERFORM crm._loyalty_put_level(person, l.level, CASE WHEN is_quiet THEN 'quiet' ELSE 'reached' END);
            FOR passed IN SELECT k.level, k.gifts FROM crm.level k
                          WHERE NOT is_quiet AND k.is_active AND k.position <= l.position
                              AND k.position > coalesce(from_position, -1) ORDER BY k.position LOOP
                PERFORM crm._loyalty_reward(person, passed.gifts, 'level', passed.level);
            END LOOP;
        END LOOP;
        rest := ARRAY(SELECT p FROM unnest(rest) p WHERE p <> ALL (fit));
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._loyalty_rise(bigint[], boolean) IS
    'puts persons, who are locked, on the highest level whose rule holds when that is above theirs, with the gifts '
    'of each level passed; quietly: without gifts';

CREATE FUNCTION crm._loyalty_review_level(member crm.member_level_row) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    l crm.level_row;
    lower crm.level_row;
BEGIN
    SELECT k.* INTO l FROM crm.level k WHERE k.level = member.level;
    IF crm._rule_fit(coalesce(l.keep, l.reach), ARRAY[member.customer_id], crm.core_now()) <> '{}' THEN
        UPDATE crm.level_held h SET keep_until = crm._loyalty_keep_until(l, crm.core_now())
        FROM crm.membership m
        WHERE m.customer_id = member.customer_id AND m.valid_to = 'infinity' AND h.source_record_id = m.source_record_id AND h.level = l.level;
        PERFORM crm._loyalty_level_refresh(member.customer_id, 'reached');
        RETURN;
    END IF;
    FOR lower IN SELECT k.* FROM crm.level k WHERE k.is_active AND k.position < l.position ORDER BY k.position DESC LOOP
        EXIT WHEN l.on_loss = 'one_down' OR crm._rule_fit(lower.reach, ARRAY[member.customer_id], crm.core_now()) <> '{}';
        lower := NULL;
    END LOOP;
    PERFORM crm._loyalty_put_level(member.customer_id, lower.level, 'lost');
END
$$;
COMMENT ON FUNCTION crm._loyalty_review_level(crm.member_level_row) IS
    'a level whose time is over: kept for another span when its rule holds, else lost: one down, or to the highest '
    'that the person would come to';

CREATE FUNCTION crm._loyalty_levels_due() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    persons bigint[];
    member crm.member_level_row;
BEGIN
    persons := crm._loyalty_lock(ARRAY(SELECT k.customer_id FROM crm.member_level k
        WHERE k.keep_until < 'infinity' AND k.keep_until <= crm.core_now() ORDER BY k.keep_until LIMIT 200));
    FOR member IN SELECT k.* FROM crm.member_level k WHERE k.customer_id = ANY (persons)
        AND k.keep_until <= crm.core_now() ORDER BY k.customer_id LOOP
        PERFORM crm._loyalty_review_level(member);
    END LOOP;
    RETURN (cardinality(persons) = 200)::int;
END
$$;
COMMENT ON FUNCTION crm._loyalty_levels_due() IS
    'job: levels whose time is over are asked for again, 200 at a time; 1 when there may be more';

-- What an unmerge takes back: a level that both sides reached together, and neither of them alone.
CREATE FUNCTION crm._loyalty_part_level(person bigint, joined_at timestamptz, reason text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    held crm.member_level_row := crm._loyalty_level(person);
    before record;
BEGIN
    IF held.since >= joined_at AND crm._rule_fit((SELECT k.reach FROM crm.level k WHERE k.level = held.level),
            ARRAY[person], crm.core_now()) = '{}' THEN
        SELECT c.to_level, c.at INTO before FROM crm.level_change c WHERE c.customer_id = person AND c.at < joined_at
            ORDER BY c.change_id DESC LIMIT 1;
        PERFORM crm._loyalty_put_level(person, before.to_level, reason, before.at);
    ELSE
        PERFORM crm._loyalty_level_refresh(person, reason);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_part_level(bigint, timestamptz, text) IS
    'the level of a person after records left who had joined at a moment: one reached since then without fitting '
    'its rule alone gives way to the one before';

CREATE FUNCTION crm.loyalty_define_level(level text, spec jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_define_level', convert_to(jsonb_build_array(level, spec)::text, 'UTF8'));
    merged jsonb;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    merged := crm._loyalty_spec('level', level, (SELECT to_jsonb(k) FROM crm.level k WHERE k.level = loyalty_define_level.level),
        '{"on_loss": "one_down", "gifts": [], "unlocks": [], "is_active": true}', spec,
            '{position,name_zh,name_en,reach,keep,keep_days,on_loss,gifts,unlocks,is_active}');
    IF coalesce(merged ->> 'on_loss', '') NOT IN ('one_down', 'reached') OR crm._loyalty_whole(merged, 'position', 0, 1000) IS NULL THEN
        RAISE EXCEPTION 'a level has its position and what follows its loss' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = CASE WHEN merged ->> 'position' IS NULL THEN 'position' ELSE 'on_loss' END,
                HINT = 'Positions are 0 to 1000, the lowest first; on_loss is one_down or reached.';
    END IF;
    INSERT INTO crm.level AS k (level, position, name_zh, name_en, reach, keep, keep_days, on_loss, gifts, unlocks, is_active)
    VALUES (loyalty_define_level.level, (merged ->> 'position')::int, merged ->> 'name_zh', merged ->> 'name_en',
            merged -> 'reach', nullif(merged -> 'keep', 'null'),
            crm._loyalty_whole(merged, 'keep_days', 1, 3660), merged ->> 'on_loss', merged -> 'gifts',
            crm._loyalty_names(merged, 'unlocks'), (merged ->> 'is_active')::boolean)
    ON CONFLICT ON CONSTRAINT level_pkey DO UPDATE
    SET position = excluded.position, name_zh = excluded.name_zh, name_en = excluded.name_en, reach = excluded.reach, keep = excluded.keep,
        keep_days = excluded.keep_days, on_loss = excluded.on_loss, gifts = excluded.gifts,
            unlocks = excluded.unlocks, is_active = excluded.is_active;
    UPDATE crm.member_level h SET position = k.position FROM crm.level k WHERE k.level = loyalty_define_level.level
        AND h.level = k.level AND h.position <> k.position;
    PERFORM crm._audit('define', 'level', NULL, NULL, NULL, spec::text, loyalty_define_level.level);
    answer := (SELECT to_jsonb(k) FROM crm.level k WHERE k.level = loyalty_define_level.level);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_define_level(text, jsonb, text) IS
    'makes or changes a level: position (0 to 1000), reach and keep (rules about the person), keep_days (null: '
    'never lost), on_loss (one_down, reached), gifts, unlocks; who fits it already comes to it in the night, '
    'without gifts; 22023, RM351; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_define_level(text, jsonb, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm.loyalty_set_level(customer_id bigint, level text, reason text, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'loyalty_set_level', convert_to(jsonb_build_array(customer_id, coalesce(level, '-'), reason)::text,
                'UTF8'));
    person bigint;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    person := crm._access_require_person(loyalty_set_level.customer_id);
    IF level IS NOT NULL AND NOT EXISTS (SELECT FROM crm.level k WHERE k.level = loyalty_set_level.level) THEN
        RAISE EXCEPTION 'there is no level "%"', level USING ERRCODE = 'invalid_parameter_value', COLUMN = 'level',
            HINT = 'Give the code of a level, or none.';
    END IF;
    PERFORM crm._access_check_reason(reason, 'a level by hand needs its reason', 'Say why.');
    PERFORM crm._loyalty_lock_person(person);
    PERFORM crm._loyalty_put_level(person, loyalty_set_level.level, 'hand');
    PERFORM crm._audit('edit', 'person', person, 'level', NULL, level, reason);
    answer := jsonb_build_object('customer_id', person, 'level', loyalty_set_level.level);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_set_level(bigint, text, text, text) IS
    'puts a person on a level by hand (null: on none), for its keep_days, without gifts; the rules go on from '
    'there; 22023, P0002; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_set_level(bigint, text, text, text) TO crm_service, crm_headquarters;
