# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# HTTP/2 from clients to an HTTP/1.1 server, over clear text and TLS: how it
# begins, requests in parallel, bodies both ways through windows of any size,
# heads, trailers, interim answers, and tunnels.
use Tideway::Test;
use Tideway::Certs;
use Tideway::H1Origin;
use Tideway::H2;
use Tideway::TLS;

my $site = cert('localhost');
my $o = h1_origin(name => 's');
my $p = start_proxy("global
    nbthread 4
" . defaults('timeout tunnel 20s') . "
listen clear
    bind {BIND:clear}
    bind {BIND:h2} proto h2
    bind {BIND:h1} proto h1
    bind {BIND:pp} accept-proxy
    http-request return status 200 content-type text/plain lf-string %[src] if { path /src }
    http-request return status 200 content-type text/plain lf-string %[req.ver] if { path /ver }
    server s ${\ $o->addr}
listen no-upgrade
    bind {BIND:old}
    option disable-h2-upgrade
    server s ${\ $o->addr}
listen tls
    bind {BIND:tls} ssl crt $site->{pem}
    bind {BIND:tls_h2} ssl crt $site->{pem} alpn h2
    bind {BIND:tls_h1} ssl crt $site->{pem} alpn http/1.1
    bind {BIND:tls_no} ssl crt $site->{pem} no-alpn
    bind {BIND:tls_both} ssl crt $site->{pem} alpn h2,http/1.1
    http-request return status 200 content-type text/plain lf-string '%[fc_http_major] %[ssl_fc] %[ssl_fc_alpn] %[ssl_fc_sni] %[ssl_fc_is_resumed]' if { path /tls }
    server s ${\ $o->addr}
");

my %ANY = (verify => 0);

sub client
{
	my ($name, %o) = @_;

	return h2_client($p->addr($name), tls => $name =~ /^tls/ ? {%ANY} : 0, %o);
}

# nobody complained, and the connection still serves
sub fine
{
	my ($c) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($c->get('/')->body, "s\n", 'it goes on');
	is_deeply([$c->violations], [], 'nothing was wrong');
}

subtest 'how it begins' => sub {
	for my $bind (qw(clear h2 tls tls_h2 tls_both)) {
		my $c = client($bind);
		is($c->get('/')->body, "s\n", $bind);
		is($c->alpn, 'h2', 'agreed') if $bind =~ /^tls/;
		$c->close;
	}
	is(h2_client($p->addr('tls'), tls => {%ANY, sni => 'localhost'})->get('/tls')->body,
	    '2 1 h2 localhost 0', 'what rules can see of it');
	for my $bind (qw(tls_h1 tls_no)) {
		my $t = tls_client($p->addr($bind), alpn => ['h2', 'http/1.1'], %ANY);
		isnt($t->sock->alpn_selected // 'none', 'h2', "$bind: not agreed");
		is($t->request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->body, "s\n", 'HTTP/1.1');
	}
	my $t = tls_client($p->addr('tls_both'), alpn => ['http/1.1'], %ANY);
	is($t->request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->body, "s\n", 'as the client likes');
	is($p->get('clear', '/')->body, "s\n", 'HTTP/1.1 on the same line');
	for my $bind (qw(h1 old)) {
		my $c = h2_client($p->addr($bind), raw => 1);
		$c->start;
		like($c->peer->read_all, qr{\AHTTP/1\.\d (?:400|505) }, "$bind: the preface is refused");
	}
	my $c = h2_client($p->addr('h2'), raw => 1);
	$c->send_raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	is($c->ended->{code}, 'PROTOCOL_ERROR', 'only HTTP/2');
	$c = h2_client($p->addr('clear'), raw => 1);
	$c->send_raw($_) for split //, h2_preface() . h2_frame('SETTINGS', 0, 0);
	fine($c);
	for (1 .. 30) {
		my $block = $c->{out}->encode([':method', 'GET'], [':scheme', 'http'],
		    [':path', '/len?3'], [':authority', 'a']);
		my $s = $c->{next};
		$c->{next} += 2;
		$c->send_raw($_) for split //, h2_frame('HEADERS', 'END_HEADERS|END_STREAM', $s, $block);
		$c->response($s)->body eq octets(3) or last;
	}
	fine($c);
	for my $bind (qw(clear h2)) { # all that it says at once, and its end
		$c = h2_client($p->addr($bind), raw => 1, auto => 0);
		my $block = $c->{out}->encode([':method', 'GET'], [':scheme', 'http'],
		    [':path', '/len?3'], [':authority', 'a']);
		kill 'STOP', $p->pids;
		$c->send_raw(h2_preface() . h2_frame('SETTINGS', 0, 0)
		    . h2_frame('HEADERS', 'END_HEADERS|END_STREAM', 1, $block));
		$c->peer->shutdown_write;
		kill 'CONT', $p->pids;
		is($c->response(1)->body, octets(3), "$bind: a client that has nothing more to say");
	}
	$c = h2_client($p->addr('pp'), raw => 1);
	$c->send_raw("PROXY TCP4 192.0.2.7 192.0.2.8 1000 2000\r\n");
	$c->start;
	is($c->get('/src')->body, '192.0.2.7', 'behind a PROXY header');
	is($c->get('/ver')->body, '2.0', 'the version');
	is($c->response($c->request(path => '/src'))->body, '192.0.2.7', 'each of its streams');
};

subtest 'what the server receives' => sub {
	my $c = client('clear', huffman => 1);
	my $r = $c->get('/echo?a=b', authority => 'example.org:81', headers => [
	    ['x-a', '1'], ['cookie', 'a=1'], ['x-b', ''], ['cookie', 'b=2'], ['te', 'trailers']]);
	is($r->header('x-in-host'), 'example.org:81', 'Host');
	is($r->header('x-in-x-a'), 1, 'a field');
	is($r->header('x-in-cookie'), 'a=1; b=2', 'crumbs of a cookie');
	my ($got) = grep { $_->uri =~ /^\/echo/ } $o->requests;
	is($got->start, 'GET /echo?a=b HTTP/1.1', 'the request line');
	unlike($got->{raw}, qr/transfer-encoding|content-length/i, 'and no body');
	$r = $c->get('/connection');
	is($r->header($_), undef, "$_ is HTTP/1's") for qw(connection x-hop keep-alive upgrade);
	is($r->header('x-stays'), 1, 'other fields pass');
	$r = $c->response($c->request(method => 'OPTIONS', path => '*'));
	is($r->status, 200, 'OPTIONS *');
	like(join("\n", map { $_->start } $o->requests), qr/^OPTIONS \* HTTP/m, 'as it is');
	fine($c);
};

subtest 'in parallel' => sub {
	my $c = client('clear');
	my @s = map { $c->request(path => '/len?' . 100 * $_) } 1 .. 90;
	is(join(' ', map { length $c->response($_)->body } @s),
	    join(' ', map { 100 * $_ } 1 .. 90), 'each has its own');
	my @slow = map { $c->request(path => "/slow?p$_") } 1 .. 5;
	is($c->get('/')->status, 200, 'one overtakes five');
	$o->set("go-p$_") for 1 .. 5;
	is(join(' ', map { $c->response($_)->body } @slow), 'slow slow slow slow slow', 'they come');
	fine($c);
};

sub same
{
	my ($got, $want, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	ok($got eq $want, "$name: " . length($want) . ' octets') or diag length $got;
}

subtest 'bodies to the client' => sub {
	for my $bind (qw(clear tls)) {
		my $c = client($bind, settings => { INITIAL_WINDOW_SIZE => 1 << 20 });
		for my $n (0, 1, 8192, 16384, 16385, 100_000, 1 << 20) {
			for my $how (qw(len chunked close)) {
				my $r = $c->get("/$how?$n");
				same($r->body, octets($n), $how);
				is($r->header('content-length'), $how eq 'len' ? $n : undef,
				    'its length');
			}
		}
		fine($c);
	}
	my $c = client('clear', settings => { INITIAL_WINDOW_SIZE => 1 });
	same($c->get('/len?3000')->body, octets(3000), 'a window of 1');
	$c = client('clear', settings => { INITIAL_WINDOW_SIZE => 0 }, hold => 1);
	my $s = $c->request(path => '/chunked?500');
	$c->wait_for(sub { $c->stream($s)->{headers} });
	for my $n (1 .. 500) {
		$c->window($s, 1);
		$c->wait_for(sub { length $c->stream($s)->body >= $n });
	}
	same($c->response($s)->body, octets(500), 'octet by octet');
	$c->{hold} = 0;
	$c = client('clear', settings => { MAX_FRAME_SIZE => 100_000,
	    INITIAL_WINDOW_SIZE => 300_000 }, window => 300_000);
	same($c->get('/len?250000')->body, octets(250_000), 'large frames');
	fine($c);
};

subtest 'bodies to the server' => sub {
	for my $bind (qw(clear tls)) {
		my $c = client($bind);
		for my $n (0, 1, 100, 16384, 70_000, 1 << 20) {
			my $body = octets($n);
			for my $len (0, 1) {
				my $r = $c->response($c->request(method => 'POST', path => '/echo',
				    body => $body, headers => $len ? [['content-length', $n]] : []));
				same($r->body, $body, $len ? 'with a length' : 'without');
				is($r->header('x-in-transfer-encoding'), $len ? undef : 'chunked', 'framing')
				    if $n;
			}
		}
		my $r = $c->response($c->request(method => 'POST', path => '/echo',
		    body => octets(3000), chunk => 1));
		same($r->body, octets(3000), 'frames of 1');
		my $s = $c->request(method => 'POST', path => '/echo', open => 1, pad => 200);
		for my $n (0 .. 99) {
			$c->send_frame('DATA', 'PADDED', $s, "\xff" . ($n % 10) . "\0" x 255);
		}
		$c->send_frame('DATA', 'END_STREAM|PADDED', $s, "\x05" . "\0" x 5);
		is($c->response($s)->body, '0123456789' x 10, 'padded');
		fine($c);
	}
	my $c = client('clear');
	my @s = map { $c->request(method => 'POST', path => '/echo', open => 1) } 1 .. 8;
	for my $part (0 .. 19) {
		$c->send_data($_, chr(97 + $part) x 5000) for @s;
	}
	$c->send_data($_, '', end => 1) for @s;
	my $want = join '', map { chr(97 + $_) x 5000 } 0 .. 19;
	same($c->response($_)->body, $want, 'several at once') for @s;
	fine($c);
};

# All answers are there when the windows open: each gets its turn.
subtest 'fairness' => sub {
	my $c = client('clear', window => 30 << 20, settings => { INITIAL_WINDOW_SIZE => 0 },
	    hold => 1);
	my @s = map { $c->request(path => '/len?700000') } 1 .. 6;
	my @order;

	$c->response($_, early => 1) for @s;
	$c->{trace} = sub { push @order, $_[0]{sid} if $_[0]{name} eq 'DATA' };
	$c->{settings}{INITIAL_WINDOW_SIZE} = 4 << 20;
	$_->{recv_window} += 4 << 20 for values %{ $c->{streams} };
	$c->send_frame('SETTINGS', 0, 0, h2_settings(INITIAL_WINDOW_SIZE => 4 << 20));
	same($c->response($_)->body, octets(700_000), 'whole') for @s;
	my %n;
	my ($first) = grep { $n{ $order[$_] }++ >= 40 } 0 .. $#order;
	is(scalar(keys %n), 6, 'each has begun before one is through');
	my ($min) = sort { $a <=> $b } values %n;
	cmp_ok($min, '>', 15, 'and had about as much as the others');
	fine($c);
};

subtest 'a client that does not read' => sub {
	my $c = client('clear', window => 30 << 20,
	    settings => { INITIAL_WINDOW_SIZE => 16 << 20 });
	my @s = map { $c->request(path => '/len?3000000') } 1 .. 6;
	my $other = client('clear');
	is($other->get('/')->status, 200, 'harms nobody else') for 1 .. 3;
	same($c->response($_, secs => 60)->body, octets(3_000_000), 'whole') for @s;
	fine($c);
};

subtest 'heads alone' => sub {
	my $c = client('clear');
	my $r = $c->get('/len?5000', method => 'HEAD');
	is_deeply([$r->status, $r->header('content-length'), $r->body, $r->{complete}],
	    [200, 5000, '', 1], 'HEAD');
	$r = $c->get('/chunked?5000', method => 'HEAD');
	is_deeply([$r->status, $r->body, $r->{complete}], [200, '', 1], 'HEAD, no length');
	$r = $c->get('/empty');
	is_deeply([$r->status, $r->header('x-a'), $r->header('content-length'), $r->body],
	    [204, 'b', undef, ''], 'no content');
	$r = $c->get('/same');
	is_deeply([$r->status, $r->header('etag'), $r->body], [304, '"a"', ''], 'not modified');
	is($c->get('/nobody', method => 'HEAD')->body, '', 'once more');
	fine($c);
};

subtest 'before the answer' => sub {
	my $c = client('clear');
	my $r = $c->get('/early');
	is_deeply([[$r->interim], $r->status, $r->body], [[103], 200, 'late'], 'early hints');
	is(Tideway::H2Stream::_field($r->{interim}[0], 'link'), '</a>; rel=preload', 'its field');
	my $s = $c->request(method => 'POST', path => '/echo', open => 1,
	    headers => [['expect', '100-continue'], ['content-length', 5]]);
	$c->send_data($s, 'right', end => 1);
	is($c->response($s)->body, 'right', 'Expect');
	is($c->stream($s)->header('x-in-expect'), '100-continue', 'is passed on');
	fine($c);
};

subtest 'trailers' => sub {
	my $c = client('clear');
	my $r = $c->get('/trailers', headers => [['te', 'trailers'],
	    ['content-type', 'application/grpc']]);
	is_deeply([$r->body, $r->trailer('grpc-status'), $r->trailer('grpc-message')],
	    ['message', 0, 'ok'], 'of an answer');
	my ($got) = grep { $_->uri eq '/trailers' } $o->requests;
	is($got->header('te'), 'trailers', 'TE');
	$r = $c->response($c->request(method => 'POST', path => '/echo', body => 'b' x 40_000,
	    trailers => [['x-sum', 'abc'], ['x-other', '1']]));
	same($r->body, 'b' x 40_000, 'a body with trailers');
	my ($in) = grep { $_->uri eq '/echo' && $_->{raw_body} =~ /x-sum/ } $o->requests;
	like($in->{raw_body}, qr/\r\n0\r\nx-sum: abc\r\nx-other: 1\r\n\r\n\z/, 'they arrive');
	$r = $c->response($c->request(method => 'POST', path => '/echo', body => '',
	    trailers => [['x-only', '1']]));
	is($r->status, 200, 'trailers alone');
	fine($c);
};

subtest 'tunnels' => sub {
	for my $bind (qw(clear tls)) {
		my $c = client($bind);
		my $s = $c->request(open => 1, fields => [[':method', 'CONNECT'],
		    [':authority', 'example.org:443']]);
		is($c->response($s, early => 1)->status, 200, 'CONNECT');
		is($c->stream($s)->header('transfer-encoding'), undef, 'no framing');
		for my $part ('a', 'b' x 20_000, 'c') {
			my $n = length $c->stream($s)->body;
			$c->send_data($s, $part);
			$c->wait_for(sub { length $c->stream($s)->body >= $n + length $part });
		}
		is(length $c->stream($s)->body, 20_002, 'both ways');
		$c->send_data($s, 'end', end => 1);
		like($c->response($s)->body, qr/cend\z/, 'and its end');
		like(join("\n", map { $_->start } $o->requests),
		    qr/^CONNECT example\.org:443 HTTP\/1\.1$/m, 'what the server got');
		fine($c);
	}
};

subtest 'WebSocket' => sub {
	my %keys;
	my $n = $o->requests;

	for my $bind (qw(clear tls)) {
		my $c = client($bind);
		my @ask = map { [[':method', 'CONNECT'], [':scheme', 'http'], [':path', $_],
		    [':authority', 'a'], [':protocol', 'websocket'],
		    ['sec-websocket-version', 13], ['origin', 'http://a']] } qw(/ws /wsbad /refused);
		$c->wait_for(sub { defined $c->theirs->{ENABLE_CONNECT_PROTOCOL} });
		is($c->theirs->{ENABLE_CONNECT_PROTOCOL}, 1, 'offered');
		my @s = map { $c->request(open => 1, fields => $ask[0]) } 1 .. 3;
		for my $s (@s) {
			my $r = $c->response($s, early => 1);
			is($r->status, 200, 'agreed to');
			is($r->header($_), undef, "no $_") for qw(upgrade connection
			    sec-websocket-accept sec-websocket-key);
			$c->send_data($s, 'x' x 30_000);
			$c->wait_for(sub { length $r->body >= 30_005 });
			is($r->body, 'hello' . 'x' x 30_000, 'both ways');
			$c->send_data($s, '', end => 1);
			is($c->response($s)->{complete}, 1, 'its end');
		}
		is($c->response($c->request(open => 1, fields => $ask[1]))->status, 502,
		    'a server that does not know the key');
		my $r = $c->response($c->request(open => 1, fields => $ask[2]));
		is_deeply([$r->status, $r->body], [403, 'no'], 'refused');
		fine($c);
	}
	for my $m (grep { $_->uri eq '/ws' } ($o->requests)[$n .. $o->requests - 1]) {
		is($m->method, 'GET', 'HTTP/1.1 has it as GET');
		is(lc $m->header('Upgrade'), 'websocket', 'Upgrade');
		like($m->header('Connection'), qr/upgrade/i, 'Connection');
		is($m->header('sec-websocket-version'), 13, 'other fields');
		my $key = $m->header('Sec-WebSocket-Key');
		like($key, qr{\A[A-Za-z0-9+/]{22}==\z}, 'a key');
		$keys{$key} = 1;
	}
	is(scalar(keys %keys), 6, 'a new one each time');
};

sub find_tool { (grep { -x } map { "$_/$_[0]" } split /:/, $ENV{PATH})[0] }

subtest 'curl' => sub {
	my $curl = find_tool('curl');
	plan skip_all => 'no curl with HTTP/2' if !$curl
	    || run_cmd({ bin => $curl }, '-V')->{out} !~ /HTTP2/;
	my $file = spew('up', octets(300_000));
	for my $way (['http', 'clear', '--http2-prior-knowledge'], ['https', 'tls', '-k', '--http2']) {
		my ($scheme, $bind, @args) = @$way;
		my $url = "$scheme://" . $p->addr($bind);
		my $r = run_cmd({ bin => $curl }, '-s', @args, '-w', '%{http_version}', "$url/");
		is($r->{out}, "s\n2", $bind);
		$r = run_cmd({ bin => $curl }, '-s', @args, '--data-binary', "\@$file", "$url/echo");
		same($r->{out}, octets(300_000), 'a body');
		$r = run_cmd({ bin => $curl }, '-s', @args, '-T', $file, '-H', 'Content-Length:',
		    "$url/echo");
		same($r->{out}, octets(300_000), 'an upload');
	}
};

subtest 'nghttp and h2load' => sub {
	my ($nghttp, $h2load) = map { find_tool($_) } qw(nghttp h2load);
	plan skip_all => 'not installed' unless $nghttp && $h2load;
	for my $way (['http', 'clear'], ['https', 'tls']) {
		my $url = "$way->[0]://" . $p->addr($way->[1]);
		my $r = run_cmd({ bin => $nghttp }, '-v', "$url/trailers", "$url/early");
		like($r->{out}, qr/grpc-status: 0/, 'trailers');
		like($r->{out}, qr/:status: 103/, 'an answer before the answer');
		$r = run_cmd({ bin => $nghttp }, '-w', 10, '-W', 12, "$url/len?200000");
		same($r->{out}, octets(200_000), 'windows');
		$r = run_cmd({ bin => $h2load, secs => 60 }, '-n', 3000, '-c', 6, '-m', 20, "$url/len?2000");
		like($r->{out}, qr/3000 succeeded, 0 failed/, 'load') or diag $r->{out};
	}
};

stop_proxy($p);
done_testing();
