/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * arg_var.c - arguments of converters that may name a variable.
 *
 * Resolving on the control thread, reading on any worker. source: HAProxy's
 * manual, 7.3.1.
 */
#include "config.h"

#include <arpa/inet.h>

#include <tideway/var.h>
#include "expr/conv.h"

bool
tw__arg_looks_like_var(struct tw_str text)
{
	static const char *const scopes[] = { "proc.", "sess.", "txn.", "req.", "res.",
		"check." };

	for (size_t i = 0; i < TW_N_ELEMENTS(scopes); i++)
		if (text.len > strlen(scopes[i]) &&
		    tw_str_has_prefix(text, tw_str_of(scopes[i])))
			return true;
	return false;
}

int
tw__arg_var(struct tw_gen *gen, struct tw_arg_val *arg, struct tw_err *err)
{
	(void)gen;
	if (!tw__arg_looks_like_var(arg->str))
		return tw_err_set(err,
		    "'%.*s' is not a variable: its name begins with proc., sess., "
		    "txn., req., res. or check.",
		    TW_STR_FMT(arg->str));
	arg->ptr = tw_var_of(arg->str, err);
	return arg->ptr != NULL ? 0 : -1;
}

int
tw__arg_number(struct tw_gen *gen, struct tw_arg_val *arg, struct tw_err *err)
{
	uint64_t n;
	struct tw_str text = arg->str;
	const bool minus = text.len > 0 && text.p[0] == '-';

	if (minus)
		text = (struct tw_str){ text.p + 1, text.len - 1 };
	if (tw_str_to_u64(text, &n) && n <= INT64_MAX) {
		arg->type = TW_SINT;
		arg->n = minus ? -(int64_t)n : (int64_t)n;
		return 0;
	}
	if (!tw__arg_looks_like_var(arg->str))
		return tw_err_set(err,
		    "'%.*s' is neither a number nor a variable "
		    "(proc., sess., txn., req., res.)",
		    TW_STR_FMT(arg->str));
	return tw__arg_var(gen, arg, err);
}

bool
tw__arg_var_get(struct tw_req *req, const struct tw_arg_val *arg, struct tw_sample *out)
{
	return arg->ptr != NULL && tw_var_get(req, arg->ptr, out);
}

bool
tw__arg_var_text(
    struct tw_req *req, const struct tw_arg_val *arg, char mem[64], struct tw_str *out)
{
	struct tw_sample s;
	struct tw_out o = tw_out_of(mem, 64);

	if (!tw__arg_var_get(req, arg, &s))
		return false;
	switch ((enum tw_type)s.type) {
	case TW_BOOL:
	case TW_SINT:
		tw_out_i64(&o, s.u.n);
		break;
	case TW_IPV4:
	case TW_IPV6:
		if (inet_ntop(s.type == TW_IPV4 ? AF_INET : AF_INET6, s.u.ip, mem,
			64) == NULL)
			return false;
		o.p = mem + strlen(mem);
		break;
	default:
		*out = s.u.str;
		return true;
	}
	*out = (struct tw_str){ mem, (size_t)(o.p - mem) };
	return true;
}

bool
tw__arg_number_get(struct tw_req *req, const struct tw_arg_val *arg, int64_t *n)
{
	struct tw_sample s;

	if (arg->ptr == NULL) {
		*n = arg->n;
		return true;
	}
	if (!tw__arg_var_get(req, arg, &s) || !tw__cast(req, &s, TW_SINT))
		return false;
	*n = s.u.n;
	return true;
}
