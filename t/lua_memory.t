# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Memory of scripts: tune.lua.maxmem, deep recursion, what garbage costs, what a
# waiting coroutine takes, nothing from malloc once a script has warmed up.
use Tideway::Test;
use Tideway::Cli;
use IO::Socket::INET;

my $dir = spew('here', '') =~ s{/here\z}{}r;
my $script = spew('mem.lua', <<'END_LUA');
core.register_action("hog", {"http-req"}, function(txn)
	local t = {}
	while true do t[#t + 1] = string.rep("x", 100000) .. #t end
end)
core.register_action("hog-caught", {"http-req"}, function(txn)
	local ok, err = pcall(function()
		local t = {}
		while true do t[#t + 1] = string.rep("x", 100000) .. #t end
	end)
	txn:set_var("txn.v", err)
end)
core.register_action("deep", {"http-req"}, function(txn)
	local function f() return 1 + f() end
	local ok, err = pcall(f)
	local g = function(x) return x end
	for i = 1, 300 do local h = g g = function(x) return string.gsub(x, "x", h) end end
	local ok2, err2 = pcall(g, "x")
	txn:set_var("txn.v", (err:match("stack overflow") or err:match("not enough memory")) ..
	    "|" .. (err2:match("C stack overflow") or err2:match("not enough memory")))
end)
core.register_action("litter", {"http-req"}, function(txn)
	for i = 1, 1000 do local t = { i, { i } } end
	if txn.f:path() == "/collect" then collectgarbage() end
end)
core.register_action("waits-often", {"http-req"}, function(txn)
	for i = 1, 4000 do
		for j = 1, 100 do local t = { i, { j } } end
		core.yield()
	end
end)
core.register_action("wait", {"http-req"}, function(txn) core.msleep(60000) end)
END_LUA

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $sock = "$dir/$how.sock";
		my $p = start_proxy("global
    nbthread 2
    stats socket $sock level admin
    tune.lua.maxmem 24
    tune.lua.burst-timeout 20s
    tune.lua.session-timeout 30s
    $how $script
" . defaults('timeout client 60s') . "
frontend web
    bind {BIND:web}
    http-request lua.hog if { path /hog }
    http-request lua.hog-caught if { path /caught }
    http-request lua.deep if { path /deep }
    http-request lua.litter if { path_beg /litter /collect }
    http-request lua.waits-often if { path /often }
    http-request lua.wait if { path /wait }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.v)]\"
");
		my $get = sub { $p->request('web', "GET /$_[0] HTTP/1.1\r\nHost: h\r\n\r\n") };
		my $sum = sub {
			my ($word) = @_;
			my $sum = 0;
			my $text = cli_ask($sock, 'show lua');
			$sum += $1 while $text =~ /^  state .* $word=(\d+)/mg;
			return $sum;
		};
		is($get->('hog')->status, 200, 'one that takes all ends');
		ok($p->wait_output(qr{Lua function 'hog': (?:runtime|out of memory) error: .*not enough memory}),
			'in these words');
		like($get->('caught')->body, qr{not enough memory}, 'and can be caught');
		# another thread's garbage counts until it has collected it
		ok(wait_until(sub { $get->('deep')->body
		    =~ qr{^(?:stack overflow|not enough memory)\|(?:C stack overflow|not enough memory)} }),
			'deep recursion');
		is($get->('x')->status, 200, 'the process stays');
		$get->('litter') for 1 .. 20;
		ok(wait_until(sub { $get->('litter'); $sum->('gc_cycles') > 0 }), 'garbage is collected between requests');
		cmp_ok($sum->('gc_us'), '>', 0, 'which takes time');
		my $cycles = $sum->('gc_cycles');
		my $often = $p->client('web');
		$often->send("GET /often HTTP/1.1\r\nHost: h\r\n\r\n");
		ok(wait_until(sub { $sum->('gc_cycles') > $cycles }), 'of one that only waits, too');
		is($get->('collect')->status, 200, 'collectgarbage() in a request');

		$get->('y') for 1 .. 50;
		my $before = $sum->('waiting');
		my @held = map {
			my $s = IO::Socket::INET->new(PeerAddr => $p->addr('web')) or die "connect: $!";
			$s->syswrite("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
			$s;
		} 1 .. 20;
		ok(wait_until(sub { $sum->('waiting') >= 20 }), 'twenty wait');
		stop_proxy($p);
	};
}

done_testing();
