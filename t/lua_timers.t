# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tw.every, tw.after, on_server, tw.map.
use Tideway::Test;

my $probe = spew('probe.lua', 'assert(core.register_task and core.event_sub and Map)');
my $r = check_config("global\n    lua-script p file $probe\n" . defaults() . "frontend w\n    bind 127.0.0.1:0\n");
plan(skip_all => 'no tasks, events or maps yet') if $r->{code};

my $map = spew('m.map', "a one\nb two\n");
my $lua = <<'END';
local args = ...
local d = tw.shared.d
local names = tw.map(args.map)
tw.every(0.005, function() d:incr("every" .. tw.worker, 1, 0) end)
tw.after(0.005, function() d:incr("after", 1, 0) end)
tw.every(0.005, function() d:incr("failed", 1, 0) error("it fails") end)
function on_server(event)
	d:set("event" .. tw.worker, event.type .. " " .. event.backend .. "/" .. event.server)
end
function on_request(req)
	if req.path == "/later" then tw.after(0.001, function() d:set("later", "done") end) end
	if req.path == "/map" then return req:reply(200, names:lookup("a") .. tostring(names:lookup("z"))) end
	req:reply(200, tostring(d:get(req.path:sub(2))))
end
END
my $path = spew('t.lua', $lua);
my $sock = spew('x', '') =~ s{/x\z}{/ctl}r;
my $p = start_proxy("global\n    nbthread 2\n    stats socket $sock level admin\n    lua-shared d 64k\n"
    . "    lua-script t file $path arg map=$map\n" . defaults()
    . "frontend web\n    bind {BIND:web}\n    default_backend b\nbackend b\n    server s 127.0.0.1:9\n");
my $get = sub { $p->get('web', "/$_[0]")->body };
ok(wait_until { $get->('every1') =~ /^\d+$/ && $get->('every1') > 2 && $get->('every2') > 2 }, 'on each worker');
is($get->('every0'), 'nil', 'not on the control thread');
ok(wait_until { $get->('after') eq '2' }, 'tw.after, once on each');
ok(wait_until { $get->('failed') > 4 }, 'an error does not end it');
ok($p->wait_output(qr/tw.every: .*it fails/), 'and is told');
$get->('later');
ok(wait_until { $get->('later') eq 'done' }, 'from a hook');
is($get->('map'), 'onenil', 'tw.map');
require IO::Socket::UNIX;
my $ctl = sub {
	my $s = IO::Socket::UNIX->new($sock) or die "$sock: $!";
	print $s "$_[0]\n";
	$s->shutdown(1);
	local $/;
	return <$s>;
};
$ctl->('set server b/s health down');
ok(wait_until { $get->('event1') eq 'down b/s' && $get->('event2') eq 'down b/s' }, 'a server is down')
    or diag($get->('event1'));
$ctl->('set server b/s health up');
ok(wait_until { $get->('event1') eq 'up b/s' }, 'up again');
stop_proxy($p);

for (['tw.every("x", print)', qr/seconds are expected/], ['tw.after(1, 2)', qr/a function is expected, not a number/],
    ['tw.map("/none", "odd")', qr/no method 'odd'/]) {
	my $f = spew('bad.lua', $_->[0]);
	my $r = check_config("global\n    lua-script p file $f\n" . defaults() . "frontend w\n    bind 127.0.0.1:0\n");
	ok($r->{sane} && $r->{code} == 1, $_->[0]);
	like($r->{all}, $_->[1], 'and why');
}

done_testing();
