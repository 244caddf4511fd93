/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * ocsp_update.c - answers are asked for anew before they are out of date.
 *
 * When, is HAProxy's rule: at least every ocsp-update.maxdelay, earlier when
 * the answer ends earlier, but never within ocsp-update.mindelay; at once when
 * there is none. An error doubles the delay, from mindelay up to maxdelay. Of
 * thousands of certificates a few are asked for at a time. What generation
 * wants it is counted, so that a reload disturbs nothing. Control thread.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include <tideway/assert.h>
#include <tideway/log.h>

#include "ocsp_fetch.h"

#define N_AT_ONCE 8
#define CLI_WAIT_MS 60000
#define MARGIN_S 60 /* an answer is asked for that much before it ends */

static TAILQ_HEAD(, tls_ocsp) queue = TAILQ_HEAD_INITIALIZER(queue);
static int n_busy;
static struct tw_gen *entered; /* whose wishes are counted; NULL: none's */

const char *
tls__ocsp_status_text(enum tls_ocsp_status status)
{
	static const char *const text[TLS_OCSP_N_STATUS] = {
		[TLS_OCSP_UNKNOWN] = "Unknown",
		[TLS_OCSP_OK] = "Update successful",
		[TLS_OCSP_HTTP] = "HTTP error",
		[TLS_OCSP_HEADER] = "Missing \"ocsp-response\" header",
		[TLS_OCSP_CHECK] = "OCSP response check failure",
		[TLS_OCSP_INSERT] = "Error during insertion",
	};

	return text[status];
}

static time_t
wall_s(void)
{
	return (time_t)(tw_wall_us() / 1000000);
}

/* --- when --- */

static void
limits(time_t *min, time_t *max)
{
	const struct tls_ocsp_conf *const c = &tls_gen_of(tw_gen_running())->ocsp;

	*min = c->min_s != 0 ? c->min_s : TLS_OCSP_MIN_S;
	*max = c->max_s != 0 ? c->max_s : TLS_OCSP_MAX_S;
	if (*max < *min)
		*max = *min;
}

static time_t
delay_after_failure(const struct tls_ocsp *o, time_t min, time_t max)
{
	time_t d = min;

	for (unsigned i = 1; i < o->in_a_row && d < max; i++)
		d *= 2;
	return d < max ? d : max;
}

static time_t
delay(const struct tls_ocsp *o, time_t now)
{
	const struct tls_staple *const s = atomic_load(&o->staple);
	time_t min, max, d;

	limits(&min, &max);
	if (o->in_a_row > 0)
		return delay_after_failure(o, min, max);
	if (s == NULL)
		return 0;
	d = s->next_update - MARGIN_S - now;
	if (d > max)
		d = max;
	return d > min ? d : min;
}

static void
schedule(struct tls_ocsp *o)
{
	const time_t now = wall_s(), d = delay(o, now);

	o->next = now + d;
	tw_timer_set(&o->timer, tw_now_ms() + (uint64_t)d * 1000 + 1);
}

/* --- one update --- */

static void
note(struct tls_ocsp *o, enum tls_ocsp_status status, const char *why)
{
	o->status = status;
	if (status == TLS_OCSP_OK) {
		o->n_ok++;
		o->in_a_row = 0;
		o->last = wall_s();
	} else {
		o->n_failed++;
		o->in_a_row++;
	}
	tls_count(status == TLS_OCSP_OK ? TLS_CNT_OCSP_OK : TLS_CNT_OCSP_FAILED);
	if (why != NULL)
		tw_log(
		    TW_WARNING, "OCSP update of %s from %s: %s", o->path, o->uri, why);
	tw_log(TW_NOTICE, "<OCSP-UPDATE> %s %d \"%s\" %u %u", o->path, status,
	    tls__ocsp_status_text(status), o->n_failed, o->n_ok);
}

static enum tls_ocsp_status
take(struct tls_ocsp *o, struct tw_str body, struct tw_err *err)
{
	struct tls_ocsp_key key;
	struct tls_staple *const s = tls__ocsp_read(body, wall_s(), &key, err);

	if (s == NULL)
		return TLS_OCSP_CHECK;
	if (key.len != o->key.len || memcmp(key.der, o->key.der, key.len) != 0) {
		free(s);
		tw_err_set(err,
		    "OCSP single response: Certificate ID does not match certificate "
		    "and issuer");
		return TLS_OCSP_CHECK;
	}
	if (tls__ocsp_verify(s, o->issuer, err) < 0) {
		free(s);
		return TLS_OCSP_CHECK;
	}
	return tls__ocsp_renew(o, s, err) == 0 ? TLS_OCSP_OK : TLS_OCSP_CHECK;
}

static void
tell(struct tls_ocsp *o, const char *why)
{
	struct tw_cli *const cli = o->cli;

	o->cli = NULL;
	if (cli == NULL)
		return;
	if (o->status == TLS_OCSP_OK)
		tls__ocsp_text(cli, atomic_load(&o->staple));
	else
		tw_cli_msg(cli, TW_ERR, "Update failed: %s (%s).\n",
		    tls__ocsp_status_text(o->status), why);
	tw_cli_done(cli);
	tls__ocsp_unref(&o); /* the session's */
}

static void begin_some(void);

static void
finished(void *arg, enum tls_ocsp_status status, struct tw_str body, const char *why)
{
	struct tls_ocsp *o = arg;
	struct tw_err err;

	if (status == TLS_OCSP_OK) {
		status = take(o, body, &err);
		why = status == TLS_OCSP_OK ? NULL : err.text;
	}
	note(o, status, why);
	tell(o, why);
	tls__fetch_free(&o->fetch);
	n_busy--;
	if (o->n_uses > 0)
		schedule(o);
	tls__ocsp_unref(&o); /* the fetch's */
	begin_some();
}

/* The question: RFC 6960, 4.1, without a nonce, which caches cannot answer. */
static unsigned char *
question(const struct tls_ocsp *o, int *len)
{
	OCSP_REQUEST *const req = OCSP_REQUEST_new();
	OCSP_CERTID *const id = OCSP_CERTID_dup(o->id);
	unsigned char *der = NULL;

	if (req == NULL || id == NULL || OCSP_request_add0_id(req, id) == NULL)
		OCSP_CERTID_free(id);
	else
		*len = i2d_OCSP_REQUEST(req, &der);
	OCSP_REQUEST_free(req);
	ERR_clear_error();
	return der;
}

static void
begin(struct tls_ocsp *o)
{
	const struct tls_ocsp_conf *const c = &tls_gen_of(tw_gen_running())->ocsp;
	int len = 0;
	unsigned char *const der = question(o, &len);

	TW_ASSERT(der != NULL);
	n_busy++;
	TW_ASSERT(tls__ocsp_find(&o->key) == o); /* a reference for the fetch */
	o->fetch = tls__fetch_new(o->uri, c->proxy,
	    (struct tw_str){ (const char *)der, (size_t)len }, finished, o);
	OPENSSL_free(der);
}

static void
begin_some(void)
{
	struct tls_ocsp *o;

	while (n_busy < N_AT_ONCE && (o = TAILQ_FIRST(&queue)) != NULL) {
		TAILQ_REMOVE(&queue, o, queue);
		o->is_queued = false;
		begin(o);
	}
}

static void
enqueue(struct tls_ocsp *o)
{
	if (o->fetch != NULL || o->is_queued)
		return;
	TAILQ_INSERT_TAIL(&queue, o, queue);
	o->is_queued = true;
	begin_some();
}

static void
due(struct tw_timer *t)
{
	enqueue((struct tls_ocsp *)((char *)t - offsetof(struct tls_ocsp, timer)));
}

/* --- who wants it --- */

void
tls__ocsp_use_begin(struct tls_ocsp_use *u)
{
	struct tls_ocsp *const o = u->ocsp;

	if (u->mode != TLS_OCSP_ON || u->counted || o->uri == NULL ||
	    tls_gen_of(tw_gen_running())->ocsp.disable)
		return;
	u->counted = true;
	if (o->n_uses++ > 0)
		return;
	o->timer.fn = due;
	if (o->fetch == NULL)
		schedule(o);
}

static void
unqueue(struct tls_ocsp *o)
{
	if (o->is_queued)
		TAILQ_REMOVE(&queue, o, queue);
	o->is_queued = false;
}

static void
stop(struct tls_ocsp *o)
{
	tw_timer_del(&o->timer);
	o->next = 0;
	if (o->cli == NULL)
		unqueue(o);
}

void
tls__ocsp_use_end(struct tls_ocsp_use *u)
{
	if (!u->counted)
		return;
	u->counted = false;
	if (--u->ocsp->n_uses == 0)
		stop(u->ocsp);
}

static void
each_use(struct tw_gen *gen, void (*fn)(struct tls_ocsp_use *u))
{
	struct tls_ocsp_conf *const c = &tls_gen_of(gen)->ocsp;
	struct tls_ocsp_use *u;

	for (unsigned i = 0; i < TLS_OCSP_USES; i++)
		LIST_FOREACH(u, &c->uses[i], link)
			fn(u);
}

void
tls__ocsp_gen_running(struct tw_gen *gen)
{
	struct tw_gen *const was = entered;

	entered = gen;
	each_use(gen, tls__ocsp_use_begin);
	if (was != NULL && was != gen)
		each_use(was, tls__ocsp_use_end);
}

static void
gone(void *arg)
{
	struct tls_ocsp *o = arg;

	o->cli = NULL;
	if (o->n_uses == 0)
		unqueue(o);
	tls__ocsp_unref(&o);
}

int
tls__ocsp_update(struct tls_ocsp *o, struct tw_cli *cli, struct tw_err *err)
{
	if (o->uri == NULL)
		return tw_err_set(err, "Certificate has no OCSP uri");
	if (o->cli != NULL)
		return tw_err_set(err, "Another update of it is under way");
	TW_ASSERT(tls__ocsp_find(&o->key) == o); /* a reference for the session */
	o->cli = cli;
	tw_cli_wait(cli, CLI_WAIT_MS, gone, o);
	enqueue(o);
	return 0;
}

/* The program ends: nothing may be under way when the last certificate goes. */
void
tls__ocsp_fini(void)
{
	size_t n;
	struct tls_ocsp **const all = tls__ocsp_each(&n);

	for (size_t i = 0; i < n; i++) {
		struct tls_ocsp *o = all[i];
		struct tls_ocsp *ref = o;

		stop(o);
		unqueue(o);
		if (o->fetch != NULL) {
			tls__fetch_free(&o->fetch);
			n_busy--;
			tls__ocsp_unref(&ref);
		}
		tls__ocsp_unref(&o);
	}
	free(all);
	tls__fetch_fini();
	entered = NULL;
}
