/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * transport.h - what carries a connection's bytes in place of its plain socket,
 * as TLS does; a module brings it and says which lines begin with it.
 */
#ifndef TIDEWAY_TRANSPORT_H
#define TIDEWAY_TRANSPORT_H

#include <tideway/conn.h>
#include <tideway/expr.h>
#include <tideway/proxy.h>

/* Whether what is sent first may go before the handshake is complete: who has recorded
 * it can send it once more. */
enum tw_first {
	TW_FIRST_WAITS,     /* no; or nothing is there to be sent at once */
	TW_FIRST_AS_CLIENT, /* if the client's own did */
	TW_FIRST_EARLY,     /* yes: retry-on 0rtt-rejected */
};

/* How a transport begins on a connection. */
struct tw_start {
	int fd;
	void *conf;          /* as given to tw_bind_set_transport or tw_server_... */
	struct tw_req *req;  /* server side: who needs the connection; NULL: a check */
	struct tw_str early; /* client side: bytes read before it, behind a PROXY header */
	bool is_server, is_check;
	struct tw_str name;  /* a check's: whom the server shall take itself for; p NULL */
	struct tw_str alpn;  /* server side, wire format; p NULL: the server's own */
	enum tw_first first; /* server side: of the bytes that will be sent first */
};

/* What carries bytes; NULL in a connection means the plain socket. Nothing
 * blocks: what cannot be done now returns AGAIN, and an event calls again. `conn`
 * is NULL for a health check's: then there is the descriptor alone. */
struct tw_transport {
	const char *name; /* "tls" */
	/* returns: its state; NULL: out of memory. */
	void *(*begin)(struct tw_conn *conn, const struct tw_start *start);
	/* returns: TW_IO_OK when the handshake is done. */
	enum tw_io (*handshake)(struct tw_conn *conn, void *state);
	/* out: n, bytes moved. */
	enum tw_io (*recv)(struct tw_conn *conn, void *state, void *p, size_t len, size_t *n);
	/* send - may take bytes that have not left: then it says tw_conn_holds(). */
	enum tw_io (*send)(struct tw_conn *conn, void *state, const struct iovec *iov,
	    int n_iov, size_t *n);
	/* flush - sends what is held. returns: OK when nothing is, any more. */
	enum tw_io (*flush)(struct tw_conn *conn, void *state);
	void (*shut)(struct tw_conn *conn, void *state);
	void (*fini)(struct tw_conn *conn, void *state);
	/* splices - its socket takes what send() takes: bytes may be spliced to it.
	 * spliced - n were. NULL: never. */
	bool (*splices)(const void *state);
	void (*spliced)(void *state, uint64_t n);
	/* alpn - the protocol agreed upon. returns: p NULL: none. NULL: never one. */
	struct tw_str (*alpn)(const void *state);
	/* why - what went wrong in the handshake, for logs: static. NULL: no words. */
	const char *(*why)(const void *state);
	/* prepare - what begin() needs for a server whose line does not say it: its
	 * checks do. out: conf. returns: 0; -1: err. NULL: there is no such thing.
	 * context: check(), server_check(). */
	int (*prepare)(struct tw_server *srv, void **conf, struct tw_err *err);
	/* accepted, closed - a client of a line that begins with it has come, gone.
	 * NULL: nobody counts. context: any worker. */
	void (*accepted)(void);
	void (*closed)(void);
	/* places - how many more of them it takes at the moment; the others wait until
	 * it does. NULL: as many as come. context: any worker, before each accept. */
	uint32_t (*places)(void);
	/* complete - goes on with a handshake that gave bytes before it was complete.
	 * returns: OK when it is. NULL: it always is. */
	enum tw_io (*complete)(struct tw_conn *conn, void *state);
	/* tlvs - what a PROXY header of version 2 says of a client's connection. in:
	 * state, NULL: it is in clear text; what, TW_TLV_... out: TLVs. */
	void (*tlvs)(const void *state, unsigned what, struct tw_out *out);
	/* offers - whether a server's connections may agree upon that protocol. in: conf,
	 * as given to tw_server_set_transport. NULL: they agree upon none. */
	bool (*offers)(const void *conf, struct tw_str alpn);
};

#define TW_TLV_SSL 0x01u       /* PP2_TYPE_SSL: that, and the version */
#define TW_TLV_CN 0x02u        /* in it: the client certificate's common name */
#define TW_TLV_CIPHER 0x04u    /* the cipher */
#define TW_TLV_SIG 0x08u       /* how our own certificate is signed */
#define TW_TLV_KEY 0x10u       /* and its key */
#define TW_TLV_AUTHORITY 0x20u /* PP2_TYPE_AUTHORITY: the name asked for */

/** tw_conn_transport - the transport's state there. returns: NULL: that is not
 * what carries its bytes (yet). */
TW_API void *tw_conn_transport(
    const struct tw_conn *conn, const struct tw_transport *transport);
/** tw_conn_is_secure - its bytes, or those of what carries it, are enciphered. */
TW_API bool tw_conn_is_secure(const struct tw_conn *conn);
/** tw_conn_holds - the transport has taken bytes that wait for the socket: flush
 * is called when that is writable. */
TW_API void tw_conn_holds(struct tw_conn *conn, bool holds);
/** tw_conn_put - sendmsg(): what is small leaves at the end of the loop's turn, together
 * with others', or before the connection's next send. returns: bytes; -1: errno. */
TW_API ssize_t tw_conn_put(
    struct tw_conn *conn, const struct iovec *iov, int n_iov, int flags);
/** tw_conn_settled - what tw_conn_put() took is in the socket, which the transport may
 * use itself. returns: false: it waits, or cannot go any more. */
TW_API bool tw_conn_settled(struct tw_conn *conn);
/** tw_conn_retry - the socket may take more, though no event tells: flush is called. */
TW_API void tw_conn_retry(struct tw_conn *conn);
/** tw_conn_drained - the socket gave less than it was asked for, and all of that
 * was handed on: nobody need ask it again before its next event. */
TW_API void tw_conn_drained(struct tw_conn *conn);
/** tw_conn_fed - the other way round: the transport has taken bytes from the socket
 * outside of recv(), which has to be called for them though no event tells. */
TW_API void tw_conn_fed(struct tw_conn *conn);
/** tw_conn_fin_came - the kernel has told so: behind a short read there is the end,
 * for which no further event comes. */
TW_API bool tw_conn_fin_came(const struct tw_conn *conn);
/* What becomes of bytes that go to a server before the handshake is complete. */
enum tw_early {
	TW_EARLY_BEGINS,   /* those sent first will; until it is, no other request joins */
	TW_EARLY_NONE,     /* it is, and none went */
	TW_EARLY_TAKEN,    /* it is; what was held back has gone, too */
	TW_EARLY_REPEATED, /* the same, but the server had them sent once more */
	TW_EARLY_REFUSED,  /* the connection failed, and the server has not looked at them */
};
/** tw_conn_early - context: begin(), send(), recv(). */
TW_API void tw_conn_early(struct tw_conn *conn, enum tw_early what);
/** tw_req_handshake - whether the client's handshake is complete: some bytes may
 * be there before it is, which others may have sent again. returns: AGAIN: the
 * client's next bytes call whoever waits; ERR: it failed. */
TW_API enum tw_io tw_req_handshake(struct tw_req *req);

/** tw_bind_set_transport - its connections begin with that; conf, which lives as
 * long as the generation, goes to it. context: check(). */
TW_API void tw_bind_set_transport(
    struct tw_bind *bind, const struct tw_transport *transport, void *conf);
/** tw_server_set_transport - connections to it begin with that; conf, which lives
 * as long as the server, goes to it. context: check(), server_check(). */
TW_API void tw_server_set_transport(
    struct tw_server *srv, const struct tw_transport *transport, void *conf);
/** tw_server_transport - what its line begins with. out: conf. returns: NULL:
 * none. */
TW_API const struct tw_transport *tw_server_transport(
    const struct tw_server *srv, void **conf);
/** tw_server_offer_transport - connections do not begin with it, but an operator
 * may switch it on. context: as tw_server_set_transport. */
TW_API void tw_server_offer_transport(
    struct tw_server *srv, const struct tw_transport *transport, void *conf);
/** tw_server_switch_transport - new connections begin with it or not, until the
 * next generation. returns: false: it has none. context: control. */
TW_API bool tw_server_switch_transport(struct tw_server *srv, bool on);
/** tw_server_uses_transport - they do now. context: any. */
TW_API bool tw_server_uses_transport(const struct tw_server *srv);
/** tw_transport_find - what a loaded module brings by that name; NULL: none. */
TW_API const struct tw_transport *tw_transport_find(const char *name);
/** tw_server_set_pool_name - connections are shared only by requests for which it
 * has the same value, unless pool-conn-name is set. context: as above. */
TW_API void tw_server_set_pool_name(struct tw_server *srv, struct tw_expr *name);

#endif
