# The power fails in the middle of a night, when each of its jobs has done one piece: made up for on that day, what is kept is what a
# night without a fault keeps; made up for on the next, it is what is computed of that day.  A night that cannot be written says so
# until it can.  What an upgrade brings waits for no night.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $node = crm_node('main', conf => "crm.core_clock = '2026-06-29T20:00:00+08:00'\ncrm.worker_enabled = off\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
# eighty who buy, and between them so many who never did that everybody is more than a piece of any job
$node->safe_psql('shop', q{
	CREATE FUNCTION public.tell(entity text, body jsonb) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE told text; BEGIN EXECUTE format('SELECT (crm.ingest_%s($1, $2)).status', entity) INTO told USING 'pos', convert_to(body::text, 'UTF8'); RETURN told; END $$;
	CREATE FUNCTION public.people(low int, high int) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		FOR p IN low .. high LOOP
			PERFORM public.tell('member', jsonb_build_object('external_id', 'M' || p, 'phone', 13812340000 + p, 'name', '张伟', 'store_code', 'S0' || 1 + p % 3, 'registered_at', timestamptz '2026-06-29T12:00:00+08:00' - p * interval '1 day'));
			FOR k IN 1 .. p % 5 LOOP
				PERFORM public.tell('order', jsonb_build_object('external_id', concat_ws('-', 'O', p, k), 'member_external_id', 'M' || p, 'store_code', 'S0' || 1 + (p + k) % 3,
					'ordered_at', timestamptz '2026-06-29T11:00:00+08:00' - (p + 7 * (5 - k)) * interval '1 day',
					'items', jsonb_build_array(jsonb_build_object('product_code', 'P' || 1 + (p + k * p) % 4, 'quantity', 1 + k % 2, 'unit_price', (p * 7 + k) || '.50'))));
			END LOOP;
		END LOOP;
	END $$;
	SELECT public.tell('product', jsonb_build_object('external_id', 'P' || n, 'name', 'P' || n, 'category_code', 'c' || n, 'category_name', 'c' || n, 'list_price', '9')) FROM generate_series(2, 4) n;
	SELECT crm.segment_define('often', 'often', '{"kind": "purchase", "measure": "count", "days": 365, "op": ">=", "value": 2}');
	UPDATE crm.job SET at_local = '04:15' WHERE job = 'value.habits';      -- groups and portraits begin in one turn
	SELECT public.people(1, 40);
	INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
	SELECT crm._new_id(), 'active', '2026-01-01', '2026-01-01', '2026-01-01' FROM generate_series(1, 3200);
	SELECT public.people(41, 80);
	SELECT crm._value_mark(ARRAY(SELECT c.customer_id FROM crm.customer c ORDER BY 1), 'order');
	SELECT count(*) FROM crm.worker_run_jobs()});
$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE shop');

# Turns of the worker, a transaction a job and turn, until something is so; then the power fails.
sub break_off
{
	my ($when) = @_;
	for (1 .. 30)
	{
		$node->safe_psql('shop', 'SELECT count(*) FROM crm.worker_run_jobs(1)');
		last if $node->safe_psql('shop', "SELECT $when") eq 't';
	}
	is($node->safe_psql('shop', "SELECT $when"), 't', 'the night has come halfway');
	$node->stop('immediate');
	$node->start;
	return;
}
my $of_a_day = 'rfm_cut|rfm_score|rfm_run|journey_run|match_run|segment_move';     # what tells of the day that broke off, too
my $in_values = "EXISTS (SELECT FROM crm.journey_run WHERE finished_at IS NULL) AND EXISTS (SELECT FROM crm.rfm_run WHERE finished_at IS NULL)";
my $in_reports = "(SELECT done_to > 0 FROM crm.report_group_progress) AND (SELECT step = 'lines' FROM crm.report_portrait_progress)";

sub run_night
{
	$node->safe_psql($_, 'SELECT count(*) FROM crm.worker_run_jobs()') for @_;
	return;
}

# What is kept, by table, without moments and what sequences gave out.
my $kept = q{
DO $do$
DECLARE
	t record;
	rows text;
	answers text := '';
BEGIN
	FOR t IN
		SELECT c.oid::regclass AS name, ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND (a.atttypid = 'timestamptz'::regtype OR a.attname IN ('change_id', 'run_id', 'look_id', 'generation', 'swept_state'))) AS apart
		FROM pg_class c WHERE c.relnamespace = 'crm'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname NOT IN ('job', 'alert', 'audit', 'audit_seal') ORDER BY 1
	LOOP
		EXECUTE format('SELECT count(*) || '' '' || coalesce(md5(string_agg(x.r, chr(10) ORDER BY x.r)), '''') || CASE WHEN count(*) < 60 THEN coalesce(string_agg(left(x.r, 300), chr(9) ORDER BY x.r), '''') ELSE '''' END FROM (SELECT (to_jsonb(t) - %L::text[])::text AS r FROM %s t) x', t.apart, t.name) INTO rows;
		answers := answers || t.name || ' ' || rows || chr(10);
	END LOOP;
	PERFORM set_config('kept.answers', answers, false);
END $do$;
SELECT current_setting('kept.answers')};
sub same
{
	my ($what, $apart) = @_;
	my %rows;
	for my $database ('shop', 'twin')
	{
		$rows{$database} = { map { /^(\S+) (.*)$/ ? ($1 => $2) : () } grep { !/^crm\.(?:$apart) / } split /\n/, $node->safe_psql($database, $kept) };
	}
	cmp_ok(scalar(keys %{$rows{shop}}), '>', 150, 'tables are compared');
	is(join("\n", map { my $t = $_; "$t:\n  " . join("\n  ", map { my %o = map { $_ => 1 } split /\t/, $rows{$_ eq 'shop' ? 'twin' : 'shop'}{$t}; my $n = $_; map { "$n $_" } grep { !$o{$_} } split /\t/, $rows{$_}{$t} } 'shop', 'twin') } grep { $rows{shop}{$_} ne $rows{twin}{$_} } sort keys %{$rows{shop}}), '', $what);
	return;
}

clock($node, '2026-06-30T06:00:00+08:00');
break_off($in_reports);
run_night('shop', 'twin');
same('made up for on its day, a night is as one without a fault', 'none');

clock($node, '2026-07-01T06:00:00+08:00');
break_off($in_values);
clock($node, '2026-07-02T06:00:00+08:00');
run_night('shop', 'twin');
same('broken off in what is computed of persons and made up for on the next day, it is what that day keeps', $of_a_day);
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.rfm_run WHERE finished_at IS NULL}) + $node->safe_psql('shop', q{SELECT count(*) FROM crm.journey_run WHERE finished_at IS NULL}), 0, 'no run is left unfinished');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.rfm_model x JOIN crm.customer_value v ON true CROSS JOIN LATERAL (
	SELECT s.r, s.f, s.m FROM crm.rfm_score s WHERE s.customer_id = v.customer_id AND s.model = x.model ORDER BY s.as_of DESC LIMIT 1) s WHERE x.is_active AND (s.r, s.f, s.m) IS DISTINCT FROM (v.r, v.f, v.m)}),
	'0', 'and what persons show is the newest row of their scores');

clock($node, '2026-07-03T06:00:00+08:00');
break_off($in_reports);
clock($node, '2026-07-04T06:00:00+08:00');
run_night('shop', 'twin');
same('broken off in what is added up of them, too', $of_a_day);

# an upgrade from before the persons of ways were kept, that brings a daily job besides: nobody waits for the night
my $due = q{SELECT string_agg(job, ' ' ORDER BY job) FROM crm.job WHERE at_local IS NOT NULL AND next_run_at <= crm.core_now()};
$node->safe_psql('shop', q{UPDATE crm.job SET last_run_at = clock_timestamp() WHERE job <> 'report.sales'; DELETE FROM crm.report_path_set; DELETE FROM crm.migration WHERE migration_no = 899});
is($node->safe_psql('shop', $due), '', 'no daily job is due');
is($node->safe_psql('shop', 'SELECT title FROM crm.install()'), 'path_due', 'an upgrade');
is($node->safe_psql('shop', $due), 'report.groups report.sales', 'what has no persons behind its numbers and what never ran are due at once');
run_night('shop');
same('and then there is what a night keeps', $of_a_day);

# the disk is full where persons of ways are written: two pieces in three are there
$node->safe_psql('shop', q{
	CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$;
	CREATE TRIGGER disk_full BEFORE INSERT ON crm.report_path_set FOR EACH ROW WHEN (new.from_id > 0) EXECUTE FUNCTION public.full();
	UPDATE crm.job SET is_active = job = 'report.groups', next_run_at = crm.core_now()});
$node->safe_psql('postgres', 'ALTER SYSTEM SET crm.worker_enabled = on');
$node->reload;
wait_until($node, 'shop', q{SELECT EXISTS (SELECT FROM crm.alert WHERE kind = 'worker.job' AND key = 'report.groups' AND detail ->> 'error' = '53100' AND closed_at IS NULL)}, 'the alert');
is($node->safe_psql('shop', q{SELECT p.as_of || ' ' || (p.done_to > 0)::text FROM crm.report_group_progress p}), '2026-07-04 true', 'a night that cannot be written says so; the one before is shown meanwhile');
$node->safe_psql('shop', 'DROP TRIGGER disk_full ON crm.report_path_set');
wait_until($node, 'shop', q{SELECT next_run_at > crm.core_now() FROM crm.job WHERE job = 'report.groups'}, 'the night to end');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.alert WHERE kind = 'worker.job' AND closed_at IS NULL}), '0', 'when there is room, it goes on and the alert is closed');
same('and keeps what it would have kept', "$of_a_day|report_group_progress");
done_testing();
