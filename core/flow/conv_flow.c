/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/conv_flow.c - the converters debug and when: a look at a value on its
 * way, and a value only when the exchange is of some kind.
 *
 * Any worker. source: HAProxy's manual (3.4), 7.3.1.
 */
#include "config.h"

#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <tideway/proxy.h>

#include "core/expr/conv.h"
#include "core/flow/req.h"
#include "core/proxy/logger.h"
#include "core/proxy/ring.h"

/* ---- debug ---------------------------------------------------------------- */

/* args[0]: the prefix. args[1].ptr: the ring; NULL: args[1].n, a descriptor;
 * args[2].n: the ring's format. */
TW__CHECK(debug)
{
	const char *const to = tw__arg_is(&args[1]) ? args[1].str.p : "buf0";

	args[1].n = strcmp(to, "stdout") == 0 ? 1 : strcmp(to, "stderr") == 0 ? 2 : 0;
	if (args[1].n != 0)
		return 0;
	const struct tw__ring_conf *const c =
	    strcmp(to, "buf0") == 0 ? tw__ring_buf0(gen) : tw__ring_conf_find(gen, to);
	if (c == NULL)
		return tw_err_set(err,
		    "there is no ring '%s': write stdout, stderr, buf0 or the name of "
		    "one",
		    to);
	args[1].ptr = tw__ring_get(to);
	args[2].n = c->format;
	return 0;
}

static void
put_head(struct tw_out *o, int64_t format)
{
	const uint64_t us = tw_wall_us();
	const time_t s = (time_t)(us / 1000000);
	struct tm tm;
	char text[32];

	if (format == TW__LOG_TIMED || format == TW__LOG_PRIORITY ||
	    format == TW__LOG_SHORT)
		tw_out_str(o, TW_STR("<0>"));
	if (format != TW__LOG_TIMED && format != TW__LOG_ISO)
		return;
	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	tw_out_printf(o, "%s.%06u+00:00 ", text, (unsigned)(us % 1000000));
}

TW__CONV(debug)
{
	char line[2048];
	struct tw_out o = tw_out_of(line, sizeof(line) - 1);
	struct tw_sample text = *s;

	(void)req;
	if (args[1].ptr != NULL)
		put_head(&o, args[2].n);
	tw_out_printf(&o, "[debug] %.*s: type=%s <",
	    tw__arg_is(&args[0]) ? (int)args[0].str.len : 0,
	    tw__arg_is(&args[0]) ? args[0].str.p : "",
	    tw__type_word((enum tw_type)s->type));
	if (text.type == TW_BOOL)
		tw_out_printf(&o, "%d", text.u.n != 0);
	else if (tw__cast(req, &text, TW_STRING))
		tw_log_text(&o, text.u.str, 0);
	tw_out_str(&o, TW_STR(">"));
	*o.p++ = '\n';
	const struct iovec iov = { line, (size_t)(o.p - line) };
	if (args[1].ptr != NULL)
		(void)tw__ring_put(args[1].ptr, &iov, 1);
	else if (write((int)args[1].n, iov.iov_base, iov.iov_len) < 0)
		return true; /* nobody listens */
	return true;
}

/* ---- when ----------------------------------------------------------------- */

enum { ERROR, FORWARDED, NORMAL, PROCESSED, STOPPING, TOAPPLET, ACL, N_CONDITIONS };

/* args[0].n: which; args[1].ptr: the ACL; args[2].n: it must not be so. */
TW__CHECK(when)
{
	static const char *const words[N_CONDITIONS] = { "error", "forwarded", "normal",
		"processed", "stopping", "toapplet", "acl" };
	const char *const word = args[0].str.p + (args[0].str.p[0] == '!');
	int i = 0;

	args[2].n = word != args[0].str.p;
	while (i < N_CONDITIONS && strcmp(word, words[i]) != 0)
		i++;
	if (i == N_CONDITIONS)
		return tw_err_set(err,
		    "'%s' is no condition: write error, forwarded, normal, processed, "
		    "stopping, toapplet or acl,<name>",
		    args[0].str.p);
	args[0].n = i;
	if ((i == ACL) != tw__arg_is(&args[1]))
		return tw_err_set(err,
		    i == ACL ? "'acl' needs the name of one behind a comma"
			     : "'%s' takes no argument",
		    args[0].str.p);
	if (i != ACL)
		return 0;
	args[1].ptr = tw__flow_acl(gen, args[1].str, err);
	return args[1].ptr != NULL ? 0 : -1;
}

static bool
is_error(const struct tw_req *req)
{
	const bool is_own = req->term[0] == 0 || req->term[0] == 'L';

	return req->failed || !is_own || req->retries != 0 || req->redispatched ||
	    req->status >= 500;
}

static bool
is_forwarded(const struct tw_req *req)
{
	return req->srv != NULL && req->t_connect != 0;
}

/* A service or a module answers, not a rule or an error page. */
static bool
is_applet(const struct tw_req *req)
{
	for (int i = 0; i < req->n_trail; i++) {
		const struct tw_trail *const t = &req->trail[i];
		const char *const who = t->origin != NULL ? t->origin->who : "";
		if (t->what == TW_ANSWERED &&
		    (strstr(who, "use-service") != NULL ||
			(strncmp(who, "http-", 5) != 0 &&
			    strcmp(who, "redirect") != 0)))
			return true;
	}
	return false;
}

static bool
is_so(struct tw_req *req, const struct tw_arg_val *args)
{
	switch (args[0].n) {
	case ERROR:
		return is_error(req);
	case NORMAL:
		return !is_error(req);
	case FORWARDED:
		return is_forwarded(req);
	case TOAPPLET:
		return is_applet(req);
	case PROCESSED:
		return is_forwarded(req) || is_applet(req);
	case STOPPING:
		return atomic_load_explicit(&tw__stopping, memory_order_relaxed) != 0;
	default:
		return tw__acl_eval(args[1].ptr, req);
	}
}

TW__CONV(when)
{
	(void)s;
	return req != NULL && req->cli != NULL && is_so(req, args) != (args[2].n != 0);
}

const struct tw_conv tw__flow_convs[] = {
	{ "debug", "[s,s]", TW_ANY, TW_ANY, conv_debug, check_debug,
	    "(prefix, sink) The value goes on, and a line about it to stdout, stderr or "
	    "a ring (buf0: see 'show events')." },
	{ "when", "s,[s]", TW_ANY, TW_ANY, conv_when, check_when,
	    "(condition) The value, when the exchange is so: error, normal, forwarded, "
	    "processed, toapplet, stopping, or acl,NAME holds; '!': when not." },
	{ .name = NULL },
};
