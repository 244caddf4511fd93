/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * typed.c - the report with a line for each field, its tags and its type
 * (`show stat typed`). source: HAProxy's management guide, chapter 9.2.
 */
#include "st.h"

/* The words of stats_fields.h, as letters. */
#define L_Metric "M"
#define L_Status "S"
#define L_Key "K"
#define L_Config "C"
#define L_Age "A"
#define L_Avg "a"
#define L_Counter "C"
#define L_Duration "D"
#define L_Gauge "G"
#define L_Limit "L"
#define L_Max "M"
#define L_Name "N"
#define L_Output "O"
#define L_Rate "R"
#define L_Process "P"
#define L_Service "S"

const char st_field_tags[ST_N_FIELDS][4] = {
#define X(name, origin, nature, scope) L_##origin L_##nature L_##scope,
#include "stats_fields.h"
#undef X
};

const char *
st_row_tags(const struct st_row *row, int f)
{
	if (f == ST_F_act || f == ST_F_bck)
		return row->kind == ST_BACKEND ? "MGP" : "SGP";
	if ((f == ST_F_rate || f == ST_F_rate_max) && row->kind == ST_BACKEND)
		return "MGP";
	return st_field_tags[f];
}

static void
value_out(struct tw_out *o, const struct st_val *v)
{
	static const char *const types[] = { "", "u32:", "u64:", "s32:", "str:" };

	tw_out_str(o, tw_str_of(types[v->type]));
	if (v->type == ST_STR)
		tw_out_str(o, tw_str_of(v->str));
	else if (v->type == ST_S32)
		tw_out_i64(o, v->s);
	else
		tw_out_u64(o, v->u);
}

static void
typed_row(struct st_report *rp, struct tw_out *o)
{
	static const char letters[] = { 'F', 'B', 'S', 'L' };
	const struct st_row *row = &rp->row;

	for (int f = 0; f < ST_N_FIELDS; f++) {
		if (row->v[f].type == ST_NONE)
			continue;
		tw_out_printf(o, "%c.%u.%u.%d.%s.1:%s:", letters[row->kind],
		    (unsigned)st_num(row, ST_F_iid), (unsigned)st_num(row, ST_F_sid), f,
		    st_field_name[f], st_row_tags(row, f));
		value_out(o, &row->v[f]);
		if (rp->opt.desc)
			tw_out_printf(o, ":\"%s\"", st_field_help[f]);
		tw_out_char(o, '\n');
	}
	tw_out_char(o, '\n');
}

const struct st_writer st_typed = { .row = typed_row };
