/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server.c - what TLS towards a server needs, made when all files are read.
 *
 * A server whose line has `ssl`, or inherited it, has a context; so has one
 * whose checks alone are TLS, once they ask (prepare). Certificates are verified
 * unless somebody said not to. Control thread.
 */
#include <tideway/expr.h>
#include <tideway/proto.h>

#include "certs.h"
#include "server.h"

static _Atomic uint64_t serials;

/* --- its words --- */

/* source: HAProxy's words */
static int
verify_choose(struct tw_gen *gen, struct tls_server *ts, struct tw_err *err)
{
	struct tls_opts *const o = &ts->opts;
	const bool said = o->verify != TLS_VERIFY_UNSET;

	if (!said)
		o->verify = tls_gen_of(gen)->server.verify == TLS_VERIFY_NONE
		    ? TLS_VERIFY_NONE
		    : TLS_VERIFY_REQUIRED;
	if (o->verify == TLS_VERIFY_NONE || o->ca_file != NULL)
		return 0;
	if (tls_gen_of(gen)->server.verify == TLS_VERIFY_NONE)
		return tw_err_set(err,
		    "verify is enabled but no CA file specified; add 'ca-file <file>'");
	return tw_err_set(err,
	    "verify is enabled by default but no CA file specified. If you're running "
	    "on a LAN where you're certain to trust the server's certificate, please "
	    "set an explicit 'verify none' statement on the 'server' line, or use "
	    "'ssl-server-verify none' in the global section to disable server-side "
	    "verifications by default; else add 'ca-file <file>', or 'ca-file "
	    "@system-ca'.");
}

void
tls__server_serial(struct tls_server *ts)
{
	atomic_store(&ts->serial, atomic_fetch_add(&serials, 1) + 1);
}

/* --- protocols --- */

/* In mode http what is agreed upon has to be spoken afterwards: by a codec that
 * is loaded. */
static bool
is_spoken(const char *p, size_t len)
{
	const struct tw_str name = { p, len };
	const struct tw_self *m;

	if (tw_str_eq(name, TW_STR("http/1.0")))
		return true;
	for (int i = 0; (m = tw_module_each(i)) != NULL; i++)
		for (const struct tw_proto *c = m->module->protos;
		     c != NULL && c->name != NULL; c++)
			if (c->alpn != NULL && tw_str_eq(name, tw_str_of(c->alpn)))
				return true;
	return false;
}

static int
alpn_fit(struct tw_gen *gen, struct tls_server *ts, struct tw_err *err)
{
	struct tls_opts *const o = &ts->opts;
	char *wire;
	uint32_t n = 0;

	if (o->alpn_len == 0 || tw_proxy_mode(tw_server_proxy(ts->srv)) != TW_MODE_HTTP)
		return 0;
	wire = tw_arena_alloc(tw_gen_arena(gen), o->alpn_len);
	for (uint32_t i = 0; i < o->alpn_len; i += 1u + (uint8_t)o->alpn[i]) {
		const uint32_t len = (uint8_t)o->alpn[i];

		if (!is_spoken(o->alpn + i + 1, len))
			continue;
		memcpy(wire + n, o->alpn + i, len + 1u);
		n += len + 1u;
	}
	if (n == 0)
		return tw_err_set(err,
		    "'alpn' : no module is loaded that speaks one of these; add "
		    "'http/1.1' to the list");
	o->alpn = wire;
	o->alpn_len = n;
	return 0;
}

/* --- the name --- */

/* Without `sni` the host that the request is for. source: HAProxy 3.4's manual,
 * http-reuse. */
static int
sni_complete(struct tw_gen *gen, struct tls_server *ts, struct tw_err *err)
{
	static const char text[] = "req.hdr(host),field(1,:)";
	char *word[] = { (char *)(uintptr_t) "sni", (char *)(uintptr_t)text };
	struct tw_proxy *const px = tw_server_proxy(ts->srv);
	struct tw_line ln = {
		.gen = gen,
		.proxy = px,
		.server = ts->srv,
		.scope = TW_SC_SERVER,
		.word = word,
		.n_words = 2,
		.arg = 1,
		.n_args = 1,
	};

	if (tw_proxy_mode(px) != TW_MODE_HTTP)
		return 0;
	if (ts->sni == NULL && !ts->no_sni_auto) {
		ln.file = tw_server_where(ts->srv, &ln.number);
		ts->sni = tw_expr_compile(&ln, 0, text, TW_AT_CONN | TW_AT_REQUEST);
		ts->sni_is_auto = true;
		if (ts->sni == NULL)
			return tw_err_set(err, "'sni-auto' : '%s' is not there", text);
	}
	if (ts->sni != NULL)
		tw_server_set_pool_name(ts->srv, ts->sni);
	return 0;
}

/* --- all of it --- */

static int
context_make(struct tw_server *srv, struct tw_err *err)
{
	struct tw_gen *const gen = tw_proxy_gen(tw_server_proxy(srv));
	struct tls_server *const ts = tls_server_of(srv);

	if (ts->side.ctx != NULL)
		return 0;
	(void)tls__certs_begin(gen); /* our check() asks again */
	ts->srv = srv;
	tls__server_serial(ts);
	ts->side.gen = gen;
	ts->side.opts = &ts->opts;
	ts->side.server = ts;
	tls__side_records(&ts->side, gen);
	if (verify_choose(gen, ts, err) < 0 || alpn_fit(gen, ts, err) < 0)
		return -1;
	ts->side.ctx = tls__ctx_new(gen, &ts->opts, false, err);
	if (ts->side.ctx == NULL)
		return -1;
	tls__ctx_keep(gen, ts->side.ctx);
	tls__server_hooks(ts->side.ctx, ts);
	return tls__server_crt_use(gen, ts, err);
}

int
tls__server_check(struct tw_server *srv, struct tw_err *err)
{
	struct tls_server *const ts = tls_server_of(srv);

	if (!ts->offered)
		return 0;
	if (context_make(srv, err) < 0 ||
	    sni_complete(tw_proxy_gen(tw_server_proxy(srv)), ts, err) < 0)
		return -1;
	if (ts->opts.ssl)
		tw_server_set_transport(srv, &tls_transport, &ts->side);
	else
		tw_server_offer_transport(srv, &tls_transport, &ts->side);
	return 0;
}

int
tls__server_prepare(struct tw_server *srv, void **conf, struct tw_err *err)
{
	*conf = &tls_server_of(srv)->side;
	return context_make(srv, err);
}

int
tls__servers_check(struct tw_gen *gen)
{
	const struct tw_proxy *px;
	struct tw_server *srv;
	struct tw_err err;
	int line, rc = 0;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		for (int j = 0; (srv = tw_proxy_server(px, j)) != NULL; j++) {
			const char *const file = tw_server_where(srv, &line);

			if (tls__server_check(srv, &err) == 0)
				continue;
			rc = tw_gen_fail(gen, file, line, "'server %s/%s' : %s",
			    tw_proxy_name(px), tw_server_name(srv), err.text);
		}
	}
	return rc;
}
