/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run/options.h - the command line. Parsed once, read-only afterwards.
 * source: HAProxy's management guide, chapter 3.
 */
#ifndef TW_RUN_OPTIONS_H
#define TW_RUN_OPTIONS_H

#include <stdio.h>
#include <sys/types.h>

#include <tideway/err.h>

/* What to do instead of running. */
enum tw__todo {
	TW__DO_RUN,
	TW__DO_USAGE,      /* no configuration file was named */
	TW__DO_VERSION,    /* -v */
	TW__DO_VERSION_ALL, /* -vv */
	TW__DO_CHECK,      /* -c */
	TW__DO_CONDITION,  /* -cc */
	TW__DO_CHAINS,     /* -T */
	TW__DO_MANUAL,     /* -K */
	TW__DO_EXPLAIN,    /* explain */
};

struct tw__options {
	enum tw__todo todo;
	char **files;          /* owns the array; borrow: argv */
	int n_files;
	const char *condition; /* -cc */
	const char *manual;    /* -K WORD; NULL: all */
	bool manual_table;     /* -Kt */
	const char *dir;       /* -C */
	const char *pidfile;   /* -p */
	const char *local_peer; /* -L */
	bool daemon, master, notify; /* -D, -W, -Ws */
	bool foreground;       /* -db */
	bool debug;            /* -d */
	bool verbose, quiet;   /* -V, -q: the last one wins */
	bool zero_warning;     /* -dW */
	bool dump;             /* -dC */
	uint32_t maxconn;      /* -n; 0: not given */
	uint32_t proxy_maxconn; /* -N; 0: not given */
	uint32_t memory_mb;    /* -m; 0: not given */
	int old_signal;        /* -sf, -st; 0: neither */
	pid_t *old;            /* owns */
	int n_old;
	char **control;        /* owns the array; borrow: argv; -S */
	int n_control;
	const char *old_socket; /* -x; NULL: not given */
	bool nosplice, noreuseport; /* -dS, -dR */
	bool ignore_unresolved; /* -dr */
};

/** tw__options_parse - in: argv must live for ever. errors: -1 with err, or
 * with an empty text when the usage is what to tell. */
int tw__options_parse(struct tw__options *o, int argc, char **argv,
    struct tw_err *err);
void tw__options_fini(struct tw__options *o);

/* usage.c */
void tw__usage_print(FILE *to, const char *program);
void tw__version_print(FILE *to);
/** tw__version_all_print - -vv; modules should be loaded. */
void tw__version_all_print(FILE *to);
/** tw__features_register - makes feature(...) true for what -vv shows with a
 * plus. context: start-up, before any condition is read. */
void tw__features_register(void);

#endif
