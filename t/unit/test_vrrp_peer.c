/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_peer.c - the second path: heartbeats as bytes, and what two nodes
 * believe of each other in virtual time, over paths that lose, repeat and
 * delay.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "../../modules/vrrp/peer.h"

#define MS 1000u
#define START_US 1000000u
#define LEN(m) (40 + (m)->n_entries * 12 + 32)

static const uint8_t key[] = "0123456789abcdef";
static const size_t key_len = sizeof(key) - 1;
static const struct vr_peer_conf conf = { .interval_us = 50 * MS,
	.dead_after_us = 150 * MS };
static const struct vr_instance instance = { .vrid = 51, .family = AF_INET };

/* --- bytes --- */

static struct vr_peer_msg
message(void)
{
	return (struct vr_peer_msg){ .kind = VR_MSG_STATE,
		.run = 0x0102030405060708,
		.sequence = 9,
		.echo_run = UINT64_MAX,
		.echo_sequence = 10,
		.n_entries = 2,
		.entry = {
		    { 51, AF_INET, VR_MASTER, 110, VR_ENTRY_HEALTHY, 1000 },
		    { 255, AF_INET6, VR_FAULT, 1, VR_ENTRY_YIELDS, 70000 },
		} };
}

static void
assert_equal(const struct vr_peer_msg *a, const struct vr_peer_msg *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_true(a->run == b->run && a->sequence == b->sequence);
	assert_true(a->echo_run == b->echo_run);
	assert_true(a->echo_sequence == b->echo_sequence);
	assert_int_equal(a->n_entries, b->n_entries);
	for (uint32_t i = 0; i < a->n_entries; i++) {
		const struct vr_peer_entry *const x = &a->entry[i],
						  *const y = &b->entry[i];

		assert_int_equal(x->vrid, y->vrid);
		assert_int_equal(x->family, y->family);
		assert_int_equal(x->state, y->state);
		assert_int_equal(x->priority, y->priority);
		assert_int_equal(x->flags, y->flags);
		assert_int_equal(x->advert_ms, y->advert_ms);
	}
}

static void
test_there_and_back(void **state)
{
	struct vr_peer_msg m = message(), back;
	uint8_t buf[VR_PEER_BYTES];

	(void)state;
	assert_int_equal(vr_peer_write(buf, &m, key, key_len), LEN(&m));
	assert_int_equal(vr_peer_read(buf, LEN(&m), key, key_len, &back), 0);
	assert_equal(&m, &back);
	m.n_entries = 0;
	assert_int_equal(vr_peer_write(buf, &m, key, key_len), LEN(&m));
	assert_int_equal(vr_peer_read(buf, LEN(&m), key, key_len, &back), 0);
	m.n_entries = VR_PEER_MAX_ENTRIES;
	for (uint32_t i = 0; i < m.n_entries; i++)
		m.entry[i] = m.entry[i % 2];
	assert_int_equal(vr_peer_write(buf, &m, key, key_len), LEN(&m));
	assert_int_equal(vr_peer_read(buf, LEN(&m), key, key_len, &back), 0);
	assert_equal(&m, &back);
}

/* The layout is a contract between versions: it must not slip. */
static void
test_layout(void **state)
{
	/* The signature was computed by another program. */
	static const uint8_t bytes[] = { 'T', 'W', 'V', 'P', 1, 1, 0, 2,          /* */
		1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9,                   /* */
		255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 10,  /* */
		51, 4, 2, 110, 2, 0, 0, 0, 0, 0, 3, 232,                          /* */
		255, 6, 3, 1, 1, 0, 0, 0, 0, 1, 17, 112,                          /* */
		0x0b, 0xad, 0xc2, 0x87, 0xac, 0x95, 0xa9, 0xab, 0x63, 0xcc, 0x6e, /* */
		0x2f, 0xf8, 0x10, 0xcd, 0x18, 0x2c, 0xf3, 0xc3, 0xb3, 0x92, 0x55, /* */
		0xa8, 0xed, 0xfd, 0xe8, 0x5d, 0xbd, 0x86, 0x8d, 0x86, 0xb0 };
	const struct vr_peer_msg m = message();
	uint8_t buf[VR_PEER_BYTES];

	(void)state;
	assert_int_equal(vr_peer_write(buf, &m, key, key_len), LEN(&m));
	assert_int_equal(sizeof(bytes), LEN(&m));
	assert_memory_equal(buf, bytes, sizeof(bytes));
}

static void
test_tampering(void **state)
{
	const struct vr_peer_msg m = message();
	struct vr_peer_msg back;
	uint8_t buf[VR_PEER_BYTES];
	const size_t len = vr_peer_write(buf, &m, key, key_len);

	(void)state;
	for (size_t bit = 0; bit < len * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(vr_peer_read(buf, len, key, key_len, &back), -1);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(vr_peer_read(buf, len, key, key_len, &back), 0);
	assert_int_equal(vr_peer_read(buf, len, key, key_len - 1, &back), -1);
	assert_int_equal(
	    vr_peer_read(buf, len, (const uint8_t *)"0123456789abcdeF", 16, &back), -1);
}

static void
test_truncation(void **state)
{
	const struct vr_peer_msg m = message();
	struct vr_peer_msg back;
	uint8_t buf[VR_PEER_BYTES + 100] = { 0 };
	const size_t len = vr_peer_write(buf, &m, key, key_len);

	(void)state;
	for (size_t n = 0; n < sizeof(buf); n++)
		assert_int_equal(
		    vr_peer_read(buf, n, key, key_len, &back), n == len ? 0 : -1);
}

/* Signed, but not as the layout says: by a program of another version. */
static void
test_malformed(void **state)
{
	struct vr_peer_msg m = message(), back;
	uint8_t buf[VR_PEER_BYTES];

	(void)state;
	m.kind = 0;
	size_t len = vr_peer_write(buf, &m, key, key_len);
	assert_int_equal(vr_peer_read(buf, len, key, key_len, &back), -1);
	m.kind = VR_MSG_YIELD + 1;
	len = vr_peer_write(buf, &m, key, key_len);
	assert_int_equal(vr_peer_read(buf, len, key, key_len, &back), -1);
	m = message();
	m.run = 0;
	len = vr_peer_write(buf, &m, key, key_len);
	assert_int_equal(vr_peer_read(buf, len, key, key_len, &back), -1);
	m = message();
	m.sequence = 0;
	len = vr_peer_write(buf, &m, key, key_len);
	assert_int_equal(vr_peer_read(buf, len, key, key_len, &back), -1);
	m = message();
	m.entry[1].state = VR_N_STATES;
	len = vr_peer_write(buf, &m, key, key_len);
	assert_int_equal(vr_peer_read(buf, len, key, key_len, &back), -1);
	m = message();
	m.entry[0].vrid = 0;
	len = vr_peer_write(buf, &m, key, key_len);
	assert_int_equal(vr_peer_read(buf, len, key, key_len, &back), -1);
}

/* --- two nodes in virtual time --- */

struct node {
	struct vr_peer_view view;
	uint8_t state;
	bool is_down;
	unsigned n_gone, n_back, n_asked;
};

struct world {
	uint64_t now_us;
	struct node node[2];
	bool second_cut, primary_cut; /* both directions */
	bool cut_to[2];               /* every path to this node */
	unsigned lose_each;           /* each n-th datagram; 0: none */
	unsigned lose_pct;            /* any datagram, with this probability */
	unsigned seed, n_sent;
	struct vr_peer_msg recorded[4096];
	unsigned n_recorded;
};

static bool
is_lost(struct world *w)
{
	w->seed = w->seed * 1103515245 + 12345;
	return (w->lose_each != 0 && w->n_sent % w->lose_each == 0) ||
	    (w->seed >> 8) % 100 < w->lose_pct;
}

static void message_send(
    struct world *w, int from, enum vr_peer_kind kind, bool primary);

static void
deliver(struct world *w, int to, const struct vr_peer_msg *m, bool primary)
{
	struct node *const n = &w->node[to];

	if (n->is_down)
		return;
	if (vr_peer_heard(&n->view, &conf, m, w->now_us, primary) &&
	    m->kind == VR_MSG_ASK)
		message_send(w, to, VR_MSG_ANSWER, primary);
}

static void
message_send(struct world *w, int from, enum vr_peer_kind kind, bool primary)
{
	struct node *const n = &w->node[from];
	const struct vr_peer_msg m = { .kind = (uint8_t)kind,
		.run = n->view.own_run,
		.sequence = ++n->view.own_sequence,
		.echo_run = n->view.run,
		.echo_sequence = n->view.sequence,
		.n_entries = 1,
		.entry[0] = { 51, AF_INET, n->state, 100, 0, 1000 } };

	w->n_sent++;
	if (w->n_recorded < TW_N_ELEMENTS(w->recorded))
		w->recorded[w->n_recorded++] = m;
	if (is_lost(w))
		return;
	if (!(primary ? w->primary_cut : w->second_cut) && !w->cut_to[!from])
		deliver(w, !from, &m, primary);
}

static void
node_run(struct world *w, int i)
{
	struct node *const n = &w->node[i];
	bool ask;

	if (n->is_down || vr_peer_due(&n->view, &conf) > w->now_us)
		return;
	if (vr_peer_tick(&n->view, &conf, w->now_us, &ask))
		(*(n->view.is_gone ? &n->n_gone : &n->n_back))++;
	if (ask) {
		n->n_asked++;
		message_send(w, i, VR_MSG_ASK, false);
		message_send(w, i, VR_MSG_ASK, true);
	}
	if (w->now_us >= n->view.next_us) {
		n->view.next_us = w->now_us + conf.interval_us;
		message_send(w, i, VR_MSG_STATE, false);
	}
}

static void
run_ms(struct world *w, unsigned ms)
{
	for (const uint64_t end = w->now_us + ms * MS; w->now_us < end;
	     w->now_us += MS) {
		node_run(w, 0);
		node_run(w, 1);
	}
}

static void
node_start(struct world *w, int i, uint64_t run)
{
	w->node[i] = (struct node){ .view.own_run = run, .state = VR_BACKUP };
}

static struct world *
world_new(void)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	w.now_us = START_US;
	node_start(&w, 0, 1001);
	node_start(&w, 1, 2002);
	w.node[0].state = VR_MASTER;
	return &w;
}

static enum vr_second_path
path(const struct world *w, int i)
{
	return vr_peer_path(&w->node[i].view, &instance);
}

static void
test_acquaintance(void **state)
{
	struct world *const w = world_new();

	(void)state;
	assert_int_equal(path(w, 0), VR_PATH_NONE);
	run_ms(w, 20); /* no more than the round trips it needs */
	assert_int_equal(path(w, 0), VR_PATH_BACKUP);
	assert_int_equal(path(w, 1), VR_PATH_MASTER);
	run_ms(w, 10000);
	assert_int_equal(w->node[0].n_gone + w->node[1].n_gone, 0);
	assert_true(w->n_sent < 2 * 10000 / 50 + 40); /* and it does not babble */
	assert_false(vr_peer_is_deaf(&w->node[0].view, &conf, w->now_us));
}

static void
test_path(void **state)
{
	struct world *const w = world_new();
	const struct vr_instance v6 = { .vrid = 51, .family = AF_INET6 };
	struct vr_peer_view *const v = &w->node[1].view;

	(void)state;
	run_ms(w, 100);
	assert_int_equal(vr_peer_path(v, &v6), VR_PATH_BACKUP);
	v->last.n_entries = VR_PEER_MAX_ENTRIES;
	assert_int_equal(vr_peer_path(v, &v6), VR_PATH_NONE);
	w->node[0].state = VR_FAULT;
	run_ms(w, 100);
	assert_int_equal(path(w, 1), VR_PATH_BACKUP);
}

static void
test_death(void **state)
{
	struct world *const w = world_new();

	(void)state;
	run_ms(w, 1000);
	w->node[0].is_down = true;
	run_ms(w, 150);
	assert_false(w->node[1].view.is_gone);
	run_ms(w, 80);
	assert_true(w->node[1].view.is_gone);
	assert_int_equal(path(w, 1), VR_PATH_GONE);
	assert_int_equal(w->node[1].n_asked, 3 + 1); /* once while it was unknown */
	run_ms(w, 5000);
	assert_int_equal(w->node[1].n_gone, 1);
	assert_int_equal(w->node[1].view.n_gone, 1);
	w->node[0].is_down = false;
	run_ms(w, 60);
	assert_false(w->node[1].view.is_gone);
	assert_int_equal(w->node[1].n_back, 1);
	assert_int_equal(path(w, 1), VR_PATH_MASTER);
}

/* Each n-th datagram is lost; then any, with one in five. */
static void
test_loss(void **state)
{
	(void)state;
	for (unsigned each = 3; each < 13; each++) {
		struct world *const w = world_new();

		run_ms(w, 200);
		w->lose_each = each < 12 ? each : 0;
		w->lose_pct = each < 12 ? 0 : 20;
		run_ms(w, 60000);
		assert_int_equal(w->node[0].n_gone + w->node[1].n_gone, 0);
	}
}

static void
test_second_path_cut(void **state)
{
	struct world *const w = world_new();

	(void)state;
	run_ms(w, 200);
	w->second_cut = true;
	run_ms(w, 10000);
	assert_int_equal(w->node[0].n_gone + w->node[1].n_gone, 0);
	assert_int_equal(path(w, 1), VR_PATH_MASTER);
	w->node[0].state = VR_BACKUP; /* news still come, only later */
	run_ms(w, 200);
	assert_int_equal(path(w, 1), VR_PATH_BACKUP);
	w->primary_cut = true;
	run_ms(w, 300);
	assert_true(w->node[0].view.is_gone && w->node[1].view.is_gone);
	w->primary_cut = false; /* the first path alone brings it back */
	run_ms(w, 300);
	assert_false(w->node[0].view.is_gone || w->node[1].view.is_gone);
	assert_int_equal(w->node[1].n_gone, 1);
}

static void
test_primary_cut(void **state)
{
	struct world *const w = world_new();

	(void)state;
	run_ms(w, 200);
	w->primary_cut = true;
	run_ms(w, 10000);
	assert_int_equal(w->node[0].n_gone + w->node[1].n_gone, 0);
	assert_int_equal(path(w, 1), VR_PATH_MASTER);
}

/* A restarted node, the second path cut: both must get to know each other on
 * the first one. */
static void
test_restart_on_primary(void **state)
{
	struct world *const w = world_new();

	(void)state;
	run_ms(w, 200);
	w->second_cut = true;
	node_start(w, 1, 3003);
	run_ms(w, 1000);
	assert_int_equal(path(w, 0), VR_PATH_BACKUP);
	assert_int_equal(path(w, 1), VR_PATH_MASTER);
}

/* A quick restart is not even noticed; whether the clock went on or back. */
static void
test_restart(void **state)
{
	static const uint64_t runs[] = { 5005, 7 };

	(void)state;
	for (size_t i = 0; i < TW_N_ELEMENTS(runs); i++) {
		struct world *const w = world_new();

		run_ms(w, 1000);
		node_start(w, 0, runs[i]);
		run_ms(w, 20);
		assert_int_equal(path(w, 0), VR_PATH_BACKUP);
		assert_int_equal(path(w, 1), VR_PATH_BACKUP);
		assert_true(w->node[1].view.peer_run == runs[i]);
		run_ms(w, 1000);
		assert_int_equal(w->node[1].n_gone, 0);
	}
}

static void
test_both_restart(void **state)
{
	struct world *const w = world_new();

	(void)state;
	run_ms(w, 1000);
	w->lose_each = 3;
	node_start(w, 0, 5005);
	node_start(w, 1, 6006);
	run_ms(w, 500);
	assert_int_equal(path(w, 0), VR_PATH_BACKUP);
	assert_int_equal(path(w, 1), VR_PATH_BACKUP);
}

/* Heard, but not hearing: told, and not taken for dead. */
static void
test_one_direction(void **state)
{
	struct world *const w = world_new();

	(void)state;
	run_ms(w, 1000);
	w->cut_to[1] = true;
	run_ms(w, 1000);
	assert_true(w->node[1].view.is_gone);
	assert_int_equal(w->node[0].n_gone, 0);
	assert_true(vr_peer_is_deaf(&w->node[0].view, &conf, w->now_us));
	w->cut_to[1] = false;
	run_ms(w, 100);
	assert_false(vr_peer_is_deaf(&w->node[0].view, &conf, w->now_us));
}

/* The whole process slept: what the peer sent meanwhile lies unread. */
static void
test_sleep(void **state)
{
	struct world *const w = world_new();
	struct vr_peer_view *const v = &w->node[1].view;
	bool ask;

	(void)state;
	run_ms(w, 1000);
	w->node[1].is_down = true;
	run_ms(w, 160);
	assert_false(vr_peer_tick(v, &conf, w->now_us, &ask));
	assert_true(ask);
	run_ms(w, 3000);
	assert_false(vr_peer_tick(v, &conf, w->now_us, &ask));
	assert_true(ask);
	assert_false(v->is_gone);
	w->node[1].is_down = false;
	run_ms(w, 500);
	assert_int_equal(w->node[1].n_gone, 0);
}

static void
replay_all(struct world *w, unsigned n, int to)
{
	for (unsigned i = 0; i < n; i++)
		deliver(w, to, &w->recorded[i], i % 2);
}

/* All that was ever sent, by both, comes again: to the living pair, to a pair
 * whose one half is dead, to one that restarted. */
static void
test_replay(void **state)
{
	struct world *const w = world_new();
	unsigned n;

	(void)state;
	run_ms(w, 2000);
	n = w->n_recorded;
	const uint64_t replayed = w->node[1].view.n_replayed;
	replay_all(w, n, 0);
	replay_all(w, n, 1);
	assert_true(w->node[1].view.n_replayed > replayed);
	run_ms(w, 2000);
	assert_int_equal(w->node[0].n_gone + w->node[1].n_gone, 0);

	w->node[0].is_down = true; /* nobody else may speak for it */
	for (int i = 0; i < 300; i++) {
		run_ms(w, 1);
		replay_all(w, n, 1);
	}
	assert_int_equal(path(w, 1), VR_PATH_GONE);

	node_start(w, 1, 3003); /* nor to one that has no memory */
	for (int i = 0; i < 300; i++) {
		run_ms(w, 1);
		replay_all(w, n, 1);
	}
	assert_int_equal(path(w, 1), VR_PATH_NONE);

	node_start(w, 0, 4004); /* and the living get through in spite of it */
	for (unsigned i = 0; i < 30; i++) {
		deliver(w, i % 2, &w->recorded[i], false);
		run_ms(w, 7);
	}
	assert_int_equal(path(w, 1), VR_PATH_BACKUP);
	assert_int_equal(path(w, 0), VR_PATH_BACKUP);
}

/* An earlier run of the peer, recorded while it spoke to this same run of
 * ours, comes again after the peer's restart. */
static void
test_replay_earlier_run(void **state)
{
	struct world *const w = world_new();

	(void)state;
	run_ms(w, 1000);
	const unsigned n = w->n_recorded;
	node_start(w, 0, 4004);
	run_ms(w, 1000);
	assert_int_equal(path(w, 1), VR_PATH_BACKUP);
	for (int i = 0; i < 500; i++) {
		replay_all(w, n, 1);
		run_ms(w, 1);
		assert_int_equal(path(w, 1), VR_PATH_BACKUP);
		assert_true(w->node[1].view.peer_run == 4004);
	}
	w->node[0].is_down = true;
	for (int i = 0; i < 300; i++) {
		replay_all(w, n, 1);
		run_ms(w, 1);
	}
	assert_int_equal(path(w, 1), VR_PATH_GONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_tampering),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_acquaintance),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_death),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_second_path_cut),
		cmocka_unit_test(test_primary_cut),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restart_on_primary),
		cmocka_unit_test(test_both_restart),
		cmocka_unit_test(test_one_direction),
		cmocka_unit_test(test_sleep),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_replay_earlier_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
