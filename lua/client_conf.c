/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * client_conf.c - keywords httpclient.*.
 *
 * source: HAProxy's manual, 3.1. Control thread or start-up.
 */
#include "net.h"

#include <limits.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/stat.h>

static struct lu_client_conf *
conf_of(struct tw_gen *gen)
{
	struct lu_conf *const conf = lu_conf_of(gen);

	if (conf->client == NULL)
		conf->client =
		    tw_arena_zalloc(tw_gen_arena(gen), sizeof(*conf->client));
	return conf->client;
}

int
lu_client_set_disabled(struct tw_line *ln)
{
	const char *const word = tw_arg(ln, 0);

	if (word == NULL || strcmp(word, "on") == 0)
		conf_of(ln->gen)->no_resolvers = true;
	else if (strcmp(word, "off") == 0)
		conf_of(ln->gen)->no_resolvers = false;
	else
		return tw_line_fail(
		    ln, 0, "'%s' expects 'on' or 'off', not '%s'", ln->kw->word, word);
	return 0;
}

int
lu_client_set_id(struct tw_line *ln)
{
	struct lu_client_conf *const c = conf_of(ln->gen);

	c->resolvers_id = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	c->file_id = ln->file;
	c->line_id = ln->number;
	return 0;
}

int
lu_client_set_prefer(struct tw_line *ln)
{
	const char *const word = tw_arg(ln, 0);

	if (strcmp(word, "ipv4") != 0 && strcmp(word, "ipv6") != 0)
		return tw_line_fail(ln, 0, "'%s' expects 'ipv4' or 'ipv6', not '%s'",
		    ln->kw->word, word);
	conf_of(ln->gen)->v4_first = word[3] == '4';
	return 0;
}

int
lu_client_set_retries(struct tw_line *ln)
{
	struct lu_client_conf *const c = conf_of(ln->gen);
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), 0, 100, &n, &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	c->has_retries = true;
	c->retries = (uint32_t)n;
	return 0;
}

int
lu_client_set_ca_file(struct tw_line *ln)
{
	struct lu_client_conf *const c = conf_of(ln->gen);

	c->ca_file = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	c->file_ca = ln->file;
	c->line_ca = ln->number;
	return 0;
}

int
lu_client_set_verify(struct tw_line *ln)
{
	const char *const word = tw_arg(ln, 0);

	if (word != NULL && strcmp(word, "none") != 0 && strcmp(word, "required") != 0)
		return tw_line_fail(ln, 0,
		    "'%s' expects 'none' or 'required', not '%s'", ln->kw->word, word);
	conf_of(ln->gen)->no_verify = word != NULL && word[0] == 'n';
	return 0;
}

int
lu_client_set_connect(struct tw_line *ln)
{
	struct tw_err err;
	uint32_t ms;

	if (tw_parse_ms(tw_arg(ln, 0), 1000, &ms, &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	conf_of(ln->gen)->connect_ms = ms;
	return 0;
}

/* ---- after all files are read ------------------------------------------------------------ */

static bool
load_ca(SSL_CTX *ctx, const char *path)
{
	struct stat st;

	if (path == NULL || strcmp(path, "@system-ca") == 0)
		return SSL_CTX_set_default_verify_paths(ctx) == 1;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return SSL_CTX_load_verify_dir(ctx, path) == 1;
	return SSL_CTX_load_verify_file(ctx, path) == 1;
}

/* returns: owned; NULL: err says why. */
static SSL_CTX *
tls_make(const struct lu_client_conf *c, struct tw_err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL) {
		tw_err_set(err, "out of memory");
		return NULL;
	}
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_verify(ctx, c->no_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (!c->no_verify && !load_ca(ctx, c->ca_file)) {
		const char *const why = ERR_reason_error_string(ERR_peek_last_error());
		tw_err_set(err, "%s", why != NULL ? why : "none in it");
		ERR_clear_error();
		SSL_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

int
lu_client_check(struct tw_gen *gen)
{
	const struct lu_client_conf *const c = lu_conf_of(gen)->client;
	struct tw_err err;

	if (c == NULL)
		return 0;
	if (c->resolvers_id != NULL && tw_gen_nameservers(gen, c->resolvers_id) == NULL)
		return tw_gen_fail(gen, c->file_id, c->line_id,
		    "'httpclient.resolvers.id': there is no section 'resolvers %s'",
		    c->resolvers_id);
	if (c->ca_file == NULL || c->no_verify)
		return 0;
	SSL_CTX *const ctx = tls_make(c, &err);
	if (ctx == NULL)
		return tw_gen_fail(gen, c->file_ca, c->line_ca,
		    "'httpclient.ssl.ca-file': cannot read certificates from '%s': %s",
		    c->ca_file, err.text);
	SSL_CTX_free(ctx);
	return 0;
}

void
lu_client_start(struct tw_gen *gen)
{
	struct tw_err err;

	if (lu_conf_of(gen)->units != NULL) /* NULL: https is refused, with a reason */
		conf_of(gen)->tls = tls_make(conf_of(gen), &err);
}

void
lu_client_stop(struct tw_gen *gen)
{
	struct lu_client_conf *const c = lu_conf_of(gen)->client;

	if (c != NULL)
		SSL_CTX_free(c->tls);
	if (c != NULL)
		c->tls = NULL;
}
