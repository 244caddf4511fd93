/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * test_vrrp_notify.c - notify scripts in order, and FIFOs.
 */
#include "vrrp_watch_help.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static struct vr_conf conf;
static struct vr_notifier *notifier;

/* Commands that append a line to "told" a moment after they were started: the
 * earlier the longer, so that a wrong order shows. */
static char *slow_argv[3], *fast_argv[3];
static struct vr_notify both;

static int
setup(void **state)
{
	char text[512];

	if (help_setup(state) != 0)
		return -1;
	file_put("told", "");
	snprintf(text, sizeof(text), "sleep 0.15; echo slow $* >> %s", path_of("told"));
	script_put("slow", text);
	snprintf(text, sizeof(text), "echo fast $* >> %s", path_of("told"));
	script_put("fast", text);
	slow_argv[0] = strdup(path_of("slow"));
	slow_argv[1] = (char *)"own";
	fast_argv[0] = strdup(path_of("fast"));
	both.master.argv = slow_argv;
	both.any.argv = fast_argv;
	return 0;
}

static int
teardown(void **state)
{
	free(slow_argv[0]);
	free(fast_argv[0]);
	return help_teardown(state);
}

static void
notifier_start(void)
{
	file_put("told", "");
	notifier = vr_notifier_new(base, &conf, &err);
	assert_non_null(notifier);
}

static const char *wanted;

static bool
is_all_told(void *arg)
{
	(void)arg;
	return strcmp(file_get("told"), wanted) == 0;
}

static void
test_order(void **state)
{
	(void)state;
	notifier_start();
	vr_notify(notifier, "INSTANCE", "VI_1", &both, "MASTER", 110);
	vr_notify(notifier, "INSTANCE", "VI_1", &both, "BACKUP", 90);
	vr_notify(notifier, "INSTANCE", "VI_1", &both, "MASTER_RX_LOWER_PRI", 90);
	vr_notify(notifier, "INSTANCE", "VI_1", &both, "MASTER_PRIORITY", 90);
	vr_notify(notifier, "INSTANCE", "VI_1", &both, "FAULT", 90);
	wanted = "slow own\nfast INSTANCE VI_1 MASTER 110\n"
		 "fast INSTANCE VI_1 BACKUP 90\nfast INSTANCE VI_1 FAULT 90\n";
	if (!loop_until(is_all_told, NULL))
		assert_string_equal(file_get("told"), wanted);
	vr_notifier_free(&notifier);
}

/* Another instance is not held up. */
static void
test_side_by_side(void **state)
{
	struct vr_notify any = { .any = both.any };

	(void)state;
	notifier_start();
	vr_notify(notifier, "INSTANCE", "VI_1", &both, "MASTER", 110);
	vr_notify(notifier, "GROUP", "G", &any, "MASTER", 0);
	wanted = "fast GROUP G MASTER 0\nslow own\nfast INSTANCE VI_1 MASTER 110\n";
	if (!loop_until(is_all_told, NULL))
		assert_string_equal(file_get("told"), wanted);
	vr_notifier_free(&notifier);
}

/* A reload: the commands are gone, what was queued still runs. */
static void
test_free_goes_on(void **state)
{
	char *const gone = strdup(slow_argv[0]);
	char *argv[] = { gone, NULL };
	struct vr_notify what = { .master = { .argv = argv }, .any = both.any };

	(void)state;
	notifier_start();
	vr_notify(notifier, "INSTANCE", "VI_1", &what, "MASTER", 1);
	vr_notify(notifier, "INSTANCE", "VI_1", &what, "MASTER", 2);
	vr_notifier_free(&notifier);
	memset(gone, 'x', strlen(gone));
	free(gone);
	wanted =
	    "slow\nfast INSTANCE VI_1 MASTER 1\nslow\nfast INSTANCE VI_1 MASTER 2\n";
	if (!loop_until(is_all_told, NULL))
		assert_string_equal(file_get("told"), wanted);
}

static void
test_drain(void **state)
{
	(void)state;
	notifier_start();
	vr_notify(notifier, "INSTANCE", "VI_1", &both, "MASTER", 1);
	vr_notifier_drain(notifier, tw_now_us() + DEADLINE_US);
	assert_string_equal(
	    file_get("told"), "slow own\nfast INSTANCE VI_1 MASTER 1\n");
	vr_notify(notifier, "INSTANCE", "VI_1", &both, "MASTER", 1);
	vr_notifier_drain(notifier, tw_now_us()); /* the deadline holds */
	vr_notifier_free(&notifier);
}

/* --- FIFOs --- */

static void
read_expect(int fd, const char *text)
{
	char buf[1024];
	const ssize_t n = read(fd, buf, sizeof(buf) - 1);

	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static int
fifo_reader(const char *name)
{
	const int fd = open(path_of(name), O_RDONLY | O_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

static void
fifo_start(const char *name)
{
	conf.global = (struct vr_globals){ .notify_fifo.path = strdup(path_of(name)) };
	notifier_start();
}

static void
fifo_end(void)
{
	vr_notifier_free(&notifier);
	free((void *)(uintptr_t)conf.global.notify_fifo.path);
	conf.global = (struct vr_globals){ .router_id = NULL };
}

static void
test_fifo_lines(void **state)
{
	struct vr_notify what = { .priority_changes = true };
	struct stat st;

	(void)state;
	fifo_start("fifo");
	assert_int_equal(stat(path_of("fifo"), &st), 0);
	assert_int_equal(st.st_mode, S_IFIFO | 0600);
	vr_notify(notifier, "INSTANCE", "VI_1", &what, "MASTER", 110);
	const int fd = fifo_reader("fifo");
	read_expect(fd, "INSTANCE \"VI_1\" MASTER 110\n"); /* waited for us */
	vr_notify(notifier, "GROUP", "G 1", &what, "BACKUP", 0);
	vr_notify(notifier, "INSTANCE", "VI_1", &what, "MASTER_PRIORITY", 90);
	what.priority_changes = false;
	vr_notify(notifier, "INSTANCE", "VI_1", &what, "MASTER_PRIORITY", 91);
	vr_notify(notifier, "INSTANCE", "VI_1", &what, "MASTER_RX_LOWER_PRI", 91);
	read_expect(fd,
	    "GROUP \"G 1\" BACKUP 0\nINSTANCE \"VI_1\" MASTER_PRIORITY 90\n"
	    "INSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 91\n");
	close(fd);
	fifo_end();
}

/* Both have all lines; whoever the file names owns them. */
static void
test_fifo_owner(void **state)
{
	const struct vr_notify what = { .priority_changes = false };
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	fifo_start("first");
	vr_notifier_free(&notifier);
	conf.global.vrrp_fifo = (struct vr_fifo_conf){
		.path = strdup(path_of("owned")), .has_owner = true, .uid = 7, .gid = 8
	};
	notifier_start();
	assert_int_equal(stat(path_of("first"), &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(stat(path_of("owned"), &st), 0);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(st.st_gid, 8);
	vr_notify(notifier, "INSTANCE", "VI_1", &what, "MASTER", 9);
	for (int i = 0; i < 2; i++) {
		const int fd = fifo_reader(i == 0 ? "first" : "owned");
		read_expect(fd, "INSTANCE \"VI_1\" MASTER 9\n");
		close(fd);
	}
	free((void *)(uintptr_t)conf.global.vrrp_fifo.path);
	fifo_end();
}

/* Nobody reads: never blocks, and the newest line is there for who comes. */
static void
test_fifo_full(void **state)
{
	const struct vr_notify what = { .priority_changes = true };
	char buf[70000];

	(void)state;
	fifo_start("fifo");
	for (unsigned i = 0; i < 10000; i++)
		vr_notify(notifier, "INSTANCE", "VI_1", &what, "BACKUP_PRIORITY", i);
	const int fd = fifo_reader("fifo");
	const ssize_t n = read(fd, buf, sizeof(buf) - 1);
	assert_true(n > 32);
	buf[n] = '\0';
	assert_string_equal(strrchr(buf, ' '), " 9999\n");
	/* removed by somebody: made anew */
	unlink(path_of("fifo"));
	vr_notify(notifier, "INSTANCE", "VI_1", &what, "MASTER", 5);
	const int again = fifo_reader("fifo");
	read_expect(again, "INSTANCE \"VI_1\" MASTER 5\n");
	close(fd);
	close(again);
	fifo_end();
}

static void
test_fifo_is_file(void **state)
{
	(void)state;
	file_put("file", "precious\n");
	conf.global.notify_fifo.path = strdup(path_of("file"));
	assert_null(vr_notifier_new(base, &conf, &err));
	assert_non_null(strstr(err.text, "no FIFO"));
	assert_string_equal(file_get("file"), "precious\n");
	free((void *)(uintptr_t)conf.global.notify_fifo.path);
	conf.global.notify_fifo.path = NULL;
}

static bool
has_line(void *arg)
{
	return strstr(file_get("heard"), arg) != NULL;
}

/* The script gets the FIFO's path last, and is started again when it ends. */
static void
test_fifo_script(void **state)
{
	const struct vr_notify what = { .priority_changes = false };
	char text[512];
	char *argv[] = { NULL, (char *)"arg", NULL };

	(void)state;
	snprintf(text, sizeof(text), "read line < \"$2\"; echo $1 $line >> %s",
	    path_of("heard"));
	script_put("reader", text);
	argv[0] = strdup(path_of("reader"));
	conf.global =
	    (struct vr_globals){ .vrrp_fifo = { .path = strdup(path_of("fifo2")),
				     .script = { .argv = argv } } };
	notifier_start();
	vr_notify(notifier, "INSTANCE", "VI_1", &what, "BACKUP", 1);
	assert_true(
	    loop_until(has_line, (void *)(uintptr_t) "arg INSTANCE \"VI_1\" BACKUP 1"));
	vr_notify(notifier, "GROUP", "G", &what, "MASTER", 2);
	assert_true(
	    loop_until(has_line, (void *)(uintptr_t) "arg GROUP \"G\" MASTER 2"));
	vr_notifier_free(&notifier);
	free(argv[0]);
	free((void *)(uintptr_t)conf.global.vrrp_fifo.path);
	conf.global = (struct vr_globals){ .router_id = NULL };
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_free_goes_on),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_fifo_lines),
		cmocka_unit_test(test_fifo_owner),
		cmocka_unit_test(test_fifo_full),
		cmocka_unit_test(test_fifo_is_file),
		cmocka_unit_test(test_fifo_script),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
