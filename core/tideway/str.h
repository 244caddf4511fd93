/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * str.h - slices of text, and a bounded writer.
 *
 * A struct tw_str borrows bytes; whoever stores one says how long it is
 * valid. A struct tw_out writes into memory of a fixed size and remembers
 * that something did not fit instead of overrunning. Both are plain values.
 */
#ifndef TIDEWAY_STR_H
#define TIDEWAY_STR_H

#include <string.h>
#include <strings.h>

#include <tideway/abi.h>

struct tw_str {
	const char *p; /* borrow: not NUL-terminated; NULL only when len == 0 */
	size_t len;
};

#define TW_STR(lit) ((struct tw_str){ (lit), sizeof(lit) - 1 })
#define TW_STR_FMT(s) (int)(s).len, (s).p

static inline struct tw_str
tw_str_of(const char *z)
{
	return (struct tw_str){ z, z ? strlen(z) : 0 };
}

static inline bool
tw_str_eq(struct tw_str a, struct tw_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* ASCII case is ignored. */
static inline bool
tw_str_ieq(struct tw_str a, struct tw_str b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp(a.p, b.p, a.len) == 0);
}

static inline bool
tw_str_has_prefix(struct tw_str s, struct tw_str prefix)
{
	return s.len >= prefix.len && memcmp(s.p, prefix.p, prefix.len) == 0;
}

/** tw_str_trim - the slice without leading and trailing blanks and tabs. */
TW_API struct tw_str tw_str_trim(struct tw_str s);

/** tw_str_to_u64 - the decimal number that is all of `s`. errors: false when
 * empty, not digits only, or above UINT64_MAX. */
TW_API bool tw_str_to_u64(struct tw_str s, uint64_t *out);
/** tw_ipv4_leading - four numbers with dots between, zeros may lead. out: ip, in the
 * order written. returns: bytes of it; 0: it does not begin with an address. */
TW_API size_t tw_ipv4_leading(struct tw_str s, uint8_t ip[4]);

/* A bounded writer. `over` is set once something did not fit; what was
 * written until then is whole up to `p`. */
struct tw_out {
	char *p;   /* next byte to write */
	char *end; /* one past the last byte that may be written */
	bool over;
};

static inline struct tw_out
tw_out_of(char *mem, size_t size)
{
	return (struct tw_out){ mem, mem + size, false };
}

static inline void
tw_out_mem(struct tw_out *o, const void *p, size_t len)
{
	if (TW_UNLIKELY((size_t)(o->end - o->p) < len)) {
		o->over = true;
		return;
	}
	if (len > 0) /* an empty slice may have no address */
		memcpy(o->p, p, len);
	o->p += len;
}

static inline void
tw_out_str(struct tw_out *o, struct tw_str s)
{
	tw_out_mem(o, s.p, s.len);
}

#define tw_out_lit(o, lit) tw_out_mem((o), (lit), sizeof(lit) - 1)

static inline void
tw_out_char(struct tw_out *o, char c)
{
	if (TW_UNLIKELY(o->p == o->end))
		o->over = true;
	else
		*o->p++ = c;
}

/** tw_is_one_of - in: list, ended by NULL. */
static inline bool
tw_is_one_of(const char *word, const char *const *list)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

/** tw_out_u64 / tw_out_i64 - decimal digits. */
TW_API void tw_out_u64(struct tw_out *o, uint64_t v);
TW_API void tw_out_i64(struct tw_out *o, int64_t v);

/** tw_out_printf - printf; off the request path. */
TW_API void tw_out_printf(struct tw_out *o, const char *fmt, ...)
    TW_PRINTF(2, 3);

#endif
