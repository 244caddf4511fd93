# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The module's counters: each goes up by what it counts, and by nothing else.
use Tideway::Test;
use Tideway::Cli;
use Tideway::TLS;
use POSIX ();

plan(skip_all => 'they are not HAProxy\'s') unless is_tideway();

my $dir = Tideway::Test::temp_dir();
my $ca = ca('Root');
my $site = cert('www.test', ca => $ca);
my $responder = origin(respond => sub {
	my ($req) = @_;
	return response(500, 'no') if $req->uri =~ m{^/bad};
	my $der = slurp("$dir/der");
	return "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Length: "
	    . length($der) . "\r\n\r\n$der";
});
my %ocsp = map { $_ => cert("$_.test", ca => $ca, file => $_, ext =>
	'authorityInfoAccess = OCSP;URI:http://' . $responder->addr . "/$_\n") } qw(good bad);
for my $c (values %ocsp) {
	Tideway::Test::spew("$c->{cn}.pem", pem_text($c->{crt}, $ca->{crt}, $c->{key}));
}
Tideway::Test::spew('der', slurp(ocsp_response($ca, $ocsp{good})));
Tideway::Test::spew('ca.pem', pem_text($ca->{crt}, $ca->{key}));
my $o = tls_origin(cert => $site, version => 'TLSv1_2');
my $clear = origin(raw => 1, greet => sub { $_[0]->send("nonsense\n"); $_[0]->read_all });
my $mute = listener();
my $GET = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

my $text = "global
    nbthread 1
    tune.ssl.record-layer openssl
    ocsp-update.mode on
    ocsp-update.mindelay 1000
" . defaults('retries 0') . "
frontend web
    bind {BIND:web} ssl crt $site->{pem}
    bind {BIND:early} ssl crt $site->{pem} allow-0rtt
    bind {BIND:strict} ssl crt $site->{pem} strict-sni
    bind {BIND:forge} ssl crt $site->{pem} generate-certificates ca-sign-file $dir/ca.pem
    bind {BIND:mtls} ssl crt $site->{pem} ca-file $ca->{crt} verify required
    http-request return status 200 content-type text/plain string end\\n
frontend ocsp
    bind {BIND:ocsp} ssl crt $dir/good.test.pem crt $dir/bad.test.pem
frontend hs
    timeout client-hs 200ms
    bind {BIND:hs} ssl crt $site->{pem}
frontend plain
    bind {BIND:plain}
    use_backend %[path,field(2,/)]
backend server
    http-reuse never
    server s ${\ $o->addr} ssl verify none
backend fails
    server s ${\ $clear->addr} ssl verify none
backend mute
    timeout connect 200ms
    server s ${\ $mute->addr} ssl verify none
backend stats
    stats enable
    stats uri /stats
";
my $p = start_proxy($text);

sub numbers
{
	my %n = $p->get('plain', '/stats')->body =~ m{(tls_\w+)</dt><dd>(\d+)</dd>}g;

	return \%n;
}

# what goes up while the sub runs, and no other
sub counted
{
	my ($name, $sub, %want) = @_;
	my $before = numbers();
	my (%by, $now);

	$sub->();
	wait_until {
		$now = numbers();
		%by = map { $now->{$_} == $before->{$_} ? () : ($_ => $now->{$_} - $before->{$_}) }
		    keys %$now;
		return !grep { ($by{"tls_${_}_total"} // 0) < $want{$_} } keys %want;
	} 10;
	return is_deeply(\%by, { map { ("tls_${_}_total" => $want{$_}) } keys %want }, $name);
}

sub shake { return s_client($p->addr(shift), ca => $ca, @_) }
sub leave { my ($bind, $bytes) = @_; my $r = raw_client($p->addr($bind), $bytes); $r->shutdown_write; $r->read_all }

ok((wait_until { my $n = numbers(); $n->{tls_ocsp_updates_total} == 1
	&& $n->{tls_ocsp_updates_failed_total} == 1 }), 'OCSP: an update that succeeded, one that failed');
counted('nothing happens', sub { });
for my $v (qw(tls1_2 tls1_3)) {
	counted("$v: a handshake", sub { shake('web', version => $v, sess_out => "$dir/$v") }, handshakes => 1);
	counted('a resumed one', sub { shake('web', version => $v, sess_in => "$dir/$v") },
	    handshakes => 1, handshakes_resumed => 1);
}
counted('clear text', sub { leave('web', $GET) }, handshakes_failed => 1, clear_text => 1);
counted('noise', sub { leave('web', "\1\2\3\4" x 30) }, handshakes_failed => 1, clear_text => 1);
counted('a record that is no hello', sub { leave('web', "\x16\3\1\0\5\5\0\0\1x") }, handshakes_failed => 1);
counted('no version in common', sub { shake('web', version => 'tls1', ciphers => 'ALL:@SECLEVEL=0') },
    handshakes_failed => 1);
counted('half a hello, and the end', sub { leave('web', substr hello(sni => 'a'), 0, 40) },
    handshakes_failed => 1);
counted('a hello that does not come to its end: timeout client-hs', sub {
	raw_client($p->addr('hs'), substr hello(sni => 'a'), 0, 40)->read_all }, handshakes_failed => 1);
counted('a handshake that does not: the same', sub {
	raw_client($p->addr('hs'), hello(sni => 'a', groups => 1, versions => [0x304], key_share => 1))->read_all },
    handshakes_failed => 1);
counted('a client without a certificate', sub { shake('mtls', version => 'tls1_2') }, handshakes_failed => 1);
counted('strict-sni', sub { shake('strict', sni => 'none.test') }, handshakes_failed => 1, strict_sni => 1);
counted('the right name', sub { shake('strict', sni => 'www.test') }, handshakes => 1);
counted('a generated certificate', sub { shake('forge', sni => 'forged.test') },
    handshakes => 1, generated_certificates => 1);
counted('the same again', sub { shake('forge', sni => 'forged.test') }, handshakes => 1);
counted('an OCSP answer', sub { shake('ocsp', sni => 'good.test', ocsp => 1) }, handshakes => 1,
    ocsp_stapled => 1);
counted('who does not ask for it', sub { shake('ocsp', sni => 'good.test') }, handshakes => 1);
counted('a server', sub { $p->get('plain', '/server') }, server_handshakes => 1);
counted('resumed', sub { $p->get('plain', '/server') }, server_handshakes => 1,
    server_handshakes_resumed => 1);
counted('one that does not speak TLS', sub { $p->get('plain', '/fails') }, server_handshakes_failed => 1);
counted('one that says nothing', sub { $p->get('plain', '/mute') }, server_handshakes_failed => 1);
counted('early data', sub {
	shake('early', version => 'tls1_3', sess_out => "$dir/e");
	Tideway::Test::spew('early.txt', $GET =~ s/Connection.*?\n//r);
	is(shake('early', version => 'tls1_3', sess_in => "$dir/e", early => "$dir/early.txt",
	    until => qr/end\n/)->{early}, 'accepted', 'taken');
}, handshakes => 2, handshakes_resumed => 1, early_data => 1);
stop_proxy($p);

subtest 'maxsslconn' => sub {
	$p = start_proxy($text =~ s/    nbthread/    maxsslconn 1\n    nbthread/r);
	my $c = tls_client($p->addr('web'));
	ok((wait_until { numbers()->{tls_handshakes_total} == 1 }), 'a client');
	counted('of a server when there is no room', sub {
		is($p->get('plain', '/server')->status, 503, 'no connection') }, server_too_many => 1);
	$c->close;
	stop_proxy($p);
};

done_testing();
