/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * head.c - which messages are compressed, and what their heads then say.
 *
 * The backend's settings come before the frontend's, each by itself, as in
 * HAProxy. Worker. source: HAProxy's manual, 4.2 "compression algo"; RFC 9110,
 * 8.4, 8.8.3, 12.5.5.
 */
#include "comp.h"

/* ---- settings ----------------------------------------------------------- */

struct sides {
	const struct comp_proxy *be, *fe;
};

static struct sides
sides_of(const struct tw_req *req)
{
	return (struct sides){ comp_of(tw_req_backend(req)),
		comp_of(tw_req_frontend(req)) };
}

static bool
compresses(struct sides s, unsigned direction)
{
	const unsigned set = s.be->direction != 0 ? s.be->direction : s.fe->direction;

	return ((set != 0 ? set : COMP_DIR_RESPONSE) & direction) != 0;
}

bool
comp_offloads(const struct tw_req *req)
{
	const struct sides s = sides_of(req);

	return s.be->offload || s.fe->offload;
}

const struct comp_algo *
comp_request_algo(const struct tw_req *req)
{
	const struct sides s = sides_of(req);
	const uint8_t algo = s.be->algo_req != 0 ? s.be->algo_req : s.fe->algo_req;

	return algo != 0 && compresses(s, COMP_DIR_REQUEST) ? comp_algo_at(algo - 1)
							    : NULL;
}

/* ---- the client --------------------------------------------------------- */

/* Of those that call themselves Mozilla/4 only later Internet Explorers bear it:
 * 6 with XP's second service pack, and from 7 on. */
bool
comp_wants_none(struct tw_msg *request)
{
	const struct tw_hdr *const h = tw_msg_first(request, TW_H_USER_AGENT);

	if (h == NULL || h->value_len < 9 || memcmp(h->value, "Mozilla/4", 9) != 0)
		return false;
	const char *const end = h->value + h->value_len;
	const char *const ie = memmem(h->value, h->value_len, "MSIE ", 5);
	if (ie == NULL || ie + 5 == end || ie[5] < '0' || ie[5] > '9')
		return true;
	const bool two_digits = ie + 6 < end && ie[6] >= '0' && ie[6] <= '9';
	if (two_digits || ie[5] > '6')
		return false;
	return ie[5] != '6' || memmem(h->value, h->value_len, "SV1", 3) == NULL;
}

static const struct comp_algo *
identity_of(const struct comp_proxy *p)
{
	for (int i = 0; i < p->n_algos; i++) {
		const struct comp_algo *const algo = comp_algo_at(p->algo[i] - 1);
		if (algo->open == NULL)
			return algo;
	}
	return NULL;
}

const struct comp_algo *
comp_choose(struct tw_req *req)
{
	struct tw_msg *const msg = tw_req_request(req);
	const struct sides s = sides_of(req);
	const struct comp_proxy *const p = s.be->n_algos > 0 ? s.be : s.fe;
	struct comp_accept a = { .algo = p->algo, .n = p->n_algos, .any_q = -1 };

	if (p->n_algos == 0 || !compresses(s, COMP_DIR_RESPONSE) ||
	    tw_msg_is_http10(msg) || msg->method == TW_M_HEAD ||
	    msg->method == TW_M_CONNECT || comp_wants_none(msg))
		return NULL;
	for (struct tw_hdr *h = tw_msg_first(msg, TW_H_ACCEPT_ENCODING); h != NULL;
	     h = tw_msg_next(msg, h))
		comp_accept_field(&a, tw_hdr_value(h));
	const struct comp_algo *const algo = comp_accept_end(&a);
	return algo != NULL ? algo : identity_of(p);
}

/* ---- the message -------------------------------------------------------- */

/* A member of a list, as in Cache-Control and Vary. */
static bool
has_member(struct tw_str list, struct tw_str word)
{
	while (list.len >= word.len) {
		const char *const comma = memchr(list.p, ',', list.len);
		const size_t len = comma != NULL ? (size_t)(comma - list.p) : list.len;
		struct tw_str m = { list.p, len };

		while (m.len > 0 && (*m.p == ' ' || *m.p == '\t'))
			m.p++, m.len--;
		while (m.len > 0 && (m.p[m.len - 1] == ' ' || m.p[m.len - 1] == '\t'))
			m.len--;
		if (tw_str_ieq(m, word))
			return true;
		if (comma == NULL)
			return false;
		list.p += len + 1;
		list.len -= len + 1;
	}
	return false;
}

static bool
must_not_transform(struct tw_msg *msg)
{
	for (struct tw_hdr *h = tw_msg_first(msg, TW_H_CACHE_CONTROL); h != NULL;
	     h = tw_msg_next(msg, h)) {
		if (has_member(tw_hdr_value(h), TW_STR("no-transform")))
			return true;
	}
	return false;
}

static bool
begins_with(struct tw_str s, struct tw_str with)
{
	return s.len >= with.len && tw_str_ieq((struct tw_str){ s.p, with.len }, with);
}

static bool
is_type(struct tw_msg *msg, const struct comp_list *types)
{
	const struct tw_hdr *const h = tw_msg_first(msg, TW_H_CONTENT_TYPE);

	if (h == NULL)
		return types->n == 0;
	if (begins_with(tw_hdr_value(h), TW_STR("multipart")))
		return false;
	for (int i = 0; i < types->n; i++) {
		if (begins_with(tw_hdr_value(h), tw_str_of(types->word[i])))
			return true;
	}
	return types->n == 0;
}

/* None, or one that is well-formed. */
static bool
is_etag_fine(struct tw_msg *msg)
{
	struct tw_hdr *const h = tw_msg_find(msg, TW_STR("etag"), NULL);

	if (h == NULL)
		return true;
	if (tw_msg_find(msg, TW_STR("etag"), h) != NULL)
		return false;
	struct tw_str s = tw_hdr_value(h);
	if (s.len >= 2 && memcmp(s.p, "W/", 2) == 0)
		s = (struct tw_str){ s.p + 2, s.len - 2 };
	return s.len >= 2 && *s.p == '"' && s.p[s.len - 1] == '"' &&
	    memchr(s.p + 1, '"', s.len - 1) == s.p + s.len - 1;
}

static bool
is_long_enough(const struct tw_msg *msg, uint64_t least)
{
	if (msg->body == TW_BODY_LENGTH)
		return msg->content_length > 0 && msg->content_length >= least;
	return msg->body == TW_BODY_CHUNKED;
}

bool
comp_may(struct tw_req *req, struct tw_msg *msg, bool response)
{
	const struct sides s = sides_of(req);
	const struct comp_list *const be =
	    response ? &s.be->types_res : &s.be->types_req;
	const struct comp_list *const fe =
	    response ? &s.fe->types_res : &s.fe->types_req;
	const uint64_t be_min = response ? s.be->min_res : s.be->min_req;
	const uint64_t fe_min = response ? s.fe->min_res : s.fe->min_req;

	return msg->minor > 0 &&
	    (!response || (msg->status >= 200 && msg->status <= 203)) &&
	    is_long_enough(msg, be_min != 0 ? be_min : fe_min) &&
	    tw_msg_first(msg, TW_H_CONTENT_ENCODING) == NULL &&
	    !must_not_transform(msg) && is_type(msg, be->n > 0 ? be : fe) &&
	    is_etag_fine(msg);
}

/* ---- edits -------------------------------------------------------------- */

static bool
varies(struct tw_msg *msg)
{
	struct tw_hdr *h = NULL;

	while ((h = tw_msg_find(msg, TW_STR("vary"), h)) != NULL) {
		if (has_member(tw_hdr_value(h), TW_STR("accept-encoding")))
			return true;
	}
	return false;
}

/* What is not the same bytes any more has no strong one (RFC 9110, 8.8.1). */
static int
weaken(struct tw_req *req, struct tw_msg *msg)
{
	struct tw_hdr *const h = tw_msg_find(msg, TW_STR("etag"), NULL);

	if (h == NULL || *h->value == 'W')
		return 0;
	const struct tw_str old = tw_hdr_value(h);
	char *const p = tw_arena_try(tw_req_arena(req), old.len + 2);
	if (p == NULL)
		return -1;
	memcpy(p, "W/", 2);
	memcpy(p + 2, old.p, old.len);
	tw_msg_set_value(msg, h, (struct tw_str){ p, old.len + 2 });
	return 0;
}

int
comp_edit(
    struct tw_req *req, struct tw_msg *msg, const struct comp_algo *algo, bool response)
{
	const bool is_changed = algo->open != NULL;
	const bool vary = response && !varies(msg);

	if (msg->n_hdr + 2 > TW_MAX_HDR || (is_changed && weaken(req, msg) != 0))
		return -1;
	if (is_changed)
		tw_msg_add(msg, TW_STR("content-encoding"), tw_str_of(algo->token));
	if (vary)
		tw_msg_add(msg, TW_STR("vary"), TW_STR("Accept-Encoding"));
	return 0;
}
