# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Before the address moves, clients are sent away: idle connections end, who
# waits for an answer gets it and is told that it is the last, and new requests
# are answered all the same. By `vrrp yield`, and by a soft stop.
use Tideway::Test;
use IO::Socket::UNIX;
use Tideway::Lab;
use Tideway::Lab::Conf;

my $missing = Tideway::Lab->missing;
plan(skip_all => $missing) if $missing;
plan(skip_all => 'keepalived does not know clients') unless Tideway::Lab::is_ours();
alarm 180 * ($ENV{TW_TIME_SCALE} || 1);

my $VIP = $Tideway::Lab::Conf::VIP;
my ($lab, $client);

# Two connections of a client: one idle, one that waits. Its log has a line for
# all that happens to them.
my $CLIENT = <<'END';
use IO::Socket::INET;
$| = 1;
sub conn { IO::Socket::INET->new("$ARGV[0]:80") or die "connect: $!" }
sub answer { my $s = shift; my $all = '';
	sysread $s, $all, 4096, length $all or last until $all =~ /\r\n\r\n[ab]$/;
	return $all }
my ($idle, $busy) = (conn(), conn());
print $idle "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
my $first = answer($idle);
print $busy "GET /held HTTP/1.1\r\nHost: x\r\n\r\n";
print 'idle ', $first =~ /^connection: close/im ? 'closing' : 'kept', "\n";
sysread $idle, my $more, 1;
print "eof\n";
my $last = answer($busy);
print 'answer ', substr($last, 9, 3), ' ', substr($last, -1), ' ',
    $last =~ /^connection: close/im ? 'closing' : 'kept', "\n";
END

sub said
{
	my ($log, $re, $what) = @_;

	ok(wait_until(sub { slurp($log) =~ $re }, 30), $what) or diag(slurp($log), $lab->logs);
}

# in: what to do, a function that begins it, for how long it waits at most; body
# gets nodes a and b
sub drains
{
	my ($what, $begin, $limit, $body) = @_;

	subtest $what => sub {
		$lab = Tideway::Lab->new;
		$client = $lab->prober($VIP);
		my ($a, $b) = $lab->nodes;
		$_->start('tideway', instance(priority => $_ == $a ? 101 : 99, version => 3,
		    advert => 0.2), peer => $_ == $a ? 'b' : 'a') for $a, $b;
		ok($lab->wait_owners($VIP, 'a', 30), 'a has the address');
		ok($client->wait_first(time, 'a'), 'and serves');
		my $log = "$lab->{dir}/client-log";
		my $pid = $lab->spawn_in('client', $log, $^X, '-e', $CLIENT, $VIP);
		said($log, qr/^idle kept$/m, 'a connection is kept');

		my $since = time;
		$begin->($a);
		said($log, qr/^eof$/m, 'the idle one ends');
		SKIP: {
			skip 'this machine is too slow for it', 3 if time - $since > $limit / 2;
			ok($client->wait_first(time, 'a'), 'new requests are answered here');
			is($lab->owners($VIP), 'a', 'who waits for an answer holds it back');
			$a->web_go;
			said($log, qr/^answer 200 a closing$/m, 'the answer comes, the last');
		}
		ok($lab->wait_owners($VIP, 'b', 30), 'then the address moves')
		    or diag($lab->logs);
		ok($client->wait_first(time, 'b'), 'and b serves');
		cmp_ok($client->outage($since, time), '<', 2, 'nobody was without an answer for long');
		$body->($a, $b);
		is($_->halt, '', "$_->{name} ends well") for $a, $b;
		$lab->end_pid($pid);
		$client->stop;
		$lab->end;
	};
}

my $session;
drains('vrrp yield', sub {
	$session = IO::Socket::UNIX->new(Peer => "$_[0]{dir}/ctl") or die "ctl: $!";
	print $session "vrrp yield VI_1 drain 40s\n";
}, 40, sub {
	my ($a) = @_;
	local $/;
	like(scalar(<$session>), qr/handed over/, 'the session is told');
	like($a->control('vrrp yield drain'), qr/needs a time/, 'no time');
	like($a->control('vrrp yield VI_1 drain x'), qr/needs a time/, 'a bad time');
	like($a->control('vrrp yield no_such drain 1s'), qr/no VRRP instance/, 'no instance');
	like($a->control('vrrp resume'), qr/^$/, 'resume');
	ok($lab->wait_owners($VIP, 'a', 30), 'a has it again');
	like($a->control('vrrp yield drain 0'), qr/handed over/, 'at once');
	ok($lab->wait_owners($VIP, 'b', 30), 'b has it');
});

# A soft stop waits for a second.
drains('SIGUSR1', sub { kill 'USR1', $_[0]{pid} }, 1, sub {
	my ($a) = @_;
	is($lab->wait_pid(delete $a->{pid}, 30), 0, 'it ends by itself');
});

done_testing;
