/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_error_kw.c - `http-error`: an error page described in the configuration.
 *
 * What has no format in it is written as bytes at once, and is a page like that
 * of an errorfile. Else the page is made when it is needed, in the memory of the
 * request that failed, which may be one whose head never came: its formats see
 * what there is. Parsing on the control thread, making on any worker. source:
 * HAProxy's manual, http-error.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <tideway/text.h>

#include "http.h"

#define FILE_BYTES_MAX 65536
#define HEADERS_MAX 32
#define FIELD_BYTES 4096
#define MADE_BYTES 16384 /* most that formats make of a head, and of a body */

struct made_field {
	struct tw_str name;
	struct tw_str fixed;         /* or: */
	const struct tw_logfmt *fmt; /* gen; NULL: fixed */
};

struct http_made {
	int status;
	struct tw_str type;          /* p NULL: none */
	struct tw_str body;          /* or: */
	const struct tw_logfmt *fmt; /* gen; NULL: body */
	int n_fields;
	struct made_field field[HEADERS_MAX];
};

/* The words of a line, as far as they are read. */
struct words {
	struct tw_line *ln;
	int i;                  /* the next argument */
	struct http_made *made; /* what is being described */
	const char *content;    /* the word that gave it; NULL: none yet */
	struct tw_str page;     /* errorfile; p NULL: another content */
	const char *section;    /* errorfiles; NULL: another content */
};

/* ---- parsing ------------------------------------------------------------ */

static const char *
word_arg(struct words *w, const char *what)
{
	const char *const arg = tw_arg(w->ln, w->i);

	if (arg == NULL)
		(void)tw_line_fail(w->ln, w->i - 1, "'http-error': '%s' expects %s",
		    tw_arg(w->ln, w->i - 1), what);
	w->i++;
	return arg;
}

/* NUL behind it. returns: p NULL: reported. */
static struct tw_str
file_read(struct words *w, const char *path)
{
	char *const mem = tw_arena_alloc(tw_gen_arena(w->ln->gen), FILE_BYTES_MAX + 1);
	FILE *const f = fopen(path, "re");
	const size_t n = f != NULL ? fread(mem, 1, FILE_BYTES_MAX, f) : 0;
	const bool whole = f != NULL && !ferror(f) && fgetc(f) == EOF;

	if (f == NULL || ferror(f))
		(void)tw_line_fail(
		    w->ln, w->i - 1, "cannot read '%s': %s", path, strerror(errno));
	else if (!whole)
		(void)tw_line_fail(w->ln, w->i - 1, "'%s' is larger than %d bytes",
		    path, FILE_BYTES_MAX);
	if (f != NULL)
		fclose(f);
	mem[n] = '\0';
	return whole ? (struct tw_str){ mem, n } : (struct tw_str){ NULL, 0 };
}

static int
take_content(struct words *w, const char *word)
{
	const char *const arg = word_arg(w, "an argument");
	struct tw_err err;

	if (arg == NULL)
		return -1;
	if (strcmp(word, "errorfiles") == 0) {
		w->section = arg;
		return 0;
	}
	if (strcmp(word, "errorfile") == 0) {
		w->page = tw__http_errorfile(tw_gen_arena(w->ln->gen), arg, &err);
		return w->page.p != NULL
		    ? 0
		    : tw_line_fail(w->ln, w->i - 1, "%s", err.text);
	}
	w->made->body = strstr(word, "file") != NULL
	    ? file_read(w, arg)
	    : tw_arena_str(tw_gen_arena(w->ln->gen), tw_str_of(arg));
	if (w->made->body.p == NULL)
		return -1;
	if (word[0] != 'l')
		return 0;
	w->made->fmt = tw_text_compile(
	    w->ln, w->i - 1, w->made->body.p, TW_AT_CONN | TW_AT_REQUEST, false);
	return w->made->fmt != NULL ? 0 : -1;
}

static int
take_field(struct words *w)
{
	const char *const name = word_arg(w, "a name and a value");
	const char *const value = name != NULL ? word_arg(w, "a value") : NULL;
	struct http_made *const m = w->made;
	struct made_field *const f = &m->field[m->n_fields];
	struct tw_arena *const arena = tw_gen_arena(w->ln->gen);

	if (value == NULL)
		return -1;
	if (m->n_fields == HEADERS_MAX)
		return tw_line_fail(
		    w->ln, w->i - 2, "more than %d fields", HEADERS_MAX);
	if (!tw__http_is_token(name))
		return tw_line_fail(
		    w->ln, w->i - 2, "'%s' is no name of a field", name);
	if (strcasecmp(name, "content-length") == 0 ||
	    strcasecmp(name, "transfer-encoding") == 0 ||
	    strcasecmp(name, "connection") == 0)
		return tw_line_fail(w->ln, w->i - 2,
		    "the field '%s' is made by the proxy itself", name);
	f->name = tw_arena_str(arena, tw_str_of(name));
	f->fixed = tw_arena_str(arena, tw_str_of(value));
	if (strchr(value, '%') != NULL &&
	    (f->fmt = tw_text_compile(
		 w->ln, w->i - 1, value, TW_AT_CONN | TW_AT_REQUEST, true)) == NULL)
		return -1;
	if (value[strcspn(value, "\r\n")] != '\0')
		return tw_line_fail(
		    w->ln, w->i - 1, "a field's value has no line breaks");
	m->n_fields++;
	return 0;
}

static int
take_type(struct words *w)
{
	const char *const type = word_arg(w, "a type");

	if (type == NULL)
		return -1;
	if (type[strcspn(type, "\r\n")] != '\0' || *type == '\0')
		return tw_line_fail(w->ln, w->i - 1, "'%s' is no content type", type);
	w->made->type = tw_arena_str(tw_gen_arena(w->ln->gen), tw_str_of(type));
	return 0;
}

/* One word and its arguments. */
static int
take_word(struct words *w)
{
	static const char *const contents[] = { "errorfile", "errorfiles", "file",
		"lf-file", "string", "lf-string", "default-errorfiles" };
	const char *const word = tw_arg(w->ln, w->i++);
	size_t i = 0;

	if (strcmp(word, "content-type") == 0)
		return take_type(w);
	if (strcmp(word, "hdr") == 0)
		return take_field(w);
	while (i < TW_N_ELEMENTS(contents) && strcmp(word, contents[i]) != 0)
		i++;
	if (i == TW_N_ELEMENTS(contents))
		return tw_line_fail(w->ln, w->i - 1,
		    "'http-error' expects 'content-type', 'default-errorfiles', "
		    "'errorfile', 'errorfiles', 'file', 'lf-file', 'string', "
		    "'lf-string' or 'hdr', not '%s'",
		    word);
	if (w->content != NULL)
		return tw_line_fail(w->ln, w->i - 1,
		    "'http-error' has a content already: '%s' or '%s'", w->content,
		    word);
	w->content = contents[i];
	return strcmp(word, "default-errorfiles") == 0 ? 0 : take_content(w, word);
}

static bool
is_payload(const struct words *w)
{
	return w->made->fmt != NULL || w->made->body.len > 0;
}

static int
words_check(const struct words *w)
{
	struct http_made *const m = w->made;
	const bool whole = w->content != NULL &&
	    (strncmp(w->content, "errorfile", 9) == 0 || w->content[0] == 'd');

	if (is_payload(w) && m->type.p == NULL)
		return tw_line_fail(
		    w->ln, -1, "'http-error' needs a 'content-type' for its content");
	if (m->type.p != NULL && !is_payload(w)) {
		m->type = (struct tw_str){ NULL, 0 };
		tw_line_warn(w->ln, -1,
		    "'http-error': 'content-type' is ignored, as there is no content "
		    "of its own");
	}
	if (whole && m->n_fields > 0) {
		m->n_fields = 0;
		tw_line_warn(w->ln, -1,
		    "'http-error': 'hdr' is ignored beside '%s', which has its own "
		    "fields",
		    w->content);
	}
	return 0;
}

/* ---- bytes -------------------------------------------------------------- */

/* in: req NULL: the page has no formats. */
static void
page_out(
    const struct http_made *m, struct tw_req *req, struct tw_str body, struct tw_out *o)
{
	tw_out_printf(o, "HTTP/1.1 %d %s\r\ncontent-length: %zu\r\n", m->status,
	    tw_status_reason(m->status), body.len);
	if (m->type.p != NULL && body.len > 0)
		tw_out_printf(o, "content-type: %s\r\n", m->type.p);
	for (int i = 0; i < m->n_fields; i++) {
		const struct made_field *const f = &m->field[i];
		tw_out_str(o, f->name);
		tw_out_lit(o, ": ");
		if (f->fmt != NULL)
			tw_logfmt_out(f->fmt, req, o);
		else
			tw_out_str(o, f->fixed);
		tw_out_lit(o, "\r\n");
	}
	tw_out_lit(o, "connection: close\r\n\r\n");
	tw_out_str(o, body);
}

static bool
is_fixed(const struct http_made *m)
{
	for (int i = 0; i < m->n_fields; i++)
		if (m->field[i].fmt != NULL)
			return false;
	return m->fmt == NULL;
}

static struct tw_str
fixed_page(struct tw_arena *arena, const struct http_made *m)
{
	size_t room = m->body.len + m->type.len + 256;

	for (int i = 0; i < m->n_fields; i++)
		room += m->field[i].name.len + m->field[i].fixed.len + 8;
	char *const mem = tw_arena_alloc(arena, room);
	struct tw_out o = tw_out_of(mem, room);
	page_out(m, NULL, m->body, &o);
	return (struct tw_str){ mem, (size_t)(o.p - mem) };
}

/* http-error status <code> ... */
int
tw__http_set_error(struct tw_line *ln)
{
	struct http_proxy *const conf = ln->state;
	struct tw_arena *const arena = tw_gen_arena(ln->gen);
	struct words w = { .ln = ln, .i = 1 };
	const int i = tw__http_status_page(ln, 0);

	if (i < 0)
		return -1;
	w.made = tw_arena_zalloc(arena, sizeof(*w.made));
	w.made->status = tw__http_pages[i].status;
	while (w.i < ln->n_args)
		if (take_word(&w) != 0)
			return -1;
	if (words_check(&w) != 0)
		return -1;
	if (w.section != NULL) {
		tw__http_page_refer(ln, i, w.section);
		return 0;
	}
	if (w.content != NULL && w.content[0] == 'd')
		w.page = (struct tw_str){ NULL, 0 };
	else if (w.page.p == NULL && is_fixed(w.made))
		w.page = fixed_page(arena, w.made);
	tw__http_page_set(conf, i, w.page);
	if (w.page.p == NULL && (w.content == NULL || w.content[0] != 'd'))
		conf->made[i] = w.made;
	return 0;
}

/* ---- making ------------------------------------------------------------- */

/* returns: p NULL: it is too long, or there is no memory. */
static struct tw_str
made_body(const struct http_made *m, struct tw_req *req)
{
	if (m->fmt == NULL)
		return m->body.p != NULL ? m->body : TW_STR("");
	char *const mem = tw_arena_try(tw_req_arena(req), MADE_BYTES);
	if (mem == NULL)
		return (struct tw_str){ NULL, 0 };
	struct tw_out o = tw_out_of(mem, MADE_BYTES);
	tw_logfmt_out(m->fmt, req, &o);
	return (struct tw_str){ o.over ? NULL : mem, (size_t)(o.p - mem) };
}

struct tw_str
tw__http_made_page(const struct http_made *m, struct tw_req *req)
{
	const struct tw_str none = { NULL, 0 };
	const struct tw_str body = made_body(m, req);

	if (body.p == NULL)
		return none;
	const size_t room = MADE_BYTES + body.len;
	char *const mem = tw_arena_try(tw_req_arena(req), room);
	if (mem == NULL)
		return none;
	struct tw_out o = tw_out_of(mem, room);
	page_out(m, req, body, &o);
	return o.over ? none : (struct tw_str){ mem, (size_t)(o.p - mem) };
}

/* The fields' values, made. returns: false: no memory, or too long. */
static bool
fields_made(const struct http_made *m, struct tw_req *req, struct tw_str *fields)
{
	for (int i = 0; i < m->n_fields; i++) {
		const struct made_field *const f = &m->field[i];

		fields[2 * i] = f->name;
		fields[2 * i + 1] = f->fixed;
		if (f->fmt == NULL)
			continue;
		char *const mem = tw_arena_try(tw_req_arena(req), FIELD_BYTES);
		if (mem == NULL)
			return false;
		struct tw_out o = tw_out_of(mem, FIELD_BYTES);
		tw_logfmt_out(f->fmt, req, &o);
		fields[2 * i + 1] = (struct tw_str){ mem, (size_t)(o.p - mem) };
		if (o.over)
			return false;
	}
	return true;
}

enum tw_verdict
tw__http_made_answer(
    struct tw_req *req, const struct http_made *m, const struct tw_origin *at)
{
	struct tw_str *const fields =
	    tw_arena_try(tw_req_arena(req), 2 * HEADERS_MAX * sizeof(struct tw_str));
	const struct tw_str body = made_body(m, req);

	if (fields == NULL || body.p == NULL || !fields_made(m, req, fields))
		return tw_req_fail(req, 500, "the answer could not be made", at);
	const struct tw_reply reply = {
		.status = m->status,
		.content_type = body.len > 0 ? m->type : (struct tw_str){ NULL, 0 },
		.headers = fields,
		.n_headers = m->n_fields,
		.body = body,
	};
	return tw_req_reply(req, &reply, at);
}
