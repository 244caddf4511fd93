/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_record.c - heads as records: what the engine decoded, made to look like a
 * head of HTTP/1 with an index; and back.
 *
 * Any thread. source: RFC 9113 section 8.3, RFC 8441 section 5.
 */
#include "config.h"

#include <string.h>

#include "h2_mod.h"

/* A record that is being made: the index grows from the front, and the text
 * behind the room for all of it. */
struct maker {
	struct h2_rec_head head;
	char *fields, *text;
	struct tw_out out;
};

static void
maker_begin(struct maker *m, char *p, size_t room, unsigned max_fields)
{
	const size_t index = sizeof(struct h2_rec) + sizeof(struct h2_rec_head) +
	    max_fields * sizeof(struct h2_rec_field);

	memset(m, 0, sizeof(*m));
	m->fields = p + sizeof(struct h2_rec) + sizeof(struct h2_rec_head);
	m->text = p + index;
	m->out = tw_out_of(m->text, room > index ? room - index : 0);
	m->out.over = room <= index;
}

static uint32_t
at(const struct maker *m)
{
	return (uint32_t)(m->out.p - m->text);
}

static void
field(struct maker *m, struct tw_str name, struct tw_str value, uint8_t id)
{
	struct h2_rec_field f = { .name = at(m),
		.value_len = (uint32_t)value.len,
		.name_len = (uint16_t)name.len,
		.id = id };

	tw_out_str(&m->out, name);
	tw_out_lit(&m->out, ": ");
	f.value = at(m);
	tw_out_str(&m->out, value);
	tw_out_lit(&m->out, "\r\n");
	memcpy(m->fields + m->head.n_hdr * sizeof(f), &f, sizeof(f));
	m->head.n_hdr++;
}

/* returns: the record's bytes; 0: no room. */
static size_t
maker_end(struct maker *m, char *p, unsigned flags)
{
	if (m->out.over)
		return 0;
	m->head.text_len = at(m);
	char *const index_end = m->fields + m->head.n_hdr * sizeof(struct h2_rec_field);
	if (index_end < m->text)
		memmove(index_end, m->text, m->head.text_len);
	const size_t total = (size_t)(index_end - p) + m->head.text_len;
	h2__rec_put(p, (uint32_t)(total - sizeof(struct h2_rec)), H2_REC_HEAD, flags);
	memcpy(p + sizeof(struct h2_rec), &m->head, sizeof(m->head));
	return total;
}

static size_t
too_large(char *p, size_t room)
{
	if (room < sizeof(struct h2_rec))
		return 0;
	h2__rec_put(p, 0, H2_REC_HEAD, H2_REC_TOO_LARGE);
	return sizeof(struct h2_rec);
}

static bool
is_asterisk(const struct h2_head *hd)
{
	return hd->path.len == 1 && hd->path.p[0] == '*';
}

/* As HAProxy shows it in logs: absolute, with the target a part of it; but '*', which
 * has its place behind the head. */
static void
request_line(struct maker *m, const struct h2_head *hd)
{
	tw_out_str(&m->out, hd->method);
	m->head.method_len = at(m);
	tw_out_char(&m->out, ' ');
	if (hd->path.p == NULL) {
		m->head.target = at(m);
		tw_out_str(&m->out, hd->authority);
	} else {
		if (hd->authority.len > 0) {
			tw_out_str(&m->out, hd->scheme);
			tw_out_lit(&m->out, "://");
			m->head.authority = at(m);
			m->head.authority_len = (uint32_t)hd->authority.len;
			tw_out_str(&m->out, hd->authority);
		}
		m->head.target = at(m);
		if (hd->path.len > 0 && hd->path.p[0] == '?')
			tw_out_char(&m->out, '/');
		if (!is_asterisk(hd) || hd->authority.len == 0)
			tw_out_str(&m->out, hd->path);
	}
	m->head.target_len = at(m) - m->head.target;
	tw_out_lit(&m->out, " HTTP/2.0\r\n");
}

/* Of HTTP/1, where it is a GET that asks for another protocol. */
static void
upgrade(struct maker *m, const struct h2_head *hd, const char *key)
{
	field(m, TW_STR("upgrade"), hd->protocol, TW_H_UPGRADE);
	if (tw_str_ieq(hd->protocol, TW_STR("websocket")))
		field(m, TW_STR("sec-websocket-key"), tw_str_of(key), TW_H_OTHER);
}

size_t
h2__rec_request(char *p, size_t room, const struct h2_head *hd, const char *key)
{
	const bool is_upgrade = hd->protocol.p != NULL;
	struct h2_head plain = *hd;
	struct maker m;

	if (hd->too_large || hd->n_hdr + (is_upgrade ? 2u : 0u) > TW_MAX_HDR)
		return too_large(p, room);
	maker_begin(&m, p, room, hd->n_hdr + 2u);
	if (is_upgrade && key != NULL)
		plain.method = TW_STR("GET");
	request_line(&m, &plain);
	for (unsigned i = 0; i < hd->n_hdr; i++)
		field(&m, (struct tw_str){ hd->hdr[i].name, hd->hdr[i].name_len },
		    tw_hdr_value(&hd->hdr[i]), hd->hdr[i].id);
	if (is_upgrade && key != NULL)
		upgrade(&m, hd, key);
	m.head.is_upgrade = is_upgrade;
	m.head.has_length = hd->has_length;
	m.head.content_length = hd->content_length;
	tw_out_lit(&m.out, "\r\n");
	if (m.head.target_len == 0) {
		m.head.target = at(&m);
		m.head.target_len = 1;
		tw_out_char(&m.out, '*');
	}
	const size_t n = maker_end(&m, p, hd->end ? H2_REC_END : 0);
	return n > 0 ? n : too_large(p, room);
}

size_t
h2__rec_response(char *p, size_t room, const struct h2_head *hd)
{
	struct maker m;

	if (hd->too_large)
		return too_large(p, room);
	maker_begin(&m, p, room, hd->n_hdr);
	tw_out_lit(&m.out, "HTTP/2.0 ");
	tw_out_u64(&m.out, hd->status);
	tw_out_lit(&m.out, "\r\n");
	for (unsigned i = 0; i < hd->n_hdr; i++)
		field(&m, (struct tw_str){ hd->hdr[i].name, hd->hdr[i].name_len },
		    tw_hdr_value(&hd->hdr[i]), hd->hdr[i].id);
	m.head.status = hd->status;
	m.head.has_length = hd->has_length;
	m.head.content_length = hd->content_length;
	tw_out_lit(&m.out, "\r\n");
	const size_t n = maker_end(&m, p, hd->end ? H2_REC_END : 0);
	return n > 0 ? n : too_large(p, room);
}

bool
h2__rec_read(
    const struct h2_rec *rec, const char *p, struct h2_head *hd, struct tw_hdr *hdr)
{
	struct h2_rec_head head;

	if (rec->len < sizeof(head))
		return false;
	memcpy(&head, p, sizeof(head));
	const char *const fields = p + sizeof(head);
	const char *const text = fields + head.n_hdr * sizeof(struct h2_rec_field);
	for (unsigned i = 0; i < head.n_hdr; i++) {
		struct h2_rec_field f;
		memcpy(&f, fields + i * sizeof(f), sizeof(f));
		hdr[i] = (struct tw_hdr){ .name = text + f.name,
			.value = text + f.value,
			.value_len = f.value_len,
			.name_len = f.name_len,
			.id = f.id,
			.flags = f.flags };
	}
	*hd = (struct h2_head){ .end = (rec->flags & H2_REC_END) != 0,
		.has_length = head.has_length,
		.status = head.status,
		.n_hdr = head.n_hdr,
		.content_length = head.content_length,
		.method = { text, head.method_len },
		.path = { text + head.target, head.target_len },
		.hdr = hdr,
		.text = { text, head.text_len } };
	if (head.authority_len > 0) {
		const uint32_t scheme = head.method_len + 1;
		hd->scheme =
		    (struct tw_str){ text + scheme, head.authority - 3 - scheme };
		hd->authority =
		    (struct tw_str){ text + head.authority, head.authority_len };
	}
	if (head.is_upgrade)
		hd->protocol = TW_STR("websocket");
	return true;
}
