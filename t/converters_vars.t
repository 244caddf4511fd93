# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Converters whose arguments are variables, and hellos that come byte by byte
# while rules on contents wait. Skipped where rules are not built in.
use Tideway::Test;

my $H = 'frontend f
    bind 127.0.0.1:1
';
my $can = check_config(defaults() . "$H    http-request set-var(txn.a) str(a),concat(,txn.a)\n");
if ($can->{code} != 0) {
	like($can->{all}, qr/not supported by tideway yet/, 'refused with the reason');
	done_testing;
	exit 0;
}

my $o = origin(name => 's');
my $log = syslog_unix();
my @rows = (
	['str(x),concat(<,txn.a,>)', 'x<abc>'], ['str(x),concat(,txn.none,y)', 'xy'], ['str(x),concat(,txn.n)', 'x5'],
	['str(l),add_item(;,txn.a,!)', 'l;abc!'], ['str(),add_item(;,txn.a)', 'abc'], ['str(l),add_item(;,txn.none)', 'l'],
	['int(7),add(txn.n)', 12], ['int(7),sub(txn.n)', 2], ['int(7),mul(txn.n)', 35], ['int(7),div(txn.n)', 1],
	['int(7),mod(txn.n)', 2], ['int(7),and(txn.n)', 5], ['int(7),xor(txn.n)', 2], ['int(7),or(txn.n)', 7],
	['int(7),add(txn.none)', ''], ['str(abc),strcmp(txn.a)', 0], ['str(abcd),strcmp(txn.a)', 1],
	['str(abc),secure_memcmp(txn.a)', 1], ['str(abd),secure_memcmp(txn.a)', 0],
	['str(x),hmac(sha1,txn.k),hex', '2A00E8E8343DF86C4C188B263EECA331AFA31548'],
);
my $format = join '', map { "\@\@$_\@%[$rows[$_][0]]" } 0 .. $#rows;
my $p = start_proxy("global\n    log $log->{addr} len 60000 local0\n" . defaults('log global') . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.a) str(abc)
    http-request set-var(txn.n) int(5)
    http-request set-var(txn.k) str(a2V5)
    log-format '$format'
    default_backend be
backend be
    server s ${\ $o->addr}
frontend tls
    mode tcp
    bind {BIND:tls}
    tcp-request inspect-delay 10s
    tcp-request content accept if { req.ssl_hello_type 1 }
    tcp-request content reject
    log-format 'to=%b '
    use_backend named if { req.ssl_sni a.b }
    default_backend other
backend named
    mode tcp
    server s 127.0.0.1:1
backend other
    mode tcp
    server s 127.0.0.1:1
");
my $c = $p->client('web');
$c->request("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
$c->shutdown_write;
$c->read_all;
my (undef, @got) = split /\@\@\d+\@/, $log->next_line->{msg} =~ s/\s+\z//r, -1;
is($got[$_] eq '-' ? '' : $got[$_], $rows[$_][1], $rows[$_][0]) for 0 .. $#rows;

my $ext = pack('n', 0) . pack('n/a', pack('n/a', "\0" . pack('n/a', 'a.b')));
my $body = "\3\3" . ('r' x 32) . "\0" . pack('n/a', "\x13\1") . "\1\0" . pack('n/a', $ext);
my $hello = "\x16\3\1" . pack('n/a', "\1" . substr(pack('N', length $body), 1) . $body);
$c = $p->client('tls');
$c->send($_) for split //, $hello;
$c->read_all;
like($log->next_line->{msg}, qr/^to=named /, 'a name that came byte by byte');
$c = $p->client('tls');
$c->send("GET / HTTP/1.1\r\n\r\n");
$c->read_all;
unlike($log->next_line->{msg}, qr/^to=named /, 'no hello is known at once');
stop_proxy($p);
done_testing;
