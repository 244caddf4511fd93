/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * hash.c - the same key to the same server: source, uri, url_param, hdr, hash.
 *
 * One state for all of them: a map or a ring, and a round robin for requests
 * without the key. By default the key's server is the answer even when it has
 * no room: the request waits there (TW_BALANCE_WAITS). hash-preserve-affinity
 * and hash-balance-factor let it go on to the next one of the map or ring.
 * A log message is nobody's load: it goes to its key's server (log_hash.c).
 */
#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/trail.h>

#include "hash.h"

struct state {
	struct hash_map *map;   /* owns: map-based */
	struct hash_ring *ring; /* owns: consistent */
	void *turns;            /* owns: round robin for who has no key */
};

unsigned
hash_flags(const void *conf)
{
	const struct hash_conf *c = conf;

	return c->type.consistent ? 0 : TW_BALANCE_STATIC;
}

void *
hash_build(const struct tw_choice *choices, int n, const void *conf, const void *old)
{
	const struct hash_conf *c = conf;
	const struct state *before = old;
	struct state *s = calloc(1, sizeof(*s));

	if (s == NULL)
		TW_WRONG("out of memory for a balance state");
	if (c->type.consistent)
		s->ring = hash_ring_build(choices, n);
	else
		s->map = hash_map_build(choices, n);
	s->turns =
	    roundrobin_build(choices, n, NULL, before != NULL ? before->turns : NULL);
	return s;
}

void
hash_free(void *state)
{
	struct state *s = state;

	free(s->map);
	hash_ring_free(&s->ring);
	roundrobin_free(s->turns);
	free(s);
}

/* May this request go there, as far as affinity may be given up? */
static bool
is_eligible(const struct hash_conf *c, struct tw_server *srv, struct tw_req *req)
{
	if (srv == tw_req_avoid(req))
		return false;
	switch (c->type.affinity) {
	case AFFINITY_MAXCONN:
		return tw_server_has_room(srv);
	case AFFINITY_MAXQUEUE:
		return tw_server_maxqueue(srv) == 0 || tw_server_has_room(srv) ||
		    tw_server_load(srv) <
		    tw_server_maxconn(srv) + tw_server_maxqueue(srv);
	default:
		return true;
	}
}

static struct tw_server *
map_pick(const struct hash_map *map, uint32_t hash, const struct hash_conf *c,
    struct tw_req *req)
{
	const uint32_t at = hash % map->n;

	for (uint32_t i = 0; i < map->n; i++) {
		struct tw_server *srv = map->at[(at + i) % map->n];

		if (is_eligible(c, srv, req))
			return srv;
	}
	return tw_req_avoid(req) == NULL ? map->at[at] : NULL;
}

/* Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam): no
 * server has more than its weight's share of `factor` percent of all load. */
static bool
is_within_bound(
    const struct hash_ring *r, uint32_t choice, uint32_t factor, uint64_t load)
{
	const uint64_t all = (load * factor + 99) / 100;
	const uint64_t share =
	    (all * r->server_weight[choice] + r->weight - 1) / r->weight;

	return tw_server_load(r->server[choice]) < share;
}

static struct tw_server *
ring_pick(const struct hash_ring *r, uint32_t hash, const struct hash_conf *c,
    struct tw_req *req)
{
	const uint32_t at = hash_ring_find(r, hash);
	const uint64_t load = c->type.factor != 0 ? tw_proxy_sessions(c->px) : 0;

	for (uint32_t i = 0; i < r->n; i++) {
		const uint32_t k = at + i < r->n ? at + i : at + i - r->n;
		const uint32_t choice = r->point[k].choice;

		if (is_eligible(c, r->server[choice], req) &&
		    (c->type.factor == 0 ||
			is_within_bound(r, choice, c->type.factor, load)))
			return r->server[choice];
	}
	return tw_req_avoid(req) == NULL ? r->server[r->point[at].choice] : NULL;
}

struct tw_server *
hash_pick(void *state, const void *conf, struct tw_req *req)
{
	const struct state *s = state;
	const struct hash_conf *c = conf;
	uint32_t hash;

	if (!hash_key(c, req, &hash)) {
		tw_trail_note(req, "the request has no key to hash: round robin");
		return roundrobin_pick(s->turns, NULL, req);
	}
	if (tw_trail_on(req))
		tw_trail_note(req, "the hash of its key is %08x", hash);
	return s->ring != NULL ? ring_pick(s->ring, hash, c, req)
			       : map_pick(s->map, hash, c, req);
}

struct tw_server *
hash_message_server(const void *state, uint32_t hash)
{
	const struct state *s = state;
	const struct hash_ring *r = s->ring;

	if (r != NULL)
		return r->server[r->point[hash_ring_find(r, hash)].choice];
	return s->map->at[hash % s->map->n];
}

int
hash_check(struct tw_gen *gen, struct tw_proxy *px, void *conf)
{
	struct hash_conf *c = conf;
	int line;
	const char *file = tw_proxy_where(px, &line);

	c->type =
	    ((const struct balance_proxy *)tw_proxy_block(px, balance_self))->hash;
	c->px = px;
	if (c->kind == HASH_SOURCE || c->kind == HASH_EXPR ||
	    tw_proxy_mode(px) == TW_MODE_HTTP)
		return 0;
	c->kind = HASH_NOTHING;
	return tw_gen_warn(gen, file, line,
	    "Layer 7 hash not possible for '%s' (needs 'mode http'). Falling back to "
	    "round robin.",
	    tw_proxy_name(px));
}
