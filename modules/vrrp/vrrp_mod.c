/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vrrp_mod.c - the vrrp module: descriptor, configuration, commands.
 *
 * The traffic process's side: it checks the file, tells the VRRP process when
 * it is to be read again, writes its own health into the shared memory, and
 * shows what it finds there. Control thread.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <tideway/assert.h>
#include <tideway/command.h>
#include <tideway/conf.h>
#include <tideway/conn.h>
#include <tideway/hook.h>
#include <tideway/log.h>
#include <tideway/worker.h>

#include "show.h"
#include "vrrp.h"

#define YIELD_POLL_MS 5
#define YIELD_MAX_MS 2000
#define DRAIN_MS 1000 /* unless `drain` says otherwise */

const struct tw_self *vr_self;
static bool tracks_worker; /* the configuration read last; start, control */

/* --- the configuration --- */

static int
vrrp_load(const struct tw_self *self, struct tw_err *err)
{
	vr_self = self;
	return vr_health_load(err);
}

static void
report_to_gen(void *arg, bool is_error, const struct vr_where *at, const char *text)
{
	struct tw_gen *const gen = arg;
	const char *const file = at != NULL ? at->file : NULL;
	const int line = at != NULL ? at->line : 0;

	if (is_error)
		tw_gen_fail(gen, file, line, "%s", text);
	else
		tw_gen_warn(gen, file, line, "%s", text);
}

/* The VRRP process reads the path it was started with. */
static int
path_check(struct tw_gen *gen, const struct vr_gen *g)
{
	static char *running; /* owns: the first generation's */

	if (atomic_load(&vr_shared->worker_run) == 0) {
		free(running);
		running = g->path != NULL ? strdup(g->path) : NULL;
		return 0;
	}
	if (g->path == running ||
	    (g->path != NULL && running != NULL && strcmp(g->path, running) == 0))
		return 0;
	return tw_gen_fail(gen, g->where.file, g->where.line,
	    "'vrrp-config' cannot change in a reload, because the VRRP process "
	    "keeps its privileges and reads only the file it was started with "
	    "(%s); stop and start the program",
	    running != NULL ? running : "none");
}

static bool
has_worker(const struct vr_track *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (t[i].kind == VR_TRACK_WORKER)
			return true;
	}
	return false;
}

static bool
is_worker_tracked(const struct vr_conf *conf)
{
	for (unsigned i = 0; i < conf->n_instances; i++) {
		if (has_worker(conf->instance[i].track, conf->instance[i].n_tracks))
			return true;
	}
	for (unsigned i = 0; i < conf->n_groups; i++) {
		if (has_worker(conf->group[i].track, conf->group[i].n_tracks))
			return true;
	}
	return false;
}

/* The other node's file is only compared with: its own warnings are its own. */
static void
say_error(void *arg, bool is_error, const struct vr_where *at, const char *text)
{
	struct vr_report *const rep = arg;

	if (is_error)
		vr_fail(rep, at, "%s", text);
}

static void
pair_lint(const struct vr_conf *conf, struct vr_report *rep)
{
	struct vr_report of_peer = { .say = say_error, .arg = rep };
	const char *const path = tw_check_peer();
	struct vr_conf *peer = path != NULL ? vr_conf_read(path, &of_peer) : NULL;

	vr_lint(conf, peer, rep);
	if (peer != NULL)
		vr_conf_free(&peer);
}

static void
conf_end(void *arg)
{
	struct vr_conf *conf = arg;

	vr_conf_free(&conf);
}

static int
vrrp_check(struct tw_gen *gen)
{
	struct vr_gen *const g = tw_gen_block(gen, vr_self);
	struct vr_report rep = { .say = report_to_gen, .arg = gen };

	if (path_check(gen, g) != 0)
		return -1;
	if (g->path == NULL) {
		if (g->peer.remote.family == 0)
			return 0;
		return tw_gen_fail(gen, g->peer.where.file, g->peer.where.line,
		    "'vrrp-peer' needs 'vrrp-config <file>' beside it");
	}
	g->conf = vr_conf_read(g->path, &rep);
	if (g->conf == NULL)
		return -1;
	tw_arena_at_end(tw_gen_arena(gen), conf_end, g->conf);
	tracks_worker = is_worker_tracked(g->conf);
	pair_lint(g->conf, &rep);
	return rep.n_errors == 0 ? 0 : -1;
}

static bool
vrrp_process_wanted(struct tw_gen *gen)
{
	const struct vr_gen *const g = tw_gen_block(gen, vr_self);

	return g->path != NULL;
}

/* --- to the process --- */

static int
order_send(enum vr_order order, const char *name, const struct vr_gen *g)
{
	struct vr_message m;
	const int fd = tw_process_fd(vr_self);

	memset(&m, 0, sizeof(m));
	m.order = order;
	snprintf(m.name, sizeof(m.name), "%s", name);
	if (g != NULL) {
		m.peer = g->peer;
		m.no_lease = g->no_lease;
	}
	m.peer.where.file = NULL;
	return fd >= 0 && send(fd, &m, sizeof(m), MSG_NOSIGNAL) == (ssize_t)sizeof(m)
	    ? 0
	    : -1;
}

/* The first worker's file is what the process has just read. */
static int
vrrp_start(struct tw_gen *gen, struct tw_err *err)
{
	const struct vr_gen *const g = tw_gen_block(gen, vr_self);
	static bool is_later;

	vr_health_watch(gen, g->conf);
	if (g->conf == NULL)
		return 0;
	if (!is_later && atomic_load(&vr_shared->worker_run) <= 1) {
		is_later = true;
		return 0;
	}
	is_later = true;
	if (order_send(VR_ORDER_RELOAD, "", g) != 0)
		return tw_err_errno(err, "the VRRP process does not hear");
	return 0;
}

static int
vrrp_worker_init(struct tw_worker *w, void *state)
{
	(void)state;
	return vr_health_worker_init(w);
}

static void
vrrp_worker_fini(struct tw_worker *w, void *state)
{
	(void)state;
	vr_health_worker_fini(w);
}

/* --- headway --- */

/* A long loop turn under a storm of connections is no hang. */
static enum tw_verdict
vrrp_on_progress(struct tw_req *req, void *state)
{
	(void)req;
	(void)state;
	vr_health_moved();
	return TW_NEXT;
}

static bool
vrrp_wants(const struct tw_proxy *px)
{
	(void)px;
	return tracks_worker;
}

static const struct tw_hook hooks[] = {
	{ TW_ON_CONN, vrrp_on_progress, "vrrp_on_conn", vrrp_wants },
	{ TW_ON_REQUEST, vrrp_on_progress, "vrrp_on_request", vrrp_wants },
	{ TW_ON_LOG, vrrp_on_progress, "vrrp_on_log", vrrp_wants },
	{ .fn = NULL },
};

/* --- commands --- */

/* returns: how many; they are static because there are many and large ones. */
static unsigned
rows_now(struct vr_shown **rows)
{
	static struct vr_shown all[VR_MAX_SHOWN]; /* control thread */

	*rows = all;
	return vr_show_copy(all);
}

static void
keyword_print(void *arg, const char *text)
{
	fprintf(arg, "%s\n", text);
}

static void
show_print(FILE *to, int argc, char *const argv[])
{
	struct vr_shown *row;
	const unsigned n = rows_now(&row);

	if (argc == 0) {
		vr_show_table(to, row, n);
		return;
	}
	if (strcmp(argv[0], "json") == 0) {
		vr_show_json(to, row, n);
		return;
	}
	if (strcmp(argv[0], "metrics") == 0) {
		vr_show_metrics(to, row, n);
		return;
	}
	if (strcmp(argv[0], "keywords") == 0) {
		vr_conf_manual(keyword_print, to);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(row[i].name, argv[0]) == 0) {
			vr_show_one(to, &row[i]);
			return;
		}
	}
	fprintf(to, "There is no VRRP instance '%s'.\n", argv[0]);
}

static void
cmd_show(struct tw_cli *cli, int argc, char *const argv[])
{
	char *text = NULL;
	size_t len = 0;
	FILE *const to = open_memstream(&text, &len);

	TW_ASSERT(to != NULL);
	show_print(to, argc, argv);
	fclose(to);
	tw_cli_write(cli, (struct tw_str){ text, len });
	free(text);
}

/* An order that is carried out in steps: clients are sent away, the addresses
 * move, and the session is told. It goes on without the session. */
struct yield {
	struct tw_timer timer;
	struct tw_cli *cli;     /* borrow: until it is done or gone; NULL */
	struct tw_drain *drain; /* owns; NULL */
	uint64_t until_ms;      /* the addresses have moved, or it failed */
	char name[VR_NAME_LEN];
};

static void
yield_gone(void *arg)
{
	struct yield *const y = arg;

	y->cli = NULL;
}

static void
yield_end(struct yield *y, const char *text)
{
	struct tw_cli *const cli = y->cli;

	tw_timer_del(&y->timer);
	tw_drain_end(&y->drain);
	free(y);
	if (cli == NULL)
		return;
	tw_cli_printf(cli, "%s\n", text);
	tw_cli_done(cli);
}

struct left {
	unsigned masters;
	unsigned willing; /* that are not yielding yet */
};

static struct left
left_of(const char *name)
{
	struct vr_shown *row;
	const unsigned n = rows_now(&row);
	struct left left = { 0 };

	for (unsigned i = 0; i < n; i++) {
		if (*name != '\0' && strcmp(name, row[i].name) != 0)
			continue;
		left.masters += row[i].state == VR_MASTER;
		left.willing += !row[i].yielding;
	}
	return left;
}

static void
yield_look(struct tw_timer *t)
{
	struct yield *const y =
	    (struct yield *)((char *)t - offsetof(struct yield, timer));
	const struct left left = left_of(y->name);

	if (left.masters + left.willing == 0)
		yield_end(y, "The addresses have been handed over.");
	else if (tw_now_ms() >= y->until_ms)
		yield_end(y, "The addresses are still here: nobody takes them.");
	else
		tw_timer_set(t, tw_now_ms() + YIELD_POLL_MS);
}

static void
yield_move(void *arg, bool is_clear)
{
	struct yield *const y = arg;

	if (!is_clear)
		tw_log(TW_NOTICE, "vrrp yield: clients are left after the drain");
	if (order_send(VR_ORDER_YIELD, y->name, NULL) != 0) {
		yield_end(y, "The VRRP process does not hear.");
		return;
	}
	y->timer.fn = yield_look;
	y->until_ms = tw_now_ms() + YIELD_MAX_MS;
	tw_timer_set(&y->timer, tw_now_ms() + YIELD_POLL_MS);
}

static bool
is_instance(struct tw_cli *cli, int argc, char *const argv[])
{
	struct vr_shown *row;
	const unsigned n = rows_now(&row);

	if (tw_process_fd(vr_self) < 0) {
		tw_cli_printf(cli, "There is no VRRP here ('vrrp-config <file>').\n");
		return false;
	}
	for (unsigned i = 0; argc > 0 && i < n; i++) {
		if (strcmp(row[i].name, argv[0]) == 0)
			return true;
	}
	if (argc > 0)
		tw_cli_printf(cli, "There is no VRRP instance '%s'.\n", argv[0]);
	return argc == 0;
}

/* Cuts "drain <time>" off the end. returns: ms; -1: told. */
static int64_t
drain_cut(struct tw_cli *cli, int *argc, char *const argv[])
{
	uint32_t ms;

	if (*argc < 1 || (*argc < 2 && strcmp(argv[0], "drain") != 0) ||
	    (*argc >= 2 && strcmp(argv[*argc - 2], "drain") != 0))
		return DRAIN_MS;
	if (*argc < 2 || tw_parse_ms(argv[*argc - 1], 1000, &ms, NULL) != 0) {
		tw_cli_printf(cli, "'drain' needs a time: 'drain 5s'.\n");
		return -1;
	}
	*argc -= 2;
	return ms;
}

static void
cmd_yield(struct tw_cli *cli, int argc, char *const argv[])
{
	const int64_t drain_ms = drain_cut(cli, &argc, argv);

	if (drain_ms < 0 || !is_instance(cli, argc, argv))
		return;
	struct yield *const y = calloc(1, sizeof(*y));
	TW_ASSERT(y != NULL);
	y->cli = cli;
	snprintf(y->name, sizeof(y->name), "%s", argc > 0 ? argv[0] : "");
	tw_cli_wait(cli, (uint32_t)drain_ms + 2 * YIELD_MAX_MS, yield_gone, y);
	if (drain_ms > 0 && left_of(y->name).masters > 0)
		y->drain = tw_drain_begin((uint32_t)drain_ms, yield_move, y);
	else
		yield_move(y, true);
}

static void
cmd_resume(struct tw_cli *cli, int argc, char *const argv[])
{
	if (is_instance(cli, argc, argv) &&
	    order_send(VR_ORDER_RESUME, argc > 0 ? argv[0] : "", NULL) != 0)
		tw_cli_printf(cli, "The VRRP process does not hear.\n");
}

static const struct tw_command commands[] = {
	{ "show vrrp", TW_CLI_USER, 0, cmd_show, "[<instance>|json|keywords|metrics]",
	    "show VRRP instances: state, priority, master, packets" },
	{ "vrrp resume", TW_CLI_ADMIN, 0, cmd_resume, "[<instance>]",
	    "take part in the election again" },
	{ "vrrp yield", TW_CLI_ADMIN, 0, cmd_yield, "[<instance>] [drain <time>]",
	    "send clients away (1 s), hand the addresses over to the peer, and keep off them" },
	{ .words = NULL },
};

static void
vrrp_describe(void (*line)(void *arg, const char *text), void *arg)
{
	line(arg, "VRRP versions 2 and 3, IPv4 and IPv6 (RFC 3768, 9568)");
}

const struct tw_module tideway_module = {
	TW_MODULE_HEAD,
	.flags = TW_MODULE_PROCESS,
	.name = "vrrp",
	.version = PACKAGE_VERSION,
	.summary = "VRRP: the pair's address, from an unchanged keepalived.conf",
	.size_of = { [TW_IN_GEN] = sizeof(struct vr_gen) },
	.keywords = vr_peer_keywords,
	.hooks = hooks,
	.commands = commands,
	.stats_tables = vr_stats_tables,
	.load = vrrp_load,
	.check = vrrp_check,
	.start = vrrp_start,
	.worker_init = vrrp_worker_init,
	.worker_fini = vrrp_worker_fini,
	.process = vr_process_run,
	.process_wanted = vrrp_process_wanted,
	.describe = vrrp_describe,
};
