/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * net/handover.h - listening sockets that pass from one process to another.
 *
 * A process may be *offered* sockets before its listeners open: by the
 * program that it replaces (-x), or by its master, which keeps them while
 * there is no worker. A bind line takes the one that is what it would open;
 * what no line took is closed. The other way round, a process sends the
 * sockets it listens on. The set belongs to start-up and the control thread;
 * a fork inherits it.
 *
 * On the wire is what HAProxy's _getsocks speaks, so that either program can
 * follow the other: a 32-bit count in the host's order, then messages with up
 * to 252 descriptors each (SCM_RIGHTS), and for each descriptor its network
 * name space and interface (a length byte before each) and 32 bits of options.
 * The receiver acknowledges each message with four zero bytes.
 */
#ifndef TW_NET_HANDOVER_H
#define TW_NET_HANDOVER_H

#include <net/if.h>

#include "core/proxy/proxy.h"

/** tw__handover_offer - adds a listening stream socket to those on offer. in:
 * fd, taken. returns: 0; -1: it is something else; told and closed. */
int tw__handover_offer(int fd);
/** tw__handover_replace - the same for several, instead of those that were on
 * offer; what is known of a socket that was one of them is kept. */
void tw__handover_replace(const int *fd, size_t n);
/** tw__handover_take - the socket that is what the line wants: address, port,
 * interface, IPv6 alone or not. returns: owned, non-blocking, close-on-exec;
 * -1: none is on offer. */
int tw__handover_take(const struct tw_bind *b);
/** tw__handover_has - the descriptor came as one of those on offer, taken since
 * or not. */
bool tw__handover_has(int fd);
/** tw__handover_interface - the one that a socket is tied to; "": none. */
void tw__handover_interface(int fd, char interface[IFNAMSIZ]);
/** tw__handover_end - closes what is still on offer. */
void tw__handover_end(void);

/** tw__handover_send - all listening sockets of the current generation, to
 * another program. From then on their unix paths are left alone when this
 * process closes them: they may be the other's. in: sock, a connected unix
 * stream socket, which the caller keeps, and closes soon: acknowledgements
 * arrive on it. Waits for a peer that does not read for a second at most.
 * context: control. */
int tw__handover_send(int sock, struct tw_err *err);
/** tw__handover_lend - the same to the master, who keeps them for this process
 * and its successors: unix paths stay this process's to remove, and
 * descriptors that the master passed on itself (fd@N) are left out. */
int tw__handover_lend(int sock, struct tw_err *err);
/** tw__handover_receive - the other end: what arrives replaces what was on
 * offer. in: deadline_ms, of the monotonic clock. errors: nothing of it is
 * kept, and what was on offer stays. */
int tw__handover_receive(int sock, uint64_t deadline_ms, struct tw_err *err);
/** tw__handover_ask - asks the program at a control socket for its listening
 * sockets (-x). errors: nothing was received. */
int tw__handover_ask(const char *path, struct tw_err *err);

#endif
