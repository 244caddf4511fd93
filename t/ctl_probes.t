# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# `set server` for where checks connect, where an agent is asked and what it is
# told, and for the name behind an address; and that a server-state file brings
# all that back. Answers and restored states are compared with HAProxy's.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Dns;

my $dir = Tideway::Test::temp_dir();
my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my ($third, $fourth) = $Tideway::Listener::ADDR =~ /^127\.\d+\.(\d+)\.(\d+)$/;
my $o = origin(name => 's', host => "127.151.$third.$fourth");
my $other = origin(name => 'o', host => "127.152.$third.$fourth", port => $o->port);
my $agent = origin(name => 'agent', raw => 1, greet => sub {
	my ($c, $self) = @_;
	$self->record('asked', $c->read_until(qr/you/) // '') if $self->is_set('reads');
	$c->send("drain\n");
});
my $dns = Tideway::Dns->new(zone => { 'a.example/A' => [$o->{host}],
	'b.example/A' => [$other->{host}] });

sub config
{
	my ($sock, $more) = @_;

	return "global
    stats socket $sock level admin
" . ($more // '') . defaults() . "
resolvers dns
    nameserver n1 ${\ $dns->addr}
    timeout resolve 100ms
    hold valid 100ms
frontend web
    bind {BIND:web}
    default_backend b
backend b
    balance roundrobin
    server s ${\ $o->addr} check inter 100 fall 1 rise 1
    server plain ${\ $o->addr}
    server agent ${\ $o->addr} agent-check agent-port 1 agent-inter 100
    server named a.example:${\ $o->port} resolvers dns init-addr none resolve-prefer ipv4
    server label _http._tcp.example resolvers dns init-addr none
";
}

my $sock = "$dir/tw.sock";
my $p = start_proxy(config($sock));
sub cli { return cli_ask($sock, $_[0]) }

sub column { return cli_stat($sock, @_) }

subtest 'checks go where they are told to' => sub {
	ok(wait_until { column('status', 'b/s') eq 'UP' }, 'up');
	is(cli('set server b/s check-port 1'), "\n", 'a closed port');
	ok(wait_until { column('status', 'b/s') eq 'DOWN' }, 'down');
	is(cli('set server b/s check-port 0'), "\n", "the server's own");
	ok(wait_until { column('status', 'b/s') eq 'UP' }, 'up again');
	my $n = $other->n_connections;
	is(cli('set server b/s check-addr ' . $other->{host}), "\n", 'another address');
	ok(wait_until { $other->n_connections > $n + 1 }, 'is where checks connect');
	cli('set server b/s check-addr 127.0.0.1 port 1');
	ok(wait_until { column('status', 'b/s') eq 'DOWN' }, 'address and port');
	cli("set server b/s check-addr $o->{host} port " . $o->port);
	ok(wait_until { column('status', 'b/s') eq 'UP' }, 'and back');
	is(column('addr', 'b/s'), $o->addr, 'it has not moved itself');
};

subtest 'agents' => sub {
	my ($host, $port) = split /:/, $agent->addr;
	is(cli("set server b/agent agent-addr $host port $port"), "\n", 'address and port');
	ok(wait_until { column('status', 'b/agent') =~ /^DRAIN/ }, 'it is asked there');
	$agent->set('reads');
	is(cli('set server b/agent agent-send how\\ are\\ you'), "\n", 'is told something');
	ok(wait_until { grep { $_->[2] =~ /^how are you/ } $agent->events('asked') }, 'it reads that');
	$agent->unset('reads');
	cli('set server b/agent state ready;set server b/agent agent-port 1');
	is(column('status', 'b/agent'), 'UP', 'ready');
};

subtest 'names' => sub {
	ok(wait_until { column('addr', 'b/named') eq $o->addr }, 'the first name');
	is(cli('set server b/named fqdn b.example'), "b/named changed its FQDN from a.example to "
	    . "b.example by 'stats socket command'\n\n", 'another');
	ok(wait_until { column('addr', 'b/named') eq $other->addr }, 'is asked for');
	like(cli('show servers state b'), qr/ named \S+ 2 64 .* b\.example /, 'shown');
	is(cli('set server b/named fqdn b.example'),
	    "no need to change the FDQN by 'stats socket command'\n\n", 'the same');
	like(cli('set server b/label fqdn b.example'), qr/because SRV resolution/, 'an SRV label');
	like(cli("set server b/named fqdn $_"), qr/invalid FQDN/, "'$_'")
	    for '..', '_x._tcp.a', 'a' x 64, 'x$y';
	ok($p->wait_output(qr/b\/named changed its FQDN from a.example to b.example by stats /),
	    'logged');
	$p->signal('USR2');
	ok($p->wait_output(qr/configuration 2 is in force/), 'reloaded');
	ok(wait_until { column('addr', 'b/named') eq $o->addr }, "the file's name again");
	like(cli('show servers state b'), qr/ named \S+ 2 0 .* a\.example /, 'shown');
};
stop_proxy($p);

# ---- as HAProxy has it ----

my $HEAD = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state "
    . "srv_uweight srv_iweight srv_time_since_last_change srv_check_status "
    . "srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id "
    . "srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
    . "srv_check_addr srv_agent_addr srv_agent_port\n";
my $state = spew('state', $HEAD . <<'STATE');
3 r 1 s1 127.0.0.91 2 0 1 1 229 6 3 4 6 0 0 0 - 3333 - 0 12 127.0.0.6 127.0.0.7 0
3 r 2 s2 127.0.0.92 2 0 1 1 229 1 0 2 0 0 0 0 - 3334 - 0 0 - - 0
3 r 3 s3 127.0.0.93 2 0 1 1 229 1 0 2 0 22 0 0 - 1113 - 0 0 - 127.0.0.9 99
3 r 4 s4 127.0.0.1 2 0 1 1 199 6 3 4 6 18 0 0 - 1114 - 0 44 127.0.0.44 127.0.0.45 98
3 r 6 s6 127.0.0.96 2 64 1 1 197 1 0 0 0 0 0 0 foo.example 1116 - 0 0 - - 0
3 r 7 s7 127.0.0.97 2 0 1 1 197 1 0 0 0 0 0 0 localhost 2117 - 0 0 - - 0
3 r 8 s8 127.0.0.98 2 0 1 1 197 1 0 0 0 0 0 0 localhost 1118 - 0 0 - - 0
3 r 9 s9 127.0.0.99 2 0 1 1 197 1 0 0 0 0 0 0 foo2.example 1119 - 0 0 - - 0
3 r 10 s10 127.0.0.89 2 1 1 1 197 1 0 0 0 0 0 0 localhost 1120 - 0 66 - - 67
3 r 12 t2 127.0.0.82 2 0 1 1 197 1 0 0 0 0 0 0 a2.b.c 8082 _other._tcp.x.y 0 0 - - 0
3 r 13 s11 127.0.0.1 2 0 1 1 197 1 0 0 0 0 0 0 - 1121 - 0 0 - - 0
STATE

sub restored
{
	return config($_[0], "    server-state-file $state\n") . '
backend r
    load-server-state-from-file global
    server s1 127.0.0.1:1111 check inter 1h
    server s2 127.0.0.1:1112
    server s3 127.0.0.1:1113 agent-check agent-port 77 agent-inter 1h
    server s4 127.0.0.1:1114 check inter 1h addr 127.0.0.3 port 9 agent-check agent-port 78 agent-inter 1h
    server s6 localhost:1116 resolvers none init-addr last,libc,none
    server s7 localhost:1117
    server s8 localhost:1118 init-addr libc
    server s9 localhost:1119 resolvers none init-addr last,libc,none
    server s10 localhost:1120 check inter 1h port 5
    server t2 _http._tcp.x.y resolvers none init-addr none
    server s11 127.0.0.1:1121 disabled
resolvers none
    nameserver n1 127.0.0.1:1
    timeout resolve 1h
    timeout retry 1h
    hold nx 1h
    hold timeout 1h
    hold refused 1h
    hold other 1h
';
}

# where each is, by name: address, name, port, label, ports and places of checks
sub places
{
	my ($at) = @_;
	my %of;

	for (split /\n/, cli_ask($at, 'show servers state r')) {
		my @f = split / /;
		$of{$f[3]} = "@f[4, 17, 18, 19, 21, 22, 23, 24]" if @f == 25 && $f[0] ne '#';
	}
	return \%of;
}

my @ways = ([tw => binary()]);
push @ways, [ha => $haproxy] if $haproxy && is_tideway();
my %p = map { $_->[0] => start_proxy(restored("$dir/$_->[0].sock"), bin => $_->[1]) } @ways;

subtest 'a state file brings it back' => sub {
	my $is = places($sock);
	is($is->{s1}, '127.0.0.1 - 3333 - 12 127.0.0.6 127.0.0.7 0' =~ s/127\.0\.0\.7/-/r
	    =~ s/ 0$/ 0/r, 'port, check-addr, check-port') unless $p{ha};
	like($is->{s7}, qr/^127\.0\.0\.97 localhost 2117 /, "the last address of a name");
	like($is->{s6}, qr/^127\.0\.0\.96 foo\.example /, 'a name that was set');
	like($is->{s8}, qr/^127\.0\.0\.1 localhost 1118 /, 'not against init-addr');
	plan skip_all => 'haproxy is not installed' unless $p{ha};
	my $want = places("$dir/ha.sock");
	is($is->{$_}, $want->{$_}, $_) for sort keys %$want;
};

subtest 'answers' => sub {
	plan skip_all => 'haproxy is not installed' unless $p{ha};
	for (map { my $w = $_; map { "set server r/$_->[0] $w-addr$_->[1]" } [s3 => ''],
		[s1 => ''], [s2 => ' 127.0.0.1'], ['s4', ' foo'], ['s4', ' 127.0.0.5'],
		['s4', ' 127.0.0.6 port 99'], ['s4', ' 127.0.0.6 port x'],
		['s4', ' 127.0.0.6 port 70000'], ['s4', ' ::1 prt 7'] } qw(check agent)) {
		is(cli($_), cli_ask("$dir/ha.sock", $_), $_);
	}
	for (map { my $w = $_; map { "set server r/$_->[0] $w-port$_->[1]" } ['s4', ''],
		['s4', ' x'], ['s4', ' 70000'], ['s4', ' 12'], ['s2', ' 12'] } qw(check agent)) {
		is(cli($_), cli_ask("$dir/ha.sock", $_), $_);
	}
	for ('set server r/s4 agent-send x', 'set server r/s4 agent-send',
		'set server r/s1 agent-send x', 'set server r/s1 fqdn', 'set server r/s1 fqdn x.y',
		'set server r/s9 fqdn x.y', 'set server r/s9 fqdn x.y', 'set server r/s1 ssl on',
		'set server r/s2 addr 127.0.0.1 port 3334') {
		is(cli($_), cli_ask("$dir/ha.sock", $_), $_);
	}
	is(places($sock)->{s4}, places("$dir/ha.sock")->{s4}, 'in force');
};

stop_proxy($p{tw});
$p{ha}->stop if $p{ha};
done_testing;
