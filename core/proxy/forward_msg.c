/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * forward_msg.c - syslog messages taken apart and put together.
 *
 * Anybody may send anything: what does not look like a header is text, and
 * bytes that would end a line are shown as #XX. Pure functions.
 * source: RFC 3164 section 4.1, RFC 5424 section 6, RFC 6587 section 3.4.
 */
#include "config.h"

#include <time.h>

#include "proxy/forward.h"

#define LEGACY_TIME 15  /* "Nov 22 10:00:00" */
#define ISO_TIME_MIN 19 /* "2026-11-22T10:00:00" */
#define LENGTH_DIGITS 6 /* of an octet count */
#define US_PER_S 1000000u

static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
	"Aug", "Sep", "Oct", "Nov", "Dec" };

/* ---- taking apart ------------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
skip(struct tw_str *s, size_t n)
{
	s->p += n;
	s->len -= n;
}

/* "<134>" */
static bool
take_priority(struct tw_str *s, struct tw__syslog *m)
{
	unsigned n = 0;
	size_t i = 1;

	if (s->len < 3 || s->p[0] != '<')
		return false;
	while (i < s->len && i < 4 && is_digit(s->p[i]))
		n = n * 10 + (unsigned)(s->p[i++] - '0');
	if (i == 1 || i == s->len || s->p[i] != '>' || n > 191)
		return false;
	m->has_priority = true;
	m->facility = (uint8_t)(n / 8);
	m->level = (uint8_t)(n % 8);
	skip(s, i + 1);
	return true;
}

/* Up to the next blank; that is taken, too. */
static struct tw_str
take_word(struct tw_str *s)
{
	const char *const sp = s->len > 0 ? memchr(s->p, ' ', s->len) : NULL;
	const struct tw_str word = { s->p, sp != NULL ? (size_t)(sp - s->p) : s->len };

	skip(s, sp != NULL ? word.len + 1 : word.len);
	return word;
}

static struct tw_str
no_dash(struct tw_str s)
{
	return s.len == 1 && s.p[0] == '-' ? (struct tw_str){ NULL, 0 } : s;
}

/* "[a b=\"c\"][d]" or "-". returns: false: it is neither. */
static bool
take_data(struct tw_str *s, struct tw_str *data)
{
	size_t i = 0;
	bool quoted = false, open = false;

	if (s->len > 0 && s->p[0] == '-' && (s->len == 1 || s->p[1] == ' ')) {
		skip(s, s->len == 1 ? 1 : 2);
		return true;
	}
	for (; i < s->len && (open || s->p[i] == '['); i++) {
		if (quoted && s->p[i] == '\\')
			i++;
		else if (open && s->p[i] == '"')
			quoted = !quoted;
		else if (!open)
			open = true;
		else if (!quoted && s->p[i] == ']')
			open = false;
	}
	if (i == 0 || i > s->len || open || (i < s->len && s->p[i] != ' '))
		return false;
	*data = (struct tw_str){ s->p, i };
	skip(s, i < s->len ? i + 1 : i);
	return true;
}

/* Behind "<pri>": "1 TIME HOST APP PID MSGID SD TEXT". */
static bool
take_5424(struct tw_str s, struct tw__syslog *m)
{
	struct tw__syslog t = *m;

	if (s.len < 2 || s.p[0] != '1' || s.p[1] != ' ')
		return false;
	skip(&s, 2);
	t.time = no_dash(take_word(&s));
	t.host = no_dash(take_word(&s));
	t.tag = no_dash(take_word(&s));
	t.pid = no_dash(take_word(&s));
	t.msgid = no_dash(take_word(&s));
	if (!take_data(&s, &t.sd))
		return false;
	t.format = TW__LOG_RFC5424;
	t.text = s;
	*m = t;
	return true;
}

static bool
is_legacy_time(struct tw_str s)
{
	static const char form[] = "aaa xd dd:dd:dd";

	if (s.len < LEGACY_TIME)
		return false;
	for (int i = 0; i < LEGACY_TIME; i++) {
		const char c = s.p[i];
		const bool ok = form[i] == 'a' ? (c | 32) >= 'a' && (c | 32) <= 'z'
		    : form[i] == 'd'           ? is_digit(c)
		    : form[i] == 'x'           ? c == ' ' || is_digit(c)
					       : c == form[i];
		if (!ok)
			return false;
	}
	return s.len == LEGACY_TIME || s.p[LEGACY_TIME] == ' ';
}

/* "tag[pid]:" or "tag:" at the beginning. */
static bool
take_tag(struct tw_str *s, struct tw__syslog *m)
{
	size_t i = 0, pid;

	while (i < s->len && s->p[i] > ' ' && s->p[i] != '[' && s->p[i] != ':')
		i++;
	const struct tw_str tag = { s->p, i };
	pid = i;
	if (i < s->len && s->p[i] == '[') {
		const char *const end = memchr(s->p + i, ']', s->len - i);
		if (end == NULL)
			return false;
		pid = i + 1;
		i = (size_t)(end - s->p) + 1;
	}
	if (tag.len == 0 || i == s->len || s->p[i] != ':')
		return false;
	m->tag = tag;
	if (pid > tag.len)
		m->pid = (struct tw_str){ s->p + pid, i - 1 - pid };
	skip(s, i + 1);
	if (s->len > 0 && s->p[0] == ' ')
		skip(s, 1);
	return true;
}

/* Behind "<pri>": "Nov 22 10:00:00 [HOST] TAG[PID]: TEXT". */
static void
take_3164(struct tw_str s, struct tw__syslog *m)
{
	m->format = m->has_priority ? TW__LOG_PRIORITY : TW__LOG_RAW;
	m->text = s;
	if (!m->has_priority || !is_legacy_time(s))
		return;
	m->time = (struct tw_str){ s.p, LEGACY_TIME };
	skip(&s, s.len > LEGACY_TIME ? LEGACY_TIME + 1 : LEGACY_TIME);
	m->format = TW__LOG_LOCAL;
	m->text = s;
	if (take_tag(&s, m)) {
		m->text = s;
		return;
	}
	const struct tw_str host = take_word(&s);
	m->format = TW__LOG_RFC3164;
	m->host = host;
	take_tag(&s, m);
	m->text = s;
}

void
tw__syslog_parse(struct tw_str bytes, struct tw__syslog *m)
{
	*m = (struct tw__syslog){ .level = TW_INFO };
	while (bytes.len > 0 &&
	    (bytes.p[bytes.len - 1] == '\n' || bytes.p[bytes.len - 1] == '\r' ||
		bytes.p[bytes.len - 1] == '\0'))
		bytes.len--;
	if (!take_priority(&bytes, m) || !take_5424(bytes, m))
		take_3164(bytes, m);
}

void
tw__syslog_host(struct tw__syslog *m, enum tw__forward_host how,
    const struct tw_addr *from, char mem[TW__HOST_BYTES])
{
	struct tw_out o = tw_out_of(mem, TW__HOST_BYTES);
	const bool none = m->host.len == 0 || tw_str_eq(m->host, TW_STR("-"));

	if (how == TW__HOST_KEEP || (how == TW__HOST_FILL && !none) ||
	    (from->family != AF_INET && from->family != AF_INET6))
		return;
	if (how == TW__HOST_APPEND && !none) {
		tw_out_str(&o, m->host);
		tw_out_char(&o, ',');
	}
	tw_addr_out(&o, from);
	m->host = (struct tw_str){ mem, (size_t)(o.p - mem) };
}

/* ---- putting together --------------------------------------------------- */

static void
put_safe(struct tw_out *o, struct tw_str s)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len && !o->over; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		if (c < 0x20 && c != '\t')
			tw_out_mem(o,
			    (const char[3]){ '#', digits[c >> 4], digits[c & 15] }, 3);
		else
			tw_out_char(o, s.p[i]);
	}
}

static void
put_or_dash(struct tw_out *o, struct tw_str s)
{
	if (s.len == 0)
		tw_out_char(o, '-');
	else
		put_safe(o, s);
	tw_out_char(o, ' ');
}

static void
now_tm(uint64_t now_us, struct tm *tm)
{
	const time_t t = (time_t)(now_us / US_PER_S);

	localtime_r(&t, tm);
}

/* "Nov 22 10:00:00" as "2026-11-22T10:00:00-00:00": this year's, its zone
 * unknown (RFC 3339, 4.3). returns: false: it is none. */
static bool
put_legacy_as_iso(struct tw_out *o, struct tw_str t, uint64_t now_us)
{
	struct tm tm;

	if (t.len != LEGACY_TIME)
		return false;
	for (int i = 0; i < 12; i++) {
		if (strncasecmp(t.p, months[i], 3) != 0)
			continue;
		now_tm(now_us, &tm);
		tw_out_printf(o, "%04d-%02d-%c%cT", tm.tm_year + 1900, i + 1,
		    t.p[4] == ' ' ? '0' : t.p[4], t.p[5]);
		put_safe(o, (struct tw_str){ t.p + 7, 8 });
		tw_out_lit(o, "-00:00");
		return true;
	}
	return false;
}

static void
put_iso(struct tw_out *o, const struct tw__syslog *m, uint64_t now_us)
{
	char text[40], zone[8];
	struct tm tm;

	if (m->time.len >= ISO_TIME_MIN) {
		put_safe(o, m->time);
	} else if (!put_legacy_as_iso(o, m->time, now_us)) { /* ours */
		now_tm(now_us, &tm);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
		strftime(zone, sizeof(zone), "%z", &tm);
		tw_out_printf(o, "%s.%06u%.3s:%.2s", text,
		    (unsigned)(now_us % US_PER_S), zone, zone + 3);
	}
	tw_out_char(o, ' ');
}

/* "2026-11-22T10:00:00" as "Nov 22 10:00:00". */
static bool
put_iso_as_legacy(struct tw_out *o, struct tw_str t)
{
	if (t.len < ISO_TIME_MIN || t.p[4] != '-' || t.p[7] != '-' || t.p[10] != 'T' ||
	    !is_digit(t.p[5]) || !is_digit(t.p[6]) || !is_digit(t.p[8]) ||
	    !is_digit(t.p[9]))
		return false;
	const int month = (t.p[5] - '0') * 10 + t.p[6] - '0';
	if (month < 1 || month > 12)
		return false;
	tw_out_mem(o, months[month - 1], 3);
	tw_out_char(o, ' ');
	tw_out_char(o, t.p[8] == '0' ? ' ' : t.p[8]);
	tw_out_char(o, t.p[9]);
	tw_out_char(o, ' ');
	put_safe(o, (struct tw_str){ t.p + 11, 8 });
	return true;
}

static void
put_legacy(struct tw_out *o, const struct tw__syslog *m, uint64_t now_us)
{
	struct tm tm;

	if (m->time.len == LEGACY_TIME) {
		put_safe(o, m->time);
	} else if (!put_iso_as_legacy(o, m->time)) {
		now_tm(now_us, &tm);
		tw_out_printf(o, "%s %2d %02d:%02d:%02d", months[tm.tm_mon], tm.tm_mday,
		    tm.tm_hour, tm.tm_min, tm.tm_sec);
	}
	tw_out_char(o, ' ');
}

static void
put_tag(struct tw_out *o, const struct tw__syslog *m)
{
	if (m->tag.len == 0)
		return;
	put_safe(o, m->tag);
	if (m->pid.len > 0) {
		tw_out_char(o, '[');
		put_safe(o, m->pid);
		tw_out_char(o, ']');
	}
	tw_out_lit(o, ": ");
}

static void
put_level(struct tw_out *o, unsigned n)
{
	tw_out_char(o, '<');
	tw_out_u64(o, n);
	tw_out_char(o, '>');
}

void
tw__syslog_out(struct tw_out *o, const struct tw__syslog *m,
    const struct tw__logger *lg, uint64_t now_us)
{
	const unsigned format = lg->format == TW__LOG_DEFAULT ? m->format : lg->format;
	const unsigned level = m->level < lg->min_level ? lg->min_level : m->level;
	const unsigned facility = m->has_priority ? m->facility : lg->facility;

	if (format == TW__LOG_SHORT || format == TW__LOG_TIMED)
		put_level(o, level);
	else if (format != TW__LOG_RAW && format != TW__LOG_ISO)
		put_level(o, facility * 8 + level);
	switch ((enum tw__log_format)format) {
	case TW__LOG_RFC5424:
		tw_out_lit(o, "1 ");
		put_iso(o, m, now_us);
		put_or_dash(o, m->host);
		put_or_dash(o, m->tag);
		put_or_dash(o, m->pid);
		put_or_dash(o, m->msgid);
		put_or_dash(o, m->sd);
		break;
	case TW__LOG_TIMED:
	case TW__LOG_ISO:
		put_iso(o, m, now_us);
		break;
	case TW__LOG_RFC3164:
		put_legacy(o, m, now_us);
		put_safe(o, m->host.len > 0 ? m->host : TW_STR("localhost"));
		tw_out_char(o, ' ');
		put_tag(o, m);
		break;
	case TW__LOG_LOCAL:
		put_legacy(o, m, now_us);
		put_tag(o, m);
		break;
	default:
		break;
	}
	put_safe(o, m->text);
}

/* ---- streams ------------------------------------------------------------ */

int
tw__syslog_frame(struct tw_str in, bool always_lines, struct tw_str *msg, size_t *used)
{
	size_t len = 0, i = 0;

	if (in.len == 0)
		return 0;
	if (always_lines || !is_digit(in.p[0]) || in.p[0] == '0') {
		const char *const nl = memchr(in.p, '\n', in.len);
		if (nl == NULL)
			return in.len > TW__LOG_LEN_MAX ? -1 : 0;
		*msg = (struct tw_str){ in.p, (size_t)(nl - in.p) };
		*used = msg->len + 1;
		return msg->len > TW__LOG_LEN_MAX ? -1 : 1;
	}
	while (i < in.len && i < LENGTH_DIGITS && is_digit(in.p[i]))
		len = len * 10 + (size_t)(in.p[i++] - '0');
	if (i == in.len && i < LENGTH_DIGITS)
		return 0;
	if (i == in.len || in.p[i] != ' ' || len > TW__LOG_LEN_MAX)
		return -1;
	if (in.len - i - 1 < len)
		return 0;
	*msg = (struct tw_str){ in.p + i + 1, len };
	*used = i + 1 + len;
	return 1;
}
