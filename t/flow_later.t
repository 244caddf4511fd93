# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Small sends are put down and leave at the end of a loop turn (core/net/later.c):
# nothing of them is lost, doubled or out of order when the socket takes only a
# part, when the connection ends at once, or when the peer is gone by then.
use Tideway::Test;
use Tideway::TLS;
use Tideway::TLSWire;
use Socket qw(:all);

my $N = 8000;
my $pem = cert('localhost')->{pem};
my $o = origin();
my $p = start_proxy("global\n    tune.sndbuf.client 4096\n" . defaults() . "
frontend web
    bind {BIND:web}
    bind {BIND:tls} ssl crt $pem
    http-request return status 200 content-type text/plain lf-string \"<%[path]>\"
frontend px
    bind {BIND:px}
    default_backend server
backend server
    server s ${\ $o->addr}
");

# all of them at once, and nothing is read before they are on their way
sub asked
{
	my ($close) = @_;

	return join '', map { "GET /$_ HTTP/1.1\r\nHost: a\r\n"
	    . ($close && $_ == $N ? "Connection: close\r\n" : '') . "\r\n" } 1 .. $N;
}

sub told { return join ' ', $_[0] =~ m{<(/\d+)>}g }
my $want = join ' ', map { "/$_" } 1 .. $N;

for my $close (0, 1) {
	my $how = $close ? 'and it ends' : 'and it stays';
	my $c = $p->client('web');
	my $pid;

	setsockopt $c->sock, SOL_SOCKET, SO_RCVBUF, 4096;
	$c->send("GET /0 HTTP/1.1\r\nHost: a\r\n\r\n");
	$c->read_response;
	$pid = fork // die "fork: $!";
	if ($pid == 0) {
		$c->send(asked($close), 60);
		POSIX::_exit(0);
	}
	my $got = $close ? $c->read_all(60) : $c->read_until(qr{</$N>}, 60);
	is(told($got), $want, "pipelined: in order, $how");
	waitpid $pid, 0;

	my $w = tls_wire($p->addr('tls'), rcvbuf => 4096);
	my ($out, $text) = ($w->seal(asked($close)), '');
	while ($text !~ m{</$N>}) {
		my $part = $w->turn(\$out, 3000) // last;
		$text .= $part;
	}
	is(told($text), $want, "the same with TLS, $how");
	$w->read if $close;
	is($w->ended, $close ? 'clean' : 'open', 'its end');
}

subtest 'gone by then' => sub {
	for my $i (1 .. 20) {
		my $c = $p->client('px');
		$p->signal('STOP'); # request and reset are one event
		$c->send("GET /$i HTTP/1.1\r\nHost: a\r\n\r\n");
		$c->reset;
		$p->signal('CONT');
	}
	is($p->get('px', '/')->status, 200, 'the next one is served');
};

stop_proxy($p);
done_testing();
