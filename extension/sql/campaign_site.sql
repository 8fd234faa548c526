-- campaign_site: what is shown on pages.  The site asks at a visit; flows of the place are tried by priority, through
-- the gate of every flow, and the first that lets the person pass is shown: once a session, however often the page is
-- drawn.  What was shown is a message that arrived, so that funnel, clicks and rules know it; it counts against no
-- cap.

CREATE FUNCTION crm._campaign_site_fault(spec jsonb, OUT field text, OUT fault text)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    rule text;
BEGIN
    SELECT f.field, f.fault INTO field, fault
    FROM (VALUES
        (1, 'place', jsonb_typeof(spec -> 'place') = 'array'
            AND jsonb_array_length(CASE jsonb_typeof(spec -> 'place') WHEN 'array' THEN spec -> 'place'
            ELSE '[]' END) BETWEEN 1 AND 20
            AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(CASE jsonb_typeof(spec -> 'place')
                    WHEN 'array' THEN spec -> 'place' ELSE '[]' END) p WHERE p !~ '^[a-z][a-z0-9_]{0,62}$'),
            'give a list of places, as ["product_page"]'),
        (2, 'channels', NOT spec ? 'channels', 'it is shown on a page: it has none'),
        (3, 'template', EXISTS (SELECT FROM crm.template t WHERE t.template = spec ->> 'template'
                AND t.channel = 'site'), 'it has no text for channel "site"'),
        (4, 'reentry_days', NOT spec ? 'reentry_days' OR crm._campaign_whole(spec -> 'reentry_days', 0, 3660), 'give whole days, 0 to 3660'),
        (5, 'shadow', coalesce(spec ->> 'shadow' IN ('true', 'false'), true), 'give true or false')) f (n, field, is_good, fault)
    WHERE f.is_good IS NOT TRUE ORDER BY f.n LIMIT 1;
    FOREACH rule IN ARRAY '{who,except,superseded_by,only,goal}'::text[] LOOP
        IF field IS NULL AND jsonb_typeof(spec -> rule) = 'object' THEN
            PERFORM crm._rule_check(spec -> rule);
        ELSIF field IS NULL AND spec ? rule AND spec -> rule <> '"order"' THEN
            field := rule;
            fault := 'it is no rule';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION crm._campaign_site_fault(jsonb) IS
    'what is wrong with a flow that is shown on pages; nulls: nothing; RM351 for a rule that cannot be read';

CREATE FUNCTION crm._campaign_show(flow crm.flow_row, person bigint, occurrence_key text, epoch int, coupon crm.coupon_ref, zone text) RETURNS text
    LANGUAGE plpgsql AS
$$
DECLARE
    id text := crm._campaign_message_id(flow.flow_id, epoch, person, occurrence_key);
BEGIN
    INSERT INTO crm.outbox (customer_id, message_id, channel, endpoint, flow_id, occurrence_key, is_marketing, body, due_at, created_at)
    VALUES (person, id, 'site', 'site', flow.flow_id, occurrence_key, false,
        crm._campaign_message(flow, person, 'site', coupon, zone, id), crm.core_now(), crm.core_now());
    PERFORM crm._outbox_note(person, id, 'sent', detail => 'shown'), crm._campaign_put_links(flow, ARRAY[person], ARRAY[id]);
    RETURN id;
END
$$;
COMMENT ON FUNCTION crm._campaign_show(crm.flow_row, bigint, text, int, crm.coupon_ref, text) IS
    'writes down what is shown to a person, as a message that has arrived; its id';

CREATE FUNCTION crm._campaign_shown(flow crm.flow_row, ids bigint[], key text) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN (
        SELECT jsonb_build_object('flow', flow.code, 'variant', o.variant, 'text', m.body ->> 'text', 'message_id', o.message_id,
                   'link', (SELECT (crm._setting('campaign.link_base') #>> '{}') || '/s/' || l.token FROM crm.message_link l
                            WHERE l.customer_id = o.customer_id AND l.token = crm._campaign_link_token(o.message_id)),
                   'coupon', (SELECT jsonb_build_object('code', k.code, 'coupon_type', k.coupon_type, 'value', k.value, 'valid_until', k.valid_until)
                              FROM crm.coupon k WHERE k.customer_id = o.customer_id AND k.coupon_id = o.coupon_id))
        FROM crm.occurrence o JOIN crm.outbox m ON m.customer_id = o.customer_id AND m.message_id = o.message_id
        WHERE o.customer_id = ANY (ids) AND o.flow_id = flow.flow_id AND o.epoch = flow.epoch AND o.occurrence_key = key);
END
$$;
COMMENT ON FUNCTION crm._campaign_shown(crm.flow_row, bigint[], text) IS
    'what a flow shows a person in a session; null: nothing';

CREATE FUNCTION crm._campaign_site_person(kind text, value text, namespace text) RETURNS bigint
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    number smallint := crm._identity_kind(kind);
BEGIN
    IF number IS NULL OR number >= 10 OR coalesce(value, '') = '' THEN
        RAISE EXCEPTION 'nobody can be looked for by "%"', coalesce(kind, '') USING ERRCODE = 'invalid_parameter_value', COLUMN = 'kind',
            HINT = 'Give customer_id, or kind and value: openid, unionid, member_card, platform_id, phone, email.';
    END IF;
    RETURN (SELECT crm._identity_current(i.customer_id) FROM crm.identifier i
            WHERE i.kind = number AND NOT i.is_blocked
              AND i.value_hash = crm._identity_hash(number, coalesce(namespace, ''),
                      crm._identity_normal(_campaign_site_person.kind, _campaign_site_person.value)));
END
$$;
COMMENT ON FUNCTION crm._campaign_site_person(text, text, text) IS
    'who answers to an identifier; null: nobody; 22023 for a kind there is not';

CREATE FUNCTION crm._campaign_site_try(flow crm.flow_row, person bigint, key text) RETURNS jsonb
    LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    ids bigint[] := crm._campaign_ids(person);
    before text := (SELECT o.outcome FROM crm.occurrence o WHERE o.customer_id = ANY (ids)
            AND o.flow_id = flow.flow_id AND o.epoch = flow.epoch AND o.occurrence_key = key LIMIT 1);
BEGIN
    IF before IS NOT NULL THEN
        RETURN crm._campaign_shown(flow, ids, key) || '{"is_repeat": true}';
    END IF;
    IF flow.spec ? 'who' AND crm._rule_fit(flow.spec -> 'who', ARRAY[person], crm.core_now()) = '{}'
       OR EXISTS (SELECT FROM crm.occurrence o WHERE o.customer_id = ANY (ids) AND o.flow_id = flow.flow_id AND o.epoch >= 0
                  AND crm._campaign_is_too_soon(o.fired_at, crm.core_now(), (flow.spec ->> 'reentry_days')::int, crm._campaign_zone(person))) THEN
        RETURN NULL;
    END IF;
    before := crm._campaign_fire(flow, person, key, crm.core_now(), 'infinity', flow.epoch);
    RETURN crm._campaign_shown(flow, ids, key) || jsonb_build_object('is_repeat', before = 'fired before');
END
$$;
COMMENT ON FUNCTION crm._campaign_site_try(crm.flow_row, bigint, text) IS
    'what a flow shows a person in a session: what it showed before, or what the gate lets pass now; null: nothing. '
    'Whom the flow means, and who saw it in reentry_days, is asked before anybody is locked';

CREATE FUNCTION crm.campaign_offer(place text, session text, customer_id bigint DEFAULT NULL, kind text DEFAULT NULL,
                                   value text DEFAULT NULL, namespace text DEFAULT NULL) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    person bigint;
    flow crm.flow_row;
    -- a session is told apart, not kept
    key text := 's:' || encode(substr(crm._keyed_hash('session', convert_to(coalesce(session, ''), 'UTF8')), 1, 16), 'hex');
    shown jsonb;
BEGIN
    IF coalesce(place, '') !~ '^[a-z][a-z0-9_]{0,62}$' OR length(coalesce(session, '')) NOT BETWEEN 8 AND 200 THEN
        RAISE EXCEPTION 'a visit has a place and a session' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = CASE WHEN length(coalesce(session, '')) NOT BETWEEN 8 AND 200 THEN 'session' ELSE 'place' END,
            HINT = 'Give the place as product_page, and the session''s id of 8 to 200 characters.';
    END IF;
    -- who only tries the interface is shown nothing, and takes nobody's place
    person := CASE WHEN crm._actor_claim('sandbox') = 'true' THEN NULL
        WHEN customer_id IS NOT NULL THEN crm._access_require_person(customer_id)
        ELSE crm._campaign_site_person(kind, value, namespace) END;
    FOR flow IN SELECT * FROM crm.flow f WHERE person IS NOT NULL AND f.trigger = 'site' AND f.state = 'active'
        AND f.spec -> 'place' ? campaign_offer.place
                ORDER BY coalesce((f.spec ->> 'priority')::int, 0) DESC, f.flow_id LOOP
        shown := crm._campaign_site_try(flow, person, key);
        EXIT WHEN shown IS NOT NULL;
    END LOOP;
    RETURN coalesce(shown, '{"flow": null}');
END
$$;
COMMENT ON FUNCTION crm.campaign_offer(text, text, bigint, text, text, text) IS
    'what to show a person (by id, or by an identifier) at a place of the site now: text, coupon, link, of the '
    'first flow of the place, by priority, whose gate lets the person pass; the same answer for the rest of the '
    'session; flow null: nothing, or nobody, or a sandbox key asks; 22023, P0002';
GRANT EXECUTE ON FUNCTION crm.campaign_offer(text, text, bigint, text, text, text) TO crm_till, crm_service, crm_headquarters;
