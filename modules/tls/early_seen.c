/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * early_seen.c - ClientHellos whose early data was taken, so that none is taken
 * twice.
 *
 * A table of fixed size, in sets of eight: each entry has 48 bits of a keyed
 * digest of the hello's random bytes, which its binder covers, and the second.
 * When a set is full of what may still be replayed, early data is not taken: the
 * client sends it again after the handshake. source: RFC 8446, 8.2.
 */
#include <pthread.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "early.h"

#define SETS 16384u /* a power of two: 1 MiB in all */
#define WAYS 8u
#define LOCKS 64u

struct set {
	uint64_t entry[WAYS]; /* digest << 16 | second; 0: free. shared: its lock's */
};

static struct set *sets; /* owns; set before the first connection needs it */
static uint64_t seed[4];
static pthread_mutex_t locks[LOCKS];

int
tls__early_seen_init(void)
{
	struct set *mem;

	if (sets != NULL)
		return 0;
	mem = calloc(SETS, sizeof(*mem));
	if (mem == NULL || RAND_bytes((unsigned char *)seed, sizeof(seed)) != 1) {
		free(mem);
		return -1;
	}
	for (uint32_t i = 0; i < LOCKS; i++)
		pthread_mutex_init(&locks[i], NULL);
	sets = mem;
	return 0;
}

/* Sums of products modulo 2^128, by a secret key: who does not know it cannot
 * choose what collides. */
static uint64_t
digest(const unsigned char random[TLS_EARLY_RANDOM])
{
	unsigned __int128 sum = 0;

	for (int i = 0; i < 4; i++) {
		uint64_t part;

		memcpy(&part, random + 8 * i, sizeof(part));
		sum += (unsigned __int128)part * (seed[i] | 1);
	}
	return (uint64_t)(sum >> 64) ^ (uint64_t)sum;
}

/* Another worker's turn may have begun in the next second: its entry is fresh, too. */
static bool
is_fresh(uint64_t entry, uint64_t now_s)
{
	const uint16_t age = (uint16_t)(now_s - entry + TLS_EARLY_WINDOW_S);

	return entry != 0 && age < 2 * TLS_EARLY_WINDOW_S;
}

/* Under the set's lock. */
static bool
set_take(struct set *set, uint64_t mark, uint64_t now_s)
{
	uint64_t *free_entry = NULL;

	for (uint32_t i = 0; i < WAYS; i++) {
		if (!is_fresh(set->entry[i], now_s))
			free_entry = &set->entry[i];
		else if (set->entry[i] >> 16 == mark)
			return false;
	}
	if (free_entry == NULL)
		return false;
	*free_entry = mark << 16 | (now_s & 0xffff);
	return true;
}

bool
tls__early_is_first(const unsigned char random[TLS_EARLY_RANDOM], uint64_t now_s)
{
	const uint64_t d = digest(random);
	const uint32_t at = (uint32_t)d % SETS;
	pthread_mutex_t *const lock = &locks[at % LOCKS];
	bool is_first;

	if (sets == NULL)
		return false;
	pthread_mutex_lock(lock);
	is_first = set_take(&sets[at], (d >> 16) | 1, now_s);
	pthread_mutex_unlock(lock);
	return is_first;
}
