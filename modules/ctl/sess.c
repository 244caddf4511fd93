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
#define TEXT_ROOM (BATCH * 8192u)
#define WAIT_MS 5000
#define N_POOLS 4
#define URI_SHOWN 1024u /* bytes of a request line */

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
	bool with_details, with_uri;
	char *frontend, *backend, *server; /* owns: only theirs; NULL: anybody's */
	struct tw_out out;                 /* whoever has the job */
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
in_seconds(struct tw_out *o, int64_t ms)
{
	if (ms >= 0)
		tw_out_printf(o, "%llds", (long long)(ms + 999) / 1000);
}

/* The first of its timeouts. */
static void
expiry_out(struct tw_out *o, const struct tw_session *s)
{
	const int64_t ms[] = { s->expires_ms, s->srv_expires_ms, s->wait_expires_ms };
	int64_t first = -1;

	for (size_t i = 0; i < TW_N_ELEMENTS(ms); i++)
		if (ms[i] >= 0 && (first < 0 || ms[i] < first))
			first = ms[i];
	in_seconds(o, first);
}

/* Nobody's bytes shall look like the end of a line. */
static void
uri_out(struct tw_out *o, struct tw_str line)
{
	tw_out_lit(o, " uri=\"");
	for (size_t i = 0; i < line.len && i < URI_SHOWN; i++) {
		const unsigned char c = (unsigned char)line.p[i];

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			tw_out_printf(o, "\\x%02X", c);
		else
			tw_out_char(o, (char)c);
	}
	tw_out_char(o, '"');
}

static void
line_out(struct tw_out *o, const struct tw_session *s, bool with_uri)
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
	in_seconds(o, s->expires_ms);
	tw_out_lit(o, ",wx=,ax=");
	in_seconds(o, s->wait_expires_ms);
	tw_out_lit(o, "] rp[f=0h,i=0,an=00h,rx=");
	in_seconds(o, s->srv_expires_ms);
	tw_out_printf(o,
	    ",wx=,ax=] scf=[8,0h,fd=%d] "
	    "scb=[8,0h,fd=%d] exp=",
	    s->fd, s->srv_fd);
	expiry_out(o, s);
	tw_out_printf(o, " rc=%d c_exp=", s->retries);
	if (with_uri && s->start_line.p != NULL)
		uri_out(o, s->start_line);
	tw_out_char(o, '\n');
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

static void
mux_out(struct tw_out *o, const char *side, int fd, const struct tw_mux_info *mux)
{
	tw_out_printf(o, "\n  %s=[fd=%d", side, fd);
	if (mux->name != NULL)
		tw_out_printf(o, " mux=%s streams=%u/%u glitches=%u", mux->name,
		    mux->streams, mux->limit, mux->glitches);
	tw_out_char(o, ']');
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
	    (unsigned)tw_proxy_id(s->fe), tw_proxy_mode_name(s->fe),
	    tw_bind_name(s->bind), (unsigned)tw_bind_id(s->bind));
	tw_addr_port_out(o, tw_bind_addr(s->bind));
	if (s->be != NULL)
		tw_out_printf(o, "\n  backend=%.200s (id=%u mode=%s)",
		    tw_proxy_name(s->be), (unsigned)tw_proxy_id(s->be),
		    tw_proxy_mode_name(s->be));
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
	tw_out_lit(o, " client-timeout=");
	in_seconds(o, s->expires_ms);
	tw_out_lit(o, " server-timeout=");
	in_seconds(o, s->srv_expires_ms);
	tw_out_lit(o, " wait-timeout=");
	in_seconds(o, s->wait_expires_ms);
	if (s->start_line.p != NULL) {
		tw_out_lit(o, "\n ");
		uri_out(o, s->start_line);
	}
	mux_out(o, "scf", s->fd, &s->mux);
	tw_out_printf(o, " req: total=%llu", (unsigned long long)s->bytes_in);
	mux_out(o, "scb", s->srv_fd, &s->srv_mux);
	tw_out_printf(o, " res: total=%llu\n", (unsigned long long)s->bytes_out);
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

static bool
is_named(const char *wanted, const char *name)
{
	return wanted == NULL || (name != NULL && strcmp(wanted, name) == 0);
}

static bool
is_asked_for(const struct job *j, const struct tw_session *s)
{
	return is_named(j->frontend, tw_proxy_name(s->fe)) &&
	    is_named(j->backend, s->be != NULL ? tw_proxy_name(s->be) : NULL) &&
	    is_named(j->server, s->srv != NULL ? tw_server_name(s->srv) : NULL);
}

static void
session_out(const struct tw_session *s, void *arg)
{
	struct job *const j = arg;

	if ((j->id != 0 && s->id != j->id) || s->age_ms < j->older_ms ||
	    !is_asked_for(j, s))
		return;
	j->found = true;
	if (j->what == LINES)
		line_out(&j->out, s, j->with_uri);
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
	free(j->frontend);
	free(j->backend);
	free(j->server);
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

static char *
copied(const char *text)
{
	char *const copy = strdup(text);

	TW_ASSERT(copy != NULL);
	return copy;
}

/* returns: NULL: taken; what is wrong with it. */
static const char *
older_take(struct job *j, const char *word)
{
	struct tw_err err;

	return tw_parse_ms(word, 1000000, &j->older_ms, &err) == 0 ? NULL
								   : "Invalid age.\n";
}

static const char *
frontend_take(struct job *j, const char *word)
{
	if (tw_gen_find(tw_gen_running(), word, TW_FRONTEND) == NULL)
		return "No such frontend.\n";
	free(j->frontend);
	j->frontend = copied(word);
	return NULL;
}

static const char *
backend_take(struct job *j, const char *word)
{
	const struct tw_proxy *const px = ctl_backend(word);

	if (px == NULL)
		return "No such backend.\n";
	free(j->backend);
	j->backend = copied(tw_proxy_name(px));
	return NULL;
}

static const char *
server_take(struct job *j, const char *word)
{
	const char *why;
	const struct tw_server *const srv = ctl_server_named(word, &why);

	if (srv == NULL)
		return "No such server.\n";
	free(j->server);
	j->server = copied(tw_server_name(srv));
	return backend_take(j, tw_proxy_name(tw_server_proxy(srv)));
}

static const struct {
	const char *word, *value;
	const char *(*take)(struct job *j, const char *word);
	const char *help;
} options[] = {
	{ "all", NULL, NULL, "dump all details about all of them" },
	{ "older", "<age>", older_take, "only those older than <age>" },
	{ "frontend", "<frontend>", frontend_take, "only those of this frontend" },
	{ "backend", "<backend>", backend_take, "only those of this backend" },
	{ "server", "<bk>/<srv>", server_take, "only those with this server" },
	{ "show-uri", NULL, NULL, "dump the request line, when there is one" },
};

static void
options_help(struct tw_cli *cli)
{
	tw_cli_printf(
	    cli, "Usage: show sess [<id>] [<option>]*\n  <id>: details of this one\n");
	for (size_t i = 0; i < TW_N_ELEMENTS(options); i++)
		tw_cli_printf(cli, "  %s%s%s: %s\n", options[i].word,
		    options[i].value != NULL ? " " : "",
		    options[i].value != NULL ? options[i].value : "", options[i].help);
}

/* One option, from word i on. out: i, behind it. returns: as older_take. */
static const char *
option_take(struct job *j, char *const argv[], int *i)
{
	const char *const word = argv[(*i)++];

	for (size_t k = 0; k < TW_N_ELEMENTS(options); k++) {
		if (strcmp(options[k].word, word) != 0)
			continue;
		if (options[k].take == NULL) {
			*(word[0] == 'a' ? &j->with_details : &j->with_uri) = true;
			return NULL;
		}
		return argv[*i] != NULL
		    ? options[k].take(j, argv[(*i)++])
		    : "This option needs a value, see 'show sess help'.\n";
	}
	if (session_id(word) == 0)
		return "Unknown option, see 'show sess help'.\n";
	job_name(j, session_id(word));
	return NULL;
}

void
ctl_show_sess(struct tw_cli *cli, int argc, char *const argv[])
{
	const char *why = NULL;

	if (argc > 0 && strcmp(argv[0], "help") == 0) {
		options_help(cli);
		return;
	}
	struct job *const j = job_new(cli, LINES);
	for (int i = 0; i < argc && why == NULL;)
		why = option_take(j, argv, &i);
	if (why != NULL) {
		tw_cli_msg(cli, TW_ERR, "%s", why);
		job_free(j);
		return;
	}
	if (j->id != 0 || j->with_details)
		j->what = DETAILS;
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
