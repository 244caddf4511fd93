/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * text.c - what happens to a line before it is cut into words. Any thread.
 *
 * A line that a variable or a loop makes goes through all of it again, so that
 * each may make the other.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

char *
vr_trim(char *line)
{
	while (isspace((unsigned char)*line))
		line++;
	size_t len = strlen(line);
	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	line[len] = '\0';
	return line;
}

char *
vr_cursor_next(struct vr_cursor *c)
{
	if (c->at >= c->end)
		return NULL;
	char *const line = c->at;
	char *const end = memchr(line, '\n', (size_t)(c->end - line));
	c->at = end != NULL ? end + 1 : c->end;
	*(end != NULL ? end : c->end) = '\0';
	if (c->line != 0)
		c->where.line = c->line++;
	return line;
}

bool
vr_text_nest(struct vr_text *t, const struct vr_where *at)
{
	if (t->nesting == VR_MAX_NESTING) {
		vr_fail(t->rep, at,
		    "includes, variables and loops within each other, %d deep: one of "
		    "them probably names itself",
		    VR_MAX_NESTING);
		t->stopped = true;
		return false;
	}
	t->nesting++;
	return true;
}

static bool
continues(char *line)
{
	const size_t len = strlen(line);
	if (len == 0 || line[len - 1] != '\\')
		return false;
	line[len - 1] = '\0';
	return true;
}

/* The lines of a definition: each but the last ends in a backslash. A line that
 * is empty ends it; one that is all comment does not. */
static char *
definition_lines(struct vr_text *t, struct vr_cursor *c, char *value)
{
	char *all = tw_arena_strdup(t->arena, "");
	bool more = true;

	while (value != NULL && more) {
		char *line = vr_trim(value);
		const bool is_comment = *line == '#' || *line == '!';
		if (!is_comment)
			vr_cut_comment(line);
		line = vr_trim(line);
		more = continues(line);
		if (!is_comment)
			all = tw_arena_printf(
			    t->arena, "%s%s%s", all, *all != '\0' ? "\n" : "", line);
		value = more ? vr_cursor_next(c) : NULL;
	}
	return all;
}

/* $NAME=VALUE. in: skip, it is read but does not count. */
static bool
definition(struct vr_text *t, struct vr_cursor *c, char *line, bool skip)
{
	const size_t len = *line == '$' ? vr_var_length(line + 1) : 0;

	if (len == 0 || line[1 + len] != '=')
		return false;
	const char *const value = definition_lines(t, c, line + len + 2);
	if (!skip)
		vr_var_set(t, line + 1, len, value);
	return true;
}

/* @ID and @^ID. */
static void
conditional(struct vr_text *t, struct vr_cursor *c, char *line)
{
	const bool negated = line[1] == '^';
	char *const id = line + 1 + negated;
	const size_t len = strcspn(id, " \t");
	char *const rest = id + len + (id[len] != '\0');

	id[len] = '\0';
	const bool same = strcmp(id, t->config_id) == 0 || strcmp(id, "tideway") == 0;
	if (same != negated)
		vr_text_line(t, c, rest);
	else
		definition(t, c, vr_trim(rest), true);
}

static bool
count_line(struct vr_text *t, const struct vr_where *at)
{
	if (t->n_lines++ < t->max_lines)
		return true;
	vr_fail(t->rep, at, "more than %u lines after includes, variables and loops",
	    t->max_lines);
	t->stopped = true;
	return false;
}

/* The words that change how the rest is read. */
static void
directive(struct vr_text *t, const char *line, const struct vr_where *at)
{
	char name[16];
	int n = 0;

	if (sscanf(line, "%15s%n", name, &n) != 1)
		return;
	if (strcmp(name, "random_seed") == 0)
		t->random = (uint32_t)strtoul(line + n, NULL, 10) | 1;
	if (strcmp(name, "include_check") == 0 && t->input != NULL)
		t->input->checks = vr_include_level(t, line + n, at);
}

void
vr_text_line(struct vr_text *t, struct vr_cursor *c, char *line)
{
	line = vr_trim(line);
	if (t->stopped || !count_line(t, &c->where) || *line == '\0')
		return;
	if (*line == '@') {
		if (vr_text_nest(t, &c->where)) {
			conditional(t, c, line);
			t->nesting--;
		}
		return;
	}
	if (definition(t, c, line, false) || vr_text_loop(t, c, line))
		return;
	char *const expanded = vr_var_expand(t, line, &c->where);
	if (expanded != NULL) {
		struct vr_cursor inner = { .at = expanded,
			.end = expanded + strlen(expanded),
			.where = c->where };
		vr_text_run(t, &inner);
	} else if (!t->stopped && !vr_text_include(t, line, &c->where)) {
		directive(t, line, &c->where);
		vr_tree_add(t, line, &c->where);
	}
}

void
vr_text_run(struct vr_text *t, struct vr_cursor *c)
{
	char *line;

	if (!vr_text_nest(t, &c->where))
		return;
	while (!t->stopped && (line = vr_cursor_next(c)) != NULL) {
		/* a variable's lines have lost their comments already: what
		 * ${_HASH} made stays */
		if (c->line != 0)
			vr_cut_comment(line);
		vr_text_line(t, c, line);
	}
	t->nesting--;
}
