/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * service.h - things that answer requests themselves (statistics, metrics).
 *
 * A service is started by a rule (`http-request use-service NAME`) or by a
 * module's own hook. It answers with tw_req_reply(), at once or after
 * TW_WAIT and tw_resume().
 */
#ifndef TIDEWAY_SERVICE_H
#define TIDEWAY_SERVICE_H

#include <tideway/req.h>

struct tw_service {
	const char *name;
	enum tw_verdict (*run)(struct tw_req *req, void *state);
	const char *help;
	/* A generation uses it; NULL: no matter. context: reading. */
	void (*wanted)(struct tw_gen *gen);
};

#endif
