# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Whose turn it is: tune.h2.*.max-frames-at-once and max-rst-at-once let others go
# between the frames of one connection; tune.h2.be.max-concurrent-streams bounds
# what a connection to a server carries. What comes while the program is stopped is
# there at once: the order of the log lines is that of the turns.
use Tideway::Test;
use Tideway::H2;

plan(skip_all => 'the words are younger than the HAProxy at hand') unless is_tideway();

my $log = syslog_unix();
my $h2 = h2_origin();
# they answer when the flag is set, one after the other, and tell
my @two = map { h2_origin(name => "o$_", respond => \&answer_later) } 0, 1;

sub answer_later
{
	my ($s, $c, $o) = @_;

	return 0 if $s->path =~ /warm/; # the usual
	push @{ $c->{due} }, $s->{sid};
	return 1 if @{ $c->{due} } < ($o->{name} eq 'o0' ? 40 : 1);
	$o->wait_flag('go', 20);
	for my $sid (splice @{ $c->{due} }) {
		$c->respond($sid, 200, body => 'x');
		$o->record('answered', $sid);
	}
	return 1;
}

sub conf
{
	my (@words) = @_;

	return join("\n    ", 'global', 'nbthread 1', "log $log->{addr} local0", @words) . "\n"
	    . defaults('option http-ignore-probes', 'log global') . "
frontend web
    bind {BIND:web} proto h2
    log-format \"%HP\"
    http-request return status 200 if { path_beg /own }
    use_backend %[path,field(2,/)]
    default_backend b
backend b
    http-reuse always
    server s ${\ $h2->addr} proto h2
" . join '', map { "backend o$_
    http-reuse always
    server s ${\ $two[$_]->addr} proto h2
" } 0, 1;
}

sub client
{
	my ($p) = @_;
	my $c = h2_client($p->addr('web'));

	$c->get('/own/before');
	$log->next_match(qr{/own/before});
	return $c;
}

# returns when all of its threads stand still
sub stop
{
	my ($p) = @_;

	kill 'STOP', $p->pids;
	wait_until { !grep { (slurp($_) // '') !~ /\) T / } map { glob "/proc/$_/task/*/stat" } $p->pids };
}

# both at once, the first one first
sub at_once
{
	my ($p, @sends) = @_;

	stop($p);
	$_->() for @sends;
	kill 'CONT', $p->pids;
}

sub head
{
	my ($c, $path) = @_;
	my $sid = $c->{next};

	$c->{next} += 2;
	return h2_frame('HEADERS', 'END_STREAM|END_HEADERS', $sid, $c->{out}->encode(
	    [':method', 'GET'], [':scheme', 'http'], [':path', $path], [':authority', 'a']));
}

# how many lines of the pattern come before that of the other one
sub before
{
	my ($many, $one) = @_;
	my $n = 0;

	while (my $l = $log->next_line) {
		return $n if $l->{msg} =~ $one;
		$n++ if $l->{msg} =~ $many;
	}
	return 'none';
}

sub lines_of_requests
{
	my ($word) = @_;
	my $p = start_proxy(conf($word));
	my ($a, $b) = (client($p), client($p));

	at_once($p, sub { $a->send_raw(join '', map { head($a, "/own/a$_") } 1 .. 60) },
	    sub { $b->send_raw(head($b, '/own/b')) });
	my $n = before(qr{/own/a}, qr{/own/b});
	$b->close;
	$a->close;
	stop_proxy($p);
	1 while $log->next_line(0.1);
	return $n;
}

subtest 'tune.h2.fe.max-frames-at-once' => sub {
	my $n = lines_of_requests('tune.h2.fe.max-frames-at-once 2');
	ok($n <= 6, "others have their turn, behind $n frames");
	is(lines_of_requests('# nothing'), 60, 'else what has come at once goes first');
};

# behind requests that are reset at once, each with its RST_STREAM: who is first
sub first_line
{
	my ($word) = @_;
	my $p = start_proxy(conf($word));
	my ($a, $b) = (client($p), client($p));
	my $resets = join '', map { my $sid = $a->{next};
		head($a, "/a$_") . h2_frame('RST_STREAM', 0, $sid, pack 'N', 8) } 1 .. 30;

	at_once($p, sub { $a->send_raw($resets . head($a, '/own/a')) },
	    sub { $b->send_raw(head($b, '/own/b')) });
	my $first = $log->next_match(qr{/own/[ab]});
	$log->next_match(qr{/own/[ab]});
	$_->close for $a, $b;
	stop_proxy($p);
	1 while $log->next_line(0.1);
	return $first->{msg};
}

subtest 'tune.h2.fe.max-rst-at-once' => sub {
	like(first_line('tune.h2.fe.max-rst-at-once 1'), qr{/own/b}, 'others have their turn');
	like(first_line('# nothing'), qr{/own/a}, 'else what has come at once goes first');
};

# Two servers answer while the program is stopped: two by that of the first, one
# by that of the other. Each of their answers is three frames.
sub answers_before
{
	my ($word) = @_;
	my $p = start_proxy(conf($word));
	my $c = h2_client($p->addr('web'));
	my $due = sub { scalar grep { $_->path !~ /warm/ } $two[ $_[0] ]->requests };
	my $told = sub { scalar(my @e = $two[ $_[0] ]->events('answered')) };
	my @was = map { $told->($_) } 0, 1;

	$c->get("/o$_/warm") for 0, 1; # a connection for all that follows
	my @sid = map { $c->request(path => "/o0/$_") } 1 .. 40;
	push @sid, $c->request(path => '/o1/x');
	ok((wait_until { $due->(0) == $was[0] + 40 && $due->(1) == $was[1] + 1 }), 'servers are asked');
	stop($p);
	for my $i (0, 1) {
		$two[$i]->set('go');
		ok((wait_until { $told->($i) == $was[$i] + ($i ? 1 : 40) }), 'answers are there');
	}
	kill 'CONT', $p->pids;
	my $before = before(qr{/o0/}, qr{/o1/x});
	is(scalar(grep { $c->response($_)->status == 200 } @sid), 41, 'all come');
	$two[$_]->unset('go') for 0, 1;
	stop_proxy($p);
	1 while $log->next_line(0.1);
	return $before;
}

subtest 'tune.h2.be.max-frames-at-once' => sub {
	my $n = answers_before('tune.h2.be.max-frames-at-once 2');
	ok($n <= 10, "the other server has its turn, behind $n answers");
	cmp_ok(answers_before('# nothing'), '>', 10, 'else what has come at once goes first');
};

subtest 'tune.h2.be.max-concurrent-streams' => sub {
	for my $case (['tune.h2.be.max-concurrent-streams 2', 3], ['tune.h2.max-concurrent-streams 3', 2],
	    ["tune.h2.max-concurrent-streams 1\n    tune.h2.be.max-concurrent-streams 6", 1],
	    ['# nothing', 1]) {
		my ($word, $want) = @$case;
		my $o = h2_origin();
		my $p = start_proxy(conf($word) =~ s/\Q${\ $h2->addr}/$o->addr/er);
		my @c;
		for my $n (1 .. 6) {
			my $c = h2_client($p->addr('web'));
			push @c, [$c, $c->request(path => '/wait')];
			wait_until { (my @r = $o->requests) == $n };
		}
		is($o->n_connections, $want, "$word: $want connections for six at once");
		$o->set('go');
		is(scalar(grep { $_->[0]->response($_->[1])->status == 200 } @c), 6, 'all are answered');
		stop_proxy($p);
		$o->stop;
	}
};

done_testing();
