/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/debug.c - option -d: what passes, on standard output.
 *
 * The form is HAProxy's, because people and scripts read it:
 * "00000000:web.clireq[0008:ffffffff]: GET / HTTP/1.1": the exchange's number,
 * the proxy, what happened, the two descriptors. Heads are shown as they came,
 * before any rule, with names in lower case. An event is one write(), so that
 * threads do not cut into each other's. Everyone else pays one untaken branch
 * on tw__debug_on. Workers' threads; source: HAProxy's management guide,
 * section 3, option -d.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "core/flow/debug.h"
#include "core/flow/trail.h"
#include "core/flow/watch.h"

#define EVENT_BYTES 65536

_Atomic unsigned tw__debug_bits;

static bool
is_shown(void)
{
	return (tw__debug_on & TW__DEBUG_SHOW) != 0;
}

static bool
has_trails(void)
{
	return (tw__debug_on & TW__DEBUG_TRAILS) != 0;
}

void
tw__debug_up(void)
{
	tw__debug_bits |= TW__DEBUG_SHOW;
	tw__watch_for(TW__WATCH_DEBUG);
	puts("Using epoll() as the polling mechanism.");
	fflush(stdout);
}

/* Whoever watches must keep up, or misses lines: a full pipe may be set to
 * non-blocking by others who share it. */
static void
event_write(const char *p, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(STDOUT_FILENO, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static void
event_head(struct tw_out *o, const struct tw_req *req, const struct tw_proxy *px,
    const char *what)
{
	tw_out_printf(o, "%08x:%s.%s", (unsigned)req->id, px->name, what);
}

static const struct tw_proxy *
last_proxy(const struct tw_req *req)
{
	return req->be != NULL ? req->be : req->fe;
}

/* A terminal must not obey what a peer sent. */
static char
shown(char c, bool lower)
{
	if ((unsigned char)c < 0x20 || c == 0x7f)
		return c == '\t' ? ' ' : '?';
	return lower && c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static void
text_out(struct tw_out *o, const char *p, size_t len, bool lower)
{
	for (size_t i = 0; i < len; i++)
		tw_out_char(o, shown(p[i], lower));
}

static void
start_line_out(struct tw_out *o, const char *p, size_t len)
{
	size_t n = 0;

	while (n < len && p[n] != '\r' && p[n] != '\n')
		n++;
	text_out(o, p, n, false);
	tw_out_char(o, '\n');
}

static void
fields_out(struct tw_out *o, const struct tw_msg *msg, struct tw_str prefix)
{
	for (const struct tw_hdr *h = msg->hdr; h < msg->hdr + msg->n_hdr; h++) {
		if ((h->flags & TW_HDR_ADDED) != 0)
			continue;
		tw_out_str(o, prefix);
		text_out(o, h->name, h->name_len, true);
		tw_out_lit(o, ": ");
		text_out(o, h->value, h->value_len, false);
		tw_out_char(o, '\n');
	}
}

void
tw__debug_conn(struct tw_req *req)
{
	if (has_trails())
		tw__trail_conn(req);
}

void
tw__debug_accept(const struct tw_req *req)
{
	const struct tw_conn *const cli = req->cli;
	const struct tw_addr *const src = tw_conn_src(cli);
	char mem[512];
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	if (!is_shown())
		return;

	event_head(&o, req, req->fe, "accept");
	tw_out_printf(&o, "(%04x)=%04x from [",
	    (uint16_t)tw__listener_fd(req->worker, cli->bind->live), (uint16_t)cli->fd);
	tw_addr_out(&o, src);
	tw_out_printf(&o, ":%u] ALPN=<none>\n", src->port);
	event_write(mem, (size_t)(o.p - mem));
}

/* A head: its first line after `what`, its fields after `field`. */
static void
head_show(const struct tw_req *req, const struct tw_msg *msg, struct tw_str line,
    bool from_client)
{
	const struct tw_proxy *const px = from_client ? req->fe : last_proxy(req);
	char mem[EVENT_BYTES], prefix[300];
	struct tw_out o = tw_out_of(mem, sizeof(mem));
	struct tw_out p = tw_out_of(prefix, sizeof(prefix));

	event_head(&o, req, px, from_client ? "clireq" : "srvrep");
	event_head(&p, req, px, from_client ? "clihdr" : "srvhdr");
	char *const ids = p.p;
	if (from_client)
		tw_out_printf(&p, "[%04x:ffffffff]: ", (uint16_t)req->cli->fd);
	else
		tw_out_printf(&p, "[%04x:%04x]: ", (uint16_t)req->cli->fd,
		    (uint16_t)req->debug_fd);
	tw_out_mem(&o, ids, (size_t)(p.p - ids));
	start_line_out(&o, line.p, line.len);
	fields_out(&o, msg, (struct tw_str){ prefix, (size_t)(p.p - prefix) });
	event_write(mem, (size_t)(o.p - mem));
}

void
tw__debug_request(struct tw_req *req)
{
	if (has_trails())
		tw__trail_request(req);
	if (is_shown())
		head_show(req, &req->req, req->start_line, true);
}

void
tw__debug_server(struct tw_req *req)
{
	req->debug_fd = req->srvc->fd;
}

void
tw__debug_response(struct tw_req *req)
{
	if (is_shown())
		head_show(req, &req->res, req->res.raw, false);
}

static void
close_out(struct tw_out *o, const struct tw_req *req, const char *what)
{
	event_head(o, req, last_proxy(req), what);
	tw_out_printf(o, "[%04x:%04x]\n", (uint16_t)req->cli->fd,
	    req->debug_fd != 0 ? (uint16_t)req->debug_fd : 0xffffu);
}

static void
end_show(const struct tw_req *req)
{
	char mem[1024];
	struct tw_out o = tw_out_of(mem, sizeof(mem));

	if (req->t_first == 0) /* refused before it began */
		return;
	if (req->debug_fd != 0)
		close_out(&o, req, "srvcls");
	close_out(&o, req, "clicls");
	close_out(&o, req, "closed");
	event_write(mem, (size_t)(o.p - mem));
}

void
tw__debug_end(struct tw_req *req)
{
	if (is_shown())
		end_show(req);
	if (has_trails())
		tw__trail_end(req);
}
