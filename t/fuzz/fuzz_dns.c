/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_dns.c - any bytes as a name server's answer, to a question of each
 * type: what is taken from it is whole, and lies within the limits. The first
 * byte picks the type; the answer's number is made right, so that more than
 * its head is looked at.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include "modules/resolvers/dns_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint16_t types[] = { RS_A, RS_AAAA, RS_SRV };

static void
record_check(const struct rs_record *r, uint16_t type)
{
	TW_ASSERT(memchr(r->target, '\0', sizeof(r->target)) != NULL);
	if (type == RS_A)
		TW_ASSERT(r->addr.family == AF_INET);
	else if (type == RS_AAAA)
		TW_ASSERT(r->addr.family == AF_INET6);
	else
		TW_ASSERT(r->port != 0 && r->target[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct rs_records got;
	static const char *const hosts[] = { "a.test", "_h._tcp.test" };

	if (len < 13)
		return 0;
	const uint16_t type = types[data[0] % 3];
	const struct rs_question q = { 0x1234, type, hosts[type == RS_SRV] };
	uint8_t *const p = malloc(len - 1);
	TW_ASSERT(p != NULL);
	memcpy(p, data + 1, len - 1);
	p[0] = 0x12;
	p[1] = 0x34;
	const enum rs_answer a = rs_answer_read(p, len - 1, &q, &got);
	TW_ASSERT(got.n >= 0 && got.n <= RS_MAX_RECORDS);
	TW_ASSERT(a != RS_VALID || got.n > 0);
	for (int i = 0; a == RS_VALID && i < got.n; i++)
		record_check(&got.r[i], type);
	free(p);
	return 0;
}
