/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * netlink.c - requests to the kernel and their answers; attributes.
 *
 * The kernel works a change off while it is being sent, so that the answer is
 * there at once: waiting for it blocks nobody. Its own words for a refusal
 * (extended acknowledgements) are passed on to the operator. The VRRP
 * process's one thread. source: netlink(7).
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/rtnetlink.h>

#include <tideway/assert.h>

#include "netlink.h"

struct nlmsghdr *
vr_nl_begin(struct vr_kernel *k, char *buf, uint16_t type, uint16_t flags)
{
	memset(buf, 0, VR_NL_BYTES);
	struct nlmsghdr *const nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = ++k->sequence != 0 ? k->sequence : ++k->sequence;
	return nlh;
}

/* What the kernel says beside the number. */
static const char *
reason_of(const struct nlmsghdr *nlh)
{
	const struct nlattr *attr[VR_MAX_ATTRS];
	size_t head = sizeof(struct nlmsgerr);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED)) {
		const struct nlmsgerr *const e = mnl_nlmsg_get_payload(nlh);
		head += e->msg.nlmsg_len - sizeof(e->msg);
	}
	if (mnl_nlmsg_get_payload_len(nlh) <= head)
		return NULL;
	vr_nl_attrs(nlh, head, attr);
	if (attr[NLMSGERR_ATTR_MSG] == NULL ||
	    mnl_attr_validate(attr[NLMSGERR_ATTR_MSG], MNL_TYPE_NUL_STRING) < 0)
		return NULL;
	return mnl_attr_get_str(attr[NLMSGERR_ATTR_MSG]);
}

static int
acknowledged(const struct nlmsghdr *nlh, struct tw_err *err)
{
	const struct nlmsgerr *const e = mnl_nlmsg_get_payload(nlh);
	const char *const reason = reason_of(nlh);

	if (e->error == 0)
		return 0;
	if (reason != NULL)
		tw_err_set(err, "%s (%s)", strerror(-e->error), reason);
	else
		tw_err_set(err, "%s", strerror(-e->error));
	return -e->error;
}

/* Answers of a request that was given up on may still come: passed over. */
static const struct nlmsghdr *
find_answer(const char *buf, ssize_t n, uint32_t sequence)
{
	const struct nlmsghdr *nlh = (const void *)buf;

	for (int left = (int)n; mnl_nlmsg_ok(nlh, left);
	     nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_type == NLMSG_ERROR && nlh->nlmsg_seq == sequence &&
		    mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct nlmsgerr))
			return nlh;
	}
	return NULL;
}

int
vr_nl_change(struct vr_kernel *k, struct nlmsghdr *nlh, struct tw_err *err)
{
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];
	const struct nlmsghdr *answer = NULL;

	nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(k->requests, nlh, nlh->nlmsg_len) < 0) {
		const int e = errno;
		tw_err_set(err, "cannot ask the kernel: %s", strerror(e));
		return e;
	}
	while (answer == NULL) {
		const ssize_t n = mnl_socket_recvfrom(k->requests, buf, sizeof(buf));
		const int e = errno;

		if (n < 0 && e != EINTR) {
			tw_err_set(err, "no answer from the kernel: %s", strerror(e));
			return e;
		}
		answer = n < 0 ? NULL : find_answer(buf, n, nlh->nlmsg_seq);
	}
	return acknowledged(answer, err);
}

/* The messages that answer one request, kept until all are there: who looks at
 * them may send requests too. */
struct answer {
	uint32_t sequence;
	bool is_over, was_interrupted;
	int error;
	char *bytes; /* owns */
	size_t len;
};

static void
answer_keep(struct answer *a, const struct nlmsghdr *nlh)
{
	const size_t size = NLMSG_ALIGN(nlh->nlmsg_len);

	a->bytes = realloc(a->bytes, a->len + size);
	TW_ASSERT(a->bytes != NULL);
	memset(a->bytes + a->len, 0, size);
	memcpy(a->bytes + a->len, nlh, nlh->nlmsg_len);
	a->len += size;
}

static void
answer_take(struct answer *a, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_seq != a->sequence)
		return;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		a->was_interrupted = true;
	if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE) {
		const int *const code = mnl_nlmsg_get_payload(nlh);
		a->is_over = true;
		a->error = mnl_nlmsg_get_payload_len(nlh) >= sizeof(*code) ? -*code : 0;
	} else if (nlh->nlmsg_type >= NLMSG_MIN_TYPE) {
		answer_keep(a, nlh);
	}
}

static int
answer_read(struct vr_kernel *k, struct answer *a)
{
	_Alignas(struct nlmsghdr) char buf[VR_NL_BYTES];

	while (!a->is_over) {
		const ssize_t n = mnl_socket_recvfrom(k->requests, buf, sizeof(buf));
		const struct nlmsghdr *nlh = (const void *)buf;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		for (int left = (int)n; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left))
			answer_take(a, nlh);
	}
	errno = a->error != 0 ? a->error : EINTR;
	return a->error != 0 || a->was_interrupted ? -1 : 0;
}

int
vr_nl_ask(struct vr_kernel *k, struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	struct answer a = { .sequence = nlh->nlmsg_seq };
	int r = -1;

	if (mnl_socket_sendto(k->requests, nlh, nlh->nlmsg_len) >= 0)
		r = answer_read(k, &a);
	const int e = errno;
	if (r == 0 && a.len > 0)
		(void)mnl_cb_run(a.bytes, a.len, 0, 0, cb, arg);
	free(a.bytes);
	errno = e;
	return r;
}

static int
keep_attr(const struct nlattr *attr, void *arg)
{
	const struct nlattr **const into = arg;
	const uint16_t type = mnl_attr_get_type(attr);

	if (type < VR_MAX_ATTRS)
		into[type] = attr;
	return MNL_CB_OK;
}

void
vr_nl_attrs(const struct nlmsghdr *nlh, size_t head, const struct nlattr **attr)
{
	memset(attr, 0, VR_MAX_ATTRS * sizeof(*attr));
	mnl_attr_parse(nlh, (unsigned)head, keep_attr, attr);
}

void
vr_nl_nested(const void *at, size_t len, const struct nlattr **attr)
{
	memset(attr, 0, VR_MAX_ATTRS * sizeof(*attr));
	mnl_attr_parse_payload(at, len, keep_attr, attr);
}

void
vr_nl_put_ip(struct nlmsghdr *nlh, uint16_t type, const struct vr_ip *ip)
{
	mnl_attr_put(nlh, type, vr_ip_bytes(ip->family), ip->bytes);
}

void
vr_nl_put_name(struct nlmsghdr *nlh, uint16_t type, const char *name)
{
	char text[4 * IF_NAMESIZE];

	snprintf(text, sizeof(text), "%s", name);
	mnl_attr_put_strz(nlh, type, text);
}

struct vr_ip
vr_nl_ip(uint8_t family, const struct nlattr *attr)
{
	struct vr_ip ip = { 0 };

	if (attr == NULL || mnl_attr_get_payload_len(attr) != vr_ip_bytes(family))
		return ip;
	ip.family = family;
	memcpy(ip.bytes, mnl_attr_get_payload(attr), vr_ip_bytes(family));
	return ip;
}

uint32_t
vr_nl_u32(const struct nlattr *attr, uint32_t otherwise)
{
	if (attr == NULL || mnl_attr_get_payload_len(attr) < sizeof(uint32_t))
		return otherwise;
	return mnl_attr_get_u32(attr);
}

bool
vr_nl_is_ours(const struct vr_kernel *k, const struct nlmsghdr *nlh)
{
	return nlh->nlmsg_pid == mnl_socket_get_portid(k->requests);
}

int
vr_nl_no_link(const char *name, struct tw_err *err)
{
	return tw_err_set(err, "there is no interface %s", name);
}
