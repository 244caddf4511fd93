/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * net/accept.h - how workers watch listeners, for the files that do so.
 */
#ifndef TW_NET_ACCEPT_H
#define TW_NET_ACCEPT_H

#include "core/net/conn.h"

struct listener;

/* One worker's watch over one listener. */
struct tw__accept {
	struct tw__accept *next;
	struct listener *l;         /* one of its references */
	struct tw__bind_live *live; /* borrow: until unwatched */
	struct event ev;
	bool full; /* not watched for want of room */
	bool off;  /* not watched: other threads serve it (thread, shards), or an
	            * operator has paused it */
};

/** tw__accept_serve - watches it, or does not, as its line and its operator say
 * now. context: the worker. */
void tw__accept_serve(struct tw_worker *w, struct tw__accept *a);

#endif
