/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * decision.h - where a request goes, and who said so.
 *
 * One record for each request, changed only through these setters, which
 * append to its trail. Logs, traces and `tideway explain` print the trail.
 * The origin of a change is made once, when the configuration is read, so
 * that recording costs two stores.
 */
#ifndef TIDEWAY_DECISION_H
#define TIDEWAY_DECISION_H

#include <tideway/str.h>

/* Who decides: "use_backend" at a line, a module, a script. gen. */
struct tw_origin {
	const char *who;  /* "use_backend", "cookie", "balance" */
	const char *file; /* NULL: not from a file */
	int line;
};

enum tw_what {
	TW_CHOSE_BACKEND,
	TW_CHOSE_SERVER,
	TW_RETRIED,      /* the same server once more */
	TW_REDISPATCHED, /* the server given up */
	TW_ANSWERED,     /* a module answered in the servers' place */
	TW_REFUSED,
};

struct tw_trail {
	const struct tw_origin *origin; /* borrow: gen */
	enum tw_what what;
	const char *name;               /* of what was chosen; borrow: gen */
};

#define TW_TRAIL_MAX 8 /* the first seven entries and the newest are kept */

TW_API void tw_decide_backend(struct tw_req *req, struct tw_proxy *backend,
    const struct tw_origin *origin);
TW_API void tw_decide_server(struct tw_req *req, struct tw_server *server,
    const struct tw_origin *origin);
TW_API void tw_decide_note(struct tw_req *req, enum tw_what what,
    const char *name, const struct tw_origin *origin);

TW_API struct tw_proxy *tw_req_frontend(const struct tw_req *req);
TW_API struct tw_proxy *tw_req_backend(const struct tw_req *req); /* NULL: none yet */
TW_API struct tw_server *tw_req_server(const struct tw_req *req); /* NULL: none yet */
/** tw_req_trail - the entries so far. returns: how many. */
TW_API int tw_req_trail(const struct tw_req *req, const struct tw_trail **trail);

#endif
