/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rdp_token.c - the address in a terminal server's cookie.
 *
 * msts=IP.PORT.0000, both as decimal numbers of the bytes in the order in which
 * they lie in memory on a little-endian machine. Pure; any thread. source:
 * MS-RDPBCGR 2.2.1.1.1 and Microsoft's Session Directory documents ("routing
 * token").
 */
#include "rdp.h"

/* A decimal number up to a dot. out: rest, behind that. */
static bool
number_take(struct tw_str *rest, uint64_t max, uint64_t *n)
{
	const char *dot = rest->len > 0 ? memchr(rest->p, '.', rest->len) : NULL;

	if (dot == NULL ||
	    !tw_str_to_u64((struct tw_str){ rest->p, (size_t)(dot - rest->p) }, n) ||
	    *n > max)
		return false;
	*rest = (struct tw_str){ dot + 1, (size_t)(rest->p + rest->len - dot - 1) };
	return true;
}

bool
rdp_token(struct tw_str cookie, struct tw_addr *addr)
{
	uint64_t ip, port;

	if (!number_take(&cookie, UINT32_MAX, &ip) ||
	    !number_take(&cookie, UINT16_MAX, &port))
		return false;
	*addr = (struct tw_addr){ .family = AF_INET,
		.port = (uint16_t)((port & 0xff) << 8 | port >> 8) };
	for (int i = 0; i < 4; i++)
		addr->u.v4[i] = (uint8_t)(ip >> 8 * i);
	return true;
}
