# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tideway lua-test: tests of scripts on requests that are played.
use Tideway::Test;

plan(skip_all => 'HAProxy has no such command') unless is_tideway();

my $dir = Tideway::Test::temp_dir() . '/lt';
mkdir $dir;
mkdir "$dir/deep";
spew("$dir/pick.lua", <<'END');
core.register_action("pick", {"http-req"}, function(txn)
	if txn.f:path() == "/slow" then
		core.sleep(2)
	end
	if txn.sf:req_hdr("x-canary") == "yes" then
		txn:set_var("txn.be", "b2")
	end
	if txn.f:path() == "/bad" then
		error("oh dear")
	end
end)
core.register_fetches("never", function(txn)
	local a = 1
	return "x"
end)
END

my $config = <<'END';
test.config [[
global
    lua-load pick.lua
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend web
    bind :80
    log-format "%HM %HP %b %ST"
    http-request lua.pick
    use_backend %[var(txn.be)] if { var(txn.be) -m found }
    default_backend b1
backend b1
    server s 192.0.2.1:80
backend b2
    option redispatch 1
    retries 1
    server s 192.0.2.2:80
    server t 192.0.2.3:80
]]
END

sub run
{
	my ($text, @args) = @_;

	spew("$dir/pick_test.lua", $config . $text);
	return run_cmd('lua-test', @args, $dir);
}

subtest 'cases that pass' => sub {
	my $r = run(<<'END');
test("the usual backend", function()
	local r = test.request { path = "/a", src = "192.0.2.9" }
	test.eq(r.backend, "b1")
	test.eq(r.server, "s")
	test.eq(r.status, 200)
	test.eq(r.sent.method, "GET")
	test.eq(r.sent.target, "/a")
	test.eq(r.log, "GET /a b1 200")
	test.eq(r.term, "----")
end)
test("the canary, whose first server is not there", function()
	test.upstream("b2/s", false)
	test.upstream("b2", function(req, backend, server)
		return 201, "hi " .. req.headers.host .. backend .. server, { ["X-A"] = "b" }
	end)
	local r = test.request {
		path = "/a", headers = { ["X-Canary"] = "yes" }, host = "h", body = "abc",
	}
	test.eq(r.status, 201)
	test.eq(r.body, "hi hb2t")
	test.eq(r.headers["x-a"], "b")
	test.eq(r.sent.body, "abc")
	test.eq(r.trail[1], { who = "use_backend", what = "backend", name = "b2",
		file = r.trail[1].file, line = 12 })
	test.eq(r.trail[#r.trail].name, "t")
end)
test("time that passes at once", function()
	test.eq(test.request("/slow").waited, 2.0)
	test.advance(3600)
end)
test("an error is heard", function()
	test.request("/bad")
	test.match(table.concat(test.logs(), "\n"), "oh dear")
end)
test("a server that is down", function()
	test.down("b1", "s")
	test.eq(test.request("/a").status, 503)
	test.up("b1", "s")
	test.eq(test.request("/a").status, 200)
end)
test("raw bytes, and an answer of raw bytes", function()
	test.upstream("*", "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n")
	local r = test.request { raw = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n" }
	test.eq(r.status, 418)
	test.eq(r.reason, "Teapot")
	test.upstream("*", nil)
	test.fails(function() test.request { raw = 1, body = {} } end)
	test.fails(function() test.request(1) end, "a table is expected, not a number")
end)
END
	is($r->{code}, 0, 'the exit status') or diag($r->{out}, $r->{err});
	like($r->{out}, qr/^    ok $_ - /m, "case $_") for 1 .. 6;
	like($r->{out}, qr/^ok 1 - .*pick_test\.lua$/m, 'the file');
	like($r->{out}, qr/^# cost lua-load pick: 7 calls, 1 errors, \d+\.\d\d us of CPU each with coverage$/m,
		'what it cost');
	like($r->{out}, qr/^# coverage pick\.lua: 8\d% \(10 of 12 lines; not run: 13-14\)/m,
		'coverage');
};

subtest 'cases that fail' => sub {
	my $r = run(<<'END');
test("numbers", function()
	test.eq(1, 2, "these")
end)
test("an upstream that fails", function()
	test.upstream("*", function() error("no idea") end)
	test.request("/")
end)
test("fine", function() end)
END
	is($r->{code}, 1, 'the exit status');
	like($r->{out}, qr/^    not ok 1 - numbers\n    # pick_test\.lua:24: these: got 1, expected 2$/m,
		'what and where');
	like($r->{out}, qr/^    not ok 2 .*\n    # pick_test\.lua:27: no idea/m, 'an upstream');
	like($r->{out}, qr/^    ok 3 - fine/m, 'the others are run');
	like($r->{out}, qr/^not ok 1 - /m, 'the file');
};

subtest 'options' => sub {
	my $r = run("test('one', function() end)\ntest('two', function() end)\n",
		'--only', 'two');
	like($r->{out}, qr/^    ok 1 - two\n    1\.\.1$/m, '--only');
	$r = run("test('one', function() end)\n", '--coverage', '90');
	is($r->{code}, 1, '--coverage not reached');
	like($r->{out}, qr/fewer than 90% of the lines/, 'and told');
	$r = run("test('one', function() end)\n", '--no-coverage');
	unlike($r->{out}, qr/coverage/, '--no-coverage');
	is(run_cmd('lua-test', "$dir/none")->{code}, 2, 'no such directory');
	like(run_cmd('lua-test', "$dir/deep")->{err}, qr/no file \*_test\.lua/, 'no tests');
	is(run_cmd('lua-test', '--wrong', $dir)->{code}, 2, 'an unknown option');
};

subtest 'another configuration, other servers' => sub {
	my $r = run(<<'END');
test("one", function() test.eq(test.request("/").backend, "b1") end)
test("another", function()
	test.script { "pick.lua", backends = { "x", "y" } }
	test.eq(test.request("/").backend, "x")
	test.eq(test.request("/").status, 200)
end)
END
	is($r->{code}, 0, 'the exit status') or diag($r->{out}, $r->{err});
};

subtest 'what scripts ask by HTTP' => sub {
	spew("$dir/ask.lua", <<'END');
function on_request(req)
	local res, why = tw.http{ url = req.headers.x_url, method = req.method, timeout = 3 }
	req:reply(200, res and res.status .. " " .. res.body or why)
end
END
	my $r = run(<<'END');
test.script "ask.lua"
local function ask(url) return test.request { headers = { ["X-Url"] = url } }.body end
test("an answer", function()
	test.upstream("http://a.example", function(req, url)
		return 201, url .. " " .. req.method .. " " .. req.target .. " " .. req.headers.host
	end)
	test.eq(ask("http://a.example/x?y"), "201 http://a.example:80 GET /x?y a.example")
	test.upstream("http://192.0.2.1:81/", 404)
	test.eq(ask("http://192.0.2.1:81/"), "404 ")
	test.upstream("http://[::1]", 405)
	test.eq(ask("http://[::1]/"), "405 ")
end)
test("none", function()
	test.upstream("http://a.example", false)
	test.eq(ask("http://a.example/"), "connect: Connection refused")
	test.upstream("http://a.example", "x\r\n\r\n")
	test.match(ask("http://a.example/"), "bad response")
	test.upstream("http://a.example", function() return nil end)
	test.match(ask("http://a.example/"), "bad response")
	test.eq(ask("http://b.example/"), 'there is no test.upstream("http://b.example:80")')
	test.fails(function() test.upstream("http://a/b", 200) end, "a host is expected, and no path")
end)
test("one that fails", function()
	test.upstream("http://a.example", function() error("no idea") end)
	test.fails(function() ask("http://a.example/") end, "no idea")
	test.upstream("http://a.example", 200)
	test.eq(ask("http://a.example/"), "200 ")
end)
END
	is($r->{code}, 0, 'the exit status') or diag($r->{out}, $r->{err});
};

subtest 'what cannot be run' => sub {
	spew("$dir/pick_test.lua", "this is no Lua\n");
	my $r = run_cmd('lua-test', $dir);
	is($r->{code}, 1, 'a syntax error');
	like($r->{out}, qr/pick_test\.lua:1: syntax error/, 'where');
	spew("$dir/pick_test.lua", "test.config('frontend\\n')\n");
	$r = run_cmd('lua-test', $dir);
	is($r->{code}, 1, 'a bad configuration');
	like($r->{out}, qr/pick_test\.lua:1: test\.config: .*frontend/s, 'is told');
	spew("$dir/pick_test.lua", "test('x', function() test.request('/') end)\n");
	like(run_cmd('lua-test', $dir)->{out}, qr/there is no configuration/, 'none');
};

done_testing();
