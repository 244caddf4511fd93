# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Records of TLS 1.3 that the proxy makes itself (tune.ssl.record-layer): with
# each cipher, to clients and to servers, in all sizes; what OpenSSL has to say
# meanwhile (tickets, alerts, key updates) goes the same way; and when the peer
# changes the key OpenSSL goes on.
use Tideway::Test;
use Tideway::TLS;
use Tideway::TLSWire;
use Digest::MD5 qw(md5_hex);
use IO::Select;
use IPC::Open3 ();

plan(skip_all => 'HAProxy has OpenSSL make them') unless is_tideway();

my ($version) = run_cmd('-vv')->{out} =~ /Running on OpenSSL version : OpenSSL ([\d.]+)/;
my $ours = $version =~ /^3\.[015]\./ ? 1 : 0;
my @CIPHERS = qw(TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384
    TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_CCM_SHA256);
my @SIZES = (0, 1, 15, 16, 17, 2047, 2048, 2049, 16383, 16384, 16385, 70000, 1_000_000);

my $random = do { open my $fh, '<:raw', '/dev/urandom' or die; read $fh, my $b, 1 << 20; $b };
my $dir = Tideway::Test::temp_dir();
my $pem = cert('localhost')->{pem};
my $o = origin(respond => sub {
	my ($req) = @_;
	return response(200, $req->body, 'X-Md5: ' . md5_hex($req->body)) if $req->method eq 'POST';
	return response(200, substr $random, 0, $req->uri =~ m{/(\d+)} ? $1 : 5);
});

sub start
{
	my ($cipher, @global) = @_;

	return start_proxy(join("\n    ", 'global', @global) . "\n" . defaults() . "
frontend web
    bind {BIND:web} ssl crt $pem ciphersuites $cipher
    use_backend stats if { path /stats }
    default_backend server
backend server
    server s ${\ $o->addr}
frontend plain
    bind {BIND:plain}
    default_backend tls
backend tls
    server s 127.0.0.1:{PORT:web} ssl verify none ciphersuites $cipher
backend stats
    stats enable
    stats uri /stats
");
}

sub own_records
{
	my ($p) = @_;

	return https_get($p->addr('web'), path => '/stats', version => 'TLSv1_2')->body
	    =~ m{tls_own_record_connections_total</dt><dd>(\d+)</dd>} ? $1 : 0;
}

for my $cipher (@CIPHERS) {
	subtest $cipher => sub {
		my $p = start($cipher, $cipher =~ /CCM/ ? () : 'tune.ssl.record-layer auto');
		my $many = $ours && $cipher !~ /CCM/ ? 1 : 0;
		my $m;

		is(own_records($p), 0, 'TLS 1.2: not ours');
		for my $n (@SIZES) {
			$m = https_get($p->addr('web'), path => "/$n", suites => $cipher, $m ? (conn => $m->{conn}) : ());
			ok($m->status == 200 && $m->body eq substr($random, 0, $n), "$n bytes");
		}
		is($m->{tls}{cipher}, $cipher, 'the cipher');
		is(own_records($p), $many, $many ? 'ours' : 'OpenSSL\'s');
		$m = $p->get('plain', '/1000000');
		is($m->body, substr($random, 0, 1_000_000), 'from a server');
		$m = $p->request('plain', "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n"
		    . substr $random, 0, 500_000);
		is($m->header('X-Md5'), md5_hex(substr $random, 0, 500_000), 'to a server');
		stop_proxy($p);
	};
}

my $usual = start('TLS_AES_256_GCM_SHA384');

subtest 'tickets, and the end' => sub {
	my $w = tls_wire($usual->addr('web'), version => 'TLSv1_3');
	my $f;

	for my $i (1 .. 3) {
		$f = s_client($usual->addr('web'), sess_out => "$dir/sess$i",
		    $i > 1 ? (sess_in => "$dir/sess" . ($i - 1)) : ());
		is($f->{reused}, $i > 1 ? 1 : 0, $i > 1 ? 'resumed' : 'a ticket');
	}
	$w->push($w->seal("GET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
	is(length($w->read =~ s/.*?\r\n\r\n//sr), 5, 'an answer');
	is($w->ended, 'clean', 'and close_notify');
};

subtest 'tune.ssl.record-layer openssl' => sub {
	my $p = start('TLS_AES_256_GCM_SHA384', 'tune.ssl.record-layer openssl');
	my $m = https_get($p->addr('web'), path => '/100000');

	is($m->body, substr($random, 0, 100_000), 'the same bytes');
	is(own_records($p), 0, 'OpenSSL\'s');
	Tideway::Test::spew($p->{cfg}, $p->config =~ s/record-layer openssl/record-layer auto/r);
	$p->signal('USR2');
	ok((wait_until {
		$m = https_get($p->addr('web'), path => '/100000');
		$m->body eq substr($random, 0, 100_000) or die 'other bytes';
		own_records($p) > 0 || !$ours;
	} 10), 'a reload changes it');
	stop_proxy($p);
};

# a program of OpenSSL that is typed to
sub typed
{
	my (@cmd) = @_;
	my $self = { got => '' };

	$self->{pid} = IPC::Open3::open3($self->{in}, $self->{out}, undef, 'openssl', @cmd);
	return $self;
}

sub type { syswrite $_[0]{in}, $_[1] }

sub shows
{
	my ($t, $re) = @_;

	while ($t->{got} !~ $re && IO::Select->new($t->{out})->can_read(20)) {
		sysread $t->{out}, $t->{got}, 65536, length $t->{got} or last;
	}
	return $t->{got} =~ s/^.*?$re//s;
}

sub end
{
	my ($t) = @_;

	close $t->{in};
	kill 'TERM', $t->{pid};
	waitpid $t->{pid}, 0;
}

subtest 'a client changes the keys' => sub {
	my $c = typed('s_client', '-connect', $usual->addr('web'), '-tls1_3', '-servername', 'a');

	ok(shows($c, qr/Verify return code.*---\n/s), 'a connection');
	for my $key (qw(k K K)) {
		type($c, "$key\n");
		ok(shows($c, qr/KEYUPDATE/), "$key: asked for");
		for my $n (5, 100_000) {
			type($c, "GET /$n HTTP/1.1\r\nHost: a\r\n\r\n");
			ok(shows($c, qr/Content-Length: $n\r\n\r\n\Q${\ substr $random, 0, $n}\E/i),
			    "$n bytes after it");
		}
	}
	end($c);
};

subtest 'a client changes them while bytes wait' => sub {
	my $c = typed('s_client', '-connect', $usual->addr('web'), '-tls1_3', '-servername', 'a');
	my $n = 1_000_000;

	ok(shows($c, qr/Verify return code.*---\n/s), 'a connection');
	type($c, "GET /$n HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(shows($c, qr/Content-Length: $n\r\n\r\n/i), 'the beginning, and it does not read on');
	type($c, "K\n");
	ok(shows($c, qr/\Q${\ substr $random, $n - 1000, 1000}\E/), 'the end');
	type($c, "GET /7 HTTP/1.1\r\nHost: a\r\n\r\n");
	ok(shows($c, qr/Content-Length: 7\r\n\r\n\Q${\ substr $random, 0, 7}\E/i), 'the next answer');
	end($c);
};

subtest 'a server changes them' => sub {
	my $s = typed('s_server', '-accept', '127.0.0.1:0', '-cert', $pem, '-tls1_3');
	my $got = '';

	shows($s, qr/ACCEPT 127\.0\.0\.1:(?=\d+\n)/) or return fail('no server');
	my ($port) = $s->{got} =~ /^(\d+)/;
	my $p = start_proxy(defaults() . "
listen tcp
    mode tcp
    bind {BIND:tcp}
    server s 127.0.0.1:$port ssl verify none
");
	my $c = raw_client($p->addr('tcp'), "first\n");
	ok(shows($s, qr/first\n/), 'bytes');
	for my $key (qw(k K K)) {
		type($s, "$key\n"); # a command is what it reads in one piece
		$c->send("say $key\n");
		ok(shows($s, qr/say $key\n/), "$key: bytes to it");
		type($s, "yes\n");
		is($c->read_until(qr/\n/), "yes\n", 'bytes from it');
		$c->send("well\n");
		ok(shows($s, qr/well\n/), 'and to it');
	}
	$c->close;
	end($s);
	stop_proxy($p);
};

for my $w (['on', qr/'auto' or 'openssl', not 'on'/], ['', qr/record-layer.*(?:expects|missing|argument)/]) {
	my $r = check_config("global\n    tune.ssl.record-layer $w->[0]\n" . defaults() . "frontend f\n    bind :0\n");

	ok($r->{sane} && $r->{code} == 1, "record-layer $w->[0]: refused");
	like($r->{all}, $w->[1], 'with a word on it');
}

stop_proxy($usual);
done_testing();
