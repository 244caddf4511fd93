/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * sess.c - `show sess`, `shutdown session`, `show fd`, `show pools`: what only
 * the workers know.
 *
 * A job goes from worker to worker and comes back to the control thread after
 * some sessions, so that ten thousand of them hold nobody. It has memory of
 * its own, because the peer may leave in between. The lines are HAProxy's as
 * far as there is something to tell; a session is named by its number.
 */
#include <stdio.h>
#include <sys/queue.h>
#include <time.h>

#include <tideway/assert.h>
#include <tideway/session.h>

#include "ctl.h"

#define BATCH 64
#define TEXT_ROOM (BATCH * 4096u)
#define WAIT_MS 5000
#define N_POOLS 4

enum what { LINES, DETAILS, FDS, POOLS, SHUT };

struct job {
	LIST_ENTRY(job) link; /* control thread */
	struct tw_cli *cli;   /* borrow: until `left` */
	enum what what;
	uint64_t id;       /* 0: all */
	uint32_t older_ms; /* sessions of that age */
	int worker, last;  /* the next to ask, or the one at work; the last one */
	uint64_t cursor;
	bool away; /* control: with a worker */
	bool late; /* control: the session did not wait so long */
	bool left; /* control: nobody wants the answer any more */
	bool found;
	struct tw_out out; /* whoever has the job */
	struct tw_pool_view pool[N_POOLS];
	char text[TEXT_ROOM];
};

/* --- on the worker --- */

static const char *
proto_word(const struct tw_session *s)
{
	return s->src->family == AF_UNIX ? "unix_stream"
	    : s->src->family == AF_INET6 ? "tcpv6"
					 : "tcpv4";
}

static void
src_out(struct tw_out *o, const struct tw_session *s)
{
	if (s->src->family == AF_UNIX)
		tw_out_printf(o, "unix:%u", (unsigned)tw_bind_id(s->bind));
	else
		tw_addr_port_out(o, s->src);
}

static void
expiry_out(struct tw_out *o, const struct tw_session *s)
{
	if (s->expires_ms >= 0)
		tw_out_printf(o, "%llds", (long long)(s->expires_ms + 999) / 1000);
}

static void
line_out(struct tw_out *o, const struct tw_session *s)
{
	tw_out_printf(
	    o, "0x%08llx: proto=%s src=", (unsigned long long)s->id, proto_word(s));
	src_out(o, s);
	tw_out_printf(o,
	    " fe=%.200s be=%.200s srv=%.200s ts=00 epoch=0 age=%us calls=%u rate=0 "
	    "cpu=0 lat=0 rq[f=0h,i=0,an=00h,rx=",
	    tw_proxy_name(s->fe), s->be != NULL ? tw_proxy_name(s->be) : "<NONE>",
	    s->srv != NULL ? tw_server_name(s->srv) : "<none>", s->age_ms / 1000,
	    s->n_requests);
	expiry_out(o, s);
	tw_out_printf(o,
	    ",wx=,ax=] rp[f=0h,i=0,an=00h,rx=,wx=,ax=] scf=[8,0h,fd=%d] "
	    "scb=[8,0h,fd=%d] exp=",
	    s->fd, s->srv_fd);
	expiry_out(o, s);
	tw_out_printf(o, " rc=%d c_exp=\n", s->retries);
}

static void
date_out(struct tw_out *o, uint64_t wall_us)
{
	const time_t s = (time_t)(wall_us / 1000000);
	struct tm tm;
	char text[40];

	localtime_r(&s, &tm);
	strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", &tm);
	tw_out_printf(o, "[%s.%06u]", text, (unsigned)(wall_us % 1000000));
}

static const char *
mode_word(const struct tw_proxy *px)
{
	return tw_proxy_mode(px) == TW_MODE_HTTP ? "http" : "tcp";
}

static void
details_out(struct tw_out *o, const struct tw_session *s)
{
	tw_out_printf(o, "0x%08llx: ", (unsigned long long)s->id);
	date_out(o, s->wall_us);
	tw_out_printf(
	    o, " id=%llu proto=%s source=", (unsigned long long)s->id, proto_word(s));
	src_out(o, s);
	tw_out_printf(o,
	    "\n  flags=0x0, conn_retries=%d, age=%us, requests=%u\n"
	    "  frontend=%.200s (id=%u mode=%s), listener=%.200s (id=%u) addr=",
	    s->retries, s->age_ms / 1000, s->n_requests, tw_proxy_name(s->fe),
	    (unsigned)tw_proxy_id(s->fe), mode_word(s->fe), tw_bind_name(s->bind),
	    (unsigned)tw_bind_id(s->bind));
	tw_addr_port_out(o, tw_bind_addr(s->bind));
	if (s->be != NULL)
		tw_out_printf(o, "\n  backend=%.200s (id=%u mode=%s)",
		    tw_proxy_name(s->be), (unsigned)tw_proxy_id(s->be),
		    mode_word(s->be));
	else
		tw_out_lit(o, "\n  backend=<NONE> (id=-1 mode=-)");
	if (s->srv != NULL) {
		tw_out_printf(o,
		    "\n  server=%.200s (id=%u) addr=", tw_server_name(s->srv),
		    (unsigned)tw_server_id(s->srv));
		tw_addr_port_out(o, tw_server_addr(s->srv));
	} else
		tw_out_lit(o, "\n  server=<NONE> (id=-1)");
	tw_out_printf(o, "\n  step=%s exp=", s->step);
	expiry_out(o, s);
	tw_out_printf(o,
	    "\n  scf=[fd=%d] req: total=%llu\n  scb=[fd=%d] res: total=%llu\n", s->fd,
	    (unsigned long long)s->bytes_in, s->srv_fd,
	    (unsigned long long)s->bytes_out);
}

static void
fd_out(struct tw_out *o, const struct tw_session *s)
{
	tw_out_printf(o, "%7d : side=front fe=%.200s fam=%s step=%s\n", s->fd,
	    tw_proxy_name(s->fe), proto_word(s), s->step);
	if (s->srv_fd >= 0)
		tw_out_printf(o, "%7d : side=back be=%.200s srv=%.200s step=%s\n",
		    s->srv_fd, s->be != NULL ? tw_proxy_name(s->be) : "<NONE>",
		    s->srv != NULL ? tw_server_name(s->srv) : "<none>", s->step);
}

static void
session_out(const struct tw_session *s, void *arg)
{
	struct job *const j = arg;

	if ((j->id != 0 && s->id != j->id) || s->age_ms < j->older_ms)
		return;
	j->found = true;
	if (j->what == LINES)
		line_out(&j->out, s);
	else if (j->what == DETAILS)
		details_out(&j->out, s);
	else
		fd_out(&j->out, s);
}

static void
pools_add(struct job *j)
{
	struct tw_pool_view v;

	for (int i = 0; i < N_POOLS && tw_pool_at(i, &v); i++) {
		j->pool[i].name = v.name;
		j->pool[i].size = v.size;
		j->pool[i].n_used += v.n_used;
		j->pool[i].n_free += v.n_free;
	}
}

/* All there are: who ends the process while a worker has one leaves it. */
static LIST_HEAD(, job) jobs = LIST_HEAD_INITIALIZER(jobs); /* control thread */

static void
job_free(struct job *j)
{
	LIST_REMOVE(j, link);
	free(j);
}

static void job_back(void *arg);

static void
job_work(void *arg)
{
	struct job *const j = arg;
	bool is_more = false;

	j->out = tw_out_of(j->text, sizeof(j->text));
	if (j->what == SHUT)
		j->found = tw_session_shut(j->id);
	else if (j->what == POOLS)
		pools_add(j);
	else
		is_more = tw_sessions_walk(&j->cursor, BATCH, session_out, j);
	if (!is_more) {
		j->cursor = 0;
		j->worker++;
	}
	tw_worker_post(tw_worker_at(0), job_back, j);
}

/* --- on the control thread --- */

static void
job_back(void *arg)
{
	struct job *const j = arg;

	j->away = false;
	if (j->left)
		job_free(j);
	else if (!j->late)
		tw_cli_done(j->cli);
}

static void
job_late(void *arg)
{
	struct job *const j = arg;

	j->late = true;
}

static void
job_end(void *arg)
{
	struct job *const j = arg;

	j->left = true;
	if (!j->away)
		job_free(j);
}

static bool
job_step(struct tw_cli *cli, void *arg)
{
	struct job *const j = arg;

	if (j->late)
		return false; /* a worker did not answer in time */
	tw_cli_write(cli, (struct tw_str){ j->text, (size_t)(j->out.p - j->text) });
	j->out.p = j->text;
	if (j->worker <= j->last && !(j->found && j->id != 0)) {
		j->away = true;
		tw_worker_post(tw_worker_at(j->worker), job_work, j);
		tw_cli_wait(cli, WAIT_MS, job_late, j);
		return true;
	}
	return false;
}

static struct job *
job_new(struct tw_cli *cli, enum what what)
{
	struct job *const j = calloc(1, sizeof(*j));

	TW_ASSERT(j != NULL);
	LIST_INSERT_HEAD(&jobs, j, link);
	j->cli = cli;
	j->what = what;
	j->worker = 1;
	j->last = tw_n_workers();
	j->out = tw_out_of(j->text, sizeof(j->text));
	return j;
}

/* in: word, "0x2a". returns: 0: no number of a session. */
static uint64_t
session_id(const char *word)
{
	char *end;

	if (word == NULL || strncmp(word, "0x", 2) != 0)
		return 0;
	const unsigned long long id = strtoull(word + 2, &end, 16);
	return *end == '\0' && word[2] != '-' ? id : 0;
}

/* Of one session: only one worker can have it. */
static bool
one_step(struct tw_cli *cli, void *arg)
{
	const struct job *const j = arg;

	if (job_step(cli, arg))
		return true;
	if (j->late || j->found)
		return false;
	tw_cli_msg(cli, TW_ERR, "%s",
	    j->what == SHUT ? "No such session (use 'show sess').\n"
			    : "Session not found.\n");
	return false;
}

static void
job_name(struct job *j, uint64_t id)
{
	j->id = id;
	j->last = tw_session_worker(id);
	j->worker = j->last > 0 ? j->last : 1;
}

void
ctl_show_sess(struct tw_cli *cli, int argc, char *const argv[])
{
	struct job *const j = job_new(cli, LINES);
	struct tw_err err;

	if (session_id(argv[0]) != 0)
		job_name(j, session_id(argv[0]));
	if (j->id != 0 || (argc > 0 && strcmp(argv[0], "all") == 0))
		j->what = DETAILS;
	if (argc > 1 && strcmp(argv[0], "older") == 0 &&
	    tw_parse_ms(argv[1], 1000000, &j->older_ms, &err) != 0) {
		tw_cli_msg(cli, TW_ERR, "Invalid age.\n");
		job_free(j);
		return;
	}
	tw_cli_stream(cli, j->id != 0 ? one_step : job_step, job_end, j);
}

void
ctl_shutdown_session(struct tw_cli *cli, int argc, char *const argv[])
{
	const uint64_t id = session_id(argv[0]);

	(void)argc;
	if (id == 0) {
		tw_cli_msg(
		    cli, TW_ERR, "Session pointer expected (use 'show sess').\n");
		return;
	}
	struct job *const j = job_new(cli, SHUT);
	job_name(j, id);
	tw_cli_stream(cli, one_step, job_end, j);
}

/* --- descriptors and pools --- */

static void
listeners_write(struct tw_cli *cli)
{
	struct tw_gen *const gen = tw_gen_running();
	const struct tw_proxy *px;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		const struct tw_bind *b;

		for (int k = 0; (b = tw_proxy_bind(px, k)) != NULL; k++) {
			char text[160];
			struct tw_out o = tw_out_of(text, sizeof(text) - 1);

			tw_addr_port_out(&o, tw_bind_addr(b));
			*o.p = '\0';
			if (tw_bind_fd(b) >= 0)
				tw_cli_printf(cli, "%7d : l.st=%s fe=%s addr=%s\n",
				    tw_bind_fd(b), tw_bind_status_text(b),
				    tw_proxy_name(px), text);
		}
	}
}

void
ctl_show_fd(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	listeners_write(cli);
	tw_cli_stream(cli, job_step, job_end, job_new(cli, FDS));
}

static bool
pools_step(struct tw_cli *cli, void *arg)
{
	struct job *const j = arg;
	uint64_t all = 0, used = 0;

	if (job_step(cli, arg))
		return true;
	if (j->late)
		return false;
	tw_cli_printf(cli, "Dumping pools usage.\n");
	for (int i = 0; i < N_POOLS; i++) {
		const struct tw_pool_view *const v = &j->pool[i];
		const uint64_t n = (uint64_t)v->n_used + v->n_free;

		tw_cli_printf(cli,
		    "  - Pool %s (%u bytes) : %llu allocated (%llu bytes), %u used, "
		    "needed_avg %u, 0 failures, %d users\n",
		    v->name, (unsigned)v->size, (unsigned long long)n,
		    (unsigned long long)(n * v->size), (unsigned)v->n_used,
		    (unsigned)v->n_used, tw_n_workers());
		all += n * v->size;
		used += (uint64_t)v->n_used * v->size;
	}
	tw_cli_printf(cli, "Total: %d pools, %llu bytes allocated, %llu used.\n",
	    N_POOLS, (unsigned long long)all, (unsigned long long)used);
	return false;
}

void
ctl_show_pools(struct tw_cli *cli, int argc, char *const argv[])
{
	(void)argc;
	(void)argv;
	tw_cli_stream(cli, pools_step, job_end, job_new(cli, POOLS));
}
