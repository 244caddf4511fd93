/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * report.c - walks over all proxies and the modules' tables, and hands the
 * report out in pieces.
 *
 * A row is written whole into memory of the request and copied out as room
 * appears, so a report of ten thousand servers holds its worker for one
 * buffer at a time and never a lock. The generation is the request's own, so
 * a reload in between does no harm. Worker.
 */
#include <tideway/assert.h>

#include "st.h"

enum phase {
	AT_BEGIN,
	AT_PROXY,
	AT_ROWS,
	AT_PROXY_END,
	AT_TABLE,
	AT_TABLE_ROWS,
	AT_TABLE_END,
	AT_END,
	AT_DONE
};

static const struct st_writer *
writer_of(const struct st_report *rp)
{
	switch (rp->opt.format) {
	case ST_HTML:
		return &st_html;
	case ST_CSV:
		return &st_csv;
	case ST_JSON:
		return &st_json;
	case ST_TYPED:
		return &st_typed;
	}
	TW_WRONG("format");
}

static int
n_binds(const struct tw_proxy *px)
{
	int n = 0;

	while (tw_proxy_bind(px, n) != NULL)
		n++;
	return n;
}

/* Rows of a proxy: frontend, listeners, servers, backend. in: i, from 0.
 * returns: false: there is no i-th. */
static bool
row_choose(struct st_report *rp, int i)
{
	struct st_row *row = &rp->row;
	const bool fe = tw_proxy_has(rp->px, TW_FRONTEND);
	const bool be = tw_proxy_has(rp->px, TW_BACKEND);
	const int n_listeners = fe && rp->sockets ? n_binds(rp->px) : 0;

	row->px = rp->px;
	if (fe && i == 0)
		return row->kind = ST_FRONTEND, true;
	i -= fe;
	if (i < n_listeners) {
		row->kind = ST_LISTENER;
		row->bind = tw_proxy_bind(rp->px, i);
		return true;
	}
	i -= n_listeners;
	/* the last row is the backend's, however many servers come or go meanwhile */
	if (!be || rp->past_servers)
		return false;
	row->kind = ST_SERVER;
	row->srv = tw_proxy_server(rp->px, i);
	if (row->srv != NULL)
		return true;
	row->kind = ST_BACKEND;
	return rp->past_servers = true;
}

static uint32_t
sid_of(const struct st_row *row)
{
	return row->kind == ST_SERVER  ? tw_server_id(row->srv)
	    : row->kind == ST_LISTENER ? tw_bind_id(row->bind)
				       : 0;
}

static bool
is_hidden(const struct st_report *rp)
{
	const struct st_row *row = &rp->row;
	const struct st_bounds *b = &rp->bounds;

	if (b->on &&
	    (!(b->kinds & (1u << row->kind)) ||
		(b->sid != UINT32_MAX && b->sid != sid_of(row))))
		return true;
	if (row->kind != ST_SERVER)
		return false;
	if (rp->opt.no_maint && (tw_server_admin(row->srv) & TW_ADM_MAINT))
		return true;
	return rp->opt.up && !tw_server_is_alive(row->srv);
}

static void
row_next(struct st_report *rp, struct tw_out *o)
{
	if (!row_choose(rp, rp->i_row++)) {
		rp->phase = AT_PROXY_END;
		return;
	}
	if (is_hidden(rp))
		return;
	st_row_fill(&rp->row);
	writer_of(rp)->row(rp, o);
	rp->any = true;
}

/* --- the modules' tables --- */

static const struct tw_stats_table *
table_take(struct st_report *rp)
{
	const struct tw_self *self;

	for (; (self = tw_module_each(rp->i_module)) != NULL; rp->i_module++) {
		const struct tw_stats_table *const t = self->module->stats_tables;

		if (t != NULL && t[rp->i_table].name != NULL)
			return &t[rp->i_table++];
		rp->i_table = 0;
	}
	return NULL;
}

/* returns: false: there is no next row. */
static bool
cells_next(struct st_report *rp, struct tw_gen *gen)
{
	memset(&rp->cells, 0, sizeof(rp->cells));
	if (!rp->table->row(gen, rp->i_row++, &rp->cells))
		return false;
	for (int i = 0; i < TW_STATS_COLUMNS; i++)
		rp->cells.cell[i][TW_STATS_CELL - 1] = '\0';
	return true;
}

/* returns: false: there is no further table. */
static bool
table_next(struct st_report *rp, struct tw_gen *gen)
{
	do {
		rp->table = table_take(rp);
		rp->i_row = 0;
	} while (rp->table != NULL && !cells_next(rp, gen));
	rp->phase = AT_TABLE;
	return rp->table != NULL;
}

/* --- the proxies --- */

/* returns: false: there is no further proxy. */
static bool
proxy_next(struct st_report *rp, struct tw_gen *gen)
{
	do
		rp->px = tw_gen_proxy(gen, rp->i_proxy++);
	while (rp->px != NULL &&
	    (tw_proxy_is_disabled(rp->px) || !st_shows(rp->conf, rp->px_self, rp->px) ||
		(rp->bounds.iid != 0 && rp->bounds.iid != tw_proxy_id(rp->px))));
	rp->i_row = 0;
	rp->past_servers = false;
	rp->phase = AT_PROXY;
	if (rp->px != NULL)
		rp->sockets = st_conf_of(rp->px)->socket_stats;
	return rp->px != NULL;
}

/* The next table or proxy, in the order of the format; else the end. A walk
 * that has ended goes on saying so. */
static void
section_next(struct st_report *rp, struct tw_gen *gen)
{
	const struct st_writer *const w = writer_of(rp);
	const bool has_tables = w->table_row != NULL && !rp->bounds.on;

	if (has_tables && w->tables_first && table_next(rp, gen))
		return;
	if (proxy_next(rp, gen))
		return;
	if (has_tables && !w->tables_first && table_next(rp, gen))
		return;
	rp->phase = AT_END;
}

static void
call(void (*write)(struct st_report *, struct tw_out *), struct st_report *rp,
    struct tw_out *o)
{
	if (write != NULL)
		write(rp, o);
}

/* Writes the next part of the report into rp->text; it may be empty. */
static void
part_next(struct st_report *rp, struct tw_gen *gen, struct tw_out *o)
{
	const struct st_writer *w = writer_of(rp);

	switch (rp->phase) {
	case AT_BEGIN:
		call(w->begin, rp, o);
		section_next(rp, gen);
		return;
	case AT_PROXY:
		call(w->proxy_begin, rp, o);
		rp->phase = AT_ROWS;
		return;
	case AT_ROWS:
		row_next(rp, o);
		return;
	case AT_PROXY_END:
		call(w->proxy_end, rp, o);
		section_next(rp, gen);
		return;
	case AT_TABLE:
		call(w->table_begin, rp, o);
		rp->phase = AT_TABLE_ROWS;
		return;
	case AT_TABLE_ROWS:
		w->table_row(rp, o);
		rp->any = true;
		rp->phase = cells_next(rp, gen) ? AT_TABLE_ROWS : AT_TABLE_END;
		return;
	case AT_TABLE_END:
		call(w->table_end, rp, o);
		section_next(rp, gen);
		return;
	case AT_END:
		call(w->end, rp, o);
		rp->phase = AT_DONE;
		return;
	default:
		TW_WRONG("phase of a report");
	}
}

static void
text_copy(struct st_report *rp, struct tw_out *out)
{
	const size_t room = (size_t)(out->end - out->p);
	size_t n = rp->text_len - rp->text_sent;

	if (n > room)
		n = room;
	tw_out_mem(out, rp->text + rp->text_sent, n);
	rp->text_sent += n;
}

bool
st_report_part(struct st_report *rp, struct tw_gen *gen, struct tw_out *o)
{
	if (rp->phase != AT_DONE)
		part_next(rp, gen, o);
	return rp->phase != AT_DONE;
}

enum tw_io
st_report_produce(struct tw_req *req, struct tw_out *out, void *arg)
{
	struct st_report *rp = arg;

	for (;;) {
		text_copy(rp, out);
		if (rp->text_sent < rp->text_len)
			return TW_IO_OK;
		if (rp->phase == AT_DONE)
			return TW_IO_END;
		struct tw_out o = tw_out_of(rp->text, ST_ROW_MAX);
		part_next(rp, tw_req_gen(req), &o);
		rp->text_len = (size_t)(o.p - rp->text);
		rp->text_sent = 0;
	}
}
