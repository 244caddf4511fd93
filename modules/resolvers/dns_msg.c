/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * dns_msg.c - DNS messages: questions made, answers read.
 *
 * Why our own: what is needed is one question with three types of records,
 * answers of several name servers told apart and counted by kind of fault, and
 * nothing that is asked behind our back. The parser is strict where a peer
 * could harm: a compressed name may only point backwards, every length is
 * checked, an answer must repeat the question, and aliases are followed so
 * often and no more. source: RFC 1035 section 4, RFC 2782.
 */
#include <arpa/inet.h>

#include "modules/resolvers/dns_msg.h"

#define HEADER 12
#define T_CNAME 5
#define T_OPT 41
#define CLASS_IN 1
#define FLAG_ANSWER 0x8000u
#define FLAG_OPCODE 0x7800u
#define FLAG_TRUNCATED 0x0200u
#define MAX_ALIASES 16

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint8_t *
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

/* --- questions --- */

/* returns: behind the name; NULL: it is none. */
static uint8_t *
name_put(uint8_t *p, const char *host)
{
	const size_t all = strlen(host);

	if (all == 0 || all > 253)
		return NULL;
	for (;;) {
		const size_t len = strcspn(host, ".");

		if (len == 0 || len > 63)
			return NULL;
		*p++ = (uint8_t)len;
		memcpy(p, host, len);
		p += len;
		host += len;
		if (*host == '\0' || *++host == '\0') /* "a.b." is "a.b" */
			break;
	}
	*p++ = 0;
	return p;
}

bool
rs_name_is_ok(const char *host)
{
	uint8_t mem[RS_NAME_MAX + 2];

	return name_put(mem, host) != NULL;
}

size_t
rs_query_make(uint8_t out[RS_QUERY_MAX], const struct rs_question *q, uint16_t payload)
{
	uint8_t *p = out;

	p = put16(p, q->id);
	p = put16(p, 0x0100); /* recursion desired */
	p = put16(p, 1);
	p = put16(p, 0);
	p = put16(p, 0);
	p = put16(p, 1); /* OPT */
	p = name_put(p, q->host);
	if (p == NULL)
		return 0;
	p = put16(p, q->type);
	p = put16(p, CLASS_IN);
	*p++ = 0;
	p = put16(p, T_OPT);
	p = put16(p, payload);
	p = put16(p, 0);
	p = put16(p, 0);
	p = put16(p, 0);
	return (size_t)(p - out);
}

/* --- answers --- */

struct reader {
	const uint8_t *p;
	size_t len, at;
};

/* What a record begins with; `data` is where its own part does. */
struct record {
	char owner[RS_NAME_MAX];
	uint16_t type, class;
	size_t data, len;
};

static bool
label_put(char *out, size_t *n, const uint8_t *p, size_t len)
{
	if (*n + len + 2 > RS_NAME_MAX)
		return false;
	if (*n > 0)
		out[(*n)++] = '.';
	for (size_t i = 0; i < len; i++) {
		const uint8_t c = p[i];

		if (c <= ' ' || c == '.' || c >= 127)
			return false;
		out[(*n)++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return true;
}

/* A name, at `at`. Each pointer must lead to before where the last one did, so
 * that there is an end. returns: where it ends; 0: it is none. */
static size_t
name_get(const struct reader *in, size_t at, char out[RS_NAME_MAX])
{
	size_t end = 0, lowest = at, n = 0;

	while (at < in->len) {
		const uint8_t len = in->p[at];

		if (len == 0) {
			out[n] = '\0';
			return end != 0 ? end : at + 1;
		}
		if (len >= 0xc0) {
			if (at + 2 > in->len)
				return 0;
			if (end == 0)
				end = at + 2;
			at = be16(in->p + at) & 0x3fff;
			if (at < HEADER || at >= lowest)
				return 0;
			lowest = at;
			continue;
		}
		if (len > 63 || at + 1 + len > in->len ||
		    !label_put(out, &n, in->p + at + 1, len))
			return 0;
		at += 1 + (size_t)len;
	}
	return 0;
}

static bool
record_next(struct reader *in, struct record *rec)
{
	const size_t at = name_get(in, in->at, rec->owner);

	if (at == 0 || at + 10 > in->len)
		return false;
	rec->type = be16(in->p + at);
	rec->class = be16(in->p + at + 2);
	rec->len = be16(in->p + at + 8);
	rec->data = at + 10;
	in->at = rec->data + rec->len;
	return in->at <= in->len;
}

static bool
address_get(const struct reader *in, const struct record *rec, struct tw_addr *a)
{
	const bool v4 = rec->type == RS_A;

	if (rec->len != (v4 ? 4 : 16))
		return false;
	*a = (struct tw_addr){ .family = v4 ? AF_INET : AF_INET6 };
	memcpy(a->u.v6, in->p + rec->data, rec->len);
	return true;
}

/* A name that fills the rest of its record. */
static bool
target_get(const struct reader *in, const struct record *rec, size_t skip,
    char out[RS_NAME_MAX])
{
	return rec->len > skip &&
	    name_get(in, rec->data + skip, out) == rec->data + rec->len;
}

static bool
srv_get(const struct reader *in, const struct record *rec, struct rs_record *out)
{
	const uint8_t *p = in->p + rec->data;

	if (rec->len < 7)
		return false;
	out->priority = be16(p);
	out->weight = be16(p + 2);
	out->port = be16(p + 4);
	return target_get(in, rec, 6, out->target);
}

/* One record of the answer. returns: false: malformed. */
static bool
answer_take(const struct reader *in, const struct record *rec, uint16_t type,
    struct rs_records *out)
{
	struct rs_record *r = &out->r[out->n];

	if (out->n == RS_MAX_RECORDS)
		return true;
	*r = (struct rs_record){ .port = 0 };
	if (type == RS_SRV ? !srv_get(in, rec, r) : !address_get(in, rec, &r->addr))
		return false;
	/* "." says that there is no such service; nobody listens on port 0 */
	if (type != RS_SRV || (r->target[0] != '\0' && r->port != 0))
		out->n++;
	return true;
}

/* Follows aliases from the name that was asked for. out: name, the last one.
 * returns: false: malformed, or they go in circles. */
static bool
aliases_follow(
    const struct reader *answers, int n, char name[RS_NAME_MAX], struct rs_records *out)
{
	for (int hops = 0; hops <= MAX_ALIASES; hops++) {
		struct reader in = *answers;
		bool found = false;

		for (int i = 0; i < n && !found; i++) {
			struct record rec;

			if (!record_next(&in, &rec))
				return false;
			found = rec.type == T_CNAME && rec.class == CLASS_IN &&
			    strcmp(rec.owner, name) == 0;
			if (found && !target_get(&in, &rec, 0, name))
				return false;
		}
		if (!found)
			return true;
		out->alias = true;
	}
	return false;
}

/* Addresses of targets that the name server sent along. */
static void
additional_take(struct reader *in, int n, struct rs_records *out)
{
	for (int i = 0; i < n; i++) {
		struct record rec;
		struct tw_addr a;

		if (!record_next(in, &rec))
			return; /* the answer was whole */
		if (rec.class != CLASS_IN ||
		    (rec.type != RS_A && rec.type != RS_AAAA) ||
		    !address_get(in, &rec, &a))
			continue;
		for (int k = 0; k < out->n; k++) {
			struct rs_record *r = &out->r[k];

			if (r->addr.family == 0 && strcmp(r->target, rec.owner) == 0)
				r->addr = a;
		}
	}
}

static enum rs_answer
answers_read(
    struct reader *in, int n, const struct rs_question *q, struct rs_records *out)
{
	char name[RS_NAME_MAX];

	strcpy(name, q->host);
	if (name[0] != '\0' && name[strlen(name) - 1] == '.')
		name[strlen(name) - 1] = '\0';
	if (!aliases_follow(in, n, name, out))
		return out->alias ? RS_CNAME_ERROR : RS_INVALID;
	for (int i = 0; i < n; i++) {
		struct record rec;

		if (!record_next(in, &rec))
			return RS_INVALID;
		if (rec.type == q->type && rec.class == CLASS_IN &&
		    strcmp(rec.owner, name) == 0 &&
		    !answer_take(in, &rec, q->type, out))
			return RS_INVALID;
	}
	if (out->n == 0)
		return out->alias ? RS_CNAME_ERROR : RS_EMPTY;
	return RS_VALID;
}

/* The question must come back, or it is not the answer to it. */
static bool
question_is(struct reader *in, const struct rs_question *q)
{
	char name[RS_NAME_MAX];
	const size_t at = name_get(in, in->at, name);
	const size_t len = strlen(name);

	if (at == 0 || at + 4 > in->len || be16(in->p + at) != q->type ||
	    be16(in->p + at + 2) != CLASS_IN || strncmp(name, q->host, len) != 0 ||
	    (q->host[len] != '\0' && strcmp(q->host + len, ".") != 0))
		return false;
	in->at = at + 4;
	return true;
}

uint16_t
rs_answer_id(const uint8_t *p)
{
	return be16(p);
}

static enum rs_answer
rcode_read(unsigned flags)
{
	switch (flags & 0xf) {
	case 0:
		return RS_VALID;
	case 3:
		return RS_NX;
	case 5:
		return RS_REFUSED;
	default:
		return RS_OTHER;
	}
}

enum rs_answer
rs_answer_read(
    const uint8_t *p, size_t len, const struct rs_question *q, struct rs_records *out)
{
	struct reader in = { p, len, HEADER };

	out->n = 0;
	out->alias = false;
	if (len < HEADER)
		return RS_INVALID;
	const unsigned flags = be16(p + 2);
	if ((flags & FLAG_ANSWER) == 0 || (flags & FLAG_OPCODE) != 0 ||
	    be16(p + 4) != 1)
		return RS_INVALID;
	if (be16(p) != q->id || !question_is(&in, q))
		return RS_OUTDATED;
	const enum rs_answer rcode = rcode_read(flags);
	if (flags & FLAG_TRUNCATED)
		return RS_TRUNCATED;
	if (rcode != RS_VALID)
		return rcode;
	const enum rs_answer a = answers_read(&in, be16(p + 6), q, out);
	if (a == RS_VALID && q->type == RS_SRV) {
		struct record rec;
		int skip = be16(p + 8); /* authority */

		while (skip > 0 && record_next(&in, &rec))
			skip--;
		if (skip == 0)
			additional_take(&in, be16(p + 10), out);
	}
	return a;
}
