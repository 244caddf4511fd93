/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * net.h - connections that scripts open: names, addresses, TCP, TLS, HTTP.
 *
 * Off the proxy's own request path, built on libevent's bufferevents. All of it
 * lives on the worker that opened it. A *dial* finds a peer and connects to it;
 * an *exchange* sends one request over a dialled or a kept connection.
 */
#ifndef TW_LUA_NET_H
#define TW_LUA_NET_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <openssl/ssl.h>

#include <tideway/conn.h>
#include <tideway/names.h>

#include "h1.h"
#include "lu.h"

#define LU_NAME_MAX 256 /* of a host, with its end */
#define LU_WHY_MAX 160

struct lu_sock;
struct lu_kept;
struct lu_dns;

/* The module's part of a worker (dns.c, sock.c, exchange.c). */
struct lu_net {
	struct lu_dns *dns;    /* owns: a list, one for each set of name servers */
	struct lu_sock *socks; /* connected or connecting */
	struct lu_kept *kept;  /* owns: idle connections, the latest first */
	int n_kept;
};

/** lu_net_here - the calling worker's. */
struct lu_net *lu_net_here(void);

/* ---- where to (to.c) ---- */

struct lu_to {
	struct sockaddr_storage ss;
	socklen_t len;          /* 0: a name, to be asked for */
	int family;             /* of what is asked for: AF_UNSPEC, or "ipv4@" */
	char host[LU_NAME_MAX]; /* as written; "": a path */
	uint16_t port;
};

/** lu_to_parse - "1.2.3.4", "1.2.3.4:80", "[::1]:80", "name:80", "/path",
 * "unix@/path", "abns@name", "ipv4@...", "ipv6@...". in: port, 0: it is in the text.
 * returns: NULL, or what is wrong. */
const char *lu_to_parse(struct lu_to *to, struct tw_str text, uint16_t port);
bool lu_is_ip(const char *host);

/* ---- names (dns.c) ---- */

/* A question. Embedded; zeroed is none. */
struct lu_ask {
	struct lu_asking *asking;                    /* NULL: no question is open */
	struct evutil_addrinfo *found;               /* owns */
	void (*done)(struct lu_ask *ask, int error); /* EVUTIL_EAI_... */
};

/** lu_ask - in: servers NULL: the section "default", or the system's; family.
 * done() may be called before it returns. */
void lu_ask(struct lu_ask *ask, const struct tw_nameservers *servers, const char *host,
    uint16_t port, int family);
/** lu_ask_stop - done() is not called any more; what was found is freed. */
void lu_ask_stop(struct lu_ask *ask);
const char *lu_ask_error(int error);
void lu_dns_fini(struct lu_dns **list);

/* ---- dialling (dial.c) ---- */

struct lu_dial {
	/* The caller's; all but `to` and `done` may be left 0. */
	struct lu_to to;
	SSL_CTX *tls;    /* borrow; NULL: plain */
	const char *sni; /* borrow: NULL: the host's name */
	bool verify;     /* the certificate's name, too */
	bool v6_first;
	uint32_t limit_ms; /* 0: none */
	const struct tw_nameservers *servers;
	/* Once, never from within lu_dial(): with bev, then the caller's, or why. */
	void (*done)(struct lu_dial *d);
	/* The result. */
	struct bufferevent *bev;
	char why[LU_WHY_MAX];
	bool timed_out;
	/* Its own. */
	struct lu_ask ask;
	struct evutil_addrinfo *at; /* borrow: ask.found; what is tried next */
	int pass;                   /* 0: the preferred family, 1: the other */
	uint64_t until_ms;          /* 0: no limit */
	struct tw_timer timer;
	bool busy, tried;
};

void lu_dial(struct lu_dial *d);
/** lu_dial_stop - also of one that is over, or never began. */
void lu_dial_stop(struct lu_dial *d);
/** lu_bev_free - closes; TLS says goodbye. Clears the pointer; NULL: nothing. */
void lu_bev_free(struct bufferevent **bev);
/** lu_why_tls - the library's words for why a handshake failed. */
void lu_why_tls(struct bufferevent *bev, char *why, size_t size);
/** lu_tls_plain - a client's context that verifies nothing. returns: NULL: none. */
SSL_CTX *lu_tls_plain(void);

/* ---- one request (exchange.c) ---- */

struct lu_exchange {
	/* The caller's. */
	struct lu_dial dial;      /* to, tls, sni, verify, servers, limit_ms */
	struct evbuffer *request; /* owns: head and body */
	bool is_head;
	bool no_keep;      /* neither takes a kept connection nor leaves one */
	uint32_t idle_ms;  /* nothing moves for that long; 0: no limit */
	uint32_t whole_ms; /* all of it; 0: no limit */
	unsigned retries;  /* of failed connections */
	void (*done)(struct lu_exchange *x); /* once, not from within lu_exchange() */
	void *owner;
	/* The result. */
	struct lu_h1 h1;      /* h1.status 0: none came */
	char why[LU_WHY_MAX]; /* "": all went well */
	int status;           /* what a proxy would answer: 502, 503, 504 */
	/* Its own. */
	struct bufferevent *bev;
	char key[2 * LU_NAME_MAX + 160];
	bool reused, busy;
	size_t unsent;
	struct tw_timer idle, whole;
};

void lu_exchange(struct lu_exchange *x);
/* lua-test: who answers instead of the network; NULL: nobody. It puts bytes in the
 * place of x->request, or says why there is no connection in x->why. */
typedef void lu_played_fn(struct lu_exchange *x);
extern lu_played_fn *lu_exchange_played;
/** lu_exchange_fini - stops it, frees what it holds. */
void lu_exchange_fini(struct lu_exchange *x);
void lu_kept_fini(struct lu_net *net);
void lu_socks_fini(struct lu_net *net);

/* ---- the client: keywords, and what both APIs share (client.c) ---- */

/* httpclient.* */
struct lu_client_conf {
	const char *ca_file;      /* NULL: the system's */
	const char *resolvers_id; /* NULL: "default" */
	bool no_verify, no_resolvers, v4_first;
	bool has_retries, verify_said;
	uint32_t retries, connect_ms;
	SSL_CTX *tls; /* owns; NULL: TLS is not possible */
	char tls_why[LU_WHY_MAX];
	int line_ca, line_id;
	const char *file_ca, *file_id;
};

/* What is asked for, as both APIs have it. Strings borrow from the Lua stack. */
struct lu_ask_http {
	const char *function;
	const char *method;
	struct tw_str url, body;
	const char *dst, *sni;
	bool native; /* tw.http: no tries again */
	bool no_verify;
	int headers; /* index of a table; 0: none */
	uint32_t idle_ms, whole_ms;
};

/** lu_client_run - performs it; `push` pushes the results when it is over. returns: as
 * a C function does. out: why, NULL; else it has not begun, for that reason. errors: a
 * Lua error. */
int lu_client_run(lua_State *L, const struct lu_ask_http *ask,
    int (*push)(lua_State *L, struct lu_exchange *x), const char **why);
/** lu_push_headers - {name = {[0] = value, ...}} */
void lu_push_headers(lua_State *L, const struct lu_h1 *h);
void lu_push_body(lua_State *L, struct evbuffer *body);
int lu_client_check(struct tw_gen *gen);
void lu_client_start(struct tw_gen *gen);
void lu_client_stop(struct tw_gen *gen);
tw_kw_set lu_client_set_disabled, lu_client_set_id, lu_client_set_prefer,
    lu_client_set_retries, lu_client_set_ca_file, lu_client_set_verify,
    lu_client_set_connect;

/* ---- what scripts see ---- */

/* sock.c, client.c: core.tcp, core.httpclient: into the table on top. */
void lu_open_sock(lua_State *L);
void lu_open_client(lua_State *L);
/* tw_net.c: http, tcp, resolve, all: into the table on top. */
void lu_open_tw_net(lua_State *L);

/* What tw.tcp connects to. Strings borrow from the Lua stack. */
struct lu_sock_to {
	const char *function;
	struct tw_str address;
	uint16_t port;
	SSL_CTX *tls;
	const char *sni;
	bool verify;
	uint32_t limit_ms; /* of each operation; 0: none is said */
};
/** lu_sock_dial - a connected Socket, or nil and why. returns: as a C function. */
int lu_sock_dial(lua_State *L, const struct lu_sock_to *to);

#endif
