# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Agents: each word they may say and what follows, garbage, agents that cannot
# be reached; and that only an agent takes back what an agent has said.
use Tideway::Cli;
use Tideway::Test;

my $o = origin(name => 's1');
my @keep;

# An agent that says what is in a file, after having read what it is sent.
sub agent
{
	my ($says, %opt) = @_;
	my $a = origin(name => 'agent', raw => 1, greet => sub {
		my ($c, $self) = @_;
		$self->record('asked', $c->read_until(qr/\n/)) if $opt{asks};
		$c->send(slurp("$self->{dir}/says"));
		$c->read_all if $opt{holds};
	});

	push @keep, $a;
	says($a, $says);
	return $a;
}

sub says
{
	my ($a, $text) = @_;

	spew("$a->{dir}/says.new", $text);
	rename "$a->{dir}/says.new", "$a->{dir}/says";
}

sub row
{
	my ($p, $be) = @_;
	my @l = split /\n/, $p->get('stats', '/s;csv')->body;
	my @names = split /,/, shift(@l) =~ s/^# //r;

	for (@l) {
		my @v = split /,/, $_, -1;
		return { map { $names[$_] => $v[$_] } 0 .. $#names }
		    if $v[0] eq $be && $v[1] eq 's1';
	}
}

sub wait_row
{
	my ($p, $be, %want) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $what = join ', ', map { "$_ $want{$_}" } sort keys %want;
	my $r;
	my $good = wait_until {
		$r = row($p, $be);
		!grep { $r->{$_} ne $want{$_} } keys %want;
	};

	ok($good, "$be: $what") or diag(join ', ', map { "$_ $r->{$_}" } sort keys %want);
	return $r;
}

my $STATS = "
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /s
";

subtest 'words' => sub {
	my $a = agent("up\n", holds => 1);
	my $log = syslog_unix();
	my $p = start_proxy("global\n    log $log->{addr} local0\n"
	    . defaults('log global', 'timeout check 1s') . $STATS . "
backend b
    server s1 ${\ $o->addr} agent-check agent-addr $a->{host} agent-port $a->{port} agent-inter 30ms weight 100
");
	my $agent = \&says;
	my $now = sub {
		my ($text, %want) = @_;
		local $Test::Builder::Level = $Test::Builder::Level + 1;
		says($a, $text);
		wait_row($p, 'b', %want);
	};
	$now->("up\n", status => 'UP', agent_status => 'L7OK', agent_code => 0,
	    agent_desc => 'Layer7 check passed', last_agt => 'via agent : up',
	    agent_rise => 1, agent_fall => 1, agent_health => 1);
	$now->("50%\r\n", weight => 50, uweight => 50, agent_status => 'CHECKED',
	    agent_code => '', agent_desc => 'No status change');
	$now->("0%\n", weight => 0);
	$now->("1000000000000%\n", weight => 256);
	$now->("100%,maxconn:7\n", weight => 100);
	$now->("drain\n", status => is_tideway() ? 'DRAIN (agent)' : 'DRAIN (agent)');
	$now->("maint\n", status => 'MAINT');
	$now->("ready\n", status => 'UP');
	for my $word (qw(down fail stopped)) {
		$now->("$word\n", status => 'DOWN (agent)', agent_status => 'L7STS',
		    agent_health => 0, last_agt => "via agent : $word");
		like($log->next_match(qr/Server b\/s1 is DOWN/)->{msg},
		    qr/reason: Layer7 wrong status, code: 0, info: "via agent : $word"/,
		    'logged');
		$now->("nonsense 30%\n", status => 'DOWN (agent)',
		    last_agt => 'agent reports an error : nonsense', weight => 30);
		$now->("100% up\n", status => 'UP', weight => 100);
	}
	$now->("down # because\n", last_agt => 'via agent : down (because)') if is_tideway();
	$now->("up\n", status => 'UP');
	stop_proxy($p);
};

subtest 'an agent that is gone says nothing' => sub {
	my $a = agent("down\n", holds => 1);
	my $p = start_proxy(defaults('timeout check 1s') . $STATS . "
backend b
    server s1 ${\ $o->addr} agent-check agent-addr $a->{host} agent-port $a->{port} agent-inter 30ms
");
	wait_row($p, 'b', status => 'DOWN (agent)');
	$a->stop;
	wait_row($p, 'b', status => 'DOWN (agent)', agent_status => 'L4CON',
	    last_agt => 'Connection refused');
	$a->restart;
	says($a, "up\n");
	wait_row($p, 'b', status => 'UP', agent_status => 'L7OK');
	$a->stop;
	wait_row($p, 'b', status => 'UP', agent_status => 'L4CON');
	stop_proxy($p);
};

subtest 'checks and agents' => sub {
	my $a = agent("up\n", holds => 1, asks => 1);
	my $p = start_proxy(defaults('timeout check 1s') . $STATS . "
backend b
    server s1 ${\ $o->addr} check inter 30ms fall 1 rise 1 agent-check agent-addr $a->{host} agent-port $a->{port} agent-inter 30ms agent-send b/s1\\n
");
	wait_row($p, 'b', status => 'UP', check_status => 'L4OK', agent_status => 'L7OK');
	is(($a->wait_events('asked', 1))[0][2], "b/s1\n", 'agent-send');
	$o->stop;
	wait_row($p, 'b', status => 'DOWN', check_status => 'L4CON', agent_health => 1);
	says($a, "stopped\n");
	wait_row($p, 'b', status => 'DOWN (agent)', agent_health => 0) if is_tideway();
	$o->restart;
	wait_row($p, 'b', status => 'DOWN (agent)', check_status => 'L4OK', agent_health => 0);
	says($a, "up\n");
	wait_row($p, 'b', status => 'UP', check_status => 'L4OK', agent_health => 1);
	stop_proxy($p);
};

subtest 'what a person does' => sub {
	my $a = agent("up\n", holds => 1);
	my $p = start_proxy(defaults('timeout check 1s') . $STATS . "    stats admin if TRUE
backend b
    server s1 ${\ $o->addr} agent-check agent-addr $a->{host} agent-port $a->{port} agent-inter 30ms
");
	my $act = sub {
		my $body = "s=s1&action=$_[0]&b=b";
		my $c = $p->client('stats');
		my $r = $c->request("POST /s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		    . "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
		    . length($body) . "\r\n\r\n$body");
		like($r->header('Location') // '', qr/st=DONE/, $_[0]);
	};
	wait_row($p, 'b', status => 'UP', agent_status => 'L7OK');
	$act->('dagent');
	$act->('adown');
	wait_row($p, 'b', status => 'DOWN (agent)', agent_health => 0);
	says($a, "50%\n");
	is(row($p, 'b')->{weight}, 1, 'the agent is not asked');
	$act->('arunn');
	wait_row($p, 'b', status => 'UP', agent_health => 1);
	says($a, "down\n");
	$act->('eagent');
	wait_row($p, 'b', status => 'DOWN (agent)');
	stop_proxy($p);
};

subtest 'hostile agents' => sub {
	my %bad = (
		endless => sub { 1 while $_[0]->send('up ' x 30000) },
		drip => sub {
			my ($c) = @_;
			$c->send($_), select undef, undef, undef, 0.001
			    for split //, "maxconn:3 5% down\n";
			$c->read_all;
		},
		binary => sub { $_[0]->send(join '', map { chr } 0 .. 255); $_[0]->read_all },
		numbers => sub {
			$_[0]->send("-1% 1e9% 0x10% % maxconn:-1 maxconn: maxconn:"
			    . '9' x 3000 . " " . '9' x 900 . "%\n");
			$_[0]->read_all;
		},
		close => sub { $_[0]->close },
		reset => sub { $_[0]->send('dow'); $_[0]->reset },
		mute => sub { $_[0]->read_all },
	);
	my $text = defaults('timeout check 300ms') . $STATS;
	for my $name (sort keys %bad) {
		my $a = origin(name => $name, raw => 1, greet => $bad{$name});
		push @keep, $a;
		$text .= "backend $name\n    server s1 ${\ $o->addr} weight 10 agent-check "
		    . "agent-addr $a->{host} agent-port $a->{port} agent-inter 30ms\n";
	}
	my $p = start_proxy($text);
	wait_row($p, 'endless', status => 'UP');
	wait_row($p, 'drip', status => 'DOWN (agent)', uweight => 0);
	wait_row($p, 'binary', status => 'UP');
	wait_row($p, 'numbers', status => 'UP', uweight => 256);
	wait_row($p, 'close', agent_status => 'L7RSP', status => 'UP') if is_tideway();
	wait_row($p, 'mute', agent_status => 'L7TOUT', status => 'UP');
	stop_proxy($p);
};

# As if the agent had said so; what it says next counts again, unless it is not
# asked any more.
subtest 'by the control socket' => sub {
	my $a = agent("up\n");
	my $sock = Tideway::Test::temp_dir() . '/agent.sock';
	my $p = start_proxy("global\n    stats socket $sock level admin\n"
	    . defaults() . $STATS . "
backend b
    balance static-rr
    server s1 ${\ $o->addr} agent-check agent-addr $a->{host} agent-port $a->{port} agent-inter 30ms weight 10
    server s2 ${\ $o->addr}
");
	my $ask = sub { cli_ask($sock, $_[0]) =~ s/\s+\z//r };

	wait_row($p, 'b', agent_status => 'L7OK');
	is($ask->('disable agent b/s1'), '', 'disable agent');
	is($ask->('set server b/s1 agent down'), '', 'set server agent down');
	wait_row($p, 'b', status => 'DOWN (agent)');
	is($ask->('set server b/s1 agent up'), '', 'and up');
	wait_row($p, 'b', status => 'UP');
	is($ask->('set server b/s1 agent down'), '', 'down once more');
	wait_row($p, 'b', status => 'DOWN (agent)');
	is($ask->('enable agent b/s1'), '', 'enable agent');
	wait_row($p, 'b', status => 'UP');
	like($ask->('set server b/s1 agent sideways'), qr/expects 'up' or 'down'/, 'another word');
	like($ask->('set server b/s2 agent up'), qr/not enabled on this server/, 'no agent');
	like($ask->('enable agent b/s2'), qr/not configured on this server/, 'none to enable');
	like($ask->('set server b/s1 weight 5'), qr/static LB algorithm/, 'weights of static-rr');
	is($ask->('set server b/s1 weight 0%'), '', '0% is one');
	wait_row($p, 'b', weight => 0);
	is($ask->('set server b/s1 weight 100%'), '', '100% is the other');
	wait_row($p, 'b', weight => 10);
	stop_proxy($p);
};

subtest 'lines' => sub {
	my $head = defaults() . "backend b\n    ";
	my %bad = (
		'server s 127.0.0.1:1 agent-check' => qr/agent.port/,
		'server s 127.0.0.1:1 agent-check agent-port 0' => qr/agent.port/,
		'server s 127.0.0.1:1 agent-check agent-port 70000' => qr/agent.port/,
		'server s 127.0.0.1:1 agent-check agent-port 1 agent-inter 0' => qr/agent-inter/,
		'server s 127.0.0.1:1 agent-check agent-port 1 agent-addr' => qr/agent-addr/,
	);
	for my $line (sort keys %bad) {
		my $r = check_config("$head$line\n");
		ok($r->{code} == 1 && $r->{all} =~ $bad{$line}, $line) or diag($r->{all});
	}
	my $r = check_config("${head}default-server agent-check agent-port 1\n"
	    . "    server a 127.0.0.1:1\n    server b 127.0.0.1:1 no-agent-check\n");
	ok(!$r->{signal} && $r->{all} !~ /ALERT|Sanitizer/, 'default-server and no-agent-check') or diag($r->{all});
};

done_testing;
