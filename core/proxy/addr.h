/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy/addr.h - addresses as they are written in the configuration.
 *
 * One parser for `bind`, `server`, `log` and everything else that names a
 * place to listen or to send to. Start-up and control thread only.
 * source: HAProxy's manual, chapter 11 and the keywords `bind` and `server`.
 */
#ifndef TW_PROXY_ADDR_H
#define TW_PROXY_ADDR_H

#include <tideway/arena.h>
#include <tideway/conn.h>

/* What the place where the address stands allows or needs. */
#define TW__ADDR_NEED_PORT 0x01u
#define TW__ADDR_RANGE 0x02u    /* 80-89 */
#define TW__ADDR_RELATIVE 0x04u /* +80, -80 */
#define TW__ADDR_FD 0x08u       /* fd@N */
#define TW__ADDR_NO_PORT 0x10u  /* no port at all */
#define TW__ADDR_MPTCP 0x20u    /* mptcp@, mptcp4@, mptcp6@ */

struct tw__addr_spec {
	struct tw_addr addr; /* complete unless host is set */
	const char *host;    /* arena; the name to resolve; NULL: none */
	int family;          /* AF_INET or AF_INET6 by prefix; AF_UNSPEC */
	int port, port_last; /* the same unless it is a range */
	bool has_port;
	bool any;            /* "*", or nothing before the port */
	char sign;           /* '+' or '-': a relative port; else 0 */
	int fd;              /* fd@N; else -1 */
	bool mptcp;          /* Multipath TCP */
};

/** tw__addr_parse - "127.0.0.1:80", ":80", "[::1]:80", "unix@/run/x", "/run/x",
 * "abns@x", "ipv4@name:80", "fd@3"; $VAR and ${VAR} are replaced. in: how,
 * TW__ADDR_...; arena, where paths and names are kept. returns: 0 or -1. */
int tw__addr_parse(struct tw_arena *arena, const char *text, unsigned how,
    struct tw__addr_spec *out, struct tw_err *err);
/** tw__dgram_addr - what tw__addr_parse takes of an address of datagrams: "udp@",
 * "udp4@", "udp6@", "uxdg@". out: is_dgram. returns: arena, or `text`. */
const char *tw__dgram_addr(struct tw_arena *arena, const char *text, bool *is_dgram);
/** tw__addr_resolve - asks the system's resolver; may block for some seconds.
 * in: family, AF_UNSPEC for any. out: addr, its port untouched.
 * returns: 0 or -1. */
int tw__addr_resolve(const char *host, int family, struct tw_addr *addr,
    struct tw_err *err);

#endif
