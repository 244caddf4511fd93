/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf/path.h - default-path.
 */
#ifndef TW_CONF_PATH_H
#define TW_CONF_PATH_H

#include <tideway/conf.h>

extern const struct tw_kw tw__path_keywords[];

/** tw__path_begin / tw__path_end - around the reading of all files. */
void tw__path_begin(void);
void tw__path_end(void);
/** tw__path_enter / tw__path_leave - around the lines of one file, once it is
 * open. returns: -1 with errno: its directory cannot be entered. */
int tw__path_enter(struct tw_arena *arena, const char *file);
void tw__path_leave(void);

#endif
