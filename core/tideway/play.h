/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * play.h - tools: subcommands that modules bring, and requests that are played
 * through the real step table without any network.
 *
 * `tideway NAME ...` runs the tool of that name instead of the daemon. A tool may
 * bring a configuration up: no listener is opened, no server is checked, no log
 * line leaves. The calling thread is the control thread and worker 1, in turns;
 * time passes only when nothing else can happen, and then at once.
 */
#ifndef TIDEWAY_PLAY_H
#define TIDEWAY_PLAY_H

#include <tideway/log.h>
#include <tideway/proxy.h>
#include <tideway/req.h>

struct tw_tool {
	const char *name; /* "lua-test"; NULL ends a table */
	/* run - in: argv[0], the tool's name. returns: the exit status. */
	int (*run)(int argc, char **argv);
	const char *usage; /* "DIR..." */
	const char *help;  /* a few words */
};

/** tw_play_config - the configuration in force from now on: the first, or a reload.
 * errors: -1: err has what was reported, and the one before stays. */
TW_API int tw_play_config(char *const *files, int n_files, struct tw_err *err);
/** tw_play_down - of all that was brought up. */
TW_API void tw_play_down(void);

/* An exchange that has ended. borrow: until the call returns. */
struct tw_played {
	struct tw_req *req;
	struct tw_str sent;   /* to the server, this exchange's bytes */
	struct tw_str answer; /* to the client */
	struct tw_str log;    /* its line, if the frontend has a log-format */
	uint64_t waited_ms;   /* time that passed */
	bool connected;       /* to a server */
};

struct tw_play {
	const char *frontend; /* NULL: the only one */
	struct tw_addr src;   /* family 0: 127.0.0.1:50000 */
	struct tw_addr dst;   /* family 0: the frontend's first bind line */
	struct tw_str bytes;  /* what the client sends */
	/* connects - may srv be connected to? NULL: always. */
	bool (*connects)(const struct tw_server *srv, void *arg);
	/* answers - what srv says to what it got. out: bytes, borrow until the next
	 * call; p NULL: it closes without a word. */
	void (*answers)(const struct tw_server *srv, struct tw_str got,
	    struct tw_str *bytes, void *arg);
	void (*ended)(const struct tw_played *x, void *arg);
	void *arg;
};
/** tw_play_request - one connection of a client, to its end. errors: -1: err: there
 * is no such frontend, or nothing was brought up. */
TW_API int tw_play_request(const struct tw_play *p, struct tw_err *err);
/** tw_play_hear - fn gets the program's own messages (tw_log) from now on, each a
 * line without level or newline, not terminated. NULL: nobody does. */
TW_API void tw_play_hear(void (*fn)(enum tw_level level, const char *text, size_t len));
/** tw_play_pass - lets so much time pass: timers, tasks. */
TW_API void tw_play_pass(uint64_t ms);

#endif
