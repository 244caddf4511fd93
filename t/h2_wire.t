# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What RFC 9113 says a server must refuse, on the wire: with the right error, of
# the stream or of the connection; and that nothing of it reaches an HTTP/1 server
# as something else than one request.
use Tideway::Test;
use Tideway::Cli;
use Tideway::H1Origin;
use Tideway::H2;

my $o = h1_origin(name => 's');
my $deaf = listener(); # whose connections nobody reads
my $p = start_proxy("global
    stats socket {DIR}/sock level admin
" . defaults() . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}

listen deaf
    bind {BIND:deaf}
    server s ${\ $deaf->addr}
");
my @OK = ([':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'a']);

# a connection past its beginning
sub client
{
	my $c = h2_client($p->addr('web'), @_);

	$c->wait_for(sub { $c->{acked} });
	return $c;
}

sub all_is_well
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(client()->get('/')->status, 200, "$name: the program goes on");
}

# the connection ends with this code
sub ends
{
	my ($name, $code, $do) = @_;
	my $c = client();
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$do->($c);
	my $e = $c->ended(10);
	is($e->{code}, $code, $name);
	isnt($e->{state}, 'open', "$name: closed");
}

# a stream is reset with this code, and the connection goes on
sub resets
{
	my ($name, $code, $do) = @_;
	my $c = client();
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $sid = $do->($c);

	is($c->reset_code($sid, 10), $code, $name) or diag $c->stream($sid)->status;
	is($c->get('/')->status, 200, "$name: others are served") or diag explain $c->goaway;
}

# the connection is as if nothing had been
sub ignored
{
	my ($name, $do) = @_;
	my $c = client();
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$do->($c);
	is($c->get('/')->status, 200, $name) or diag explain $c->goaway;
	is_deeply([$c->violations], [], 'nothing was wrong');
}

sub frame
{
	my @f = @_;

	return sub { $_[0]->send_frame(@f) };
}

# the fields of a request in place of which, or behind which, others stand
sub fields
{
	my (%o) = @_;
	my @f = map { my $n = $_->[0]; exists $o{$n} ? defined $o{$n} ? [$n, $o{$n}] : () : $_ } @OK;

	return [@f, @{ $o{more} // [] }];
}

sub request { my ($f, @o) = @_; return sub { $_[0]->request(fields => $f, @o) } }

subtest 'frames' => sub {
	ends('DATA on stream 0', 'PROTOCOL_ERROR', frame('DATA', 0, 0, 'x'));
	ends('HEADERS on stream 0', 'PROTOCOL_ERROR', frame('HEADERS', 'END_HEADERS', 0, "\x82"));
	ends('HEADERS on an even stream', 'PROTOCOL_ERROR', frame('HEADERS', 5, 2, "\x82\x86\x84\x41\x01a"));
	ends('DATA on an idle stream', 'PROTOCOL_ERROR', frame('DATA', 0, 5, 'x'));
	ends('RST_STREAM on an idle stream', 'PROTOCOL_ERROR', frame('RST_STREAM', 0, 5, pack 'N', 8));
	ends('RST_STREAM on stream 0', 'PROTOCOL_ERROR', frame('RST_STREAM', 0, 0, pack 'N', 8));
	ends('WINDOW_UPDATE on an idle stream', 'PROTOCOL_ERROR', frame('WINDOW_UPDATE', 0, 5, pack 'N', 8));
	ends('PRIORITY on stream 0', 'PROTOCOL_ERROR', frame('PRIORITY', 0, 0, pack 'NC', 1, 1));
	ends('SETTINGS on a stream', 'PROTOCOL_ERROR', frame('SETTINGS', 0, 1, ''));
	ends('PING on a stream', 'PROTOCOL_ERROR', frame('PING', 0, 1, '12345678'));
	ends('GOAWAY on a stream', 'PROTOCOL_ERROR', frame('GOAWAY', 0, 1, pack 'NN', 0, 0));
	ends('PUSH_PROMISE', 'PROTOCOL_ERROR', frame('PUSH_PROMISE', 4, 1, pack 'N', 2));
	ends('CONTINUATION alone', 'PROTOCOL_ERROR', frame('CONTINUATION', 4, 1, "\x82"));
	ends('a frame above MAX_FRAME_SIZE', 'FRAME_SIZE_ERROR', frame('PING', 0, 0, 'x' x 16385));
	ends('an unknown frame above it', 'FRAME_SIZE_ERROR', frame(77, 0, 0, 'x' x 16385));
	for my $n (7, 9) {
		ends("PING of $n", 'FRAME_SIZE_ERROR', frame('PING', 0, 0, 'x' x $n));
	}
	ends('RST_STREAM of 3', 'FRAME_SIZE_ERROR', frame('RST_STREAM', 0, 1, 'xxx'));
	ends('WINDOW_UPDATE of 5', 'FRAME_SIZE_ERROR', frame('WINDOW_UPDATE', 0, 0, 'xxxxx'));
	ends('SETTINGS of 5', 'FRAME_SIZE_ERROR', frame('SETTINGS', 0, 0, 'xxxxx'));
	ends('SETTINGS ACK with a payload', 'FRAME_SIZE_ERROR', frame('SETTINGS', 'ACK', 0, 'x' x 6));
	ends('GOAWAY of 7', 'FRAME_SIZE_ERROR', frame('GOAWAY', 0, 0, 'x' x 7));
	ends('padding beyond the frame', 'PROTOCOL_ERROR', sub {
		my ($c) = @_;
		my $s = $c->request(method => 'POST', open => 1);
		$c->send_frame('DATA', 'PADDED', $s, "\x05abcd");
	});
	ends('padding beyond HEADERS', 'PROTOCOL_ERROR', frame('HEADERS', 0x0d, 1, "\x09\x82\x86\x84"));
	ends('PRIORITY of 4', 'FRAME_SIZE_ERROR', frame('PRIORITY', 0, 1, 'xxxx'));
	ignored('an unknown frame', frame(77, 255, 0, 'x' x 100));
	ignored('an unknown frame of a stream', frame(77, 255, 3, ''));
	ignored('PRIORITY of an idle stream', frame('PRIORITY', 0, 9, pack 'NC', 0, 1));
	ignored('flags nobody knows', frame('PING', 0xf0, 0, 'abcdefgh'));
	ignored('the reserved bit of a stream id', frame('PING', 0, 0x80000000, 'abcdefgh'));
	ignored('PING ACK unasked', frame('PING', 'ACK', 0, 'abcdefgh'));
	all_is_well('frames');
};

subtest 'the beginning' => sub {
	my @wrong = (['nothing else than a preface', h2_preface() . h2_frame('PING', 0, 0, '12345678')],
	    ['HEADERS first', h2_preface() . h2_frame('HEADERS', 5, 1, "\x82\x86\x84\x41\x01a")],
	    ['SETTINGS ACK first', h2_preface() . h2_frame('SETTINGS', 'ACK', 0)]);
	for my $w (@wrong) {
		my $c = h2_client($p->addr('web'), raw => 1);
		$c->send_raw($w->[1]);
		is($c->ended(10)->{code}, 'PROTOCOL_ERROR', $w->[0]);
	}
	my $c = h2_client($p->addr('web'), raw => 1);
	$c->send_raw("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
	like($c->peer->read_all, qr{^HTTP/1\.. (?:400|505)}, 'a preface with another end');
};

subtest 'streams' => sub {
	ends('ids must rise', 'PROTOCOL_ERROR', sub {
		$_[0]->get('/', sid => 9);
		$_[0]->request(sid => 7);
	});
	ends('HEADERS after the end', 'STREAM_CLOSED', sub {
		$_[0]->get('/', sid => 1);
		$_[0]->request(sid => 1);
	});
	my $c = client();
	$c->get('/', sid => 1);
	$c->send_frame('DATA', 0, 1, 'x');
	ok((wait_until { $c->read_frame(0.1); ($c->stream(1)->{reset} // ($c->goaway // {})->{code} // '') eq 'STREAM_CLOSED' }), 'DATA after the end');
	resets('DATA behind END_STREAM', 'STREAM_CLOSED', sub {
		my $s = $_[0]->request(path => '/slow?w1');
		$_[0]->send_frame('DATA', 0, $s, 'x');
		return $s;
	});
	$o->set('go-w1');
	resets('a stream that depends on itself', 'PROTOCOL_ERROR', sub {
		$_[0]->send_frame('HEADERS', 0x25, 1, pack('NC', 1, 1) . "\x82\x86\x84\x41\x01a");
		$_[0]{next} = 3;
		return 1;
	});
	ignored('WINDOW_UPDATE after the end', sub {
		$_[0]->get('/');
		$_[0]->send_frame('WINDOW_UPDATE', 0, 1, pack 'N', 1);
	});
	ignored('RST_STREAM after the end', sub {
		$_[0]->get('/');
		$_[0]->rst(1, 'CANCEL');
	});
	my $n = client();
	my @s = map { $n->request(path => '/slow?w2') } 1 .. 101;
	is($n->reset_code($s[100]), 'REFUSED_STREAM', 'more than MAX_CONCURRENT_STREAMS');
	$o->set('go-w2');
	is($n->response($s[0])->status, 200, 'the others are served');
};

subtest 'heads in pieces' => sub {
	my $block = "\x82\x86\x84\x41\x01a";
	ends('another frame in between', 'PROTOCOL_ERROR', sub {
		$_[0]->send_frame('HEADERS', 'END_STREAM', 1, $block);
		$_[0]->send_frame('PING', 0, 0, '12345678');
	});
	ends('an unknown frame in between', 'PROTOCOL_ERROR', sub {
		$_[0]->send_frame('HEADERS', 'END_STREAM', 1, $block);
		$_[0]->send_frame(77, 0, 0, '');
	});
	ends('CONTINUATION of another stream', 'PROTOCOL_ERROR', sub {
		$_[0]->send_frame('HEADERS', 'END_STREAM', 1, $block);
		$_[0]->send_frame('CONTINUATION', 4, 3, '');
	});
	ends('CONTINUATION behind the end', 'PROTOCOL_ERROR', sub {
		$_[0]->send_frame('HEADERS', 5, 1, $block);
		$_[0]->send_frame('CONTINUATION', 4, 1, '');
	});
	ends('a flood of CONTINUATION', 'ENHANCE_YOUR_CALM', sub {
		$_[0]->send_frame('HEADERS', 'END_STREAM', 1, $block);
		$_[0]->send_frame('CONTINUATION', 0, 1, "\0\x01a\x01b") for 1 .. 100;
	});
	ends('an index that is not', 'COMPRESSION_ERROR', frame('HEADERS', 5, 1, "\xff\xff\x0f"));
	ends('a block that stops', 'COMPRESSION_ERROR', frame('HEADERS', 5, 1, "\x82\x41\x09a"));
	ends('a table beyond its limit', 'COMPRESSION_ERROR', frame('HEADERS', 5, 1, "\x3f\xff\xff\x03$block"));
	ignored('a head octet by octet', sub { $_[0]->get('/', split => 1, headers => [['x', 'y' x 8]]) });
	my $c = client();
	my $r = $c->get('/', headers => [['x-big', 'b' x 20_000]]);
	is($r->status, 431, 'a head that is too large');
	is($c->get('/', headers => [map { ["x-$_", 1] } 1 .. 150])->status, 431, 'too many fields');
	is($c->get('/')->status, 200, 'others are served');
};

subtest 'settings and windows' => sub {
	ends('ENABLE_PUSH of 2', 'PROTOCOL_ERROR', frame('SETTINGS', 0, 0, h2_settings(ENABLE_PUSH => 2)));
	ends('INITIAL_WINDOW_SIZE of 2^31', 'FLOW_CONTROL_ERROR',
	    frame('SETTINGS', 0, 0, h2_settings(INITIAL_WINDOW_SIZE => 1 << 31)));
	for my $n (16383, 1 << 24) {
		ends("MAX_FRAME_SIZE of $n", 'PROTOCOL_ERROR',
		    frame('SETTINGS', 0, 0, h2_settings(MAX_FRAME_SIZE => $n)));
	}
	ends('ENABLE_CONNECT_PROTOCOL of 2', 'PROTOCOL_ERROR',
	    frame('SETTINGS', 0, 0, h2_settings(ENABLE_CONNECT_PROTOCOL => 2)));
	ends('WINDOW_UPDATE of 0', 'PROTOCOL_ERROR', frame('WINDOW_UPDATE', 0, 0, pack 'N', 0));
	ends('the connection\'s window overflows', 'FLOW_CONTROL_ERROR',
	    frame('WINDOW_UPDATE', 0, 0, pack 'N', 0x7fffffff));
	resets('WINDOW_UPDATE of 0 on a stream', 'PROTOCOL_ERROR', sub {
		my $s = $_[0]->request(method => 'POST', open => 1);
		$_[0]->send_frame('WINDOW_UPDATE', 0, $s, pack 'N', 0);
		return $s;
	});
	resets('a stream\'s window overflows', 'FLOW_CONTROL_ERROR', sub {
		my $s = $_[0]->request(method => 'POST', open => 1);
		$_[0]->send_frame('WINDOW_UPDATE', 0, $s, pack 'N', 0x7fffffff);
		return $s;
	});
	ends('a stream\'s window overflows by SETTINGS', 'FLOW_CONTROL_ERROR', sub {
		my $s = $_[0]->request(method => 'POST', open => 1);
		$_[0]->send_frame('WINDOW_UPDATE', 0, $s, pack 'N', 0x7fff0000);
		$_[0]->send_frame('SETTINGS', 0, 0, h2_settings(INITIAL_WINDOW_SIZE => 0x7fffffff));
	});
	ignored('an unknown setting', frame('SETTINGS', 0, 0, h2_settings(999 => 5)));
	my $c = h2_client($p->addr('deaf'), auto => 0);
	$c->wait_for(sub { $c->{acked} });
	my $s = $c->request(method => 'POST', open => 1);
	for (1 .. 5000) { # more than all buffers on the way can hold
		last if $c->stream($s)->{reset} || $c->goaway || $c->state ne 'open';
		$c->send_frame('DATA', 0, $s, 'x' x 16384);
		$c->read_frame(0);
	}
	ok((wait_until { $c->read_frame(0.1); defined $c->stream($s)->{reset} || $c->goaway
	    || $c->state ne 'open' }), 'beyond the window');
	# a reset of TCP may overtake the words for it
	is($c->stream($s)->{reset} // ($c->goaway // { code => 'FLOW_CONTROL_ERROR' })->{code},
	    'FLOW_CONTROL_ERROR', 'is refused');
	all_is_well('settings');
};

subtest 'floods' => sub {
	my @floods = (['PING', sub { h2_frame('PING', 0, 0, '12345678') }],
	    ['SETTINGS', sub { h2_frame('SETTINGS', 0, 0) }],
	    ['WINDOW_UPDATE', sub { h2_frame('WINDOW_UPDATE', 0, 0, pack 'N', 1) }],
	    ['PRIORITY', sub { h2_frame('PRIORITY', 0, 9, pack 'NC', 0, 1) }]);
	for my $f (@floods) {
		ends("a flood of $f->[0]", 'ENHANCE_YOUR_CALM', sub {
			$_[0]->request(path => '/slow?w4') for 1 .. 3;
			$_[0]->send_raw($f->[1]->() x 5000);
		});
	}
	ends('rapid reset', 'ENHANCE_YOUR_CALM', sub {
		my ($c) = @_;
		for (1 .. 1000) {
			my $s = $c->request(path => '/slow?w4');
			$c->rst($s, 'CANCEL');
			last if $c->state ne 'open';
		}
	});
	ends('streams that have to be reset', 'ENHANCE_YOUR_CALM', sub {
		my ($c) = @_;
		for (1 .. 1000) {
			my $s = $c->request(path => '/slow?w4', open => 1);
			$c->send_frame('WINDOW_UPDATE', 0, $s, pack 'N', 0);
			last if $c->state ne 'open';
		}
	});
	$o->set('go-w4');
	all_is_well('floods');
};

my $n = $o->requests;

subtest 'malformed requests' => sub {
	my @bad = (
		['no :method', fields(':method' => undef)],
		['no :scheme', fields(':scheme' => undef)],
		['no :path', fields(':path' => undef)],
		['an empty :path', fields(':path' => '')],
		['a :path without /', fields(':path' => 'a')],
		['a :path of *', fields(':path' => '*')],
		['a blank in :path', fields(':path' => '/a b')],
		['a # in :path', fields(':path' => '/a#b')],
		['an empty :method', fields(':method' => '')],
		['a blank in :method', fields(':method' => 'GET /x HTTP/1.1')],
		['no authority', fields(':authority' => undef)],
		['an empty :authority', fields(':authority' => '')],
		['userinfo in :authority', fields(':authority' => 'u@a')],
		['a path in :authority', fields(':authority' => 'a/b')],
		['two :path', fields(more => []), [':path', '/b']],
		[':status', [@OK, [':status', 200]]],
		['an unknown pseudo-header', [@OK, [':other', 'x']]],
		[':protocol without CONNECT', [@OK, [':protocol', 'websocket']]],
		['CONNECT with a :path', [[':method', 'CONNECT'], [':authority', 'a:1'], [':path', '/']]],
		['CONNECT without :authority', [[':method', 'CONNECT']]],
		['extended CONNECT without :path', [[':method', 'CONNECT'], [':authority', 'a'],
		    [':scheme', 'http'], [':protocol', 'websocket']]],
		['a pseudo-header behind others', [@OK[0 .. 2], ['x', 'y'], $OK[3]]],
		['Host is not :authority', fields(more => [['host', 'b']])],
		['two Host', fields(':authority' => undef, more => [['host', 'a'], ['host', 'b']])],
		['an upper-case name', fields(more => [['X-Up', '1']])],
		['an empty name', fields(more => [['', '1']])],
		['te', fields(more => [['te', 'gzip']])],
		(map { ["the field $_", fields(more => [[$_, 'x']])] } qw(connection keep-alive
		    proxy-connection transfer-encoding upgrade)),
		['transfer-encoding: chunked', fields(more => [['transfer-encoding', 'chunked']])],
		(map { [sprintf('the octet %02x in a name', ord), fields(more => [["x$_", 1]])] }
		    "\0", "\r", "\n", ' ', ':', "\t", "\x7f", "\x80", '(', '"', '/'),
		(map { [sprintf('the octet %02x in a value', ord), fields(more => [['x', "a${_}b"]])] }
		    "\0", "\r", "\n", "\x7f", "\x01"),
		(map { [sprintf('the octet %02x in :path', ord), fields(':path' => "/a${_}b")] }
		    "\0", "\r", "\n", "\t", "\x7f"),
		(map { [sprintf('the octet %02x in :authority', ord), fields(':authority' => "a${_}b")] }
		    "\0", "\r", "\n", ' ', ',', '"'),
		(map { [sprintf('the octet %02x in :method', ord), fields(':method' => "GE${_}T")] }
		    "\0", "\r", "\n", ' ', ':'),
		(map { [sprintf('the octet %02x in :scheme', ord), fields(':scheme' => "ht${_}tp")] }
		    "\0", "\r", "\n", ' ', ':', '/'),
		['a head inside a value', fields(more => [['x', "1\r\nx-b: 2\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n"]])],
		['a head inside a name', fields(more => [["x: 1\r\nx-b", 2]])],
		['a head inside :path', fields(':path' => "/ HTTP/1.1\r\nhost: a\r\n\r\nGET /smuggled")],
		['a head inside :method', fields(':method' => "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\nGET")],
		['a blank before a value', fields(more => [['x', ' a']])],
		['a blank behind a value', fields(more => [['x', 'a ']])],
		['content-length with a sign', fields(more => [['content-length', '+5']])],
		['two lengths', fields(more => [['content-length', 5], ['content-length', 6]])],
		['a list of lengths', fields(more => [['content-length', '5, 5']])],
	);
	my $c = client();
	my $i = 0;
	for my $b (@bad) {
		$c = client() if ++$i % 50 == 0; # as many as are not a flood
		my $f = [@{ $b->[1] }, @{ $b }[2 .. $#$b]];
		my $s = $c->request(fields => $f);
		is($c->reset_code($s, 10), 'PROTOCOL_ERROR', $b->[0])
		    or diag $c->stream($s)->status, ' ', explain $c->goaway;
	}
	is($c->get('/last')->status, 200, 'the connection goes on');
};

subtest 'bodies that are not as promised' => sub {
	my @post = @{ fields(':method' => 'POST', ':path' => '/echo') };
	for my $n (0, 4, 6) {
		resets("$n octets where 5 were promised", 'PROTOCOL_ERROR', sub {
			my $s = $_[0]->request(fields => [@post, ['content-length', 5]], open => 1);
			$_[0]->send_data($s, 'x' x $n, end => 1);
			return $s;
		});
	}
	resets('END_STREAM in place of a body', 'PROTOCOL_ERROR',
	    request([@post, ['content-length', 5]]));
	resets('a pseudo-header in trailers', 'PROTOCOL_ERROR',
	    request(\@post, body => 'x', trailers => [[':path', '/']]));
	resets('a wrong octet in trailers', 'PROTOCOL_ERROR',
	    request(\@post, body => 'x', trailers => [['x', "a\r\nb: c"]]));
	resets('a field of the connection in trailers', 'PROTOCOL_ERROR',
	    request(\@post, body => 'x', trailers => [['transfer-encoding', 'chunked']]));
	resets('content-length in trailers', 'PROTOCOL_ERROR',
	    request(\@post, body => 'x', trailers => [['content-length', 1]]));
	resets('trailers that do not end', 'PROTOCOL_ERROR', sub {
		my $s = $_[0]->request(fields => \@post, open => 1);
		$_[0]->send_headers($s, [['x', 'y']]);
		return $s;
	});
};

subtest 'what is counted' => sub {
	my $errors = sub {
		(split /,/, (grep { /^web,FRONTEND/ }
		    split /\n/, cli_ask("$p->{dir}/sock", 'show stat'))[0])[12];
	};
	my $before = $errors->();
	my $c = client();
	$c->reset_code($c->request(fields => fields(':path' => 'a')), 10);
	is($errors->(), $before + 1, 'a request that is none');
	$c->send_frame('DATA', 0, 0, 'x');
	$c->ended(10);
	is($errors->(), $before + 2, 'a connection that fails');
};

subtest 'what the server has seen' => sub {
	my @all = $o->requests;
	my @got = map { $_->start } @all[$n .. $#all];
	# those of before that were cancelled may come late
	my @odd = grep { !m{^(?:GET /(?:last|slow\?w4)?|POST /echo) HTTP/1\.1$} } @got;

	is_deeply(\@odd, [], 'no other requests than those sent');
	unlike(join('', map { $_->{raw} . $_->{raw_body} } @all), qr/smuggled|x-b:/, 'nothing was smuggled');
};

subtest 'octets at random' => sub {
	srand 7;
	for my $round (1 .. 30) {
		my $c = h2_client($p->addr('web'));
		for (1 .. 20) {
			my $bytes = join '', map { chr int rand 256 } 1 .. rand 60;
			$c->send_raw(h2_frame(int rand 11, int rand 256, int rand 8, $bytes));
		}
		$c->peer->shutdown_write;
		$c->peer->read_all;
		$c->close;
	}
	all_is_well('random');
};

stop_proxy($p);
done_testing();
