/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_net.c - converters of addresses.
 *
 * Masks are worked out when the configuration is read. Any worker.
 * source: HAProxy's manual, 7.3.1.
 */
#include "config.h"

#include <arpa/inet.h>

#include "expr/conv.h"

/* "24", "255.255.255.0", "ffff:ffff::" */
static bool
read_mask(struct tw_str text, int family, uint8_t *mask)
{
	uint64_t bits;
	const size_t len = family == AF_INET ? 4 : 16;

	if (!tw_str_to_u64(text, &bits))
		return inet_pton(family, text.p, mask) == 1;
	if (bits > len * 8)
		return false;
	for (size_t i = 0; i < len; i++)
		mask[i] = (uint8_t)(0xff00u >> (bits >= 8 * (i + 1)   ? 8
						       : bits > 8 * i ? bits - 8 * i
								      : 0));
	return true;
}

TW__CHECK(ipmask)
{
	uint8_t *const mask = tw_arena_zalloc(tw_gen_arena(gen), 20);

	if (!read_mask(args[0].str, AF_INET, mask))
		return tw_err_set(err,
		    "'%s' is not a mask for IPv4: write 0 to 32 or 255.255.255.0",
		    args[0].str.p);
	if (tw__arg_is(&args[1]) && !read_mask(args[1].str, AF_INET6, mask + 4))
		return tw_err_set(err,
		    "'%s' is not a mask for IPv6: write 0 to 128 or ffff:ffff::",
		    args[1].str.p);
	args[0].ptr = mask;
	return 0;
}

TW__CONV(ipmask)
{
	const uint8_t *mask = args[0].ptr;
	size_t len = 4;

	if (s->type == TW_STRING || s->type == TW_BINARY) {
		const struct tw_str text = s->u.str;
		if (!tw__text_ip(text, s))
			return false;
	} else if (s->type == TW_SINT && !tw__cast(req, s, TW_IPV4)) {
		return false;
	}
	if (s->type == TW_IPV6) {
		if (!tw__arg_is(&args[1]))
			return false;
		mask += 4;
		len = 16;
	} else if (s->type != TW_IPV4) {
		return false;
	}
	for (size_t i = 0; i < len; i++)
		s->u.ip[i] &= mask[i];
	return true;
}

const struct tw_conv tw__conv_net[] = {
	{ "ipmask", "s,[s]", TW_ANY, TW_ANY, conv_ipmask, check_ipmask,
	    "(mask4, mask6) The network of an address." },
	{ .name = NULL },
};
