-- outbox_alert: alerts told to those who look after the chain.  An alert goes through queue, leases, retries and dead
-- letters as any message does, but it is nobody's: its customer_id is 0, and no gate, consent, cap or quiet hour is asked.

CREATE FUNCTION crm._outbox_alert_text(kind text, key text, detail jsonb) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$
    SELECT left(rtrim(regexp_replace(format('[CRM] 告警 %s: %s %s', kind, key,
                (SELECT string_agg(CASE d.key WHEN 'remedy' THEN d.value ELSE d.key || ' ' || d.value END, '; '
                        ORDER BY d.key = 'remedy', d.key) FROM jsonb_each_text(detail) d)),
           '[[:cntrl:]]+', ' ', 'g')), 500)
$$;
COMMENT ON FUNCTION crm._outbox_alert_text(text, text, jsonb) IS
    'an alert as one line of at most 500 characters, what to do last';

CREATE FUNCTION crm._outbox_alerts() RETURNS bigint
    LANGUAGE plpgsql AS
$$
#variable_conflict use_column
DECLARE
    told bigint;
    moment timestamptz := crm.core_now();
BEGIN
    WITH untold AS MATERIALIZED (
        SELECT a.alert_id, a.kind, a.key, a.opened_at, a.detail FROM crm.alert a
        WHERE a.told_at IS NULL ORDER BY a.alert_id LIMIT 1000 FOR UPDATE SKIP LOCKED),
    wanted AS MATERIALIZED (
        SELECT a.*, r.endpoint, r.address,
               '0-' || encode(crm._keyed_hash('message', convert_to(concat_ws(E'\x1f', 'alert', a.alert_id,
                               r.endpoint, r.address), 'UTF8')), 'hex') AS message_id
        FROM untold a JOIN crm.alert_route r ON a.kind LIKE ANY (r.kinds)
        WHERE (a.opened_at >= r.defined_at OR EXISTS (SELECT FROM crm.alert x WHERE x.alert_id = a.alert_id AND x.closed_at IS NULL))
          -- an endpoint in trouble is not told so itself
          AND NOT (a.kind IN ('outbox.dead', 'outbox.gone') AND a.key = r.endpoint)),
    put AS (
        INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, is_marketing, body, due_at, expires_at, created_at)
        SELECT 0, w.message_id, 'alert', w.endpoint, false,
               jsonb_build_object('type', 'alert.opened', 'kind', w.kind, 'key', w.key, 'opened_at', w.opened_at, 'detail', w.detail, 'to', w.address,
                                  'subject', left(crm._outbox_alert_text(w.kind, w.key, '{}'), 120),
                                      'text', crm._outbox_alert_text(w.kind, w.key, w.detail), 'html', ''),
               moment, moment + make_interval(hours => (crm._setting('outbox.alert_hours'))::int), moment
        FROM wanted w ON CONFLICT DO NOTHING RETURNING message_id, endpoint),
    queued AS (
        INSERT INTO crm.outbox_queue (customer_id, message_id, endpoint, due_at) SELECT 0, p.message_id, p.endpoint, moment FROM put p),
    noted AS (
        UPDATE crm.alert a SET told_at = moment WHERE a.alert_id IN (SELECT w.alert_id FROM wanted w))
    SELECT count(*) INTO told FROM put;
    IF told > 0 THEN
        PERFORM crm._worker_wake_for(moment);
    END IF;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._outbox_alerts() IS
    'job: puts each alert on its way once, to every route that wants its kind, in the commit that says it was told; '
    'one that was closed before its route was defined is told nobody';

CREATE FUNCTION crm._outbox_alert_request(message crm.message_row, attempt int) RETURNS crm.queue_request
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    request crm.queue_request;
BEGIN
    SELECT message.customer_id, message.message_id, _outbox_alert_request.attempt, e.endpoint, e.url,
           crm._decrypt('endpoint', e.secret_sealed), crm._decrypt('endpoint', e.next_secret_sealed), e.timeout_ms, e.is_private_allowed,
           (message.body || jsonb_build_object('id', message.message_id))::text, c.format = 'webhook', q.due_at
    INTO request
    FROM crm.outbox_queue q, crm.endpoint e JOIN crm.connector c ON c.connector = e.connector
    WHERE e.endpoint = message.endpoint AND q.customer_id = message.customer_id AND q.message_id = message.message_id;
    RETURN request;
END
$$;
COMMENT ON FUNCTION crm._outbox_alert_request(crm.message_row, int) IS
    'crm._outbox_request() of an alert; RM003 or RM004 when the keys do not fit';

CREATE FUNCTION crm.outbox_route_alerts(endpoint text, address text DEFAULT '', kinds text[] DEFAULT '{%}',
                                        idempotency_key text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    answer jsonb := crm._idempotency_claim(idempotency_key,
            'outbox_route_alerts', crm._sha256(convert_to(jsonb_build_array(endpoint, address, kinds)::text,
                    'UTF8')));
BEGIN
    IF answer IS NOT NULL THEN
        RETURN answer;
    END IF;
    PERFORM crm._outbox_require_reader(endpoint, address, 'alerts');
    IF cardinality(kinds) > 20 OR EXISTS (SELECT FROM unnest(kinds) k WHERE k IS NULL OR k !~ '^[a-z_.%]{1,40}$') THEN
        RAISE EXCEPTION 'kinds are patterns of alerts' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'kinds',
            HINT = 'Give at most 20 of them, like ingest.% or outbox.dead; none takes the route away.';
    END IF;
    IF coalesce(cardinality(kinds), 0) = 0 THEN
        DELETE FROM crm.alert_route r WHERE r.endpoint = outbox_route_alerts.endpoint AND r.address = outbox_route_alerts.address;
    ELSE
        INSERT INTO crm.alert_route AS r (endpoint, address, kinds, defined_at)
        VALUES (outbox_route_alerts.endpoint, outbox_route_alerts.address, outbox_route_alerts.kinds, crm.core_now())
        ON CONFLICT ON CONSTRAINT alert_route_pkey DO UPDATE SET kinds = excluded.kinds;
    END IF;
    PERFORM crm._audit('define', 'alert_route', NULL, 'kinds', NULL, array_to_string(kinds, ' '), endpoint);
    PERFORM crm._worker_wake();
    answer := jsonb_build_object('endpoint', endpoint, 'address', address, 'kinds', to_jsonb(coalesce(kinds, '{}')));
    PERFORM crm._idempotency_store(idempotency_key, answer);
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.outbox_route_alerts(text, text, text[], text) IS
    'sends alerts of some kinds (patterns, % for anything; none: no more) to an endpoint: a webhook, a group''s '
    'robot, or e-mail with the address of who reads it; each alert once, what is open now too; 22023 names what '
    'does not fit; audited';
GRANT EXECUTE ON FUNCTION crm.outbox_route_alerts(text, text, text[], text) TO crm_admin, crm_headquarters;

CREATE FUNCTION crm.outbox_alert_routes() RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN QUERY
        SELECT jsonb_build_object('endpoint', r.endpoint, 'connector', e.connector, 'address', r.address,
            'kinds', to_jsonb(r.kinds), 'defined_at', r.defined_at,
            'told', (SELECT count(*) FROM crm.outbox o WHERE o.customer_id = 0 AND o.endpoint = r.endpoint AND o.body ->> 'to' = r.address),
            'waiting', (SELECT count(*) FROM crm.outbox_queue q JOIN crm.outbox o USING (customer_id, message_id)
                        WHERE q.customer_id = 0 AND q.endpoint = r.endpoint AND o.body ->> 'to' = r.address))
        FROM crm.alert_route r JOIN crm.endpoint e ON e.endpoint = r.endpoint ORDER BY r.endpoint, r.address;
END
$$;
COMMENT ON FUNCTION crm.outbox_alert_routes() IS
    'where alerts go: endpoint, address, kinds, how many were told and how many wait';
GRANT EXECUTE ON FUNCTION crm.outbox_alert_routes() TO crm_admin, crm_headquarters;
