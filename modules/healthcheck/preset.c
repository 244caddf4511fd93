/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * preset.c - checks of known protocols, as rules: what is sent, and who
 * judges the answer (judge.c).
 *
 * source: HAProxy's manual, option ldap-check, mysql-check, pgsql-check,
 * redis-check, smtpchk, spop-check, ssl-hello-chk; each protocol's own
 * specification where its bytes are.
 */
#include "kw.h"

/* A bind without a name, LDAPv3. source: RFC 4511, section 4.2. */
#define LDAP_BIND "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"

#define REDIS_PING "*1\r\n$4\r\nPING\r\n"

/* HAPROXY-HELLO with supported-versions 2.0, max-frame-size 16380, no
 * capabilities, healthcheck. source: the SPOE specification, 3.2.4. */
#define SPOP_HELLO                                     \
	"\x00\x00\x00\x4e\x01\x00\x00\x00\x01\x00\x00" \
	"\x12supported-versions\x08\x03"               \
	"2.0"                                          \
	"\x0emax-frame-size\x03\xfc\xf0\x06"           \
	"\x0c"                                         \
	"capabilities\x08\x00"                         \
	"\x0bhealthcheck\x11"

/* A ClientHello, SSLv3: version, random, no session, 39 cipher suites, no
 * compression. source: RFC 6101, section 5.6.1.2. */
#define SSL_HELLO                                                  \
	"\x16\x03\x00\x00\x79\x01\x00\x00\x75\x03\x00"             \
	"\x00\x00\x00\x00TIDEWAYSSLCHK\nTIDEWAYSSLCHK\n"           \
	"\x00\x00\x4e"                                             \
	"\x00\x01\x00\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07" \
	"\x00\x08\x00\x09\x00\x0a\x00\x0b\x00\x0c\x00\x0d\x00\x0e" \
	"\x00\x0f\x00\x10\x00\x11\x00\x12\x00\x13\x00\x14\x00\x15" \
	"\x00\x16\x00\x17\x00\x18\x00\x19\x00\x1a\x00\x1b\x00\x2f" \
	"\x00\x30\x00\x31\x00\x32\x00\x33\x00\x34\x00\x35\x00\x36" \
	"\x00\x37\x00\x38\x00\x39\x00\x3a\x01\x00"

/* The presets without arguments. */
static const struct {
	const char *word;
	struct tw_str bytes;
	hc_judge *judge;
} presets[] = {
	{ "ldap-check", { LDAP_BIND, sizeof(LDAP_BIND) - 1 }, hc_judge_ldap },
	{ "redis-check", { REDIS_PING, sizeof(REDIS_PING) - 1 }, hc_judge_redis },
	{ "spop-check", { SPOP_HELLO, sizeof(SPOP_HELLO) - 1 }, hc_judge_spop },
	{ "ssl-hello-chk", { SSL_HELLO, sizeof(SSL_HELLO) - 1 }, hc_judge_ssl },
};

struct hc_set *
hc_preset_begin(struct tw_line *ln)
{
	struct hc_proxy *const px = hc_conf_of_line(ln);

	px->kind = HC_PRESET;
	px->preset =
	    (struct hc_set){ .kind = HC_PRESET, .file = ln->file, .line = ln->number };
	return &px->preset;
}

void
hc_preset_send(struct tw_line *ln, struct hc_set *set, struct tw_str bytes)
{
	hc_rule_add(tw_gen_arena(ln->gen), set, HC_SEND, false)->u.send.data.s = bytes;
}

struct hc_expect *
hc_preset_expect(struct tw_line *ln, struct hc_set *set, hc_judge *judge)
{
	struct hc_expect *const e =
	    &hc_rule_add(tw_gen_arena(ln->gen), set, HC_EXPECT, false)->u.expect;

	e->match = HC_CUSTOM;
	e->judge = judge;
	return e;
}

int
hc_line_preset(struct tw_line *ln)
{
	struct hc_set *const set = hc_preset_begin(ln);

	for (size_t i = 0; i < TW_N_ELEMENTS(presets); i++) {
		if (strcmp(hc_type_of_line(ln), presets[i].word) != 0)
			continue;
		hc_preset_send(ln, set, presets[i].bytes);
		struct hc_expect *const e = hc_preset_expect(ln, set, presets[i].judge);
		if (presets[i].judge == hc_judge_ssl) {
			e->ok = TW_CHK_L6OK;
			e->tout = TW_CHK_L6TOUT;
		}
	}
	return 0;
}

/* A name that is sent: it must not begin another line. */
static int
name_check(struct tw_line *ln, int i)
{
	const char *const name = tw_arg(ln, i);

	if (strlen(name) > 255 || !hc_is_word(name))
		return tw_line_fail(ln, i,
		    "'%s' is no name to send: write up to 255 characters without "
		    "blanks",
		    name);
	return 0;
}

/* source: RFC 5321, sections 3.1, 4.1.1.1 and 4.1.1.10. */
int
hc_line_smtpchk(struct tw_line *ln)
{
	const char *const hello = tw_arg(ln, 0), *domain = tw_arg(ln, 1);
	const bool ehlo = hello != NULL && domain != NULL && strcmp(hello, "EHLO") == 0;
	struct hc_set *const set = hc_preset_begin(ln);

	if (domain != NULL && name_check(ln, 1) < 0)
		return -1;
	hc_preset_expect(ln, set, hc_judge_smtp);
	hc_preset_send(ln, set,
	    tw_str_of(tw_arena_printf(tw_gen_arena(ln->gen), "%s %s\r\n",
		ehlo ? "EHLO" : "HELO", domain != NULL ? domain : "localhost")));
	hc_preset_expect(ln, set, hc_judge_smtp);
	hc_preset_send(ln, set, TW_STR("QUIT\r\n"));
	hc_preset_expect(ln, set, hc_judge_smtp);
	return 0;
}

/* StartupMessage of protocol 3.0. source: PostgreSQL's manual, 55.7. */
int
hc_line_pgsql(struct tw_line *ln)
{
	const char *const user = tw_arg(ln, 1);
	struct hc_set *const set = hc_preset_begin(ln);

	if (user == NULL || strcmp(tw_arg(ln, 0), "user") != 0)
		return tw_line_fail(ln, ln->n_args > 0 ? 0 : -1,
		    "'%s' expects 'user <username>' as argument", ln->kw->word);
	if (name_check(ln, 1) < 0)
		return -1;
	const size_t len = 4 + 4 + 5 + strlen(user) + 1 + 1;
	char *const mem = tw_arena_zalloc(tw_gen_arena(ln->gen), len);
	mem[2] = (char)(len >> 8);
	mem[3] = (char)len;
	mem[5] = 3;
	memcpy(mem + 8, "user", 5);
	memcpy(mem + 13, user, strlen(user));
	hc_preset_send(ln, set, (struct tw_str){ mem, len });
	hc_preset_expect(ln, set, hc_judge_pgsql);
	return 0;
}

/* The handshake's answer, and a COM_QUIT. source: MySQL's internals manual,
 * Protocol::HandshakeResponse41 and HandshakeResponse320. */
static struct tw_str
mysql_login(struct tw_arena *arena, const char *user, bool pre41)
{
	static const char head41[] = "\x00\x82\x00\x00\x00\x80\x00\x01\x21";
	static const char head40[] = "\x00\x80\x00\x00\x01";
	const size_t n_user = strlen(user) + 1;
	const size_t n_head = pre41 ? 5 : 9 + 23;
	const size_t len = n_head + n_user + 1; /* no password */
	char *const mem = tw_arena_zalloc(arena, 4 + len + 5);

	mem[0] = (char)len;
	mem[1] = (char)(len >> 8);
	mem[3] = 1;
	memcpy(mem + 4, pre41 ? head40 : head41, pre41 ? 5 : 9);
	memcpy(mem + 4 + n_head, user, n_user);
	memcpy(mem + 4 + len, "\x01\x00\x00\x00\x01", 5);
	return (struct tw_str){ mem, 4 + len + 5 };
}

int
hc_line_mysql(struct tw_line *ln)
{
	const char *const user = tw_arg(ln, 1), *const age = tw_arg(ln, 2);
	struct hc_set *const set = hc_preset_begin(ln);

	hc_preset_expect(ln, set, hc_judge_mysql_hello);
	if (ln->n_args == 0)
		return 0;
	if (strcmp(tw_arg(ln, 0), "user") != 0)
		return tw_line_fail(ln, 0, "'%s' takes 'user <username>', not '%s'",
		    ln->kw->word, tw_arg(ln, 0));
	if (user == NULL)
		return tw_line_fail(
		    ln, 0, "'%s user' expects a username", ln->kw->word);
	if (name_check(ln, 1) < 0)
		return -1;
	if (age != NULL && strcmp(age, "post-41") != 0 && strcmp(age, "pre-41") != 0)
		return tw_line_fail(ln, 2,
		    "the username may be followed by 'post-41' or 'pre-41', not '%s'",
		    age);
	hc_preset_send(ln, set,
	    mysql_login(tw_gen_arena(ln->gen), user,
		age != NULL && strcmp(age, "pre-41") == 0));
	hc_preset_expect(ln, set, hc_judge_mysql_packet);
	return 0;
}
