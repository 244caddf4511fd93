/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * data_open.c - what data.h names, put together.
 */
#include "data.h"

#include <stdlib.h>

void
lu_open_data(lua_State *L)
{
	lu_open_task(L);
	lu_open_proxy(L);
	lu_open_server(L);
	lu_open_map(L);
	lu_open_patref(L);
	lu_open_regex(L);
	lu_open_text(L);
	lu_open_queue(L);
	lu_open_event(L);
	lu_open_sticktable(L);
}

void
lu_data_fini(struct lu_state *s)
{
	lu_tasks_drop(s);
	if (s->L != NULL)
		lu_subs_drop(s);
	while (s->inits != NULL) {
		struct lu_start *const i = s->inits;
		s->inits = i->next;
		free(i);
	}
}
