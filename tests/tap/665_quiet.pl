# While nothing is written worker and sender look at nothing; what is written, whoever writes it and without a wake, they see, and what time
# brings they do at its time.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $node = crm_node('main', conf => "max_prepared_transactions = 2\nautovacuum = off\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
start_receiver($node, 'shop');
like(member($node, 'shop', 'M1', '13912345601'), qr/^201/, 'a member is there');
my $person = $node->safe_psql('shop', 'SELECT max(customer_id) FROM crm.customer');
sub put_now { my ($name, $in) = @_; $node->safe_psql('shop', "SELECT crm._outbox_put($person, '$person-$name', 'sms', NULL, NULL, false, '{}', clock_timestamp() + interval '$in', NULL)"); return }
sub sent { my ($name) = @_; return wait_until($node, 'shop', "SELECT count(*) = 1 FROM crm.outbox_event WHERE message_id = '$person-$name' AND kind = 'sent'", $name) }

# Whether a number stays what it is for five seconds, sooner or later.
sub rests
{
	my ($query) = @_;
	for (1 .. 30)
	{
		my $before = $node->safe_psql('shop', $query);
		sleep 5;
		return 1 if $node->safe_psql('shop', $query) eq $before;
	}
	return 0;
}
my $runs = "SELECT jobs_run FROM crm.worker_list() WHERE process = 'worker' AND database = (SELECT oid FROM pg_database WHERE datname = 'shop')";
my $looks = "SELECT idx_scan FROM pg_stat_all_indexes WHERE indexrelid = 'crm.outbox_queue_due'::regclass";

put_now('first', '0 s');
ok(sent('first'), 'a message leaves');
put_now('tomorrow', '1 day');
ok(rests($runs), 'no job runs while nothing is written');
ok(rests($looks), 'and the sender looks at nothing, though a message waits for tomorrow');

$node->safe_psql('shop', "UPDATE crm.outbox_queue SET due_at = clock_timestamp() WHERE message_id = '$person-tomorrow'");
ok(sent('tomorrow'), 'a message that somebody makes due by hand leaves');

$node->safe_psql('shop', q{SET ROLE crm_owner; CREATE TABLE crm.probe (n int);
	INSERT INTO crm.job (job, statement, every, next_run_at) VALUES ('probe', 'WITH d AS (DELETE FROM crm.probe RETURNING 1) SELECT count(*) - count(*) FROM d', '1 second', crm.core_now())});
ok(rests($runs), 'a job that finds nothing is left alone');
$node->safe_psql('shop', 'INSERT INTO crm.probe VALUES (1)');
ok(wait_until($node, 'shop', 'SELECT count(*) = 0 FROM crm.probe', 'the probe'), 'until something is written');
$node->safe_psql('shop', "BEGIN; INSERT INTO crm.probe VALUES (2); PREPARE TRANSACTION 'elsewhere'");
sleep 2;
$node->safe_psql('shop', "COMMIT PREPARED 'elsewhere'");
ok(wait_until($node, 'shop', 'SELECT count(*) = 0 FROM crm.probe', 'the prepared probe'), 'also by a transaction that was prepared');
$node->safe_psql('shop', "DELETE FROM crm.job WHERE job = 'probe'; DROP TABLE crm.probe");

put_now('soon', '12 s');
ok(sent('soon'), 'a message that comes due while nothing is written leaves');
is($node->safe_psql('shop', "SELECT e.at >= o.due_at FROM crm.outbox o JOIN crm.outbox_event e USING (customer_id, message_id) WHERE o.message_id = '$person-soon' AND e.kind = 'sent'"), 't', 'and not before');
$node->safe_psql('shop', "SELECT crm.uninstall('shop')");
$node->safe_psql('shop', 'DROP EXTENSION crm');
ok(wait_until($node, 'postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type IN ('crm worker', 'crm sender') AND datname = 'shop'", 'them to leave'), 'and when the extension goes, they leave');
done_testing();
