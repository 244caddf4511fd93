# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What fetches say of TLS from clients: through Debian's haproxy and through
# tideway, with the same certificates and the same client. Only what both know,
# and what is the same for each connection; t/tls_fetch.t has the rest.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

my $haproxy = find_haproxy() or plan(skip_all => 'haproxy is not installed');

my $ca = ca('Root', subject => '/C=DE/O=Example/CN=Root CA');
my $mid = ca('Mid', ca => $ca);
my $other = ca('Other');
my $site = cert('www.example.org', ca => $ca, type => 'rsa',
    subject => '/C=DE/ST=Berlin/O=Example, Inc./OU=one/OU=two/CN=www.example.org');
my %client = (
	none => undef,
	good => cert('alice', ca => $ca, client => 1,
	    names => ['email:alice@example.org', 'alice.example.org', '10.0.0.1'],
	    subject => '/C=DE/O=A+B/OU=x/OU=y/OU=z/CN=alice/emailAddress=a@b.c'),
	rsa => cert('bob', ca => $ca, client => 1, type => 'rsa', names => []),
	utf8 => cert('ulf', ca => $ca, client => 1,
	    subject => "/O=M\xc3\xbcller/CN=ulf \\\"q\\\" #1"),
	through => cert('carol', ca => $mid, client => 1),
	unknown => cert('mallory', ca => $other, client => 1),
	self => cert('self', client => 1),
	expired => cert('old', ca => $ca, client => 1, days => -1),
	far => cert('far', ca => $ca, client => 1, end => '20600101000000Z'),
);

my @dn = ('', '(CN)', '(OU)', '(OU,2)', '(OU,-1)', '(OU,-3)', '(OU,4)', '(OU,0)',
    '(XX)', '(,0,rfc2253)', '(CN,1,rfc2253)', '(cn)', '(emailAddress)');
my @cert = ('der,sha1,hex', 'serial,hex', 'sha1,hex', qw(key_alg notafter
    notbefore sig_alg version));
my @fetches = (split(' ', 'ssl_fc ssl_fc_alg_keysize ssl_fc_alpn ssl_fc_cipher
    ssl_fc_err ssl_fc_err_str ssl_fc_has_crt ssl_fc_has_early ssl_fc_has_sni
    ssl_fc_is_resumed ssl_fc_protocol ssl_fc_sni ssl_fc_use_keysize
    ssl_fc_session_key,hex,length ssl_fc_client_random,hex,length
    ssl_fc_server_random,hex,length ssl_fc_unique_id,hex,length
    ssl_fc_protocol_hello_id ssl_fc_cipherlist_bin,hex
    ssl_fc_cipherlist_bin(1),hex ssl_fc_cipherlist_hex ssl_fc_cipherlist_hex(1)
    ssl_fc_cipherlist_str ssl_fc_cipherlist_str(1) ssl_fc_cipherlist_xxh
    ssl_fc_ecformats_bin,hex ssl_fc_eclist_bin,hex ssl_fc_eclist_bin(1),hex
    ssl_fc_extlist_bin,hex ssl_fc_extlist_bin(1),be2dec(-,2)
    ssl_c_used ssl_c_verify ssl_c_err ssl_c_ca_err ssl_c_ca_err_depth
    ssl_c_chain_der,sha1,hex'),
    (map { ("ssl_c_$_", "ssl_f_$_") } @cert),
    (map { ("ssl_c_s_dn$_", "ssl_c_i_dn$_", "ssl_f_s_dn$_", "ssl_f_i_dn$_") } @dn));

sub config
{
	my ($global) = @_;
	my $n = 0;
	my $file = spew('fetches.lf', join('', map { "$_ = <%[$_]>\n" } @fetches)
	    . "END\n");
	my $opt = "ssl crt $site->{pem} alpn http/1.1 ca-file $ca->{crt}";

	return "global\n    tune.ssl.capture-buffer-size 4096\n$global"
	    . defaults() . "frontend web
    bind {BIND:none} $opt
    bind {BIND:optional} $opt verify optional crt-ignore-err all ca-ignore-err all
    bind {BIND:strict} $opt verify required
    bind {BIND:plain}
    http-request return status 200 content-type text/plain lf-file $file
";
}

my @clients = (
	(map { my $v = $_; map { ["$v $_", 'optional', version => $v,
	    cert => $client{$_}, sni => 'www.example.org', alpn => 'http/1.1'] }
	    sort keys %client } qw(tls1_2 tls1_3)),
	['strict', 'strict', cert => $client{good}],
	['strict, through', 'strict', cert => $client{through}, sni => 'UPPER.example'],
	['not asked', 'none', cert => $client{good}, alpn => 'foo,bar'],
	['one cipher', 'none', version => 'tls1_2', ciphers => 'ECDHE-RSA-AES256-GCM-SHA384'],
	['chacha', 'none', version => 'tls1_2', ciphers => 'ECDHE-RSA-CHACHA20-POLY1305'],
	['cbc', 'none', version => 'tls1_2', ciphers => 'AES128-SHA'],
	['groups', 'none', args => [-curves => 'P-384:X25519']],
	(map { ["resumed $_", 'optional', version => $_, cert => $client{good},
	    resume => 1] } qw(tls1_2 tls1_3)),
	(map { ["resumed, out of date, $_", 'optional', version => $_, cert =>
	    $client{expired}, resume => 1] } qw(tls1_2 tls1_3)),
);

my $GET = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
my $session = Tideway::Test::temp_dir() . '/session';

sub talk
{
	my ($p, $bind, %o) = @_;
	my $resume = delete $o{resume};

	s_client($p->addr($bind), %o, sess_out => $session) if $resume;
	my $f = s_client($p->addr($bind), %o, input => $GET, until => qr/^END/m,
	    $resume ? (sess_in => $session) : ());
	return { $f->{out} =~ /^(\S+?) = <(.*?)>$/msg };
}

sub all
{
	my ($global, @how) = @_;
	my $p = start_proxy(config($global), @how);
	my @got = map { my (undef, @c) = @$_; talk($p, @c) } @clients;

	my $c = $p->client('plain');
	push @got, { $c->request($GET)->body =~ /^(\S+?) = <(.*?)>$/mg };
	stop_proxy($p);
	return @got;
}

my @want = all('', bin => $haproxy);
my @got = all('');
for my $i (0 .. $#want) {
	my $name = $i > $#clients ? 'clear text' : $clients[$i][0];

	subtest $name => sub {
		is(keys %{ $got[$i] }, @fetches, 'an answer')
		    or return;
		is($got[$i]{$_}, $want[$i]{$_}, $_) for @fetches;
	};
}

done_testing();
