# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Servers whose addresses come from name servers at run time: A, AAAA and SRV
# records, server-template, what holds without an answer, name servers that
# lie, cut short, are slow or are silent, and reloads. The name server is the
# test's own (Tideway::Dns).
use Tideway::Test;
use IO::Socket::UNIX;
use Tideway::Cli;
use Tideway::Dns;

# Three places with one port: 127.x.b.c, where x is nobody else's.
my ($third, $fourth) = $Tideway::Listener::ADDR =~ /^127\.\d+\.(\d+)\.(\d+)$/;
my @ip = map { "127.$_.$third.$fourth" } 141 .. 143;
my @o = (origin(name => 'o1', host => $ip[0]));
my $port = $o[0]{port};
push @o, map { origin(name => 'o' . ($_ + 1), host => $ip[$_], port => $port) } 1, 2;

my $FAST = join "\n    ", map { "$_ 100ms" } 'timeout resolve', 'timeout retry',
    map { "hold $_" } qw(nx refused timeout other);

# a proxy with one backend; in: lines of the section, of the backend
sub proxy
{
	my ($resolvers, $backend, $defaults) = @_;

	return start_proxy('global
    stats socket {DIR}/sock level admin
' . defaults() . ($defaults // '') . "
resolvers dns
    $FAST
    $resolvers
frontend web
    bind {BIND:web}
    stats uri /stats
    default_backend b
backend b
    $backend
");
}

sub cli
{
	my ($p, $command) = @_;
	my $s = IO::Socket::UNIX->new(Peer => "$p->{dir}/sock") or return '';

	syswrite $s, "$command\n";
	return answer($s);
}

sub stats { $_[0]->get('web', '/stats;csv')->body }
sub who { $_[0]->get('web', '/')->header('X-Server') // $_[0]->get('web', '/')->status }
sub becomes
{
	my ($p, $want, $text) = @_;
	my $is;

	wait_until { ($is = who($p)) eq $want };
	is($is, $want, $text);
}

# those that answer 12 requests
sub all
{
	my ($p) = @_;
	my %n;

	$n{ who($p) }++ for 1 .. 12;
	return join ' ', sort keys %n;
}

sub all_become
{
	my ($p, $want, $text) = @_;
	my $is;

	wait_until { ($is = all($p)) eq $want };
	is($is, $want, $text);
}

sub counter
{
	my ($p, $ns, $word) = @_;

	return cli($p, 'show resolvers dns') =~ /nameserver $ns:.*?\b$word: +(\d+)/s ? $1 : -1;
}

my @P4 = 'resolve-prefer ipv4';

subtest 'an address that changes' => sub {
	my $dns = Tideway::Dns->new(zone => { 'a.test/A' => [ $ip[0] ] });
	my $p = proxy("nameserver n1 ${\ $dns->addr}",
	    "server s A.test:$port resolvers dns init-addr none @P4");
	becomes($p, 'o1', 'is asked for at once');
	ok($p->wait_output(qr{b/s changed its IP from \(none\) to $ip[0] by dns/n1\.}), 'said');
	ok($p->wait_output(qr{Server b/s \('A\.test'\) is UP/READY \(resolves again\)\.}), 'up');
	ok($p->wait_output(qr{Server b/s administratively READY thanks to valid DNS answer\.}),
	    'ready');
	my $c = $p->client('web');
	my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	is($c->request($get)->header('X-Server'), 'o1', 'an idle connection to it');
	$dns->zone('a.test/A' => [ $ip[1] ]);
	ok($p->wait_output(qr{b/s changed its IP from $ip[0] to $ip[1] by dns/n1\.}), 'changed');
	is($c->request($get)->header('X-Server'), 'o2', 'no request takes the old connection');
	is(who($p), 'o2', 'nor goes to the old address');
	cmp_ok(counter($p, 'n1', 'valid'), '>=', 2, 'answers are counted');
	cmp_ok(counter($p, 'n1', 'update'), '==', 2, 'and changes');
	like(stats($p), qr/^b,s,.*$ip[1]:$port/m, 'the statistics show it');
	stop_proxy($p);
};

subtest 'what holds without an answer' => sub {
	my %case = (nx => 'DNS NX status', refused => 'DNS refused status',
	    silent => 'DNS timeout status', servfail => 'unspecified DNS error');
	my %word = (silent => 'timeout', servfail => 'other');
	my $dns = Tideway::Dns->new(zone => { 'a.test/A' => [ $ip[0] ] });
	my $p = proxy("nameserver n1 ${\ $dns->addr}\n resolve_retries 1",
	    "server s a.test:$port resolvers dns init-addr none @P4");
	for my $how (sort keys %case) {
		$dns->zone('a.test/*' => 'nx', 'a.test/A' => [ $ip[0] ]);
		becomes($p, 'o1', "before $how");
		$dns->zone('a.test/*' => $how, 'a.test/A' => $how);
		becomes($p, '503', "$how: no server");
		ok($p->wait_output(qr{Server b/s is going DOWN for maintenance \($case{$how}\)\.}),
		    $case{$how});
		like(stats($p), qr/^b,s,.*MAINT \(resolution\)/m, 'the statistics, too');
		cmp_ok(counter($p, 'n1', $word{$how} // $how), '>', 0, 'counted');
	}
	stop_proxy($p);

	$dns->zone('a.test/A' => [ $ip[0] ]);
	$p = proxy("nameserver n1 ${\ $dns->addr}\n hold nx 1h\n hold timeout 1h",
	    "server s a.test:$port resolvers dns init-addr none @P4");
	becomes($p, 'o1', 'with hold nx 1h');
	$dns->zone('a.test/*' => 'nx', 'a.test/A' => 'nx');
	my $n = counter($p, 'n1', 'nx');
	ok(wait_until { counter($p, 'n1', 'nx') > $n + 4 }, 'the name is gone');
	is(who($p), 'o1', 'but the address holds');
	stop_proxy($p);
};

subtest 'answers that are none' => sub {
	my $dns = Tideway::Dns->new(zone => { 'a.test/A' => [ $ip[0] ],
	    'a.test/AAAA' => 'empty', 'a.test/real' => [ $ip[1] ] });
	my $p = proxy("nameserver n1 ${\ $dns->addr}\n hold other 1h\n hold timeout 1h",
	    "server s a.test:$port resolvers dns init-addr none @P4");
	becomes($p, 'o1', 'a good one first');
	for my $case ([ garbage => 'invalid' ], [ loop => 'invalid' ], [ truncated => 'truncated' ],
	    [ otherid => 'outdated' ], [ otherquestion => 'invalid' ], [ empty => 'any_err' ],
	    [ 'cname:nowhere.test' => 'cname_error' ]) {
		my ($how, $word) = @$case;
		my $n = counter($p, 'n1', $word);
		$dns->zone('a.test/A' => $how);
		ok(wait_until { counter($p, 'n1', $word) > $n }, "$how: $word");
		is(who($p), 'o1', 'nothing changes');
	}
	$dns->zone('a.test/A' => 'cname:b.test', 'b.test/A' => [ $ip[2] ]);
	becomes($p, 'o3', 'an alias');
	cmp_ok(counter($p, 'n1', 'cname'), '>', 0, 'is counted');
	stop_proxy($p);

	$dns->zone('a.test/A' => [ map { "127.9.0.$_" } 1 .. 100 ]);
	$p = proxy("nameserver n1 ${\ $dns->addr}", "server s a.test:$port resolvers dns init-addr none @P4");
	ok(wait_until { counter($p, 'n1', 'too_big') > 0 }, 'longer than accepted_payload_size');
	stop_proxy($p);
	$p = proxy("nameserver n1 ${\ $dns->addr}\n accepted_payload_size 8192",
	    "server s a.test:$port resolvers dns init-addr none @P4");
	ok($p->wait_output(qr{b/s changed its IP from \(none\) to 127\.9\.0\.}), 'and with more of it');
	stop_proxy($p);
};

subtest 'several name servers' => sub {
	my $bad = Tideway::Dns->new(zone => { 'a.test/A' => 'nx', 'a.test/*' => 'nx' });
	my $mute = Tideway::Dns->new(zone => { 'a.test/A' => 'silent', 'a.test/*' => 'silent' });
	my $late = Tideway::Dns->new(zone => { 'a.test/A' => 'late', 'a.test/late' => [ $ip[2] ] });
	my $p = proxy("nameserver bad ${\ $bad->addr}
    nameserver mute ${\ $mute->addr}
    nameserver late ${\ $late->addr}
    timeout retry 5s", "server s a.test:$port resolvers dns init-addr none @P4");
	becomes($p, 'o3', 'the one good answer counts, however late');
	cmp_ok(counter($p, 'bad', 'nx'), '>', 0, 'the bad one is counted');
	stop_proxy($p);
};

subtest 'over TCP' => sub {
	my $dns = Tideway::Dns->new(zone => { 'a.test/A' => [ $ip[1] ] });
	my $p = proxy("nameserver n1 tcp\@${\ $dns->tcp_addr}",
	    "server s a.test:$port resolvers dns init-addr none @P4");
	becomes($p, 'o2', 'tcp@');
	ok((grep { $_ eq 'tcp a.test/A' } $dns->asked), 'really');
	stop_proxy($p);
};

subtest 'kinds of addresses' => sub {
	my $dns = Tideway::Dns->new(zone => { 'a.test/A' => [ @ip[0, 1] ], 'a.test/AAAA' => ['::1'],
	    'four.test/A' => [ $ip[2] ], 'four.test/*' => 'nx' });
	my $p = proxy("nameserver n1 ${\ $dns->addr}",
	    "default-server resolvers dns init-addr none
    server six a.test:$port
    server v4 ipv4\@a.test:$port resolve-prefer ipv4
    server near a.test:$port resolve-prefer ipv4 resolve-net $ip[1]/32
    server four four.test:$port");
	ok($p->wait_output(qr{b/six changed its IP from \(none\) to ::1 by}), 'ipv6 is preferred');
	ok($p->wait_output(qr{b/v4 changed its IP from \(none\) to $ip[0] by}), 'ipv4@');
	ok($p->wait_output(qr{b/near changed its IP from \(none\) to $ip[1] by}), 'resolve-net');
	ok($p->wait_output(qr{b/four changed its IP from \(none\) to $ip[2] by}),
	    'the other kind when there is none of the first');
	stop_proxy($p);
};

subtest 'server-template' => sub {
	my $dns = Tideway::Dns->new(zone => { 'a.test/A' => [ @ip[0, 1] ] });
	my $p = proxy("nameserver n1 ${\ $dns->addr}",
	    "server-template t 2-4 a.test:$port resolvers dns init-addr none @P4");
	all_become($p, 'o1 o2', 'each has an address of its own');
	like(stats($p), qr/^b,t2,.*^b,t3,.*^b,t4,[^\n]*MAINT \(resolution\)/ms,
	    'one is left over');
	$dns->zone('a.test/A' => [@ip]);
	all_become($p, 'o1 o2 o3', 'until there is one for it');
	$dns->zone('a.test/A' => [ $ip[1] ]);
	all_become($p, 'o2', 'the others go');
	stop_proxy($p);

	$dns->zone('a.test/A' => [ $ip[1] ]);
	$p = proxy("nameserver n1 ${\ $dns->addr}",
	    "server-template t 2 a.test:$port resolvers dns init-addr none resolve-opts allow-dup-ip @P4");
	ok($p->wait_output(qr{b/t1 changed its IP from \(none\) to $ip[1] by}), 'allow-dup-ip: one');
	ok($p->wait_output(qr{b/t2 changed its IP from \(none\) to $ip[1] by DNS cache}), 'and two');
	stop_proxy($p);

	$p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    server-template s 2 $ip[0]:$port weight 3
");
	is(who($p), 'o1', 'without names');
	stop_proxy($p);
};

for my $additional (1, 0) {
	subtest "SRV, additional records: $additional" => sub {
		my $srv = '_h._tcp.test/SRV';
		my $other = origin(name => 'other', host => $ip[2]);
		my $dns = Tideway::Dns->new(zone => { additional => $additional,
		    $srv => [ "1 1 $port h1.test" ], 'h1.test/A' => [ $ip[0] ],
		    'h2.test/A' => [ $ip[1] ], 'h3.test/A' => [ $ip[2] ] });
		my $p = proxy("nameserver n1 ${\ $dns->addr}",
		    "server-template t 3 _h._tcp.test resolvers dns init-addr none @P4");
		all_become($p, 'o1', 'one entry, one server');
		$dns->zone($srv => [ "1 1 $port h1.test", "1 1 $port h2.test",
		    "1 1 $other->{port} h3.test" ]);
		all_become($p, 'o1 o2 other', 'more, with ports of their own');
		$dns->zone($srv => [ "1 1 $port h2.test" ]);
		all_become($p, 'o2', 'fewer');
		ok($p->wait_output(qr{maintenance \(entry removed from SRV record\)}), 'said');
		$dns->zone($srv => [ "1 1024 $port h2.test", "1 200 $port h1.test" ]);
		all_become($p, 'o1 o2', 'weights');
		wait_until { stats($p) =~ /^b,t2,(?:[^,]*,){16}4/m };
		my ($w) = stats($p) =~ /^b,t2,(?:[^,]*,){16}(\d+)/m;
		my ($v) = stats($p) =~ /^b,t1,(?:[^,]*,){16}(\d+)/m;
		is(join(' ', sort { $a <=> $b } $v, $w), '1 4', 'on the scale of 256');
		$dns->zone($srv => [ "1 1024 $port h2.test", "1 0 $port h1.test" ]);
		all_become($p, 'o2', 'weight 0: no new sessions');
		$dns->zone($srv => 'nx');
		becomes($p, '503', 'none');
		stop_proxy($p);
	};
}

subtest 'a reload' => sub {
	my $dns = Tideway::Dns->new(zone => { 'a.test/A' => [ $ip[1] ],
	    '_h._tcp.test/SRV' => [ "1 1 $port h3.test" ], 'h3.test/A' => [ $ip[2] ] });
	my $p = proxy("nameserver n1 ${\ $dns->addr}\n hold timeout 1h",
	    "server s a.test:$port resolvers dns init-addr none @P4
    server t _h._tcp.test resolvers dns init-addr none @P4");
	all_become($p, 'o2 o3', 'before');
	my $valid = counter($p, 'n1', 'valid');
	$dns->zone('a.test/*' => 'silent', 'a.test/A' => 'silent', '_h._tcp.test/SRV' => 'silent');
	for my $n (1, 2) {
		my $before = $p->stderr;
		$p->signal('USR2');
		ok(wait_until { cli($p, 'show info') =~ /./; all($p) eq 'o2 o3' }, "reload $n: addresses stay");
	}
	cmp_ok(counter($p, 'n1', 'valid'), '>=', $valid, 'so do the counters');
	stop_proxy($p);
};

subtest 'checks follow' => sub {
	my $dns = Tideway::Dns->new(zone => { 'a.test/A' => ['127.0.0.1'] });
	my $p = proxy("nameserver n1 ${\ $dns->addr}",
	    "server s a.test:$port resolvers dns init-addr none check inter 50ms fall 1 rise 1 @P4");
	ok($p->wait_output(qr{Server b/s is DOWN}), 'nobody is there');
	$dns->zone('a.test/A' => [ $ip[0] ]);
	becomes($p, 'o1', 'the new address is checked');
	stop_proxy($p);
};

subtest 'the first address' => sub {
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    server s no.such.name.invalid:$port init-addr last,libc,$ip[1]
");
	is(who($p), 'o2', 'init-addr <ip>');
	stop_proxy($p);
};

subtest 'errors' => sub {
	my $base = "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n";
	for my $case (
	    [ "resolvers", qr/expects a name/ ],
	    [ "resolvers a b", qr/unexpected argument 'b'/ ],
	    [ "resolvers a\nresolvers a", qr/same name/ ],
	    [ "resolvers a\n nameserver n", qr/'nameserver' expects/ ],
	    [ "resolvers a\n nameserver n 127.0.0.1", qr/missing port/ ],
	    [ "resolvers a\n nameserver n foo:53", qr/invalid address/ ],
	    [ "resolvers a\n nameserver n 127.0.0.1:53 ssl", qr/'ssl'.*not supported by tideway yet/ ],
	    [ "resolvers a\n nameserver n 127.0.0.1:53\n nameserver n 127.0.0.1:54", qr/same name/ ],
	    [ "resolvers a\n timeout resolve 0", qr/more than 0/ ],
	    [ "resolvers a\n timeout resolve x", qr/x/ ],
	    [ "resolvers a\n timeout foo 1s", qr/foo/ ],
	    [ "resolvers a\n hold foo 1s", qr/foo/ ],
	    [ "resolvers a\n hold nx", qr/hold nx/ ],
	    [ "resolvers a\n resolve_retries 0", qr/resolve_retries/ ],
	    [ "resolvers a\n accepted_payload_size 70000", qr/accepted_payload_size/ ],
	    [ "backend b\n server s localhost:80 resolvers no", qr/unable to find required resolvers 'no'/ ],
	    [ "backend b\n server s _h._tcp.test", qr/needs 'resolvers/ ],
	    [ "backend b\n server s localhost:80 resolve-prefer ipv5", qr/either ipv4 or ipv6/ ],
	    [ "backend b\n server s localhost:80 resolve-opts x", qr/does not know 'x'/ ],
	    [ "backend b\n server s localhost:80 resolve-net 10.0.0.0/33", qr/resolve-net/ ],
	    [ "backend b\n server s localhost:80 resolve-net x", qr/resolve-net/ ],
	    [ "backend b\n server-template s 0 localhost:80", qr/how many servers/ ],
	    [ "backend b\n server-template s 5-3 localhost:80", qr/how many servers/ ],
	    [ "backend b\n server-template s 1", qr/server-template/ ],
	    [ "backend b\n server-template s 2 localhost:80\n server s2 localhost:80", qr/s2/ ],
	) {
		my $r = check_config("$base$case->[0]\n");
		is($r->{code}, 1, "refused: $case->[0]");
		like($r->{all}, $case->[1], 'for that reason');
	}
	my $r = check_config("${base}resolvers a\n");
	like($r->{all}, qr/resolvers 'a' has no nameservers configured!/, 'a warning');
	unlike($r->{all}, qr/ALERT/, 'only');
};

done_testing;
