/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * explain.c - `tideway explain`: brings up as much of the program as a request
 * needs, and no more.
 *
 * No listener is opened, no check or name server is asked, no log line leaves.
 * The generation is started and published as always, so that balancing, maps,
 * variables and modules are in their usual state. The calling thread is the
 * control thread and the only worker, in turns.
 */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include <tideway/proxy.h>
#include "core/base/oplog.h"
#include "core/module/module_int.h"
#include "core/run/explain.h"

static int
fail(const char *text)
{
	fprintf(stderr, "tideway explain: %s\n", text);
	return TW__EXPLAIN_USAGE;
}

/* ---- which frontend ----------------------------------------------------- */

static bool
is_candidate(const struct tw_proxy *px)
{
	return tw_proxy_has(px, TW_FRONTEND) && !px->c.disabled && px->n_binds > 0;
}

static void
candidates_print(struct tw_gen *gen)
{
	const struct tw_proxy *px;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		if (!is_candidate(px))
			continue;
		fprintf(stderr, "  %-16s %s:%d  bind", px->name, px->file, px->line);
		for (int i = 0; i < px->n_binds; i++)
			fprintf(stderr, "%s %s", i > 0 ? "," : "", px->bind[i]->key);
		fputc('\n', stderr);
	}
}

/* in: dst, family 0: only a port. */
static bool
serves(const struct tw_bind *b, const struct tw_addr *dst)
{
	struct tw_addr any = b->addr;

	if (b->addr.port != dst->port || b->addr.family == AF_UNIX)
		return false;
	if (dst->family == 0)
		return true;
	if (b->addr.family != dst->family)
		return b->addr.family == AF_INET6 && !b->v6only;
	memset(&any.u, 0, sizeof(any.u));
	return tw_addr_eq(&any, &b->addr) || tw_addr_eq(dst, &b->addr);
}

static struct tw_bind *
bind_of(const struct tw_proxy *px, const struct tw_addr *dst)
{
	for (int i = 0; i < px->n_binds; i++)
		if (dst == NULL || serves(px->bind[i], dst))
			return px->bind[i];
	return NULL;
}

static struct tw_bind *
choose_named(struct tw_gen *gen, const char *name, const struct tw_addr *dst)
{
	char text[512];
	const struct tw_proxy *const px = tw_gen_find(gen, name, TW_FRONTEND);

	if (px == NULL || !is_candidate(px)) {
		snprintf(text, sizeof(text),
		    px == NULL
			? "there is no frontend '%s', but:"
			: "frontend '%s' is disabled or has no bind line; there are:",
		    name);
		fail(text);
		candidates_print(gen);
		return NULL;
	}
	struct tw_bind *const b = dst != NULL ? bind_of(px, dst) : NULL;
	return b != NULL ? b : px->bind[0];
}

static struct tw_bind *
choose(struct tw_gen *gen, const char *name, const struct tw_addr *dst)
{
	struct tw_bind *found = NULL;
	struct tw_proxy *px;
	int n = 0;

	if (name != NULL)
		return choose_named(gen, name, dst);
	TAILQ_FOREACH(px, &gen->proxies, link) {
		struct tw_bind *const b = is_candidate(px) ? bind_of(px, dst) : NULL;

		if (b == NULL)
			continue;
		n++;
		if (found == NULL)
			found = b;
	}
	if (n == 1)
		return found;
	fail(n == 0 ? dst != NULL ? "no bind line has the port of --dst; there are:"
				  : "no frontend has a bind line"
		    : "there are several frontends; say which with --frontend NAME or "
		      "--dst ADDRESS:PORT:");
	candidates_print(gen);
	return NULL;
}

/* ---- addresses ---------------------------------------------------------- */

static int
parse(struct tw_gen *gen, const char *option, const char *word, struct tw_addr *out)
{
	const char *const digits = word[0] == ':' ? word + 1 : word;
	struct tw_err err = { "" };
	uint64_t port;

	*out = (struct tw_addr){ .family = 0 };
	if (strcmp(option, "--dst") == 0 && tw_str_to_u64(tw_str_of(digits), &port)) {
		out->port = (uint16_t)port;
		if (port > 0 && port < 65536)
			return 0;
	} else if (tw_parse_host(gen, word, out, &err) == 0) {
		return 0;
	}
	fprintf(stderr, "tideway explain: %s '%s': %s\n", option, word,
	    err.text[0] != '\0' ? err.text : "write ADDRESS, ADDRESS:PORT or a port");
	return TW__EXPLAIN_USAGE;
}

static void
loopback4(struct tw_addr *a)
{
	static const uint8_t ip[4] = { 127, 0, 0, 1 };

	memcpy(a->u.v4, ip, sizeof(ip));
}

/* What the client sees where the line listens on all addresses. */
static struct tw_addr
dst_of(const struct tw_bind *b, const struct tw_addr *dst)
{
	struct tw_addr any = b->addr, is = b->addr;

	if (dst != NULL && dst->family != 0) {
		is = *dst;
		if (is.port == 0)
			is.port = b->addr.port;
		return is;
	}
	if (is.family == AF_UNIX)
		return is;
	memset(&any.u, 0, sizeof(any.u));
	if (!tw_addr_eq(&any, &b->addr))
		return is;
	if (is.family == AF_INET)
		loopback4(&is);
	else
		is.u.v6[15] = 1;
	return is;
}

static struct tw_addr
src_of(void)
{
	struct tw_addr src = { .family = AF_INET, .port = 50000 };

	loopback4(&src);
	return src;
}

/* ---- servers ------------------------------------------------------------ */

static int
down_one(struct tw_gen *gen, const char *word)
{
	const char *const slash = strchr(word, '/');
	char name[256] = "";
	int n = 0;

	if (slash == NULL || (size_t)(slash - word) >= sizeof(name))
		return fail("--down needs BACKEND/SERVER");
	memcpy(name, word, (size_t)(slash - word));
	const struct tw_proxy *const px = tw_gen_find(gen, name, TW_BACKEND);
	for (int i = 0; px != NULL && i < px->n_servers; i++) {
		if (strcmp(slash + 1, "*") != 0 &&
		    strcmp(slash + 1, px->server[i]->name) != 0)
			continue;
		tw_server_force_health(px->server[i], TW_DOWN, "explain");
		n++;
	}
	if (n > 0)
		return -1;
	fprintf(stderr, "tideway explain: --down %s: there is no such %s\n", word,
	    px == NULL ? "backend" : "server");
	return TW__EXPLAIN_USAGE;
}

static int
down_all(struct tw_gen *gen, const struct tw__words *down)
{
	for (int i = 0; i < down->n; i++) {
		const int status = down_one(gen, down->at[i]);
		if (status >= 0)
			return status;
	}
	tw__worker_messages(tw_worker_at(0)); /* balancing follows */
	return -1;
}

/* ---- coming up ---------------------------------------------------------- */

void
tw__explain_silence(struct tw_gen *gen)
{
	struct tw_proxy *px;

	SLIST_INIT(&gen->global.loggers);
	TAILQ_FOREACH(px, &gen->proxies, link)
		SLIST_INIT(&px->c.loggers);
	tw__oplog_quiet(true);
}

static int
part_up(struct tw_worker *w, uint32_t buf_bytes)
{
	tw__self = w;
	if (tw__net_up(w, buf_bytes) != 0 || tw__log_worker_up(w) != 0)
		return -1;
	return tw__flow_up(w, (uint32_t)tw__module_block_bytes(TW_IN_REQ),
	    (uint32_t)tw__module_block_bytes(TW_IN_CONN));
}

static void
part_down(struct tw_worker *w)
{
	tw__self = w;
	tw__upstream_close_all(w);
	tw__flow_down(w);
	tw__net_down(w);
	tw__log_worker_down(w);
}

/* Only the worker's part of the modules: the control thread's would begin to
 * check servers and to ask for names. */
int
tw__explain_up(struct tw_gen **first, struct tw_err *err)
{
	struct tw_gen *const gen = *first;

	tw__explain_silence(gen);
	if (tw__workers_init(1, tw__module_block_bytes(TW_IN_WORKER), err) != 0 ||
	    tw__gen_start(gen, err) != 0)
		return -1;
	*first = NULL; /* taken */
	tw__gen_publish(gen);
	if (part_up(tw_worker_at(0), gen->global.bufsize) != 0 ||
	    part_up(tw_worker_at(1), gen->global.bufsize) != 0 ||
	    tw__modules_worker_init(tw_worker_at(1), tw_worker_at(1)->block) != 0)
		return tw_err_set(err, "out of memory");
	tw__worker_messages(tw_worker_at(0));
	tw__worker_messages(tw_worker_at(1));
	tw__self = tw_worker_at(0);
	return 0;
}

void
tw__explain_down(void)
{
	tw__self = tw_worker_at(1);
	tw__modules_worker_fini(tw_worker_at(1), tw_worker_at(1)->block);
	part_down(tw_worker_at(1));
	part_down(tw_worker_at(0));
	tw__self = tw_worker_at(0);
	tw__gens_end();
	tw__workers_join();
}

/* ---- the whole ---------------------------------------------------------- */

static int
drive(struct tw__drive *d, const struct tw__explain *e)
{
	struct tw__bytes in = { NULL, 0, 0 }, response = { NULL, 0, 0 };
	struct tw__explain_print p = { .e = e,
		.to = stdout,
		.colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL };
	struct tw_err err = { "" };
	size_t left = 0;
	int status = 0;

	if (tw__explain_input(e, &in, &err) != 0 ||
	    tw__explain_response(e, &response, &err) != 0) {
		status = fail(err.text);
	} else {
		d->input = (struct tw_str){ in.p, in.len };
		d->response = (struct tw_str){ response.p, response.len };
		d->has_response = e->response != NULL;
		d->show = tw__explain_print;
		d->arg = &p;
		left = tw__explain_drive(d);
	}
	if (e->json && status == 0)
		fputs(p.n > 0 ? "]\n" : "[]\n", stdout);
	if (left > 0)
		fprintf(stderr,
		    "tideway explain: the connection was closed: the last %zu bytes "
		    "were not looked at\n",
		    left);
	tw__bytes_free(&in);
	tw__bytes_free(&response);
	return status;
}

bool
tw__explain_frontend(struct tw_gen *gen, const char *name, const struct tw_addr *dst,
    struct tw__drive *d)
{
	d->bind = choose(gen, name, dst != NULL && dst->port != 0 ? dst : NULL);
	if (d->bind == NULL)
		return false;
	d->dst = dst_of(d->bind, dst);
	return true;
}

static int
explain(struct tw_gen *gen, const struct tw__explain *e)
{
	struct tw__drive d = { .src = src_of(), .tls = e->tls };
	struct tw_addr dst = { .family = 0 };
	int status = -1;

	if (e->src != NULL)
		status =
		    parse(gen, "--src", e->src, &d.src) == 0 ? -1 : TW__EXPLAIN_USAGE;
	if (status < 0 && e->dst != NULL)
		status =
		    parse(gen, "--dst", e->dst, &dst) == 0 ? -1 : TW__EXPLAIN_USAGE;
	if (status >= 0)
		return status;
	if (d.src.port == 0)
		d.src.port = 50000;
	if (!tw__explain_frontend(gen, e->frontend, e->dst != NULL ? &dst : NULL, &d))
		return TW__EXPLAIN_USAGE;
	status = down_all(gen, &e->down);
	return status >= 0 ? status : drive(&d, e);
}

int
tw__explain_run(struct tw__run *run)
{
	struct tw_err err = { "" };
	int status = 1;

	tw__signals_default();
	if (tw__explain_up(&run->first, &err) == 0)
		status = explain(tw__gen_current(), run->explain);
	else
		fprintf(stderr, "tideway explain: %s\n", err.text);
	tw__explain_down();
	return status;
}
