/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_news.h - what becomes of servers, for modules that tell others.
 */
#ifndef TIDEWAY_SERVER_NEWS_H
#define TIDEWAY_SERVER_NEWS_H

#include <tideway/server.h>

enum tw_server_news_kind {
	TW_SERVER_NEWS_STATE, /* how it runs */
	TW_SERVER_NEWS_ADMIN, /* what somebody wants of it */
	TW_SERVER_NEWS_CHECK, /* a check or its agent says other than before */
};

/* Pointers: borrow, until the watch returns. */
struct tw_server_news {
	enum tw_server_news_kind kind;
	/* STATE: "RUNNING", "STARTING" (slowstart), "STOPPING" (no new sessions),
	 * "STOPPED"; static */
	const char *was, *is;
	bool ran, runs; /* it took, takes at least persistent sessions */
	bool by_admin;  /* STATE: somebody wanted it so */
	unsigned was_admin, is_admin;        /* ADMIN: TW_ADM_... */
	const struct tw_check_result *check; /* CHECK, STATE after a check; else NULL */
	bool passed, agent;                  /* of the check */
	const char *cause;                   /* NULL: none is known */
	uint32_t requeued;                   /* requests that will choose again */
};

struct tw_server_watch {
	struct tw_server_watch *next;
	/* context: control. */
	void (*told)(struct tw_server_watch *self, struct tw_server *srv,
	    const struct tw_server_news *news);
};
/** tw_server_watch - for the life of the process. context: a module's load. */
TW_API void tw_server_watch(struct tw_server_watch *w);

#endif
