/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show.h - the commands about scripts.
 */
#ifndef TW_LUA_SHOW_H
#define TW_LUA_SHOW_H

#include "lu.h"

/* reload.c */
void lu_cmd_reload(struct tw_cli *cli, int argc, char *const argv[]);
void lu_cmd_rollback(struct tw_cli *cli, int argc, char *const argv[]);

#endif
