/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * option_kw.c - the options that choose the kind of check.
 *
 * The last one of a section holds. source: HAProxy's manual, option httpchk,
 * tcp-check, external-check.
 */
#include <ctype.h>

#include "kw.h"

static struct tw_arena *
arena_of(const struct tw_line *ln)
{
	return tw_gen_arena(ln->gen);
}

/* The old trick: "HTTP/1.1\r\nHost:\ www\r\n\r\nbody" as the version. */
static int
hidden_parse(struct tw_line *ln, const char *rest, struct hc_send *opt)
{
	while (*rest != '\0') {
		const size_t len = strcspn(rest, "\r\n");
		const char *colon = memchr(rest, ':', len);
		const char *next = rest + len;

		next += strspn(next, "\r") ? 1 : 0;
		next += *next == '\n';
		if (len == 0) {
			opt->has_body = *next != '\0';
			opt->body.s = tw_arena_str(arena_of(ln), tw_str_of(next));
			break;
		}
		if (colon == NULL || colon == rest)
			return tw_line_fail(ln, 2,
			    "what follows the version is no "
			    "header field; use 'http-check send hdr NAME VALUE'");
		const struct tw_str name = { rest, (size_t)(colon - rest) };
		struct hc_header *const h = hc_header_add(arena_of(ln), opt, name);
		if (h != NULL)
			h->value.s = tw_arena_str(arena_of(ln),
			    tw_str_trim(
				(struct tw_str){ colon + 1, len - name.len - 1 }));
		rest = next;
	}
	return tw_line_warn(ln, 2,
	    "hiding headers or body at the end of the "
	    "version string is deprecated; use 'http-check send' instead");
}

static int
version_parse(struct tw_line *ln, const char *arg, struct hc_send *opt)
{
	const size_t len = strcspn(arg, "\r\n");
	char *version = tw_arena_printf(arena_of(ln), "%.*s", (int)len, arg);

	if (!hc_is_version(version))
		return tw_line_fail(ln, 2,
		    "'%s' is no HTTP version; write HTTP/1.0 "
		    "or HTTP/1.1",
		    version);
	opt->version = version;
	if (arg[len] == '\0')
		return 0;
	return hidden_parse(
	    ln, arg + len + (arg[len] == '\r' && arg[len + 1] == '\n') + 1, opt);
}

static int
host_parse(struct tw_line *ln, struct hc_send *opt)
{
	const char *const host = tw_arg(ln, 3);
	struct hc_header *const h = hc_header_add(arena_of(ln), opt, TW_STR("host"));

	if (strchr(host, '%') != NULL)
		return hc_text_format(ln, 3, &h->value);
	if (!hc_is_word(host))
		return tw_line_fail(ln, 3, "'%s' is no name of a host", host);
	h->value.s = tw_arena_str(arena_of(ln), tw_str_of(host));
	return 0;
}

int
hc_line_httpchk(struct tw_line *ln)
{
	struct hc_proxy *const px = hc_conf_of_line(ln);
	const char *const uri = tw_arg(ln, ln->n_args > 1 ? 1 : 0);

	for (int i = 0; i < ln->n_args && i < 2; i++)
		if (!hc_is_word(tw_arg(ln, i)))
			return tw_line_fail(ln, i,
			    "spaces and control characters are "
			    "not allowed in a method or URI");
	px->kind = HC_HTTP;
	px->opt = (struct hc_send){ .is_http = true };
	if (ln->n_args > 1)
		px->opt.method = tw_arena_strdup(arena_of(ln), tw_arg(ln, 0));
	if (uri != NULL)
		px->opt.uri.s = tw_arena_str(arena_of(ln), tw_str_of(uri));
	if (ln->n_args > 2 && version_parse(ln, tw_arg(ln, 2), &px->opt) < 0)
		return -1;
	return ln->n_args > 3 ? host_parse(ln, &px->opt) : 0;
}

int
hc_line_tcpchk(struct tw_line *ln)
{
	struct hc_proxy *const px = hc_conf_of_line(ln);

	if (ln->no && !(px->kind == HC_TCP && px->tcp_given))
		return 0;
	px->kind = HC_TCP;
	px->tcp_given = !ln->no;
	return 0;
}

int
hc_line_external(struct tw_line *ln)
{
	struct hc_proxy *const px = hc_conf_of_line(ln);

	px->kind = HC_EXTERNAL;
	return 0;
}
