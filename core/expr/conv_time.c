/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_time.c - converters: seconds, milliseconds, microseconds as text.
 *
 * An offset has the unit of the input. %N in a format is the fraction of a
 * second, for the converters that know one. Any worker.
 * source: HAProxy's manual, 7.3.1; strftime(3); RFC 9110, 5.6.7.
 */
#include "config.h"

#include <time.h>

#include "expr/conv.h"

#define TIME_MAX 1024
#define FORMAT_MAX 512

struct unit {
	int64_t per_second;
	int digits;
};

static const struct unit seconds = { 1, 0 };
static const struct unit millis = { 1000, 3 };
static const struct unit micros = { 1000000, 6 };

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t
floor_rest(int64_t a, int64_t b)
{
	return a % b < 0 ? a % b + b : a % b;
}

/* Puts the digits of the fraction where the format says %N. */
static bool
with_fraction(struct tw_str format, int digits, int64_t fraction, char *to)
{
	struct tw_out o = tw_out_of(to, FORMAT_MAX - 1);

	for (size_t i = 0; i < format.len; i++) {
		if (format.p[i] != '%' || i + 1 == format.len) {
			tw_out_char(&o, format.p[i]);
			continue;
		}
		i++;
		if (format.p[i] == 'N' && digits > 0)
			tw_out_printf(&o, "%0*lld", digits, (long long)fraction);
		else
			tw_out_mem(&o, format.p + i - 1, 2);
	}
	*o.p = '\0';
	return !o.over;
}

static bool
format_time(struct tw_req *req, const struct tw_arg_val *args, struct tw_sample *s,
    const struct unit *unit, bool local)
{
	char format[FORMAT_MAX];
	struct tm tm;
	int64_t at;

	if (__builtin_add_overflow(s->u.n, args[1].n, &at))
		return false;
	const time_t whole = (time_t)floor_div(at, unit->per_second);
	const int64_t fraction = floor_rest(at, unit->per_second);
	if (!with_fraction(args[0].str, unit->digits, fraction, format) ||
	    (local ? localtime_r(&whole, &tm) : gmtime_r(&whole, &tm)) == NULL)
		return false;
	char *const mem = tw__scratch(req, TIME_MAX);
	return tw__set_text(s, TW_STRING, mem, strftime(mem, TIME_MAX, format, &tm));
}

#define TIME(name, unit, local)                                 \
	TW__CONV(name)                                          \
	{                                                       \
		return format_time(req, args, s, &unit, local); \
	}

TIME(ltime, seconds, true)
TIME(utime, seconds, false)
TIME(ms_ltime, millis, true)
TIME(ms_utime, millis, false)
TIME(us_ltime, micros, true)
TIME(us_utime, micros, false)

TW__CHECK(http_date)
{
	static const struct {
		const char *name;
		const struct unit *unit;
	} units[] = { { "s", &seconds }, { "ms", &millis }, { "us", &micros } };
	const char *const name = tw__arg_is(&args[1]) ? args[1].str.p : "s";

	(void)gen;
	for (size_t i = 0; i < TW_N_ELEMENTS(units); i++) {
		if (strcmp(name, units[i].name) == 0) {
			args[2].n = units[i].unit->per_second;
			return 0;
		}
	}
	return tw_err_set(err, "unit '%s' is unknown: write s, ms or us", name);
}

TW__CONV(http_date)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri",
		"Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct tm tm;
	int64_t at;

	if (__builtin_add_overflow(s->u.n, args[0].n, &at))
		return false;
	const time_t whole = (time_t)floor_div(at, args[2].n);
	if (gmtime_r(&whole, &tm) == NULL)
		return false;
	char *const mem = tw__scratch(req, 96);
	struct tw_out o = tw_out_of(mem, 96);
	tw_out_printf(&o, "%s, %02d %s %04d %02d:%02d:%02d", days[tm.tm_wday],
	    tm.tm_mday, months[tm.tm_mon], 1900 + tm.tm_year, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
	if (args[2].n > 1)
		tw_out_printf(&o, ".%0*lld", args[2].n == 1000 ? 3 : 6,
		    (long long)floor_rest(at, args[2].n));
	tw_out_lit(&o, " GMT");
	return tw__set_text(s, TW_STRING, mem, (size_t)(o.p - mem));
}

#define ENTRY(name, help)                                                   \
	{                                                                   \
#name, "s,[i]", TW_SINT, TW_STRING, conv_##name, NULL, help \
	}

const struct tw_conv tw__conv_time[] = {
	{ "http_date", "[i,s]", TW_SINT, TW_STRING, conv_http_date, check_http_date,
	    "(offset, unit) The time as HTTP writes it." },
	ENTRY(ltime, "(format, offset) Seconds, by strftime, in local time."),
	ENTRY(ms_ltime, "(format, offset) Milliseconds, in local time; %N: 3 digits."),
	ENTRY(ms_utime, "(format, offset) Milliseconds, in UTC; %N: 3 digits."),
	ENTRY(us_ltime, "(format, offset) Microseconds, in local time; %N: 6 digits."),
	ENTRY(us_utime, "(format, offset) Microseconds, in UTC; %N: 6 digits."),
	ENTRY(utime, "(format, offset) Seconds, by strftime, in UTC."),
	{ .name = NULL },
};
