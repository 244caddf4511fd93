/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * auth.c - `stats auth`: basic authentication.
 *
 * Every configured login is compared, in time that does not depend on where
 * they differ. Pure. source: RFC 7617, RFC 4648.
 */
#include "st.h"

#define LOGIN_MAX 512

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int
st_base64(struct tw_str in, unsigned char *out, size_t size)
{
	uint32_t bits = 0;
	size_t n = 0;
	int n_bits = 0;

	if (in.len > 0 && in.len % 4 == 0)
		for (int pad = 0; pad < 2 && in.p[in.len - 1] == '='; pad++)
			in.len--;
	for (size_t i = 0; i < in.len; i++) {
		const int d = base64_digit(in.p[i]);

		if (d < 0)
			return -1;
		bits = bits << 6 | (uint32_t)d;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		if (n == size)
			return -1;
		n_bits -= 8;
		out[n++] = (unsigned char)(bits >> n_bits);
	}
	return n_bits == 6 ? -1 : (int)n;
}

/* "Basic", in any case, and one or more blanks. returns: what follows. */
static struct tw_str
credentials(struct tw_str field)
{
	static const struct tw_str basic = { "basic ", 6 };

	if (field.len < basic.len || strncasecmp(field.p, basic.p, basic.len) != 0)
		return (struct tw_str){ NULL, 0 };
	return tw_str_trim(
	    (struct tw_str){ field.p + basic.len, field.len - basic.len });
}

static bool
is_same(struct tw_str a, struct tw_str b)
{
	volatile unsigned char diff = a.len != b.len;

	for (size_t i = 0; i < a.len; i++)
		diff |= (unsigned char)(a.p[i] ^ (b.len ? b.p[i % b.len] : 0));
	return diff == 0;
}

bool
st_auth_passes(const struct st_user *users, struct tw_str field)
{
	unsigned char login[LOGIN_MAX];
	const struct tw_str cred = credentials(field);
	bool passes = false;

	if (users == NULL)
		return true;
	const int len = cred.len > 0 ? st_base64(cred, login, sizeof(login)) : -1;
	if (len <= 0)
		return false;
	for (; users != NULL; users = users->next)
		passes |= is_same(
		    (struct tw_str){ (char *)login, (size_t)len }, users->login);
	return passes;
}

void
st_auth_user(struct tw_str field, char name[64])
{
	unsigned char login[LOGIN_MAX];
	const struct tw_str cred = credentials(field);
	const int len = cred.len > 0 ? st_base64(cred, login, sizeof(login)) : -1;
	int n = 0;

	for (int i = 0; i < len && n < 63 && login[i] != ':'; i++)
		name[n++] = login[i] > ' ' && login[i] < 0x7f ? (char)login[i] : '?';
	name[n] = '\0';
}
