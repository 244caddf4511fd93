/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * run/explain.h - `tideway explain`: a request through the real step table, from
 * no network and to none.
 *
 * One thread plays the control thread and a worker in turns. The client and each
 * server are the other ends of socket pairs; time passes only when nothing else
 * can happen.
 */
#ifndef TW_RUN_EXPLAIN_H
#define TW_RUN_EXPLAIN_H

#include <stdio.h>

#include "core/flow/trail.h"
#include "core/run/run.h"

#define TW__EXPLAIN_USAGE 2 /* exit status */

struct tw__drive;

struct tw__words {
	const char **at; /* owns the array; borrow: argv */
	int n;
};

/* The command line. */
struct tw__explain {
	const char *line;      /* "GET /x HTTP/1.1"; NULL: none */
	struct tw__words headers, response_headers, down;
	const char *body, *file, *payload; /* NULL: none */
	const char *src, *dst, *frontend;  /* NULL: not said */
	const char *response, *response_body; /* NULL: none */
	bool json, all, tls;
};

/* Bytes that grow; owns. */
struct tw__bytes {
	char *p;
	size_t len, room;
};

/* explain_opt.c */
/** tw__explain_options - out: run->opt, run->explain. returns: -1; or the status to
 * exit with. */
int tw__explain_options(struct tw__run *run, int argc, char **argv);
void tw__explain_free(struct tw__explain **explain);
/** tw__explain_input - what the client sends. out: in; owned. errors: -1. */
int tw__explain_input(
    const struct tw__explain *e, struct tw__bytes *in, struct tw_err *err);
/** tw__explain_response - what servers answer in mode http. */
int tw__explain_response(
    const struct tw__explain *e, struct tw__bytes *out, struct tw_err *err);
void tw__bytes_add(struct tw__bytes *b, const void *p, size_t len);
void tw__bytes_free(struct tw__bytes *b);

/* explain.c */
/** tw__explain_up - starts a generation and what a worker needs of the program.
 * in: gen, taken when it could be started. tw__explain_down - ends it all. */
int tw__explain_up(struct tw_gen **gen, struct tw_err *err);
void tw__explain_down(void);
/** tw__explain_silence - nobody shall hear of what never happens. */
void tw__explain_silence(struct tw_gen *gen);
/** tw__explain_frontend - where a client comes to. in: name, dst may be NULL. out:
 * d->bind, d->dst. returns: false: told on standard error. */
bool tw__explain_frontend(struct tw_gen *gen, const char *name,
    const struct tw_addr *dst, struct tw__drive *d);
/** tw__explain_run - returns: the exit status. */
int tw__explain_run(struct tw__run *run);

/* explain_drive.c */
struct tw__explain_show;
struct tw__explained {
	struct tw_req *req;
	const struct tw__record *record;
	struct tw_str sent, answer; /* to the server, to the client */
	bool dialed;                /* a server was connected to */
	uint64_t waited_ms;
};
struct tw__drive {
	struct tw_bind *bind;
	struct tw_addr src, dst;
	struct tw_str input, response;
	bool has_response; /* it was given */
	bool tls;          /* the client comes as through TLS */
	/* show - an exchange has ended. */
	void (*show)(const struct tw__explained *x, void *arg);
	void *arg;
	/* As in struct tw_play; NULL: any server, `response`. */
	bool (*connects)(const struct tw_server *srv, void *arg);
	void (*answers)(const struct tw_server *srv, struct tw_str got,
	    struct tw_str *bytes, void *arg);
};
/** tw__explain_drive - lets the client send it all, and follows it to the end.
 * returns: bytes of the input that nobody looked at. */
size_t tw__explain_drive(const struct tw__drive *d);

/* explain_print.c */
struct tw__explain_print {
	const struct tw__explain *e;
	FILE *to;
	bool colour;
	int n; /* exchanges so far */
};
void tw__explain_print(const struct tw__explained *x, void *print);

#endif
