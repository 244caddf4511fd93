/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hc_run.h - one server's check, while it lives.
 *
 * It is the module's block in the server's live part: zeroed when the server
 * first appears, kept over reloads, freed by the core after hc_runner_drop()
 * has let go of it. Control thread only.
 */
#ifndef HEALTHCHECK_HC_RUN_H
#define HEALTHCHECK_HC_RUN_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/queue.h>

#include <tideway/worker.h>
#include "hc.h"

enum hc_phase {
	HC_OFF,        /* not checked: zeroed memory says so */
	HC_WAITING,    /* for its next turn */
	HC_CONNECTING,
	HC_TALKING,    /* the request goes out, the answer comes in */
};

struct hc_check {
	struct tw_timer timer;   /* first: the next turn, or the timeout */
	TAILQ_ENTRY(hc_check) link;
	enum hc_phase phase;
	int fd;                  /* owns; valid while connecting and talking */
	int health;              /* 0 .. rise + fall - 1 */
	bool known;              /* a result was had */
	struct event event;      /* of fd */
	struct tw_server *srv;   /* borrow: gen */
	const struct tw_gen *gen; /* borrow: the generation of srv */
	struct tw_check_conf conf;
	uint64_t begun_us, turn_ms; /* when this check began */
	char *buf;               /* owns; request, then answer; NULL: idle */
	uint32_t len, size, sent;
};

/* --- talk.c: one check --- */
/** hc_talk_begin - connects. ends with hc_talk_ended() in any case. */
void hc_talk_begin(struct hc_check *c);
/** hc_talk_timeout - the deadline has passed. */
void hc_talk_timeout(struct hc_check *c);
/** hc_talk_abort - closes without a result. */
void hc_talk_abort(struct hc_check *c);
/** hc_talk_ended - in runner.c: a result, or NULL: could not be tried. */
void hc_talk_ended(struct hc_check *c, struct tw_check_result *r);
const struct tw_check_type *hc_type_of(const struct tw_server *srv);

#endif
