-- sales_mention: colleagues whom a note names.  It stands in their own list, and in nobody else's, until they tick it
-- off; who does not see the person cannot be named.

CREATE FUNCTION crm._sales_mention(person bigint, interaction_id bigint, codes text[], body text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    stores int[] := (SELECT c.scope_store_ids FROM crm.customer c WHERE c.customer_id = person);
    author text := coalesce((SELECT f.name FROM crm.staff f WHERE f.staff_id = crm._actor_staff()), crm._actor());
    colleague record;
BEGIN
    IF cardinality(codes) > 10 THEN
        RAISE EXCEPTION 'a note names at most 10 colleagues' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'mentions', HINT = 'Name those who have to read it.';
    END IF;
    FOR colleague IN SELECT DISTINCT m.code, f.staff_id FROM unnest(codes) m (code)
        LEFT JOIN crm.staff f ON f.code = m.code AND f.left_at IS NULL ORDER BY m.code LOOP
        IF colleague.staff_id IS NULL OR NOT crm._sales_reaches(colleague.staff_id, stores) THEN
            RAISE EXCEPTION '"%" does not see this person', left(colleague.code, 100) USING ERRCODE = 'invalid_parameter_value', COLUMN = 'mentions',
                HINT = 'crm.sales_colleagues() has those who do.';
        END IF;
        PERFORM crm._sales_task_put(person, format('mention:%s:%s', interaction_id, colleague.staff_id),
            'mention', left('@ ' || author, 200), left(body, 2000),
            crm.core_now() + (crm._setting('sales.follow_up_hours') #>> '{}')::int * interval '1 hour', NULL, colleague.staff_id);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._sales_mention(bigint, bigint, text[], text) IS
    'puts a note into the lists of the colleagues it names (staff codes), once each; 22023 for one who has left, is '
    'unknown, or does not see the person';

CREATE FUNCTION crm.sales_colleagues(customer_id bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    stores int[] := (SELECT c.scope_store_ids FROM crm.customer c WHERE c.customer_id = person);
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('staff', f.code, 'name', f.name, 'role', f.role) FROM crm.staff f
    WHERE f.left_at IS NULL AND f.staff_id IS DISTINCT FROM crm._actor_staff()
        AND f.role IN ('crm_clerk', 'crm_store_manager', 'crm_manager', 'crm_service', 'crm_headquarters')
      AND crm._sales_reaches(f.staff_id, stores)
    ORDER BY f.role <> 'crm_clerk', f.name, f.code LIMIT 200;
END
$$;
COMMENT ON FUNCTION crm.sales_colleagues(bigint) IS
    'who else works with customers and sees a person, clerks first, at most 200: staff, name, role; P0002 out of '
    'scope';
GRANT EXECUTE ON FUNCTION crm.sales_colleagues(bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_headquarters;
