/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * service.h - things that answer requests themselves (statistics, metrics).
 *
 * A service is started by a rule (`http-request use-service NAME`,
 * `tcp-request content use-service NAME`) or by a module's own hook. One with
 * run() answers with tw_req_reply(), at once or after TW_WAIT and tw_resume().
 * One with serve() talks with the client itself, piece by piece: it is called
 * when it begins, whenever the client has sent or taken something, and after
 * tw_resume(); each time it reads and writes what it can and returns. It may
 * be called for no reason, and must then do nothing but return TW_SERVE_WAIT.
 *
 * What it writes is gathered, and leaves when it returns. When the client does
 * not take it, tw_service_write() takes no more: the service returns
 * TW_SERVE_WAIT and is called once there is room. What it does not read stays
 * in the kernel and holds the client back. timeout client runs while it waits
 * for the client (it read and nothing was there, or what it wrote was not
 * taken yet); for what else it waits, it needs a timer of its own.
 *
 * Mode http: its answer is a response like a server's: http-response rules,
 * filters and compression see it. It is sent in chunks, or until the connection
 * is closed to HTTP/1.0, when the service does not say how long it is. What
 * is left of the request's body at the end is thrown away.
 *
 *	static enum tw_serve
 *	echo(struct tw_req *req, void *state)
 *	{
 *		struct tw_str data;
 *		enum tw_io io;
 *
 *		while ((io = tw_service_read(req, &data)) == TW_IO_OK) {
 *			const size_t n = tw_service_write(req, data);
 *			tw_service_take(req, n);
 *			if (n < data.len)
 *				return TW_SERVE_WAIT; // for room
 *		}
 *		return io == TW_IO_AGAIN ? TW_SERVE_WAIT : TW_SERVE_END;
 *	}
 *
 * Services belong to a module's table, or, when there are as many as the
 * configuration wants, to a generation (tw_service_add).
 */
#ifndef TIDEWAY_SERVICE_H
#define TIDEWAY_SERVICE_H

#include <tideway/req.h>

enum tw_serve {
	TW_SERVE_WAIT,
	TW_SERVE_END,  /* all is written */
	TW_SERVE_FAIL, /* it cannot go on: mode http: 500, or the answer is cut; mode
	                * tcp: what was written leaves, then the connection ends */
};

/* Where rules may use it. */
#define TW_SERVICE_HTTP 0x01u
#define TW_SERVICE_TCP 0x02u

struct tw_service {
	const char *name;
	enum tw_verdict (*run)(struct tw_req *req, void *state);
	const char *help;
	/* A generation uses it; NULL: no matter. context: reading. */
	void (*wanted)(struct tw_gen *gen);
	/* serve - instead of run. in: state, state_size bytes of request memory,
	 * zeroed when it begins. context: the request's worker. */
	enum tw_serve (*serve)(struct tw_req *req, void *state);
	/* ended - called once for each that was begun. in: complete, it said END and
	 * the client has got everything; else something failed, the client left or
	 * its time was over. Nothing may be called for req then but tw_req_...().
	 * NULL: no matter. */
	void (*ended)(struct tw_req *req, void *state, bool complete);
	size_t state_size;
	const void *conf;  /* the service's own: tw_req_service(req)->conf */
	const char *shown; /* as the server of the log; NULL: "<name>" */
	unsigned modes;    /* TW_SERVICE_...; 0: HTTP */
};

/** tw_service_add - one that this generation has besides the modules'. in:
 * service, gen, its name not another one's. returns: -1: err. context: reading. */
TW_API int tw_service_add(struct tw_gen *gen, const struct tw_self *self,
    const struct tw_service *service, struct tw_err *err);
/** tw_service_of - by name, the generation's own included. out: owner, whose
 * request block run() gets. returns: NULL: there is none. */
TW_API const struct tw_service *tw_service_of(
    struct tw_gen *gen, const char *name, const struct tw_self **owner);

/** tw_req_serve - begins one that has serve(). in: shown, gen, as the server of
 * the log. returns: what the hook shall
 * return. context: REQUEST, ROUTE,
 * CONTENT. */
TW_API enum tw_verdict tw_req_serve(struct tw_req *req, const struct tw_service *service,
    const char *shown, const struct tw_origin *origin);
/** tw_req_service - the one that serves it; NULL: none does. */
TW_API const struct tw_service *tw_req_service(const struct tw_req *req);

/* All that follow: context: serve(). */

/** tw_service_read - what the client has sent: in mode http, of the request's
 * body, without its framing. out: data, borrow: until all of it is taken.
 * returns: OK; AGAIN: nothing is there; END: nothing will follow; ERR: the client
 * left, or its message is broken: the exchange ends when serve() returns. */
TW_API enum tw_io tw_service_read(struct tw_req *req, struct tw_str *data);
/** tw_service_take - so many bytes of that are done with. */
TW_API void tw_service_take(struct tw_req *req, size_t n);

/* The head of an answer. */
struct tw_service_head {
	int status;
	struct tw_str reason;  /* p NULL: the usual one */
	const struct tw_str *headers; /* name, value, name, value, ... */
	int n_headers;         /* pairs; Connection and Transfer-Encoding are left out;
	                        * Content-Length says how long the body is */
	int64_t length;        /* of the body; -1: not known, or a header says it */
};
/** tw_service_start - mode http: the answer begins, once. The head and its text
 * are copied. returns: -1: it has begun, the status is none, the length is not a
 * number, or there are too many fields. */
TW_API int tw_service_start(struct tw_req *req, const struct tw_service_head *head);
/** tw_service_room - how many bytes could be written now. */
TW_API size_t tw_service_room(const struct tw_req *req);
/** tw_service_write - a part of the answer; in mode http after tw_service_start().
 * What exceeds the length that was told is taken and forgotten, and so is what
 * HEAD, 204 or 304 have no body for. returns: how many bytes were taken; fewer
 * than data has: wait for room. */
TW_API size_t tw_service_write(struct tw_req *req, struct tw_str data);

#endif
