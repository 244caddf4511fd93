# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What may happen to an exchange whose server is reached over TLS: long bodies,
# slow readers, ends in the middle, tunnels, PROXY headers, retries, queues.
use Tideway::Test;
use Tideway::TLS;

alarm 240 * ($ENV{TW_TIME_SCALE} || 1);
my $ca = ca('Root');
my $cert = cert('a.test', ca => $ca);
my $dir = Tideway::Test::temp_dir();
my $MB = 1 << 20;
my $body = join '', map { chr(32 + ($_ * 7919 >> 3) % 90) } 0 .. 65535;
$body x= 16; # 1 MiB

# what comes before and instead of a handshake is the test's
package Own;
our @ISA = ('Tideway::TLS::Origin');
sub _connection
{
	my ($self, $c) = @_;

	$self->{before}->($c, $self) if $self->{before};
	my $peer = $self->handshake($c) // return;
	return $self->{talk}->($peer, $self) if $self->{talk};
	$self->Tideway::Origin::_connection($peer);
	$peer->close;
}
package main;

sub own { return Own->new(dir => $dir, cert => $cert, @_) }
sub raw { return origin(raw => 1, greet => $_[0]) }

my %o;
$o{plain} = tls_origin(cert => $cert, respond => sub {
	my ($req, $c, $o) = @_;
	return $o->reply($req, $req->uri =~ /big/ ? $body : length($req->{raw_body})
	    . ' ' . unpack('%32C*', $req->{raw_body}));
});
$o{chunked} = tls_origin(cert => $cert, respond => sub {
	return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    . join('', map { sprintf "%x\r\n%s\r\n", $_, 'c' x $_ } 1 .. 300) . "0\r\nX-T: 1\r\n\r\n";
});
$o{notify} = own(talk => sub { # closes well, too early
	my ($c) = @_;
	$c->read_until(qr/\r\n\r\n/);
	$c->send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	$c->sock->close;
});
$o{truncated} = own(talk => sub { # no close_notify
	my ($c) = @_;
	$c->read_until(qr/\r\n\r\n/);
	$c->send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
	POSIX::_exit(0);
});
$o{toend} = own(talk => sub { # a body up to the end
	my ($c) = @_;
	$c->read_until(qr/\r\n\r\n/);
	$c->send("HTTP/1.1 200 OK\r\n\r\nto the end");
	$c->sock->close;
});
$o{empty} = own(talk => sub {
	my ($c, $o) = @_;
	$o->record('tries', '');
	$c->read_until(qr/\r\n\r\n/);
	$c->sock->close;
});
$o{once} = own(talk => sub { # the first connection of two ends without an answer
	my ($c, $o) = @_;
	$c->read_until(qr/\r\n\r\n/) // return;
	return $c->sock->close if $o->{conn} == 1;
	$c->send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
	$c->read_all;
});
$o{idle} = own(talk => sub { # closes after each answer, without saying so
	my ($c) = @_;
	$c->read_until(qr/\r\n\r\n/) // return;
	$c->send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	$c->sock->close;
});
$o{ws} = own(talk => sub {
	my ($c) = @_;
	$c->read_until(qr/\r\n\r\n/);
	$c->send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
	while (defined(my $line = $c->read_until(qr/\n/))) { $c->send("echo $line"); }
	$c->sock->close;
});
$o{tcp} = own(talk => sub { # speaks first; after the client's end, too
	my ($c) = @_;
	$c->send("220 ready\n");
	my $got = $c->read_all;
	$c->send("got " . length($got) . "\n");
	$c->sock->close;
});
sub header1
{
	my ($c, $o) = @_;
	my $line = '';
	sysread $c->sock, $line, 1, length $line until $line =~ /\n/;
	$o->record('header', $line);
}
sub header2
{
	my ($c, $o) = @_;
	my $h = '';
	sysread $c->sock, $h, 16 - length $h, length $h while length $h < 16;
	my $end = 16 + unpack 'n', substr $h, 14, 2;
	sysread $c->sock, $h, $end - length $h, length $h while length $h < $end;
	$o->record('header', $h);
}
$o{header1} = own(before => \&header1);
$o{header2} = own(before => \&header2);
my $clear = raw(sub { $_[0]->send("nonsense\n"); $_[0]->close });
my $mute = raw(sub { $_[0]->read_all });
my $cut = raw(sub { # half a ServerHello
	my ($c) = @_;
	$c->fill;
	$c->send("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03");
	$c->close;
});
my $slot = tls_origin(cert => $cert, respond => sub {
	my ($req, $c, $o) = @_;
	$o->wait_flag('go') if $req->uri =~ /first/;
	return $o->reply($req);
});

my $log = syslog_udp();
my $ssl = 'ssl verify none no-sni-auto';
my $p = start_proxy("global
    log ${\ $log->addr} local0
    nbthread 2
" . defaults('log global', 'option httplog', 'retries 0', 'http-reuse always') . "
frontend f
    bind {BIND:web}
    bind {BIND:tls} ssl crt $cert->{pem}
    use_backend %[path,field(2,/)]
frontend st
    bind {BIND:stats}
    stats enable
    stats uri /s
    no log
" . join('', map { "backend $_\n    server s ${\ $o{$_}->addr} $ssl\n" } grep { !/^tcp|header/ } keys %o) . "
backend reuse_safe
    http-reuse safe
    server s ${\ $o{plain}->addr} $ssl
backend again
    retries 3
    retry-on empty-response
    server s ${\ $o{once}->addr} $ssl
backend header1
    server s ${\ $o{header1}->addr} $ssl send-proxy
backend header2
    server s ${\ $o{header2}->addr} $ssl send-proxy-v2 proxy-v2-options crc32c
backend clear
    server s ${\ $clear->addr} $ssl
backend cut
    server s ${\ $cut->addr} $ssl
backend mute
    timeout connect 200ms
    server s ${\ $mute->addr} $ssl
backend redis
    retries 2
    option redispatch 1
    balance roundrobin
    server bad ${\ $clear->addr} $ssl
    server good ${\ $o{plain}->addr} $ssl
backend retried
    retries 1
    server s ${\ $clear->addr} $ssl
backend queued
    server s ${\ $slot->addr} $ssl maxconn 1
backend fast
    server s ${\ $o{plain}->addr} $ssl tfo
backend unix
    server s unix\@$dir/u.sock $ssl
backend unixmute
    timeout connect 200ms
    server s unix\@$dir/mute.sock $ssl
backend two
    server s unix\@$dir/two.sock $ssl alpn h2,http/1.1
backend plaintwo
    server s unix\@$dir/ptwo.sock proto h2 send-proxy-v2
frontend u
    bind unix\@$dir/u.sock ssl crt $cert->{pem}
    http-request return status 200 content-type text/plain string unix
frontend twof
    bind unix\@$dir/two.sock ssl crt $cert->{pem} alpn h2,http/1.1
    http-request return status 200 content-type text/plain lf-string \"%HV %[req.body_len]\" if { path -m end get }
    default_backend plain
frontend ptwof
    bind unix\@$dir/ptwo.sock proto h2 accept-proxy
    http-request return status 200 content-type text/plain lf-string \"%HV %[src]\"
listen tcp
    mode tcp
    option tcplog
    bind {BIND:tcp}
    server s ${\ $o{tcp}->addr} $ssl
");
use Socket qw(AF_UNIX SOCK_STREAM pack_sockaddr_un);
socket my $unix, AF_UNIX, SOCK_STREAM, 0;
bind $unix, pack_sockaddr_un("$dir/mute.sock") or die $!;
listen $unix, 10;

sub say_get { return "GET $_[0] HTTP/1.1\r\nHost: a\r\n" . join('', map { "$_\r\n" } @_[1 .. $#_]) . "\r\n" }
sub get { return $p->client('web')->request(say_get(@_)) }
sub logged { my $l = $log->next_match($_[0]); return $l ? $l->{msg} : 'nothing' }

# --- bodies ---

my $m = get('/plain/big');
is(length $m->body, $MB, '1 MiB from a server');
ok($m->body eq $body, 'byte for byte');
my $c = $p->client('web');
$c->send(say_get('/plain/big'));
my $got = '';
ok($c->read_until(qr/\r\n\r\n/), 'a slow reader: the head');
$got = $c->read_bytes($MB, 30) // '';
ok($got eq $body, 'and all of the body');
$m = $p->client('web')->request("POST /plain/x HTTP/1.1\r\nHost: a\r\nContent-Length: $MB\r\n\r\n$body", secs => 30);
is($m->body, "$MB " . unpack('%32C*', $body), '1 MiB to a server');
$m = $p->client('web')->request("POST /plain/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    . join('', map { sprintf "%x\r\n%s\r\n", length, $_ } unpack '(a9999)*', $body) . "0\r\n\r\n", secs => 30);
like($m->body, qr/^\d+ \d+$/, 'chunked to a server');
$m = get('/chunked/');
is(length $m->body, 300 * 301 / 2, 'chunked from a server');
is($m->{trailers}[0][1], 1, 'and its trailer');
$m = https_get($p->addr('tls'), path => '/plain/big', secs => 30);
ok($m->body eq $body, 'TLS to TLS');
$m = https_get($p->addr('tls'), path => '/plain/x', method => 'POST', body => $body, secs => 30);
is($m->body, "$MB " . unpack('%32C*', $body), 'TLS to TLS, to the server');

# --- ends ---

for my $how (qw(notify truncated)) {
	$c = $p->client('web');
	$c->send(say_get("/$how/"));
	like($c->read_all, qr/half$/, "$how: what came is passed on");
	like(logged(qr{/$how/}), qr/ SD-- /, "$how: logged");
}
$m = get('/toend/');
is($m->body, 'to the end', 'a body up to the end');
is(get('/empty/')->status, 502, 'no answer');
like(logged(qr{/empty/}), qr/ SH-- /, 'logged');
is($o{empty}->n_connections, 1, 'one try');
is(get('/again/')->body, 'second', 'retry-on empty-response');
$c = $p->client('web');
is($c->request(say_get('/idle/'))->body, 'ok', 'closed while idle');
is($c->request(say_get('/idle/'))->body, 'ok', 'the next goes on a new connection');

# --- reuse ---

my $before = $o{plain}->n_connections;
is(get('/reuse_safe/x')->status, 200, 'safe') for 1 .. 3;
cmp_ok($o{plain}->n_connections - $before, '<=', 2, 'one connection a thread');

# --- tunnels ---

$c = $p->client('web');
$c->send("GET /ws/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n");
like($c->read_until(qr/\r\n\r\nhi/), qr/^HTTP\/1.1 101 /, 'an upgrade');
for my $i (1 .. 3) {
	$c->send("line $i\n");
	is($c->read_until(qr/\n/), "echo line $i\n", "line $i");
}
$c->close;
$c = $p->client('tcp');
is($c->read_until(qr/\n/), "220 ready\n", 'mode tcp: a server that speaks first');
$c->send($body);
$c->shutdown_write;
is($c->read_all, "got $MB\n", 'and last, after the end of what it got');

# --- PROXY headers ---

is(get('/header1/')->status, 200, 'PROXY, version 1, before TLS');
like(($o{header1}->events('header'))[0][2], qr/^PROXY TCP4 127\.0\.0\.1 /, 'it is one');
is(get('/header2/')->status, 200, 'version 2');
like(($o{header2}->events('header'))[0][2], qr/^\r\n\r\n\0\r\nQUIT\n\x21\x11/, 'it is one, too');
get("/header1/") for 1, 2;
is(scalar(() = $o{header1}->events('header')), 3, 'one for each client');

# --- handshakes that fail ---

is(get('/clear/')->status, 503, 'a server without TLS');
like(logged(qr{/clear/}), qr/ 503 \d+ - - SC-- /, 'logged');
is(get('/cut/')->status, 503, 'half a handshake');
like(logged(qr{/cut/}), qr/ SC-- /, 'logged');
is(get('/mute/')->status, 503, 'timeout connect holds for the handshake');
like(logged(qr{/mute/}), qr/ sC-- /, 'logged');
is(get('/retried/')->status, 503, 'retries are made');
like(logged(qr{/retried/}), qr{ SC-- \d+/\d+/\d+/\d+/1 }, 'one');
is($p->client('web')->request(say_get("/redis/$_"), secs => 30)->status, 200, 'redispatch') for 1, 2;
like(logged(qr{/redis/1}) . logged(qr{/redis/2}), qr{ redis/good .* \d+/\d+/\d+/\d+/\+1 }, 'to another server');
my %stat;
for (split /\n/, $p->get('stats', '/s;csv')->body) {
	my @f = split /,/;
	$stat{"$f[0]/$f[1]"} = \@f;
}
is($stat{'clear/s'}[13], 1, 'econ');
is($stat{'retried/s'}[15], 1, 'wretr');

# --- the queue ---

my $first = $p->client('web');
$first->send(say_get('/queued/first'));
ok($slot->wait_events('request', 1), 'the slot is taken');
my $second = $p->client('web');
$second->send(say_get('/queued/second'));
$slot->set('go');
is($first->read_message->status, 200, 'the first');
is($second->read_message->status, 200, 'the second, after it');

# --- other sockets ---

is(get('/fast/x')->status, 200, 'TCP Fast Open') for 1, 2;
is(get('/unix/')->body, 'unix', 'a Unix socket');
is(get('/unixmute/')->status, 503, 'timeout connect holds there, too');
like(logged(qr{/unixmute/}), qr/ sC-- /, 'logged');

# --- HTTP/2 over TLS ---

is(get('/two/get')->body, 'HTTP/2.0 0', 'h2 is agreed on');
$m = get('/plaintwo/x');
is($m->body, 'HTTP/2.0 127.0.0.1', 'a PROXY header before HTTP/2 in clear text');
stop_proxy($p);
done_testing();
