/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * patref_cmd.c - commands that show and change lists of patterns.
 *
 * A change is tested before it is made, and what the readers search is
 * compiled once for each command: many lines behind "<<" are one change. The
 * lock is held, as rules change lists, too. Control thread.
 * source: HAProxy's management guide, 9.3.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/command.h>
#include <tideway/proxy.h>

#include "expr/patref.h"

/* What the words of a command mean. */
struct request {
	struct tw_cli *cli;
	bool map;
	struct tw__patref *ref;
	bool has_version;
	uint32_t version; /* "@n"; else the one in force */
	int argc;         /* what follows the list's name */
	char *const *argv;
};

static bool
read_request(
    struct request *r, struct tw_cli *cli, bool map, int argc, char *const argv[])
{
	uint64_t n;

	*r = (struct request){ .cli = cli, .map = map };
	if (argc > 0 && argv[0][0] == '@') {
		if (!tw_str_to_u64(tw_str_of(argv[0] + 1), &n) || n > UINT32_MAX) {
			tw_cli_printf(cli, "Malformed version number.\n");
			return false;
		}
		r->has_version = true;
		r->version = (uint32_t)n;
		argc--;
		argv++;
	}
	if (argc == 0) {
		tw_cli_printf(cli, "Missing %s identifier.\n", map ? "map" : "ACL");
		return false;
	}
	r->ref = tw__patref_find(tw_gen_running(), argv[0], map);
	if (r->ref == NULL) {
		tw_cli_printf(cli,
		    "Unknown %s identifier. Please use #<id> or <file>.\n",
		    map ? "map" : "ACL");
		return false;
	}
	if (!r->has_version)
		r->version = r->ref->version;
	r->argc = argc - 1;
	r->argv = argv + 1;
	return true;
}

static void
apply(const struct request *r, enum tw_list_change_kind what)
{
	struct tw_err err = { "" };

	tw__patref_told(r->ref, what);
	if (tw__patref_apply(r->ref, r->ref->version, &err) != 0)
		tw_cli_printf(r->cli, "%s.\n", err.text);
}

/* ---- show, get ---------------------------------------------------------- */

static void
show_lists(struct tw_cli *cli, bool map)
{
	const struct tw__expr_gen *const eg = tw__expr_gen(tw_gen_running());

	tw_cli_printf(cli, "# id (file) description\n");
	for (const struct tw__patref *p = eg->patrefs; p != NULL; p = p->next) {
		const char *const file = p->file ? p->file : "-";
		if (p->is_map != map)
			continue;
		if (p->line_words != NULL)
			tw_cli_printf(cli, "%d () acl '%s' file '%s' line %d.", p->id,
			    p->line_words->criterion, file, p->line);
		else
			tw_cli_printf(cli,
			    "%d (%s) pattern loaded from file '%s' used by %s at file "
			    "'%s' line %d.",
			    p->id, p->name, p->name, map ? "map" : "acl", file,
			    p->line);
		tw_cli_printf(cli, " curr_ver=%u next_ver=%u entry_cnt=%u\n",
		    p->version, p->next_version, p->n);
	}
}

static void
show(struct tw_cli *cli, bool map, int argc, char *const argv[])
{
	struct request r;

	if (argc == 0) {
		show_lists(cli, map);
		return;
	}
	if (!read_request(&r, cli, map, argc, argv))
		return;
	for (const struct tw__patelt *e = r.ref->first; e != NULL; e = e->next) {
		if (e->version != r.version)
			continue;
		tw_cli_printf(cli, "%p %s%s%s\n", (const void *)e, e->key,
		    e->value ? " " : "", e->value ? e->value : "");
	}
}

/* What the views say of a key. */
static void
get(struct tw_cli *cli, bool map, int argc, char *const argv[])
{
	struct request r;
	struct tw__patgot got;

	if (!read_request(&r, cli, map, argc, argv))
		return;
	if (r.argc != 1) {
		tw_cli_printf(cli,
		    "'get %s' expects two parameters: identifier and "
		    "key.\n",
		    map ? "map" : "acl");
		return;
	}
	for (int i = 0; tw__patref_get(r.ref, i, r.argv[0], &got); i++) {
		tw_cli_printf(cli, "type=%s, case=%s, match=%s", got.method,
		    got.fold ? "insensitive" : "sensitive", got.matches ? "yes" : "no");
		if (got.key != NULL)
			tw_cli_printf(
			    cli, ", key=\"%s\", value=\"%s\"", got.key, got.value);
		tw_cli_printf(cli, "\n");
	}
}

/* ---- add, set, del, clear ----------------------------------------------- */

static bool
add_one(const struct request *r, const char *key, const char *value)
{
	struct tw_err err = { "" };

	if (tw__patref_test(r->ref, key, value, &err) != 0 ||
	    tw__patref_add(r->ref, key, value, r->version) != 0) {
		tw_cli_printf(
		    r->cli, "%s.\n", err.text[0] ? err.text : "Out of memory");
		return false;
	}
	return true;
}

/* Lines "key value" (maps) or "key". */
static void
add_lines(const struct request *r, struct tw_str text)
{
	char *const copy = strndup(text.p, text.len);
	char *rest = copy, *line;

	while (copy != NULL && (line = strsep(&rest, "\r\n")) != NULL) {
		line += strspn(line, " \t");
		if (*line == '\0')
			continue;
		char *value = NULL;
		if (r->map) {
			value = line + strcspn(line, " \t");
			if (*value != '\0')
				*value++ = '\0';
			value += strspn(value, " \t");
			if (*value == '\0') {
				tw_cli_printf(
				    r->cli, "Missing value for key '%s'.\n", line);
				break;
			}
		}
		if (!add_one(r, line, value))
			break;
	}
	free(copy);
}

static void
add(struct tw_cli *cli, bool map, int argc, char *const argv[])
{
	struct request r;
	const struct tw_str lines = tw_cli_payload(cli);

	if (!read_request(&r, cli, map, argc, argv))
		return;
	if (lines.p != NULL)
		add_lines(&r, lines);
	else if (r.argc != (map ? 2 : 1))
		tw_cli_printf(cli,
		    map ? "'add map' expects three parameters (map identifier, key and "
			  "value) or one parameter (map identifier) and a payload\n"
			: "'add acl' expects two parameters: ACL identifier and "
			  "pattern.\n");
	else
		add_one(&r, r.argv[0], map ? r.argv[1] : NULL);
	if (r.version == r.ref->version)
		apply(&r, TW_LIST_ADDED);
}

/* "#0x..." is the entry that `show` calls so. */
static const void *
address_of(const char *word)
{
	char *end;

	if (word[0] != '#')
		return NULL;
	const unsigned long long n = strtoull(word + 1, &end, 16);
	return *end == '\0' ? (const void *)(uintptr_t)n : NULL;
}

static void
del(struct tw_cli *cli, bool map, int argc, char *const argv[])
{
	struct request r;

	if (!read_request(&r, cli, map, argc, argv))
		return;
	if (r.argc != 1) {
		tw_cli_printf(cli,
		    "'del %s' expects two parameters: identifier and "
		    "key.\n",
		    map ? "map" : "acl");
		return;
	}
	const void *const at = address_of(r.argv[0]);
	if (tw__patref_del(r.ref, at ? NULL : r.argv[0], at) == 0)
		tw_cli_printf(cli, "Key not found.\n");
	else
		apply(&r, TW_LIST_DELETED);
}

static void
set_map(struct tw_cli *cli, int argc, char *const argv[])
{
	struct request r;
	struct tw_err err = { "" };

	if (!read_request(&r, cli, true, argc, argv))
		return;
	if (r.argc != 2) {
		tw_cli_printf(cli,
		    "'set map' expects three parameters: map "
		    "identifier, key and value.\n");
		return;
	}
	const void *const at = address_of(r.argv[0]);
	const char *const key = tw__patref_key(r.ref, at ? NULL : r.argv[0], at);
	if (key == NULL)
		tw_cli_printf(cli, "Key or pattern not found.\n");
	else if (tw__patref_test(r.ref, key, r.argv[1], &err) != 0)
		tw_cli_printf(cli, "%s.\n", err.text);
	else if (tw__patref_set(r.ref, at ? NULL : r.argv[0], at, r.argv[1]) > 0)
		apply(&r, TW_LIST_CHANGED);
}

static void
clear(struct tw_cli *cli, bool map, int argc, char *const argv[])
{
	struct request r;

	if (!read_request(&r, cli, map, argc, argv))
		return;
	tw__patref_clear(r.ref, r.version);
	if (r.version == r.ref->version)
		apply(&r, TW_LIST_CLEARED);
}

/* ---- transactions ------------------------------------------------------- */

static void
prepare(struct tw_cli *cli, bool map, int argc, char *const argv[])
{
	struct request r;

	if (read_request(&r, cli, map, argc, argv))
		tw_cli_printf(cli, "New version created: %u\n", ++r.ref->next_version);
}

static void
commit(struct tw_cli *cli, bool map, int argc, char *const argv[])
{
	struct request r;
	struct tw_err err = { "" };

	if (argc == 0 || argv[0][0] != '@') {
		tw_cli_printf(cli, "Missing version number.\n");
		return;
	}
	if (!read_request(&r, cli, map, argc, argv))
		return;
	if (r.version > r.ref->next_version) {
		tw_cli_printf(cli, "Version number out of range.\n");
		return;
	}
	const uint32_t old = r.ref->version;
	if (tw__patref_apply(r.ref, r.version, &err) != 0) {
		tw_cli_printf(cli, "%s.\n", err.text);
		return;
	}
	if (old != r.version)
		tw__patref_clear(r.ref, old);
	tw__patref_told(r.ref, TW_LIST_COMMITTED);
}

#define BOTH(name)                                                                     \
	static void cmd_##name##_map(struct tw_cli *cli, int argc, char *const argv[]) \
	{                                                                              \
		tw__patref_lock();                                                     \
		name(cli, true, argc, argv);                                           \
		tw__patref_unlock();                                                   \
	}                                                                              \
	static void cmd_##name##_acl(struct tw_cli *cli, int argc, char *const argv[]) \
	{                                                                              \
		tw__patref_lock();                                                     \
		name(cli, false, argc, argv);                                          \
		tw__patref_unlock();                                                   \
	}

static void
cmd_set_map(struct tw_cli *cli, int argc, char *const argv[])
{
	tw__patref_lock();
	set_map(cli, argc, argv);
	tw__patref_unlock();
}

BOTH(show)
BOTH(get)
BOTH(add)
BOTH(del)
BOTH(clear)
BOTH(prepare)
BOTH(commit)

#define OPERATOR TW_CLI_OPERATOR, 0
#define ADMIN TW_CLI_ADMIN, 0

const struct tw_command tw__commands_patref[] = {
	{ "add acl", ADMIN, cmd_add_acl, "[@<ver>] <acl> <pattern>",
	    "add a pattern into an acl" },
	{ "add map", ADMIN, cmd_add_map, "[@<ver>] <map> <key> <val>",
	    "add a map entry (payload supported)" },
	{ "clear acl", ADMIN, cmd_clear_acl, "[@<ver>] <acl>",
	    "clear the contents of an acl" },
	{ "clear map", ADMIN, cmd_clear_map, "[@<ver>] <map>",
	    "clear the contents of a map" },
	{ "commit acl", ADMIN, cmd_commit_acl, "@<ver> <acl>",
	    "commit the ACL at this version" },
	{ "commit map", ADMIN, cmd_commit_map, "@<ver> <map>",
	    "commit the map at this version" },
	{ "del acl", ADMIN, cmd_del_acl, "<acl> [<key>|#<ref>]",
	    "delete acl entries matching <key>" },
	{ "del map", ADMIN, cmd_del_map, "<map> [<key>|#<ref>]",
	    "delete map entries matching <key>" },
	{ "get acl", OPERATOR, cmd_get_acl, "<acl> <value>",
	    "report the patterns matching a sample for an ACL" },
	{ "get map", OPERATOR, cmd_get_map, "<map> <value>",
	    "report the keys and values matching a sample for a map" },
	{ "prepare acl", ADMIN, cmd_prepare_acl, "<acl>",
	    "prepare a new version for atomic ACL replacement" },
	{ "prepare map", ADMIN, cmd_prepare_map, "<map>",
	    "prepare a new version for atomic map replacement" },
	{ "set map", ADMIN, cmd_set_map, "<map> [<key>|#<ref>] <value>",
	    "modify a map entry" },
	{ "show acl", OPERATOR, cmd_show_acl, "[@<ver>] <acl>]",
	    "report available acls or dump an acl's contents" },
	{ "show map", OPERATOR, cmd_show_map, "[@ver] [map]",
	    "report available maps or dump a map's contents" },
	{ .words = NULL },
};
