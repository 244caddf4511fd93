/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp_http.h - a responder's address, the question and the answer in HTTP.
 */
#ifndef MODULE_TLS_OCSP_HTTP_H
#define MODULE_TLS_OCSP_HTTP_H

#include <tideway/conn.h>
#include <tideway/err.h>
#include <tideway/str.h>

#define TLS_HTTP_HOST 256 /* bytes, with the NUL */
#define TLS_HTTP_MAX (128u << 10)

struct tls_url {
	char host[TLS_HTTP_HOST]; /* a name or an address, without brackets */
	uint16_t port;
	struct tw_str authority, path; /* borrow: the text; path: may be empty */
};

/** tls__url_parse - "http://host[:port][/path]". in: base, whether "http://" must
 * stand there; else it may not. borrow: text. returns: -1: err. */
int tls__url_parse(
    const char *text, bool scheme, struct tls_url *url, struct tw_err *err);

/** tls__http_request - GET when the question is short, else POST. in: proxied,
 * the target is the whole URL. returns: malloc()ed, len in n; NULL. source: RFC
 * 6960, A.1. */
char *tls__http_request(
    const struct tls_url *url, struct tw_str der, bool proxied, size_t *n);

struct tls_http_answer {
	int status;         /* 0: not known yet */
	bool is_ocsp;       /* its type is application/ocsp-response */
	struct tw_str body; /* borrow: the bytes */
};

/** tls__http_answer - in: p, all bytes so far; eof, no more will come. Of
 * a complete answer chunks are joined in place. returns: AGAIN until it is
 * complete; ERR: it is none. source: RFC 9112. */
enum tw_io tls__http_answer(char *p, size_t len, bool eof, struct tls_http_answer *a);

#endif
