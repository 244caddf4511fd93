/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_syslog.c - any bytes as a stream of syslog messages: parts of a message
 * lie inside of it, and what is written is one line that fits.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include "core/proxy/forward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
inside(struct tw_str part, struct tw_str whole)
{
	if (part.len > 0)
		TW_ASSERT(
		    part.p >= whole.p && part.p + part.len <= whole.p + whole.len);
}

static void
message(struct tw_str bytes)
{
	struct tw__syslog m;
	struct tw__logger lg = { .facility = 16 };
	char mem[300];

	tw__syslog_parse(bytes, &m);
	const struct tw_str parts[] = { m.time, m.host, m.tag, m.pid, m.msgid, m.sd,
		m.text };
	for (size_t i = 0; i < TW_N_ELEMENTS(parts); i++)
		inside(parts[i], bytes);
	TW_ASSERT(m.level <= 7 && m.facility <= 23);
	for (int f = 0; f < TW__N_LOG_FORMATS; f++) {
		struct tw_out o = tw_out_of(mem, sizeof(mem));
		lg.format = (uint8_t)f;
		tw__syslog_out(&o, &m, &lg, 1000000);
		TW_ASSERT(memchr(mem, '\n', (size_t)(o.p - mem)) == NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *const copy = malloc(len + 1);
	struct tw_str in = { copy, len }, msg;
	size_t used;

	memcpy(copy, data, len);
	message(in);
	while (tw__syslog_frame(in, (len & 1) != 0, &msg, &used) == 1) {
		TW_ASSERT(used > 0 && used <= in.len);
		inside(msg, in);
		message(msg);
		in = (struct tw_str){ in.p + used, in.len - used };
	}
	free(copy);
	return 0;
}
