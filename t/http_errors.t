# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# The answers the proxy makes itself, when it makes them, what they look like,
# and errorfile in place of them.
use Tideway::Test;

my $l = listener();
my $dead = listener();
my $dead_addr = $dead->addr;
$dead->close;

my $p = start_proxy(defaults('retries 0') . "
frontend web
    bind {BIND:web}
    timeout http-request 300ms
    default_backend b
    use_backend dead if { path_beg /dead }
    use_backend empty if { path_beg /empty }
    use_backend slow if { path_beg /slow }
    use_backend off if { path_beg /off }
backend b
    server s ${\ $l->addr}
backend dead
    server s $dead_addr
backend empty
backend off
    server s ${\ $l->addr} disabled
backend slow
    timeout server 200ms
    server s ${\ $l->addr}
frontend lonely
    bind {BIND:lonely}
");
my $K = "Host: a\r\n";

sub is_error
{
	my ($r, $status, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($r->status, $status, "$what: $status");
	like($r->header('Content-Type') // '', qr{^text/html}, 'in HTML');
	like($r->body, qr{<h1>$status }, 'with the status in the page');
	like($r->header('Cache-Control') // '', qr/no-cache/, 'never cached');
	like($r->body, qr{</html>}, 'whole');
}

my $c = $p->client('web');
$c->send("GET / HTTP/1.1\r\n bad\r\n\r\n");
is_error($c->read_response, 400, 'bad request');
ok($c->is_closed, 'closed');

$c = $p->client('web');
$c->send("GET /half");
is_error($c->read_response, 408, 'half a head');
ok($c->is_closed, 'closed');

is_error($p->get('web', '/dead'), 503, 'connection refused');
is_error($p->get('web', '/empty'), 503, 'no server');
is_error($p->get('web', '/off'), 503, 'all servers disabled');
is_error($p->get('lonely', '/'), 503, 'no backend');

$c = $p->client('web');
$c->send("GET /slow HTTP/1.1\r\n$K\r\n");
my $s = $l->accept;
$s->read_head;
is_error($c->read_response, 504, 'no answer from the server');
ok($s->is_closed, 'the server connection is closed');

for my $how (qw(close reset)) {
	$c = $p->client('web');
	$c->send("GET /gone HTTP/1.1\r\n$K\r\n");
	$s = $l->accept;
	$s->read_head;
	$s->$how;
	is_error($c->read_response, 502, "the server: $how");
}

# too much of everything
for my $case (['a long target', 'GET /' . ('a' x 40000) . " HTTP/1.1\r\n$K\r\n", 414],
    ['a long field', "GET / HTTP/1.1\r\n${K}X: " . ('a' x 40000) . "\r\n\r\n", 431],
    ['many fields', "GET / HTTP/1.1\r\n$K" . join('', map { "X-$_: 1\r\n" } 1 .. 500)
    . "\r\n", 431]) {
	my ($what, $bytes, $status) = @$case;
	$c = $p->client('web');
	$c->send($bytes);
	my $r = $c->read_response;
	if (is_tideway()) {
		is($r->status, $status, "$what: $status");
	} else {
		is($r->status, 400, "$what: 400");
	}
	$c->close;
}

# an endless head is cut off; what the kernel holds between the two may be much
$c = $p->client('web');
$c->send("GET / HTTP/1.1\r\n");
my $sent = 0;
while ($c->state eq 'open' && $sent < 20_000_000) {
	my $n = $c->send('X-Some: ' . ('y' x 1000) . "\r\n", 1);
	last if $n < 1010;
	$sent += $n;
	$c->fill(0);
}
cmp_ok($sent, '<', 20_000_000, 'an endless head ends');
$c->close;

SKIP: {
	skip 'strictness of our own', 2 unless is_tideway();
	my %ask = (
	    501 => "POST / HTTP/1.1\r\n${K}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	    505 => "GET / HTTP/9.1\r\n$K\r\n");
	for my $status (sort keys %ask) {
		$c = $p->client('web');
		$c->send($ask{$status});
		is($c->read_response->status, $status, "status $status");
		$c->close;
	}
}

# HEAD gets the head of an error alone
$c = $p->client('web');
$c->send("HEAD /empty HTTP/1.1\r\n$K\r\n");
my $raw = $c->read_until(qr/\r\n\r\n/) // '';
like($raw, qr{^HTTP/1.1 503 }, 'HEAD: 503');
$c->send("GET /empty HTTP/1.1\r\n${K}Connection: close\r\n\r\n");
unlike($c->read_all, qr/\A</, 'HEAD: no body');
stop_proxy($p);

spew('503.http', "HTTP/1.1 503 Gone fishing\r\nContent-Length: 5\r\nX-Own: 1\r\n\r\nfish\n");
$p = start_proxy(defaults('errorfile 503 ' . Tideway::Test::temp_dir() . '/503.http',
    'errorfile 400 /dev/null') . "
listen web
    bind {BIND:web}
");
my $r = $p->get('web', '/');
is($r->start, 'HTTP/1.1 503 Gone fishing', 'errorfile: the status line');
is($r->header('X-Own'), 1, 'errorfile: the fields');
is($r->body, "fish\n", 'errorfile: the body');
$c = $p->client('web');
$c->send("nonsense\r\n\r\n");
ok($c->is_closed, 'errorfile /dev/null closes without a word');
stop_proxy($p);

my $bad = check_config(defaults('errorfile 503 /nowhere/503.http'));
isnt($bad->{code}, 0, 'a missing errorfile is an error');
like($bad->{all}, qr{/nowhere/503\.http}, 'that names it');

done_testing;
