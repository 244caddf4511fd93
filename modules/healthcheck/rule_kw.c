/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rule_kw.c - the lines `tcp-check ...` and `http-check ...`.
 *
 * Each line is one rule (a comment belongs to the next). A section's first
 * rule begins a list of its own. source: HAProxy's manual, tcp-check,
 * http-check.
 */
#include <ctype.h>

#include "kw.h"

static struct tw_arena *
arena_of(const struct tw_line *ln)
{
	return tw_gen_arena(ln->gen);
}

static struct hc_set *
line_set(struct tw_line *ln)
{
	struct hc_proxy *const px = hc_conf_of_line(ln);
	const bool http = strncmp(ln->kw->word, "http-check", 10) == 0;

	return hc_set_own(ln, http ? &px->http : &px->tcp);
}

static const char *
word_of(const struct tw_line *ln)
{
	return ln->kw->word;
}

/* The argument of an option. returns: NULL: reported. */
static const char *
value_of(struct tw_line *ln, int i)
{
	if (tw_arg(ln, i + 1) == NULL)
		tw_line_fail(ln, i, "'%s' needs a value after it", tw_arg(ln, i));
	return tw_arg(ln, i + 1);
}

static int
comment_take(struct tw_line *ln, int i, const char **comment)
{
	const char *const text = value_of(ln, i);

	if (text == NULL)
		return -1;
	*comment = tw_arena_strdup(arena_of(ln), text);
	return 2;
}

int
hc_line_comment(struct tw_line *ln)
{
	struct hc_set *const set = line_set(ln);

	set->n_steps++;
	set->comment = tw_arena_strdup(arena_of(ln), tw_arg(ln, 0));
	return 0;
}

/* ---- connect ---- */

static int
port_take(struct tw_line *ln, int i, struct hc_connect *c)
{
	const char *const arg = value_of(ln, i);
	struct tw_err err;
	uint64_t port;

	if (arg == NULL)
		return -1;
	if (isdigit((unsigned char)arg[0])) {
		if (tw_parse_uint(arg, 1, 65535, &port, &err) < 0)
			return tw_line_fail(ln, i + 1,
			    "'port' expects a TCP port from 1 to 65535 or an "
			    "expression, not '%s'",
			    arg);
		c->port = (uint16_t)port;
		return 2;
	}
	c->port_expr = tw_expr_compile(ln, i + 1, arg, TW_AT_CHECK);
	return c->port_expr != NULL ? 2 : -1;
}

static int
addr_take(struct tw_line *ln, int i, struct hc_connect *c)
{
	const char *const arg = value_of(ln, i);
	struct tw_addr *addr;
	struct tw_err err;

	if (arg == NULL)
		return -1;
	addr = tw_arena_zalloc(arena_of(ln), sizeof(*addr));
	if (tw_parse_host(ln->gen, arg, addr, &err) < 0)
		return tw_line_fail(ln, i + 1, "'addr' : %s", err.text);
	c->addr = addr;
	if (addr->port != 0 && c->port == 0)
		c->port = addr->port;
	return 2;
}

/* What needs a transport that is not there yet. */
static int
not_yet(struct tw_line *ln, int i)
{
	if (strcmp(tw_arg(ln, i), "via-socks4") == 0)
		return tw_line_fail(ln, i,
		    "'via-socks4' of '%s' is known to HAProxy 3.4 but not supported by "
		    "tideway yet",
		    word_of(ln));
	return tw_line_fail(ln, i,
	    "'%s' takes 'default', 'port', 'addr', 'send-proxy', 'ssl', 'sni', "
	    "'alpn', 'linger', 'proto' and 'comment', not '%s'",
	    word_of(ln), tw_arg(ln, i));
}

static int
sni_take(struct tw_line *ln, int i, struct hc_connect *c)
{
	const char *const arg = value_of(ln, i);

	if (arg == NULL)
		return -1;
	c->sni = tw_arena_strdup(arena_of(ln), arg);
	return 2;
}

static int
alpn_take(struct tw_line *ln, int i, struct hc_connect *c)
{
	struct tw_err err;

	if (value_of(ln, i) == NULL || hc_alpn_parse(ln, i + 1, &c->alpn) < 0)
		return -1;
	if (word_of(ln)[0] == 'h' && hc_alpn_check(c->alpn, &err) != 0)
		return tw_line_fail(ln, i + 1, "'alpn' : %s", err.text);
	return 2;
}

static int
proto_take(struct tw_line *ln, int i, struct hc_connect *c)
{
	const bool is_http = word_of(ln)[0] == 'h';

	if (value_of(ln, i) == NULL || hc_proto_parse(ln, i + 1, &c->proto) < 0)
		return -1;
	if (is_http != (strcmp(c->proto, "none") != 0))
		return tw_line_fail(ln, i + 1,
		    "'proto %s' does not go with '%s': write %s", c->proto, word_of(ln),
		    is_http ? "h1 or h2" : "none");
	return 2;
}

/* returns: the words it took; -1. */
static int
connect_item(struct tw_line *ln, int i, struct hc_rule *r)
{
	struct hc_connect *const c = &r->u.connect;
	const char *const word = tw_arg(ln, i);

	if (strcmp(word, "port") == 0)
		return port_take(ln, i, c);
	if (strcmp(word, "addr") == 0)
		return addr_take(ln, i, c);
	if (strcmp(word, "comment") == 0)
		return comment_take(ln, i, &r->comment);
	if (strcmp(word, "sni") == 0)
		return sni_take(ln, i, c);
	if (strcmp(word, "alpn") == 0)
		return alpn_take(ln, i, c);
	if (strcmp(word, "proto") == 0)
		return proto_take(ln, i, c);
	if (strcmp(word, "ssl") == 0)
		c->ssl = true;
	else if (strcmp(word, "default") == 0)
		c->server_defaults = true;
	else if (strcmp(word, "send-proxy") == 0)
		c->send_proxy = true;
	else if (strcmp(word, "linger") == 0)
		c->linger = true;
	else
		return not_yet(ln, i);
	return 1;
}

int
hc_line_connect(struct tw_line *ln)
{
	struct hc_set *const set = line_set(ln);

	if (!hc_set_has(set, HC_CONNECT) &&
	    (hc_set_has(set, HC_SEND) || hc_set_has(set, HC_EXPECT)))
		return tw_line_fail(ln, -1,
		    "the first step must also be a 'connect', optionally after "
		    "'set-var', 'unset-var' or 'comment', when there is a 'connect' "
		    "step");
	struct hc_rule *const r = hc_rule_add(arena_of(ln), set, HC_CONNECT, true);
	for (int i = 0, n; i < ln->n_args; i += n) {
		n = connect_item(ln, i, r);
		if (n < 0)
			return -1;
	}
	return 0;
}

/* ---- send ---- */

/* "[comment <msg>]" from argument i on, and nothing else. */
static int
tail_take(struct tw_line *ln, int i, struct hc_rule *r)
{
	if (tw_arg(ln, i) == NULL)
		return 0;
	if (strcmp(tw_arg(ln, i), "comment") != 0)
		return tw_line_fail(ln, i,
		    "'%s' may be followed by 'comment' only, not by '%s'; escape "
		    "spaces with a backslash",
		    word_of(ln), tw_arg(ln, i));
	if (comment_take(ln, i, &r->comment) < 0)
		return -1;
	if (tw_arg(ln, i + 2) != NULL)
		return tw_line_fail(ln, i + 2, "'%s' is surplus", tw_arg(ln, i + 2));
	return 0;
}

static struct hc_rule *
send_new(struct tw_line *ln)
{
	return hc_rule_add(arena_of(ln), line_set(ln), HC_SEND, true);
}

int
hc_line_tcp_send(struct tw_line *ln)
{
	struct hc_rule *const r = send_new(ln);

	r->u.send.data.s = tw_arena_str(arena_of(ln), tw_str_of(tw_arg(ln, 0)));
	return tail_take(ln, 1, r);
}

int
hc_line_tcp_send_binary(struct tw_line *ln)
{
	struct hc_rule *const r = send_new(ln);
	const char *why;

	r->u.send.data.s = hc_hex_decode(arena_of(ln), tw_str_of(tw_arg(ln, 0)), &why);
	if (r->u.send.data.s.p == NULL)
		return tw_line_fail(
		    ln, 0, "'%s' is no binary string: %s", tw_arg(ln, 0), why);
	return tail_take(ln, 1, r);
}

int
hc_line_tcp_send_lf(struct tw_line *ln)
{
	struct hc_rule *const r = send_new(ln);

	r->u.send.is_hex = strstr(word_of(ln), "binary") != NULL;
	if (hc_text_format(ln, 0, &r->u.send.data) < 0)
		return -1;
	return tail_take(ln, 1, r);
}

/* ---- http-check send ---- */

/* Nothing that could begin another line or another word. */
bool
hc_is_word(const char *z)
{
	for (const char *p = z; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	return *z != '\0';
}

bool
hc_is_version(const char *z)
{
	return strncmp(z, "HTTP/", 5) == 0 && isdigit((unsigned char)z[5]) &&
	    z[6] == '.' && isdigit((unsigned char)z[7]) && z[8] == '\0';
}

struct hc_header *
hc_header_add(struct tw_arena *arena, struct hc_send *s, struct tw_str name)
{
	char *const lower = tw_arena_alloc(arena, name.len + 1);
	struct hc_header *h;

	if (tw_str_ieq(name, TW_STR("content-length")) ||
	    tw_str_ieq(name, TW_STR("transfer-encoding")))
		return NULL; /* the body says it; HAProxy ignores them too */
	if (tw_str_ieq(name, TW_STR("connection")))
		s->has_connection = true;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = (char)tolower((unsigned char)name.p[i]);
	h = tw_arena_zalloc(arena, sizeof(*h));
	h->name = (struct tw_str){ lower, name.len };
	if (s->headers_tail == NULL)
		s->headers_tail = &s->headers;
	*s->headers_tail = h;
	s->headers_tail = &h->next;
	return h;
}

/* A format when it has something to evaluate, else what stands there. */
static int
text_take(struct tw_line *ln, int i, struct hc_text *t, bool lf)
{
	if (lf && strchr(tw_arg(ln, i), '%') != NULL)
		return hc_text_format(ln, i, t);
	t->s = tw_arena_str(arena_of(ln), tw_str_of(tw_arg(ln, i)));
	return 0;
}

static int
header_take(struct tw_line *ln, int i, struct hc_send *s)
{
	const char *const name = tw_arg(ln, i + 1), *const value = tw_arg(ln, i + 2);

	if (value == NULL)
		return tw_line_fail(ln, i, "'hdr' needs a name and a value after it");
	if (!hc_is_word(name) || strchr(name, ':') != NULL)
		return tw_line_fail(
		    ln, i + 1, "'%s' is no name of a header field", name);
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			return tw_line_fail(ln, i + 2,
			    "control characters are not allowed in a header field");
	struct hc_header *const h = hc_header_add(arena_of(ln), s, tw_str_of(name));
	if (h != NULL && text_take(ln, i + 2, &h->value, true) < 0)
		return -1;
	return 3;
}

static int
start_line_take(struct tw_line *ln, int i, struct hc_send *s)
{
	const char *const word = tw_arg(ln, i), *const arg = value_of(ln, i);
	const bool lf = strcmp(word, "uri-lf") == 0;

	if (arg == NULL)
		return -1;
	if (!lf && (word[0] == 'v' ? !hc_is_version(arg) : !hc_is_word(arg)))
		return tw_line_fail(
		    ln, i + 1, "'%s' cannot stand in a request line", arg);
	if (word[0] == 'm')
		s->method = tw_arena_strdup(arena_of(ln), arg);
	else if (word[0] == 'v')
		s->version = tw_arena_strdup(arena_of(ln), arg);
	else if (text_take(ln, i + 1, &s->uri, lf) < 0)
		return -1;
	return 2;
}

static int
body_take(struct tw_line *ln, int i, struct hc_send *s)
{
	if (value_of(ln, i) == NULL)
		return -1;
	s->has_body = true;
	if (text_take(ln, i + 1, &s->body, tw_arg(ln, i)[4] != '\0') < 0)
		return -1;
	return 2;
}

/* returns: the words it took; -1. */
static int
http_send_item(struct tw_line *ln, int i, struct hc_rule *r)
{
	static const char *const start_words[] = { "meth", "uri", "uri-lf", "ver" };
	struct hc_send *const s = &r->u.send;
	const char *const word = tw_arg(ln, i);

	for (size_t w = 0; w < TW_N_ELEMENTS(start_words); w++)
		if (strcmp(word, start_words[w]) == 0)
			return start_line_take(ln, i, s);
	if (strcmp(word, "hdr") == 0)
		return header_take(ln, i, s);
	if (strcmp(word, "body") == 0 || strcmp(word, "body-lf") == 0)
		return body_take(ln, i, s);
	if (strcmp(word, "comment") == 0)
		return comment_take(ln, i, &r->comment);
	return tw_line_fail(ln, i,
	    "'http-check send' takes meth, uri, uri-lf, ver, hdr, body, body-lf and "
	    "comment, not '%s'",
	    word);
}

/* An HTTP check asks once for each connection. */
static int
one_request(struct tw_line *ln, const struct hc_set *set)
{
	bool sent = false;

	for (const struct hc_rule *r = set->first; r != NULL; r = r->next) {
		if (r->act == HC_CONNECT)
			sent = false;
		else if (r->act == HC_SEND)
			sent = true;
	}
	if (!sent)
		return 0;
	return tw_line_fail(ln, -1,
	    "a second request needs a connection of its own: write 'http-check "
	    "connect' before it%s",
	    hc_set_has(set, HC_CONNECT)
		? ""
		: ", and one before the first; or join the two lines");
}

int
hc_line_http_send(struct tw_line *ln)
{
	struct hc_set *const set = line_set(ln);

	if (one_request(ln, set) < 0)
		return -1;
	struct hc_rule *const r = hc_rule_add(arena_of(ln), set, HC_SEND, true);
	r->u.send.is_http = true;
	for (int i = 0, n; i < ln->n_args; i += n) {
		n = http_send_item(ln, i, r);
		if (n < 0)
			return -1;
	}
	return 0;
}

/* ---- expect, variables ---- */

int
hc_line_expect(struct tw_line *ln)
{
	struct hc_set *const set = line_set(ln);
	struct hc_rule *const r = hc_rule_add(arena_of(ln), set, HC_EXPECT, true);

	r->u.expect.is_http = strncmp(word_of(ln), "http-check", 10) == 0;
	for (int i = 0; i + 1 < ln->n_args; i++) {
		if (strcmp(tw_arg(ln, i), "comment") == 0) {
			comment_take(ln, i, &r->comment);
			break;
		}
	}
	return hc_expect_parse(ln, 0, &r->u.expect);
}

/* The words with brackets, and those that are none. */
int
hc_line_other(struct tw_line *ln)
{
	const char *const word = tw_arg(ln, 0);
	const bool set = word != NULL && strncmp(word, "set-var", 7) == 0;

	if (!set && (word == NULL || strncmp(word, "unset-var", 9) != 0))
		return tw_line_fail(ln, word ? 0 : -1,
		    "'%s' is followed by comment, connect, %s, expect, "
		    "set-var(<name>), set-var-fmt(<name>) or unset-var(<name>)%s%s%s",
		    word_of(ln),
		    word_of(ln)[0] == 't' ? "send, send-lf, send-binary, send-binary-lf"
					  : "send, send-state, disable-on-404",
		    word ? ", not by '" : "", word ? word : "", word ? "'" : "");
	struct hc_rule *const r = hc_rule_add(
	    arena_of(ln), line_set(ln), set ? HC_SET_VAR : HC_UNSET_VAR, true);
	return set ? hc_set_var_parse(ln, word, &r->u.var)
		   : hc_unset_var_parse(ln, word, &r->u.var);
}

int
hc_line_flag(struct tw_line *ln)
{
	struct hc_proxy *const px = hc_conf_of_line(ln);

	*(ln->kw->word[11] == 'd' ? &px->disable_on_404 : &px->send_state) = true;
	return 0;
}
