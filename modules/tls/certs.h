/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * certs.h - the certificates of bind lines.
 *
 * A generation has one store, lists (what one `crt` or `crt-list` word names,
 * read once however many lines name it) and lines. A line's table holds what a
 * handshake needs: it is never changed but replaced, and the former one is
 * retired, so that workers take no lock. A table has a reference to each of its
 * certificates, a connection to its own. Lists and lines are the configuration's
 * and the control thread's.
 */
#ifndef MODULE_TLS_CERTS_H
#define MODULE_TLS_CERTS_H

#include "sni.h"
#include "tls.h"

/* One line of a list. */
struct tls_entry {
	struct tls_entry *next;
	struct tls_list *list;   /* borrow: it is in */
	struct tls_cert *cert;   /* owns one reference */
	char **option;           /* owns: words between the brackets */
	char **filter;           /* owns: "name", "*.name", "!name", "*" */
	int n_options, n_filters;
	int number;              /* line of a crt-list; 0: none */
};

enum tls_list_kind { TLS_LIST_FILE, TLS_LIST_DIR, TLS_LIST_CRT };

struct tls_list {
	struct tls_list *next;   /* of the generation */
	const char *name;        /* gen: as it was named, with its crt-base */
	enum tls_list_kind kind; /* a file or its bundle, a directory, a crt-list */
	int n_entries, last_number;
	struct tls_entry *first, **last; /* owns */
	bool failed;             /* it was reported */
};

/* A word of a bind line. */
struct tls_src {
	struct tls_src *next;
	const char *word;        /* "crt", "default-crt", "crt-list" */
	const char *name;        /* as it stands there */
	struct tls_list *list;   /* set by check() */
};

/* A line's options with those of an entry over them: a context of its own. The
 * connection's side remains the line's. */
struct tls_variant {
	struct tls_variant *next;
	const char *key;         /* gen: the entry's options as one text */
	struct tls_opts opts;
	SSL_CTX *ctx;            /* owns one reference, until the generation ends */
};

#define TLS_CERTS_MAGIC 0x7c5e3702u

/* What a bind line and its copies for other addresses share. */
struct tls_certs {
	uint32_t magic;
	struct tls_certs *next;  /* of the generation */
	struct tls_src *first, **last;
	const char *file;        /* gen: where the line stands */
	int line;
	const char *dir;         /* gen: where relative names begin; NULL: as usual */
	const struct tw_proxy *px;
	const struct tw_bind *bind; /* the first of the copies */
	bool strict;             /* strict-sni */
	bool generates;          /* generate-certificates */
	const char *sign_file; /* gen; NULL: not said */
	char *sign_pass;       /* the same; cleared when it was used */
	struct tls_forge *forge; /* owns; NULL: names that are not there get none */
	bool built, failed;      /* its side is ready; it was reported */
	struct tls_side side;    /* what all copies have */
	struct tls_variant *variants;
	_Atomic(struct tls_table *) table; /* shared: see above */
};

/* What a handshake takes. */
struct tls_pick {
	struct tls_cert *cert;         /* owns one reference */
	const struct tls_variant *own; /* gen; NULL: the line's own options */
};

/* --- of a generation. context: configuration, control --- */

/** tls__store_of - its store. never NULL. */
struct tls_store *tls__store_of(struct tw_gen *gen);
/** tls__lists, tls__lines - the first of them; `next` has the others. */
struct tls_list *tls__lists(struct tw_gen *gen);
struct tls_certs *tls__lines(struct tw_gen *gen);
/** tls__list_find - by name; a file that a `crt` names is no list to find. */
struct tls_list *tls__list_find(struct tw_gen *gen, const char *name);
/** tls__line_uses - the bind line shows certificates of the list. */
bool tls__line_uses(const struct tls_certs *line, const struct tls_list *list);

/** tls__cert_publish - puts it under its name: in the store, and in each bind line
 * and server that shows what had the name before. Handshakes that have begun end with what
 * they began with. in: cert, takes the reference, in any case. returns: -1 with
 * err: nothing is changed. */
int tls__cert_publish(struct tw_gen *gen, struct tls_cert *cert, struct tw_err *err);
/** tls__cert_is_used - an entry of a list has it, or a server. */
bool tls__cert_is_used(struct tw_gen *gen, const struct tls_cert *cert);
/** tls__list_add - one more line of a crt-list, or file of a directory, in each
 * bind line that uses it. in: text, "FILE [options] filters", changed; FILE is in
 * the store. returns: -1 with err: nothing is changed. */
int tls__list_add(
    struct tw_gen *gen, struct tls_list *list, char *text, struct tw_err *err);
/** tls__list_del - removes the line. in: name, of the certificate; number, of the
 * line, 0: the first of that name. */
int tls__list_del(struct tw_gen *gen, struct tls_list *list, const char *name,
    int number, struct tw_err *err);

/* --- inside --- */

/** tls__certs_new - of a bind line that stands there; file NULL: unknown. */
struct tls_certs *tls__certs_new(struct tw_gen *gen, const char *file, int line);
/** tls__list_get - reads what the word names, or finds it. returns: NULL: it was
 * reported at the line. */
struct tls_list *tls__list_get(struct tls_certs *line, const struct tls_src *src);
/** tls__crt_name - what a relative name stands for on the line: crt-base. gen */
const char *tls__crt_name(const struct tls_certs *line, const char *name);
/** tls__list_add_path - a file, or its bundle. */
int tls__list_add_path(const struct tls_certs *line, struct tls_list *list,
    const char *path, struct tw_err *err);
struct tls_entry *tls__entry_new(struct tls_list *list, struct tls_cert *cert);
void tls__entry_free(struct tls_entry **entry);
void tls__list_append(struct tls_list *list, struct tls_entry *e);
int tls__crt_list_read(struct tls_certs *line, struct tls_list *list);
/** tls__entry_words - options and filters as a line of a crt-list has them. */
void tls__entry_words(struct tls_entry *e, char *const *word, int n_options, int n);
/** tls__entry_is_default - "*": it is for clients that name nothing that is there. */
bool tls__entry_is_default(const struct tls_entry *e);
/** tls__variant_get - the context for the entry's options. out: variant; NULL: it
 * has none. returns: -1: err says what is wrong with them. */
int tls__variant_get(struct tls_certs *line, const struct tls_entry *e,
    const struct tls_variant **variant, struct tw_err *err);
/** tls__certs_begin - the generation's store, with what is loaded before any line:
 * issuers-chain-path, crt-store. Only the first call does; another module's check()
 * may need it before ours. returns: -1: it was reported. context: check(). */
int tls__certs_begin(struct tw_gen *gen);
/** tls__cert_complete - its chain, before others see it: issuers-chain-path,
 * ssl-skip-self-issued-ca. */
void tls__cert_complete(struct tw_gen *gen, struct tls_cert *cert);
/** tls__warn_dates - if it has expired, or is not valid yet. */
void tls__warn_dates(
    struct tw_gen *gen, const char *file, int line, const struct tls_cert *c);
/** tls__cert_obtain - that of a name: the store's, or from the disk, which the store
 * then has. out: is_new. returns: borrow; NULL: err. */
struct tls_cert *tls__cert_obtain(struct tw_gen *gen, const char *path,
    const struct tls_load *how, bool *is_new, struct tw_err *err);
/** tls__load_how - which companions are looked for. */
struct tls_load tls__load_how(struct tw_gen *gen);
int tls__certs_fail(const struct tls_certs *line, const char *word, const char *text);

/* --- tables (certs_table.c) --- */

/** tls__table_new - of all lists of a line. returns: NULL: err says why. */
struct tls_table *tls__table_new(struct tls_certs *line, struct tw_err *err);
void tls__table_free(struct tls_table **table);
/** tls__table_try - OpenSSL takes each of its certificates. */
int tls__table_try(
    const struct tls_certs *line, const struct tls_table *table, struct tw_err *err);
/** tls__table_set - it is the line's from now on. */
void tls__table_set(struct tls_certs *line, struct tls_table *table);
/** tls__table_kinds - 1 << enum tls_kind of what is in it. context: any. */
unsigned tls__table_kinds(const struct tls_table *table);
/** tls__table_find - out: named, the name decided. returns: NULL: none. */
const struct tls_pick *tls__table_find(
    const struct tls_table *table, const struct tls_sni_ask *ask, bool *named);
/** tls__table_default - for a client that named nothing that is there. */
const struct tls_pick *tls__table_default(
    const struct tls_table *table, const struct tls_sni_ask *ask);

/* --- handshakes (certs_hello.c) --- */

/** tls__certs_hook - the context's connections choose from the line's table. */
void tls__certs_hook(const struct tls_certs *line, SSL_CTX *ctx);
/** tls__side_abilities - fills can_*. */
void tls__side_abilities(struct tls_side *side);

#endif
