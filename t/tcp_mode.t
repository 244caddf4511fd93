# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# mode tcp: bytes both ways, half-close, resets, and no limit to the size.
use Tideway::Test;
use Digest::SHA qw(sha1_hex);

my $l = listener();
my $p = start_proxy("defaults
    mode tcp
    timeout connect 5s
    timeout client 10s
    timeout server 10s
frontend in
    bind {BIND:in}
    default_backend out
backend out
    server s ${\ $l->addr}
listen dead
    bind {BIND:dead}
    retries 0
    server s 127.0.0.1:1
");

sub pair
{
	my $c = $p->client('in');
	my $s = $l->accept or die 'no connection';

	return ($c, $s);
}

my ($c, $s) = pair();
ok($c->is_quiet && $s->is_quiet, 'the server is connected before any byte');
$s->send("220 hello\r\n");
is($c->read_bytes(11), "220 hello\r\n", 'a server that speaks first');
my $all = join '', map { chr } 0 .. 255;
$c->send($all);
is($s->read_bytes(256), $all, 'any byte up');
$s->send($all);
is($c->read_bytes(256), $all, 'any byte down');
$c->send("GET / HTTP/1.1\r\n bad\0\r\n\r\n");
is($s->read_bytes(25), "GET / HTTP/1.1\r\n bad\0\r\n\r\n", 'nothing is looked at');
$c->close;
$s->read_all;
is($s->state, 'eof', 'the end arrives');
$s->close;

($c, $s) = pair();
$c->send('question');
$c->shutdown_write;
is($s->read_all, 'question', 'half-close: the server sees the end');
ok($c->is_quiet(0.05), 'the other half stays open');
$s->send('answer' x 1000);
$s->close;
is($c->read_all, 'answer' x 1000, 'and carries the answer');
is($c->state, 'eof', 'to its end');
$c->close;

($c, $s) = pair();
$s->send('banner');
$s->shutdown_write;
is($c->read_all, 'banner', 'half-closed by the server');
$c->send('late words');
$c->close;
is($s->read_all, 'late words', 'the client may still speak');
$s->close;

($c, $s) = pair();
$c->send('x');
$s->read_bytes(1);
$c->reset;
$s->read_all;
isnt($s->state, 'open', 'a reset by the client reaches the server');
$s->close;
($c, $s) = pair();
$c->send('x');
$s->read_bytes(1);
$s->reset;
$c->read_all;
isnt($c->state, 'open', 'a reset by the server reaches the client');
$c->close;

$c = $p->client('dead');
is($c->read_all, '', 'no server: nothing is sent');
isnt($c->state, 'open', 'and the connection ends');

# both directions at once, with reads as the other side allows
($c, $s) = pair();
my $up = join '', map { pack 'N', $_ * 2654435761 % 2**32 } 1 .. 2**20;
my $down = reverse $up;
my ($sent_up, $sent_down, $got_up, $got_down) = (0, 0, '', '');
my $end = time + 20;
while (time < $end && (length $got_up < length $up || length $got_down < length $down)) {
	$sent_up += $c->send(substr($up, $sent_up, 1 << 17), 0.01)
	    if $sent_up < length $up;
	$sent_down += $s->send(substr($down, $sent_down, 1 << 17), 0.01)
	    if $sent_down < length $down;
	$got_up .= $s->read_bytes(1 << 17, 0.005);
	$got_down .= $c->read_bytes(1 << 17, 0.005);
}
is(sha1_hex($got_up), sha1_hex($up), '4 MiB up');
is(sha1_hex($got_down), sha1_hex($down), 'while 4 MiB come down');
$_->close for $c, $s;

# back-pressure
($c, $s) = pair();
my $sent = 0;
my $block = 'z' x (1 << 20);
for (1 .. 64) {
	my $n = $s->send($block, 0.3);
	$sent += $n;
	last if $n < length $block;
}
cmp_ok($sent, '<', 64 << 20, 'a client that does not read stops the server');
my $got = 0;
$s->shutdown_write;
while (length(my $data = $c->read_bytes(1 << 20, 2))) {
	$got += length $data;
}
is($got, $sent, 'and then gets all of it');
$_->close for $c, $s;

# many at once
my @pairs = map { [pair()] } 1 .. 100;
$pairs[$_][0]->send("from $_\n") for 0 .. 99;
my $ok = grep { $pairs[$_][1]->read_until(qr/\n/) eq "from $_\n" } 0 .. 99;
is($ok, 100, '100 connections side by side');
stop_proxy($p);

done_testing;
