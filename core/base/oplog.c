/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * oplog.c - messages to the operator.
 *
 * Each message is one write(2), so that threads do not mix their lines. The
 * copy for syslog goes to a sink that a higher unit sets, line by line.
 * Control characters are blanked: a message may quote what a peer sent, and
 * a terminal must not obey it. Any thread.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "oplog.h"

#define MESSAGE_BYTES 4096
#define SITE_MAX_PER_S 10
#define TAG_WIDTH 11

static tw__oplog_fn *sink; /* shared: atomic */
static bool is_quiet;      /* shared: atomic */
static bool no_stderr;     /* shared: atomic */

void
tw__oplog_sink_set(tw__oplog_fn *fn)
{
	__atomic_store_n(&sink, fn, __ATOMIC_RELEASE);
}

void
tw__oplog_quiet(bool quiet)
{
	__atomic_store_n(&is_quiet, quiet, __ATOMIC_RELAXED);
}

void
tw__oplog_stderr(bool on)
{
	__atomic_store_n(&no_stderr, !on, __ATOMIC_RELAXED);
}

void
tw__oplog_tag(struct tw_out *o, enum tw_level level)
{
	static const char *const tags[] = {
		[TW_EMERG] = "[EMERG]",
		[TW_ALERT] = "[ALERT]",
		[TW_CRIT] = "[CRIT]",
		[TW_ERR] = "[ERROR]",
		[TW_WARNING] = "[WARNING]",
		[TW_NOTICE] = "[NOTICE]",
		[TW_INFO] = "[INFO]",
		[TW_DEBUG] = "[DEBUG]",
	};
	const char *const start = o->p;

	tw_out_str(o, tw_str_of(tags[level]));
	while (o->p - start < TAG_WIDTH && !o->over)
		tw_out_char(o, ' ');
	tw_out_char(o, '(');
	tw_out_i64(o, getpid());
	tw_out_lit(o, ") : ");
}

static void
blank_controls(char *p, const char *end)
{
	for (; p < end; p++) {
		const unsigned char c = (unsigned char)*p;

		if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f)
			*p = '?';
	}
}

static void
to_sink(enum tw_level level, const char *p, const char *end)
{
	tw__oplog_fn *const fn = __atomic_load_n(&sink, __ATOMIC_ACQUIRE);

	while (fn != NULL && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *const stop = nl ? nl : end;

		if (stop > p)
			fn(level, p, (size_t)(stop - p));
		p = stop + 1;
	}
}

static void
emit(enum tw_level level, int left_out, const char *fmt, va_list ap)
{
	char line[MESSAGE_BYTES];
	struct tw_out o = tw_out_of(line, sizeof(line) - 64);

	tw__oplog_tag(&o, level);
	char *const text = o.p;
	const size_t room = (size_t)(o.end - o.p);
	const int len = vsnprintf(o.p, room, fmt, ap);
	if (len > 0)
		o.p += (size_t)len < room ? (size_t)len : room - 1;
	while (o.p > text && o.p[-1] == '\n')
		o.p--;
	blank_controls(text, o.p);
	o.end = line + sizeof(line) - 1;
	if (left_out > 0) {
		tw_out_lit(&o, " (");
		tw_out_i64(&o, left_out);
		tw_out_lit(&o, " more like this left out)");
	}
	to_sink(level, text, o.p);
	*o.p++ = '\n';
	if (__atomic_load_n(&is_quiet, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&no_stderr, __ATOMIC_RELAXED))
		return;
	if (write(STDERR_FILENO, line, (size_t)(o.p - line)) < 0)
		return; /* nobody is left to tell */
}

void
tw_log(enum tw_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(level, 0, fmt, ap);
	va_end(ap);
}

static int64_t
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec + 1; /* never 0, which a fresh site holds */
}

void
tw_log_site(struct tw_log_site *site, enum tw_level level, const char *fmt, ...)
{
	const int64_t now = now_s();
	va_list ap;

	if (__atomic_exchange_n(&site->second, now, __ATOMIC_RELAXED) != now)
		__atomic_store_n(&site->n, 0, __ATOMIC_RELAXED);
	if (__atomic_fetch_add(&site->n, 1, __ATOMIC_RELAXED) >= SITE_MAX_PER_S) {
		__atomic_fetch_add(&site->left_out, 1, __ATOMIC_RELAXED);
		return;
	}
	const int left_out = __atomic_exchange_n(&site->left_out, 0, __ATOMIC_RELAXED);
	va_start(ap, fmt);
	emit(level, left_out, fmt, ap);
	va_end(ap);
}
