/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_forwarded.c - option forwarded: the field of RFC 7239.
 *
 * An element is left out when there is nothing to say; a node whose
 * expression gives no valid name is "unknown", so that its place is kept.
 * Added at SEND, for the backend. source: RFC 7239, sections 4 to 6; HAProxy's
 * manual, 4.2.
 */
#include "config.h"

#include <arpa/inet.h>

#include <tideway/stats.h>

#include "h1.h"
#include "http.h"
#include "http_opt.h"

#define VALUE_BYTES 1024

enum source { OFF, DEFAULT, EXPR };

struct part {
	uint8_t from; /* enum source */
	struct tw_expr *expr;
};

struct http_forwarded {
	bool proto;
	struct part host, by, by_port, for_, for_port;
};

/* --- the line --- */

static struct part *
part_of(struct http_forwarded *f, const char *word, bool *is_expr)
{
	struct {
		const char *name;
		struct part *part;
	} parts[] = { { "host", &f->host }, { "by", &f->by },
		{ "by_port", &f->by_port }, { "for", &f->for_ },
		{ "for_port", &f->for_port } };

	for (size_t i = 0; i < TW_N_ELEMENTS(parts); i++) {
		const size_t len = strlen(parts[i].name);

		if (strncmp(word, parts[i].name, len) != 0)
			continue;
		*is_expr = strcmp(word + len, "-expr") == 0;
		if (*is_expr || word[len] == '\0')
			return parts[i].part;
	}
	return NULL;
}

/* returns: how many arguments it took; -1: reported. */
static int
take_part(struct tw_line *ln, struct http_forwarded *f, int i)
{
	const char *word = tw_arg(ln, i), *text = tw_arg(ln, i + 1);
	bool is_expr = false;
	struct part *part = part_of(f, word, &is_expr);

	if (part == NULL)
		return tw_line_fail(ln, i,
		    "'%s' is not known here; 'option forwarded' takes 'proto', "
		    "'host', 'by', 'by_port', 'for' and 'for_port', all but 'proto' "
		    "also as '<name>-expr <expression>'",
		    word);
	if (part->from != OFF)
		return tw_line_fail(ln, i,
		    "'%s': this element was given before on the same line", word);
	part->from = is_expr ? EXPR : DEFAULT;
	if (!is_expr)
		return 1;
	if (text == NULL)
		return tw_line_fail(
		    ln, i, "'%s' expects an expression, as in 'for-expr src'", word);
	part->expr = tw_expr_compile(ln, i + 1, text, TW_AT_CONN | TW_AT_REQUEST);
	return part->expr != NULL ? 2 : -1;
}

/* A port belongs to a node. */
static int
ports_check(const struct tw_line *ln, const struct http_forwarded *f)
{
	const bool no_by = f->by_port.from != OFF && f->by.from == OFF;
	const bool no_for = f->for_port.from != OFF && f->for_.from == OFF;
	const char *node = no_by ? "by" : "for";

	if (!no_by && !no_for)
		return 0;
	return tw_line_fail(ln, -1,
	    "'option forwarded': '%s_port' needs '%s' or '%s-expr' beside it", node,
	    node, node);
}

int
tw__http_set_forwarded(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;
	struct http_forwarded *f;

	if (ln->no) {
		conf->opt.forwarded = NULL;
		return 0;
	}
	f = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*f));
	if (ln->n_args == 0) {
		f->proto = true;
		f->for_.from = DEFAULT;
	}
	for (int i = 0, n; i < ln->n_args; i += n) {
		n = 1;
		if (strcmp(tw_arg(ln, i), "proto") == 0)
			f->proto = true;
		else if ((n = take_part(ln, f, i)) < 0)
			return -1;
	}
	conf->opt.forwarded = f;
	return ports_check(ln, f);
}

/* --- the field --- */

static void
begin(struct tw_out *o, const char *start, struct tw_str name)
{
	if (o->p > start)
		tw_out_char(o, ';');
	tw_out_str(o, name);
	tw_out_char(o, '=');
}

/* An obfuscated identifier: "_" and letters, digits, ".", "_", "-". */
static bool
is_obfuscated(struct tw_str s)
{
	static const char more[] = "._-";

	if (s.len < 2 || s.p[0] != '_')
		return false;
	for (size_t i = 1; i < s.len; i++) {
		const char c = s.p[i];

		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
		    !(c >= '0' && c <= '9') && (c == '\0' || !strchr(more, c)))
			return false;
	}
	return true;
}

struct node {
	char text[80];
	size_t len;
	bool is_v6, has_port;
	char port[80];
	size_t port_len;
};

static void
node_text(struct node *n, struct tw_str s, bool is_v6)
{
	if (s.len >= sizeof(n->text))
		return;
	memcpy(n->text, s.p, s.len);
	n->len = s.len;
	n->is_v6 = is_v6;
}

static void
node_addr(struct node *n, const struct tw_addr *addr)
{
	char text[64];
	struct tw_out o = tw_out_of(text, sizeof(text));

	if (addr->family != AF_INET && addr->family != AF_INET6)
		return;
	tw_addr_out(&o, addr);
	node_text(
	    n, (struct tw_str){ text, (size_t)(o.p - text) }, addr->family == AF_INET6);
}

static void
node_string(struct node *n, struct tw_str s)
{
	char text[64];
	unsigned char ip[16];

	if (is_obfuscated(s) || tw_str_ieq(s, TW_STR("unknown"))) {
		node_text(n, s, false);
		return;
	}
	if (s.len >= sizeof(text))
		return;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET, text, ip) == 1)
		node_text(n, s, false);
	else if (inet_pton(AF_INET6, text, ip) == 1)
		node_text(n, s, true);
}

static void
node_sample(struct node *n, const struct tw_sample *s)
{
	char text[INET6_ADDRSTRLEN];

	if (s->type == TW_IPV4 || s->type == TW_IPV6) {
		inet_ntop(s->type == TW_IPV4 ? AF_INET : AF_INET6, s->u.ip, text,
		    sizeof(text));
		node_text(n, tw_str_of(text), s->type == TW_IPV6);
	} else if (s->type == TW_STRING) {
		node_string(n, s->u.str);
	}
}

/* A port is digits or an obfuscated identifier. */
static void
node_port(struct node *n, const struct tw_sample *s)
{
	struct tw_out o = tw_out_of(n->port, sizeof(n->port));
	uint64_t port;

	if (s->type == TW_SINT && s->u.n >= 0 && s->u.n <= 65535)
		tw_out_u64(&o, (uint64_t)s->u.n);
	else if (s->type == TW_STRING && s->u.str.len < 64 &&
	    (is_obfuscated(s->u.str) ||
		(tw_str_to_u64(s->u.str, &port) && port <= 65535)))
		tw_out_str(&o, s->u.str);
	n->port_len = (size_t)(o.p - n->port);
	n->has_port = n->port_len > 0;
}

static void
node_out(struct tw_out *o, const struct node *n)
{
	const bool quoted = n->is_v6 || n->has_port;

	if (quoted)
		tw_out_char(o, '"');
	if (n->is_v6)
		tw_out_char(o, '[');
	if (n->len > 0)
		tw_out_mem(o, n->text, n->len);
	else
		tw_out_lit(o, "unknown");
	if (n->is_v6)
		tw_out_char(o, ']');
	if (n->has_port) {
		tw_out_char(o, ':');
		tw_out_mem(o, n->port, n->port_len);
	}
	if (quoted)
		tw_out_char(o, '"');
}

/* in: addr, what is meant without an expression. */
static void
node_add(struct tw_out *o, struct tw_req *req, const struct part *who,
    const struct part *port, const struct tw_addr *addr)
{
	struct node n = { .len = 0 };
	struct tw_sample s;

	if (who->from == DEFAULT)
		node_addr(&n, addr);
	else if (tw_expr_eval(who->expr, req, &s))
		node_sample(&n, &s);
	if (port->from == DEFAULT) {
		s = (struct tw_sample){ .type = TW_SINT, .u.n = addr->port };
		if (addr->family == AF_INET || addr->family == AF_INET6)
			node_port(&n, &s);
	} else if (port->from == EXPR && tw_expr_eval(port->expr, req, &s)) {
		node_port(&n, &s);
	}
	node_out(o, &n);
}

/* What RFC 9110 lets stand in Host, in quotes; anything else is left out. */
static bool
host_of(struct tw_req *req, const struct part *host, struct tw_str *out)
{
	struct tw_sample s;

	if (host->from == DEFAULT)
		*out = tw_req_request(req)->host;
	else if (tw_expr_eval(host->expr, req, &s) && s.type == TW_STRING)
		*out = s.u.str;
	else
		return false;
	for (size_t i = 0; i < out->len; i++) {
		if (!h1_is(out->p[i], H1_TOKEN) && !strchr(":[]", out->p[i]))
			return false;
		if (out->p[i] == '\0')
			return false;
	}
	return out->len > 0;
}

void
tw__http_forwarded_add(struct tw_req *req, const struct http_forwarded *f)
{
	struct tw_msg *msg = tw_req_request(req);
	struct tw_conn *conn = tw_req_conn(req);
	char text[VALUE_BYTES];
	struct tw_out o = tw_out_of(text, sizeof(text));
	struct tw_str host;

	if (f->proto) {
		begin(&o, text, TW_STR("proto"));
		tw_out_str(&o, tw_str_of(tw_req_is_ssl(req) ? "https" : "http"));
	}
	if (f->host.from != OFF && host_of(req, &f->host, &host)) {
		begin(&o, text, TW_STR("host"));
		tw_out_char(&o, '"');
		tw_out_str(&o, host);
		tw_out_char(&o, '"');
	}
	if (f->by.from != OFF) {
		begin(&o, text, TW_STR("by"));
		node_add(&o, req, &f->by, &f->by_port, tw_conn_dst(conn));
	}
	if (f->for_.from != OFF) {
		begin(&o, text, TW_STR("for"));
		node_add(&o, req, &f->for_, &f->for_port, tw_conn_src(conn));
	}
	if (o.p == text)
		return;
	const struct tw_str value =
	    tw_req_copy(req, (struct tw_str){ text, (size_t)(o.p - text) });

	if (o.over || !value.p || tw_msg_add(msg, TW_STR("forwarded"), value) != 0)
		tw_proxy_count(tw_req_backend(req), TW_BACKEND, TW_CNT_WREW, 1);
}
