/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_list.c - set-map, del-map, add-acl, del-acl: lists that rules change.
 *
 * The lists are the core's (list.h); the change is made at once, so that the
 * next rule sees it. source: HAProxy's manual, 4.4.
 */
#include <tideway/list.h>

#include "rules.h"

#define S(x) (1u << TW_##x)
#define HTTP (S(HTTP_REQUEST) | S(HTTP_RESPONSE))

struct change {
	struct tw_list *list;
	enum tw_list_op op;
	struct rule_text key, value;
};

static int
parse_text(struct tw_action_line *a, const char *what, struct rule_text *out)
{
	const char *const fmt = tw_action_arg(a);

	return fmt != NULL ? text_parse(a, a->i - 1, fmt, false, out)
			   : action_missing(a, what);
}

static int
parse(struct tw_action_line *a, enum tw_list_op op, bool map, const void **conf)
{
	struct change *const c = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*c));

	*conf = c;
	if (a->paren.len == 0)
		return tw_line_fail(a->ln, 0,
		    "'%s' expects the name of a file of patterns between its "
		    "parentheses",
		    a->word);
	c->op = op;
	c->list = tw_list_of(a->ln, a->paren, map);
	if (parse_text(a, "a log-format for the key", &c->key) != 0)
		return -1;
	if (op != TW_LIST_SET)
		return 0;
	return parse_text(a, "a log-format for the value, behind the key's", &c->value);
}

static int
parse_set_map(struct tw_action_line *a, const void **conf)
{
	return parse(a, TW_LIST_SET, true, conf);
}

static int
parse_del_map(struct tw_action_line *a, const void **conf)
{
	return parse(a, TW_LIST_DEL, true, conf);
}

static int
parse_add_acl(struct tw_action_line *a, const void **conf)
{
	return parse(a, TW_LIST_ADD, false, conf);
}

static int
parse_del_acl(struct tw_action_line *a, const void **conf)
{
	return parse(a, TW_LIST_DEL, false, conf);
}

static enum tw_act
run(struct tw_req *req, const struct tw_action_call *call)
{
	const struct change *const c = call->conf;
	const struct tw_str key = text_make(req, &c->key);
	struct tw_str value = TW_STR("");

	if (c->op == TW_LIST_SET)
		value = text_make(req, &c->value);
	if (key.p != NULL && value.p != NULL)
		tw_list_change(c->list, c->op, key, value);
	return TW_ACT_NEXT;
}

/* clang-format off */
const struct tw_action act_list[] = {
	{ "set-map", HTTP | S(HTTP_AFTER), parse_set_map, run, "(<map>) <key> <value>",
		"A key of the map, from now on and for all requests, has this value.",
		TW_ACTION_PAREN },
	{ "del-map", HTTP | S(HTTP_AFTER), parse_del_map, run, "(<map>) <key>",
		"Takes a key out of the map.", TW_ACTION_PAREN },
	{ "add-acl", HTTP, parse_add_acl, run, "(<file>) <key>",
		"Adds a pattern to those of the file, unless it is there.",
		TW_ACTION_PAREN },
	{ "del-acl", HTTP, parse_del_acl, run, "(<file>) <key>",
		"Takes a pattern out of those of the file.", TW_ACTION_PAREN },
	{ .name = NULL },
};
/* clang-format on */
