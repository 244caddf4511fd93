/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fuzz_table.c - any bytes as a `store` list, as words of table commands, and as
 * a history of a small table beside a plain model of it: what the table finds,
 * counts and forgets is what the model says.
 *
 * input: the list, a newline, words of a filter or a key until another one, then
 * two bytes for each step: what to do, with which key.
 */
#include <stdint.h>
#include <stdlib.h>

#include <tideway/assert.h>

#include "../../modules/table/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define KEYS 16
#define SIZE 5
#define EXPIRE_MS 50

/* ---- text ---------------------------------------------------------------- */

static char *
line_take(const uint8_t **data, size_t *len)
{
	const uint8_t *const nl = *len > 0 ? memchr(*data, '\n', *len) : NULL;
	const size_t n = nl != NULL ? (size_t)(nl - *data) : *len;
	char *const line = malloc(n + 1);

	TW_ASSERT(line != NULL);
	if (n > 0)
		memcpy(line, *data, n);
	line[n] = '\0';
	*data += nl != NULL ? n + 1 : n;
	*len -= nl != NULL ? n + 1 : n;
	return line;
}

static void
words_try(const struct tb_layout *l, char *line)
{
	char *words[24], *save;
	struct tb_filter f;
	struct tb_key key;
	struct tw_err err;
	int64_t n;
	int count = 0;

	for (char *w = strtok_r(line, " ", &save); w != NULL && count < 24;
	     w = strtok_r(NULL, " ", &save))
		words[count++] = w;
	tb_filter_parse(l, count, words, 3, &f, &err);
	for (int i = 0; i < count; i++) {
		for (int k = 0; k < TB_N_KEYS; k++) {
			const struct tb_layout any = { .key = (enum tb_key_type)k,
				.key_len = k == TB_IPV6 ? 16 : 4 };
			if (tb_key_parse(&any, words[i], &key))
				TW_ASSERT(key.len <= any.key_len);
		}
		tb_int_parse(words[i], &n);
	}
}

/* ---- the model ----------------------------------------------------------- */

struct model {
	bool is_there[KEYS];
	uint32_t refs[KEYS], count[KEYS];
	uint64_t touched_ms[KEYS];
	struct tb_entry *e[KEYS];
};

static bool
is_alive(const struct model *m, int k, uint64_t now)
{
	return m->is_there[k] && (m->refs[k] > 0 || now < m->touched_ms[k] + EXPIRE_MS);
}

static bool
find(struct tb_hold *h, struct tb_table *t, int k, enum tb_how how, uint64_t now)
{
	const struct tb_key key = { .p = &(const uint32_t){ (uint32_t)k }, .len = 4 };

	return tb_find(h, t, &key, how, now);
}

/* Which keys the table has is told by looking: who is recycled among equals is
 * its own affair. */
static void
look_at_all(struct model *m, struct tb_table *t, uint64_t now)
{
	for (int k = 0; k < KEYS; k++) {
		struct tb_hold h;
		const bool found = find(&h, t, k, TB_LOOK, now);

		TW_ASSERT(!found || is_alive(m, k, now));
		TW_ASSERT(found || m->refs[k] == 0);
		m->is_there[k] = found;
		if (!found)
			continue;
		TW_ASSERT(tb_get(&h, TB_gpc0, 0) == m->count[k]);
		TW_ASSERT(h.e->refs == m->refs[k]);
		tb_leave(&h);
	}
}

static void
step(struct model *m, struct tb_table *t, unsigned what, int k, uint64_t now)
{
	const bool was = is_alive(m, k, now);
	struct tb_hold h;

	if (m->refs[k] > 0 && what % 4 == 3) {
		tb_enter(&h, t, m->e[k], now);
		tb_untrack(&h);
		tb_leave(&h);
		m->refs[k]--;
		m->touched_ms[k] = now;
		return;
	}
	if (!find(&h, t, k, what % 4 == 2 ? TB_LOOK : TB_MAKE, now))
		return;
	if (!was) {
		m->is_there[k] = true;
		m->count[k] = 0;
		m->touched_ms[k] = now;
	}
	if (what % 4 == 2) {
		if (tb_remove(&h))
			m->is_there[k] = false;
		return;
	}
	tb_add(&h, TB_gpc0, 0, 1);
	m->count[k]++;
	if (what % 4 == 1 && m->refs[k] < 3) {
		tb_track(&h);
		m->e[k] = h.e;
		m->refs[k]++;
		m->touched_ms[k] = now;
	}
	tb_leave(&h);
}

static void
history_run(const uint8_t *data, size_t len)
{
	struct tb_layout l = { .key = TB_INTEGER, .key_len = 4, .n[TB_gpc0] = 1 };
	struct model m = { .is_there = { false } };
	uint64_t now = 1000, due;
	struct tb_hold h;

	tb_layout_end(&l);
	struct tb_table *t =
	    tb_table_new("t", &l, &(struct tb_limits){ SIZE, EXPIRE_MS, false });
	TW_ASSERT(t != NULL);
	for (; len >= 2; data += 2, len -= 2) {
		now += data[0] >> 4;
		step(&m, t, data[0] & 3, data[1] % KEYS, now);
		if (data[1] & 0x80)
			tb_sweep(t, now, 2, &due);
		look_at_all(&m, t, now);
		TW_ASSERT(tb_table_used(t) <= SIZE);
	}
	for (int k = 0; k < KEYS; k++)
		for (; m.refs[k] > 0; m.refs[k]--) {
			tb_enter(&h, t, m.e[k], now);
			tb_untrack(&h);
			tb_leave(&h);
		}
	tb_table_unref(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct tb_layout l = { .key = TB_IP, .key_len = 4 };
	const char *twice;
	struct tw_err err;
	char *const list = line_take(&data, &len);
	char *const words = line_take(&data, &len);

	tb_store_parse(&l, list, &twice, &err);
	tb_layout_end(&l);
	words_try(&l, words);
	history_run(data, len);
	free(list);
	free(words);
	return 0;
}
