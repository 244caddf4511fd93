# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The URI of a request where scripts change it or its Host: with an absolute target,
# and over HTTP/2.
use Tideway::Test;
use Tideway::H2;

my $script = spew('uri.lua', <<'LUA');
core.register_action("host", { "http-req" }, function(txn)
	txn.http:req_set_header("Host", "other.test")
end)
core.register_action("add", { "http-req" }, function(txn)
	txn.http:req_add_header("host", "added.test")
end)
core.register_action("uri", { "http-req" }, function(txn)
	txn.http:req_set_uri("https://new.test:81/u")
end)
core.register_action("bad", { "http-req" }, function(txn)
	local ok, err = pcall(txn.http.req_set_header, txn.http, "host", "a b")
	txn.http:req_set_header("x-err", ok and "none" or err)
end)
local line = {}
line.__index = line
line.id = "line"
line.flags = filter.FLT_CFG_FL_HTX
function line:new() return setmetatable({}, line) end
function line:http_headers(txn, msg)
	if msg.channel:is_resp() then return end
	msg:add_header("x-line", msg:get_stline().uri)
	msg:set_header("host", "filter.test")
	msg:add_header("x-then", msg:get_stline().uri)
end
core.register_filter("line", line, function(f) return f end)
LUA
my $o = origin(respond => sub {
	my ($m) = @_;
	return response(200, join ' ', $m->uri, map { $m->header($_) // '-' } qw(host x-url x-err x-line x-then));
});
my $p = start_proxy("global
    lua-load $script
" . defaults() . "
frontend web
    bind {BIND:h1}
    bind {BIND:h2} proto h2
    http-request lua.host if { path /host }
    http-request lua.add if { path /add }
    http-request lua.uri if { path /uri }
    http-request lua.bad if { path /bad }
    http-request set-header x-url %[url]
    use_backend filtered if { path /line }
    default_backend plain
backend plain
    server s ${\ $o->addr}
backend filtered
    filter lua.line
    server s ${\ $o->addr}
");

sub h1 { $p->request('h1', "GET $_[0] HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")->body }
sub h2 { my $c = h2_client($p->addr('h2')); my $r = $c->get($_[0], authority => 'a.test'); $c->close; $r->body }

is(h1('/host'), '/host other.test /host - - -', 'a Host');
is(h1('http://a.test/host'), 'http://other.test/host other.test http://other.test/host - - -', 'in an absolute target');
is(h2('/host'), '/host other.test http://other.test/host - - -', 'over HTTP/2');
is(h2('/add'), '/add a.test, added.test http://added.test/add - - -', 'added');
is(h1('/uri'), 'https://new.test:81/u new.test:81 https://new.test:81/u - - -', 'an absolute URI');
is(h2('/uri'), 'https://new.test:81/u new.test:81 https://new.test:81/u - - -', 'the same over HTTP/2');
like(h1('http://a.test/bad'), qr{^http://a\.test/bad .*'host' of this value cannot be part of the target}, 'no host');
is(h2('/line'), '/line filter.test http://a.test/line - http://a.test/line http://filter.test/line', 'a filter');
is(h1('http://a.test/line'), 'http://filter.test/line filter.test http://a.test/line - http://a.test/line '
    . 'http://filter.test/line', 'an absolute target in a filter');
is($p->stop, '', 'it stops');
done_testing();
