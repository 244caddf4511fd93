# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# track-sc0 and its like: what is counted for tracked entries, what the fetches,
# converters and actions say of them. The same requests go through Debian's
# haproxy: the answers and the tables are the same.
use Tideway::Test;
use Tideway::Cli;
use IO::Socket::INET;

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my $dir = Tideway::Test::temp_dir();
my $o = origin(name => 's', respond => sub {
	my ($req, $c) = @_;
	my ($what) = $req->uri =~ m{^/s/(\w+)} or return response(200, 'ok');
	return response($what, '') if $what =~ /^\d+$/;
	$c->send("nonsense\r\n\r\n") if $what eq 'bad';
	return undef if $what ne 'hang';
	select undef, undef, undef, 0.8;
	return undef;
});

my $ALL = 'conn_cnt,conn_cur,conn_rate(1h),sess_cnt,sess_rate(1h),http_req_cnt,http_req_rate(1h),'
    . 'http_err_cnt,http_err_rate(1h),http_fail_cnt,http_fail_rate(1h)';
my $TABLE = "stick-table type ip size 1k expire 30m store $ALL";

sub config
{
	my ($who) = @_;

	return "global
    stats socket $dir/$who.sock level admin
" . defaults('timeout server 500ms', 'timeout tarpit 50ms', 'retries 0') . "
frontend web
    bind {BIND:web}
    $TABLE
    tcp-request connection track-sc0 src
    tcp-request session track-sc1 src table sess
    http-request track-sc2 src table http
    http-request deny if { path /deny }
    http-request deny status 500 if { path /deny5 }
    http-request auth if { path /auth }
    http-request tarpit if { path /tarpit }
    http-request redirect location /x if { path /redirect }
    http-request return status 403 if { path /return403 }
    http-request return status 503 if { path /return503 }
    http-request reject if { path /reject }
    use_backend none if { path /none }
    use_backend dead if { path /dead }
    use_backend inner if { path_beg /inner }
    use_backend answer if { path_beg /answer }
    default_backend main
backend main
    server s ${\ $o->addr}
backend none
backend dead
    server d 127.0.0.1:1
backend inner
    $TABLE
    http-request set-path /s/404
    http-request track-sc0 src
    http-request track-sc2 src
    http-response track-sc0 src
    server s ${\ $o->addr}
backend answer
    $TABLE
    http-response track-sc0 str(1.1.1.1)
    http-response track-sc2 str(1.1.1.2) table sess
    http-request set-path /s/404 if { path /answer4 }
    server s ${\ $o->addr}
backend sess
    $TABLE
backend http
    $TABLE
backend one
    stick-table type ip size 1k store gpc0,gpc1,gpc0_rate(1h),conn_cnt
backend rate
    stick-table type ip size 1k store gpc0_rate(1h),gpc1_rate(1h)
backend arr
    stick-table type ip size 1k store gpc(2),gpt(2),gpc_rate(2,1h)
backend tag
    stick-table type ipv6 size 1k store gpt0
backend none_stored
    stick-table type ip size 1k
backend text
    stick-table type string len 6 size 1k store gpc0
backend number
    stick-table type integer size 1k store gpc0
backend raw
    stick-table type binary len 4 size 1k store gpc0

frontend fetch
    bind {BIND:fetch}
    tcp-request connection track-sc0 src table one
    http-request sc-inc-gpc0(0) if { path /a0 }
    http-request sc-inc-gpc1(0) if { path /a0 }
    http-request sc-inc-gpc(1,0) if { path /a0 }
    http-request track-sc1 src table arr if { path_beg /a }
    http-request sc-inc-gpc0(1) if { path /a1 }
    http-request sc-inc-gpc1(1) if { path /a1 }
    http-request sc-inc-gpc(1,1) if { path /a1 }
    http-request sc-inc-gpc(7,1) if { path /a1 }
    http-request sc-set-gpt(1,1) 9 if { path /a1 }
    http-request sc-set-gpt0(1) int(7),add(1) if { path /a1 }
    http-request sc-set-gpt0(0) 5 if { path /a1 }
    http-request sc-inc-gpc0(2) if { path /a1 }
    http-request return status 200 hdr x \"%[sc0_inc_gpc0] %[sc0_gpc0_rate] %[sc0_get_gpc1] %[sc0_clr_gpc0] %[sc0_get_gpc0] %[sc0_conn_cnt] %[sc_conn_cnt(0)] %[sc_conn_cnt(0,web)] %[sc_get_gpc0(0,rate)] %[sc0_get_gpt0] %[sc0_tracked] %[sc0_trackers] %[sc2_tracked] %[sc2_trackers] %[sc2_conn_cnt] %[sc2_conn_cnt(web)] %[sc0_get_gpc0(none_stored)]\" if { path /a0 }
    http-request return status 200 hdr x \"%[sc_get_gpc(0,1)] %[sc_get_gpc(1,1)] %[sc_get_gpc(7,1)] %[sc_gpc_rate(1,1)] %[sc1_gpc0_rate] %[sc1_gpc1_rate] %[sc1_get_gpc0] %[sc1_get_gpc1] %[sc_get_gpt(0,1)] %[sc_get_gpt(1,1)] %[sc1_get_gpt0] %[sc_inc_gpc(1,1)] %[sc_clr_gpc(1,1)] %[sc_get_gpc(1,1)] %[sc1_inc_gpc1] %[sc1_clr_gpc0] %[sc_get_gpc(0,0)]\" if { path /a1 }
    http-request return status 200 hdr x \"%[src_inc_gpc0(rate)] %[src_inc_gpc0(rate)] %[src_gpc0_rate(rate)] %[src_inc_gpc1(rate)] %[src_get_gpc0(rate)] %[src_inc_gpc0(arr)] %[src_get_gpc0(arr)] %[src_get_gpc(0,arr)] %[src_inc_gpc(1,arr)] %[src_gpc_rate(1,arr)] %[src_clr_gpc(1,arr)] %[src_clr_gpc0(arr)] %[src_get_gpt(0,arr)] %[src_get_gpt0(tag)] %[src_conn_cnt(none_stored)] %[src_updt_conn_cnt(one)] %[src_conn_cnt(one)] %[src_http_req_cnt(web)] %[src_kbytes_in(web)] %[src_conn_cur(sess)] %[src_sess_rate(sess)]\" if { path /src }
    http-request return status 200 hdr x \"%[src,in_table(one)] %[str(10.9.8.7),in_table(one)] %[str(nonsense),in_table(one)] %[src,table_gpc0(one)] %[src,table_gpc1(one)] %[src,table_gpc0_rate(one)] %[src,table_conn_cnt(one)] %[src,table_conn_cur(one)] %[str(10.9.8.7),table_conn_cur(one)] %[src,table_gpc(0,arr)] %[src,table_gpc(9,arr)] %[src,table_gpt(1,arr)] %[src,table_gpt0(arr)] %[src,table_gpc_rate(0,arr)] %[str(10.9.8.7),table_gpt0(arr)] %[src,table_server_id(one)] %[str(10.9.8.7),table_server_id(one)] %[str(10.9.8.7),table_idle(one)] %[str(10.9.8.7),table_idle(one,77)] %[str(10.9.8.7),table_expire(one,78)] %[src,table_expire(one)] %[str(10.9.8.7),table_trackers(one)] %[table_cnt(one)] %[table_avl(one)]\" if { path /conv }
    http-request track-sc1 hdr(k) table text if { path_beg /k }
    http-request track-sc2 hdr(k) table number if { path_beg /k }
    http-request return status 200 hdr x \"%[sc1_inc_gpc0] %[sc2_inc_gpc0] %[hdr(k),table_gpc0(text)] %[hdr(k),table_gpc0(number)] %[hdr(k),in_table(raw)]\" if { path_beg /k }
    http-request track-sc1 hdr(k) table raw if { path /raw }
    http-request return status 200 hdr x \"%[sc1_inc_gpc0] %[hdr(k),in_table(raw)] %[hdr(k),table_gpc0(raw)]\" if { path /raw }
listen tcp
    mode tcp
    bind {BIND:tcp}
    stick-table type ip size 1k store $ALL,bytes_in_cnt,bytes_out_cnt,bytes_in_rate(1h),gpc0
    tcp-request inspect-delay 2s
    tcp-request connection track-sc0 src
    tcp-request connection reject if { sc0_conn_cnt gt 3 }
    tcp-request session reject if { sc0_conn_cnt gt 2 }
    tcp-request content track-sc1 dst table tag
    tcp-request content sc-set-gpt0(1) 3
    tcp-response content sc-inc-gpc0(0)
    server s ${\ $o->addr}
";
}

sub plain
{
	my ($text) = @_;

	$text =~ s/^0x[0-9a-f]+: //mg;
	$text =~ s/ exp=\d+//g;
	$text =~ s/ shard=0//g;
	return join '', sort split /^/, $text =~ s/\n+\z/\n/r;
}

# what may still be under way when the answer is there: until nobody tracks
sub table
{
	my ($who, @names) = @_;
	my $text;

	wait_until {
		$text = join '', map { cli_ask("$dir/$who.sock", "show table $_") } @names;
		$text !~ / use=[1-9]/;
	};
	cli_ask("$dir/$who.sock", "clear table $_") for @names;
	return plain($text);
}

my @p;
sub both
{
	my ($what, $code) = @_;
	my @got = map { $code->(@$_) } @p;

	is($got[0], $got[1], $what) if @got == 2;
	return $got[0];
}

@p = map { [start_proxy(config($_->[0]), bin => $_->[1]), $_->[0]] }
    ['tw', binary()], $haproxy ? ['ha', $haproxy] : ();

subtest 'what is counted' => sub {
	my @tables = qw(web sess http inner answer);
	for my $path (qw(/ok /deny /deny5 /auth /tarpit /redirect /return403 /return503 /reject
	    /none /dead /s/404 /s/403 /s/500 /s/501 /s/503 /s/505 /s/close /s/bad /s/hang
	    /inner /answer /answer4)) {
		both($path, sub {
			my ($p, $who) = @_;
			my $c = $p->client('web');
			$c->send("GET $path HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
			my ($status) = ($c->read_all // '') =~ /^HTTP\S+ (\d+)/;
			return "$path " . ($status // '-') . "\n" . table($who, @tables);
		});
	}
	both('several requests on a connection', sub {
		my ($p, $who) = @_;
		my $c = $p->client('web');
		$c->request("GET $_ HTTP/1.1\r\nHost: h\r\n\r\n") for qw(/ok /s/404 /ok);
		my $during = plain(cli_ask("$dir/$who.sock", 'show table web')
		    . cli_ask("$dir/$who.sock", 'show table sess'));
		$c->shutdown_write;
		$c->read_all;
		return $during . table($who, @tables);
	});
	for my $bytes ("nonsense\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n") {
		both('what is no request', sub {
			my ($p, $who) = @_;
			my $c = $p->client('web');
			$c->send($bytes);
			$c->shutdown_write;
			$c->read_all;
			return table($who, @tables);
		});
	}
	my $text = both('once more', sub {
		my ($p, $who) = @_;
		$p->get('web', '/s/404', 'Connection: close');
		return table($who, 'web');
	});
	like($text, qr/conn_cnt=1 .*conn_cur=0 sess_cnt=1 .*http_req_cnt=1 .*http_err_cnt=1 /,
	    'counted indeed');
};

sub x { my ($p, $path, @h) = @_; return $p->get('fetch', $path, @h)->header('x') // 'none' }

subtest 'fetches, converters, actions' => sub {
	for my $path (qw(/a0 /a0 /a1 /a1 /src /src /conv /a0)) {
		both($path, sub { x($_[0], $path) });
	}
	for my $k (qw(abc abcdefgh abcdefgX 17 17 -1 99999999999 0017 1.2.3.4), '') {
		both("key '$k'", sub { x($_[0], '/k', "k: $k") });
		both("raw key '$k'", sub { x($_[0], '/raw', "k: $k") });
	}
	for my $t (qw(one rate arr text number raw)) {
		like(both("table $t", sub { table($_[1], $t) }), qr/table: $t,.*used:[1-9]/, 'is not empty');
	}
	is(x($p[0][0], '/a1'), '1 2  2 1 2 1 2 8 9 8 3 3 0 1 1', 'such as these');
};

subtest 'mode tcp' => sub {
	for my $n (1 .. 4) {
		both("connection $n", sub {
			my ($p, $who) = @_;
			my $c = $p->client('tcp');
			$c->send("GET /ok HTTP/1.1\r\nHost: h\r\n\r\n");
			my $r = $n < 3 ? $c->read_response : undef;
			$c->shutdown_write;
			my $got = ($r ? $r->body : '') . (eval { $c->read_all } // '');
			return length($got) . "\n" . plain(do {
				my $t;
				wait_until {
					$t = cli_ask("$dir/$who.sock", 'show table tcp')
					    . cli_ask("$dir/$who.sock", 'show table tag');
					$t !~ / use=[1-9]/ && $t =~ /conn_cnt=$n /;
				};
				$t;
			});
		});
	}
};

stop_proxy($_->[0]) for @p;
plan(skip_all => 'what follows is about tideway') unless is_tideway();

subtest 'more than HAProxy 2.6 has' => sub {
	my $p = start_proxy("global\n    tune.stick-counters 12\n    stats socket $dir/tw.sock level admin\n"
	    . defaults() . '
defaults d
    mode http
    timeout client 5s
    http-request track-sc1 src table t
frontend fe from d
    bind {BIND:web}
    tcp-request connection track-sc11 src table t
    http-request track-sc10 path table s
    http-request sc-add-gpc(1,11) 5
    http-request sc-add-gpc(1,11) hdr(n) if { hdr(n) -m found }
    http-request sc-inc-gpc(0,10)
    http-after-response sc-inc-gpc(2,1)
    http-request return status 200 hdr x "%[sc_key(11)] %[sc_key(10)] %[sc1_key] %[sc0_key] %[sc_get_gpc(1,11)] %[path,table_inc_gpc(0,s)] %[path,table_gpc(0,s)] %[path,table_clr_gpc(0,s)] %[path,table_gpc(0,s)] %[str(new),table_inc_gpc0(s)] %[str(newer),table_clr_gpc0(s)] %[str(newer),in_table(s)] %[src,table_trackers(t)] %[src,table_glitch_cnt(t)] %[sc1_glitch_rate] %[src_glitch_cnt(t)]"
backend t
    stick-table type ipv6 size 1k store gpc(3),glitch_cnt,glitch_rate(10s)
backend s
    stick-table type string size 1k store gpc(1)
');
	is($p->get('web', '/p')->header('x'), '::ffff:127.0.0.1 /p ::ffff:127.0.0.1  5 2 2 2 0 1 0 0 2 0 0 0',
	    'keys, indexed counters, converters that change them');
	is((split / /, $p->get('web', '/p', 'n: 7')->header('x'))[4], '17', 'sc-add-gpc adds an expression');
	ok(wait_until { cli_ask("$dir/tw.sock", 'show table t') =~ /use=0 .* gpc2=2 / },
	    'http-after-response; rules of a defaults section');
	stop_proxy($p);
};

subtest 'bytes' => sub {
	my $p = start_proxy("global\n    stats socket $dir/tw.sock level admin\n" . defaults() . "
listen web
    bind {BIND:web}
    stick-table type ip size 1k store bytes_in_cnt,bytes_out_cnt,bytes_in_rate(1h),bytes_out_rate(1h) brates-factor 10
    http-request track-sc0 src
    tcp-request connection track-sc1 src table all
    server s ${\ $o->addr}
backend all
    stick-table type ip size 1k store bytes_in_cnt,bytes_out_cnt,bytes_in_rate(1h)
");
	my $bytes = "POST /ok HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n\r\n" . 'x' x 2000;
	my $c = $p->client('web');
	my $got = 0;
	for (1 .. 3) {
		my $r = $c->request($bytes);
		is($r->status, 200, 'a request');
	}
	$c->shutdown_write;
	$c->read_all;
	my $in = 3 * length $bytes;
	ok(wait_until { cli_ask("$dir/tw.sock", 'show table all') =~ / bytes_in_cnt=$in bytes_in_rate\(3600000\)=$in bytes_out_cnt=[1-9]/ },
	    'all of a connection');
	my ($blocks) = cli_ask("$dir/tw.sock", 'show table web') =~ / bytes_in_cnt=$in bytes_in_rate\(3600000\)=(\d+)/;
	cmp_ok($blocks, '<=', $in, 'in blocks of ten');
	cmp_ok($blocks, '>', $in - 30, 'of which none is lost but the rest of each request');
	is($blocks % 10, 0, 'whole ones');
	stop_proxy($p);
};

subtest 'bytes of a session that goes on' => sub {
	my $p = start_proxy("global\n    stats socket $dir/tw.sock level admin\n" . defaults() . "
listen tcp
    mode tcp
    bind {BIND:tcp}
    stick-table type ip size 1k store bytes_in_cnt,bytes_out_cnt
    tcp-request connection track-sc0 src
    server s ${\ $o->addr}
");
	my $c = $p->client('tcp');
	my $n = 4 << 20;
	$c->send("POST /ok HTTP/1.1\r\nHost: h\r\nContent-Length: $n\r\n\r\n");
	$c->send('x' x 65536) for 1 .. 60;
	ok(wait_until {
		my ($in) = cli_ask("$dir/tw.sock", 'show table tcp') =~ / bytes_in_cnt=(\d+)/;
		($in // 0) > 2 << 20;
	}, 'while it lasts');
	$c->send('x' x 65536) for 1 .. 4;
	is($c->read_response->status, 200, 'it ends');
	$c->shutdown_write;
	$c->read_all;
	ok(wait_until { cli_ask("$dir/tw.sock", 'show table tcp') =~ /use=0 .*bytes_in_cnt=419435\d bytes_out_cnt=39$/m },
	    'all of it, once') or diag(cli_ask("$dir/tw.sock", 'show table tcp'));
	stop_proxy($p);
};

subtest 'limits that follow' => sub {
	my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    stick-table type ip size 100k expire 30s store http_req_rate(1h),conn_cur,gpc0
    http-request track-sc0 src
    http-request deny deny_status 429 if { sc_http_req_rate(0) gt 3 }
    http-request return status 200
frontend conns
    bind {BIND:conns}
    tcp-request connection track-sc0 src table conns
    tcp-request connection reject if { src_conn_cur(conns) gt 2 }
    http-request return status 200
backend conns
    stick-table type ip size 100k store conn_cur
");
	is(join(' ', map { $p->get('web', '/')->status } 1 .. 5), '200 200 200 429 429', 'a rate');
	my @c = map { $p->client('conns') } 1, 2;
	is($_->request("GET / HTTP/1.1\r\nHost: h\r\n\r\n")->status, 200, 'a connection') for @c;
	ok($p->client('conns')->is_closed, 'one too many');
	$c[0]->shutdown_write;
	$c[0]->read_all;
	ok(wait_until {
		my $c = $p->client('conns');
		$c->send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
		($c->read_all // '') =~ / 200 /;
	}, 'when one has left another may come');
	stop_proxy($p);
};

sub refused
{
	my ($line, $like, $in) = @_;
	my $r = check_config(($in // '') . defaults() . "
backend x
    stick-table type ip size 1k store http_req_rate(1s)
backend n
    stick-table type integer size 1k
frontend f
    bind 127.0.0.1:0
    $line
    http-request return status 200
");
	like($r->{all}, $like, $line);
	ok($r->{sane}, 'and no more');
}

subtest 'refusals' => sub {
	refused(@$_) for
	    ['http-request track-sc0', qr/'http-request track-sc0' needs a key/],
	    ['http-request track-sc0 src', qr/'f' has no stick-table/],
	    ['http-request track-sc0 src table', qr/'table' lacks the name/],
	    ['http-request track-sc0 src table nope', qr/no table 'nope'/],
	    ['http-request track-sc0 src table x foo', qr/expects 'if' or 'unless'/],
	    ['http-request track-sc3 src table x', qr/there are 3: 'tune\.stick-counters'/],
	    ['http-request track-sc3 src table x', qr/there are 2: 'tune\.stick-counters'/,
		"global\n    tune.stick-counters 2\n"],
	    ['http-request track-sc src table x', qr/expects .*'track-sc<N>'.*but got 'track-sc'/],
	    ['http-request track-sc99999999999 src table x', qr/there are 3/],
	    ['http-request track-sc0(1) src table x', qr/takes nothing in parentheses/],
	    ['http-request track-sc0 nope table x', qr/unknown fetch 'nope'/],
	    ['http-request track-sc0 bool(true) table x', qr/no key of the table 'x', whose type is ip/],
	    ['tcp-request connection track-sc0 path table x', qr/'path' has no value here/],
	    ['tcp-response content track-sc0 src table x', qr/track-sc0/],
	    ['http-request sc-inc-gpc0', qr/needs its arguments in parentheses/],
	    ['http-request sc-inc-gpc0(3)', qr/there are 3/], ['http-request sc-inc-gpc0(a)', qr/'a' is no tracked/],
	    ['http-request sc-inc-gpc0()', qr/'' is no tracked/],
	    ['http-request sc-inc-gpc(1)', qr/write \(<index>,<counter>\)/],
	    ['http-request sc-inc-gpc(100,0)', qr/index '100' is out of range: write 0 to 99/],
	    ['http-request sc-inc-gpc(0,x)', qr/'x' is no tracked/],
	    ['http-request sc-set-gpt0(0)', qr/needs a number or an expression/],
	    ['http-request sc-set-gpt0(0) 4294967296', qr/'4294967296' is out of range/],
	    ['http-request sc-set-gpt0(0) -1', qr/unknown fetch '-1'/],
	    ['http-request sc-set-gpt0(0) 1 2', qr/expects 'if' or 'unless'/],
	    ['http-request sc-set-gpt(0) 1', qr/write \(<index>,<counter>\)/],
	    ['http-request sc-add-gpc(0,0)', qr/needs a number or an expression/],
	    ['http-request deny if { sc_http_req_rate gt 1 }', qr/needs a number as argument 1/],
	    ['http-request deny if { sc_http_req_rate(3) gt 1 }', qr/no counter 3/],
	    ['http-request deny if { sc_http_req_rate(x) gt 1 }', qr/takes a number, not 'x'/],
	    ['http-request deny if { sc_http_req_rate(0,nope) gt 1 }', qr/no table 'nope'/],
	    ['http-request deny if { sc_get_gpc(100,0) gt 1 }', qr/index 100 is out of range/],
	    ['http-request deny if { src_get_gpc(100,x) gt 1 }', qr/index 100 is out of range/],
	    ['http-request deny if { src_http_req_rate gt 1 }', qr/'f' has no stick-table/],
	    ['http-request deny if { src_http_req_rate(nope) gt 1 }', qr/no table 'nope'/],
	    ['http-request deny if { src,in_table(nope) }', qr/no table 'nope'/],
	    ['http-request deny if { src,table_gpc(x) gt 1 }', qr/takes a number/],
	    ['http-request deny if { table_cnt(nope) gt 1 }', qr/no table 'nope'/];
	my $r = check_config("defaults d\n    mode http\n    http-request track-sc0 src\nfrontend f from d\n    bind 127.0.0.1:0\n");
	like($r->{all}, qr/in a defaults section must name a table/, 'defaults');
};

done_testing;
