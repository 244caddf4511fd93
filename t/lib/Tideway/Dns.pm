# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# A name server of a test's own: a child process that answers from a zone
# which the test may change at any time, and that can lie, cut short, be slow
# or be silent. UDP, and TCP when asked for. It counts what it was asked.
#
#   my $dns = Tideway::Dns->new(zone => { 'a.test/A' => ['127.0.0.2'] });
#   $dns->zone('a.test/A' => ['127.0.0.3']);
#
# The value of NAME/TYPE is a list of records ("PRIO WEIGHT PORT TARGET" for
# SRV), or a word: nx, refused, servfail, silent, garbage, truncated, otherid,
# otherquestion, loop, empty, late (valid, after half a second), or
# cname:NAME. Additional records of an SRV answer come from the zone, too,
# unless the zone has 'additional' => 0. Other options of new: host, port (for
# who has a network namespace), tcp.
package Tideway::Dns;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket qw(inet_pton AF_INET AF_INET6);
use Storable qw(lock_store lock_retrieve);
use Time::HiRes qw(time);

my %TYPE = (A => 1, CNAME => 5, AAAA => 28, SRV => 33);
my %NAME = reverse %TYPE;
my %RCODE = (nx => 3, refused => 5, servfail => 2);
my $n = 0;

sub new
{
	my ($class, %opt) = @_;
	my $host = $opt{host} // '127.0.0.1';
	my $udp = IO::Socket::INET->new(Proto => 'udp', LocalAddr => $host,
	    LocalPort => $opt{port} // 0) or die "bind: $@";
	my $port = $udp->sockport;
	my $self = bless { host => $host, port => $port, owner => $$,
	    file => Tideway::Test::temp_dir() . '/zone' . ++$n }, $class;
	my $tcp = IO::Socket::INET->new(LocalAddr => $host, Listen => 16,
	    LocalPort => $opt{tcp} ? $port : 0, ReuseAddr => 1) or die "bind: $@";

	$self->{tcp} = $tcp->sockport;
	$self->{zone} = $opt{zone} // {};
	$self->_store;
	$self->{pid} = fork // die "fork: $!";
	if ($self->{pid} == 0) {
		$SIG{TERM} = 'DEFAULT';
		eval { $self->_serve($udp, $tcp) };
		POSIX::_exit(0);
	}
	return $self;
}

sub addr { "$_[0]{host}:$_[0]{port}" }
sub tcp_addr { "$_[0]{host}:$_[0]{tcp}" }

sub _store
{
	my ($self) = @_;

	lock_store($self->{zone}, "$self->{file}.new");
	rename "$self->{file}.new", $self->{file} or die "rename: $!";
}

# changes or adds entries
sub zone
{
	my ($self, %more) = @_;

	$self->{zone} = { %{ $self->{zone} }, %more };
	$self->_store;
}

# what was asked so far: "NAME/TYPE" for each question, "tcp NAME/TYPE"
sub asked
{
	my ($self) = @_;
	open my $fh, '<', "$self->{file}.log" or return ();

	chomp(my @lines = <$fh>);
	return @lines;
}

sub stop
{
	my ($self) = @_;

	return if $self->{owner} != $$ || !$self->{pid};
	kill 'TERM', $self->{pid};
	waitpid $self->{pid}, 0;
	$self->{pid} = 0;
}

sub DESTROY { local ($?, $!); $_[0]->stop }

# --- the child ---

sub _name { join('', map { pack 'C/a*', $_ } split /\./, $_[0]) . "\0" }

sub _record
{
	my ($name, $type, $value) = @_;
	my $data = $type eq 'A' ? inet_pton(AF_INET, $value)
	    : $type eq 'AAAA' ? inet_pton(AF_INET6, $value)
	    : $type eq 'CNAME' ? _name($value)
	    : do {
		my ($prio, $weight, $port, $target) = split ' ', $value;
		pack('nnn', $prio, $weight, $port) . _name($target);
	};

	return _name($name) . pack('nnNn', $TYPE{$type}, 1, 30, length $data) . $data;
}

# the answer, undef for none
sub _answer
{
	my ($self, $query) = @_;
	my ($id, $flags) = unpack 'nn', $query;
	my $at = 12;
	my @labels;

	while ($at < length $query) {
		my $len = ord substr $query, $at, 1 or last;
		push @labels, substr $query, $at + 1, $len;
		$at += 1 + $len;
	}
	return if $at + 5 > length $query;
	my $type = $NAME{ unpack 'n', substr $query, $at + 1, 2 } // 'other';
	my $question = substr $query, 12, $at + 5 - 12;
	my $name = lc join '.', @labels;
	my $zone = lock_retrieve($self->{file});
	my $has = $zone->{"$name/$type"} // $zone->{"$name/*"} // 'nx';

	open my $log, '>>', "$self->{file}.log";
	print $log "$self->{how}$name/$type\n";
	close $log;
	return if $has eq 'silent';
	return "\xff" x 7 if $has eq 'garbage';
	if ($has eq 'late') {
		select undef, undef, undef, 0.5;
		$has = $zone->{"$name/late"};
	}
	if (my $rcode = $RCODE{$has}) {
		return pack('nnnnnn', $id, 0x8180 | $rcode, 1, 0, 0, 0) . $question;
	}
	return pack('nnnnnn', $id, 0x8380, 1, 0, 0, 0) . $question
	    if $has eq 'truncated' && $self->{how} eq '';
	$has = $zone->{"$name/tcp"} if $has eq 'truncated';
	return pack('nnnnnn', $id, 0x8180, 1, 0, 0, 0) . $question if $has eq 'empty';
	return pack('nnnnnn', $id, 0x8180, 1, 1, 0, 0) . $question
	    . pack('n', 0xc000 | length($question) + 12) . pack('nnNn', 1, 1, 30, 4) . "\1\2\3\4"
	    if $has eq 'loop';
	$id = ($id + 1) & 0xffff if $has eq 'otherid';
	$question = _name('other.test') . pack('nn', 1, 1) if $has eq 'otherquestion';
	$has = $zone->{"$name/real"} if $has =~ /^other/;
	my ($answers, $extra, $owner) = ('', '', $name);
	my ($n, $n_extra) = (0, 0);
	while (!ref $has && $has =~ /^cname:(.*)/) {
		my $to = $1;
		$answers .= _record($owner, 'CNAME', $to);
		$n++;
		$owner = $to;
		$has = $zone->{"$to/$type"} // [];
	}
	for my $value (@$has) {
		$answers .= _record($owner, $type, $value);
		$n++;
		next if $type ne 'SRV' || !($zone->{additional} // 1);
		my $target = (split ' ', $value)[3];
		my $a = $zone->{"$target/A"};
		next unless ref $a;
		$extra .= _record($target, 'A', $a->[0]);
		$n_extra++;
	}
	return pack('nnnnnn', $id, 0x8180, 1, $n, 0, $n_extra) . $question . $answers . $extra;
}

sub _tcp
{
	my ($self, $sock) = @_;

	return 0 unless sysread $sock, my $len, 2;
	my $want = unpack 'n', $len;
	my $query = '';
	while (length($query) < $want) {
		sysread $sock, $query, $want - length $query, length $query or return 0;
	}
	my $answer = $self->_answer($query) // return 1;
	syswrite $sock, pack 'n/a*', $answer;
	return 1;
}

sub _serve
{
	my ($self, $udp, $tcp) = @_;
	my $sel = IO::Select->new($udp, $tcp);

	while (getppid == $self->{owner}) {
		for my $sock ($sel->can_read(1)) {
			if ($sock == $tcp) {
				$sel->add($tcp->accept // next);
			} elsif ($sock == $udp) {
				$self->{how} = '';
				$udp->recv(my $query, 4096) // next;
				my $answer = $self->_answer($query) // next;
				$udp->send($answer);
			} else {
				$self->{how} = 'tcp ';
				next if $self->_tcp($sock);
				$sel->remove($sock);
				close $sock;
			}
		}
	}
}

1;
