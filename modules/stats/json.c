/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * json.c - the report as HAProxy's JSON: an array of rows, each an array of
 * fields with position, tags and typed value. Empty fields are left out.
 * The modules' tables follow in the same shape, their title as the type.
 * source: RFC 8259; HAProxy's management guide, "show stat json".
 */
#include "st.h"

struct tags {
	const char *origin, *nature, *scope;
};

static const struct tags tags[ST_N_FIELDS] = {
#define X(name, origin, nature, scope) { #origin, #nature, #scope },
#include "stats_fields.h"
#undef X
};

void
st_json_text(struct tw_out *o, const char *text)
{
	tw_out_char(o, '"');
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\') {
			tw_out_char(o, '\\');
			tw_out_char(o, (char)*p);
		} else if (*p < 0x20 || *p == 0x7f)
			tw_out_printf(o, "\\u%04x", *p);
		else
			tw_out_char(o, (char)*p);
	}
	tw_out_char(o, '"');
}

/* Some fields mean something else in another kind of row. */
static struct tags
tags_of(const struct st_row *row, int f)
{
	struct tags t = tags[f];

	if ((f == ST_F_act || f == ST_F_bck) && row->kind == ST_SERVER)
		t.origin = "Status";
	else if ((f == ST_F_act || f == ST_F_bck) && row->kind == ST_BACKEND)
		t.origin = "Metric";
	else if ((f == ST_F_rate || f == ST_F_rate_max) && row->kind == ST_BACKEND)
		t.nature = "Gauge";
	return t;
}

static void
json_value(struct tw_out *o, const struct st_val *v)
{
	static const char *const types[] = { "", "u32", "u64", "s32", "str" };

	tw_out_printf(o, "\"value\":{\"type\":\"%s\",\"value\":", types[v->type]);
	if (v->type == ST_STR)
		st_json_text(o, v->str);
	else if (v->type == ST_S32)
		tw_out_i64(o, v->s);
	else
		tw_out_u64(o, v->u);
	tw_out_lit(o, "}}");
}

static void
json_row(struct st_report *rp, struct tw_out *o)
{
	static const char *const kinds[] = { "Frontend", "Backend", "Server",
		"Listener" };
	const struct st_row *row = &rp->row;
	const char *comma = "";

	tw_out_str(o, tw_str_of(rp->any ? ",[" : "["));
	for (int f = 0; f < ST_N_FIELDS; f++) {
		const struct tags t = tags_of(row, f);

		if (row->v[f].type == ST_NONE)
			continue;
		tw_out_printf(o,
		    "%s{\"objType\":\"%s\",\"proxyId\":%u,\"id\":%u,"
		    "\"field\":{\"pos\":%d,\"name\":\"%s\"},\"processNum\":1,"
		    "\"tags\":{\"origin\":\"%s\",\"nature\":\"%s\",\"scope\":\"%s\"},",
		    comma, kinds[row->kind], (unsigned)st_num(row, ST_F_iid),
		    (unsigned)st_num(row, ST_F_sid), f, st_field_name[f], t.origin,
		    t.nature, t.scope);
		json_value(o, &row->v[f]);
		comma = ",";
	}
	tw_out_char(o, ']');
}

static const struct tags *
cell_tags(int i, enum tw_stats_kind kind)
{
	static const struct tags key = { "Key", "Name", "Process" };
	static const struct tags number = { "Metric", "Gauge", "Process" };
	static const struct tags text = { "Status", "Output", "Process" };

	if (i == 0)
		return &key;
	return kind == TW_STATS_NUMBER ? &number : &text;
}

static void
cell_value(struct tw_out *o, enum tw_stats_kind kind, const char *text)
{
	struct st_val v = { .type = ST_STR, .str = text };

	if (kind == TW_STATS_NUMBER && tw_str_to_u64(tw_str_of(text), &v.u))
		v.type = ST_U64;
	else
		v.str = text; /* the number took its place */
	json_value(o, &v);
}

/* A module's row has the shape of a proxy's. */
static void
json_table_row(struct st_report *rp, struct tw_out *o)
{
	const struct tw_stats_table *const t = rp->table;

	tw_out_str(o, tw_str_of(rp->any ? ",[" : "["));
	for (int i = 0; i < TW_STATS_COLUMNS && t->columns[i].name != NULL; i++) {
		const struct tags *const tag = cell_tags(i, t->columns[i].kind);

		if (rp->cells.cell[i][0] == '\0')
			continue;
		tw_out_str(o, tw_str_of(i > 0 ? ",{\"objType\":" : "{\"objType\":"));
		st_json_text(o, t->title);
		tw_out_printf(o,
		    ",\"proxyId\":0,\"id\":%d,\"field\":{\"pos\":%d,\"name\":\"%s\"},"
		    "\"processNum\":1,\"tags\":{\"origin\":\"%s\",\"nature\":\"%s\","
		    "\"scope\":\"%s\"},",
		    rp->i_row, i, t->columns[i].name, tag->origin, tag->nature,
		    tag->scope);
		cell_value(o, t->columns[i].kind, rp->cells.cell[i]);
	}
	tw_out_char(o, ']');
}

static void
json_begin(struct st_report *rp, struct tw_out *o)
{
	(void)rp;
	tw_out_char(o, '[');
}

static void
json_end(struct st_report *rp, struct tw_out *o)
{
	(void)rp;
	tw_out_char(o, ']');
}

const struct st_writer st_json = {
	.begin = json_begin,
	.row = json_row,
	.table_row = json_table_row,
	.end = json_end,
};
