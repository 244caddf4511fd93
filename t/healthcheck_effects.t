# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What words of checks do, seen from the server: the PROXY header that checks
# begin with, when they come, what is logged of them, how a server grows. The
# same as Debian's haproxy where it has the word.
use Tideway::Cli;
use Tideway::Test;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/ctl.sock";
my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my $log = syslog_udp();

# remembers when it was connected to, and the first bytes
my $o = origin(name => 's', raw => 1, greet => sub {
	my ($c, $self) = @_;
	$self->record('at', Time::HiRes::time());
	my $n = 0;
	while (defined $c->fill && $c->state eq 'open') {
		last if $c->{buf} =~ /\n[^\n]*check/ || length $c->{buf} > 300;
	}
	$self->record('bytes', $c->{buf});
});

# an address with a record of its own
sub spy { return origin(name => 'spy', raw => 1, greet => sub {
	my ($c, $self) = @_;
	$self->record('bytes', $c->read_until(qr/check me/) // '');
}) }

sub backend
{
	my (@lines) = @_;

	return "global\n    stats socket $sock level admin\n    log ${\ $log->addr} local0\n" . defaults('log global', 'timeout check 5s') . "
listen web
    bind {BIND:web}
" . join "\n", 'backend b', map { "    $_" } @lines, "\n";
}

# a header without what differs from connection to connection
sub header
{
	my ($bytes) = @_;

	if ($bytes =~ /^\r\n\r\n\0\r\nQUIT\n(.)(.)(..)/s) {
		my ($cmd, $fam, $len) = (ord $1, ord $2, unpack 'n', $3);
		my ($pos, @tlv) = $fam == 0x11 ? 12 : 0;
		my $body = substr $bytes, 16, $len;
		while ($pos + 3 <= length $body) {
			my ($type, $n) = unpack 'C n', substr $body, $pos;
			push @tlv, sprintf '%02x:%d', $type, $n;
			$pos += 3 + $n;
		}
		return sprintf 'v2 %02x %02x %s', $cmd, $fam, join ',', @tlv;
	}
	return $bytes =~ s/(PROXY TCP4 \S+ \S+) \d+ \d+/$1/r =~ s/\r\n.*//sr;
}

my @proxy = (
	['send-proxy'], ['send-proxy-v2'], ['check-send-proxy'], ['send-proxy', 'elsewhere'],
	['send-proxy check-send-proxy', 'elsewhere'], ['send-proxy-v2', 'elsewhere'],
	['send-proxy-v2 check-send-proxy', 'elsewhere'], ['send-proxy-v2 proxy-v2-options crc32c'],
	['send-proxy-v2 proxy-v2-options unique-id'], [''],
	['', undef, 'send-proxy'], ['send-proxy-v2', undef, 'send-proxy'], ['send-proxy-v2', 'elsewhere', 'send-proxy'],
	['send-proxy', undef, ''], ['send-proxy', undef, 'default'], ['send-proxy-v2', 'elsewhere', 'default'],
);

sub headers
{
	my ($bin) = @_;
	my @got;

	for my $case (@proxy) {
		my ($words, $elsewhere, $connect) = @$case;
		my $spy = spy();
		my $to = $elsewhere ? "127.0.0.1:1 addr $spy->{host} port $spy->{port}" : $spy->addr;
		my $p = start_proxy(backend('option tcp-check', (defined $connect ? "tcp-check connect $connect" : ()), 'tcp-check send "check me"',
		    "server s $to check inter 600s $words"), bin => $bin);
		my ($e) = $spy->wait_events('bytes', 1);
		push @got, header($e->[2] // 'nothing');
		stop_proxy($p);
	}
	return \@got;
}

subtest 'PROXY headers of checks' => sub {
	my $ours = headers(binary());
	like($ours->[0], qr/^PROXY /, 'send-proxy: version 1');
	like($ours->[1], qr/^v2 /, 'send-proxy-v2: version 2');
	like($ours->[2], qr/^PROXY /, 'check-send-proxy alone');
	is($ours->[3], 'check me', 'not where checks go elsewhere');
	like($ours->[4], qr/^PROXY /, 'but with check-send-proxy');
	is($ours->[9], 'check me', 'and not unless asked for');
	SKIP: {
		skip('haproxy is not installed', scalar @proxy) unless $haproxy;
		my $theirs = headers($haproxy);
		is($ours->[$_], $theirs->[$_], "as haproxy: '$proxy[$_][0]' " . join ' ', map { $_ // '-' } @{ $proxy[$_] }[1, 2]) for 0 .. $#proxy;
	}
};

# the times between checks, in ms
sub intervals
{
	my ($n, $global, $server) = @_;
	my $p = start_proxy(backend("server s ${\ $o->addr} check inter 200ms $server") =~ s/^(global\n)/$1$global/r);
	my $from = () = $o->events('at');
	my @at;

	wait_until { (@at = $o->events('at')) >= $from + $n };
	stop_proxy($p);
	@at = map { $_->[2] } @at[$from .. $#at];
	return map { 1000 * ($at[$_] - $at[$_ - 1]) } 1 .. $#at;
}

subtest 'spread-checks' => sub {
	my @all = sort { $a <=> $b } intervals(25, "    spread-checks 50\n", '');
	cmp_ok($all[0], '<', 180, "some come early ($all[0])");
	cmp_ok($all[-1], '>', 205, "some come late ($all[-1])");
};

subtest 'max-spread-checks' => sub {
	my $p = start_proxy(backend(map { "server s$_ ${\ $o->addr} check inter 600s" } 1 .. 10)
	    =~ s/^(global\n)/$1    max-spread-checks 200ms\n/r);
	ok(wait_until { (() = cli_ask($sock, 'show stat b -1 -1') =~ /,L4OK,/g) == 10 }, 'all are checked soon');
	stop_proxy($p);
};

subtest 'agent-inter, agent-send' => sub {
	my $a = origin(name => 'agent', raw => 1, greet => sub {
		my ($c, $self) = @_;
		$self->record('asked', $c->read_until(qr/\n/));
		$c->send("up\n");
	});
	my $p = start_proxy(backend("server s ${\ $o->addr} check inter 600s agent-check agent-addr $a->{host} "
	    . "agent-port $a->{port} agent-inter 30ms agent-send \"who?\\n\""));
	my @e = $a->wait_events('asked', 3);
	is(scalar(grep { $_->[2] eq "who?\n" } @e[0 .. 2]), 3, 'asked again, long before inter');
	stop_proxy($p);
};

# what is logged of a server that goes and comes back
sub health_log
{
	my ($bin, $kind) = @_;
	my $w = origin(name => 'w', respond => sub {
		my ($req, $c, $o) = @_;
		return response($o->is_set('bad') ? 503 : 200, 'x');
	});
	my $p = start_proxy(backend('option log-health-checks', $kind, "server s1 ${\ $w->addr} check inter 500ms fastinter 50ms downinter 50ms rise 2 fall 2"),
	    bin => $bin);
	my @got;
	my $until = sub {
		my ($re) = @_;
		while (my $l = $log->next_line) {
			next unless ($l->{msg} // '') =~ /b\/s1/;
			push @got, $l->{msg} =~ s/check duration: \d+ms/check duration: Nms/r;
			return if $l->{msg} =~ $re;
		}
		push @got, 'nothing more';
	};

	$until->(qr/succeeded.*3\/3|succeeded.*2\/2 UP/);
	$kind =~ /http/ ? $w->set('bad') : $w->stop;
	$until->(qr/Server b\/s1 is DOWN/);
	$kind =~ /http/ ? $w->unset('bad') : $w->restart;
	$until->(qr/Server b\/s1 is UP/);
	$until->(qr/status: 2\/2 UP/) if $kind =~ /none/;
	stop_proxy($p);
	return \@got;
}

subtest 'option log-health-checks' => sub {
	for my $kind ('option httpchk GET /', 'option tcp-check') {
		my $ours = health_log(binary(), $kind);
		ok(scalar(grep { /^Health check for server b\/s1 failed, reason: .*, check duration: Nms, status: 1\/2 UP\.$/ } @$ours), "$kind: a failure")
		    or diag join "\n", @$ours;
		SKIP: {
			skip('haproxy is not installed', 1) unless $haproxy;
			is_deeply($ours, health_log($haproxy, $kind), "$kind: as haproxy");
		}
	}
};

subtest 'slowstart: the curve' => sub {
	my $w = origin(name => 'w', respond => sub {
		my ($req, $c, $o) = @_;
		return response($o->is_set('bad') ? 503 : 200, 'x');
	});
	my $p = start_proxy(backend('option httpchk GET /', "server s1 ${\ $w->addr} check inter 500ms fastinter 50ms downinter 50ms fall 1 rise 1 weight 200 slowstart 4s",
	    'server s2 127.0.0.1:1'));
	my $row = sub {
		my ($head, $line) = cli_ask($sock, 'show stat b 4 -1') =~ /^# (.*)\n(b,s1,.*)$/m or return {};
		my @v = split /,/, $line, -1;
		my @n = split /,/, $head;
		return { map { $n[$_] => $v[$_] } 0 .. $#n };
	};
	my $is = sub { my ($re) = @_; wait_until { $row->()->{status} =~ $re } };

	$is->(qr/^UP/);
	$w->set('bad');
	ok($is->(qr/^DOWN/), 'it goes');
	$w->unset('bad');
	ok($is->(qr/^UP/), 'it comes back');
	my @seen;
	wait_until {
		my $r = $row->();
		my $is_over = $r->{throttle} eq '';
		push @seen, [$is_over ? 100 : $r->{throttle}, $r->{weight}];
		return $is_over;
	};
	cmp_ok(scalar @seen, '>', 5, 'it takes its time');
	ok(!(grep { $seen[$_][1] < $seen[$_ - 1][1] } 1 .. $#seen), 'weights never fall');
	ok(!(grep { abs($_->[1] / 2 - $_->[0]) > 15 } @seen), 'and are as far as the time is')
	    or diag join ' ', map { "$_->[0]:$_->[1]" } @seen;
	is($seen[-1][1], 200, 'up to its own');
	stop_proxy($p);
};

for my $word ('email-alert mailers x', 'email-alert to a@b', 'email-alert from a@b', 'email-alert level alert', 'email-alert myhostname x') {
	my $r = check_config(defaults($word));
	my ($name) = $word =~ /^(email-alert \w+)/;
	like($r->{all}, qr/'$name' is known to HAProxy 3.4 but not supported by tideway yet/, "$name: not yet");
}
like(check_config("mailers x\n    mailer a 127.0.0.1:25\n" . defaults())->{all}, qr/section 'mailers' is known to HAProxy/, 'mailers: not yet');

done_testing;
