/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * conv_state.c - converters from a name to the state of what it names.
 *
 * The names come with requests: unknown ones give nothing. Any worker.
 * source: HAProxy's manual, 7.3.1.
 */
#include "config.h"

#include <tideway/proxy.h>

#include "expr/conv.h"

#define NAME_BYTES 256

static bool
copy_name(struct tw_str s, char name[NAME_BYTES])
{
	if (s.len == 0 || s.len >= NAME_BYTES)
		return false;
	memcpy(name, s.p, s.len);
	name[s.len] = '\0';
	return true;
}

TW__CONV(nbsrv)
{
	char name[NAME_BYTES];
	int active, backup;
	uint32_t weight;

	(void)args;
	if (!copy_name(s->u.str, name))
		return false;
	const struct tw_proxy *const be =
	    tw_gen_find(tw_req_gen(req), name, TW_BACKEND);
	if (be == NULL)
		return false;
	tw_proxy_usable(be, &active, &backup, &weight);
	s->u.n = active > 0 ? active : backup;
	return true;
}

TW__CONV(srv_queue)
{
	char name[NAME_BYTES];
	struct tw_gauges g;
	const struct tw_proxy *be = tw_req_backend(req);

	(void)args;
	if (!copy_name(s->u.str, name))
		return false;
	char *const slash = strchr(name, '/');
	if (slash != NULL) {
		*slash = '\0';
		be = tw_gen_find(tw_req_gen(req), name, TW_BACKEND);
	} else if (be == NULL) {
		be = tw_req_proxy(req);
	}
	const struct tw_server *const srv = be != NULL && tw_proxy_has(be, TW_BACKEND)
	    ? tw_proxy_find_server(be, slash ? slash + 1 : name)
	    : NULL;
	if (srv == NULL)
		return false;
	tw_server_gauges(srv, &g);
	s->u.n = g.queue;
	return true;
}

const struct tw_conv tw__conv_state[] = {
	{ "nbsrv", "", TW_STRING, TW_SINT, conv_nbsrv, NULL,
	    "The usable servers of the backend of this name." },
	{ "srv_queue", "", TW_STRING, TW_SINT, conv_srv_queue, NULL,
	    "The requests queued for the server ([BACKEND/]SERVER)." },
	{ .name = NULL },
};
