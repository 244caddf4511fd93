/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * comp_kw.c - the compression module's keywords.
 *
 * Lists grow line by line, on top of what a defaults section gave. Start and
 * control thread. source: HAProxy's manual, 4.2 "compression ...", 3.2.
 */
#include "comp.h"

/* ---- proxies ------------------------------------------------------------ */

static void
algo_names(struct tw_out *o)
{
	const struct comp_algo *algo;

	for (int i = 0; (algo = comp_algo_at(i)) != NULL; i++) {
		tw_out_str(o, tw_str_of(i > 0 ? ", " : ""));
		tw_out_str(o, tw_str_of(algo->name));
	}
	*o->p = '\0';
}

/* returns: 1 + its index; 0: reported. */
static uint8_t
algo_parse(struct tw_line *ln, int i)
{
	const char *const word = tw_arg(ln, i);
	const struct comp_algo *const algo = comp_algo_find(word);
	char names[128];
	struct tw_out o = tw_out_of(names, sizeof(names) - 1);

	if (algo != NULL)
		return (uint8_t)(1 + (algo - comp_algo_at(0)));
	algo_names(&o);
	tw_line_fail(ln, i,
	    "'%s' : '%s' is not a supported algorithm; this build has %s", ln->kw->word,
	    word, names);
	return 0;
}

static void
algo_add(struct comp_proxy *p, uint8_t algo)
{
	int n = 0;

	for (int i = 0; i < p->n_algos; i++) { /* once, where it was named last */
		if (p->algo[i] != algo)
			p->algo[n++] = p->algo[i];
	}
	p->algo[n++] = algo;
	p->n_algos = (uint8_t)n;
}

static int
set_algo(struct tw_line *ln)
{
	for (int i = 0; i < ln->n_args; i++) {
		const uint8_t algo = algo_parse(ln, i);
		if (algo == 0)
			return -1;
		algo_add(ln->state, algo);
	}
	return 0;
}

static int
set_algo_req(struct tw_line *ln)
{
	struct comp_proxy *const p = ln->state;

	p->algo_req = algo_parse(ln, 0);
	return p->algo_req != 0 ? 0 : -1;
}

static int
set_types(struct tw_line *ln)
{
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct comp_list *const l =
	    (struct comp_list *)((char *)ln->state + ln->kw->offset);
	const char **const word =
	    tw_arena_alloc(arena, sizeof(*word) * (size_t)(l->n + ln->n_args));

	for (int i = 0; i < l->n; i++)
		word[i] = l->word[i];
	for (int i = 0; i < ln->n_args; i++)
		word[l->n + i] = tw_arena_strdup(arena, tw_arg(ln, i));
	*l = (struct comp_list){ word, l->n + ln->n_args };
	return 0;
}

static int
set_offload(struct tw_line *ln)
{
	struct comp_proxy *const p = ln->state;

	if (ln->scope == TW_SC_DEFAULTS)
		return tw_line_warn(
		    ln, -1, "'compression' : 'offload' ignored in 'defaults' section.");
	p->offload = true;
	return 0;
}

static int
set_direction(struct tw_line *ln)
{
	struct comp_proxy *const p = ln->state;
	const char *const word = tw_arg(ln, 0);

	if (strcmp(word, "request") == 0)
		p->direction = COMP_DIR_REQUEST;
	else if (strcmp(word, "response") == 0)
		p->direction = COMP_DIR_RESPONSE;
	else if (strcmp(word, "both") == 0)
		p->direction = COMP_DIR_REQUEST | COMP_DIR_RESPONSE;
	else
		return tw_line_fail(ln, 0,
		    "'compression direction' expects 'request', 'response', or 'both'");
	return 0;
}

/* ---- global ------------------------------------------------------------- */

static struct comp_tune *
tune(const struct tw_line *ln)
{
	return &((struct comp_gen *)ln->state)->tune;
}

static int
number(const struct tw_line *ln, uint64_t min, uint64_t max, uint64_t *n)
{
	struct tw_err err;

	if (tw_parse_uint(tw_arg(ln, 0), min, max, n, &err) == 0)
		return 0;
	return tw_line_fail(ln, 0,
	    "'%s' expects an integer argument between %llu and %llu.", ln->kw->word,
	    (unsigned long long)min, (unsigned long long)max);
}

/* One byte of struct comp_tune. */
static int
set_small(struct tw_line *ln)
{
	uint64_t n;

	if (number(ln, (uint64_t)ln->kw->min, (uint64_t)ln->kw->max, &n) != 0)
		return -1;
	*((uint8_t *)ln->state + ln->kw->offset) = (uint8_t)n;
	return 0;
}

static int
set_maxcompcpuusage(struct tw_line *ln)
{
	uint64_t n;

	if (number(ln, 0, 100, &n) != 0)
		return -1;
	tune(ln)->max_cpu = (uint8_t)(n + 1);
	return 0;
}

static int
set_maxcomprate(struct tw_line *ln)
{
	uint64_t n;

	if (number(ln, 0, INT32_MAX, &n) != 0)
		return -1;
	tune(ln)->max_rate = n * 1024;
	return 0;
}

static int
set_maxzlibmem(struct tw_line *ln)
{
	uint64_t n;

	if (number(ln, 0, INT32_MAX, &n) != 0)
		return -1;
	tune(ln)->max_bytes = n * 1024 * 1024;
	return 0;
}

/* clang-format off */
#define ALGOS "{ identity | gzip | deflate | raw-deflate | br | zstd }"
#define IN(field) .offset = offsetof(struct comp_proxy, field)
#define TUNE(field) .offset = offsetof(struct comp_gen, tune.field)

const struct tw_kw comp_keywords[] = {
	{ .word = "compression algo", .scopes = TW_SC_PROXY, .min_args = 1,
		.max_args = -1, .set = set_algo, .usage = ALGOS "...",
		.help = "Responses are compressed with one of these, as the client's "
		"Accept-Encoding says. br and zstd are ours.",
		.flags = TW_KW_HTTP | TW_KW_REST },
	{ .word = "compression algo-res", .scopes = TW_SC_PROXY, .min_args = 1,
		.max_args = -1, .set = set_algo, .usage = ALGOS "...",
		.help = "The same as 'compression algo'.",
		.flags = TW_KW_HTTP | TW_KW_REST },
	{ .word = "compression algo-req", .scopes = TW_SC_PROXY, .min_args = 1,
		.max_args = 1, .set = set_algo_req, .usage = ALGOS,
		.help = "Requests are compressed with this, when 'compression "
		"direction' says so.", .flags = TW_KW_HTTP },
	{ .word = "compression type", .scopes = TW_SC_PROXY, .min_args = 1,
		.max_args = -1, .set = set_types, IN(types_res), .usage = "<mime-type>...",
		.help = "Only responses whose Content-Type begins with one of these "
		"are compressed.", .def = "all", .flags = TW_KW_HTTP | TW_KW_REST },
	{ .word = "compression type-res", .scopes = TW_SC_PROXY, .min_args = 1,
		.max_args = -1, .set = set_types, IN(types_res), .usage = "<mime-type>...",
		.help = "The same as 'compression type'.",
		.flags = TW_KW_HTTP | TW_KW_REST },
	{ .word = "compression type-req", .scopes = TW_SC_PROXY, .min_args = 1,
		.max_args = -1, .set = set_types, IN(types_req), .usage = "<mime-type>...",
		.help = "Only requests whose Content-Type begins with one of these "
		"are compressed.", .def = "all", .flags = TW_KW_HTTP | TW_KW_REST },
	{ .word = "compression offload", .scopes = TW_SC_PROXY, .set = set_offload,
		.usage = "", .help = "Servers do not see the Accept-Encoding of requests "
		"whose responses may be compressed here.", .flags = TW_KW_HTTP },
	{ .word = "compression direction", .scopes = TW_SC_PROXY, .min_args = 1,
		.max_args = 1, .set = set_direction,
		.usage = "{ request | response | both }",
		.help = "What is compressed.", .def = "response", .flags = TW_KW_HTTP },
	{ .word = "compression minsize-req", .scopes = TW_SC_PROXY, .min_args = 1,
		.max_args = 1, .set = tw_set_size, IN(min_req), .usage = "<size>",
		.help = "Requests with a shorter Content-Length are not compressed.",
		.def = "0", .flags = TW_KW_HTTP },
	{ .word = "compression minsize-res", .scopes = TW_SC_PROXY, .min_args = 1,
		.max_args = 1, .set = tw_set_size, IN(min_res), .usage = "<size>",
		.help = "Responses with a shorter Content-Length are not compressed.",
		.def = "0", .flags = TW_KW_HTTP },
	{ .word = "maxcomprate", .scopes = TW_SC_GLOBAL, .min_args = 1, .max_args = 1,
		.set = set_maxcomprate, .usage = "<number>",
		.help = "Kilobytes a second that are compressed at most; messages "
		"that begin above it are not, others less. 0: no limit.",
		.def = "0" },
	{ .word = "maxcompcpuusage", .scopes = TW_SC_GLOBAL, .min_args = 1,
		.max_args = 1, .set = set_maxcompcpuusage, .usage = "<number>",
		.help = "The same, for the processor time that the threads use, "
		"in percent. 100: no limit.", .def = "100" },
	{ .word = "maxzlibmem", .scopes = TW_SC_GLOBAL, .min_args = 1, .max_args = 1,
		.set = set_maxzlibmem, .usage = "<number>",
		.help = "Megabytes that compressors take at most; messages for which "
		"there are none are not compressed. 0: no limit.", .def = "0" },
	{ .word = "tune.comp.maxlevel", .scopes = TW_SC_GLOBAL, .min_args = 1,
		.max_args = 1, .set = set_small, TUNE(max_level), .min = 1, .max = 9,
		.usage = "<number>", .help = "The level of compression, 1 to 9.",
		.def = "1" },
	{ .word = "tune.zlib.memlevel", .scopes = TW_SC_GLOBAL, .min_args = 1,
		.max_args = 1, .set = set_small, TUNE(mem_level), .min = 1, .max = 9,
		.usage = "<number>",
		.help = "Memory of zlib's state, from 1 (least) to 9.", .def = "8" },
	{ .word = "tune.zlib.windowsize", .scopes = TW_SC_GLOBAL, .min_args = 1,
		.max_args = 1, .set = set_small, TUNE(window), .min = 8, .max = 15,
		.usage = "<number>",
		.help = "zlib's window, as a power of 2; 8 is taken as 9.",
		.def = "15" },
	{ .word = NULL },
};
/* clang-format on */
