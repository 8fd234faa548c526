#!/usr/bin/perl
# make run with a small chain (CRM_PERSONS: as large as you say): what it prints is what happened, the persons are those of truth.csv, and a second run is there in
# seconds with the data kept.  It plays under a name and port of its own, beside a demonstration that somebody may have.
use strict;
use warnings;
use FindBin;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

chdir "$FindBin::Bin/../.." or die $!;
my $port = 0;
until ($port)
{
	# two in a row: the receiver listens beside the pages
	my @ears = map { IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1:$_") } map { ($_, $_ + 1) } 20000 + int(rand(20000));
	$port = $ears[0]->sockport if @ears == 2 && $ears[0] && $ears[1];
}
%ENV = (%ENV, CRM_DEMO => 'demo-test', CRM_PORT => $port, CRM_PERSONS => $ENV{CRM_PERSONS} || 3000, CRM_FRESH => 'yes');
delete @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)};
sub clear { system('tests/bin/demo stop >/dev/null 2>&1; tests/bin/cluster remove demo-test >/dev/null 2>&1; rm -rf build/demo-test') }
END { local $?; clear() if $port }
clear();

my $out = qx(tests/bin/demo run 2>&1);
like($out, qr/\d+ source records became \d+ persons/, 'records became persons') or diag($out);
like($out, qr/tiers: .*S \d/, 'tier shares');
like($out, qr/flow $_: active, [1-9]\d* occurrences/, "$_ fired") for qw(birthday silence_30 welcome);
my ($sent) = $out =~ /messages: sent (\d+)/;
my ($arrived) = $out =~ /messages at the receiver: (\d+)/;
is($arrived, $sent, 'what was sent is at the receiver') or diag($out);
cmp_ok($sent, '>', 20, 'and much was');
like($out, qr/psql +psql -h/, 'where to look: psql');
like($out, qr/curl -s .*lookup/, 'curl');
like($out, qr/login \w+ \w+ crm_$_\n/, "a sign-in of a $_") for qw(clerk store_manager manager marketer headquarters);
my ($pairs, $recall) = $out =~ /precision ([\d.]+), recall [\d.]+, ([\d.]+) of those/;
cmp_ok($pairs, '>', .97, "of the pairs that were merged so many are of one person: $pairs");
cmp_ok($recall, '>', .8, "of those that share a phone, an id, or name and home so many were merged: $recall");
like($out, qr/traps merged: none/, 'no trap was merged');
my ($login, $password) = $out =~ /login (\w+) (\w+) crm_clerk/;
is(qx(curl -s -o /dev/null -w '%{http_code}' -X POST http://127.0.0.1:$port/api/v1/sign-in -H 'Content-Type: application/json' -d '{"login":"$login","password":"$password"}'), '200', 'the clerk signs in');
like(qx(curl -s http://127.0.0.1:$port/api/v1/openapi.json), qr/"openapi"/, 'the description of the API is at its URL');

system('tests/bin/demo stop >/dev/null') == 0 or die 'stop';
my $begin = time;
my $again = qx(tests/bin/demo run 2>&1);
my $took = time - $begin;
cmp_ok($took, '<', 30, sprintf('the second run takes seconds: %.1f', $took));
my ($before, $after) = map { /(\d+ source records became .*)/ } $out, $again;
is($after, $before, 'with the data kept');
done_testing();
