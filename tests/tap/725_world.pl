# Worlds at random (tests/tap/lib/world.sql): whatever happens to eight members in two months, no flow fires twice for a person under
# whatever ids, nobody gets two messages in a week or one at night, control hears nothing, nothing is lost, and the books agree.
# Eight seeds in the suite; CRM_SEEDS=200 CRM_SEED=1 plays as many from another on.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my ($seeds, $first) = ($ENV{CRM_SEEDS} || 8, $ENV{CRM_SEED} || 1);
my $node = crm_node('world', conf => "fsync = off\nautovacuum = off");
crm_database($node, 'shop');
$node->safe_psql('shop', slurp_file("$ENV{CRM_TOP}/tests/tap/lib/world.sql"));
my ($occurrences, $messages, $broken) = (0, 0, 0);
for my $seed ($first .. $first + $seeds - 1)
{
	for my $line (split /\n/, $node->safe_psql('shop', "BEGIN; SELECT rule, what, occurrences, messages FROM world.play($seed, 40); ROLLBACK"))
	{
		my ($rule, $what, $fired, $put) = split /\|/, $line;
		$occurrences += $fired;
		$messages += $put;
		$broken++, diag("seed $seed: $rule: $what") if $rule;
	}
}
diag("$seeds worlds: $occurrences occurrences, $messages messages");
is($broken, 0, 'no world breaks a rule');
cmp_ok($occurrences, '>', 15 * $seeds, 'and much happens in each');
cmp_ok($messages, '>', 3 * $seeds, 'and much is said');
done_testing();
