/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter_msg.c - the class HTTPMessage, as far as heads go, and the objects of
 * filters' callbacks.
 *
 * A head may be changed in http_headers(), before it leaves. source: HAProxy's Lua
 * manual, HTTPMessage class.
 */
#include "field.h"
#include "filter.h"

#include <tideway/edit.h>
#include <tideway/text.h>

#include "applet.h"

/* ---- objects ---------------------------------------------------------------------- */

struct object {
	bool response;
};

/* Registry: the four objects; [response]. */
static const char message_key[2], channel_key[2];

void
lu_push_message(lua_State *L, bool response)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &message_key[response]);
}

void
lu_push_channel(lua_State *L, bool response)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &channel_key[response]);
}

void
lu_message_fields(lua_State *L)
{
	lu_push_message(L, false);
	lua_setfield(L, -2, "http_req");
	lu_push_message(L, true);
	lua_setfield(L, -2, "http_res");
}

static struct object *
object_of(lua_State *L, int i, const char *class)
{
	struct object *o = NULL;

	if (class == NULL || strcmp(class, LU_MESSAGE) == 0)
		o = luaL_testudata(L, i, LU_MESSAGE);
	if (o == NULL && class == NULL)
		o = luaL_testudata(L, i, LU_FILTER_CHANNEL);
	if (o == NULL)
		luaL_argerror(L, i,
		    lua_pushfstring(L, "%s is expected, not a %s",
			class != NULL ? "an HTTPMessage"
				      : "an HTTPMessage or a filter's Channel",
			luaL_typename(L, i)));
	return o;
}

struct lu_dir *
lu_dir_of(lua_State *L, int i, const char *class)
{
	const struct object *const o = object_of(L, i, class);
	const struct lu_call *const c = lu_state_from(L)->running;
	struct lu_dir *const d = c != NULL && c->at == LU_AT_FILTER ? c->owner : NULL;

	if (d == NULL)
		luaL_error(L,
		    "HTTPMessage and a filter's Channel are only for a filter's "
		    "callbacks");
	return &d->stream->dir[o->response];
}

struct lu_dir *
lu_data_of(lua_State *L)
{
	struct lu_dir *const d = lu_dir_of(L, 1, NULL);

	if (luaL_testudata(L, 1, LU_FILTER_CHANNEL) != NULL &&
	    tw_proxy_mode(tw_req_frontend(d->stream->req)) == TW_MODE_HTTP)
		luaL_error(L, "Cannot manipulate HAProxy channels in HTTP mode.");
	if (!d->in_data)
		luaL_error(L,
		    "payload is only there in http_payload() or tcp_payload() of its "
		    "direction");
	return d;
}

struct tw_msg *
lu_msg_of(lua_State *L, struct lu_dir **dir)
{
	struct lu_dir *const d = lu_dir_of(L, 1, LU_MESSAGE);
	struct tw_req *const req = d->stream->req;

	*dir = d;
	if (tw_proxy_mode(tw_req_frontend(req)) != TW_MODE_HTTP)
		luaL_error(L, "an HTTPMessage is only there in mode http");
	if (d->response && !d->headed)
		luaL_error(L, "there is no response yet");
	return d->response ? tw_req_response(req) : tw_req_request(req);
}

/* ---- fields ------------------------------------------------------------------------ */

static void
args(lua_State *L, const char *name, int min, int max)
{
	const int n = lua_gettop(L);

	if (n < min || n > max)
		luaL_error(L, "'%s' needs %d arguments", name, min);
}

/* The head may still be changed. */
static struct tw_msg *
open_msg(lua_State *L, struct lu_dir **d)
{
	struct tw_msg *const msg = lu_msg_of(L, d);

	if (!(*d)->head_open)
		luaL_error(
		    L, "a head can only be changed in http_headers() of its direction");
	return msg;
}

static struct tw_str
name_arg(lua_State *L)
{
	const struct tw_str s = lu_check_str(L, 2);

	luaL_argcheck(L, lu_is_token(s), 2, "that is not the name of a header field");
	return s;
}

static struct tw_str
kept(lua_State *L, const struct lu_dir *d, struct tw_str s)
{
	const struct tw_str copy = tw_req_copy(d->stream->req, s);

	if (copy.p == NULL)
		luaL_error(L, "out of memory");
	return copy;
}

static void
add(lua_State *L, struct lu_dir *d, struct tw_msg *msg)
{
	const struct tw_str name = name_arg(L);
	const struct tw_str value = lu_check_str(L, 3);

	luaL_argcheck(
	    L, lu_is_field_value(value), 3, "a value cannot hold line breaks");
	if (tw_msg_add(msg, kept(L, d, name), kept(L, d, value)) != 0)
		luaL_error(L, "there are too many header fields");
}

static void
del(struct tw_msg *msg, struct tw_str name)
{
	struct tw_hdr *h;

	while ((h = tw_msg_find(msg, name, NULL)) != NULL)
		tw_msg_del(msg, h);
}

/*@ HTTPMessage:add_header(name: string, value: string) */
static int
add_header(lua_State *L)
{
	struct lu_dir *d;

	args(L, "add_header", 3, 3);
	struct tw_msg *const msg = open_msg(L, &d);
	add(L, d, msg);
	return 0;
}

/*@ HTTPMessage:set_header(name: string, value: string) */
static int
set_header(lua_State *L)
{
	struct lu_dir *d;

	args(L, "set_header", 3, 3);
	struct tw_msg *const msg = open_msg(L, &d);
	const struct tw_str name = name_arg(L);
	struct tw_str value = lu_check_str(L, 3);
	luaL_argcheck(
	    L, lu_is_field_value(value), 3, "a value cannot hold line breaks");
	struct tw_hdr *const first = tw_msg_find(msg, name, NULL);
	struct tw_hdr *next = first;
	value = kept(L, d, value);
	lu_host_changed(L, d->stream->req, msg, name, value);
	if (first == NULL) {
		add(L, d, msg);
		return 0;
	}
	while ((next = tw_msg_find(msg, name, next)) != NULL)
		tw_msg_del(msg, next);
	tw_msg_set_value(msg, first, value);
	return 0;
}

/*@ HTTPMessage:del_header(name: string) */
static int
del_header(lua_State *L)
{
	struct lu_dir *d;

	args(L, "del_header", 2, 2);
	struct tw_msg *const msg = open_msg(L, &d);
	del(msg, name_arg(L));
	return 0;
}

#define VALUE_MAX 16384

/* in: values, each of a list by itself. */
static int
replace(lua_State *L, const char *fn, bool values)
{
	static _Thread_local char mem[VALUE_MAX];
	struct lu_dir *d;
	struct tw_hdr *h = NULL;

	args(L, fn, 4, 4);
	struct tw_msg *const msg = open_msg(L, &d);
	const struct tw_str name = name_arg(L);
	const struct tw_str by = lu_check_str(L, 4);
	const struct tw_regex *const re = lu_check_regex(L, 3);
	while ((h = tw_msg_find(msg, name, h)) != NULL) {
		struct tw_out o = tw_out_of(mem, sizeof(mem));
		if (!(values ? tw_regex_expand_list(re, tw_hdr_value(h), by, &o)
			     : tw_regex_expand(re, tw_hdr_value(h), by, &o)))
			continue;
		struct tw_str value = { mem, (size_t)(o.p - mem) };
		if (o.over || !lu_is_field_value(value))
			return luaL_error(L,
			    "'%s': the new value is too long or holds line breaks", fn);
		value = kept(L, d, value);
		tw_msg_set_value(msg, h, value);
		lu_host_changed(L, d->stream->req, msg, name, value);
	}
	return 0;
}

/*@ HTTPMessage:rep_header(name: string, regex: string, replace: string) */
static int
rep_header(lua_State *L)
{
	return replace(L, "rep_header", false);
}

/*@ HTTPMessage:rep_value(name: string, regex: string, replace: string) */
static int
rep_value(lua_State *L)
{
	return replace(L, "rep_value", true);
}

/*@ HTTPMessage:get_headers(): table<string, table<integer, string>> */
static int
get_headers(lua_State *L)
{
	struct lu_dir *d;

	lu_push_fields(L, lu_msg_of(L, &d));
	return 1;
}

/* ---- the start line ------------------------------------------------------------------ */

static void
set_field(lua_State *L, const char *name, struct tw_str value)
{
	lu_push_str(L, value);
	lua_setfield(L, -2, name);
}

/*@ HTTPMessage:get_stline(): table<string, string> */
static int
get_stline(lua_State *L)
{
	struct lu_dir *d;
	const struct tw_msg *const msg = lu_msg_of(L, &d);

	lua_createtable(L, 0, 3);
	lua_pushfstring(L, "HTTP/%d.%d", (int)msg->major, (int)msg->minor);
	lua_setfield(L, -2, "version");
	if (d->response) {
		lua_pushfstring(L, "%d", (int)msg->status);
		lua_setfield(L, -2, "code");
		set_field(L, "reason", msg->reason);
	} else {
		set_field(L, "method", msg->method_name);
		set_field(L, "uri", tw_req_uri(d->stream->req));
	}
	return 1;
}

/* A head of the other kind has no such part. */
static struct tw_msg *
open_msg_of(lua_State *L, bool response, const char *fn, struct lu_dir **d)
{
	struct tw_msg *const msg = open_msg(L, d);

	if ((*d)->response != response)
		luaL_error(
		    L, "'%s' is for a %s", fn, response ? "response" : "request");
	return msg;
}

/*@ HTTPMessage:set_status(code: integer, reason?: string): boolean */
static int
set_status(lua_State *L)
{
	struct lu_dir *d;

	args(L, "set_status", 2, 3);
	const lua_Integer code = luaL_checkinteger(L, 2);
	const char *const reason = luaL_optstring(L, 3, NULL);
	luaL_argcheck(
	    L, code >= 200 && code <= 999, 2, "a status from 200 to 999 is expected");
	luaL_argcheck(L, reason == NULL || lu_is_field_value(lu_check_str(L, 3)), 3,
	    "a reason cannot hold line breaks");
	struct tw_msg *const msg = open_msg_of(L, true, "set_status", &d);
	msg->status = (uint16_t)code;
	msg->reason = reason != NULL ? kept(L, d, tw_str_of(reason))
				     : tw_str_of(tw_status_reason((int)code));
	msg->flags |= TW_MSG_EDITED;
	tw_req_set_status(d->stream->req, (int)code);
	lua_pushboolean(L, true);
	return 1;
}

/*@ HTTPMessage:set_method(method: string): boolean */
static int
set_method(lua_State *L)
{
	struct lu_dir *d;

	args(L, "set_method", 2, 2);
	open_msg_of(L, false, "set_method", &d);
	const struct tw_str name = lu_check_str(L, 2);
	luaL_argcheck(L, lu_is_token(name), 2, "that is not a method");
	lua_pushboolean(L, tw_req_set_method(d->stream->req, kept(L, d, name)) == 0);
	return 1;
}

static int
set_target(lua_State *L, const char *fn, enum tw_target_part part)
{
	struct lu_dir *d;

	args(L, fn, 2, 2);
	open_msg_of(L, false, fn, &d);
	const struct tw_str text = lu_check_str(L, 2);
	lua_pushboolean(L, tw_req_set_target(d->stream->req, part, text) == 0);
	return 1;
}

/*@ HTTPMessage:set_path(path: string): boolean */
static int
set_path(lua_State *L)
{
	return set_target(L, "set_path", TW_TARGET_PATH);
}

/*@ HTTPMessage:set_query(query: string): boolean */
static int
set_query(lua_State *L)
{
	return set_target(L, "set_query", TW_TARGET_QUERY);
}

/*@ HTTPMessage:set_uri(uri: string): boolean */
static int
set_uri(lua_State *L)
{
	return set_target(L, "set_uri", TW_TARGET_URI);
}

/* The body's length, or "chunked". */
/*@ HTTPMessage:set_body_len(length: integer|"chunked"): boolean */
static int
set_body_len(lua_State *L)
{
	struct lu_dir *d;

	args(L, "set_body_len", 2, 2);
	open_msg(L, &d);
	if (lua_type(L, 2) == LUA_TSTRING &&
	    strcmp(lua_tostring(L, 2), "chunked") == 0) {
		d->body_len = -1;
	} else {
		const lua_Integer n = luaL_checkinteger(L, 2);
		luaL_argcheck(L, n >= 0, 2, "a length or 'chunked' is expected");
		d->body_len = n;
	}
	lua_pushboolean(L, true);
	return 1;
}

static const luaL_Reg methods[] = {
	{ "add_header", add_header },
	{ "del_header", del_header },
	{ "get_headers", get_headers },
	{ "get_stline", get_stline },
	{ "rep_header", rep_header },
	{ "rep_value", rep_value },
	{ "set_body_len", set_body_len },
	{ "set_header", set_header },
	{ "set_method", set_method },
	{ "set_path", set_path },
	{ "set_query", set_query },
	{ "set_status", set_status },
	{ "set_uri", set_uri },
	{ NULL, NULL },
};

/* ---- the classes ------------------------------------------------------------------------ */

/* Upvalue: methods. HTTPMessage has one field, channel. */
static int
on_index(lua_State *L)
{
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
		return 1;
	const struct object *const o = luaL_testudata(L, 1, LU_MESSAGE);
	if (o == NULL || lua_type(L, 2) != LUA_TSTRING ||
	    strcmp(lua_tostring(L, 2), "channel") != 0)
		return 0;
	lu_push_channel(L, o->response);
	return 1;
}

static void
objects_make(lua_State *L, const char *class, const char keys[2])
{
	for (int i = 0; i < 2; i++) {
		struct object *const o = lua_newuserdata(L, sizeof(*o));
		o->response = i == 1;
		luaL_setmetatable(L, class);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &keys[i]);
	}
}

void
lu_open_message(lua_State *L)
{
	/*@ HTTPMessage.channel: Channel */
	lu_class(L, LU_MESSAGE, methods);
	lua_getfield(L, -1, "__index");
	lu_message_data_methods(L);
	lua_pushcclosure(L, on_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	lu_class(L, LU_FILTER_CHANNEL, (const luaL_Reg[]){ { NULL, NULL } });
	lua_getfield(L, -1, "__index");
	lu_channel_methods(L);
	lua_pop(L, 2);
	objects_make(L, LU_MESSAGE, message_key);
	objects_make(L, LU_FILTER_CHANNEL, channel_key);
}
