/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * balance_help.h - plain servers for the tests of modules/balance.
 *
 * The core's accessors are defined here over a small struct, so that each test
 * says itself who has room and how much load; and the request's, over a key.
 */
#ifndef T_BALANCE_HELP_H
#define T_BALANCE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <pthread.h>
#include <string.h>
#include <cmocka.h>

#include <tideway/trail.h>
#include <tideway/worker.h>

#include "modules/balance/ewma.h"
#include "modules/balance/hash.h"

#define MAX_SERVERS 10000

struct tw_server {
	char name[16];
	int index;
	uint32_t id;
	_Atomic uint32_t load;
	uint32_t maxconn, maxqueue; /* 0: none */
	_Atomic bool full;
	_Atomic uint32_t picked;
	struct tw_addr addr;
	struct balance_server conf;
	struct ewma ewma;
};

static struct tw_server servers[MAX_SERVERS];
static struct tw_choice choices[MAX_SERVERS];
static struct tw_server *avoided, *asked;
static struct tw_str key; /* what the request brings */
static uint64_t now_ms = 1000000, server_us;
static uint32_t sessions;

const struct tw_self *balance_self;

const char *
tw_server_name(const struct tw_server *srv)
{
	return srv->name;
}

int
tw_server_index(const struct tw_server *srv)
{
	return srv->index;
}

uint32_t
tw_server_id(const struct tw_server *srv)
{
	return srv->id;
}

bool
tw_server_has_room(const struct tw_server *srv)
{
	return !srv->full && (srv->maxconn == 0 || srv->load < srv->maxconn);
}

uint32_t
tw_server_load(const struct tw_server *srv)
{
	return srv->load;
}

uint32_t
tw_server_maxconn(const struct tw_server *srv)
{
	return srv->maxconn;
}

uint32_t
tw_server_maxqueue(const struct tw_server *srv)
{
	return srv->maxqueue;
}

const struct tw_addr *
tw_server_addr(const struct tw_server *srv)
{
	return &srv->addr;
}

void *
tw_server_block(const struct tw_server *srv, const struct tw_self *self)
{
	(void)self;
	return (void *)(uintptr_t)&srv->conf;
}

void *
tw_server_live_block(const struct tw_server *srv, const struct tw_self *self)
{
	(void)self;
	return (void *)(uintptr_t)&srv->ewma;
}

uint32_t
tw_proxy_sessions(const struct tw_proxy *px)
{
	(void)px;
	return sessions;
}

void *
tw_proxy_block(const struct tw_proxy *px, const struct tw_self *self)
{
	(void)px, (void)self;
	return NULL;
}

const char *
tw_proxy_name(const struct tw_proxy *px)
{
	(void)px;
	return "b";
}

const char *
tw_proxy_where(const struct tw_proxy *px, int *line)
{
	(void)px;
	*line = 1;
	return "f";
}

enum tw_mode
tw_proxy_mode(const struct tw_proxy *px)
{
	(void)px;
	return TW_MODE_HTTP;
}

struct tw_server *
tw_req_avoid(const struct tw_req *req)
{
	(void)req;
	return avoided;
}

struct tw_server *
tw_req_server(const struct tw_req *req)
{
	(void)req;
	return asked;
}

struct tw_proxy *
tw_req_proxy(const struct tw_req *req)
{
	(void)req;
	return NULL;
}

struct tw_proxy *
tw_req_backend(const struct tw_req *req)
{
	(void)req;
	return NULL;
}

struct tw_msg *
tw_req_request(struct tw_req *req)
{
	(void)req;
	return NULL;
}

struct tw_str
tw_req_uri(struct tw_req *req)
{
	(void)req;
	return (struct tw_str){ NULL, 0 };
}

struct tw_msg *
tw_req_response(struct tw_req *req)
{
	static struct tw_msg msg = { .status = 200 };

	(void)req;
	return &msg;
}

struct tw_conn *
tw_req_conn(const struct tw_req *req)
{
	(void)req;
	return NULL;
}

const struct tw_addr *
tw_conn_src(const struct tw_conn *conn)
{
	static struct tw_addr none;

	(void)conn;
	return &none;
}

struct tw_str
tw_req_body_seen(const struct tw_req *req)
{
	(void)req;
	return (struct tw_str){ NULL, 0 };
}

uint64_t
tw_req_server_us(const struct tw_req *req)
{
	(void)req;
	return server_us;
}

bool
tw_expr_eval(const struct tw_expr *e, struct tw_req *req, struct tw_sample *out)
{
	(void)e, (void)req;
	out->type = TW_STRING;
	out->u.str = key;
	return key.p != NULL;
}

uint64_t
tw_now_ms(void)
{
	return now_ms;
}

uint64_t
tw_now_us(void)
{
	return now_ms * 1000;
}

/* in: weights, [n]; NULL: all 1. */
static inline void
make(int n, const uint32_t *weights)
{
	memset(servers, 0, sizeof(servers[0]) * (size_t)n);
	avoided = NULL;
	for (int i = 0; i < n; i++) {
		snprintf(servers[i].name, sizeof(servers[i].name), "s%d", i + 1);
		servers[i].index = i;
		servers[i].id = (uint32_t)i + 1;
		choices[i] =
		    (struct tw_choice){ &servers[i], weights != NULL ? weights[i] : 1, 1 };
	}
}

/* No request here has a trail. */
bool
tw_trail_on(const struct tw_req *req)
{
	(void)req;
	return false;
}

void
tw_trail_note(struct tw_req *req, const char *fmt, ...)
{
	(void)req;
	(void)fmt;
}

#endif
