/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rdp.h - persistence and balancing by the cookie of terminal services.
 */
#ifndef BALANCE_RDP_H
#define BALANCE_RDP_H

#include "balance.h"

int rdp_args(struct tw_line *ln, void *conf);
int rdp_set_persist(struct tw_line *ln);
/** rdp_token - the address that "3640205228.15629.0000" stands for. returns: false:
 * it is none. */
bool rdp_token(struct tw_str cookie, struct tw_addr *addr);
enum tw_verdict rdp_on_pick(struct tw_req *req, void *state);

#endif
