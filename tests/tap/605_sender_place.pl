# The sender goes on from where it was, and yet misses nothing: what is committed late with an earlier moment, what was locked as it
# came by, what was prepared elsewhere; and while somebody holds a transaction open it does not walk over all that is done.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $node = crm_node('main', conf => "max_prepared_transactions = 2\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
start_receiver($node, 'shop');
like(member($node, 'shop', 'M1', '13912345601'), qr/^201/, 'a member is there');
my $person = $node->safe_psql('shop', 'SELECT max(customer_id) FROM crm.customer');
my $put = "SELECT crm._outbox_put($person, '$person-%s', 'sms', NULL, NULL, false, '{}', clock_timestamp() - interval '%s s', NULL)";
sub put_now { my ($name, $age) = @_; $node->safe_psql('shop', sprintf($put, $name, $age // 0)); return }
sub sent { my ($name) = @_; return wait_until($node, 'shop', "SELECT count(*) = 1 FROM crm.outbox_event WHERE message_id = '$person-$name' AND kind = 'sent'", $name) }

put_now('first');
ok(sent('first'), 'a message leaves');

my $late = $node->background_psql('shop', on_error_die => 1);
$late->query_safe('BEGIN');
$late->query_safe(sprintf($put, 'late', 60));
put_now('second');
ok(sent('second'), 'another leaves while one that is due earlier is not committed');
$late->query_safe('COMMIT');
ok(sent('late'), 'and that one as soon as it is');

put_now('bucket');
ok(sent('bucket'), 'a third');
$late->query_safe('BEGIN');
$node->safe_psql('shop', "UPDATE crm.endpoint SET is_active = false");
put_now('locked', 5);
$late->query_safe("SELECT count(*) FROM (SELECT FROM crm.outbox_queue WHERE message_id = '$person-locked' FOR UPDATE) q");
$node->safe_psql('shop', "UPDATE crm.endpoint SET is_active = true");
put_now('behind');
ok(sent('behind'), 'what comes after a row that is locked leaves');
$late->query_safe('ROLLBACK');
ok(sent('locked'), 'and the row when it is free');
$late->quit;

$node->safe_psql('shop', 'BEGIN; ' . sprintf($put, 'prepared', 90) . "; PREPARE TRANSACTION 'elsewhere'");
put_now('third');
ok(sent('third'), 'a message leaves while one is prepared');
$node->safe_psql('shop', "COMMIT PREPARED 'elsewhere'");
ok(sent('prepared'), 'and that one, too');

# 2,000 messages while a snapshot is held: each look from the beginning would walk over all that were sent
my $holder = $node->background_psql('shop', on_error_die => 1);
$holder->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$holder->query_safe('SELECT count(*) FROM crm.customer');
my $walked = q{SELECT idx_tup_read FROM pg_stat_all_indexes WHERE indexrelid = 'crm.outbox_queue_due'::regclass};
my $before = $node->safe_psql('shop', $walked);
for my $batch (1 .. 4)
{
	$node->safe_psql('shop', "SELECT count(crm._outbox_put($person, '$person-many-$batch-' || g, 'sms', NULL, NULL, false, '{}', clock_timestamp(), NULL)) FROM generate_series(1, 500) g");
	wait_until($node, 'shop', 'SELECT count(*) = 0 FROM crm.outbox_queue', 'the queue to drain');
}
$node->safe_psql('shop', 'SELECT pg_stat_force_next_flush()');
my $steps = $node->safe_psql('shop', $walked) - $before;
$holder->query_safe('COMMIT');
$holder->quit;
is($node->safe_psql('shop', "SELECT count(*) FROM crm.outbox_event WHERE kind = 'sent' AND message_id LIKE '%many%'"), '2000', 'all of many messages leave beside a transaction that is held open');
# from the beginning each time: some 250 looks over 1,000 rows on average
cmp_ok($steps, '<', 100_000, "without walking over what is done: $steps index entries read");
my %arrived;
$arrived{$_->{id}}++ for requests_of();
is(join(', ', grep { $arrived{$_} > 1 } keys %arrived), '', 'and each once');
done_testing();
