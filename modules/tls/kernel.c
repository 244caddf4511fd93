/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kernel.c - records for the peer, made by the kernel (ktls).
 *
 * OpenSSL hands over the key when a handshake is done (seal.c); it goes to the socket,
 * which takes clear text from there on: what is sent needs no pass through our memory,
 * so that long bodies are spliced, and a network card may do the rest. OpenSSL's own
 * messages go with their type, which the kernel takes beside them; those for which it
 * has no room wait in st->out, each behind a head of three bytes.
 *
 * The kernel says it has taken bytes whose record does not yet stand in TCP's queue,
 * and would never send them behind a FIN. So before that it is asked how many records
 * it has made, and how many bytes TCP has had: as long as some are missing, the
 * connection holds (transport.h). Nothing tells of the last of them: a timer asks.
 *
 * A key cannot be changed here: a peer that asks for another loses the connection.
 * What is received is OpenSSL's. Worker threads.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <tideway/log.h>

#include "kernel.h"
#include "key.h"

#if !defined(OPENSSL_NO_KTLS) && defined(TCP_ULP)
#include <linux/tls.h>

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#define HEAD 3u   /* of a message that waits: type, length */
#define HEADER 5u /* of a record */
#define ASK_LEAST_MS 5
#define ASK_MOST_MS 250
#define ASKS 8

struct tls_kernel {
	struct tw_timer timer;
	struct tls_state *st; /* whose it is */
	uint64_t given;       /* bytes of payload */
	uint64_t tcp_before;  /* what TCP had had when the kernel began, ... */
	uint64_t first;       /* ... and the number of its first record */
	uint16_t ask_ms;      /* until the next question; 0: none was asked */
	uint8_t size;         /* of what the kernel tells of its key */
	uint8_t more;         /* bytes a record has beside its payload */
};

#define UNKNOWN UINT32_MAX
static atomic_uint usable = UNKNOWN; /* shared: a bit for each of them */

/* RFC 8446, 5.2: the type stands behind the payload; RFC 5288, 3: an explicit nonce. */
static uint8_t
more_of(const struct tls_key *key)
{
	const unsigned in_12 = key->n_salt > 0 ? key->n_iv : 0;
	const unsigned other = key->version == TLS1_3_VERSION ? 1 : in_12;

	return (uint8_t)(HEADER + TLS_KEY_TAG + other);
}

/* --- what this kernel can --- */

static bool
ulp_set(int fd)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 4) == 0;
}

/* A connection to ourselves. returns: false: none can be had. */
static bool
pair_make(int fd[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	const int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fd[1] = -1;
	if (l >= 0 && fd[0] >= 0 && bind(l, (struct sockaddr *)&addr, len) == 0 &&
	    listen(l, 1) == 0 && getsockname(l, (struct sockaddr *)&addr, &len) == 0 &&
	    connect(fd[0], (struct sockaddr *)&addr, len) == 0)
		fd[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	if (l >= 0)
		close(l);
	return fd[1] >= 0;
}

/* It must tell its sequence number, too: of some ciphers it came to do so later. */
static bool
try_cipher(int fd, uint16_t type)
{
	union {
		struct tls_crypto_info head;
		unsigned char bytes[TLS_KEY_MOST];
	} info = { .bytes = { 0 } };
	struct tls_key key;

	info.head.version = TLS_1_2_VERSION;
	info.head.cipher_type = type;
	if (!tls__key_read(&key, &info))
		return false;
	return setsockopt(fd, SOL_TLS, TLS_TX, &info, key.size) == 0 &&
	    getsockopt(fd, SOL_TLS, TLS_TX, &info, &key.size) == 0;
}

/* Who may, has the kernel's module loaded by this. */
static unsigned
find_usable(void)
{
	unsigned bits = 0;

	for (int i = 0; i < TLS_KEY_CIPHERS; i++) {
		int fd[2];
		if (pair_make(fd)) {
			if (ulp_set(fd[0]) && try_cipher(fd[0], tls__key_type(i)))
				bits |= 1u << i;
			close(fd[1]);
		}
		if (fd[0] >= 0)
			close(fd[0]);
	}
	return bits;
}

void
tls__kernel_probe(void)
{
	const unsigned bits = tls__gives_keys ? find_usable() : 0;

	atomic_store(&usable, bits);
	if (!tls__gives_keys)
		tw_log(TW_NOTICE,
		    "ktls: not with %s: records are made without the kernel",
		    OpenSSL_version(OPENSSL_VERSION));
	else if (bits == 0)
		tw_log(TW_NOTICE,
		    "ktls: this kernel has no TLS (modprobe tls): records are made "
		    "without it");
}

static bool
is_usable(int cipher)
{
	if (atomic_load_explicit(&usable, memory_order_relaxed) == UNKNOWN)
		tls__kernel_probe(); /* of a server that was added */
	return (atomic_load_explicit(&usable, memory_order_relaxed) & 1u << cipher) !=
	    0;
}

/* --- what TCP has had --- */

/* returns: false: that cannot be said at the moment. */
static bool
tcp_had(int fd, uint64_t *n)
{
	for (int i = 0; i < ASKS; i++) {
		struct tcp_info before, after;
		socklen_t len = sizeof(before);
		int queued;

		memset(&before, 0, sizeof(before));
		memset(&after, 0, sizeof(after));
		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &before, &len) < 0 ||
		    ioctl(fd, SIOCOUTQ, &queued) < 0 ||
		    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &after, &len) < 0)
			return false;
		*n = before.tcpi_bytes_acked + (uint64_t)queued;
		if (before.tcpi_bytes_acked == after.tcpi_bytes_acked)
			return true;
	}
	return false;
}

static bool
all_is_queued(const struct tls_state *st)
{
	const struct tls_kernel *const k = st->kernel;
	union {
		struct tls_crypto_info head;
		unsigned char bytes[TLS_KEY_MOST];
	} info;
	socklen_t len = k->size;
	struct tls_key key;
	uint64_t had;

	if (st->failed || getsockopt(st->fd, SOL_TLS, TLS_TX, &info, &len) < 0 ||
	    !tls__key_read(&key, &info))
		return true; /* there is nothing to wait for */
	const uint64_t records = key.seq - k->first;
	OPENSSL_cleanse(&info, sizeof(info));
	return tcp_had(st->fd, &had) &&
	    had - k->tcp_before >= k->given + records * k->more;
}

static void
on_ask(struct tw_timer *t)
{
	struct tls_kernel *const k =
	    (struct tls_kernel *)((char *)t - offsetof(struct tls_kernel, timer));

	tw_conn_retry(k->st->conn);
}

bool
tls__kernel_settle(struct tls_state *st)
{
	struct tls_kernel *const k = st->kernel;

	if (k == NULL)
		return true;
	if (all_is_queued(st)) {
		tw_timer_set(&k->timer, 0);
		return true;
	}
	k->ask_ms = k->ask_ms == 0        ? ASK_LEAST_MS
	    : k->ask_ms < ASK_MOST_MS / 2 ? (uint16_t)(2 * k->ask_ms)
					  : ASK_MOST_MS;
	tw_timer_set(&k->timer, tw_now_ms() + k->ask_ms);
	return false;
}

/* --- the beginning and the end --- */

static bool
take_key(struct tls_state *st, struct tls_kernel *k, const void *info)
{
	return tcp_had(st->fd, &k->tcp_before) && ulp_set(st->fd) &&
	    setsockopt(st->fd, SOL_TLS, TLS_TX, info, k->size) == 0;
}

/* What was written before must have left as it is. */
static bool
is_flushed(struct tls_state *st)
{
	return tls__stage_flush(tls__stage(), st) == TW_IO_OK && st->out.p == NULL &&
	    tw_conn_settled(st->conn);
}

bool
tls__kernel_begin(struct tls_state *st, const void *info)
{
	struct tls_kernel *k;
	struct tls_key key;

	if (st->conn == NULL || !tls__key_read(&key, info) || !is_usable(key.cipher) ||
	    !is_flushed(st))
		return false;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return false;
	k->timer.fn = on_ask;
	k->st = st;
	k->first = key.seq;
	k->size = (uint8_t)key.size;
	k->more = more_of(&key);
	if (!take_key(st, k, info)) {
		free(k);
		return false;
	}
	st->kernel = k;
	tls_count(TLS_CNT_KERNEL);
	return true;
}

void
tls__kernel_end(struct tls_state *st)
{
	if (st->kernel == NULL)
		return;
	tw_timer_del(&st->kernel->timer);
	free(st->kernel);
	st->kernel = NULL;
}

/* --- OpenSSL's own messages --- */

bool
tls__kernel_message(struct tls_state *st, uint8_t type, const char *p, size_t len)
{
	const char head[HEAD] = { (char)type, (char)(len >> 8), (char)len };

	if (type == SSL3_RT_HANDSHAKE && *p == SSL3_MT_KEY_UPDATE) {
		tls__kernel_refuse_key(st);
		return false;
	}
	if (tls__left_set(&st->out, head, HEAD) && tls__left_set(&st->out, p, len))
		return true;
	st->err = ENOMEM;
	st->failed = true;
	return false;
}

static ssize_t
send_typed(int fd, uint8_t type, char *p, size_t len)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(uint8_t))];
	} control = { .room = { 0 } };
	struct iovec iov = { p, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (type != SSL3_RT_APPLICATION_DATA) {
		m.msg_control = control.room;
		m.msg_controllen = sizeof(control.room);
		control.head.cmsg_level = SOL_TLS;
		control.head.cmsg_type = TLS_SET_RECORD_TYPE;
		control.head.cmsg_len = CMSG_LEN(sizeof(uint8_t));
		*CMSG_DATA(&control.head) = type;
	}
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

/* The first message of st->out: what is left of it gets a head of its own. */
static enum tw_io
message_send(struct tls_state *st)
{
	struct tls_left *const out = &st->out;
	unsigned char *const head = (unsigned char *)out->p + out->off;
	const uint8_t type = head[0];
	const size_t len = (size_t)head[1] << 8 | head[2];
	const ssize_t n = send_typed(st->fd, type, (char *)head + HEAD, len);

	if (n < 0 && errno == EAGAIN)
		return TW_IO_AGAIN;
	if (n < 0) {
		st->err = errno;
		st->failed = true;
		return TW_IO_ERR;
	}
	const size_t rest = len - (size_t)n;
	st->kernel->given += (uint64_t)n;
	out->off += (uint32_t)n + (rest == 0 ? HEAD : 0);
	if (rest > 0) {
		unsigned char *const next = (unsigned char *)out->p + out->off;
		next[0] = type;
		next[1] = (unsigned char)(rest >> 8);
		next[2] = (unsigned char)rest;
	}
	if (out->off == out->len)
		tls__left_free(out);
	return rest == 0 ? TW_IO_OK : TW_IO_AGAIN;
}

enum tw_io
tls__kernel_flush(struct tls_state *st)
{
	enum tw_io io = TW_IO_OK;

	if (st->failed)
		return TW_IO_ERR;
	while (st->out.p != NULL && io == TW_IO_OK)
		io = tw_conn_settled(st->conn) ? message_send(st) : TW_IO_AGAIN;
	st->lazy = false;
	if (io != TW_IO_ERR)
		tw_conn_holds(st->conn, io == TW_IO_AGAIN);
	return io;
}

/* --- payload --- */

enum tw_io
tls__kernel_send(struct tls_state *st, const struct iovec *iov, int n_iov, size_t *n)
{
	size_t total = 0;
	ssize_t done;

	for (int i = 0; i < n_iov; i++)
		total += iov[i].iov_len;
	do
		done = tw_conn_put(st->conn, iov, n_iov, MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	if (done < 0 && errno != EAGAIN) {
		st->err = errno;
		return TW_IO_ERR;
	}
	if (done > 0) {
		st->kernel->given += (uint64_t)done;
		*n += (size_t)done;
	}
	return done == (ssize_t)total ? TW_IO_OK : TW_IO_AGAIN;
}

void
tls__kernel_refuse_key(struct tls_state *st)
{
	static const char alert[] = { SSL3_AL_FATAL, SSL_AD_INTERNAL_ERROR };

	tls_count(TLS_CNT_KERNEL_REKEY);
	st->why = "the peer asks for a new key, which the kernel cannot change";
	if (tls__kernel_message(st, SSL3_RT_ALERT, alert, sizeof(alert)))
		(void)tls__kernel_flush(st);
	st->failed = true;
}

void
tls__kernel_spliced(struct tls_state *st, uint64_t n)
{
	st->kernel->given += n;
}

#else

void
tls__kernel_probe(void)
{
	tw_log(TW_NOTICE, "ktls: not built in: records are made without the kernel");
}

bool
tls__kernel_begin(struct tls_state *st, const void *info)
{
	(void)st;
	(void)info;
	return false;
}

void
tls__kernel_end(struct tls_state *st)
{
	(void)st;
}

void
tls__kernel_refuse_key(struct tls_state *st)
{
	(void)st;
}

bool
tls__kernel_message(struct tls_state *st, uint8_t type, const char *p, size_t len)
{
	(void)st;
	(void)type;
	(void)p;
	(void)len;
	return false;
}

enum tw_io
tls__kernel_flush(struct tls_state *st)
{
	(void)st;
	return TW_IO_ERR;
}

enum tw_io
tls__kernel_send(struct tls_state *st, const struct iovec *iov, int n_iov, size_t *n)
{
	(void)st;
	(void)iov;
	(void)n_iov;
	(void)n;
	return TW_IO_ERR;
}

void
tls__kernel_spliced(struct tls_state *st, uint64_t n)
{
	(void)st;
	(void)n;
}

bool
tls__kernel_settle(struct tls_state *st)
{
	(void)st;
	return true;
}

#endif
