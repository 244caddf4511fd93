/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * topics.c - fetches, converters, predefined ACLs and log variables in the manual.
 *
 * Arguments are written as users write them: the tables' "s,[i]" is
 * (<text>[,<number>]). Start-up only.
 */
#include "config.h"

#include "conf/chapter.h"
#include "expr/expr_int.h"

static void
put_args(struct tw__topic *t, const char *args)
{
	struct tw_out o = tw_out_of(t->usage, sizeof(t->usage) - 1);

	if (args == NULL || *args == '\0')
		return;
	tw_out_char(&o, '(');
	for (const char *p = args; *p != '\0'; p++) {
		if (*p == 's')
			tw_out_lit(&o, "<text>");
		else if (*p == 'i')
			tw_out_lit(&o, "<number>");
		else if (*p == ',' && p[1] == '[')
			tw_out_lit(&o, "[,"), p++;
		else
			tw_out_char(&o, *p);
	}
	tw_out_char(&o, ')');
	*o.p = '\0';
}

static void
put_places(struct tw_out *o, unsigned where)
{
	static const struct {
		unsigned bit;
		const char *name;
	} places[] = { { TW_AT_CONN, "connections" }, { TW_AT_REQUEST, "requests" },
		{ TW_AT_REQ_BODY, "bodies of requests" },
		{ TW_AT_RESPONSE, "responses" }, { TW_AT_LOG, "logs" },
		{ TW_AT_CHECK, "health checks" } };
	bool any = false;

	if ((where & TW_AT_ANY) == TW_AT_ANY)
		return;
	for (size_t i = 0; i < TW_N_ELEMENTS(places); i++) {
		if (!(where & places[i].bit))
			continue;
		tw_out_printf(o, "%s%s", any ? ", " : " In ", places[i].name);
		any = true;
	}
	if (any)
		tw_out_char(o, '.');
}

static bool
fetch_at(int i, struct tw__topic *t)
{
	const struct tw_fetch *const f = tw__expr_fetch_at(i, &t->owner);
	struct tw_out o = tw_out_of(t->note, sizeof(t->note) - 1);

	if (f == NULL)
		return false;
	t->name = f->name;
	t->help = f->help;
	put_args(t, f->args);
	tw_out_printf(&o, "Gives %s.", tw__type_name(f->out));
	put_places(&o, f->where);
	*o.p = '\0';
	return true;
}

static bool
conv_at(int i, struct tw__topic *t)
{
	const struct tw_conv *const c = tw__expr_conv_at(i, &t->owner);

	if (c == NULL)
		return false;
	t->name = c->name;
	t->help = c->help;
	put_args(t, c->args);
	snprintf(t->note, sizeof(t->note), "Takes %s, gives %s.", tw__type_name(c->in),
	    c->out == TW_ANY ? "what it takes" : tw__type_name(c->out));
	return true;
}

static bool
logvar_at(int i, struct tw__topic *t)
{
	const struct tw_logvar *const v = tw__logvar_at(i, &t->owner);

	if (v == NULL)
		return false;
	t->name = v->name;
	t->help = v->help;
	snprintf(t->note, sizeof(t->note), "%s",
	    v->flags & TW_LOGVAR_HTTP ? "Only in mode http." : "");
	return true;
}

static bool
acl_at(int i, struct tw__topic *t)
{
	t->name = tw__acl_builtin_at(i, t->note, sizeof(t->note));
	return t->name != NULL;
}

int
tw__topics_register(struct tw_err *err)
{
	return tw__chapter_add("Fetches", fetch_at, err) != 0 ||
		tw__chapter_add("Converters", conv_at, err) != 0 ||
		tw__chapter_add("ACLs that are there", acl_at, err) != 0 ||
		tw__chapter_add("Variables of log-formats, behind %", logvar_at, err) !=
		    0
	    ? -1
	    : 0;
}
