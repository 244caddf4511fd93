# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Early data towards servers that are none of ours: openssl s_server, which takes a
# ticket once, and Debian's haproxy. (As a client of servers haproxy 2.6 is none to
# compare with: it answers 502 where a server line has no alpn, and else sends none.)
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;
use IPC::Open3 qw(open3);

plan(skip_all => 'it is for tideway') unless is_tideway();
alarm 120 * ($ENV{TW_TIME_SCALE} || 1);
my $cert = cert('localhost');
my $haproxy = find_haproxy();

sub proxy
{
	my ($addr) = @_;

	return start_proxy("global\n    nbthread 1\n" . defaults('http-reuse never') . "
listen f
    bind {BIND:f}
    retry-on 0rtt-rejected
    http-request disable-l7-retry if { path /prime }
    server s $addr ssl verify none allow-0rtt
listen stats
    bind {BIND:stats}
    stats enable
    stats uri /s
");
}

sub counted
{
	my ($p, $name) = @_;

	return $p->get('stats', '/s')->body =~ m{tls_server_${name}_total</dt><dd>(\d+)<}
	    ? $1 : undef;
}

# --- openssl s_server: one connection after the other, its input is the answer ---

package Server;
use Time::HiRes qw(time);

sub new
{
	my ($class, @args) = @_;
	my $self = bless { out => '' }, $class;

	$self->{pid} = ::open3($self->{in}, $self->{from}, undef, 'openssl', 's_server',
	    '-accept', '127.0.0.1:0', '-tls1_3', '-cert', $cert->{pem}, '-key',
	    $cert->{pem}, @args);
	return $self;
}

# what it wrote, as soon as that is there
sub wait_for
{
	my ($self, $re) = @_;
	my $end = time + 10;

	while ($self->{out} !~ $re && time < $end) {
		IO::Select->new($self->{from})->can_read(0.1) or next;
		sysread $self->{from}, $self->{out}, 65536, length $self->{out} or last;
	}
	return $self->{out} =~ $re ? $& : undef;
}

# a request through the proxy. returns: what the server said of it
sub serve
{
	my ($self, $p, $uri) = @_;
	my $c = $p->client('f');

	$self->{out} = '';
	$c->send("GET $uri HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	my $got = $self->wait_for(qr/.*Host: a\r?\n.*?\r?\n/s) // 'nothing';
	syswrite $self->{in}, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	::is($c->read_response->body, 'ok', substr($uri, 0, 10) . ': answered');
	$c->close;
	return $got;
}

sub DESTROY { kill 'KILL', $_[0]{pid}; waitpid $_[0]{pid}, 0 }
package main;

subtest 's_server' => sub {
	my $s = Server->new(qw(-early_data -max_early_data 100));
	my $p = proxy($s->wait_for(qr/^ACCEPT \K127.0.0.1:\d+/m));

	$s->serve($p, '/prime');
	is(counted($p, 'early_data'), 0, 'not early at first');
	like($s->serve($p, '/one'), qr{GET /one }, 'the server has it');
	is(counted($p, 'early_data'), 1, 'early then');
	is(counted($p, 'early_data_rejected'), 0, 'and taken');
	$s->serve($p, '/prime');
	like($s->serve($p, '/' . 'l' x 300), qr{GET /l{95}(?!l).*^l{205} HTTP}ms,
	    'as much as the session allows');
	is(counted($p, 'early_data'), 2, 'early');
	is(counted($p, 'early_data_rejected'), 0, 'and taken');
	stop_proxy($p);
};

subtest 'haproxy' => sub {
	plan(skip_all => 'haproxy is not installed') unless $haproxy;
	my $h = start_proxy(defaults() . "listen h
    bind {BIND:h} ssl crt $cert->{pem} allow-0rtt
    http-request return status 200 content-type text/plain lf-string \"path=%[path]\\n\"
", bin => $haproxy);
	my $p = proxy($h->addr('h'));

	is($p->get('f', '/prime')->status, 200, 'not early');
	is(counted($p, 'early_data'), 0, 'as counted');
	like($p->get('f', '/one')->body, qr{path=/one}, 'early');
	is(counted($p, 'early_data'), 1, 'as counted');
	is(counted($p, 'early_data_rejected'), 0, 'taken');
	stop_proxy($p);
	$h->stop;
};

done_testing;
