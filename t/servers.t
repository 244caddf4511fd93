# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Servers: balancing with weights, backups, limits with their queue, retries
# and redispatching, and how a server is named and reached.
use Tideway::Test;

my @o = map { origin(name => "s$_", respond => sub {
	my ($req, $c, $o) = @_;
	$o->wait_flag($1) if $req->uri =~ m{^/wait/(\w+)};
	return $o->reply($req);
}) } 1 .. 3;
my @a = map { $_->addr } @o;
my $gone = listener();
my $gone_addr = $gone->addr;
$gone->close;

sub proxy
{
	my ($backend, @defaults) = @_;

	return start_proxy(defaults(@defaults) . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
$backend
");
}

sub ask
{
	my ($p, $n) = @_;

	return map { $p->get('web', '/')->header('X-Server') // '-' } 1 .. $n;
}

sub count
{
	my %n;
	$n{$_}++ for @_;
	return join ' ', map { "$_=$n{$_}" } sort keys %n;
}

# opens a request that stays at its server until the flag is raised
sub hold
{
	my ($p, $flag) = @_;
	my $c = $p->client('web');

	$c->send("GET /wait/$flag HTTP/1.1\r\nHost: a\r\n\r\n");
	return $c;
}

sub n_requests { my $n = 0; $n += $_->requests for @o; return $n }

sub release
{
	my ($flag, @clients) = @_;

	$_->set($flag) for @o;
	return map { $_->read_response->header('X-Server') // '-' } @clients;
}

subtest 'roundrobin' => sub {
	my $p = proxy("    server s1 $a[0]\n    server s2 $a[1]\n    server s3 $a[2]\n");
	is(join(' ', ask($p, 7)), 's1 s2 s3 s1 s2 s3 s1', 'in turn');
	stop_proxy($p);

	$p = proxy("    balance roundrobin
    server s1 $a[0] weight 5
    server s2 $a[1] weight 1
    server s3 $a[2] weight 2
");
	is(count(ask($p, 8)), 's1=5 s2=1 s3=2', 'weights, exactly');
	is(count(ask($p, 8)), 's1=5 s2=1 s3=2', 'and again');
	my @seq = ask($p, 16);
	unlike("@seq", qr/(?:s1 ){5}/, 'smoothly, not in bursts');
	stop_proxy($p);

	$p = proxy("    server s1 $a[0] weight 0\n    server s2 $a[1]\n");
	is(count(ask($p, 4)), 's2=4', 'weight 0 gets nothing');
	stop_proxy($p);
};

subtest 'leastconn' => sub {
	my $p = proxy("    balance leastconn
    server s1 $a[0]
    server s2 $a[1]
    server s3 $a[2] weight 2
");
	my @held;
	for my $n (1 .. 4) {
		my $before = n_requests();
		push @held, hold($p, 'lc');
		wait_until { n_requests() > $before };
	}
	is(count(release('lc', @held)), 's1=1 s2=1 s3=2',
	    'by connections and weight');
	stop_proxy($p);
};

subtest 'backup and disabled' => sub {
	my $p = proxy("    option redispatch\n    server s1 $a[0]
    server s2 $a[1] backup\n    server s3 $a[2] disabled\n");
	is(count(ask($p, 4)), 's1=4', 'neither gets traffic');
	stop_proxy($p);

	$p = proxy("    server s1 $a[0] disabled
    server s2 $a[1] backup\n    server s3 $a[2] backup\n");
	is(count(ask($p, 4)), 's2=4', 'the first backup alone');
	stop_proxy($p);

	$p = proxy("    option allbackups\n    server s1 $a[0] disabled
    server s2 $a[1] backup\n    server s3 $a[2] backup\n");
	is(count(ask($p, 4)), 's2=2 s3=2', 'option allbackups');
	stop_proxy($p);
};

subtest 'maxconn and the queue' => sub {
	my $p = proxy("    server s1 $a[0] maxconn 2\n", 'timeout queue 5s');
	my $before = $o[0]->requests;
	my @held = map { hold($p, 'q') } 1 .. 2;
	wait_until { $o[0]->requests == $before + 2 };
	push @held, map { hold($p, 'q') } 1 .. 3;
	ok($held[2]->is_quiet(0.1), 'the third waits');
	is(scalar($o[0]->requests), $before + 2, 'and is not at the server');
	is(count(release('q', @held)), 's1=5', 'all are served in the end');
	stop_proxy($p);

	$_->unset('q') for @o;
	$p = proxy("    server s1 $a[0] maxconn 1\n", 'timeout queue 200ms');
	$before = $o[0]->requests;
	my $first = hold($p, 'q');
	wait_until { $o[0]->requests == $before + 1 };
	my $r = $p->get('web', '/');
	is($r->status, 503, 'timeout queue: 503');
	release('q', $first);
	is($p->get('web', '/')->status, 200, 'then free again');
	stop_proxy($p);

	$_->unset('q') for @o;
	$p = proxy("    balance roundrobin\n    server s1 $a[0] maxconn 1
    server s2 $a[1] maxconn 1\n", 'timeout queue 5s');
	@held = map { hold($p, 'q') } 1 .. 6;
	my $who = count(release('q', @held));
	like($who, qr/^s1=[1-5] s2=[1-5]$/, 'a queue in front of two servers');
	unlike($who, qr/-/, 'all of it is served');
	stop_proxy($p);
};

subtest 'retries and redispatch' => sub {
	my $p = proxy("    option redispatch\n    retries 2
    server gone $gone_addr\n    server s2 $a[1]\n");
	is(count(ask($p, 4)), 's2=4', 'another server takes over');
	stop_proxy($p);

	$p = proxy("    no option redispatch\n    retries 1
    server gone $gone_addr\n    server s2 $a[1]\n");
	is(join(' ', ask($p, 4)), '- s2 - s2', 'without it, a 503');
	stop_proxy($p);

	for my $algorithm (qw(roundrobin leastconn)) {
		$p = proxy("    balance $algorithm\n    option redispatch 1\n    retries 1
    server gone $gone_addr weight 100\n    server s2 $a[1] weight 1\n");
		is(count(ask($p, 6)), 's2=6', "$algorithm: not to the one that failed, however light")
		    if is_tideway();
		stop_proxy($p);
	}
};

subtest 'send-proxy' => sub {
	my $l = listener();
	my $p = proxy("    server s ${\ $l->addr} send-proxy\n");
	my $c = $p->client('web');
	$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	my ($from, $to) = ($c->local_port, $p->port('web'));
	is($s->read_until(qr/\r\n/),
	    "PROXY TCP4 127.0.0.1 127.0.0.1 $from $to\r\n", 'one line first');
	like($s->read_head->start, qr{^GET / }, 'then the request');
	stop_proxy($p);
};

subtest 'default-server' => sub {
	my $p = proxy("    default-server weight 3
    server s1 $a[0]\n    server s2 $a[1] weight 1\n");
	is(count(ask($p, 8)), 's1=6 s2=2', 'gives the defaults');
	stop_proxy($p);

	$p = proxy("    default-server disabled
    server s1 $a[0]\n    server s2 $a[1] enabled\n");
	is(count(ask($p, 2)), 's2=2', 'which a server overrides');
	stop_proxy($p);
};

subtest 'names and addresses' => sub {
	my $local = origin(name => 'local', host => '127.0.0.1');
	my $p = proxy("    server s1 ipv4\@localhost:${\ $local->port}\n");
	is(count(ask($p, 2)), 'local=2', 'a host name') ;
	stop_proxy($p);

	my $r = check_config(defaults() . "backend b\n    server s no.such.host.invalid:80\n");
	is($r->{code}, 1, 'a name that does not resolve is an error');
	like($r->{all}, qr/no\.such\.host\.invalid/, 'that names it');

	$p = proxy("    default-server init-addr last,libc,none
    server s1 no.such.host.invalid:80\n    server s2 $a[1]\n");
	is(count(ask($p, 2)), 's2=2', 'init-addr none starts without it');
	stop_proxy($p);

	$p = proxy("    default-server init-addr 127.0.0.1
    server s1 no.such.host.invalid:${\ $local->port}\n");
	is(count(ask($p, 1)), 'local=1', 'init-addr with an address');
	stop_proxy($p);

	for my $bad ("server s1 $a[0] weight 257", "server s1 $a[0] weight x",
	    "server s1", 'server s1 127.0.0.1:99999', "server s1 $a[0] nonsense",
	    "server s1 $a[0] maxconn") {
		next if $bad =~ / (?:weight x|maxconn)$/ && !is_tideway();
		$r = check_config(defaults() . "backend b\n    $bad\n");
		is($r->{code}, 1, "'$bad' is refused");
		like($r->{all}, qr/check\.cfg:8\b/, 'with its line');
	}
	$r = check_config(defaults() . "backend b\n    server s $a[0]\n    server s $a[1]\n");
	isnt($r->{code}, 0, 'two servers of one name');
};

done_testing;
