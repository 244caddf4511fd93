/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * logger.c - log lines from the request to the target.
 *
 * Hot path. A line is formatted once, straight into the worker's buffer, with
 * the header of its first logger before it; other loggers get a header of
 * their own and share the text. How lines leave is in
 * logbuf.c. Dates are formatted once a second; the tail of a
 * header (tag and pid) once for each tag. The control thread and threads that
 * are no workers use the same code. source: RFC 3164, RFC 5424; HAProxy's
 * manual, keyword `log`.
 */
#include "config.h"

#include <tideway/edit.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <tideway/assert.h>

#include "expr/expr_int.h"
#include "proxy/forward.h"
#include "proxy/logbuf.h"
#include "proxy/logger.h"
#include "proxy/proxy.h"
#include "proxy/ring.h"
#include "run/worker.h"

#define NAME_MAX_BYTES 250
#define US_PER_S 1000000u

/* Whatever the loggers of one line need fits into an empty buffer. */
_Static_assert(
    2 * TW__LOG_LEN_MAX + (2 * TW__LOGGERS_MAX + 1) * TW__LOGW_HEADER < TW__LOGW_BYTES,
    "a line fits");
_Static_assert(2 * TW__LOGGERS_MAX <= TW__LOGW_ENTRIES, "so do its entries");

/* What a line is made from. */
struct line {
	const struct tw_gen *gen;
	const struct tw__logger_list *list[2];
	const char *tag;
	enum tw_level level;
	const struct tw_logfmt *fmt; /* or text */
	const struct tw_logfmt *sd;  /* structured data of RFC 5424; NULL: none */
	enum tw__log_step step;
	bool alone; /* for one logger, whatever the lists say */
	const struct tw__log_profile *profile; /* NULL: each logger's own */
	struct tw_req *req;
	struct tw_str text;
};

static struct tw__logw *shared_logw; /* for threads that are no workers */
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;
static int own_pid;            /* shared: atomic; 0: ask */
static __thread bool sink_off; /* this thread's message goes elsewhere */

static void
pid_forget(void)
{
	__atomic_store_n(&own_pid, 0, __ATOMIC_RELAXED);
}

static void
watch_forks(void)
{
	pthread_atfork(NULL, NULL, pid_forget);
}

int
tw__log_pid(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int pid = __atomic_load_n(&own_pid, __ATOMIC_RELAXED);

	if (TW_LIKELY(pid != 0))
		return pid;
	pthread_once(&once, watch_forks);
	pid = (int)getpid();
	__atomic_store_n(&own_pid, pid, __ATOMIC_RELAXED);
	return pid;
}

/* ---- headers ------------------------------------------------------------ */

static void
dates_fill(struct tw__logw *lw, uint64_t second)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const time_t t = (time_t)second;
	struct tm tm;

	localtime_r(&t, &tm);
	const long zone = tm.tm_gmtoff / 60;
	const long minutes = zone < 0 ? -zone : zone;
	snprintf(lw->date, sizeof(lw->date), "%s %2d %02d:%02d:%02d ",
	    months[tm.tm_mon], tm.tm_mday % 100u, tm.tm_hour % 100u, tm.tm_min % 100u,
	    tm.tm_sec % 100u);
	strftime(lw->iso, sizeof(lw->iso), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(lw->zone, sizeof(lw->zone), "%c%02ld:%02ld", zone < 0 ? '-' : '+',
	    minutes / 60 % 100, minutes % 60);
	lw->second = second;
}

static void
put_iso(struct tw__logw *lw, struct tw_out *o, uint64_t us)
{
	char micros[7] = ".";
	uint64_t rest = us % US_PER_S;

	for (int i = 6; i > 0; i--) {
		micros[i] = (char)('0' + rest % 10);
		rest /= 10;
	}
	tw_out_str(o, tw_str_of(lw->iso));
	tw_out_mem(o, micros, sizeof(micros));
	tw_out_str(o, tw_str_of(lw->zone));
	tw_out_char(o, ' ');
}

static void
put_priority(struct tw_out *o, unsigned n)
{
	tw_out_char(o, '<');
	tw_out_u64(o, n);
	tw_out_char(o, '>');
}

/* in: none, what stands there unless log-send-hostname asks for the name. */
static const char *
host_name(const struct tw_gen *gen, const char *none)
{
	static __thread char name[256];

	if (gen->global.log_hostname != NULL)
		return gen->global.log_hostname;
	if (!gen->global.log_send_hostname)
		return none;
	if (name[0] == '\0' && gethostname(name, sizeof(name) - 1) != 0)
		return "-";
	return name;
}

static void
put_name(struct tw_out *o, const char *name)
{
	tw_out_mem(o, name, strnlen(name, NAME_MAX_BYTES));
}

static void
put_tail(struct tw__logw *lw, struct tw_out *o, const struct line *l)
{
	if (TW_UNLIKELY(lw->tag != l->tag || lw->tag_gen != l->gen->number)) {
		struct tw_out t = tw_out_of(lw->tail, sizeof(lw->tail));
		tw_out_printf(&t, "%.250s[%d]: ", l->tag, tw__log_pid());
		lw->tail_len = (size_t)(t.p - lw->tail);
		lw->tag = l->tag;
		lw->tag_gen = l->gen->number;
	}
	tw_out_mem(o, lw->tail, lw->tail_len);
}

static void
put_header(struct tw__logw *lw, struct tw_out *o, const struct line *l,
    const struct tw__logger *lg)
{
	const unsigned level = l->level < lg->min_level ? lg->min_level : l->level;
	const unsigned priority = lg->facility * 8u + level;
	const uint64_t us = tw_wall_us();
	unsigned format = lg->format;

	if (format == TW__LOG_DEFAULT)
		format =
		    l->gen->global.log_send_hostname ? TW__LOG_RFC3164 : TW__LOG_LOCAL;
	if (TW_UNLIKELY(lw->second != us / US_PER_S))
		dates_fill(lw, us / US_PER_S);
	if (format == TW__LOG_SHORT || format == TW__LOG_TIMED)
		put_priority(o, level);
	else if (format != TW__LOG_RAW && format != TW__LOG_ISO)
		put_priority(o, priority);
	switch ((enum tw__log_format)format) {
	case TW__LOG_RFC5424:
		tw_out_lit(o, "1 ");
		put_iso(lw, o, us);
		tw_out_printf(o, "%.250s %.250s %d - ", host_name(l->gen, "-"), l->tag,
		    tw__log_pid());
		if (l->sd == NULL) /* else it stands before the text */
			tw_out_lit(o, "- ");
		break;
	case TW__LOG_TIMED:
	case TW__LOG_ISO:
		put_iso(lw, o, us);
		break;
	case TW__LOG_RFC3164:
		tw_out_mem(o, lw->date, 16);
		put_name(o, host_name(l->gen, "localhost"));
		tw_out_char(o, ' ');
		put_tail(lw, o, l);
		break;
	case TW__LOG_LOCAL:
		tw_out_mem(o, lw->date, 16);
		put_tail(lw, o, l);
		break;
	default:
		break;
	}
}

/* ---- lines -------------------------------------------------------------- */

static uint32_t
longest(const struct line *l)
{
	uint32_t len = 0;
	const struct tw__logger *lg;

	for (int i = 0; i < 2; i++)
		if (l->list[i] != NULL)
			SLIST_FOREACH(lg, l->list[i], link)
				len = lg->max_len > len ? lg->max_len : len;
	return len;
}

/* The text, behind the first header; `limit`: bytes it may have. */
static void
put_text(
    struct tw__logw *lw, const struct line *l, uint32_t limit, struct tw__log_entry *e)
{
	struct tw_out o = tw_out_of(lw->buf + lw->used, limit);

	if (l->fmt != NULL)
		tw_logfmt_out(l->fmt, l->req, &o);
	else
		tw_out_mem(&o, l->text.p, l->text.len < limit ? l->text.len : limit);
	e->text = lw->used;
	e->text_len = (uint32_t)(o.p - (lw->buf + lw->used));
	*o.p = '\n'; /* there is room: see emit() */
	lw->used = e->text + e->text_len + 1;
}

/* The same with structured data before it. */
static void
put_sd_text(
    struct tw__logw *lw, const struct line *l, uint32_t limit, struct tw__log_entry *e)
{
	struct tw_out o = tw_out_of(lw->buf + lw->used, limit);

	if (tw_logfmt_out(l->sd, l->req, &o) == 0)
		tw_out_char(&o, '-');
	tw_out_char(&o, ' ');
	const uint32_t from = lw->used, len = (uint32_t)(o.p - (lw->buf + from));
	lw->used += len;
	put_text(lw, l, limit - len, e);
	e->text = from;
	e->text_len += len;
}

/* in: texts, the two forms of the line's text, made when first needed. */
static void
emit_to(struct tw__logw *lw, const struct line *l, const struct tw__logger *lg,
    struct tw__log_entry *texts)
{
	struct tw__log_entry *const e = &lw->entry[lw->n];
	struct tw_out o = tw_out_of(lw->buf + lw->used, TW__LOGW_BYTES - lw->used);
	const bool with_sd = l->sd != NULL && lg->format == TW__LOG_RFC5424;
	struct tw__log_entry *const text = &texts[with_sd];

	e->head = lw->used;
	put_header(lw, &o, l, lg);
	e->head_len = (uint32_t)(o.p - (lw->buf + lw->used));
	lw->used += e->head_len;
	const uint32_t room = lg->max_len > e->head_len ? lg->max_len - e->head_len : 0;
	if (text->target == NULL) { /* nobody has needed it yet */
		const bool only =
		    l->alone || (l->list[1] == NULL && SLIST_NEXT(lg, link) == NULL);
		const uint32_t limit = only ? room : longest(l);
		if (TW_UNLIKELY(with_sd))
			put_sd_text(lw, l, limit, text);
		else
			put_text(lw, l, limit, text);
		text->target = lg->target;
	}
	if (TW_UNLIKELY(text->text_len == 0)) /* nothing to say */
		return;
	e->target = lg->target;
	e->text = text->text;
	e->text_len = text->text_len < room ? text->text_len : room;
	lw->n++;
}

static uint32_t
count_loggers(const struct line *l)
{
	uint32_t n = 0;
	const struct tw__logger *lg;

	for (int i = 0; i < 2; i++)
		if (l->list[i] != NULL)
			SLIST_FOREACH(lg, l->list[i], link)
				n++;
	return n;
}

/* Whether it is this line's turn. */
static bool
is_sampled(struct tw__log_sample *s)
{
	const uint32_t i =
	    (uint32_t)(atomic_fetch_add_explicit(&s->lines, 1, memory_order_relaxed) %
		s->size);

	for (uint32_t k = 0; k < s->n_ranges; k++)
		if (i + 1 >= s->range[k].low && i + 1 <= s->range[k].high)
			return true;
	return false;
}

/* The line as a logger's profile wants it. returns: false: not at all. */
static bool
profiled(const struct line *l, const struct tw__log_profile *p, struct line *out)
{
	const int step = p->step[l->step].given ? (int)l->step : TW__LOG_AT_ANY;

	*out = *l;
	out->alone = true;
	if (p->tag != NULL)
		out->tag = p->tag;
	if (l->req == NULL) /* no format at all */
		return true;
	if (p->step[step].fmt != NULL)
		out->fmt = p->step[step].fmt;
	if (p->step[step].sd != NULL)
		out->sd = p->step[step].sd;
	return !p->step[step].drop;
}

/* The newest entry goes to a server of the logger's backend, or nowhere. */
static void
address(struct tw__logw *lw, const struct tw__logger *lg, struct tw_str body)
{
	struct tw__log_entry *const e = &lw->entry[lw->n - 1];

	e->target = tw__log_backend_target(lg->backend, body);
	if (e->target != NULL)
		return;
	lw->n--;
	tw__log_drop(NULL, 1);
}

static void
emit_alone(struct tw__logw *lw, const struct line *l, const struct tw__logger *lg)
{
	const uint32_t bytes = 2 * lg->max_len + 2 * TW__LOGW_HEADER;
	struct tw__log_entry text[2] = { { .target = NULL }, { .target = NULL } };

	if (!tw__logw_has_room(lw, bytes, 1))
		tw__logw_make_room(lw, bytes, 1);
	const int n = lw->n;
	emit_to(lw, l, lg, text);
	if (lg->backend != NULL && lw->n > n)
		address(lw, lg,
		    (struct tw_str){
			lw->buf + lw->entry[n].text, lw->entry[n].text_len });
}

/* Loggers with a sample, a profile or a backend; they share no text. */
static void
emit_special(struct tw__logw *lw, const struct line *l)
{
	const struct tw__logger *lg;
	struct line own = *l;

	for (int i = 0; i < 2; i++) {
		if (l->list[i] == NULL)
			continue;
		SLIST_FOREACH(lg, l->list[i], link) {
			const struct tw__log_profile *const p =
			    l->profile != NULL ? l->profile : lg->profile;
			if ((!lg->is_special && p == NULL) ||
			    l->level > lg->max_level ||
			    (lg->sample != NULL && !is_sampled(lg->sample)))
				continue;
			own = *l;
			own.alone = true;
			if (p == NULL || profiled(l, p, &own))
				emit_alone(lw, &own, lg);
		}
	}
}

static void
emit(struct tw__logw *lw, const struct line *l)
{
	const uint32_t n = count_loggers(l);
	const struct tw__logger *lg;
	struct tw__log_entry text[2] = { { .target = NULL }, { .target = NULL } };
	bool special = false;

	const uint32_t bytes =
	    (l->sd != NULL ? 2 : 1) * longest(l) + (n + 1) * TW__LOGW_HEADER;

	if (TW_UNLIKELY(!tw__logw_has_room(lw, bytes, n)))
		tw__logw_make_room(lw, bytes, n);
	for (int i = 0; i < 2; i++) {
		if (l->list[i] == NULL)
			continue;
		SLIST_FOREACH(lg, l->list[i], link) {
			if (l->level > lg->max_level)
				continue;
			if (TW_LIKELY(!lg->is_special && l->profile == NULL))
				emit_to(lw, l, lg, text);
			else
				special = true;
		}
	}
	if (TW_UNLIKELY(special))
		emit_special(lw, l);
}

static void
emit_any(const struct line *l)
{
	if (tw__self != NULL && tw__self->log != NULL) {
		emit(tw__self->log, l);
		return;
	}
	pthread_mutex_lock(&shared_lock);
	if (shared_logw == NULL)
		shared_logw = tw__logw_new();
	if (shared_logw != NULL) {
		emit(shared_logw, l);
		tw__logw_flush(shared_logw);
	}
	pthread_mutex_unlock(&shared_lock);
}

bool
tw__log_is_sampled(const struct tw__logger *lg)
{
	return lg->sample == NULL || is_sampled(lg->sample);
}

void
tw__log_message(const struct tw__logger *lg, struct tw_str text, struct tw_str body)
{
	struct tw__logw *const lw = tw__self->log;

	if (!tw__logw_has_room(lw, (uint32_t)text.len + 1, 1))
		tw__logw_make_room(lw, (uint32_t)text.len + 1, 1);
	struct tw__log_entry *const e = &lw->entry[lw->n++];
	*e = (struct tw__log_entry){ .target = lg->target,
		.head = lw->used,
		.text = lw->used,
		.text_len = (uint32_t)text.len };
	memcpy(lw->buf + lw->used, text.p, text.len);
	lw->buf[lw->used + text.len] = '\n';
	lw->used += (uint32_t)text.len + 1;
	if (lg->backend != NULL)
		address(lw, lg, body);
}

/* ---- what is logged ----------------------------------------------------- */

/* out: the proxy's lists; false: nobody wants to hear. */
static bool
line_of(const struct tw_proxy *px, struct line *l)
{
	const struct tw_gen *const gen = px->gen;
	int n = 0;

	l->gen = gen;
	l->list[0] = l->list[1] = NULL;
	if (!SLIST_EMPTY(&px->c.loggers))
		l->list[n++] = &px->c.loggers;
	if (px->c.log_global && !SLIST_EMPTY(&gen->global.loggers))
		l->list[n++] = &gen->global.loggers;
	l->tag = px->c.log_tag    ? px->c.log_tag
	    : gen->global.log_tag ? gen->global.log_tag
				  : "tideway";
	return n > 0;
}

static bool
is_error(struct tw_req *req)
{
	char term[4];

	tw_req_term(req, term);
	return term[0] != '-' || tw_req_retries(req) != 0 ||
	    tw_req_status(req) >= 500 || tw_req_redispatched(req);
}

void
tw__log_request(struct tw_req *req, enum tw__log_step step)
{
	tw__log_request_as(req, step, NULL);
}

void
tw__log_request_as(
    struct tw_req *req, enum tw__log_step step, const struct tw__log_profile *profile)
{
	const struct tw_proxy *const fe = tw_req_frontend(req);
	struct line l = { .level = TW_INFO,
		.fmt = fe->c.logfmt,
		.sd = fe->c.logfmt_sd,
		.step = step,
		.profile = profile,
		.req = req };

	if (!line_of(fe, &l) || l.fmt == NULL)
		return;
	if (TW_UNLIKELY(fe->c.log_separate_errors) && is_error(req))
		l.level = TW_ERR;
	l.level = tw_req_log_level(req, l.level);
	TW_ASSERT(tw__self != NULL && tw__self->log != NULL);
	emit(tw__self->log, &l);
	atomic_fetch_add_explicit(&fe->live->log_count, 1, memory_order_relaxed);
}

/* Its name, or its number when it was given none. */
static void
put_bind(struct tw_out *o, const struct tw_bind *bind)
{
	char usual[32];

	snprintf(usual, sizeof(usual), "sock-%u", bind->id);
	if (bind->name != NULL && strcmp(bind->name, usual) != 0)
		tw_out_str(o, tw_str_of(bind->name));
	else
		tw_out_u64(o, bind->id);
}

void
tw__log_connection(struct tw_req *req, const char *why)
{
	const struct tw_proxy *const fe = tw_req_frontend(req);
	const struct tw_bind *const bind = tw_conn_bind(tw_req_conn(req));
	char text[2 * TW__LOGW_HEADER];
	struct tw_out o = tw_out_of(text, sizeof(text));
	struct line l = {
		.fmt = fe->c.error_logfmt, .step = TW__LOG_AT_ERROR, .req = req
	};

	l.level = fe->c.log_separate_errors ? TW_ERR : TW_INFO;
	if (!line_of(fe, &l))
		return;
	if (l.fmt == NULL) {
		tw_logfmt_out(fe->gen->error_logfmt, req, &o);
		put_bind(&o, bind);
		tw_out_printf(&o, ": %s", why);
		l.text = (struct tw_str){ text, (size_t)(o.p - text) };
	}
	TW_ASSERT(tw__self != NULL && tw__self->log != NULL);
	emit(tw__self->log, &l);
	atomic_fetch_add_explicit(&fe->live->log_count, 1, memory_order_relaxed);
}

void
tw__log_sink(enum tw_level level, const char *text, size_t len)
{
	const struct tw_gen *const gen = tw__gen_current();

	if (sink_off || gen == NULL || SLIST_EMPTY(&gen->global.loggers))
		return;
	const struct line l = { .gen = gen,
		.level = level,
		.list = { &gen->global.loggers, NULL },
		.tag = gen->global.log_tag ? gen->global.log_tag : "tideway",
		.text = { text, len } };
	emit_any(&l);
}

/* in: text may be changed. returns: false: nobody wants to hear. */
static bool
proxy_emit(const struct tw_proxy *px, enum tw_level level, char *text, size_t len)
{
	struct line l = { .level = level };

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ')
			text[i] = ' ';
	l.text = (struct tw_str){ text, len };
	if (!line_of(px, &l))
		return false;
	emit_any(&l);
	return true;
}

static bool
global_emit(enum tw_level level, const char *text, size_t len)
{
	const struct tw_gen *const gen = tw__gen_current();

	if (gen == NULL || SLIST_EMPTY(&gen->global.loggers))
		return false;
	tw__log_sink(level, text, len);
	return true;
}

void
tw_log_to(
    const struct tw_proxy *px, unsigned where, enum tw_level level, const char *text)
{
	char copy[2048];
	size_t len = strnlen(text, sizeof(copy) - 1);
	bool heard = false;

	memcpy(copy, text, len);
	copy[len] = '\0';
	if (where & TW_LOG_LOGGERS)
		heard = px != NULL ? proxy_emit(px, level, copy, len)
				   : global_emit(level, copy, len);
	if ((where & TW_LOG_STDERR) || ((where & TW_LOG_AUTO) && !heard)) {
		sink_off = true;
		tw_log(level, "%s", text);
		sink_off = false;
	}
}

void
tw_proxy_log(const struct tw_proxy *px, enum tw_level level, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof(text))
		len = sizeof(text) - 1;
	sink_off = true;
	tw_log(level, "%s", text);
	sink_off = false;
	proxy_emit(px, level, text, (size_t)len);
}

int
tw__log_sources_open(struct tw_gen *gen, struct tw_err *err)
{
	if (tw__ring_files_open(gen, err) != 0)
		return -1;
	if (tw__forwards_open(gen, err) == 0)
		return 0;
	tw__ring_files_abandon();
	return -1;
}

void
tw__log_sources_abandon(void)
{
	tw__ring_files_abandon();
	tw__forwards_abandon();
}

static void
open_all(const struct tw__logger_list *list)
{
	const struct tw__logger *lg;

	SLIST_FOREACH(lg, list, link)
		if (lg->target != NULL)
			tw__log_target_open(lg->target);
}

void
tw__log_trail(const struct tw_proxy *px, struct tw_str text)
{
	struct line l = { .level = TW_DEBUG, .text = text };

	if (line_of(px, &l))
		emit(tw__self->log, &l);
}

void
tw__log_open(struct tw_gen *gen)
{
	const struct tw_proxy *px;

	open_all(&gen->global.loggers);
	for (const struct tw__forward *f = gen->forwards; f != NULL; f = f->next)
		open_all(&f->loggers);
	TAILQ_FOREACH(px, &gen->proxies, link) {
		open_all(&px->c.loggers);
		for (int i = 0; i < px->n_servers; i++)
			if (px->server[i]->log_target != NULL)
				tw__log_target_open(px->server[i]->log_target);
	}
}
