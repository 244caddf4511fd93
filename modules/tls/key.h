/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/* key.h - keys of records, as OpenSSL gives them to who makes the records. */
#ifndef MODULE_TLS_KEY_H
#define MODULE_TLS_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Ciphers by number: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305. */
#define TLS_KEY_CIPHERS 3
#define TLS_KEY_SEQ 8u /* bytes of a sequence number */
#define TLS_KEY_TAG 16u
#define TLS_KEY_MOST (4u + 12u + 32u + TLS_KEY_SEQ) /* bytes of all of it */

/* The kernel's struct tls_crypto_info and what follows it, in parts. */
struct tls_key {
	int cipher;
	uint16_t version;    /* TLS1_2_VERSION, TLS1_3_VERSION */
	uint8_t n_iv, n_salt;
	socklen_t size;      /* bytes of all of it */
	const unsigned char *iv, *key, *salt;
	uint64_t seq;        /* of the next record */
};

/** tls__key_read - in: info, lives as long as out. returns: false: no cipher of ours. */
bool tls__key_read(struct tls_key *out, const void *info);
/** tls__key_type - the kernel's number of a cipher. returns: 0: its headers have none. */
uint16_t tls__key_type(int cipher);

#endif
