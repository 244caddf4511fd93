/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/ring.h - rings: the newest messages in memory, for servers and people.
 *
 * A ring lives as long as the process and is found by its name, so a reload
 * loses nothing. Any thread puts messages in; the control thread sends them
 * to the ring's servers over streams. What its servers have not taken yet
 * stays; a new message that finds no room then is dropped and counted. Without
 * servers the oldest ones make room. source: HAProxy's manual, 3.9.
 */
#ifndef TW_PROXY_RING_H
#define TW_PROXY_RING_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <tideway/conn.h>
#include <tideway/conf.h>

struct event;
struct tw__log_target;

/* A generation's wishes. */
struct tw__ring_server_conf {
	struct tw__ring_server_conf *next;
	const char *name; /* gen */
	struct tw_addr addr;
	bool octet_count; /* RFC 6587, 3.4.1; else a newline behind each */
	const char *file;
	int line;
};

struct tw__ring_conf {
	struct tw__ring_conf *next;
	const char *name, *description; /* gen */
	uint64_t size;
	uint32_t maxlen;
	uint8_t format;     /* enum tw__log_format */
	uint32_t connect_ms, server_ms;
	struct tw__ring_server_conf *servers;
	bool implicit;      /* of a `log tcp@...` line */
	const char *file_path; /* gen; backing-file; NULL: none */
	const char *file;
	int line;
};

struct tw__ring;
struct tw__ring_page;

/* One who reads; embed it. It begins at the oldest message. */
struct tw__ring_reader {
	LIST_ENTRY(tw__ring_reader) link;
	uint64_t pos;    /* ring's lock */
	bool holds;      /* what it has not read must stay */
};

/* A server of a ring. Control thread, but for `reader`. */
struct tw__ring_server {
	LIST_ENTRY(tw__ring_server) link;
	struct tw__ring_reader reader;
	struct tw__ring *ring;
	char *name;      /* owns */
	struct tw_addr addr; /* owns: a unix socket's path */
	bool octet_count;
	uint32_t connect_ms, server_ms;
	int fd;          /* -1: none */
	bool connected, asked; /* asked: a write event is pending */
	struct event *io, *again; /* owns */
	char *out;       /* owns: what is on its way */
	size_t out_len, out_off;
	size_t out_done; /* where the first message begins that is not all sent */
	_Atomic uint64_t sent, failures; /* messages; connections lost or refused */
};

#define TW__RING_MAGIC 0x5457524eu

struct tw__ring {
	SLIST_ENTRY(tw__ring) link; /* shared: the registry's lock */
	uint32_t magic;
	char *name, *description;   /* owns; description: lock */
	struct tw__log_target *target; /* owns: for ever */
	pthread_mutex_t lock;
	char *mem;                  /* owns, unless `page` does; lock */
	struct tw__ring_page *page; /* owns; lock; backing-file; NULL: none */
	struct tw__ring_page *next_page; /* owns; of the generation that is built */
	uint64_t next_size;         /* of that; what the page says may be changed */
	char *path;                 /* owns; control: of `page` */
	uint64_t size, head, tail;  /* lock; positions that only grow */
	uint32_t maxlen;            /* lock */
	LIST_HEAD(, tw__ring_reader) readers; /* lock */
	LIST_HEAD(, tw__ring_server) servers; /* control */
	_Atomic uint64_t messages, dropped;
	_Atomic bool has_servers, woken;
	bool in_use;                /* control: the generation in force has it */
};

/** tw__ring_get - the one of that name, made when it is new. context: control. */
struct tw__ring *tw__ring_get(const char *name);
/** tw__ring_find - NULL: there is none. tw__ring_each - calls fn for each. */
struct tw__ring *tw__ring_find(const char *name);
void tw__ring_each(void (*fn)(struct tw__ring *r, void *arg), void *arg);
/** tw__ring_resize - keeps the newest messages that fit. in: page, taken: where
 * they are from now on; NULL: on the heap. control. */
void tw__ring_resize(struct tw__ring *r, uint64_t size, struct tw__ring_page *page);
/** tw__ring_put - a message, cut to the ring's maxlen. in: iov; a newline at its
 * end is left out. returns: false: dropped, and counted. context: any thread;
 * never waits for a receiver. */
bool tw__ring_put(struct tw__ring *r, const struct iovec *iov, int n);

void tw__ring_read_from(struct tw__ring *r, struct tw__ring_reader *rd, bool newest);
void tw__ring_read_end(struct tw__ring *r, struct tw__ring_reader *rd);
/** tw__ring_next - copies the next message for a reader. returns: its length;
 * SIZE_MAX: there is none, or it does not fit into `room` (tried == true). */
size_t tw__ring_next(
    struct tw__ring *r, struct tw__ring_reader *rd, char *mem, size_t room);
/** tw__ring_next_len - of the next message; SIZE_MAX: there is none. */
size_t tw__ring_next_len(struct tw__ring *r, struct tw__ring_reader *rd);
/** tw__ring_used - bytes; out: messages that are in it. */
uint64_t tw__ring_used(struct tw__ring *r, uint64_t *messages);

/* ring_file.c */
/** tw__ring_file_map - a file for a ring, made anew; what was there is kept as
 * FILE.bak. returns: owned; NULL: err. */
struct tw__ring_page *tw__ring_file_map(const char *path, const struct tw__ring *r,
    uint64_t size, struct tw_err *err);
char *tw__ring_file_bytes(struct tw__ring_page *page);
void tw__ring_file_unmap(struct tw__ring_page **page, uint64_t size);
/** tw__ring_file_note - where messages are now. context: ring's lock. */
void tw__ring_file_note(struct tw__ring_page *page, uint64_t tail, uint64_t head);
/** tw__ring_files_open - the files of a generation's rings; those that are open
 * stay. errors: -1: nothing has changed but FILE.bak. */
int tw__ring_files_open(struct tw_gen *gen, struct tw_err *err);
/** tw__ring_files_abandon - closes those of a generation that was refused. */
void tw__ring_files_abandon(void);
/** tw__ring_file_follow - the ring's memory is as its generation wants it. */
void tw__ring_file_follow(struct tw__ring *r, const struct tw__ring_conf *c);

/* ring_send.c */
/** tw__ring_wake - its servers have something to send. context: any thread. */
void tw__ring_wake(struct tw__ring *r);
/** tw__ring_serve - these servers from now on; those that are the same go on, and
 * so does that of a log backend when it has moved. control. */
void tw__ring_serve(struct tw__ring *r, const struct tw__ring_conf *conf);

/* ring_kw.c */
int tw__ring_register(struct tw_err *err);
/** tw__ring_implicit - the ring of a `log tcp@...` line. returns: gen. */
struct tw__ring_conf *tw__ring_implicit(
    struct tw_line *ln, const char *text, const struct tw_addr *addr);
/** tw__ring_of_server - the ring of a log backend's server. returns: gen. */
struct tw__ring_conf *tw__ring_of_server(
    struct tw_gen *gen, const struct tw_server *srv);
/** tw__ring_buf0 - in a generation: the ring of the converter debug, made when
 * it is first asked for. context: control, reading. */
const struct tw__ring_conf *tw__ring_buf0(struct tw_gen *gen);
/** tw__ring_conf_find - in a generation; NULL: it has none of this name. */
const struct tw__ring_conf *tw__ring_conf_find(
    const struct tw_gen *gen, const char *name);
/** tw__rings_published - the generation's rings are in force. control. */
void tw__rings_published(struct tw_gen *gen);
/** tw__rings_up, tw__rings_down - the control thread begins to send, and sends
 * what can be sent at once before it ends. */
void tw__rings_up(void);
void tw__rings_down(void);

#endif
