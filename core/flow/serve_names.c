/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the tideway authors */
/*
 * flow/serve_names.c - services by their names: the modules', and those that a
 * generation has by itself. Called while a configuration is read.
 */
#include "config.h"

#include <tideway/edit.h>
#include "core/flow/serve.h"

struct tw__gen_service {
	struct tw__gen_service *next;
	const struct tw_service *service;
	const struct tw_self *owner;
};

int
tw_service_add(struct tw_gen *gen, const struct tw_self *self,
    const struct tw_service *service, struct tw_err *err)
{
	const struct tw_self *owner;

	if (tw_service_of(gen, service->name, &owner) != NULL)
		return tw_err_set(err,
		    "there is a service '%s' already, of module '%s'", service->name,
		    owner->module->name);
	struct tw__gen_service *const s =
	    tw_arena_zalloc(tw_gen_arena(gen), sizeof(*s));
	*s = (struct tw__gen_service){ gen->services, service, self };
	gen->services = s;
	return 0;
}

const struct tw_service *
tw_service_of(struct tw_gen *gen, const char *name, const struct tw_self **owner)
{
	for (const struct tw__gen_service *s = gen->services; s != NULL; s = s->next) {
		if (strcmp(s->service->name, name) != 0)
			continue;
		*owner = s->owner;
		return s->service;
	}
	return tw_service_find(name, owner);
}
