# While a receiver holds a request for as long as it may, the database goes with FORCE, and in another the extension goes after its
# data: neither waits for the answer.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $node = crm_node('main', conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\n");
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "no port: $!";

# A database with a message on its way; the connection that it waits on.
sub sending
{
	my ($name) = @_;
	crm_database($node, $name);
	crm_shop($node, $name);
	$node->safe_psql($name, sprintf(q{SELECT crm.outbox_define_endpoint('slow', 'http://127.0.0.1:%d/', NULL, '{"is_private_allowed": true, "timeout_ms": 50000}'),
		crm.outbox_set_channel('sms', 'slow')}, $listener->sockport));
	$node->safe_psql($name, q{SELECT crm.campaign_edit('welcome', '{"holdout_percent": 0}'), crm.campaign_start('welcome')});
	is($node->safe_psql($name, q{SELECT r.status FROM crm.ingest_member('pos', convert_to('{"external_id": "W1", "phone": "13912340001", "store_code": "S01",
		"registered_at": "2026-06-30T11:00:00+08:00", "consent_sms": "yes"}', 'UTF8')) r}), '201', "a member in $name");
	IO::Select->new($listener)->can_read(180) or die 'no request came';
	return $listener->accept;
}

# A held request is open as long as nothing can be read from it: its end would be.
sub is_held { return !IO::Select->new(shift)->can_read(0) }

my $request = sending('shop');
sysread($request, my $head, 8192);
ok(is_held($request), 'the receiver holds the request');
$node->safe_psql('postgres', 'DROP DATABASE shop WITH (FORCE)');
ok(IO::Select->new($request)->can_read(30), 'the database is gone, and the request given up with it, before its time was over');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'shop'"), '0', 'it is gone');

my $other = sending('store');
my $begin = time;
sysread($other, $head, 8192);
ok(is_held($other), 'another request is held');
like(($node->psql('store', 'DROP EXTENSION crm'))[2], qr/other objects depend on it/, 'while there is data the extension stays, and says so at once');
$node->safe_psql('store', "SELECT crm.uninstall('store')");
$node->safe_psql('store', 'DROP EXTENSION crm');
is($node->safe_psql('store', "SELECT count(*) FROM pg_extension WHERE extname = 'crm'"), '0', 'after its data it goes, whatever is on its way');
cmp_ok(time - $begin, '<', 50, 'before the request was over');
close $_ for $request, $other;
done_testing();
