# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# An HTTP/1.1 origin whose answers depend on the path, for tests of what stands
# between it and clients of another version.
package Tideway::H1Origin;
use strict;
use warnings;
use Digest::SHA qw(sha1_base64);
use Exporter 'import';
use Tideway::Test ();

our @EXPORT = qw(h1_origin octets ws_accept);

# n octets that tell where they are
sub octets
{
	my ($n) = @_;

	return substr join('', map { sprintf "%07x\n", $_ } 0 .. $n / 8), 0, $n;
}

sub ws_accept
{
	return sha1_base64("$_[0]258EAFA5-E914-47DA-95CA-C5AB0DC85B11") . '=';
}

sub _chunked
{
	my ($body, $size) = @_;
	my $out = '';

	while ($body ne '') {
		my $part = substr $body, 0, $size, '';
		$out .= sprintf "%x\r\n%s\r\n", length $part, $part;
	}
	return $out;
}

sub _head { return "HTTP/1.1 $_[0]\r\n" . join('', map { "$_\r\n" } @_[1 .. $#_]) . "\r\n" }

# what goes back as it came until the client's side has closed
sub _tunnel
{
	my ($c, $head, $greeting) = @_;

	$c->send($head . ($greeting // ''));
	while ($c->fill(30)) {
		$c->send($c->_take(length $c->{buf}));
	}
	return undef;
}

my %ANSWERS = (
	echo => sub { Tideway::Test::response(200, $_[0]->body,
	    map { "X-In-$_->[0]: $_->[1]" } @{ $_[0]{headers} }) },
	len => sub { Tideway::Test::response(200, octets($_[3])) },
	chunked => sub { _head('200 OK', 'Transfer-Encoding: chunked')
	    . _chunked(octets($_[3]), 5000) . "0\r\n\r\n" },
	close => sub { _head('200 OK', 'Connection: close') . octets($_[3]) },
	empty => sub { _head('204 No Content', 'X-A: b') },
	same => sub { _head('304 Not Modified', 'ETag: "a"', 'Content-Length: 77') },
	trailers => sub { _head('200 OK', 'Transfer-Encoding: chunked',
	    'Trailer: grpc-status') . _chunked('message', 3)
	    . "0\r\ngrpc-status: 0\r\nGrpc-Message: ok\r\n\r\n" },
	early => sub { _head('103 Early Hints', 'Link: </a>; rel=preload')
	    . Tideway::Test::response(200, 'late') },
	die => sub { $_[1]->send(_head('200 OK', 'Content-Length: 100000') . 'x' x 100);
	    undef },
	cut => sub { $_[1]->send(_head('200 OK', 'Transfer-Encoding: chunked')
	    . "5\r\nhello\r\n"); undef },
	silent => sub { undef },
	slow => sub { $_[2]->set("at-$_[3]"); $_[2]->wait_flag("go-$_[3]");
	    Tideway::Test::response(200, 'slow') },
	connection => sub { Tideway::Test::response(200, 'x', 'Connection: X-Hop',
	    'X-Hop: 1', 'Keep-Alive: timeout=5', 'Upgrade: h2c', 'X-Stays: 1') },
	ws => sub { _tunnel($_[1], _head('101 Switching Protocols', 'Upgrade: websocket',
	    'Connection: Upgrade', 'Sec-WebSocket-Accept: '
	    . ws_accept($_[0]->header('Sec-WebSocket-Key') // '')), 'hello') },
	wsbad => sub { _tunnel($_[1], _head('101 Switching Protocols', 'Upgrade: websocket',
	    'Connection: Upgrade', 'Sec-WebSocket-Accept: '
	    . ws_accept('dGlkZXdheSBvdmVyIGgyIQ=='))) },
	refused => sub { Tideway::Test::response(403, 'no') },
);

# answers by the path's first part; a number behind '?' is its argument
sub _answer
{
	my ($req, $peer, $o) = @_;
	my ($what, $n) = $req->uri =~ m{^(?:\w+://[^/]+)?/(\w+)(?:\?(\w+))?};

	return _tunnel($peer, _head('200 Connected')) if $req->method eq 'CONNECT';
	my $answer = $ANSWERS{ $what // '' } // sub { $o->reply($req) };
	my $out = $answer->($req, $peer, $o, $n // 0);
	$out =~ s/\r\n\r\n\K.*//s if defined $out && $req->method eq 'HEAD';
	return $out;
}

sub h1_origin
{
	return Tideway::Test::origin(respond => \&_answer, @_);
}

1;
