/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * show_text.c - words and times that all writers of the present state use.
 * Any thread; no state.
 */
#include "config.h"

#include <ctype.h>
#include <sys/socket.h>
#include <time.h>

#include <tideway/assert.h>

#include "show_text.h"

const char *
vr_text_path(enum vr_second_path path)
{
	switch (path) {
	case VR_PATH_NONE:
		return "none";
	case VR_PATH_MASTER:
		return "peer is master";
	case VR_PATH_BACKUP:
		return "peer is backup";
	case VR_PATH_GONE:
		return "peer is gone";
	}
	return "?"; /* written by another process */
}

const char *
vr_text_path_word(enum vr_second_path path)
{
	const char *const text = vr_text_path(path);
	const char *const last = strrchr(text, ' ');

	return last != NULL ? last + 1 : text;
}

static const char *
lower(const char *word, char buf[16])
{
	size_t i = 0;

	for (; word[i] != '\0' && i < 15; i++)
		buf[i] = (char)tolower((unsigned char)word[i]);
	buf[i] = '\0';
	return buf;
}

const char *
vr_text_state_word(enum vr_state state, char buf[16])
{
	return lower(vr_state_name(state), buf);
}

const char *
vr_text_drop_word(enum vr_drop why, char buf[16])
{
	static const char *const words[VR_N_DROPS] = {
#define X(id, text) [VR_DROP_##id] = #id,
		VR_DROPS(X)
#undef X
	};

	TW_ASSERT(why > VR_OK && why < VR_N_DROPS);
	return lower(words[why], buf);
}

const char *
vr_text_family(uint8_t family)
{
	return family == AF_INET6 ? "ipv6" : "ipv4";
}

static uint64_t
seconds_since(uint64_t wall_us)
{
	const uint64_t now = (uint64_t)time(NULL), then = wall_us / 1000000;

	return now > then ? now - then : 0;
}

const char *
vr_text_age(uint64_t wall_us, char buf[32])
{
	const unsigned long long s = wall_us != 0 ? seconds_since(wall_us) : 0;

	if (wall_us == 0)
		snprintf(buf, 32, "-");
	else if (s < 60)
		snprintf(buf, 32, "%llus", s);
	else if (s < 3600)
		snprintf(buf, 32, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, 32, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, 32, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buf;
}

const char *
vr_text_date(uint64_t wall_us, char buf[32])
{
	const time_t t = (time_t)(wall_us / 1000000);
	struct tm tm;

	if (wall_us == 0 || localtime_r(&t, &tm) == NULL ||
	    strftime(buf, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buf, 32, "-");
	return buf;
}

const char *
vr_text_seconds(uint64_t us, char buf[32])
{
	snprintf(buf, 32, "%g s", (double)us / 1000000);
	return buf;
}

const char *
vr_text_master(const struct vr_shown *row, char buf[64])
{
	if (row->state == VR_MASTER)
		return "this node";
	if (row->master.family == 0)
		return "-";
	return vr_ip_out(&row->master, buf, 64);
}

uint64_t
vr_dropped(const struct vr_router_counters *n)
{
	uint64_t sum = 0;

	for (int i = VR_OK + 1; i < VR_N_DROPS; i++)
		sum += n->dropped[i];
	return sum;
}
