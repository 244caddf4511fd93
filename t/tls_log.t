# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What logs say of TLS, beside Debian's haproxy where it is there: %sslv, %sslc,
# option httpslog, error-log-format of handshakes that failed, and values at the
# end of a connection.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

my $ca = ca('Root');
my $other = ca('Other');
my $site = cert('www.example.org', ca => $ca, type => 'rsa');
my %client = (good => cert('alice', ca => $ca, client => 1),
    through => cert('bob', ca => ca('Mid', ca => $ca), client => 1),
    unknown => cert('mallory', ca => $other, client => 1),
    self => cert('self', client => 1),
    expired => cert('old', ca => $ca, client => 1, days => -1));
my $o = origin(name => 's');
my $GET = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
my $ERROR = '%ft %[fc_err]/%[fc_err_str]/%[ssl_fc_err,hex]/%[ssl_fc_err_str]/%[ssl_c_err]/'
    . '%[ssl_c_ca_err]/%[ssl_c_ca_err_depth]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv'
    . '/%sslc %[ssl_c_used] %[ssl_c_s_dn] %[ssl_fc_has_crt] %[ssl_c_verify]';

my %hello = (sni => 'a', groups => 1, versions => [0x304], key_share => 1,
    ciphers => [0x1301, 0x1302]);

sub config
{
	my ($log) = @_;
	my $opt = "ssl crt $site->{pem} ca-file $ca->{crt}";

	return "global\n    log $log->{addr} len 8000 local0\n"
	    . defaults('log global') . "frontend web
    option httpslog
    bind {BIND:web} $opt verify optional
    bind {BIND:ign} $opt verify optional crt-ignore-err all ca-ignore-err all
    bind {BIND:plain}
    default_backend b
frontend quoted
    bind {BIND:quoted} $opt
    log-format \"%{+Q}o %sslv %sslc %ft %[ssl_fc_protocol] %[ssl_fc_alpn]\"
    default_backend b
frontend err
    option httpslog
    error-log-format \"$ERROR\"
    bind {BIND:strict} $opt verify required
    bind {BIND:optional} $opt verify optional
    bind {BIND:new} $opt ssl-min-ver TLSv1.3
    bind {BIND:old} $opt ssl-max-ver TLSv1.2 ciphers ECDHE-RSA-AES128-GCM-SHA256
    default_backend b
frontend plainerr
    option httplog
    bind {BIND:plainerr} $opt verify required
    default_backend b
frontend late
    option httpslog
    error-log-format \"$ERROR\"
    timeout client 300ms
    bind {BIND:late} $opt
    default_backend b
listen raw
    mode tcp
    bind {BIND:raw} $opt verify optional
    log-format \"%ft %sslv/%sslc %[ssl_fc_sni] %[ssl_c_s_dn(CN)] %[ssl_fc]\"
    server s ${\ $o->addr}
backend b
    server s ${\ $o->addr}
";
}

my @v12 = (version => 'tls1_2');
my @v13 = (version => 'tls1_3');
my @cases = (
	['1.3', 'web', @v13, sni => 'www.example.org'],
	['1.2', 'web', @v12],
	['with a certificate', 'web', cert => $client{good}],
	['what is ignored', 'ign', cert => $client{expired}],
	['above it', 'ign', cert => $client{through}],
	['of nobody', 'ign', cert => $client{self}],
	['clear text on a clear port', 'plain', raw => $GET],
	['quotes', 'quoted', @v12],
	['mode tcp', 'raw', @v13, sni => 'a', cert => $client{good}],
	['mode tcp, without', 'raw', @v12],
	(map { my $v = $_;
	    ["no certificate $v->[1]", 'strict', @$v, sni => 'a'],
	    (map { my $b = $_; map { ["$_ $b $v->[1]", $b, @$v, cert => $client{$_}] }
		qw(unknown self expired) } qw(strict optional)) } \@v12, \@v13),
	['too old', 'new', @v12],
	['too new', 'old', @v13],
	['no cipher', 'old', @v12, ciphers => 'AES256-SHA'],
	['clear text', 'strict', raw => $GET],
	['noise', 'strict', raw => "\1\2\3\4" x 20],
	['nothing', 'strict', raw => ''],
	['half a hello', 'strict', raw => substr hello(sni => 'a'), 0, 60],
	['a hello, then the end', 'strict', raw => hello(%hello)],
	['a hello, then a reset', 'strict', raw => hello(%hello), reset => 1],
	['no end of it', 'late', raw => 'x', wait => 1],
	['a default line', 'plainerr', raw => $GET],
	['another default line', 'plainerr', @v13],
);

sub try_one
{
	my ($p, $log, $bind, %c) = @_;

	if (defined $c{raw}) {
		my $peer = raw_client($p->addr($bind), $c{raw});
		$peer->read_bytes(100) if $c{reset};
		return logged($log, $peer->reset) if $c{reset};
		$peer->shutdown_write unless $c{wait};
		$peer->read_all;
	} else {
		s_client($p->addr($bind), input => $GET, until => qr/^HTTP.*closed|errno/ms,
		    %c);
	}
	return logged($log);
}

sub logged
{
	my ($log) = @_;
	my $l = $log->next_line;
	my $msg = $l ? $l->{msg} : 'nothing';

	$msg =~ s/^\S+:\d+ \[[^\]]*\] //;
	$msg =~ s{ (?:-?\d+/){4}-?\d+ (\d+) \d+ }{ t $1 };
	$msg =~ s{ \d+/\d+/(\d+/\d+/\d+ )}{ c/c/$1};
	return $msg;
}

sub all
{
	my (@how) = @_;
	my $log = syslog_unix();
	my $p = start_proxy(config($log), @how);
	my @lines = map { my (undef, @c) = @$_; try_one($p, $log, @c) } @cases;

	stop_proxy($p);
	return @lines;
}

my $haproxy = find_haproxy();
my @got = all();
my @want = $haproxy ? all(bin => $haproxy) : ();

for my $i (0 .. $#cases) {
	SKIP: {
		skip('haproxy is not installed', 1) unless $haproxy;
		is($got[$i], $want[$i], $cases[$i][0]);
	}
}
like($got[0], qr{"GET /x HTTP/1.1" 0/0000000000000000/0/0/0 www.example.org/TLSv1.3/TLS_}, 'httpslog');
like($got[7], qr{^"TLSv1.2" "ECDHE-\S+" "quoted~" "TLSv1.2"}, 'quoted');
like($got[8], qr{^raw~ TLSv1.3/TLS_\S+ a alice 1}, 'at the end of a tcp session');

done_testing();
