/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * guid.c - guid of proxies and servers, guid-prefix of bind lines.
 *
 * Names for tools that follow an object through changes of its name: nothing
 * here looks at them, but that no two are the same is checked. Control thread
 * or start-up. source: HAProxy's manual 3.4, guid.
 */
#include "config.h"

#include "core/proxy/proxy_int.h"

#define GUID_MAX 127

struct tw__guid {
	struct tw__guid *next;
	const char *text, *file;
	int line;
};

static int
guid_check(const struct tw_line *ln, const char *text)
{
	const size_t len = strlen(text);
	const char bad = tw__name_bad_char(text);

	if (len == 0 || len > GUID_MAX)
		return tw_line_fail(
		    ln, 0, "'%s' takes 1 to %d characters", ln->kw->word, GUID_MAX);
	if (bad != '\0')
		return tw_line_fail(ln, 0,
		    "character '%c' is not permitted in '%s'; there may be letters, "
		    "digits, '-', '_', '.' and ':'",
		    bad, ln->kw->word);
	return 0;
}

static int
guid_set(struct tw_line *ln)
{
	struct tw_arena *const arena = ln->gen->conf.arena;
	const char *const text = tw_arg(ln, 0);
	struct tw__guid *g;

	if (guid_check(ln, text) < 0)
		return -1;
	if (ln->scope == TW_SC_SERVER && ln->server == ln->proxy->proto_server)
		return tw_line_fail(
		    ln, -1, "'guid' is not possible in a 'default-server' line");
	for (g = ln->gen->guids; g != NULL; g = g->next) {
		if (strcmp(g->text, text) == 0)
			return tw_line_fail(ln, 0,
			    "'%s' is the guid of what is declared at %s:%d; each must "
			    "be the only one",
			    text, g->file, g->line);
	}
	g = tw_arena_zalloc(arena, sizeof(*g));
	*g = (struct tw__guid){ ln->gen->guids, tw_arena_strdup(arena, text), ln->file,
		ln->number };
	ln->gen->guids = g;
	if (ln->scope == TW_SC_SERVER)
		ln->server->guid = g->text;
	else if (ln->scope != TW_SC_BIND)
		ln->proxy->guid = g->text;
	return 0;
}

void
tw__guid_drop(struct tw_gen *gen, const char *text)
{
	for (struct tw__guid **at = &gen->guids; *at != NULL; at = &(*at)->next) {
		if ((*at)->text != text)
			continue;
		*at = (*at)->next;
		return;
	}
}

#define HELP "A name that no other proxy, server or listener has."

const struct tw_kw tw__guid_kw[] = {
	{ .word = "guid",
	    .scopes = TW_SC_FRONTEND | TW_SC_LISTEN | TW_SC_BACKEND | TW_SC_SERVER,
	    .min_args = 1,
	    .max_args = 1,
	    .set = guid_set,
	    .usage = "<string>",
	    .help = HELP },
	{ .word = "guid-prefix",
	    .scopes = TW_SC_BIND,
	    .min_args = 1,
	    .max_args = 1,
	    .set = guid_set,
	    .usage = "<string>",
	    .help = HELP },
	{ .word = NULL },
};
