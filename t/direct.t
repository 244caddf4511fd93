# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# dispatch and option transparent: where requests go that no cookie has given
# to a server. (What a redirection by the system brings: netns.t.)
use Tideway::Test;

my $log = syslog_unix();
my $s = origin(name => 's');
my $d = origin(name => 'd');
my $e = origin(name => 'e');
my $get = "GET / HTTP/1.1\r\nHost: a\r\n";

sub who { my ($p, $fe, $more) = @_; return $p->client($fe)->request($get . ($more // '') . "\r\n")->header('X-Server') // '-' }

subtest 'dispatch' => sub {
	my $text = sub { "global\n    log $log->{addr} local0\n" . defaults('log global', 'option httplog') . "
listen web
    bind {BIND:web}
    cookie C insert indirect
    dispatch $_[0]
    server s ${\ $s->addr} cookie s
listen alone
    bind {BIND:alone}
    dispatch $_[0]
listen st
    bind {BIND:st}
    stats enable
    stats uri /
" };
	my $p = start_proxy($text->($d->addr));
	is(who($p, 'web'), 'd', 'without a cookie');
	is(who($p, 'web'), 'd', 'always');
	is(who($p, 'web', "Cookie: C=s\r\n"), 's', 'with one: its server');
	is(who($p, 'web', "Cookie: C=x\r\n"), 'd', 'with another');
	is(who($p, 'alone'), 'd', 'without any server');
	like($log->next_match(qr/ alone/)->{msg}, qr{ alone/<NOSRV> }, 'logs have <NOSRV>');
	my $csv = $p->get('st', '/;csv')->body;
	like($csv, qr/^web,BACKEND,/m, 'the backend is in the statistics');
	unlike($csv, qr/NOSRV/, 'but no server of that name');
	if (is_tideway()) {
		like($p->stderr, qr/'dispatch' is deprecated; write 'server <name> \Q${\ $d->addr}\E'/, 'a warning');
		$p->write_config($text->($e->addr));
		$p->signal('HUP');
		ok(wait_until { who($p, 'alone') eq 'e' }, 'another one after a reload');
		is(who($p, 'alone'), 'e', 'and no connection to the former') for 1 .. 3;
		is(who($p, 'web', "Cookie: C=s\r\n"), 's', 'the server is as before');
	}
	stop_proxy($p);
};

subtest 'a dispatch that fails' => sub {
	my $l = listener();
	my $addr = $l->addr;
	$l->close;
	my $p = start_proxy(defaults('retries 0') . "
listen web
    bind {BIND:web}
    dispatch $addr
");
	is($p->get('web', '/')->status, 503, 'nobody there');
	stop_proxy($p);
};

subtest 'option transparent' => sub {
	my $p = start_proxy(defaults() . "
listen web
    bind {BIND:web} accept-proxy
    cookie C insert indirect
    option transparent
    server s ${\ $s->addr} cookie s
listen off
    bind {BIND:off} accept-proxy
    option transparent
    no option transparent
    server s ${\ $s->addr}
");
	my $ask = sub {
		my ($fe, $to, $more) = @_;
		my $c = $p->client($fe);
		my ($ip, $port) = split /:/, $to;
		$c->send("PROXY TCP4 127.0.0.1 $ip 1 $port\r\n$get" . ($more // '') . "\r\n");
		return $c->read_response->header('X-Server') // '-';
	};
	is($ask->('web', $d->addr), 'd', 'the address that was asked for');
	is($ask->('web', $e->addr), 'e', 'another one');
	is($ask->('web', $d->addr, "Cookie: C=s\r\n"), 's', 'a cookie is stronger');
	is($ask->('off', $d->addr), 's', 'no option transparent');
	stop_proxy($p);
};

subtest 'errors' => sub {
	for my $bad (['dispatch', qr/dispatch/], ['dispatch 127.0.0.1', qr/missing port/, 1], ['dispatch *:80', qr/expects an IP address/, 1],
	    ['dispatch /sock', qr/expects an IP address/, 1], ['option transparent x', qr/transparent/]) {
		next if $bad->[2] && !is_tideway();
		my $r = check_config(defaults() . "backend b\n    $bad->[0]\n");
		is($r->{code}, 1, "$bad->[0]: refused") or diag $r->{all};
		like($r->{all}, $bad->[1], 'and why');
	}
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    option transparent\n");
	like($r->{all}, qr/transparent' ignored/, 'in a frontend: a warning') if is_tideway();
};

done_testing;
