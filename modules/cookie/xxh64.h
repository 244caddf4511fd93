/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * xxh64.h - the hash that dynamic cookies are made with.
 */
#ifndef TW_COOKIE_XXH64_H
#define TW_COOKIE_XXH64_H

#include <tideway/str.h>

/** tw__xxh64 - seed 0. source: xxHash fast digest algorithm, 0.1.1, XXH64. */
uint64_t tw__xxh64(struct tw_str s);

#endif
