# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The program under test, run in the foreground on a configuration of the
# test. Each {BIND:name} of the configuration becomes fd@N, a socket that the
# test bound to port 0 itself, so that no port is ever raced for. It is ready
# when one of those sockets is in its epoll set; it is stopped by its pid.
package Tideway::Proxy;
use strict;
use warnings;
use Fcntl qw(F_SETFD);
use IO::Socket::INET;
use IO::Socket::IP;
use POSIX qw(WNOHANG);
use Socket qw(:all);
use Time::HiRes qw(time);
use Tideway::Peer;

our $N = 0;
our @RUNNING;

sub new
{
	my ($class, $text, %opt) = @_;
	my $self = bless { ports => {}, socks => [], %opt }, $class;

	$self->{dir} .= '/proxy' . ++$N;
	mkdir $self->{dir} or die "mkdir: $!";
	$self->{cfg} = "$self->{dir}/proxy.cfg";
	$self->write_config($text);
	$self->_spawn;
	if ($opt{wait} // 1) {
		$self->_wait_ready or die "proxy is not ready:\n"
		    . $self->stderr . $self->stdout;
	}
	return $self;
}

# replaces the placeholders; a name that was bound before keeps its socket
sub write_config
{
	my ($self, $text) = @_;

	$text =~ s/\{BIND(6?):(\w+)\}/'fd@' . $self->_bind($2, $1)/ge;
	$text =~ s/\{PORT:(\w+)\}/$self->port($1)/ge;
	$text =~ s/\{DIR\}/$self->{dir}/g;
	open my $fh, '>', $self->{cfg} or die "$self->{cfg}: $!";
	print $fh $text;
	close $fh or die;
}

sub _bind
{
	my ($self, $name, $v6) = @_;

	return $self->{fds}{$name} if exists $self->{fds}{$name};
	my $sock = IO::Socket::IP->new(LocalHost => $v6 ? '::1' : '127.0.0.1',
	    LocalPort => 0, Listen => $self->{backlog} // 1024,
	    Type => SOCK_STREAM, ReuseAddr => 1) or die "bind: $@";
	push @{ $self->{socks} }, $sock;
	$self->{ports}{$name} = $sock->sockport;
	$self->{hosts}{$name} = $v6 ? '::1' : '127.0.0.1';
	$self->{inodes}{ (stat $sock)[1] } = 1;
	return $self->{fds}{$name} = fileno $sock;
}

sub _spawn
{
	my ($self) = @_;
	my @cmd = ($self->{bin}, @{ $self->{args} // ['-db'] },
	    '-f', $self->{cfg});
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', "$self->{dir}/stdout";
		open STDERR, '>', "$self->{dir}/stderr";
		fcntl $_, F_SETFD, 0 for @{ $self->{socks} };
		$ENV{$_} = $self->{env}{$_} for keys %{ $self->{env} };
		unshift @cmd, 'prlimit', @{ $self->{prlimit} }
		    if $self->{prlimit};
		exec { $cmd[0] } @cmd or POSIX::_exit(127);
	}
	close $_ for splice @{ $self->{socks} };
	$self->{pid} = $pid;
	$self->{owner} = $$;
	push @RUNNING, $self;
}

sub _slurp
{
	open my $fh, '<:raw', $_[0] or return '';
	local $/;
	return scalar(<$fh>) // '';
}

sub stderr { _slurp("$_[0]{dir}/stderr") }
sub stdout { _slurp("$_[0]{dir}/stdout") }
sub config { _slurp($_[0]{cfg}) }

# the pid and those below it
sub pids
{
	my ($self) = @_;
	my @all = my @todo = ($self->{pid});

	while (defined(my $pid = shift @todo)) {
		my @kids = split ' ', _slurp("/proc/$pid/task/$pid/children");
		push @all, @kids;
		push @todo, @kids;
	}
	return @all;
}

# is one of our listening sockets in an epoll set of the process?
sub _polls
{
	my ($self, $pid) = @_;
	my (%inode, @epoll);

	opendir my $dh, "/proc/$pid/fd" or return 0;
	for my $fd (grep { /^\d+$/ } readdir $dh) {
		my $to = readlink "/proc/$pid/fd/$fd" // next;
		push @epoll, $fd if $to =~ /eventpoll/;
		$inode{$fd} = $1 if $to =~ /^socket:\[(\d+)\]/;
	}
	for my $ep (@epoll) {
		my $info = _slurp("/proc/$pid/fdinfo/$ep");
		while ($info =~ /^tfd:\s+(\d+)/mg) {
			my $ino = $inode{$1} // next;
			return 1 if !%{ $self->{inodes} // {} }
			    || $self->{inodes}{$ino};
		}
	}
	return 0;
}

sub _wait_ready
{
	my ($self) = @_;
	my $end = time + 4 * $Tideway::Peer::DEADLINE;

	while (time < $end) {
		return 0 if defined $self->wait_exit(0);
		for my $pid ($self->pids) {
			return 1 if $self->_polls($pid);
		}
		select undef, undef, undef, 0.005;
	}
	return 0;
}

sub port { $_[0]{ports}{ $_[1] } // die "no bind named $_[1]" }
sub addr { my ($s, $n) = @_; "$s->{hosts}{$n}:" . $s->port($n) }
sub pid { $_[0]{pid} }

# a client connection to one of the binds
sub client
{
	my ($self, $name, %opt) = @_;
	my $sock = IO::Socket::IP->new(PeerHost => $self->{hosts}{$name},
	    PeerPort => $self->port($name), Type => SOCK_STREAM, %opt)
	    or die "connect to $name: $@";

	setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
	return Tideway::Peer->new($sock);
}

# one request on a connection of its own
sub request
{
	my ($self, $name, $bytes, %opt) = @_;

	return $self->client($name)->request($bytes, %opt);
}

sub get
{
	my ($self, $name, $uri, @headers) = @_;

	return $self->request($name, "GET $uri HTTP/1.1\r\nHost: test\r\n"
	    . join('', map { "$_\r\n" } @headers)
	    . "Connection: close\r\n\r\n");
}

sub signal { kill $_[1], $_[0]{pid} }

# the exit status as { code, signal } or undef when it still runs
sub wait_exit
{
	my ($self, $secs) = @_;
	my $end = time + ($secs // $Tideway::Peer::DEADLINE);

	return $self->{exit} if $self->{exit};
	while (1) {
		if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
			$self->{exit} = { code => $? >> 8, signal => $? & 127 };
			@RUNNING = grep { $_ != $self } @RUNNING;
			return $self->{exit};
		}
		return undef if time >= $end;
		select undef, undef, undef, 0.005;
	}
}

# waits until text shows up on stderr or stdout
sub wait_output
{
	my ($self, $re, $secs) = @_;
	my $end = time + ($secs // $Tideway::Peer::DEADLINE);

	until (($self->stderr . $self->stdout) =~ $re) {
		return 0 if time > $end;
		select undef, undef, undef, 0.005;
	}
	return 1;
}

# what a program that broke leaves behind; empty when all is well
sub complaint
{
	my ($self) = @_;
	my $exit = $self->{exit} // return 'it did not stop';
	my $text = $self->stderr . $self->stdout;

	return $text if $text =~ /(?:Address|Thread|Leak|Memory)Sanitizer|:\d+: runtime error:/;
	return "signal $exit->{signal}\n$text"
	    if $exit->{signal} && $exit->{signal} !~ /^(?:2|9|15)$/;
	return "exit code $exit->{code}\n$text"
	    if $exit->{code} && $exit->{code} !~ /^(?:1|130|143)$/;
	return '';
}

# stops it and returns what was wrong with it, '' for nothing
sub stop
{
	my ($self) = @_;

	return '' if $self->{owner} != $$ || $self->{stopped}++;
	unless (defined $self->wait_exit(0)) {
		my @pids = $self->pids;
		kill 'TERM', $self->{pid};
		unless (defined $self->wait_exit) {
			kill 'KILL', @pids;
			$self->wait_exit;
			return "it had to be killed\n" . $self->stderr;
		}
	}
	return $self->complaint;
}

1;
