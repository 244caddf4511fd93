/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * text.h - what files said when they were read: a set keeps it, so that all its
 * states run the same, and `lua rollback` what ran before.
 */
#ifndef TW_LUA_TEXT_H
#define TW_LUA_TEXT_H

#include "lu.h"

/** lu_file_find - path and real of a file that a line names, while it is read:
 * default-path holds then. */
void lu_file_find(struct tw_line *ln, struct lu_file *file, const char *path);
/** lu_text_read - errors: -1: err. out: text, owns. */
int lu_text_read(const char *path, struct lu_text *text, struct tw_err *err);
void lu_texts_free(struct lu_text **text, int n);

#endif
