/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * crash.c - what the crash report says about the request at hand.
 *
 * Each worker notes which request its loop is running; when it dies there,
 * the report names the step, the decision trail and the request line. Runs
 * in the failing thread, maybe in a signal handler: memory is only read.
 */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "core/base/panic.h"
#include "core/flow/req.h"

static const char *const what_text[] = {
	[TW_CHOSE_BACKEND] = "chose backend",
	[TW_CHOSE_SERVER] = "chose server",
	[TW_RETRIED] = "retried",
	[TW_REDISPATCHED] = "gave up",
	[TW_ANSWERED] = "answered",
	[TW_REFUSED] = "refused",
};

static void
trail_out(struct tw_out *o, const struct tw_trail *t)
{
	tw_out_lit(o, "  ");
	tw_out_str(o, tw_str_of(t->origin != NULL ? t->origin->who : "?"));
	if (t->origin != NULL && t->origin->file != NULL) {
		tw_out_lit(o, " (");
		tw_out_str(o, tw_str_of(t->origin->file));
		tw_out_char(o, ':');
		tw_out_i64(o, t->origin->line);
		tw_out_char(o, ')');
	}
	tw_out_char(o, ' ');
	tw_out_str(o, tw_str_of(what_text[t->what]));
	tw_out_char(o, ' ');
	tw_out_str(o, tw_str_of(t->name != NULL ? t->name : "-"));
	tw_out_char(o, '\n');
}

static void
request_report(int fd)
{
	static char text[4096];
	const struct tw_worker *const w = tw__self;
	struct tw_out o = tw_out_of(text, sizeof(text));

	if (w == NULL || w->flow == NULL || w->flow->running == NULL)
		return;
	const struct tw_req *const req = w->flow->running;
	tw_out_lit(&o, "Step: ");
	tw_out_str(&o, tw_str_of(tw__step_name(req->step)));
	tw_out_lit(&o, "\nRequest: ");
	tw_log_text(&o, req->start_line, 0);
	tw_out_lit(&o, "\nDecisions:\n");
	for (int i = 0; i < req->n_trail; i++)
		trail_out(&o, &req->trail[i]);
	while (write(fd, text, (size_t)(o.p - text)) < 0 && errno == EINTR)
		;
}

void
tw__crash_init(void)
{
	tw__panic_add(request_report);
}
