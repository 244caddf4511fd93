# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Commands that change frontends and the process, seen by clients: pause and
# resume, shutdown, maxconn, rate limits, counters.
use Tideway::Test;
use Tideway::Cli;
use IO::Socket::INET;
use IO::Socket::UNIX;
use IO::Select;
use Time::HiRes ();

my $HOST = $Tideway::Listener::ADDR;
my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/admin.sock";
my $o = origin(name => 's');
my $text = "global
    maxconn 100
    stats socket $sock level admin
" . defaults() . "
frontend web
    bind {BIND:web}
    bind $HOST:17841
    bind $dir/web.sock
    default_backend be
frontend other
    bind {BIND:other}
    bind $HOST:17842
    default_backend be
backend be
    server s ${\ $o->addr}
";
my $p = start_proxy($text);

sub cli { return cli_ask($sock, $_[0]) }

sub reaches
{
	my ($name) = @_;
	my %fixed = (web => 17841, other => 17842);
	my ($host, $port) = $fixed{$name} ? ($HOST, $fixed{$name})
	    : split /:/, $p->addr($name =~ s/^fd //r);
	my $s = IO::Socket::INET->new(PeerHost => $host, PeerPort => $port, Timeout => 5);

	return 'refused' unless $s;
	$s->syswrite("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	my $got = '';
	$s->sysread($got, 12) if IO::Select->new($s)->can_read(0.3);
	return $got || 'silence';
}

sub status_on { return $_[0]->request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")->status }

sub row { return (grep { /^$_[0],/ } split /\n/, cli('show stat'))[0] }

subtest 'pause' => sub {
	my $c = $p->client('web');
	is(status_on($c), 200, 'a connection');
	is(cli('disable frontend web'), "\n", 'paused');
	ok(wait_until { reaches('web') eq 'refused' }, 'clients are refused');
	is(reaches('other'), 'HTTP/1.1 200', 'the other frontend serves');
	is(status_on($c), 200, 'who is connected goes on');
	like(row('web,FRONTEND'), qr/,PAUSED,/, 'shown');
	is(reaches('fd web'), 'silence', 'at what was inherited they wait');
	my $u = IO::Socket::UNIX->new(Peer => "$dir/web.sock");
	$u->syswrite("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	ok(!IO::Select->new($u)->can_read(0.3), 'at a path they wait');
	if (is_tideway()) {
		$p->signal('USR2');
		ok($p->wait_output(qr/configuration 2 is in force/), 'reloaded');
		ok(wait_until { reaches('web') eq 'refused' }, 'it stays paused');
	}
	is(cli('enable frontend web'), "\n", 'resumed');
	ok(wait_until { reaches('web') eq 'HTTP/1.1 200' }, 'clients are served');
	ok(IO::Select->new($u)->can_read(5), 'who waited, too');
	like(row('web,FRONTEND'), qr/,OPEN,/, 'shown');
};

subtest 'shutdown' => sub {
	is(cli('shutdown frontend other'), "\n", 'shut down');
	ok(wait_until { reaches('other') eq 'refused' }, 'closed');
	like(row('other,FRONTEND'), qr/,STOP,/, 'shown');
	is(cli('enable frontend other'),
	    "Frontend was previously shut down, cannot enable.\n\n", 'for good');
	plan skip_all => 'HAProxy reloads in another way' unless is_tideway();
	$p->signal('USR2');
	ok($p->wait_output(qr/configuration 3 is in force/), 'but for a reload');
	ok(wait_until { reaches('other') eq 'HTTP/1.1 200' }, 'which opens it again');
	ok(wait_until { reaches('fd other') eq 'HTTP/1.1 200' }, 'all of it');
	like(row('other,FRONTEND'), qr/,OPEN,/, 'shown');
};

subtest 'maxconn' => sub {
	cli('set maxconn frontend web 1');
	like(row('web,FRONTEND'), qr/^(?:[^,]*,){6}1,/, 'shown');
	my $c = $p->client('web');
	is(status_on($c), 200, 'the first');
	is(reaches('web'), 'silence', 'the second waits');
	cli('disable frontend web');
	ok(wait_until { reaches('web') eq 'refused' } && reaches('web') eq 'refused', 'paused');
	is(reaches('web'), 'refused', 'for a while');
	cli('enable frontend web;set maxconn frontend web 5');
	ok(wait_until { reaches('web') eq 'HTTP/1.1 200' }, 'until there is room');
	is(cli('set maxconn frontend web x'), "Integer value expected.\n\n", 'no number');
	undef $c;
	is(cli('set maxconn global 1'), "\n", 'of the process');
	like(cli('show info'), qr/^Maxconn: 1\nHard_maxconn: 100\n/m, 'shown');
	$c = $p->client('web');
	ok(wait_until { eval { status_on($c) == 200 } }, 'the first');
	is(reaches('other'), 'silence', 'the second waits, wherever');
	is(cli('set maxconn global 101'), "Value out of range.\n\n", 'not above its line');
	cli('set maxconn global 100');
	ok(wait_until { reaches('other') eq 'HTTP/1.1 200' }, 'again');
};

subtest 'rate limits' => sub {
	cli('set rate-limit connections global 2');
	like(cli('show info'), qr/^ConnRateLimit: 2$/m, 'shown');
	my @c = map { IO::Socket::INET->new(PeerHost => (split /:/, $p->addr('web'))[0],
	    PeerPort => $p->port('web')) } 1 .. 6;
	my $req = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	my $begin = Time::HiRes::time();
	$_->syswrite($req) for @c;
	my $ok = grep { IO::Select->new($_)->can_read(20) && $_->sysread(my $b, 12) } @c;
	is($ok, 6, 'all are served');
	# six of them are in three seconds of the clock, at the least
	cmp_ok(Time::HiRes::time() - $begin, '>', 0.9, 'but not at once');
	cli('set rate-limit connections global 0;set rate-limit sessions global 1000');
	like(cli('show info'), qr/^ConnRateLimit: 0$/m, 'no limit');
	like(cli('show info'), qr/^SessRateLimit: 1000$/m, 'another');
	is(cli('set rate-limit ssl-sessions global 1'), "\n", 'of TLS');
	like(cli('show info'), qr/^SslRateLimit: 1$/m, 'shown');
	cli('set rate-limit ssl-sessions global 0');
	cli('set rate-limit sessions global 0');
};

subtest 'counters' => sub {
	my $stot = sub { (split /,/, row($_[0]), -1)[7] };
	my $smax = sub { (split /,/, row($_[0]), -1)[5] };
	reaches('web') for 1 .. 3;
	ok(wait_until { (split /,/, row('web,FRONTEND'), -1)[4] == 0 }, 'all have left');
	cmp_ok($stot->('web,FRONTEND'), '>', 2, 'sessions');
	cmp_ok($smax->('web,FRONTEND'), '>', 0, 'the most at a time');
	my $n = $stot->('web,FRONTEND');
	is(cli('clear counters'), "\n", 'maxima');
	is($smax->('web,FRONTEND'), 0, 'cleared');
	is($stot->('web,FRONTEND'), $n, 'sums stay');
	my ($conns) = cli('show info') =~ /^CumConns: (\d+)/m;
	is(cli('clear counters all'), "\n", 'all');
	is($stot->($_), 0, "$_: cleared") for 'web,FRONTEND', 'be,s', 'be,BACKEND';
	like(cli('show info'), qr/^CumConns: $conns$/m, 'but the process\'s');
	reaches('web');
	ok(wait_until { $stot->('web,FRONTEND') == 1 }, 'they begin again');
	ok(wait_until { $stot->('be,s') == 1 }, 'for servers, too');
};

subtest 'show errors' => sub {
	like(cli('show errors'), qr/^Total events captured on \[.*\] : 0\n\n$/, 'none');
	my $s = IO::Socket::INET->new(PeerHost => (split /:/, $p->addr('web'))[0],
	    PeerPort => $p->port('web'));
	$s->syswrite("GET / HTTP/1.1\r\nHost: a\r\nbad name: \x01\\x\t" . ('y' x 100) . "\r\n\r\n");
	answer($s);
	my $got = cli('show errors');
	like($got, qr/^Total events captured on \[[^]]+\] : 1\n \n/, 'how many');
	like($got, qr/^\[\d+\/\w+\/\d+:[\d:.]+\] frontend web \(#\d+\): invalid request$/m,
	    'when');
	like($got, qr/^  backend <NONE> \(#-1\), server <NONE> \(#-1\), event #0, src 127\./m,
	    'who');
	like($got, qr/^  00000  GET \/ HTTP\/1\.1\\r\\n\n  00016  Host: a\\r\\n\n  00025  bad name: \\x01\\\\x\\ty+\n  \d{5}\+ y+/m,
	    'what');
	like(cli('show errors web request'), qr/invalid request/, 'by name');
	unlike(cli('show errors web response'), qr/invalid/, 'by kind');
	unlike(cli('show errors other'), qr/invalid/, 'another proxy');
	is(cli('show errors nope'), "No such proxy.\n\n", 'no proxy');
	my $bad = origin(name => 'bad', respond => sub {
		my ($req, $c) = @_;
		$c->send("garbage\r\n\r\n");
		return undef;
	});
	my $q = start_proxy("global\n    stats socket $dir/q.sock level admin\n" . defaults()
	    . "\nlisten l\n    bind {BIND:l}\n    server s1 ${\ $bad->addr}\n");
	is($q->get('l', '/')->status, 502, 'a bad answer');
	like(cli_ask("$dir/q.sock", 'show errors'),
	    qr/ backend l \(#\d+\): invalid response\n  frontend l \(#\d+\), server s1 \(#1\), event #0.*\n  00000  garbage/s,
	    'is shown');
	stop_proxy($q);
};

stop_proxy($p);
done_testing;
