/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/jwt.h - keys that verify tokens, held by a generation.
 */
#ifndef TW_EXPR_JWT_H
#define TW_EXPR_JWT_H

#include "expr/expr_int.h"

/** tw__jwt_fini - frees the keys of a generation. */
void tw__jwt_fini(struct tw__expr_gen *eg);

#endif
