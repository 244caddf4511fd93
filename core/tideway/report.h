/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * report.h - what `show stat` and `show info` tell, value by value.
 *
 * For modules that pass these on under HAProxy's names. Who makes the report says
 * so in its descriptor (report_ops); without it nothing is told.
 */
#ifndef TIDEWAY_REPORT_H
#define TIDEWAY_REPORT_H

#include <tideway/proxy.h>

/* One value. borrow: until the function that was given it returns. */
struct tw_report_value {
	const char *name; /* "scur", "Uptime_sec"; static */
	const char *text; /* NULL: a number */
	int64_t n;
};
typedef void tw_report_fn(const struct tw_report_value *v, void *arg);

/* What a row of `show stat` is about. */
struct tw_report_of {
	const struct tw_proxy *px;
	enum tw_side side;
	struct tw_server *srv;      /* NULL: the proxy */
	const struct tw_bind *bind; /* NULL: the proxy */
};
/** tw_report_object - calls fn with each value that such a row has; fn may leave by
 * longjmp. context: worker, control. */
TW_API void tw_report_object(
    const struct tw_report_of *of, tw_report_fn *fn, void *arg);
/** tw_report_process - the lines of `show info`. */
TW_API void tw_report_process(tw_report_fn *fn, void *arg);

struct tw_report_ops {
	const char *name; /* "stat": object, "info": process; NULL ends the list */
	void (*object)(const struct tw_report_of *of, tw_report_fn *fn, void *arg);
	void (*process)(tw_report_fn *fn, void *arg);
};

#endif
