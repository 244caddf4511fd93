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
	const char *code = tw_arg(ln, 0);
	const int i = tw__http_page_index(atoi(code));
	struct tw_err err;

	if (i < 0 || strlen(code) != 3) {
		char known[256];
		struct tw_out o = tw_out_of(known, sizeof(known) - 1);

		for (const struct http_page *p = tw__http_pages; p->status; p++) {
			tw_out_u64(&o, (uint64_t)p->status);
			tw_out_char(&o, p[1].status ? ' ' : '\0');
		}
		return tw_line_fail(ln, 0,
		    "status code '%s' not handled; write one of: %s", code, known);
	}
	struct tw_str text =
	    tw__http_errorfile(tw_gen_arena(ln->gen), tw_arg(ln, 1), &err);

	if (!text.p)
		return tw_line_fail(ln, 1, "%s", err.text);
	conf->error[i] = text;
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

static bool
is_token(const char *s)
{
	if (*s == '\0')
		return false;
	while (h1_is(*s, H1_TOKEN))
		s++;
	return *s == '\0';
}

static int
http_set_forwardfor(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;
	struct http_forward f = { .on = true };

	for (int i = 0; i < ln->n_args; i++) {
		const char *word = tw_arg(ln, i);
		const char *value = tw_arg(ln, i + 1);

		if (strcmp(word, "if-none") == 0) {
			f.if_none = true;
			continue;
		}
		if (strcmp(word, "except") != 0 && strcmp(word, "header") != 0)
			return tw_line_fail(ln, i,
			    "'%s' is not known here; 'option "
			    "forwardfor' takes 'except <network>', 'header <name>' and "
			    "'if-none'",
			    word);
		if (*word == 'e') {
			if (!value || forward_except(&f, value) != 0)
				return tw_line_fail(
				    ln, i, "'except' expects <address>[/mask]");
		} else {
			if (!value || !is_token(value))
				return tw_line_fail(
				    ln, i, "'header' expects the name of a field");
			f.name = tw_arena_strdup(tw_gen_arena(ln->gen), value);
		}
		i++;
	}
	conf->forward = f;
	return 0;
}

static int
http_set_unique_id_header(struct tw_line *ln)
{
	struct http_proxy *conf = ln->state;

	if (!is_token(tw_arg(ln, 0)))
		return tw_line_fail(
		    ln, 0, "'%s' is not the name of a field", tw_arg(ln, 0));
	conf->unique_id_name = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	return 0;
}

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
	{ .word = NULL },
};
