#!/usr/bin/perl
# check.pl PROGRAM [PERSONS]
#	Makes a chain and counts in its files whether it is what its page promises.  TAP on stdout.
use strict;
use warnings;
use utf8;
use open qw(:std :utf8);
use FindBin;
use lib $FindBin::Bin;
use File::Temp qw(tempdir);
use Test::More;
use SampleChain;

my ($program, $persons) = @ARGV;
$persons //= 20000;
die "usage: check.pl PROGRAM [PERSONS]\n" unless $program && -x $program;
my $until_text = '2026-06-30';
my $until = SampleChain::day_of($until_text);
my $start = $until - 1095;
my $scale = $persons / 80000;
my $dir = tempdir(CLEANUP => 1);

sub make
{
	my ($where, @options) = @_;
	system($program, '--out', $where, '--until', $until_text, @options) == 0 or BAIL_OUT("$program failed");
	return;
}

# Within a relative tolerance; counts of a small chain scatter, so two standard deviations of
# the count (when it is given) are allowed in any case.
sub near
{
	my ($got, $wanted, $tolerance, $what, $of) = @_;
	my $slack = $wanted * $tolerance;
	if ($of)
	{
		my $deviation = 3 * sqrt($wanted * (1 - $wanted) / $of);
		$slack = $deviation if $deviation > $slack;
	}
	my $shown = sprintf '%s: %.4g, wanted %.4g', $what, $got, $wanted;
	return ok(abs($got - $wanted) <= $slack, $shown);
}

sub counted
{
	my ($got, $at_80k, $tolerance, $what) = @_;
	my $wanted = $at_80k * $scale;
	my $slack = $wanted * $tolerance;
	$slack = 3 * sqrt($wanted) if 3 * sqrt($wanted) > $slack;
	return ok(abs($got - $wanted) <= $slack, sprintf '%s: %d, wanted %d', $what, $got, $wanted);
}

sub share { my ($part, @all) = @_; return @all ? (grep { $part->($_) } @all) / @all : 0 }

sub median { my @sorted = sort { $a <=> $b } @_; return $sorted[ @sorted / 2 ] }

make($dir, '--persons', $persons);
my $chain = SampleChain->new($dir);
my @members = @{ $chain->members };
my $orders = $chain->orders;
my @member_orders = grep { defined $_->{person} } values %$orders;
my %person = map { ($_->{person} => $_) } $chain->rows('persons.csv');
my (%records_of, @first, @further);

for my $member (sort { $a->{at} <=> $b->{at} } @members)
{
	push @{ $records_of{ $member->{person} } }, $member;
}
for my $list (values %records_of)
{
	push @first, $list->[0];
	push @further, @{$list}[ 1 .. $#$list ];
}

subtest 'stores and staff' => sub {
	my @stores = $chain->rows('stores.csv');
	my @staff = $chain->rows('staff.csv');
	my (%region, %kept);
	$region{ $_->{region} }++ for @stores;
	is_deeply(\%region, { SH => 9, JS => 11, ZJ => 10, AH => 7 }, 'stores by region');
	is(scalar(grep { SampleChain::day_of($_->{opened_on}) > $start } @stores), 8, 'stores opened inside the window');
	is(scalar(grep { $_->{role} eq 'crm_store_manager' } @staff), 37, 'store managers');
	is(scalar(grep { $_->{role} eq 'crm_clerk' } @staff), 148, 'clerks');
	is(scalar(grep { $_->{role} eq 'crm_manager' } @staff), 4, 'regional managers');
	is(scalar(grep { $_->{left_on} ne '' } @staff), 10, 'leavers');
	$kept{ $_->{store} }++ for grep { $_->{source} eq 'pos' } @members;
	my $pos = grep { $_->{source} eq 'pos' } @members;
	my @by_size = sort { $b <=> $a } values %kept;
	near($by_size[0] / $pos * .59, .06, .2, 'largest store, of all records');
	near($by_size[-1] / $pos * .59, .008, .3, 'smallest store, of all records');
	my %opened = map { ($_->{code} => SampleChain::day_of($_->{opened_on}) * 86400) } @stores;
	is(scalar(grep { $_->{source} eq 'pos' && $_->{at} < $opened{ $_->{store} } } @members), 0, 'no card before a store opened');
};

subtest 'persons and records' => sub {
	is(scalar keys %records_of, $persons, 'persons');
	counted(scalar @members, 118000, .03, 'records');
	my %size;
	$size{ @$_ > 4 ? 4 : scalar @$_ }++ for values %records_of;
	near($size{$_->[0]} / $persons, $_->[1], .05, "persons with $_->[0] records", $persons)
		for [ 1, .64 ], [ 2, .27 ], [ 3, .07 ], [ 4, .02 ];
	my %of;
	push @{ $of{ $_->{source} } }, $_ for @members;
	counted(scalar @{ $of{$_->[0]} }, $_->[1], .05, "records of $_->[0]")
		for [ pos => 61000 ], [ mini => 27000 ], [ shop => 13000 ], [ wechat => 8000 ], [ excel => 9000 ];
	near(share(sub { defined $_[0]{nickname} }, @{ $of{mini} }), .70, .05, 'mini-program users with a nickname');
	near(share(sub { $_[0]{phone} =~ /\*{4}/ && $_[0]{name} =~ /\*/ }, @{ $of{shop} }), .60, .05, 'shop: masked name and phone');
	near(share(sub { $_[0]{phone} =~ /^170\d{8}-\d{4}$/ }, @{ $of{shop} }), .40, .06, 'shop: virtual number');
	near(share(sub { $_[0]{phone} ne '' }, @{ $of{wechat} }), .15, .1, 'WeChat with phone', scalar @{ $of{wechat} });
	my @mini_first = grep { $_->{source} eq 'mini' } @first;
	near(share(sub { $_[0]{phone} ne '' }, @mini_first), .96, .02, 'mini-program first records with phone');
	is(scalar(grep { ($_->{address} // '') eq '' } @{ $of{shop} }), 0, 'shop: full address');
};

subtest 'names' => sub {
	my @names = map { $_->{name} } values %person;
	for my $common ([ '王', .075 ], [ '李', .074 ], [ '张', .070 ])
	{
		my ($surname, $wanted) = @$common;
		near(share(sub { $_[0] =~ /^$surname/ }, @names), $wanted, .07, "surname $surname", $persons);
	}
	my $compound = qr/^(?:欧阳|上官|皇甫|令狐|司徒|诸葛|司马|申屠|夏侯|慕容|尉迟|端木|东方|公孙|宇文)/;
	near(share(sub { $_[0] =~ $compound }, @names), .0015, .3, 'compound surnames', $persons);
	my @simple = grep { $_ !~ $compound } @names;
	near(share(sub { length $_[0] == 2 }, @simple), .14, .05, 'given names of one character');
	near(share(sub { length $_[0] == 3 }, @simple), .85, .02, 'given names of two characters');
	my %class;
	$class{$_}++ for @names;
	my ($most) = sort { $b <=> $a } values %class;
	cmp_ok($most, '>=', 40 * $scale, 'largest class of namesakes');
};

subtest 'households' => sub {
	my %home;
	for my $one (values %person)
	{
		push @{ $home{ $one->{household} } }, $one if $one->{household} ne '' && $one->{trap} eq '';
	}
	my @lists = values %home;
	my @people = map { @$_ } @lists;
	my %size;
	$size{ @$_ > 4 ? 4 : scalar @$_ }++ for @lists;
	near(@people / $persons, .22, .05, 'persons in households');
	near($size{$_->[0]} / @lists, $_->[1], .05, "households of $_->[0]", scalar @lists) for [ 2, .80 ], [ 3, .15 ], [ 4, .05 ];
	my ($phone, $address, $others) = (0, 0, 0);
	for my $list (@lists)
	{
		my ($head, @rest) = sort { $a->{person} <=> $b->{person} } @$list;
		$others += @rest;
		$phone += grep { $_->{phone} eq $head->{phone} } @rest;
		$address += grep { $_->{address} eq $head->{address} } @rest;
	}
	near($phone / $others, .12, .1, 'share a phone', scalar @lists);
	near($address / $others, .95, .02, 'share the address');
};

subtest 'traps' => sub {
	my %trap;
	push @{ $trap{ $_->{trap} } }, $_ for values %person;
	my $half = sub { scalar(@{ $trap{ $_[0] } }) / 2 };
	counted($half->('twin'), 120, .01, 'pairs of twins');
	counted($half->('neighbour'), 80, .01, 'namesakes next door');
	counted(scalar @{ $trap{number_got} }, 150, .01, 'recycled numbers');
	counted(scalar @{ $trap{two_faces} }, 400, .01, 'persons with two faces');
	my @twins = sort { $a->{household} <=> $b->{household} } @{ $trap{twin} };
	my $alike = 0;
	while (my ($one, $other) = splice @twins, 0, 2)
	{
		$alike++ if $one->{birthday} ne $other->{birthday} || $one->{name} eq $other->{name};
	}
	is($alike, 0, 'twins: same birthday, other name');
	my (%lost, $later);
	$lost{ $_->{phone} } = $records_of{ $_->{person} }[0] for @{ $trap{number_lost} };
	$later = grep { $records_of{ $_->{person} }[0]{at} > $lost{ $_->{phone} }{at} + 199 * 86400 } @{ $trap{number_got} };
	is($later, scalar @{ $trap{number_got} }, 'a number changes hands after 200 days');
	my %landline = map { ($_->{phone} => 1) } $chain->rows('stores.csv');
	my @shared = $chain->rows('shared_numbers.csv');
	my %staff = map { ($_->{phone} => 1) } grep { $_->{kind} eq 'clerk' } @shared;
	my %courier_number = map { ($_->{phone} => 1) } grep { $_->{kind} eq 'courier' } @shared;
	my @landline = grep { $landline{ $_->{phone} } } @members;
	my %stores = map { ($_->{phone} => 1) } @landline;
	is(scalar keys %stores, 3, 'three landlines of stores');
	counted(scalar @landline, 300, .02, 'persons on a landline');
	counted(scalar(grep { $staff{ $_->{phone} } } @members), 120, .02, "rows on clerks' phones");
	my %courier;
	$courier{ $_->{phone} }++ for grep { $courier_number{ $_->{phone} } } @members;
	counted(scalar keys %courier, 40, .01, 'courier numbers');
	my $apart = grep { my %phone = map { ($_->{phone} => 1) } @{ $records_of{ $_->{person} } }; keys %phone > 1 } @{ $trap{two_faces} };
	is($apart, scalar @{ $trap{two_faces} }, 'two faces: another phone');
};

# The digits of a plain mobile number, or undef: what an honest normaliser would keep.
sub mobile
{
	my ($text) = @_;
	$text =~ tr/０-９/0-9/;
	return undef if $text =~ /\*/ || $text =~ /^\d{11}-\d+$/;
	$text =~ s/[\s()-]//g;
	$text =~ s/^(?:\+86|0086|86(?=1\d{10}$))//;
	return undef unless $text =~ /^1[3-9]\d{9}$/;
	return undef if $text =~ /^(?:13800138000|1(\d)\1{9}|1[3-9]\d0{8})$/;
	return $text;
}

subtest 'errors' => sub {
	my @numbered = grep { ($_->{source} eq 'pos' || $_->{source} eq 'excel') && $person{ $_->{person} }{trap} eq '' } @further;
	my $true = sub { $person{ $_[0]{person} }{phone} };
	my $n = @numbered;
	near(share(sub { $_[0]{phone} =~ /^\+86 |^0086|^86-|^\d{3}[- ]\d{4}/ }, @numbered), .12, .1, 'phone formatting', $n);
	near(share(sub { $_[0]{phone} =~ /[０-９]/ }, @numbered), .01, .2, 'full-width phone', $n);
	near(share(sub { $_[0]{phone} eq '' }, @numbered), .06, .1, 'missing phone', $n);
	my $is_invalid = sub { my $p = $_[0]{phone}; return $p ne '' && $p !~ /^0\d+-/ && !defined mobile($p) };
	near(share($is_invalid, @numbered), .04, .15, 'invalid phone', $n);
	my @other = grep { my $m = mobile($_->{phone}); defined $m && $m ne $true->($_) } @numbered;
	my $differ = sub { my ($x, $y) = @_; return scalar grep { substr($x, $_, 1) ne substr($y, $_, 1) } 0 .. 10 };
	my @near = grep { $differ->(mobile($_->{phone}), $true->($_)) == 1 } @other;
	near(@near / $n, .012, .2, 'one digit wrong', $n);
	near((@other - @near) / $n, .074, .15, 'number changed, or two digits swapped', $n);
	my @named = grep { defined $_->{name} && $_->{name} !~ /\*/ && $person{ $_->{person} }{trap} eq '' } @further;
	near(share(sub { $_[0]{name} =~ /(?:先生|女士)$/ }, @named), .06, .15, '先生 or 女士', scalar @named);
	near(share(sub { $_[0]{name} =~ /^[a-zü ]+$/ }, @named), .005, .3, 'pinyin', scalar @named);
	my @han = grep { $_->{name} !~ /[a-z]|先生|女士/ } @named;
	my @chars = grep { $_->{name} ne $person{ $_->{person} }{name} } @han;
	near(@chars / @named, .02 + .004, .25, 'homophones and traditional characters', scalar @named);
	my @born = grep { defined $_->{birth} } grep { $person{ $_->{person} }{trap} eq '' } @further;
	near(share(sub { $_[0]{birth} eq '' }, @born), .25, .07, 'missing birthday', scalar @born);
	near(share(sub { $_[0]{birth} =~ /^(?:1900|1970|2000)[-\/]0?1[-\/]0?1$/ }, @born), .03, .15, 'placeholder birthday', scalar @born);
	my (%seen, $values, $bad);
	for my $member (sort { $a->{at} <=> $b->{at} } @members)
	{
		next if $member->{phone} eq '';
		my $number = mobile($member->{phone});
		$values++;
		$bad++ if !defined $number || $seen{$number}++;
	}
	near($bad / $values, .375, .0667, 'phone values invalid or duplicate (35 to 40 %)');
};

subtest 'buyers and tiers' => sub {
	my $bought = $chain->bought(0);
	my $days = 0;
	my ($buyers, $repeaters, $in_year) = (0, 0, 0);
	my %tier;
	for my $one (keys %records_of)
	{
		my @days = keys %{ $bought->{$one} // {} };
		my $year = grep { $_ > $until - 365 } @days;
		$days += @days;
		$buyers++ if $year;
		$repeaters++ if $year > 1;
		$in_year += $year;
		$tier{ SampleChain::tier($bought->{$one}, $until) }++;
	}
	counted($days, 239000, .15, 'orders on distinct days');
	near($repeaters / $buyers, .287, .15, 'buyers of a year who repeat');
	near(($in_year - $buyers) / $buyers, 2.14, .15, 'repeats a buyer');
	my %wanted = (S => .018, A => .021, N => .068, D => .049, B => .110, C => .652, P => .083);
	near($tier{$_} / $persons, $wanted{$_}, .15, "tier $_") for qw(S A N D B C P);
	my $counts = do { open my $in, '<', "$dir/counts.json" or die $!; local $/; <$in> };
	my $net = $chain->bought(1);
	my %exact;
	$exact{ SampleChain::tier($net->{$_}, $until) }++ for keys %records_of;
	my ($said) = $counts =~ /"tier_shares": \{(.*?)\}/;
	my %said = $said =~ /"(\w)": ([\d.]+)/g;
	my %found = map { ($_ => sprintf '%.5f', ($exact{$_} // 0) / $persons) } qw(S A N D B C P);
	is_deeply(\%said, \%found, 'counts.json has the tiers of the files, refunds taken off');
};

subtest 'classes of buyers' => sub {
	my (%size, %amounts, %first_order);
	$size{ $_->{buyer_class} }++ for values %person;
	my @share = (undef, .66, .14, .08, .045, .075);
	near($size{$_} / $persons, $share[$_], .03, "persons of class $_", $persons) for 1 .. 5;
	for my $order (sort { $a->{at} <=> $b->{at} } @member_orders)
	{
		push @{ $amounts{ $person{ $order->{person} }{buyer_class} } }, $order->{amount};
		$first_order{ $order->{person} } //= $order->{day};
	}
	my @basket = (undef, 9000, 9500, 11000, 14000);
	near(median(@{ $amounts{$_} }), $basket[$_], .1, "median basket of class $_") for 1 .. 4;
	is($amounts{5}, undef, 'class 5 never buys');
	my @joined = map { int($_->{at} / 86400) } @first;
	near((median(@joined) - $start) / 1096, .5**.85, .04, 'joining: half have joined at');
	my @buyers = grep { defined $first_order{ $_->{person} } } @first;
	near(share(sub { $first_order{ $_[0]{person} } == int($_[0]{at} / 86400) }, @buyers), .80, .04, 'first order at joining');
};

subtest 'season' => sub {
	my (%day, %online_day, @hours, @online_hours, %slot);
	for my $order (values %$orders)
	{
		my $online = $order->{source} ne 'pos';
		$day{ $order->{day} }++;
		$online_day{ $order->{day} }++ if $online;
		($online ? \@online_hours : \@hours)->[ $order->{at} % 86400 / 3600 ]++;
		$slot{ int($order->{at} / 3600) }++;
	}
	my $per_day = sub { my ($set, @days) = @_; my $n = 0; $n += $set->{$_} // 0 for @days; return @days ? $n / @days : 0 };
	my @spring = map { SampleChain::day_of($_) } '2024-02-10', '2025-01-29', '2026-02-17';
	my $plain = sub { my $d = shift; return !grep { $d >= $_ - 14 && $d < $_ + 7 } @spring };
	my $weekday = sub { ($_[0] + 4) % 7 };
	my @plain = grep { $plain->($_) } $start .. $until;
	my $weekend = $per_day->(\%day, grep { $weekday->($_) % 6 == 0 } @plain);
	my $working = $per_day->(\%day, grep { $weekday->($_) % 6 } @plain);
	near($weekend / $working, 1.3, .06, 'Saturday and Sunday');
	my ($before, $during, $around) = (0, 0, 0);
	for my $s (@spring)
	{
		$before += $per_day->(\%day, $s - 14 .. $s - 1);
		$during += $per_day->(\%day, $s .. $s + 6);
		$around += $per_day->(\%day, $s - 28 .. $s - 15, $s + 7 .. $s + 20);
	}
	near($before / $around, 1.8, .15, 'the fortnight before Spring Festival');
	near($during / $around, .35, .2, 'the week of Spring Festival');
	my $double = 0;
	my $november = 0;
	for my $year (2023 .. 2025)
	{
		my $d = SampleChain::day_of("$year-11-11");
		$double += $online_day{$d} // 0;
		$november += $per_day->(\%online_day, $d - 7, $d + 7, $d - 14, $d + 14);
	}
	near($double / $november, 2.5, .25, '11 November online');
	my $month = sub {
		my ($m) = @_;
		return $per_day->(\%day, grep { (gmtime($_ * 86400))[4] + 1 == $m } @plain);
	};
	near($month->(11) / $month->(10), 1.3, .15, 'November over October');
	near($month->(12) / $month->(10), 1.1, .15, 'December over October');
	near($month->(6) / $month->(5), 1.2, .15, 'June over May');
	near($month->(8) / $month->(9), .9, .15, 'August over September');
	my $sum = sub { my $n = 0; $n += $_ // 0 for @_; return $n };
	my $busiest = sub {
		my ($n, @h) = @_;
		my @order = sort { ($h[$b] // 0) <=> ($h[$a] // 0) } 0 .. 23;
		return join ' ', sort { $a <=> $b } @order[ 0 .. $n - 1 ];
	};
	is($busiest->(5, @hours), '10 11 17 18 19', 'tills are busiest at 10-12 and 17-20');
	is($busiest->(2, @online_hours), '21 22', 'online it is 21-23');
	my %burst;
	for my $hour (keys %slot)
	{
		my $usual = $sum->(@slot{ map { $hour + 24 * 7 * $_ } -3 .. -1, 1 .. 3 }) / 6;
		$burst{$hour} = $slot{$hour} / $usual if $usual >= 1 && $slot{$hour} > 5 * $usual + 5 * sqrt $usual;
	}
	is(scalar keys %burst, 3, 'hours with a burst');
	near(median(values %burst), 10, .4, 'a burst against the usual hour');
	counted(scalar(grep { !defined $_->{person} } values %$orders), 60000, .01, 'receipts without a member');
};

subtest 'goods' => sub {
	my $category = $chain->categories;
	is(scalar keys %$category, 240, 'products');
	my %share = (vitamin => 14, dairy => 13, herbal => 12, protein => 11, nuts => 14, babyfood => 7, fitness => 6, cake => 6,
		babywash => 5, nappy => 5, gift => 4, other => 3);
	my (%lines, $lines, %zone, %zone_all, %gaps, %last, %baby, %gift);
	for my $order (sort { $a->{at} <=> $b->{at} } values %$orders)
	{
		my $who = $order->{person};
		my $address = defined $who ? $person{$who}{address} : '';
		my $zone = $address =~ /^(?:浙江|广东|福建)/ ? 'south' : $address =~ /^(?:安徽|北京|山东|河南)/ ? 'north' : 'middle';
		for my $line (@{ $order->{lines} })
		{
			my $c = $category->{ $line->[0] } or die "unknown product $line->[0]";
			$lines{$c}++;
			$lines++;
			next unless defined $who;
			$zone{$zone}{$c}++;
			$zone_all{$zone}++;
			$baby{$who} = 1 if $c =~ /^(?:babyfood|babywash|nappy)$/ || $line->[0] =~ /^L1154[18]$/;
			push @{ $gaps{$c} }, $order->{day} - $last{$who}{$c}
				if $person{$who}{buyer_class} == 4 && defined $last{$who}{$c} && $order->{day} > $last{$who}{$c};
			$last{$who}{$c} = $order->{day};
		}
	}
	near($lines{$_} / $lines, $share{$_} / 100, .1, "lines of $_") for sort keys %share;
	near(median(@{ $gaps{$_->[0]} }), $_->[1], .25, "$_->[0] comes back after days")
		for [ vitamin => 45 ], [ dairy => 20 ], [ herbal => 30 ], [ protein => 30 ], [ nappy => 21 ];
	my $of = sub { my ($z, $c) = @_; return $zone{$z}{$c} / $zone_all{$z} };
	near($of->('south', 'herbal') / $of->('middle', 'herbal'), 1.40, .12, 'herbal in the south');
	near($of->('north', 'dairy') / $of->('middle', 'dairy'), 1.35, .12, 'dairy in the north');
	my $festive = sub {
		my ($day) = @_;
		return grep { my $f = SampleChain::day_of($_); $day > $f - 14 && $day <= $f } '2023-09-29', '2024-02-10', '2024-09-17',
			'2025-01-29', '2025-10-06', '2026-02-17';
	};
	my (%gift_lines, %all_lines);
	for my $order (values %$orders)
	{
		my $when = $festive->($order->{day}) ? 'festival' : 'plain';
		$all_lines{$when} += @{ $order->{lines} };
		$gift_lines{$when} += grep { $category->{ $_->[0] } eq 'gift' } @{ $order->{lines} };
	}
	my %odds = map { ($_ => $gift_lines{$_} / ($all_lines{$_} - $gift_lines{$_})) } keys %all_lines;
	near($odds{festival} / $odds{plain}, 6, .2, 'gifts before Spring and Mid-Autumn Festival');
	my $bought = $chain->bought(0);
	my @dormant = grep { my ($l) = sort { $b <=> $a } keys %{ $bought->{$_} }; $until - $l > 90 } keys %$bought;
	near(share(sub { $baby{ $_[0] } }, @dormant), .42, .1, 'of the dormant once bought baby goods');
};

# person => [[day, product code, category] ...] in order of time
sub history
{
	my $category = $chain->categories;
	my %history;
	for my $order (sort { $a->{at} <=> $b->{at} } @member_orders)
	{
		push @{ $history{ $order->{person} } }, map { [ $order->{day}, $_->[0], $category->{ $_->[0] } ] } @{ $order->{lines} };
	}
	return \%history;
}

subtest 'planted habits' => sub {
	my $history = history();
	my ($washed, @lags) = (0);
	my %pair = (bags => [ 'L11541', 'L11548' ], beans => [ 'L11555', 'L11562' ]);
	my %owned;
	for my $list (values %$history)
	{
		my ($wash) = grep { $_->[2] eq 'babywash' } @$list;
		if ($wash && $wash->[0] <= $until - 69)
		{
			$washed++;
			my ($food) = grep { $_->[2] eq 'babyfood' && $_->[0] > $wash->[0] } @$list;
			push @lags, $food->[0] - $wash->[0] if $food && $food->[0] - $wash->[0] <= 80;
		}
		for my $what (keys %pair)
		{
			my ($main, $companion) = @{ $pair{$what} };
			my ($first) = grep { $_->[1] eq $main } @$list or next;
			$owned{$what}[0]++;
			$owned{$what}[1]++ if grep { $_->[1] eq $companion && $_->[0] >= $first->[0] } @$list;
		}
	}
	near(@lags / $washed, .38, .1, 'baby food follows baby wash', $washed);
	my $mean = eval { my $n = 0; $n += $_ for @lags; $n / @lags };
	my $spread = eval { my $n = 0; $n += ($_ - $mean)**2 for @lags; sqrt($n / @lags) };
	near($mean, 45, .08, 'after days');
	near($spread, 12, .25, 'with a deviation of days');
	near($owned{bags}[1] / $owned{bags}[0], .55, .1, 'bags follow the pump', $owned{bags}[0]);
	near($owned{beans}[1] / $owned{beans}[0], .60, .1, 'beans follow the machine', $owned{beans}[0]);
};

subtest 'refunds and accidents' => sub {
	my @refunds = @{ $chain->refunds };
	my (%refunded, %kind, %lag);
	for my $refund (@refunds)
	{
		my $order = $orders->{ $refund->{order} } or die "refund $refund->{no} has no order";
		my ($line) = $refund->{line} eq '' ? () : $order->{lines}[ $refund->{line} - 1 ];
		$refunded{ $order->{source} eq 'pos' ? 'till' : 'online' }++;
		$kind{ $refund->{line} eq '' ? 'full' : $refund->{amount} == $line->[2] ? 'line' : 'partial' }++;
		my $days = int($refund->{at} / 86400) - $order->{day};
		$lag{ $days <= 3 ? 'soon' : $days > 15 ? 'late' : 'later' }++;
		cmp_ok($refund->{amount}, '<=', $order->{amount}, "refund $refund->{no}") if $refund->{amount} > $order->{amount};
	}
	my $tills = grep { $_->{source} eq 'pos' } values %$orders;
	my $online = keys(%$orders) - $tills;
	near($refunded{till} / $tills, .016, .1, 'refunds at the till', $tills);
	near($refunded{online} / $online, .065, .1, 'refunds online', $online);
	near($kind{$_->[0]} / @refunds, $_->[1], .08, "$_->[0] refunds", scalar @refunds)
		for [ full => .55 ], [ line => .30 ], [ partial => .15 ];
	near($lag{soon} / @refunds, .60, .06, 'within three days', scalar @refunds);
	near($lag{late} / @refunds, .05, .2, 'after fifteen days', scalar @refunds);
	my (%seen, %count);
	my %refund_at = map { ($_->{order} => 1) } @refunds;
	for my $d (@{ $chain->deliveries })
	{
		my $key = "$d->{source}:$d->{no}";
		if (exists $seen{$key}) { $count{ $seen{$key} eq $d->{raw} ? 'twice' : 'changed' }++ }
		elsif ($d->{after}) { $count{early}++; ok($refund_at{$key}, "$key was refunded before it came") unless $refund_at{$key} }
		$count{zone}++ if $d->{zone};
		my $days = ($d->{uploaded} - $d->{at}) / 86400;
		if (!exists $seen{$key} && !$d->{after}) { $count{late}++ if $days >= 1 && $days <= 3.1; $count{backdated}++ if $days > 7 }
		$seen{$key} = $d->{raw};
	}
	my $all = keys %$orders;
	near(($count{early} // 0) / @refunds, .003, .5, 'refunds before their order', scalar @refunds);
	near($count{$_->[0]} / $all, $_->[1], .2, $_->[0], $all)
		for [ twice => .004 ], [ changed => .002 ], [ late => .02 ], [ backdated => .005 ], [ zone => .001 ];
	my @wrong = grep { my $o = $_; grep { defined $_->[3] && $_->[2] != $_->[3] } @{ $o->{lines} } } values %$orders;
	is(scalar @wrong, 0, 'a line is price by quantity less discount');
	is(scalar(grep { defined $_->{total} && $_->{total} != $_->{amount} } values %$orders), 0, 'an order is the sum of its lines');
};

subtest 'coupons, consent, behaviour' => sub {
	my (%issued, %used);
	$chain->each_csv('coupons.csv', sub {
		my $c = shift;
		$issued{ $c->{'券种'} }++;
		return unless $c->{'状态'} eq 'redeemed';
		$used{ $c->{'券种'} }++;
		my $order = $orders->{"$c->{'核销来源'}:$c->{'核销单号'}"};
		ok(0, "coupon $c->{'券码'} has its order") unless $order && $order->{coupon} eq $c->{'券码'};
	});
	my $coupons = 0;
	$coupons += $_ for values %issued;
	near($used{$_->[0]} / $issued{$_->[0]}, $_->[1], .05, "$_->[0] redeemed", $issued{$_->[0]})
		for [ welcome_5 => .31 ], [ birthday_shipping => .14 ], [ wake_up_90 => .09 ];
	my $bought = $chain->bought(0);
	my (%arm, %share);
	$chain->each_csv('effects.csv', sub {
		my $e = shift;
		my $day = SampleChain::day_of($e->{day});
		return if $e->{arm} eq '' || $day > $until - 14;
		$arm{ $e->{effect} }{ $e->{arm} }[0]++;
		$arm{ $e->{effect} }{ $e->{arm} }[1]++ if grep { $_ > $day && $_ <= $day + 14 } keys %{ $bought->{ $e->{person} } // {} };
	});
	for my $effect (keys %arm)
	{
		$share{$effect}{$_} = ($arm{$effect}{$_}[1] // 0) / $arm{$effect}{$_}[0] for qw(treated holdout);
		my ($held, $sent) = ($arm{$effect}{holdout}[0], $arm{$effect}{treated}[0]);
		near($held / ($held + $sent), .10, .05, "$effect: held out", $sent);
	}
	near($share{wake_up}{holdout}, .08, .15, 'wake-up: orders without', $arm{wake_up}{holdout}[0]);
	my $lift = sub {
		my ($effect, $wanted) = @_;
		my $got = $share{$effect}{treated} - $share{$effect}{holdout};
		my $p = $share{$effect}{holdout};
		my $slack = 3 * sqrt($p * (1 - $p) / $arm{$effect}{holdout}[0]);
		ok(abs($got - $wanted) <= ($slack > .01 ? $slack : .01), sprintf '%s: lift %.4f, wanted %.2f', $effect, $got, $wanted);
	};
	$lift->('welcome', .06);
	$lift->('wake_up', .03);
	$lift->('birthday', 0);
	my (%consent, $opt_outs);
	$chain->each_csv('consents.csv', sub {
		my $c = shift;
		if ($c->{'凭证'} =~ /退订/) { $opt_outs++; return }
		$consent{ $chain->truth->{"$c->{'来源'}:$c->{'会员编号'}"} }{ $c->{'状态'} }++;
	});
	my %answers;
	$answers{ join '+', sort keys %$_ }++ for values %consent;
	my $both = $answers{'no+yes'} // 0;
	near(($answers{yes} + $both / 2) / $persons, .64, .04, 'consent: yes');
	near(($answers{no} + $both / 2) / $persons, .21, .06, 'consent: no');
	near(1 - keys(%consent) / $persons, .15, .06, 'consent: unknown');
	near($both / $persons, .02, .15, 'consent: records disagree', $persons);
	near($opt_outs / $coupons, .007, .2, 'opt-outs a message', $coupons);
	my ($events, $noise, %device, %last, %active, %types, $named) = (0, 0);
	my %is_named = map { ("$_->{source}:$_->{external_id}" => 1) } $chain->rows('named.csv');
	$chain->each_json('mini_events.ndjson', sub {
		my $e = shift;
		my $at = SampleChain::clock_of($e->{at}) + ($e->{at} =~ /(\.\d+)$/ ? $1 : 0);
		my $key = join ' ', $e->{device}, $e->{type}, $e->{object} // '';
		if (defined $e->{openid} && $is_named{"mini:$e->{openid}"}) { $named++; return }
		$events++;
		$types{ $e->{type} }++;
		$noise++ if defined $last{$key} && $at - $last{$key} < 1;
		$last{$key} = $at;
		$device{"$e->{device} " . int($at / 86400)}++;
		$active{ $chain->truth->{"mini:$e->{openid}"} } = 1 if defined $e->{openid};
	});
	counted($events, 400000, .05, 'events');
	near($noise / $events, .03, .15, 'noise');
	counted(scalar(grep { $_ > 500 } values %device), 20, .01, 'devices above 500 events a day');
	near(keys(%active) / $persons, .22, .05, 'persons with events');
	cmp_ok(scalar keys %types, '>=', 23, 'types of events');
	my $notes = 0;
	$chain->each_json('pos_notes.ndjson', sub { $notes++ });
	counted($notes, 9000, .01, 'notes');
};

subtest 'named persons' => sub {
	my @named = $chain->rows('named.csv');
	is(scalar @named, 100, 'a hundred of them');
	my $net = $chain->bought(1);
	for my $one (grep { $_->{expect} =~ /^tier/ } @named)
	{
		my ($tier) = $one->{expect} =~ /^tier ([SANDBCP])/;
		my $as_of = $one->{expect} =~ /^tier . tomorrow/ ? $until + 1 : $until;
		is(SampleChain::tier($net->{ $one->{person} }, $as_of), $tier, "$one->{requirement} $one->{orders}: $one->{expect}");
	}
	my %asked = map { ($_->{requirement} => 1) } @named;
	is_deeply([ sort keys %asked ], [qw(R101 R107 R47 R48 R49 R50 R51 R52 R76 R77 R85 R86 R87 R95 R97)], 'requirements covered');
};

subtest 'the same seed makes the same chain' => sub {
	my ($one, $two, $other) = map { tempdir(CLEANUP => 1) } 1 .. 3;
	make($one, '--persons', 2000, '--seed', 5);
	make($two, '--persons', 2000, '--seed', 5);
	make($other, '--persons', 2000, '--seed', 6);
	is(system('diff', '-rq', $one, $two), 0, 'seed 5 twice');
	isnt(system("cmp -s $one/pos_orders.csv $other/pos_orders.csv"), 0, 'seed 6 differs');
	system($program, '--out', $other, '--only-stores', '--until', $until_text);
	my @manifest = do { open my $in, '<', "$one/manifest.json" or die $!; local $/; <$in> =~ /"file": "([^"]+)"/g };
	is(scalar(grep { !-s "$one/$_" } @manifest), 0, 'every file of the manifest is there');
};

done_testing;
