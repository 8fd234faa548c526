-- A small world at random: eight members, two of them with one phone, buy, look around, become one and two again, while marketers pause and
-- edit, clocks jump, nobody works for days, messages fail, and what was told is told again.  After each turn world.look() holds what came of
-- it against rules that know nothing of how flows work; world.play(seed) answers with what broke.
CREATE SCHEMA world;
SELECT crm.access_define_region('W', 'W'), crm.access_define_store('W1', 'first', 'W'), crm.ingest_define_source('till', 'till', 'pos', '{}');
SELECT crm.outbox_define_endpoint(e, 'https://receiver.example/'), crm.outbox_set_channel(e, e) FROM unnest('{sms,wechat}'::text[]) e;
UPDATE crm.job SET is_active = false;

CREATE FUNCTION world.tell(entity text, body jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(*) FROM crm.ingest_%s($1, $2)', entity) USING 'till', convert_to(body::text, 'UTF8');
END $$;
CREATE FUNCTION world.pick(VARIADIC choices text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;
CREATE FUNCTION world.person(member text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT m.customer_id FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = member AND m.valid_to = 'infinity' $$;
CREATE FUNCTION world.records(person bigint) RETURNS bigint[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(m.source_record_id) FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity' $$;
-- whether a message has told, or may have told, somebody something
CREATE FUNCTION world.counts(person bigint, message text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(bool_or(e.kind IN ('unknown', 'lost')), false)
        OR coalesce((array_agg(e.kind ORDER BY e.outbox_event_id DESC) FILTER (WHERE e.kind IN ('cancelled', 'dead', 'undelivered', 'replayed')))[1], 'replayed') = 'replayed'
    FROM crm.outbox_event e WHERE e.customer_id = person AND e.message_id = message $$;

CREATE FUNCTION world.begin(seed int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    flow text;
BEGIN
    PERFORM setseed(seed / 100000.0);
    PERFORM set_config('crm.access_claims', '{"actor": "world", "role": "crm_headquarters", "stores": [], "all": true}', true), set_config('crm.core_clock', '2026-05-20T09:00:00+08:00', true);
    CREATE TEMP TABLE told (told_no int, entity text, body jsonb) ON COMMIT DROP;
    CREATE TEMP TABLE fired (customer_id bigint, flow_id int, epoch int, occurrence_key text, records bigint[]) ON COMMIT DROP;
    CREATE TEMP TABLE put (customer_id bigint, message_id text) ON COMMIT DROP;
    CREATE TEMP TABLE broken (at timestamptz, rule text, what text) ON COMMIT DROP;
    PERFORM crm.campaign_create(p.preset, p.preset, '{}') FROM crm.flow_preset p WHERE p.preset IN ('browse', 'cart', 'win_back', 'silence_60', 'festival', 'share_reward', 'tier_up');
    PERFORM crm.campaign_create('first_two', 'browse', '{"event": {"kind": "event", "types": ["search"]}, "quota": 2, "coupon_type": "welcome_5", "steps": [{}, {"after_hours": 30, "coupon_type": null}], "reentry_days": 5}');
    PERFORM crm.campaign_edit(f.code, jsonb_build_object('holdout_percent', 20) || CASE WHEN f.spec ? 'channels' THEN '{"channels": ["wechat", "sms"]}' ELSE '{}' END::jsonb) FROM crm.flow f;
    PERFORM crm.campaign_start(f.code) FROM crm.flow f;
    FOR n IN 1 .. 8 LOOP
        PERFORM world.say('member', jsonb_build_object('external_id', 'M' || n, 'name', world.pick('王', '李', '张') || chr(22823 + n), 'sex', CASE n % 2 WHEN 0 THEN 'f' ELSE 'm' END, 'phone', 13700000000 + CASE n WHEN 2 THEN 1 ELSE n END,
            'birthday', make_date(1960 + n, 6, 1 + floor(random() * 12)::int), 'store_code', 'W1', 'consent_sms', CASE WHEN random() < .9 THEN 'yes' ELSE 'no' END, 'registered_at', CASE WHEN n > 5 THEN '2026-05-20' ELSE '2026-01-01' END)
            || CASE WHEN random() < .5 THEN jsonb_build_object('openid', 'o-world-' || n, 'openid_app', 'wx', 'consent_wechat', 'yes') ELSE '{}' END);
        FOR k IN 1 .. floor(random() * 4)::int LOOP
            PERFORM world.say('order', jsonb_build_object('external_id', concat_ws('-', 'H', n, k), 'member_external_id', 'M' || n, 'ordered_at', timestamptz '2026-05-20T09:00:00+08:00' - make_interval(days => 5 * floor(1 + random() * 20)::int), 'store_code', 'W1', 'amount', 20));
        END LOOP;
    END LOOP;
END $$;

CREATE FUNCTION world.say(entity text, body jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO told VALUES ((SELECT count(*) FROM told), say.entity, say.body);
    PERFORM world.tell(entity, body);
END $$;

-- what the sender would do: whatever leaves leaves by day, to who did not say no, and comes back with some end
CREATE FUNCTION world.send() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one record;
    local time := (crm.core_now() AT TIME ZONE 'Asia/Shanghai')::time;
BEGIN
    FOR one IN SELECT c.customer_id, c.message_id, o.address_hash, o.channel, q.attempt FROM crm._outbox_claim(100, 60000, 1) c JOIN crm.outbox o USING (customer_id, message_id) JOIN crm.outbox_queue q USING (customer_id, message_id) WHERE o.is_marketing LOOP
        INSERT INTO broken SELECT crm.core_now(), 'nothing leaves at night', one.message_id WHERE local < '08:00' OR local >= '21:00';
        INSERT INTO broken SELECT crm.core_now(), 'nothing to who said no', one.message_id FROM crm.opt_out x WHERE x.channel = one.channel AND x.address_hash = one.address_hash;
        PERFORM crm._outbox_finish(ARRAY[one.customer_id], ARRAY[one.message_id], ARRAY[one.attempt], ARRAY[world.pick('sent', 'sent', 'sent', 'sent', 'failed', 'unknown', 'rejected')], '{500}', '{-1}', '{""}') WHERE random() < .95;
    END LOOP;
    -- whose sender died: the lease is over
    UPDATE crm.outbox_queue q SET lease_until = clock_timestamp() - interval '1 second' WHERE q.lease_until > clock_timestamp();
    IF random() < .3 THEN
        PERFORM crm.outbox_receipt(e.message_id, world.pick('delivered', 'undelivered', 'clicked')) FROM (SELECT e.message_id FROM crm.outbox_event e JOIN crm.outbox o USING (customer_id, message_id) WHERE e.kind = 'sent' AND o.is_marketing ORDER BY random() LIMIT 1) e;
    END IF;
END $$;

CREATE FUNCTION world.work() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE crm.source SET last_received_at = crm.core_now();
    FOR n IN 1 .. 50 LOOP EXIT WHEN crm._value_drain() <= 0; END LOOP;
    FOR n IN 1 .. 50 LOOP
        EXIT WHEN crm._campaign_due() <= 0;
        INSERT INTO broken SELECT crm.core_now(), 'work comes to an end', NULL WHERE n = 50;
    END LOOP;
    PERFORM crm._campaign_fallback(), crm._campaign_quotas(), crm._campaign_backlog();
END $$;

CREATE FUNCTION world.act(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    member text := 'M' || 1 + floor(random() * 8)::int;
    other text := 'M' || 1 + floor(random() * 8)::int;
    flow text := (SELECT f.code FROM crm.flow f ORDER BY random() LIMIT 1);
    what text := world.pick('order', 'order', 'refund', 'view', 'view', 'cart', 'share', 'search', 'again', 'again', 'merge', 'merge', 'merge just told', 'merge just told', 'unmerge', 'unmerge', 'edit', 'pause', 'start', 'opt out', 'backlog', 'member');
BEGIN
    CASE what
    WHEN 'order' THEN PERFORM world.say('order', jsonb_build_object('external_id', 'O' || n, 'member_external_id', member, 'ordered_at', crm.core_now() - make_interval(hours => floor(random() * 20)::int), 'store_code', 'W1', 'amount', 10 + n));
    WHEN 'refund' THEN PERFORM world.say('refund', jsonb_build_object('external_id', 'R' || n, 'order_external_id', t.body ->> 'external_id', 'amount', 10, 'refunded_at', crm.core_now())) FROM (SELECT t.body FROM told t WHERE t.entity = 'order' ORDER BY random() LIMIT 1) t;
    WHEN 'view', 'cart', 'share', 'search' THEN PERFORM world.say('event', jsonb_build_object('external_id', 'E' || n, 'member_external_id', member, 'occurred_at', crm.core_now(), 'object_id', 'S',
        'type', CASE what WHEN 'view' THEN 'product_view' WHEN 'cart' THEN 'add_to_cart' ELSE what END));
    WHEN 'again' THEN PERFORM world.tell(t.entity, t.body) FROM (SELECT t.* FROM told t ORDER BY random() LIMIT 1) t;
    WHEN 'merge' THEN PERFORM crm.identity_merge(world.person(member), world.person(other), 'one person') WHERE world.person(member) <> world.person(other);
    -- whom a flow has just reached, into somebody else: what fired for the one must not fire for both
    WHEN 'merge just told' THEN PERFORM crm.identity_merge(world.person(member), o.id, 'one person') FROM (SELECT crm._identity_current(o.customer_id) AS id FROM crm.occurrence o ORDER BY o.fired_at DESC LIMIT 1) o WHERE o.id <> world.person(member);
    WHEN 'unmerge' THEN PERFORM crm.identity_unmerge((SELECT max(j.journal_id) FROM crm.merge_journal j WHERE j.kind = 'merge'), 'two persons');
    WHEN 'edit' THEN PERFORM crm.campaign_edit(flow, jsonb_build_object('priority', floor(random() * 30)::int));
    WHEN 'pause' THEN PERFORM crm.campaign_pause(flow);
    WHEN 'opt out' THEN PERFORM crm.outbox_opt_out('sms', '1370000000' || substr(member, 2)) WHERE random() < .2;
    WHEN 'backlog' THEN PERFORM crm.campaign_confirm_backlog('silence_30');
    WHEN 'member' THEN PERFORM world.say('member', t.body || jsonb_build_object('nickname', 'N' || act.n)) FROM told t WHERE t.entity = 'member' AND t.body ->> 'external_id' = member ORDER BY t.told_no DESC LIMIT 1;
    ELSE PERFORM crm.campaign_start(f.code) FROM crm.flow f;
    END CASE;
EXCEPTION WHEN OTHERS THEN      -- a refusal is an answer, a fault is none
    INSERT INTO broken SELECT crm.core_now(), 'what is refused says why', concat_ws(' ', what, SQLSTATE, SQLERRM) WHERE SQLSTATE !~ '^(RM|22|P0002)';
END $$;

CREATE FUNCTION world.look() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE fresh ON COMMIT DROP AS
        SELECT o.*, world.records(o.customer_id) AS records FROM crm.occurrence o LEFT JOIN fired f USING (customer_id, flow_id, epoch, occurrence_key) WHERE f.customer_id IS NULL;
    INSERT INTO broken SELECT crm.core_now(), 'fires for persons of today', concat_ws(' ', f.flow_id, f.occurrence_key) FROM fresh f WHERE f.records IS NULL;
    INSERT INTO broken SELECT crm.core_now(), 'once for ever, under whatever id', concat_ws(' ', f.flow_id, f.epoch, f.occurrence_key, f.customer_id, b.customer_id)
    FROM fresh f JOIN (SELECT * FROM fired UNION ALL SELECT customer_id, flow_id, epoch, occurrence_key, records FROM fresh) b ON b.flow_id = f.flow_id AND b.epoch = f.epoch AND b.occurrence_key = f.occurrence_key AND b.customer_id <> f.customer_id
    WHERE b.records && f.records;
    INSERT INTO fired SELECT customer_id, flow_id, epoch, occurrence_key, records FROM fresh;
    CREATE TEMP TABLE news ON COMMIT DROP AS
        SELECT o.*, world.records(o.customer_id) AS records FROM crm.outbox o LEFT JOIN put p USING (customer_id, message_id) WHERE p.customer_id IS NULL AND o.is_marketing AND NOT o.body ? 'is_second';
    INSERT INTO broken SELECT crm.core_now(), 'one message a person and an address in seven days', n.message_id || ' ' || b.message_id
    FROM news n JOIN crm.outbox b ON b.is_marketing AND b.message_id <> n.message_id AND NOT b.body ? 'is_second' AND b.message_id IS DISTINCT FROM n.body ->> 'fallback_of' AND abs(extract(epoch FROM n.due_at - b.due_at)) < 7 * 86400
    WHERE (world.records(crm._identity_current(b.customer_id)) && n.records AND b.customer_id = ANY (crm._campaign_ids(n.customer_id)) OR (b.channel = n.channel AND b.address_hash = n.address_hash)) AND world.counts(b.customer_id, b.message_id) AND world.counts(n.customer_id, n.message_id);
    INSERT INTO put SELECT o.customer_id, o.message_id FROM crm.outbox o LEFT JOIN put p USING (customer_id, message_id) WHERE p.customer_id IS NULL;
    DROP TABLE fresh, news;
END $$;

-- what holds at the end of it
CREATE FUNCTION world.close() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO broken
        SELECT crm.core_now(), 'a person stays in its arm', concat_ws(' ', o.customer_id, o.flow_id) FROM crm.occurrence o WHERE o.arm <> 'none' AND o.epoch >= 0 GROUP BY o.customer_id, o.flow_id HAVING count(DISTINCT o.arm) > 1
        UNION ALL SELECT crm.core_now(), 'control hears and gets nothing', concat_ws(' ', o.customer_id, o.flow_id) FROM crm.occurrence o WHERE o.arm = 'control' AND (o.message_id IS NOT NULL OR o.coupon_id IS NOT NULL OR o.outcome <> 'control')
        UNION ALL SELECT crm.core_now(), 'who is let through hears of it', concat_ws(' ', o.customer_id, o.flow_id, o.occurrence_key) FROM crm.occurrence o JOIN crm.flow f USING (flow_id)
            WHERE f.spec ? 'channels' AND (o.outcome IN ('sent', 'held')) <> EXISTS (SELECT FROM crm.outbox m WHERE m.customer_id = o.customer_id AND m.message_id = o.message_id)
        UNION ALL SELECT crm.core_now(), 'no message besides', m.message_id FROM crm.outbox m WHERE m.flow_id IS NOT NULL AND NOT m.body ? 'fallback_of' AND NOT EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = m.customer_id AND o.message_id = m.message_id)
        UNION ALL SELECT crm.core_now(), 'a coupon an occurrence', concat_ws(' ', k.flow_id, k.occurrence_key) FROM crm.coupon k WHERE k.flow_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = k.customer_id AND o.coupon_id = k.coupon_id)
        UNION ALL SELECT crm.core_now(), 'points as often as earned', concat_ws(' ', s.earned, s.expected) FROM (
            SELECT (SELECT count(*) FROM crm.points_lot l WHERE l.cause_kind = 'flow') AS earned, (SELECT count(*) FROM crm.occurrence o JOIN crm.flow_version v ON v.flow_id = o.flow_id AND v.version = o.flow_version
                WHERE o.outcome IN ('sent', 'held') AND crm._campaign_step_spec(v.spec, CASE WHEN o.occurrence_key ~ '#\d+$' THEN substring(o.occurrence_key FROM '#(\d+)$')::int ELSE 1 END, o.fired_at) ? 'gifts') AS expected) s WHERE s.earned <> s.expected
        UNION ALL SELECT crm.core_now(), 'nobody is left on the way', concat_ws(' ', f.code, e.customer_id) FROM crm.enrolment e JOIN crm.flow f USING (flow_id) WHERE f.state = 'active' AND e.due_at <= crm.core_now()
        UNION ALL SELECT crm.core_now(), 'no more than the quota', q.taken::text FROM crm.flow_quota q WHERE q.taken > 2
        UNION ALL SELECT crm.core_now(), 'flows agree with themselves', concat_ws(' ', c.what, c.expected, c.found) FROM crm.campaign_check() c
        UNION ALL SELECT crm.core_now(), 'messages agree with themselves', concat_ws(' ', c.what, c.expected, c.found) FROM crm.outbox_check() c
        UNION ALL SELECT crm.core_now(), 'loyalty agrees with itself', c::text FROM crm.loyalty_check() c;
END $$;

CREATE FUNCTION world.play(seed int, turns int) RETURNS TABLE (rule text, what text, occurrences bigint, messages bigint) LANGUAGE plpgsql AS $$
DECLARE
    clock timestamptz;
    jump interval;
BEGIN
    PERFORM world.begin(seed), world.work(), world.look();
    FOR n IN 1 .. turns LOOP
        jump := CASE WHEN random() < .06 THEN interval '3 days' ELSE random() * interval '20 hours' END;
        clock := crm.core_now() + jump;
        PERFORM set_config('crm.core_clock', clock::text, true);
        PERFORM world.act(n * 10 + k) FROM generate_series(1, 1 + floor(random() * 3)::int) k;
        IF random() < .8 THEN PERFORM world.work(); END IF;
        PERFORM world.look();
        IF random() < .08 THEN      -- a clock that was wrong by eight hours
            PERFORM set_config('crm.core_clock', (clock + interval '8 hours' * sign(random() - .5))::text, true), world.work(), world.look(), set_config('crm.core_clock', clock::text, true);
        END IF;
        IF random() < .7 THEN PERFORM world.send(); END IF;
    END LOOP;
    PERFORM crm.campaign_start(f.code) FROM crm.flow f WHERE f.state = 'paused';
    PERFORM set_config('crm.core_clock', (crm.core_now() + interval '1 hour')::text, true), world.work(), world.work(), world.look(), world.close();
    RETURN QUERY SELECT b.rule, b.what || ' ' || b.at, 0::bigint, 0::bigint FROM broken b
        UNION ALL SELECT NULL, NULL, (SELECT count(*) FROM crm.occurrence), (SELECT count(*) FROM crm.outbox);
END $$;
