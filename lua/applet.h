/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * applet.h - what a service or a command talks through: AppletHTTP, AppletTCP.
 *
 * One userdata for each run of the function. Its uservalue, a table made when it
 * is first needed, holds what the script has put into it and what was computed
 * once. Bytes come and go through `io`: the client of a request (service.c), or a
 * session of the control socket (cli.c).
 */
#ifndef TW_LUA_APPLET_H
#define TW_LUA_APPLET_H

#include <tideway/service.h>

#include "lu.h"

#define LU_APPLET_HTTP "AppletHTTP"
#define LU_APPLET_TCP "AppletTCP"

struct lu_applet;

/* As tw_service_read and its like. */
struct lu_applet_io {
	enum tw_io (*read)(struct lu_applet *a, struct tw_str *data);
	void (*take)(struct lu_applet *a, size_t n);
	size_t (*write)(struct lu_applet *a, struct tw_str data);
};

struct lu_applet {
	const struct lu_applet_io *io; /* NULL: it is over */
	struct tw_req *req;            /* NULL: a command */
	struct tw_cli *cli;            /* NULL: a service */
	bool started;                  /* the answer's head is decided */
	bool waits_io;                 /* its call waits for bytes or room */
	int status;                    /* of the answer */
	struct tw_str payload;         /* cli: what it can read */
	size_t room;                   /* cli: bytes that it may write in this turn */
	uint64_t until_ms;             /* receive's timeout; 0: none */
	size_t got, want; /* receive: bytes gathered, and how many shall be */
	size_t sent;      /* send: of its argument */
	const struct tw_worker *worker; /* on which it runs */
};

/** lu_push_applet - a new one. in: class, one of the two. */
struct lu_applet *lu_push_applet(lua_State *L, const char *class);
/** lu_check_applet - argument 1. errors: a Lua error: it is none of this class, or it
 * is over. */
struct lu_applet *lu_check_applet(lua_State *L, const char *class);
/** lu_applet_end - ends the call, if there is one; what is kept of its applet, which
 * may be NULL, raises an error from now on. */
void lu_applet_end(struct lu_call **call, struct lu_applet *a);
/** lu_applet_fields - its uservalue; left on the stack. in: i, where it is. */
void lu_applet_fields(lua_State *L, int i);

/** lu_applet_class - its metatable: what both have, and these. in: index, what else
 * there is besides methods: pushes one value and returns 1, or returns 0. */
void lu_applet_class(lua_State *L, const char *class, const luaL_Reg *methods,
    int (*index)(lua_State *L, struct lu_applet *a, const char *name));

/* What both classes do, for their methods. in: everything is an argument. */
int lu_applet_getline(lua_State *L);
int lu_applet_receive(lua_State *L, struct lu_applet *a, size_t want, uint32_t ms);
int lu_applet_send(lua_State *L, struct lu_applet *a);

/** lu_open_applets - the classes. */
void lu_open_applets(lua_State *L);
void lu_open_applet_http(lua_State *L);


/* core.register_service, core.register_cli: service.c, cli.c */
int lu_register_service(lua_State *L);
int lu_register_cli(lua_State *L);

#endif
