/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/logvars.h - the variables of log-formats.
 */
#ifndef TW_FLOW_LOGVARS_H
#define TW_FLOW_LOGVARS_H

#include <tideway/expr.h>

extern const struct tw_logvar tw__core_logvars[];

/* A request line, split at its first and its last blank. */
struct tw__line {
	struct tw_str method, uri, version;
};
/** tw__line_split - errors: false when there are not two blanks. */
bool tw__line_split(struct tw_str s, struct tw__line *l);
/** tw__logvars_register - makes them known to log-formats. At start-up. */
int tw__logvars_register(struct tw_err *err);
/** tw__captures_register - captured values in log-formats and expressions. */
int tw__captures_register(struct tw_err *err);
/** tw__log_pid - this process's id; provided by core/proxy/logger.c. */
int tw__log_pid(void);

#endif
