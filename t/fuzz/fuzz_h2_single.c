/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_h2_single.c - any bytes as a server's answer to one request over HTTP/2, as a
 * health check reads it: what is handed on is a head of HTTP/1 and payload, and less
 * is left over than is promised.
 *
 * The first byte says how small the pieces are.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "../../modules/h2/h2_mod.h"
#include "../../modules/healthcheck/hc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ROOM 65536u

static char answer[ROOM];
static size_t n_answer;
static struct tw_msg msg;

void *
h2__single_begin(const struct tw_single_request *r)
{
	struct h2_limits lim;

	h2_limits_init(&lim, true);
	return h2__single_new(&lim, r);
}

static void
got(void *arg, struct tw_str bytes)
{
	TW_ASSERT(arg == answer);
	const size_t n = bytes.len < ROOM - n_answer ? bytes.len : ROOM - n_answer;

	memcpy(answer + n_answer, bytes.p, n);
	n_answer += n;
}

static void
all_sent(void *x)
{
	struct iovec iov;

	while (h2__single.out(x, &iov, 1) > 0)
		h2__single.sent(x, iov.iov_len);
}

/* returns: false: no more is of use. */
static bool
feed(void *x, const uint8_t *data, size_t len, size_t *at)
{
	char why[160];
	struct tw_out o = tw_out_of(why, sizeof(why));
	size_t used;
	const enum tw_io io = h2__single.feed(x,
	    (struct tw_str){ (const char *)data + *at, len - *at }, &used, got, answer);

	all_sent(x);
	*at += used;
	TW_ASSERT(*at <= len);
	if (io == TW_IO_AGAIN)
		TW_ASSERT(len - *at < TW_SINGLE_REST);
	if (io == TW_IO_ERR)
		h2__single.why(x, &o);
	return io == TW_IO_AGAIN;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct hc_head head;
	size_t at = 1;

	if (len < 1)
		return 0;
	const size_t step = data[0] + 1u;
	msg = (struct tw_msg){
		.method_name = TW_STR("GET"), .target = TW_STR("/"), .host = TW_STR("a")
	};
	void *const x = h2__single.begin(&(struct tw_single_request){ .msg = &msg });
	TW_ASSERT(x != NULL);
	n_answer = 0;
	for (size_t end = 1; end < len;) {
		end = end + step < len ? end + step : len;
		if (!feed(x, data, end, &at))
			break;
	}
	if (n_answer > 0)
		TW_ASSERT(hc_head_parse((struct tw_str){ answer, n_answer }, &head) ==
		    TW_IO_OK);
	h2__single.leave(x);
	all_sent(x);
	h2__single.fini(x);
	return 0;
}
