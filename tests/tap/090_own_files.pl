# make run DATA=dir: files with Chinese and English headers, in UTF-8 and GBK, are guessed, tried row by row, and
# written only when somebody says so; the second time nothing changes.
use strict;
use warnings;
use utf8;
use Cwd qw(abs_path);
use Encode qw(encode);
use CrmTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = crm_node('own');
my $dir = abs_path(PostgreSQL::Test::Utils::tempdir("files"));
my $web = abs_path(PostgreSQL::Test::Utils::tempdir("web")) . "/web-own";

sub file
{
	my ($name, $encoding, $text) = @_;
	open my $out, '>:raw', "$dir/$name" or die $!;
	print $out encode($encoding, $text);
	close $out;
}

file('members.csv', 'gbk', <<'CSV');
会员号,姓名,手机号,生日,注册时间,地址
M1,王芳,13867241905,1990-05-01,2025-01-02 10:00:00,上海市浦东新区张江路1号
,赵六,13917683503,,,
M2,李雷,13917683504,,2025-03-04,
CSV
file('orders.csv', 'utf8', "\x{feff}" . <<'CSV');
订单号,下单时间,手机号,商品名称,数量,单价,金额
O1,2026-03-31 10:00:00,13867241905,蛋糕,1,59.00,59.00
O1,2026-03-31 10:00:00,13867241905,咖啡,2,20,40.00
O2,昨天,13867241905,蛋糕,1,59.00,59.00
CSV
file('people.csv', 'utf8', "member id,name,mobile,email\nE1,Zhang San,+86 138 1234 5678,zs\@example.com\n");
file('totals.csv', 'utf8', <<'CSV');
订单编号,交易时间,会员手机号,实收金额（元）,消费门店
T1,2026-03-30 12:00,13867241905,100.00,徐家汇店
CSV
# as spreadsheets and shops export
file('excel.csv', 'utf8', <<'CSV');
"会员
编号",姓名,手机号,会员卡号
="0138",张三,="13912340051",="000123"
="0139",李四,'13912340052,'000124
S3,王五,1.39123E+10,000125
S4,赵六,13912340054,4.40301E+17
CSV
file('unicode.txt', 'UTF-16LE', "\x{feff}会员编号\t姓名\t手机号\r\nU1\t周瑜\t13912340061\r\n");
file('sep.csv', 'utf8', "sep=;\r\n会员编号;姓名;手机号\r\nP1;孙权;13912340071\r\n");
file('late.csv', 'gbk', "id,name,phone\n" . join('', map { "L$_,abc,1391236" . sprintf('%04d', $_) . "\n" } 1 .. 4) . "L5,刘备,13912360005\n");
file('empty.csv', 'utf8', '');
file('none.csv', 'utf8', "会员编号,姓名,手机号\n");
file('book.xlsx', 'utf8', 'PK');
file('else.csv', 'utf8', "a,b\n1,2\n");

sub run_files
{
	my ($confirm) = @_;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGUSER => 'postgres', CRM_PORT => PostgreSQL::Test::Cluster::get_free_port(),
		CRM_WEB_DIR => $web, CRM_CONFIRM => $confirm);
	my ($out, $err) = run_command(["$ENV{CRM_TOP}/tests/bin/demo-own-files", $dir]);
	utf8::decode($out);
	is($err, '', "nothing went wrong ($confirm)");
	return $out;
}

sub counted { return $node->safe_psql('crm_own', q{SELECT (SELECT count(*) FROM crm.customer), (SELECT count(*) FROM crm.customer_order), (SELECT count(*) FROM crm.reject)}) }

my $tried = run_files('no');
like($tried, qr/members\.csv  \(gbk\)\s+taken as: member/, 'members are known by their headers, GBK by its bytes');
like($tried, qr/手机号\s+-> phone/, 'the mapping is shown');
like($tried, qr/line 2\s+create\s+M1/, 'and what each row would become');
like($tried, qr/line 3\s+reject\s+external_id: Send a value/, 'or why not, with field and remedy');
like($tried, qr/orders\.csv  \(utf8\)\s+taken as: order_line/, 'orders too');
like($tried, qr/line 4\s+reject\s+ordered_at: .*Column 下单时间/, 'the column is named as in the file');
like($tried, qr/else\.csv  \(utf8\)\s+its header, the first line, tells nothing/, 'a file of something else is left alone');
like($tried, qr/totals\.csv  \(utf8\)\s+taken as: order_line.*实收金额（元）\s+-> amount/s, 'orders without goods have one amount, whatever unit its column names');
like($tried, qr/not defined yet \(1\): 徐家汇店\s+not defined; rows of theirs are refused/, 'a store that nobody knows is asked for');
like($tried, qr/excel\.csv.*line 3\s+create\s+0138\n\s+line 4\s+create\s+0139/s, 'what a spreadsheet writes to keep a code a text is no part of it, and a header may have two lines');
like($tried, qr/line 5\s+reject\s+phone: The spreadsheet rounded this code.*\n.*line 6\s+reject\s+member_card: The spreadsheet rounded this code.*Column 会员卡号/, 'a code that it rounded is refused, not half kept');
like($tried, qr/unicode\.txt.*line 2\s+create\s+U1/s, 'UTF-16 is read, too');
like($tried, qr/sep\.csv  \(utf8\)\s+taken as: member/, 'the line that names the delimiter is no header');
like($tried, qr/late\.csv  \(gbk\)/, 'GBK is seen wherever it begins');
like($tried, qr/empty\.csv  \(utf8\)\s+is empty/, 'an empty file is called so');
like($tried, qr/none\.csv.*holds no rows/s, 'and one without rows');
like($tried, qr/book\.xlsx  left alone/, 'and what is no CSV is named');
is(counted(), '0|0|0', 'nothing was written');

my $written = run_files('yes');
is($node->safe_psql('crm_own', q{SELECT string_agg(o.external_id || ' ' || o.amount || ' ' || o.line_count, ',' ORDER BY o.external_id) FROM crm.customer_order o}), 'O1 99.00 2,T1 100.00 0', 'the order is whole, goods without codes go by their names');
is(counted(), '12|2|4', 'persons, orders, and the rows that would not do');
is($node->safe_psql('crm_own', q{SELECT count(*) FROM crm.customer c WHERE c.customer_id = (crm.identity_lookup('phone', '13912340051', '') ->> 'customer_id')::bigint}), '1', 'the phone that stood in ="" is found');
is($node->safe_psql('crm_own', q{SELECT (SELECT m.customer_id FROM crm.membership m JOIN crm.customer_order o USING (source_record_id) WHERE o.external_id = 'O1') = (crm.identity_lookup('phone', '13867241905', '') ->> 'customer_id')::bigint}),
	't', 'the order is its member\'s');

my $again = run_files('yes');
like($again, qr/line 2\s+unchanged\s+M1/, 'the second time nothing changes');
like(counted(), qr/^12\|2\|/, 'nobody is there twice');
system("$ENV{CRM_TOP}/tests/bin/web", 'stop', $web);
$node->stop;
done_testing();
