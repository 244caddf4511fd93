/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * gc.h - garbage is collected between requests.
 */
#ifndef TW_LUA_GC_H
#define TW_LUA_GC_H

#include "lu.h"

#define LU_MAX_WORKERS 1025

/** lu_gc_load - once for the process. */
void lu_gc_load(void);
/** lu_gc_begin - the files are run: from now on in steps. */
void lu_gc_begin(struct lu_state *s);
/** lu_gc_wanted - a cycle begins soon. context: worker; the state is entered. */
void lu_gc_wanted(struct lu_state *s);
/** lu_gc_all - a whole collection, as HAProxy does at the end of a call that has left
 * connections open: what has no reference ends with it. context: entered. */
void lu_gc_all(struct lu_state *s);
/** lu_gc_forget - before it is freed. context: any thread; not entered. */
void lu_gc_forget(struct lu_state *s);

/** lu_gc_look - a call has ended. */
static inline void
lu_gc_look(struct lu_state *s)
{
	if (s->gc_at != 0 && s->gc_worker < 0 &&
	    atomic_load_explicit(&s->mem.used, memory_order_relaxed) > s->gc_at)
		lu_gc_wanted(s);
}

#endif
