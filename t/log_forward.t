# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# log-forward sections: what comes as datagrams and over streams goes on, in
# the form that each target wants; the same as through Debian's haproxy. And
# streams that are rude.
use Tideway::Test;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Tideway::Cli;

my $dir = Tideway::Test::temp_dir();
my $sock = "$dir/ctl.sock";
my ($haproxy) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);
my @formats = qw(rfc3164 rfc5424 local priority short timed iso raw);
my %sink = map { $_ => syslog_udp() } 'same', @formats;

my $host = do { my $l = listener(); my $h = (split /:/, $l->addr)[0]; $l->close; $h };
my ($udp_port, $tcp_port) = map { my $proto = $_;
    my $s = IO::Socket::INET->new(Proto => $proto, LocalAddr => $host,
	($proto eq 'tcp' ? (Listen => 1, ReuseAddr => 1) : ())) or die $@;
    my $port = $s->sockport; close $s; $port } qw(udp tcp);

sub text
{
	my ($more) = @_;

	return "global\n    stats socket $sock level admin\nlog-forward fwd
    dgram-bind $host:$udp_port
    bind $host:$tcp_port
    maxconn 5
    timeout client 20s
    log ${\ $sink{same}->addr} local3
" . join('', map { "    log ${\ $sink{$_}->addr} format $_ local3\n" } @formats)
	    . ($more // '') . defaults() . "
listen web
    bind {BIND:web}
";
}

my @messages = (
	'<13>Nov 22 10:00:00 myhost myapp[123]: a message', '<13>Nov  2 10:00:00 myapp: no host',
	'<165>1 2026-11-22T10:00:00.003+02:00 myhost myapp 1234 ID47 [x@1 a="b" c="d\]"][y] text',
	'<165>1 2026-11-22T10:00:00.003+02:00 myhost myapp - - - text',
	'<34>only a priority', 'nothing of it', '<13>Nov 22 10:00:00 myhost no tag here',
);

sub norm
{
	my ($raw) = @_;

	return 'nothing' unless defined $raw;
	$raw =~ s/\n\z//;
	# ours, where the message has none
	$raw =~ s/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d/NOW/;
	my $today = POSIX::strftime('%b %e', localtime);
	$raw =~ s/\Q$today\E \d\d:\d\d:\d\d/NOW/;
	return $raw;
}

# what each target gets for each message
sub run
{
	my ($bin) = @_;
	my $p = start_proxy(text(), bin => $bin);
	my %got;

	for my $m (@messages) {
		my $s = IO::Socket::INET->new(Proto => 'udp', PeerAddr => $host, PeerPort => $udp_port);
		print $s $m;
		close $s;
		for my $f ('same', @formats) {
			push @{ $got{$f} }, norm($sink{$f}->next_raw(5));
		}
	}
	stop_proxy($p);
	return \%got;
}

use POSIX ();

my $ours = run(binary());
is_deeply([@{ $ours->{same} }[0 .. 4]], [@messages[0 .. 4]], 'without a format, as it came');
is($ours->{raw}[2], 'text', 'raw: the text alone');
is($ours->{short}[4], '<2>only a priority', 'short: the level');
is($ours->{priority}[5], '<158>nothing of it', 'the facility for one that has none');
like($ours->{rfc5424}[0], qr{^<13>1 \d{4}-11-22T10:00:00-00:00 myhost myapp 123 - - a message$}, 'RFC 3164 to 5424');
is($ours->{rfc3164}[2], '<165>Nov 22 10:00:00 myhost myapp[1234]: text', 'RFC 5424 to 3164');
SKIP: {
	skip('haproxy is not installed', 1) unless $haproxy;
	my $theirs = run($haproxy);
	for my $f ('same', @formats) {
		for my $i (0, 2, 3) {
			is($ours->{$f}[$i], $theirs->{$f}[$i], "as haproxy: $f: $messages[$i]");
		}
	}
}

sub cli
{
	my ($line) = @_;
	my $s = IO::Socket::UNIX->new(Peer => $sock) or return 'no socket';

	print $s "$line\n";
	$s->flush;
	return answer($s);
}

sub stream
{
	my $s = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $tcp_port) or die $@;
	$s->autoflush(1);
	return $s;
}

subtest 'streams' => sub {
	my $p = start_proxy(text());
	my $s = stream();
	print $s "<13>Nov  2 10:00:00 a: one\n<13>Nov  2 10:00:00 a: two\n8 <13>four<13>Nov  2 ";
	is($sink{raw}->next_raw, "$_\n", "a line: $_") for qw(one two);
	is($sink{raw}->next_raw, "four\n", 'octet counting');
	print $s "10:00:00 a: three\n";
	is($sink{raw}->next_raw, "three\n", 'a line in two pieces');
	print $s "<13>last";
	shutdown $s, 1;
	is($sink{raw}->next_raw, "last\n", 'a line without an end');
	ok(wait_until { !defined(sysread $s, my $b, 1) || 1 }, 'closed');
	for my $rude ("12345678 x", "99999 ", "5x abc", 'y' x 70000) {
		my $s = stream();
		print $s $rude;
		my $r = sysread $s, my $buf, 10;
		ok(!$r, 'a stream without framing is closed: ' . substr $rude, 0, 10);
	}
	like(cli('show log'), qr/^# log-forward: messages=\d+ broken_streams=4$/m, 'and counted');
	my @many = map { stream() } 1 .. 5;
	my $six = stream();
	print $six "<13>six\n";
	is($sink{raw}->next_raw(0.3), undef, 'no more than maxconn at a time');
	close shift @many;
	is($sink{raw}->next_raw, "six\n", 'then the next');
	print {$many[0]} "<13>bad\x01\x00bytes\n";
	is($sink{raw}->next_raw, "bad#01#00bytes\n", 'bytes that a log cannot have');
	stop_proxy($p);
};

subtest 'options, global, reload' => sub {
	my $all = syslog_udp();
	my $more = syslog_udp();
	my $p = start_proxy("global\n    log ${\ $all->addr} format raw local0 info info\nlog-forward f
    bind $host:$tcp_port
    log global
    log ${\ $more->addr} local1
    option dont-parse-log
    option assume-rfc6587-ntf
" . defaults());
	my $s = stream();
	print $s "123 is no length\n";
	is($all->next_raw, "123 is no length\n", 'a line that begins with digits');
	print $s "<13>Nov  2 10:00:00 a: x\n";
	is($more->next_raw, "123 is no length\n", 'to both');
	is($more->next_raw, "<13>Nov  2 10:00:00 a: x\n", 'not parsed, and not changed');
	$p->write_config("log-forward f
    bind $host:$tcp_port
    log ${\ $more->addr} format raw local1
" . defaults());
	$p->signal('USR2');
	ok(wait_until {
		print $s "<13>Nov  2 10:00:00 a: reloaded\n";
		return ($more->next_raw(0.3) // '') eq "reloaded\n";
	}, 'the same stream, other settings');
	$p->write_config("log-forward f
    dgram-bind $host:$udp_port
    log ${\ $more->addr} format raw local1
" . defaults());
	$p->signal('USR2');
	ok(!sysread($s, my $buf, 10), 'a socket that has gone takes its streams along');
	stop_proxy($p);
};

subtest 'out of descriptors' => sub {
	my $sink = syslog_udp();
	my $p = start_proxy("log-forward f
    bind $host:$tcp_port
    maxconn 1000
    log ${\ $sink->addr} format raw local1
" . defaults(), prlimit => ['--nofile=100:100']);
	my @many = map { stream() } 1 .. 120;
	print {$many[0]} "<13>first\n";
	is($sink->next_raw, "first\n", 'who came early is served');
	my $cpu = sub {
		my @f = split ' ', slurp('/proc/' . $p->pid . '/stat') =~ s/^.*\) //r;
		return $f[11] + $f[12];
	};
	my $before = $cpu->();
	is($sink->next_raw(1), undef, 'nothing more comes');
	cmp_ok($cpu->() - $before, '<', 50, 'and waiting costs nothing');
	print {$many[-1]} "<13>last\n";
	close $_ for splice @many, 0, 60;
	is($sink->next_raw, "last\n", 'the others, when there is room');
	stop_proxy($p);
};

for my $bad (["log-forward\n", qr/expects a name/], ["log-forward a\nlog-forward a\n", qr/declared already/],
    ["log-forward a\n    bind 127.0.0.1\n", qr/port/], ["log-forward a\n    bind /x\n", qr/IPv4 or IPv6/],
    ["log-forward a\n    bind 127.0.0.1:1 ssl\n", qr/'ssl' is not supported/],
    ["log-forward a\n    maxconn 0\n", qr/0/], ["log-forward a\n    log ring\@no local0\n", qr/unknown ring/],
    ["log-forward a\n    log 127.0.0.1\n", qr/facility/], ["log-forward a\n    odd\n", qr/odd/]) {
	my $r = check_config($bad->[0] . defaults());
	like($r->{all}, $bad->[1], 'refused: ' . $bad->[0] =~ s/\n\s*/; /gr);
}
my $busy = IO::Socket::INET->new(Listen => 1, LocalAddr => $host) or die;
my $r = run_cmd('-db', '-f', spew('busy.cfg', "log-forward a\n    bind $host:" . $busy->sockport
    . "\n    log 127.0.0.1 local0\n" . defaults()));
like("$r->{err}$r->{out}", qr/log-forward 'a' \(.*busy\.cfg:2\): cannot listen/, 'a port that is taken');

done_testing;
