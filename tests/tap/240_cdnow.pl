# Published results through SQL: the CDNOW sample (2,357 customers, 39 weeks, 39 weeks held out) fitted by every model,
# and what was bought in the weeks held out beside what was expected.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $data = "$ENV{CRM_SHARED}/data/value/cdnow";
plan skip_all => "CDNOW is not there ($data)" unless -r "$data/cdnowElog_BTYD.csv";

my $node = crm_node('cdnow');
crm_database($node, 'music');
$node->safe_psql('music', 'CREATE TABLE line (masterid int, sampleid int, day text, cds int, sales numeric)');
system_or_bail('psql', '-X', '-q', '-d', $node->connstr('music'), '-c', "\\copy line FROM '$data/cdnowElog_BTYD.csv' csv header");
# same-day orders are one purchase, the first is not counted, time is in weeks
$node->safe_psql('music', q{
	CREATE TABLE day AS SELECT sampleid AS id, day::date AS day, sum(sales) AS sales FROM line GROUP BY 1, 2;
	CREATE TABLE customer AS
	SELECT id, count(*) FILTER (WHERE day <= '1997-09-30') - 1 AS x, (max(day) FILTER (WHERE day <= '1997-09-30') - min(day)) / 7.0::float8 AS tx,
		(date '1997-09-30' - min(day)) / 7.0::float8 AS t, count(*) FILTER (WHERE day > '1997-09-30') AS later
	FROM day GROUP BY id;
	CREATE TABLE spent AS SELECT d.id, count(*) AS x, avg(d.sales) AS average
	FROM day d WHERE d.day <= '1997-09-30' AND d.day > (SELECT min(f.day) FROM day f WHERE f.id = d.id) GROUP BY d.id;
	CREATE TABLE fit AS
	SELECT f.* FROM (SELECT crm.value_fit_bgnbd(x, tx, t) AS f FROM customer UNION ALL SELECT crm.value_fit_mbgnbd(x, tx, t) FROM customer
		UNION ALL SELECT crm.value_fit_paretonbd(x, tx, t) FROM customer UNION ALL SELECT crm.value_fit_gammagamma(x, average) FROM spent) a, LATERAL (SELECT (a.f).*) f});
is($node->safe_psql('music', 'SELECT count(*), sum(x), sum(later) FROM customer'), '2357|2457|1882', 'the sample');

my %published = (
	bgnbd => [-9582.42920667, .2425945, 4.4136018, .7929218, 2.4259059],
	mbgnbd => [-9582.13571555, .5248431, 6.1830851, .8913593, 1.6140022],
	paretonbd => [-9594.97617894, .5532771, 10.5776846, .6062399, 11.6687308],
	gammagamma => [-4055.91769, 6.2493, 3.7443, 15.4443]);
for my $model (sort keys %published)
{
	my ($status, $likelihood, $params) = split /\|/, $node->safe_psql('music', "SELECT status, log_likelihood, array_to_string(params, ' ') FROM fit WHERE model = '$model'");
	is($status, 'converged', "$model converges");
	my ($wanted, @wanted) = @{$published{$model}};
	cmp_ok(abs($likelihood - $wanted), '<', 1e-5, "$model: log-likelihood");
	my @found = split / /, $params;
	cmp_ok(abs($found[$_] / $wanted[$_] - 1), '<', 1e-4, "$model: parameter " . ($_ + 1)) for 0 .. $#wanted;
}
my %sums = (bgnbd => '1653.4|0.8134', mbgnbd => '1576.7|0.4487', paretonbd => '1665.5|0.4463');
for my $model (sort keys %sums)
{
	is($node->safe_psql('music', qq{
		SELECT round(sum(crm.value_expected(f.model, f.params, c.x, c.tx, c.t, 39))::numeric, 1), round(avg(crm.value_alive(f.model, f.params, c.x, c.tx, c.t))::numeric, 4)
		FROM customer c, fit f WHERE f.model = '$model'}), $sums{$model}, "$model: purchases expected in the weeks held out, mean P(alive)");
	# of intervals that are said to hold 90 of 100, at least that many do: counts are whole numbers, so more may
	cmp_ok($node->safe_psql('music', qq{
		SELECT avg((c.later BETWEEN crm.value_quantile(f.model, f.params, c.x, c.tx, c.t, 39, 0.05) AND crm.value_quantile(f.model, f.params, c.x, c.tx, c.t, 39, 0.95))::int)
		FROM customer c, fit f WHERE f.model = '$model'}), '>=', 0.9, "$model: its intervals hold what they promise");
}
is($node->safe_psql('music', q{
	SELECT string_agg(round(crm.value_spend(f.params, coalesce(s.x, 0), coalesce(s.average, 0))::numeric, 2)::text, ' ' ORDER BY c.id)
	FROM customer c LEFT JOIN spent s USING (id), fit f WHERE f.model = 'gammagamma' AND c.id <= 10}),
	'24.65 18.91 35.17 35.17 35.17 71.46 18.91 35.17 27.28 35.17', 'expected amount of the first ten customers');
$node->stop;
done_testing();
