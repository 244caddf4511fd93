/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test.h - the parts of `tideway lua-test`.
 */
#ifndef TW_LUA_TEST_H
#define TW_LUA_TEST_H

#include "lu.h"

#include <stdio.h>

#include <tideway/play.h>

extern const struct tw_tool lu_tools[];

/* types.c */
int lu_types_run(int argc, char **argv); /* a tool */

/* test_play.c */
/** lu_open_play - a table of what lib/test.lua builds on; left on the stack. */
void lu_open_play(lua_State *L);

/* cover.c */
/** lu_cover_begin - from now on each state counts the lines it runs. */
void lu_cover_begin(void);
extern bool lu_cover_on; /* set at start-up */
/** lu_cover_state - of a new state. */
void lu_cover_state(lua_State *L);
/** lu_cover_file - the function on top is a file that is about to be run: which
 * lines of it have code. */
void lu_cover_file(lua_State *L, const char *path);
/** lu_cover_print - a line for each file, and whether all of them reach `least`
 * percent. */
bool lu_cover_print(FILE *to, int least);
void lu_cover_end(void);

#endif
