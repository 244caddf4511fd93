/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show.c - `show stat` on the control socket.
 *
 * The page's report, a row at a time, on a generation that is held: it blocks
 * nobody however many servers there are. Control thread. source: HAProxy's
 * management guide, 9.1 to 9.3.
 */
#include <stdlib.h>

#include <tideway/assert.h>

#include "st.h"

struct show {
	struct tw_gen *gen; /* holds */
	struct st_report rp;
	char text[ST_ROW_MAX];
};

static void
show_end(void *arg)
{
	struct show *const sh = arg;

	tw_gen_release(sh->gen);
	free(sh);
}

static bool
show_step(struct tw_cli *cli, void *arg)
{
	struct show *const sh = arg;
	struct tw_out o = tw_out_of(sh->text, sizeof(sh->text));
	const bool is_more = st_report_part(&sh->rp, sh->gen, &o);

	/* the page's CSV ends with an empty line, and so does any answer here */
	if (is_more || sh->rp.opt.format == ST_JSON)
		tw_cli_write(
		    cli, (struct tw_str){ sh->text, (size_t)(o.p - sh->text) });
	if (!is_more && sh->rp.opt.format == ST_JSON)
		tw_cli_write(cli, TW_STR("\n"));
	return is_more;
}

/* --- arguments --- */

static void
options_read(struct st_options *o, int argc, char *const argv[])
{
	*o = (struct st_options){ .format = ST_CSV };
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "typed") == 0)
			o->format = ST_TYPED;
		else if (strcmp(argv[i], "json") == 0)
			o->format = ST_JSON;
		else if (strcmp(argv[i], "desc") == 0)
			o->desc = true;
		else if (strcmp(argv[i], "up") == 0)
			o->up = true;
		else if (strcmp(argv[i], "no-maint") == 0)
			o->no_maint = true;
	}
}

/* returns: 0: there is no such proxy. */
static uint32_t
iid_of(struct tw_gen *gen, const char *name)
{
	const struct tw_proxy *px = tw_gen_find(gen, name, TW_FRONTEND);
	char *end;

	if (px == NULL)
		px = tw_gen_find(gen, name, TW_BACKEND);
	if (px != NULL)
		return tw_proxy_id(px);
	const long n = strtol(name, &end, 10);
	return *name != '\0' && *end == '\0' && n > 0 && n < INT32_MAX ? (uint32_t)n
								       : 0;
}

/* "<proxy> <type> <sid>", or nothing of that. returns: false: answered. */
static bool
bounds_read(
    struct tw_cli *cli, struct tw_gen *gen, char *const argv[], struct st_bounds *b)
{
	const long sid = strtol(argv[2], NULL, 10);

	b->on = true;
	b->kinds = (unsigned)strtol(argv[1], NULL, 10);
	b->sid = sid < 0 ? UINT32_MAX : (uint32_t)sid;
	if (strcmp(argv[0], "-1") == 0)
		return true;
	b->iid = iid_of(gen, argv[0]);
	if (b->iid == 0)
		tw_cli_msg(cli, TW_ERR, "No such proxy.\n");
	return b->iid != 0;
}

static bool
is_word_of_three(const char *word)
{
	static const char *const plain[] = { "typed", "json", "desc", "up",
		"no-maint" };

	for (size_t i = 0; i < TW_N_ELEMENTS(plain); i++) {
		if (strcmp(word, plain[i]) == 0)
			return false;
	}
	return true;
}

static void
show_stat(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_gen *const gen = tw_gen_running();
	struct st_bounds bounds = { .on = false };

	if (argc >= 2 && strcmp(argv[0], "domain") == 0) {
		if (strcmp(argv[1], "proxy") != 0) {
			tw_cli_msg(cli, TW_ERR, "Invalid statistics domain.\n");
			return;
		}
		argc -= 2;
		argv += 2;
	}
	if (argc >= 3 && is_word_of_three(argv[0]) &&
	    !bounds_read(cli, gen, argv, &bounds))
		return;
	struct show *const sh = calloc(1, sizeof(*sh));
	TW_ASSERT(sh != NULL);
	sh->gen = gen;
	sh->rp.bounds = bounds;
	options_read(&sh->rp.opt, argc, argv);
	tw_gen_hold(gen);
	tw_cli_stream(cli, show_step, show_end, sh);
}

const struct tw_command st_commands[] = {
	{ "show stat", TW_CLI_USER, 0, show_stat, "[desc|json|no-maint|typed|up]*",
	    "report counters for each proxy and server" },
	{ .words = NULL },
};
