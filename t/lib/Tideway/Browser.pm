# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A headless Chromium, driven over its debugging pipe: messages are JSON with
# a NUL at the end, on descriptors 3 and 4. One page, and JavaScript in it.
package Tideway::Browser;
use strict;
use warnings;
use File::Temp qw(tempdir);
use IO::Handle;
use IO::Select;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8->allow_nonref;

sub find
{
	for my $name (qw(chromium chromium-browser google-chrome)) {
		for my $dir (split /:/, $ENV{PATH}) {
			return "$dir/$name" if -x "$dir/$name";
		}
	}
	return undef;
}

sub new
{
	my ($class, $program, %opt) = @_;
	my $dir = tempdir('tideway-chromium-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	my $size = $opt{size} // '1200,800';

	pipe my $to_r, my $to_w or die;
	pipe my $from_r, my $from_w or die;
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		setpgrp 0, 0;
		# first out of the way of 3 and 4
		my ($r, $w) = (_dup_above($to_r), _dup_above($from_w));
		POSIX::dup2($r, 3);
		POSIX::dup2($w, 4);
		open STDIN, '<', '/dev/null';
		open STDOUT, '>', '/dev/null';
		open STDERR, '>', "$dir/stderr";
		exec { $program } $program, '--headless', '--no-sandbox',
		    '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
		    '--disable-extensions', '--hide-scrollbars',
		    "--window-size=$size", "--user-data-dir=$dir",
		    '--remote-debugging-pipe', 'about:blank' or POSIX::_exit(127);
	}
	close $to_r;
	close $from_w;
	$to_w->autoflush(1);
	my $self = bless { pid => $pid, in => $from_r, out => $to_w, dir => $dir,
	    id => 0, buf => '', owner => $$, events => [] }, $class;
	my $t = $self->call('Target.createTarget', { url => 'about:blank' });
	my $s = $self->call('Target.attachToTarget',
	    { targetId => $t->{targetId}, flatten => JSON::PP::true });
	$self->{session} = $s->{sessionId};
	$self->call($_) for qw(Page.enable Runtime.enable Network.enable);
	return $self;
}

sub _dup_above
{
	my ($fh) = @_;
	my @low;

	while (1) {
		my $fd = POSIX::dup(fileno $fh);
		if ($fd > 9) {
			POSIX::close($_) for @low;
			return $fd;
		}
		push @low, $fd;
	}
}

sub _next
{
	my ($self, $end) = @_;

	while ($self->{buf} !~ /\0/) {
		my $left = $end - time;
		die "chromium does not answer\n" if $left <= 0;
		IO::Select->new($self->{in})->can_read($left) or next;
		sysread $self->{in}, $self->{buf}, 65536, length $self->{buf}
		    or die "chromium is gone\n";
	}
	$self->{buf} =~ s/\A([^\0]*)\0//;
	return $json->decode($1);
}

sub call
{
	my ($self, $method, $params) = @_;
	my $id = ++$self->{id};
	my %m = (id => $id, method => $method, params => $params // {});

	$m{sessionId} = $self->{session} if $self->{session};
	print { $self->{out} } $json->encode(\%m), "\0";
	my $end = time + 20;
	while (1) {
		my $r = $self->_next($end);
		if (!defined $r->{id}) {
			push @{ $self->{events} }, $r;
		} elsif ($r->{id} == $id) {
			die "$method: $r->{error}{message}\n" if $r->{error};
			return $r->{result};
		}
	}
}

sub open
{
	my ($self, $url) = @_;

	$self->call('Page.navigate', { url => $url });
	my $end = time + 15;
	until ($self->js("location.href != 'about:blank' && document.readyState == 'complete'")) {
		die "$url does not load\n" if time > $end;
		select undef, undef, undef, 0.02;
	}
}

# the value of a JavaScript expression
sub js
{
	my ($self, $code) = @_;
	my $r = eval { $self->call('Runtime.evaluate', { expression => $code,
	    returnByValue => JSON::PP::true, awaitPromise => JSON::PP::true }) };

	return undef unless $r;
	die "JavaScript: $r->{exceptionDetails}{exception}{description}\n"
	    if $r->{exceptionDetails};
	return $r->{result}{value};
}

# addresses that were asked for over the network
sub requested
{
	my ($self) = @_;

	return map { $_->{params}{request}{url} }
	    grep { ($_->{method} // '') eq 'Network.requestWillBeSent' }
	    @{ $self->{events} };
}

# JavaScript errors and exceptions so far
sub errors
{
	my ($self) = @_;

	return map { $_->{params}{exceptionDetails}{text} }
	    grep { ($_->{method} // '') eq 'Runtime.exceptionThrown' }
	    @{ $self->{events} };
}

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;

	return if $self->{owner} != $$;
	kill 'KILL', -$pid;
	waitpid $pid, 0;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);

	$self->stop;
}

1;
