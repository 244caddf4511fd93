/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_lang.h - a small language to test the parser with.
 *
 * Two sections and a handful of keywords of all kinds, so that parser tests
 * and the fuzz target need nothing above core/conf. For one .c file each.
 */
#ifndef TW_TEST_CONF_LANG_H
#define TW_TEST_CONF_LANG_H

#include <stdlib.h>
#include <tideway/assert.h>
#include "core/conf/env.h"
#include "core/conf/parser.h"
#include "core/conf/read.h"
#include "core/run/gen.h"

struct lang_px {
	const char *name;
	uint32_t client_ms, maxconn;
	uint64_t bytes;
	bool flag;
	int n_servers, n_options, n_closed;
};

/* The block of a module that owns "color". */
struct lang_block {
	uint32_t color;
};

static struct lang_px lang_last; /* the proxy closed last */
static struct lang_block lang_last_block;

static int
lang_open_global(struct tw_line *ln)
{
	ln->core = &ln->gen->global;
	return 0;
}

static int
lang_open_px(struct tw_line *ln)
{
	if (ln->n_args < 1)
		return tw_line_fail(ln, -1, "'%s' expects an <id> argument",
		    ln->word[0]);
	struct lang_px *px = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*px));
	px->name = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	ln->core = px;
	ln->block = tw_arena_zalloc(tw_gen_arena(ln->gen),
	    16 + sizeof(struct lang_block));
	return 0;
}

static int
lang_close_px(struct tw_line *ln)
{
	lang_last = *(struct lang_px *)ln->core;
	lang_last.n_closed++;
	lang_last_block = *(struct lang_block *)(ln->block + 16);
	return 0;
}

static int
lang_set_server(struct tw_line *ln)
{
	struct lang_px *px = ln->state;

	px->n_servers++;
	return tw__line_options(ln, TW_SC_SERVER, ln->arg + 2, px, ln->block);
}

static int
lang_set_option(struct tw_line *ln)
{
	struct lang_px *px = ln->state;

	px->n_options += ln->no ? 100 : 1;
	return 0;
}

/* Takes one or two arguments: two when the first is "two". */
static int
lang_set_some(struct tw_line *ln)
{
	ln->used = strcmp(tw_arg(ln, 0), "two") == 0 && ln->n_args > 1 ? 2 : 1;
	return lang_set_option(ln);
}

static int
lang_set_any(struct tw_line *ln)
{
	return ln->n_args == 1 && strcmp(tw_arg(ln, 0), "bad") == 0 ?
	    tw_line_fail(ln, 0, "'%s' is bad", tw_arg(ln, 0)) : 0;
}

static const struct tw_kw lang_keywords[] = {
	{ "maxconn", TW_SC_GLOBAL, 1, 1, tw_set_uint, .usage = "<number>",
	    .offset = offsetof(struct tw__global, maxconn), .max = 1000,
	    .help = "Most connections." },
	{ "daemon", TW_SC_GLOBAL, 0, 0, tw_set_flag, .flags = TW_KW_NO,
	    .offset = offsetof(struct tw__global, daemon) },
	{ "maxconn", TW_SC_FE, 1, 1, tw_set_uint, .usage = "<number>",
	    .offset = offsetof(struct lang_px, maxconn) },
	{ "timeout client", TW_SC_FE, 1, 1, tw_set_ms, .usage = "<time>",
	    .offset = offsetof(struct lang_px, client_ms) },
	{ "timeout server", TW_SC_BACKEND, 1, 1, lang_set_any,
	    .usage = "<time>" },
	{ "bytes", TW_SC_PROXY, 1, 1, tw_set_size, .usage = "<size>",
	    .offset = offsetof(struct lang_px, bytes) },
	{ "option flag", TW_SC_PROXY, 0, 0, tw_set_flag, .flags = TW_KW_NO,
	    .offset = offsetof(struct lang_px, flag) },
	{ "any", TW_SC_GLOBAL | TW_SC_PROXY, 0, -1, lang_set_any,
	    .flags = TW_KW_REST },
	{ "server", TW_SC_LISTEN | TW_SC_BACKEND, 2, -1, lang_set_server,
	    .usage = "<name> <address> [param]*" },
	{ "check", TW_SC_SERVER, 0, 0, lang_set_option, .flags = TW_KW_NO },
	{ "weight", TW_SC_SERVER, 1, 1, lang_set_option, .usage = "<number>" },
	{ "some", TW_SC_SERVER, 1, 2, lang_set_some, .usage = "<a> [b]" },
	{ .word = NULL },
};

static const struct tw_kw lang_module_keywords[] = {
	{ "color", TW_SC_PROXY, 1, 1, tw_set_uint, .usage = "<number>",
	    .def = "0", .help = "The proxy's color." },
	{ .word = NULL },
};

static const struct tw_module lang_module = { TW_MODULE_HEAD,
	.name = "paint" };
static const struct tw_self lang_self = { .module = &lang_module,
	.off = { [TW_IN_PROXY] = 16 } };

static const struct tw__section lang_sections[] = {
	{ "global", TW_SC_GLOBAL, lang_open_global, NULL },
	{ "frontend", TW_SC_FRONTEND, lang_open_px, lang_close_px },
	{ "listen", TW_SC_LISTEN, lang_open_px, lang_close_px },
	{ "backend", TW_SC_BACKEND, lang_open_px, lang_close_px },
};

__attribute__((unused)) static void
lang_register(void)
{
	struct tw_err err;

	TW_ASSERT(tw__kw_add(lang_keywords, NULL, &err) == 0);
	TW_ASSERT(tw__kw_add(tw__env_keywords, NULL, &err) == 0);
	TW_ASSERT(tw__kw_add(lang_module_keywords, &lang_self, &err) == 0);
	for (size_t i = 0; i < TW_N_ELEMENTS(lang_sections); i++)
		TW_ASSERT(tw__section_add(&lang_sections[i], &err) == 0);
}

/* Parses a text as file "t". out: the report, whose text the caller frees;
 * the global section. */
__attribute__((unused)) static int
lang_parse(const void *text, size_t len, struct tw_report *report,
    struct tw__global *global)
{
	static struct tw_gen gen;
	char *copy = malloc(len + 1);

	TW_ASSERT(copy != NULL);
	memcpy(copy, text, len);
	memset(&gen, 0, sizeof(gen));
	gen.conf.arena = tw_arena_new(0);
	gen.conf.report = report;
	const int rc = tw__conf_read_text(&gen, "t", copy, len);
	if (global != NULL)
		*global = gen.global;
	tw_arena_free(&gen.conf.arena);
	free(copy);
	return rc;
}

static inline int
lang_setup(void **state)
{
	(void)state;
	lang_register();
	return 0;
}

static inline int
lang_teardown(void **state)
{
	(void)state;
	tw__registry_clear();
	return 0;
}

#endif
