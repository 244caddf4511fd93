# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# What a module's hooks may do to a request: wait and be resumed, be late,
# restart, answer, gather bodies, attach filters. One small module, compiled
# here, does what the field X-Do of a request names at the point X-At names.
use Tideway::Test;
use Tideway::Module;

plan(skip_all => 'HAProxy has no modules') unless is_tideway();
plan(skip_all => 'TIDEWAY_MODULE_PATH does not say where modules are')
    unless $ENV{TIDEWAY_MODULE_PATH};
plan(skip_all => 'no compiler or no headers') unless can_compile();

my $code = do { local $/; <DATA> };
my $dir = module_dir();
compile_module($dir, 'probe', module_source('probe',
    '.size_of = { [TW_IN_REQ] = sizeof(struct state) }, .hooks = hooks', $code),
    '-Wall', '-Wno-unused-parameter');

my $l = listener();

sub proxy
{
	my ($more, @defaults) = @_;

	return start_proxy("global\n    nbthread 1\n" . defaults('http-reuse never', @defaults) . "
listen web
    bind {BIND:web}
    default_backend out
backend out
    server s ${\ $l->addr}
listen dead
    bind {BIND:dead}
    retries 0
    server s 127.0.0.1:1
" . ($more // ''), env => { TIDEWAY_MODULE_PATH => $dir });
}

sub ask
{
	my ($at, $do, %opt) = @_;
	my $method = $opt{method} // (defined $opt{body} ? 'POST' : 'GET');

	return "$method / HTTP/" . ($opt{version} // '1.1') . "\r\nHost: a\r\n"
	    . "X-At: $at\r\nX-Do: $do\r\n" . ($opt{fields} // '')
	    . (defined $opt{body} && !$opt{fields}
		? 'Content-Length: ' . length($opt{body}) . "\r\n" : '')
	    . "\r\n" . ($opt{body} // '');
}

# answers one request on a connection of the server
sub serve
{
	my ($s, $answer) = @_;
	my $m = $s->read_message(secs => 3);

	$s->send($answer // response(200, 'origin')) if $m;
	return $m;
}

# "begun ended": requests that the module saw begin and end
sub balance_is
{
	my ($p, $what) = @_;
	my $r = $p->get('web', '/', 'X-At: REQUEST', 'X-Do: balance');
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	is($r->body, 'live 1', "$what: each request was reset once");
}

subtest 'wait and resume' => sub {
	my $p = proxy();
	for my $at (qw(REQUEST ROUTE PICK SEND RESPONSE)) {
		for my $do (qw(wait now)) {
			my $c = $p->client('web');
			$c->send(ask($at, $do));
			my $s = $l->accept;
			ok(serve($s), "$at, $do: it goes on");
			my $r = $c->read_response;
			is($r->status, 200, 'and is answered');
			is($r->header('X-Calls') // '2', '2', 'the hook ran twice');
			$c->close;
			$s->close;
		}
	}
	balance_is($p, 'waits');
	stop_proxy($p);
};

subtest 'other events do not wake a hook' => sub {
	my $p = proxy();
	my $c = $p->client('web');
	$c->send(ask('REQUEST', 'wait'));
	ok($c->is_quiet(0.02), 'it waits');
	$c->send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
	my $s = $l->accept;
	is(serve($s)->header('X-Calls'), 2, 'pipelined bytes do not count');
	is($c->read_response->status, 200, 'the first');
	is(serve($s)->uri, '/next', 'the next');
	is($c->read_response->status, 200, 'is answered, too');
	stop_proxy($p);
};

subtest 'late' => sub {
	my $p = proxy();
	for my $at (qw(REQUEST ROUTE PICK SEND RESPONSE)) {
		my $c = $p->client('web');
		$c->send(ask($at, 'late'));
		my $s;
		if ($at =~ /SEND|RESPONSE/) {
			$s = $l->accept;
			serve($s) if $at eq 'RESPONSE';
		}
		my $r = $c->read_response(secs => 2);
		is($r->status, 503, "$at: 503 after the deadline");
		ok($c->is_closed, 'closed');
	}
	balance_is($p, 'deadlines');
	stop_proxy($p);
};

subtest 'answers' => sub {
	my $p = proxy();
	for my $at (qw(REQUEST ROUTE PICK RESPONSE CONNECT_FAIL)) {
		my $where = $at eq 'CONNECT_FAIL' ? 'dead' : 'web';
		my $c = $p->client($where);
		for my $n (1, 2) {
			$c->send(ask($at, 'reply'));
			if ($at eq 'RESPONSE') {
				my $s = $l->accept;
				serve($s);
			}
			my $r = $c->read_response(secs => 3);
			is($r->status, 299, "$at: the module answers");
			is($r->body, 'hello', 'its body');
		}
	}
	my $c = $p->client('web');
	my $r = $c->request(ask('REQUEST', 'empty'));
	is($r->status, 204, 'a 204');
	is($c->request(ask('REQUEST', 'reply'))->status, 299, 'has no body');
	balance_is($p, 'answers');
	stop_proxy($p);
};

subtest 'failing' => sub {
	my $p = proxy();
	for my $at (qw(REQUEST ROUTE PICK SEND RESPONSE CONNECT_FAIL)) {
		my $c = $p->client($at eq 'CONNECT_FAIL' ? 'dead' : 'web');
		$c->send(ask($at, 'fail'));
		my $s = $at =~ /SEND|RESPONSE/ ? $l->accept : undef;
		serve($s) if $at eq 'RESPONSE';
		is($c->read_response->status, 403, "$at: 403");
	}
	balance_is($p, 'failures');
	my $c = $p->client('web');
	$c->send(ask('REQUEST', 'done'));
	serve($l->accept);
	is($c->read_response->status, 200, 'DONE without an answer goes on');
	stop_proxy($p);
};

subtest 'restarts' => sub {
	my $p = proxy();
	my $c = $p->client('web');
	$c->send(ask('PICK', 'again'));
	is($c->read_response(secs => 3)->status, 500, 'PICK: bounded');
	is($p->request('dead', ask('CONNECT_FAIL', 'again'))->status, 500,
	    'CONNECT_FAIL: bounded');
	$c = $p->client('web');
	$c->send(ask('RESPONSE', 'once'));
	my $s = $l->accept;
	serve($s, response(200, 'first'));
	$s = $l->accept;
	ok($s && serve($s, response(200, 'second')), 'RESPONSE: the request comes again');
	my $r = $c->read_response;
	is($r->body, 'second', 'the second answer passes');
	$c = $p->client('web');
	$c->send(ask('RESPONSE', 'once', body => 'data'));
	$s = $l->accept;
	serve($s, response(200, 'first'));
	is($c->read_response(secs => 3)->status, 500, 'not with a body that is gone');
	balance_is($p, 'restarts');
	stop_proxy($p);
};

subtest 'bodies' => sub {
	my $p = proxy('', 'timeout client 400ms');
	my $c = $p->client('web');
	$c->send(ask('REQUEST', 'body', body => 'hello world'));
	my $s = $l->accept;
	my $m = serve($s);
	is($m->{raw_body}, 'hello world', 'gathered, then forwarded');
	is($c->read_response->header('X-Body'), undef, 'answered');

	my $big = join '', map { sprintf '%07d ', $_ } 1 .. 40_000;
	for my $n (10, 1000, 100_000, 320_000) {
		my $part = substr $big, 0, $n;
		$c = $p->client('web');
		$c->send(ask('REQUEST', 'body', body => $part));
		$s = $l->accept;
		$m = serve($s);
		is(length $m->{raw_body}, $n, "$n bytes, more than the hook takes");
		ok($m->{raw_body} eq $part, 'are the same bytes');
		is($c->read_response->status, 200, 'answered');
		$c->close;
	}
	$c = $p->client('web');
	my $chunks = join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
	    unpack '(a1000)*', $big) . "0\r\n\r\n";
	$c->send(ask('REQUEST', 'body', body => $chunks,
	    fields => "Transfer-Encoding: chunked\r\n"));
	$s = $l->accept;
	$m = serve($s);
	ok($m->{body} eq $big, 'chunked, too');
	is($c->read_response->status, 200, 'answered');

	$c = $p->client('web');
	$c->send(ask('REQUEST', 'body', method => 'POST',
	    fields => "Content-Length: 5\r\nExpect: 100-continue\r\n"));
	is($c->read_head->status, 100, 'a hook that wants the body says so');
	$c->send('hello');
	$s = $l->accept;
	is(serve($s)->{raw_body}, 'hello', 'and gets it');
	is($c->read_response->status, 200, 'answered');

	$c = $p->client('web');
	$c->send(ask('REQUEST', 'body', method => 'POST',
	    fields => "Content-Length: 5\r\n") . 'he');
	is($c->read_response(secs => 3)->status, 408, 'a body that does not come');

	my $start = "POST / HTTP/1.1\r\nHost: a\r\nX-At: REQUEST\r\nX-Do: body\r\n"
	    . "Content-Length: 8\r\nX: ";
	$c = $p->client('web');
	$c->send($start . 'x' x (16384 - 4 - length $start) . "\r\n\r\n");
	ok($c->is_quiet(0.05), 'a head that fills the buffer');
	$c->send('12345678');
	$s = $l->accept;
	is(serve($s)->{raw_body}, '12345678', 'leaves room for a body');
	is($c->read_response->status, 200, 'answered');
	balance_is($p, 'bodies');
	stop_proxy($p);
};

subtest 'long answers' => sub {
	my $p = proxy();
	my $c = $p->client('web');
	for my $n (1, 2) {
		$c->send(ask('REQUEST', 'produce'));
		$c->is_quiet(0.05); # not read for a moment
		my $r = $c->read_response;
		is(length $r->body, 20_000_000, 'all of it');
		is($r->header('Transfer-Encoding'), 'chunked', 'chunked');
	}
	my $r = $c->request(ask('REQUEST', 'produce', method => 'HEAD'));
	is($r->status, 200, 'HEAD');
	is($c->request(ask('REQUEST', 'reply'))->status, 299, 'is followed by no body');
	$c = $p->client('web');
	$r = $c->request(ask('REQUEST', 'produce', version => '1.0',
	    fields => "Connection: keep-alive\r\n"));
	is($r->{ended_by}, 'close', 'HTTP/1.0: until the end');
	is(length $r->body, 20_000_000, 'all of it');
	$c = $p->client('web');
	$c->send(ask('REQUEST', 'produce'));
	$c->read_bytes(100);
	$c->reset;
	balance_is($p, 'long answers');
	stop_proxy($p);
};

subtest 'filters' => sub {
	my $p = proxy();
	my $c = $p->client('web');
	my $body = join '', map { "line $_\n" } 1 .. 30_000;
	my $want = uc $body;

	for my $how (['a length', ''], ['chunks', 'chunked'], ['the end', 'close']) {
		my ($name, $te) = @$how;
		$c = $p->client('web');
		$c->send(ask('RESPONSE', 'upper'));
		my $s = $l->accept;
		$s->read_message;
		my $pid = fork // die;
		if ($pid == 0) {
			$s->send($te eq 'chunked'
			    ? "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
				. join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ }
				    unpack '(a777)*', $body) . "0\r\nT: 1\r\n\r\n"
			    : $te eq 'close' ? "HTTP/1.1 200 X\r\n\r\n$body"
			    : response(200, $body), 20);
			POSIX::_exit(0);
		}
		$s->close;
		my $r = $c->read_response;
		waitpid $pid, 0;
		is($r->body, "$want<end>", "by $name: changed, and something added");
		is($r->header('Content-Length'), undef, 'no length');
	}

	$c = $p->client('web');
	$c->send(ask('REQUEST', 'upper', body => $body));
	my $s = $l->accept;
	my $m = serve($s);
	is($m->{body}, "$want<end>", 'a request, too');
	is($c->read_response->status, 200, 'answered');
	$c->send(ask('REQUEST', 'upper body', body => 'small'));
	is(serve($s)->{body}, 'SMALL<end>', 'gathered and filtered');
	is($c->read_response->status, 200, 'answered');

	$c = $p->client('web');
	$c->send(ask('RESPONSE', 'upper', method => 'HEAD'));
	$s = $l->accept;
	$s->read_message;
	$s->send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
	is($c->read_response(method => 'HEAD')->status, 200, 'HEAD');
	$c->send(ask('RESPONSE', 'upper'));
	ok($s->read_message, 'the connection is of use');
	$s->send("HTTP/1.1 204 No\r\n\r\n");
	is($c->read_response->status, 204, 'status 204');
	$c->send(ask('RESPONSE', 'drop'));
	serve($s, response(200, $body));
	my $r = $c->read_response;
	is($r->body, '', 'all of it dropped');
	ok($r->{complete}, 'is a whole message');
	$c->send(ask('RESPONSE', 'break'));
	serve($s, response(200, $body));
	$r = $c->read_response(secs => 2);
	ok(!$r->{complete}, 'a filter that gives up: no whole message');
	isnt($c->state, 'open', 'closed');

	$c = $p->client('web');
	$c->send(ask('REQUEST', 'break', body => $body));
	is($c->read_response(secs => 2)->status, 400, 'a request that is given up');
	$l->accept->close;
	balance_is($p, 'filters');
	stop_proxy($p);
};

subtest 'connections' => sub {
	my $p = proxy("listen deny\n    bind {BIND:deny}\n    server s ${\ $l->addr}
listen forbid\n    bind {BIND:forbid}\n    server s ${\ $l->addr}
listen slowly\n    bind {BIND:slowly}\n    server s ${\ $l->addr}
listen denytcp\n    mode tcp\n    bind {BIND:denytcp}\n    server s ${\ $l->addr}
");
	for my $n (1 .. 3) {
		my $c = $p->client('deny');
		ok($c->is_closed, 'denied without a word');
		$c = $p->client('denytcp');
		ok($c->is_closed, 'mode tcp');
		is($p->client('forbid')->read_response->status, 403, 'with one');
		$c = $p->client('slowly');
		$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		my $s = $l->accept;
		ok(serve($s), 'let in after a while');
		is($c->read_response->status, 200, 'answered');
		$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
		ok(serve($s), 'once for each connection');
		is($c->read_response->status, 200, 'answered');
	}
	balance_is($p, 'connections');
	stop_proxy($p);
};

done_testing();

__DATA__
#include <ctype.h>
#include <string.h>
#include <tideway/filter.h>
#include <tideway/proxy.h>
#include <tideway/req.h>
#include <tideway/worker.h>

#define BODY_MAX 5000

struct state {
	struct tw_timer timer; /* first */
	struct tw_req *req;
	int calls, left;
	bool seen, resumed, restarted, filtered;
};

static int live; /* requests seen and not yet reset; one worker */

static const struct tw_origin origin = { .who = "probe" };

static bool
is(struct tw_req *req, const char *name, const char *value)
{
	const struct tw_hdr *h = tw_msg_find(tw_req_request(req), tw_str_of(name), NULL);

	return h != NULL && memmem(h->value, h->value_len, value, strlen(value)) != NULL;
}

static void
on_timer(struct tw_timer *t)
{
	struct state *st = (struct state *)t;

	st->resumed = true;
	tw_resume(st->req);
}

static enum tw_verdict
wait_for(struct tw_req *req, struct state *st, const char *ms)
{
	static const char *const digits[] = { "?", "1", "2", "3", "4", "5" };

	st->calls++;
	if (st->resumed || st->calls > 1) {
		tw_msg_add(tw_req_request(req), TW_STR("X-Calls"),
		    tw_str_of(digits[st->calls < 5 ? st->calls : 5]));
		return TW_NEXT;
	}
	st->req = req;
	st->timer.fn = on_timer;
	tw_req_deadline(req, 3000);
	if (ms == NULL) {
		st->resumed = true;
		tw_resume(req);
	} else {
		tw_timer_set(&st->timer, tw_now_ms() + 50);
	}
	return TW_WAIT;
}

static enum tw_io
produce(struct tw_req *req, struct tw_out *out, void *arg)
{
	struct state *st = arg;

	while (out->end - out->p >= 100 && st->left > 0) {
		memset(out->p, 'x', 100);
		out->p += 100;
		st->left -= 100;
	}
	return st->left > 0 ? TW_IO_OK : TW_IO_END;
}

static enum tw_verdict
reply(struct tw_req *req, int status, const char *body)
{
	const struct tw_reply r = { .status = status, .body = tw_str_of(body) };

	return tw_req_reply(req, &r, &origin);
}

static enum tw_verdict
reply_long(struct tw_req *req, struct state *st)
{
	const struct tw_reply r = { .status = 200, .produce = produce, .arg = st };

	st->left = 20000000;
	return tw_req_reply(req, &r, &origin);
}

struct filter {
	char *copy;
	size_t seen;
	bool drop, give_up;
};

static int
filter_begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	struct filter *f = state;

	f->drop = is(req, "x-do", "drop");
	f->give_up = is(req, "x-do", "break");
	return 0;
}

static enum tw_io
filter_data(struct tw_req *req, void *state, struct tw_str data, struct tw_str *out)
{
	struct filter *f = state;
	char *p = tw_arena_try(tw_req_arena(req), data.len + 1);

	f->seen += data.len;
	if (p == NULL || (f->give_up && f->seen > 100))
		return TW_IO_ERR;
	for (size_t i = 0; i < data.len; i++)
		p[i] = (char)toupper((unsigned char)data.p[i]);
	*out = f->drop ? (struct tw_str){ NULL, 0 } : (struct tw_str){ p, data.len };
	return TW_IO_OK;
}

static enum tw_io
filter_end(struct tw_req *req, void *state, struct tw_str *out)
{
	const struct filter *f = state;

	*out = f->drop ? (struct tw_str){ NULL, 0 } : TW_STR("<end>");
	return TW_IO_OK;
}

static const struct tw_filter upper = { .name = "upper",
	.state_size = sizeof(struct filter), .begin = filter_begin,
	.data = filter_data, .end = filter_end };

static void
filter(struct tw_req *req, struct state *st, bool response)
{
	if (!st->filtered)
		tw_req_filter(req, &upper, response);
	st->filtered = true;
}

/* The first look takes little, a second one more than that. */
static enum tw_verdict
body(struct tw_req *req)
{
	struct tw_str b;

	switch (tw_req_body(req, 100, &b)) {
	case TW_IO_AGAIN:
		return TW_WAIT;
	case TW_IO_ERR:
		break;
	default:
		return TW_NEXT;
	}
	return tw_req_body(req, BODY_MAX, &b) == TW_IO_AGAIN ? TW_WAIT : TW_NEXT;
}

static enum tw_verdict
report(struct tw_req *req)
{
	static char text[32];

	snprintf(text, sizeof(text), "live %d", live);
	return reply(req, 200, text);
}

static enum tw_verdict
act(struct tw_req *req, struct state *st, const char *at)
{
	if (!st->seen)
		live++;
	st->seen = true;
	if (!is(req, "x-at", at))
		return TW_NEXT;
	if (is(req, "x-do", "upper") || is(req, "x-do", "drop") || is(req, "x-do", "break"))
		filter(req, st, strcmp(at, "RESPONSE") == 0);
	if (is(req, "x-do", "body"))
		return body(req);
	if (is(req, "x-do", "wait"))
		return wait_for(req, st, "50");
	if (is(req, "x-do", "now"))
		return wait_for(req, st, NULL);
	if (is(req, "x-do", "late")) {
		if (st->calls++ == 0)
			tw_req_deadline(req, 100);
		return TW_WAIT;
	}
	if (is(req, "x-do", "balance"))
		return report(req);
	if (is(req, "x-do", "reply"))
		return reply(req, 299, "hello");
	if (is(req, "x-do", "empty"))
		return reply(req, 204, "no body");
	if (is(req, "x-do", "produce"))
		return reply_long(req, st);
	if (is(req, "x-do", "fail"))
		return tw_req_fail(req, 403, "probe", &origin);
	if (is(req, "x-do", "done"))
		return TW_DONE;
	if (is(req, "x-do", "again"))
		return TW_RESTART;
	if (is(req, "x-do", "once") && !st->restarted) {
		st->restarted = true;
		return TW_RESTART;
	}
	return TW_NEXT;
}

#define POINT(name)                                                           \
	static enum tw_verdict on_##name(struct tw_req *req, void *state)     \
	{                                                                     \
		return act(req, state, #name);                                \
	}
POINT(ROUTE)
POINT(PICK)
POINT(CONNECT_FAIL)
POINT(SEND)
POINT(RESPONSE)

/* On the frontend's chain alone. */
static enum tw_verdict
on_REQUEST(struct tw_req *req, void *state)
{
	if (tw_req_proxy(req) != tw_req_frontend(req))
		return TW_NEXT;
	return act(req, state, "REQUEST");
}

static enum tw_verdict
on_CONN(struct tw_req *req, void *state)
{
	const char *name = tw_proxy_name(tw_req_proxy(req));
	struct state *st = state;

	if (!st->seen)
		live++;
	st->seen = true;
	if (strncmp(name, "deny", 4) == 0)
		return tw_req_fail(req, 0, "probe", &origin);
	if (strcmp(name, "forbid") == 0)
		return tw_req_fail(req, 403, "probe", &origin);
	if (strcmp(name, "slowly") == 0 && st->calls++ == 0) {
		st->req = req;
		st->timer.fn = on_timer;
		tw_req_deadline(req, 3000);
		tw_timer_set(&st->timer, tw_now_ms() + 50);
		return TW_WAIT;
	}
	return TW_NEXT;
}

static enum tw_verdict
on_RESET(struct tw_req *req, void *state)
{
	struct state *st = state;

	tw_timer_del(&st->timer);
	if (st->seen)
		live--;
	st->seen = false;
	return TW_NEXT;
}

static const struct tw_hook hooks[] = {
	{ TW_ON_CONN, on_CONN, "probe_conn", NULL },
	{ TW_ON_REQUEST, on_REQUEST, "probe_request", NULL },
	{ TW_ON_ROUTE, on_ROUTE, "probe_route", NULL },
	{ TW_ON_PICK, on_PICK, "probe_pick", NULL },
	{ TW_ON_CONNECT_FAIL, on_CONNECT_FAIL, "probe_connect_fail", NULL },
	{ TW_ON_SEND, on_SEND, "probe_send", NULL },
	{ TW_ON_RESPONSE, on_RESPONSE, "probe_response", NULL },
	{ TW_ON_RESET, on_RESET, "probe_reset", NULL },
	{ .fn = NULL },
};
