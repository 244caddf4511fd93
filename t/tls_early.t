# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Early data: taken where the line says so, once, in order with what follows;
# wait-for-handshake, the header Early-Data, and what is not taken.
use Tideway::Test;
use Tideway::Cli;
use Tideway::TLS;
use POSIX ();

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/c.sock";
my $cert = cert('localhost');
my $o = origin(respond => sub {
	my ($req) = @_;
	return response(200, 'seen=' . ($req->header('Early-Data') // 'none')
	    . ' body=' . length($req->body // '') . " end\n",
	    $req->uri =~ m{^/big} ? ('X-Sum: ' . unpack('%32C*', $req->body)) : ());
});

my $text = "global
    nbthread 2
    stats socket $dir/c.sock level admin
" . defaults() . "
frontend f
    bind {BIND:a} ssl crt $cert->{pem} allow-0rtt
    bind {BIND:b} ssl crt $cert->{pem}
    http-request wait-for-handshake if { path /wait }
    default_backend s
listen t
    mode tcp
    bind {BIND:t} ssl crt $cert->{pem} allow-0rtt
    server s ${\ $o->addr}
backend s
    server s ${\ $o->addr}
";
my $p = start_proxy($text);

sub get
{
	my ($path, @h) = @_;

	return join "\r\n", "GET $path HTTP/1.1", 'Host: a', 'Connection: close', @h, '', '';
}

# a session that may be used for early data
sub session
{
	my ($bind, $file) = @_;

	s_client($p->addr($bind), version => 'tls1_3', sess_out => "$dir/$file");
	return "$dir/$file";
}

# sends the request as early data; more, behind it
sub early
{
	my ($bind, $req, $sess, %o) = @_;

	spew('early.txt', $req);
	return s_client($p->addr($bind), version => 'tls1_3', sess_in => $sess,
	    early => "$dir/early.txt", until => qr/ end\n/, %o);
}

subtest 'taken' => sub {
	my $f = early('a', get('/x'), session('a', 's1'));
	is_deeply([@$f{qw(early reused)}], ['accepted', 1], 'accepted') or diag $f->{out};
	like($f->{out}, qr/ 200 .*seen=1 body=0 end/s, 'the server is told') or diag $f->{out};
	$f = early('a', get('/x', 'Early-Data: 1'), session('a', 's1'));
	like($f->{out}, qr/seen=1 body/, 'once');
	$f = s_client($p->addr('a'), version => 'tls1_3', input => get('/x'),
	    until => qr/ end\n/);
	like($f->{out}, qr/seen=none /, 'not without early data');
};

subtest 'wait-for-handshake' => sub {
	my $f = early('a', get('/wait'), session('a', 's2'));
	is($f->{early}, 'accepted', 'accepted');
	like($f->{out}, qr/ 200 .*seen=none body=0 end/s, 'the server need not know')
	    or diag $f->{out};
	$f = s_client($p->addr('a'), version => 'tls1_3', input => get('/wait'),
	    until => qr/ end\n/);
	like($f->{out}, qr/seen=none /, 'without early data it does not wait');
};

subtest 'order' => sub {
	my $body = join '', map { chr(65 + $_ * 7 % 26) } 1 .. 12_000;
	my $head = "POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: 24000\r\n"
	    . "Connection: close\r\n\r\n";
	for my $path ('/big', '/wait') {
		my $f = early('a', $head =~ s{/big}{$path}r . $body, session('a', 's3'),
		    input => scalar reverse $body);
		is($f->{early}, 'accepted', "$path: a body, half of it early");
		like($f->{out}, qr/body=24000 end/, 'all of it');
		my $sum = unpack '%32C*', $body . reverse $body;
		like($f->{out}, qr/X-Sum: $sum/, 'as it was sent') if $path eq '/big';
	}
	my $f = early('a', join('', map { get("/$_") =~ s/Connection: close\r\n//r } 1 .. 3)
	    . get('/4'), session('a', 's3'), until => qr/(?:seen=.* end\n.*){4}/s);
	is(scalar(() = $f->{out} =~ /seen=1/g), 4, 'pipelined') or diag $f->{out};
};

subtest 'mode tcp' => sub {
	my $f = early('t', get('/x'), session('t', 's4'));
	is($f->{early}, 'accepted', 'accepted');
	like($f->{out}, qr/seen=none .* end/, 'passed on');
};

my $waited = seen('/wait');

subtest 'not taken' => sub {
	my $f = early('b', get('/x'), session('a', 's5'));
	is($f->{early}, 'rejected', 'where the line does not say so');
	ok($f->{reused}, 'resumed all the same');
	$f = s_client($p->addr('a'), version => 'tls1_2', input => get('/x'),
	    until => qr/ end\n/);
	like($f->{out}, qr/seen=none .* end/, 'TLS 1.2 goes on as ever');
	$f = early('a', 'x' x 20_000, session('a', 's5'), secs => 5);
	unlike($f->{out}, qr/ 200 /, 'too much of it');
};

# what the client sends at first: its hello and a request
sub recorded
{
	my ($path) = @_;
	my $sess = session('a', 'rec');
	my $l = listener();
	my $pid = fork // die;

	spew('rec.txt', get($path));
	if (!$pid) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', '/dev/null';
		exec 'openssl', 's_client', '-connect', $l->addr, '-tls1_3', '-sess_in',
		    $sess, '-early_data', "$dir/rec.txt", '-noservername'
		    or POSIX::_exit(1);
	}
	my $c = $l->accept;
	until ($c->buffered =~ /\x17\x03\x03(..)/s
	    && length($') >= unpack 'n', $1) {
		$c->fill or last;
	}
	kill 'KILL', $pid;
	waitpid $pid, 0;
	return $c->buffered;
}

sub seen { my ($path) = @_; return scalar grep { $_->uri eq $path } $o->requests }

subtest 'replays' => sub {
	my $bytes = recorded('/again');
	my $one = raw_client($p->addr('a'), $bytes);
	ok(wait_until { seen('/again') == 1 }, 'the first is taken');
	ok($one->read_until(qr/\x17\x03\x03.*\x17\x03\x03/s), 'and answered');
	my @more = map { raw_client($p->addr('a'), $bytes) } 1 .. 8;
	is(ord $_->read_bytes(1), 22, 'another one gets its handshake') for @more;
	early('a', get('/after'), session('a', 's8'));
	is(seen('/after'), 1, 'what comes later has come');
	is(seen('/again'), 1, 'but no request again');
};

subtest 'a client that does not complete it' => sub {
	my $c = raw_client($p->addr('a'), recorded('/wait'));
	is(ord $c->read_bytes(1), 22, 'the handshake begins');
	$c->read_all(20);
	ok($c->is_closed, 'timeout client');
	is(seen('/wait'), $waited, 'and no request goes to the server');
};

subtest 'bad arguments' => sub {
	my $r = check_config(defaults() . "frontend f\n    bind 127.0.0.1:0 ssl crt $cert->{pem} allow-0rtt=1\n");
	is($r->{code}, 1, 'a word too much');
};

stop_proxy($p);
done_testing();
