# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What a bind line gives that says nothing but ssl and crt: versions, ciphers,
# groups, renegotiation, compression, beside Debian's haproxy with the same
# certificates. Nothing may be weaker.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;
use Tideway::TLSWire;

my %cert = (rsa => cert('rsa.example', type => 'rsa'), ec => cert('ec.example'));

sub start
{
	my ($bin) = @_;

	return start_proxy(defaults() . "frontend f\n" . join('', map
	    { "    bind {BIND:$_} ssl crt $cert{$_}{pem}\n" } sort keys %cert)
	    . "    http-request return status 200\n", $bin ? (bin => $bin) : ());
}

my @versions = qw(tls1 tls1_1 tls1_2 tls1_3);
my @weak = qw(NULL aNULL eNULL EXPORT LOW MD5 RC4 DES 3DES SEED IDEA PSK SRP
    CAMELLIA kDH ADH AECDH);
my @strong = qw(ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384
    ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-RSA-AES128-GCM-SHA256
    ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-CHACHA20-POLY1305);
my @others = split /:/, openssl('ciphers', 'ALL:!aNULL:!eNULL:!PSK:!SRP') =~ s/\s+//gr;

sub level0 { return "$_[0]:\@SECLEVEL=0" }

# for each thing that can be asked: what came of it
sub table
{
	my ($p) = @_;
	my %t;

	for my $c (sort keys %cert) {
		my $at = $p->addr($c);
		for my $v (@versions) {
			my $f = s_client($at, version => $v, ciphers => level0('ALL'));
			$t{"$c $v"} = $f->{connected} ? "$f->{cipher} $f->{group}" : 'none';
		}
		for my $class (@weak) {
			my $f = s_client($at, version => 'tls1_2', ciphers => level0($class));
			$t{"$c weak $class"} = $f->{connected} ? $f->{cipher} : 'none';
		}
		for my $cipher (@strong) {
			my $f = s_client($at, version => 'tls1_2', ciphers => $cipher);
			$t{"$c cipher $cipher"} = $f->{connected} ? 'yes' : 'none';
		}
		my $f = s_client($at, version => 'tls1_2', args => ['-comp']);
		$t{"$c compression"} = $f->{out} =~ /^Compression: (\S+)/m ? $1 : '?';
		$t{"$c secure renegotiation"} = $f->{out}
		    =~ /^Secure Renegotiation IS (NOT )?supported/m ? !$1 : '?';
		$t{"$c extended master secret"} = $f->{out}
		    =~ /Extended master secret: (\w+)/ ? $1 : '?';
		$f = s_client($at, version => 'tls1_2', args => ['-curves', 'secp192r1']);
		$t{"$c weak group"} = $f->{connected} ? $f->{group} : 'none';
		for my $group (qw(X25519 P-256 P-384)) {
			$f = s_client($at, version => 'tls1_3', args => ['-groups', $group]);
			$t{"$c group $group"} = $f->{connected} ? 'yes' : 'none';
		}
		$f = s_client($at, version => 'tls1_2', ciphers => level0('ALL'),
		    args => ['-sigalgs', 'RSA+SHA1:ECDSA+SHA1:RSA+MD5']);
		$t{"$c weak signatures"} = $f->{connected} ? 'yes' : 'none';
	}
	return \%t;
}

# what is asked of 2^n others is too much to be part of the table
sub accepted
{
	my ($p) = @_;
	my ($left, @got) = join(':', @others);

	while (1) {
		my $f = s_client($p->addr('rsa'), version => 'tls1_2', ciphers => level0($left));
		last unless $f->{connected};
		push @got, $f->{cipher};
		$left = join ':', grep { $_ ne $f->{cipher} } split /:/, $left;
	}
	return @got;
}

my $p = start();
my $mine = table($p);
my @mine = accepted($p);

for my $c (sort keys %cert) {
	is($mine->{"$c $_"}, 'none', "$c: no $_") for qw(tls1 tls1_1);
	like($mine->{"$c tls1_2"}, qr/^ECDHE-.*(?:GCM|CHACHA20)/, "$c: TLS 1.2 with forward secrecy");
	like($mine->{"$c tls1_3"}, qr/^TLS_(?:AES|CHACHA20)/, "$c: TLS 1.3");
	is($mine->{"$c weak $_"}, 'none', "$c: no $_") for @weak;
	is($mine->{"$c compression"}, 'NONE', "$c: no compression");
	is($mine->{"$c secure renegotiation"}, 1, "$c: RFC 5746");
	is($mine->{"$c extended master secret"}, 'yes', "$c: RFC 7627");
}
is($mine->{"ec cipher $_"}, /ECDSA/ ? 'yes' : 'none', $_) for @strong;
is($mine->{"rsa cipher $_"}, /RSA-/ ? 'yes' : 'none', $_) for grep { !/ECDSA/ } @strong;

# the server's order: the weakest of two that the client likes best is not taken
is(s_client($p->addr('rsa'), version => 'tls1_2', ciphers =>
    'ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384')->{cipher},
    'ECDHE-RSA-AES256-GCM-SHA384', 'our order of ciphers');

# renegotiation by the client
my $w = tls_wire($p->addr('rsa'), version => 'TLSv1_2');
Net::SSLeay::renegotiate($w->{ssl});
Net::SSLeay::do_handshake($w->{ssl});
$w->push($w->seal(''));
$w->read;
isnt($w->ended, 'open', 'a client that renegotiates is gone');
# without RFC 5746 and without its signalling value
my $r = raw_client($p->addr('rsa'), hello(minor => 3, bare => 1, ciphers => [0xc02f]));
my @records = tls_records($r->read_bytes(7));
ok(!@records || $records[0]{type} == 21 || !defined $records[0]{alert},
    'an old client gets a handshake, but can never renegotiate');
# a fallback, although more was possible (RFC 7507)
is(s_client($p->addr('rsa'), version => 'tls1_2', args => ['-fallback_scsv'])->{alert},
    86, 'inappropriate fallback');
stop_proxy($p);

subtest 'beside haproxy' => sub {
	my $bin = find_haproxy() or plan skip_all => 'haproxy is not installed';
	my $h = start($bin);
	my $theirs = table($h);
	my @theirs = accepted($h);

	is($mine->{$_}, $theirs->{$_}, $_) for sort keys %$mine;
	is_deeply(\@mine, \@theirs, 'the same ciphers, in the same order');
	$h->stop;
};
done_testing();
