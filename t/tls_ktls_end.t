# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The end of what is sent with ktls. The kernel takes bytes for which TCP has no
# room yet, and forgets them when FIN comes first: peers that read late must get
# all the same. Which sizes meet that moment depends on the buffers, so that their
# room is measured and many around it are tried. And ends of all other kinds.
use FindBin;
use lib "$FindBin::Bin/lib";
use Tideway::Ktls;
use Tideway::Test;
use Tideway::TLS;
use Tideway::TLSWire;
use Digest::MD5 qw(md5_hex);
use Socket qw(:all);

alarm 180 * ($ENV{TW_TIME_SCALE} || 1);
my $LINGERS_S = 2.0; # the core, for whom nothing is to be sent any more
my $dir = Tideway::Test::temp_dir();
my $cert = cert('localhost');
my $l = listener();

# counts what it is sent, says so at the end
package Late;
our @ISA = ('Tideway::TLS::Origin');
sub _connection
{
	my ($self, $c) = @_;

	setsockopt $c->sock, Socket::SOL_SOCKET, Socket::SO_RCVBUF, 4096;
	my $peer = $self->handshake($c) // return;
	$self->wait_flag('read');
	return $self->Tideway::Origin::_connection($peer) if $self->{http};
	my $got = $peer->read_all(30);
	my $clean = Net::SSLeay::get_shutdown($peer->sock->_get_ssl_object) & 2 ? 'clean' : 'cut';
	$peer->send(length($got) . ' ' . Digest::MD5::md5_hex($got) . " $clean");
	$peer->close;
}
package main;

my $o = origin(respond => sub {
	my ($req, $c) = @_;
	my ($n) = $req->uri =~ m{/(\d+)};
	my $body = substr $random, 0, $n // 5;

	return response(200, $body) if $req->uri !~ /close/;
	$c->send("HTTP/1.0 200 OK\r\n\r\n$body", 30);
	return undef;
});
# sends as many bytes as it is told, and ends, if told so when that is due; goes on
# reading
my $half = origin(raw => 1, greet => sub {
	my ($c, $self) = @_;
	my ($n, $flag) = $c->read_until(qr/\n/) =~ /(\d+)(?: (\w+))?/;

	$c->send(substr($random, 0, $n), 30);
	$self->wait_flag($flag) if $flag;
	$c->shutdown_write;
	$self->record('rest', $c->read_all(30));
});
my $late = Late->new(dir => $dir, cert => $cert);
my $late_http = Late->new(dir => $dir, cert => $cert, http => 1, respond => sub {
	return response(200, md5_hex($_[0]->body));
});

sub start
{
	my (@global) = @_;

	return start_proxy(join("\n    ", 'global', @global) . "\n"
	    . defaults('timeout client 60s', 'timeout server 60s') . "
frontend web
    bind {BIND:web} ssl crt $cert->{pem} ktls on
    bind {BIND:h2} ssl crt $cert->{pem} alpn h2 ktls on
    use_backend script if { path_beg /script }
    default_backend server
backend script
    timeout tunnel 20s
    server s ${\ $l->addr}
backend server
    server s ${\ $o->addr}
listen copied
    no option splice-auto
    bind {BIND:copied} ssl crt $cert->{pem} ktls on
    server s ${\ $o->addr}
listen half
    mode tcp
    bind {BIND:half} ssl crt $cert->{pem} ktls on
    server s ${\ $half->addr}
listen up
    mode tcp
    bind {BIND:up}
    server s ${\ $late->addr} ssl verify none ktls on
listen post
    bind {BIND:post}
    server s ${\ $late_http->addr} ssl verify none ktls on
frontend plain
    bind {BIND:plain}
    use_backend stats if { path /stats }
backend stats
    stats enable
    stats uri /stats
");
}

# bytes that wait between a sender and a peer that reads nothing
sub room
{
	my ($port, $ask) = @_;
	my $before = queued($port);
	my $c = $ask->(4_000_000);
	my $n = stalled($before + 4000, $port) or die 'no room';

	$c->reset;
	return $n - $before;
}

sub http_reader
{
	my ($p, $bind, $line, $version) = @_;

	return sub {
		my ($n) = @_;
		my $w = tls_wire($p->addr($bind), version => $version, rcvbuf => 4096);
		$w->{forget} = 1;
		$w->push($w->seal($line =~ s/SIZE/$n/r));
		return $w;
	};
}

my $GET = "GET /SIZE HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
my @readers = (
	['spliced, TLS 1.3', 'web', $GET, 'TLSv1_3'],
	['spliced, TLS 1.2', 'web', $GET, 'TLSv1_2'],
	['copied, TLS 1.3', 'copied', $GET, 'TLSv1_3'],
	['copied, TLS 1.2', 'copied', $GET, 'TLSv1_2'],
	['up to the end of the connection', 'web', "GET /SIZE/close HTTP/1.0\r\n\r\n", 'TLSv1_3'],
	['mode tcp, the server ends first', 'half', "SIZE\n", 'TLSv1_3'],
);

# what is wrong with what a client got; '' for nothing
sub verdict
{
	my ($w, $n, $is_http) = @_;
	my $got = $w->read;

	$got =~ s/\A.*?\r\n\r\n//s if $is_http;
	return '' if $w->ended eq 'clean' && $got eq substr $random, 0, $n;
	return length($got) . " of $n, " . $w->ended;
}

# One client for each size of each case, none of which reads until all that is sent
# is stuck. returns: room, the cases with their clients
sub ask_all
{
	my ($p, $step, @cases) = @_;
	my %ports = map { $p->port($_->[1]) => $_ } @cases;
	my ($room) = sort { $a <=> $b } map { room($_, http_reader($p, @{ $ports{$_} }[1 .. 3])) } keys %ports;
	my $before = queued(keys %ports);
	my $by_kernel = ktls_counter($p, 'connections');

	@cases = map {
		my ($name, $bind, @more) = @$_;
		my $ask = http_reader($p, $bind, @more);
		[$name, $bind, map { [$_, $ask->($_)] } map { $room + $_ * $step } -2 .. 5];
	} @cases;
	stalled($before + 5 * $room * @cases, keys %ports) or diag 'they do not come';
	is(ktls_counter($p, 'connections'), $by_kernel + 8 * @cases, 'all by the kernel');
	return ($room, @cases);
}

sub read_all
{
	my ($room, @cases) = @_;

	for my $case (@cases) {
		my ($name, $bind, @c) = @$case;
		my @bad = grep { $_ ne '' } map { verdict($_->[1], $_->[0], $bind ne 'half') } @c;
		is(scalar @bad, 0, "$name: all bytes, and close_notify, of around $room")
		    or diag join '; ', @bad;
		next if $bind ne 'half';
		$_->[1]->push($_->[1]->seal("$name $_->[0]") . $_->[1]->close_notify) for @c;
		ok((wait_until { @c == grep { $_->[2] =~ /^\Q$name\E \d+\z/ } $half->events('rest') }),
		    'and what they say after it');
	}
}

subtest 'clients that read late' => sub {
	my $p = start('tune.sndbuf.client 30000');
	my @all = ask_all($p, 1500, @readers);

	# nobody tells of the end of lingering, which must not come
	select undef, undef, undef, $LINGERS_S + 0.7;
	read_all(@all);
	stop_proxy($p);
};

subtest 'clients that read late, large buffers' => sub {
	my $p = start();

	read_all(ask_all($p, 4000, @readers[0, 2]));
	stop_proxy($p);
};

# Now and then there is room for close_notify, but not for all of the record before it.
subtest 'clients that read little by little' => sub {
	my $p = start('tune.sndbuf.client 1');
	my @all = ask_all($p, 1000, ['mode tcp, the server ends later', 'half', "SIZE end\n", 'TLSv1_3'],
	    @readers[0, 2, 3, 4]);

	for my $turn (1 .. 30) {
		$_->_fill(1200, 0) for map { $_->[1] } map { @$_[2 .. $#$_] } @all[1 .. $#all];
		$half->set('end') if $turn == 3;
	}
	read_all(@all);
	stop_proxy($p);
};

subtest 'a server that reads late, mode tcp' => sub {
	my $p = start('tune.sndbuf.server 12000');
	my $port = $late->port;
	my $ask = sub {
		my ($n) = @_;
		my $c = $p->client('up');

		setsockopt $c->sock, SOL_SOCKET, SO_SNDBUF, 1_000_000;
		$c->send(substr($random, 0, $n), 0.3);
		$c->shutdown_write;
		return $c;
	};
	my $room = room($port, $ask);
	my @c = map { [$_, $ask->($_)] } map { $room + $_ * 1500 } -3 .. 5;
	stalled(0.7 * $room * @c, $port);
	$late->set('read');
	my @bad = grep { $_ ne '' } map {
		my ($n, $c) = @$_;
		my $got = $c->read_all(20);
		$got eq "$n " . md5_hex(substr $random, 0, $n) . ' clean' ? '' : "$n: $got";
	} @c;
	is(scalar @bad, 0, "all bytes, and close_notify, of around $room") or diag join '; ', @bad;
};

subtest 'a server that reads late, a request with a body' => sub {
	my $p = start('tune.sndbuf.server 12000');
	my @c = map {
		my $c = $p->client('post');
		setsockopt $c->sock, SOL_SOCKET, SO_SNDBUF, 1_000_000;
		$c->send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: $_\r\n\r\n"
		    . substr($random, 0, $_), 0.3);
		[$_, $c];
	} map { $_ * 7001 } 2 .. 10;
	stalled(50_000, $late_http->port);
	$late_http->set('read');
	my @bad = grep { $_->[1]->read_response->body ne md5_hex(substr $random, 0, $_->[0]) } @c;
	is(join(' ', map { $_->[0] } @bad), '', 'all bytes');
	stop_proxy($p);
};

my $UP = "GET /script HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
my $OK = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    . "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

# a tunnel: its client, its server
sub tunnel
{
	my ($p, $first) = @_;
	my $w = tls_wire($p->addr('web'), version => 'TLSv1_3');

	$w->push($w->seal($UP));
	my $s = $l->accept;
	$s->read_head;
	$s->send($OK . $first);
	like($w->read(qr/\r\n\r\n/), qr/ 101 /, 'upgraded');
	return ($w, $s);
}

subtest 'a tunnel' => sub {
	my $p = start();
	my ($w, $s) = tunnel($p, "\x81\x05hello");

	is($w->read(7), "\x81\x05hello", 'data right behind the head');
	for my $n (1, 1000, 150_000) {
		my $text = substr $random, 0, $n;
		$s->send($text);
		ok($w->read($n) eq $text, "$n bytes down");
		$w->push($w->seal($text));
		ok($s->read_bytes($n) eq $text, "$n bytes up");
	}
	$w->push($w->close_notify);
	$w->shut;
	is($s->read_all, '', 'the client ends first');
	$s->send(substr $random, 0, 300_000);
	$s->close;
	ok($w->read eq substr($random, 0, 300_000), 'the rest of the server comes');
	is($w->ended, 'clean', 'and its end');
	($w, $s) = tunnel($p, '');
	$s->send('last words');
	$s->shutdown_write;
	is($w->read, 'last words', 'the server ends first');
	is($w->ended, 'clean', 'its end');
	$s->close;
	stop_proxy($p);
};

done_testing;
