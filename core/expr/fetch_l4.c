/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_l4.c - fetches of layer 4 and of internal states.
 *
 * Names of proxies and servers in arguments are resolved when all files are
 * read; without one, the request's own proxy is meant. Any worker.
 * source: HAProxy's manual, 7.3.2 and 7.3.3.
 */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include <tideway/proxy.h>
#include <tideway/server_run.h>
#include <tideway/worker.h>

#include "expr/fetch.h"
#include "expr/fetch_names.h"

#define UNUSED_ARGS ((void)req, (void)args, (void)cur)

TW__FETCH(always_true)
{
	UNUSED_ARGS;
	return tw_sample_bool(out, true);
}

TW__FETCH(always_false)
{
	UNUSED_ARGS;
	return tw_sample_bool(out, false);
}

TW__FETCH(src)
{
	UNUSED_ARGS;
	return tw__give_addr(out, tw_conn_src(tw_req_conn(req)));
}

TW__FETCH(src_port)
{
	UNUSED_ARGS;
	return tw__give_port(out, tw_conn_src(tw_req_conn(req)));
}

TW__FETCH(dst)
{
	UNUSED_ARGS;
	return tw__give_addr(out, tw_conn_dst(tw_req_conn(req)));
}

TW__FETCH(dst_port)
{
	UNUSED_ARGS;
	return tw__give_port(out, tw_conn_dst(tw_req_conn(req)));
}

/* ---- constants ---------------------------------------------------------- */

TW__FETCH(str)
{
	UNUSED_ARGS;
	return tw_sample_str(out, TW_STRING, args[0].str);
}

TW__FETCH(int)
{
	UNUSED_ARGS;
	return tw_sample_int(out, args[0].n);
}

static int
check_bool(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0" };

	(void)gen;
	for (size_t i = 0; i < TW_N_ELEMENTS(yes); i++) {
		if (strcasecmp(args[0].str.p, yes[i]) == 0) {
			args[0].n = 1;
			return 0;
		}
		if (strcasecmp(args[0].str.p, no[i]) == 0)
			return 0;
	}
	return tw_err_set(
	    err, "'%s' is not a boolean: write true or false", args[0].str.p);
}

TW__FETCH(bool)
{
	UNUSED_ARGS;
	return tw_sample_bool(out, args[0].n != 0);
}

static int
check_env(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)err;
	args[1].str =
	    tw_str_of(tw_arena_strdup(tw_gen_arena(gen), getenv(args[0].str.p)));
	return 0;
}

TW__FETCH(env)
{
	UNUSED_ARGS;
	out->type = TW_STRING;
	out->u.str = args[1].str;
	return args[1].str.p != NULL;
}

/* ---- the process -------------------------------------------------------- */

TW__FETCH(hostname)
{
	static __thread char name[256];

	UNUSED_ARGS;
	if (name[0] == '\0' && gethostname(name, sizeof(name) - 1) != 0)
		return false;
	return tw_sample_str(out, TW_STRING, tw_str_of(name));
}

TW__FETCH(nbthread)
{
	UNUSED_ARGS;
	return tw_sample_int(out, tw_n_workers());
}

TW__FETCH(thread)
{
	UNUSED_ARGS;
	return tw_sample_int(out, tw_worker_id(tw_worker_self()) - 1);
}

/* ---- proxies ------------------------------------------------------------ */

static int
check_side(
    struct tw_gen *gen, struct tw_arg_val *arg, enum tw_side side, struct tw_err *err)
{
	if (arg->type == TW_ANY)
		return 0;
	arg->ptr = tw_gen_find(gen, arg->str.p, side);
	if (arg->ptr != NULL)
		return 0;
	return tw_err_set(err, "there is no %s '%s'",
	    side == TW_BACKEND ? "backend" : "frontend", arg->str.p);
}

static int
check_be(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	return check_side(gen, &args[0], TW_BACKEND, err);
}

static int
check_fe(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	return check_side(gen, &args[0], TW_FRONTEND, err);
}

/* The backend meant: the argument's, the chosen one, or the proxy's own. */
static const struct tw_proxy *
backend_of(struct tw_req *req, const struct tw_arg_val *args)
{
	if (args[0].ptr != NULL)
		return args[0].ptr;
	const struct tw_proxy *const be = tw_req_backend(req);
	if (be != NULL)
		return be;
	const struct tw_proxy *const px = tw_req_proxy(req);
	return px != NULL && tw_proxy_has(px, TW_BACKEND) ? px : NULL;
}

static bool
gauges_of(const struct tw_proxy *px, enum tw_side side, struct tw_gauges *g)
{
	if (px == NULL)
		return false;
	tw_proxy_gauges(px, side, g);
	return true;
}

TW__FETCH(nbsrv)
{
	const struct tw_proxy *const be = backend_of(req, args);
	int active, backup;
	uint32_t weight;

	UNUSED_ARGS;
	if (be == NULL)
		return false;
	tw_proxy_usable(be, &active, &backup, &weight);
	return tw_sample_int(out, active > 0 ? active : backup);
}

TW__FETCH(be_conn)
{
	struct tw_gauges g;

	UNUSED_ARGS;
	return gauges_of(backend_of(req, args), TW_BACKEND, &g) &&
	    tw_sample_int(out, g.cur);
}

TW__FETCH(be_sess_rate)
{
	struct tw_gauges g;

	UNUSED_ARGS;
	return gauges_of(backend_of(req, args), TW_BACKEND, &g) &&
	    tw_sample_int(out, g.rate);
}

/* All that wait: in the backend's queue and in its servers'. */
static uint32_t
queued(const struct tw_proxy *be)
{
	struct tw_gauges g;
	uint32_t sum;

	tw_proxy_gauges(be, TW_BACKEND, &g);
	sum = g.queue;
	const struct tw_server *srv;

	for (int i = 0; (srv = tw_proxy_server(be, i)) != NULL; i++) {
		tw_server_gauges(srv, &g);
		sum += g.queue;
	}
	return sum;
}

TW__FETCH(queue)
{
	const struct tw_proxy *const be = backend_of(req, args);

	UNUSED_ARGS;
	return be != NULL && tw_sample_int(out, queued(be));
}

TW__FETCH(avg_queue)
{
	const struct tw_proxy *const be = backend_of(req, args);
	int active, backup;
	uint32_t weight;

	UNUSED_ARGS;
	if (be == NULL)
		return false;
	tw_proxy_usable(be, &active, &backup, &weight);
	const uint32_t n = (uint32_t)(active > 0 ? active : backup);
	const uint32_t sum = queued(be);
	return tw_sample_int(out, n > 0 ? (sum + n - 1) / n : sum);
}

static bool
frontend_gauges(struct tw_req *req, const struct tw_arg_val *args, struct tw_gauges *g)
{
	const struct tw_proxy *const fe =
	    args[0].ptr ? args[0].ptr : tw_req_frontend(req);

	return gauges_of(fe, TW_FRONTEND, g);
}

TW__FETCH(fe_conn)
{
	struct tw_gauges g;

	UNUSED_ARGS;
	return frontend_gauges(req, args, &g) && tw_sample_int(out, g.cur);
}

TW__FETCH(fe_sess_rate)
{
	struct tw_gauges g;

	UNUSED_ARGS;
	return frontend_gauges(req, args, &g) && tw_sample_int(out, g.rate);
}

TW__FETCH(fe_req_rate)
{
	struct tw_gauges g;

	UNUSED_ARGS;
	return frontend_gauges(req, args, &g) && tw_sample_int(out, g.req_rate);
}

/* ---- servers ------------------------------------------------------------ */

/* "backend/server", or a server of the section's own backend. */
static int
check_srv(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	const char *const text = args[0].str.p;
	const char *const slash = strchr(text, '/');
	const struct tw_proxy *be = tw__expr_late_proxy();

	if (slash != NULL) {
		const char *const name = tw_arena_str(
		    tw_gen_arena(gen), (struct tw_str){ text, (size_t)(slash - text) })
					     .p;
		be = tw_gen_find(gen, name, TW_BACKEND);
		if (be == NULL)
			return tw_err_set(err, "there is no backend '%s'", name);
	}
	if (be == NULL || !tw_proxy_has(be, TW_BACKEND))
		return tw_err_set(err,
		    "write the server '%s' with its "
		    "backend: BACKEND/%s",
		    text, text);
	args[0].ptr = tw_proxy_find_server(be, slash ? slash + 1 : text);
	if (args[0].ptr != NULL)
		tw_server_set_named((struct tw_server *)args[0].ptr);
	else
		return tw_err_set(err,
		    "there is no server '%s' in backend "
		    "'%s'",
		    slash ? slash + 1 : text, tw_proxy_name(be));
	return 0;
}

TW__FETCH(srv_is_up)
{
	UNUSED_ARGS;
	return tw_sample_bool(out, tw_server_is_alive(args[0].ptr));
}

TW__FETCH(srv_conn)
{
	struct tw_gauges g;

	UNUSED_ARGS;
	tw_server_gauges(args[0].ptr, &g);
	return tw_sample_int(out, g.cur);
}

TW__FETCH(srv_queue)
{
	struct tw_gauges g;

	UNUSED_ARGS;
	tw_server_gauges(args[0].ptr, &g);
	return tw_sample_int(out, g.queue);
}

TW__FETCH(srv_sess_rate)
{
	struct tw_gauges g;

	UNUSED_ARGS;
	tw_server_gauges(args[0].ptr, &g);
	return tw_sample_int(out, g.rate);
}

TW__FETCH(srv_weight)
{
	UNUSED_ARGS;
	return tw_sample_int(out, tw_server_weight(args[0].ptr));
}

TW__FETCH(srv_uweight)
{
	UNUSED_ARGS;
	return tw_sample_int(out, tw_server_uweight(args[0].ptr));
}

TW__FETCH(srv_iweight)
{
	UNUSED_ARGS;
	return tw_sample_int(out, tw_server_iweight(args[0].ptr));
}

/* ---- for the other families --------------------------------------------- */

int
tw__fetch_check_backend(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	return check_be(gen, args, err);
}

int
tw__fetch_check_server(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	return check_srv(gen, args, err);
}

const struct tw_proxy *
tw__fetch_backend(struct tw_req *req, const struct tw_arg_val *args)
{
	return backend_of(req, args);
}

#define BACKEND "[s]", TW_SINT, TW_AT_ANY
#define SERVER "s", TW_SINT, TW_AT_ANY

const struct tw_fetch tw__core_fetches[] = {
	{ "always_false", "", TW_BOOL, TW_AT_ANY, fetch_always_false, NULL, NULL,
	    "Never true." },
	{ "always_true", "", TW_BOOL, TW_AT_ANY, fetch_always_true, NULL, NULL,
	    "Always true." },
	{ "avg_queue", BACKEND, fetch_avg_queue, NULL, check_be,
	    "Requests queued in a backend for each usable server." },
	{ "be_conn", BACKEND, fetch_be_conn, NULL, check_be,
	    "Sessions of a backend now." },
	{ "be_sess_rate", BACKEND, fetch_be_sess_rate, NULL, check_be,
	    "Sessions a backend got in the last second." },
	{ "bool", "s", TW_BOOL, TW_AT_ANY, fetch_bool, NULL, check_bool,
	    "The given boolean." },
	{ "dst", "", TW_IPV4, TW__AT_CLIENT, fetch_dst, "ip", NULL,
	    "The address that the client connected to." },
	{ "dst_port", "", TW_SINT, TW__AT_CLIENT, fetch_dst_port, NULL, NULL,
	    "The port that the client connected to." },
	{ "env", "s", TW_STRING, TW_AT_ANY, fetch_env, NULL, check_env,
	    "An environment variable as it was at start." },
	{ "fe_conn", BACKEND, fetch_fe_conn, NULL, check_fe,
	    "Connections of a frontend now." },
	{ "fe_req_rate", BACKEND, fetch_fe_req_rate, NULL, check_fe,
	    "Requests a frontend got in the last second." },
	{ "fe_sess_rate", BACKEND, fetch_fe_sess_rate, NULL, check_fe,
	    "Sessions a frontend got in the last second." },
	{ "hostname", "", TW_STRING, TW_AT_ANY, fetch_hostname, NULL, NULL,
	    "The name of this machine." },
	{ "int", "i", TW_SINT, TW_AT_ANY, fetch_int, NULL, NULL, "The given integer." },
	{ "nbsrv", BACKEND, fetch_nbsrv, NULL, check_be,
	    "Usable servers of a backend." },
	{ "nbthread", "", TW_SINT, TW_AT_ANY, fetch_nbthread, NULL, NULL,
	    "Worker threads." },
	{ "queue", BACKEND, fetch_queue, NULL, check_be,
	    "Requests queued in a backend and its servers." },
	{ "src", "", TW_IPV4, TW__AT_CLIENT, fetch_src, "ip", NULL,
	    "The client's address." },
	{ "src_port", "", TW_SINT, TW__AT_CLIENT, fetch_src_port, NULL, NULL,
	    "The client's port." },
	{ "srv_conn", SERVER, fetch_srv_conn, NULL, check_srv,
	    "Sessions of a server (BACKEND/SERVER) now." },
	{ "srv_is_up", "s", TW_BOOL, TW_AT_ANY, fetch_srv_is_up, NULL, check_srv,
	    "True while a server (BACKEND/SERVER) is up." },
	{ "srv_iweight", SERVER, fetch_srv_iweight, NULL, check_srv,
	    "A server's configured weight." },
	{ "srv_queue", SERVER, fetch_srv_queue, NULL, check_srv,
	    "Requests queued for a server." },
	{ "srv_sess_rate", SERVER, fetch_srv_sess_rate, NULL, check_srv,
	    "Sessions a server got in the last second." },
	{ "srv_uweight", SERVER, fetch_srv_uweight, NULL, check_srv,
	    "A server's weight as the user has it, whatever slowstart takes off." },
	{ "srv_weight", SERVER, fetch_srv_weight, NULL, check_srv,
	    "A server's weight in force." },
	{ "str", "s", TW_STRING, TW_AT_ANY, fetch_str, NULL, NULL,
	    "The given string." },
	{ "thread", "", TW_SINT, TW_AT_ANY, fetch_thread, NULL, NULL,
	    "The number of the worker thread, from 0." },
	{ .name = NULL },
};
