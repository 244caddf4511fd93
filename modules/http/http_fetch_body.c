/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_fetch_body.c - fetches of what is there of a body.
 *
 * That is all of it when it was gathered before (option http-buffer-request),
 * else what has come and was not passed on. Any worker.
 * source: HAProxy's manual, 7.3.6.
 */
#include "http.h"
#include "http_fetch.h"

/* As announced; without that, what there is. */
static bool
give_size(const struct tw_msg *msg, struct tw_str body, struct tw_sample *out)
{
	return tw_sample_int(out,
	    msg->body == TW_BODY_LENGTH ? (int64_t)msg->content_length
					: (int64_t)body.len);
}

HTTP_FETCH(req_body)
{
	TW_GET_UNUSED;
	return tw_sample_str(out, TW_BINARY, tw_req_body_now(req));
}

HTTP_FETCH(req_body_len)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, (int64_t)tw_req_body_now(req).len);
}

HTTP_FETCH(req_body_size)
{
	TW_GET_UNUSED;
	return give_size(tw_req_request(req), tw_req_body_now(req), out);
}

HTTP_FETCH(res_body)
{
	TW_GET_UNUSED;
	return tw_sample_str(out, TW_BINARY, tw_res_body_now(req));
}

HTTP_FETCH(res_body_len)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, (int64_t)tw_res_body_now(req).len);
}

HTTP_FETCH(res_body_size)
{
	TW_GET_UNUSED;
	return give_size(tw_req_response(req), tw_res_body_now(req), out);
}

HTTP_FETCH(req_body_param)
{
	struct http_params ps = { .left = tw_req_body_now(req), .delim = '&' };
	const struct tw_str name = args[0].type == TW_STRING ? args[0].str : TW_STR("");
	struct tw_str value, after;

	for (uint64_t skip = 0; skip <= cur->at[0]; skip++)
		if (!http_params_next(&ps, name, &value))
			return false;
	cur->at[0]++;
	cur->more = cur->all && http_params_next(&ps, name, &after);
	return tw_sample_str(out, TW_STRING, value);
}
