-- campaign_words: what texts say of a person besides the name: a link, and what the person bought.

CREATE FUNCTION crm._campaign_tells(flow crm.flow_row) RETURNS boolean
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN EXISTS (SELECT FROM crm.template t WHERE t.template = flow.spec ->> 'template'
                   AND concat_ws(' ', t.body, t.subject, t.html, t.vendor_params::text) ~ '\{\{(last_item|top_items|last_year_item)\}\}');
END
$$;
COMMENT ON FUNCTION crm._campaign_tells(crm.flow_row) IS 'whether the texts of a flow say what a person bought';

CREATE FUNCTION crm._campaign_bought_words(person bigint, today date) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off AS
$$
DECLARE
    last_year date := today - 365;
    words jsonb;
BEGIN
    -- what a product is called is text: no variable, no second line
    WITH bought AS MATERIALIZED (
        SELECT left(crm._outbox_plain(translate(p.name, '{}', '()')), 30) AS item, i.quantity, i.business_day AS day, i.paid_at AS at
        FROM crm.membership m JOIN crm.purchased_item i ON i.source_record_id = m.source_record_id JOIN crm.product p ON p.product_id = i.product_id
        WHERE m.customer_id = person AND m.valid_to = 'infinity' AND i.business_day > today - 420 AND i.business_day <= today)
    SELECT jsonb_build_object(
        'last_item', (SELECT b.item FROM bought b ORDER BY b.day DESC, b.at DESC, b.item LIMIT 1),
        'top_items', (SELECT string_agg(t.item, '、' ORDER BY t.n) FROM (
            SELECT b.item, row_number() OVER (ORDER BY sum(b.quantity) DESC, max(b.day) DESC, b.item) AS n
                FROM bought b WHERE b.day > last_year GROUP BY b.item ORDER BY n LIMIT 3) t),
        'last_year_item', (SELECT b.item FROM bought b WHERE b.day BETWEEN last_year - 45 AND last_year + 45
                GROUP BY b.item ORDER BY sum(b.quantity) DESC, max(b.day) DESC, b.item LIMIT 1))
    INTO words;
    RETURN words;
END
$$;
COMMENT ON FUNCTION crm._campaign_bought_words(bigint, date) IS
    'what a person bought, in words: last_item, top_items (three of most units in a year), last_year_item (of most '
    'units within 45 days of this day a year ago); refunded ones left out; nulls: nothing';

CREATE FUNCTION crm._campaign_more(flow crm.flow_row, person bigint, message_id text, zone text, tells boolean) RETURNS jsonb
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN CASE WHEN tells OR flow.spec ? 'link' THEN
        jsonb_build_object('link', crm._campaign_link_url(flow, message_id)) || CASE
            WHEN tells THEN crm._campaign_bought_words(person, crm._local_day(crm.core_now(), zone))
            ELSE '{}' END END;
END
$$;
COMMENT ON FUNCTION crm._campaign_more(crm.flow_row, bigint, text, text, boolean) IS
    'what a message of a flow says besides name and coupon: its link, and what the person bought (tells: '
    'crm._campaign_tells()); null: nothing';
