# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What rules do that a comparison with HAProxy (rules_compare.t) does not show:
# waiting, refusing connections, what defaults sections hand on, reloads, and
# what is said about mistakes.
use Tideway::Test;
use IO::Socket::INET;

my $o = origin(name => 's');
my $log = syslog_unix();
my $GET = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

sub proxy
{
	my ($fe, $be, %opt) = @_;

	return start_proxy("global\n    log $log->{addr} local0\n" . ($opt{top} // '')
	    . defaults('log global', 'option httplog', @{ $opt{defaults} // [] }) . "
frontend web
    bind {BIND:web}" . ($opt{bind} // '') . "
$fe
    default_backend main
backend main
$be
    server s1 ${\ $o->addr}
");
}

subtest 'tarpit waits, then answers' => sub {
	my $p = proxy("    timeout tarpit 300ms\n    http-request tarpit if { path /t }\n"
	    . "    http-request tarpit deny_status 429 if { path /u }\n", '');
	my $c = $p->client('web');
	my $t0 = time;
	my $r = $c->request("GET /t HTTP/1.1\r\nHost: h\r\n\r\n");
	is($r->status, 500, 'status 500');
	cmp_ok(time - $t0, '>=', 0.29, 'not before its time');
	like($log->next_line->{msg}, qr{web/<NOSRV> \S+ 500 \d+ - - PT-- }, 'PT');
	is($c->request("GET /u HTTP/1.1\r\nHost: h\r\n\r\n")->status, 429, 'the status it names');
	is($c->request($GET)->status, 200, 'the connection goes on');
	stop_proxy($p);
};

subtest 'a client that leaves a tarpit' => sub {
	my $p = proxy("    timeout tarpit 200ms\n    http-request tarpit\n", '');
	my $c = $p->client('web');
	$log->next_line while $log->{pending};
	$c->send($GET);
	$c->reset;
	ok(wait_until { my $l = $log->next_line; $l && $l->{msg} =~ / PT-- / }, 'is logged');
	stop_proxy($p);
};

subtest 'pause' => sub {
	plan(skip_all => 'not in HAProxy 2.6') unless is_tideway();
	my $p = proxy("    http-request pause 200ms if { path /p }\n"
	    . "    http-request pause int(150) if { path /q }\n    http-request set-header X-After yes\n",
	    "    http-response pause 100ms if { status 200 }\n");
	my $c = $p->client('web');
	for my $case (['/p', 0.29], ['/q', 0.24], ['/r', 0.09]) {
		my $t0 = time;
		is($c->request("GET $case->[0] HTTP/1.1\r\nHost: h\r\n\r\n")->status, 200, $case->[0]);
		cmp_ok(time - $t0, '>=', $case->[1], 'waited');
		is(($o->requests)[-1]->header('X-After'), 'yes', 'and went on with the rules');
	}
	stop_proxy($p);
};

subtest 'wait-for-body' => sub {
	my $p = proxy("    http-request wait-for-body time 300ms\n    http-request set-header X-Done 1\n", '');
	my $c = $p->client('web');
	my $n = $o->requests;
	$c->send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
	ok($c->is_quiet(0.1), 'waits');
	is(scalar($o->requests), $n, 'the server has seen nothing');
	$c->send('def');
	is($c->read_response->status, 200, 'goes on with the whole body');
	is(($o->requests)[-1]{raw_body}, 'abcdef', 'which the server gets');
	$c->send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
	is($c->read_response->status, 408, '408 when it does not come');
	stop_proxy($p);
};

subtest 'connections' => sub {
	my $p = proxy("    tcp-request connection reject if { src 127.0.0.2 }\n"
	    . "    tcp-request connection set-var(sess.early) src\n"
	    . "    tcp-request session reject if { src 127.0.0.3 }\n"
	    . "    tcp-request session set-var-fmt(sess.late) \"%[src]!\"\n"
	    . "    http-request set-header X-Vars \"%[var(sess.early)] %[var(sess.late)]\"\n", '');
	my $from = sub {
		my $s = IO::Socket::INET->new(PeerAddr => $p->addr('web'), LocalAddr => $_[0]) or return '';
		print $s "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
		local $/;
		return <$s> // '';
	};
	is($from->('127.0.0.2'), '', 'tcp-request connection reject');
	is($from->('127.0.0.3'), '', 'tcp-request session reject');
	like($from->('127.0.0.4'), qr/ 200 /, 'others pass');
	my $seen = '';
	ok(wait_until { $seen .= ($log->next_line // { msg => '' })->{msg}; $seen =~ /127\.0\.0\.4:/ }, 'logged');
	unlike($seen, qr/127\.0\.0\.[23]:/, 'what is refused so early is not');
	is(($o->requests)[-1]->header('X-Vars'), '127.0.0.4 127.0.0.4!', 'variables of the session');
	my $c = $p->client('web');
	is($c->request($GET)->status, 200, 'once') for 1, 2;
	is(($o->requests)[-1]->header('X-Vars'), '127.0.0.1 127.0.0.1!', 'they last as long as it does');
	stop_proxy($p);
};

subtest 'PROXY header: before it, after it, and on demand' => sub {
	my $p = proxy("    tcp-request connection expect-proxy layer4 if { src 127.0.0.1 }\n"
	    . "    tcp-request connection set-var(sess.peer) src\n"
	    . "    tcp-request session reject if { src 10.9.9.9 }\n"
	    . "    http-request set-header X-Src \"%[src] %[var(sess.peer)]\"\n", '');
	my $c = $p->client('web');
	$c->send("PROXY TCP4 10.1.2.3 10.0.0.1 1000 80\r\n$GET");
	is($c->read_response->status, 200, 'with a header');
	is(($o->requests)[-1]->header('X-Src'), '10.1.2.3 127.0.0.1', 'both addresses');
	$c = $p->client('web');
	$c->send("PROXY TCP4 10.9.9.9 10.0.0.1 1000 80\r\n$GET");
	ok($c->is_closed, 'the session is judged by the header');
	stop_proxy($p);
};

subtest 'addresses come back' => sub {
	my $p = proxy("    http-request set-header X-Was %[src]\n    http-request set-src hdr(x-ip) if { hdr(x-ip) -m found }\n"
	    . "    http-request set-header X-Now %[src]\n", '');
	my $c = $p->client('web');
	$c->request("GET /x HTTP/1.1\r\nHost: h\r\nX-Ip: 2001:db8::1\r\n\r\n");
	is(($o->requests)[-1]->header('X-Now'), '2001:db8::1', 'set-src, IPv6');
	$c->request($GET);
	is(($o->requests)[-1]->header('X-Was'), '127.0.0.1', 'the next request has the real one');
	stop_proxy($p);
};

subtest 'silent-drop' => sub {
	my $p = proxy("    http-request silent-drop if { path /gone }\n", '');
	my $c = $p->client('web');
	$c->send("GET /gone HTTP/1.1\r\nHost: h\r\n\r\n");
	ok(wait_until { my $l = $log->next_line; $l && $l->{msg} =~ m{/gone} }, 'logged') ;
	is($p->client('web')->request($GET)->status, 200, 'the rest goes on');
	stop_proxy($p);
};

subtest 'strict-mode' => sub {
	plan(skip_all => 'not as in HAProxy 2.6') unless is_tideway();
	my $fill = join '', map { "    http-request add-header X-$_ 1\n" } 1 .. 130;
	my $p = proxy($fill, '');
	is($p->client('web')->request($GET)->status, 500, 'a rewrite that fails is an error');
	stop_proxy($p);
	$p = proxy("    http-request strict-mode off\n$fill", '');
	is($p->client('web')->request($GET)->status, 200, 'unless strict-mode is off');
	stop_proxy($p);
};

subtest 'set-timeout, set-retries' => sub {
	my $l = listener();
	my $p = start_proxy(defaults('retries 3') . "
listen web
    bind {BIND:web}
    http-request set-timeout server 100ms if { path /slow }
    http-request set-timeout server int(100) if { path /slower }
    server s ${\ $l->addr}
");
	for my $path ('/slow', '/slower') {
		is($p->client('web')->request("GET $path HTTP/1.1\r\nHost: h\r\n\r\n")->status, 504, $path);
	}
	stop_proxy($p);
	return unless is_tideway();
	$p = start_proxy(defaults('retries 3') . "
listen web
    bind {BIND:web}
    http-request set-retries 0
    server s 127.0.0.1:1
");
	my $t0 = time;
	is($p->client('web')->request($GET)->status, 503, 'set-retries 0');
	cmp_ok(time - $t0, '<', 1, 'no second attempt after a second');
	stop_proxy($p);
};

subtest 'priorities in a queue' => sub {
	my $l = listener();
	my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    http-request set-priority-class req.hdr(x-class)
    http-request set-priority-offset req.hdr(x-offset)
    default_backend main
backend main
    server s ${\ $l->addr} maxconn 1
listen stats
    bind {BIND:stats}
    stats enable
    stats uri /
");
	my $ask = sub {
		my ($path, @headers) = @_;
		my $c = $p->client('web');
		$c->send("GET /$path HTTP/1.1\r\nHost: h\r\n" . join('', map { "$_\r\n" } @headers) . "\r\n");
		return $c;
	};
	my $queued = sub {
		my ($n) = @_;
		ok(wait_until {
			my ($line) = grep { /^main,BACKEND,/ } split /\n/, $p->get('stats', '/;csv')->body;
			(split /,/, $line)[2] == $n;
		}, "$n wait");
	};
	my @clients = $ask->('first');
	my $s = $l->accept;
	$s->read_head;
	my $n = 0;
	for my $r (['late', 'X-Class: 5'], ['plain'], ['moved', 'X-Offset: 400000'], ['soon', 'X-Class: -3']) {
		push @clients, $ask->(@$r);
		$queued->(++$n);
	}
	for my $want (qw(soon plain moved late)) {
		$s->send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
		$s->close;
		$s = $l->accept;
		like($s->read_head->{start}, qr{GET /$want }, $want);
	}
	$s->send(response(200, ''));
	$_->close for @clients;
	stop_proxy($p);
};

subtest 'defaults sections' => sub {
	my $top = "defaults base\n    mode http\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n"
	    . "    acl secret path /secret\n    http-request set-header X-Order defaults\n    http-request deny if secret\n"
	    . "    http-response set-header X-Resp defaults\n";
	my $p = start_proxy("$top
frontend web from base
    bind {BIND:web}
    http-request set-header X-Order \"%[req.hdr(x-order)] own\"
    default_backend main
defaults
    mode http
    timeout connect 5s
    timeout server 5s
backend main
    server s ${\ $o->addr}
");
	my $r = $p->client('web')->request($GET);
	is(($o->requests)[-1]->header('X-Order'), 'defaults own', 'the defaults section\'s rules run first');
	is($r->header('X-Resp'), 'defaults', 'http-response of a defaults section');
	is($p->client('web')->request("GET /secret HTTP/1.1\r\nHost: h\r\n\r\n")->status, 403, 'with its ACLs');
	stop_proxy($p);
};

subtest 'a response of the proxy\'s own' => sub {
	plan(skip_all => 'not as in HAProxy 2.6') unless is_tideway();
	my $p = proxy("    http-after-response set-header X-Own 1\n", '');
	my $c = $p->client('web');
	my $r = $c->request("nonsense\r\n\r\n");
	is($r->status, 400, 'a bad request');
	is($r->header('X-Own'), 1, 'http-after-response has seen it');
	stop_proxy($p);
};

subtest 'variables across a reload' => sub {
	plan(skip_all => 'HAProxy has other processes') unless is_tideway();
	my $p = proxy("    http-request set-var(sess.n,ifnotset) path\n    http-request set-var(proc.n,ifnotset) path\n"
	    . "    http-request set-header X-N \"%[var(sess.n)] %[var(proc.n)]\"\n", '');
	my $c = $p->client('web');
	$c->request("GET /one HTTP/1.1\r\nHost: h\r\n\r\n");
	$p->signal('USR2');
	$p->wait_output(qr/[Rr]eload|configuration/);
	$c->request("GET /two HTTP/1.1\r\nHost: h\r\n\r\n");
	is(($o->requests)[-1]->header('X-N'), '/one /one', 'they are kept');
	stop_proxy($p);
};

subtest 'capture' => sub {
	my $p = proxy("    http-request capture req.hdr(x-one) len 4\n    http-request capture path len 20\n", '');
	my $seen = '';
	$p->client('web')->request("GET /captured HTTP/1.1\r\nHost: h\r\nX-One: abcdefgh\r\n\r\n");
	ok(wait_until { $seen .= ($log->next_line // { msg => '' })->{msg}; $seen =~ m{GET /captured} }, 'logged');
	like($seen, qr/\{abcd\|\/captured\}/, 'in the slots it declares');
	stop_proxy($p);
};

subtest 'mistakes' => sub {
	plan(skip_all => 'not as in HAProxy 2.6') unless is_tideway();
	my @bad = (
	    ['http-request', qr/expects/], ['http-request bogus', qr/'http-request' expects .*'bogus'/],
	    ['http-request set-header X', qr/expects/], ['http-request set-header "X Y" z', qr/cannot be the name|X Y/],
	    ['http-request deny foo', qr/foo/], ['http-request deny status 9', qr/200 to 599|status/],
	    ['http-request return string x', qr/content-type|content type/], ['http-request return errorfile /nonexistent', qr/nonexistent/],
	    ['http-request return file', qr/'file'|file/],
	    ['http-request redirect', qr/redirect/], ['http-request redirect location /x code 300', qr/300|code/],
	    ['redirect foo', qr/foo/], ['http-request set-var(x) int(1)', qr/scope|name/], ['http-request set-var(txn.a int(1)', qr/set-var|\)/],
	    ['http-request set-var txn.a int(1)', qr/set-var/], ['http-request set-var(txn.a-b) int(1)', qr/txn\.a-b/],
	    ['http-request replace-path ( x', qr/\(/], ['http-request deny if', qr/if|condition/], ['http-request deny if nope', qr/nope/],
	    ['http-request set-header X %[nope]', qr/nope/], ['http-request set-header X %[res.hdr(x)]', qr/res\.hdr|value here|logged/],
	    ['http-response set-status 99', qr/99|status/], ['http-request set-log-level loud', qr/set-log-level/],
	    ['http-request use-service none', qr/none/], ['tcp-request', qr/tcp-request/], ['tcp-request inspect-delay x', qr/x/],
	    ['tcp-request content deny', qr/deny/], ['http-request normalize-uri foo', qr/normalize/], ['http-request strict-mode maybe', qr/strict-mode|maybe/],
	    ['use-server nobody if TRUE', qr/nobody/], ['use-server s', qr/requires either 'if' or 'unless'/], ['http-request auth unless { http_auth(nolist) }', qr/nolist/],
	    ['http-request set-tos 256x', qr/tos/], ['http-request wait-for-body', qr/time/], ['http-request del-header X -m foo', qr/-m|foo/],
	);
	my $later = qr/known to HAProxy 3\.4 but not supported by tideway yet/;
	push @bad, ['http-request lua.foo', qr/no script has registered an action 'foo'|$later/],
	    ['http-request use-service lua.x', qr/there is no service 'lua.x'|$later/];
	push @bad, map { [$_, $later] } 'http-request cache-use x',
	    'http-response cache-store x';
	push @bad, ['http-request deny errorfiles none', qr/unknown http-errors section 'none'/], ['http-request deny errorfiles', qr/the name of a section http-errors/],
	    ['http-request return status 418 errorfiles x', qr/there is no error page for status 418/];
	push @bad, ['http-request set-var(check.x) int(1)', qr/scope 'check' is for tcp-check/];
	for my $bad (@bad) {
		my $r = check_config(defaults() . "listen l\n    bind 127.0.0.1:1\n    $bad->[0]\n    server s 127.0.0.1:2\n");
		is($r->{code}, 1, $bad->[0]);
		like($r->{all}, $bad->[1], 'the message');
	}
	my @sections = (["userlist\n", qr/userlist/], ["userlist u\n    user a groups none\n", qr/none/],
	    ["userlist u\n    group g users none\n", qr/none/], ["userlist u\n    user a\n    user a\n", qr/'a'|user/],
	    ["userlist u\n    user a password\n", qr/password|a/],
	    ["defaults\n    http-request deny\n", qr/defaults/],
	    ["defaults d\n    mode http\n    http-request deny\nlisten x from d\n    bind 127.0.0.1:9\n    timeout client 1s\n", qr/defaults|'d'/]);
	for my $bad (@sections) {
		my $r = check_config(defaults() . "listen l\n    bind 127.0.0.1:1\n    server s 127.0.0.1:2\n$bad->[0]");
		is($r->{code}, 1, $bad->[0] =~ s/\n.*//sr);
		like($r->{all}, $bad->[1], 'the message');
	}
};

subtest 'warnings' => sub {
	my @w = (["use_backend b if { path /x }\n    redirect location /x", qr/a 'redirect' rule placed after a 'use_backend' rule will still be processed before\./],
	    ["redirect location /x if { path /x }\n    http-request deny", qr/a 'http-request' rule placed after a 'redirect' rule/],
	    ["http-request deny\n    tcp-request content accept", qr/a 'tcp-request' rule placed after an 'http-request' rule/],
	    ["tcp-request content accept\n    tcp-request session accept", qr/a 'tcp-request' rule placed after a 'tcp-request content' rule/],
	    ["mode tcp\n    http-request deny", qr/require HTTP mode/i]);
	for my $w (@w) {
		my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    $w->[0]\n    default_backend b\nbackend b\n    "
		    . ($w->[0] =~ /mode tcp/ ? "mode tcp\n    " : '') . "server s 127.0.0.1:2\n");
		is($r->{code}, 0, 'accepted') or diag $r->{all};
		like($r->{all}, $w->[1], $w->[0] =~ s/\n.*//sr);
	}
};

subtest 'contents of mode tcp' => sub {
	my $probe = check_config(defaults() . "listen l\n    mode tcp\n    bind 127.0.0.1:1\n    tcp-request inspect-delay 1s\n"
	    . "    tcp-request content accept if { req.len gt 2 }\n    server s 127.0.0.1:2\n");
	plan(skip_all => 'no req.len here') if $probe->{code};
	my $l = listener();
	my $p = start_proxy("defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s
frontend f
    bind {BIND:f}
    tcp-request inspect-delay 5s
    tcp-request content reject if { req.payload(0,3) -m str BAD }
    tcp-request content accept if { req.len ge 6 }
    use_backend six if { req.payload(0,6) -m str abcdef }
    default_backend other
backend six
    server s ${\ $l->addr}
backend other
frontend h
    bind {BIND:h}
    default_backend looked_at
backend looked_at
    tcp-response inspect-delay 5s
    tcp-response content reject if { res.payload(0,3) -m str BAD }
    server s ${\ $l->addr}
frontend g
    bind {BIND:g}
    tcp-request inspect-delay 300ms
    tcp-request content reject if WAIT_END
    default_backend six
");
	my $c = $p->client('f');
	$c->send('abc');
	ok($c->is_quiet(0.1), 'waits for more');
	$c->send('def');
	my $s = $l->accept;
	ok($s, 'goes on when it has come');
	is($s->read_bytes(6), 'abcdef', 'with all bytes');
	$s->send('xyz');
	is($c->read_bytes(3), 'xyz', 'and back');
	$c = $p->client('f');
	$c->send('BADxyz');
	ok($c->is_closed, 'reject');
	my $t0 = time;
	$c = $p->client('g');
	$c->send('x');
	ok($c->is_closed, 'WAIT_END comes');
	cmp_ok(time - $t0, '>=', 0.29, 'when inspect-delay is over');
	$c = $p->client('h');
	$s = $l->accept;
	$s->send('BA');
	ok($c->is_quiet(0.1), 'a response is waited for');
	$s->send('Dxyz');
	ok($c->is_closed, 'tcp-response content reject');
	$c = $p->client('h');
	$s = $l->accept;
	$c->send('up');
	is($s->read_bytes(2), 'up', 'the request passes meanwhile');
	$s->send('good');
	is($c->read_bytes(4), 'good', 'and what is accepted comes');
	$c = $p->client('f');
	$c->send('ab');
	$c->shutdown_write;
	ok($c->is_closed, 'a client that ends before is not waited for');
	stop_proxy($p);
};

subtest 'set-method and HEAD' => sub {
	my $l = listener();
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    http-request set-method GET if METH_HEAD
    http-request set-method HEAD if { path_end /to-head }
    http-request set-method HEAD if { path_end /own-to-head }
    http-request return status 200 content-type text/plain string own if { path /own-to-head }
    server s ${\ $l->addr}
");
	my $c = $p->client('web');
	for my $framing ("Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n") {
		$c->send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
		my $s = $l->accept;
		like($s->read_head->start, qr{^GET /x }, 'the server is asked with GET');
		$s->send("HTTP/1.1 200 OK\r\nX-A: 1\r\n$framing");
		my $r = $c->read_response(method => 'HEAD');
		is($r->status . $r->header('X-A'), '2001', 'the client has the head');
		is($s->read_all, '', 'what else the server sends is not waited for');
		ok($c->is_quiet(0.05), 'and no body comes');
		$s->close;
	}
	$c->send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	$s->read_head;
	$s->send(response(200, 'whole'));
	is($c->read_response->body, 'whole', 'the next answer of the same connection has its body');
	$_->close for $c, $s;

	# from GET or POST to HEAD: the answer to the client is whole
	$c = $p->client('web');
	my $post = "POST /to-head HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
	for my $ask ("GET /to-head HTTP/1.1\r\nHost: a\r\n\r\n", $post) {
		# HAProxy passes a length on, and the client waits for a body
		for my $framing (is_tideway() ? "Content-Length: 5\r\n" : (), "Transfer-Encoding: chunked\r\n", '') {
			$c->send($ask);
			$s = $l->accept if !$s || $s->state ne 'open' || !fileno $s->sock;
			my $m = $s->read_message(secs => 3);
			is($m->method, 'HEAD', 'the server is asked with HEAD');
			is($m->body, $ask eq $post ? 'abc' : '', 'with what there is of a body');
			$s->send("HTTP/1.1 200 OK\r\nX-A: 1\r\n$framing\r\n");
			my $r = $c->read_response;
			is($r->status . $r->header('X-A') . $r->body, '2001', 'an empty body');
			ok($r->{complete}, 'whole');
		}
	}
	$c->send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n");
	$s->read_head;
	$s->send(response(200, 'whole'));
	is($c->read_response->body, 'whole', 'the next one has its body');
	$c->send("GET /to-head HTTP/1.1\r\nHost: a\r\n\r\n");
	$s->read_head;
	$s->send("HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n");
	is($c->read_response->header('Content-Length'), 5, '304 says what there would be');
	$_->close for $c, $s;
	is($p->get('web', '/own-to-head')->body, 'own', 'an answer of our own has its body');
	stop_proxy($p);
};

done_testing;
