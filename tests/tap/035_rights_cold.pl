# Rights where the library is not there yet: a server without preload, where a setting named before
# crm.so is loaded is anybody's to write; and keys that are turned while values lie encrypted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use CrmTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('cold');
$node->init;
$node->append_conf('postgresql.conf', "timezone = 'UTC'");
$node->start;
crm_database($node, 'shop');
$node->safe_psql('shop', q{
	CREATE ROLE eve LOGIN IN ROLE crm_clerk;
	SELECT crm.access_define_region('E', 'East');
	SELECT crm.access_define_store('E1', 'One', 'E');
	INSERT INTO crm.customer (customer_id, status, scope_store_ids, registered_at, registered_on, updated_at)
	SELECT 1, 'active', ARRAY[store_id], now(), current_date, now() FROM crm.store;
});
my $forged = '{"actor":"x","role":"crm_headquarters","stores":[1,2,3,4],"all":true}';

# before the first function of crm runs, the setting is a placeholder that takes any value
my ($status, $out, $err) = $node->psql('shop', "SET crm.access_claims = '$forged'; SELECT count(*) FROM crm.customer; SHOW crm.access_claims",
	extra_params => ['-U', 'eve']);
is($out, "0\n", 'claims set before the library was loaded are gone once it is');
like($err, qr/permission denied to set parameter "crm.access_claims"/, 'and the server says so');
{
	local $ENV{PGOPTIONS} = "-c crm.access_claims=$forged";
	($status, $out, $err) = $node->psql('shop', 'SELECT count(*) FROM crm.customer', extra_params => ['-U', 'eve']);
	is($out, '0', 'claims among the options of the connection too');
}
($status, $out, $err) = $node->psql('shop', q{
	BEGIN;
	SELECT set_config('crm.access_claims', '{"actor":"C1","role":"crm_clerk","stores":[' || (SELECT max(1)) || ']}', true), set_config('role', 'crm_clerk', true);
	SELECT crm.access_whoami()->>'actor';
	COMMIT;
}, extra_params => ['-U', 'crm_gateway']);
like($out, qr/\nC1$/, 'the gateway sets them even so');
is($node->safe_psql('shop', 'SELECT count(*) FROM crm.customer'), '1', 'the person is there');

# nobody sets the clock of a server that is not in test mode, a superuser neither
($status, $out, $err) = $node->psql('shop', q{SET crm.core_clock = '2026-06-30T10:00:00+08:00'; SELECT crm.core_now() = now(); SET crm.core_clock = '2026-06-30T10:00:00+08:00'});
is($out, 't', 'a clock that was set before the library was loaded is not asked');
like($err, qr/ERROR:  cannot set the clock of a server that is not in test mode/, 'nor can it be set after');

# keys: a second encryption key is a line and a reload; old values read on, new ones use it
$node->safe_psql('shop', q{CREATE TABLE public.kept AS SELECT crm._encrypt('phone', '13800138000') AS sealed});
my $key_file = $node->data_dir . '/crm_keys';
ok(-e $key_file, 'install() made the key file');
is((stat $key_file)[2] & 0777, 0600, 'readable by the server alone');
my $open = $node->background_psql('shop');
is($open->query_safe(q{SELECT crm._decrypt('phone', sealed) FROM public.kept}), '13800138000', 'a session that stays open reads it');
append_to_file($key_file, 'encrypt 2 ' . ('ab' x 32) . "\n");
$node->reload;
is($node->safe_psql('shop', q{SELECT crm._decrypt('phone', sealed) FROM public.kept}), '13800138000', 'a value under the old key reads on');
is($node->safe_psql('shop', q{SELECT get_byte(crm._encrypt('phone', 'x'), 1)}), '2', 'a new value uses the new key');
$node->safe_psql('shop', q{CREATE TABLE public.later AS SELECT crm._encrypt('phone', '13900139000') AS sealed});
# it hears of the reload in its own time
my $sealed_under = '';
for (1 .. 600)
{
	$sealed_under = $open->query_safe(q{SELECT get_byte(crm._encrypt('phone', 'x'), 1)});
	last if $sealed_under eq '2';
	select(undef, undef, undef, 0.1);
}
is($sealed_under, '2', 'under which a session seals that was open before');
is(scalar $open->query(q{SELECT crm._decrypt('phone', sealed) FROM public.later}), '13900139000', 'and reads');
$open->quit;
# two keys of one id would leave what the second seals to be opened with the first; a second hash key would find nobody
for my $case (['encrypt 2 ' . ('cd' x 32), 'Each encryption key has an id of its own'], ['hash 2 ' . ('cd' x 32), 'There is one hash key'], ['encypt 3 ' . ('cd' x 32), 'A line is "hash" or "encrypt"'])
{
	my $good = slurp_file($key_file);
	append_to_file($key_file, "$case->[0]\n");
	($status, $out, $err) = $node->psql('shop', q{SELECT crm._encrypt('phone', 'x')});
	like($err, qr/key file .* is damaged in line 6\nDETAIL:  $case->[1]/, "$case->[1]");
	open(my $file, '>', $key_file) or die $!;
	print $file $good;
	close $file;
}

# a dump does not carry them: on a server with other keys the values stay closed
my ($hash_key) = slurp_file($key_file) =~ /^hash 1 (\w{64})$/m;
my ($dump) = run_command(['pg_dump', '-d', $node->connstr('shop')]);
like($dump, qr/COPY public\.kept/, 'a dump holds the values');
unlike($dump, qr/abababab|$hash_key/, 'and no key');
rename $key_file, "$key_file.kept" or die $!;
$node->restart;
($status, $out, $err) = $node->psql('shop', q{SELECT crm._decrypt('phone', sealed) FROM public.kept});
like($err, qr/could not read key file.*\n.*Copy the key file that belongs to this data/, 'without the file nothing is read');
($status, $out, $err) = $node->psql('shop', q{SELECT crm._encrypt('phone', 'x')});
like($err, qr/could not read key file/, 'nor written');
ok(!-e $key_file, 'and no new file is made under the data');
append_to_file($key_file, 'hash 1 ' . ('ab' x 32) . "\nencrypt 1 " . ('cd' x 32) . "\n");
$node->reload;
($status, $out, $err) = $node->psql('shop', q{SELECT crm._decrypt('phone', sealed) FROM public.kept});
like($err, qr/cannot be read with the keys of this server/, 'other keys do not open it');
rename "$key_file.kept", $key_file or die $!;
$node->restart;
is($node->safe_psql('shop', q{SELECT crm._decrypt('phone', sealed) FROM public.kept}), '13800138000', 'the file put back opens it');
$node->stop;
done_testing();
