/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_mqtt.c - converters of MQTT and FIX messages (mqtt.c, fix.c).
 *
 * A message that is not whole yet makes the rules that inspect contents wait.
 * Any worker. source: HAProxy's manual, 7.3.1.
 */
#include "config.h"

#include <stdlib.h>

#include "expr/conv.h"
#include "expr/fetch.h"
#include "expr/mqtt.h"

static bool
wait_for_more(struct tw_req *req, struct tw_sample *s)
{
	return req != NULL ? tw__fetch_wait(req, s) : false;
}

static bool
give_seen(struct tw_req *req, enum tw__seen seen, struct tw_sample *s)
{
	return seen == TW__SEEN_PART ? wait_for_more(req, s)
				     : tw_sample_bool(s, seen == TW__SEEN_ALL);
}

/* ---- MQTT ----------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t field, packets; /* bit: 1 << packet */
} fields[] = {
	{ "flags", TW__MQTT_FLAGS, 6 },
	{ "protocol_name", TW__MQTT_PROTOCOL_NAME, 2 },
	{ "protocol_version", TW__MQTT_PROTOCOL_VERSION, 6 },
	{ "client_identifier", TW__MQTT_CLIENT_ID, 2 },
	{ "will_topic", TW__MQTT_WILL_TOPIC, 2 },
	{ "will_payload", TW__MQTT_WILL_PAYLOAD, 2 },
	{ "username", TW__MQTT_USERNAME, 2 },
	{ "password", TW__MQTT_PASSWORD, 2 },
	{ "keepalive", TW__MQTT_KEEPALIVE, 2 },
	{ "reason_code", TW__MQTT_REASON_CODE, 4 },
};

/* args[0].n: the packet; args[1].n: the field, or 100 and the property. */
TW__CHECK(mqtt_field_value)
{
	const char *const packet = args[0].str.p, *const name = args[1].str.p;
	char *end;

	(void)gen;
	if (strcasecmp(packet, "connect") == 0 || strcmp(packet, "1") == 0)
		args[0].n = TW__MQTT_CONNECT;
	else if (strcasecmp(packet, "connack") == 0 || strcmp(packet, "2") == 0)
		args[0].n = TW__MQTT_CONNACK;
	else
		return tw_err_set(err,
		    "the packet type '%s' is not supported: write connect or connack",
		    packet);
	for (size_t i = 0; i < TW_N_ELEMENTS(fields); i++) {
		if (strcasecmp(name, fields[i].name) == 0 &&
		    (fields[i].packets & 1 << args[0].n)) {
			args[1].n = fields[i].field;
			return 0;
		}
	}
	args[1].n = 100 + strtol(name, &end, 10);
	if (*name != '\0' && *end == '\0' && args[1].n > 100 && args[1].n != 138 &&
	    args[1].n < 100 + TW__MQTT_N_PROPERTIES)
		return 0;
	return tw_err_set(
	    err, "'%s' is no field or property of a packet '%s'", name, packet);
}

TW__CONV(mqtt_field_value)
{
	struct tw__mqtt m;
	const enum tw__seen seen = tw__mqtt_parse(s->u.str, &m);

	if (seen == TW__SEEN_PART)
		return wait_for_more(req, s);
	if (seen != TW__SEEN_ALL || m.packet != args[0].n)
		return false;
	const struct tw__mqtt_value *const v =
	    args[1].n >= 100 ? &m.property[args[1].n - 100] : &m.field[args[1].n];
	if (!v->set && /* a number that is not there is 0, as in HAProxy */
	    (args[1].n < 100 || !tw__mqtt_is_number((uint32_t)args[1].n - 100)))
		return false;
	if (v->text.p != NULL)
		return tw__set_text(s, TW_STRING, v->text.p, v->text.len);
	char *const mem = tw__scratch(req, 16);
	struct tw_out o = tw_out_of(mem, 16);
	tw_out_u64(&o, v->n);
	return tw__set_text(s, TW_STRING, mem, (size_t)(o.p - mem));
}

TW__CONV(mqtt_is_valid)
{
	struct tw__mqtt m;

	(void)args;
	return give_seen(req, tw__mqtt_parse(s->u.str, &m), s);
}

/* ---- FIX ------------------------------------------------------------------ */

TW__CHECK(fix_tag_value)
{
	static const struct {
		const char *name;
		int tag;
	} tags[] = { { "BeginString", 8 }, { "BodyLength", 9 }, { "MsgType", 35 },
		{ "SenderCompID", 49 }, { "TargetCompID", 56 }, { "CheckSum", 10 } };
	char *end;

	(void)gen;
	for (size_t i = 0; i < TW_N_ELEMENTS(tags); i++) {
		if (strcasecmp(args[0].str.p, tags[i].name) == 0) {
			args[0].n = tags[i].tag;
			return 0;
		}
	}
	args[0].n = strtol(args[0].str.p, &end, 10);
	if (args[0].str.len > 0 && *end == '\0' && args[0].n > 0 &&
	    args[0].n < 1000000000)
		return 0;
	return tw_err_set(err,
	    "'%s' is no tag: write its number, or BeginString, BodyLength, MsgType, "
	    "SenderCompID, TargetCompID or CheckSum",
	    args[0].str.p);
}

TW__CONV(fix_tag_value)
{
	const enum tw__seen seen = tw__fix_parse(s->u.str);

	if (seen == TW__SEEN_PART)
		return wait_for_more(req, s);
	if (seen != TW__SEEN_ALL)
		return false;
	const struct tw_str value = tw__fix_tag(s->u.str, (uint32_t)args[0].n);
	return value.p != NULL && tw__set_text(s, TW_BINARY, value.p, value.len);
}

TW__CONV(fix_is_valid)
{
	(void)args;
	return give_seen(req, tw__fix_parse(s->u.str), s);
}

const struct tw_conv tw__conv_mqtt[] = {
	{ "fix_is_valid", "", TW_BINARY, TW_BOOL, conv_fix_is_valid, NULL,
	    "Is it a FIX message, by its frame and checksum?" },
	{ "fix_tag_value", "s", TW_BINARY, TW_BINARY, conv_fix_tag_value,
	    check_fix_tag_value, "(tag) The value of a tag of a FIX message." },
	{ "mqtt_field_value", "s,s", TW_BINARY, TW_STRING, conv_mqtt_field_value,
	    check_mqtt_field_value,
	    "(packet, field or property) What an MQTT CONNECT or CONNACK says." },
	{ "mqtt_is_valid", "", TW_BINARY, TW_BOOL, conv_mqtt_is_valid, NULL,
	    "Is it an MQTT message, CONNECT or CONNACK?" },
	{ .name = NULL },
};
