# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# core.register_cli: commands of the control socket from scripts, in both load
# modes; what is there of HAProxy's answers is the same.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Compare;
use IO::Socket::UNIX;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/admin.sock";
my $lua = <<'END';
core.register_cli({"show", "foo"}, "show foo [x] : the foo", function(a, ...)
	a:send(table.concat({...}, "|") .. "\n")
	core.msleep(10)
	a:send("end\n")
end)
core.register_cli({"show", "foo", "bar"}, "a longer one", function(a, x, y, z, w) a:send(tostring(x) .. y .. z .. tostring(w) .. "\n") end)
core.register_cli({"show", "err"}, "plain usage", function(a) a:send("x\n") error("oops") end)
END
my $ours = <<'END';
core.register_cli({"nothing"}, "", function() end)
core.register_cli({"show", "big"}, "show big <n>: many lines", function(a, _, _, n)
	for i = 1, tonumber(n) do a:send("line " .. i .. "\n") end
end)
core.register_cli({"show", "mega"}, "one text", function(a) a:send(string.rep("x", 5000000)) a:send("\n") end)
core.register_cli({"set", "foo"}, "set foo <<: reads lines", function(a)
	a:send("<" .. a:getline() .. "><" .. a:receive(2) .. "><" .. a:receive() .. "><" .. a:receive() .. ">" .. tostring(a:try_receive()) .. "\n")
end, "admin")
core.register_cli({"op"}, "", function(a) a:send("ok\n") end, "operator")
core.register_cli({"show", "state"}, "", function(a)
	a:set_var("proc.cli", "v")
	a:set_priv("mine")
	a.x = 5
	a:send(a:get_var("proc.cli") .. a:get_priv() .. a.x .. tostring(a.y) .. a.c:upper("c") .. "\n")
	a:unset_var("proc.cli")
	a:send(tostring(a:get_var("proc.cli")) .. "\n")
	a:send(tostring(select(2, pcall(function() return a.f:src() end))) .. "\n")
	a:send(tostring(select(2, pcall(a.set_var, a, "txn.x", 1))) .. "\n")
	KEPT = a
end)
core.register_cli({"show", "kept"}, "", function(a) a:send(tostring(select(2, pcall(function() return KEPT:getline() end))) .. "\n") end)
core.register_cli({"hang"}, "", function(a)
	local again <close> = nil
	a:send("begin\n")
	for i = 1, 1000 do core.msleep(10) end
end)
END
$ours =~ s/\tlocal again <close> = nil\n//;

sub text
{
	my ($how, $file, $more) = @_;

	return "global
    nbthread 2
    stats socket $sock mode 600 level admin
    " . ($how ? "$how $file" : '') . "
" . ($more // '') . defaults() . "
listen web
    bind {BIND:web}
    http-request return status 200
";
}

my $both = spew('cli.lua', $lua);

sub session { cli_ask($sock, $_[0]) }

sub same
{
	my ($what) = @_;

	is(session('show foo a b'), "show|foo|a|b\nend\n\n", "$what: words");
	is(session('show foo'), "show|foo\nend\n\n", 'none');
	is(session('show foo a;show foo b'), "show|foo|a\nend\n\nshow|foo|b\nend\n\n", 'two');
	like(session('show err'), qr/^x\n/, 'one that fails');
	like(session('help show'), qr/^\s+show foo \[x\]\s*: the foo$/m, 'help');
	like(session('help show'), qr/plain usage/, 'with a text alone');
}

SKIP: {
	skip 'ours', 1 unless is_tideway();
for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $file = spew('all.lua', $lua . $ours);
		my $p = start_proxy(text($how, $file));
		same($how);
		is(session('nothing'), "\n", 'nothing');
		is(session('show foo bar'), "showfoobarnil\n\n", 'a longer one wins');
		ok($p->wait_output(qr/Lua [\w-]+ 'show err': .*all\.lua:\d+: oops/), 'the log tells');
		like(session('show err'), qr/^x\nThe script failed: the log says why\n\n$/, 'and the session');
		like(session('help'), qr/^  show foo bar\s*: a longer one$/m, 'help');
		like(session('help set foo'), qr/set foo <<\s*: reads lines/, 'its own');
		is(session("set foo <<\none\ntwo\nthree\n"), "<one\n><tw><o\nthree\n><>\n\n", 'lines behind <<');
		is(session('set foo'), "<><><><>\n\n", 'none');

		for (['user', "Permission denied\n", "Permission denied\n"], ['operator', "Permission denied\n", "ok\n"]) {
			my ($level, $set, $op) = @$_;
			is(session("$level; set foo"), "\n$set\n", "as $level");
			is(session("$level; op"), "\n$op\n", "as $level");
			unlike(session("$level; help"), qr/^  set foo/m, 'not in help');
		}
		is(session('show big 200000'), join('', map { "line $_\n" } 1 .. 200000) . "\n", 'a long answer');
		is(length session('show mega'), 5000002, 'one long text');
		like(session('show state'), qr/^vmine5nilC\nnil\n.*src: there is no request in a command\n.*\n\n/, 'variables, fields');
		like(session('show kept'), qr/this applet's run has ended: do not keep it/, 'one that was kept');

		# who leaves in the middle
		for my $what ('hang', 'show mega', 'show big 1000000') {
			my $s = IO::Socket::UNIX->new(Peer => $sock);
			$s->syswrite("$what\n");
			$s->sysread(my $got, 5);
			close $s;
		}
		is(session('nothing'), "\n", 'does no harm');

		# gone with its script, and while it runs
		my $s = IO::Socket::UNIX->new(Peer => $sock);
		$s->syswrite("hang\n");
		like(answer($s, qr/begin/), qr/begin/, 'it runs');
		my $slow = IO::Socket::UNIX->new(Peer => $sock);
		$slow->syswrite("show big 300000\n");
		like(answer($slow, qr/line 9\n/), qr/^line 1\n/, 'and this');
		$p->write_config(text(undef));
		$p->signal('USR2');
		ok(wait_until { session('show foo') =~ /Unknown command/ }, 'a reload without the script');
		unlike(session('help'), qr/show foo/, 'nor in help');
		like(answer($slow), qr/line 300000\n\n\[end\]$/, 'what runs goes on');
		close $s;
		$p->write_config(text($how, $file));
		$p->signal('USR2');
		ok(wait_until { session('nothing') eq "\n" }, 'there again');
		spew('all.lua', $lua . $ours . 'core.register_cli({"newer"}, "", function(a) a:send("new\n") end)');
		$p->signal('USR2');
		ok(wait_until { session('newer') eq "new\n\n" }, 'a new one');
		stop_proxy($p);
	};
}

subtest 'bad scripts' => sub {
	my $try = sub { check_config(text('lua-load', spew('bad.lua', $_[0])))->{all} };
	my $f = 'function() end';
	like($try->("core.register_cli({'show', 'info'}, '', $f)"), qr/there is a command 'show info' already/, 'taken');
	like($try->("core.register_cli({}, '', $f)"), qr/bad argument #1 .*1 to 16 words/, 'no words');
	like($try->("core.register_cli({1}, '', $f)"), qr/bad argument #1 .*list of words/, 'a number');
	like($try->("core.register_cli({'a', {}}, '', $f)"), qr/bad argument #1 .*list of words/, 'a table');
	like($try->("core.register_cli({'a b'}, '', $f)"), qr/bad argument #1 .*cannot hold blanks/, 'a blank');
	like($try->("core.register_cli('a', '', $f)"), qr/bad argument #1 .*table expected/, 'a string');
	like($try->("core.register_cli({'a'}, {}, $f)"), qr/bad argument #2/, 'no usage');
	like($try->("core.register_cli({'a'}, '')"), qr/bad argument #3 .*function expected/, 'no function');
	like($try->("core.register_cli({'a'}, '', $f, 'root')"), qr/bad argument #4 .*root/, 'no level');
};
}

SKIP: {
	my $hap = find_haproxy() or skip 'no haproxy', 1;
	subtest 'HAProxy' => sub {
		my $p = start_proxy(text('lua-load', $both), bin => $hap, args => ['-db']);
		same('HAProxy');
		$p->stop; # its alert of the failed script would be a complaint
	};
}

done_testing();
