/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * sections.c - the openers of defaults, frontend, backend and listen.
 *
 * A proxy begins as a copy of a defaults section: of the one that `from`
 * names, else of the last one above it. The core's settings are copied as
 * bytes; so is each module's block, which the module then deepens where it
 * holds lists (proxy_inherit). What default-server lines have made is handed
 * on in the same way. source: HAProxy's manual, chapter 4.
 */
#include "config.h"

#include "core/proxy/acl_kw.h"
#include "core/proxy/logger.h"
#include "core/proxy/proxy_int.h"

static const char name_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789-_.:";

char
tw__name_bad_char(const char *name)
{
	return name[strspn(name, name_chars)];
}

uint32_t
tw__name_hash(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h;
}

const char *
tw__proxy_type(const struct tw_proxy *px)
{
	switch (px->scope) {
	case TW_SC_FRONTEND:
		return "frontend";
	case TW_SC_BACKEND:
		return "backend";
	case TW_SC_DEFAULTS:
		return "defaults";
	default:
		return "proxy";
	}
}

/* The array doubles when its length is a power of two. */
void *
tw__grow(struct tw_arena *arena, void *array, int n)
{
	void *bigger;

	if (n != 0 && (n & (n - 1)) != 0)
		return array;
	bigger = tw_arena_alloc(arena, (n ? 2 * (size_t)n : 1) * sizeof(void *));
	if (n > 0)
		memcpy(bigger, array, (size_t)n * sizeof(void *));
	return bigger;
}

static void
server_prototype_init(struct tw_server *srv)
{
	*srv = (struct tw_server){
		.magic = TW_SERVER_MAGIC,
		.name = "default-server",
		.weight = 1,
		.inter_ms = 2000,
		.rise = 2,
		.fall = 3,
		.pool_max = UINT32_MAX,
		.pool_purge_ms = 5000,
	};
}

/* What holds where no defaults section says otherwise. */
static void
conf_init(struct tw__proxy_conf *c)
{
	*c = (struct tw__proxy_conf){
		.retries = 3,
		.mode = TW_MODE_TCP,
		.http_mode = TW__KEEP_ALIVE,
		.reuse = TW__REUSE_SAFE,
		.redispatch_every = -1,
		.retry_on = TW__RETRY_CONN,
		.count_every = TW__COUNT_EVERY,
		.session_conns = 5,
	};
}

/* Lists in the modules' blocks must not grow into the defaults'. */
static void
blocks_deepen(struct tw_gen *gen, char *block)
{
	const struct tw_self *self;

	for (int i = 0; (self = tw__module_at(i)) != NULL; i++) {
		if (self->module->proxy_inherit != NULL)
			self->module->proxy_inherit(
			    gen, block + self->off[TW_IN_PROXY]);
	}
}

const struct tw_server *
tw__server_prototype(struct tw_proxy *px, struct tw_arena *arena)
{
	struct tw_server *const proto = tw_arena_alloc(arena, sizeof(*proto));

	server_prototype_init(proto);
	proto->proxy = px;
	proto->block = tw_arena_zalloc(arena, tw__module_block_bytes(TW_IN_SERVER));
	return proto;
}

static void
blocks_copy(struct tw_gen *gen, struct tw_proxy *px, const struct tw_proxy *from)
{
	const size_t size = tw__module_block_bytes(TW_IN_PROXY);
	const size_t srv_size = tw__module_block_bytes(TW_IN_SERVER);
	struct tw_server *proto = tw_arena_alloc(gen->conf.arena, sizeof(*proto));

	px->block = tw_arena_zalloc(gen->conf.arena, size);
	px->proto_server = proto;
	if (from == NULL) {
		server_prototype_init(proto);
		proto->block = tw_arena_zalloc(gen->conf.arena, srv_size);
		conf_init(&px->c);
		return;
	}
	px->c = from->c;
	px->c.log_inherited = true;
	memcpy(px->block, from->block, size);
	blocks_deepen(gen, px->block);
	*proto = *from->proto_server;
	proto->block = tw_arena_alloc(gen->conf.arena, srv_size);
	memcpy(proto->block, from->proto_server->block, srv_size);
}

static struct tw_proxy *
proxy_new(
    struct tw_line *ln, const char *name, unsigned scope, const struct tw_proxy *from)
{
	struct tw_arena *arena = ln->gen->conf.arena;
	struct tw_proxy *px = tw_arena_zalloc(arena, sizeof(*px));

	px->magic = TW_PROXY_MAGIC;
	px->gen = ln->gen;
	px->name = tw_arena_strdup(arena, name);
	px->name_hash = tw__name_hash(name);
	px->scope = scope;
	px->file = ln->file;
	px->line = ln->number;
	SLIST_INIT(&px->acls);
	STAILQ_INIT(&px->uses);
	STAILQ_INIT(&px->persists);
	blocks_copy(ln->gen, px, from);
	px->proto_server->proxy = px;
	px->balance_origin = (struct tw_origin){ "balance", px->file, px->line };
	ln->proxy = px;
	ln->core = px;
	ln->block = px->block;
	ln->scope = scope;
	return px;
}

/* The defaults section called `name`. returns: NULL after reporting. */
static struct tw_proxy *
defaults_named(struct tw_line *ln, const char *name)
{
	struct tw_proxy *found = NULL, *d;

	TAILQ_FOREACH(d, &ln->gen->defaults, link) {
		if (strcmp(d->name, name) != 0)
			continue;
		if (found != NULL) {
			tw_line_fail(ln, -1,
			    "defaults section '%s' is ambiguous: it "
			    "was declared at %s:%d and at %s:%d; give each a name of "
			    "its own",
			    name, found->file, found->line, d->file, d->line);
			return NULL;
		}
		found = d;
	}
	if (found == NULL)
		tw_line_fail(ln, -1,
		    "there is no defaults section '%s' above this "
		    "line",
		    name);
	return found;
}

/* HAProxy's complaint about a named section that some proxies name and others get
 * because it is the last one. */
static void
warn_mixed(struct tw_line *ln, struct tw_proxy *d, bool by_name)
{
	if (d == NULL || d->name[0] == '\0')
		return;
	*(by_name ? &d->used_by_name : &d->used_as_last) = true;
	if (d->used_by_name && d->used_as_last)
		tw_line_warn(ln, -1,
		    "defaults section '%s' (declared at %s:%d) is explicitly referenced "
		    "by another proxy and implicitly used here. To avoid any ambiguity "
		    "don't mix both usage. Add a last defaults section not explicitly "
		    "used or always use explicit references.",
		    d->name, d->file, d->line);
}

/* `from NAME` as words i and i + 1. out: from, NULL: no section applies. */
static int
from_parse(struct tw_line *ln, int i, bool last_is_default, struct tw_proxy **from)
{
	*from = NULL;
	if (i >= ln->n_words) {
		if (last_is_default) {
			*from = TAILQ_LAST(&ln->gen->defaults, tw__proxy_list);
			warn_mixed(ln, *from, false);
		}
		return 0;
	}
	if (strcmp(ln->word[i], "from") != 0)
		return tw_line_fail(ln, -1,
		    "'%s' cannot handle unexpected argument "
		    "'%s'",
		    ln->word[0], ln->word[i]);
	if (i + 1 >= ln->n_words)
		return tw_line_fail(ln, -1,
		    "'from' expects the name of a defaults "
		    "section");
	if (i + 2 < ln->n_words)
		return tw_line_fail(ln, -1,
		    "'%s' cannot handle unexpected argument "
		    "'%s'",
		    ln->word[0], ln->word[i + 2]);
	*from = defaults_named(ln, ln->word[i + 1]);
	if (last_is_default)
		warn_mixed(ln, *from, true);
	return *from != NULL ? 0 : -1;
}

static int
name_check(struct tw_line *ln, const char *name)
{
	const char bad = tw__name_bad_char(name);

	if (bad != '\0')
		return tw_line_fail(ln, -1,
		    "character '%c' is not permitted in '%s' "
		    "name '%s'",
		    bad, ln->word[0], name);
	return 0;
}

static int
defaults_open(struct tw_line *ln)
{
	const char *name = "";
	struct tw_proxy *from, *px;
	int i = 1, rc = 0;

	if (ln->n_words > 1 && strcmp(ln->word[1], "from") != 0) {
		name = ln->word[1];
		rc = name_check(ln, name);
		i = 2;
	}
	if (from_parse(ln, i, false, &from) < 0)
		rc = -1;
	px = proxy_new(ln, name, TW_SC_DEFAULTS, from);
	TAILQ_INSERT_TAIL(&ln->gen->defaults, px, link);
	return rc;
}

/* Whether two proxies of one name would be mixed up. */
static bool
sides_meet(unsigned a, unsigned b)
{
	return a == b || a == TW_SC_LISTEN || b == TW_SC_LISTEN;
}

static int
duplicate_check(struct tw_line *ln, const char *name, unsigned scope)
{
	const uint32_t hash = tw__name_hash(name);
	const char *type = scope == TW_SC_LISTEN ? "proxy" : ln->word[0];
	struct tw_proxy *px;

	TAILQ_FOREACH(px, &ln->gen->proxies, link) {
		if (px->name_hash != hash || strcmp(px->name, name) != 0)
			continue;
		if (sides_meet(px->scope, scope))
			return tw_line_fail(ln, 0,
			    "%s '%s' has the same name as %s "
			    "'%s' declared at %s:%d",
			    type, name, tw__proxy_type(px), name, px->file, px->line);
		tw_line_warn(ln, 0,
		    "%s '%s' has the same name as %s '%s' declared at %s:%d, which "
		    "HAProxy 3.3 and later refuse; better give each a name of its own",
		    type, name, tw__proxy_type(px), name, px->file, px->line);
	}
	return 0;
}

static int
proxy_open(struct tw_line *ln, unsigned scope)
{
	const char *name = ln->n_words > 1 ? ln->word[1] : "";
	struct tw_proxy *from, *px;
	int rc = 0;

	if (name[0] == '\0')
		rc = tw_line_fail(ln, -1, "'%s' expects an <id> argument", ln->word[0]);
	else if (name_check(ln, name) < 0 || duplicate_check(ln, name, scope) < 0)
		rc = -1;
	if (from_parse(ln, 2, true, &from) < 0)
		rc = -1;
	px = proxy_new(ln, name, scope, from);
	px->c.description = NULL;
	if (!tw__is_fe(px))
		px->c.default_backend = NULL;
	TAILQ_INSERT_TAIL(&ln->gen->proxies, px, link);
	ln->gen->n_proxies++;
	return rc;
}

static int
frontend_open(struct tw_line *ln)
{
	return proxy_open(ln, TW_SC_FRONTEND);
}

static int
backend_open(struct tw_line *ln)
{
	return proxy_open(ln, TW_SC_BACKEND);
}

static int
listen_open(struct tw_line *ln)
{
	return proxy_open(ln, TW_SC_LISTEN);
}

static const struct tw__section sections[] = {
	{ "defaults", TW_SC_DEFAULTS, defaults_open, NULL },
	{ "frontend", TW_SC_FRONTEND, frontend_open, NULL },
	{ "backend", TW_SC_BACKEND, backend_open, NULL },
	{ "listen", TW_SC_LISTEN, listen_open, NULL },
};

int
tw__proxy_register(struct tw_err *err)
{
	static const struct tw_kw *const tables[] = { tw__proxy_kw, tw__timeout_kw,
		tw__persist_kw, tw__bind_kw, tw__server_kw, tw__server_pp_kw,
		tw__retry_kw, tw__source_kw, tw__socket_kw, tw__turn_kw, tw__capture_kw,
		tw__option_kw, tw__guid_kw, tw__unix_bind_kw, tw__direct_kw,
		tw__status_kw };

	for (size_t i = 0; i < TW_N_ELEMENTS(sections); i++) {
		if (tw__section_add(&sections[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < TW_N_ELEMENTS(tables); i++) {
		if (tw__kw_add(tables[i], NULL, err) < 0)
			return -1;
	}
	return tw__acl_register(err) == 0 ? tw__log_register(err) : -1;
}
