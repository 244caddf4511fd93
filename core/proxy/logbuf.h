/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/logbuf.h - a worker's log lines on their way out.
 */
#ifndef TW_PROXY_LOGBUF_H
#define TW_PROXY_LOGBUF_H

#include <tideway/worker.h>

#include "proxy/logger.h"
#include "run/worker.h"

#define TW__LOGW_BYTES (224 * 1024)
#define TW__LOGW_HEADER 768 /* most bytes of a header */
#define TW__LOGW_ENTRIES 256

/* One message: pieces of the buffer. */
struct tw__log_entry {
	struct tw__log_target *target;
	uint32_t head, head_len;
	uint32_t text, text_len; /* without newline; one may stand behind it */
};

struct tw__logw {
	char *buf; /* owns: TW__LOGW_BYTES */
	uint32_t used;
	int first, n; /* those from first to n may wait */
	struct tw__log_entry entry[TW__LOGW_ENTRIES];
	struct tw__turn_hook hook;
	struct tw_timer timer; /* wakes the loop for what waits */
	uint64_t retry_us;     /* a receiver was full: not before then */
	uint64_t second;       /* of the two texts; 0: none */
	char date[20];         /* "Nov 22 10:00:00 " */
	char iso[24], zone[8]; /* "2026-11-22T10:00:00", "+00:00" */
	const char *tag;       /* of `tail`; borrow: gen; compared, never read */
	uint64_t tag_gen;      /* number of that generation */
	size_t tail_len;
	char tail[TW__LOGW_HEADER / 2]; /* "tideway[123]: " */
};

/** tw__logw_new - for threads that are no workers. returns: NULL: no memory. */
struct tw__logw *tw__logw_new(void);
/** tw__logw_flush - sends what receivers take now. */
void tw__logw_flush(struct tw__logw *lw);
/** tw__logw_make_room - for so much; what waits for slow receivers is dropped
 * when there is no other way. */
void tw__logw_make_room(struct tw__logw *lw, uint32_t bytes, uint32_t entries);

static inline bool
tw__logw_has_room(const struct tw__logw *lw, uint32_t bytes, uint32_t entries)
{
	return lw->used + bytes <= TW__LOGW_BYTES &&
	    (uint32_t)lw->n + entries <= TW__LOGW_ENTRIES;
}

#endif
