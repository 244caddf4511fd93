/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * socket_kw.c - options of sockets: of proxies, and on bind lines.
 *
 * Also which threads a listener runs on (`thread`) and how many sockets share
 * its address (`shards`). source: HAProxy's manual, 4.2 and 5.1.
 */
#include "config.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/conn.h"
#include "core/proxy/proxy_int.h"
#include "core/run/affinity.h"
#include "core/run/limits.h"
#include "core/run/run.h"

/* --- proxies --- */

/* Seconds, when no unit is given. */
static int
set_seconds(struct tw_line *ln)
{
	struct tw_err err;
	uint32_t ms;

	if (tw_parse_ms(tw_arg(ln, 0), 1000000, &ms, &err) < 0)
		return tw_line_fail(ln, 0, "'%s': %s", ln->kw->word, err.text);
	if (ms < 1000 || ms > 32767000)
		return tw_line_fail(
		    ln, 0, "'%s' expects from 1 to 32767 seconds", ln->kw->word);
	*(uint32_t *)((char *)ln->state + ln->kw->offset) = ms / 1000;
	return 0;
}

static int
set_smart_accept(struct tw_line *ln)
{
	((struct tw_proxy *)ln->state)->c.smart_accept = ln->no ? 2 : 1;
	return 0;
}

/* Long transfers pass inside the kernel where that pays; who says "no option
 * splice-..." turns that off. */
static int
set_splice(struct tw_line *ln)
{
	struct tw__proxy_conf *c = &((struct tw_proxy *)ln->state)->c;
	const char *which = ln->kw->word + strlen("option splice-");

	if (strcmp(which, "response") != 0)
		c->no_splice_request = ln->no;
	if (strcmp(which, "request") != 0)
		c->no_splice_response = ln->no;
	return 0;
}

/* --- threads --- */

static void
threads_add(struct tw__threads *t, int from, int to, int step)
{
	for (int i = from; i <= to && i < TW__MAX_THREADS; i += step)
		t->bits[i / 64] |= UINT64_C(1) << i % 64;
}

/* "2-4": from 1. */
static int
threads_range(struct tw__threads *t, const char *word, uint64_t most)
{
	const char *dash = strchr(word, '-');
	const struct tw_str low = { word,
		dash != NULL ? (size_t)(dash - word) : strlen(word) };
	uint64_t from, to;

	if (!tw_str_to_u64(low, &from) || from < 1 || from > most)
		return -1;
	to = dash == NULL ? from : most;
	if (dash != NULL && dash[1] != '\0' && !tw_str_to_u64(tw_str_of(dash + 1), &to))
		return -1;
	if (to < from || to > most)
		return -1;
	threads_add(t, (int)from - 1, (int)to - 1, 1);
	return 0;
}

/* "all", "odd", "3", "2-4" */
static int
threads_parse(struct tw__threads *t, const char *word, int most)
{
	if (strcmp(word, "all") == 0)
		threads_add(t, 0, most - 1, 1);
	else if (strcmp(word, "odd") == 0)
		threads_add(t, 0, most - 1, 2);
	else if (strcmp(word, "even") == 0)
		threads_add(t, 1, most - 1, 2);
	else
		return threads_range(t, word, (uint64_t)most);
	return 0;
}

/* "2/1-4" */
static int
threads_of_group(
    struct tw_arena *arena, struct tw__threads *t, const char *word, const char *slash)
{
	struct tw__threads of = { .in_group = NULL };
	uint64_t group;

	if (!tw_str_to_u64((struct tw_str){ word, (size_t)(slash - word) }, &group) ||
	    group < 1 || group > TW__MAX_GROUPS ||
	    threads_parse(&of, slash + 1, TW__GROUP_THREADS) < 0)
		return -1;
	uint64_t *const all = tw_arena_zalloc(arena, TW__MAX_GROUPS * sizeof(*all));
	if (t->in_group != NULL)
		memcpy(all, t->in_group, TW__MAX_GROUPS * sizeof(*all));
	all[group - 1] |= of.bits[0];
	t->in_group = all;
	return 0;
}

/* "all", "odd", "1/2-4,1/6" */
static int
bind_set_thread(struct tw_line *ln)
{
	struct tw_arena *const arena = ln->gen->conf.arena;
	struct tw_bind *b = ln->state;
	char *list = tw_arena_strdup(arena, tw_arg(ln, 0)), *save, *word;
	struct tw__threads *t = tw_arena_zalloc(arena, sizeof(*t));

	if (b->threads != NULL)
		*t = *b->threads; /* the word may be repeated */
	for (word = strtok_r(list, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save)) {
		const char *const slash = strchr(word, '/');

		if ((slash != NULL ? threads_of_group(arena, t, word, slash)
				   : threads_parse(t, word, TW__MAX_THREADS)) < 0)
			return tw_line_fail(ln, 0,
			    "'thread' expects 'all', 'odd', 'even', a number or a range "
			    "from 1 to %d, or, behind a group's number and '/', to %d; "
			    "not '%s'",
			    TW__MAX_THREADS, TW__GROUP_THREADS, word);
	}
	b->threads = t;
	return 0;
}

static int
bind_set_shards(struct tw_line *ln)
{
	struct tw_bind *b = ln->state;
	struct tw_err err;
	uint64_t n;

	b->shards_by_group = strcmp(tw_arg(ln, 0), "by-group") == 0;
	if (strcmp(tw_arg(ln, 0), "by-thread") == 0)
		n = TW__MAX_THREADS;
	else if (b->shards_by_group)
		n = 1; /* each of them */
	else if (tw_parse_uint(tw_arg(ln, 0), 1, TW__MAX_THREADS, &n, &err) < 0)
		return tw_line_fail(ln, 0,
		    "'shards' expects 'by-thread', 'by-group' or a number from 1 to "
		    "%d, not '%s'",
		    TW__MAX_THREADS, tw_arg(ln, 0));
	b->n_shards = (uint16_t)n;
	return 0;
}

static bool
has_thread(const struct tw_bind *b, int i)
{
	return b->threads == NULL || (b->threads->bits[i / 64] >> i % 64 & 1) != 0;
}

bool
tw__bind_runs_on(const struct tw_bind *b, int worker)
{
	int rank = 0;

	if (!has_thread(b, worker - 1))
		return false;
	if (b->n_shards <= 1)
		return true;
	for (int i = 0; i < worker - 1; i++)
		rank += has_thread(b, i);
	return rank % b->n_shards == b->shard;
}

int
tw__threads_planned(const struct tw_gen *gen)
{
	const int now = tw_n_workers();

	return now > 0 ? now /* a reload: their number stays */
		       : (int)tw__threads_wanted(&gen->global);
}

/* Threads of groups are those of the process that are in them. */
static void
groups_resolve(const struct tw_gen *gen, struct tw_bind *b, int n)
{
	if (b->threads == NULL || b->threads->in_group == NULL)
		return;
	struct tw__threads *const t = tw_arena_alloc(gen->conf.arena, sizeof(*t));
	*t = *b->threads;
	for (int i = 1; i <= n; i++) {
		const struct tw__place at = tw__place_of(gen->global.cpu, i, n);

		if (at.group >= 1 && at.group <= TW__MAX_GROUPS &&
		    at.thread <= TW__GROUP_THREADS &&
		    (b->threads->in_group[at.group - 1] >> (at.thread - 1) & 1) != 0)
			threads_add(t, i - 1, i - 1, 1);
	}
	t->in_group = NULL;
	b->threads = t;
}

/* Another socket at the same address. */
static struct tw_bind *
shard_add(struct tw_proxy *px, const struct tw_bind *first, int shard)
{
	struct tw_arena *arena = px->gen->conf.arena;
	struct tw_bind *b = tw_arena_alloc(arena, sizeof(*b));
	const size_t size = tw__module_block_bytes(TW_IN_BIND);

	*b = *first;
	b->id = 0;
	b->shard = (uint16_t)shard;
	b->block = tw_arena_alloc(arena, size);
	memcpy(b->block, first->block, size);
	px->bind = tw__grow(arena, px->bind, px->n_binds);
	px->bind[px->n_binds++] = b;
	px->gen->n_binds++;
	return b;
}

/* One socket for each group that has some of its threads. */
static void
shards_by_group(struct tw_proxy *px, struct tw_bind *b, int n)
{
	const struct tw__cpu_conf *const c = px->gen->global.cpu;
	const int n_groups = tw__groups_count(c, n);
	const struct tw_bind all = *b;
	struct tw_bind *at = NULL;

	for (int g = 1; g <= n_groups && n_groups > 1; g++) {
		struct tw__threads *const t =
		    tw_arena_zalloc(px->gen->conf.arena, sizeof(*t));
		int able = 0;

		for (int i = 1; i <= n; i++) {
			if (!has_thread(&all, i - 1) ||
			    tw__place_of(c, i, n).group != g)
				continue;
			threads_add(t, i - 1, i - 1, 1);
			able++;
		}
		if (able == 0)
			continue;
		at = at == NULL ? b : shard_add(px, b, 0);
		at->threads = t;
		at->confined = true;
	}
}

int
tw__binds_shard(struct tw_gen *gen, struct tw_proxy *px)
{
	const int n_threads = tw__threads_planned(gen), n = px->n_binds;
	int rc = 0;

	for (int i = 0; i < n; i++) {
		struct tw_bind *b = px->bind[i];
		int able = 0;

		groups_resolve(gen, b, n_threads);
		if (b->n_shards == 0 && gen->global.tune.shards_by_thread)
			b->n_shards = TW__MAX_THREADS;
		if (b->n_shards == 0 && gen->global.tune.shards_by_group)
			b->shards_by_group = true;
		if (b->threads == NULL && b->n_shards <= 1 && !b->shards_by_group)
			continue;
		for (int t = 0; t < n_threads; t++)
			able += has_thread(b, t);
		if (able == 0)
			rc = tw_gen_fail(gen, b->file, b->line,
			    "Proxy '%s': none of the threads that 'thread' names is "
			    "there: %d run (nbthread)",
			    px->name, n_threads);
		if (b->n_shards > able)
			b->n_shards = (uint16_t)able;
		if (b->addr.family == AF_UNIX || b->fd >= 0)
			b->n_shards = 1; /* there is one such socket */
		b->confined = b->threads != NULL || b->n_shards > 1;
		if (b->shards_by_group && b->addr.family != AF_UNIX && b->fd < 0)
			shards_by_group(px, b, n_threads);
		for (int s = 1; s < b->n_shards; s++)
			shard_add(px, b, s);
	}
	return rc;
}

/* --- bind lines --- */

static int
bind_set_mss(struct tw_line *ln)
{
	struct tw_bind *b = ln->state;
	const bool negative = tw_arg(ln, 0)[0] == '-';
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0) + negative, 1, 65535, &n, &err) < 0)
		return tw_line_fail(ln, 0,
		    "'mss' expects the segment size, or by how much to lower it when "
		    "negative, up to 65535: %s",
		    err.text);
	b->mss = negative ? -(int32_t)n : (int32_t)n;
	return 0;
}

static int
bind_set_nice(struct tw_line *ln)
{
	struct tw_bind *b = ln->state;
	const bool negative = tw_arg(ln, 0)[0] == '-';
	struct tw_err err;
	uint64_t n;

	if (tw_parse_uint(tw_arg(ln, 0) + negative, 0, 1024, &n, &err) < 0)
		return tw_line_fail(
		    ln, 0, "'nice' expects a number from -1024 to 1024: %s", err.text);
	b->turn_bytes = tw__nice_bytes(negative ? -(int)n : (int)n);
	return 0;
}

static int
bind_set_namespace(struct tw_line *ln)
{
	struct tw_bind *b = ln->state;
	struct tw_err err;

	b->netns = tw__netns_get(tw_arg(ln, 0), &err);
	return b->netns != NULL ? 0 : tw_line_fail(ln, 0, "%s", err.text);
}

/* Asked of a socket now: the module may have to be loaded, which needs root. */
int
tw__line_congestion(struct tw_line *ln, const char **out)
{
	const char *const name = tw_arg(ln, 0);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool known = fd < 0 || tw__congestion_set(fd, name) == 0;

	if (fd >= 0)
		close(fd);
	if (!known)
		return tw_line_fail(ln, 0,
		    "'cc': this system has no congestion control '%s', or does not "
		    "allow it; see /proc/sys/net/ipv4/tcp_allowed_congestion_control",
		    name);
	*out = tw_arena_strdup(ln->gen->conf.arena, name);
	return 0;
}

static int
bind_set_cc(struct tw_line *ln)
{
	return tw__line_congestion(ln, &((struct tw_bind *)ln->state)->cc);
}

#define PX(field) offsetof(struct tw_proxy, field)
#define B(field) offsetof(struct tw_bind, field)
#define IGNORED(text, scope)                                                          \
	{                                                                             \
		.word = text, .scopes = scope, .max_args = -1, .set = tw__kw_ignored, \
		.flags = TW_KW_NO, .help = "Ignored here, with a warning."            \
	}

/* clang-format off */
const struct tw_kw tw__socket_kw[] = {
	{ "clitcpka-cnt", TW_SC_FE, 1, 1, tw_set_uint, "<count>",
		"Keep-alive packets without an answer before a client's connection "
		"is given up.", "as the system", 0, PX(c.keepalive_client.cnt), 1, 127,
		NULL },
	{ "clitcpka-idle", TW_SC_FE, 1, 1, set_seconds, "<time>",
		"How long a client's connection is idle before the first keep-alive "
		"packet.", "as the system", 0, PX(c.keepalive_client.idle_s), 0, 0,
		NULL },
	{ "clitcpka-intvl", TW_SC_FE, 1, 1, set_seconds, "<time>",
		"Between two keep-alive packets to a client.", "as the system", 0,
		PX(c.keepalive_client.intvl_s), 0, 0, NULL },
	{ "srvtcpka-cnt", TW_SC_BE, 1, 1, tw_set_uint, "<count>",
		"Keep-alive packets without an answer before a server's connection "
		"is given up.", "as the system", 0, PX(c.keepalive_server.cnt), 1, 127,
		NULL },
	{ "srvtcpka-idle", TW_SC_BE, 1, 1, set_seconds, "<time>",
		"How long a server's connection is idle before the first keep-alive "
		"packet.", "as the system", 0, PX(c.keepalive_server.idle_s), 0, 0,
		NULL },
	{ "srvtcpka-intvl", TW_SC_BE, 1, 1, set_seconds, "<time>",
		"Between two keep-alive packets to a server.", "as the system", 0,
		PX(c.keepalive_server.intvl_s), 0, 0, NULL },
	{ "option nolinger", TW_SC_PROXY, 0, 0, tw_set_flag, "",
		"Connections are closed at once, with a reset: what the peer has not "
		"read is lost.", "off", TW_KW_NO, PX(c.nolinger), 0, 0, NULL },
	{ "option splice-auto", TW_SC_PROXY, 0, 0, set_splice, "",
		"Long transfers pass inside the kernel where that pays, both ways.",
		"on", TW_KW_NO, 0, 0, 0, NULL },
	{ "option splice-request", TW_SC_PROXY, 0, 0, set_splice, "",
		"Long requests pass inside the kernel where that pays.", "on",
		TW_KW_NO, 0, 0, 0, NULL },
	{ "option splice-response", TW_SC_PROXY, 0, 0, set_splice, "",
		"Long responses pass inside the kernel where that pays.", "on",
		TW_KW_NO, 0, 0, 0, NULL },
	{ "option tcp-smart-accept", TW_SC_FE, 0, 0, set_smart_accept, "",
		"The acknowledgement of a client's first bytes is left to the answer.",
		"on in mode http", TW_KW_NO, 0, 0, 0, NULL },
	{ "option tcp-smart-connect", TW_SC_BE, 0, 0, tw_set_flag, "",
		"The last packet of a connection's opening leaves with the request.",
		"off", TW_KW_NO, PX(c.smart_connect), 0, 0, NULL },
	IGNORED("clitcpka-cnt", TW_SC_BACKEND),
	IGNORED("clitcpka-idle", TW_SC_BACKEND),
	IGNORED("clitcpka-intvl", TW_SC_BACKEND),
	IGNORED("srvtcpka-cnt", TW_SC_FRONTEND),
	IGNORED("srvtcpka-idle", TW_SC_FRONTEND),
	IGNORED("srvtcpka-intvl", TW_SC_FRONTEND),
	IGNORED("option tcp-smart-accept", TW_SC_BACKEND),
	IGNORED("option tcp-smart-connect", TW_SC_FRONTEND),

	{ "tfo", TW_SC_BIND, 0, 0, tw_set_flag, "",
		"Clients may send bytes with their first packet (TCP Fast Open).",
		"off", 0, B(tfo), 0, 0, NULL },
	{ "defer-accept", TW_SC_BIND, 0, 0, tw_set_flag, "",
		"Connections are accepted with their first bytes only.", "off", 0,
		B(defer_accept), 0, 0, NULL },
	{ "tcp-ss", TW_SC_BIND, 1, 1, tw_set_uint, "<mode>",
		"Keeps each connection's first packet for fc_saved_syn: 1, from the IP "
		"header on; 2, with the Ethernet header.", "0", 0,
		B(save_syn), 0, 2, NULL },
	{ "transparent", TW_SC_BIND, 0, 0, tw_set_flag, "",
		"The address may be none of this machine's.", "off", 0,
		B(transparent), 0, 0, NULL },
	{ "tcp-ut", TW_SC_BIND, 1, 1, tw_set_ms, "<time>",
		"How long sent bytes may wait for the client's acknowledgement.",
		"as the system", 0, B(tcp_ut_ms), 0, 0, NULL },
	{ "mss", TW_SC_BIND, 1, 1, bind_set_mss, "<bytes>",
		"The largest segment that clients are told; negative: by how much it "
		"is lowered.", "as the system", 0, 0, 0, 0, NULL },
	{ "cc", TW_SC_BIND, 1, 1, bind_set_cc, "<algorithm>",
		"The congestion control of its connections, such as bbr.",
		"as the system", 0, 0, 0, 0, NULL },
	{ "nice", TW_SC_BIND, 1, 1, bind_set_nice, "<-1024..1024>",
		"Connections with a higher number move fewer bytes before others "
		"have their turn: a megabyte, halved or doubled by each 256. Requests "
		"are served as they come, whatever it is.", "0", 0, 0, 0, 0, NULL },
	{ "namespace", TW_SC_BIND, 1, 1, bind_set_namespace, "<name>",
		"The network namespace to listen in.", NULL, 0, 0, 0, 0, NULL },
	{ "thread", TW_SC_BIND, 1, 1, bind_set_thread,
		"[<group>/]{ all | odd | even | <number>[-[<number>]] }[,...]",
		"The threads that serve its connections.", "all", 0, 0, 0, 0, NULL },
	{ "shards", TW_SC_BIND, 1, 1, bind_set_shards,
		"{ <number> | by-thread | by-group }",
		"How many sockets share the address, each served by its part of the "
		"threads.", "1", 0, 0, 0, 0, NULL },
	{ .word = NULL },
};
/* clang-format on */
