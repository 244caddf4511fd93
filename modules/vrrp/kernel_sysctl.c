/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * kernel_sysctl.c - an interface's settings in /proc/sys/net.
 *
 * What belongs to an interface of others is lent: its former value is kept
 * and set back at the end, unless somebody changed it again meanwhile. The
 * VRRP process's one thread. source: the kernel's ip-sysctl.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tideway/assert.h>

#include "netlink.h"

struct vr_sysctl {
	char family[8], link[IF_NAMESIZE], key[32];
	int was, is;
	bool for_vmac;
};

static int
sysctl_open(const struct vr_sysctl_key *at, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", at->family,
	    at->link, at->key);
	return open(path, flags | O_CLOEXEC);
}

int
vr_sysctl_get(const struct vr_sysctl_key *at, int *value)
{
	char text[32] = "";
	const int fd = sysctl_open(at, O_RDONLY);

	if (fd < 0)
		return -1;
	const ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -1;
	*value = (int)strtol(text, NULL, 10);
	return 0;
}

int
vr_sysctl_set(const struct vr_sysctl_key *at, int value, struct tw_err *err)
{
	char text[32];
	int now;
	ssize_t n = -1;

	if (vr_sysctl_get(at, &now) == 0 && now == value)
		return 0;
	const int len = snprintf(text, sizeof(text), "%d\n", value);
	const int fd = sysctl_open(at, O_WRONLY);
	if (fd >= 0)
		n = write(fd, text, (size_t)len);
	const int e = errno;
	if (fd >= 0)
		close(fd);
	errno = e;
	return n == len ? 0
			: tw_err_errno(err, "cannot set net.%s.conf.%s.%s to %d",
			      at->family, at->link, at->key, value);
}

static struct vr_sysctl *
lent_find(const struct vr_kernel *k, const struct vr_sysctl_key *at)
{
	for (unsigned i = 0; i < k->n_lent; i++) {
		struct vr_sysctl *const s = &k->lent[i];

		if (strcmp(s->link, at->link) == 0 && strcmp(s->key, at->key) == 0 &&
		    strcmp(s->family, at->family) == 0)
			return s;
	}
	return NULL;
}

static void
lent_keep(
    struct vr_kernel *k, const struct vr_sysctl_key *at, const struct vr_sysctl *values)
{
	k->lent = realloc(k->lent, (k->n_lent + 1) * sizeof(*k->lent));
	TW_ASSERT(k->lent != NULL);
	struct vr_sysctl *const s = &k->lent[k->n_lent++];
	*s = *values;
	snprintf(s->family, sizeof(s->family), "%s", at->family);
	snprintf(s->link, sizeof(s->link), "%s", at->link);
	snprintf(s->key, sizeof(s->key), "%s", at->key);
}

int
vr_sysctl_lend(struct vr_kernel *k, const struct vr_sysctl_key *at, int value,
    bool for_vmac, struct tw_err *err)
{
	struct vr_sysctl v = { .is = value, .for_vmac = for_vmac };
	struct vr_sysctl *const lent = lent_find(k, at);
	const bool known = vr_sysctl_get(at, &v.was) == 0;

	if (known && v.was == value)
		return 0;
	if (vr_sysctl_set(at, value, err) != 0)
		return -1;
	if (lent != NULL)
		lent->is = value;
	else if (known)
		lent_keep(k, at, &v);
	return 0;
}

static void
give_back(const struct vr_sysctl *s)
{
	const struct vr_sysctl_key at = { s->family, s->link, s->key };
	int now;

	if (vr_sysctl_get(&at, &now) == 0 && now == s->is)
		(void)vr_sysctl_set(&at, s->was, NULL);
}

void
vr_sysctl_return(struct vr_kernel *k, bool all)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < k->n_lent; i++) {
		if (all || k->lent[i].for_vmac)
			give_back(&k->lent[i]);
		else
			k->lent[kept++] = k->lent[i];
	}
	k->n_lent = kept;
}
