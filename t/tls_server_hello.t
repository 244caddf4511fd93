# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What a server is offered: curves, sigalgs, client-sigalgs, ciphers, protocols,
# names and tickets, of its line, of default-server, of the global section and of
# checks, as they are in the hello that reaches it; beside Debian's haproxy.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Compare;
use Tideway::TLS;

my $ca = ca('Root');
my $dir = Tideway::Test::temp_dir();
my %client = map { $_ => cert("client-$_", ca => $ca, client => 1, type => $_) } qw(ecdsa rsa);
my $site = cert('a.test', ca => $ca);
my $l = listener();
my %asks = map { $_ => tls_origin(cert => $site, ca => $ca, verify => 1, version => $_) }
    qw(TLSv1_2 TLSv1_3);
put("$_.pem", $client{$_}) for keys %client;
Tideway::Test::spew('ca.pem', pem_text($ca->{crt}));

sub put { return Tideway::Test::spew($_[0], pem_text($_[1]{pem})) }

my $vn = 'ssl verify none';
# options of the server; a last 1: the words are younger than haproxy 2.6
my %case = (
	plain => [$vn],
	curves => ["$vn curves P-384:X25519"],
	sigalgs => ["$vn sigalgs ECDSA+SHA384:RSA-PSS+SHA256"],
	ciphers => ["$vn ssl-max-ver TLSv1.2 ciphers ECDHE-RSA-AES128-GCM-SHA256"],
	suites => ["$vn ssl-min-ver TLSv1.3 ciphersuites TLS_CHACHA20_POLY1305_SHA256"],
	alpn => ["$vn alpn x-a,http/1.1"],
	sni => ["$vn sni str(n.test)"],
	no_sni => ["$vn no-sni-auto"],
	no_tickets => ["$vn no-tls-tickets"],
	tickets => ["$vn no-tls-tickets tls-tickets"],
);
my %young = map { $_ => 1 } qw(curves sigalgs no_sni tickets);
my @globals = ('ssl-default-server-curves P-521',
    'ssl-default-server-sigalgs RSA+SHA512:ECDSA+SHA512',
    'ssl-default-server-ciphers ECDHE-RSA-AES256-GCM-SHA384',
    'ssl-default-server-ciphersuites TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256',
    'ssl-default-server-options no-tls-tickets');

sub config
{
	my ($globals, @names) = @_;

	return "global\n" . join('', map { "    $_\n" } @$globals) . defaults('retries 0',
	    'timeout connect 500ms', 'mode tcp') . join '', map { "listen $_
    bind {BIND:$_}
    server s ${\ $l->addr} @{ $case{$_} }
" } @names;
}

# the parts of the hello that a connection of the listener brings
sub next_hello
{
	my $s = $l->accept(20) // return undef;
	my $head = $s->read_bytes(5);
	my $h = hello_parts($head . $s->read_bytes(unpack 'x3n', $head));

	$s->close;
	return $h;
}

sub offered
{
	my ($p, $name) = @_;
	my $c = $p->client($name);
	my $h = next_hello();

	$c->close;
	return $h;
}

sub hellos
{
	my ($globals, $names, @how) = @_;
	my $p = start_proxy(config($globals, @$names), @how);
	my %h = map { $_ => offered($p, $_) } @$names;

	stop_proxy($p);
	return \%h;
}

# without that for secure renegotiation, which is an extension since OpenSSL 3.4
sub suites { return [grep { $_ != 0xff } @{ $_[0]{ciphers} }] }
sub hex4 { return join ' ', map { sprintf '%04x', $_ } grep { $_ != 0xff } @{ $_[0] } }
sub has_ticket { return exists $_[0]{ext}{35} ? 1 : 0 }

my @names = sort keys %case;
my $h = hellos([], \@names);

subtest 'a line' => sub {
	is(hex4($h->{curves}{groups}), '0018 001d', 'curves');
	isnt(hex4($h->{plain}{groups}), '0018 001d', 'else others');
	is(hex4($h->{sigalgs}{sigalgs}), '0503 0804', 'sigalgs');
	is(hex4($h->{ciphers}{ciphers}), 'c02f', 'ciphers');
	is(hex4($h->{suites}{ciphers}), '1303', 'ciphersuites') or diag hex4($h->{suites}{ciphers});
	is_deeply($h->{alpn}{alpn}, ['x-a', 'http/1.1'], 'alpn');
	is_deeply($h->{plain}{alpn}, [], 'in mode tcp none by itself');
	is($h->{sni}{sni}, 'n.test', 'sni');
	is($h->{plain}{sni}, undef, 'no name');
	is(has_ticket($h->{$_->[0]}), $_->[1], "tickets: $_->[0]")
	    for ['plain', 1], ['no_tickets', 0], ['tickets', 1];
};

subtest 'the global section' => sub {
	my $g = hellos(\@globals, ['plain', 'curves', 'sigalgs', 'ciphers', 'suites', 'tickets']);

	is(hex4($g->{plain}{groups}), '0019', 'curves');
	is(hex4($g->{plain}{sigalgs}), '0601 0603', 'sigalgs');
	is(hex4($g->{plain}{ciphers}), '1302 1301 c030', 'ciphers and ciphersuites');
	is(has_ticket($g->{plain}), 0, 'options');
	is(hex4($g->{curves}{groups}), '0018 001d', 'a line has the last word: curves');
	is(hex4($g->{sigalgs}{sigalgs}), '0503 0804', 'sigalgs');
	is(hex4($g->{ciphers}{ciphers}), 'c02f', 'ciphers');
	like(hex4($g->{suites}{ciphers}), qr/^1303\b/, 'ciphersuites');
	is(has_ticket($g->{tickets}), 1, 'tls-tickets');
};

# RFC 8879; OpenSSL has it from 3.2 on
subtest 'tune.ssl.certificate-compression' => sub {
	my ($off) = map { hellos(["tune.ssl.certificate-compression $_"], ['plain'])->{plain} } 'off';
	ok(!exists $off->{ext}{27}, 'off: it is not offered');
	is(exists hellos(['tune.ssl.certificate-compression auto'], ['plain'])->{plain}{ext}{27},
	    exists $h->{plain}{ext}{27}, 'auto: as without it');
} if is_tideway();

subtest 'default-server' => sub {
	my $p = start_proxy(defaults('mode tcp', 'retries 0', 'timeout connect 500ms',
	    "default-server $vn curves P-384 sigalgs ECDSA+SHA384 alpn d no-tls-tickets"
	    . ' ciphers ECDHE-ECDSA-AES128-GCM-SHA256 ssl-max-ver TLSv1.2') . "
listen all
    bind {BIND:all}
    server s ${\ $l->addr}
listen own
    bind {BIND:own}
    server s ${\ $l->addr} curves P-521 alpn own tls-tickets
");
	my $all = offered($p, 'all');

	is(hex4($all->{groups}), '0018', 'curves');
	is(hex4($all->{sigalgs}), '0503', 'sigalgs');
	is(hex4($all->{ciphers}), 'c02b', 'ciphers');
	is_deeply([$all->{alpn}, has_ticket($all)], [['d'], 0], 'alpn, tickets');
	my $own = offered($p, 'own');
	is(hex4($own->{groups}), '0019', "a line's own: curves");
	is_deeply([$own->{alpn}, has_ticket($own)], [['own'], 1], 'alpn, tickets');
	is(hex4($own->{sigalgs}), '0503', 'and the rest');
	stop_proxy($p);
};

subtest 'as haproxy' => sub {
	my $bin = find_haproxy() or plan skip_all => 'haproxy is not installed';
	my @common = grep { !$young{$_} } @names;
	my @g = grep { !/curves|sigalgs/ } @globals;

	for my $globals ([], \@g) {
		my ($mine, $theirs) = (hellos($globals, \@common), hellos($globals, \@common, bin => $bin));
		for my $n (@common) {
			is_deeply([suites($mine->{$n}), @{ $mine->{$n} }{qw(alpn sni)}, has_ticket($mine->{$n})],
			    [suites($theirs->{$n}), @{ $theirs->{$n} }{qw(alpn sni)}, has_ticket($theirs->{$n})], $n);
		}
	}
};

subtest 'checks' => sub {
	my $p = start_proxy(defaults('mode http') . "listen b
    bind {BIND:b}
    timeout check 500ms
    server sni ${\ $l->addr} $vn check inter 60s check-sni c.test check-alpn http/1.1,x sni str(traffic.test) alpn http/1.1
");
	my $c = next_hello();

	is($c->{sni}, 'c.test', 'check-sni');
	is_deeply($c->{alpn}, ['http/1.1', 'x'], 'check-alpn');
	stop_proxy($p);
	$p = start_proxy(defaults('mode http') . "listen b
    bind {BIND:b}
    timeout check 500ms
    server plain ${\ $l->addr} $vn check inter 60s curves P-384
");
	$c = next_hello();
	is_deeply([hex4($c->{groups}), $c->{alpn}], ['0018', []], "the line's options, no check-alpn");
	stop_proxy($p);
	$p = start_proxy(defaults('mode http') . "listen b
    bind {BIND:b}
    timeout check 500ms
    server s ${\ $l->addr} verify none check check-ssl inter 60s check-alpn y
");
	$c = next_hello();
	is_deeply($c->{alpn}, ['y'], 'check-ssl with check-alpn');
	stop_proxy($p);
	$p = start_proxy(defaults('mode http') . "listen b
    bind {BIND:b}
    timeout check 500ms
    option httpchk
    http-check connect ssl sni rule.test alpn http/1.1
    server s ${\ $l->addr} verify none check inter 60s
");
	$c = next_hello();
	is_deeply([$c->{sni}, $c->{alpn}], ['rule.test', ['http/1.1']], 'http-check connect ssl sni alpn');
	stop_proxy($p);
};

# crt-base and ca-base hold for servers, and client-sigalgs say what may be signed with
subtest 'certificates of our own' => sub {
	my $text = sub {
		my ($global) = @_;
		return "global\n    crt-base $dir\n    ca-base $dir\n$global"
		    . defaults('retries 0') . "frontend web
    bind {BIND:web}
    use_backend %[path,field(2,/)]
" . join '', map { my $v = $_; map { my ($name, $opt) = @$_; "backend $v.$name
    server s ${\ $asks{$v}->addr} ssl verify required ca-file ca.pem sni str(a.test) $opt
" } (['ecdsa', 'crt ecdsa.pem'], ['rsa', 'crt rsa.pem'], ['none', ''],
		['ecdsa_only', 'crt ecdsa.pem client-sigalgs ECDSA+SHA256'],
		['rsa_only', 'crt ecdsa.pem client-sigalgs RSA-PSS+SHA256:RSA+SHA256']) } sort keys %asks;
	};
	my $p = start_proxy($text->(''));
	my $status = sub { $p->get('web', "/$_[0]")->status };

	for my $v (sort keys %asks) {
		my $of = sub { my $m = $p->get('web', "/$v.$_[0]"); return $m->header('X-TLS-Subject') // $m->status };
		is($of->($_), "client-$_", "$v: crt-base, ca-base: $_") for qw(ecdsa rsa);
		is($of->('ecdsa_only'), 'client-ecdsa', 'client-sigalgs that fit');
		like($of->($_), qr/^50[23]$/, "$_: refused") for qw(none rsa_only);
	}
	stop_proxy($p);
	$p = start_proxy($text->("    ssl-default-server-client-sigalgs RSA-PSS+SHA256:RSA+SHA256\n"));
	for my $v (sort keys %asks) {
		is($status->("$v.rsa"), 200, "$v: ssl-default-server-client-sigalgs");
		like($status->("$v.ecdsa"), qr/^50[23]$/, 'exclude others');
		is($status->("$v.ecdsa_only"), 200, 'the line has the last word');
	}
	stop_proxy($p);
};

done_testing();
