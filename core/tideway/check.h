/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * check.h - kinds of health checks (`option tcp-check`, `option httpchk` ...).
 *
 * The healthcheck module connects, keeps time and counts rise and fall; a
 * type says what to send and what an answer means. Control thread only.
 */
#ifndef TIDEWAY_CHECK_H
#define TIDEWAY_CHECK_H

#include <tideway/proxy.h>

struct tw_check_type {
	const char *name; /* "httpchk": chosen by `option httpchk` */
	/* request - what to send after connecting. returns: bytes written to out
	 * (0: the connection itself is the check). */
	size_t (*request)(const struct tw_server *srv, struct tw_out *out);
	/* answer - in: all bytes received so far; eof. out: r->what, status, text.
	 * returns: TW_IO_AGAIN until it knows. */
	enum tw_io (*answer)(const struct tw_server *srv, struct tw_str got, bool eof,
	    struct tw_check_result *r);
	const char *help;
};

/** tw_server_check_header - the PROXY header of a connection that the program makes
 * for itself: version 1 with its addresses; version 2 speaks for nobody (LOCAL).
 * in: fd, connected. source: the PROXY protocol, 2.2. */
TW_API void tw_server_check_header(const struct tw_server *srv, int version, int fd,
    struct tw_out *out);

#endif
