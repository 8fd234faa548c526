-- loyalty_gift: what levels, badges, referrals and draws hand out, each once.  The gift's row is the key, in the
-- transaction of its cause; it is looked for under every id the person, or one of the records, ever had.
--
-- Locks: the caller has locked the person; then the pools of codes, when a gift is a coupon of one.

CREATE FUNCTION crm._loyalty_ever(person bigint) RETURNS TABLE (id bigint, since timestamptz, until timestamptz)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY SELECT c, '-infinity'::timestamptz, 'infinity'::timestamptz FROM unnest(crm._identity_cluster(person)) c;
    RETURN QUERY SELECT b.customer_id, b.valid_from, b.valid_to FROM crm.membership m JOIN crm.membership b USING (source_record_id)
                 WHERE m.customer_id = person AND m.valid_to = 'infinity' AND b.valid_to < 'infinity' AND b.customer_id <> person;
END
$$;
COMMENT ON FUNCTION crm._loyalty_ever(bigint) IS
    'every id under which a person may have been given something, and when: merged ids for ever, those that the '
    'records belonged to before a split for as long as they did';

CREATE FUNCTION crm._loyalty_require_gifts(gifts jsonb) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    g jsonb;
    is_good boolean := jsonb_typeof(gifts) = 'array' AND jsonb_array_length(CASE jsonb_typeof(gifts) WHEN 'array' THEN gifts ELSE '[]' END) <= 10;
BEGIN
    FOR g IN SELECT e FROM jsonb_array_elements(CASE WHEN is_good THEN gifts ELSE '[]' END) e LOOP
        is_good := is_good AND CASE
            WHEN jsonb_typeof(g) <> 'object' THEN false
            WHEN g ? 'coupon' THEN g - 'coupon' = '{}' AND EXISTS (SELECT FROM crm.coupon_type t WHERE t.coupon_type = g ->> 'coupon')
            WHEN g ? 'ticket' THEN g - 'ticket' = '{}' AND EXISTS (SELECT FROM crm.lottery l WHERE l.lottery = g ->> 'ticket')
            WHEN g ? 'points' THEN g - '{points,valid_days}'::text[] = '{}' AND g ->> 'points' ~ '^[1-9][0-9]{0,6}$'
                AND coalesce(g ->> 'valid_days', '1') ~ '^[0-9]{1,4}$'
            ELSE false END;
    END LOOP;
    IF is_good IS NOT TRUE THEN
        RAISE EXCEPTION 'gifts are a list of coupons, points and tickets' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'gifts',
            HINT = 'Give at most ten of {"coupon": type}, {"points": 1 to 9999999, "valid_days": days} and {"ticket": lottery}, of types that exist.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._loyalty_require_gifts(jsonb) IS
    '22023 for anything but a list of at most ten gifts that can be given';

CREATE FUNCTION crm._loyalty_hand_out(person bigint, cause_kind text, cause_key text, gift_no int, gift jsonb) RETURNS boolean
    LANGUAGE plpgsql AS
$$
BEGIN
    IF gift ? 'points' THEN
        PERFORM crm._loyalty_grant(person, (gift ->> 'points')::bigint, cause_kind,
            concat_ws(':', cause_key, gift_no), NULL, (gift ->> 'valid_days')::int);
    ELSIF gift ? 'ticket' THEN
        PERFORM crm._loyalty_ticket(person, gift ->> 'ticket', concat_ws(':', cause_kind, cause_key, gift_no));
    ELSE
        -- with the pools locked what is there stays there
        PERFORM crm._loyalty_lock_pools(ARRAY[gift ->> 'coupon']);
        IF NOT crm._loyalty_has_stock(gift ->> 'coupon') THEN
            RETURN false;
        END IF;
        PERFORM crm._loyalty_issue(person, gift ->> 'coupon', NULL, concat_ws(':', cause_kind, cause_key, gift_no));
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION crm._loyalty_hand_out(bigint, text, text, int, jsonb) IS
    'gives one gift; false when its pool of codes is empty: a fact is not undone for that, the gift is owed';

CREATE FUNCTION crm._loyalty_reward(person bigint, gifts jsonb, cause_kind text, cause_key text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    g record;
BEGIN
    FOR g IN SELECT e.value, e.n::int AS n FROM jsonb_array_elements(gifts) WITH ORDINALITY e (value, n) LOOP
        CONTINUE WHEN EXISTS (SELECT FROM crm._loyalty_ever(person) i
            JOIN crm.gift k ON k.customer_id = i.id AND k.cause_kind = _loyalty_reward.cause_kind
                AND k.cause_key = _loyalty_reward.cause_key AND k.gift_no = g.n
            WHERE k.promised_at >= i.since AND k.promised_at < i.until);
        INSERT INTO crm.gift (customer_id, cause_kind, cause_key, gift_no, gift, promised_at, given_at)
        VALUES (person, cause_kind, cause_key, g.n, g.value, crm.core_now(),
                CASE WHEN crm._loyalty_hand_out(person, cause_kind, cause_key, g.n, g.value) THEN crm.core_now() END);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._loyalty_reward(bigint, jsonb, text, text) IS
    'gives the gifts of a cause to a person who is locked, each once for ever under all ids';

CREATE TYPE crm.gift_ref AS (customer_id bigint, cause_kind text, cause_key text, gift_no int, promised_at timestamptz);
COMMENT ON TYPE crm.gift_ref IS 'the key of a gift, and when it was promised';

CREATE FUNCTION crm._loyalty_gifts_due() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    owed record;
    due crm.gift_ref[];
    persons bigint[];
BEGIN
    -- only coupons come to be owed; one whose type is gone, or has no codes still, waits without holding up the others
    due := ARRAY(SELECT ROW(g.customer_id, g.cause_kind, g.cause_key, g.gift_no, g.promised_at)::crm.gift_ref
                 FROM crm.gift g JOIN (SELECT t.coupon_type FROM crm.coupon_type t
                         WHERE crm._loyalty_has_stock(t.coupon_type) OFFSET 0) s
                     ON s.coupon_type = g.gift ->> 'coupon'
                 WHERE g.given_at IS NULL ORDER BY g.promised_at LIMIT 200);
    persons := crm._loyalty_lock(ARRAY(SELECT DISTINCT crm._identity_current(d.customer_id) FROM unnest(due) d));
    -- asked again with the persons locked: another process may have given it
    FOR owed IN SELECT g.*, p.id AS person FROM unnest(due) d JOIN crm.gift g USING (customer_id, cause_kind, cause_key, gift_no)
                CROSS JOIN LATERAL (SELECT crm._identity_current(d.customer_id) AS id) p
                WHERE g.given_at IS NULL AND p.id = ANY (persons) ORDER BY d.promised_at LOOP
        IF crm._loyalty_hand_out(owed.person, owed.cause_kind, owed.cause_key, owed.gift_no, owed.gift) THEN
            UPDATE crm.gift g SET given_at = crm.core_now()
            WHERE g.customer_id = owed.customer_id AND g.cause_kind = owed.cause_kind AND g.cause_key = owed.cause_key AND g.gift_no = owed.gift_no;
        END IF;
    END LOOP;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._loyalty_gifts_due() IS
    'job: gives what is owed since a pool of codes was empty, the oldest first, up to 200';

-- What crm.loyalty_define_*() of a table of few rows have in common: code, members, defaults.
CREATE FUNCTION crm._loyalty_spec(field text, code text, current jsonb, defaults jsonb, spec jsonb, known text[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wrong text := crm._unknown_member(spec, known);
    merged jsonb := coalesce(current, defaults || jsonb_build_object('name_zh', code, 'name_en', code)) || coalesce(spec, '{}');
    rule text;
BEGIN
    -- null is none where there may be none, else what it is by itself
    merged := merged || (SELECT coalesce(jsonb_object_agg(d.key, d.value), '{}') FROM jsonb_each(defaults) d WHERE merged -> d.key = 'null');
    IF wrong IS NOT NULL OR coalesce(code, '') !~ '^[a-z][a-z0-9_]{0,62}$' THEN
        RAISE EXCEPTION 'there is no proper code, or an unknown member' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = coalesce(wrong, field), HINT = format('Members are %s.', array_to_string(known, ', '));
    ELSIF length(coalesce(merged ->> 'name_zh', '')) NOT BETWEEN 1 AND 100 OR length(coalesce(merged ->> 'name_en', '')) NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'names have 1 to 100 characters' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'name_zh', HINT = 'Give name_zh and name_en.';
    END IF;
    FOREACH rule IN ARRAY '{reach,keep,goal,condition}'::text[] LOOP
        IF jsonb_typeof(merged -> rule) = 'object' THEN
            PERFORM crm.rule_check(merged -> rule);
        ELSIF rule = ANY (known) AND (merged ? rule AND merged -> rule <> 'null' OR rule IN ('reach', 'goal')) THEN
            RAISE EXCEPTION '% is no rule', rule USING ERRCODE = 'invalid_parameter_value', COLUMN = rule, HINT = 'See crm.rule_schema().';
        END IF;
    END LOOP;
    PERFORM crm._require_members(merged, '{"is_active": "truth", "is_lost_by_refund": "truth"}');
    PERFORM crm._loyalty_require_gifts(e.value) FROM jsonb_each(merged) e WHERE e.key LIKE '%gifts' AND e.key = ANY (known);
    RETURN merged;
END
$$;
COMMENT ON FUNCTION crm._loyalty_spec(text, text, jsonb, jsonb, jsonb, text[]) IS
    'the members of a definition as they will be: what is there or the defaults, with the changes; 22023 with the '
    'member, RM351 for a rule that is none';

CREATE FUNCTION crm._loyalty_whole(spec jsonb, field text, least_value bigint, most_value bigint) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE AS
$$
DECLARE
    given text := spec ->> field;
BEGIN
    IF given !~ '^[0-9]{1,12}$' OR given::bigint NOT BETWEEN least_value AND most_value THEN
        RAISE EXCEPTION '% is out of range', field USING ERRCODE = 'invalid_parameter_value', COLUMN = field,
            HINT = format('Give a whole number, %s to %s, or null for none.', least_value, most_value);
    END IF;
    RETURN given::bigint;
END
$$;
COMMENT ON FUNCTION crm._loyalty_whole(jsonb, text, bigint, bigint) IS
    'a whole number of a definition, null for none; 22023 outside of its range';
