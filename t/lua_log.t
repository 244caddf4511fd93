# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# tune.lua.log.loggers, tune.lua.log.stderr: where what scripts log goes.
use Tideway::Test;

my $script = spew('log.lua', <<'END');
core.register_init(function() core.Info("said in init") end)
core.register_action("say", {"http-req"}, function() core.log(core.warning, "said by an action") core.Alert("loud") end)
END

sub run_one
{
	my ($words, $target, $to) = @_;
	my $p = start_proxy("global
$words    lua-load $script
" . defaults() . "
frontend web
    bind {BIND:web}
" . ($target ? "    log @{[$to->addr]} local0\n" : '') . "    http-request lua.say
    http-request return status 200
");
	$p->request('web', "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	return $p;
}

my $log = syslog_unix();
my $p = run_one('', 0);
ok($p->wait_output(qr{\[WARNING\].*said by an action}), 'standard error, where nobody else hears');
ok($p->wait_output(qr{\[INFO\].*said in init}), 'in an init function');
stop_proxy($p);

$p = run_one('', 1, $log);
ok($log->next_match(qr{said by an action}), "the proxy's logger") ;
unlike($p->stderr, qr{said by an action}, 'and not standard error: auto');
stop_proxy($p);

$p = run_one("    tune.lua.log.stderr on\n", 1, $log);
ok($p->wait_output(qr{said by an action}), 'stderr on');
stop_proxy($p);

$p = run_one("    tune.lua.log.loggers off\n", 1, $log);
ok($p->wait_output(qr{said by an action}), 'loggers off, auto');
stop_proxy($p);

$p = run_one("    tune.lua.log.stderr off\n", 0);
unlike($p->stderr, qr{said}, 'stderr off');
stop_proxy($p);

for (['tune.lua.log.loggers auto', qr{'tune.lua.log.loggers' expects 'on' or 'off', not 'auto'}],
    ['tune.lua.log.stderr maybe', qr{'tune.lua.log.stderr' expects 'on', 'auto' or 'off', not 'maybe'}]) {
	my $r = check_config("global\n    $_->[0]\n" . defaults() . "frontend f\n    bind 127.0.0.1:0\n");
	is($r->{code}, 1, $_->[0]);
	like($r->{all}, $_->[1], 'says why');
}

done_testing();
