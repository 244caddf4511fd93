/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fields.c - one row of the report, read from the counters.
 *
 * Which fields a frontend, listener, server or backend has, and in which
 * modes, is as in HAProxy 2.6; a field that does not apply stays ST_NONE and
 * is empty everywhere. Any worker; reads only.
 */
#include <stdio.h>

#include <tideway/assert.h>

#include "st.h"

const char *const st_field_name[ST_N_FIELDS] = {
#define X(name, origin, nature, scope) #name,
#include "stats_fields.h"
#undef X
};

#define SET(row, field, kind, member, value) \
	((row)->v[ST_F_##field] = (struct st_val){ .type = (kind), .member = (value) })
#define U32(field, value) SET(row, field, ST_U32, u, (uint32_t)(value))
#define U64(field, value) SET(row, field, ST_U64, u, (value))
#define S32(field, value) SET(row, field, ST_S32, s, (value))
#define STR(field, value) SET(row, field, ST_STR, str, (value))

/* The counters of the row's object. */
static uint64_t
sum(const struct st_row *row, enum tw_cnt id)
{
	switch (row->kind) {
	case ST_FRONTEND:
		return tw_proxy_sum(row->px, TW_FRONTEND, id);
	case ST_BACKEND:
		return tw_proxy_sum(row->px, TW_BACKEND, id);
	case ST_SERVER:
		return tw_server_sum(row->srv, id);
	case ST_LISTENER:
		return tw_bind_sum(row->bind, id);
	}
	TW_WRONG("kind of row");
}

static void
common_fill(struct st_row *row, const struct tw_gauges *g)
{
	STR(pxname, tw_proxy_name(row->px));
	U32(scur, g->cur);
	U32(smax, g->max);
	U64(stot, sum(row, TW_CNT_SESS));
	U64(bin, sum(row, TW_CNT_BIN));
	U64(bout, sum(row, TW_CNT_BOUT));
	U64(dresp, sum(row, TW_CNT_DRESP));
	U32(pid, 1);
	U32(iid, tw_proxy_id(row->px));
	U32(sid, 0);
	U32(type, row->kind);
	STR(mode, tw_proxy_mode_name(row->px));
	U64(wrew, sum(row, TW_CNT_WREW));
	U64(eint, sum(row, TW_CNT_EINT));
}

static void
answers_fill(struct st_row *row)
{
	if (tw_proxy_mode(row->px) != TW_MODE_HTTP)
		return;
	U64(hrsp_1xx, sum(row, TW_CNT_HRSP_1XX));
	U64(hrsp_2xx, sum(row, TW_CNT_HRSP_2XX));
	U64(hrsp_3xx, sum(row, TW_CNT_HRSP_3XX));
	U64(hrsp_4xx, sum(row, TW_CNT_HRSP_4XX));
	U64(hrsp_5xx, sum(row, TW_CNT_HRSP_5XX));
	U64(hrsp_other, sum(row, TW_CNT_HRSP_OTHER));
}

static void
bodies_fill(struct st_row *row)
{
	U64(comp_in, sum(row, TW_CNT_COMP_IN));
	U64(comp_out, sum(row, TW_CNT_COMP_OUT));
	U64(comp_byp, sum(row, TW_CNT_COMP_BYP));
	U64(comp_rsp, sum(row, TW_CNT_COMP_RSP));
	if (tw_proxy_mode(row->px) != TW_MODE_HTTP)
		return;
	U64(cache_lookups, sum(row, TW_CNT_CACHE_LOOKUPS));
	U64(cache_hits, sum(row, TW_CNT_CACHE_HITS));
}

static void
frontend_fill(struct st_row *row)
{
	struct tw_gauges g = { 0 };

	tw_proxy_gauges(row->px, TW_FRONTEND, &g);
	common_fill(row, &g);
	answers_fill(row);
	bodies_fill(row);
	STR(svname, "FRONTEND");
	STR(status, tw_proxy_status_text(row->px, TW_FRONTEND));
	U32(slim, g.limit);
	U64(dreq, sum(row, TW_CNT_DREQ));
	U64(ereq, sum(row, TW_CNT_EREQ));
	U32(rate, g.rate);
	U32(rate_lim, tw_proxy_rate_limit(row->px));
	U32(rate_max, g.rate_max);
	U32(req_rate, g.req_rate);
	U32(req_rate_max, g.req_rate_max);
	U64(req_tot, sum(row, TW_CNT_REQ));
	U32(conn_rate, g.conn_rate);
	U32(conn_rate_max, g.conn_rate_max);
	U64(conn_tot, sum(row, TW_CNT_CONN));
	U64(dcon, sum(row, TW_CNT_DCON));
	U64(dses, sum(row, TW_CNT_DSES));
	if (tw_proxy_mode(row->px) == TW_MODE_HTTP)
		U64(intercepted, sum(row, TW_CNT_INTERCEPTED));
}

static void
listener_fill(struct st_row *row)
{
	struct tw_out o = tw_out_of(row->addr, sizeof(row->addr) - 1);
	struct tw_gauges g = { 0 };

	tw_bind_gauges(row->bind, &g);
	common_fill(row, &g);
	tw_addr_port_out(&o, tw_bind_addr(row->bind));
	*o.p = '\0';
	STR(svname, tw_bind_name(row->bind));
	STR(status, tw_bind_status_text(row->bind));
	U32(slim, g.limit);
	U64(dreq, sum(row, TW_CNT_DREQ));
	U64(ereq, sum(row, TW_CNT_EREQ));
	U32(sid, tw_bind_id(row->bind));
	STR(addr, row->addr);
	U64(dcon, sum(row, TW_CNT_DCON));
	U64(dses, sum(row, TW_CNT_DSES));
}

/* What servers and backends have in common. */
static void
upstream_fill(struct st_row *row, const struct tw_gauges *g)
{
	U32(qcur, g->queue);
	U32(qmax, g->queue_max);
	U64(econ, sum(row, TW_CNT_ECON));
	U64(eresp, sum(row, TW_CNT_ERESP));
	U64(wretr, sum(row, TW_CNT_WRETR));
	U64(wredis, sum(row, TW_CNT_WREDIS));
	U64(lbtot, sum(row, TW_CNT_LBTOT));
	U32(rate, g->rate);
	U32(rate_max, g->rate_max);
	U64(cli_abrt, sum(row, TW_CNT_CLI_ABRT));
	U64(srv_abrt, sum(row, TW_CNT_SRV_ABRT));
	S32(lastsess, g->last_session_s);
	U32(qtime, g->qtime_ms);
	U32(ctime, g->ctime_ms);
	U32(rtime, g->rtime_ms);
	U32(ttime, g->ttime_ms);
	U32(qtime_max, g->qtime_max_ms);
	U32(ctime_max, g->ctime_max_ms);
	U32(rtime_max, g->rtime_max_ms);
	U32(ttime_max, g->ttime_max_ms);
	U64(connect, sum(row, TW_CNT_CONNECT));
	U64(reuse, sum(row, TW_CNT_REUSE));
	if (tw_proxy_mode(row->px) == TW_MODE_HTTP)
		U64(req_tot, sum(row, TW_CNT_REQ));
}

static void
check_fill(struct st_row *row)
{
	struct tw_check_result *r = &row->check;

	U64(chkfail, sum(row, TW_CNT_CHKFAIL));
	U64(chkdown, sum(row, TW_CNT_CHKDOWN));
	U32(downtime, sum(row, TW_CNT_DOWNTIME_MS) / 1000);
	if (tw_server_admin(row->srv) & TW_ADM_MAINT)
		return;
	tw_server_last_check(row->srv, r);
	if (r->what == TW_CHK_UNK || r->what == TW_CHK_INI) {
		STR(check_status, "INI");
		return;
	}
	snprintf(row->chk, sizeof(row->chk), "%s%s", r->running ? "* " : "",
	    tw_chk_code(r->what));
	snprintf(row->last_chk, sizeof(row->last_chk), "%s", r->text);
	STR(check_status, row->chk);
	if (r->status != 0 || tw_chk_has_code(r->what))
		U32(check_code, r->status);
	U64(check_duration, r->duration_ms);
	STR(check_desc, tw_chk_text(r->what));
	STR(last_chk, row->last_chk);
	U32(check_rise, r->rise);
	U32(check_fall, r->fall);
	U32(check_health, r->health);
}

static void
agent_fill(struct st_row *row)
{
	struct tw_check_result a;

	tw_server_last_agent(row->srv, &a);
	snprintf(row->agt, sizeof(row->agt), "%s%s", a.running ? "* " : "",
	    tw_chk_code(a.what));
	snprintf(row->last_agt, sizeof(row->last_agt), "%s", a.text);
	STR(agent_status, row->agt);
	if (a.status != 0 || tw_chk_has_code(a.what))
		U32(agent_code, a.status);
	if (a.what != TW_CHK_INI) {
		U64(agent_duration, a.duration_ms);
		STR(agent_desc, tw_chk_text(a.what));
		STR(last_agt, row->last_agt);
	}
	U32(agent_rise, a.rise);
	U32(agent_fall, a.fall);
	U32(agent_health, a.health);
}

static void
tracked_fill(struct st_row *row)
{
	const struct tw_server *const of = tw_server_tracked(row->srv);

	snprintf(row->tracked, sizeof(row->tracked), "%s/%s",
	    tw_proxy_name(tw_server_proxy(of)), tw_server_name(of));
	STR(tracked, row->tracked);
	U64(chkdown, sum(row, TW_CNT_CHKDOWN));
	U32(downtime, sum(row, TW_CNT_DOWNTIME_MS) / 1000);
}

static void
server_fill(struct st_row *row)
{
	const struct tw_server *srv = row->srv;
	struct tw_out o = tw_out_of(row->addr, sizeof(row->addr) - 1);
	struct tw_gauges g = { 0 };

	tw_server_gauges(srv, &g);
	common_fill(row, &g);
	upstream_fill(row, &g);
	answers_fill(row);
	tw_server_status_text(srv, row->status);
	tw_addr_port_out(&o, tw_server_addr(srv));
	*o.p = '\0';
	STR(svname, tw_server_name(srv));
	STR(status, row->status);
	if (tw_server_maxconn(srv) != 0)
		U32(slim, tw_server_maxconn(srv));
	U32(weight, tw_server_weight(srv));
	U32(uweight, tw_server_uweight(srv));
	if (tw_server_throttle(srv) != 0)
		U32(throttle, tw_server_throttle(srv));
	U32(act, !tw_server_is_backup(srv));
	U32(bck, tw_server_is_backup(srv));
	U32(lastchg, tw_server_changed_s(srv));
	U32(sid, tw_server_id(srv));
	STR(addr, row->addr);
	if (tw_server_cookie(srv) != NULL)
		STR(cookie, tw_server_cookie(srv));
	if (tw_server_maxqueue(srv) != 0)
		U32(qlimit, tw_server_maxqueue(srv));
	U32(srv_icur, g.idle);
	U32(idle_conn_cur, 0);
	U32(safe_conn_cur, g.idle);
	U32(used_conn_cur, g.cur);
	U32(need_conn_est, g.cur);
	if (tw_server_is_checked(srv) && !tw_server_checks_paused(srv))
		check_fill(row);
	else if (strcmp(row->status, "UP") == 0 && !tw_server_has_agent(srv) &&
	    tw_server_tracked(srv) == NULL)
		STR(status, "no check"); /* an administrator has stopped them */
	if (tw_server_has_agent(srv))
		agent_fill(row);
	if (tw_server_tracked(srv) != NULL)
		tracked_fill(row);
}

static void
backend_fill(struct st_row *row)
{
	struct tw_gauges g = { 0 };
	int active = 0, backup = 0;
	uint32_t weight = 0;

	tw_proxy_gauges(row->px, TW_BACKEND, &g);
	common_fill(row, &g);
	upstream_fill(row, &g);
	answers_fill(row);
	bodies_fill(row);
	tw_proxy_usable(row->px, &active, &backup, &weight);
	STR(svname, "BACKEND");
	STR(status, tw_proxy_status_text(row->px, TW_BACKEND));
	U32(slim, g.limit);
	U64(dreq, sum(row, TW_CNT_DREQ));
	U32(weight, weight);
	U32(uweight, weight);
	U32(act, active);
	U32(bck, backup);
	U64(chkdown, tw_backend_chkdown(row->px));
	U32(lastchg, tw_backend_changed_s(row->px));
	if (tw_proxy_n_servers(row->px) > 0)
		U32(downtime, tw_backend_downtime_s(row->px));
	STR(algo, tw_proxy_balance(row->px));
	if (tw_proxy_cookie(row->px) != NULL)
		STR(cookie, tw_proxy_cookie(row->px));
	U32(agg_server_status, 0);
	U32(agg_server_check_status, 0);
	U32(agg_check_status, 0);
}

void
st_row_fill(struct st_row *row)
{
	memset(row->v, 0, sizeof(row->v));
	row->check = (struct tw_check_result){ .what = TW_CHK_UNK };
	switch (row->kind) {
	case ST_FRONTEND:
		frontend_fill(row);
		return;
	case ST_LISTENER:
		listener_fill(row);
		return;
	case ST_SERVER:
		server_fill(row);
		return;
	case ST_BACKEND:
		backend_fill(row);
		return;
	}
	TW_WRONG("kind of row");
}
