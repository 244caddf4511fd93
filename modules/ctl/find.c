/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * find.c - proxies and servers that a command names. Control thread.
 */
#include "ctl.h"

#define NAME_ROOM 512

bool
ctl_number(const char *word, uint64_t max, uint64_t *n)
{
	return word != NULL && tw_str_to_u64(tw_str_of(word), n) && *n <= max;
}

static struct tw_proxy *
proxy_by_id(struct tw_gen *gen, uint64_t id)
{
	struct tw_proxy *px;

	for (int i = 0; (px = tw_gen_proxy(gen, i)) != NULL; i++) {
		if (tw_proxy_id(px) == id)
			return px;
	}
	return NULL;
}

struct tw_proxy *
ctl_backend(const char *name)
{
	struct tw_gen *const gen = tw_gen_running();
	struct tw_proxy *px = tw_gen_find(gen, name, TW_BACKEND);
	uint64_t id;

	if (px != NULL || name[0] != '#' || !ctl_number(name + 1, UINT32_MAX, &id))
		return px;
	px = proxy_by_id(gen, id);
	return px != NULL && tw_proxy_has(px, TW_BACKEND) ? px : NULL;
}

struct tw_proxy *
ctl_proxy(const char *name)
{
	struct tw_gen *const gen = tw_gen_running();
	struct tw_proxy *px = tw_gen_find(gen, name, TW_FRONTEND);
	uint64_t id;

	if (px == NULL)
		px = tw_gen_find(gen, name, TW_BACKEND);
	if (px == NULL && ctl_number(name, UINT32_MAX, &id))
		px = proxy_by_id(gen, id);
	return px;
}

static struct tw_server *
server_find(const struct tw_proxy *px, const char *name)
{
	struct tw_server *srv = tw_proxy_find_server(px, name);
	uint64_t id;

	if (srv != NULL || name[0] != '#' || !ctl_number(name + 1, UINT32_MAX, &id))
		return srv;
	for (int i = 0; (srv = tw_proxy_server(px, i)) != NULL; i++) {
		if (tw_server_id(srv) == id)
			break;
	}
	return srv;
}

struct tw_server *
ctl_server_named(const char *arg, const char **why)
{
	const char *const slash = arg != NULL ? strchr(arg, '/') : NULL;
	char backend[NAME_ROOM];

	if (slash == NULL || slash[1] == '\0' ||
	    (size_t)(slash - arg) >= sizeof(backend)) {
		*why = "Require 'backend/server'.";
		return NULL;
	}
	memcpy(backend, arg, (size_t)(slash - arg));
	backend[slash - arg] = '\0';
	const struct tw_proxy *const px = ctl_backend(backend);
	if (px == NULL) {
		*why = "No such backend.";
		return NULL;
	}
	struct tw_server *const srv = server_find(px, slash + 1);
	if (srv == NULL)
		*why = "No such server.";
	return srv;
}

struct tw_server *
ctl_server_arg(struct tw_cli *cli, const char *arg)
{
	const char *why;
	struct tw_server *const srv = ctl_server_named(arg, &why);

	if (srv == NULL)
		tw_cli_msg(cli, TW_ERR, "%s\n", why);
	return srv;
}

struct tw_proxy *
ctl_frontend_arg(struct tw_cli *cli, const char *name)
{
	struct tw_proxy *px;

	if (name == NULL) {
		tw_cli_msg(cli, TW_ERR, "A frontend name is expected.\n");
		return NULL;
	}
	px = tw_gen_find(tw_gen_running(), name, TW_FRONTEND);
	if (px == NULL)
		tw_cli_msg(cli, TW_ERR, "No such frontend.\n");
	return px;
}
