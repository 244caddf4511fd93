# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# TLS that is not terminated: real clients reach the server that their hello asks
# for, by SNI, ALPN and version, and verify its certificate; res.ssl_hello_type of
# what comes back; beside Debian's haproxy.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;

my $ca = ca('Root');
my %o = map { $_ => tls_origin(name => $_, cert => cert("$_.test", ca => $ca,
	names => ["$_.test", "*.$_.test"])) } qw(one two default alpn);
my $clear = origin(raw => 1, greet => sub { $_[0]->fill; $_[0]->send("220 no TLS here\r\n"); $_[0]->close });

my $log;

sub config
{
	return "global\n    log $log->{addr} local0\n" . defaults('mode tcp', 'log global') . "
frontend tls
    bind {BIND:tls}
    log-format \"%b %ts %[var(sess.sni)]\"
    tcp-request inspect-delay 5s
    tcp-request content set-var(sess.sni) req.ssl_sni
    tcp-request content reject if { req.ssl_sni -i bad.test }
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend alpn if { req.ssl_alpn -m sub special }
    use_backend one if { req.ssl_sni -i one.test }
    use_backend two if { req.ssl_sni -m end .two.test }
    default_backend default
frontend answers
    bind {BIND:good}
    default_backend good
frontend none
    bind {BIND:none}
    default_backend none
" . join('', map { "backend $_
    server s ${\ $o{$_}->addr}
" } sort keys %o) . join '', map { my ($name, $addr) = @$_; "backend $name
    tcp-response inspect-delay 5s
    tcp-response content accept if { res.ssl_hello_type 2 }
    tcp-response content reject if { res.len gt 5 }
    server s $addr
" } ['good', $o{one}->addr], ['none', $clear->addr];
}

sub all
{
	my (@how) = @_;
	my %r;

	$log = syslog_unix();
	my $p = start_proxy(config(), @how);
	my $to = sub {
		my ($sni, %q) = @_;
		my $m = https_get($p->addr('tls'), sni => $sni // '', host => 'a', ca => $ca, close => 1, %q);
		my $l = $log->next_line;
		# who ends first is a matter of luck
		return join ' ', $m->status, $m->header('X-Server') // '-',
		    $l ? $l->{msg} =~ s/ (?:CD|SD) / -- /r : 'no line';
	};
	for my $v (qw(TLSv1_2 TLSv1_3)) {
		for my $name ('one.test', 'ONE.test', 'a.two.test', 'two.test', 'bad.test', 'other.test') {
			$r{"$v $name"} = $to->($name, version => $v);
		}
		$r{"$v alpn"} = $to->('one.test', version => $v, alpn => ['special', 'http/1.1']);
	}
	# cut anywhere, the hello is waited for
	my $hello = hello(sni => 'one.test', versions => [0x304], key_share => 1, groups => 1,
	    extensions => [[21, "\0" x 3000]]);
	my $peer = raw_client($p->addr('tls'));
	$peer->send($_) for unpack '(a100)*', $hello;
	$r{'a long hello in pieces'} = ord $peer->read_bytes(1);
	$peer->reset;
	$log->next_line;
	$peer = raw_client($p->addr('tls'), "GET / HTTP/1.0\r\n\r\n");
	$peer->shutdown_write;
	$r{'no TLS'} = length($peer->read_all) ? 'answered' : 'closed';
	$log->next_line;
	$r{"an answer in TLS $_"} = s_client($p->addr('good'), sni => 'one.test', ca => $ca,
	    version => $_)->{verify} for qw(tls1_2 tls1_3);
	$peer = raw_client($p->addr('none'), "hello\r\n");
	$r{'an answer that is none'} = $peer->read_all;
	stop_proxy($p);
	return \%r;
}

my $got = all();
for my $v (qw(TLSv1_2 TLSv1_3)) {
	is($got->{"$v one.test"}, '200 one one -- one.test', "$v: by its name");
	is($got->{"$v ONE.test"}, '200 one one -- ONE.test', 'whatever case');
	is($got->{"$v a.two.test"}, '200 two two -- a.two.test', 'by its end');
	like($got->{"$v two.test"}, qr/^200 default /, 'which it is not');
	like($got->{"$v bad.test"}, qr/^0 - .* PR bad\.test$/, 'refused');
	like($got->{"$v alpn"}, qr/^200 alpn alpn --/, 'by the protocol');
}
is($got->{'a long hello in pieces'}, 22, 'a long hello in pieces');
is($got->{"an answer in TLS $_"}, 0, "$_: res.ssl_hello_type") for qw(tls1_2 tls1_3);
is($got->{'an answer that is none'}, '', 'which another answer is not');

SKIP: {
	my $bin = find_haproxy() or skip 'haproxy is not installed', 1;
	my $want = all(bin => $bin);
	is($got->{$_}, $want->{$_}, "as haproxy: $_") for sort keys %$want;
}
done_testing();
