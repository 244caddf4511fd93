# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Connections of HTTP/2 to servers: how many there are, what they are used for, when
# they end, and requests that have to go out again.
use Tideway::Test;
use Tideway::Cli;
use Tideway::H2;

my $log = syslog_unix();
my $sock = Tideway::Test::temp_dir() . '/ctl';

sub sock { return $sock }
sub cli { return cli_ask($sock, @_) }

sub config
{
	my ($server, $listen, $backend) = @_;

	return "global\n    nbthread 1\n    stats socket ${\ sock() } level admin\n"
	    . defaults() . "listen web
    bind {BIND:web}
    option httplog
    log ${\ $log->addr } local0
    http-reuse always
" . ($listen // '') . "    server s $server\n" . ($backend // '');
}

# paths, asked for at once by clients of their own; the answers
sub at_once
{
	my ($p, @paths) = @_;
	my @c = map { my $c = $p->client('web');
	    $c->send("GET $_ HTTP/1.1\r\nHost: a\r\n\r\n"); $c } @paths;

	return @c;
}

sub post
{
	my ($p, $path, $body) = @_;

	return $p->request('web', "POST $path HTTP/1.1\r\nHost: a\r\nContent-Length: "
	    . length($body) . "\r\n\r\n$body");
}

sub started { return scalar(my @n = $_[0]->requests) }

subtest 'limited streams' => sub {
	my $o = h2_origin(settings => { MAX_CONCURRENT_STREAMS => 2 });
	my $p = start_proxy(config($o->addr . ' proto h2'));
	for my $round (1, 2) {
		my @c = at_once($p, ('/wait') x 7);
		wait_until { started($o) == 7 * $round };
		is(started($o), 7 * $round, 'all have begun');
		$o->set('go');
		is($_->read_response->status, 200, 'answered') for @c;
		$o->unset('go');
		$_->close for @c;
		ok($o->n_connections >= 4, 'on four connections at least');
	}
	ok($o->n_connections <= 8, 'which are used again');
	is(scalar(my @wrong = $o->events('violation')), 0, 'nothing wrong was sent');
	stop_proxy($p);
	$o->stop;
};

subtest 'maxconn' => sub {
	my $o = h2_origin();
	my $p = start_proxy(config($o->addr . ' proto h2 maxconn 3'));
	my @c = at_once($p, ('/wait') x 5);
	wait_until { started($o) == 3 };
	like(cli('show servers conn'), qr/\S/, 'alive');
	is(started($o), 3, 'three at once');
	$o->set('go');
	is($_->read_response->status, 200, 'answered') for @c;
	is(started($o), 5, 'the others followed');
	stop_proxy($p);
	$o->stop;
};

subtest 'max-reuse' => sub {
	for my $case ([0, 4], [1, 2], [2, 2], [-1, 1]) {
		my $o = h2_origin();
		my $p = start_proxy(config($o->addr . " proto h2 max-reuse $case->[0]"));
		is($p->get('web', '/')->status, 200, 'answered') for 1 .. 4;
		is($o->n_connections, $case->[1], "max-reuse $case->[0]");
		stop_proxy($p);
		$o->stop;
	}
};

subtest 'http-reuse' => sub {
	my %want = (never => 4, safe => 3, aggressive => 3, always => 1);
	for my $policy (sort keys %want) {
		my $o = h2_origin();
		my $p = start_proxy(config($o->addr . ' proto h2', "    http-reuse $policy\n"));
		# the first request of a client, twice, then two of one client
		is(post($p, '/', '')->status, 200, 'answered') for 1, 2;
		my $c = $p->client('web');
		is($c->request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		    ->status, 200, 'answered') for 1, 2;
		is($o->n_connections, $want{$policy}, $policy)
		    or diag join ' ', map { $_->{conn} } $o->requests;
		stop_proxy($p);
		$o->stop;
	}
};

subtest 'idle ones end with GOAWAY' => sub {
	my $o = h2_origin();
	my $p = start_proxy(config($o->addr . ' proto h2 pool-purge-delay 100ms'));
	is($p->get('web', '/')->status, 200, 'answered');
	ok(wait_until { scalar(my @e = $o->events('close')) }, 'purged');
	is_deeply([map { $_->[2] } $o->events('goaway')], ['NO_ERROR'], 'after GOAWAY');
	is_deeply([map { $_->[2] } $o->events('close')], ['eof'], 'and FIN');
	stop_proxy($p);
	$p = start_proxy(config($o->addr . ' proto h2 pool-max-conn 0'));
	my $n = $o->n_connections;
	is($p->get('web', '/')->status, 200, 'answered') for 1, 2;
	is($o->n_connections, $n + 2, 'pool-max-conn 0: none is kept');
	ok(wait_until { 3 == (my @e = $o->events('goaway')) }, 'GOAWAY for each');
	stop_proxy($p);
	$p = start_proxy(config($o->addr . ' proto h2'));
	is($p->get('web', '/')->status, 200, 'answered');
	stop_proxy($p);
	ok(wait_until { 4 == (my @e = $o->events('goaway')) }, 'and when the program ends');
	$o->stop;
};

subtest 'GOAWAY of the server' => sub {
	my $o = h2_origin();
	my $p = start_proxy(config($o->addr . ' proto h2'));
	my ($c) = at_once($p, '/wait');
	wait_until { started($o) == 1 };
	is($p->get('web', '/goaway')->status, 200, 'an answer and GOAWAY');
	is($p->get('web', '/')->status, 200, 'the next one');
	is($o->n_connections, 2, 'has another connection');
	$o->set('go');
	is($c->read_response->status, 200, 'who was there is answered on the first');
	ok(wait_until { 1 == (my @e = $o->events('close')) }, 'which ends then');
	stop_proxy($p);
	$o->stop;
};

subtest 'not looked at' => sub {
	# the first one is not looked at, or the first two
	my $o = h2_origin(respond => sub {
		my ($s, $h2, $self) = @_;
		my $path = $s->path;
		return 0 unless $path =~ m{^/(refuse|away)(/twice)?};
		my $n = ($self->is_set("$1.1") ? 1 : 0) + ($self->is_set("$1.2") ? 1 : 0);
		if ($n >= ($2 ? 2 : 1)) {
			$h2->respond($s->{sid}, 200, body => "after $n\n");
			return 1;
		}
		$self->set("$1." . ($n + 1));
		$1 eq 'refuse' ? $h2->rst($s->{sid}, 'REFUSED_STREAM')
		    : $h2->send_goaway($s->{sid} > 2 ? $s->{sid} - 2 : 0);
		return 1;
	});
	my $p = start_proxy(config($o->addr . ' proto h2 maxconn 100'));
	my $reset = sub { $o->unset($_) for map { ("$_.1", "$_.2") } qw(refuse away) };
	for my $warm (0, 1) {
		for my $what (qw(refuse away)) {
			$reset->();
			is($p->get('web', '/')->status, 200, 'a connection is there') if $warm;
			my $r = $p->get('web', "/$what");
			is_deeply([$r->status, $r->body], [200, "after 1\n"], "GET $what");
			like($log->next_match(qr{/$what })->{msg}, qr{ 200 .* ---- .*/0 \d+/\d+ "},
			    'not counted as a retry');
			$reset->();
			is(post($p, "/$what", '')->body, "after 1\n", 'POST without a body');
			$reset->();
			is(post($p, "/$what", 'body')->status, 502, 'with one');
			$reset->();
			is($p->get('web', "/$what/twice")->status, 502, 'twice');
		}
	}
	is($p->get('web', '/rst?CANCEL')->status, 502, 'another reset');
	is(started($o), scalar(my @r = grep { $_->path ne '' } $o->requests), 'all known');
	is(scalar(grep { $_->path eq '/rst?CANCEL' } $o->requests), 1, 'was asked for once');
	is(post($p, '/goaway-now', '')->status, 502, 'GOAWAY each time');
	is(scalar(grep { $_->path eq '/goaway-now' } $o->requests), 2, 'two connections, no more');
	stop_proxy($p);
	$p = start_proxy(config($o->addr . ' proto h2', "    option http-buffer-request\n"));
	for my $what (qw(refuse away)) {
		$reset->();
		is(post($p, "/$what", 'body')->body, "after 1\n", "$what: a body that is kept");
	}
	stop_proxy($p);
	$o->stop;
};

subtest 'run-time changes' => sub {
	my ($o, $other) = (h2_origin(), h2_origin(name => 'other'));
	my $p = start_proxy(config($o->addr . ' proto h2 pool-purge-delay 200ms'));
	my ($slow) = at_once($p, '/wait');
	wait_until { started($o) == 1 };
	my ($host, $port) = split /:/, $other->addr;
	cli("set server web/s addr $host port $port");
	is($p->get('web', '/')->body, "other\n", 'another address');
	$o->set('go');
	is($slow->read_response->body, "h2\n", 'who was there is answered');
	ok(wait_until { 1 == (my @e = $o->events('close')) }, 'and its connection closed');
	is((map { $_->[2] } $o->events('goaway'))[0], 'NO_ERROR', 'with GOAWAY');
	my @c = at_once($p, ('/wait') x 3);
	wait_until { 3 == grep { $_->path eq '/wait' } $other->requests };
	cli('shutdown sessions server web/s');
	isnt(($_->read_response // next)->status, 200, 'shut down') for @c;
	is($p->get('web', '/')->body, "other\n", 'others go on');
	cli('set server web/s state maint');
	is($p->get('web', '/')->status, 503, 'maint');
	cli('set server web/s state ready');
	is($p->get('web', '/')->body, "other\n", 'ready again');
	stop_proxy($p);
	$_->stop for $o, $other;
};

subtest 'add and delete' => sub {
	my ($o, $dyn) = (h2_origin(), h2_origin(name => 'dyn'));
	my $p = start_proxy(config($o->addr . ' proto h2', "    balance roundrobin\n"));
	cli('add server web/d ' . $dyn->addr . ' proto h2');
	cli('enable server web/d');
	cli('disable server web/s');
	my ($slow) = at_once($p, '/wait');
	wait_until { started($dyn) == 1 };
	cli('disable server web/d');
	$dyn->set('go');
	is($slow->read_response->status, 200, 'its last answer');
	wait_until { cli('del server web/d') =~ /deleted/i };
	ok(wait_until { 1 == (my @e = $dyn->events('close')) }, 'its connection is closed');
	is((map { $_->[2] } $dyn->events('goaway'))[0], 'NO_ERROR', 'with GOAWAY');
	cli('enable server web/s');
	is($p->get('web', '/')->body, "h2\n", 'the other one');
	stop_proxy($p);
	$_->stop for $o, $dyn;
};

subtest 'reload' => sub {
	my $o = h2_origin();
	my $p = start_proxy(config($o->addr . ' proto h2'));
	my ($slow) = at_once($p, '/wait');
	wait_until { started($o) == 1 };
	$p->write_config(config($o->addr . ' proto h2', "    http-response set-header x-gen 2\n"));
	$p->signal('USR2');
	ok(wait_until { ($p->get('web', '/')->header('x-gen') // '') eq '2' }, 'reloaded');
	is($p->get('web', '/')->status, 200, 'after it');
	is($o->n_connections, 1, 'on the same connection');
	$o->set('go');
	is($slow->read_response->status, 200, 'who was there is answered');
	stop_proxy($p);
	$o->stop;
};

done_testing();
