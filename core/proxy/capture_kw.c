/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * capture_kw.c - `declare capture`: slots that rules fill.
 *
 * Start-up and control thread. source: HAProxy's manual, 4.2.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"

static int
set_declare(struct tw_line *ln)
{
	const char *const side = tw_arg(ln, 0);
	const bool request = strcmp(side, "request") == 0;
	struct tw_err err;
	uint64_t len;

	if (!request && strcmp(side, "response") != 0)
		return tw_line_fail(ln, 0,
		    "'declare capture' expects 'request' or 'response', not '%s'",
		    side);
	if (strcmp(tw_arg(ln, 1), "len") != 0)
		return tw_line_fail(ln, 1,
		    "'declare capture %s' expects 'len' and the most bytes to keep",
		    side);
	if (tw_parse_uint(tw_arg(ln, 2), 1, INT32_MAX, &len, &err) != 0)
		return tw_line_fail(ln, 2, "%s", err.text);
	tw_capture_declare(ln->proxy,
	    request ? TW_CAPTURE_REQUEST : TW_CAPTURE_RESPONSE, (uint32_t)len);
	return 0;
}

const struct tw_kw tw__capture_kw[] = {
	{ .word = "declare capture",
	    .scopes = TW_SC_FRONTEND | TW_SC_LISTEN,
	    .min_args = 3,
	    .max_args = 3,
	    .set = set_declare,
	    .usage = "{ request | response } len <bytes>",
	    .help = "A slot that rules and converters fill for the log line: the "
		    "next number after those of its side declared before, "
		    "'capture request|response header' lines included." },
	{ .word = "declare capture",
	    .scopes = TW_SC_BACKEND,
	    .max_args = -1,
	    .set = tw__kw_ignored,
	    .help = "Ignored here, with a warning." },
	{ .word = NULL },
};
