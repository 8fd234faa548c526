-- campaign_due: what time alone brings about.  A window of days moves over an index; where it stands is
-- written in the transaction of what it brought, and the ledger makes a repetition harmless.

CREATE FUNCTION crm._campaign_today() RETURNS date
    LANGUAGE sql STABLE AS $$ SELECT crm._local_day(crm.core_now(), crm._setting('core.time_zone') #>> '{}') $$;
COMMENT ON FUNCTION crm._campaign_today() IS 'today in the chain''s time zone';

CREATE FUNCTION crm._campaign_behind() RETURNS int[]
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN ARRAY(
        SELECT s.source_id FROM crm.source s
        WHERE s.is_active AND s.kind IN ('pos', 'mini_program', 'shop_platform')
          AND s.last_received_at < crm.core_now() - make_interval(hours => (crm._setting('campaign.source_behind_hours'))::int));
END
$$;
COMMENT ON FUNCTION crm._campaign_behind() IS
    'sources that tell of purchases and have been silent too long to trust a silence';

CREATE FUNCTION crm._campaign_zones() RETURNS SETOF text
    LANGUAGE sql STABLE AS
$$ SELECT s.time_zone FROM crm.store s UNION SELECT crm._setting('core.time_zone') #>> '{}' $$;
COMMENT ON FUNCTION crm._campaign_zones() IS 'the time zones that persons live by';

CREATE FUNCTION crm._campaign_silent(flow crm.flow_row, after bigint, most int, is_ready boolean) RETURNS SETOF crm.occurrence_ref
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    days int := flow.spec ->> 'days';
    late_days int := crm._setting('campaign.late_order_days');
    home_zone text := crm._setting('core.time_zone') #>> '{}';
    behind int[] := crm._campaign_behind();
    oldest_day date;
    newest_day date;
BEGIN
    -- over all zones; each person's own zone then decides
    SELECT min(crm._local_day(flow.watermark, z)) - days - late_days, max(crm._local_day(crm.core_now(), z)) - days
    INTO oldest_day, newest_day FROM crm._campaign_zones() z;
    RETURN QUERY
        SELECT v.customer_id, crm._day_text(v.last_day)
        -- the window first, by the orders of its days, then probes for each person in it
        FROM crm._value_last_bought(oldest_day, newest_day) v
        CROSS JOIN LATERAL (
            SELECT coalesce((SELECT s.time_zone FROM crm.store s WHERE s.store_id = c.home_store_id), home_zone) AS zone
            FROM crm.customer c WHERE c.customer_id = v.customer_id AND c.status = 'active' LIMIT 1) c
        WHERE v.customer_id > after
          AND v.last_day + days <= crm._local_day(crm.core_now(), c.zone)
          AND (v.last_day + days > crm._local_day(flow.watermark, c.zone)
               OR crm._campaign_is_told_late(v.customer_id, v.last_day,
                   greatest((v.last_day + days)::timestamp AT TIME ZONE c.zone, flow.active_from)))
          AND (SELECT true FROM crm.occurrence o WHERE o.customer_id = v.customer_id AND o.flow_id = flow.flow_id
               AND o.epoch = flow.epoch AND o.occurrence_key = crm._day_text(v.last_day) LIMIT 1) IS NULL
          AND (SELECT true FROM crm.flow_backlog b WHERE b.customer_id = v.customer_id AND b.flow_id = flow.flow_id
               AND b.epoch = flow.epoch AND b.occurrence_key = crm._day_text(v.last_day) LIMIT 1) IS NULL
          AND is_ready = ((SELECT true FROM crm.value_dirty d WHERE d.customer_id = v.customer_id LIMIT 1) IS NULL
                          AND (behind = '{}' OR (
                              SELECT true FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
                              WHERE m.customer_id = v.customer_id AND m.valid_to = 'infinity' AND r.source_id = ANY (behind) LIMIT 1) IS NULL))
        ORDER BY v.customer_id LIMIT most;
END
$$;
COMMENT ON FUNCTION crm._campaign_silent(crm.flow_row, bigint, int, boolean) IS
    'persons after an id whose last purchase came to the flow''s age, by the day of their own zone, since the '
    'window last moved, or was told of too late for it; each with its key; ready, or not yet: a source of theirs is '
    'behind, or their value is still to be computed';

CREATE FUNCTION crm._campaign_is_told_late(person bigint, day date, since timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
BEGIN
    RETURN EXISTS (
        SELECT FROM crm.membership m JOIN crm.customer_order o USING (source_record_id)
        WHERE m.customer_id = person AND m.valid_to = 'infinity' AND o.is_current AND o.business_day = day
          AND NOT o.is_history AND o.received_at >= since);
END
$$;
COMMENT ON FUNCTION crm._campaign_is_told_late(bigint, date, timestamptz) IS
    'whether an order of that day, not loaded as history, arrived only after its silence was due (and the flow ran)';

CREATE FUNCTION crm._campaign_silence(flow crm.flow_row) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    most constant int := 500;
    due crm.occurrence_ref[];
    after bigint := 0;
    fired bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM crm._campaign_zones() z
                   WHERE crm._local_day(crm.core_now(), z) > crm._local_day(flow.watermark, z)) THEN
        RETURN 0;
    END IF;
    LOOP
        due := ARRAY(SELECT d FROM crm._campaign_silent(flow, after, most, true) d);
        SELECT fired + crm._campaign_fire_all(flow, array_agg(d.customer_id), array_agg(d.occurrence_key), crm.core_now(), 'infinity', flow.epoch)
        INTO fired
        FROM unnest(due) d WHERE crm._campaign_silence_is_new(d.customer_id, d.occurrence_key::date);
        EXIT WHEN cardinality(due) < most;
        IF fired >= most / 2 THEN
            RETURN 1;
        END IF;
        after := due[most].customer_id;
    END LOOP;
    IF NOT EXISTS (SELECT FROM crm._campaign_silent(flow, 0, 1, false)) THEN
        UPDATE crm.flow f SET watermark = crm.core_now() WHERE f.flow_id = flow.flow_id;
    END IF;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._campaign_silence(crm.flow_row) IS
    'when a local day has begun somewhere, fires for those whose last purchase became the flow''s number of days '
    'old; some 500 a piece; the window stands while sources are behind; returns 1 when there is more';

CREATE FUNCTION crm._campaign_silence_is_new(person bigint, last_day date) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- a refund that moved the last purchase back opens no key older than the refund
    RETURN NOT EXISTS (
        SELECT FROM crm.membership m JOIN crm.refund r USING (source_record_id)
        WHERE m.customer_id = person AND m.valid_to = 'infinity' AND r.is_current AND r.purchase_day > last_day AND r.refunded_on > last_day);
END
$$;
COMMENT ON FUNCTION crm._campaign_silence_is_new(bigint, date) IS 'false when only a refund made this the last purchase';

CREATE FUNCTION crm._campaign_birthday_md(day date) RETURNS smallint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    -- born on 29 February: celebrated on the 28th in years without one
    SELECT CASE WHEN extract(month FROM day) = 2 AND extract(day FROM day) = 28 AND extract(day FROM day + 1) = 1
                THEN ARRAY[228, 229]::smallint[]
                ELSE ARRAY[(extract(month FROM day) * 100 + extract(day FROM day))::smallint] END
$$;
COMMENT ON FUNCTION crm._campaign_birthday_md(date) IS 'the birthdays (month * 100 + day) that are celebrated on a day';

CREATE FUNCTION crm._campaign_lunar_md(day date) RETURNS int[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'crm_campaign_lunar_md';
COMMENT ON FUNCTION crm._campaign_lunar_md(date) IS
    'the lunar birthdays (month * 100 + day) that are celebrated on a day: those of its lunar date, on the last day '
    'of a short month the 30th, too; none in a leap month, which comes after the month itself, and outside of 1900 '
    'to 2100';

CREATE FUNCTION crm._campaign_born(flow crm.flow_row, day date) RETURNS bigint[]
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    solar smallint[] := crm._campaign_birthday_md(day);
    lunar int[] := CASE WHEN coalesce((flow.spec ->> 'lunar')::boolean, true) THEN crm._campaign_lunar_md(day) ELSE '{}' END;
BEGIN
    -- each by its own index
    RETURN ARRAY(SELECT w.customer_id FROM crm.customer_private w WHERE w.birthday_md = ANY (solar))
        || ARRAY(SELECT w.customer_id FROM crm.customer_private w
                 WHERE w.is_birthday_lunar AND extract(month FROM w.birthday) * 100 + extract(day FROM w.birthday) = ANY (lunar::numeric[]));
END
$$;
COMMENT ON FUNCTION crm._campaign_born(crm.flow_row, date) IS
    'whose birthday a flow celebrates on a day: by the calendar, and lunar birthdays by the lunar one unless its '
    'value lunar is false';

CREATE FUNCTION crm._campaign_birthday_day(flow crm.flow_row, zone text, day date, newer_than bigint) RETURNS bigint
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    born bigint[];
    home_zone text := crm._setting('core.time_zone') #>> '{}';
    due_at timestamptz := (day + (flow.spec ->> 'at')::time) AT TIME ZONE zone;
    late_at timestamptz := (day + 1)::timestamp AT TIME ZONE zone;
    most constant int := 500;
    year text := extract(year FROM day)::text;
    persons bigint[];
    after bigint := newer_than;
    fired bigint := 0;
BEGIN
    IF due_at > crm.core_now() OR due_at < flow.active_from THEN
        RETURN 0;
    END IF;
    -- the day's birthdays first, by their indexes, then probes by key for each of them
    born := crm._campaign_born(flow, day);
    LOOP
        persons := ARRAY(
            SELECT p.customer_id
            FROM unnest(born) p (customer_id)
            CROSS JOIN LATERAL (SELECT c.home_store_id FROM crm.customer c
                                -- who came only later was nobody's to congratulate
                                WHERE c.customer_id = p.customer_id AND c.status = 'active' AND c.registered_at < late_at LIMIT 1) c
            WHERE p.customer_id > after
              AND (SELECT true FROM crm.occurrence o WHERE o.customer_id = p.customer_id AND o.flow_id = flow.flow_id
                   AND o.epoch = flow.epoch AND o.occurrence_key = year LIMIT 1) IS NULL
              AND coalesce((SELECT s.time_zone FROM crm.store s WHERE s.store_id = c.home_store_id), home_zone) = zone
            ORDER BY p.customer_id LIMIT most);
        fired := fired + crm._campaign_fire_all(flow, persons,
                array_fill(year, ARRAY[greatest(cardinality(persons), 1)]), due_at, late_at, flow.epoch);
        EXIT WHEN cardinality(persons) < most;
        IF fired >= most / 2 THEN
            RETURN 1;
        END IF;
        after := persons[most];
    END LOOP;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._campaign_birthday_day(crm.flow_row, text, date, bigint) IS
    'fires a day''s birthdays of one time zone, of persons with a higher id than that given, once its hour has '
    'come; after midnight they are written down as missed; returns 1 when there is more';

CREATE FUNCTION crm._campaign_birthday(flow crm.flow_row) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    zone text;
    local_today date;
    day date;
    more bigint := 0;
    reached date := (flow.watermark AT TIME ZONE 'UTC')::date;
    newest bigint := coalesce((SELECT max(c.customer_id) FROM crm.customer c), 0);
    newer_than bigint := crm._campaign_looked_to(flow, newest);
BEGIN
    IF newer_than = newest THEN
        RETURN 0;
    END IF;
    FOR zone IN SELECT z FROM crm._campaign_zones() z LOOP
        local_today := crm._local_day(crm.core_now(), zone);
        -- days that nobody worked on are looked at once more, thirty at most
        FOR day IN SELECT d::date FROM generate_series(greatest(reached, local_today - 30), local_today, interval '1 day') d LOOP
            more := more + crm._campaign_birthday_day(flow, zone, day, newer_than);
        END LOOP;
    END LOOP;
    IF more = 0 THEN
        PERFORM crm._campaign_looked(flow, newer_than = 0, newest);
    END IF;
    IF more = 0 AND reached < crm._campaign_today() - 1 THEN
        UPDATE crm.flow f SET watermark = (crm._campaign_today() - 1)::timestamp AT TIME ZONE 'UTC' WHERE f.flow_id = flow.flow_id;
    END IF;
    RETURN more;
END
$$;
COMMENT ON FUNCTION crm._campaign_birthday(crm.flow_row) IS
    'birthdays of today, and as missed those of days without a worker; returns > 0 when there is more';

CREATE FUNCTION crm._campaign_due() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    known crm.flow_row;
    flow crm.flow_row;
    more bigint := 0;
    left_over bigint;
    rank int;
BEGIN
    -- under a cap, whoever is asked first goes: by priority, then in the order of the flows; a flow of lower priority waits
    -- until those above it have no more that is due
    FOR known IN SELECT * FROM crm.flow f WHERE f.state = 'active' AND f.trigger NOT IN ('welcome', 'site')
                 ORDER BY coalesce((f.spec ->> 'priority')::int, 0) DESC, f.flow_id LOOP
        EXIT WHEN more > 0 AND coalesce((known.spec ->> 'priority')::int, 0) < rank;
        rank := coalesce((known.spec ->> 'priority')::int, 0);
        -- a look that finds nothing locks nothing: a lock takes a transaction's id, and by that has everybody look again
        CONTINUE WHEN NOT crm._campaign_has_work(known);
        -- edits wait for either lock; firing for those who are entered may be shared, what moves the watermark not.
        -- Nobody is waited for, as whoever holds the flow may want persons that were fired for just now: an edit
        -- wakes the worker when it is done
        IF known.trigger = 'event' OR (known.trigger = 'schedule' AND NOT crm._campaign_has_moment(known)) THEN
            SELECT * INTO flow FROM crm.flow f WHERE f.flow_id = known.flow_id AND f.state = 'active' FOR SHARE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
        ELSE
            SELECT * INTO flow FROM crm.flow f WHERE f.flow_id = known.flow_id AND f.state = 'active' FOR NO KEY UPDATE SKIP LOCKED;
            IF NOT FOUND THEN           -- the second process, which shares it, is soon done
                PERFORM FROM crm.flow f WHERE f.flow_id = known.flow_id AND f.state = 'active' FOR SHARE SKIP LOCKED;
                more := more + FOUND::int;
                CONTINUE;
            END IF;
        END IF;
        left_over := CASE flow.trigger WHEN 'silence' THEN crm._campaign_silence(flow)
                                       WHEN 'birthday' THEN crm._campaign_birthday(flow)
                                       WHEN 'schedule' THEN coalesce(nullif(crm._campaign_schedule(flow), 0), crm._campaign_enrolled(flow))
                                       ELSE crm._campaign_enrolled(flow) END;
        more := more + left_over;
        EXIT WHEN left_over > 0;        -- a full piece is a transaction of its own: locks of two would be taken in no order
    END LOOP;
    RETURN more;
END
$$;
COMMENT ON FUNCTION crm._campaign_due() IS
    'job: what is due by time, flows of higher priority first; returns > 0 when there is more';

CREATE FUNCTION crm._campaign_backlog_of(flow crm.flow_row) RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    midnight timestamptz := crm._campaign_today()::timestamp AT TIME ZONE (crm._setting('core.time_zone') #>> '{}');
    room int;
    entering crm.occurrence_ref[];
BEGIN
    SELECT (flow.spec ->> 'backlog_per_day')::int - count(*) INTO room FROM crm.flow_backlog b
    WHERE b.flow_id = flow.flow_id AND b.entered_at >= midnight;
    IF room <= 0 THEN
        RETURN 0;
    END IF;
    entering := ARRAY(
        SELECT ROW(b.customer_id, b.occurrence_key)::crm.occurrence_ref FROM crm.flow_backlog b
        WHERE b.flow_id = flow.flow_id AND b.epoch = flow.epoch AND b.entered_at IS NULL AND b.confirmed_at IS NOT NULL
        ORDER BY b.occurrence_key DESC, b.customer_id LIMIT least(room, 250));
    -- whoever was merged meanwhile answers under the survivor's id
    PERFORM crm._campaign_fire_all(flow, array_agg(e.person), array_agg(e.occurrence_key), crm.core_now(), 'infinity', flow.epoch)
    FROM (SELECT DISTINCT crm._identity_current(u.customer_id) AS person, u.occurrence_key FROM unnest(entering) u) e;
    UPDATE crm.flow_backlog b SET entered_at = crm.core_now() FROM unnest(entering) e
    WHERE b.customer_id = e.customer_id AND b.flow_id = flow.flow_id AND b.epoch = flow.epoch AND b.occurrence_key = e.occurrence_key;
    RETURN (cardinality(entering) = 250 AND room > 250)::int;
END
$$;
COMMENT ON FUNCTION crm._campaign_backlog_of(crm.flow_row) IS
    'lets confirmed persons of a flow''s backlog enter, the most recent silences first, so many a local day as the '
    'flow says; returns 1 when more may today';

CREATE FUNCTION crm._campaign_backlog() RETURNS bigint
    LANGUAGE plpgsql AS
$$
DECLARE
    flow crm.flow_row;
    more bigint := 0;
BEGIN
    FOR flow IN SELECT * FROM crm.flow f WHERE f.state = 'active' AND f.trigger = 'silence'
                AND EXISTS (SELECT FROM crm.flow_backlog b WHERE b.flow_id = f.flow_id AND b.epoch = f.epoch
                    AND b.entered_at IS NULL AND b.confirmed_at IS NOT NULL)
                ORDER BY f.flow_id FOR UPDATE LOOP
        more := more + crm._campaign_backlog_of(flow);
    END LOOP;
    RETURN more;
END
$$;
COMMENT ON FUNCTION crm._campaign_backlog() IS
    'job: confirmed persons of the backlogs enter; returns > 0 when there is more today';
