# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Commands that change servers, seen by clients: state, health, weight,
# maxconn, sessions. What was said survives a reload, until the line itself
# says something else.
use Tideway::Test;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/admin.sock";
my @o = map { origin(name => $_) } qw(a b);

sub config
{
	my (%with) = @_;

	return "global
    stats socket $sock level admin
" . defaults('retries 0') . "
frontend web
    bind {BIND:web}
    default_backend be
backend be
    balance roundrobin
    server a ${\ $o[0]->addr} weight " . ($with{weight} // 10) . ' maxconn '
	    . ($with{maxconn} // 0) . " check inter 100 fall 2
    server b ${\ $o[1]->addr} weight 10
";
}

my $p = start_proxy(config());

sub cli { return cli_ask($sock, $_[0]) }

# who answers, how often
sub hits
{
	my ($n) = @_;
	my %hits;

	for (1 .. $n // 20) {
		my $r = $p->get('web', '/');
		$hits{ $r->status == 200 ? $r->header('X-Origin') // $r->body : $r->status }++;
	}
	return \%hits;
}

sub column { return cli_stat($sock, @_) }

my $first = hits();
is(scalar keys %$first, 2, 'both serve at first');
my ($A) = map { $_->{name} // 'a' } $o[0];

sub only
{
	my ($o, $why) = @_;
	my @before = map { scalar $_->requests } @o;

	hits();
	my @after = map { scalar $_->requests } @o;
	is($after[1 - $o] - $before[1 - $o], 0, "$why: the other one rests");
	is($after[$o] - $before[$o], 20, "$why: one serves");
}

subtest 'state' => sub {
	is(cli('disable server be/a'), "\n", 'maintenance');
	only(1, 'disabled');
	is(column('status', 'be/a'), 'MAINT', 'shown');
	is(cli('enable server be/a'), "\n", 'and back');
	is(scalar keys %{ hits() }, 2, 'enabled');
	cli('set server be/b state drain');
	is(column('status', 'be/b'), 'DRAIN', 'drain');
	only(0, 'drained');
	cli('disable server be/b;enable server be/b');
	is(column('status', 'be/b'), 'DRAIN', 'which maintenance does not end');
	cli('set server be/b state ready');
	is(column('status', 'be/b'), 'no check', 'ready');
	cli('disable server #' . column('iid', 'be/BACKEND') . '/#' . column('sid', 'be/a'));
	is(column('status', 'be/a'), 'MAINT', 'found by its numbers');
	cli('set server be/a state ready');
};

subtest 'not possible here' => sub {
	like(cli('set server be/a ssl on'), qr/cannot be set/, 'ssl');
	like(cli('set server be/a fqdn x'), qr/no resolution is configured/, 'fqdn');
	like(cli('set server be/b check-port 1'), qr/checks are not enabled/, 'check-port');
	like(cli('set server be/a agent-port 1'), qr/checks are not enabled/, 'agent-port');
	like(cli($_), qr/known to HAProxy but not to tideway yet/, $_) for 'add backend x',
	    'dump stats-file';
	is(column('status', 'be/a') =~ /^UP/ && 1, 1, 'and nothing has changed');
};

subtest 'health' => sub {
	cli('disable health be/a;set server be/a health down');
	like(column('status', 'be/a'), qr/^DOWN/, 'forced down');
	only(1, 'down');
	cli('set server be/a health stopping');
	is(column('status', 'be/a'), 'NOLB', 'stopping');
	only(1, 'stopping');
	cli('set server be/a health up');
	is(scalar keys %{ hits() }, 2, 'up');
	is(cli('enable health be/b'), "Health check was not configured on this server, "
	    . "cannot enable.\n\n", 'what is not checked');
	cli('set server be/a health down;enable health be/a');
	ok(wait_until { column('status', 'be/a') eq 'UP' }, 'checks bring it back');
};

subtest 'address' => sub {
	my ($host, $port) = split /:/, $o[1]->addr;
	cli('set server be/b state maint');
	my ($was, $was_port) = split /:/, $o[0]->addr;
	my $n = $o[1]->requests;
	like(cli("set server be/a addr $host port $port"), qr/changed from .* by 'stats socket command'\n\n$/,
	    'it moves');
	is(hits(4)->{200} // 4, 4, 'clients are served');
	is($o[1]->requests - $n >= 4 && 1, 1, 'at the other place');
	like(cli('show servers state'), qr/ a \Q$host\E .* $port - /, 'shown');
	cli("set server be/a addr $was port $was_port;set server be/b state ready");
};

subtest 'weight' => sub {
	cli('set server be/a weight 0%');
	is(cli('get weight be/a'), "0 (initial 10)\n\n", 'none');
	only(1, 'weight 0');
	cli('set weight be/a 200%');
	is(cli('get weight be/a'), "20 (initial 10)\n\n", 'twice as much');
	my $n = $o[0]->requests;
	hits(30);
	is($o[0]->requests - $n, 20, 'two of three go there');
	is(column('weight', 'be/a'), 20, 'shown');
	cli('set weight be/a 100%');
};

subtest 'what was said survives a reload' => sub {
	plan skip_all => 'HAProxy reloads in another way' unless is_tideway();
	my $reload = sub {
		$p->write_config(config(@_));
		my $gen = cli('show info') =~ /^Generation: (\d+)/m ? $1 : 0;
		$p->signal('USR2');
		return wait_until { cli('show info') =~ /^Generation: @{[ $gen + 1 ]}$/m };
	};
	cli('set weight be/a 3;set maxconn server be/a 7;set server be/b state maint');
	cli('set maxconn frontend web 33;disable health be/a');
	ok($reload->(), 'reloaded');
	is(cli('get weight be/a'), "3 (initial 10)\n\n", 'a weight');
	is(column('slim', 'be/a'), 7, 'a maxconn');
	is(column('slim', 'web/FRONTEND'), 33, 'a frontend\'s');
	is(column('status', 'be/b'), 'MAINT', 'maintenance');
	is(column('check_status', 'be/a'), '', 'checks that are stopped');
	ok($reload->(weight => 11, maxconn => 9), 'reloaded with other lines');
	is(cli('get weight be/a'), "11 (initial 11)\n\n", 'a changed line wins');
	is(column('slim', 'be/a'), 9, 'for each value by itself');
	ok($reload->(), 'and back');
	is(column('slim', 'be/a'), '', 'nothing is left behind');
	cli('set server be/b state ready;enable health be/a');
};

subtest 'maxconn' => sub {
	cli('set maxconn server be/a 1;set server be/b state maint');
	is(column('slim', 'be/a'), 1, 'shown');
	hits(3);
	is(cli('set maxconn server be/a x'), "maxconn string empty or preceded by garbage\n",
	    'no number');
	like(cli('set maxconn server be/a 3x'), qr/Trailing garbage/, 'half a number');
	cli('set maxconn server be/a 0;set server be/b state ready');
	is(column('slim', 'be/a'), '', 'none again');
};

subtest 'sessions are ended' => sub {
	my $tcp = listener();
	my $q = start_proxy("global\n    stats socket $dir/q.sock level admin\n" . defaults() . "
listen t
    mode tcp
    bind {BIND:t}
    server s ${\ $tcp->addr}
");
	my @c = map { $q->client('t') } 1 .. 2;
	my @s = map { $tcp->accept } @c;
	my $sess;
	ok(wait_until {
		$sess = cli_ask("$dir/q.sock", 'show sess');
		2 == (() = $sess =~ / srv=s /g);
	}, 'show sess') or diag($sess);
	my @ids = $sess =~ /^(0x[0-9a-f]+): proto=tcpv4 src=127\.\S+:\d+ fe=t be=t srv=s /mg;
	is(scalar @ids, 2, 'a line for each');
	like(cli_ask("$dir/q.sock", "show sess $ids[0]"),
	    qr/^$ids[0]: \[.*\n  flags=.*\n  frontend=t .*\n  backend=t .*\n  server=s /m, 'one');
	is(cli_ask("$dir/q.sock", 'show sess older 1h'), "\n", 'none is that old');
	like(cli_ask("$dir/q.sock", 'show fd'), qr/^ *\d+ : side=back be=t srv=s/m, 'show fd');
	like(cli_ask("$dir/q.sock", 'show fd'), qr/^ *\d+ : l\.st=OPEN fe=t addr=/m, 'listeners');
	like(cli_ask("$dir/q.sock", 'show pools'),
	    qr/^Dumping.*\n  - Pool buffer \(\d+ bytes\) : .*^Total: \d+ pools/ms, 'show pools');
	like(cli_ask("$dir/q.sock", 'show activity'), qr/^accepted: 2 \[( \d+)+ \]$/m,
	    'show activity');
	cli_ask("$dir/q.sock", 'set maxconn server t/s 2');
	push @c, $q->client('t');
	ok(wait_until { cli_ask("$dir/q.sock", 'show stat t 2 -1') =~ /^t,BACKEND,1,/m },
	    'a third one waits, at maxconn 2') or diag(cli_ask("$dir/q.sock", 'show stat'));
	cli_ask("$dir/q.sock", 'set maxconn server t/s 3');
	ok(wait_until { cli_ask("$dir/q.sock", 'show stat t 4 -1') =~ /^t,s,0,0,3,/m },
	    'and is served, at 3');
	$c[-1]->close;
	$tcp->accept->close;
	ok(wait_until { 2 == (() = cli_ask("$dir/q.sock", 'show sess') =~ / srv=s /g) },
	    'gone');
	is(cli_ask("$dir/q.sock", "shutdown session $ids[0]"), "\n", 'one is ended');
	ok(wait_until { 1 == (() = cli_ask("$dir/q.sock", 'show sess') =~ / srv=s /g) },
	    'and gone');
	is(cli_ask("$dir/q.sock", "shutdown session $ids[0]"),
	    "No such session (use 'show sess').\n\n", 'twice does not work');
	is(cli_ask("$dir/q.sock", 'shutdown session 0x0'),
	    "Session pointer expected (use 'show sess').\n\n", 'no session');
	cli_ask("$dir/q.sock", 'shutdown sessions server t/s');
	ok(wait_until { cli_ask("$dir/q.sock", 'show sess') eq "\n" }, 'all of a server');
	stop_proxy($q);
};

stop_proxy($p);
done_testing;
