# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# crt-list: names in place of the certificate's own, options in place of the bind
# line's, beside Debian's haproxy, and what -c says of wrong lines.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

my $dir = Tideway::Test::temp_dir();
my ($ca, $other) = (ca('Root'), ca('Other'));
my $haproxy = find_haproxy();
my $client = cert('alice', ca => $ca, client => 1);
my $stranger = cert('mallory', ca => $other, client => 1);

for my $n (qw(a b c d e)) {
	my $c = cert($n, ca => $ca, names => ["$n.test", "*.$n.test"]);
	Tideway::Test::spew("$n.pem", pem_text($c->{pem}));
}
for my $type (qw(rsa ecdsa)) {
	my $c = cert("both-$type", ca => $ca, type => $type);
	Tideway::Test::spew("both.pem.$type", pem_text($c->{pem}));
}

my %lists = (
	names => "a.pem !*\n# b.pem\n\nb.pem other.test *.x.test\nc.pem *.y.test !no.y.test\nd.pem !d.test\r\ne.pem\tdeep.x.test\n",
	options => <<"END",
a.pem
b.pem [alpn foo,bar ssl-max-ver TLSv1.2] b.test
c.pem [verify required ca-file $ca->{crt}] c.test mtls.test
d.pem [ciphers ECDHE-ECDSA-AES256-GCM-SHA384 ssl-max-ver TLSv1.2 curves P-384] d.test
e.pem [ciphersuites TLS_CHACHA20_POLY1305_SHA256 ssl-min-ver TLSv1.3]
e.pem [verify none] open.test
both.pem [alpn foo] two.test
END
	mtls => "a.pem\nb.pem [verify none] open.test\n",
);
Tideway::Test::spew("$_.list", $lists{$_}) for keys %lists;

sub config
{
	return "global\n    crt-base $dir\n" . defaults() . "frontend f
    bind {BIND:names} ssl crt-list $dir/names.list
    bind {BIND:after} ssl crt b.pem crt-list $dir/names.list
    bind {BIND:strict} ssl strict-sni crt-list $dir/names.list
    bind {BIND:options} ssl alpn http/1.1 crt-list $dir/options.list
    bind {BIND:mtls} ssl alpn http/1.1 ca-file $ca->{crt} verify required crt-list $dir/mtls.list
    http-request return status 200 content-type text/plain string seen\n";
}

my $p = start_proxy(config());
my $h = $haproxy ? start_proxy(config(), bin => $haproxy) : undef;

sub sock
{
	my ($p, $bind, $name, %opt) = @_;

	return IO::Socket::SSL->new(PeerAddr => $p->addr($bind), Timeout => 30,
	    SSL_verify_mode => 0, SSL_hostname => $name // '', %opt);
}

sub shown
{
	my $s = sock(@_);

	return $s ? $s->peer_certificate('commonName')
	    : "$IO::Socket::SSL::SSL_ERROR" =~ s/.*:(?=[^:]*$)//r;
}

subtest 'names' => sub {
	for my $bind (qw(names after strict)) {
		for my $name (undef, qw(a.test b.test other.test z.x.test deep.x.test x.test c.test
		    z.y.test no.y.test d.test z.d.test e.test none)) {
			my $ours = shown($p, $bind, $name);
			my $theirs = $h ? shown($h, $bind, $name) : $ours;
			is($ours, $theirs, "$bind " . ($name // 'no name') . ": $theirs");
		}
	}
	is(shown($p, 'names', 'z.x.test'), 'b', 'a wildcard');
	is(shown($p, 'names', 'no.y.test'), 'a', 'all but');
	is(shown($p, 'names', 'e.test'), 'a', 'filters are in place of its own names');
};

# what is agreed upon, as text
sub agreed
{
	my ($p, $bind, $name, %opt) = @_;
	my $s = sock($p, $bind, $name, SSL_alpn_protocols => [qw(http/1.1 foo bar)],
	    %opt) or return 'none';
	print $s "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	my ($got, $n) = ('', 0);
	1 while sysread $s, $got, 4096, length $got;
	return join ' ', $s->peer_certificate('commonName'), $s->get_sslversion,
	    $s->alpn_selected // '-', $s->get_cipher, $got =~ /seen/ ? 'seen' : 'refused';
}

my @alice = (SSL_cert_file => $client->{pem}, SSL_key_file => $client->{key});
my @mallory = (SSL_cert_file => $stranger->{pem}, SSL_key_file => $stranger->{key});

subtest 'options' => sub {
	my @cases = ((map { [options => $_] } qw(a.test b.test d.test e.test two.test c.test mtls.test)),
	    [options => 'c.test', @alice], [options => 'mtls.test', @alice],
	    [options => 'open.test'], [mtls => 'a.test', @alice],
	    [options => 'c.test', @mallory], [mtls => 'a.test'], [mtls => 'open.test']);
	for my $c (@cases) {
		my ($bind, $name, @opt) = @$c;
		my $ours = agreed($p, $bind, $name, @opt);
		my $theirs = $h ? agreed($h, $bind, $name, @opt) : $ours;
		$_ =~ s/ (?:TLS_AES|ECDHE-ECDSA-AES)\S+// for $ours, $theirs;
		is($ours, $theirs, "$bind $name: $theirs");
	}
	like(agreed($p, 'options', 'b.test'), qr/^b TLSv1_2 foo .* seen$/, 'alpn, ssl-max-ver');
	like(agreed($p, 'options', 'a.test'), qr/^a TLSv1_3 http\/1\.1 .* seen$/, "the line's");
	like(agreed($p, 'options', 'd.test'), qr/ECDHE-ECDSA-AES256-GCM-SHA384/, 'ciphers');
	like(agreed($p, 'options', 'e.test'), qr/CHACHA20/, 'ciphersuites');
	is(agreed($p, 'options', 'e.test', SSL_version => 'TLSv1_2'), 'none', 'ssl-min-ver');
	like(agreed($p, 'options', 'c.test'), qr/refused|none/, 'verify: without');
	like(agreed($p, 'options', 'c.test', @mallory), qr/refused|none/, 'verify: of another');
	like(agreed($p, 'options', 'c.test', @alice), qr/^c .* seen/, 'verify: with');
	like(s_client($p->addr('options'), sni => 'd.test')->{out}, qr/Temp Key: ECDH, (?:P-384|secp384r1)/, 'curves');
	like(s_client($p->addr('options'), sni => 'a.test')->{out}, qr/Temp Key: X25519/, "not the line's");
	is_deeply(s_client($p->addr('options'), sni => 'c.test', cert => $client)->{client_cas},
	    ['CN = Root'], 'the names of ca-file');
};

# a session of a name without verification is none of one with it
subtest 'sessions stay apart' => sub {
	for my $v (qw(tls1_2 tls1_3)) {
		for my $pair (['options', 'open.test', 'c.test'], ['mtls', 'open.test', 'a.test']) {
			my ($bind, $from, $to) = @$pair;
			my $file = "$dir/sess";
			my %o = (version => $v, input => "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
			my $f = s_client($p->addr($bind), %o, sni => $from,
			    sess_out => $file, until => qr/seen/);
			like($f->{out}, qr/seen/, "$v $from: is answered") or next;
			$f = s_client($p->addr($bind), %o, sni => $from,
			    sess_in => $file, until => qr/seen/);
			is($f->{reused}, 1, 'and resumed');
			$f = s_client($p->addr($bind), %o, sni => $to,
			    sess_in => $file, until => qr/seen|alert/);
			is($f->{reused}, 0, "$to: not resumed");
			unlike($f->{out}, qr/seen/, 'and not answered');
		}
	}
};

subtest 'wrong lines' => sub {
	my @cases = (
		["b.pem [foo bar]", 'unknown ssl keyword foo'],
		["b.pem [alpn]", "ssl args out of '\\[\\]' for alpn"],
		["[alpn h2]", 'file must start with a cert'],
		["b.pem x [alpn h2] y", "filters can't be between"],
		["b.pem [[alpn h2]]", "too many '\\['"],
		["b.pem [alpn h2", "is not closed"],
		["none.pem", "unable to stat SSL certificate from file '$dir/none.pem'"],
		["b.pem [ssl-min-ver x]", "unknown version 'x'"],
		["b.pem [verify maybe]", "unknown verify method 'maybe'"],
		["b.pem [verify required]", 'no CA file specified'],
		["b.pem [ca-file /none]", "'ca-file' : unable to load /none"],
		["b.pem [ciphers NONE]", "unable to set SSL cipher list to 'NONE'"],
		["b.pem [npn h2]", 'npn'],
		["b.pem [no-allow-0rtt]", 'unknown ssl keyword no-allow-0rtt'],
		["b.pem [ocsp-update x]", "ocsp-update : expects 'on' or 'off', not 'x'"],
	);
	for my $c (@cases) {
		my $list = Tideway::Test::spew('wrong.list', "a.pem\n# one\n$c->[0]\n");
		my $r = check_config("global\n    crt-base $dir\n" . defaults()
		    . "frontend f\n    bind 127.0.0.1:1 ssl crt-list $list\n");
		is($r->{code}, 1, $c->[0]);
		like($r->{all}, qr/check\.cfg:\d+\] : Proxy 'f': bind .*'crt-list' : parsing \[\Q$list\E:3\]: .*$c->[1]/,
		    'file and line');
	}
	Tideway::Test::spew('cut.list', "a.pem\nb.pem");
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1 ssl crt-list $dir/cut.list\n");
	like($r->{all}, qr/cut\.list:2\]: Missing LF on last line/, 'cut off');
	Tideway::Test::spew('nul.list', "# a\n\0\nb.pem\n");
	$r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1 ssl crt-list $dir/nul.list strict-sni\n");
	like($r->{all}, qr/nul\.list:2\]: a NUL byte/, 'what is behind a NUL byte does not get lost');
	$r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1 ssl crt-list $dir/nowhere\n");
	like($r->{all}, qr/'crt-list' : cannot open file '$dir\/nowhere' : No such file/, 'no file');
	Tideway::Test::spew('empty.list', "# nothing\n");
	$r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1 ssl crt-list $dir/empty.list\n");
	is($r->{code}, 1, 'an empty one');
	like($r->{all}, qr/no SSL certificate specified/, 'and why');
	$r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1 ssl strict-sni crt-list $dir/empty.list\n");
	is($r->{code}, 0, 'with strict-sni it may be') or diag $r->{all};
};

is($p->stop, '', 'it ends');
done_testing();
