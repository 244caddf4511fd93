# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What fetches say of TLS to servers: in the response's rules and in the log, when
# the connection is gone; beside Debian's haproxy where it is there.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

my $ca = ca('Root', subject => '/C=DE/O=Example/CN=Root CA');
my $mid = ca('Mid', ca => $ca);
my $site = cert('www.example.org', ca => $mid, type => 'rsa',
    subject => '/C=DE/O=Example, Inc./OU=one/OU=two/CN=www.example.org');
my %o = (v12 => tls_origin(cert => $site, version => 'TLSv1_2', alpn => ['http/1.1']),
    v13 => tls_origin(cert => $site, version => 'TLSv1_3'),
    clear => origin(name => 'clear'));

my @fetches = split ' ', 'ssl_bc ssl_bc_alg_keysize ssl_bc_alpn ssl_bc_cipher ssl_bc_err
    ssl_bc_err_str ssl_bc_is_resumed ssl_bc_protocol ssl_bc_use_keysize
    ssl_bc_client_random,hex,length ssl_bc_server_random,hex,length
    ssl_bc_session_key,hex,length ssl_bc_unique_id,hex,length
    ssl_s_der,sha1,hex ssl_s_chain_der,sha1,hex ssl_s_sha1,hex ssl_s_serial,hex
    ssl_s_key_alg ssl_s_sig_alg ssl_s_notbefore ssl_s_notafter ssl_s_version
    ssl_s_s_dn ssl_s_s_dn(OU,2) ssl_s_s_dn(,0,rfc2253) ssl_s_i_dn ssl_s_i_dn(CN)';
my @ours = (qw(ssl_bc_curve ssl_bc_sni ssl_bc_server_traffic_secret_0
    ssl_bc_exporter_secret ssl_bc_client_early_traffic_secret), 'ssl_bc_session_id,hex');
my $log_format = join '', map { "$_=<%[$_]> " } @fetches, 'bc_err';
my $our_format = join '', map { "$_=<%[$_]> " } @ours;

sub config
{
	my ($log, $global) = @_;
	my $headers = join '', map { "    http-response set-header X-$_ <%[$fetches[$_]]>\n" }
	    0 .. $#fetches;
	my %servers = (
		v12 => "${\ $o{v12}->addr} ssl verify none alpn http/1.1",
		v13 => "${\ $o{v13}->addr} ssl verify required ca-file $ca->{crt} sni str(www.example.org)",
		clear => $o{clear}->addr,
		bad => "${\ $o{v12}->addr} ssl verify required ca-file $site->{crt}",
		not_tls => "${\ $o{clear}->addr} ssl verify none",
		too_new => "${\ $o{v12}->addr} ssl verify none ssl-min-ver TLSv1.3",
	);
	return "global\n    log $log->{addr} len 16000 local0\n$global" . defaults('log global',
	    'retries 0') . join('', map { "frontend $_
    bind {BIND:$_}
    log-format '$log_format'
    default_backend b_$_
backend b_$_
    timeout connect 1s
$headers    server s $servers{$_}
" } sort keys %servers) . "listen raw
    mode tcp
    bind {BIND:raw}
    log-format '$log_format'
    server s $servers{v13}
";
}

my $GET = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

# what the response and the log say
sub ask
{
	my ($p, $log, $name) = @_;
	my $m = $p->request($name, $GET);
	my $l = $log->next_line;

	my %r = (status => $m->status, map { ("in the response: $fetches[$_]" =>
	    ($m->header("X-$_") // '') =~ s/^<|>$//gr) } 0 .. $#fetches);
	my %l = ($l ? $l->{msg} : '') =~ /(\S+)=<(.*?)> /g;
	$r{"in the log: $_"} = $l{$_} for keys %l;
	return \%r;
}

my @names = qw(v12 v12 v13 v13 clear bad not_tls too_new raw);

sub all
{
	my ($global, @how) = @_;
	my $log = syslog_unix();
	my $p = start_proxy(config($log, $global), @how);
	my @got = map { ask($p, $log, $_) } @names;

	stop_proxy($p);
	return @got;
}

my @got = all('');
SKIP: {
	my $haproxy = find_haproxy() or skip('haproxy is not installed', 1);
	my @want = all('', bin => $haproxy);
	for my $i (0 .. $#names) {
		subtest "$names[$i], $i" => sub {
			# after a time-out, and at the end of mode tcp, haproxy
			# has given some of it away
			delete @{ $want[$i] }{'in the log: bc_err', 'in the log: ssl_bc_err'}
			    if $names[$i] eq 'not_tls';
			delete $want[$i]{'in the log: ssl_bc_session_key,hex,length'}
			    if $names[$i] eq 'raw';
			is($got[$i]{$_}, $want[$i]{$_}, $_)
			    for sort keys %{ $want[$i] };
		};
	}
}
is($got[0]{'in the log: ssl_bc_protocol'}, 'TLSv1.2', 'version');
is($got[0]{'in the log: ssl_bc_alpn'}, 'http/1.1', 'ALPN');
is($got[0]{'in the log: ssl_s_i_dn(CN)'}, 'Mid', 'issuer');
is($got[8]{'in the log: ssl_bc_protocol'}, 'TLSv1.3', 'mode tcp');
is($got[4]{'in the log: ssl_bc'}, 0, 'clear text');

my $log = syslog_unix();
my $p = start_proxy(config($log, "    tune.ssl.keylog on\n")
    =~ s/log-format '.*?'/log-format '$our_format'/gr);
ask($p, $log, 'v13');
ask($p, $log, 'v12');
my %l = %{ ask($p, $log, 'v13') };
is($l{'in the log: ssl_bc_sni'}, 'www.example.org', 'SNI');
is($l{'in the log: ssl_bc_curve'}, 'X25519', 'group');
like($l{"in the log: ssl_bc_$_"}, qr/^[0-9a-f]{64,96}$/, $_)
    for qw(server_traffic_secret_0 exporter_secret);
is($l{'in the log: ssl_bc_client_early_traffic_secret'}, '-', 'none of early data');
like($l{'in the log: ssl_bc_session_id,hex'}, qr/^[0-9A-F]{64}$/, 'session');
%l = %{ ask($p, $log, 'v12') };
is($l{'in the log: ssl_bc_exporter_secret'}, '-', 'none in TLS 1.2');
stop_proxy($p);
like($got[5]{'in the log: ssl_bc_err_str'}, qr/certificate verify failed/, 'why not');

done_testing();
