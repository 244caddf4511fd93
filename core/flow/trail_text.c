/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/trail_text.c - a trail for people: one line for each rule, with its place
 * in the configuration; below it what its ACLs saw and what it has changed.
 *
 * What peers sent is shown escaped, so that no terminal obeys it. Off the
 * request path: worker threads after an exchange with a trail, and explain.
 */
#include "config.h"

#include <ctype.h>

#include "core/flow/trail.h"

#define FEW 3         /* rules not reached that are shown one by one */
#define VALUE_MAX 160 /* bytes */
#define PLACE_MAX 24  /* columns of "web.cfg:120" */
#define NAME_WIDTH 14

#define GREEN "\033[32m"
#define RED "\033[31m"
#define DIM "\033[2m"
#define BOLD "\033[1m"

struct text {
	FILE *to;
	const struct tw_req *req;
	const struct tw__record *r;
	const struct tw__trail_style *style;
	int place_width;
};

static void
colour(const struct text *t, const char *code)
{
	if (t->style->colour)
		fputs(code, t->to);
}

static void
plain(const struct text *t)
{
	colour(t, "\033[0m");
}

/* A letter of UTF-8 at p. returns: its bytes; 0: it is none. */
static size_t
utf8_letter(const unsigned char *p, size_t len)
{
	const size_t n = p[0] >= 0xf0 && p[0] < 0xf5 ? 4
	    : p[0] >= 0xe0 && p[0] < 0xf0            ? 3
	    : p[0] >= 0xc2 && p[0] < 0xe0            ? 2
						     : 0;

	if (n == 0 || n > len || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0))
		return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void
tw__trail_show(FILE *to, struct tw_str s, size_t max)
{
	const unsigned char *const p = (const unsigned char *)s.p;
	const size_t end = max != 0 && s.len > max ? max : s.len;

	for (size_t i = 0; i < end;) {
		const size_t n = utf8_letter(p + i, end - i);

		if (n > 0)
			fwrite(p + i, 1, n, to);
		else if (p[i] >= 0x20 && p[i] < 0x7f)
			fputc(p[i], to);
		else
			fprintf(to, "\\x%02x", p[i]);
		i += n > 0 ? n : 1;
	}
	if (end < s.len)
		fputs("...", to);
}

static void
quoted(const struct text *t, struct tw_str s)
{
	fputc('"', t->to);
	tw__trail_show(t->to, s, VALUE_MAX);
	fputc('"', t->to);
}

/* ---- places ------------------------------------------------------------- */

static const char *
base_of(const char *path)
{
	const char *const slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static int
place_length(const struct tw__rec *e)
{
	return e->file == NULL ? 0
			       : snprintf(NULL, 0, "%s:%d", base_of(e->file), e->line);
}

static int
widest_place(const struct tw__record *r)
{
	int widest = 0;

	for (const struct tw__rec *e = r->first; e != NULL; e = e->next) {
		const int n = place_length(e);

		if (e->kind == TW__REC_RULE && n > widest)
			widest = n;
	}
	return widest > PLACE_MAX ? PLACE_MAX : widest;
}

static void
place(const struct text *t, const struct tw__rec *e)
{
	char text[512] = "";

	if (e->file != NULL)
		snprintf(text, sizeof(text), "%s:%d", base_of(e->file), e->line);
	fprintf(t->to, "%-*s", t->place_width, text);
}

/* Where what belongs to a rule stands. */
static void
indent(const struct text *t, const struct tw__rec *e)
{
	fprintf(t->to, "%*s", e->in_rule ? 10 + t->place_width : 2, "");
}

/* ---- entries ------------------------------------------------------------ */

static void
phase_print(const struct text *t, const struct tw__rec *e)
{
	static const char *const kinds[] = { [TW__PX_BACKEND] = "backend",
		[TW__PX_FRONTEND] = "frontend",
		[TW__PX_LISTEN] = "listen" };

	fputc('\n', t->to);
	colour(t, BOLD);
	fprintf(t->to, "%.*s of %s %.*s", TW_STR_FMT(e->text), kinds[e->what],
	    TW_STR_FMT(e->is));
	plain(t);
	fputc('\n', t->to);
}

static void
rule_print(const struct text *t, const struct tw__rec *e)
{
	static const struct {
		const char *word, *colour, *after;
	} how[] = {
		[TW_TOLD_NO] = { "no", "", "" },
		[TW_TOLD_YES] = { "yes", GREEN, "" },
		[TW_TOLD_LAST] = { "last", GREEN, "" },
		[TW_TOLD_WAITS] = { "wait", "", "  (waits)" },
		[TW_TOLD_FAILED] = { "fail", RED, "  (failed)" },
		[TW_TOLD_UNREACHED] = { "-", DIM, "  (not reached)" },
	};

	fputs("  ", t->to);
	colour(t, how[e->result].colour);
	fprintf(t->to, "%-4s", how[e->result].word);
	if (e->result != TW_TOLD_UNREACHED)
		plain(t);
	fputs("  ", t->to);
	place(t, e);
	fputs("  ", t->to);
	tw__trail_show(t->to, e->text, 0);
	fputs(how[e->result].after, t->to);
	plain(t);
	fputc('\n', t->to);
}

static void
acl_print(const struct text *t, const struct tw__rec *e)
{
	char name[128];

	indent(t, e);
	snprintf(name, sizeof(name), "%s%s", e->negated ? "! " : "",
	    e->text.p != NULL ? e->text.p : "{ }");
	fprintf(t->to, "%-*s  %-5s  ", NAME_WIDTH, name, e->result ? "true" : "false");
	if (e->expr != NULL)
		tw__trail_show(t->to, tw_str_of(e->expr), VALUE_MAX);
	if (e->was.p != NULL) {
		fputc(' ', t->to);
		quoted(t, e->was);
	} else {
		fputs(" has no value", t->to);
	}
	if (e->n_more > 0 && !e->result)
		fprintf(t->to, " (the last of %d)", e->n_more + 1);
	if (e->verb != NULL && e->was.p != NULL)
		fprintf(t->to, " %s", e->verb);
	if (e->is.p != NULL && e->was.p != NULL) {
		fputc(' ', t->to);
		tw__trail_show(t->to, e->is, VALUE_MAX);
	}
	if (e->text.p != NULL && e->file != NULL)
		fprintf(t->to, "  (%s:%d)", base_of(e->file), e->line);
	fputc('\n', t->to);
}

static void
change_print(const struct text *t, const struct tw__rec *e)
{
	indent(t, e);
	fprintf(t->to, "%-*.*s  ", NAME_WIDTH, TW_STR_FMT(e->text));
	if (e->was.p == NULL) {
		fputs("= ", t->to);
		quoted(t, e->is);
	} else if (e->is.p == NULL) {
		quoted(t, e->was);
		fputs(" is removed", t->to);
	} else {
		quoted(t, e->was);
		fputs(" -> ", t->to);
		quoted(t, e->is);
	}
	fputc('\n', t->to);
}

static void
note_print(const struct text *t, const struct tw__rec *e)
{
	indent(t, e);
	tw__trail_show(t->to, e->text, 0);
	fputc('\n', t->to);
}

static void
choice_print(const struct text *t, const struct tw__rec *e)
{
	static const char *const words[] = {
		[TW_CHOSE_BACKEND] = "backend",
		[TW_CHOSE_SERVER] = "server",
		[TW_RETRIED] = "tried again:",
		[TW_REDISPATCHED] = "given up:",
		[TW_ANSWERED] = "answered by",
		[TW_REFUSED] = "refused:",
	};

	fputs("  ", t->to);
	colour(t, BOLD);
	fprintf(t->to, "%s %.*s", words[e->what], TW_STR_FMT(e->is));
	plain(t);
	if (e->text.p != NULL && !tw_str_eq(e->text, e->is))
		fprintf(t->to, "  by %s", e->text.p);
	if (e->file != NULL)
		fprintf(t->to, "  (%s:%d)", base_of(e->file), e->line);
	fputc('\n', t->to);
}

/* Many that were not reached become one line. returns: the last one told. */
static const struct tw__rec *
unreached_print(const struct text *t, const struct tw__rec *e)
{
	const struct tw__rec *last = e;
	int n = 1;

	while (last->next != NULL && last->next->kind == TW__REC_RULE &&
	    last->next->result == TW_TOLD_UNREACHED) {
		last = last->next;
		n++;
	}
	if (n <= FEW || t->style->all) {
		rule_print(t, e);
		return e;
	}
	rule_print(t, e);
	fputs("  ", t->to);
	colour(t, DIM);
	fprintf(t->to, "-     ");
	place(t, last);
	fprintf(t->to, "  and %d more up to here  (not reached)", n - 1);
	plain(t);
	fputc('\n', t->to);
	return last;
}

static const struct tw__rec *
entry_print(const struct text *t, const struct tw__rec *e)
{
	switch ((enum tw__rec_kind)e->kind) {
	case TW__REC_PHASE:
		phase_print(t, e);
		break;
	case TW__REC_RULE:
		if (e->result == TW_TOLD_UNREACHED)
			return unreached_print(t, e);
		rule_print(t, e);
		break;
	case TW__REC_ACL:
		acl_print(t, e);
		break;
	case TW__REC_CHANGE:
		change_print(t, e);
		break;
	case TW__REC_NOTE:
		note_print(t, e);
		break;
	case TW__REC_CHOICE:
		choice_print(t, e);
		break;
	}
	return e;
}

/* ---- the whole ---------------------------------------------------------- */

static void
head_print(const struct text *t)
{
	const struct tw_req *const req = t->req;
	const struct tw_bind *const bind = req->cli->bind;
	const struct tw_str line = t->r->head.p != NULL ? t->r->head : req->start_line;
	char src[160];
	struct tw_out o = tw_out_of(src, sizeof(src) - 1);

	tw_addr_port_out(&o, tw_conn_src(req->cli));
	*o.p = '\0';
	colour(t, BOLD);
	if (line.len > 0)
		tw__trail_show(t->to, line, 0);
	else
		fputs("connection", t->to);
	plain(t);
	fprintf(t->to, "\n  from %s, to frontend %s (%s:%d, bind %s)\n", src,
	    req->fe->name, base_of(bind->file), bind->line, bind->key);
}

/* How a live exchange ended. */
static void
end_print(const struct text *t)
{
	struct tw_req *const req = (struct tw_req *)(uintptr_t)t->req;
	char term[4], addr[160] = "";
	struct tw_out o = tw_out_of(addr, sizeof(addr) - 1);

	tw_req_term(req, term);
	if (req->srv != NULL)
		tw_addr_port_out(&o, tw_server_addr(req->srv));
	*o.p = '\0';
	fputs("\n  -> ", t->to);
	if (req->srv != NULL)
		fprintf(t->to, "%s/%s (%s), ", req->be->name, req->srv->name, addr);
	if (req->status > 0)
		fprintf(t->to, "status %d, ", req->status);
	fprintf(
	    t->to, "%.4s, %lld ms\n", term, (long long)tw_req_time_ms(req, TW_T_TOTAL));
}

void
tw__trail_print(FILE *to, const struct tw_req *req, const struct tw__record *r,
    const struct tw__trail_style *style)
{
	const struct text t = { to, req, r, style, widest_place(r) };

	head_print(&t);
	for (const struct tw__rec *e = r->first; e != NULL; e = e->next)
		e = entry_print(&t, e);
	if (r->full)
		fputs("  (the rest did not fit into this trail)\n", to);
	if (style->ended)
		end_print(&t);
}
