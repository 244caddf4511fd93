/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * register.c - the engine's beginning and end.
 *
 * Apart from expr.c so that the engine can be tested without the fetches that
 * need running proxies.
 */
#include "config.h"

#include "conf/conf.h"
#include "expr/conv.h"
#include "expr/fetch.h"
#include "expr/jwt.h"
#include "expr/patref.h"
#include "expr/regex.h"
#include "run/gen.h"

extern const struct tw_fetch tw__proxy_hdr_fetches[];
extern const struct tw_conv tw__core_convs[];
extern const struct tw_fetch tw__var_fetches[], tw__var_dump_fetches[];
extern const struct tw_conv tw__flow_convs[];
extern const struct tw_kw tw__proc_var_kw[];
extern const struct tw_fetch tw__flow_fetches[];

int
tw__convs_register(struct tw_err *err)
{
	static const struct tw_conv *const tables[] = { tw__core_convs, tw__conv_string,
		tw__conv_number, tw__conv_encode, tw__conv_hash, tw__conv_time,
		tw__conv_net, tw__conv_json, tw__conv_crypto, tw__conv_jwt,
		tw__conv_proto, tw__conv_state, tw__conv_regsub, tw__conv_rfc7239,
		tw__conv_map, tw__conv_var, tw__conv_mqtt, tw__conv_jwe,
		tw__conv_packet };

	for (size_t i = 0; i < TW_N_ELEMENTS(tables); i++)
		if (tw__expr_add_convs(tables[i], err) != 0)
			return -1;
	return 0;
}

int
tw__fetches_register(struct tw_err *err)
{
	static const struct tw_fetch *const tables[] = { tw__core_fetches,
		tw__fetch_const, tw__fetch_state, tw__fetch_conn, tw__fetch_content,
		tw__fetch_hello };

	for (size_t i = 0; i < TW_N_ELEMENTS(tables); i++)
		if (tw__expr_add_fetches(tables[i], err) != 0)
			return -1;
	return 0;
}

int
tw__expr_register(struct tw_err *err)
{
	if (tw__fetches_register(err) != 0 ||
	    tw__expr_add_fetches(tw__proxy_hdr_fetches, err) != 0 ||
	    tw__expr_add_fetches(tw__var_fetches, err) != 0 ||
	    tw__expr_add_fetches(tw__var_dump_fetches, err) != 0 ||
	    tw__expr_add_fetches(tw__flow_fetches, err) != 0)
		return -1;
	if (tw__expr_add_convs(tw__flow_convs, err) != 0)
		return -1;
	if (tw__kw_add(tw__proc_var_kw, NULL, err) != 0)
		return -1;
	return tw__convs_register(err);
}

void
tw__expr_lists_fini(struct tw__expr_gen *eg)
{
	tw__regex_fini(eg);
	tw__patref_fini(eg);
	tw__jwt_fini(eg);
}

void
tw__expr_fini(struct tw_gen *gen)
{
	if (gen->expr != NULL)
		tw__expr_lists_fini(gen->expr);
}
