/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * limits.h - how many TLS connections there are and may be, of the process.
 */
#ifndef MODULE_TLS_LIMITS_H
#define MODULE_TLS_LIMITS_H

#include "tls.h"

/** tls__limits_load - `show info` gets its lines. */
void tls__limits_load(void);
/** tls__limits_running - those of the generation; what an operator has set stays
 * until the configured one changes. context: control. */
void tls__limits_running(struct tw_gen *gen);

/* The transport's, for clients of its lines. context: any worker. */
void tls__limits_accepted(void);
void tls__limits_closed(void);
uint32_t tls__limits_places(void);

/** tls__limits_begin - a connection to a server. returns: false: it may not be. */
bool tls__limits_begin(void);
void tls__limits_end(void);
/** tls__limits_done - a handshake is complete. */
void tls__limits_done(bool is_server, bool is_resumed);

struct tw_cli;
void tls__limits_set_rate(struct tw_cli *cli, int argc, char *const argv[]);

#endif
