# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# stick on, match, store-request, store-response: which server a client finds
# again, together with cookies, servers that are down, persistence rules, other
# backends' tables; the same as Debian's haproxy does.
use Tideway::Test;
use Tideway::Cli;

my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my $dir = Tideway::Test::temp_dir();
my $o = origin(host => '0.0.0.0', respond => sub {
	my ($req, $c) = @_;
	my ($n) = $c->sock->sockhost =~ /(\d+)$/;
	my ($sid) = $req->uri =~ /sid=(\w+)/;
	return response(200, "s$n", $sid ? ("Set-Cookie: SID=$sid; path=/", "X-Id: $sid") : ());
});
sub at { "127.0.3.$_[0]:${\ $o->port}" }

sub config
{
	my ($who, $log) = @_;
	my $s = join '', map { "    server s$_ ${\ at($_)}\n" } 1 .. 3;

	return "global
    stats socket $dir/$who.sock level admin
    log $log->{addr} local0
" . defaults('log global', 'option httplog', 'retries 1', 'timeout connect 1s') . "
listen on
    bind {BIND:on}
    stick-table type string len 20 size 1k expire 1h
    stick on hdr(k)
$s
listen other
    bind {BIND:other}
    stick match hdr(k) table on
    server s3 ${\ at(3)}
    server s2 ${\ at(2)}
    server s1 ${\ at(1)}
listen ids
    bind {BIND:ids}
    stick match hdr(k) table on
    server a ${\ at(3)} id 1
    server b ${\ at(2)} id 7
listen several
    bind {BIND:several}
    stick-table type string size 1k
    stick store-request hdr(a) if { hdr(a) -m found }
    stick store-request hdr(b)
    stick store-request hdr(c) table more
    stick match hdr(ma)
    stick match hdr(mb) table more unless { hdr(no) -m found }
$s
backend more
    stick-table type string size 1k store gpc0
listen response
    bind {BIND:response}
    stick-table type string size 1k
    stick store-response res.cook(SID)
    stick store-response res.hdr(X-Id) table more if { status 200 }
    stick match req.cook(SID)
$s
listen by_addr
    bind {BIND:by_addr}
    stick-table type integer size 1k srvkey addr
    stick on hdr(k)
$s
listen cookie
    bind {BIND:cookie}
    cookie SRV insert
    stick-table type string size 1k
    stick on hdr(k)
    server s1 ${\ at(1)} cookie c1
    server s2 ${\ at(2)} cookie c2
listen nonstick
    bind {BIND:nonstick}
    stick-table type string size 1k
    stick on hdr(k)
    server s1 ${\ at(1)} non-stick
    server s2 ${\ at(2)}
listen rules
    bind {BIND:rules}
    stick-table type string size 1k
    stick match hdr(k)
    stick match hdr(m)
    stick store-request hdr(k)
    ignore-persist if { hdr(i) -m found }
    force-persist if { hdr(f) -m found }
$s
listen persist
    bind {BIND:persist}
    option persist
    stick-table type string size 1k
    stick on hdr(k)
$s
listen dead
    bind {BIND:dead}
    option redispatch 1
    stick-table type string size 1k
    stick on hdr(k)
    server s1 127.0.0.1:1
    server s2 ${\ at(2)}
listen dead_no
    bind {BIND:dead_no}
    no option redispatch
    retries 0
    stick-table type string size 1k
    stick on hdr(k)
    server s1 127.0.0.1:1
    server s2 ${\ at(2)}
listen full
    bind {BIND:full}
    stick-table type string size 2 nopurge
    stick on hdr(k)
$s
listen tcp
    mode tcp
    bind {BIND:tcp}
    stick-table type ip size 1k store conn_cnt
    stick on src
    stick store-response dst table v6
$s
backend v6
    stick-table type ipv6 size 1k
";
}

my $log = syslog_unix();
my @p = map { [start_proxy(config($_->[0], $log), bin => $_->[1]), $_->[0]] }
    ['tw', binary()], $haproxy ? ['ha', $haproxy] : ();

sub both
{
	my ($what, $code) = @_;
	my @got = map { my $p = $_; $code->(@$p) } @p;

	is($got[0], $got[1], $what) if @got == 2;
	return $got[0];
}

# which server answered, and what else there is
sub ask
{
	my ($p, $name, $path, @headers) = @_;
	my $r = $p->get($name, $path, @headers, 'Connection: close');

	return ($r->status == 200 ? $r->body : $r->status) . ' ' . ($r->header('Set-Cookie') // '-');
}

sub table
{
	my ($who, @names) = @_;
	my @rows = map { split /^/, cli_ask("$dir/$who.sock", "show table $_") } @names;

	return join '', sort map { s/^0x\w+: // ? s/ exp=\d+//r =~ s/ shard=0//r : $_ } @rows;
}

# requests to a listener, one by one, then the tables
sub same
{
	my ($name, $tables, @requests) = @_;

	return both("$name: " . join(' | ', map { ref ? "@$_" : $_ } @requests), sub {
		my ($p, $who) = @_;
		return join("\n", map { ask($p, $name, ref ? @$_ : ('/', $_)) } @requests) . "\n"
		    . table($who, @$tables);
	});
}

sub admin
{
	my ($line) = @_;

	both($line, sub { cli_ask("$dir/$_[1].sock", $line) });
}

like(same('on', ['on'], map { "k: $_" } qw(a b c a b c d d a)),
    qr/^s1 -\ns2 -\ns3 -\ns1 -\ns2 -\ns3 -\ns1 -\ns1 -\ns1 -\n/, 'stick on');
like(same('other', ['on'], map { "k: $_" } qw(a b c a)), qr/^s1 -\ns2 -\ns3 -\ns1/,
    'another backend finds servers by their names');
same('ids', ['on'], map { "k: $_" } qw(a a a b b));
same('on', ['on'], map { "k: $_" } 'x' x 30, 'x' x 20, 'x' x 40, '');
like(same('several', [qw(several more)], 'a: 1', 'b: 2', ['/', 'a: 3', 'b: 4', 'c: 5'], 'ma: 1', 'ma: 2',
    'ma: 3', 'ma: 4', 'mb: 5', ['/', 'mb: 5', 'no: 1'], ['/', 'ma: 9', 'mb: 5']), qr/key=1 .*key=5/s, 'several rules');
like(same('response', [qw(response more)], ['/?sid=r1'], ['/?sid=r2'], ['/', 'Cookie: SID=r1'],
    ['/', 'Cookie: SID=r2'], ['/', 'Cookie: SID=r2'], ['/?sid=r3', 'Cookie: SID=r1'], ['/', 'Cookie: SID=r3']),
    qr/key=r3 .*server_key=s1/, 'store-response');
same('by_addr', ['by_addr'], map { "k: $_" } 1, 2, 3, 1, 2, 2, 3, -1);
like(same('cookie', ['cookie'], 'k: a', 'k: b', 'k: a', 'k: b', ['/', 'k: z', 'Cookie: SRV=c1'], 'k: z',
    ['/', 'k: z', 'Cookie: SRV=c2'], 'k: z', ['/', 'k: y', 'Cookie: SRV=none'], 'k: y'),
    qr/^s1 SRV=c1.*\ns2 SRV=c2.*\ns1 -\ns2 -\n/, 'cookies come first; none is set for who is remembered');
same('nonstick', ['nonstick'], map { "k: $_" } qw(a b c d a b c d));
same('rules', ['rules'], 'k: a', 'k: b', 'k: c', ['/', 'k: a', 'i: 1'], ['/', 'k: a', 'i: 1'],
    ['/', 'k: n', 'i: 1'], 'k: n');
admin('disable server rules/s1');
same('rules', ['rules'], ['/', 'm: a', 'f: 1'], ['/', 'm: a', 'f: 1'], ['/', 'k: zz', 'm: b'],
    ['/', 'k: a', 'm: c'], 'k: a');
same('persist', ['persist'], 'k: a', 'k: b');
admin('disable server persist/s1');
same('persist', ['persist'], 'k: a', 'k: a', 'k: b', 'k: x');
same('dead', ['dead'], 'k: a', 'k: a', 'k: b', 'k: a');
same('dead_no', ['dead_no'], 'k: a', 'k: a', 'k: b', 'k: b');
same('full', ['full'], map { "k: $_" } qw(a b c a b c c));

subtest 'mode tcp' => sub {
	for my $n (1 .. 3) {
		both("connection $n", sub {
			my ($p, $who) = @_;
			my $c = $p->client('tcp');
			my $r = $c->request("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
			$c->shutdown_write;
			$c->read_all;
			return $r->body . "\n" . table($who, 'tcp', 'v6');
		});
	}
};

if (is_tideway()) {
	stop_proxy($_->[0]) for @p;
	my $q = start_proxy("global\n    stats socket $dir/q.sock level admin\n" . defaults() . "
listen web
    bind {BIND:web}
    stick-table type string size 1k
    stick on hdr(k)
    server s1 ${\ at(1)}
    server s2 ${\ at(2)}
");
	my @first = map { ask($q, 'web', '/', "k: $_") } qw(a b);
	$q->write_config($q->config =~ s/server s1 (\S+)/server s0 ${\ at(3)}\n    server s1 $1/r);
	$q->signal('USR2');
	ok(wait_until { cli_ask("$dir/q.sock", 'show servers state') =~ / s0 / }, 'reloaded with a server more');
	is_deeply([map { ask($q, 'web', '/', "k: $_") } qw(a b)], \@first, 'by name, not by number');
	stop_proxy($q);

	for my $case (['stick on', qr/'stick on' expects <expr>/], ['stick', qr/'stick' expects one of 'on', 'match'/],
	    ['stick foo', qr/unknown keyword 'stick foo'/], ['stick on src', qr/'z' has no stick-table/],
	    ['stick on src table', qr/'table' lacks the name/], ['stick on src table nope', qr/no table 'nope'/],
	    ['stick on src table x foo', qr/not 'foo'/], ['stick match src if', qr/ACL is expected/],
	    ['stick on res.hdr(a) table x', qr/'res\.hdr' has no value here/],
	    ['stick store-response req.hdr(a) table x', qr/'req\.hdr' has no value here/],
	    ['stick on nope table x', qr/unknown fetch 'nope'/],
	    ['stick on bool(true) table x', qr/no key of the table 'x', whose type is ip/]) {
		my $r = check_config(defaults() . "backend x\n    stick-table type ip size 1k\nbackend z\n    $case->[0]\n"
		    . "frontend f\n    bind 127.0.0.1:0\n");
		like($r->{all}, $case->[1], $case->[0]);
		ok($r->{sane}, 'and no more');
	}
	like(check_config(defaults() . "frontend f\n    bind 127.0.0.1:0\n    stick on src\n")->{all},
	    qr/'stick' ignored because frontend 'f' has no backend capability/, 'in a frontend');
	like(check_config("defaults\n    stick on src\n")->{all}, qr/stick on.*defaults/, 'in defaults');
} else {
	stop_proxy($_->[0]) for @p;
}

done_testing;
