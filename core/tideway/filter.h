/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter.h - looking at bodies while they pass.
 *
 * A filter is attached to one direction of one request, by a hook that runs
 * before that direction's head is sent. It sees payload without framing. With none
 * attached the relay moves bytes without looking (and may splice).
 */
#ifndef TIDEWAY_FILTER_H
#define TIDEWAY_FILTER_H

#include <tideway/req.h>

struct tw_filter {
	const char *name;
	size_t state_size; /* zeroed; request memory */
	/* begin - may edit the head. returns: 0; -1: not interested after all. */
	int (*begin)(struct tw_req *req, struct tw_msg *msg, void *state);
	/* data - in: some payload. out: what passes on (may be `data` itself, or
	 * memory valid until the next call). returns: OK; ERR ends the transfer. */
	enum tw_io (*data)(struct tw_req *req, void *state, struct tw_str data,
	    struct tw_str *out);
	/* end - out: what comes last (may be empty). */
	enum tw_io (*end)(struct tw_req *req, void *state, struct tw_str *out);
	const char *help;
};

/** tw_req_filter - attaches. in: response, which direction. The body then has
 * no known length. errors: -1: too late, or out of memory. */
TW_API int tw_req_filter(struct tw_req *req, const struct tw_filter *filter, bool response);

#endif
