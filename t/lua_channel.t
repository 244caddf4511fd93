# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The class Channel: contents of mode tcp read, waited for, changed, sent; both
# directions, in both load modes. (HAProxy 2.6 gives the same values, but line(0, -1)
# waits there until inspect-delay is over.)
use Tideway::Test;

my $script = spew('channel.lua', <<'END');
local function q(v) return type(v) == "string" and "<" .. v:gsub("\n", "N") .. ">" or tostring(v) end
core.register_action("req", {"tcp-req"}, function(txn)
	local c, o = txn.req, {}
	local function say(...) local t = table.pack(...) for i = 1, t.n do o[#o + 1] = q(t[i]) end end
	local what = c:line(0, -1)
	c:remove(0, #what)
	if what == "read\n" then
		say(c:data(0, 10), c:data(2, 3), c:data(-2), c:data(3), c:line(), c:line(4), c:input(),
		    c:is_resp(), c:is_full(), c:may_recv())
		say(select(2, pcall(c.data, c, 99)) and "range", c:output())
		c:remove()
		c:append(table.concat(o, " "))
	elseif what == "edit\n" then
		say(c:data(0, 6))
		say(c:append("xyz"), c:prepend("AB"), c:insert("--", 2), c:insert("*", -3), c:set("S", 0, 1))
		say(c:data())
		say(c:remove(1, 2), c:data(), c:remove(-3), c:data(), c:set("all"), c:data())
		c:append("|" .. table.concat(o, " "))
	elseif what == "old\n" then
		say(c:getline(), c:dup(), c:get_in_len(), c:get_out_len(), c:get(), c:input())
		c:append(table.concat(o, " "))
	elseif what == "pass\n" then
		say(c:data(0, 8))
		say(c:forward(3), c:output(), c:input(), c:data())
		say(c:send("<sent>"), c:data(), c:remove(0, 2), c:output())
		c:append(table.concat(o, " "))
	elseif what == "greet\n" then
		say(txn.res:is_resp(), txn.res:send("hello\n"), txn.res:data(), txn.res:input())
		c:append(table.concat(o, " "))
	elseif what == "end\n" then
		say(c:data(0, -1), c:may_recv())
		c:set(table.concat(o, " "))
	elseif what == "bye\n" then
		txn.res:send("421 bye\n")
		txn:done()
	elseif what == "large\n" then
		say(c:append(string.rep("x", 100000)))
		c:append(table.concat(o, " "))
	end
end)
core.register_action("res", {"tcp-res"}, function(txn)
	local c, o = txn.res, {}
	local function say(...) local t = table.pack(...) for i = 1, t.n do o[#o + 1] = q(t[i]) end end
	if c:data(0, 2) ~= "R " then return end
	c:remove(0, 2)
	say(c:line(0, -1), c:input(), c:is_resp())
	say(c:forward(4), c:send("(direct)"), c:set("Z", 0, 1), c:append("!"), c:data())
	c:append(table.concat(o, " "))
end)
core.register_fetches("peek", function(txn)
	return tostring(txn.req:data(0, 4)) .. select(2, pcall(txn.req.remove, txn.req))
end)
END

sub config
{
	my ($how, $to) = @_;

	return "global
    $how $script
defaults
    mode tcp
    timeout connect 5s
    timeout client 10s
    timeout server 10s
frontend in
    bind {BIND:in}
    tcp-request inspect-delay 9s
    tcp-request content lua.req
    default_backend out
backend out
    tcp-response inspect-delay 9s
    tcp-response content lua.res
    server s $to
frontend peek
    bind {BIND:peek}
    tcp-request inspect-delay 9s
    tcp-request content set-var(sess.p) lua.peek if { req.len gt 3 }
    tcp-request content accept if { var(sess.p) -m found }
    use_backend yes if { var(sess.p) -m sub \"not allowed in a fetch\" }
backend yes
    server s $to
";
}

my $l = listener();

# what the server gets of what the client sends in pieces
sub up
{
	my ($p, $len, @pieces) = @_;
	my $c = $p->client('in');

	for (@pieces) {
		$c->send($_);
		$c->is_quiet(0.03);
	}
	my $s = $l->accept or return 'no server';
	my $got = $s->read_bytes($len);
	$s->send("ok\n");
	my $back = $c->read_until(qr/ok\n/) // 'nothing came back';
	$_->close for $c, $s;
	return "$got $back";
}

for my $name ('lua-load', 'lua-load-per-thread') {
	my $p = start_proxy(config($name, $l->addr));
	my $up = sub {
		my ($what, $want, @pieces) = @_;
		is(up($p, length $want, @pieces), "$want ok\n", "$name: $what");
	};

	$up->('data, line, input',
	    '<abcdefghij> <cde> <ij> <defghij> <abcdefghij> <efghij> 10 false false true <range> 0',
	    "rea", "d\nabc", "defg", "hij");
	$up->('append, prepend, insert, set, remove',
	    "all|<abcdef> 3 2 2 1 1 <SB--abcdef*xyz> 2 <S-abcdef*xyz> 3 <S-abcdef*> 3 <all>",
	    "edit\nabc", "def");
	$up->('getline, dup, get', "<lineN> <rest> 4 0 <rest> 0", "old\nline\nrest");
	$up->('forward, send', "abc<sent>fgh<abcdefgh> 3 3 5 <defgh> 6 <defgh> 2 9",
	    "pass\nabcd", "efgh");
	$up->('what does not fit', '-1', "large\n");

	my $c = $p->client('in');
	$c->send("greet\n");
	is($c->read_until(qr/\n/), "hello\n", "$name: to the client, before there is a server");
	my $s = $l->accept;
	is($s->read_bytes(12), 'true 6 nil 0', "$name: what it gave");
	$s->send("R ab");
	$c->is_quiet(0.03);
	$s->send("cdef\n");
	my $want = "abcd(direct)Zf\n!<abcdefN> 7 true 4 8 1 1 <ZfN!>";
	is($c->read_bytes(length $want), $want, "$name: a response");
	$_->close for $c, $s;

	$c = $p->client('in');
	$c->send("bye\n");
	is($c->read_all, "421 bye\n", "$name: sent, then done");
	is($c->state, 'eof', "$name: and closed");

	$c = $p->client('in');
	$c->send("end\nab");
	$c->is_quiet(0.03);
	$c->send("cd");
	$c->shutdown_write;
	$s = $l->accept;
	is($s->read_bytes(12), '<abcd> false', "$name: all, to the end");
	$_->close for $c, $s;

	$c = $p->client('peek');
	$c->send("abcdef");
	$s = $l->accept;
	is($s && $s->read_bytes(6), 'abcdef', "$name: a fetch reads only");
	$_->close for grep { $_ } $c, $s;
	$c = $p->client('in');
	$c->send("read\nabc"); # it waits for more
	$c->is_quiet(0.05);
	$c->reset;
	stop_proxy($p);
}

done_testing();
