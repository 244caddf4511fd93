/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * values.c - the values of a row, for other modules (tideway/report.h). Any worker.
 */
#include "st.h"

static void
object(const struct tw_report_of *of, tw_report_fn *fn, void *arg)
{
	struct st_row row = { .kind = of->srv != NULL ? ST_SERVER
		    : of->bind != NULL                ? ST_LISTENER
		    : of->side == TW_FRONTEND         ? ST_FRONTEND
						      : ST_BACKEND,
		.px = of->px,
		.srv = of->srv,
		.bind = of->bind };

	st_row_fill(&row);
	for (int f = 0; f < ST_N_FIELDS; f++) {
		const struct st_val *const v = &row.v[f];
		struct tw_report_value out = { .name = st_field_name[f] };

		if (v->type == ST_NONE)
			continue;
		if (v->type == ST_STR)
			out.text = v->str;
		else
			out.n = v->type == ST_S32 ? v->s : (int64_t)v->u;
		fn(&out, arg);
	}
}

const struct tw_report_ops st_reports[] = {
	{ .name = "stat", .object = object },
	{ .name = NULL },
};
