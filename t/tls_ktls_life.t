# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# ktls over the life of the program: peers that reset, reloads, servers that are
# added, health checks; and nothing stays behind in the kernel.
use FindBin;
use lib "$FindBin::Bin/lib";
use Tideway::Ktls;
use Tideway::Test;
use Tideway::Cli;
use Tideway::H2;
use Tideway::TLS;
use Tideway::TLSWire;
use Digest::MD5 qw(md5_hex);

alarm 180 * ($ENV{TW_TIME_SCALE} || 1);
my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/c.sock";
my $cert = cert('localhost');
my $o = origin(respond => sub {
	my ($req) = @_;
	return response(200, substr $random, 0, $req->uri =~ m{/(\d+)} ? $1 : 5);
});
# reads the head of a request and a little, then resets
my $resets;
{
	package Resets;
	our @ISA = ('Tideway::TLS::Origin');
	sub _connection
	{
		my ($self, $c) = @_;
		my $peer = $self->handshake($c) // return;

		$peer->read_bytes(50_000);
		$self->record('resets', '');
		setsockopt $peer->sock, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'II', 1, 0;
		POSIX::_exit(0);
	}
}
$resets = Resets->new(dir => $dir, cert => $cert);
my $tls = tls_origin(cert => $cert, respond => sub {
	my ($req, $c, $self) = @_;
	return $self->reply($req, md5_hex($req->body));
});

sub text
{
	my ($ktls, @global) = @_;

	return join("\n    ", 'global', "stats socket $sock level admin", 'nbthread 2', @global) . "\n"
	    . defaults() . "
frontend web
    bind {BIND:web} ssl crt $cert->{pem} $ktls
    bind {BIND:h2} ssl crt $cert->{pem} alpn h2 $ktls
    default_backend server
backend server
    server s ${\ $o->addr}
listen resets
    bind {BIND:resets}
    retries 0
    server s ${\ $resets->addr} ssl verify none ktls on
frontend plain
    bind {BIND:plain}
    use_backend stats if { path /stats }
    default_backend dynamic
backend dynamic
    balance roundrobin
backend checked
    option httpchk
    timeout check 5s
    server l6 ${\ $tls->addr} ssl verify none ktls on check inter 1s
    server l7 ${\ $tls->addr} verify none check check-ssl ktls on inter 1s
backend stats
    stats enable
    stats uri /stats
";
}

sub info { return cli_ask($sock, 'show info') =~ /^\Q$_[0]\E: (\d+)/m ? $1 : 'none' }

my $p = start_proxy(text('ktls on'));

sub web_md5
{
	my ($n, @more) = @_;

	return md5_hex(https_get($p->addr('web'), path => "/$n", @more)->body);
}

sub md5_of { return md5_hex(substr $random, 0, $_[0]) }

subtest 'health checks' => sub {
	for my $name (qw(l6 l7)) {
		ok((wait_until { cli_stat($sock, 'check_status', "checked/$name") eq 'L7OK' } 10), $name)
		    or diag map { cli_stat($sock, $_, "checked/$name") . ' ' } qw(check_status check_desc last_chk check_code);
	}
	# enough of them for one to have come back with a session
	ok((wait_until { $tls->events('tls') > 3 } 10), 'many of them');
	for my $name (qw(l6 l7)) { # the first may have come before the origin was ready
		ok((wait_until { cli_stat($sock, 'status', "checked/$name") eq 'UP' } 10), "$name is up")
		    or diag map { cli_stat($sock, $_, "checked/$name") . ' ' } qw(status check_status last_chk);
	}
	cli_ask($sock, "disable health checked/$_") for qw(l6 l7);
};

subtest 'clients that reset' => sub {
	my $before = ktls_counter($p, 'connections');
	my ($n, $most) = (0, 0);

	for my $len (5, 16_384, 100_000, 4_000_000) {
		for my $v ('TLSv1_2', 'TLSv1_3') {
			for my $read (0, 60) {
				my $w = tls_wire($p->addr('web'), version => $v, rcvbuf => 4096);
				$w->push($w->seal("GET /$len HTTP/1.1\r\nHost: a\r\n\r\n"));
				$w->read($read) if $read;
				$w->reset;
				$n++ if $read; # else it may be gone before it is served
				$most++;
			}
		}
	}
	my $c = h2_client($p->addr('h2'), tls => { version => 'TLSv1_3' }, window => 8_000_000,
	    settings => { INITIAL_WINDOW_SIZE => 4_000_000 });
	my @sids = map { $c->request(path => '/2000000') } 1 .. 3;
	$c->wait_for(sub { length $c->stream($sids[0])->body > 10_000 });
	$c->rst($sids[0], 'CANCEL');
	ok($c->response($sids[1])->body eq substr($random, 0, 2_000_000), 'HTTP/2: one stream is cancelled');
	$c->peer->reset;
	ok((wait_until { info('CurrConns') == 0 } 10), 'no connection stays') or diag info('CurrConns');
	ok((wait_until { ktls_now() == 0 } 10), 'nor does the kernel keep one');
	my $count = ktls_counter($p, 'connections') - $before - 1;
	ok($count >= $n && $count <= $most, 'counted once each') or diag "$count of $n to $most";
	is(web_md5(300_000), md5_of(300_000), 'and the next is served');
};

subtest 'servers that reset' => sub {
	for my $n (1, 100_000, 3_000_000) {
		my $c = $p->client('resets');
		$c->send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " . ($n + 50_000) . "\r\n\r\n"
		    . substr($random, 0, $n), 2);
		my $m = $c->read_response;
		is($m->status, 502, "502 with $n bytes sent") if $n > 50_000;
		$c->close;
	}
	ok((wait_until { info('CurrConns') == 0 } 10), 'no connection stays');
	is($resets->events('resets') >= 2, 1, 'they had begun');
};

subtest 'a server that is added' => sub {
	my $before = ktls_counter($p, 'connections');

	is(cli_ask($sock, 'add server dynamic/new ' . $tls->addr . ' ssl verify none ktls on'),
	    "New server registered.\n\n", 'added');
	cli_ask($sock, 'enable server dynamic/new');
	my $m = $p->request('plain', "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n"
	    . substr $random, 0, 500_000);
	is($m->body, md5_of(500_000), 'serves');
	is(ktls_counter($p, 'connections'), $before + 1, 'by the kernel');
	like(cli_ask($sock, 'add server dynamic/wrong ' . $tls->addr . ' ssl verify none ktls maybe'), qr/maybe/, 'a wrong word');
	cli_ask($sock, 'disable server dynamic/new');
};

sub reload
{
	my $n = info('Generation');

	$p->write_config(text(@_));
	$p->signal('USR2');
	return wait_until { info('Generation') > $n };
}

subtest 'reloads' => sub {
	ok(reload('ktls on', 'noktls'), 'noktls');
	my $before = ktls_counter($p, 'connections');
	my $m = https_get($p->addr('web'), path => '/100');
	ok($m->body eq substr($random, 0, 100), 'served');
	is(ktls_counter($p, 'connections'), $before, 'not by the kernel');
	ok(reload('ktls on'), 'without noktls');
	is(web_md5(200_000, conn => $m->{conn}), md5_of(200_000), 'the connection from before goes on');
	is(ktls_counter($p, 'connections'), $before, 'as it was');
	$m = https_get($p->addr('web'), path => '/100');
	is(ktls_counter($p, 'connections'), $before + 1, 'a new one: by the kernel');
	ok(reload('ktls off'), 'ktls off');
	is(web_md5(2_000_000, conn => $m->{conn}), md5_of(2_000_000), 'the one by the kernel goes on');
	is(web_md5(2_000_000), md5_of(2_000_000), 'a new one');
	is(ktls_counter($p, 'connections'), $before + 1, 'not by the kernel');
	$m->{conn}->close;
};

ok((wait_until { ktls_now() == 0 } 10), 'the kernel has no connection of ours');
stop_proxy($p);

# ends in the middle of what it sends
subtest 'the program stops' => sub {
	my $q = start_proxy(text('ktls on'));
	my $w = tls_wire($q->addr('web'), version => 'TLSv1_3', rcvbuf => 4096);

	$w->push($w->seal("GET /4000000 HTTP/1.1\r\nHost: a\r\n\r\n"));
	stalled(10_000, $q->port('web'));
	is(ktls_now(), 1, 'in the middle of an answer');
	stop_proxy($q);
	$w->reset;
	ok((wait_until { ktls_now() == 0 } 10), 'nothing stays');
};

done_testing;
