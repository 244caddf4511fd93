# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# ktls: records that the kernel makes, to clients and to servers; in user-mode
# Linux where the machine's own kernel has no TLS.
use FindBin;
use lib "$FindBin::Bin/lib";
use Tideway::Ktls;
use Tideway::Test;
use Tideway::H2;
use Tideway::TLS;
use Tideway::TLSWire;
use Digest::MD5 qw(md5_hex);
use IO::Select;
use IPC::Open3 ();

alarm 180 * ($ENV{TW_TIME_SCALE} || 1);
my @SIZES = (0, 1, 15, 16, 17, 2047, 2048, 2049, 16383, 16384, 16385, 70000, 300_000);
my @CIPHERS = (
	['TLSv1_3', 'TLS_AES_128_GCM_SHA256', 1],
	['TLSv1_3', 'TLS_AES_256_GCM_SHA384', 1],
	['TLSv1_3', 'TLS_CHACHA20_POLY1305_SHA256', 1],
	['TLSv1_3', 'TLS_AES_128_CCM_SHA256', 0],
	['TLSv1_2', 'ECDHE-ECDSA-AES128-GCM-SHA256', 1],
	['TLSv1_2', 'ECDHE-ECDSA-AES256-GCM-SHA384', 1],
	['TLSv1_2', 'ECDHE-ECDSA-CHACHA20-POLY1305', 1],
	['TLSv1_2', 'ECDHE-ECDSA-AES128-SHA', 0],
);

my $dir = Tideway::Test::temp_dir();
my $pem = cert('localhost')->{pem};

sub chunks
{
	my ($bytes) = @_;
	my ($out, $n) = ('', 1);

	while ((my $part = substr $bytes, 0, $n, '') ne '') {
		$out .= sprintf "%x\r\n%s\r\n", length $part, $part;
		$n = $n * 3 % 70_001;
	}
	return "${out}0\r\n\r\n";
}

my $o = origin(respond => sub {
	my ($req, $c) = @_;
	my $body = substr $random, 0, $req->uri =~ m{/(\d+)} ? $1 : 5;

	return response(200, $req->body, 'X-Md5: ' . md5_hex($req->body),
	    'X-Early: ' . ($req->header('Early-Data') // 'none')) if $req->method eq 'POST';
	return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" . chunks($body)
	    if $req->uri =~ /chunked/;
	return response(200, $body, 'Content-Type: text/plain');
});

sub start
{
	my ($opts, @global) = @_;

	return start_proxy(join("\n    ", 'global', @global) . "\n"
	    . defaults('timeout client 60s', 'timeout server 60s') . "
frontend web
    bind {BIND:web} ssl crt $pem ktls on $opts
    bind {BIND:early} ssl crt $pem ktls on allow-0rtt
    bind {BIND:h2} ssl crt $pem ktls on alpn h2
    default_backend server
backend server
    server s ${\ $o->addr}
listen gzip
    bind {BIND:gzip} ssl crt $pem ktls on
    compression algo gzip
    compression type text/plain
    server s ${\ $o->addr}
listen copied
    bind {BIND:copied} ssl crt $pem ktls on
    no option splice-auto
    server s ${\ $o->addr}
listen tcp
    mode tcp
    bind {BIND:tcp} ssl crt $pem ktls on
    server s ${\ $o->addr}
listen off
    bind {BIND:off} ssl crt $pem ktls off
    server s ${\ $o->addr}
frontend plain
    bind {BIND:plain}
    use_backend stats if { path /stats }
    default_backend tls
backend tls
    server s 127.0.0.1:{PORT:web} ssl verify none ktls on $opts
backend stats
    stats enable
    stats uri /stats
");
}

sub is_body { return $_[0]->status == 200 && $_[0]->body eq substr $random, 0, $_[1] }

for my $case (@CIPHERS) {
	my ($version, $cipher, $is_ours) = @$case;
	subtest "$version $cipher" => sub {
		my $is_13 = $version eq 'TLSv1_3';
		my $p = start($is_13 ? "ciphersuites $cipher" : "ssl-max-ver TLSv1.2 ciphers $cipher");
		my @version = (version => $version, $is_13 ? (suites => $cipher) : ());
		my $m;
		for my $n (@SIZES) {
			$m = https_get($p->addr('web'), path => "/$n", @version, $m ? (conn => $m->{conn}) : ());
			ok(is_body($m, $n), "$n bytes");
		}
		is($m->{tls}{cipher}, $cipher, 'the cipher');
		is(ktls_counter($p, 'connections'), $is_ours, $is_ours ? 'the kernel\'s' : 'not the kernel\'s');
		ok(is_body($p->get('plain', '/300000'), 300_000), 'from a server');
		$m = $p->request('plain', "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n"
		    . substr $random, 0, 500_000);
		is($m->header('X-Md5'), md5_hex(substr $random, 0, 500_000), 'to a server');
		is(ktls_counter($p, 'connections'), 5 * $is_ours, 'both sides');
		stop_proxy($p);
	};
}

my $usual = start('');

subtest 'tickets, and the end' => sub {
	for my $v ('tls1_2', 'tls1_3') {
		for my $i (1 .. 3) {
			my $f = s_client($usual->addr('web'), version => $v, sess_out => "$dir/$v.$i",
			    $i > 1 ? (sess_in => "$dir/$v." . ($v eq 'tls1_2' ? 1 : $i - 1)) : ());
			is($f->{reused}, $i > 1 ? 1 : 0, "$v: " . ($i > 1 ? 'resumed' : 'a ticket'));
		}
	}
	for my $v ('TLSv1_2', 'TLSv1_3') {
		for my $n (5, 500_000) {
			my $w = tls_wire($usual->addr('web'), version => $v);
			$w->push($w->seal("GET /$n HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
			ok($w->read =~ s/.*?\r\n\r\n//sr eq substr($random, 0, $n), "$v: an answer of $n bytes");
			is($w->ended, 'clean', 'and close_notify');
		}
	}
};

sub pipes
{
	return scalar grep { (readlink $_ // '') =~ /^pipe:/ } glob '/proc/' . $_[0]->pid . '/fd/*';
}

# how a long body goes, which must come in full
sub way_down
{
	my ($p, $bind, $path, @headers) = @_;
	my ($n) = $path =~ /(\d+)/;
	my $version = $bind eq 'tcp' ? '1.0' : '1.1';
	my $w = tls_wire($p->addr($bind), version => 'TLSv1_3', rcvbuf => 4096);

	$w->{forget} = 1;
	$w->push($w->seal(join "\r\n", "GET $path HTTP/$version", 'Host: a', 'Connection: close', @headers, '', ''));
	my $head = $w->read(qr/\r\n\r\n/);
	stalled(20_000, $p->port($bind));
	my $way = pipes($p) > $p->{pipes} ? 'spliced' : 'copied';
	my $got = $w->read;
	return "no $n bytes"
	    if $head !~ /chunked/i && $got ne substr($random, 0, $n) || $w->ended ne 'clean';
	return $way;
}

subtest 'splice' => sub {
	my $start = sub {
		my $p = start('', @_);
		$p->{pipes} = pipes($p);
		return $p;
	};
	# pipes are kept: those that use none come first
	my $p = $start->();
	is(way_down($p, 'copied', '/3500000'), 'copied', 'no option splice-auto');
	is(way_down($p, 'off', '/3500000'), 'copied', 'ktls off');
	is(way_down($p, 'gzip', '/3500000', 'Accept-Encoding: gzip'), 'copied', 'compression');
	is(way_down($p, 'web', '/3500001'), 'spliced', 'spliced');
	is(way_down($p, 'tcp', '/4000000'), 'spliced', 'mode tcp');
	stop_proxy($p);
	for my $word ('nosplice', 'tune.ssl.hard-maxrecord 5000') {
		$p = $start->($word);
		is(way_down($p, 'web', '/3500000'), 'copied', $word);
		stop_proxy($p);
	}
};

subtest 'bodies of many sizes' => sub {
	for my $v ('TLSv1_2', 'TLSv1_3') {
		my ($m, @bad);
		for my $path (map { ("/$_", "/$_/chunked") } map { 10_000 * $_ ** 3 + $_ } 1, 2, 5, 7) {
			my ($n) = $path =~ /(\d+)/;
			$m = https_get($usual->addr('web'), path => $path, version => $v, $m ? (conn => $m->{conn}) : ());
			push @bad, $path unless is_body($m, $n);
			push @bad, "gzip $path" unless is_body(https_get($usual->addr('gzip'), path => $path, version => $v), $n);
		}
		is("@bad", '', $v);
	}
};

subtest 'requests with bodies, to a server' => sub {
	my $c = $usual->client('plain');
	my $bad = 0;

	for my $n (map { 5 ** $_ } 1 .. 8) {
		my $body = substr $random, 0, $n;
		for my $req ("Content-Length: $n\r\n\r\n$body", "Transfer-Encoding: chunked\r\n\r\n" . chunks($body)) {
			my $m = $c->request("POST / HTTP/1.1\r\nHost: a\r\n$req");
			$bad++ if $m->header('X-Md5') ne md5_hex($body) || !is_body($m, $n);
		}
	}
	is($bad, 0, 'all bytes, there and back');
};

# openssl's client, that is typed to
sub typed
{
	my ($bind) = @_;
	my $self = bless { got => '' };

	$self->{pid} = IPC::Open3::open3($self->{in}, $self->{out}, undef, 'openssl', 's_client',
	    '-connect', $usual->addr($bind), '-tls1_3', '-servername', 'a');
	ok($self->shows(qr/Verify return code.*---\n/s), 'a connection');
	return $self;
}

sub type { syswrite $_[0]{in}, $_[1] }

sub shows
{
	my ($t, $re) = @_;

	while ($t->{got} !~ $re && IO::Select->new($t->{out})->can_read(10)) {
		sysread $t->{out}, $t->{got}, 65536, length $t->{got} or return 0;
	}
	return $t->{got} =~ s/^.*?$re//s;
}

sub ended
{
	my ($t) = @_;

	while (IO::Select->new($t->{out})->can_read(10)) {
		sysread $t->{out}, my $some, 65536 or return 1;
	}
	return 0;
}

sub end
{
	my ($t) = @_;

	close $t->{in};
	kill 'TERM', $t->{pid};
	waitpid $t->{pid}, 0;
}

subtest 'a client changes the keys' => sub {
	my $c = typed('web');

	for (1 .. 2) {
		$c->type("k\n");
		ok($c->shows(qr/KEYUPDATE/), 'its own');
		for my $n (5, 100_000) {
			$c->type("GET /$n HTTP/1.1\r\nHost: a\r\n\r\n");
			ok($c->shows(qr/Content-Length: $n\r\n\r\n\Q${\ substr $random, 0, $n}\E/i),
			    "$n bytes after it");
		}
	}
	is(ktls_counter($usual, 'key_updates'), 0, 'no connection is lost by that');
	$c->type("K\n");
	ok($c->shows(qr/KEYUPDATE/), 'both are to change');
	$c->type("GET /5 HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($c->ended, 'the connection ends');
	$c->end;
	is(ktls_counter($usual, 'key_updates'), 1, 'counted');
	ok(is_body(https_get($usual->addr('web'), path => '/7'), 7), 'another connection');
	$c = typed('web');
	$c->type("GET /4000000 HTTP/1.1\r\nHost: a\r\n\r\n");
	ok($c->shows(qr/Content-Length: 4000000\r\n/i), 'in the middle of an answer');
	$c->type("K\n");
	ok($c->ended, 'the connection ends');
	$c->end;
	is(ktls_counter($usual, 'key_updates'), 2, 'counted');
};

subtest 'HTTP/2' => sub {
	my $before = ktls_counter($usual, 'connections');
	my $c = h2_client($usual->addr('h2'), tls => { version => 'TLSv1_3' });
	my @sids = map { $c->request(path => '/' . 50_000 * $_) } 1 .. 20;
	my @bad = grep {
		my $r = $c->response($sids[$_ - 1]);
		$r->status != 200 || $r->body ne substr $random, 0, 50_000 * $_;
	} 1 .. 20;

	is("@bad", '', 'many streams');
	@sids = map { $c->request(method => 'POST', path => '/', body => substr $random, 0, 30_000 * $_) } 1 .. 10;
	@bad = grep {
		my $r = $c->response($sids[$_ - 1]);
		($r->header('x-md5') // '') ne md5_hex(substr $random, 0, 30_000 * $_)
		    || length $r->body != 30_000 * $_;
	} 1 .. 10;
	is("@bad", '', 'bodies both ways');
	is(join(' ', $c->violations), '', 'as it should be');
	is(ktls_counter($usual, 'connections'), $before + 1, 'the kernel\'s');
	$c->close;
};

subtest 'early data' => sub {
	for my $n (5, 10_000) {
		s_client($usual->addr('early'), version => 'tls1_3', sess_out => "$dir/early");
		spew('early.txt', "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: $n\r\n\r\n" . 'e' x $n);
		my $f = s_client($usual->addr('early'), version => 'tls1_3', sess_in => "$dir/early",
		    early => "$dir/early.txt", until => qr/X-Early.*?\r\n\r\n/s);
		is($f->{early}, 'accepted', 'accepted');
		like($f->{out}, qr/X-Md5: ${\ md5_hex('e' x $n)}\r\nX-Early: 1/i, 'answered');
	}
};

# payload of each record of one answer, without the tag and TLS 1.3's type
sub sizes
{
	my ($w, $len) = @_;

	$w->{seen} = '';
	$w->push($w->seal("GET /$len HTTP/1.1\r\nHost: a\r\n\r\n"));
	$w->read(qr/\r\n\r\n/);
	$w->read($len);
	return map { length($_->{data}) - 17 } grep { $_->{type} == 23 } tls_records($w->{seen});
}

sub most { return (sort { $b <=> $a } @_)[0] }

subtest 'sizes of records' => sub {
	for my $case (['tune.ssl.hard-maxrecord 2000', 2000, 2000], ['tune.ssl.maxrecord 1419', 1419, 16384],
	    ['tune.ssl.maxrecord 1419', 1419, 4000, 'tune.ssl.hard-maxrecord 4000']) {
		my ($word, $first, $later, @more) = @$case;
		my $p = start('', $word, @more);
		my $w = tls_wire($p->addr('web'), version => 'TLSv1_3');
		sizes($w, 5); # behind the tickets
		my @s = sizes($w, 1_000_000);
		is(most(@s[0 .. 19]), $first, join ', ', $word, @more, 'first');
		cmp_ok(most(@s), '<=', $later, 'later');
		cmp_ok(most(@s), '>', $later * 0.9, 'longer ones');
		is(ktls_counter($p, 'connections'), 1, 'the kernel\'s');
		stop_proxy($p);
	}
};

stop_proxy($usual);
done_testing;
