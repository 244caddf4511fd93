/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * err.h - errors of scripts: told once in full, then counted.
 */
#ifndef TW_LUA_ERR_H
#define TW_LUA_ERR_H

#include "lu.h"

struct lu_errors *lu_errors_new(void);
void lu_errors_free(struct lu_errors **e);
/** lu_errors_show - one that is known. in, out: i, from 0, moved on. out: text,
 * NUL-terminated. returns: false: there is none. context: any. */
bool lu_errors_show(struct lu_errors *e, int *i, char *text, size_t room);
void lu_errors_clear(struct lu_errors *e);

/** lu_slow - tells that a call runs longer than its soft limit. context: inside of
 * it, a hook. in: c may be NULL. */
void lu_slow(struct lu_call *c, lua_State *L);

extern const char *const lu_reg_word[LU_N_REGS]; /* "action" */

#endif
