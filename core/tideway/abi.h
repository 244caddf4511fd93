/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * abi.h - what core and modules agree on before anything else.
 *
 * A module is accepted when its major number equals the core's and its minor
 * number is not above the core's. Raise the minor when something is added at
 * the end of a public struct or a function is added; raise the major (and
 * reset the minor) when anything existing changes. t/abi notices both.
 */
#ifndef TIDEWAY_ABI_H
#define TIDEWAY_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TW_ABI_MAJOR 6
#define TW_ABI_MINOR 0

#define TW_API __attribute__((visibility("default")))
#define TW_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define TW_LIKELY(x) __builtin_expect(!!(x), 1)
#define TW_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define TW_N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))

/* Opaque to modules; each is described in the header of its name. */
struct tw_arena;
struct tw_bind;
struct tw_cond;
struct tw_conn;
struct tw_expr;
struct tw_gen;
struct tw_kw;
struct tw_line;
struct tw_logfmt;
struct tw_module;
struct tw_proxy;
struct tw_proxy_live;
struct tw_regex;
struct tw_req;
struct tw_self;
struct tw_server;
struct tw_server_live;
struct tw_worker;

#endif
