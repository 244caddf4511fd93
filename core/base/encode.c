/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * encode.c - Base64, logins in it, and WebSocket's proof. Pure; any thread.
 * source: RFC 4648, RFC 7617, RFC 6455.
 */
#include "config.h"

#include <openssl/sha.h>
#include <string.h>

#include <tideway/encode.h>

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t
tw_base64_encode(struct tw_str in, char *to, bool url)
{
	const char *const digit = url ? url_digits : digits;
	const unsigned char *const p = (const unsigned char *)in.p;
	char *const start = to;

	for (size_t i = 0; i < in.len; i += 3) {
		const size_t n = in.len - i < 3 ? in.len - i : 3;
		const unsigned bits = (unsigned)p[i] << 16 |
		    (n > 1 ? (unsigned)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0u);
		*to++ = digit[bits >> 18];
		*to++ = digit[bits >> 12 & 63];
		if (n > 1)
			*to++ = digit[bits >> 6 & 63];
		else if (!url)
			*to++ = '=';
		if (n > 2)
			*to++ = digit[bits & 63];
		else if (!url)
			*to++ = '=';
	}
	return (size_t)(to - start);
}

static int
digit_value(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	return c == (url ? '_' : '/') ? 63 : -1;
}

int64_t
tw_base64_decode(struct tw_str in, char *to, size_t room, bool url)
{
	unsigned bits = 0;
	int n_bits = 0;
	size_t n = 0;

	if (!url && in.len % 4 != 0)
		return -1;
	for (int pad = 0; pad < 2 && in.len > 0 && in.p[in.len - 1] == '='; pad++)
		in.len--;
	if (in.len % 4 == 1)
		return -1;
	for (size_t i = 0; i < in.len; i++) {
		const int d = digit_value(in.p[i], url);
		if (d < 0)
			return -1;
		bits = bits << 6 | (unsigned)d;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		if (n == room)
			return -1;
		n_bits -= 8;
		to[n++] = (char)(bits >> n_bits);
	}
	return (int64_t)n;
}

bool
tw_basic_login(struct tw_str value, char *mem, size_t room, struct tw_str *user,
    struct tw_str *password)
{
	static const struct tw_str scheme = { "basic ", 6 };

	if (value.len <= scheme.len || strncasecmp(value.p, scheme.p, scheme.len) != 0)
		return false;
	const struct tw_str text = tw_str_trim(
	    (struct tw_str){ value.p + scheme.len, value.len - scheme.len });
	const int64_t n = tw_base64_decode(text, mem, room, false);
	const char *const colon = n > 0 ? memchr(mem, ':', (size_t)n) : NULL;
	if (colon == NULL || memchr(mem, '\0', (size_t)n) != NULL)
		return false;
	*user = (struct tw_str){ mem, (size_t)(colon - mem) };
	*password = (struct tw_str){ colon + 1, (size_t)n - user->len - 1 };
	return true;
}

void
tw_websocket_accept(struct tw_str key, char to[TW_WEBSOCKET_ACCEPT])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	char text[64 + sizeof(guid)];
	unsigned char digest[SHA_DIGEST_LENGTH];
	const size_t n = key.len < 64 ? key.len : 64; /* it has 24 */

	memcpy(text, key.p, n);
	memcpy(text + n, guid, sizeof(guid) - 1);
	SHA1((const unsigned char *)text, n + sizeof(guid) - 1, digest);
	tw_base64_encode(
	    (struct tw_str){ (const char *)digest, sizeof(digest) }, to, false);
}
