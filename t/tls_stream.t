# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Bytes over TLS, however they are cut and joined on the way: long bodies both
# ways at once, with small buffers and a peer that reads slowly; many messages
# in one record and one over many; ends of all kinds in one piece with what
# comes before; what hostile clients can ask of the record layer.
use Tideway::Test;
use Tideway::Compare;
use Tideway::TLS;
use Tideway::TLSWire;
use Digest::MD5 qw(md5_hex);
use IO::Select;
use IPC::Open3 ();

srand($ENV{TW_SEED} // 4711);
my $BIG = 10_000_000;
my @VERSIONS = qw(TLSv1_2 TLSv1_3);
my $GET = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
my $GET_CLOSE = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

my $random = do { open my $fh, '<:raw', '/dev/urandom' or die; read $fh, my $b, 1 << 20; $b };
sub bytes { return substr $random x (1 + $_[0] / (1 << 20)), 0, $_[0] }
my $body = bytes($BIG);
my $md5 = md5_hex($body);

# mode tcp: says what it gets, and ends when that ends
sub echo
{
	my ($c) = @_;
	my $s = $c->sock;

	$s->blocking(1);
	while (sysread $s, my $buf, 1 + int rand 30000) {
		my $at = 0;
		while ($at < length $buf) {
			$at += syswrite($s, $buf, length($buf) - $at, $at) // return;
		}
	}
	shutdown $s, 1;
}

# mode tcp: an answer when its peer has ended
sub count
{
	my ($c) = @_;
	my $got = $c->read_all(30);

	$c->send(length($got) . ' ' . md5_hex($got) . ' ' . $c->state);
	$c->close;
}

# mode tcp: greets and ends, but goes on reading
sub greet
{
	my ($c, $o) = @_;

	$c->send('hello');
	$c->shutdown_write;
	my $got = $c->read_all(30);
	$o->record('got', length($got) . ' ' . $c->state);
}

my $web = origin(name => 'web', respond => sub {
	my ($req) = @_;
	return response(200, $body) if $req->uri eq '/big';
	return response(200, $req->body, 'X-Md5: ' . md5_hex($req->body))
	    if $req->method eq 'POST';
	return response(200, 'fine' . $req->uri) =~ s{200 X}{200 OK}r;
});
my %raw = map { $_->[0] => origin(name => $_->[0], raw => 1, greet => $_->[1]) }
    ['echo', \&echo], ['count', \&count], ['greet', \&greet];
my $pem = cert('localhost')->{pem};

sub start
{
	my ($bin, @global) = @_;

	return start_proxy(join("\n    ", 'global', @global) . "\n" . defaults()
	    . "
frontend web
    bind {BIND:web} ssl crt $pem
    use_backend stats if { path /stats }
    default_backend web
backend web
    server s ${\ $web->addr}
backend stats
    stats enable
    stats uri /stats
" . join('', map { "
listen $_
    mode tcp
    timeout client 20s
    timeout server 20s
    bind {BIND:$_} ssl crt $pem
    server s ${\ $raw{$_}->addr}
" } sort keys %raw) . "
frontend hs
    ${\ ($bin ? '' : 'timeout client-hs 300ms')}
    bind {BIND:hs} ssl crt $pem
    default_backend web
", $bin ? (bin => $bin) : ());
}

# Both directions at once: what is to go is sealed bit by bit, and read back in
# between. returns: md5 of what came back.
sub both_ways
{
	my ($w, $text, $most) = @_;
	my ($at, $out, $in, $ctx) = (0, '', 0, Digest::MD5->new);
	my $end = time + 60;

	while ($in < length $text && time < $end) {
		if ($at < length $text && length $out < 100_000) {
			my $n = 1 + int rand $most;
			$out .= $w->seal(substr $text, $at, $n);
			$at += $n;
		}
		$w->{forget} = 1;
		my $got = $w->turn(\$out, 1 + int rand $most);
		last unless defined $got;
		$in += length $got;
		$ctx->add($got);
	}
	return "$in " . $ctx->hexdigest;
}

my $small = start(undef, 'tune.bufsize 2048');
my $usual = start(undef);

for my $p (['small buffers', $small], ['usual buffers', $usual]) {
	subtest "both ways, $p->[0]" => sub {
		for my $v (@VERSIONS) {
			for my $most (3000, 60000) {
				my $w = tls_wire($p->[1]->addr('echo'), version => $v,
				    rcvbuf => 20000);
				is(both_ways($w, $most == 3000 ? substr($body, 0, 1_000_000)
				    : $body, $most), $most == 3000 ? '1000000 '
				    . md5_hex(substr $body, 0, 1_000_000) : "$BIG $md5",
				    "$v, pieces up to $most");
				$w->push($w->close_notify);
				is(length $w->read, 0, 'nothing more');
				is($w->ended, 'clean', 'its end');
			}
		}
	};

	subtest "http, $p->[0]" => sub {
		for my $v (@VERSIONS) {
			my $w = tls_wire($p->[1]->addr('web'), version => $v,
			    rcvbuf => 20000);
			my $len = 3_000_000;
			my $part = substr $body, 0, $len;
			is($w->upload("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
			    . "$len\r\n\r\n$part"), 1, "$v: sent");
			my $head = $w->read(qr/\r\n\r\n/);
			like($head, qr/X-Md5: ${\ md5_hex($part)}/i, 'a body arrives');
			$w->{forget} = 1;
			is(md5_hex($w->read($len, max => sub { 1 + int rand 5000 })),
			    md5_hex($part), 'and is read slowly');
			$w->push($w->seal("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
			$w->read(qr/\r\n\r\n/);
			is(md5_hex($w->read($BIG, max => sub { 1 + int rand 9000 })),
			    $md5, 'a longer one');
			$w->push($w->seal($GET));
			like($w->read(qr{fine/a}), qr/ 200 /, 'and the next');
		}
	};
}

subtest 'a client that goes in the middle' => sub {
	for my $how (qw(close reset)) {
		my $w = tls_wire($usual->addr('web'), rcvbuf => 20000);
		$w->push($w->seal("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
		$w->read(100_000);
		setsockopt $w->{sock}, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
		    pack 'ii', 1, 0 if $how eq 'reset';
		close $w->{sock};
	}
	is(https_get($usual->addr('web'), path => '/a')->status, 200, 'others are served');
};

# returns: how many have come, of so many
sub answers
{
	my ($w, $n) = @_;
	my $i = 0;

	$i++ while $i < $n && $w->read(qr{fine/a}) =~ m{fine/a};
	return $i;
}

subtest 'many in one record, one in many' => sub {
	for my $v (@VERSIONS) {
		my $w = tls_wire($usual->addr('web'), version => $v);
		$w->push($w->seal($GET x 40));
		is(answers($w, 40), 40, "$v: 40 in one record");
		$w->push(join '', map { $w->seal($_) } split //, $GET);
		like($w->read(qr{fine/a}), qr/ 200 /, 'one in a record for each byte');
		$w->push($w->seal($GET) . $w->seal($GET) . $w->seal(substr $GET, 0, 7));
		is(answers($w, 2), 2, 'two, and the begin of one');
		$w->push($w->seal(substr $GET, 7));
		like($w->read(qr{fine/a}), qr/ 200 /, 'its rest');
		my $all = join '', map { $w->seal($GET x (1 + $_ % 3)) } 1 .. 30;
		$w->push(substr $all, 0, 1 + int rand 200, '') while $all ne '';
		is(answers($w, 60), 60, 'cut anywhere');
		$w->push($w->seal($GET_CLOSE));
		like($w->read, qr{fine/a$}, 'the last');
		is($w->ended, 'clean', 'a clean end');
	}
};

# name => [where, the bytes, FIN behind them]
my %ends = (
	'request, close_notify, FIN' => ['web', sub { $_[0]->seal($GET) . $_[0]->close_notify }, 1],
	'request, FIN' => ['web', sub { $_[0]->seal($GET) }, 1],
	'request, close_notify' => ['web', sub { $_[0]->seal($GET) . $_[0]->close_notify }, 0],
	'request with close' => ['web', sub { $_[0]->seal($GET_CLOSE) }, 0],
	'half a request, close_notify, FIN' => ['web', sub { $_[0]->seal('GET /') . $_[0]->close_notify }, 1],
	'a bad request' => ['web', sub { $_[0]->seal("bad\r\n\r\n") }, 0],
	'bytes, close_notify' => ['count', sub { $_[0]->seal('x' x 50000) . $_[0]->close_notify }, 0],
	'bytes, close_notify, FIN' => ['count', sub { $_[0]->seal('x' x 50000) . $_[0]->close_notify }, 1],
	'bytes, FIN: cut off' => ['count', sub { $_[0]->seal('x' x 50000) }, 1],
	'only close_notify' => ['count', sub { $_[0]->close_notify }, 0],
	'half a record, FIN' => ['count', sub { $_[0]->seal('y' x 10)
	    . substr $_[0]->seal('x' x 500), 0, 200 }, 1],
);

sub ends
{
	my ($p) = @_;
	my %got;

	for my $name (sort keys %ends) {
		my ($bind, $make, $fin) = @{ $ends{$name} };
		for my $v (@VERSIONS) {
			my $w = tls_wire($p->addr($bind), version => $v);
			$w->push($make->($w));
			$w->shut if $fin;
			my $text = $w->read;
			$text =~ s/\r\n.*?(?=\r\n\r\n)//s;
			$text =~ s/\r\n\r\n<.*//s; # pages of one's own
			$got{"$name ($v)"} = $w->ended . ": $text";
		}
	}
	return \%got;
}

subtest 'ends' => sub {
	my $mine = ends($usual);
	my $n = '50000 ' . md5_hex('x' x 50000) . ' eof';

	for my $v (@VERSIONS) {
		is($mine->{"request, close_notify, FIN ($v)"}, "clean: HTTP/1.1 200 OK\r\n\r\nfine/a",
		    "$v: all in one piece");
		is($mine->{"bytes, close_notify ($v)"}, "clean: $n", 'half closed');
		is($mine->{"bytes, FIN: cut off ($v)"}, "clean: $n", 'an end without its alert');
	}
	my $bin = find_haproxy() or return;
	my $h = start($bin, 'tune.ssl.default-dh-param 2048');
	my $theirs = ends($h);
	is($mine->{$_}, $theirs->{$_}, "as haproxy: $_") for sort keys %$mine;
	$h->stop;
};

subtest 'the server ends first' => sub {
	my $n = 0;

	# the client's end comes by itself, or in one piece with its last bytes
	for my $case (map { my $v = $_; map { [$v, $_] } 500_000, 1000 } @VERSIONS) {
		my ($v, $size) = @$case;
		my $w = tls_wire($usual->addr('greet'), version => $v);
		$w->push($w->seal('a' x 1000));
		is($w->read, 'hello', "$v: what it said");
		is($w->ended, 'clean', 'its end');
		$w->push($w->seal('b' x $size) . $w->close_notify);
		my @e = $raw{greet}->wait_events('got', ++$n);
		is(($e[-1] // [])->[2], $size + 1000 . ' eof', 'it got the rest');
	}
};

sub counter
{
	my ($p, $name) = @_;

	return https_get($p->addr('web'), path => '/stats')->body
	    =~ /$name\D*?(\d+)/s ? $1 : undef;
}

subtest 'tiny records' => sub {
	my $w = tls_wire($usual->addr('web'));
	my $n = 20000;

	is(counter($usual, 'tls_tiny_records_total'), 0, 'none yet');
	$w->push($w->seal("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: $n\r\n\r\n")
	    . join '', map { $w->seal('x') } 1 .. $n);
	like($w->read(qr/x$/), qr/X-Md5: ${\ md5_hex('x' x $n)}/i, 'they pass');
	cmp_ok(counter($usual, 'tls_tiny_records_total'), '>', 0, 'and are counted');
};

subtest 'renegotiation' => sub {
	for my $i (1 .. 3) {
		my $w = tls_wire($usual->addr('web'), version => 'TLSv1_2');
		$w->push($w->seal($GET));
		$w->read(qr{fine/a});
		Net::SSLeay::renegotiate($w->{ssl});
		Net::SSLeay::do_handshake($w->{ssl});
		$w->push($w->seal(''));
		is($w->read, '', 'refused');
		isnt($w->ended, 'open', 'closed');
		is(counter($usual, 'tls_renegotiations_total'), $i, 'counted');
	}
};

subtest 'endless handshakes' => sub {
	my $hello = hello(sni => 'a', groups => 1, ciphers => [(0xc02b) x 200]);
	my $peer = raw_client($usual->addr('hs'));
	my $at = 0;

	while ($peer->state eq 'open' && $at < length $hello) {
		$peer->send(substr $hello, $at++, 1);
		$peer->fill(0.02);
	}
	cmp_ok($at, '<', length $hello, 'byte by byte: timeout client-hs');
	$peer = raw_client($usual->addr('hs'), $hello);
	$peer->read_all;
	isnt($peer->state, 'open', 'a hello and no more');
};

subtest 'the key changes' => sub {
	my $pid = IPC::Open3::open3(my $in, my $out, undef, 'openssl', 's_client',
	    '-connect', $usual->addr('web'), '-tls1_3', '-servername', 'a');
	my $got = '';
	my $until = sub {
		my ($re) = @_;
		while ($got !~ $re && IO::Select->new($out)->can_read(20)) {
			sysread $out, $got, 65536, length $got or last;
		}
		return $got =~ $re;
	};

	$until->(qr/Verify return code.*---\n/s);
	for my $key (qw(k K)) {
		$got = '';
		syswrite $in, "$key\n";
		ok($until->(qr/KEYUPDATE/), "$key: asked for");
		syswrite $in, $GET;
		ok($until->(qr{fine/a}), 'and it goes on') or diag $got;
	}
	close $in;
	waitpid $pid, 0;
};

subtest 'a handshake that ends in a reset' => sub {
	my $p = start_proxy(defaults('timeout client 60s') . "
frontend web
    bind {BIND:web} ssl crt $pem
    http-request return status 200
frontend stats
    bind {BIND:stats}
    stats enable
    stats uri /stats
");
	my $clients = sub { (split /,/, (grep { /^web,FRONTEND/ } split /\n/,
	    $p->get('stats', '/stats;csv')->body)[0])[4] };
	my $gone = sub {
		my ($name, $leave) = @_;

		ok((wait_until { $clients->() == 1 } 10), "$name: there is a client");
		$p->signal('STOP'); # its last bytes and the reset are one event
		$leave->();
		$p->signal('CONT');
		ok((wait_until { $clients->() == 0 } 10), 'and then nobody');
	};
	my $first = tls_wire($p->addr('web'), version => 'TLSv1_2');

	$first->push($first->seal($GET_CLOSE));
	$first->read;
	ok((wait_until { $clients->() == 0 } 10), 'a session');
	my $w = tls_wire($p->addr('web'), version => 'TLSv1_2', session => $first->session);
	ok(Net::SSLeay::session_reused($w->{ssl}), 'its client speaks last');
	$gone->('resumed', sub { $w->push($w->seal('')); $w->reset });
	for my $n (3, 60) {
		my $peer = raw_client($p->addr('web'), '');
		$gone->("$n bytes of a hello", sub {
			$peer->send(substr hello(sni => 'a', groups => 1), 0, $n);
			$peer->reset;
		});
	}
	stop_proxy($p);
};

stop_proxy($_) for $small, $usual;
done_testing();
