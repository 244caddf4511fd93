# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The life of HTTP/2 connections and their streams: what clients, servers, timeouts
# and the administrator cut short, and what becomes of the others.
use Tideway::Test;
use Tideway::Cli;
use Tideway::H1Origin;
use Tideway::H2;

my $log = syslog_udp();
my $o = h1_origin(name => 's');
my $hole = listener(); # accepts nothing itself: its server never answers
my $gone = listener();
my $gone_addr = $gone->addr;
$gone->close;

my $conf = "global
    log ${\ $log->addr} local0
    stats socket {DIR}/sock level admin
" . defaults('log global', 'option httplog', 'timeout tunnel 20s', 'retries 1') . "
listen web
    bind {BIND:web}
    http-request set-var(sess.n) int(0) if { path /var } !{ var(sess.n) -m found }
    http-request set-var(sess.n) var(sess.n),add(1) if { path /var }
    http-request return status 200 content-type text/plain lf-string %[var(sess.n)] if { path /var }
    server s ${\ $o->addr}
listen one
    bind {BIND:one}
    timeout queue 20s
    server s ${\ $o->addr} maxconn 1
listen hole
    bind {BIND:hole}
    server s ${\ $hole->addr}
listen gone
    bind {BIND:gone}
    option redispatch 1
    server a $gone_addr
    server b ${\ $o->addr}
listen nowhere
    bind {BIND:nowhere}
    server a $gone_addr
listen short
    bind {BIND:short}
    timeout http-request 300ms
    timeout http-keep-alive 400ms
    option http-buffer-request
    server s ${\ $o->addr}
listen stalled
    bind {BIND:stalled}
    timeout client 500ms
    server s ${\ $o->addr}
listen slow-server
    bind {BIND:slow}
    timeout server 300ms
    server s ${\ $o->addr}
listen abort
    bind {BIND:abort}
    option abortonclose
    server s ${\ $o->addr} maxconn 1
";
my $p = start_proxy($conf);

sub client { h2_client($p->addr($_[0]), @_[1 .. $#_]) }
sub ask { cli_ask("$p->{dir}/sock", $_[0]) }

# the log line of a path, as parse_http gives it
sub logged
{
	my ($path) = @_;
	my $l = $log->next_match(qr{ \S+://\S*\Q$path\E HTTP/2\.0"}) or return {};

	return Tideway::Syslog::parse_http($l->{msg});
}

# of listen one: requests in the queue, those at its server
sub column { (split /,/, (grep { /^one,$_[0],/ } split /\n/, ask('show stat'))[0])[ $_[1] ] }
sub queued { column('BACKEND', 2) }
sub at_server { column('s', 4) }

subtest 'variables of the session' => sub {
	my $c = client('web');
	is(join(' ', map { $c->get('/var')->body } 1 .. 3), '1 2 3', 'are the connection\'s');
	is(client('web')->get('/var')->body, 1, 'and another one\'s are others');
};

subtest 'the client resets a stream' => sub {
	my $c = client('one');
	my $s = $c->request(path => '/slow?r1');
	ok($o->wait_flag('at-r1', 10), 'while its server answers');
	my $queued = $c->request(path => '/len?7');
	ok(wait_until { queued() == 1 }, 'another one waits for its place');
	$c->rst($s, 'CANCEL');
	is($c->response($queued)->body, octets(7), 'which is free at once');
	is(logged('/slow?r1')->{flags}, 'CD--', 'as the log has it');
	logged('/len?7');
	$s = $c->request(path => '/slow?r2');
	$o->wait_flag('at-r2', 10);
	$queued = $c->request(path => '/len?8');
	wait_until { queued() == 1 };
	$c->rst($queued, 'CANCEL');
	is(logged('/len?8')->{flags}, 'CQ--', 'one that waits');
	ok(wait_until { queued() == 0 }, 'leaves the queue');
	$o->set('go-r2');
	is($c->response($s)->body, 'slow', 'the other one goes on');
	logged('/slow?r2');
	$s = $c->request(path => '/len?5000000');
	$c->wait_for(sub { length $c->stream($s)->body > 10_000 });
	$c->rst($s, 'CANCEL');
	is(logged('/len?5000000')->{flags}, 'CD--', 'in the middle of the answer');
	is($c->get('/len?9')->body, octets(9), 'the place is free');
	logged('/len?9');
	$s = $c->request(method => 'POST', path => '/echo?u', open => 1);
	$c->send_data($s, 'x' x 100);
	ok(wait_until { at_server() == 1 }, 'an upload');
	$c->rst($s, 'CANCEL');
	is(substr(logged('/echo?u')->{flags}, 0, 1), 'C', 'is cut');
	ok(wait_until { at_server() == 0 }, 'and its server let go');
	my $h = client('hole');
	$s = $h->request(path => '/x');
	my $peer = $hole->accept;
	$peer->read_head;
	$h->rst($s, 'CANCEL');
	ok($peer->is_closed, 'its connection ends');
	is(logged('/x')->{flags}, 'CD--', 'logged');
	is_deeply([$c->violations], [], 'nothing was wrong');
	$o->set('go-r1');
};

subtest 'the client goes' => sub {
	my $c = client('web');
	$c->request(path => "/slow?g$_") for 1 .. 3;
	$o->wait_flag("at-g$_", 10) for 1 .. 3;
	my $s = $c->request(method => 'POST', path => '/echo?g', open => 1);
	$c->peer->reset;
	my %seen = map { (($log->next_match(qr/HTTP.2/) // {})->{msg} // '') => 1 } 1 .. 4;
	delete $seen{''};
	is(scalar(keys %seen), 4, 'four exchanges are logged') or diag join "\n", keys %seen;
	$o->set("go-g$_") for 1 .. 3;
	$c = client('web');
	$c->get('/len?2');
	logged('/len?2');
	$p->signal('STOP'); # its request and its reset are one event
	$c->request(path => '/slow?g4');
	$c->peer->reset;
	$p->signal('CONT');
	is(logged('/slow?g4')->{flags}, 'CD--', 'nobody waits for the answer');
	$o->set('go-g4');
	$c = client('web');
	$s = $c->request(path => '/slow?h1');
	my $up = $c->request(method => 'POST', path => '/echo?h', open => 1);
	$o->wait_flag('at-h1', 10);
	$c->peer->shutdown_write;
	is(logged('/echo?h')->{flags}, 'CH--', 'a body that will not come');
	$o->set('go-h1');
	is($c->response($s)->body, 'slow', 'what is whole is answered');
	is($c->ended->{state}, 'eof', 'then it ends');
	logged('/slow?h1');
	$c = client('web', settings => { INITIAL_WINDOW_SIZE => 1000 });
	$s = $c->request(path => '/len?5000');
	$c->wait_for(sub { length $c->stream($s)->body == 1000 });
	$c->peer->shutdown_write;
	is(logged('/len?5000')->{flags}, 'CD--', 'its window can never open');
	is($c->ended->{state}, 'eof', 'so that ends');
	$c = client('web');
	$s = $c->request(path => '/slow?h3');
	$o->wait_flag('at-h3', 10);
	$c->peer->shutdown_write;
	1 while $c->read_frame(0.05); # FIN is seen, it waits
	$c->peer->reset;
	is(logged('/slow?h3')->{flags}, 'CD--', 'reset after FIN');
	$o->set('go-h3');
	$c = client('abort');
	$s = $c->request(path => '/slow?h2');
	$o->wait_flag('at-h2', 10);
	$c->peer->shutdown_write;
	is(logged('/slow?h2')->{flags}, 'CH--', 'option abortonclose');
	$o->set('go-h2');
};

subtest 'the server goes' => sub {
	my $c = client('web');
	for my $path (qw(/die /cut)) {
		my $r = $c->get($path);
		ok(defined $r->is_reset, "$path: reset") or diag $r->status;
		is($r->{complete}, 0, 'the client knows that it is not whole');
		is(logged($path)->{flags}, 'SD--', 'logged');
	}
	is($c->get('/silent')->status, 502, 'before it answers');
	is(client('nowhere')->get('/')->status, 503, 'no server');
	is(client('slow')->get('/slow?t1')->status, 504, 'one that is late');
	$o->set('go-t1');
	my $g = client('gone');
	is($g->get("/len?$_")->status, 200, 'redispatched') for 1 .. 4;
	is($c->get('/')->body, "s\n", 'the connection goes on');
	is_deeply([$_->violations], [], 'nothing was wrong') for $c, $g;
};

subtest 'timeouts' => sub {
	my $c = client('short');
	my $s = $c->request(method => 'POST', path => '/echo', open => 1);
	$c->send_data($s, 'half');
	is($c->response($s)->status, 408, 'a body that does not come');
	is($c->reset_code($s, 5), 'NO_ERROR', 'is not wanted any more');
	is($c->get('/')->status, 200, 'others are served');
	is_deeply($c->ended, { code => 'NO_ERROR', state => 'eof' }, 'idle: GOAWAY');
	$c = client('short');
	$c->get('/');
	$c->send_frame('HEADERS', 0, 9, "\x82");
	is_deeply($c->ended, { code => 'NO_ERROR', state => 'eof' }, 'a head that stops');
	$c = client('short', raw => 1);
	$c->send_raw(substr h2_preface(), 0, 10);
	like($c->peer->read_all, qr/^(?:HTTP\/1\.1 408|\z)/, 'half a preface');
	$c = client('short');
	$c->get('/');
	for (1 .. 20) {
		$c->ping;
		$c->read_frame(0.05);
	}
	is($c->ended->{code}, 'NO_ERROR', 'PING does not keep an idle connection');
	$c = client('stalled', settings => { INITIAL_WINDOW_SIZE => 0 }, hold => 1);
	$s = $c->request(path => '/len?100');
	is($c->reset_code($s), 'CANCEL', 'no window');
	is(logged('/len?100')->{flags}, 'cD--', 'logged');
	$c = client('stalled');
	$s = $c->request(method => 'POST', path => '/echo?w', open => 1);
	is($c->response($s)->status, 408, 'no body');
	is(logged('/echo?w')->{flags}, 'cD--', 'logged');
};

subtest 'the control socket' => sub {
	my $c = client('web');
	my @s = map { $c->request(path => "/slow?c$_") } 1, 2;
	$o->wait_flag("at-c$_", 10) for 1, 2;
	my @sess = grep { /fe=web/ } split /\n/, ask('show sess');
	is(scalar(@sess), 2, 'show sess') or diag ask('show sess');
	my ($id) = $sess[0] =~ /^(\S+):/;
	ask("shutdown session $id");
	ok((wait_until { $c->read_frame(0.05); grep { defined $c->stream($_)->is_reset || $c->stream($_)->{ended} } @s }),
	    'shutdown session');
	$o->set("go-c$_") for 1, 2;
	my @left = grep { !defined $c->stream($_)->is_reset && !$c->stream($_)->{ended} } @s;
	is(scalar(@left), 1, 'one of them');
	is($c->response($left[0])->body, 'slow', 'the other one goes on');
	like(ask('show info'), qr/^CurrConns: \d+/m, 'connections');
};

subtest 'a reload' => sub {
	my $c = client('web');
	my $s = $c->request(path => '/slow?l1');
	$o->wait_flag('at-l1', 10);
	$p->write_config($conf =~ s/return status 200/return status 201/r);
	$p->signal('HUP');
	my $new = client('web');
	ok((wait_until { $new->get('/var')->status == 201 }), 'a new configuration');
	is($c->get('/var')->status, 201, 'holds for the next stream of an old connection');
	$o->set('go-l1');
	is($c->response($s)->body, 'slow', 'what had begun ends');
	is_deeply([$_->violations], [], 'nothing was wrong') for $c, $new;
};

subtest 'reloads under load' => sub {
	my ($h2load) = grep { -x } map { "$_/h2load" } split /:/, $ENV{PATH};
	plan skip_all => 'h2load is not installed' unless $h2load;
	my $out = "$p->{dir}/h2load";
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		open STDOUT, '>', $out;
		open STDERR, '>&', \*STDOUT;
		exec $h2load, '-n', 6000, '-c', 8, '-m', 10, 'http://' . $p->addr('web') . '/len?500'
		    or POSIX::_exit(127);
	}
	for my $n (1 .. 3) {
		my $status = 210 + $n;
		$p->write_config($conf =~ s/return status 200/return status $status/r);
		$p->signal('HUP');
		ok((wait_until { client('web')->get('/var')->status == $status } 20), "reload $n");
	}
	waitpid $pid, 0;
	like(slurp($out), qr/6000 succeeded, 0 failed/, 'nothing is lost') or diag slurp($out);
};

subtest 'a soft stop' => sub {
	my $idle = client('web');
	is($idle->get('/')->status, 200, 'one that is idle');
	my $c = client('web');
	my @s = map { $c->request(path => "/slow?s$_") } 1 .. 3;
	my $up = $c->request(method => 'POST', path => '/echo', open => 1);
	$c->send_data($up, 'first');
	$o->wait_flag("at-s$_", 10) for 1 .. 3;
	$p->signal('USR1');
	ok($c->read_named('GOAWAY'), 'GOAWAY');
	my $late = $c->request(path => '/len?3');
	is($idle->ended->{state}, 'eof', 'the idle one ends');
	is($idle->goaway->{code}, 'NO_ERROR', 'with GOAWAY');
	$c->send_data($up, ' last', end => 1);
	is($c->response($up)->body, 'first last', 'an upload ends');
	$o->set("go-s$_") for 1 .. 3;
	is(join(' ', map { $c->response($_)->body } @s), 'slow slow slow', 'nothing is lost');
	my $r = $c->response($late);
	my $last = $c->ended;
	ok($r->{complete} || $c->goaway->{last} < $late, 'the late one was served, or may be repeated');
	is($last->{state}, 'eof', 'then it ends');
	is_deeply([$c->violations], [], 'nothing was wrong');
	my $exit = $p->wait_exit(20);
	is_deeply($exit, { code => 0, signal => 0 }, 'and so does the program');
};

stop_proxy($p);
done_testing();
