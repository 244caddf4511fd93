/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * action.h - what a rule may do: the actions that modules bring.
 *
 * A rule set (`http-request`, `tcp-request content`, ...) is a list of rules
 * of a proxy; a rule is an action, its arguments, and perhaps a condition. The
 * module `rules` reads and runs them; any module adds actions with a table in
 * its descriptor (`.actions`, ends with name NULL). source: HAProxy's manual,
 * 4.2 and 4.3.
 */
#ifndef TIDEWAY_ACTION_H
#define TIDEWAY_ACTION_H

#include <tideway/conf.h>
#include <tideway/req.h>

enum tw_rules {
	TW_TCP_CONNECTION, /* tcp-request connection: accepted; src is the peer */
	TW_TCP_SESSION,    /* tcp-request session: PROXY header and TLS are done */
	TW_TCP_CONTENT,    /* tcp-request content */
	TW_TCP_RESPONSE,   /* tcp-response content */
	TW_HTTP_REQUEST,
	TW_HTTP_RESPONSE,
	TW_HTTP_AFTER,     /* http-after-response */
	TW_N_RULES
};

/* An action's line while it is parsed. */
struct tw_action_line {
	struct tw_line *ln;
	enum tw_rules rules;
	const char *set;    /* "http-request" */
	const char *word;   /* the action as written: "set-var(txn.a)" */
	struct tw_str paren; /* what stands in its parentheses; p NULL: none */
	int i;              /* index of the next argument, for tw_arg(); moved on */
	unsigned where;     /* TW_AT_... that hold there */
	const struct tw_origin *origin; /* gen; "http-request deny", file, line */
	bool final;         /* in: it ends its rule set, for warnings */
};

/* What comes after an action. */
enum tw_act {
	TW_ACT_NEXT,  /* the next rule */
	TW_ACT_STOP,  /* no more rules of this set; the request goes on */
	TW_ACT_DONE,  /* tw_req_reply() was called */
	TW_ACT_FAIL,  /* tw_req_fail() was called */
	TW_ACT_WAIT,  /* tw_resume() or the client's bytes will call it again */
	TW_ACT_ERROR, /* a rewrite failed: strict-mode decides what follows */
};

struct tw_action_call {
	const void *conf;   /* what parse() gave */
	const struct tw_origin *origin;
	enum tw_rules rules;
	bool again;         /* it answered WAIT before */
};

/* Flags of an action. */
#define TW_ACTION_FINAL 0x01u /* never answers NEXT */
#define TW_ACTION_PAREN 0x02u /* its name is followed by (...) */
#define TW_ACTION_WAITS 0x04u /* may answer WAIT */
#define TW_ACTION_DIGITS 0x08u /* its name is followed by a number: "track-sc0" */
#define TW_ACTION_PREFIX 0x10u /* its name is how names begin: "lua." */

struct tw_action {
	const char *name;
	unsigned rules; /* 1u << enum tw_rules, each where it may stand */
	/* parse - reads arguments from tw_arg(a->ln, a->i) on, leaving what follows
	 * (a condition, or an error). out: conf, gen. returns: 0, -1 reported. */
	int (*parse)(struct tw_action_line *a, const void **conf);
	enum tw_act (*run)(struct tw_req *req, const struct tw_action_call *call);
	const char *usage; /* "<name> <fmt>" */
	const char *help;
	unsigned flags;    /* TW_ACTION_... */
};

/** tw_action_arg - the next argument, taken; NULL: there is none, or the
 * condition begins. */
static inline const char *
tw_action_arg(struct tw_action_line *a)
{
	const char *const word = tw_arg(a->ln, a->i);

	if (word == NULL || strcmp(word, "if") == 0 || strcmp(word, "unless") == 0)
		return NULL;
	a->i++;
	return word;
}

#endif
