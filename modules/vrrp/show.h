/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show.h - what people and programs are told about VRRP.
 *
 * Writers of text over plain values: keepalived's data, stats and JSON dumps
 * (on SIGUSR1, SIGUSR2 and SIGRTMIN+2 to the VRRP process, files in /tmp as
 * there), `show vrrp` on the control socket, rows for the statistics page,
 * Prometheus samples. Any thread; no state.
 */
#ifndef TW_VRRP_SHOW_H
#define TW_VRRP_SHOW_H

#include <stdio.h>

#include <tideway/stats.h>

#include "health.h"
#include "watch.h"

/** vr_show_copy - takes a consistent copy of what is shown. returns: how many;
 * at most VR_MAX_SHOWN. out: rows, owned by the caller. */
unsigned vr_show_copy(struct vr_shown *rows);
/** vr_show_copy_one - the i-th row alone. returns: false: there is none. */
bool vr_show_copy_one(unsigned i, struct vr_shown *row);
/** vr_show_table - `show vrrp`: one line for each instance. */
void vr_show_table(FILE *to, const struct vr_shown *rows, unsigned n);
/** vr_show_one - `show vrrp NAME`: everything about one. */
void vr_show_one(FILE *to, const struct vr_shown *row);
/** vr_show_json - `show vrrp json`, the same facts. */
void vr_show_json(FILE *to, const struct vr_shown *rows, unsigned n);
/** vr_show_metrics - Prometheus text format; names "tideway_vrrp_...". */
void vr_show_metrics(FILE *to, const struct vr_shown *rows, unsigned n);

/* The statistics page: show_page.c. */
/** vr_show_cells - one instance's row. in: out, zeroed. */
void vr_show_cells(const struct vr_shown *row, struct tw_stats_row *out);
/** vr_stats_tables - for the module's descriptor. */
extern const struct tw_stats_table vr_stats_tables[];

/* keepalived's own formats. */
void vr_dump_data(FILE *to, const struct vr_conf *conf, const struct vr_router *routers,
    const struct vr_watch *watch);
void vr_dump_stats(FILE *to, const struct vr_conf *conf, const struct vr_router *routers);
void vr_dump_json(FILE *to, const struct vr_conf *conf, const struct vr_router *routers);

#endif
