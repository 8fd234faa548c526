-- ingest_apply: the worker's two jobs for imports.  Each call does one piece in one transaction;
-- where it goes on is in the batch's row while lines are read, in the lane's while they are stored, so that
-- a crash costs at most a piece and repeats nothing.

CREATE FUNCTION crm._ingest_add_counts(counts jsonb, more jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS
$$
    SELECT coalesce(jsonb_object_agg(t.key, t.total), '{}')
    FROM (SELECT c.key, sum(c.value::bigint) AS total
          FROM (SELECT * FROM jsonb_each_text(counts) UNION ALL SELECT * FROM jsonb_each_text(coalesce(more, '{}'))) c GROUP BY c.key) t
$$;
COMMENT ON FUNCTION crm._ingest_add_counts(jsonb, jsonb) IS 'two sets of counts added up by name';

-- How many processes may share a batch: as many as there are, where a record's way does not depend on its neighbours'
-- order.
CREATE FUNCTION crm._ingest_lanes(entity text, has_repeats boolean) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE WHEN entity IN ('order_line', 'order', 'member')
        OR (entity IN ('event', 'interaction', 'coupon') AND NOT has_repeats) THEN 2 ELSE 1 END
$$;
COMMENT ON FUNCTION crm._ingest_lanes(text, boolean) IS
    'lanes of an import: 2 where what one number says stays together: orders in CSV by their first line, other '
    'orders and members by their number when one comes twice; of events, interactions and coupons none may come '
    'twice';

-- All lines have been read: accept, refuse, or wait for someone to confirm.
CREATE FUNCTION crm._ingest_judge(b record) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    errors bigint := coalesce((b.counts ->> 'errors')::bigint, 0);
    verdict text := CASE WHEN errors > 0 AND NOT b.is_lenient THEN 'invalid'
                         WHEN b.is_dry_run THEN 'awaiting_confirmation' ELSE 'accepted' END;
    lanes int;
    apart bigint[];
    runs bigint;
BEGIN
    SELECT array_agg(a.id ORDER BY a.id), sum(a.n) INTO apart, runs
    FROM (SELECT r.id, count(*) AS n FROM crm.batch_chunk c, unnest(c.run_ids) r(id) WHERE c.batch_id = b.batch_id
        GROUP BY r.id HAVING count(*) > 1) a;
    lanes := crm._ingest_lanes(b.entity, apart IS NOT NULL);
    b.is_by_person := b.entity = 'order_line' OR apart IS NULL;
    IF b.entity <> 'order_line' THEN
        apart := NULL;
    END IF;
    IF apart IS NOT NULL THEN
        INSERT INTO crm.batch_apart (batch_id, run_ids) VALUES (b.batch_id, apart);
        -- a run was counted as a fact; they are fewer
        b.counts := crm._ingest_add_counts(b.counts, jsonb_build_object('facts', cardinality(apart) - runs));
    END IF;
    INSERT INTO crm.batch_lane (batch_id, lane_no, lane_count, turn) SELECT b.batch_id, n, lanes, b.turn FROM generate_series(0, lanes - 1) n;
    INSERT INTO crm.batch_lane (batch_id, lane_no, lane_count, turn) SELECT b.batch_id, lanes, 0, b.turn WHERE apart IS NOT NULL;
    UPDATE crm.batch t SET state = verdict, counts = b.counts, is_by_person = b.is_by_person,
        line_count = t.line_count - CASE WHEN t.has_header THEN 1 ELSE 0 END,
        finished_at = CASE verdict WHEN 'invalid' THEN crm.core_now() END
    WHERE t.batch_id = b.batch_id;
END
$$;
COMMENT ON FUNCTION crm._ingest_judge(record) IS
    'all or nothing is decided here, in one commit, before anything is applied';

CREATE FUNCTION crm._ingest_validate() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    b record;
    input crm.ingest_input;
    found_counts jsonb;
    found_lines jsonb;
    end_chunk int;
    end_at int;
    end_line int;
BEGIN
    -- lines are read while later chunks still arrive; the row is not locked meanwhile, so that these need not wait
    SELECT t.* INTO b FROM crm.batch t
    WHERE t.state = 'validating' OR (t.state = 'receiving' AND t.chunk_count >= t.next_chunk + 8) ORDER BY t.turn, t.batch_id LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    IF b.next_chunk >= b.chunk_count THEN
        SELECT t.* INTO b FROM crm.batch t WHERE t.batch_id = b.batch_id AND t.state = 'validating' FOR UPDATE;
        IF FOUND THEN
            PERFORM crm._ingest_judge(b);
        END IF;
        RETURN 1;
    END IF;
    input := crm._ingest_batch_input(b, 8);
    input.max_facts := 1000000;
    WITH seen AS MATERIALIZED (
        SELECT * FROM crm._ingest_parse(input) AS p(chunk int, at int, line_no int, next_at int, next_line int, ordinal int,
            external_id text, id_hash bigint, content_hash bytea, code text, field text, remedy text,
            kind text, line_count int, is_of_nobody boolean)),
    noted AS (
        INSERT INTO crm.batch_error (batch_id, line_no, external_id, code, field, remedy)
        SELECT b.batch_id, s.line_no, s.external_id, s.code, s.field, s.remedy FROM seen s WHERE s.code IS NOT NULL ORDER BY s.line_no
        LIMIT greatest((crm._setting('ingest.error_lines') #>> '{}')::int - coalesce((b.counts ->> 'errors')::int, 0), 0)
        ON CONFLICT DO NOTHING),
    runs AS (
        INSERT INTO crm.batch_chunk AS c (batch_id, chunk_no, run_ids, run_starts, run_ends, run_lines)
        SELECT b.batch_id, b.next_chunk + s.chunk, array_agg(s.id_hash ORDER BY s.at), array_agg(s.at ORDER BY s.at),
               array_agg(s.next_at ORDER BY s.at), array_agg(s.line_no ORDER BY s.at)
        FROM seen s WHERE b.entity NOT IN ('product', 'consent') AND s.code IS NULL AND s.id_hash IS NOT NULL GROUP BY s.chunk
        ON CONFLICT ON CONSTRAINT batch_chunk_pkey DO UPDATE SET run_ids = c.run_ids || excluded.run_ids,
            run_starts = c.run_starts || excluded.run_starts,
            run_ends = c.run_ends || excluded.run_ends, run_lines = c.run_lines || excluded.run_lines),
    told AS (
        SELECT jsonb_strip_nulls(jsonb_build_object('facts', nullif(count(*), 0),
                   'would_create', nullif(count(*) FILTER (WHERE k.external_id IS NULL), 0),
                   'would_update', nullif(count(*) FILTER (WHERE k.content_hash <> s.content_hash), 0),
                   'would_keep', nullif(count(*) FILTER (WHERE k.content_hash = s.content_hash), 0))) AS counts
        FROM seen s LEFT JOIN crm.external_key k ON b.is_dry_run AND k.source_id = b.source_id
            AND k.kind = crm._ingest_key_kind(b.entity) AND k.external_id = s.external_id
        WHERE s.ordinal IS NOT NULL),
    lines AS (
        SELECT coalesce(jsonb_object_agg(l.became, l.n), '{}') AS counts
        FROM (SELECT s.kind AS became, sum(s.line_count) AS n FROM seen s WHERE s.kind IS NOT NULL GROUP BY s.kind
              UNION ALL SELECT 'without_person', sum(s.line_count) FROM seen s WHERE s.is_of_nobody HAVING count(*) > 0) l)
    SELECT CASE WHEN b.is_dry_run THEN t.counts ELSE t.counts - '{would_create,would_update,would_keep}'::text[] END
               || jsonb_strip_nulls(jsonb_build_object('errors', nullif((SELECT count(*) FROM seen WHERE code IS NOT NULL), 0))),
           l.counts, e.chunk, e.next_at, e.next_line
    INTO found_counts, found_lines, end_chunk, end_at, end_line
    FROM told t, lines l, seen e WHERE e.ordinal IS NULL AND e.code IS NULL AND e.id_hash IS NULL;
    UPDATE crm.batch t SET next_chunk = t.next_chunk + end_chunk, next_at = end_at, next_line = end_line, turn = crm._new_id(),
        counts = crm._ingest_add_counts(t.counts, found_counts), line_kinds = crm._ingest_add_counts(t.line_kinds, found_lines)
    WHERE t.batch_id = b.batch_id AND t.state IN ('receiving', 'validating') AND (t.next_chunk, t.next_at) = (b.next_chunk, b.next_at);
    IF NOT FOUND AND EXISTS (SELECT FROM crm.batch t WHERE t.batch_id = b.batch_id AND t.state <> 'aborted') THEN
        RAISE EXCEPTION 'these lines were read twice' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._ingest_validate() IS
    'job: reads the next lines of a batch and notes what is wrong with them; at its end accepts or refuses it '
    'whole; 0 when none is waiting';

-- The runs of some orders whose lines lie apart, side by side, for the parser.
CREATE FUNCTION crm._ingest_gathered_input(b record, ids bigint[]) RETURNS crm.ingest_input
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    input crm.ingest_input := crm._ingest_batch_input(b, 0);
BEGIN
    input.has_header := false; input.start_at := 0; input.start_line := 1; input.is_gathered := true;
    input.only_ids := ids;
    SELECT array_agg(r.payload ORDER BY r.line), array_agg(r.inbox_id ORDER BY r.line), array_agg(r.line ORDER BY r.line)
    INTO input.payloads, input.inbox_ids, input.first_lines
    FROM (SELECT substring(i.payload FROM u.starts + 1 FOR u.ends - u.starts) AS payload, i.inbox_id, u.line
          FROM crm.batch_chunk c
          CROSS JOIN LATERAL unnest(c.run_ids, c.run_starts, c.run_ends, c.run_lines) u(id, starts, ends, line)
          JOIN crm.inbox i ON i.received_at = b.created_at AND i.batch_id = b.batch_id AND i.chunk_no = c.chunk_no
          WHERE c.batch_id = b.batch_id AND u.id = ANY (ids)) r;
    RETURN input;
END
$$;
COMMENT ON FUNCTION crm._ingest_gathered_input(record, bigint[]) IS
    'the parser''s input that holds all lines of some orders of a batch';

CREATE FUNCTION crm._ingest_piece_limit() RETURNS int
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN greatest((crm._setting('ingest.piece_facts') #>> '{}')::int, 1);
END
$$;
COMMENT ON FUNCTION crm._ingest_piece_limit() IS 'facts of an import that are stored in one transaction, at most';

-- What the next piece of a lane is; null when all of it is applied.
CREATE FUNCTION crm._ingest_next_piece(b record, lane record) RETURNS crm.ingest_input
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    input crm.ingest_input;
    apart bigint[] := (SELECT a.run_ids FROM crm.batch_apart a WHERE a.batch_id = b.batch_id);
BEGIN
    IF lane.lane_count = 0 THEN
        IF lane.gathered < cardinality(apart) THEN
            input := crm._ingest_gathered_input(b, apart[lane.gathered + 1 : lane.gathered + least(lane.piece_facts, 500)]);
            input.max_facts := 500;
        END IF;
    ELSIF lane.next_chunk < b.chunk_count THEN
        b.next_chunk := lane.next_chunk; b.next_at := lane.next_at; b.next_line := lane.next_line;
        input := crm._ingest_batch_input(b, 2 * lane.lane_count);       -- a piece is about half a chunk's lines
        input.skip := apart; input.lane := lane.lane_no; input.lane_count := lane.lane_count; input.is_by_person := b.is_by_person;
        input.max_facts := least(lane.piece_facts, crm._ingest_piece_limit());
    END IF;
    RETURN input;
END
$$;
COMMENT ON FUNCTION crm._ingest_next_piece(record, record) IS
    'the parser''s input of the next piece of a lane; null at its end';

-- What a piece came to is written to its lane, and what was refused to crm.reject.  The batch's row is left alone: the
-- other lane would have to wait for it.  A lane keeps its turn for some pieces, so that both processes are at one batch.
CREATE FUNCTION crm._ingest_book(b record, lane record, input crm.ingest_input, outcomes crm.ingest_outcome[]) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    place crm.ingest_outcome;
BEGIN
    INSERT INTO crm.reject (reject_id, received_at, inbox_id, line_no, batch_id, source_id, entity, external_id, code,
            field, remedy, state, rejected_at, next_attempt_at)
    SELECT crm._new_id(), b.created_at, input.inbox_ids[o.chunk + 1], o.line_no, b.batch_id, b.source_id, b.entity,
        o.external_id, o.code, o.field, o.remedy,
           CASE o.code WHEN 'RM217' THEN 'retry' ELSE 'open' END, crm.core_now(),
           CASE o.code WHEN 'RM217' THEN crm.core_now() + (crm._setting('ingest.retry_seconds') #>> '{}')::int * interval '1 second' END
    FROM unnest(outcomes) o WHERE o.code IS NOT NULL;
    SELECT o.* INTO place FROM unnest(outcomes) o WHERE o.outcome = 'end';
    UPDATE crm.batch_lane l SET pieces = l.pieces + 1, turn = CASE WHEN l.lane_count < 2 OR l.pieces % 8 = 7 THEN crm._new_id() ELSE l.turn END,
        counts = crm._ingest_add_counts(l.counts, (SELECT jsonb_object_agg(c.outcome, c.n) FROM (
            SELECT coalesce(o.outcome, 'rejected') AS outcome, count(*) AS n FROM unnest(outcomes) o
            WHERE o.outcome IS NULL OR o.outcome NOT IN ('end', 'moved') GROUP BY 1) c)),
        attempts = 0, next_attempt_at = NULL, last_error = NULL,
        next_chunk = CASE WHEN input.is_gathered THEN l.next_chunk ELSE l.next_chunk + place.chunk END,
        next_at = CASE WHEN input.is_gathered THEN l.next_at ELSE place.next_at END,
        next_line = CASE WHEN input.is_gathered THEN l.next_line ELSE place.next_line END,
        gathered = CASE WHEN input.is_gathered THEN l.gathered + cardinality(input.only_ids) ELSE l.gathered END,
        piece_facts = least(lane.piece_facts * 2, crm._ingest_piece_limit())
    WHERE l.batch_id = lane.batch_id AND l.lane_no = lane.lane_no;
    -- an erased person's record is not even kept raw
    PERFORM crm._access_blank_lines(b.created_at, input.inbox_ids[o.chunk + 1], array_agg(o.line_no))
    FROM unnest(outcomes) o WHERE o.outcome = 'suppressed' GROUP BY o.chunk;
    IF lane.attempts > 0 THEN
        PERFORM crm._alert_close('ingest.batch', b.batch_id::text);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._ingest_book(record, record, crm.ingest_input, crm.ingest_outcome[]) IS
    'writes down what a piece came to: rejects, counts, where the lane goes on; a success clears its failures';

CREATE FUNCTION crm._ingest_end_lane(lane record) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    is_last boolean;
BEGIN
    PERFORM FROM crm.batch t WHERE t.batch_id = lane.batch_id FOR UPDATE;      -- of two that end at once, the second sees the first
    UPDATE crm.batch_lane l SET is_done = true WHERE l.batch_id = lane.batch_id AND l.lane_no = lane.lane_no;
    is_last := NOT EXISTS (SELECT FROM crm.batch_lane l WHERE l.batch_id = lane.batch_id AND NOT l.is_done);
    UPDATE crm.batch t SET counts = crm._ingest_add_counts(t.counts, lane.counts), state = CASE WHEN is_last THEN 'done' ELSE t.state END,
        finished_at = CASE WHEN is_last THEN crm.core_now() END
    WHERE t.batch_id = lane.batch_id;
END
$$;
COMMENT ON FUNCTION crm._ingest_end_lane(record) IS 'a lane is through, and with the last one its batch';

-- A piece of one fact failed: the line becomes a reject, and the batch goes on behind it.
CREATE FUNCTION crm._ingest_poison(b record, lane record, input crm.ingest_input, state text, message text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    is_data boolean := crm._ingest_failure_kind(state) = 'data';
    outcomes crm.ingest_outcome[];
BEGIN
    outcomes := ARRAY(
        SELECT ROW(p.chunk, p.line_no, p.next_at, p.next_line, p.external_id,
                   CASE WHEN p.code IS NOT NULL THEN p.code WHEN p.id_hash IS NULL AND p.ordinal IS NULL THEN NULL
                       WHEN is_data THEN state ELSE 'RM217' END, p.field,
                   CASE WHEN p.code IS NOT NULL THEN p.remedy
                        WHEN NOT is_data THEN 'Nothing to do: the record is kept and tried again.'
                        WHEN state LIKE 'RM%' THEN message
                        ELSE 'The record contradicts what is stored; look at its ids and references.' END,
                   NULL, NULL, CASE WHEN p.ordinal IS NULL AND p.code IS NULL AND p.id_hash IS NULL THEN 'end' END)::crm.ingest_outcome
        FROM crm._ingest_parse(input) AS p(chunk int, line_no int, next_at int, next_line int, ordinal int, external_id text, id_hash bigint,
            code text, field text, remedy text)
        WHERE p.ordinal IS NOT NULL OR p.code IS NOT NULL OR p.id_hash IS NULL);
    PERFORM crm._ingest_book(b, lane, input, outcomes);
END
$$;
COMMENT ON FUNCTION crm._ingest_poison(record, record, crm.ingest_input, text, text) IS
    'the one fact of a piece that cannot be stored becomes a reject';

CREATE FUNCTION crm._ingest_postpone(lane record, state text, message text) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    is_moment boolean := crm._ingest_failure_kind(state) = 'moment';
BEGIN
    -- who collides with the tills comes back at the next turn, with half as much to lock
    UPDATE crm.batch_lane l SET attempts = l.attempts + 1, turn = crm._new_id(), last_error = _ingest_postpone.state || ' ' || message,
        piece_facts = CASE WHEN is_moment THEN greatest(least(lane.piece_facts, crm._ingest_piece_limit()) / 2, 1) ELSE l.piece_facts END,
        next_attempt_at = CASE WHEN NOT is_moment THEN crm.core_now() + (crm._setting('ingest.retry_seconds') #>> '{}')::int * interval '1 second' END
    WHERE l.batch_id = lane.batch_id AND l.lane_no = lane.lane_no;
    IF lane.attempts + 1 >= (crm._setting('ingest.alert_failures') #>> '{}')::int AND crm._ingest_failure_kind(_ingest_postpone.state) = 'house' THEN
        PERFORM crm._alert('ingest.batch', lane.batch_id::text, jsonb_build_object('error', state, 'failures', lane.attempts + 1));
    END IF;
END
$$;
COMMENT ON FUNCTION crm._ingest_postpone(record, text, text) IS
    'a failure that is not of the data: the lane is tried again, at once and in smaller pieces after a collision, '
    'else later; one alert after ingest.alert_failures in a row';

-- A lane that nobody can share would be the last one under way, with one process at it and the other idle: so
-- whoever helps begins with the longest of these, while the worker goes by turns.  Of the others each keeps to its own
-- lane, for a member's orders, events and coupons fall to one lane in all files of a source; but for a file whose
-- other lane is through, or far ahead since nobody helps.
CREATE FUNCTION crm._ingest_apply(is_help boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    lane record;
    b record;
    input crm.ingest_input;
    outcomes crm.ingest_outcome[];
    state text;
    message text;
    lasting text := current_setting('synchronous_commit');
BEGIN
    -- from now on it can be given up only while nothing of it is stored
    UPDATE crm.batch t SET state = 'applying' FROM (SELECT x.batch_id FROM crm.batch x WHERE x.state = 'accepted' FOR UPDATE SKIP LOCKED) a
    WHERE t.batch_id = a.batch_id;
    IF FOUND THEN
        RETURN 1;
    END IF;
    -- of those that nobody works on; the lines that lie apart come last
    SELECT l.* INTO lane FROM crm.batch t JOIN crm.batch_lane l ON l.batch_id = t.batch_id
    WHERE t.state = 'applying' AND NOT l.is_done AND (l.next_attempt_at IS NULL OR l.next_attempt_at <= crm.core_now())
      AND (l.lane_count > 0 OR NOT EXISTS (SELECT FROM crm.batch_lane o WHERE o.batch_id = t.batch_id AND o.lane_count > 0 AND NOT o.is_done))
    ORDER BY CASE WHEN is_help AND l.lane_count = 1 THEN t.chunk_count - l.next_chunk END DESC NULLS LAST,
             (l.lane_no % 2 = 1) <> is_help AND EXISTS (SELECT FROM crm.batch_lane o WHERE o.batch_id = l.batch_id AND o.lane_no % 2 <> l.lane_no % 2
                                                        AND NOT o.is_done AND o.pieces < l.pieces + 16),
             l.turn, l.batch_id, l.lane_no
    LIMIT 1 FOR UPDATE OF l SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT t.* INTO b FROM crm.batch t WHERE t.batch_id = lane.batch_id;
    -- a piece that a crash undoes is stored again, place and all; that the lane is through is waited for, and all
    -- before it with it
    PERFORM set_config('synchronous_commit', 'off', true);
    LOOP
        input := crm._ingest_next_piece(b, lane);
        IF input.source_id IS NULL THEN
            PERFORM set_config('synchronous_commit', lasting, true);
            PERFORM crm._ingest_end_lane(lane);
            RETURN 1;
        END IF;
        BEGIN
            outcomes := crm._ingest_take(input);
            PERFORM crm._ingest_book(b, lane, input, outcomes);
            RETURN 1;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
            IF state LIKE '57%' THEN
                RAISE;
            END IF;
        END;
        -- a poison line is found by halving; a house at fault first gets its chances
        IF crm._ingest_failure_kind(state) = 'moment' OR state LIKE '53%' OR state LIKE '58%'
           OR (crm._ingest_failure_kind(state) = 'house' AND lane.attempts < (crm._setting('ingest.alert_failures') #>> '{}')::int) THEN
            PERFORM crm._ingest_postpone(lane, state, message);
            RETURN CASE WHEN crm._ingest_failure_kind(state) = 'moment' THEN 0 ELSE 1 END;      -- not this very moment again
        ELSIF (CASE WHEN input.is_gathered THEN cardinality(input.only_ids) ELSE input.max_facts END) <= 1 THEN
            PERFORM crm._ingest_poison(b, lane, input, state, message);
            RETURN 1;
        END IF;
        lane.piece_facts := greatest(least(lane.piece_facts, crm._ingest_piece_limit()) / 2, 1);
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._ingest_apply(boolean) IS
    'job: stores the next piece of a lane of an accepted batch, the lane whose turn it is (as a help: the longest '
    'that cannot be shared), at most ingest.piece_facts facts, with all they cause, in one transaction; 0 when '
    'nothing is due or the piece has to wait';
