# Every C function of the schema called with NULL, empty, huge, malformed and random arguments:
# the backend lives on, and what is refused is refused with a proper SQLSTATE.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use CrmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = crm_node('hostile', conf => "statement_timeout = '300s'\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');

# One literal a line, by type; anything else gets a NULL and what its input function makes of ''.
my $filler = <<'SQL';
CREATE FUNCTION pg_temp.values_of(kind text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	base text := regexp_replace(kind, '\[\]$', '');
	found text[];
BEGIN
	IF kind LIKE '%[]' THEN
		found := pg_temp.values_of(base);
		RETURN ARRAY['NULL::' || kind, format('''{}''::%s', kind), format('ARRAY[NULL]::%s', kind), format('ARRAY[[NULL, NULL], [NULL, NULL]]::%s', kind),
			format('array_fill(NULL::%s, ARRAY[3000])', base), format('''[5:4]={}''::%s', kind)]
			|| ARRAY(SELECT format('ARRAY[%s, NULL]::%s', v, kind) FROM unnest(found) v)
			-- without a null: what looks for nulls first goes on; and counted from elsewhere
			|| ARRAY(SELECT format('array_fill(%s, ARRAY[3], ARRAY[%s])', v, n) FROM unnest(found) v, unnest('{1,-5}'::int[]) n);
	END IF;
	found := CASE
		WHEN kind IN ('text', 'name', 'character varying', 'cstring') THEN ARRAY[$v$''$v$, $v$' '$v$, $v$'13812340056'$v$, $v$E'\x01\x7f\n"\\'''$v$, $v$'{"a":[1,{"b":null}]}'$v$,
			$v$'{"a":'$v$, $v$'张伟＊＊𠮷'$v$, $v$repeat('9', 1048576)$v$, $v$repeat('张', 349525)$v$, $v$repeat('[', 1048576)$v$,
			$v$repeat('a,"b" ', 174762)$v$, $v$(SELECT string_agg(chr(1 + (random() * 55000)::int), '') FROM generate_series(1, 300))$v$]
		WHEN kind = 'bytea' THEN ARRAY[$v$''::bytea$v$, $v$'\x00'$v$, $v$'\xff'$v$, $v$'\x01000200282300002823000000e803'$v$,
			$v$decode(repeat('00', 1048576), 'hex')$v$, $v$decode(repeat('ff', 1048576), 'hex')$v$,
			$v$(SELECT string_agg(decode(lpad(to_hex((random() * 255)::int), 2, '0'), 'hex'), '') FROM generate_series(1, 500))$v$,
			$v$convert_to('{"external_id": "x", "amount": 1e400}', 'UTF8')$v$]
		WHEN kind IN ('integer', 'smallint', 'bigint') THEN ARRAY['0', '1', '-1', '32767', '-32768']
			|| CASE WHEN kind <> 'smallint' THEN ARRAY['2147483647', '-2147483648'] ELSE '{}'::text[] END
			|| CASE WHEN kind = 'bigint' THEN ARRAY['9223372036854775807', '''-9223372036854775808'''] ELSE '{}'::text[] END
		WHEN kind = 'numeric' THEN ARRAY['0', '''NaN''', '''Infinity''', '''-1e1000''', '0.000000000000000000001']
		WHEN kind = 'double precision' THEN ARRAY['0', '''NaN''', '''-Infinity''', '1e308']
		WHEN kind = 'boolean' THEN ARRAY['true', 'false']
		WHEN kind = 'date' THEN ARRAY['''infinity''', '''-infinity''', '''0001-01-01 BC''', '''5874897-12-31''', '''2026-06-30''']
		WHEN kind LIKE 'timestamp%' THEN ARRAY['''infinity''', '''-infinity''', '''4713-01-01 BC''', '''294276-12-31''', '''2026-06-30 11:00''']
		WHEN kind = 'jsonb' THEN ARRAY['''null''', '''{}''', '''[]''', '''"x"''', '''{"a": [1, {"b": null}], "rules": 7, "fields": []}''',
			$v$('{"a":"' || repeat('x', 1000000) || '"}')$v$, $v$(repeat('[', 500) || repeat(']', 500))$v$]
		WHEN kind = 'crm.bitmap' THEN ARRAY[$v$'{}'$v$, $v$'{1,2,3}'$v$, $v$(SELECT crm.bitmap_agg(g::bigint * 65537) FROM generate_series(1, 300) g)$v$]
		WHEN kind = 'crm.purchase_history' THEN ARRAY[$v$'{}'$v$, $v$crm.purchase_history(ARRAY['2026-06-30']::date[], ARRAY['2026-06-30']::date[], ARRAY[9223372036854775807])$v$]
		ELSE ARRAY[]::text[] END;
	-- a whole-row value of nothing but NULLs
	IF (SELECT typtype FROM pg_type WHERE oid = kind::regtype) = 'c' THEN
		found := ARRAY[format('jsonb_populate_record(NULL::%s, ''{}'')', kind)];
	END IF;
	RETURN ARRAY['NULL::' || kind] || ARRAY(SELECT format('%s::%s', v, kind) FROM unnest(found) v);
END $$;
SQL

# Calls each function with each value in each place, the other places drawn from theirs.
my $caller = <<'SQL';
CREATE TEMP TABLE outcome (fn text, state text, message text, call text);
DO $$
DECLARE
	f record;
	place int;
	value text;
	call text;
	message text;
	state text;
	lists jsonb;
BEGIN
	PERFORM setseed(0.25);
	FOR f IN SELECT p.oid, p.oid::regprocedure::text AS name, p.oid::regproc::text AS bare, p.prokind,
			ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY a(t, n) ORDER BY n) AS types
		FROM pg_proc p WHERE p.pronamespace = 'crm'::regnamespace AND p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
			AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[]) AND p.prorettype <> ALL (ARRAY['trigger', 'event_trigger', 'internal']::regtype[])
		ORDER BY 2
	LOOP
		SELECT jsonb_agg(to_jsonb(pg_temp.values_of(t)) ORDER BY n) INTO lists FROM unnest(f.types) WITH ORDINALITY a(t, n);
		FOR place IN 0 .. greatest(cardinality(f.types) - 1, 0) LOOP
			FOR value IN SELECT * FROM jsonb_array_elements_text(COALESCE(lists -> place, '["none"]')) LOOP
				SELECT string_agg(CASE WHEN n - 1 = place THEN value ELSE lists -> (n - 1)::int ->> (random() * (jsonb_array_length(lists -> (n - 1)::int) - 1))::int END, ', ' ORDER BY n)
				INTO call FROM generate_subscripts(f.types, 1) n;
				call := format('SELECT count(*) FROM (SELECT length(r::text) FROM (SELECT %s(%s) AS r) called) counted', f.bare, COALESCE(call, ''));
				BEGIN
					EXECUTE call;
					INSERT INTO outcome VALUES (f.name, '00000', '', call);
				EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN
					GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
					INSERT INTO outcome VALUES (f.name, state, message, call);
				END;
			END LOOP;
		END LOOP;
	END LOOP;
END $$;
SQL

# Arguments that fit each other in number, as above they seldom do.
my $fitting = <<'SQL';
DO $$
DECLARE
	call text;
BEGIN
	FOREACH call IN ARRAY ARRAY[
		$c$crm._segment_kept_of('{1}', ARRAY['{7,9}'::crm.bitmap], '{7,9}', '{-9223372036854775808,9223372036854775807}')$c$,
		$c$crm._segment_kept_of('{1}', ARRAY['{7}'::crm.bitmap], '{7}', '{4294967296}')$c$,
		$c$crm._segment_kept_of('{NULL}', ARRAY['{7}'::crm.bitmap], '{7}', '{-1}')$c$,
		$c$crm._segment_kept_of('[-5:-4]={1,2}', ARRAY['{7}'::crm.bitmap, '{7}'], '{7}', '{1}')$c$,
		-- a million members far from each other, the greatest first: minutes when each opened its place before all others
		$c$crm.bitmap_count((SELECT crm.bitmap(array_agg(g::bigint * 40000 ORDER BY g DESC)) FROM generate_series(1, 1000000) g))$c$,
		$c$crm.bitmap_count((SELECT ('{' || string_agg((g::bigint * 40000)::text, ',' ORDER BY g DESC) || '}')::crm.bitmap FROM generate_series(1, 1000000) g))$c$,
		$c$crm._segment_write('{1}', ARRAY['{7}'::crm.bitmap], ARRAY['{7}'::crm.bitmap], '{7}', '{-2}', now())$c$,
		$c$crm._segment_whose('{1,70368744177664}')$c$,
		$c$(SELECT count(*) FROM crm._rule_rows(NULL::crm.customer, NULL, '{1}'))$c$,
		$c$(SELECT count(*) FROM crm._rule_rows(NULL::crm.customer, 'no column', '{1}'))$c$,
		$c$(SELECT count(*) FROM crm._rule_rows(1, 'id', '{1}'))$c$]
	LOOP
		BEGIN
			EXECUTE 'SELECT ' || call;
			INSERT INTO outcome VALUES (call, '00000', '', call);
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO outcome VALUES (call, SQLSTATE, SQLERRM, call);
		END;
	END LOOP;
END $$;
SQL

my $postmaster = $node->safe_psql('shop', 'SELECT pg_postmaster_start_time()');
my ($status, $out, $err) = $node->psql('shop', $filler . 'SELECT pg_backend_pid();' . $caller . $fitting . q{
	SELECT pg_backend_pid();
	SELECT 'calls ' || count(*) || ' functions ' || count(DISTINCT fn) FROM outcome WHERE fn <> call;
	SELECT DISTINCT ON (fn, state) 'bad ' || fn || ' ' || state || ' ' || message || ' in ' || left(call, 300) FROM outcome WHERE state IN ('XX000', '57014', '42883', '42601') OR state LIKE '58%' OR state LIKE 'XX%';
	SELECT 'state ' || state || ' ' || count(*) FROM outcome GROUP BY state ORDER BY 1;
});
is($status, 0, 'the loop ends') or diag($err);
my @lines = split(/\n/, $out);
my @pids = grep { /^\d+$/ } @lines;
ok(@pids == 2 && $pids[0] == $pids[1], 'in the backend that began it');
my ($calls, $functions) = $out =~ /^calls (\d+) functions (\d+)/m;
my $known = $node->safe_psql('shop', q{SELECT count(*) FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE l.lanname = 'c'
	AND p.pronamespace = 'crm'::regnamespace AND NOT 'internal'::regtype = ANY (p.proargtypes::oid[]) AND p.prorettype <> ALL (ARRAY['trigger', 'event_trigger', 'internal']::regtype[])});
is($functions, $known, 'every C function was called');
cmp_ok($calls // 0, '>', 500, 'many times');
note($_) for grep { /^(calls|state)/ } @lines;
my @bad = grep { /^bad/ } @lines;
is(scalar @bad, 0, 'no internal error, time-out or call that could not be made') or diag(join("\n", @bad));
is($node->safe_psql('shop', 'SELECT pg_postmaster_start_time()'), $postmaster, 'the server was not restarted');
my $log = slurp_file($node->logfile);
unlike($log, qr/terminated by signal|server process .* was terminated|PANIC/, 'and its log tells of no crash');
$node->stop;
done_testing();
