-- What a function refuses it refuses by name: every public function is called by the first role that may, with each of its arguments in turn
-- missing, empty, huge, out of every range or without end, the others as they should be.  Whatever is refused for what was given (classes 22,
-- 23, 42, 54, P0 and RM) names the field and says what to give; an internal error is none, nor is a helper that the role may not call.  What a
-- call did is undone.
BEGIN;
\ir fixture.sql
SELECT set_config('crm.core_clock', '2026-06-30T12:00:00+08:00', true) <> '' AS clock \g /dev/null
DELETE FROM crm.customer_cluster;       -- of no run
CREATE TEMP TABLE teller AS
    SELECT m.login, m.role, n FROM unnest('{crm_headquarters,crm_admin,crm_steward,crm_manager,crm_service,crm_clerk,crm_marketer,crm_analyst,crm_reader}'::text[]) WITH ORDINALITY r (role, n)
    JOIN member m ON m.role = r.role AND m.scope = 'all';
-- what one would give for an argument of this name; of a function alone: function.argument
CREATE TEMP TABLE usual (name text PRIMARY KEY, value text);
INSERT INTO usual VALUES ('customer_id', '106'), ('survivor', '106'), ('other', '101'), ('task_id', '6506'), ('ticket_id', '6506'), ('deal_id', '6506'), ('message_id', '106-AAAAAAAA'), ('reject_ids', '{1}'),
    ('store_code', 'T-S1'), ('store', 'T-S1'), ('store_codes', '{T-S1}'), ('region_code', 'T-R1'), ('region', 'T-R1'), ('source', 't_till'), ('source_code', 't_till'), ('entity', 'member'), ('format', 'csv'),
    ('role', 'crm_clerk'), ('language', 'zh'), ('channel', 'sms'), ('reason', 'because'), ('name', 'something'), ('name_zh', 'x'), ('title', 'x'), ('body', 'x'), ('text', 'x'), ('note', 'x'),
    ('from_day', '2026-06-01'), ('to_day', '2026-06-30'), ('since', '2026-06-01'), ('until', '2026-06-20'), ('on_day', '2026-06-30'), ('unit', 'month'), ('list', 'mine'), ('period', 'month'), ('kind', 'living'),
    ('flow', 't_flow'), ('preset', 'win_back'), ('step', '1'), ('tag', 'fixture'), ('code', 't_seg'), ('rule', '{"kind": "purchase", "measure": "count", "op": ">=", "value": 1}'), ('topic', 'other'),
    ('staff', 'T-crm_clerk-store'), ('staff_code', 'T-crm_clerk-store'), ('pipeline', 'leads'), ('stage', 'contact'), ('coupon_type', 'test'), ('amount', '10'), ('points', '10'), ('address', '13800000006'), ('endpoint', 't_end'), ('url', 'https://endpoint.example/'), ('lottery', 't_lot'),
    ('tier_set', 'retail_sabc'), ('from_tier', 'A'), ('to_tier', 'S'), ('model', 'bgnbd'), ('params', '{0.24,4.41,0.79,2.43}'), ('frequency', '2'), ('recency', '10'), ('age', '100'), ('horizon', '90'), ('event_type', 'search'),
    ('phone', '13912345678'), ('identifier_kind', 'phone'), ('expression', '0 10 * * *'), ('zone', 'Asia/Shanghai'), ('steps', '["product_view", "add_to_cart"]'), ('codes', '{tag:fixture}'), ('size', '10'), ('month', '2026-06-01'),
    ('access_define_region.code', 'T-X'), ('access_define_store.code', 'T-X'), ('access_define_group.code', 'T-X'), ('access_define_staff.code', 'T-X'), ('ingest_define_source.code', 'pos_x'), ('ingest_define_source.kind', 'pos'),
    ('event_define_type.code', 'fell'), ('loyalty_define_points.code', 'spend'), ('value_define_tiers.rules', '[{"tier": "P", "conditions": []}]'), ('value_tier_check.rules', '[{"tier": "P", "conditions": []}]'),
    ('value_define_segments.rules', '[{"segment": "a"}]'), ('value_segment_check.rules', '[{"segment": "a"}]'), ('value_define_rfm.method', 'ntile'), ('value_define_metrics.metrics', '[{"metric": "net"}]'),
    ('period_days', '7'), ('value_discounted.period', '7'), ('discount', '0.01'), ('probability', '0.5'), ('rate', '0.5'), ('dialect', 'vixie'),
    ('spec', '{}'), ('loyalty_define_lottery.spec', '{"closes_at": "2028-02-01T00:00:00+08:00"}'), ('report_save.spec', '{"measure": "net", "group": "month", "days": 60}'), ('report_chart.spec', '{"measure": "net", "group": "month", "days": 60}'),
    ('ingest_define_mapping.spec', '{"fields": {"external_id": "id"}}'), ('ingest_test_mapping.spec', '{"fields": {"external_id": "id"}}'), ('sample', E'id\n1\n'), ('field', 't_field'), ('definition', '{"type": "option", "name_zh": "x", "options": ["a"]}'),
    ('campaign_create.flow', 't_new'), ('segment_define.code', 't_new'), ('outbox_define_template.template', 't_text'), ('changes', '{}'), ('relation', 'child'), ('ingest_define_pull.relation', 'pg_catalog.pg_stat_activity'), ('watermark_column', 'backend_start'),
    ('loyalty_redeem.code', 'C6'), ('loyalty_withdraw.code', 'C6'), ('loyalty_reserve.code', 'C6'), ('loyalty_release.code', 'C6'), ('loyalty_give.code', 'C6'), ('loyalty_set_validity.code', 'C6'), ('loyalty_cancel_redemption.code', 'C6'),
    ('layer', 'base'), ('metric', 'average_order'), ('value_define_rfm.model', 't_rfm'), ('value_define_metrics.model', 't_metrics'), ('value_score_metrics.model', 't_metrics'), ('metrics', '[{"metric": "net"}]'),
    ('report_set_target.metric', 'net'), ('what', 'lost'), ('evidence', 'minutes'), ('stars', '5'), ('is_on', 'true'), ('decision', 'reject'), ('outbox_receipt.kind', 'delivered'), ('state', 'yes'), ('to_staff', 'T-crm_service-store'),
    ('from_staff', 'T-crm_clerk-store'), ('due_on', '2026-07-03'), ('record_ids', '{1006}'), ('criteria', '{recent}'), ('identity_define_golden.field', 'name'), ('identity_lookup.kind', 'phone'), ('value', '5'), ('identity_lookup.value', '13800000006'),
    ('segment_combine.expression', '"t_seg"'), ('rule_values.kind', 'profile'), ('rule_values.field', 'city'),
    ('loyalty_define_points.spec', '{"kind": "order", "rate": 1, "daily_limit": 3, "pending_days": 1, "valid_days": 30, "expires_at_end_of": "day", "valid_from": "2026-07-01T00:00:00Z", "valid_until": "2027-07-01T00:00:00Z", "is_active": true}'),
    ('loyalty_define_coupon.coupon_type', 't_coupon'), ('loyalty_define_coupon.spec', '{"kind": "amount", "value": 5, "minimum_amount": 10, "valid_days": 30, "rank": 1, "is_transferable": true, "is_pooled": false, "pool_low": 1}'),
    ('loyalty_define_badge.badge', 't_badge'), ('loyalty_define_badge.spec', '{"reach": {"kind": "purchase", "measure": "count", "op": ">=", "value": 1}, "gifts": [{"points": 10}], "unlocks": ["x"], "is_lost_by_refund": true, "is_active": true}'),
    ('loyalty_define_level.level', 't_level'), ('loyalty_define_level.spec', '{"position": 900, "reach": {"kind": "purchase", "measure": "count", "op": ">=", "value": 1}, "keep_days": 30, "on_loss": "reached", "gifts": [{"points": 10}], "is_active": true}'),
    ('loyalty_define_referral.programme', 't_referral'), ('loyalty_define_referral.spec', '{"goal": {"kind": "purchase", "measure": "count", "op": ">=", "value": 1}, "goal_days": 30, "hold_days": 1, "new_days": 3, "referrer_limit": 5, "gifts": [], "is_active": true}'),
    ('ingest_bulk_begin.options', '{"history": true, "lenient": false, "dry_run": true, "header": true}'), ('outbox_define_endpoint.options', '{"is_private_allowed": true, "timeout_ms": 3000, "max_concurrency": 3, "per_minute": 60}'),
    ('ingest_define_source.options', '{"time_zone": "Asia/Shanghai", "currency": "CNY", "channel": "store", "priority": 1, "is_one_record_per_person": true, "verified_fields": ["name"], "is_active": true, "raw_retention_days": 30}'),
    ('service_define_topic.spec', '{"kind": "enquiry", "name_zh": "x", "name_en": "x", "answer_minutes": 30, "resolve_hours": 3, "is_active": true}'), ('service_tickets.after', '{"at": "2026-06-30T00:00:00Z", "ticket_id": 1}'),
    ('sales_tasks.after', '{"due_at": "2026-06-30T00:00:00Z", "task_id": 1}'), ('sales_owned.after', '{"due": "2026-06-30T00:00:00Z", "customer_id": 1}'), ('sales_deal_change.changes', '{"amount": 5, "title": "x"}'),
    ('sales_define_pipeline.pipeline', 't_pipeline'), ('sales_define_pipeline.spec', '{"name_zh": "x", "is_active": true, "stages": [{"stage": "a", "name_zh": "a"}, {"stage": "b", "name_zh": "b", "outcome": "won"}, {"stage": "c", "name_zh": "c", "outcome": "lost"}]}'),
    ('campaign_edit.changes', '{"priority": 5, "holdout_percent": 10, "cap_messages": 2, "cap_days": 7, "offer_days": 30, "late_hours": 5}'), ('value_define_rfm.weights', '{"r": 1, "f": 1, "m": 1}'), ('event_define_type.properties', '{"a": "text"}'),
    ('access_unmask.fields', '{phone}'), ('access_set_setting.name', 'report.small_group'), ('access_set_setting.value', '5'), ('access_set_field_right.field', 'phone'), ('access_set_field_right.is_clear', 'true');
-- and what a house has set up
SELECT set_config('crm.access_claims', '{"actor": "T", "role": "crm_headquarters", "stores": [], "all": true}', true) <> '' AS claims \g /dev/null
SELECT crm.campaign_create('t_flow', 'win_back'), crm.segment_define('t_seg', 'x', '{"kind": "purchase", "measure": "count", "op": ">=", "value": 1}'), crm.ingest_define_source('t_till', 'x', 'pos'),
    crm.loyalty_define_lottery('t_lot', '{"prizes": [{"name": "x", "count": 1}], "closes_at": "2028-01-01T00:00:00+08:00"}'), crm.outbox_define_endpoint('t_end', 'https://endpoint.example/'),
    crm.ingest_set_field('t_field', '{"type": "option", "name_zh": "x", "options": ["a"]}'), crm.value_define_metrics('t_metrics', 'x', '[{"metric": "net"}]') \g /dev/null
INSERT INTO usual SELECT 'batch_id', crm.ingest_bulk_begin('t_till', 'member', 'csv')::text;
INSERT INTO usual SELECT 'report_id', crm.report_save('x', '{"measure": "net", "group": "month", "days": 60}') ->> 'report_id';
SELECT set_config('crm.access_claims', '', true) AS claims \g /dev/null

-- what nobody would give, by type; of lists what is in them
CREATE FUNCTION pg_temp.odd(kind text) RETURNS text[] LANGUAGE sql AS $$
    SELECT ARRAY['NULL::' || kind] || ARRAY(SELECT format(CASE WHEN kind LIKE '%[]' AND v NOT LIKE '''%{%' THEN 'ARRAY[%s]::%s' ELSE '(%s)::%s' END, v, kind) FROM unnest(CASE
        WHEN kind IN ('text[]', 'name[]') THEN ARRAY['''{}''', 'NULL', '''{{a,b},{c,d}}''', $v$''$v$, $v$repeat('9', 100000)$v$]
        WHEN kind LIKE '%[]' THEN ARRAY['''{}''', 'NULL'] || (pg_temp.odd(left(kind, -2)))[2:3]
        WHEN kind IN ('text', 'name') THEN ARRAY[$v$''$v$, $v$' '$v$, $v$repeat('9', 100000)$v$, $v$E'a\tb''"\\\x01'$v$, $v$'{"a":'$v$, $v$'infinity'$v$,
            $v$(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 400) g)$v$]
        WHEN kind IN ('integer', 'bigint') THEN ARRAY['0', '-1', '2147483647', '-2147483648'] || CASE kind WHEN 'bigint' THEN ARRAY['9223372036854775807'] ELSE '{}'::text[] END
        WHEN kind = 'smallint' THEN ARRAY['0', '-1', '32767']
        WHEN kind IN ('numeric', 'double precision') THEN ARRAY['0', '-1', '''NaN''', '''Infinity''', '1e30']
        WHEN kind = 'date' THEN ARRAY['''infinity''', '''-infinity''', '''4713-01-01 BC''', '''5874897-12-31''']
        WHEN kind = 'timestamp with time zone' THEN ARRAY['''infinity''', '''-infinity''', '''4713-01-02 BC''', '''294276-12-31''']
        WHEN kind = 'interval' THEN ARRAY['''0''', '''-178000000 years''', '''178000000 years''']
        WHEN kind IN ('json', 'jsonb') THEN ARRAY['''null''', '''{}''', '''[]''', '''"x"''', '''[null]''', '''[{}]''', '''{"a": {"b": [null, 1e400]}}''', $v$repeat('[', 500) || repeat(']', 500)$v$]
        WHEN kind = 'bytea' THEN ARRAY['''''', '''\x00''', '''\xfffe''', $v$convert_to(repeat('[', 100000), 'UTF8')$v$]
        ELSE '{}' END) v)
$$;

-- and a description of which one member is odd
CREATE FUNCTION pg_temp.odd_members(value text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    usual jsonb;
BEGIN
    EXECUTE format('SELECT (%s)::jsonb', value) INTO usual;
    RETURN ARRAY(SELECT quote_literal(usual || jsonb_build_object(k.key, o.value)) || '::jsonb' FROM jsonb_object_keys(CASE jsonb_typeof(usual) WHEN 'object' THEN usual ELSE '{}' END) k (key),
        jsonb_array_elements('[null, true, -1, 1.5, 1e30, "", "2026-02-30", [], [null], {}]') o (value));
END $$;

CREATE TEMP TABLE asked AS
    SELECT p.oid, p.proname::text AS fn, (SELECT t.login FROM teller t WHERE has_function_privilege(t.role, p.oid, 'EXECUTE') ORDER BY t.n LIMIT 1) AS login, i AS place, CASE WHEN i <= p.pronargs THEN p.proargnames[i] END AS argument,
           format_type(p.proargtypes[i - 1], NULL) AS kind,
           coalesce((SELECT quote_literal(u.value) FROM usual u WHERE u.name = p.proname || '.' || p.proargnames[i]), pg_get_function_arg_default(p.oid, i),
                    (SELECT quote_literal(u.value) FROM usual u WHERE u.name = p.proargnames[i]),
                    CASE WHEN format_type(p.proargtypes[i - 1], NULL) IN ('text', 'name') THEN '''x''' WHEN format_type(p.proargtypes[i - 1], NULL) IN ('integer', 'bigint', 'numeric', 'double precision') THEN '1'
                         WHEN format_type(p.proargtypes[i - 1], NULL) = 'date' THEN '''2026-06-30''' WHEN format_type(p.proargtypes[i - 1], NULL) = 'jsonb' THEN '''{}''' ELSE 'NULL' END) AS value
    FROM pg_proc p CROSS JOIN LATERAL generate_series(1, greatest(p.pronargs, 1)) i
    WHERE p.pronamespace = 'crm'::regnamespace AND p.prokind = 'f' AND p.proname !~ '^_' AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[])
      -- members of a body by a name that is a constant of the route table
      AND p.proname !~ '^gateway_';
DELETE FROM asked WHERE login IS NULL;

CREATE TEMP TABLE answered (fn text, argument text, state text, field text, message text, hint text, call text);
GRANT ALL ON answered TO PUBLIC;
CREATE FUNCTION pg_temp.call(fn text, argument text, call text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    state text := '00000';
    field text;
    message text;
    hint text;
BEGIN
    EXECUTE call;
    RAISE SQLSTATE 'TT000';         -- and nothing of it stays
EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, field = COLUMN_NAME, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    INSERT INTO answered VALUES (fn, argument, replace(state, 'TT000', '00000'), field, left(message, 100), hint, left(call, 300));
END $$;
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT a.fn, a.login, a.argument, format('SELECT count(*) FROM (SELECT length(r::text) FROM (SELECT crm.%I(%s) AS r) called) counted', a.fn, (
            SELECT string_agg(CASE WHEN b.place = a.place THEN o.value ELSE format('(%s)::%s', b.value, b.kind) END, ', ' ORDER BY b.place) FROM asked b WHERE b.oid = a.oid AND b.argument IS NOT NULL)) AS call
        FROM asked a CROSS JOIN LATERAL unnest(CASE WHEN a.argument IS NULL THEN '{none}' ELSE CASE WHEN a.place = 1 THEN ARRAY[format('(%s)::%s', a.value, a.kind)] END || pg_temp.odd(a.kind) || CASE a.kind WHEN 'jsonb' THEN pg_temp.odd_members(a.value) ELSE '{}' END END) WITH ORDINALITY o (value, n)
        ORDER BY a.login, a.fn, a.oid, a.place, o.n
    LOOP
        PERFORM set_config('session_authorization', one.login, true);
        PERFORM pg_temp.call(one.fn, one.argument, one.call);
    END LOOP;
END $$;
RESET SESSION AUTHORIZATION;

SELECT plan(6);
SELECT is((SELECT count(DISTINCT fn) FROM answered), (SELECT count(DISTINCT fn) FROM asked), 'every public function was called');
SELECT cmp_ok((SELECT count(*) FROM answered WHERE state = '00000'), '>', 1000::bigint, 'many calls are answered, so that it is not the others'' arguments that are refused');
SELECT is_empty($$SELECT DISTINCT ON (fn, argument) fn, argument, state, message, call FROM answered WHERE state ~ '^(XX|58|57|0A)' ORDER BY fn, argument$$, 'no internal error, nothing that has no end');
SELECT is_empty($$SELECT DISTINCT ON (fn, argument) fn, argument, state, message, call FROM answered
    WHERE argument IS NOT NULL AND state ~ '^(22|23|42|54|P0|RM)' AND state <> '42501' AND coalesce(field, '') = '' ORDER BY fn, argument$$, 'what is refused names the field');
SELECT is_empty($$SELECT DISTINCT ON (fn, argument) fn, argument, state, message, call FROM answered
    WHERE argument IS NOT NULL AND state ~ '^(22|23|42|54|P0|RM)' AND state <> '42501' AND coalesce(hint, '') = '' ORDER BY fn, argument$$, 'and says what to give');
SELECT is_empty($$SELECT DISTINCT ON (fn) fn, message, call FROM answered WHERE state = '42501' AND message ~ '^permission denied for (function|table|view|type|schema|sequence)' ORDER BY fn$$,
    'who may call a function may call what it calls');
SELECT * FROM finish();
ROLLBACK;
