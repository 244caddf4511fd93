/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * service_mod.c - `http-request use-service NAME [if|unless CONDITION]`.
 *
 * Services are what other modules bring (service.h); a name is looked for when
 * all files are read, since its module may be loaded later. A REQUEST hook on
 * proxies that have such rules: the first one whose condition holds answers.
 * It stands before the statistics page, as HAProxy's rules do. Worker.
 * source: HAProxy's manual, http-request use-service.
 */
#include <tideway/assert.h>
#include <tideway/expr.h>
#include <tideway/module.h>
#include <tideway/proxy.h>
#include <tideway/req.h>
#include <tideway/service.h>

struct rule {
	struct rule *next;    /* gen */
	const char *name;     /* gen */
	struct tw_cond *cond; /* gen; NULL: always */
	const char *file;     /* gen */
	int line;
	/* Found by check(). */
	const struct tw_service *service;
	const struct tw_self *owner;
};

/* A proxy's rules; the last line comes last. */
struct rules {
	struct rule *first;
};

static const struct tw_self *self; /* set once, at load */

static int
service_load(const struct tw_self *me, struct tw_err *err)
{
	(void)err;
	self = me;
	return 0;
}

static struct rules *
rules_of(const struct tw_proxy *px)
{
	return tw_proxy_block(px, self);
}

/* --- configuration --- */

static int
set_use_service(struct tw_line *ln)
{
	struct rules *const rules = ln->state;
	struct rule **at = &rules->first;
	struct rule *const r = tw_arena_alloc(tw_gen_arena(ln->gen), sizeof(*r));

	*r = (struct rule){ .name =
				tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0)),
		.file = ln->file,
		.line = ln->number };
	if (ln->n_args > 1) {
		r->cond = tw_cond_compile(ln, 1, TW_AT_CONN | TW_AT_REQUEST);
		if (r->cond == NULL)
			return -1;
	}
	while (*at != NULL)
		at = &(*at)->next;
	*at = r;
	return 0;
}

static const struct tw_service *
service_find(const char *name, const struct tw_self **owner)
{
	for (int i = 0; (*owner = tw_module_each(i)) != NULL; i++) {
		const struct tw_service *s = (*owner)->module->services;

		for (; s != NULL && s->name != NULL; s++) {
			if (strcmp(s->name, name) == 0)
				return s;
		}
	}
	return NULL;
}

static int
service_check(struct tw_gen *gen)
{
	struct tw_proxy *px;
	int rc = 0;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		for (struct rule *r = rules_of(px)->first; r != NULL; r = r->next) {
			r->service = service_find(r->name, &r->owner);
			if (r->service == NULL)
				rc = tw_gen_fail(gen, r->file, r->line,
				    "'http-request use-service' : no loaded module has "
				    "a service '%s'",
				    r->name);
			else if (r->service->wanted != NULL)
				r->service->wanted(gen);
		}
	}
	return rc;
}

/* --- requests --- */

static enum tw_verdict
service_on_request(struct tw_req *req, void *state)
{
	const struct rule *r = rules_of(tw_req_proxy(req))->first;

	(void)state;
	while (r != NULL && r->cond != NULL && !tw_cond_eval(r->cond, req))
		r = r->next;
	if (r == NULL)
		return TW_NEXT;
	return r->service->run(req, tw_req_block(req, r->owner));
}

static bool
service_wants(const struct tw_proxy *px)
{
	return rules_of(px)->first != NULL && tw_proxy_mode(px) == TW_MODE_HTTP;
}

static const struct tw_kw keywords[] = {
	{ .word = "http-request use-service",
	    .scopes = TW_SC_FRONTEND | TW_SC_LISTEN | TW_SC_BACKEND,
	    .min_args = 1,
	    .max_args = -1,
	    .set = set_use_service,
	    .usage = "<service> [ { if | unless } <condition> ]",
	    .help = "A service of the program answers, such as "
		    "prometheus-exporter.",
	    .flags = TW_KW_HTTP | TW_KW_REST },
	{ .word = NULL },
};

static const struct tw_hook hooks[] = {
	{ TW_ON_REQUEST, service_on_request, "service_on_request", service_wants },
	{ .fn = NULL },
};

static const char *const before[] = { "stats", NULL };

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.name = "service",
	.version = "0.1.0",
	.summary = "answers by services: http-request use-service",
	.before = before,
	.size_of = { [TW_IN_PROXY] = sizeof(struct rules) },
	.keywords = keywords,
	.hooks = hooks,
	.load = service_load,
	.check = service_check,
};
