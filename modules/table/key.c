/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * key.c - samples as keys of a table, and back. Any thread.
 */
#include "config.h"

#include "mod.h"

enum tw_type
tb_sample_type(enum tb_key_type key)
{
	static const enum tw_type types[TB_N_KEYS] = { TW_IPV4, TW_IPV6, TW_SINT,
		TW_STRING, TW_BINARY };

	return types[key];
}

bool
tb_key_make(struct tw_req *req, const struct tb_layout *l, struct tw_sample *s,
    struct tb_key *out)
{
	static __thread char padded[TB_STRING_MAX];

	if (l->key == TB_INTEGER && s->type == TW_STRING && s->u.str.len == 0)
		return false; /* no number at all */
	if (!tw_sample_cast(req, s, tb_sample_type(l->key)))
		return false;
	if (l->key == TB_STRING || l->key == TB_BINARY) {
		tb_key_text(l, s->u.str, padded, out);
		return true;
	}
	out->p = out->room;
	out->len = l->key_len;
	if (l->key == TB_INTEGER) {
		const uint32_t n = (uint32_t)s->u.n;
		memcpy(out->room, &n, sizeof(n));
	} else {
		memcpy(out->room, s->u.ip, l->key_len);
	}
	return true;
}

void
tb_key_sample(const struct tb_layout *l, struct tw_str key, struct tw_sample *out)
{
	uint32_t n;

	memset(out, 0, sizeof(*out));
	out->type = (uint8_t)tb_sample_type(l->key);
	if (l->key == TB_STRING || l->key == TB_BINARY) {
		out->u.str = key;
	} else if (l->key == TB_INTEGER) {
		memcpy(&n, key.p, sizeof(n));
		out->u.n = n;
	} else {
		memcpy(out->u.ip, key.p, l->key_len);
	}
}
