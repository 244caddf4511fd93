# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What a master holds besides plain addresses: routes, rules, a virtual MAC;
# and what a handover leaves alone: the survivor's established connections.
use Tideway::Test;
use Tideway::Lab;
use Tideway::Lab::Conf;

my $missing = Tideway::Lab->missing;
plan(skip_all => $missing) if $missing;
plan(skip_all => 'these look for what tideway does') unless Tideway::Lab::is_ours();
alarm 120 * ($ENV{TW_TIME_SCALE} || 1);

my $VIP = $Tideway::Lab::Conf::VIP;

sub eventually
{
	my ($lab, $name, $re, $what, @cmd) = @_;

	ok(Tideway::Lab::wait_until(sub { $lab->read_in($name, @cmd) =~ $re }), $what)
	    or diag($lab->read_in($name, @cmd), $lab->logs);
}

subtest 'routes and rules' => sub {
	my $lab = Tideway::Lab->new;
	my ($a) = $lab->nodes;
	my @routes = qw(ip route show);
	my @rules = qw(ip rule show);

	$a->start('tideway', instance(version => 3, advert => 0.1, lines => [
		"virtual_routes {\n        10.55.0.0/16 via 192.168.2.9 dev eth0\n"
		. "        blackhole 10.56.0.0/16\n    }",
		"virtual_rules {\n        from 192.168.2.100/32 lookup 77 preference 500\n    }" ]));
	ok($lab->wait_owners($VIP, 'a'), 'master');
	eventually($lab, 'a', qr{^10\.55\.0\.0/16 via 192\.168\.2\.9 dev eth0}m, 'a route',
	    @routes);
	eventually($lab, 'a', qr{^blackhole 10\.56\.0\.0/16}m, 'a black hole', @routes);
	eventually($lab, 'a', qr{^500:\s+from 192\.168\.2\.100 lookup 77}m, 'a rule', @rules);
	$lab->ip('a', 'route del 10.55.0.0/16');
	eventually($lab, 'a', qr{^10\.55\.0\.0/16 }m, 'a route that somebody removed is back',
	    @routes);
	$lab->ip('a', 'rule del preference 500');
	eventually($lab, 'a', qr{^500:}m, 'and a rule', @rules);
	$a->stop;
	unlike($lab->read_in('a', @routes), qr{10\.5[56]\.}, 'no route is left');
	unlike($lab->read_in('a', @rules), qr{^500:}m, 'and no rule');
	$lab->end;
};

subtest 'a virtual MAC' => sub {
	my $lab = Tideway::Lab->new;
	my ($a, $b) = $lab->nodes;
	my $text = sub { instance(version => 3, advert => 0.1, priority => $_[0],
		lines => ['use_vmac']) };

	$a->start('tideway', $text->(110));
	ok(Tideway::Lab::wait_until(sub {
		$lab->read_in('a', qw(ip -o addr show)) =~ /vrrp\.51\s.*\Q$VIP\E/ }),
	    'the address is on the macvlan') or diag($lab->logs);
	my $client = $lab->prober($VIP);
	ok($client->wait_first(time, 'a'), 'it answers');
	my @neigh = (qw(ip neigh show), $VIP);
	like($lab->read_in('client', @neigh), qr/00:00:5e:00:01:33/, 'by the router\'s MAC');
	$b->start('tideway', $text->(100));
	my $since = time;
	$a->stop;
	ok($client->wait_first($since, 'b'), 'and then from the other node');
	like($lab->read_in('client', @neigh), qr/00:00:5e:00:01:33/, 'by the same MAC');
	unlike($lab->read_in('a', qw(ip link show)), qr/vrrp\.51/, 'the macvlan is gone');
	$lab->end;
};

# one connection, two requests, the second when a file is there
my $PATIENT = <<'END';
use IO::Socket::INET;
my ($host, $flag) = @ARGV;
my $s = IO::Socket::INET->new(PeerHost => $host, PeerPort => 80) or die "connect: $!";
for my $n (1, 2) {
	print $s "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	$s->sysread(my $got, 65536);
	print "answer $n ", $got =~ m{^HTTP/1.1 200} ? 'ok' : 'none', "\n";
	STDOUT->flush;
	select undef, undef, undef, 0.01 until -e $flag;
}
END

subtest 'the survivor\'s connections' => sub {
	my $lab = Tideway::Lab->new;
	my ($a, $b) = $lab->nodes;
	my $script = $lab->write("$b->{dir}/patient.pl", $PATIENT) // '';
	my $text = sub { instance(priority => $_[0]) };

	$a->start('tideway', $text->(110), peer => 'b');
	$b->start('tideway', $text->(100), peer => 'a');
	ok($lab->wait_owners($VIP, 'a'), 'a is master');
	$lab->spawn_in('client', "$b->{dir}/patient.log", $^X, "$b->{dir}/patient.pl",
	    $b->address, "$b->{dir}/flag");
	my $log = sub { Tideway::Lab::slurp("$b->{dir}/patient.log") };
	ok(Tideway::Lab::wait_until(sub { $log->() =~ /answer 1 ok/ }), 'a client of b');
	$a->stop;
	ok($lab->wait_owners($VIP, 'b'), 'b takes over');
	$lab->write("$b->{dir}/flag", '');
	ok(Tideway::Lab::wait_until(sub { $log->() =~ /answer 2 ok/ }),
	    'its connection goes on') or diag($log->());
	$lab->end;
};

done_testing;
