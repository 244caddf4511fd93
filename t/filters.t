# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# filter bwlim-in, bwlim-out and the rule set-bandwidth-limit, filter trace, the
# order of filters; http-response wait-for-body. Times are looked at from below
# only: what is limited takes at least so long.
use Tideway::Test;
use Tideway::Cli;
use Time::HiRes qw(time);
use Compress::Raw::Zlib;

my $zlib = !is_tideway() || run_cmd('-vv')->{out} =~ /gzip, deflate/;
my $KB = 1024;
my $big = join '', map { chr(65 + $_ % 26) x 97 } 1 .. 2200; # some 208 KB
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	my $uri = $req->uri;

	return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    . join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } unpack '(a3001)*', $big)
	    . "0\r\n\r\n" if $uri =~ /chunked/;
	return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n$big" if $uri =~ /until_close/;
	return $o->reply($req, $big) if $uri =~ /big/;
	return $o->reply($req, length($req->{body} // ''));
});

sub get { "GET $_[0] HTTP/1.1\r\nHost: a\r\n" . ($_[1] // '') . "\r\n" }
sub post { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " . length($_[0]) . "\r\n\r\n$_[0]" }

# [response, seconds that it took]
sub timed
{
	my ($p, $name, $bytes, %opt) = @_;
	my $c = $opt{on} // $p->client($name);
	my $start = time;
	$c->send($bytes, 20);
	my $r = $c->read_response(secs => 20);
	return ($r, time - $start);
}

SKIP: {
	skip 'Debian\'s haproxy has no such filters', 1 unless is_tideway();

subtest 'bwlim-out' => sub {
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    filter bwlim-out down default-limit 50k default-period 200ms min-size 2k
    http-request set-bandwidth-limit down if { path_beg /req }
    http-response set-bandwidth-limit down if { res.hdr(X-Server) -m found } { var(txn.how) -m str res }
    http-request set-var(txn.how) str(res) if { path_beg /res }
    http-request set-bandwidth-limit down limit 100m period 1s if { path_beg /fast }
    http-request set-bandwidth-limit down limit req.hdr(X-Limit) period req.hdr(X-Period) if { path_beg /expr }
    server s ${\ $o->addr}
listen be
    bind {BIND:be}
    use_backend b
backend b
    filter bwlim-out x default-limit 50k default-period 200ms
    http-response set-bandwidth-limit x
    server s ${\ $o->addr}
");
	# 208 KB: 50 in the first period, and 50 in each of those after it
	my $least = (length($big) / (50 * $KB) - 1) * 0.2 - 0.05;
	for my $uri ('/req/big', '/res/big', '/req/chunked', '/req/until_close') {
		my ($r, $secs) = timed($p, 'web', get($uri));
		ok($r->body eq $big, "$uri: all of it");
		ok($r->{complete}, 'whole');
		cmp_ok($secs, '>', $least, 'it took its time');
	}
	my ($r, $secs) = timed($p, 'web', get('/req/big'), on => my $c = $p->client('web'));
	is($r->header('Content-Length'), length $big, 'the length stays');
	is(($c->request(get('/x')))->body, 0, 'the connection is of use');
	($r, $secs) = timed($p, 'web', get('/expr/big', "X-Limit: 51200\r\nX-Period: 200\r\n"));
	cmp_ok($secs, '>', $least, 'an expression');
	($r, $secs) = timed($p, 'web', get('/expr/big'));
	cmp_ok($secs, '>', $least, 'one that says nothing: as the filter has it');
	($r, $secs) = timed($p, 'be', get('/big'));
	cmp_ok($secs, '>', $least, 'in a backend');
	for my $uri ('/big', '/fast/big') {
		my $quick;
		for (1 .. 20) { # where the machine is busy
			($r, $secs) = timed($p, 'web', get($uri));
			last if $quick = $secs < $least;
		}
		ok($quick, "$uri: not limited");
		ok($r->body eq $big, 'all of it');
	}
	$c = $p->client('web');
	$c->send(get('/req/big') x 2);
	ok($c->read_response(secs => 20)->body eq $big, 'two of them, pipelined');
	ok($c->read_response(secs => 20)->body eq $big, 'both');
	$c = $p->client('web');
	$c->send(get('/req/big'));
	$c->read_bytes(1000);
	$c->reset;
	is($p->get('web', '/x')->status, 200, 'who goes away meanwhile does no harm');
	stop_proxy($p);
};

subtest 'who goes away while nothing may pass' => sub {
	my $sock = Tideway::Test::temp_dir() . '/ctl.sock';
	my $p = start_proxy("global\n    stats socket $sock level admin\n"
	    . defaults('timeout client 1m', 'timeout server 1m') . "
listen web
    bind {BIND:web}
    filter bwlim-out down default-limit 40k default-period 5m
    http-request set-bandwidth-limit down
    server s ${\ $o->addr}
");
	for my $uri ('/big', '/chunked') {
		my $c = $p->client('web');
		$c->send(get($uri));
		$c->read_bytes(30 * $KB, 20);
		like(cli_ask($sock, 'show sess'), qr/ fe=web /, "$uri: a session");
		$c->reset;
		ok(wait_until { cli_ask($sock, 'show sess') !~ / fe=web / }, 'it ends with its client');
	}
	stop_proxy($p);
};

subtest 'bwlim-in' => sub {
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    filter bwlim-in up default-limit 50k default-period 200ms
    http-request set-bandwidth-limit up
    server s ${\ $o->addr}
");
	my ($r, $secs) = timed($p, 'web', post($big));
	is($r->body, length $big, 'all of it arrives');
	cmp_ok($secs, '>', (length($big) / (50 * $KB) - 1) * 0.2 - 0.05, 'it took its time');
	($r, $secs) = timed($p, 'web', get('/big'));
	ok($r->body eq $big, 'the other direction');
	stop_proxy($p);
};

subtest 'mode tcp' => sub {
	my $l = listener();
	my $p = start_proxy(defaults('mode tcp') . "
listen t
    bind {BIND:t}
    filter bwlim-in up default-limit 50k default-period 200ms
    filter bwlim-out down default-limit 50k default-period 200ms
    tcp-request content set-bandwidth-limit up
    tcp-response content set-bandwidth-limit down
    server s ${\ $l->addr}
");
	my $c = $p->client('t');
	my $start = time;
	$c->send('hello');
	my $s = $l->accept;
	is($s->read_bytes(5), 'hello', 'a little passes');
	$c->send($big, 10);
	ok($s->read_bytes(length $big, 20) eq $big, 'from the client');
	cmp_ok(time - $start, '>', 0.5, 'it took its time');
	$start = time;
	$s->send($big, 10);
	ok($c->read_bytes(length $big, 20) eq $big, 'to the client');
	cmp_ok(time - $start, '>', 0.5, 'the same');
	$c->send($big);
	$c->shutdown_write;
	ok($s->read_all(20) eq $big, 'the end comes after the last byte');
	$s->close;
	is($c->read_all(5), '', 'and the other way');
	stop_proxy($p);
};

subtest 'a tunnel' => sub {
	plan(skip_all => 'built without zlib') unless $zlib;
	my $l = listener();
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    filter bwlim-in up default-limit 50k default-period 200ms
    filter bwlim-out down default-limit 50k default-period 200ms
    filter compression
    compression algo gzip
    http-request set-bandwidth-limit up
    http-request set-bandwidth-limit down
    server s ${\ $l->addr}
");
	my $c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nAccept-Encoding: gzip\r\n\r\n");
	my $s = $l->accept;
	$s->read_message;
	$s->send("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
	is($c->read_head->status, 101, 'upgraded');
	$s->send('hi');
	is($c->read_bytes(2), 'hi', 'bytes as they are');
	my $start = time;
	$s->send($big, 10);
	ok($c->read_bytes(length $big, 20) eq $big, 'to the client');
	cmp_ok(time - $start, '>', 0.5, 'limited');
	$start = time;
	$c->send($big, 10);
	ok($s->read_bytes(length $big, 20) eq $big, 'from the client');
	cmp_ok(time - $start, '>', 0.5, 'limited, too');
	stop_proxy($p);
};

subtest 'what is refused' => sub {
	my $l = "filter bwlim-in a default-limit 1k default-period 1s\n    ";
	for my $case (['filter', qr/'filter' expects/], ['filter foo', qr/unknown keyword 'foo'/],
	    ['filter spoe x', qr/not supported by tideway yet/], ['filter bwlim-in', qr/expects a name/],
	    ['filter bwlim-in a', qr/'default-limit <size>' and/],
	    ['filter bwlim-in a default-limit 0 default-period 1s', qr/at least 1 byte/],
	    ['filter bwlim-in a default-limit 1k default-period 0', qr/at least a millisecond/],
	    ['filter bwlim-in a default-limit x', qr/default-limit/],
	    ['filter bwlim-in a default-limit', qr/expects a size/],
	    ['filter bwlim-in a nothing 1', qr/unknown keyword 'nothing'/],
	    ["$l$l", qr/already/], ["${l}http-request set-bandwidth-limit", qr/name of a bandwidth/],
	    ["${l}http-request set-bandwidth-limit b", qr/no bandwidth limit 'b' in a/],
	    ["${l}http-request set-bandwidth-limit a limit", qr/size or an expression/],
	    ["${l}http-request set-bandwidth-limit a limit 0", qr/at least 1 byte/],
	    ["${l}http-request set-bandwidth-limit a limit 5q", qr/'limit'/],
	    ["${l}http-request set-bandwidth-limit a period nonsense()", qr/nonsense/],
	    ['filter trace name', qr/'name' expects/], ['filter trace what', qr/unknown keyword 'what'/]) {
		my $r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n    $case->[0]\n");
		is($r->{code}, 1, $case->[0] =~ s/\n\s*/ + /gr . ': refused');
		like($r->{all}, $case->[1], 'with its word');
	}
	my $r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n    $l" . join "\n    ",
	    'tcp-request content set-bandwidth-limit a limit 1k period 1s if { src 1.2.3.4 }',
	    'tcp-response content set-bandwidth-limit a',
	    'http-response set-bandwidth-limit a period 500', "\n");
	is($r->{code}, 0, 'all four rule sets') or diag($r->{all});
};

subtest 'trace' => sub {
	plan(skip_all => 'built without zlib') unless $zlib;
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    filter trace name BEFORE
    filter compression
    filter trace name AFTER random-forwarding hexdump
    filter trace quiet
    compression algo gzip
    server s ${\ $o->addr}
");
	my $r = $p->client('web')->request(get('/big', "Accept-Encoding: gzip\r\n"), secs => 20);
	my $z = Compress::Raw::Zlib::Inflate->new(-WindowBits => WANT_GZIP);
	my ($in, $out) = ($r->body);
	is($z->inflate($in, $out) . '', 'stream end', 'decoded');
	ok($out eq $big, 'in pieces of any size');
	my $told = sub { $p->stderr =~ $_[0] };
	like($p->stderr, qr/\[BEFORE\] web id=\w+ response begins, headers 2/, 'it tells of the head');
	like($p->stderr, qr/\[BEFORE\]\tContent-Length: ${\ length $big}\n/, 'as the server sent it');
	like($p->stderr, qr/\[AFTER\]\tcontent-encoding: gzip\n/, 'and as the next filter finds it');
	like($p->stderr, qr/\[BEFORE\] web id=\w+ response ends, bytes ${\ length $big}\n/,
	    'before compression');
	like($p->stderr, qr/\[AFTER\] web id=\w+ response ends, bytes ${\ length $r->body}\n/, 'and after it');
	like($p->stderr, qr/\[AFTER\]\t000000: 1f/, 'hexdump');
	unlike($p->stderr, qr/\[TRACE\]/, 'quiet');
	$r = $p->client('web')->request(post($big), secs => 20);
	is($r->body, length $big, 'a request');
	$r = $p->client('web')->request(get('/x') =~ s/GET/HEAD/r);
	is($r->status, 200, 'HEAD');
	stop_proxy($p);
	$p = start_proxy(defaults('mode tcp') . "
listen t
    bind {BIND:t}
    filter trace random-forwarding
    server s ${\ $o->addr}
");
	$r = $p->client('t')->request(get('/big'), secs => 20);
	ok($r->body eq $big, 'mode tcp');
	like($p->stderr, qr/\[TRACE\] t id=\w+ request payload, bytes/, 'is told, too');
	stop_proxy($p);
};

}

subtest 'http-response wait-for-body' => sub {
	my $l = listener();
	my $log = syslog_unix();
	my $p = start_proxy("global\n    log $log->{addr} local0\n" . defaults('log global', 'option httplog') . "
listen web
    bind {BIND:web}
    http-response wait-for-body time 400ms if { path_beg / }
    http-response set-header X-Len %[res.body_len]
    http-response set-header X-Size %[res.body_size]
    http-response set-header X-Body %[res.body,hex,bytes(0,20)]
    server s ${\ $l->addr}
listen some
    bind {BIND:some}
    http-response wait-for-body time 5s at-least 4
    http-response set-header X-Len %[res.body_len]
    server s ${\ $l->addr}
" =~ s/ if \{ path_beg \/ \}//r);
	my $go = sub {
		my ($name, $end, @parts) = @_;
		my $c = $p->client($name);
		$c->send(get('/'));
		my $s = $l->accept;
		$s->read_message;
		for my $part (@parts) {
			$s->send($part, 10);
			ok($c->is_quiet(0.05), 'nothing leaves before') if $part ne $parts[-1];
		}
		$s->close if $end;
		return ($c->read_response(secs => 3), $s, $c);
	};
	my $head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
	my $chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

	my ($r) = $go->('web', 0, $head, 'abcde', 'fghij');
	is($r->header('X-Body'), '6162636465666768696A', 'all of it is seen');
	is($r->header('X-Size'), 10, 'its size');
	is($r->body, 'abcdefghij', 'and passed on');
	like($log->next_line->{msg}, qr{ 200 .* ---- }, 'logged as ever');
	($r) = $go->('web', 0, $chunks, "3\r\nabc\r\n", "2\r\nde\r\n0\r\nX-T: 1\r\n\r\n");
	is($r->header('X-Body'), '6162636465', 'chunks');
	is($r->body, 'abcde', 'passed on');
	is($r->trailer('X-T'), 1, 'with their trailer');
	$log->next_line;
	($r) = $go->('web', 1, "HTTP/1.1 200 OK\r\n\r\nabc", 'def');
	is($r->header('X-Len'), 6, 'until the end');
	is($r->body, 'abcdef', 'passed on');
	$log->next_line;
	for my $parts ([$head], [$head, 'abc'], [$chunks, "3\r\nabc\r\n"]) {
		my ($r, $s) = $go->('web', 0, @$parts);
		is($r->status, 504, 'what does not come in time');
		like($log->next_line->{msg}, qr{ 504 .* sR-- }, 'logged so');
	}
	($r) = $go->('web', 1, $head, 'abcde');
	is($r->header('X-Len'), 5, 'a server that breaks off');
	ok(!$r->{complete}, 'is no whole answer');
	like($log->next_line->{msg}, qr{ 200 .* SD-- }, 'logged so');
	my $long = 'x' x 100_000;
	($r) = $go->('web', 0, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n$long");
	cmp_ok($r->header('X-Len'), '>', 15_000, 'a long one: a buffer of it');
	ok($r->body eq $long, 'all of it is passed on');
	$log->next_line;
	my ($r2, $s, $c) = $go->('some', 0, $head, 'ab', 'cde');
	is($r2->header('X-Len'), 5, 'at-least') or 1;
	is($r2->{body}, 'abcde', 'the rest is not waited for');
	$s->send('fghij');
	is($c->read_bytes(5), 'fghij', 'and comes later');
	for my $none ("HTTP/1.1 204 No\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") {
		($r) = $go->('web', 0, $none);
		is($r->header('X-Len'), 0, 'no body');
	}
	stop_proxy($p);
};

done_testing;
