/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_kw.c - health check words of `server` and `default-server` lines.
 *
 * source: HAProxy's manual, 5.2.
 */
#include "kw.h"

int
hc_server_addr(struct tw_line *ln)
{
	struct hc_server *const s = ln->state;
	struct tw_addr *const addr =
	    tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*addr));
	struct tw_err err;

	if (tw_parse_host(ln->gen, tw_arg(ln, 0), addr, &err) < 0)
		return tw_line_fail(ln, 0, "'agent-addr' : %s", err.text);
	s->agent_addr = addr;
	return 0;
}

int
hc_server_send(struct tw_line *ln)
{
	struct hc_server *const s = ln->state;

	if (strlen(tw_arg(ln, 0)) > HC_TEXT_MAX)
		return tw_line_fail(
		    ln, 0, "'agent-send' takes up to %u bytes", HC_TEXT_MAX);
	s->agent_send = tw_arena_str(tw_gen_arena(ln->gen), tw_str_of(tw_arg(ln, 0)));
	return 0;
}

int
hc_server_inter(struct tw_line *ln)
{
	struct hc_server *const s = ln->state;
	struct tw_err err;

	if (tw_parse_ms(tw_arg(ln, 0), 1000, &s->agent_inter_ms, &err) < 0)
		return tw_line_fail(ln, 0, "'agent-inter': %s", err.text);
	if (s->agent_inter_ms == 0)
		return tw_line_fail(ln, 0, "'agent-inter' expects more than 0");
	return 0;
}

/* The argument's place in `words`. returns: -1: reported. */
static int
one_of(struct tw_line *ln, const char *const *words, size_t n)
{
	char text[96];
	struct tw_out o = tw_out_of(text, sizeof(text));

	for (size_t i = 0; i < n; i++) {
		if (strcmp(tw_arg(ln, 0), words[i]) == 0)
			return (int)i;
		tw_out_printf(&o, "%s'%s'",
		    i == 0          ? ""
			: i + 1 < n ? ", "
				    : " or ",
		    words[i]);
	}
	return tw_line_fail(ln, 0, "'%s' expects %.*s, not '%s'", ln->kw->word,
	    (int)(o.p - text), text, tw_arg(ln, 0));
}

int
hc_server_observe(struct tw_line *ln)
{
	static const char *const words[] = { "none", "layer4", "layer7" };
	const int i = one_of(ln, words, TW_N_ELEMENTS(words));

	if (i < 0)
		return -1;
	((struct hc_server *)ln->state)->observe = (uint8_t)i;
	return 0;
}

int
hc_server_on_error(struct tw_line *ln)
{
	static const char *const words[] = { "fail-check", "fastinter", "sudden-death",
		"mark-down" };
	const int i = one_of(ln, words, TW_N_ELEMENTS(words));

	if (i < 0)
		return -1;
	((struct hc_server *)ln->state)->on_error = (uint8_t)i;
	return 0;
}

int
hc_server_error_limit(struct tw_line *ln)
{
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), 1, INT32_MAX, &n, &err) < 0)
		return tw_line_fail(ln, 0, "error-limit has to be > 0: %s", err.text);
	((struct hc_server *)ln->state)->error_limit = (uint32_t)n;
	return 0;
}

static bool
is_one_of(const char *word, const char *const *words)
{
	while (*words != NULL && strcmp(word, *words) != 0)
		words++;
	return *words != NULL;
}

int
hc_proto_parse(struct tw_line *ln, int i, const char **out)
{
	static const char *const known[] = { "h1", "none", NULL };
	static const char *const later[] = { "fcgi", "spop", "quic", NULL };
	const struct tw_proto *const mux = hc_mux_proto();
	const char *const proto = tw_arg(ln, i);
	const char *const word = i > 0 ? tw_arg(ln, i - 1) : ln->kw->word;

	if (is_one_of(proto, known) || (mux != NULL && strcmp(proto, mux->name) == 0)) {
		*out = tw_arena_strdup(tw_gen_arena(ln->gen), proto);
		return 0;
	}
	if (strcmp(proto, "h2") == 0)
		return tw_line_fail(
		    ln, i, "'%s h2' needs the module h2: add 'module-load h2'", word);
	if (is_one_of(proto, later))
		return tw_line_fail(ln, i,
		    "'%s %s' is known to HAProxy 3.4 but not supported by tideway yet",
		    word, proto);
	return tw_line_fail(
	    ln, i, "'%s' does not know '%s'; write h1, h2 or none", word, proto);
}

int
hc_server_proto(struct tw_line *ln)
{
	return hc_proto_parse(ln, 0, &((struct hc_server *)ln->state)->proto);
}

int
hc_server_ssl(struct tw_line *ln)
{
	struct hc_server *const s = ln->state;

	s->check_ssl = ln->kw->word[0] == 'n' ? HC_SSL_OFF : HC_SSL_ON;
	return 0;
}

int
hc_server_sni_auto(struct tw_line *ln)
{
	struct hc_server *const s = ln->state;

	s->no_sni_auto = ln->kw->word[0] == 'n';
	return 0;
}

int
hc_server_alpn(struct tw_line *ln)
{
	struct hc_server *const s = ln->state;

	return hc_alpn_parse(ln, 0, &s->alpn);
}

int
hc_server_track(struct tw_line *ln)
{
	struct hc_server *const s = ln->state;
	const char *const slash = strchr(tw_arg(ln, 0), '/');

	if (slash != NULL && (slash == tw_arg(ln, 0) || slash[1] == '\0'))
		return tw_line_fail(ln, 0, "write 'track [<backend>/]<server>'");
	s->track = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	return 0;
}
