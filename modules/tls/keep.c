/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * keep.c - what requests keep of their connections to servers.
 *
 * When the line of a log is written, the connection has failed, or rests and may
 * serve another: where some fetch asks for it, the request holds a reference of
 * its SSL until RESET. Idle connections stay with their worker, so nobody else
 * uses it at that time. Any worker.
 */
#include "fetch.h"
#include "watch.h"

static void
drop(void *arg)
{
	struct tls_server_seen *const s = arg;

	SSL_free(s->ssl);
	if (s->keys != NULL)
		OPENSSL_cleanse((void *)(uintptr_t)s->keys, sizeof(*s->keys));
	*s = (struct tls_server_seen){ NULL, 0, NULL };
}

/* Another attempt takes the place of the one before. */
static void
keep(struct tw_req *req, const struct tls_state *st)
{
	struct tls_req *const r = tw_req_block(req, tls_self);
	struct tw_arena *const arena = tw_req_arena(req);

	if (r->server == NULL) {
		r->server = tw_arena_try(arena, sizeof(*r->server));
		if (r->server == NULL)
			return;
		*r->server = (struct tls_server_seen){ NULL, 0, NULL };
		tw_arena_at_end(arena, drop, r->server);
	}
	SSL_up_ref(st->ssl);
	drop(r->server);
	*r->server = (struct tls_server_seen){ st->ssl, st->ssl_err, NULL };
	if (st->keys != NULL)
		r->server->keys = (const void *)tw_req_copy(
		    req, (struct tw_str){ (const char *)st->keys, sizeof(*st->keys) })
				      .p;
}

static bool
is_wanted(struct tw_gen *gen)
{
	return atomic_load_explicit(
	    &tls_gen_of(gen)->keep_servers, memory_order_relaxed);
}

bool
tls_wants_send(const struct tw_proxy *px)
{
	return is_wanted(tw_proxy_gen(px));
}

enum tw_verdict
tls_on_send(struct tw_req *req, void *state)
{
	const struct tls_state *const st = tls__carried(tw_req_server_conn(req));

	(void)state;
	if (st != NULL)
		keep(req, st);
	return TW_NEXT;
}

void
tls__keep_failed(struct tls_state *st)
{
	if (st->req != NULL && is_wanted(tw_req_gen(st->req)))
		keep(st->req, st);
	st->req = NULL;
}

struct tls_server_seen
tls__server(struct tw_req *req)
{
	const struct tls_state *const st = tls__carried(tw_req_server_conn(req));
	const struct tls_req *const r = tw_req_block(req, tls_self);

	if (st != NULL)
		return (struct tls_server_seen){ st->ssl, st->ssl_err, st->keys };
	if (r->server != NULL && r->server->ssl != NULL)
		return *r->server;
	return (struct tls_server_seen){ NULL, 0, NULL };
}

int
tls__check_server(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)args;
	(void)err;
	atomic_store_explicit(
	    &tls_gen_of(gen)->keep_servers, true, memory_order_relaxed);
	return 0;
}

int
tls__check_server_dn(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	return tls__check_server(gen, args, err) | tls__check_dn(gen, args, err);
}
