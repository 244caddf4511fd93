/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/logenc.h - JSON and CBOR in log-formats.
 */
#ifndef TW_EXPR_LOGENC_H
#define TW_EXPR_LOGENC_H

#include "expr/expr_int.h"

#define TW__LOG_JSON 0x2000u /* %{+json} */
#define TW__LOG_CBOR 0x4000u /* %{+cbor} */
#define TW__LOG_BIN 0x8000u  /* %{+bin} */
#define TW__LOG_ENCODED (TW__LOG_JSON | TW__LOG_CBOR)

/* What an item says of itself: %(name:type). */
struct tw__logitem {
	struct tw_str name;  /* len 0: none */
	uint8_t type;        /* TW_ANY, TW_STRING, TW_SINT or TW_BOOL */
};

/* A value on its way out. */
struct tw__logvalue {
	uint8_t type;      /* TW_ANY: null; TW_SINT, TW_BOOL, TW_STRING, TW_BINARY */
	int64_t n;
	struct tw_str str; /* borrow: until the next value of this thread */
};

/** tw__logenc_var, tw__logenc_expr - a variable's or an expression's value, of
 * the type that is wanted (TW_ANY: of its own). */
struct tw__logvalue tw__logenc_var(
    const struct tw_logvar *var, struct tw_req *req, unsigned flags, uint8_t type);
struct tw__logvalue tw__logenc_expr(
    const struct tw_expr *e, struct tw_req *req, uint8_t type);

/** tw__logenc_put - a value by itself. in: flags: TW__LOG_JSON or _CBOR, with
 * TW__LOG_BIN for CBOR as it is, not in hexadecimal digits. */
void tw__logenc_put(struct tw_out *o, const struct tw__logvalue *v, unsigned flags);
/* A map around "name: value" pairs. in: n, pairs before this one. */
void tw__logenc_begin(struct tw_out *o, unsigned flags);
void tw__logenc_pair(struct tw_out *o, unsigned n, struct tw_str name,
    const struct tw__logvalue *v, unsigned flags);
void tw__logenc_end(struct tw_out *o, unsigned flags);

#endif
