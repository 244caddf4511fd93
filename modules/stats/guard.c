/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * guard.c - an admin action must come from our own page.
 *
 * Browsers say where a request comes from (Origin, Sec-Fetch-Site, Referer):
 * another site is refused. A browser must also bring the token that only the
 * page itself shows, bound to this process. Scripts (curl) that send none
 * of these fields are no browsers, and go on to work as with HAProxy: no
 * page can make a browser leave them all out. source: the Fetch standard;
 * SipHash by Aumasson and Bernstein, 2012.
 */
#include <stdio.h>
#include <sys/random.h>

#include "st.h"

static uint64_t secret[2]; /* set once, at load */

#define ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] = ROTL(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] = ROTL(v[2], 32);
}

/* SipHash-2-4. in: tweak, makes a second, independent hash. */
static uint64_t
sip_hash(const char *p, size_t len, uint64_t tweak)
{
	const uint64_t k0 = secret[0] ^ tweak, k1 = secret[1];
	uint64_t v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };

	for (size_t at = 0; at <= len; at += 8) {
		uint64_t m = 0;

		for (size_t i = at; i < at + 8 && i < len; i++)
			m |= (uint64_t)(unsigned char)p[i] << (i - at) * 8;
		if (at + 8 > len)
			m |= (uint64_t)len << 56;
		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

int
st_guard_init(struct tw_err *err)
{
	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return tw_err_errno(err,
		    "cannot get random bytes for the secret of "
		    "the statistics page");
	return 0;
}

void
st_guard_token(const char *proxy, char token[33])
{
	const size_t len = strlen(proxy);

	snprintf(token, 33, "%016llx%016llx",
	    (unsigned long long)sip_hash(proxy, len, 0),
	    (unsigned long long)sip_hash(proxy, len, 0x5bd1e995));
}

void
st_nonce(char nonce[33])
{
	uint64_t r[2];

	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r))
		r[0] = secret[0] ^ tw_now_us(), r[1] = secret[1] + tw_now_us();
	snprintf(nonce, 33, "%016llx%016llx", (unsigned long long)r[0],
	    (unsigned long long)r[1]);
}

/* "http://host:port/..." names this request's Host? */
static bool
is_same_site(struct tw_str url, struct tw_str host)
{
	const char *p = memmem(url.p, url.len, "://", 3);

	if (p == NULL)
		return false;
	p += 3;
	size_t len = (size_t)(url.p + url.len - p);
	const char *slash = memchr(p, '/', len);
	if (slash != NULL)
		len = (size_t)(slash - p);
	return len > 0 && tw_str_ieq((struct tw_str){ p, len }, host);
}

/* A field that names the page that a request comes from. returns: 1: ours,
 * 0: not there, -1: another's. */
static int
field_verdict(struct tw_msg *msg, struct tw_str name)
{
	struct tw_hdr *h = tw_msg_find(msg, name, NULL);

	if (h == NULL)
		return 0;
	return is_same_site(tw_hdr_value(h), msg->host) ? 1 : -1;
}

static int
fetch_verdict(struct tw_msg *msg)
{
	struct tw_hdr *h = tw_msg_find(msg, TW_STR("sec-fetch-site"), NULL);

	if (h == NULL)
		return 0;
	return tw_str_eq(tw_hdr_value(h), TW_STR("same-origin")) ||
		tw_str_eq(tw_hdr_value(h), TW_STR("none"))
	    ? 1
	    : -1;
}

static bool
is_browser(struct tw_msg *msg)
{
	struct tw_hdr *h = tw_msg_find(msg, TW_STR("user-agent"), NULL);

	return h != NULL && tw_str_has_prefix(tw_hdr_value(h), TW_STR("Mozilla/"));
}

bool
st_guard_passes(struct tw_msg *msg, const char *proxy, struct tw_str token)
{
	const int origin = field_verdict(msg, TW_STR("origin"));
	const int referer = field_verdict(msg, TW_STR("referer"));
	const int site = fetch_verdict(msg);
	char want[33];
	unsigned char diff = token.len != 32;

	if (origin < 0 || referer < 0 || site < 0)
		return false;
	if (origin == 0 && referer == 0 && site == 0 && !is_browser(msg))
		return true;
	st_guard_token(proxy, want);
	for (size_t i = 0; i < 32 && i < token.len; i++)
		diff |= (unsigned char)(token.p[i] ^ want[i]);
	return diff == 0;
}
