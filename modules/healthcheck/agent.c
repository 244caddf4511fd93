/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * agent.c - what an agent says of its server, and what follows.
 *
 * One line of words: a percentage of the weight, maxconn:<n>, ready, drain,
 * maint, up, down, fail, stopped, and a description behind a '#'. What is not
 * said stays as it is; that an agent cannot be reached says nothing. Parsing
 * is pure; the rest runs on the control thread.
 * source: HAProxy's manual, agent-check.
 */
#include <ctype.h>
#include <stdio.h>

#include "hc_run.h"

#define LINE_MAX_BYTES 4096u /* a longer one is cut off */
#define PERCENT_MAX 25600    /* a weight of 1 becomes 256 */

/* Digits, as many as there are; a number that is too large is the largest. */
static int64_t
number_of(struct tw_str s, int64_t max)
{
	int64_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (!isdigit((unsigned char)s.p[i]))
			return -1;
		n = n * 10 + (s.p[i] - '0');
		if (n > max)
			n = max;
	}
	return s.len > 0 ? n : -1;
}

static void
copy(char *to, size_t size, struct tw_str s)
{
	size_t n = 0;

	for (; n < s.len && n < size - 1; n++)
		to[n] = isprint((unsigned char)s.p[n]) && s.p[n] != '"' ? s.p[n] : '?';
	to[n] = '\0';
}

/* returns: false: it is no word of an agent. */
static bool
word_take(struct tw_str w, struct hc_agent_word *a)
{
	static const struct {
		const char *word;
		int admin, health;
	} words[] = {
		{ "ready", HC_AG_READY, HC_AG_SAME },
		{ "drain", HC_AG_DRAIN, HC_AG_SAME },
		{ "maint", HC_AG_MAINT, HC_AG_SAME },
		{ "up", HC_AG_NONE, HC_AG_UP },
		{ "down", HC_AG_NONE, HC_AG_DOWN },
		{ "fail", HC_AG_NONE, HC_AG_DOWN },
		{ "stopped", HC_AG_NONE, HC_AG_DOWN },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++) {
		if (!tw_str_ieq(w, tw_str_of(words[i].word)))
			continue;
		if (words[i].admin != HC_AG_NONE)
			a->admin = words[i].admin;
		if (words[i].health != HC_AG_SAME) {
			a->health = words[i].health;
			copy(a->status, sizeof(a->status), w);
		}
		return true;
	}
	if (w.p[w.len - 1] == '%') {
		const int64_t n =
		    number_of((struct tw_str){ w.p, w.len - 1 }, PERCENT_MAX);
		a->percent = n >= 0 ? (int)n : a->percent;
		return n >= 0;
	}
	if (w.len > 8 && strncasecmp(w.p, "maxconn:", 8) == 0) {
		const int64_t n =
		    number_of((struct tw_str){ w.p + 8, w.len - 8 }, INT32_MAX);
		a->maxconn = n >= 0 ? n : a->maxconn;
		return n >= 0;
	}
	return false;
}

void
hc_agent_parse(struct tw_str line, struct hc_agent_word *a)
{
	const char *const sharp = line.len > 0 ? memchr(line.p, '#', line.len) : NULL;

	*a = (struct hc_agent_word){ .percent = -1, .maxconn = -1 };
	if (sharp != NULL) {
		const size_t n = (size_t)(sharp - line.p);

		copy(a->text, sizeof(a->text),
		    tw_str_trim((struct tw_str){ sharp + 1, line.len - n - 1 }));
		line.len = n;
	}
	for (size_t i = 0, n; i < line.len; i += n + 1) {
		for (n = 0; i + n < line.len && strchr(" \t,", line.p[i + n]) == NULL;)
			n++;
		if (n == 0)
			continue;
		const struct tw_str w = { line.p + i, n };
		if (!word_take(w, a) && a->unknown[0] == '\0')
			copy(a->unknown, sizeof(a->unknown), w);
	}
}

/* ---- its check ---- */

/* What the agent said whose check has just ended; both in one call. */
static struct hc_agent_word said;

/* The line, up to the first CR or LF, or up to the end. */
static bool
line_of(const struct hc_answer *a, struct tw_str *line)
{
	size_t n = 0;

	while (n < a->got.len && a->got.p[n] != '\r' && a->got.p[n] != '\n')
		n++;
	*line = (struct tw_str){ a->got.p, n };
	return n < a->got.len || n >= LINE_MAX_BYTES || (a->eof && n > 0);
}

enum tw_io
hc_agent_judge(const struct hc_answer *a, struct tw_check_result *r)
{
	struct tw_str line;

	if (!line_of(a, &line))
		return TW_IO_AGAIN;
	hc_agent_parse(line, &said);
	if (said.health != HC_AG_SAME)
		snprintf(r->text, sizeof(r->text), "via agent : %s%s%s%s", said.status,
		    said.text[0] ? " (" : "", said.text, said.text[0] ? ")" : "");
	else if (said.unknown[0] != '\0')
		snprintf(r->text, sizeof(r->text), "agent reports an error : %s",
		    said.unknown);
	return TW_IO_OK;
}

static void
set_add(
    struct tw_arena *arena, struct hc_set *set, enum hc_act act, struct hc_rule **rule)
{
	*rule = hc_rule_add(arena, set, act, false);
}

void
hc_agent_set(struct tw_arena *arena, struct hc_server *s)
{
	struct hc_rule *r;

	s->agent_set = (struct hc_set){ .kind = HC_PRESET };
	set_add(arena, &s->agent_set, HC_CONNECT, &r);
	set_add(arena, &s->agent_set, HC_SEND, &r);
	r->u.send.data.s = s->agent_send;
	set_add(arena, &s->agent_set, HC_EXPECT, &r);
	r->u.expect.match = HC_CUSTOM;
	r->u.expect.judge = hc_agent_judge;
}

static void
weight_follow(struct tw_server *srv)
{
	uint64_t weight = tw_server_iweight(srv);

	if (said.percent < 0)
		return;
	weight = weight * (uint64_t)said.percent / 100;
	if (weight > 256)
		weight = 256;
	if (weight != tw_server_uweight(srv))
		tw_server_set_weight(srv, (uint32_t)weight, "agent");
}

static void
limits_follow(struct hc_live *l, struct tw_server *srv)
{
	weight_follow(srv);
	if (said.maxconn < 0 || l->agent_maxconn == said.maxconn + 1)
		return;
	l->agent_maxconn = said.maxconn + 1;
	tw_server_set_maxconn(srv, (uint32_t)said.maxconn, "agent");
}

static void
admin_follow(struct tw_server *srv)
{
	const unsigned was = tw_server_admin(srv);
	unsigned admin = was;

	switch (said.admin) {
	case HC_AG_NONE:
		return;
	case HC_AG_READY:
		admin &= ~(TW_ADM_MAINT | TW_ADM_DRAIN);
		break;
	case HC_AG_DRAIN:
		admin = (admin & ~TW_ADM_MAINT) | TW_ADM_DRAIN;
		break;
	case HC_AG_MAINT:
		admin = (admin & ~TW_ADM_DRAIN) | TW_ADM_MAINT;
		break;
	}
	if (admin != was)
		tw_server_set_admin(srv, admin, "agent");
}

void
hc_agent_ended(struct hc_check *c, struct tw_check_result *r)
{
	struct hc_live *const l = tw_server_live_block(c->srv, hc_self);
	struct tw_check_result last;

	tw_server_last_agent(c->srv, &last);
	r->rise = r->fall = 1;
	r->health = last.health;
	if (r->what == TW_CHK_L7OK) {
		limits_follow(l, c->srv);
		admin_follow(c->srv);
		if (said.health != HC_AG_SAME)
			r->health = said.health == HC_AG_UP;
		r->what = said.health == HC_AG_SAME ? TW_CHK_CHECKED
		    : said.health == HC_AG_UP       ? TW_CHK_L7OK
						    : TW_CHK_L7STS;
	}
	tw_server_agent_said(c->srv, r);
}
