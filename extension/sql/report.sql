-- report: reads all rooms, is read by none.  Its functions are definer functions that check the
-- caller's right to the person first; figures over many persons count only what the caller's scope holds.

CREATE FUNCTION crm._report_sees(person bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
BEGIN
    RETURN EXISTS (
        SELECT FROM crm.customer c
        WHERE c.customer_id = person AND c.status = 'active'
          AND (crm._access_sees_all() OR c.scope_store_ids && crm.access_store_ids()));
END
$$;
COMMENT ON FUNCTION crm._report_sees(bigint) IS
    'whether somebody is a person now whom the caller sees by the rule of crm._access_sees()';

CREATE FUNCTION crm._report_require(asked bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint := crm._identity_current(asked);
BEGIN
    IF person IS NULL OR NOT crm._report_sees(person) THEN
        RAISE EXCEPTION 'there is no such person in your scope'
            USING ERRCODE = 'no_data_found', COLUMN = 'customer_id', HINT = 'Look the person up by phone or card, or ask a manager.';
    END IF;
    RETURN person;
END
$$;
COMMENT ON FUNCTION crm._report_require(bigint) IS
    'the current id of a person whom the caller may see; P0002 (404) otherwise, alike for none and not yours';

CREATE FUNCTION crm._report_bought(person bigint, OUT category_id int, OUT code text, OUT name text,
                                   OUT last_day date, OUT refill_days int) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
BEGIN
    RETURN QUERY
    SELECT k.category_id, k.code, k.name, max(i.business_day), coalesce(max(p.refill_days), max(k.refill_days), 30)
    FROM crm.membership m JOIN crm.purchased_item i ON i.source_record_id = m.source_record_id
    JOIN crm.product p ON p.product_id = i.product_id JOIN crm.product_category k ON k.category_id = p.category_id
    WHERE m.customer_id = person AND m.valid_to = 'infinity' GROUP BY k.category_id ORDER BY 4 DESC, 1;
END
$$;
COMMENT ON FUNCTION crm._report_bought(bigint) IS
    'the categories of what a person bought and did not give back, the last one first: when last, and for how many '
    'days it lasts (product, else category, else 30)';

CREATE FUNCTION crm._report_suggestion(person bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    today date := crm._local_day(crm.core_now(), crm._setting('core.time_zone') #>> '{}');
    ids bigint[] := crm._identity_cluster(person);
BEGIN
    RETURN (
        WITH bought AS (SELECT * FROM crm._report_bought(person)),
        last_one AS (SELECT * FROM bought LIMIT 1),
        candidate AS (
            SELECT 1 AS step, r.pair_rule_id::bigint AS position, k.category_id, k.code, k.name, r.reason_zh, r.reason_en
            FROM last_one l JOIN crm.pair_rule r ON r.from_category = l.code AND r.is_active
            JOIN crm.product_category k ON k.code = r.to_category
            UNION ALL
            SELECT 2, -f.case_count, k.category_id, k.code, k.name,
                   format('买过同类商品的顾客接着买了这一类（%s 例）', f.case_count),
                   format('what buyers of the same category bought next (%s cases)', f.case_count)
            FROM last_one l JOIN crm.category_follow f ON f.from_category_id = l.category_id
            JOIN crm.product_category k ON k.category_id = f.to_category_id
            WHERE f.case_count >= (crm._setting('report.suggestion_min_cases'))::int)
        SELECT jsonb_build_object('category', c.code, 'category_name', c.name, 'reason_zh', c.reason_zh,
            'reason_en', c.reason_en, 'category_id', c.category_id)
        FROM candidate c
        WHERE NOT EXISTS (SELECT FROM bought b WHERE b.category_id = c.category_id AND b.last_day + b.refill_days > today)
          AND (SELECT count(*) FROM crm.suggestion_shown s
               WHERE s.customer_id = ANY (ids) AND s.category_id = c.category_id AND s.shown_at > crm.core_now() - interval '30 days')
              < (crm._setting('report.suggestion_max_shown'))::int
        ORDER BY c.step, c.position, c.category_id LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._report_suggestion(bigint) IS
    'what to suggest at the counter and why: first headquarters'' pair rules, then the commonest next category; '
    'nothing that is still at home or was shown often; null when nothing fits';

CREATE FUNCTION crm._report_last_item(person bigint) RETURNS text
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
BEGIN
    RETURN (SELECT p.name FROM crm.membership m JOIN crm.purchased_item i ON i.source_record_id = m.source_record_id
            JOIN crm.product p ON p.product_id = i.product_id
            WHERE m.customer_id = person AND m.valid_to = 'infinity' ORDER BY i.business_day DESC, i.paid_at DESC, p.name LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._report_last_item(bigint) IS
    'what a person bought last and did not give back, by its name; null: nothing that is a product';

CREATE FUNCTION crm._report_favourite(person bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
BEGIN
    RETURN (
        SELECT jsonb_build_object('category', k.code, 'name', k.name, 'days', count(DISTINCT i.business_day))
        FROM crm.membership m JOIN crm.purchased_item i ON i.source_record_id = m.source_record_id
        JOIN crm.product p ON p.product_id = i.product_id JOIN crm.product_category k ON k.category_id = p.category_id
        WHERE m.customer_id = person AND m.valid_to = 'infinity' GROUP BY k.category_id
            ORDER BY count(DISTINCT i.business_day) DESC, max(i.business_day) DESC, k.category_id LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._report_favourite(bigint) IS
    'the category that a person bought on most days and did not give back, of several the last; null: none';

-- Masked names of a family are often the same: what tells its members apart is what the viewer sees of each anyway.
CREATE FUNCTION crm._report_marks(person bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
BEGIN
    IF NOT crm._report_sees(person) THEN
        RETURN (SELECT jsonb_build_object('tier', v.tier, 'last_category_name', b.name)
                FROM (SELECT) one LEFT JOIN crm.customer_value v ON v.customer_id = person
                    LEFT JOIN (SELECT l.name FROM crm._report_bought(person) l LIMIT 1) b ON true);
    END IF;
    RETURN (SELECT jsonb_build_object('tier', v.tier, 'last_day', v.last_day, 'sex', c.sex, 'store_name', s.name, 'registered_on', c.registered_on)
            FROM crm.customer c LEFT JOIN crm.customer_value v USING (customer_id) LEFT JOIN crm.store s ON s.store_id = c.home_store_id
            WHERE c.customer_id = person);
END
$$;
COMMENT ON FUNCTION crm._report_marks(bigint) IS
    'what tells apart persons whose masked names are the same: tier, last purchase, sex, store, registration of who '
    'is in the caller''s scope; of another store''s what the counter card says, tier and category of the last '
    'purchase';

CREATE FUNCTION crm.report_card(identifier_kind text, value text, namespace text DEFAULT '') RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    found jsonb := crm.identity_lookup(identifier_kind, value, namespace);
    person bigint := (found ->> 'customer_id')::bigint;
    is_own boolean := crm._report_sees(person);
    suggestion jsonb;
    answer jsonb;
BEGIN
    IF person IS NULL THEN
        RAISE EXCEPTION 'no member has this %', identifier_kind
            USING ERRCODE = 'no_data_found', COLUMN = 'value', HINT = 'Check the number, or enrol the customer.';
    END IF;
    suggestion := crm._report_suggestion(person);
    IF suggestion IS NOT NULL THEN
        INSERT INTO crm.suggestion_shown (customer_id, shown_at, suggestion_id, category_id, staff_id)
        VALUES (person, crm.core_now(), crm._new_id(), (suggestion ->> 'category_id')::int, crm._actor_staff());
    END IF;
    SELECT jsonb_build_object(
        'customer_id', person, 'name', c.name_masked, 'in_scope', is_own, 'tier', v.tier,
        'last_day', CASE WHEN is_own THEN v.last_day END, 'last_item', CASE WHEN is_own THEN crm._report_last_item(person) END,
        'coupons', (SELECT coalesce(jsonb_agg(k), '[]') FROM crm._loyalty_coupons(person) k WHERE k ->> 'state' = 'issued'),
        'points', crm._loyalty_available(person),
        'last_category', last_one.code, 'last_category_name', last_one.name,
        'suggestion', suggestion - 'category_id')
        || CASE WHEN found ? 'also' THEN crm._report_marks(person) || jsonb_build_object('also', (
               SELECT jsonb_agg(o.one || crm._report_marks((o.one ->> 'customer_id')::bigint) ORDER BY o.place)
               FROM jsonb_array_elements(found -> 'also') WITH ORDINALITY o(one, place))) ELSE '{}' END
    INTO answer
    FROM crm.customer c LEFT JOIN crm.customer_value v USING (customer_id)
        LEFT JOIN (SELECT b.* FROM crm._report_bought(person) b LIMIT 1) last_one ON true
    WHERE c.customer_id = person;
    RETURN answer;
END
$$;
COMMENT ON FUNCTION crm.report_card(text, text, text) IS
    'the counter card of any member of the chain found by an exact identifier: masked name, tier, category of the '
    'last purchase (its day and product, too, of who is in the caller''s scope), usable coupons and points, '
    'suggestion with its reason, and in also the names of others who hold the same number, with what tells them '
    'apart (crm._report_marks); no phone, no address; logged and counted (RM110 beyond 60 an hour a clerk); P0002 '
    'when nobody answers to the value';
GRANT EXECUTE ON FUNCTION crm.report_card(text, text, text) TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_headquarters, crm_till;

CREATE FUNCTION crm.report_person(customer_id bigint) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._report_require(report_person.customer_id);
    words jsonb := crm._outbox_words(person);
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'customer_id', c.customer_id, 'asked_for', report_person.customer_id,
            'name', c.name_masked, 'phone', c.phone_masked, 'email', c.email_masked, 'sex', c.sex, 'city', c.city, 'channel', c.channel,
            'home_store', (SELECT s.code FROM crm.store s WHERE s.store_id = c.home_store_id),
                'home_store_name', (SELECT s.name FROM crm.store s WHERE s.store_id = c.home_store_id),
            'registered_on', c.registered_on, 'custom', c.custom, 'row_version', c.row_version,
            'fields', (SELECT coalesce(jsonb_agg(jsonb_build_object('field', f.code, 'name_zh', f.name_zh,
                       'name_en', f.name_en, 'value', c.custom -> f.code) ORDER BY f.code), '[]')
                       FROM crm.custom_field f WHERE f.entity = 'member' AND c.custom ? f.code),
            'also_known_as', (SELECT coalesce(jsonb_agg(o), '[]') FROM unnest(crm._identity_cluster(person)) o WHERE o <> person),
            'records', (SELECT coalesce(jsonb_agg(jsonb_build_object('source', src.code, 'external_id', r.external_id, 'kind', r.kind,
                            'registered_on', r.registered_on, 'store', st.code) ORDER BY r.source_record_id), '[]')
                        FROM crm.membership m JOIN crm.source_record r USING (source_record_id)
                        JOIN crm.source src ON src.source_id = r.source_id LEFT JOIN crm.store st ON st.store_id = r.store_id
                        WHERE m.customer_id = person AND m.valid_to = 'infinity'),
            'identifiers', (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('kind', k.code, 'masked', i.masked)), '[]')
                            FROM crm.membership m JOIN crm.record_identifier ri USING (source_record_id)
                            JOIN crm.identifier i USING (kind, value_hash) JOIN crm.identifier_kind k USING (kind)
                            WHERE m.customer_id = person AND m.valid_to = 'infinity' AND ri.ended_at IS NULL
                              AND k.code NOT IN ('home_name', 'home')),
            'value', (SELECT jsonb_build_object('tier', v.tier, 'tier_since', v.tier_since, 'r', v.r, 'f', v.f, 'm', v.m,
                            'order_days', v.order_days, 'net', crm._report_money(v.net_minor),
                                'first_day', v.first_day, 'last_day', v.last_day,
                                'last_item', crm._report_last_item(person),
                            'average', crm._report_money((v.net_minor / nullif(v.order_days, 0))::bigint), 'favourite', crm._report_favourite(person))
                      FROM crm.customer_value v WHERE v.customer_id = person),
            'next_tier', crm._value_next_tier(person, crm._report_today()),
            'points', crm._loyalty_available(person),
            'level', (SELECT jsonb_build_object('level', l.level, 'name_zh', l.name_zh, 'name_en', l.name_en,
                      'since', h.since, 'keep_until', h.keep_until)
                      FROM crm._loyalty_level(person) h JOIN crm.level l ON l.level = h.level),
            'tags', (SELECT coalesce(jsonb_agg(g), '[]') FROM crm.segment_person_tags(person) g),
            'tasks', (SELECT coalesce(jsonb_agg(jsonb_build_object('task_id', k.task_id, 'title', k.title,
                      'due_at', k.due_at) ORDER BY k.due_at, k.task_id), '[]')
                      FROM crm.task k WHERE k.customer_id = ANY (crm._identity_cluster(person)) AND k.state = 'open'
                              AND k.kind <> 'ticket' AND crm._sales_sees(k.staff_id, k.store_id)),
                          -- a ticket stands by itself
            'tickets', (SELECT coalesce(jsonb_agg(jsonb_build_object('ticket_id', k.ticket_id, 'title', k.title,
                            'kind', k.kind, 'opened_at', k.opened_at,
                            'is_late', crm.core_now() > CASE WHEN k.answered_at IS NULL THEN k.answer_due_at
                                        ELSE k.resolve_due_at END) ORDER BY k.opened_at, k.ticket_id), '[]')
                        FROM crm.ticket k WHERE k.customer_id = ANY (crm._identity_cluster(person))
                            AND k.state <> 'resolved' AND crm._service_sees(k.customer_id, k.ticket_id)),
            'consents', (SELECT jsonb_object_agg(w ->> 'channel', w ->> 'state') FROM jsonb_array_elements(words) w
                    WHERE w ->> 'channel' <> 'location'),
            'consent_words', words,
            'coupons', (SELECT coalesce(jsonb_agg(k), '[]') FROM crm._loyalty_coupons(person) k),
            'suggestion', crm._report_suggestion(person) - 'category_id',
            'timeline', (SELECT coalesce(jsonb_agg(t), '[]') FROM crm.report_timeline(person, NULL, 20) t))
        FROM crm.customer c WHERE c.customer_id = person);
END
$$;
COMMENT ON FUNCTION crm.report_person(bigint) IS
    'everything about one person in one call: masked identity, records, identifiers, value, consents (and in '
    'consent_words since when, where from, by whom and on what evidence), coupons, suggestion, newest 20 of the '
    'timeline; old ids answer; P0002 outside of the caller''s scope';
GRANT EXECUTE ON FUNCTION crm.report_person(bigint) TO crm_clerk, crm_store_manager, crm_manager, crm_service,
    crm_steward, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._report_money(minor bigint) RETURNS numeric
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT round(minor / power(10::numeric, coalesce((crm._setting('purchase.currency_exponent'))::int, 2)),
                coalesce((crm._setting('purchase.currency_exponent'))::int, 2)) $$;
COMMENT ON FUNCTION crm._report_money(bigint) IS 'minor units as an amount in the installation''s currency';

-- One moment's words of several channels are one entry; what an address said of itself stands with the persons who hold it.
CREATE FUNCTION crm._report_words(records bigint[], until timestamptz, wanted int, OUT occurred_at timestamptz,
                                  OUT state text, OUT channels text[], OUT way text, OUT noted_by text,
                                  OUT evidence text) RETURNS SETOF record
    LANGUAGE sql STABLE AS
$$
    (SELECT c.occurred_at, c.state, array_agg(DISTINCT c.channel), CASE WHEN c.noted_by IS NULL THEN 'record'
     ELSE 'said' END, c.noted_by, max(nullif(c.evidence, ''))
     FROM crm.consent c WHERE c.source_record_id = ANY (records) AND c.occurred_at < until GROUP BY c.occurred_at,
         c.state, c.noted_by ORDER BY c.occurred_at DESC LIMIT wanted)
    UNION ALL
    SELECT o.at, 'no', ARRAY[o.channel], 'stop', NULL, NULL
    FROM (SELECT DISTINCT ch.channel, ri.value_hash FROM crm.record_identifier ri
        JOIN crm.channel ch ON ch.identifier_kind = ri.kind WHERE ri.source_record_id = ANY (records)
        AND ri.ended_at IS NULL) a
    JOIN crm.opt_out o ON o.channel = a.channel AND o.address_hash = a.value_hash WHERE o.at < until
$$;
COMMENT ON FUNCTION crm._report_words(bigint[], timestamptz, int) IS
    'what was said of consent with some records before a moment, an entry a moment: as crm._outbox_words() tells '
    'ways; of addresses that opted out while they are closed';

CREATE FUNCTION crm.report_timeline(customer_id bigint, before timestamptz DEFAULT NULL, max_entries int DEFAULT 50) RETURNS SETOF jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._report_require(report_timeline.customer_id);
    until timestamptz := coalesce(before, 'infinity');
    wanted int := least(greatest(coalesce(max_entries, 50), 1), 500);
    records bigint[] := ARRAY(SELECT m.source_record_id FROM crm.membership m WHERE m.customer_id = person AND m.valid_to = 'infinity');
    ids bigint[] := crm._identity_cluster(person);
BEGIN
    RETURN QUERY
    SELECT jsonb_build_object('at', t.at, 'kind', t.kind) || jsonb_strip_nulls(jsonb_build_object('ref', t.ref, 'cause', t.cause)) || t.what
    FROM (
        (SELECT o.ordered_at AS at, 'order' AS kind,
                jsonb_build_object('source', s.code, 'external_id', o.external_id, 'status', o.status, 'amount', o.amount, 'lines', o.line_count,
                                   'store', st.code, 'channel', o.channel) AS what, 'fact:' || o.order_id AS ref,
                (SELECT 'coupon:' || k.coupon_id FROM crm.coupon k WHERE k.customer_id = ANY (ids)
                        AND k.state = 'redeemed' AND k.redeeming_source_id = o.source_id
                        AND k.redeeming_order = o.external_id LIMIT 1) AS cause
         FROM crm.customer_order o JOIN crm.source s USING (source_id) LEFT JOIN crm.store st USING (store_id)
         WHERE o.source_record_id = ANY (records) AND o.is_current AND o.ordered_at < until ORDER BY o.ordered_at DESC LIMIT wanted)
        UNION ALL
        (SELECT r.refunded_at, 'refund', jsonb_build_object('external_id', r.external_id,
                'order', r.order_external_id, 'amount', r.amount, 'reason', r.reason), 'fact:' || r.refund_id,
                (SELECT 'fact:' || o.order_id FROM crm.customer_order o WHERE o.source_record_id = ANY (records)
                    AND o.source_id = r.source_id AND o.external_id = r.order_external_id AND o.is_current LIMIT 1)
         FROM crm.refund r WHERE r.source_record_id = ANY (records) AND r.is_current AND r.refunded_at < until
             ORDER BY r.refunded_at DESC LIMIT wanted)
        UNION ALL
        (SELECT e.occurred_at, 'event', jsonb_build_object('type', e.type, 'name_zh', y.name_zh, 'name_en', y.name_en,
         'object', e.object_id, 'properties', e.properties, 'ignored', e.ignored_reason), 'fact:' || e.event_id, NULL
         FROM crm.event e LEFT JOIN crm.event_type y ON y.code = e.type WHERE e.source_record_id = ANY (records)
             AND e.occurred_at < until ORDER BY e.occurred_at DESC LIMIT wanted)
        UNION ALL
        (SELECT i.occurred_at, 'interaction', jsonb_build_object('channel', i.channel, 'direction', i.direction,
         'text', i.body, 'outcome', i.outcome, 'next_on', i.next_on), 'fact:' || i.interaction_id, NULL
         FROM crm.interaction i WHERE i.source_record_id = ANY (records) AND i.is_current AND i.occurred_at < until
             ORDER BY i.occurred_at DESC LIMIT wanted)
        UNION ALL
        (SELECT k.issued_at, 'coupon', jsonb_build_object('coupon_type', k.coupon_type, 'state', k.state,
                'value', k.value, 'valid_until', k.valid_until, 'name_zh', y.name_zh, 'name_en', y.name_en),
                'coupon:' || k.coupon_id,
                (SELECT 'flow:' || f.code || ':' || k.occurrence_key FROM crm.flow f WHERE f.flow_id = k.flow_id)
         FROM crm.coupon k LEFT JOIN crm.coupon_type y USING (coupon_type) WHERE k.customer_id = ANY (ids)
             AND k.issued_at < until ORDER BY k.issued_at DESC LIMIT wanted)
        UNION ALL
        (SELECT c.changed_at, 'tier', jsonb_build_object('from', c.from_tier, 'to', c.to_tier, 'why', c.cause), 'tier:' || c.change_id,
                CASE c.cause WHEN 'order' THEN (SELECT 'fact:' || o.order_id FROM crm.customer_order o
                        WHERE o.source_record_id = ANY (records) AND o.is_current AND o.ordered_at <= c.changed_at
                        ORDER BY o.ordered_at DESC LIMIT 1)
                             WHEN 'refund' THEN (SELECT 'fact:' || r.refund_id FROM crm.refund r
                                     WHERE r.source_record_id = ANY (records) AND r.is_current
                                     AND r.refunded_at <= c.changed_at ORDER BY r.refunded_at DESC LIMIT 1) END
         FROM crm.tier_change c WHERE c.customer_id = ANY (ids) AND c.changed_at < until ORDER BY c.changed_at DESC LIMIT wanted)
        UNION ALL
        (SELECT q.fired_at, 'flow', jsonb_build_object('flow', f.code, 'outcome', q.outcome, 'arm', q.arm,
                'message', q.message_id, 'name_zh', f.name_zh, 'name_en', f.name_en),
                'flow:' || f.code || ':' || q.occurrence_key,
                CASE WHEN f.trigger = 'event' AND q.occurrence_key ~ '^[0-9]+(#|$)' THEN 'fact:' || split_part(q.occurrence_key, '#', 1) END
         FROM crm.occurrence q JOIN crm.flow f USING (flow_id) WHERE q.customer_id = ANY (ids) AND q.fired_at < until
             ORDER BY q.fired_at DESC LIMIT wanted)
        UNION ALL
        (SELECT k.opened_at, 'ticket', jsonb_build_object('ticket_id', k.ticket_id, 'topic', k.topic,
                'title', k.title, 'state', k.state), 'ticket:' || k.ticket_id,
                CASE WHEN k.ticket_key ~ '^(note|event):' THEN 'fact:' || split_part(k.ticket_key, ':', 2) END
         FROM crm.ticket k WHERE k.customer_id = ANY (ids) AND k.opened_at < until
             AND crm._service_sees(k.customer_id, k.ticket_id) ORDER BY k.opened_at DESC LIMIT wanted)
        UNION ALL
        (SELECT w.occurred_at, 'consent', jsonb_strip_nulls(jsonb_build_object('state', w.state, 'channels', w.channels, 'way', w.way,
             'noted_by', coalesce((SELECT f.name FROM crm.staff f WHERE f.code = w.noted_by), w.noted_by), 'evidence', w.evidence)), NULL, NULL
         FROM crm._report_words(records, until, wanted) w)
        UNION ALL
        (SELECT j.at, j.kind, jsonb_build_object('other', j.other_id, 'reason', j.reason), NULL, NULL
         FROM crm.merge_journal j WHERE j.survivor_id = ANY (ids) AND j.kind <> 'attach' AND j.at < until ORDER BY j.at DESC LIMIT wanted)
    ) t
    ORDER BY t.at DESC LIMIT wanted;
END
$$;
COMMENT ON FUNCTION crm.report_timeline(bigint, timestamptz, int) IS
    'what happened with a person, newest first, before a moment (exclusive; null: from the newest), 1 to 500 '
    'entries; cause is the ref of what brought an entry about: of an order the coupon it redeemed, of a refund the '
    'order, of a coupon the flow, of a flow the fact that let the person in, of a tier the order or refund; P0002 '
    'outside of the caller''s scope';
GRANT EXECUTE ON FUNCTION crm.report_timeline(bigint, timestamptz, int) TO crm_clerk, crm_store_manager, crm_manager,
    crm_service, crm_steward, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._report_scope(store_code text, region_code text) RETURNS int[]
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    all_stores boolean := crm._access_counts_all();
    wanted int[];
BEGIN
    SELECT array_agg(s.store_id ORDER BY s.store_id) INTO wanted
    FROM crm.store s JOIN crm.region r USING (region_id)
    WHERE (store_code IS NULL OR s.code = store_code) AND (region_code IS NULL OR r.code = region_code)
      AND (all_stores OR s.store_id = ANY (crm.access_store_ids()));
    IF wanted IS NULL THEN
        RAISE EXCEPTION 'no store of your scope fits' USING ERRCODE = 'no_data_found', COLUMN = CASE
            WHEN store_code IS NULL THEN 'region_code' ELSE 'store_code' END,
            HINT = 'Give a store or region code within your scope, or none.';
    END IF;
    -- null: the whole chain, persons without a store included
    RETURN CASE WHEN all_stores AND store_code IS NULL AND region_code IS NULL THEN NULL ELSE wanted END;
END
$$;
COMMENT ON FUNCTION crm._report_scope(text, text) IS
    'the stores a board is about, within the caller''s scope; null: the whole chain; P0002 when none is left';

CREATE FUNCTION crm.report_health(store_code text DEFAULT NULL, region_code text DEFAULT NULL, on_day date DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    stores int[] := crm._report_scope(store_code, region_code);
    today date := coalesce(on_day, crm._report_today());
    c bigint[] := crm._report_ask('health', stores, ARRAY[today]);      -- active, the steps of the funnel, persons by tier
    tiers jsonb;
    persons bigint;
BEGIN
    SELECT coalesce(jsonb_object_agg(t.tier, c[5 + t.no]), '{}'), coalesce(sum(c[5 + t.no]), 0) INTO tiers, persons
    FROM unnest(crm._report_tiers()) WITH ORDINALITY t (tier, no) WHERE c[5 + t.no] > 0;
    RETURN jsonb_build_object(
        'day', today, 'store', store_code, 'region', region_code, 'persons', persons, 'active_30d', c[1], 'tiers', tiers,
        'funnel', jsonb_build_object('registered', c[2], 'first_order', c[3], 'second_order', c[4], 'third_order', c[5]),
        'flows', (SELECT coalesce(jsonb_agg(f), '[]') FROM crm._report_flows(stores) f));
END
$$;
COMMENT ON FUNCTION crm.report_health(text, text, date) IS
    'the health board of the caller''s scope: persons; active = with an order in 30 local days, in these stores; '
    'tiers; funnel of those registered 180 to 359 days ago (1st order within 30 d, 2nd within 90 d, 3rd within 180 '
    'd); flows with both arms; day null: today in the chain''s time zone';
GRANT EXECUTE ON FUNCTION crm.report_health(text, text, date) TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;

CREATE FUNCTION crm._report_follow() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    today date := crm._local_day(crm.core_now(), crm._setting('core.time_zone') #>> '{}');
BEGIN
    DELETE FROM crm.category_follow;
    INSERT INTO crm.category_follow (from_category_id, to_category_id, case_count, as_of)
    WITH day AS (
        SELECT DISTINCT m.customer_id, i.business_day, i.category_id
        FROM crm.purchased_item i JOIN crm.membership m ON m.source_record_id = i.source_record_id AND m.valid_to = 'infinity'
        WHERE i.business_day BETWEEN today - 364 AND today AND i.category_id IS NOT NULL),
    ranked AS (SELECT d.*, dense_rank() OVER (PARTITION BY d.customer_id ORDER BY d.business_day) AS visit FROM day d)
    SELECT a.category_id, b.category_id, count(*), today
    FROM ranked a JOIN ranked b ON b.customer_id = a.customer_id AND b.visit = a.visit + 1 AND b.category_id <> a.category_id
    GROUP BY a.category_id, b.category_id;
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._report_follow() IS
    'job: recounts which category is bought, and kept, at the visit after which, over 365 days';

CREATE FUNCTION crm.report_track(customer_id bigint, from_day date DEFAULT NULL, to_day date DEFAULT NULL)
    RETURNS TABLE (at timestamptz, type text, latitude numeric, longitude numeric)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
#variable_conflict use_column
DECLARE
    person bigint := crm._report_require(report_track.customer_id);
    zone text := crm._setting('core.time_zone') #>> '{}';
BEGIN
    PERFORM crm._require_day(from_day, 'from_day'), crm._require_day(to_day, 'to_day');
    PERFORM crm._audit('track', 'person', person, 'location', NULL, NULL, NULL);
    RETURN QUERY
    SELECT p.occurred_at, (SELECT e.type FROM crm.event e WHERE e.source_record_id = p.source_record_id
            AND e.occurred_at = p.occurred_at AND e.event_id = p.event_id LIMIT 1), p.latitude, p.longitude
    FROM crm.membership m JOIN crm.event_place p ON p.source_record_id = m.source_record_id
    WHERE m.customer_id = person AND m.valid_to = 'infinity'
      AND EXISTS (SELECT FROM crm.person_consent c WHERE c.customer_id = person AND c.channel = 'location' AND c.state = 'yes')
      AND p.occurred_at > crm.core_now() - make_interval(days => (crm._setting('event.place_days'))::int)
      AND (from_day IS NULL OR p.occurred_at >= from_day::timestamp AT TIME ZONE zone)
          AND (to_day IS NULL OR p.occurred_at < (to_day + 1)::timestamp AT TIME ZONE zone)
    ORDER BY 1 DESC LIMIT 1000;
END
$$;
COMMENT ON FUNCTION crm.report_track(bigint, date, date) IS
    'where a person of the caller''s scope was, of local days, newest first, 1000 at most: as long as they agree '
    '(consent location) and event.place_days keep it; audited; P0002';
GRANT EXECUTE ON FUNCTION crm.report_track(bigint, date, date) TO crm_headquarters;
