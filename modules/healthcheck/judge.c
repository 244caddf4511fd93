/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * judge.c - answers of known protocols: good, bad, or not whole yet.
 *
 * Each looks at no more bytes than came, and says in the server's own words
 * what was wrong where the protocol has words for it. Pure; a peer's bytes.
 */
#include <ctype.h>
#include <stdio.h>

#include "hc.h"

static unsigned
byte(struct tw_str s, size_t i)
{
	return (unsigned char)s.p[i];
}

/* Words of a peer: printable ones, up to the first NUL or end of line. */
static void
say(struct tw_check_result *r, struct tw_str s)
{
	size_t n = 0;

	while (n < s.len && n < sizeof(r->text) - 1 && s.p[n] != '\0' &&
	    s.p[n] != '\r' && s.p[n] != '\n') {
		const bool plain = isprint((unsigned char)s.p[n]) && s.p[n] != '"';

		r->text[n] = plain ? s.p[n] : '?';
		n++;
	}
	r->text[n] = '\0';
}

static enum tw_io
bad(struct tw_check_result *r, enum tw_chk what, struct tw_str text)
{
	r->what = what;
	say(r, text);
	return TW_IO_ERR;
}

static struct tw_str
from(struct tw_str s, size_t at)
{
	return at < s.len ? (struct tw_str){ s.p + at, s.len - at }
			  : (struct tw_str){ "", 0 };
}

/* ---- MySQL ---- */

/* A packet: 3 bytes of length, its number, the payload. */
enum tw_io
hc_judge_mysql_packet(const struct hc_answer *a, struct tw_check_result *r)
{
	struct tw_str s = a->got;

	if (s.len < 5)
		return TW_IO_AGAIN;
	const size_t len = byte(s, 0) | byte(s, 1) << 8 | byte(s, 2) << 16;
	if (len == 0 || len > HC_ANSWER_MAX - 4)
		return bad(r, TW_CHK_L7RSP, TW_STR("no MySQL packet"));
	if (s.len < 4 + len)
		return TW_IO_AGAIN;
	s = (struct tw_str){ s.p + 4, len };
	if (byte(s, 0) != 0xff)
		return TW_IO_OK;
	if (s.len >= 3)
		r->status = (uint16_t)(byte(s, 1) | byte(s, 2) << 8);
	return bad(r, TW_CHK_L7STS, from(s, 3));
}

/* The handshake: protocol 9 or 10, then the version's name. */
enum tw_io
hc_judge_mysql_hello(const struct hc_answer *a, struct tw_check_result *r)
{
	const enum tw_io io = hc_judge_mysql_packet(a, r);

	if (io != TW_IO_OK)
		return io;
	if (byte(a->got, 4) != 10 && byte(a->got, 4) != 9)
		return bad(r, TW_CHK_L7RSP, TW_STR("no MySQL handshake"));
	return TW_IO_OK;
}

/* ---- PostgreSQL ---- */

/* 'R': a login is asked for, or not needed; 'E': an error, whose fields begin
 * with its severity. source: PostgreSQL's manual, 55.7 and 55.8. */
enum tw_io
hc_judge_pgsql(const struct hc_answer *a, struct tw_check_result *r)
{
	const struct tw_str s = a->got;

	if (s.len == 0)
		return TW_IO_AGAIN;
	if (byte(s, 0) != 'R' && byte(s, 0) != 'E')
		return bad(r, TW_CHK_L7STS, TW_STR("PostgreSQL unknown error"));
	if (s.len < 9)
		return TW_IO_AGAIN;
	const size_t len =
	    (size_t)byte(s, 1) << 24 | byte(s, 2) << 16 | byte(s, 3) << 8 | byte(s, 4);
	if (len < 8 || len > HC_ANSWER_MAX - 1)
		return bad(r, TW_CHK_L7STS, TW_STR("PostgreSQL unknown error"));
	if (s.len < 1 + len && !a->eof)
		return TW_IO_AGAIN;
	if (byte(s, 0) == 'E')
		return bad(r, TW_CHK_L7RSP, from(s, 6));
	say(r, TW_STR("PostgreSQL server is ok"));
	return TW_IO_OK;
}

/* ---- LDAP ---- */

/* The length at *i. source: ITU-T X.690, 8.1.3. */
static enum tw_io
ber_length(struct tw_str s, size_t *i, size_t *len)
{
	if (*i >= s.len)
		return TW_IO_AGAIN;
	unsigned n = byte(s, (*i)++);
	*len = n;
	if (n < 0x80)
		return TW_IO_OK;
	n &= 0x7f;
	if (n == 0 || n > 4)
		return TW_IO_ERR;
	if (*i + n > s.len)
		return TW_IO_AGAIN;
	for (*len = 0; n > 0; n--)
		*len = *len << 8 | byte(s, (*i)++);
	return *len <= HC_ANSWER_MAX ? TW_IO_OK : TW_IO_ERR;
}

/* A tag and its length. */
static enum tw_io
ber_head(struct tw_str s, size_t *i, unsigned tag, size_t *len)
{
	if (*i >= s.len)
		return TW_IO_AGAIN;
	if (byte(s, (*i)++) != tag)
		return TW_IO_ERR;
	return ber_length(s, i, len);
}

/* An integer or an enumeration of one to four bytes. */
static enum tw_io
ber_number(struct tw_str s, size_t *i, unsigned tag, unsigned *value)
{
	size_t len;
	enum tw_io io = ber_head(s, i, tag, &len);

	if (io != TW_IO_OK)
		return io;
	if (len == 0 || len > 4)
		return TW_IO_ERR;
	if (*i + len > s.len)
		return TW_IO_AGAIN;
	for (*value = 0; len > 0; len--)
		*value = *value << 8 | byte(s, (*i)++);
	return TW_IO_OK;
}

/* SEQUENCE { messageID, [APPLICATION 1] { resultCode ... } } */
static enum tw_io
ldap_code(struct tw_str s, unsigned *code)
{
	size_t i = 0, len;
	unsigned id;
	enum tw_io io = ber_head(s, &i, 0x30, &len);

	if (io == TW_IO_OK)
		io = ber_number(s, &i, 0x02, &id);
	if (io == TW_IO_OK)
		io = ber_head(s, &i, 0x61, &len);
	return io == TW_IO_OK ? ber_number(s, &i, 0x0a, code) : io;
}

enum tw_io
hc_judge_ldap(const struct hc_answer *a, struct tw_check_result *r)
{
	unsigned code = 0;
	const enum tw_io io = ldap_code(a->got, &code);

	if (io == TW_IO_ERR)
		return bad(r, TW_CHK_L7RSP, TW_STR("Not LDAPv3 protocol"));
	if (io != TW_IO_OK || code == 0)
		return io;
	r->status = (uint16_t)code;
	return bad(r, TW_CHK_L7STS,
	    TW_STR("See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9"));
}

/* ---- Redis ---- */

enum tw_io
hc_judge_redis(const struct hc_answer *a, struct tw_check_result *r)
{
	static const struct tw_str pong = { "+PONG\r\n", 7 };
	const struct tw_str s = a->got;
	const size_t n = s.len < pong.len ? s.len : pong.len;

	if (n == 0 || memcmp(s.p, pong.p, n) != 0) {
		/* an error is a line; who sends something else has to end it */
		if (n == 0 || (memchr(s.p, '\n', s.len) == NULL && !a->eof))
			return TW_IO_AGAIN;
		return bad(r, TW_CHK_L7STS, s);
	}
	if (n < pong.len)
		return TW_IO_AGAIN;
	say(r, TW_STR("Redis server is ok"));
	return TW_IO_OK;
}

/* ---- SSL ---- */

/* A handshake record, or an alert: who sends one speaks the protocol. */
enum tw_io
hc_judge_ssl(const struct hc_answer *a, struct tw_check_result *r)
{
	if (a->got.len == 0)
		return TW_IO_AGAIN;
	if (byte(a->got, 0) != 0x16 && byte(a->got, 0) != 0x15)
		return bad(r, TW_CHK_L6RSP, TW_STR("no SSL record"));
	return a->got.len < 5 ? TW_IO_AGAIN : TW_IO_OK;
}

/* ---- SPOP ---- */

/* AGENT-HELLO, or AGENT-DISCONNECT with its reason. source: the SPOE
 * specification, 3.2.5 and 3.2.9. */
enum tw_io
hc_judge_spop(const struct hc_answer *a, struct tw_check_result *r)
{
	const struct tw_str s = a->got;

	if (s.len < 5)
		return TW_IO_AGAIN;
	const size_t len =
	    (size_t)byte(s, 0) << 24 | byte(s, 1) << 16 | byte(s, 2) << 8 | byte(s, 3);
	if (len < 7 || len > HC_ANSWER_MAX - 4)
		return bad(r, TW_CHK_L7RSP, TW_STR("invalid frame received"));
	if (s.len < 4 + len && !a->eof)
		return TW_IO_AGAIN;
	if (byte(s, 4) == 0x66)
		return bad(r, TW_CHK_L7RSP, TW_STR("disconnected by the agent"));
	if (byte(s, 4) != 0x65)
		return bad(r, TW_CHK_L7RSP, TW_STR("unexpected frame received"));
	return TW_IO_OK;
}

/* ---- SMTP ---- */

/* The last line of a reply of one or more. source: RFC 5321, section 4.2.1. */
static enum tw_io
smtp_reply(struct tw_str s, unsigned *code, struct tw_str *text)
{
	for (;;) {
		const char *const nl = s.len > 0 ? memchr(s.p, '\n', s.len) : NULL;

		for (size_t i = 0; i < s.len && i < 3; i++)
			if (!isdigit(byte(s, i)))
				return TW_IO_ERR;
		if (nl == NULL)
			return TW_IO_AGAIN;
		if (nl - s.p < 3)
			return TW_IO_ERR;
		*code = (unsigned)((s.p[0] - '0') * 100 + (s.p[1] - '0') * 10 +
		    (s.p[2] - '0'));
		*text = from((struct tw_str){ s.p, (size_t)(nl - s.p) }, 4);
		if (s.p[3] != '-')
			return TW_IO_OK;
		s = from(s, (size_t)(nl - s.p) + 1);
	}
}

enum tw_io
hc_judge_smtp(const struct hc_answer *a, struct tw_check_result *r)
{
	struct tw_str text;
	unsigned code;
	const enum tw_io io = smtp_reply(a->got, &code, &text);

	if (io == TW_IO_ERR)
		return bad(r, TW_CHK_L7RSP, a->got);
	if (io == TW_IO_AGAIN)
		return io;
	r->status = (uint16_t)code;
	if (code / 100 != 2)
		return bad(r, TW_CHK_L7STS, text);
	say(r, text);
	return TW_IO_OK;
}
