/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * cookie_index.c - servers by cookie value; values made from addresses.
 *
 * Workers read a value or an index through one pointer. With `cookie ...
 * dynamic` a server without a value of its own gets one made from key and
 * address, so that several balancers agree; when its address changes, value
 * and index are made anew, published, and the former retired. The values are
 * those of HAProxy: XXH64 of the key, the address, and the port in four bytes,
 * the highest first (seen at HAProxy 2.6). Control thread, but for the look-up.
 */
#include "config.h"

#include <stdlib.h>

#include <tideway/assert.h>
#include <tideway/worker.h>

#include "cookie.h"
#include "xxh64.h"

static void *
must(void *p)
{
	if (p == NULL)
		TW_WRONG("out of memory for cookies");
	return p;
}

/* FNV-1a: the values are short and not the client's choice. */
static uint32_t
hash_of(struct tw_str s)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619u;
	return h;
}

static struct cookie_index *
index_make(const struct tw_proxy *px)
{
	struct cookie_index *x;
	uint32_t size = 8;

	while (size < 2 * (uint32_t)tw_proxy_n_servers(px))
		size *= 2;
	x = must(calloc(1, sizeof(*x) + size * sizeof(x->slots[0])));
	x->mask = size - 1;
	for (int i = 0; i < tw_proxy_n_servers(px); i++) {
		struct tw_server *srv = tw_proxy_server(px, i);
		const struct tw_str value = tw__cookie_value(srv);

		if (!value.p)
			continue;
		uint32_t at = hash_of(value) & x->mask;

		while (x->slots[at].value.p)
			at = (at + 1) & x->mask;
		x->slots[at] = (struct cookie_slot){ value, srv };
	}
	return x;
}

struct tw_server *
tw__cookie_server(const struct cookie_proxy *conf, struct tw_str value, int i)
{
	const struct cookie_index *x =
	    atomic_load_explicit(&conf->index, memory_order_acquire);

	if (value.len == 0)
		return NULL;
	for (uint32_t at = hash_of(value) & x->mask; x->slots[at].value.p;
	     at = (at + 1) & x->mask) {
		if (tw_str_eq(x->slots[at].value, value) && i-- == 0)
			return x->slots[at].server;
	}
	return NULL;
}

/* returns: p NULL: it has no address that a value could be made from. */
static struct cookie_value *
value_make(const struct cookie_proxy *conf, const struct tw_addr *a)
{
	const size_t key_len = strlen(conf->key);
	const size_t ip_len = a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
	struct cookie_value *v;

	if (ip_len == 0)
		return NULL;
	char *const mem = must(malloc(key_len + 16 + 4));
	const unsigned char port[4] = { 0, 0, (unsigned char)(a->port >> 8),
		(unsigned char)a->port };

	memcpy(mem, conf->key, key_len);
	memcpy(mem + key_len, a->u.v6, ip_len);
	memcpy(mem + key_len + ip_len, port, 4);
	const uint64_t h = tw__xxh64((struct tw_str){ mem, key_len + ip_len + 4 });

	free(mem);
	v = must(calloc(1, sizeof(*v)));
	struct tw_out o = tw_out_of(v->text, sizeof(v->text) - 1);
	tw_out_printf(&o, "%016llx", (unsigned long long)h);
	v->value = tw_str_of(v->text);
	return v;
}

/* A server's value for the address that it has now. returns: whether it changed. */
static bool
value_renew(const struct cookie_proxy *conf, struct tw_server *srv)
{
	struct cookie_server *s = tw_server_block(srv, tw__cookie_self);
	const struct tw_addr *now = tw_server_addr(srv);
	struct cookie_value *old = s->made;

	if (s->fixed || (s->known && tw_addr_eq(now, &s->addr)))
		return false;
	s->known = true;
	s->addr = *now;
	s->made = value_make(conf, now);
	tw_server_set_cookie(srv, s->made != NULL ? s->made->text : NULL);
	atomic_store_explicit(&s->value, s->made, memory_order_release);
	if (old != NULL)
		tw_retire(free, old);
	return true;
}

static bool
values_renew(const struct cookie_proxy *conf, const struct tw_proxy *px)
{
	bool changed = false;

	for (int i = 0; i < tw_proxy_n_servers(px); i++)
		changed |= value_renew(conf, tw_proxy_server(px, i));
	return changed;
}

void
tw__cookie_index(struct cookie_proxy *conf, const struct tw_proxy *px)
{
	if (conf->dynamic && conf->key != NULL)
		values_renew(conf, px);
	atomic_store(&conf->index, index_make(px));
}

/* Servers have changed; an address may be among that. */
static void
on_settled(struct tw_proxy_watch *self, const struct tw_proxy *px)
{
	struct cookie_proxy *conf = tw_proxy_block(px, tw__cookie_self);
	struct cookie_index *old = atomic_load(&conf->index);

	(void)self;
	if (old == NULL || !conf->dynamic || conf->key == NULL ||
	    !values_renew(conf, px))
		return;
	atomic_store_explicit(&conf->index, index_make(px), memory_order_release);
	tw_retire(free, old);
}

/* What was made of another key, or shall not be any more. */
static void
value_drop(struct tw_server *srv)
{
	struct cookie_server *const s = tw_server_block(srv, tw__cookie_self);

	s->known = false;
	if (s->fixed || s->made == NULL)
		return;
	tw_server_set_cookie(srv, NULL);
	atomic_store_explicit(&s->value, NULL, memory_order_release);
	tw_retire(free, s->made);
	s->made = NULL;
}

void
tw__cookie_renew(struct cookie_proxy *conf, const struct tw_proxy *px)
{
	struct cookie_index *const old = atomic_load(&conf->index);

	if (old == NULL)
		return; /* there is no such cookie */
	for (int i = 0; i < tw_proxy_n_servers(px); i++)
		value_drop(tw_proxy_server(px, i));
	if (conf->dynamic && conf->key != NULL) {
		values_renew(conf, px);
		tw__cookie_watch();
	}
	atomic_store_explicit(&conf->index, index_make(px), memory_order_release);
	tw_retire(free, old);
}

void
tw__cookie_server_event(struct tw_server *srv, enum tw_server_event what)
{
	struct tw_proxy *const px = tw_server_proxy(srv);
	struct cookie_proxy *const conf = tw_proxy_block(px, tw__cookie_self);
	struct cookie_server *const s = tw_server_block(srv, tw__cookie_self);
	struct cookie_index *const old = atomic_load(&conf->index);

	if (old == NULL || what == TW_SERVER_RENAMED)
		return;
	if (what == TW_SERVER_ADDED && conf->dynamic && conf->key != NULL)
		value_renew(conf, srv);
	atomic_store_explicit(&conf->index, index_make(px), memory_order_release);
	tw_retire(free, old);
	if (what == TW_SERVER_REMOVED && s->made != NULL) {
		/* its value may still be in a response that is being written */
		atomic_store(&s->value, NULL);
		tw_retire(free, s->made);
		s->made = NULL;
	}
}

void
tw__cookie_watch(void)
{
	static struct tw_proxy_watch watch = { .settled = on_settled };
	static bool watched;

	if (!watched)
		tw_proxy_watch(&watch);
	watched = true;
}

void
tw__cookie_forget(struct cookie_proxy *conf, const struct tw_proxy *px)
{
	struct cookie_index *x = atomic_load(&conf->index);

	atomic_store(&conf->index, NULL);
	free(x);
	free(conf->own_key);
	conf->own_key = NULL;
	for (int i = 0; i < tw_proxy_n_servers(px); i++) {
		struct cookie_server *s =
		    tw_server_block(tw_proxy_server(px, i), tw__cookie_self);

		free(s->made);
		s->made = NULL;
	}
}
