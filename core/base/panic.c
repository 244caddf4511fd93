/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * panic.c - the crash report: condition, place, version, what the other units
 * have to tell, backtrace; then abort.
 *
 * Everything is written with write(2) from memory on the stack, because the
 * heap may be what is broken. A second failure on the thread that reports
 * ends the report; other threads that fail meanwhile wait for the end of the
 * process. Any thread, also from signal handlers.
 */
#include "config.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tideway/str.h>
#include "panic.h"

#define N_PARTS 16
#define SIGNAL_STACK_BYTES 65536

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAVE_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAVE_SANITIZER 1
#endif
#endif
#ifndef HAVE_SANITIZER
#define HAVE_SANITIZER 0
#endif

static tw__panic_fn *parts[N_PARTS];
static int n_parts;
static long reporting_tid; /* shared: atomic; 0: nobody */

void
tw__panic_add(tw__panic_fn *fn)
{
	TW_ASSERT(n_parts < N_PARTS);
	parts[n_parts++] = fn;
}

static void
put(const struct tw_out *o, const char *text)
{
	const char *p = text;

	while (p < o->p) {
		const ssize_t n = write(STDERR_FILENO, p, (size_t)(o->p - p));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
	}
}

/* Lets one thread through; a second failure on that thread ends it all. */
static void
report_enter(void)
{
	const long tid = syscall(SYS_gettid);
	long nobody = 0;

	if (__atomic_compare_exchange_n(&reporting_tid, &nobody, tid, false,
		__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	if (nobody == tid) {
		static const char text[] = "*** failed again while reporting\n";
		struct tw_out o = { (char *)text + sizeof(text) - 1, NULL, false };

		put(&o, text);
		signal(SIGABRT, SIG_DFL);
		abort();
	}
	for (;;)
		pause();
}

static void
report_head(const char *what, const char *file, int line, const char *func)
{
	char text[1024];
	struct tw_out o = tw_out_of(text, sizeof(text));

	tw_out_lit(&o, "\n*** tideway " PACKAGE_VERSION " failed (pid ");
	tw_out_i64(&o, getpid());
	tw_out_lit(&o, ", thread ");
	tw_out_i64(&o, syscall(SYS_gettid));
	tw_out_lit(&o, ")\nCondition: ");
	tw_out_str(&o, tw_str_of(what));
	tw_out_char(&o, '\n');
	if (file != NULL) {
		tw_out_lit(&o, "At: ");
		tw_out_str(&o, tw_str_of(file));
		tw_out_char(&o, ':');
		tw_out_i64(&o, line);
		tw_out_lit(&o, " in ");
		tw_out_str(&o, tw_str_of(func));
		tw_out_lit(&o, "()\n");
	}
	put(&o, text);
}

static void
report_rest(void)
{
	static const char title[] = "Backtrace:\n";
	void *frame[64];

	for (int i = 0; i < n_parts; i++)
		parts[i](STDERR_FILENO);
	struct tw_out o = { (char *)title + sizeof(title) - 1, NULL, false };
	put(&o, title);
	backtrace_symbols_fd(frame, backtrace(frame, 64), STDERR_FILENO);
}

void
tw_panic(const char *file, int line, const char *func, const char *what)
{
	report_enter();
	report_head(what, file, line, func);
	report_rest();
	abort();
}

static const char *
signal_text(int sig)
{
	switch (sig) {
	case SIGSEGV:
		return "SIGSEGV: invalid memory reference";
	case SIGBUS:
		return "SIGBUS: bus error";
	case SIGILL:
		return "SIGILL: illegal instruction";
	case SIGFPE:
		return "SIGFPE: arithmetic error";
	default:
		return "unexpected signal";
	}
}

/* The kernel's default action follows when the handler returns, because
 * SA_RESETHAND put it back and the faulting instruction runs again; raise()
 * covers signals that somebody sent. */
static void
on_signal(int sig)
{
	report_enter();
	report_head(signal_text(sig), NULL, 0, NULL);
	report_rest();
	raise(sig);
}

void
tw__panic_thread_init(void)
{
	static _Thread_local bool done;
	stack_t ss = { .ss_size = SIGNAL_STACK_BYTES };

	if (done || HAVE_SANITIZER)
		return;
	ss.ss_sp = mmap(NULL, ss.ss_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ss.ss_sp == MAP_FAILED)
		return; /* a stack overflow will go unreported, no more */
	done = sigaltstack(&ss, NULL) == 0;
}

void
tw__panic_init(void)
{
	static const int sigs[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct sigaction sa = {
		.sa_handler = on_signal,
		.sa_flags = SA_ONSTACK | (int)SA_RESETHAND,
	};
	void *frame[2];

	backtrace(frame, 2); /* loads libgcc now, not in a handler */
	if (HAVE_SANITIZER)
		return; /* the sanitizer's own report says more */
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < TW_N_ELEMENTS(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	tw__panic_thread_init();
}
