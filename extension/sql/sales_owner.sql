-- sales_owner: who looks after a person.  A clerk takes whom nobody looks after; managers give persons to anybody who may
-- see them.  Of a merged person's owners the latest counts, and the other is told beside it.
--
-- Locks: the person's customer row, so that two who take a person at once come one after the other.

CREATE FUNCTION crm._sales_owners(person bigint) RETURNS TABLE (staff_id int, since timestamptz)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT o.staff_id, max(o.since) FROM crm.person_owner o
    WHERE o.customer_id = ANY (crm._identity_cluster(person)) AND o.until IS NULL
    GROUP BY o.staff_id ORDER BY max(o.since) DESC, max(o.person_owner_id) DESC;
END
$$;
COMMENT ON FUNCTION crm._sales_owners(bigint) IS
    'who looks after a person now: the first counts, further ones came by a merge';

CREATE FUNCTION crm._sales_reaches(staff_id int, stores int[]) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    reach record := (SELECT crm._access_staff_scope(f.staff_id, f.role) FROM crm.staff f WHERE f.staff_id = _sales_reaches.staff_id);
BEGIN
    RETURN reach.sees_all OR reach.store_ids && stores;
END
$$;
COMMENT ON FUNCTION crm._sales_reaches(int, int[]) IS 'whether a staff member sees persons of any of the stores';

CREATE FUNCTION crm._sales_own(person bigint, owner int, why text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    UPDATE crm.person_owner o SET until = crm.core_now() WHERE o.customer_id = ANY (crm._identity_cluster(person)) AND o.until IS NULL;
    IF owner IS NOT NULL THEN
        INSERT INTO crm.person_owner (customer_id, person_owner_id, staff_id, since, actor, reason)
        VALUES (person, crm._new_id(), owner, crm.core_now(), crm._actor(), btrim(coalesce(why, '')));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._sales_own(bigint, int, text) IS
    'ends whoever looked after a person and enters the next, null: nobody; the caller holds the customer row';

CREATE FUNCTION crm._sales_enrolled(person bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    stores int[];
BEGIN
    IF person IS NULL OR crm._actor_staff() IS NULL OR NOT (crm._setting('sales.enroller_owns'))::boolean THEN
        RETURN;
    END IF;
    SELECT c.scope_store_ids INTO stores FROM crm.customer c WHERE c.customer_id = person FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM crm._sales_owners(person)) AND crm._sales_reaches(crm._actor_staff(), stores) THEN
        PERFORM crm._sales_own(person, crm._actor_staff(), 'enrolled');
    END IF;
END
$$;
COMMENT ON FUNCTION crm._sales_enrolled(bigint) IS
    'lets whoever registered a person look after them, when the chain wants it (sales.enroller_owns) and nobody does';

CREATE FUNCTION crm.sales_owner(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN (SELECT jsonb_build_object('customer_id', person, 'owner', o.all_now -> 0, 'others', o.all_now - 0)
            FROM (SELECT coalesce(jsonb_agg(jsonb_build_object('staff', f.code, 'name', f.name, 'since', w.since, 'has_left', f.left_at IS NOT NULL,
                                                               'is_me', f.staff_id = crm._actor_staff()) ORDER BY w.place), '[]') AS all_now
                  FROM crm._sales_owners(person) WITH ORDINALITY w (staff_id, since, place) JOIN crm.staff f ON f.staff_id = w.staff_id) o);
END
$$;
COMMENT ON FUNCTION crm.sales_owner(bigint) IS
    'who looks after a person: {customer_id, owner {staff, name, since, has_left, is_me} or null, others: further '
    'ones, of persons merged into this one}; P0002 for a person out of scope';
GRANT EXECUTE ON FUNCTION crm.sales_owner(bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

-- Whoever is not a manager takes whom nobody looks after, and gives up their own.
CREATE FUNCTION crm._sales_may_give(owner int, heir int) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN crm._actor_role() IN ('crm_store_manager', 'crm_manager', 'crm_headquarters')
        OR coalesce(heir = crm._actor_staff(), true)
           AND (owner IS NULL OR owner = crm._actor_staff() OR EXISTS (SELECT FROM crm.staff f WHERE f.staff_id = owner AND f.left_at IS NOT NULL));
END
$$;
COMMENT ON FUNCTION crm._sales_may_give(int, int) IS
    'whether the actor may give a person of one owner to another (null: nobody)';

CREATE FUNCTION crm.sales_set_owner(customer_id bigint, staff text, reason text DEFAULT NULL, idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'sales_set_owner', convert_to(jsonb_build_array(customer_id, staff, reason)::text, 'UTF8'));
    person bigint := crm._identity_not_erased(customer_id);
    heir int := crm._sales_staff(staff);
    owner int;
    stores int[];
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._access_check_reason(reason);
    SELECT c.scope_store_ids INTO stores FROM crm.customer c WHERE c.customer_id = person FOR NO KEY UPDATE;
    owner := (SELECT w.staff_id FROM crm._sales_owners(person) w LIMIT 1);
    IF NOT crm._sales_may_give(owner, heir) THEN
        RAISE EXCEPTION 'somebody else looks after this person'
            USING ERRCODE = 'RM872', COLUMN = 'customer_id', HINT = 'A manager can give the person to somebody else.';
    ELSIF heir IS NOT NULL AND NOT crm._sales_reaches(heir, stores) THEN
        RAISE EXCEPTION '"%" does not see this person', staff
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'staff', HINT = 'Give somebody of the person''s stores.';
    END IF;
    IF heir IS DISTINCT FROM owner OR (SELECT count(*) FROM crm._sales_owners(person)) > 1 THEN
        PERFORM crm._sales_own(person, heir, reason);
        PERFORM crm._audit('owner', 'customer', person, 'owner', (SELECT f.code FROM crm.staff f WHERE f.staff_id = owner), staff, reason);
    END IF;
    answer := crm.sales_owner(person);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.sales_set_owner(bigint, text, text, text) IS
    'gives a person to a staff member (code; null: nobody) and answers as crm.sales_owner(); clerks and service '
    'take whom nobody, or somebody who left, looks after and give up their own (RM872 otherwise), managers give '
    'anybody of their scope; audited; 22023 for an unknown code, who left, or who does not see the person, P0002 '
    'out of scope, RM301 erased';
GRANT EXECUTE ON FUNCTION crm.sales_set_owner(bigint, text, text, text) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm._sales_hand_over(leaver int, heir int, reason text) RETURNS bigint
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    is_wide boolean := crm._actor_role() = 'crm_headquarters';
    mine int[] := crm.access_store_ids();
    moved bigint;
BEGIN
    -- in the order of ids, as everybody locks persons
    PERFORM FROM crm.customer c WHERE c.customer_id IN (
        SELECT coalesce(k.merged_into, k.customer_id) FROM crm.person_owner o JOIN crm.customer k ON k.customer_id = o.customer_id
        WHERE o.staff_id = leaver AND o.until IS NULL) ORDER BY c.customer_id FOR NO KEY UPDATE;
    WITH ended AS (
        UPDATE crm.person_owner o SET until = crm.core_now()
        FROM crm.customer k JOIN crm.customer c ON c.customer_id = coalesce(k.merged_into, k.customer_id)
        WHERE o.staff_id = leaver AND o.until IS NULL AND k.customer_id = o.customer_id
          AND (is_wide OR c.scope_store_ids && mine) AND crm._sales_reaches(heir, c.scope_store_ids)
          AND leaver = (SELECT w.staff_id FROM crm._sales_owners(c.customer_id) w LIMIT 1)
        RETURNING o.customer_id)
    INSERT INTO crm.person_owner (customer_id, person_owner_id, staff_id, since, actor, reason)
    SELECT e.customer_id, crm._new_id(), heir, crm.core_now(), crm._actor(), btrim(coalesce(_sales_hand_over.reason, '')) FROM ended e;
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved;
END
$$;
COMMENT ON FUNCTION crm._sales_hand_over(int, int, text) IS
    'gives all persons of one staff member, in the caller''s stores and whom the other sees, to the other; how many';

CREATE FUNCTION crm._sales_owned_rows(owner int) RETURNS TABLE (customer_id bigint, since timestamptz,
                                      next_due timestamptz, next_title text, last_on date)
    LANGUAGE plpgsql STABLE AS
$$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.customer_id, p.since, n.due_at, n.title,
           greatest((SELECT v.last_day FROM crm.customer_value v WHERE v.customer_id = p.customer_id),
                    (SELECT max(i.business_day) FROM crm.membership m JOIN crm.interaction i ON i.source_record_id = m.source_record_id
                     WHERE m.customer_id = p.customer_id AND m.valid_to = 'infinity' AND i.is_current))
    FROM (SELECT DISTINCT ON (coalesce(k.merged_into, k.customer_id)) coalesce(k.merged_into, k.customer_id) AS customer_id, o.since
          FROM crm.person_owner o JOIN crm.customer k ON k.customer_id = o.customer_id
          WHERE o.staff_id = owner AND o.until IS NULL) p
    LEFT JOIN LATERAL (SELECT t.due_at, t.title FROM crm.task t
                       WHERE t.customer_id = ANY (crm._identity_cluster(p.customer_id)) AND t.state = 'open' ORDER BY t.due_at LIMIT 1) n ON true
    WHERE owner = (SELECT w.staff_id FROM crm._sales_owners(p.customer_id) w LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._sales_owned_rows(int) IS
    'the persons of a staff member: since when, the next open task about each, the last day on which they bought or '
    'were spoken to';

CREATE FUNCTION crm.sales_owned(list text DEFAULT 'all', staff text DEFAULT NULL, after jsonb DEFAULT NULL,
                                max_rows int DEFAULT 50) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    owner int := crm._actor_staff();
    zone text := crm._setting('core.time_zone') #>> '{}';
    quiet_since date := crm._local_day(crm.core_now(), zone) - (crm._setting('sales.quiet_days') #>> '{}')::int;
BEGIN
    PERFORM crm._require_members(after, '{"due": "moment", "customer_id": "id"}', 'after');
    IF list IS NULL OR list NOT IN ('all', 'due', 'quiet') THEN
        RAISE EXCEPTION 'there is no list "%"', list
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'list', HINT = 'Give all, due or quiet.';
    ELSIF staff IS NOT NULL AND crm._actor_role() IN ('crm_clerk', 'crm_service') AND staff <> crm._actor() THEN
        RAISE EXCEPTION 'whom others look after is their manager''s to see' USING ERRCODE = 'insufficient_privilege',
            HINT = 'Leave out whose customers you mean.';
    ELSIF staff IS NOT NULL THEN
        owner := (SELECT f.staff_id FROM crm.staff f WHERE f.code = sales_owned.staff);
    END IF;
    RETURN QUERY
    SELECT jsonb_build_object('customer_id', o.customer_id, 'name', c.name_masked, 'phone', c.phone_masked,
                              'tier', v.tier, 'since', o.since, 'last_on', o.last_on,
                              'next_due', o.next_due, 'next_title', o.next_title, 'is_overdue', coalesce(o.next_due < crm.core_now(), false),
                              'cursor', jsonb_build_object('due', coalesce(o.next_due, 'infinity'), 'customer_id', o.customer_id))
    FROM crm._sales_owned_rows(owner) o
    JOIN crm.customer c ON c.customer_id = o.customer_id LEFT JOIN crm.customer_value v ON v.customer_id = o.customer_id
    WHERE crm._access_sees(o.customer_id)
      AND CASE list WHEN 'due' THEN o.next_due < crm._sales_day_ends()
          WHEN 'quiet' THEN coalesce(o.last_on <= quiet_since, crm._local_day(o.since, zone) <= quiet_since)
          ELSE true END
      AND (after IS NULL OR (coalesce(o.next_due, 'infinity'), o.customer_id) > ((after ->> 'due')::timestamptz, (after ->> 'customer_id')::bigint))
    ORDER BY coalesce(o.next_due, 'infinity'), o.customer_id
    LIMIT least(greatest(coalesce(max_rows, 50), 1), 500);
END
$$;
COMMENT ON FUNCTION crm.sales_owned(text, text, jsonb, int) IS
    'whom a staff member (code; null: the caller) looks after, as far as the caller sees them: all, due (a task is '
    'due today) or quiet (no purchase and no note for sales.quiet_days); the next open task first, masked, in pages '
    'by the cursor of the last row; clerks and service see their own list (42501), 22023 for an unknown list';
GRANT EXECUTE ON FUNCTION crm.sales_owned(text, text, jsonb, int) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;

CREATE FUNCTION crm._sales_day_ends() RETURNS timestamptz
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    RETURN (date_trunc('day', crm.core_now() AT TIME ZONE zone) + interval '1 day') AT TIME ZONE zone;
END
$$;
COMMENT ON FUNCTION crm._sales_day_ends() IS 'the midnight that ends today, in the chain''s zone';
