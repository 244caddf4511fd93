/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_answer.c - an error page as a message.
 *
 * Pages are bytes that end a connection. Where one answers a request that was
 * well served (monitor-uri), it is taken apart when the configuration is
 * checked, and sent as any answer is. Start and control thread.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>

#include "h1.h"
#include "http.h"
#include "http_opt.h"

static struct tw_str
page_of(const struct tw_proxy *px, int status)
{
	const struct http_proxy *conf = tw_proxy_block(px, tw__http_self);
	const int i = tw__http_page_index(status);

	return conf->error[i].p != NULL ? conf->error[i] : tw__http_pages[i].text;
}

/* What the connection is about is the codec's to say. */
static bool
is_ours(const struct tw_hdr *h)
{
	return h->id == TW_H_CONNECTION || h->id == TW_H_CONTENT_LENGTH ||
	    h->id == TW_H_KEEP_ALIVE || h->id == TW_H_TRANSFER_ENCODING;
}

static void
take_fields(struct http_answer *a, struct tw_arena *arena, struct tw_msg *msg)
{
	a->fields = tw_arena_zalloc(arena, (2u * msg->n_hdr + 1) * sizeof(*a->fields));
	for (int i = 0; i < msg->n_hdr; i++) {
		const struct tw_hdr *h = &msg->hdr[i];

		if (is_ours(h))
			continue;
		a->fields[2 * a->n_fields] = (struct tw_str){ h->name, h->name_len };
		a->fields[2 * a->n_fields + 1] = tw_hdr_value(h);
		a->n_fields++;
	}
}

const struct http_answer *
tw__http_answer(struct tw_gen *gen, const struct tw_proxy *px, int status)
{
	struct tw_arena *arena = tw_gen_arena(gen);
	const struct tw_str page = page_of(px, status);
	const struct tw_msg get = { .method = TW_M_GET, .major = 1, .minor = 1 };
	struct http_answer *a = tw_arena_zalloc(arena, sizeof(*a));
	char *text = tw_arena_alloc(arena, page.len + 1);
	struct tw_buf buf = { text, (uint32_t)page.len + 1, 0, (uint32_t)page.len };
	struct tw_stream st = { 0 };
	struct tw_msg *msg;

	a->made = ((const struct http_proxy *)tw_proxy_block(px, tw__http_self))
		      ->made[tw__http_page_index(status)];
	a->silent = page.len == 0 && a->made == NULL;
	if (a->silent)
		return a;
	memcpy(text, page.p, page.len);
	msg = calloc(1, sizeof(*msg));
	TW_ASSERT(msg != NULL);
	TW_ASSERT(tw__h1_read_head(&st, &buf, msg, &get, true) == TW_IO_OK);
	a->status = msg->status;
	a->reason = tw_arena_printf(arena, "%.*s", TW_STR_FMT(msg->reason));
	take_fields(a, arena, msg);
	a->body = (struct tw_str){ text + buf.head, page.len - buf.head };
	free(msg);
	return a;
}
