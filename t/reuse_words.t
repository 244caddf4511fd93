# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# pool-conn-name: which idle connection a request may use; and
# max-keep-alive-queue: how long the last server is waited for.
use Tideway::Test;

my %at = map { $_ => listener() } qw(a b);

sub req { "GET $_[0] HTTP/1.1\r\nHost: h\r\n" . join('', map { "$_\r\n" } @_[1 .. $#_]) . "\r\n" }

subtest 'pool-conn-name' => sub {
	plan(skip_all => 'HAProxy 2.6 has none') unless is_tideway();
	for my $mode ('always', 'never') {
		my $origin = origin(name => 'o', respond => sub {
			my ($q, $c) = @_;
			return response(200, $c->sock->peerport);
		});
		my $p = start_proxy("global\n    nbthread 1\n" . defaults("http-reuse $mode") . "
listen web
    bind {BIND:web}
    default-server pool-conn-name hdr(x-name)
    server s ${\ $origin->addr}
");
		my $c = $p->client('web');
		my $by = sub {
			my ($name) = @_;
			$c = $p->client('web') if $mode eq 'always';
			return $c->request(req('/', defined $name ? "X-Name: $name" : ()))->body;
		};
		my $one = $by->('one');
		is($by->('one'), $one, "$mode: the same name: the same connection");
		my $two = $by->('two');
		isnt($two, $one, 'another name: another one');
		is($by->('two'), $two, 'which is kept as well');
		if ($mode eq 'always') {
			is($by->('one'), $one, 'the first one is still there');
			my $none = $by->(undef);
			isnt($none, $_, 'no name: none of those') for $one, $two;
			is($by->(undef), $none, 'but one without a name');
		}
		stop_proxy($p);
	}
	for my $bad (['pool-conn-name', qr/pool-conn-name/], ['pool-conn-name nosuch()', qr/nosuch/],
	    ['pool-conn-name res.hdr(x)', qr/res\.hdr/]) {
		my $r = check_config(defaults() . "backend b\n    server s 127.0.0.1:1 $bad->[0]\n");
		is($r->{code}, 1, "$bad->[0]: refused") or diag $r->{all};
		like($r->{all}, $bad->[1], 'by its word');
	}
};

subtest 'max-reuse' => sub {
	plan(skip_all => 'HAProxy 2.6 has none') unless is_tideway();
	my $origin = origin(name => 'o', respond => sub {
		my ($q, $c) = @_;
		return response(200, $c->sock->peerport);
	});
	my $ports = sub {
		my ($max, $mode, $n) = @_;
		my $p = start_proxy("global\n    nbthread 1\n" . defaults("http-reuse $mode") . "
listen web
    bind {BIND:web}
    default-server max-reuse $max
    server s ${\ $origin->addr}
");
		my $c = $p->client('web');
		my (@ports, %no);
		push @ports, $c->request(req('/'))->body for 1 .. $n;
		stop_proxy($p);
		my $i = 0;
		return join '', map { $no{$_} //= ++$i } @ports;
	};
	for my $mode ('always', 'never') {
		is($ports->(-1, $mode, 6), '111111', "$mode: without a limit");
		is($ports->(0, $mode, 4), '1234', '0: each request has a connection');
		is($ports->(2, $mode, 7), '1112223', '2: twice more');
	}
	for my $bad ('', '-2', 'x') {
		my $r = check_config(defaults() . "backend b\n    server s 127.0.0.1:1 max-reuse $bad\n");
		is($r->{code}, 1, "'$bad': refused");
		like($r->{all}, qr/max-reuse/, 'by its word');
	}
};

# A client that was served by `a`, which another one now occupies: where does the
# next request go?
sub next_of
{
	my ($words) = @_;
	my $p = start_proxy("global\n    nbthread 1\n" . defaults('option prefer-last-server', 'http-reuse never', 'balance roundrobin',
		$words) . "
listen web
    bind {BIND:web}
    server a ${\ $at{a}->addr} maxconn 1
    server b ${\ $at{b}->addr} maxconn 1
");
	my $first = $p->client('web');
	$first->send(req('/first'));
	my $a = $at{a}->accept;
	$a->read_head;
	$a->send(response(200, 'x'));
	is($first->read_response->status, 200, "$words: served by a");
	my $skip = $p->client('web'); # its turn is b
	$skip->send(req('/skip'));
	my $b = $at{b}->accept;
	$b->read_head;
	$b->send(response(200, 'x'));
	$skip->read_response;
	my $busy = $p->client('web');
	$busy->send(req('/busy'));
	my $a2 = $at{a}->accept;
	$a2->read_head; # a is full
	$first->send(req('/next'));
	my $b2 = $at{b}->accept(0.4);
	my $where = $b2 ? 'b' : 'waits';
	if ($b2) {
		$b2->read_head;
		$b2->send(response(200, 'x'));
	}
	$a2->send(response(200, 'x'));
	$busy->read_response;
	if (!$b2) {
		is($a->read_head->uri, '/next', 'on its own connection, when there is room');
		$a->send(response(200, 'x'));
	}
	is($first->read_response->status, 200, 'served');
	stop_proxy($p);
	return $where;
}

subtest 'max-keep-alive-queue' => sub {
	is(next_of(''), 'waits', 'by default the last server is waited for');
	is(next_of('max-keep-alive-queue 0'), 'b', '0: never');
	is(next_of('max-keep-alive-queue 5'), 'waits', 'a short queue: yes');
	is(next_of("max-keep-alive-queue 0\n    max-keep-alive-queue -1"), 'waits', '-1: no limit');
	for my $bad ('', '-2', 'x', '1 2') {
		my $r = check_config(defaults() . "backend b\n    max-keep-alive-queue $bad\n");
		is($r->{code}, 1, "'$bad': refused") if is_tideway();
		like($r->{all}, qr/max-keep-alive-queue/, 'by its word') if is_tideway();
	}
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    max-keep-alive-queue 1\n");
	like($r->{all}, qr/max-keep-alive-queue.*ignored/, 'in a frontend: a warning');
};

done_testing;
