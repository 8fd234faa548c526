# The lift that is told is the lift that was planted: chains of the sample's generator, a seed each, whose every coupon occasion
# is a person of a flow, through crm.campaign_results().  The 95 % interval covers the planted lift, and the birthday's nothing is
# not called an effect, in at least 93 % of the seeds.  CRM_SEEDS=200 tests/bin/tap tests/tap/553_lift.pl takes four minutes.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Cwd qw(abs_path);
use Test::More;
use CrmTest;

my $seeds = $ENV{CRM_SEEDS} || 15;
my %planted = (welcome => 6, silence_30 => 3, birthday => 0);
my $folder = abs_path(PostgreSQL::Test::Utils::tempdir('lift'));
system("cc -std=gnu11 -O1 -o $folder/crm_sample $ENV{CRM_TOP}/tests/sample/*.c -lm") == 0 or BAIL_OUT('the generator does not build');

my $node = crm_node('lift', conf => "autovacuum = off\nfsync = off");
crm_database($node, 'shop');
# occasions are people of their own: the generator draws the arm anew each time
$node->safe_psql('shop', q{
	INSERT INTO crm.source (source_id, code, name, kind, created_at) VALUES (990, 'lift', 'lift', 'pos', '2020-01-01');
	INSERT INTO crm.customer (customer_id, status, registered_at, registered_on, updated_at)
	SELECT g, 'active', '2020-01-01', '2020-01-01', '2020-01-01' FROM generate_series(1, 20000) g;
	INSERT INTO crm.membership (source_record_id, valid_from, customer_id) SELECT g, '2020-01-01', g FROM generate_series(1, 20000) g;
	INSERT INTO crm.flow_version (flow_id, version, spec, changed_by, changed_at) SELECT flow_id, 901, '{"holdout_percent": 10}', 'lift', '2020-01-01' FROM crm.flow;
	CREATE TABLE effect (effect text, person text, source text, external_id text, day date, arm text, planted text, followed text, followed_on text);
	CREATE TABLE occasion (n int, flow text, day date, arm text, is_followed boolean);
	CREATE TABLE told (seed int, flow text, lift numeric, low numeric, high numeric, is_effect boolean, is_skewed boolean, orders int);
	ANALYZE crm.customer, crm.membership});
my $load = q{
	TRUNCATE effect, occasion, crm.occurrence, crm.customer_order;
	COPY effect FROM 'FOLDER/effects.csv' (FORMAT csv, HEADER);
	INSERT INTO occasion SELECT row_number() OVER (), CASE effect WHEN 'wake_up' THEN 'silence_30' ELSE effect END, day, arm, followed = 'yes'
	FROM effect WHERE effect IN ('welcome', 'wake_up', 'birthday');
	INSERT INTO crm.occurrence (customer_id, flow_id, epoch, occurrence_key, fired_at, due_at, arm, outcome, flow_version)
	SELECT o.n, f.flow_id, 1, 'x', o.day + time '10:00', o.day + time '10:00', CASE o.arm WHEN 'treated' THEN 'treatment' ELSE 'control' END, 'sent', 901
	FROM occasion o JOIN crm.flow f ON f.code = o.flow;
	INSERT INTO crm.customer_order (source_record_id, order_id, source_id, external_id, status, ordered_at, paid_at, business_day, amount, line_count, is_history, received_at)
	SELECT o.n, o.n, 990, o.n, 'paid', o.day, o.day, o.day + 1 + o.n % 14, 50, 1, false, o.day FROM occasion o WHERE o.is_followed;
	INSERT INTO told SELECT SEED, f.code, (r ->> 'lift_points')::numeric, (r -> 'lift_interval' ->> 0)::numeric, (r -> 'lift_interval' ->> 1)::numeric,
	       (r ->> 'is_effect')::boolean, (r -> 'sample_ratio' ->> 'is_skewed')::boolean, (r -> 'treatment' ->> 'ordered')::int + (r -> 'control' ->> 'ordered')::int
	FROM crm.flow f CROSS JOIN LATERAL crm.campaign_results(f.code) r WHERE f.code IN ('welcome', 'silence_30', 'birthday');
};
my $wrong = 0;
for my $seed (1 .. $seeds)
{
	system("$folder/crm_sample --out $folder/chain --seed $seed --persons 6000 --until 2026-06-30 >/dev/null") == 0 or BAIL_OUT('the generator fails');
	$node->safe_psql('shop', $load =~ s/FOLDER/$folder\/chain/r =~ s/SEED/$seed/r);
	# counted from the file itself
	my %orders;
	open(my $file, '<', "$folder/chain/effects.csv") or die;
	while (<$file>)
	{
		my @cell = split /,/;
		$orders{ $cell[0] eq 'wake_up' ? 'silence_30' : $cell[0] }++ if $cell[7] eq 'yes';
	}
	close $file;
	$wrong++ for grep { $node->safe_psql('shop', "SELECT orders FROM told WHERE seed = $seed AND flow = '$_'") != $orders{$_} } keys %planted;
}
is($wrong, 0, 'orders counted from the files are those of the results');
for my $flow (sort keys %planted)
{
	my ($covered, $called, $skewed, $mean) = split /\|/, $node->safe_psql('shop', qq{
		SELECT count(*) FILTER (WHERE $planted{$flow} BETWEEN low AND high), count(*) FILTER (WHERE is_effect), count(*) FILTER (WHERE is_skewed), round(avg(lift), 2)
		FROM told WHERE flow = '$flow'});
	diag("$flow: planted $planted{$flow}, mean of the lifts $mean, covered $covered of $seeds, called an effect $called times");
	cmp_ok($covered, '>=', .93 * $seeds - ($seeds < 100 ? 1 : 0), "$flow: the interval covers what was planted");
	cmp_ok($called, '<=', .07 * $seeds + ($seeds < 100 ? 1 : 0), "$flow: nothing is not called an effect") if $planted{$flow} == 0;
	is($skewed, 0, "$flow: a fair draw raises no alarm");
}
done_testing();
