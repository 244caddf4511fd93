/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * opts_kw.c - protocol options, on lines and in `global`.
 *
 * source: HAProxy's manual, 3.2, 5.1 and 5.2. Control thread.
 */
#include <unistd.h>

#include <openssl/x509_vfy.h>

#include "ctl_trust.h"
#include "opts_kw.h"

static const struct {
	const char *word;
	int version;
} version_words[] = {
	{ "SSLv3", SSL3_VERSION },
	{ "TLSv1.0", TLS1_VERSION },
	{ "TLSv1.1", TLS1_1_VERSION },
	{ "TLSv1.2", TLS1_2_VERSION },
	{ "TLSv1.3", TLS1_3_VERSION },
};

/* Options that are a word alone, on lines and in ssl-default-bind-options. */
static const struct {
	const char *word;
	uint8_t no_version;
	int force;
	size_t flag; /* offset of a bool; 0: none */
} words[] = {
	{ "no-sslv3", TLS_NO_SSL3, 0, 0 },
	{ "no-tlsv10", TLS_NO_10, 0, 0 },
	{ "no-tlsv11", TLS_NO_11, 0, 0 },
	{ "no-tlsv12", TLS_NO_12, 0, 0 },
	{ "no-tlsv13", TLS_NO_13, 0, 0 },
	{ "force-sslv3", 0, SSL3_VERSION, 0 },
	{ "force-tlsv10", 0, TLS1_VERSION, 0 },
	{ "force-tlsv11", 0, TLS1_1_VERSION, 0 },
	{ "force-tlsv12", 0, TLS1_2_VERSION, 0 },
	{ "force-tlsv13", 0, TLS1_3_VERSION, 0 },
	{ "no-tls-tickets", 0, 0, offsetof(struct tls_opts, no_tickets) },
	{ "prefer-client-ciphers", 0, 0,
	    offsetof(struct tls_opts, prefer_client_ciphers) },
	{ "strict-sni", 0, 0, offsetof(struct tls_opts, strict_sni) },
	{ "no-alpn", 0, 0, offsetof(struct tls_opts, no_alpn) },
	{ "no-ca-names", 0, 0, offsetof(struct tls_opts, no_ca_names) },
	{ "no-strict-sni", 0, 0, offsetof(struct tls_opts, no_strict_sni) },
};

#define N_WORDS (TW_N_ELEMENTS(words))

static int
version_of(struct tw_line *ln, int i, const char *word, int *version)
{
	for (size_t k = 0; k < TW_N_ELEMENTS(version_words); k++) {
		if (word == NULL || strcmp(word, version_words[k].word) != 0)
			continue;
		*version = version_words[k].version;
		if (*version == SSL3_VERSION)
			return tw_line_fail(
			    ln, i, "SSLv3 is not supported by the SSL library");
		return 0;
	}
	return tw_line_fail(ln, i,
	    "'%s' : unknown version '%s'; expected TLSv1.0, TLSv1.1, TLSv1.2 or "
	    "TLSv1.3",
	    ln->kw->word, word != NULL ? word : "");
}

static int
word_apply(struct tw_line *ln, int at, struct tls_opts *o, size_t i)
{
	if (words[i].force == SSL3_VERSION)
		return tw_line_fail(
		    ln, at, "SSLv3 is not supported by the SSL library");
	if (words[i].force != 0)
		o->min_ver = o->max_ver = words[i].force;
	o->no_versions |= words[i].no_version;
	if (words[i].flag != 0)
		*(bool *)((char *)o + words[i].flag) = true;
	return 0;
}

int
tls_set_word(struct tw_line *ln)
{
	for (size_t i = 0; i < N_WORDS; i++)
		if (strcmp(ln->kw->word, words[i].word) == 0)
			return word_apply(ln, -1, ln->state, i);
	return tw_line_fail(ln, -1, "'%s' is not an option of TLS", ln->kw->word);
}

int
tls_set_version(struct tw_line *ln)
{
	return version_of(
	    ln, 0, tw_arg(ln, 0), (int *)((char *)ln->state + ln->kw->offset));
}

/* `ssl-min-ver V` takes two words. returns: words taken; -1. */
static int
option_take(struct tw_line *ln, struct tls_opts *o, int i)
{
	const char *const word = tw_arg(ln, i);

	if (strcmp(word, "ssl-min-ver") == 0)
		return version_of(ln, i + 1, tw_arg(ln, i + 1), &o->min_ver) < 0 ? -1
										 : 2;
	if (strcmp(word, "ssl-max-ver") == 0)
		return version_of(ln, i + 1, tw_arg(ln, i + 1), &o->max_ver) < 0 ? -1
										 : 2;
	for (size_t k = 0; k < N_WORDS - 3; k++) /* the last are for lines only */
		if (strcmp(word, words[k].word) == 0)
			return word_apply(ln, i, o, k) < 0 ? -1 : 1;
	return tw_line_fail(
	    ln, i, "unknown option '%s' on global statement '%s'", word, ln->kw->word);
}

int
tls_set_options(struct tw_line *ln)
{
	struct tls_opts *const o =
	    (struct tls_opts *)((char *)ln->state + ln->kw->offset);

	for (int i = 0; i < ln->n_args;) {
		const int n = option_take(ln, o, i);

		if (n < 0)
			return -1;
		i += n;
	}
	return 0;
}

int
tls_set_verify(struct tw_line *ln)
{
	static const char *const names[] = { "none", "optional", "required" };
	struct tls_opts *const o = ln->state;

	for (int i = 0; i < 3; i++) {
		if (strcmp(tw_arg(ln, 0), names[i]) != 0 ||
		    (i == 1 && ln->scope == TW_SC_SERVER))
			continue;
		o->verify = (uint8_t)(TLS_VERIFY_NONE + i);
		return 0;
	}
	return tw_line_fail(ln, 0,
	    "'%s' : unknown verify method '%s', only 'none'%s 'required' are supported",
	    ln->kw->word, tw_arg(ln, 0),
	    ln->scope == TW_SC_SERVER ? " and" : ", 'optional', and");
}

/* "h2,http/1.1" becomes each with its length before it. */
int
tls_set_alpn(struct tw_line *ln)
{
	struct tls_opts *const o = ln->state;
	const char *word = tw_arg(ln, 0);
	const size_t len = strlen(word);
	char *const wire = tw_arena_alloc(tw_gen_arena(ln->gen), len + 2);
	uint32_t n = 0;

	for (;; word++) {
		const size_t part = strcspn(word, ",");

		if (part == 0 && word[0] == '\0')
			break;
		if (part == 0)
			return tw_line_fail(ln, 0,
			    "'%s' : empty protocol name not allowed", ln->kw->word);
		if (part > 255)
			return tw_line_fail(
			    ln, 0, "'%s' : protocol name too long", ln->kw->word);
		wire[n++] = (char)part;
		memcpy(wire + n, word, part);
		n += (uint32_t)part;
		word += part;
		if (*word == '\0')
			break;
	}
	wire[n] = '\0';
	o->alpn = wire;
	o->alpn_len = n;
	o->no_alpn = false;
	return 0;
}

int
tls_set_npn(struct tw_line *ln)
{
	return tw_line_fail(ln, -1,
	    "'npn' : NPN is obsolete and not supported by the SSL library; use "
	    "'alpn'");
}

/* "all", or numbers and names of X509_V_ERR_*. */
static int
ignore_add(struct tw_line *ln, struct tls_errset *set, char *word)
{
	uint64_t code = 0;
	struct tw_err err;

	if (strcmp(word, "all") == 0) {
		set->bits[0] = set->bits[1] = UINT64_MAX;
		return 0;
	}
	const int known = tls__x509_code(word);
	if (known > 0)
		code = (uint64_t)known;
	else if (tw_parse_uint(word, 1, 127, &code, &err) < 0)
		return tw_line_fail(ln, 0,
		    "'%s' : error code '%s' out of range (1..127), or a name that is "
		    "not known",
		    ln->kw->word, word);
	set->bits[code / 64] |= UINT64_C(1) << (code % 64);
	return 0;
}

int
tls_set_ignore(struct tw_line *ln)
{
	struct tls_errset *const set =
	    (struct tls_errset *)((char *)ln->state + ln->kw->offset);
	char *save, *list = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));

	for (char *word = strtok_r(list, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save))
		if (ignore_add(ln, set, word) < 0)
			return -1;
	return 0;
}

static int
file_set(struct tw_line *ln, const char *file)
{
	if (file[0] != '@' && access(file, R_OK) != 0 &&
	    !tls__ca_is_live(ln->gen, file))
		return tw_line_fail(
		    ln, 0, "'%s' : unable to load %s", ln->kw->word, file);
	*(const char **)((char *)ln->state + ln->kw->offset) = file;
	return 0;
}

const char *
tls__line_file(struct tw_line *ln, const char *base)
{
	return tls__file(ln->gen, base != NULL ? base : tw_line_dir(ln),
	    tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0)));
}

int
tls_set_ca(struct tw_line *ln)
{
	return file_set(ln, tls__line_file(ln, tls_gen_of(ln->gen)->ca_base));
}

int
tls_set_gen_file(struct tw_line *ln)
{
	return file_set(ln, tls__line_file(ln, NULL));
}

int
tls_set_base(struct tw_line *ln)
{
	const char **const base = (const char **)((char *)ln->state + ln->kw->offset);

	if (*base != NULL)
		return tw_line_fail(ln, -1, "'%s' already specified.", ln->kw->word);
	*base = tls__line_file(ln, NULL);
	return 0;
}

int
tls_set_on_off(struct tw_line *ln)
{
	const char *const word = tw_arg(ln, 0);
	bool *const to = (bool *)((char *)ln->state + ln->kw->offset);

	if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
		return tw_line_fail(
		    ln, 0, "'%s' expects 'on' or 'off', not '%s'", ln->kw->word, word);
	*to = word[1] == 'n';
	return 0;
}

/* 'auto', or the other word. */
static int
set_auto_or(struct tw_line *ln, const char *other, bool *is_other)
{
	const char *const word = tw_arg(ln, 0);

	*is_other = strcmp(word, other) == 0;
	if (*is_other || strcmp(word, "auto") == 0)
		return 0;
	return tw_line_fail(
	    ln, 0, "'%s' expects 'auto' or '%s', not '%s'", ln->kw->word, other, word);
}

int
tls_set_compression(struct tw_line *ln)
{
	struct tls_gen *const g = ln->state;

	return set_auto_or(ln, "off", &g->plain_certs);
}

int
tls_set_record_layer(struct tw_line *ln)
{
	struct tls_gen *const g = ln->state;

	return set_auto_or(ln, "openssl", &g->openssl_records);
}

int
tls_set_cachesize(struct tw_line *ln)
{
	struct tls_gen *const g = ln->state;
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0), 0, INT32_MAX - 1, &n, &err) < 0)
		return tw_line_fail(ln, 0, "'%s' : %s", ln->kw->word, err.text);
	g->cachesize = (uint32_t)n + 1;
	return 0;
}

int
tls_set_lifetime(struct tw_line *ln)
{
	struct tls_gen *const g = ln->state;
	struct tw_err err;
	uint32_t ms;

	if (tw_parse_ms(tw_arg(ln, 0), 1000000, &ms, &err) < 0 || ms < 1000)
		return tw_line_fail(ln, 0,
		    "'%s' expects a time of at least one second, such as 300s",
		    ln->kw->word);
	g->lifetime_s = ms / 1000;
	return 0;
}

int
tls_set_dh(struct tw_line *ln)
{
	struct tls_gen *const g = ln->state;

	if (tw_set_uint(ln) < 0)
		return -1;
	if (g->default_dh < 1024)
		return tw_line_fail(
		    ln, 0, "'%s' expects a value >= 1024.", ln->kw->word);
	return 0;
}
