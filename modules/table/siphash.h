/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * siphash.h - SipHash-1-3: a hash with a secret, for keys that clients choose.
 *
 * source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef TABLE_SIPHASH_H
#define TABLE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t tb_siphash(const uint64_t secret[2], const void *p, size_t len);

#endif
