\set ECHO none
-- A member told by a source, with what is to be compared, in short keys.
CREATE FUNCTION pg_temp.member(source text, id text, facts jsonb) RETURNS bigint LANGUAGE sql AS $$
    SELECT customer_id FROM crm.ingest_member(source, convert_to((jsonb_build_object('external_id', id, 'registered_at', '2026-01-05T10:00:00+08:00') || facts)::text, 'UTF8'))
$$;
-- who is one person with whom, of the records of some names
CREATE FUNCTION pg_temp.persons(pattern text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(p, ' / ' ORDER BY p COLLATE "C") FROM (
        SELECT string_agg(r.external_id, ' ' ORDER BY r.external_id COLLATE "C") AS p FROM crm.source_record r
        JOIN crm.membership m ON m.source_record_id = r.source_record_id AND m.valid_to = 'infinity'
        WHERE r.external_id LIKE pattern GROUP BY m.customer_id) x
$$;
\set ECHO all
