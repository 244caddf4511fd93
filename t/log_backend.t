# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Log backends: messages spread over the servers of a backend in mode log, by
# each algorithm, over datagrams and streams, from proxies and from log-forward
# sections; servers that go, come back and move.
use Tideway::Test;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/ctl.sock";
my $o = origin(name => 's');

sub cli
{
	my ($line) = @_;
	my $s = IO::Socket::UNIX->new(Peer => $sock) or return 'no socket';

	print $s "$line\n";
	$s->flush;
	return answer($s);
}

sub text
{
	my ($backend, $more) = @_;

	return "global\n    stats socket $sock level admin\n"
	    . defaults('log-format "%HP"') . "
listen web
    bind {BIND:web}
    log backend\@lb format raw local0 info
    server s ${\ $o->addr}
backend lb
    mode log
" . join('', map { "    $_\n" } @$backend) . ($more // '');
}

# requests /1, /2, ...: each logs its path
sub load
{
	my ($p, @paths) = @_;
	my $c = $p->client('web');

	$c->request("GET /$_ HTTP/1.1\r\nHost: a\r\n\r\n") for @paths;
}

sub udp { return map { syslog_udp() } 1 .. $_[0] }

sub servers
{
	my $n = 1;
	return map { my $s = $_; 'server s' . $n++ . ' udp@' . $s->addr } @_;
}

# what a receiver gets until a message that matches
sub until_last
{
	my ($s, $last) = @_;
	my @got;

	while (defined(my $m = $s->next_raw)) {
		push @got, $m =~ s/\n\z//r;
		return \@got if $got[-1] eq $last;
	}
	return [@got, 'nothing more'];
}

subtest 'roundrobin, over datagrams' => sub {
	my @s = udp(3);
	my $p = start_proxy(text(['balance roundrobin', servers(@s[0, 1]), 'server s3 udp4@' . $s[2]->addr . ' weight 2']));
	load($p, 1 .. 8);
	my %n = map { $_ => 0 } 0 .. 2;
	my %seen;
	for my $i (0 .. 2) {
		for (1 .. ($i == 2 ? 4 : 2)) {
			$seen{$s[$i]->next_raw // 'nothing'}++;
		}
	}
	is_deeply(\%seen, { map { ("/$_\n" => 1) } 1 .. 8 }, 'each message once, by weight');
	like(cli('show stat lb 4 -1'), qr/^lb,s3,(?:[^,]*,){5}4,/m, 'counted as sessions of the server');
	like(cli('show stat lb 2 -1'), qr/^lb,BACKEND,(?:[^,]*,){5}8,.*,log,/m, 'and of the backend in mode log');
	cli('set server lb/s3 state maint');
	cli('set server lb/s1 state maint');
	load($p, 'one');
	is($s[1]->next_raw, "/one\n", 'only who is in use');
	cli('set server lb/s2 state maint');
	my ($before) = cli('show info') =~ /^DroppedLogs: (\d+)/m;
	load($p, 'lost');
	ok(wait_until { cli('show info') =~ /^DroppedLogs: (\d+)/m && $1 == $before + 1 },
	    'with nobody in use messages are dropped, and counted');
	cli('set server lb/s1 state ready');
	load($p, 'two');
	is($s[0]->next_raw, "/two\n", 'and go on afterwards');
	# a server moves
	my ($new) = udp(1);
	my ($host, $port) = split /:/, $new->addr;
	like(cli("set server lb/s1 addr $host port $port"), qr/changed/, 'moved');
	load($p, 'moved');
	is($new->next_raw, "/moved\n", 'to where it is now');
	# one more
	my ($more) = udp(1);
	cli("add server lb/s9 udp\@${\ $more->addr}");
	like(cli('add server lb/s10 127.0.0.1:514'), qr/reached over a stream cannot be added at run time/, 'a stream cannot be added');
	like(cli('add server web/s9 udp@127.0.0.1:514'), qr/is an address of datagrams/, 'nor datagrams elsewhere');
	cli('set server lb/s1 state maint');
	cli('enable server lb/s9');
	load($p, 'added');
	is($more->next_raw, "/added\n", 'a server that was added');
	stop_proxy($p);
};

subtest 'sticky, and checks' => sub {
	my @s = udp(2); # first: its processes must not keep the listeners
	my @l = map { listener() } 1 .. 2;
	my $p = start_proxy(text(['balance sticky', 'timeout check 5s', 'default-server inter 500ms fastinter 50ms downinter 50ms rise 1 fall 1 check',
	    map { "server s" . ($_ + 1) . ' udp@' . $s[$_]->addr . ' addr ' . ($l[$_]->addr =~ s/:/ port /r) } 0, 1]));
	load($p, 1 .. 5);
	is_deeply(until_last($s[0], '/5'), [map { "/$_" } 1 .. 5], 'all to the first');
	my $addr = $l[0]->addr;
	$l[0]->close;
	ok(wait_until { cli('show stat lb 4 -1') =~ /^lb,s1,.*,DOWN,/m }, 'it goes');
	load($p, 6 .. 8);
	is_deeply(until_last($s[1], '/8'), [map { "/$_" } 6 .. 8], 'all to the next');
	my $again = IO::Socket::INET->new(Listen => 5, LocalAddr => $addr, ReuseAddr => 1) or die $@;
	ok(wait_until { cli('show stat lb 4 -1') =~ /^lb,s1,.*,UP,/m }, 'it comes back');
	load($p, 9);
	is($s[1]->next_raw, "/9\n", 'which moves nothing back');
	stop_proxy($p);
};

subtest 'log-hash' => sub {
	my @s = udp(4);
	for my $type ('', 'hash-type consistent') {
		my $p = start_proxy(text(['balance log-hash field(2,/),lower', $type, servers(@s)]));
		load($p, map { my $k = $_; map {; "$k/$_", uc($k) . "/u$_" } 1 .. 3 } qw(a b c d e f));
		my (%where, $n);
		for my $i (0 .. 3) {
			while (defined(my $m = $s[$i]->next_raw(0.2))) {
				$n++;
				$where{lc(($m =~ m{^/(\w)/})[0] // 'none')}{$i}++;
			}
		}
		is($n, 36, 'none is lost');
		is_deeply([map { scalar keys %{ $where{$_} } } qw(a b c d e f)], [(1) x 6],
		    "the same key to the same server: " . ($type || 'map-based'));
		my %used = map { (keys %{ $where{$_} })[0] => 1 } keys %where;
		cmp_ok(scalar keys %used, '>', 1, 'not all to one');
		stop_proxy($p);
	}
};

subtest 'random' => sub {
	my @s = udp(2);
	my $p = start_proxy(text(['balance random', servers(@s)]));
	load($p, 1 .. 60);
	my $n = 0;
	my @n = (0, 0);
	for my $i (0, 1) {
		$n[$i]++ while defined $s[$i]->next_raw(0.2);
	}
	is($n[0] + $n[1], 60, 'all arrive');
	ok($n[0] && $n[1], 'at both');
	stop_proxy($p);
};

subtest 'streams' => sub {
	for my $proto ('', 'log-proto octet-count log-bufsize 64k') {
		my $l = listener();
		my $p = start_proxy(text(["server one ${\ $l->addr} $proto"]));
		my $want = sub { my $re = join '', map { $proto ? length("/$_") . " /$_" : "/$_\n" } @_; qr/\Q$re\E/ };
		load($p, 1, 2);
		my $c = $l->accept;
		like($c->read_until($want->(1, 2)), $want->(1, 2), $proto || 'legacy');
		like(cli('show ring lb/one'), $proto ? qr/size=65536 / : qr/size=16384 /, 'its own ring');
		$c->close;
		ok(wait_until { cli('show ring lb/one') =~ /failures=[1-9]/ }, 'the server goes');
		load($p, 3);
		$c = $l->accept;
		like($c->read_until($want->(3)), $want->(3), 'it comes back to what it missed');
		# a reload, with another address
		my $other = listener();
		$p->write_config(text(["server one ${\ $other->addr} $proto"]));
		$p->signal('USR2');
		my $i = 4;
		ok(wait_until { load($p, $i++); cli('show ring lb/one') =~ /server one \Q${\ $other->addr}\E/ }, 'reloaded');
		my $d = $other->accept;
		load($p, 'new');
		my $got = $d->read_until($want->('new'));
		like($got, $want->('new'), 'and goes on at another address');
		unlike($got, $want->(3), 'with what comes then');
		stop_proxy($p);
	}
};

my $host = do { my $l = listener(); my $h = (split /:/, $l->addr)[0]; $l->close; $h };
sub free_port
{
	my $s = IO::Socket::INET->new(Proto => 'udp', LocalAddr => $host) or die $@;
	return $s->sockport;
}

sub forward
{
	my ($port, @more) = @_;

	return "log-forward fwd\n    dgram-bind $host:$port\n" . join '', map { "    $_\n" } @more;
}

subtest 'from log-forward, and from the global section' => sub {
	my @s = udp(2);
	my $port = free_port();
	my $p = start_proxy(text(['balance log-hash word(1,\ )', servers(@s)],
	    forward($port, 'log backend@lb format rfc3164 local0')) =~ s/^    log backend\@lb.*\n//mr =~ s/^    \n//mr);
	my $c = IO::Socket::INET->new(Proto => 'udp', PeerAddr => "$host:$port") or die $@;
	print $c "<13>Nov 22 10:00:00 h$_ app[1]: " . ($_ % 2 ? 'odd' : 'even') . " $_" for 1 .. 6;
	my %where;
	for my $i (0, 1) {
		while (defined(my $m = $s[$i]->next_raw(0.3))) {
			$m =~ /^<13>Nov 22 10:00:00 h\d app\[1\]: (\w+) \d\n$/ or fail("not as it was: $m");
			$where{$1}{$i}++;
		}
	}
	is_deeply([map { values %{ $where{$_} } } qw(even odd)], [3, 3], 'hashed without the header');
	stop_proxy($p);

	my ($u) = udp(1);
	$p = start_proxy("global\n    stats socket $sock level admin\n    log backend\@lb format raw local0\n" . defaults() . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
backend lb
    mode log
    server s1 udp\@${\ $u->addr}
");
	cli('set server web/s state maint');
	my $m;
	ok(wait_until { $m = $u->next_raw // return 1; $m =~ /Server web\/s is going DOWN for maintenance/ }, 'messages of the program')
	    or diag $m;
	stop_proxy($p);
};

subtest 'option host' => sub {
	my $u = syslog_udp();
	my %want = (
		replace => ["$host a: x", "$host a: x"], fill => ['h a: x', "$host a: x"],
		keep => ['h a: x', 'localhost a: x'], append => ["h,$host a: x", "$host a: x"],
	);
	for my $how (sort keys %want) {
		my $port = free_port();
		my $p = start_proxy(defaults() . "\nlisten web\n    bind {BIND:web}\n"
		    . forward($port, "option host $how", "log ${\ $u->addr} format rfc3164 local0", "log ${\ $u->addr} format rfc5424 local1"));
		my $c = IO::Socket::INET->new(Proto => 'udp', PeerAddr => "$host:$port", LocalAddr => $host) or die $@;
		for my $i (0, 1) {
			print $c $i ? '<13>Nov  2 10:00:00 a: x' : '<13>Nov  2 10:00:00 h a: x';
			my @got = sort map { $u->next_raw // 'nothing' } 1, 2;
			my $host5424 = $how eq 'keep' && $i ? '-' : (split ' ', $want{$how}[$i])[0];
			like($got[0], qr/^<13>1 \S+ \Q$host5424\E a - - - x$/, "$how: RFC 5424");
			is($got[1], "<13>Nov  2 10:00:00 $want{$how}[$i]\n", "$how: RFC 3164");
		}
		stop_proxy($p);
	}
	# over a stream, the address is the client's, too
	my $l = listener();
	my ($tcp) = $l->addr =~ /:(\d+)$/;
	$l->close;
	my $p = start_proxy(defaults() . "\nlisten web\n    bind {BIND:web}\nlog-forward f\n    bind $host:$tcp\n"
	    . "    option host replace\n    log ${\ $u->addr} format rfc3164 local0\n");
	my $c = IO::Socket::INET->new(PeerAddr => "$host:$tcp", LocalAddr => $host) or die $@;
	print $c "<13>Nov  2 10:00:00 h a: x\n";
	$c->flush;
	is($u->next_raw, "<13>Nov  2 10:00:00 $host a: x\n", 'a stream');
	stop_proxy($p);
};

sub refused
{
	my ($what, $config, $re) = @_;
	my $r = check_config(defaults() . $config);

	is($r->{code}, 1, "$what: refused") or diag $r->{all};
	like($r->{all}, $re, "$what: the reason");
}

my $be = "backend lb\n    mode log\n    server s udp\@127.0.0.1:514\n";
my $listen = "listen web\n    bind 127.0.0.1:1\n    mode http\n";
refused('no such backend', "${listen}    log backend\@no local0\n", qr/unknown backend 'no'/);
refused('another mode', "${listen}    log backend\@b local0\nbackend b\n", qr/'b' \(.*\) is in 'mode http'/);
refused('no name', "${listen}    log backend\@ local0\n", qr/needs the name of a backend/);
refused('a frontend', "frontend f\n    mode log\n    bind 127.0.0.1:1\n", qr/'mode log' is for backends.*log-forward/);
refused('a listen section', "listen f\n    mode log\n    bind 127.0.0.1:1\n", qr/'mode log' is for backends/);
refused('a route to it', "${be}frontend f\n    bind 127.0.0.1:1\n    default_backend lb\n", qr/incompatible log backend 'lb'/);
refused('leastconn', "$be    balance leastconn\n", qr/balance 'leastconn' of backend 'lb' is not for 'mode log'; write 'roundrobin'/);
refused('log-hash for requests', "backend b\n    balance log-hash lower\n", qr/'log-hash' .* is not for 'mode http'/);
refused('log-hash without converters', "$be    balance log-hash\n", qr/requires a list of converters/);
refused('log-hash with two lists', "$be    balance log-hash lower upper\n", qr/takes no other argument \(got 'upper'\)/);
refused('an unknown converter', "$be    balance log-hash lowr\n", qr/unknown converter 'lowr'/);
refused('datagrams for requests', "backend b\n    server s udp\@127.0.0.1:1\n", qr/'udp\@127.0.0.1:1' is an address of datagrams/);
refused('no port', "backend lb\n    mode log\n    server s udp\@127.0.0.1\n", qr/needs an address and a port/);
refused('an unknown framing', "$be    server t 127.0.0.1:1 log-proto x\n", qr/'legacy' or 'octet-count', not 'x'/);
refused('too small a buffer', "$be    server t 127.0.0.1:1 log-bufsize 10\n", qr/between 1024 bytes and 1g/);
refused('the fetch of log-hash', "${listen}    http-request set-header a %[log_message]\n", qr/log_message/);
refused('an unknown host strategy', "log-forward f\n    option host who\n", qr/'replace', 'fill', 'keep' or 'append', not 'who'/);
like(check_config(defaults() . "backend b\n    server s 127.0.0.1:1 log-proto legacy\n")->{all},
    qr/'log-proto' is ignored, for it is of log backends/, 'log-proto elsewhere: a warning');
like(check_config(defaults() . "$be    server t udp\@127.0.0.1:1 log-bufsize 64k\n")->{all},
    qr/'log-bufsize' is ignored, for it is of streams/, 'log-bufsize with datagrams: a warning');
unlike(check_config("global\n    log backend\@lb local0\n$be")->{all}, qr/missing timeouts/, 'no timeouts are missed');

done_testing;
