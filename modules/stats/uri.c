/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * uri.c - is this request for the statistics, and what does it ask for?
 *
 * The uri of `stats uri` is a prefix of the request target, query included;
 * what follows holds options such as ";csv". Pure. source: HAProxy's manual,
 * stats uri; management guide, chapter 9.
 */
#include <tideway/encode.h>

#include "st.h"

/* The target without "http://authority". */
static struct tw_str
origin_form(struct tw_str t)
{
	struct tw_uri uri;

	if (!tw_uri_split(t, &uri))
		return t;
	const char *const path = memchr(uri.pathq.p, '/', uri.pathq.len);
	if (path == NULL)
		return TW_STR("/");
	return (struct tw_str){ path, (size_t)(t.p + t.len - path) };
}

static bool
has(struct tw_str rest, const char *option)
{
	return memmem(rest.p, rest.len, option, strlen(option)) != NULL;
}

static void
status_take(struct tw_str rest, char status[5])
{
	static const char *const known[] = { "DONE", "NONE", "PART", "ERRP", "EXCD",
		"DENY" };
	const char *p = memmem(rest.p, rest.len, ";st=", 4);

	status[0] = '\0';
	if (p == NULL)
		return;
	p += 4;
	strcpy(status, "UNKN");
	for (size_t i = 0; i < TW_N_ELEMENTS(known); i++)
		if (rest.p + rest.len - p >= 4 && memcmp(p, known[i], 4) == 0)
			strcpy(status, known[i]);
}

bool
st_uri_matches(struct tw_str target, struct tw_str uri, struct st_options *o)
{
	struct tw_str rest = origin_form(target);

	if (!tw_str_has_prefix(rest, uri))
		return false;
	rest.p += uri.len;
	rest.len -= uri.len;
	*o = (struct st_options){
		.format = has(rest, ";csv") ? ST_CSV
		    : has(rest, ";json")    ? ST_JSON
					    : ST_HTML,
		.up = has(rest, ";up"),
		.no_refresh = has(rest, ";norefresh"),
		.no_maint = has(rest, ";no-maint"),
	};
	status_take(rest, o->status);
	return true;
}

/* --- forms --- */

/* Decodes over itself: it only gets shorter. */
static struct tw_str
unescape(char *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++, n++) {
		if (p[i] == '+')
			p[n] = ' ';
		else if (p[i] == '%' && i + 2 < len && tw_hex_digit(p[i + 1]) >= 0 &&
		    tw_hex_digit(p[i + 2]) >= 0) {
			p[n] = (char)(tw_hex_digit(p[i + 1]) << 4 |
			    tw_hex_digit(p[i + 2]));
			i += 2;
		} else
			p[n] = p[i];
	}
	return (struct tw_str){ p, n };
}

bool
st_form_next(struct tw_str *form, struct tw_str *name, struct tw_str *value)
{
	if (form->len == 0)
		return false;
	char *p = (char *)form->p; /* the caller's own copy */
	const char *amp = memchr(p, '&', form->len);
	const size_t len = amp ? (size_t)(amp - p) : form->len;
	char *eq = memchr(p, '=', len);
	const size_t name_len = eq ? (size_t)(eq - p) : len;

	*value = eq ? unescape(eq + 1, len - name_len - 1) : TW_STR("");
	*name = unescape(p, name_len);
	form->p += len + (amp != NULL);
	form->len -= len + (amp != NULL);
	return true;
}
