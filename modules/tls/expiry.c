/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * expiry.c - when certificates end: a table for the statistics page, its JSON and
 * the exporter of metrics.
 *
 * Workers read it, so it is a list of its own: made when a generation is checked
 * and whenever a command changes a certificate, never changed, retired. Those
 * that end first are in it, up to a number that a page can show.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <tideway/assert.h>

#include "expiry.h"

#define N_MOST 1000

struct row {
	char name[TW_STATS_CELL], subject[TW_STATS_CELL], serial[TW_STATS_CELL];
	time_t not_before, not_after;
};

struct tls_expiry {
	size_t n, room;
	struct row *row; /* owns */
};

/* The end of a long path tells more than its beginning. */
static void
cell_set(char to[static TW_STATS_CELL], const char *text)
{
	const size_t len = strlen(text), most = TW_STATS_CELL - 1;

	snprintf(to, TW_STATS_CELL, "%s", len > most ? text + len - most : text);
}

static void
serial_set(char to[static TW_STATS_CELL], X509 *x)
{
	const ASN1_INTEGER *const serial = X509_get0_serialNumber(x);
	struct tw_out o = tw_out_of(to, TW_STATS_CELL - 1);

	for (int i = 0; i < ASN1_STRING_length(serial); i++)
		tw_out_printf(&o, "%02X", ASN1_STRING_get0_data(serial)[i]);
	*o.p = '\0';
}

static void
add(struct tls_cert *cert, void *arg)
{
	struct tls_expiry *const x = arg;
	struct row *r;

	if (x->n == x->room)
		return;
	r = &x->row[x->n++];
	cell_set(r->name, cert->path);
	cell_set(r->subject, cert->n_names > 0 ? cert->names[0] : "");
	serial_set(r->serial, cert->leaf);
	r->not_before = cert->not_before;
	r->not_after = cert->not_after;
}

static int
by_end(const void *va, const void *vb)
{
	const struct row *const a = va, *const b = vb;

	if (a->not_after != b->not_after)
		return a->not_after < b->not_after ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void
expiry_free(void *arg)
{
	struct tls_expiry *const x = arg;

	if (x != NULL)
		free(x->row);
	free(x);
}

static void
gen_ends(void *arg)
{
	struct tls_gen *const g = arg;

	expiry_free(atomic_exchange(&g->expiry, NULL));
}

void
tls__expiry_renew(struct tw_gen *gen)
{
	struct tls_gen *const g = tls_gen_of(gen);
	struct tls_expiry *const x = calloc(1, sizeof(*x));
	struct tls_expiry *was;

	TW_ASSERT(x != NULL);
	x->room = tls__store_count(g->store);
	x->row = calloc(x->room + 1, sizeof(*x->row));
	TW_ASSERT(x->row != NULL);
	tls__store_each(g->store, add, x);
	qsort(x->row, x->n, sizeof(*x->row), by_end);
	if (x->n > N_MOST) {
		x->n = N_MOST;
		x->row = realloc(x->row, x->n * sizeof(*x->row));
		TW_ASSERT(x->row != NULL);
	}
	was = atomic_exchange(&g->expiry, x);
	if (was != NULL)
		tw_retire(expiry_free, was);
	else
		tw_arena_at_end(tw_gen_arena(gen), gen_ends, g);
}

/* --- the table --- */

static void
date_set(char to[static TW_STATS_CELL], time_t t)
{
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(to, TW_STATS_CELL, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

enum {
	NAME,
	SUBJECT,
	SERIAL,
	STATE,
	DAYS,
	BEFORE_DATE,
	AFTER_DATE,
	BEFORE,
	AFTER,
};

static const struct tw_stats_column columns[] = {
	[NAME] = { "name", "Certificate", TW_STATS_TEXT },
	[SUBJECT] = { "subject", "Name", TW_STATS_TEXT },
	[SERIAL] = { "serial", "Serial", TW_STATS_TEXT },
	[STATE] = { "state", "State", TW_STATS_STATE },
	[DAYS] = { "days", "Days left", TW_STATS_NUMBER },
	[BEFORE_DATE] = { "not_before", "Valid from", TW_STATS_TEXT },
	[AFTER_DATE] = { "not_after", "Valid until", TW_STATS_TEXT },
	[BEFORE] = { "not_before_s", "From (s)", TW_STATS_NUMBER },
	[AFTER] = { "not_after_s", "Until (s)", TW_STATS_NUMBER },
	{ .name = NULL },
};

static bool
expiry_row(struct tw_gen *gen, int i, struct tw_stats_row *row)
{
	const struct tls_expiry *const x = atomic_load(&tls_gen_of(gen)->expiry);
	const time_t now = (time_t)(tw_wall_us() / 1000000);
	const struct row *r;

	if (x == NULL || (size_t)i >= x->n)
		return false;
	r = &x->row[i];
	strcpy(row->cell[NAME], r->name);
	strcpy(row->cell[SUBJECT], r->subject);
	strcpy(row->cell[SERIAL], r->serial);
	strcpy(row->cell[STATE],
	    now > r->not_after        ? "expired"
		: now < r->not_before ? "not yet valid"
				      : "valid");
	row->look =
	    now > r->not_after || now < r->not_before ? TW_STATS_DOWN : TW_STATS_UP;
	snprintf(row->cell[DAYS], TW_STATS_CELL, "%lld",
	    now > r->not_after ? 0LL : (long long)(r->not_after - now) / 86400);
	date_set(row->cell[BEFORE_DATE], r->not_before);
	date_set(row->cell[AFTER_DATE], r->not_after);
	snprintf(row->cell[BEFORE], TW_STATS_CELL, "%lld", (long long)r->not_before);
	snprintf(row->cell[AFTER], TW_STATS_CELL, "%lld", (long long)r->not_after);
	return true;
}

const struct tw_stats_table tls_stats_tables[] = {
	{ "certificate", "Certificates", columns, expiry_row },
	{ .name = NULL },
};
