/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp.h - answers of OCSP responders that are stapled to certificates.
 *
 * A tls_ocsp is what is known of one certificate at its issuer's responder:
 * all X509 objects with the same certificate share it, whatever file,
 * generation or line they are of, and find it in their ex_data. So a reload
 * keeps an answer that was fetched, and a handshake needs nothing but its own
 * certificate. The answer itself is never changed: another one takes its
 * place, and the former is freed when no worker can still look at it.
 * RFC 6960; RFC 6066, section 8.
 */
#ifndef MODULE_TLS_OCSP_H
#define MODULE_TLS_OCSP_H

#include <openssl/ocsp.h>
#include <sys/queue.h>

#include <tideway/command.h>

#include "certs.h"
#include "store.h"
#include "tls.h"

#define TLS_OCSP_KEY_MAX 128
#define TLS_OCSP_DER_MAX (64u << 10)

/* --- reading and checking (ocsp_check.c) --- */

/* One answer, immutable. */
struct tls_staple {
	time_t this_update, next_update; /* s */
	size_t len;
	unsigned char der[];
};

struct tls_ocsp_key {
	size_t len;
	unsigned char der[TLS_OCSP_KEY_MAX]; /* an OCSP_CERTID */
};

/** tls__ocsp_key - out: key. returns: false: it is too long. */
bool tls__ocsp_key(OCSP_CERTID *id, struct tls_ocsp_key *key);
/** tls__ocsp_read - checks all that needs no issuer: one answer, about one
 * certificate, valid now. The words of errors follow HAProxy's, without a dot.
 * out: key, whose it is. returns: malloc()ed; NULL with err. */
struct tls_staple *tls__ocsp_read(
    struct tw_str der, time_t now, struct tls_ocsp_key *key, struct tw_err *err);
/** tls__ocsp_verify - the issuer, or whom it has appointed, has signed it. */
int tls__ocsp_verify(const struct tls_staple *s, X509 *issuer, struct tw_err *err);

/* --- entries (ocsp.c) --- */

enum tls_ocsp_mode { TLS_OCSP_UNSET, TLS_OCSP_OFF, TLS_OCSP_ON };

enum tls_ocsp_status {
	TLS_OCSP_UNKNOWN,
	TLS_OCSP_OK,
	TLS_OCSP_HTTP,
	TLS_OCSP_HEADER,
	TLS_OCSP_CHECK,
	TLS_OCSP_INSERT,
	TLS_OCSP_N_STATUS
};

struct tls_fetch;

#define TLS_OCSP_MAGIC 0x7c5e0c59u

struct tls_ocsp {
	uint32_t magic;
	LIST_ENTRY(tls_ocsp) link; /* shared: lock of ocsp.c */
	int refs;                  /* shared: the same lock */
	struct tls_ocsp_key key;
	_Atomic(struct tls_staple *) staple; /* shared; owns; NULL: none */
	OCSP_CERTID *id;                     /* owns */
	X509 *issuer;                        /* owns */
	char *uri;  /* owns; NULL: the certificate names none */
	char *path; /* owns; control: the first file that uses it */

	/* automatic update (ocsp_update.c); control thread */
	int n_uses; /* certificates of generations that want it */
	bool is_queued;
	TAILQ_ENTRY(tls_ocsp) queue;
	struct tw_timer timer;
	time_t next, last; /* s; 0: never */
	unsigned n_ok, n_failed, in_a_row;
	enum tls_ocsp_status status;
	struct tls_fetch *fetch; /* owns; NULL: none under way */
	struct tw_cli *cli;      /* who waits for it; NULL: nobody */
};

int tls__ocsp_load(struct tw_err *err);
/** tls__ocsp_attach - certificate `cert` is used by a line of `gen`: its answer
 * is checked, and is there for handshakes from now on. Again for the same path:
 * replaces what was there. in: mode, what the line says of updates. errors: -1:
 * err; a file that is no good only warns. context: reading, control. */
int tls__ocsp_attach(struct tw_gen *gen, struct tls_cert *cert, enum tls_ocsp_mode mode,
    struct tw_err *err);
/** tls__ocsp_entry - the same with what the entry of a crt-list says. */
int tls__ocsp_entry(struct tw_gen *gen, const struct tls_entry *e, struct tw_err *err);
/** tls__ocsp_option - "ocsp-update on" is the i-th of its options. */
int tls__ocsp_option(const struct tls_entry *e, int i, struct tw_err *err);
/** tls__ocsp_list - of all entries. returns: -1: it was reported at the line. */
int tls__ocsp_list(const struct tls_certs *line, const struct tls_list *list);
/** tls__ocsp_detach - the certificate of that path is not used any more. */
void tls__ocsp_detach(struct tw_gen *gen, const char *path);
/** tls__ocsp_staple - OpenSSL's callback for clients that ask for an answer. */
int tls__ocsp_staple(SSL *ssl, void *arg);
/** tls__ocsp_of - of a certificate. borrow: as long as it. returns: NULL: none. */
struct tls_ocsp *tls__ocsp_of(const X509 *leaf);
/** tls__ocsp_reserve - before workers see it: an entry that the leaf gets later takes
 * a place that is there, as they read at any time. */
void tls__ocsp_reserve(X509 *leaf);
/** tls__ocsp_find - returns: one reference; NULL: none. */
struct tls_ocsp *tls__ocsp_find(const struct tls_ocsp_key *key);
void tls__ocsp_unref(struct tls_ocsp **o);
/** tls__ocsp_each - all of them, each with a reference. returns: malloc()ed list;
 * NULL: there are none. out: n. */
struct tls_ocsp **tls__ocsp_each(size_t *n);
/** tls__ocsp_put - takes s, which was verified. context: control, reading. */
void tls__ocsp_put(struct tls_ocsp *o, struct tls_staple *s);
/** tls__ocsp_renew - the same, but not in place of one that is newer and still valid:
 * who can make us take an older one could hide a revocation. returns: -1: err; it was
 * counted, and s freed. context: control. */
int tls__ocsp_renew(struct tls_ocsp *o, struct tls_staple *s, struct tw_err *err);
/** tls__ocsp_issuer - in: cert. returns: borrow; NULL: nobody knows. */
X509 *tls__ocsp_issuer(const struct tls_cert *cert);

/* --- automatic update (ocsp_update.c, ocsp_fetch.c); control thread --- */

/* A certificate of a generation with an answer. */
struct tls_ocsp_use {
	LIST_ENTRY(tls_ocsp_use) link;
	struct tls_ocsp *ocsp; /* owns a reference */
	enum tls_ocsp_mode mode;
	bool counted; /* in ocsp->n_uses */
	char path[];
};

/** tls__ocsp_gen_running - that generation's wishes hold from now on. */
void tls__ocsp_gen_running(struct tw_gen *gen);
/** tls__ocsp_use_begin, tls__ocsp_use_end - while its generation is in force. */
void tls__ocsp_use_begin(struct tls_ocsp_use *use);
void tls__ocsp_use_end(struct tls_ocsp_use *use);
/** tls__ocsp_update - asks the responder now. in: cli, who waits; NULL: nobody. */
int tls__ocsp_update(struct tls_ocsp *o, struct tw_cli *cli, struct tw_err *err);
void tls__ocsp_fini(void);
const char *tls__ocsp_status_text(enum tls_ocsp_status status);

/** tls__ocsp_text - as `openssl ocsp -resp_text` prints it. */
void tls__ocsp_text(struct tw_cli *cli, const struct tls_staple *s);

/** tls__ocsp_used - that a certificate file of the generation uses. returns:
 * borrow: as long as it does; NULL: none. */
struct tls_ocsp *tls__ocsp_used(struct tw_gen *gen, const char *path);
const struct tls_ocsp_use *tls__ocsp_use_of(struct tw_gen *gen, const char *path);
/** tls__ocsp_set - finds the certificate that an answer is about. context:
 * control. */
int tls__ocsp_set(struct tw_str der, struct tw_err *err);
unsigned char *tls__base64(struct tw_str text, size_t *len);
/** tls__ocsp_check - the global section's words fit together. */
int tls__ocsp_check(struct tw_gen *gen);

/* commands (ocsp_cmd.c) */
void tls_cmd_show_ocsp(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_set_ocsp(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_update_ocsp(struct tw_cli *cli, int argc, char *const argv[]);
void tls_cmd_show_updates(struct tw_cli *cli, int argc, char *const argv[]);

/* keywords (ocsp_kw.c) */
tw_kw_set tls_set_delay;
tw_kw_set tls_set_http_proxy;

#endif
