/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/trail_live.c - trails of live traffic: where they begin, where they go
 * when their exchange has ended, and the commands `trail` and `show trail`.
 *
 * A finished trail is printed once, as text and as JSON, by its worker. The last
 * few of each worker are kept, so many bytes at most; they are behind one lock,
 * because only requests with a trail come near it.
 */
#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include <tideway/assert.h>
#include "core/flow/debug.h"
#include "core/flow/trail.h"
#include "core/proxy/ring.h"

#define RECORD_BYTES 32768u        /* of one trail, before it is printed */
#define KEPT_MAX 16                /* by each worker */
#define KEPT_BYTES (1024u * 1024u) /* the same */

struct kept {
	TAILQ_ENTRY(kept) link;
	int worker;
	uint64_t number; /* in the order in which they ended */
	uint64_t id, wall_us;
	char *frontend, *text, *json; /* owns */
	size_t bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(kept_list, kept) kept = TAILQ_HEAD_INITIALIZER(kept); /* lock */
static uint64_t n_kept; /* lock; so far */

const struct tw__trail_taker *tw__trail_taker;

/* ---- beginning ---------------------------------------------------------- */

void
tw_trail_prepare(void)
{
	tw__debug_bits |= TW__DEBUG_TRAILS;
}

bool
tw_gen_has_ring(const struct tw_gen *gen, const char *name)
{
	return tw__ring_conf_find(gen, name) != NULL;
}

void
tw_trail_begin(
    struct tw_req *req, const struct tw_origin *origin, unsigned to, const char *ring)
{
	if (req->record == NULL) {
		req->record = tw__record_new(tw_req_arena(req), RECORD_BYTES);
		if (req->record == NULL)
			return;
		req->record->origin = origin;
		tw__trail_sync(req); /* what is known already, and from where on */
	}
	req->record->to |= to;
	if (ring != NULL)
		req->record->ring = ring;
}

/* The command's: so many of the next ones. */
static bool
is_asked_for(const struct tw_req *req)
{
	_Atomic int32_t *const n = &req->fe->live->trails;
	int32_t left = atomic_load_explicit(n, memory_order_relaxed);

	while (left > 0 && !atomic_compare_exchange_weak(n, &left, left - 1))
		;
	return left != 0;
}

void
tw__trail_request(struct tw_req *req)
{
	if (tw__trail_taker != NULL)
		tw__trail_taker->begin(req);
	else if (is_asked_for(req))
		tw_trail_begin(req, NULL, 0, NULL);
}

void
tw__trail_conn(struct tw_req *req)
{
	if (tw__trail_taker != NULL || !req->http)
		tw__trail_request(req);
}

/* ---- what is kept ------------------------------------------------------- */

static void
kept_free(struct kept *k)
{
	free(k->frontend);
	free(k->text);
	free(k->json);
	free(k);
}

/* Makes room among a worker's own; the lock is held. */
static void
make_room(int worker, size_t bytes)
{
	struct kept *k, *next;
	size_t sum = bytes;
	int n = 1;

	TAILQ_FOREACH_REVERSE(k, &kept, kept_list, link)
	{
		if (k->worker != worker)
			continue;
		n++;
		sum += k->bytes;
	}
	for (k = TAILQ_FIRST(&kept); k != NULL && (n > KEPT_MAX || sum > KEPT_BYTES);
	     k = next) {
		next = TAILQ_NEXT(k, link);
		if (k->worker != worker)
			continue;
		n--;
		sum -= k->bytes;
		TAILQ_REMOVE(&kept, k, link);
		kept_free(k);
	}
}

/* Takes the two texts. */
static void
keep(const struct tw_req *req, char *text, char *json)
{
	struct kept *const k = calloc(1, sizeof(*k));
	char *const frontend = strdup(req->fe->name);

	if (k == NULL || frontend == NULL || text == NULL || json == NULL) {
		free(k);
		free(frontend);
		free(text);
		free(json);
		return;
	}
	*k = (struct kept){ .worker = req->worker->id,
		.id = req->id,
		.wall_us = tw_wall_us(),
		.frontend = frontend,
		.text = text,
		.json = json,
		.bytes = strlen(text) + strlen(json) };
	pthread_mutex_lock(&lock);
	make_room(k->worker, k->bytes);
	k->number = ++n_kept;
	TAILQ_INSERT_TAIL(&kept, k, link);
	pthread_mutex_unlock(&lock);
}

/* ---- where it goes ------------------------------------------------------ */

static void
line_send(const struct tw_req *req, struct tw__ring *ring, struct tw_str line)
{
	char text[2048];
	struct tw_out o = tw_out_of(text, sizeof(text));

	tw_out_printf(&o, "trail %llu: ", (unsigned long long)req->id);
	const size_t room = (size_t)(o.end - o.p);
	tw_out_mem(&o, line.p, line.len < room ? line.len : room);
	const struct tw_str s = { text, (size_t)(o.p - text) };
	if (req->record->to & TW_TRAIL_LOG)
		tw__log_trail(req->fe, s);
	if (ring != NULL)
		tw__ring_put(ring, &(struct iovec){ (void *)(uintptr_t)s.p, s.len }, 1);
}

static void
lines_send(const struct tw_req *req, const char *text)
{
	const struct tw__record *const r = req->record;
	struct tw__ring *const ring =
	    (r->to & TW_TRAIL_RING) ? tw__ring_find(r->ring) : NULL;

	for (const char *p = text; *p != '\0';) {
		const size_t len = strcspn(p, "\n");

		if (len > 0)
			line_send(req, ring, (struct tw_str){ p, len });
		p += len + (p[len] == '\n');
	}
}

static char *
text_of(const struct tw_req *req)
{
	static const struct tw__trail_style style = { .ended = true };
	char *text = NULL;
	size_t len = 0;
	FILE *const to = open_memstream(&text, &len);

	if (to == NULL)
		return NULL;
	tw__trail_print(to, req, req->record, &style);
	fclose(to);
	return text;
}

static char *
json_of(const struct tw_req *req)
{
	char *text = NULL;
	size_t len = 0;
	FILE *const to = open_memstream(&text, &len);

	if (to == NULL)
		return NULL;
	fputc('{', to);
	tw__trail_json(to, req, req->record);
	fputc('}', to);
	fclose(to);
	return text;
}

void
tw__trail_end(struct tw_req *req)
{
	if (tw__trail_taker != NULL) {
		tw__trail_taker->end(req);
		return;
	}
	if (req->record == NULL)
		return;
	tw__trail_sync(req);
	char *const text = text_of(req);
	if (req->record->to != 0 && text != NULL)
		lines_send(req, text);
	keep(req, text, json_of(req));
	req->record = NULL;
}

/* ---- commands ----------------------------------------------------------- */

static struct tw_proxy *
frontend_of(struct tw_cli *cli, const char *name)
{
	struct tw_proxy *const px = tw_gen_find(tw__gen_current(), name, TW_FRONTEND);

	if (px == NULL)
		tw_cli_msg(cli, TW_ERR, "No such frontend: '%s'.\n", name);
	return px;
}

static void
cmd_trail(struct tw_cli *cli, int argc, char *const argv[])
{
	uint64_t n = 0;

	if (argc < 2 || (strcmp(argv[1], "on") != 0 && strcmp(argv[1], "off") != 0) ||
	    (argc > 2 &&
		(argc != 4 || strcmp(argv[1], "on") != 0 ||
		    strcmp(argv[2], "count") != 0))) {
		tw_cli_msg(cli, TW_ERR,
		    "Usage: trail <frontend> {on [count <number>] | off}\n");
		return;
	}
	if (argc == 4 &&
	    (!tw_str_to_u64(tw_str_of(argv[3]), &n) || n == 0 || n > INT32_MAX)) {
		tw_cli_msg(cli, TW_ERR,
		    "'count' takes a number from 1 to %d, not '%s'.\n", INT32_MAX,
		    argv[3]);
		return;
	}
	struct tw_proxy *const px = frontend_of(cli, argv[0]);
	if (px == NULL)
		return;
	const bool on = strcmp(argv[1], "on") == 0;
	if (on)
		tw_trail_prepare();
	atomic_store(&px->live->trails, on ? argc == 4 ? (int32_t)n : -1 : 0);
}

static void
kept_head(struct tw_cli *cli, const struct kept *k)
{
	const time_t s = (time_t)(k->wall_us / 1000000);
	struct tm tm;
	char when[32];

	localtime_r(&s, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	tw_cli_printf(cli, "# trail %llu, frontend %s, worker %d, %s.%03u\n",
	    (unsigned long long)k->id, k->frontend, k->worker, when,
	    (unsigned)(k->wall_us / 1000 % 1000));
}

/* `show trail` while it is written, one trail in a step. */
struct show {
	char *frontend; /* owns; NULL: all */
	uint64_t from;  /* number of the next one to look at */
	bool json, any;
};

static bool
show_step(struct tw_cli *cli, void *arg)
{
	struct show *const s = arg;
	struct kept *k;

	pthread_mutex_lock(&lock);
	TAILQ_FOREACH(k, &kept, link)
		if (k->number >= s->from &&
		    (s->frontend == NULL || strcmp(k->frontend, s->frontend) == 0))
			break;
	if (k != NULL) {
		if (s->json)
			tw_cli_printf(cli, "%s", s->any ? "," : "[");
		else
			kept_head(cli, k);
		tw_cli_write(cli, tw_str_of(s->json ? k->json : k->text));
		s->from = k->number + 1;
		s->any = true;
	}
	pthread_mutex_unlock(&lock);
	if (k == NULL && s->json)
		tw_cli_printf(cli, "%s]\n", s->any ? "" : "[");
	return k != NULL;
}

static void
show_end(void *arg)
{
	struct show *const s = arg;

	free(s->frontend);
	free(s);
}

static void
cmd_show_trail(struct tw_cli *cli, int argc, char *const argv[])
{
	const bool json = argc > 0 && strcmp(argv[argc - 1], "json") == 0;
	const int n = json ? argc - 1 : argc;

	if (n > 1) {
		tw_cli_msg(cli, TW_ERR, "Usage: show trail [<frontend>] [json]\n");
		return;
	}
	if (n == 1 && frontend_of(cli, argv[0]) == NULL)
		return;
	struct show *const s = calloc(1, sizeof(*s));
	TW_ASSERT(s != NULL);
	s->json = json;
	s->frontend = n == 1 ? strdup(argv[0]) : NULL;
	tw_cli_stream(cli, show_step, show_end, s);
}

const struct tw_command tw__trail_commands[] = {
	{ "show trail", TW_CLI_OPERATOR, 0, cmd_show_trail, "[<frontend>] [json]",
	    "show what became of the last requests that had a trail" },
	{ "trail", TW_CLI_OPERATOR, 0, cmd_trail, "<frontend> {on [count <n>]|off}",
	    "keep trails of a frontend's requests" },
	{ .words = NULL },
};
