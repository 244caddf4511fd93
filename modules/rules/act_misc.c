/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_misc.c - strict-mode, use-service, early-hint.
 *
 * source: HAProxy's manual, 4.2.
 */
#include <stdio.h>

#include <tideway/service.h>

#include "rules.h"
#include "strict.h"

#define S(x) (1u << TW_##x)

static const bool strict_on = true, strict_off = false;

static int
parse_strict(struct tw_action_line *a, const void **conf)
{
	const char *const word = tw_action_arg(a);

	if (word != NULL && strcmp(word, "on") == 0)
		*conf = &strict_on;
	else if (word != NULL && strcmp(word, "off") == 0)
		*conf = &strict_off;
	else
		return action_fail(a, "'%s %s' expects 'on' or 'off'", a->set, a->word);
	return 0;
}

bool
strict_mode_is_on(const void *conf)
{
	return *(const bool *)conf;
}

/* The run of a set knows it by this function. */
enum tw_act
strict_mode_run(struct tw_req *req, const struct tw_action_call *call)
{
	(void)req;
	(void)call;
	return TW_ACT_NEXT;
}

struct use_service {
	const struct tw_service *service;
	const struct tw_self *owner;
	const char *shown; /* in the log */
	const struct tw_proxy *proxy;
};

static const char *
service_shown(struct tw_gen *gen, const struct tw_service *s)
{
	const size_t len = strlen(s->name) + 3;

	if (s->shown != NULL)
		return s->shown;
	char *const p = tw_arena_alloc(tw_gen_arena(gen), len);
	snprintf(p, len, "<%s>", s->name);
	return p;
}

static bool
has_lua(void)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw_module_each(i)) != NULL; i++)
		if (strcmp(self->module->name, "lua") == 0)
			return true;
	return false;
}

static int
no_service(const struct tw_action_line *a, const char *name)
{
	if (strncmp(name, "lua.", 4) == 0 && !has_lua())
		return action_fail(a,
		    "the service '%s' is known to HAProxy 3.4 but not supported by "
		    "tideway yet",
		    name);
	return action_fail(a, "there is no service '%s'", name);
}

static int
wrong_mode(const struct tw_action_line *a, const struct tw_service *s)
{
	const unsigned modes = s->modes != 0 ? s->modes : TW_SERVICE_HTTP;
	const bool tcp = a->rules == TW_TCP_CONTENT;

	if (modes & (tcp ? TW_SERVICE_TCP : TW_SERVICE_HTTP))
		return 0;
	return action_fail(a, "the service '%s' is one for '%s'", s->name,
	    tcp ? "http-request use-service" : "tcp-request content use-service");
}

static int
check_service(struct tw_gen *gen, void *conf, const struct tw_origin *origin)
{
	const struct use_service *const u = conf;

	if (tw_proxy_mode(u->proxy) != TW_MODE_HTTP)
		return 0;
	return tw_gen_fail(gen, origin->file, origin->line,
	    "the service '%s' takes connections over, which needs mode tcp; an HTTP "
	    "service belongs into 'http-request use-service'",
	    u->service->name);
}

static int
parse_service(struct tw_action_line *a, const void **conf)
{
	struct tw_gen *const gen = a->ln->gen;
	struct use_service *const u = tw_arena_zalloc(tw_gen_arena(gen), sizeof(*u));
	const char *const name = tw_action_arg(a);

	*conf = u;
	if (name == NULL)
		return action_missing(a, "the name of a service");
	u->service = tw_service_of(gen, name, &u->owner);
	if (u->service == NULL)
		return no_service(a, name);
	if (wrong_mode(a, u->service) != 0)
		return -1;
	u->shown = service_shown(gen, u->service);
	if (u->service->wanted != NULL)
		u->service->wanted(gen);
	u->proxy = a->ln->proxy;
	if (a->rules == TW_TCP_CONTENT)
		rules_late(a, check_service, u);
	return 0;
}

static enum tw_act
run_service(struct tw_req *req, const struct tw_action_call *call)
{
	const struct use_service *const u = call->conf;

	if (call->rules == TW_TCP_CONTENT &&
	    tw_proxy_mode(tw_req_frontend(req)) == TW_MODE_HTTP) {
		tw_req_fail(req, 500, "a TCP service in mode http", call->origin);
		return TW_ACT_FAIL; /* a rule of a defaults section */
	}
	if (u->service->serve != NULL)
		return tw_req_serve(req, u->service, u->shown, call->origin) == TW_DONE
		    ? TW_ACT_DONE
		    : TW_ACT_FAIL;
	switch (u->service->run(req, tw_req_block(req, u->owner))) {
	case TW_DONE:
		tw_decide_note(req, TW_ANSWERED, u->shown, call->origin);
		return TW_ACT_DONE;
	case TW_FAIL:
		return TW_ACT_FAIL;
	case TW_WAIT:
		return TW_ACT_WAIT;
	default:
		return TW_ACT_NEXT;
	}
}

struct hint {
	struct tw_str name;
	struct rule_text value;
};

static int
parse_hint(struct tw_action_line *a, const void **conf)
{
	struct hint *const h = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*h));
	const char *const name = tw_action_arg(a), *const fmt = tw_action_arg(a);

	*conf = h;
	if (fmt == NULL || *name == '\0')
		return action_missing(a, "the name of a field and its value");
	h->name = tw_str_of(gen_dup(a->ln, name));
	return text_parse(a, a->i - 1, fmt, true, &h->value);
}

static enum tw_act
run_hint(struct tw_req *req, const struct tw_action_call *call)
{
	const struct hint *const h = call->conf;
	struct tw_str field[2] = { h->name, text_field(req, &h->value) };

	if (field[1].p != NULL)
		tw_req_interim(req, 103, field, 1);
	return TW_ACT_NEXT;
}

/* clang-format off */
const struct tw_action act_misc[] = {
	{ "strict-mode", S(HTTP_REQUEST) | S(HTTP_RESPONSE) | S(HTTP_AFTER),
		parse_strict, strict_mode_run, "{on | off}",
		"Whether a rewrite that fails, in the rules that follow, ends the "
		"request with 500.", 0 },
	{ "use-service", S(HTTP_REQUEST) | S(TCP_CONTENT), parse_service, run_service,
		"<name>",
		"A service answers the request, or takes the connection over.",
		TW_ACTION_FINAL | TW_ACTION_WAITS },
	{ "early-hint", S(HTTP_REQUEST), parse_hint, run_hint, "<name> <fmt>",
		"Sends an interim response (103) with one field.", 0 },
	{ .name = NULL },
};
/* clang-format on */
