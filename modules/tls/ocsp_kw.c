/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp_kw.c - what the global section says about OCSP (ocsp_kw.def).
 */
#include <string.h>

#include "ocsp.h"
#include "ocsp_http.h"

int
tls_set_delay(struct tw_line *ln)
{
	struct tls_ocsp_conf *const c = &((struct tls_gen *)ln->state)->ocsp;
	const bool is_max = strstr(ln->kw->word, "maxdelay") != NULL;
	uint32_t *const to = is_max ? &c->max_s : &c->min_s;
	struct tw_err err;
	uint32_t ms;

	if (tw_parse_ms(tw_arg(ln, 0), 1000000, &ms, &err) < 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	if (ms < 1000)
		return tw_line_fail(ln, 0, "'%s' is at least one second", ln->kw->word);
	*to = ms / 1000;
	return 0;
}

int
tls__ocsp_check(struct tw_gen *gen)
{
	const struct tls_ocsp_conf *const c = &tls_gen_of(gen)->ocsp;
	const uint32_t min = c->min_s != 0 ? c->min_s : TLS_OCSP_MIN_S;
	const uint32_t max = c->max_s != 0 ? c->max_s : TLS_OCSP_MAX_S;

	if (min <= max)
		return 0;
	return tw_gen_fail(gen, NULL, 0,
	    "'ocsp-update.mindelay' (%u) is more than 'ocsp-update.maxdelay' (%u)", min,
	    max);
}

int
tls_set_http_proxy(struct tw_line *ln)
{
	const char **const to = (const char **)((char *)ln->state + ln->kw->offset);
	struct tls_url url;
	struct tw_err err;

	*to = tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	if (tls__url_parse(*to, false, &url, &err) < 0)
		return tw_line_fail(ln, 0, "%s: write <address>[:port]", err.text);
	return 0;
}
