# SPDX-License-Identifier: Apache-2.0
# Copyright the tideway authors
#
# Filters that a hook attaches to one request or response: they take their time
# over each piece (TW_FILTER_WAIT), replace it, drop it, add something at the end. One
# small module, compiled here; X-Do of a request says what it does, X-At where.
use Tideway::Test;
use Tideway::Module;
use Time::HiRes qw(time);

plan(skip_all => 'HAProxy has no modules') unless is_tideway();
plan(skip_all => 'TIDEWAY_MODULE_PATH does not say where modules are')
    unless $ENV{TIDEWAY_MODULE_PATH};
plan(skip_all => 'no compiler or no headers') unless can_compile();

my $code = do { local $/; <DATA> };
my $dir = module_dir();
compile_module($dir, 'probe', module_source('probe',
    '.hooks = hooks, .services = services', $code), '-Wall');
my $scale = $ENV{TW_TIME_SCALE} || 1;
my $zlib = run_cmd('-vv')->{out} =~ /gzip, deflate/;
my $big = join '', map { "line $_\n" } 1 .. 20_000;
my $o = origin(name => 's', respond => sub {
	my ($req, $c, $o) = @_;
	my $body = $req->uri =~ /big/ ? $big : $req->uri =~ /empty/ ? '' : 'answer';

	return "HTTP/1.1 200 OK\r\nX-Seen: " . length($req->{body} // '') . "\r\nTransfer-Encoding: chunked\r\n\r\n"
	    . join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } unpack '(a3001)*', $body)
	    . "0\r\n\r\n" if $req->uri =~ /chunked/;
	return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n$body" if $req->uri =~ /until_close/;
	return response(200, ($req->{body} // '') . '|' . ($req->header('Transfer-Encoding') // '') . '|'
	    . ($req->header('Content-Length') // '')) if $req->uri =~ /mirror/;
	return response(200, $body, 'Content-Type: text/plain');
});

my $p = start_proxy("global\n    nbthread 1\n" . defaults() . "
listen web
    bind {BIND:web}
    server s ${\ $o->addr}
listen hasty
    bind {BIND:hasty}
    timeout client 200ms
    timeout server 200ms
    server s ${\ $o->addr}
" . ($zlib ? "listen comp
    bind {BIND:comp}
    compression algo gzip
    server s ${\ $o->addr}
" : '') . "listen serv
    bind {BIND:serv}
    http-request use-service t.echo
", env => { TIDEWAY_MODULE_PATH => $dir });

sub ask
{
	my ($at, $do, $uri, $body, $more) = @_;

	return ($body // '') eq 'HEAD' ? "HEAD $uri HTTP/1.1\r\nHost: a\r\nX-At: $at\r\nX-Do: $do\r\n\r\n"
	    : (defined $body ? 'POST' : 'GET') . " $uri HTTP/1.1\r\nHost: a\r\nX-At: $at\r\nX-Do: $do\r\n" . ($more // '')
	    . (defined $body && !$more ? 'Content-Length: ' . length($body) . "\r\n" : '') . "\r\n" . ($body // '');
}

sub all_ended
{
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(wait_until { $p->get('web', '/x', 'X-At: count', 'X-Do: x')->header('X-Live') == 0 }, "$_[0]: no filter is left");
}

for my $do (qw(timer now twice)) {
	my $c = $p->client('web');
	for my $uri ('/short', '/chunked', '/until_close') {
		$c = $p->client('web') if $c->state ne 'open';
		$c->send(ask('RESPONSE', $do, $uri));
		my $r = $c->read_response;
		is($r->body, 'ANSWER<end>', "$do, response, $uri: changed, something added");
		is($r->header('content-length'), undef, 'of another length');
	}
	$c = $p->client('web');
	$c->send(ask('RESPONSE', $do, '/big'));
	ok($c->read_response(secs => 20 * $scale)->body eq uc($big) . '<end>', "$do: a long one");
	$c->send(ask('REQUEST', $do, '/mirror', 'question'));
	is($c->read_response->body, 'QUESTION<end>|chunked|', "$do, request: changed, in chunks");
	$c->send(ask('REQUEST', $do, '/mirror', "3\r\nque\r\n5\r\nstion\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n"));
	is($c->read_response->body, 'QUESTION<end>|chunked|', "$do, request in chunks");
	$c->send(ask('REQUEST', $do, '/mirror', $big));
	ok($c->read_response(secs => 20 * $scale)->body eq uc($big) . '<end>|chunked|', "$do: a long one");
	all_ended($do);
}

my $c = $p->client('web');
$c->send(ask('RESPONSE', 'timer drop', '/big'));
is($c->read_response(secs => 10 * $scale)->body, '<end>', 'all dropped, something instead');
$c->send(ask('RESPONSE', 'timer', '/empty'));
is($c->read_response->body, '<end>', 'an empty body gets one');
$c->send(ask('RESPONSE', 'timer', '/short', 'HEAD'));
is($c->read_response(method => 'HEAD')->body, '', 'HEAD has none');
$c->send(ask('REQUEST', 'timer', '/mirror'));
is($c->read_response->body, '||', 'nor a GET without one');
$c->send(ask('BOTH', 'timer', '/mirror', 'x'));
is($c->read_response->body, 'X<END>|CHUNKED|<end>', 'both ways');
$c->send(ask('RESPONSE', 'timer more', '/short'));
is($c->read_response->body, 'ANSWERanswer<end>', 'more than one piece for one');
$c->send(ask('REQUEST', 'timer', '/mirror', ''));
is($c->read_response->body, '<end>|chunked|', 'but one with Content-Length: 0');
all_ended('pieces');

# time: a filter that takes longer than either peer may
$c = $p->client('hasty');
$c->send(ask('RESPONSE', 'long', '/short'));
is($c->read_response->body, 'ANSWER<end>', 'timeouts do not run meanwhile');
$c->send(ask('REQUEST', 'long', '/mirror', 'x'));
like($c->read_response->body, qr/^X<end>/, 'nor for a request');

# the ends
$c = $p->client('web');
$c->send(ask('RESPONSE', 'ever', '/short'));
$c->read_until(qr/\r\n\r\n/);
$c->reset;
all_ended('the client leaves while it waits');
$c = $p->client('web');
$c->send(ask('RESPONSE', 'timer fail', '/short'));
my $r = $c->read_response;
ok(!$r->{complete}, 'a filter that gives up after it waited');
isnt($c->state, 'open', 'ends it');
$c = $p->client('web');
$c->send(ask('REQUEST', 'now fail', '/mirror', 'x'));
is($c->read_response->status, 400, 'before the request has left: 400');
all_ended('failures');

if ($zlib) {
	require Compress::Raw::Zlib;
	$c = $p->client('comp');
	$c->send(ask('RESPONSE', 'timer', '/big', undef, "Accept-Encoding: gzip\r\n"));
	my $r = $c->read_response(secs => 20 * $scale);
	my ($z) = Compress::Raw::Zlib::Inflate->new(-WindowBits => 31);
	my ($in, $out) = ($r->body, '');
	$z->inflate($in, $out);
	is($r->header('content-encoding'), 'gzip', 'compressed');
	ok($out eq uc($big) . '<end>', 'in a row with another filter');
}
$c = $p->client('serv');
$c->send(ask('BOTH', 'timer', '/', 'ab'));
is($c->read_response->body, 'AB<END><end>', 'a service, both ways');
$c->send(ask('BOTH', 'twice', '/', $big));
ok($c->read_response(secs => 30 * $scale)->body eq uc($big) . '<END><end>', 'a long one');
all_ended('services');
stop_proxy($p);
done_testing();

__DATA__
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <tideway/filter.h>
#include <tideway/service.h>
#include <tideway/worker.h>

struct filter {
	struct tw_timer timer; /* first */
	struct tw_req *req;
	struct tw_str copy; /* is being worked on; p NULL: nothing */
	int calls;
	bool ready, ending, again;
};

static int live;

static bool
is(struct tw_req *req, const char *name, const char *value)
{
	const struct tw_hdr *h = tw_msg_find(tw_req_request(req), tw_str_of(name), NULL);

	return h != NULL && memmem(h->value, h->value_len, value, strlen(value)) != NULL;
}

static void
on_timer(struct tw_timer *t)
{
	struct filter *f = (struct filter *)t;

	f->ready = true;
	tw_filter_resume(f->req);
}

static int
begin(struct tw_req *req, struct tw_msg *msg, void *state)
{
	struct filter *f = state;

	(void)msg;
	f->req = req;
	f->timer.fn = on_timer;
	live++;
	return 0;
}

static void
fini(struct tw_req *req, void *state)
{
	struct filter *f = state;

	(void)req;
	tw_timer_del(&f->timer);
	live--;
}

/* The work on something begins. */
static enum tw_io
work(struct filter *f)
{
	f->ready = false;
	f->calls = 0;
	if (is(f->req, "x-do", "ever"))
		return TW_FILTER_WAIT;
	if (is(f->req, "x-do", "now")) {
		f->ready = true;
		tw_filter_resume(f->req); /* while it runs */
	} else {
		tw_timer_set(&f->timer,
		    tw_now_ms() + (is(f->req, "x-do", "long") ? 700 : 3));
	}
	return TW_FILTER_WAIT;
}

static bool
goes_on(struct filter *f)
{
	if (!f->ready)
		return false;
	if (is(f->req, "x-do", "twice") && f->calls++ == 0) {
		f->ready = false;
		tw_timer_set(&f->timer, tw_now_ms() + 1);
		return false;
	}
	return true;
}

static enum tw_io
data(struct tw_req *req, void *state, struct tw_str in, struct tw_str *out)
{
	struct filter *f = state;

	if (f->again) {
		f->again = false;
		*out = f->copy;
		for (size_t i = 0; i < out->len; i++)
			((char *)(uintptr_t)out->p)[i] =
			    (char)tolower((unsigned char)out->p[i]);
		f->copy.p = NULL;
		return TW_IO_OK;
	}
	if (f->copy.p == NULL) {
		f->copy = tw_req_copy(req, in);
		return work(f);
	}
	if (!goes_on(f))
		return TW_FILTER_WAIT;
	if (is(req, "x-do", "fail"))
		return TW_IO_ERR;
	*out = f->copy;
	for (size_t i = 0; i < out->len; i++)
		((char *)(uintptr_t)out->p)[i] = (char)toupper((unsigned char)out->p[i]);
	if (is(req, "x-do", "drop"))
		out->len = 0;
	if (is(req, "x-do", "more")) {
		f->again = true;
		return TW_IO_AGAIN;
	}
	f->copy.p = NULL;
	return TW_IO_OK;
}

static enum tw_io
end(struct tw_req *req, void *state, struct tw_str *out)
{
	struct filter *f = state;

	(void)req;
	if (!f->ending) {
		f->ending = true;
		return work(f);
	}
	if (!goes_on(f))
		return TW_FILTER_WAIT;
	*out = TW_STR("<end>");
	return TW_IO_OK;
}

static const struct tw_filter slow = { .name = "slow",
	.state_size = sizeof(struct filter), .begin = begin, .data = data, .end = end,
	.fini = fini, .flags = TW_FILTER_ADDS };

static enum tw_verdict
on_request(struct tw_req *req, void *state)
{
	(void)state;
	if (is(req, "x-at", "REQUEST") || is(req, "x-at", "BOTH"))
		tw_req_filter(req, &slow, false);
	return TW_NEXT;
}

static enum tw_verdict
on_response(struct tw_req *req, void *state)
{
	(void)state;
	if (is(req, "x-at", "RESPONSE") || is(req, "x-at", "BOTH"))
		tw_req_filter(req, &slow, true);
	if (is(req, "x-at", "count"))
		tw_msg_add(tw_req_response(req), TW_STR("X-Live"),
		    live == 0 ? TW_STR("0") : TW_STR("1"));
	return TW_NEXT;
}

static enum tw_serve
echo(struct tw_req *req, void *p)
{
	bool *started = p;
	struct tw_str in;
	enum tw_io io;

	if (!*started)
		tw_service_start(req, &(struct tw_service_head){ .status = 200, .length = -1 });
	*started = true;
	while ((io = tw_service_read(req, &in)) == TW_IO_OK) {
		const size_t n = tw_service_write(req, in);
		tw_service_take(req, n);
		if (n < in.len)
			return TW_SERVE_WAIT;
	}
	return io == TW_IO_AGAIN ? TW_SERVE_WAIT : TW_SERVE_END;
}

static const struct tw_service services[] = {
	{ .name = "t.echo", .serve = echo, .state_size = sizeof(bool), .help = "A test." },
	{ .name = NULL },
};

static const struct tw_hook hooks[] = {
	{ TW_ON_REQUEST, on_request, "probe_request", NULL },
	{ TW_ON_RESPONSE, on_response, "probe_response", NULL },
	{ .fn = NULL },
};
