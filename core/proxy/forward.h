/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/forward.h - `log-forward` sections: other programs' log messages on to
 * log servers.
 *
 * All of it runs on the control thread: datagrams and streams are read there
 * and leave through the same targets as our own lines. source: HAProxy's
 * manual, 3.10; RFC 3164, RFC 5424, RFC 6587.
 */
#ifndef TW_PROXY_FORWARD_H
#define TW_PROXY_FORWARD_H

#include <stdatomic.h>

#include <tideway/conf.h>
#include <tideway/conn.h>

#include "proxy/logger.h"
#include "run/gen.h"

#define TW__HOST_BYTES 512

/* A message, taken apart; what it has not is empty. borrow: the bytes. */
struct tw__syslog {
	uint8_t format;         /* TW__LOG_RFC5424, _RFC3164, _LOCAL, _PRIORITY, _RAW */
	bool has_priority;
	uint8_t facility, level;
	struct tw_str time, host, tag, pid, msgid, sd, text;
};

/** tw__syslog_parse - never fails: bytes of no form are all text. */
void tw__syslog_parse(struct tw_str bytes, struct tw__syslog *m);
/** tw__syslog_out - writes it as a logger wants it. in: now_us, for a time that
 * the message has not. */
void tw__syslog_out(struct tw_out *o, const struct tw__syslog *m,
    const struct tw__logger *lg, uint64_t now_us);
/** tw__syslog_frame - the first message in a stream. in: always_lines, digits
 * at its beginning are no length. out: msg; used, bytes to take away. returns:
 * 1 one; 0 more is needed; -1: no frame can begin so. */
int tw__syslog_frame(
    struct tw_str in, bool always_lines, struct tw_str *msg, size_t *used);

/* Whose name a message has: what `option host` says. */
enum tw__forward_host {
	TW__HOST_KEEP,    /* its own */
	TW__HOST_FILL,    /* the sender's address when it has none */
	TW__HOST_REPLACE, /* the sender's address */
	TW__HOST_APPEND,  /* its own, a comma and the sender's address */
};

/** tw__syslog_host - gives a message the host that it is to have. in: from, the
 * sender; family AF_UNIX or 0: unknown, nothing changes. out: mem, borrow: m. */
void tw__syslog_host(struct tw__syslog *m, enum tw__forward_host how,
    const struct tw_addr *from, char mem[TW__HOST_BYTES]);

struct tw__forward_bind {
	struct tw__forward_bind *next;
	struct tw_addr addr; /* gen */
	bool is_dgram;
	const char *file;
	int line;
};

struct tw__forward {
	struct tw__forward *next;
	const char *name; /* gen */
	struct tw_gen *gen;
	struct tw__forward_bind *binds;
	struct tw__logger_list loggers;
	bool log_global, dont_parse, always_lines;
	uint8_t host; /* enum tw__forward_host */
	uint32_t maxconn, backlog, client_ms;
	const char *file;
	int line;
};

int tw__forward_register(struct tw_err *err);
/** tw__forwards_open - the generation's sockets; those that are open already
 * stay. errors: -1: nothing has changed. */
int tw__forwards_open(struct tw_gen *gen, struct tw_err *err);
/** tw__forwards_abandon - closes those of a generation that was refused. */
void tw__forwards_abandon(void);
/** tw__forwards_published - the generation's sections are in force. control. */
void tw__forwards_published(struct tw_gen *gen);
/** tw__forwards_up, tw__forwards_down - the control thread reads, and ends. */
void tw__forwards_up(void);
void tw__forwards_down(void);
/** tw__forward_counts - messages, and streams that were cut for breaking their
 * framing, of all sections. */
void tw__forward_counts(uint64_t *messages, uint64_t *broken);

#endif
