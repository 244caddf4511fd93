/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * bad.c - the last message of each proxy that broke the protocol.
 *
 * A frontend keeps the last bad request, a backend the last bad response, as
 * received, for `show errors`. Memory is taken with the first one and used
 * again; one lock for all, which only bad peers and the reader take. Workers
 * write, the control thread reads.
 */
#include "config.h"

#include <stdlib.h>

#include "core/proxy/proxy_int.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t n_events; /* lock */

static void
name_keep(char to[TW_BAD_NAME], const char *name)
{
	struct tw_out o = tw_out_of(to, TW_BAD_NAME - 1);

	if (name != NULL)
		tw_out_str(&o, tw_str_of(name));
	*o.p = '\0';
}

/* context: lock. returns: with room for len bytes; NULL: out of memory. */
static struct tw__bad *
bad_room(struct tw__bad **at, size_t len)
{
	struct tw__bad *b = *at;

	if (b != NULL && b->room >= len)
		return b;
	b = realloc(b, sizeof(*b) + len);
	if (b == NULL)
		return NULL;
	b->room = len;
	*at = b;
	return b;
}

void
tw__bad_keep(const struct tw_proxy *px, enum tw_side side,
    const struct tw_bad_message *what, const struct tw_proxy *other,
    const struct tw_server *srv)
{
	struct tw_proxy_live *const l = px->live;
	struct tw__bad *b;

	pthread_mutex_lock(&lock);
	b = bad_room(side == TW_FRONTEND ? &l->bad_req : &l->bad_res, what->bytes.len);
	n_events++;
	if (b != NULL) {
		memcpy(b->data, what->bytes.p, what->bytes.len);
		b->m = *what;
		b->m.bytes.p = b->data;
		b->m.event = n_events - 1;
		b->m.other_id = other != NULL ? (int)other->id : -1;
		b->m.server_id = srv != NULL ? (int)srv->id : -1;
		name_keep(b->m.other, other != NULL ? other->name : NULL);
		name_keep(b->m.server, srv != NULL ? srv->name : NULL);
		if (b->m.src.family == AF_UNIX)
			b->m.src.u.path = ""; /* the generation's */
	}
	pthread_mutex_unlock(&lock);
}

bool
tw_proxy_bad_message(const struct tw_proxy *px, enum tw_side side,
    void (*fn)(const struct tw_bad_message *m, void *arg), void *arg)
{
	const struct tw__bad *b;

	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	pthread_mutex_lock(&lock);
	b = side == TW_FRONTEND ? px->live->bad_req : px->live->bad_res;
	if (b != NULL)
		fn(&b->m, arg);
	pthread_mutex_unlock(&lock);
	return b != NULL;
}

uint64_t
tw_bad_messages(void)
{
	pthread_mutex_lock(&lock);
	const uint64_t n = n_events;
	pthread_mutex_unlock(&lock);
	return n;
}
