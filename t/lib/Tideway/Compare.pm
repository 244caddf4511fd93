# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The same traffic through Debian's haproxy and through tideway: what the server
# receives, what the client gets, what is logged and what is counted. Compared is
# what is the same by contract: not the case of field names, not the order of
# fields of different names, not clocks and port numbers; not the version, where
# HAProxy repeats its peer's and tideway gives its own (RFC 9110, 6.2); and not
# Cache-Control: private, which tideway gives with a new cookie even when the
# answer has no lifetime of its own.
package Tideway::Compare;
use strict;
use warnings;
use Exporter 'import';
use Tideway::Test ();

our @EXPORT = qw(find_haproxy run_traffic csv_fields what_is);

sub find_haproxy
{
	my ($bin) = grep { -x } qw(/usr/sbin/haproxy /usr/local/sbin/haproxy);

	return $bin;
}

sub _fields
{
	my ($m) = @_;

	return join '', sort map { lc($_->[0]) . ": $_->[1]\n" }
	    grep { $_->[0] !~ /^(?:connection|keep-alive)$/i
	    && lc "@$_" ne 'cache-control private' }
	    @{ $m->{headers} };
}

sub _start
{
	return $_[0]{start} =~ s{HTTP/1\.[01]}{HTTP/1.x}r;
}

sub _line
{
	my ($msg) = @_;

	$msg =~ s/^\S+ \[[^\]]*\] //;
	$msg =~ s{ (-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/(\+?-?\d+) (-?\d+) \+?\d+ }
	    {' ' . join('/', map { $_ < 0 ? '-' : 't' } $2, $3, $4) . " $6 "}e;
	# the connection before may not be gone yet
	$msg =~ s{ \d+/\d+/(\d+/\d+/\+?\d+ )}{ c/c/$1};
	return $msg;
}

# what is received, answered and logged for one request
sub _one
{
	my ($p, $o, $log, $bytes, $opt) = @_;
	my $n = $o->requests;
	my $c = $p->client('web');
	my $r = $c->request($bytes);
	my @got = $o->requests;
	my $req = @got > $n ? $got[-1] : undef;
	my $text = 'RECEIVED: ' . ($req ? _start($req) . "\n" . _fields($req)
	    . "[$req->{raw_body}]\n" : "nothing\n");
	my $is_whole = $req && $r->status != 502 || $opt->{whole};

	$text .= 'ANSWERED: ' . ($is_whole ? _start($r) . "\n" . _fields($r)
	    . '[' . $r->body . "] " . scalar(@{ $r->{interim} // [] }) . " interim, "
	    . join(',', map { lc $_->[0] . " $_->[1]" } @{ $r->{trailers} }) : 'status '
	    . $r->status) . "\n";
	$text .= 'SERVER KEEPS: ' . (($req->header('Connection') // '') =~ /close/i ? 0 : 1) . "\n"
	    if $req && $opt->{connection} && $bytes =~ m{ HTTP/1\.1};
	$c->shutdown_write;
	$c->read_all;
	return $text . _logged($p, $log, $opt);
}

# The lines until the one of a mark of our own, else the next one.
sub _logged
{
	my ($p, $log, $opt) = @_;
	my @lines;

	if (!$opt->{marks}) {
		my $l = $log->next_line;
		return 'LOGGED: ' . ($l ? _line($l->{msg}) : 'nothing') . "\n";
	}
	$p->get('mark', '/mark');
	while (my $l = $log->next_line) {
		last if $l->{msg} =~ m{ mark mark/};
		push @lines, _line($l->{msg});
	}
	return 'LOGGED: ' . join(' + ', @lines) . "\n";
}

# Runs the requests one by one. options: bin, config (sub of the log's address),
# origin, requests; whole: the proxy's own answers are compared, too; marks:
# there is a frontend 'mark', so that nothing may be logged; connection: what the
# server is told of its connection; csv: names of proxies whose counters follow
sub run_traffic
{
	my (%opt) = @_;
	my $log = Tideway::Test::syslog_unix();
	my $p = Tideway::Test::start_proxy($opt{config}->($log), bin => $opt{bin});
	my @results = map { _one($p, $opt{origin}, $log, $_, \%opt) } @{ $opt{requests} };

	push @results, csv_fields($p, @{ $opt{csv} }) if $opt{csv};
	Tideway::Test::stop_proxy($p);
	return \@results;
}

my %COUNTED = map { $_ => 1 } qw(pxname svname stot dreq dresp ereq econ eresp wretr
    wredis hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other req_tot cli_abrt
    srv_abrt mode rate_lim intercepted status);

# the counters of some proxies, as text
sub csv_fields
{
	my ($p, @px) = @_;
	my ($head, @rows) = split /\n/, $p->get('stats', '/;csv')->body;
	my @names = split /,/, $head =~ s/^# //r;
	my $text = '';

	for my $row (map { [split /,/] } @rows) {
		next unless grep { $row->[0] eq $_ } @px;
		$text .= join(' ', map { "$names[$_]=" . ($row->[$_] || 0) }
		    grep { $COUNTED{ $names[$_] } } 0 .. $#names) . "\n";
	}
	return $text;
}

# a short name of a request
sub what_is
{
	my ($bytes) = @_;
	my ($what) = $bytes =~ /^([^\r]{0,60})/;

	$what .= $1 if $bytes =~ /\r\n((?!Host:)[^\r]{1,30})/;
	return $what;
}

1;
