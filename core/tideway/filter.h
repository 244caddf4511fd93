/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * filter.h - looking at bodies while they pass.
 *
 * A filter is attached to one direction of one request, by a hook that runs
 * before that direction's head is sent; in mode tcp, before the step SEND is over.
 * It sees payload without framing. Those of a direction run in the order in which
 * they were attached; what one gives is the next one's, and no more is read
 * before that has taken it. With none attached the relay moves bytes without
 * looking (and may splice). All of them are called on the request's worker.
 */
#ifndef TIDEWAY_FILTER_H
#define TIDEWAY_FILTER_H

#include <tideway/req.h>

struct tw_line;
struct tw_proxy;

#define TW_FILTER_SAME_LENGTH 0x01u /* as many bytes pass as came: framing stays */
#define TW_FILTER_TUNNEL 0x02u /* goes on after 101 or CONNECT; without it: is left
				* out from there on */
#define TW_FILTER_TCP 0x04u    /* is of use in mode tcp, too */
#define TW_FILTER_ADDS 0x08u   /* gives something for nothing: a message with
				* Content-Length: 0 becomes one of unknown length */

struct tw_filter {
	const char *name;
	size_t state_size; /* zeroed; request memory */
	/* begin - may edit the head. returns: 0; -1: not interested after all. */
	int (*begin)(struct tw_req *req, struct tw_msg *msg, void *state);
	/* data - in: some payload. out: what passes on (may be `data` itself, or
	 * memory valid until the next call). returns: OK; AGAIN: there is more, call
	 * again, without payload; ERR ends the transfer; END (TW_FILTER_WAIT): see
	 * there. NULL: all passes. */
	enum tw_io (*data)(struct tw_req *req, void *state, struct tw_str data,
	    struct tw_str *out);
	/* end - out: what comes last (may be empty). returns: as data. NULL: nothing. */
	enum tw_io (*end)(struct tw_req *req, void *state, struct tw_str *out);
	const char *help;
	unsigned flags; /* TW_FILTER_... */
	/* room - asked before data. in: len, bytes that are there; last, no others
	 * will follow them. out: wait_ms, when to ask again, if it takes none now.
	 * returns: how many of them data gets. NULL: all. */
	size_t (*room)(struct tw_req *req, void *state, size_t len, bool last,
	    uint32_t *wait_ms);
	/* flush - nothing else is there for now: what it kept back shall pass.
	 * returns: as data, but does not wait. NULL: it keeps nothing back. */
	enum tw_io (*flush)(struct tw_req *req, void *state, struct tw_str *out);
	/* again - the message will pass once more from its beginning (a retry); the
	 * head is as begin left it. NULL: nothing to forget. */
	void (*again)(struct tw_req *req, void *state);
	/* fini - of each state whose begin returned 0, before RESET is over. */
	void (*fini)(struct tw_req *req, void *state);
	/* parse - a line `filter <name> ...`; tw_arg(ln, 0) is the name. in: i, the
	 * first argument that is not one of `filter`s. out: conf, gen. returns: 0;
	 * -1: reported. NULL: there is no such line. */
	int (*parse)(struct tw_line *ln, int i, const void **conf);
	/* implied - in a proxy without any `filter` line it is attached nevertheless;
	 * in one with such lines, it must be among them. */
	bool (*implied)(const struct tw_proxy *px);
	const char *usage; /* of the line, after its name */
	unsigned directions; /* TW_FILTER_REQUEST, TW_FILTER_RESPONSE; 0: both */
	/* head - of a line, before begin, when a head is about to leave (mode tcp: when
	 * there is a server): may change it, answer FAIL after tw_req_fail(), or WAIT
	 * for tw_resume(); called again until each line's says NEXT. NULL: NEXT. */
	enum tw_verdict (*head)(struct tw_req *req, const void *conf, bool response);
};
#define TW_FILTER_REQUEST 0x01u
#define TW_FILTER_RESPONSE 0x02u

/* What data() and end() return to wait, for a script, an answer, a timer: nothing
 * passes (*out is not looked at), no more is read, and it is called again, without
 * payload, after tw_filter_resume() - or for no reason, and then returns the same
 * once more. Neither peer's time runs meanwhile: how long it may take is the
 * filter's matter. The payload that it was given is gone by then: it takes a
 * copy of what it needs. It may be ended (fini) while it waits. */
#define TW_FILTER_WAIT TW_IO_END
/** tw_filter_resume - those of a request that wait are called again. context: its
 * worker. */
TW_API void tw_filter_resume(struct tw_req *req);

/** tw_req_filter - attaches. in: response, which direction. The body then has
 * no known length, unless the filter says so. errors: -1: too late, or out of
 * memory. */
TW_API int tw_req_filter(struct tw_req *req, const struct tw_filter *filter, bool response);
/** tw_req_filter_line - the same for a `filter` line. in: conf, what parse gave: it
 * stands in the first word of the state (which has one). */
TW_API int tw_req_filter_line(struct tw_req *req, const struct tw_filter *filter,
    const void *conf, bool response);
/** tw_filter_conf - it, from a state. */
static inline const void *
tw_filter_conf(const void *state)
{
	return *(const void *const *)state;
}
/** tw_filter_find - by the name that a line has. returns: NULL: no module has it. */
TW_API const struct tw_filter *tw_filter_find(const char *name);

#endif
