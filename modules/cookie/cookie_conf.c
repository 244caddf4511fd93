/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cookie_conf.c - the cookie module's keywords.
 *
 * What an inserted cookie ends with is put together once, here. Start and
 * control thread. source: HAProxy's manual, 4.2 "cookie", 5.2 "cookie".
 */
#include "config.h"

#include <stdlib.h>

#include "cookie.h"

/* What a line says, before it becomes a tail. */
struct words {
	bool httponly, secure;
	char domains[512], attrs[512];
	struct tw_out domain, attr;
};

static bool
is_plain(const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == ';')
			return false;
	}
	return true;
}

static int
set_mode(struct tw_line *ln, int i, struct cookie_proxy *c, enum cookie_mode mode)
{
	if (c->mode != COOKIE_WATCH && c->mode != mode)
		return tw_line_fail(ln, i,
		    "cookie 'rewrite', 'insert' and 'prefix' modes are incompatible; "
		    "write one of them");
	c->mode = (uint8_t)mode;
	return 0;
}

static int
set_seconds(struct tw_line *ln, int i, uint32_t *seconds)
{
	const char *word = tw_arg(ln, i), *value = tw_arg(ln, i + 1);
	struct tw_err err;
	uint32_t ms;

	if (!value)
		return tw_line_fail(ln, i, "'%s' expects a time in seconds", word);
	if (tw_parse_ms(value, 1000000, &ms, &err) != 0)
		return tw_line_fail(ln, i + 1, "%s", err.text);
	*seconds = ms / 1000;
	return 0;
}

static int
set_text(struct tw_line *ln, int i, const char *before, struct tw_out *out)
{
	const char *word = tw_arg(ln, i), *value = tw_arg(ln, i + 1);

	if (!value || *value == '\0')
		return tw_line_fail(ln, i, "'%s' expects a value", word);
	if (!is_plain(value) || (*word == 'd' && strpbrk(value, " \t,")))
		return tw_line_fail(ln, i + 1,
		    "a character of '%s' is not permitted in a "
		    "cookie's %s",
		    value, *word == 'd' ? "domain" : "attribute");
	tw_out_str(out, tw_str_of(before));
	tw_out_str(out, tw_str_of(value));
	if (out->over)
		return tw_line_fail(ln, i, "all '%s' together are too long", word);
	if (*word == 'd' && !strchr(value + 1, '.'))
		return tw_line_warn(ln, i + 1,
		    "domain '%s' contains no embedded dot: "
		    "browsers may ignore the cookie (RFC 6265, 5.2.3)",
		    value);
	return 0;
}

/* The words without an argument. returns: false when it is none. */
static bool
set_switch(const char *word, struct cookie_proxy *c, struct words *w)
{
	const struct {
		const char *word;
		bool *flag;
	} switches[] = {
		{ "indirect", &c->indirect },
		{ "nocache", &c->nocache },
		{ "postonly", &c->postonly },
		{ "preserve", &c->preserve },
		{ "httponly", &w->httponly },
		{ "secure", &w->secure },
		{ "dynamic", &c->dynamic },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(switches); i++) {
		if (strcmp(word, switches[i].word) == 0) {
			*switches[i].flag = true;
			return true;
		}
	}
	return false;
}

/* returns: arguments taken; -1: reported. */
static int
set_word(struct tw_line *ln, int i, struct cookie_proxy *c, struct words *w)
{
	const char *word = tw_arg(ln, i);

	if (set_switch(word, c, w))
		return 1;
	if (strcmp(word, "insert") == 0)
		return set_mode(ln, i, c, COOKIE_INSERT) == 0 ? 1 : -1;
	if (strcmp(word, "prefix") == 0)
		return set_mode(ln, i, c, COOKIE_PREFIX) == 0 ? 1 : -1;
	if (strcmp(word, "rewrite") == 0)
		return set_mode(ln, i, c, COOKIE_REWRITE) == 0 ? 1 : -1;
	if (strcmp(word, "maxidle") == 0)
		return set_seconds(ln, i, &c->idle_s) == 0 ? 2 : -1;
	if (strcmp(word, "maxlife") == 0)
		return set_seconds(ln, i, &c->life_s) == 0 ? 2 : -1;
	if (strcmp(word, "domain") == 0)
		return set_text(ln, i, "; domain=", &w->domain) == 0 ? 2 : -1;
	if (strcmp(word, "attr") == 0)
		return set_text(ln, i, "; ", &w->attr) == 0 ? 2 : -1;
	return tw_line_fail(ln, i,
	    "'%s' is not known here; 'cookie' takes rewrite, "
	    "insert, prefix, indirect, nocache, postonly, preserve, httponly, secure, "
	    "domain, maxidle, maxlife, dynamic and attr",
	    word);
}

static int
cookie_set_cookie(struct tw_line *ln)
{
	struct cookie_proxy *const state = ln->state;
	struct cookie_proxy c = { .on = ln->n_args > 1, .key = state->key };
	struct words w = { .httponly = false };
	struct tw_arena *arena = tw_gen_arena(ln->gen);

	w.domain = tw_out_of(w.domains, sizeof(w.domains) - 1);
	w.attr = tw_out_of(w.attrs, sizeof(w.attrs) - 1);
	if (*tw_arg(ln, 0) == '\0' || strpbrk(tw_arg(ln, 0), "=; \t,"))
		return tw_line_fail(
		    ln, 0, "'%s' cannot be the name of a cookie", tw_arg(ln, 0));
	for (int i = 1; i < ln->n_args;) {
		const int n = set_word(ln, i, &c, &w);

		if (n < 0)
			return -1;
		i += n;
	}
	if (c.mode == COOKIE_REWRITE && c.indirect)
		return tw_line_fail(ln, -1,
		    "cookie 'rewrite' and 'indirect' modes are "
		    "incompatible; leave one of them out");
	if (c.preserve && c.mode != COOKIE_INSERT && !c.indirect)
		return tw_line_fail(ln, -1,
		    "cookie 'preserve' requires at least 'insert' or "
		    "'indirect'");
	*w.domain.p = *w.attr.p = '\0';
	c.name = tw_arena_str(arena, tw_str_of(tw_arg(ln, 0)));
	c.tail = tw_str_of(tw_arena_printf(arena, "; path=/%s%s%s%s", w.domains,
	    w.httponly ? "; HttpOnly" : "", w.secure ? "; Secure" : "", w.attrs));
	c.origin = (struct tw_origin){ "cookie", ln->file, ln->number };
	*state = c;
	tw_proxy_set_cookie(ln->proxy, c.name.p);
	return 0;
}

static int
cookie_set_value(struct tw_line *ln)
{
	struct cookie_server *conf = ln->state;
	const char *value = tw_arg(ln, 0);

	if (!value || *value == '\0')
		return tw_line_fail(ln, -1, "'cookie' expects <value> as argument");
	if (!is_plain(value) || strpbrk(value, " ,"))
		return tw_line_fail(
		    ln, 0, "'%s' cannot be the value of a cookie", value);
	struct tw_arena *arena = tw_gen_arena(ln->gen);
	struct cookie_value *v = tw_arena_zalloc(arena, sizeof(*v));

	v->value = tw_arena_str(arena, tw_str_of(value));
	atomic_store(&conf->value, v);
	conf->fixed = true;
	tw_server_set_cookie(ln->server, v->value.p);
	return 0;
}

static int
cookie_set_key(struct tw_line *ln)
{
	struct cookie_proxy *state = ln->state;

	if (*tw_arg(ln, 0) == '\0')
		return tw_line_fail(
		    ln, 0, "'dynamic-cookie-key' expects <secret_key> as argument");
	state->key = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	return 0;
}

const struct tw_kw tw__cookie_keywords[] = {
	{ .word = "cookie",
	    .scopes = TW_SC_BE,
	    .min_args = 1,
	    .max_args = -1,
	    .set = cookie_set_cookie,
	    .usage =
		"<name> [rewrite|insert|prefix] [indirect] [nocache] [postonly] "
		"[preserve] [httponly] [secure] [domain <domain>]* [maxidle <idle>] "
		"[maxlife <life>] [dynamic] [attr <value>]*",
	    .help = "Keeps each client on its server by means of a cookie.",
	    .flags = TW_KW_HTTP },
	{ .word = "dynamic-cookie-key",
	    .scopes = TW_SC_BE,
	    .min_args = 1,
	    .max_args = 1,
	    .set = cookie_set_key,
	    .usage = "<secret>",
	    .help = "With 'cookie ... dynamic': a server without a 'cookie' gets one "
		    "made from this, its address and its port; the same on every "
		    "balancer that has the same key.",
	    .flags = TW_KW_HTTP },
	{ .word = "cookie",
	    .scopes = TW_SC_SERVER,
	    .min_args = 1,
	    .max_args = 1,
	    .set = cookie_set_value,
	    .usage = "<value>",
	    .help = "The server's value in the backend's cookie." },
	TW_KW_IGNORED("cookie"),
	TW_KW_IGNORED("dynamic-cookie-key"),
	{ .word = NULL },
};
