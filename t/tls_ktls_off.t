# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# ktls where the kernel has no TLS: records are made without it, which is told once;
# and words that are wrong.
use Tideway::Test;
use Tideway::TLS;
use Tideway::Uml;

my $pem = cert('localhost')->{pem};
my $body = join '', map { chr(32 + ($_ * 7919 >> 3) % 90) } 1 .. 300_000;
my $o = origin(respond => sub { return response(200, $_[0]->method eq 'POST' ? length $_[0]->body : $body) });

sub start
{
	my ($ktls, @global) = @_;

	return start_proxy(join("\n    ", 'global', @global) . "\n" . defaults() . "
frontend web
    bind {BIND:web} ssl crt $pem $ktls
    default_backend server
backend server
    server s ${\ $o->addr}
frontend plain
    bind {BIND:plain}
    use_backend stats if { path /stats }
    default_backend tls
backend tls
    server s 127.0.0.1:{PORT:web} ssl verify none $ktls
backend stats
    stats enable
    stats uri /stats
");
}

sub counter
{
	my ($p) = @_;

	return $p->get('plain', '/stats')->body =~ m{tls_ktls_connections_total</dt><dd>(\d+)</dd>} ? $1 : 'none';
}

sub serves
{
	my ($p) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	for my $v ('TLSv1_2', 'TLSv1_3') {
		ok(https_get($p->addr('web'), path => '/', version => $v)->body eq $body, "$v: a client is served");
	}
	ok($p->get('plain', '/')->body eq $body, 'from a server');
	is($p->request('plain', "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n$body")->body,
	    300_000, 'to a server');
	is(counter($p), 0, 'not by the kernel');
}

subtest 'a kernel that has no TLS' => sub {
	plan skip_all => 'this one has' if has_kernel_tls();
	my $p = start('ktls on');
	ok($p->wait_output(qr/ktls/), 'told');
	my @lines = grep { /ktls/ } split /\n/, $p->stderr . $p->stdout;
	like($lines[0], qr/notice.*ktls: this kernel has no TLS|ktls: not built in/i, 'as a notice');
	is(scalar @lines, 1, 'once');
	serves($p);
	stop_proxy($p);
};

for my $case (['ktls off'], [''], ['ktls on', 'noktls']) {
	subtest join(', ', 'by ' . ($case->[0] || 'default'), @$case[1 .. $#$case]) => sub {
		my $p = start(@$case);

		serves($p);
		unlike($p->stderr . $p->stdout, qr/ktls/, 'nothing to tell');
		stop_proxy($p);
	};
}

subtest 'words' => sub {
	for my $case (['ktls maybe', qr/'maybe'|"maybe"/], ['ktls', qr/ktls/], ['ktls on off', qr/off/]) {
		for my $line ("bind :0 ssl crt $pem", 'server s 127.0.0.1:1 ssl verify none') {
			my $text = defaults() . "listen l\n    bind :0\n    $line $case->[0]\n";
			my $r = check_config($text);
			ok($r->{sane} && $r->{code} == 1, "$case->[0]: refused");
			like($r->{all}, qr/check\.cfg:@{[ $text =~ tr,\n,, ]}\b.*$case->[1]/, 'with file, line, word');
		}
	}
	my $r = check_config("global\n    noktls x\n" . defaults() . "frontend f\n    bind :0\n");
	ok($r->{sane} && $r->{code} == 1, 'noktls x: refused');
	like($r->{all}, qr/check\.cfg:2\b.*x/, 'with file, line, word');
	for my $line ("bind :0 ssl crt $pem ktls on", "bind :0 ssl crt $pem ktls off") {
		$r = check_config("global\n    noktls\n" . defaults() . "frontend f\n    $line\n");
		ok($r->{sane} && $r->{code} == 0, 'taken') or diag $r->{all};
	}
	like(run_cmd('-K')->{out}, qr/\bktls\b/, 'in the manual');
};

done_testing;
