# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The web server behind a node: says the node's name, or 503 as long as a
# file is there; /held waits for another file. One process a connection: a client that is cut off in the
# middle of its request holds nobody up.
package Tideway::Lab::Web;
use strict;
use warnings;
use IO::Socket::IP;
use POSIX ();

# ARGV: NAME ADDRESS PORT FILE
sub main
{
	my ($name, $address, $port, $file) = @ARGV;
	my $sock = IO::Socket::IP->new(LocalHost => $address,
	    LocalPort => $port, Listen => 128, ReuseAddr => 1,
	    V6Only => 0)
	    or die "listen on $port: $@";

	$SIG{PIPE} = $SIG{CHLD} = 'IGNORE';
	syswrite STDOUT, "ready\n";
	while (1) {
		my $c = $sock->accept or next;
		my $pid = fork // next;
		next if $pid;
		answer($c, $name, $file);
		POSIX::_exit(0);
	}
}

sub answer
{
	my ($c, $name, $file) = @_;
	my $status = -e $file ? '503 Down' : '200 OK';
	my $head = '';

	alarm 5; # the end of this process
	while ($head !~ /\r\n\r\n/) {
		sysread $c, $head, 4096, length $head or return;
	}
	if ($head =~ m{^GET /held }) {
		alarm 60;
		select undef, undef, undef, 0.01 until -e "$file.go";
	}
	my $body = $head =~ /^HEAD / ? '' : $name;
	syswrite $c, "HTTP/1.1 $status\r\nContent-Length: " . length($name)
	    . "\r\nConnection: close\r\n\r\n$body";
}

1;
