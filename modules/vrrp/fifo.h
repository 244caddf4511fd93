/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fifo.h - a named pipe that lines are written to, and who reads it.
 */
#ifndef TW_VRRP_FIFO_H
#define TW_VRRP_FIFO_H

#include "watch.h"

struct vr_fifo;

/** vr_fifo_new - makes the FIFO (mode 0600) unless it is there, and starts the
 * script with the path as its last argument. in: conf, copied; with a path.
 * errors: cannot be made; err. */
struct vr_fifo *vr_fifo_new(struct event_base *base, const struct vr_fifo_conf *conf,
    struct tw_err *err);
/** vr_fifo_free - the script is told to end (SIGTERM); the FIFO stays. */
void vr_fifo_free(struct vr_fifo **f);
/** vr_fifo_write - one whole line or nothing. errors: nobody reads and it is
 * full: what is in it is given up for the new line; logged. */
void vr_fifo_write(struct vr_fifo *f, const char *line, size_t len);

/** vr_command_copy - one block of its own. returns: owned: free(3). */
struct vr_command *vr_command_copy(const struct vr_command *cmd);

#endif
