-- segment: members kept by increments.  Facts mark persons; a run of the job asks the rules of the marked
-- ones, of those whom time may have moved since the watermark, and of those whose other segments changed,
-- and writes who entered and who left.  A full question to everybody comes when a rule is new, when something
-- changed for everybody, or when too many may have moved; it must find what increments found.
--
-- Locks: the segment's row, held by who writes its members.

CREATE FUNCTION crm._segment_mark(persons bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    piece int := CASE WHEN cardinality(persons) > 1000
        THEN greatest((crm._setting('segment.piece_persons') #>> '{}')::int, 1000)
        ELSE 1000 END;     -- one run takes whole marks
BEGIN
    INSERT INTO crm.segment_mark (mark_id, kind, persons)
    SELECT crm._new_id(), _segment_mark.kind, m.persons
    FROM (SELECT crm.bitmap(_segment_mark.persons[i + 1 : i + piece]) AS persons
        FROM generate_series(0, cardinality(_segment_mark.persons) - 1, piece) i) m
    WHERE crm.bitmap_count(m.persons) > 0
      AND EXISTS (SELECT FROM crm.segment s WHERE s.is_active AND s.kind = 'living'
          AND (_segment_mark.kind = 'membership' OR s.facts @> ARRAY[_segment_mark.kind]));
END
$$;
COMMENT ON FUNCTION crm._segment_mark(bigint[], text) IS
    'leaves persons to the next crm._segment_refresh(), when a living segment asks for facts of the kind';

CREATE FUNCTION crm._segment_on_facts(customer_ids bigint[], kind text, is_history boolean) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._segment_mark(customer_ids, kind);
END
$$;
COMMENT ON FUNCTION crm._segment_on_facts(bigint[], text, boolean) IS
    'consequence of facts: marks their persons in the same commit';

CREATE FUNCTION crm._segment_on_membership(survivor bigint, other bigint, record_ids bigint[], kind text) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM crm._segment_mark(ARRAY[survivor, other], 'membership');
    -- lists hold persons, not rules
    IF kind IN ('unmerge', 'split') THEN
        PERFORM crm._segment_step_back(p.id) FROM unnest(ARRAY[survivor, other]) p (id);
    END IF;
    IF EXISTS (SELECT FROM crm.customer c WHERE c.customer_id = other AND c.status = 'merged') THEN
        PERFORM crm._segment_stand_in(survivor, other);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._segment_on_membership(bigint, bigint, bigint[], text) IS
    'consequence of records that moved: both persons are looked at again; lists take the survivor for who was '
    'merged away, until the two are parted';

CREATE FUNCTION crm._segment_number(persons bigint[]) RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
        SET enable_mergejoin = off SET jit = off AS
$$
BEGIN
    INSERT INTO crm.segment_ordinal (customer_id, ordinal)
    SELECT p.id, nextval('crm.segment_ordinal_seq') FROM unnest(persons) p (id)
    WHERE NOT EXISTS (SELECT FROM crm.segment_ordinal o WHERE o.customer_id = p.id) ORDER BY p.id
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._segment_number(bigint[]) IS 'gives persons an ordinal who have none';

CREATE FUNCTION crm._segment_number_all() RETURNS void
    LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan SET jit = off AS
$$
BEGIN
    -- everybody has one, or next to: nothing to go through
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = 'crm.customer'::regclass AND c.reltuples >= 0       -- less than 0: nobody counted yet
               AND (SELECT q.last_value FROM crm.segment_ordinal_seq q) + 1 >= c.reltuples) THEN
        RETURN;
    END IF;
    INSERT INTO crm.segment_ordinal (customer_id, ordinal)
    SELECT p.customer_id, nextval('crm.segment_ordinal_seq')
    FROM (SELECT c.customer_id FROM crm.customer c WHERE c.status = 'active'
        AND NOT EXISTS (SELECT FROM crm.segment_ordinal o WHERE o.customer_id = c.customer_id) ORDER BY 1) p
    ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION crm._segment_number_all() IS
    'gives every active person an ordinal who has none, in the order of their ids: with a first fill, so that later '
    'runs number newcomers alone and neighbours lie side by side in the bitmaps';

CREATE FUNCTION crm._segment_log(segments int[], came crm.bitmap[], went crm.bitmap[], at timestamptz) RETURNS void
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
BEGIN
    INSERT INTO crm.segment_move AS x (segment_id, at, came, went)
    SELECT m.id, _segment_log.at, m.came, m.went FROM unnest(segments, _segment_log.came, _segment_log.went) m (id, came, went)
    WHERE crm.bitmap_count(m.came) > 0 OR crm.bitmap_count(m.went) > 0
    ON CONFLICT (segment_id, at) DO UPDATE SET came = x.came OPERATOR(crm.|) excluded.came, went = x.went OPERATOR(crm.|) excluded.went;
END
$$;
COMMENT ON FUNCTION crm._segment_log(int[], crm.bitmap[], crm.bitmap[], timestamptz) IS
    'writes down, by ordinals, who came into segments and who went at a moment';

CREATE FUNCTION crm._segment_store(segment_id int, entering bigint[], leaving bigint[], at timestamptz, is_logged boolean) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_custom_plan AS
$$
#variable_conflict use_column
DECLARE
    segment int := _segment_store.segment_id;
    is_list boolean;
    came bigint[];
    went bigint[];
BEGIN
    SELECT s.kind = 'static' INTO is_list FROM crm.segment s WHERE s.segment_id = segment FOR NO KEY UPDATE;
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
    UPDATE crm.segment s SET person_count = s.person_count + cardinality(came) - cardinality(went),
        moved_at = greatest(s.moved_at, _segment_store.at) WHERE s.segment_id = segment;
    IF is_list THEN     -- segments that name a list learn of it by marks, those that name a living segment in its run
        PERFORM crm._segment_mark(came || went, 'segment');
    END IF;
    IF is_logged THEN
        PERFORM crm._segment_log(ARRAY[segment],
                                 ARRAY[(SELECT coalesce(crm.bitmap_agg(o.ordinal), '{}') FROM crm.segment_ordinal o
                                 WHERE o.customer_id = ANY (came))],
                                 ARRAY[(SELECT coalesce(crm.bitmap_agg(o.ordinal), '{}') FROM crm.segment_ordinal o
                                             WHERE o.customer_id = ANY (went))], _segment_store.at);
    END IF;
    RETURN cardinality(came) + cardinality(went);
END
$$;
COMMENT ON FUNCTION crm._segment_store(int, bigint[], bigint[], timestamptz, boolean) IS
    'writes who entered and who left as of a moment: stays, bitmaps, count, and the log; who is in already or out '
    'already is left alone; returns how many moved';

CREATE FUNCTION crm._segment_whose(places crm.bitmap) RETURNS crm.bitmap
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_segment_whose';
COMMENT ON FUNCTION crm._segment_whose(crm.bitmap) IS
    'the persons of ordinals, found by going through all of them; null: a table that is no plain heap is not read so';

CREATE FUNCTION crm._segment_persons(places crm.bitmap) RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    numbered CONSTANT bigint := (SELECT greatest(c.reltuples, 1000)::bigint FROM pg_class c WHERE c.oid = 'crm.segment_ordinal'::regclass);
    persons crm.bitmap;
BEGIN
    IF crm.bitmap_count(places) > numbered / 50 THEN       -- many: the numbers are gone through once, none is looked up (+ 0: by no index)
        persons := crm._segment_whose(places);
        IF persons IS NULL THEN
            persons := (SELECT crm.bitmap_agg(o.customer_id) FROM crm.bitmap_members(places) m JOIN crm.segment_ordinal o ON o.ordinal + 0 = m);
        END IF;
    ELSE
        -- one by one, whatever the planner thinks of joins
        persons := (SELECT crm.bitmap_agg((SELECT o.customer_id FROM crm.segment_ordinal o WHERE o.ordinal = m)) FROM crm.bitmap_members(places) m);
    END IF;
    RETURN coalesce(persons, '{}');
END
$$;
COMMENT ON FUNCTION crm._segment_persons(crm.bitmap) IS 'the persons of ordinals, as a set';

CREATE FUNCTION crm._segment_ids(segment_id int) RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN crm._segment_persons(crm._segment_bitmap(segment_id));
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
COMMENT ON FUNCTION crm._segment_version(jsonb) IS
    'changes when something may have changed everybody''s answer to a rule; empty when nothing can';

CREATE FUNCTION crm._segment_behind() RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    relation text;
    one crm.bitmap;
    behind crm.bitmap := '{}';
BEGIN
    FOR relation IN SELECT DISTINCT s.spec ->> 'pending' FROM crm.rule_source s WHERE s.spec ? 'pending' LOOP
        EXECUTE format('SELECT crm.bitmap_agg(p.customer_id) FROM %s p', relation::regclass) INTO one;
        behind := behind OPERATOR(crm.|) coalesce(one, '{}');
    END LOOP;
    RETURN behind;
END
$$;
COMMENT ON FUNCTION crm._segment_behind() IS 'the persons for whom a source of rules is still behind';

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
    IF s.kind = 'living' AND s.filled_version IS NULL THEN
        PERFORM crm._segment_number_all();
    END IF;
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
    'asks everybody; the first time, and after an edit, nothing is logged: flows do not greet who was always there; '
    'returns who moved';

CREATE FUNCTION crm._segment_fitting(rules jsonb, candidates crm.bitmap, moment timestamptz, met crm.bitmap[] DEFAULT '{}') RETURNS crm.bitmap[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF crm.bitmap_count(candidates) > (crm._setting('segment.few_persons') #>> '{}')::int THEN
        RETURN crm._rule_fit_sets(rules, crm.bitmap_array(candidates), moment, met);
    END IF;
    RETURN ARRAY(SELECT crm.bitmap(crm._rule_fit(r.value, crm.bitmap_array(candidates), moment))
                 FROM jsonb_array_elements(rules) WITH ORDINALITY r ORDER BY r.ordinality);
END
$$;
COMMENT ON FUNCTION crm._segment_fitting(jsonb, crm.bitmap, timestamptz, crm.bitmap[]) IS
    'of each rule of a list the candidates who fit it; met: of each rule those who are known to be active and to '
    'meet all that no order changes';

CREATE FUNCTION crm._segment_kept(segment_id int, persons crm.bitmap) RETURNS crm.bitmap
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS
$$
BEGIN
    RETURN (SELECT coalesce(crm.bitmap_agg(m.customer_id), '{}') FROM crm.segment_member m
            WHERE m.customer_id = ANY (crm.bitmap_array(persons)) AND m.segment_id = _segment_kept.segment_id AND m.left_at = 'infinity');
END
$$;
COMMENT ON FUNCTION crm._segment_kept(int, crm.bitmap) IS 'who of the persons is in a segment';

CREATE FUNCTION crm._segment_keep(segment_id int, candidates crm.bitmap, fitting crm.bitmap, moment timestamptz) RETURNS bigint[]
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    s crm.segment;
    kept crm.bitmap;
    entering bigint[] := '{}';
    leaving bigint[] := '{}';
BEGIN
    SELECT x.* INTO s FROM crm.segment x WHERE x.segment_id = _segment_keep.segment_id FOR NO KEY UPDATE;
    IF crm.bitmap_count(candidates) > 0 THEN
        fitting := coalesce(fitting, (crm._segment_fitting(jsonb_build_array(s.rule), candidates, moment))[1]);
        kept := crm._segment_kept(s.segment_id, candidates);
        entering := crm.bitmap_array((fitting OPERATOR(crm.&) candidates) OPERATOR(crm.-) kept);
        leaving := crm.bitmap_array(kept OPERATOR(crm.-) fitting);
        PERFORM crm._segment_store(s.segment_id, entering, leaving, moment, true);
    END IF;
    UPDATE crm.segment x SET watermark = moment WHERE x.segment_id = s.segment_id;
    RETURN entering || leaving;
END
$$;
COMMENT ON FUNCTION crm._segment_keep(int, crm.bitmap, crm.bitmap, timestamptz) IS
    'takes in and out those of the candidates whom the rule moves (fitting: who of them fits; null: they are asked '
    'here) and sets the watermark; returns who moved';

CREATE FUNCTION crm._segment_is_due_in_full(s record, moment timestamptz, versioned text[], after_minutes interval) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN s.watermark IS NULL OR s.filled_version IS DISTINCT FROM s.version OR moment < s.watermark
        OR (NOT s.is_announced AND moment >= s.filled_at + after_minutes)
        OR s.sources_version IS DISTINCT FROM CASE WHEN EXISTS (SELECT FROM jsonb_path_query(s.rule, '$.**.kind') k
                WHERE k #>> '{}' = ANY (versioned)) THEN crm._segment_version(s.rule) ELSE '' END;
END
$$;
COMMENT ON FUNCTION crm._segment_is_due_in_full(record, timestamptz, text[], interval) IS
    'whether everybody is to be asked: a new rule, a clock that went back, a source that tells of no changes and '
    'was asked so long ago, or a change for everybody (of the kinds that have versions)';

CREATE FUNCTION crm._segment_take(OUT kinds text[], OUT persons crm.bitmap[]) RETURNS record
    LANGUAGE plpgsql SET jit = off AS
$$
DECLARE
    piece int := (crm._setting('segment.piece_persons') #>> '{}')::int;
    behind crm.bitmap;
BEGIN
    -- whole marks, the oldest first, until there are enough persons
    WITH oldest AS (
        SELECT m.mark_id, sum(m.persons_count) OVER (ORDER BY m.mark_id) - m.persons_count AS before
        FROM (SELECT x.mark_id, crm.bitmap_count(x.persons) AS persons_count FROM crm.segment_mark x ORDER BY x.mark_id LIMIT piece) m),
    taken AS (
        DELETE FROM crm.segment_mark m
            WHERE m.mark_id = ANY (ARRAY(SELECT o.mark_id FROM oldest o WHERE o.before < piece)) RETURNING m.kind,
            m.persons)
    SELECT array_agg(k.kind), array_agg(k.persons) INTO kinds, persons
        FROM (SELECT t.kind, crm.bitmap_union(t.persons) AS persons FROM taken t GROUP BY 1) k;
    IF kinds IS NULL THEN
        RETURN;
    END IF;
    -- marks of segments and of sources come in one commit: of a mark seen above its source's is seen here, too, or
    -- has been dealt with since
    behind := crm._segment_behind();
    IF crm.bitmap_count(behind) > 0 THEN
        INSERT INTO crm.segment_mark (mark_id, kind, persons)
        SELECT crm._new_id(), k.kind, k.persons OPERATOR(crm.&) behind FROM unnest(kinds, persons) k (kind, persons)
        WHERE crm.bitmap_count(k.persons OPERATOR(crm.&) behind) > 0;
        SELECT array_agg(k.kind), array_agg(k.persons OPERATOR(crm.-) behind) INTO kinds, persons FROM unnest(kinds, persons) k (kind, persons)
        WHERE crm.bitmap_count(k.persons OPERATOR(crm.-) behind) > 0;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._segment_take() IS
    'takes marks off the table: kinds of facts, and the persons of each; persons for whom a source is behind are '
    'marked again';

CREATE FUNCTION crm._segment_everybody() RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (SELECT greatest(c.reltuples, q.last_value, 1000)::bigint FROM pg_class c, crm.segment_ordinal_seq q
        WHERE c.oid = 'crm.customer'::regclass);
END
$$;
COMMENT ON FUNCTION crm._segment_everybody() IS
    'about how many persons there are: as the table was counted last, or as many as have ordinals, before it was '
    'counted first; 1,000 at least';

CREATE FUNCTION crm._segment_asked(segment_id int, kinds text[], persons crm.bitmap[], moved_of jsonb, moment timestamptz,
                                   OUT asked crm.bitmap, OUT doubted crm.bitmap) RETURNS record
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    s crm.segment;
    everybody CONSTANT bigint := crm._segment_everybody();
    versioned CONSTANT text[] := ARRAY(SELECT r.kind FROM crm.rule_source r WHERE r.spec ? 'version');
    aged record;
    by_segments crm.bitmap;
BEGIN
    SELECT x.* INTO s FROM crm.segment x WHERE x.segment_id = _segment_asked.segment_id;
    IF crm._segment_is_due_in_full(s, moment, versioned, (crm._setting('segment.full_minutes') #>> '{}')::int * interval '1 minute') THEN
        RETURN;
    END IF;
    SELECT * INTO aged FROM crm._rule_moved_apart(s.rule, s.watermark, moment);
    IF aged.persons IS NULL THEN
        RETURN;
    END IF;
    by_segments := crm.bitmap(ARRAY(SELECT e::bigint FROM unnest(s.needs) n CROSS JOIN LATERAL jsonb_array_elements_text(moved_of -> n::text) e));
    asked := (SELECT crm.bitmap_union(p.members) FROM unnest(kinds, persons) p (kind, members) WHERE p.kind = 'membership' OR p.kind = ANY (s.facts))
        OPERATOR(crm.|) crm.bitmap(aged.persons) OPERATOR(crm.|) by_segments;
    IF crm.bitmap_count(asked) > everybody * (crm._setting('segment.full_share') #>> '{}')::numeric THEN
        asked := NULL;
        RETURN;
    END IF;
    doubted := CASE WHEN s.is_announced THEN crm.bitmap(aged.doubted) OPERATOR(crm.|) by_segments ELSE asked END;
EXCEPTION
    WHEN lock_not_available THEN
        RAISE;
    WHEN OTHERS THEN    -- who asks everybody will be told why
        asked := NULL;
END
$$;
COMMENT ON FUNCTION crm._segment_asked(int, text[], crm.bitmap[], jsonb, timestamptz) IS
    'whom a segment''s rule is to be asked about now, of the persons marked by each kind of fact and of those whom '
    'time or other segments moved, null: everybody; doubted: those of whom more may have changed than the marks say';

CREATE FUNCTION crm._segment_asked_all(segments int[], kinds text[], persons crm.bitmap[], moved_of jsonb, moment timestamptz,
                                       OUT asked crm.bitmap[], OUT doubted crm.bitmap[]) RETURNS record
    LANGUAGE plpgsql STABLE SET jit = off AS
$$
DECLARE
    most CONSTANT numeric := crm._segment_everybody() * (crm._setting('segment.full_share') #>> '{}')::numeric;
    versioned CONSTANT text[] := ARRAY(SELECT r.kind FROM crm.rule_source r WHERE r.spec ? 'version');
    after_minutes CONSTANT interval := (crm._setting('segment.full_minutes') #>> '{}')::int * interval '1 minute';
BEGIN
    SELECT array_agg(a.asked ORDER BY a.n),
        array_agg(CASE WHEN a.is_announced THEN crm.bitmap(a.aged_doubted) OPERATOR(crm.|) a.by_segments
            ELSE a.asked END ORDER BY a.n) INTO asked, doubted
    FROM (SELECT w.n, w.is_announced, w.by_segments, w.aged_doubted, CASE WHEN crm.bitmap_count(w.asked) <= most THEN w.asked END AS asked
          FROM (SELECT s.n, s.is_announced, b.by_segments, aged.doubted AS aged_doubted,
                       coalesce((SELECT crm.bitmap_union(p.members) FROM unnest(kinds, persons) p (kind, members)
                               WHERE p.kind = 'membership' OR p.kind = ANY (s.facts)), '{}')
                           OPERATOR(crm.|) crm.bitmap(aged.persons) OPERATOR(crm.|) b.by_segments AS asked
                FROM (SELECT i.n, x.*, crm._segment_is_due_in_full(x, moment, versioned, after_minutes) AS is_due
                      FROM unnest(segments) WITH ORDINALITY i (id, n) JOIN crm.segment x ON x.segment_id = i.id) s
                CROSS JOIN LATERAL crm._rule_moved_apart(CASE WHEN NOT s.is_due THEN s.rule END, s.watermark, moment) aged
                CROSS JOIN LATERAL (SELECT coalesce(crm.bitmap_agg(e::bigint), '{}') AS by_segments
                                    FROM unnest(s.needs) d CROSS JOIN LATERAL jsonb_array_elements_text(moved_of -> d::text) e) b) w) a;
EXCEPTION
    WHEN lock_not_available THEN
        RAISE;
    WHEN OTHERS THEN    -- one of them cannot be asked: each by itself
        SELECT array_agg(a.asked ORDER BY i.n), array_agg(a.doubted ORDER BY i.n) INTO asked, doubted
        FROM unnest(segments) WITH ORDINALITY i (id, n), LATERAL crm._segment_asked(i.id, kinds, persons, moved_of, moment) a;
END
$$;
COMMENT ON FUNCTION crm._segment_asked_all(int[], text[], crm.bitmap[], jsonb, timestamptz) IS
    'what crm._segment_asked() says, of several segments in one statement';

CREATE FUNCTION crm._segment_places(persons crm.bitmap) RETURNS bigint[]
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_segment_places';
COMMENT ON FUNCTION crm._segment_places(crm.bitmap) IS
    'the ordinals of persons, ascending by id, -1: none yet; null: tables that are no plain heaps are not read so';

CREATE FUNCTION crm._segment_kept_of(segments int[], asked crm.bitmap[], persons crm.bitmap, places bigint[]) RETURNS crm.bitmap[]
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'crm_segment_kept_of';
COMMENT ON FUNCTION crm._segment_kept_of(int[], crm.bitmap[], crm.bitmap, bigint[]) IS
    'of each segment those asked about who are in, by the stored bitmaps and the ordinals of persons who include them';

CREATE FUNCTION crm._segment_answers(segments int[], asked crm.bitmap[], kept crm.bitmap[], doubted crm.bitmap[],
                                     moment timestamptz) RETURNS crm.bitmap[]
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    nothing CONSTANT crm.bitmap[] := array_fill(NULL::crm.bitmap, ARRAY[cardinality(segments)]);
    together crm.bitmap := (SELECT crm.bitmap_union(a) FROM unnest(asked) a);
    half bigint := crm.bitmap_count(together) / 2;
    bundle int[] := ARRAY(SELECT n::int FROM unnest(asked) WITH ORDINALITY x (a, n) WHERE crm.bitmap_count(a) > 0
            AND crm.bitmap_count(a) >= half ORDER BY n);
    found crm.bitmap[];
    fitting crm.bitmap[] := nothing;
BEGIN
    IF cardinality(bundle) > 0 THEN
        found := crm._segment_fitting((SELECT jsonb_agg(s.rule ORDER BY b.n) FROM unnest(bundle) b (n)
                                      JOIN crm.segment s ON s.segment_id = segments[b.n]),
                                      together, moment,
                                      ARRAY(SELECT kept[b.n] OPERATOR(crm.-) doubted[b.n]
                                          FROM unnest(bundle) WITH ORDINALITY b (n, place) ORDER BY b.place));
        FOR i IN 1 .. cardinality(bundle) LOOP
            fitting[bundle[i]] := found[i];
        END LOOP;
    END IF;
    RETURN fitting;
EXCEPTION
    WHEN lock_not_available THEN
        RAISE;
    WHEN OTHERS THEN    -- one of them cannot be asked: each is asked by itself, and that one says why
        RETURN nothing;
END
$$;
COMMENT ON FUNCTION crm._segment_answers(int[], crm.bitmap[], crm.bitmap[], crm.bitmap[], timestamptz) IS
    'who fits, of all segments whose candidates are mostly the same in one statement, be they candidates of each or '
    'of another; who is in and not doubted is asked only what orders change; null: to be asked by itself';

CREATE FUNCTION crm._segment_write(segments int[], asked crm.bitmap[], fitting crm.bitmap[], persons crm.bitmap, places bigint[], at timestamptz,
                                   OUT moved crm.bitmap[], OUT came crm.bitmap[], OUT went crm.bitmap[],
                                   OUT chunk_of int[], OUT chunk_no bigint[], OUT chunk crm.bitmap[]) RETURNS record
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'crm_segment_write';
COMMENT ON FUNCTION crm._segment_write(int[], crm.bitmap[], crm.bitmap[], crm.bitmap, bigint[], timestamptz) IS
    'begins and ends the stays of those asked about, of several locked segments, as of a moment that is later than '
    'all their stays begin, by the ordinals of persons who include them: of each segment who moved, by id, who came '
    'and who went, by ordinal, and the chunks that are to be stored';

CREATE FUNCTION crm._segment_settle(segments int[], asked crm.bitmap[], fitting crm.bitmap[], persons crm.bitmap,
                                    places bigint[], moment timestamptz) RETURNS crm.bitmap[]
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    nothing CONSTANT crm.bitmap[] := array_fill(NULL::crm.bitmap, ARRAY[cardinality(segments)]);
    -- under the segments' locks nobody else writes their stays, and a later moment than the last run's begins no stay
    -- there is
    chosen int[] := ARRAY(SELECT a.n::int FROM unnest(segments, asked, fitting) WITH ORDINALITY a (id, asked, fitting,
                          n) JOIN crm.segment x ON x.segment_id = a.id
                          WHERE x.watermark < moment AND (crm.bitmap_count(a.asked) = 0 OR a.asked IS NOT NULL
                                  AND a.fitting IS NOT NULL) ORDER BY a.n);
    ids int[] := ARRAY(SELECT segments[n] FROM unnest(chosen) WITH ORDINALITY c (n, place) ORDER BY place);
    done record;
    moved crm.bitmap[] := nothing;
BEGIN
    IF places IS NULL THEN      -- the tables are no plain ones: by statements
        RETURN nothing;
    END IF;
    SELECT * INTO done FROM crm._segment_write(ids, ARRAY(SELECT asked[n] FROM unnest(chosen) WITH ORDINALITY c (n, place) ORDER BY place),
                                               ARRAY(SELECT coalesce(fitting[n], '{}')
                                                       FROM unnest(chosen) WITH ORDINALITY c (n, place)
                                                       ORDER BY place), persons, places, moment);
    IF cardinality(done.chunk_of) > 0 THEN
        INSERT INTO crm.segment_chunk AS k (segment_id, chunk_no, members)
        SELECT * FROM unnest(done.chunk_of, done.chunk_no, done.chunk)
        ON CONFLICT (segment_id, chunk_no) DO UPDATE SET members = excluded.members;
        PERFORM crm._segment_log(ids, done.came, done.went, moment);
    END IF;
    UPDATE crm.segment x SET watermark = moment, person_count = x.person_count + crm.bitmap_count(m.came) - crm.bitmap_count(m.went),
        moved_at = CASE WHEN crm.bitmap_count(m.came) + crm.bitmap_count(m.went) > 0 THEN greatest(x.moved_at, moment) ELSE x.moved_at END
    FROM unnest(ids, done.came, done.went) m (id, came, went) WHERE x.segment_id = m.id;
    FOR i IN 1 .. cardinality(chosen) LOOP
        moved[chosen[i]] := done.moved[i];
    END LOOP;
    RETURN moved;
EXCEPTION
    WHEN lock_not_available THEN
        RAISE;
    WHEN OTHERS THEN    -- each is written by itself, and the one at fault says why
        RETURN nothing;
END
$$;
COMMENT ON FUNCTION crm._segment_settle(int[], crm.bitmap[], crm.bitmap[], crm.bitmap, bigint[], timestamptz) IS
    'brings segments, whose rows are locked, up to date with what was found of those asked about, together; of each '
    'who moved, null: it is still to be done by itself';

CREATE FUNCTION crm._segment_refresh_one(segment_id int, asked crm.bitmap, fitting crm.bitmap, moment timestamptz) RETURNS bigint[]
    LANGUAGE plpgsql AS
$$
BEGIN
    IF asked IS NULL THEN
        RETURN crm._segment_fill(segment_id, moment);
    END IF;
    RETURN crm._segment_keep(segment_id, asked, fitting, moment);
EXCEPTION
    WHEN lock_not_available THEN
        RAISE;      -- no fault of the segment: who changes tables goes first, and this run comes again
    WHEN OTHERS THEN
        -- one segment's fault must not stop the others; it is asked in full again when it can be
        UPDATE crm.segment x SET error = left(SQLSTATE || ' ' || SQLERRM, 200), watermark = NULL WHERE x.segment_id = _segment_refresh_one.segment_id;
        RETURN '{}';
END
$$;
COMMENT ON FUNCTION crm._segment_refresh_one(int, crm.bitmap, crm.bitmap, timestamptz) IS
    'brings one segment up to date; asked null: by asking everybody; a segment that cannot be asked keeps its '
    'members and its error; returns who moved';

CREATE FUNCTION crm._segment_is_still(moment timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF EXISTS (SELECT FROM crm.segment_mark)
       OR EXISTS (SELECT FROM crm.segment x WHERE x.is_active AND x.kind = 'living'
               AND (x.watermark IS NULL OR moment >= x.watermark + interval '5 minutes')) THEN
        RETURN false;
    END IF;
    RETURN NOT EXISTS (SELECT FROM crm.segment x WHERE x.is_active AND x.kind = 'living'
                       AND coalesce(crm.bitmap_count((crm._segment_asked(x.segment_id, '{}', '{}', '{}', moment)).asked), 1) > 0);
END
$$;
COMMENT ON FUNCTION crm._segment_is_still(timestamptz) IS
    'whether nobody is to be asked for any living segment, by marks or by time, and none was brought up to date '
    'five minutes ago or longer: then nothing is written, and whoever looks because something was written is left '
    'alone';

CREATE FUNCTION crm._segment_refresh() RETURNS bigint
    LANGUAGE plpgsql SET jit = off AS
$$
DECLARE
    moment timestamptz := crm.core_now();
    begun bigint;
    mark record;
    height int;
    segments int[];
    asked crm.bitmap[];
    doubted crm.bitmap[];
    other crm.bitmap;                   -- of whom more changed than orders
    together crm.bitmap;
    places bigint[];
    kept crm.bitmap[];
    fitting crm.bitmap[];
    settled crm.bitmap[];
    moved bigint[];
    named CONSTANT int[] := ARRAY(SELECT DISTINCT n FROM crm.segment x, unnest(x.needs) n);
    moved_of jsonb := '{}';             -- segment -> who moved in this run
BEGIN
    IF crm._segment_is_still(moment) THEN
        RETURN 0;
    END IF;
    begun := crm._new_id();
    SELECT * INTO mark FROM crm._segment_take();
    other := (SELECT coalesce(crm.bitmap_union(p.members), '{}')
            FROM unnest(mark.kinds, mark.persons) p (kind, members) WHERE p.kind NOT IN ('order', 'refund'));
    FOR height IN SELECT DISTINCT x.level FROM crm.segment x WHERE x.is_active AND x.kind = 'living' ORDER BY 1 LOOP
        segments := ARRAY(SELECT x.segment_id FROM crm.segment x WHERE x.is_active AND x.kind = 'living' AND x.level = height ORDER BY 1);
        PERFORM FROM crm.segment x WHERE x.segment_id = ANY (segments) ORDER BY x.segment_id FOR NO KEY UPDATE;
        SELECT a.asked, ARRAY(SELECT coalesce(d, '{}') OPERATOR(crm.|) other
                FROM unnest(a.doubted) WITH ORDINALITY x (d, n) ORDER BY n) INTO asked, doubted
        FROM crm._segment_asked_all(segments, mark.kinds, mark.persons, moved_of, moment) a;
        together := (SELECT coalesce(crm.bitmap_union(a), '{}') FROM unnest(asked) a);
        places := crm._segment_places(together);
        kept := coalesce(crm._segment_kept_of(segments,
                    ARRAY(SELECT coalesce(a, '{}') FROM unnest(asked) WITH ORDINALITY x (a, n) ORDER BY n), together,
                    places), '{}');
        fitting := crm._segment_answers(segments, asked, kept, doubted, moment);
        settled := crm._segment_settle(segments, asked, fitting, together, places, moment);
        FOR i IN 1 .. cardinality(segments) LOOP
            moved := NULL;
            IF settled[i] IS NULL THEN
                moved := crm._segment_refresh_one(segments[i], asked[i], fitting[i], moment);
            END IF;
            IF segments[i] = ANY (named) THEN
                moved_of := moved_of || jsonb_build_object(segments[i], coalesce(moved, crm.bitmap_array(settled[i])));
            END IF;
        END LOOP;
    END LOOP;
    -- marks made since have woken the worker themselves: it comes again when it has rested
    RETURN (SELECT count(*) FROM (SELECT FROM crm.segment_mark d WHERE d.mark_id < begun LIMIT 100000) d);
END
$$;
COMMENT ON FUNCTION crm._segment_refresh() IS
    'job: brings every living segment up to date with the marks of up to segment.piece_persons persons and with '
    'time; returns the marks left of those there were, counted up to 100,000';
