/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_conf.c - the http module's keywords.
 *
 * Settings are plain values in the module's block of a proxy, so that what a
 * defaults section says is inherited by copying it. Start and control thread.
 * source: HAProxy's manual, section 4.2.
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "h1.h"
#include "http.h"

static int
http_set_errorfile(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;
	const int i = tw__http_status_page(ln, 0);
	struct tw_err err;

	if (i < 0)
		return -1;
	struct tw_str text =
	    tw__http_errorfile(tw_gen_arena(ln->gen), tw_arg(ln, 1), &err);

	if (!text.p)
		return tw_line_fail(ln, 1, "%s", err.text);
	tw__http_page_set(conf, i, text);
	return 0;
}

/* "10.0.0.0/8", "::1", "10.1.0.0/255.255.0.0" */
static int
forward_except(struct http_forward *f, const char *word)
{
	char addr[64];
	const char *slash = strchr(word, '/');
	const size_t len = slash ? (size_t)(slash - word) : strlen(word);
	uint64_t bits;

	if (len >= sizeof(addr))
		return -1;
	memcpy(addr, word, len);
	addr[len] = '\0';
	f->except_family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	const unsigned all = f->except_family == AF_INET6 ? 128 : 32;

	if (inet_pton(f->except_family, addr, f->except) != 1)
		return -1;
	memset(f->except_mask, 0, sizeof(f->except_mask));
	if (slash && all == 32 && strchr(slash, '.'))
		return inet_pton(AF_INET, slash + 1, f->except_mask) == 1 ? 0 : -1;
	if (!slash)
		bits = all;
	else if (!tw_str_to_u64(tw_str_of(slash + 1), &bits) || bits > all)
		return -1;
	for (unsigned i = 0; i < bits; i++)
		f->except_mask[i / 8] |= (uint8_t)(0x80u >> i % 8);
	return 0;
}

bool
tw__http_is_token(const char *s)
{
	if (*s == '\0')
		return false;
	while (h1_is(*s, H1_TOKEN))
		s++;
	return *s == '\0';
}

static int
forward_parse(struct tw_line *ln, struct http_forward *out, bool takes_if_none)
{
	struct http_forward f = { .on = true };

	for (int i = 0; i < ln->n_args; i++) {
		const char *word = tw_arg(ln, i);
		const char *value = tw_arg(ln, i + 1);

		if (takes_if_none && strcmp(word, "if-none") == 0) {
			f.if_none = true;
			continue;
		}
		if (strcmp(word, "except") != 0 && strcmp(word, "header") != 0)
			return tw_line_fail(ln, i,
			    "'%s' is not known here; '%s' takes 'except <network>'%s "
			    "'header <name>'%s",
			    word, ln->kw->word, takes_if_none ? "," : " and",
			    takes_if_none ? " and 'if-none'" : "");
		if (*word == 'e') {
			if (!value || forward_except(&f, value) != 0)
				return tw_line_fail(
				    ln, i, "'except' expects <address>[/mask]");
		} else {
			if (!value || !tw__http_is_token(value))
				return tw_line_fail(
				    ln, i, "'header' expects the name of a field");
			f.name = tw_arena_strdup(tw_gen_arena(ln->gen), value);
		}
		i++;
	}
	*out = f;
	return 0;
}

static int
http_set_unique_id_header(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;

	if (!tw__http_is_token(tw_arg(ln, 0)))
		return tw_line_fail(
		    ln, 0, "'%s' is not the name of a field", tw_arg(ln, 0));
	conf->unique_id_name = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	return 0;
}

static int
http_set_forwardfor(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;

	return forward_parse(ln, &conf->forward, true);
}

static int
http_set_originalto(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;

	return forward_parse(ln, &conf->originalto, false);
}

static int
http_set_name_header(struct tw_line *ln)
{
	static const char *const framing[] = { "connection", "content-length",
		"transfer-encoding", "keep-alive", "upgrade", "te" };
	struct http_proxy *conf = ln->state;
	const char *name = tw_arg(ln, 0);

	if (!tw__http_is_token(name))
		return tw_line_fail(ln, 0,
		    "'http-send-name-header' expects the name of a field, not '%s'",
		    name);
	for (size_t i = 0; i < TW_N_ELEMENTS(framing); i++) {
		if (strcasecmp(name, framing[i]) == 0)
			return tw_line_fail(ln, 0,
			    "'http-send-name-header': '%s' belongs to the connection; "
			    "choose another field",
			    name);
	}
	conf->opt.name_header = tw_arena_strdup(tw_gen_arena(ln->gen), name);
	return 0;
}

int
tw__http_misplaced(struct tw_line *ln)
{
	const bool is_fe = tw_proxy_has(ln->proxy, TW_FRONTEND);
	const char *word = ln->kw->word;

	if (strncmp(word, "option ", 7) == 0)
		word += 7;
	return tw_line_warn(ln, -1,
	    "'%s' ignored because %s '%s' has no %s capability.", word,
	    is_fe ? "frontend" : "backend", tw_proxy_name(ln->proxy),
	    is_fe ? "backend" : "frontend");
}

#define OPT(field) .offset = offsetof(struct http_proxy, opt.field)
#define MISPLACED(text, scope)                                 \
	{                                                      \
		.word = text, .scopes = scope, .max_args = -1, \
		.set = tw__http_misplaced, .flags = TW_KW_NO,  \
		.help = "Ignored here, with a warning."        \
	}

#define LOOSE(text, scope, tells)                                                   \
	{                                                                           \
		.word = "option " text, .scopes = scope, .set = tw__http_set_loose, \
		.def = "off", .help = tells, .flags = TW_KW_HTTP | TW_KW_NO         \
	}
#define LOOSE_BOTH                                                         \
	"any byte in fields' names and values but CR and LF, versions of " \
	"several digits"
#define LOOSE_REQUEST                                                               \
	"Tolerates in requests: " LOOSE_BOTH ", visible bytes and '#' in targets, " \
	"a GET without a version, and a Host that is missing, malformed or not "    \
	"the target's. Where a line or a body ends is never in doubt, and other "   \
	"protocols' names are refused."
#define LOOSE_RESPONSE                                                            \
	"Tolerates in responses: " LOOSE_BOTH ", 'chunked' more than once or an " \
	"empty Transfer-Encoding."
#define OLD_NAME "The former name of option accept-unsafe-violations-in-http-..."

const struct tw_kw tw__http_keywords[] = {
	{ .word = "h1-accept-payload-with-any-method",
	    .scopes = TW_SC_GLOBAL,
	    .set = tw_set_flag,
	    .offset = offsetof(struct http_gen, any_method),
	    .def = "off",
	    .help = "Takes an HTTP/1.0 GET, HEAD or DELETE with a body, which is "
		    "answered with 413 otherwise: servers differ in whether they "
		    "look for one." },
	{ .word = "capture cookie",
	    .scopes = TW_SC_FRONTEND | TW_SC_LISTEN,
	    .min_args = 3,
	    .max_args = 3,
	    .set = tw__http_set_capture_cookie,
	    .usage = "<name> len <bytes>",
	    .help = "Logs the first cookie whose name begins so, of request and "
		    "response: %CC and %CS." },
	{ .word = "capture request",
	    .scopes = TW_SC_FRONTEND | TW_SC_LISTEN,
	    .min_args = 4,
	    .max_args = 4,
	    .set = tw__http_set_capture_request,
	    .usage = "header <name> len <bytes>",
	    .help = "Logs the last field of that name of the request: %hr." },
	{ .word = "capture response",
	    .scopes = TW_SC_FRONTEND | TW_SC_LISTEN,
	    .min_args = 4,
	    .max_args = 4,
	    .set = tw__http_set_capture_response,
	    .usage = "header <name> len <bytes>",
	    .help = "Logs the last field of that name of the response: %hs." },
	{ .word = "errorfile",
	    .scopes = TW_SC_PROXY,
	    .min_args = 2,
	    .max_args = 2,
	    .set = http_set_errorfile,
	    .usage = "<code> <file>",
	    .help =
		"Answers with the bytes of a file in place of a built-in error page.",
	    .flags = TW_KW_HTTP },
	{ .word = "option forwardfor",
	    .scopes = TW_SC_PROXY,
	    .min_args = 0,
	    .max_args = -1,
	    .set = http_set_forwardfor,
	    .usage = "[except <network>] [header <name>] [if-none]",
	    .help = "Tells servers the client's address in X-Forwarded-For.",
	    .flags = TW_KW_HTTP },
	{ .word = "unique-id-header",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = http_set_unique_id_header,
	    .usage = "<name>",
	    .help = "Tells servers what unique-id-format says of the request, in a "
		    "field of this name.",
	    .flags = TW_KW_HTTP },
	{ .word = "option originalto",
	    .scopes = TW_SC_PROXY,
	    .max_args = -1,
	    .set = http_set_originalto,
	    .usage = "[except <network>] [header <name>]",
	    .help = "Tells servers the address that the client asked for in "
		    "X-Original-To.",
	    .flags = TW_KW_HTTP },
	{ .word = "option forwarded",
	    .scopes = TW_SC_BE,
	    .max_args = -1,
	    .set = tw__http_set_forwarded,
	    .usage = "[proto] [host | host-expr <expr>] [by | by-expr <expr>] "
		     "[by_port | by_port-expr <expr>] [for | for-expr <expr>] "
		     "[for_port | for_port-expr <expr>]",
	    .help = "Tells servers of the client in Forwarded (RFC 7239); without "
		    "arguments: proto and for.",
	    .flags = TW_KW_HTTP | TW_KW_NO },
	MISPLACED("option forwarded", TW_SC_FRONTEND),
	{ .word = "errorloc",
	    .scopes = TW_SC_PROXY,
	    .min_args = 2,
	    .max_args = 2,
	    .set = tw__http_set_errorloc,
	    .usage = "<code> <url>",
	    .help = "Redirects with 302 in place of an error page.",
	    .flags = TW_KW_HTTP },
	{ .word = "errorloc302",
	    .scopes = TW_SC_PROXY,
	    .min_args = 2,
	    .max_args = 2,
	    .set = tw__http_set_errorloc,
	    .usage = "<code> <url>",
	    .help = "Redirects with 302 in place of an error page; the client may "
		    "keep its method.",
	    .flags = TW_KW_HTTP },
	{ .word = "errorloc303",
	    .scopes = TW_SC_PROXY,
	    .min_args = 2,
	    .max_args = 2,
	    .set = tw__http_set_errorloc,
	    .usage = "<code> <url>",
	    .help = "Redirects with 303 in place of an error page; the client asks "
		    "with GET.",
	    .flags = TW_KW_HTTP },
	{ .word = "http-error status",
	    .scopes = TW_SC_PROXY,
	    .min_args = 1,
	    .max_args = -1,
	    .set = tw__http_set_error,
	    .usage = "<code> [content-type <type>] [default-errorfiles | "
		     "errorfile <file> | errorfiles <name> | file <file> | "
		     "lf-file <file> | string <text> | lf-string <format>] "
		     "[hdr <name> <format>]...",
	    .help = "An error page described here; 'default-errorfiles': the "
		    "frontend's, or the built-in one, after all.",
	    .flags = TW_KW_HTTP },
	{ .word = "errorfiles",
	    .scopes = TW_SC_PROXY,
	    .min_args = 1,
	    .max_args = -1,
	    .set = tw__http_set_errorfiles,
	    .usage = "<name> [<code>...]",
	    .help = "Takes the pages of a section 'http-errors', all or those of "
		    "the named codes.",
	    .flags = TW_KW_HTTP },
	{ .word = "errorfile",
	    .scopes = TW_SC_SECTION,
	    .section = "http-errors",
	    .min_args = 2,
	    .max_args = 2,
	    .set = tw__http_section_errorfile,
	    .usage = "<code> <file>",
	    .help = "Answers with the bytes of a file, where 'errorfiles' names "
		    "this section." },
	{ .word = "monitor-uri",
	    .scopes = TW_SC_FE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw__http_set_monitor_uri,
	    .usage = "<uri>",
	    .help = "Answers requests for this URI with 200 before anything else "
		    "looks at them, and without logging them.",
	    .flags = TW_KW_HTTP },
	MISPLACED("monitor-uri", TW_SC_BACKEND),
	{ .word = "monitor fail",
	    .scopes = TW_SC_FRONTEND | TW_SC_LISTEN,
	    .max_args = -1,
	    .set = tw__http_add_monitor_fail,
	    .usage = "{if | unless} <condition>",
	    .help = "The answer to 'monitor-uri' is 503 when the condition holds; "
		    "may be given again.",
	    .flags = TW_KW_HTTP | TW_KW_REST },
	{ .word = "option http-restrict-req-hdr-names",
	    .scopes = TW_SC_PROXY,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw__http_set_names,
	    .usage = "{ preserve | delete | reject }",
	    .def = "preserve",
	    .help = "What becomes of request fields whose name has more than "
		    "letters, digits and hyphens: passed on, removed, or the request "
		    "is answered with 403.",
	    .flags = TW_KW_HTTP },
	{ .word = "http-send-name-header",
	    .scopes = TW_SC_BE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = http_set_name_header,
	    .usage = "<name>",
	    .help = "Tells servers their own name in a field, in place of what the "
		    "request has of it.",
	    .flags = TW_KW_HTTP },
	MISPLACED("http-send-name-header", TW_SC_FRONTEND),
	{ .word = "option checkcache",
	    .scopes = TW_SC_BE,
	    .set = tw_set_flag,
	    OPT(checkcache),
	    .def = "off",
	    .help = "Answers with 502 in place of a response that could be cached "
		    "and sets a cookie.",
	    .flags = TW_KW_HTTP | TW_KW_NO },
	MISPLACED("option checkcache", TW_SC_FRONTEND),
	{ .word = "option http-buffer-request",
	    .scopes = TW_SC_PROXY,
	    .set = tw_set_flag,
	    OPT(buffer_request),
	    .def = "off",
	    .help = "Waits for the whole request, or a full buffer of it, before a "
		    "server is chosen.",
	    .flags = TW_KW_HTTP | TW_KW_NO },
	{ .word = "tune.http.maxhdr",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw__http_set_maxhdr,
	    .usage = "<1..129>",
	    .def = "129",
	    .help = "Most lines of a head, the first one included; a request with "
		    "more is answered with 431, a response with 502." },
	{ .word = "tune.http.cookielen",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw_set_uint,
	    .offset = offsetof(struct http_gen, cookie_len),
	    .usage = "<bytes>",
	    .def = "63",
	    .min = 1,
	    .max = 65536,
	    .help = "Most bytes that 'capture cookie' may ask for." },
	{ .word = "h1-case-adjust",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 2,
	    .max_args = 2,
	    .set = tw__http_set_case,
	    .usage = "<from> <to>",
	    .help = "How a field's name is to be written, where 'option "
		    "h1-case-adjust-bogus-client' or '...-server' wants it." },
	{ .word = "h1-case-adjust-file",
	    .scopes = TW_SC_GLOBAL,
	    .min_args = 1,
	    .max_args = 1,
	    .set = tw__http_set_case_file,
	    .usage = "<file>",
	    .help = "Names for h1-case-adjust, two in a line; the last such line "
		    "counts." },
	{ .word = "option h1-case-adjust-bogus-client",
	    .scopes = TW_SC_FE,
	    .set = tw__http_set_adjust,
	    .def = "off",
	    .help = "Answers have fields' names as h1-case-adjust says.",
	    .flags = TW_KW_HTTP | TW_KW_NO },
	MISPLACED("option h1-case-adjust-bogus-client", TW_SC_BACKEND),
	{ .word = "option h1-case-adjust-bogus-server",
	    .scopes = TW_SC_BE,
	    .set = tw__http_set_adjust,
	    .def = "off",
	    .help = "Requests have fields' names as h1-case-adjust says.",
	    .flags = TW_KW_HTTP | TW_KW_NO },
	MISPLACED("option h1-case-adjust-bogus-server", TW_SC_FRONTEND),
	LOOSE("accept-unsafe-violations-in-http-request", TW_SC_FE, LOOSE_REQUEST),
	LOOSE("accept-unsafe-violations-in-http-response", TW_SC_BE, LOOSE_RESPONSE),
	LOOSE("accept-invalid-http-request", TW_SC_FE, OLD_NAME),
	LOOSE("accept-invalid-http-response", TW_SC_BE, OLD_NAME),
	MISPLACED("option accept-unsafe-violations-in-http-request", TW_SC_BACKEND),
	MISPLACED("option accept-unsafe-violations-in-http-response", TW_SC_FRONTEND),
	MISPLACED("option accept-invalid-http-request", TW_SC_BACKEND),
	MISPLACED("option accept-invalid-http-response", TW_SC_FRONTEND),
	{ .word = NULL },
};
