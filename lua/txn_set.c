/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * txn_set.c - what a TXN changes about its exchange and connection, and what it
 * writes to the log.
 *
 * source: HAProxy's Lua manual, TXN class.
 */
#include "lu.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <tideway/edit.h>
#include <tideway/log.h>

#include "txn.h"

/* ---- log ------------------------------------------------------------------------------ */

static int
write_log(lua_State *L, enum tw_level level, int text)
{
	const struct lu_txn *const t = lu_check_txn(L, 1);

	tw_proxy_log(tw_req_proxy(t->req), level, "%s", luaL_checkstring(L, text));
	return 0;
}

/*@ TXN:log(level: integer, msg: string) */
static int
txn_log(lua_State *L)
{
	lu_check_txn(L, 1);
	const lua_Integer level = luaL_checkinteger(L, 2);

	luaL_argcheck(L, level >= TW_EMERG && level <= TW_DEBUG, 2,
	    "Invalid loglevel: it is 0 to 7");
	return write_log(L, (enum tw_level)level, 3);
}

/*@ TXN:deflog(msg: string) */
static int
txn_deflog(lua_State *L)
{
	return write_log(L, tw_req_log_level(lu_check_txn(L, 1)->req, TW_INFO), 2);
}

/*@ TXN:Debug(msg: string) */
static int
txn_debug(lua_State *L)
{
	return write_log(L, TW_DEBUG, 2);
}

/*@ TXN:Info(msg: string) */
static int
txn_info(lua_State *L)
{
	return write_log(L, TW_INFO, 2);
}

/*@ TXN:Warning(msg: string) */
static int
txn_warning(lua_State *L)
{
	return write_log(L, TW_WARNING, 2);
}

/*@ TXN:Alert(msg: string) */
static int
txn_alert(lua_State *L)
{
	return write_log(L, TW_ALERT, 2);
}

/* In 3.x the level may be silent, too: -1. */
/*@ TXN:set_loglevel(level: integer) */
static int
txn_set_loglevel(lua_State *L)
{
	const struct lu_txn *const t = lu_check_txn(L, 1);
	const lua_Integer level = luaL_checkinteger(L, 2);

	luaL_argcheck(L, level >= -1 && level <= TW_DEBUG, 2,
	    "Bad log level. It must be between 0 and 7, or -1: no line");
	tw_req_set_log_level(t->req, (int)level);
	return 0;
}

/* ---- packets, queues -------------------------------------------------------------------- */

static struct tw_conn *
client_of(lua_State *L, const struct lu_txn *t, const char *fn)
{
	struct tw_conn *const conn = tw_req_conn(t->req);

	if (conn == NULL)
		luaL_error(L, "%s: there is no connection", fn);
	return conn;
}

/*@ TXN:set_tos(tos: integer) */
/*@ TXN:set_fc_tos(tos: integer) */
static int
txn_set_tos(lua_State *L)
{
	const struct lu_txn *const t = lu_check_txn(L, 1);
	const lua_Integer n = luaL_checkinteger(L, 2);
	const struct tw_conn *const conn = client_of(L, t, "set_tos");
	const int tos = (int)(n & 0xff);

	if (setsockopt(tw_conn_fd(conn), IPPROTO_IP, IP_TOS, &tos, sizeof(tos)) != 0 ||
	    tw_conn_src(conn)->family == AF_INET6)
		(void)setsockopt(
		    tw_conn_fd(conn), IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	return 0;
}

/*@ TXN:set_mark(mark: integer) */
/*@ TXN:set_fc_mark(mark: integer) */
static int
txn_set_mark(lua_State *L)
{
	const struct lu_txn *const t = lu_check_txn(L, 1);
	const uint32_t n = (uint32_t)luaL_checkinteger(L, 2);

	(void)setsockopt(tw_conn_fd(client_of(L, t, "set_mark")), SOL_SOCKET, SO_MARK,
	    &n, sizeof(n));
	return 0;
}

static int
clamped(lua_Integer n, int limit)
{
	return n < -limit ? -limit : n > limit ? limit : (int)n;
}

/*@ TXN:set_priority_class(prio: integer) */
static int
txn_set_class(lua_State *L)
{
	const struct lu_txn *const t = lu_check_txn(L, 1);

	tw_req_set_priority_class(t->req, clamped(luaL_checkinteger(L, 2), 2047));
	return 0;
}

/*@ TXN:set_priority_offset(prio: integer) */
static int
txn_set_offset(lua_State *L)
{
	const struct lu_txn *const t = lu_check_txn(L, 1);

	tw_req_set_priority_offset(t->req, clamped(luaL_checkinteger(L, 2), 524287));
	return 0;
}

static const luaL_Reg methods[] = {
	{ "Alert", txn_alert },
	{ "Debug", txn_debug },
	{ "Info", txn_info },
	{ "Warning", txn_warning },
	{ "deflog", txn_deflog },
	{ "log", txn_log },
	{ "set_fc_mark", txn_set_mark },
	{ "set_fc_tos", txn_set_tos },
	{ "set_loglevel", txn_set_loglevel },
	{ "set_mark", txn_set_mark },
	{ "set_priority_class", txn_set_class },
	{ "set_priority_offset", txn_set_offset },
	{ "set_tos", txn_set_tos },
	{ NULL, NULL },
};

void
lu_txn_set_methods(lua_State *L)
{
	luaL_setfuncs(L, methods, 0);
}
