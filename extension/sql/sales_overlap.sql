-- sales_overlap: two who work on one customer and may not know of each other.  The managers of both stores are told,
-- as a task, once a pair and month: when notes of two stores meet at one person, and when a merge brings two owners
-- together.

CREATE FUNCTION crm._sales_overlap_tell(person bigint, one int, other int, stores int[], how text, at timestamptz) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    late interval := (crm._setting('sales.follow_up_hours') #>> '{}')::int * interval '1 hour';
    month text := to_char(at AT TIME ZONE (crm._setting('core.time_zone') #>> '{}'), 'YYYY-MM');
    both_names text := (SELECT string_agg(f.name, '、' ORDER BY f.staff_id) FROM crm.staff f WHERE f.staff_id IN (one, other));
    store int;
    due timestamptz;
BEGIN
    FOR store IN SELECT DISTINCT s FROM unnest(stores) s WHERE s IS NOT NULL ORDER BY s LOOP
        due := crm._sales_due(crm._local_day(crm.core_now(), crm._sales_zone(store)) + 1, store);
        PERFORM crm._sales_task_put(person, format('overlap:%s:%s:%s:%s', least(one, other), greatest(one, other), store, month), 'hand',
            left('两人在跟进同一位顾客：' || both_names, 200), how, due, store, NULL, 'crm_store_manager', due + late, 'crm_manager');
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._sales_overlap_tell(bigint, int, int, int[], text, timestamptz) IS
    'puts a task for the manager of each of the stores that two staff members work on one person, once a pair and '
    'month; past sales.follow_up_hours the region''s manager sees it, too';

CREATE FUNCTION crm._sales_overlap_noted(person bigint, staff_id int, store_id int, occurred_at timestamptz) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    span interval := make_interval(days => (crm._setting('sales.overlap_days') #>> '{}')::int);
    met record;
BEGIN
    IF staff_id IS NULL OR store_id IS NULL THEN
        RETURN;
    END IF;
    SELECT i.staff_id, i.store_id INTO met
    FROM crm.membership m JOIN crm.interaction i ON i.source_record_id = m.source_record_id
    WHERE m.customer_id = person AND m.valid_to = 'infinity' AND i.is_current AND NOT i.is_history
      AND i.staff_id <> _sales_overlap_noted.staff_id AND i.store_id <> _sales_overlap_noted.store_id
      AND i.occurred_at > _sales_overlap_noted.occurred_at - span AND i.occurred_at <= _sales_overlap_noted.occurred_at
    ORDER BY i.occurred_at DESC, i.interaction_id DESC LIMIT 1;
    IF FOUND THEN
        PERFORM crm._sales_overlap_tell(person, staff_id, met.staff_id, ARRAY[store_id, met.store_id],
            '两家门店的记录相隔不久。请商量由谁跟进，并在顾客页指定负责人。', occurred_at);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._sales_overlap_noted(bigint, int, int, timestamptz) IS
    'tells managers when somebody of another store noted something about the person within sales.overlap_days before';

CREATE FUNCTION crm._sales_overlap_store(staff_id int, person bigint) RETURNS int
    LANGUAGE sql STABLE AS
$$
    SELECT coalesce((SELECT min(sc.ref_id) FROM crm.staff_scope sc WHERE sc.staff_id = $1 AND sc.kind = 'store'),
                    (SELECT c.home_store_id FROM crm.customer c WHERE c.customer_id = $2))
$$;
COMMENT ON FUNCTION crm._sales_overlap_store(int, bigint) IS
    'the store whose manager hears of what a staff member does: theirs, else the person''s';

CREATE FUNCTION crm._sales_overlap_merged(survivor bigint, other bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    owners int[];
BEGIN
    -- most chains name no owners, and merges come by the hundred thousand
    IF NOT EXISTS (SELECT FROM crm.person_owner o WHERE o.until IS NULL) THEN
        RETURN;
    END IF;
    owners := ARRAY(SELECT o.staff_id FROM crm.person_owner o JOIN crm.staff f ON f.staff_id = o.staff_id AND f.left_at IS NULL
                    WHERE o.customer_id = ANY (crm._identity_cluster(survivor) || crm._identity_cluster(other)) AND o.until IS NULL
                    GROUP BY o.staff_id ORDER BY max(o.since) DESC, o.staff_id LIMIT 2);
    IF cardinality(owners) = 2 THEN
        PERFORM crm._sales_overlap_tell(survivor, owners[1], owners[2],
            ARRAY[crm._sales_overlap_store(owners[1], survivor), crm._sales_overlap_store(owners[2], survivor)],
            '两份资料是同一个人，各有负责人。请指定一位。', crm.core_now());
    END IF;
END
$$;
COMMENT ON FUNCTION crm._sales_overlap_merged(bigint, bigint) IS
    'tells managers of two who looked after what a merge made one person';

CREATE FUNCTION crm._sales_overlap_parted(survivor bigint, other bigint) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
DECLARE
    told record;
BEGIN
    FOR told IN
        SELECT t.customer_id, t.task_id
        FROM crm.task t CROSS JOIN LATERAL crm._identity_cluster(t.customer_id) ids
        WHERE t.customer_id IN (survivor, other) AND t.state = 'open' AND t.task_key LIKE 'overlap:%' AND EXISTS (
            SELECT FROM unnest(string_to_array(t.task_key, ':')) WITH ORDINALITY k (staff_id, place)
            WHERE k.place IN (2, 3)
              AND NOT EXISTS (SELECT FROM crm.person_owner o WHERE o.customer_id = ANY (ids) AND o.staff_id = k.staff_id::int AND o.until IS NULL)
              AND NOT EXISTS (SELECT FROM crm.membership m JOIN crm.interaction i ON i.source_record_id = m.source_record_id
                              WHERE m.customer_id = t.customer_id AND m.valid_to = 'infinity' AND i.staff_id = k.staff_id::int AND i.is_current))
        ORDER BY t.task_id
    LOOP
        PERFORM crm._sales_task_close(told.customer_id, told.task_id, 'cancelled', '已拆分为两位顾客');
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._sales_overlap_parted(bigint, bigint) IS
    'after a parting: open tasks about two staff members of whom one has nothing to do with the person any more are '
    'cancelled';
