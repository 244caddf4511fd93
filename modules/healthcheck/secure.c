/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * secure.c - checks over TLS: which ones, under which name, and their bytes.
 *
 * A check is as its server's traffic is, unless it goes elsewhere or somebody
 * said otherwise. What TLS is, is another module's: a check knows a transport,
 * which works with its descriptor alone. Control thread. source: HAProxy's
 * manual, 5.2, ssl and check-ssl; tcp-check connect.
 */
#include <errno.h>

#include "hc_run.h"

/* --- words --- */

int
hc_alpn_parse(struct tw_line *ln, int i, struct tw_str *out)
{
	const char *word = tw_arg(ln, i);
	char *const wire = tw_arena_alloc(tw_gen_arena(ln->gen), strlen(word) + 2);
	size_t n = 0;

	for (;; word++) {
		const size_t len = strcspn(word, ",");

		if (len == 0 || len > 255)
			return tw_line_fail(ln, i,
			    "'%s' is no list of protocols; write it as h2,http/1.1",
			    tw_arg(ln, i));
		wire[n++] = (char)len;
		memcpy(wire + n, word, len);
		n += len;
		word += len;
		if (*word == '\0')
			break;
	}
	*out = (struct tw_str){ wire, n };
	return 0;
}

static bool
is_spoken(struct tw_str name)
{
	const struct tw_proto *const mux = hc_mux_proto();

	return (name.len == 8 && memcmp(name.p, "http/1.", 7) == 0) ||
	    (mux != NULL && tw_str_eq(name, tw_str_of(mux->alpn)));
}

/* What is agreed upon must be what an HTTP check speaks. */
int
hc_alpn_check(struct tw_str wire, struct tw_err *err)
{
	for (size_t i = 0; i < wire.len; i += 1u + (uint8_t)wire.p[i]) {
		const struct tw_str name = { wire.p + i + 1, (uint8_t)wire.p[i] };

		if (is_spoken(name))
			continue;
		if (tw_str_eq(name, TW_STR("h2")))
			return tw_err_set(err,
			    "HTTP checks speak 'h2' only with the module h2: add "
			    "'module-load h2', or leave it out");
		return tw_err_set(err,
		    "HTTP checks do not speak '%.*s'; write h2, http/1.1 or both",
		    TW_STR_FMT(name));
	}
	return 0;
}

/* --- when all lines are read --- */

static bool
rules_need_it(const struct hc_proxy *conf)
{
	const struct hc_rule *r = conf->active != NULL ? conf->active->first : NULL;

	while (r != NULL && (r->act != HC_CONNECT || !r->u.connect.ssl))
		r = r->next;
	return r != NULL;
}

int
hc_secure_prepare(struct tw_server *srv, struct tw_err *err)
{
	struct hc_server *const s = hc_server_of(srv);
	const struct tw_transport *const t = tw_transport_find("tls");
	struct tw_err why;

	if (s->alpn.p != NULL && s->conf->kind == HC_HTTP &&
	    hc_alpn_check(s->alpn, &why) != 0)
		return tw_err_set(err, "'check-alpn' : %s", why.text);
	if (s->check_ssl != HC_SSL_ON &&
	    (!tw_server_is_checked(srv) || !rules_need_it(s->conf)))
		return 0;
	if (t == NULL || t->prepare == NULL)
		return tw_err_set(err,
		    "its checks are to be TLS, but no module is loaded that knows it; "
		    "see 'module-load'");
	if (t->prepare(srv, &s->tls_conf, err) < 0)
		return -1;
	s->tls = t;
	return 0;
}

/* --- while checks run --- */

const struct tw_transport *
hc_secure_of(const struct hc_check *c, const struct hc_connect *conn, void **conf)
{
	const struct hc_server *const s = hc_server_of(c->srv);
	struct tw_check_view view;

	*conf = s->tls_conf;
	if (c->is_agent)
		return NULL;
	if (conn->ssl)
		return s->tls;
	if (!conn->server_defaults || s->check_ssl == HC_SSL_OFF)
		return NULL;
	if (s->check_ssl == HC_SSL_ON)
		return s->tls;
	tw_server_check_view(c->srv, &view);
	return view.addr.family != 0 || view.port != 0
	    ? NULL
	    : tw_server_transport(c->srv, conf);
}

static const struct hc_header *
host_of(const struct hc_send *s)
{
	const struct hc_header *h = s != NULL ? s->headers : NULL;

	while (h != NULL && !tw_str_eq(h->name, TW_STR("host")))
		h = h->next;
	return h;
}

/* The host that the next request is for, without its port. */
static struct tw_str
host_name(const struct hc_check *c, struct tw_req *req)
{
	const struct hc_proxy *const conf = hc_conf_of(c->srv);
	const struct hc_rule *r = c->rule->next;
	const struct hc_header *h;
	struct tw_str name;
	size_t len = 0;

	while (r != NULL && r->act != HC_CONNECT && r->act != HC_SEND)
		r = r->next;
	if (conf->kind != HC_HTTP || r == NULL || r->act != HC_SEND)
		return (struct tw_str){ NULL, 0 };
	h = host_of(&r->u.send);
	if (h == NULL && r == conf->first_send)
		h = host_of(&conf->opt);
	if (h == NULL)
		return (struct tw_str){ NULL, 0 };
	name = hc_text_of(&h->value, req);
	while (len < name.len && name.p[len] != ':')
		len++;
	return (struct tw_str){ name.p, len };
}

/* Without a word an HTTP check offers what it will speak: what it is told to, or what
 * the traffic does as far as checks know that. p NULL: the server's own. */
static struct tw_str
alpn_usual(const struct hc_check *c, const void *conf, struct tw_req *req)
{
	const enum hc_speaks forced = hc_mux_forced(c->srv, &c->rule->u.connect);
	const struct tw_proto *const mux = hc_mux_proto();
	char mem[32];
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	if (mux == NULL || forced == HC_SPEAKS_H1)
		return TW_STR("\x08http/1.1");
	if (forced == HC_SPEAKS_MUX) {
		tw_out_char(&o, (char)strlen(mux->alpn));
		tw_out_str(&o, tw_str_of(mux->alpn));
		return tw_req_copy(req, (struct tw_str){ mem, (size_t)(o.p - mem) });
	}
	return c->transport->offers != NULL &&
		c->transport->offers(conf, tw_str_of(mux->alpn))
	    ? (struct tw_str){ NULL, 0 }
	    : TW_STR("\x08http/1.1");
}

/* A preset may, and then says which. */
static bool
speaks_http(const struct hc_proxy *conf, const struct hc_connect *conn)
{
	return conf->kind == HC_HTTP ||
	    (conf->kind == HC_PRESET && conn->proto != NULL);
}

struct tw_start
hc_secure_start(const struct hc_check *c, void *conf, struct tw_req *req)
{
	const struct hc_server *const s = hc_server_of(c->srv);
	const struct hc_connect *const conn = &c->rule->u.connect;
	struct tw_start start = {
		.fd = c->fd, .conf = conf, .is_server = true, .is_check = true
	};

	if (conn->sni != NULL)
		start.name = tw_str_of(conn->sni);
	else if (conn->server_defaults && s->sni != NULL)
		start.name = tw_str_of(s->sni);
	else if (!s->no_sni_auto)
		start.name = host_name(c, req);
	if (conn->ssl && conn->alpn.p != NULL)
		start.alpn = conn->alpn;
	else if (conn->server_defaults)
		start.alpn = s->alpn;
	if (start.alpn.p == NULL && speaks_http(s->conf, conn))
		start.alpn = alpn_usual(c, conf, req);
	return start;
}

/* As recv() and send() are. */
static ssize_t
as_call(enum tw_io io, size_t n)
{
	if (io == TW_IO_OK)
		return (ssize_t)n;
	if (io == TW_IO_END)
		return 0;
	errno = io == TW_IO_AGAIN ? EAGAIN : ECONNRESET;
	return -1;
}

ssize_t
hc_io_recv(struct hc_check *c, void *p, size_t len)
{
	size_t n = 0;

	if (c->state == NULL)
		return recv(c->fd, p, len, 0);
	const enum tw_io io = c->transport->recv(NULL, c->state, p, len, &n);
	c->drained = io == TW_IO_AGAIN;
	return as_call(io, n);
}

/* What the transport takes has not left yet, maybe. */
ssize_t
hc_io_send(struct hc_check *c, const void *p, size_t len)
{
	const struct iovec iov = { (void *)(uintptr_t)p, len };
	size_t n = 0;

	if (c->state == NULL)
		return send(c->fd, p, len, MSG_NOSIGNAL);
	const enum tw_io io = c->transport->send(NULL, c->state, &iov, 1, &n);
	return n > 0 ? (ssize_t)n : as_call(io, n);
}

bool
hc_io_flush(struct hc_check *c)
{
	return c->state == NULL || c->transport->flush(NULL, c->state) == TW_IO_OK;
}
