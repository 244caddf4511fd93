# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# hold obsolete: a record that is in no answer any more is kept for so long. No
# times are measured: what an hour holds outlives many answers, and a reload with
# a short hold lets it go.
use Tideway::Test;
use Tideway::Cli;
use Tideway::Dns;

my ($third, $fourth) = $Tideway::Listener::ADDR =~ /^127\.\d+\.(\d+)\.(\d+)$/;
my @ip = map { "127.$_.$third.$fourth" } 151 .. 152;
my @o = (origin(name => 'o1', host => $ip[0]));
my $port = $o[0]{port};
push @o, origin(name => 'o2', host => $ip[1], port => $port);

sub config
{
	my ($dns, $hold, $backend) = @_;

	return 'global
    stats socket {DIR}/sock level admin
' . defaults() . "
resolvers dns
    nameserver n1 ${\ $dns->addr}
    timeout resolve 50ms
    timeout retry 50ms
    hold valid 50ms
    $hold
frontend web
    bind {BIND:web}
    default_backend b
backend b
    $backend
";
}

sub state_of { cli_stat("$_[0]{dir}/sock", 'status', "b/$_[1]") }
sub address_of { cli_stat("$_[0]{dir}/sock", 'addr', "b/$_[1]") }
sub asked { return scalar(my @all = grep { /$_[1]/ } $_[0]->asked) }

# so many more answers about a name
sub answers
{
	my ($dns, $name, $n) = @_;
	my $want = asked($dns, $name) + $n;

	return wait_until { asked($dns, $name) >= $want };
}

sub all
{
	my ($p) = @_;
	my %n;

	$n{ $p->get('web', '/')->header('X-Server') // 'none' }++ for 1 .. 8;
	return join ' ', sort keys %n;
}

sub reload
{
	my ($p, @config) = @_;

	$p->write_config(config(@config));
	$p->signal('USR2');
}

my $HOUR = 'hold obsolete 1h';
my $SHORT = 'hold obsolete 100ms';

for my $case (['A', 'a.test', 'a.test/A', sub { [map { $ip[ $_ - 1 ] } @_] },
    "server-template s 2 a.test:$port resolvers dns init-addr none resolve-prefer ipv4", 'No IP for server'],
    ['SRV', '_h._tcp.test', '_h._tcp.test/SRV', sub { [map { "1 1 $port h$_.test" } @_] },
    'server-template s 2 _h._tcp.test resolvers dns init-addr none resolve-prefer ipv4', 'entry removed from SRV record']) {
	my ($type, $name, $entry, $records, $backend, $why) = @$case;

	subtest "a record $type that vanishes" => sub {
		my $dns = Tideway::Dns->new(zone => { $entry => $records->(1, 2), 'h1.test/A' => [ $ip[0] ], 'h2.test/A' => [ $ip[1] ] });
		my $p = start_proxy(config($dns, $HOUR, $backend));
		ok(wait_until { all($p) eq 'o1 o2' } , 'two records, two servers');
		$dns->zone($entry => $records->(2));
		ok(answers($dns, $name, 6), 'six answers without one of them');
		is(all($p), 'o1 o2', 'its server is there all the same');
		unlike($p->stderr, qr/maintenance/, 'nothing is said');

		$dns->zone($entry => $records->(1, 2));
		ok(answers($dns, $name, 3), 'it comes again');
		is(all($p), 'o1 o2', 'as if nothing had been');

		$dns->zone($entry => $records->(2));
		ok(answers($dns, $name, 3), 'it goes');
		is(all($p), 'o1 o2', 'and is held');
		reload($p, $dns, $SHORT, $backend);
		ok(wait_until { all($p) eq 'o2' } , 'a shorter hold: its server goes');
		ok($p->wait_output(qr{b/s\d.*maintenance \($why\)}), 'into maintenance') or diag $p->stderr;
		my ($down) = grep { state_of($p, $_) =~ /MAINT/ } 's1', 's2';
		ok($down, 'one of them is there') or diag state_of($p, 's1'), state_of($p, 's2');
		$dns->zone($entry => $records->(1, 2));
		ok(wait_until { all($p) eq 'o1 o2' } , 'until the record comes back');
		stop_proxy($p);
	};
}

subtest 'an address that changes' => sub {
	my $dns = Tideway::Dns->new(zone => { 'a.test/A' => [ $ip[0] ] });
	my $backend = "server s a.test:$port resolvers dns init-addr none resolve-prefer ipv4";
	my $p = start_proxy(config($dns, $HOUR, $backend));
	ok(wait_until { all($p) eq 'o1' } , 'the first one');
	$dns->zone('a.test/A' => [ $ip[1] ]);
	ok(answers($dns, 'a.test/A', 6), 'another one in six answers');
	is(all($p), 'o1', 'the server keeps the first');
	is(address_of($p, 's'), "$ip[0]:$port", 'as the statistics show');
	reload($p, $dns, $SHORT, $backend);
	ok(wait_until { all($p) eq 'o2' } , 'a shorter hold: it takes the other');
	stop_proxy($p);
};

subtest 'no hold' => sub {
	my $dns = Tideway::Dns->new(zone => { 'a.test/A' => [ $ip[0] ] });
	my $p = start_proxy(config($dns, '', "server s a.test:$port resolvers dns init-addr none resolve-prefer ipv4"));
	ok(wait_until { all($p) eq 'o1' } , 'an address');
	$dns->zone('a.test/A' => [ $ip[1] ]);
	ok(wait_until { all($p) eq 'o2' } , 'another one, with the next answer');
	stop_proxy($p);
};

done_testing;
