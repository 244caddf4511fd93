/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/trail_json.c - a trail for programs: the same entries as one object.
 */
#include "config.h"

#include "core/flow/trail.h"

void
tw__json_str(FILE *to, struct tw_str s)
{
	fputc('"', to);
	for (size_t i = 0; i < s.len; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\')
			fprintf(to, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(to, "\\u%04x", c);
		else
			fputc(c, to);
	}
	fputc('"', to);
}

static void
member(FILE *to, const char *name, struct tw_str value)
{
	fprintf(to, ",\"%s\":", name);
	if (value.p == NULL)
		fputs("null", to);
	else
		tw__json_str(to, value);
}

static void
place(FILE *to, const struct tw__rec *e)
{
	if (e->file == NULL)
		return;
	member(to, "file", tw_str_of(e->file));
	fprintf(to, ",\"line\":%d", e->line);
}

static const char *const results[] = { [TW_TOLD_NO] = "no",
	[TW_TOLD_YES] = "yes",
	[TW_TOLD_LAST] = "last",
	[TW_TOLD_WAITS] = "waits",
	[TW_TOLD_FAILED] = "failed",
	[TW_TOLD_UNREACHED] = "not reached" };
static const char *const choices[] = { [TW_CHOSE_BACKEND] = "backend",
	[TW_CHOSE_SERVER] = "server",
	[TW_RETRIED] = "retry",
	[TW_REDISPATCHED] = "redispatch",
	[TW_ANSWERED] = "answer",
	[TW_REFUSED] = "refusal" };

static void
acl_out(FILE *to, const struct tw__rec *e)
{
	fputs("\"kind\":\"acl\"", to);
	member(to, "name", e->text);
	place(to, e);
	member(to, "expression", tw_str_of(e->expr));
	fprintf(to, ",\"negated\":%s,\"result\":%s", e->negated ? "true" : "false",
	    e->result ? "true" : "false");
	member(to, "value", e->was);
	if (e->verb != NULL)
		member(to, "verb", tw_str_of(e->verb));
	member(to, "pattern", e->is);
}

static void
entry_out(FILE *to, const struct tw__rec *e)
{
	switch ((enum tw__rec_kind)e->kind) {
	case TW__REC_PHASE:
		fputs("\"kind\":\"phase\"", to);
		member(to, "rules", e->text);
		member(to,
		    e->what == TW__PX_LISTEN         ? "listen"
			: e->what == TW__PX_FRONTEND ? "frontend"
						     : "backend",
		    e->is);
		break;
	case TW__REC_RULE:
		fputs("\"kind\":\"rule\"", to);
		place(to, e);
		member(to, "text", e->text);
		member(to, "result", tw_str_of(results[e->result]));
		break;
	case TW__REC_ACL:
		acl_out(to, e);
		break;
	case TW__REC_CHANGE:
		fputs("\"kind\":\"change\"", to);
		member(to, "what", e->text);
		member(to, "was", e->was);
		member(to, "is", e->is);
		break;
	case TW__REC_NOTE:
		fputs("\"kind\":\"note\"", to);
		member(to, "text", e->text);
		break;
	case TW__REC_CHOICE:
		fputs("\"kind\":\"choice\"", to);
		member(to, "what", tw_str_of(choices[e->what]));
		member(to, "name", e->is);
		member(to, "by", e->text);
		place(to, e);
		break;
	}
}

static void
addr_out(FILE *to, const char *name, const struct tw_addr *addr)
{
	char text[160];
	struct tw_out o = tw_out_of(text, sizeof(text));

	tw_addr_port_out(&o, addr);
	member(to, name, (struct tw_str){ text, (size_t)(o.p - text) });
}

void
tw__trail_json(FILE *to, const struct tw_req *req, const struct tw__record *r)
{
	const struct tw_str line = r->head.p != NULL ? r->head : req->start_line;

	fprintf(to, "\"id\":%llu", (unsigned long long)req->id);
	member(to, "request", line.len > 0 ? line : (struct tw_str){ NULL, 0 });
	addr_out(to, "src", tw_conn_src(req->cli));
	member(to, "frontend", tw_str_of(req->fe->name));
	member(to, "backend", tw_str_of(req->be != NULL ? req->be->name : NULL));
	member(to, "server", tw_str_of(req->srv != NULL ? req->srv->name : NULL));
	if (req->srv != NULL)
		addr_out(to, "address", tw_server_addr(req->srv));
	fprintf(to, ",\"status\":%d,\"full\":%s,\"steps\":[", req->status,
	    r->full ? "true" : "false");
	for (const struct tw__rec *e = r->first; e != NULL; e = e->next) {
		fputs(e == r->first ? "{" : ",{", to);
		entry_out(to, e);
		fputc('}', to);
	}
	fputc(']', to);
}
