/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * csv.c - the report as HAProxy's CSV.
 *
 * One header line that begins with "# ", then a line for each row; every
 * field is followed by a comma. After a "-" come the columns of HAProxy's
 * TLS, HTTP/2 and HTTP/1 counters, empty here, so that tools find their
 * places. source: HAProxy's management guide, chapter 9.1.
 */
#include "st.h"

void
st_csv_text(struct tw_out *o, const char *text)
{
	if (text[strcspn(text, ",\"\r\n")] == '\0') {
		tw_out_str(o, tw_str_of(text));
		return;
	}
	tw_out_char(o, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			tw_out_char(o, '"');
		tw_out_char(o, *text);
	}
	tw_out_char(o, '"');
}

static void
csv_begin(struct st_report *rp, struct tw_out *o)
{
	(void)rp;
	tw_out_lit(o, "# ");
#define X(name, origin, nature, scope) tw_out_lit(o, #name ",");
#define Y(name) tw_out_lit(o, #name ",");
#define Y_BEGIN tw_out_lit(o, "-,");
#include "stats_fields.h"
#undef X
#undef Y
#undef Y_BEGIN
	tw_out_char(o, '\n');
}

static void
csv_row(struct st_report *rp, struct tw_out *o)
{
	for (int f = 0; f < ST_N_FIELDS; f++) {
		const struct st_val *v = &rp->row.v[f];

		if (v->type == ST_STR)
			st_csv_text(o, v->str);
		else if (v->type == ST_S32)
			tw_out_i64(o, v->s);
		else if (v->type != ST_NONE)
			tw_out_u64(o, v->u);
		tw_out_char(o, ',');
	}
#define X(name, origin, nature, scope)
#define Y(name) tw_out_char(o, ',');
#define Y_BEGIN tw_out_lit(o, "-,");
#include "stats_fields.h"
#undef X
#undef Y
#undef Y_BEGIN
	tw_out_char(o, '\n');
}

static void
csv_end(struct st_report *rp, struct tw_out *o)
{
	(void)rp;
	tw_out_char(o, '\n');
}

const struct st_writer st_csv = {
	.begin = csv_begin,
	.row = csv_row,
	.end = csv_end,
};
