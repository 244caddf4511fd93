/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * log.h - what the program tells its operator, and the traffic log.
 *
 * Operator messages go to standard error in HAProxy's shape
 * ("[NOTICE]   (pid) : text") until the program is a daemon or quiet, and
 * always to the `log` targets of the global section. Messages about a proxy
 * or a server also go to that proxy's targets. Traffic log lines are made by
 * log-formats (core/expr) at the step `log` and leave in batches.
 */
#ifndef TIDEWAY_LOG_H
#define TIDEWAY_LOG_H

#include <tideway/str.h>

enum tw_level {
	TW_EMERG,
	TW_ALERT,
	TW_CRIT,
	TW_ERR,
	TW_WARNING,
	TW_NOTICE,
	TW_INFO,
	TW_DEBUG,
};

/** tw_log - one message to the operator. context: any thread. */
TW_API void tw_log(enum tw_level level, const char *fmt, ...) TW_PRINTF(2, 3);

/** tw_log_limited - as tw_log, at most ten a second for each call site;
 * what was left out is counted and told with the next one that goes out. */
#define tw_log_limited(level, ...)                                            \
	do {                                                                  \
		static struct tw_log_site tw_site_;                           \
		tw_log_site(&tw_site_, (level), __VA_ARGS__);                 \
	} while (0)

struct tw_log_site {
	int64_t second; /* shared: atomic */
	int n;          /* shared: atomic; messages in that second */
	int left_out;   /* shared: atomic */
};
TW_API void tw_log_site(struct tw_log_site *site, enum tw_level level,
    const char *fmt, ...) TW_PRINTF(3, 4);

/** tw_proxy_log - to the operator and to the proxy's `log` targets.
 * context: any thread. */
TW_API void tw_proxy_log(const struct tw_proxy *px, enum tw_level level,
    const char *fmt, ...) TW_PRINTF(3, 4);

/* Where a message goes. */
#define TW_LOG_LOGGERS 0x01u /* the proxy's `log` targets, or the global ones */
#define TW_LOG_STDERR 0x02u
#define TW_LOG_AUTO 0x04u /* standard error, if there are no such targets */
/** tw_log_to - one message that is not the program's own. in: px, NULL: none.
 * context: any thread. */
TW_API void tw_log_to(const struct tw_proxy *px, unsigned where, enum tw_level level,
    const char *text);

#endif
