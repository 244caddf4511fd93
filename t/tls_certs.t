# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Certificates of bind lines: files, bundles, directories and their companions,
# the choice by name and by what a client can verify, beside Debian's haproxy.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

my $dir = Tideway::Test::temp_dir();
my $ca = ca('Root');
my $haproxy = find_haproxy();

# names of a file: cn, names, type
sub pem
{
	my ($file, $cn, $names, %opt) = @_;
	my $c = cert($cn, ca => $ca, names => $names, %opt);

	return Tideway::Test::spew($file, pem_text($c->{pem}));
}

mkdir "$dir/$_" for qw(d none);
pem('first.pem', 'first', ['first.test', 'shared.test']);
pem('second.pem', 'second', ['second.test', 'shared.test', 'UPPER.Test']);
pem('wild.pem', 'wild', ['*.wild.test']);
pem('exact.pem', 'exact', ['a.wild.test'], type => 'rsa');
pem('both.pem.rsa', 'both-rsa', ['both.test'], type => 'rsa');
pem('both.pem.ecdsa', 'both-ecdsa', ['both.test']);
pem('rsa.pem', 'rsa', ['rsa.test', 'kind.test', '*.k.test'], type => 'rsa');
pem('ecdsa.pem', 'ecdsa', ['ecdsa.test', 'kind.test', 'x.k.test']);
pem('ed.pem', 'ed', ['kind.test', 'ed.test'], type => 'ed25519');
pem('d/a.pem', 'dir-a', ['a.dir.test']);
pem('d/b.pem', 'dir-b', ['b.dir.test', 'a.dir.test']);
pem('d/.hidden.pem', 'hidden', ['hidden.test']);
Tideway::Test::spew("d/a.pem.$_", '') for qw(key issuer);
unlink "$dir/d/a.pem.issuer";
my $apart = cert('apart', ca => $ca);
Tideway::Test::spew('apart.pem', pem_text($apart->{crt}, $apart->{chain}));
Tideway::Test::spew('apart.pem.key', pem_text($apart->{key}));

my %binds = (
	two => 'crt first.pem crt second.pem',
	wild => 'crt first.pem crt exact.pem crt wild.pem',
	strict => 'crt first.pem crt second.pem strict-sni',
	bundle => 'crt first.pem crt both.pem',
	default => 'crt both.pem.rsa crt both.pem.ecdsa',
	kinds => 'crt first.pem crt rsa.pem crt ecdsa.pem',
	rsa => 'crt rsa.pem crt first.pem',
	ed => 'crt rsa.pem crt ed.pem',
	dir => 'crt first.pem crt d',
	apart => 'crt apart.pem',
	old => 'crt first.pem crt rsa.pem crt ecdsa.pem ssl-max-ver TLSv1.2',
);
my %names = (
	two => [qw(second.test SECOND.test shared.test upper.TEST first none.test)],
	wild => [qw(wild.test a.wild.test b.wild.test x.a.wild.test .wild.test)],
	strict => [qw(first.test none.test)],
	bundle => [qw(both.test none.test)],
	default => [qw(both.test)],
	kinds => [qw(rsa.test ecdsa.test kind.test x.k.test y.k.test)],
	rsa => [qw(first.test none.test)],
	ed => [qw(ed.test kind.test)],
	dir => [qw(a.dir.test b.dir.test hidden.test)],
	apart => [qw(apart)],
	old => [qw(rsa.test ecdsa.test kind.test)],
);
my @old = (SSL_version => 'TLSv1_2', SSL_cipher_list =>);
my %clients = (any => [], old => [@old, 'ALL'],
	'old RSA' => [@old, 'ECDHE-RSA-AES128-GCM-SHA256'],
	'old ECDSA' => [@old, 'ECDHE-ECDSA-AES128-GCM-SHA256'],
	RSA => [sigalgs('RSA-PSS+SHA256:RSA+SHA256')],
	ECDSA => [sigalgs('ECDSA+SHA256')],
);
my %kinds = map { $_ => 1 } qw(bundle kinds default old wild ed);

sub sigalgs
{
	my ($list) = @_;

	# SSL_CTX_set1_sigalgs_list()
	return (SSL_create_ctx_callback => sub {
		Net::SSLeay::CTX_ctrl($_[0], 98, 0, $list) == 1 or die $list;
	});
}

sub config
{
	return "global\n    crt-base $dir\n" . defaults() . "frontend f\n"
	    . join('', map { "    bind {BIND:$_} ssl $binds{$_}\n" } sort keys %binds)
	    . "    http-request return status 200\n";
}

# the certificate's name that a client is shown, or why there is none
sub shown
{
	my ($p, $bind, $name, %opt) = @_;
	my $s = IO::Socket::SSL->new(PeerAddr => $p->addr($bind), Timeout => 30,
	    SSL_verify_mode => 0, SSL_hostname => $name // '', %opt);

	return $s ? $s->peer_certificate('commonName')
	    : "$IO::Socket::SSL::SSL_ERROR" =~ s/.*:(?=[^:]*$)//r;
}

my $p = start_proxy(config());
my $h = $haproxy ? start_proxy(config(), bin => $haproxy) : undef;

sub is_better
{
	my ($bind, $name, $client, $ours) = @_;

	return 0 unless $bind eq 'ed' && ($name // '') eq 'kind.test'
	    && $client eq 'old ECDSA';
	is($ours, 'ed', 'Ed25519 for who has no cipher for RSA');
	return 1;
}

sub table
{
	my ($bind) = @_;
	my @c = $kinds{$bind} ? sort keys %clients : ('any');

	for my $name (undef, @{ $names{$bind} }) {
		for my $c (@c) {
			my $ours = shown($p, $bind, $name, @{ $clients{$c} });
			# what ends in an alert there works here
			next if is_better($bind, $name, $c, $ours);
			my $theirs = $h ? shown($h, $bind, $name, @{ $clients{$c} })
			    : $ours;
			is($ours, $theirs, ($name // 'no name') . ", $c client: $theirs");
		}
	}
}

for my $bind (sort keys %binds) {
	subtest "as haproxy: $bind" => sub { table($bind) };
}

done_testing();
