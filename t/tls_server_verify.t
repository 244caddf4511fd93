# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Certificates of servers: which are accepted, under which name, and what a
# server that asks is shown. Debian's haproxy must say the same where it knows
# the words.
use Tideway::Test;
use Tideway::TLS;
use Tideway::Compare;

my $ca = ca('Root');
my $mid = ca('Mid', ca => $ca);
my $other = ca('Other');
my $good = cert('good.test', ca => $ca, names => ['good.test', '*.wild.test']);
my $cn = cert('only-cn.test', ca => $ca, names => []);
my $chain = cert('good.test', ca => $mid);
my $alien = cert('good.test', ca => $other);
my $old = cert('good.test', ca => $ca, days => -1);
my $gone = cert('good.test', ca => $ca);
my $ip = cert('good.test', ca => $ca, names => ['good.test', '127.0.0.1']);
my $client = cert('proxy', ca => $ca, client => 1);
my $client_alien = cert('proxy', ca => $other, client => 1);

revoke($ca, $gone);
my $crl = crl($ca);
my $dir = Tideway::Test::temp_dir();
mkdir "$dir/cas";
Tideway::Test::spew("$dir/cas/a.pem", pem_text($ca->{crt}));
Tideway::Test::spew("$dir/cas/b.crt", pem_text($other->{crt}));
Tideway::Test::spew("$dir/cas/.hidden.pem", 'nothing');
mkdir "$dir/alien";
Tideway::Test::spew("$dir/alien/b.cer", pem_text($other->{crt}));
Tideway::Test::spew("$dir/alien/a.txt", pem_text($ca->{crt}));

my %o = (good => tls_origin(cert => $good), cn => tls_origin(cert => $cn),
    chain => tls_origin(cert => $chain), alien => tls_origin(cert => $alien),
    old => tls_origin(cert => $old), gone => tls_origin(cert => $gone),
    ip => tls_origin(cert => $ip), clear => origin(),
    asks => tls_origin(cert => $good, ca => $ca, verify => 1),
    may => tls_origin(cert => $good, ca => $ca, verify => 0));
my $vr = "ssl verify required ca-file $ca->{crt}";
my $sni = 'sni req.hdr(x-sni)';

# name, origin, options of the server, X-Sni, what comes of it; a last 1:
# haproxy 2.6 has no such words, or does otherwise
my @case = (
	[none => 'good', 'ssl verify none', '', 200],
	[none_alien => 'alien', 'ssl verify none', '', 200],
	[none_name => 'good', "ssl verify none verifyhost x.test $sni", 'y.test', 200],
	[default_ca => 'good', "ssl ca-file $ca->{crt}", '', 200],
	[default_alien => 'alien', "ssl ca-file $ca->{crt}", '', 503],
	[chain => 'chain', $vr, '', 200],
	[alien => 'alien', $vr, '', 503],
	[expired => 'old', $vr, '', 503],
	[clear => 'clear', 'ssl verify none', '', 503],
	[dir => 'alien', "ssl verify required ca-file $dir/cas", '', 200],
	[dir_other => 'good', "ssl verify required ca-file $dir/alien", '', 503],
	[sni => 'good', "$vr $sni", 'good.test', 200],
	[sni_case => 'good', "$vr $sni", 'GOOD.test', 200],
	[sni_wild => 'good', "$vr $sni", 'a.wild.test', 200],
	[sni_deep => 'good', "$vr $sni", 'a.b.wild.test', 503],
	[sni_bare => 'good', "$vr $sni", 'wild.test', 503],
	[sni_bad => 'good', "$vr $sni", 'bad.test', 503],
	[sni_dot => 'good', "$vr $sni", '.test', 503, 1],
	[sni_cn => 'cn', "$vr $sni", 'only-cn.test', 200],
	[sni_long => 'good', "$vr $sni", 'x' x 300, 503, 1],
	[host => 'good', "$vr verifyhost good.test no-sni-auto", '', 200, 1],
	[host_bad => 'good', "$vr verifyhost bad.test no-sni-auto", '', 503, 1],
	[both_sni => 'good', "$vr verifyhost bad.test $sni", 'good.test', 200],
	[both_host => 'good', "$vr verifyhost good.test $sni", 'bad.test', 503],
	[both_none => 'good', "$vr verifyhost good.test $sni", '', 200],
	[both_wrong => 'good', "$vr verifyhost bad.test $sni", '', 503],
	[undone => 'good', "$vr verifyhost bad.test no-verifyhost no-sni-auto", '',
	    200, 1],
	[auto => 'good', $vr, 'host=good.test:8080', 200, 1],
	[auto_bad => 'good', $vr, 'host=bad.test', 503, 1],
	[auto_ip => 'ip', $vr, 'host=127.0.0.1', 200, 1],
	[auto_ip_bad => 'good', $vr, 'host=127.0.0.1:80', 503, 1],
	[auto_off => 'good', "$vr no-sni-auto", 'host=bad.test', 200, 1],
	[auto_on => 'good', "$vr no-sni-auto sni-auto", 'host=bad.test', 503, 1],
	[crl => 'good', "$vr crl-file $crl", '', 200],
	[crl_gone => 'gone', "$vr crl-file $crl", '', 503],
	[gone => 'gone', $vr, '', 200],
	[shows => 'asks', "$vr crt $client->{pem}", '', 200],
	[shows_none => 'asks', $vr, '', 503],
	[shows_alien => 'asks', "$vr crt $client_alien->{pem}", '', 503],
	[may => 'may', "$vr crt $client->{pem}", '', 200],
	[may_not => 'may', $vr, '', 200],
);

sub config
{
	my ($log, @case) = @_;
	my $be = join '', map { "backend $_->[0]\n    server s " . $o{ $_->[1] }->addr
	    . " $_->[2]\n" } @case;

	return "global
    log ${\ $log->addr} local0
" . defaults('log global', 'option httplog', 'retries 0',
	    'timeout connect 1s') . '
frontend f
    bind {BIND:web}
    log-format "%s %ts %ST %[bc_err_str]"
    use_backend %[path,field(2,/)]
' . $be;
}

# status and log line of each case, by its name
sub outcomes
{
	my ($bin, @case) = @_;
	my $log = syslog_udp();
	my $p = start_proxy(config($log, @case), $bin ? (bin => $bin) : ());
	my %r;

	for my $c (@case) {
		my ($name, $x) = @$c[0, 3];
		my ($host, $s) = $x =~ /^host=(.*)/ ? ($1, '') : ('good.test', $x);
		my $m = $p->client('web')->request("GET /$name HTTP/1.1\r\nHost: $host\r\n"
		    . ($s ne '' ? "X-Sni: $s\r\n" : '') . "Connection: close\r\n\r\n");
		my $l = $log->next_match(qr/ \d{3} /);
		$r{$name} = [$m->status, $l ? $l->{msg} =~ s/.*?: //r : '', $m];
	}
	stop_proxy($p);
	return \%r;
}

my $got = outcomes(undef, @case);
for my $c (@case) {
	my ($name, $want) = @$c[0, 4];
	# TLS 1.3: what the server thinks of the proxy's certificate comes later
	my $is = $got->{$name}[0];
	$is = 503 if $name =~ /^shows_/ && $is == 502;
	is($is, $want, "$name: $got->{$name}[1]");
}
like($got->{alien}[1], qr/s SC 503 SSL handshake failure/, 'logged');
like($got->{sni_bad}[1], qr/s SC 503 .*different from the expected one/, 'another name');
like($got->{host_bad}[1], qr/s SC 503 .*different from the configured one/,
    'another than configured');

SKIP: {
	my $haproxy = find_haproxy() or skip 'haproxy is not installed', 1;
	my @common = grep { !$_->[5] } @case;
	my $hap = outcomes($haproxy, @common);
	# when the server's last word is read, is a matter of luck
	for my $name (grep { $_ !~ /^shows_/ } map { $_->[0] } @common) {
		my ($a, $b) = map { "$_->[0] $_->[1]" =~ s/ Success$/ -/r } $got->{$name}, $hap->{$name};
		is($a, $b, "$name as haproxy");
	}
}
done_testing();
