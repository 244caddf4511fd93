/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_watch.c - check scripts, track files, tracked processes.
 */
#include "vrrp_watch_help.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "../../modules/vrrp/procfs.h"

/* One configuration with an instance that tracks the first of each kind. */
static struct vr_track track[] = {
	{ .kind = VR_TRACK_SCRIPT, .index = 0 },
	{ .kind = VR_TRACK_PROCESS, .index = 0 },
	{ .kind = VR_TRACK_FILE, .index = 0 },
};
static struct vr_instance instance = { .name = "VI_1" };
static char *argv[2];
static struct vr_script script;
static struct vr_track_process process;
static struct vr_track_file file;
static struct vr_conf conf;
static struct vr_watch *watch;
static unsigned n_changes;
static bool is_inside; /* vr_watch_new must not call back */

static void
on_changed(
    void *arg, enum vr_track_kind kind, unsigned index, const struct vr_result *result)
{
	assert_ptr_equal(arg, &conf);
	assert_int_equal(index, 0);
	assert_false(is_inside);
	assert_ptr_equal(result, vr_watch_result(watch, kind, index));
	n_changes++;
}

static void
watch_start(enum vr_track_kind kind, const struct vr_watch *old)
{
	conf = (struct vr_conf){ .instance = &instance, .n_instances = 1 };
	instance.n_tracks = 1;
	instance.track = &track[kind == VR_TRACK_SCRIPT ? 0
		: kind == VR_TRACK_PROCESS              ? 1
							: 2];
	if (kind == VR_TRACK_SCRIPT) {
		conf.script = &script;
		conf.n_scripts = 1;
	} else if (kind == VR_TRACK_PROCESS) {
		conf.process = &process;
		conf.n_processes = 1;
	} else {
		conf.file = &file;
		conf.n_files = 1;
	}
	n_changes = 0;
	is_inside = true;
	watch = vr_watch_new(base, &conf, old, on_changed, &conf, &err);
	is_inside = false;
	assert_non_null(watch);
}

static const struct vr_result *
result(enum vr_track_kind kind)
{
	return vr_watch_result(watch, kind, 0);
}

/* --- scripts --- */

/* It takes its exit status from a file and counts its runs in another. */
static void
script_init(unsigned rise, unsigned fall)
{
	char text[512];

	snprintf(text, sizeof(text), "echo x >> %s; read s < %s; exit $s",
	    path_of("runs"), path_of("status"));
	script_put("check", text);
	unlink(path_of("runs"));
	file_put("runs", "");
	argv[0] = strdup(path_of("check"));
	script = (struct vr_script){ .name = "chk",
		.run = { .argv = argv, .text = argv[0] },
		.interval_us = 60000,
		.timeout_us = 10000000,
		.rise = rise,
		.fall = fall };
}

static size_t
runs(void)
{
	return strlen(file_get("runs")) / 2;
}

static bool
has_run(void *n)
{
	return runs() >= *(size_t *)n;
}

static bool
is_known(void *kind)
{
	return result(*(enum vr_track_kind *)kind)->known;
}

static bool
is_good(void *kind)
{
	const struct vr_result *const r = result(*(enum vr_track_kind *)kind);

	return r->known && r->good;
}

static bool
is_bad(void *kind)
{
	const struct vr_result *const r = result(*(enum vr_track_kind *)kind);

	return r->known && !r->good;
}

static enum vr_track_kind kind_script = VR_TRACK_SCRIPT;
static enum vr_track_kind kind_process = VR_TRACK_PROCESS;

static void
script_end(void)
{
	vr_watch_free(&watch);
	assert_null(watch);
	free(argv[0]);
}

static void
test_script_rise_fall(void **state)
{
	char text[128];

	(void)state;
	script_init(2, 3);
	file_put("status", "0\n");
	watch_start(VR_TRACK_SCRIPT, NULL);
	assert_false(result(VR_TRACK_SCRIPT)->known);
	assert_true(loop_until(is_good, &kind_script)); /* the first alone */
	assert_int_equal(runs(), 1);
	file_put("status", "7\n");
	const size_t before = runs();
	assert_true(loop_until(is_bad, &kind_script));
	assert_in_range(runs() - before, 3, 4); /* one may have been under way */
	vr_watch_text(watch, VR_TRACK_SCRIPT, 0, text, sizeof(text));
	assert_non_null(strstr(text, "exited with status 7"));
	file_put("status", "0\n");
	const size_t then = runs();
	assert_true(loop_until(is_good, &kind_script));
	assert_in_range(runs() - then, 2, 3);
	assert_int_equal(n_changes, 3);
	script_end();
}

static void
test_script_init_fail(void **state)
{
	(void)state;
	script_init(2, 1);
	script.init_fail = true;
	file_put("status", "0\n");
	watch_start(VR_TRACK_SCRIPT, NULL);
	assert_true(is_bad(&kind_script));
	assert_true(loop_until(is_good, &kind_script));
	assert_true(runs() >= 2);
	script_end();
}

/* What cannot run is bad, not unknown. */
static void
test_script_cannot_run(void **state)
{
	(void)state;
	script_init(1, 1);
	unlink(path_of("check"));
	watch_start(VR_TRACK_SCRIPT, NULL);
	assert_true(loop_until(is_known, &kind_script));
	assert_true(is_bad(&kind_script));
	script_end();
}

/* Bad at its timeout, and never a second one beside it. */
static void
test_script_timeout(void **state)
{
	char text[512];
	size_t two = 2;

	(void)state;
	script_init(1, 1);
	snprintf(text, sizeof(text),
	    "read p < %s && kill -0 $p && touch %s\n"
	    "echo $$ > %s; echo x >> %s; trap '' TERM; while :; do sleep 600; done",
	    path_of("pid"), path_of("twice"), path_of("pid"), path_of("runs"));
	script_put("check", text);
	script.timeout_us = 50000;
	watch_start(VR_TRACK_SCRIPT, NULL);
	assert_true(loop_until(is_bad, &kind_script));
	assert_true(loop_until(has_run, &two));
	assert_int_not_equal(access(path_of("twice"), F_OK), 0);
	assert_true(is_bad(&kind_script));
	assert_int_equal(n_changes, 1);
	script_end();
}

static void
test_script_reload(void **state)
{
	(void)state;
	script_init(2, 2);
	file_put("status", "1\n");
	watch_start(VR_TRACK_SCRIPT, NULL);
	assert_true(loop_until(is_bad, &kind_script));
	struct vr_watch *old = watch;
	watch_start(VR_TRACK_SCRIPT, old);
	vr_watch_free(&old);
	assert_true(is_bad(&kind_script));
	file_put("status", "0\n");
	const size_t before = runs();
	assert_true(loop_until(is_good, &kind_script));
	assert_true(runs() - before >= 2);
	script_end();
}

/* --- files --- */

static int wanted_value;

static bool
has_value(void *arg)
{
	const struct vr_result *const r = result(VR_TRACK_FILE);

	(void)arg;
	return r->known && r->value == wanted_value;
}

static void
value_expect(int value)
{
	wanted_value = value;
	if (!loop_until(has_value, NULL))
		fail_msg("value %d, not %d", result(VR_TRACK_FILE)->value, value);
}

static void
test_file_values(void **state)
{
	(void)state;
	file = (struct vr_track_file){
		.name = "f", .path = strdup(path_of("num")), .weight = 2
	};
	watch_start(VR_TRACK_FILE, NULL);
	assert_true(result(VR_TRACK_FILE)->known); /* missing: 0 */
	assert_true(result(VR_TRACK_FILE)->good);
	file_put("num", "21\n");
	value_expect(21);
	file_put("num", " -5");
	value_expect(-5);
	file_put("num", "99999999999999999999999\n");
	value_expect(INT_MAX);
	file_put("num", "-200\n");
	value_expect(-200);
	assert_false(result(VR_TRACK_FILE)->good);
	file_put("other", "3\n");
	assert_int_equal(rename(path_of("other"), path_of("num")), 0);
	value_expect(3);
	unlink(path_of("num"));
	value_expect(0);
	vr_watch_free(&watch);
	free((void *)(uintptr_t)file.path);
}

static bool
is_file_bad(void *arg)
{
	(void)arg;
	return !result(VR_TRACK_FILE)->good;
}

static void
test_file_weight_0(void **state)
{
	(void)state;
	file = (struct vr_track_file){ .name = "f", .path = strdup(path_of("zero")) };
	file_put("zero", "0\n");
	watch_start(VR_TRACK_FILE, NULL);
	assert_true(result(VR_TRACK_FILE)->good);
	file_put("zero", "1\n");
	assert_true(loop_until(is_file_bad, NULL));
	vr_watch_free(&watch);
	free((void *)(uintptr_t)file.path);
}

/* The directory comes later; init_file writes only what is not there. */
static void
test_file_directory(void **state)
{
	(void)state;
	file = (struct vr_track_file){
		.name = "f", .path = strdup(path_of("sub/num")), .weight = 1
	};
	watch_start(VR_TRACK_FILE, NULL);
	assert_int_equal(mkdir(path_of("sub"), 0755), 0);
	file_put("sub/num", "8\n");
	value_expect(8);
	file_put("sub/num", "9\n");
	value_expect(9);
	assert_int_equal(rename(path_of("sub"), path_of("gone")), 0);
	value_expect(0);
	assert_int_equal(rename(path_of("gone"), path_of("sub")), 0);
	value_expect(9);
	vr_watch_free(&watch);
	file.has_init = true;
	file.init_value = 4;
	watch_start(VR_TRACK_FILE, NULL);
	assert_int_equal(result(VR_TRACK_FILE)->value, 9);
	vr_watch_free(&watch);
	file.init_overwrite = true;
	watch_start(VR_TRACK_FILE, NULL);
	assert_int_equal(result(VR_TRACK_FILE)->value, 4);
	vr_watch_free(&watch);
	free((void *)(uintptr_t)file.path);
}

/* --- processes --- */

/* A process of a name that nothing else has. */
static pid_t
process_start(const char *const args[])
{
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		execv(path_of("tw-vrrp-track"), (char *const *)(uintptr_t)args);
		_exit(127);
	}
	return pid;
}

static void
process_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* in: way, how processes that come are found. */
static void
quorum_follow(const char *way)
{
	const char *const args[] = { "tw-vrrp-track", "600", NULL };
	char text[128];

	process = (struct vr_track_process){
		.name = "p", .command = "tw-vrrp-track", .quorum = 2, .quorum_max = 2
	};
	watch_start(VR_TRACK_PROCESS, NULL);
	assert_true(loop_until(is_bad, &kind_process));
	vr_watch_text(watch, VR_TRACK_PROCESS, 0, text, sizeof(text));
	assert_non_null(strstr(text, way));
	const pid_t a = process_start(args), b = process_start(args);
	assert_true(loop_until(is_good, &kind_process));
	const pid_t c = process_start(args);
	assert_true(loop_until(is_bad, &kind_process)); /* too many */
	process_stop(c);
	assert_true(loop_until(is_good, &kind_process));
	kill(a, SIGKILL); /* a zombie is none */
	assert_true(loop_until(is_bad, &kind_process));
	process_stop(a);
	process_stop(b);
	vr_watch_free(&watch);
}

static void
test_process_quorum(void **state)
{
	(void)state;
	assert_int_equal(symlink("/bin/sleep", path_of("tw-vrrp-track")), 0);
	/* the initial namespaces have fixed numbers: linux/proc_ns.h */
	char ns[64] = "";
	assert_true(readlink("/proc/self/ns/pid", ns, sizeof(ns) - 1) > 0);
	const bool is_initial = strcmp(ns, "pid:[4026531836]") == 0 && geteuid() == 0;
	const int fd = is_initial ? vr_connector_open() : -1;
	if (fd >= 0)
		vr_connector_close(fd);
	quorum_follow(fd >= 0 ? "told by the kernel" : "looked for");
}

/* In a network namespace of its own the kernel tells nothing. */
static void
test_process_scan(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) != 0)
		skip();
	quorum_follow("looked for");
}

static void
test_process_terminate_delay(void **state)
{
	const char *const args[] = { "tw-vrrp-track", "600", NULL };
	const pid_t pid = process_start(args);

	(void)state;
	process.quorum = 1;
	process.terminate_delay_us = 300000;
	watch_start(VR_TRACK_PROCESS, NULL);
	assert_true(loop_until(is_good, &kind_process));
	const uint64_t start = tw_now_us();
	process_stop(pid);
	assert_true(loop_until(is_bad, &kind_process));
	assert_true(tw_now_us() - start >= 290000);
	vr_watch_free(&watch);
}

static void
test_process_command(void **state)
{
	static const char args[] = "/usr/sbin/nginx\0-g\0daemon off;";
	struct vr_track_process p = { .command = "nginx" };

	(void)state;
	assert_true(vr_proc_command_matches(&p, args, sizeof(args)));
	p.command = "/usr/sbin/nginx";
	assert_true(vr_proc_command_matches(&p, args, sizeof(args)));
	p.command = "/sbin/nginx";
	assert_false(vr_proc_command_matches(&p, args, sizeof(args)));
	p.command = "nginx";
	p.param = "-g daemon off;";
	assert_true(vr_proc_command_matches(&p, args, sizeof(args)));
	p.param = "-g daemon";
	assert_false(vr_proc_command_matches(&p, args, sizeof(args)));
	p.param_initial = true;
	assert_true(vr_proc_command_matches(&p, args, sizeof(args)));
	p.param = "";
	p.param_initial = false;
	assert_false(vr_proc_command_matches(&p, args, sizeof(args)));
	assert_true(vr_proc_command_matches(&p, "nginx", 6));
	assert_false(vr_proc_command_matches(&p, "", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_script_rise_fall),
		cmocka_unit_test(test_script_init_fail),
		cmocka_unit_test(test_script_cannot_run),
		cmocka_unit_test(test_script_timeout),
		cmocka_unit_test(test_script_reload),
		cmocka_unit_test(test_file_values),
		cmocka_unit_test(test_file_weight_0),
		cmocka_unit_test(test_file_directory),
		cmocka_unit_test(test_process_quorum),
		cmocka_unit_test(test_process_terminate_delay),
		cmocka_unit_test(test_process_command),
		cmocka_unit_test(test_process_scan), /* last: it changes us */
	};

	return cmocka_run_group_tests(tests, help_setup, help_teardown);
}
