/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * The compression module without a connection: which algorithm a client would
 * like best, and that what the compressors give is the same in however many
 * pieces it is taken and given; and the bandwidth limits' window of time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config.h"

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif

#include "../../core/proxy/process.h"
#include "../../modules/compression/comp.h"
#include "../../modules/filter/filter.h"

/* --- Accept-Encoding --- */

static const char *
choice(const char *configured, const char *fields)
{
	uint8_t algo[COMP_N_ALGOS];
	struct comp_accept a = { .algo = algo, .any_q = -1 };
	char text[256], *save = NULL, *word;

	snprintf(text, sizeof(text), "%s", configured);
	for (word = strtok_r(text, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		const struct comp_algo *const found = comp_algo_find(word);
		assert_non_null(found);
		algo[a.n++] = (uint8_t)(1 + (found - comp_algo_at(0)));
	}
	snprintf(text, sizeof(text), "%s", fields);
	for (word = strtok_r(text, "\n", &save); word != NULL;
	     word = strtok_r(NULL, "\n", &save))
		comp_accept_field(&a, tw_str_of(word));
	const struct comp_algo *const got = comp_accept_end(&a);
	return got != NULL ? got->name : "-";
}

static void
accept_encoding(void **state)
{
	static const struct {
		const char *fields, *want;
	} cases[] = {
		{ "", "-" },
		{ "gzip", "gzip" },
		{ "deflate, gzip", "deflate" },
		{ "gzip;q=0.5, deflate;q=0.6", "deflate" },
		{ "gzip;q=0.500, deflate;q=0.50", "gzip" },
		{ "gzip;q=0.999;x=y", "gzip" },
		{ "gzip;q=0", "-" },
		{ "gzip;q=0.000", "-" },
		{ "gzip;q=0.001", "gzip" },
		{ "gzip;q=0, *", "deflate" },
		{ "gzip;q=0, deflate;q=0, *", "-" },
		{ "*", "deflate" },
		{ "*;q=0.5, gzip;q=0.5", "deflate" },
		{ "gzip;q=0.5, *;q=0.5", "gzip" },
		{ "gzip;q=0.4, *;q=0.5", "deflate" },
		{ "*;q=0, gzip", "gzip" },
		{ "*;q=0", "-" },
		{ "\tGZip ;\tQ = 1 ", "gzip" },
		{ "gzip;q=", "gzip" },
		{ "gzip;q=2", "gzip" },
		{ "br\ngzip", "gzip" },
		{ "gzip;q=0\ngzip;q=0.2", "gzip" },
		{ ", ,;q=1,=,", "-" },
		{ "gzipp, ggzip, gzi", "-" },
	};

	(void)state;
	if (comp_algo_find("gzip") == NULL)
		skip();
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++)
		assert_string_equal(
		    choice("gzip deflate", cases[i].fields), cases[i].want);
}

/* --- compressors --- */

static char payload[300000];

static void
payload_make(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(payload); i++) {
		x = x * 1664525u + 1013904223u;
		payload[i] = i < 100000 ? (char)(x >> 24) /* noise */
		    : i < 200000        ? 'a'
					: (char)('a' + (x >> 30)); /* between */
	}
}

/* Everything out of it that there is for an operation. */
static size_t
drain(struct comp_ctx *ctx, enum comp_op op, size_t room, char *to)
{
	size_t n = 0;
	int rc;

	do {
		struct tw_out out = tw_out_of(to + n, room);
		rc = ctx->algo->run(ctx, op, &out);
		assert_true(rc >= 0);
		n += (size_t)(out.p - (to + n));
	} while (rc > 0);
	assert_int_equal(ctx->in.len, 0);
	return n;
}

/* in: piece, bytes at a time; room, of the output. */
static size_t
pack(struct comp_ctx *ctx, size_t piece, size_t room, char *to)
{
	size_t n = 0;

	for (size_t at = 0; at < sizeof(payload); at += piece) {
		const size_t len =
		    piece < sizeof(payload) - at ? piece : sizeof(payload) - at;
		ctx->in = (struct tw_str){ payload + at, len };
		n += drain(ctx, COMP_RUN, room, to + n);
		if (at / piece % 7 == 0)
			n += drain(ctx, COMP_FLUSH, room, to + n);
	}
	return n + drain(ctx, COMP_FINISH, room, to + n);
}

static void
unpack_zlib(const char *name, const char *p, size_t len)
{
#ifdef HAVE_ZLIB
	static char back[sizeof(payload) + 1];
	const int bits = strcmp(name, "gzip") == 0 ? 31
	    : strcmp(name, "deflate") == 0         ? 15
						   : -15;
	z_stream z = { .next_in = (Bytef *)(uintptr_t)p,
		.avail_in = (uInt)len,
		.next_out = (Bytef *)back,
		.avail_out = sizeof(back) };

	assert_int_equal(inflateInit2(&z, bits), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, sizeof(payload));
	assert_int_equal(z.avail_in, 0);
	assert_memory_equal(back, payload, sizeof(payload));
	inflateEnd(&z);
#else
	(void)name;
	(void)p;
	(void)len;
#endif
}

static void
compressors(void **state)
{
	static char packed[2 * sizeof(payload)];
	static const size_t pieces[] = { 7777, 100000, sizeof(payload), 900 };
	static const size_t rooms[] = { 16384, 16384, 700, 64 };
	const struct comp_tune tune = { .mem_level = 9 };
	struct comp_worker w = { 0 };
	const struct comp_algo *algo;

	(void)state;
	payload_make();
	for (int i = 1; (algo = comp_algo_at(i)) != NULL; i++) {
		for (size_t k = 0; k < TW_N_ELEMENTS(pieces); k++) {
			struct comp_ctx *ctx = comp_get(&w, algo, &tune, 1);
			assert_non_null(ctx);
			const size_t n = pack(ctx, pieces[k], rooms[k], packed);
			assert_true(n < sizeof(payload));
			if (strcmp(algo->token, "br") != 0 &&
			    strcmp(algo->token, "zstd") != 0)
				unpack_zlib(algo->name, packed, n);
			comp_put(&w, &ctx);
			assert_null(ctx);
		}
	}
	comp_worker_fini(&w);
	assert_int_equal(tw_process_comp_memory(0), 0);
}

/* A level that changes in the middle. */
static void
levels(void **state)
{
	static char packed[2 * sizeof(payload)];
	const struct comp_algo *const algo = comp_algo_find("gzip");
	struct comp_worker w = { 0 };
	size_t n = 0;

	(void)state;
	if (algo == NULL)
		skip();
	payload_make();
	struct comp_ctx *ctx = comp_get(&w, algo, &(struct comp_tune){ 0 }, 9);
	for (size_t at = 0; at < sizeof(payload); at += 10000) {
		ctx->in = (struct tw_str){ payload + at, 10000 };
		ctx->level = (uint8_t)(at / 10000 % 10);
		n += drain(ctx, COMP_RUN, 512, packed + n);
	}
	n += drain(ctx, COMP_FINISH, 512, packed + n);
	unpack_zlib("gzip", packed, n);
	comp_put(&w, &ctx);
	comp_worker_fini(&w);
}

/* Memory: as much as is allowed, and no more. */
static void
memory(void **state)
{
	const struct comp_algo *const algo = comp_algo_find("gzip");
	const struct comp_tune tune = { .max_bytes = 1000000 };
	struct comp_ctx *ctx[64];
	struct comp_worker w = { 0 };
	int n = 0;

	(void)state;
	if (algo == NULL)
		skip();
	while (n < 64 && (ctx[n] = comp_get(&w, algo, &tune, 1)) != NULL)
		n++;
	assert_in_range(n, 2, 10);
	assert_in_range(tw_process_comp_memory(0), 1000000, 1400000);
	while (n > 0)
		comp_put(&w, &ctx[--n]);
	assert_non_null(ctx[0] = comp_get(&w, algo, &tune, 1)); /* one is there */
	comp_put(&w, &ctx[0]);
	comp_worker_fini(&w);
	assert_int_equal(tw_process_comp_memory(0), 0);
}

/* The share of processor time that is in use. */
static void
processor(void **state)
{
	(void)state;
	assert_true(tw_process_may_compress(0)); /* not looked at yet: idle */
	atomic_store(&tw__process.idle_pct, 30);
	assert_true(tw_process_may_compress(100));
	assert_true(tw_process_may_compress(70));
	assert_false(tw_process_may_compress(69));
	atomic_store(&tw__process.idle_pct, 0);
	assert_true(tw_process_may_compress(100));
	assert_false(tw_process_may_compress(99));
}

/* --- bandwidth limits --- */

/* Takes what it can, for a while. out: the most in any period. */
static uint64_t
simulate(uint64_t limit, uint32_t period, uint64_t min, uint64_t *passed)
{
	static uint64_t at[20000];
	struct bwlim_rate r = { 0 };
	uint64_t most = 0;

	*passed = 0;
	memset(at, 0, sizeof(at));
	for (uint64_t ms = 1000; ms < 20000;) {
		uint32_t wait = 0;
		const uint64_t n = bwlim_room(&r, limit, period, ms, 16384, min, &wait);
		assert_true(n <= 16384 && (n > 0 || (wait > 0 && wait <= period)));
		bwlim_passed(&r, n);
		at[ms] += n;
		*passed += n;
		ms += n > 0 ? 0 : wait;
	}
	for (uint64_t ms = 1000; ms + period < 20000; ms++) {
		uint64_t sum = 0;
		for (uint64_t i = ms; i < ms + period; i++)
			sum += at[i];
		most = sum > most ? sum : most;
	}
	return most;
}

static void
bandwidth(void **state)
{
	static const struct {
		uint64_t limit, min;
		uint32_t period;
	} cases[] = {
		{ 100000, 0, 1000 }, { 1000, 0, 1000 }, { 1, 0, 1000 },
		{ 51200, 2896, 200 }, { 1000000, 16384, 50 },
		{ 500, 100000, 1000 }, /* a least that is more than the limit */
	};

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(cases); i++) {
		uint64_t passed;
		const uint64_t most =
		    simulate(cases[i].limit, cases[i].period, cases[i].min, &passed);
		const uint64_t share = 19000 * cases[i].limit / cases[i].period;
		assert_in_range(most, 1, 2 * cases[i].limit);
		assert_in_range(passed, share / 2, share + 2 * cases[i].limit);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_encoding),
		cmocka_unit_test(compressors),
		cmocka_unit_test(levels),
		cmocka_unit_test(memory),
		cmocka_unit_test(processor),
		cmocka_unit_test(bandwidth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
