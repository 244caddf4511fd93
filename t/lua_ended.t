# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Requests that end while a function waits: it ends with them, and on_log is run all
# the same.
use Tideway::Test;
use Tideway::Cli;

my $dir = spew('here', '') =~ s{/here\z}{}r;
my $load = spew('wait.lua', <<'END_LUA');
core.register_action("wait", {"http-req"}, function(txn) core.msleep(60000) end)
END_LUA
my $hooks = spew('hooks.lua', <<'END_LUA');
return {
	on_request = function(req) if req.path == "/hook" then tw.sleep(60) end end,
	on_log = function(rec) rec:log{ what = "logged" .. rec.path } end,
}
END_LUA
my $log = syslog_udp();
my $p = start_proxy("global
    nbthread 2
    stats socket $dir/s.sock level admin
    lua-load-per-thread $load
    lua-script s file $hooks
" . defaults('option abortonclose', 'log ' . $log->addr . ' local0') . "
frontend web
    bind {BIND:web}
    log-format \"%[var(txn.log.what)] %ts\"
    http-request lua.wait if { path /action }
    http-request return status 200 if !{ path /hook }
    default_backend srv
backend srv
    server s @{[origin()->addr]}
");

sub waiting
{
	my $n = 0;
	my $text = cli_ask("$dir/s.sock", 'show lua');
	$n += $1 while $text =~ /waiting=(\d+)/g;
	return $n;
}

for my $what (qw(hook action)) {
	my $c = $p->client('web');
	$c->send("GET /$what HTTP/1.1\r\nHost: h\r\n\r\n");
	ok(wait_until(sub { waiting() == 1 }), "$what: waits");
	$c->close;
	like($log->next_line->{msg}, qr{^logged/$what }, 'on_log');
	ok(wait_until(sub { waiting() == 0 }), 'nothing waits any more');
}
stop_proxy($p);

done_testing();
