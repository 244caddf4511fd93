# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Option -d: in the foreground whatever the configuration says, and every
# exchange on standard output in HAProxy's form.
use Tideway::Test;

my $o = origin(name => 's1', respond => sub {
	my ($req, $c, $o) = @_;

	return $o->reply($req, "x\n", 'X-Odd:  two words ') unless
	    $req->uri eq '/early';
	return "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	    . $o->reply($req, "x\n");
});
my $p = start_proxy("global\n    daemon\n" . defaults() . "
frontend web
    bind {BIND:web}
    default_backend be
backend be
    server s1 ${\ $o->addr}
frontend gone
    bind {BIND:gone}
    default_backend dead
backend dead
    server s1 127.0.0.1:1
    retries 0
listen raw
    mode tcp
    bind {BIND:raw}
    server s1 ${\ $o->addr}
", args => ['-d']);

# the next exchange: its lines without numbers, and what the numbers were
my $seen = 0;
sub exchange
{
	my ($fd, @lines) = ('[0-9a-f]{4}');

	my $end = wait_until { substr($p->stdout, $seen) =~ /\A.*?\.closed\[.*\n/s
	    ? $+[0] : 0 };
	return {} unless $end;
	my $text = substr $p->stdout, $seen, $end;
	$seen += $end;
	my %x = (raw => $text, n => {});
	for (split /\n/, $text) {
		my ($n, $px, $what, $lfd, $afd, $cli, $srv, $rest) =
		    /^([0-9a-f]{8}):(\w+)\.(\w+)(?:\(($fd)\)=($fd)|\[($fd):((?:ffff)?$fd)\])(.*)$/
		    or next;
		$x{n}{$n} = 1;
		if ($what eq 'accept') {
			@x{qw(fd from)} = ($afd, $rest);
			push @lines, "$px.accept";
			next;
		}
		$x{wrong_fd} .= $_ if $cli ne 'ffff' && $cli ne $x{fd};
		$x{srv}{$srv} = 1 if $what =~ /^srv/;
		push @lines, "$px.$what" . $rest =~ s/^: / /r;
	}
	$x{lines} = \@lines;
	return \%x;
}

# what no two programs agree on
sub usual
{
	my ($x) = @_;

	return [ map { s/\.(?:srv|cli)cls\z/.cls/r } @{ $x->{lines} // [] } ];
}

like($p->stdout, qr/^Using epoll\(\) as the polling mechanism\.$/m,
    'how it waits');

subtest 'two requests on a connection' => sub {
	my $c = $p->client('web');
	my $port = $c->local_port;
	for my $uri ('/one', '/two') {
		is($c->request("GET $uri HTTP/1.1\r\nHost: Some.Host\r\n"
		    . "X-Mixed-Case:  A b \r\n\r\n")->status, 200, "GET $uri");
		my $x = exchange();
		is_deeply(usual($x), [ 'web.accept', "web.clireq GET $uri HTTP/1.1",
		    'web.clihdr host: Some.Host', 'web.clihdr x-mixed-case: A b',
		    'be.srvrep HTTP/1.1 200 OK', 'be.srvhdr content-length: 2',
		    'be.srvhdr x-server: s1', 'be.srvhdr x-odd: two words',
		    'be.cls', 'be.cls', 'be.closed' ], 'its lines')
		    or diag $x->{raw};
		is(keys %{ $x->{n} }, 1, 'one number');
		is($x->{from}, " from [127.0.0.1:$port] ALPN=<none>", 'from where');
		is($x->{wrong_fd}, undef, 'the client\'s descriptor in each line');
		is(keys %{ $x->{srv} }, 1, 'the server\'s, too');
		like($x->{raw}, qr/clireq\[$x->{fd}:ffffffff\]: GET/,
		    'none before there is one');
	}
	$c->close;
};

subtest 'an interim response' => sub {
	is($p->get('web', '/early')->status, 200, 'the answer');
	my @rep = grep { /srvrep|link/ } @{ exchange()->{lines} };
	is_deeply(\@rep, [ 'be.srvrep HTTP/1.1 103 Early Hints',
	    'be.srvhdr link: </a>', 'be.srvrep HTTP/1.1 200 OK' ],
	    'both are shown');
};

subtest 'no server' => sub {
	is($p->get('gone', '/')->status, 503, 'refused');
	my $x = exchange();
	is_deeply([ @{ $x->{lines} }[0, 1, -2, -1] ], [ 'gone.accept',
	    'gone.clireq GET / HTTP/1.1', 'dead.clicls', 'dead.closed' ],
	    'the client\'s part only') or diag $x->{raw};
	unlike($x->{raw}, qr/srv(?:rep|hdr)/, 'and no response');
};

subtest 'mode tcp' => sub {
	is($p->get('raw', '/')->status, 200, 'through');
	my $x = exchange();
	is_deeply(usual($x), [ 'raw.accept', 'raw.cls', 'raw.cls', 'raw.closed' ],
	    'no heads') or diag $x->{raw};
};

subtest 'what a terminal would obey' => sub {
	plan skip_all => 'ours only' unless is_tideway();
	$p->request('web', "GET / HTTP/1.1\r\nHost: a\r\nX-A: \xe9\t.\r\n"
	    . "Connection: close\r\n\r\n");
	my $x = exchange();
	like($x->{raw}, qr/clihdr\[\S+: x-a: \xe9 \.\n/, 'a blank for a tab');
	unlike($x->{raw}, qr/[\x00-\x09\x0b-\x1f\x7f]/, 'no control characters');
};

is(slurp("/proc/${\ $p->pid}/stat") =~ /^\d+ \(\S+\) \S (\d+)/ ? $1 : 0, $$,
    'it stayed in the foreground');
stop_proxy($p);

subtest 'without -d' => sub {
	my $q = start_proxy(defaults() . "listen web\n    bind {BIND:web}\n"
	    . "    server s1 ${\ $o->addr}\n");
	is($q->get('web', '/')->status, 200, 'an answer');
	is($q->stdout, '', 'and not a word');
	stop_proxy($q);
};

done_testing;
