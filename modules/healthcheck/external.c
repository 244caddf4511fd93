/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * external.c - checks that a program makes.
 *
 * The worker neither forks nor waits: it sends an order to the process that
 * does (program.c) and gets a report, or lets the check's time run out. What
 * the program is told is HAProxy's. Control thread.
 * source: HAProxy's manual, external-check command.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <tideway/assert.h>
#include <tideway/log.h>

#include "hc_run.h"
#include "program.h"

static struct {
	struct event event; /* reports */
	bool is_set;
	uint32_t last_id;
	char in[4096];
	size_t in_len;
} link_;

/* ---- the order ---- */

struct order {
	struct hc_order head;
	struct tw_out out;
};

static void word(struct order *o, bool is_env, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
word(struct order *o, bool is_env, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tw_out_str(&o->out, tw_str_of(text));
	tw_out_char(&o->out, '\0');
	*(is_env ? &o->head.n_env : &o->head.n_args) += 1;
}

/* An address and its port, as words. */
struct place {
	char addr[160], port[16];
};

static void
place_of(const struct tw_addr *a, const char *no_port, struct place *p)
{
	struct tw_out o = tw_out_of(p->addr, sizeof(p->addr) - 1);

	if (a->family == AF_UNIX) {
		tw_out_str(&o, tw_str_of(a->u.path));
		snprintf(p->port, sizeof(p->port), "%s", no_port);
	} else {
		tw_addr_out(&o, a);
		snprintf(p->port, sizeof(p->port), "%u", a->port);
	}
	*o.p = '\0';
}

static void
order_make(const struct hc_check *c, struct order *o)
{
	const struct tw_server *const srv = c->srv;
	const struct tw_proxy *const px = tw_server_proxy(srv);
	const struct hc_proxy *const conf = hc_conf_of(srv);
	const struct tw_bind *const bind = tw_proxy_bind(px, 0);
	struct place listens = { "NOT_USED", "NOT_USED" }, server;
	struct tw_gauges g = { 0 };

	if (bind != NULL)
		place_of(tw_bind_addr(bind), "NOT_USED", &listens);
	place_of(&c->conf.addr, "NOT_USED", &server);
	tw_server_gauges(srv, &g);
	word(o, false, "%s", conf->command);
	word(o, false, "%s", listens.addr);
	word(o, false, "%s", listens.port);
	word(o, false, "%s", server.addr);
	word(o, false, "%s", server.port);
	word(o, true, "PATH=%s", conf->path != NULL ? conf->path : "");
	word(o, true, "HAPROXY_PROXY_NAME=%s", tw_proxy_name(px));
	word(o, true, "HAPROXY_PROXY_ID=%u", (unsigned)tw_proxy_id(px));
	word(o, true, "HAPROXY_PROXY_ADDR=%s", bind != NULL ? listens.addr : "");
	word(o, true, "HAPROXY_PROXY_PORT=%s",
	    bind != NULL && listens.port[0] != 'N' ? listens.port : "");
	word(o, true, "HAPROXY_SERVER_NAME=%s", tw_server_name(srv));
	word(o, true, "HAPROXY_SERVER_ID=%u", (unsigned)tw_server_id(srv));
	word(o, true, "HAPROXY_SERVER_ADDR=%s", server.addr);
	word(o, true, "HAPROXY_SERVER_PORT=%s",
	    server.port[0] != 'N' ? server.port : "");
	word(o, true, "HAPROXY_SERVER_MAXCONN=%u", (unsigned)tw_server_maxconn(srv));
	word(o, true, "HAPROXY_SERVER_CURCONN=%u", (unsigned)g.cur);
	word(o, true, "HAPROXY_SERVER_SSL=0");
	word(o, true, "HAPROXY_SERVER_PROTO=%s",
	    tw_proxy_mode(px) == TW_MODE_HTTP ? "h1" : "tcp");
}

/* A short message on a stream socket: all of it, or it is left out. */
static bool
send_all(const void *p, size_t len)
{
	const int fd = tw_process_fd(hc_self);
	ssize_t n = fd < 0 ? -1 : send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0 && (size_t)n < len) /* half of one must not stand there */
		n = send(fd, (const char *)p + n, len - (size_t)n, MSG_NOSIGNAL);
	return n > 0;
}

static bool
order_send(struct hc_check *c)
{
	struct {
		struct hc_order head;
		char text[HC_ORDER_MAX];
	} msg;
	struct order o = { .out = tw_out_of(msg.text, sizeof(msg.text)) };

	order_make(c, &o);
	if (o.out.over)
		return false;
	c->program_id = ++link_.last_id;
	o.head.kind = HC_ORDER_RUN;
	o.head.id = c->program_id;
	o.head.len = (uint32_t)(o.out.p - msg.text);
	msg.head = o.head;
	return send_all(&msg, sizeof(msg.head) + msg.head.len);
}

/* ---- the report ---- */

static void
report_take(const struct hc_report *rep)
{
	struct hc_check *const c = hc_check_of_program(rep->id);
	struct tw_check_result r = { .what = TW_CHK_PROCERR };

	if (c == NULL)
		return; /* its time had run out */
	c->program_id = 0;
	if (rep->error != 0) {
		tw_log_limited(TW_WARNING,
		    "an external check of %s/%s was left out: %s",
		    tw_proxy_name(tw_server_proxy(c->srv)), tw_server_name(c->srv),
		    strerror(rep->error));
		hc_talk_end(c, NULL);
		return;
	}
	if (WIFSIGNALED(rep->status))
		snprintf(r.text, sizeof(r.text), "killed by signal %d",
		    WTERMSIG(rep->status));
	else if (WEXITSTATUS(rep->status) == 0)
		r.what = TW_CHK_PROCOK;
	else
		r.status = (uint16_t)WEXITSTATUS(rep->status);
	hc_talk_end(c, &r);
}

static void
on_report(evutil_socket_t fd, short what, void *arg)
{
	struct hc_report r;
	ssize_t n;

	(void)what;
	(void)arg;
	n = recv(
	    fd, link_.in + link_.in_len, sizeof(link_.in) - link_.in_len, MSG_DONTWAIT);
	if (n == 0)
		event_del(&link_.event); /* this program ends */
	if (n <= 0)
		return;
	link_.in_len += (size_t)n;
	while (link_.in_len >= sizeof(r)) {
		memcpy(&r, link_.in, sizeof(r));
		link_.in_len -= sizeof(r);
		memmove(link_.in, link_.in + sizeof(r), link_.in_len);
		report_take(&r);
	}
}

/* ---- the check ---- */

void
hc_external_begin(struct hc_check *c)
{
	const uint32_t check_ms = tw_proxy_timeout_ms(tw_server_proxy(c->srv), "check");

	c->begun_us = tw_now_us();
	if (tw_process_fd(hc_self) < 0) {
		tw_log_limited(TW_ALERT,
		    "external checks of %s/%s need a restart: a reload cannot begin "
		    "to run programs",
		    tw_proxy_name(tw_server_proxy(c->srv)), tw_server_name(c->srv));
		hc_talk_end(c, NULL);
		return;
	}
	c->phase = HC_PROGRAM;
	if (!order_send(c)) {
		c->program_id = 0;
		hc_talk_end(c, NULL);
		return;
	}
	tw_timer_set(
	    &c->timer, tw_now_ms() + (check_ms != 0 ? check_ms : c->conf.inter_ms));
}

void
hc_external_abort(struct hc_check *c)
{
	const struct hc_order o = { .kind = HC_ORDER_END, .id = c->program_id };

	if (c->program_id != 0)
		send_all(&o, sizeof(o));
	c->program_id = 0;
}

void
hc_external_up(void)
{
	const int fd = tw_process_fd(hc_self);

	if (fd < 0)
		return;
	event_assign(&link_.event, tw_worker_base(tw_worker_self()), fd,
	    EV_READ | EV_PERSIST, on_report, NULL);
	event_add(&link_.event, NULL);
	link_.last_id = (uint32_t)tw_now_us(); /* unlike a former worker's */
	link_.is_set = true;
}

void
hc_external_down(void)
{
	if (link_.is_set)
		event_del(&link_.event);
	link_.is_set = false;
}

/* ---- the process ---- */

bool
hc_process_wanted(struct tw_gen *gen)
{
	const struct tw_proxy *px;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		const struct hc_proxy *const conf = tw_proxy_block(px, hc_self);

		if (tw_proxy_has(px, TW_BACKEND) && conf->kind == HC_EXTERNAL)
			return true;
	}
	return false;
}

int
hc_process(struct tw_gen *gen, int control_fd)
{
	struct tw_err err;

	signal(SIGPIPE, SIG_IGN);
	if (tw_process_confine(gen, &err) != 0) {
		tw_log(TW_ALERT, "external checks: %s", err.text);
		return 1;
	}
	return hc_programs_serve(control_fd);
}
