/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/jwt.h - keys that verify tokens, held by a generation.
 */
#ifndef TW_EXPR_JWT_H
#define TW_EXPR_JWT_H

#include "expr/expr_int.h"

struct tw__jwt_key {
	struct tw__jwt_key *next;
	struct evp_pkey_st *pkey; /* owns: tw__jwt_fini */
};
/** tw__jwt_keep - takes a key for the generation's life. */
struct tw__jwt_key *tw__jwt_keep(struct tw_gen *gen, struct evp_pkey_st *pkey);
/** tw__jwt_fini - frees the keys of a generation. */
void tw__jwt_fini(struct tw__expr_gen *eg);

#endif
