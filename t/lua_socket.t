# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# core.tcp(): the class Socket, in both load modes and with several threads:
# what each method returns, names, TLS, time limits, big transfers, peers that
# reset, requests that end meanwhile, sockets that are forgotten.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Dns;
use IO::Socket::UNIX;
use List::Util qw(uniq);
use Socket qw(SOL_SOCKET SO_LINGER);

# What a client sends tells the peer what to do.
sub line { return $_[0]->read_until(qr/\n/, 60) }

sub bytes
{
	my ($c, $left) = @_;
	my $block = join '', map { chr($_ & 255) } 0 .. 65535;

	for (; $left > 0; $left -= length $block) {
		$c->send(substr($block, 0, $left), 60);
	}
}

sub talk
{
	my ($c, $o) = @_;
	my $line = line($c) // return;

	if ($line =~ /^lines/) {
		$c->send("one\r\ntwo\nth\rree\r\n\r\nrest");
	} elsif ($line =~ /^slow/) {
		$c->send('part');
		$o->wait_flag('go', 30);
	} elsif ($line =~ /^bytes (\d+)/) {
		bytes($c, $1);
	} elsif ($line =~ /^take (\d+)/) {
		$c->send('got ' . length($c->read_bytes($1, 60)) . "\n");
	} elsif ($line =~ /^stall/) {
		$o->wait_flag('go', 30);
	} elsif ($line =~ /^reset/) {
		setsockopt $c->sock, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
		$c->close;
	} elsif ($line =~ /^echo/) {
		while (defined(my $l = line($c))) {
			$c->send($l);
		}
	} elsif ($line =~ /^hold/) {
		$o->record('held', '');
		$c->read_all(60);
		$o->record('end', '');
	}
}

my $script = spew('sock.lua', <<'END');
local PORT, UNIX, CLOSED = tonumber(os.getenv("PEER_PORT")), os.getenv("PEER_UNIX"), tonumber(os.getenv("CLOSED_PORT"))
local HOST = os.getenv("PEER_HOST")
local function show(...)
	local t = table.pack(...)
	for i = 1, t.n do
		t[i] = type(t[i]) == "string" and ("%q"):format(t[i]):gsub("\r", "\\r"):gsub("\\\n", "\\n") or tostring(t[i])
	end
	return table.concat(t, " ")
end
local function open(say)
	local s = core.tcp()
	s:settimeout(20)
	assert(s:connect(HOST, PORT))
	assert(s:send(say .. "\n"))
	return s
end
local case = {}
function case.lines()
	local s = open("lines")
	local r = {show(s:receive("*l")), show(s:receive()), show(s:receive("l", "pre>")), show(s:receive("*l")),
	    show(s:receive(0)), show(s:receive(3, "ab")), show(s:receive(2)), show(s:receive(5)), show(s:receive("*a")), show(s:receive("*l")), show(s:receive(4))}
	s:close()
	r[#r + 1] = show(s:receive(1))
	r[#r + 1] = show(s:send("x"))
	r[#r + 1] = show(s:close())
	r[#r + 1] = show(s:connect(HOST, PORT))
	return table.concat(r, "|")
end
function case.all()
	return show(open("lines"):receive("*a", "x"))
end
function case.timeout()
	local s = open("slow")
	s:receive(1)
	s:settimeout(0.05)
	return show(s:receive("*l")) .. "|" .. show(s:receive(3)) .. "|" .. show(s:receive("*a", "p"))
end
function case.names()
	local s = open("lines")
	local peer, own = s:getpeername(), s:getsockname()
	local no = core.tcp()
	return peer .. "|" .. (own:match("^127%.[%d.]+:%d+$") and "own" or own) .. "|" .. show(no:getpeername()) .. "|" .. type(s) .. "|" .. tostring(s)
end
function case.refused()
	local s = core.tcp()
	return show(s:connect(HOST, CLOSED)) .. "|" .. show(s:connect("/nonexistent/x")) .. "|" .. show(s:connect(HOST, PORT)) .. "|" .. show(s:connect(HOST, PORT))
end
function case.forms()
	local r = {}
	for _, a in ipairs{{HOST .. ":" .. PORT}, {"ipv4@" .. HOST, PORT}, {HOST, tostring(PORT)}, {"ipv4@" .. HOST .. ":" .. PORT}} do
		local s = core.tcp()
		r[#r + 1] = show(s:connect(table.unpack(a)))
		s:send("lines\n")
		r[#r + 1] = show(s:receive("*l"))
		s:close()
	end
	for _, a in ipairs{{HOST}, {HOST .. ":0"}, {"[::1"}, {"fd@3"}, {"a b", 1}, {HOST, 70000}, {("x"):rep(300), 1}, {"unix@" .. ("x"):rep(200)}, {""}} do
		r[#r + 1] = tostring(select(2, pcall(core.tcp().connect, core.tcp(), table.unpack(a)))):gsub("^[^:]*:%d+: ", "")
	end
	return table.concat(r, "|")
end
function case.unix()
	local s = core.tcp()
	local r = show(s:connect("unix@" .. UNIX)) .. "|"
	s:send("hello\n")
	r = r .. show(s:receive("*l")) .. "|" .. show(s:getpeername() == UNIX)
	s = core.tcp()
	r = r .. "|" .. show(s:connect(UNIX))
	return r
end
function case.big()
	local n = 30 * 1024 * 1024 + 17
	local s = open("bytes " .. n)
	local block = s:receive(n)
	local s2 = open("bytes " .. n)
	return #block .. "|" .. show(s:receive(1)) .. "|" .. #s2:receive("*a")
end
function case.take()
	local n = 20 * 1024 * 1024
	local s = open("take " .. n)
	local r = show(s:send(("y"):rep(n)))
	return r .. "|" .. show(s:receive())
end
function case.stall()
	local s = open("stall")
	s:settimeout(0.05)
	local ok, why, last = s:send(("y"):rep(64 * 1024 * 1024))
	return show(ok, why) .. "|" .. tostring(last > 0 and last < 64 * 1024 * 1024)
end
function case.range()
	local s = open("echo")
	local r = {show(s:send("xabx\nxx", 2, 3)), show(s:send("abc\ndef", 4, -4)), show(s:send("x", 5)), show(s:send("")), show(s:send("..cd\n", -3))}
	return table.concat(r, "|") .. "|" .. show(s:receive()) .. "|" .. show(s:receive())
end
function case.reset()
	local s = open("reset")
	return show(s:receive("*l"))
end
function case.tls()
	local s = core.tcp()
	s:settimeout(20)
	local r = show(s:connect_ssl(os.getenv("TLS_NAME") or HOST, tonumber(os.getenv("TLS_PORT"))))
	s:send("hello\n")
	return r .. "|" .. show(s:receive("*l")) .. "|" .. #s:receive("*a")
end
function case.plain_as_tls()
	return show(core.tcp():connect_ssl(HOST, PORT))
end
function case.name()
	local r = {}
	for _, n in ipairs{"peer.test", "nx.test", "two.test"} do
		local s = core.tcp()
		r[#r + 1] = show(s:connect(n, PORT))
		if s:getpeername() then s:send("lines\n") r[#r + 1] = show(s:receive()) end
	end
	local s = core.tcp()
	s:settimeout(0.2)
	r[#r + 1] = show(s:connect("silent.test", PORT))
	return table.concat(r, "|")
end
function case.hold() kept = nil; local s = open("hold"); s:receive("*l") return "x" end
function case.forget() open("hold") return "left" end
function case.cycle() local t = {} t.s = open("hold") t.t = t return "left" end
function case.many()
	local t = {}
	for i = 1, 500 do t[i] = open("echo") end
	for i = 1, 500 do t[i]:send("n" .. i .. "\n") end
	local n = 0
	for i = 500, 1, -1 do if t[i]:receive() == "n" .. i then n = n + 1 end t[i]:close() end
	return tostring(n)
end
function case.wrapped()
	local sock = core.tcp()
	sock.old_receive = sock.receive
	sock.receive = function(socket, pattern, prefix)
		if prefix == nil then return sock:old_receive(pattern or "*l") end
		return sock:old_receive(pattern, prefix)
	end
	sock.old_settimeout = sock.settimeout
	sock.settimeout = function(socket, timeout) socket:old_settimeout(timeout) return 1 end
	sock:settimeout(5)
	sock:connect(HOST, PORT)
	sock:send("lines\n")
	return show(sock:receive()) .. "|" .. show(sock.receive(sock, "*l", "p")) .. "|" .. show(sock:setoption("keepalive", true))
end
function case.shared_other()
	if not kept then kept = open("echo") kept_by = core.thread return "kept" end
	local ok, why = pcall(kept.send, kept, "a\n")
	return ok and "same" or why:gsub("^[^:]*:%d+: ", "")
end
function case.shared_shut()
	if not other then other, other_by = open("echo"), core.thread return "opened" end
	other:close() other:close()
	other = nil
	collectgarbage() collectgarbage()
	return "shut"
end
function case.twice()
	local s = open("echo")
	s:send("inner\n")
	local co = coroutine.wrap(function() return pcall(s.receive, s) end)
	local ok, line = co()
	return tostring(ok) .. " " .. tostring(line)
end
function case.fuzz()
	local kinds = {1, -1, 0, 1.5, 2^70, "x", "", "*l", true, {}, print, math.huge, 0/0, false}
	local n, methods = 0, {}
	for m in ("close connect connect_ssl dirty getfd getpeername getsockname receive send setoption settimeout"):gmatch("%S+") do methods[#methods + 1] = m end
	math.randomseed(tonumber(os.getenv("SEED")) or 7)
	local function pick() local k = math.random(0, #kinds) return kinds[k] end
	for i = 1, 3000 do
		local s = core.tcp()
		s:settimeout(0.01)
		local m = methods[math.random(#methods)]
		local args = {}
		for k = 1, math.random(0, 4) do args[k] = pick() end
		local self = math.random(10) > 2 and s or pick()
		local ok, why = pcall(s[m], self, table.unpack(args, 1, 4))
		if not ok and type(why) ~= "string" then error("no text: " .. m) end
		n = n + 1
	end
	for _, bad in ipairs{{}, 1, "x", core} do
		for _, m in ipairs(methods) do
			local ok, why = pcall(core.tcp()[m], bad)
			if ok or not why:find("Socket") then error(m .. " took " .. tostring(bad) .. tostring(why)) end
		end
	end
	return tostring(n)
end
core.register_action("run", {"http-req"}, function(txn)
	local name = txn.f:path():sub(2)
	local ok, r = pcall(case[name])
	txn:set_var("txn.out", (ok and "" or "ERROR ") .. tostring(r))
end)
core.register_action("direct", {"http-req"}, function(txn)
	txn:set_var("txn.out", case[txn.f:path():sub(2)]())
end)
core.register_fetches("infetch", function() local ok, why = pcall(core.tcp().connect, core.tcp(), HOST, PORT) return why end)
local ok, why = pcall(function() core.tcp():connect(HOST, PORT) end)
in_body = why
core.register_action("body", {"http-req"}, function(txn) txn:set_var("txn.out", in_body) end)
END

my $sock = Tideway::Test::temp_dir() . '/cli';
my $peer = origin(raw => 1, greet => \&talk);
my $gone = listener();
my $closed = $gone->port;
$gone->close;

# a unix socket and a TLS server that say what they got
sub child
{
	my ($code) = @_;
	my $pid = fork // die;
	if ($pid == 0) {
		$SIG{TERM} = 'DEFAULT';
		eval { $code->() };
		POSIX::_exit(0);
	}
	return $pid;
}
my $unix_path = Tideway::Test::temp_dir() . '/peer.sock';
my $unix = IO::Socket::UNIX->new(Local => $unix_path, Listen => 64) or die;
my @children = child(sub {
	while (my $c = $unix->accept) {
		my $l = <$c>;
		print $c "unix $l" if defined $l;
	}
});
my ($tls_port, $has_tls) = (1, eval { require IO::Socket::SSL; 1 });
if ($has_tls) {
	my ($cert, $key) = IO::Socket::SSL::Utils::CERT_create(subject => { CN => 'tls.test' })
	    if eval { require IO::Socket::SSL::Utils; 1 };
	my $pem = spew('tls.pem', IO::Socket::SSL::Utils::PEM_cert2string($cert)
	    . IO::Socket::SSL::Utils::PEM_key2string($key));
	my $l = IO::Socket::SSL->new(Listen => 64, LocalAddr => '127.0.0.1',
	    SSL_cert_file => $pem, SSL_key_file => $pem) or die 'no TLS listener';
	$tls_port = $l->sockport;
	push @children, child(sub {
		while (1) {
			my $c = $l->accept or next;
			my $line = <$c>;
			my $sni = $c->get_servername // 'none';
			print $c "$sni $line" . ('z' x 3_000_000);
			close $c;
		}
	});
}
my $dns = Tideway::Dns->new(zone => {
	'peer.test/A' => [$peer->{host}], 'nx.test/A' => 'nx',
	'two.test/A' => ['127.0.0.99', $peer->{host}], 'silent.test/A' => 'silent',
	'silent.test/AAAA' => 'silent', 'tls.test/A' => ['127.0.0.1'] });

$ENV{PEER_PORT} = $peer->port;
$ENV{PEER_HOST} = $peer->{host};
$ENV{PEER_UNIX} = $unix_path;
$ENV{CLOSED_PORT} = $closed;
$ENV{TLS_PORT} = $tls_port;
$ENV{TLS_NAME} = 'tls.test';

sub config
{
	my ($how) = @_;
	return "global
    nbthread 2
    stats socket $sock level admin
    tune.lua.burst-timeout 30s
    tune.lua.session-timeout 60s
    $how $script
resolvers default
    nameserver dns1 " . $dns->addr . "
    timeout retry 200ms
" . defaults('timeout server 60s', 'timeout client 60s') . "
frontend web
    bind {BIND:web}
    http-request lua.body if { path /body }
    http-request lua.direct if { path_end hold }
    http-request lua.run if !{ path /body /infetch }
    http-request return status 200 content-type text/plain lf-string \"%[lua.infetch]\" if { path /infetch }
    http-request return status 200 content-type text/plain lf-string \"%[var(txn.out)]\"
";
}

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $p = start_proxy(config($how));
		my $get = sub {
			$p->request('web', "GET /$_[0] HTTP/1.1\r\nHost: h\r\n\r\n", secs => 60)->body
		};
		is($get->('lines'), join('|', '"one"', '"two"', '"pre>th\\13ree"' , '""', '""',
		    '"abr"', '"es"', 'nil "closed" "t"', 'nil "closed" ""', 'nil "closed" ""',
		    'nil "closed" ""', 'nil "closed" ""', 'nil "closed" 0', '1', 'nil "closed"'),
		    'receive: lines, counts, prefixes, what is left, after close');
		is($get->('all'), '"xone\\13\\ntwo\\nth\\13ree\\13\\n\\13\\nrest"', 'receive("*a")');
		is($get->('timeout'), 'nil "timeout" "art"|nil "timeout" ""|nil "timeout" "p"',
		    'receive: timeout, with what came');
		is($get->('names'), $peer->addr . '|own|nil "not connected"|table|Socket',
		    'getpeername, getsockname; it is a table');
		is($get->('refused'), 'nil "connect: Connection refused"|'
		    . 'nil "connect: No such file or directory"|1|nil "already connected"',
		    'connect: refused, no such path, again');
		like($get->('forms'), qr{^(1\|"one"\|){4}Socket:connect:\ port\ missing:\ '[^|]*'
		    \|Socket:connect:\ the\ port\ is\ not\ a\ number\ from\ 1\ to\ 65535[^|]*
		    \|Socket:connect:\ the\ address\ has\ no\ '\]'[^|]*
		    \|Socket:connect:\ 'fd\x40'[^|]*
		    \|Socket:connect:\ cannot\ parse\ destination\ address[^|]*
		    \|bad\ argument\ \#3\ [^|]*a\ port\ is\ 1\ to\ 65535[^|]*
		    \|Socket:connect:\ cannot\ parse[^|]*
		    \|Socket:connect:\ the\ path\ is\ empty\ or\ too\ long[^|]*
		    \|Socket:connect:\ port\ missing}x, 'connect: forms of addresses');
		is($get->('unix'), '1|"unix hello"|true|1', 'unix sockets');
		is($get->('big'), '31457297|nil "closed" ""|31457297', '30 MB come in');
		is($get->('take'), '20971520|"got 20971520"', '20 MB go out');
		is($get->('stall'), 'nil "timeout"|true', 'send: timeout, with how far it came');
		is($get->('range'), '3|4|0|0|5|"ab"|"cd"', 'send: ranges');
		like($get->('reset'), qr/^nil "closed" ""/, 'a peer that resets');
		is($get->('wrapped'), '"one"|"ptwo"|1', 'methods that scripts wrap');
		is($get->('twice'), 'true inner', 'in a coroutine of the script');
		is($get->('name'), '1|"one"|nil "name not found"|1|"one"|nil "timeout"', 'names');
		like($get->('infetch'), qr/yield not allowed in a fetch/, 'not in a fetch');
		like($get->('body'), qr/yield not allowed in the file itself/, 'not in the body');
		is($get->('fuzz'), 3000, 'wrong arguments');
		is($get->('many'), 500, '500 sockets at once');
	    SKIP: {
			skip 'IO::Socket::SSL is missing', 2 unless $has_tls;
			is($get->('tls'), '1|"tls.test hello"|3000000', 'connect_ssl, with SNI');
			like($get->('plain_as_tls'), qr/^nil "TLS: /, 'a peer without TLS');
		}
		if ($how eq 'lua-load') {
			my %seen = map { $get->('shared_other') => 1 } 1 .. 20;
			like(join(' ', sort keys %seen), qr/^(Socket:send: this socket belongs to another thread )?kept( same)?$/,
			    'one that is kept, used by another thread');
			is(join(' ', uniq(map { $get->('shared_shut') } 1 .. 40)), 'opened shut',
			    'one that another thread closes twice and forgets');
		}
		my $ends = () = $peer->events('end');
		is($get->('forget'), 'left', 'a socket that is forgotten');
		is($get->('cycle'), 'left', 'one in a cycle');
		ok(scalar $peer->wait_events('end', $ends + 2), 'both are closed');
		my $held = () = $peer->events('held');
		my $c = $p->client('web');
		$c->send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
		ok(scalar $peer->wait_events('held', $held + 1), 'a request waits for its peer');
		my ($id) = cli_ask("$sock", 'show sess') =~ /^(0x\w+): .*fe=web/m;
		cli_ask($sock, "shutdown session $id");
		ok(scalar $peer->wait_events('end', $ends + 3),
		    'the session is ended: the socket is closed');
		$c->close;
		stop_proxy($p);
	};
}
kill 'TERM', @children;
waitpid $_, 0 for @children;
done_testing();
