/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ticket_file.c - a file of ticket keys: a line each, in Base64.
 *
 * source: HAProxy's manual, 5.1, tls-ticket-keys. Control thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include <tideway/encode.h>

#include "ticket.h"

int
tls__ticket_key_decode(struct tw_str text, struct tls_ticket_key *key)
{
	const int64_t n = text.len > 4 * sizeof(*key)
	    ? -1
	    : tw_base64_decode(text, (char *)key->bytes, sizeof(key->bytes), false);

	return n < 0 ? -1 : n == TLS_TICKET_128 || n == TLS_TICKET_256 ? (int)n : 0;
}

/* The ring has the last ones: each new one pushes the oldest out. */
static void
ring_push(struct tls_keyring *ring, const struct tls_ticket_key *key)
{
	memmove(
	    &ring->key[0], &ring->key[1], (TLS_TICKET_KEYS - 1) * sizeof(ring->key[0]));
	ring->key[TLS_TICKET_KEYS - 1] = *key;
}

static int
line_take(struct tls_keyring *ring, const char *line, int number, struct tw_err *err)
{
	struct tls_ticket_key key = { { 0 } };
	const struct tw_str text = { line, strcspn(line, "\r\n") };
	const int n = tls__ticket_key_decode(text, &key);

	if (n < 0)
		return tw_err_set(
		    err, "unable to decode base64 key on line %d", number);
	if (number == 1)
		ring->key_bytes = (uint32_t)n;
	if (n == 0 || (uint32_t)n != ring->key_bytes)
		return tw_err_set(err,
		    "wrong sized key on line %d: keys have 48 or 80 bytes, all of a "
		    "file the same ('openssl rand -base64 80' on one line each)",
		    number);
	ring_push(ring, &key);
	OPENSSL_cleanse(&key, sizeof(key));
	return 0;
}

int
tls__ticket_file_read(const char *file, struct tls_keyring *ring, struct tw_err *err)
{
	char line[512];
	int n = 0, rc = 0;
	FILE *const f = fopen(file, "re");

	*ring = (struct tls_keyring){ 0 };
	if (f == NULL)
		return tw_err_errno(
		    err, "unable to load ssl tickets keys file '%s'", file);
	while (rc == 0 && fgets(line, sizeof(line), f) != NULL)
		rc = line_take(ring, line, ++n, err);
	if (rc == 0 && ferror(f))
		rc = tw_err_errno(
		    err, "unable to read ssl tickets keys file '%s'", file);
	fclose(f);
	OPENSSL_cleanse(line, sizeof(line));
	if (rc == 0 && n < TLS_TICKET_KEYS)
		rc = tw_err_set(err,
		    "please supply at least %d keys in the "
		    "tls-tickets-file, a line each; '%s' has %d",
		    TLS_TICKET_KEYS, file, n);
	return rc;
}

static void
ring_wipe(void *arg)
{
	OPENSSL_cleanse(arg, sizeof(struct tls_keyring));
}

int
tls_set_ticket_keys(struct tw_line *ln)
{
	struct tls_bind *const tb = ln->state;
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct tls_keyring *const ring = tw_arena_zalloc(arena, sizeof(*ring));
	struct tw_err err;

	tw_arena_at_end(arena, ring_wipe, ring);
	if (tls__ticket_file_read(tw_arg(ln, 0), ring, &err) < 0)
		return tw_line_fail(ln, 0, "'%s' : %s", ln->kw->word, err.text);
	tb->ticket_file = tw_arena_strdup(arena, tw_arg(ln, 0));
	tb->ticket_ring = ring;
	return 0;
}

int
tls_set_rotation(struct tw_line *ln)
{
	struct tls_gen *const g = ln->state;
	struct tw_err err;

	if (tw_parse_ms(tw_arg(ln, 0), 1000000, &g->ticket_rotation_ms, &err) < 0 ||
	    g->ticket_rotation_ms < 1000)
		return tw_line_fail(ln, 0,
		    "'%s' expects a time of at least one second, such as 12h",
		    ln->kw->word);
	return 0;
}
