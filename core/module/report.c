/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * report.c - reports of whichever module makes them. Any thread.
 */
#include "config.h"

#include <tideway/report.h>
#include "core/module/module_int.h"

void
tw_report_object(const struct tw_report_of *of, tw_report_fn *fn, void *arg)
{
	const struct tw_report_ops *const ops = tw__module_find_report("stat", NULL);

	if (ops != NULL)
		ops->object(of, fn, arg);
}

void
tw_report_process(tw_report_fn *fn, void *arg)
{
	const struct tw_report_ops *const ops = tw__module_find_report("info", NULL);

	if (ops != NULL)
		ops->process(fn, arg);
}
