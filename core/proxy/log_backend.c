/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * log_backend.c - `mode log`: log messages spread over the servers of a backend.
 *
 * A server's target is made when the configuration is checked: a datagram
 * socket, or a ring of its own that leads over a stream. The backend's algorithm
 * chooses one for each message, from the same state as for requests, so that
 * health, weights and maintenance count here, too. Threads that are no workers
 * must not look at that state and take the first usable server. source:
 * HAProxy's manual, `mode log`, `log-proto`, `log-bufsize`.
 */
#include "config.h"

#include <tideway/worker.h>

#include "proxy/logger.h"
#include "proxy/proxy_int.h"
#include "proxy/ring.h"
#include "run/worker.h"

#define BUFSIZE_MIN 1024
#define BUFSIZE_MAX (1u << 30)

/* ---- words of servers --------------------------------------------------- */

int
tw__log_proto_of(const char *name)
{
	return strcmp(name, "octet-count") == 0 ? 1
	    : strcmp(name, "legacy") == 0       ? 0
						: -1;
}

static int
set_log_proto(struct tw_line *ln)
{
	struct tw_server *const srv = ln->state;
	const int proto = tw__log_proto_of(tw_arg(ln, 0));

	if (proto < 0)
		return tw_line_fail(ln, 0,
		    "'log-proto' expects 'legacy' or 'octet-count', not '%s'",
		    tw_arg(ln, 0));
	srv->octet_count = proto != 0;
	srv->log_word = ln->kw->word;
	return 0;
}

static int
set_log_bufsize(struct tw_line *ln)
{
	struct tw_server *const srv = ln->state;
	struct tw_err err;
	uint64_t n;

	if (tw_parse_size(tw_arg(ln, 0), &n, &err) != 0)
		return tw_line_fail(ln, 0, "'log-bufsize': %s", err.text);
	if (n < BUFSIZE_MIN || n > BUFSIZE_MAX)
		return tw_line_fail(ln, 0,
		    "'log-bufsize' must be between %d bytes and 1g, not '%s'",
		    BUFSIZE_MIN, tw_arg(ln, 0));
	srv->log_bufsize = (uint32_t)n;
	srv->log_word = ln->kw->word;
	return 0;
}

const struct tw_kw tw__log_server_kw[] = {
	{ .word = "log-proto",
	    .scopes = TW_SC_SERVER,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_log_proto,
	    .usage = "{ legacy | octet-count }",
	    .help = "How messages are kept apart on a stream to a server of a log "
		    "backend: a newline behind each, or its length before it (RFC "
		    "6587).",
	    .def = "legacy" },
	{ .word = "log-bufsize",
	    .scopes = TW_SC_SERVER,
	    .min_args = 1,
	    .max_args = 1,
	    .set = set_log_bufsize,
	    .usage = "<size>",
	    .help = "Bytes of messages that may wait for a server of a log backend "
		    "that is reached over a stream.",
	    .def = "tune.bufsize" },
	{ .word = NULL },
};

/* ---- when all files are read -------------------------------------------- */

/* What only log servers may have, on one that is none. */
static int
other_server_check(struct tw_gen *gen, const struct tw_server *srv)
{
	if (srv->log_word != NULL)
		tw_gen_warn(gen, srv->file, srv->line,
		    "'server %s/%s' : '%s' is ignored, for it is of log backends ('mode "
		    "log') alone",
		    srv->proxy->name, srv->name, srv->log_word);
	if (!srv->is_dgram)
		return 0;
	return tw_gen_fail(gen, srv->file, srv->line,
	    "'server %s/%s' : '%s' is an address of datagrams, which only the servers "
	    "of log backends ('mode log') may have",
	    srv->proxy->name, srv->name, srv->addr_text);
}

static int
log_server_check(struct tw_gen *gen, struct tw_server *srv)
{
	if (srv->map_addr || srv->map_port)
		return tw_gen_fail(gen, srv->file, srv->line,
		    "'server %s/%s' : a log server needs an address and a port, such "
		    "as 'udp@127.0.0.1:514', not '%s'",
		    srv->proxy->name, srv->name, srv->addr_text);
	if (srv->is_dgram && srv->log_word != NULL)
		tw_gen_warn(gen, srv->file, srv->line,
		    "'server %s/%s' : '%s' is ignored, for it is of streams alone",
		    srv->proxy->name, srv->name, srv->log_word);
	if (!srv->is_dgram) {
		srv->log_ring = tw__ring_of_server(gen, srv);
		srv->log_target = tw__ring_get(srv->log_ring->name)->target;
	} else if (srv->has_addr) {
		srv->log_target = tw__log_target_addr(&srv->addr);
	}
	return 0;
}

int
tw__log_backends_check(struct tw_gen *gen)
{
	const struct tw_proxy *px;
	int rc = 0;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		const bool is_log = px->c.mode == TW_MODE_LOG;

		for (int i = 0; i < px->n_servers; i++)
			if ((is_log ? log_server_check(gen, px->server[i])
				    : other_server_check(gen, px->server[i])) != 0)
				rc = -1;
	}
	return rc;
}

int
tw__log_server_take(struct tw_server *srv, struct tw_err *err)
{
	const bool is_log = srv->proxy->c.mode == TW_MODE_LOG;

	if (!is_log && srv->is_dgram)
		return tw_err_set(err,
		    "'%s' is an address of datagrams, which only the servers of log "
		    "backends ('mode log') may have.",
		    srv->addr_text);
	if (!is_log)
		return 0;
	if (srv->map_addr || srv->map_port)
		return tw_err_set(err, "a log server needs an address and a port.");
	if (!srv->is_dgram)
		return tw_err_set(err,
		    "a log server that is reached over a stream cannot be added at run "
		    "time: write it into the file, or 'udp@' before its address.");
	if (srv->has_addr) {
		srv->log_target = tw__log_target_addr(&srv->addr);
		tw__log_target_open(srv->log_target);
	}
	return 0;
}

void
tw__log_server_moved(struct tw_server *srv)
{
	const struct tw_addr *const addr = tw_server_addr(srv);

	if (srv->is_dgram) {
		struct tw__log_target *const t = tw__log_target_addr(addr);
		tw__log_target_open(t);
		atomic_store(&srv->log_target, t);
		return;
	}
	struct tw__ring_server_conf to = {
		.name = srv->name, .addr = *addr, .octet_count = srv->octet_count
	};
	struct tw__ring_conf conf = *srv->log_ring;
	conf.servers = &to;
	tw__ring_serve(tw__ring_get(conf.name), &conf);
}

/* ---- messages ----------------------------------------------------------- */

static struct tw_server *
first_usable(const struct tw_proxy *be)
{
	const struct tw__servers *const s = tw__servers_now(be);
	struct tw_server *backup = NULL;

	for (int i = 0; s != NULL && i < s->n; i++) {
		struct tw_server *const srv = s->of[i];

		if (!tw_server_is_usable(srv))
			continue;
		if (!srv->backup)
			return srv;
		if (backup == NULL)
			backup = srv;
	}
	return backup;
}

static struct tw_server *
balanced(const struct tw_proxy *be, struct tw_str body)
{
	const struct tw__lb *const lb =
	    atomic_load_explicit(&be->live->balance, memory_order_acquire);

	/* of another generation it may be in another mode */
	if (lb == NULL || lb->state == NULL || lb->algo->pick_message == NULL)
		return NULL;
	return lb->algo->pick_message(lb->state, lb->conf, body);
}

struct tw__log_target *
tw__log_backend_target(const struct tw_proxy *be, struct tw_str body)
{
	struct tw_server *srv = tw__self != NULL ? balanced(be, body) : NULL;

	if (srv == NULL || !tw_server_is_usable(srv)) /* the state may be late */
		srv = first_usable(be);
	if (srv == NULL)
		return NULL;
	if (tw__self != NULL) {
		tw_server_count(srv, TW_CNT_SESS, 1);
		tw_server_count(srv, TW_CNT_LBTOT, 1);
		tw_proxy_count(be, TW_BACKEND, TW_CNT_SESS, 1);
		tw_proxy_count(be, TW_BACKEND, TW_CNT_LBTOT, 1);
	}
	return atomic_load_explicit(&srv->log_target, memory_order_acquire);
}
