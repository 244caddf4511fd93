/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_map.c - the converters map, map_METHOD and map_METHOD_TYPE.
 *
 * The name says how keys match and what the values are; the table below has
 * one entry for each, which points to a function that only differs in that.
 * The file is read and compiled in the check. Any worker.
 * source: HAProxy's manual, 7.3.1.
 */
#include "config.h"

#include "expr/conv.h"
#include "expr/patref.h"
#include "expr/regex.h"

#define RESULT_MAX 16384

/* args[0].ptr: the view; args[2]: the default, typed. */
static int
open_map(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err,
    const struct tw__patkind *kind)
{
	struct tw__ectx cx = { .gen = gen, .err = err };
	struct tw_sample s;

	if (tw__arg_is(&args[1]) && kind->out == TW_SINT) {
		int64_t hi;
		if (tw__pat_parse_int(args[1].str.p, &args[1].n, &hi, err) != 0 ||
		    hi != args[1].n)
			return tw_err_set(
			    err, "the default '%s' is not a number", args[1].str.p);
	}
	if (tw__arg_is(&args[1]) && kind->out == TW_IPV4 &&
	    !tw__parse_ip(args[1].str, &s))
		return tw_err_set(
		    err, "the default '%s' is not an address", args[1].str.p);
	tw__expr_late_where(&cx);
	struct tw__patref *const ref = tw__patref_open(&cx, args[0].str.p, true);
	args[0].ptr = ref != NULL ? tw__patref_view(&cx, ref, kind) : NULL;
	return args[0].ptr != NULL ? 0 : -1;
}

static bool
give_default(const struct tw_arg_val *arg, enum tw_type out, struct tw_sample *s)
{
	if (!tw__arg_is(arg))
		return false;
	if (out == TW_IPV4)
		return tw__parse_ip(arg->str, s);
	s->type = (uint8_t)out;
	if (out == TW_SINT)
		s->u.n = arg->n;
	else
		s->u.str = arg->str;
	return true;
}

static bool
give(const struct tw__mapval *v, enum tw_type out, struct tw_sample *s)
{
	if (out != TW_STRING) {
		*s = v->typed;
		return true;
	}
	return tw_sample_str(s, TW_STRING, v->str);
}

/* What is no address at all is not found by default either. */
static bool
is_address(const struct tw_sample *s)
{
	struct tw_sample ip;

	if (s->type == TW_STRING || s->type == TW_BINARY)
		return tw__text_ip(s->u.str, &ip);
	return s->type == TW_IPV4 || s->type == TW_IPV6;
}

static bool
look_up(const struct tw_arg_val *args, struct tw_sample *s, enum tw_type out)
{
	const struct tw__mapval *const v =
	    tw__mapidx_find(tw__patview_map(args[0].ptr), NULL, s, NULL);

	return v != NULL ? give(v, out, s) : give_default(&args[1], out, s);
}

/* The value may be retired before the sample is used, at the end of this turn
 * at the earliest: readers hold nothing longer than a turn. */
#define MAP(name, method, result)                                      \
	TW__CHECK(name)                                                \
	{                                                              \
		static const struct tw__patkind kind = {               \
			.match = method, .is_map = true, .out = result \
		};                                                     \
		return open_map(gen, args, err, &kind);                \
	}                                                              \
	TW__CONV(name)                                                 \
	{                                                              \
		if (method == TW__IP && s->type == TW_SINT)            \
			tw__cast(req, s, TW_IPV4);                     \
		return (method != TW__IP || is_address(s)) &&          \
		    look_up(args, s, result);                          \
	}

/* The same form as for texts; what is given is what was written as the key. */
#define MAP_KEY(name, method)                                                     \
	TW__CHECK(name##_key)                                                     \
	{                                                                         \
		return check_##name(gen, args, err);                              \
	}                                                                         \
	TW__CONV(name##_key)                                                      \
	{                                                                         \
		const struct tw__mapval *const v =                                \
		    tw__mapidx_find(tw__patview_map(args[0].ptr), NULL, s, NULL); \
		(void)req;                                                        \
		return v != NULL &&                                               \
		    tw__set_text(s, TW_STRING, v->key, strlen(v->key));           \
	}

#define MAPS(name, method)               \
	MAP(name, method, TW_STRING)     \
	MAP(name##_int, method, TW_SINT) \
	MAP(name##_ip, method, TW_IPV4)  \
	MAP_KEY(name, method)

MAPS(map_str, TW__STR)
MAPS(map_beg, TW__BEG)
MAPS(map_sub, TW__SUB)
MAPS(map_dir, TW__DIR)
MAPS(map_dom, TW__DOM)
MAPS(map_end, TW__END)
MAPS(map_reg, TW__REG)
MAPS(map_int, TW__INT)
MAPS(map_ip, TW__IP)

/* \1 in a value is what the key's first group found. */
TW__CONV(map_regm)
{
	struct tw_str group[TW__REGEX_GROUPS];
	const struct tw__regex *re = NULL;
	const struct tw__mapval *const v =
	    tw__mapidx_find(tw__patview_map(args[0].ptr), req, s, &re);

	if (v == NULL)
		return give_default(&args[1], TW_STRING, s);
	char *const mem = tw__scratch(req, RESULT_MAX);
	struct tw_out o = tw_out_of(mem, RESULT_MAX);
	if (!tw__regex_find(re, s->u.str, false, group))
		return false;
	tw__regex_subst(&o, v->str, group);
	return !o.over && tw__set_text(s, TW_STRING, mem, (size_t)(o.p - mem));
}

#define ENTRY(name, in, out, help)                                       \
	{                                                                \
#name, "s,[s]", in, out, conv_##name, check_##name, help \
	}
#define ENTRIES(name, in, how)                                                         \
	ENTRY(name, in, TW_STRING, "(file, default) The value of the key " how),       \
	    ENTRY(name##_int, in, TW_SINT,                                             \
		"(file, default) The number of the key " how),                         \
	    ENTRY(                                                                     \
		name##_ip, in, TW_ANY, "(file, default) The address of the key " how), \
	{                                                                              \
#name "_key", "s", in, TW_STRING, conv_##name##_key,                   \
		    check_##name##_key, "(file) The key itself " how                   \
	}

const struct tw_conv tw__conv_map[] = {
	{ "map", "s,[s]", TW_STRING, TW_STRING, conv_map_str, check_map_str,
	    "(file, default) The value of the key that is equal." },
	ENTRIES(map_beg, TW_STRING, "that it begins with."),
	ENTRIES(map_dir, TW_STRING, "that is between slashes in it."),
	ENTRIES(map_dom, TW_STRING, "that is between dots in it."),
	ENTRIES(map_end, TW_STRING, "that it ends with."),
	ENTRIES(map_int, TW_SINT, "that is the number or its range."),
	ENTRIES(map_ip, TW_ANY, "that is its network."),
	ENTRIES(map_reg, TW_STRING, "that matches as a regular expression."),
	{ "map_regm", "s,[s]", TW_STRING, TW_STRING, conv_map_regm, check_map_reg,
	    "As map_reg, and \\1 to \\9 in the value are what groups matched." },
	ENTRIES(map_str, TW_STRING, "that is equal."),
	ENTRIES(map_sub, TW_STRING, "that is a part of it."),
	{ .name = NULL },
};
