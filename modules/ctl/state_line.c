/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * state_line.c - one line of a server-state file, read. Pure.
 *
 * source: HAProxy's management guide, "show servers state", version 1: fields
 * between blanks, the first sixteen of which every version of HAProxy writes.
 */
#include "ctl.h"

#define MIN_FIELDS 13
#define MAX_FIELDS 25

/* HAProxy's numbers of check results, and what they mean: 0 not known yet,
 * 2 failed, 3 passed, 4 passed on condition. */
const struct ctl_check ctl_checks[CTL_N_CHECKS] = {
	[TW_CHK_UNK] = { 0, 0 },
	[TW_CHK_INI] = { 1, 0 },
	[TW_CHK_HANA] = { 4, 2 },
	[TW_CHK_SOCKERR] = { 5, 2 },
	[TW_CHK_L4OK] = { 6, 3 },
	[TW_CHK_L4TOUT] = { 7, 2 },
	[TW_CHK_L4CON] = { 8, 2 },
	[TW_CHK_L6OK] = { 9, 3 },
	[TW_CHK_L6TOUT] = { 10, 2 },
	[TW_CHK_L6RSP] = { 11, 2 },
	[TW_CHK_L7TOUT] = { 12, 2 },
	[TW_CHK_L7RSP] = { 13, 2 },
	[TW_CHK_L7OK] = { 15, 3 },
	[TW_CHK_L7OKC] = { 16, 4 },
	[TW_CHK_L7STS] = { 17, 2 },
};

/* returns: false: no number, or above max. */
static bool
number(const char *word, uint64_t max, uint32_t *out)
{
	uint64_t n;

	if (!ctl_number(word, max, &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

static int
words_split(char *line, char *word[MAX_FIELDS])
{
	char *save;
	int n = 0;

	for (char *w = strtok_r(line, " \t\r\n", &save); w != NULL && n < MAX_FIELDS;
	     w = strtok_r(NULL, " \t\r\n", &save))
		word[n++] = w;
	return n;
}

static enum tw_chk
chk_of(uint32_t status)
{
	for (int i = 0; i < CTL_N_CHECKS; i++) {
		if (ctl_checks[i].status == status)
			return (enum tw_chk)i;
	}
	return TW_CHK_UNK;
}

static const char *
told(char *const w[], int n, int i)
{
	return i < n && strcmp(w[i], "-") != 0 ? w[i] : NULL;
}

static uint32_t
told_number(char *const w[], int n, int i, uint32_t max)
{
	uint32_t value = 0;

	return i < n && number(w[i], max, &value) ? value : 0;
}

/* What not every version has written: what is not sound is not told. */
static void
places_take(char *const w[], int n, struct ctl_state *out)
{
	out->addr = told(w, n, 4);
	out->check = told_number(w, n, 13, 0xff);
	out->agent = told_number(w, n, 14, 0xff);
	out->host = told(w, n, 17);
	out->port = told_number(w, n, 18, 65535);
	out->label = told(w, n, 19);
	out->check_port = told_number(w, n, 21, 65535);
	out->check_addr = told(w, n, 22);
	out->agent_addr = told(w, n, 23);
	out->agent_port = told_number(w, n, 24, 65535);
}

bool
ctl_state_line(char *line, struct ctl_state *out)
{
	uint32_t op, status;
	char *w[MAX_FIELDS];

	*out = (struct ctl_state){ .backend = NULL };
	const int n = words_split(line, w);

	if (n < MIN_FIELDS || !number(w[0], UINT32_MAX, &out->iid) ||
	    !number(w[2], UINT32_MAX, &out->sid) || !number(w[5], 3, &op) ||
	    !number(w[6], 0xff, &out->admin) || !number(w[7], 256, &out->uweight) ||
	    !number(w[8], 256, &out->iweight) ||
	    !number(w[9], UINT32_MAX, &out->changed_s) || !number(w[10], 0xff, &status))
		return false;
	out->backend = w[1];
	out->server = w[3];
	out->health = op == 0 ? TW_DOWN : op == 3 ? TW_NOLB : TW_UP;
	out->what = chk_of(status);
	places_take(w, n, out);
	return true;
}

unsigned
ctl_state_admin(const struct ctl_state *s, bool is_disabled)
{
	const bool forced = s->admin & CTL_FMAINT, by_line = s->admin & CTL_CMAINT;
	unsigned admin = s->admin & CTL_FDRAIN ? TW_ADM_DRAIN : 0;

	/* a person's word, unless it only was the line's; then the line's of now,
	 * unless a person had ended that */
	if ((forced && !by_line) || (is_disabled && (forced || !by_line)))
		admin |= TW_ADM_MAINT;
	return admin;
}
