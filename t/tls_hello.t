# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What is kept of clients' hellos: hellos made by hand, logged when their
# handshake fails, beside Debian's haproxy; the JA3 recipe of HAProxy's manual and
# what JA4 needs; how much is kept.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

my $site = cert('www.example.org', type => 'rsa');
my $GREASE = [0x3a3a, 0x1301, 0xfafa, 0xc02f, 0x0a1a, 0x5600, 0x00ff, 0x1234];
my @both = ('ssl_fc_protocol_hello_id', 'ssl_fc_cipherlist_bin,hex',
    'ssl_fc_cipherlist_bin(0),hex', 'ssl_fc_cipherlist_bin(1),hex',
    'ssl_fc_cipherlist_hex', 'ssl_fc_cipherlist_hex(1)', 'ssl_fc_cipherlist_str',
    'ssl_fc_cipherlist_str(1)', 'ssl_fc_cipherlist_xxh', 'ssl_fc_extlist_bin,hex',
    'ssl_fc_extlist_bin(1),hex', 'ssl_fc_eclist_bin,hex', 'ssl_fc_eclist_bin(1),hex',
    'ssl_fc_ecformats_bin,hex');
my @ours = ('ssl_fc_sigalgs_bin,hex', 'ssl_fc_sigalgs_bin(1),hex',
    'ssl_fc_supported_versions_bin,hex', 'ssl_fc_supported_versions_bin(1),hex');
my %rest = (versions => [0x304], key_share => 1, ciphers => [0x1301, 0x1302],
    groups => [29, 23]);
# each ends in an alert, or in the client's leaving
my @hellos = (
	['few', ciphers => [0x1301]],
	['usual', %rest, sni => 'a.example', alpn => ['h2', 'http/1.1'], points => [0]],
	['grease', %rest, ciphers => $GREASE, groups => [0x2a2a, 29, 23, 24],
	    points => [0, 1, 2], versions => [0x7a7a, 0x304, 0x303],
	    sigalgs => [0x0a0a, 0x403, 0x804],
	    extensions => [[0x4a4a, ''], [0x1234, 'abc'], [0xfafa, "\0"]]],
	['many', %rest, ciphers => [0x1301, map { 0x4000 + $_ } 1 .. 100],
	    groups => [29, 0x100 .. 0x110], extensions => [map { [0x5000 + $_, 'x' x $_] } 1 .. 40]],
	['old', minor => 1, ciphers => [0x2f, 0x35], bare => 1],
	['no extensions', ciphers => [0x2f], bare => 1],
	['a session', %rest, session => 's' x 32, ticket => 't' x 60],
);

sub config
{
	my ($log, $size, @fetches) = @_;
	my $format = join '', map { "$_ = <%[$_]> " } @fetches;

	return "global\n    log $log->{addr} len 16000 local0\n"
	    . ($size ? "    $size\n" : '') . defaults('log global') . "frontend web
    option httpslog
    error-log-format '$format'
    bind {BIND:web} ssl crt $site->{pem}
    http-request return status 200 content-type text/plain lf-string \"%[ssl_fc_protocol_hello_id],%[ssl_fc_cipherlist_bin(1),be2dec(-,2)],%[ssl_fc_extlist_bin(1),be2dec(-,2)],%[ssl_fc_eclist_bin(1),be2dec(-,2)],%[ssl_fc_ecformats_bin,be2dec(-,1)]\\n\"
";
}

sub values_of
{
	my ($p, $log, $hello) = @_;
	my $peer = raw_client($p->addr('web'), $hello);

	$peer->shutdown_write;
	$peer->read_all;
	my $l = $log->next_line;
	return { ($l ? $l->{msg} : '') =~ /(\S+) = <(.*?)> /g };
}

# the values of each hello
sub all
{
	my ($size, $fetches, @how) = @_;
	my $log = syslog_unix();
	my $p = start_proxy(config($log, $size, @$fetches), @how);
	my @got = map { my (undef, %h) = @$_; values_of($p, $log, hello(%h)) } @hellos;

	push @got, https_get($p->addr('web'), version => 'TLSv1_2',
	    ciphers => 'ECDHE-RSA-AES128-GCM-SHA256', sni => 'a', close => 1)->body;
	stop_proxy($p);
	return @got;
}

my $SIZE = 'tune.ssl.capture-buffer-size 4096';
my @got = all($SIZE, [@both, @ours]);
my ($few, $usual, $grease) = @got;

is($grease->{'ssl_fc_cipherlist_hex(1)'}, '1301C02F0A1A560000FF1234', 'no GREASE');
is($grease->{'ssl_fc_cipherlist_hex'}, '3A3A1301FAFAC02F0A1A560000FF1234', 'with it');
like($grease->{'ssl_fc_cipherlist_str(1)'},
    qr/^TLS_AES_128_GCM_SHA256,ECDHE-RSA-AES128-GCM-SHA256,UNKNOWN\(0a1a\),/, 'names');
is($grease->{'ssl_fc_sigalgs_bin,hex'}, '0A0A04030804', 'signatures');
is($grease->{'ssl_fc_sigalgs_bin(1),hex'}, '04030804', 'without');
is($grease->{'ssl_fc_supported_versions_bin,hex'}, '7A7A03040303', 'versions');
is($grease->{'ssl_fc_supported_versions_bin(1),hex'}, '03040303', 'without');
is($grease->{'ssl_fc_eclist_bin(1),hex'}, '001D00170018', 'groups');
is($grease->{'ssl_fc_ecformats_bin,hex'}, '000102', 'formats');
is($grease->{'ssl_fc_extlist_bin(1),hex'}, '000A000B000D002B00331234', 'extensions');
is($few->{'ssl_fc_supported_versions_bin,hex'}, '-', 'not there');
is($few->{ssl_fc_protocol_hello_id}, 771, 'TLS 1.2');
is($got[4]{ssl_fc_protocol_hello_id}, 769, 'TLS 1.0');
like($got[-1], qr/^771,49199-255,[\d-]+,[\d-]+,0-1-2$/, 'JA3');

SKIP: {
	my $haproxy = find_haproxy() or skip('haproxy is not installed', 1);
	for my $size ($SIZE, 'tune.ssl.capture-cipherlist-size 30',
	    'tune.ssl.capture-buffer-size 3') {
		my @want = all($size, \@both, bin => $haproxy);
		my @have = $size eq $SIZE ? @got : all($size, \@both);
		for my $i (0 .. $#hellos) {
			my %h = map { $_ => $have[$i]{$_} } @both;
			is_deeply(\%h, $want[$i], "$hellos[$i][0], $size");
		}
		is($have[-1], $want[-1], "JA3, $size");
	}
}

my @none = all('', [@both, @ours]);
is(join('', map { values %$_ } @none[0 .. $#hellos]) =~ s/-//gr, '', 'nothing unless asked for');
is($none[-1], ",,,,\n", 'in requests, too');

done_testing();
