/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ticket.h - keys of session tickets.
 *
 * Lines that name the same file have the same keys; all lines that name none
 * share those that the process makes and rotates. Keys are found by that name
 * and outlive generations: a ticket of before a reload resumes after it.
 */
#ifndef MODULE_TLS_TICKET_H
#define MODULE_TLS_TICKET_H

#include "tls.h"

#define TLS_TICKET_KEYS 3
#define TLS_TICKET_ENC 1 /* the last but one encrypts, all decrypt */
#define TLS_TICKET_NAME 16
#define TLS_TICKET_128 48 /* bytes of a key for AES-128, */
#define TLS_TICKET_256 80 /* and for AES-256 */

/* As written: a name of 16 bytes, the key for AES and the one for HMAC, 16 or 32
 * bytes each. */
struct tls_ticket_key {
	unsigned char bytes[TLS_TICKET_256];
};

/* Never changed once it is in use. */
struct tls_keyring {
	uint32_t key_bytes;                         /* TLS_TICKET_128, TLS_TICKET_256 */
	struct tls_ticket_key key[TLS_TICKET_KEYS]; /* the oldest first */
};

/* Lives as long as the process. */
struct tls_ticket_keys {
	struct tls_ticket_keys *next;
	char *file;                         /* owns; NULL: made here, and rotated */
	_Atomic(struct tls_keyring *) ring; /* shared: replaced by the control thread */
	struct tls_keyring loaded;          /* what the file had last; control thread */
	uint64_t rotated_ms;                /* control thread */
	bool in_force; /* a line of the generation in force has it */
};

/** tls__ticket_use - the context asks for keys, those of the connection's line. */
void tls__ticket_use(SSL_CTX *ctx);
/** tls__ticket_start - each line gets its keys; files' are put in force. */
void tls__ticket_start(struct tw_gen *gen);
/** tls__ticket_running - which keys are shown, and when they are rotated. */
void tls__ticket_running(struct tw_gen *gen);
int tls__ticket_load(void);

/* --- files (ticket_file.c) --- */

/** tls__ticket_file_read - the last keys of a file. returns: -1: err. */
int tls__ticket_file_read(
    const char *file, struct tls_keyring *ring, struct tw_err *err);
/** tls__ticket_key_decode - one, in Base64. returns: bytes, TLS_TICKET_128 or
 * _256; 0: another size; -1: no Base64. */
int tls__ticket_key_decode(struct tw_str text, struct tls_ticket_key *key);

tw_kw_set tls_set_ticket_keys, tls_set_rotation;

/* --- changing them; context: control --- */

/** tls__ticket_add - a key becomes the last, the oldest goes. */
void tls__ticket_add(struct tls_ticket_keys *keys, const struct tls_ticket_key *key);
/** tls__ticket_each - files in force. in: i from 0. returns: NULL: no more. */
struct tls_ticket_keys *tls__ticket_each(int i);

/* --- commands (ticket_ctl.c) --- */

struct tw_cli;
void tls__ticket_show(struct tw_cli *cli, int argc, char *const argv[]);
void tls__ticket_set(struct tw_cli *cli, int argc, char *const argv[]);

#endif
