/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * html_text.c - small pieces of the page: text, numbers, times, states. Pure
 * but for the state of a server.
 */
#include <stdio.h>

#include "html.h"

const struct st_state_name st_state_name[ST_N_STATES] = {
	[ST_UP] = { "up", "UP", "UP" },
	[ST_GOING_DOWN] = { "going-down", "UP, going down", "UP, going down" },
	[ST_GOING_UP] = { "going-up", "DOWN, going up", "DOWN, going up" },
	[ST_DOWN] = { "down", "DOWN", "DOWN" },
	[ST_NOLB] = { "nolb", "NOLB", "UP with load-balancing disabled (NOLB)" },
	[ST_MAINT] = { "maint", "MAINT", "DOWN for maintenance (MAINT)" },
	[ST_DRAIN] = { "drain", "DRAIN", "SOFT STOPPED for maintenance (DRAIN)" },
	[ST_NO_CHECK] = { "no-check", "not checked", "not checked" },
};

enum st_state
st_state_of(const struct tw_server *srv)
{
	const unsigned admin = tw_server_admin(srv);
	struct tw_check_result r = { .what = TW_CHK_UNK };

	if (admin & TW_ADM_MAINT)
		return ST_MAINT;
	if (tw_server_health(srv) != TW_DOWN && (admin & TW_ADM_DRAIN))
		return ST_DRAIN;
	if (!tw_server_is_checked(srv) || tw_server_checks_paused(srv))
		return tw_server_health(srv) == TW_DOWN ? ST_DOWN : ST_NO_CHECK;
	tw_server_last_check(srv, &r);
	if (tw_server_health(srv) == TW_DOWN)
		return r.health > 0 ? ST_GOING_UP : ST_DOWN;
	if (tw_server_health(srv) == TW_NOLB)
		return ST_NOLB;
	if (r.what == TW_CHK_UNK || r.what == TW_CHK_INI)
		return ST_UP;
	return r.health < r.rise + r.fall - 1 ? ST_GOING_DOWN : ST_UP;
}

void
st_html_text(struct tw_out *o, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			tw_out_lit(o, "&amp;");
			break;
		case '<':
			tw_out_lit(o, "&lt;");
			break;
		case '>':
			tw_out_lit(o, "&gt;");
			break;
		case '"':
			tw_out_lit(o, "&quot;");
			break;
		case '\'':
			tw_out_lit(o, "&#39;");
			break;
		default:
			tw_out_char(o, *text);
		}
	}
}

void
st_html_num(struct tw_out *o, uint64_t v)
{
	char digits[24];
	const int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)v);

	for (int i = 0; i < n; i++) {
		if (i > 0 && n > 4 && (n - i) % 3 == 0)
			tw_out_lit(o, "\u202f");
		tw_out_char(o, digits[i]);
	}
}

void
st_html_time(struct tw_out *o, int64_t s)
{
	if (s < 0)
		tw_out_char(o, '?');
	else if (s < 60)
		tw_out_printf(o, "%ds", (int)s);
	else if (s < 3600)
		tw_out_printf(o, "%dm%ds", (int)s / 60, (int)s % 60);
	else if (s < 86400)
		tw_out_printf(o, "%dh%dm", (int)s / 3600, (int)s / 60 % 60);
	else
		tw_out_printf(
		    o, "%lldd%dh", (long long)s / 86400, (int)(s / 3600 % 24));
}
