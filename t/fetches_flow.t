# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Fetches and converters about how an exchange is handled: ACLs by name, debug,
# when, queues, connections.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Expr qw(haproxy_path);

my $dir = Tideway::Test::temp_dir();
my $o = origin(name => 's');

sub config
{
	my ($sock) = @_;

	return "global\n    stats socket $sock level admin\n" . defaults() . "
ring own
    format raw
    maxlen 1200
    size 32768
frontend web
    bind {BIND:web}
    http-request set-var(txn.a) path,debug
    http-request set-var(txn.a) path,debug(px)
    http-request set-var(txn.a) path,debug(px,own)
    http-request set-var(txn.a) path,length,debug(n,own)
    http-request set-var(txn.a) bool(1),debug(,own)
    http-request set-var(txn.a) ipv4(1.2.3.4),debug(,own)
    http-request set-var(txn.a) ipv6(::1),debug(,own)
    http-request set-var(txn.a) method,debug(m,own)
    http-request set-var(txn.a) hdr(none),debug(none,own)
    http-request set-var(txn.b) str(abc),debug(s,own),upper
    http-request return status 200 hdr b %[var(txn.b)]
";
}

sub events
{
	my ($bin) = @_;
	my $sock = "$dir/" . ($bin eq binary() ? 't' : 'h') . '.sock';
	my $p = start_proxy(config($sock), bin => $bin);
	my $r = $p->get('web', '/abc');
	my @got = ($r->header('b'), map { cli_ask($sock, "show events $_") =~ s/T\d\d:\d\d:\d\d\.\d+/TIME/gr =~ s/\d{4}-\d\d-\d\d/DATE/gr =~ s/\n+\z/\n/r } qw(own buf0 none));

	stop_proxy($p);
	return @got;
}

subtest 'debug' => sub {
	my @got = events(binary());
	my @want = haproxy_path() ? events(haproxy_path())
	    : ('ABC', "[debug] px: type=str </abc>\n");

	is($got[0], 'ABC', 'the value goes on');
	is($got[$_], $want[$_], ('', 'a ring of its own', 'buf0')[$_]) for 1 .. $#want - 1;
	like($got[3], qr/No such event sink/, 'others are not there');
	like($got[1], qr/^\[debug\] n: type=sint <4>$/m, 'numbers');
};

subtest 'debug to standard output' => sub {
	my $p = start_proxy(defaults() . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.a) path,debug(out,stdout)
    http-request set-var(txn.a) path,debug(err,stderr)
    http-request return
");
	$p->get('web', '/one');
	ok(wait_until { $p->stderr =~ /^\[debug\] err: type=str <\/one>$/m }, 'stderr');
	ok(wait_until { $p->stdout =~ /^\[debug\] out: type=str <\/one>$/m }, 'stdout');
	stop_proxy($p);
};

my $log = syslog_unix();
my $l = listener();
my $p = start_proxy("global\n    log $log->{addr} local0\n" . defaults('log global', 'retries 0') . "
frontend web
    bind {BIND:web}
    log-format '%HP|%[str(e),when(error)]|%[str(n),when(normal)]|%[str(f),when(forwarded)]|%[str(p),when(processed)]|%[str(t),when(toapplet)]|%[str(s),when(stopping)]|%[str(a),when(acl,marked)]%[str(m),when(!acl,marked)]%[str(N),when(!normal)]'
    http-request set-var(txn.m) hdr(mark) if { hdr(mark) -m found }
    acl marked var(txn.m) -m found
    acl other path /other
    acl sub path_beg /s
    http-request deny if { path /deny }
    http-request return if { path /return }
    http-request return status 200 hdr acls \"%[acl(marked)]%[acl(!marked)]%[acl(marked,sub)]%[acl(!marked,!other)]%[acl(METH_GET)]%[acl(METH_POST)]\" if { path_end /acls }
    http-request return status 201 if { acl(marked,sub) } { path /sub }
    http-request set-priority-class int(5)
    http-request set-priority-offset int(-7)
    http-request return status 200 hdr prio \"%[prio_class] %[prio_offset] %[fe_defbe] %[stopping] %[fc_nb_streams] %[fc_glitches] %[fc_settings_streams_limit]\" if { path /prio }
    http-response set-header bc \"%[bc_reused] %[bc_nb_streams] %[bc_glitches] %[bc_settings_streams_limit]\"
    http-response set-header bytes \"%[req.bytes_out] %[res.bytes_in]\"
    stats uri /stats
    default_backend be
backend be
    http-reuse always
    server s ${\ $o->addr}
frontend dead
    bind {BIND:dead}
    log-format '%[str(e),when(error)]|%[str(f),when(forwarded)] %[bc_err] %[bc_err_name] %[bc_err_str]'
    default_backend none
backend none
    server s 127.0.0.1:1
");

subtest 'when' => sub {
	my %want = ('/fine' => '|n|f|p|||m', '/deny' => 'e||||||mN', '/return' => '|n|||||m', '/stats' => '|n||p|t||m');
	for my $path (sort keys %want) {
		$p->request('web', "GET $path HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		is($log->next_line->{msg} =~ s/\s+\z//r =~ s/-//gr, "$path|$want{$path}", $path);
	}
	$p->request('web', "GET /fine HTTP/1.1\r\nHost: a\r\nmark: 1\r\nConnection: close\r\n\r\n");
	like($log->next_line->{msg}, qr/\|a-?-?\s*$/, 'an ACL');
	$p->request('dead', "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	is($log->next_line->{msg} =~ s/\s+\z//r =~ s/-//gr, 'e| 46 EREFUSED ECONNREFUSED returned by OS', 'no server');
};

subtest 'acl' => sub {
	is($p->get('web', '/acls')->header('acls'), '010110', 'without');
	is($p->request('web', "GET /s/acls HTTP/1.1\r\nHost: a\r\nmark: 1\r\n\r\n")->header('acls'), '101010', 'with');
	is($p->request('web', "GET /sub HTTP/1.1\r\nHost: a\r\nmark: 1\r\n\r\n")->status, 201, 'in an ACL');
	is($p->get('web', '/sub')->status, 200, 'which does not hold');
};

subtest 'the rest' => sub {
	is($p->get('web', '/prio')->header('prio'), '5 -7 be 0 1 0 1', 'of the request');
	my $c = $p->client('web');
	my @r = map { $c->request("GET /x HTTP/1.1\r\nHost: a\r\n\r\n") } 1, 2;
	like($r[-1]->header('bc'), qr/^1 1 0 1$/, 'a reused connection');
	like($r[0]->header('bytes'), qr/^[1-9]\d+ /, 'bytes');
};
stop_proxy($p);

subtest 'the last rule, errors of connections' => sub {
	my $seen = syslog_unix();
	my $text = "global\n    log $seen->{addr} local0\n" . defaults('log global') . "
frontend web
    bind {BIND:web}
    bind {BIND:px} accept-proxy
    log-format '%HP %[last_rule_file] %[last_rule_line]'
    error-log-format '%[fc_err] %[fc_err_name] %[fc_err_str]'
    http-request allow if { path /allow }
    http-request set-var(txn.x) int(1)
    http-request deny if { path /deny }
    http-response allow if { status 200 }
    redirect location /else if { path /redirect }
    default_backend be
backend be
    http-request return if { path /be }
    server s ${\ $o->addr} weight 7
";
	my $q = start_proxy($text);
	my @lines = split /\n/, $q->config;
	my $line = sub { my ($what) = @_; my ($i) = grep { $lines[$_] =~ /$what/ } 0 .. $#lines; return $i + 1 };
	my %want = ('/allow' => $line->('http-response allow'), '/deny' => $line->('http-request deny'), '/be' => $line->('http-request return'),
	    '/redirect' => '-');
	for my $path (sort keys %want) {
		$q->request('web', "GET $path HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
		like($seen->next_line->{msg}, qr/^$path \S+ \Q$want{$path}\E\s*$/, $path);
	}
	my $c = $q->client('px');
	$c->send("GET / HTTP/1.1\r\n\r\n");
	$c->read_all;
	like($seen->next_line->{msg}, qr/^16 PRX_BAD_HDR #?\S*Received an invalid PROXY protocol header|^\d+ PRX_/, 'a bad PROXY header');
	$c = $q->client('px');
	$c->shutdown_write;
	$c->read_all;
	like($seen->next_line->{msg}, qr/^11 PRX_EMPTY "?Connection closed/, 'an empty connection');
	stop_proxy($q);
};

subtest 'mistakes' => sub {
	my @cases = (
		['acl(none)', qr/no ACL 'none' was declared in proxy 'f'/], ['acl(a,!none)', qr/no ACL 'none'/], ['acl', qr/'acl' needs a string/],
		['str(a),when(what)', qr/'what' is no condition: write error/], ['str(a),when(acl)', qr/'acl' needs the name of one/],
		['str(a),when(acl,none)', qr/no ACL 'none'/], ['str(a),when(error,x)', qr/'error' takes no argument/],
		['str(a),debug(x,none)', qr/there is no ring 'none': write stdout, stderr, buf0/], ['str(a),debug(x,y,z)', qr/debug/],
	);
	for my $case (@cases) {
		my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1\n    acl a path /a\n    http-request set-var(txn.x) $case->[0]\n    http-request deny\n");
		like($r->{all}, $case->[1], $case->[0]);
		is($r->{code}, 1, 'refused');
	}
};

done_testing;
