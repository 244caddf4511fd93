/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * play.c - what tools of modules use of the explain machinery (play.h).
 *
 * The calling thread.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/play.h>
#include "core/base/oplog.h"
#include "core/net/conn.h"
#include "core/run/explain.h"

#define LINE_MAX_BYTES 65536

static bool is_up;

static int
refused(struct tw_report *report, struct tw_err *err)
{
	tw_err_set(err, "%.*s", (int)(report->text != NULL ? report->text_len : 0),
	    report->text != NULL ? report->text : "");
	free(report->text);
	return -1;
}

/* As a reload: the running one stays until the new one is in force. */
static int
replace(struct tw_gen **gen, struct tw_err *err)
{
	tw__explain_silence(*gen);
	tw__self = tw_worker_at(0);
	if (tw__gen_start(*gen, err) != 0)
		return -1;
	/* No thread hears of it before what the former one had is freed. */
	tw__self = tw_worker_at(1);
	tw__upstream_close_all(tw_worker_at(1));
	tw__self = tw_worker_at(0);
	tw__gen_publish(*gen);
	*gen = NULL;
	tw__worker_messages(tw_worker_at(0));
	tw__worker_messages(tw_worker_at(1));
	tw__self = tw_worker_at(0);
	return 0;
}

int
tw_play_config(char *const *files, int n_files, struct tw_err *err)
{
	struct tw_report report = { .to = NULL };

	if (is_up)
		tw__self = tw_worker_at(0);
	struct tw_gen *gen = tw__gen_build(files, n_files, &report);
	if (gen == NULL)
		return refused(&report, err);
	free(report.text);
	const int result = is_up ? replace(&gen, err) : tw__explain_up(&gen, err);
	if (result == 0)
		is_up = true;
	tw__gen_free(&gen);
	return result;
}

void
tw_play_down(void)
{
	if (is_up)
		tw__explain_down();
	is_up = false;
}

/* ---- a request ----------------------------------------------------------------- */

static void
ended(const struct tw__explained *x, void *arg)
{
	static char text[LINE_MAX_BYTES];
	const struct tw_play *const p = arg;
	const struct tw_logfmt *const fmt = x->req->fe->c.logfmt;
	struct tw_played out = { .req = x->req,
		.sent = x->sent,
		.answer = x->answer,
		.waited_ms = x->waited_ms,
		.connected = x->dialed };

	if (fmt != NULL) {
		struct tw_out o = tw_out_of(text, sizeof(text));
		out.log = (struct tw_str){ text, tw_logfmt_out(fmt, x->req, &o) };
	}
	if (p->ended != NULL)
		p->ended(&out, p->arg);
}

static bool
connects(const struct tw_server *srv, void *arg)
{
	const struct tw_play *const p = arg;

	return p->connects == NULL || p->connects(srv, p->arg);
}

static void
answers(const struct tw_server *srv, struct tw_str got, struct tw_str *bytes, void *arg)
{
	const struct tw_play *const p = arg;

	if (p->answers != NULL)
		p->answers(srv, got, bytes, p->arg);
}

static const struct tw_addr localhost = {
	.family = AF_INET, .port = 50000, .u = { .v4 = { 127, 0, 0, 1 } }
};

int
tw_play_request(const struct tw_play *p, struct tw_err *err)
{
	struct tw__drive d = { .src = p->src.family != 0 ? p->src : localhost,
		.input = p->bytes,
		.show = ended,
		.connects = connects,
		.answers = answers,
		.arg = (void *)(uintptr_t)p };

	if (!is_up)
		return tw_err_set(err, "no configuration was brought up");
	if (!tw__explain_frontend(tw__gen_current(), p->frontend,
		p->dst.family != 0 ? &p->dst : NULL, &d))
		return tw_err_set(err, "there is no frontend '%s'",
		    p->frontend != NULL ? p->frontend : "that is the only one");
	tw__explain_drive(&d);
	tw__self = tw_worker_at(0);
	return 0;
}

/* ---- messages ------------------------------------------------------------------- */

void
tw_play_hear(void (*fn)(enum tw_level level, const char *text, size_t len))
{
	tw__oplog_sink_set(fn);
	tw__oplog_quiet(true);
}

/* ---- time ------------------------------------------------------------------------ */

static void
turn(void)
{
	for (int i = 0; i <= 1; i++) {
		tw__worker_poll(tw_worker_at(i));
		tw__worker_messages(tw_worker_at(i));
	}
}

void
tw_play_pass(uint64_t ms)
{
	if (!is_up)
		return;
	const uint64_t until = tw_worker_at(1)->now_us + ms * 1000;
	turn();
	for (int i = 0; i <= 1; i++)
		while (tw__worker_skip_until(tw_worker_at(i), until))
			turn();
	turn();
	tw__self = tw_worker_at(0);
}
