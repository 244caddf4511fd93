/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * limits.c - maxsslconn, maxsslrate, and what `show info` says of TLS.
 *
 * Clients count from accept on, before anything is computed for them; those that
 * are too many wait in the kernel's queue. A connection to a server that would be
 * one too many fails. source: HAProxy's manual, maxsslconn and maxsslrate; its
 * management guide, show info. Any thread.
 */
#include <stdatomic.h>

#include <tideway/command.h>

#include "limits.h"
#include "session.h"

#define SECOND_US 1000000u

/* Events of this second and the one before: second << 32 | how many. */
struct rate {
	_Atomic uint64_t slot[2]; /* shared */
	_Atomic uint32_t max;     /* shared */
};

static struct rate accepted, client_done, client_keys, server_keys;
static _Atomic uint32_t n_now;                  /* shared: of both sides */
static _Atomic uint64_t n_ever;                 /* shared */
static _Atomic uint32_t conn_limit, rate_limit; /* shared; 0: none */
static uint32_t rate_conf; /* configured when rate_limit was set; control thread */

/* --- rates --- */

static void
rate_add(struct rate *r)
{
	const uint64_t second = tw_turn_us() / SECOND_US & UINT32_MAX;
	_Atomic uint64_t *const slot = &r->slot[second & 1];
	uint64_t seen = atomic_load_explicit(slot, memory_order_relaxed), next;
	uint32_t max = atomic_load_explicit(&r->max, memory_order_relaxed);

	do
		next = seen >> 32 == second ? seen + 1 : second << 32 | 1;
	while (!atomic_compare_exchange_weak(slot, &seen, next));
	while ((uint32_t)next > max &&
	    !atomic_compare_exchange_weak(&r->max, &max, (uint32_t)next))
		;
}

static uint64_t
slot_of(const struct rate *r, uint64_t second)
{
	const uint64_t seen =
	    atomic_load_explicit(&r->slot[second & 1], memory_order_relaxed);

	return seen >> 32 == (second & UINT32_MAX) ? (uint32_t)seen : 0;
}

/* The last second reaches into the one before this. */
static uint64_t
rate_now(const struct rate *r)
{
	const uint64_t now = tw_turn_us(), second = now / SECOND_US;
	const uint64_t left = SECOND_US - now % SECOND_US;

	return slot_of(r, second) + slot_of(r, second - 1) * left / SECOND_US;
}

/* --- connections --- */

void
tls__limits_accepted(void)
{
	atomic_fetch_add_explicit(&n_now, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&n_ever, 1, memory_order_relaxed);
	rate_add(&accepted);
}

void
tls__limits_closed(void)
{
	atomic_fetch_sub_explicit(&n_now, 1, memory_order_relaxed);
}

static uint32_t
room(uint32_t limit, uint64_t now)
{
	return limit == 0 ? UINT32_MAX : now < limit ? limit - (uint32_t)now : 0;
}

uint32_t
tls__limits_places(void)
{
	const uint32_t rate = atomic_load_explicit(&rate_limit, memory_order_relaxed);
	const uint32_t conns =
	    room(atomic_load_explicit(&conn_limit, memory_order_relaxed),
		atomic_load_explicit(&n_now, memory_order_relaxed));
	const uint32_t more = rate == 0 ? UINT32_MAX : room(rate, rate_now(&accepted));

	return conns < more ? conns : more;
}

bool
tls__limits_begin(void)
{
	const uint32_t limit = atomic_load_explicit(&conn_limit, memory_order_relaxed);

	if (atomic_fetch_add_explicit(&n_now, 1, memory_order_relaxed) >= limit &&
	    limit != 0) {
		tls__limits_end();
		tls_count(TLS_CNT_TOO_MANY);
		return false;
	}
	atomic_fetch_add_explicit(&n_ever, 1, memory_order_relaxed);
	return true;
}

void
tls__limits_end(void)
{
	tls__limits_closed();
}

void
tls__limits_done(bool is_server, bool is_resumed)
{
	if (!is_server)
		rate_add(&client_done);
	if (!is_resumed)
		rate_add(is_server ? &server_keys : &client_keys);
}

void
tls__limits_running(struct tw_gen *gen)
{
	const struct tls_gen *const g = tls_gen_of(gen);

	atomic_store(&conn_limit, g->maxsslconn);
	if (g->maxsslrate != rate_conf)
		atomic_store(&rate_limit, g->maxsslrate);
	rate_conf = g->maxsslrate;
}

/* --- show info --- */

static uint64_t
info_conns(void)
{
	return atomic_load(&n_now);
}
static uint64_t
info_ever(void)
{
	return atomic_load(&n_ever);
}
static uint64_t
info_conn_limit(void)
{
	return atomic_load(&conn_limit);
}
static uint64_t
info_rate(void)
{
	return rate_now(&accepted);
}
static uint64_t
info_rate_max(void)
{
	return atomic_load(&accepted.max);
}
static uint64_t
info_rate_limit(void)
{
	return atomic_load(&rate_limit);
}
static uint64_t
info_keys(void)
{
	return rate_now(&client_keys);
}
static uint64_t
info_keys_max(void)
{
	return atomic_load(&client_keys.max);
}
static uint64_t
info_server_keys(void)
{
	return rate_now(&server_keys);
}
static uint64_t
info_server_keys_max(void)
{
	return atomic_load(&server_keys.max);
}
static uint64_t
info_lookups(void)
{
	return tls__cache_count().lookups;
}
static uint64_t
info_misses(void)
{
	return tls__cache_count().misses;
}

static uint64_t
info_reuse(void)
{
	const uint64_t done = rate_now(&client_done), keys = rate_now(&client_keys);

	return done > keys ? (done - keys) * 100 / done : 0;
}

void
tls__limits_load(void)
{
	tw_info_add("CurrSslConns", info_conns);
	tw_info_add("CumSslConns", info_ever);
	tw_info_add("MaxSslConns", info_conn_limit);
	tw_info_add("SslRate", info_rate);
	tw_info_add("MaxSslRate", info_rate_max);
	tw_info_add("SslRateLimit", info_rate_limit);
	tw_info_add("SslFrontendKeyRate", info_keys);
	tw_info_add("SslFrontendMaxKeyRate", info_keys_max);
	tw_info_add("SslFrontendSessionReuse_pct", info_reuse);
	tw_info_add("SslBackendKeyRate", info_server_keys);
	tw_info_add("SslBackendMaxKeyRate", info_server_keys_max);
	tw_info_add("SslCacheLookups", info_lookups);
	tw_info_add("SslCacheMisses", info_misses);
}

/* --- set rate-limit ssl-sessions global <value> --- */

void
tls__limits_set_rate(struct tw_cli *cli, int argc, char *const argv[])
{
	struct tw_err err;
	uint64_t n;

	if (argc < 1 || strcmp(argv[0], "global") != 0)
		tw_cli_msg(cli, TW_ERR,
		    "'set rate-limit ssl-sessions' only supports 'global' to set the "
		    "per-process maximum SSL session rate\n");
	else if (argc < 2 || tw_parse_uint(argv[1], 0, INT32_MAX, &n, &err) < 0)
		tw_cli_msg(cli, TW_ERR, "Expects an integer value.\n");
	else
		atomic_store(&rate_limit, (uint32_t)n);
}
