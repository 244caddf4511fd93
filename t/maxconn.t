# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# maxconn wherever it may stand: on the command line, in global, in defaults,
# at a frontend and at a server, and what waits then.
use Tideway::Test;

my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	$o->wait_flag($1) if $req->uri =~ m{^/wait/(\w+)};
	return $o->reply($req);
});

# n clients of the bind are served, one more waits for one of them to leave
sub admits
{
	my ($p, $bind, $n, $what) = @_;
	my @c = map { $p->client($bind) } 0 .. $n;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is(join(' ', map { $_->request($get)->status } @c[0 .. $n - 1]),
	    join(' ', (200) x $n), "$what: $n are served");
	$c[$n]->send($get);
	ok($c[$n]->is_quiet(0.1), "$what: the next one waits");
	$c[0]->close;
	is($c[$n]->read_response->status, 200, "$what: until one leaves");
	$_->close for @c;
}

subtest 'the process' => sub {
	my $web = defaults() . "listen web\n    bind {BIND:web}\n    server s ${\ $o->addr}\n";
	my $p = start_proxy("global\n    maxconn 2\n$web");
	admits($p, 'web', 2, 'global');
	stop_proxy($p);
	$p = start_proxy("global\n    maxconn 50\n$web", args => ['-db', '-n', '3']);
	admits($p, 'web', 3, '-n over global');
	stop_proxy($p);
};

subtest 'frontends' => sub {
	my $p = start_proxy("global\n    maxconn 100\n" . defaults('maxconn 2') . "
listen inherits
    bind {BIND:inherits}
    server s ${\ $o->addr}
listen own
    bind {BIND:own}
    maxconn 3
    server s ${\ $o->addr}
");
	admits($p, 'inherits', 2, 'defaults');
	admits($p, 'own', 3, 'its own');
	stop_proxy($p);
	$p = start_proxy(defaults() . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
listen own
    bind {BIND:own}
    maxconn 3
    server s ${\ $o->addr}
", args => ['-db', '-N', '2']);
	admits($p, 'web', 2, '-N') if is_tideway();
	admits($p, 'own', 3, '-N does not touch what is set');
	stop_proxy($p);
};

# requests that are at the server at one time, of n that are sent
sub at_once
{
	my ($backend, $n, $want, $flag) = @_;
	my $p = start_proxy(defaults('timeout queue 5s') . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
$backend
");
	my $before = $o->requests;
	my @c = map { $p->client('web') } 1 .. $n;
	$_->send("GET /wait/$flag HTTP/1.1\r\nHost: a\r\n\r\n") for @c;
	wait_until { $o->requests >= $before + $want };
	# a request more would come at once
	$c[-1]->is_quiet(0.1);
	my $got = $o->requests - $before;
	$o->set($flag);
	my @status = map { $_->read_response->status } @c;
	stop_proxy($p);
	return ($got, \@status);
}

subtest 'servers' => sub {
	my $a = $o->addr;
	my ($n, $status) = at_once("    server s $a maxconn 2", 5, 2, 'max');
	is($n, 2, 'maxconn 2: two at a time');
	is("@$status", '200 200 200 200 200', 'the others wait in the queue');
	($n, $status) = at_once("    default-server maxconn 3\n    server s $a", 5, 3, 'def');
	is($n, 3, 'from default-server');
	($n, $status) = at_once("    server s $a", 5, 5, 'none');
	is($n, 5, 'without one: all');
	($n, $status) = at_once("    server s $a maxconn 0", 5, 5, 'zero');
	is($n, 5, '0: all');
};

done_testing;
