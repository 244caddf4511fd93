# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Early data towards servers: sent when the client's own was, or when the backend says
# that requests may come twice; sent again when the server did not take it.
use Tideway::Test;
use Tideway::Cli;
use Tideway::H2;
use Tideway::TLS;
use POSIX ();

plan(skip_all => 'it is for tideway') unless is_tideway();
alarm 300 * ($ENV{TW_TIME_SCALE} || 1);
my $dir = Tideway::Test::temp_dir();
my $ca = ca('root');
my $cert = cert('localhost', ca => $ca);
my $end = origin(respond => sub {
	my ($req) = @_;
	my $body = $req->body // '';

	return response(200, join(' ', 'early=' . $req->header('X-Early'),
	    'proto=' . $req->header('X-Proto'),
	    'header=' . ($req->header('Early-Data') // 'none'), 'body=' . length($body),
	    'sum=' . unpack('%32C*', $body), "end\n"));
});

# a server with TLS, in front of one without
sub server_text
{
	my ($bind, @more) = @_;

	return "global\n    nbthread 1\n    tune.bufsize 8192\n" . defaults()
	    . "listen o\n    bind {BIND:o} ssl $bind\n"
	    . join('', map { "    $_\n" } @more,
		'http-request set-header X-Early %[ssl_fc_early_rcvd]',
		'http-request set-header X-Proto %[ssl_fc_alpn]',
		"server s ${\ $end->addr}");
}

Tideway::Test::spew("keys", join '', map { openssl('rand', '-base64', 48) =~ s/\n//gr . "\n" } 1 .. 3);
my $pem = "crt $cert->{pem}";
my $usual = "$pem alpn http/1.1 allow-0rtt";
my $o = start_proxy(server_text($usual));
my $to = "server s ${\ $o->addr('o')} ssl ca-file $ca->{crt} verifyhost localhost no-sni-auto";
my $log = syslog_unix();
my $l = listener(); # in front of it, where the test holds bytes back
my $held = $to =~ s/127\S+/$l->addr/er;
my $text = "global
    nbthread 1
    log ${\ $log->addr} local0
    stats socket $dir/c.sock level admin
" . defaults('log global', 'http-reuse never', 'option httplog') . "
listen stats
    bind {BIND:stats}
    no log
    stats enable
    stats uri /s
listen retry
    bind {BIND:retry}
    retry-on 0rtt-rejected
    default-server allow-0rtt
    http-request disable-l7-retry if { path /prime }
    retries 1
    $to
listen also
    bind {BIND:also}
    retry-on all-retryable-errors
    http-request disable-l7-retry if { path /prime }
    $to allow-0rtt
listen alpn
    bind {BIND:alpn}
    retry-on 0rtt-rejected
    http-request disable-l7-retry if { path /prime }
    $to allow-0rtt alpn h2,http/1.1
listen dyn
    bind {BIND:dyn}
    retry-on 0rtt-rejected
    http-request disable-l7-retry if { path /prime }
listen plain
    bind {BIND:plain}
    $to allow-0rtt
listen off
    bind {BIND:off}
    retry-on all-retryable-errors
    $to
listen none
    bind {BIND:none}
    retries 0
    retry-on 0rtt-rejected
    $to allow-0rtt
listen client
    bind {BIND:client} ssl $usual
    http-request wait-for-handshake if { path /wait }
    $to allow-0rtt
listen tcp
    mode tcp
    option tcplog
    bind {BIND:tcp} ssl $pem allow-0rtt
    $to allow-0rtt
listen h2
    bind {BIND:h2} proto h2
    bind {BIND:h2as1}
    retry-on 0rtt-rejected
    http-reuse always
    http-request disable-l7-retry if { path /prime }
    $to alpn h2,http/1.1 allow-0rtt pool-max-conn 0
listen held
    bind {BIND:held} proto h2
    bind {BIND:held1}
    retry-on 0rtt-rejected
    http-reuse always
    http-request disable-l7-retry if { path /prime }
    $held alpn h2,http/1.1 allow-0rtt pool-max-conn 0
";
my $p = start_proxy($text);
my $reloads = 0;

# the same server, with another bind line
sub server_is
{
	$o->write_config(server_text(@_));
	$o->signal('USR2');
	$reloads++;
	wait_until { (() = $o->stderr =~ /Reloaded/g) >= $reloads };
}

# what the module has counted
sub counted
{
	my ($name) = @_;

	return $p->get('stats', '/s')->body =~ m{tls_server_${name}_total</dt><dd>(\d+)<}
	    ? $1 : undef;
}

sub wretr { return cli_stat("$dir/c.sock", 'wretr', "$_[0]/s") }
sub tried { my ($uri) = @_; return scalar grep { $_->uri eq $uri } $end->requests }

# a session that may be used: each is used once
sub prime
{
	my ($bind) = @_;
	$bind = 'h2as1' if $bind eq 'h2';
	my $m = $bind =~ /client|tcp/ ? https_get($p->addr($bind), path => '/prime', close => 1)
	    : $p->get($bind, '/prime');

	like($m->body, qr/^early=0 /, 'not early');
}

sub log_of { return $log->next_match(qr/"\w+ \S*\Q$_[0]\E /)->{msg} }
sub retries { return log_of($_[0]) =~ m{ \d+/\d+/\d+/\d+/(\d+) \d+/\d+ } ? $1 : undef }

sub post
{
	my ($uri, $body, @h) = @_;

	return "POST $uri HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	    . join('', map { "$_\r\n" } @h, 'Content-Length: ' . length $body) . "\r\n$body";
}

subtest 'sent early' => sub {
	my $n = counted('early_data');

	prime('retry');
	like($p->get('retry', '/x')->body, qr/early=1 /, 'a resumed session');
	cmp_ok(counted('early_data'), '>', $n, 'counted');
	$n = counted('early_data');
	for my $b (qw(plain off none)) {
		$p->get($b, '/x') for 1, 2;
		like($p->get($b, '/x')->body, qr/early=0/, "$b: not");
	}
	prime('retry'); # disable-l7-retry
	is(counted('early_data'), $n, 'not without permission, nor without allow-0rtt');
	is(counted('early_data_rejected'), 0, 'all of it was taken');
	is(wretr('retry'), 0, 'no retries');
};

# what came of one request after the server became another one
sub rejected
{
	my ($what, $req, %o) = @_;
	my ($early, $no, $retr) = (counted('early_data'), counted('early_data_rejected'),
	    wretr('retry'));
	my ($uri) = $req =~ /^\w+ (\S+)/;
	my $m = $p->request('retry', $req);

	is($m->status, 200, "$what: answered");
	like($m->body, $o{like} // qr/early=0 .* header=none/, 'after the handshake')
	    or diag $m->body;
	is(tried($uri), 1, 'the server has it once');
	is(counted('early_data'), $early + 1, 'it was sent early');
	is(counted('early_data_rejected'), $no + ($o{rejected} // 1), 'and rejected');
	my $n = $o{retries} // 1;
	is(wretr('retry'), $retr + $n, 'a retry of the server');
	is(retries($uri), $n, 'in the log, too');
	return $m;
}

sub get { return "GET $_[0] HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" }

subtest 'rejected' => sub {
	prime('retry');
	server_is("$pem alpn http/1.1");
	rejected('not any more', get('/r1'));
	server_is($usual);
	prime('retry');
	server_is("$pem alpn http/1.1");
	rejected('with a body', post('/r2', 'b' x 5000), like => qr/early=0 .* body=5000 sum=490000 /);
	server_is($usual);
	prime('retry');
	server_is("$usual curves P-384");
	rejected('HelloRetryRequest', get('/r3'));
	server_is($usual);
	prime('retry');
	server_is("$usual ssl-max-ver TLSv1.2");
	rejected('TLS 1.2 at once', get('/r4'), rejected => 0, retries => 0);
	server_is($usual);
	prime('retry');
	server_is("$usual ciphersuites TLS_AES_128_CCM_8_SHA256 ssl-max-ver TLSv1.2 ciphers ADH");
	my $m = $p->get('retry', '/r5');
	is($m->status, 503, 'no handshake at all');
	server_is($usual);
	prime('retry');
	my $other = cert('other', ca => $ca);
	server_is("crt $other->{pem} alpn http/1.1 allow-0rtt tls-ticket-keys $dir/keys");
	$m = $p->get('retry', '/r6');
	is($m->status, 503, 'a certificate of somebody else');
	is(tried('/r6'), 0, 'who gets no request');
	like(log_of('/r6'), qr/ SC-- /, 'it could not be connected to');
};

subtest 'another protocol' => sub {
	server_is("$pem alpn http/1.1 allow-0rtt");
	prime('alpn');
	like($p->get('alpn', '/x')->body, qr/early=1 proto=http.1.1/, 'HTTP/1.1 early');
	prime('alpn');
	my $early = counted('early_data');
	server_is("$pem alpn h2 allow-0rtt");
	my $m = $p->request('alpn', post('/a1', 'c' x 3000));
	like($m->body, qr/early=0 proto=h2 .* body=3000 sum=297000 /, 'h2 instead')
	    or diag $m->body;
	is(counted('early_data'), $early + 1, 'it had been sent early');
	is(tried('/a1'), 1, 'the server has it once');
	prime('alpn');
	like($p->get('alpn', '/x')->body, qr/early=1 proto=h2/, 'HTTP/2 early');
	prime('alpn');
	server_is("$pem alpn http/1.1 allow-0rtt");
	$m = $p->request('alpn', post('/a2', 'c' x 3000));
	like($m->body, qr/early=0 proto=http\/1.1 .* body=3000 sum=297000 /, 'and back')
	    or diag $m->body;
	is(tried('/a2'), 1, 'once');
	prime('alpn');
	server_is("$pem alpn h2 allow-0rtt");
	$m = $p->request('alpn', "POST /a3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	    . "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	like($m->body, qr/early=0 proto=h2 .* body=5 sum=495 /, 'chunks') or diag $m->body;
	is(tried('/a3'), 1, 'once');
	server_is($usual);
};

subtest 'how much' => sub {
	for my $n (100, 3000, 6000, 7100, 7200, 12_000, 300_000) {
		my $body = join '', map { chr(65 + $_ * 7 % 26) } 1 .. $n;
		prime('retry');
		my $early = counted('early_data');
		my $m = $p->request('retry', post("/n$n", $body));
		my $sum = unpack '%32C*', $body;
		like($m->body, qr/early=[01] .* body=$n sum=$sum /, "$n bytes") or diag $m->body;
		is(tried("/n$n"), 1, 'once');
		is(counted('early_data'), $early + ($n < 16_000), $n < 16_000
		    ? 'the first of them early' : 'not, as they could not come twice');
	}
	prime('retry');
	my $c = $p->client('retry');
	$c->send("POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (1 .. 40) {
		$c->send("3e8\r\n" . 'd' x 1000 . "\r\n");
		wait_until { 1 };
	}
	$c->send("0\r\n\r\n");
	like($c->read_response->body, qr/early=1 .* body=40000 sum=4000000 /, 'piece by piece');
};

subtest 'Too Early' => sub {
	my @too_early = ('http-request return status 425 content-type text/plain'
	    . ' string "too early" if { ssl_fc_early_rcvd }');

	for my $b ([retry => '0rtt-rejected'], [also => 'all-retryable-errors']) {
		server_is($usual, @too_early);
		prime($b->[0]);
		my $n = wretr($b->[0]);
		my $m = $p->request($b->[0], post("/t$b->[0]", 'e' x 1000));
		is($m->status, 200, "$b->[1]: sent again") or diag $m->body;
		like($m->body, qr/early=0 .*body=1000 /, 'after the handshake');
		is(tried("/t$b->[0]"), 1, 'once more');
		is(wretr($b->[0]), $n + 1, 'a retry');
		is(retries("/t$b->[0]"), 1, 'in the log, too');
	}
	server_is($usual, 'http-request return status 425 if { path /always }');
	prime('retry');
	is($p->get('retry', '/always')->status, 425, 'once more only');
	is(retries('/always'), 1, 'as the log has it');
	is($p->get('none', '/always')->status, 425, 'without permission it is passed on');
	is(retries('/always'), 0, 'at once');
	server_is($usual);
};

# --- the client's own ---

sub session
{
	my ($bind, $file) = @_;

	s_client($p->addr($bind), version => 'tls1_3', sess_out => "$dir/$file");
	return "$dir/$file";
}

# sends the request as early data
sub early
{
	my ($bind, $req) = @_;

	spew('early.txt', $req);
	return s_client($p->addr($bind), version => 'tls1_3',
	    sess_in => session($bind, "s$bind"), early => "$dir/early.txt",
	    until => qr/ end\n|too early|<\/html>/)->{out};
}

subtest 'as the client' => sub {
	my $by_client = sub { early($_[0], get($_[1])) };

	prime('client');
	my $n = counted('early_data');
	my $out = $by_client->('client', '/c1');
	like($out, qr/early=1 .* header=1 /, 'early, and the header says so') or diag $out;
	is(counted('early_data'), $n + 1, 'counted');
	prime('client');
	$n = counted('early_data');
	$out = s_client($p->addr('client'), version => 'tls1_3', input => get('/c2'),
	    until => qr/ end\n/)->{out};
	like($out, qr/early=0 .* header=none /, 'not without') or diag $out;
	prime('client');
	$n = counted('early_data');
	$out = $by_client->('client', '/wait');
	like($out, qr/early=0 .* header=none /, 'nor behind wait-for-handshake') or diag $out;
	is(counted('early_data'), $n, 'neither of them');
	prime('client');
	server_is("$pem alpn http/1.1");
	$out = early('client', post('/c3', 'f' x 3000));
	like($out, qr/early=0 .* header=1 body=3000 sum=306000 /, 'rejected: after the handshake')
	    or diag $out;
	is(tried('/c3'), 1, 'once');
	server_is($usual);
	prime('client');
	server_is($usual, 'http-request return status 425 content-type text/plain string "too early"'
	    . ' if { req.hdr(early-data) 1 }');
	prime('client');
	$out = $by_client->('client', '/c4');
	like($out, qr/ 425 .*too early/s, '425 is for the client') or diag $out;
	server_is($usual);
};

subtest 'mode tcp' => sub {
	prime('tcp');
	my $n = counted('early_data');
	my $out = s_client($p->addr('tcp'), version => 'tls1_3', input => get('/t2'),
	    until => qr/ end\n/)->{out};
	like($out, qr/early=0 /, 'not without');
	is(counted('early_data'), $n, 'not counted');
	prime('tcp');
	$out = early('tcp', post('/t3', 'g' x 2000));
	like($out, qr/early=1 .*body=2000 sum=206000/, 'with a body') or diag $out;
	prime('tcp');
	server_is("$pem alpn http/1.1");
	$out = early('tcp', post('/t4', 'g' x 2000));
	like($out, qr/early=0 .*body=2000 sum=206000/, 'rejected') or diag $out;
	is(tried('/t4'), 1, 'once');
	server_is($usual);
};

subtest 'HTTP/2' => sub {
	server_is("$pem alpn h2 allow-0rtt");
	prime('h2');
	my $c = h2_client($p->addr('h2'));
	my $n = counted('early_data');
	my @sid = map { $c->request(path => $_) } '/h1', '/prime', '/h2';
	my @body = map { $c->response($_)->{body} } @sid;
	like($body[0], qr/early=1 proto=h2 header=1 /, 'early') or diag $body[0];
	like($body[1], qr/proto=h2 header=none /, 'not early');
	like($body[2], qr/proto=h2 /, 'one more');
	cmp_ok(counted('early_data'), '>', $n, 'counted');
	server_is($usual);
};

# a connection of the proxy's, and that to the server to which its bytes go
sub pair
{
	my $c = $l->accept // die 'nobody came';

	return { from => $c->sock, to => raw_client($o->addr('o'))->sock };
}

# carries bytes both ways until something is there
sub pump
{
	my ($until, @pairs) = @_;
	my %other = map { ($_->{from} => $_->{to}, $_->{to} => $_->{from}) } @pairs;
	my $select = IO::Select->new(map { ($_->{from}, $_->{to}) } @pairs);

	return wait_until {
		for my $s ($select->can_read(0.01)) {
			if (sysread $s, my $bytes, 65536) {
				syswrite $other{$s}, $bytes;
			} else {
				$select->remove($s);
				shutdown $other{$s}, 1;
			}
		}
		return $until->();
	};
}

# the session for /held, through a connection that is over afterwards
sub prime_held
{
	my $c = $p->client('held1');
	my $got = '';

	$c->send(get('/prime'));
	pump(sub {
		IO::Select->new($c->sock)->can_read(0) and sysread $c->sock, $got, 65536, length $got;
		return $got =~ / end\n/;
	}, pair());
	like($got, qr/early=0 proto=h2 /, 'not early');
}

subtest 'HTTP/2, held up' => sub {
	server_is("$pem alpn h2 allow-0rtt");
	prime_held();
	my $c = h2_client($p->addr('held'));
	my $first = $c->request(path => '/held');
	my $one = pair();
	ok(IO::Select->new($one->{from})->can_read(10), 'it is on its way');
	my $second = $c->request(path => '/prime');
	my $two = pair();
	ok($two, 'who may not come early does not join');
	pump(sub { $c->stream($first)->{ended} && $c->stream($second)->{ended}
	    || ($c->read_frame(0.01), 0)[1] }, $one, $two);
	like($c->stream($first)->{body}, qr/early=1 proto=h2 header=1 /, 'early');
	like($c->stream($second)->{body}, qr/early=0 proto=h2 header=none /, 'not early');

	prime_held();
	$c = h2_client($p->addr('held'));
	my $left = $c->request(path => '/left');
	$one = pair();
	ok(IO::Select->new($one->{from})->can_read(10), 'one more is on its way');
	$c->rst($left, 'CANCEL');
	log_of('/left');
	$c->close;
	pump(sub { !IO::Select->new($one->{from})->can_read(0)
	    || !defined $one->{from}->peerport }, $one);
	is($p->get('plain', '/x')->status, 200, 'its client has left: nothing comes of it');
	for my $bind ('held1', 'held') {
		prime_held();
		my $req = $bind eq 'held1' ? $p->client($bind) : h2_client($p->addr($bind));
		$bind eq 'held1' ? $req->send(post('/cut', 'x')) : $req->request(path => '/cut');
		$one = pair();
		IO::Select->new($one->{from})->can_read(10);
		close $one->{from};
		is($bind eq 'held1' ? $req->read_response->status
		    : $req->response(1)->status, 502, "$bind: the server left: not sent again");
	}
	server_is($usual);
};

subtest 'a server that is added' => sub {
	like(cli_ask("$dir/c.sock", "add server dyn/new ${\ $o->addr('o')} ssl verify none allow-0rtt"),
	    qr/New server registered/, 'with allow-0rtt');
	cli_ask("$dir/c.sock", 'enable server dyn/new');
	prime('dyn');
	like($p->get('dyn', '/d')->body, qr/early=1 /, 'early');
};

subtest 'after a reload' => sub {
	prime('retry');
	$p->signal('USR2');
	wait_until { $p->stderr =~ /Reloaded/ };
	like($p->get('retry', '/l1')->body, qr/early=0 /, 'its sessions begin anew');
	like($p->get('retry', '/l2')->body, qr/early=1 /, 'and are early');
};

stop_proxy($_) for $p, $o;
done_testing;
