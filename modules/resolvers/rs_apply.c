/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * rs_apply.c - what answers mean for servers.
 *
 * The answers in force are kept with the name. A server whose address is
 * among them stays where it is; one that has none, or whose address has gone,
 * takes one that no other server of its backend has by the same name (unless
 * allow-dup-ip). The servers of an SRV label take one entry each: target, port
 * and weight. Without a valid answer for as long as `hold` says, they have no
 * address and are in maintenance. Words and rules are HAProxy's. Control thread.
 */
#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/log.h>
#include <tideway/proxy.h>
#include "modules/resolvers/rs.h"

#define DNS_CACHE "DNS cache"

static bool
same_ip(const struct tw_addr *a, const struct tw_addr *b)
{
	return a->family == b->family &&
	    memcmp(&a->u, &b->u, a->family == AF_INET ? 4 : 16) == 0;
}

/* --- the answers in force --- */

static bool
same_record(
    const struct rs_name *n, const struct rs_record *a, const struct rs_record *b)
{
	return n->srv ? a->port == b->port && strcmp(a->target, b->target) == 0
		      : same_ip(&a->addr, &b->addr);
}

static struct rs_item *
item_find(const struct rs_name *n, const struct rs_record *r)
{
	struct rs_item *item;

	TAILQ_FOREACH(item, &n->items, link)
		if (same_record(n, &item->r, r))
			return item;
	return NULL;
}

static void
items_take(struct rs_name *n, const struct rs_records *got)
{
	for (int i = 0; i < got->n; i++) {
		struct rs_item *item = item_find(n, &got->r[i]);

		if (item == NULL) {
			item = calloc(1, sizeof(*item));
			if (item == NULL)
				TW_WRONG("out of memory for an answer");
			TAILQ_INSERT_TAIL(&n->items, item, link);
		}
		item->r = got->r[i];
		item->seen_ms = tw_now_ms();
	}
}

static void
items_expire(struct rs_name *n)
{
	const uint64_t now = tw_now_ms();
	struct rs_item *item = TAILQ_FIRST(&n->items);

	while (item != NULL) {
		struct rs_item *const next = TAILQ_NEXT(item, link);

		if (item->seen_ms != now &&
		    now - item->seen_ms >= n->group->conf->hold_obsolete_ms)
			rs_item_drop(n, item);
		item = next;
	}
}

/* --- addresses --- */

static bool
in_net(const struct tw_addr *a, const struct rs_net *net)
{
	const uint8_t *const p = a->u.v6, *const q = net->addr.u.v6;
	const int whole = net->bits / 8, rest = net->bits % 8;

	return a->family == net->addr.family && memcmp(p, q, (size_t)whole) == 0 &&
	    (rest == 0 || ((p[whole] ^ q[whole]) >> (8 - rest)) == 0);
}

/* How well an address suits a server: the higher the better. */
static int
score(const struct rs_user *u, const struct tw_addr *a)
{
	int s = a->family == (u->opt->prefer_v4 ? AF_INET : AF_INET6);

	for (int i = 0; i < u->opt->n_nets; i++)
		if (in_net(a, &u->opt->net[i]))
			return s + 2;
	return s;
}

static bool
is_allowed(const struct rs_user *u, const struct tw_addr *a)
{
	const int family = tw_server_family(u->srv);

	return family == AF_UNSPEC || family == a->family;
}

/* Another server of the same backend has it by this name. */
static bool
is_taken(const struct rs_user *u, const struct tw_addr *a)
{
	const bool own =
	    tw_server_has_addr(u->srv) && same_ip(tw_server_addr(u->srv), a);

	return u->parent == NULL && rs_taken_count(u->srv, a, NULL) > own;
}

/* The best address that is free; with allow-dup-ip, if need be, any. */
static const struct tw_addr *
address_choose(const struct rs_user *u)
{
	const struct tw_addr *best = NULL, *shared = NULL;
	const struct rs_item *item;

	TAILQ_FOREACH(item, &u->name->items, link) {
		const struct tw_addr *const a = &item->r.addr;
		const struct tw_addr **at = is_taken(u, a) ? &shared : &best;

		if (is_allowed(u, a) && (*at == NULL || score(u, a) > score(u, *at)))
			*at = a;
	}
	return best != NULL ? best : u->opt->dup_ip ? shared : NULL;
}

static bool
keeps_address(const struct rs_user *u)
{
	const struct tw_addr *const is = tw_server_addr(u->srv);
	const struct rs_item *item;

	if (!tw_server_has_addr(u->srv) || (!u->opt->dup_ip && is_taken(u, is)))
		return false;
	TAILQ_FOREACH(item, &u->name->items, link)
		if (same_ip(&item->r.addr, is))
			return true;
	return false;
}

static bool
address_give(
    struct rs_user *u, const struct tw_addr *found, uint16_t port, const char *who)
{
	const char *const host = u->parent != NULL ? u->parent->item->r.target : NULL;
	struct tw_addr a = *found;
	const bool had = tw_server_has_addr(u->srv);
	const struct tw_addr was = *tw_server_addr(u->srv);

	a.port = port;
	tw_server_set_addr(u->srv, &a, host, who);
	if (!had)
		tw_proxy_log(tw_server_proxy(u->srv), TW_NOTICE,
		    "Server %s/%s administratively READY thanks to valid DNS answer.",
		    tw_proxy_name(tw_server_proxy(u->srv)), tw_server_name(u->srv));
	return !had || !tw_addr_eq(&was, tw_server_addr(u->srv));
}

static bool
user_apply(struct rs_user *u, const char *who)
{
	const uint16_t port = u->parent != NULL ? u->parent->item->r.port : 0;
	const struct tw_addr *a;

	if (keeps_address(u))
		return u->parent != NULL &&
		    address_give(u, tw_server_addr(u->srv), port, who);
	a = address_choose(u);
	if (tw_server_has_addr(u->srv) && u->parent == NULL)
		rs_taken_add(u->srv, tw_server_addr(u->srv), NULL, -1);
	if (a != NULL) {
		if (u->parent == NULL)
			rs_taken_add(u->srv, a, NULL, 1);
		return address_give(u, a, port, who);
	}
	if (!tw_server_has_addr(u->srv))
		return false;
	tw_server_lose_addr(u->srv, "No IP for server");
	return true;
}

static bool
addresses_apply(struct rs_name *n, const char *who)
{
	struct rs_user *u;
	bool changed = false;

	rs_taken_begin(2 * n->n_users); /* before and after */
	TAILQ_FOREACH(u, &n->users, link)
		if (u->parent == NULL && tw_server_has_addr(u->srv))
			rs_taken_add(u->srv, tw_server_addr(u->srv), NULL, 1);
	TAILQ_FOREACH(u, &n->users, link)
		if (user_apply(u, changed ? DNS_CACHE : who))
			changed = true;
	return changed;
}

/* --- SRV --- */

static bool
is_bound(const struct rs_item *item, const struct rs_user *by)
{
	return rs_taken_count(by->srv, NULL, item) > 0;
}

static void
bind_to(struct rs_user *u, struct rs_item *item)
{
	u->item = item;
	if (item != NULL)
		rs_taken_add(u->srv, NULL, item, 1);
}

static struct rs_item *
item_free_for(const struct rs_user *u)
{
	struct rs_item *item;

	TAILQ_FOREACH(item, &u->name->items, link)
		if (!is_bound(item, u))
			return item;
	return NULL;
}

/* After a reload: the entry that the server's address came from. */
static struct rs_item *
item_of_before(const struct rs_user *u)
{
	const uint16_t port = tw_server_addr(u->srv)->port;
	const char *const target = tw_server_target(u->srv);
	struct rs_item *item;

	if (!tw_server_has_addr(u->srv))
		return NULL;
	TAILQ_FOREACH(item, &u->name->items, link)
		if (item->r.port == port && strcmp(item->r.target, target) == 0 &&
		    !is_bound(item, u))
			return item;
	return NULL;
}

/* HAProxy's scale: 0..65535 becomes 0..256; with 0 it gets no new sessions. */
static void
weight_apply(const struct rs_user *u)
{
	const uint32_t weight = (u->item->r.weight + 255u) / 256u;

	if (!u->opt->ignore_weight && tw_server_weight(u->srv) != weight)
		tw_server_set_weight(u->srv, weight, "SRV record");
}

static bool
entry_apply(struct rs_user *u)
{
	const struct rs_record *const r = &u->item->r;

	weight_apply(u);
	if (r->addr.family != 0 && is_allowed(u, &r->addr)) {
		struct tw_addr a = r->addr;
		const bool had = tw_server_has_addr(u->srv);
		const struct tw_addr was = *tw_server_addr(u->srv);

		rs_user_free(&u->target);
		a.port = r->port;
		tw_server_set_addr(u->srv, &a, r->target, "DNS additional record");
		return !had || !tw_addr_eq(&was, tw_server_addr(u->srv));
	}
	if (u->target == NULL) {
		u->target = rs_user_new(u->name->group, u->srv, r->target, u);
		if (u->target != NULL && !TAILQ_EMPTY(&u->target->name->items))
			return user_apply(u->target, DNS_CACHE);
	}
	return false;
}

static bool
entries_apply(struct rs_name *n)
{
	struct rs_user *u;
	bool changed = false;

	rs_taken_begin(n->n_users);
	TAILQ_FOREACH(u, &n->users, link)
		if (u->item != NULL)
			rs_taken_add(u->srv, NULL, u->item, 1);
	TAILQ_FOREACH(u, &n->users, link)
		if (u->item == NULL)
			bind_to(u, item_of_before(u));
	TAILQ_FOREACH(u, &n->users, link) {
		if (u->item == NULL)
			bind_to(u, item_free_for(u));
		if (u->item != NULL && entry_apply(u))
			changed = true;
		else if (u->item == NULL && tw_server_has_addr(u->srv))
			tw_server_lose_addr(u->srv, "entry removed from SRV record");
	}
	return changed;
}

/* The servers that had it have nothing. */
void
rs_item_drop(struct rs_name *n, struct rs_item *item)
{
	struct rs_user *u;

	TAILQ_FOREACH(u, &n->users, link) {
		if (u->item != item)
			continue;
		rs_user_free(&u->target);
		u->item = NULL;
	}
	TAILQ_REMOVE(&n->items, item, link);
	free(item);
}

/* --- both --- */

bool
rs_apply(struct rs_name *n, const struct rs_records *got, const char *who)
{
	items_take(n, got);
	items_expire(n);
	return n->srv ? entries_apply(n) : addresses_apply(n, who);
}

uint32_t
rs_hold_ms(const struct rs_conf *c, enum rs_answer why)
{
	switch (why) {
	case RS_NX:
		return c->hold_nx_ms;
	case RS_REFUSED:
		return c->hold_refused_ms;
	case RS_TIMEOUT:
		return c->hold_timeout_ms;
	default:
		return c->hold_other_ms;
	}
}

static const char *
failure_text(enum rs_answer why)
{
	switch (why) {
	case RS_NX:
		return "DNS NX status";
	case RS_REFUSED:
		return "DNS refused status";
	case RS_TIMEOUT:
		return "DNS timeout status";
	default:
		return "unspecified DNS error";
	}
}

void
rs_apply_failure(struct rs_name *n, enum rs_answer why)
{
	struct rs_user *u;

	if (tw_now_ms() - n->valid_ms < rs_hold_ms(n->group->conf, why))
		return;
	while (!TAILQ_EMPTY(&n->items))
		rs_item_drop(n, TAILQ_FIRST(&n->items));
	TAILQ_FOREACH(u, &n->users, link)
		if (tw_server_has_addr(u->srv))
			tw_server_lose_addr(u->srv,
			    n->srv ? "entry removed from SRV record"
				   : failure_text(why));
}
