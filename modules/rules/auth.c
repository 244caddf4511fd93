/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * auth.c - userlist sections, http_auth(), http_auth_group(), and the action
 * auth.
 *
 * Lists hang on the generation; the fetches find theirs when all files are
 * read. An encrypted password takes crypt(3) as long as its method wants.
 * source: HAProxy's manual, 3.4, http-request auth; RFC 7617.
 */
#include <crypt.h>
#include <stdlib.h>

#include <tideway/encode.h>

#include "reply.h"
#include "rules.h"

struct group {
	struct group *next;
	const char *name;
	const char *users; /* as written: "a,b"; NULL: none here */
	int line;
	const char *file;
};

struct user {
	struct user *next;
	const char *name;
	const char *password;
	bool encrypted;
	const char *groups; /* as written; NULL: none here */
	int line;
	const char *file;
};

struct userlist {
	struct userlist *next;
	const char *name;
	struct group *groups;
	struct user *users;
};

/* ---- the section -------------------------------------------------------- */

static struct userlist *
list_find(struct tw_gen *gen, struct tw_str name)
{
	struct userlist *l = *rules_userlists(gen);

	while (l != NULL && !tw_str_eq(tw_str_of(l->name), name))
		l = l->next;
	return l;
}

static int
userlist_open(struct tw_line *ln, void **section)
{
	const char *const name = tw_arg(ln, 0);
	struct userlist *const l = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*l));

	*section = l;
	if (name == NULL || *name == '\0')
		return tw_line_fail(ln, -1, "'userlist' expects <name> as arguments");
	if (ln->n_args > 1)
		return tw_line_fail(ln, 1,
		    "'userlist' cannot handle unexpected argument '%s'", tw_arg(ln, 1));
	if (list_find(ln->gen, tw_str_of(name)) != NULL)
		return tw_line_fail(ln, 0, "there is a userlist '%s' already", name);
	l->name = gen_dup(ln, name);
	l->next = *rules_userlists(ln->gen);
	*rules_userlists(ln->gen) = l;
	return 0;
}

int
auth_set_group(struct tw_line *ln)
{
	struct userlist *const l = ln->section;
	struct group *const g = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*g));

	for (struct group *o = l->groups; o != NULL; o = o->next)
		if (strcmp(o->name, tw_arg(ln, 0)) == 0)
			return tw_line_fail(ln, 0,
			    "userlist '%s' has a group '%s' already", l->name, o->name);
	*g = (struct group){ l->groups, gen_dup(ln, tw_arg(ln, 0)), NULL, ln->number,
		ln->file };
	l->groups = g;
	if (ln->n_args == 1)
		return 0;
	if (ln->n_args != 3 || strcmp(tw_arg(ln, 1), "users") != 0)
		return tw_line_fail(ln, 1, "'group' expects <name> [users <user>,...]");
	g->users = gen_dup(ln, tw_arg(ln, 2));
	return 0;
}

/* The words behind a user's name. */
static int
user_option(struct tw_line *ln, struct user *u, int i)
{
	const char *const word = tw_arg(ln, i), *const arg = tw_arg(ln, i + 1);

	if (arg == NULL)
		return tw_line_fail(ln, i, "'%s' expects a value", word);
	if (strcmp(word, "password") == 0 || strcmp(word, "insecure-password") == 0) {
		u->encrypted = word[0] == 'p';
		u->password = gen_dup(ln, arg);
		return 0;
	}
	if (strcmp(word, "groups") != 0)
		return tw_line_fail(ln, i,
		    "'user' expects 'password', 'insecure-password' or 'groups', not "
		    "'%s'",
		    word);
	u->groups = gen_dup(ln, arg);
	return 0;
}

/* A method that crypt(3) does not know would refuse everybody. */
static int
check_crypt(struct tw_line *ln, const struct user *u)
{
	struct crypt_data *const data = calloc(1, sizeof(*data));
	const char *const made =
	    data != NULL ? crypt_rn("x", u->password, data, (int)sizeof(*data)) : NULL;
	const bool known = made != NULL && made[0] != '*';

	free(data);
	return known
	    ? 0
	    : tw_line_fail(ln, -1,
		  "the password of user '%s' is not what crypt(3) makes here: write "
		  "'insecure-password' when it is not encrypted",
		  u->name);
}

int
auth_set_user(struct tw_line *ln)
{
	struct userlist *const l = ln->section;
	struct user *const u = tw_arena_zalloc(tw_gen_arena(ln->gen), sizeof(*u));

	for (struct user *o = l->users; o != NULL; o = o->next)
		if (strcmp(o->name, tw_arg(ln, 0)) == 0)
			return tw_line_fail(ln, 0,
			    "userlist '%s' has a user '%s' already", l->name, o->name);
	u->name = gen_dup(ln, tw_arg(ln, 0));
	u->file = ln->file;
	u->line = ln->number;
	for (int i = 1; i < ln->n_args; i += 2)
		if (user_option(ln, u, i) != 0)
			return -1;
	u->next = l->users;
	l->users = u;
	return u->encrypted ? check_crypt(ln, u) : 0;
}

const struct tw_section auth_sections[] = {
	{ "userlist", userlist_open, NULL, "Users and groups for http_auth()." },
	{ .word = NULL },
};

/* ---- checks ------------------------------------------------------------- */

/* Is `name` one of "a,b,c"? */
static bool
names(const char *list, const char *name)
{
	const size_t len = strlen(name);

	while (list != NULL && *list != '\0') {
		const size_t n = strcspn(list, ",");
		if (n == len && memcmp(list, name, n) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

static bool
has_group(const struct userlist *l, struct tw_str name)
{
	for (const struct group *g = l->groups; g != NULL; g = g->next)
		if (tw_str_eq(tw_str_of(g->name), name))
			return true;
	return false;
}

static bool
has_user(const struct userlist *l, struct tw_str name)
{
	for (const struct user *u = l->users; u != NULL; u = u->next)
		if (tw_str_eq(tw_str_of(u->name), name))
			return true;
	return false;
}

static int
check_names(struct tw_gen *gen, const struct userlist *l, const char *list,
    const char *file, int line)
{
	const bool groups = line > 0;

	line = groups ? line : -line;
	while (list != NULL && *list != '\0') {
		const struct tw_str name = { list, strcspn(list, ",") };
		if (groups ? !has_group(l, name) : !has_user(l, name))
			return tw_gen_fail(gen, file, line,
			    "userlist '%s': there is no %s '%.*s'", l->name,
			    groups ? "group" : "user", TW_STR_FMT(name));
		list += name.len + (list[name.len] == ',');
	}
	return 0;
}

int
auth_check(struct tw_gen *gen)
{
	int rc = 0;

	for (struct userlist *l = *rules_userlists(gen); l != NULL; l = l->next) {
		for (struct user *u = l->users; u != NULL; u = u->next)
			rc |= check_names(gen, l, u->groups, u->file, u->line);
		for (struct group *g = l->groups; g != NULL; g = g->next)
			rc |= check_names(gen, l, g->users, g->file, -g->line);
	}
	return rc;
}

/* ---- credentials -------------------------------------------------------- */

#define LOGIN_MAX 1024

/* "user\0password\0" from the request. returns: false: there is none. */
static bool
auth_login(struct tw_req *req, char login[LOGIN_MAX], const char **password)
{
	const struct tw_hdr *const h =
	    tw_msg_first(tw_req_request(req), TW_H_AUTHORIZATION);

	struct tw_str user, pass;

	if (h == NULL ||
	    !tw_basic_login(tw_hdr_value(h), login, LOGIN_MAX - 1, &user, &pass))
		return false;
	login[user.len] = '\0';
	login[user.len + 1 + pass.len] = '\0';
	*password = pass.p;
	return true;
}

/* In time that does not depend on where they differ. */
static bool
is_same(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b);
	volatile unsigned char diff = n != m;

	for (size_t i = 0; i < n; i++)
		diff |= (unsigned char)(a[i] ^ (m > 0 ? b[i % m] : 0));
	return diff == 0;
}

static bool
encrypted_matches(const char *given, const char *stored)
{
	static __thread struct crypt_data *data; /* owns: as long as the thread */

	if (data == NULL && (data = calloc(1, sizeof(*data))) == NULL)
		return false;
	const char *const made = crypt_rn(given, stored, data, (int)sizeof(*data));
	return made != NULL && is_same(made, stored);
}

static const struct user *
login_user(struct tw_req *req, const struct userlist *l)
{
	char login[LOGIN_MAX];
	const char *password;

	if (!auth_login(req, login, &password))
		return NULL;
	for (const struct user *u = l->users; u != NULL; u = u->next) {
		if (strcmp(u->name, login) != 0)
			continue;
		if (u->password == NULL)
			return NULL;
		const bool right = u->encrypted
		    ? encrypted_matches(password, u->password)
		    : is_same(password, u->password);
		return right ? u : NULL;
	}
	return NULL;
}

/* ---- fetches ------------------------------------------------------------ */

static int
check_list(struct tw_gen *gen, struct tw_arg_val *args, struct tw_err *err)
{
	args[0].ptr = list_find(gen, args[0].str);
	return args[0].ptr != NULL
	    ? 0
	    : tw_err_set(err, "there is no userlist '%.*s'", TW_STR_FMT(args[0].str));
}

static bool
fetch_auth(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	(void)cur;
	out->u.n = login_user(req, args[0].ptr) != NULL;
	return true;
}

/* The user's groups, one after the other; at[0]: the next, counted from 0;
 * at[1]: the user, so that the password is tried once. */
static bool
fetch_group(struct tw_req *req, const struct tw_arg_val *args, struct tw_cursor *cur,
    struct tw_sample *out)
{
	const struct userlist *const l = args[0].ptr;
	uint64_t i = 0;

	if (cur->at[0] == 0)
		cur->at[1] = (uint64_t)(uintptr_t)login_user(req, l);
	const struct user *const u = (const struct user *)(uintptr_t)cur->at[1];
	if (u == NULL)
		return false;
	for (const struct group *g = l->groups; g != NULL; g = g->next, i++) {
		if (i < cur->at[0] ||
		    (!names(u->groups, g->name) && !names(g->users, u->name)))
			continue;
		cur->at[0] = i + 1;
		cur->more = true;
		out->u.str = tw_str_of(g->name);
		return true;
	}
	return false;
}

const struct tw_fetch auth_fetches[] = {
	{ "http_auth", "s", TW_BOOL, TW_AT_REQUEST, fetch_auth, NULL, check_list,
	    "Whether the request's login is a user of that userlist." },
	{ "http_auth_group", "s", TW_STRING, TW_AT_REQUEST, fetch_group, "str",
	    check_list,
	    "The groups of the request's user in that userlist, when the password is "
	    "right." },
	{ .name = NULL },
};

/* ---- the action --------------------------------------------------------- */

struct auth {
	struct tw_str challenge; /* 'Basic realm="..."'; p NULL: the proxy's name */
};

static struct tw_str
challenge(struct tw_line *ln, const char *realm)
{
	char *const mem = tw_arena_alloc(tw_gen_arena(ln->gen), 2 * strlen(realm) + 32);
	struct tw_out o = tw_out_of(mem, 2 * strlen(realm) + 32);

	tw_out_lit(&o, "Basic realm=\"");
	for (; *realm != '\0'; realm++) {
		if (*realm == '"' || *realm == '\\')
			tw_out_char(&o, '\\');
		tw_out_char(&o, *realm);
	}
	tw_out_char(&o, '"');
	return (struct tw_str){ mem, (size_t)(o.p - mem) };
}

static int
parse_auth(struct tw_action_line *a, const void **conf)
{
	struct auth *const v = tw_arena_zalloc(tw_gen_arena(a->ln->gen), sizeof(*v));
	const char *const word = tw_arg(a->ln, a->i);

	*conf = v;
	if (word == NULL || strcmp(word, "realm") != 0) {
		if (tw_proxy_name(a->ln->proxy)[0] != '\0' &&
		    a->ln->scope != TW_SC_DEFAULTS)
			v->challenge = challenge(a->ln, tw_proxy_name(a->ln->proxy));
		return 0;
	}
	a->i++;
	const char *const realm = tw_action_arg(a);
	if (realm == NULL)
		return action_missing(a, "a text behind 'realm'");
	if (!text_is_field(tw_str_of(realm)))
		return action_fail(a, "a realm cannot hold line breaks");
	v->challenge = challenge(a->ln, realm);
	return 0;
}

static enum tw_act
run_auth(struct tw_req *req, const struct tw_action_call *call)
{
	const struct auth *const v = call->conf;
	char text[512];
	struct tw_str value = v->challenge;

	if (value.p == NULL) { /* of a defaults section */
		struct tw_out o = tw_out_of(text, sizeof(text));
		tw_out_printf(
		    &o, "Basic realm=\"%s\"", tw_proxy_name(tw_req_proxy(req)));
		value = tw_req_copy(req, (struct tw_str){ text, (size_t)(o.p - text) });
	}
	return reply_page(req, 401, TW_STR("www-authenticate"), value, call->origin);
}

const struct tw_action act_auth[] = {
	{ "auth", 1u << TW_HTTP_REQUEST, parse_auth, run_auth, "[realm <text>]",
	    "Asks for a login (401).", TW_ACTION_FINAL },
	{ .name = NULL },
};
