-- report: charts that somebody puts together: a measure, what it is divided by, a span. Measures and divisions are
-- these and no others, each answered by the function of its figure, so under the rights of who looks, whoever saved
-- the chart.

CREATE FUNCTION crm._report_chart_measures(division text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
    SELECT CASE
        WHEN division IN ('day', 'week', 'month') THEN '{net,orders,buyers,average_order,repurchase_rate,new_buyers,registered}'::text[]
        WHEN division IN ('store', 'region') THEN '{net,orders,buyers,average_order,repurchase_rate}'
        WHEN division IN ('tier', 'channel') THEN '{persons}'
        WHEN division = 'category' THEN '{net}'
        WHEN division = 'frequency' THEN '{buyers}' END
$$;
COMMENT ON FUNCTION crm._report_chart_measures(text) IS 'measures that a division has; null when there is no such division';

CREATE FUNCTION crm._report_chart_days(spec jsonb, OUT from_day date, OUT to_day date)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    IF spec -> 'days' IS NOT NULL THEN
        IF jsonb_typeof(spec -> 'days') <> 'number' OR (spec ->> 'days')::numeric NOT BETWEEN 1 AND 3650 OR (spec ->> 'days')::numeric % 1 <> 0 THEN
            RAISE EXCEPTION 'a span has 1 to 3650 days' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'days', HINT = 'Give 90.';
        END IF;
        to_day := crm._report_today();
        from_day := to_day - (spec ->> 'days')::int + 1;
        RETURN;
    END IF;
    from_day := crm._report_chart_day(spec, 'from');
    to_day := crm._report_chart_day(spec, 'to');
    PERFORM crm._require_span(from_day, to_day);
    IF to_day - from_day >= 3650 THEN
        RAISE EXCEPTION 'a span has 1 to 3650 days' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'to', HINT = 'Give a later first day.';
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_chart_days(jsonb) IS
    'the span of a chart: days up to today, or from and to; 22023 names the member';

CREATE FUNCTION crm._report_chart_day(spec jsonb, name text) RETURNS date
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    -- as ISO writes it: words like today are no days, or what is saved would mean another day tomorrow
    IF spec ->> name ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN
        RETURN (spec ->> name)::date;
    END IF;
    RAISE datetime_field_overflow;
EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION 'that is no day' USING ERRCODE = 'invalid_parameter_value', COLUMN = name, HINT = 'Give 2026-06-30, or days up to today.';
END
$$;
COMMENT ON FUNCTION crm._report_chart_day(jsonb, text) IS 'a day that a chart names; 22023 names the member';

CREATE FUNCTION crm._report_chart_read(spec jsonb) RETURNS void
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(spec) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a chart is an object' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'spec',
            HINT = 'Give {"measure": "net", "group": "month", "days": 365, "chart": "line"}.';
    END IF;
    SELECT k INTO wrong FROM jsonb_each(spec) e (k, v)
    WHERE k NOT IN ('measure', 'group', 'days', 'from', 'to', 'store', 'region', 'chart')
        OR (k <> 'days' AND jsonb_typeof(v) <> 'string') ORDER BY k LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'a chart has no such member' USING ERRCODE = 'invalid_parameter_value',
            COLUMN = left(wrong, 60),
            HINT = 'Members are measure, group, days or from and to, store, region and chart, all but days in quotes.';
    ELSIF crm._report_chart_measures(spec ->> 'group') IS NULL THEN
        RAISE EXCEPTION 'figures are not divided by that' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'group',
            HINT = 'Divide by day, week, month, store, region, tier, channel, category or frequency.';
    ELSIF (spec ->> 'measure' = ANY (crm._report_chart_measures(spec ->> 'group'))) IS NOT TRUE THEN
        RAISE EXCEPTION 'that is not measured by %', spec ->> 'group' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'measure',
            HINT = format('Measure %s.', array_to_string(crm._report_chart_measures(spec ->> 'group'), ', '));
    ELSIF coalesce(spec ->> 'chart', 'table') NOT IN ('line', 'bars', 'pie', 'table') THEN
        RAISE EXCEPTION 'there is no such chart' USING ERRCODE = 'invalid_parameter_value', COLUMN = 'chart',
            HINT = 'Charts are line, bars, pie and table.';
    END IF;
    IF spec ->> 'group' NOT IN ('tier', 'channel', 'category') THEN
        PERFORM crm._report_chart_days(spec);
    END IF;
END
$$;
COMMENT ON FUNCTION crm._report_chart_read(jsonb) IS 'refuses what is no chart; 22023 names the member';

CREATE FUNCTION crm._report_chart_periods(spec jsonb) RETURNS TABLE (key text, label text, value numeric)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    span record := crm._report_chart_days(spec);
BEGIN
    RETURN QUERY
    SELECT t.starts_on::text, t.starts_on::text, (to_jsonb(t) ->> (spec ->> 'measure'))::numeric
    FROM crm.report_trend(span.from_day, span.to_day, spec ->> 'group', spec ->> 'store', spec ->> 'region') t ORDER BY t.starts_on;
END
$$;
COMMENT ON FUNCTION crm._report_chart_periods(jsonb) IS 'a measure by days, weeks or months, in order';

CREATE FUNCTION crm._report_chart_groups(division text, asked int[], OUT codes text[], OUT names text[], OUT pairs int[])
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    SELECT array_agg(g.code ORDER BY g.no), array_agg(g.name ORDER BY g.no) INTO codes, names
    FROM (SELECT DISTINCT x.no, x.code, x.name FROM crm._report_chart_stores(division, asked) x) g;
    pairs := ARRAY(SELECT unnest(ARRAY[x.store_id, x.no]) FROM crm._report_chart_stores(division, asked) x ORDER BY x.store_id);
END
$$;
COMMENT ON FUNCTION crm._report_chart_groups(text, int[]) IS
    'codes and names of stores or regions, in one order, and the pairs of a store and its place in that order, from '
    '0 on, as a question takes them';

CREATE FUNCTION crm._report_chart_stores(division text, asked int[]) RETURNS TABLE (store_id int, code text, name text, no int)
    LANGUAGE plpgsql STABLE AS
$$
BEGIN
    RETURN QUERY
    SELECT p.store_id, g.code, g.name, (dense_rank() OVER (ORDER BY g.code))::int - 1 FROM crm.store p JOIN crm.region r ON r.region_id = p.region_id
    CROSS JOIN LATERAL (SELECT CASE division WHEN 'region' THEN r.code ELSE p.code END AS code, CASE division
            WHEN 'region' THEN r.name ELSE p.name END AS name) g
    WHERE asked IS NULL OR p.store_id = ANY (asked);
END
$$;
COMMENT ON FUNCTION crm._report_chart_stores(text, int[]) IS
    'stores (null: all) with the code and name of what they are divided by, store or region, and its place among '
    'these';

CREATE FUNCTION crm._report_chart_places(spec jsonb) RETURNS TABLE (key text, label text, value numeric)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    span record := crm._report_chart_days(spec);
    groups record := crm._report_chart_groups(spec ->> 'group', crm._report_scope(spec ->> 'store', spec ->> 'region'));
    c bigint[];     -- buyers, orders, net, repeat of each; a person who buys in two stores of a region is one buyer of it
BEGIN
    IF groups.codes IS NULL THEN
        RETURN;
    END IF;
    c := crm._report_ask('groups', groups.pairs, ARRAY[span.from_day, span.to_day]);
    RETURN QUERY
    SELECT g.code, groups.names[g.no], CASE spec ->> 'measure' WHEN 'net' THEN crm._report_money(x.net)
        WHEN 'orders' THEN x.orders WHEN 'buyers' THEN x.buyers
               WHEN 'average_order' THEN round(crm._report_money(x.net) / nullif(x.orders, 0), 2) ELSE crm._report_ratio(x.repeat, x.buyers) END
    FROM unnest(groups.codes) WITH ORDINALITY g (code, no)
    CROSS JOIN LATERAL (SELECT c[g.no * 4 - 3] AS buyers, c[g.no * 4 - 2] AS orders, c[g.no * 4 - 1] AS net,
            c[g.no * 4] AS repeat) x ORDER BY 3 DESC NULLS LAST, 1;
END
$$;
COMMENT ON FUNCTION crm._report_chart_places(jsonb) IS 'a measure by stores or regions, the largest first, in one walk';

CREATE FUNCTION crm._report_chart_kinds(spec jsonb) RETURNS TABLE (key text, label text, value numeric)
    LANGUAGE plpgsql STABLE AS
$$
DECLARE
    store text := spec ->> 'store';
    region text := spec ->> 'region';
    span record;
BEGIN
    CASE spec ->> 'group'
    WHEN 'tier' THEN
        RETURN QUERY SELECT t.key, t.key, t.value::numeric FROM jsonb_each_text(crm.report_health(store, region) -> 'tiers') t ORDER BY 3 DESC, 1;
    WHEN 'channel' THEN
        RETURN QUERY SELECT o.channel, o.channel, o.persons::numeric FROM crm.report_origins(store, region) o ORDER BY 3 DESC, 1;
    WHEN 'category' THEN
        RETURN QUERY SELECT m.category, min(m.category_name), sum(m.amount) FROM crm.report_mix(store, region) m
            WHERE m.store IS NOT NULL GROUP BY m.category ORDER BY 3 DESC, 1;
    ELSE
        span := crm._report_chart_days(spec);
        RETURN QUERY SELECT f.orders::text, f.orders::text, f.persons::numeric
            FROM crm.report_frequency(span.from_day, span.to_day, store, region) f ORDER BY f.orders;
    END CASE;
END
$$;
COMMENT ON FUNCTION crm._report_chart_kinds(jsonb) IS
    'persons by tier or channel, sales by category (of 365 days), buyers by how often they bought';

CREATE FUNCTION crm.report_chart(spec jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, crm, pg_temp SET jit = off AS
$$
DECLARE
    rows jsonb;
BEGIN
    PERFORM crm._report_chart_read(spec);
    SELECT coalesce(jsonb_agg(jsonb_build_object('key', r.key, 'label', r.label, 'value', r.value)), '[]') INTO rows FROM (
        SELECT * FROM crm._report_chart_periods(spec) WHERE spec ->> 'group' IN ('day', 'week', 'month')
        UNION ALL SELECT * FROM crm._report_chart_places(spec) WHERE spec ->> 'group' IN ('store', 'region')
        UNION ALL SELECT * FROM crm._report_chart_kinds(spec) WHERE spec ->> 'group' IN ('tier', 'channel', 'category', 'frequency')) r;
    RETURN jsonb_build_object('spec', spec, 'rows', rows);
END
$$;
COMMENT ON FUNCTION crm.report_chart(jsonb) IS
    'the rows of a chart under the rights of the caller: measure (net, orders, buyers, average_order, '
    'repurchase_rate, new_buyers, registered, persons) by group (day, week, month, store, region, tier, channel, '
    'category, frequency), over days up to today or from and to, of a store or region; P0002, 22023 names the member';

GRANT EXECUTE ON FUNCTION crm.report_chart(jsonb) TO crm_store_manager, crm_manager, crm_marketer, crm_analyst, crm_headquarters;
