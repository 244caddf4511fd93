# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Stick tables as an operator sees them: declared, shown, set and cleared over
# the control socket with the same answers as Debian's haproxy gives, expiring,
# recycled, kept over reloads, told to Prometheus, refused with a reason.
use Tideway::Test;
use Tideway::Cli;

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my $dir = Tideway::Test::temp_dir();

sub config
{
	my ($who) = @_;

	return "global
    stats socket $dir/$who.sock level admin
    stats socket $dir/$who-op.sock level operator
    stats socket $dir/$who-user.sock level user
" . defaults() . '
frontend fe
    bind {BIND:web}
    stick-table type ip size 1k expire 30m store gpc0,gpc1,gpc0_rate(10s),bytes_in_cnt
    http-request return status 200
backend v6
    stick-table type ipv6 size 2k store gpc0,conn_rate(1h),glitches
backend num
    stick-table type integer size 1m store gpt0 store http_req_cnt,sess_rate(1m)
backend str
    stick-table type string len 10 size 1k expire 1d store gpc0,server_id
backend def
    stick-table type string size 5
backend bin
    stick-table type binary len 4 size 1k store gpc0
backend arr
    stick-table type ip size 1k store gpc(2),gpt(2),gpc_rate(2,10s)
' =~ s/,glitches//r;
}

# addresses of entries, what is left of their life, and what 3.4 shows besides
sub plain
{
	my ($text) = @_;

	$text =~ s/^0x[0-9a-f]+:/PTR:/mg;
	$text =~ s/ exp=(\d+)/$1 ? ' exp=N' : ' exp=0'/eg;
	$text =~ s/ shard=0//g;
	my ($head, @rows) = split /^(?=PTR:)/m, $text;
	my $tail = @rows && $rows[-1] =~ s/\n\n\z/\n/ ? "\n" : '';
	return join '', $head // '', (sort @rows), $tail;
}

my @commands = (
	'show table', 'show table nope', 'show table fe', 'show table fe key',
	'show table fe key 10.0.0.1', 'show table fe data.gpc0', 'show table fe data.gpc0 gt',
	'show table fe data.gpc0 gt x', 'show table fe data.gpc0 xx 1',
	'show table fe data.nope gt 1', 'show table fe data.nope xx 1',
	'show table fe data.gpt0 gt 1', 'show table fe nonsense', 'set table', 'set table nope',
	'set table fe', 'set table fe key', 'set table fe nonsense',
	'set table fe key 10.0.0.1 data.gpc0 5', 'show table fe',
	'set table fe key 10.0.0.1 data.gpc1 7 data.gpc0_rate 9 data.bytes_in_cnt 5000000000',
	'set table fe key 10.0.0.2', 'set table fe key 10.0.0.3 data.gpc0 9',
	'set table fe key 10.0.0.1 data.gpc0', 'set table fe key 10.0.0.1 data.gpc0 x',
	'set table fe key 10.0.0.1 data.nope 1', 'set table fe key 10.0.0.1 data.gpt0 1',
	'set table fe key 10.0.0.1 nonsense', 'show table fe', 'show table fe key 10.0.0.1',
	(map { "show table fe data.gpc0 $_ 5" } qw(eq ne le ge lt gt)),
	'show table fe data.gpc0 ge 5 data.gpc1 eq 7', 'show table fe data.gpc0_rate gt 8',
	'show table fe data.gpc0 ge 5 data.gpc1 eq 7 nonsense',
	'show table fe' . ' data.gpc0 ge 0' x 4, 'show table fe' . ' data.gpc0 ge 0' x 5,
	'clear table', 'clear table nope', 'clear table fe key', 'clear table fe nonsense',
	'clear table fe key 10.0.0.1', 'clear table fe key 10.0.0.1', 'clear table fe data.nope eq 1',
	'clear table fe data.gpc0 eq 9', 'show table fe', 'clear table fe', 'show table fe',
	'set table v6 key 2001:DB8::0001 data.gpc0 1', 'set table v6 key ::ffff:1.2.3.4',
	'set table v6 key 1.2.3.4', 'show table v6', 'show table v6 key 2001:db8::1',
	'set table num key 4294967295 data.gpt0 3', 'set table num key 4294967296',
	'set table num key -1', 'set table num key x', 'show table num',
	'set table str key abc data.gpc0 1', 'set table str key abcdefghijklmnop data.server_id 3',
	'set table str key a=b', 'show table str', 'show table str key abcdefghijxyz',
	'show table str data.server_id gt 0', 'clear table str key abc', 'show table str',
	'show table bin', 'show table bin key abcd', 'set table bin key abcd',
	'clear table bin key abcd', 'set table arr key 1.1.1.1 data.gpc 5 data.gpt 6 data.gpc_rate 7',
	'set table arr key 1.1.1.1 data.gpc0 5', 'show table arr', 'show table arr data.gpc gt 4',
	'show table arr data.gpc0 gt 4',
);

subtest 'the same answers as HAProxy' => sub {
	plan(skip_all => 'haproxy is not installed') unless $haproxy && is_tideway();
	my ($ha, $tw) = map { start_proxy(config($_->[0]), bin => $_->[1]) }
	    (['ha', $haproxy], ['tw', binary()]);
	for my $line (@commands) {
		is(plain(cli_ask("$dir/tw.sock", $line)), plain(cli_ask("$dir/ha.sock", $line)), $line);
	}
	for my $who (qw(user op)) {
		is(plain(cli_ask("$dir/tw-$who.sock", $_)), plain(cli_ask("$dir/ha-$who.sock", $_)),
		    "$who: $_") for 'show table', 'show table v6', 'set table str key x data.gpc0 2',
		    'clear table str key x';
	}
	stop_proxy($_) for $ha, $tw;
};

sub tw { return cli_ask("$dir/tw.sock", $_[0]) =~ s/\n+\z//r }

plan(skip_all => 'what follows is about tideway') unless is_tideway();

subtest 'beyond 2.6' => sub {
	my $p = start_proxy(config('tw'));
	is(tw('set table fe key ::1'), 'Invalid key', 'no address at all');
	is(tw('show table fe'), '# table: fe, type: ip, size:1024, used:0', 'and none is entered');
	tw('set table arr key 1.1.1.1 data.gpc[1] 8');
	like(tw('show table arr data.gpc[1] eq 8'), qr/key=1\.1\.1\.1 .* gpc0=0 gpc1=8/, 'an element');
	like(tw('show table arr data.gpc[2] eq 8'), qr/not stored/, 'which it has not');
	like(tw('show table arr data.gpc0[1] eq 8'), qr/Unknown data/, 'gpc0 has no elements');
	my ($ptr) = tw('show table arr') =~ /^(0x\w+): key=1\.1\.1\.1 use=0 exp=0 shard=0 /m;
	ok($ptr, 'an address');
	like(tw("show table arr ptr $ptr"), qr/^$ptr: key=1\.1\.1\.1 /m, 'by address');
	unlike(tw('show table arr ptr 0x10'), qr/key=/, 'of nothing');
	like(tw('show table arr ptr x'), qr/Pointer expected/, 'no address');
	tw("clear table arr ptr $ptr");
	like(tw('show table arr'), qr/used:0/, 'cleared by address');
	tw('set table str key ' . chr(1) . "\xff" . '.x');
	like(tw('show table str'), qr/key=\\x01\\xff\.x use/, 'odd bytes are escaped');
	like(tw('help show table'), qr/show table/, 'help');
	stop_proxy($p);
};

subtest 'expiry and size' => sub {
	my $p = start_proxy("global\n    stats socket $dir/tw.sock level admin\n" . defaults() . '
frontend fe
    bind {BIND:web}
    http-request return status 200 hdr x "%[table_cnt(short)] %[table_avl(short)] %[str(1),in_table(short)]"
backend short
    stick-table type integer size 100 expire 100ms
backend small
    stick-table type integer size 3
backend full
    stick-table type integer size 3 nopurge
');
	tw('set table short key 1');
	tw("set table short key $_") for 2 .. 20;
	ok(wait_until { tw('show table short') eq '# table: short, type: integer, size:100, used:0' },
	    'all are gone when their time is over');
	is($p->get('web', '/')->header('x'), '0 100 0', 'for who asks, too');
	tw("set table small key $_") for 1 .. 5;
	is(join(',', sort { $a <=> $b } tw('show table small') =~ /key=(\d+)/g), '3,4,5', 'the oldest give way');
	tw('set table small key 3');
	tw('set table small key 9');
	is(join(',', sort { $a <=> $b } tw('show table small') =~ /key=(\d+)/g), '3,5,9', 'oldest since touched');
	tw("set table full key $_") for 1 .. 3;
	is(tw('set table full key 4'), 'Unable to allocate a new entry', 'nopurge: full');
	is(join(',', sort { $a <=> $b } tw('show table full') =~ /key=(\d+)/g), '1,2,3', 'they stay');
	stop_proxy($p);
};

subtest 'a large table is shown in pieces' => sub {
	my $p = start_proxy("global\n    stats socket $dir/tw.sock level admin\n" . defaults() . '
frontend fe
    bind {BIND:web}
    http-request return status 200
backend big
    stick-table type integer size 100k store gpc0
');
	for (my $i = 0; $i < 20000; $i += 200) {
		tw(join ';', map { "set table big key $_ data.gpc0 $_" } $i .. $i + 199);
	}
	my $text = tw('show table big');
	my %seen = map { $_ => 1 } $text =~ /key=(\d+)/g;
	is(scalar keys %seen, 20000, 'every entry');
	is(scalar(() = $text =~ /key=/g), 20000, 'once');
	like($text, qr/used:20000$/m, 'counted');
	is(scalar(() = tw('show table big data.gpc0 ge 19990') =~ /key=/g), 10, 'filtered');
	tw('clear table big data.gpc0 lt 10000');
	like(tw('show table big data.gpc0 lt 0'), qr/used:10000$/, 'cleared in part');
	my $s = IO::Socket::UNIX->new(Peer => "$dir/tw.sock");
	$s->syswrite("show table big\n");
	close $s; # goes away
	is($p->get('web', '/')->status, 200, 'the rest goes on');
	tw('clear table big');
	like(tw('show table big'), qr/used:0$/, 'and as a whole');
	stop_proxy($p);
};

subtest 'reload' => sub {
	my $text = sub {
		my ($t, $more) = @_;
		return "global\n    stats socket $dir/tw.sock level admin\n" . defaults() . "
frontend fe
    bind {BIND:web}
    tcp-request connection track-sc0 src table t
    http-request sc-inc-gpc0(0)
    http-request return status 200 hdr x \"%[sc0_get_gpc0] %[sc0_conn_cur] %[sc0_conn_cnt]\"
backend t
    $t
$more";
	};
	my $store = 'store gpc0,conn_cur,conn_cnt';
	my $p = start_proxy($text->("stick-table type ip size 1k expire 1h $store",
	    "backend u\n    stick-table type integer size 10\n"));
	my $c = $p->client('web');
	my $ask = sub { return $_[0]->request("GET / HTTP/1.1\r\nHost: h\r\n\r\n")->header('x') };
	my $n = 0;
	my $reload = sub {
		my ($t, $like, $what) = @_;
		$n++;
		$p->write_config($text->($t, "backend mark$n\n    stick-table type ip size 1\n"));
		$p->signal('USR2');
		ok(wait_until { tw('show table') =~ /mark$n/ }, "$what: reloaded");
		like(tw('show table t'), $like, $what);
	};

	is($ask->($c), '1 1 1', 'before it');
	tw('set table t key 10.0.0.1 data.gpc0 77');
	$reload->("stick-table type ip size 2k expire 10m nopurge $store",
	    qr/size:2048, used:2\n(?s:.*)key=10\.0\.0\.1 use=0 exp=(?:[1-5]\d{5}|600000) .* gpc0=77/, 'other limits');
	is($ask->($c), '2 1 1', 'the connection still tracks');
	unlike(tw('show table'), qr/table: u,/, 'a table that is gone');
	$reload->("stick-table type ip size 2k expire 10m store gpt0,gpc(1),conn_cur,gpc1_rate(1s),conn_cnt" =~ s/gpc\(1\)/gpc0/r,
	    qr/used:2\n(?s:.*)key=10\.0\.0\.1 use=0 exp=(?:[1-5]\d{5}|600000) shard=0 gpt0=0 gpc0=77 .*gpc1_rate/,
	    'it stores other things');
	is($ask->($c), '3 1 1', 'the connection has moved there');
	is($ask->($p->client('web')), '4 2 2', 'where new ones are, too');
	ok(wait_until { tw('show table t') =~ /127\.0\.0\.1 use=1 / }, 'which leave');
	$c->shutdown_write;
	ok(wait_until { tw('show table t') =~ /127\.0\.0\.1 use=0 .*conn_cur=0/ }, 'as the first one');
	$reload->("stick-table type ipv6 size 1k $store", qr/type: ipv6, size:1024, used:0$/m, 'other keys');
	stop_proxy($p);
};

subtest 'statistics and Prometheus' => sub {
	my $p = start_proxy("global\n    stats socket $dir/tw.sock level admin\n" . defaults() . '
frontend fe
    bind {BIND:web}
    stick-table type ip size 1k
    stats enable
    stats uri /stats
    http-request use-service prometheus-exporter if { path /metrics }
backend b
    stick-table type string size 2k
');
	tw('set table b key x');
	my $want = '# HELP haproxy_sticktable_size Stick table size.
# TYPE haproxy_sticktable_size gauge
haproxy_sticktable_size{name="b",type="string"} 2048
haproxy_sticktable_size{name="fe",type="ip"} 1024
# HELP haproxy_sticktable_used Number of entries used in this stick table.
# TYPE haproxy_sticktable_used gauge
haproxy_sticktable_used{name="b",type="string"} 1
haproxy_sticktable_used{name="fe",type="ip"} 0
';
	is($p->get('web', '/metrics?scope=sticktable')->body, $want, 'that scope');
	like($p->get('web', '/metrics')->body, qr/\Q$want\E/, 'all');
	unlike($p->get('web', '/metrics?scope=global')->body, qr/sticktable/, 'another scope');
	like($p->get('web', '/stats')->body, qr/Stick tables.*2048/s, 'the page');
	stop_proxy($p);
};

# in the frontend `f` at line 12; backend `x` has a table
sub refused
{
	my ($lines, $like, $in) = @_;
	my $r = check_config(($in // '') . defaults() . "
backend x
    stick-table type ip size 1k store http_req_rate(1s)
frontend f
    bind 127.0.0.1:0
$lines
");
	like($r->{all}, $like, $lines =~ s/\n.*//sr);
	ok($r->{sane}, 'and no more');
}

subtest 'refusals' => sub {
	refused("    stick-table$_->[0]", $_->[1]) for
	    ['', qr/lacks its type/], [' type', qr/'type' lacks its value/],
	    [' type foo size 1', qr/unknown type 'foo': write ip, ipv6/],
	    [' type ip', qr/lacks its size: add 'size/], [' size 1k', qr/lacks its type/],
	    [' type ip size', qr/'size' lacks its value/], [' type ip size 0', qr/'size 0' is out of range/],
	    [' type ip size x', qr/'x'/], [' type ip size 1k expire', qr/'expire' lacks its value/],
	    [' type ip size 1k expire x', qr/unexpected character 'x'/],
	    [' type ip size 1k expire 100d', qr/too large/],
	    [' type ip len 4 size 1', qr/'len' is for the types string and binary/],
	    [' type string len 0 size 1', qr/'len 0' is out of range: write 1 to 16384/],
	    [' type string len 99999 size 1', qr/'len 99999' is out of range/],
	    [' type ip size 1 store', qr/'store' lacks its value/],
	    [' type ip size 1 store foo', qr/does not know 'foo'/],
	    [' type ip size 1 store conn_rate', qr/needs an argument: write conn_rate\(<period>\)/],
	    [' type ip size 1 store conn_cnt(1s)', qr/takes no argument/],
	    [' type ip size 1 store gpc(101)', qr/elements is 1 to 100/],
	    [' type ip size 1 store gpc(2),gpc0', qr/'gpc' and 'gpc0' exclude each other/],
	    [' type ip size 1 store gpc0,gpc0', qr/'gpc0' is stored already: ignored/],
	    [' type ip size 1 srvkey x', qr/unknown server key 'x': write 'srvkey name'/],
	    [' type ip size 1 brates-factor 0', qr/'brates-factor 0' is out of range: write 1 to 1024/],
	    [' type ip size 1 brates-factor 1025', qr/'brates-factor 1025' is out of range/],
	    [' type ip size 1 write-to nope', qr/there is no table 'nope'/],
	    [' type ip size 1 write-to f', qr/names the table itself/],
	    [' type ipv6 size 1 write-to x', qr/has other keys/],
	    [' type ip size 1 peers p', qr/peers' is known to HAProxy 3.4 but not supported/],
	    [' type ip size 1 foo', qr/unknown word 'foo'/],
	    [" type ip size 1\n    stick-table type ip size 1", qr/there is a stick-table 'f' already/];
	refused('    http-request return status 200', qr/'tune.stick-counters'/, "global\n    tune.stick-counters $_\n")
	    for qw(-1 101 x);
	my $r = check_config("defaults d\n    stick-table type ip size 1\n" . defaults() . "frontend f\n");
	like($r->{all}, qr/'stick-table'.*defaults/, 'not in defaults');
	like(check_config(defaults() . "backend x\n    stick-table type ip size 1k recv-only write-to y"
	    . " brates-factor 1k expire 0\nbackend y\n    stick-table type ip size 1g nopurge srvkey addr\n"
	    . "frontend f\n    bind 127.0.0.1:0\n")->{all},
	    qr/valid/i, 'all other words are taken');
};

done_testing;
