/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * walk.c - a row for each server, in pieces, on one generation. Control thread.
 */
#include <tideway/assert.h>

#include "ctl.h"

struct walk {
	struct tw_gen *gen; /* holds */
	struct tw_proxy *px;
	bool one;    /* px and no other */
	int i_proxy; /* the next one's */
	int i_server;
	void (*row)(struct tw_cli *cli, const struct tw_server *srv);
};

static void
walk_end(void *arg)
{
	struct walk *const w = arg;

	tw_gen_release(w->gen);
	free(w);
}

/* returns: false: there is no further backend. */
static bool
backend_next(struct walk *w)
{
	if (w->one && w->px != NULL)
		return false;
	do
		w->px = tw_gen_proxy(w->gen, w->i_proxy++);
	while (w->px != NULL && !tw_proxy_has(w->px, TW_BACKEND));
	w->i_server = 0;
	return w->px != NULL;
}

static bool
walk_step(struct tw_cli *cli, void *arg)
{
	struct walk *const w = arg;
	const struct tw_server *const srv =
	    w->px != NULL ? tw_proxy_server(w->px, w->i_server++) : NULL;

	if (srv == NULL)
		return backend_next(w);
	w->row(cli, srv);
	return true;
}

void
ctl_walk(struct tw_cli *cli, struct tw_proxy *only,
    void (*row)(struct tw_cli *cli, const struct tw_server *srv))
{
	struct walk *const w = calloc(1, sizeof(*w));

	TW_ASSERT(w != NULL);
	*w = (struct walk){
		.gen = tw_gen_running(), .px = only, .one = only != NULL, .row = row
	};
	tw_gen_hold(w->gen);
	tw_cli_stream(cli, walk_step, walk_end, w);
}
