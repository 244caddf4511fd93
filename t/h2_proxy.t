# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What a configuration can do with requests of HTTP/2: rules, answers of its own,
# services, filters, scripts, cookies, captures, logs, tables, bodies that are waited
# for. Whatever HTTP/1.1 gets, HTTP/2 gets too.
use Tideway::Test;
use Tideway::Cli;
use Tideway::H1Origin;
use Tideway::H2;

my $log = syslog_udp();
my $o = h1_origin(name => 's');
my $page = spew('page.http', "HTTP/1.1 503 Gone\r\nContent-Type: text/plain\r\n"
    . "X-Page: file\r\nContent-Length: 3\r\n\r\nown");
my $script = spew('hooks.lua', <<'END');
core.register_action("mark", {"http-req", "http-res"}, function(txn)
	if txn.http then txn.http:req_add_header("x-lua", txn.sf:req_ver()) end
end)
core.register_action("wait", {"http-req"}, function(txn)
	core.msleep(30)
	txn:set_var("txn.waited", "yes")
end)
core.register_service("hello", "http", function(applet)
	local body = "lua " .. applet.method .. " " .. (applet:receive() or "")
	applet:set_status(200)
	applet:add_header("content-length", #body)
	applet:start_response()
	applet:send(body)
end)
core.register_service("parts", "http", function(applet)
	applet:set_status(200)
	applet:start_response()
	for i = 1, 50 do applet:send(string.rep(string.char(96 + i % 26), 1000)) end
end)
END
my $p = start_proxy("global
    log ${\ $log->addr} local0
    stats socket {DIR}/sock level admin
    lua-load $script
" . defaults('log global', 'timeout tarpit 50ms', 'timeout http-request 2s') . "
frontend web
    bind {BIND:web}
    stick-table type ip size 1k store conn_cur,conn_cnt,http_req_cnt,gpc0
    tcp-request connection track-sc0 src
    http-request track-sc1 src table other
    log-format '%HV %HM %HP %ST %B %U %tsc %hr %hs {%CC} %[var(txn.waited)] %{+Q}r'
    capture request header Host len 20
    capture response header X-Server len 20
    capture cookie seen len 20
    option forwardfor
    errorfile 503 $page
    http-error status 403 content-type text/plain string 'no way' hdr X-Own yes
    http-request set-src hdr(x-real) if { hdr(x-real) -m found }
    http-request return status 200 content-type text/plain lf-string '%[src] %[req.ver] %[method] %[path] %[query] %[req.hdr(host)] %[req.cook(seen)] %[base]' if { path /fetch }
    http-request return status 200 content-type text/plain lf-string '%[sc0_conn_cur] %[sc0_conn_cnt] %[sc1_http_req_cnt]' if { path /track }
    http-request return status 200 content-type text/plain string big hdr x-a b if { path /return }
    http-request redirect location /there code 302 if { path /redirect }
    http-request redirect scheme https if { path /scheme }
    http-request deny if { path /deny }
    http-request deny deny_status 429 if { path /deny429 }
    http-request tarpit deny_status 500 if { path /tarpit }
    http-request silent-drop if { path /drop }
    http-request reject if { path /reject }
    http-request lua.mark if { path /echo }
    http-request lua.wait if { path /wait }
    http-request use-service lua.hello if { path /lua }
    http-request use-service lua.parts if { path /parts }
    http-request use-service prometheus-exporter if { path /metrics }
    http-request set-header x-added %[path] if { path /echo }
    http-request del-header x-removed
    http-request set-path /len if { path /rewritten }
    http-request set-method PUT if { path /method }
    http-request early-hint link </early> if { path /hinted }
    http-request wait-for-body time 1s at-least 3 if { path /body }
    http-request return status 200 content-type text/plain lf-string %[req.body] if { path /body }
    http-response set-header x-response %[status]
    http-response return status 200 content-type text/plain string instead if { capture.req.uri -m sub instead }
    http-response deny if { capture.req.uri -m sub secret }
    http-after-response set-header x-after yes
    use_backend gone if { path /gone }
    use_backend empty if { path /empty-backend }
    use_backend packed if { path_beg /packed }
    use_backend limited if { path_beg /limited }
    use_backend sticky if { path_beg /sticky }
    use_backend stats if { path_beg /stats }
    use_backend gathers if { path_beg /gather }
    default_backend b
backend b
    server s ${\ $o->addr}
backend other
    stick-table type ip size 1k store http_req_cnt
backend gone
    retries 0
    server s 127.0.0.1:1
backend empty
backend packed
    http-request set-path /len
    compression algo gzip
    compression type text/plain application/octet-stream
    http-response set-header content-type text/plain
    server s ${\ $o->addr}
backend limited
    http-request set-path /len
    filter bwlim-out out limit 1m key src table lim
    http-response set-bandwidth-limit out
    server s ${\ $o->addr}
backend lim
    stick-table type ip size 1k store bytes_out_rate(1s)
backend sticky
    cookie SRV insert indirect nocache
    server s ${\ $o->addr} cookie one
backend stats
    stats enable
    stats uri /stats
backend gathers
    option http-buffer-request
    http-request return status 200 content-type text/plain lf-string '%[req.body_len] %[req.body_param(a)]'
");

# one connection for all
my $c = h2_client($p->addr('web'));

# the same request in both versions: status, fields that matter, body
sub both
{
	my ($name, $path, %q) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $body = $q{body} // '';
	my $method = $q{method} // 'GET';
	my $h1 = $p->request('web', "$method $path HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
	    . join('', map { "$_->[0]: $_->[1]\r\n" } @{ $q{headers} // [] })
	    . (length $body ? 'Content-Length: ' . length($body) . "\r\n" : '') . "\r\n$body");
	my $h2 = $c->response($c->request(method => $method, path => $path, headers => [
	    @{ $q{headers} // [] }, length $body ? ['content-length', length $body] : ()],
	    length $body ? (body => $body) : ()));
	my $change = $q{change} // sub { $_[0] };

	is($h2->status, $h1->status, "$name: status " . $h1->status);
	is($change->($h2->body), $change->($h1->body), 'body');
	for my $f (qw(location x-a x-own x-page x-after x-response content-type content-length
	    set-cookie content-encoding cache-control x-server)) {
		is($h2->header($f), $h1->header($f), $f) if defined $h1->header($f) || defined $h2->header($f);
	}
	return $h2;
}

subtest 'answers of its own' => sub {
	is(both('return', '/return')->body, 'big', 'as it is');
	both('HEAD', '/return', method => 'HEAD');
	both('redirect', '/redirect');
	is(both('deny', '/deny')->body, 'no way', 'http-error');
	both('deny_status', '/deny429');
	both('tarpit', '/tarpit');
	is(both('errorfile', '/gone')->body, 'own', 'of its file');
	both('no server', '/empty-backend');
	both('http-response return', '/instead');
	both('http-response deny', '/secret');
	my $r = $c->get('/stats');
	like($r->body, qr/<\/html>\s*\z/, 'the stats page');
	like($c->get('/stats;csv')->body, qr/^gathers,BACKEND/m, 'as CSV');
	like($c->get('/metrics')->body, qr/^haproxy_frontend_status\{/m, 'prometheus');
	is($c->get('/scheme')->header('location'), 'https://test/scheme', 'the scheme');
	both('set-path', '/rewritten?300');
	is_deeply([$c->violations], [], 'nothing was wrong');
};

subtest 'answers that are none' => sub {
	my $d = h2_client($p->addr('web'));
	my $s = $d->request(path => '/reject');
	ok((wait_until { $d->read_frame(0.1); defined $d->stream($s)->is_reset || $d->state ne 'open' }),
	    'reject');
	$d = h2_client($p->addr('web'));
	$s = $d->request(path => '/drop');
	$d->wait_for(sub { 0 }, 0.3);
	is($d->stream($s)->status, 0, 'silent-drop');
};

subtest 'fetches' => sub {
	my $r = both('fetches', '/fetch?a=b', headers => [['x-real', '192.0.2.9'],
	    ['cookie', 'seen=c1']], change => sub { $_[0] =~ s/ (?:1\.1|2\.0) / v /r });
	is($r->body, '192.0.2.9 2.0 GET /fetch a=b test c1 test/fetch', 'as they are');
	is($c->get('/fetch')->body, '127.0.0.1 2.0 GET /fetch  test  test/fetch',
	    'set-src holds for one stream');
	$r = both('scripts and edits', '/echo', method => 'POST', body => 'body',
	    headers => [['x-removed', 1], ['x-kept', 2]]);
	is($r->header('x-in-x-lua'), '2.0', 'Lua');
	is($r->header('x-in-x-added'), '/echo', 'set-header');
	is($r->header('x-in-x-removed'), undef, 'del-header');
	is($r->header('x-in-x-forwarded-for'), '127.0.0.1', 'X-Forwarded-For');
	is_deeply([$c->get('/hinted')->interim], [103], 'early-hint');
	$c->get('/method');
	like(join("\n", map { $_->start } $o->requests), qr/^PUT \/method/m, 'set-method');
};

subtest 'services and filters' => sub {
	is(both('a service', '/lua', method => 'POST', body => 'sent')->body, 'lua POST sent', 'reads');
	my $r = $c->get('/parts');
	is(length $r->body, 50_000, 'and writes in parts');
	is($r->header('transfer-encoding'), undef, 'without chunks');
	$r = both('compression', '/packed?5000', headers => [['accept-encoding', 'gzip']]);
	is($r->header('content-encoding'), 'gzip', 'packed');
	is($r->header('content-length'), undef, 'of another length');
	eval {
		require IO::Uncompress::Gunzip;
		my $in = $r->body;
		IO::Uncompress::Gunzip::gunzip(\$in => \my $out);
		is($out, octets(5000), 'and what it was');
		1;
	} or diag $@;
	is($c->get('/limited?20000')->body, octets(20_000), 'bandwidth');
	my @s = map { $c->request(path => '/wait') } 1 .. 5;
	is($c->response($_)->status, 200, 'a script that waits') for @s;
};

subtest 'bodies that are waited for' => sub {
	my $s = $c->request(method => 'POST', path => '/body', open => 1);
	$c->send_data($s, 'a');
	is($c->get('/return')->status, 200, 'nobody else waits');
	$c->send_data($s, 'bc');
	is($c->response($s)->body, 'abc', 'wait-for-body');
	is(both('http-buffer-request', '/gather', method => 'POST', body => 'a=1&b=' . 'x' x 5000)->body,
	    '5006 1', 'as a whole');
	$s = $c->request(method => 'POST', path => '/gather', open => 1);
	$c->send_data($s, $_) for 'a=', '7', '&';
	$c->send_data($s, '', end => 1);
	is($c->response($s)->body, '4 7', 'in parts');
	$s = $c->request(method => 'POST', path => '/gather', open => 1,
	    headers => [['expect', '100-continue']]);
	ok($c->wait_for(sub { $c->stream($s)->interim }), '100 Continue');
	$c->send_data($s, 'a=8', end => 1);
	is($c->response($s)->body, '3 8', 'then the body');
	$s = $c->request(method => 'POST', path => '/gather', open => 1);
	$c->send_data($s, 'a');
	is($c->response($s)->status, 408, 'one that does not come');
	is($c->get('/return')->status, 200, 'others go on');
};

subtest 'persistence' => sub {
	my $r = $c->get('/sticky');
	like($r->header('set-cookie'), qr/^SRV=one/, 'a cookie');
	$r = $c->get('/sticky', headers => [['cookie', 'a=b'], ['cookie', 'SRV=one'], ['cookie', 'c=d']]);
	is($r->header('set-cookie'), undef, 'in a crumb');
	$r = $c->get('/sticky/', headers => [['cookie', 'SRV=one'], ['cookie', 'c=d']]);
	my ($got) = grep { $_->uri eq '/sticky/' } $o->requests;
	is($got->header('cookie'), 'c=d', 'indirect');
};

subtest 'tables' => sub {
	my $d = h2_client($p->addr('web'));
	my ($cur, $cnt, $req) = split ' ', $d->get('/track')->body;
	my ($cur2, $cnt2, $req2) = split ' ', $d->get('/track')->body;
	is($cur2, $cur, 'a connection is tracked once');
	is($cnt2, $cnt, 'and counted once');
	is($req2, $req + 1, 'requests each');
	$d->close;
	ok((wait_until { cli_ask("$p->{dir}/sock", 'show table web') =~ /conn_cur=1\b/ }),
	    'until it ends') or diag cli_ask("$p->{dir}/sock", 'show table web');
	like(cli_ask("$p->{dir}/sock", 'show table web'), qr/use=1\b/, 'the entry is let go');
};

subtest 'logs' => sub {
	1 while $log->next_line(0.2);
	my $line = sub { ($log->next_line // {})->{msg} // '' };
	$c->get('/len?100');
	my $got = $line->();
	like($got, qr{^HTTP/2\.0 GET http://test/len 200 \d+ \d+ ---- \{test\} \{\} }, 'a request');
	like($got, qr{"GET http://test/len\?100 HTTP/2\.0"$}, 'its line');
	my ($b100) = $got =~ /GET \S+ 200 (\d+)/;
	$c->get('/len?50000');
	my ($b50k) = $line->() =~ /GET \S+ 200 (\d+)/;
	is($b50k - $b100, 49_902, 'bytes are those of the message');
	$c->get('/parts');
	my ($parts) = $line->() =~ /GET \S+ 200 (\d+)/;
	cmp_ok($parts, '<', 50_200, 'of a service') or diag $parts;
	cmp_ok($parts, '>=', 50_000, 'all of them');
	$c->get('/return');
	my ($ret) = $line->() =~ /GET \S+ 200 (\d+)/;
	cmp_ok($ret, '<', 150, 'of an answer of its own') or diag $ret;
	$c->get('/deny');
	my $deny = $line->();
	like($deny, qr{ 403 (\d+) \d+ PR-- }, 'denied');
	my ($n) = $deny =~ / 403 (\d+)/;
	cmp_ok($n, '<', 200, 'of a page') or diag $n;
	$c->get('/empty-backend');
	like($line->(), qr{ 503 \d+ \d+ SC-- }, 'no server');
	$c->get('/packed?5000', headers => [['accept-encoding', 'gzip']]);
	my ($z) = $line->() =~ /GET \S+ 200 (\d+)/;
	cmp_ok($z, '<', 4000, 'of what is packed') or diag $z;
	$c->get('/x', headers => [['x-big', 'y' x 30_000]]);
	like($line->(), qr{ 431 \d+ \d+ PR-- .*"<BADREQ>"$}, 'a head that is too large');
	$c->get('/wait', headers => [['cookie', 'seen=ck']]);
	like($line->(), qr{\{seen=ck\} yes "}, 'a cookie, a variable');
	my $r = $c->response($c->request(method => 'POST', path => '/echo', body => 'z' x 10_000));
	my ($out, $in) = $line->() =~ /POST \S+ 200 (\d+) (\d+)/;
	cmp_ok($in, '>=', 10_000, 'bytes of the request');
	cmp_ok($in, '<', 10_400, 'and of its head') or diag $in;
};

subtest 'numbers' => sub {
	my ($fe) = grep { /^web,FRONTEND/ } split /\n/, cli_ask("$p->{dir}/sock", 'show stat');
	my @f = split /,/, $fe;
	cmp_ok($f[48], '>', 60, 'requests');
	cmp_ok($f[7], '<', $f[48], 'fewer connections');
	like(cli_ask("$p->{dir}/sock", 'show errors'), qr/\S/, 'show errors');
	is_deeply([$c->violations], [], 'nothing was wrong');
};

stop_proxy($p);
done_testing();
