/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vars_dump.c - the fetch dump_all_vars: all variables of a scope as text.
 *
 * What does not fit into a buffer's size is nothing at all, never a part. Any
 * worker. source: HAProxy's manual (3.4), 7.3.2.
 */
#include "config.h"

#include <arpa/inet.h>

#include "core/expr/conv.h"
#include "core/expr/fetch.h"

/* Those that there are, in the order in which they are shown. */
static const char *const scopes[] = { "sess", "txn", "req", "res", "proc" };
#define ALL -1

struct dump {
	struct tw_out o;
	struct tw_str prefix, delim;
	bool any;
};

static void
put_quoted(struct tw_out *o, struct tw_str s)
{
	static const char special[] = "\"\\\r\n\b", letters[] = "\"\\rnb";

	tw_out_char(o, '"');
	for (size_t i = 0; i < s.len; i++) {
		const char *const at = s.p[i] != '\0' ? strchr(special, s.p[i]) : NULL;

		if (at != NULL || s.p[i] == '\0')
			tw_out_char(o, '\\');
		tw_out_char(o,
		    at != NULL           ? letters[at - special]
			: s.p[i] == '\0' ? '0'
					 : s.p[i]);
	}
	tw_out_char(o, '"');
}

static void
put_hex(struct tw_out *o, struct tw_str s)
{
	static const char digits[] = "0123456789abcdef";

	tw_out_char(o, 'x');
	for (size_t i = 0; i < s.len; i++) {
		tw_out_char(o, digits[(unsigned char)s.p[i] >> 4]);
		tw_out_char(o, digits[(unsigned char)s.p[i] & 15]);
	}
}

static void
put_value(struct tw_out *o, const struct tw_sample *s)
{
	char text[INET6_ADDRSTRLEN];

	switch (s->type) {
	case TW_BOOL:
		tw_out_str(o, s->u.n != 0 ? TW_STR("true") : TW_STR("false"));
		break;
	case TW_SINT:
		tw_out_printf(o, "%lld", (long long)s->u.n);
		break;
	case TW_IPV4:
	case TW_IPV6:
		inet_ntop(s->type == TW_IPV4 ? AF_INET : AF_INET6, s->u.ip, text,
		    sizeof(text));
		tw_out_str(o, tw_str_of(text));
		break;
	case TW_BINARY:
		put_hex(o, s->u.str);
		break;
	default:
		put_quoted(o, s->u.str);
	}
}

static void
put_var(void *arg, const char *name, const struct tw_sample *s)
{
	struct dump *const d = arg;

	if (!tw_str_has_prefix(tw_str_of(strchr(name, '.') + 1), d->prefix))
		return;
	if (d->any)
		tw_out_str(&d->o, d->delim);
	d->any = true;
	tw_out_str(&d->o, tw_str_of(name));
	tw_out_char(&d->o, '=');
	put_value(&d->o, s);
}

/* args[0].n: the scope; ALL. */
TW__CHECK(dump)
{
	(void)gen;
	args[0].n = ALL;
	if (!tw__arg_is(&args[0]) || args[0].str.len == 0)
		return 0;
	for (size_t i = 0; i < TW_N_ELEMENTS(scopes); i++)
		if (strcmp(args[0].str.p, scopes[i]) == 0)
			args[0].n = (int64_t)i;
	return args[0].n != ALL
	    ? 0
	    : tw_err_set(err, "'%s' is no scope: write sess, txn, req, res or proc",
		  args[0].str.p);
}

TW__FETCH(dump)
{
	const size_t room = tw_gen_bufsize(tw_req_gen(req));
	char *const mem = tw__scratch(req, room);
	struct dump d = { .prefix = TW_STR(""), .delim = TW_STR(", ") };

	(void)cur;
	if (mem == NULL)
		return false;
	d.o = tw_out_of(mem, room);
	if (tw__arg_is(&args[1]))
		d.prefix = args[1].str;
	if (tw__arg_is(&args[2]) && args[2].str.len > 0)
		d.delim = args[2].str;
	for (int i = 0; i < (int)TW_N_ELEMENTS(scopes); i++)
		if (args[0].n == ALL || args[0].n == i)
			tw__vars_visit(req, scopes[i], put_var, &d);
	return !d.o.over &&
	    tw_sample_str(
		out, TW_STRING, (struct tw_str){ mem, (size_t)(d.o.p - mem) });
}

const struct tw_fetch tw__var_dump_fetches[] = {
	{ "dump_all_vars", "[s,s,s]", TW_STRING, TW__AT_CLIENT, fetch_dump, NULL,
	    check_dump,
	    "All variables of a scope (or of all), those whose names begin so, with this "
	    "between them (', '): txn.name=\"value\"." },
	{ .name = NULL },
};
