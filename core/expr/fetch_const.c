/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * fetch_const.c - fetches: given values, clocks, chance, the process.
 *
 * Given values are made ready when the configuration is read. Any worker.
 * source: HAProxy's manual, 7.3.2; RFC 9562 (versions 4 and 7).
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <tideway/encode.h>
#include <tideway/stats.h>
#include <tideway/worker.h>

#include "expr/fetch.h"

/* ---- given values ------------------------------------------------------- */

static int
check_bin(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	const struct tw_str hex = args[0].str;
	char *const mem = tw_arena_alloc(tw_gen_arena(gen), hex.len / 2 + 1);

	for (size_t i = 0; i < hex.len; i += 2) {
		const int hi = tw_hex_digit(hex.p[i]);
		const int lo = i + 1 < hex.len ? tw_hex_digit(hex.p[i + 1]) : -1;
		if (hi < 0 || lo < 0)
			return tw_err_set(
			    err, "'%s': pairs of hex digits are expected", hex.p);
		mem[i / 2] = (char)(hi << 4 | lo);
	}
	args[0].str = (struct tw_str){ mem, hex.len / 2 };
	return 0;
}

TW__FETCH(bin)
{
	TW_GET_UNUSED;
	return tw_sample_str(out, TW_BINARY, args[0].str);
}

static int
check_address(struct tw_arg_val *arg, int family, struct tw_err *err)
{
	struct tw_addr *const a = (struct tw_addr *)arg->ptr;

	a->family = (uint16_t)family;
	if (inet_pton(family, arg->str.p, family == AF_INET ? a->u.v4 : a->u.v6) != 1)
		return tw_err_set(err, "'%s' is not an %s address", arg->str.p,
		    family == AF_INET ? "IPv4" : "IPv6");
	return 0;
}

static int
check_ipv4(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	args[0].ptr = tw_arena_zalloc(tw_gen_arena(gen), sizeof(struct tw_addr));
	return check_address(&args[0], AF_INET, err);
}

static int
check_ipv6(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	args[0].ptr = tw_arena_zalloc(tw_gen_arena(gen), sizeof(struct tw_addr));
	return check_address(&args[0], AF_INET6, err);
}

TW__FETCH(ip)
{
	TW_GET_UNUSED;
	return tw__give_addr(out, args[0].ptr);
}

TW__FETCH(meth)
{
	TW_GET_UNUSED;
	out->method = (uint8_t)tw_method_of(args[0].str);
	return tw_sample_str(out, TW_METH, args[0].str);
}

/* ---- clocks ------------------------------------------------------------- */

/* args[i]: "s", "ms" or "us". out: args[to].n, microseconds in one. */
static int
check_unit(struct tw_arg_val *args, int i, int to, struct tw_err *err)
{
	const char *const unit = args[i].type != TW_ANY ? args[i].str.p : "s";

	args[to].n = strcmp(unit, "s") == 0 ? 1000000
	    : strcmp(unit, "ms") == 0       ? 1000
	    : strcmp(unit, "us") == 0       ? 1
					    : 0;
	if (args[to].n == 0)
		return tw_err_set(err, "unit '%s' is unknown: write s, ms or us", unit);
	return 0;
}

static int
check_date(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)gen;
	return check_unit(args, 1, 2, err);
}

TW__FETCH(date)
{
	int64_t n;

	TW_GET_UNUSED;
	if (__builtin_add_overflow((int64_t)tw_wall_us() / args[2].n, args[0].n, &n))
		return false;
	return tw_sample_int(out, n);
}

TW__FETCH(date_us)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, (int64_t)(tw_wall_us() % 1000000));
}

static int
check_when(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)gen;
	return check_unit(args, 0, 1, err);
}

TW__FETCH(accept_date)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, (int64_t)tw_req_wall_us(req, true) / args[1].n);
}

TW__FETCH(request_date)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, (int64_t)tw_req_wall_us(req, false) / args[1].n);
}

/* ---- chance ------------------------------------------------------------- */

/* xorshift128+, seeded by the kernel, a thread's own. */
static uint64_t
chance(void)
{
	static __thread uint64_t s[2];

	if (s[0] == 0 && s[1] == 0 && getrandom(s, sizeof(s), 0) != (ssize_t)sizeof(s))
		s[0] = tw_wall_us() | 1;
	uint64_t x = s[0];
	const uint64_t y = s[1];
	s[0] = y;
	x ^= x << 23;
	s[1] = x ^ y ^ x >> 17 ^ y >> 26;
	return s[1] + y;
}

static int
check_rand(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)gen;
	if (args[0].n < 0 || args[0].n > INT64_C(0x100000000))
		return tw_err_set(err, "the range is from 1 to 2^32");
	return 0;
}

TW__FETCH(rand)
{
	const uint64_t n = chance() >> 32;

	TW_GET_UNUSED;
	return tw_sample_int(
	    out, args[0].n > 0 ? (int64_t)(n * (uint64_t)args[0].n >> 32) : (int64_t)n);
}

static int
check_uuid(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	(void)gen;
	if (args[0].type == TW_ANY)
		args[0].n = 4;
	if (args[0].n != 4 && args[0].n != 7)
		return tw_err_set(err, "version %lld is not supported: write 4 or 7",
		    (long long)args[0].n);
	return 0;
}

TW__FETCH(uuid)
{
	uint64_t hi = chance(), lo = chance();
	char *const mem = tw__scratch(req, 40);
	struct tw_out o = tw_out_of(mem, 40);

	TW_GET_UNUSED;
	if (args[0].n == 7)
		hi = tw_wall_us() / 1000 << 16 | (hi & 0xffff);
	hi = (hi & ~UINT64_C(0xf000)) | (uint64_t)args[0].n << 12;
	lo = (lo & UINT64_C(0x3fffffffffffffff)) | UINT64_C(0x8000000000000000);
	tw_out_printf(&o, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(hi >> 32),
	    (unsigned)(hi >> 16 & 0xffff), (unsigned)(hi & 0xffff),
	    (unsigned)(lo >> 48), (unsigned long long)(lo & UINT64_C(0xffffffffffff)));
	return tw_sample_str(out, TW_STRING, (struct tw_str){ mem, 36 });
}

/* ---- the process -------------------------------------------------------- */

TW__FETCH(pid)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, getpid());
}

TW__FETCH(one)
{
	TW_GET_UNUSED;
	return tw_sample_int(out, 1);
}

TW__FETCH(no)
{
	TW_GET_UNUSED;
	return tw_sample_bool(out, false);
}

TW__FETCH(act_conn)
{
	struct tw_process_info info;

	TW_GET_UNUSED;
	tw_process_info(&info);
	return tw_sample_int(out, info.cur_conns);
}

TW__FETCH(uptime)
{
	struct tw_process_info info;

	TW_GET_UNUSED;
	tw_process_info(&info);
	return tw_sample_int(out, (int64_t)info.uptime_s);
}

const struct tw_fetch tw__fetch_const[] = {
	{ "accept_date", "[s]", TW_SINT, TW__AT_CLIENT, fetch_accept_date, NULL,
	    check_when, "(unit) When the connection was accepted, since 1970." },
	{ "act_conn", "", TW_SINT, TW_AT_ANY, fetch_act_conn, NULL, NULL,
	    "Client connections of the process now." },
	{ "bin", "s", TW_BINARY, TW_AT_ANY, fetch_bin, NULL, check_bin,
	    "The bytes of the given hex digits." },
	{ "date", "[i,s]", TW_SINT, TW_AT_ANY, fetch_date, NULL, check_date,
	    "(offset, unit) The time since 1970 in s, ms or us." },
	{ "date_us", "", TW_SINT, TW_AT_ANY, fetch_date_us, NULL, NULL,
	    "The microseconds of the second." },
	{ "ipv4", "s", TW_IPV4, TW_AT_ANY, fetch_ip, NULL, check_ipv4,
	    "The given IPv4 address." },
	{ "ipv6", "s", TW_IPV6, TW_AT_ANY, fetch_ip, NULL, check_ipv6,
	    "The given IPv6 address." },
	{ "meth", "s", TW_METH, TW_AT_ANY, fetch_meth, NULL, NULL,
	    "The given method." },
	{ "pid", "", TW_SINT, TW_AT_ANY, fetch_pid, NULL, NULL,
	    "The process's number." },
	{ "proc", "", TW_SINT, TW_AT_ANY, fetch_one, NULL, NULL,
	    "Always 1: there is one process." },
	{ "quic_enabled", "", TW_BOOL, TW_AT_ANY, fetch_no, NULL, NULL,
	    "Are QUIC listeners possible?" },
	{ "rand", "[i]", TW_SINT, TW_AT_ANY, fetch_rand, NULL, check_rand,
	    "(range) A number by chance, below the range or 2^32." },
	{ "request_date", "[s]", TW_SINT, TW__AT_CLIENT, fetch_request_date, NULL,
	    check_when, "(unit) When the request's first byte came, since 1970." },
	{ "tgroup", "", TW_SINT, TW_AT_ANY, fetch_one, NULL, NULL,
	    "Always 1: there is one group of threads." },
	{ "uptime", "", TW_SINT, TW_AT_ANY, fetch_uptime, NULL, NULL,
	    "Seconds since the process was started." },
	{ "uuid", "[i]", TW_STRING, TW_AT_ANY, fetch_uuid, NULL, check_uuid,
	    "(version 4 or 7) A universally unique identifier." },
	{ .name = NULL },
};
