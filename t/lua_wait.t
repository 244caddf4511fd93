# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Actions that wait: the client goes away, the proxy reloads, the program stops.
# The call is forgotten, the log line is right, what goes on goes on.
use Tideway::Test;

my $script = spew('wait.lua', <<'END');
local gone = setmetatable({}, {__mode = "k"})
core.register_action("sleep", {"http-req", "http-res", "tcp-req", "tcp-res"}, function(txn)
	local keep = {}
	gone[keep] = true
	txn:set_var("proc.began", (txn:get_var("proc.began") or 0) + 1)
	core.sleep(3600)
	txn:set_var("proc.woke", 1)
	keep[1] = 1
end)
core.register_action("short", {"http-req"}, function(txn)
	core.msleep(300)
	txn:set_var("txn.v", "slept")
end)
core.register_action("yield", {"http-req"}, function(txn)
	act.wake_time(3600000)
	txn:set_var("proc.began", (txn:get_var("proc.began") or 0) + 1)
	return act.YIELD
end)
core.register_fetches("left", function()
	collectgarbage() collectgarbage()
	local n = 0
	for _ in pairs(gone) do n = n + 1 end
	return n
end)
END
my $o = origin(name => 's');

sub config
{
	my ($log, $how) = @_;

	return "global
    $how $script
    log $log->{addr} local0
" . defaults('log global', 'option httplog', 'timeout client 30s') . "
frontend web
    bind {BIND:web}
    http-request return status 200 content-type text/plain lf-string \"%[var(proc.began)] %[var(proc.woke)] %[lua.left]\" if { path /n }
    http-request lua.sleep if { path /req }
    http-request lua.yield if { path /yield }
    http-request lua.short if { path /short }
    http-request return status 200 content-type text/plain lf-string %[var(txn.v)] if { path /short }
    http-request set-var(txn.path) path
    default_backend b
backend b
    http-response lua.sleep if { var(txn.path) -m str /res }
    server s ${\ $o->addr}
frontend tcp
    mode tcp
    option tcplog
    bind {BIND:tcp}
    tcp-request content lua.sleep
    default_backend t
backend t
    mode tcp
    server s ${\ $o->addr}
";
}

for my $how ('lua-load', 'lua-load-per-thread') {
	my $log = syslog_unix();
	my $p = start_proxy(config($log, $how));
	my $n = sub { (split ' ', $p->get('web', '/n')->body)[$_[0]] };
	my $began = 0;
	my $waits = sub {
		my ($bind, $bytes) = @_;
		my $c = $p->client($bind);

		$c->send($bytes);
		$began++;
		ok(wait_until { $p->get('web', '/n')->body =~ /^$began / }, "$how: it waits");
		return $c;
	};
	my $fin = $p->client('web');
	$fin->send("GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
	$fin->shutdown_write;
	is($fin->read_response->body, 'slept', "$how: a FIN is no farewell");
	for my $path (qw(req res yield)) {
		for my $end (qw(reset)) {
			my $c = $waits->('web', "GET /$path HTTP/1.1\r\nHost: h\r\n\r\n");
			$c->$end;
			my $l = $log->next_match(qr{GET /$path });
			like($l->{msg} // 'none', $path eq 'res' ? qr{b/s .* C[HD]-- } : qr{web/<NOSRV> .* C[RC]-- },
			    "$how: $path, $end: the log");
		}
	}
	for my $end (qw(reset)) {
		my $c = $waits->('tcp', "x");
		$c->$end;
		my $l = $log->next_match(qr{ tcp t?c?p?/?\S+ .* C});
		like($l->{msg} // 'none', qr{ C[RC] }, "$how: tcp, $end: the log");
	}
	ok(wait_until { $n->(-1) eq '0' }, "$how: nothing is left of the calls");

	# a reload, and then the end, while some wait
	my $c = $p->client('web');
	$c->send("GET /short HTTP/1.1\r\nHost: h\r\n\r\n");
	my $w = $waits->('web', "GET /req HTTP/1.1\r\nHost: h\r\n\r\n");
	$p->signal('USR2');
	is($c->read_response->body, 'slept', "$how: a reload while it waits");
	is($p->get('web', '/short')->body, 'slept', "$how: and after");
	unlike($p->get('web', '/n')->body, qr/^\d+ \d+ /, "$how: none was woken");
	$w->close;
	$waits->('web', "GET /req HTTP/1.1\r\nHost: h\r\n\r\n");
	stop_proxy($p);
}

done_testing();
