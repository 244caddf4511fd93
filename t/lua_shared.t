# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tw.shared, tw.ratelimit, tw.hash, tw.json; dictionaries over several
# threads and over a reload.
use Tideway::Test;

sub conf
{
	my ($lua, $more) = @_;
	my $path = spew('d.lua', $lua);

	return "global\n    nbthread 4\n" . ($more // "    lua-shared d 1m\n    lua-shared small 64k\n")
	    . "    lua-script s file $path\n" . defaults()
	    . "frontend web\n    bind {BIND:web}\n    default_backend b\nbackend b\n    server s 127.0.0.1:9\n";
}

# runs the file's body only
sub body_says
{
	my ($lua, $more) = @_;

	return check_config(conf($lua, $more) =~ s/\{BIND:web\}/127.0.0.1:0/r);
}

subtest 'a dictionary' => sub {
	my $r = body_says(<<'END');
local d = tw.shared.d
assert(d == tw.shared.d)
assert(d:get("none") == nil)
for _, v in ipairs{ "text", "", 5, -1.5, true, false, "\0x", ("x"):rep(10000) } do
	assert(d:set("k", v) and d:get("k") == v and math.type(d:get("k")) == math.type(v))
end
assert(d:add("k", 1) == false and d:add("new", 1) == true and d:get("new") == 1)
assert(d:delete("new") and not d:delete("new") and d:get("new") == nil)
d:set("k", nil) assert(d:get("k") == nil)
local n, why = d:incr("n")
assert(n == nil and why == "missing")
assert(d:incr("n", 1, 0) == 1 and d:incr("n") == 2 and d:incr("n", 0.5) == 2.5 and d:incr("n", -3) == -0.5)
d:set("t", "5") n, why = d:incr("t") assert(n == nil and why == "not a number")
assert(d:cas("c", nil, "a") and not d:cas("c", nil, "b") and not d:cas("c", "x", "b") and d:cas("c", "a", "b"))
assert(not d:cas("c", 1, 2) and d:cas("c", "b", nil) and d:get("c") == nil)
assert(d:ttl("none") == nil and d:ttl("t") == 0 and d:expire("t", 100) and d:ttl("t") > 99 and not d:expire("none", 1))
d:set("short", 1, 0.001)
local e = tw.shared.d
repeat until e:get("short") == nil
assert(e:ttl("short") == nil and e:add("short", 2))
d:flush()
for i = 1, 50 do d:set("p" .. i, i) d:set("q" .. i, i) end
assert(#d:list() == 100 and #d:list("p") == 50 and #d:list("p", 7) == 7 and #d:list("x") == 0)
local s = tw.shared.small
for i = 1, 5000 do s:set("key" .. i, "value" .. i) end
local info = s:info()
assert(info.limit == 65536 and info.bytes <= info.limit and info.evicted > 0 and info.entries > 100)
assert(s:get("key5000") == "value5000" and s:get("key1") == nil)
local ok, why = s:set("big", ("x"):rep(5000)) assert(not ok and why == "too long for the dictionary")
-- what is used stays
s:set("kept", 1)
for i = 1, 5000 do s:set("k" .. i, i) s:get("kept") end
assert(s:get("kept") == 1)
END
	is($r->{code}, 0, 'all it does') or diag($r->{all});
};

subtest 'hash, json, rates' => sub {
	my $r = body_says(<<'END');
assert(tw.hash("a") == tw.hash("a") and tw.hash("a") ~= tw.hash("b"))
for i = 1, 100 do local n = tw.hash("k" .. i, 3) assert(n >= 1 and n <= 3) end
assert(tw.json.decode(tw.json.encode({ a = 1 })).a == 1)
local l = tw.ratelimit{ name = "l", rate = 1, per = 1000, burst = 2 }
assert(l:take("x") and l:take("x") and l:take("x"))
local ok, wait = l:take("x") assert(ok == false and wait > 900 and wait <= 1000)
assert(l:take("y"))
END
	is($r->{code}, 0, 'all they do') or diag($r->{all});
};

subtest 'what is wrong' => sub {
	my %say = (
		'tw.shared.none:get("x")' => qr/write 'lua-shared none <size>'/,
		'tw.shared.d:set("x", {})' => qr/not a table/,
		'tw.shared.d:set("x", 1, -1)' => qr/seconds are expected/,
		'tw.shared.d:incr("x", "y")' => qr/number expected/,
		'tw.shared.d.get(5, "x")' => qr/Shared expected/,
		'tw.shared.d:list("", 0)' => qr/1 to 10000/,
		'tw.ratelimit{}' => qr/'rate'/,
		'tw.ratelimit{ rate = 1, key = "x" }' => qr/a key is/,
		'tw.ratelimit{ rate = 1 }:take({})' => qr/has no 'key'/,
	);
	for my $lua (sort keys %say) {
		my $r = body_says($lua);
		ok($r->{sane} && $r->{code} == 1, $lua);
		like($r->{all}, $say{$lua}, 'and why');
	}
	for (['a-b 1m', qr/letters, digits and '_'/], ['a 1k', qr/64k at least/], ['a x', qr/'lua-shared'/]) {
		my $r = body_says('', "    lua-shared $_->[0]\n");
		ok($r->{sane} && $r->{code} == 1, $_->[0]);
		like($r->{all}, $_->[1], 'and why');
	}
};

subtest 'several threads, a reload' => sub {
	my $p = start_proxy(conf(<<'END'));
local limit = tw.ratelimit{ rate = 1, per = 1000, burst = 1, key = "header:x-user" }
function on_request(req)
	local d = tw.shared.d
	if req.path == "/add" then
		for i = 1, 20 do
			d:incr("n", 1, 0) d:set("k" .. i % 7, ("v"):rep(i * 10)) d:get("k" .. i % 5)
			d:set("gone", i, 0.001)
			tw.shared.small:set(req.id .. "-" .. i, i)
		end
		d:incr("worker" .. tw.worker, 1, 0)
	elseif req.path == "/limit" then
		local ok, wait = limit:take(req)
		if not ok then return req:reply(429, "", { ["retry-after"] = math.ceil(wait) }) end
	elseif req.path == "/workers" then
		return req:reply(200, tostring(#d:list("worker")))
	end
	req:reply(200, tostring(d:get("n")))
end
END
	my @pids;
	for my $n (1 .. 6) {
		my $pid = fork // die;
		if (!$pid) {
			my $ok = 1;
			for my $conn (1 .. 10) {
				my $c = $p->client('web');
				for (1 .. 10) {
					$c->send("GET /add HTTP/1.1\r\nHost: h\r\n\r\n");
					my $r = $c->read_message;
					$ok &&= $r && $r->status == 200;
				}
			}
			POSIX::_exit(!$ok);
		}
		push @pids, $pid;
	}
	my $bad = 0;
	for (@pids) { waitpid $_, 0; $bad ||= $? }
	ok(!$bad, 'all were answered');
	is($p->get('web', '/n')->body, 12000, 'nothing was lost');
	cmp_ok($p->get('web', '/workers')->body, '>', 1, 'several threads took part');
	my $limit = sub { $p->request('web', "GET /limit HTTP/1.1\r\nHost: h\r\n$_[0]\r\n")->status };
	is(join(' ', map { $limit->("X-User: a\r\n") } 1 .. 4), '200 200 429 429', 'a rate, whatever the thread');
	is($limit->("X-User: b\r\n") . $limit->(''), '200200', "another's; who has no key");
	$p->signal('USR2');
	ok($p->wait_output(qr/[Rr]eload|generation 2/), 'reloaded');
	ok(wait_until { ($p->get('web', '/n')->body // '') eq '12000' }, 'what was there is there');
	stop_proxy($p);
};

done_testing();
