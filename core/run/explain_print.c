/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * explain_print.c - what `tideway explain` says of an exchange: its trail, and
 * what goes where in the end.
 */
#include "config.h"

#include "core/run/explain.h"

#define BODY_SHOWN 512 /* bytes */

static void
body_print(FILE *to, struct tw_str s)
{
	const size_t end = s.len > BODY_SHOWN ? BODY_SHOWN : s.len;

	for (size_t i = 0; i < end;) {
		const char *const nl = memchr(s.p + i, '\n', end - i);
		const size_t len = nl != NULL ? (size_t)(nl - s.p) - i : end - i;
		const bool cr = nl != NULL && len > 0 && s.p[i + len - 1] == '\r';

		fputs("     ", to);
		tw__trail_show(to, (struct tw_str){ s.p + i, len - cr }, 0);
		fputs(nl == NULL && end < s.len ? "...\n" : "\n", to);
		i += len + 1;
	}
}

/* The head's lines, indented, then some of the body. */
static void
message_print(FILE *to, struct tw_str s, bool http)
{
	const char *const blank = http ? memmem(s.p, s.len, "\r\n\r\n", 4) : NULL;
	const size_t head = blank != NULL ? (size_t)(blank - s.p) : 0;

	for (size_t i = 0; i < head;) {
		const char *const nl = memchr(s.p + i, '\n', head - i);
		size_t len = nl != NULL ? (size_t)(nl - s.p) - i : head - i;
		const size_t next = i + len + 1;

		if (len > 0 && s.p[i + len - 1] == '\r')
			len--;
		fputs("     ", to);
		tw__trail_show(to, (struct tw_str){ s.p + i, len }, 0);
		fputc('\n', to);
		i = next;
	}
	const size_t from = blank != NULL ? head + 4 : 0;
	if (s.len <= from)
		return;
	if (blank != NULL)
		fputc('\n', to);
	body_print(to, (struct tw_str){ s.p + from, s.len - from });
	fprintf(
	    to, "     (%zu bytes%s)\n", s.len - from, blank != NULL ? " of body" : "");
}

static void
bold(const struct tw__explain_print *p, const char *text)
{
	fprintf(p->to, "%s%s%s", p->colour ? "\033[1m" : "", text,
	    p->colour ? "\033[0m" : "");
}

/* Who could not be chosen. */
static void
absent_print(const struct tw__explain_print *p, const struct tw_proxy *be)
{
	char text[32];
	int n = 0;

	for (int i = 0; i < be->n_servers; i++) {
		const struct tw_server *const srv = be->server[i];

		if (tw_server_is_usable(srv))
			continue;
		tw_server_status_text(srv, text);
		fprintf(p->to, "%s %s (%s)", n++ == 0 ? "   out of balancing:" : ",",
		    srv->name, text);
	}
	if (n > 0)
		fputc('\n', p->to);
}

static void
server_print(const struct tw__explain_print *p, const struct tw__explained *x)
{
	const struct tw_req *const req = x->req;
	char text[512];
	struct tw_out o = tw_out_of(text, sizeof(text) - 1);

	tw_out_printf(&o, "-> server %s/%s at ", req->be->name, req->srv->name);
	tw_addr_port_out(&o, tw_server_addr(req->srv));
	*o.p = '\0';
	bold(p, text);
	fputs(x->sent.len > 0 ? ", which would get\n" : "\n", p->to);
	message_print(p->to, x->sent, req->http);
	absent_print(p, req->be);
	fputs("   (servers count as configured: explain asks none)\n", p->to);
}

static void
answer_print(const struct tw__explain_print *p, const struct tw__explained *x)
{
	const struct tw_req *const req = x->req;

	if (x->answer.len == 0) {
		bold(p, "-> the connection is closed without an answer");
		fprintf(p->to, "%s%s\n", req->fail_why != NULL ? ": " : "",
		    req->fail_why != NULL ? req->fail_why : "");
		return;
	}
	bold(p, x->dialed ? "-> the client would get" : "-> the client is answered");
	if (!x->dialed && req->fail_why != NULL)
		fprintf(p->to, ", %s", req->fail_why);
	if (!x->dialed)
		fputs("; no server is asked", p->to);
	if (req->status == 400 && p->e->line != NULL && req->fail_why != NULL &&
	    strcmp(req->fail_why, "no Host field") == 0)
		fputs(" (add -H 'Host: NAME')", p->to);
	fputc('\n', p->to);
	message_print(p->to, x->answer, req->http);
}

static void
text_print(struct tw__explain_print *p, const struct tw__explained *x)
{
	const struct tw__trail_style style = { .colour = p->colour, .all = p->e->all };

	if (p->n > 0)
		fputc('\n', p->to);
	tw__trail_print(p->to, x->req, x->record, &style);
	fputc('\n', p->to);
	if (x->waited_ms > 0 && !(x->dialed && !p->e->response))
		fprintf(p->to, "   (after %llu.%03llu s of waiting)\n",
		    (unsigned long long)x->waited_ms / 1000,
		    (unsigned long long)x->waited_ms % 1000);
	if (x->dialed)
		server_print(p, x);
	if (!x->dialed || (p->e->response != NULL && x->answer.len > 0))
		answer_print(p, x);
}

static void
json_print(struct tw__explain_print *p, const struct tw__explained *x)
{
	const bool answered = !x->dialed || p->e->response != NULL;

	fputs(p->n > 0 ? ",\n{" : "[{", p->to);
	tw__trail_json(p->to, x->req, x->record);
	fprintf(p->to, ",\"forwarded\":%s,\"sent\":", x->dialed ? "true" : "false");
	tw__json_str(p->to, x->sent);
	fputs(",\"answer\":", p->to);
	if (answered)
		tw__json_str(p->to, x->answer);
	else
		fputs("null", p->to);
	fprintf(p->to, ",\"why\":");
	if (!x->dialed && x->req->fail_why != NULL)
		tw__json_str(p->to, tw_str_of(x->req->fail_why));
	else
		fputs("null", p->to);
	fprintf(p->to, ",\"waited_ms\":%llu}", (unsigned long long)x->waited_ms);
}

void
tw__explain_print(const struct tw__explained *x, void *print)
{
	struct tw__explain_print *const p = print;

	if (p->e->json)
		json_print(p, x);
	else
		text_print(p, x);
	p->n++;
}
