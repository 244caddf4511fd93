/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cli_text.c - what is said on the control socket, which may be a private key:
 * memory that held it is cleared before it is given back. libevent does not do so
 * when it moves or drains bytes; lines are copied once, into memory of our own.
 */
#include "config.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "core/run/cli.h"

void
tw__cli_wipe_free(char *p, size_t len)
{
	if (p != NULL)
		explicit_bzero(p, len);
	free(p);
}

void
tw__cli_drain(struct evbuffer *in, size_t len)
{
	struct evbuffer_iovec v;
	size_t left = evbuffer_get_length(in);

	if (left > len)
		left = len;
	while (left > 0 && evbuffer_peek(in, 1, NULL, &v, 1) > 0 && v.iov_len > 0) {
		const size_t n = v.iov_len < left ? v.iov_len : left;

		explicit_bzero(v.iov_base, n);
		evbuffer_drain(in, n);
		left -= n;
	}
	evbuffer_drain(in, left);
}

char *
tw__cli_line(struct evbuffer *in, size_t *len)
{
	size_t eol = 0;
	const struct evbuffer_ptr at =
	    evbuffer_search_eol(in, NULL, &eol, EVBUFFER_EOL_CRLF);
	char *line;

	if (at.pos < 0)
		return NULL;
	*len = (size_t)at.pos;
	line = malloc(*len + 1);
	TW_ASSERT(line != NULL);
	evbuffer_copyout(in, line, *len);
	line[*len] = '\0';
	tw__cli_drain(in, *len + eol);
	return line;
}

void
tw__cli_text_begin(struct tw__cli_text *t)
{
	t->size = 4096;
	t->len = 0;
	t->p = malloc(t->size);
	TW_ASSERT(t->p != NULL);
	t->p[0] = '\0';
}

static void
grow(struct tw__cli_text *t, size_t least)
{
	const struct tw__cli_text was = *t;

	while (t->size < least)
		t->size *= 2;
	t->p = malloc(t->size);
	TW_ASSERT(t->p != NULL);
	memcpy(t->p, was.p, was.len + 1);
	tw__cli_wipe_free(was.p, was.len);
}

void
tw__cli_text_add(struct tw__cli_text *t, const char *line)
{
	const size_t len = strlen(line);

	if (t->len + len + 2 > t->size)
		grow(t, t->len + len + 2);
	memcpy(t->p + t->len, line, len);
	memcpy(t->p + t->len + len, "\n", 2);
	t->len += len + 1;
}

void
tw__cli_text_free(struct tw__cli_text *t)
{
	tw__cli_wipe_free(t->p, t->len);
	*t = (struct tw__cli_text){ .p = NULL };
}

static void
sent(const void *p, size_t len, void *arg)
{
	(void)p;
	tw__cli_wipe_free(arg, len);
}

void
tw__cli_send(struct evbuffer *out, struct tw_str text)
{
	char *const copy = malloc(text.len + 1);

	TW_ASSERT(copy != NULL);
	memcpy(copy, text.p, text.len);
	if (evbuffer_add_reference(out, copy, text.len, sent, copy) != 0)
		tw__cli_wipe_free(copy, text.len);
}
