/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * process.c - the VRRP process: its loop, signals, and orders.
 *
 * It ends on SIGTERM, and when whoever started it has gone (its control socket
 * closes): the addresses are given up at priority 0 in any case. Signals are
 * keepalived's: SIGHUP reads the file again, SIGUSR1, SIGUSR2 and SIGRTMIN+2
 * write /tmp/keepalived.data, .stats and .json. Killed, it is started again and
 * goes on where it stood (publish.c).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tideway/assert.h>
#include <tideway/log.h>

#include "fleet.h"
#include "show.h"

#define DRAIN_US 1000000 /* notify scripts at stop */

struct process {
	struct vr_fleet fleet;
	struct event *control;    /* owns */
	struct event *signals[6]; /* owns */
	unsigned n_signals;
	struct vr_message in; /* being received */
	size_t in_len;
};

/* --- dumps --- */

/* Nobody may have put a link there; the password is for nobody else. */
static FILE *
dump_open(const char *path)
{
	unlink(path);
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *const to = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (to == NULL)
		tw_log(TW_ERR, "cannot write %s: %s", path, strerror(errno));
	return to;
}

static struct vr_router *
routers_copy(const struct vr_fleet *f)
{
	struct vr_router *const all = calloc(f->conf->n_instances + 1, sizeof(*all));

	TW_ASSERT(all != NULL);
	for (unsigned i = 0; i < f->conf->n_instances; i++)
		all[i] = f->node[i].r;
	return all;
}

static void
dump(const struct vr_fleet *f, int number)
{
	const char *const path = number == SIGUSR1 ? "/tmp/keepalived.data"
	    : number == SIGUSR2                    ? "/tmp/keepalived.stats"
						   : "/tmp/keepalived.json";
	FILE *const to = dump_open(path);
	struct vr_router *const routers = routers_copy(f);

	if (to != NULL) {
		if (number == SIGUSR1)
			vr_dump_data(to, f->conf, routers, f->watch);
		else if (number == SIGUSR2)
			vr_dump_stats(to, f->conf, routers);
		else
			vr_dump_json(to, f->conf, routers);
		fclose(to);
	}
	free(routers);
}

/* --- signals and orders --- */

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct process *const p = arg;

	(void)what;
	switch (number) {
	case SIGTERM:
	case SIGINT:
		event_base_loopbreak(p->fleet.base);
		break;
	case SIGHUP:
		vr_fleet_reload(&p->fleet);
		break;
	default:
		dump(&p->fleet, (int)number);
	}
}

static int
signals_take(struct process *p)
{
	const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2,
		SIGRTMIN + 2 };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < TW_N_ELEMENTS(numbers); i++) {
		struct event *const ev =
		    evsignal_new(p->fleet.base, numbers[i], on_signal, p);

		if (ev == NULL || event_add(ev, NULL) != 0)
			return -1;
		p->signals[p->n_signals++] = ev;
	}
	return 0;
}

static void
heart_change(struct vr_fleet *f, const struct vr_peer_conf *conf)
{
	struct tw_err err;

	vr_heart_free(&f->heart);
	if (conf->remote.family == 0)
		return;
	f->heart = vr_heart_new(f, conf, &err);
	if (f->heart == NULL)
		tw_log(TW_ALERT, "VRRP has no second path: %s", err.text);
}

static void
order_take(struct process *p)
{
	struct vr_fleet *const f = &p->fleet;

	p->in.name[sizeof(p->in.name) - 1] = '\0';
	switch (p->in.order) {
	case VR_ORDER_RELOAD:
		heart_change(f, &p->in.peer);
		f->lends = !p->in.no_lease;
		vr_fleet_reload(f);
		break;
	case VR_ORDER_YIELD:
	case VR_ORDER_RESUME:
		vr_fleet_order(f, p->in.name, p->in.order == VR_ORDER_YIELD);
		break;
	default:
		tw_log(TW_ERR, "VRRP does not understand order %u", p->in.order);
	}
}

static void
on_control(evutil_socket_t fd, short what, void *arg)
{
	struct process *const p = arg;

	(void)what;
	for (;;) {
		const ssize_t n = recv(fd, (char *)&p->in + p->in_len,
		    sizeof(p->in) - p->in_len, MSG_DONTWAIT);

		if (n == 0) {
			tw_log(TW_NOTICE, "VRRP ends with the program that started it");
			event_base_loopbreak(p->fleet.base);
			return;
		}
		if (n < 0)
			return;
		p->in_len += (size_t)n;
		if (p->in_len < sizeof(p->in))
			continue;
		p->in_len = 0;
		order_take(p);
	}
}

/* --- life --- */

static struct event_base *
base_new(void)
{
	struct event_config *const cfg = event_config_new();
	struct event_base *base = NULL;

	if (cfg == NULL)
		return NULL;
	event_config_set_flag(
	    cfg, EVENT_BASE_FLAG_PRECISE_TIMER | EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	return base;
}

static void
report_quietly(void *arg, bool is_error, const struct vr_where *at, const char *text)
{
	(void)arg;
	if (is_error)
		tw_log(TW_ALERT, "%s:%d: %s", at != NULL && at->file ? at->file : "?",
		    at != NULL ? at->line : 0, text);
}

/* The file as it is now: after a crash it may be another than at the start.
 * Its warnings were told when it was checked. */
static struct vr_conf *
conf_now(const struct vr_gen *g)
{
	struct vr_report rep = { .say = report_quietly };

	return vr_conf_read(g->path, &rep);
}

/* startup_script, shutdown_script */
static void
script_run(const struct vr_command *cmd, uint64_t timeout_us)
{
	struct tw_err err;

	if (cmd->argv != NULL &&
	    vr_spawn(cmd, NULL, timeout_us, NULL, NULL, &err) == NULL)
		tw_log(TW_ERR, "cannot run '%s': %s", cmd->text, err.text);
}

static int
process_up(struct process *p, const struct vr_gen *g, int control, struct tw_err *err)
{
	struct vr_fleet *const f = &p->fleet;
	struct vr_conf *const conf = conf_now(g);

	if (conf == NULL)
		return tw_err_set(err, "%s is bad", g->path);
	f->path = g->path;
	f->lends = !g->no_lease;
	f->base = base_new();
	if (f->base == NULL || signals_take(p) != 0 || vr_spawn_init(f->base, err) != 0)
		return tw_err_set(err, "no event loop");
	p->control = event_new(f->base, control, EV_READ | EV_PERSIST, on_control, p);
	if (p->control == NULL || event_add(p->control, NULL) != 0)
		return tw_err_set(err, "no control socket");
	vr_confine(&conf->global);
	vr_wire_set_buffer(conf->global.rx_bufs);
	if (vr_fleet_up(f, conf, err) != 0)
		return -1;
	heart_change(f, &g->peer);
	script_run(
	    &conf->global.startup_script, conf->global.startup_script_timeout_us);
	return 0;
}

static void
process_down(struct process *p)
{
	vr_fleet_stop(&p->fleet);
	script_run(&p->fleet.conf->global.shutdown_script,
	    p->fleet.conf->global.shutdown_script_timeout_us);
	vr_notifier_drain(p->fleet.notifier, vr_now_us() + DRAIN_US);
	vr_heart_free(&p->fleet.heart);
	vr_fleet_down(&p->fleet);
	vr_wire_announce_end();
	vr_spawn_fini();
	event_free(p->control);
	for (unsigned i = 0; i < p->n_signals; i++)
		event_free(p->signals[i]);
	event_base_free(p->fleet.base);
}

int
vr_process_run(struct tw_gen *gen, int control)
{
	const struct vr_gen *const g = tw_gen_block(gen, vr_self);
	static struct process p;
	struct tw_err err = { "" };

	if (process_up(&p, g, control, &err) != 0) {
		tw_log(TW_ALERT, "VRRP cannot start: %s", err.text);
		return 1;
	}
	event_base_dispatch(p.fleet.base);
	process_down(&p);
	return 0;
}
