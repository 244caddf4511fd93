# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# ssl-min-ver, ssl-max-ver, no-* and force-*, alone and together, on lines and in
# the global section: which versions are spoken in the end, with clients and with
# servers, beside Debian's haproxy.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

alarm 300 * ($ENV{TW_TIME_SCALE} || 1); # many handshakes, of two programs
my $cert = cert('localhost', type => 'rsa');
my $ALL = 'ALL:@SECLEVEL=0';
my @versions = qw(tls1 tls1_1 tls1_2 tls1_3);
my %origin = map { $_->[0] => tls_origin(cert => $cert, version => $_->[1], ciphers => $ALL) }
    ['tls1', 'TLSv1'], ['tls1_1', 'TLSv1_1'], ['tls1_2', 'TLSv1_2'], ['tls1_3', 'TLSv1_3'];

# what is said => the versions from 1.0 to 1.3 that are left; and what haproxy makes
# of it, where it takes no notice of no-* beside ssl-min-ver or ssl-max-ver
my %lines = (
	'' => '23',
	'ssl-min-ver TLSv1.0' => '0123',
	'ssl-min-ver TLSv1.1' => '123',
	'ssl-min-ver TLSv1.2' => '23',
	'ssl-min-ver TLSv1.3' => '3',
	'ssl-max-ver TLSv1.1' => '1',
	'ssl-max-ver TLSv1.2' => '2',
	'ssl-max-ver TLSv1.3' => '23',
	'ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.1' => '01',
	'ssl-min-ver TLSv1.1 ssl-max-ver TLSv1.2' => '12',
	'ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2' => '2',
	'ssl-max-ver TLSv1.0 ssl-min-ver TLSv1.0' => '0',
	'no-sslv3' => '23',
	'no-tlsv10' => '23',
	'no-tlsv11' => '23',
	'no-tlsv12' => '3',
	'no-tlsv13' => '2',
	'no-tlsv10 no-tlsv11' => '23',
	'no-sslv3 no-tlsv10 no-tlsv11 no-tlsv12' => '3',
	'ssl-max-ver TLSv1.2 no-tlsv10' => '2',
	'force-tlsv10' => '0',
	'force-tlsv11' => '1',
	'force-tlsv12' => '2',
	'force-tlsv13' => '3',
);
my %stricter = (
	'ssl-min-ver TLSv1.0 no-tlsv10' => ['123', '0123'],
	'ssl-min-ver TLSv1.0 no-tlsv11' => ['23', '0123'],
	'ssl-min-ver TLSv1.0 no-tlsv12' => ['3', '0123'],
	'ssl-min-ver TLSv1.0 no-tlsv13' => ['012', '0123'],
);
# of all lines, and of one of them
my @globals = (['no-sslv3 no-tlsv10 no-tlsv11', '', '23'],
    ['no-sslv3 no-tlsv10', '', '23'], ['no-tlsv12', '', '3'], ['no-tlsv13', '', '2'],
    ['ssl-min-ver TLSv1.1', '', '123'],
    ['ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.2', '', '012'],
    ['force-tlsv10', '', '0'], ['force-tlsv11', '', '1'],
    ['force-tlsv12', '', '2'], ['force-tlsv13', '', '3'],
    ['no-sslv3 no-tlsv10', 'no-tlsv11', '23'], ['no-tlsv13', 'no-tlsv10', '2'],
    ['no-tlsv13', 'ssl-min-ver TLSv1.1', '123'], ['no-tlsv13', 'force-tlsv13', '3'],
    ['force-tlsv12', 'ssl-min-ver TLSv1.0', '012'],
    ['force-tlsv12', 'ssl-max-ver TLSv1.3', '23'],
    ['ssl-min-ver TLSv1.3', 'force-tlsv12', '2'],
    ['ssl-min-ver TLSv1.3', 'ssl-min-ver TLSv1.2', '23'],
    ['ssl-min-ver TLSv1.2', 'ssl-max-ver TLSv1.2', '2'],
    ['ssl-max-ver TLSv1.2', 'ssl-min-ver TLSv1.1', '12'],
    ['ssl-min-ver TLSv1.2 no-tls-tickets', 'ssl-min-ver TLSv1.0', '0123']);

sub start
{
	my ($options, $lines, @how) = @_;
	my $i = 0;
	my $text = "global
    ssl-default-bind-ciphers $ALL
    ssl-default-server-ciphers $ALL
" . ($options eq '' ? '' : "    ssl-default-bind-options $options
    ssl-default-server-options $options
") . defaults('retries 0') . "frontend tls\n";

	$text .= "    bind {BIND:l" . $i++ . "} ssl crt $cert->{pem} $_\n" for @$lines;
	$text .= "    http-request return status 200\nfrontend web
    bind {BIND:web}
    use_backend %[path,field(2,/)]\n";
	for my $n (0 .. $#$lines) {
		$text .= "backend b$n.$_\n    server s ${\ $origin{$_}->addr} ssl verify none $lines->[$n]\n"
		    for @versions;
	}
	return start_proxy($text, @how);
}

sub spoken { return join '', map { $_[0]->($versions[$_]) ? $_ : () } 0 .. $#versions }

# [with clients, with servers] of each line
sub table
{
	my ($options, $lines, @how) = @_;
	my $p = start($options, $lines, @how);
	my @t = map {
		my $n = $_;
		[spoken(sub { s_client($p->addr("l$n"), version => $_[0], ciphers => $ALL)->{connected} }),
		    spoken(sub { $p->get('web', "/b$n.$_[0]")->status == 200 })]
	} 0 .. $#$lines;

	stop_proxy($p);
	return @t;
}

# servers: haproxy has no oldest version of its own there
sub same
{
	my ($options, $lines, $want, $theirs) = @_;
	my @got = table($options, $lines);
	my $haproxy = find_haproxy();
	my @h = $haproxy ? table($options, $lines, bin => $haproxy) : ();

	for my $n (0 .. $#$lines) {
		my $name = join ' / ', grep { $_ ne '' } $options, $lines->[$n] || 'nothing';
		is($got[$n][0], $want->[$n], "$name: with clients");
		is($got[$n][1], $want->[$n], 'with servers');
		next unless $haproxy;
		is($h[$n][0], ($theirs // $want)->[$n], 'haproxy');
		like($h[$n][1], qr/\Q$want->[$n]\E\z|012/, 'haproxy with servers');
	}
}

my @lines = sort keys %lines;
same('', \@lines, [@lines{@lines}]);
my @stricter = sort keys %stricter;
same('', \@stricter, [map { $stricter{$_}[0] } @stricter], [map { $stricter{$_}[1] } @stricter]);
same($_->[0], [$_->[1]], [$_->[2]]) for @globals;

for my $none ('no-tlsv12 no-tlsv13', 'ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2', 'force-tlsv10 no-tlsv10') {
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:1 ssl crt $cert->{pem} $none\n");
	is($r->{code}, 1, "$none: none is left");
	like($r->{all}, qr/all versions of TLS are excluded/, 'says why');
	$r = check_config(defaults() . "backend b\n    server s 127.0.0.1:1 ssl verify none $none\n");
	like($r->{all}, qr/all versions of TLS are excluded/, 'of a server, too');
}

done_testing();
