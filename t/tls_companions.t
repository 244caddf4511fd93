# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What stands beside a certificate - FILE.ocsp, .issuer, .sctl - is really shown
# to clients, whichever word allows for it; options of a crt-list's lines that are
# those of bind lines; and a file that may not be read.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;
use POSIX ();

my $dir = Tideway::Test::temp_dir();
my $root = ca('Root');
my $other = ca('Other');
# a list with one timestamp of an unknown log: RFC 6962, section 3.2 and 3.3
my $SCTS = pack 'n/a', pack 'n/a', pack('C', 0) . 'l' x 32 . "\0" x 8 . "\0\0\4\3"
    . pack 'n/a', 's' x 70;
Tideway::Test::spew('logs', "enabled_logs=\n");

# a certificate and key alone in FILE, with companions
sub put
{
	my ($file, $c, %with) = @_;

	Tideway::Test::spew($file, pem_text($c->{crt}, $c->{key}));
	my $base = $with{base} // $file;
	Tideway::Test::spew("$base.ocsp", slurp(ocsp_response($root, $c))) if $with{ocsp};
	Tideway::Test::spew("$base.issuer", pem_text($root->{crt})) if $with{issuer};
	Tideway::Test::spew("$base.sctl", $SCTS) if $with{sctl};
	return "$dir/$file";
}

sub config
{
	my ($global, $lines, $more) = @_;

	return "global\n    crt-base $dir\n" . ($global // '') . defaults() . ($more // '')
	    . "frontend f\n" . join('', map { "    bind {BIND:$_} ssl $lines->{$_}\n" }
		sort keys %$lines) . "    http-request return status 200 content-type text/plain string seen\n";
}

# what of it a client sees: the answer's status and the number of timestamps
sub seen
{
	my ($p, $bind, %o) = @_;
	my $f = s_client($p->addr($bind), ca => $root, ocsp => 1, %o,
	    args => ['-ct', '-ctlogfile', "$dir/logs", @{ $o{args} // [] }],
	    until => qr/SCTs present \(\d+\)|alert/);
	my ($n) = $f->{out} =~ /SCTs present \((\d+)\)/;

	return ($f->{ocsp} // 'none') . ' ' . ($n // 'refused');
}

my $leaf = cert('leaf.test', ca => $root);
my %both = map { $_ => cert("both-$_", ca => $root, names => ['both.test'], type => $_) }
    qw(rsa ecdsa);
put('all.pem', $leaf, ocsp => 1, issuer => 1, sctl => 1);
put('none.pem', $leaf);
put('del.crt', $leaf, base => 'del', ocsp => 1, issuer => 1, sctl => 1);
put("both.pem.$_", $both{$_}, ocsp => $_ eq 'rsa', issuer => 1, sctl => $_ eq 'ecdsa')
    for keys %both;

subtest 'shown' => sub {
	my $p = start_proxy(config('', { all => 'crt all.pem', none => 'crt none.pem',
	    both => 'crt both.pem' }));
	for my $v (qw(tls1_2 tls1_3)) {
		is(seen($p, 'all', version => $v), 'good 1', "$v: .ocsp with .issuer, and .sctl");
		is(seen($p, 'none', version => $v), 'none 0', 'none');
		is(seen($p, 'both', version => $v, args => ['-sigalgs', 'RSA-PSS+SHA256:RSA+SHA256']),
		    'good 0', 'of one of two types: its answer');
		is(seen($p, 'both', version => $v, args => ['-sigalgs', 'ECDSA+SHA256']),
		    'none 1', 'of the other: its timestamps');
	}
	stop_proxy($p);
};

subtest 'ssl-load-extra-files' => sub {
	my %want = ('all' => 'good 1', 'none' => 'none 0', 'sctl' => 'none 1',
	    'ocsp issuer' => 'good 0', 'key' => 'none 0', 'issuer' => 'none 0',
	    'ocsp issuer sctl' => 'good 1');
	for my $words (sort keys %want) {
		my $p = start_proxy(config("    ssl-load-extra-files $words\n", { a => 'crt all.pem' }));
		is(seen($p, 'a'), $want{$words}, $words);
		stop_proxy($p);
	}
};

subtest 'ssl-load-extra-del-ext' => sub {
	my $p = start_proxy(config("    ssl-load-extra-del-ext\n", { a => 'crt del.crt' }));
	is(seen($p, 'a'), 'good 1', 'X.ocsp, X.issuer and X.sctl for X.crt');
	stop_proxy($p);
	$p = start_proxy(config('', { a => 'crt del.crt' }));
	is(seen($p, 'a'), 'none 0', 'else they are not');
	stop_proxy($p);
};

subtest 'load' => sub {
	my $store = "crt-store st
    load crt none.pem alias all ocsp $dir/all.pem.ocsp issuer $dir/all.pem.issuer sctl $dir/all.pem.sctl
    load crt none.pem alias sctl sctl $dir/all.pem.sctl
    load crt none.pem alias bare
";
	my $p = start_proxy(config('', { map { $_ => "crt \@st/$_" } qw(all sctl bare) }, $store));
	is(seen($p, 'all'), 'good 1', 'ocsp, issuer, sctl');
	is(seen($p, 'sctl'), 'none 1', 'sctl alone');
	is(seen($p, 'bare'), 'none 0', 'none');
	stop_proxy($p);
};

# --- options of lines ---

my %client = (ecdsa => cert('ec', ca => $root, client => 1),
    rsa => cert('rsa', ca => $root, client => 1, type => 'rsa'),
    gone => cert('gone', ca => $root, client => 1),
    other => cert('alien', ca => $other, client => 1));
revoke($root, $client{gone});
Tideway::Test::spew('ca.pem', pem_text($root->{crt}));
Tideway::Test::spew('other.pem', pem_text($other->{crt}));
Tideway::Test::spew('crl.pem', slurp(crl($root)));
my %options = (
	plain => '',
	verified => 'ca-file ca.pem verify required',
	both => 'ca-file ca.pem ca-verify-file other.pem verify required',
	crl => 'ca-file ca.pem crl-file crl.pem verify required',
	quiet => 'ca-file ca.pem no-ca-names verify optional',
	signs => 'ca-file ca.pem verify required client-sigalgs RSA-PSS+SHA256:RSA+SHA256',
	sigalgs => 'sigalgs ECDSA+SHA512',
	ecdhe => 'ecdhe P-521',
	noalpn => 'no-alpn',
	alpn => 'alpn x',
);
Tideway::Test::spew('list', "none.pem\n" . join '', map
    { "none.pem [$options{$_}] $_.test\n" } grep { $_ ne 'plain' } sort keys %options);

# the same on a line of its own and in the list
sub as_listed
{
	my ($name, $sub) = @_;

	return map { [$_->[0], $sub->(@{$_}[1, 2])] } ['listed', 'list', "$name.test"],
	    ['of its own', $name, undef];
}

subtest 'crt-list' => sub {
	my $p = start_proxy(config("    ca-base $dir\n", { list => "crt-list $dir/list",
	    map { $_ => "crt none.pem $options{$_}" } keys %options }));
	my $status = sub {
		my ($who, $v) = @_;
		return sub { https_get($p->addr($_[0]), sni => $_[1], close => 1, version => $v,
		    $who ? (cert => $client{$who}) : ())->status };
	};
	my $fact = sub {
		my ($what, @o) = @_;
		return sub { s_client($p->addr($_[0]), sni => $_[1], @o)->{$what} };
	};
	my @who = (
		[verified => '', 0], [verified => 'ecdsa', 200], [verified => 'other', 0],
		[both => 'other', 200], [both => 'ecdsa', 200], [both => '', 0],
		[crl => 'ecdsa', 200], [crl => 'gone', 0], [verified => 'gone', 200],
		[signs => 'rsa', 200], [signs => 'ecdsa', 0],
		[quiet => 'ecdsa', 200], [quiet => 'other', 0], [quiet => '', 200]);

	for my $w (@who) {
		my ($line, $who, $want) = @$w;
		for my $v (qw(TLSv1_2 TLSv1_3)) {
			is($_->[1], $want, "$line, $_->[0], $v: " . ($who || 'nobody'))
			    for as_listed($line, $status->($who, $v));
		}
	}
	for my $case ([both => 'client_cas', ['CN = Root']], [quiet => 'client_cas', []],
	    [verified => 'client_cas', ['CN = Root']]) {
		is_deeply($_->[1], $case->[2], "$case->[0], $_->[0]: names of authorities")
		    for as_listed($case->[0], $fact->($case->[1]));
	}
	like($_->[1], qr/521/, "ecdhe, $_->[0]: that one") for as_listed('ecdhe', sub {
		s_client($p->addr($_[0]), sni => $_[1])->{out} =~ /Temp Key: (.*)/ ? $1 : 'none' });
	like($_->[1], qr/digest: SHA512/, "sigalgs, $_->[0]") for as_listed('sigalgs',
	    $fact->('out', version => 'tls1_2'));
	like(s_client($p->addr('plain'), version => 'tls1_2')->{out}, qr/digest: SHA256/, 'else another one');
	is($_->[1], undef, "no-alpn, $_->[0]")
	    for as_listed('noalpn', $fact->('alpn', alpn => 'http/1.1,x'));
	is($_->[1], 'x', "alpn, $_->[0]") for as_listed('alpn', $fact->('alpn', alpn => 'http/1.1,x'));
	is(s_client($p->addr('plain'), alpn => 'http/1.1,x')->{alpn}, 'http/1.1', 'else the usual');
	stop_proxy($p);
};

# --- who may not read it ---

subtest 'a file that may not be read' => sub {
	my $secret = put('secret.pem', $leaf);
	my $cfg = spew('secret.cfg', defaults() . "frontend f\n    bind 127.0.0.1:1 ssl crt $secret\n");
	my ($nobody) = (getpwnam 'nobody')[2];
	my $out = "$dir/said";
	chmod 0, $secret;
	chmod 0755, $dir;
	my $pid = fork // die;
	if (!$pid) {
		open STDOUT, '>', $out or POSIX::_exit(99);
		open STDERR, '>&', \*STDOUT;
		POSIX::setuid($nobody) if $> == 0;
		exec Tideway::Test::binary(), '-c', '-f', $cfg or POSIX::_exit(98);
	}
	waitpid $pid, 0;
	my $code = $? >> 8;
	plan skip_all => 'nobody may not run the program' if $code == 98;
	is($code, 1, 'stops');
	like(slurp($out), qr/\[ALERT\].*'crt' : .*'\Q$secret\E'.*Permission denied/, 'file and reason');
};

done_testing();
