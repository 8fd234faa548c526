\set ECHO none
-- Members, purchases and events told by one till, and what flows made of them. The test says whose they are:
-- world.till, world.store, and world.phones, the first digits of their phones.
CREATE FUNCTION pg_temp.send(kind text, body jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('SELECT (r).code FROM crm.ingest_%s($1, $2) r', kind) INTO answer USING current_setting('world.till'), convert_to(body::text, 'UTF8');
    RETURN answer;
END $$;
-- a member whose phone is made of its name, with purchases so many days before a day
CREATE FUNCTION pg_temp.member(id text, registered text DEFAULT '2026-01-01T10:00:00+08:00', more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.send('member', jsonb_build_object('external_id', id, 'phone', current_setting('world.phones') || lpad((abs(hashtext(id)) % 100000000)::text, 8, '0'),
        'name', '张' || id, 'store_code', current_setting('world.store'), 'registered_at', registered, 'consent_sms', 'yes') || more) $$;
CREATE FUNCTION pg_temp.purchase(member text, day date, amount text DEFAULT '100.00') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.send('order', jsonb_build_object('external_id', 'P' || member || day, 'member_external_id', member,
        'ordered_at', day || 'T12:00:00+08:00', 'store_code', current_setting('world.store'), 'amount', amount)) $$;
CREATE FUNCTION pg_temp.event(member text, type text, at timestamptz, object text, properties jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.send('event', jsonb_build_object('external_id', concat_ws('-', 'E', member, type, object, extract(epoch FROM at)), 'member_external_id', member,
        'type', type, 'occurred_at', at, 'object_id', object, 'properties', properties)) $$;
CREATE FUNCTION pg_temp.person(member text) RETURNS bigint LANGUAGE sql AS $$
    SELECT m.customer_id FROM crm.source_record r JOIN crm.source s USING (source_id) JOIN crm.membership m USING (source_record_id)
    WHERE s.code = current_setting('world.till') AND r.external_id = member AND m.valid_to = 'infinity' $$;
CREATE FUNCTION pg_temp.label(person bigint) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(DISTINCT r.external_id, '+' ORDER BY r.external_id) FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
    WHERE m.customer_id = person AND r.kind = 'member' $$;
CREATE VIEW pg_temp.fired AS
    SELECT f.code AS flow, pg_temp.label(o.customer_id) AS person, o.occurrence_key AS key, o.epoch, o.outcome, o.due_at, o.flow_version AS version,
           (SELECT d.step || ': ' || d.reason FROM crm.decision d WHERE d.customer_id = o.customer_id AND d.flow_id = o.flow_id
            AND d.occurrence_key = o.occurrence_key AND d.result = 'stop' ORDER BY d.decided_at DESC, d.epoch DESC LIMIT 1) AS reason
    FROM crm.occurrence o JOIN crm.flow f USING (flow_id);
-- values are counted, sources have told, and all that is due is done
CREATE FUNCTION pg_temp.work() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    rounds bigint := 0;
BEGIN
    UPDATE crm.source SET last_received_at = crm.core_now();
    WHILE crm._value_drain() > 0 LOOP NULL; END LOOP;
    WHILE crm._campaign_due() > 0 LOOP rounds := rounds + 1; END LOOP;
    RETURN rounds;
END $$;
\set ECHO all
