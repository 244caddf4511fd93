/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * units.c - times, sizes, numbers, and the ready-made setters.
 *
 * A time that is not zero never becomes zero by rounding: what is below a
 * millisecond counts as one. Limits are HAProxy's: a time fits into 31 bits
 * of milliseconds. Control thread. source: HAProxy's manual, 2.5.
 */
#include "config.h"

#include <stdlib.h>

#include <ctype.h>
#include <inttypes.h>

#include <tideway/conf.h>
#include <tideway/str.h>

#define MAX_MS 2147483647u

/* Digits at the start. out: the rest. errors: false when there are none or
 * the number does not fit. */
static bool
take_digits(const char *word, uint64_t *v, const char **rest)
{
	size_t len = strspn(word, "0123456789");

	*rest = word + len;
	return tw_str_to_u64((struct tw_str){ word, len }, v);
}

static uint64_t
time_unit_us(const char *suffix, uint64_t unit_us)
{
	static const struct {
		const char *suffix;
		uint64_t us;
	} units[] = {
		{ "us", 1 },
		{ "ms", 1000 },
		{ "s", 1000000 },
		{ "m", 60000000 },
		{ "h", 3600000000 },
		{ "d", 86400000000 },
	};

	if (*suffix == '\0')
		return unit_us;
	for (size_t i = 0; i < TW_N_ELEMENTS(units); i++)
		if (strcmp(units[i].suffix, suffix) == 0)
			return units[i].us;
	return 0;
}

static int
not_a_number(const char *word, const char *what, struct tw_err *err)
{
	const char *const rest = word + strspn(word, "0123456789");

	if (*word == '\0')
		return tw_err_set(err, "%s is missing", what);
	if (*rest == '\0')
		return tw_err_set(err, "%s '%.40s' is too large", what, word);
	return tw_err_set(err, "unexpected character '%c' in %s '%.40s'",
	    isprint((unsigned char)*rest) ? *rest : '?', what, word);
}

static int
too_long(const char *word, struct tw_err *err)
{
	return tw_err_set(err,
	    "time '%.40s' is too large (at most %u ms, or 24.8 days)", word, MAX_MS);
}

int
tw_parse_ms(const char *word, uint64_t unit_us, uint32_t *ms, struct tw_err *err)
{
	uint64_t v, us;
	const char *suffix;

	const bool ok = take_digits(word, &v, &suffix);
	if (suffix == word)
		return not_a_number(word, "time", err);
	const uint64_t unit = time_unit_us(suffix, unit_us);
	if (unit == 0)
		return tw_err_set(err,
		    "unexpected '%.20s' in time '%.40s': the units are us, ms, s, "
		    "m, h and d",
		    suffix, word);
	if (!ok || __builtin_mul_overflow(v, unit, &us) || us > (uint64_t)MAX_MS * 1000)
		return too_long(word, err);
	*ms = (uint32_t)((us + 999) / 1000);
	return 0;
}

int
tw_parse_uint(
    const char *word, uint64_t min, uint64_t max, uint64_t *out, struct tw_err *err)
{
	uint64_t v;
	const char *rest;

	const bool ok = take_digits(word, &v, &rest);
	if (*rest != '\0' || rest == word)
		return not_a_number(word, "number", err);
	if (!ok || v < min || v > max)
		return tw_err_set(err,
		    "number '%.40s' is out of range: from "
		    "%" PRIu64 " to %" PRIu64,
		    word, min, max);
	*out = v;
	return 0;
}

static int
size_shift(const char *suffix)
{
	if (*suffix == '\0')
		return 0;
	if (suffix[1] != '\0')
		return -1;
	switch (suffix[0] | 0x20) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	default:
		return -1;
	}
}

int
tw_parse_size(const char *word, uint64_t *out, struct tw_err *err)
{
	uint64_t v;
	const char *suffix;

	if (!take_digits(word, &v, &suffix))
		return not_a_number(word, "size", err);
	const int shift = size_shift(suffix);
	if (shift < 0)
		return tw_err_set(err,
		    "unexpected '%.20s' in size '%.40s': the "
		    "suffixes are k, m and g",
		    suffix, word);
	if (v > UINT64_MAX >> shift)
		return tw_err_set(err, "size '%.40s' is too large", word);
	*out = v << shift;
	return 0;
}

/* ---- ready-made setters ---- */

static void *
target(const struct tw_line *ln)
{
	return (char *)ln->state + ln->kw->offset;
}

int
tw_set_flag(struct tw_line *ln)
{
	*(bool *)target(ln) = !ln->no;
	return 0;
}

#define SMALL_MS 100

/* A bare number is one of milliseconds; who writes `timeout client 30` means
 * seconds. */
static void
warn_small(const struct tw_line *ln, const char *word)
{
	if (word[strspn(word, "0123456789")] == '\0' && atoi(word) > 0 &&
	    atoi(word) < SMALL_MS)
		tw_line_warn(ln, 0,
		    "'%s': the value '%s' is suspiciously small, as it is in "
		    "milliseconds; write '%ss' for seconds, or '%sms' if this was "
		    "intended.",
		    ln->kw->word, word, word, word);
}

int
tw_set_ms(struct tw_line *ln)
{
	struct tw_err err;
	const char *word = tw_arg(ln, 0);

	if (tw_parse_ms(word ? word : "", 1000, target(ln), &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	if (strncmp(ln->kw->word, "timeout ", 8) == 0)
		warn_small(ln, word);
	return 0;
}

int
tw_set_uint(struct tw_line *ln)
{
	const struct tw_kw *kw = ln->kw;
	const bool limits = kw->min != 0 || kw->max != 0;
	const char *word = tw_arg(ln, 0);
	struct tw_err err;
	uint64_t v;

	if (tw_parse_uint(word ? word : "", limits ? (uint64_t)kw->min : 0,
		limits ? (uint64_t)kw->max : UINT32_MAX, &v, &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", kw->word, err.text);
	*(uint32_t *)target(ln) = (uint32_t)v;
	return 0;
}

int
tw_set_size(struct tw_line *ln)
{
	const char *word = tw_arg(ln, 0);
	struct tw_err err;

	if (tw_parse_size(word ? word : "", target(ln), &err) != 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	return 0;
}

int
tw_set_str(struct tw_line *ln)
{
	*(const char **)target(ln) =
	    tw_arena_strdup(tw_gen_arena(ln->gen), tw_arg(ln, 0));
	return 0;
}
