/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_table.c - the module's fetches and log variables, as the core wants them.
 */
#include "fetch.h"

/* clang-format off */
const struct tw_fetch tls_fetches[] = {
#define F(name, args, out, where, check, help) \
	{ #name, args, out, where, tls__get_##name, NULL, check, help },
#include "fetch_conn.def"
#include "fetch_cert.def"
#include "fetch_hello.def"
#include "fetch_keys.def"
#undef F
	{ .name = NULL },
};
/* clang-format on */

static void
out_protocol(struct tw_req *req, struct tw_out *o, unsigned flags)
{
	SSL *const ssl = tls__client_ssl(req);

	tw_log_word(o, tw_str_of(ssl == NULL ? NULL : SSL_get_version(ssl)), flags);
}

static void
out_cipher(struct tw_req *req, struct tw_out *o, unsigned flags)
{
	SSL *const ssl = tls__client_ssl(req);

	tw_log_word(o, tw_str_of(ssl == NULL ? NULL : SSL_get_cipher_name(ssl)), flags);
}

const struct tw_logvar tls_logvars[] = {
	{ "sslc", out_cipher, 0, "TLS cipher" },
	{ "sslv", out_protocol, 0, "TLS version" },
	{ .name = NULL },
};
