/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * server_state.c - how a server is, how that changes, and what is said of it.
 *
 * Health comes from checks, the admin state from people; together they say
 * whether a server runs. A change is counted and told at once, in HAProxy's
 * words, because people and their tools search for them; balance and queues
 * follow at the end of the loop turn, once for all changes in it. Changes are
 * made on the control thread only; the state may be read on any.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include <tideway/server_run.h>

#include "core/proxy/proxy_int.h"

static const struct {
	const char *code, *text;
	bool failed;
} chk[] = {
	[TW_CHK_UNK] = { "UNK", "Unknown", false },
	[TW_CHK_INI] = { "INI", "Initializing", false },
	[TW_CHK_SOCKERR] = { "SOCKERR", "Socket error", true },
	[TW_CHK_L4OK] = { "L4OK", "Layer4 check passed", false },
	[TW_CHK_L4TOUT] = { "L4TOUT", "Layer4 timeout", true },
	[TW_CHK_L4CON] = { "L4CON", "Layer4 connection problem", true },
	[TW_CHK_L6OK] = { "L6OK", "Layer6 check passed", false },
	[TW_CHK_L6TOUT] = { "L6TOUT", "Layer6 timeout", true },
	[TW_CHK_L6RSP] = { "L6RSP", "Layer6 invalid response", true },
	[TW_CHK_L7OK] = { "L7OK", "Layer7 check passed", false },
	[TW_CHK_L7OKC] = { "L7OKC", "Layer7 check conditionally passed", false },
	[TW_CHK_L7TOUT] = { "L7TOUT", "Layer7 timeout", true },
	[TW_CHK_L7RSP] = { "L7RSP", "Layer7 invalid response", true },
	[TW_CHK_L7STS] = { "L7STS", "Layer7 wrong status", true },
	[TW_CHK_HANA] = { "HANA", "Health analyze", true },
	[TW_CHK_CHECKED] = { "CHECKED", "No status change", false },
	[TW_CHK_PROCERR] = { "PROCERR", "External check error", true },
	[TW_CHK_PROCTOUT] = { "PROCTOUT", "External check timeout", true },
	[TW_CHK_PROCOK] = { "PROCOK", "External check passed", false },
};

const char *
tw_chk_code(enum tw_chk what)
{
	TW_ASSERT((size_t)what < TW_N_ELEMENTS(chk));
	return chk[what].code;
}

const char *
tw_chk_text(enum tw_chk what)
{
	TW_ASSERT((size_t)what < TW_N_ELEMENTS(chk));
	return chk[what].text;
}

bool
tw_chk_has_code(enum tw_chk what)
{
	return what == TW_CHK_L7OK || what == TW_CHK_L7OKC || what == TW_CHK_L7STS ||
	    what == TW_CHK_PROCERR || what == TW_CHK_PROCTOUT || what == TW_CHK_PROCOK;
}

/* ---- as it is ---- */

enum tw_health
tw_server_health(const struct tw_server *srv)
{
	return (enum tw_health)atomic_load_explicit(
	    &srv->live->health, memory_order_relaxed);
}

unsigned
tw_server_admin(const struct tw_server *srv)
{
	const unsigned admin =
	    atomic_load_explicit(&srv->live->admin, memory_order_relaxed);

	if (TW_UNLIKELY(admin & TW__ADM_NOADDR))
		return (admin & ~TW__ADM_NOADDR) | TW_ADM_MAINT;
	return admin;
}

uint32_t
tw_server_uweight(const struct tw_server *srv)
{
	const uint32_t weight =
	    atomic_load_explicit(&srv->live->weight, memory_order_relaxed);

	return weight != UINT32_MAX ? weight : srv->weight;
}

bool
tw_server_is_alive(const struct tw_server *srv)
{
	return tw__server_runs(srv->live);
}

bool
tw_server_is_usable(const struct tw_server *srv)
{
	return tw_server_health(srv) == TW_UP && tw_server_admin(srv) == 0 &&
	    !atomic_load_explicit(&srv->live->ejected, memory_order_relaxed) &&
	    tw_server_uweight(srv) > 0;
}

bool
tw_server_has_room(const struct tw_server *srv)
{
	const struct tw_server_live *l = srv->live;
	const uint32_t max = tw__server_limit(l);

	return max == 0 ||
	    (atomic_load_explicit(&l->served, memory_order_relaxed) < max &&
		atomic_load_explicit(&l->queue.len, memory_order_relaxed) == 0);
}

uint32_t
tw_server_load(const struct tw_server *srv)
{
	const struct tw_server_live *l = srv->live;

	return atomic_load_explicit(&l->served, memory_order_relaxed) +
	    atomic_load_explicit(&l->queue.len, memory_order_relaxed);
}

int64_t
tw_server_changed_s(const struct tw_server *srv)
{
	return (int64_t)(tw__live_ms() - atomic_load(&srv->live->changed_ms)) / 1000;
}

void
tw_server_last_check(const struct tw_server *srv, struct tw_check_result *out)
{
	struct tw_server_live *l = srv->live;

	pthread_mutex_lock(&l->lock);
	*out = l->last;
	pthread_mutex_unlock(&l->lock);
}

/* "UP 1/3": a word, and how far the next change is when it has begun. */
static void
progress_text(char text[32], const char *word, int at, int of)
{
	if (at > 0 && at < of)
		snprintf(text, 32, "%s %d/%d", word, at, of);
	else
		snprintf(text, 32, "%s", word);
}

void
tw_server_status_text(const struct tw_server *srv, char text[32])
{
	const unsigned admin = tw_server_admin(srv);
	const enum tw_health health = tw_server_health(srv);
	struct tw_check_result r;
	int left;

	if (admin & TW_ADM_MAINT) {
		snprintf(text, 32, "%s",
		    atomic_load(&srv->live->admin) & TW_ADM_MAINT
			? "MAINT"
			: "MAINT (resolution)");
		return;
	}
	if (tw__track_status(srv, text))
		return;
	if (!srv->check && !srv->agent && srv->tracked == NULL && health == TW_UP) {
		snprintf(text, 32, admin & TW_ADM_DRAIN ? "DRAIN" : "no check");
		return;
	}
	if (srv->agent && health == TW_DOWN && atomic_load(&srv->live->agent_down)) {
		snprintf(text, 32, "DOWN (agent)");
		return;
	}
	if (srv->agent && (admin & TW_ADM_DRAIN) && health != TW_DOWN) {
		snprintf(text, 32, "DRAIN (agent)");
		return;
	}
	if (!srv->check) {
		snprintf(text, 32, "%s",
		    health == TW_DOWN          ? "DOWN"
			: admin & TW_ADM_DRAIN ? "DRAIN"
			: health == TW_NOLB    ? "NOLB"
					       : "UP");
		return;
	}
	tw_server_last_check(srv, &r);
	left = r.health - r.rise + 1; /* failures until it is down */
	if (health == TW_DOWN)
		progress_text(text, "DOWN", r.health, r.rise);
	else if (admin & TW_ADM_DRAIN)
		progress_text(text, "DRAIN", left, r.fall);
	else
		progress_text(text, health == TW_NOLB ? "NOLB" : "UP", left, r.fall);
}

/* ---- as it changes ---- */

void
tw__server_state_start(struct tw_server *srv)
{
	struct tw_server_live *l = srv->live;
	const unsigned admin =
	    (srv->disabled ? TW_ADM_MAINT : 0) | (srv->has_addr ? 0 : TW__ADM_NOADDR);

	atomic_store(&l->weight, UINT32_MAX);
	l->weight_conf = l->maxconn_conf = UINT32_MAX;
	atomic_store(&l->admin, (uint8_t)admin);
	atomic_store(&l->maxconn, srv->maxconn);
	atomic_store(&l->minconn, srv->minconn);
	atomic_store(&l->changed_ms, tw__live_ms());
	l->last = (struct tw_check_result){
		.what = srv->check ? TW_CHK_INI : TW_CHK_UNK,
		.rise = (int)srv->rise,
		.fall = (int)srv->fall,
		.health = (int)srv->rise,
	};
	l->last_agent = (struct tw_check_result){
		.what = TW_CHK_INI,
		.rise = 1,
		.fall = 1,
		.health = 1,
	};
	tw__server_init_state(srv);
}

/* How a backend was before a change, and what the change has moved. */
struct change {
	struct tw_server *srv;
	bool ran;          /* the server, before */
	bool backend_up;   /* somebody was usable before */
	uint32_t requeued; /* will be sent to choose again */
	const char *was;   /* how the server was, in a word */
};

static bool
backend_is_up(const struct tw_proxy *be)
{
	int active, backup;
	uint32_t weight;

	tw_proxy_usable(be, &active, &backup, &weight);
	return active + backup > 0;
}

/* HAProxy's words. */
static const char *
state_word(const struct tw_server *srv)
{
	if (!tw__server_runs(srv->live))
		return "STOPPED";
	if (tw_server_health(srv) == TW_NOLB)
		return "STOPPING";
	return tw_server_throttle(srv) != 0 ? "STARTING" : "RUNNING";
}

static struct change
change_begin(struct tw_server *srv)
{
	tw__balance_rebuild(srv->proxy);
	return (struct change){ srv, tw__server_runs(srv->live),
		backend_is_up(srv->proxy), 0, state_word(srv) };
}

/* in: news, what else there is to say. */
static void
state_told(const struct change *c, struct tw_server_news news)
{
	news.kind = TW_SERVER_NEWS_STATE;
	news.was = c->was;
	news.is = state_word(c->srv);
	news.ran = c->ran;
	news.runs = tw__server_runs(c->srv->live);
	news.requeued = c->requeued;
	if (news.was != news.is)
		tw__server_told(c->srv, &news);
}

static void
admin_told(const struct change *c, unsigned was, unsigned is, const char *cause)
{
	tw__server_told(c->srv,
	    &(struct tw_server_news){ .kind = TW_SERVER_NEWS_ADMIN,
		.was_admin = was,
		.is_admin = is,
		.cause = cause,
		.requeued = c->requeued });
	state_told(c, (struct tw_server_news){ .by_admin = true, .cause = cause });
}

/* The new state is stored: counts. */
static void
change_apply(struct change *c)
{
	struct tw_server_live *l = c->srv->live;
	const uint64_t now = tw__live_ms();
	const bool runs = tw__server_runs(l);

	if (runs && !c->ran)
		tw__cnt(
		    &l->s, 0, TW_CNT_DOWNTIME_MS, now - atomic_load(&l->changed_ms));
	else if (!runs && c->ran)
		tw__cnt(&l->s, 0, TW_CNT_CHKDOWN, 1);
	if (runs != c->ran) {
		atomic_store(&l->changed_ms, now);
		tw__server_turned(c->srv, runs);
	}
	tw__balance_count(c->srv);
	if (!runs)
		c->requeued = atomic_load(&l->queue.len);
}

static const char *
backup_prefix(const struct tw_server *srv)
{
	return srv->backup ? "Backup " : "";
}

/* "1 active and 0 backup servers left. ..." */
static void
rest_out(struct tw_out *o, const struct change *c)
{
	const struct tw_server_live *l = c->srv->live;
	const bool runs = tw__server_runs(l);
	const unsigned waiting = atomic_load(&l->queue.len);
	int active, backup;
	uint32_t weight;

	tw_proxy_usable(c->srv->proxy, &active, &backup, &weight);
	tw_out_printf(o, " %d active and %d backup servers %s.%s", active, backup,
	    runs ? "online" : "left",
	    active == 0 && backup > 0 ? " Running on backup." : "");
	if (runs)
		tw_out_printf(o, " %u sessions requeued, %u total in queue.",
		    (unsigned)c->requeued, waiting);
	else
		tw_out_printf(o,
		    " %u sessions active, %u requeued, %u remaining in queue.",
		    (unsigned)atomic_load(&l->s.cur), (unsigned)c->requeued,
		    waiting > c->requeued ? waiting - (unsigned)c->requeued : 0);
}

/* ", reason: Layer7 wrong status, code: 500, info: "...", check duration: .." */
static void
reason_out(struct tw_out *o, const struct tw_check_result *r)
{
	tw_out_printf(o, ", reason: %s", tw_chk_text(r->what));
	if (r->status != 0 || tw_chk_has_code(r->what))
		tw_out_printf(o, ", code: %u", r->status);
	if (r->text[0] != '\0')
		tw_out_printf(o, ", info: \"%s\"", r->text);
	if (r->what != TW_CHK_HANA)
		tw_out_printf(o, ", check duration: %ums", (unsigned)r->duration_ms);
}

static void
change_tell(const struct change *c, enum tw_level level, const struct tw_out *o,
    const char *text)
{
	const struct tw_proxy *be = c->srv->proxy;

	tw_proxy_log(be, level, "%.*s", (int)(o->p - text), text);
	if (c->backend_up && !backend_is_up(be))
		tw_proxy_log(be, TW_EMERG, "%s %s has no server available!",
		    tw__proxy_type(be), be->name);
}

static const char *
health_words(enum tw_health h)
{
	return h == TW_UP ? "UP" : h == TW_DOWN ? "DOWN" : "stopping";
}

/* in: r, the check that says so; NULL: `who` said so, or `via` is so. */
static void
health_set(struct tw_server *srv, enum tw_health h, const struct tw_check_result *r,
    const char *who, const struct tw_server *via)
{
	struct change c = change_begin(srv);
	char text[768];
	struct tw_out o = tw_out_of(text, sizeof(text));

	atomic_store(&srv->live->health, (uint8_t)h);
	change_apply(&c);
	if (tw_server_admin(srv) & TW_ADM_MAINT)
		return; /* nothing has changed for anyone */
	tw_out_printf(&o, "%sServer %s/%s is %s", backup_prefix(srv), srv->proxy->name,
	    srv->name, health_words(h));
	if (via != NULL)
		tw_out_printf(&o, " via %s/%s", via->proxy->name, via->name);
	else if (r != NULL && !r->logged)
		reason_out(&o, r);
	else if (r == NULL)
		tw_out_printf(&o, ", changed from %s", who);
	tw_out_char(&o, '.');
	rest_out(&o, &c);
	change_tell(&c, h == TW_DOWN ? TW_ALERT : TW_NOTICE, &o, text);
	state_told(&c,
	    (struct tw_server_news){ .check = r,
		.passed = r != NULL && !chk[r->what].failed,
		.cause = r != NULL ? tw_chk_text(r->what) : who });
	tw__track_follow(srv);
}

void
tw__health_set_via(struct tw_server *srv, enum tw_health h, const struct tw_server *via)
{
	health_set(srv, h, NULL, NULL, via);
}

void
tw__health_set_checked(
    struct tw_server *srv, enum tw_health h, const struct tw_check_result *r)
{
	health_set(srv, h, r, NULL, NULL);
}

void
tw_server_check_logged(const struct tw_server *srv, const struct tw_check_result *r)
{
	const int left = r->health - r->rise + 1;
	const bool up = r->health >= r->rise;
	char text[512];
	struct tw_out o = tw_out_of(text, sizeof(text));

	tw_out_printf(&o, "Health check for %sserver %s/%s %s",
	    srv->backup ? "backup " : "", srv->proxy->name, srv->name,
	    chk[r->what].failed ? "failed"
		: r->nolb       ? "conditionally succeeded"
				: "succeeded");
	reason_out(&o, r);
	tw_out_printf(&o, ", status: %d/%d %s.", up ? left : r->health,
	    up ? r->fall : r->rise, up ? "UP" : "DOWN");
	tw_proxy_log(srv->proxy, TW_NOTICE, "%.*s", (int)(o.p - text), text);
}

void
tw_server_checked(struct tw_server *srv, const struct tw_check_result *r)
{
	struct tw_server_live *l = srv->live;
	const enum tw_health was = tw_server_health(srv);
	const enum tw_health h = r->health < r->rise || atomic_load(&l->agent_down)
	    ? TW_DOWN
	    : r->nolb ? TW_NOLB
		      : TW_UP;

	pthread_mutex_lock(&l->lock);
	const struct tw_check_result last = l->last;
	l->last = *r;
	pthread_mutex_unlock(&l->lock);
	if (r->running)
		return;
	tw__server_check_told(srv, r, &last, false);
	if (chk[r->what].failed && was != TW_DOWN)
		tw__cnt(&l->s, 0, TW_CNT_CHKFAIL, 1);
	if (h != was)
		health_set(srv, h, r, NULL, NULL);
}

void
tw__server_check_told(struct tw_server *srv, const struct tw_check_result *r,
    const struct tw_check_result *last, bool agent)
{
	if (r->what == last->what && r->status == last->status &&
	    r->health == last->health)
		return;
	tw__server_told(srv,
	    &(struct tw_server_news){ .kind = TW_SERVER_NEWS_CHECK,
		.check = r,
		.passed = !chk[r->what].failed,
		.agent = agent });
}

void
tw_server_force_health(struct tw_server *srv, enum tw_health h, const char *who)
{
	struct tw_server_live *l = srv->live;

	if (h == tw_server_health(srv))
		return;
	pthread_mutex_lock(&l->lock);
	l->last.health = h == TW_DOWN ? 0 : l->last.rise + l->last.fall - 1;
	pthread_mutex_unlock(&l->lock);
	health_set(srv, h, NULL, who, NULL);
}

/* A server that leaves maintenance is up until a check says otherwise. */
static void
maintenance_leave(struct tw_server *srv)
{
	struct tw_server_live *l = srv->live;

	pthread_mutex_lock(&l->lock);
	tw__server_init_state(srv);
	pthread_mutex_unlock(&l->lock);
}

/* What is said of a change from `was` to `is`. */
static void
admin_out(struct tw_out *o, const struct change *c, unsigned was, unsigned is)
{
	const struct tw_server *srv = c->srv;

	tw_out_printf(
	    o, "%sServer %s/%s ", backup_prefix(srv), srv->proxy->name, srv->name);
	if ((is & TW_ADM_MAINT) && !c->ran) {
		tw_out_lit(o, "was DOWN and now enters maintenance.");
	} else if (is & TW_ADM_MAINT) {
		tw_out_lit(o, "is going DOWN for maintenance.");
		rest_out(o, c);
	} else if (was & TW_ADM_MAINT) {
		tw_out_printf(o, "is UP/%s (leaving forced maintenance).",
		    is & TW_ADM_DRAIN ? "DRAIN" : "READY");
	} else if (is & TW_ADM_DRAIN) {
		tw_out_lit(o, "enters drain state.");
		rest_out(o, c);
	} else {
		tw_out_printf(o, "is %s (leaving forced drain).",
		    tw__server_runs(srv->live) ? "UP" : "DOWN");
	}
}

void
tw_server_set_admin(struct tw_server *srv, unsigned admin, const char *who)
{
	const unsigned all = atomic_load(&srv->live->admin);
	const unsigned was = all & ~TW__ADM_NOADDR;
	struct change c = change_begin(srv);
	char text[512];
	struct tw_out o = tw_out_of(text, sizeof(text));

	(void)who; /* HAProxy does not say */
	if (admin == was)
		return;
	if ((was & TW_ADM_MAINT) && !(admin & TW_ADM_MAINT))
		maintenance_leave(srv);
	atomic_store(&srv->live->admin, (uint8_t)(admin | (all & TW__ADM_NOADDR)));
	change_apply(&c);
	admin_out(&o, &c, was, admin);
	change_tell(&c, TW_NOTICE, &o, text);
	admin_told(&c, was, admin, who);
	tw__track_follow(srv);
}

const char *
tw_server_parse_weight(const struct tw_server *srv, const char *word, uint32_t *weight)
{
	char *end;
	const unsigned long n = strtoul(word, &end, 10);

	if (end == word || *word < '0' || *word > '9')
		return "Empty weight string empty or preceded by garbage";
	if (strcmp(end, "%") == 0) {
		if (n > 25600)
			return "Relative weight must be positive and at most 25600%.\n";
		*weight = (uint32_t)(tw_server_iweight(srv) * n / 100);
		if (*weight > 256)
			*weight = 256;
		return NULL;
	}
	if (*end != '\0')
		return "Trailing garbage in weight string";
	if (n > 256)
		return "Absolute weight can only be between 0 and 256 inclusive.\n";
	*weight = (uint32_t)n;
	return NULL;
}

void
tw_server_set_weight(struct tw_server *srv, uint32_t weight, const char *who)
{
	struct change c = change_begin(srv);

	(void)who;
	TW_ASSERT(weight <= 256);
	atomic_store(&srv->live->weight, weight);
	srv->live->weight_conf = srv->weight;
	change_apply(&c);
	if (c.backend_up && !backend_is_up(srv->proxy))
		tw_proxy_log(srv->proxy, TW_EMERG, "%s %s has no server available!",
		    tw__proxy_type(srv->proxy), srv->proxy->name);
}

static void
addressed_out(struct tw_out *o, const struct change *c, const char *host)
{
	const struct tw_server *srv = c->srv;

	tw_out_printf(o, "%sServer %s/%s ('%s') is %s/%s (resolves again).",
	    backup_prefix(srv), srv->proxy->name, srv->name, host,
	    tw__server_runs(srv->live) ? "UP" : "DOWN",
	    tw_server_admin(srv) & TW_ADM_DRAIN ? "DRAIN" : "READY");
}

void
tw__server_addressed(struct tw_server *srv, const char *host, const char *why)
{
	const unsigned was = atomic_load(&srv->live->admin);
	const unsigned is = why == NULL ? was & ~TW__ADM_NOADDR : was | TW__ADM_NOADDR;
	struct change c = change_begin(srv);
	char text[512];
	struct tw_out o = tw_out_of(text, sizeof(text));

	if (is == was)
		return;
	if (is < was)
		maintenance_leave(srv);
	atomic_store(&srv->live->admin, (uint8_t)is);
	change_apply(&c);
	admin_told(&c, was & TW__ADM_NOADDR ? TW_ADM_MAINT : was,
	    is & TW__ADM_NOADDR ? TW_ADM_MAINT : is, why);
	if (was & TW_ADM_MAINT)
		return; /* nothing has changed for anyone */
	if (is < was) {
		addressed_out(&o, &c, host);
	} else {
		tw_out_printf(&o, "%sServer %s/%s %s maintenance (%s).",
		    backup_prefix(srv), srv->proxy->name, srv->name,
		    c.ran ? "is going DOWN for" : "was DOWN and now enters", why);
		if (c.ran)
			rest_out(&o, &c);
	}
	change_tell(&c, TW_NOTICE, &o, text);
}

void
tw_server_eject(struct tw_server *srv, bool out, const char *why)
{
	struct change c = change_begin(srv);
	char text[512];
	struct tw_out o = tw_out_of(text, sizeof(text));

	if (atomic_exchange(&srv->live->ejected, out) == out)
		return;
	change_apply(&c);
	tw_out_printf(&o, "%sServer %s/%s is %s, reason: %s.", backup_prefix(srv),
	    srv->proxy->name, srv->name, out ? "ejected" : "back in balancing", why);
	rest_out(&o, &c);
	change_tell(&c, out ? TW_WARNING : TW_NOTICE, &o, text);
}

void
tw_server_shut_sessions(struct tw_server *srv)
{
	for (int i = 1; i <= tw_n_workers(); i++)
		tw_worker_post(tw_worker_at(i), tw__flow_shut_server, srv->live);
}
