/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * peer_msg.c - heartbeats as bytes: written, signed, read, verified.
 *
 * All numbers are in network order:
 *
 *	 0  4  "TWVP"
 *	 4  1  version of this layout: 1
 *	 5  1  kind: 1 state, 2 ask, 3 answer, 4 yield
 *	 6  2  number of entries
 *	 8  8  run            16  8  sequence
 *	24  8  echoed run     32  8  echoed sequence
 *	40     entries, 12 bytes each:
 *	       0 1 virtual router id        1 1 IP version, 4 or 6
 *	       2 1 state: 0 init, 1 backup, 2 master, 3 fault
 *	       3 1 priority                 4 1 flags
 *	       5 3 zero, not looked at      8 4 advertisement interval, ms
 *	end-32 HMAC-SHA256 of all that stands before it
 *
 * Nothing is looked at before the signature is right; it is compared in
 * constant time. Any thread; no state. source: RFC 2104, FIPS 180-4.
 */
#include "config.h"

#include <sys/socket.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <tideway/assert.h>

#include "peer.h"

#define LAYOUT 1
#define HEAD_BYTES 40u
#define ENTRY_BYTES 12u
#define MAC_BYTES 32u

static const uint8_t magic[4] = { 'T', 'W', 'V', 'P' };

static uint8_t *
put(uint8_t *p, uint64_t v, int n_bytes)
{
	while (n_bytes-- > 0)
		*p++ = (uint8_t)(v >> (8 * n_bytes));
	return p;
}

static uint64_t
take(const uint8_t **p, int n_bytes)
{
	uint64_t v = 0;

	while (n_bytes-- > 0)
		v = v << 8 | *(*p)++;
	return v;
}

static void
sign(const uint8_t *buf, size_t len, const uint8_t *key, size_t key_len,
    uint8_t mac[MAC_BYTES])
{
	unsigned mac_len = 0;

	TW_ASSERT(
	    HMAC(EVP_sha256(), key, (int)key_len, buf, len, mac, &mac_len) != NULL);
	TW_ASSERT(mac_len == MAC_BYTES);
}

static uint8_t *
entry_put(uint8_t *p, const struct vr_peer_entry *e)
{
	p = put(p, e->vrid, 1);
	p = put(p, e->family == AF_INET6 ? 6 : 4, 1);
	p = put(p, e->state, 1);
	p = put(p, e->priority, 1);
	p = put(p, e->flags, 1);
	p = put(p, 0, 3);
	return put(p, e->advert_ms, 4);
}

size_t
vr_peer_write(
    uint8_t *buf, const struct vr_peer_msg *m, const uint8_t *key, size_t key_len)
{
	uint8_t *p = buf;

	TW_ASSERT(m->n_entries <= VR_PEER_MAX_ENTRIES);
	memcpy(p, magic, sizeof(magic));
	p = put(p + sizeof(magic), LAYOUT, 1);
	p = put(p, m->kind, 1);
	p = put(p, m->n_entries, 2);
	p = put(p, m->run, 8);
	p = put(p, m->sequence, 8);
	p = put(p, m->echo_run, 8);
	p = put(p, m->echo_sequence, 8);
	for (uint32_t i = 0; i < m->n_entries; i++)
		p = entry_put(p, &m->entry[i]);
	sign(buf, (size_t)(p - buf), key, key_len, p);
	return (size_t)(p - buf) + MAC_BYTES;
}

static bool
is_signed(const uint8_t *buf, size_t len, const uint8_t *key, size_t key_len)
{
	uint8_t mac[MAC_BYTES];

	if (len < HEAD_BYTES + MAC_BYTES)
		return false;
	sign(buf, len - MAC_BYTES, key, key_len, mac);
	return CRYPTO_memcmp(mac, buf + len - MAC_BYTES, MAC_BYTES) == 0;
}

static bool
entry_take(const uint8_t **p, struct vr_peer_entry *e)
{
	e->vrid = (uint8_t)take(p, 1);
	const uint64_t ip_version = take(p, 1);
	e->family = ip_version == 6 ? AF_INET6 : AF_INET;
	e->state = (uint8_t)take(p, 1);
	e->priority = (uint8_t)take(p, 1);
	e->flags = (uint8_t)take(p, 1);
	take(p, 3);
	e->advert_ms = (uint32_t)take(p, 4);
	return e->vrid != 0 && e->state < VR_N_STATES &&
	    (ip_version == 4 || ip_version == 6);
}

static bool
head_take(const uint8_t **p, size_t len, struct vr_peer_msg *m)
{
	if (memcmp(*p, magic, sizeof(magic)) != 0)
		return false;
	*p += sizeof(magic);
	if (take(p, 1) != LAYOUT)
		return false;
	m->kind = (uint8_t)take(p, 1);
	m->n_entries = (uint32_t)take(p, 2);
	m->run = take(p, 8);
	m->sequence = take(p, 8);
	m->echo_run = take(p, 8);
	m->echo_sequence = take(p, 8);
	return m->kind >= VR_MSG_STATE && m->kind <= VR_MSG_YIELD && m->run != 0 &&
	    m->sequence != 0 && /* 0: none was heard yet */
	    m->n_entries <= VR_PEER_MAX_ENTRIES &&
	    len == HEAD_BYTES + m->n_entries * ENTRY_BYTES + MAC_BYTES;
}

int
vr_peer_read(const uint8_t *buf, size_t len, const uint8_t *key, size_t key_len,
    struct vr_peer_msg *m)
{
	const uint8_t *p = buf;

	if (len > VR_PEER_BYTES || !is_signed(buf, len, key, key_len) ||
	    !head_take(&p, len, m))
		return -1;
	for (uint32_t i = 0; i < m->n_entries; i++)
		if (!entry_take(&p, &m->entry[i]))
			return -1;
	return 0;
}
