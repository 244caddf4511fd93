/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * memory.c - where OpenSSL's record buffers come from.
 *
 * A connection at rest shall hold none, so OpenSSL takes and gives back one of
 * 16 KiB and a bit for every record, both ways. That is more than malloc() has
 * ready: it would split and join its largest free piece each time. A thread
 * therefore keeps a few. All of them are plain blocks, which free() may be
 * called for, as others' may come back here. Any thread.
 */
#include <malloc.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "tls.h"

#define BUFFER_LEAST TLS_RECORD           /* its payload, ... */
#define BUFFER_BYTES (TLS_RECORD + 1024u) /* and what may be around it */
#define KEEP 4

struct kept {
	unsigned n;
	void *p[KEEP]; /* owns: of BUFFER_BYTES or a bit more */
};

static __thread struct kept kept;

static void *
memory_get(size_t num, const char *file, int line)
{
	(void)file;
	(void)line;
	if (num == 0)
		return NULL;
	if (TW_LIKELY(num <= BUFFER_LEAST || num > BUFFER_BYTES))
		return malloc(num);
	return kept.n > 0 ? kept.p[--kept.n] : malloc(BUFFER_BYTES);
}

static void
memory_put(void *p, const char *file, int line)
{
	const size_t size = p == NULL ? 0 : malloc_usable_size(p);

	(void)file;
	(void)line;
	if (TW_UNLIKELY(size >= BUFFER_BYTES && size < BUFFER_BYTES + 64) &&
	    kept.n < KEEP)
		kept.p[kept.n++] = p;
	else
		free(p);
}

static void *
memory_change(void *p, size_t num, const char *file, int line)
{
	if (num != 0)
		return realloc(p, num);
	memory_put(p, file, line);
	return NULL;
}

/* Refused when OpenSSL has allocated already; then it is as if this were not. */
void
tls__memory_load(void)
{
	(void)CRYPTO_set_mem_functions(memory_get, memory_change, memory_put);
}

void
tls__memory_free(void)
{
	while (kept.n > 0)
		free(kept.p[--kept.n]);
}
