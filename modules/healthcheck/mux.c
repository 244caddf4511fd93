/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * mux.c - HTTP and gRPC checks that do not speak HTTP/1: when, and their bytes.
 *
 * What such a protocol is, is another module's, which is asked for one exchange
 * (struct tw_single); it makes the answer look like one of HTTP/1, so that rules
 * see no difference. An answer that breaks off behind its head is judged by what
 * came, as is one of HTTP/1; who breaks the protocol before has no answer.
 * Control thread. source: HAProxy's manual, 5.2, check-proto and check-alpn;
 * http-check connect.
 */
#include <errno.h>
#include <stdio.h>

#include "hc_run.h"

#define READ_BYTES 16384u
#define TURN_READS 4 /* before others get their turn */

/* --- which checks --- */

const struct tw_proto *
hc_mux_proto(void)
{
	const struct tw_proto *const p = tw_mux_proto();

	return p != NULL && p->mux->single != NULL ? p : NULL;
}

static enum hc_speaks
of_name(const char *name)
{
	return strcmp(name, "h1") == 0 ? HC_SPEAKS_H1 : HC_SPEAKS_MUX;
}

enum hc_speaks
hc_mux_forced(const struct tw_server *srv, const struct hc_connect *conn)
{
	const struct tw_proto *const traffic = tw_server_proto(srv);

	if (conn->proto != NULL)
		return of_name(conn->proto);
	if (!conn->server_defaults)
		return HC_SPEAKS_AGREED;
	if (hc_server_of(srv)->proto != NULL)
		return of_name(hc_server_of(srv)->proto);
	return traffic == NULL          ? HC_SPEAKS_AGREED
	    : traffic == hc_mux_proto() ? HC_SPEAKS_MUX
					: HC_SPEAKS_H1;
}

/* What the transport's peers have agreed upon. */
static bool
is_agreed(const struct hc_check *c, const struct tw_proto *mux)
{
	if (c->state == NULL || c->transport->alpn == NULL)
		return false;
	const struct tw_str name = c->transport->alpn(c->state);
	return name.p != NULL && tw_str_eq(name, tw_str_of(mux->alpn));
}

bool
hc_mux_begins(const struct hc_check *c)
{
	const struct tw_proto *const mux = hc_mux_proto();

	if (mux == NULL || c->connected_by == NULL)
		return false;
	const enum hc_speaks forced =
	    hc_mux_forced(c->srv, &c->connected_by->u.connect);
	return forced == HC_SPEAKS_MUX ||
	    (forced == HC_SPEAKS_AGREED && is_agreed(c, mux));
}

/* --- the request --- */

/* Whom it is for where no Host says so: the name that TLS asks for, or the place. */
static struct tw_str
authority(const struct hc_check *c, struct tw_out *o)
{
	const struct hc_connect *const conn = &c->connected_by->u.connect;
	const char *const sni = conn->sni != NULL ? conn->sni
	    : conn->server_defaults               ? hc_server_of(c->srv)->sni
						  : NULL;
	char *const from = o->p;

	if (c->state != NULL && sni != NULL)
		return tw_str_of(sni);
	if (c->to.family == AF_UNIX)
		return TW_STR("localhost");
	tw_addr_port_out(o, &c->to);
	return (struct tw_str){ from, (size_t)(o->p - from) };
}

/* returns: false: it has too many fields. */
static bool
msg_make(const struct hc_request *r, struct tw_msg *msg)
{
	struct tw_str fields = r->fields, name, value;

	*msg = (struct tw_msg){
		.major = 2, .method_name = r->method, .target = r->target
	};
	while (hc_field_next(&fields, &name, &value)) {
		if (tw_msg_add(msg, name, value) < 0)
			return false;
	}
	const struct tw_hdr *const host = tw_msg_first(msg, TW_H_HOST);
	if (host != NULL)
		msg->host = tw_hdr_value(host);
	return true;
}

static void
fail_text(struct hc_check *c, enum tw_chk what, struct tw_str text)
{
	struct tw_check_result r = { .what = what };

	snprintf(r.text, sizeof(r.text), "%.*s", TW_STR_FMT(text));
	hc_talk_end(c, &r);
}

/* Who breaks the protocol has not answered an HTTP check; a preset says what came. */
static enum tw_chk
broken(const struct hc_check *c)
{
	return hc_script_of(c)->kind == HC_HTTP ? TW_CHK_SOCKERR : TW_CHK_L7RSP;
}

/* What the peer is told at last may still reach it. returns: 0; -1: errno. */
static int
out_send(struct hc_check *c)
{
	struct iovec iov;

	while (c->mux->out(c->mux_state, &iov, 1) > 0) {
		const ssize_t n = hc_io_send(c, iov.iov_base, iov.iov_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		c->mux->sent(c->mux_state, (size_t)n);
	}
	if (hc_io_flush(c))
		return 0;
	errno = EAGAIN;
	return -1;
}

/* Who has spoken and goes may answer what it does not read any more with a reset: it
 * ends as any other does. returns: false: it has ended. */
static bool
lost(struct hc_check *c, int error)
{
	if (!c->mux_heard) {
		hc_talk_fail(c, TW_CHK_SOCKERR, error);
		return false;
	}
	c->eof = true;
	return true;
}

/* returns: false: it has ended. */
static bool
mux_flush(struct hc_check *c)
{
	c->mux_waits = false;
	if (out_send(c) == 0 || c->eof)
		return true;
	c->mux_waits = errno == EAGAIN;
	return c->mux_waits || lost(c, errno);
}

bool
hc_mux_send(struct hc_check *c, const struct hc_request *r)
{
	char mem[128];
	struct tw_out o = tw_out_of(mem, sizeof(mem));
	struct tw_msg msg;

	if (c->reset) {
		hc_talk_fail(c, TW_CHK_SOCKERR, ECONNRESET);
		return false;
	}
	if (!msg_make(r, &msg)) {
		fail_text(c, TW_CHK_L7RSP,
		    TW_STR("http-check send : too many header fields"));
		return false;
	}
	if (msg.host.p == NULL)
		msg.host = authority(c, &o);
	const struct tw_single_request ask = { .px = tw_server_proxy(c->srv),
		.msg = &msg,
		.body = r->body,
		.is_secure = c->state != NULL };
	const struct tw_single *const single = hc_mux_proto()->mux->single;
	c->mux_state = single->begin(&ask);
	if (c->mux_state == NULL) {
		hc_talk_end(c, NULL);
		return false;
	}
	c->mux = single;
	return mux_flush(c);
}

/* --- the answer --- */

struct taking {
	struct hc_check *c;
	bool no_memory;
};

static void
take(void *arg, struct tw_str bytes)
{
	struct taking *const t = arg;

	if (!hc_talk_take(t->c, bytes))
		t->no_memory = true;
}

/* returns: false: it has ended. */
static bool
bytes_feed(struct hc_check *c, struct tw_str bytes)
{
	struct taking t = { c, false };
	char mem[160];
	struct tw_out o = tw_out_of(mem, sizeof(mem));
	size_t used;
	const enum tw_io io = c->mux->feed(c->mux_state, bytes, &used, take, &t);

	if (t.no_memory) {
		hc_talk_end(c, NULL);
		return false;
	}
	if (io == TW_IO_AGAIN) {
		c->n_left = (uint8_t)(bytes.len - used);
		memcpy(c->left, bytes.p + used, c->n_left);
		return true;
	}
	c->eof = true;
	if (io == TW_IO_END || c->len > 0)
		return true;
	c->mux->why(c->mux_state, &o);
	fail_text(c, broken(c), (struct tw_str){ mem, (size_t)(o.p - mem) });
	return false;
}

/* returns: false: it has ended. */
static bool
mux_read(struct hc_check *c)
{
	char mem[READ_BYTES + TW_SINGLE_REST];

	for (int i = 0; i < TURN_READS && !c->eof; i++) {
		memcpy(mem, c->left, c->n_left);
		const ssize_t n = hc_io_recv(c, mem + c->n_left, READ_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0)
			return lost(c, errno);
		c->eof = n == 0;
		c->mux_heard = true;
		if (n > 0 &&
		    !bytes_feed(c, (struct tw_str){ mem, c->n_left + (size_t)n }))
			return false;
	}
	return true;
}

void
hc_mux_event(struct hc_check *c)
{
	const uint32_t before = c->len;

	if (!mux_read(c) || !mux_flush(c))
		return;
	if (c->eof || c->len > before)
		hc_script_go(c);
	else
		hc_talk_read(c);
}

void
hc_mux_close(struct hc_check *c)
{
	c->mux->leave(c->mux_state);
	(void)out_send(c);
	c->mux->fini(c->mux_state);
	c->mux = NULL;
	c->mux_state = NULL;
	c->n_left = 0;
	c->mux_waits = c->mux_heard = false;
}
