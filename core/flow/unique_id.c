/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/unique_id.c - a request's name by unique-id-format.
 *
 * Made when somebody asks for it (a server's field, an expression, the log
 * line) and the same from then on. One worker's thread. source: HAProxy's
 * manual, 4.2.
 */
#include "config.h"

#include "core/flow/req.h"

#define UNIQUE_ID_MAX 1024 /* bytes; what is longer is cut */

struct tw_str
tw_req_unique_id(struct tw_req *req)
{
	const struct tw_logfmt *const fmt = req->fe->c.unique_id;
	char text[UNIQUE_ID_MAX];
	struct tw_out o = tw_out_of(text, sizeof(text));

	if (req->unique_id.p != NULL || fmt == NULL || (req->http && req->t_head == 0))
		return req->unique_id;
	req->unique_id = TW_STR(""); /* what the format says of itself */
	const size_t n = tw_logfmt_out(fmt, req, &o);
	req->unique_id = tw_req_copy(req, (struct tw_str){ text, n });
	return req->unique_id;
}
