/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * proxy_kw.c - the core's words in defaults, frontend, backend and listen.
 *
 * Each word is one entry; those that only store a value use the ready-made
 * setters. A word that HAProxy accepts with a warning in a section that has
 * not the side it speaks of has a second entry for that scope, whose setter
 * warns. source: HAProxy's manual, chapter 4.2.
 */
#include "config.h"

#include <stdio.h>

#include <tideway/text.h>
#include <tideway/trail.h>
#include "core/proxy/proxy_int.h"

/* The proxy of the line; core keywords find it in `state`. */
static struct tw_proxy *
line_proxy(const struct tw_line *ln)
{
	struct tw_proxy *px = ln->state;

	TW_CHECK_MAGIC(px, TW_PROXY_MAGIC);
	return px;
}

int
tw__kw_ignored(struct tw_line *ln)
{
	const struct tw_proxy *px = line_proxy(ln);
	const bool backend = px->scope == TW_SC_BACKEND;
	const char *word = ln->kw->word;
	const char *will = "", *hint = "";

	if (strncmp(word, "option ", 7) == 0)
		word += 7;
	else if (strncmp(word, "timeout ", 8) == 0)
		will = "will be ";
	else if (strcmp(word, "maxconn") == 0)
		hint = ". Maybe you want 'fullconn' instead ?";
	else if (strcmp(word, "fullconn") == 0)
		hint = ". Maybe you want 'maxconn' instead ?";
	return tw_line_warn(ln, -1,
	    "'%s' %signored because %s '%s' has no %s capability%s", word, will,
	    tw__proxy_type(px), px->name, backend ? "frontend" : "backend", hint);
}

/* As HAProxy says it. */
int
tw_set_ignored(struct tw_line *ln)
{
	return tw_line_warn(ln, -1,
	    "'%s' ignored because frontend '%s' has no backend capability",
	    ln->kw->word, tw_proxy_name(ln->proxy));
}

static int
server_misplaced(struct tw_line *ln)
{
	const struct tw_proxy *px = line_proxy(ln);

	if (px->scope == TW_SC_DEFAULTS)
		return tw_line_fail(
		    ln, -1, "'%s' not allowed in 'defaults' section", ln->kw->word);
	return tw_line_fail(ln, -1,
	    "'%s' not allowed because %s '%s' has no backend capability", ln->kw->word,
	    tw__proxy_type(px), px->name);
}

static int
proxy_set_mode(struct tw_line *ln)
{
	const char *arg = tw_arg(ln, 0);

	if (strcmp(arg, "http") == 0)
		line_proxy(ln)->c.mode = TW_MODE_HTTP;
	else if (strcmp(arg, "tcp") == 0)
		line_proxy(ln)->c.mode = TW_MODE_TCP;
	else if (strcmp(arg, "health") == 0)
		return tw_line_fail(ln, 0,
		    "'mode health' has gone; write 'mode http' "
		    "and a rule that answers the checker");
	else if (strcmp(arg, "log") == 0)
		line_proxy(ln)->c.mode = TW_MODE_LOG;
	else
		return tw_line_fail(ln, 0,
		    "unknown proxy mode '%s'; write 'http', 'tcp' or 'log'", arg);
	return 0;
}

static int
proxy_set_redispatch(struct tw_line *ln)
{
	struct tw__proxy_conf *c = &line_proxy(ln)->c;
	const char *arg = tw_arg(ln, 0);
	struct tw_err err;
	uint64_t n = 1;
	const bool negative = arg != NULL && arg[0] == '-';

	if (arg != NULL && tw_parse_uint(arg + negative, 0, 1000, &n, &err) < 0)
		return tw_line_fail(ln, 0, "%s", err.text);
	c->redispatch = !ln->no && n != 0;
	c->redispatch_every = arg == NULL || negative ? -(int32_t)n : (int32_t)n;
	return 0;
}

static int
http_mode_set(struct tw_line *ln, enum tw__http_mode mode)
{
	struct tw__proxy_conf *c = &line_proxy(ln)->c;

	if (!ln->no)
		c->http_mode = (uint8_t)mode;
	else if (c->http_mode == mode)
		c->http_mode = TW__KEEP_ALIVE;
	return 0;
}

static int
proxy_set_keep_alive(struct tw_line *ln)
{
	return http_mode_set(ln, TW__KEEP_ALIVE);
}

static int
proxy_set_server_close(struct tw_line *ln)
{
	return http_mode_set(ln, TW__SERVER_CLOSE);
}

static int
proxy_set_close(struct tw_line *ln)
{
	return http_mode_set(ln, TW__CLOSE);
}

static int
proxy_set_reuse(struct tw_line *ln)
{
	static const struct {
		const char *word;
		enum tw__reuse reuse;
	} words[] = {
		{ "never", TW__REUSE_NEVER },
		{ "safe", TW__REUSE_SAFE },
		{ "aggressive", TW__REUSE_AGGRESSIVE },
		{ "always", TW__REUSE_ALWAYS },
	};

	for (size_t i = 0; i < TW_N_ELEMENTS(words); i++) {
		if (strcmp(tw_arg(ln, 0), words[i].word) == 0) {
			line_proxy(ln)->c.reuse = (uint8_t)words[i].reuse;
			return 0;
		}
	}
	return tw_line_fail(ln, 0,
	    "'http-reuse' expects one of 'never', 'safe', "
	    "'aggressive' and 'always'");
}

static int
proxy_set_tcpka(struct tw_line *ln)
{
	struct tw__proxy_conf *c = &line_proxy(ln)->c;

	c->tcpka_client = c->tcpka_server = !ln->no;
	return 0;
}

static int
proxy_set_default_backend(struct tw_line *ln)
{
	struct tw_proxy *px = line_proxy(ln);

	px->c.default_backend = tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, 0));
	px->c.default_backend_file = ln->file;
	px->c.default_backend_line = ln->number;
	return 0;
}

#define ROUTE_WHERE (TW_AT_CONN | TW_AT_REQUEST | TW_AT_REQ_BODY)

static int
proxy_add_use_backend(struct tw_line *ln)
{
	struct tw_arena *arena = ln->gen->conf.arena;
	struct tw_proxy *px = line_proxy(ln);
	const char *name = tw_arg(ln, 0);
	struct tw__use *use;

	use = tw_arena_zalloc(arena, sizeof(*use));
	if (strchr(name, '%') != NULL) {
		use->fmt = tw_text_compile(ln, 0, name, ROUTE_WHERE, false);
		if (use->fmt == NULL)
			return -1;
	}
	if (ln->n_args > 1) {
		use->cond = tw_cond_compile(ln, 1, ROUTE_WHERE);
		if (use->cond == NULL)
			return -1;
	}
	use->name = tw_arena_strdup(arena, name);
	use->origin = (struct tw_origin){ "use_backend", ln->file, ln->number };
	use->text = tw_trail_text(ln);
	STAILQ_INSERT_TAIL(&px->uses, use, link);
	return 0;
}

static int
proxy_set_disabled(struct tw_line *ln)
{
	line_proxy(ln)->c.disabled = true;
	return 0;
}

static int
proxy_set_enabled(struct tw_line *ln)
{
	line_proxy(ln)->c.disabled = false;
	return 0;
}

static int
proxy_set_description(struct tw_line *ln)
{
	char *text = tw_arena_strdup(ln->gen->conf.arena, tw_arg(ln, 0));

	for (int i = 1; i < ln->n_args; i++)
		text =
		    tw_arena_printf(ln->gen->conf.arena, "%s %s", text, tw_arg(ln, i));
	line_proxy(ln)->c.description = text;
	return 0;
}

/* Algorithms of HAProxy's that no loaded module has. */
static const char *const balance_later[] = { "static-rr", "first", "hash", "source",
	"uri", "url_param", "random", "rdp-cookie", "hdr", "sticky", "log-hash" };

static int
balance_unknown(const struct tw_line *ln, const char *name)
{
	bool later = false;

	for (size_t i = 0; i < TW_N_ELEMENTS(balance_later); i++)
		later = later || strcmp(name, balance_later[i]) == 0;
	if (later)
		return tw_line_fail(ln, 0,
		    "balance '%s' is known to HAProxy but not to "
		    "tideway yet",
		    name);
	return tw_line_fail(ln, 0,
	    "'balance' does not know the algorithm '%s'; "
	    "'roundrobin' and 'leastconn' are in the module 'balance'",
	    name);
}

/* Without an algorithm it is the default, as in HAProxy. */
static const char *
balance_name(const struct tw_line *ln, char *name, size_t size)
{
	const char *word = tw_arg(ln, 0);

	if (word == NULL)
		return "roundrobin";
	snprintf(name, size, "%.*s", (int)strcspn(word, "("), word);
	return name;
}

static int
proxy_set_balance(struct tw_line *ln)
{
	struct tw_proxy *px = line_proxy(ln);
	const struct tw_self *owner;
	char text[64];
	const char *name = balance_name(ln, text, sizeof(text));
	const struct tw_balance *algo = tw__module_find_balance(name, &owner);
	void *conf;

	if (algo == NULL)
		return balance_unknown(ln, name);
	if (algo->args == NULL && ln->n_args > 1)
		return tw_line_fail(
		    ln, 1, "balance '%s' takes no arguments", algo->name);
	if (algo->args == NULL && ln->n_args > 0 && strchr(tw_arg(ln, 0), '(') != NULL)
		return tw_line_fail(
		    ln, 0, "balance '%s' takes nothing in parentheses", algo->name);
	conf = tw_arena_zalloc(ln->gen->conf.arena, algo->conf_size);
	if (algo->args != NULL && algo->args(ln, conf) < 0)
		return -1;
	px->c.balance = algo;
	px->c.balance_owner = owner;
	px->c.balance_conf = conf;
	px->balance_origin = (struct tw_origin){ "balance", ln->file, ln->number };
	return 0;
}

#define AT(field) offsetof(struct tw_proxy, field)
#define NO_FE TW_SC_FRONTEND
#define NO_BE TW_SC_BACKEND
#define SECTIONS (TW_SC_FRONTEND | TW_SC_LISTEN | TW_SC_BACKEND)
/* The entry for a scope where the word is ignored with a warning. */
#define IGNORED(text, scope)                                                          \
	{                                                                             \
		.word = text, .scopes = scope, .max_args = -1, .set = tw__kw_ignored, \
		.flags = TW_KW_NO, .help = "Ignored here, with a warning."            \
	}

/* clang-format off */
const struct tw_kw tw__proxy_kw[] = {
	{ "mode", TW_SC_PROXY, 1, 1, proxy_set_mode, "{ http | tcp | log }",
		"What the proxy speaks.", "tcp", 0, 0, 0, 0, NULL },
	{ "maxconn", TW_SC_FE, 1, 1, tw_set_uint, "<number>",
		"Most connections at a time on the frontend; 0: the process's limit.",
		"0", 0, AT(c.maxconn), 0, INT32_MAX, NULL },
	{ "fullconn", TW_SC_BE, 1, 1, tw_set_uint, "<number>",
		"Sessions on the backend at which servers with a minconn are given "
		"their maxconn.", "10% of the frontends' maxconn", 0,
		AT(c.fullconn), 0, INT32_MAX, NULL },
	{ "backlog", TW_SC_FE, 1, 1, tw_set_uint, "<number>",
		"Connections that the system may hold before they are accepted.",
		"maxconn", 0, AT(c.backlog), 0, INT32_MAX, NULL },
	{ "retries", TW_SC_BE, 1, 1, tw_set_uint, "<number>",
		"Attempts to connect to a server after the first has failed.",
		"3", 0, AT(c.retries), 0, 1000000, NULL },
	{ "option redispatch", TW_SC_BE, 0, 1, proxy_set_redispatch, "[<interval>]",
		"Another server may be chosen when one cannot be reached; on each "
		"<interval>th retry, or counted from the last when negative.",
		"off; interval -1", TW_KW_NO, 0, 0, 0, NULL },
	{ "option dontlognull", TW_SC_FE, 0, 0, tw_set_flag, "",
		"Connections that brought no byte are not logged.", "off",
		TW_KW_NO, AT(c.dontlognull), 0, 0, NULL },
	{ "option dontlog-normal", TW_SC_FE, 0, 0, tw_set_flag, "",
		"Only errors, time-outs, retries and redispatches are logged.",
		"off", TW_KW_NO, AT(c.dontlog_normal), 0, 0, NULL },
	{ "option log-separate-errors", TW_SC_FE, 0, 0, tw_set_flag, "",
		"What is not a plain success is logged with level err.", "off",
		TW_KW_NO, AT(c.log_separate_errors), 0, 0, NULL },
	{ "option http-drop-request-trailers", TW_SC_BE, 0, 0, tw_set_flag, "",
		"Fields behind a request's chunked body are not passed on.", "off",
		TW_KW_NO | TW_KW_HTTP, AT(c.drop_req_trailers), 0, 0, NULL },
	{ "option http-drop-response-trailers", TW_SC_FE, 0, 0, tw_set_flag, "",
		"Fields behind a response's chunked body are not passed on.", "off",
		TW_KW_NO | TW_KW_HTTP, AT(c.drop_res_trailers), 0, 0, NULL },
	{ "option http-keep-alive", TW_SC_PROXY, 0, 0, proxy_set_keep_alive, "",
		"Both connections are kept after a response.", "on",
		TW_KW_NO | TW_KW_HTTP, 0, 0, 0, NULL },
	{ "option http-server-close", TW_SC_PROXY, 0, 0, proxy_set_server_close, "",
		"The server's connection is closed after a response, the client's "
		"is kept.", "off", TW_KW_NO | TW_KW_HTTP, 0, 0, 0, NULL },
	{ "option httpclose", TW_SC_PROXY, 0, 0, proxy_set_close, "",
		"Both connections are closed after a response.", "off",
		TW_KW_NO | TW_KW_HTTP, 0, 0, 0, NULL },
	{ "http-reuse", TW_SC_BE, 1, 1, proxy_set_reuse,
		"{ never | safe | aggressive | always }",
		"How far idle connections to servers are shared between clients: "
		"not at all; for all but a client's first request, unless that can "
		"be sent again should the connection prove stale (GET, HEAD and the "
		"like without a body); for first requests over connections that were "
		"used again before; for all.",
		"safe", TW_KW_HTTP, 0, 0, 0, NULL },
	{ "default_backend", TW_SC_FE, 1, 1, proxy_set_default_backend,
		"<backend>", "The backend when no 'use_backend' rule applies.",
		NULL, 0, 0, 0, 0, NULL },
	{ "use_backend", TW_SC_FRONTEND | TW_SC_LISTEN, 1, -1,
		proxy_add_use_backend, "<backend> [{if | unless} <condition>]",
		"Sends requests that meet the condition to a backend; the first "
		"rule that applies wins.", NULL, TW_KW_REST, 0, 0, 0, NULL },
	{ "disabled", TW_SC_PROXY, 0, 0, proxy_set_disabled, "",
		"The section is read but not started.", NULL, 0, 0, 0, 0, NULL },
	{ "enabled", TW_SC_PROXY, 0, 0, proxy_set_enabled, "",
		"Undoes 'disabled' of the defaults section.", NULL, 0, 0, 0, 0, NULL },
	{ "description", SECTIONS, 1, -1, proxy_set_description, "<text>",
		"Shown on the statistics page.", NULL, TW_KW_REST, 0, 0, 0, NULL },
	{ "id", SECTIONS, 1, 1, tw_set_uint, "<number>",
		"The number by which statistics name this proxy.", "the next free",
		0, AT(id), 1, INT32_MAX, NULL },
	{ "option abortonclose", TW_SC_BE, 0, 0, tw_set_flag, "",
		"A request whose client has left is taken out of the queue.",
		"off", TW_KW_NO, AT(c.abortonclose), 0, 0, NULL },
	{ "option tcpka", TW_SC_PROXY, 0, 0, proxy_set_tcpka, "",
		"TCP keep-alive packets on both sides.", "off", TW_KW_NO, 0, 0, 0,
		NULL },
	{ "option clitcpka", TW_SC_FE, 0, 0, tw_set_flag, "",
		"TCP keep-alive packets on the client's side.", "off", TW_KW_NO,
		AT(c.tcpka_client), 0, 0, NULL },
	{ "option srvtcpka", TW_SC_BE, 0, 0, tw_set_flag, "",
		"TCP keep-alive packets on the server's side.", "off", TW_KW_NO,
		AT(c.tcpka_server), 0, 0, NULL },
	{ "option allbackups", TW_SC_BE, 0, 0, tw_set_flag, "",
		"All backup servers share the load when no other server is usable, "
		"not only the first.", "off", TW_KW_NO, AT(c.allbackups), 0, 0, NULL },
	{ "balance", TW_SC_BE, 0, -1, proxy_set_balance, "[<algorithm> [<argument>...]]",
		"How a server is chosen.", "roundrobin", 0, 0, 0, 0, NULL },
	{ "option prefer-last-server", TW_SC_BE, 0, 0, tw_set_flag, "",
		"A client's next request goes to the server of its last one while a "
		"connection to that is idle, unless a hash or a cookie decides. After "
		"a 401 or 407 it does so without this.", "off", TW_KW_NO,
		AT(c.prefer_last), 0, 0, NULL },
	{ "bind", TW_SC_FRONTEND | TW_SC_LISTEN, 1, -1, tw__line_add_bind,
		"<address>[,...] [<option>...]", "Where the proxy listens.", NULL,
		TW_KW_REST, 0, 0, 0, NULL },
	{ "server", TW_SC_BACKEND | TW_SC_LISTEN, 2, -1, tw__line_add_server,
		"<name> <address>[:<port>] [<option>...]", "A server.", NULL,
		TW_KW_REST, 0, 0, 0, NULL },
	{ "server-template", TW_SC_BACKEND | TW_SC_LISTEN, 3, -1,
		tw__line_server_template,
		"<prefix> { <count> | <first>-<last> } <name>[:<port>] [<option>...]",
		"Servers called <prefix><number> that share a name and all options; "
		"with 'resolvers', each takes one of the name's addresses.", NULL,
		TW_KW_REST, 0, 0, 0, NULL },
	{ "default-server", TW_SC_BE, 1, -1, tw__line_default_server,
		"<option>...", "Options of the servers that follow.", NULL,
		TW_KW_REST, 0, 0, 0, NULL },

	{ .word = "server", .scopes = TW_SC_DEFAULTS | TW_SC_FRONTEND,
		.max_args = -1, .set = server_misplaced,
		.help = "Refused here." },
	{ .word = "server-template", .scopes = TW_SC_DEFAULTS | TW_SC_FRONTEND,
		.max_args = -1, .set = server_misplaced, .help = "Refused here." },
	{ .word = "default-server", .scopes = TW_SC_FRONTEND, .max_args = -1,
		.set = server_misplaced, .help = "Refused here." },
	IGNORED("maxconn", NO_BE),
	IGNORED("backlog", NO_BE),
	IGNORED("bind", NO_BE),
	IGNORED("default_backend", NO_BE),
	IGNORED("use_backend", NO_BE),
	IGNORED("option dontlognull", NO_BE),
	IGNORED("option dontlog-normal", NO_BE),
	IGNORED("option log-separate-errors", NO_BE),
	IGNORED("option clitcpka", NO_BE),
	IGNORED("fullconn", NO_FE),
	IGNORED("retries", NO_FE),
	IGNORED("option redispatch", NO_FE),
	IGNORED("option abortonclose", NO_FE),
	IGNORED("option srvtcpka", NO_FE),
	IGNORED("option allbackups", NO_FE),
	IGNORED("option prefer-last-server", NO_FE),
	IGNORED("http-reuse", NO_FE),
	IGNORED("balance", NO_FE),
	{ .word = NULL },
};

#define TIMEOUT(text, scope, field, what)                                     \
	{ "timeout " text, scope, 1, 1, tw_set_ms, "<time>", what, "none", 0,    \
		AT(c.timeout.field), 0, 0, NULL }

const struct tw_kw tw__timeout_kw[] = {
	TIMEOUT("connect", TW_SC_BE, connect,
	    "How long a connection to a server may take."),
	TIMEOUT("client", TW_SC_FE, client,
	    "How long a client may be silent when it is its turn."),
	TIMEOUT("server", TW_SC_BE, server,
	    "How long a server may be silent when it is its turn."),
	TIMEOUT("http-request", TW_SC_PROXY, http_request,
	    "How long a request's head may take, from its first byte."),
	TIMEOUT("http-keep-alive", TW_SC_PROXY, http_keep_alive,
	    "How long an idle connection waits for its next request."),
	TIMEOUT("queue", TW_SC_BE, queue,
	    "How long a request may wait for a server with room."),
	TIMEOUT("tunnel", TW_SC_BE, tunnel,
	    "How long both sides of a tunnel may be silent."),
	TIMEOUT("client-fin", TW_SC_FE, client_fin,
	    "In place of 'timeout client' once one direction is closed."),
	TIMEOUT("client-hs", TW_SC_FE, client_hs,
	    "In place of 'timeout client' while a handshake is under way."),
	TIMEOUT("server-fin", TW_SC_BE, server_fin,
	    "In place of 'timeout server' once one direction is closed."),
	TIMEOUT("check", TW_SC_BE, check,
	    "How long a health check may take after it has connected."),
	TIMEOUT("tarpit", TW_SC_PROXY, tarpit,
	    "How long a tarpitted request is kept waiting."),
	IGNORED("timeout client", NO_BE),
	IGNORED("timeout client-fin", NO_BE),
	IGNORED("timeout client-hs", NO_BE),
	IGNORED("timeout connect", NO_FE),
	IGNORED("timeout server", NO_FE),
	IGNORED("timeout queue", NO_FE),
	IGNORED("timeout tunnel", NO_FE),
	IGNORED("timeout server-fin", NO_FE),
	IGNORED("timeout check", NO_FE),
	{ .word = NULL },
};
/* clang-format on */
