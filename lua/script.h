/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * script.h - our own API: scripts of lua-script, their hooks, the objects that
 * hooks get, and what they decide.
 */
#ifndef TW_LUA_SCRIPT_H
#define TW_LUA_SCRIPT_H

#include "lu.h"

/* The hooks; enum lu_stage is call->stage of LU_AT_HOOK. */
#define LU_STAGES(X)               \
	X(INIT, "on_init")         \
	X(ACCEPT, "on_accept")     \
	X(REQUEST, "on_request")   \
	X(ROUTE, "on_route")       \
	X(PICK, "on_pick")         \
	X(RETRY, "on_retry")       \
	X(RESPONSE, "on_response") \
	X(LOG, "on_log")           \
	X(SERVER, "on_server")     \
	X(BODY, "on_body")         \
	X(UNLOAD, "on_unload")     \
	X(TIMER, "a timer")

enum lu_stage {
#define X(name, text) LU_ON_##name,
	LU_STAGES(X)
#undef X
	    LU_N_STAGES
};
#define LU_BIT(name) (1u << LU_ON_##name)
#define LU_NO_YIELD \
	(LU_BIT(INIT) | LU_BIT(PICK) | LU_BIT(RETRY) | LU_BIT(LOG) | LU_BIT(UNLOAD))
extern const char *const lu_stage_name[LU_N_STAGES];

/* One line of Lua that decided something; kept as long as the unit. */
struct lu_origin {
	struct lu_origin *next;
	struct tw_origin o;
};

/* What a line `lua-script` says. gen */
struct lu_script {
	struct lu_unit *unit;
	const struct tw_kw *kw;
	const char *conf_file;
	int conf_line;
	const char *const *arg; /* name, value, name, value, ... */
	int n_args;             /* pairs */
	const char *const *in;  /* names of proxies; NULL: all */
	enum lu_profile profile;
	uint64_t memory;                      /* bytes of each state; 0: no limit */
	uint32_t time_ms;                     /* of one call; 0: what tune.lua says */
	int on_error;                         /* a status; 0: the request goes on */
	struct lu_file *file;   /* run by check() */
	struct lu_hooked *placed; /* where http-request lua-hook names it */
	struct lu_slot *slot[LU_N_STAGES];    /* NULL: no such hook */
	struct tw_origin origin[LU_N_STAGES]; /* the hook's function */
	pthread_mutex_t lock;                 /* shared: of origins */
	struct lu_origin *_Atomic origins;    /* owns */
	bool over;                            /* lu_script_free() was called */
};

/* A proxy's hooks of one stage, in the order of the lines. gen */
struct lu_hooked {
	struct lu_hooked *next;
	const char *conf_file; /* of lua-hook */
	int conf_line;
	struct lu_script *script;
	struct lu_slot *slot;
	bool of_frontend; /* on the frontend's chain only, when both have it */
};

/* The module's part of a proxy. */
struct lu_px {
	struct lu_hooked *hooks[LU_N_STAGES];
	bool decides; /* some script may have decided before: route, pick */
};

static inline struct lu_px *
lu_px_of(const struct tw_proxy *px)
{
	return tw_proxy_block(px, lu_self);
}

/* ---- script.c ---------------------------------------------------------------- */

#define LU_SCRIPT_USAGE                                                             \
	"<name> file <path> [in <proxy>[,<proxy>]*] [arg <name>=<value>...] "       \
	"[profile {trusted|standard|untrusted}] [limit memory <size>] [limit time " \
	"<time>] [on-error {deny|continue|<status>}]"
int lu_script_set(struct tw_line *ln);
/** lu_script_push_args - what `...` is in the file: one table. */
void lu_script_push_args(lua_State *L, const struct lu_script *script);
/** lu_script_loaded - a lua_CFunction: (what the file returned): its hooks get
 * their slots. */
int lu_script_loaded(lua_State *L);
struct lu_legacy;
/** lu_script_init - calls on_init in one state. in: legacy, what its predecessors
 * have left, or NULL. errors: -1: err. */
int lu_script_init(
    struct lu_state *s, const struct lu_legacy *legacy, struct tw_err *err);
/** lu_scripts_check - which proxies run which hooks. context: check. */
int lu_scripts_check(struct tw_gen *gen);
/** lu_scripts_load - before that: runs their files. */
int lu_scripts_load(struct tw_gen *gen);
void lu_script_free(struct lu_script *script);
struct lu_script *lu_script_find(struct tw_gen *gen, const char *name);
/** lu_origin_here - of the Lua line that runs. */
const struct tw_origin *lu_origin_here(lua_State *L);
/** lu_origin_at - in: ar, with "Sl". */
const struct tw_origin *lu_origin_at(lua_State *L, const lua_Debug *ar);

/* ---- hook.c -------------------------------------------------------------------- */

int lu_hook_parse(struct tw_action_line *a, const void **conf);
enum tw_act lu_hook_run(struct tw_req *req, const struct tw_action_call *call);
enum tw_verdict lu_on_session(struct tw_req *req, void *state);
enum tw_verdict lu_on_request(struct tw_req *req, void *state);
enum tw_verdict lu_on_route(struct tw_req *req, void *state);
enum tw_verdict lu_on_pick(struct tw_req *req, void *state);
enum tw_verdict lu_on_retry(struct tw_req *req, void *state);
enum tw_verdict lu_on_response(struct tw_req *req, void *state);
enum tw_verdict lu_on_log(struct tw_req *req, void *state);
bool lu_wants_session(const struct tw_proxy *px);
bool lu_wants_request(const struct tw_proxy *px);
bool lu_wants_route(const struct tw_proxy *px);
bool lu_wants_pick(const struct tw_proxy *px);
bool lu_wants_retry(const struct tw_proxy *px);
bool lu_wants_response(const struct tw_proxy *px);
bool lu_wants_log(const struct tw_proxy *px);

/* ---- objects (native.c, message.c) ------------------------------------------------ */

/* The parts of a request that are objects of their own, made when asked for. */
enum lu_part_kind {
	LU_P_REQ,
	LU_P_HEADERS,
	LU_P_ARGS,
	LU_P_COOKIES,
	LU_P_VARS,
	LU_P_TIME,
	LU_P_RES,
	LU_P_RES_HEADERS,
	LU_N_PARTS /* LU_NATIVE_PARTS */
};
_Static_assert(LU_N_PARTS == LU_NATIVE_PARTS, "lu.h has room for all kinds");

#define LU_NATIVE_MAGIC 0x4c5552u
/* A request as a hook sees it: one userdata for each request and state, anchored
 * until RESET, then cut off. */
struct lu_native {
	uint32_t magic;
	int ref;                /* lu_anchor() */
	struct tw_req *req;     /* NULL: it has ended */
	struct lu_state *s;
	struct lu_native *next; /* of the request */
	struct lu_part *parts;  /* those made so far */
	bool kept;              /* perhaps, by a function that got it */
};

#define LU_PART_MAGIC 0x4c5553u
struct lu_part {
	uint32_t magic;
	uint32_t kind;
	struct lu_native *of; /* kept by its user value */
	struct lu_part *next;
	int ref;              /* lu_anchor() */
};

void lu_open_native(lua_State *L);
/** lu_push_native - the request's, on top of c->L. */
void lu_push_native(struct lu_call *c);
/** lu_push_part - of `n`, on top of L. */
void lu_push_part(lua_State *L, struct lu_native *n, enum lu_part_kind kind);
void lu_native_reset(struct tw_req *req, struct lu_req *r);
/** lu_native - argument `i`. errors: a Lua error that names the function. */
struct lu_native *lu_native(lua_State *L, int i, const char *function);
/** lu_part - argument `i`, whose request is still there. */
struct lu_part *lu_part(lua_State *L, int i, enum lu_part_kind kind);
/** lu_stage_check - a Lua error, unless the hook that runs is one of `stages`. */
void lu_stage_check(lua_State *L, unsigned stages, const char *function);
/** lu_keep - a copy of a slice until RESET. errors: a Lua error. */
struct tw_str lu_keep(lua_State *L, struct tw_req *req, struct tw_str s);

/* ---- decisions (decide.c) ----------------------------------------------------------- */

enum lu_answer_kind { LU_NO_ANSWER, LU_REPLY, LU_DENY, LU_DROP, LU_TARPIT };

/* How a request is to end; in its arena. */
struct lu_answer {
	enum lu_answer_kind kind;
	int status;
	struct tw_reply reply;
	const struct tw_origin *origin;
	uint32_t ms; /* LU_TARPIT */
	struct tw_timer timer;
	struct tw_req *req;
	bool waits, fired;
};

extern const luaL_Reg lu_decisions[];
/** lu_want_backend, lu_want_server - what a script has named. errors: a Lua error
 * when there is none of that name. */
struct tw_proxy *lu_want_backend(lua_State *L, int i, const char *function);

/* ---- tw.c, backend.c ------------------------------------------------------------------ */

/** lu_open_tw - the table `tw`: package.loaded.tideway, and a global of scripts. */
void lu_open_tw(lua_State *L);
extern const char lu_json_key; /* registry: tw.json.decode */
/** lu_on_server - takes the function on top, which will hear of servers. */
void lu_on_server(lua_State *L);
void lu_open_backend(lua_State *L);
/** lu_push_backend - the same object each time. */
void lu_push_backend(lua_State *L, struct tw_proxy *px);
void lu_push_srv(lua_State *L, const struct tw_server *srv);
/** lu_backend_pick - a lua_CFunction: pick.c. */
int lu_backend_pick(lua_State *L);
/** lu_test_backend, lu_test_server - NULL: something else, or the server is gone. */
struct tw_proxy *lu_test_backend(lua_State *L, int i);
struct tw_server *lu_test_server(lua_State *L, int i);

#endif
