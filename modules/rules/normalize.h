/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * normalize.h - the normalizers, for their unit test: each changes a path or
 * query in place. returns: false: it is malformed.
 */
#ifndef RULES_NORMALIZE_H
#define RULES_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>

bool normalize_upper(char *s, size_t *len, bool strict);
bool normalize_decode(char *s, size_t *len, bool strict);
bool normalize_slashes(char *s, size_t *len, bool option);
bool normalize_dot(char *s, size_t *len, bool option);
bool normalize_dotdot(char *s, size_t *len, bool full);
bool normalize_sort(char *s, size_t *len, bool option);
bool normalize_strip_fragment(char *s, size_t *len, bool option);
bool normalize_encode_fragment(char *s, size_t *len, bool option);

#endif
