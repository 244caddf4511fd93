# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Fetches for who looks for a fault: last_entity, waiting_entity, term_events in
# log lines of exchanges that fail; dump_all_vars.
use Tideway::Test;

plan(skip_all => 'Debian\'s haproxy has none of these') unless is_tideway();

my $big = 'x' x 200_000;
my $l = listener();
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;

	return $o->reply($req, $req->uri =~ /big/ ? $big : 'ok');
});

# the line of the rule that holds this text
sub line_of
{
	my ($p, $text) = @_;
	my @lines = split /\n/, $p->config;
	my ($n) = grep { $lines[$_] =~ /\Q$text\E/ } 0 .. $#lines;

	return $n + 1;
}

subtest 'entities' => sub {
	my $log = syslog_unix();
	my $p = start_proxy("global\n    log $log->{addr} local0\n" . defaults('log global', 'timeout client 30s') . "
frontend web
    bind {BIND:web}
    timeout http-request 10s
    log-format '<%[last_entity]|%[waiting_entity]|%[term_events]>'
    filter bwlim-out down limit 40k key src table t
    filter bwlim-out other default-limit 100m default-period 1s
    http-request wait-for-body time 10s if { path /body }
    http-request wait-for-body time 100ms if { path /late }
    http-request set-bandwidth-limit down if { path_beg /slow }
    http-request set-bandwidth-limit other if { path_beg /quick }
    http-request deny if { path /deny }
    http-request return status 200 if { path /return }
    default_backend b
backend b
    server s ${\ $o->addr}
backend t
    stick-table type ip size 10 store bytes_out_rate(1h)
frontend tcp
    mode tcp
    bind {BIND:tcp}
    log-format '<%[last_entity]|%[waiting_entity]|%[term_events]>'
    tcp-request inspect-delay 20s
    tcp-request content do-log
    tcp-request content accept if { req.len gt 100 } # wants more
    server-less
" =~ s/    server-less\n/    default_backend tb\nbackend tb\n    mode tcp\n    server s ${\ $l->addr}\n/r);
	my $file = $p->{cfg};
	my $none = '{-,-,-,-,-,-,-}';
	my $line = sub { ($log->next_line // {})->{msg} };
	my $is = sub {
		my ($last, $waits, $what) = @_;
		my @want = map { defined $_ ? / / ? "$file:" . line_of($p, $_) : $_ : '-' } $last, $waits;

		local $Test::Builder::Level = $Test::Builder::Level + 1;
		is($line->(), "<$want[0]|$want[1]|$none>", $what);
	};

	is($p->get('web', '/ok')->body, 'ok', 'a usual request');
	$is->(undef, undef, 'has neither');
	is($p->get('web', '/deny')->status, 403, 'denied');
	$is->('http-request deny', undef, 'the rule that did it');
	is($p->get('web', '/return')->status, 200, 'an answer of a rule');
	$is->('http-request return', undef, 'that one');
	is($p->get('web', '/quick/big')->body, $big, 'through a filter that never waits');
	$is->(undef, undef, 'none either');

	my $c = $p->client('web');
	$c->send("POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx");
	is($c->read_response->status, 408, 'the body does not come');
	$is->('http-request wait-for-body time 100ms', 'http-request wait-for-body time 100ms',
	    'the rule that waited for it');
	$c = $p->client('web');
	$c->send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx");
	$c->send('y');
	is($c->read_response->body, 'ok', 'the body comes');
	$is->(undef, undef, 'nothing waits any more');
	$c = $p->client('web');
	$c->send("GET /slow/big HTTP/1.1\r\nHost: a\r\n\r\n");
	$c->read_bytes(40_000);
	$c->reset;
	$is->(undef, 'bwlim-out', 'gone away while a filter waited');

	$c = $p->client('tcp');
	$c->send('too little');
	is($line->(), "<-|-|$none>", 'the rules are run');
	$c->reset;
	my ($want, $got) = ("<-|$file:" . line_of($p, 'tcp-request content accept') . "|$none>");
	1 while defined($got = $line->()) && $got ne $want;
	is($got, $want, 'gone away while a condition waited');
	$c = $p->client('tcp');
	$c->send('x' x 200);
	my $s = $l->accept;
	is(length $s->read_bytes(200), 200, 'accepted');
	$_->close for $c, $s;
	$want = "<$file:" . line_of($p, 'tcp-request content accept') . "|-|$none>";
	1 while defined($got = $line->()) && $got ne $want;
	is($got, $want, 'the rule that let it in');
	stop_proxy($p);
};

subtest 'processor time' => sub {
	my $p = start_proxy("global\n    nbthread 2\n" . defaults() . '
frontend web
    bind {BIND:web}
    http-request return status 200 content-type text/plain lf-string "%[cpu_usage_proc] %[cpu_usage_grp] %[cpu_usage_thr]"
');
	my @seen = (0, 0, 0);
	my $get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	my $c = $p->client('web');
	# as much work as there can be, until it has been noticed
	ok(wait_until {
		for (1 .. 20) {
			$c->send($get x 50);
			my @now = split / /, $c->read_response->body;
			$c->read_response for 1 .. 49;
			die "@now" if @now != 3 || grep { !/^\d+$/ || $_ > 100 } @now;
			$now[$_] > $seen[$_] and $seen[$_] = $now[$_] for 0 .. 2;
		}
		return !grep { $_ == 0 } @seen;
	}, 'percents, of what is done here');
	stop_proxy($p);
};

subtest 'dump_all_vars' => sub {
	my $p = start_proxy("global\n    set-var proc.who str(me)\n    tune.bufsize 16384\n" . defaults() . q[
frontend web
    bind {BIND:web}
    http-request set-var(sess.user) str(joe)
    http-request set-var(txn.b) bool(1)
    http-request set-var(txn.name) hdr(X-Name)
    http-request set-var(txn.user_n) int(-42)
    http-request set-var(txn.user_ip) ipv4(192.168.1.1)
    http-request set-var(txn.six) ipv6(::1)
    http-request set-var(txn.data) bin(48656c6c6f)
    http-request set-var(txn.gone) int(1)
    http-request unset-var(txn.gone)
    http-request set-var(req.method) method
    http-request set-var(req.odd) str(a\\\\\\nb),concat()
    http-request set-var(req.odd) hdr(X-Odd),url_dec if { hdr(X-Odd) -m found }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(txn)]" if { path /txn }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(txn,user)]" if { path /user }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(txn,user,|)]" if { path /bar }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(txn,user,'; ')]" if { path /semi }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(txn,user,', ')]" if { path /comma }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(req,odd)]" if { path /odd }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(req)]" if { path /req }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(res)]." if { path /res }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(proc)]" if { path /proc }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(,user)]" if { path /all }
    http-request return status 200 content-type text/plain lf-string "%[dump_all_vars(,,;)]" if { path /all2 }
    http-request set-var(txn.big) hdr(X-Big),concat(,req.odd),concat(,req.odd)
    http-request set-var(txn.big2) var(txn.big),hex,hex,hex
    http-request set-var(txn.big3) var(txn.big),hex,hex,hex
    http-request return status 200 content-type text/plain lf-string "<%[dump_all_vars(txn,big)]>"
]);
	my $ask = sub { my ($uri, @h) = @_; return $p->get('web', $uri, @h)->body };
	my $sorted = sub { join ', ', sort split /, /, $ask->(@_) };

	is($sorted->('/txn', 'X-Name: John "Doe"'), 'txn.b=true, txn.data=x48656c6c6f, txn.name="John \"Doe\"", '
	    . 'txn.six=::1, txn.user_ip=192.168.1.1, txn.user_n=-42', 'of all types');
	is($sorted->('/user'), 'txn.user_ip=192.168.1.1, txn.user_n=-42', 'by prefix');
	like($ask->('/bar'), qr/^txn\.user_\w+=[^|]+\|txn\.user_\w+=[^|]+$/, 'a delimiter');
	like($ask->('/semi'), qr/^txn\.user_\w+=\S+; txn\.user_\w+=\S+$/, 'a quoted one');
	like($ask->('/comma'), qr/^txn\.user_\w+=\S+, txn\.user_\w+=\S+$/, 'with a comma');
	is($ask->('/odd', 'X-Odd: %22%5c%0d%0a%08%00'), 'req.odd="\"\\\\\r\n\b\0' =~ s/\r/\\r/r =~ s/\n/\\n/r =~ s/\x08/\\b/r =~ s/\x00/\\0/r
	    . '"', 'escapes');
	like($ask->('/req'), qr/req\.method="GET"/, 'a method');
	is($ask->('/res'), '.', 'none');
	is($ask->('/proc'), 'proc.who="me"', 'of the process');
	like($ask->('/all'), qr/^sess\.user="joe", txn\.user_\w+=\S+, txn\.user_\w+=\S+$/, 'all scopes');
	like($ask->('/all2'), qr/^sess\.user="joe";txn\..*;req\..*;proc\.who="me"$/, 'in their order');
	is($ask->('/x', 'X-Big: ' . 'y' x 4000), '<>', 'what does not fit is nothing');
	stop_proxy($p);

	my $r = check_config(defaults() . "listen a\n    bind 127.0.0.1:1\n    http-request set-var(txn.a) dump_all_vars(check)\n");
	isnt($r->{code}, 0, 'another scope');
	like($r->{all}, qr/'check' is no scope: write sess, txn, req, res or proc/, 'with its word');
};

done_testing;
