# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Certificates of clients: verify, ca-file, crl-file, and what may be ignored.
use Tideway::Test;
use IO::Socket::SSL;

my $dir = Tideway::Test::temp_dir();

Tideway::Test::spew('ca.cnf', "[ca]\ndefault_ca=c\n[c]\ndatabase=$dir/index\n"
    . "crlnumber=$dir/crlnumber\ndefault_md=sha256\ndefault_crl_days=30\n");
Tideway::Test::spew('mk.sh', <<'END');
set -e
cd "$1"
: > index; echo 01 > crlnumber
new='openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
for ca in ca other; do
	$new -x509 -keyout $ca.key -out $ca.pem -days 30 -subj /CN=$ca
done
sign() {
	$new -keyout $1.key -out $1.csr -subj /CN=$1
	openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -set_serial $3 -days $4 -out $1.crt
}
sign good ca 11 30
sign revoked ca 12 30
sign foreign other 13 30
cat good.crt good.key > s.pem
openssl ca -config ca.cnf -revoke revoked.crt -keyfile ca.key -cert ca.pem
openssl ca -config ca.cnf -gencrl -keyfile ca.key -cert ca.pem -out crl.pem
END
system("sh $dir/mk.sh $dir >$dir/mk.log 2>&1") == 0
    or die Tideway::Test::slurp("$dir/mk.log");

my $log = syslog_udp();
my $p = start_proxy("global
    log ${\ $log->addr} local0
    ca-base $dir
" . defaults('log global', 'option httplog') . "
frontend f
    bind {BIND:none} ssl crt $dir/s.pem ca-file ca.pem verify none
    bind {BIND:opt} ssl crt $dir/s.pem ca-file ca.pem verify optional
    bind {BIND:req} ssl crt $dir/s.pem ca-file $dir/ca.pem verify required
    bind {BIND:crl} ssl crt $dir/s.pem ca-file ca.pem verify required crl-file crl.pem
    bind {BIND:crlign} ssl crt $dir/s.pem ca-file ca.pem verify required crl-file crl.pem crt-ignore-err X509_V_ERR_CERT_REVOKED
    bind {BIND:ign} ssl crt $dir/s.pem ca-file ca.pem verify optional crt-ignore-err all ca-ignore-err all
    bind {BIND:num} ssl crt $dir/s.pem ca-file ca.pem verify optional crt-ignore-err 20,21
    bind {BIND:verify} ssl crt $dir/s.pem ca-file ca.pem ca-verify-file other.pem verify required
    bind {BIND:quiet} ssl crt $dir/s.pem ca-file ca.pem no-ca-names verify optional
    http-request return status 200 content-type text/plain string seen
");

# what an exchange with that certificate ends in
sub try
{
	my ($bind, $who, %opt) = @_;
	my @cert = $who ? (SSL_cert_file => "$dir/$who.crt", SSL_key_file =>
	    "$dir/$who.key") : ();
	my $s = IO::Socket::SSL->new(PeerAddr => $p->addr($bind),
	    SSL_verify_mode => SSL_VERIFY_NONE, @cert, %opt) or return 'refused';
	my $got = '';

	local $SIG{PIPE} = 'IGNORE';
	print $s "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
	1 while sysread $s, $got, 4096, length $got;
	return $got =~ /seen/ ? 'seen' : 'refused';
}

for my $v (qw(TLSv1_2 TLSv1_3)) {
	my @case = (
		[none => '', 'seen'], [none => 'foreign', 'seen'],
		[opt => '', 'seen'], [opt => 'good', 'seen'], [opt => 'foreign', 'refused'],
		[req => '', 'refused'], [req => 'good', 'seen'],
		[req => 'foreign', 'refused'], [req => 'revoked', 'seen'],
		[crl => 'good', 'seen'], [crl => 'revoked', 'refused'],
		[crlign => 'revoked', 'seen'], [crlign => 'foreign', 'refused'],
		[ign => 'foreign', 'seen'], [num => 'foreign', 'seen'],
		[verify => 'foreign', 'seen'], [verify => 'good', 'seen'],
		[quiet => 'good', 'seen'],
	);
	for my $c (@case) {
		my ($bind, $who, $want) = @$c;
		is(try($bind, $who, SSL_version => $v), $want, "$v $bind '$who'");
	}
}
like(($log->next_match(qr/not trusted/) // {})->{msg} // '',
    qr/SSL client certificate not trusted/, 'logged');

sub names
{
	my $r = run_cmd({ bin => '/usr/bin/openssl' }, 's_client', '-connect',
	    $p->addr($_[0]));

	return $r->{out} =~ /Acceptable client certificate CA names\n(.*)/ ? $1 : 'none';
}
like(names('req'), qr/CN = ca/, 'names that are accepted');
unlike(names('verify'), qr/other/, 'not those of ca-verify-file');
is(names('quiet'), 'none', 'no-ca-names');
stop_proxy($p);
done_testing();
