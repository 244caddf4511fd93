/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * h2_websocket.c - WebSocket between the versions: the key that HTTP/1 wants, and
 * what proves that it was seen.
 *
 * Extended CONNECT has neither, so a client's is made a GET with a key of ours,
 * and what a server answers to one gets the proof that an HTTP/1 client looks
 * for. Worker. source: RFC 6455 section 4, RFC 8441 section 5.
 */
#include "config.h"

#include <string.h>
#include <sys/random.h>

#include <tideway/encode.h>

#include "h2_child.h"

void
h2__websocket_key(char key[H2_WEBSOCKET_KEY + 1])
{
	char random[16];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		memset(random, 0, sizeof(random));
	key[tw_base64_encode((struct tw_str){ random, sizeof(random) }, key, false)] =
	    0;
}

static bool
is_key(const struct tw_hdr *h)
{
	return tw_str_ieq(
	    (struct tw_str){ h->name, h->name_len }, TW_STR("sec-websocket-key"));
}

void
h2__websocket_asked(struct h2_child *ch, struct h2_head *hd, struct tw_hdr *hdr)
{
	for (unsigned i = 0; i < hd->n_hdr; i++) {
		if (hdr[i].id == TW_H_UPGRADE &&
		    !tw_str_ieq(tw_hdr_value(&hdr[i]), hd->protocol))
			hd->protocol = tw_hdr_value(&hdr[i]);
		if (!is_key(&hdr[i]))
			continue;
		tw_websocket_accept(tw_hdr_value(&hdr[i]), ch->accept);
		hdr[i].flags |= TW_HDR_DELETED;
	}
	hd->method = TW_STR("CONNECT");
	hd->end = false;
	ch->is_upgrade = true;
}

static struct tw_hdr
field(struct tw_str name, struct tw_str value)
{
	return (struct tw_hdr){ .name = name.p,
		.name_len = (uint16_t)name.len,
		.value = value.p,
		.value_len = (uint32_t)value.len,
		.id = (uint8_t)tw_hdr_id(name) };
}

size_t
h2__websocket_answered(
    const struct h2_child *ch, char *p, size_t room, const struct h2_head *hd)
{
	struct tw_hdr hdr[TW_MAX_HDR];
	struct h2_head more = *hd;

	if (hd->too_large || hd->n_hdr + 2u > TW_MAX_HDR)
		return h2__rec_response(
		    p, room, &(struct h2_head){ .too_large = true });
	memcpy(hdr, hd->hdr, hd->n_hdr * sizeof(*hdr));
	hdr[more.n_hdr++] = field(TW_STR("upgrade"), TW_STR("websocket"));
	if (ch->accept[0] != '\0')
		hdr[more.n_hdr++] = field(TW_STR("sec-websocket-accept"),
		    (struct tw_str){ ch->accept, TW_WEBSOCKET_ACCEPT });
	more.hdr = hdr;
	return h2__rec_response(p, room, &more);
}
