/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ip.c - addresses as values: text, comparison. Any thread; no state.
 */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>

#include "model.h"

const char *
vr_ip_out(const struct vr_ip *ip, char *buf, size_t size)
{
	if (ip->family == 0 ||
	    inet_ntop(ip->family, ip->bytes, buf, (socklen_t)size) == NULL)
		buf[0] = '\0';
	return buf;
}

int
vr_ip_parse(const char *word, struct vr_ip *ip)
{
	*ip = (struct vr_ip){ .family = strchr(word, ':') ? AF_INET6 : AF_INET };
	return inet_pton(ip->family, word, ip->bytes) == 1 ? 0 : -1;
}

int
vr_ip_cmp(const struct vr_ip *a, const struct vr_ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, a->family == AF_INET6 ? 16 : 4);
}
