# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A laboratory of network namespaces: nodes that hold a virtual address, a
# client, and the switch between them, all on this machine.
#
#   client --- lan --- node a, b, ...      192.168.2.0/24, fd00:2::/64
#                      node a, b, ...      10.9.9.0/24 (the second path)
#
# Nodes have eth0 in the first network and eth1 in the second. The switch is a
# bridge in a namespace of its own; with hub => 1 it is Tideway::Lab::Hub,
# which loses frames on demand. Names of namespaces hold the pid, what a killed
# laboratory left behind is removed by the next one, and a living one removes
# itself at the end of the program. Nothing here needs Test::More: the
# benchmarks use it too.
package Tideway::Lab;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use POSIX qw(WNOHANG);
use Time::HiRes qw(time);
use Tideway::Lab::Node;
use Tideway::Lab::Prober;
use Tideway::Lab::Watch;

our $LIB = dirname(dirname(abs_path(__FILE__)));
our $SECS = 10 * ($ENV{TW_TIME_SCALE} || 1); # a deadline for what comes soon
my (@labs, $n_labs);

my %NET = (
	lan => { dev => 'eth0', v4 => '192.168.2', v6 => 'fd00:2' },
	path => { dev => 'eth1', v4 => '10.9.9', v6 => 'fd00:9' },
);

# why there can be no laboratory here; '' when there can be
sub missing
{
	my ($class, @programs) = @_;

	return 'network namespaces need Linux' if $^O ne 'linux';
	return 'network namespaces need root' if $> != 0;
	push @programs, qw(keepalived haproxy)
	    if $Tideway::Lab::Node::OURS eq 'keepalived';
	for my $program ('ip', @programs) {
		return "no $program here" unless _which($program);
	}
	return 'this tideway has no VRRP'
	    if $Tideway::Lab::Node::OURS eq 'tideway' && !_has_vrrp();
	my $try = "twlab$$-try";
	my $bad = system("ip netns add $try && ip -n $try link add p0 type veth "
	    . "peer name p1 && ip -n $try link add br0 type bridge") >> 8;
	system "ip netns del $try 2>/dev/null";
	return $bad ? 'namespaces, veth or bridges cannot be made' : '';
}

# the program under test
sub tideway
{
	return $ENV{TIDEWAY} // ($INC{'Tideway/Test.pm'}
	    ? Tideway::Test::binary() : 'tideway');
}

sub _has_vrrp
{
	open my $fh, '-|', tideway(), '-vv' or return 0;
	return scalar grep { /\bvrrp\b/ } <$fh>;
}

sub _which
{
	return (grep { -x } map { "$_/$_[0]" }
	    split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin')[0];
}

# is what is under test tideway, not keepalived in its place?
sub is_ours { $Tideway::Lab::Node::OURS eq 'tideway' }

# opt: nodes => [names], hub => 1
sub new
{
	my ($class, %opt) = @_;
	my $self = bless { n => ++$n_labs, owner => $$, pids => {}, %opt }, $class;

	_reap();
	$self->{dir} = tempdir('twlab-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	chmod 0755, $self->{dir};
	push @labs, $self;
	$self->{nodes} //= [qw(a b)];
	$self->{bridge_dev} = { lan => 'br0', path => 'br1' };
	$self->_add_ns($_) for 'switch', 'client', @{ $self->{nodes} };
	$self->_add_bridges unless $self->{hub};
	$self->_plug('client', 254, 'lan');
	my $host = 0;
	for my $name (@{ $self->{nodes} }) {
		$self->_plug($name, ++$host, 'lan', 'path');
		$self->{node}{$name} = Tideway::Lab::Node->new($self, $name, $host);
	}
	$self->_start_hubs if $self->{hub};
	$self->{watch} = Tideway::Lab::Watch->new($self);
	return $self;
}

# what somebody's killed laboratory left here
sub _reap
{
	for my $ns (`ip netns list` =~ /^(twlab(?:\d+)-\S+)/mg) {
		my ($pid) = $ns =~ /^twlab(\d+)/;
		next if kill 0, $pid;
		_del_ns($ns);
	}
}

sub _del_ns
{
	my ($ns) = @_;
	my @pids = split ' ', `ip netns pids $ns 2>/dev/null`;

	kill 'KILL', @pids if @pids;
	system "ip netns del $ns 2>/dev/null";
}

sub ns { "twlab$_[0]{owner}-$_[0]{n}$_[1]" }

sub _add_ns
{
	my ($self, $name) = @_;

	$self->_run('ip', 'netns', 'add', $self->ns($name));
	push @{ $self->{all_ns} }, $self->ns($name);
	# an address of a test is usable at once
	$self->run_in($name, 'sh', '-c', 'cd /proc/sys/net/ipv6/conf && '
	    . 'for d in all default; do echo 0 >$d/accept_dad; '
	    . 'echo 0 >$d/dad_transmits; echo 0 >$d/accept_ra; done');
	$self->ip($name, 'link set lo up');
}

sub _add_bridges
{
	my ($self) = @_;

	for my $br (values %{ $self->{bridge_dev} }) {
		$self->ip('switch', "link add $br type bridge mcast_snooping 0");
		$self->ip('switch', "link set $br up");
	}
}

# a cable from a namespace to the switch, in each of the networks
sub _plug
{
	my ($self, $name, $host, @nets) = @_;

	for my $net (@nets) {
		my ($port, $n) = (port($name, $net), $NET{$net});
		$self->ip('switch', "link add $port type veth peer name $n->{dev} "
		    . 'netns ' . $self->ns($name));
		$self->ip('switch', "link set $port master "
		    . $self->{bridge_dev}{$net}) unless $self->{hub};
		$self->ip('switch', "link set $port up");
		$self->ip($name, "address add $n->{v4}.$host/24 dev $n->{dev}");
		$self->ip($name, "link set $n->{dev} up");
		$self->ip($name, sprintf 'address add %s::%x/64 dev %s',
		    $n->{v6}, $host, $n->{dev});
	}
}

sub port { my ($name, $net) = @_; return "$name-$net" }

sub _start_hubs
{
	my ($self) = @_;

	for my $net (sort keys %NET) {
		my @ends = grep { $net eq 'lan' || $_ ne 'client' }
		    'client', @{ $self->{nodes} };
		my $rules = "$self->{dir}/hub-$net";
		$self->write($rules, '');
		$self->{hub_pid}{$net} = $self->spawn_in('switch', "$rules.log",
		    $^X, "-I$LIB", '-MTideway::Lab::Hub', '-e',
		    'Tideway::Lab::Hub::main()', $rules,
		    map { "$_=" . port($_, $net) } @ends);
		wait_until(sub { slurp("$rules.log") =~ /ready/ })
		    or die "no hub: " . slurp("$rules.log");
	}
}

# --- faults ---

# loses frames, percent by direction: drop(lan => 'a>b' => 100, '*>*' => 20);
# the first rule that fits counts, none: nothing is lost. Needs hub => 1.
sub drop
{
	my ($self, $net, @rules) = @_;
	my $text = '';

	die "a laboratory without a hub loses nothing\n" unless $self->{hub};
	while (my ($way, $percent) = splice @rules, 0, 2) {
		$text .= "$way $percent\n";
	}
	$self->write("$self->{dir}/hub-$net", $text);
	kill 'HUP', $self->{hub_pid}{$net};
}

# the cable is out (carrier lost), and in again
sub unplug { $_[0]->ip('switch', 'link set ' . port($_[1], $_[2] // 'lan') . ' down') }
sub plug { $_[0]->ip('switch', 'link set ' . port($_[1], $_[2] // 'lan') . ' up') }

# frames of a node vanish both ways, its carrier stays; and come through again
sub isolate
{
	my ($self, $name, $net) = @_;

	$net //= 'lan';
	return $self->drop($net, "$name>*" => 100, "*>$name" => 100)
	    if $self->{hub};
	$self->ip('switch', 'link set ' . port($name, $net) . ' nomaster');
}

sub rejoin
{
	my ($self, $name, $net) = @_;

	$net //= 'lan';
	return $self->drop($net) if $self->{hub};
	$self->ip('switch', 'link set ' . port($name, $net) . ' master '
	    . $self->{bridge_dev}{$net});
}

# --- programs ---

sub _run
{
	my ($self, @cmd) = @_;

	system(@cmd) == 0 or die "failed: @cmd\n";
}

# one line of ip in a namespace
sub ip
{
	my ($self, $name, $line) = @_;

	$self->_run('ip', '-n', $self->ns($name), split ' ', $line);
}

sub run_in
{
	my ($self, $name, @cmd) = @_;

	$self->_run('ip', 'netns', 'exec', $self->ns($name), @cmd);
}

# what a command prints
sub read_in
{
	my ($self, $name, @cmd) = @_;

	open my $fh, '-|', 'ip', 'netns', 'exec', $self->ns($name), @cmd
	    or die "ip: $!";
	local $/;
	return scalar(<$fh>) // '';
}

# starts a program: its pid. Stops with the laboratory.
sub spawn_in
{
	my ($self, $name, $log, @cmd) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		$SIG{$_} = 'DEFAULT' for qw(TERM INT ALRM PIPE);
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', $log;
		open STDERR, '>&', \*STDOUT;
		exec 'ip', 'netns', 'exec', $self->ns($name), @cmd
		    or POSIX::_exit(127);
	}
	$self->{pids}{$pid} = 1;
	return $pid;
}

# waits for the end of a program: its status, undef when it does not end
sub wait_pid
{
	my ($self, $pid, $secs) = @_;
	my $status;

	wait_until(sub {
		waitpid($pid, WNOHANG) or return 0;
		$status = $?;
		return 1;
	}, $secs) or return undef;
	delete $self->{pids}{$pid};
	return $status;
}

sub end_pid
{
	my ($self, $pid) = @_;

	kill 'TERM', $pid;
	return $self->wait_pid($pid) // do {
		kill 'KILL', $pid;
		$self->wait_pid($pid);
	};
}

# --- looking ---

sub node { $_[0]{node}{ $_[1] } // die "no node $_[1]" }
sub nodes { map { $_[0]{node}{$_} } @{ $_[0]{nodes} } }
sub watch { $_[0]{watch} }
sub prober { my $lab = shift; return Tideway::Lab::Prober->new($lab, @_) }

# names of the nodes that hold an address
sub owners
{
	my ($self, $address) = @_;

	return join ' ', map { $_->{name} } grep { $_->holds($address) } $self->nodes;
}

# waits until exactly these hold it: true, or false with all logs at hand
sub wait_owners
{
	my ($self, $address, $names, $secs) = @_;

	return wait_until(sub { $self->owners($address) eq $names }, $secs);
}

# the same for as long as `secs`: did it stay so?
sub stays
{
	my ($self, $address, $names, $secs) = @_;

	return !wait_until(sub { $self->owners($address) ne $names }, $secs);
}

# everything that nodes said, for who wants to know what went wrong
sub logs
{
	my ($self) = @_;

	return join '', map { "--- $_->{name} ($_->{kind})\n" . $_->log } $self->nodes;
}

sub wait_until
{
	my ($test, $secs) = @_;
	my $end = time + ($secs // $SECS);

	while (1) {
		my $r = $test->();
		return $r if $r || time > $end;
		select undef, undef, undef, 0.01;
	}
}

sub write
{
	my ($self, $path, $text) = @_;

	open my $fh, '>', "$path.new" or die "$path: $!";
	print $fh $text;
	close $fh or die "$path: $!";
	rename "$path.new", $path or die "$path: $!";
	return $path;
}

sub slurp
{
	open my $fh, '<:raw', $_[0] or return '';
	local $/;
	return scalar(<$fh>) // '';
}

# --- the end ---

sub end
{
	my ($self) = @_;

	return if $self->{owner} != $$ || $self->{ended}++;
	$_->halt for values %{ $self->{node} };
	my @pids = keys %{ $self->{pids} };
	kill 'KILL', @pids if @pids;
	waitpid $_, 0 for @pids;
	_del_ns($_) for @{ $self->{all_ns} // [] };
}

END {
	my $status = $?;

	$_->end for @labs;
	$? = $status;
}

1;
