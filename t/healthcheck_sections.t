# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# healthcheck sections: checks with a name, for servers of any backend; and
# the host of option httpchk, and check-proto.
use Tideway::Cli;
use Tideway::Test;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/ctl.sock";

# answers /ok with 200, /404 with 404, the rest with 503; remembers what it is asked
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	$o->record('asked', join ' ', $req->method, $req->uri, $req->header('Host') // '-',
	    defined $req->header('X-Haproxy-Server-State') ? 'state' : '-', $req->header('X-Own') // '-');
	return response($req->uri eq '/ok' ? 200 : $req->uri eq '/404' ? 404 : 503, 'x');
});
my $redis = origin(name => 'redis', raw => 1, greet => sub {
	my ($c) = @_;
	$c->read_until(qr/PING/);
	$c->send("+PONG\r\n");
	$c->read_all;
});

sub text
{
	my ($sections, $backend, $servers) = @_;

	return "global\n    stats socket $sock level admin\n" . defaults('timeout check 5s', 'default-server inter 500ms fastinter 50ms downinter 50ms rise 1 fall 1') . "
listen web
    bind {BIND:web}
$sections
backend b
" . join('', map { "    $_\n" } @$backend, @$servers);
}

sub status
{
	my ($server) = @_;
	my ($line) = grep { /^b,$server,/ } split /\n/, cli_ask($sock, 'show stat');
	my @v = split /,/, $line // '', -1;

	return join ' ', @v[17, 36];
}

sub becomes
{
	my ($server, $want) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $got;

	ok(wait_until { ($got = status($server)) eq $want }, "$server: $want") or diag "it is $got";
}

my $addr = $o->addr;
my $p = start_proxy(text("
healthcheck ok
    type httpchk GET /ok HTTP/1.1 www.%s.example
    http-check send hdr X-Own yes
    http-check expect status 200
healthcheck bad
    type httpchk
    http-check send meth GET uri /bad
    http-check send-state
healthcheck soft
    type httpchk HEAD /404
    http-check disable-on-404
healthcheck talks
    tcp-check connect
    tcp-check send \"GET /ok HTTP/1.0\\r\\n\\r\\n\"
    tcp-check expect rstring 200
healthcheck redis
    type redis-check
healthcheck connects
    type tcp-check
", ['mode tcp', 'option httpchk GET /backend'], [
	"server own $addr check", "server ok $addr check healthcheck ok check-proto h1", "server bad $addr check healthcheck bad",
	"server soft $addr check healthcheck soft", "server talks $addr check healthcheck talks check-proto none",
	"server redis ${\ $redis->addr} check healthcheck redis", "server connects $addr check healthcheck connects"]));
becomes('own', 'DOWN L7STS');
becomes('ok', 'UP L7OK');
becomes('bad', 'DOWN L7STS');
becomes('soft', 'NOLB L7OKC');
becomes('talks', 'UP L7OK');
becomes('redis', 'UP L7OK');
becomes('connects', 'UP L4OK');
my %asked = map { $_->[2] => 1 } $o->events("asked");
ok($asked{'GET /ok www.ok.example - yes'}, 'the section\'s request, with its host and field') or diag join "\n", keys %asked;
ok($asked{'GET /backend - - -'}, 'the backend\'s for who names no section');
ok($asked{'GET /bad - state -'}, 'send-state of a section');

# a server that is added
like(cli_ask($sock, "add server b/new $addr check healthcheck none"), qr/unknown healthcheck 'none'/, 'added: no such section');
cli_ask($sock, "add server b/new $addr check inter 500ms healthcheck ok");
cli_ask($sock, "enable $_ b/new") for 'health', 'server';
becomes('new', 'UP L7OK');

# a reload: another section of the same name, and one that has gone
$p->write_config(text("
healthcheck ok
    type httpchk GET /bad
", ['mode tcp', 'default-server healthcheck ok'], ["server ok $addr check", "server bad $addr check healthcheck ok"]));
$p->signal('USR2');
becomes('ok', 'DOWN L7STS');
$p->write_config(text('', ['mode tcp'], ["server ok $addr check", "server bad $addr check"]));
$p->signal('USR2');
becomes('ok', 'UP L4OK');
becomes('bad', 'UP L4OK');
stop_proxy($p);

sub refused
{
	my ($what, $config, $re) = @_;
	my $r = check_config(defaults() . $config);

	is($r->{code}, 1, "$what: refused") or diag $r->{all};
	like($r->{all}, $re, "$what: the reason");
}

my $b = "backend b\n    server s 127.0.0.1:1 check";
refused('no name', "healthcheck\n", qr/'healthcheck' expects a name/);
refused('two names', "healthcheck a b\n", qr/takes a name and nothing else, not 'b'/);
refused('twice', "healthcheck a\nhealthcheck a\n", qr/declared already at .*:\d+/);
refused('unknown', "$b healthcheck none\n", qr/unknown healthcheck 'none': declare it/);
refused('an unknown type', "healthcheck a\n    type odd\n", qr/'type' expects 'tcp-check', .* not 'odd'/);
refused('a word of backends', "healthcheck a\n    option httpchk\n", qr/option httpchk/);
refused('type elsewhere', "$b\n    type httpchk\n", qr/'type/);
refused('a rule that is wrong', "healthcheck a\n    tcp-check expect odd x\n", qr/odd/);
refused('pgsql without a user', "healthcheck a\n    type pgsql-check\n", qr/expects 'user <username>'/);
refused('check-proto h2', "$b check-proto h2\n", qr/'check-proto h2' does not go with its checks, which do not speak HTTP/);
refused('check-proto h1 of tcp', "$b check-proto h1\n", qr/'check-proto h1' does not go with its checks, which do not speak HTTP/);
refused('check-proto none of http', "$b check-proto none\n    option httpchk\n", qr/which speak HTTP/);
refused('a host with blanks', "backend b\n    option httpchk GET / HTTP/1.1 \"a b\"\n", qr/'a b' is no name of a host/);
refused("$_: not yet", "$b $_\n", qr/'\Q${\ (split ' ')[0]}\E' .* not supported by tideway/) for 'check-reuse-pool', 'check-pool-conn-name x', 'check-via-socks4';
like(check_config(defaults() . "healthcheck a\n    type redis-check\n    http-check send uri /\n    tcp-check connect\n")->{all},
    qr/healthcheck 'a' uses 'http-check' rules without 'type httpchk'.*healthcheck 'a' uses 'tcp-check' rules without 'type tcp-check'/s,
    'rules of another type: warnings');
like(check_config(defaults() . "backend b\n    http-check send uri /\n")->{all},
    qr/backend 'b' uses 'http-check' rules without 'option httpchk', so the rules are ignored: add 'option httpchk' to it/, 'as in backends');

done_testing;
