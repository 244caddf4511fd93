/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ticket.c - what session tickets are encrypted with.
 *
 * Workers read a ring of keys through a pointer; the control thread puts a new
 * ring in its place and frees the old one when no worker can see it. Encrypt
 * with one, decrypt with all: the next one is known before it is used, so that
 * machines with the same file need not change it at the same moment. OpenSSL
 * compares the HMAC, in constant time, before it decrypts. source: RFC 5077;
 * HAProxy's manual, 5.1, tls-ticket-keys.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <tideway/assert.h>

#include "session.h"
#include "ticket.h"

#define ROTATION_MS (60u * 60 * 1000)

static struct tls_ticket_keys *all; /* control thread; entries are never freed */
static struct tw_timer rotation;
static EVP_CIPHER *aes128, *aes256;

/* --- a ticket (workers) --- */

static bool
mac_begin(EVP_MAC_CTX *mc, const unsigned char *key, size_t len)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(
		    OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key, len),
		OSSL_PARAM_construct_utf8_string(
		    OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mc, params) == 1;
}

struct cut {
	const EVP_CIPHER *cipher;
	const unsigned char *aes, *hmac;
	size_t hmac_len;
};

static struct cut
key_cut(const struct tls_keyring *ring, int i)
{
	const unsigned char *const p = ring->key[i].bytes + TLS_TICKET_NAME;

	return ring->key_bytes == TLS_TICKET_128
	    ? (struct cut){ aes128, p, p + 16, 16 }
	    : (struct cut){ aes256, p, p + 32, 32 };
}

static int
ticket_make(const struct tls_keyring *ring, unsigned char name[TLS_TICKET_NAME],
    unsigned char *iv, EVP_CIPHER_CTX *cc, EVP_MAC_CTX *mc)
{
	const struct cut k = key_cut(ring, TLS_TICKET_ENC);

	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(k.cipher)) != 1)
		return -1;
	memcpy(name, ring->key[TLS_TICKET_ENC].bytes, TLS_TICKET_NAME);
	return EVP_EncryptInit_ex2(cc, k.cipher, k.aes, iv, NULL) == 1 &&
		mac_begin(mc, k.hmac, k.hmac_len)
	    ? 1
	    : -1;
}

/* returns: 2: the client gets another one. With TLS 1.3 it always does: clients use
 * each once (RFC 8446, C.4). */
static int
ticket_open(const struct tls_keyring *ring, const unsigned char *name,
    const unsigned char *iv, EVP_CIPHER_CTX *cc, EVP_MAC_CTX *mc)
{
	for (int i = 0; i < TLS_TICKET_KEYS; i++) {
		const struct cut k = key_cut(ring, i);

		if (memcmp(ring->key[i].bytes, name, TLS_TICKET_NAME) != 0)
			continue;
		if (!mac_begin(mc, k.hmac, k.hmac_len) ||
		    EVP_DecryptInit_ex2(cc, k.cipher, k.aes, iv, NULL) != 1)
			return -1;
		return i == TLS_TICKET_ENC ? 1 : 2;
	}
	return 0;
}

static int
ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cc,
    EVP_MAC_CTX *mc, int enc)
{
	const struct tls_state *const st = tls_state_of_ssl(ssl);
	const struct tls_ticket_keys *const keys = st == NULL ? NULL : st->side->keys;
	const struct tls_keyring *const ring = keys == NULL
	    ? NULL
	    : atomic_load_explicit(&keys->ring, memory_order_acquire);

	if (ring == NULL)
		return enc ? -1 : 0;
	if (enc)
		return ticket_make(ring, name, iv, cc, mc);
	const int rc = ticket_open(ring, name, iv, cc, mc);
	return rc == 1 && SSL_version(ssl) >= TLS1_3_VERSION ? 2 : rc;
}

void
tls__ticket_use(SSL_CTX *ctx)
{
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key);
}

int
tls__ticket_load(void)
{
	aes128 = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
	aes256 = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	return aes128 != NULL && aes256 != NULL ? 0 : -1;
}

/* --- changing keys (control thread) --- */

static void
ring_free(void *arg)
{
	OPENSSL_clear_free(arg, sizeof(struct tls_keyring));
}

static struct tls_keyring *
ring_copy(const struct tls_keyring *from)
{
	struct tls_keyring *const ring = OPENSSL_malloc(sizeof(*ring));

	TW_ASSERT(ring != NULL);
	*ring = *from;
	return ring;
}

static void
ring_put(struct tls_ticket_keys *keys, struct tls_keyring *ring)
{
	struct tls_keyring *const old =
	    atomic_exchange_explicit(&keys->ring, ring, memory_order_acq_rel);

	if (old != NULL)
		tw_retire(ring_free, old);
}

void
tls__ticket_add(struct tls_ticket_keys *keys, const struct tls_ticket_key *key)
{
	struct tls_keyring *const ring = ring_copy(atomic_load(&keys->ring));

	memmove(
	    &ring->key[0], &ring->key[1], (TLS_TICKET_KEYS - 1) * sizeof(ring->key[0]));
	ring->key[TLS_TICKET_KEYS - 1] = *key;
	ring_put(keys, ring);
}

static void
key_make(struct tls_ticket_key *key)
{
	TW_ASSERT(RAND_priv_bytes(key->bytes, sizeof(key->bytes)) == 1);
}

static void
keys_rotate(struct tls_ticket_keys *keys)
{
	struct tls_ticket_key key;

	key_make(&key);
	tls__ticket_add(keys, &key);
	OPENSSL_cleanse(&key, sizeof(key));
	keys->rotated_ms = tw_now_ms();
}

static void
keys_make(struct tls_ticket_keys *keys)
{
	struct tls_keyring *const ring =
	    ring_copy(&(struct tls_keyring){ .key_bytes = TLS_TICKET_256 });

	for (int i = 0; i < TLS_TICKET_KEYS; i++)
		key_make(&ring->key[i]);
	ring_put(keys, ring);
	keys->rotated_ms = tw_now_us() / 1000;
}

/* --- lines and their keys (control thread) --- */

static bool
is_of(const struct tls_ticket_keys *keys, const char *file)
{
	return file == NULL || keys->file == NULL ? file == keys->file
						  : strcmp(keys->file, file) == 0;
}

static struct tls_ticket_keys *
keys_of(const char *file)
{
	struct tls_ticket_keys *keys;

	for (keys = all; keys != NULL; keys = keys->next)
		if (is_of(keys, file))
			return keys;
	keys = calloc(1, sizeof(*keys));
	TW_ASSERT(keys != NULL);
	keys->file = file == NULL ? NULL : strdup(file);
	TW_ASSERT((keys->file == NULL) == (file == NULL)); /* NULL: another one's */
	keys->next = all;
	all = keys;
	return keys;
}

/* A file that has not changed keeps what was set by hand since. */
static void
keys_load(struct tls_ticket_keys *keys, const struct tls_keyring *said)
{
	if (atomic_load(&keys->ring) != NULL &&
	    memcmp(&keys->loaded, said, sizeof(*said)) == 0)
		return;
	keys->loaded = *said;
	ring_put(keys, ring_copy(said));
}

static void
bind_start(struct tls_bind *tb)
{
	struct tls_ticket_keys *const keys = keys_of(tb->ticket_file);

	if (tb->ticket_ring != NULL)
		keys_load(keys, tb->ticket_ring);
	else if (atomic_load(&keys->ring) == NULL)
		keys_make(keys);
	tb->side.keys = keys;
}

static void
each_bind(struct tw_gen *gen, void (*fn)(struct tls_bind *tb))
{
	const struct tw_proxy *px;
	struct tw_bind *bind;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++)
		for (int j = 0; (bind = tw_proxy_bind(px, j)) != NULL; j++)
			if (tls_bind_of(bind)->opts.ssl)
				fn(tls_bind_of(bind));
}

void
tls__ticket_start(struct tw_gen *gen)
{
	each_bind(gen, bind_start);
}

static void
bind_running(struct tls_bind *tb)
{
	tb->side.keys->in_force = true;
}

/* --- rotation --- */

/* A key decrypts for as long again as it has encrypted: so no ticket ends before
 * its lifetime does. */
static uint64_t
rotation_ms(const struct tls_gen *g)
{
	const uint64_t life = UINT64_C(1000) *
	    (g->lifetime_s != 0 ? g->lifetime_s : TLS_SESSION_LIFETIME_S);

	if (g->ticket_rotation_ms != 0)
		return g->ticket_rotation_ms;
	return life > ROTATION_MS ? life : ROTATION_MS;
}

static void
rotation_set(struct tls_ticket_keys *keys)
{
	const struct tls_gen *const g = tls_gen_of(tw_gen_running());

	tw_timer_set(&rotation, keys->rotated_ms + rotation_ms(g));
}

static void
on_rotation(struct tw_timer *t)
{
	struct tls_ticket_keys *const keys = keys_of(NULL);

	(void)t;
	keys_rotate(keys);
	rotation_set(keys);
}

void
tls__ticket_running(struct tw_gen *gen)
{
	for (struct tls_ticket_keys *keys = all; keys != NULL; keys = keys->next)
		keys->in_force = false;
	each_bind(gen, bind_running);
	for (struct tls_ticket_keys *keys = all; keys != NULL; keys = keys->next) {
		if (keys->file != NULL)
			continue;
		rotation.fn = on_rotation;
		rotation_set(keys);
	}
}

struct tls_ticket_keys *
tls__ticket_each(int i)
{
	for (struct tls_ticket_keys *keys = all; keys != NULL; keys = keys->next)
		if (keys->file != NULL && keys->in_force && i-- == 0)
			return keys;
	return NULL;
}
