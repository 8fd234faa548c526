# A standby that is open for reading: whatever only reads answers there as on the primary, in SQL and through a gateway of its
# own; what leaves a trace says where it can be asked; what the primary takes back is taken back there, too.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $primary = crm_node('primary', streaming => 1, conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\n");
crm_database($primary, 'shop');
crm_shop($primary, 'shop');
for my $n (1 .. 6)
{
	member($primary, 'shop', "M$n", sprintf('138%08d', 12340000 + $n));
	order($primary, 'shop', "O$n-$_", sprintf('138%08d', 12340000 + $n), sprintf('2026-%02d-%02dT12:00:00+08:00', 1 + $n % 6, 1 + ($n + 5 * $_) % 28), "$_$n.50") for 1 .. 3;
}
$primary->safe_psql('shop', q{
	CREATE ROLE he LOGIN IN ROLE crm_headquarters;
	SELECT crm.access_define_staff('H1', 'He', 'crm_headquarters', '{all}', 'he', sql_role => 'he'), crm.access_set_password('H1', 'a long enough password');
	SELECT crm.segment_define('x', 'x', '{"kind": "purchase", "measure": "count", "days": 365, "op": ">=", "value": 2}');
	UPDATE crm.job SET next_run_at = crm.core_now() WHERE at_local IS NOT NULL;
	SELECT count(*) FROM crm.worker_run_jobs()});
my $key = $primary->safe_psql('shop', "SELECT crm.access_create_key('reads', 'crm_headquarters')");
my $till = $primary->safe_psql('shop', "SELECT crm.access_create_key('till', 'crm_till', 'pos', 'S01')");
my ($person) = $primary->safe_psql('shop', "SELECT min(customer_id) FROM crm.customer");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# Everything that headquarters may ask and that is marked as reading, each with arguments of its types: a line a function.
my $ask = q{
DO $do$
DECLARE
	one record;
	told text;
	answers text := '';
BEGIN
	FOR one IN
		SELECT format('SELECT md5(string_agg(r::text, ''|'' ORDER BY r::text)) FROM crm.%I(%s) r', p.proname, (SELECT string_agg(format('%s => %s', quote_ident(p.proargnames[i]), CASE
			WHEN p.proargnames[i] IN ('customer_id', 'person') THEN PERSON::text
			WHEN t.type = 'date'::regtype THEN format('%L::date', CASE WHEN p.proargnames[i] ~ 'to' THEN '2026-06-30' ELSE '2026-01-01' END)
			WHEN t.type IN ('int4'::regtype, 'int8'::regtype, 'int2'::regtype, 'numeric'::regtype) THEN '1'
			WHEN t.type = 'text'::regtype THEN quote_literal(CASE p.proargnames[i] WHEN 'flow' THEN 'welcome' WHEN 'channel' THEN 'sms' WHEN 'source' THEN 'pos' ELSE 'x' END)
			WHEN t.type = 'jsonb'::regtype THEN quote_literal('{"kind": "person", "field": "city", "value": "x"}') || '::jsonb'
			ELSE 'NULL::' || format_type(t.type, NULL) END), ', ' ORDER BY i)
			FROM generate_series(1, p.pronargs - p.pronargdefaults) i CROSS JOIN LATERAL (SELECT p.proargtypes[i - 1] AS type) t)) AS call, p.oid::regprocedure AS name
		FROM pg_proc p WHERE p.pronamespace = 'crm'::regnamespace AND p.proname !~ '^_' AND p.prokind = 'f' AND p.provolatile <> 'v' AND has_function_privilege('crm_headquarters', p.oid, 'EXECUTE')
		AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[]) x WHERE x = ANY ('{internal,cstring,crm.bitmap}'::regtype[])) ORDER BY 2
	LOOP
		BEGIN
			EXECUTE one.call INTO told;
		EXCEPTION WHEN OTHERS THEN
			told := SQLSTATE || ' ' || SQLERRM;
		END;
		answers := answers || one.name || ' ' || coalesce(told, '') || chr(10);
	END LOOP;
	PERFORM set_config('asked.answers', answers, false);
END $do$;
SELECT current_setting('asked.answers')};
$ask =~ s/PERSON/$person/;
$primary->wait_for_catchup($standby);
my %told;
for my $node ($primary, $standby)
{
	(my $answers = $node->safe_psql('shop', "SET ROLE crm_headquarters; $ask")) =~ s/^DO\n//;
	$told{$node->name} = { map { /^(.+\)) (.*)$/ ? ($1 => $2) : () } split /\n/, $answers };
}
my @asked = sort keys %{$told{primary}};
cmp_ok(scalar(grep { $told{primary}{$_} =~ /^[0-9a-f]{32}$/ } @asked), '>', 100, 'functions that read were asked and answered: ' . scalar(@asked));
is(join("\n", map { "$_: $told{primary}{$_} / $told{standby}{$_}" } grep { $told{primary}{$_} ne $told{standby}{$_} } @asked), '', 'each answers on the standby as on the primary');
is(join("\n", grep { $told{standby}{$_} =~ /^25006/ } @asked), '', 'none writes');

# what leaves a trace
my %traced = (
	search => "SELECT crm.identity_search('5678')",
	'look-up' => "SELECT crm.identity_lookup('phone', '13812340001')",
	unmasking => "SELECT crm.access_unmask($person, '{phone}', 'a call')",
	export => "SELECT crm.access_export($person)");
for my $what (sort keys %traced)
{
	my ($code, $out, $err) = $standby->psql('shop', $traced{$what}, extra_params => ['-U', 'he']);
	like("$out$err", qr/^psql:\S+ ERROR:  this goes on the trail, which cannot be written here\nHINT:  Ask the server that takes writes/, "$what says where it can be asked");
	is(($primary->psql('shop', $traced{$what}, extra_params => ['-U', 'he']))[0], 0, 'there it is answered');
}

# through a gateway
my %web = (primary => start_web('shop', $primary), standby => start_web('shop', $standby));
sub request
{
	my ($server, $path, @more) = @_;
	my $answer = qx(curl -s -w ' %{http_code}' '$web{$server}/api/v1$path' @more);
	return $answer =~ /^(.*) (\d+)$/s ? ($2, $1) : ($answer, '');
}
for my $path ('/health-board', '/reports/indicators', '/segments', "/persons/$person", "/persons/$person/explain", '/me')
{
	my ($status, $there) = request('standby', $path, "-H 'Authorization: Bearer $key'");
	is($status, 200, "a gateway before the standby answers $path");
	is($there, (request('primary', $path, "-H 'Authorization: Bearer $key'"))[1], 'as one before the primary does');
}
my $new = q{{"external_id": "N1", "phone": "13812340001", "ordered_at": "2026-06-30T10:00:00+08:00", "amount": "5.00"}};
my @send = ("-H 'Authorization: Bearer $till'", "-H 'Content-Type: application/json'", "-d '$new'");
my ($status, $body) = request('standby', '/orders', @send);
is("$status " . decode_json($body)->{hint}, '503 Ask the server that takes writes.', 'an order is refused there: the till comes again');
my ($taken, $why) = request('primary', '/orders', @send);
is($taken, 201, 'and is taken by the other') or diag($why);
my @enter = ("-H 'Content-Type: application/json'", q{-d '{"login": "he", "password": "a long enough password"}'});
is((request('standby', '/sign-in', @enter))[0], 503, 'nobody signs in there');
my ($cookie) = qx(curl -s -i '$web{primary}/api/v1/sign-in' @enter) =~ /(crm_session=[^;]+)/ or die 'no session';
$primary->wait_for_catchup($standby);
is((request('standby', '/me', "-H 'Cookie: $cookie'"))[0], 200, 'who signed in at the primary is known to the standby');
$primary->safe_psql('shop', "SELECT crm.access_staff_left('H1')");
$primary->wait_for_catchup($standby);
is((request('standby', '/me', "-H 'Cookie: $cookie'"))[0], 401, 'until they leave');
done_testing();
