/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * check.c - what can be said of proxies only when all files are read.
 *
 * Names become pointers, numbers are given out, and what does not fit
 * together is reported at the line at fault, in HAProxy's words where users
 * know them. Runs once for each generation, before the modules' checks.
 */
#include "config.h"

#include <stdlib.h>

#include "core/net/conn.h"
#include "core/proxy/proxy_int.h"
#include "core/run/affinity.h"

/* The backend that a frontend refers to. in: word, the keyword; how, the
 * words for an error about the mode. returns: NULL after reporting. */
static struct tw_proxy *
backend_of(struct tw_gen *gen, const struct tw_proxy *fe, const char *name,
    const struct tw_origin *at, const char *how)
{
	struct tw_proxy *be = tw_gen_find(gen, name, TW_BACKEND);

	if (be == NULL) {
		tw_gen_fail(gen, at->file, at->line,
		    "Proxy '%s': unable to find required %s: '%s'.", fe->name, at->who,
		    name);
		return NULL;
	}
	if (be->c.mode != fe->c.mode) {
		tw_gen_fail(gen, at->file, at->line,
		    "%s %s '%s' (%s:%d) tries to use incompatible %s %s '%s' "
		    "(%s:%d) %s (see 'mode').",
		    tw_proxy_mode_name(fe), tw__proxy_type(fe), fe->name, fe->file,
		    fe->line, tw_proxy_mode_name(be), tw__proxy_type(be), be->name,
		    be->file, be->line, how);
		return NULL;
	}
	return be;
}

/* For the default of fullconn. */
static void
frontend_counted(struct tw_proxy *be, const struct tw_proxy *fe)
{
	if (be == NULL || be->fe_counted == fe)
		return;
	be->fe_counted = fe;
	be->fe_maxconn += fe->c.maxconn;
	if (fe->c.maxconn == 0)
		be->n_fe_unlimited++;
}

static int
frontend_check_routes(struct tw_gen *gen, struct tw_proxy *px)
{
	const struct tw__proxy_conf *c = &px->c;
	struct tw__use *use;
	int rc = 0;

	STAILQ_FOREACH(use, &px->uses, link) {
		if (use->fmt != NULL)
			continue;
		use->backend = backend_of(
		    gen, px, use->name, &use->origin, "in a 'use_backend' rule");
		if (use->backend == NULL)
			rc = -1;
		frontend_counted(use->backend, px);
	}
	if (c->default_backend == NULL) {
		px->default_backend = tw__is_be(px) ? px : NULL;
		px->default_origin = (struct tw_origin){ "listen", px->file, px->line };
		frontend_counted(px->default_backend, px);
		return rc;
	}
	px->default_origin = (struct tw_origin){ "default_backend",
		c->default_backend_file, c->default_backend_line };
	px->default_backend = backend_of(
	    gen, px, c->default_backend, &px->default_origin, "as its default backend");
	frontend_counted(px->default_backend, px);
	return px->default_backend != NULL ? rc : -1;
}

static void
timeouts_check(struct tw_gen *gen, const struct tw_proxy *px)
{
	const struct tw__timeouts *t = &px->c.timeout;
	const bool no_client = tw__is_fe(px) && t->client == 0;
	const bool no_server =
	    tw__is_be(px) && px->n_servers > 0 && (t->connect == 0 || t->server == 0);

	if (!no_client && !no_server)
		return;
	tw_gen_warn(gen, px->file, px->line,
	    "missing timeouts for %s '%s'.\n"
	    "   | While not properly invalid, you will certainly encounter various "
	    "problems\n"
	    "   | with such a configuration. To fix this, please ensure that all "
	    "following\n"
	    "   | timeouts are set to a non-zero value: 'client', 'connect', "
	    "'server'.",
	    tw__proxy_type(px), px->name);
}

/* What only mode http has, in HAProxy's words. */
static void
mode_check(struct tw_gen *gen, const struct tw_proxy *px)
{
	const struct {
		const char *name;
		bool on;
	} options[] = {
		{ "http-pretend-keepalive", tw__is_be(px) && px->c.pretend_keepalive },
		{ "http-ignore-probes", tw__is_fe(px) && px->c.ignore_probes },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(options) && px->c.mode == TW_MODE_TCP; i++)
		if (options[i].on)
			tw_gen_warn(gen, px->file, px->line,
			    "'option %s' ignored for %s '%s' as it requires HTTP mode.",
			    options[i].name, tw__proxy_type(px), px->name);
}

static int
by_name(const void *a, const void *b)
{
	const struct tw_server *x = *(struct tw_server *const *)a;
	const struct tw_server *y = *(struct tw_server *const *)b;
	const int name = strcmp(x->name, y->name);

	return name != 0 ? name : x->index - y->index;
}

static int
server_names_check(struct tw_gen *gen, const struct tw_proxy *px)
{
	const size_t n = (size_t)px->n_servers;
	struct tw_server **sorted;
	int rc = 0;

	if (n < 2)
		return 0;
	sorted = malloc(n * sizeof(*sorted));
	if (sorted == NULL)
		TW_WRONG("out of memory for server names");
	memcpy(sorted, px->server, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 1; i < n; i++) {
		const struct tw_server *a = sorted[i - 1], *b = sorted[i];

		if (strcmp(a->name, b->name) == 0)
			rc = tw_gen_fail(gen, b->file, b->line,
			    "%s '%s', another server named '%s' was already defined at "
			    "line %d, please use distinct names.",
			    tw__proxy_type(px), px->name, b->name, a->line);
	}
	free(sorted);
	return rc;
}

/* Gives the numbers that no `id` line has taken; one with an `id` line counts
 * too, as in HAProxy. in: get, the i-th number's place, NULL after the last. */
static int
ids_assign(void *of, uint32_t *(*get)(void *of, int i), int *clash)
{
	uint32_t next = 1;
	int n = 0, max;
	uint8_t *taken;

	while (get(of, n) != NULL)
		n++;
	max = 2 * n + 1;
	taken = calloc(1, (size_t)max + 1);
	if (taken == NULL)
		TW_WRONG("out of memory for numbers");
	*clash = -1;
	for (int i = 0; i < n; i++) {
		const uint32_t id = *get(of, i);

		if (id != 0 && id <= (uint32_t)max)
			taken[id]++;
		for (int k = 0; id > (uint32_t)max && k < i && *clash < 0; k++)
			*clash = *get(of, k) == id ? i : -1;
		if (id != 0 && id <= (uint32_t)max && taken[id] > 1 && *clash < 0)
			*clash = i;
	}
	for (int i = 0; i < n; i++, next++) {
		if (*get(of, i) != 0)
			continue;
		while (taken[next])
			next++;
		*get(of, i) = next;
	}
	free(taken);
	return *clash < 0 ? 0 : -1;
}

static uint32_t *
server_id_at(void *of, int i)
{
	struct tw_proxy *px = of;

	return i < px->n_servers ? &px->server[i]->id : NULL;
}

static uint32_t *
bind_id_at(void *of, int i)
{
	struct tw_proxy *px = of;

	return i < px->n_binds ? &px->bind[i]->id : NULL;
}

struct proxy_array {
	struct tw_proxy **px;
	int n;
};

static uint32_t *
proxy_id_at(void *of, int i)
{
	struct proxy_array *a = of;

	return i < a->n ? &a->px[i]->id : NULL;
}

static int
proxy_ids_check(struct tw_gen *gen)
{
	struct proxy_array a = {
		.px = malloc(((size_t)gen->n_proxies + 1) * sizeof(*a.px)),
	};
	struct tw_proxy *px;
	int clash, rc;

	if (a.px == NULL)
		TW_WRONG("out of memory for numbers");
	TAILQ_FOREACH(px, &gen->proxies, link) {
		px->id_forced = px->id != 0;
		a.px[a.n++] = px;
	}
	rc = ids_assign(&a, proxy_id_at, &clash);
	if (rc < 0)
		tw_gen_fail(gen, a.px[clash]->file, a.px[clash]->line,
		    "%s '%s' has the same 'id' %u as another proxy",
		    tw__proxy_type(a.px[clash]), a.px[clash]->name, a.px[clash]->id);
	free(a.px);
	return rc;
}

/* The algorithm completes its conf; what came from a defaults section is
 * other proxies' too. */
static int
balance_conf_check(struct tw_gen *gen, struct tw_proxy *px)
{
	const struct tw_balance *const algo = px->c.balance;
	void *conf = tw_arena_zalloc(gen->conf.arena, algo->conf_size);

	if (px->c.balance_conf != NULL && algo->conf_size > 0)
		memcpy(conf, px->c.balance_conf, algo->conf_size);
	px->c.balance_conf = conf;
	return algo->check != NULL ? algo->check(gen, px, conf) : 0;
}

static bool
balance_fits_mode(const struct tw_proxy *px)
{
	return px->c.mode == TW_MODE_LOG
	    ? px->c.balance->pick_message != NULL
	    : !(px->c.balance->flags & TW_BALANCE_MESSAGES);
}

static int
balance_check(struct tw_gen *gen, struct tw_proxy *px)
{
	if (px->c.balance == NULL)
		px->c.balance =
		    tw__module_find_balance("roundrobin", &px->c.balance_owner);
	if (px->c.balance != NULL && !balance_fits_mode(px))
		return tw_gen_fail(gen, px->balance_origin.file,
		    px->balance_origin.line,
		    "balance '%s' of %s '%s' is not for 'mode %s'; %s",
		    px->c.balance->name, tw__proxy_type(px), px->name,
		    tw_proxy_mode_name(px),
		    px->c.mode == TW_MODE_LOG
			? "write 'roundrobin', 'random', 'sticky' or 'log-hash'"
			: "it chooses servers for log messages, in 'mode log'");
	if (px->c.balance != NULL)
		return balance_conf_check(gen, px);
	if (px->n_servers == 0)
		return 0;
	return tw_gen_fail(gen, px->file, px->line,
	    "%s '%s' needs the balance "
	    "algorithm 'roundrobin', but no loaded module has it; load the module "
	    "'balance'",
	    tw__proxy_type(px), px->name);
}

static int
backend_check(struct tw_gen *gen, struct tw_proxy *px)
{
	int rc = server_names_check(gen, px), clash;

	for (int i = 0; i < px->n_servers; i++)
		px->server[i]->id_forced = px->server[i]->id != 0;
	if (ids_assign(px, server_id_at, &clash) < 0)
		rc = tw_gen_fail(gen, px->server[clash]->file, px->server[clash]->line,
		    "server '%s/%s' has the same 'id' %u as "
		    "another server",
		    px->name, px->server[clash]->name, px->server[clash]->id);
	tw__direct_make(gen, px);
	return balance_check(gen, px) < 0 ? -1 : rc;
}

/* Finds the listener across reloads; a second one of the same address gets a
 * key of its own. */
static void
bind_make_key(struct tw_gen *gen, struct tw_bind *b, int nth)
{
	char text[160];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);

	if (b->fd >= 0)
		tw_out_printf(&o, "fd@%d", b->fd);
	else
		tw_addr_port_out(&o, &b->addr);
	if (b->interface != NULL)
		tw_out_printf(&o, "@%s", b->interface);
	if (b->mptcp)
		tw_out_lit(&o, "@mptcp");
	if (b->netns != NULL)
		tw_out_printf(&o, "@ns=%s", tw__netns_name(b->netns));
	if (nth > 0)
		tw_out_printf(&o, "#%d", nth + 1);
	*o.p = '\0';
	b->key = tw_arena_strdup(gen->conf.arena, text);
}

static int
by_place(const void *a, const void *b)
{
	const struct tw_bind *x = *(struct tw_bind *const *)a;
	const struct tw_bind *y = *(struct tw_bind *const *)b;

	return strcmp(x->key, y->key);
}

static void
bind_keys_make(struct tw_gen *gen)
{
	struct tw_bind **all = malloc(((size_t)gen->n_binds + 1) * sizeof(*all));
	struct tw_proxy *px;
	size_t n = 0;
	int nth = 0;

	if (all == NULL)
		TW_WRONG("out of memory for listeners");
	TAILQ_FOREACH(px, &gen->proxies, link) {
		for (int i = 0; i < px->n_binds; i++) {
			bind_make_key(gen, px->bind[i], 0);
			all[n++] = px->bind[i];
		}
	}
	qsort(all, n, sizeof(*all), by_place);
	for (size_t i = 1; i < n; i++) {
		const bool same = strncmp(all[i]->key, all[i - 1]->key,
				      strcspn(all[i - 1]->key, "#")) == 0 &&
		    all[i]->key[strcspn(all[i - 1]->key, "#")] == '\0';

		nth = same ? nth + 1 : 0;
		if (same)
			bind_make_key(gen, all[i], nth);
	}
	free(all);
}

static int
tcp_binds_check(struct tw_gen *gen, struct tw_proxy *px)
{
	int rc = 0;

	for (int i = 0; i < px->n_binds; i++) {
		const struct tw_bind *const b = px->bind[i];

		if (b->proto_name != NULL && strcmp(b->proto_name, "none") != 0)
			rc |= tw_gen_fail(gen, b->file, b->line,
			    "'proto %s' is for mode http; in mode tcp there is none",
			    b->proto_name);
	}
	return rc;
}

/* in: mode http. */
static int
bind_protos(struct tw_gen *gen, struct tw_proxy *px)
{
	int rc = 0;

	for (int i = 0; i < px->n_binds; i++) {
		struct tw_bind *const b = px->bind[i];

		if (b->proto_name == NULL)
			continue;
		b->proto = tw__module_find_proto(b->proto_name, NULL);
		if (b->proto == NULL)
			rc |= tw_gen_fail(gen, b->file, b->line,
			    "'proto' does not know '%s': write h1, h2, or another that "
			    "a loaded module has",
			    b->proto_name);
	}
	return rc;
}

static int
frontend_check(struct tw_gen *gen, struct tw_proxy *px)
{
	int rc = frontend_check_routes(gen, px), clash;

	if (px->c.mode == TW_MODE_LOG)
		rc = tw_gen_fail(gen, px->file, px->line,
		    "'mode log' is for backends, and %s '%s' receives connections: "
		    "receive log messages in a section 'log-forward'",
		    tw__proxy_type(px), px->name);
	if (tw__binds_shard(gen, px) < 0)
		rc = -1;
	if (px->n_binds == 0 && !px->c.disabled)
		tw_gen_warn(gen, px->file, px->line,
		    "%s '%s' has no 'bind' directive. Please declare it as a backend "
		    "if this was intended.",
		    tw__proxy_type(px), px->name);
	if (ids_assign(px, bind_id_at, &clash) < 0)
		rc = tw_gen_fail(gen, px->bind[clash]->file, px->bind[clash]->line,
		    "this listener of '%s' has the same 'id' %u as another", px->name,
		    px->bind[clash]->id);
	for (int i = 0; i < px->n_binds; i++) {
		struct tw_bind *b = px->bind[i];

		if (px->c.mode != TW_MODE_HTTP && px->c.smart_accept == 0)
			px->c.smart_accept = 2;
		tw__unix_bind_apply(gen, b);
		if (b->name == NULL)
			b->name = tw_arena_printf(gen->conf.arena, "sock-%d", i + 1);
		if (b->backlog == 0)
			b->backlog = px->c.backlog;
	}
	px->rate_limited = px->c.rate_limit != 0;
	if (px->c.mode != TW_MODE_HTTP)
		return rc | tcp_binds_check(gen, px);
	px->mux_proto = tw__module_find_mux();
	rc |= bind_protos(gen, px);
	px->proto = tw__module_find_proto("h1", NULL);
	if (px->proto == NULL)
		rc = tw_gen_fail(gen, px->file, px->line,
		    "'mode http' of %s '%s' needs "
		    "the protocol 'h1', but no loaded module has it; load the module "
		    "'http'",
		    tw__proxy_type(px), px->name);
	return rc;
}

static bool
is_of_client(const struct tw_server *srv)
{
	return srv->how != NULL && srv->how->source != NULL &&
	    srv->how->source->as != TW__AS_ADDR && srv->how->source->as != TW__AS_OTHER;
}

/* What connections to it need beside an address. */
static void
how_make(const struct tw_proxy *px, struct tw_server *srv)
{
	const struct tw__source *source =
	    srv->source != NULL ? srv->source : px->c.source;
	const struct tw__keepalive *k = &px->c.keepalive_server;
	struct tw__how *how;

	if (source == NULL && srv->netns == NULL && srv->tcp_ut_ms == 0 && !srv->tfo &&
	    !srv->netns_of_client && !srv->mptcp && !px->c.smart_connect &&
	    srv->cc == NULL && (k->cnt | k->idle_s | k->intvl_s) == 0)
		return;
	how = tw_arena_alloc(px->gen->conf.arena, sizeof(*how));
	*how = (struct tw__how){
		.source = source,
		.netns = srv->netns,
		.keepalive = *k,
		.tcp_ut_ms = srv->tcp_ut_ms,
		.smart_connect = px->c.smart_connect,
		.tfo = srv->tfo,
		.netns_of_client = srv->netns_of_client,
		.mptcp = srv->mptcp,
		.cc = srv->cc,
	};
	srv->how = how;
}

/* What needs the servers' addresses. */
void
tw__server_finish(struct tw_proxy *px, struct tw_server *srv)
{
	if (srv->minconn >= srv->maxconn && srv->minconn != 0) {
		srv->maxconn = srv->minconn; /* as in HAProxy: that is the limit */
		srv->minconn = 0;
	}
	if (srv->has_addr)
		srv->ss_len = tw_addr_to_sockaddr(&srv->addr, &srv->ss);
	how_make(px, srv);
	srv->per_client = srv->send_proxy || srv->send_proxy2 || srv->map_addr ||
	    srv->map_port || srv->redir != NULL || srv->netns_of_client ||
	    is_of_client(srv);
}

int
tw__proxies_check(struct tw_gen *gen)
{
	struct tw_proxy *px;
	int rc = proxy_ids_check(gen);

	tw__policy_make(gen);
	if (tw__groups_check(gen, tw__threads_planned(gen)) < 0)
		rc = -1;

	TAILQ_FOREACH(px, &gen->proxies, link) {
		px->c.log_uri_max = gen->global.tune.logurilen != 0
		    ? gen->global.tune.logurilen
		    : UINT32_MAX;
		if (tw__is_fe(px) && frontend_check(gen, px) < 0)
			rc = -1;
		if (tw__is_be(px) && backend_check(gen, px) < 0)
			rc = -1;
		if (!px->c.disabled && px->c.mode != TW_MODE_LOG)
			timeouts_check(gen, px);
		mode_check(gen, px);
	}
	bind_keys_make(gen);
	if (tw__servers_resolve(gen) < 0)
		rc = -1;
	TAILQ_FOREACH(px, &gen->proxies, link) {
		for (int i = 0; i < px->n_servers; i++)
			tw__server_finish(px, px->server[i]);
		if (px->direct != NULL)
			tw__server_finish(px, px->direct);
	}
	return rc;
}
