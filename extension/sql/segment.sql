-- segment: members kept by increments.  Facts mark persons; a run of the job asks the rules of the marked
-- ones, of those whom time may have moved since the watermark, and of those whose other segments changed,
-- and writes who entered and who left.  A full question to everybody comes when a rule is new, when something
-- changed for everybody, or when too many may have moved; it must find what increments found.
--
-- Locks: the segment's row, held by who writes its members.

CREATE FUNCTION crm._segment_mark(persons bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.segment_dirty (customer_id, mark_id, kind)
    SELECT p, crm._new_id(), _segment_mark.kind FROM unnest(persons) p
    WHERE p IS NOT NULL AND EXISTS (SELECT FROM crm.segment s WHERE s.is_active AND s.kind = 'living'
                                    AND (_segment_mark.kind = 'membership' OR s.facts @> ARRAY[_segment_mark.kind]));
END
$$;
COMMENT ON FUNCTION crm._segment_mark(bigint[], text) IS 'leaves persons to the next crm._segment_refresh(), when a living segment asks for facts of the kind';

CREATE FUNCTION crm._segment_on_facts(customer_ids bigint[], kind text, is_history boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._segment_mark(customer_ids, kind);
END
$$;
COMMENT ON FUNCTION crm._segment_on_facts(bigint[], text, boolean) IS 'consequence of facts: marks their persons in the same commit';

CREATE FUNCTION crm._segment_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    list record;
BEGIN
    PERFORM crm._segment_mark(ARRAY[survivor, other], 'membership');
    -- lists hold persons, not rules: who was merged away is in as the survivor
    IF EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = other AND c.status = 'merged') THEN
        FOR list IN
            SELECT s.segment_id FROM crm.segment s JOIN crm.segment_member m ON m.segment_id = s.segment_id
            WHERE s.kind = 'static' AND m.customer_id = other AND m.left_at = 'infinity' ORDER BY s.segment_id
        LOOP
            PERFORM crm._segment_store(list.segment_id, ARRAY[survivor], ARRAY[other], crm.core_now(), false);
        END LOOP;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._segment_on_membership(bigint, bigint, bigint[], text) IS
    'consequence of records that moved: both persons are looked at again; lists take the survivor for who was merged away';

CREATE FUNCTION crm._segment_number(persons bigint[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO crm.segment_ordinal (customer_id, ordinal)
    SELECT p.id, nextval('crm.segment_ordinal_seq') FROM unnest(persons) p (id)
    WHERE NOT EXISTS (SELECT FROM crm.segment_ordinal o WHERE o.customer_id = p.id) ORDER BY p.id
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._segment_number(bigint[]) IS 'gives persons an ordinal who have none';

CREATE FUNCTION crm._segment_store(segment_id int, entering bigint[], leaving bigint[], at timestamptz, is_logged boolean) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS
$$
#variable_conflict use_column
DECLARE
    segment int := _segment_store.segment_id;
    came bigint[];
    went bigint[];
BEGIN
    PERFORM FROM crm.segment s WHERE s.segment_id = segment FOR NO KEY UPDATE;
    WITH gone AS (
        UPDATE crm.segment_member m SET left_at = _segment_store.at FROM unnest(leaving) l (id)
        WHERE m.customer_id = l.id AND m.segment_id = segment AND m.left_at = 'infinity' RETURNING m.customer_id)
    SELECT coalesce(array_agg(g.customer_id), '{}') INTO went FROM gone g;
    WITH new AS (
        INSERT INTO crm.segment_member AS m (customer_id, segment_id, entered_at)
        SELECT e.id, segment, _segment_store.at FROM unnest(entering) e (id)
        WHERE NOT EXISTS (SELECT FROM crm.segment_member x WHERE x.customer_id = e.id AND x.segment_id = segment AND x.left_at = 'infinity')
        ON CONFLICT (customer_id, segment_id, entered_at) DO UPDATE SET left_at = 'infinity'
        RETURNING m.customer_id)
    SELECT coalesce(array_agg(n.customer_id), '{}') INTO came FROM new n;
    IF cardinality(came) = 0 AND cardinality(went) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM crm._segment_number(came);
    WITH moved AS (
        SELECT o.ordinal, true AS is_in FROM unnest(came) c (id) JOIN crm.segment_ordinal o ON o.customer_id = c.id
        UNION ALL
        SELECT o.ordinal, false FROM unnest(went) w (id) JOIN crm.segment_ordinal o ON o.customer_id = w.id),
    piece AS (
        SELECT m.ordinal >> 15 AS chunk_no, crm.bitmap_agg(m.ordinal) FILTER (WHERE m.is_in) AS plus,
               crm.bitmap_agg(m.ordinal) FILTER (WHERE NOT m.is_in) AS minus
        FROM moved m GROUP BY 1)
    INSERT INTO crm.segment_chunk AS k (segment_id, chunk_no, members)
    SELECT segment, p.chunk_no, (coalesce(k.members, '{}') OPERATOR(crm.-) p.minus) OPERATOR(crm.|) p.plus
    FROM piece p LEFT JOIN crm.segment_chunk k ON k.segment_id = segment AND k.chunk_no = p.chunk_no
    ON CONFLICT (segment_id, chunk_no) DO UPDATE SET members = excluded.members;
    UPDATE crm.segment s SET person_count = s.person_count + cardinality(came) - cardinality(went) WHERE s.segment_id = segment;
    IF is_logged THEN
        INSERT INTO crm.segment_change (customer_id, segment_id, change_id, kind, at)
        SELECT c, segment, crm._new_id(), 'enter', _segment_store.at FROM unnest(came) c
        UNION ALL
        SELECT w, segment, crm._new_id(), 'leave', _segment_store.at FROM unnest(went) w;
    END IF;
    RETURN cardinality(came) + cardinality(went);
END
$$;
COMMENT ON FUNCTION crm._segment_store(int, bigint[], bigint[], timestamptz, boolean) IS
    'writes who entered and who left as of a moment: stays, bitmaps, count, and the log; who is in already or out already is left alone; returns how many moved';

CREATE FUNCTION crm._segment_ids(segment_id int) RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT crm.bitmap_agg(m.customer_id) FROM crm.segment_member m WHERE m.segment_id = _segment_ids.segment_id AND m.left_at = 'infinity');
END
$$;
COMMENT ON FUNCTION crm._segment_ids(int) IS 'customer ids of the members now, as a set';

CREATE FUNCTION crm._segment_version(rule jsonb) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    source record;
    one text;
    whole text := '';
BEGIN
    FOR source IN
        SELECT DISTINCT s.spec ->> 'version' AS version FROM crm.rule_source s
        WHERE s.spec ? 'version' AND s.kind IN (SELECT k #>> '{}' FROM jsonb_path_query(rule, '$.**.kind') k) ORDER BY 1
    LOOP
        EXECUTE format('SELECT %s()', source.version::regproc) INTO one;
        whole := concat_ws('; ', nullif(whole, ''), one);
    END LOOP;
    RETURN whole;
END
$$;
COMMENT ON FUNCTION crm._segment_version(jsonb) IS 'changes when something may have changed everybody''s answer to a rule; empty when nothing can';

CREATE FUNCTION crm._segment_pending(persons bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    source record;
    behind bigint[] := '{}';
    found bigint[];
BEGIN
    FOR source IN SELECT DISTINCT s.spec ->> 'pending' AS relation FROM crm.rule_source s WHERE s.spec ? 'pending' ORDER BY 1 LOOP
        EXECUTE format('SELECT array_agg(DISTINCT d.customer_id) FROM %s d WHERE d.customer_id = ANY ($1)', source.relation::regclass)
        INTO found USING persons;
        behind := behind || coalesce(found, '{}');
    END LOOP;
    RETURN behind;
END
$$;
COMMENT ON FUNCTION crm._segment_pending(bigint[]) IS 'those of the persons for whom a source of rules is still behind';

CREATE FUNCTION crm._segment_fill(segment_id int, moment timestamptz) RETURNS bigint[]
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    s crm.segment;
    wanted crm.bitmap;
    kept crm.bitmap;
    entering bigint[];
    leaving bigint[];
BEGIN
    SELECT x.* INTO s FROM crm.segment x WHERE x.segment_id = _segment_fill.segment_id FOR NO KEY UPDATE;
    wanted := crm._rule_set(s.rule, moment);
    kept := crm._segment_ids(s.segment_id);
    entering := crm.bitmap_array(wanted OPERATOR(crm.-) kept);
    leaving := crm.bitmap_array(kept OPERATOR(crm.-) wanted);
    PERFORM crm._segment_store(s.segment_id, entering, leaving, moment, s.kind = 'living' AND s.filled_version = s.version);
    UPDATE crm.segment x
    SET filled_at = moment, filled_version = s.version, watermark = moment, error = NULL, sources_version = crm._segment_version(s.rule)
    WHERE x.segment_id = s.segment_id;
    RETURN entering || leaving;
END
$$;
COMMENT ON FUNCTION crm._segment_fill(int, timestamptz) IS
    'asks everybody; the first time, and after an edit, nothing is logged: flows do not greet who was always there; returns who moved';

CREATE FUNCTION crm._segment_keep(segment_id int, candidates bigint[], moment timestamptz) RETURNS bigint[]
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    s crm.segment;
    fitting crm.bitmap;
    kept crm.bitmap;
    entering bigint[];
    leaving bigint[];
BEGIN
    SELECT x.* INTO s FROM crm.segment x WHERE x.segment_id = _segment_keep.segment_id FOR NO KEY UPDATE;
    IF cardinality(candidates) > 0 THEN
        fitting := crm.bitmap(crm._rule_fit(s.rule, candidates, moment));
        kept := (SELECT crm.bitmap_agg(m.customer_id)
                 FROM unnest(candidates) c (id)
                 CROSS JOIN LATERAL (SELECT x.customer_id, x.left_at FROM crm.segment_member x
                                     WHERE x.customer_id = c.id AND x.segment_id = s.segment_id OFFSET 0) m
                 WHERE m.left_at = 'infinity');
        entering := crm.bitmap_array(fitting OPERATOR(crm.-) kept);
        leaving := crm.bitmap_array(kept OPERATOR(crm.-) fitting);
        PERFORM crm._segment_store(s.segment_id, entering, leaving, moment, true);
    END IF;
    UPDATE crm.segment x SET watermark = moment WHERE x.segment_id = s.segment_id;
    RETURN coalesce(entering || leaving, '{}');
END
$$;
COMMENT ON FUNCTION crm._segment_keep(int, bigint[], timestamptz) IS 'asks the given persons and sets the watermark; returns who moved';

CREATE FUNCTION crm._segment_is_due_in_full(segment_id int, moment timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    s crm.segment;
BEGIN
    SELECT x.* INTO s FROM crm.segment x WHERE x.segment_id = _segment_is_due_in_full.segment_id;
    RETURN s.watermark IS NULL OR s.filled_version IS DISTINCT FROM s.version
        OR s.sources_version IS DISTINCT FROM crm._segment_version(s.rule)
        OR moment < s.watermark
        OR (NOT s.is_announced AND moment >= s.filled_at + (crm._setting('segment.full_minutes') #>> '{}')::int * interval '1 minute');
END
$$;
COMMENT ON FUNCTION crm._segment_is_due_in_full(int, timestamptz) IS
    'whether everybody is to be asked: a new rule, a change for everybody, a clock that went back, or a source that tells of no changes';

CREATE FUNCTION crm._segment_take(OUT persons bigint[], OUT kinds text[]) RETURNS record
    LANGUAGE plpgsql AS
$$
DECLARE
    piece int := (crm._setting('segment.piece_persons') #>> '{}')::int;
    marked bigint[] := ARRAY(SELECT DISTINCT d.customer_id FROM (SELECT x.customer_id FROM crm.segment_dirty x ORDER BY x.customer_id LIMIT 4 * piece) d);
    behind bigint[];
BEGIN
    persons := '{}';
    kinds := '{}';
    IF cardinality(marked) = 0 THEN
        RETURN;
    END IF;
    behind := crm._segment_pending(marked);
    marked := (crm.bitmap_array(crm.bitmap(marked) OPERATOR(crm.-) crm.bitmap(behind)))[1:piece];
    WITH taken AS (
        DELETE FROM crm.segment_dirty d USING unnest(marked) m (id) WHERE d.customer_id = m.id RETURNING d.customer_id, d.kind)
    SELECT coalesce(array_agg(t.customer_id), '{}'), coalesce(array_agg(t.kind), '{}') INTO persons, kinds
    FROM (SELECT DISTINCT x.customer_id, x.kind FROM taken x) t;
END
$$;
COMMENT ON FUNCTION crm._segment_take() IS
    'takes marks off the table, person and kind of fact as two arrays; persons for whom a source is behind keep theirs';

CREATE FUNCTION crm._segment_refresh() RETURNS bigint
    LANGUAGE plpgsql SET jit = off AS
$$
DECLARE
    moment timestamptz := crm.core_now();
    begun bigint := crm._new_id();
    mark record;
    s crm.segment;
    moved_of jsonb := '{}';             -- segment -> who moved in this run
    candidates bigint[];
    aged bigint[];
    moved bigint[];
    is_full boolean;
    everybody bigint := (SELECT greatest(c.reltuples, 1000)::bigint FROM pg_class c WHERE c.oid = 'crm.customer'::regclass);
    share numeric := (crm._setting('segment.full_share') #>> '{}')::numeric;
BEGIN
    SELECT * INTO mark FROM crm._segment_take();
    FOR s IN SELECT x.* FROM crm.segment x WHERE x.is_active AND x.kind = 'living' ORDER BY x.level, x.segment_id LOOP
        BEGIN
            is_full := crm._segment_is_due_in_full(s.segment_id, moment);
            IF NOT is_full THEN
                aged := crm._rule_moved(s.rule, s.watermark, moment);
            END IF;
            candidates := crm._segment_candidates(s.facts, s.needs, mark.persons, mark.kinds, moved_of) || coalesce(aged, '{}');
            IF is_full OR aged IS NULL OR cardinality(candidates) > everybody * share THEN
                moved := crm._segment_fill(s.segment_id, moment);
            ELSE
                moved := crm._segment_keep(s.segment_id, crm.bitmap_array(crm.bitmap(candidates)), moment);
            END IF;
            IF EXISTS (SELECT FROM crm.segment x WHERE x.needs @> ARRAY[s.segment_id]) THEN
                moved_of := moved_of || jsonb_build_object(s.segment_id, moved);
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            RAISE;      -- no fault of the segment: who changes tables goes first, and this run comes again
        WHEN OTHERS THEN
            -- one segment's fault must not stop the others; it is asked in full again when it can be
            UPDATE crm.segment x SET error = left(SQLSTATE || ' ' || SQLERRM, 200), watermark = NULL WHERE x.segment_id = s.segment_id;
        END;
        aged := NULL;
    END LOOP;
    -- marks made since have woken the worker themselves: it comes again when it has rested
    RETURN (SELECT count(*) FROM (SELECT FROM crm.segment_dirty d WHERE d.mark_id < begun LIMIT 100000) d);
END
$$;
COMMENT ON FUNCTION crm._segment_refresh() IS
    'job: brings every living segment up to date with the marks of up to segment.piece_persons persons and with time; returns the marks left of those there were, counted up to 100,000';

CREATE FUNCTION crm._segment_candidates(facts text[], needs int[], persons bigint[], kinds text[], moved_of jsonb) RETURNS bigint[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN coalesce((SELECT array_agg(p.id) FROM unnest(persons, kinds) p (id, kind) WHERE p.kind = 'membership' OR p.kind = ANY (facts)), '{}')
        || ARRAY(SELECT e::bigint FROM unnest(needs) n CROSS JOIN LATERAL jsonb_array_elements_text(moved_of -> n::text) e);
END
$$;
COMMENT ON FUNCTION crm._segment_candidates(text[], int[], bigint[], text[], jsonb) IS
    'whom to ask a segment''s rule about: marked by facts it asks for, or moved in a segment it names';
