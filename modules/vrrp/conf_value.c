/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conf_value.c - words as numbers, times, addresses, names.
 *
 * Each function reports what is wrong, with the word and what is allowed.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "conf.h"

int
vr_expected(
    struct vr_reader *r, const struct vr_line *l, const char *word, const char *list)
{
	vr_fail(r->rep, &l->where, "%s '%s': %s is needed", l->word[0], word, list);
	return -1;
}

int
vr_get_int(struct vr_reader *r, const struct vr_line *l, const char *word, int64_t low,
    int64_t high, int64_t *out)
{
	char *end;
	errno = 0;
	const long long value = strtoll(word, &end, 0);

	if (end == word || *end != '\0' || isspace((unsigned char)*word)) {
		vr_fail(r->rep, &l->where,
		    "%s '%s': a whole number from %lld to %lld is needed", l->word[0],
		    word, (long long)low, (long long)high);
		return -1;
	}
	if (errno != 0 || value < low || value > high) {
		vr_fail(r->rep, &l->where, "%s '%s': must be %lld to %lld", l->word[0],
		    word, (long long)low, (long long)high);
		return -1;
	}
	*out = value;
	return 0;
}

/* Seconds with up to six places; what is behind them is cut. returns: -1: is
 * none. */
static int
decimal_us(const char *word, uint64_t *out)
{
	uint64_t us = 0;
	unsigned places = 0, digits = 0;
	bool point = false;

	for (; isdigit((unsigned char)*word) || (*word == '.' && !point); word++) {
		if (*word == '.') {
			point = true;
			continue;
		}
		digits++;
		if (point && places == 6)
			continue;
		places += point;
		if (us > UINT64_MAX / 100000000)
			return -1;
		us = us * 10 + (uint64_t)(*word - '0');
	}
	for (; places < 6; places++)
		us *= 10;
	*out = us;
	return digits > 0 && *word == '\0' ? 0 : -1;
}

int
vr_get_us(struct vr_reader *r, const struct vr_line *l, const char *word, int64_t low,
    int64_t high, uint64_t *out)
{
	if (decimal_us(word, out) == 0 && *out >= (uint64_t)low &&
	    *out <= (uint64_t)high)
		return 0;
	vr_fail(r->rep, &l->where,
	    "%s '%s': seconds from %g to %g are needed, as 2 or 0.5", l->word[0], word,
	    (double)low / 1e6, (double)high / 1e6);
	return -1;
}

int
vr_get_bool(struct vr_reader *r, const struct vr_line *l, const char *word, bool *out)
{
	static const char *const yes[] = { "on", "true", "yes" };
	static const char *const no[] = { "off", "false", "no" };

	for (int i = 0; i < 3; i++) {
		if (strcmp(word, yes[i]) == 0 || strcmp(word, no[i]) == 0) {
			*out = strcmp(word, yes[i]) == 0;
			return 0;
		}
	}
	return vr_expected(r, l, word, "on, off, true, false, yes or no");
}

int
vr_get_ip(
    struct vr_reader *r, const struct vr_line *l, const char *word, struct vr_ip *out)
{
	if (vr_ip_parse(word, out) == 0)
		return 0;
	return vr_expected(r, l, word, "an address, as 192.0.2.1 or 2001:db8::1,");
}

/* "24", or an IPv4 netmask. returns: bits; -1: is none. */
static int
prefix_of(const char *word, uint8_t family)
{
	struct vr_ip mask;
	char *end;
	const long bits = strtol(word, &end, 10);

	if (end != word && *end == '\0' && isdigit((unsigned char)*word))
		return bits <= (family == AF_INET6 ? 128 : 32) ? (int)bits : -1;
	if (family != AF_INET || vr_ip_parse(word, &mask) != 0 ||
	    mask.family != AF_INET)
		return -1;
	const uint32_t value = (uint32_t)mask.bytes[0] << 24 |
	    (uint32_t)mask.bytes[1] << 16 | (uint32_t)mask.bytes[2] << 8 |
	    mask.bytes[3];
	if ((~value & (~value + 1)) != 0)
		return -1;
	return value == 0 ? 0 : 32 - __builtin_ctz(value);
}

static int
any_net(uint8_t family, struct vr_ip *ip, uint8_t *prefix)
{
	*ip = (struct vr_ip){ .family = family != 0 ? family : AF_INET };
	*prefix = 0;
	return 0;
}

int
vr_get_net(struct vr_reader *r, const struct vr_line *l, const char *word,
    uint8_t family, struct vr_ip *ip, uint8_t *prefix)
{
	char address[64];
	const size_t len = strcspn(word, "/");

	if (strcmp(word, "default") == 0 || strcmp(word, "any") == 0 ||
	    strcmp(word, "all") == 0)
		return any_net(family, ip, prefix);
	if (len >= sizeof(address))
		return vr_expected(r, l, word, "an address");
	memcpy(address, word, len);
	address[len] = '\0';
	if (vr_get_ip(r, l, address, ip) != 0)
		return -1;
	if (family != 0 && ip->family != family)
		return vr_expected(r, l, word,
		    family == AF_INET ? "an IPv4 address" : "an IPv6 address");
	const int bits = word[len] == '\0' ? (ip->family == AF_INET6 ? 128 : 32)
					   : prefix_of(word + len + 1, ip->family);
	if (bits < 0)
		return vr_expected(r, l, word,
		    ip->family == AF_INET6 ? "a prefix length up to /128"
					   : "a prefix length up to /32");
	*prefix = (uint8_t)bits;
	return 0;
}

int
vr_get_dev(
    struct vr_reader *r, const struct vr_line *l, const char *word, const char **out)
{
	if (*word == '\0' || strlen(word) >= IF_NAMESIZE || strchr(word, '/') != NULL ||
	    strcmp(word, ".") == 0 || strcmp(word, "..") == 0)
		return vr_expected(
		    r, l, word, "an interface's name, of at most 15 bytes,");
	for (const char *p = word; *p != '\0'; p++) {
		if (isspace((unsigned char)*p) || iscntrl((unsigned char)*p))
			return vr_expected(r, l, word, "a name without blanks");
	}
	*out = word;
	return 0;
}
