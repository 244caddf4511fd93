/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf/env.h - the environment as the configuration changes it.
 */
#ifndef TW_CONF_ENV_H
#define TW_CONF_ENV_H

#include <tideway/conf.h>

/** tw__env_keywords - setenv, presetenv, unsetenv, resetenv; for tw__kw_add. */
extern const struct tw_kw tw__env_keywords[];
/** tw__env_begin - call before the files of a generation are read: each
 * starts with the environment that the program was started with, whatever
 * the one before it has set. context: control thread. */
void tw__env_begin(void);

#endif
