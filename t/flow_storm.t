# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Many clients of all manners against servers of all manners: pipelining,
# resets, half-closes, bodies given up, answers cut short or too long, queues.
# No answer may reach the wrong request, and when all have gone nothing is
# left: no session, no slot, no place in a queue.
use Tideway::Test;
use POSIX ();

my $CLIENTS = 6;
my $ROUNDS = $ENV{TW_STORM} || 60;

# The body that belongs to a path is made from the path: /ID/SIZE/HOW
sub body_of
{
	my ($id, $size) = @_;

	return substr "<$id>" x ($size / (length($id) + 2) + 1), 0, $size;
}

sub chunks
{
	return join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
	    unpack '(a3000)*', $_[0]) . "0\r\n\r\n";
}

sub answer
{
	my ($req, $c, $o) = @_;
	my ($id, $size, $how) = $req->uri =~ m{^/(\w+)/(\d+)/(\w+)} or return response(404);
	my $body = $req->method eq 'POST' ? $req->body : body_of($id, $size);
	my $length = 'Content-Length: ' . length($body) . "\r\n";

	return "HTTP/1.1 200 OK\r\n$length\r\n" if $req->method eq 'HEAD';
	return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" . chunks($body)
	    if $how eq 'chunk';
	return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n$body" if $how eq 'close';
	return "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n$length\r\n$body"
	    if $how eq 'early';
	return "HTTP/1.1 200 OK\r\n$length\r\n${body}HTTP/1.1 200 OK\r\nX: wrong\r\n"
	    . "Content-Length: 5\r\n\r\nwrong" if $how eq 'more';
	if ($how eq 'cut') {
		$c->send("HTTP/1.1 200 OK\r\n$length\r\n" . substr $body, 0, $size / 2);
		$c->reset;
		return undef;
	}
	return undef if $how eq 'none';
	return "HTTP/1.1 200 OK\r\n$length\r\n$body";
}

my @o = map { origin(name => "s$_", respond => \&answer) } 1 .. 3;
my $p = start_proxy("global\n    nbthread 3\n" . defaults('option redispatch 1',
    'retries 3', 'http-reuse always', 'timeout queue 20s', 'timeout client 20s',
    'timeout server 20s') . "
frontend web
    bind {BIND:web}
    default_backend out
backend out
    balance roundrobin
    server a ${\ $o[0]->addr} maxconn 2
    server b ${\ $o[1]->addr}
    server c ${\ $o[2]->addr} maxconn 1
    server gone 127.0.0.1:1
frontend st
    bind {BIND:st}
    stats enable
    stats uri /st
");

my @good = qw(len chunk early more);

sub size { (0, 1, 100, 5000, 70_000, 400_000)[rand 6] }

# several requests at once, then their answers in order
sub pipelined
{
	my ($c, $id) = @_;
	my @want = map { [$id . 'x' . $_, size(), $good[rand @good], (qw(GET GET HEAD))[rand 3]] }
	    0 .. rand 4;

	$c->send(join '', map { "$_->[3] /$_->[0]/$_->[1]/$_->[2] HTTP/1.1\r\nHost: a\r\n\r\n" }
	    @want);
	for my $w (@want) {
		my $r = $c->read_response(method => $w->[3], secs => 20);
		return "status " . $r->status . " for $w->[0]" if $r->status != 200;
		next if $w->[3] eq 'HEAD';
		return "a wrong answer to $w->[0] $w->[1] $w->[2], " . length($r->body)
		    . ' bytes' if $r->body ne body_of($w->[0], $w->[1]);
	}
	return '';
}

sub upload
{
	my ($c, $id) = @_;
	my $body = body_of($id, size());
	my $head = "POST /$id/0/len HTTP/1.1\r\nHost: a\r\n";

	$c->send(rand() < 0.5 ? "${head}Content-Length: " . length($body) . "\r\n\r\n$body"
	    : "${head}Transfer-Encoding: chunked\r\n\r\n" . chunks($body), 20);
	my $r = $c->read_response(secs => 20);
	return '' if $r->status == 200 && $r->body eq $body;
	# sent on a connection that the server closed just then: not replayed
	return $r->status == 502 ? '' : "upload $id: " . $r->status;
}

# leaves in a bad manner; what came must still be the right thing
sub rude
{
	my ($c, $id) = @_;
	my $size = size();
	my $how = (qw(len chunk cut none close))[rand 5];
	my $method = rand() < 0.3 ? 'POST' : 'GET';

	$c->send("$method /$id/$size/$how HTTP/1.1\r\nHost: a\r\n"
	    . ($method eq 'POST' ? "Content-Length: 1000\r\n\r\nhalf" : "\r\n"));
	my $act = int rand 4;
	return '' if $act == 0 && ($c->reset, 1);
	$c->shutdown_write if $act == 1;
	$c->read_bytes(rand 2000, 0.05) if $act == 2;
	return '' if $method eq 'POST' || $act == 2;
	my $r = $c->read_response(secs => 20);
	return '' if $r->status =~ /^(?:0|400|50\d)$/;
	return index(body_of($id, $size), $r->body) == 0 ? '' : "wrong bytes for $id";
}

sub client
{
	my ($n) = @_;
	my $c;

	srand $n + ($ENV{TW_SEED} || 0);
	for my $i (1 .. $ROUNDS) {
		my $id = "c${n}r$i";
		my $what = rand;
		$c = $p->client('web') if !$c || $c->state ne 'open' || $what > 0.7;
		my $bad = $what < 0.5 ? pipelined($c, $id)
		    : $what < 0.7 ? upload($c, $id) : rude($c, $id);
		return $bad if $bad ne '';
		undef $c if $what > 0.7 || ($what > 0.5 && $c->is_closed(0.001));
	}
	return '';
}

my %running;
for my $n (1 .. $CLIENTS) {
	my $pid = fork // die "fork: $!";
	if ($pid == 0) {
		my $bad = eval { client($n) } // "died: $@";
		spew("client$n", $bad);
		POSIX::_exit(0);
	}
	$running{$pid} = $n;
}
# new generations meanwhile
my %ended;
my $reloads = 0;
until (keys %ended == $CLIENTS) {
	my $n = () = $p->stderr =~ /Reloaded/g;
	$p->signal('USR2'), $reloads++ if is_tideway() && $n == $reloads && $reloads < 20;
	for my $pid (keys %running) {
		$ended{$pid} = 1 if waitpid($pid, POSIX::WNOHANG()) == $pid;
	}
	select undef, undef, undef, 0.02;
}
for my $pid (sort { $a <=> $b } keys %running) {
	is(slurp(Tideway::Test::temp_dir() . "/client$running{$pid}"), '',
	    "client $running{$pid} got the right answers");
}

# what the statistics page says is still there: qcur, scur
sub leftovers
{
	my @left;
	for my $line (split /\n/, $p->get('st', '/st;csv')->body) {
		my @f = split /,/, $line;
		next if $line =~ /^#/ || ($f[0] // '') !~ /^(?:web|out)$/;
		push @left, "$f[0]/$f[1]: qcur $f[2] scur $f[4]" if $f[2] || $f[4];
	}
	return join '; ', @left;
}

cmp_ok($reloads, '>', 1, 'reloaded meanwhile') if is_tideway();
wait_until { leftovers() eq '' };
is(leftovers(), '', 'nothing is left behind');
is($p->get('web', '/end/10/len')->body, body_of('end', 10), 'and it still works');
stop_proxy($p);
done_testing();
