/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_proxies.c - the state of proxies, from the core to the VRRP process.
 *
 * A generation of real sections is in force; this thread is both the control
 * thread of the traffic process and, with a loop of its own, the VRRP process.
 */
#include "vrrp_watch_help.h"

#include <tideway/balance.h>
#include "core/conf/parser.h"
#include "core/conf/read.h"
#include "core/proxy/proxy.h"
#include "core/proxy/proxy_int.h"
#include "core/run/gen.h"
#include "core/run/run.h"
#include "core/run/worker.h"
#include "../../modules/vrrp/health.h"

static const char text[] = "backend b\n"
			   " server s1 127.0.0.1:1\n"
			   " server s2 127.0.0.1:2\n"
			   "frontend f\n"
			   " bind 127.0.0.1:1\n"
			   " default_backend b\n";

static struct tw_report report;
static struct vr_health *health;
static unsigned n_changes;

static struct vr_track tracks[] = {
	{ .kind = VR_TRACK_BACKEND, .name = "b", .min_servers = 2 },
	{ .kind = VR_TRACK_BACKEND, .name = "b" },
	{ .kind = VR_TRACK_FRONTEND, .name = "f" },
	{ .kind = VR_TRACK_BACKEND, .name = "nothing" },
	{ .kind = VR_TRACK_BACKEND, .name = "later" },
};
static struct vr_instance instance = { .name = "VI_1", .track = tracks, .n_tracks = 4 };
static const struct vr_conf conf = { .instance = &instance, .n_instances = 1 };

/* An algorithm that nobody picks with. */
static void *
algo_build(const struct tw_choice *of, int n, const void *algo_conf, const void *old)
{
	(void)of;
	(void)n;
	(void)algo_conf;
	(void)old;
	return malloc(1);
}

static const struct tw_balance algo = {
	.name = "none", .build = algo_build, .free = free
};

static struct tw_gen *
gen_make(void)
{
	struct tw_gen *const gen = calloc(1, sizeof(*gen));
	char *const copy = strdup(text);
	struct tw_proxy *px;

	assert_true(gen != NULL && copy != NULL);
	gen->magic = TW_GEN_MAGIC;
	gen->conf.arena = tw_arena_new(0);
	gen->conf.report = &report;
	TAILQ_INIT(&gen->proxies);
	TAILQ_INIT(&gen->defaults);
	gen->block = tw_arena_zalloc(gen->conf.arena, 1);
	if (tw__conf_read_text(gen, "t", copy, strlen(copy)) != 0)
		fail_msg("%s", report.text);
	free(copy);
	TAILQ_FOREACH(px, &gen->proxies, link) {
		px->c.balance = &algo;
		for (int i = 0; i < px->n_binds; i++)
			px->bind[i]->key = "127.0.0.1:1";
		for (int i = 0; i < px->n_servers; i++)
			px->server[i]->has_addr = true; /* the check would find it */
	}
	assert_int_equal(tw__gen_start(gen, &err), 0);
	return gen;
}

/* No socket is opened: the listener comes when publication is over. */
static void
gen_publish(struct tw_gen *gen)
{
	struct tw_proxy *const px = tw_gen_find(gen, "f", TW_FRONTEND);

	px->n_binds = 0;
	tw__gen_publish(gen);
	px->n_binds = 1;
	px->bind[0]->live->fd = -1;
}

static void
on_changed(void *arg)
{
	(void)arg;
	n_changes++;
}

/* Both processes have a turn. */
static void
turn(void)
{
	event_base_loop(tw_worker_base(tw_worker_at(0)), EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static struct vr_result
result(int i)
{
	return vr_health_result(health, &tracks[i]);
}

static struct tw_server *
server(const char *name)
{
	struct tw_server *const srv =
	    tw_proxy_find_server(tw_gen_find(tw_gen_running(), "b", TW_BACKEND), name);

	assert_non_null(srv);
	return srv;
}

static void
test_servers(void **state)
{
	(void)state;
	assert_true(result(0).known && result(0).good && result(1).good);
	assert_true(result(3).known && !result(3).good); /* there is none */
	n_changes = 0;
	tw_server_set_admin(server("s1"), TW_ADM_MAINT, "the test");
	event_base_loop(base, EVLOOP_NONBLOCK); /* told by the change itself */
	assert_int_equal(n_changes, 1);
	assert_true(!result(0).good && result(1).good);
	tw_server_force_health(server("s2"), TW_DOWN, "the test");
	turn();
	assert_true(!result(0).good && !result(1).good);
	n_changes = 0;
	tw_server_set_weight(server("s1"), 5, "the test"); /* changes nothing here */
	turn();
	assert_int_equal(n_changes, 0);
	tw_server_set_admin(server("s1"), 0, "the test");
	tw_server_force_health(server("s2"), TW_UP, "the test");
	turn();
	assert_true(result(0).good && result(1).good);
}

static void
test_frontend(void **state)
{
	struct tw_proxy *const px = tw_gen_find(tw_gen_running(), "f", TW_FRONTEND);
	struct tw__bind_live *const live = px->bind[0]->live;

	(void)state;
	assert_true(result(2).known && !result(2).good); /* not opened */
	live->fd = 0;
	tw__frontends_changed(tw_gen_running());
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_true(result(2).good);
	live->fd = -1;
	tw__frontends_changed(tw_gen_running());
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_false(result(2).good);
}

/* What a refused configuration tracks is not taken up; what one in force does
 * not track any more is not known. */
static void
test_reload(void **state)
{
	struct tw_gen *const running = tw_gen_running();
	struct tw_gen other = { .magic = TW_GEN_MAGIC };

	(void)state;
	instance.n_tracks = 5;
	vr_health_watch(&other, &conf);
	turn();
	assert_false(result(4).known);
	vr_health_watch(running, &conf);
	turn();
	assert_true(result(4).known && !result(4).good);
	instance.n_tracks = 2;
	vr_health_watch(running, &conf);
	turn();
	assert_true(!result(4).known && result(0).known && result(0).good);
	assert_false(result(2).known);
	instance.n_tracks = 4;
	vr_health_watch(running, &conf);
	turn();
	assert_true(result(2).known && result(0).good);
}

static void
test_worker_end(void **state)
{
	(void)state;
	vr_health_worker_fini(tw_worker_at(0));
	turn();
	assert_int_equal(vr_health_worker(health), VR_WORKER_ABSENT);
	assert_true(result(1).known && !result(1).good);
	assert_int_equal(vr_health_worker_init(tw_worker_at(0)), 0);
	turn();
	assert_int_equal(vr_health_worker(health), VR_WORKER_OK);
}

static int
setup(void **state)
{
	if (help_setup(state) != 0 || tw__proxy_register(&err) != 0 ||
	    tw__workers_init(0, 0, &err) != 0 || vr_health_load(&err) != 0 ||
	    vr_health_worker_init(tw_worker_at(0)) != 0)
		return -1;
	struct tw_gen *const gen = gen_make();
	vr_health_watch(gen, &conf);
	gen_publish(gen);
	health = vr_health_new(base, on_changed, NULL, &err);
	turn();
	return health != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	vr_health_free(&health);
	vr_health_worker_fini(tw_worker_at(0));
	tw__gens_end();
	tw__workers_join();
	free(report.text);
	return help_teardown(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_frontend),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_worker_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
