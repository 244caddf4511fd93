# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What a PROXY header of version 2 tells a server of the client's TLS: byte for
# byte what Debian's haproxy tells it.
use Tideway::Test;
use Tideway::TLS;
use Tideway::Compare;

alarm 240 * ($ENV{TW_TIME_SCALE} || 1); # two programs with many binds
my $ca = ca('Root');
my $rsa = cert('a.test', ca => $ca, type => 'rsa');
my $ec = cert('a.test', ca => $ca);
my $client = cert('client.test', ca => $ca, client => 1);
my $l = listener();

my @options = ('send-proxy-v2 proxy-v2-options ssl', 'send-proxy-v2-ssl',
    'send-proxy-v2-ssl-cn', (map { "send-proxy-v2 proxy-v2-options $_" } qw(ssl-cipher
    cert-sig cert-key cert-cn authority), 'ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority'),
    'send-proxy-v2-ssl-cn no-send-proxy-v2-ssl', 'send-proxy-v2-ssl no-send-proxy-v2-ssl-cn');
my @clients = (['clear'], ['rsa'], ['rsa', cert => $client],
    ['ec', sni => 'a.test', version => 'TLSv1_2', cert => $client]);

sub config
{
	my $n = 0;

	return defaults('mode tcp') . join '', map { $n++; "
listen l$n
    bind {BIND:clear$n}
    bind {BIND:rsa$n} ssl crt $rsa->{pem} ca-file $ca->{crt} verify optional
    bind {BIND:ec$n} ssl crt $ec->{pem} ca-file $ca->{crt} verify optional
    server s ${\ $l->addr} $_
" } @options;
}

# what stands behind the addresses, readable; 'none': there is no header
sub header
{
	my ($p, $n, $bind, %how) = @_;
	my $c = $bind eq 'clear' ? $p->client("clear$n") : tls_client($p->addr("$bind$n"), %how);

	return 'no client: ' . tls_error() unless $c;
	$c->send('0123456789abcdef');
	my $s = $l->accept or return 'nobody came';
	my $h = $s->read_bytes(16);
	my $text = 'none';
	if ($h =~ /^\r\n\r\n\0\r\nQUIT\n\x21/) {
		my $rest = $s->read_bytes(unpack 'n', substr $h, 14, 2);
		$text = substr($rest, 12) =~ s/([^ -~])/sprintf '\\%02x', ord $1/gesr;
	}
	$c->close;
	$s->close;
	return $text;
}

sub headers
{
	my (@bin) = @_;
	my $p = start_proxy(config(), @bin);
	my %h;

	for my $n (1 .. @options) {
		$h{"$options[$n - 1], $_"} = header($p, $n, @{ $clients[$_] }) for 0 .. $#clients;
	}
	stop_proxy($p);
	return %h;
}

my %ours = headers();
my $all = 'send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,authority';
is($ours{"$all, 0"}, ' \00\05\00\00\00\00\00', 'a client without TLS');
like($ours{"$all, 1"}, qr/^ \\00.\\01\\00\\00\\00\\00!\\00\\07TLSv1\.3%\\00\\07RSA2048\$.*SHA256#.*TLS_/,
    'one with');
like($ours{"$all, 3"}, qr/^\\02\\00\\06a\.test \\00.\\07(?:\\00){4}.*TLSv1\.2"\\00\\0bclient\.test%\\00\\05EC256/,
    'one with a certificate');
is($ours{"send-proxy-v2-ssl-cn no-send-proxy-v2-ssl, 0"}, 'none', 'undone');
SKIP: {
	my $haproxy = find_haproxy() or skip 'haproxy is not installed', 1;
	my %theirs = headers(bin => $haproxy);

	is($ours{$_}, $theirs{$_}, "$_: as haproxy") for sort keys %theirs;
}
done_testing();
