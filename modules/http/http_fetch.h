/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * http_fetch.h - the families of fetches of heads and bodies.
 *
 * Each family is a file; what it brings stands in http_fetch_more.def, which
 * the module's one table includes.
 */
#ifndef HTTP_FETCH_H
#define HTTP_FETCH_H

#include <tideway/expr.h>

#define HTTP_FETCH(name) TW_GET_FN(tw__fetch_##name)

/* http_fetch_cookie.c */
HTTP_FETCH(req_cook);
HTTP_FETCH(req_cook_cnt);
HTTP_FETCH(req_cook_val);
HTTP_FETCH(req_cook_names);
HTTP_FETCH(res_cook);
HTTP_FETCH(res_cook_cnt);
HTTP_FETCH(res_cook_val);
HTTP_FETCH(res_cook_names);
/* http_fetch_url.c */
HTTP_FETCH(url_ip);
HTTP_FETCH(url_port);
HTTP_FETCH(url_param);
HTTP_FETCH(url_param_val);
HTTP_FETCH(base32);
HTTP_FETCH(base32_src);
HTTP_FETCH(url32);
HTTP_FETCH(url32_src);
/* http_fetch_head.c */
HTTP_FETCH(req_hdrs);
HTTP_FETCH(req_hdrs_bin);
HTTP_FETCH(req_hdr_names);
HTTP_FETCH(res_hdrs);
HTTP_FETCH(res_hdrs_bin);
HTTP_FETCH(res_hdr_names);
/* http_fetch_auth.c */
HTTP_FETCH(auth_type);
HTTP_FETCH(auth_user);
HTTP_FETCH(auth_pass);
HTTP_FETCH(auth_bearer);
/* http_fetch_body.c */
HTTP_FETCH(req_body);
HTTP_FETCH(req_body_len);
HTTP_FETCH(req_body_size);
HTTP_FETCH(req_body_param);
HTTP_FETCH(res_body);
HTTP_FETCH(res_body_len);
HTTP_FETCH(res_body_size);

/* A list "a=1&b=2" while it is read. */
struct http_params {
	struct tw_str left;
	char delim; /* besides '&' and ';' */
};

/** http_params_next - the next of that name (empty: of any). out: value. */
bool http_params_next(struct http_params *ps, struct tw_str name, struct tw_str *value);

/* Where the item of a list ends that begins at p: at a `delim` that is not quoted. */
static inline const char *
http_item_end(const char *p, const char *end, char delim)
{
	bool quoted = false;

	for (; p < end; p++) {
		if (quoted && *p == '\\' && p + 1 < end)
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == delim && !quoted)
			break;
	}
	return p;
}

/* The number that text begins with, 0: none; too large ones are the largest. */
static inline int64_t
http_number(struct tw_str s)
{
	const bool minus = s.len > 0 && s.p[0] == '-';
	int64_t n = 0;

	for (size_t i = minus; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, s.p[i] - '0', &n))
			return minus ? INT64_MIN : INT64_MAX;
	return minus ? -n : n;
}

#endif
