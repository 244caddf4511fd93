/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * usage.c - what -v, -vv and a wrong command line print, and the table of
 * features that -vv shows and feature(...) asks. Start-up only.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <event2/event.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#ifdef HAVE_XXHASH
#include <xxhash.h>
#endif

#include "core/conf/predicate.h"
#include "core/module/module_int.h"
#include "core/run/limits.h"
#include "core/run/options.h"

static const struct {
	const char *option, *text;
} lines[] = {
	{ "-f FILE|DIR", "read this; may be given again; a DIR gives its *.cfg" },
	{ "-- FILE...", "read all that follow" },
	{ "-C DIR", "change to DIR before reading" },
	{ "-c", "only check the configuration; 0: valid" },
	{ "-cc COND", "evaluate a condition as .if does; 0: true, 1: false" },
	{ "-dC", "print the configuration as it was understood" },
	{ "-T", "print modules and hook chains as resolved" },
	{ "-K [WORD]", "print the manual of the configuration's keywords" },
	{ "-Kt", "the same as a table for programs" },
	{ "-v, -vv", "print the version; modules, libraries, features" },
	{ "-V, -q", "be verbose; be quiet" },
	{ "-d", "debug mode: in the foreground, showing exchanges" },
	{ "-db", "stay in the foreground" },
	{ "-dW", "warnings are errors" },
	{ "-dr", "servers whose name has no address start without one" },
	{ "-dR", "do not share ports with another program (noreuseport)" },
	{ "-dS", "copy bytes, never splice (nosplice)" },
	{ "-dF, -dZ", "nothing: HAProxy's ways of forwarding" },
	{ "-dk, -dp, -dv", "nothing: HAProxy's other pollers" },
	{ "-D", "become a daemon" },
	{ "-W, -Ws", "master-worker mode; with notices to systemd" },
	{ "-p FILE", "write the process number there" },
	{ "-n MAX", "connections, over the global maxconn" },
	{ "-N MAX", "connections of each proxy that sets no maxconn" },
	{ "-m MB", "limit the memory" },
	{ "-L NAME", "the local peer's name (the host's)" },
	{ "-sf [PID...]", "once started, tell these to finish (SIGUSR1)" },
	{ "-st [PID...]", "once started, tell these to stop (SIGTERM)" },
	{ "--peer FILE", "with -c: compare with the other node's keepalived.conf" },
	{ "-S ADDRESS", "the master's command line" },
	{ "explain ...", "what rules do with a request; explain --help tells more" },
	{ "lua-test ...", "runs tests of Lua scripts; lua-test --help tells more" },
	{ "lua-types DIR", "writes type files of the Lua functions, for editors" },
	{ "-x SOCKET", "take the listening sockets from who is at this stats socket" },
};

void
tw__usage_print(FILE *to, const char *program)
{
	const char *const slash = strrchr(program, '/');

	fprintf(to, "Usage: %s [-f FILE|DIR]... [OPTION]... [-- FILE...]\n",
	    slash != NULL ? slash + 1 : program);
	for (size_t i = 0; i < TW_N_ELEMENTS(lines); i++)
		fprintf(to, "  %-13s %s\n", lines[i].option, lines[i].text);
}

void
tw__version_print(FILE *to)
{
	struct utsname u;

	fprintf(to, "tideway version " PACKAGE_VERSION " (ABI %d.%d)\n", TW_ABI_MAJOR,
	    TW_ABI_MINOR);
	if (uname(&u) == 0)
		fprintf(to, "Running on: %s %s %s %s\n", u.sysname, u.release,
		    u.version, u.machine);
}

static const char *
poller_name(void)
{
	struct event_base *const base = event_base_new();
	const char *const name = base != NULL ? event_base_get_method(base) : "none";

	if (base != NULL)
		event_base_free(base);
	return name; /* a literal of libevent's */
}

static const char *
pcre2_version(char *buf, size_t size)
{
	if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) > (int)size ||
	    pcre2_config(PCRE2_CONFIG_VERSION, buf) < 0)
		return "unknown";
	return buf;
}

/* HAProxy's names, so that feature(...) asks both programs the same, and some
 * of our own below. One table: what -vv shows is what conditions see. */
static const struct {
	const char *name;
	bool here;
	const char *module; /* that brings it; NULL: the program's own */
} features[] = {
	{ "51DEGREES", false, NULL },
	{ "ACCEPT4", true, NULL },
	{ "BACKTRACE", true, NULL },
	{ "CPU_AFFINITY", false, NULL },
	{ "DEVICEATLAS", false, NULL },
	{ "DL", true, NULL },
	{ "ENGINE", false, NULL },
	{ "EPOLL", true, NULL },
	{ "GETADDRINFO", true, NULL },
	{ "LIBCRYPT", false, NULL },
	{ "LINUX_SPLICE", true, NULL },
	{ "LINUX_TPROXY", false, NULL },
	{ "LUA", false, "lua" },
	{ "NS", false, NULL },
	{ "OPENSSL", false, "tls" },
	{ "OT", false, NULL },
	{ "PCRE", false, NULL },
	{ "PCRE2", true, NULL },
	{ "PCRE2_JIT", true, NULL },
	{ "PRCTL", true, NULL },
	{ "PROMEX", false, NULL },
	{ "QUIC", false, NULL },
	{ "SLZ", false, NULL },
	{ "SYSTEMD", true, NULL },
	{ "TFO", false, NULL },
	{ "THREAD", true, NULL },
	{ "TPROXY", false, NULL },
	{ "WURFL", false, NULL },
#ifdef HAVE_ZLIB
	{ "ZLIB", true, NULL },
#else
	{ "ZLIB", false, NULL },
#endif
	{ "SENDMMSG", true, NULL },
#ifdef HAVE_XXHASH
	{ "XXHASH", true, NULL },
#else
	{ "XXHASH", false, NULL },
#endif
#ifdef TW_SANITIZER
	{ "SANITIZER", true, NULL },
#endif
};

static bool
module_is_there(const char *name)
{
	char path[4096];

	return snprintf(path, sizeof(path), "%s/%s.so", tw__modules_dir(NULL), name) <
	    (int)sizeof(path) &&
	    access(path, R_OK) == 0;
}

/* PCRE2 may have been built without its compiler: only it knows. Of modules it
 * counts whether they can be loaded, be it that a configuration leaves them out. */
static bool
feature_is_here(size_t i)
{
	uint32_t jit = 0;

	if (features[i].module != NULL)
		return module_is_there(features[i].module);
	if (strcmp(features[i].name, "PCRE2_JIT") == 0)
		return pcre2_config(PCRE2_CONFIG_JIT, &jit) == 0 && jit != 0;
	return features[i].here;
}

void
tw__features_register(void)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(features); i++) {
		if (feature_is_here(i))
			tw__feature_add(features[i].name);
	}
}

static bool
is_in_table(const char *name)
{
	for (size_t i = 0; i < TW_N_ELEMENTS(features); i++) {
		if (strcmp(features[i].name, name) == 0)
			return true;
	}
	return false;
}

static void
features_print(FILE *to)
{
	const char *name;

	fputs("Feature list:", to);
	for (size_t i = 0; i < TW_N_ELEMENTS(features); i++)
		fprintf(to, " %c%s", feature_is_here(i) ? '+' : '-', features[i].name);
	for (int i = 0; (name = tw__feature_each(i)) != NULL; i++) {
		if (!is_in_table(name))
			fprintf(to, " +%s", name);
	}
	fputc('\n', to);
}

static void
describe_line(void *arg, const char *text)
{
	fprintf(arg, "  %s\n", text);
}

static void
libraries_print(FILE *to)
{
	const struct tw_self *self;
	uint32_t jit = 0;
	char version[64];

	pcre2_config(PCRE2_CONFIG_JIT, &jit);
	fprintf(to, "Libraries:\n  libevent: built with %s, running on %s\n",
	    LIBEVENT_VERSION, event_get_version());
	fprintf(to, "  PCRE2: built with %d.%d, running on %s, JIT: %s\n", PCRE2_MAJOR,
	    PCRE2_MINOR, pcre2_version(version, sizeof(version)), jit ? "yes" : "no");
#ifdef HAVE_XXHASH
	fprintf(to, "  xxhash: built in, %d.%d.%d\n", XXH_VERSION_MAJOR,
	    XXH_VERSION_MINOR, XXH_VERSION_RELEASE);
#else
	fputs("  xxhash: missing; long keys are hashed more slowly\n", to);
#endif
#ifdef TW_SANITIZER
	fputs("  sanitizer: " TW_SANITIZER "\n", to);
#endif
	for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {
		if (self->module->describe != NULL)
			self->module->describe(describe_line, to);
	}
}

void
tw__version_all_print(FILE *to)
{
	tw__version_print(to);
	fprintf(to,
	    "\nBuild:\n  target: %s\n  compiler: %s\n  flags: %s\n"
	    "  modules in: %s\n  configuration in: %s\n",
	    TW_BUILD_TARGET, TW_BUILD_CC, TW_BUILD_CFLAGS, TW_MODULEDIR, TW_SYSCONFDIR);
	features_print(to);
	libraries_print(to);
	fprintf(to, "Modules, from %s:\n", tw__modules_dir(NULL));
	tw__modules_print(to);
	fprintf(to, "Default threads: %u (usable CPUs)\nPoller: %s\n",
	    tw__usable_cpus(), poller_name());
}
