/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/trail.h - a request's trail from the inside: what is kept of each step,
 * and how it is printed.
 *
 * The record lies in the request's arena and is limited; one of `tideway
 * explain` has an arena of its own, because it spans the connection's steps,
 * too, and has no limit. One worker's thread.
 */
#ifndef TW_FLOW_TRAIL_H
#define TW_FLOW_TRAIL_H

#include <stdio.h>

#include <tideway/command.h>
#include <tideway/trail.h>
#include "core/flow/req.h"

enum tw__rec_kind {
	TW__REC_PHASE,  /* text: "http-request"; is: the proxy */
	TW__REC_RULE,   /* text: the line */
	TW__REC_ACL,    /* text: its name; was: the value; verb, is: the pattern */
	TW__REC_CHANGE, /* text: of what; was, is; p NULL: none */
	TW__REC_NOTE,   /* text */
	TW__REC_CHOICE, /* what: enum tw_what; text: of whom; is: its name */
};

/* Of a heading. */
enum tw__px_kind { TW__PX_BACKEND, TW__PX_FRONTEND, TW__PX_LISTEN };

struct tw__rec {
	struct tw__rec *next;
	uint8_t kind;      /* enum tw__rec_kind */
	uint8_t result;    /* enum tw_told; of an ACL: bool */
	uint8_t what;      /* enum tw_what; of a heading: enum tw__px_kind */
	bool in_rule;      /* belongs to the rule before it */
	bool negated;      /* an ACL behind '!' */
	uint16_t n_more;   /* values that were seen beside this one */
	const char *file;  /* gen; NULL: none */
	int line;
	const char *verb;  /* "begins with" */
	struct tw_str text, was, is;
	const char *expr;  /* an ACL's; gen */
};

struct tw__snapshot;

struct tw__record {
	struct tw_arena *arena; /* borrow */
	struct tw__rec *first, **tail, *rule; /* rule: the one begun last */
	struct tw__rec *phase;  /* the last heading */
	const struct tw_proxy *px;
	const struct tw_origin *origin; /* who wanted it; NULL: a command */
	const char *ring;
	struct tw__snapshot *seen; /* the request as it was told last */
	struct tw__snapshot *before; /* the phase, whose rules may be run anew */
	uint32_t room;     /* bytes left; 0: it is full */
	unsigned to;       /* TW_TRAIL_... */
	uint8_t n_choices; /* of the decision trail, told already */
	bool full;
	bool exact;        /* explain: take what time it needs */
	bool quiet;        /* nothing is added now */
	bool again;        /* the rules of the phase are looked at anew */
	struct tw_str head; /* the request line as it came; p NULL: none */
};

/* What an ACL has seen. */
struct tw__acl_told {
	const char *name, *expr, *file; /* name NULL: anonymous */
	int line;
	bool is_true, negated, waits;
	int n_values;
	struct tw_str value;  /* the one that decided, or the last one; p NULL: none */
	const char *verb;
	struct tw_str pattern; /* that matched, or all of them; p NULL: untold */
};

/* trail.c */
void tw__trail_acl(struct tw_req *req, const struct tw__acl_told *t);
/** tw__trail_sync - tells what was decided and changed since it was last asked. */
void tw__trail_sync(struct tw_req *req);
struct tw__rec *tw__rec_add(struct tw__record *r, enum tw__rec_kind kind);
/** tw__rec_copy - into the record's memory, cut to what is readable. errors: p NULL. */
struct tw_str tw__rec_copy(struct tw__record *r, struct tw_str s);
/** tw__record_new - in that arena. in: room, bytes it may take. errors: NULL. */
struct tw__record *tw__record_new(struct tw_arena *arena, uint32_t room);

/* trail_diff.c */
/** tw__trail_diff - adds what has changed since the last call; the first call only
 * remembers. in: in_rule, it is the last rule's doing. */
void tw__trail_diff(struct tw_req *req, bool in_rule);
/** tw__trail_mark - remembers how the request is before a phase whose rules wait
 * for bytes; tw__trail_back - their changes will be told once more. */
void tw__trail_mark(struct tw__record *r);
void tw__trail_back(struct tw__record *r);
/** tw__trail_sample - a sample as text. */
struct tw_str tw__trail_sample(struct tw_req *req, const struct tw_sample *s);

/* trail_text.c, trail_json.c: one renderer for explain and live trails */
struct tw__trail_style {
	bool colour;
	bool all;   /* every rule that was not reached by itself */
	bool ended; /* what came of the exchange, at the end */
};
void tw__trail_print(FILE *to, const struct tw_req *req, const struct tw__record *r,
    const struct tw__trail_style *style);
void tw__trail_json(FILE *to, const struct tw_req *req, const struct tw__record *r);
/** tw__json_str - a string of JSON, quoted; bytes that are no UTF-8 as U+00XX. */
void tw__json_str(FILE *to, struct tw_str s);
/** tw__trail_show - bytes a terminal must not obey are escaped. in: max, 0: all. */
void tw__trail_show(FILE *to, struct tw_str s, size_t max);

/* trail_live.c: called when tw__debug_on has TW__DEBUG_TRAILS */
void tw__trail_conn(struct tw_req *req);
void tw__trail_request(struct tw_req *req);
void tw__trail_end(struct tw_req *req);
extern const struct tw_command tw__trail_commands[];
/* explain takes over. */
struct tw__trail_taker {
	void (*begin)(struct tw_req *req); /* a connection, or a head that was read */
	void (*end)(struct tw_req *req);
};
extern const struct tw__trail_taker *tw__trail_taker; /* set at start-up */

/* core/expr/vars.c */
/** tw__var_each - the i-th variable of an exchange and its session. returns: its
 * name; NULL: there is none. out: s; type TW_ANY: it is not set. */
const char *tw__var_each(struct tw_req *req, int i, struct tw_sample *s);

#endif
