-- ingest: where somebody was when an event happened, of who agreed; otherwise positions are left out of what is stored.

CREATE FUNCTION crm._ingest_keep_place(fact crm.event_fact, event_id bigint, customer_id bigint) RETURNS boolean
    LANGUAGE plpgsql AS
$$
DECLARE
    digits int := (crm._setting('event.place_digits'))::int;
    at numeric[] := crm._event_position(fact.properties);
BEGIN
    IF at IS NULL OR fact.occurred_at < crm.core_now() - make_interval(days => (crm._setting('event.place_days'))::int)
       OR NOT EXISTS (SELECT FROM crm.person_consent c WHERE c.customer_id = _ingest_keep_place.customer_id
               AND c.channel = 'location' AND c.state = 'yes') THEN
        RETURN false;
    END IF;
    INSERT INTO crm.event_place (source_record_id, occurred_at, event_id, latitude, longitude)
    VALUES (fact.source_record_id, fact.occurred_at, _ingest_keep_place.event_id, round(at[1], digits), round(at[2], digits)) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION crm._ingest_keep_place(crm.event_fact, bigint, bigint) IS
    'keeps where an event happened, rounded, when it is young enough and the person agreed (consent location); '
    'whether it did';

CREATE FUNCTION crm._ingest_places_job() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    piece CONSTANT int := 5000;
    until timestamptz := crm.core_now() - make_interval(days => (crm._setting('event.place_days'))::int);
    gone bigint;
    refused bigint;
BEGIN
    DELETE FROM crm.event_place p USING (SELECT x.source_record_id, x.occurred_at, x.event_id FROM crm.event_place x
            WHERE x.occurred_at < until ORDER BY x.occurred_at LIMIT piece) o
    WHERE p.source_record_id = o.source_record_id AND p.occurred_at = o.occurred_at AND p.event_id = o.event_id;
    GET DIAGNOSTICS gone = ROW_COUNT;
    -- who took the consent back
    DELETE FROM crm.event_place p USING crm.membership m
    WHERE m.source_record_id = p.source_record_id AND m.valid_to = 'infinity'
      AND NOT EXISTS (SELECT FROM crm.person_consent c WHERE c.customer_id = m.customer_id AND c.channel = 'location' AND c.state = 'yes');
    GET DIAGNOSTICS refused = ROW_COUNT;
    RETURN (gone = piece)::int;
END
$$;
COMMENT ON FUNCTION crm._ingest_places_job() IS
    'job: forgets positions older than event.place_days, and those of persons who agree no more';
