# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The scripts of t/lua_mirror, one for each kind that is common in public, through
# tideway in both load modes with two threads and, unchanged, through Debian's
# haproxy: the same answers.
use Tideway::Test;
use Tideway::Compare;
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(encode_base64 encode_base64url);

my $scripts = test_dir() . '/lua_mirror';
my $dir = Tideway::Test::temp_dir();
my $rocks = grep({ -e "$_/cjson.so" && -e "$_/_openssl.so" } glob '/usr/lib/*/lua/5.3');
plan(skip_all => 'lua-cjson, lua-luaossl, lua-socket are not installed')
    unless $rocks && -e '/usr/share/lua/5.3/socket/http.lua';

mkdir "$dir/acme" or die;
spew('acme/token-1', 'token-1.thumbprint');
my $geo = spew('geo.map', "192.0.2.0/24 NL\n2001:db8::/32 SE\n");
my $json = spew('geo.json', '[{"net":"192.0.2.0/25","city":"Delft"},{"net":"192.0.2.128/25","city":"Gouda"}]');
my $list = "# blocked\nbadbot/1\nworse/2\n";

my $auth = origin(name => 'auth', respond => sub {
	my ($req) = @_;
	my $user = $req->header('X-User') // '';

	return response(200, $list, 'X-Agent: ' . $req->header('User-Agent')) if $req->{start} =~ m{ /list };
	return response(200, $req->header('X-From') // '', 'X-Server: auth') if $req->{start} =~ m{ /fetch };
	return response(403, 'no ' . $req->method, 'X-Why: unknown', 'X-Hidden: 1') if $user ne 'ann';
	return response(200, '', 'X-Group: staff', 'X-Level: 3', 'X-Other: no');
});
my $dns = origin(name => 'dns', raw => 1, greet => sub {
	my ($c) = @_;
	my $size = unpack 'n', $c->read_bytes(2, 30) // return;
	my $q = $c->read_bytes($size, 30);
	my $bad = $q =~ /\x012\x010\x010\x03127\x02bl\x04test\0/;
	my $a = substr($q, 0, 2) . pack('n5', $bad ? 0x8180 : 0x8183, 1, $bad ? 1 : 0, 0, 0) . substr($q, 12)
	    . ($bad ? pack('n3Nn', 0xc00c, 1, 1, 60, 4) . "\x7f\0\0\2" : '');

	$c->send(pack('n', length $a) . $a);
});
my $o = origin(name => 's');
my @names = map { m{([^/]+)\.lua$} } glob "$scripts/*.lua";

sub config
{
	my ($how, $more) = @_;

	return "global
    nbthread 2
    ${\ ($more // '')}
    setenv JWT_SECRET the-secret
    setenv ACME_ROOT $dir/acme
    setenv BOT_KEY bot-key
    setenv GEO_MAP $geo
    setenv GEO_JSON $json
    setenv LIST_URL http://${\ $auth->addr}/list
" . join('', map { "    $how $scripts/$_.lua\n" } @names) . defaults() . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.p) path
    http-request lua.cors GET,PUT http://a.test,http://b.test X-A if { path_beg /cors }
    http-response lua.cors GET,PUT http://a.test,http://b.test if { var(txn.p) -m beg /cors }
    http-request lua.auth-request auth /check if { path /auth/tcp }
    http-request lua.auth-request none /check if { path /auth/none }
    http-request lua.auth-intercept auth /check * x-user,x-e* x-group,x-l* x-w* if { path /auth/client }
    http-request lua.auth-intercept auth /check HEAD - - - if { path /auth/head }
    http-request deny deny_status 401 if { path_beg /auth/ } !{ var(txn.auth_ok) -m bool }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.auth_code)] %[var(req.auth_header.x_group)] %[var(req.auth_header.x_level)] %[req.hdr(x-group)] %[req.hdr(x-other)]\" if { path_beg /auth/ }
    http-request lua.jwt-rocks if { path /jwt/rocks }
    http-request lua.jwt-converters if { path /jwt/converters }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.jwt)] %[var(txn.jwt_sub)]\" if { path_beg /jwt/ }
    http-request use-service lua.acme-http01 if { path_beg /.well-known/acme-challenge/ }
    http-request lua.check-cookie if { path_beg /bot }
    http-request use-service lua.challenge if { path_beg /bot } !{ var(txn.human) -m int 1 }
    http-request return status 200 content-type text/plain string human if { path_beg /bot }
    http-request return status 200 content-type text/plain lf-string \"%[lua.country(x-addr)] %[req.hdr(x-addr),lua.city] %[lua.country]\" if { path /geo }
    http-request use-service lua.metrics if { path /metrics }
    http-request lua.dnsbl bl.test ${\ $dns->{host}} ${\ $dns->port} txn.listed if { path /dnsbl }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.listed)]\" if { path /dnsbl }
    http-request return status 200 content-type text/plain lf-string \"%[lua.fingerprint] %[var(txn.fingerprint_text)]\" if { path /fingerprint }
    http-request lua.blocked if { path /blocked }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.rounds)]\" if { path /blocked }
    http-request lua.fetch-direct http://${\ $auth->addr}/fetch if { path /fetch/direct }
    http-request lua.fetch-wrapped http://${\ $auth->addr}/fetch if { path /fetch/wrapped }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.fetched)]\" if { path_beg /fetch/ }
    use_backend %[lua.least-sessions(app)] if { path /least }
    default_backend app1
backend app1
    http-response set-header X-Be app1
    server s1 ${\ $o->addr}
backend app2
    http-response set-header X-Be app2
    server s2 ${\ $o->addr}
backend auth
    server a1 ${\ $auth->addr}
listen lines
    mode tcp
    bind {BIND:lines}
    tcp-request content use-service lua.lines
";
}

sub token
{
	my ($claims, $key, $alg) = @_;
	my $text = join '.', map { encode_base64url($_) } qq({"alg":"${\ ($alg // 'HS256')}","typ":"JWT"}), $claims;

	return "Authorization: Bearer $text." . encode_base64url(hmac_sha256($text, $key));
}

sub hello { 'X-Hello: ' . encode_base64($_[0], '') }
my $md5 = md5_hex('771,4865-4866,19-1');

# [script, what, path, fields of the request, what is expected of status, fields, body]
my @asks = (
	['auth', 'core.tcp, passes', '/auth/tcp', ['X-User: ann'], qr/^200 .*\[200 staff 3  \]$/],
	['auth', 'core.tcp, is refused', '/auth/tcp', ['X-User: bob'], qr/^401 /],
	['auth', 'core.tcp, no such backend', '/auth/none', ['X-User: ann'], qr/^401 /],
	['auth', 'httpclient, passes', '/auth/client', ['X-User: ann'], qr/^200 .*\[200 staff 3 staff \]$/],
	['auth', 'httpclient, is refused', '/auth/client', ['X-User: bob'], qr/^403 x-why=unknown \[no GET\]$/],
	['auth', 'httpclient, HEAD', '/auth/head', ['X-User: ann'], qr/^403 \[.*\]$/],
	(map { my $how = $_;
		['jwt', "$how: good", "/jwt/$how", [token('{"sub":"ann","exp":99999999999}', 'the-secret')], qr/^200 \[good ann\]$/],
		['jwt', "$how: another key", "/jwt/$how", [token('{"sub":"ann"}', 'another')], qr/^200 \[signature \]$/],
		['jwt', "$how: expired", "/jwt/$how", [token('{"sub":"ann","exp":1000}', 'the-secret')], qr/^200 \[expired \]$/],
		['jwt', "$how: none", "/jwt/$how", [token('{"sub":"ann"}', 'the-secret', 'none')], qr/^200 \[algorithm \]$/],
	} qw(rocks converters)),
	['cors', 'an origin that may', '/cors', ['Origin: http://b.test'],
		qr{^200 access-control-allow-origin=http://b.test vary=Accept-Encoding, Origin }],
	['cors', 'an origin that may not', '/cors', ['Origin: http://c.test'], qr{^200 (?!access|vary)}],
	['cors', 'no origin', '/cors', [], qr{^200 (?!access|vary)}],
	['cors', 'preflight', 'OPTIONS /cors', ['Origin: http://a.test', 'Access-Control-Request-Method: PUT'],
		qr{^204 access-control-allow-headers=X-A access-control-allow-methods=GET,PUT access-control-allow-origin=http://a.test access-control-max-age=600 }],
	['acme', 'a token', '/.well-known/acme-challenge/token-1', [], qr/^200 server=acme-responder \[token-1.thumbprint\]$/],
	['acme', 'none', '/.well-known/acme-challenge/../geo.json', [], qr/^404 server=acme-responder \[resource not found\n\]$/],
	['challenge', 'a form', '/bot', [], qr/^200 .*\[<form method=post>.*\]$/],
	['challenge', 'a bad cookie', '/bot', ['Cookie: a=b; pass=9999999999.00ff'], qr/^200 .*\[<form method=post>.*\]$/],
	['geo', 'NL', '/geo', ['X-Addr: 192.0.2.200'], qr/^200 \[NL Gouda ZZ\]$/],
	['geo', 'SE', '/geo', ['X-Addr: 2001:db8::1'], qr/^200 \[SE  ZZ\]$/],
	['geo', 'unknown', '/geo', ['X-Addr: 198.51.100.1'], qr/^200 \[ZZ  ZZ\]$/],
	['least', 'of two', '/least', [], qr/^200 x-be=app1 /],
	['dnsbl', 'listed', '/dnsbl', ['X-Addr: 127.0.0.2'], qr/^200 \[1\]$/],
	['dnsbl', 'not listed', '/dnsbl', ['X-Addr: 127.0.0.3'], qr/^200 \[0\]$/],
	['fingerprint', 'of some bytes', '/fingerprint', [hello("\x13\x01\x13\x02")], qr/^200 \[$md5 771,4865-4866,19-1\]$/],
	['fingerprint', 'of none', '/fingerprint', [], qr/^200 \[none \]$/],
	['refresh', 'one that is listed', '/blocked', ['User-Agent: worse/2'], qr/^403 /],
	['luasocket', 'core.tcp itself', '/fetch/direct', [], qr{^200 \[200 auth /fetch/direct\]$}],
	['luasocket', 'in a wrapper', '/fetch/wrapped', [], qr{^200 \[200 auth /fetch/wrapped\]$}],
);

sub ask
{
	my ($p, $path, @fields) = @_;
	my ($method, $uri) = $path =~ m{^(\S+) (.*)} ? ($1, $2) : ('GET', $path);
	my $r = $p->request('web', join "\r\n", "$method $uri HTTP/1.1", 'Host: h', @fields, '', '');

	return join ' ', $r->status, (sort map { lc($_->[0]) . "=$_->[1]" } grep {
		$_->[0] =~ /^(?:access-control-.*|vary|server|x-why|x-hidden|x-be|location)$/i } @{ $r->{headers} }),
	    '[' . $r->body . ']';
}

# what takes more than one request: a text to compare
sub steps
{
	my ($p) = @_;
	my %got;

	my $post = sub { $p->request('web', "POST /bot HTTP/1.1\r\nHost: h\r\nReferer: /bot\r\nContent-Length: "
	    . length($_[0]) . "\r\n\r\n$_[0]") };
	my $r = $post->('answer=4+2');
	my ($cookie) = ($r->header('Set-Cookie') // '') =~ /^(pass=[\d.a-f]+); Path/;
	$got{challenge} = join ' ', $r->status, $r->header('Location') // 'nowhere', ask($p, '/bot', 'Cookie: ' . ($cookie // '')),
	    ask($p, '/bot', 'Cookie: ' . ($cookie // '') . '0'), $post->('answer=5')->status;
	my $c = $p->client('lines');
	$c->send("SET a 1 2\r\nGET a\nGET b\r\nDATA 5\nxxxxxhm\nQUIT\n");
	$got{lines} = $c->read_all;
	my $text = $p->get('web', '/metrics')->body;
	$got{metrics} = join ' ', sort(($text =~ /^(haproxy_threads \d+)$/m), $text =~ /^(haproxy_server_up\{.*\} \d+)$/mg,
	    $text =~ /^(haproxy_(?:frontend|backend)_stot)\{/mg);
	return \%got;
}
my %steps = (challenge => qr{^302 /bot 200 \[human\] 200 \[<form.*\] 403$},
	lines => qr{^hello\r\nok\r\n1 2\r\nnone\r\ngot 5\r\nwhat\?\r\nbye\r\n$},
	metrics => qr/haproxy_server_up\{backend="app2",server="s2"\} 1 haproxy_server_up.* haproxy_threads 2/);

sub answers
{
	my ($p) = @_;

	# the task of the list has run, in each state
	wait_until { my $n = 0; $n += ask($p, '/blocked') =~ /\[[1-9]\d*\]$/ for 1 .. 8; $n == 8 };
	return [map { ask($p, $_->[2], @{ $_->[3] }) } @asks], steps($p);
}

my $haproxy = find_haproxy();
my ($his, $his_steps);
if ($haproxy) {
	my $h = start_proxy(config('lua-load'), bin => $haproxy);
	($his, $his_steps) = answers($h);
	diag($h->stderr) if $ENV{TW_VERBOSE};
	$h->stop;
}
for my $how ('lua-load', 'lua-load-per-thread') {
	my $p = start_proxy(config($how, 'tune.lua.bool-sample-conversion pre-3.1-bug'));
	my ($mine, $my_steps) = answers($p);
	diag($p->stderr) if $ENV{TW_VERBOSE};
	for my $name (@names) {
		subtest "$how: $name" => sub {
			for my $i (grep { $asks[$_][0] eq $name } 0 .. $#asks) {
				like($mine->[$i], $asks[$i][4], $asks[$i][1]);
				is($mine->[$i], $his->[$i], "$asks[$i][1], as haproxy") if $his;
			}
			return unless $steps{$name};
			like($my_steps->{$name}, $steps{$name}, 'several requests');
			is($my_steps->{$name}, $his_steps->{$name}, 'as haproxy') if $his;
		};
	}
	stop_proxy($p);
}

done_testing();
