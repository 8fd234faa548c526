-- value: what follows an event: how often a purchase comes within so many days of it, beside how often one comes anyway.

CREATE FUNCTION crm._value_days_before_purchases(persons bigint[], days int, from_day date, to_day date, as_of date)
    RETURNS TABLE (customer_id bigint, covered datemultirange)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET jit = off AS
$$
BEGIN
    RETURN QUERY        -- each order day covers those before it
    SELECT o.customer_id, range_agg(daterange(o.day - days, o.day))
    FROM (SELECT h.customer_id, e.day FROM crm.value_history h, crm.purchase_entries(h.history) e
          WHERE h.customer_id = ANY (persons) AND e.known_day <= as_of AND e.day > from_day AND e.day <= to_day + days
          GROUP BY h.customer_id, e.day HAVING sum(e.amount_minor) > 0) o
    GROUP BY o.customer_id;
END
$$;
COMMENT ON FUNCTION crm._value_days_before_purchases(bigint[], int, date, date, date) IS
    'the days within so many days before an order, of persons who have any around a span, by what was known on a '
    'day; they may lie outside of the span';

CREATE FUNCTION crm.value_follow(event_type text, from_day date, to_day date, days int DEFAULT 7) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    today date := crm._value_today();
    until date;                                     -- what is younger may still be followed
    most CONSTANT int := 20000;                     -- persons the base is taken of
    followed record;
    base record;
BEGIN
    IF NOT EXISTS (SELECT FROM crm.event_type t WHERE t.code = value_follow.event_type) THEN
        RAISE EXCEPTION 'there is no event type "%"', event_type USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'event_type', HINT = 'crm.event_type lists those there are.';
    ELSIF days BETWEEN 1 AND 90 IS NOT TRUE THEN
        RAISE EXCEPTION 'orders within % days of an event cannot be looked for', days
            USING ERRCODE = 'invalid_parameter_value', COLUMN = 'days', HINT = 'Give 1 to 90.';
    END IF;
    PERFORM crm._require_span(from_day, to_day);
    IF to_day - from_day > 3650 THEN
        RAISE EXCEPTION 'a span of ten years at most is asked about' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = 'to_day', HINT = 'Give a last day nearer to the first.';
    END IF;
    until := least(to_day, today - days);
    WITH happened AS MATERIALIZED (
        SELECT DISTINCT m.customer_id, v.business_day AS day FROM crm.event v
            JOIN crm.membership m ON m.source_record_id = v.source_record_id AND m.valid_to = 'infinity'
        WHERE v.type = value_follow.event_type AND v.ignored_reason IS NULL AND v.business_day BETWEEN from_day AND until)
    SELECT count(*) AS cases, count(*) FILTER (WHERE b.covered @> h.day) AS followed, count(DISTINCT h.customer_id) AS persons INTO followed
    FROM happened h
    LEFT JOIN crm._value_days_before_purchases(ARRAY(SELECT DISTINCT x.customer_id FROM happened x), days, from_day,
            until, today) b ON b.customer_id = h.customer_id;
    WITH person AS MATERIALIZED (
        SELECT c.customer_id, greatest(c.registered_on, from_day) AS first FROM crm.customer c
        WHERE c.status = 'active' AND greatest(c.registered_on, from_day) <= until
            ORDER BY hashint8extended(c.customer_id, 0), c.customer_id LIMIT most)
    SELECT count(*) AS persons, coalesce(sum(until - p.first + 1), 0) AS days, coalesce(sum(d.covered), 0) AS covered INTO base
    FROM person p
    LEFT JOIN crm._value_days_before_purchases(ARRAY(SELECT x.customer_id FROM person x), days, from_day, until,
            today) b ON b.customer_id = p.customer_id
    CROSS JOIN LATERAL (SELECT sum(upper(r) - lower(r)) AS covered FROM unnest(b.covered * datemultirange(daterange(p.first, until, '[]'))) r) d;
    RETURN jsonb_build_object('event', event_type, 'from', from_day, 'to', to_day, 'until', until, 'days', days,
        'cases', followed.cases, 'persons', followed.persons, 'followed', followed.followed,
            'rate', round(followed.followed::numeric / nullif(followed.cases, 0), 4),
        'base_persons', base.persons, 'base_rate', round(base.covered::numeric / nullif(base.days, 0), 4),
        'lift', round(followed.followed::numeric / nullif(followed.cases, 0) * base.days / nullif(base.covered, 0), 4));
END
$$;
COMMENT ON FUNCTION crm.value_follow(text, date, date, int) IS
    'of the days on which persons had an event, how many were followed by an order day within so many days (the day '
    'itself does not count), beside the share of all days of all persons (of at most 20,000) that were; cases whose '
    'days have not passed are left out; 22023';
GRANT EXECUTE ON FUNCTION crm.value_follow(text, date, date, int) TO crm_marketer, crm_analyst, crm_headquarters;
