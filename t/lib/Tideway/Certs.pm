# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Certificates for tests, made with the openssl command in the test's own
# directory. A key of each type is made once a process and used for all; what
# must not match asks for fresh_key. Each authority keeps an index, so that
# it can revoke, write a CRL and sign OCSP answers.
#
#   my $ca = ca('Root');
#   my $mid = ca('Mid', ca => $ca);
#   my $c = cert('www.example.org', ca => $mid, type => 'rsa', days => -1);
#   $c->{pem}: certificate, chain and key in one file; also {crt}, {key},
#   {chain} (paths), {serial}, {cn}
package Tideway::Certs;
use strict;
use warnings;
use Exporter 'import';
use POSIX qw(strftime);

our @EXPORT = qw(ca cert many_certs bundle fresh_key encrypted_key revoke crl
    ocsp_response dh_params pem_text openssl);

my ($n, %keys) = (0);

sub _path { return Tideway::Test::temp_dir() . "/$_[0]" }
sub pem_text { return join '', map { Tideway::Test::slurp($_) } @_ }

# runs openssl: what it wrote to its output; dies with what it complained of
sub openssl
{
	my (@args) = @_;
	my ($out, $err) = (_path('openssl.out'), _path('openssl.err'));
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', $out;
		open STDERR, '>', $err;
		exec 'openssl', @args or POSIX::_exit(127);
	}
	waitpid $pid, 0;
	die "openssl @args: " . Tideway::Test::slurp($err) if $?;
	return Tideway::Test::slurp($out);
}

# the path of a new key: rsa (2048 bits), ecdsa (P-256) or ed25519
sub fresh_key
{
	my ($type) = @_;
	my $path = _path('key' . ++$n . '.pem');
	my %how = (rsa => [qw(RSA -pkeyopt rsa_keygen_bits:2048)],
	    ecdsa => [qw(EC -pkeyopt ec_paramgen_curve:P-256)],
	    ed25519 => ['ED25519']);
	my $how = $how{ $type // 'ecdsa' } or die "no key type $type";

	openssl('genpkey', '-out', $path, '-algorithm', @$how);
	return $path;
}

sub _key { return $keys{ $_[0] } //= fresh_key($_[0]) }

# one file of the files' contents; the path
sub bundle
{
	my ($name, @paths) = @_;

	return Tideway::Test::spew($name, pem_text(@paths));
}

sub _config
{
	my ($ca) = @_;
	my $dir = $ca->{dir};

	return Tideway::Test::spew("$dir/ca.cnf", <<"END");
[ca]
default_ca = this
[this]
database = $dir/index.txt
serial = $dir/serial
crlnumber = $dir/crlnumber
new_certs_dir = $dir
certificate = $ca->{crt}
private_key = $ca->{key}
default_md = sha256
default_days = 365
default_crl_days = 30
unique_subject = no
copy_extensions = none
email_in_dn = no
policy = any
[any]
countryName = optional
stateOrProvinceName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
emailAddress = optional
[req]
distinguished_name = none
[none]
END
}

sub _time { return strftime('%Y%m%d%H%M%SZ', gmtime $_[0]) }

# start and end as YYYYMMDDHHMMSSZ; days => -1 is one that ended yesterday
sub _dates
{
	my (%opt) = @_;
	my $days = $opt{days} // 365;
	my $end = time + $days * 86400;
	my $start = $days <= 0 ? $end - 30 * 86400 : time - 86400;

	return ('-startdate', $opt{start} // _time($start),
	    '-enddate', $opt{end} // _time($end));
}

sub _sign
{
	my ($ca, $c, $ext, %opt) = @_;
	my $file = Tideway::Test::spew("$c->{base}.ext", "[ext]\n$ext");
	my $req = openssl('req', '-new', '-key', $c->{key}, '-config',
	    _config($ca), '-utf8', '-subj', $opt{subject} // "/CN=$c->{cn}");

	Tideway::Test::spew("$c->{base}.csr", $req);
	openssl('ca', '-batch', '-notext', '-config', "$ca->{dir}/ca.cnf",
	    '-in', "$c->{base}.csr", '-out', $c->{crt}, '-extfile', $file,
	    '-extensions', 'ext', _dates(%opt), $opt{self} ? '-selfsign' : ());
	($c->{serial}) = openssl('x509', '-in', $c->{crt}, '-noout',
	    '-serial') =~ /=(\S+)/;
}

# where a certificate that signs itself keeps what `openssl ca` needs
sub _own_ca
{
	my ($c) = @_;
	my $own = { %$c, dir => "$c->{base}.d" };

	mkdir $own->{dir} or die "$own->{dir}: $!";
	Tideway::Test::spew("$own->{dir}/index.txt", '');
	Tideway::Test::spew("$own->{dir}/serial", "01\n");
	return $own;
}

sub _new
{
	my ($cn, $ca, %opt) = @_;
	my $base = _path($opt{file} // 'cert' . ++$n);
	my $c = { cn => $cn, ca => $ca, base => $base, crt => "$base.crt",
	    key => "$base.key", pem => "$base.pem", chain => "$base.chain" };
	my $key = $opt{key} // _key($opt{type} // 'ecdsa');

	Tideway::Test::spew($c->{key}, pem_text($key));
	return $c;
}

# an authority: of itself, or signed by ca => another. {crt}, {key}, {chain}
# (itself and those above it without the root)
sub ca
{
	my ($cn, %opt) = @_;
	my $c = _new($cn, $opt{ca}, key => fresh_key($opt{type}), %opt);
	my $dir = $c->{dir} = "$c->{base}.d";

	mkdir $dir or die "$dir: $!";
	Tideway::Test::spew("$dir/index.txt", '');
	Tideway::Test::spew("$dir/serial", sprintf "%02X%06X\n", 16 + $n % 100,
	    $$ & 0xffffff);
	Tideway::Test::spew("$dir/crlnumber", "01\n");
	_config($c);
	_sign($opt{ca} // $c, $c, "basicConstraints = critical,CA:TRUE
subjectKeyIdentifier = hash
keyUsage = critical,keyCertSign,cRLSign,digitalSignature\n",
	    days => 3650, self => !$opt{ca}, %opt);
	Tideway::Test::spew($c->{chain}, $opt{ca}
	    ? pem_text($c->{crt}, $opt{ca}{chain}) : '');
	bundle($c->{pem}, $c->{crt}, $c->{chain}, $c->{key});
	return $c;
}

sub _alt
{
	my ($name) = @_;

	return "IP:$name" if $name =~ /^[\d.]+$|^[0-9a-f]*:[0-9a-f:]+$/i;
	return $name =~ /:/ ? $name : "DNS:$name";
}

# options: ca (else it signs itself), names => [..] (DNS, addresses or
# email:x, URI:x; the cn by default), type, key => path, days, start, end,
# subject => '/C=DE/O=x/CN=y', client => 1, ext => lines, file => base name
sub cert
{
	my ($cn, %opt) = @_;
	my $c = _new($cn, $opt{ca}, %opt);
	my @names = map { _alt($_) } @{ $opt{names} // [$cn] };
	my $self = !$opt{ca};
	my $ca = $opt{ca} // _own_ca($c);

	_sign($ca, $c, 'basicConstraints = CA:FALSE
extendedKeyUsage = ' . ($opt{client} ? 'clientAuth' : 'serverAuth') . "\n"
	    . (@names ? 'subjectAltName = ' . join(',', @names) . "\n" : '')
	    . ($opt{ext} // ''), %opt, self => $self);
	Tideway::Test::spew($c->{chain}, $self ? '' : pem_text($ca->{chain}));
	bundle($c->{pem}, $c->{crt}, $c->{chain}, $c->{key});
	return $c;
}

# the paths of PEM files with certificate and key of NAME1, NAME2 ..., many
# and quickly: all of one key, of the authority
sub many_certs
{
	my ($ca, $dir, @names) = @_;

	require IO::Socket::SSL::Utils;
	my $issuer = [IO::Socket::SSL::Utils::PEM_file2cert($ca->{crt}),
	    IO::Socket::SSL::Utils::PEM_file2key($ca->{key})];
	my $text = pem_text(_key('ecdsa'));
	my $key = IO::Socket::SSL::Utils::PEM_string2key($text);
	mkdir $dir;
	return map {
		my ($c) = IO::Socket::SSL::Utils::CERT_create(key => $key,
		    issuer => $issuer, subject => { commonName => $_ },
		    subjectAltNames => [[DNS => $_]],
		    purpose => 'server', not_before => time - 86400,
		    not_after => time + 365 * 86400, serial => ++$n);
		my $pem = IO::Socket::SSL::Utils::PEM_cert2string($c);
		IO::Socket::SSL::Utils::CERT_free($c);
		Tideway::Test::spew("$dir/$_.pem", $pem . $text);
	} @names;
}

# the certificate's key, encrypted with the password
sub encrypted_key
{
	my ($c, $pass) = @_;

	openssl('pkey', '-in', $c->{key}, '-aes128', '-passout', "pass:$pass",
	    '-out', "$c->{base}.enc.key");
	return "$c->{base}.enc.key";
}

sub revoke
{
	my ($ca, $c) = @_;

	openssl('ca', '-config', "$ca->{dir}/ca.cnf", '-revoke', $c->{crt});
}

# the path of a CRL of what is revoked; days => -1 is one that is out of date
sub crl
{
	my ($ca, %opt) = @_;
	my $out = _path('crl' . ++$n . '.pem');
	my $end = time + ($opt{days} // 30) * 86400;

	openssl('ca', '-config', "$ca->{dir}/ca.cnf", '-gencrl', '-out', $out,
	    '-crl_lastupdate', _time($end - 60 * 86400),
	    '-crl_nextupdate', _time($end));
	return $out;
}

# the path of a DER answer: good, or revoked when it is; minutes => for how
# long, at least 1
sub ocsp_response
{
	my ($ca, $c, %opt) = @_;
	my $out = _path('ocsp' . ++$n . '.der');

	openssl('ocsp', '-index', "$ca->{dir}/index.txt", '-CA', $ca->{crt},
	    '-rsigner', $ca->{crt}, '-rkey', $ca->{key}, '-issuer', $ca->{crt},
	    '-cert', $c->{crt}, '-no_nonce', '-nmin', $opt{minutes} // 60,
	    '-respout', $out, '-noverify');
	return $out;
}

# ffdhe2048 of RFC 7919
sub dh_params { return <<'END' }
-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
END

1;
