# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Services that talk with the client themselves: http-request use-service and
# tcp-request content use-service with serve(). One small module, compiled here,
# has one of each kind: an echo, a long answer, one that waits for itself.
use Tideway::Test;
use Tideway::Module;

plan(skip_all => 'HAProxy has no modules') unless is_tideway();
plan(skip_all => 'TIDEWAY_MODULE_PATH does not say where modules are')
    unless $ENV{TIDEWAY_MODULE_PATH};
plan(skip_all => 'no compiler or no headers') unless can_compile();

my $BIG = 6_000_000;
my $code = do { local $/; <DATA> };
my $dir = module_dir();
compile_module($dir, 'probe', module_source('probe',
    '.services = services, .keywords = keywords, .load = load', $code), '-Wall');
my $log = syslog_unix();
my $cli = Tideway::Test::temp_dir() . '/cli';
my $scale = $ENV{TW_TIME_SCALE} || 1;

sub text
{
	my ($n) = @_;

	return "global
    nbthread 1
    log $log->{addr} local0
    stats socket $cli level admin
    probe-service made$n
" . defaults('log global', 'option httplog') . "
frontend web
    bind {BIND:web}
    http-request set-var(txn.p) path
    http-response set-header X-Response yes
    http-response wait-for-body time 5s if { var(txn.p) -m str /gather }
    http-response return status 418 if { var(txn.p) -m str /instead }
    http-response deny status 403 if { var(txn.p) -m str /deny }
    http-response pause 20ms if { var(txn.p) -m str /pause }
    http-after-response set-header X-After yes
" . join('', map { "    http-request use-service t.$_ if { path /$_ }\n" }
	    qw(echo sized big slow hang short long none fail cut state names empty)) . "
    http-request use-service t.sized if { path /gather /instead /deny /pause }
    http-request use-service made$n if { path /made }
    http-request wait-for-body time 5s if { path /waited }
    http-request use-service t.echo if { path /waited }
    default_backend out
backend out
    http-request use-service t.echo
frontend impatient
    bind {BIND:impatient}
    timeout client 300ms
    http-request use-service t.slow if { path /slow }
    http-request use-service t.big if { path /big }
    http-request use-service t.echo
listen close
    bind {BIND:close}
    option abortonclose
    http-request use-service t.hang
frontend filtered
    bind {BIND:filtered}
    filter trace quiet random-forwarding
    filter bwlim-in up default-limit 20k default-period 20ms
    filter bwlim-out down default-limit 50k default-period 20ms
    http-request set-bandwidth-limit up
    http-response set-bandwidth-limit down
    http-request use-service t.sized if { path /sized }
    http-request use-service t.big if { path /big }
    http-request use-service t.echo
frontend filteredtcp
    mode tcp
    option tcplog
    bind {BIND:filteredtcp}
    filter trace quiet random-forwarding
    tcp-request content use-service t.lines
frontend lines
    mode tcp
    option tcplog
    bind {BIND:lines}
    tcp-request inspect-delay 5s
    tcp-request content accept if { src 127.0.0.9 }
    tcp-request content use-service t.lines
frontend flood
    mode tcp
    option tcplog
    bind {BIND:flood}
    tcp-request content use-service t.flood
frontend sink
    mode tcp
    option tcplog
    bind {BIND:sink}
    default_backend sinks
backend sinks
    mode tcp
    tcp-request content use-service t.sink
frontend hasty
    mode tcp
    option tcplog
    timeout client 300ms
    bind {BIND:hasty}
    tcp-request content use-service t.lines
";
}

my $p = start_proxy(text(1), env => { TIDEWAY_MODULE_PATH => $dir });

# "begun complete broken" since the last time
my @last = (0, 0, 0);
sub ended
{
	my ($complete, $broken, $what) = @_;
	my @now;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	wait_until {
		@now = split / /, $p->get('web', '/state')->body;
		$now[1] - $last[1] >= $complete && $now[2] - $last[2] >= $broken;
	};
	is($now[1] - $last[1], $complete, "$what: $complete complete");
	is($now[2] - $last[2], $broken, "$what: $broken broken off");
	@last = @now;
}

sub head { return "$_[0] $_[1] HTTP/" . ($_[2] // '1.1') . "\r\nHost: a\r\n" . ($_[3] // '') . "\r\n" }

sub post
{
	my ($uri, $body, $more) = @_;

	return head('POST', $uri, '1.1', 'Content-Length: ' . length($body) . "\r\n" . ($more // '')) . $body;
}

subtest 'answers' => sub {
	my $c = $p->client('web');
	for my $n (1 .. 3) {
		$c->send(post('/echo', "body $n"));
		my $r = $c->read_response;
		is($r->status, 200, 'status');
		is($r->body, "body $n", 'echo');
		is($r->header('transfer-encoding'), 'chunked', 'of no known length');
		is($r->header('X-Response'), 'yes', 'http-response rules saw it');
		is($r->header('X-After'), 'yes', 'http-after-response, too');
		is($r->header('X-Echo'), 'yes', 'its own header');
	}
	$c->send(post('/sized', 'abc'));
	my $r = $c->read_response;
	is($r->start, 'HTTP/1.1 299 Fine', 'status and reason');
	is($r->header('content-length'), 5, 'a length');
	is($r->body, '[abc]', 'body');
	ok(!defined $r->header('transfer-encoding') , 'not chunked');
	$c->send(head('GET', '/empty'));
	$r = $c->read_response;
	is($r->status . length($r->body), '2000', 'an empty body');
	$c->send(head('GET', '/nowhere'));
	is($c->read_response->body, '', 'in a backend');
	$c->send(head('GET', '/made'));
	is($c->read_response->body, 'made1', "a generation's own");
	$c->send(head('GET', '/names'));
	is($c->read_response->body, 'conf', 'services have a conf');
	$c->close;
	ended(8, 0, 'answers');
};

subtest 'pipelining, HEAD, HTTP/1.0' => sub {
	my $c = $p->client('web');
	$c->send(post('/echo', 'a') . post('/slow', 'unread') . head('GET', '/sized') . post('/echo', 'b' x 40000));
	is($c->read_response->body, $_, 'in order') for 'a', 'one two three ', '[]', 'b' x 40000;
	for my $uri ('/sized', '/slow', '/big', '/short', '/echo') {
		$c->send(head('HEAD', $uri));
		my $r = $c->read_response(method => 'HEAD');
		is($r->body, '', "HEAD $uri");
		my $framing = $r->header('content-length') // $r->header('transfer-encoding');
		is($framing, { '/sized' => 2, '/short' => 100 }->{$uri} // 'chunked', 'its framing');
		ok($c->is_quiet(0.02), 'no body');
	}
	$c = $p->client('web');
	$c->send(head('GET', '/slow', '1.0'));
	my $r = $c->read_response;
	is($r->body, 'one two three ', 'HTTP/1.0: until it is closed');
	ok(!defined $r->header('transfer-encoding'), 'no chunks');
	is($c->state, 'eof', 'closed');
	$c = $p->client('web');
	$c->send(head('GET', '/sized', '1.0', "Connection: keep-alive\r\n"));
	is($c->read_response->body, '[]', 'with a length it is kept');
	$c->send(head('GET', '/sized', '1.0'));
	is($c->read_response->body, '[]', 'once more');
	ok($c->is_closed, 'then closed');
	ended(12, 0, 'pipelining');
};

subtest 'request bodies' => sub {
	my $c = $p->client('web');
	$c->send(head('POST', '/echo', '1.1', "Content-Length: 6\r\nExpect: 100-continue\r\n"));
	my $m = $c->read_until(qr/\r\n\r\n/);
	like($m, qr/^HTTP\/1.1 100 /, '100 Continue');
	$c->send('abc');
	$m = $c->read_until(qr/abc\r\n/);
	like($m // '', qr/ 200 OK.*\r\n3\r\nabc\r\n/s, 'it answers while it reads');
	$c->send('def');
	like($c->read_until(qr/\r\n0\r\n\r\n/) // '', qr/^3\r\ndef\r\n0/, 'to the end');
	$c->send(head('POST', '/echo', '1.1', "Transfer-Encoding: chunked\r\n") . "4\r\nwiki\r\n5\r\npedia\r\n0\r\nX: y\r\n\r\n");
	is($c->read_response->body, 'wikipedia', 'chunks');
	$c->send(head('POST', '/waited', '1.1', "Content-Length: 6\r\n") . 'abc');
	ok($c->is_quiet(0.02), 'wait-for-body waits');
	$c->send('def');
	is($c->read_response->body, 'abcdef', 'then the service has it');

	# an upload that is not read: the connection is kept all the same
	$c->send(post('/sized', 'x' x 200_000) . head('GET', '/sized'));
	is($c->read_response->body, '[' . 'x' x 1000 . ']', 'of a long one');
	is($c->read_response->body, '[]', 'the next one');
	$c->send(post('/slow', 'x' x 300_000) . head('GET', '/sized'));
	is($c->read_response->body, 'one two three ', 'one that reads nothing');
	is($c->read_response->body, '[]', 'the next one');
	ended(7, 0, 'bodies');

	$c = $p->client('web');
	$c->send(head('POST', '/slow', '1.1', "Content-Length: 6\r\nExpect: 100-continue\r\n"));
	is($c->read_response->header('connection'), 'close', 'a body that is not asked for');
	ok($c->is_closed, 'ends the connection');
	$c = $p->client('web');
	$c->send(head('POST', '/echo', '1.1', "Transfer-Encoding: chunked\r\n") . "zz\r\n");
	is($c->read_response->status, 400, 'broken chunks');
	$c = $p->client('web');
	$c->send(head('POST', '/sized', '1.1', "Content-Length: 6\r\n") . 'abc');
	$c->shutdown_write;
	is($c->read_response->status, 400, 'a body that breaks off');
	ended(1, 2, 'broken bodies');
};

subtest 'rules wait' => sub {
	my $c = $p->client('web');
	$c->send(post('/gather', 'abc'));
	my $r = $c->read_response;
	is($r->body, '[abc]', 'http-response wait-for-body');
	$c->send(post('/pause', 'abc'));
	is($c->read_response->body, '[abc]', 'pause');
	$c->send(post('/instead', 'abc'));
	is($c->read_response->status, 418, 'another answer instead');
	$c = $p->client('web');
	$c->send(post('/deny', 'abc'));
	is($c->read_response->status, 403, 'denied');
	ended(2, 2, 'rules');
};

subtest 'slow readers and writers' => sub {
	my $c = $p->client('web');
	$c->send(head('GET', '/big'));
	ok(wait_until { ($p->get('web', '/state')->body =~ /full (\d+)/)[0] > 0 }, 'a client that does not read holds it back');
	my $r = $c->read_response(secs => 20 * $scale);
	is(length $r->body, $BIG, 'all of a long answer');
	is($r->body =~ tr/x//, $BIG, 'as it was');
	# both ways at once
	my $body = join '', map { chr(97 + $_ % 26) } 0 .. 99_999;
	my ($got, $off) = ('', 0);
	$c->send(head('POST', '/echo', '1.1', "Content-Length: 100000\r\n"));
	while ($off < length $body) {
		$c->send(substr $body, $off, 10_007);
		$off += 10_007;
	}
	is($c->read_response->body, $body, 'echo of a long body');
	$c->close;
	@last = split / /, $p->get('web', '/state')->body;
};

subtest 'broken services' => sub {
	for my $uri ('/none', '/fail') {
		is($p->get('web', $uri)->status, 500, "$uri: 500");
	}
	ended(0, 2, '500');
	for my $uri ('/short', '/cut') {
		my $c = $p->client('web');
		$c->send(head('GET', $uri));
		my $all = $c->read_all;
		like($all, qr/ 200 OK.*\r\n\r\n.*abc/s, "$uri: what it wrote");
		isnt($c->state, 'open', 'then the end');
		unlike($all, qr/\r\n0\r\n/, 'which is no good one');
	}
	ended(0, 2, 'cut');
	my $c = $p->client('web');
	$c->send(head('GET', '/long'));
	is($c->read_response->body, 'abc', 'more than it told: cut there');
	$c->send(head('GET', '/sized'));
	is($c->read_response->body, '[]', 'the next one is right');
	ended(2, 0, 'more');
};

subtest 'aborts and time' => sub {
	my $c = $p->client('web');
	$c->send(head('GET', '/hang'));
	like($c->read_until(qr/begun\r\n/) // '', qr/ 200 /, 'it hangs');
	$c->shutdown_write;
	ok($c->is_quiet(0.05), 'a FIN alone ends nothing');
	$c->reset;
	ended(0, 1, 'a reset');
	$c = $p->client('close');
	$c->send(head('GET', '/hang'));
	$c->read_until(qr/begun\r\n/);
	$c->shutdown_write;
	$c->read_all;
	isnt($c->state, 'open', 'option abortonclose: it does');
	ended(0, 1, 'FIN');

	$c = $p->client('impatient');
	$c->send(head('POST', '/echo', '1.1', "Content-Length: 6\r\n"));
	like($c->read_all(10 * $scale), qr/^HTTP\/1.1 (408|200) /, 'a body that does not come: timeout client');
	$c = $p->client('impatient');
	$c->send(head('GET', '/big'));
	ended(0, 2, 'a client that takes nothing: timeout client');
	$c->close;
	is($p->get('impatient', '/slow')->body, 'one two three ', 'its own time is its own');
	@last = split / /, $p->get('web', '/state')->body;
};

subtest 'mode tcp' => sub {
	my $c = $p->client('lines');
	is($c->read_bytes(4), "hi!\n", 'it speaks first');
	$c->send("one\ntw");
	is($c->read_until(qr/\n/), "> one\n", 'a line');
	$c->send("o\n\nquit\nmore");
	is($c->read_all, "> two\n> \n> quit\n", 'lines, and its end');
	is($c->state, 'eof', 'FIN');
	$c = $p->client('lines');
	$c->send("last");
	$c->shutdown_write;
	is($c->read_all, "hi!\n> last", 'FIN is the end of what it reads');
	$c = $p->client('lines');
	$c->send("fail\n");
	is($c->read_all, "hi!\n> fail\n", 'it fails: the end');
	ended(2, 1, 'lines');

	$c = $p->client('flood');
	is(length($c->read_all(20 * $scale)), $BIG, 'a long answer');
	is($c->state, 'eof', 'to its end');
	$c = $p->client('sink');
	$c->send('x' x 500_000) for 1 .. 4;
	$c->shutdown_write;
	is($c->read_all(20 * $scale), '2000000', 'a long question, in a backend');
	ended(2, 0, 'long');

	$c = $p->client('lines');
	$c->read_bytes(4);
	$c->reset;
	ended(0, 1, 'a reset');
	$c = $p->client('hasty');
	is($c->read_all(10 * $scale), "hi!\n", 'timeout client');
	isnt($c->state, 'open', 'ends it');
	ended(0, 1, 'time');
};

subtest 'filters' => sub {
	my $c = $p->client('filtered');
	my $body = join '', map { chr(97 + $_ % 26) } 0 .. 99_999;
	$c->send(post('/echo', $body) . post('/sized', 'abc') . post('/sized', $body) . head('HEAD', '/sized') . head('GET', '/echo'));
	my $r = $c->read_response(secs => 20 * $scale);
	ok($r->body eq $body, 'both ways');
	is($c->read_response->body, '[abc]', 'with a length');
	is($c->read_response(secs => 20 * $scale)->body, '[' . substr($body, 0, 1000) . ']', 'a body that is left');
	is($c->read_response(method => 'HEAD')->body, '', 'HEAD');
	is($c->read_response->body, '', 'nothing');
	$c->send(head('POST', '/echo', '1.1', "Transfer-Encoding: chunked\r\n") . "4\r\nwiki\r\nzz\r\n");
	like($c->read_all, qr/ (400|200) /, 'broken chunks');
	my $t = $p->client('filteredtcp');
	$t->send("one\n" . 'x' x 500 . "\nquit\n");
	is($t->read_all, "hi!\n> one\n> " . 'x' x 500 . "\n> quit\n", 'mode tcp');
	ended(6, 1, 'filters');
};

subtest 'the log' => sub {
	$p->get('web', '/sized');
	my $l = $log->next_match(qr{GET /sized});
	$p->get('web', '/log');
	$l = $log->next_match(qr{GET /log});
	like($l->{msg}, qr{ web out/<t.echo> \d+/0/0/\d+/\d+ 200 \d+ - - LR-- }, 'mode http');
	my $c = $p->client('lines');
	$c->send("quit\n");
	$c->read_all;
	$l = $log->next_match(qr{lines lines/<t.lines> \d+/0/\d+ 11 -- });
	ok($l, 'mode tcp') or diag 'no line';
	$c = $p->client('lines');
	$c->read_bytes(4);
	$c->reset;
	ok($log->next_match(qr{lines lines/<t.lines> \d+/0/\d+ 4 CD }), 'a reset: CD');
	$p->client('hasty')->read_all(10 * $scale);
	ok($log->next_match(qr{hasty hasty/<t.lines> \d+/0/\d+ 4 cD }), 'time: cD');
};

subtest 'reload while one runs' => sub {
	my $c = $p->client('web');
	$c->send(head('GET', '/hang'));
	$c->read_until(qr/begun\r\n/);
	my $t = $p->client('lines');
	$t->read_bytes(4);
	$p->write_config(text(2));
	$p->signal('USR2');
	ok(wait_until { $p->get('web', '/made')->body eq 'made2' }, 'reloaded');
	$t->send("still\nquit\n");
	is($t->read_all, "> still\n> quit\n", 'the old one goes on');
	$c->reset;
	ok(wait_until { ($p->get('web', '/state')->body =~ /^(\d+) (\d+) (\d+)/)
	    && $1 == $2 + $3 }, 'each one that began has ended');
};
stop_proxy($p);

for my $c (
    [http => 'http-request use-service t.lines', qr/'t.lines' is one for 'tcp-request content use-service'/],
    [tcp => 'tcp-request content use-service t.echo', qr/'t.echo' is one for 'http-request use-service'/],
    [http => 'tcp-request content use-service t.lines', qr/mode tcp/],
    [tcp => 'tcp-request content use-service', qr/the name of a service/],
    [tcp => 'tcp-request content use-service t.nope', qr/there is no service 't.nope'/],
    [tcp => 'tcp-request connection use-service t.lines', qr/use-service/],
    [tcp => 'tcp-response content use-service t.lines', qr/use-service/]) {
	my $file = spew(Tideway::Test::temp_dir() . '/bad.cfg', "listen a\n    mode $c->[0]\n    bind 127.0.0.1:0\n    timeout client 1s\n"
	    . "    timeout server 1s\n    timeout connect 1s\n    $c->[1]\n");
	my $r = with_modules($dir, '-c', '-f', $file);
	ok($r->{code} == 1 && $r->{all} =~ $c->[2], "refused: $c->[1]") or diag $r->{all};
}
my $file = spew(Tideway::Test::temp_dir() . '/twice.cfg', "global\n    probe-service t.echo\n");
my $r = with_modules($dir, '-c', '-f', $file);
like($r->{all}, qr/there is a service 't.echo' already, of module 'probe'/, 'a name twice');

done_testing();

__DATA__
#include <stdio.h>
#include <string.h>
#include <tideway/arena.h>
#include <tideway/service.h>
#include <tideway/worker.h>

#define BIG 6000000

struct state {
	struct tw_timer timer; /* first */
	struct tw_req *req;
	int calls;
	size_t left, n;
	bool started, fired;
	char text[1002];
};

static const struct tw_self *self;
static int begun, complete, broken, full; /* one worker */

static int
load(const struct tw_self *me, struct tw_err *err)
{
	(void)err;
	self = me;
	return 0;
}

static struct state *
enter(void *p)
{
	struct state *st = p;

	if (st->calls++ == 0)
		begun++;
	return st;
}

static void
on_ended(struct tw_req *req, void *p, bool is_complete)
{
	struct state *st = p;

	(void)req;
	if (st->timer.fn != NULL)
		tw_timer_del(&st->timer);
	if (is_complete)
		complete++;
	else
		broken++;
}

static void
start(struct tw_req *req, struct state *st, int64_t length)
{
	static const struct tw_str fields[] = { TW_STR("X-Echo"), TW_STR("yes"),
		TW_STR("Connection"), TW_STR("nonsense") };

	if (!st->started)
		tw_service_start(req,
		    &(struct tw_service_head){ .status = 200, .headers = fields,
			.n_headers = 2, .length = length });
	st->started = true;
}

static enum tw_serve
echo(struct tw_req *req, void *p)
{
	struct state *st = enter(p);
	struct tw_str data;
	enum tw_io io;

	while ((io = tw_service_read(req, &data)) == TW_IO_OK) {
		start(req, st, -1);
		const size_t n = tw_service_write(req, data);
		tw_service_take(req, n);
		if (n < data.len) {
			full++;
			return TW_SERVE_WAIT;
		}
	}
	if (io == TW_IO_AGAIN)
		return TW_SERVE_WAIT;
	start(req, st, -1);
	return TW_SERVE_END;
}

/* The first 1000 bytes, in brackets; what follows is not read. */
static enum tw_serve
sized(struct tw_req *req, void *p)
{
	struct state *st = enter(p);
	struct tw_str data;
	enum tw_io io;
	char len[16];

	if (st->n == 0)
		st->text[st->n++] = '[';
	while (st->n < 1001 && (io = tw_service_read(req, &data)) == TW_IO_OK) {
		const size_t room = 1001 - st->n;
		const size_t n = data.len < room ? data.len : room;

		memcpy(st->text + st->n, data.p, n);
		st->n += n;
		tw_service_take(req, n);
	}
	if (st->n < 1001 && io == TW_IO_AGAIN)
		return TW_SERVE_WAIT;
	st->text[st->n++] = ']';
	snprintf(len, sizeof(len), "%d", (int)st->n);
	const struct tw_str field[] = { TW_STR("Content-Length"), tw_str_of(len) };
	tw_service_start(req, &(struct tw_service_head){ .status = 299,
		.reason = TW_STR("Fine"), .headers = field, .n_headers = 1, .length = -1 });
	tw_service_write(req, (struct tw_str){ st->text, st->n });
	return TW_SERVE_END;
}

static enum tw_serve
flood(struct tw_req *req, void *p)
{
	static char some[7000];
	struct state *st = enter(p);

	if (st->calls == 1) {
		memset(some, 'x', sizeof(some));
		st->left = BIG;
	}
	while (st->left > 0) {
		const size_t len = st->left < sizeof(some) ? st->left : sizeof(some);
		const size_t n = tw_service_write(req, (struct tw_str){ some, len });

		st->left -= n;
		if (n < len) {
			full++;
			return TW_SERVE_WAIT;
		}
	}
	return TW_SERVE_END;
}

static enum tw_serve
big(struct tw_req *req, void *p)
{
	start(req, p, -1);
	return flood(req, p);
}

static void
on_timer(struct tw_timer *t)
{
	struct state *st = (struct state *)t;

	st->fired = true;
	tw_resume(st->req);
}

/* Three pieces; the last two after a while each, the first at once. */
static enum tw_serve
slow(struct tw_req *req, void *p)
{
	static const char *const pieces[] = { "one ", "two ", "three " };
	struct state *st = enter(p);

	start(req, st, -1);
	if (st->n > 0 && !st->fired)
		return TW_SERVE_WAIT;
	tw_service_write(req, tw_str_of(pieces[st->n++]));
	if (st->n == 3)
		return TW_SERVE_END;
	st->req = req;
	st->fired = false;
	st->timer.fn = on_timer;
	if (st->n == 1) {
		st->fired = true;
		tw_resume(req); /* also while it runs */
	} else {
		tw_timer_set(&st->timer, tw_now_ms() + 500);
	}
	return TW_SERVE_WAIT;
}

static enum tw_serve
hang(struct tw_req *req, void *p)
{
	struct state *st = enter(p);

	if (st->calls == 1) {
		start(req, st, -1);
		tw_service_write(req, TW_STR("begun"));
	}
	return TW_SERVE_WAIT;
}

static enum tw_serve
three(struct tw_req *req, void *p, int64_t length, const char *text)
{
	start(req, enter(p), length);
	tw_service_write(req, tw_str_of(text));
	return TW_SERVE_END;
}

static enum tw_serve
t_short(struct tw_req *req, void *p)
{
	return three(req, p, 100, "abc");
}

static enum tw_serve
t_long(struct tw_req *req, void *p)
{
	return three(req, p, 3, "abcdefghi");
}

static enum tw_serve
none(struct tw_req *req, void *p)
{
	(void)req;
	enter(p);
	return TW_SERVE_END;
}

static enum tw_serve
fail(struct tw_req *req, void *p)
{
	(void)req;
	enter(p);
	return TW_SERVE_FAIL;
}

static enum tw_serve
cut(struct tw_req *req, void *p)
{
	three(req, p, -1, "abc");
	return TW_SERVE_FAIL;
}

static enum tw_serve
empty(struct tw_req *req, void *p)
{
	return three(req, p, -1, "");
}

static enum tw_serve
state(struct tw_req *req, void *p)
{
	char text[80];

	snprintf(text, sizeof(text), "%d %d %d full %d", begun, complete, broken, full);
	start(req, p, -1);
	tw_service_write(req, tw_str_of(text));
	return TW_SERVE_END;
}

static enum tw_serve
names(struct tw_req *req, void *p)
{
	return three(req, p, -1, tw_req_service(req)->conf);
}

static enum tw_serve
made(struct tw_req *req, void *p)
{
	return three(req, p, -1, tw_req_service(req)->name);
}

static enum tw_serve
lines(struct tw_req *req, void *p)
{
	struct state *st = enter(p);
	struct tw_str data;
	enum tw_io io;

	if (st->calls == 1)
		tw_service_write(req, TW_STR("hi!\n"));
	while ((io = tw_service_read(req, &data)) == TW_IO_OK) {
		const char *nl = memchr(data.p, '\n', data.len);
		const size_t n = nl != NULL ? (size_t)(nl + 1 - data.p) : data.len;

		memcpy(st->text + st->n, data.p, n);
		st->n += n;
		tw_service_take(req, n);
		if (nl == NULL)
			continue;
		tw_service_write(req, TW_STR("> "));
		tw_service_write(req, (struct tw_str){ st->text, st->n });
		if (memcmp(st->text, "quit\n", 5) == 0)
			return TW_SERVE_END;
		if (memcmp(st->text, "fail\n", 5) == 0)
			return TW_SERVE_FAIL;
		st->n = 0;
	}
	if (io == TW_IO_AGAIN)
		return TW_SERVE_WAIT;
	tw_service_write(req, TW_STR("> "));
	tw_service_write(req, (struct tw_str){ st->text, st->n });
	return TW_SERVE_END;
}

static enum tw_serve
sink(struct tw_req *req, void *p)
{
	struct state *st = enter(p);
	struct tw_str data;
	enum tw_io io;
	char text[32];

	while ((io = tw_service_read(req, &data)) == TW_IO_OK) {
		st->n += data.len;
		tw_service_take(req, data.len);
	}
	if (io == TW_IO_AGAIN)
		return TW_SERVE_WAIT;
	snprintf(text, sizeof(text), "%d", (int)st->n);
	tw_service_write(req, tw_str_of(text));
	return TW_SERVE_END;
}

static int
set_service(struct tw_line *ln)
{
	struct tw_service *s = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*s));
	struct tw_err err;

	s->name = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	s->serve = made;
	s->ended = on_ended;
	s->state_size = sizeof(struct state);
	if (tw_service_add(ln->gen, self, s, &err) != 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	return 0;
}

static const struct tw_kw keywords[] = {
	{ .word = "probe-service", .scopes = TW_SC_GLOBAL, .min_args = 1, .max_args = 1,
	    .set = set_service, .usage = "<name>", .help = "A service." },
	{ .word = NULL },
};

#define S(n, fn, ...) { .name = "t." n, .serve = fn, .ended = on_ended, .help = "A test.", \
	.state_size = sizeof(struct state), __VA_ARGS__ }
static const struct tw_service services[] = {
	S("echo", echo), S("sized", sized), S("big", big), S("slow", slow), S("hang", hang),
	S("short", t_short), S("long", t_long), S("none", none), S("fail", fail),
	S("cut", cut), S("state", state, .ended = NULL), S("names", names, .conf = "conf"), S("empty", empty),
	S("lines", lines, .modes = TW_SERVICE_TCP), S("flood", flood, .modes = TW_SERVICE_TCP),
	S("sink", sink, .modes = TW_SERVICE_TCP),
	{ .name = NULL },
};
