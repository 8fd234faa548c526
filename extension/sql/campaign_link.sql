-- campaign_link: links in messages.  The text carries a short address with a token that tells nothing about anybody;
-- whoever follows it is led where the flow said when the message was put, nowhere else, and the click stands beside
-- the message.

CREATE FUNCTION crm._campaign_link_token(message_id text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    tag bytea := substr(crm._keyed_hash('link', convert_to(message_id, 'UTF8')), 1, 8);
BEGIN
    RETURN rtrim(translate(encode(tag || int8send(split_part(message_id,
                    '-', 1)::bigint # crm._campaign_link_mask(tag)), 'base64'), '+/', '-_'), '=');
END
$$;
COMMENT ON FUNCTION crm._campaign_link_token(text) IS
    'the token of a message''s link: 64 bits that nobody guesses, and the customer id under a key, so that it leads '
    'to its row and tells nobody whose it is; the same at every attempt';

CREATE FUNCTION crm._campaign_link_mask(tag bytea) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT ('x' || encode(substr(crm._keyed_hash('link mask', tag), 1, 8), 'hex'))::bit(64)::bigint $$;
COMMENT ON FUNCTION crm._campaign_link_mask(bytea) IS 'what covers the customer id in a token, by the token''s other half';

CREATE FUNCTION crm._campaign_link_person(token text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS
$$
DECLARE
    bytes bytea := CASE WHEN token ~ '^[A-Za-z0-9_-]{22}$' THEN decode(translate(token, '-_', '+/') || '==', 'base64') END;
BEGIN
    RETURN ('x' || encode(substr(bytes, 9, 8), 'hex'))::bit(64)::bigint # crm._campaign_link_mask(substr(bytes, 1, 8));
EXCEPTION WHEN invalid_parameter_value THEN     -- bits behind the last byte
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION crm._campaign_link_person(text) IS 'the customer id a token leads to; null for what is no token';

CREATE FUNCTION crm._campaign_link_url(flow crm.flow_row, message_id text) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE WHEN flow.spec ? 'link' THEN (crm._setting('campaign.link_base') #>> '{}') || '/s/' || crm._campaign_link_token(message_id) END;
END
$$;
COMMENT ON FUNCTION crm._campaign_link_url(crm.flow_row, text) IS
    'the address that a message of a flow gives for its link; null: the flow has none';

CREATE FUNCTION crm._campaign_put_links(flow crm.flow_row, customer_ids bigint[], message_ids text[]) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    IF flow.spec ? 'link' THEN
        INSERT INTO crm.message_link (token, customer_id, message_id, target, expires_at)
        SELECT crm._campaign_link_token(m.id), m.customer_id, m.id, flow.spec #>> '{link,url}',
               crm.core_now() + make_interval(days => coalesce((flow.spec #>> '{link,days}')::int, 30))
        FROM unnest(customer_ids, message_ids) m (customer_id, id) WHERE m.id IS NOT NULL ON CONFLICT DO NOTHING;
    END IF;
END
$$;
COMMENT ON FUNCTION crm._campaign_put_links(crm.flow_row, bigint[], text[]) IS
    'writes down where the links of messages lead, and until when';

CREATE FUNCTION crm._campaign_link_fault(spec jsonb) RETURNS text
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    link jsonb := spec -> 'link';
    is_said boolean := EXISTS (SELECT FROM crm.template t WHERE t.template = spec ->> 'template' AND spec -> 'channels' ? t.channel
                               AND (concat_ws(' ', t.body, t.subject, t.html) LIKE '%{{link}}%' OR t.vendor_params::text LIKE '%{{link}}%'));
BEGIN
    RETURN (
        SELECT f.fault FROM (VALUES
            (1, link IS NULL OR (jsonb_typeof(link) = 'object' AND link - '{url,days}'::text[] = '{}'),
                'give {"url": "https://...", "days": how long it leads there}'),
            -- no user, no host that another would read into it, nothing that ends a header or a tag
            (2, link IS NULL
                OR coalesce(link ->> 'url' ~ '^https://[A-Za-z0-9]([A-Za-z0-9.-]{0,250}[A-Za-z0-9])?(:[0-9]{1,5})?([/?#][A-Za-z0-9._~:/?#@!$&()*+,;=%-]*)?$'
                                         AND length(link ->> 'url') <= 1000, false), 'its url is an https address of at most 1000 characters'),
            (3, link IS NULL OR NOT link ? 'days' OR coalesce(crm._campaign_whole(link -> 'days', 1, 366), false), 'give whole days, 1 to 366'),
            (4, link IS NULL OR crm._setting('campaign.link_base') #>> '{}' LIKE 'https://%',
                'set campaign.link_base first: where the gateway is reached from outside'),
            (5, link IS NOT NULL OR NOT is_said, 'a text says {{link}}: say where it leads')) f (n, is_good, fault)
        WHERE f.is_good IS NOT TRUE ORDER BY f.n LIMIT 1);
END
$$;
COMMENT ON FUNCTION crm._campaign_link_fault(jsonb) IS 'what is wrong with the link of a flow; null: nothing';

CREATE FUNCTION crm.campaign_follow(token text, is_prefetch boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp AS
$$
DECLARE
    link record;
BEGIN
    SELECT * INTO link FROM crm.message_link l WHERE l.customer_id = crm._campaign_link_person(campaign_follow.token)
        AND l.token = campaign_follow.token AND l.expires_at > crm.core_now() FOR UPDATE;
    IF link.token IS NULL THEN
        RAISE EXCEPTION 'this link leads nowhere any more' USING ERRCODE = 'no_data_found', COLUMN = 'token', HINT = 'Ask in the store.';
    END IF;
    IF is_prefetch IS NOT TRUE THEN
        UPDATE crm.message_link l SET clicks = least(l.clicks, 1000000) + 1,
            first_click_at = coalesce(l.first_click_at, crm.core_now()), last_click_at = crm.core_now()
        WHERE l.customer_id = link.customer_id AND l.token = link.token;
        IF link.clicks = 0 THEN
            PERFORM crm.outbox_receipt(link.message_id, 'clicked', 'link');
            PERFORM crm._consequence_facts(ARRAY[crm._identity_current(link.customer_id)], 'message', false);
        END IF;
    END IF;
    RETURN link.target;
END
$$;
COMMENT ON FUNCTION crm.campaign_follow(text, boolean) IS
    'where a link of a message leads; the first time the message is clicked (funnel, rules of kind message), each '
    'time counted, unless a browser only looks ahead; P0002 for a token that is unknown or expired, which are told '
    'apart to nobody';
GRANT EXECUTE ON FUNCTION crm.campaign_follow(text, boolean) TO crm_gateway;

CREATE FUNCTION crm._campaign_drop_links() RETURNS bigint
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM crm.message_link l WHERE l.expires_at < crm.core_now() - make_interval(days => (crm._setting('campaign.link_keep_days'))::int);
    RETURN 0;
END
$$;
COMMENT ON FUNCTION crm._campaign_drop_links() IS
    'job: forgets links that are long over; what was clicked stands beside the messages';

CREATE FUNCTION crm._campaign_on_erase(customer_id bigint) RETURNS void
    LANGUAGE plpgsql AS
$$
BEGIN
    DELETE FROM crm.message_link l WHERE l.customer_id = ANY (crm._identity_cluster(_campaign_on_erase.customer_id));
END
$$;
COMMENT ON FUNCTION crm._campaign_on_erase(bigint) IS 'links of an erased person lead nowhere';
