/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * logger.c - log lines from the request to the target.
 *
 * Hot path. A line is formatted once, straight into the worker's buffer, with
 * the header of its first logger before it; other loggers get a header of
 * their own and share the text. Lines leave together at the end of a loop's
 * turn: when there are enough of them, or after a few milliseconds. What a
 * receiver cannot take yet waits in the buffer, and is lost, and counted, only
 * when that is full. Dates are formatted once a second; the tail of a
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
#include "proxy/logger.h"
#include "proxy/proxy.h"
#include "run/worker.h"

#define BUFFER_BYTES (160 * 1024)
#define HEADER_MAX_BYTES 768
#define NAME_MAX_BYTES 250
#define ENTRIES_MAX 256
#define IOV_PER_MSG 3
#define US_PER_S 1000000u
#define FLUSH_AT \
	8            /* lines that are worth a system call; a unix datagram
                        socket takes ten by default (net.unix.max_dgram_qlen) */
#define FLUSH_MS 4   /* the longest that fewer wait */
#define TRY_MAX 32   /* messages in one system call */
#define RETRY_US 200 /* until a full receiver is tried again */

/* One message: pieces of the buffer. */
struct entry {
	struct tw__log_target *target;
	uint32_t head, head_len;
	uint32_t text, text_len; /* without newline; one may stand behind it */
};

struct tw__logw {
	char *buf; /* owns: BUFFER_BYTES */
	uint32_t used;
	int first, n; /* those from first to n may wait */
	struct entry entry[ENTRIES_MAX];
	struct tw__turn_hook hook;
	struct tw_timer timer; /* wakes the loop for what waits */
	uint64_t retry_us;     /* a receiver was full: not before then */
	uint64_t second;       /* of the two texts; 0: none */
	char date[20];         /* "Nov 22 10:00:00 " */
	char iso[24], zone[8]; /* "2026-11-22T10:00:00", "+00:00" */
	const char *tag;       /* of `tail`; borrow: gen; compared, never read */
	uint64_t tag_gen;      /* number of that generation */
	size_t tail_len;
	char tail[HEADER_MAX_BYTES / 2]; /* "tideway[123]: " */
};

/* Whatever the loggers of one line need fits into an empty buffer. */
_Static_assert(
    TW__LOG_LEN_MAX + (2 * TW__LOGGERS_MAX + 1) * HEADER_MAX_BYTES < BUFFER_BYTES,
    "a line fits");
_Static_assert(2 * TW__LOGGERS_MAX <= ENTRIES_MAX, "so do its entries");

/* What a line is made from. */
struct line {
	const struct tw_gen *gen;
	const struct tw__logger_list *list[2];
	const char *tag;
	enum tw_level level;
	const struct tw_logfmt *fmt; /* or text */
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

/* ---- the buffer --------------------------------------------------------- */

static void
entry_iov(const struct tw__logw *lw, const struct entry *e, struct iovec *iov)
{
	static char newline[] = "\n";
	char *const text = lw->buf + e->text;
	const bool has_newline = text[e->text_len] == '\n';

	if (e->head + e->head_len == e->text && has_newline) { /* one piece */
		iov[0] =
		    (struct iovec){ lw->buf + e->head, e->head_len + e->text_len + 1 };
		iov[1] = iov[2] = (struct iovec){ newline, 0 };
		return;
	}
	iov[0] = (struct iovec){ lw->buf + e->head, e->head_len };
	iov[1] = (struct iovec){ text, e->text_len + has_newline };
	iov[2] = (struct iovec){ newline, !has_newline };
}

/* Messages for the target of entry `first`, some at a time, until all are sent
 * (or given up) or it is full; they are taken out. */
static void
flush_target(struct tw__logw *lw, int first)
{
	struct iovec iov[TRY_MAX * IOV_PER_MSG];
	struct tw__log_target *const target = lw->entry[first].target;
	int from = first;

	while (from < lw->n) {
		int n = 0, at[TRY_MAX];

		for (; from < lw->n && n < TRY_MAX; from++) {
			if (lw->entry[from].target != target)
				continue;
			entry_iov(lw, &lw->entry[from], iov + IOV_PER_MSG * n);
			at[n++] = from;
		}
		const int sent =
		    n > 0 ? tw__log_target_send(target, iov, IOV_PER_MSG, n) : 0;
		for (int i = 0; i < sent; i++)
			lw->entry[at[i]].target = NULL;
		if (sent < n)
			return;
	}
}

/* Each target that has entries is served once. */
static void
flush_targets(struct tw__logw *lw)
{
	const struct tw__log_target *done[2 * TW__LOGGERS_MAX];
	size_t n_done = 0;

	for (int i = lw->first; i < lw->n; i++) {
		const struct tw__log_target *const t = lw->entry[i].target;
		size_t k = 0;

		while (k < n_done && done[k] != t)
			k++;
		if (t == NULL || k < n_done)
			continue;
		if (n_done < TW_N_ELEMENTS(done))
			done[n_done++] = t;
		flush_target(lw, i);
	}
}

static void
flush(struct tw__logw *lw)
{
	flush_targets(lw);
	while (lw->first < lw->n && lw->entry[lw->first].target == NULL)
		lw->first++;
	if (lw->first < lw->n) {
		lw->retry_us = tw_now_us() + RETRY_US;
		return;
	}
	lw->first = lw->n = 0;
	lw->used = 0;
	lw->retry_us = 0;
}

/* What is left moves to the front. */
static void
compact(struct tw__logw *lw)
{
	uint32_t from = lw->used;
	int n = 0;

	for (int i = lw->first; i < lw->n; i++) {
		const struct entry *const e = &lw->entry[i];
		const uint32_t start = e->head < e->text ? e->head : e->text;

		if (e->target == NULL)
			continue;
		if (start < from)
			from = start;
		lw->entry[n++] = *e;
	}
	memmove(lw->buf, lw->buf + from, lw->used - from);
	for (int i = 0; i < n; i++) {
		lw->entry[i].head -= from;
		lw->entry[i].text -= from;
	}
	lw->used -= from;
	lw->first = 0;
	lw->n = n;
}

/* Nobody can wait for these receivers any longer. */
static void
drop_all(struct tw__logw *lw)
{
	for (int i = lw->first; i < lw->n; i++) {
		if (lw->entry[i].target != NULL)
			tw__log_drop(1);
	}
	lw->first = lw->n = 0;
	lw->used = 0;
	lw->retry_us = 0;
}

static bool
has_room(const struct tw__logw *lw, uint32_t bytes, uint32_t entries)
{
	return lw->used + bytes <= BUFFER_BYTES &&
	    (uint32_t)lw->n + entries <= ENTRIES_MAX;
}

static void
make_room(struct tw__logw *lw, uint32_t bytes, uint32_t entries)
{
	flush(lw);
	if (!has_room(lw, bytes, entries))
		compact(lw);
	if (!has_room(lw, bytes, entries))
		drop_all(lw);
}

static void
on_timer(struct tw_timer *t)
{
	struct tw__logw *const lw =
	    (struct tw__logw *)((char *)t - offsetof(struct tw__logw, timer));

	if (lw->n > 0)
		flush(lw);
	if (lw->n > 0)
		tw_timer_set(t, tw_now_ms() + FLUSH_MS);
}

static void
on_turn(struct tw_worker *w, void *arg)
{
	struct tw__logw *const lw = arg;

	(void)w;
	if (lw->n == 0)
		return;
	if (lw->n - lw->first >= FLUSH_AT &&
	    (lw->retry_us == 0 || tw_now_us() >= lw->retry_us))
		flush(lw);
	if (lw->n > 0 && lw->timer.due_ms == 0)
		tw_timer_set(&lw->timer, tw_now_ms() + FLUSH_MS);
}

static struct tw__logw *
logw_new(void)
{
	struct tw__logw *const lw = calloc(1, sizeof(*lw));

	if (lw == NULL)
		return NULL;
	lw->buf = malloc(BUFFER_BYTES);
	if (lw->buf == NULL) {
		free(lw);
		return NULL;
	}
	return lw;
}

int
tw__log_worker_up(struct tw_worker *w)
{
	struct tw__logw *const lw = logw_new();

	if (lw == NULL)
		return -1;
	lw->hook.fn = on_turn;
	lw->timer.fn = on_timer;
	lw->hook.arg = lw;
	w->log = lw;
	tw__turn_hook_add(w, &lw->hook);
	return 0;
}

void
tw__log_worker_down(struct tw_worker *w)
{
	struct tw__logw *const lw = w->log;

	if (lw == NULL)
		return;
	flush(lw);
	drop_all(lw);
	tw_timer_del(&lw->timer);
	tw__turn_hook_del(w, &lw->hook);
	w->log = NULL;
	free(lw->buf);
	free(lw);
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

static const char *
host_name(const struct tw_gen *gen)
{
	static __thread char name[256];

	if (gen->global.log_hostname != NULL)
		return gen->global.log_hostname;
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
		tw_out_printf(o, "%.250s %.250s %d - - ", host_name(l->gen), l->tag,
		    tw__log_pid());
		break;
	case TW__LOG_TIMED:
	case TW__LOG_ISO:
		put_iso(lw, o, us);
		break;
	case TW__LOG_RFC3164:
		tw_out_mem(o, lw->date, 16);
		put_name(o, host_name(l->gen));
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
put_text(struct tw__logw *lw, const struct line *l, uint32_t limit, struct entry *e)
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

static void
emit_to(struct tw__logw *lw, const struct line *l, const struct tw__logger *lg,
    struct entry *text)
{
	struct entry *const e = &lw->entry[lw->n];
	struct tw_out o = tw_out_of(lw->buf + lw->used, BUFFER_BYTES - lw->used);

	e->head = lw->used;
	put_header(lw, &o, l, lg);
	e->head_len = (uint32_t)(o.p - (lw->buf + lw->used));
	lw->used += e->head_len;
	const uint32_t room = lg->max_len > e->head_len ? lg->max_len - e->head_len : 0;
	if (text->target == NULL) { /* nobody has needed it yet */
		const uint32_t most = longest(l);
		put_text(lw, l,
		    l->list[1] == NULL && SLIST_NEXT(lg, link) == NULL ? room : most,
		    text);
		text->target = lg->target;
	}
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

static void
emit(struct tw__logw *lw, const struct line *l)
{
	const uint32_t n = count_loggers(l);
	const struct tw__logger *lg;
	struct entry text = { .target = NULL };

	const uint32_t bytes = longest(l) + (n + 1) * HEADER_MAX_BYTES;

	if (TW_UNLIKELY(!has_room(lw, bytes, n)))
		make_room(lw, bytes, n);
	for (int i = 0; i < 2; i++) {
		if (l->list[i] == NULL)
			continue;
		SLIST_FOREACH(lg, l->list[i], link)
			if (l->level <= lg->max_level)
				emit_to(lw, l, lg, &text);
	}
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
		shared_logw = logw_new();
	if (shared_logw != NULL) {
		emit(shared_logw, l);
		flush(shared_logw);
	}
	pthread_mutex_unlock(&shared_lock);
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
tw__log_request(struct tw_req *req)
{
	const struct tw_proxy *const fe = tw_req_frontend(req);
	struct line l = { .level = TW_INFO, .fmt = fe->c.logfmt, .req = req };

	if (!line_of(fe, &l) || l.fmt == NULL)
		return;
	if (TW_UNLIKELY(fe->c.log_separate_errors) && is_error(req))
		l.level = TW_ERR;
	l.level = tw_req_log_level(req, l.level);
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

void
tw_proxy_log(const struct tw_proxy *px, enum tw_level level, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	struct line l = { .level = level };

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
	for (int i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ')
			text[i] = ' ';
	l.text = (struct tw_str){ text, (size_t)len };
	if (line_of(px, &l))
		emit_any(&l);
}

void
tw__log_open(struct tw_gen *gen)
{
	const struct tw__logger *lg;
	const struct tw_proxy *px;

	SLIST_FOREACH(lg, &gen->global.loggers, link)
		tw__log_target_open(lg->target);
	TAILQ_FOREACH(px, &gen->proxies, link)
		SLIST_FOREACH(lg, &px->c.loggers, link)
			tw__log_target_open(lg->target);
}
