/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * prom.c - the service `prometheus-exporter`: walks over metrics and objects.
 *
 * All samples of a metric stand together, so each metric is a walk over all
 * objects. It goes out an object at a time, as there is room, and reads only
 * what that sample needs: ten thousand servers hold their worker for a buffer
 * at a time. The generation is the request's own. Worker.
 */
#include <stdio.h>

#include "prom.h"

#define SAMPLES_MAX 8192u /* bytes that one object's metric may take */

struct prom {
	bool wanted[PROM_N_SCOPES];
	bool no_maint;
	struct tw_proxy **px; /* request memory: all that are not disabled */
	int n_proxies;
	/* Where it is. */
	int scope, metric, i_proxy, i_part;
	bool is_headed, is_done;
	struct tw_process_info process;
	struct tw_gen *gen;
	struct tw_stats_row row; /* of the table at hand */
	char text[SAMPLES_MAX];
	size_t len, sent;
};

/* --- samples --- */

void
prom_sample(
    const struct prom_at *at, const char *suffix, const char *label, const char *value)
{
	struct tw_out *const o = at->out;
	const bool has_labels = at->px != NULL || label != NULL;

	tw_out_printf(o, "haproxy_%s_%s%s", prom_scope_names[at->scope],
	    at->metric->name, suffix);
	if (has_labels)
		tw_out_char(o, '{');
	if (at->px != NULL)
		tw_out_printf(o, "proxy=\"%s\"", tw_proxy_name(at->px));
	if (at->srv != NULL)
		tw_out_printf(o, ",server=\"%s\"", tw_server_name(at->srv));
	if (at->bind != NULL)
		tw_out_printf(o, ",listener=\"%s\"", tw_bind_name(at->bind));
	if (label != NULL)
		tw_out_printf(
		    o, "%s%s=\"%s\"", at->px != NULL ? "," : "", label, value);
	tw_out_str(o, tw_str_of(has_labels ? "} " : " "));
}

void
prom_u64(const struct prom_at *at, const char *label, const char *value, uint64_t n)
{
	prom_sample(at, "", label, value);
	tw_out_u64(at->out, n);
	tw_out_char(at->out, '\n');
}

void
prom_i64(const struct prom_at *at, int64_t n)
{
	prom_sample(at, "", NULL, NULL);
	tw_out_i64(at->out, n);
	tw_out_char(at->out, '\n');
}

void
prom_seconds(const struct prom_at *at, uint64_t ms)
{
	prom_sample(at, "", NULL, NULL);
	tw_out_printf(at->out, "%llu.%03u000\n", (unsigned long long)(ms / 1000),
	    (unsigned)(ms % 1000));
}

void
prom_nan(const struct prom_at *at)
{
	prom_sample(at, "", NULL, NULL);
	tw_out_lit(at->out, "NaN\n");
}

uint64_t
prom_sum(const struct prom_at *at, enum tw_cnt id)
{
	if (at->srv != NULL)
		return tw_server_sum(at->srv, id);
	if (at->bind != NULL)
		return tw_bind_sum(at->bind, id);
	return tw_proxy_sum(
	    at->px, at->scope == PROM_FRONTEND ? TW_FRONTEND : TW_BACKEND, id);
}

static uint32_t
gauge_of(const struct prom_at *at)
{
	struct tw_gauges g;

	if (at->srv != NULL)
		tw_server_gauges(at->srv, &g);
	else if (at->bind != NULL)
		tw_bind_gauges(at->bind, &g);
	else
		tw_proxy_gauges(
		    at->px, at->scope == PROM_FRONTEND ? TW_FRONTEND : TW_BACKEND, &g);
	return *(const uint32_t *)((const char *)&g + at->metric->which);
}

static void
metric_write(const struct prom_at *at)
{
	switch (at->metric->source) {
	case PROM_COUNTER_CELL:
		prom_u64(at, NULL, NULL, prom_sum(at, (enum tw_cnt)at->metric->which));
		return;
	case PROM_GAUGE32:
		prom_u64(at, NULL, NULL, gauge_of(at));
		return;
	case PROM_GAUGE_MS:
		prom_seconds(at, gauge_of(at));
		return;
	case PROM_OTHER:
		at->metric->write(at);
		return;
	}
}

/* --- objects --- */

/* in: at, scope and px. returns: false: it has no i-th object of that scope. */
static bool
object_choose(struct prom_at *at, int i)
{
	switch (at->scope) {
	case PROM_FRONTEND:
		return i == 0 && tw_proxy_has(at->px, TW_FRONTEND);
	case PROM_BACKEND:
		return i == 0 && tw_proxy_has(at->px, TW_BACKEND);
	case PROM_LISTENER:
		return tw_proxy_has(at->px, TW_FRONTEND) &&
		    st_conf_of(at->px)->socket_stats &&
		    (at->bind = tw_proxy_bind(at->px, i)) != NULL;
	case PROM_SERVER:
		return (at->srv = tw_proxy_server(at->px, i)) != NULL;
	default:
		return false;
	}
}

static bool
is_left_out(const struct prom *p, const struct prom_at *at)
{
	return (at->metric->http && tw_proxy_mode(at->px) != TW_MODE_HTTP) ||
	    (p->no_maint && at->srv != NULL &&
		(tw_server_admin(at->srv) & TW_ADM_MAINT));
}

/* The next object of this metric. returns: false: that was the last one. */
static bool
object_next(struct prom *p, struct prom_at *at)
{
	if (at->scope == PROM_GLOBAL)
		return p->i_part++ == 0;
	if (at->scope == PROM_MODULE)
		return prom_module_counter(p->i_part++, at);
	if (at->scope == PROM_STICKTABLE || at->scope == PROM_CERTIFICATE) {
		at->row = &p->row;
		return prom_table_row(p->gen, at->scope, p->i_part++, &p->row);
	}
	while (p->i_proxy < p->n_proxies) {
		at->px = p->px[p->i_proxy];
		if (object_choose(at, p->i_part++))
			return true;
		p->i_part = 0;
		p->i_proxy++;
	}
	return false;
}

static void
head_write(struct prom *p, const struct prom_at *at)
{
	if (p->is_headed || at->scope == PROM_MODULE)
		return;
	p->is_headed = true;
	tw_out_printf(at->out,
	    "# HELP haproxy_%1$s_%2$s %3$s\n# TYPE haproxy_%1$s_%2$s %4$s\n",
	    prom_scope_names[at->scope], at->metric->name, at->metric->help,
	    at->metric->type);
}

static void
metric_next(struct prom *p)
{
	p->metric++;
	p->i_proxy = p->i_part = 0;
	p->is_headed = false;
}

static void
scope_next(struct prom *p)
{
	p->metric = -1;
	metric_next(p);
	p->scope++;
}

/* Writes the next samples; there may be none. */
static void
part_next(struct prom *p, struct tw_out *o)
{
	if (p->scope == PROM_N_SCOPES) {
		p->is_done = true;
		return;
	}
	struct prom_at at = { .scope = (enum prom_scope)p->scope,
		.metric = &prom_metrics[p->scope][p->metric],
		.out = o,
		.process = &p->process };
	if (!p->wanted[p->scope] || at.metric->name == NULL)
		scope_next(p);
	else if (!object_next(p, &at))
		metric_next(p);
	else if (at.px == NULL || !is_left_out(p, &at)) {
		head_write(p, &at);
		metric_write(&at);
	}
}

static enum tw_io
prom_produce(struct tw_req *req, struct tw_out *out, void *arg)
{
	struct prom *const p = arg;

	(void)req;
	for (;;) {
		const size_t room = (size_t)(out->end - out->p);
		const size_t n = p->len - p->sent < room ? p->len - p->sent : room;

		tw_out_mem(out, p->text + p->sent, n);
		p->sent += n;
		if (p->sent < p->len)
			return TW_IO_OK;
		if (p->is_done)
			return TW_IO_END;
		struct tw_out o = tw_out_of(p->text, sizeof(p->text));
		part_next(p, &o);
		p->len = (size_t)(o.p - p->text);
		p->sent = 0;
	}
}

/* --- the request --- */

static bool
scope_take(struct prom *p, struct tw_str word)
{
	static const char *const words[] = { "global", "frontend", "listener",
		"backend", "server", "sticktable", "certificate" };

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++) {
		if (tw_str_eq(word, TW_STR("*")) ||
		    tw_str_eq(word, tw_str_of(words[i])))
			p->wanted[i] = true;
	}
	if (word.len == 0 || tw_str_eq(word, TW_STR("*")))
		return true;
	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++) {
		if (tw_str_eq(word, tw_str_of(words[i])))
			return true;
	}
	return false;
}

/* "scope=frontend&scope=server&no-maint". in: query, is decoded in place.
 * returns: false: a scope that is none. */
static bool
query_read(struct prom *p, struct tw_str query)
{
	bool any_scope = false;
	struct tw_str name, value;

	while (st_form_next(&query, &name, &value)) {
		if (tw_str_eq(name, TW_STR("no-maint")))
			p->no_maint = true;
		if (!tw_str_eq(name, TW_STR("scope")))
			continue;
		any_scope = true;
		if (!scope_take(p, value))
			return false;
	}
	for (int i = 0; i < PROM_N_SCOPES && !any_scope; i++)
		p->wanted[i] = true;
	p->wanted[PROM_MODULE] = p->wanted[PROM_GLOBAL];
	return true;
}

static struct tw_str
query_of(struct tw_req *req)
{
	const struct tw_str target = tw_req_request(req)->target;
	const char *const mark = memchr(target.p, '?', target.len);

	if (mark == NULL)
		return (struct tw_str){ "", 0 };
	return tw_req_copy(req,
	    (struct tw_str){ mark + 1, target.len - (size_t)(mark + 1 - target.p) });
}

static struct prom *
prom_new(struct tw_req *req)
{
	struct tw_arena *const arena = tw_req_arena(req);
	struct prom *const p = arena ? tw_arena_try(arena, sizeof(*p)) : NULL;
	struct tw_gen *const gen = tw_req_gen(req);
	int n = 0;

	if (p == NULL)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->gen = gen;
	n = tw_gen_n_proxies(gen);
	p->px = tw_arena_try(arena, ((size_t)n + 1) * sizeof(struct tw_proxy *));
	if (p->px == NULL)
		return NULL;
	p->n_proxies = tw_gen_proxies(gen, p->px, n);
	tw_process_info(&p->process);
	return p;
}

static enum tw_verdict
no_such_scope(struct tw_req *req, const struct tw_origin *origin)
{
	static const struct tw_reply reply = {
		.status = 400,
		.content_type = { "text/html", 9 },
		.body = TW_STR("<html><body><h1>400 Bad request</h1>\n"
			       "There is no such scope of metrics.\n</body></html>\n"),
		.served = true,
	};

	return tw_req_reply(req, &reply, origin);
}

enum tw_verdict
prom_run(struct tw_req *req, void *state)
{
	static const struct tw_str no_cache[] = { { "Cache-Control", 13 },
		{ "no-cache", 8 } };
	static const struct tw_origin origin = { "prometheus-exporter", NULL, 0 };
	struct prom *const p = prom_new(req);
	const struct tw_str query = query_of(req);

	(void)state;
	if (p == NULL || query.p == NULL)
		return tw_req_fail(req, 503, "out of memory", &origin);
	if (!query_read(p, query))
		return no_such_scope(req, &origin);
	const struct tw_reply reply = {
		.status = 200,
		.content_type = TW_STR("text/plain; version=0.0.4"),
		.headers = no_cache,
		.n_headers = 1,
		.produce = prom_produce,
		.arg = p,
		.served = true,
	};
	return tw_req_reply(req, &reply, &origin);
}
