/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ctx.c - an SSL_CTX from the options of a line.
 *
 * What the line does not say, the global section says; what that does not
 * say is OpenSSL's default with TLS 1.2 as the least version. Certificates
 * are added by others. Control thread.
 */
#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <tideway/proto.h>

#include "server.h"
#include "ctl_trust.h"
#include "ocsp.h"
#include "early.h"
#include "session.h"
#include "tls.h"

int
tls__ssl_error(struct tw_err *err, const char *what, const char *word)
{
	const unsigned long e = ERR_peek_last_error();
	const char *const why = e == 0 ? NULL : ERR_reason_error_string(e);

	ERR_clear_error();
	return tw_err_set(err, "%s '%s': %s", what, word,
	    why != NULL ? why : "OpenSSL does not know it");
}

bool
tls__errset_has(const struct tls_errset *set, int code)
{
	return code >= 0 && code < 128 &&
	    (set->bits[code / 64] >> (code % 64) & 1) != 0;
}

const char *
tls__file(struct tw_gen *gen, const char *base, const char *name)
{
	if (base == NULL || name == NULL || name[0] == '/' || name[0] == '@')
		return name;
	return tw_arena_printf(tw_gen_arena(gen), "%s/%s", base, name);
}

static void
ctx_drop(void *arg)
{
	SSL_CTX_free(arg);
}

void
tls__ctx_keep(struct tw_gen *gen, SSL_CTX *ctx)
{
	tw_arena_at_end(tw_gen_arena(gen), ctx_drop, ctx);
}

/* --- versions --- */

static const struct {
	int version;
	uint8_t bit;
} versions[] = {
	{ TLS1_VERSION, TLS_NO_10 },
	{ TLS1_1_VERSION, TLS_NO_11 },
	{ TLS1_2_VERSION, TLS_NO_12 },
	{ TLS1_3_VERSION, TLS_NO_13 },
};

#define N_VERSIONS (TW_N_ELEMENTS(versions))

struct range {
	int min, max; /* 0: the newest */
	uint8_t no;   /* TLS_NO_* */
};

/* What a line does not say is said for all lines. A version that it names is not
 * excluded by what is said for all; and to exclude some opens none that is older
 * than what is spoken anyway. */
static struct range
range_of(const struct tls_opts *o, const struct tls_opts *def)
{
	const bool is_named = o->min_ver != 0 || o->max_ver != 0;
	struct range r = {
		.min = o->min_ver != 0 ? o->min_ver : def->min_ver,
		.max = o->max_ver != 0 ? o->max_ver : def->max_ver,
		.no = (uint8_t)(o->no_versions | (is_named ? 0 : def->no_versions)),
	};

	if (r.min == 0)
		r.min = r.max != 0 && r.max < TLS1_2_VERSION ? r.max : TLS1_2_VERSION;
	return r;
}

/* The newest that are left, up to a hole: peers could not tell that. */
static int
set_versions(SSL_CTX *ctx, const struct tls_opts *o, const struct tls_opts *def,
    struct tw_err *err)
{
	const struct range r = range_of(o, def);
	int min = 0, max = 0;

	for (size_t i = N_VERSIONS; i-- > 0;) {
		const int v = versions[i].version;

		if (v < r.min || (r.max != 0 && v > r.max) ||
		    (r.no & versions[i].bit) != 0) {
			if (max != 0)
				break;
			continue;
		}
		if (max == 0)
			max = v;
		min = v;
	}
	if (min == 0)
		return tw_err_set(err,
		    "all versions of TLS are excluded; see 'ssl-min-ver', "
		    "'ssl-max-ver' and 'no-tlsv1x'");
	if (!SSL_CTX_set_min_proto_version(ctx, min) ||
	    !SSL_CTX_set_max_proto_version(ctx, max))
		return tls__ssl_error(err, "setting versions", "ssl-min-ver");
	if (min < TLS1_2_VERSION) /* else OpenSSL refuses their signatures */
		SSL_CTX_set_security_level(ctx, 0);
	return 0;
}

/* --- ciphers and groups --- */

static const char *
either(const char *line, const char *global)
{
	return line != NULL ? line : global;
}

static int
set_ciphers(SSL_CTX *ctx, const struct tls_opts *o, const struct tls_opts *def,
    struct tw_err *err)
{
	const char *const list = either(o->ciphers, def->ciphers);
	const char *const suites = either(o->ciphersuites, def->ciphersuites);

	if (list != NULL && !SSL_CTX_set_cipher_list(ctx, list))
		return tls__ssl_error(err, "unable to set SSL cipher list to", list);
	if (suites != NULL && !SSL_CTX_set_ciphersuites(ctx, suites))
		return tls__ssl_error(
		    err, "unable to set TLS 1.3 cipher suites to", suites);
	return 0;
}

static int
set_groups(SSL_CTX *ctx, const struct tls_opts *o, const struct tls_opts *def,
    struct tw_err *err)
{
	const char *const curves = either(o->curves, def->curves);
	const char *const sig = either(o->sigalgs, def->sigalgs);
	const char *const csig = either(o->client_sigalgs, def->client_sigalgs);

	if (curves != NULL && !SSL_CTX_set1_curves_list(ctx, curves))
		return tls__ssl_error(err, "unable to set SSL curves list to", curves);
	if (sig != NULL && !SSL_CTX_set1_sigalgs_list(ctx, sig))
		return tls__ssl_error(
		    err, "unable to set SSL Signature Algorithm list to", sig);
	if (csig != NULL && !SSL_CTX_set1_client_sigalgs_list(ctx, csig))
		return tls__ssl_error(
		    err, "unable to set SSL Signature Algorithm list to", csig);
	return 0;
}

/* The largest group of RFC 7919 that is not larger than asked for. */
static EVP_PKEY *
named_dh(uint32_t bits)
{
	char *const group = bits >= 8192 ? "ffdhe8192"
	    : bits >= 6144               ? "ffdhe6144"
	    : bits >= 4096               ? "ffdhe4096"
	    : bits >= 3072               ? "ffdhe3072"
					 : "ffdhe2048";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_PKEY_CTX *const pc = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *dh = NULL;

	if (pc != NULL && EVP_PKEY_paramgen_init(pc) == 1 &&
	    EVP_PKEY_CTX_set_params(pc, params) == 1)
		(void)EVP_PKEY_paramgen(pc, &dh);
	EVP_PKEY_CTX_free(pc);
	return dh;
}

/* Parameters for finite-field DH: a file's, or those of the size asked for. Who asks
 * for neither has no DHE, as in HAProxy: it costs servers far more than clients. */
static int
set_dh(SSL_CTX *ctx, const struct tls_gen *g, struct tw_err *err)
{
	EVP_PKEY *dh;
	BIO *bio;

	if (g->dh_file == NULL) {
		dh = g->default_dh != 0 ? named_dh(g->default_dh) : NULL;
		if (dh != NULL && SSL_CTX_set0_tmp_dh_pkey(ctx, dh))
			return 0;
		EVP_PKEY_free(dh);
		if (g->default_dh != 0)
			SSL_CTX_set_dh_auto(ctx, 1);
		return 0;
	}
	bio = BIO_new_file(g->dh_file, "r");
	dh = bio == NULL ? NULL : PEM_read_bio_Parameters(bio, NULL);
	BIO_free(bio);
	if (dh == NULL)
		return tls__ssl_error(
		    err, "unable to load DH parameters from", g->dh_file);
	if (!SSL_CTX_set0_tmp_dh_pkey(ctx, dh)) {
		EVP_PKEY_free(dh);
		return tls__ssl_error(
		    err, "unable to use DH parameters from", g->dh_file);
	}
	return 0;
}

/* --- the peer's certificate --- */

/* What is to be ignored does not end the handshake; ssl_c_verify tells of it. */
static int
verify_done(int ok, X509_STORE_CTX *store)
{
	const SSL *const ssl =
	    X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls_state *const st = tls_state_of_ssl(ssl);
	const int depth = X509_STORE_CTX_get_error_depth(store);
	const int e = X509_STORE_CTX_get_error(store);

	if (st != NULL)
		tls__watch_verify(st, ok, store);
	if (ok || st == NULL)
		return ok;
	if (tls__errset_has(
		depth > 0 ? &st->side->opts->ca_ignore : &st->side->opts->crt_ignore,
		e)) {
		ERR_clear_error();
		return 1;
	}
	if (!st->is_server)
		st->why = depth > 0 ? "SSL client CA chain cannot be verified"
				    : "SSL client certificate not trusted";
	return 0;
}

static int
load_ca(SSL_CTX *ctx, const char *file, struct tw_err *err)
{
	if (tls__is_dir(file))
		return tls__ca_dir(SSL_CTX_get_cert_store(ctx), file, NULL, err);
	if (tls__trust_has(ctx, file))
		return 0;
	if (strcmp(file, "@system-ca") == 0)
		return SSL_CTX_set_default_verify_paths(ctx)
		    ? 0
		    : tls__ssl_error(err, "unable to load", file);
	if (!SSL_CTX_load_verify_file(ctx, file))
		return tls__ssl_error(err, "unable to load CA file", file);
	return 0;
}

static int
load_crl(SSL_CTX *ctx, const char *file, struct tw_err *err)
{
	X509_STORE *const store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

	if (tls__trust_has(ctx, file))
		return 0;
	if (lookup == NULL || !X509_load_crl_file(lookup, file, X509_FILETYPE_PEM))
		return tls__ssl_error(err, "unable to load CRL file", file);
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	return 0;
}

/* ca-verify-file takes part in verifying, but its names are not sent. */
static int
send_names(SSL_CTX *ctx, const struct tls_opts *o, struct tw_err *err)
{
	STACK_OF(X509_NAME) * names;

	if (o->ca_file == NULL || o->no_ca_names || o->ca_file[0] == '@' ||
	    tls__trust_has(ctx, o->ca_file))
		return 0;
	names = tls__is_dir(o->ca_file) ? sk_X509_NAME_new_null()
					: SSL_load_client_CA_file(o->ca_file);
	if (names == NULL ||
	    (tls__is_dir(o->ca_file) &&
		tls__ca_dir(SSL_CTX_get_cert_store(ctx), o->ca_file, names, err) < 0)) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return tls__ssl_error(err, "unable to load CA file", o->ca_file);
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	return 0;
}

static int
set_verify(SSL_CTX *ctx, const struct tls_opts *o, bool is_listener, struct tw_err *err)
{
	const int mode = o->verify == TLS_VERIFY_REQUIRED
	    ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
	    : o->verify == TLS_VERIFY_OPTIONAL ? SSL_VERIFY_PEER
					       : SSL_VERIFY_NONE;

	SSL_CTX_set_verify(ctx, mode, verify_done);
	if (mode == SSL_VERIFY_NONE)
		return 0;
	if (o->ca_file == NULL && o->ca_verify_file == NULL)
		return tw_err_set(err,
		    "verify is enabled but no CA file specified; add 'ca-file "
		    "<file>'");
	if ((o->ca_file != NULL && load_ca(ctx, o->ca_file, err) < 0) ||
	    (o->ca_verify_file != NULL && load_ca(ctx, o->ca_verify_file, err) < 0) ||
	    (o->crl_file != NULL && load_crl(ctx, o->crl_file, err) < 0))
		return -1;
	return is_listener ? send_names(ctx, o, err) : 0;
}

/* --- application protocols --- */

bool
tls__alpn_has(struct tw_str list, struct tw_str name)
{
	for (size_t i = 0; i < list.len; i += 1u + (uint8_t)list.p[i])
		if (tw_str_eq(
			(struct tw_str){ list.p + i + 1, (uint8_t)list.p[i] }, name))
			return true;
	return false;
}

uint32_t
tls__alpn_default(const struct tw_proxy *px, unsigned char *out)
{
	static const char *const order[] = { "h2", "http/1.1", NULL };
	uint32_t len = 0;

	if (tw_proxy_mode(px) != TW_MODE_HTTP)
		return 0;
	for (int i = 0; order[i] != NULL; i++) {
		const size_t n = strlen(order[i]);
		bool has = false;
		const struct tw_self *m;

		for (int j = 0; !has && (m = tw_module_each(j)) != NULL; j++) {
			const struct tw_proto *const p = m->module->protos;

			for (int k = 0; !has && p != NULL && p[k].name != NULL; k++)
				has = p[k].alpn != NULL &&
				    strcmp(p[k].alpn, order[i]) == 0;
		}
		if (!has)
			continue;
		out[len++] = (unsigned char)n;
		memcpy(out + len, order[i], n);
		len += (uint32_t)n;
	}
	return len;
}

/* The server's order decides; nothing in common: no protocol is agreed upon. */
static int
alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
	const struct tls_opts *const o = arg;
	unsigned char *p;

	(void)ssl;
	if (SSL_select_next_proto(&p, out_len, (const unsigned char *)o->alpn,
		o->alpn_len, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = p;
	return SSL_TLSEXT_ERR_OK;
}

static void
set_alpn(SSL_CTX *ctx, const struct tls_opts *o, bool is_listener)
{
	if (o->alpn_len == 0)
		return;
	if (is_listener)
		SSL_CTX_set_alpn_select_cb(ctx, alpn_select, (void *)(uintptr_t)o);
	else
		(void)SSL_CTX_set_alpn_protos(
		    ctx, (const unsigned char *)o->alpn, o->alpn_len);
}

/* --- all of it --- */

/* A peer that wants to begin anew is told no, and is gone. */
static void
info(const SSL *ssl, int where, int value)
{
	struct tls_state *const st = tls_state_of_ssl(ssl);

	if (tls__keys_late && where == SSL_CB_ACCEPT_LOOP && st != NULL &&
	    SSL_get_state(ssl) == TLS_ST_SW_SRVR_HELLO)
		tls__keys_wanted(st);
	if (where == SSL_CB_HANDSHAKE_START && !SSL_is_server(ssl))
		tls__trust_apply((SSL *)(uintptr_t)ssl);
	if (where != SSL_CB_WRITE_ALERT || st == NULL || st->renegotiates ||
	    (value & 0xff) != SSL_AD_NO_RENEGOTIATION)
		return;
	st->renegotiates = true;
	tls_count(TLS_CNT_RENEGOTIATION);
}

static void
set_modes(SSL_CTX *ctx, const struct tls_opts *o, const struct tls_opts *def)
{
	uint64_t options = SSL_OP_ALL | SSL_OP_NO_COMPRESSION |
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_SSLv3;

	if (o->prefer_client_ciphers || def->prefer_client_ciphers)
		options |= SSL_OP_PRIORITIZE_CHACHA;
	else
		options |= SSL_OP_CIPHER_SERVER_PREFERENCE;
	if (o->no_tickets || def->no_tickets)
		options |= SSL_OP_NO_TICKET;
	SSL_CTX_set_options(ctx, options);
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_info_callback(ctx, info);
}

SSL_CTX *
tls__ctx_new(struct tw_gen *gen, const struct tls_opts *opts, bool is_listener,
    struct tw_err *err)
{
	const struct tls_gen *const g = tls_gen_of(gen);
	const struct tls_opts *const def = is_listener ? &g->bind : &g->server;
	SSL_CTX *ctx =
	    SSL_CTX_new(is_listener ? TLS_server_method() : TLS_client_method());

	if (ctx == NULL) {
		tls__ssl_error(err, "unable to make a context for", "ssl");
		return NULL;
	}
	set_modes(ctx, opts, def);
	if (tls__gives_keys && !tls__keys_late &&
	    ((opts->ktls && !g->noktls) || !g->openssl_records))
		SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS); /* seal.c, kernel.c */
#ifdef SSL_OP_NO_TX_CERTIFICATE_COMPRESSION
	if (g->plain_certs)
		SSL_CTX_set_options(ctx,
		    SSL_OP_NO_TX_CERTIFICATE_COMPRESSION |
			SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
#endif
	tls__watch_ctx(ctx, g, is_listener);
	set_alpn(ctx, opts, is_listener);
	if (is_listener)
		SSL_CTX_set_tlsext_status_cb(ctx, tls__ocsp_staple);
	if (opts->verify >= TLS_VERIFY_OPTIONAL)
		tls__trust_begin(gen, ctx, opts, is_listener);
	if (set_versions(ctx, opts, def, err) < 0 ||
	    set_ciphers(ctx, opts, def, err) < 0 ||
	    set_groups(ctx, opts, def, err) < 0 ||
	    (is_listener && set_dh(ctx, g, err) < 0) ||
	    set_verify(ctx, opts, is_listener, err) < 0) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	if (is_listener) {
		tls__session_use(ctx, g, opts);
		tls__early_use(ctx, gen, opts);
	}
	return ctx;
}
