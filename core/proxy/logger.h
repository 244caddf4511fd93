/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/logger.h - where log lines go.
 *
 * A logger is one `log` line of a generation; a target is the socket or
 * descriptor behind it, one for the whole process however many lines and
 * reloads name it. Workers format into a buffer of their own, which leaves
 * once in each turn of the loop.
 */
#ifndef TW_PROXY_LOGGER_H
#define TW_PROXY_LOGGER_H

#include <stdatomic.h>
#include <sys/queue.h>

#include <tideway/command.h>
#include <tideway/conf.h>
#include <tideway/conn.h>
#include <tideway/log.h>

#define TW__LOGGERS_MAX 32     /* in one section */
#define TW__LOG_LEN_MAX 65535

struct tw__log_target;
struct tw__logger_list;
struct tw__ring;
struct tw_worker;

/* HAProxy's `format` names; see the manual's keyword `log`. */
enum tw__log_format {
	TW__LOG_DEFAULT, /* local, or rfc3164 with log-send-hostname */
	TW__LOG_LOCAL, TW__LOG_RFC3164, TW__LOG_RFC5424, TW__LOG_PRIORITY,
	TW__LOG_SHORT, TW__LOG_TIMED, TW__LOG_ISO, TW__LOG_RAW,
	TW__N_LOG_FORMATS
};

/** tw__log_format_of - by name. returns: enum tw__log_format; 0 or less: none. */
int tw__log_format_of(const char *name);
#define TW__LOG_FORMAT_NAMES \
	"local, rfc3164, rfc5424, priority, short, timed, iso or raw"

/* `sample 1,3-5:10`: which lines of every `size`. */
struct tw__log_sample {
	_Atomic uint64_t lines; /* shared: seen so far */
	uint32_t size, n_ranges;
	struct { uint32_t low, high; } range[]; /* from 1 */
};

/* When a line is written; `log-steps` and log profiles name them. */
enum tw__log_step {
	TW__LOG_AT_CLOSE,
	TW__LOG_AT_ACCEPT,
	TW__LOG_AT_REQUEST,
	TW__LOG_AT_CONNECT,
	TW__LOG_AT_RESPONSE,
	TW__LOG_AT_ERROR, /* log profiles alone */
	TW__LOG_AT_ANY,   /* the same: the others, unless they are named */
	/* the action do-log, in the order of enum tw_rules; log profiles alone */
	TW__LOG_DO_TCP_CONNECTION,
	TW__LOG_DO_TCP_SESSION,
	TW__LOG_DO_TCP_CONTENT,
	TW__LOG_DO_TCP_RESPONSE,
	TW__LOG_DO_HTTP_REQUEST,
	TW__LOG_DO_HTTP_RESPONSE,
	TW__LOG_DO_HTTP_AFTER,
	TW__N_LOG_STEPS
};
#define TW__LOG_DO_NAMES(X)                                                  \
	X(TCP_CONNECTION, "tcp-req-conn") X(TCP_SESSION, "tcp-req-sess")    \
	X(TCP_CONTENT, "tcp-req-cont") X(TCP_RESPONSE, "tcp-res-cont")      \
	X(HTTP_REQUEST, "http-req") X(HTTP_RESPONSE, "http-res")            \
	X(HTTP_AFTER, "http-after-res")
/** tw__log_step_of - by name. returns: -1: there is none. */
int tw__log_step_of(struct tw_str name);

/* A `log-profile` section: what is other for the `log` lines that name it. */
struct tw__log_profile {
	struct tw__log_profile *next;
	const char *name; /* gen */
	const char *tag;  /* gen; NULL: as usual */
	struct {
		bool given, drop;
		const struct tw_logfmt *fmt, *sd; /* gen; NULL: as usual */
	} step[TW__N_LOG_STEPS];
	const char *file;
	int line;
};

/** tw__log_profile_find - in a generation; NULL: it has none of this name. */
const struct tw__log_profile *tw__log_profile_find(
    const struct tw_gen *gen, const char *name);
int tw__log_profile_register(struct tw_err *err);

struct tw__logger {
	SLIST_ENTRY(tw__logger) link;
	struct tw__log_target *target; /* borrow: for ever; NULL until checked: ring */
	const char *ring;   /* gen; `ring@name`; NULL: another target */
	const char *backend_name; /* gen; `backend@name`; NULL: another target */
	const struct tw_proxy *backend; /* gen; its servers are the targets; or NULL */
	const char *file;
	int line;
	uint32_t max_len;   /* bytes of a line, header included */
	uint8_t format;     /* enum tw__log_format */
	uint8_t facility;
	uint8_t max_level;  /* less important messages are not sent */
	uint8_t min_level;  /* more important ones are lowered to this */
	bool is_special;    /* it has one of these: */
	struct tw__log_sample *sample; /* gen; NULL: all lines */
	const char *profile_name;      /* gen; NULL: none */
	const struct tw__log_profile *profile; /* gen; NULL: none */
};

/** tw__log_register - the keywords (`log`, `log-format`, ...). At start-up. */
int tw__log_register(struct tw_err *err);
/** tw__log_check - when all files are read: formats against modes, and the
 * format of those that have none. returns: 0 or -1 (reported). */
int tw__log_check(struct tw_gen *gen);
/** tw__log_open - connects the targets of a generation, so that paths are found
 * before chroot. Those that fail are tried again when a line is due. */
void tw__log_open(struct tw_gen *gen);

/** tw__log_sources_open - what a generation's logging needs before it is in force:
 * the files of rings, the sockets of log-forward sections; tw__log_sources_abandon
 * - it was refused. errors: -1: nothing is left open. control. */
int tw__log_sources_open(struct tw_gen *gen, struct tw_err *err);
void tw__log_sources_abandon(void);

/** tw__log_worker_up / tw__log_worker_down - the calling worker's buffer; down
 * sends what is in it. errors: -1: out of memory. */
int tw__log_worker_up(struct tw_worker *w);
void tw__log_worker_down(struct tw_worker *w);

/** tw__log_request - one line about an exchange to the frontend's targets.
 * context: the request's worker. */
void tw__log_request(struct tw_req *req, enum tw__log_step step);
/** tw__log_request_as - the same, as a profile says; NULL: as each target's. */
void tw__log_request_as(struct tw_req *req, enum tw__log_step step,
    const struct tw__log_profile *profile);
/** tw__log_connection - the same about a connection that failed before its first
 * request: by error-log-format, or with the text `why`. */
void tw__log_connection(struct tw_req *req, const char *why);
/** tw__log_is_sampled - whether it is a line's turn with this logger. */
bool tw__log_is_sampled(const struct tw__logger *lg);
/** tw__log_message - a message with its header, without newline, as it is. in:
 * body, what it says beside the header. context: worker. */
void tw__log_message(
    const struct tw__logger *lg, struct tw_str text, struct tw_str body);
/** tw__log_trail - a line of a trail to a frontend's targets, level debug. context:
 * worker. */
void tw__log_trail(const struct tw_proxy *px, struct tw_str text);
/** tw__log_line - a `log` line's arguments: one more logger in the list. */
int tw__log_line(struct tw_line *ln, struct tw__logger_list *list);
/** tw__log_sink - for tw__oplog_sink_set(): to the global targets. */
void tw__log_sink(enum tw_level level, const char *text, size_t len);
/** tw__log_dropped - lines lost since the start: receivers slow or absent. */
uint64_t tw__log_dropped(void);
/** tw__log_pid - this process's id, asked for once (again after a fork). */
int tw__log_pid(void);

/* Who looks on while exchanges pass; provided by core/flow (watch.h). */
#define TW__WATCH_DEBUG 0x01u  /* option -d */
#define TW__WATCH_ASAP 0x02u   /* some frontend logs before the end */
#define TW__WATCH_SOURCE 0x04u /* some format has %bi or %bp */
#define TW__WATCH_STEPS 0x08u  /* some frontend has log-steps */
/** tw__watch_for - from now on. context: any. */
void tw__watch_for(unsigned bits);

/* Log backends: `mode log` (log_backend.c). */
extern const struct tw_kw tw__log_server_kw[]; /* words of their servers */
/** tw__log_proto_of - by name. returns: 1: octet-count; 0: legacy; -1: neither. */
int tw__log_proto_of(const char *name);
/** tw__log_backends_check - their servers get targets; what only these may have
 * is refused elsewhere. returns: 0, or -1 (reported). */
int tw__log_backends_check(struct tw_gen *gen);
/** tw__log_server_take - the same for a server that is added at run time. control. */
int tw__log_server_take(struct tw_server *srv, struct tw_err *err);
/** tw__log_backend_target - where a message goes to. in: body, without header.
 * returns: NULL: no server is usable. context: any thread. */
struct tw__log_target *tw__log_backend_target(
    const struct tw_proxy *be, struct tw_str body);
/** tw__log_server_moved - a server of such a backend has another address. control. */
void tw__log_server_moved(struct tw_server *srv);

/* `show events` and the like (log_cmd.c). */
extern const struct tw_command tw__log_commands[];

/* Targets (logtarget.c). */
/** tw__log_target_addr - a datagram socket's address; tw__log_target_fd - a
 * descriptor. returns: the one there is for it, or a new one. control. */
struct tw__log_target *tw__log_target_addr(const struct tw_addr *addr);
struct tw__log_target *tw__log_target_fd(int fd);
/** tw__log_target_ring - the one that a new ring gets. */
struct tw__log_target *tw__log_target_ring(struct tw__ring *ring);
/* What `show log` says of a target. */
struct tw__log_target_info {
	char name[128];
	const char *type; /* "datagram", "fd", "ring" */
	bool is_down;
	uint64_t sent, dropped;
};
/** tw__log_target_at - the i-th, from 0. returns: false: there is none. */
bool tw__log_target_at(int i, struct tw__log_target_info *info);
void tw__log_target_open(struct tw__log_target *t);
/** tw__log_drop - counts lines that a target has lost; NULL: there was none. */
void tw__log_drop(struct tw__log_target *t, int n);
/** tw__log_target_send - never waits. in: n messages, each with its newline;
 * iov, iov_per_msg of them for each. returns: how many were sent or given up;
 * the rest may be tried again later. context: any thread. */
int tw__log_target_send(struct tw__log_target *t, struct iovec *iov,
    int iov_per_msg, int n);

#endif
