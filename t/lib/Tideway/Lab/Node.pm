# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A node of the laboratory: a web server behind a proxy, and who holds the
# virtual address. Of kind tideway, one program is proxy and VRRP router; of
# kind keepalived, they are HAProxy and keepalived. TW_LAB_NODE=keepalived puts
# the latter in the place of the former, to try the tests themselves.
package Tideway::Lab::Node;
use strict;
use warnings;
use IO::Socket::UNIX;
use Socket qw(AF_INET6 inet_pton);
use Time::HiRes qw(time);

use constant VRRP => 112; # the IP protocol

our $OURS = $ENV{TW_LAB_NODE} // 'tideway';
our $KEY = '0123456789abcdef0123456789abcdef';

my $PROXY = <<'END';
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    timeout check 500ms

frontend web
    bind *:80
    bind :::80 v6only
    default_backend app

backend app
    option httpchk GET /
    server app 127.0.0.1:8001 check inter 50ms fall 2 rise 2
END

sub new
{
	my ($class, $lab, $name, $host) = @_;
	my $self = bless { lab => $lab, name => $name, host => $host,
	    dir => "$lab->{dir}/$name" }, $class;

	mkdir $self->{dir} or die "mkdir: $!";
	return $self;
}

sub address { "192.168.2.$_[0]{host}" }
sub path_address { "10.9.9.$_[0]{host}" }
sub ours { $_[0]{kind} eq 'tideway' }

# starts all of it. in: kind, tideway or keepalived; vrrp, the text of a
# keepalived.conf; opt: proxy => text in place of the usual, wait => 0: does not
# wait until it is up; for tideway also: peer => name of the node at the other
# end of the second path; global => [lines]
sub start
{
	my ($self, $kind, $vrrp, %opt) = @_;

	$self->{kind} = $kind eq 'tideway' ? $OURS : $kind;
	$self->{opt} = \%opt;
	$self->{log} = "$self->{dir}/log" . ++$self->{n_runs};
	$self->write_config($vrrp);
	$self->start_web unless $self->{web_pid};
	$self->ours ? $self->_start_tideway : $self->_start_keepalived;
	return $self unless $opt{wait} // 1;
	Tideway::Lab::wait_until(sub { $self->_is_up })
	    or die "node $self->{name} does not come up:\n" . $self->log;
	return $self;
}

sub write_config
{
	my ($self, $vrrp) = @_;
	my @global = ('global', 'nbthread 1', $self->ours ? $self->_global : ());

	$vrrp =~ s/\{DIR\}/$self->{dir}/g;
	$self->{lab}->write("$self->{dir}/keepalived.conf", $vrrp);
	$self->{lab}->write("$self->{dir}/proxy.cfg",
	    join("\n    ", @global) . "\n\n" . ($self->{opt}{proxy} // $PROXY));
}

# what tideway's configuration has and HAProxy's has not
sub _global
{
	my ($self) = @_;
	my $peer = $self->{opt}{peer};

	return ('log stdout format raw daemon',
	    "stats socket $self->{dir}/ctl level admin",
	    "vrrp-config $self->{dir}/keepalived.conf",
	    $peer ? 'vrrp-peer ' . $self->path_address . ' '
	    . $self->{lab}->node($peer)->path_address . " key $KEY" : (),
	    @{ $self->{opt}{global} // [] });
}

# in: where it listens, for who has no proxy before it
sub start_web
{
	my ($self, $address, $port) = @_;
	my $log = "$self->{dir}/web.log";

	$self->{web_pid} = $self->{lab}->spawn_in($self->{name}, $log, $^X,
	    "-I$Tideway::Lab::LIB", '-MTideway::Lab::Web', '-e',
	    'Tideway::Lab::Web::main()', $self->{name}, $address // '127.0.0.1',
	    $port // 8001, "$self->{dir}/down");
	Tideway::Lab::wait_until(sub { Tideway::Lab::slurp($log) =~ /ready/ })
	    or die 'no web server: ' . Tideway::Lab::slurp($log);
}

sub _start_tideway
{
	my ($self) = @_;

	$self->{pid} = $self->{proxy_pid} = $self->{lab}->spawn_in($self->{name},
	    $self->{log}, Tideway::Lab::tideway(),
	    '-W', '-db', '-f', "$self->{dir}/proxy.cfg");
}

sub _start_keepalived
{
	my ($self) = @_;
	my $dir = $self->{dir};

	$self->{proxy_pid} //= $self->{lab}->spawn_in($self->{name},
	    "$dir/haproxy.log", 'haproxy', '-W', '-db', '-f', "$dir/proxy.cfg");
	$self->{pid} = $self->{lab}->spawn_in($self->{name}, $self->{log},
	    'keepalived', '-n', '-l', '-D', '-P', '-f', "$dir/keepalived.conf",
	    '--pid', "$dir/pid", '--vrrp_pid', "$dir/vrrp.pid");
}

sub _is_up
{
	my ($self) = @_;

	return defined $self->vrrp_pid
	    && Tideway::Lab::slurp("/proc/$self->{proxy_pid}/net/tcp")
	    =~ /: 00000000:0050 \S+ 0A /;
}

# --- its processes ---

# a process and those below it
sub tree
{
	my ($pid) = @_;
	my @all = my @todo = ($pid);

	while (defined(my $next = shift @todo)) {
		my @kids = split ' ',
		    Tideway::Lab::slurp("/proc/$next/task/$next/children");
		push @all, @kids;
		push @todo, @kids;
	}
	return @all;
}

# the one that has the raw sockets; undef: there is none
sub vrrp_pid
{
	my ($self) = @_;
	my (%raw, @kids);

	(undef, @kids) = tree($self->{pid});
	for my $file (map { "/proc/$self->{pid}/net/$_" } qw(raw raw6)) {
		for my $line (split /\n/, Tideway::Lab::slurp($file)) {
			my @f = split ' ', $line;
			$raw{ $f[9] } = 1 if $f[1] =~ /:([0-9A-F]{4})$/ && hex $1 == VRRP;
		}
	}
	for my $pid (@kids) {
		for my $fd (glob "/proc/$pid/fd/*") {
			my $to = readlink $fd // next;
			return $pid if $to =~ /^socket:\[(\d+)\]/ && $raw{$1};
		}
	}
	return undef;
}

# the processes that serve requests
sub worker_pids
{
	my ($self) = @_;
	my $vrrp = $self->vrrp_pid // 0;
	my (undef, @kids) = tree($self->{proxy_pid});

	return grep { $_ != $vrrp } @kids;
}

sub signal_worker { kill $_[1], $_[0]->worker_pids }
sub signal_vrrp { kill $_[1], $_[0]->vrrp_pid // die 'there is no VRRP process' }

# what holds the address dies, all of it at once, and the traffic with it
# where that is one program
sub kill_daemon
{
	my ($self) = @_;

	$self->_killed(tree($self->{pid}));
}

# the machine loses its power: nothing of it acts any more when its cables go
sub lose
{
	my ($self) = @_;
	my @pids = (tree($self->{pid}), tree($self->{proxy_pid}));

	kill 'STOP', @pids;
	$self->{lab}->unplug($self->{name}, $_) for qw(lan path);
	$self->{lab}->ip($self->{name}, 'address flush dev eth0');
	$self->_killed(@pids);
}

sub _killed
{
	my ($self, @pids) = @_;

	kill 'KILL', @pids;
	$self->{lab}->wait_pid($_) for grep { $self->{lab}{pids}{$_} } @pids;
	delete $self->{pid};
	delete $self->{proxy_pid} unless kill 0, $self->{proxy_pid};
}

# ends it, politely: '' or what was wrong with how it ended
sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} // return '';
	my @all = tree($pid);

	kill 'TERM', $pid;
	my $status = $self->{lab}->wait_pid($pid);
	delete $self->{proxy_pid} if $self->ours;
	unless (defined $status) {
		kill 'KILL', @all;
		return "node $self->{name} had to be killed\n";
	}
	return "node $self->{name} ended with status $status\n" . $self->log
	    if $status && $status != 15 && $status >> 8 != 143
	    || $self->log =~ /Sanitizer|runtime error:/;
	return '';
}

# everything of it, also the proxy and the web server
sub halt
{
	my ($self) = @_;
	my $bad = $self->stop;

	for my $what (qw(proxy_pid web_pid)) {
		my $pid = delete $self->{$what} // next;
		$self->{lab}->end_pid($pid);
	}
	return $bad;
}

# the file is read again
sub reload
{
	my ($self, $vrrp) = @_;

	$self->write_config($vrrp) if defined $vrrp;
	kill $self->ours ? 'USR2' : 'HUP', $self->{pid};
}

# one command through the control socket: what it answers
sub control
{
	my ($self, $line) = @_;
	my $sock = IO::Socket::UNIX->new(Peer => "$self->{dir}/ctl") or die "ctl: $!";

	print $sock "$line\n";
	local $/;
	return scalar(<$sock>) // '';
}

# the web server says that it is down, or well again
sub web_down { $_[0]{lab}->write("$_[0]{dir}/down", '') }
sub web_up { unlink "$_[0]{dir}/down" }
# it answers what it held back
sub web_go { $_[0]{lab}->write("$_[0]{dir}/down.go", '') }

# --- looking ---

# does an interface of it have this address?
sub holds
{
	my ($self, $address) = @_;
	my $net = "/proc/$self->{lab}{watch}{pid}{$self->{name}}/net";

	if ($address =~ /:/) {
		my $hex = unpack 'H*', inet_pton(AF_INET6, $address);
		return Tideway::Lab::slurp("$net/if_inet6") =~ /^$hex /m;
	}
	return Tideway::Lab::slurp("$net/fib_trie")
	    =~ m{\|-- \Q$address\E\n\s+/32 host LOCAL};
}

# what it said since its start, or since log_mark
sub log { substr Tideway::Lab::slurp($_[0]{log}), $_[0]{mark}{ $_[0]{log} } // 0 }

sub log_mark
{
	my ($self) = @_;

	$self->{mark}{ $self->{log} } = -s $self->{log} || 0;
}

sub wait_log
{
	my ($self, $re, $secs) = @_;

	return Tideway::Lab::wait_until(sub { $self->log =~ $re }, $secs);
}

1;
