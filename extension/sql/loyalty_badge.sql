-- loyalty_badge: badges, earned once, in the commit of the fact that completes them; and what facts and moved records
-- bring about for members: levels, badges, referrals.
--
-- Locks: the person's row, as for points.

CREATE FUNCTION crm._loyalty_names(spec jsonb, field text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE AS
$$
BEGIN
    IF jsonb_typeof(spec -> field) IS DISTINCT FROM 'array'
        OR EXISTS (SELECT FROM jsonb_array_elements_text(spec -> field) e WHERE e !~ '^[a-z][a-z0-9_]{0,62}$') THEN
        RAISE EXCEPTION '% is no list of names', field USING ERRCODE = 'invalid_parameter_value', COLUMN = field,
            HINT = 'Give a list like ["hidden_menu"].';
    END IF;
    RETURN ARRAY(SELECT jsonb_array_elements_text(spec -> field));
END
$$;
COMMENT ON FUNCTION crm._loyalty_names(jsonb, text) IS 'a list of names of a definition; 22023';

CREATE FUNCTION crm._loyalty_earn_badges(persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    b record;
    person bigint;
BEGIN
    FOR b IN SELECT k.badge, k.reach, k.gifts FROM crm.badge k WHERE k.is_active ORDER BY k.badge LOOP
        FOREACH person IN ARRAY crm._rule_fit(b.reach, ARRAY(SELECT p FROM unnest(persons) p WHERE NOT EXISTS (
            SELECT FROM crm.membership m JOIN crm.badge_held h USING (source_record_id)
            WHERE m.customer_id = p AND m.valid_to = 'infinity' AND h.badge = b.badge)), crm.core_now()) LOOP
            INSERT INTO crm.badge_held (source_record_id, badge, earned_at)
            SELECT r, b.badge, crm.core_now() FROM crm._loyalty_record(person) r WHERE r IS NOT NULL ON CONFLICT DO NOTHING;
            PERFORM crm._loyalty_reward(person, b.gifts, 'badge', b.badge);
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._loyalty_earn_badges(bigint[]) IS
    'badges whose rule holds for persons, who are locked and have not earned them yet, with their gifts';

CREATE FUNCTION crm._loyalty_keep_badges(persons bigint[], joined_at timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    b record;
    fit bigint[];
BEGIN
    FOR b IN SELECT k.badge, k.reach, k.is_lost_by_refund FROM crm.badge k
             WHERE EXISTS (
                SELECT FROM crm.membership m JOIN crm.badge_held h USING (source_record_id)
                WHERE m.customer_id = ANY (persons) AND m.valid_to >= 'infinity' AND h.badge = k.badge
                  AND (k.is_lost_by_refund OR joined_at IS NOT NULL OR h.withdrawn_at IS NOT NULL)) ORDER BY k.badge LOOP
        fit := crm._rule_fit(b.reach, persons, crm.core_now());
        UPDATE crm.badge_held h SET withdrawn_at = CASE WHEN m.customer_id = ANY (fit) THEN NULL ELSE crm.core_now() END
        FROM crm.membership m
        WHERE m.customer_id = ANY (persons) AND m.valid_to >= 'infinity' AND h.source_record_id = m.source_record_id AND h.badge = b.badge
          AND (h.withdrawn_at IS NULL) <> (m.customer_id = ANY (fit))
          AND (b.is_lost_by_refund OR h.withdrawn_at IS NOT NULL OR h.earned_at >= joined_at);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._loyalty_keep_badges(bigint[], timestamptz) IS
    'withdraws badges whose rule holds no more: those that refunds take, and, of persons who were parted, those '
    'earned since they had joined; what holds again is back';

CREATE FUNCTION crm._loyalty_member_on_facts(customer_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    has_ladder boolean := kind IN ('order', 'refund', 'event', 'member')
        AND (EXISTS (SELECT FROM crm.level k WHERE k.is_active) OR EXISTS (SELECT FROM crm.badge k WHERE k.is_active));
    persons bigint[];
BEGIN
    -- a chain without a programme pays three looks at small tables
    IF has_ladder THEN
        persons := crm._loyalty_lock(customer_ids);
        PERFORM crm._loyalty_rise(persons);
        PERFORM crm._loyalty_earn_badges(persons);
        IF kind <> 'event' THEN
            PERFORM crm._loyalty_keep_badges(persons);
        END IF;
    END IF;
    IF EXISTS (SELECT FROM crm.referral_programme p WHERE p.is_active) THEN
        PERFORM crm._loyalty_goals(customer_ids);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_member_on_facts(bigint[], text) IS
    'consequence of facts: levels, badges, goals of referrals, in the commit of the fact';

CREATE FUNCTION crm._loyalty_member_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    persons bigint[];
    joined_at timestamptz;
BEGIN
    IF NOT EXISTS (SELECT FROM crm.level_held) AND NOT EXISTS (SELECT FROM crm.badge_held)
       AND NOT EXISTS (SELECT FROM crm.level k WHERE k.is_active) AND NOT EXISTS (SELECT FROM crm.badge k WHERE k.is_active) THEN
        RETURN;
    END IF;
    persons := crm._loyalty_lock(ARRAY[survivor, other]);
    IF kind IN ('unmerge', 'split') THEN
        joined_at := (SELECT max(m.valid_from) FROM crm.membership m WHERE m.source_record_id = ANY (record_ids) AND m.valid_to < 'infinity');
        PERFORM crm._loyalty_part_level(p.id, joined_at, kind) FROM unnest(persons) p (id);
        PERFORM crm._loyalty_keep_badges(persons, joined_at);
    ELSE
        PERFORM crm._loyalty_level_refresh(p.id, kind) FROM unnest(persons) p (id);
        PERFORM crm._loyalty_keep_badges(persons);
    END IF;
    PERFORM crm._loyalty_rise(persons);
    PERFORM crm._loyalty_earn_badges(persons);
    DELETE FROM crm.member_level k WHERE k.customer_id IN (survivor, other) AND k.customer_id <> ALL (persons);
END
$$;
COMMENT ON FUNCTION crm._loyalty_member_on_membership(bigint, bigint, bigint[], text) IS
    'consequence of records that moved: levels and badges moved with them; what both reach together is theirs, what '
    'neither of the parted has alone is taken back, gifts apart';

CREATE FUNCTION crm._loyalty_sweep() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    l crm.level_row;
    b record;
    missing bigint[];
BEGIN
    FOR l IN SELECT k.* FROM crm.level k WHERE k.is_active ORDER BY k.position DESC LOOP
        missing := ARRAY(SELECT p FROM crm.bitmap_members(crm._rule_set(l.reach, crm.core_now())) p
                         WHERE coalesce((SELECT k.position FROM crm.member_level k WHERE k.customer_id = p), -1) < l.position
                           AND crm._loyalty_record(p) IS NOT NULL LIMIT 500);
        IF missing <> '{}' THEN
            PERFORM crm._loyalty_rise(crm._loyalty_lock(missing), true);
            IF cardinality(missing) = 500 THEN
                RETURN 1;
            END IF;
        END IF;
    END LOOP;
    FOR b IN SELECT k.badge, k.reach FROM crm.badge k WHERE k.is_active ORDER BY k.badge LOOP
        missing := ARRAY(SELECT p FROM crm.bitmap_members(crm._rule_set(b.reach, crm.core_now())) p
                         WHERE NOT EXISTS (SELECT FROM crm.membership m JOIN crm.badge_held h USING (source_record_id)
                                           WHERE m.customer_id = p AND m.valid_to = 'infinity' AND h.badge = b.badge)
                           AND crm._loyalty_record(p) IS NOT NULL LIMIT 500);
        IF missing <> '{}' THEN
            INSERT INTO crm.badge_held (source_record_id, badge, earned_at)
            SELECT crm._loyalty_record(p), b.badge, crm.core_now() FROM unnest(crm._loyalty_lock(missing)) p ON CONFLICT DO NOTHING;
            IF cardinality(missing) = 500 THEN
                RETURN 1;
            END IF;
        END IF;
    END LOOP;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._loyalty_sweep() IS
    'job of the night: who fits a level or badge by imported history, by time, or since it was defined comes to it '
    'without gifts, 500 at a time; 1 when there may be more';

CREATE FUNCTION crm.loyalty_define_badge(badge text, spec jsonb, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'loyalty_define_badge', convert_to(jsonb_build_array(badge, spec)::text, 'UTF8'));
    merged jsonb;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    merged := crm._loyalty_spec('badge', badge, (SELECT to_jsonb(k) FROM crm.badge k WHERE k.badge = loyalty_define_badge.badge),
        '{"gifts": [], "unlocks": [], "is_lost_by_refund": false, "is_active": true}', spec,
            '{name_zh,name_en,reach,gifts,unlocks,is_lost_by_refund,is_active}');
    INSERT INTO crm.badge AS k (badge, name_zh, name_en, reach, gifts, unlocks, is_lost_by_refund, is_active)
    VALUES (loyalty_define_badge.badge, merged ->> 'name_zh', merged ->> 'name_en', merged -> 'reach',
            merged -> 'gifts', crm._loyalty_names(merged, 'unlocks'),
            (merged ->> 'is_lost_by_refund')::boolean, (merged ->> 'is_active')::boolean)
    ON CONFLICT ON CONSTRAINT badge_pkey DO UPDATE
    SET name_zh = excluded.name_zh, name_en = excluded.name_en, reach = excluded.reach, gifts = excluded.gifts, unlocks = excluded.unlocks,
        is_lost_by_refund = excluded.is_lost_by_refund, is_active = excluded.is_active;
    PERFORM crm._audit('define', 'badge', NULL, NULL, NULL, spec::text, loyalty_define_badge.badge);
    answer := (SELECT to_jsonb(k) FROM crm.badge k WHERE k.badge = loyalty_define_badge.badge);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.loyalty_define_badge(text, jsonb, text) IS
    'makes or changes a badge: reach (a rule about the person), gifts, unlocks, is_lost_by_refund; who fits it '
    'already has it in the night, without gifts; 22023, RM351; audited';
GRANT EXECUTE ON FUNCTION crm.loyalty_define_badge(text, jsonb, text) TO crm_marketer, crm_headquarters;

CREATE FUNCTION crm.loyalty_programme() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN jsonb_build_object(
        'levels', (SELECT coalesce(jsonb_agg(to_jsonb(k) ORDER BY k.position), '[]') FROM crm.level k),
        'badges', (SELECT coalesce(jsonb_agg(to_jsonb(k) ORDER BY k.badge), '[]') FROM crm.badge k),
        'referrals', (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.programme), '[]') FROM crm.referral_programme p),
        'points', (SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.code), '[]') FROM crm.points_rule r));
END
$$;
COMMENT ON FUNCTION crm.loyalty_programme() IS
    'levels, badges, referral programmes and rules of points as they are defined';
GRANT EXECUTE ON FUNCTION crm.loyalty_programme() TO crm_manager, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._loyalty_standing(person bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    held crm.member_level_row := crm._loyalty_level(person);
    ids bigint[] := crm._identity_cluster(person);
    badges text[] := ARRAY(SELECT DISTINCT h.badge FROM crm.membership m JOIN crm.badge_held h USING (source_record_id)
                           WHERE m.customer_id = person AND m.valid_to = 'infinity' AND h.withdrawn_at IS NULL ORDER BY 1);
BEGIN
    RETURN jsonb_build_object('customer_id', person, 'level', held.level, 'since', held.since, 'keep_until', nullif(held.keep_until, 'infinity'),
        'next', (SELECT k.level FROM crm.level k WHERE k.is_active AND k.position > coalesce(held.position, -1) ORDER BY k.position LIMIT 1),
        'badges', to_jsonb(badges),
        'unlocks', (SELECT coalesce(jsonb_agg(DISTINCT u), '[]') FROM (
            SELECT unnest(k.unlocks) FROM crm.level k WHERE k.position <= held.position
                AND (k.is_active OR k.level = held.level) UNION SELECT unnest(k.unlocks) FROM crm.badge k
                WHERE k.badge = ANY (badges)) x (u)),
        'history', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', c.at, 'from', c.from_level, 'to', c.to_level,
                    'reason', c.reason) ORDER BY c.change_id DESC), '[]')
                    FROM crm.level_change c WHERE c.customer_id = ANY (ids)),
        'gifts', (SELECT coalesce(jsonb_agg(jsonb_build_object('for', g.cause_kind || ' ' || g.cause_key,
                  'gift', g.gift, 'given_at', g.given_at) ORDER BY g.promised_at, g.cause_key, g.gift_no), '[]')
                  FROM crm.gift g WHERE g.customer_id = ANY (ids)));
END
$$;
COMMENT ON FUNCTION crm._loyalty_standing(bigint) IS
    'level, badges, what is open, history and gifts of a person, without asking who wants to know';

CREATE FUNCTION crm.loyalty_member(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN crm._loyalty_standing(person) || jsonb_build_object('referral_codes', (
        SELECT coalesce(jsonb_object_agg(p.programme, crm._loyalty_code(person, p.programme_no)), '{}')
            FROM crm.referral_programme p WHERE p.is_active));
END
$$;
COMMENT ON FUNCTION crm.loyalty_member(bigint) IS
    'a person''s level and until when it is kept, the next one, badges, unlocks (what is open to the person), '
    'changes of level, gifts, codes to refer others with; P0002 outside of the caller''s scope';
GRANT EXECUTE ON FUNCTION crm.loyalty_member(bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_marketer, crm_analyst, crm_headquarters;
