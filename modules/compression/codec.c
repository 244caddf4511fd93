/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * codec.c - the libraries, and each worker's compressors.
 *
 * A compressor's state is large (some 256 KB with zlib) and costs to make, so it
 * is kept for the next stream of its worker where the library can reset it. All
 * memory of the libraries is counted, for maxzlibmem. Worker. source: RFC 1950
 * to 1952, 7932, 8878.
 */
#include "config.h"

#include <stdlib.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef HAVE_BROTLI
#include <brotli/encode.h>
#endif
#ifdef HAVE_ZSTD
#define ZSTD_STATIC_LINKING_ONLY /* its allocator */
#include <zstd.h>
#endif

#include "comp.h"

/* Windows of what is not zlib: enough for the web's files. */
#define WINDOW_BROTLI 18
#define WINDOW_ZSTD 19

#if defined(HAVE_ZLIB) || defined(HAVE_BROTLI) || defined(HAVE_ZSTD)
/* Each block begins with its size. */
#define BLOCK_HEAD 16

static void *
block_get(size_t n)
{
	char *const p = malloc(n + BLOCK_HEAD);

	if (p == NULL)
		return NULL;
	*(size_t *)(void *)p = n;
	tw_process_comp_memory((int64_t)n);
	return p + BLOCK_HEAD;
}

static void
block_put(void *block)
{
	if (block == NULL)
		return;
	char *const p = (char *)block - BLOCK_HEAD;
	tw_process_comp_memory(-(int64_t) * (size_t *)(void *)p);
	free(p);
}
#endif

/* ---- identity ----------------------------------------------------------- */

static int
identity_run(struct comp_ctx *ctx, enum comp_op op, struct tw_out *out)
{
	const size_t room = (size_t)(out->end - out->p);
	const size_t n = ctx->in.len < room ? ctx->in.len : room;

	(void)op;
	tw_out_mem(out, ctx->in.p, n);
	ctx->in.p += n;
	ctx->in.len -= n;
	return ctx->in.len > 0;
}

/* ---- zlib --------------------------------------------------------------- */

#ifdef HAVE_ZLIB
static void *
zlib_alloc(void *arg, unsigned items, unsigned size)
{
	(void)arg;
	return block_get((size_t)items * size);
}

static void
zlib_free(void *arg, void *p)
{
	(void)arg;
	block_put(p);
}

/* in: bits, of the window, as zlib wants them: more than 15 for gzip, below 0
 * without a wrapper. */
static int
zlib_open_bits(struct comp_ctx *ctx, int bits)
{
	z_stream *const z = block_get(sizeof(*z));

	if (z == NULL)
		return -1;
	*z = (z_stream){ .zalloc = zlib_alloc, .zfree = zlib_free };
	if (deflateInit2(z, ctx->level, Z_DEFLATED, bits, ctx->mem_level,
		Z_DEFAULT_STRATEGY) != Z_OK) {
		block_put(z);
		return -1;
	}
	ctx->lib = z;
	return 0;
}

/* zlib has no window of 8 bits other than with its own wrapper, where it takes 9
 * instead. */
static int
zlib_window(const struct comp_ctx *ctx)
{
	return ctx->window < 9 ? 9 : ctx->window;
}

static int
gzip_open(struct comp_ctx *ctx)
{
	return zlib_open_bits(ctx, zlib_window(ctx) + 16);
}

static int
deflate_open(struct comp_ctx *ctx)
{
	return zlib_open_bits(ctx, zlib_window(ctx));
}

static int
raw_open(struct comp_ctx *ctx)
{
	return zlib_open_bits(ctx, -zlib_window(ctx));
}

static int
zlib_reset(struct comp_ctx *ctx)
{
	z_stream *const z = ctx->lib;

	return deflateReset(z) == Z_OK &&
		deflateParams(z, ctx->level, Z_DEFAULT_STRATEGY) == Z_OK
	    ? 0
	    : -1;
}

/* Another level: what was taken before leaves with the old one. returns: false:
 * there was not enough room for it. */
static bool
zlib_level(struct comp_ctx *ctx, struct tw_out *out)
{
	z_stream *const z = ctx->lib;

	z->next_in = NULL;
	z->avail_in = 0;
	z->next_out = (Bytef *)out->p;
	z->avail_out = (uInt)(out->end - out->p);
	const int rc = deflateParams(z, ctx->level, Z_DEFAULT_STRATEGY);
	out->p = out->end - z->avail_out;
	if (rc == Z_BUF_ERROR && z->avail_out == 0)
		return false;
	ctx->applied = ctx->level;
	return true;
}

static int
zlib_run(struct comp_ctx *ctx, enum comp_op op, struct tw_out *out)
{
	static const int flush[] = { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH };
	z_stream *const z = ctx->lib;

	if (ctx->level != ctx->applied && !zlib_level(ctx, out))
		return 1;
	z->next_in = (Bytef *)(uintptr_t)ctx->in.p;
	z->avail_in = (uInt)ctx->in.len;
	z->next_out = (Bytef *)out->p;
	z->avail_out = (uInt)(out->end - out->p);
	const int rc = deflate(z, flush[op]);
	ctx->in.p += ctx->in.len - z->avail_in;
	ctx->in.len = z->avail_in;
	out->p = out->end - z->avail_out;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return -1;
	return op == COMP_FINISH ? rc != Z_STREAM_END
				 : ctx->in.len > 0 || z->avail_out == 0;
}

static void
zlib_close(struct comp_ctx *ctx)
{
	deflateEnd(ctx->lib);
	block_put(ctx->lib);
}
#endif

/* ---- brotli ------------------------------------------------------------- */

#ifdef HAVE_BROTLI
static void *
brotli_alloc(void *arg, size_t n)
{
	(void)arg;
	return block_get(n);
}

static void
brotli_free(void *arg, void *p)
{
	(void)arg;
	block_put(p);
}

static int
brotli_open(struct comp_ctx *ctx)
{
	BrotliEncoderState *const b =
	    BrotliEncoderCreateInstance(brotli_alloc, brotli_free, NULL);

	if (b == NULL)
		return -1;
	BrotliEncoderSetParameter(b, BROTLI_PARAM_QUALITY, ctx->level);
	BrotliEncoderSetParameter(b, BROTLI_PARAM_LGWIN, WINDOW_BROTLI);
	ctx->lib = b;
	return 0;
}

static void
brotli_close(struct comp_ctx *ctx)
{
	BrotliEncoderDestroyInstance(ctx->lib);
}

/* There is no way but another one. */
static int
brotli_reset(struct comp_ctx *ctx)
{
	brotli_close(ctx);
	ctx->lib = NULL;
	return brotli_open(ctx);
}

static int
brotli_run(struct comp_ctx *ctx, enum comp_op op, struct tw_out *out)
{
	static const BrotliEncoderOperation ops[] = { BROTLI_OPERATION_PROCESS,
		BROTLI_OPERATION_FLUSH, BROTLI_OPERATION_FINISH };
	const uint8_t *in = (const uint8_t *)ctx->in.p;
	uint8_t *to = (uint8_t *)out->p;
	size_t n_in = ctx->in.len, n_out = (size_t)(out->end - out->p);

	if (!BrotliEncoderCompressStream(
		ctx->lib, ops[op], &n_in, &in, &n_out, &to, NULL))
		return -1;
	ctx->in = (struct tw_str){ (const char *)in, n_in };
	out->p = (char *)to;
	return n_in > 0 || BrotliEncoderHasMoreOutput(ctx->lib) ||
	    (op == COMP_FINISH && !BrotliEncoderIsFinished(ctx->lib));
}
#endif

/* ---- zstd --------------------------------------------------------------- */

#ifdef HAVE_ZSTD
static void *
zstd_alloc(void *arg, size_t n)
{
	(void)arg;
	return block_get(n);
}

static void
zstd_free(void *arg, void *p)
{
	(void)arg;
	block_put(p);
}

static int
zstd_reset(struct comp_ctx *ctx)
{
	ZSTD_CCtx *const z = ctx->lib;

	ZSTD_CCtx_reset(z, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, ctx->level);
	ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, WINDOW_ZSTD);
	return 0;
}

static int
zstd_open(struct comp_ctx *ctx)
{
	const ZSTD_customMem mem = { zstd_alloc, zstd_free, NULL };

	ctx->lib = ZSTD_createCCtx_advanced(mem);
	return ctx->lib != NULL ? zstd_reset(ctx) : -1;
}

static int
zstd_run(struct comp_ctx *ctx, enum comp_op op, struct tw_out *out)
{
	static const ZSTD_EndDirective ops[] = { ZSTD_e_continue, ZSTD_e_flush,
		ZSTD_e_end };
	ZSTD_inBuffer in = { ctx->in.p, ctx->in.len, 0 };
	ZSTD_outBuffer to = { out->p, (size_t)(out->end - out->p), 0 };
	const size_t rc = ZSTD_compressStream2(ctx->lib, &to, &in, ops[op]);

	if (ZSTD_isError(rc))
		return -1;
	ctx->in.p += in.pos;
	ctx->in.len -= in.pos;
	out->p += to.pos;
	return ctx->in.len > 0 || (op == COMP_RUN ? out->p == out->end : rc > 0);
}

static void
zstd_close(struct comp_ctx *ctx)
{
	ZSTD_freeCCtx(ctx->lib);
}
#endif

/* ---- all of them -------------------------------------------------------- */

static const struct comp_algo algos[] = {
	{ .name = "identity", .token = "identity", .run = identity_run },
#ifdef HAVE_ZLIB
	{ "gzip", "gzip", gzip_open, zlib_reset, zlib_run, zlib_close },
	{ "deflate", "deflate", deflate_open, zlib_reset, zlib_run, zlib_close },
	{ "raw-deflate", "deflate", raw_open, zlib_reset, zlib_run, zlib_close },
#endif
#ifdef HAVE_BROTLI
	{ "br", "br", brotli_open, brotli_reset, brotli_run, brotli_close },
#endif
#ifdef HAVE_ZSTD
	{ "zstd", "zstd", zstd_open, zstd_reset, zstd_run, zstd_close },
#endif
};
_Static_assert(TW_N_ELEMENTS(algos) <= COMP_N_ALGOS, "more algorithms than pools");

const struct comp_algo *
comp_algo_at(int i)
{
	return i >= 0 && i < (int)TW_N_ELEMENTS(algos) ? &algos[i] : NULL;
}

const struct comp_algo *
comp_algo_find(const char *name)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(algos); i++) {
		if (strcmp(algos[i].name, name) == 0)
			return &algos[i];
	}
	return NULL;
}

void
comp_versions(void (*line)(void *arg, const char *text), void *arg)
{
#ifdef HAVE_ZLIB
	line(arg, "zlib " TW_VER_ZLIB ": gzip, deflate, raw-deflate");
#endif
#ifdef HAVE_BROTLI
	line(arg, "brotli " TW_VER_BROTLI ": br");
#endif
#ifdef HAVE_ZSTD
	line(arg, "zstd " TW_VER_ZSTD ": zstd");
#endif
	line(arg, "built in: identity");
}

/* ---- contexts ----------------------------------------------------------- */

static void
ctx_free(struct comp_ctx **pctx)
{
	struct comp_ctx *const ctx = *pctx;

	*pctx = NULL;
	if (ctx->lib != NULL)
		ctx->algo->close(ctx);
	free(ctx);
}

static void
ctx_tune(struct comp_ctx *ctx, const struct comp_tune *t, uint8_t level)
{
	ctx->level = ctx->applied = level;
	ctx->mem_level = t->mem_level != 0 ? t->mem_level : COMP_MEM_LEVEL;
	ctx->window = t->window != 0 ? t->window : COMP_WINDOW;
	ctx->max_bytes = t->max_bytes;
	ctx->in = (struct tw_str){ NULL, 0 };
	ctx->op = COMP_RUN;
}

static struct comp_ctx *
ctx_new(const struct comp_algo *algo, const struct comp_tune *t, uint8_t level)
{
	if (t->max_bytes != 0 && algo->open != NULL &&
	    tw_process_comp_memory(0) >= t->max_bytes)
		return NULL;
	struct comp_ctx *ctx = malloc(sizeof(*ctx));
	if (ctx == NULL)
		return NULL;
	ctx->algo = algo;
	ctx->lib = NULL;
	ctx_tune(ctx, t, level);
	if (algo->open != NULL && algo->open(ctx) != 0)
		ctx_free(&ctx);
	return ctx;
}

struct comp_ctx *
comp_get(struct comp_worker *w, const struct comp_algo *algo, const struct comp_tune *t,
    uint8_t level)
{
	const size_t i = (size_t)(algo - algos);
	struct comp_ctx *ctx = w->pool[i].free;

	if (ctx == NULL)
		return ctx_new(algo, t, level);
	w->pool[i].free = ctx->next;
	w->pool[i].n--;
	const uint8_t mem_level = ctx->mem_level, window = ctx->window;
	ctx_tune(ctx, t, level);
	if (mem_level == ctx->mem_level && window == ctx->window &&
	    (algo->reset == NULL || algo->reset(ctx) == 0))
		return ctx;
	ctx_free(&ctx); /* another configuration's */
	return ctx_new(algo, t, level);
}

/* One that is made anew each time is not worth its memory; nor is one that others
 * may need. */
static bool
is_worth_keeping(const struct comp_ctx *ctx)
{
	return strcmp(ctx->algo->name, "br") != 0 &&
	    (ctx->max_bytes == 0 || tw_process_comp_memory(0) < ctx->max_bytes / 2);
}

void
comp_put(struct comp_worker *w, struct comp_ctx **pctx)
{
	struct comp_ctx *const ctx = *pctx;

	if (ctx == NULL)
		return;
	const size_t i = (size_t)(ctx->algo - algos);
	if (w->pool[i].n >= COMP_KEPT || !is_worth_keeping(ctx)) {
		ctx_free(pctx);
		return;
	}
	*pctx = NULL;
	ctx->next = w->pool[i].free;
	w->pool[i].free = ctx;
	w->pool[i].n++;
}

int
comp_again(struct comp_ctx *ctx)
{
	ctx->in = (struct tw_str){ NULL, 0 };
	ctx->op = COMP_RUN;
	return ctx->algo->reset != NULL ? ctx->algo->reset(ctx) : 0;
}

void
comp_worker_fini(struct comp_worker *w)
{
	for (int i = 0; i < COMP_N_ALGOS; i++) {
		while (w->pool[i].free != NULL) {
			struct comp_ctx *ctx = w->pool[i].free;
			w->pool[i].free = ctx->next;
			ctx_free(&ctx);
		}
	}
}
