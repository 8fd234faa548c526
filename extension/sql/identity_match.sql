-- identity, the matcher on the installation's own records: a model of how they are written, pairs that
-- it holds for one person put to people, and why.  It merges nobody: what may be merged without anybody
-- looking (equal identifiers; whole name and home) is the partition's, on every write.

CREATE FUNCTION crm._identity_match_kinds() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT '{name,date,sex,address,phone,email}'::text[] $$;
COMMENT ON FUNCTION crm._identity_match_kinds() IS
    'the fields of a record that are compared, as kinds of crm.identity_link()';

CREATE FUNCTION crm._identity_match_rows(records bigint[] DEFAULT NULL)
    RETURNS TABLE (source_record_id bigint, name text, birthday text, sex text, address text, phone text, email text)
    LANGUAGE sql STABLE
    AS $$
    SELECT r.source_record_id, p.name, crm._day_text(p.birthday), p.sex::text,
           CASE WHEN p.address_sealed IS NOT NULL THEN concat(p.province, p.city, p.district, crm._decrypt('address', p.address_sealed)) END,
           v.phone, v.email
    FROM crm.source_record r
    JOIN crm.source_record_private p ON p.source_record_id = r.source_record_id AND p.revision = r.revision
    LEFT JOIN LATERAL (
        SELECT min(crm._decrypt('phone', i.value_sealed)) FILTER (WHERE i.kind = 1) AS phone,
               min(crm._decrypt('email', i.value_sealed)) FILTER (WHERE i.kind = 2) AS email
        FROM crm.record_identifier ri
        JOIN crm.identifier i ON i.kind = ri.kind AND i.value_hash = ri.value_hash AND NOT i.is_blocked
        WHERE ri.source_record_id = r.source_record_id AND ri.kind IN (1, 2) AND ri.ended_at IS NULL) v ON true
    WHERE r.is_current AND (records IS NULL OR r.source_record_id = ANY (records))
      AND (records IS NOT NULL OR p.name IS NOT NULL OR p.address_sealed IS NOT NULL) $$;
COMMENT ON FUNCTION crm._identity_match_rows(bigint[]) IS
    'records in clear as the matcher reads them, columns as crm._identity_match_kinds(); null: all that tell a name '
    'or an address';

-- The model that weighs: the newest, or the presets.
CREATE FUNCTION crm._identity_match_model(OUT version int, OUT model bytea, OUT report jsonb)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    SELECT m.version, m.model, m.report INTO version, model, report FROM crm.match_model m ORDER BY m.version DESC LIMIT 1;
    IF version IS NULL THEN
        version := 0;
        model := crm._identity_link_preset(crm._identity_match_kinds());
        report := crm._identity_link_report(model);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._identity_match_model() IS
    'the newest model with its report; version 0: presets, before any training';

CREATE FUNCTION crm._identity_match_learn(seed bigint) RETURNS jsonb
    LANGUAGE plpgsql AS
$$
DECLARE
    next_version int := 1 + coalesce((SELECT max(m.version) FROM crm.match_model m), 0);
    trained bytea := crm._identity_link_train('SELECT * FROM crm._identity_match_rows()', crm._identity_match_kinds(), seed);
    told jsonb := crm._identity_link_report(trained) || crm._identity_match_cut(trained);
BEGIN
    INSERT INTO crm.match_model (version, trained_at, actor, seed, model, report)
    VALUES (next_version, crm.core_now(), crm._actor(), seed, trained, told);
    RETURN jsonb_build_object('version', next_version, 'is_preset', false) || told;
END
$$;
COMMENT ON FUNCTION crm._identity_match_learn(bigint) IS 'trains on all records and keeps the model; its report';

CREATE FUNCTION crm.identity_train(seed bigint DEFAULT 1) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    least_records int := (crm._setting('identity.match_least') #>> '{}')::int;
    records bigint;
    used record;
BEGIN
    IF seed IS NULL THEN
        RAISE EXCEPTION 'a seed is needed' USING ERRCODE = 'null_value_not_allowed', COLUMN = 'seed',
            HINT = 'Give any whole number; the same gives the same model.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('crm.identity_match', 0));
    SELECT count(*) INTO records FROM crm.source_record_private p WHERE p.name IS NOT NULL OR p.address_sealed IS NOT NULL;
    IF records >= least_records THEN
        RETURN crm._identity_match_learn(seed);
    END IF;
    used := crm._identity_match_model();
    RETURN jsonb_build_object('version', used.version, 'is_preset', used.version = 0) || used.report;
END
$$;
COMMENT ON FUNCTION crm.identity_train(bigint) IS
    'learns from the installation''s own records how persons are written and keeps the model under the next '
    'version; deterministic for records and seed. Returns version, rows, prior and both cuts in log2 odds with the '
    'precision expected at them (pairs over cut are put to people; cut_by labels: chosen by what people answered to '
    'proposals, once identity.match_labels are decided), and chances and bits of every level. With fewer than '
    'identity.match_least records nothing is trained: the model in use. 22004 without a seed';

-- Pairs, keys that were left out, and the run that people can watch.
CREATE FUNCTION crm._identity_match_run(day date) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    used record := crm._identity_match_model();
    run bigint := crm._new_id();
BEGIN
    TRUNCATE crm.match_edge, crm.match_skip;
    WITH found AS MATERIALIZED (
        SELECT f.* FROM crm._identity_link_run('SELECT * FROM crm._identity_match_rows()', NULL, used.model) f WHERE f.part IN ('edge', 'skip')),
    edges AS (
        INSERT INTO crm.match_edge (place, record_a, record_b, odds, levels, rule, guard)
        SELECT row_number() OVER (ORDER BY e.odds DESC, least(e.a, e.b), greatest(e.a, e.b)), least(e.a, e.b), greatest(e.a, e.b),
               e.odds, e.levels, e.rule, e.refused
        FROM found e WHERE e.part = 'edge' AND e.odds >= (used.report ->> 'cut')::float8
        RETURNING 1),
    skips AS (
        INSERT INTO crm.match_skip (rule, source_record_id, record_count)
        SELECT s.rule, s.a, max(s.b) FROM found s WHERE s.part = 'skip' GROUP BY s.rule, s.a
        RETURNING 1)
    INSERT INTO crm.match_run (run_id, started_at, day, version, state, edge_count, skip_count)
    SELECT run, crm.core_now(), day, used.version, 'proposing', (SELECT count(*) FROM edges), (SELECT count(*) FROM skips);
    RETURN run;
END
$$;
COMMENT ON FUNCTION crm._identity_match_run(date) IS
    'weighs all records by the model in use: edges over its cut, heaviest first, and the keys left out; the run, '
    'whose edges are proposed next';

-- Two persons are asked about once, whatever the answer.
CREATE FUNCTION crm._identity_match_propose(first_place int, last_place int, version int) RETURNS int
    LANGUAGE plpgsql AS
$$
DECLARE
    proposed int;
BEGIN
    INSERT INTO crm.review (review_id, customer_a, customer_b, reason, evidence, state, opened_at)
    SELECT crm._new_id(), d.a, d.b, 'match', d.evidence, 'open', crm.core_now()
    FROM (SELECT DISTINCT ON (least(x.customer_id, y.customer_id), greatest(x.customer_id, y.customer_id))
                 least(x.customer_id, y.customer_id) AS a, greatest(x.customer_id, y.customer_id) AS b, e.place,
                 jsonb_build_object('records', jsonb_build_array(e.record_a, e.record_b),
                         'odds', round(e.odds::numeric, 2), 'version', version) AS evidence
          FROM crm.match_edge e
          JOIN crm.membership x ON x.source_record_id = e.record_a AND x.valid_to = 'infinity'
          JOIN crm.membership y ON y.source_record_id = e.record_b AND y.valid_to = 'infinity'
          WHERE e.place BETWEEN first_place AND last_place AND x.customer_id <> y.customer_id
            AND NOT EXISTS (SELECT FROM crm.cannot_link l
                            JOIN crm.membership p ON p.source_record_id = l.record_a AND p.valid_to = 'infinity'
                            JOIN crm.membership q ON q.source_record_id = l.record_b AND q.valid_to = 'infinity'
                            WHERE p.customer_id IN (x.customer_id, y.customer_id) AND q.customer_id IN (x.customer_id, y.customer_id)
                              AND p.customer_id <> q.customer_id)
          ORDER BY 1, 2, e.place) d
    WHERE NOT EXISTS (SELECT FROM crm.review r WHERE least(r.customer_a, r.customer_b) = d.a AND greatest(r.customer_a, r.customer_b) = d.b)
    ORDER BY d.place
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS proposed = ROW_COUNT;
    RETURN proposed;
END
$$;
COMMENT ON FUNCTION crm._identity_match_propose(int, int, int) IS
    'opens a review (reason match) for each pair of persons that edges of these places hold for one, unless they '
    'were asked about before or decided to be two; how many';

CREATE FUNCTION crm._identity_match_step() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    today date := crm._local_day(crm.core_now(), crm._setting('core.time_zone') #>> '{}');
    run record;
    last_place int;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('crm.identity_match', 0)) THEN
        RETURN 0;
    END IF;
    SELECT r.* INTO run FROM crm.match_run r ORDER BY r.run_id DESC LIMIT 1;
    IF run.run_id IS NULL OR run.state = 'done' AND run.day < today THEN
        PERFORM crm._identity_match_run(today);
        RETURN 1;
    ELSIF run.state = 'done' THEN
        RETURN 0;
    END IF;
    last_place := least(run.next_place + 999, run.edge_count);
    UPDATE crm.match_run r
    SET proposed = r.proposed + crm._identity_match_propose(run.next_place, last_place, run.version), next_place = last_place + 1,
        state = CASE WHEN last_place >= run.edge_count THEN 'done' ELSE 'proposing' END,
        finished_at = CASE WHEN last_place >= run.edge_count THEN crm.core_now() END
    WHERE r.run_id = run.run_id;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION crm._identity_match_step() IS
    'job: once a local day weighs all records, then proposes a thousand edges a call; 0 when nothing is left. What '
    'was begun goes on after a crash where the last call ended';

CREATE FUNCTION crm.identity_match_progress() RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN (
        SELECT jsonb_build_object('day', r.day, 'state', r.state, 'model', r.version, 'edges', r.edge_count, 'keys_left_out', r.skip_count,
                   'proposed', r.proposed, 'progress', CASE WHEN r.edge_count = 0 THEN 1
                       ELSE round((r.next_place - 1)::numeric / r.edge_count, 3) END,
                   'started_at', r.started_at, 'finished_at', r.finished_at)
        FROM crm.match_run r ORDER BY r.run_id DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm.identity_match_progress() IS
    'the newest run of the matcher: its day, state, model version (0: presets), edges, keys left out for being too '
    'common, pairs proposed, progress from 0 to 1; null before the first';

-- The nearest pair of records of two persons.
CREATE FUNCTION crm._identity_match_nearest(model bytea, a bigint, b bigint, OUT record_a bigint, OUT record_b bigint,
                                            OUT values_a text[], OUT values_b text[], OUT odds float8)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS
$$
DECLARE     -- known before the statement is planned: all records would be walked for a few, if they might be null
    of_a bigint[] := coalesce((crm._identity_records_of(a))[1:50], '{}');
    of_b bigint[] := coalesce((crm._identity_records_of(b))[1:50], '{}');
BEGIN
    WITH one AS (SELECT q.source_record_id, ARRAY[q.name, q.birthday, q.sex, q.address, q.phone, q.email] AS told
            FROM crm._identity_match_rows(of_a) q),
    other AS (SELECT q.source_record_id, ARRAY[q.name, q.birthday, q.sex, q.address, q.phone, q.email] AS told FROM crm._identity_match_rows(of_b) q)
    SELECT x.source_record_id, y.source_record_id, x.told, y.told, (crm._identity_link_odds(model, x.told, y.told))[1]
    INTO record_a, record_b, values_a, values_b, odds
    FROM one x, other y
    ORDER BY 5 DESC, 1, 2 LIMIT 1;
END
$$;
COMMENT ON FUNCTION crm._identity_match_nearest(bytea, bigint, bigint) IS
    'of the first fifty records of each of two persons the pair with the highest odds, with what they tell in '
    'clear; nulls when one has none';

-- Lines for people: 姓名 ... +9.1
CREATE FUNCTION crm._identity_match_waterfall(fields jsonb, prior float8, total float8, verdict text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT jsonb_build_array(format('%-10s %8s  any two records', 'prior', to_char(prior, 'FMS990.0')))
        || coalesce((SELECT jsonb_agg(format('%-10s %8s  %s%s', f.value ->> 'kind',
                                             to_char((f.value ->> 'bits')::numeric, 'FMS990.0'),
                                             f.value ->> 'meaning',
                                             CASE WHEN (f.value ->> 'rarity')::numeric <> 0
                                                 THEN format(' (%s as the value is rare or common)',
                                                     to_char((f.value ->> 'rarity')::numeric, 'FMS990.0'))
                                                 ELSE '' END)
                                      ORDER BY f.place)
                     FROM jsonb_array_elements(fields) WITH ORDINALITY f(value, place) WHERE (f.value ->> 'is_counted')::boolean), '[]')
        || jsonb_build_array(format('%-10s %8s  %s', 'total', to_char(total, 'FMS990.0'), verdict)) $$;
COMMENT ON FUNCTION crm._identity_match_waterfall(jsonb, float8, float8, text) IS
    'prior, what each field adds and the total as lines of text';

CREATE FUNCTION crm.identity_explain_pair(a bigint, b bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    one bigint := crm._access_require_person(a);
    other bigint := crm._access_require_person(b);
    used record := crm._identity_match_model();
    pair record;
    fields jsonb;
    verdict text;
BEGIN
    SELECT * INTO pair FROM crm._identity_match_nearest(used.model, one, other);
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', p.kind, 'level', p.level, 'meaning', p.meaning, 'meaning_zh', p.meaning_zh,
                        'bits', round((p.weight + p.rarity)::numeric, 2), 'weight', round(p.weight::numeric, 2),
                            'rarity', round(p.rarity::numeric, 2),
                        'loss', round(p.loss::numeric, 2), 'is_counted', p.is_counted AND p.level > 0) ORDER BY p.field), '[]')
    INTO fields FROM crm._identity_link_parts(used.model, pair.values_a, pair.values_b) p WHERE pair.record_a IS NOT NULL;
    verdict := CASE WHEN one = other THEN 'one person' WHEN pair.odds >= (used.report ->> 'cut')::float8 THEN 'review' ELSE 'apart' END;
    RETURN jsonb_build_object('a', one, 'b', other, 'verdict', verdict, 'model', used.version,
        'records', jsonb_build_array(pair.record_a, pair.record_b),
        'prior', (used.report ->> 'prior')::numeric, 'total', round(pair.odds::numeric, 2),
        'probability', CASE WHEN pair.odds > 60 THEN 1 WHEN pair.odds < -60 THEN 0 ELSE round((1 / (1 + 2 ^ -pair.odds))::numeric, 6) END,
        'review_from', (used.report ->> 'cut')::numeric, 'fields', fields,
        'guards', CASE WHEN one <> other THEN crm._identity_objections(one, other) ELSE '[]' END,
        'shared', (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('kind', k.code, 'masked', i.masked,
                   'ties', k.is_key AND NOT i.is_blocked)), '[]')
                   FROM crm.membership x JOIN crm.record_identifier u ON u.source_record_id = x.source_record_id
                   JOIN crm.record_identifier w ON w.kind = u.kind AND w.value_hash = u.value_hash AND w.source_record_id <> u.source_record_id
                   JOIN crm.membership y ON y.source_record_id = w.source_record_id AND y.valid_to = 'infinity' AND y.customer_id = other
                   JOIN crm.identifier i ON i.kind = u.kind AND i.value_hash = u.value_hash JOIN crm.identifier_kind k ON k.kind = u.kind
                   WHERE x.customer_id = one AND x.valid_to = 'infinity'),
        'text', crm._identity_match_waterfall(fields, (used.report ->> 'prior')::float8, pair.odds, verdict));
END
$$;
COMMENT ON FUNCTION crm.identity_explain_pair(bigint, bigint) IS
    'why two persons are one, may be, or are not: of their nearest records the prior, each field''s level with its '
    'bits (log2; rarity: the part that the value''s share among all records adds or takes; loss: what another field '
    'says already), total and probability; from which odds pairs are put to people; identifiers they share and '
    'whether these tie; guards and decisions that keep them apart; and the same as lines of text. No values. P0002 '
    'when one is out of scope';

CREATE FUNCTION crm.identity_household(customer_id bigint) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._access_require_person(customer_id);
BEGIN
    RETURN QUERY
    SELECT DISTINCT jsonb_build_object('customer_id', c.customer_id, 'name', c.name_masked)
    FROM crm.membership m
    JOIN crm.record_identifier own ON own.source_record_id = m.source_record_id AND own.kind = 12 AND own.ended_at IS NULL
    CROSS JOIN LATERAL (        -- a firm, a hostel, a pick-up point is no household
        SELECT array_agg(w.source_record_id) AS records FROM (
            SELECT z.source_record_id FROM crm.record_identifier z
            WHERE z.kind = 12 AND z.value_hash = own.value_hash AND z.ended_at IS NULL
              AND (z.namespace = own.namespace OR z.namespace = '' OR own.namespace = '') LIMIT 13) w
        HAVING count(*) <= 12) near
    JOIN crm.membership o ON o.source_record_id = ANY (near.records) AND o.valid_to = 'infinity' AND o.customer_id <> person
    JOIN crm.customer c ON c.customer_id = o.customer_id AND c.status = 'active' AND crm._access_sees(c.customer_id)
    WHERE m.customer_id = person AND m.valid_to = 'infinity';
END
$$;
COMMENT ON FUNCTION crm.identity_household(bigint) IS
    'persons of the actor''s scope who live at the same home, down to the room, by their records of now, masked; '
    'none where more than twelve records name it; a relation, never a reason to merge; P0002 when out of scope';

GRANT EXECUTE ON FUNCTION crm.identity_train(bigint) TO crm_admin, crm_steward;
GRANT EXECUTE ON FUNCTION crm.identity_match_progress() TO crm_steward, crm_headquarters;
GRANT EXECUTE ON FUNCTION crm.identity_explain_pair(bigint, bigint),
    crm.identity_household(bigint) TO crm_store_manager, crm_manager, crm_steward, crm_headquarters;
