/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * sock.c - core.tcp() and the class Socket.
 *
 * A Socket is a table, as in HAProxy, so that scripts can put functions of their
 * own in front of the methods; [0] is the userdata. What it stands for belongs
 * half to Lua and half to the worker that has connected it: who is left last
 * frees it, so that one that is collected on another thread is closed on its own.
 * Reading happens only while a script waits for it: that is the back-pressure.
 * source: HAProxy's Lua manual, Socket class; LuaSocket's manual, TCP.
 */
#include "net.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/un.h>

#define CLASS "Socket"
#define HANDLE "Socket (its handle)"
#define CONNECT_MS 5000
#define NO_LIMIT 0u
enum want { WANT_NONE, WANT_LINE, WANT_ALL, WANT_COUNT, WANT_SENT };

struct lu_sock {
	_Atomic int refs; /* shared: Lua's, the worker's while open, messages' */
	struct tw_worker *worker;     /* NULL: it was never connected */
	struct lu_sock *next, **prev; /* the worker's */
	struct lu_dial dial;
	struct bufferevent *bev; /* owns */
	struct lu_call *waiter;
	enum want want;
	size_t count;    /* WANT_COUNT */
	size_t scanned;  /* WANT_LINE: no end of line before it */
	size_t first, n; /* WANT_SENT: the range */
	size_t unsent;   /* when the timer was set */
	bool end, timed_out, timeout_said, closed;
	uint32_t timeout_ms; /* NO_LIMIT: none */
};

static void
unref(struct lu_sock *s)
{
	if (atomic_fetch_sub(&s->refs, 1) == 1)
		free(s);
}

/* ---- the worker's half ---- */

static void
wake(struct lu_sock *s)
{
	struct lu_call *const c = s->waiter;

	s->waiter = NULL;
	if (c != NULL)
		lu_wake(c);
}

/* context: its worker. */
static void
shut(struct lu_sock *s)
{
	if (s->prev == NULL)
		return;
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	s->prev = NULL;
	lu_dial_stop(&s->dial);
	lu_bev_free(&s->bev);
	s->end = true;
	unref(s);
}

/* Who waits for it keeps it alive. */
static void
shut_posted(void *arg)
{
	struct lu_sock *const s = arg;
	struct lu_call *const c = s->waiter;

	s->waiter = NULL;
	shut(s);
	if (c != NULL)
		lu_wake(c);
	unref(s);
}

/* context: any; the state is entered. */
static void
shut_from(struct lu_sock *s)
{
	if (atomic_load(&s->refs) < 2)
		return;
	atomic_fetch_add(&s->refs, 1);
	if (s->worker == tw_worker_self() && s->waiter == NULL)
		shut_posted(s);
	else
		tw_worker_post(s->worker, shut_posted, s);
}

void
lu_socks_fini(struct lu_net *net)
{
	while (net->socks != NULL)
		shut(net->socks);
}

static void
adopt(struct lu_sock *s)
{
	struct lu_net *const net = lu_net_here();

	s->worker = tw_worker_self();
	atomic_fetch_add(&s->refs, 1);
	s->next = net->socks;
	s->prev = &net->socks;
	if (s->next != NULL)
		s->next->prev = &s->next;
	net->socks = s;
}

static bool
has_line(struct lu_sock *s, struct evbuffer *in)
{
	struct evbuffer_ptr from;
	const size_t len = evbuffer_get_length(in);

	if (evbuffer_ptr_set(in, &from, s->scanned, EVBUFFER_PTR_SET) == 0 &&
	    evbuffer_search_eol(in, &from, NULL, EVBUFFER_EOL_LF).pos >= 0)
		return true;
	s->scanned = len;
	return false;
}

/* What the script waits for is there, or will never come. */
static bool
is_ready(struct lu_sock *s)
{
	struct evbuffer *in;

	if (s->end || s->timed_out || s->bev == NULL)
		return true;
	in = bufferevent_get_input(s->bev);
	switch (s->want) {
	case WANT_LINE:
		return has_line(s, in);
	case WANT_COUNT:
		return evbuffer_get_length(in) >= s->count;
	case WANT_SENT:
		return evbuffer_get_length(bufferevent_get_output(s->bev)) == 0;
	default:
		return false;
	}
}

static void
arm(struct lu_sock *s)
{
	if (s->timeout_ms == NO_LIMIT || s->waiter == NULL)
		return;
	s->unsent = evbuffer_get_length(bufferevent_get_output(s->bev));
	tw_timer_set(&s->waiter->timer, tw_now_ms() + s->timeout_ms);
}

static void
settle(struct lu_sock *s)
{
	if (s->waiter == NULL)
		return;
	if (!is_ready(s)) {
		arm(s);
		return;
	}
	if (s->bev != NULL && s->want != WANT_SENT)
		bufferevent_disable(s->bev, EV_READ);
	wake(s);
}

static void
on_move(struct bufferevent *bev, void *arg)
{
	(void)bev;
	settle(arg);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct lu_sock *const s = arg;

	(void)bev;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		s->end = true;
	settle(s);
}

static void
on_timer(struct tw_timer *t)
{
	struct lu_call *const c =
	    (struct lu_call *)(void *)((char *)t - offsetof(struct lu_call, timer));
	struct lu_sock *const s = c->waited;

	if (s->want == WANT_SENT && s->bev != NULL &&
	    evbuffer_get_length(bufferevent_get_output(s->bev)) < s->unsent) {
		arm(s);
		return;
	}
	s->timed_out = true;
	settle(s);
}

static void
dialled(struct lu_dial *d)
{
	struct lu_sock *const s =
	    (struct lu_sock *)(void *)((char *)d - offsetof(struct lu_sock, dial));

	s->bev = d->bev;
	d->bev = NULL;
	if (s->bev != NULL)
		bufferevent_setcb(s->bev, on_move, on_move, on_event, s);
	wake(s);
}

/* ---- waiting ---- */

/* The call has ended: nobody waits any more. */
static void
forget(struct lu_call *c)
{
	struct lu_sock *const s = c->waited;

	s->waiter = NULL;
	if (s->worker != tw_worker_self())
		return;
	if (s->dial.busy)
		shut(s);
	else if (s->bev != NULL)
		bufferevent_disable(s->bev, EV_READ);
}

static int
wait_for(lua_State *L, struct lu_sock *s, lua_KFunction k, bool timed)
{
	struct lu_call *const c = lu_call_of(L);

	s->waiter = c;
	c->waited = s;
	c->cancel = forget;
	c->timer.fn = on_timer;
	if (timed)
		arm(s);
	return lu_yield(L, 0, k);
}

static struct lu_sock *
check(lua_State *L)
{
	struct lu_sock **box = NULL;

	if (lua_istable(L, 1)) {
		lua_rawgeti(L, 1, 0);
		box = luaL_testudata(L, -1, HANDLE);
		lua_pop(L, 1);
	}
	if (box == NULL || *box == NULL)
		luaL_argerror(L, 1,
		    lua_pushfstring(L,
			"a Socket is expected (socket:method()), not a %s",
			luaL_typename(L, 1)));
	return *box;
}

/* For what waits: here, now, nobody else. */
static struct lu_sock *
check_here(lua_State *L, const char *function)
{
	struct lu_sock *const s = check(L);

	lu_check_yield(L, function);
	if (s->worker != NULL && s->worker != tw_worker_self())
		luaL_error(L, "%s: this socket belongs to another thread", function);
	if (s->waiter != NULL)
		luaL_error(L, "%s: another function waits for this socket", function);
	s->timed_out = false;
	return s;
}

static int
no(lua_State *L, const char *why)
{
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

/* ---- connect ---- */

static int
connect_k(lua_State *L, int status, lua_KContext ctx)
{
	struct lu_sock *const s = check(L);

	(void)status;
	(void)ctx;
	if (s->bev == NULL) {
		char why[LU_WHY_MAX];
		memcpy(why, s->closed ? "closed" : s->dial.why,
		    s->closed ? sizeof("closed") : sizeof(why));
		shut(s);
		s->end = false;
		return no(L, why);
	}
	lua_pushinteger(L, 1);
	return 1;
}

static int
connect_to(lua_State *L, const char *function, SSL_CTX *tls)
{
	struct lu_sock *const s = check_here(L, function);
	const struct tw_str address = lu_check_str(L, 2);
	const lua_Integer port = luaL_optinteger(L, 3, 0);
	struct lu_call *const c = lu_call_of(L);

	luaL_argcheck(L, lua_isnoneornil(L, 3) || (port > 0 && port < 65536), 3,
	    "a port is 1 to 65535");
	if (s->closed)
		return no(L, "closed");
	if (s->bev != NULL)
		return no(L, "already connected");
	const char *const bad = lu_to_parse(&s->dial.to, address, (uint16_t)port);
	if (bad != NULL)
		return luaL_error(L, "%s: %s: '%s'", function, bad, address.p);
	s->dial.tls = tls;
	s->dial.limit_ms = s->timeout_said ? s->timeout_ms : CONNECT_MS;
	s->dial.servers = tw_gen_nameservers(c->s->gen, "default");
	s->dial.done = dialled;
	adopt(s);
	c->n_open++;
	lu_dial(&s->dial);
	return wait_for(L, s, connect_k, false);
}

static void
sock_push(lua_State *L)
{
	lua_createtable(L, 1, 0);
	struct lu_sock **const box = lua_newuserdata(L, sizeof(struct lu_sock *));
	*box = NULL;
	luaL_setmetatable(L, HANDLE);
	*box = calloc(1, sizeof(**box));
	if (*box == NULL)
		luaL_error(L, "core.tcp: out of memory");
	atomic_init(&(*box)->refs, 1);
	lua_rawseti(L, -2, 0);
	luaL_setmetatable(L, CLASS);
}

static int
dial_k(lua_State *L, int status, lua_KContext ctx)
{
	const int n = connect_k(L, status, ctx);

	if (n == 1)
		lua_pushvalue(L, 1);
	return n;
}

/* in: the stack: what `to` borrows. */
int
lu_sock_dial(lua_State *L, const struct lu_sock_to *to)
{
	sock_push(L);
	lua_insert(L, 1);
	struct lu_sock *const s = check(L);
	struct lu_call *const c = lu_call_of(L);

	const char *const bad = lu_to_parse(&s->dial.to, to->address, to->port);
	if (bad != NULL)
		return luaL_error(L, "%s: %s: '%s'", to->function, bad, to->address.p);
	s->timeout_said = to->limit_ms > 0;
	s->timeout_ms = to->limit_ms;
	s->dial.tls = to->tls;
	s->dial.sni = to->sni;
	s->dial.verify = to->verify;
	s->dial.limit_ms = to->limit_ms > 0 ? to->limit_ms : CONNECT_MS;
	s->dial.servers = tw_gen_nameservers(c->s->gen, "default");
	s->dial.done = dialled;
	adopt(s);
	c->n_open++;
	lu_dial(&s->dial);
	return wait_for(L, s, dial_k, false);
}

/*@ Socket:connect(address: string, port?: integer): integer?, string? */
static int
sock_connect(lua_State *L)
{
	return connect_to(L, "Socket:connect", NULL);
}

/*@ Socket:connect_ssl(address: string, port?: integer): integer?, string? */
static int
sock_connect_ssl(lua_State *L)
{
	SSL_CTX *const ctx = lu_tls_plain();

	if (ctx == NULL)
		return luaL_error(L, "Socket:connect_ssl: TLS cannot be used");
	return connect_to(L, "Socket:connect_ssl", ctx);
}

/* ---- receive ---- */

/* Prefix (argument 3) and n bytes, of which `drop` more are thrown away. */
static void
push_taken(lua_State *L, struct lu_sock *s, size_t n, size_t drop)
{
	struct evbuffer *const in =
	    s->bev != NULL ? bufferevent_get_input(s->bev) : NULL;
	size_t prefix_len;
	const char *const prefix = luaL_optlstring(L, 3, "", &prefix_len);
	luaL_Buffer b;

	char *const p = luaL_buffinitsize(L, &b, prefix_len + n);
	memcpy(p, prefix, prefix_len);
	if (n > 0)
		evbuffer_copyout(in, p + prefix_len, n);
	luaL_pushresultsize(&b, prefix_len + n);
	if (in != NULL)
		evbuffer_drain(in, n + drop);
}

static int
received_line(lua_State *L, struct lu_sock *s, struct evbuffer *in)
{
	size_t eol_len = 0;
	const struct evbuffer_ptr at =
	    evbuffer_search_eol(in, NULL, &eol_len, EVBUFFER_EOL_CRLF);

	if (at.pos < 0)
		return 0;
	push_taken(L, s, (size_t)at.pos, eol_len);
	return 1;
}

static int
receive_k(lua_State *L, int status, lua_KContext ctx)
{
	struct lu_sock *const s = check(L);
	struct evbuffer *const in =
	    s->bev != NULL ? bufferevent_get_input(s->bev) : NULL;
	const size_t have = in != NULL ? evbuffer_get_length(in) : 0;

	(void)status;
	(void)ctx;
	if (s->want == WANT_LINE && have > 0 && received_line(L, s, in) == 1)
		return 1;
	if (s->want == WANT_COUNT && have >= s->count) {
		push_taken(L, s, s->count, 0);
		return 1;
	}
	if (s->want == WANT_ALL && s->end && !s->closed && have > 0) {
		push_taken(L, s, have, 0);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, s->timed_out && !s->end ? "timeout" : "closed");
	push_taken(L, s, have, 0);
	return 3;
}

static void
check_pattern(lua_State *L, struct lu_sock *s)
{
	size_t prefix_len = 0;
	int is_number;
	const lua_Number n = lua_tonumberx(L, 2, &is_number);

	luaL_optlstring(L, 3, "", &prefix_len);
	s->scanned = 0;
	s->want = WANT_COUNT;
	if (is_number) {
		luaL_argcheck(
		    L, n >= 0 && n < 9e15, 2, "a number of bytes is not negative");
		s->count = (size_t)n > prefix_len ? (size_t)n - prefix_len : 0;
		return;
	}
	const char *p = luaL_optstring(L, 2, "*l");
	if (*p == '*')
		p++;
	if (p[0] == 'l')
		s->want = WANT_LINE;
	else if (p[0] == 'a')
		s->want = WANT_ALL;
	else
		luaL_argerror(L, 2, "'*l', '*a' or a number of bytes is expected");
}

/*@ Socket:receive(pattern?: any, prefix?: string): string?, string?, string? */
static int
sock_receive(lua_State *L)
{
	struct lu_sock *const s = check_here(L, "Socket:receive");

	lua_settop(L, 3);
	check_pattern(L, s);
	if (is_ready(s))
		return receive_k(L, LUA_OK, 0);
	bufferevent_enable(s->bev, EV_READ);
	return wait_for(L, s, receive_k, true);
}

/* ---- send ---- */

/* What was not sent must not go out later. A TLS record cannot be taken back. */
static void
take_back(struct lu_sock *s)
{
	struct evbuffer *const out = bufferevent_get_output(s->bev);

	if (bufferevent_openssl_get_ssl(s->bev) != NULL) {
		s->end = true;
		return;
	}
	evbuffer_unfreeze(out, 1);
	evbuffer_drain(out, evbuffer_get_length(out));
	evbuffer_freeze(out, 1);
}

static int
send_k(lua_State *L, int status, lua_KContext ctx)
{
	struct lu_sock *const s = check(L);
	const size_t left =
	    s->bev != NULL ? evbuffer_get_length(bufferevent_get_output(s->bev)) : s->n;
	const size_t last = s->first + (s->n - (left < s->n ? left : s->n));

	(void)status;
	(void)ctx;
	if (left == 0) {
		lua_pushinteger(L, (lua_Integer)last);
		return 1;
	}
	const bool timed_out = s->timed_out && !s->end;
	if (s->bev != NULL)
		take_back(s);
	no(L, timed_out ? "timeout" : "closed");
	lua_pushinteger(L, (lua_Integer)last);
	return 3;
}

/* Without a turn of the loop, when the kernel has room. returns: -1: closed. */
static ssize_t
send_now(const struct lu_sock *s, const char *p, size_t n)
{
	if (bufferevent_openssl_get_ssl(s->bev) != NULL)
		return 0;
	const ssize_t done =
	    send(bufferevent_getfd(s->bev), p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (done < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
		return 0;
	return done;
}

/* As string.sub has it. out: from 0. */
static void
range(lua_State *L, size_t len, size_t *first, size_t *n)
{
	lua_Integer i = luaL_optinteger(L, 3, 1);
	lua_Integer j = luaL_optinteger(L, 4, -1);
	const lua_Integer end = (lua_Integer)len;

	i = i < 0 ? (i < -end ? 1 : end + i + 1) : i < 1 ? 1 : i;
	j = j < 0 ? (j < -end ? 0 : end + j + 1) : j > end ? end : j;
	*first = i <= j ? (size_t)(i - 1) : 0;
	*n = i <= j ? (size_t)(j - i + 1) : 0;
}

static int
sent_nothing(lua_State *L, const struct lu_sock *s)
{
	no(L, "closed");
	lua_pushinteger(L, (lua_Integer)s->first);
	return 3;
}

/*@ Socket:send(data: string, i?: integer, j?: integer): integer?, string?, integer? */
static int
sock_send(lua_State *L)
{
	struct lu_sock *const s = check_here(L, "Socket:send");
	const struct tw_str data = lu_check_str(L, 2);

	range(L, data.len, &s->first, &s->n);
	s->want = WANT_SENT;
	if (s->bev == NULL || s->end)
		return sent_nothing(L, s);
	const char *p = data.p + s->first;
	const ssize_t done = s->n > 0 ? send_now(s, p, s->n) : 0;
	if (done == (ssize_t)s->n) {
		lua_pushinteger(L, (lua_Integer)(s->first + s->n));
		return 1;
	}
	if (done < 0) {
		s->end = true;
		return sent_nothing(L, s);
	}
	if (bufferevent_write(s->bev, p + done, s->n - (size_t)done) != 0)
		return luaL_error(L, "Socket:send: out of memory");
	return wait_for(L, s, send_k, true);
}

/* ---- the rest ---- */

/*@ Socket:settimeout(seconds?: number, mode?: string): integer */
static int
sock_settimeout(lua_State *L)
{
	struct lu_sock *const s = check(L);
	const lua_Number seconds = luaL_optnumber(L, 2, -1);

	luaL_argcheck(L, seconds < 2147483, 2, "the time is out of range");
	const lua_Number ms = ceil(seconds * 1000);
	s->timeout_said = true;
	s->timeout_ms = seconds < 0 ? NO_LIMIT : ms < 1 ? 1 : (uint32_t)ms;
	lua_pushinteger(L, 1);
	return 1;
}

/*@ Socket:close(): integer */
static int
sock_close(lua_State *L)
{
	struct lu_sock *const s = check(L);
	struct lu_call *const c = lu_call_of(L);

	if (c != NULL && c->n_open > 0 && s->worker != NULL && !s->closed)
		c->n_open--;
	s->closed = true;
	shut_from(s);
	lua_pushinteger(L, 1);
	return 1;
}

static int
push_name(lua_State *L, const struct lu_sock *s, bool peer)
{
	struct sockaddr_storage ss = { .ss_family = 0 };
	socklen_t len = sizeof(ss);
	char text[160];
	struct tw_out o = tw_out_of(text, sizeof(text));
	struct tw_addr a;

	if (s->worker != NULL && s->worker != tw_worker_self())
		return luaL_error(L, "this socket belongs to another thread");
	const int fd = s->bev != NULL ? bufferevent_getfd(s->bev) : -1;
	struct sockaddr *const sa = (struct sockaddr *)&ss;
	if ((peer ? getpeername(fd, sa, &len) : getsockname(fd, sa, &len)) != 0)
		return no(L, "not connected");
	if (ss.ss_family == AF_UNIX) {
		lua_pushstring(L,
		    s->dial.to.ss.ss_family == AF_UNIX
			? ((const struct sockaddr_un *)(const void *)&s->dial.to.ss)
			      ->sun_path
			: "");
		return 1;
	}
	tw_addr_from_sockaddr(&a, (struct sockaddr *)&ss, len);
	tw_addr_port_out(&o, &a);
	lua_pushlstring(L, text, (size_t)(o.p - text));
	return 1;
}

/*@ Socket:getpeername(): string?, string? */
static int
sock_getpeername(lua_State *L)
{
	return push_name(L, check(L), true);
}

/*@ Socket:getsockname(): string?, string? */
static int
sock_getsockname(lua_State *L)
{
	return push_name(L, check(L), false);
}

static bool
is_here(const struct lu_sock *s)
{
	return s->worker == tw_worker_self() && s->bev != NULL;
}

/*@ Socket:setoption(option: string, value?: any): integer */
static int
sock_setoption(lua_State *L)
{
	struct lu_sock *const s = check(L);
	const char *const name = luaL_checkstring(L, 2);
	const int on = lua_isnone(L, 3) || lua_toboolean(L, 3);

	if (is_here(s)) {
		const int fd = bufferevent_getfd(s->bev);
		if (strcmp(name, "keepalive") == 0)
			setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		else if (strcmp(name, "tcp-nodelay") == 0)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	lua_pushinteger(L, 1);
	return 1;
}

/*@ Socket:getfd(): integer */
static int
sock_getfd(lua_State *L)
{
	const struct lu_sock *const s = check(L);

	lua_pushinteger(L, is_here(s) ? bufferevent_getfd(s->bev) : -1);
	return 1;
}

/*@ Socket:dirty(): boolean */
static int
sock_dirty(lua_State *L)
{
	const struct lu_sock *const s = check(L);

	lua_pushboolean(
	    L, is_here(s) && evbuffer_get_length(bufferevent_get_input(s->bev)) > 0);
	return 1;
}

static int
sock_tostring(lua_State *L)
{
	lua_pushliteral(L, "Socket");
	return 1;
}

static int
handle_gc(lua_State *L)
{
	struct lu_sock **const box = luaL_checkudata(L, 1, HANDLE);
	struct lu_sock *const s = *box;

	*box = NULL;
	if (s == NULL)
		return 0;
	shut_from(s);
	unref(s);
	return 0;
}

static const luaL_Reg methods[] = {
	{ "close", sock_close },
	{ "connect", sock_connect },
	{ "connect_ssl", sock_connect_ssl },
	{ "dirty", sock_dirty },
	{ "getfd", sock_getfd },
	{ "getpeername", sock_getpeername },
	{ "getsockname", sock_getsockname },
	{ "receive", sock_receive },
	{ "send", sock_send },
	{ "setoption", sock_setoption },
	{ "settimeout", sock_settimeout },
	{ NULL, NULL },
};

/*@ core.tcp(): Socket */
static int
core_tcp(lua_State *L)
{
	sock_push(L);
	return 1;
}

void
lu_open_sock(lua_State *L)
{
	lua_pushcfunction(L, core_tcp);
	lua_setfield(L, -2, "tcp");
	lu_class(L, CLASS, methods);
	lua_pushcfunction(L, sock_tostring);
	lua_setfield(L, -2, "__tostring");
	lua_pop(L, 1);
	luaL_newmetatable(L, HANDLE);
	lua_pushcfunction(L, handle_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
}
