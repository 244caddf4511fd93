/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_set.c - the setters that many keywords share.
 */
#include "config.h"

#include <string.h>

#include "conf.h"

static void *
field(void *to, const struct vr_kw *kw)
{
	return (char *)to + kw->offset;
}

void
vr_set_elsewhere(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r, (void)to, (void)l, (void)kw;
}

void
vr_set_flag(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	bool on = true;
	TW_ASSERT(kw->size == sizeof(bool));
	if (l->n_words > 1 && vr_get_bool(r, l, l->word[1], &on) != 0)
		return;
	memcpy(field(to, kw), &on, sizeof(on));
}

void
vr_set_int(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	int64_t value;

	if (vr_get_int(r, l, l->word[1], kw->low, kw->high, &value) != 0)
		return;
	switch (kw->size) {
	case 1:
		memcpy(field(to, kw), &(uint8_t){ (uint8_t)value }, 1);
		return;
	case 4:
		memcpy(field(to, kw), &(uint32_t){ (uint32_t)value }, 4);
		return;
	case 8:
		memcpy(field(to, kw), &value, 8);
		return;
	default:
		TW_WRONG("a number of this size");
	}
}

void
vr_set_seconds(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	uint64_t us;
	TW_ASSERT(kw->size == sizeof(us));
	if (vr_get_us(r, l, l->word[1], kw->low, kw->high, &us) == 0)
		memcpy(field(to, kw), &us, sizeof(us));
}

void
vr_set_name(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	(void)r;
	const char *const word = l->word[1];
	TW_ASSERT(kw->size == sizeof(word));
	memcpy(field(to, kw), &word, sizeof(word));
}

void
vr_set_ip(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_ip ip;
	TW_ASSERT(kw->size == sizeof(ip));
	if (vr_get_ip(r, l, l->word[1], &ip) == 0)
		memcpy(field(to, kw), &ip, sizeof(ip));
}

void
vr_set_command(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	TW_ASSERT(kw->size == sizeof(struct vr_command));
	vr_command_read(r, l, field(to, kw));
}

void
vr_set_deleted(
    struct vr_reader *r, void *to, const struct vr_line *l, const struct vr_kw *kw)
{
	struct vr_notify *const n = (struct vr_notify *)((char *)to + kw->offset);

	n->tells_deleted = true;
	if (l->n_words > 1)
		vr_command_read(r, l, &n->deleted);
}
