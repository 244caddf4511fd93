/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * msg.c - message heads: finding, adding, changing and deleting fields.
 *
 * A field is never moved: deleting marks it, adding appends. first[] lets the
 * fields that the program itself looks at be found without a search; it holds
 * index + 1, so that a zeroed message is an empty one. Field names and methods
 * become ids through a table that is filled before main() and never changes.
 * Any thread. RFC 9110.
 */
#include "config.h"

#include <tideway/assert.h>
#include <tideway/msg.h>

#define ID_SLOTS 128

static const struct tw_str hdr_names[TW_N_HDR_IDS] = {
	[TW_H_OTHER] = { "", 0 },
#define X(id, text) [TW_H_##id] = { text, sizeof(text) - 1 },
#include <tideway/headers.def>
#undef X
};

/* Filled once by slots_fill(): the first id of a slot, the next one behind
 * each id. */
static uint8_t slots[ID_SLOTS];
static uint8_t slot_next[TW_N_HDR_IDS];

static inline unsigned
slot_of(const char *p, size_t len)
{
	const unsigned first = (unsigned char)p[0] | 0x20u;
	const unsigned last = (unsigned char)p[len - 1] | 0x20u;

	return ((unsigned)len * 11 + first * 5 + last) % ID_SLOTS;
}

__attribute__((constructor)) static void
slots_fill(void)
{
	for (unsigned id = TW_N_HDR_IDS - 1; id > TW_H_OTHER; id--) {
		const unsigned s = slot_of(hdr_names[id].p, hdr_names[id].len);

		slot_next[id] = slots[s];
		slots[s] = (uint8_t)id;
	}
}

static inline uint64_t
load8_lower(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v | UINT64_C(0x2020202020202020);
}

static inline uint32_t
load4_lower(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v | 0x20202020u;
}

/* Both are `len` long. Setting bit 5 folds the case of letters; '-' and digits
 * have it already, and no other character of a token becomes one of those. */
static bool
name_eq(const char *a, const char *b, size_t len)
{
	if (len >= 8) {
		for (size_t i = 0; i + 8 < len; i += 8) {
			if (load8_lower(a + i) != load8_lower(b + i))
				return false;
		}
		return load8_lower(a + len - 8) == load8_lower(b + len - 8);
	}
	if (len >= 4) {
		return load4_lower(a) == load4_lower(b) &&
		    load4_lower(a + len - 4) == load4_lower(b + len - 4);
	}
	return strncasecmp(a, b, len) == 0;
}

enum tw_hdr_id
tw_hdr_id(struct tw_str name)
{
	if (name.len == 0)
		return TW_H_OTHER;
	for (unsigned id = slots[slot_of(name.p, name.len)]; id != 0;
	     id = slot_next[id]) {
		if (hdr_names[id].len == name.len &&
		    name_eq(name.p, hdr_names[id].p, name.len))
			return (enum tw_hdr_id)id;
	}
	return TW_H_OTHER;
}

enum tw_method
tw_method_of(struct tw_str token)
{
	static const struct tw_str names[] = {
		[TW_M_OTHER] = { "", 0 },
#define X(name) [TW_M_##name] = { #name, sizeof(#name) - 1 },
#include <tideway/methods.def>
#undef X
	};

	for (size_t i = 1; i < TW_N_ELEMENTS(names); i++) {
		if (token.len == names[i].len && token.p[0] == names[i].p[0] &&
		    memcmp(token.p, names[i].p, token.len) == 0)
			return (enum tw_method)i;
	}
	return TW_M_OTHER;
}

/* The first live field of `id` at index `i` or behind it. */
static struct tw_hdr *
field_from(struct tw_msg *msg, unsigned i, unsigned id)
{
	for (; i < msg->n_hdr; i++) {
		struct tw_hdr *h = &msg->hdr[i];

		if (h->id == id && !(h->flags & TW_HDR_DELETED))
			return h;
	}
	return NULL;
}

struct tw_hdr *
tw_msg_first(struct tw_msg *msg, enum tw_hdr_id id)
{
	TW_ASSERT(id > TW_H_OTHER && id < TW_N_HDR_IDS);
	return msg->first[id] != 0 ? &msg->hdr[msg->first[id] - 1] : NULL;
}

struct tw_hdr *
tw_msg_next(struct tw_msg *msg, struct tw_hdr *after)
{
	return field_from(msg, (unsigned)(after - msg->hdr) + 1, after->id);
}

struct tw_hdr *
tw_msg_find(struct tw_msg *msg, struct tw_str name, struct tw_hdr *after)
{
	const unsigned id = tw_hdr_id(name);
	unsigned i = after ? (unsigned)(after - msg->hdr) + 1 : 0;

	if (id != TW_H_OTHER) {
		if (msg->first[id] == 0)
			return NULL;
		if (!after)
			return &msg->hdr[msg->first[id] - 1];
		return field_from(msg, i, id);
	}
	for (; i < msg->n_hdr; i++) {
		struct tw_hdr *h = field_from(msg, i, TW_H_OTHER);

		if (!h)
			return NULL;
		if (h->name_len == name.len &&
		    strncasecmp(h->name, name.p, name.len) == 0)
			return h;
		i = (unsigned)(h - msg->hdr);
	}
	return NULL;
}

int
tw_msg_add(struct tw_msg *msg, struct tw_str name, struct tw_str value)
{
	if (msg->n_hdr >= TW_MAX_HDR || name.len == 0 || name.len > UINT16_MAX ||
	    value.len > UINT32_MAX)
		return -1;
	const enum tw_hdr_id id = tw_hdr_id(name);

	msg->hdr[msg->n_hdr++] = (struct tw_hdr){
		.name = name.p,
		.value = value.len > 0 ? value.p : "",
		.value_len = (uint32_t)value.len,
		.name_len = (uint16_t)name.len,
		.id = (uint8_t)id,
		.flags = TW_HDR_ADDED,
	};
	if (id != TW_H_OTHER && msg->first[id] == 0)
		msg->first[id] = msg->n_hdr;
	msg->flags |= TW_MSG_EDITED;
	return 0;
}

void
tw_msg_set_value(struct tw_msg *msg, struct tw_hdr *h, struct tw_str value)
{
	TW_ASSERT(value.len <= UINT32_MAX);
	h->value = value.len > 0 ? value.p : "";
	h->value_len = (uint32_t)value.len;
	h->flags |= TW_HDR_ADDED;
	msg->flags |= TW_MSG_EDITED;
}

void
tw_msg_del(struct tw_msg *msg, struct tw_hdr *h)
{
	const unsigned i = (unsigned)(h - msg->hdr);

	TW_ASSERT(i < msg->n_hdr);
	h->flags |= TW_HDR_DELETED;
	msg->flags |= TW_MSG_EDITED;
	if (h->id != TW_H_OTHER && msg->first[h->id] == i + 1) {
		const struct tw_hdr *next = field_from(msg, i + 1, h->id);

		msg->first[h->id] = next ? (uint16_t)(next - msg->hdr + 1) : 0;
	}
}

void
tw_msg_set_target(struct tw_msg *msg, struct tw_str target)
{
	msg->target = target;
	msg->flags |= TW_MSG_EDITED;
}

/* Where the path begins: at the first slash behind the authority. Neither "*"
 * nor the target of CONNECT has one. */
static struct tw_str
path_and_query(const struct tw_msg *msg)
{
	const struct tw_str t = msg->target;
	struct tw_uri uri;

	if (t.len == 0 || t.p[0] == '/')
		return t;
	if (msg->method == TW_M_CONNECT || !tw_uri_split(t, &uri))
		return (struct tw_str){ t.p + t.len, 0 };
	return uri.pathq;
}

struct tw_str
tw_msg_path(const struct tw_msg *msg)
{
	struct tw_str s = path_and_query(msg);
	const char *q = s.len > 0 ? memchr(s.p, '?', s.len) : NULL;

	if (q)
		s.len = (size_t)(q - s.p);
	return s;
}

struct tw_str
tw_msg_query(const struct tw_msg *msg)
{
	const struct tw_str s = path_and_query(msg);
	const char *q = s.len > 0 ? memchr(s.p, '?', s.len) : NULL;

	if (!q)
		return (struct tw_str){ NULL, 0 };
	return (struct tw_str){ q + 1, (size_t)(s.p + s.len - q - 1) };
}

/* RFC 9110 section 15 and the registry it founded. */
static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 100, "Continue" },
	{ 101, "Switching Protocols" },
	{ 102, "Processing" },
	{ 103, "Early Hints" },
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 203, "Non-Authoritative Information" },
	{ 204, "No Content" },
	{ 205, "Reset Content" },
	{ 206, "Partial Content" },
	{ 207, "Multi-Status" },
	{ 208, "Already Reported" },
	{ 226, "IM Used" },
	{ 300, "Multiple Choices" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 305, "Use Proxy" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 402, "Payment Required" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 407, "Proxy Authentication Required" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" },
	{ 417, "Expectation Failed" },
	{ 421, "Misdirected Request" },
	{ 422, "Unprocessable Content" },
	{ 423, "Locked" },
	{ 424, "Failed Dependency" },
	{ 425, "Too Early" },
	{ 426, "Upgrade Required" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 451, "Unavailable For Legal Reasons" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 506, "Variant Also Negotiates" },
	{ 507, "Insufficient Storage" },
	{ 508, "Loop Detected" },
	{ 511, "Network Authentication Required" },
};

const char *
tw_status_reason(int status)
{
	static const char *const classes[] = { "Informational", "Success",
		"Redirection", "Client Error", "Server Error" };

	for (size_t i = 0; i < TW_N_ELEMENTS(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return status >= 100 && status <= 599 ? classes[status / 100 - 1] : "Other";
}
