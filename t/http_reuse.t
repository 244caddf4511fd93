# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# http-reuse, policy by policy: which server connection each request takes.
# An answer is the connections' numbers in the order of the requests.
use Tideway::Test;

# requests that cannot be sent again: those that can may share more here
my $get = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n";

# request n of a client that is open, and a client that asks but once
sub keep { my ($c, $n) = @_; $c->request("$get\r\n") for 1 .. $n }
sub once { $_[0]->request('web', "${get}Connection: close\r\n\r\n") }

my %play = (
	'four clients with one request' => sub { once($_[0]) for 1 .. 4 },
	'four clients with two, one after the other' => sub {
		my ($p) = @_;
		for (1 .. 4) {
			my $c = $p->client('web');
			keep($c, 2);
			$c->close;
		}
	},
	'a client with three beside an idle one' => sub {
		my ($p) = @_;
		my $idle = $p->client('web');
		keep($idle, 1);
		keep($p->client('web'), 3);
	},
	'three clients in turn' => sub {
		my ($p) = @_;
		my @c = map { $p->client('web') } 1 .. 3;
		for (1 .. 3) {
			keep($_, 1) for @c;
		}
	},
);
my %want = (
	never => ['1 2 3 4', '1 1 2 2 3 3 4 4', '1 2 2 2', '1 2 3 1 2 3 1 2 3'],
	safe => ['1 2 3 4', '1 1 2 1 3 1 4 1', '1 2 1 1', '1 2 3 1 1 1 1 1 1'],
	aggressive => ['1 2 3 4', '1 1 1 1 1 1 1 1', '1 2 1 1', '1 2 3 1 1 1 1 1 1'],
	always => ['1 1 1 1', '1 1 1 1 1 1 1 1', '1 1 1 1', '1 1 1 1 1 1 1 1 1'],
);
my @plays = ('four clients with one request',
    'four clients with two, one after the other',
    'a client with three beside an idle one', 'three clients in turn');

# an idle connection belongs to its thread: one thread sees them all
sub played
{
	my ($line, $play) = @_;
	my $o = origin(name => 's');
	my $p = start_proxy("global\n    nbthread 1\n" . defaults($line) . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
");
	$play{$play}->($p);
	my $got = join ' ', map { $_->{conn} } $o->requests;
	my $bad = $p->stop;
	return $bad eq '' ? $got : $bad;
}

for my $mode (qw(never safe aggressive always)) {
	subtest $mode => sub {
		for my $i (0 .. $#plays) {
			is(played("http-reuse $mode", $plays[$i]), $want{$mode}[$i], $plays[$i]);
		}
	};
}
is(played('retries 3', $plays[2]), $want{safe}[2], 'safe by default');

done_testing;
