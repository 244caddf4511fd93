/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_headers_bin.c - set-headers-bin, add-headers-bin, del-headers-bin: many
 * fields at once, whose names only the request tells.
 *
 * All of the list is read before anything is touched. What cannot be a field, or
 * is no list, makes the rewrite fail: HAProxy would pass it on. A name that is in
 * the list twice becomes two fields. source: HAProxy's manual (3.4), 4.4.
 */
#include "headers_bin.h"
#include "rules.h"

#define S(x) (1u << TW_##x)
#define HTTP_ANY (S(HTTP_REQUEST) | S(HTTP_RESPONSE) | S(HTTP_AFTER))

struct headers {
	const struct tw_expr *expr;
	struct tw_str prefix;  /* p NULL: all */
	enum header_match how; /* del-headers-bin */
};

/* ---- the line ------------------------------------------------------------ */

static struct headers *
parse_expr(struct tw_action_line *a)
{
	struct headers *const h = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*h));
	const char *const text = tw_action_arg(a);

	if (text == NULL) {
		action_missing(a, "an expression that gives header fields");
		return NULL;
	}
	h->expr = tw_expr_compile(a->ln, a->i - 1, text, a->where);
	if (h->expr == NULL)
		return NULL;
	if (tw_expr_gives(h->expr, TW_BINARY))
		return h;
	action_fail(a, "'%s' gives no binary text", text);
	return NULL;
}

static bool
option_is(const struct tw_action_line *a, const char *word)
{
	const char *const arg = tw_arg(a->ln, a->i);

	return arg != NULL && strcmp(arg, word) == 0;
}

static int
parse_put(struct tw_action_line *a, const void **conf)
{
	struct headers *const h = parse_expr(a);

	*conf = h;
	if (h == NULL)
		return -1;
	if (!option_is(a, "prefix"))
		return 0;
	a->i++;
	const char *const prefix = tw_action_arg(a);
	if (prefix == NULL)
		return action_missing(a, "the beginning of a name after 'prefix'");
	h->prefix = tw_str_of(gen_dup(a->ln, prefix));
	return 0;
}

static int
parse_del(struct tw_action_line *a, const void **conf)
{
	struct headers *const h = parse_expr(a);

	*conf = h;
	if (h == NULL)
		return -1;
	if (!option_is(a, "-m"))
		return 0;
	a->i++;
	const char *const word = tw_action_arg(a);
	if (word == NULL || !header_match_find(word, &h->how) ||
	    h->how == HEADER_BY_REGEX)
		return action_fail(a, "'-m' expects 'str', 'beg', 'end' or 'sub'");
	return 0;
}

/* ---- running ------------------------------------------------------------- */

/* returns: false: there is no value. out: kept in the request's memory; p NULL:
 * there is none left. */
static bool
value_of(struct tw_req *req, const struct headers *h, struct tw_str *out)
{
	struct tw_sample s;

	if (!tw_expr_eval(h->expr, req, &s) || !tw_sample_cast(req, &s, TW_BINARY))
		return false;
	*out = s.u.str.len > 0 ? tw_req_copy(req, s.u.str) : TW_STR("");
	return true;
}

/* The next field that is meant. returns: 1; 0: the end; -1: no such list. */
static int
next_field(const struct headers *h, struct tw_str *list, struct tw_str *name,
    struct tw_str *value)
{
	while (list->len > 0) {
		if (!headers_bin_text(list, name) || !headers_bin_text(list, value))
			return -1;
		if (name->len == 0)
			return value->len == 0 ? 0 : -1;
		if (!headers_bin_is_name(*name) || !text_is_field(*value))
			return -1;
		if (h->prefix.p == NULL || header_begins(*name, h->prefix))
			return 1;
	}
	return 0;
}

static bool
is_list(const struct headers *h, struct tw_str list)
{
	struct tw_str name, value;
	int rc;

	while ((rc = next_field(h, &list, &name, &value)) > 0)
		;
	return rc == 0;
}

static void
remove_all(const struct headers *h, struct tw_msg *msg, struct tw_str list)
{
	struct tw_str name, value;

	while (next_field(h, &list, &name, &value) > 0) {
		struct tw_hdr *hdr = NULL;

		while ((hdr = tw_msg_find(msg, name, hdr)) != NULL)
			tw_msg_del(msg, hdr);
	}
}

static enum tw_act
put(struct tw_req *req, const struct tw_action_call *call, bool set)
{
	const struct headers *const h = call->conf;
	struct tw_msg *const msg = header_message(req, call->rules);
	struct tw_str list, name, value;

	if (!value_of(req, h, &list))
		return TW_ACT_NEXT;
	if (list.p == NULL || !is_list(h, list))
		return TW_ACT_ERROR;
	if (set)
		remove_all(h, msg, list);
	while (next_field(h, &list, &name, &value) > 0) {
		if (header_host_changed(req, msg, name, value) != 0 ||
		    tw_msg_add(msg, name, value) != 0)
			return TW_ACT_ERROR;
	}
	return TW_ACT_NEXT;
}

static enum tw_act
run_set(struct tw_req *req, const struct tw_action_call *call)
{
	return put(req, call, true);
}

static enum tw_act
run_add(struct tw_req *req, const struct tw_action_call *call)
{
	return put(req, call, false);
}

static bool
is_names(struct tw_str list)
{
	struct tw_str name = { "x", 1 };

	while (list.len > 0 && name.len > 0)
		if (!headers_bin_text(&list, &name))
			return false;
	return true;
}

static void
del_matching(struct tw_msg *msg, enum header_match how, struct tw_str part)
{
	for (unsigned i = 0; i < msg->n_hdr; i++) {
		struct tw_hdr *const hdr = &msg->hdr[i];
		const struct tw_str name = { hdr->name, hdr->name_len };

		if (!(hdr->flags & TW_HDR_DELETED) && header_matches(how, part, name))
			tw_msg_del(msg, hdr);
	}
}

static enum tw_act
run_del(struct tw_req *req, const struct tw_action_call *call)
{
	const struct headers *const h = call->conf;
	struct tw_msg *const msg = header_message(req, call->rules);
	struct tw_str list, name;

	if (!value_of(req, h, &list))
		return TW_ACT_NEXT;
	if (list.p == NULL || !is_names(list))
		return TW_ACT_ERROR;
	while (list.len > 0 && headers_bin_text(&list, &name) && name.len > 0)
		del_matching(msg, h->how, name);
	return TW_ACT_NEXT;
}

/* clang-format off */
const struct tw_action act_headers_bin[] = {
	{ "set-headers-bin", HTTP_ANY, parse_put, run_set, "<expr> [prefix <str>]",
		"The fields of a binary list, as req.hdrs_bin gives it, in place of all "
		"that have their names.", 0 },
	{ "add-headers-bin", HTTP_ANY, parse_put, run_add, "<expr> [prefix <str>]",
		"The same fields besides those there are.", 0 },
	{ "del-headers-bin", HTTP_ANY, parse_del, run_del,
		"<expr> [-m {str | beg | end | sub}]",
		"Removes all fields whose names a binary list has: length and name, again "
		"and again.", 0 },
	{ .name = NULL },
};
/* clang-format on */
