/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * spawn.h - the two halves of starting a program.
 */
#ifndef TW_VRRP_SPAWN_H
#define TW_VRRP_SPAWN_H

#include "model.h"

/* How a program ends that could not become one, as a shell says it. */
#define VR_EXIT_CANNOT_RUN 126
#define VR_EXIT_NOT_FOUND 127

/** vr_spawn_become - in the forked process: turns into the program. in: argv,
 * complete; tied, it ends when this process ends. Never returns. */
void vr_spawn_become(const struct vr_command *cmd, char *const *argv, bool tied,
    pid_t parent) __attribute__((noreturn));

#endif
