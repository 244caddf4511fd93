# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Origins for the proxy to talk to. Listener is a socket of the test itself,
# for scripts that go step by step: accept, look, answer. Origin is a forked
# server, one process a connection, for everything that happens on its own
# (checks, load, several connections at once). It writes what it received to a
# file the test reads; flags are files too: the test raises one, the origin
# waits for it or looks at it.
package Tideway::Listener;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket qw(:all);
use Tideway::Peer;

# A loopback address of this process alone: a port closed here and bound again
# later cannot have been taken by another test in between.
our $ADDR = sprintf '127.%d.%d.%d', 1 + (($$ >> 16) & 0x7f),
    ($$ >> 8) & 0xff, 1 + ($$ & 0xff) % 254;

sub new
{
	my ($class, %opt) = @_;
	my $sock = IO::Socket::INET->new(Listen => $opt{backlog} // 128,
	    LocalAddr => $opt{host} // $ADDR, LocalPort => $opt{port} // 0,
	    Proto => 'tcp', ReuseAddr => 1) or die "listen: $@";

	return bless { sock => $sock, host => $sock->sockhost,
	    port => $sock->sockport }, $class;
}

sub port { $_[0]{port} }
sub addr { "$_[0]{host}:$_[0]{port}" }

# the next connection as a Peer, undef when none came in time
sub accept
{
	my ($self, $secs) = @_;

	IO::Select->new($self->{sock})->can_read($secs //
	    $Tideway::Peer::DEADLINE) or return undef;
	my $c = $self->{sock}->accept or return undef;
	return Tideway::Peer->new($c);
}

sub close
{
	my ($self) = @_;

	close delete $self->{sock} if $self->{sock};
}

package Tideway::Origin;
use strict;
use warnings;
use Fcntl qw(O_APPEND O_CREAT O_WRONLY);
use POSIX ();
use Time::HiRes qw(time);

our $N = 0;

# options: name, respond => sub (request, peer, origin), greet => sub (peer,
# origin) called at accept, raw => 1 when greet does everything
sub new
{
	my ($class, %opt) = @_;
	my $self = bless { name => 'origin', dir => undef, %opt }, $class;

	$self->{listener} = Tideway::Listener->new(host => $opt{host},
	    port => $opt{port});
	@$self{qw(host port)} = @{ $self->{listener} }{qw(host port)};
	$self->{dir} .= '/origin' . ++$N;
	mkdir $self->{dir} or die "mkdir $self->{dir}: $!";
	$self->_start;
	return $self;
}

sub addr { "$_[0]{host}:$_[0]{port}" }
sub port { $_[0]{port} }

sub _start
{
	my ($self) = @_;
	my $pid = fork // die "fork: $!";

	if ($pid == 0) {
		setpgrp 0, 0;
		$SIG{$_} = 'DEFAULT' for qw(TERM INT CHLD);
		eval { $self->_serve; 1 } or print STDERR "# origin: $@";
		POSIX::_exit(0);
	}
	setpgrp $pid, $pid;
	$self->{pid} = $pid;
	$self->{owner} = $$;
	$self->{listener}->close;
}

sub _serve
{
	my ($self) = @_;
	my ($n, $test) = (0, getppid);

	$SIG{CHLD} = 'IGNORE';
	$SIG{PIPE} = 'IGNORE';
	while (getppid == $test) {
		my $c = $self->{listener}->accept(1) // next;
		$n++;
		my $pid = fork // die "fork: $!";
		if ($pid == 0) {
			$self->{listener}->close;
			$self->{conn} = ($self->{base} // '') . $n;
			$self->record('connect', '');
			eval { $self->_connection($c); 1 }
			    or print STDERR "# origin: $@";
			POSIX::_exit(0);
		}
		$c->close;
	}
}

sub _connection
{
	my ($self, $c) = @_;

	if ($self->{greet}) {
		$self->{greet}->($c, $self);
		return if $self->{raw};
	}
	while (1) {
		my $req = $c->read_message(secs => 3600) or last;
		$self->record('request', $req->{raw} . $req->{raw_body});
		my $out = $self->{respond}
		    ? $self->{respond}->($req, $c, $self)
		    : $self->reply($req);
		last unless defined $out;
		$c->send($out, 30);
		last if $out =~ /\A[^\n]*\n(?:[^\r\n]+\r\n)*Connection: close/i;
		last if ($req->{version} // '') eq 'HTTP/1.0'
		    && ($req->header('Connection') // '') !~ /keep-alive/i;
	}
	$self->record('close', $c->state);
}

# the answer an origin gives when it has nothing better to do
sub reply
{
	my ($self, $req, $body, @headers) = @_;

	$body //= "$self->{name}\n";
	my $out = "HTTP/1.1 200 OK\r\nContent-Length: " . length($body)
	    . "\r\nX-Server: $self->{name}\r\n"
	    . join('', map { "$_\r\n" } @headers) . "\r\n";
	$out .= $body unless $req->method eq 'HEAD';
	return $out;
}

sub record
{
	my ($self, $type, $data) = @_;

	sysopen my $fh, "$self->{dir}/record", O_WRONLY | O_APPEND | O_CREAT
	    or die "record: $!";
	syswrite $fh, "$self->{conn} $type " . length($data) . "\n$data";
	close $fh;
}

# every event so far, as [connection, type, data]
sub events
{
	my ($self, $type) = @_;
	my @events;

	open my $fh, '<:raw', "$self->{dir}/record" or return ();
	local $/;
	my $all = <$fh> // '';
	pos($all) = 0;
	while ($all =~ /\G(\S+) (\S+) (\d+)\n/gc) {
		last if length($all) - pos($all) < $3; # it is being written
		push @events, [$1, $2, substr $all, pos($all), $3];
		pos($all) += $3;
	}
	return grep { !defined $type || $_->[1] eq $type } @events;
}

sub n_connections { scalar(my @n = $_[0]->events("connect")) }

# the requests received, as messages with {conn}; checks (OPTIONS, HEAD from
# the proxy) are among them
sub requests
{
	my ($self) = @_;

	return map {
		my ($head, $rest) = $_->[2] =~ /\A(.*?\r?\n\r?\n)(.*)\z/s;
		my $m = Tideway::Message->parse_head($head);
		$m->{raw_body} = $rest;
		$m->{conn} = $_->[0];
		$m;
	} $self->events('request');
}

# waits until n events of the type were recorded; the events or none
sub wait_events
{
	my ($self, $type, $n, $secs) = @_;
	my $end = time + ($secs // $Tideway::Peer::DEADLINE);

	while (1) {
		my @e = $self->events($type);
		return @e if @e >= $n;
		return () if time > $end;
		select undef, undef, undef, 0.005;
	}
}

sub set
{
	my ($self, $flag) = @_;

	open my $fh, '>', "$self->{dir}/flag.$flag" or die "flag: $!";
}

sub unset { unlink "$_[0]{dir}/flag.$_[1]" }
sub is_set { -e "$_[0]{dir}/flag.$_[1]" }

# called in the origin: waits for the test to set a flag
sub wait_flag
{
	my ($self, $flag, $secs) = @_;
	my $end = time + ($secs // 30);

	until ($self->is_set($flag)) {
		return 0 if time > $end;
		select undef, undef, undef, 0.005;
	}
	return 1;
}

# no listener, no process: connections are refused from here on
sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;

	return if $self->{owner} != $$;
	kill 'KILL', -$pid;
	waitpid $pid, 0;
}

sub restart
{
	my ($self) = @_;

	$self->{base} = ($self->{base} // '') . 'r';
	$self->{listener} = Tideway::Listener->new(host => $self->{host},
	    port => $self->{port});
	$self->_start;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	$self->stop;
}

1;
