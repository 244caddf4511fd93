/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * text_vars.c - $NAME and ${NAME}: definitions and their use. Any thread.
 *
 * A value is looked at when it is used, not when it is set. What is not defined
 * stays as it is. source: keepalived.conf(5), "Parameter substitution",
 * "Pre-defined definitions".
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define MAX_REPLACED 10000 /* in one line */

size_t
vr_var_length(const char *text)
{
	size_t len = 0;
	if (isdigit((unsigned char)*text))
		return 0;
	while (isalnum((unsigned char)text[len]) || text[len] == '_')
		len++;
	return len;
}

static struct vr_var *
var_find(const struct vr_text *t, const char *name, size_t len)
{
	for (struct vr_var *v = t->vars; v != NULL; v = v->next) {
		if (strlen(v->name) == len && memcmp(v->name, name, len) == 0)
			return v;
	}
	return NULL;
}

void
vr_var_set(struct vr_text *t, const char *name, size_t len, const char *value)
{
	struct vr_var *v = var_find(t, name, len);

	if (v == NULL) {
		v = tw_arena_zalloc(t->arena, sizeof(*v));
		v->name = tw_arena_printf(t->arena, "%.*s", (int)len, name);
		v->next = t->vars;
		t->vars = v;
	}
	v->value = tw_arena_strdup(t->arena, value);
}

/* source: Marsaglia, "Xorshift RNGs", 2003. */
static uint32_t
random_next(struct vr_text *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 17;
	t->random ^= t->random << 5;
	return t->random;
}

/* "_RANDOM", "_RANDOM 10", "_RANDOM 10 20". */
static const char *
random_value(struct vr_text *t, const char *args, size_t len)
{
	unsigned long range[2] = { 0, 32767 };
	char buf[64];
	char *p = buf;

	snprintf(buf, sizeof(buf), "%.*s", (int)len, args);
	for (int i = 0; i < 2; i++) {
		char *end;
		const unsigned long value = strtoul(p, &end, 10);
		if (end != p)
			range[i] = value;
		p = end;
	}
	const uint64_t width = range[1] < range[0] ? 1 : range[1] - range[0] + 1ull;
	return tw_arena_printf(t->arena, "%llu",
	    (unsigned long long)(range[0] + random_next(t) % (width != 0 ? width : 1)));
}

static const char *
predefined(struct vr_text *t, const char *name, size_t len)
{
	static const size_t random_len = sizeof("_RANDOM") - 1;
	const struct tw_str s = { name, len };

	if (tw_str_eq(s, TW_STR("_PWD")))
		return t->input != NULL ? t->input->dir : ".";
	if (tw_str_eq(s, TW_STR("_INSTANCE")))
		return t->config_id;
	if (tw_str_eq(s, TW_STR("_HASH")))
		return "#";
	if (tw_str_eq(s, TW_STR("_BANG")))
		return "!";
	if (tw_str_has_prefix(s, TW_STR("_RANDOM")) &&
	    (len == random_len || name[random_len] == ' '))
		return random_value(t, name + random_len, len - random_len);
	return NULL;
}

static const char *
value_of(struct vr_text *t, const char *name, size_t len)
{
	const struct vr_var *const v = var_find(t, name, len);
	return v != NULL ? v->value : predefined(t, name, len);
}

/* A use of a variable. in: p, at a `$`. out: len, of all of it. returns: its
 * value; NULL: it is none that is known. */
static const char *
use_of(struct vr_text *t, const char *p, size_t *len)
{
	if (p[1] == '{') {
		const char *const end = strchr(p, '}');
		if (end == NULL)
			return NULL;
		*len = (size_t)(end + 1 - p);
		return value_of(t, p + 2, *len - 3);
	}
	const size_t n = vr_var_length(p + 1);
	if (n == 0 || (p[1 + n] != '\0' && !isspace((unsigned char)p[1 + n])))
		return NULL;
	*len = 1 + n;
	return value_of(t, p + 1, n);
}

/* The first one that can be replaced. returns: NULL: there is none. */
static const char *
first_use(struct vr_text *t, const char *line, const char **value, size_t *len)
{
	for (const char *p = strchr(line, '$'); p != NULL; p = strchr(p + 1, '$')) {
		*value = use_of(t, p, len);
		if (*value != NULL)
			return p;
	}
	return NULL;
}

/* The line with a part of it replaced; in the heap. returns: NULL: it becomes
 * too long. */
static char *
replaced(const char *line, const char *at, size_t len, const char *value)
{
	const size_t size = strlen(line) - len + strlen(value) + 1;
	char *const out = size <= VR_MAX_LINE ? malloc(size) : NULL;

	if (out != NULL)
		snprintf(
		    out, size, "%.*s%s%s", (int)(at - line), line, value, at + len);
	return out;
}

char *
vr_var_expand(struct vr_text *t, const char *line, const struct vr_where *at)
{
	const char *value, *use = first_use(t, line, &value, &(size_t){ 0 });
	char *now = NULL;
	size_t len;

	if (use == NULL)
		return NULL;
	now = strdup(line);
	for (unsigned n = 0; now != NULL && strchr(now, '\n') == NULL; n++) {
		use = first_use(t, now, &value, &len);
		if (use == NULL)
			break;
		char *const next =
		    n < MAX_REPLACED ? replaced(now, use, len, value) : NULL;
		free(now);
		now = next;
	}
	if (now == NULL) {
		vr_fail(t->rep, at,
		    "the variables in this line make it longer than %d "
		    "bytes: one of them probably contains itself",
		    VR_MAX_LINE);
		t->stopped = true;
		return NULL;
	}
	char *const kept = tw_arena_strdup(t->arena, now);
	free(now);
	return kept;
}
