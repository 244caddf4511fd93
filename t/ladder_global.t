# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What real configuration files say of the process, one test for each word of
# their global sections; and what of those files is not supported yet: it is
# refused by its name, wherever it stands. The names are those of a census.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Ladder;
use IO::Socket::UNIX;

my $dir = Tideway::Test::temp_dir();
my $o = echo_origin('a');
my $web = "listen web\n    bind {BIND:web}\n    server s ${\ $o->addr}\n";

sub status_of
{
	my ($pid) = @_;
	my %s = slurp("/proc/$pid/status") =~ /^(\w+):[ \t]*(.*)$/mg;

	return \%s;
}

# the process that serves
sub worker { my ($p) = @_; return (reverse $p->pids)[0] }

subtest 'global: user, group, chroot, nbthread, cpu-map, ulimit-n, stats socket (path, mode, level, user, group), stats timeout, log stdout' => sub {
	plan(skip_all => 'only root may change user') if $> != 0;
	mkdir "$dir/jail";
	my $p = start_proxy("global
    user nobody
    group nogroup
    chroot $dir/jail
    nbthread 2
    cpu-map auto:1/1-2 0-1
    ulimit-n 5000
    log stdout format raw local0
    stats socket $dir/s mode 640 user nobody group nogroup level operator expose-fd listeners
    stats timeout 200ms
" . defaults('log global', 'option httplog') . $web);
	is($p->get('web', '/')->status, 200, 'it serves');
	my $pid = worker($p);
	my $s = status_of($pid);
	like($s->{Uid}, qr/^@{[ scalar getpwnam 'nobody' ]}\s/, 'user');
	like($s->{Gid}, qr/^@{[ scalar getgrnam 'nogroup' ]}\s/, 'group');
	is(readlink "/proc/$pid/root", "$dir/jail", 'chroot');
	my @tasks = glob "/proc/$pid/task/*";
	cmp_ok(scalar @tasks, '>=', 2, 'nbthread');
	my %cpus = map { ((slurp("$_/status") =~ /^Cpus_allowed_list:\s*(\S+)/m)[0] => 1) } @tasks;
	ok($cpus{0} && $cpus{1}, 'cpu-map: each thread has its processor') or diag join ' ', keys %cpus;
	like(slurp("/proc/$pid/limits"), is_tideway() ? qr{^Max open files\s+5000\s}m : qr{open files}, 'ulimit-n');
	my @st = stat "$dir/s";
	is(sprintf('%o %s %s', $st[2] & 0777, scalar getpwuid $st[4], scalar getgrgid $st[5]), '640 nobody nogroup', 'the socket\'s owner and mode');
	like(cli_ask("$dir/s", 'show info'), qr/^Nbthread: 2$/m, 'it answers');
	like(cli_ask("$dir/s", 'set rate-limit connections global 5'), qr/Permission denied/, 'level');
	my $idle = IO::Socket::UNIX->new(Peer => "$dir/s");
	$idle->syswrite("prompt\n");
	like(answer($idle), qr/\[end\]\z/, 'stats timeout: an idle session ends');
	ok($p->wait_output(qr{^127.0.0.1:\d+ \[.*\] web web/s .* 200 .*"GET / HTTP/1.1"}m), 'log stdout');
	stop_proxy($p);
};

subtest 'global: daemon, pidfile' => sub {
	my $cfg = spew('daemon.cfg', "global\n    daemon\n    pidfile $dir/pid\n    stats socket $dir/d\n" . defaults()
	    . "listen web\n    bind $Tideway::Listener::ADDR:18080\n    server s ${\ $o->addr}\n");
	my $r = run_cmd('-f', $cfg);
	is($r->{code}, 0, 'the caller has its prompt back') or diag $r->{all};
	my ($pid) = slurp("$dir/pid") =~ /(\d+)/;
	ok($pid && kill(0, $pid), 'pidfile') or return;
	like(cli_ask("$dir/d", 'show info'), qr/^Pid: \d+/m, 'it runs');
	kill 'TERM', $pid;
	ok(wait_until { !kill 0, $pid }, 'and ends');
};

subtest 'global: master-worker, hard-stop-after, timeout tunnel' => sub {
	my $p = start_proxy("global\n    master-worker\n    hard-stop-after 300ms\n" . defaults() . $web, args => []);
	my $pid = worker($p);
	isnt($pid, $p->pid, 'the worker is a child');
	my $c = $p->client('web');
	$c->send(get('/hard', 'X-Sleep: 20'));
	wait_until { grep { $_->uri eq '/hard' } $o->requests };
	$p->signal('USR1');
	ok($p->wait_exit, 'a request without end does not hold it');
	$c->close;
};

subtest 'global: maxconn' => sub {
	my $p = start_proxy("global\n    maxconn 1\n" . defaults() . $web);
	my $c = $p->client('web');
	$c->send(get('/'));
	is($c->read_response->status, 200, 'the first');
	my $d = $p->client('web');
	$d->send(get('/'));
	ok($d->is_quiet(0.2), 'the second waits');
	$c->close;
	is($d->read_response->status, 200, 'until there is room');
	stop_proxy($p);
};

subtest 'global: tune.bufsize, tune.maxrewrite' => sub {
	my $l = listener();
	my $p = start_proxy("global\n    tune.bufsize 4096\n    tune.maxrewrite 1024\n" . defaults() . $web
	    . "listen raw\n    bind {BIND:raw}\n    server s ${\ $l->addr}\n");
	is($p->get('web', '/', 'X: ' . 'y' x 2500)->status, 200, 'a head that fits');
	is($p->get('web', '/', 'X: ' . 'y' x 3500)->status, is_tideway() ? 431 : 400, 'one that leaves no room to rewrite');
	for my $case ([2500, 200], [3500, 502]) {
		my ($len, $status) = @$case;
		my $c = $p->client('raw');
		$c->send(get('/'));
		my $s = $l->accept;
		$s->read_head;
		$s->send(response(200, 'ok') =~ s/\r\n/"\r\nY: " . 'z' x $len . "\r\n"/er);
		is($c->read_response->status, $status, "an answer's head of $len");
		$_->close for $c, $s;
	}
	stop_proxy($p);
};

subtest 'global: server-state-file, default-path, spread-checks' => sub {
	mkdir "$dir/sub";
	spew("$dir/sub/list", "/no\n");
	my $text = sub { "global\n    default-path parent\n    spread-checks 5\n    stats socket $dir/st level admin\n    server-state-file $dir/state\n"
	    . defaults('load-server-state-from-file global') . "listen web\n    bind {BIND:web}\n    http-request deny if { path -f sub/list }\n"
	    . "    server s ${\ $o->addr} check inter 100ms weight 5\n" };
	my $p = start_proxy($text->() =~ s/default-path parent/default-path origin $dir/r);
	is($p->get('web', '/no')->status, 403, 'a file is found below the default path');
	cli_ask("$dir/st", 'set weight web/s 2');
	spew('state', cli_ask("$dir/st", 'show servers state'));
	stop_proxy($p);
	$p = start_proxy($text->() =~ s/default-path parent/default-path origin $dir/r);
	like(cli_ask("$dir/st", 'show servers state'), qr/ s \S+ \d \d 2 5 /, 'the weight of before');
	stop_proxy($p);
};

subtest 'section form: several defaults sections' => sub {
	my $p = start_proxy("defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n"
	    . defaults() . $web);
	like($p->get('web', '/')->body, qr/GET/, 'the last one holds');
	stop_proxy($p);
};

subtest '.if/.elif/.else/.endif, .alert, env variables, global: zero-warning' => sub {
	my $r = check_config(".if defined(NO_SUCH)\n.alert \"no\"\n.elif feature(THREAD)\n.notice \"this one\"\n.else\n.alert \"no\"\n.endif\n"
	    . defaults() . "listen a\n    bind 127.0.0.1:1\n");
	is($r->{code}, 0, 'a branch') or diag $r->{all};
	like($r->{all}, qr/this one/, 'the right one');
	$r = check_config(".if !defined(NO_SUCH)\n.alert \"stop \$PATH\"\n.endif\n" . defaults());
	is($r->{code}, 1, '.alert ends it');
	$r = check_config("global\n    zero-warning\ndefaults\n    mode http\nlisten a\n    bind 127.0.0.1:1\n    server s 127.0.0.1:2\n");
	is($r->{code}, 1, 'a warning (of missing timeouts) is an error');
};

subtest 'global: lua-load, lua-prepend-path; lua.<action>, lua.<fetch>' => sub {
	mkdir "$dir/lib";
	spew("$dir/lib/helper.lua", 'return { say = function(s) return "said " .. s end }');
	my $script = spew('ladder.lua', <<'END');
local helper = require "helper"
core.register_action("tag", {"http-req", "tcp-req"}, function(txn)
	txn:set_var("txn.tag", helper.say(txn.sf:src()))
end)
core.register_fetches("twice", function(txn, s) return s .. s end)
END
	my $p = start_proxy("global\n    lua-prepend-path $dir/lib/?.lua\n    lua-load $script\n" . defaults() . "
frontend web
    bind {BIND:web}
    tcp-request content lua.tag
    http-request set-header x-early %[var(txn.tag)]
    http-request lua.tag
    http-request set-header x-tag %[var(txn.tag)]
    http-request set-header x-twice %[lua.twice(ab)]
    default_backend b
backend b
    server s ${\ $o->addr}
");
	my $body = $p->get('web', '/')->body;
	like($body, qr/x-early: said 127/i, 'a tcp-request action');
	like($body, qr/x-tag: said 127/i, 'an http-request action');
	like($body, qr/x-twice: abab/i, 'a fetch');
	stop_proxy($p);
};

done_testing if !is_tideway();
exit 0 if !is_tideway();

# one line, or several, of a place
sub refused
{
	my ($what, $place, @lines) = @_;
	my %in = (global => "global\n    \@\n", section => "\@\n", bind => "listen l\n    bind 127.0.0.1:1 \@\n",
	    server => "backend b\n    server s 127.0.0.1:1 \@\n", proxy => "listen l\n    \@\n");

	for my $line (@lines) {
		my $r = check_config(defaults() . $in{$place} =~ s/\@/$line/r);
		is($r->{code}, 1, "$what: '$line' is refused");
		my ($word) = $line =~ /([\w.-]+)\s*$/;
		my ($first) = $line =~ /^((?:http-request |http-response |filter |tcp-request content )?[\w.-]+)/;
		like($r->{all}, qr/'[^']*\Q$first\E[^']*'.*not supported.* yet/s, 'by its name');
	}
}

refused('QUIC', 'global', 'tune.quic.frontend.max-streams-bidi 5');
refused('other sections', 'section', 'peers p', 'mailers m', 'cache c');
refused('others', 'proxy', 'email-alert mailers m', 'filter spoe engine e config f', 'filter cache c', 'http-request cache-use c', 'http-response cache-store c', 'http-request send-spoe-group e g');

done_testing;
