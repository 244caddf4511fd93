/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * key.c - keys of records, as OpenSSL gives them to who makes the records.
 *
 * It speaks as to the kernel: version and type, iv, key, salt, sequence number, each as
 * long as the cipher has it. Pure, any thread. source: linux/tls.h.
 */
#include <openssl/opensslconf.h>
#include <stddef.h>

#include "key.h"

#ifndef OPENSSL_NO_KTLS
#include <linux/tls.h>

static const struct {
	uint16_t type;
	uint8_t n_iv, n_key, n_salt;
} forms[TLS_KEY_CIPHERS] = {
	{ TLS_CIPHER_AES_GCM_128, 8, 16, 4 },
	{ TLS_CIPHER_AES_GCM_256, 8, 32, 4 },
#ifdef TLS_CIPHER_CHACHA20_POLY1305 /* Linux 5.11 */
	{ TLS_CIPHER_CHACHA20_POLY1305, 12, 32, 0 },
#endif
};

uint16_t
tls__key_type(int cipher)
{
	return forms[cipher].type;
}

bool
tls__key_read(struct tls_key *out, const void *info)
{
	const struct tls_crypto_info *const head = info;
	int i = 0;

	while (i < TLS_KEY_CIPHERS && forms[i].type != head->cipher_type)
		i++;
	if (i == TLS_KEY_CIPHERS || head->cipher_type == 0)
		return false;
	out->cipher = i;
	out->version = head->version;
	out->n_iv = forms[i].n_iv;
	out->n_salt = forms[i].n_salt;
	out->iv = (const unsigned char *)(head + 1);
	out->key = out->iv + forms[i].n_iv;
	out->salt = out->key + forms[i].n_key;
	const unsigned char *const seq = out->salt + forms[i].n_salt;
	out->size = (socklen_t)(seq + TLS_KEY_SEQ - (const unsigned char *)info);
	out->seq = 0;
	for (size_t k = 0; k < TLS_KEY_SEQ; k++)
		out->seq = out->seq << 8 | seq[k];
	return true;
}

#else

uint16_t
tls__key_type(int cipher)
{
	(void)cipher;
	return 0;
}

bool
tls__key_read(struct tls_key *out, const void *info)
{
	(void)out;
	(void)info;
	return false;
}

#endif
