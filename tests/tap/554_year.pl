# A year of a small chain, day by day on a clock moved by hand, with the flows of the house and the presets on.  What the ledger
# holds at the end is what follows from the plan of purchases by counting days, written here in Perl and knowing nothing of the code:
# each occurrence, no other, each once; coupons, caps and points besides.  CRM_PERSONS=400 makes the chain larger.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::Local qw(timegm);
use CrmTest;

my ($persons, $days) = ($ENV{CRM_PERSONS} || 40, 364);
my $first = timegm(0, 0, 0, 1, 6, 2025);
sub day { my @t = gmtime($first + 86400 * shift); return sprintf('%04d-%02d-%02d', $t[5] + 1900, $t[4] + 1, $t[3]) }
my $state = 20260630;
sub draw { my $n = shift; $state = ($state * 1103515245 + 12345) % 2147483648; return int($state / 65536) % $n }

# the plan: when each registers and buys (no two on a day), what is refunded in part
my @gaps = (3, 7, 7, 15, 15, 28, 29, 30, 31, 45, 59, 60, 61, 62, 75, 89, 90, 91, 103, 104, 105, 117, 118, 119, 150, 185, 200);
my (@plan, @events, %points, @net);
for my $p (1 .. $persons)
{
	my $registered = draw(200);
	my $birthday = draw(365);
	$birthday = ($birthday + 1) % 365 if $birthday == $registered;
	my @bought;
	for (my $d = $registered + 1 + draw(40); $d < $days && draw(10) > 0; $d += $gaps[draw(scalar @gaps)])
	{
		my $amount = 10 + draw(80);
		my $refund = draw(8) == 0 ? 1 + draw(5) : 0;
		push @bought, $d;
		push @{ $events[$d] }, "SELECT pg_temp.send('order', '{\"external_id\": \"O$p-$d\", \"member_external_id\": \"M$p\", \"ordered_at\": \"" . day($d) . "T18:00:00+08:00\", \"store_code\": \"Y1\", \"amount\": $amount}');";
		push @{ $events[ $d + 1 ] }, "SELECT pg_temp.send('refund', '{\"external_id\": \"R$p-$d\", \"order_external_id\": \"O$p-$d\", \"amount\": $refund, \"refunded_at\": \"" . day($d + 1) . "T18:01:00+08:00\"}');" if $refund && $d + 1 < $days;
		$points{$p} += $amount - ($d + 1 < $days ? $refund : 0);
		$net[$p]{$d} += $amount;
		$net[$p]{ $d + 1 } -= $refund if $d + 1 < $days;
	}
	my @b = split /-/, day($birthday);
	unshift @{ $events[$registered] }, sprintf('SELECT pg_temp.send(\'member\', \'{"external_id": "M%d", "phone": "%d", "name": "王小%d", "birthday": "1990-%s-%s", "store_code": "Y1", "consent_sms": "yes", "registered_at": "%sT17:00:00+08:00"}\');',
		$p, 13700100000 + $p, $p, $b[1], $b[2], day($registered));
	push @plan, { person => $p, registered => $registered, birthday => $birthday, bought => \@bought };
}

my $node = crm_node('year', conf => "fsync = off");
# the workers stand still at the first moment; the session that plays the year moves a clock of its own
clock($node, "2025-07-01 00:01:00+08");
crm_database($node, "shop");
$node->safe_psql("shop", q{
	UPDATE crm.job SET is_active = false;
	SELECT crm.access_define_region('Y', 'Y'), crm.access_define_store('Y1', 'first', 'Y');
	SELECT crm.ingest_define_source('till', 'till', 'pos', '{}');
	SELECT crm.outbox_define_endpoint('end', 'http://127.0.0.1:9/', NULL, '{"is_private_allowed": true}'), crm.outbox_set_channel('sms', 'end');
	SET crm.core_clock = '2025-07-01T00:01:00+08:00';
	SELECT crm.loyalty_define_points('spend', '{"is_active": true, "valid_from": "2025-07-01T00:00:00+08:00", "valid_days": null}');
	SELECT crm.loyalty_define_lottery('year', '{"prizes": [{"name": "cake", "count": 1}], "closes_at": "2026-12-31T00:00:00+08:00"}'), crm.loyalty_open_lottery('year');
	SELECT crm.campaign_create(p.preset, p.preset, '{}') FROM crm.flow_preset p WHERE p.preset !~ '^blank_' AND p.preset NOT IN (SELECT code FROM crm.flow);
	SELECT crm.campaign_start(f.code) FROM crm.flow f});
my @flows = split /\n/, $node->safe_psql('shop', q{SELECT code FROM crm.flow WHERE state = 'active' ORDER BY 1});
cmp_ok(scalar @flows, '>=', 17, 'the flows of the house and every preset that means somebody are on');

my $script = <<'SQL';
CREATE FUNCTION pg_temp.send(entity text, body jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	r crm.intake_result;
BEGIN
	EXECUTE format('SELECT * FROM crm.ingest_%s($1, $2)', entity) INTO r USING 'till', convert_to(body::text, 'UTF8');
	IF r.status >= 300 THEN
		RAISE EXCEPTION 'intake: % % % %', r.status, r.code, r.field, r.remedy;
	END IF;
END $$;
CREATE PROCEDURE pg_temp.tick() LANGUAGE plpgsql AS $$
DECLARE
	one text;
	more bigint;
BEGIN
	FOREACH one IN ARRAY '{value.drain,value.age,value.daily,loyalty.expire,loyalty.points,sales.escalate,campaign.due,campaign.backlog}'::text[] LOOP
		FOR n IN 1 .. 100 LOOP
			EXECUTE (SELECT j.statement FROM crm.job j WHERE j.job = one) INTO more;
			COMMIT;
			EXIT WHEN coalesce(more, 0) <= 0;
		END LOOP;
	END LOOP;
END $$;
SQL
for my $d (0 .. $days - 1)
{
	# the morning, when schedules are due; the evening, when the till delivers, a receipt of nobody among it, so that it is never silent
	$script .= "SET crm.core_clock = '" . day($d) . "T10:30:00+08:00';\nCALL pg_temp.tick();\n";
	$script .= "SET crm.core_clock = '" . day($d) . "T18:05:00+08:00';\n" . join("\n", @{ $events[$d] || [] }) . "\n";
	$script .= "SELECT pg_temp.send('order', '{\"external_id\": \"N$d\", \"ordered_at\": \"" . day($d) . "T18:00:00+08:00\", \"store_code\": \"Y1\", \"amount\": 5}');\nCALL pg_temp.tick();\n";
}
$script .= "SET crm.core_clock = '" . day($days) . "T10:30:00+08:00';\nCALL pg_temp.tick();\n";
$node->safe_psql('shop', $script);

# by counting days: the flows that a purchase's age, a date or a calendar brings
my %calendar;
/^(\w+)\|(.*)$/ and $calendar{$2}{$1} = 1 for split /\n/, $node->safe_psql('shop', 'SELECT DISTINCT calendar, day FROM crm.calendar_day');
my %expected;
for my $one (@plan)
{
	my ($p, $r, @bought) = ($one->{person}, $one->{registered}, @{ $one->{bought} });
	my $put = sub { $expected{"$_[0] M$p $_[1]"} = 1 };
	$put->('welcome', 'once');
	$put->('birthday', substr(day($one->{birthday}), 0, 4)) if $one->{birthday} > $r;
	for my $i (0 .. $#bought)
	{
		my $until = $i < $#bought ? $bought[ $i + 1 ] : 9999;
		my ($d, $count) = ($bought[$i], $i + 1);
		my $reaches = sub { my $at = $d + shift; return $at <= $until && $at <= $days };
		$put->('silence_30', day($d)) if $reaches->(30);
		$put->('silence_60', day($d)) if $reaches->(60) && $count > 2;
		$put->('second_order_61', day($d)) if $reaches->(61) && $count <= 2;
		$put->('win_back', day($d)) if $reaches->(90);
		$put->('silence_reason', day($d)) if $reaches->(91);
		$put->('win_back', day($d) . '#2') if $reaches->(104);
		$put->('win_back', day($d) . '#3') if $reaches->(118);
		for my $at ($d + 181 .. ($until < $days ? $until : $days))
		{
			my ($year, $month) = split /-/, day($at);
			$put->('lapsed_quarter', sprintf('%dQ%d', $year, int(($month - 1) / 3) + 1));
		}
		for my $at ($d + 1 .. ($d + 22 < $days ? $d + 22 : $days))
		{
			$put->($_, day($at)) for keys %{ $calendar{ day($at) } || {} };
		}
	}
}

# ... and those that hang on the tier, and on one's own gaps: each day the tier by the morning's clock, and again with what the evening brought
sub tier
{
	my ($today, $net, @days) = @_;
	return 'P' unless @days;
	my $within = sub { my $span = shift; return grep { $_ >= $today - $span } @days };
	my $last = $today - $days[-1];
	my ($recent, $spent) = (scalar(() = $within->(30)), 0);
	$spent += $net->{$_} for grep { $_ >= $today - 30 && $_ <= $today } keys %$net;
	return 'S' if $recent >= 2 && $spent > 300;
	return 'A' if (() = $within->(90)) >= 3;
	return 'C' if $last > 180;
	return 'D' if @days > 2;
	return $last > 60 ? 'B' : 'N';
}
sub median { my @sorted = sort { $a <=> $b } @_; return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2 }
for my $one (@plan)
{
	my ($p, $r, @bought) = ($one->{person}, $one->{registered}, @{ $one->{bought} });
	for my $today ($r + 1 .. $days)
	{
		my @before = grep { $_ < $today } @bought;
		my %known = map { $_ => $net[$p]{$_} } grep { $_ < $today } keys %{ $net[$p] || {} };
		my $morning = tier($today, \%known, @before);
		my ($year, $month, $day) = split /-/, day($today);
		$expected{"regular_twice M$p $year-$month/" . ($day == 1 ? 1 : 2)} = 1 if $morning eq 'A' && ($day == 1 || $day == 15);
		my @gaps_of = map { $before[$_] - $before[ $_ - 1 ] } 1 .. $#before;
		$expected{"warning M$p $year-$month"} = 1 if @gaps_of >= 3 && $today - $before[-1] >= 1.5 * median(@gaps_of);
		next unless $today < $days && grep { $_ == $today } @bought;
		my $evening = tier($today, $net[$p], grep { $_ <= $today } @bought);
		$expected{"tier_up M$p $evening " . day($today)} = 1 if $evening =~ /[SA]/ && $morning !~ /[SA]/;
	}
}
my @compared = qw(welcome birthday silence_30 silence_60 second_order_61 win_back silence_reason lapsed_quarter festival solar_term regular_twice warning tier_up);
my $list = join(',', map { "'$_'" } @compared);
my %found;
$found{$_}++ for split /\n/, $node->safe_psql('shop', qq{
	SELECT f.code || ' ' || r.external_id || ' ' || CASE f.code WHEN 'tier_up' THEN (SELECT t.to_tier || ' ' || t.changed_on FROM crm.tier_change t WHERE t.to_tier || ':' || t.change_id = o.occurrence_key) ELSE o.occurrence_key END FROM crm.occurrence o JOIN crm.flow f USING (flow_id)
	JOIN crm.membership m ON m.customer_id = o.customer_id AND m.valid_to = 'infinity' JOIN crm.source_record r ON r.source_record_id = m.source_record_id AND r.kind = 'member'
	WHERE f.code IN ($list) AND o.outcome NOT IN ('exclusion', 'active') AND (f.code <> 'tier_up' OR o.occurrence_key NOT LIKE '%#%')});
for my $flow (@compared)
{
	my @missing = sort grep { /^$flow / && !$found{$_} } keys %expected;
	my @extra = sort grep { /^$flow / && !$expected{$_} } keys %found;
	ok(!@missing && !@extra, sprintf('%s: %d occurrences, as counted', $flow, scalar grep { /^$flow / } keys %expected))
		or diag(sprintf("missing %d: %s\nextra %d: %s", scalar @missing, join(', ', @missing[0 .. ($#missing < 5 ? $#missing : 5)]), scalar @extra, join(', ', @extra[0 .. ($#extra < 5 ? $#extra : 5)])));
}
is(scalar(grep { $_ > 1 } values %found), 0, 'each once');

# what follows from an occurrence, and from nothing else
is($node->safe_psql('shop', q{
	SELECT count(*) FILTER (WHERE (o.outcome IN ('sent', 'held')) <> (o.message_id IS NOT NULL)), count(*) FILTER (WHERE o.message_id IS NOT NULL AND x.message_id IS NULL)
	FROM crm.occurrence o JOIN crm.flow f USING (flow_id) LEFT JOIN crm.outbox x USING (customer_id, message_id) WHERE f.spec ? 'channels'}), '0|0', 'a message for each that was let through, and for no other');
is($node->safe_psql('shop', q{SELECT (SELECT count(*) FROM crm.outbox) - (SELECT count(*) FROM crm.occurrence WHERE message_id IS NOT NULL),
	(SELECT count(*) FROM crm.coupon) - (SELECT count(*) FROM crm.occurrence WHERE coupon_id IS NOT NULL)}), '0|0', 'no message and no coupon besides');
is($node->safe_psql('shop', q{SELECT count(*) FROM (SELECT due_at - lag(due_at) OVER (PARTITION BY customer_id ORDER BY due_at) AS gap FROM crm.outbox o
	WHERE is_marketing AND NOT EXISTS (SELECT FROM crm.outbox_event e WHERE e.customer_id = o.customer_id AND e.message_id = o.message_id AND e.kind = 'cancelled')) g
	WHERE gap < interval '7 days'}), '0', 'nobody got two messages in seven days (what an order cancelled gave its place back)');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.outbox WHERE (due_at AT TIME ZONE 'Asia/Shanghai')::time NOT BETWEEN '08:00' AND '21:00'}), '0', 'and none at night');
is($node->safe_psql('shop', q{SELECT count(*) FROM crm.occurrence o JOIN crm.flow f USING (flow_id)
	WHERE o.arm <> 'none' AND (o.arm = 'control') <> (crm._campaign_bucket('holdout', f.code, o.customer_id) < 100 * (f.spec ->> 'holdout_percent')::numeric)}), '0', 'the arm is that of the bucket, all year');
my %balance = split /[|\n]/, $node->safe_psql('shop', q{SELECT substr(r.external_id, 2), b.available - coalesce((SELECT sum(l.earned) FROM crm.membership k JOIN crm.points_lot l USING (source_record_id)
		WHERE k.customer_id = b.customer_id AND k.valid_to = 'infinity' AND l.cause_kind = 'flow'), 0) FROM crm.points_balance b
	JOIN crm.membership m ON m.customer_id = b.customer_id AND m.valid_to = 'infinity' JOIN crm.source_record r ON r.source_record_id = m.source_record_id AND r.kind = 'member'});
is(scalar(grep { ($balance{$_} || 0) != ($points{$_} || 0) } 1 .. $persons), 0, 'points are the sum of what was paid and not refunded');
is($node->safe_psql('shop', q{SELECT (SELECT coalesce(sum(l.earned), 0) FROM crm.points_lot l WHERE l.cause_kind = 'flow')
	- (SELECT 100 * count(*) FROM crm.occurrence o JOIN crm.flow f USING (flow_id) WHERE f.code = 'tier_up' AND o.outcome = 'sent' AND o.occurrence_key NOT LIKE '%#%')}), '0', 'and a hundred with each better tier');
is($node->safe_psql('shop', q{SELECT (SELECT count(*) FROM crm.lottery_ticket) - (SELECT count(*) FROM crm.occurrence o JOIN crm.flow f USING (flow_id)
	WHERE f.code = 'lapsed_quarter' AND o.outcome IN ('sent', 'held'))}), '0', 'and a ticket with each draw that was told of');
is($node->safe_psql('shop', 'SELECT (SELECT count(*) FROM crm.loyalty_check()), (SELECT count(*) FROM crm.campaign_check())'), '0|0', 'the books agree with themselves');
done_testing();
