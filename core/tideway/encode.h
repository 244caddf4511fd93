/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * encode.h - hexadecimal digits, Base64, and the logins that clients write in it.
 *
 * Pure functions; any thread. Readers are strict: padding must be there and
 * right, and what is not in the alphabet is refused.
 */
#ifndef TIDEWAY_ENCODE_H
#define TIDEWAY_ENCODE_H

#include <tideway/str.h>

/** tw_hex_digit - its value. returns: -1: it is none. */
static inline int
tw_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** tw_base64_encode - in: url, with '-' and '_', and no padding. out: to, which has
 * room for 4 bytes for each 3, and 3 more. returns: bytes. source: RFC 4648, 4, 5. */
TW_API size_t tw_base64_encode(struct tw_str in, char *to, bool url);
/** tw_base64_decode - out: to, at most `room` bytes. returns: bytes; -1: it is no
 * Base64, or there is no room. in: url, padding may be left out. */
TW_API int64_t tw_base64_decode(struct tw_str in, char *to, size_t room, bool url);

/** tw_basic_login - the user and password of an Authorization field's value. out:
 * mem, "user:password"; user and password, borrow: mem. returns: false: it has
 * another scheme, or is broken, or does not fit. source: RFC 7617, 2. */
TW_API bool tw_basic_login(struct tw_str value, char *mem, size_t room,
    struct tw_str *user, struct tw_str *password);

#define TW_WEBSOCKET_ACCEPT 28u
/** tw_websocket_accept - what proves that a server has seen a Sec-WebSocket-Key.
 * source: RFC 6455, 4.2.2. */
TW_API void tw_websocket_accept(struct tw_str key, char to[TW_WEBSOCKET_ACCEPT]);

#endif
