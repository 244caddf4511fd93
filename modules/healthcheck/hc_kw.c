/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hc_kw.c - the words of the configuration that belong to health checks.
 *
 * Setters only store; what goes out is put together by check(), when all
 * lines of a proxy have been read. source: HAProxy's manual, option httpchk,
 * http-check send and expect.
 */
#include <ctype.h>

#include "hc.h"

static struct hc_http *
line_http(struct tw_line *ln)
{
	struct hc_proxy *px = ln->state;

	return &px->http;
}

static const char *
gen_dup(struct tw_line *ln, const char *z)
{
	return tw_arena_strdup(tw_gen_arena(ln->gen), z);
}

/* Nothing that could begin another line or another word. */
static bool
is_word(const char *z)
{
	for (const char *p = z; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	return *z != '\0';
}

static bool
is_version(const char *z)
{
	return strncmp(z, "HTTP/", 5) == 0 && isdigit((unsigned char)z[5]) &&
	    z[6] == '.' && isdigit((unsigned char)z[7]) && z[8] == '\0';
}

static int
header_append(struct tw_line *ln, struct tw_str name, struct tw_str value)
{
	struct hc_http *h = line_http(ln);
	const size_t size = h->headers.len + name.len + value.len + 5;
	char *mem = tw_arena_alloc(tw_gen_arena(ln->gen), size);
	struct tw_out out = tw_out_of(mem, size);

	if (tw_str_ieq(name, TW_STR("content-length")) ||
	    tw_str_ieq(name, TW_STR("transfer-encoding")))
		return 0; /* the body says it; HAProxy ignores them too */
	if (tw_str_ieq(name, TW_STR("connection")))
		h->has_connection = true;
	tw_out_str(&out, h->headers);
	for (size_t i = 0; i < name.len; i++)
		tw_out_char(&out, (char)tolower((unsigned char)name.p[i]));
	tw_out_lit(&out, ": ");
	tw_out_str(&out, value);
	tw_out_lit(&out, "\r\n");
	h->headers = (struct tw_str){ mem, (size_t)(out.p - mem) };
	return 0;
}

static int
header_check(struct tw_line *ln, int i, const char *name, const char *value)
{
	if (!is_word(name) || strchr(name, ':') != NULL)
		return tw_line_fail(ln, i, "'%s' is no name of a header field", name);
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' && *p != '\t')
			return tw_line_fail(ln, i + 1,
			    "control characters are not allowed in a header field");
	if (strstr(value, "%[") != NULL)
		return tw_line_fail(ln, i + 1,
		    "expressions in the headers of checks "
		    "are not supported yet; write the value itself");
	return header_append(ln, tw_str_of(name), tw_str_of(value));
}

/* The old trick: "HTTP/1.1\r\nHost:\ www\r\n\r\nbody" as the version. */
static int
hidden_parse(struct tw_line *ln, const char *rest)
{
	while (*rest != '\0') {
		const size_t len = strcspn(rest, "\r\n");
		const char *colon = memchr(rest, ':', len);
		const char *next = rest + len;

		next += strspn(next, "\r") ? 1 : 0;
		next += *next == '\n';
		if (len == 0) {
			line_http(ln)->body = *next != '\0' ? gen_dup(ln, next) : NULL;
			break;
		}
		if (colon == NULL || colon == rest)
			return tw_line_fail(ln, 2,
			    "what follows the version is no "
			    "header field; use 'http-check send hdr NAME VALUE'");
		const struct tw_str name = { rest, (size_t)(colon - rest) };
		header_append(ln, name,
		    tw_str_trim((struct tw_str){ colon + 1, len - name.len - 1 }));
		rest = next;
	}
	return tw_line_warn(ln, 2,
	    "hiding headers or body at the end of the "
	    "version string is deprecated; use 'http-check send' instead");
}

static int
version_parse(struct tw_line *ln, const char *arg)
{
	const size_t len = strcspn(arg, "\r\n");
	char *version = tw_arena_printf(tw_gen_arena(ln->gen), "%.*s", (int)len, arg);

	if (!is_version(version))
		return tw_line_fail(ln, 2,
		    "'%s' is no HTTP version; write HTTP/1.0 "
		    "or HTTP/1.1",
		    version);
	line_http(ln)->version = version;
	if (arg[len] == '\0')
		return 0;
	return hidden_parse(
	    ln, arg + len + (arg[len] == '\r' && arg[len + 1] == '\n') + 1);
}

static int
healthcheck_set_httpchk(struct tw_line *ln)
{
	struct hc_proxy *px = ln->state;
	struct hc_http *h = &px->http;
	const char *uri = tw_arg(ln, ln->n_args > 1 ? 1 : 0);

	for (int i = 0; i < ln->n_args && i < 2; i++)
		if (!is_word(tw_arg(ln, i)))
			return tw_line_fail(ln, i,
			    "spaces and control characters are "
			    "not allowed in a method or URI");
	px->type = &hc_types[HC_HTTPCHK];
	h->given = true;
	h->method = ln->n_args > 1 ? gen_dup(ln, tw_arg(ln, 0)) : NULL;
	h->uri = gen_dup(ln, uri);
	h->version = NULL;
	return ln->n_args > 2 ? version_parse(ln, tw_arg(ln, 2)) : 0;
}

static int
healthcheck_set_tcpchk(struct tw_line *ln)
{
	struct hc_proxy *px = ln->state;

	if (ln->no && px->type != &hc_types[HC_TCPCHK])
		return 0;
	px->type = ln->no ? NULL : &hc_types[HC_TCPCHK];
	px->http.given = false;
	return 0;
}

static int
send_word(struct tw_line *ln, int i, const char **to, bool version)
{
	const char *arg = tw_arg(ln, i);

	if (arg == NULL)
		return tw_line_fail(
		    ln, i - 1, "'%s' needs a value after it", tw_arg(ln, i - 1));
	if (version ? !is_version(arg) : !is_word(arg))
		return tw_line_fail(ln, i, "'%s' cannot stand in a request line", arg);
	*to = gen_dup(ln, arg);
	return 2;
}

/* One word of the line with its values. returns: how many it took; -1. */
static int
send_item(struct tw_line *ln, int i)
{
	struct hc_http *h = line_http(ln);
	const char *word = tw_arg(ln, i);

	if (strcmp(word, "meth") == 0)
		return send_word(ln, i + 1, &h->send_method, false);
	if (strcmp(word, "uri") == 0)
		return send_word(ln, i + 1, &h->send_uri, false);
	if (strcmp(word, "ver") == 0)
		return send_word(ln, i + 1, &h->send_version, true);
	if (strcmp(word, "body") == 0 && tw_arg(ln, i + 1) != NULL) {
		h->body = gen_dup(ln, tw_arg(ln, i + 1));
		return 2;
	}
	if (strcmp(word, "hdr") == 0 && tw_arg(ln, i + 2) != NULL)
		return header_check(ln, i + 1, tw_arg(ln, i + 1), tw_arg(ln, i + 2)) < 0
		    ? -1
		    : 3;
	if (strcmp(word, "uri-lf") == 0 || strcmp(word, "body-lf") == 0 ||
	    strcmp(word, "comment") == 0)
		return tw_line_fail(ln, i, "'%s' is not supported yet", word);
	return tw_line_fail(ln, i,
	    "'%s': write meth METHOD, uri URI, ver VERSION, "
	    "hdr NAME VALUE or body TEXT",
	    word);
}

static int
healthcheck_set_send(struct tw_line *ln)
{
	struct hc_http *h = line_http(ln);

	if (h->send_given)
		return tw_line_fail(ln, -1,
		    "a second 'http-check send' is not "
		    "supported yet; put all of it on one line");
	h->send_given = true;
	for (int i = 0; i < ln->n_args;) {
		const int n = send_item(ln, i);

		if (n < 0)
			return -1;
		i += n;
	}
	return 0;
}

static int
healthcheck_set_expect(struct tw_line *ln)
{
	struct hc_http *h = line_http(ln);

	return hc_expect_parse(ln, 0, &h->expect);
}

static int
healthcheck_set_404(struct tw_line *ln)
{
	line_http(ln)->disable_on_404 = true;
	return 0;
}

#define BE (TW_SC_DEFAULTS | TW_SC_LISTEN | TW_SC_BACKEND)

const struct tw_kw hc_keywords[] = {
	{ .word = "option httpchk",
	    .scopes = BE,
	    .max_args = 3,
	    .set = healthcheck_set_httpchk,
	    .usage = "[<method>] [<uri>] [<version>]",
	    .help = "Checks servers with an HTTP request; 2xx and 3xx are good.",
	    .def = "OPTIONS / HTTP/1.0" },
	{ .word = "option tcp-check",
	    .scopes = BE,
	    .flags = TW_KW_NO,
	    .set = healthcheck_set_tcpchk,
	    .usage = "",
	    .help = "Checks servers by connecting to them.",
	    .def = "so it is" },
	{ .word = "http-check send",
	    .scopes = BE,
	    .min_args = 1,
	    .max_args = -1,
	    .set = healthcheck_set_send,
	    .usage = "[meth <method>] [uri <uri>] [ver <version>] "
		     "[hdr <name> <value>]* [body <text>]",
	    .help = "What the request of option httpchk consists of." },
	{ .word = "http-check expect",
	    .scopes = BE,
	    .min_args = 1,
	    .max_args = -1,
	    .set = healthcheck_set_expect,
	    .usage =
		"[!] {status <codes>|rstatus <regex>|string <text>|rstring <regex>}",
	    .help = "Which answers to option httpchk are good.",
	    .def = "status 200-399" },
	{ .word = "http-check disable-on-404",
	    .scopes = BE,
	    .set = healthcheck_set_404,
	    .usage = "",
	    .help = "A 404 stops a server softly: only persistent sessions." },
	{ .word = "spread-checks",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw_set_uint,
	    .usage = "<0..50>",
	    .offset = offsetof(struct hc_gen, spread_pct),
	    .max = 50,
	    .help = "Makes the checks' intervals vary by that many percent.",
	    .def = "0" },
	{ .word = NULL },
};
