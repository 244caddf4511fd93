/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * reply.c - reading the description of an answer, and answering.
 *
 * A page is a whole response as text: it is taken apart when it is sent, so
 * that the codec frames it as it frames everything. source: HAProxy's manual,
 * http-request return.
 */
#include "reply.h"

#include <errno.h>
#include <stdio.h>

#include "rules.h"

#define FILE_MAX 65536
#define HEADERS_MAX 32

enum kind {
	NOTHING,
	PAGES,   /* the proxy's */
	PAGE,    /* of a file */
	SECTION, /* of http-errors; PAGE or NOTHING when all is read */
	FIXED,
	FORMAT
};

struct reply_header {
	struct tw_str name;
	struct rule_text value;
};

struct reply {
	int status;
	enum kind kind;
	bool bare;          /* by 'status', which does not imply the proxy's page */
	struct tw_str type; /* p NULL: none */
	struct tw_str page; /* PAGE; SECTION: its name */
	struct rule_text body;
	int n_headers;
	struct reply_header header[HEADERS_MAX];
};

/* ---- parsing ------------------------------------------------------------ */

static bool
has_page(int status)
{
	static const int codes[] = { 200, 400, 401, 403, 404, 405, 407, 408, 410, 413,
		425, 429, 500, 501, 502, 503, 504 };

	for (size_t i = 0; i < TW_N_ELEMENTS(codes); i++)
		if (codes[i] == status)
			return true;
	return false;
}

static int
parse_status(struct tw_action_line *a, struct reply *r, const char *by)
{
	const char *const word = tw_action_arg(a);
	struct tw_err err;
	uint64_t code;

	if (word == NULL || tw_parse_uint(word, 200, 599, &code, &err) < 0)
		return action_fail(a,
		    "'%s %s': 'status' expects a code from 200 to 599", a->set,
		    a->word);
	r->status = (int)code;
	r->bare = strcmp(by, "status") == 0;
	return 0;
}

/* NUL behind it. returns: p NULL: reported. */
static struct tw_str
read_file(struct tw_action_line *a, const char *path)
{
	char *const mem = tw_arena_alloc(tw_gen_arena(a->ln->gen), FILE_MAX + 1);
	FILE *const f = fopen(path, "re");
	const size_t n = f != NULL ? fread(mem, 1, FILE_MAX, f) : 0;
	const bool whole = f != NULL && !ferror(f) && fgetc(f) == EOF;

	if (f == NULL || ferror(f))
		action_fail(a, "cannot read '%s': %s", path, strerror(errno));
	else if (!whole)
		action_fail(a, "'%s' is larger than %d bytes", path, FILE_MAX);
	if (f != NULL)
		fclose(f);
	mem[n] = '\0';
	return whole ? (struct tw_str){ mem, n } : (struct tw_str){ NULL, 0 };
}

static int
once(struct tw_action_line *a, struct reply *r, enum kind kind)
{
	if (r->kind != NOTHING)
		return action_fail(a,
		    "'%s %s' has a content already: one of 'default-errorfiles', "
		    "'errorfile', 'file', 'lf-file', 'string' and 'lf-string' is "
		    "enough",
		    a->set, a->word);
	r->kind = kind;
	return 0;
}

static int
parse_format(struct tw_action_line *a, struct reply *r, const char *text)
{
	r->body.fmt = tw_text_compile(a->ln, a->i - 1, text, a->where, true);
	return r->body.fmt != NULL ? 0 : -1;
}

static struct tw_str page_line(struct tw_str *rest);

static int
parse_errorfile(struct tw_action_line *a, struct reply *r, const char *path)
{
	r->page = read_file(a, path);
	if (r->page.p == NULL)
		return -1;
	struct tw_str rest = r->page;
	const struct tw_str first = page_line(&rest);
	if (first.len < 12 || !tw_str_has_prefix(first, TW_STR("HTTP/1.")))
		return action_fail(a,
		    "'%s' is no whole response: its first line must be like 'HTTP/1.0 "
		    "403 Forbidden'",
		    path);
	return 0;
}

/* When all files are read: the section may stand further down. */
static int
check_section(struct tw_gen *gen, void *conf, const struct tw_origin *origin)
{
	struct reply *const r = conf;
	const char *const name = r->page.p;
	const int found = tw_error_page_named(gen, name, r->status, &r->page);

	if (found < 0)
		return tw_gen_fail(gen, origin->file, origin->line,
		    "'%s': unknown http-errors section '%s'", origin->who, name);
	r->kind = found > 0 ? PAGE : NOTHING;
	if (r->kind == NOTHING)
		tw_gen_warn(gen, origin->file, origin->line,
		    "'%s': status %d is not declared in the http-errors section '%s': "
		    "the answer has no body",
		    origin->who, r->status, name);
	return 0;
}

static int
parse_section(struct tw_action_line *a, struct reply *r)
{
	const char *const name = tw_action_arg(a);

	if (name == NULL)
		return action_missing(
		    a, "the name of a section http-errors behind 'errorfiles'");
	if (once(a, r, SECTION) != 0)
		return -1;
	r->page = tw_str_of(gen_dup(a->ln, name));
	rules_late(a, check_section, r);
	return 0;
}

/* Contents that take an argument. */
static int
parse_content(struct tw_action_line *a, struct reply *r, const char *word)
{
	const bool file = strstr(word, "file") != NULL;
	const enum kind kind = strcmp(word, "errorfile") == 0 ? PAGE
	    : word[0] == 'l'                                  ? FORMAT
							      : FIXED;
	const char *const arg = tw_action_arg(a);

	if (arg == NULL)
		return tw_line_fail(a->ln, a->i - 1, "'%s %s': '%s' expects a %s",
		    a->set, a->word, word, file ? "file" : "text");
	if (once(a, r, kind) != 0)
		return -1;
	if (kind == PAGE)
		return parse_errorfile(a, r, arg);
	const struct tw_str text =
	    file ? read_file(a, arg) : tw_str_of(gen_dup(a->ln, arg));
	if (text.p == NULL)
		return -1;
	if (kind == FORMAT)
		return parse_format(a, r, text.p);
	r->body.fixed = text;
	return 0;
}

static int
parse_header(struct tw_action_line *a, struct reply *r)
{
	const char *const name = tw_action_arg(a), *const fmt = tw_action_arg(a);
	struct reply_header *const h = &r->header[r->n_headers];

	if (fmt == NULL)
		return tw_line_fail(a->ln, a->i - 1,
		    "'%s %s': 'hdr' expects a name and a value", a->set, a->word);
	if (r->n_headers == HEADERS_MAX)
		return action_fail(a, "more than %d fields", HEADERS_MAX);
	if (strcasecmp(name, "content-length") == 0 ||
	    strcasecmp(name, "transfer-encoding") == 0 || *name == '\0')
		return action_fail(
		    a, "the field '%s' is made by the proxy itself", name);
	h->name = tw_str_of(gen_dup(a->ln, name));
	r->n_headers++;
	return text_parse(a, a->i - 1, fmt, true, &h->value);
}

/* returns: 1: taken; 0: no such word; -1 reported. */
static int
take_word(struct tw_action_line *a, struct reply *r, const char *word)
{
	static const char *const contents[] = { "errorfile", "file", "lf-file",
		"string", "lf-string" };
	int rc = 0;

	for (size_t i = 0; i < TW_N_ELEMENTS(contents); i++)
		if (strcmp(word, contents[i]) == 0)
			return parse_content(a, r, word) == 0 ? 1 : -1;
	if (strcmp(word, "status") == 0 || strcmp(word, "deny_status") == 0) {
		rc = parse_status(a, r, word);
	} else if (strcmp(word, "content-type") == 0) {
		const char *const type = tw_action_arg(a);
		if (type == NULL)
			return action_missing(a, "a type behind 'content-type'");
		r->type = tw_str_of(gen_dup(a->ln, type));
	} else if (strcmp(word, "hdr") == 0) {
		rc = parse_header(a, r);
	} else if (strcmp(word, "default-errorfiles") == 0) {
		rc = once(a, r, PAGES);
	} else if (strcmp(word, "errorfiles") == 0) {
		rc = parse_section(a, r);
	} else {
		return 0;
	}
	return rc == 0 ? 1 : -1;
}

static int
check(struct tw_action_line *a, struct reply *r, bool deny)
{
	const bool has_body =
	    r->kind == FORMAT || (r->kind == FIXED && r->body.fixed.len > 0);

	if (deny && !r->bare && r->kind == NOTHING && r->n_headers == 0 &&
	    r->type.p == NULL && has_page(r->status))
		r->kind = PAGES;
	if ((r->kind == PAGES || r->kind == SECTION) && !has_page(r->status))
		return tw_line_fail(a->ln, -1,
		    "'%s %s': there is no error page for status %d", a->set, a->word,
		    r->status);
	if (has_body && r->type.p == NULL)
		return tw_line_fail(a->ln, -1,
		    "'%s %s' needs a 'content-type' for its content", a->set, a->word);
	if (r->type.p != NULL && !has_body) {
		r->type = (struct tw_str){ NULL, 0 };
		tw_line_warn(a->ln, -1,
		    "'%s %s': 'content-type' is ignored, as there is no content of "
		    "its own",
		    a->set, a->word);
	}
	return 0;
}

int
reply_parse(struct tw_action_line *a, int status, bool deny, const void **conf)
{
	struct reply *const r = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*r));
	const char *word;

	r->status = status;
	*conf = r;
	while ((word = tw_action_arg(a)) != NULL) {
		const int rc = take_word(a, r, word);
		if (rc < 0)
			return -1;
		if (rc == 0)
			return action_fail(a,
			    "'%s %s' expects 'status', 'content-type', "
			    "'default-errorfiles', 'errorfiles', 'errorfile', 'file', "
			    "'lf-file', 'string', 'lf-string', 'hdr' or a condition, not '%s'",
			    a->set, a->word, word);
	}
	return check(a, r, deny);
}

/* ---- answering ---------------------------------------------------------- */

static struct tw_str
page_line(struct tw_str *rest)
{
	const char *const nl = rest->len > 0 ? memchr(rest->p, '\n', rest->len) : NULL;
	const size_t len = nl != NULL ? (size_t)(nl - rest->p) : rest->len;
	struct tw_str line = { rest->p, len };

	*rest = (struct tw_str){ rest->p + (nl != NULL ? len + 1 : len),
		rest->len - (nl != NULL ? len + 1 : len) };
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* What the codec makes itself. */
static bool
is_framing(struct tw_str name)
{
	return tw_str_ieq(name, TW_STR("content-length")) ||
	    tw_str_ieq(name, TW_STR("transfer-encoding")) ||
	    tw_str_ieq(name, TW_STR("connection"));
}

struct parts {
	int n, status;
	const char *reason; /* NULL: the usual one */
	struct tw_str body;
	struct tw_str header[2 * (HEADERS_MAX + 2)];
};

static void
part_add(struct parts *p, struct tw_str name, struct tw_str value)
{
	if (p->n >= HEADERS_MAX + 2)
		return;
	p->header[2 * p->n] = name;
	p->header[2 * p->n + 1] = value;
	p->n++;
}

/* The reason phrase is the page's own: line is "HTTP/1.1 404 Gone". */
static void
page_start(struct tw_req *req, struct tw_str line, struct parts *p)
{
	uint64_t status = 0;

	if (line.len >= 12)
		tw_str_to_u64((struct tw_str){ line.p + 9, 3 }, &status);
	if (status < 200 || status > 599)
		return;
	p->status = (int)status;
	if (line.len <= 13)
		return;
	char *const reason = tw_arena_try(tw_req_arena(req), line.len - 12);
	if (reason != NULL) {
		memcpy(reason, line.p + 13, line.len - 13);
		reason[line.len - 13] = 0;
		p->reason = reason;
	}
}

static void
page_split(struct tw_req *req, struct tw_str page, struct parts *p)
{
	struct tw_str line = page_line(&page);

	page_start(req, line, p);
	while ((line = page_line(&page)).len > 0) {
		const char *const colon = memchr(line.p, ':', line.len);
		if (colon == NULL)
			continue;
		const struct tw_str name = { line.p, (size_t)(colon - line.p) };
		if (!is_framing(name))
			part_add(p, name,
			    tw_str_trim(
				(struct tw_str){ colon + 1, line.len - name.len - 1 }));
	}
	p->body = page;
}

static struct parts *
parts_new(struct tw_req *req, int status)
{
	struct parts *const p = tw_arena_try(tw_req_arena(req), sizeof(*p));

	if (p != NULL) {
		p->n = 0;
		p->status = status;
		p->reason = NULL;
		p->body = (struct tw_str){ NULL, 0 };
	}
	return p;
}

static enum tw_act
out_of_memory(struct tw_req *req, const struct tw_origin *origin)
{
	tw_req_fail(req, 503, "out of memory", origin);
	return TW_ACT_FAIL;
}

/* Where HAProxy's word is not the registry's. */
static const char *
reason_of(int status)
{
	return status == 302 ? "Moved Temporarily"
	    : status == 418  ? "I'm a teapot"
			     : NULL;
}

static enum tw_act
parts_send(struct tw_req *req, const struct parts *p, struct tw_str type,
    const struct tw_origin *origin)
{
	const struct tw_reply reply = {
		.status = p->status,
		.reason = p->reason != NULL ? p->reason : reason_of(p->status),
		.content_type = type,
		.headers = p->header,
		.n_headers = p->n,
		.body = p->body,
	};

	tw_req_reply(req, &reply, origin);
	return TW_ACT_DONE;
}

/* The fields of the rule. returns: -1: one cannot be made. */
static int
add_headers(struct tw_req *req, const struct reply *r, struct parts *p)
{
	for (int i = 0; i < r->n_headers; i++) {
		const struct tw_str value = text_field(req, &r->header[i].value);

		if (value.p == NULL)
			return -1;
		part_add(p, r->header[i].name, value);
	}
	return 0;
}

static enum tw_act
send_own(struct tw_req *req, const struct reply *r, struct parts *p,
    const struct tw_origin *origin)
{
	if (r->kind != NOTHING)
		p->body = text_make(req, &r->body);
	if (add_headers(req, r, p) != 0 || (r->kind != NOTHING && p->body.p == NULL)) {
		tw_req_fail(req, 500, "the answer could not be made", origin);
		return TW_ACT_FAIL;
	}
	return parts_send(
	    req, p, p->body.len > 0 ? r->type : (struct tw_str){ NULL, 0 }, origin);
}

enum tw_act
reply_send(struct tw_req *req, const struct tw_action_call *call)
{
	const struct reply *const r = call->conf;
	struct parts *const p = parts_new(req, r->status);

	if (p == NULL)
		return out_of_memory(req, call->origin);
	if (r->kind == NOTHING || r->kind >= FIXED)
		return send_own(req, r, p, call->origin);
	const struct tw_str page =
	    r->kind == PAGE ? r->page : tw_req_page(req, r->status);
	if (page.len == 0) { /* errorfile /dev/null: not a word */
		tw_req_fail(req, 0, "refused by a rule", call->origin);
		return TW_ACT_FAIL;
	}
	page_split(req, page, p);
	return parts_send(req, p, (struct tw_str){ NULL, 0 }, call->origin);
}

enum tw_act
reply_page(struct tw_req *req, int status, struct tw_str name, struct tw_str value,
    const struct tw_origin *origin)
{
	struct parts *const p = parts_new(req, status);

	if (p == NULL)
		return out_of_memory(req, origin);
	const struct tw_str page = tw_req_page(req, status);
	if (page.len > 0)
		page_split(req, page, p);
	if (name.p != NULL)
		part_add(p, name, value);
	return parts_send(req, p, (struct tw_str){ NULL, 0 }, origin);
}
