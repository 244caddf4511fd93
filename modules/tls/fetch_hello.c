/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_hello.c - fetches about the client's hello, of which JA3 and JA4 are made.
 * Any worker. source: HAProxy's manual, 7.3.4; RFC 8701.
 */
#include <stdio.h>

#include <tideway/bound.h>

#include "fetch.h"
#include "watch.h"

int
tls__check_grease(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)gen;
	if (args[0].type == TW_ANY || args[0].n == 0 || args[0].n == 1)
		return 0;
	return tw_err_set(err,
	    "filter %lld is unknown: write 0 for all, or 1 to leave out GREASE values",
	    (long long)args[0].n);
}

int
tls__check_xxh(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	const struct tw_conv *const c = tw_conv_find(TW_STR("xxh64"));

	(void)gen;
	(void)args;
	if (c != NULL && c->check == NULL)
		return 0;
	return tw_err_set(err, "this tideway was built without libxxhash");
}

static const struct tls_hello *
hello_of(const struct tw_req *req)
{
	const struct tls_state *const st = tls__client(req);

	return st == NULL ? NULL : st->hello;
}

/* Numbers of two bytes, without those that stand for nothing. */
static struct tw_str
without_grease(struct tw_req *req, struct tw_str s)
{
	const struct tw_str copy = tw_req_copy(req, s);
	char *const to = (char *)(uintptr_t)copy.p;
	size_t n = 0;

	for (size_t i = 0; copy.p != NULL && i < s.len; i += 2) {
		const size_t len = s.len - i < 2 ? 1 : 2; /* it was cut */
		const unsigned char *const v = (const unsigned char *)s.p + i;

		if (len == 2 && tls__is_grease((unsigned)v[0] << 8 | v[1]))
			continue;
		memcpy(to + n, v, len);
		n += len;
	}
	return (struct tw_str){ copy.p, n };
}

/* returns: p NULL: nothing. */
static struct tw_str
part_of(struct tw_req *req, enum tls_hello_part part, const struct tw_arg_val *args)
{
	const struct tls_hello *const h = hello_of(req);
	struct tw_str s = { NULL, 0 };

	if (h == NULL)
		return s;
	s = tls__hello_part(h, part);
	return args->n == 1 ? without_grease(req, s) : s;
}

static bool
give_part(struct tw_req *req, enum tls_hello_part part, const struct tw_arg_val *args,
    struct tw_sample *out)
{
	const struct tw_str s = part_of(req, part, args);

	return tls__give(out, TW_BINARY, s.p, s.len);
}

#define PART(name, id)                                            \
	TLS_GET(ssl_fc_##name)                                    \
	{                                                         \
		TW_GET_UNUSED;                                    \
		return give_part(req, TLS_HELLO_##id, args, out); \
	}

PART(cipherlist_bin, CIPHERS)
PART(ecformats_bin, FORMATS)
PART(eclist_bin, GROUPS)
PART(extlist_bin, EXTENSIONS)
PART(sigalgs_bin, SIGALGS)
PART(supported_versions_bin, VERSIONS)

TLS_GET(ssl_fc_cipherlist_hex)
{
	static const char digits[] = "0123456789ABCDEF";
	const struct tw_str s = part_of(req, TLS_HELLO_CIPHERS, args);
	char *const mem =
	    s.p == NULL ? NULL : tw_arena_try(tw_req_arena(req), 2 * s.len + 1);

	TW_GET_UNUSED;
	for (size_t i = 0; mem != NULL && i < s.len; i++) {
		mem[2 * i] = digits[(unsigned char)s.p[i] >> 4];
		mem[2 * i + 1] = digits[s.p[i] & 15];
	}
	return tls__give(out, TW_STRING, mem, 2 * s.len);
}

#define NAME_MAX_LEN 48 /* of OpenSSL's names of ciphers, with a comma */

TLS_GET(ssl_fc_cipherlist_str)
{
	SSL *const ssl = tls__client_ssl(req);
	const struct tw_str s = part_of(req, TLS_HELLO_CIPHERS, args);
	const size_t room = s.len / 2 * NAME_MAX_LEN + 1;
	char *const mem = s.p == NULL ? NULL : tw_arena_try(tw_req_arena(req), room);
	struct tw_out o = tw_out_of(mem, room);

	TW_GET_UNUSED;
	for (size_t i = 0; mem != NULL && i + 1 < s.len; i += 2) {
		const unsigned char *const id = (const unsigned char *)s.p + i;
		const SSL_CIPHER *const c = SSL_CIPHER_find(ssl, id);

		if (i > 0)
			tw_out_char(&o, ',');
		if (c != NULL)
			tw_out_str(&o, tw_str_of(SSL_CIPHER_get_name(c)));
		else
			tw_out_printf(&o, "UNKNOWN(%02x%02x)", id[0], id[1]);
	}
	return mem != NULL && tls__give(out, TW_STRING, mem, (size_t)(o.p - mem));
}

TLS_GET(ssl_fc_cipherlist_xxh)
{
	const struct tls_hello *const h = hello_of(req);

	TW_GET_UNUSED;
	return h != NULL && h->hashed && tw_sample_int(out, h->xxh);
}

TLS_GET(ssl_fc_protocol_hello_id)
{
	const struct tls_hello *const h = hello_of(req);

	TW_GET_UNUSED;
	return h != NULL && tw_sample_int(out, h->version);
}
