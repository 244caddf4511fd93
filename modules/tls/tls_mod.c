/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * tls_mod.c - the descriptor of the TLS module, and check() of its lines.
 *
 * Tables that other files bring stand in files of their own: a line here for
 * each.
 */
#include <openssl/crypto.h>

#include "certs.h"
#include "certs_kw.h"
#include "crt_store.h"
#include "fetch.h"
#include "ctl.h"
#include "ctl_trust.h"
#include "expiry.h"
#include "ocsp.h"
#include "opts_kw.h"
#include "server_kw.h"
#include <tideway/command.h>

#include "early.h"
#include "kernel.h"
#include "limits.h"
#include "opts_kw.h"
#include "session.h"
#include "ticket.h"
#include "tls.h"

const struct tw_self *tls_self;

struct tls_gen *
tls_gen_of(struct tw_gen *gen)
{
	return tw_gen_block(gen, tls_self);
}

struct tls_bind *
tls_bind_of(const struct tw_bind *bind)
{
	return tw_bind_block(bind, tls_self);
}

static int
tls_load(const struct tw_self *self, struct tw_err *err)
{
	tls_self = self;
	tls__memory_load();
	tls__seal_load();
	if (tls__bio_load() != 0 || tls__server_load() != 0 || tls__ticket_load() != 0)
		return tw_err_set(err, "OpenSSL cannot be prepared: out of memory");
	tls__limits_load();
	return tls__trust_load(err) == 0 ? tls__ocsp_load(err) : -1;
}

static void
default_alpn(struct tw_gen *gen, const struct tw_proxy *px, struct tls_opts *o)
{
	unsigned char wire[255];
	const uint32_t len = tls__alpn_default(px, wire);

	o->alpn =
	    tw_arena_str(tw_gen_arena(gen), (struct tw_str){ (const char *)wire, len })
		.p;
	o->alpn_len = len;
}

/* The same goes for the line's other addresses: it is told once. */
static int
context_fail(struct tw_gen *gen, const struct tw_proxy *px, const struct tw_bind *bind,
    const char *text)
{
	const struct tw_bind *first;
	int line, other = 0;
	const char *const file = tw_bind_where(bind, &line);

	for (int i = 0; (first = tw_proxy_bind(px, i)) != bind; i++)
		if (tw_bind_where(first, &other) == file && other == line)
			return -1;
	return tw_gen_fail(gen, file, line, "Proxy '%s': bind '%s': %s",
	    tw_proxy_name(px), tw_bind_name(bind), text);
}

static int
check_bind(struct tw_gen *gen, const struct tw_proxy *px, struct tw_bind *bind)
{
	struct tls_bind *const tb = tls_bind_of(bind);
	struct tw_err err;

	tb->bind = bind;
	if (!tb->opts.ssl)
		return 0;
	if (tls__bind_same(tb)) {
		tw_bind_set_transport(bind, &tls_transport, &tb->side);
		return 0;
	}
	if (tb->opts.alpn == NULL && !tb->opts.no_alpn)
		default_alpn(gen, px, &tb->opts);
	if (tb->opts.no_alpn)
		tb->opts.alpn_len = 0;
	tb->side.gen = gen;
	tb->side.opts = &tb->opts;
	tls__side_records(&tb->side, gen);
	tb->side.ctx = tls__ctx_new(gen, &tb->opts, true, &err);
	if (tb->side.ctx == NULL)
		return context_fail(gen, px, bind, err.text);
	tls__ctx_keep(gen, tb->side.ctx);
	tb->side.early = tb->opts.allow_0rtt;
	if (tls__bind_certs(px, bind, tb) < 0)
		return -1;
	tw_bind_set_transport(bind, &tls_transport, &tb->side);
	return 0;
}

static int
tls_check(struct tw_gen *gen)
{
	const struct tw_proxy *px;
	struct tw_bind *bind;
	int rc = tls__ocsp_check(gen) | tls__certs_begin(gen);

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		for (int j = 0; (bind = tw_proxy_bind(px, j)) != NULL; j++)
			rc |= check_bind(gen, px, bind);
	rc |= tls__servers_check(gen);
	tls__expiry_renew(gen);
	return rc;
}

static void
tls_running(struct tw_gen *gen)
{
	tls__ocsp_gen_running(gen);
	tls__ctl_gen_running();
	tls__ticket_running(gen);
	tls__limits_running(gen);
}

static int
tls_start(struct tw_gen *gen, struct tw_err *err)
{
	tls__ticket_start(gen);
	if (tls_gen_of(gen)->ktls)
		tls__kernel_probe();
	if (tls__early_start(gen, err) < 0)
		return -1;
	return tls__session_start(gen, err);
}

static void
tls_worker_fini(struct tw_worker *w, void *state)
{
	(void)state;
	tls__stage_free();
	tls__sess_free_all();
	if (tw_worker_id(w) == 0) {
		tls__ctl_gen_running();
		tls__ocsp_fini();
	}
	tls__memory_free();
}

static void
tls_describe(void (*line)(void *arg, const char *text), void *arg)
{
	char text[128];

	snprintf(text, sizeof(text), "Built with OpenSSL version : %s",
	    OPENSSL_VERSION_TEXT);
	line(arg, text);
	snprintf(text, sizeof(text), "Running on OpenSSL version : %s",
	    OpenSSL_version(OPENSSL_VERSION));
	line(arg, text);
}

/* clang-format off */
static const struct tw_kw keywords[] = {
#include "opts_kw.def"
#include "crt_kw.def"
#include "server.def"
#include "fetch_kw.def"
#include "ocsp_kw.def"
#include "early_kw.def"
#include "limits_kw.def"
#include "ticket_kw.def"
	{ .word = NULL },
};

static const struct tw_hook hooks[] = {
	{ (enum tw_point)(TW_ON_SEND | TW_HOOK_LATE), tls_on_send, "tls_on_send",
		tls_wants_send },
#include "early_hook.def"
	{ .fn = NULL },
};

static const struct tw_command commands[] = {
#include "ocsp_cmd.def"
#include "ctl_cmd.def"
#include "sess_cmd.def"
	{ .words = NULL },
};

static const struct tw_counter counters[] = {
#define X(id, name, help) { name, help },
#include "counters.def"
#undef X
	{ .name = NULL },
};
/* clang-format on */

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "tls",
	.version = "1.0",
	.summary = "TLS for clients and servers, over OpenSSL",
	.size_of = {
		[TW_IN_GEN] = sizeof(struct tls_gen),
		[TW_IN_BIND] = sizeof(struct tls_bind),
		[TW_IN_SERVER] = sizeof(struct tls_server),
		[TW_IN_REQ] = sizeof(struct tls_req),
	},
	.keywords = keywords,
	.sections = tls__sections,
	.hooks = hooks,
	.commands = commands,
	.transports = tls_transports,
	.fetches = tls_fetches,
	.convs = tls_convs,
	.logvars = tls_logvars,
	.counters = counters,
	.stats_tables = tls_stats_tables,
	.load = tls_load,
	.check = tls_check,
	.server_check = tls__server_check,
	.start = tls_start,
	.worker_fini = tls_worker_fini,
	.describe = tls_describe,
	.running = tls_running,
};
