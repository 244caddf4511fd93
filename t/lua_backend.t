# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tw.backend, its servers and their fields; backend:pick.
use Tideway::Test;
use Tideway::Cli;

plan(skip_all => 'ours') unless is_tideway();
my $sock = Tideway::Test::temp_dir() . '/admin.sock';
my @o = map { my $n = $_; origin(name => "s$n", respond => sub {
	my ($req, $c, $o) = @_;
	$o->wait_flag('go') if $req->uri =~ /hold/;
	return $o->reply($req, "s$n");
}) } 1 .. 3;
my @a = map { $_->addr } @o;
my $script = spew('b.lua', <<'END');
local function try(f, ...)
	local t = table.pack(pcall(f, ...))
	for i = 1, t.n do t[i] = (tostring(t[i]):gsub("^.*%.lua:%d+: ", "")) end
	return table.concat(t, " ")
end
local be = tw.backend("b")
local show = {
	fields = function()
		local out = { be.name .. tostring(be) .. tostring(be.up) .. tostring(be == tw.backend("b")) .. tostring(tw.backend("none")) }
		for s in be:servers() do
			out[#out + 1] = table.concat({ s.name, tostring(s), s.backend, s.addr, tostring(s.up), s.status, s.weight, s.maxconn, s.queue,
			    tostring(s.backup), tostring(s == be:server(s.name)) }, ",")
		end
		return table.concat(out, "\n")
	end,
	load = function()
		local s = be:server("s1")
		return be.sessions .. " " .. be.queue .. " " .. s.sessions .. " " .. s.queue
	end,
	errors = function()
		local s = be:server("s1")
		return table.concat({ try(function() return be.x end), try(function() return s.x end), try(function() be.name = 1 end),
		    try(function() s.name = 1 end), try(function() return be[1] end), try(function() return be[{}] end), try(be.server, be), try(be.server, {}, "x"),
		    try(be.servers, s), try(be.pick), try(be.pick, be, 1), try(be.pick, be, { by = "x" }), try(be.pick, be, { bye = 1 }),
		    try(be.pick, be, { 1 }), try(be.pick, be, { by = 1 }), try(be.pick, be, { by = function() error("no") end }),
		    try(be.pick, be, { by = function() return "a" end }), try(be.pick, be, { by = function() tw.sleep(1) end }),
		    try(tw.backend), try(tw.backend, {}), tostring(be:server("none")), tostring(getmetatable(be)) }, "\n")
	end,
	none = function()
		return tostring(be:pick{ by = function() end }) .. tostring(be:pick{ by = function() return false end }) ..
		    tostring(be:pick{ by = function() return 0 / 0 end })
	end,
	down = function() return tostring(tw.backend("nobody"):pick()) .. tostring(tw.backend("nobody").up) end,
	backup = function() return tostring(tw.backend("spare"):pick()) .. tostring(tw.backend("spare"):pick{ by = function(s) return s.weight end }) end,
	heavy = function() return tostring(be:pick{ by = function(s) return -s.weight end }) end,
	random = function()
		local n = { s1 = 0, s2 = 0, s3 = 0 }
		for i = 1, 3000 do
			local s = be:pick{ by = "random" }.name
			n[s] = n[s] + 1
		end
		return n.s1 .. " " .. n.s2 .. " " .. n.s3
	end,
	ties = function()
		local seen = {}
		for i = 1, 300 do seen[be:pick{ by = function(s) return s.name ~= "s3" and 1 or 2 end }.name] = true end
		return tostring(seen.s1) .. tostring(seen.s2) .. tostring(seen.s3)
	end,
	least = function() return tostring(be:pick()) .. tostring(be:pick{}) .. tostring(be:pick{ by = "leastconn" }) end,
}
function on_request(req)
	local f = show[req.path:match("%a+")]
	if f then req:reply(200, f()) end
end
function on_pick(req, backend)
	if req.args.s then return req.args.s end
	return backend:pick()
end
END
my $p = start_proxy("global
    nbthread 1
    stats socket $sock level admin
    lua-script b file $script
" . defaults() . "
frontend web
    bind {BIND:web}
    default_backend b
backend b
    server s1 $a[0] weight 10 maxconn 1
    server s2 $a[1] weight 20
    server s3 $a[2] weight 30
backend nobody
    server s1 $a[0] disabled
    server s2 $a[0] disabled backup
backend spare
    server s1 $a[0] disabled
    server s2 $a[0] backup
");
my $get = sub { $p->get('web', $_[0])->body };

is($get->('/fields'), join("\n", 'bbtruetruenil', "s1,s1,b,$a[0],true,no check,10,1,0,false,true",
	"s2,s2,b,$a[1],true,no check,20,0,0,false,true", "s3,s3,b,$a[2],true,no check,30,0,0,false,true"), 'fields');
my @e = split /\n/, $get->('/errors');
my @want = (qr/a backend has no field 'x'/, qr/a server has no field 'x'/, qr/attempt to index a userdata|cannot be assigned|Backend/, qr/userdata|cannot|Server/,
	qr/a backend has no field '1'/, qr/string expected, got table/, qr/string expected, got no value/, qr/Backend expected, got table/,
	qr/Backend expected, got Server/, qr/a backend is expected as the first argument, not a no value/, qr/table expected, got number/,
	qr/by is "leastconn", "random" or a function, not x/, qr/unknown field 'bye'/, qr/unknown field '1'/, qr/or a function, not 1/, qr/^false no/,
	qr/gives a number, the lowest is the best, or nil, not a string/, qr/tw.sleep: yield not allowed/, qr/string expected, got no value/, qr/string expected, got table/,
	qr/^nil/, qr/access denied/);
like($e[$_], qr/^(?:false .*)?$want[$_]/, "error $_") for 0 .. $#want;
is($get->('/none'), 'nilnilnil', 'a function that wants none');
is($get->('/down'), 'nilfalse', 'no server is up');
is($get->('/backup'), 's2s2', 'a backup');
is($get->('/heavy'), 's3', 'the lowest number');
is($get->('/ties'), 'truetruenil', 'equally good ones');
my @n = split / /, $get->('/random');
ok($n[0] > 300 && $n[0] < 700 && $n[2] > 1200 && $n[2] < 1800, 'random, by weight') or diag("@n");

# one request is at s3, one at s1 and one waits for it
my @c = map { my $c = $p->client('web'); $c->send("GET /hold?s=$_ HTTP/1.1\r\nHost: h\r\n\r\n"); $c } qw(s3 s3 s3 s1 s1);
my $load;
ok(wait_until { ($load = $get->("/load")) =~ m{^5 0 2 1$} }, "sessions and queue") or diag($load);
is($get->('/least'), 's2s2s2', 'leastconn');
is($get->('/pickit'), 's2', 'on_pick');
$_->set('go') for @o;
$_->read_response for @c;
cli_ask($sock, 'disable server b/s2; disable server b/s3');
is($get->('/least'), 's1s1s1', 'only one is left');
stop_proxy($p);
done_testing();
