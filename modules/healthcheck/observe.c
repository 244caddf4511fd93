/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * observe.c - what traffic shows of a server's health.
 *
 * With `observe`, errors in a row are counted where they happen; the worker
 * that counts the last one tells the control thread, which acts as on-error
 * says. Proxies whose servers observe nothing have no hook. The counters are
 * relaxed atomics: one more or less does not matter.
 * source: HAProxy's manual, observe, on-error, error-limit.
 */
#include <stdio.h>

#include <tideway/req.h>

#include "hc_run.h"

#define DEFAULT_LIMIT 10

enum seen {
	SEEN_OK,
	SEEN_CONNECT,  /* no connection */
	SEEN_STATUS,   /* a bad status */
	SEEN_RESPONSE, /* no valid response */
	SEEN_TIMEOUT,
	SEEN_CLOSE,
};

static const char *const seen_text[] = {
	[SEEN_CONNECT] = "L4 unsuccessful connection",
	[SEEN_STATUS] = "Wrong http response",
	[SEEN_RESPONSE] = "Invalid http response",
	[SEEN_TIMEOUT] = "Read timeout (http)",
	[SEEN_CLOSE] = "Close from server (http)",
};

/* ---- control thread ---- */

static uint32_t
limit_of(const struct tw_server *srv)
{
	const uint32_t limit = hc_server_of(srv)->error_limit;

	return limit != 0 ? limit : DEFAULT_LIMIT;
}

static void
act(struct hc_check *c, enum hc_on_error how, struct tw_check_result *r)
{
	const int up = c->conf.rise;

	if (how == HC_SUDDEN_DEATH && c->health > up)
		c->health = up + 1;
	if (how == HC_MARK_DOWN && c->health > up)
		c->health = up;
	if (how != HC_FASTINTER)
		hc_check_result(c, r);
	hc_check_soon(c);
}

static void
errors_take(void *arg)
{
	struct hc_live *const l = arg;
	struct hc_check *const c = &l->check;
	struct tw_check_result r = { .what = TW_CHK_HANA };
	const uint32_t n = atomic_exchange(&l->posted, 0);

	atomic_store(&l->errors, 0);
	if (c->phase == HC_OFF || (tw_server_admin(c->srv) & TW_ADM_MAINT) != 0 ||
	    tw_server_checks_paused(c->srv))
		return;
	snprintf(r.text, sizeof(r.text),
	    "Detected %u consecutive errors, last one was: %s", limit_of(c->srv),
	    n < TW_N_ELEMENTS(seen_text) && seen_text[n] ? seen_text[n] : "unknown");
	if (tw_server_health(c->srv) != TW_DOWN)
		act(c, hc_server_of(c->srv)->on_error, &r);
}

static void
outlier_take(void *arg)
{
	struct hc_live *const l = arg;
	const uint32_t n_5xx = atomic_exchange(&l->outlier.n_5xx, 0);
	const uint32_t n_gateway = atomic_exchange(&l->outlier.n_gateway, 0);

	atomic_store(&l->outlier.posted, 0);
	hc_outlier_take(l, n_5xx, n_gateway);
}

/* ---- workers ---- */

static void
clear(_Atomic uint32_t *n)
{
	if (atomic_load_explicit(n, memory_order_relaxed) != 0)
		atomic_store_explicit(n, 0, memory_order_relaxed);
}

/* in: status, of the response; 0: there was none. */
static void
compared(const struct tw_server *srv, int status)
{
	const struct hc_outlier *const o = &hc_proxy_of(srv)->outlier;
	struct hc_live *const l = tw_server_live_block(srv, hc_self);
	const bool gateway = status == 0 || (status >= 502 && status <= 504);
	uint32_t n_5xx = 0, n_gateway = 0;

	if (status == 0 || status >= 500)
		n_5xx = atomic_fetch_add_explicit(
			    &l->outlier.n_5xx, 1, memory_order_relaxed) +
		    1;
	else
		clear(&l->outlier.n_5xx);
	if (gateway)
		n_gateway = atomic_fetch_add_explicit(
				&l->outlier.n_gateway, 1, memory_order_relaxed) +
		    1;
	else
		clear(&l->outlier.n_gateway);
	if (((o->all != 0 && n_5xx >= o->all) ||
		(o->gateway != 0 && n_gateway >= o->gateway)) &&
	    atomic_exchange(&l->outlier.posted, 1) == 0)
		tw_worker_post(tw_worker_at(0), outlier_take, l);
}

static bool
is_compared(const struct tw_req *req)
{
	const struct tw_server *const srv = tw_req_server(req);

	return srv != NULL && hc_proxy_of(srv)->outlier.on;
}

static void
observed(const struct tw_server *srv, enum seen what)
{
	struct hc_live *const l = tw_server_live_block(srv, hc_self);
	uint32_t none = 0;

	if (what == SEEN_OK) {
		if (atomic_load_explicit(&l->errors, memory_order_relaxed) != 0)
			atomic_store_explicit(&l->errors, 0, memory_order_relaxed);
		return;
	}
	const uint32_t n =
	    atomic_fetch_add_explicit(&l->errors, 1, memory_order_relaxed) + 1;
	if (n >= limit_of(srv) &&
	    atomic_compare_exchange_strong(&l->posted, &none, (uint32_t)what))
		tw_worker_post(tw_worker_at(0), errors_take, l);
}

static uint8_t
mode_of(const struct tw_req *req)
{
	const struct tw_server *const srv = tw_req_server(req);

	return srv != NULL && tw_server_is_checked(srv) ? hc_server_of(srv)->observe
							: HC_OBSERVE_NONE;
}

static enum tw_verdict
on_connect_fail(struct tw_req *req, void *state)
{
	(void)state;
	if (mode_of(req) != HC_OBSERVE_NONE)
		observed(tw_req_server(req), SEEN_CONNECT);
	if (is_compared(req))
		compared(tw_req_server(req), 0);
	return TW_NEXT;
}

static enum tw_verdict
on_send(struct tw_req *req, void *state)
{
	(void)state;
	if (mode_of(req) == HC_OBSERVE_L4)
		observed(tw_req_server(req), SEEN_OK);
	/* mode tcp has no answers: a connection is all there is */
	if (is_compared(req) &&
	    tw_proxy_mode(tw_server_proxy(tw_req_server(req))) == TW_MODE_TCP)
		compared(tw_req_server(req), 200);
	return TW_NEXT;
}

/* "Valid status codes include 100 to 499, 501 and 505." */
static bool
is_valid(int status)
{
	return (status >= 100 && status <= 499) || status == 501 || status == 505;
}

static enum tw_verdict
on_response(struct tw_req *req, void *state)
{
	(void)state;
	if (mode_of(req) == HC_OBSERVE_L7)
		observed(tw_req_server(req),
		    is_valid(tw_req_response(req)->status) ? SEEN_OK : SEEN_STATUS);
	if (is_compared(req))
		compared(tw_req_server(req), tw_req_response(req)->status);
	return TW_NEXT;
}

/* What ended without a response has passed no other hook. */
static enum tw_verdict
on_log(struct tw_req *req, void *state)
{
	char t[4];

	(void)state;
	if (mode_of(req) != HC_OBSERVE_L7 && !is_compared(req))
		return TW_NEXT;
	tw_req_term(req, t);
	if (t[1] != 'H' || (t[0] != 'S' && t[0] != 's' && t[0] != 'P'))
		return TW_NEXT;
	if (is_compared(req))
		compared(tw_req_server(req), 0);
	if (mode_of(req) == HC_OBSERVE_L7)
		observed(tw_req_server(req),
		    t[0] == 's'       ? SEEN_TIMEOUT
			: t[0] == 'S' ? SEEN_CLOSE
				      : SEEN_RESPONSE);
	return TW_NEXT;
}

/* ---- who needs it ---- */

bool
hc_backend_observes(const struct tw_proxy *px)
{
	const struct hc_proxy *const conf = tw_proxy_block(px, hc_self);
	const struct tw_server *srv;

	if (conf->outlier.on)
		return true;
	for (int i = 0; (srv = tw_proxy_server(px, i)) != NULL; i++)
		if (hc_server_of(srv)->observe != HC_OBSERVE_NONE)
			return true;
	return false;
}

/* A frontend's requests may go to any backend. */
static bool
some_backend_observes(const struct tw_proxy *px)
{
	const struct hc_gen *const g = tw_gen_block(tw_proxy_gen(px), hc_self);

	return g->observes;
}

const struct tw_hook hc_hooks[] = {
	{ TW_ON_CONNECT_FAIL, on_connect_fail, "healthcheck_on_connect_fail",
	    hc_backend_observes },
	{ TW_ON_SEND, on_send, "healthcheck_on_send", hc_backend_observes },
	{ TW_ON_RESPONSE, on_response, "healthcheck_on_response", hc_backend_observes },
	{ TW_ON_LOG, on_log, "healthcheck_on_log", some_backend_observes },
	{ .fn = NULL },
};
