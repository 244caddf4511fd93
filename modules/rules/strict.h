/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * strict.h - `strict-mode`, which is about the rules that follow it: the run
 * of a set keeps it.
 */
#ifndef RULES_STRICT_H
#define RULES_STRICT_H

#include <tideway/action.h>

enum tw_act strict_mode_run(struct tw_req *req, const struct tw_action_call *call);
bool strict_mode_is_on(const void *conf);

#endif
