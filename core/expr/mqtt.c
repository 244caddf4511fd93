/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * mqtt.c - the first message of a client (CONNECT) or a server (CONNACK).
 *
 * Everything is read from one slice that shrinks, so no length from a peer can
 * lead out of the message. Pure. source: MQTT 3.1; MQTT 3.1.1 and 5.0 (OASIS),
 * 2.2, 3.1 and 3.2.
 */
#include "config.h"

#include "expr/mqtt.h"

enum kind { NONE, BYTE, BOOLEAN, TWO, TWO_POSITIVE, FOUR, FOUR_POSITIVE, TEXT, PAIR };

/* Where a property may stand. */
#define IN_CONNECT 0x01u
#define IN_CONNACK 0x02u
#define IN_WILL 0x04u

static const struct {
	uint8_t kind, where;
} properties[TW__MQTT_N_PROPERTIES] = {
	[1] = { BOOLEAN, IN_WILL },
	[2] = { FOUR, IN_WILL },
	[3] = { TEXT, IN_WILL },
	[8] = { TEXT, IN_WILL },
	[9] = { TEXT, IN_WILL },
	[17] = { FOUR, IN_CONNECT | IN_CONNACK },
	[18] = { TEXT, IN_CONNACK },
	[19] = { TWO, IN_CONNACK },
	[21] = { TEXT, IN_CONNECT | IN_CONNACK },
	[22] = { TEXT, IN_CONNECT | IN_CONNACK },
	[23] = { BOOLEAN, IN_CONNECT },
	[24] = { FOUR, IN_WILL },
	[25] = { BOOLEAN, IN_CONNECT },
	[26] = { TEXT, IN_CONNACK },
	[28] = { TEXT, IN_CONNACK },
	[31] = { TEXT, IN_CONNACK },
	[33] = { TWO_POSITIVE, IN_CONNECT | IN_CONNACK },
	[34] = { TWO, IN_CONNECT | IN_CONNACK },
	[36] = { BOOLEAN, IN_CONNACK },
	[37] = { BOOLEAN, IN_CONNACK },
	[38] = { PAIR, IN_CONNECT | IN_CONNACK | IN_WILL },
	[39] = { FOUR_POSITIVE, IN_CONNECT | IN_CONNACK },
	[40] = { BOOLEAN, IN_CONNACK },
	[41] = { BOOLEAN, IN_CONNACK },
	[42] = { BOOLEAN, IN_CONNACK },
};

/* ---- reading -------------------------------------------------------------- */

static bool
take_number(struct tw_str *s, size_t bytes, uint32_t *n)
{
	if (s->len < bytes)
		return false;
	*n = 0;
	for (size_t i = 0; i < bytes; i++)
		*n = *n << 8 | (unsigned char)s->p[i];
	s->p += bytes;
	s->len -= bytes;
	return true;
}

static bool
take_bytes(struct tw_str *s, size_t len, struct tw_str *out)
{
	if (s->len < len)
		return false;
	*out = (struct tw_str){ s->p, len };
	s->p += len;
	s->len -= len;
	return true;
}

static bool
take_text(struct tw_str *s, struct tw_str *out)
{
	uint32_t len;

	return take_number(s, 2, &len) && take_bytes(s, len, out);
}

/* returns: 1; 0: more bytes are needed; -1: too long. */
static int
take_varint(struct tw_str *s, uint32_t *n)
{
	*n = 0;
	for (unsigned i = 0; i < 4; i++) {
		uint32_t c;
		if (!take_number(s, 1, &c))
			return 0;
		*n |= (c & 0x7f) << 7 * i;
		if ((c & 0x80) == 0)
			return 1;
	}
	return -1;
}

static bool
set_number(struct tw__mqtt_value *v, uint32_t n)
{
	*v = (struct tw__mqtt_value){ .n = n, .set = true };
	return true;
}

static bool
field_text(struct tw_str *s, struct tw__mqtt_value *v)
{
	v->set = take_text(s, &v->text);
	return v->set;
}

static bool
property_value(struct tw_str *s, enum kind kind, struct tw__mqtt_value *v)
{
	struct tw_str unused;
	uint32_t n;

	switch (kind) {
	case BYTE:
	case BOOLEAN:
		return take_number(s, 1, &n) && n <= 1 && set_number(v, n);
	case TWO:
	case TWO_POSITIVE:
		return take_number(s, 2, &n) && (kind == TWO || n > 0) &&
		    set_number(v, n);
	case FOUR:
	case FOUR_POSITIVE:
		return take_number(s, 4, &n) && (kind == FOUR || n > 0) &&
		    set_number(v, n);
	case TEXT:
		return field_text(s, v);
	case PAIR:
		return take_text(s, &unused) && take_text(s, &unused);
	default:
		return false;
	}
}

/* Each once, but for pairs. */
static bool
take_properties(struct tw_str *s, unsigned where, struct tw__mqtt *m)
{
	struct tw_str all;
	uint32_t len, id;

	if (take_varint(s, &len) != 1 || !take_bytes(s, len, &all))
		return false;
	while (all.len > 0) {
		if (!take_number(&all, 1, &id) || id >= TW__MQTT_N_PROPERTIES ||
		    (properties[id].where & where) == 0 || m->property[id].set ||
		    !property_value(
			&all, (enum kind)properties[id].kind, &m->property[id]))
			return false;
	}
	return true;
}

bool
tw__mqtt_is_number(uint32_t property)
{
	return properties[property].kind != NONE && properties[property].kind < TEXT;
}

/* ---- messages ------------------------------------------------------------- */

/* Flags of CONNECT. What else they may not say together (a QoS without a will, a
 * password without a name) is the server's to refuse, as in HAProxy. */
#define RESERVED 0x01u
#define WILL 0x04u
#define PASSWORD 0x40u
#define USERNAME 0x80u

static bool
version_is_right(struct tw_str name, uint32_t version)
{
	if (version == 3)
		return tw_str_eq(name, TW_STR("MQIsdp"));
	return (version == 4 || version == 5) && tw_str_eq(name, TW_STR("MQTT"));
}

/* What the flags promise. */
static bool
take_payload(struct tw_str *s, uint32_t version, uint32_t flags, struct tw__mqtt *m)
{
	struct tw__mqtt_value *const f = m->field;

	if (!field_text(s, &f[TW__MQTT_CLIENT_ID]))
		return false;
	if ((flags & WILL) != 0 &&
	    ((version == 5 && !take_properties(s, IN_WILL, m)) ||
		!field_text(s, &f[TW__MQTT_WILL_TOPIC]) ||
		!field_text(s, &f[TW__MQTT_WILL_PAYLOAD])))
		return false;
	if ((flags & USERNAME) != 0 && !field_text(s, &f[TW__MQTT_USERNAME]))
		return false;
	if ((flags & PASSWORD) != 0 && !field_text(s, &f[TW__MQTT_PASSWORD]))
		return false;
	return s->len == 0;
}

static bool
read_connect(struct tw_str s, struct tw__mqtt *m)
{
	struct tw__mqtt_value *const f = m->field;
	uint32_t version, flags, keepalive;

	if (!field_text(&s, &f[TW__MQTT_PROTOCOL_NAME]) ||
	    !take_number(&s, 1, &version) ||
	    !version_is_right(f[TW__MQTT_PROTOCOL_NAME].text, version) ||
	    !take_number(&s, 1, &flags) || (flags & RESERVED) != 0 ||
	    !take_number(&s, 2, &keepalive))
		return false;
	set_number(&f[TW__MQTT_PROTOCOL_VERSION], version);
	set_number(&f[TW__MQTT_FLAGS], flags);
	set_number(&f[TW__MQTT_KEEPALIVE], keepalive);
	if (version == 5 && !take_properties(&s, IN_CONNECT, m))
		return false;
	return take_payload(&s, version, flags, m);
}

static bool
read_connack(struct tw_str s, struct tw__mqtt *m)
{
	const uint32_t version = s.len == 2 ? 4 : 5;
	uint32_t flags, code;

	if (!take_number(&s, 1, &flags) || flags > 1 || !take_number(&s, 1, &code))
		return false;
	set_number(&m->field[TW__MQTT_PROTOCOL_VERSION], version);
	set_number(&m->field[TW__MQTT_FLAGS], flags);
	set_number(&m->field[TW__MQTT_REASON_CODE], code);
	if (version == 5 && !take_properties(&s, IN_CONNACK, m))
		return false;
	return s.len == 0;
}

enum tw__seen
tw__mqtt_parse(struct tw_str s, struct tw__mqtt *out)
{
	uint32_t first, len;
	struct tw_str rest;

	memset(out, 0, sizeof(*out));
	if (!take_number(&s, 1, &first))
		return TW__SEEN_PART;
	if (first != 0x10 && first != 0x20)
		return TW__SEEN_NOT;
	out->packet = first == 0x10 ? TW__MQTT_CONNECT : TW__MQTT_CONNACK;
	const int got = take_varint(&s, &len);
	if (got <= 0)
		return got == 0 ? TW__SEEN_PART : TW__SEEN_NOT;
	if (!take_bytes(&s, len, &rest))
		return TW__SEEN_PART;
	const bool ok =
	    first == 0x10 ? read_connect(rest, out) : read_connack(rest, out);
	return ok ? TW__SEEN_ALL : TW__SEEN_NOT;
}
