/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * logtext.c - text in log lines.
 *
 * What peers sent must neither end a line nor look like two fields: control
 * and non-ASCII bytes, '"' and '#' become #XX, as HAProxy does. The scan goes
 * eight bytes at a time, because nearly all text has nothing to escape. Text
 * that does not fit is cut, never overruns. Any worker, request path.
 * source: HAProxy's manual, 8.6 and 8.2.6 (flags); RFC 5424 section 6.3.3.
 */
#include "config.h"

#include "expr/expr_int.h"

#define BYTES(b) ((uint64_t)(b)*0x0101010101010101u)
#define HIGH BYTES(0x80)

/* Does one of the bytes need escaping? */
static inline bool
is_special8(uint64_t w)
{
	const uint64_t low = (w - BYTES(0x20)) & ~w; /* < 0x20 */
	const uint64_t del = w ^ BYTES(0x7f);
	const uint64_t mark = (w ^ BYTES(0x22)) & BYTES(0xfe); /* '"' and '#' */

	return ((w | low | ((del - BYTES(1)) & ~del) | ((mark - BYTES(1)) & ~mark)) &
		   HIGH) != 0;
}

static inline bool
is_special(unsigned char c)
{
	return c < 0x20 || c >= 0x7f || c == '"' || c == '#';
}

static inline size_t
plain_prefix(const char *p, size_t len)
{
	size_t i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t w;
		memcpy(&w, p + i, 8);
		if (is_special8(w))
			break;
	}
	while (i < len && !is_special((unsigned char)p[i]))
		i++;
	return i;
}

/* As much as there is room for. */
static void
put_cut(struct tw_out *o, const char *p, size_t len)
{
	const size_t room = (size_t)(o->end - o->p);

	if (TW_UNLIKELY(len > room)) {
		o->over = true;
		len = room;
	}
	if (len > 0)
		memcpy(o->p, p, len);
	o->p += len;
}

static void
put_hex(struct tw_out *o, unsigned char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char three[3] = { '#', digits[c >> 4], digits[c & 15] };

	tw_out_mem(o, three, 3);
}

static bool
is_escaped(char c)
{
	return c == '"' || c == '\\' || c == ']';
}

void
tw_log_text(struct tw_out *o, struct tw_str s, unsigned flags)
{
	if (TW_UNLIKELY(flags & TW__LOG_VERBATIM)) {
		put_cut(o, s.p, s.len);
		return;
	}
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
	while (s.len > 0 && !o->over) {
		const size_t n = plain_prefix(s.p, s.len);
		if (!(flags & TW_LOG_ESCAPE))
			put_cut(o, s.p, n);
		for (size_t i = 0; (flags & TW_LOG_ESCAPE) && i < n; i++) {
			if (is_escaped(s.p[i]))
				tw_out_char(o, '\\');
			tw_out_char(o, s.p[i]);
		}
		s = (struct tw_str){ s.p + n, s.len - n };
		if (s.len == 0 || o->over)
			break;
		put_hex(o, (unsigned char)*s.p);
		s = (struct tw_str){ s.p + 1, s.len - 1 };
	}
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
}

void
tw__log_header(struct tw_out *o, struct tw_str s, unsigned flags)
{
	if (flags & TW__LOG_VERBATIM) {
		put_cut(o, s.p, s.len);
		return;
	}
	for (size_t i = 0; i < s.len && !o->over; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		if (is_special(c) || c == '{' || c == '|' || c == '}')
			put_hex(o, c);
		else if ((flags & TW_LOG_ESCAPE) && is_escaped(s.p[i]))
			tw_out_mem(o, (const char[2]){ '\\', s.p[i] }, 2);
		else
			tw_out_char(o, s.p[i]);
	}
}

/* Bytes that would break the line's framing, whatever the text. */
static bool
is_control(char c)
{
	return (unsigned char)c < 0x20 && c != '\t';
}

/* How many bytes go out as they are. */
static size_t
word_prefix(struct tw_str s, unsigned flags)
{
	const bool escape = (flags & TW_LOG_ESCAPE) != 0;
	size_t i = 0;

	while (i < s.len && !is_control(s.p[i]) && !(escape && is_escaped(s.p[i])))
		i++;
	return i;
}

void
tw__log_word(struct tw_out *o, struct tw_str s, unsigned flags)
{
	if (TW_UNLIKELY(flags & TW__LOG_VERBATIM)) {
		put_cut(o, s.p, s.len);
		return;
	}
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
	else if (s.len == 0 && (flags & TW_LOG_MANDATORY))
		tw_out_char(o, '-');
	while (s.len > 0 && !o->over) {
		const size_t n = word_prefix(s, flags);
		put_cut(o, s.p, n);
		s = (struct tw_str){ s.p + n, s.len - n };
		if (s.len == 0)
			break;
		if (is_control(*s.p)) {
			put_hex(o, (unsigned char)*s.p);
		} else {
			tw_out_char(o, '\\');
			tw_out_char(o, *s.p);
		}
		s = (struct tw_str){ s.p + 1, s.len - 1 };
	}
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
}

void
tw_log_word(struct tw_out *o, struct tw_str s, unsigned flags)
{
	tw__log_word(o, s, flags);
}
