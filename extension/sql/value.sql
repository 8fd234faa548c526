-- value: a person's tier and totals, kept by increments; full recomputation only proves them.
-- Plans hold from the first row to the last: tables are reached by key (see purchase_store.sql).

CREATE TYPE crm.value_state AS (
    tier text, next_change_on date, order_days int, net_minor bigint, first_day date, last_day date);
COMMENT ON TYPE crm.value_state IS
    'tier, the first day on which it will be another without new facts (null: never), local days with net > 0, net '
    'in minor units, first and last such day';

CREATE FUNCTION crm._value_state(rules jsonb, exponent int, chunks crm.purchase_history[], as_of date) RETURNS crm.value_state
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_state';
COMMENT ON FUNCTION crm._value_state(jsonb, int, crm.purchase_history[], date) IS
    'the state that rules give a history (null: without purchases) as of the end of a local day; the one '
    'evaluation, live and in retrospect; RM501';
CREATE FUNCTION crm._value_met(rules jsonb, exponent int, chunks crm.purchase_history[], as_of date) RETURNS int[]
    LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_met';
COMMENT ON FUNCTION crm._value_met(jsonb, int, crm.purchase_history[], date) IS
    'the numbers, from 1, of all rules that a history (null: without purchases) fits as of the end of a local day, '
    'not of the first alone; RM501';
CREATE FUNCTION crm._value_findings(rules jsonb, exponent int, chunks crm.purchase_history[], as_of date,
                                    OUT rule_no int, OUT condition_no int, OUT found bigint, OUT is_met boolean)
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'crm_value_findings';
COMMENT ON FUNCTION crm._value_findings(jsonb, int, crm.purchase_history[], date) IS
    'what each condition of each rule found (days, order days, minor units; null: no order) and whether it is met';
CREATE FUNCTION crm._value_tier_check(rules jsonb, exponent int, OUT kind text, OUT example jsonb, OUT tiers text[])
    RETURNS SETOF record LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'crm_value_tier_check';
COMMENT ON FUNCTION crm._value_tier_check(jsonb, int) IS
    'tries rules on every state a person can be in: gap (no rule fits), overlap (several fit, the first decides), '
    'unreachable (a rule that never decides)';
CREATE FUNCTION crm._value_cuts(points bigint[], parts int) RETURNS bigint[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_value_cuts';
COMMENT ON FUNCTION crm._value_cuts(bigint[], int) IS
    'cut points of equal parts, ties together: cut k is the greatest value of which at most k/parts of all are not '
    'above it; null where there is none';

CREATE FUNCTION crm._value_today() RETURNS date
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (crm.core_now() AT TIME ZONE coalesce((SELECT s.value #>> '{}' FROM crm.room_setting s
            WHERE s.name = 'core.time_zone'), 'Asia/Shanghai'))::date;
END
$$;
COMMENT ON FUNCTION crm._value_today() IS 'the local day of the chain, as of which tiers are kept';

CREATE FUNCTION crm._value_rules(tier_set text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT s.rules FROM crm.tier_set s WHERE s.tier_set = _value_rules.tier_set);
END
$$;
COMMENT ON FUNCTION crm._value_rules(text) IS 'the rules of a tier set in order, as crm._value_state() reads them';

CREATE FUNCTION crm._value_active_set() RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT s.tier_set FROM crm.tier_set s WHERE s.is_active);
END
$$;
COMMENT ON FUNCTION crm._value_active_set() IS 'the tier set that labels persons';

CREATE FUNCTION crm._value_look(look_on date, next_change_on date, day date) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN look_on > day THEN least(look_on, next_change_on) ELSE next_change_on END $$;
COMMENT ON FUNCTION crm._value_look(date, date, date) IS
    'the day on which the job looks at a person whose tier changes on a day without new facts: one that is kept '
    'stays when it is not too late, so that the person is in few lists';
CREATE FUNCTION crm._value_list(days date[], persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.value_look (look_on, look_id, persons)
    SELECT x.look_on, crm._new_id(), array_agg(x.person ORDER BY x.person)
    FROM (SELECT y.look_on, y.person, row_number() OVER (PARTITION BY y.look_on ORDER BY y.person) / 200 AS part
          FROM unnest(days, _value_list.persons) y (look_on, person)
          WHERE y.look_on IS NOT NULL) x
    GROUP BY x.look_on, x.part ORDER BY x.look_on;
END
$$;
COMMENT ON FUNCTION crm._value_list(date[], bigint[]) IS
    'puts persons into the lists of the days on which the job looks at them, some 200 a row; null: nobody looks';

-- The set path. Plain tables are walked along their indexes in C; statements do the same for any others, and in a
-- transaction that reads what it saw first.
CREATE FUNCTION crm._value_is_direct() RETURNS boolean
    LANGUAGE c STABLE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'crm_value_is_direct';
COMMENT ON FUNCTION crm._value_is_direct() IS
    'whether the tables that a set of persons touches may be read and written past the planner: plain heaps without '
    'triggers, in a transaction that reads committed rows, for a role that owns them';
CREATE FUNCTION crm._value_claim(persons bigint[], is_patient boolean, OUT held bigint[], OUT active bigint[]) RETURNS record
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'crm_value_claim';
COMMENT ON FUNCTION crm._value_claim(bigint[], boolean) IS
    'locks persons ascending, then their rows of value, if patient waiting for whoever holds one: those locked, and '
    'the active ones of them; only where crm._value_is_direct()';
CREATE FUNCTION crm._value_marks(piece int, OUT cause text, OUT persons_of bigint[], OUT marked bigint[],
                                 OUT places tid[], OUT further int) RETURNS SETOF record
    LANGUAGE c STRICT ROWS 5 AS 'MODULE_PATHNAME', 'crm_value_marks';
COMMENT ON FUNCTION crm._value_marks(int) IS
    'the marks of the first so many persons: a row a cause, the last in the alphabet first: the persons whose last '
    'cause it is, and all with such a mark; before them a row without a cause: the person and the place of each '
    'mark, and the marks besides, counted up to 1,000; only where crm._value_is_direct()';
CREATE FUNCTION crm._value_unmark(persons bigint[], places tid[], kept bigint[]) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'crm_value_unmark';
COMMENT ON FUNCTION crm._value_unmark(bigint[], tid[], bigint[]) IS
    'takes the marks that crm._value_marks() found off the table, but those of persons who are kept; only where '
    'crm._value_is_direct()';
CREATE FUNCTION crm._value_bring(persons bigint[], is_locked boolean, day date, today date, cause text, tier_set text, rules jsonb, exponent int,
                                 is_scored boolean, r_cuts bigint[], f_cuts bigint[], m_cuts bigint[],
                                         OUT apart bigint[], OUT busy bigint[]) RETURNS record
    LANGUAGE c AS 'MODULE_PATHNAME', 'crm_value_bring';
COMMENT ON FUNCTION crm._value_bring(bigint[], boolean, date, date, text, text, jsonb, int, boolean, bigint[], bigint[], bigint[]) IS
    'computes and writes value, purchases and changes of tier of persons; returns those whose purchases do not fill '
    'one row before and after, which are left as they were, and of persons who are not locked those who were left '
    'whole: without a row of value, or somebody holds it or wrote it since the statement began; only where '
    'crm._value_is_direct()';

CREATE FUNCTION crm._value_lock(persons bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
DECLARE
    active bigint[];
BEGIN
    -- the person is the lock of all their records' histories: whoever comes second reads what the first wrote; the
    -- row of value keeps the drain away, which locks no person
    IF crm._value_is_direct() THEN
        RETURN (SELECT c.active FROM crm._value_claim(persons, true) c);
    END IF;
    active := ARRAY(SELECT l.customer_id
                    FROM (SELECT c.customer_id, c.status FROM crm.customer c WHERE c.customer_id = ANY (persons)
                        ORDER BY c.customer_id FOR NO KEY UPDATE) l
                    WHERE l.status = 'active');
    PERFORM FROM crm.customer_value v WHERE v.customer_id = ANY (active) ORDER BY v.customer_id FOR NO KEY UPDATE;
    RETURN active;
END
$$;
COMMENT ON FUNCTION crm._value_lock(bigint[]) IS 'locks persons ascending, then their rows of value; those who are active';

CREATE FUNCTION crm._value_histories(persons bigint[]) RETURNS TABLE (customer_id bigint, chunks crm.purchase_history[])
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
        SET enable_nestloop = off SET enable_sort = off SET jit = off AS
$$
DECLARE
    records bigint[];
    map bytea;
BEGIN
    -- not "= 'infinity'": a plan made while the table is small would walk the index of all that is current, for ever
    SELECT array_agg(m.source_record_id), crm._rule_map(m.source_record_id, m.customer_id) INTO records, map
    FROM crm.membership m WHERE m.customer_id = ANY (persons) AND m.valid_to >= 'infinity';
    RETURN QUERY
    SELECT crm._rule_person(map, p.source_record_id) AS person, crm.purchase_combine(p.history)
    FROM crm.purchase_chunk p WHERE p.source_record_id = ANY (records) GROUP BY person;
END
$$;
COMMENT ON FUNCTION crm._value_histories(bigint[]) IS
    'crm._purchase_history() of many persons: a row for each who has purchases, from the chunks of all their records';

-- By sets: each table is looked through once by key for all persons, and what is found is joined by hashing, a fifth
-- of what a loop costs a person. What is written is found by the place where it was read: the persons are locked, so
-- nobody else has moved it.
CREATE TYPE crm.value_work AS (
    customer_id bigint, day date, whole crm.purchase_history[], state crm.value_state, r smallint, f smallint, m smallint,
    old_tier text, value_at tid, history_at tid, is_plain boolean, is_other boolean);
COMMENT ON TYPE crm.value_work IS
    'a person as computed: day, purchases, state and scores; the tier before, where the rows of value and purchases '
    'lie (null: there are none), whether purchases fill one row before and after, and whether they may be others now';

CREATE FUNCTION crm._value_work(locked bigint[], day date) RETURNS crm.value_work[]
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = on
        SET enable_nestloop = off SET enable_mergejoin = off SET enable_sort = off SET jit = off AS
$$
DECLARE
    rules jsonb := (SELECT s.rules FROM crm.tier_set s WHERE s.is_active);
    exponent int := crm._purchase_exponent();
    today date := crm._value_today();
    live crm.rfm_model;
BEGIN
    SELECT * INTO live FROM crm.rfm_model x WHERE x.is_active AND x.is_instant;
    RETURN (
        WITH history AS (
            SELECT h.* FROM crm._value_histories(locked) h),
        computed AS MATERIALIZED (
            SELECT x.*, crm._value_state(rules, exponent, x.whole, x.day) AS state
            FROM (SELECT l.customer_id, v.tier, v.r, v.f, v.m, v.place AS value_at, k.history, k.place AS history_at, k.is_whole,
                         crm._purchase_whole(h.chunks) AS whole, coalesce(_value_work.day, least(v.next_change_on, today)) AS day
                  FROM unnest(locked) l (customer_id) LEFT JOIN history h ON h.customer_id = l.customer_id
                  LEFT JOIN (SELECT y.customer_id, y.ctid AS place, y.is_whole, y.history FROM crm.value_history y
                             WHERE y.customer_id = ANY (locked) AND y.chunk_no = 1) k ON k.customer_id = l.customer_id
                  LEFT JOIN (SELECT y.customer_id, y.ctid AS place, y.tier, y.next_change_on, y.r, y.f, y.m FROM crm.customer_value y
                             WHERE y.customer_id = ANY (locked)) v ON v.customer_id = l.customer_id) x)
        -- by the cut points of the last run; without live ones what was
        SELECT array_agg(ROW(n.customer_id, n.day, n.whole, n.state, n.new_r, n.new_f, n.new_m, n.tier, n.value_at,
                             n.history_at, n.is_whole AND cardinality(n.whole) = 1,
                             NOT coalesce(n.is_whole, true) OR NOT crm._purchase_is_same(n.whole, CASE
                                     WHEN n.history IS NOT NULL THEN ARRAY[n.history] END))::crm.value_work)
        FROM (SELECT c.*,
                     CASE WHEN live.model IS NULL THEN c.r WHEN (c.state).order_days > 0
                         THEN crm._value_score((c.state).last_day - '2000-01-01'::date, live.r_cuts) END AS new_r,
                     CASE WHEN live.model IS NULL THEN c.f WHEN (c.state).order_days > 0
                         THEN crm._value_score((c.state).order_days, live.f_cuts) END AS new_f,
                     CASE WHEN live.model IS NULL THEN c.m WHEN (c.state).order_days > 0
                         THEN crm._value_score((c.state).net_minor, live.m_cuts) END AS new_m
              FROM computed c) n);
END
$$;
COMMENT ON FUNCTION crm._value_work(bigint[], date) IS
    'tier, totals and scores of persons, who are locked, as of a day (null: as of each one''s own next change, '
    'today at the latest), with what crm._value_write() has to know';

CREATE FUNCTION crm._value_write(works crm.value_work[], cause text) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
        SET enable_mergejoin = off SET jit = off AS
$$
DECLARE
    active_set text := crm._value_active_set();
    one record;
BEGIN
    PERFORM crm._value_list(array_agg(l.look_on), array_agg(l.customer_id))
    FROM (SELECT w.customer_id, v.look_on AS was, crm._value_look(v.look_on, (w.state).next_change_on, w.day) AS look_on
          FROM unnest(works) w LEFT JOIN LATERAL (SELECT y.look_on FROM crm.customer_value y WHERE y.ctid = w.value_at) v ON true) l
    WHERE l.look_on IS DISTINCT FROM l.was;
    UPDATE crm.customer_value v
    SET tier = (w.state).tier, tier_since = CASE WHEN v.tier = (w.state).tier THEN v.tier_since ELSE w.day END,
        next_change_on = (w.state).next_change_on, look_on = crm._value_look(v.look_on, (w.state).next_change_on, w.day),
        order_days = (w.state).order_days, net_minor = (w.state).net_minor,
        first_day = (w.state).first_day, last_day = (w.state).last_day, r = w.r, f = w.f, m = w.m, as_of = w.day, updated_at = crm.core_now()
    FROM unnest(works) w WHERE v.ctid = w.value_at;
    INSERT INTO crm.customer_value (customer_id, tier, tier_since, next_change_on, look_on, order_days, net_minor,
            first_day, last_day, r, f, m, as_of, updated_at)
    SELECT w.customer_id, (w.state).tier, w.day, (w.state).next_change_on, (w.state).next_change_on, (w.state).order_days, (w.state).net_minor,
           (w.state).first_day, (w.state).last_day, w.r, w.f, w.m, w.day, crm.core_now()
    FROM unnest(works) w WHERE w.value_at IS NULL ORDER BY w.customer_id;
    UPDATE crm.value_history h SET history = w.whole[1] FROM unnest(works) w WHERE h.ctid = w.history_at AND w.is_plain AND w.is_other;
    INSERT INTO crm.value_history (customer_id, chunk_no, is_whole, history)
    SELECT w.customer_id, generate_subscripts(w.whole, 1), cardinality(w.whole) = 1, unnest(w.whole) FROM unnest(works) w WHERE w.history_at IS NULL;
    FOR one IN SELECT w.customer_id, w.whole FROM unnest(works) w WHERE w.history_at IS NOT NULL AND w.is_plain IS NOT TRUE AND w.is_other LOOP
        IF NOT crm._purchase_is_same(one.whole, (SELECT crm.purchase_combine(h.history ORDER BY h.chunk_no)
                    FROM crm.value_history h WHERE h.customer_id = one.customer_id)) THEN
            PERFORM crm._value_remember(one.customer_id, one.whole);
        END IF;
    END LOOP;
    INSERT INTO crm.tier_change (customer_id, change_id, tier_set, from_tier, to_tier, changed_on, changed_at, cause)
    SELECT w.customer_id, crm._new_id(), active_set, w.old_tier, (w.state).tier, w.day, crm.core_now(), _value_write.cause
    FROM unnest(works) w WHERE w.old_tier IS DISTINCT FROM (w.state).tier AND (w.old_tier IS NOT NULL OR (w.state).order_days > 0)
    ORDER BY w.customer_id;
END
$$;
COMMENT ON FUNCTION crm._value_write(crm.value_work[], text) IS
    'writes what crm._value_work() found, in the transaction that locked the persons: value, purchases in one row, '
    'changes of tier';

CREATE FUNCTION crm._value_bring_all(persons bigint[], is_locked boolean, day date, cause text) RETURNS bigint[]
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
DECLARE
    done record;
    person bigint;
    whole crm.purchase_history[];
BEGIN
    -- one statement: rules and cut points are as old as what is read of persons who are not locked
    SELECT y.* INTO done
    FROM crm.tier_set s LEFT JOIN crm.rfm_model x ON x.is_active AND x.is_instant,
         LATERAL crm._value_bring(persons, is_locked, _value_bring_all.day, crm._value_today(),
                                  _value_bring_all.cause, s.tier_set, s.rules, crm._purchase_exponent(),
                                  x.model IS NOT NULL, x.r_cuts, x.f_cuts, x.m_cuts) y
    WHERE s.is_active;
    FOREACH person IN ARRAY done.apart LOOP
        whole := crm._purchase_whole(crm._purchase_history(person));
        IF NOT crm._purchase_is_same(whole, (SELECT crm.purchase_combine(h.history ORDER BY h.chunk_no)
                    FROM crm.value_history h WHERE h.customer_id = person)) THEN
            PERFORM crm._value_remember(person, whole);
        END IF;
    END LOOP;
    RETURN done.busy;
END
$$;
COMMENT ON FUNCTION crm._value_bring_all(bigint[], boolean, date, text) IS
    'crm._value_bring() by the active rules and cut points, and the purchases of those who have several rows of '
    'them; those who were left whole';

CREATE FUNCTION crm._value_advance(locked bigint[], day date, cause text) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
BEGIN
    -- statements begun under the locks
    IF crm._value_is_direct() THEN
        PERFORM crm._value_bring_all(locked, true, _value_advance.day, _value_advance.cause);
    ELSE
        PERFORM crm._value_write(crm._value_work(locked, _value_advance.day), _value_advance.cause);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._value_advance(bigint[], date, text) IS
    'computes tier and totals of persons, who are locked, as of a day (null: as of each one''s own next change, '
    'today at the latest) and writes what changed';

CREATE FUNCTION crm._value_compute(persons bigint[], day date, cause text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._value_advance(crm._value_lock(persons), _value_compute.day, _value_compute.cause);
END
$$;
COMMENT ON FUNCTION crm._value_compute(bigint[], date, text) IS
    'computes tier and totals of persons as of a day (null: as of each one''s own next change, today at the latest) '
    'and writes what changed; locks the persons ascending; ignores who is not active';

CREATE FUNCTION crm._value_compute_one(person bigint, day date, cause text) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
DECLARE
    seen record;
    state crm.value_state;
    scores smallint[];
    look date;
BEGIN
    IF (SELECT c.status FROM crm.customer c WHERE c.customer_id = person FOR NO KEY UPDATE) IS DISTINCT FROM 'active' THEN
        RETURN;
    END IF;
    LOOP
        -- one statement begun under the lock: the rules, the active model's cuts, what is shown, and what is true now
        SELECT s.tier_set, v.tier AS old_tier, v.xmin AS written_by, v.look_on, coalesce(ARRAY[v.r, v.f, v.m], '{NULL, NULL, NULL}') AS shown,
               live.model, live.r_cuts, live.f_cuts, live.m_cuts, one.whole,
               (SELECT crm.purchase_combine(h.history) FROM crm.value_history h WHERE h.customer_id = person) AS kept,
               crm._value_state(s.rules, crm._purchase_exponent(), one.whole, day) AS state
        INTO seen
        FROM (SELECT crm._purchase_whole(crm._purchase_history(person)) AS whole OFFSET 0) one
        LEFT JOIN crm.tier_set s ON s.is_active
        LEFT JOIN crm.customer_value v ON v.customer_id = person
        LEFT JOIN crm.rfm_model live ON live.is_active AND live.is_instant
        LIMIT 1;
        state := seen.state;
        scores := seen.shown;
        IF seen.model IS NOT NULL THEN
            scores := CASE WHEN state.order_days > 0 THEN
                ARRAY[crm._value_score(state.last_day - '2000-01-01'::date, seen.r_cuts), crm._value_score(state.order_days, seen.f_cuts),
                      crm._value_score(state.net_minor, seen.m_cuts)] ELSE '{NULL, NULL, NULL}' END;
        END IF;
        look := crm._value_look(seen.look_on, state.next_change_on, day);
        IF seen.old_tier IS NOT NULL THEN
            UPDATE crm.customer_value v
            SET tier = state.tier, tier_since = CASE WHEN v.tier = state.tier THEN v.tier_since ELSE day END, next_change_on = state.next_change_on,
                look_on = look, order_days = state.order_days, net_minor = state.net_minor, first_day = state.first_day, last_day = state.last_day,
                r = scores[1], f = scores[2], m = scores[3], as_of = day, updated_at = crm.core_now()
            WHERE v.customer_id = person AND v.xmin = seen.written_by;
            CONTINUE WHEN NOT FOUND;      -- the drain wrote the row meanwhile, which locks no person: it may have known more
        ELSE
            INSERT INTO crm.customer_value (customer_id, tier, tier_since, next_change_on, look_on, order_days,
                    net_minor, first_day, last_day, r, f, m, as_of, updated_at)
            VALUES (person, state.tier, day, state.next_change_on, look, state.order_days, state.net_minor, state.first_day, state.last_day,
                    scores[1], scores[2], scores[3], day, crm.core_now());
        END IF;
        EXIT;
    END LOOP;
    IF look IS NOT NULL AND look IS DISTINCT FROM seen.look_on THEN
        INSERT INTO crm.value_look (look_on, look_id, persons) VALUES (look, crm._new_id(), ARRAY[person]);
    END IF;
    IF cardinality(seen.whole) = 1 AND cardinality(seen.kept) = 1 THEN      -- nearly always
        UPDATE crm.value_history h SET history = seen.whole[1] WHERE h.customer_id = person AND h.chunk_no = 1;
    ELSIF NOT crm._purchase_is_same(seen.whole, seen.kept) THEN
        PERFORM crm._value_remember(person, seen.whole);
    END IF;
    IF seen.old_tier IS DISTINCT FROM state.tier AND (seen.old_tier IS NOT NULL OR state.order_days > 0) THEN
        INSERT INTO crm.tier_change (customer_id, change_id, tier_set, from_tier, to_tier, changed_on, changed_at, cause)
        VALUES (person, crm._new_id(), seen.tier_set, seen.old_tier, state.tier, day, crm.core_now(), cause);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._value_compute_one(bigint, date, text) IS
    'crm._value_compute() of one person as of a day: the path of a single order, in statements that start fast';

CREATE FUNCTION crm._value_mark(persons bigint[], cause text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.value_dirty (customer_id, marked_at, mark_id, cause)
    SELECT p, crm.core_now(), crm._new_id(), _value_mark.cause FROM unnest(persons) p;
    PERFORM crm._worker_wake();
END
$$;
COMMENT ON FUNCTION crm._value_mark(bigint[], text) IS 'leaves persons to the next crm._value_drain()';

CREATE FUNCTION crm._value_on_facts(customer_ids bigint[], kind text, is_history boolean) RETURNS void
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
DECLARE
    persons bigint[];
BEGIN
    IF kind IN ('order', 'refund') THEN
        persons := customer_ids;
    ELSIF kind = 'member' THEN
        -- a new person has a value from the first day on
        persons := ARRAY(SELECT c FROM unnest(customer_ids) c
                         WHERE (SELECT true FROM crm.customer_value v WHERE v.customer_id = c LIMIT 1) IS NULL);
    END IF;
    IF coalesce(cardinality(persons), 0) = 0 THEN
        RETURN;
    END IF;
    IF cardinality(persons) = 1 THEN
        PERFORM crm._value_compute_one(persons[1], crm._value_today(), CASE WHEN is_history THEN 'history' ELSE kind END);
    ELSIF cardinality(persons) <= 50 THEN
        PERFORM crm._value_compute(persons, crm._value_today(), CASE WHEN is_history THEN 'history' ELSE kind END);
    ELSE
        PERFORM crm._value_mark(persons, CASE WHEN is_history THEN 'history' ELSE kind END);
    END IF;
    -- values before standings, as the drain takes them: the other way round each waited for the other
    IF kind = 'refund' AND cardinality(persons) <= 50 THEN
        PERFORM crm._value_stand_after_refund(persons);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._value_on_facts(bigint[], text, boolean) IS
    'consequence of orders, refunds and new members: up to 50 persons are computed at once, in the same commit; '
    'more are marked for the drain';

CREATE FUNCTION crm._value_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    -- by index, however young the statistics are
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
BEGIN
    IF NOT EXISTS (SELECT FROM crm.purchase_chunk p WHERE p.source_record_id = ANY (record_ids))
       AND (EXISTS (SELECT FROM crm.customer_value v WHERE v.customer_id = survivor)
            OR EXISTS (SELECT FROM crm.value_dirty d WHERE d.customer_id = survivor)) AND kind = 'attach' THEN
        RETURN;
    END IF;
    DELETE FROM crm.customer_value v
    WHERE v.customer_id = other AND EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = other AND c.status <> 'active');
    IF EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = other AND c.status <> 'active') THEN     -- the nightly jobs follow the survivor
        DELETE FROM crm.value_history h WHERE h.customer_id = other;
        DELETE FROM crm.customer_forecast f WHERE f.customer_id = other;
        DELETE FROM crm.customer_stage f WHERE f.customer_id = other;
        DELETE FROM crm.journey_event f WHERE f.customer_id = other;
    END IF;
    PERFORM crm._value_compute(ARRAY[survivor, other], crm._value_today(), 'merge');
    DELETE FROM crm.customer_standing f
    WHERE f.customer_id = other AND EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = other AND c.status <> 'active');
END
$$;
COMMENT ON FUNCTION crm._value_on_membership(bigint, bigint, bigint[], text) IS
    'consequence of records that moved: both persons are computed anew; one that was merged away loses its value '
    'row, its changes stay';

CREATE FUNCTION crm._value_on_erase(customer_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM crm.customer_value v WHERE v.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.value_history h WHERE h.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.tier_change t WHERE t.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.value_dirty d WHERE d.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.rfm_score r WHERE r.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.customer_forecast f WHERE f.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.customer_cluster s WHERE s.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    WITH gone AS (
        DELETE FROM crm.habit_owner o WHERE o.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id)) RETURNING o.product_id)
    UPDATE crm.habit_buyers y SET persons = y.persons - g.n
        FROM (SELECT o.product_id, count(*) AS n FROM gone o GROUP BY 1) g WHERE y.product_id = g.product_id;
    DELETE FROM crm.habit_gap g WHERE g.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.customer_stage s WHERE s.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.stage_change s WHERE s.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.journey_event j WHERE j.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.customer_standing h WHERE h.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.standing_change h WHERE h.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
    DELETE FROM crm.metric_score s WHERE s.customer_id = ANY (crm._identity_cluster(_value_on_erase.customer_id));
END
$$;
COMMENT ON FUNCTION crm._value_on_erase(bigint) IS
    'forgets value, tiers, scores and their changes of a person under all ids';

CREATE FUNCTION crm._value_on_export(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN jsonb_build_object(
        'value', (SELECT to_jsonb(v) - 'customer_id' FROM crm.customer_value v WHERE v.customer_id = _value_on_export.customer_id),
        'tier_changes', (SELECT coalesce(jsonb_agg(jsonb_build_object('on', t.changed_on, 'from', t.from_tier, 'to', t.to_tier, 'cause', t.cause)
                                                   ORDER BY t.changed_on, t.change_id), '[]')
                         FROM crm.tier_change t WHERE t.customer_id = _value_on_export.customer_id));
END
$$;
COMMENT ON FUNCTION crm._value_on_export(bigint) IS 'value and changes of tier of a person, for the export of one person';

-- Jobs.
CREATE FUNCTION crm._value_claim_by_statement(persons bigint[], OUT held bigint[], OUT active bigint[]) RETURNS record
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
DECLARE
    valued bigint[];
    busy bigint[];
BEGIN
    SELECT coalesce(array_agg(c.customer_id), '{}'), coalesce(array_agg(c.customer_id) FILTER (WHERE c.status = 'active'), '{}') INTO held, active
    FROM (SELECT c.customer_id, c.status FROM crm.customer c WHERE c.customer_id = ANY (persons)
        ORDER BY c.customer_id FOR NO KEY UPDATE SKIP LOCKED) c;
    valued := ARRAY(SELECT v.customer_id FROM crm.customer_value v WHERE v.customer_id = ANY (active)
            ORDER BY v.customer_id FOR NO KEY UPDATE SKIP LOCKED);
    busy := ARRAY(SELECT v.customer_id FROM crm.customer_value v WHERE v.customer_id = ANY (active) EXCEPT SELECT v FROM unnest(valued) v);
    IF cardinality(busy) > 0 THEN
        held := ARRAY(SELECT h FROM unnest(held) h WHERE h <> ALL (busy) ORDER BY h);
        active := ARRAY(SELECT h FROM unnest(active) h WHERE h <> ALL (busy) ORDER BY h);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._value_claim_by_statement(bigint[]) IS 'crm._value_claim() for any tables, waiting for nobody';

CREATE FUNCTION crm._value_marks_by_statement(persons bigint[], active bigint[], OUT cause text,
                                              OUT persons_of bigint[], OUT marked bigint[]) RETURNS SETOF record
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_nestloop = off
        SET enable_mergejoin = off SET jit = off AS
$$
BEGIN
    -- marks lie side by side: a walk from the first person to the last
    RETURN QUERY
    WITH taken AS (
        DELETE FROM crm.value_dirty d USING unnest(persons) p (id)
        WHERE d.customer_id = p.id AND d.customer_id BETWEEN persons[1] AND persons[cardinality(persons)] RETURNING d.customer_id, d.cause),
    mark AS (
        SELECT DISTINCT t.customer_id, t.cause, t.cause = max(t.cause) OVER (PARTITION BY t.customer_id) AS is_last FROM taken t)
    SELECT m.cause, coalesce(array_agg(m.customer_id ORDER BY m.customer_id) FILTER (WHERE m.is_last
                AND a.id IS NOT NULL), '{}'), array_agg(m.customer_id ORDER BY m.customer_id)
    FROM mark m LEFT JOIN unnest(active) a (id) ON a.id = m.customer_id GROUP BY m.cause ORDER BY m.cause DESC;
END
$$;
COMMENT ON FUNCTION crm._value_marks_by_statement(bigint[], bigint[]) IS
    'takes the marks of locked persons off any table, persons ascending; a row a cause, the last in the alphabet '
    'first: the active persons whose last cause it is, and all with such a mark';

CREATE FUNCTION crm._value_drain_locked(persons bigint[], cause text) RETURNS bigint[]
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
DECLARE
    claim record;
BEGIN
    SELECT * INTO claim FROM crm._value_claim(persons, false);
    PERFORM crm._value_advance(claim.active, crm._value_today(), _value_drain_locked.cause);
    IF cardinality(claim.held) = cardinality(persons) THEN
        RETURN '{}';
    END IF;
    -- of who is gone for ever nothing can be computed
    RETURN ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id = ANY (persons) EXCEPT SELECT h FROM unnest(claim.held) h ORDER BY 1);
END
$$;
COMMENT ON FUNCTION crm._value_drain_locked(bigint[], text) IS
    'computes marked persons under their locks, waiting for nobody; those whom others hold';

CREATE FUNCTION crm._value_drain_direct(piece int) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
DECLARE
    mark record;
    marked record;
    left_over bigint[];
    busy bigint[] := '{}';
    refunded bigint[] := '{}';
    held bigint[];
BEGIN
    FOR mark IN SELECT m.* FROM crm._value_marks(piece) m LOOP
        IF mark.cause IS NULL THEN
            marked := mark;
            CONTINUE;
        ELSIF mark.cause = 'refund' THEN      -- may cost a standing, too
            refunded := mark.marked;
            left_over := mark.persons_of;
        ELSE
            left_over := crm._value_bring_all(mark.persons_of, false, crm._value_today(), mark.cause);
        END IF;
        IF cardinality(left_over) > 0 THEN
            busy := busy || crm._value_drain_locked(left_over, mark.cause);
        END IF;
    END LOOP;
    IF cardinality(refunded) > 0 THEN
        -- under their locks, all of them: who is marked by rules, too, was brought without one
        refunded := ARRAY(SELECT r FROM unnest(refunded) r EXCEPT SELECT b FROM unnest(busy) b ORDER BY 1);
        SELECT c.held INTO held FROM crm._value_claim(refunded, false) c;
        busy := busy || ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id = ANY (refunded) EXCEPT SELECT h FROM unnest(held) h);
        PERFORM crm._value_stand_after_refund(held);
    END IF;
    PERFORM crm._value_unmark(marked.marked, marked.places, busy);
    RETURN CASE WHEN marked.further > 0 AND cardinality(busy) < piece THEN marked.further + cardinality(busy) ELSE 0 END;
END
$$;
COMMENT ON FUNCTION crm._value_drain_direct(int) IS
    'computes marked persons: nearly all without a lock but that of the row that is written, the others under '
    'theirs; whom others hold keep their marks; returns the marks left; only where crm._value_is_direct()';

CREATE FUNCTION crm._value_drain_by_statement(piece int) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
DECLARE
    persons bigint[] := ARRAY(SELECT DISTINCT d.customer_id FROM crm.value_dirty d ORDER BY d.customer_id LIMIT piece);
    claim record;
    mark record;
    refunded bigint[];
BEGIN
    SELECT * INTO claim FROM crm._value_claim_by_statement(persons);
    IF cardinality(claim.held) < cardinality(persons) THEN      -- of who is gone for ever nothing can be computed
        PERFORM FROM crm._value_marks_by_statement(ARRAY(SELECT p FROM unnest(persons) p
                    WHERE NOT EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = p) ORDER BY p), '{}');
    END IF;
    FOR mark IN SELECT m.* FROM crm._value_marks_by_statement(claim.held, claim.active) m LOOP
        PERFORM crm._value_advance(mark.persons_of, crm._value_today(), mark.cause);
        IF mark.cause = 'refund' THEN
            refunded := mark.marked;
        END IF;
    END LOOP;
    IF refunded IS NOT NULL THEN
        PERFORM crm._value_stand_after_refund(refunded);
    END IF;
    RETURN CASE WHEN cardinality(persons) < piece OR cardinality(claim.held) = 0 THEN 0
        ELSE (SELECT count(*) FROM (SELECT FROM crm.value_dirty LIMIT 1000) d) END;
END
$$;
COMMENT ON FUNCTION crm._value_drain_by_statement(int) IS
    'crm._value_drain_direct() for any tables, every person under a lock';

CREATE FUNCTION crm._value_drain() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 5000;
BEGIN
    -- persons whom somebody writes right now keep their mark: their turn comes, and nobody waits
    -- of several causes the last in the alphabet: rules, refund, order, member, history
    RETURN CASE WHEN crm._value_is_direct() THEN crm._value_drain_direct(piece) ELSE crm._value_drain_by_statement(piece) END;
END
$$;
COMMENT ON FUNCTION crm._value_drain() IS
    'job: computes some 5,000 marked persons, but those whom others hold; returns the marks left when there are '
    'more than that, counted up to 1,000';

CREATE FUNCTION crm._value_age() RETURNS bigint
    LANGUAGE plpgsql SET enable_seqscan = off AS
$$
DECLARE
    piece CONSTANT int := 2000;
    today date := crm._value_today();
    persons bigint[];
    locked bigint[];
    days date[];
    movers bigint[];
BEGIN
    -- whole lists, as many as hold some 2,000 persons
    WITH due AS (
        SELECT l.look_on, l.look_id, sum(cardinality(l.persons)) OVER (ORDER BY l.look_on, l.look_id) - cardinality(l.persons) AS before
        FROM (SELECT x.* FROM crm.value_look x WHERE x.look_on <= today ORDER BY x.look_on, x.look_id LIMIT piece) l),
    taken AS (
        DELETE FROM crm.value_look l USING due d WHERE l.look_on = d.look_on AND l.look_id = d.look_id AND d.before < piece RETURNING l.persons)
    SELECT coalesce(array_agg(DISTINCT p), '{}') INTO persons FROM taken t, unnest(t.persons) p;
    -- who is looked at earlier, or later for good, is in another list
    persons := ARRAY(SELECT v.customer_id FROM crm.customer_value v WHERE v.customer_id = ANY (persons) AND v.look_on <= today ORDER BY 1);
    locked := crm._value_lock(persons);
    DELETE FROM crm.customer_value v
    WHERE v.customer_id = ANY (persons) AND (SELECT c.status FROM crm.customer c WHERE c.customer_id = v.customer_id) IS DISTINCT FROM 'active';
    -- who bought since the day was set is looked at later
    WITH moved AS (
        UPDATE crm.customer_value v SET look_on = v.next_change_on
        WHERE v.customer_id = ANY (locked) AND v.look_on <= today
            AND (v.next_change_on > today OR v.next_change_on IS NULL) RETURNING v.look_on, v.customer_id)
    SELECT array_agg(m.look_on), array_agg(m.customer_id) INTO days, movers FROM moved m;
    PERFORM crm._value_list(days, movers);
    PERFORM crm._value_compute(ARRAY(SELECT v.customer_id FROM crm.customer_value v WHERE v.customer_id = ANY (locked)
            AND v.look_on <= today ORDER BY 1), NULL, 'age');
    RETURN (SELECT coalesce(sum(cardinality(w.persons)), 0) FROM (SELECT l.persons FROM crm.value_look l WHERE l.look_on <= today LIMIT 10000) w);
END
$$;
COMMENT ON FUNCTION crm._value_age() IS
    'job: moves up to 2,000 persons whose tier changes by age to the tier of that very day, so that a late run '
    'writes the same changes as one in time; returns how many wait';

CREATE FUNCTION crm._value_last_bought(after_day date, to_day date) RETURNS TABLE (customer_id bigint, last_day date)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
        SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT DISTINCT v.customer_id, v.last_day
    FROM (SELECT o.source_record_id, o.business_day FROM crm.customer_order o
          WHERE o.is_current AND o.business_day > after_day AND o.business_day <= to_day OFFSET 0) o
    CROSS JOIN LATERAL (SELECT m.customer_id FROM crm.membership m WHERE m.source_record_id = o.source_record_id
            AND m.valid_to = 'infinity' LIMIT 1) m
    CROSS JOIN LATERAL (SELECT x.customer_id, x.last_day FROM crm.customer_value x WHERE x.customer_id = m.customer_id LIMIT 1) v
    WHERE v.last_day = o.business_day;
END
$$;
COMMENT ON FUNCTION crm._value_last_bought(date, date) IS
    'persons whose last day of purchase lies after one day and not after another, found from the orders of these days';

CREATE FUNCTION crm._value_silent(day date, most int, OUT earlier bigint, OUT persons bigint[])
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_value_silent';
COMMENT ON FUNCTION crm._value_silent(date, int) IS
    'how many persons bought last before a day, and so many at most of those who did on it, by one look at everybody';

CREATE FUNCTION crm.value_refresh(as_of date DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    piece CONSTANT int := 5000;
    day date := coalesce(crm._value_require_known(as_of, 'as_of'), crm._value_today());
    after_id bigint := 0;
    persons bigint[];
    refreshed bigint := 0;
BEGIN
    LOOP
        persons := ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.customer_id > after_id ORDER BY c.customer_id LIMIT piece);
        EXIT WHEN cardinality(persons) = 0;
        PERFORM crm._value_compute(persons, day, 'rules');
        refreshed := refreshed + cardinality(persons);
        after_id := persons[cardinality(persons)];
    END LOOP;
    RETURN refreshed;
END
$$;
COMMENT ON FUNCTION crm.value_refresh(date) IS
    'computes every person anew, as of the end of a local day (default today, none after it); needed only after '
    'rules changed or histories were mended by hand; 22023';

CREATE FUNCTION crm._value_check() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    rules jsonb := crm._value_rules(crm._value_active_set());
    exponent int := crm._purchase_exponent();
BEGIN
    -- from the orders and refunds themselves, past the packed histories
    RETURN QUERY
    WITH entry AS (
        SELECT m.customer_id, o.business_day AS day, o.business_day AS known, crm._purchase_minor(o.amount, exponent) AS minor
        FROM crm.membership m JOIN crm.customer_order o ON o.source_record_id = m.source_record_id
        WHERE m.valid_to = 'infinity' AND o.is_current AND o.business_day IS NOT NULL
        UNION ALL
        SELECT m.customer_id, r.purchase_day, r.refunded_on, -crm._purchase_minor(r.amount, exponent)
        FROM crm.membership m JOIN crm.refund r ON r.source_record_id = m.source_record_id
        WHERE m.valid_to = 'infinity' AND r.is_current AND r.purchase_day IS NOT NULL),
    numbered AS (
        SELECT e.*, row_number() OVER (PARTITION BY e.customer_id ORDER BY e.day, e.known) / 100 AS piece
        FROM (SELECT e.customer_id, e.day, e.known, sum(e.minor)::bigint AS minor FROM entry e GROUP BY 1, 2, 3) e),
    piece AS (
        SELECT n.customer_id, crm.purchase_history(array_agg(n.day), array_agg(n.known), array_agg(n.minor)) AS history
        FROM numbered n GROUP BY n.customer_id, n.piece),
    history AS (
        SELECT p.customer_id, crm.purchase_combine(p.history) AS chunks FROM piece p GROUP BY p.customer_id),
    wanted AS MATERIALIZED (
        SELECT v.customer_id, v, crm._value_state(rules, exponent, h.chunks, v.as_of) AS state
        FROM crm.customer_value v LEFT JOIN history h ON h.customer_id = v.customer_id
        WHERE NOT EXISTS (SELECT FROM crm.value_dirty d WHERE d.customer_id = v.customer_id))
    SELECT 'value', format('person %s', w.customer_id), w.state::text,
           ROW((w.v).tier, (w.v).next_change_on, (w.v).order_days, (w.v).net_minor, (w.v).first_day, (w.v).last_day)::crm.value_state::text
    FROM wanted w
    WHERE w.state IS DISTINCT FROM ROW((w.v).tier, (w.v).next_change_on, (w.v).order_days, (w.v).net_minor,
            (w.v).first_day, (w.v).last_day)::crm.value_state
    ORDER BY w.customer_id LIMIT 1000;
    RETURN QUERY
    SELECT 'value', format('the day to look at person %s', v.customer_id), format('not after %s', v.next_change_on),
        coalesce(v.look_on::text, 'never')
    FROM crm.customer_value v WHERE v.next_change_on IS NOT NULL AND (v.look_on <= v.next_change_on) IS NOT TRUE ORDER BY v.customer_id LIMIT 1000;
    RETURN QUERY
    SELECT 'value', format('the list of persons to look at on %s', v.look_on), format('person %s', v.customer_id), 'not in it'
    FROM crm.customer_value v LEFT JOIN (SELECT DISTINCT l.look_on, unnest(l.persons) AS person
            FROM crm.value_look l) l ON l.person = v.customer_id AND l.look_on = v.look_on
    WHERE v.look_on IS NOT NULL AND l.person IS NULL ORDER BY v.customer_id LIMIT 1000;
    RETURN QUERY SELECT 'value', h.what, h.expected, h.found FROM crm._value_check_history() h;
    RETURN QUERY
    SELECT 'value', format('person %s', c.customer_id), 'a value', 'none' FROM crm.customer c
    WHERE c.status = 'active' AND NOT EXISTS (SELECT FROM crm.customer_value v WHERE v.customer_id = c.customer_id)
      AND NOT EXISTS (SELECT FROM crm.value_dirty d WHERE d.customer_id = c.customer_id)
    ORDER BY c.customer_id LIMIT 1000;
    RETURN QUERY
    SELECT 'value', format('rules of %s', s.tier_set), r.rules::text, s.rules::text
    FROM crm.tier_set s, LATERAL (
        SELECT coalesce(jsonb_agg(jsonb_build_object('tier', t.tier, 'conditions', t.conditions) ORDER BY t.position), '[]') AS rules
        FROM crm.tier_rule t WHERE t.tier_set = s.tier_set) r
    WHERE r.rules <> s.rules;
    RETURN QUERY
    SELECT 'value', format('scores of person %s', v.customer_id), w.scores::text, ARRAY[v.r, v.f, v.m]::text
    FROM crm.rfm_model x, crm.customer_value v,
         LATERAL (SELECT CASE WHEN v.order_days > 0
             THEN ARRAY[crm._value_score(v.last_day - '2000-01-01'::date, x.r_cuts),
                 crm._value_score(v.order_days, x.f_cuts),
                                                              crm._value_score(v.net_minor, x.m_cuts)]
                                                                  ELSE '{NULL, NULL, NULL}'::smallint[] END
                                                                  AS scores) w
    WHERE x.is_active AND x.is_instant AND x.method <> 'ntile' AND ARRAY[v.r, v.f, v.m] <> w.scores
      AND EXISTS (SELECT FROM crm.rfm_run u WHERE u.model = x.model AND u.as_of = x.cut_as_of AND u.finished_at IS NOT NULL)
      AND NOT EXISTS (SELECT FROM crm.value_dirty d WHERE d.customer_id = v.customer_id)
    ORDER BY v.customer_id LIMIT 1000;
    RETURN QUERY
    SELECT 'value', format('tiers of %s', crm._value_active_set()), 'a tier for every state', format('none for %s', k.example)
    FROM crm._value_tier_check(rules, exponent) k WHERE k.kind = 'gap';
END
$$;
COMMENT ON FUNCTION crm._value_check() IS
    'recomputes every person''s value from orders and refunds, as of the day it was kept for, and the tiers'' gaps; '
    'a row a difference, at most 1,000 of each kind';

CREATE FUNCTION crm.value_check() RETURNS TABLE (room text, what text, expected text, found text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY SELECT c.room, c.what, c.expected, c.found FROM crm._value_check() c;
END
$$;
COMMENT ON FUNCTION crm.value_check() IS
    'what differs between kept values and those recomputed from orders and refunds; no row: nothing';

-- Questions.
CREATE FUNCTION crm.value_tier(customer_id bigint, as_of date DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN (crm._value_state(crm._value_rules(crm._value_active_set()), crm._purchase_exponent(), crm._purchase_history(person),
                             coalesce(as_of, crm._value_today()))).tier;
END
$$;
COMMENT ON FUNCTION crm.value_tier(bigint, date) IS
    'a person''s tier at the end of a local day (default today) by what was known then, with today''s records; '
    'P0002 when there is none in the caller''s scope';

CREATE FUNCTION crm._value_explain_tier(person bigint, day date) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    active_set text := crm._value_active_set();
    rules jsonb := crm._value_rules(active_set);
    exponent int := crm._purchase_exponent();
    chunks crm.purchase_history[] := crm._purchase_history(person);
    state crm.value_state := crm._value_state(rules, exponent, chunks, day);
    explained jsonb;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('position', r.position, 'tier', r.tier, 'name_zh', r.name_zh, 'name_en', r.name_en,
                                        'is_met', n.is_met, 'conditions', n.conditions) ORDER BY r.position)
    INTO explained
    FROM (SELECT t.*, row_number() OVER (ORDER BY t.position) AS rule_no FROM crm.tier_rule t WHERE t.tier_set = active_set) r,
    LATERAL (SELECT coalesce(bool_and(f.is_met), true) AS is_met,
                    coalesce(jsonb_agg((r.conditions -> (f.condition_no - 1)) || jsonb_build_object('is_met', f.is_met, 'found',
                        CASE WHEN r.conditions -> (f.condition_no - 1) ->> 'metric' = 'net' THEN round(f.found / 10::numeric ^ exponent, exponent)
                             ELSE f.found END) ORDER BY f.condition_no), '[]') AS conditions
             FROM crm._value_findings(rules, exponent, chunks, day) f WHERE f.rule_no = r.rule_no) n;
    RETURN jsonb_build_object(
        'tier', state.tier, 'tier_set', active_set, 'version', (SELECT s.version FROM crm.tier_set s WHERE s.tier_set = active_set),
        'next_change_on', state.next_change_on, 'order_days', state.order_days,
        'net', round(state.net_minor / 10::numeric ^ exponent, exponent), 'first_day', state.first_day, 'last_day', state.last_day,
        'rules', explained);
END
$$;
COMMENT ON FUNCTION crm._value_explain_tier(bigint, date) IS
    'the tier of a person on a day with every rule, every condition, what it found and whether it is met';

-- Rules that ask for more orders or more money can be reached by buying; what a tier asks of days since the last
-- order cannot.
CREATE FUNCTION crm._value_next_tier(person bigint, day date) RETURNS jsonb
    LANGUAGE sql STABLE AS
$$
    WITH rule AS (
        SELECT r.value AS spec, (r.value ->> 'position')::int AS position
            FROM jsonb_array_elements(crm._value_explain_tier(person, day) -> 'rules') r),
    own AS (SELECT min(r.position) AS position FROM rule r WHERE (r.spec ->> 'is_met')::boolean)
    SELECT jsonb_build_object('tier', r.spec -> 'tier', 'name_zh', r.spec -> 'name_zh', 'name_en', r.spec -> 'name_en', 'missing', (
               SELECT jsonb_agg(c.value - 'is_met') FROM jsonb_array_elements(r.spec -> 'conditions') c WHERE NOT (c.value ->> 'is_met')::boolean))
    FROM rule r, own
    WHERE r.position < own.position
      AND (SELECT bool_and(c.value ->> 'metric' IN ('orders', 'net') AND c.value ->> 'op' IN ('>=', '>'))
          FROM jsonb_array_elements(r.spec -> 'conditions') c)
    ORDER BY r.position DESC LIMIT 1
$$;
COMMENT ON FUNCTION crm._value_next_tier(bigint, date) IS
    'the nearest tier before a person''s own that more orders or more money would reach, and its conditions that '
    'are not met, each with what was found; null: none';

CREATE FUNCTION crm.value_explain(customer_id bigint, as_of date DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
    day date := coalesce(crm._require_day(as_of, 'as_of'), crm._value_today());
BEGIN
    RETURN jsonb_build_object('customer_id', person, 'as_of', day) || crm._value_explain_tier(person, day)
           || jsonb_build_object('rfm', crm._value_explain_rfm(person, day));
END
$$;
COMMENT ON FUNCTION crm.value_explain(bigint, date) IS
    'why a person has this tier and these scores at the end of a local day (default today): every rule with what '
    'was found, R, F and M with their cut points and weights; P0002 when there is none in the caller''s scope';

CREATE FUNCTION crm.value_tier_check(tier_set text DEFAULT NULL) RETURNS TABLE (kind text, example jsonb, tiers text[])
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    wanted text := coalesce(tier_set, crm._value_active_set());
BEGIN
    IF NOT EXISTS (SELECT FROM crm.tier_set s WHERE s.tier_set = wanted) THEN
        RAISE EXCEPTION 'there is no tier set "%"', wanted USING ERRCODE = 'RM505', COLUMN = 'tier_set',
            HINT = 'crm.tier_set lists those there are.';
    END IF;
    RETURN QUERY SELECT k.kind, k.example, k.tiers FROM crm._value_tier_check(crm._value_rules(wanted), crm._purchase_exponent()) k;
END
$$;
COMMENT ON FUNCTION crm.value_tier_check(text) IS
    'proves that every state a person can be in has exactly one tier: a gap is an error, an overlap is decided by '
    'the order of rules, an unreachable rule never decides; each with an example; RM505';

CREATE FUNCTION crm.value_define_tiers(tier_set text, name text, rules jsonb, is_active boolean DEFAULT true,
                                       idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key, 'value_define_tiers',
        crm._sha256(convert_to(jsonb_build_array(tier_set, name, rules, is_active)::text, 'UTF8')));
    gap jsonb;
    new_version int;
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._require_words(tier_set, 'tier_set', 63), crm._require_words(name, 'name', 100),
        crm._require_given(rules, 'rules'), crm._require_given(is_active, 'is_active');
    SELECT k.example INTO gap FROM crm._value_tier_check(rules, crm._purchase_exponent()) k WHERE k.kind = 'gap' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'tier rules leave some persons without a tier'
            USING ERRCODE = 'RM502', COLUMN = 'rules', DETAIL = format('No rule fits %s.', gap), HINT = 'Add a last rule without conditions.';
    END IF;
    IF is_active THEN
        UPDATE crm.tier_set s SET is_active = false WHERE s.is_active AND s.tier_set <> value_define_tiers.tier_set;
    END IF;
    INSERT INTO crm.tier_set AS s (tier_set, name, version, is_active, rules)
    VALUES (value_define_tiers.tier_set, value_define_tiers.name, 1, value_define_tiers.is_active,
            (SELECT jsonb_agg(jsonb_build_object('tier', r.value -> 'tier', 'conditions', r.value -> 'conditions') ORDER BY r.ordinality)
             FROM jsonb_array_elements(value_define_tiers.rules) WITH ORDINALITY r))
    ON CONFLICT ON CONSTRAINT tier_set_pkey DO UPDATE
    SET name = excluded.name, version = s.version + 1, is_active = s.is_active OR excluded.is_active, rules = excluded.rules
    RETURNING s.version INTO new_version;
    DELETE FROM crm.tier_rule r WHERE r.tier_set = value_define_tiers.tier_set;
    INSERT INTO crm.tier_rule (tier_set, position, tier, name_zh, name_en, conditions)
    SELECT value_define_tiers.tier_set, r.ordinality, r.value ->> 'tier', coalesce(r.value ->> 'name_zh', r.value ->> 'tier'),
           coalesce(r.value ->> 'name_en', r.value ->> 'tier'), r.value -> 'conditions'
    FROM jsonb_array_elements(rules) WITH ORDINALITY r;
    IF (SELECT s.is_active FROM crm.tier_set s WHERE s.tier_set = value_define_tiers.tier_set) THEN
        PERFORM crm._value_mark(ARRAY(SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active'), 'rules');
    END IF;
    PERFORM crm._audit('edit', 'tier_set', NULL, value_define_tiers.tier_set, NULL, NULL, format('version %s', new_version));
    answer := jsonb_build_object('tier_set', tier_set, 'version', new_version);
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.value_define_tiers(text, text, jsonb, boolean, text) IS
    'makes or replaces a tier set from [{"tier","name_zh","name_en","conditions":[...]}, ...] in order, and lets it '
    'label persons; RM502 when some state would have no tier, RM501 when rules cannot be read; everybody is then '
    'computed anew by the worker';

CREATE FUNCTION crm.value_tier_shares(as_of date DEFAULT NULL) RETURNS TABLE (tier text, name_zh text, name_en text, persons bigint, share numeric)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    active_set text := crm._value_active_set();
    rules jsonb := crm._value_rules(active_set);
    exponent int := crm._purchase_exponent();
BEGIN
    RETURN QUERY
    WITH label AS (
        SELECT v.tier FROM crm.customer_value v JOIN crm.customer c ON c.customer_id = v.customer_id
        WHERE c.status = 'active' AND value_tier_shares.as_of IS NULL
        UNION ALL
        SELECT (crm._value_state(rules, exponent,
                   (SELECT crm.purchase_combine(p.history) FROM crm.membership m JOIN crm.purchase_chunk p ON p.source_record_id = m.source_record_id
                    WHERE m.customer_id = c.customer_id AND m.valid_to = 'infinity'), value_tier_shares.as_of)).tier
        FROM crm.customer c WHERE c.status = 'active' AND c.registered_on <= value_tier_shares.as_of),
    counted AS (
        SELECT l.tier, count(*) AS persons FROM label l GROUP BY l.tier)
    SELECT coalesce(r.tier, n.tier), coalesce(r.name_zh, '-'), coalesce(r.name_en, '-'), coalesce(n.persons, 0),
           round(coalesce(n.persons, 0) / nullif(sum(n.persons) OVER (), 0), 6)
    FROM (SELECT t.tier, min(t.position) AS position, min(t.name_zh) AS name_zh, min(t.name_en) AS name_en
          FROM crm.tier_rule t WHERE t.tier_set = active_set GROUP BY t.tier) r
    FULL JOIN counted n ON n.tier = r.tier
    ORDER BY r.position NULLS LAST;
END
$$;
COMMENT ON FUNCTION crm.value_tier_shares(date) IS
    'how many active persons each tier has: now as kept, or at the end of a past local day by what was known then, '
    'among persons registered by then';

CREATE FUNCTION crm.value_tier_transitions(from_day date, to_day date) RETURNS TABLE (from_tier text, to_tier text, persons bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    rules jsonb := crm._value_rules(crm._value_active_set());
    exponent int := crm._purchase_exponent();
BEGIN
    PERFORM crm._require_given(crm._require_day(from_day, 'from_day'), 'from_day'), crm._require_given(crm._require_day(to_day, 'to_day'), 'to_day');
    RETURN QUERY
    WITH person AS MATERIALIZED (
        SELECT c.customer_id, c.registered_on,
               (SELECT crm.purchase_combine(p.history) FROM crm.membership m JOIN crm.purchase_chunk p ON p.source_record_id = m.source_record_id
                WHERE m.customer_id = c.customer_id AND m.valid_to = 'infinity') AS chunks
        FROM crm.customer c WHERE c.status = 'active' AND c.registered_on <= to_day)
    SELECT CASE WHEN p.registered_on <= from_day THEN (crm._value_state(rules, exponent, p.chunks, from_day)).tier ELSE 'new' END AS was,
           (crm._value_state(rules, exponent, p.chunks, to_day)).tier AS is_now, count(*)
    FROM person p GROUP BY was, is_now ORDER BY was, is_now;
END
$$;
COMMENT ON FUNCTION crm.value_tier_transitions(date, date) IS
    'how many active persons went from which tier at the end of one local day to which at the end of another; new: '
    'registered after the first';

GRANT EXECUTE ON FUNCTION crm.value_tier(bigint, date), crm.value_explain(bigint, date)
    TO crm_clerk, crm_store_manager, crm_manager, crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_tier_check(text), crm.value_tier_shares(date), crm.value_tier_transitions(date, date)
    TO crm_marketer, crm_analyst, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_refresh(date) TO crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_define_tiers(text, text, jsonb, boolean, text) TO crm_marketer, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.value_check() TO crm_headquarters, crm_admin;
