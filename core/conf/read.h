/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf/read.h - configuration that is not a file.
 */
#ifndef TW_CONF_READ_H
#define TW_CONF_READ_H

#include "core/conf/conf.h"

/** tw__conf_read_text - parses a text as if it were a file. in: text, whose
 * line ends are overwritten, with one byte of room at text[len]; name, for
 * messages. returns: 0, or -1 when anything was reported. */
int tw__conf_read_text(struct tw_gen *gen, const char *name, char *text,
    size_t len);

#endif
