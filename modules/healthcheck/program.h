/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * program.h - what the worker and the process that starts programs say to
 * each other, over one stream socket.
 *
 * An order is a head and `len` bytes: NUL-terminated strings, first the
 * arguments, then "NAME=value" for the environment. A report is one struct.
 * Both ends are of one program, so its structs go as they are.
 */
#ifndef HEALTHCHECK_PROGRAM_H
#define HEALTHCHECK_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HC_ORDER_MAX 16384u
#define HC_PROGRAMS_MAX 256 /* at a time */

enum hc_order_kind { HC_ORDER_RUN, HC_ORDER_END };

struct hc_order {
	uint32_t kind; /* enum hc_order_kind */
	uint32_t id;
	uint32_t n_args, n_env;
	uint32_t len;  /* of what follows */
};

struct hc_report {
	uint32_t id;
	int32_t status; /* as waitpid() has it */
	int32_t error;  /* 0, or the errno that kept it from running */
};

/** hc_programs_serve - starts programs until the socket ends. returns: the
 * exit status of the process. */
int hc_programs_serve(int fd);

#endif
