# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A script's memory is full, to the last byte: whatever enters it next, by an action,
# a fetch, a converter, a service, a filter, a command or a hook, has an error at most.
# The process stays, and so do requests that have nothing to do with it.
use Tideway::Test;
use Tideway::Cli;

my $server = origin();
my $dir = spew('here', '') =~ s{/here\z}{}r;
my $long = 'l' x 3000; # no place is left for these
my $conv = 'conv' . 'c' x 3000;
my $fill = <<'END_LUA';
local kept = {}
local function fill()
	for _, size in ipairs{65536, 1000, 100, 10, 0} do
		pcall(function()
			local n = 0
			while true do
				kept = size == 0 and { kept } or
				    { kept, string.rep("x", size) .. n }
				n = n + 1
			end
		end)
	end
end
END_LUA

my $load = spew('full.lua', $fill . <<'END_LUA');
core.register_action("fill", {"http-req"}, fill)
core.register_action("empty", {"http-req"}, function(txn)
	kept = nil
	collectgarbage()
end)
core.register_action("act", {"http-req"}, function(txn, a, b)
	txn:set_var("txn.v", "act " .. #a .. b)
end, 2)
core.register_fetches("fetch", function(txn, a) return "fetch " .. #a end)
core.register_converters("conv", function(text, a) return "conv " .. a .. #text end)
core.register_service("svc", "http", function(applet)
	applet:set_status(200)
	applet:start_response()
	applet:send("svc")
end)
core.register_cli({"say", "it"}, "say it", function(applet, say, it, word)
	applet:send("said " .. (word or "-") .. "\n")
end)
local Filter = { flags = filter.FLT_CFG_FL_HTX }
Filter.__index = Filter
function Filter:new()
	return setmetatable({}, Filter)
end
function Filter:http_headers(txn, msg)
	filter.register_data_filter(self, msg.channel)
end
function Filter:http_payload(txn, msg)
end
core.register_filter("pass", Filter, function(filter, args) return filter end)
END_LUA

my $hook = spew('hook.lua', $fill . <<'END_LUA');
return {
	on_request = function(req)
		if req.path == "/fill" then fill() end
		if req.path == "/hook" then
			req.headers["x-hook"] = "yes" .. req.path
			return
		end
	end,
	on_response = function(res, req)
		res.headers["x-res"] = "yes" .. req.path
	end,
	on_log = function(req) end,
}
END_LUA

sub config
{
	my ($global, $rules) = @_;
	return "global
    nbthread 2
    stats socket $dir/s.sock level admin
    tune.lua.maxmem 8
    tune.lua.burst-timeout 20s
    tune.lua.session-timeout 30s
    $global
" . defaults() . "
frontend web
    bind {BIND:web}
$rules
    default_backend srv
frontend plain
    bind {BIND:plain}
    http-request return status 200 content-type text/plain string plain
backend srv
    server s @{[$server->addr]}
";
}

for my $how ('lua-load', 'lua-load-per-thread') {
	subtest $how => sub {
		my $p = start_proxy(config("$how $load", '
    filter lua.pass
    http-request lua.fill if { path /fill }
    http-request lua.act ' . $long . ' two if { path /act }
    http-request set-var(txn.v) lua.fetch(' . $long . ') if { path /fetch }
    http-request set-var(txn.v) path,lua.conv(other) if { path_beg /conv }
    http-request use-service lua.svc if { path /svc }
    http-request return status 200 content-type text/plain lf-string "%[var(txn.v)]" if !{ path /server }
'));
		my $get = sub { $p->request('web', "GET /$_[0] HTTP/1.1\r\nHost: h\r\n\r\n") };
		is($get->('act')->body, 'act 3000two', 'an action works');
		is($get->('fetch')->body, 'fetch 3000', 'a fetch');
		is($get->($conv)->body, 'conv other3005', 'a converter');
		is($get->('svc')->body, 'svc', 'a service');
		is($get->('server')->status, 200, 'a filter');
		is(cli_ask("$dir/s.sock", 'say it loud') =~ s/\s+\z//r, 'said loud', 'a command');
		for my $round (1 .. 3) {
			$get->('fill') for 1 .. 2;
			for my $word ('act', 'fetch', $conv, 'svc', 'server') {
				like($get->($word)->status, qr{^(?:200|400|50[0-9])\z}, substr($word, 0, 8) . " has an answer, round $round");
			}
			ok(defined cli_ask("$dir/s.sock", 'say it loud'), 'so has the command');
		}
		is($p->request('plain', "GET / HTTP/1.1\r\nHost: h\r\n\r\n")->body, 'plain', 'others go on');
		stop_proxy($p);
	};
}

subtest 'lua-script' => sub {
	my $p = start_proxy(config("lua-script s file $hook limit memory 4m", ''));
	my $get = sub { $p->request('web', "GET /$_[0] HTTP/1.1\r\nHost: h\r\n\r\n") };
	my $res = $get->('hook');
	is($res->status, 200, 'a hook works');
	is($res->header('x-res'), 'yes/hook', 'on_response, too');
	for my $round (1 .. 3) {
		$get->('fill') for 1 .. 4;
		like($get->('hook')->status, qr{^(?:200|50[0-9])\z}, "it has an answer, round $round");
	}
	is($p->request('plain', "GET / HTTP/1.1\r\nHost: h\r\n\r\n")->body, 'plain', 'others go on');
	stop_proxy($p);
};

subtest 'a finalizer that fails' => sub {
	my $fin = spew('fin.lua', <<'END_LUA');
core.register_action("fin", {"http-req"}, function(txn)
	for i = 1, 1000 do
		setmetatable({}, { __gc = function() error("not finalized") end })
	end
end)
END_LUA
	my $p = start_proxy(config("lua-load $fin", '    http-request lua.fin'));
	ok(wait_until(sub {
		$p->request('web', "GET /fin HTTP/1.1\r\nHost: h\r\n\r\n")->status == 200
		    or die 'no answer';
		return $p->stderr =~ /not finalized/;
	}), 'is told of, between requests');
	stop_proxy($p);
};

done_testing();
