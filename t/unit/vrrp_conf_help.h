/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * vrrp_conf_help.h - what the tests of keepalived.conf's meaning share: a text
 * is read, and is good, bad or warned about. conf holds the last one.
 */
#ifndef TW_T_VRRP_CONF_HELP_H
#define TW_T_VRRP_CONF_HELP_H

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "modules/vrrp/model.h"

static char said[16384];
static struct vr_report report;
static struct vr_conf *conf;

static inline void
say(void *arg, bool is_error, const struct vr_where *at, const char *text)
{
	(void)arg;
	const size_t len = strlen(said);
	snprintf(said + len, sizeof(said) - len, "%s:%d: %s%s\n", at->file, at->line,
	    is_error ? "" : "warning: ", text);
}

static inline struct vr_conf *
text_read(const char *name, const char *text)
{
	const struct vr_source from = {
		.config_id = "main", .text = text, .text_len = strlen(text)
	};
	report = (struct vr_report){ .say = say };
	said[0] = '\0';
	return vr_conf_read_from(name, &from, &report);
}

/* It is read; conf holds it until the next one. */
static inline void
good(const char *text)
{
	vr_conf_free(&conf);
	conf = text_read("k.conf", text);
	if (conf == NULL)
		fail_msg("not read: %s", said);
}

/* It is refused, with these words. */
static inline void
bad(const char *text, const char *words)
{
	vr_conf_free(&conf);
	conf = text_read("k.conf", text);
	if (conf != NULL || strstr(said, words) == NULL)
		fail_msg("'%s' is not in: %s", words, said);
}

static inline void
warned(const char *words)
{
	if (strstr(said, "warning: ") == NULL || strstr(said, words) == NULL)
		fail_msg("'%s' is not in: %s", words, said);
}

/* An instance with more lines in it. */
#define VI(lines)                                                      \
	"vrrp_instance VI {\n interface eth0\n virtual_router_id 51\n" \
	" virtual_ipaddress {\n 192.0.2.1\n }\n" lines "\n}\n"
#define VI6(lines)                                                     \
	"vrrp_instance VI {\n interface eth0\n virtual_router_id 51\n" \
	" virtual_ipaddress {\n fe80::1\n }\n" lines "\n}\n"

static inline const struct vr_instance *
vi(const char *text)
{
	good(text);
	return &conf->instance[0];
}

/* Of two texts, the first one's instance. */
static inline const struct vr_instance *
vi2(const char *first, const char *second)
{
	char text[4096];
	snprintf(text, sizeof(text), "%s%s", first, second);
	return vi(text);
}

static inline const char *
ip(const struct vr_ip *address)
{
	static char text[64];
	return vr_ip_out(address, text, sizeof(text));
}

static inline int
forget(void **state)
{
	(void)state;
	vr_conf_free(&conf);
	return 0;
}

#endif
