# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Settings of mode http that look at a message or answer in its place:
# monitor-uri, errorloc, errorfiles, option originalto, option forwarded,
# http-restrict-req-hdr-names, checkcache, http-buffer-request.
use Tideway::Test;

my %cookie = (
	plain => 'ETag: "x"', bare => 'X-A: 1', modified => 'Last-Modified: x',
	expires => 'Expires: never', public_bare => 'Cache-Control: public', private => 'Cache-Control: private',
	public => 'Cache-Control: max-age=5, public', pragma => 'Pragma: no-cache',
	zero => 'Cache-Control: max-age=0', quoted => 'Cache-Control: no-cache="set-cookie, x"',
	age => 'Cache-Control: max-age=10',
);
my $o = origin(respond => sub {
	my ($req, $c, $o) = @_;
	my ($name, $status) = $req->uri =~ m{^/cookie/(\w+)/(\d+)} or return $o->reply($req);
	return response($status, 'x', 'Set-Cookie: a=b', $cookie{$name});
});
my $log = syslog_unix();
my $own = spew('own.http', "HTTP/1.1 503 Mine\r\nContent-Length: 3\r\nX-Own: 1\r\n\r\nown");
my $ok = spew('ok.http', "HTTP/1.1 200 Fine\r\nContent-Length: 4\r\nX-Own: 2\r\n\r\nfine");
my $empty = spew('empty.http', '');

my $p = start_proxy("global\n    log $log->{addr} local0\n"
    . defaults('log global', 'option httplog', 'retries 0') . "
http-errors pages
    errorfile 503 $own
frontend mon
    bind {BIND:mon}
    monitor-uri /alive?x
    acl sick hdr(x-sick) 1
    monitor fail if sick
    monitor fail if { nbsrv(none) lt 1 } { hdr(x-count) 1 }
    default_backend main
frontend mon_page
    bind {BIND:mon_page}
    monitor-uri /alive
    monitor fail if { hdr(x-sick) 1 }
    errorfile 200 $ok
    errorfile 503 $empty
listen loc
    bind {BIND:loc}
    errorloc 503 /sorry
listen loc303
    bind {BIND:loc303}
    errorfile 503 $own
    errorloc303 503 http://h/sorry?x=1
listen files
    bind {BIND:files}
    errorloc 503 /never
    errorfiles pages
listen codes
    bind {BIND:codes}
    errorloc 503 /kept
    errorfiles pages 500
frontend orig
    bind {BIND:orig}
    bind {BIND6:orig6}
    option originalto header X-Dst
    default_backend main
frontend orig_not
    bind {BIND:orig_not}
    option originalto except 127.0.0.0/8
    default_backend main
frontend del
    bind {BIND:del}
    option http-restrict-req-hdr-names delete
    default_backend main
frontend rej
    bind {BIND:rej}
    option http-restrict-req-hdr-names reject
    default_backend main
frontend rej_be
    bind {BIND:rej_be}
    default_backend rej_be
frontend cache
    bind {BIND:cache}
    default_backend cache
frontend buf
    bind {BIND:buf}
    timeout http-request 400ms
    option http-buffer-request
    default_backend main
frontend buf_be
    bind {BIND:buf_be}
    default_backend buf_be
listen named
    bind {BIND:named}
    http-send-name-header X-Srv
    balance roundrobin
    retries 1
    option redispatch 1
    server s0 127.0.0.1:1
    server s1 ${\ $o->addr}
listen hosted
    bind {BIND:hosted}
    http-send-name-header Host
    server s1 ${\ $o->addr}
backend none
backend main
    server s ${\ $o->addr}
backend rej_be
    option http-restrict-req-hdr-names reject
    server s ${\ $o->addr}
backend cache
    option checkcache
    server s ${\ $o->addr}
backend buf_be
    option http-buffer-request
    server s ${\ $o->addr}
");

sub http { join '', map { "$_\r\n" } @_, '' }

# what the origin saw of the last request
sub seen
{
	my @r = $o->requests;

	return @r ? $r[-1] : undef;
}

subtest 'monitor-uri' => sub {
	my $c = $p->client('mon');
	my $r = $c->request(http('GET /alive?x HTTP/1.1', 'Host: a'));
	is($r->status, 200, 'it serves');
	like($r->body, qr/Service ready/, 'and says so');
	$r = $c->request(http('GET http://a/alive?x HTTP/1.1', 'Host: a', 'X-Sick: 1'));
	is($r->status, 503, 'an absolute target is the same, on the same connection');
	$r = $c->request(http('GET /alive?x HTTP/1.1', 'Host: a', 'X-Count: 1'));
	is($r->status, 503, 'the second condition counts, too');
	is($c->request(http('GET /alive HTTP/1.1', 'Host: a'))->body, "origin\n",
	    'another URI is not meant');
	like($log->next_line->{msg}, qr{"GET /alive HTTP}, 'only that is logged');
	$r = $p->request('mon_page', http('GET /alive HTTP/1.1', 'Host: a'));
	is($r->status . $r->body . $r->header('X-Own'), '200fine2', 'errorfile 200')
	    if $r;
	$c = $p->client('mon_page');
	$c->send(http('GET /alive HTTP/1.1', 'Host: a', 'X-Sick: 1'));
	ok($c->is_closed, 'an empty page: not a word');
};

subtest 'errorloc and errorfiles' => sub {
	my $r = $p->get('loc', '/');
	is($r->status, 302, 'errorloc: 302');
	is($r->header('Location'), '/sorry', 'to its URL');
	like($log->next_match(qr{ loc loc/})->{msg}, qr/ 503 .* SC-- /, 'logged as 503');
	$r = $p->get('loc303', '/');
	is($r->status . $r->header('Location'), '303http://h/sorry?x=1',
	    'errorloc303 in place of the errorfile above it');
	is($p->get('files', '/')->body, 'own', 'errorfiles: the page of a section');
	is($p->get('codes', '/')->header('Location'), '/kept', 'but for named codes only');
	my $refused = sub {
		my ($line, $re, $what) = @_;
		my $r = check_config(defaults()
		    . "http-errors x\n    errorfile 503 $own\nlisten l\n    bind 127.0.0.1:1\n    $line\n");
		is($r->{code}, 1, "$what is refused");
		like($r->{all}, $re, 'and why');
	};
	$refused->('errorfiles y', qr/unknown http-errors section 'y'/, 'no such section');
	$refused->('errorloc 999 /x', qr/status code '999' not handled/, 'a status without a page');
	if (is_tideway()) {
		$refused->('errorloc 503 "/a b"', qr/errorloc.*%XX/, 'a blank in a URL');
		$refused->("errorloc 503 \"/a\\r\\nX: y\"", qr/control character/, 'a line end');
	}
	$r = check_config(defaults() . "listen l\n    bind 127.0.0.1:1\n    errorfiles x 500 503\n"
	    . "http-errors x\n    errorfile 503 $own\n");
	is($r->{code}, 0, 'a section further down will do') if is_tideway();
	like($r->{all}, qr/'500' not declared in http-errors section 'x'/, 'what it lacks: a warning');
};

subtest 'option originalto' => sub {
	$p->get('orig', '/');
	is(seen()->header('X-Dst'), '127.0.0.1', 'the address that was asked for');
	$p->get('orig6', '/', 'X-Dst: before');
	is_deeply([seen()->all('X-Dst')], ['before', '::1'], 'IPv6, after the client\'s own');
	$p->get('orig_not', '/');
	ok(!seen()->has('X-Original-To'), 'except');
};

subtest 'option http-restrict-req-hdr-names' => sub {
	my @odd = ('X_Odd: 1', 'X-Good: 2');
	$p->get('del', '/', @odd);
	my $r = seen();
	is(join(' ', map { $r->header($_) // '-' } 'X_Odd', 'X-Good'), '- 2', 'delete');
	for my $fe ('rej', 'rej_be') {
		$r = $p->get($fe, '/', @odd);
		is($r->status, 403, "$fe: reject");
		my $l = $log->next_match(qr/ $fe /)->{msg};
		like($l, $fe eq 'rej' ? qr{ rej rej/<NOSRV> .* PR-- } : qr{ rej_be/<NOSRV> .* PR-- },
		    'as the log has it');
		is($p->get($fe, '/', 'X-Good: 1')->status, 200, 'usual names pass');
	}
};

subtest 'option checkcache' => sub {
	my %want = ('plain/200' => 502, 'private/200' => 200, 'public/200' => 502,
	    'pragma/200' => 200, 'zero/200' => 200, 'quoted/200' => 200,
	    'age/200' => 502, 'plain/302' => 302, 'public/302' => 502, 'plain/404' => 502,
	    'bare/200' => 200, 'modified/200' => 502, 'expires/404' => 502,
	    'public_bare/200' => 200, 'age/302' => 302);
	for my $uri (sort keys %want) {
		my $r = $p->get('cache', "/cookie/$uri");
		my $is_ours = $r->body ne 'x'; # 2.6 has the wrong page
		is($r->status, $want{$uri}, $uri) if $is_ours == 0 || is_tideway();
		is($is_ours, $want{$uri} == 502, "$uri: blocked or not");
	}
	like($log->next_match(qr{cache/s .* 502 })->{msg}, qr/ PH-- /, 'PH in the log')
	    if is_tideway();
	my $r = $p->request('cache', http('POST /cookie/plain/200 HTTP/1.1', 'Host: a',
	    'Content-Length: 0'));
	is($r->status, 200, 'POST: nobody caches it');
	is($p->get('cache', '/')->status, 200, 'no cookie');
};

subtest 'option http-buffer-request' => sub {
	for my $fe ('buf', 'buf_be') {
		my $n = $o->requests;
		my $conns = $o->n_connections;
		my $c = $p->client($fe);
		$c->send("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
		ok($c->is_quiet(0.2), "$fe: half a body");
		is(scalar($o->requests), $n, 'is not passed on');
		$c->send('def');
		is($c->read_response->status, 200, 'the whole is');
		is(seen()->{raw_body}, 'abcdef', 'with every byte');
		my $long = 'x' x 100_000;
		$c = $p->client($fe);
		$c->send("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n$long");
		ok($o->wait_events('connect', $o->n_connections), 'a full buffer is passed on');
		$c->send('y');
		is($c->read_response->status, 200, 'answered');
		ok(seen()->{raw_body} eq $long . 'y', 'with every byte');
	}
	my $c = $p->client('buf');
	$c->send("POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	is($c->read_response->status, 408, 'timeout http-request covers the body');
	$c = $p->client('buf_be');
	$c->send("POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
	is($c->read_response->status, 400, 'a broken body');
};

subtest 'http-send-name-header' => sub {
	$p->get('named', '/', 'X-Srv: a', 'x-srv: b', 'X-Other: c');
	is_deeply([seen()->all('X-Srv')], ['s1'], 'the server reads its name');
	is(seen()->header('X-Other'), 'c', 'and all else');
	$p->get('named', '/?dead', 'X-Srv: a');
	is_deeply([seen()->all('X-Srv')], ['s1'], 'also when it is the second that was tried')
	    for 1 .. 2;
	$p->request('hosted', "GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n");
	is_deeply([seen()->all('Host')], ['s1'], 'Host');
	is(seen()->uri, 'http://s1/x', 'and the target with it') if is_tideway(); # not in 2.6
	for my $bad ('', ' a:b', ' Content-Length') {
		next if $bad && !is_tideway();
		my $r = check_config(defaults() . "backend b\n    http-send-name-header$bad\n");
		is($r->{code}, 1, "'$bad' is refused") if $bad || is_tideway();
	}
};

stop_proxy($p);

subtest 'option forwarded' => sub {
	plan(skip_all => 'HAProxy 2.6 has none') unless is_tideway();
	my @f = ('', 'host by by_port for for_port', 'proto host-expr hdr(x-h) for-expr hdr(x-f) by-expr src',
	    'for for_port-expr hdr(x-port)');
	my $text = defaults();
	$text .= "listen f$_\n    bind {BIND:f$_}\n    bind {BIND6:g$_}\n    option forwarded $f[$_]\n"
	    . "    server s ${\ $o->addr}\n" for 0 .. $#f;
	my $p = start_proxy($text);
	my $got = sub {
		$p->get(@_);
		return join ' | ', seen()->all('Forwarded');
	};
	is($got->('f0', '/'), 'proto=http;for=127.0.0.1', 'without arguments');
	is($got->('g0', '/'), 'proto=http;for="[::1]"', 'IPv6 in quotes');
	is($got->('f0', '/', 'Forwarded: for=1.2.3.4'),
	    'for=1.2.3.4 | proto=http;for=127.0.0.1', 'after what was there');
	my $port = $p->port('f1');
	like($got->('f1', '/'), qr/^host="test";by="127\.0\.0\.1:$port";for="127\.0\.0\.1:\d+"$/,
	    'with ports');
	like($got->('g1', '/'), qr/by="\[::1\]:\d+";for="\[::1\]:\d+"$/, 'IPv6');
	is($got->('f2', '/', 'X-H: h.example:8080', 'X-F: _hidden'),
	    'proto=http;host="h.example:8080";by=127.0.0.1;for=_hidden', 'expressions');
	is($got->('f2', '/', 'X-H: a"b', 'X-F: 1.2.3.4"; for=x'),
	    'proto=http;by=127.0.0.1;for=unknown', 'what is not valid is not repeated');
	is($got->('f2', '/', 'X-F: ::2'), 'proto=http;by=127.0.0.1;for="[::2]"', 'an address in text');
	is($got->('f3', '/', 'X-Port: _p'), 'for="127.0.0.1:_p"', 'a port by a name');
	is($got->('f3', '/', 'X-Port: 99999'), 'for=127.0.0.1', 'no such port');
	stop_proxy($p);
	for my $bad (['option forwarded nonsense', qr/'nonsense'/], ['option forwarded for for', qr/before/],
	    ['option forwarded for-expr', qr/for-expr.*expression/], ['option forwarded by_port', qr/'by_port' needs 'by'/],
	    ['option forwarded for-expr nosuch', qr/nosuch/]) {
		my $r = check_config(defaults() . "listen l\n    bind 127.0.0.1:1\n    $bad->[0]\n");
		is($r->{code}, 1, "$bad->[0]: refused");
		like($r->{all}, $bad->[1], 'and why');
	}
};

done_testing;
