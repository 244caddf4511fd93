/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * base/oplog.h - switches of the operator's log, for core units only.
 */
#ifndef TW_BASE_OPLOG_H
#define TW_BASE_OPLOG_H

#include <tideway/log.h>

/** tw__oplog_fn - one line, without level, pid or newline; not terminated by
 * NUL. context: any thread. */
typedef void tw__oplog_fn(enum tw_level level, const char *text, size_t len);

/** tw__oplog_sink_set - where the copy goes (the global `log` targets). in:
 * NULL: nowhere. context: any thread. */
void tw__oplog_sink_set(tw__oplog_fn *fn);
/** tw__oplog_quiet - -q: nothing on standard error. */
void tw__oplog_quiet(bool quiet);
/** tw__oplog_stderr - false once the program is a daemon. */
void tw__oplog_stderr(bool on);
/** tw__oplog_tag - the head of a line: "[NOTICE]   (1234) : ". */
void tw__oplog_tag(struct tw_out *o, enum tw_level level);

#endif
