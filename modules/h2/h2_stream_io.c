/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_stream_io.c - one stream as a connection: what came for it as records, and
 * records that are sent.
 *
 * Payload goes into the stream's receive buffer at once; what finds no room
 * there waits in pieces, and the peer's window is opened again only for what has
 * left them. So a stream holds no more than its window and one buffer. Worker.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>
#include <tideway/encode.h>

#include "h2_child.h"

#define REC sizeof(struct h2_rec)
#define KEEP_CHILDREN 256u
#define PIECE_LEAST 1000u

/* --- its life --- */

struct h2_child *
h2__child_new(struct h2_carrier *c, struct h2_stream *st, struct tw_conn *conn)
{
	struct h2_own *const own = c->own;
	struct h2_child *ch = own->children;

	if (ch != NULL) {
		own->children = ch->free_next;
		own->n_children--;
	} else if ((ch = malloc(sizeof(*ch))) == NULL) {
		return NULL;
	}
	memset(ch, 0, sizeof(*ch));
	ch->carrier = c;
	ch->own = own;
	ch->st = st;
	ch->in_end = &ch->in_first;
	ch->begun = conn != NULL;
	ch->conn = conn != NULL ? conn : tw_stream_new(c->conn, ch);
	if (ch->conn == NULL) {
		free(ch);
		return NULL;
	}
	if (st != NULL)
		st->user = ch;
	LIST_INSERT_HEAD(&c->all, ch, all_link);
	return ch;
}

static void
pieces_drop(struct h2_child *ch)
{
	while (ch->in_first != NULL) {
		struct h2_piece *const p = ch->in_first;
		ch->in_first = p->next;
		free(p);
	}
	ch->in_end = &ch->in_first;
	free((void *)(uintptr_t)ch->trailers.p);
	ch->trailers = (struct tw_str){ NULL, 0 };
}

static void
unlist(struct h2_child *ch)
{
	if (ch->is_ready) {
		if (ch->carrier->ready_last == ch)
			ch->carrier->ready_last = NULL;
		LIST_REMOVE(ch, ready_link);
	}
	if (ch->is_stalled)
		TAILQ_REMOVE(&ch->carrier->stalled, ch, stalled_link);
	ch->is_ready = ch->is_stalled = false;
}

static void
stream_fini(struct tw_conn *conn, void *state)
{
	struct h2_child *const ch = state;

	(void)conn;
	if (ch->carrier != NULL) {
		unlist(ch);
		LIST_REMOVE(ch, all_link);
	}
	pieces_drop(ch);
	free(ch->held);
	struct h2_own *const own = ch->own;
	if (ch->st != NULL) {
		h2_release(&ch->carrier->s, ch->st);
		tw_mux_wakes(ch->carrier->conn);
	}
	if (own->n_children >= KEEP_CHILDREN) {
		free(ch);
		return;
	}
	ch->free_next = own->children;
	own->children = ch;
	own->n_children++;
}

void
h2__own_fini(struct h2_own *own)
{
	while (own->children != NULL) {
		struct h2_child *const ch = own->children;
		own->children = ch->free_next;
		free(ch);
	}
	h2_worker_fini(&own->engine);
}

/* Those that came first run first. */
void
h2__child_ready(struct h2_child *ch)
{
	struct h2_carrier *const c = ch->carrier;

	if (ch->is_ready)
		return;
	ch->is_ready = true;
	if (c->ready_last != NULL && !LIST_EMPTY(&c->ready))
		LIST_INSERT_AFTER(c->ready_last, ch, ready_link);
	else
		LIST_INSERT_HEAD(&c->ready, ch, ready_link);
	c->ready_last = ch;
}

void
h2__child_lost(struct h2_child *ch)
{
	if (ch->st != NULL)
		h2_release(&ch->carrier->s, ch->st);
	ch->st = NULL;
	ch->lost = true;
	h2__child_ready(ch);
}

void
h2__child_orphan(struct h2_child *ch)
{
	if (ch->st != NULL)
		h2_release(&ch->carrier->s, ch->st);
	unlist(ch);
	LIST_REMOVE(ch, all_link);
	ch->st = NULL;
	ch->carrier = NULL;
	ch->lost = true;
}

/* --- what comes --- */

/* returns: bytes; 0: no room. */
static size_t
head_record(const struct h2_child *ch, char *p, size_t room, const struct h2_head *hd)
{
	char key[H2_WEBSOCKET_KEY + 1] = "";

	if (ch->carrier->is_server)
		return ch->is_upgrade && hd->status == 200
		    ? h2__websocket_answered(ch, p, room, hd)
		    : h2__rec_response(p, room, hd);
	if (hd->protocol.p != NULL)
		h2__websocket_key(key);
	return h2__rec_request(p, room, hd, key);
}

void
h2__child_head(struct h2_child *ch, const struct h2_head *hd)
{
	size_t room;
	char *const p = tw_stream_room(ch->conn, &room);
	const size_t n = head_record(ch, p, room, hd);

	if (n == 0) {
		h2__child_lost(ch);
		return;
	}
	tw_stream_fed(ch->conn, n);
	if (hd->end)
		ch->ended = ch->end_told = true;
	ch->can_read = true;
	h2__child_ready(ch);
}

/* Directly to where it is read. returns: bytes taken. */
static size_t
feed(struct h2_child *ch, const char *data, size_t len, bool end)
{
	size_t room;
	char *p = tw_stream_room(ch->conn, &room);
	const size_t n = room < REC + 1 ? 0 : len < room - REC ? len : room - REC;

	if (p == NULL || (n == 0 && (len > 0 || room < REC)))
		return 0;
	end = end && n == len;
	p = h2__rec_put(p, (uint32_t)n, H2_REC_DATA, end ? H2_REC_END : 0);
	if (n > 0)
		memcpy(p, data, n);
	tw_stream_fed(ch->conn, REC + n);
	ch->end_told |= end;
	return n;
}

/* Frames of an octet or two must not cost a piece each. returns: false: there
 * is no room behind the last one. */
static bool
piece_append(struct h2_child *ch, struct tw_str data)
{
	struct h2_piece *const last = (struct h2_piece *)ch->in_end; /* its `next` */

	if (ch->in_first == NULL || last->size - last->off - last->len < data.len)
		return false;
	memcpy(last->data + last->off + last->len, data.p, data.len);
	last->len += (uint32_t)data.len;
	return true;
}

static void
piece_add(struct h2_child *ch, struct tw_str data)
{
	const size_t size = data.len < PIECE_LEAST ? PIECE_LEAST : data.len;

	if (piece_append(ch, data))
		return;
	struct h2_piece *const p = malloc(sizeof(*p) + size);

	if (p == NULL) {
		h2_reset(&ch->carrier->s, ch->st, H2_INTERNAL_ERROR);
		h2__child_lost(ch);
		return;
	}
	p->next = NULL;
	p->off = 0;
	p->size = (uint32_t)size;
	p->len = (uint32_t)data.len;
	memcpy(p->data, data.p, data.len);
	*ch->in_end = p;
	ch->in_end = &p->next;
}

void
h2__child_data(struct h2_child *ch, struct tw_str data, bool end)
{
	size_t n = 0;

	if (ch->in_first == NULL)
		n = feed(ch, data.p, data.len, end);
	if (n > 0)
		h2_consumed(&ch->carrier->s, ch->st, n);
	if (n < data.len)
		piece_add(ch, (struct tw_str){ data.p + n, data.len - n });
	if (ch->lost)
		return;
	ch->ended |= end;
	ch->can_read = true;
	h2__child_ready(ch);
}

void
h2__child_trailers(struct h2_child *ch, const struct h2_head *hd)
{
	char *const copy = malloc(hd->lines.len + 1);

	if (copy != NULL && hd->lines.len > 0) {
		memcpy(copy, hd->lines.p, hd->lines.len);
		ch->trailers = (struct tw_str){ copy, hd->lines.len };
	} else {
		free(copy);
	}
	ch->ended = ch->can_read = true;
	h2__child_ready(ch);
}

/* The message's end, when nothing is before it. returns: bytes; 0: no room. */
static size_t
end_record(struct h2_child *ch, char *p, size_t len)
{
	const size_t n = ch->trailers.len;

	if (len < REC + n)
		return 0;
	ch->end_told = true;
	if (n == 0) {
		h2__rec_put(p, 0, H2_REC_DATA, H2_REC_END);
		return REC;
	}
	memcpy(h2__rec_put(p, (uint32_t)n, H2_REC_TRAILERS, 0), ch->trailers.p, n);
	return REC + n;
}

/* Pieces become one record each, as far as there is room. */
static enum tw_io
stream_recv(struct tw_conn *conn, void *state, void *to, size_t len, size_t *n)
{
	struct h2_child *const ch = state;
	char *p = to;

	(void)conn;
	*n = 0;
	while (ch->in_first != NULL && len - *n > REC) {
		struct h2_piece *const piece = ch->in_first;
		const size_t room = len - *n - REC;
		const uint32_t part = piece->len < room ? piece->len : (uint32_t)room;
		p = h2__rec_put(p, part, H2_REC_DATA, 0);
		memcpy(p, piece->data + piece->off, part);
		p += part;
		*n += REC + part;
		piece->off += part;
		piece->len -= part;
		if (ch->st != NULL)
			h2_consumed(&ch->carrier->s, ch->st, part);
		if (piece->len > 0)
			break;
		ch->in_first = piece->next;
		if (ch->in_first == NULL)
			ch->in_end = &ch->in_first;
		free(piece);
	}
	if (ch->st != NULL && *n > 0)
		tw_mux_wakes(ch->carrier->conn); /* for WINDOW_UPDATE */
	if (ch->in_first == NULL && ch->ended && !ch->end_told)
		*n += end_record(ch, p, len - *n);
	if (*n > 0)
		return TW_IO_OK;
	if (ch->lost)
		return TW_IO_ERR;
	return ch->carrier->eof && !ch->ended ? TW_IO_END : TW_IO_AGAIN;
}

/* --- what is sent --- */

/* returns: fields. */
static unsigned
lines_split(struct tw_str lines, struct tw_hdr *hdr)
{
	unsigned n = 0;

	while (lines.len > 0 && n < TW_MAX_HDR) {
		const char *const nl = memchr(lines.p, '\n', lines.len);
		const size_t len = nl != NULL ? (size_t)(nl - lines.p) : lines.len;
		const char *const colon = memchr(lines.p, ':', len);

		if (colon != NULL) {
			const char *v = colon + 1, *end = lines.p + len;
			while (v < end && (*v == ' ' || *v == '\t'))
				v++;
			while (end > v &&
			    (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t'))
				end--;
			hdr[n] = (struct tw_hdr){ .name = lines.p,
				.name_len = (uint16_t)(colon - lines.p),
				.value = v,
				.value_len = (uint32_t)(end - v) };
			hdr[n].id = (uint8_t)tw_hdr_id(
			    (struct tw_str){ hdr[n].name, hdr[n].name_len });
			n++;
		}
		lines.p += len + (nl != NULL);
		lines.len -= len + (nl != NULL);
	}
	return n;
}

/* What has come of a record is kept until there are `want` bytes of it. returns:
 * bytes of p taken; -1: out of memory. */
static ssize_t
hold(struct h2_child *ch, size_t want, const char *p, size_t len)
{
	const size_t part = want - ch->held_len < len ? want - ch->held_len : len;

	if (want > ch->held_size) {
		char *const more = realloc(ch->held, want);
		if (more == NULL)
			return -1;
		ch->held = more;
		ch->held_size = (uint32_t)want;
	}
	memcpy(ch->held + ch->held_len, p, part);
	ch->held_len += (uint32_t)part;
	return (ssize_t)part;
}

/* Whether it takes an extended CONNECT, only its SETTINGS tell. returns: false: they
 * have not come, or say no. */
static bool
may_upgrade(struct h2_child *ch)
{
	const struct h2_session *const s = &ch->carrier->s;

	ch->waits = !s->settings_seen;
	if (ch->waits || s->peer.connect_protocol)
		return !ch->waits;
	ch->why = "the server takes no WebSocket over HTTP/2";
	h2__child_lost(ch);
	tw_mux_wakes(ch->carrier->conn);
	return false;
}

/* The codec has told scheme and authority, if the URI has them. */
static void
target_set(const struct h2_carrier *c, struct h2_head *hd)
{
	for (unsigned i = 0; hd->scheme.len == 0 && i < hd->n_hdr; i++) {
		if (hd->hdr[i].id == TW_H_HOST)
			hd->authority = tw_hdr_value(&hd->hdr[i]);
	}
	if (hd->protocol.p == NULL && tw_str_eq(hd->method, TW_STR("CONNECT"))) {
		hd->authority = hd->path;
		hd->path = hd->scheme = (struct tw_str){ NULL, 0 };
		hd->end = false; /* its bytes follow */
	} else if (hd->scheme.len == 0) {
		hd->scheme = c->is_secure ? TW_STR("https") : TW_STR("http");
	}
}

/* The stream begins with it. in: hdr, those of hd. returns: -1: it cannot. */
static int
request_send(struct h2_child *ch, struct h2_head *hd, struct tw_hdr *hdr)
{
	struct h2_carrier *const c = ch->carrier;

	if (ch->st != NULL)
		return -1;
	if (hd->protocol.p != NULL) {
		if (!may_upgrade(ch))
			return 0;
		h2__websocket_asked(ch, hd, hdr);
	}
	hd->kind = H2_REQUEST;
	target_set(c, hd);
	ch->st = h2_open(&c->s, ch);
	if (ch->st == NULL)
		return -1;
	ch->sent = true;
	return h2_submit_head(&c->s, ch->st, hd, hd->end);
}

/* In: p, the record's payload, which may be what is held. */
static int
record_keep(struct h2_child *ch, const struct h2_rec *rec, const char *p)
{
	if (ch->held != NULL && p == ch->held + REC) {
		ch->held_len = (uint32_t)(REC + rec->len);
		return 0;
	}
	return hold(ch, REC, (const char *)rec, REC) < 0 ||
		hold(ch, REC + rec->len, p, rec->len) < 0
	    ? -1
	    : 0;
}

/* One whole record but DATA. returns: -1: the stream is dead. */
static int
record_send(struct h2_child *ch, const struct h2_rec *rec, const char *p)
{
	struct h2_session *const s = &ch->carrier->s;
	struct tw_hdr hdr[TW_MAX_HDR + 1];
	struct h2_head hd;

	if (rec->type == H2_REC_TRAILERS)
		return h2_submit_trailers(
		    s, ch->st, hdr, lines_split((struct tw_str){ p, rec->len }, hdr));
	if (!h2__rec_read(rec, p, &hd, hdr))
		return -1;
	if (ch->carrier->is_server) {
		if (request_send(ch, &hd, hdr) < 0)
			return -1;
		return ch->waits ? record_keep(ch, rec, p) : 0;
	}
	hd.kind = hd.status < 200 ? H2_INTERIM : H2_RESPONSE;
	return h2_submit_head(s, ch->st, &hd, hd.end);
}

/* returns: bytes taken; all of them but when the stream has to wait. */
static size_t
data_send(struct h2_child *ch, const char *p, size_t len)
{
	struct h2_carrier *const c = ch->carrier;
	const size_t part = len < ch->data_left ? len : ch->data_left;
	const bool end = ch->data_end && part == ch->data_left;

	if (part == 0 && !end)
		return 0;
	if (part > 0 &&
	    (c->s.out_bytes >= H2_OUT_MAX ||
		(!TAILQ_EMPTY(&c->stalled) && !c->waking))) {
		if (!ch->is_stalled)
			TAILQ_INSERT_TAIL(&c->stalled, ch, stalled_link);
		ch->is_stalled = true;
		return 0;
	}
	const size_t n = h2_submit_data(&c->s, ch->st, p, part, end);
	if (TW_UNLIKELY(n < part && c->eof))
		tw_mux_wakes(c->conn); /* its window stays closed */
	ch->data_left -= (uint32_t)n;
	if (ch->data_left == 0)
		ch->data_end = false;
	return n;
}

/* in: payload: all of it, but of a DATA record. returns: -1: dead. */
static int
record_take(struct h2_child *ch, const struct h2_rec *rec, const char *payload)
{
	ch->held_len = 0;
	if (rec->type != H2_REC_DATA)
		return record_send(ch, rec, payload);
	ch->data_left = rec->len;
	ch->data_end = (rec->flags & H2_REC_END) != 0;
	return 0;
}

void
h2__child_settings(struct h2_child *ch)
{
	struct h2_rec rec;

	if (!ch->waits)
		return;
	memcpy(&rec, ch->held, REC);
	ch->held_len = 0;
	if (record_send(ch, &rec, ch->held + REC) < 0) {
		ch->refused = !ch->sent;
		h2__child_lost(ch);
	} else {
		ch->can_write = true;
		h2__child_ready(ch);
	}
}

/* What is taken before its payload is looked at. */
static size_t
record_bytes(const struct h2_rec *rec)
{
	return rec->type == H2_REC_DATA ? REC : REC + rec->len;
}

/* A record whose beginning came with other bytes than its end. returns: bytes of
 * p taken; -1: dead. */
static ssize_t
record_in_parts(struct h2_child *ch, const char *p, size_t len)
{
	struct h2_rec rec;
	ssize_t took = 0, n;

	if (ch->held_len < REC && (took = hold(ch, REC, p, len)) < 0)
		return -1;
	if (ch->held_len < REC)
		return took;
	memcpy(&rec, ch->held, REC);
	n = hold(ch, record_bytes(&rec), p + took, len - (size_t)took);
	if (n < 0)
		return -1;
	took += n;
	if (ch->held_len < record_bytes(&rec))
		return took;
	return record_take(ch, &rec, ch->held + REC) < 0 ? -1 : took;
}

/* returns: bytes of p taken; -1: dead. */
static ssize_t
record_begin(struct h2_child *ch, const char *p, size_t len)
{
	struct h2_rec rec;

	if (ch->held_len > 0 || len < REC)
		return record_in_parts(ch, p, len);
	memcpy(&rec, p, REC);
	if (record_bytes(&rec) > len)
		return record_in_parts(ch, p, len);
	return record_take(ch, &rec, p + REC) < 0 ? -1 : (ssize_t)record_bytes(&rec);
}

/* returns: bytes taken; less than len: it has to wait; -1: dead. */
static ssize_t
bytes_send(struct h2_child *ch, const char *p, size_t len)
{
	size_t at = 0;

	if (TW_UNLIKELY(ch->waits))
		return 0;
	while (at < len || (ch->data_end && ch->data_left == 0)) {
		const bool in_data = ch->data_left > 0 || ch->data_end;
		const ssize_t n = in_data ? (ssize_t)data_send(ch, p + at, len - at)
					  : record_begin(ch, p + at, len - at);
		if (n < 0)
			return -1;
		if (n == 0 && in_data && ch->data_left > 0)
			break;
		at += (size_t)n;
	}
	return (ssize_t)at;
}

/* What has not left nobody can have looked at. */
static enum tw_io
send_failed(const struct h2_child *ch)
{
	if (!ch->sent && ch->why == NULL)
		tw_stream_untouched(ch->conn);
	return TW_IO_ERR;
}

static enum tw_io
stream_send(
    struct tw_conn *conn, void *state, const struct iovec *iov, int n_iov, size_t *sent)
{
	struct h2_child *const ch = state;

	(void)conn;
	*sent = 0;
	for (int i = 0; i < n_iov; i++) {
		if (ch->lost || (ch->st == NULL && !ch->carrier->is_server))
			return send_failed(ch);
		const ssize_t n = bytes_send(ch, iov[i].iov_base, iov[i].iov_len);
		if (n < 0)
			return send_failed(ch);
		*sent += (size_t)n;
		if ((size_t)n < iov[i].iov_len)
			break;
	}
	if (ch->carrier != NULL)
		tw_mux_wakes(ch->carrier->conn);
	return TW_IO_OK;
}

static void
stream_shut(struct tw_conn *conn, void *state)
{
	struct h2_child *const ch = state;

	(void)conn;
	if (ch->st == NULL || (ch->st->flags & H2_ST_LOCAL_END))
		return;
	h2_submit_data(&ch->carrier->s, ch->st, "", 0, true);
	tw_mux_wakes(ch->carrier->conn);
}

const struct tw_transport h2__stream_transport = {
	.name = "h2",
	.recv = stream_recv,
	.send = stream_send,
	.shut = stream_shut,
	.fini = stream_fini,
};
