/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy_head.c - the PROXY header that a server gets before anything else.
 *
 * Step send. Values of version 2 are log-formats of the request that opens the
 * connection; one that is empty, or "-" for a unique id, is left out. A
 * namespace that came in with a header goes out again. source: HAProxy's
 * manual, send-proxy-v2, proxy-v2-options, set-proxy-v2-tlv-fmt.
 */
#include "config.h"

#include "core/flow/req.h"

static void
value_out(struct tw_req *req, struct tw_out *out, const struct tw__pp_value *v)
{
	char mem[2048];
	struct tw_out text = tw_out_of(mem, sizeof(mem));
	const size_t len = tw_logfmt_out(v->fmt, req, &text);

	if (len == 0 || (v->type == TW__PP_UNIQUE_ID && len == 1 && mem[0] == '-'))
		return;
	tw__proxy_tlv_out(out, v->type, (struct tw_str){ mem, len });
}

static void
transport_out(struct tw_conn *cli, struct tw_out *out, const struct tw__pp_conf *pp)
{
	const struct tw_conn *const c = tw__conn_session(cli);

	pp->teller->tlvs(
	    c->transport == pp->teller ? c->transport_state : NULL, pp->tlvs, out);
}

int
tw__proxy_head(struct tw_req *req, struct tw_out *out)
{
	const struct tw__pp_conf *const pp = req->srv->pp;
	const struct tw_addr *const src = tw_conn_src(req->cli);
	const struct tw_addr *const dst = tw_conn_dst(req->cli);
	char *const start = out->p;

	if (!req->srv->send_proxy2) {
		tw__proxy_hdr_write(out, src, dst);
		return out->over ? -1 : 0;
	}
	tw__proxy_hdr2_begin(out, src, dst);
	const struct tw_str tlvs = tw__conn_session(req->cli)->pp_tlvs;
	if (tlvs.len > 0) {
		const struct tw_str netns = tw__proxy_tlv_find(tlvs, TW__PP_NETNS);
		if (netns.len > 0)
			tw__proxy_tlv_out(out, TW__PP_NETNS, netns);
	}
	for (const struct tw__pp_value *v = pp != NULL ? pp->values : NULL; v != NULL;
	     v = v->next)
		value_out(req, out, v);
	if (pp != NULL && pp->tlvs != 0 && pp->teller != NULL)
		transport_out(req->cli, out, pp);
	tw__proxy_hdr2_end(out, start, pp != NULL && pp->crc32c);
	return out->over ? -1 : 0;
}
