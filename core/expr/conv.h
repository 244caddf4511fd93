/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/conv.h - what the families of converters share.
 *
 * A family is a file with a table; register.c names the tables. A converter
 * changes the sample in place, text it makes lives in scratch memory
 * (tw__scratch: one piece for each converter), and what its arguments can say
 * beforehand is worked out in its check, once, into args[i].ptr.
 */
#ifndef TW_EXPR_CONV_H
#define TW_EXPR_CONV_H

#include "expr/expr_int.h"

#define TW__CONV(name)                                                      \
	static bool conv_##name(struct tw_req *req,                         \
	    const struct tw_arg_val *args, struct tw_sample *s)
#define TW__CHECK(name)                                                     \
	static int check_##name(struct tw_gen *gen, struct tw_arg_val *args, \
	    struct tw_err *err)
#define TW__UNUSED_CONV ((void)req, (void)args, (void)s)
#define TW__UNUSED_CHECK ((void)gen, (void)args, (void)err)

static inline bool
tw__arg_is(const struct tw_arg_val *arg)
{
	return arg->type != TW_ANY;
}

/* Text of `len` bytes in scratch memory becomes the sample. */
static inline bool
tw__set_text(struct tw_sample *s, enum tw_type type, const char *p, size_t len)
{
	s->type = (uint8_t)type;
	s->u.str = (struct tw_str){ p, len };
	return p != NULL;
}

/* ---- variables in arguments (arg_var.c) --------------------------------- */

/** tw__arg_looks_like_var - "txn.name" and the like. */
bool tw__arg_looks_like_var(struct tw_str text);
/** tw__arg_var - in a check: the argument names a variable; out: arg->ptr.
 * errors: -1. */
int tw__arg_var(struct tw_gen *gen, struct tw_arg_val *arg, struct tw_err *err);
/** tw__arg_number - in a check: a number, or else a variable. */
int tw__arg_number(struct tw_gen *gen, struct tw_arg_val *arg, struct tw_err *err);
/** tw__arg_var_get - the variable's value; false: it has none. */
bool tw__arg_var_get(struct tw_req *req, const struct tw_arg_val *arg,
    struct tw_sample *out);
/** tw__arg_var_text - the same as text; in: mem for numbers and addresses, so
 * that scratch memory is left to the caller. */
bool tw__arg_var_text(struct tw_req *req, const struct tw_arg_val *arg,
    char mem[64], struct tw_str *out);
/** tw__arg_number_get - the argument's number now. */
bool tw__arg_number_get(struct tw_req *req, const struct tw_arg_val *arg, int64_t *n);

/* ---- what several families use ------------------------------------------ */

/** tw__json_query - what `path` ("$.a.b[0]") gives in a JSON text. in: as_int,
 * an integer is asked for. errors: false: not found, not JSON. */
bool tw__json_query(struct tw_req *req, struct tw_str json, const char *path,
    bool as_int, struct tw_sample *out);
/** tw__json_check_path - a path that tw__json_query can follow? */
int tw__json_check_path(const char *path, struct tw_err *err);

/** tw__convs_register - all families. */
int tw__convs_register(struct tw_err *err);

extern const struct tw_conv tw__conv_string[], tw__conv_number[], tw__conv_encode[],
    tw__conv_hash[], tw__conv_time[], tw__conv_net[], tw__conv_json[],
    tw__conv_crypto[], tw__conv_jwt[], tw__conv_proto[], tw__conv_state[],
    tw__conv_regsub[], tw__conv_rfc7239[], tw__conv_map[], tw__conv_var[],
    tw__conv_mqtt[], tw__conv_jwe[], tw__conv_packet[];

#endif
