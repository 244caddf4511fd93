/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * headers_bin.h - header fields as one binary text, as req.hdrs_bin has them.
 */
#ifndef RULES_HEADERS_BIN_H
#define RULES_HEADERS_BIN_H

#include <tideway/str.h>

/** headers_bin_text - takes a length and so many bytes from `s`. returns: false:
 * they are not all there. source: HAProxy's SPOE.txt, 3.1: below 240 one byte,
 * else four bits and then seven in each that follows. */
bool headers_bin_text(struct tw_str *s, struct tw_str *out);
/** headers_bin_is_name - it may be the name of a field. */
bool headers_bin_is_name(struct tw_str s);

#endif
