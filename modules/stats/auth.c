/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * auth.c - `stats auth`: basic authentication.
 *
 * Every configured login is compared, in time that does not depend on where
 * they differ. Pure. source: RFC 7617, RFC 4648.
 */
#include <tideway/encode.h>

#include "st.h"

#define LOGIN_MAX 512

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
	char login[LOGIN_MAX];
	struct tw_str user, password;
	bool passes = false;

	if (users == NULL)
		return true;
	if (!tw_basic_login(field, login, sizeof(login), &user, &password))
		return false;
	const struct tw_str both = { login, user.len + 1 + password.len };
	for (; users != NULL; users = users->next)
		passes |= is_same(both, users->login);
	return passes;
}

void
st_auth_user(struct tw_str field, char name[64])
{
	char login[LOGIN_MAX];
	struct tw_str user = { NULL, 0 }, password;
	size_t n = 0;

	if (!tw_basic_login(field, login, sizeof(login), &user, &password))
		user.len = 0;
	for (; n < user.len && n < 63; n++)
		name[n] = user.p[n] > ' ' && user.p[n] < 0x7f ? user.p[n] : '?';
	name[n] = '\0';
}
