# A till that works on its own: it registers a member and sends an order of theirs, one after the other, over
# HTTP.  What has no answer, or the answer to come again, is sent again, as a till does; the last answer is
# written down, and how many milliseconds the till waited for it in all.
package Till;

use strict;
use warnings;
use HTTP::Tiny;
use Time::HiRes qw(time usleep);

# The phone of a till's n-th order; of a few shared ones when $phones is not 0.
sub phone
{
	my ($name, $n, $phones) = @_;
	my ($digit) = $name =~ /(\d)$/;
	return $phones ? sprintf('137%08d', 20000000 + ($n * 7 + $digit * 3) % $phones) : sprintf('139%d%07d', $digit, 2000000 + $n);
}

sub member_of
{
	my ($name, $n, $phones) = @_;
	return sprintf('{"external_id": "M%s-%d", "phone": "%s", "store_code": "S01", "registered_at": "2026-06-30T11:00:00+08:00", "consent_sms": "yes"}',
		$name, $n, phone(@_));
}

sub order_of
{
	my ($name, $n, $phones) = @_;
	return sprintf('{"external_id": "%s-%d", "phone": "%s", "ordered_at": "2026-06-30T10:30:00+08:00", "store_code": "S01",'
			. ' "items": [{"product_code": "P1", "quantity": 1, "unit_price": "10.00"}]}', $name, $n, phone(@_));
}

# Sends until there is an answer; its status, and those that asked to come again.
sub deliver
{
	my ($http, $url, $body) = @_;
	my @refused;
	for (1 .. 1200)
	{
		my $answer = $http->post($url, {content => $body});
		return ($answer->{status}, @refused) unless $answer->{status} =~ /^(?:429|50[234]|599)$/;
		push @refused, $answer->{status};
		usleep(100_000);
	}
	die "no answer: $url";
}

# $count orders, or, when that is 0, until FOLDER/enough is there; $pause seconds between two.
sub work
{
	my ($url, $key, $name, $folder, $count, $pause, $phones) = @_;
	my $http = HTTP::Tiny->new(timeout => 20, default_headers => {Authorization => "Bearer $key", 'Content-Type' => 'application/json'});
	open(my $out, '>>', "$folder/till-$name.answers") or die $!;
	open(my $waits, '>>', "$folder/till-$name.waits") or die $!;
	$_->autoflush(1) for $out, $waits;
	for (my $n = 1; $count ? $n <= $count : !-e "$folder/enough"; $n++)
	{
		my ($member, @member_refused) = deliver($http, "$url/api/v1/members", member_of($name, $n, $phones));
		die "the member was answered $member" unless $member =~ /^20[01]$/;
		my $asked = time;
		my ($order, @order_refused) = deliver($http, "$url/api/v1/orders", order_of($name, $n, $phones));
		printf $waits "%.0f\n", 1000 * (time - $asked);
		print $out join(' ', "$name-$n", $order, @member_refused, @order_refused), "\n";
		usleep($pause * 1_000_000) if $pause;
	}
	return;
}

1;
