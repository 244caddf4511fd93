# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Several log lines side by side, what each level lets through, the tag and
# the host of a line, and every facility by its number.
use Tideway::Test;
use Fcntl qw(F_SETFD);

my $unix = syslog_unix();
my $udp = syslog_udp();
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	return response(500, 'x') if $req->uri =~ /^\/err/;
	return $o->reply($req);
});

sub proxy
{
	my ($global, $more, $listen) = @_;

	return start_proxy("global\n" . join('', map { "    $_\n" } @$global)
	    . defaults('log global', 'option httplog', @{ $more // [] }) . "
listen web
    bind {BIND:web}
" . join('', map { "    $_\n" } @{ $listen // [] }) . "    server s ${\ $o->addr}\n");
}

sub marker { my ($p, $uri) = @_; $p->get('web', $uri)->status }

subtest 'several lines' => sub {
	my $p = proxy(["log $unix->{addr} local0", "log ${\ $udp->addr} local1",
	    "log ${\ $udp->addr} local2"]);
	marker($p, '/both');
	is($unix->next_match(qr{/both })->{pri}, 16 * 8 + 6, 'one has it');
	is(join(' ', sort map { $udp->next_match(qr{/both })->{pri} } 1, 2),
	    join(' ', 17 * 8 + 6, 18 * 8 + 6), 'and the other twice');
	stop_proxy($p);
	$p = proxy(["log $unix->{addr} local0"], [], ["log ${\ $udp->addr} local4"]);
	marker($p, '/added');
	ok($unix->next_match(qr{/added }), 'log global stays');
	is($udp->next_match(qr{/added })->{pri}, 20 * 8 + 6, 'beside a line of its own');
	stop_proxy($p);
};

subtest 'facilities' => sub {
	my @names = qw(kern user mail daemon auth syslog lpr news uucp cron auth2
	    ftp ntp audit alert cron2 local0 local1 local2 local3 local4 local5
	    local6 local7);
	my @lines = map { "log ${\ $udp->addr} $_" } @names;
	my $p = proxy(\@lines);
	marker($p, '/fac');
	my @pri = sort { $a <=> $b } map { ($udp->next_match(qr{/fac }) // {})->{pri} // -1 } @names;
	is("@pri", join(' ', map { $_ * 8 + 6 } 0 .. $#names), 'all 24');
	stop_proxy($p);
};

subtest 'levels' => sub {
	my @level = qw(emerg alert crit err warning notice info debug);
	for my $n (5, 6, 7) {
		my $p = proxy(["log $unix->{addr} local0 $level[$n]", "log ${\ $udp->addr} local0"]);
		marker($p, '/lev');
		ok($udp->next_match(qr{/lev }), 'sent');
		my $got = $unix->next_match(qr{/lev }, $n < 6 ? 0.1 : 5);
		is(defined $got ? 1 : 0, $n < 6 ? 0 : 1, "a line of level info, max $level[$n]");
		stop_proxy($p);
	}
	# the second is the most severe that a line may be
	for my $n (0 .. 7) {
		my $p = proxy(["log ${\ $udp->addr} local0 debug $level[$n]"]);
		marker($p, "/min$n");
		is($udp->next_match(qr{/min$n })->{pri} % 8, $n > 6 ? 7 : 6,
		    "at most as severe as $level[$n]");
		stop_proxy($p);
	}
	my $p = proxy(["log $unix->{addr} local0 err", "log ${\ $udp->addr} local0"],
	    ['option log-separate-errors']);
	marker($p, $_) for '/fine', '/err';
	ok($udp->next_match(qr{/err }), 'both are sent');
	like($unix->next_line->{msg} // '', qr{/err }, 'an error has level err, with log-separate-errors');
	stop_proxy($p);
};

subtest 'tag and host' => sub {
	my $p = proxy(["log ${\ $udp->addr} local0", 'log-tag mytag',
	    'log-send-hostname myhost']);
	marker($p, '/tag');
	my $l = $udp->next_match(qr{/tag });
	is($l->{tag}, 'mytag', 'log-tag');
	is($l->{host}, 'myhost', 'log-send-hostname');
	like($l->{pid}, qr/^\d+$/, 'the process');
	stop_proxy($p);
	$p = proxy(["log ${\ $udp->addr} local0", 'log-tag mytag'], ['log-tag other']);
	marker($p, '/tag');
	is($udp->next_match(qr{/tag })->{tag}, 'other', 'log-tag of a proxy');
	stop_proxy($p);
};

subtest 'formats' => sub {
	my %want = (
	    'rfc3164' => qr{^<134>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ \S+\[\d+\]: 127},
	    'rfc5424' => qr{^<134>1 \S+T\S+ \S+ \S+ \d+ - - 127},
	    'short' => qr{^<6>127}, 'raw' => qr{^127},
	    'timed' => qr{^<6>\d{4}-\d\d-\d\dT\S+ 127},
	    'iso' => qr{^\d{4}-\d\d-\d\dT\S+ 127},
	    'priority' => qr{^<134>127},
	    'local' => qr{^<134>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+\[\d+\]: 127});
	for my $f (sort keys %want) {
		my $p = eval { proxy(["log ${\ $udp->addr} format $f local0"]) };
		if (!$p) {
			fail("format $f: $@");
			next;
		}
		marker($p, "/f$f");
		like($udp->next_match(qr{/f$f })->{raw}, $want{$f}, "format $f");
		stop_proxy($p);
	}
};

subtest 'a descriptor' => sub {
	pipe my $r, my $w or die;
	fcntl $w, F_SETFD, 0;
	my $fd = fileno $w;
	my $p = proxy(["log fd\@$fd format raw local0"]);
	close $w;
	marker($p, '/fd');
	my $line = Tideway::Peer->new($r)->read_until(qr/\n/);
	like($line, qr{^127\..*"GET /fd HTTP/1\.1"\n}, 'fd@N: a line, and its end');
	stop_proxy($p);
};

subtest 'dontlognull, dontlog-normal' => sub {
	my $p = proxy(["log $unix->{addr} local0"], ['option dontlog-normal']);
	marker($p, $_) for '/normal', '/err';
	like($unix->next_line->{msg}, qr{/err }, 'dontlog-normal: errors alone');
	stop_proxy($p);
	$p = proxy(["log $unix->{addr} local0"], ['option dontlognull'], ['no option dontlognull',
	    'timeout http-request 100ms']);
	my $c = $p->client('web');
	is($c->read_response->status, 408, 'a silent client is shown out');
	like($unix->next_line->{msg}, qr{<BADREQ>}, 'no option dontlognull: logged again');
	stop_proxy($p);
};

subtest 'dontlognull: whoever has sent nothing' => sub {
	my $banner = listener();
	my $p = start_proxy("global\n    log $unix->{addr} local0\n" . defaults('log global',
	    'option dontlognull', 'timeout http-request 200ms', 'retries 0') . "
frontend web
    bind {BIND:web}
    option httplog
    default_backend be
listen tcp
    mode tcp
    option tcplog
    bind {BIND:tcp}
    server s ${\ $banner->addr}
listen down
    mode tcp
    option tcplog
    bind {BIND:down}
    server s 127.0.0.1:1
backend be
    server s ${\ $o->addr}
");
	my $c = $p->client('web');
	$c->close;
	$c = $p->client('web');
	like($c->read_all, qr/^HTTP\/1\.1 408 /, 'a silent client is shown out');
	$c = $p->client('tcp');
	my $s = $banner->accept;
	$s->send('220 hello');
	$s->close;
	is($c->read_all, '220 hello', 'a server that speaks first');
	$c->close;
	$p->client('down')->read_all;
	# none of these is in the log; all of what follows is
	$c = $p->client('web');
	$c->send("\r\n");
	$c->close;
	like($unix->next_line->{msg}, qr{ web .* 400 \d+ - - CR-- .*<BADREQ>}, 'an empty line is something');
	$c = $p->client('tcp');
	$c->send('x');
	$s = $banner->accept;
	$s->read_bytes(1);
	$s->close;
	$c->read_all;
	$c->close;
	like($unix->next_line->{msg}, qr{ tcp tcp/s }, 'a byte, too');
	stop_proxy($p);
};

done_testing;
