# SampleChain.pm
#	Reads the files that crm_sample writes back into plain Perl structures, knowing nothing of
#	how they were made.  Used by check.pl.
package SampleChain;
use strict;
use warnings;
use utf8;
use Time::Local qw(timegm);
use Encode qw(decode);

sub new
{
	my ($class, $dir) = @_;
	return bless { dir => $dir }, $class;
}

# A day's number from 1970-01-01; times of day are dropped.
my %day_cache;
sub day_of
{
	my ($text) = @_;
	my $key = substr($text, 0, 10);
	return $day_cache{$key} //= timegm(0, 0, 0, substr($key, 8, 2), substr($key, 5, 2) - 1, substr($key, 0, 4)) / 86400;
}

# Seconds since 1970-01-01 on the chain's clock; "Z" says that the text is UTC.
sub clock_of
{
	my ($text) = @_;
	my ($h, $m, $s) = $text =~ /[ T](\d\d):(\d\d):(\d\d)/ or return day_of($text) * 86400;
	return day_of($text) * 86400 + $h * 3600 + $m * 60 + $s + ($text =~ /Z$/ ? 8 * 3600 : 0);
}

sub split_csv
{
	my ($row) = @_;
	return split /,/, $row, -1 unless $row =~ /"/;
	my @fields;
	while ($row =~ /\G(?:"((?:[^"]|"")*)"|([^,]*))(,|\z)/gs)
	{
		my ($quoted, $plain, $end) = ($1, $2, $3);
		push @fields, defined $quoted ? $quoted =~ s/""/"/gr : $plain;
		last if $end eq '';
	}
	return @fields;
}

# Calls $each with one hash a row; quoted fields may hold line ends.
sub each_csv
{
	my ($self, $file, $each, $encoding) = @_;
	open my $in, '<:raw', "$self->{dir}/$file" or die "$file: $!";
	my @names;
	while (defined(my $row = <$in>))
	{
		while (($row =~ tr/"//) % 2 && defined(my $more = <$in>)) { $row .= $more }
		$row =~ s/\r\n\z//;
		$row = decode($encoding // 'UTF-8', $row, Encode::FB_CROAK);
		if (!@names) { @names = split_csv($row); next }
		my %one;
		@one{@names} = split_csv($row);
		$each->(\%one, $row);
	}
	return;
}

sub rows
{
	my ($self, $file, $encoding) = @_;
	my @rows;
	$self->each_csv($file, sub { push @rows, $_[0] }, $encoding);
	return @rows;
}

# NDJSON by pattern: the objects are flat save for an order's items and an event's properties.
sub each_json
{
	my ($self, $file, $each) = @_;
	open my $in, '<:utf8', "$self->{dir}/$file" or die "$file: $!";
	while (defined(my $row = <$in>))
	{
		my @items;
		my $flat = $row =~ s/,"items":\[(.*?)\]//r;
		@items = map { { /"(\w+)":"?([^",}]*)"?/g } } $1 =~ /\{(.*?)\}/g if $row =~ /"items":\[(.*?)\]/;
		my %one = $flat =~ /"(\w+)":"?((?<=")(?:[^"\\]|\\.)*|(?<!")[^",}]*)"?/g;
		$one{items} = \@items;
		$each->(\%one, $row);
	}
	return;
}

# source:external id => person
sub truth
{
	my ($self) = @_;
	return $self->{truth} //= { map { ("$_->{source}:$_->{external_id}" => $_->{person}) } $self->rows('truth.csv') };
}

# Members of all sources in one form, in the order of registration within a source.
sub members
{
	my ($self) = @_;
	return $self->{members} if $self->{members};
	my @all;
	my $add = sub {
		my ($source, $id, $at, %rest) = @_;
		push @all, { source => $source, id => $id, at => clock_of($at), person => $self->truth->{"$source:$id"}, %rest };
	};
	$self->each_csv('pos_members.csv', sub {
		my $m = shift;
		$add->('pos', $m->{'会员卡号'}, $m->{'开卡时间'}, name => $m->{'姓名'}, phone => $m->{'手机号'},
			birth => $m->{'生日'}, store => $m->{'门店'});
	});
	$self->each_json('mini_members.ndjson', sub {
		my $m = shift;
		$add->('mini', $m->{openid}, $m->{registered_at}, phone => $m->{phone} // '', nickname => $m->{nickname},
			unionid => $m->{unionid}, name => $m->{receiver_name}, address => $m->{receiver_address});
	});
	$self->each_csv('shop_members.csv', sub {
		my $m = shift;
		$add->('shop', $m->{'买家编号'}, $m->{'注册时间'}, name => $m->{'收件人'}, phone => $m->{'手机号'},
			address => $m->{'收货地址'});
	});
	$self->each_json('wechat_followers.ndjson', sub {
		my $m = shift;
		$add->('wechat', $m->{id}, $m->{followed_at}, phone => $m->{phone} // '', unionid => $m->{unionid});
	});
	$self->each_csv('excel_members.csv', sub {
		my $m = shift;
		$add->('excel', $m->{'编号'}, $m->{'登记日期'}, name => $m->{'客户姓名'}, phone => $m->{'联系电话'},
			birth => $m->{'生日'}, address => $m->{'地址'}, store => $m->{'登记门店'}, wechat => $m->{'微信号'});
	}, 'GBK');
	return $self->{members} = \@all;
}

# Every delivery of every order, in the order of loading:
# { source, no, at, uploaded, zone, person, store, file, lines => [[product, quantity, amount] ...], raw }
sub deliveries
{
	my ($self) = @_;
	return $self->{deliveries} if $self->{deliveries};
	my @all;
	my $product_category = $self->categories;
	for my $after ('', '_after')
	{
		for my $source ('pos', 'shop')
		{
			my ($no, $at, $member) = $source eq 'pos' ? ('单号', '下单时间', '会员卡号') : ('订单号', '付款时间', '买家编号');
			$self->each_csv("${source}_orders$after.csv", sub {
				my ($line, $raw) = @_;
				if ($line->{'行号'} == 1)
				{
					push @all, { source => $source, no => $line->{$no}, at => clock_of($line->{$at}),
						uploaded => clock_of($line->{'上传时间'}), zone => scalar($line->{$at} =~ /Z$/), store => $line->{'门店'},
						person => $line->{$member} eq '' ? undef : $self->truth->{"$source:$line->{$member}"},
						after => $after ne '', lines => [], raw => '', coupon => $line->{'优惠券'} };
				}
				my $order = $all[-1];
				die "order $line->{$no} is scattered" if $order->{no} ne $line->{$no};
				push @{ $order->{lines} }, [ $line->{'商品编码'}, $line->{'数量'}, fen($line->{'金额'}),
					fen($line->{'单价'}) * $line->{'数量'} - fen($line->{'优惠'}) ];
				$order->{raw} .= $raw =~ s/,[^,]*$//r;
			});
		}
		$self->each_json("mini_orders$after.ndjson", sub {
			my ($m, $raw) = @_;
			push @all, { source => 'mini', no => $m->{order_no}, at => clock_of($m->{ordered_at}),
				uploaded => clock_of($m->{updated_at}), zone => scalar($m->{ordered_at} =~ /Z$/), store => $m->{store},
				person => $self->truth->{"mini:$m->{openid}"}, after => $after ne '', coupon => $m->{coupon_code} // '',
				lines => [ map { [ $_->{product_code}, $_->{quantity}, fen($_->{amount}), undef ] } @{ $m->{items} } ],
				total => fen($m->{amount}), raw => $raw =~ s/,"updated_at".*//sr };
		});
	}
	return $self->{deliveries} = \@all;
}

# The orders as they finally stand.
sub orders
{
	my ($self) = @_;
	return $self->{orders} if $self->{orders};
	my %last;
	$last{"$_->{source}:$_->{no}"} = $_ for @{ $self->deliveries };
	for my $order (values %last)
	{
		$order->{amount} = 0;
		$order->{amount} += $_->[2] for @{ $order->{lines} };
		$order->{day} = int($order->{at} / 86400);
	}
	return $self->{orders} = \%last;
}

sub fen
{
	my ($text) = @_;
	$text =~ /^(-?)(\d+)\.(\d\d)$/ or die "\"$text\" is no amount";
	return ($1 ? -1 : 1) * ($2 * 100 + $3);
}

# { source, no, order, line, kind, amount, at }
sub refunds
{
	my ($self) = @_;
	return $self->{refunds} if $self->{refunds};
	my @all;
	for my $source ('pos', 'shop')
	{
		$self->each_csv("${source}_refunds.csv", sub {
			my $r = shift;
			push @all, { source => $source, no => $r->{'退款单号'}, order => "$source:$r->{'原单号'}", line => $r->{'原行号'},
				amount => fen($r->{'退款金额'}), at => clock_of($r->{'退款时间'}) };
		});
	}
	$self->each_json('mini_refunds.ndjson', sub {
		my $r = shift;
		push @all, { source => 'mini', no => $r->{refund_no}, order => "mini:$r->{order_no}", line => $r->{line_key} // '',
			amount => fen($r->{amount}), at => clock_of($r->{refunded_at}) };
	});
	return $self->{refunds} = \@all;
}

# product code => category code
sub categories
{
	my ($self) = @_;
	return $self->{categories} //= { map { ($_->{'商品编码'} => $_->{'品类编码'}) } $self->rows('products.csv') };
}

# person => { day => net amount }, with or without refunds
sub bought
{
	my ($self, $net) = @_;
	my %days;
	my $orders = $self->orders;
	for my $order (values %$orders)
	{
		$days{ $order->{person} }{ $order->{day} } += $order->{amount} if defined $order->{person};
	}
	if ($net)
	{
		for my $refund (@{ $self->refunds })
		{
			my $order = $orders->{ $refund->{order} };
			$days{ $order->{person} }{ $order->{day} } -= $refund->{amount} if defined $order->{person};
		}
	}
	for my $one (values %days)
	{
		delete @{$one}{ grep { $one->{$_} <= 0 } keys %$one };
	}
	return \%days;
}

# The tier of preset retail_sabc, from { day => net }.
sub tier
{
	my ($days, $as_of) = @_;
	return 'P' unless $days && %$days;
	my ($in_30, $net_30, $in_90, $last) = (0, 0, 0, 0);
	for my $day (keys %$days)
	{
		my $age = $as_of - $day;
		if ($age <= 30) { $in_30++; $net_30 += $days->{$day} }
		$in_90++ if $age <= 90;
		$last = $day if $day > $last;
	}
	my $age = $as_of - $last;
	return 'S' if $in_30 >= 2 && $net_30 > 30000;
	return 'A' if $in_90 >= 3;
	return 'C' if $age > 180;
	return $age > 60 ? 'B' : 'N' if keys %$days <= 2;
	return 'D';
}

1;
