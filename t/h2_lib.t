# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The tests' own HTTP/2 library: HPACK with the examples of RFC 7541, the client
# with the origin, both with nghttp and through Debian's haproxy.
use Tideway::Test;
use Tideway::Compare;
use Tideway::H2;
use Tideway::TLS;

my $dir = Tideway::Test::temp_dir();
my $server;

END { kill 'KILL', $server if $server }

sub hex_of { return unpack 'H*', $_[0] }
sub bytes { return pack 'H*', $_[0] =~ s/\s//gr }
sub text { return join "\n", map { "$_->[0]: $_->[1]" } @_ }

sub find_tool
{
	my ($name) = @_;

	return (grep { -x } map { "$_/$name" } split /:/, $ENV{PATH})[0];
}

# --- HPACK ---

subtest 'pieces' => sub {
	is(hex_of(Tideway::Hpack::int_encode(10, 5)), '0a', 'C.1.1');
	is(hex_of(Tideway::Hpack::int_encode(1337, 5)), '1f9a0a', 'C.1.2');
	is(hex_of(Tideway::Hpack::int_encode(42, 8)), '2a', 'C.1.3');
	my $in = bytes('1f9a0a');
	is(Tideway::Hpack::int_decode(\$in, 5), 1337, 'back');
	my $all = join '', map { chr } 0 .. 255;
	is(Tideway::Hpack::huffman_decode(Tideway::Hpack::huffman_encode($all)), $all,
	    'each octet');
};

my @ONE = ([':method', 'GET'], [':scheme', 'http'], [':path', '/'],
    [':authority', 'www.example.com', 'index']);
my @TWO = (@ONE, ['cache-control', 'no-cache', 'index']);
my @THREE = ([':method', 'GET'], [':scheme', 'https'], [':path', '/index.html'],
    [':authority', 'www.example.com', 'index'],
    ['custom-key', 'custom-value', 'index']);

for my $set (['C.3', 0, '828684410f7777772e6578616d706c652e636f6d',
	'828684be58086e6f2d6361636865',
	'828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565'],
    ['C.4', 1, '828684418cf1e3c2e5f23a6ba0ab90f4ff', '828684be5886a8eb10649cbf',
	'828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf']) {
	my ($name, $huffman, @blocks) = @$set;
	my $out = Tideway::Hpack->new(huffman => $huffman);
	my $in = Tideway::Hpack->new;
	for my $fields (\@ONE, \@TWO, \@THREE) {
		my $block = bytes(shift @blocks);
		is(text($in->decode($block)), text(@$fields), "$name decoded");
		is(hex_of($out->encode(@$fields)), hex_of($block), 'encoded');
	}
	is($in->{size}, 164, 'the table');
}

# C.5 and C.6: a table of 256 octets from which entries fall
for my $set (['C.5', 0], ['C.6', 1]) {
	my ($name, $huffman) = @$set;
	my @common = (['cache-control', 'private', 'index'],
	    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT', 'index'],
	    ['location', 'https://www.example.com', 'index']);
	my $out = Tideway::Hpack->new(huffman => $huffman, max => 256);
	my $in = Tideway::Hpack->new(max => 256);
	my $block = $out->encode([':status', 302, 'index'], @common);
	is(hex_of($block), $huffman
	    ? '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3'
	    : '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
	    "$name.1");
	is(text($in->decode($block)), text([':status', 302], @common), 'decoded');
	is($in->{size}, 222, 'the table');
	$block = $out->encode([':status', 307, 'index'], @common);
	is(hex_of($block), $huffman ? '4883640effc1c0bf' : '4803333037c1c0bf', "$name.2");
	is(text($in->decode($block)), text([':status', 307], @common), 'decoded');
	is($in->{table}[-1][0], 'cache-control', 'the oldest is gone');
}

subtest 'representations' => sub {
	my $h = Tideway::Hpack->new;
	my @r = $h->decode(bytes('400a637573746f6d2d6b65790d637573746f6d2d686561646572'
	    . '040c2f73616d706c652f70617468' . '100870617373776f726406736563726574' . '82'));
	is_deeply([map { $_->[2] } @r], [qw(index plain never indexed)], 'C.2');
	is($h->{size}, 55, 'one of them is in the table');
	for my $bad (['80', 'no entry'], ['ff80', 'too early'], ['04ff', 'too early'],
	    ['040a61', 'longer'], ['0481', 'longer'], ['048100', 'padding'],
	    ['0484ffffffff', 'EOS'], ['3fe21f', 'a table of'], ['8220', 'after a field']) {
		ok(!eval { Tideway::Hpack->new->decode(bytes($bad->[0])); 1 }, "block $bad->[0]");
		like($@, qr/$bad->[1]/, 'it says so');
	}
};

# --- the client with the origin ---

my $root = ca('Root');
my $site = cert('localhost', ca => $root);

# the origin's answers as the client sees them, whatever is between the two
sub answers
{
	my ($c, $o) = @_;

	is($c->get('/')->body, "h2\n", 'a body');
	is($c->get('/', method => 'HEAD')->header('content-length'), 3, 'HEAD');
	my $r = $c->response($c->request(method => 'POST', path => '/echo',
	    headers => [['x-a', 'b']], body => 'q' x 200_000,
	    trailers => [['x-t', 'u']]));
	is(length $r->body, 200_000, 'beyond the windows');
	is($r->header('x-in-x-a'), 'b', 'fields');
	is($r->header('x-in-x-t'), 'u', 'trailers');
	$r = $c->get('/trailers');
	is_deeply([$r->body, $r->trailer('x-check')], ["with trailers\n", 'abc'],
	    'trailers of an answer');
	is_deeply([$c->get('/early')->interim], [103], 'an answer before the answer');
	my $big = $c->get('/big?300000');
	is(length $big->body, 300_000, 'a big body');
	like($big->body, qr/\A0000000\n.*0037499\n\z/s, 'of the right octets');
	is($c->get('/empty')->status, 204, 'no body');
	$r = $c->response($c->request(method => 'POST', path => '/grpc',
	    headers => [['content-type', 'application/grpc'], ['te', 'trailers']],
	    body => "\0\0\0\0\2hi"));
	is_deeply([$r->body, $r->trailer('grpc-status')], ["\0\0\0\0\2hi", 0], 'gRPC');
	is($c->get('/grpc-error')->header('grpc-status'), 5, 'its error');
	my @s = map { $c->request(path => $_) } '/slow', '/';
	is($c->response($s[1])->body, "h2\n", 'one overtakes another');
	$o->set('go');
	is($c->response($s[0])->body, "slow\n", 'that comes later');
	$o->unset('go');
	is_deeply([$c->violations], [], 'nothing was wrong');
}

for my $tls (0, 1) {
	subtest $tls ? 'over TLS' : 'prior knowledge' => sub {
		my $o = h2_origin(trace => 1, $tls ? (cert => $site) : (),
		    settings => { MAX_CONCURRENT_STREAMS => 50 });
		my $c = h2_client($o->addr, tls => $tls && { ca => $root });
		is($c->alpn, 'h2', 'ALPN') if $tls;
		answers($c, $o);
		is($c->theirs->{MAX_CONCURRENT_STREAMS}, 50, 'settings');
		is($c->reset_code($c->request(path => '/rst?REFUSED_STREAM')),
		    'REFUSED_STREAM', 'reset');
		my $r = $c->get('/rst-mid');
		is_deeply([$r->body, $r->is_reset, $r->{complete}], ['half', 'CANCEL', 0],
		    'in the middle');
		my $s = $c->request(method => 'CONNECT', open => 1, fields => [
		    [':method', 'CONNECT'], [':authority', 'a:1']]);
		is($c->response($s, early => 1)->status, 200, 'CONNECT');
		$c->send_data($s, 'ping', end => 1);
		is($c->response($s)->body, 'ping', 'comes back');
		$c->ping('abcdefgh');
		is($c->read_named('PING')->{payload}, 'abcdefgh', 'PING');
		is($c->get('/goaway')->status, 200, 'an answer before GOAWAY');
		is(($c->goaway // $c->read_named('GOAWAY'))->{code}, 'NO_ERROR', 'GOAWAY');
		$c->close;
		my ($got) = grep { $_->path eq '/echo' } $o->requests;
		is_deeply([$got->header('x-a'), length $got->body, $got->trailer('x-t')],
		    ['b', 200_000, 'u'], 'what it recorded');
		ok((grep { $_->[2] =~ /^PING 0 0 8$/ } $o->events('frame')), 'frames');
		is_deeply([map { $_->[2] } $o->events('violation')], [], 'nothing was wrong');
	};
}

subtest 'small windows, split and padded' => sub {
	my $o = h2_origin(settings => { INITIAL_WINDOW_SIZE => 100 });
	my $c = h2_client($o->addr, settings => { INITIAL_WINDOW_SIZE => 10,
	    HEADER_TABLE_SIZE => 0 }, huffman => 1, static => 0);
	my $r = $c->response($c->request(method => 'POST', path => '/echo',
	    body => 'z' x 1000, headers => [['x-long', 'l' x 300, 'index']], split => 20,
	    pad => 7));
	is($r->body, 'z' x 1000, 'both ways');
	is($r->header('x-in-x-long'), 'l' x 300, 'a header in pieces');
	is_deeply([$c->violations], [], 'nothing was wrong');
	my $held = h2_origin(hold => 1);
	$c = h2_client($held->addr);
	my $s = $c->request(method => 'POST', path => '/echo', body => 'y' x 100_000);
	ok(!$c->is_flushed, 'a window that stays shut');
	$held->set('open');
	is(length $c->response($s)->body, 100_000, 'and is opened');
};

subtest 'wrong frames' => sub {
	my $o = h2_origin();
	my $c = h2_client($o->addr);
	$c->get('/');
	$c->send_frame('DATA', 'END_STREAM', 1, 'x');
	$c->send_frame(99, 0, 0, 'unknown');
	is($c->get('/')->status, 200, 'it goes on');
	$c->close;
	like(($o->wait_events('violation', 1))[0][2], qr/after its end/, 'it was seen');
	is(hex_of(h2_frame('SETTINGS', 'ACK', 0, h2_settings(MAX_FRAME_SIZE => 16384, 99 => 1))),
	    '00000c040100000000' . '000500004000' . '006300000001', 'bytes');
	is(hex_of(h2_frame('DATA', 'PADDED|END_STREAM', 3, '', length => 5)),
	    '000005000900000003', 'a lie');
	$c = h2_client($o->addr, raw => 1);
	$c->send_raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	is($c->ended->{state}, 'eof', 'no preface');
	my $l = listener();
	$c = h2_client($l->addr);
	my $peer = $l->accept;
	$peer->send(h2_frame('PING', 0, 0, '12345678') . h2_frame('SETTINGS', 0, 0)
	    . h2_frame('DATA', 0, 1, 'x' x 16384) x 5);
	$c->read_named('DATA') for 1 .. 5;
	my @v = $c->violations;
	like($v[0], qr/before SETTINGS/, 'SETTINGS come first');
	is($c->read_frame(0), undef, 'no more');
	$c = h2_client($l->addr, auto => 0);
	$l->accept->send(h2_frame('SETTINGS', 0, 0) . h2_frame('DATA', 0, 1, 'x' x 16384) x 5);
	$c->read_named('DATA') for 1 .. 5;
	like(($c->violations)[0], qr/beyond/, 'windows are watched');
};

# --- with others ---

subtest 'nghttp' => sub {
	my $nghttp = find_tool('nghttp') or plan skip_all => 'nghttp is not installed';
	for my $tls (0, 1) {
		my $o = h2_origin(name => 'one', $tls ? (cert => $site) : ());
		my $url = ($tls ? 'https' : 'http') . '://' . $o->addr;
		my $r = run_cmd({ bin => $nghttp }, '-v', "$url/trailers", "$url/early");
		like($r->{out}, qr/x-check: abc/, 'trailers') or diag $r->{out}, $r->{err};
		like($r->{out}, qr/:status: 103/, 'an answer before the answer');
		$r = run_cmd({ bin => $nghttp }, '-w', 10, '-W', 12, "$url/big?200000");
		is(length $r->{out}, 200_000, 'windows');
		spew('body', 'w' x 150_000);
		$r = run_cmd({ bin => $nghttp }, '-d', "$dir/body", '--trailer', 'x-t: u',
		    '-H', 'x-own: ' . join('', map { chr } 33 .. 126), "$url/echo");
		is(length $r->{out}, 150_000, 'a body');
		my ($got) = grep { $_->path eq '/echo' } $o->requests;
		is($got->header('x-own'), join('', map { chr } 33 .. 126), 'Huffman');
		is($got->trailer('x-t'), 'u', 'a trailer');
		is_deeply([map { $_->[2] } $o->events('violation')], [], 'nothing was wrong');
	}
};

subtest 'nghttpd' => sub {
	my $nghttpd = find_tool('nghttpd') or plan skip_all => 'nghttpd is not installed';
	my $l = listener();
	my ($host, $port) = split /:/, $l->addr;
	spew('index.html', 'i' x 100_000);
	$l->close;
	$server = fork // die "fork: $!";
	if ($server == 0) {
		open STDERR, '>', '/dev/null';
		exec $nghttpd, '-a', $host, '-d', $dir, '--trailer', 'x-end: 1',
		    '--no-tls', $port or POSIX::_exit(127);
	}
	my $c;
	wait_until { $c = eval { h2_client("$host:$port", huffman => 1) } };
	my $r = $c->get('/index.html');
	is_deeply([$r->status, length $r->body, $r->trailer('x-end')], [200, 100_000, 1],
	    'an answer');
	$c->send_frame('PING', 0, 0, 'short');
	is($c->ended->{code}, 'FRAME_SIZE_ERROR', 'a wrong frame');
	is_deeply([$c->violations], [], 'nothing was wrong');
	kill 'KILL', $server;
	waitpid $server, 0;
	undef $server;
};

subtest 'haproxy between them' => sub {
	my $haproxy = find_haproxy() or plan skip_all => 'haproxy is not installed';
	my $o = h2_origin();
	my $secure = h2_origin(cert => $site);
	my $p = start_proxy("global\n    h2-workaround-bogus-websocket-clients\n" . defaults()
	    . "listen clear
    bind {BIND:clear} proto h2
    server s ${\ $o->addr} proto h2
listen tls
    bind {BIND:tls} ssl crt $site->{pem} alpn h2
    server s ${\ $secure->addr} ssl verify required ca-file $root->{crt} alpn h2
", bin => $haproxy);
	for my $way (['clear', $o], ['tls', $secure]) {
		my ($name, $origin) = @$way;
		my $c = h2_client($p->addr($name), huffman => 1,
		    tls => $name eq 'tls' && { ca => $root, sni => 'localhost' });
		answers($c, $origin);
		$c->send_frame('DATA', 0, 0, 'x');
		is($c->ended->{code}, 'PROTOCOL_ERROR', 'a wrong frame');
		is_deeply([map { $_->[2] } $origin->events('violation')], [],
		    'the origin saw nothing wrong');
	}
	is($p->stop, '', 'haproxy ends');
};

done_testing();
