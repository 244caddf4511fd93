/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * act_header.c - set-header, add-header, del-header, replace-header,
 * replace-value, set-status.
 *
 * A value is made before anything is touched, because it may be made from the
 * field that it replaces. What cannot stand in a field (CR, LF, NUL) makes the
 * rewrite fail. source: HAProxy's manual, 4.2.
 */
#include "rules.h"

#define S(x) (1u << TW_##x)
#define HTTP_ANY (S(HTTP_REQUEST) | S(HTTP_RESPONSE) | S(HTTP_AFTER))
#define VALUE_MAX 16384

struct header {
	struct tw_str name;
	enum header_match how;     /* del-header */
	const struct tw_regex *re; /* del-header -m reg; replace-... */
	struct rule_text value;
};

struct tw_msg *
header_message(struct tw_req *req, enum tw_rules rules)
{
	return rules == TW_HTTP_REQUEST ? tw_req_request(req) : tw_req_response(req);
}

/* ---- parsing ------------------------------------------------------------ */

static bool
is_token(const char *s)
{
	static const char other[] = "!#$%&'*+-.^_`|~";

	for (const char *p = s; *p != '\0'; p++)
		if (!((*p >= '0' && *p <= '9') ||
			((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z') ||
			strchr(other, *p) != NULL))
			return false;
	return *s != '\0';
}

static int
parse_name(struct tw_action_line *a, struct header *h)
{
	const char *const name = tw_action_arg(a);

	if (name == NULL)
		return action_missing(a, "the name of a header field");
	if (!is_token(name))
		return action_fail(
		    a, "'%s' cannot be the name of a header field", name);
	h->name = tw_str_of(gen_dup(a->ln, name));
	return 0;
}

static int
parse_value(struct tw_action_line *a, struct header *h)
{
	const char *const fmt = tw_action_arg(a);

	if (fmt == NULL)
		return action_missing(a, "a value in the form of a log-format");
	return text_parse(a, a->i - 1, fmt, true, &h->value);
}

static struct header *
header_new(struct tw_action_line *a)
{
	return tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(struct header));
}

static int
parse_set(struct tw_action_line *a, const void **conf)
{
	struct header *const h = header_new(a);

	*conf = h;
	return parse_name(a, h) != 0 ? -1 : parse_value(a, h);
}

static int
parse_regex(struct tw_action_line *a, struct header *h)
{
	const char *const text = tw_action_arg(a);

	if (text == NULL)
		return action_missing(a, "a regular expression");
	h->re = tw_regex_compile(a->ln, a->i - 1, text, false);
	return h->re != NULL ? 0 : -1;
}

static int
parse_replace(struct tw_action_line *a, const void **conf)
{
	struct header *const h = header_new(a);

	*conf = h;
	return parse_name(a, h) != 0 || parse_regex(a, h) != 0 ? -1 : parse_value(a, h);
}

bool
header_match_find(const char *word, enum header_match *out)
{
	static const char *const words[] = { "str", "beg", "end", "sub", "reg" };
	size_t i = 0;

	while (i < TW_N_ELEMENTS(words) && strcmp(word, words[i]) != 0)
		i++;
	*out = (enum header_match)(i < TW_N_ELEMENTS(words) ? i : 0);
	return i < TW_N_ELEMENTS(words);
}

static int
parse_method(struct tw_action_line *a, struct header *h)
{
	const char *const word = tw_action_arg(a);

	if (word != NULL && header_match_find(word, &h->how))
		return 0;
	return action_fail(a, "'-m' expects 'str', 'beg', 'end', 'sub' or 'reg'");
}

static int
parse_del(struct tw_action_line *a, const void **conf)
{
	struct header *const h = header_new(a);
	const char *const name = tw_action_arg(a);
	const int at = a->i - 1;

	*conf = h;
	if (name == NULL || *name == '\0')
		return action_missing(a, "the name of a header field");
	h->name = tw_str_of(gen_dup(a->ln, name));
	if (tw_arg(a->ln, a->i) == NULL || strcmp(tw_arg(a->ln, a->i), "-m") != 0)
		return 0;
	a->i++;
	if (parse_method(a, h) != 0)
		return -1;
	if (h->how == HEADER_BY_REGEX &&
	    (h->re = tw_regex_compile(a->ln, at, name, false)) == NULL)
		return -1;
	return 0;
}

/* ---- running ------------------------------------------------------------ */

/* The host by which a request is told from others. */
int
header_host_changed(struct tw_req *req, const struct tw_msg *msg, struct tw_str name,
    struct tw_str value)
{
	if ((msg->flags & TW_MSG_RESPONSE) || tw_hdr_id(name) != TW_H_HOST)
		return 0;
	return tw_req_host_changed(req, value);
}

static enum tw_act
run_set(struct tw_req *req, const struct tw_action_call *call)
{
	const struct header *const h = call->conf;
	struct tw_msg *const msg = header_message(req, call->rules);
	const struct tw_str value = text_field(req, &h->value);
	struct tw_hdr *const first = tw_msg_find(msg, h->name, NULL);
	struct tw_hdr *next = first;

	if (value.p == NULL || header_host_changed(req, msg, h->name, value) != 0)
		return TW_ACT_ERROR;
	if (first == NULL)
		return tw_msg_add(msg, h->name, value) == 0 ? TW_ACT_NEXT
							    : TW_ACT_ERROR;
	while ((next = tw_msg_find(msg, h->name, next)) != NULL)
		tw_msg_del(msg, next);
	tw_msg_set_value(msg, first, value);
	return TW_ACT_NEXT;
}

static enum tw_act
run_add(struct tw_req *req, const struct tw_action_call *call)
{
	const struct header *const h = call->conf;
	struct tw_msg *const msg = header_message(req, call->rules);
	const struct tw_str value = text_field(req, &h->value);

	if (value.p == NULL || tw_msg_add(msg, h->name, value) != 0 ||
	    header_host_changed(req, msg, h->name, value) != 0)
		return TW_ACT_ERROR;
	return TW_ACT_NEXT;
}

static bool
has_part(struct tw_str s, struct tw_str part)
{
	for (size_t i = 0; i + part.len <= s.len; i++)
		if (strncasecmp(s.p + i, part.p, part.len) == 0)
			return true;
	return false;
}

/* Regular expressions are written for names in lower case. */
static bool
name_matches_regex(const struct tw_regex *re, struct tw_str name)
{
	char lower[256];

	if (name.len > sizeof(lower))
		return tw_regex_match(re, name);
	for (size_t i = 0; i < name.len; i++)
		lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z'
		    ? (char)(name.p[i] | 0x20)
		    : name.p[i];
	return tw_regex_match(re, (struct tw_str){ lower, name.len });
}

bool
header_begins(struct tw_str name, struct tw_str part)
{
	return name.len >= part.len && strncasecmp(name.p, part.p, part.len) == 0;
}

bool
header_matches(enum header_match how, struct tw_str part, struct tw_str name)
{
	switch (how) {
	case HEADER_BY_BEGIN:
		return header_begins(name, part);
	case HEADER_BY_END:
		return name.len >= part.len &&
		    strncasecmp(name.p + name.len - part.len, part.p, part.len) == 0;
	case HEADER_BY_PART:
		return has_part(name, part);
	default:
		return tw_str_ieq(name, part);
	}
}

static bool
name_matches(const struct header *h, struct tw_str name)
{
	return h->how == HEADER_BY_REGEX ? name_matches_regex(h->re, name)
					 : header_matches(h->how, h->name, name);
}

static enum tw_act
run_del(struct tw_req *req, const struct tw_action_call *call)
{
	const struct header *const h = call->conf;
	struct tw_msg *const msg = header_message(req, call->rules);

	for (unsigned i = 0; i < msg->n_hdr; i++) {
		struct tw_hdr *const hdr = &msg->hdr[i];

		if (!(hdr->flags & TW_HDR_DELETED) &&
		    name_matches(h, (struct tw_str){ hdr->name, hdr->name_len }))
			tw_msg_del(msg, hdr);
	}
	return TW_ACT_NEXT;
}

/* In the request's memory; p NULL: does not fit. */
static struct tw_str
kept(struct tw_req *req, const char *mem, const struct tw_out *o)
{
	const struct tw_str s = { mem, (size_t)(o->p - mem) };

	if (o->over || !text_is_field(s))
		return (struct tw_str){ NULL, 0 };
	return tw_req_copy(req, s);
}

typedef bool expand_fn(const struct tw_regex *re, struct tw_str subject,
    struct tw_str by, struct tw_out *out);

static enum tw_act
replace(struct tw_req *req, const struct tw_action_call *call, expand_fn *expand)
{
	static __thread char mem[VALUE_MAX];
	const struct header *const h = call->conf;
	struct tw_msg *const msg = header_message(req, call->rules);
	const struct tw_str by = text_make(req, &h->value);
	struct tw_hdr *hdr = NULL;

	if (by.p == NULL)
		return TW_ACT_ERROR;
	while ((hdr = tw_msg_find(msg, h->name, hdr)) != NULL) {
		struct tw_out o = tw_out_of(mem, sizeof(mem));

		if (!expand(h->re, tw_hdr_value(hdr), by, &o))
			continue;
		const struct tw_str value = kept(req, mem, &o);
		if (value.p == NULL)
			return TW_ACT_ERROR;
		tw_msg_set_value(msg, hdr, value);
		if (header_host_changed(req, msg, h->name, value) != 0)
			return TW_ACT_ERROR;
	}
	return TW_ACT_NEXT;
}

static enum tw_act
run_replace_header(struct tw_req *req, const struct tw_action_call *call)
{
	return replace(req, call, tw_regex_expand);
}

static enum tw_act
run_replace_value(struct tw_req *req, const struct tw_action_call *call)
{
	return replace(req, call, tw_regex_expand_list);
}

/* ---- set-status --------------------------------------------------------- */

struct status {
	uint16_t code;
	struct tw_str reason; /* p NULL: the usual one */
};

static int
parse_status(struct tw_action_line *a, const void **conf)
{
	struct status *const s = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*s));
	const char *word = tw_action_arg(a);
	struct tw_err err;
	uint64_t code;

	*conf = s;
	if (word == NULL)
		return action_missing(a, "a status from 100 to 999");
	if (tw_parse_uint(word, 100, 999, &code, &err) < 0)
		return action_fail(
		    a, "a status from 100 to 999 is expected: %s", err.text);
	s->code = (uint16_t)code;
	if (tw_arg(a->ln, a->i) == NULL || strcmp(tw_arg(a->ln, a->i), "reason") != 0)
		return 0;
	a->i++;
	word = tw_action_arg(a);
	if (word == NULL)
		return action_missing(a, "a text after 'reason'");
	s->reason = tw_str_of(gen_dup(a->ln, word));
	return text_is_field(s->reason)
	    ? 0
	    : action_fail(a, "a reason cannot hold line breaks");
}

static enum tw_act
run_status(struct tw_req *req, const struct tw_action_call *call)
{
	const struct status *const s = call->conf;
	struct tw_msg *const msg = tw_req_response(req);

	msg->status = s->code;
	msg->reason =
	    s->reason.p != NULL ? s->reason : tw_str_of(tw_status_reason(s->code));
	msg->flags |= TW_MSG_EDITED;
	tw_req_set_status(req, s->code);
	return TW_ACT_NEXT;
}

/* clang-format off */
const struct tw_action act_header[] = {
	{ "set-header", HTTP_ANY, parse_set, run_set, "<name> <fmt>",
		"The field has this value and no other.", 0 },
	{ "add-header", HTTP_ANY, parse_set, run_add, "<name> <fmt>",
		"One field more, whatever others of that name there are.", 0 },
	{ "del-header", HTTP_ANY, parse_del, run_del,
		"<name> [-m {str | beg | end | sub | reg}]",
		"Removes all fields of that name.", 0 },
	{ "replace-header", HTTP_ANY, parse_replace, run_replace_header,
		"<name> <regex> <fmt>",
		"The value of each field that matches becomes <fmt>, in which \\1 is "
		"what the first group took.", 0 },
	{ "replace-value", HTTP_ANY, parse_replace, run_replace_value,
		"<name> <regex> <fmt>",
		"The same for each value of a list separated by commas.", 0 },
	{ "set-status", S(HTTP_RESPONSE) | S(HTTP_AFTER), parse_status, run_status,
		"<status> [reason <text>]", "Changes the response's status.", 0 },
	{ .name = NULL },
};
/* clang-format on */
