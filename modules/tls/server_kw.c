/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_kw.c - TLS options that only servers have, and their defaults.
 *
 * source: HAProxy's manual, 3.1 and 5.2. Control thread.
 */
#include <tideway/expr.h>

#include "opts_kw.h"
#include "server_kw.h"

int
tls_server_set_ssl(struct tw_line *ln)
{
	struct tls_server *const ts = ln->state;

	ts->opts.ssl = ts->offered = true;
	return 0;
}

/* What default-server has said before can still be switched on later. */
int
tls_server_set_no_ssl(struct tw_line *ln)
{
	struct tls_server *const ts = ln->state;

	ts->opts.ssl = false;
	return 0;
}

int
tls_server_set_crt(struct tw_line *ln)
{
	struct tls_server *const ts = ln->state;

	ts->crt = tls__line_file(ln, tls_gen_of(ln->gen)->crt_base);
	return 0;
}

int
tls_server_set_sni(struct tw_line *ln)
{
	struct tls_server *const ts = ln->state;

	ts->sni = tw_expr_compile(
	    ln, 0, tw_arg(ln, 0), TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY);
	return ts->sni != NULL ? 0 : -1;
}

int
tls_server_clear(struct tw_line *ln)
{
	*(bool *)((char *)ln->state + ln->kw->offset) = false;
	return 0;
}

/* Those of default-server and of `global`. */
int
tls_server_set_tickets(struct tw_line *ln)
{
	struct tls_server *const ts = ln->state;

	ts->tickets = true;
	ts->opts.no_tickets = false;
	return 0;
}

int
tls_server_no_verifyhost(struct tw_line *ln)
{
	struct tls_server *const ts = ln->state;

	ts->verifyhost = NULL;
	return 0;
}

int
tls_server_set_verify(struct tw_line *ln)
{
	struct tls_gen *const g = ln->state;
	const char *const word = tw_arg(ln, 0);

	if (strcmp(word, "none") != 0 && strcmp(word, "required") != 0)
		return tw_line_fail(ln, 0,
		    "'%s' expects 'none' or 'required' as argument, not '%s'",
		    ln->kw->word, word);
	g->server.verify = word[0] == 'n' ? TLS_VERIFY_NONE : TLS_VERIFY_REQUIRED;
	return 0;
}

int
tls_server_set_options(struct tw_line *ln)
{
	static const char *const of_binds[] = { "prefer-client-ciphers", "strict-sni",
		NULL };

	for (int i = 0; i < ln->n_args; i++)
		if (tw_is_one_of(tw_arg(ln, i), of_binds))
			return tw_line_fail(ln, i,
			    "unknown option '%s' on global statement '%s'",
			    tw_arg(ln, i), ln->kw->word);
	return tls_set_options(ln);
}
