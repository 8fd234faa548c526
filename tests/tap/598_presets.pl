# Every flow to begin with that says something, from the decision to the receiver: each step's message arrives once, signed, under the id of its
# occurrence, as it was decided.  And whatever a flow hands out besides is written with its occurrence, in one transaction of the worker's.
use strict;
use warnings;
use utf8;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use CrmTest;

my $node = crm_node('main', conf => "crm.core_clock = '2026-06-30T11:00:00+08:00'\ntrack_commit_timestamp = on\n");
crm_database($node, 'shop');
crm_shop($node, 'shop');
start_receiver($node, 'shop');

# 1. whom each means is looked at elsewhere: here each of their steps, and each variant, is decided for a person of its own whom nothing holds back
my $decided = $node->safe_psql('shop', qq{
	SELECT crm.loyalty_define_lottery('draw', '{"prizes": [{"name": "cake", "count": 1}], "tickets_per_person": 9, "closes_at": "2026-12-31T00:00:00+08:00"}') IS NOT NULL, crm.loyalty_open_lottery('draw') IS NOT NULL,
		(SELECT count(crm.campaign_create(p.preset, p.preset)) FROM crm.flow_preset p WHERE p.preset !~ '^blank_' AND p.trigger <> 'site' AND p.preset NOT IN (SELECT code FROM crm.flow)) \\g /dev/null
	CREATE TABLE step AS
	SELECT f.flow_id, f.code, concat_ws('.', f.code, n, v ->> 'variant') AS key, s.spec || coalesce(v - 'who', '{}') AS spec
	FROM crm.flow f CROSS JOIN generate_series(1, greatest(jsonb_array_length(f.spec -> 'steps'), 1)) n
	CROSS JOIN LATERAL (SELECT crm._campaign_step_spec(f.spec, n, crm.core_now()) AS spec) s LEFT JOIN LATERAL jsonb_array_elements(s.spec -> 'variants') v ON true;
	DELETE FROM step WHERE NOT spec ? 'channels';
	UPDATE step SET spec = spec - '{variants,except,superseded_by,only,goal,exclude_tiers}'::text[] || '{"holdout_percent": 0, "cap_messages": 99, "offer_days": 0}';
	ALTER TABLE step ADD person bigint, ADD phone text;
	UPDATE step s SET phone = 13912345600 + n.n FROM (SELECT key, row_number() OVER (ORDER BY key) AS n FROM step) n WHERE n.key = s.key;
	UPDATE step s SET person = (crm.ingest_member('pos', convert_to(jsonb_build_object('external_id', s.key, 'phone', s.phone, 'name', '张伟', 'store_code', 'S01', 'registered_at', '2026-06-01', 'consent_sms', 'yes')::text, 'UTF8'))).customer_id;
	DO \$\$ BEGIN
		PERFORM crm._campaign_fire(ROW(f.flow_id, f.code, f.name_zh, f.name_en, 'event', 'active', '2026-01-01', f.epoch, f.version, s.spec, f.watermark)::crm.flow_row, s.person, s.key, crm.core_now(), 'infinity', 0)
		FROM step s JOIN crm.flow f USING (flow_id);
	END \$\$;
	SELECT s.key || ' ' || coalesce(d.step || ': ' || d.reason, o.outcome) FROM step s LEFT JOIN crm.occurrence o ON o.flow_id = s.flow_id AND o.occurrence_key = s.key
	LEFT JOIN crm.decision d ON d.customer_id = o.customer_id AND d.flow_id = o.flow_id AND d.occurrence_key = o.occurrence_key AND d.result <> 'pass' ORDER BY 1});
my @decided = split /\n/, $decided;
is(join(', ', grep { !/ sent$/ } @decided), '', 'each is let through');
cmp_ok(scalar(@decided), '>', 25, 'steps and variants that say something: ' . scalar(@decided));
wait_until($node, 'shop', 'SELECT count(*) = 0 FROM crm.outbox_queue', 'the messages to leave');
my @requests = requests_of();
my %said;
for (@requests)
{
	my $text = $_->{body}{text};
	utf8::encode($text);
	$said{"$_->{id} $_->{body}{to} " . unpack('H*', $text)} = 1;
}
is(scalar(grep { !$_->{valid} || $_->{body}{text} =~ /\{\{/ } @requests), 0, 'each is signed and filled in');
is(scalar(@requests), scalar(@decided), 'as many arrive as were decided');
is(join(', ', grep { !$said{$_} } split /\n/, $node->safe_psql('shop', q{SELECT m.message_id || ' ' || '+86' || s.phone || ' ' || encode(convert_to(m.body ->> 'text', 'UTF8'), 'hex')
	FROM step s JOIN crm.occurrence o ON o.flow_id = s.flow_id AND o.occurrence_key = s.key JOIN crm.outbox m USING (customer_id, message_id)})), '', 'each under its id, to its person, with its text');

# 2. the worker fires a flow that hands out whatever a flow can
$node->safe_psql('shop', q{
	SELECT crm.segment_define_tag('hot', '热', 'behaviour'), crm.campaign_create('next', 'browse', '{"event": {"kind": "event", "types": ["search"]}}');
	SELECT crm.campaign_create('all', 'browse', '{"steps": [{}], "holdout_percent": 0, "cap_messages": 99, "offer_days": 0, "goal": null, "late_hours": null, "quiet": null, "channels": ["sms"], "template": "welcome",
		"coupon_type": "welcome_5", "gifts": [{"points": 5}, {"ticket": "draw"}, {"coupon": "back_80"}], "task": {"title": "all"}, "give_tag": {"tag": "hot"}, "enrol": "next", "notices": [{"text": "x", "endpoint": "local"}],
		"audience": {"list": "viewers", "channel": "sms", "endpoint": "local"}}');
	SELECT crm.campaign_start(f) FROM unnest('{next,all}'::text[]) f});
like(member($node, 'shop', 'M2', '13912345700', ', "consent_sms": "yes"'), qr/^201/, 'another member');
is($node->safe_psql('shop', q{SELECT r.code FROM crm.ingest_event('pos', convert_to('{"external_id": "V1", "member_external_id": "M2", "type": "product_view", "occurred_at": "2026-06-30T11:00:00+08:00", "object_id": "P1"}', 'UTF8')) r}), 'created', 'looks');
my $of = sub { my ($table, $where) = @_; return "SELECT '$table' AS what, pg_xact_commit_timestamp(x.xmin) AS committed FROM crm.$table x WHERE $where" };
my $other = $node->safe_psql('shop', q{SELECT m.customer_id FROM crm.source_record r JOIN crm.membership m USING (source_record_id) WHERE r.external_id = 'M2' AND r.kind = 'member'});
wait_until($node, 'shop', "SELECT count(*) > 0 FROM crm.occurrence o JOIN crm.flow f USING (flow_id) WHERE o.customer_id = $other AND f.code = 'all'", 'the worker');
my $written = join ' UNION ALL ', (map { $of->($_, "x.customer_id = $other") } qw(occurrence occurrence_act outbox coupon lottery_ticket enrolment task customer_tag gift)),
	$of->('points_lot', "x.source_record_id IN (SELECT m.source_record_id FROM crm.membership m WHERE m.customer_id = $other)");
is($node->safe_psql('shop', "SELECT string_agg(what || ' ' || n, ', ' ORDER BY what) FROM (SELECT what, count(*) AS n FROM ($written) w GROUP BY 1) c"),
	'coupon 2, customer_tag 1, enrolment 1, gift 3, lottery_ticket 1, occurrence 1, occurrence_act 4, outbox 3, points_lot 1, task 1', 'whatever a flow can hand out is there');
is($node->safe_psql('shop', "SELECT count(DISTINCT committed) FROM ($written) w"), '1', 'all of it is of one transaction');
done_testing();
