/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/hash.h - the 32-bit hashes that configurations name.
 */
#ifndef TW_EXPR_HASH_H
#define TW_EXPR_HASH_H

#include <tideway/str.h>

uint32_t tw__hash_crc32(struct tw_str s);
uint32_t tw__hash_crc32c(struct tw_str s);
uint32_t tw__hash_djb2(struct tw_str s);
uint32_t tw__hash_sdbm(struct tw_str s);

#endif
