/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_warn.c - settings of this module in proxies that are not in mode http.
 *
 * They are accepted and do nothing; HAProxy says so, in these words. Control
 * thread, when all files are read.
 */
#include "http.h"

/* As messages call it. */
static const char *
kind_of(const struct tw_proxy *px)
{
	if (!tw_proxy_has(px, TW_FRONTEND))
		return "backend";
	return tw_proxy_has(px, TW_BACKEND) ? "proxy" : "frontend";
}

void
tw__http_warn_mode(
    struct tw_gen *gen, const struct tw_proxy *px, const struct http_proxy *conf)
{
	const bool is_backend = tw_proxy_has(px, TW_BACKEND);
	const struct {
		const char *name;
		bool on;
	} settings[] = {
		{ "'option forwardfor'", conf->forward.on },
		{ "'option originalto'", conf->originalto.on },
		{ "'option forwarded'", conf->opt.forwarded != NULL && is_backend },
		{ "'option checkcache'", conf->opt.checkcache && is_backend },
		{ "'option http-buffer-request'", conf->opt.buffer_request },
		{ "'capture' statement", tw__http_captures_cookie(conf) },
	};
	int line;
	const char *const file = tw_proxy_where(px, &line);

	if (tw_proxy_mode(px) == TW_MODE_HTTP)
		return;
	for (size_t i = 0; i < TW_N_ELEMENTS(settings); i++)
		if (settings[i].on)
			tw_gen_warn(gen, file, line,
			    "%s ignored for %s '%s' as it requires HTTP mode.",
			    settings[i].name, kind_of(px), tw_proxy_name(px));
}
