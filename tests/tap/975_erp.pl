# Other systems: an ERP on a server of its own reads the chain's views through postgres_fdw, under a login that sees its region and
# nothing in clear, and delivers what it knows by the intake of the database.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $crm = crm_node('main', conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\n");
crm_database($crm, 'shop');
crm_shop($crm, 'shop');
like(member($crm, 'shop', "M$_", "1391234560$_"), qr/^201/, "member $_") for 1 .. 3;
like($crm->safe_psql('shop', q{SELECT r.status FROM crm.ingest_member('pos', convert_to('{"external_id": "M9", "phone": "13912345609", "name": "李雷", "store_code": "S03", "registered_at": "2026-06-01T10:00:00+08:00"}', 'UTF8')) r}), qr/^201/, 'a member of another region');
like(order($crm, 'shop', "O$_", "1391234560$_", '2026-06-20T10:00:00+08:00', 50 * $_), qr/^201/, "order $_") for 1 .. 3;

# the ERP's logins: one reads a region's persons and orders, one delivers as a till of its own source
$crm->safe_psql('shop', q{
	CREATE ROLE erp_reader LOGIN IN ROLE crm_manager;
	CREATE ROLE erp_till LOGIN IN ROLE crm_headquarters;
	SELECT crm.access_define_staff('ERP', 'ERP', 'crm_manager', '{region:SH}', sql_role => 'erp_reader');
	SELECT crm.access_define_staff('ERPIN', 'ERP intake', 'crm_headquarters', sql_role => 'erp_till');
	SELECT crm.ingest_define_source('erp', 'ERP', 'api', '{}')});

my $erp = PostgreSQL::Test::Cluster->new('erp');
$erp->init;
$erp->start;
my ($host, $port) = ($crm->host, $crm->port);
$erp->safe_psql('postgres', qq{
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER crm FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'shop');
	CREATE USER MAPPING FOR CURRENT_USER SERVER crm OPTIONS (user 'erp_reader', password_required 'false');
	CREATE SCHEMA chain;
	IMPORT FOREIGN SCHEMA crm LIMIT TO (person, customer_order, order_item, product, store, person_tag) FROM SERVER crm INTO chain});
ok(1, 'the views and tables are imported as they are, types and all');

is($erp->safe_psql('postgres', 'SELECT count(*) FROM chain.person'), 3, 'persons of the region, of no other');
is($erp->safe_psql('postgres', "SELECT string_agg(amount::int::text, ' ' ORDER BY amount) FROM chain.customer_order WHERE is_current AND business_day = '2026-06-20'"), '50 100 150', 'their orders');
is($erp->safe_psql('postgres', "SELECT p.name, sum(i.amount)::int FROM chain.customer_order o JOIN chain.order_item i USING (source_record_id, order_id, revision) JOIN chain.product p USING (product_id) WHERE o.is_current GROUP BY 1"), '蛋白粉|300', 'joined over there with products');
is($erp->safe_psql('postgres', "SELECT count(*) FROM chain.person WHERE phone_masked ~ '1391234'"), 0, 'no phone in clear');
like($erp->safe_psql('postgres', "EXPLAIN (VERBOSE, COSTS OFF) SELECT customer_id FROM chain.person WHERE customer_id = 1"), qr/Remote SQL: .*WHERE \(\(customer_id = 1\)\)/s, 'what is asked of one person is asked over here');
my (undef, undef, $fault) = $erp->psql('postgres', 'IMPORT FOREIGN SCHEMA crm LIMIT TO (customer_private) FROM SERVER crm INTO chain; SELECT * FROM chain.customer_private');
like($fault, qr/permission denied for table customer_private/, 'clear values are closed to it');
(undef, undef, $fault) = $erp->psql('postgres', "UPDATE chain.product SET name = 'x'");
like($fault, qr/permission denied for table product/, 'and nothing is written past the intake');

# in: what the ERP knows comes by the intake functions, once, whatever is sent again
my $sent = q{SELECT r.status || ' ' || r.code FROM crm.ingest_order('erp', convert_to('{"external_id": "ERP-1", "phone": "13912345601", "store_code": "S01", "ordered_at": "2026-06-21T10:00:00+08:00", "amount": 70, "items": [{"product_code": "P1", "quantity": 1, "unit_price": 70}]}', 'UTF8')) r};
is($crm->safe_psql('shop', $sent, connstr => $crm->connstr('shop') . ' user=erp_till'), '201 created', 'an order of the ERP');
like($crm->safe_psql('shop', $sent, connstr => $crm->connstr('shop') . ' user=erp_till'), qr/unchanged|duplicate|200/, 'sent again it is the one that is there');
is($erp->safe_psql('postgres', "SELECT count(*) FROM chain.customer_order WHERE is_current"), 4, 'and the ERP reads it where it belongs');

# the columns that doc/extending.md promises
my ($page) = slurp_file("$ENV{CRM_TOP}/doc/extending.md");
my %promised = $page =~ /^\| `crm\.(\w+)` \| ((?:`\w+`(?:, )?)+) \|/mg;
cmp_ok(scalar(keys %promised), '>=', 6, 'views are promised by name');
for my $view (sort keys %promised)
{
	my @columns = $promised{$view} =~ /`(\w+)`/g;
	my $there = $crm->safe_psql('shop', "SELECT count(*) FROM pg_attribute WHERE attrelid = 'crm.$view'::regclass AND attnum > 0 AND NOT attisdropped AND attname IN (" . join(', ', map { "'$_'" } @columns) . ')');
	is($there, scalar(@columns), "crm.$view has the columns that are promised");
	is($crm->safe_psql('shop', "SELECT has_table_privilege('crm_manager', 'crm.$view', 'SELECT')"), 't', 'and may be read');
}
done_testing();
