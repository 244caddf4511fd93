/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter.h - lines `filter lua.NAME`: filters whose callbacks are a script's.
 *
 * A line has, in each state, what the function of core.register_filter() gave for
 * it; a request has, of each line, a stream: the instance that new() gave, and
 * two directions. HTTPMessage and Channel are one object for each direction and
 * state: they stand for the direction of the callback that runs.
 */
#ifndef TW_LUA_FILTER_H
#define TW_LUA_FILTER_H

#include <tideway/filter.h>

#include "lu.h"

#define LU_MESSAGE "HTTPMessage"
#define LU_FILTER_CHANNEL "Channel (filter)"

/* What callbacks return: HAProxy's numbers. */
enum { LU_FILTER_ERROR = -1, LU_FILTER_WAIT, LU_FILTER_CONTINUE };

struct lu_filter_line {
	struct lu_filter_line *next; /* of the generation */
	struct lu_slot *slot;
	const struct tw_proxy *proxy;
	const char *file;
	int line;
	bool htx; /* FLT_CFG_FL_HTX: it can look at mode http */
	int n_args;
	const char *arg[];
};

/* One direction. What is there is `in`: the core's bytes, or, once they were changed
 * or kept back, buf. */
struct lu_dir {
	struct lu_stream *stream;
	bool response;
	bool data_on;   /* register_data_filter */
	bool attached;  /* bytes will come */
	bool headed;    /* start_analyze and http_headers are done */
	bool head_open; /* the message's head may be changed */
	bool last;      /* no more bytes will come in */
	bool told_last; /* the script has seen that */
	bool cut;       /* set_eom: what follows goes nowhere */
	bool no_eom;    /* unset_eom */
	bool no_body;   /* the message has none */
	bool failed;
	bool in_data; /* a callback about payload runs */
	bool own;     /* in is buf */
	bool paused;  /* WAIT with a wake_time: until the timer fires */
	struct tw_timer timer;
	const char *in;
	size_t in_len;
	char *buf, *out; /* owns: malloc */
	size_t buf_size;
	size_t out_len, out_size;
	bool has_left;    /* the length that was told: */
	uint64_t left;    /* of it, still to come out */
	int64_t body_len; /* set_body_len; -1: chunked; -2: not said */
};

struct lu_stream {
	struct lu_stream *next; /* of the request */
	const struct lu_filter_line *line;
	struct tw_req *req;
	struct lu_state *s;
	int ref;          /* the instance; LUA_NOREF */
	bool ignored;     /* there is none */
	uint32_t wake_ms; /* filter.wake_time(); 0: not said */
	struct lu_dir dir[2];
};

/** lu_dir_of - the running callback's direction that object `i` stands for. errors: a
 * Lua error: it is none, or no filter's callback runs. */
struct lu_dir *lu_dir_of(lua_State *L, int i, const char *class);
/** lu_msg_of - the head of an HTTPMessage; argument 1. */
struct tw_msg *lu_msg_of(lua_State *L, struct lu_dir **dir);
/** lu_data_of - as lu_dir_of, argument 1 of either class, when a callback about its
 * payload runs. */
struct lu_dir *lu_data_of(lua_State *L);

/** lu_dir_own - what is there, in memory of ours with room for so many bytes more.
 * lu_dir_insert - adds to it; lu_dir_forward - its first n bytes leave. returns:
 * false: out of memory. */
bool lu_dir_own(struct lu_dir *d, size_t more);
bool lu_dir_insert(struct lu_dir *d, size_t at, struct tw_str s);
bool lu_dir_forward(struct lu_dir *d, size_t n);

/** lu_push_message, lu_push_channel - the object of a direction. */
void lu_push_message(lua_State *L, bool response);
void lu_push_channel(lua_State *L, bool response);
/** lu_message_fields - http_req, http_res: into the table on top. */
void lu_message_fields(lua_State *L);

/** lu_filters_reset - a request ends. in: r's filters, cleared. */
void lu_filters_reset(struct tw_req *req, struct lu_stream **filters);
/** lu_filters_check - all lines of a generation. */
int lu_filters_check(struct tw_gen *gen);

/** lu_push_filter_line - the line's filter in this state; false: its function did
 * not want one. errors: a Lua error. */
void lu_push_filter_line(lua_State *L, const struct lu_filter_line *line);
/** lu_filter_parse - as struct tw_filter says. */
int lu_filter_parse(struct tw_line *ln, int i, const void **conf);

void lu_open_filter(lua_State *L);
void lu_open_message(lua_State *L);
/** lu_message_data_methods, lu_channel_methods - into the table on top. */
void lu_message_data_methods(lua_State *L);
void lu_channel_methods(lua_State *L);

int lu_register_filter(lua_State *L);
extern const struct tw_filter lu_filters[];

#endif
