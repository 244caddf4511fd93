/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expr/mqtt.h - the first message of either side of MQTT, and FIX messages.
 */
#ifndef TW_EXPR_MQTT_H
#define TW_EXPR_MQTT_H

#include "expr/hello.h"

enum tw__mqtt_packet { TW__MQTT_CONNECT = 1, TW__MQTT_CONNACK = 2 };

enum tw__mqtt_field {
	TW__MQTT_FLAGS,
	TW__MQTT_PROTOCOL_NAME,
	TW__MQTT_PROTOCOL_VERSION,
	TW__MQTT_CLIENT_ID,
	TW__MQTT_WILL_TOPIC,
	TW__MQTT_WILL_PAYLOAD,
	TW__MQTT_USERNAME,
	TW__MQTT_PASSWORD,
	TW__MQTT_KEEPALIVE,
	TW__MQTT_REASON_CODE,
	TW__MQTT_N_FIELDS
};
#define TW__MQTT_N_PROPERTIES 43 /* ids, of MQTT 5.0 */

struct tw__mqtt_value {
	struct tw_str text; /* p NULL: a number, or none */
	uint32_t n;
	bool set;
};

struct tw__mqtt {
	enum tw__mqtt_packet packet;
	struct tw__mqtt_value field[TW__MQTT_N_FIELDS];
	struct tw__mqtt_value property[TW__MQTT_N_PROPERTIES];
};

/** tw__mqtt_parse - a CONNECT or CONNACK of MQTT 3.1, 3.1.1 or 5.0. out: slices
 * of `s`. returns: TW__SEEN_ALL, _PART (more bytes are needed) or _NOT. */
enum tw__seen tw__mqtt_parse(struct tw_str s, struct tw__mqtt *out);

/** tw__mqtt_is_number - a property below TW__MQTT_N_PROPERTIES is no text. */
bool tw__mqtt_is_number(uint32_t property);

/** tw__fix_parse - a FIX message: its frame and checksum. */
enum tw__seen tw__fix_parse(struct tw_str s);
/** tw__fix_tag - the value of a tag in a message that was found valid. returns:
 * p NULL: it is not there. */
struct tw_str tw__fix_tag(struct tw_str s, uint32_t tag);

#endif
