# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# lua reload, lua rollback: scripts are replaced while requests are served, those
# that wait end where they began; and the reload of the whole configuration.
use Tideway::Test;
use Tideway::Cli;
use IO::Socket::INET;

my $dir = spew('here', '') =~ s{/here\z}{}r;

sub version
{
	my ($n, $more) = @_;

	return spew('v.lua', ($more // '') . "
local gate = '$dir/gate'
core.register_fetches('v', function() return 'v$n' end)
core.register_action('hold', {'http-req'}, function(txn)
	while not io.open(gate) do core.msleep(5) end
	txn:set_var('txn.held', 'v$n')
end)
");
}

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $gate = "$dir/gate";
		my $sock = "$dir/$how.sock";
		my $file = version(1);
		unlink $gate;
		my $p = start_proxy("global
    nbthread 2
    stats socket $sock level admin
    $how $file
" . defaults() . "
frontend web
    bind {BIND:web}
    http-request lua.hold if { path /hold }
    http-request return status 200 content-type text/plain lf-string \"%[lua.v] %[var(txn.held)]\"
");
		my $body = sub { $p->get('web', $_[0] // '/')->body };
		my $hold = sub {
			my $s = IO::Socket::INET->new(PeerAddr => $p->addr('web')) or die "connect: $!";
			$s->syswrite("GET /hold HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
			return $s;
		};
		my $end = sub { answer($_[0]) };
		my $cmd = sub { cli_ask($sock, $_[0]) };

		is($body->(), 'v1 ', 'the first');
		my $held = $hold->();
		ok(wait_until(sub { $cmd->('show lua') =~ /waiting=1/ }), 'one waits');
		version(2);
		is($body->(), 'v1 ', 'a file that changes does nothing yet');
		like($cmd->('lua reload'), qr{^$how is loaded anew: generation 2}, 'lua reload');
		is($body->(), 'v2 ', 'the second');
		like($cmd->('show lua'), qr{generation=2 .*replaced=1}, 'the old one is still there');
		version(3, "this is wrong\n");
		like($cmd->("lua reload $how"),
			qr{^$how stays as it was \(generation 2\): \S+v\.lua:1: syntax error}, 'a bad one');
		is($body->(), 'v2 ', 'is not taken');
		version(3, "function on_selftest() error('not good') end\n");
		like($cmd->("lua reload"), qr{on_selftest: \S+v\.lua:1: not good}, 'on_selftest');
		spew('v.lua', "core.register_fetches('v', function() return 'v4' end)\n");
		like($cmd->("lua reload"), qr{the action 'hold', which the configuration uses}, 'a name is missing');
		like($cmd->('lua reload nobody'), qr{^No such script: 'nobody'}, 'an unknown name');
		is($body->(), 'v2 ', 'as before');
		like($cmd->('lua rollback'), qr{^$how is what it was before: generation \d}, 'lua rollback');
		is($body->(), 'v1 ', 'the first again, though the file is another');
		spew('gate', 'open');
		like($end->($held), qr{\r\n\r\nv1 v1|v1 v1}, 'who waited ended where it began');
		ok(wait_until(sub { $cmd->('show lua') =~ /replaced=0/ }), 'the old ones are freed');
		unlink $gate;

		# the whole configuration
		version(5);
		$held = $hold->();
		ok(wait_until(sub { $cmd->('show lua') =~ /waiting=1/ }), 'one waits');
		$p->signal('USR2');
		ok(wait_until(sub { $body->() eq 'v5 ' }), 'the configuration is read anew');
		spew('gate', 'open');
		like($end->($held), qr{v1}, 'who waited ended in the old generation');
		version(6, "\n\nthis is wrong\n");
		$p->signal('USR2');
		ok($p->wait_output(qr{v\.lua:3: syntax error}), 'file and line');
		is($body->(), 'v5 ', 'the old one serves on');
		stop_proxy($p);
	};
}

subtest '-c names file and line' => sub {
	my $bad = spew('bad.lua', "local x = 1\nx.y.z = 2\n");
	my $r = check_config("global\n    lua-load $bad\n");
	isnt($r->{code}, 0, 'refused');
	like($r->{all}, qr{bad\.lua:2: attempt to index}, 'file and line');
	$r = check_config("global\n    lua-load /nowhere/x.lua\n");
	like($r->{all}, qr{cannot open /nowhere/x\.lua}, 'no such file');
};

done_testing();
