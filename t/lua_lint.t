# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What -c says of scripts: names that nothing has, waiting where nothing may wait.
use Tideway::Test;

my $n = 0;

# the notices, without their heads
sub notices
{
	my ($script) = @_;
	my $file = spew('s' . ++$n . '.lua', $script);
	my $r = check_config("global
    lua-load $file
" . defaults() . "
frontend web
    bind 127.0.0.1:0
    default_backend b1
backend b1
    server s 192.0.2.1:80
");

	is($r->{code}, 0, 'it is valid') or diag($r->{err});
	return join "\n", map { /\Q$file\E:(\d+)\] : (.*)/ ? "$1 $2" : () }
	    split /\n/, $r->{err} . $r->{out};
}

subtest 'fetches and converters' => sub {
	my $got = notices(<<'END');
core.register_action("a", {"http-req"}, function(txn)
	local x = txn.f:no_such("a")
	local y = txn.sc:nor_this("a") .. txn.c:upper("x")
	local z = txn.f:req_hdr("host") .. txn.sf:path() -- txn.f:in_a_comment()
	local s = "txn.f:in_a_string()" .. [[ txn.f:in_another() ]]
	local function f(q) return q.c:whatever() end
	--[==[ txn.f:in_a_long_comment()
	]] ]==]
end)
END
	is($got, join("\n",
		"2 txn.f:no_such(): there is no fetch of this name",
		"3 txn.sc:nor_this(): there is no converter of this name",
	), 'unknown ones');
};

subtest 'waiting' => sub {
	my $got = notices(<<'END');
core.register_fetches("f", function(txn)
	if true then core.sleep(1) end
	return "x"
end)
core.register_action("a", {"http-req"}, function(txn)
	for i = 1, 2 do core.sleep(1) end
end)
core.register_converters("c", function(s)
	while s == "" do repeat core.msleep(1) until true end
	return s
end)
function later() core.sleep(1) end
END
	is($got, join("\n",
		"2 core.sleep() waits, which is not allowed in a fetch",
		"9 core.msleep() waits, which is not allowed in a converter",
	), 'where it may not');
};

subtest 'native hooks' => sub {
	my $got = notices(<<'END');
function on_route(req, proposal)
	if req.path == "/a" then req:route("b2") end
	if req.path == "/b" then return "b1" end
	return "b3"
end
function on_request(req) return "b4" .. req.path end
on_pick = function(req, be)
	local r = tw.http{ url = "http://a/" }
end
function elsewhere(req) return "b5" end
END
	is($got, join("\n",
		"2 there is no backend 'b2'",
		"4 there is no backend 'b3'",
		"8 tw.http() waits, which is not allowed in on_pick",
	), 'backends, waiting');
};

done_testing();
