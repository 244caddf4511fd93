/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_proxy.c - fetches of what came with a PROXY header.
 *
 * Any worker. source: HAProxy's manual, 7.3.3; "The PROXY protocol", 2.2.
 */
#include "config.h"

#include <stdlib.h>
#include <strings.h>

#include <tideway/req.h>

#include "core/net/conn.h"
#include "expr/expr_int.h"

static bool
set_text(struct tw_sample *out, enum tw_type type, struct tw_str text)
{
	out->type = (uint8_t)type;
	out->u.str = text;
	return text.p != NULL;
}

static struct tw_str
value_of(struct tw_req *req, uint8_t type)
{
	return tw__proxy_tlv_find(tw__conn_session(tw_req_conn(req))->pp_tlvs, type);
}

static bool
fetch_authority(struct tw_req *req, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_sample *out)
{
	(void)args;
	(void)cur;
	return set_text(out, TW_STRING, value_of(req, TW__PP_AUTHORITY));
}

static bool
fetch_unique_id(struct tw_req *req, const struct tw_arg_val *args,
    struct tw_cursor *cur, struct tw_sample *out)
{
	(void)args;
	(void)cur;
	return set_text(out, TW_STRING, value_of(req, TW__PP_UNIQUE_ID));
}

static bool
fetch_tlv(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)cur;
	return set_text(out, TW_STRING, value_of(req, (uint8_t)args[0].n));
}

static bool
fetch_rcvd(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)args;
	(void)cur;
	return tw_sample_bool(out, tw__conn_session(tw_req_conn(req))->pp_received);
}

static const struct {
	const char *word;
	uint8_t type;
} types[] = {
	{ "ALPN", 0x01 },
	{ "AUTHORITY", TW__PP_AUTHORITY },
	{ "CRC32C", TW__PP_CRC32C },
	{ "NOOP", 0x04 },
	{ "UNIQUE_ID", TW__PP_UNIQUE_ID },
	{ "SSL", 0x20 },
	{ "NETNS", TW__PP_NETNS },
};

static int
check_type(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	const char *const text = args[0].str.p;
	char *end;

	(void)gen;
	for (size_t i = 0; i < TW_N_ELEMENTS(types); i++) {
		if (strcasecmp(text, types[i].word) == 0) {
			args[0].n = types[i].type;
			return 0;
		}
	}
	args[0].n = strtol(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
	if (*text != '\0' && *end == '\0' && args[0].n >= 0 && args[0].n <= 255)
		return 0;
	return tw_err_set(err,
	    "fc_pp_tlv expects a type from 0 to 255 or a name such as AUTHORITY, not "
	    "'%s'",
	    text);
}

const struct tw_fetch tw__proxy_hdr_fetches[] = {
	{ "fc_pp_authority", "", TW_STRING, TW_AT_ANY, fetch_authority, NULL, NULL,
	    "The host name in the PROXY header of the client's connection." },
	{ "fc_pp_unique_id", "", TW_STRING, TW_AT_ANY, fetch_unique_id, NULL, NULL,
	    "The unique id in the PROXY header of the client's connection." },
	{ "fc_pp_tlv", "s", TW_STRING, TW_AT_ANY, fetch_tlv, NULL, check_type,
	    "The value of a type in the PROXY header of the client's connection." },
	{ "fc_rcvd_proxy", "", TW_BOOL, TW_AT_ANY, fetch_rcvd, NULL, NULL,
	    "True when the client's connection began with a PROXY header." },
	{ .name = NULL },
};
