# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The client: asks an address for a page every 10 ms, over a fresh connection
# each time, and writes down who answered and when. The answer's body is the
# name of the node. Who has not answered within LIMIT has not answered.
package Tideway::Lab::Prober;
use strict;
use warnings;
use Errno qw(EINPROGRESS);
use Socket qw(:all);
use Time::HiRes qw(time);

use constant {
	INTERVAL => 0.010,
	LIMIT => 0.250,
};
our $N = 0;

# in the test: starts one for an address
sub new
{
	my ($class, $lab, $address, $port) = @_;
	my $self = bless { lab => $lab,
	    log => "$lab->{dir}/prober" . ++$N }, $class;

	$self->{pid} = $lab->spawn_in('client', $self->{log}, $^X,
	    "-I$Tideway::Lab::LIB", '-MTideway::Lab::Prober', '-e',
	    'Tideway::Lab::Prober::main()', $address, $port // 80);
	return $self;
}

sub stop
{
	my ($self) = @_;

	$self->{lab}->end_pid(delete $self->{pid}) if $self->{pid};
}

# [time, name] of all answers between two times, in order
sub answers
{
	my ($self, $from, $to) = @_;
	my $text = Tideway::Lab::slurp($self->{log});
	my @all = map { [ /^(\d+\.\d+) (\S+)/ ] } split /\n/, $text;

	return grep { @$_ && $_->[0] >= ($from // 0) && $_->[0] <= ($to // 9e99) }
	    @all;
}

# the first answer after a time, of one node or of any: [time, name] or undef
sub first
{
	my ($self, $from, $name) = @_;

	return (grep { !defined $name || $_->[1] eq $name } $self->answers($from))[0];
}

# waits for that
sub wait_first
{
	my ($self, $from, $name, $secs) = @_;

	return Tideway::Lab::wait_until(sub { $self->first($from, $name) }, $secs);
}

# the longest time without an answer that began after `from`, seconds
sub outage
{
	my ($self, $from, $to) = @_;
	my $worst = INTERVAL;
	my ($before) = reverse $self->answers(0, $from);
	my $last = $before ? $before->[0] : $from;

	for my $t ((map { $_->[0] } $self->answers($from, $to)), $to // ()) {
		$worst = $t - $last if $t - $last > $worst;
		$last = $t;
	}
	return $worst - INTERVAL;
}

# --- in the client's process ---

my (%open, $to, $family, $stopped);

sub main
{
	my ($address, $port) = @ARGV;
	my $next = time;

	$SIG{TERM} = sub { $stopped = 1 };
	$SIG{PIPE} = 'IGNORE';
	$family = $address =~ /:/ ? AF_INET6 : AF_INET;
	$to = $family == AF_INET ? pack_sockaddr_in($port, inet_aton($address))
	    : pack_sockaddr_in6($port, inet_pton(AF_INET6, $address));
	until ($stopped) {
		if (time >= $next) {
			begin();
			$next += INTERVAL;
			$next = time if $next < time - INTERVAL;
		}
		serve($next - time);
	}
}

sub begin
{
	socket my $sock, $family, SOCK_STREAM | SOCK_NONBLOCK, 0 or return;
	connect $sock, $to or $! == EINPROGRESS or return;
	$open{ fileno $sock } = { sock => $sock, since => time, got => '' };
}

sub serve
{
	my ($wait) = @_;
	my ($in, $out) = ('', '');

	for my $fd (keys %open) {
		vec($open{$fd}{asked} ? $in : $out, $fd, 1) = 1;
	}
	my $n = select $in, $out, undef, $wait > 0 ? $wait : 0;
	for my $fd (keys %open) {
		my $c = $open{$fd};
		if ($n > 0 && (vec($in, $fd, 1) || vec($out, $fd, 1))) {
			delete $open{$fd} unless advance($c);
		}
		delete $open{$fd} if time - $c->{since} > LIMIT;
	}
}

# sends, or reads; false at the end
sub advance
{
	my ($c) = @_;

	unless ($c->{asked}++) {
		return defined syswrite $c->{sock},
		    "GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n";
	}
	my $n = sysread $c->{sock}, $c->{got}, 4096, length $c->{got};
	return 1 if $n;
	syswrite STDOUT, sprintf "%.6f %s\n", time, $1
	    if defined $n && $c->{got} =~ m{^HTTP/1\.1 200 .*\r\n\r\n(\w+)}s;
	return 0;
}

1;
