/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * logvars.c - the variables of log-formats (%ci, %tr, ...).
 *
 * Request path: a usual line has some thirty of them. Dates are formatted
 * once a second and kept for the thread; numbers and IPv4 addresses are
 * written by hand; gauges are read straight from the live objects. What a
 * request has not is "-", or -1 for times, as in HAProxy.
 * source: HAProxy's manual, 8.2.6 and 8.4 (times), 8.5 (termination).
 */
#include "config.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <tideway/assert.h>

#include "expr/expr_int.h"
#include "flow/logvars.h"
#include "flow/req.h"
#include "proxy/proxy.h"
#include "run/worker.h"

#define US_PER_S 1000000u
#define DATE_BYTES 32

/* One date of this thread: "22/Nov/2026:11:26:46", and " +0000" after it. */
struct date {
	uint64_t second; /* 0: none yet */
	size_t len;
	char text[DATE_BYTES];
	size_t zone_len;
	char zone[8];
};

static __thread struct date local_date, gmt_date;

#define VAR(name) \
	static void var_##name(struct tw_req *req, struct tw_out *o, unsigned flags)
#define UNUSED ((void)req, (void)flags)

/* ---- pieces ------------------------------------------------------------- */

/* Most numbers in a log line have one digit. */
static inline void
put_u64(struct tw_out *o, uint64_t n)
{
	if (n < 10)
		tw_out_char(o, (char)('0' + n));
	else
		tw_out_u64(o, n);
}

static inline void
put_ms(struct tw_out *o, int64_t ms)
{
	if (TW_LIKELY(ms >= 0))
		put_u64(o, (uint64_t)ms);
	else
		tw_out_i64(o, ms);
}

static void
put_word(struct tw_out *o, const char *z, unsigned flags)
{
	tw__log_word(o, tw_str_of(z), flags);
}

static void
put_hex(struct tw_out *o, uint64_t n, int width)
{
	static const char digits[] = "0123456789ABCDEF";
	char text[16], *p = text + sizeof(text);

	do {
		*--p = digits[n & 15];
		n >>= 4;
		width--;
	} while (n > 0 || width > 0);
	tw_out_mem(o, p, (size_t)(text + sizeof(text) - p));
}

static void
put_number(struct tw_out *o, uint64_t n, unsigned flags, int hex_width)
{
	if (TW_UNLIKELY(flags & TW_LOG_HEX))
		put_hex(o, n, hex_width);
	else
		put_u64(o, n);
}

static inline char *
put_byte(char *p, unsigned n)
{
	if (n >= 100) {
		*p++ = (char)('0' + n / 100);
		n %= 100;
		*p++ = (char)('0' + n / 10);
	} else if (n >= 10) {
		*p++ = (char)('0' + n / 10);
	}
	*p++ = (char)('0' + n % 10);
	return p;
}

static void
put_v4(struct tw_out *o, const uint8_t ip[4])
{
	char text[16], *p = text;

	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*p++ = '.';
		p = put_byte(p, ip[i]);
	}
	tw_out_mem(o, text, (size_t)(p - text));
}

static void
put_address(struct tw_out *o, const struct tw_addr *a, unsigned flags)
{
	if (a == NULL || a->family == 0) {
		tw__log_word(o, (struct tw_str){ NULL, 0 }, flags);
		return;
	}
	if (flags & TW_LOG_HEX) {
		const int n = a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
		for (int i = 0; i < n; i++)
			put_hex(o, a->u.v6[i], 2);
		return;
	}
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
	if (TW_LIKELY(a->family == AF_INET))
		put_v4(o, a->u.v4);
	else
		tw_addr_out(o, a);
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
}

/* The port; for a unix socket the listener's number, as HAProxy shows it. */
static void
put_port(struct tw_out *o, const struct tw_addr *a, const struct tw_bind *bind,
    unsigned flags)
{
	if (a == NULL || a->family == 0)
		tw__log_word(o, (struct tw_str){ NULL, 0 }, flags);
	else if (a->family == AF_UNIX)
		put_number(o, bind ? bind->id : 0, flags, 4);
	else
		put_number(o, a->port, flags, 4);
}

static void
date_fill(struct date *d, uint64_t second, bool gmt)
{
	const time_t t = (time_t)second;
	struct tm tm;

	if (gmt)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct tw_out o = tw_out_of(d->text, sizeof(d->text));
	tw_out_printf(&o, "%02d/%s/%04d:%02d:%02d:%02d", tm.tm_mday, months[tm.tm_mon],
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	d->len = (size_t)(o.p - d->text);
	const long zone = gmt ? 0 : tm.tm_gmtoff / 60;
	const long minutes = zone < 0 ? -zone : zone;
	o = tw_out_of(d->zone, sizeof(d->zone));
	tw_out_printf(
	    &o, " %c%02ld%02ld", zone < 0 ? '-' : '+', minutes / 60, minutes % 60);
	d->zone_len = (size_t)(o.p - d->zone);
	d->second = second;
}

static const struct date *
date_of(struct date *d, uint64_t us, bool gmt)
{
	const uint64_t second = us / US_PER_S;

	if (TW_UNLIKELY(d->second != second))
		date_fill(d, second, gmt);
	return d;
}

static inline void
put_millis(struct tw_out *o, uint64_t us)
{
	const unsigned ms = (unsigned)(us % US_PER_S / 1000);
	const char tail[4] = { '.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
		(char)('0' + ms % 10) };

	tw_out_mem(o, tail, sizeof(tail));
}

static void
put_date_ms(struct tw_out *o, uint64_t us)
{
	const struct date *const d = date_of(&local_date, us, false);

	tw_out_mem(o, d->text, d->len);
	put_millis(o, us);
}

static void
put_date_zone(struct tw_out *o, uint64_t us, bool gmt)
{
	const struct date *const d = date_of(gmt ? &gmt_date : &local_date, us, gmt);

	tw_out_mem(o, d->text, d->len);
	tw_out_mem(o, d->zone, d->zone_len);
}

/* ---- who and where ------------------------------------------------------ */

VAR(ci)
{
	put_address(o, tw_conn_src(tw_req_conn(req)), flags);
}

VAR(cp)
{
	struct tw_conn *const c = tw_req_conn(req);

	put_port(o, tw_conn_src(c), tw_conn_bind(c), flags);
}

VAR(fi)
{
	put_address(o, tw_conn_dst(tw_req_conn(req)), flags);
}

VAR(fp)
{
	struct tw_conn *const c = tw_req_conn(req);

	put_port(o, tw_conn_dst(c), tw_conn_bind(c), flags);
}

static const struct tw_addr *
server_address(struct tw_req *req)
{
	const struct tw_server *const srv = tw_req_server(req);

	return srv ? tw_server_addr(srv) : NULL;
}

VAR(si)
{
	put_address(o, server_address(req), flags);
}

VAR(sp)
{
	put_port(o, server_address(req), NULL, flags);
}

/* Where the connection to the server comes from. */
VAR(bi)
{
	put_address(o, req->source, flags);
}

VAR(bp)
{
	put_port(o, req->source, NULL, flags);
}

VAR(f)
{
	put_word(o, tw_req_frontend(req)->name, flags);
}

VAR(ft)
{
	const struct tw_str name = tw_str_of(tw_req_frontend(req)->name);
	const bool is_ssl = tw_req_is_ssl(req);
	const bool quoted = is_ssl && (flags & TW_LOG_QUOTE) != 0;

	if (quoted)
		tw_out_char(o, '"');
	tw__log_word(o, name, is_ssl ? flags & ~TW_LOG_QUOTE : flags);
	if (is_ssl)
		tw_out_char(o, '~');
	if (quoted)
		tw_out_char(o, '"');
}

VAR(b)
{
	const struct tw_proxy *const be = tw_req_backend(req);

	put_word(o, (be ? be : tw_req_frontend(req))->name, flags);
}

/* The name of a service that answered ("<STATS>"), from the trail. */
static const char *
service_name(const struct tw_req *req)
{
	const struct tw_trail *trail;

	for (int n = tw_req_trail(req, &trail); n-- > 0;)
		if (trail[n].what == TW_ANSWERED && trail[n].name != NULL &&
		    trail[n].name[0] == '<')
			return trail[n].name;
	return "<NOSRV>";
}

VAR(s)
{
	const struct tw_server *const srv = tw_req_server(req);

	put_word(o, srv ? srv->name : service_name(req), flags);
}

VAR(H)
{
	static __thread char name[256];

	UNUSED;
	if (name[0] == '\0' && gethostname(name, sizeof(name) - 1) != 0)
		name[0] = '\0';
	put_word(o, name, flags);
}

VAR(pid)
{
	UNUSED;
	put_number(o, (uint64_t)tw__log_pid(), flags, 4);
}

/* ---- times -------------------------------------------------------------- */

#define VAR_TIME(name, which)                          \
	VAR(name)                                      \
	{                                              \
		(void)flags;                           \
		put_ms(o, tw_req_time_ms(req, which)); \
	}

/* A total that is still growing: option logasap. */
#define VAR_TOTAL(name, which)                          \
	VAR(name)                                       \
	{                                               \
		(void)flags;                            \
		if (TW_UNLIKELY(!tw_req_complete(req))) \
			tw_out_char(o, '+');            \
		put_ms(o, tw_req_time_ms(req, which));  \
	}

VAR_TIME(Th, TW_T_HANDSHAKE)
VAR_TIME(Ti, TW_T_IDLE)
VAR_TIME(TR, TW_T_REQUEST)
VAR_TIME(Tq, TW_T_QUERY)
VAR_TIME(Tw, TW_T_QUEUE)
VAR_TIME(Tc, TW_T_CONNECT)
VAR_TIME(Tr, TW_T_RESPONSE)
VAR_TIME(Td, TW_T_DATA)
VAR_TOTAL(Ta, TW_T_ACTIVE)
VAR_TOTAL(Tt, TW_T_TOTAL)
VAR_TOTAL(Tu, TW_T_USER)

VAR(t)
{
	(void)flags;
	put_date_ms(o, tw_req_wall_us(req, true));
}

VAR(tr)
{
	(void)flags;
	put_date_ms(o, tw_req_wall_us(req, false));
}

/* RFC 3339, with milliseconds: for programs. */
VAR(isodate)
{
	static __thread struct date iso;
	const uint64_t us = tw_req_wall_us(req, false);
	const time_t t = (time_t)(us / US_PER_S);

	if (TW_UNLIKELY(iso.second != us / US_PER_S)) {
		struct tm tm;
		localtime_r(&t, &tm);
		iso.len =
		    strftime(iso.text, sizeof(iso.text), "%Y-%m-%dT%H:%M:%S", &tm);
		iso.zone_len = strftime(iso.zone, sizeof(iso.zone), "%z", &tm);
		iso.second = us / US_PER_S;
	}
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
	tw_out_mem(o, iso.text, iso.len);
	put_millis(o, us);
	tw_out_mem(o, iso.zone, 3); /* "+0100": a colon in the middle */
	tw_out_char(o, ':');
	tw_out_mem(o, iso.zone + 3, 2);
	if (flags & TW_LOG_QUOTE)
		tw_out_char(o, '"');
}

VAR(T)
{
	(void)flags;
	put_date_zone(o, tw_req_wall_us(req, true), true);
}

VAR(Tl)
{
	(void)flags;
	put_date_zone(o, tw_req_wall_us(req, true), false);
}

VAR(trg)
{
	(void)flags;
	put_date_zone(o, tw_req_wall_us(req, false), true);
}

VAR(trl)
{
	(void)flags;
	put_date_zone(o, tw_req_wall_us(req, false), false);
}

VAR(Ts)
{
	put_number(o, tw_req_wall_us(req, true) / US_PER_S, flags, 4);
}

VAR(ms)
{
	const unsigned ms = (unsigned)(tw_req_wall_us(req, true) % US_PER_S / 1000);

	if (flags & TW_LOG_HEX)
		put_hex(o, ms, 2);
	else
		tw_out_mem(o,
		    (const char[3]){ (char)('0' + ms / 100), (char)('0' + ms / 10 % 10),
			(char)('0' + ms % 10) },
		    3);
}

/* ---- counts ------------------------------------------------------------- */

static uint32_t
side_now(const struct tw__side_live *s)
{
	return atomic_load_explicit(&s->cur, memory_order_relaxed);
}

VAR(ac)
{
	uint64_t sum = 0;

	UNUSED;
	for (int i = 1; i <= tw_n_workers(); i++)
		sum +=
		    atomic_load_explicit(&tw_worker_at(i)->conns, memory_order_relaxed);
	put_u64(o, sum);
}

VAR(fc)
{
	(void)flags;
	put_u64(o, side_now(&tw_req_frontend(req)->live->fe));
}

VAR(bc)
{
	const struct tw_proxy *const be = tw_req_backend(req);

	(void)flags;
	put_u64(o, be && be->live ? side_now(&be->live->be) : 0);
}

VAR(sc)
{
	const struct tw_server *const srv = tw_req_server(req);

	(void)flags;
	put_u64(o, srv && srv->live ? side_now(&srv->live->s) : 0);
}

/* "+" before the number: the request was redispatched. */
VAR(rc)
{
	const int retries = tw_req_retries(req);

	(void)flags;
	if (TW_UNLIKELY(retries < 0))
		tw_out_char(o, '+');
	put_u64(o, (uint64_t)(retries < 0 ? -retries : retries));
}

VAR(sq)
{
	(void)flags;
	put_u64(o, tw_req_server_queue(req));
}

VAR(bq)
{
	(void)flags;
	put_u64(o, tw_req_backend_queue(req));
}

VAR(B)
{
	(void)flags;
	if (TW_UNLIKELY(!tw_req_complete(req)))
		tw_out_char(o, '+');
	put_u64(o, tw_req_bytes_out(req));
}

VAR(U)
{
	(void)flags;
	put_u64(o, tw_req_bytes_in(req));
}

VAR(ST)
{
	(void)flags;
	/* no request at all */
	if (!req->http || (req->failed && req->failed_at <= TW__HELLO))
		tw_out_char(o, '0');
	else
		tw_out_i64(o, tw_req_status(req));
}

VAR(rt)
{
	put_number(o, tw_req_id(req), flags, 4);
}

VAR(lc)
{
	struct tw_proxy_live *const live = tw_req_frontend(req)->live;

	put_number(
	    o, atomic_load_explicit(&live->log_count, memory_order_relaxed), flags, 4);
}

/* ---- the exchange ------------------------------------------------------- */

VAR(ts)
{
	char t[4];

	(void)flags;
	tw_req_term(req, t);
	tw_out_mem(o, t, 2);
}

VAR(tsc)
{
	char t[4];

	(void)flags;
	tw_req_term(req, t);
	tw_out_mem(o, t, 4);
}

/* Only of a head that was understood to its end, as in HAProxy. */
static struct tw_str
start_line(struct tw_req *req)
{
	if (TW_UNLIKELY(tw_req_time_ms(req, TW_T_REQUEST) < 0))
		return (struct tw_str){ NULL, 0 };
	return tw_req_start_line(req);
}

bool
tw__line_split(struct tw_str s, struct tw__line *l)
{
	if (s.len == 0)
		return false;
	const char *const end = s.p + s.len;
	const char *const sp = memchr(s.p, ' ', s.len);
	const char *const last = memrchr(s.p, ' ', s.len);
	if (sp == NULL || last == sp)
		return false;
	l->method = (struct tw_str){ s.p, (size_t)(sp - s.p) };
	l->uri = (struct tw_str){ sp + 1, (size_t)(last - sp - 1) };
	l->version = (struct tw_str){ last + 1, (size_t)(end - last - 1) };
	return true;
}

VAR(r)
{
	const struct tw_str s = start_line(req);

	tw_log_text(o, s.len > 0 ? s : TW_STR("<BADREQ>"), flags);
}

#define VAR_LINE(name, part)                                                         \
	VAR(name)                                                                    \
	{                                                                            \
		struct tw__line l;                                                   \
		tw_log_text(o,                                                       \
		    tw__line_split(start_line(req), &l) ? part : TW_STR("<BADREQ>"), \
		    flags);                                                          \
	}

static struct tw_str
before_query(struct tw_str uri)
{
	const char *const q = uri.len ? memchr(uri.p, '?', uri.len) : NULL;

	return q ? (struct tw_str){ uri.p, (size_t)(q - uri.p) } : uri;
}

static struct tw_str
query_of(struct tw_str uri)
{
	const char *const q = uri.len ? memchr(uri.p, '?', uri.len) : NULL;

	return q ? (struct tw_str){ q, (size_t)(uri.p + uri.len - q) }
		 : (struct tw_str){ "", 0 };
}

/* Without scheme and authority. Neither '*' nor an authority has a path. */
static struct tw_str
path_only(struct tw_str uri)
{
	const struct tw_str s = before_query(uri), none = { NULL, 0 };
	struct tw_uri parts;

	if (s.len == 0 || s.p[0] == '/')
		return s;
	return tw_uri_split(s, &parts) && parts.pathq.len > 0 ? parts.pathq : none;
}

VAR_LINE(HM, l.method)
VAR_LINE(HU, l.uri)
VAR_LINE(HV, l.version)
VAR_LINE(HP, before_query(l.uri))
VAR_LINE(HPO, path_only(l.uri))
VAR_LINE(HQ, query_of(l.uri))

VAR(ID)
{
	tw__log_word(o, tw_req_unique_id(req), flags);
}

/* Where the line comes from. */
VAR(OG)
{
	static const char *const names[TW__N_LOG_STEPS] = {
		[TW__LOG_AT_CLOSE] = "txn_close",
		[TW__LOG_AT_ACCEPT] = "txn_accept",
		[TW__LOG_AT_REQUEST] = "txn_request",
		[TW__LOG_AT_CONNECT] = "txn_connect",
		[TW__LOG_AT_RESPONSE] = "txn_response",
#define X(at, name) [TW__LOG_DO_##at] = name,
		TW__LOG_DO_NAMES(X)
#undef X
	};
	const bool is_error = req->failed && req->failed_at <= TW__HELLO;

	put_word(o, is_error ? "sess_error" : names[req->log_step], flags);
}

const struct tw_logvar tw__core_logvars[] = {
	{ "B", var_B, TW_LOGVAR_NUMBER, "bytes sent to the client" },
	{ "H", var_H, TW_LOGVAR_CHECK, "host name of this machine" },
	{ "HM", var_HM, TW_LOGVAR_HTTP, "method" },
	{ "HP", var_HP, TW_LOGVAR_HTTP, "URI without query string" },
	{ "HPO", var_HPO, TW_LOGVAR_HTTP, "path only" },
	{ "HQ", var_HQ, TW_LOGVAR_HTTP | TW__LOGVAR_SOLID,
	    "query string with its '?'" },
	{ "HU", var_HU, TW_LOGVAR_HTTP, "URI" },
	{ "HV", var_HV, TW_LOGVAR_HTTP, "HTTP version" },
	{ "ID", var_ID, 0, "unique id" },
	{ "OG", var_OG, 0, "where the line was written, as txn_close" },
	{ "ST", var_ST, TW_LOGVAR_NUMBER, "status" },
	{ "T", var_T, 0, "date of accept, GMT" },
	{ "TR", var_TR, TW_LOGVAR_HTTP | TW_LOGVAR_NUMBER,
	    "time to receive the request" },
	{ "Ta", var_Ta, TW_LOGVAR_HTTP | TW_LOGVAR_NUMBER,
	    "active time of the request" },
	{ "Tc", var_Tc, TW_LOGVAR_NUMBER, "time to connect to the server" },
	{ "Td", var_Td, TW_LOGVAR_NUMBER, "time to transfer the data" },
	{ "Th", var_Th, TW_LOGVAR_NUMBER, "time of handshakes" },
	{ "Ti", var_Ti, TW_LOGVAR_HTTP | TW_LOGVAR_NUMBER,
	    "idle time before the request" },
	{ "Tl", var_Tl, 0, "date of accept, local" },
	{ "Tq", var_Tq, TW_LOGVAR_HTTP | TW_LOGVAR_NUMBER, "Th + Ti + TR" },
	{ "Tr", var_Tr, TW_LOGVAR_HTTP | TW_LOGVAR_NUMBER,
	    "time the server took to answer" },
	{ "Ts", var_Ts, TW_LOGVAR_NUMBER, "date of accept, seconds since the epoch" },
	{ "Tt", var_Tt, TW_LOGVAR_NUMBER, "total time" },
	{ "Tu", var_Tu, TW_LOGVAR_NUMBER, "total time as the user sees it" },
	{ "Tw", var_Tw, TW_LOGVAR_NUMBER, "time in queues" },
	{ "U", var_U, TW_LOGVAR_NUMBER, "bytes received from the client" },
	{ "ac", var_ac, TW_LOGVAR_NUMBER, "connections of the process" },
	{ "b", var_b, TW_LOGVAR_CHECK, "backend's name" },
	{ "bi", var_bi, TW__LOGVAR_SOURCE, "address of the connection to the server" },
	{ "bp", var_bp, TW__LOGVAR_SOURCE | TW_LOGVAR_NUMBER,
	    "port of the connection to the server" },
	{ "bc", var_bc, TW_LOGVAR_NUMBER, "sessions of the backend" },
	{ "bq", var_bq, TW_LOGVAR_NUMBER, "requests before it in the backend's queue" },
	{ "ci", var_ci, 0, "client's address" },
	{ "cp", var_cp, TW_LOGVAR_NUMBER, "client's port" },
	{ "f", var_f, 0, "frontend's name" },
	{ "fc", var_fc, TW_LOGVAR_NUMBER, "connections of the frontend" },
	{ "fi", var_fi, 0, "address the client connected to" },
	{ "fp", var_fp, TW_LOGVAR_NUMBER, "port the client connected to" },
	{ "ft", var_ft, 0, "frontend's name, with ~ after TLS" },
	{ "isodate", var_isodate, 0,
	    "date of the request as RFC 3339 has it (tideway's own)" },
	{ "lc", var_lc, TW_LOGVAR_NUMBER, "lines the frontend has logged" },
	{ "ms", var_ms, TW_LOGVAR_NUMBER, "milliseconds of the date of accept" },
	{ "pid", var_pid, TW_LOGVAR_NUMBER | TW_LOGVAR_CHECK, "process id" },
	{ "r", var_r, TW_LOGVAR_HTTP, "request line" },
	{ "rc", var_rc, TW_LOGVAR_NUMBER, "retries" },
	{ "rt", var_rt, TW_LOGVAR_NUMBER, "number of the request" },
	{ "s", var_s, TW_LOGVAR_CHECK, "server's name" },
	{ "sc", var_sc, TW_LOGVAR_NUMBER, "sessions of the server" },
	{ "si", var_si, 0, "server's address" },
	{ "sp", var_sp, TW_LOGVAR_NUMBER, "server's port" },
	{ "sq", var_sq, TW_LOGVAR_NUMBER, "requests before it in the server's queue" },
	{ "t", var_t, 0, "date of accept, with milliseconds" },
	{ "tr", var_tr, TW_LOGVAR_HTTP, "date of the request" },
	{ "trg", var_trg, TW_LOGVAR_HTTP, "date of the request, GMT" },
	{ "trl", var_trl, TW_LOGVAR_HTTP, "date of the request, local" },
	{ "ts", var_ts, 0, "termination state" },
	{ "tsc", var_tsc, TW_LOGVAR_HTTP, "termination and cookie state" },
	{ .name = NULL },
};

int
tw__logvars_register(struct tw_err *err)
{
	return tw__logvar_add(tw__core_logvars, err) == 0 ? tw__captures_register(err)
							  : -1;
}
