/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/* kernel.h - records for the peer, made by the kernel. */
#ifndef MODULE_TLS_KERNEL_H
#define MODULE_TLS_KERNEL_H

#include "tls.h"

/** tls__kernel_probe - what this kernel can; tells if it has no TLS. context: start(). */
void tls__kernel_probe(void);
/** tls__kernel_begin - the kernel makes the records from here on. in: info, struct
 * tls_crypto_info and what follows it. returns: false: it cannot, all is as before. */
bool tls__kernel_begin(struct tls_state *st, const void *info);
/** tls__kernel_end - with the connection. */
void tls__kernel_end(struct tls_state *st);
/** tls__kernel_message - of OpenSSL's own, in clear; waits in st->out until flushed.
 * returns: false: it failed. */
bool tls__kernel_message(struct tls_state *st, uint8_t type, const char *p, size_t len);
/** tls__kernel_refuse_key - the peer asks for a new key: it is told that this is the
 * end. */
void tls__kernel_refuse_key(struct tls_state *st);
/** tls__kernel_flush - sends those. returns: AGAIN: some wait; ERR. */
enum tw_io tls__kernel_flush(struct tls_state *st);
/** tls__kernel_send - payload, in records of TLS_RECORD bytes. out: n, grows by what
 * was taken. returns: AGAIN: not all of it. */
enum tw_io tls__kernel_send(
    struct tls_state *st, const struct iovec *iov, int n_iov, size_t *n);
/** tls__kernel_spliced - payload went to the socket without us. */
void tls__kernel_spliced(struct tls_state *st, uint64_t n);
/** tls__kernel_settle - whether all that the kernel was given stands in TCP's queue, so
 * that FIN may follow; if not, tw_conn_retry() is called soon. */
bool tls__kernel_settle(struct tls_state *st);

#endif
