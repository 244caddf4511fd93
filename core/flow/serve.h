/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/serve.h - a service at work (serve.c, serve_api.c).
 *
 * What it writes is gathered in the request's reply_buf, lent from there to
 * who moves it on (the half `down`, as a server's body), and its room is free
 * again when that asks for more. The half `up` ends here: its bytes are the
 * service's to take. One worker's thread.
 */
#ifndef TW_FLOW_SERVE_H
#define TW_FLOW_SERVE_H

#include <tideway/service.h>
#include "core/flow/req.h"

struct tw__serving {
	const struct tw_service *service; /* gen */
	void *state;                      /* arena: behind this */
	struct tw_str piece; /* read from the client, not taken; borrow: its buffer */
	size_t len, lent;    /* in reply_buf: written; of these, on their way */
	uint64_t left;       /* of the length that was told */
	bool has_length;
	bool started;    /* there is a head */
	bool headed;     /* the head has left */
	bool no_body;    /* what is written goes nowhere */
	bool over;       /* it will not be called again */
	bool failed;     /* it said FAIL */
	bool told;       /* it knows the end */
	bool hungry;     /* it waits for the client's bytes */
	bool full;       /* and for room */
	bool unexpected; /* 100 Continue was not said yet */
	bool read_over;  /* END or ERR was read */
	bool read_bad;   /* that was ERR */
	bool read_left;  /* because the client left */
	bool again;      /* it called tw_resume() itself */
	bool waits;      /* the client is waited for */
	bool is_reply;       /* of tw_req_reply() */
	bool late;           /* there was a server before */
	bool is_own;         /* hooks see it as an answer of our own */
	uint8_t chain;   /* 0: the backend's RESPONSE; 1: the frontend's; 2: done */
};

/** tw__serve_buf - what it writes has a place. returns: false: out of memory. */
bool tw__serve_buf(struct tw_req *req);
/** tw__serve_more - what was written since, for the half `down`. out: data, borrow:
 * until the next call. returns: OK, AGAIN, or END, with its last bytes. */
enum tw_io tw__serve_more(struct tw_req *req, struct tw_str *data);

/** tw__serve_input - what comes next from the client. returns: as
 * tw__filtered_read. */
enum tw_io tw__serve_input(struct tw_req *req, struct tw_str *data);

#endif
